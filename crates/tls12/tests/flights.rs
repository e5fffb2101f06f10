//! Flights that a server made by hand: what breaks the protocol is the peer's fault, what this
//! engine cannot do is not.
#![expect(clippy::unwrap_used, reason = "test code may panic")]

use siptls_tls12::{
    Client, EphemeralKey, Event, Failure, Identity, KeyKind, NotCompletable, Plan, PublicKey, Violation,
    public_key, random, verify_signature,
};
use siptls_wire::{
    CipherSuite, EcdheParameters, Extension, ExtensionType, HandshakeType, NamedGroup, Offer,
    ProtocolVersion, ServerHello, SignatureScheme, write_certificates, write_handshake,
};
use std::sync::Arc;

const ECDHE_RSA: CipherSuite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384;
const ECDHE_ECDSA: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
const STATIC_RSA: CipherSuite = CipherSuite::TLS_RSA_WITH_AES_256_GCM_SHA384;

/// A server's flight before it is written.
struct Flight {
    suite: CipherSuite,
    session_id: Vec<u8>,
    extensions: Vec<ExtensionType>,
    certificates: Vec<Vec<u8>>,
    /// Signs with this identity; `None` for static RSA.
    signer: Option<Identity>,
    /// Explicit curve parameters instead of a named group.
    explicit: bool,
    /// A CertificateStatus behind the certificates.
    stapled: bool,
}

fn identity(algorithm: &'static rcgen::SignatureAlgorithm) -> Identity {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["sbc.example.test".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    Identity::new(vec![certificate.der().to_vec()], &key.serialize_der()).unwrap()
}

fn rsa() -> Identity {
    identity(&rcgen::PKCS_RSA_SHA256)
}

fn ec() -> Identity {
    identity(&rcgen::PKCS_ECDSA_P256_SHA256)
}

impl Flight {
    fn new(suite: CipherSuite, identity: Identity) -> Self {
        Self {
            suite,
            session_id: Vec::new(),
            extensions: Vec::new(),
            certificates: identity.chain().to_vec(),
            signer: Some(identity).filter(|_| suite != STATIC_RSA),
            explicit: false,
            stapled: false,
        }
    }

    /// What a client that offered everything makes of it.
    fn read(&self, offered: &[ExtensionType]) -> Result<(), Failure> {
        match self.client(offered).poll_event() {
            Some(Event::Failed(failure)) => Err(failure),
            None => Ok(()),
            other => panic!("{other:?}"),
        }
    }

    /// A client that offered everything and read the flight.
    fn client(&self, offered: &[ExtensionType]) -> Client {
        let schemes = vec![
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::ECDSA_SECP256R1_SHA256,
        ];
        let offer = Arc::new(Offer {
            legacy_version: ProtocolVersion::TLS_1_2,
            cipher_suites: vec![ECDHE_RSA, ECDHE_ECDSA, STATIC_RSA],
            groups: vec![NamedGroup::SECP256R1],
            signature_algorithms: schemes.clone(),
            versions: vec![],
            extensions: offered.to_vec(),
        });
        let plan = Plan {
            offer,
            server_name: None,
            identity: None,
            finish: true,
        };
        let (client_random, server_random) = (random(), random());
        let mut client = Client::new(plan, client_random);
        let hello = ServerHello {
            legacy_version: ProtocolVersion::TLS_1_2,
            random: server_random,
            session_id: self.session_id.clone(),
            cipher_suite: self.suite,
            compression_method: 0,
            extensions: (self.extensions.iter())
                .map(|&kind| Extension { kind, data: vec![] })
                .collect(),
        };
        let mut bytes = Vec::new();
        let mut write = |message: &[u8]| write_handshake(&mut bytes, ProtocolVersion::TLS_1_2, message);
        write(&hello.encode());
        write(&write_certificates(&self.certificates));
        if self.stapled {
            write(&[HandshakeType::CERTIFICATE_STATUS.0, 0, 0, 5, 1, 0, 0, 1, 0x30]);
        }
        if let Some(signer) = &self.signer {
            let group = NamedGroup::SECP256R1;
            let point = EphemeralKey::generate(group).unwrap().public().to_vec();
            let params = EcdheParameters::encode_params(group, &point);
            let signed = [client_random.as_slice(), &server_random, &params].concat();
            let scheme = signer.scheme(&schemes).unwrap();
            let mut message = EcdheParameters {
                group,
                point,
                params,
                scheme: Some(scheme),
                signature: signer.sign(scheme, &signed).unwrap(),
            }
            .encode();
            if self.explicit {
                message[4] = 1; // explicit_prime, RFC 4492 §5.4
            }
            write(&message);
        }
        write(&[HandshakeType::SERVER_HELLO_DONE.0, 0, 0, 0]);
        client.handle_input(&bytes);
        assert_eq!(client.poll_event(), Some(Event::FlightRead));
        client
    }
}

#[test]
fn a_suite_goes_with_the_key_of_the_certificate() {
    for (suite, kind, fits) in [
        (ECDHE_RSA, "rsa", true),
        (STATIC_RSA, "rsa", true),
        (ECDHE_ECDSA, "ec", true),
        (ECDHE_RSA, "ec", false),
        (STATIC_RSA, "ec", false),
        (ECDHE_ECDSA, "rsa", false),
    ] {
        let identity = if kind == "rsa" { rsa() } else { ec() };
        let outcome = Flight::new(suite, identity).read(&[]);
        let expected = if fits {
            Ok(())
        } else {
            Err(Failure::Violation(Violation::KeyType(suite)))
        };
        assert_eq!(outcome, expected, "{suite} {kind}");
    }
}

#[test]
fn an_explicit_curve_answers_no_named_group() {
    let mut flight = Flight::new(ECDHE_RSA, rsa());
    flight.explicit = true;
    assert_eq!(
        flight.read(&[]),
        Err(Failure::Violation(Violation::ExplicitCurve))
    );
}

#[test]
fn a_session_id_is_no_fault_and_an_extension_that_was_not_offered_is() {
    let mut flight = Flight::new(ECDHE_RSA, rsa());
    flight.session_id = vec![7; 32];
    assert_eq!(flight.read(&[]), Ok(()));
    let extended = ExtensionType::EXTENDED_MASTER_SECRET;
    flight.extensions = vec![extended];
    assert_eq!(flight.read(&[extended]), Ok(()));
    assert_eq!(
        flight.read(&[]),
        Err(Failure::Violation(Violation::Extension(extended)))
    );
}

/// Mainstream clients end the connection on either message (OpenSSL: unexpected_message).
#[test]
fn a_message_whose_extension_was_not_answered_is_unexpected() {
    let is_unexpected = |failure: &Failure, message: &str| {
        assert!(
            matches!(failure, Failure::Violation(Violation::Unexpected { found, .. }) if found == message),
            "{failure:?}"
        );
    };
    let status = ExtensionType::STATUS_REQUEST;
    let mut flight = Flight::new(ECDHE_RSA, rsa());
    flight.stapled = true;
    is_unexpected(&flight.read(&[status]).unwrap_err(), "certificate_status");
    flight.extensions = vec![status];
    assert_eq!(flight.read(&[status]), Ok(()));

    let ticket = ExtensionType::SESSION_TICKET;
    let mut record = Vec::new();
    let message = [HandshakeType::NEW_SESSION_TICKET.0, 0, 0, 6, 0, 0, 0, 9, 0, 0];
    write_handshake(&mut record, ProtocolVersion::TLS_1_2, &message);
    for (answered, expected) in [(vec![], Some("new_session_ticket")), (vec![ticket], None)] {
        let mut flight = Flight::new(ECDHE_RSA, rsa());
        flight.extensions = answered;
        let mut client = flight.client(&[ticket]);
        client.handle_input(&record);
        match (client.poll_event(), expected) {
            (Some(Event::Failed(failure)), Some(found)) => is_unexpected(&failure, found),
            (None, None) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_leaf_that_is_none_and_a_list_that_is_empty() {
    let mut flight = Flight::new(ECDHE_RSA, rsa());
    flight.certificates = vec![b"\x30\x03abc".to_vec()];
    assert_eq!(
        flight.read(&[]),
        Err(Failure::NotCompletable(NotCompletable::KeyUnreadable))
    );
    flight.certificates = vec![];
    assert_eq!(
        flight.read(&[]),
        Err(Failure::Violation(Violation::Missing("certificate")))
    );
}

fn rsa_key(modulus_bytes: usize) -> Vec<u8> {
    let integer = |bytes: &[u8]| element(2, bytes);
    let modulus = [&[0], vec![0xc5; modulus_bytes].as_slice()].concat();
    element(0x30, &[integer(&modulus), integer(&[1, 0, 1])].concat())
}

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).unwrap();
    [&[tag, 0x82], length.to_be_bytes().as_slice(), contents].concat()
}

/// The primitive takes RSA keys of up to 8,192 bits: a longer one is no bad signature.
#[test]
fn an_rsa_key_that_is_too_long_for_us_accuses_nobody() {
    for (bytes, expected) in [
        (1024, Ok(false)),
        (1025, Err(NotCompletable::LargeRsaKey { bits: 8200 })),
    ] {
        let bits = rsa_key(bytes);
        let key = PublicKey {
            info: &[],
            kind: KeyKind::Rsa,
            bits: &bits,
        };
        let signature = vec![1; bytes];
        let outcome = verify_signature(&key, SignatureScheme::RSA_PKCS1_SHA256, b"message", &signature);
        assert_eq!(outcome, expected, "{bytes}");
    }
    let key = PublicKey {
        info: &[],
        kind: KeyKind::Rsa,
        bits: b"no key",
    };
    assert_eq!(
        verify_signature(&key, SignatureScheme::RSA_PKCS1_SHA256, b"message", b"signature"),
        Err(NotCompletable::KeyUnreadable)
    );
}

/// A curve given by its parameters (RFC 3279 §2.3.5) is a key of another kind, not damage.
#[test]
fn a_certificate_with_an_explicit_curve_has_a_key_of_another_kind() {
    let identity = ec();
    let mut leaf = identity.chain()[0].clone();
    let curve = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let at = leaf
        .windows(curve.len())
        .position(|window| window == curve)
        .unwrap();
    leaf[at] = 0x30;
    assert_eq!(public_key(&leaf).map(|key| key.kind), Some(KeyKind::Other));
}
