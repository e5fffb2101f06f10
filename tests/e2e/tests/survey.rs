//! Surveys of real servers, compared with what `openssl s_client` (one question a run) and `sslscan` find on the same server in the
//! same run, and counted at the server's side. Nothing here is compared with our own output. Long, because it is one
//! server after the other, each in many configurations.
//!
//! What each survey took: `cargo nextest run -p siptls-e2e --test survey --no-capture`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use siptls_e2e::{
    Answer, Client, ClientAuth, GnutlsServer, Haproxy, Kamailio, NssServer, OpensslRig, OpensslServer, Peer,
    Pki, Proxy, Responder, Role, Sslscan, Stunnel, Visit,
};
use siptls_model::{
    Acceptance, CipherSuite, ClientCertificateMode, Depth, NamedGroup, Observation, ProtocolVersion,
    RefusalCause, SipOutcome, SuitePreference, SurveyResult,
};
use siptls_wire::KeyExchange;

/// The BYOC list with OpenSSL's names.
const SUITES: [(u16, &str); 8] = [
    (0x0035, "AES256-SHA"),
    (0x003d, "AES256-SHA256"),
    (0x009c, "AES128-GCM-SHA256"),
    (0x009d, "AES256-GCM-SHA384"),
    (0xc014, "ECDHE-RSA-AES256-SHA"),
    (0xc028, "ECDHE-RSA-AES256-SHA384"),
    (0xc02f, "ECDHE-RSA-AES128-GCM-SHA256"),
    (0xc030, "ECDHE-RSA-AES256-GCM-SHA384"),
];

const GROUPS: [(NamedGroup, &str); 4] = [
    (NamedGroup::SECP256R1, "P-256"),
    (NamedGroup::SECP384R1, "P-384"),
    (NamedGroup::SECP521R1, "P-521"),
    (NamedGroup::X25519, "X25519"),
];

const VERSIONS: [(ProtocolVersion, &str, &str); 4] = [
    (ProtocolVersion::TLS_1_0, "-tls1", "1.0"),
    (ProtocolVersion::TLS_1_1, "-tls1_1", "1.1"),
    (ProtocolVersion::TLS_1_2, "-tls1_2", "1.2"),
    (ProtocolVersion::TLS_1_3, "-tls1_3", "1.3"),
];

/// What `s_client` knows of a suite, a group or a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Finished,
    /// A ServerHello, but the handshake was not finished.
    Chosen,
    Refused,
}

impl Truth {
    fn of(answer: &Answer) -> Self {
        let hello = answer
            .text
            .lines()
            .any(|line| line.starts_with("<<<") && line.trim_end().ends_with(", ServerHello"));
        match (answer.connected, hello) {
            (true, _) => Self::Finished,
            (false, true) => Self::Chosen,
            (false, false) => Self::Refused,
        }
    }

    const fn acceptance(self) -> Acceptance {
        match self {
            Self::Finished => Acceptance::Accepted,
            Self::Chosen => Acceptance::Selected,
            Self::Refused => Acceptance::Refused,
        }
    }
}

fn names() -> Vec<&'static str> {
    SUITES.iter().map(|(_, name)| *name).collect()
}

fn value<T: PartialEq>(values: &[(T, Acceptance)], key: &T) -> Acceptance {
    let found = values.iter().find(|(known, _)| known == key);
    found.expect("every value asked about is in the result").1
}

fn survey_of(seen: &Observation) -> &SurveyResult {
    seen.survey
        .as_deref()
        .expect("a visit at depth survey carries a survey")
}

/// A survey without pauses.
fn visit(address: SocketAddr) -> Visit {
    Visit::to(address).depth(Depth::Survey).spacing(Duration::ZERO)
}

/// A survey, counted at the server's side.
fn counted(server: &dyn Peer) -> Observation {
    let proxy = Proxy::to(server.address());
    let seen = visit(proxy.address()).make_one();
    let opened = usize::try_from(seen.connections_opened).expect("few connections");
    proxy.await_closed(opened);
    assert_eq!(
        proxy.connections(),
        opened,
        "what is said was opened, and what the server saw"
    );
    assert_eq!(proxy.most_established(), 1, "one connection at a time");
    seen
}

/// Surveys a server, asks both oracles about it, and compares all that all of them know.
fn compared(name: &str, server: &dyn Peer) -> Observation {
    compared_with(name, server, true)
}

fn compared_with(name: &str, server: &dyn Peer, scans: bool) -> Observation {
    let seen = counted(server);
    let survey = survey_of(&seen);
    assert_eq!(survey.stopped, None, "{name}");
    let client = Client::to(server.address());
    let scan = scans.then(|| Sslscan::of(server.address()));
    let insists = Truth::of(&client.ask()) == Truth::Chosen;
    // sslscan counts finished handshakes as suites, and offers static RSA too when it asks for groups.
    let scanned_suites = scan.as_ref().filter(|_| !insists).map(|scan| &scan.suites);
    let is_ecdhe = |code: &u16| {
        CipherSuite(*code)
            .key_exchange()
            .is_some_and(KeyExchange::is_ecdhe)
    };
    let scanned_groups = scan
        .as_ref()
        .filter(|scan| {
            !insists && (scan.suites.first().is_some_and(is_ecdhe) || !scan.suites.iter().any(is_ecdhe))
        })
        .map(|scan| &scan.groups);
    let mut faults = Vec::new();
    let mut facts = 0;
    let mut check = |what: String, agrees: bool, found: String| {
        facts += 1;
        if !agrees {
            faults.push(format!("{what}: {found}"));
        }
    };

    let mut accepted = Vec::new();
    assert_eq!(survey.cipher_suites.len(), SUITES.len(), "{name}");
    for (code, suite) in SUITES {
        let found = value(&survey.cipher_suites, &CipherSuite(code));
        let truth = Truth::of(&client.clone().ciphers(suite).groups("P-384").ask());
        check(
            format!("{suite} by s_client"),
            found == truth.acceptance(),
            format!("{found:?}, truly {truth:?}"),
        );
        if truth != Truth::Refused {
            accepted.push(suite);
        }
        // sslscan offers its suites with every group.
        let with_group = scanned_groups.is_some_and(|groups| groups.contains(&NamedGroup::SECP384R1.0));
        if let Some(suites) = scanned_suites.filter(|_| !suite.starts_with("ECDHE") || with_group) {
            let scanned = suites.contains(&code);
            check(
                format!("{suite} by sslscan"),
                found.is_accepted() == Some(scanned),
                format!("{found:?}, {scanned}"),
            );
        }
    }
    for (group, openssl) in GROUPS {
        let found = value(&survey.groups, &group);
        let truth = Truth::of(&client.clone().ciphers("kECDHE:!aNULL").groups(openssl).ask());
        let agrees = match truth {
            Truth::Refused => found == Acceptance::Refused,
            // A group of which only the cause of a refusal is known was not finished.
            Truth::Finished if survey.refusal_cause.is_some() => found.is_accepted() == Some(true),
            Truth::Finished | Truth::Chosen => found == truth.acceptance(),
        };
        check(
            format!("{openssl} by s_client"),
            agrees,
            format!("{found:?}, truly {truth:?}"),
        );
        if let Some(groups) = scanned_groups {
            let scanned = groups.contains(&group.0);
            check(
                format!("{openssl} by sslscan"),
                found.is_accepted() == Some(scanned),
                format!("{found:?}, {scanned}"),
            );
        }
    }
    for (version, flag, sslscan) in VERSIONS {
        let found = value(&survey.versions, &version);
        let answer = client.clone().version(flag).ask();
        // An answer of another version than the one asked about is ended by s_client itself.
        let truth = if answer.text.contains(", fatal protocol_version") {
            Truth::Refused
        } else {
            Truth::of(&answer)
        };
        let finished_here = version == ProtocolVersion::TLS_1_2 && survey.refusal_cause.is_none();
        let expected = match truth {
            Truth::Finished if finished_here => Acceptance::Accepted,
            Truth::Finished | Truth::Chosen => Acceptance::Selected,
            Truth::Refused => Acceptance::Refused,
        };
        check(
            format!("{version} by s_client"),
            found == expected,
            format!("{found:?}, truly {truth:?}"),
        );
        if let Some(scan) = &scan {
            let scanned = scan.versions.iter().any(|enabled| enabled == sslscan);
            check(
                format!("{version} by sslscan"),
                found.is_accepted() == Some(scanned),
                format!("{found:?}, {scanned}"),
            );
        }
    }
    if let [first, .., last] = accepted[..] {
        let pick = |order: Vec<&str>| client.clone().ciphers(&order.join(":")).groups("P-384").ask();
        let backwards = accepted.iter().rev().copied().collect();
        let picks = [pick(accepted.clone()), pick(backwards)].map(|answer| answer.cipher);
        // Who insists on a certificate leaves s_client without a name.
        if let [Some(forwards), Some(backwards)] = &picks {
            let truth = if forwards == backwards {
                SuitePreference::Server
            } else {
                SuitePreference::Client
            };
            let found = survey.suite_preference;
            check(
                format!("preference, {first} to {last}"),
                found == truth,
                format!("{found:?}, truly {truth:?}"),
            );
        }
    }
    let others = client
        .clone()
        .ciphers("kECDHE:!aNULL")
        .groups("P-256:P-521:X25519")
        .ask();
    let secp384r1 = value(&survey.groups, &NamedGroup::SECP384R1).is_accepted() == Some(true);
    let alert = survey.without_profile_groups.map(|alert| alert.0);
    let truth = others
        .alert
        .filter(|_| secp384r1 && Truth::of(&others) == Truth::Refused);
    check(
        "alert without secp384r1".to_owned(),
        alert == truth,
        format!("{alert:?}, truly {truth:?}"),
    );

    #[expect(clippy::print_stdout, reason = "the table is read with --no-capture")]
    {
        println!(
            "{name}: {} connections; {} of {facts} facts agree; {} of 8 suites; preference {:?}; cause {:?}",
            seen.connections_opened,
            facts - faults.len(),
            accepted.len(),
            survey.suite_preference,
            survey.refusal_cause,
        );
    }
    assert!(
        faults.is_empty(),
        "{name}: {faults:#?}\n{survey:#?}\n{}",
        scan.map(|scan| scan.text).unwrap_or_default()
    );
    seen
}

/// `s_server` that answers something, so that OPTIONS is not waited for.
fn openssl(ciphers: &str, groups: &str) -> OpensslRig {
    OpensslServer::new(Pki::shared().identity(Role::Good))
        .ciphers(ciphers)
        .groups(groups)
        .reversing()
}

/// `s_server` with an ECDSA key, which it prefers, and an RSA key; suites for both, no static RSA.
fn both_keys(groups: &str) -> OpensslRig {
    let rsa = Pki::shared().identity(Role::Good);
    let path = |path: &Path| path.to_str().expect("a readable path").to_owned();
    OpensslServer::new(Pki::shared().identity(Role::GoodP256))
        .ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256")
        .groups(groups)
        .argument("-serverpref")
        .argument("-dcert")
        .argument(&path(&rsa.certificate))
        .argument("-dkey")
        .argument(&path(&rsa.key))
        .reversing()
}

#[test]
fn a_full_survey_of_openssl_takes_at_most_twelve_connections_and_finishes_every_suite() {
    for (mode, expected) in [
        (ClientAuth::Optional, ClientCertificateMode::Optional),
        (ClientAuth::None, ClientCertificateMode::NotRequested),
    ] {
        let server = openssl(&names().join(":"), "P-384").client_auth(mode).start();
        let seen = compared(&format!("OpenSSL, all eight, P-384, {mode:?}"), &server);
        let survey = survey_of(&seen);
        assert!(
            seen.connections_opened <= 12,
            "{} connections",
            seen.connections_opened
        );
        let reference = seen.reference.as_ref().expect("a survey has a reference client");
        assert_eq!(reference.connects, Some(true), "{reference}");
        assert!(
            survey
                .cipher_suites
                .iter()
                .all(|(_, found)| *found == Acceptance::Accepted),
            "{survey:?}"
        );
        // The same report carries the chain, the request and OPTIONS.
        assert_eq!(seen.chain.as_ref().map(|chain| chain.entries.len()), Some(2));
        assert_eq!(
            seen.handshake
                .as_ref()
                .map(|handshake| handshake.client_certificate.mode),
            Some(expected)
        );
        assert!(!matches!(seen.sip, SipOutcome::NotSent), "{:?}", seen.sip);
    }
}

/// With a budget that is too small the survey ends in its midst, or is a visit and no more; neither changes what the visit found.
#[test]
fn a_survey_ends_with_the_budget_and_does_not_begin_with_too_little() {
    let server = openssl(&names().join(":"), "P-384").start();
    let unknown = |survey: &SurveyResult| {
        let suites = survey.cipher_suites.iter();
        suites.filter(|(_, found)| *found == Acceptance::Unknown).count()
    };
    for (budget, connections, asked, stopped) in [
        (
            9,
            9,
            8,
            "the budget of 9 connections an hour to this address is used up",
        ),
        (
            7,
            1,
            0,
            "7 of the budget of 7 connections an hour to this address are left, and a survey takes 8 or more",
        ),
    ] {
        let proxy = Proxy::to(server.address());
        let seen = visit(proxy.address()).connections_per_hour(budget).make_one();
        proxy.await_closed(connections);
        assert_eq!(proxy.connections(), connections);
        assert_eq!(usize::try_from(seen.connections_opened), Ok(connections));
        let survey = survey_of(&seen);
        assert_eq!(survey.stopped.as_deref(), Some(stopped));
        assert_eq!(unknown(survey), 8 - asked);
        assert!(
            seen.handshake
                .as_ref()
                .is_some_and(|handshake| handshake.completed)
        );
        let profile = siptls_catalog::profile(siptls_catalog::DEFAULT_PROFILE).expect("the default profile");
        let judge = siptls_policy::Judge::new(profile, None, &seen.target);
        let routine = Observation {
            survey: None,
            ..seen.clone()
        };
        let verdict = |seen: &Observation| {
            judge
                .judge_visit(std::slice::from_ref(seen), seen.started_at)
                .remove(0)
                .verdict
        };
        assert_eq!(verdict(&seen), verdict(&routine));
    }
}

#[test]
fn openssl_in_many_configurations() {
    let all = names().join(":");
    let rsa = names()[..4].join(":");
    let ecdhe = names()[4..].join(":");
    let required = ClientAuth::Required;
    for (name, rig) in [
        ("its own order", openssl(&all, "P-384").argument("-serverpref")),
        (
            "its own other order",
            openssl(&names().into_iter().rev().collect::<Vec<_>>().join(":"), "P-384")
                .argument("-serverpref"),
        ),
        ("static RSA only", openssl(&rsa, "P-384")),
        ("ECDHE only", openssl(&ecdhe, "P-384")),
        ("one suite", openssl("ECDHE-RSA-AES256-GCM-SHA384", "P-384")),
        (
            "two suites",
            openssl("ECDHE-RSA-AES256-GCM-SHA384:AES256-SHA", "P-384"),
        ),
        (
            "two suites, its own order",
            openssl("AES256-SHA:ECDHE-RSA-AES256-GCM-SHA384", "P-384").argument("-serverpref"),
        ),
        (
            "two suites, its own other order",
            openssl("ECDHE-RSA-AES256-GCM-SHA384:AES256-SHA", "P-384").argument("-serverpref"),
        ),
        (
            "three suites, its own order that looks like the client's",
            openssl("AES256-SHA:AES256-GCM-SHA384:AES128-GCM-SHA256", "P-384").argument("-serverpref"),
        ),
        (
            "three suites",
            openssl("AES256-SHA:AES256-GCM-SHA384:AES128-GCM-SHA256", "P-384"),
        ),
        ("four groups", openssl(&all, "P-256:P-384:P-521:X25519")),
        (
            "two groups, its own order",
            openssl(&all, "X25519:P-384").argument("-serverpref"),
        ),
        ("no secp384r1", openssl(&all, "P-256:X25519")),
        (
            "everything it has",
            openssl("ALL", "P-256:P-384:P-521:X25519").version("-no_ssl3"),
        ),
        ("all versions", openssl(&all, "P-384").version("-no_ssl3")),
        (
            "TLS 1.2 and 1.3",
            openssl(&all, "P-384").version("-no_tls1").argument("-no_tls1_1"),
        ),
        (
            "TLS 1.0 and 1.2",
            openssl(&all, "P-384")
                .version("-no_tls1_1")
                .argument("-no_tls1_3"),
        ),
        ("required", openssl(&all, "P-384").client_auth(required)),
        (
            "required, four groups, all versions",
            openssl(&all, "P-256:P-384:P-521:X25519")
                .version("-no_ssl3")
                .client_auth(required),
        ),
        (
            "without EMS and EtM",
            openssl(&all, "P-384").without_ems().without_etm(),
        ),
    ] {
        compared(&format!("OpenSSL, {name}"), &rig.start());
    }
}

#[test]
fn the_cause_of_a_refusal_is_named() {
    let good = Pki::shared().identity(Role::Good);
    let p256 = Pki::shared().identity(Role::GoodP256);
    let p384 = Pki::shared().identity(Role::GoodP384);
    let server = |identity, ciphers: &str, groups: &str| {
        OpensslServer::new(identity)
            .ciphers(ciphers)
            .groups(groups)
            .reversing()
    };
    for (name, rig, cause) in [
        (
            "RSA and ECDSA, no P-384",
            both_keys("P-256:X25519"),
            RefusalCause::Group,
        ),
        (
            "ECDSA, no P-384",
            server(p256, "ALL:!aNULL", "P-256:X25519"),
            RefusalCause::KeyType,
        ),
        (
            "ECDSA on P-256",
            server(p256, "ALL:!aNULL", "P-256:P-384"),
            RefusalCause::KeyType,
        ),
        (
            "ECDSA on P-384",
            server(p384, "ALL:!aNULL", "P-384"),
            RefusalCause::KeyType,
        ),
        (
            "ECDHE on P-256 alone",
            server(good, "ECDHE-RSA-AES256-GCM-SHA384", "P-256"),
            RefusalCause::Group,
        ),
        (
            "foreign suites",
            server(good, "AES128-SHA:ECDHE-RSA-AES128-SHA", "P-384"),
            RefusalCause::CipherSuite,
        ),
        (
            "TLS 1.3 alone",
            server(good, "ALL", "P-384").version("-tls1_3"),
            RefusalCause::Version,
        ),
        (
            "TLS 1.1 alone",
            server(good, "ALL", "P-384").version("-tls1_1"),
            RefusalCause::Version,
        ),
    ] {
        let seen = counted(&rig.start());
        let survey = survey_of(&seen);
        assert_eq!(survey.refusal_cause, Some(cause), "{name}: {survey:#?}");
    }
}

#[test]
fn refusing_servers_compared() {
    let good = Pki::shared().identity(Role::Good);
    let p256 = Pki::shared().identity(Role::GoodP256);
    let p384 = Pki::shared().identity(Role::GoodP384);
    let server = |identity, ciphers: &str, groups: &str| {
        OpensslServer::new(identity)
            .ciphers(ciphers)
            .groups(groups)
            .reversing()
    };
    for (name, rig) in [
        ("RSA and ECDSA, no P-384", both_keys("P-256:X25519")),
        ("RSA and ECDSA", both_keys("P-256:P-384")),
        ("ECDSA on P-256", server(p256, "ALL:!aNULL", "P-256")),
        ("ECDSA on P-384", server(p384, "ALL:!aNULL", "P-384")),
        (
            "ECDHE on P-256 alone",
            server(good, "ECDHE-RSA-AES256-GCM-SHA384", "P-256"),
        ),
        (
            "foreign suites",
            server(good, "AES128-SHA:ECDHE-RSA-AES128-SHA", "P-384"),
        ),
        ("TLS 1.3 alone", server(good, "ALL", "P-384").version("-tls1_3")),
    ] {
        compared(&format!("OpenSSL, {name}"), &rig.start());
    }
}

#[test]
fn gnutls() {
    let identity = Pki::shared().identity(Role::Good);
    for (name, priority, mode) in [
        ("its own choice", GnutlsServer::PRIORITY, ClientAuth::Optional),
        (
            "its own order, secp384r1, required",
            "NORMAL:-VERS-ALL:+VERS-TLS1.2:+RSA:-GROUP-ALL:+GROUP-SECP384R1:%SERVER_PRECEDENCE",
            ClientAuth::Required,
        ),
        (
            "TLS 1.0 to 1.3",
            "NORMAL:+VERS-TLS1.1:+VERS-TLS1.0:+RSA",
            ClientAuth::None,
        ),
    ] {
        compared(
            &format!("GnuTLS, {name}"),
            &GnutlsServer::start(identity, priority, mode),
        );
    }
}

#[test]
fn nss() {
    let identity = Pki::shared().identity(Role::Good);
    let suites = [0xc030, 0xc02f, 0x009d, 0x0035];
    for (name, server) in [
        (
            "its own choice",
            NssServer::start(identity, None, None, ClientAuth::None),
        ),
        (
            "four suites, P384, optional",
            NssServer::start(identity, Some(&suites), Some("P384"), ClientAuth::Optional),
        ),
        (
            "four suites, required",
            NssServer::start(identity, Some(&suites), Some("P384,x25519"), ClientAuth::Required),
        ),
    ] {
        // sslscan does not end against it.
        compared_with(&format!("NSS, {name}"), &server, false);
    }
}

#[test]
fn kamailio() {
    let identity = Pki::shared().identity(Role::Good);
    let all = names().join(":");
    for (name, ciphers, mode) in [
        ("its own choice", None, ClientAuth::Optional),
        ("all eight, required", Some(all.as_str()), ClientAuth::Required),
    ] {
        let server = Kamailio::start(identity, ciphers, mode);
        let seen = compared(&format!("Kamailio, {name}"), &server);
        if mode == ClientAuth::Optional {
            assert_eq!(
                seen.sip.answer().map(|answer| answer.status),
                Some(200),
                "{:?}",
                seen.sip
            );
        }
    }
}

#[test]
fn haproxy_and_stunnel() {
    let identity = Pki::shared().identity(Role::Good);
    let sip = Responder::sip();
    for mode in [ClientAuth::Optional, ClientAuth::Required] {
        let server = Haproxy::start(identity, mode, Some(sip.address()));
        compared(&format!("HAProxy, {mode:?}"), &server);
        let server = Stunnel::start(identity, mode, sip.address());
        compared(&format!("stunnel, {mode:?}"), &server);
    }
}

/// What a peer does with a connection that it does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Closes,
    Resets,
    Silent,
}

/// A relay in front of a server that serves some connections, by their number, and not the others.
struct Moody {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Moody {
    fn before(server: SocketAddr, mood: Mood, serves: impl Fn(usize) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a relay");
        let address = listener.local_addr().expect("the relay has an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serves(counter.fetch_add(1, Ordering::SeqCst)) {
                    relay(client, server);
                } else {
                    thread::spawn(move || turn_away(client, mood));
                }
            }
        });
        Self { address, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn turn_away(mut client: TcpStream, mood: Mood) {
    match mood {
        Mood::Closes => {
            while client.shutdown(Shutdown::Write).is_ok()
                && client.read(&mut [0; 4_096]).is_ok_and(|read| read > 0)
            {}
        }
        // A socket closed with something unread in it is reset.
        Mood::Resets => {
            let _ = client.peek(&mut [0]);
        }
        Mood::Silent => while let Ok(1..) = client.read(&mut [0; 4_096]) {},
    }
}

fn relay(client: TcpStream, server: SocketAddr) {
    let server = TcpStream::connect(server).expect("the server listens");
    for (mut from, mut to) in [(&client, &server), (&server, &client)].map(|(from, to)| {
        (
            from.try_clone().expect("a socket"),
            to.try_clone().expect("a socket"),
        )
    }) {
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

fn all_of(survey: &SurveyResult) -> Vec<(String, Acceptance)> {
    let versions = survey
        .versions
        .iter()
        .map(|(version, found)| (version.to_string(), *found));
    let suites = survey
        .cipher_suites
        .iter()
        .map(|(suite, found)| (suite.to_string(), *found));
    let groups = survey
        .groups
        .iter()
        .map(|(group, found)| (group.to_string(), *found));
    versions.chain(suites).chain(groups).collect()
}

#[test]
fn a_peer_that_stops_answering_is_left_alone_and_has_refused_nothing() {
    let server = openssl(&names().join(":"), "P-384").start();
    for mood in [Mood::Closes, Mood::Resets, Mood::Silent] {
        for served in [1, 4, 8] {
            let moody = Moody::before(server.address(), mood, move |number| number < served);
            let seen = visit(moody.address).timeout(Duration::from_secs(1)).make_one();
            let survey = survey_of(&seen);
            let what = format!("{mood:?} after {served}: {survey:#?}");
            assert!(
                survey
                    .stopped
                    .as_ref()
                    .is_some_and(|why| why.contains("blocking")),
                "{what}"
            );
            assert_eq!(
                moody.connections(),
                served + 4,
                "two questions, asked twice each: {what}"
            );
            assert_eq!(
                usize::try_from(seen.connections_opened),
                Ok(moody.connections()),
                "{what}"
            );
            let found = all_of(survey);
            assert!(
                found.iter().all(|(_, found)| *found != Acceptance::Refused),
                "{what}"
            );
            let accepted = survey
                .cipher_suites
                .iter()
                .filter(|(_, found)| *found == Acceptance::Accepted)
                .count();
            assert_eq!(accepted, served, "{what}");
            let unknown = found
                .iter()
                .filter(|(_, found)| *found == Acceptance::Unknown)
                .count();
            // TLS 1.2, a suite for each connection, and the group of the ECDHE among them.
            let known = found.len() - unknown;
            assert!((served + 1..=served + 2).contains(&known), "{what}");
        }
    }
}

#[test]
fn a_peer_that_never_answers_is_asked_twice() {
    for mood in [Mood::Closes, Mood::Resets, Mood::Silent] {
        let server = Responder::silent();
        let moody = Moody::before(server.address(), mood, |_| false);
        let seen = visit(moody.address).timeout(Duration::from_secs(1)).make_one();
        let survey = survey_of(&seen);
        assert_eq!(
            (moody.connections(), seen.connections_opened),
            (2, 2),
            "{mood:?}: {survey:#?}"
        );
        assert!(survey.stopped.is_some(), "{mood:?}: {survey:#?}");
        assert!(
            all_of(survey)
                .iter()
                .all(|(_, found)| *found == Acceptance::Unknown),
            "{mood:?}: {survey:#?}"
        );
    }
}

#[test]
fn a_single_glitch_changes_nothing() {
    let server = openssl(&names().join(":"), "P-384").start();
    let truth = counted(&server);
    let clean = usize::try_from(truth.connections_opened).expect("few connections");
    for mood in [Mood::Closes, Mood::Resets] {
        for glitch in 0..clean {
            let moody = Moody::before(server.address(), mood, move |number| number != glitch);
            let seen = visit(moody.address).make_one();
            assert_eq!(survey_of(&seen), survey_of(&truth), "{mood:?} at {glitch}");
            assert_eq!(moody.connections(), clean + 1, "{mood:?} at {glitch}");
        }
    }
}
