//! The oracle matrix: the prober against every TLS stack we can get, each fact compared with `openssl s_client` on the same server
//! and with tshark's decode of the visit itself. Nothing here is compared with our own output.
//!
//! Suite × client-certificate mode × extended master secret, for each peer. Where a server can be told its suite, the whole offer
//! is made and the server chooses; where it cannot, one suite is offered. See the counts: `cargo nextest run -p siptls-e2e
//! --test matrix --no-capture`.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use siptls_e2e::{
    Answer, Client, ClientAuth, Direction, GnutlsServer, Haproxy, Kamailio, NssServer, OpensslServer, Peer,
    Pki, Proxy, Recording, Responder, Role, Stunnel, Tshark, Visit, complete,
};
use siptls_model::{
    AlertDescription, CipherSuite, ClientCertificateMode, ExtensionType, Handshake, NamedGroup, Observation,
    Phase, ProtocolVersion, Reason, SipOutcome,
};

/// A suite of the BYOC list.
struct Suite {
    code: u16,
    /// OpenSSL's name.
    openssl: &'static str,
    /// What GnuTLS makes it of: key exchange, cipher, MAC.
    gnutls: &'static str,
    /// NSS has it.
    nss: bool,
}

const SUITES: [Suite; 8] = [
    suite(0x0035, "AES256-SHA", "+RSA:+AES-256-CBC:+SHA1", true),
    suite(0x003d, "AES256-SHA256", "+RSA:+AES-256-CBC:+SHA256", true),
    suite(0x009c, "AES128-GCM-SHA256", "+RSA:+AES-128-GCM:+AEAD", true),
    suite(0x009d, "AES256-GCM-SHA384", "+RSA:+AES-256-GCM:+AEAD", true),
    suite(
        0xc014,
        "ECDHE-RSA-AES256-SHA",
        "+ECDHE-RSA:+AES-256-CBC:+SHA1",
        true,
    ),
    suite(
        0xc028,
        "ECDHE-RSA-AES256-SHA384",
        "+ECDHE-RSA:+AES-256-CBC:+SHA384",
        false,
    ),
    suite(
        0xc02f,
        "ECDHE-RSA-AES128-GCM-SHA256",
        "+ECDHE-RSA:+AES-128-GCM:+AEAD",
        true,
    ),
    suite(
        0xc030,
        "ECDHE-RSA-AES256-GCM-SHA384",
        "+ECDHE-RSA:+AES-256-GCM:+AEAD",
        true,
    ),
];

const fn suite(code: u16, openssl: &'static str, gnutls: &'static str, nss: bool) -> Suite {
    Suite {
        code,
        openssl,
        gnutls,
        nss,
    }
}

/// Extended master secret: agreed, or not.
const EMS: [bool; 2] = [true, false];

/// How a peer answers OPTIONS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sip {
    /// With 200.
    Answers,
    /// With something that is no SIP.
    Babbles,
}

/// One visit, and what the others say about it.
struct Case {
    name: String,
    suite: u16,
    /// The visit offered extended master secret.
    ems_offered: bool,
    /// The server, asked by a client that offers it, agrees to extended master secret.
    ems_server: bool,
    sip: Sip,
    seen: Observation,
    recording: Recording,
    /// `s_client` without a certificate.
    bare: Answer,
    /// `s_client` with a good certificate, where the server insists.
    presented: Option<Answer>,
}

/// What varies between the cases of a peer.
struct Question<'a> {
    suite: &'a Suite,
    mode: ClientAuth,
    ems_server: bool,
    ems_offered: bool,
    /// The visit and `s_client` offer this suite alone, not all of them.
    offer_one: bool,
    sip: Sip,
}

impl Question<'_> {
    fn ask(&self, server: &dyn Peer) -> Case {
        let proxy = Proxy::to(server.address());
        let visit = Visit::to(proxy.address()).offering(|offer| {
            if self.offer_one {
                offer
                    .cipher_suites
                    .retain(|suite| suite.0 == self.suite.code || suite.is_signal());
            }
            if !self.ems_offered {
                offer
                    .extensions
                    .retain(|kind| *kind != ExtensionType::EXTENDED_MASTER_SECRET);
            }
        });
        let seen = visit.make_one();
        let mut recordings = proxy.await_closed(1);
        assert_eq!(
            proxy.connections(),
            1,
            "a visit is one connection, at the server's side too"
        );
        let ciphers = if self.offer_one {
            self.suite.openssl.to_owned()
        } else {
            SUITES.map(|suite| suite.openssl).join(":")
        };
        let client = Client::to(server.address()).ciphers(&ciphers).groups("P-384");
        let presented = (self.mode == ClientAuth::Required).then(|| {
            client
                .clone()
                .identity(Pki::shared().identity(Role::ClientBothEkus))
                .ask()
        });
        Case {
            name: format!(
                "{}, {:?} client certificate, EMS {} by the server, {} by us",
                self.suite.openssl,
                self.mode,
                if self.ems_server { "taken" } else { "not taken" },
                if self.ems_offered {
                    "offered"
                } else {
                    "not offered"
                }
            ),
            suite: self.suite.code,
            ems_offered: self.ems_offered,
            ems_server: self.ems_server,
            sip: self.sip,
            seen,
            recording: recordings.remove(0),
            bare: client.ask(),
            presented,
        }
    }
}

/// What tshark read on each connection, by direction and field, in the order of the wire.
type Decoded = BTreeMap<(bool, &'static str), Vec<String>>;

const FIELDS: [&str; 12] = [
    "tls.record.content_type",
    "tls.handshake.type",
    "tls.handshake.version",
    "tls.handshake.ciphersuite",
    "tls.handshake.extension.type",
    "tls.handshake.extensions_server_name",
    "tls.handshake.extensions_supported_group",
    "tls.handshake.server_named_curve",
    "tls.handshake.sig_hash_alg",
    "tls.handshake.cert_type",
    "tls.handshake.certificate",
    "tls.alert_message.desc",
];

fn decode(cases: &[Case]) -> Vec<Decoded> {
    let recordings: Vec<Recording> = cases.iter().map(|case| case.recording.clone()).collect();
    let tshark = Tshark::of(&recordings);
    let mut decoded = vec![Decoded::new(); cases.len()];
    let fields = [["tcp.stream", "tcp.srcport"].as_slice(), &FIELDS].concat();
    for row in tshark.fields("tls", &fields) {
        let stream: usize = row[0][0].parse().expect("a stream has a number");
        let from_server = row[1][0] == "5061";
        for (field, values) in FIELDS.iter().zip(&row[2..]) {
            decoded[stream]
                .entry((from_server, *field))
                .or_default()
                .extend(values.iter().cloned());
        }
    }
    decoded
}

/// Collects what disagrees, so that one run shows all of it.
struct Jury<'a> {
    case: &'a Case,
    disagreements: Vec<String>,
}

impl Jury<'_> {
    fn agree<T: std::fmt::Debug + PartialEq>(&mut self, what: &str, ours: T, truth: T) {
        if ours != truth {
            self.disagreements.push(format!(
                "{}: {what}: expected {truth:?}, the visit says {ours:?}",
                self.case.name
            ));
        }
    }
}

/// Compares every fact of every case; gives what disagrees.
fn disagreements(cases: &[Case]) -> Vec<String> {
    let root_hash = openssl_x509(&["-subject_hash"]);
    cases
        .iter()
        .zip(decode(cases))
        .flat_map(|(case, decoded)| judge(case, &decoded, &root_hash))
        .collect()
}

fn judge(case: &Case, decoded: &Decoded, root_hash: &str) -> Vec<String> {
    let mut jury = Jury {
        case,
        disagreements: Vec::new(),
    };
    let Some(ours) = &case.seen.handshake else {
        return vec![format!("{}: no handshake: {:?}", case.name, case.seen.error)];
    };
    let read = |from_server: bool, field: &'static str| {
        decoded.get(&(from_server, field)).cloned().unwrap_or_default()
    };
    let from_server = |field| read(true, field);
    let from_client = |field| read(false, field);
    let hex = |code: u16| format!("{code:#06x}");
    let ecdhe = case.suite >= 0xc000;
    let insists = case.presented.is_some();
    let told = case.presented.as_ref().unwrap_or(&case.bare);

    // The truth itself: the two oracles agree, and the case is what it says.
    let chosen = SUITES
        .iter()
        .find(|suite| told.cipher.as_deref() == Some(suite.openssl));
    jury.agree(
        "s_client's suite",
        Some(case.suite),
        chosen.map(|suite| suite.code),
    );
    jury.agree(
        "s_client finishes with a certificate where one is required",
        true,
        told.connected,
    );
    jury.agree(
        "s_client's EMS",
        Some(case.ems_server),
        told.extended_master_secret,
    );
    jury.agree("s_client is refused", insists, !case.bare.connected);

    // Hello.
    jury.agree(
        "version",
        ours.version.map(|version| vec![hex(version.0)]),
        Some(from_server("tls.handshake.version")),
    );
    jury.agree(
        "version, s_client",
        ours.version.map(|version| version.to_string()),
        told.protocol.clone(),
    );
    jury.agree(
        "suite",
        ours.cipher_suite.map(|suite| vec![hex(suite.0)]),
        Some(from_server("tls.handshake.ciphersuite")),
    );
    jury.agree(
        "suite, s_client",
        ours.cipher_suite,
        chosen.map(|suite| CipherSuite(suite.code)),
    );
    let extensions = from_server("tls.handshake.extension.type");
    let ems = extensions.contains(&"23".to_owned());
    jury.agree("EMS", ours.extended_master_secret, Some(ems));
    jury.agree(
        "EMS by both",
        ours.extended_master_secret,
        Some(case.ems_server && case.ems_offered),
    );
    jury.agree(
        "secure renegotiation",
        ours.secure_renegotiation,
        Some(extensions.contains(&"65281".to_owned())),
    );
    jury.agree(
        "secure renegotiation, s_client",
        ours.secure_renegotiation,
        told.secure_renegotiation,
    );

    // Key exchange.
    jury.agree(
        "group",
        ours.group.map(|group| hex(group.0)).into_iter().collect(),
        from_server("tls.handshake.server_named_curve"),
    );
    jury.agree(
        "group, s_client",
        ours.group.map(|group| group.to_string()),
        told.group.clone(),
    );
    jury.agree(
        "group of the case",
        ours.group,
        ecdhe.then_some(NamedGroup::SECP384R1),
    );
    let mut schemes = from_server("tls.handshake.sig_hash_alg");
    let exchange_scheme = ecdhe.then(|| schemes.remove(0));
    jury.agree(
        "key exchange signature",
        ours.key_exchange_signature.map(|scheme| hex(scheme.0)),
        exchange_scheme,
    );

    // Certificates.
    let certificates: Vec<String> = case
        .seen
        .chain
        .iter()
        .flat_map(|chain| &chain.entries)
        .map(|entry| entry.der().iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    jury.agree(
        "certificates, s_client",
        certificates.len(),
        case.bare.certificates,
    );
    jury.agree(
        "certificates",
        certificates,
        from_server("tls.handshake.certificate"),
    );

    // The request for a client certificate.
    let request = &ours.client_certificate;
    let messages = from_server("tls.handshake.type");
    jury.agree(
        "requested",
        request.requested,
        Some(messages.contains(&"13".to_owned())),
    );
    jury.agree(
        "requested, s_client",
        request.requested,
        Some(case.bare.certificate_requested),
    );
    let mode = match (case.bare.certificate_requested, case.bare.connected) {
        (false, _) => ClientCertificateMode::NotRequested,
        (true, true) => ClientCertificateMode::Optional,
        (true, false) => ClientCertificateMode::Required,
    };
    jury.agree("mode, s_client", request.mode, mode);
    let types = request.certificate_types.iter().map(|kind| kind.0.to_string());
    jury.agree(
        "certificate types",
        types.collect(),
        from_server("tls.handshake.cert_type"),
    );
    let types: Vec<String> = request
        .certificate_types
        .iter()
        .map(ToString::to_string)
        .collect();
    jury.agree(
        "certificate types, s_client",
        types,
        told.certificate_types
            .iter()
            .map(|name| match name.as_str() {
                "DSA sign" => "dss_sign".to_owned(),
                other => other.to_lowercase().replace(' ', "_"),
            })
            .collect(),
    );
    let algorithms: Vec<String> = request
        .signature_algorithms
        .iter()
        .map(|scheme| hex(scheme.0))
        .collect();
    jury.agree(
        "signature algorithms, s_client",
        algorithms.len(),
        told.signature_algorithms.len(),
    );
    jury.agree("signature algorithms", algorithms, schemes);
    let names: Vec<String> = request
        .authorities
        .iter()
        .map(|authority| authority.name.clone())
        .collect();
    jury.agree(
        "authorities, s_client",
        names,
        told.certificate_authorities
            .iter()
            .map(|name| rfc4514(name))
            .collect(),
    );
    let hashes: Vec<_> = request
        .authorities
        .iter()
        .map(|authority| authority.subject_hash.clone())
        .collect();
    let expected = vec![Some(root_hash.to_owned()); told.certificate_authorities.len()];
    jury.agree("subject hashes, openssl x509", hashes, expected);

    // The end.
    jury.agree("completed, s_client", ours.completed, case.bare.connected);
    let alerts: Vec<String> = ours.alert.map(|alert| alert.0.to_string()).into_iter().collect();
    jury.agree("alert", alerts, from_server("tls.alert_message.desc"));
    jury.agree(
        "alert, s_client",
        ours.alert.map(|alert| alert.0),
        case.bare.alert,
    );
    let reason = case.seen.error.as_ref().map(|error| error.reason);
    let answered = matches!(&case.seen.sip, SipOutcome::Answered(answer) if answer.status == 200);
    let (reached, expected) = match (insists, case.sip) {
        (true, _) => (Phase::ServerFlight, Some(Reason::ClientCertificateRequired)),
        (false, Sip::Answers) => (Phase::Sip, None),
        (false, Sip::Babbles) => (Phase::Handshake, Some(Reason::NotSip)),
    };
    jury.agree("reason", reason, expected);
    jury.agree("phase reached", case.seen.phase_reached, Some(reached));
    jury.agree("answered", answered, expected.is_none());

    // Manners.
    jury.agree("connections opened", case.seen.connections_opened, 1);
    jury.agree(
        "server name, as sent",
        vec!["sbc.example.test".to_owned()],
        from_client("tls.handshake.extensions_server_name"),
    );
    jury.agree(
        "groups, as sent",
        vec!["0x0018".to_owned()],
        from_client("tls.handshake.extensions_supported_group"),
    );
    jury.agree(
        "EMS, as sent",
        case.ems_offered,
        from_client("tls.handshake.extension.type").contains(&"23".to_owned()),
    );
    let last = from_client("tls.record.content_type").pop();
    let polite = if insists { "22" } else { "21" };
    jury.agree("type of the last record sent", Some(polite.to_owned()), last);
    jury.agree(
        "alerts sent in the clear",
        Vec::new(),
        from_client("tls.alert_message.desc"),
    );
    let server_bytes = case.recording.bytes(Direction::FromServer);
    jury.agree(
        "evidence is what the server sent first",
        true,
        !case.seen.flight.is_empty() && server_bytes.starts_with(&case.seen.flight),
    );
    jury.disagreements
}

/// `C = ZZ, O = Example, CN = A` as RFC 4514 writes it: `CN=A,O=Example,C=ZZ`.
fn rfc4514(oneline: &str) -> String {
    let mut parts: Vec<String> = oneline.split(", ").map(|part| part.replace(" = ", "=")).collect();
    parts.reverse();
    parts.join(",")
}

fn openssl_x509(arguments: &[&str]) -> String {
    let output = complete(
        Command::new("openssl")
            .args(["x509", "-noout"])
            .args(arguments)
            .arg("-in")
            .arg(Pki::shared().root()),
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Fails when anything disagrees or the number of cases is another; gives the line to quote.
fn verdict(peer: &str, cases: &[Case], expected: usize, started: Instant) -> String {
    let disagreements = disagreements(cases);
    assert!(
        disagreements.is_empty(),
        "{} disagreements in {} cases against {peer}:\n{}",
        disagreements.len(),
        cases.len(),
        disagreements.join("\n")
    );
    assert_eq!(cases.len(), expected, "cases against {peer}");
    format!(
        "oracle matrix: {peer}: {} cases, no disagreement, {:.1} s",
        cases.len(),
        started.elapsed().as_secs_f64()
    )
}

#[test]
fn openssl_chooses() {
    let started = Instant::now();
    let good = Pki::shared().identity(Role::Good);
    let mut cases = Vec::new();
    for suite in &SUITES {
        for mode in ClientAuth::ALL {
            for ems in EMS {
                let rig = OpensslServer::new(good)
                    .ciphers(suite.openssl)
                    .groups("P-384")
                    .client_auth(mode);
                let rig = if ems { rig } else { rig.without_ems() };
                let server = rig.reversing().argument("-state").start();
                let question = Question {
                    suite,
                    mode,
                    ems_server: ems,
                    ems_offered: true,
                    offer_one: false,
                    sip: Sip::Babbles,
                };
                cases.push(question.ask(&server));
                // The last record is encrypted for everybody but the server.
                let goodbyes = server
                    .log()
                    .matches("SSL3 alert read:warning:close notify")
                    .count();
                let expected = if mode == ClientAuth::Required { 1 } else { 2 };
                assert_eq!(
                    goodbyes,
                    expected,
                    "close_notify of the visit and of s_client: {}",
                    server.log()
                );
            }
        }
    }
    println!("{}", verdict("OpenSSL", &cases, 48, started));
}

#[test]
fn gnutls_chooses() {
    let started = Instant::now();
    let good = Pki::shared().identity(Role::Good);
    let mut cases = Vec::new();
    for suite in &SUITES {
        for mode in ClientAuth::ALL {
            for ems in EMS {
                let hash = if ems { "" } else { ":%NO_SESSION_HASH" };
                let priority = format!(
                    "NONE:+VERS-TLS1.2:+COMP-NULL:+SIGN-ALL:+GROUP-SECP384R1:{}{hash}",
                    suite.gnutls
                );
                let server = GnutlsServer::web(good, &priority, mode);
                let question = Question {
                    suite,
                    mode,
                    ems_server: ems,
                    ems_offered: true,
                    offer_one: false,
                    sip: Sip::Babbles,
                };
                cases.push(question.ask(&server));
            }
        }
    }
    println!("{}", verdict("GnuTLS", &cases, 48, started));
}

/// NSS cannot be told to do without extended master secret, so the visit does not offer it.
#[test]
fn nss_takes_what_is_offered() {
    let started = Instant::now();
    let good = Pki::shared().identity(Role::Good);
    let suites: Vec<u16> = SUITES
        .iter()
        .filter(|suite| suite.nss)
        .map(|suite| suite.code)
        .collect();
    let mut cases = Vec::new();
    for mode in ClientAuth::ALL {
        let server = NssServer::start(good, Some(&suites), Some("P384"), mode);
        cases.extend(one_by_one(&server, mode, |suite| suite.nss, Sip::Babbles));
        // The eighth suite is none of NSS's: refused, and not more is said than that.
        let refused = Visit::to(server.address())
            .offering(|offer| offer.cipher_suites.retain(|suite| suite.0 == 0xc028))
            .make_one();
        let error = refused.error.expect("a refusal");
        assert_eq!(error.reason, Reason::HandshakeRefused, "{error}");
        let truth = Client::to(server.address())
            .ciphers("ECDHE-RSA-AES256-SHA384")
            .ask();
        assert_eq!(
            refused
                .handshake
                .and_then(|handshake| handshake.alert)
                .map(|alert| alert.0),
            truth.alert
        );
    }
    println!("{}", verdict("NSS", &cases, 42, started));
}

#[test]
fn kamailio_takes_what_is_offered() {
    let started = Instant::now();
    let good = Pki::shared().identity(Role::Good);
    let all = SUITES.map(|suite| suite.openssl).join(":");
    let mut cases = Vec::new();
    for mode in ClientAuth::ALL {
        let server = Kamailio::start(good, Some(&all), mode);
        cases.extend(one_by_one(&server, mode, |_| true, Sip::Answers));
    }
    for case in &cases {
        if let Some(answer) = case.seen.sip.answer() {
            assert_eq!(answer.allow, ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"]);
            assert!(
                answer
                    .server
                    .as_deref()
                    .is_some_and(|server| server.starts_with("kamailio (5.")),
                "{answer:?}"
            );
        }
    }
    println!("{}", verdict("Kamailio", &cases, 48, started));
}

#[test]
fn haproxy_takes_what_is_offered() {
    let started = Instant::now();
    let good = Pki::shared().identity(Role::Good);
    let sip = Responder::sip();
    let mut cases = Vec::new();
    for mode in ClientAuth::ALL {
        let server = Haproxy::start(good, mode, Some(sip.address()));
        cases.extend(one_by_one(&server, mode, |_| true, Sip::Answers));
    }
    println!("{}", verdict("HAProxy", &cases, 48, started));
}

#[test]
fn stunnel_takes_what_is_offered() {
    let started = Instant::now();
    let good = Pki::shared().identity(Role::Good);
    let sip = Responder::sip();
    let mut cases = Vec::new();
    for mode in ClientAuth::ALL {
        let server = Stunnel::start(good, mode, sip.address());
        cases.extend(one_by_one(&server, mode, |_| true, Sip::Answers));
    }
    println!("{}", verdict("stunnel", &cases, 48, started));
}

/// Every suite, each offered alone, with and without extended master secret.
fn one_by_one(server: &dyn Peer, mode: ClientAuth, has: impl Fn(&Suite) -> bool, sip: Sip) -> Vec<Case> {
    let mut cases = Vec::new();
    for suite in SUITES.iter().filter(|suite| has(suite)) {
        for ems in EMS {
            let question = Question {
                suite,
                mode,
                ems_server: true,
                ems_offered: ems,
                offer_one: true,
                sip,
            };
            cases.push(question.ask(server));
        }
    }
    cases
}

/// What is falsified, and how.
type Falsehood<T> = (&'static str, fn(&mut T));

/// A falsehood in any fact of an observation is found: the agreement above means something.
#[test]
fn every_falsehood_is_found() {
    let server = OpensslServer::new(Pki::shared().identity(Role::Good))
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        .groups("P-384")
        .client_auth(ClientAuth::Optional)
        .reversing()
        .start();
    let question = Question {
        suite: &SUITES[7],
        mode: ClientAuth::Optional,
        ems_server: true,
        ems_offered: true,
        offer_one: false,
        sip: Sip::Babbles,
    };
    let case = question.ask(&server);
    let (decoded, root_hash) = (
        decode(std::slice::from_ref(&case)),
        openssl_x509(&["-subject_hash"]),
    );
    assert_eq!(judge(&case, &decoded[0], &root_hash), Vec::<String>::new());
    let falsehoods: [Falsehood<Handshake>; 13] = [
        ("version", |h| h.version = Some(ProtocolVersion::TLS_1_1)),
        ("suite", |h| h.cipher_suite = Some(CipherSuite(0xc02f))),
        ("group", |h| h.group = Some(NamedGroup::SECP256R1)),
        ("key exchange signature", |h| h.key_exchange_signature = None),
        ("EMS", |h| h.extended_master_secret = Some(false)),
        ("secure renegotiation", |h| h.secure_renegotiation = Some(false)),
        ("completed", |h| h.completed = false),
        ("alert", |h| h.alert = Some(AlertDescription::HANDSHAKE_FAILURE)),
        ("requested", |h| h.client_certificate.requested = Some(false)),
        ("mode", |h| {
            h.client_certificate.mode = ClientCertificateMode::Required;
        }),
        ("certificate types", |h| {
            h.client_certificate.certificate_types.reverse();
        }),
        ("signature algorithms", |h| {
            h.client_certificate.signature_algorithms.reverse();
        }),
        ("authorities", |h| h.client_certificate.authorities.clear()),
    ];
    for (what, falsify) in falsehoods {
        let mut seen = case.seen.clone();
        falsify(seen.handshake.as_mut().expect("a handshake"));
        expect_found(&case, seen, what, &decoded[0], &root_hash);
    }
    let falsehoods: [Falsehood<Observation>; 5] = [
        ("certificates", |seen| seen.chain = None),
        ("reason", |seen| seen.error = None),
        ("phase reached", |seen| seen.phase_reached = Some(Phase::Sip)),
        ("connections opened", |seen| seen.connections_opened = 2),
        ("evidence", |seen| seen.flight = [0; 4].as_slice().into()),
    ];
    for (what, falsify) in falsehoods {
        let mut seen = case.seen.clone();
        falsify(&mut seen);
        expect_found(&case, seen, what, &decoded[0], &root_hash);
    }
}

fn expect_found(case: &Case, seen: Observation, what: &str, decoded: &Decoded, root_hash: &str) {
    let false_case = Case {
        name: String::new(),
        recording: case.recording.clone(),
        bare: case.bare.clone(),
        presented: None,
        seen,
        ..*case
    };
    let found = judge(&false_case, decoded, root_hash);
    assert!(
        found.iter().any(|text| text.starts_with(&format!(": {what}"))),
        "expected a disagreement about {what}, found {found:?}"
    );
}
