//! What a survey offers besides the profile's own ClientHello.

use super::GROUPS;
use siptls_model::{CipherSuite, ExtensionType, NamedGroup, Offer, ProtocolVersion, SignatureScheme};

/// Everything a client of TLS 1.2 could offer, the profile's own first: which part of the profile's offer does the
/// endpoint not share?
pub(super) fn wide(profile: &Offer) -> Offer {
    let mut suites = profile.cipher_suites.clone();
    suites.extend(
        CipherSuite::ALL
            .iter()
            .filter(|suite| suite.key_exchange().is_some() && !profile.cipher_suites.contains(suite)),
    );
    Offer {
        cipher_suites: suites,
        ..on_all_groups(profile)
    }
}

/// The profile's offer on every group.
pub(super) fn on_all_groups(profile: &Offer) -> Offer {
    Offer {
        groups: all_groups(profile),
        ..profile.clone()
    }
}

/// The profile's groups, then those asked about besides.
fn all_groups(profile: &Offer) -> Vec<NamedGroup> {
    let mut groups = profile.groups.clone();
    groups.extend(GROUPS.iter().filter(|group| !profile.groups.contains(group)));
    groups
}

/// What a client of TLS 1.1 or 1.0 offers: the suites of their time.
pub(super) fn legacy(version: ProtocolVersion, profile: &Offer) -> Offer {
    Offer {
        legacy_version: version,
        cipher_suites: CipherSuite::ALL
            .iter()
            .copied()
            .filter(|suite| {
                suite.key_exchange().is_some() && suite.name().is_some_and(|name| name.ends_with("_CBC_SHA"))
            })
            .chain([CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV])
            .collect(),
        groups: all_groups(profile),
        signature_algorithms: Vec::new(),
        versions: Vec::new(),
        extensions: vec![
            ExtensionType::SERVER_NAME,
            ExtensionType::EC_POINT_FORMATS,
            ExtensionType::SUPPORTED_GROUPS,
        ],
    }
}

/// What a client of TLS 1.3 alone offers, without a key share: a server that has it asks for one
/// (RFC 8446 §4.1.4), which is all there is to know.
pub(super) fn tls13(profile: &Offer) -> Offer {
    let mut signature_algorithms = profile.signature_algorithms.clone();
    let usual = [
        SignatureScheme::RSA_PSS_RSAE_SHA256,
        SignatureScheme::ECDSA_SECP256R1_SHA256,
        SignatureScheme::ECDSA_SECP384R1_SHA384,
        SignatureScheme::ED25519,
    ];
    signature_algorithms.extend(
        usual
            .iter()
            .filter(|scheme| !profile.signature_algorithms.contains(scheme)),
    );
    Offer {
        legacy_version: ProtocolVersion::TLS_1_2,
        cipher_suites: vec![
            CipherSuite::TLS_AES_256_GCM_SHA384,
            CipherSuite::TLS_AES_128_GCM_SHA256,
            CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
        ],
        groups: all_groups(profile),
        signature_algorithms,
        versions: vec![ProtocolVersion::TLS_1_3],
        extensions: vec![
            ExtensionType::SERVER_NAME,
            ExtensionType::SUPPORTED_GROUPS,
            ExtensionType::SIGNATURE_ALGORITHMS,
            ExtensionType::SUPPORTED_VERSIONS,
            ExtensionType::KEY_SHARE,
        ],
    }
}
