//! Rehearsals of removal day with real servers: which client certificates does each accept? Every attempt is compared with what
//! `openssl s_client -cert -key` experiences on the same server in the same run, and connections are counted at the server.
//!
//! The table of results: `cargo nextest run -p siptls-e2e --test rehearsal --no-capture`.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use siptls_e2e::{
    Client, ClientAuth, GnutlsServer, Haproxy, Identity, Kamailio, NssServer, OpensslServer, Peer, Pki,
    Proxy, Responder, Role, Stunnel, Visit,
};
use siptls_model::{
    Acceptance, AlertDescription, Attempt, AttemptResult, ClientCertificateMode, Depth, Observation, Reason,
    Rehearsal,
};

/// Whom every server is shown, besides nobody.
const ROLES: [Role; 4] = [
    Role::ClientBothEkus,
    Role::ClientServerAuthOnly,
    Role::ClientUnknownRoot,
    Role::ClientExpired,
];

fn identities() -> [&'static Identity; 4] {
    ROLES.map(|role| Pki::shared().identity(role))
}

fn rehearsal(seen: &Observation) -> &Rehearsal {
    seen.rehearsal
        .as_deref()
        .unwrap_or_else(|| panic!("expected a rehearsal, found {:?}", seen.error))
}

fn visit(address: SocketAddr) -> Visit {
    Visit::to(address)
        .spacing(Duration::ZERO)
        .timeout(Duration::from_secs(5))
}

/// Rehearses with a server in one of its modes, asks `s_client` for each attempt, and writes a line of the table for each.
fn compared(table: &mut String, name: &str, mode: ClientAuth, server: &dyn Peer) -> Vec<AttemptResult> {
    let proxy = Proxy::to(server.address());
    let seen = visit(proxy.address()).rehearsing(&identities()).make_one();
    let opened = usize::try_from(seen.connections_opened).expect("few connections");
    proxy.await_closed(opened);
    assert_eq!(
        proxy.connections(),
        opened,
        "{name} {mode:?}: as said and as counted"
    );
    assert_eq!(proxy.most_established(), 1, "{name} {mode:?}: one at a time");

    let rehearsed = rehearsal(&seen);
    let expected_mode = match mode {
        ClientAuth::None => ClientCertificateMode::NotRequested,
        ClientAuth::Optional => ClientCertificateMode::Optional,
        ClientAuth::Required => ClientCertificateMode::Required,
    };
    assert_eq!(rehearsed.mode, expected_mode, "{name}");
    let (without, with) = rehearsed.attempts.split_first().expect("the visit itself");
    assert_eq!(without.identity, None);
    let expected = match mode {
        ClientAuth::Required => AttemptResult::Refused,
        ClientAuth::None | ClientAuth::Optional => AttemptResult::Accepted,
    };
    assert_eq!(without.result, expected, "{name} {mode:?}");
    if mode == ClientAuth::None {
        assert!(with.is_empty() && opened == 1, "{name}: nothing more is opened");
        let _ = writeln!(table, "{name:9} none      (nothing)             does not ask");
        return Vec::new();
    }
    assert_eq!(with.len(), ROLES.len());
    line(table, name, mode, "(nothing)", without);
    for (role, attempt) in ROLES.into_iter().zip(with) {
        let truth = Client::to(server.address())
            .groups("P-384")
            .identity(Pki::shared().identity(role))
            .ask();
        let case = format!("{name} {mode:?} {role:?}: {attempt:?}\n{}", truth.text);
        assert_eq!(
            (attempt.result, attempt.alert.map(|alert| alert.0)),
            match truth.connected {
                true => (AttemptResult::Accepted, None),
                false => (AttemptResult::Refused, truth.alert),
            },
            "{case}"
        );
        assert_eq!(attempt.completed, truth.connected, "{case}");
        // NSS's names are those of all the roots it has for clients, which are the tests' own.
        let names = !truth.certificate_authorities.is_empty();
        let listed = names.then_some(role != Role::ClientUnknownRoot);
        assert_eq!(attempt.issuer_listed, listed, "{case}");
        assert_eq!(attempt.key_usable, Some(true), "{case}");
        let presented = attempt.presented.as_ref().map(|chain| chain.entries.len());
        assert_eq!(presented, Some(2), "{case}");
        line(table, name, mode, &format!("{role:?}"), attempt);
    }
    with.iter().map(|attempt| attempt.result).collect()
}

fn line(table: &mut String, name: &str, mode: ClientAuth, identity: &str, attempt: &Attempt) {
    let alert = attempt.alert.map(|alert| format!("{alert} ({})", alert.0));
    let mode = format!("{mode:?}").to_lowercase();
    let _ = writeln!(
        table,
        "{name:9} {mode:9} {identity:21} {:9} {}",
        attempt.result.code(),
        alert.unwrap_or_default()
    );
}

#[expect(clippy::print_stdout, reason = "the table is read with --no-capture")]
fn show(table: &str) {
    println!("{table}");
}

use AttemptResult::{Accepted, Refused};

/// What verifies the purpose refuses serverAuth alone; what does not, does not.
const BY_PURPOSE: [AttemptResult; 4] = [Accepted, Refused, Refused, Refused];
const WITHOUT_PURPOSE: [AttemptResult; 4] = [Accepted, Accepted, Refused, Refused];

#[test]
fn openssl() {
    let mut table = String::new();
    for mode in ClientAuth::ALL {
        let rig = OpensslServer::new(Pki::shared().identity(Role::Good))
            .reversing()
            .client_auth(mode);
        let results = compared(&mut table, "OpenSSL", mode, &rig.start());
        assert!(mode == ClientAuth::None || results == BY_PURPOSE, "{table}");
    }
    show(&table);
}

#[test]
fn gnutls() {
    let mut table = String::new();
    for mode in ClientAuth::ALL {
        let server = GnutlsServer::web(Pki::shared().identity(Role::Good), GnutlsServer::PRIORITY, mode);
        let results = compared(&mut table, "GnuTLS", mode, &server);
        assert!(mode == ClientAuth::None || results == WITHOUT_PURPOSE, "{table}");
    }
    show(&table);
}

#[test]
fn nss() {
    let mut table = String::new();
    for mode in ClientAuth::ALL {
        let server = NssServer::start(Pki::shared().identity(Role::Good), None, None, mode);
        let results = compared(&mut table, "NSS", mode, &server);
        assert!(mode == ClientAuth::None || results == BY_PURPOSE, "{table}");
    }
    show(&table);
}

#[test]
fn kamailio() {
    let mut table = String::new();
    for mode in ClientAuth::ALL {
        let server = Kamailio::start(Pki::shared().identity(Role::Good), None, mode);
        let results = compared(&mut table, "Kamailio", mode, &server);
        assert!(mode == ClientAuth::None || results == BY_PURPOSE, "{table}");
    }
    show(&table);
}

#[test]
fn haproxy() {
    let mut table = String::new();
    let sip = Responder::sip();
    for mode in ClientAuth::ALL {
        let server = Haproxy::start(Pki::shared().identity(Role::Good), mode, Some(sip.address()));
        let results = compared(&mut table, "HAProxy", mode, &server);
        assert!(mode == ClientAuth::None || results == BY_PURPOSE, "{table}");
    }
    show(&table);
}

#[test]
fn stunnel() {
    let mut table = String::new();
    let sip = Responder::sip();
    for mode in ClientAuth::ALL {
        let server = Stunnel::start(Pki::shared().identity(Role::Good), mode, sip.address());
        let results = compared(&mut table, "stunnel", mode, &server);
        assert!(mode == ClientAuth::None || results == BY_PURPOSE, "{table}");
    }
    show(&table);
}

/// A SIP server answers OPTIONS on the connection that presented a certificate.
#[test]
fn an_accepted_identity_gets_its_answer_to_options() {
    let server = Kamailio::start(Pki::shared().identity(Role::Good), None, ClientAuth::Required);
    let seen = visit(server.address())
        .rehearsing(&[Pki::shared().identity(Role::ClientBothEkus)])
        .make_one();
    let attempts = &rehearsal(&seen).attempts;
    assert_eq!(
        (attempts[0].sip_status, attempts[1].sip_status),
        (None, Some(200))
    );
    assert_eq!(attempts[0].alert, Some(AlertDescription::HANDSHAKE_FAILURE));
    assert_eq!(attempts[1].error, None);
}

/// With an identity that is accepted, the suites of a server that insists on one are finished and not merely selected.
#[test]
fn a_full_survey_with_three_identities_is_counted_at_the_server() {
    let all = "AES256-SHA:AES256-SHA256:AES128-GCM-SHA256:AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA:\
               ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384";
    let three = [
        Role::ClientServerAuthOnly,
        Role::ClientBothEkus,
        Role::ClientUnknownRoot,
    ]
    .map(|role| Pki::shared().identity(role));
    let mut counts = Vec::new();
    for (mode, identities, acceptance) in [
        (ClientAuth::Required, &three[..], Acceptance::Accepted),
        (ClientAuth::Required, &[], Acceptance::Selected),
        (ClientAuth::Required, &three[..1], Acceptance::Selected),
        (ClientAuth::Optional, &three[..], Acceptance::Accepted),
        (ClientAuth::None, &three[..], Acceptance::Accepted),
    ] {
        let server = OpensslServer::new(Pki::shared().identity(Role::Good))
            .ciphers(all)
            .groups("P-384")
            .reversing()
            .client_auth(mode)
            .start();
        let proxy = Proxy::to(server.address());
        let seen = visit(proxy.address())
            .depth(Depth::Survey)
            .rehearsing(identities)
            .make_one();
        let opened = usize::try_from(seen.connections_opened).expect("few connections");
        proxy.await_closed(opened);
        assert_eq!((proxy.connections(), proxy.most_established()), (opened, 1));
        let survey = seen.survey.as_deref().expect("a survey");
        assert_eq!(survey.stopped, None);
        for (suite, found) in &survey.cipher_suites {
            assert_eq!(*found, acceptance, "{mode:?} {} {suite}", identities.len());
        }
        assert_eq!(seen.rehearsal.is_some(), !identities.is_empty());
        counts.push(opened);
    }
    let [insists, bare, one, asks, silent] = counts[..] else {
        panic!("expected five surveys, found {counts:?}");
    };
    // Each identity is one connection, and a server that does not ask costs none.
    assert_eq!(
        (insists, one, asks, silent),
        (bare + 3, bare + 1, bare + 3, bare),
        "{counts:?}"
    );
    assert!(insists <= 15, "{counts:?}");
    show(&format!(
        "connections of a survey, required with 3, 0, 1 identities, optional with 3, none with 3: {counts:?}"
    ));
}

/// One retry for a glitch, and no third time; whoever stops answering altogether is left alone.
#[test]
fn a_peer_that_stops_answering_is_left_alone() {
    let server = OpensslServer::new(Pki::shared().identity(Role::Good))
        .reversing()
        .client_auth(ClientAuth::Required)
        .start();
    let proxy = Proxy::to(server.address());
    let silent = Responder::silent();
    // The visit meets the server, whoever comes after it meets silence.
    let turned = std::thread::scope(|scope| {
        scope.spawn(|| {
            siptls_e2e::until("the visit to begin", siptls_e2e::DEADLINE, || {
                (proxy.connections() > 0).then_some(())
            });
            proxy.redirect(silent.address());
        });
        visit(proxy.address())
            .timeout(Duration::from_millis(1_500))
            .spacing(Duration::from_millis(100))
            .rehearsing(&identities())
            .make_one()
    });
    let [_, first, rest @ ..] = rehearsal(&turned).attempts.as_slice() else {
        panic!("expected attempts, found {turned:?}");
    };
    assert_eq!(first.result, AttemptResult::Unknown);
    assert_eq!(
        first.error.as_ref().map(|error| error.reason),
        Some(Reason::TlsTimeout)
    );
    assert_eq!(rest.len(), 3);
    for attempt in rest {
        assert_eq!((attempt.result, &attempt.error), (AttemptResult::Unknown, &None));
        assert!(
            attempt.evidence.contains("may be blocking us"),
            "{}",
            attempt.evidence
        );
    }
    assert_eq!(
        turned.connections_opened, 3,
        "the visit, one attempt and its retry"
    );
}

/// A key that cannot sign as the server asks is not presented, and no connection is made for it.
#[test]
fn a_key_that_does_not_fit_the_request_is_not_presented() {
    let server = OpensslServer::new(Pki::shared().identity(Role::Good))
        .reversing()
        .client_auth(ClientAuth::Required)
        .argument("-client_sigalgs")
        .argument("RSA+SHA256")
        .start();
    let folder = tempfile::tempdir().expect("make a temporary folder");
    let leaf = siptls_e2e::Leaf::named("client.example.test")
        .purposes("serverAuth,clientAuth")
        .key(siptls_e2e::Key::P384);
    let ecdsa = Pki::shared().issue(folder.path(), "ecdsa", &leaf);
    let seen = visit(server.address())
        .rehearsing(&[&ecdsa, Pki::shared().identity(Role::ClientBothEkus)])
        .make_one();
    let attempts = &rehearsal(&seen).attempts;
    assert_eq!(
        (attempts[1].result, attempts[1].key_usable, attempts[1].completed),
        (AttemptResult::Unknown, Some(false), false)
    );
    assert!(
        attempts[1]
            .evidence
            .starts_with("not presented: its key cannot sign")
    );
    assert_eq!(
        (attempts[2].result, attempts[2].key_usable),
        (Accepted, Some(true))
    );
    assert_eq!(seen.connections_opened, 2);
}
