//! A second parser, tls-parser, on well-formed flights: both must say the same.

use crate::support::{fixtures, handshake_bytes, messages};
use siptls_wire::fuzzing::read_in_pieces;
use siptls_wire::{ClientHello, ExtensionType, ServerKeyExchange, SignatureScheme};
use tls_parser::{
    ECParametersContent, TlsExtension, TlsExtensionType, TlsMessage, TlsMessageHandshake,
    parse_content_and_signature, parse_ecdh_params, parse_tls_extensions, parse_tls_message_handshake,
};

fn parse(message: &[u8]) -> TlsMessageHandshake<'_> {
    let (rest, parsed) = parse_tls_message_handshake(message).unwrap();
    assert!(rest.is_empty());
    match parsed {
        TlsMessage::Handshake(handshake) => handshake,
        other => panic!("{other:?}"),
    }
}

fn extension_types(block: &[u8]) -> Vec<ExtensionType> {
    let (rest, extensions) = parse_tls_extensions(block).unwrap();
    assert!(rest.is_empty());
    extensions
        .iter()
        .map(|extension| match extension {
            TlsExtension::Unknown(kind, _) => ExtensionType(kind.0),
            known => ExtensionType(TlsExtensionType::from(known).0),
        })
        .collect()
}

#[test]
fn both_parsers_agree_on_every_recorded_flight() {
    let mut compared = 0;
    for fixture in fixtures() {
        let name = &fixture.name;
        let transcript = read_in_pieces([fixture.bytes.as_slice()]).transcript;
        let mut done = false;
        let mut seen = [false; 4];
        for message in messages(&handshake_bytes(&fixture.bytes)) {
            compared += 1;
            let hello = transcript.server_hello.as_ref().unwrap();
            match parse(&message) {
                TlsMessageHandshake::ServerHello(theirs) => {
                    assert_eq!(theirs.version.0, hello.legacy_version.0, "{name}");
                    assert_eq!(theirs.random, hello.random, "{name}");
                    assert_eq!(theirs.session_id.unwrap_or_default(), hello.session_id, "{name}");
                    assert_eq!(theirs.cipher.0, hello.cipher_suite.0, "{name}");
                    assert_eq!(theirs.compression.0, hello.compression_method, "{name}");
                    let ours: Vec<ExtensionType> =
                        hello.extensions.iter().map(|extension| extension.kind).collect();
                    assert_eq!(extension_types(theirs.ext.unwrap_or_default()), ours, "{name}");
                    if let Some(suite) = theirs.cipher.get_ciphersuite() {
                        assert_eq!(Some(suite.name), hello.cipher_suite.name(), "{name}");
                    }
                }
                TlsMessageHandshake::Certificate(theirs) => {
                    let theirs: Vec<Vec<u8>> =
                        theirs.cert_chain.iter().map(|one| one.data.to_vec()).collect();
                    assert_eq!(Some(theirs), transcript.certificates, "{name}");
                    seen[0] = true;
                }
                TlsMessageHandshake::CertificateStatus(theirs) => {
                    let ours = transcript.certificate_status.as_ref().unwrap();
                    assert_eq!(
                        (theirs.status_type, theirs.blob),
                        (ours.status_type, ours.response.as_slice()),
                        "{name}"
                    );
                    seen[1] = true;
                }
                TlsMessageHandshake::ServerKeyExchange(theirs) => {
                    match transcript.server_key_exchange.as_ref().unwrap() {
                        ServerKeyExchange::Ecdhe(ours) => {
                            let (rest, (params, signed)) = parse_content_and_signature(
                                theirs.parameters,
                                parse_ecdh_params,
                                ours.scheme.is_some(),
                            )
                            .unwrap();
                            assert!(rest.is_empty(), "{name}");
                            let ECParametersContent::NamedGroup(group) = params.curve_params.params_content
                            else {
                                panic!("{name}: an explicit curve");
                            };
                            assert_eq!(group.0, ours.group.0, "{name}");
                            assert_eq!(params.public.point, ours.point, "{name}");
                            let scheme = signed.alg.map(|alg| u16::from_be_bytes([alg.hash.0, alg.sign.0]));
                            assert_eq!(scheme.map(SignatureScheme), ours.scheme, "{name}");
                            assert_eq!(signed.data, ours.signature, "{name}");
                        }
                        ServerKeyExchange::Other(ours) => assert_eq!(theirs.parameters, ours, "{name}"),
                    }
                    seen[2] = true;
                }
                TlsMessageHandshake::CertificateRequest(theirs) => {
                    let ours = transcript.certificate_request.as_ref().unwrap();
                    let types: Vec<u8> = ours.certificate_types.iter().map(|kind| kind.0).collect();
                    assert_eq!(theirs.cert_types, types, "{name}");
                    let schemes: Vec<u16> = ours.signature_algorithms.iter().map(|scheme| scheme.0).collect();
                    assert_eq!(theirs.sig_hash_algs.unwrap_or_default(), schemes, "{name}");
                    assert_eq!(theirs.unparsed_ca, ours.authorities, "{name}");
                    seen[3] = true;
                }
                TlsMessageHandshake::ServerDone(_) => done = true,
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(done, transcript.done, "{name}");
        let ours = [
            transcript.certificates.is_some(),
            transcript.certificate_status.is_some(),
            transcript.server_key_exchange.is_some(),
            transcript.certificate_request.is_some(),
        ];
        assert_eq!(seen, ours, "{name}");
    }
    assert!(compared > 80, "{compared} messages compared");
}

/// Both read what this crate writes.
pub(crate) fn agrees_on_client_hello(ours: &ClientHello) {
    let message = ours.encode();
    let TlsMessageHandshake::ClientHello(theirs) = parse(&message) else {
        panic!("another message");
    };
    assert_eq!(theirs.version.0, ours.legacy_version.0);
    assert_eq!(theirs.random, ours.random);
    assert_eq!(theirs.session_id.unwrap_or_default(), ours.session_id);
    assert!(
        theirs
            .ciphers
            .iter()
            .map(|suite| suite.0)
            .eq(ours.cipher_suites.iter().map(|suite| suite.0))
    );
    assert!(
        theirs
            .comp
            .iter()
            .map(|method| method.0)
            .eq(ours.compression_methods.iter().copied())
    );
    let kinds: Vec<ExtensionType> = ours.extensions.iter().map(|extension| extension.kind).collect();
    assert_eq!(extension_types(theirs.ext.unwrap_or_default()), kinds);
}
