//! What a server chooses from a ClientHello.

use crate::{Order, ServerConfig, Twist};
use siptls_tls12::{EphemeralKey, KeyKind, Suite};
use siptls_wire::{
    AlertDescription, CipherSuite, ClientHello, Extension, ExtensionType, KeyExchange, NamedGroup,
    ProtocolVersion, SignatureScheme,
};

/// Groups that a server can use.
const GROUPS: [NamedGroup; 4] = [
    NamedGroup::SECP256R1,
    NamedGroup::SECP384R1,
    NamedGroup::SECP521R1,
    NamedGroup::X25519,
];

/// What was chosen.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) suite: &'static Suite,
    pub(crate) ephemeral: Option<Ephemeral>,
    pub(crate) extended_master_secret: bool,
    pub(crate) extensions: Vec<Extension>,
}

/// The server's part of ECDHE.
#[derive(Debug)]
pub(crate) struct Ephemeral {
    pub(crate) group: NamedGroup,
    pub(crate) key: EphemeralKey,
    pub(crate) scheme: SignatureScheme,
}

impl Choice {
    /// Chooses; the alert says what nothing can be chosen for, as OpenSSL would.
    pub(crate) fn new(config: &ServerConfig, hello: &ClientHello) -> Result<Self, AlertDescription> {
        if !offers_tls12(hello) {
            return Err(AlertDescription::PROTOCOL_VERSION);
        }
        if !hello.compression_methods.contains(&0) {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        let offered = hello.groups().unwrap_or_default();
        let group = match config.twist {
            Some(Twist::GroupNotOffered) => GROUPS.into_iter().find(|group| !offered.contains(group)),
            _ => first_shared(config.order, &config.groups, &offered),
        };
        let scheme = hello
            .signature_algorithms()
            .and_then(|schemes| config.credentials.identity().scheme(&schemes));
        let curve = config.credentials.curve();
        let fits = |suite: &Suite| match (suite.exchange, config.credentials.kind()) {
            (KeyExchange::Rsa, KeyKind::Rsa) => true,
            (KeyExchange::EcdheRsa, KeyKind::Rsa) => group.is_some() && scheme.is_some(),
            // The leaf's own curve must be one that the client supports: RFC 8422 §5.1.
            (KeyExchange::EcdheEcdsa, _) => {
                group.is_some() && scheme.is_some() && curve.is_some_and(|curve| offered.contains(&curve))
            }
            _ => false,
        };
        let usable = |id: &CipherSuite| Suite::of(*id).filter(|suite| fits(suite));
        let suite = match (config.twist, config.order) {
            (Some(Twist::SuiteNotOffered), _) => Suite::ALL
                .iter()
                .find(|suite| fits(suite) && !hello.cipher_suites.contains(&suite.id)),
            (_, Order::Server) => config
                .suites
                .iter()
                .filter(|id| hello.cipher_suites.contains(id))
                .find_map(usable),
            (_, Order::Client) => hello
                .cipher_suites
                .iter()
                .filter(|id| config.suites.contains(id))
                .find_map(usable),
        };
        let suite = suite.ok_or(AlertDescription::HANDSHAKE_FAILURE)?;
        let ephemeral = match (suite.exchange.is_ecdhe(), group, scheme) {
            (true, Some(group), Some(scheme)) => {
                let key = EphemeralKey::generate(group).ok_or(AlertDescription::HANDSHAKE_FAILURE)?;
                Some(Ephemeral { group, key, scheme })
            }
            _ => None,
        };
        let extended_master_secret =
            config.extended_master_secret && hello.extension(ExtensionType::EXTENDED_MASTER_SECRET).is_some();
        let extensions = extensions(config, hello, extended_master_secret, ephemeral.is_some());
        Ok(Self {
            suite,
            ephemeral,
            extended_master_secret,
            extensions,
        })
    }
}

fn first_shared(order: Order, ours: &[NamedGroup], theirs: &[NamedGroup]) -> Option<NamedGroup> {
    let (first, second) = match order {
        Order::Server => (ours, theirs),
        Order::Client => (theirs, ours),
    };
    first
        .iter()
        .copied()
        .find(|group| second.contains(group) && GROUPS.contains(group))
}

/// Whether TLS 1.2 is offered: by supported_versions where it stands (RFC 8446 §4.2.1), else as the
/// highest version.
fn offers_tls12(hello: &ClientHello) -> bool {
    match hello.extension(ExtensionType::SUPPORTED_VERSIONS) {
        Some([_, versions @ ..]) => versions
            .chunks(2)
            .any(|version| version == ProtocolVersion::TLS_1_2.0.to_be_bytes()),
        _ => hello.legacy_version >= ProtocolVersion::TLS_1_2,
    }
}

fn extensions(config: &ServerConfig, hello: &ClientHello, extended: bool, ecdhe: bool) -> Vec<Extension> {
    let offers = |kind| hello.extension(kind).is_some();
    let renegotiation = offers(ExtensionType::RENEGOTIATION_INFO)
        || hello
            .cipher_suites
            .contains(&CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV);
    [
        (
            config.secure_renegotiation && renegotiation,
            ExtensionType::RENEGOTIATION_INFO,
            vec![0],
        ),
        (
            ecdhe && offers(ExtensionType::EC_POINT_FORMATS),
            ExtensionType::EC_POINT_FORMATS,
            vec![1, 0],
        ),
        (extended, ExtensionType::EXTENDED_MASTER_SECRET, vec![]),
    ]
    .into_iter()
    .filter_map(|(answered, kind, data)| answered.then_some(Extension { kind, data }))
    .collect()
}
