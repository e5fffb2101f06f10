//! What the lab's server refuses, how, and what the probing client makes of it.

use crate::support::{Pair, byoc, client, offer, pki};
use siptls_lab::{Chain, ClientCertificates, Order, Pki, Refusal, ServerConfig, ServerEvent, Twist};
use siptls_tls12::{Event, Failure, SentCertificate, Violation};
use siptls_wire::{
    AlertDescription, CipherSuite as C, ExtensionType, NamedGroup, Offer, ProtocolVersion, SignatureScheme,
};

fn failure(pair: &Pair) -> Option<&Failure> {
    match pair.client_events.last() {
        Some(Event::Failed(failure)) => Some(failure),
        _ => None,
    }
}

fn alert(pair: &Pair) -> Option<AlertDescription> {
    match failure(pair) {
        Some(Failure::Alert(alert)) => Some(alert.description),
        _ => None,
    }
}

fn good(pki: &Pki) -> ServerConfig {
    ServerConfig::new(pki.credentials(Chain::Good))
}

#[test]
fn an_empty_client_certificate_is_refused_in_each_way() {
    let pki = pki();
    for refusal in [
        Refusal::Alert(AlertDescription::HANDSHAKE_FAILURE),
        Refusal::Alert(AlertDescription::CERTIFICATE_REQUIRED),
        Refusal::Close,
        Refusal::Reset,
        Refusal::Late(AlertDescription::ACCESS_DENIED),
    ] {
        for (offer, name) in [
            (byoc(), "ECDHE"),
            (offer(&[C::TLS_RSA_WITH_AES_256_CBC_SHA], &[]), "RSA"),
        ] {
            let config = ServerConfig {
                client_certificates: ClientCertificates::Required(refusal),
                ..good(&pki)
            };
            let mut pair = Pair::new(client(offer, None), config);
            pair.run();
            assert_eq!(pair.client_events[0], Event::FlightRead);
            assert_eq!(pair.client.sent_certificate(), Some(SentCertificate::Empty));
            match refusal {
                Refusal::Alert(description) => assert_eq!(alert(&pair), Some(description), "{name}"),
                Refusal::Close => {
                    assert_eq!(failure(&pair), Some(&Failure::Ended { reset: false }), "{name}")
                }
                Refusal::Reset => assert_eq!(failure(&pair), Some(&Failure::Ended { reset: true }), "{name}"),
                Refusal::Late(description) => {
                    assert_eq!(pair.client_events[1], Event::Finished, "{name}");
                    assert_eq!(alert(&pair), Some(description), "{name}");
                }
            }
        }
    }
}

#[test]
fn a_presented_certificate_is_rejected_and_a_forged_proof_is_noticed() {
    let pki = pki();
    let credentials = pki.credentials(Chain::Good);
    let rejecting = AlertDescription::UNSUPPORTED_CERTIFICATE;
    let config = ServerConfig {
        client_certificates: ClientCertificates::Rejected(rejecting),
        ..good(&pki)
    };
    let mut pair = Pair::new(client(byoc(), Some(credentials.identity())), config);
    pair.run();
    assert_eq!(alert(&pair), Some(rejecting));
    assert_eq!(pair.client.sent_certificate(), Some(SentCertificate::Chain));

    // The CertificateVerify is the last clear-text message: one byte of its signature is changed.
    let config = ServerConfig {
        client_certificates: ClientCertificates::Optional,
        ..good(&pki)
    };
    let mut pair = Pair::new(client(byoc(), Some(credentials.identity())), config);
    pair.server.handle_input(&pair.client.take_output());
    pair.client.handle_input(&pair.server.take_output());
    pair.tamper(|bytes| {
        let change = bytes
            .windows(6)
            .rposition(|six| six == [20, 3, 3, 0, 1, 1])
            .unwrap();
        bytes[change - 1] ^= 1;
    });
    pair.run();
    assert_eq!(
        pair.server_events,
        [ServerEvent::Refused(AlertDescription::DECRYPT_ERROR)]
    );
    assert_eq!(alert(&pair), Some(AlertDescription::DECRYPT_ERROR));
}

/// Every fault in an encrypted premaster shows at the same moment in the same way, so that a
/// server of the lab is no oracle either.
#[test]
fn a_bad_premaster_and_a_bad_finished_look_the_same() {
    let pki = pki();
    for offset_from_change in [1, 100, 250] {
        let mut pair = Pair::new(
            client(offer(&[C::TLS_RSA_WITH_AES_128_GCM_SHA256], &[]), None),
            good(&pki),
        );
        pair.server.handle_input(&pair.client.take_output());
        pair.client.handle_input(&pair.server.take_output());
        pair.tamper(|bytes| {
            let change = bytes
                .windows(6)
                .rposition(|six| six == [20, 3, 3, 0, 1, 1])
                .unwrap();
            bytes[change - offset_from_change] ^= 1;
        });
        pair.run();
        assert_eq!(
            pair.server_events,
            [ServerEvent::Refused(AlertDescription::BAD_RECORD_MAC)]
        );
    }
    let mut pair = Pair::new(client(byoc(), None), good(&pki));
    pair.server.handle_input(&pair.client.take_output());
    pair.client.handle_input(&pair.server.take_output());
    pair.tamper(|bytes| bytes.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1));
    pair.run();
    assert_eq!(
        pair.server_events,
        [ServerEvent::Refused(AlertDescription::BAD_RECORD_MAC)]
    );
}

#[test]
fn what_is_not_shared_is_refused_as_openssl_does() {
    let pki = pki();
    let p256 = ServerConfig {
        suites: vec![C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384],
        groups: vec![NamedGroup::SECP256R1],
        ..good(&pki)
    };
    let ecdsa = ServerConfig::new(pki.credentials(Chain::Ecdsa));
    let ecdsa_suite = [C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384];
    let no_sha = Offer {
        signature_algorithms: vec![SignatureScheme::ED25519],
        ..byoc()
    };
    let no_sha = Offer {
        cipher_suites: vec![C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384],
        ..no_sha
    };
    let old = Offer {
        legacy_version: ProtocolVersion::TLS_1_1,
        ..byoc()
    };
    let only13 = Offer {
        versions: vec![ProtocolVersion::TLS_1_3],
        ..byoc()
    };
    let mut only13 = only13;
    only13.extensions.push(ExtensionType::SUPPORTED_VERSIONS);
    let refused = AlertDescription::HANDSHAKE_FAILURE;
    for (name, offer, config, expected) in [
        ("no group", byoc(), p256, refused),
        (
            "no suite",
            offer(&[C::TLS_RSA_WITH_AES_128_CBC_SHA], &[]),
            good(&pki),
            refused,
        ),
        ("an unknown suite", offer(&[C(0xfefe)], &[]), good(&pki), refused),
        (
            "the leaf's curve",
            offer(&ecdsa_suite, &[NamedGroup::SECP384R1]),
            ecdsa.clone(),
            refused,
        ),
        ("an EC key for RSA suites", byoc(), ecdsa, refused),
        ("no signature scheme", no_sha, good(&pki), refused),
        (
            "an old version",
            old,
            good(&pki),
            AlertDescription::PROTOCOL_VERSION,
        ),
        (
            "TLS 1.3 alone",
            only13,
            good(&pki),
            AlertDescription::PROTOCOL_VERSION,
        ),
    ] {
        let mut pair = Pair::new(client(offer, None), config);
        pair.run();
        assert_eq!(pair.server_events, [ServerEvent::Refused(expected)], "{name}");
        assert_eq!(alert(&pair), Some(expected), "{name}");
    }
}

#[test]
fn either_side_s_order_counts() {
    let pki = pki();
    let groups = [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1];
    for (order, suite, group) in [
        (
            Order::Server,
            C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            NamedGroup::SECP384R1,
        ),
        (
            Order::Client,
            C::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
            NamedGroup::X25519,
        ),
    ] {
        let mut suites = byoc().cipher_suites;
        suites.rotate_left(3);
        let mut pair = Pair::new(
            client(offer(&suites, &groups), None),
            ServerConfig { order, ..good(&pki) },
        );
        pair.run();
        let transcript = pair.client.transcript();
        assert_eq!(
            transcript.server_hello.as_ref().map(|hello| hello.cipher_suite),
            Some(suite)
        );
        assert_eq!(transcript.group(), Some(group));
        assert_eq!(pair.client_events.last(), Some(&Event::Finished));
    }
}

#[test]
fn each_twist_is_told_apart() {
    let pki = pki();
    let scheme = SignatureScheme::RSA_PKCS1_SHA256;
    for (twist, expected) in [
        (Twist::BadSignature, Some(Failure::BadSignature(scheme))),
        (Twist::WrongFinished, Some(Failure::BadFinished)),
        (
            Twist::PointOffCurve,
            Some(Failure::Violation(Violation::Point(NamedGroup::SECP384R1))),
        ),
        (
            Twist::GroupNotOffered,
            Some(Failure::Violation(Violation::Group(NamedGroup::SECP256R1))),
        ),
        (
            Twist::SuiteNotOffered,
            Some(Failure::Violation(Violation::CipherSuite(
                C::TLS_RSA_WITH_AES_128_CBC_SHA,
            ))),
        ),
        (Twist::BadMac, None),
        (Twist::RequestAfterFinished, None),
        (Twist::Renegotiation, None),
    ] {
        let mut pair = Pair::new(
            client(byoc(), None),
            ServerConfig {
                twist: Some(twist),
                ..good(&pki)
            },
        );
        pair.run();
        let failure = failure(&pair);
        match (twist, expected) {
            (_, Some(expected)) => assert_eq!(failure, Some(&expected), "{twist:?}"),
            (Twist::BadMac, None) => assert!(matches!(failure, Some(Failure::BadRecord(_)))),
            (_, None) => {
                assert!(pair.client_events.contains(&Event::Finished), "{twist:?}");
                let unexpected = matches!(failure, Some(Failure::Violation(Violation::Unexpected { .. })));
                assert!(unexpected, "{twist:?} {failure:?}");
            }
        }
    }
    // Every string is a point of x25519, but some leave no secret.
    let x25519 = offer(&byoc().cipher_suites, &[NamedGroup::X25519]);
    let mut pair = Pair::new(
        client(x25519, None),
        ServerConfig {
            twist: Some(Twist::PointOffCurve),
            ..good(&pki)
        },
    );
    pair.run();
    assert_eq!(
        failure(&pair),
        Some(&Failure::Violation(Violation::Point(NamedGroup::X25519)))
    );
}
