//! Properties over generated input.

use crate::oracle::agrees_on_client_hello;
use crate::support::{fixtures, server_hello};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use siptls_wire::fuzzing;
use siptls_wire::{
    CertificateRequest, CipherSuite, ClientCertificateType, ClientHello, ContentType, EcdheParameters,
    Extension, ExtensionType, KeyExchange, NamedGroup, Offer, ProtocolVersion, RecordReader, ServerHello,
    ServerKeyExchange, SignatureScheme, parse_certificates, write_certificates, write_handshake,
};

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=most)
}

/// Extensions, each once, in any order; well-formed where the reader of a ServerHello looks inside.
fn extensions() -> impl Strategy<Value = Vec<Extension>> {
    btree_map(any::<u16>(), bytes(40), 0..12)
        .prop_map(|map| {
            map.into_iter()
                .filter(|(kind, _)| ![11, 22, 23, 43, 0xff01].contains(kind))
                .map(|(kind, data)| Extension {
                    kind: ExtensionType(kind),
                    data,
                })
                .collect::<Vec<_>>()
        })
        .prop_flat_map(|mut list| {
            list.push(Extension {
                kind: ExtensionType::RENEGOTIATION_INFO,
                data: vec![0],
            });
            list.push(Extension {
                kind: ExtensionType::EC_POINT_FORMATS,
                data: vec![2, 0, 1],
            });
            list.push(Extension {
                kind: ExtensionType::EXTENDED_MASTER_SECRET,
                data: vec![],
            });
            Just(list).prop_shuffle()
        })
}

fn optional_extensions() -> impl Strategy<Value = Vec<Extension>> {
    prop_oneof![1 => Just(Vec::new()), 4 => extensions()]
}

prop_compose! {
    fn any_client_hello()(
        version: u16,
        random: [u8; 32],
        session_id in bytes(32),
        suites in vec(any::<u16>(), 1..60),
        compression_methods in vec(any::<u8>(), 1..4),
        extensions in optional_extensions(),
    ) -> ClientHello {
        ClientHello {
            legacy_version: ProtocolVersion(version),
            random,
            session_id,
            cipher_suites: suites.into_iter().map(CipherSuite).collect(),
            compression_methods,
            extensions,
        }
    }
}

prop_compose! {
    fn any_server_hello()(
        version: u16,
        random: [u8; 32],
        session_id in bytes(32),
        suite: u16,
        compression_method: u8,
        extensions in optional_extensions(),
    ) -> ServerHello {
        let cipher_suite = CipherSuite(suite);
        ServerHello { legacy_version: ProtocolVersion(version), random, session_id, cipher_suite, compression_method, extensions }
    }
}

prop_compose! {
    fn any_request()(
        types in vec(any::<u8>(), 1..256),
        schemes in vec(any::<u16>(), 1..60),
        authorities in vec(vec(any::<u8>(), 1..200), 0..40),
    ) -> CertificateRequest {
        CertificateRequest {
            certificate_types: types.into_iter().map(ClientCertificateType).collect(),
            signature_algorithms: schemes.into_iter().map(SignatureScheme).collect(),
            authorities,
        }
    }
}

prop_compose! {
    fn any_parameters(tls12: bool)(
        (group, point) in prop_oneof![
            (Just(24), vec(any::<u8>(), 97)),
            (Just(23), vec(any::<u8>(), 65)),
            (Just(29), vec(any::<u8>(), 32)),
            (1000_u16.., vec(any::<u8>(), 1..256)),
        ],
        scheme: u16,
        signature in bytes(600),
    ) -> EcdheParameters {
        let group = NamedGroup(group);
        let params = EcdheParameters::encode_params(group, &point);
        EcdheParameters { group, point, params, scheme: tls12.then_some(SignatureScheme(scheme)), signature }
    }
}

/// A fixture with a few bytes changed, inserted, removed or doubled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let recorded: Vec<Vec<u8>> = fixtures()
        .into_iter()
        .map(|fixture| fixture.bytes)
        .filter(|bytes| bytes.len() < 5000)
        .collect();
    let change = (0_usize..4, any::<prop::sample::Index>(), any::<u8>());
    (prop::sample::select(recorded), vec(change, 1..6)).prop_map(|(mut bytes, changes)| {
        for (what, place, value) in changes {
            let at = place.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match what {
                0 => bytes[at] = value,
                1 => bytes.insert(at, value),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.extend_from_within(at..bytes.len().min(at + usize::from(value))),
            }
        }
        bytes
    })
}

/// Records of any type with any short payload.
fn any_records() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![8 => Just(22_u8), 2 => Just(21), 1 => 20_u8..26];
    let piece = prop_oneof![
        3 => Just(server_hello(ProtocolVersion::TLS_1_2, CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA).encode()),
        3 => Just(write_certificates(&[[1, 2, 3]])),
        1 => Just(vec![14, 0, 0, 0]),
        1 => Just(vec![0, 0, 0, 0]),
        2 => vec(any::<u8>(), 1..8),
    ];
    vec((kind, vec(piece, 1..4)), 0..6).prop_map(|list| {
        let mut out = Vec::new();
        for (kind, pieces) in list {
            siptls_wire::write_record(
                &mut out,
                ContentType(kind),
                ProtocolVersion::TLS_1_2,
                &pieces.concat(),
            );
        }
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_hello_survives_writing_and_the_oracle_agrees(hello in any_client_hello()) {
        let message = hello.encode();
        prop_assert_eq!(ClientHello::parse(&message[4..]), Ok(hello.clone()));
        fuzzing::client_hello(&message[4..]);
        // The oracle interprets extensions, so only those without content are compared.
        let bare = ClientHello { extensions: Vec::new(), ..hello };
        agrees_on_client_hello(&bare);
    }

    #[test]
    fn a_server_hello_survives_writing(hello in any_server_hello()) {
        prop_assert_eq!(ServerHello::parse(&hello.encode()[4..]), Ok(hello));
    }

    #[test]
    fn certificates_survive_writing(list in vec(vec(any::<u8>(), 1..300), 0..=20)) {
        prop_assert_eq!(parse_certificates(&write_certificates(&list)[4..]), Ok(list));
    }

    #[test]
    fn a_certificate_request_survives_writing(request in any_request()) {
        prop_assert_eq!(CertificateRequest::parse(&request.encode()[4..], ProtocolVersion::TLS_1_2), Ok(request));
    }

    #[test]
    fn ecdhe_parameters_survive_writing(new in any_parameters(true), old in any_parameters(false)) {
        for (parameters, version) in [(new, ProtocolVersion::TLS_1_2), (old, ProtocolVersion::TLS_1_0)] {
            let body = parameters.encode().split_off(4);
            let read = ServerKeyExchange::parse(&body, Some(KeyExchange::EcdheEcdsa), version);
            prop_assert_eq!(read, Ok(ServerKeyExchange::Ecdhe(parameters)));
        }
    }

    #[test]
    fn an_offer_is_written_the_same_way_each_time_and_read_back(
        suites in vec(any::<u16>(), 1..20),
        groups in vec(any::<u16>(), 1..6),
        schemes in vec(any::<u16>(), 1..20),
        kinds in Just(vec![0, 5, 10, 11, 13, 22, 23, 35, 43, 0xff01]).prop_shuffle(),
        count in 0_usize..=10,
        random: [u8; 32],
        name in "[a-z]{1,20}\\.[a-z]{2,9}",
    ) {
        let offer = Offer {
            legacy_version: ProtocolVersion::TLS_1_2,
            cipher_suites: suites.into_iter().map(CipherSuite).collect(),
            groups: groups.into_iter().map(NamedGroup).collect(),
            signature_algorithms: schemes.into_iter().map(SignatureScheme).collect(),
            versions: vec![ProtocolVersion::TLS_1_3, ProtocolVersion::TLS_1_2],
            extensions: kinds.into_iter().take(count).map(ExtensionType).collect(),
        };
        let hello = offer.client_hello(random, Some(&name));
        let message = hello.encode();
        prop_assert_eq!(&message, &offer.client_hello(random, Some(&name)).encode());
        let read = ClientHello::parse(&message[4..]).unwrap();
        prop_assert_eq!(&read, &hello);
        agrees_on_client_hello(&hello_without(&hello, ExtensionType::ENCRYPT_THEN_MAC));
        let sent: Vec<ExtensionType> = read.extensions.iter().map(|extension| extension.kind).collect();
        prop_assert_eq!(&sent, &offer.extensions);
        let listed = |kind| offer.has_extension(kind);
        prop_assert_eq!(read.server_name(), listed(ExtensionType::SERVER_NAME).then_some(name));
        prop_assert_eq!(read.groups(), listed(ExtensionType::SUPPORTED_GROUPS).then_some(offer.groups.clone()));
        prop_assert_eq!(read.signature_algorithms(), listed(ExtensionType::SIGNATURE_ALGORITHMS).then_some(offer.signature_algorithms.clone()));
        // Without a name there is no server_name.
        prop_assert!(offer.client_hello(random, None).extension(ExtensionType::SERVER_NAME).is_none());
    }

    #[test]
    fn handshake_bytes_survive_records(payload in bytes(40_000)) {
        let mut stream = Vec::new();
        write_handshake(&mut stream, ProtocolVersion::TLS_1_0, &payload);
        let mut reader = RecordReader::new();
        let mut read = Vec::new();
        for piece in stream.chunks(997) {
            reader.push(piece);
            while let Some(record) = reader.next_record().unwrap() {
                prop_assert_eq!((record.content_type, record.version), (ContentType::HANDSHAKE, ProtocolVersion::TLS_1_0));
                read.extend_from_slice(record.payload);
            }
        }
        prop_assert_eq!(read, payload);
        prop_assert!(reader.pending().is_empty());
    }

    #[test]
    fn any_bytes_hold_the_properties_of_a_flight(bytes in bytes(600)) {
        fuzzing::flight(&bytes);
        fuzzing::client_hello(&bytes);
        fuzzing::messages(&bytes);
    }

    #[test]
    fn any_records_hold_the_properties_of_a_flight(bytes in any_records(), split: usize) {
        fuzzing::flight(&bytes);
        fuzzing::splits_agree(&bytes, split);
    }

    #[test]
    fn mutated_fixtures_hold_the_properties_of_a_flight(bytes in mutated(), split: usize) {
        fuzzing::flight(&bytes);
        fuzzing::splits_agree(&bytes, split);
        fuzzing::messages(bytes.get(9..).unwrap_or_default());
    }
}

fn hello_without(hello: &ClientHello, kind: ExtensionType) -> ClientHello {
    let mut hello = hello.clone();
    hello.extensions.retain(|extension| extension.kind != kind);
    hello
}

#[test]
fn the_name_of_a_client_hello_is_exactly_one_host_name() {
    let hello = |data: &[u8]| ClientHello {
        legacy_version: ProtocolVersion::TLS_1_2,
        random: [0; 32],
        session_id: Vec::new(),
        cipher_suites: vec![CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA],
        compression_methods: vec![0],
        extensions: vec![Extension {
            kind: ExtensionType::SERVER_NAME,
            data: data.to_vec(),
        }],
    };
    assert_eq!(hello(&[0, 4, 0, 0, 1, b'a']).server_name().as_deref(), Some("a"));
    for data in [
        &[][..],
        &[0, 3, 0, 0, 0],
        &[0, 4, 1, 0, 1, b'a'],
        &[0, 4, 0, 0, 2, b'a'],
        &[0, 5, 0, 0, 1, b'a', 0],
        &[0, 4, 0, 0, 1, b'a', 0],
        &[0, 4, 0, 0, 1, 0xff],
    ] {
        assert_eq!(hello(data).server_name(), None, "{data:?}");
    }
}
