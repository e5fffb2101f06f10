//! Which messages may come when, and what else may stand in a flight.

use crate::support::{
    alert, certificate, done, ecdhe, key_exchange, message, read, read_each, record, records, request, rsa,
    server_hello, status,
};
use siptls_wire::{
    Alert, AlertDescription, AlertLevel, CertificateRequest, CipherSuite, ContentType, Error, Extension,
    ExtensionType, Fault, FlightReader, HandshakeType, KeyExchange, Malformed, NamedGroup, Progress,
    ProtocolVersion, ServerKeyExchange, SignatureScheme, Within,
};

#[track_caller]
fn unexpected(messages: &[Vec<u8>], expected: &str, found: &str) -> FlightReader {
    let (reader, end) = read_each(messages);
    match end {
        Err(Error::Unexpected {
            expected: e,
            found: f,
        }) => assert_eq!((e, f.as_str()), (expected, found)),
        other => panic!("{other:?}"),
    }
    assert!(!reader.transcript().done);
    reader
}

#[test]
fn every_order_the_rfcs_allow_is_read() {
    let unknown = server_hello(ProtocolVersion::TLS_1_2, CipherSuite(0xc0ff)).encode();
    let allowed: &[Vec<Vec<u8>>] = &[
        vec![rsa(), certificate(), done()],
        vec![rsa(), certificate(), request(), done()],
        vec![rsa(), certificate(), status(), request(), done()],
        vec![ecdhe(), certificate(), key_exchange(), done()],
        vec![
            ecdhe(),
            certificate(),
            status(),
            key_exchange(),
            request(),
            done(),
        ],
        // An unknown suite may be anonymous, or without a key exchange message.
        vec![unknown.clone(), key_exchange(), done()],
        vec![unknown.clone(), certificate(), done()],
        vec![unknown, done()],
    ];
    for messages in allowed {
        let (reader, end) = read_each(messages);
        assert_eq!(end, Ok(Progress::Done));
        assert_eq!(reader.messages(), messages.concat());
        // All in one record, and one byte to a record.
        let together = records(&messages.concat());
        assert_eq!(read(&together).1, Ok(Progress::Done));
        let apart: Vec<u8> = messages
            .concat()
            .chunks(1)
            .flat_map(|byte| record(ContentType::HANDSHAKE, byte))
            .collect();
        let (apart, end) = read(&apart);
        assert_eq!(end, Ok(Progress::Done));
        assert_eq!(apart.transcript(), reader.transcript());
    }
}

#[test]
fn a_message_out_of_order_is_unexpected_and_keeps_what_came_before() {
    let reader = unexpected(
        &[rsa(), rsa()],
        "certificate, server_key_exchange or server_hello_done",
        "server_hello",
    );
    assert!(reader.transcript().server_hello.is_some());
    let start = "server_hello or an alert";
    unexpected(&[certificate()], start, "certificate");
    unexpected(&[done()], start, "server_hello_done");
    unexpected(&[message(1, &[])], start, "client_hello");
    unexpected(&[rsa(), request()], "certificate", "certificate_request");
    unexpected(&[rsa(), status()], "certificate", "certificate_status");
    let reader = unexpected(
        &[rsa(), certificate(), certificate()],
        "certificate_status, server_key_exchange, certificate_request or server_hello_done",
        "certificate",
    );
    assert_eq!(reader.transcript().certificates.as_ref().unwrap().len(), 2);
    assert_eq!(reader.messages(), [rsa(), certificate()].concat());
    let reader = unexpected(
        &[ecdhe(), certificate(), key_exchange(), request(), key_exchange()],
        "server_hello_done",
        "server_key_exchange",
    );
    assert!(reader.transcript().certificate_request.is_some());
    unexpected(
        &[ecdhe(), certificate(), key_exchange(), status()],
        "certificate_request or server_hello_done",
        "certificate_status",
    );
    unexpected(
        &[rsa(), certificate(), request(), certificate()],
        "server_hello_done",
        "certificate",
    );
    for (kind, name) in [(20, "finished"), (4, "new_session_ticket"), (99, "0x63")] {
        let expected = "certificate_status, server_key_exchange, certificate_request or server_hello_done";
        unexpected(&[rsa(), certificate(), message(kind, &[1])], expected, name);
    }
}

#[test]
fn a_known_key_exchange_needs_its_messages_and_forbids_the_others() {
    unexpected(&[rsa(), done()], "certificate", "server_hello_done");
    unexpected(&[ecdhe(), key_exchange()], "certificate", "server_key_exchange");
    let reader = unexpected(
        &[ecdhe(), certificate(), done()],
        "server_key_exchange",
        "server_hello_done",
    );
    assert!(reader.transcript().certificates.is_some());
    unexpected(
        &[ecdhe(), certificate(), request()],
        "server_key_exchange",
        "certificate_request",
    );
    let forbidden = "certificate_request or server_hello_done";
    unexpected(
        &[rsa(), certificate(), key_exchange()],
        forbidden,
        "server_key_exchange",
    );
    let anonymous = server_hello(ProtocolVersion::TLS_1_2, CipherSuite(0xc019)).encode();
    unexpected(
        &[anonymous, key_exchange(), request()],
        "certificate",
        "certificate_request",
    );
}

#[test]
fn what_stands_behind_the_last_message_in_its_record_is_refused() {
    let flight = [rsa(), certificate(), done()].concat();
    for (behind, found) in [
        (vec![14], "the beginning of a handshake message"),
        (done(), "server_hello_done"),
        (message(0, &[1]), "hello_request"),
    ] {
        let (reader, end) = read(&records(&[flight.clone(), behind].concat()));
        let expected = "nothing more of this flight";
        assert_eq!(
            end,
            Err(Error::Unexpected {
                expected,
                found: found.to_owned()
            })
        );
        // The flight itself was complete.
        assert!(reader.transcript().done);
    }
    assert_eq!(
        read(&records(&[flight.clone(), message(0, &[])].concat())).1,
        Ok(Progress::Done)
    );

    // In a record of its own it is no longer part of the flight.
    let bytes = [
        records(&flight),
        alert(AlertLevel::FATAL, AlertDescription::INTERNAL_ERROR),
    ]
    .concat();
    let (mut reader, end) = read(&bytes);
    assert_eq!(end, Ok(Progress::Done));
    assert_eq!(reader.pending().len(), 7);
    assert_eq!(reader.read(b"more"), Ok(Progress::Done));
    assert_eq!(reader.pending().len(), 7);
    let (transcript, mut rest, raw) = reader.into_parts();
    assert!(transcript.done && transcript.alerts.is_empty());
    assert_eq!(raw, records(&flight));
    let next = rest.next_record().unwrap().unwrap();
    assert_eq!(
        (next.content_type, next.payload),
        (ContentType::ALERT, &[2, 80][..])
    );
    assert_eq!(rest.offset(), bytes.len() as u64);
}

#[test]
fn hello_requests_are_ignored_and_not_hashed() {
    let idle = message(0, &[]);
    let messages = [
        idle.clone(),
        rsa(),
        idle.clone(),
        certificate(),
        idle.clone(),
        idle,
        done(),
    ];
    let (reader, end) = read_each(&messages);
    assert_eq!(end, Ok(Progress::Done));
    assert_eq!(reader.messages(), [rsa(), certificate(), done()].concat());
    let (_, end) = read_each(&[message(0, &[1])]);
    let fault = Fault::Trailing {
        after: "the header",
        left: 1,
    };
    let within = Within::Message(HandshakeType::HELLO_REQUEST);
    assert_eq!(
        end,
        Err(Malformed {
            within,
            offset: 0,
            fault
        }
        .into())
    );
}

#[test]
fn records_of_other_types_do_not_belong_into_the_flight() {
    for (kind, name) in [
        (ContentType::CHANGE_CIPHER_SPEC, "change_cipher_spec"),
        (ContentType::APPLICATION_DATA, "application_data"),
    ] {
        let bytes = [records(&[rsa(), certificate()].concat()), record(kind, &[1])].concat();
        let (reader, end) = read(&bytes);
        match end {
            Err(Error::Unexpected { found, .. }) => assert_eq!(found, format!("a record of type {name}")),
            other => panic!("{other:?}"),
        }
        assert!(reader.transcript().certificates.is_some());
        assert_eq!(reader.raw(), bytes);
    }
    // Also in the middle of a message.
    let bytes = [records(&rsa()[..9]), record(ContentType::APPLICATION_DATA, &[1])].concat();
    assert!(matches!(read(&bytes).1, Err(Error::Unexpected { .. })));
}

#[test]
fn what_is_no_tls_shows_its_first_bytes() {
    for (bytes, first, text) in [
        (
            &b"SIP/2.0 400 Bad Request\r\n"[..],
            &b"SIP/2"[..],
            "expected a TLS record, found 5349502f32 (SIP/2)",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            b"HTTP/",
            "expected a TLS record, found 485454502f (HTTP/)",
        ),
        (
            &[0, 1, 2, 3, 4, 5],
            &[0, 1, 2, 3, 4],
            "expected a TLS record, found 0001020304",
        ),
        // A record of SSLv2, and a content type that TLS 1.2 does not have.
        (
            &[22, 2, 0, 0, 1, 0],
            &[22, 2, 0, 0, 1],
            "expected a TLS record, found 1602000001",
        ),
        (
            &[24, 3, 3, 0, 1, 0],
            &[24, 3, 3, 0, 1],
            "expected a TLS record, found 1803030001",
        ),
    ] {
        let (reader, end) = read(bytes);
        assert_eq!(
            end,
            Err(Error::NotTls {
                first: first.to_vec()
            })
        );
        assert_eq!(end.unwrap_err().to_string(), text);
        assert_eq!(reader.pending(), bytes);
        assert_eq!(read(&bytes[..4]).1, Ok(Progress::NeedMore));
    }
}

#[test]
fn later_headers_that_are_none_are_malformed_at_their_byte() {
    let first = records(&rsa());
    for (header, offset, fault) in [
        ([24, 3, 3, 0, 1], 0, Fault::ContentType(ContentType(24))),
        (
            [b'S', b'I', b'P', b'/', b'2'],
            0,
            Fault::ContentType(ContentType(b'S')),
        ),
        ([22, 2, 3, 0, 1], 1, Fault::Version(ProtocolVersion(0x0203))),
        (
            [22, 3, 3, 0, 0],
            3,
            Fault::Length {
                field: "fragment",
                found: 0,
                expected: "at least 1",
            },
        ),
    ] {
        let (reader, end) = read(&[first.as_slice(), &header].concat());
        let offset = first.len() as u64 + offset;
        assert_eq!(
            end,
            Err(Malformed {
                within: Within::Record,
                offset,
                fault
            }
            .into())
        );
        assert!(reader.transcript().server_hello.is_some());
    }
    assert_eq!(
        Fault::Version(ProtocolVersion(0x0203)).to_string(),
        "record version 0x0203"
    );
}

#[test]
fn alerts_end_the_flight_when_fatal_or_close_notify_and_are_kept_when_warnings() {
    let fatal = Alert {
        level: AlertLevel::FATAL,
        description: AlertDescription::HANDSHAKE_FAILURE,
    };
    let closing = Alert {
        level: AlertLevel::WARNING,
        description: AlertDescription::CLOSE_NOTIFY,
    };
    let name = Alert {
        level: AlertLevel::WARNING,
        description: AlertDescription::UNRECOGNIZED_NAME,
    };
    let odd = Alert {
        level: AlertLevel(7),
        description: AlertDescription(201),
    };
    for ending in [fatal, closing, odd] {
        let bytes = [
            alert(name.level, name.description),
            records(&rsa()),
            alert(ending.level, ending.description),
            records(&certificate()),
        ]
        .concat();
        let (reader, end) = read(&bytes);
        assert_eq!(end, Ok(Progress::Alert(ending)));
        assert_eq!(reader.transcript().alerts, [name, ending]);
        assert_eq!(
            reader.transcript().fatal_alert(),
            ending.is_fatal().then_some(ending)
        );
        assert!(reader.transcript().server_hello.is_some() && reader.transcript().certificates.is_none());
        assert_eq!(reader.pending(), records(&certificate()));
    }
    // A warning does not disturb a message in two records.
    let bytes = [
        records(&rsa()[..20]),
        alert(name.level, name.description),
        records(&[&rsa()[20..], &certificate(), &done()].concat()),
    ]
    .concat();
    let (reader, end) = read(&bytes);
    assert_eq!(end, Ok(Progress::Done));
    assert_eq!(reader.transcript().alerts, [name]);
}

#[test]
fn alerts_may_share_a_record_or_span_two() {
    let canceled = Alert {
        level: AlertLevel::WARNING,
        description: AlertDescription::USER_CANCELED,
    };
    let closing = Alert {
        level: AlertLevel::WARNING,
        description: AlertDescription::CLOSE_NOTIFY,
    };
    let (reader, end) = read(&record(ContentType::ALERT, &[1, 90, 1, 0, 2, 40]));
    assert_eq!(end, Ok(Progress::Alert(closing)));
    assert_eq!(reader.transcript().alerts, [canceled, closing]);

    let halves = [
        record(ContentType::ALERT, &[2]),
        record(ContentType::ALERT, &[40]),
    ]
    .concat();
    let (reader, end) = read(&halves);
    assert!(matches!(end, Ok(Progress::Alert(alert)) if alert.is_fatal()));
    assert_eq!(reader.transcript().alerts.len(), 1);
    assert_eq!(read(&halves[..6]).1, Ok(Progress::NeedMore));

    let (_, end) = read(&[record(ContentType::ALERT, &[2]), records(&rsa())].concat());
    let found = "a record of type handshake".to_owned();
    assert_eq!(
        end,
        Err(Error::Unexpected {
            expected: "the second half of an alert",
            found
        })
    );

    // Alone, an alert has two bytes.
    assert_eq!(Alert::parse(&[1, 0]), Ok(closing));
    for (bytes, offset) in [(&[][..], 0), (&[2], 1), (&[2, 40, 0], 2)] {
        match Alert::parse(bytes) {
            Err(Error::Malformed(malformed)) => {
                assert_eq!((malformed.within, malformed.offset), (Within::Alert, offset))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_server_that_chooses_tls_1_3_ends_the_clear_text() {
    let mut hello = server_hello(ProtocolVersion::TLS_1_2, CipherSuite::TLS_AES_128_GCM_SHA256);
    hello.extensions = vec![Extension {
        kind: ExtensionType::SUPPORTED_VERSIONS,
        data: vec![3, 4],
    }];
    let bytes = [
        records(&hello.encode()),
        record(ContentType::CHANGE_CIPHER_SPEC, &[1]),
    ]
    .concat();
    let (reader, end) = read(&bytes);
    assert_eq!(end, Ok(Progress::Encrypted));
    assert_eq!(reader.transcript().server_hello, Some(hello.clone()));
    assert_eq!(hello.version(), ProtocolVersion::TLS_1_3);
    assert_eq!(reader.pending(), record(ContentType::CHANGE_CIPHER_SPEC, &[1]));
    assert!(!reader.transcript().done);
    // RFC 8446 §5.1: messages do not span a change of keys.
    let (_, end) = read(&records(&[hello.encode(), certificate()].concat()));
    assert!(matches!(
        end,
        Err(Error::Unexpected {
            expected: "nothing more of this flight",
            ..
        })
    ));
    // supported_versions with TLS 1.2 in it goes on in clear text.
    hello.extensions[0].data = vec![3, 3];
    assert_eq!(read(&records(&hello.encode())).1, Ok(Progress::NeedMore));
}

#[test]
fn extensions_that_decide_how_to_go_on_are_read_strictly() {
    let truncated = |field, needed, left| Fault::Truncated { field, needed, left };
    let trailing = |after| Fault::Trailing { after, left: 1 };
    for (kind, data, inside, fault) in [
        (
            ExtensionType::RENEGOTIATION_INFO,
            vec![],
            0,
            truncated("renegotiated_connection", 1, 0),
        ),
        (
            ExtensionType::RENEGOTIATION_INFO,
            vec![1],
            1,
            truncated("renegotiated_connection", 1, 0),
        ),
        (
            ExtensionType::RENEGOTIATION_INFO,
            vec![0, 0],
            1,
            trailing("renegotiated_connection"),
        ),
        (
            ExtensionType::EC_POINT_FORMATS,
            vec![0],
            1,
            Fault::Length {
                field: "ec_point_format_list",
                found: 0,
                expected: "at least 1",
            },
        ),
        (
            ExtensionType::EC_POINT_FORMATS,
            vec![1, 0, 0],
            2,
            trailing("ec_point_format_list"),
        ),
        (
            ExtensionType::SUPPORTED_VERSIONS,
            vec![3],
            0,
            truncated("selected_version", 2, 1),
        ),
        (
            ExtensionType::SUPPORTED_VERSIONS,
            vec![3, 4, 0],
            2,
            trailing("selected_version"),
        ),
        (
            ExtensionType::EXTENDED_MASTER_SECRET,
            vec![0],
            0,
            Fault::Length {
                field: "extension_data",
                found: 1,
                expected: "0",
            },
        ),
        (
            ExtensionType::ENCRYPT_THEN_MAC,
            vec![0, 0],
            0,
            Fault::Length {
                field: "extension_data",
                found: 2,
                expected: "0",
            },
        ),
    ] {
        let mut hello = server_hello(
            ProtocolVersion::TLS_1_2,
            CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA,
        );
        hello.extensions = vec![Extension { kind, data }];
        let (reader, end) = read(&records(&hello.encode()));
        // Before the data: version, random, session id of three, suite, compression, two lengths and a type.
        let offset = 2 + 32 + 4 + 3 + 6 + inside;
        let within = Within::Message(HandshakeType::SERVER_HELLO);
        assert_eq!(
            end,
            Err(Malformed {
                within,
                offset,
                fault
            }
            .into()),
            "{kind}"
        );
        assert_eq!(reader.transcript().server_hello, None);
    }
    // Any other is a value.
    let mut hello = server_hello(
        ProtocolVersion::TLS_1_2,
        CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA,
    );
    hello.extensions = vec![
        Extension {
            kind: ExtensionType(0xabcd),
            data: vec![1, 2, 3],
        },
        Extension {
            kind: ExtensionType::RENEGOTIATION_INFO,
            data: vec![2, 9, 9],
        },
    ];
    let (reader, end) = read(&records(&hello.encode()));
    assert_eq!(end, Ok(Progress::NeedMore));
    assert_eq!(reader.transcript().server_hello, Some(hello.clone()));
    hello.extensions.push(Extension {
        kind: ExtensionType(0xabcd),
        data: vec![],
    });
    let fault = Fault::DuplicateExtension(ExtensionType(0xabcd));
    let within = Within::Message(HandshakeType::SERVER_HELLO);
    assert_eq!(
        read(&records(&hello.encode())).1,
        Err(Malformed {
            within,
            offset: 57,
            fault
        }
        .into())
    );
    // A hello may end behind its compression method.
    hello.extensions.clear();
    assert_eq!(read(&records(&hello.encode())).1, Ok(Progress::NeedMore));
}

#[test]
fn a_certificate_request_has_the_form_of_its_version() {
    let old = [&[2, 1, 64][..], &[0, 4, 0, 2, 0x30, 0]].concat();
    let new = [&[2, 1, 64][..], &[0, 2, 4, 1], &[0, 4, 0, 2, 0x30, 0]].concat();
    for version in [
        ProtocolVersion::SSL_3_0,
        ProtocolVersion::TLS_1_0,
        ProtocolVersion::TLS_1_1,
    ] {
        let request = CertificateRequest::parse(&old, version).unwrap();
        assert!(request.signature_algorithms.is_empty());
        assert_eq!(request.authorities, [[0x30, 0]]);
        assert!(CertificateRequest::parse(&new, version).is_err());
        let hello = server_hello(version, CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA).encode();
        let (reader, end) = read_each(&[hello, certificate(), message(13, &old), done()]);
        assert_eq!(end, Ok(Progress::Done));
        assert_eq!(reader.transcript().certificate_request, Some(request));
    }
    let request = CertificateRequest::parse(&new, ProtocolVersion::TLS_1_2).unwrap();
    assert_eq!(request.signature_algorithms, [SignatureScheme::RSA_PKCS1_SHA256]);
    assert!(CertificateRequest::parse(&old, ProtocolVersion::TLS_1_2).is_err());
    // No names means any; no types, no schemes and an empty name are forbidden.
    assert!(
        CertificateRequest::parse(&[1, 1, 0, 2, 4, 1, 0, 0], ProtocolVersion::TLS_1_2)
            .unwrap()
            .authorities
            .is_empty()
    );
    for (body, field) in [
        (&[0, 0, 2, 4, 1, 0, 0][..], "certificate_types"),
        (&[1, 1, 0, 0, 0, 0], "supported_signature_algorithms"),
        (&[1, 1, 0, 1, 4, 0, 0], "supported_signature_algorithms"),
        (&[1, 1, 0, 2, 4, 1, 0, 2, 0, 0], "distinguished_name"),
    ] {
        match CertificateRequest::parse(body, ProtocolVersion::TLS_1_2) {
            Err(Error::Malformed(Malformed {
                fault: Fault::Length { field: f, .. },
                ..
            })) => assert_eq!(f, field),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_key_exchange_has_the_form_of_its_suite_and_version() {
    let point = [2; 49];
    let body = [&[3, 0, 24, 49][..], &point, &[0, 3, 7, 8, 9]].concat();
    for version in [
        ProtocolVersion::SSL_3_0,
        ProtocolVersion::TLS_1_0,
        ProtocolVersion::TLS_1_1,
    ] {
        let ServerKeyExchange::Ecdhe(old) =
            ServerKeyExchange::parse(&body, Some(KeyExchange::EcdheRsa), version).unwrap()
        else {
            panic!("uninterpreted");
        };
        assert_eq!((old.group, old.scheme), (NamedGroup::SECP384R1, None));
        assert_eq!((old.point, old.params), (point.to_vec(), body[..53].to_vec()));
        assert_eq!(old.signature, [7, 8, 9]);
    }
    let version = ProtocolVersion::TLS_1_2;
    assert!(ServerKeyExchange::parse(&body, Some(KeyExchange::EcdheRsa), version).is_err());
    let of = |group: u8, length: u8| {
        [
            &[3, 0, group, length][..],
            &vec![4; usize::from(length)],
            &[4, 1, 0, 1, 9],
        ]
        .concat()
    };
    // A point is as long as its group says; of an unknown group it is any length but none.
    for (group, lengths) in [
        (23, &[33, 65][..]),
        (24, &[49, 97]),
        (25, &[67, 133]),
        (29, &[32]),
        (30, &[56]),
    ] {
        for length in 0..=255 {
            match ServerKeyExchange::parse(&of(group, length), Some(KeyExchange::EcdheEcdsa), version) {
                Err(Error::Malformed(malformed)) => assert_eq!(malformed.offset, 4),
                read => assert!(read.is_ok() && lengths.contains(&length), "{group} {length}"),
            }
            assert!(
                ServerKeyExchange::parse(&of(200, length), Some(KeyExchange::EcdheRsa), version).is_ok()
                    == (length > 0)
            );
        }
    }
    // Explicit curves, DHE and unknown suites stay as sent, however odd.
    for curve_type in [1, 2, 0, 255] {
        let odd = [curve_type, 0xff, 0xff];
        let read = ServerKeyExchange::parse(&odd, Some(KeyExchange::EcdheRsa), version);
        assert_eq!(read, Ok(ServerKeyExchange::Other(odd.to_vec())));
    }
    for exchange in [None, Some(KeyExchange::DheRsa)] {
        assert_eq!(
            ServerKeyExchange::parse(&[], exchange, version),
            Ok(ServerKeyExchange::Other(vec![]))
        );
    }
    let dhe = server_hello(version, CipherSuite::TLS_DHE_RSA_WITH_AES_256_GCM_SHA384).encode();
    let (reader, end) = read_each(&[dhe, certificate(), message(12, &[0, 1, 5]), done()]);
    assert_eq!(end, Ok(Progress::Done));
    assert_eq!(
        reader.transcript().server_key_exchange,
        Some(ServerKeyExchange::Other(vec![0, 1, 5]))
    );
    assert_eq!(
        (
            reader.transcript().group(),
            reader.transcript().key_exchange_signature()
        ),
        (None, None)
    );
    let (reader, _) = read_each(&[ecdhe(), certificate(), key_exchange(), done()]);
    assert_eq!(reader.transcript().group(), Some(NamedGroup::SECP384R1));
    assert_eq!(
        reader.transcript().key_exchange_signature(),
        Some(SignatureScheme::RSA_PKCS1_SHA256)
    );
}

#[test]
fn a_status_of_another_type_is_a_value_and_an_empty_ocsp_response_is_malformed() {
    let (reader, _) = read_each(&[rsa(), certificate(), message(22, &[2, 9, 9]), done()]);
    let status = reader.transcript().certificate_status.clone().unwrap();
    assert_eq!((status.status_type, status.response), (2, vec![9, 9]));
    for body in [
        &[][..],
        &[1],
        &[1, 0, 0, 0],
        &[1, 0, 0, 2, 9],
        &[1, 0, 0, 1, 9, 9],
    ] {
        let (reader, end) = read_each(&[rsa(), certificate(), message(22, body)]);
        match end {
            Err(Error::Malformed(malformed)) => {
                assert_eq!(
                    malformed.within,
                    Within::Message(HandshakeType::CERTIFICATE_STATUS)
                );
                assert!(malformed.offset as usize <= body.len());
            }
            other => panic!("{other:?}"),
        }
        assert!(reader.transcript().certificates.is_some());
    }
    let (_, end) = read_each(&[rsa(), certificate(), message(14, &[0])]);
    assert_eq!(
        end.unwrap_err().to_string(),
        "malformed server_hello_done at byte 0: 1 bytes follow the header"
    );
}
