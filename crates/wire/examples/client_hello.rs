//! Writes a fixed ClientHello, framed as a record, to standard output; `tests/fixtures/make.sh`
//! sends it to real servers.
//!
//! Arguments: suites in hexadecimal, groups in hexadecimal, versions in hexadecimal (the first is
//! `client_version`; with more than one, supported_versions is offered as well).

use siptls_wire::{
    CipherSuite, Extension, ExtensionType, NamedGroup, Offer, ProtocolVersion, SignatureScheme,
    write_handshake,
};
use std::io::Write as _;

fn code_points(list: &str) -> Result<Vec<u16>, std::num::ParseIntError> {
    list.split(',')
        .map(|number| u16::from_str_radix(number, 16))
        .collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [suites, groups, versions] = arguments.as_slice() else {
        return Err("expected three arguments: suites groups versions, for example c030 0018 0303".into());
    };
    let versions: Vec<ProtocolVersion> = code_points(versions)?.into_iter().map(ProtocolVersion).collect();
    let mut extensions = vec![
        ExtensionType::SERVER_NAME,
        ExtensionType::STATUS_REQUEST,
        ExtensionType::SUPPORTED_GROUPS,
        ExtensionType::EC_POINT_FORMATS,
        ExtensionType::SIGNATURE_ALGORITHMS,
        ExtensionType::EXTENDED_MASTER_SECRET,
        ExtensionType::SESSION_TICKET,
        ExtensionType::RENEGOTIATION_INFO,
    ];
    if versions.len() > 1 {
        extensions.push(ExtensionType::SUPPORTED_VERSIONS);
    }
    let offer = Offer {
        legacy_version: versions.first().copied().unwrap_or(ProtocolVersion::TLS_1_2),
        cipher_suites: code_points(suites)?.into_iter().map(CipherSuite).collect(),
        groups: code_points(groups)?.into_iter().map(NamedGroup).collect(),
        signature_algorithms: vec![
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::ECDSA_SECP256R1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::ECDSA_SECP384R1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::RSA_PSS_RSAE_SHA256,
        ],
        versions,
        extensions,
    };
    let mut hello = offer.client_hello([0x5a; 32], Some("sbc.example.test"));
    if offer.has_extension(ExtensionType::SUPPORTED_VERSIONS) {
        // key_share (RFC 8446 §4.2.8): a share of X25519 when offered, otherwise none, which makes
        // a server of TLS 1.3 ask again.
        let mut shares = Vec::new();
        if offer.groups.contains(&NamedGroup::X25519) {
            shares.extend_from_slice(&[0, 29, 0, 32]);
            shares.extend_from_slice(&[9; 32]);
        }
        let mut data = u16::try_from(shares.len())?.to_be_bytes().to_vec();
        data.append(&mut shares);
        hello.extensions.push(Extension {
            kind: ExtensionType::KEY_SHARE,
            data,
        });
    }
    let mut record = Vec::new();
    write_handshake(&mut record, ProtocolVersion::TLS_1_0, &hello.encode());
    std::io::stdout().write_all(&record)?;
    Ok(())
}
