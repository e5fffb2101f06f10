//! The engine against OpenSSL as the server, in this process: every suite, with and without a
//! client certificate, with and without extended master secret. What was negotiated is asked of
//! OpenSSL, not of the engine.
#![expect(clippy::unwrap_used, reason = "test code may panic")]

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslVerifyMode, SslVersion};
use openssl::x509::{X509, X509NameBuilder};
use siptls_tls12::{Client, Event, Failure, Identity, NotCompletable, Plan, SentCertificate, Suite};
use siptls_wire::{
    AlertDescription, CipherSuite, ExtensionType, KeyExchange, NamedGroup, Offer, ProtocolVersion,
    SignatureScheme,
};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

const MESSAGE: &[u8] = b"OPTIONS sip:example.test SIP/2.0\r\n\r\n";

struct Party {
    certificate: X509,
    key: PKey<Private>,
}

impl Party {
    fn new(key: PKey<Private>, name: &str) -> Self {
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder
            .set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap())
            .unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(&subject).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder
            .set_not_before(&Asn1Time::days_from_now(0).unwrap())
            .unwrap();
        builder
            .set_not_after(&Asn1Time::days_from_now(2).unwrap())
            .unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self {
            certificate: builder.build(),
            key,
        }
    }

    fn rsa(bits: u32, name: &str) -> Self {
        Self::new(PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap(), name)
    }

    fn ecdsa(curve: Nid, name: &str) -> Self {
        let group = EcGroup::from_curve_name(curve).unwrap();
        Self::new(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap(), name)
    }
}

fn rsa_server() -> &'static Party {
    static PARTY: OnceLock<Party> = OnceLock::new();
    PARTY.get_or_init(|| Party::rsa(2048, "rsa.example.test"))
}

fn rsa_client() -> &'static Party {
    static PARTY: OnceLock<Party> = OnceLock::new();
    PARTY.get_or_init(|| Party::rsa(2048, "rsa-client.example.test"))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Asks {
    No,
    Optional,
    Required,
}

struct Server<'a> {
    party: &'a Party,
    ciphers: &'a str,
    groups: &'a str,
    asks: Asks,
    extended_master_secret: bool,
}

/// What OpenSSL says of the connection.
#[derive(Debug)]
struct Witness {
    finished: bool,
    version: String,
    cipher: Option<String>,
    client_certificate: Option<Vec<u8>>,
    read: Vec<u8>,
    closed: bool,
}

fn serve(server: &Server<'_>, stream: UnixStream) -> Witness {
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_security_level(0);
    context.set_min_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    context
        .set_cipher_list(&format!("{}:@SECLEVEL=0", server.ciphers))
        .unwrap();
    context.set_groups_list(server.groups).unwrap();
    context.set_certificate(&server.party.certificate).unwrap();
    context.set_private_key(&server.party.key).unwrap();
    if !server.extended_master_secret {
        // SSL_OP_NO_EXTENDED_MASTER_SECRET, which the crate does not name.
        context.set_options(SslOptions::from_bits_retain(1));
    }
    let mode = match server.asks {
        Asks::No => SslVerifyMode::NONE,
        Asks::Optional => SslVerifyMode::PEER,
        Asks::Required => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
    };
    // Any certificate is good: this tests the handshake, not trust.
    context.set_verify_callback(mode, |_, _| true);
    let ssl = Ssl::new(&context.build()).unwrap();
    let mut stream = openssl::ssl::SslStream::new(ssl, stream).unwrap();
    let finished = stream.accept().is_ok();
    let mut read = vec![0; 64];
    let mut closed = false;
    if finished {
        let count = stream.ssl_read(&mut read).unwrap_or(0);
        read.truncate(count);
        stream.write_all(b"SIP/2.0 200 OK\r\n\r\n").unwrap();
        // close_notify reads as an orderly end.
        closed = matches!(stream.ssl_read(&mut [0; 1]), Err(error) if error.code() == openssl::ssl::ErrorCode::ZERO_RETURN);
    } else {
        read.clear();
    }
    Witness {
        finished,
        version: stream.ssl().version_str().to_owned(),
        cipher: stream
            .ssl()
            .current_cipher()
            .and_then(|cipher| cipher.standard_name())
            .map(str::to_owned),
        client_certificate: stream
            .ssl()
            .peer_certificate()
            .map(|certificate| certificate.to_der().unwrap()),
        read,
        closed,
    }
}

/// What the engine says of the connection.
struct Seen {
    client: Client,
    finished: bool,
    data: Vec<u8>,
    failure: Option<Failure>,
}

fn visit(server: &Server<'_>, plan: Plan) -> (Seen, Witness) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    thread::scope(|scope| {
        let witness = scope.spawn(move || serve(server, theirs));
        let seen = drive(ours, Client::new(plan, siptls_tls12::random()));
        (seen, witness.join().unwrap())
    })
}

fn drive(mut stream: UnixStream, client: Client) -> Seen {
    let mut seen = Seen {
        client,
        finished: false,
        data: Vec::new(),
        failure: None,
    };
    let mut buffer = [0; 700];
    loop {
        let output = seen.client.take_output();
        let _ = stream.write_all(&output);
        while let Some(event) = seen.client.poll_event() {
            match event {
                Event::Finished => {
                    seen.finished = true;
                    seen.client.send(MESSAGE);
                }
                Event::Data(data) => {
                    seen.data.extend(data);
                    seen.client.close();
                    let _ = stream.write_all(&seen.client.take_output());
                    return seen;
                }
                Event::Failed(failure) => {
                    seen.failure = Some(failure);
                    let _ = stream.write_all(&seen.client.take_output());
                    return seen;
                }
                Event::Closed { .. } => return seen,
                Event::FlightRead => {}
            }
        }
        let output = seen.client.take_output();
        let _ = stream.write_all(&output);
        match stream.read(&mut buffer) {
            Ok(0) => seen.client.handle_end(false),
            Ok(count) => seen.client.handle_input(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => seen.client.handle_end(true),
            Err(error) => panic!("the server is silent: {error}"),
        }
    }
}

fn plan(
    suites: Vec<CipherSuite>,
    groups: Vec<NamedGroup>,
    extended: bool,
    identity: Option<Arc<Identity>>,
) -> Plan {
    let mut extensions = vec![
        ExtensionType::SERVER_NAME,
        ExtensionType::EC_POINT_FORMATS,
        ExtensionType::SUPPORTED_GROUPS,
        ExtensionType::SIGNATURE_ALGORITHMS,
    ];
    if extended {
        extensions.push(ExtensionType::EXTENDED_MASTER_SECRET);
    }
    let mut cipher_suites = suites;
    cipher_suites.push(CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV);
    let offer = Offer {
        legacy_version: ProtocolVersion::TLS_1_2,
        cipher_suites,
        groups,
        signature_algorithms: vec![
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PSS_RSAE_SHA256,
            SignatureScheme::ECDSA_SECP256R1_SHA256,
            SignatureScheme::ECDSA_SECP384R1_SHA384,
            SignatureScheme::ECDSA_SECP521R1_SHA512,
        ],
        versions: vec![],
        extensions,
    };
    Plan {
        offer: Arc::new(offer),
        server_name: Some("rsa.example.test".to_owned()),
        identity,
        finish: true,
    }
}

fn identity(party: &Party) -> Arc<Identity> {
    let chain = vec![party.certificate.to_der().unwrap()];
    Arc::new(Identity::new(chain, &party.key.private_key_to_pkcs8().unwrap()).unwrap())
}

/// OpenSSL's name of a suite of this engine.
fn openssl_name(suite: &Suite) -> String {
    let name = suite.id.name().unwrap();
    let name = name
        .strip_prefix("TLS_")
        .unwrap()
        .replace("_WITH_", "-")
        .replace("AES_", "AES")
        .replace("_CBC", "");
    name.strip_prefix("RSA-").unwrap_or(&name).replace('_', "-")
}

#[test]
fn every_suite_finishes_in_every_mode() {
    let ecdsa = Party::ecdsa(Nid::X9_62_PRIME256V1, "ecdsa.example.test");
    let mut handshakes = 0;
    for suite in Suite::ALL {
        for asks in [Asks::No, Asks::Optional, Asks::Required] {
            for extended in [true, false] {
                for with_identity in [false, true] {
                    let name = openssl_name(suite);
                    let case = format!("{name}, {asks:?}, ems {extended}, identity {with_identity}");
                    let party = if suite.exchange == KeyExchange::EcdheEcdsa {
                        &ecdsa
                    } else {
                        rsa_server()
                    };
                    // A certificate on P-256 needs that curve among the groups: RFC 8422 §5.1.1.
                    let groups = "P-384:P-256";
                    let server = Server {
                        party,
                        ciphers: &name,
                        groups,
                        asks,
                        extended_master_secret: extended,
                    };
                    let identity = with_identity.then(|| identity(rsa_client()));
                    let offered = vec![NamedGroup::SECP384R1, NamedGroup::SECP256R1];
                    let (seen, witness) = visit(&server, plan(vec![suite.id], offered, true, identity));

                    let refused = asks == Asks::Required && !with_identity;
                    assert_eq!(witness.finished, !refused, "{case}: {witness:?}");
                    assert_eq!(seen.finished, !refused, "{case}: {:?}", seen.failure);
                    assert_eq!(
                        seen.client.transcript().certificate_request.is_some(),
                        asks != Asks::No,
                        "{case}"
                    );
                    let sent = match (asks, with_identity) {
                        (Asks::No, _) => None,
                        (_, true) => Some(SentCertificate::Chain),
                        (_, false) => Some(SentCertificate::Empty),
                    };
                    assert_eq!(seen.client.sent_certificate(), sent, "{case}");
                    if refused {
                        let alert = seen.client.alert().expect(&case).description;
                        assert_eq!(alert, AlertDescription::HANDSHAKE_FAILURE, "{case}");
                    } else {
                        assert_eq!(witness.version, "TLSv1.2", "{case}");
                        assert_eq!(witness.cipher.as_deref(), suite.id.name(), "{case}");
                        assert_eq!(witness.read, MESSAGE, "{case}");
                        assert!(witness.closed, "{case}: close_notify was not seen");
                        assert_eq!(seen.data, b"SIP/2.0 200 OK\r\n\r\n", "{case}");
                        assert_eq!(seen.client.extended_master_secret(), extended, "{case}");
                        let group = seen.client.transcript().group();
                        assert_eq!(
                            group,
                            suite.exchange.is_ecdhe().then_some(NamedGroup::SECP384R1),
                            "{case}"
                        );
                        let shown = (sent == Some(SentCertificate::Chain))
                            .then(|| rsa_client().certificate.to_der().unwrap());
                        assert_eq!(witness.client_certificate, shown, "{case}");
                    }
                    handshakes += 1;
                }
            }
        }
    }
    assert_eq!(handshakes, Suite::ALL.len() * 3 * 2 * 2);
}

#[test]
fn extended_master_secret_is_off_when_it_is_not_offered() {
    for suite in [
        CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ] {
        let server = Server {
            party: rsa_server(),
            ciphers: "ALL",
            groups: "P-384",
            asks: Asks::Optional,
            extended_master_secret: true,
        };
        let (seen, witness) = visit(
            &server,
            plan(vec![suite], vec![NamedGroup::SECP384R1], false, None),
        );
        assert!(seen.finished && witness.finished);
        assert!(!seen.client.extended_master_secret());
    }
}

#[test]
fn every_group_agrees() {
    for (group, name) in [
        (NamedGroup::SECP256R1, "P-256"),
        (NamedGroup::SECP384R1, "P-384"),
        (NamedGroup::SECP521R1, "P-521"),
        (NamedGroup::X25519, "X25519"),
    ] {
        let server = Server {
            party: rsa_server(),
            ciphers: "ECDHE-RSA-AES256-GCM-SHA384",
            groups: name,
            asks: Asks::No,
            extended_master_secret: true,
        };
        let suite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384;
        let (seen, witness) = visit(&server, plan(vec![suite], vec![group], true, None));
        assert!(seen.finished && witness.finished, "{name}: {:?}", seen.failure);
        assert_eq!(seen.client.transcript().group(), Some(group));
    }
}

#[test]
fn client_certificates_of_every_key_sign() {
    let parties = [
        Party::rsa(3072, "rsa3072.example.test"),
        Party::ecdsa(Nid::X9_62_PRIME256V1, "p256.example.test"),
        Party::ecdsa(Nid::SECP384R1, "p384.example.test"),
        Party::ecdsa(Nid::SECP521R1, "p521.example.test"),
    ];
    for party in &parties {
        let server = Server {
            party: rsa_server(),
            ciphers: "ECDHE-RSA-AES128-GCM-SHA256",
            groups: "P-384:P-256:P-521",
            asks: Asks::Required,
            extended_master_secret: true,
        };
        let suite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
        // OpenSSL wants the curve of a client's certificate among the groups of both sides.
        let groups = vec![
            NamedGroup::SECP384R1,
            NamedGroup::SECP256R1,
            NamedGroup::SECP521R1,
        ];
        let (seen, witness) = visit(&server, plan(vec![suite], groups, true, Some(identity(party))));
        assert!(
            seen.finished && witness.finished,
            "{:?}: {:?}",
            party.certificate.subject_name(),
            seen.failure
        );
        assert_eq!(
            witness.client_certificate,
            Some(party.certificate.to_der().unwrap())
        );
    }
}

#[test]
fn a_refused_offer_is_an_alert_to_the_hello() {
    // Only P-256 shared with a client that offers P-384 alone; and an ECDSA-only server.
    let ecdsa = Party::ecdsa(Nid::X9_62_PRIME256V1, "ecdsa.example.test");
    for (party, groups) in [(rsa_server(), "P-256"), (&ecdsa, "P-384")] {
        let server = Server {
            party,
            ciphers: "ECDHE",
            groups,
            asks: Asks::No,
            extended_master_secret: true,
        };
        let suite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384;
        let (seen, witness) = visit(
            &server,
            plan(vec![suite], vec![NamedGroup::SECP384R1], true, None),
        );
        assert!(!seen.finished && !witness.finished);
        assert!(seen.client.transcript().server_hello.is_none());
        assert_eq!(
            seen.client.alert().unwrap().description,
            AlertDescription::HANDSHAKE_FAILURE
        );
    }
}

#[test]
fn a_small_rsa_key_is_said_and_not_hidden() {
    let small = Party::rsa(1024, "small.example.test");
    let suites = [
        // Encrypting to such a key is what the primitive refuses; verifying its signature it can.
        (CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA, "AES256-SHA", false),
        (
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            "ECDHE-RSA-AES256-GCM-SHA384",
            true,
        ),
    ];
    for (suite, name, finishes) in suites {
        let server = Server {
            party: &small,
            ciphers: name,
            groups: "P-384",
            asks: Asks::No,
            extended_master_secret: true,
        };
        let (seen, witness) = visit(
            &server,
            plan(vec![suite], vec![NamedGroup::SECP384R1], true, None),
        );
        assert_eq!(seen.finished, finishes, "{name}: {:?}", seen.failure);
        assert_eq!(witness.finished, finishes);
        assert!(seen.client.transcript().done, "the flight is read either way");
        if !finishes {
            let expected = Failure::NotCompletable(NotCompletable::SmallRsaKey { bits: 1024 });
            assert_eq!(seen.failure, Some(expected));
        }
    }
}
