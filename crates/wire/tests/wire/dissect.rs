//! The dissection: every byte has its field, and the fields say what the messages say.

use crate::support::fixtures;
use proptest::prelude::*;
use siptls_wire::dissect::{self, Field, Part, PartKind, Role};
use siptls_wire::fuzzing::{self, read_in_pieces};
use siptls_wire::{
    CipherSuite, ContentType, ExtensionType, HandshakeType, NamedGroup, Offer, ProtocolVersion,
    ServerKeyExchange, SignatureScheme, write_alert, write_handshake, write_record,
};

fn fields<'a>(part: &'a Part, name: &str) -> Vec<&'a Field> {
    let named = part.fields.iter().filter(|field| field.name == name);
    named.filter(|field| field.role == Role::Value).collect()
}

fn bytes_of<'a>(part: &'a Part, name: &str) -> Vec<&'a [u8]> {
    fields(part, name)
        .into_iter()
        .map(|field| part.bytes_of(field))
        .collect()
}

fn numbers(part: &Part, name: &str) -> Vec<u16> {
    let all = bytes_of(part, name).into_iter();
    all.map(|bytes| u16::from_be_bytes(bytes.try_into().unwrap()))
        .collect()
}

fn message(parts: &[Part], kind: HandshakeType) -> Option<&Part> {
    parts.iter().find(|part| part.kind == PartKind::Message(kind))
}

/// One line for each field, as a reviewer reads it.
fn listing(parts: &[Part]) -> String {
    let mut out = String::new();
    for part in parts {
        out += &format!(
            "{:?} at {}, {} bytes\n",
            part.kind,
            part.position(0),
            part.bytes.len()
        );
        for field in &part.fields {
            let text = part.text_of(field).unwrap_or_default();
            let indent = "  ".repeat(usize::from(field.depth) + 1);
            let line = format!(
                "{indent}{:04x}+{} {} {text}",
                part.position(field.offset),
                field.length,
                field.name
            );
            out += &format!(
                "{}{}\n",
                line.trim_end(),
                if field.role == Role::Length {
                    " [length]"
                } else {
                    ""
                }
            );
        }
        out += &part
            .fault
            .as_ref()
            .map(|fault| format!("  !! {fault}\n"))
            .unwrap_or_default();
    }
    out
}

#[test]
fn the_dissection_of_every_fixture_says_what_its_messages_say() {
    let (mut messages, mut extensions) = (0, 0);
    for fixture in fixtures() {
        let name = &fixture.name;
        let outcome = read_in_pieces([fixture.bytes.as_slice()]);
        let parts = dissect::stream(&fixture.bytes);
        fuzzing::dissection(&fixture.bytes);
        let transcript = &outcome.transcript;
        if outcome.end.is_ok() {
            assert!(parts.iter().all(|part| part.fault.is_none()), "{name}");
        }
        let hello = message(&parts, HandshakeType::SERVER_HELLO);
        assert_eq!(hello.is_some(), transcript.server_hello.is_some(), "{name}");
        if let (Some(part), Some(hello)) = (hello, &transcript.server_hello) {
            messages += 1;
            assert_eq!(numbers(part, "server_version"), [hello.legacy_version.0]);
            assert_eq!(bytes_of(part, "random"), [&hello.random]);
            assert_eq!(numbers(part, "cipher_suite"), [hello.cipher_suite.0]);
            let kinds: Vec<u16> = hello
                .extensions
                .iter()
                .map(|extension| extension.kind.0)
                .collect();
            assert_eq!(numbers(part, "extension_type"), kinds, "{name}");
            let data = part
                .fields
                .iter()
                .filter(|field| (field.name, field.role) == ("extension_data", Role::Vector));
            let data: Vec<&[u8]> = data.map(|field| &part.bytes_of(field)[2..]).collect();
            let expected: Vec<&[u8]> = hello
                .extensions
                .iter()
                .map(|extension| &extension.data[..])
                .collect();
            assert_eq!(data, expected, "{name}");
            extensions += data.len();
        }
        let certificates = message(&parts, HandshakeType::CERTIFICATE);
        let found = certificates.map(|part| bytes_of(part, "certificate"));
        let expected = transcript.certificates.as_ref();
        assert_eq!(
            found,
            expected.map(|list| list.iter().map(Vec::as_slice).collect()),
            "{name}"
        );
        let status = message(&parts, HandshakeType::CERTIFICATE_STATUS);
        let found = status.map(|part| bytes_of(part, "response"));
        let expected = transcript.certificate_status.as_ref();
        assert_eq!(found, expected.map(|status| vec![&status.response[..]]), "{name}");
        match (
            message(&parts, HandshakeType::SERVER_KEY_EXCHANGE),
            &transcript.server_key_exchange,
        ) {
            (Some(part), Some(ServerKeyExchange::Ecdhe(parameters))) => {
                messages += 1;
                assert_eq!(numbers(part, "namedcurve"), [parameters.group.0]);
                assert_eq!(bytes_of(part, "public"), [&parameters.point[..]]);
                let scheme: Vec<u16> = parameters.scheme.iter().map(|scheme| scheme.0).collect();
                assert_eq!(numbers(part, "algorithm"), scheme);
                assert_eq!(bytes_of(part, "signature"), [&parameters.signature[..]]);
            }
            (Some(part), Some(ServerKeyExchange::Other(body))) => {
                assert_eq!(bytes_of(part, "params"), [&body[..]]);
            }
            (part, read) => assert!(part.is_none() && read.is_none(), "{name}"),
        }
        match (
            message(&parts, HandshakeType::CERTIFICATE_REQUEST),
            &transcript.certificate_request,
        ) {
            (Some(part), Some(request)) => {
                messages += 1;
                let types: Vec<u8> = request.certificate_types.iter().map(|kind| kind.0).collect();
                assert_eq!(bytes_of(part, "certificate_type"), [&types[..]]);
                let schemes: Vec<u16> = request
                    .signature_algorithms
                    .iter()
                    .map(|scheme| scheme.0)
                    .collect();
                assert_eq!(numbers(part, "algorithm"), schemes);
                let names: Vec<&[u8]> = request.authorities.iter().map(Vec::as_slice).collect();
                assert_eq!(bytes_of(part, "distinguished_name"), names, "{name}");
            }
            (part, read) => assert!(part.is_none() && read.is_none(), "{name}"),
        }
        let done = message(&parts, HandshakeType::SERVER_HELLO_DONE);
        assert_eq!(done.is_some(), transcript.done, "{name}");
        let alerts = parts.iter().filter(|part| part.kind == PartKind::Alert);
        let alerts: Vec<[u8; 2]> = alerts.map(|part| part.bytes[..].try_into().unwrap()).collect();
        let expected = transcript
            .alerts
            .iter()
            .map(|alert| [alert.level.0, alert.description.0]);
        assert_eq!(alerts, expected.collect::<Vec<_>>(), "{name}");
    }
    assert!(
        messages > 50 && extensions > 60,
        "{messages} messages, {extensions} extensions"
    );
}

#[test]
fn the_faults_of_a_dissection_are_those_of_the_flight_reader() {
    let mut faults = 0;
    for fixture in fixtures() {
        // One wrong byte at each place of the beginning, where the lengths are.
        for at in 9..fixture.bytes.len().min(110) {
            let mut bytes = fixture.bytes.clone();
            bytes[at] ^= 0x41;
            fuzzing::dissection(&bytes);
            let parts = dissect::stream(&bytes);
            let outcome = read_in_pieces([bytes.as_slice()]);
            let Err(error @ siptls_wire::Error::Malformed(fault)) = &outcome.end else {
                continue;
            };
            if matches!(fault.within, siptls_wire::Within::Message(_)) {
                let first = parts.iter().find_map(|part| part.fault.as_ref());
                assert_eq!(first, Some(error), "{} at {at}", fixture.name);
                faults += 1;
            }
        }
    }
    assert!(faults > 300, "{faults}");
}

fn offer() -> Offer {
    Offer {
        legacy_version: ProtocolVersion::TLS_1_2,
        cipher_suites: vec![
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            CipherSuite(0xfafa),
            CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV,
        ],
        groups: vec![NamedGroup::SECP384R1, NamedGroup(0x2a2a)],
        signature_algorithms: vec![
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PSS_RSAE_SHA256,
        ],
        versions: vec![ProtocolVersion::TLS_1_3, ProtocolVersion::TLS_1_2],
        extensions: vec![
            ExtensionType::SERVER_NAME,
            ExtensionType::STATUS_REQUEST,
            ExtensionType::SUPPORTED_GROUPS,
            ExtensionType::EC_POINT_FORMATS,
            ExtensionType::SIGNATURE_ALGORITHMS,
            ExtensionType::EXTENDED_MASTER_SECRET,
            ExtensionType::SUPPORTED_VERSIONS,
            ExtensionType::KEY_SHARE,
            ExtensionType(0x1a1a),
            ExtensionType::RENEGOTIATION_INFO,
        ],
    }
}

#[test]
fn a_client_hello_shows_its_offer() {
    let mut bytes = Vec::new();
    let hello = offer().client_hello([7; 32], Some("sbc.example.test")).encode();
    write_handshake(&mut bytes, ProtocolVersion::TLS_1_0, &hello);
    fuzzing::dissection(&bytes);
    insta::assert_snapshot!(listing(&dissect::stream(&bytes)));
}

#[test]
fn a_flight_shows_its_fields() {
    let fixture = |name: &str| fixtures().into_iter().find(|one| one.name == name).unwrap().bytes;
    insta::assert_snapshot!(
        "flight",
        listing(&dissect::stream(&fixture("openssl-staple-request")))
    );
    insta::assert_snapshot!(
        "alert",
        listing(&dissect::stream(&fixture("nss-handshake-failure")))
    );
    insta::assert_snapshot!("not_tls", listing(&dissect::stream(&fixture("python-http"))));
    // A cut in the middle of the Certificate message, at the end of a record and inside one.
    let small = fixture("openssl-small-records");
    insta::assert_snapshot!("cut", listing(&dissect::stream(&small[..1200])));
}

#[test]
fn what_follows_a_change_of_keys_is_protected() {
    let mut bytes = Vec::new();
    write_record(
        &mut bytes,
        ContentType::CHANGE_CIPHER_SPEC,
        ProtocolVersion::TLS_1_2,
        &[1],
    );
    write_record(
        &mut bytes,
        ContentType::HANDSHAKE,
        ProtocolVersion::TLS_1_2,
        &[20; 18_000],
    );
    write_record(&mut bytes, ContentType::ALERT, ProtocolVersion::TLS_1_2, &[9; 40]);
    fuzzing::dissection(&bytes);
    let kinds: Vec<PartKind> = dissect::stream(&bytes).iter().map(|part| part.kind).collect();
    use PartKind::{ChangeCipherSpec, Payload, RecordHeader};
    assert_eq!(
        kinds,
        [
            RecordHeader,
            ChangeCipherSpec,
            RecordHeader,
            Payload(ContentType::HANDSHAKE),
            RecordHeader,
            Payload(ContentType::ALERT),
        ]
    );
}

#[test]
fn an_alert_in_two_records_is_one_alert_in_two_runs() {
    let mut bytes = Vec::new();
    write_record(&mut bytes, ContentType::ALERT, ProtocolVersion::TLS_1_2, &[2]);
    write_record(&mut bytes, ContentType::ALERT, ProtocolVersion::TLS_1_2, &[40, 1]);
    let parts = dissect::stream(&bytes);
    fuzzing::dissection(&bytes);
    let alerts: Vec<&Part> = parts.iter().filter(|part| part.kind == PartKind::Alert).collect();
    assert_eq!(alerts.len(), 2);
    assert_eq!((alerts[0].position(0), alerts[0].position(1)), (5, 11));
    assert!(!alerts[0].is_together(&Field {
        length: 2,
        ..alerts[0].fields[0]
    }));
    assert_eq!(
        alerts[0].text_of(&alerts[0].fields[1]).unwrap(),
        "handshake_failure (40)"
    );
    assert!(alerts[1].fault.is_some(), "half an alert");
    let mut whole = Vec::new();
    write_alert(
        &mut whole,
        ProtocolVersion::TLS_1_2,
        siptls_wire::AlertLevel::FATAL,
        siptls_wire::AlertDescription(200),
    );
    let parts = dissect::stream(&whole);
    assert_eq!(parts[1].text_of(&parts[1].fields[1]).unwrap(), "unknown (200)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A flight cut anywhere and changed anywhere.
    #[test]
    fn no_cut_and_no_change_loses_a_byte(
        which in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let fixtures = fixtures();
        let mut bytes = which.get(&fixtures).bytes.clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        fuzzing::dissection(&bytes);
    }

    #[test]
    fn any_bytes_are_laid_open_whole(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        fuzzing::dissection(&bytes);
        let mut records = Vec::new();
        write_handshake(&mut records, ProtocolVersion::TLS_1_2, &bytes);
        fuzzing::dissection(&records);
    }
}
