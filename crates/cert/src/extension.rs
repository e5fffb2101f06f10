//! The extensions that matter to a TLS peer, as owned values.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::extensions::GeneralName;

use crate::der::{self, Elements};
use crate::name::{Name, is_unsafe};

/// One purpose of the extended key usage (RFC 5280 §4.2.1.12, RFC 5924 §5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// id-kp-serverAuth, 1.3.6.1.5.5.7.3.1.
    ServerAuth,
    /// id-kp-clientAuth, 1.3.6.1.5.5.7.3.2.
    ClientAuth,
    /// id-kp-codeSigning, 1.3.6.1.5.5.7.3.3.
    CodeSigning,
    /// id-kp-emailProtection, 1.3.6.1.5.5.7.3.4.
    EmailProtection,
    /// id-kp-timeStamping, 1.3.6.1.5.5.7.3.8.
    TimeStamping,
    /// id-kp-OCSPSigning, 1.3.6.1.5.5.7.3.9.
    OcspSigning,
    /// anyExtendedKeyUsage, 2.5.29.37.0.
    Any,
    /// id-kp-sipDomain, 1.3.6.1.5.5.7.3.20 (RFC 5924 §5).
    SipDomain,
    /// Any other, as its dotted object identifier.
    Other(String),
}

impl Purpose {
    fn from_oid(oid: &[u8]) -> Self {
        match oid {
            [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, last] => match last {
                1 => Self::ServerAuth,
                2 => Self::ClientAuth,
                3 => Self::CodeSigning,
                4 => Self::EmailProtection,
                8 => Self::TimeStamping,
                9 => Self::OcspSigning,
                20 => Self::SipDomain,
                _ => Self::Other(der::dotted(oid)),
            },
            [0x55, 0x1d, 0x25, 0x00] => Self::Any,
            _ => Self::Other(der::dotted(oid)),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerAuth => "serverAuth",
            Self::ClientAuth => "clientAuth",
            Self::CodeSigning => "codeSigning",
            Self::EmailProtection => "emailProtection",
            Self::TimeStamping => "timeStamping",
            Self::OcspSigning => "OCSPSigning",
            Self::Any => "anyExtendedKeyUsage",
            Self::SipDomain => "sipDomain",
            Self::Other(oid) => oid,
        })
    }
}

/// `ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF KeyPurposeId`, in the order of the encoding.
pub(crate) fn purposes(value: &[u8]) -> Option<Vec<Purpose>> {
    let mut oids = Elements::new(Elements::new(value).expect(der::SEQUENCE)?.content);
    let mut found = Vec::new();
    while !oids.at_end() {
        found.push(Purpose::from_oid(oids.expect(der::OBJECT_IDENTIFIER)?.content));
    }
    Some(found)
}

/// Key usage bits (RFC 5280 §4.2.1.3), bit 0 of the RFC in the lowest position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyUsage(pub u16);

impl KeyUsage {
    const NAMES: [&'static str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];

    /// digitalSignature (0): needed by ECDHE suites.
    #[must_use]
    pub const fn digital_signature(self) -> bool {
        self.0 & 1 != 0
    }

    /// keyEncipherment (2): needed by static RSA suites.
    #[must_use]
    pub const fn key_encipherment(self) -> bool {
        self.0 & (1 << 2) != 0
    }

    /// keyCertSign (5): needed to issue certificates.
    #[must_use]
    pub const fn key_cert_sign(self) -> bool {
        self.0 & (1 << 5) != 0
    }

    /// cRLSign (6): needed to sign revocation lists.
    #[must_use]
    pub const fn crl_sign(self) -> bool {
        self.0 & (1 << 6) != 0
    }

    /// The names of the set bits, in the order of the RFC.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| (self.0 >> bit) & 1 != 0)
            .map(|(_, name)| name)
    }
}

/// The subject alternative names (RFC 5280 §4.2.1.6), by kind, in the order of the encoding.
///
/// Texts are as the certificate has them, not validated: escape them where they are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectAltNames {
    /// dNSName.
    pub dns: Vec<String>,
    /// iPAddress of 4 or 16 bytes.
    pub ip: Vec<IpAddr>,
    /// uniformResourceIdentifier, among them `sip:` (RFC 5922 §7.1).
    pub uri: Vec<String>,
    /// rfc822Name.
    pub email: Vec<String>,
    /// Everything else, described: `DirName:CN=…`, `otherName:1.2.3`, `RID:1.2.3`, `IP:invalid #7f00`, `invalid:2 #ff`.
    pub other: Vec<String>,
}

impl SubjectAltNames {
    /// Whether no name of any kind is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dns.is_empty()
            && self.ip.is_empty()
            && self.uri.is_empty()
            && self.email.is_empty()
            && self.other.is_empty()
    }

    pub(crate) fn collect(names: &[GeneralName<'_>]) -> Self {
        let mut found = Self::default();
        for name in names {
            match name {
                GeneralName::DNSName(text) => found.dns.push((*text).to_owned()),
                GeneralName::URI(text) => found.uri.push((*text).to_owned()),
                GeneralName::RFC822Name(text) => found.email.push((*text).to_owned()),
                GeneralName::IPAddress(bytes) => match address(bytes) {
                    Some(address) => found.ip.push(address),
                    None => found.other.push(format!("IP:invalid #{}", der::hex(bytes))),
                },
                GeneralName::DirectoryName(name) => found.other.push(match Name::from_der(name.as_raw()) {
                    Ok(name) => format!("DirName:{name}"),
                    Err(_) => format!("DirName:#{}", der::hex(name.as_raw())),
                }),
                GeneralName::OtherName(oid, _) => found
                    .other
                    .push(format!("otherName:{}", der::dotted(oid.as_bytes()))),
                GeneralName::RegisteredID(oid) => {
                    found.other.push(format!("RID:{}", der::dotted(oid.as_bytes())))
                }
                GeneralName::X400Address(_) => found.other.push("X400Name".to_owned()),
                GeneralName::EDIPartyName(_) => found.other.push("EdiPartyName".to_owned()),
                GeneralName::Invalid(tag, bytes) => {
                    found
                        .other
                        .push(format!("invalid:{} #{}", tag.0, der::hex(bytes)));
                }
            }
        }
        found
    }
}

pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes)
            .ok()
            .map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(bytes)
            .ok()
            .map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

/// The URLs among general names; those with control or invisible characters cannot be fetched and are left out.
pub(crate) fn urls<'a>(names: impl IntoIterator<Item = &'a GeneralName<'a>>) -> impl Iterator<Item = String> {
    names.into_iter().filter_map(|name| match name {
        GeneralName::URI(text) if !text.is_empty() && !text.chars().any(is_unsafe) => {
            Some((*text).to_owned())
        }
        _ => None,
    })
}
