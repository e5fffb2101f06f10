//! Fixtures, and messages made by hand.

use siptls_wire::{
    AlertDescription, AlertLevel, CertificateRequest, CipherSuite, ClientCertificateType, ContentType,
    EcdheParameters, Error, Extension, ExtensionType, FlightReader, HandshakeReader, NamedGroup, Progress,
    ProtocolVersion, RecordReader, ServerHello, SignatureScheme, write_alert, write_certificates,
    write_handshake, write_record,
};
use std::path::{Path, PathBuf};

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A recorded answer of a real server.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Every fixture, by name.
pub(crate) fn fixtures() -> Vec<Fixture> {
    let mut fixtures: Vec<Fixture> = std::fs::read_dir(folder("tests/fixtures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| Fixture {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            bytes: std::fs::read(&path).unwrap(),
        })
        .collect();
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(fixtures.len(), 31, "fixtures on disk");
    fixtures
}

/// The payloads of all handshake records of a flight that is read to its end.
pub(crate) fn handshake_bytes(flight: &[u8]) -> Vec<u8> {
    let mut reader = FlightReader::new();
    let _ = reader.read(flight);
    reader.messages().to_vec()
}

/// Cuts handshake bytes into whole messages.
pub(crate) fn messages(handshake: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = HandshakeReader::new();
    reader.push(handshake);
    let mut messages = Vec::new();
    while let Some(message) = reader.next_message().unwrap() {
        messages.push(message.bytes.to_vec());
    }
    assert!(reader.is_empty());
    messages
}

/// Handshake bytes as records.
pub(crate) fn records(handshake: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_handshake(&mut out, ProtocolVersion::TLS_1_2, handshake);
    out
}

pub(crate) fn record(kind: ContentType, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_record(&mut out, kind, ProtocolVersion::TLS_1_2, payload);
    out
}

pub(crate) fn alert(level: AlertLevel, description: AlertDescription) -> Vec<u8> {
    let mut out = Vec::new();
    write_alert(&mut out, ProtocolVersion::TLS_1_2, level, description);
    out
}

/// Any message, by its type and body.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(body);
    out
}

pub(crate) fn server_hello(version: ProtocolVersion, suite: CipherSuite) -> ServerHello {
    ServerHello {
        legacy_version: version,
        random: [7; 32],
        session_id: vec![1, 2, 3],
        cipher_suite: suite,
        compression_method: 0,
        extensions: vec![
            Extension {
                kind: ExtensionType::RENEGOTIATION_INFO,
                data: vec![0],
            },
            Extension {
                kind: ExtensionType::EXTENDED_MASTER_SECRET,
                data: Vec::new(),
            },
        ],
    }
}

/// ServerHello of TLS 1.2 with static RSA.
pub(crate) fn rsa() -> Vec<u8> {
    server_hello(
        ProtocolVersion::TLS_1_2,
        CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA,
    )
    .encode()
}

/// ServerHello of TLS 1.2 with ECDHE.
pub(crate) fn ecdhe() -> Vec<u8> {
    server_hello(
        ProtocolVersion::TLS_1_2,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    )
    .encode()
}

pub(crate) fn certificate() -> Vec<u8> {
    write_certificates(&[vec![0x30; 9], vec![0x31; 5]])
}

pub(crate) fn key_exchange() -> Vec<u8> {
    let point = vec![4; 97];
    EcdheParameters {
        group: NamedGroup::SECP384R1,
        params: EcdheParameters::encode_params(NamedGroup::SECP384R1, &point),
        point,
        scheme: Some(SignatureScheme::RSA_PKCS1_SHA256),
        signature: vec![9; 16],
    }
    .encode()
}

pub(crate) fn request() -> Vec<u8> {
    CertificateRequest {
        certificate_types: vec![ClientCertificateType::RSA_SIGN, ClientCertificateType::ECDSA_SIGN],
        signature_algorithms: vec![SignatureScheme::RSA_PKCS1_SHA256],
        authorities: vec![vec![0x30, 0]],
    }
    .encode()
}

/// `response` of one byte, ocsp.
pub(crate) fn status() -> Vec<u8> {
    message(22, &[1, 0, 0, 1, 0x30])
}

pub(crate) fn done() -> Vec<u8> {
    message(14, &[])
}

/// Reads messages, each in a record of its own.
pub(crate) fn read_each(messages: &[Vec<u8>]) -> (FlightReader, Result<Progress, Error>) {
    read(
        &messages
            .iter()
            .flat_map(|message| records(message))
            .collect::<Vec<_>>(),
    )
}

pub(crate) fn read(bytes: &[u8]) -> (FlightReader, Result<Progress, Error>) {
    let mut reader = FlightReader::new();
    let end = reader.read(bytes);
    (reader, end)
}

/// Position and payload length of each record.
pub(crate) fn record_spans(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut reader = RecordReader::new();
    reader.push(bytes);
    let mut spans = Vec::new();
    let mut at = 0;
    while let Ok(Some(record)) = reader.next_record() {
        spans.push((at, record.payload.len()));
        at += record.payload.len() + 5;
    }
    spans
}
