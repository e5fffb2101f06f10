//! Name constraints (RFC 5280 §4.2.1.10), as private and government authorities use them.

use std::net::IpAddr;

use x509_parser::extensions::{self as parsed, GeneralName};

use crate::certificate::Certificate;
use crate::identity::{self, same_text};
use crate::name::Name;

/// `NameConstraints ::= SEQUENCE { permittedSubtrees [0] OPTIONAL, excludedSubtrees [1] OPTIONAL }`.
///
/// Checked: dNSName, iPAddress, URI and rfc822Name among the subject alternative names, the subject as directoryName,
/// and host-like CNs when no dNSName is there (as OpenSSL does). Not checked: directoryName and otherName among the
/// alternative names, and mail addresses inside the subject.
#[derive(Debug, Clone)]
pub(crate) struct NameConstraints {
    permitted: Vec<Subtree>,
    excluded: Vec<Subtree>,
    unreadable: bool,
}

#[derive(Debug, Clone)]
enum Subtree {
    Dns(String),
    Email(String),
    Uri(String),
    Ip(Vec<u8>),
    Directory(Name),
}

impl NameConstraints {
    /// Constraints that cannot be read permit nothing.
    pub(crate) const fn unreadable() -> Self {
        Self {
            permitted: Vec::new(),
            excluded: Vec::new(),
            unreadable: true,
        }
    }

    pub(crate) fn collect(constraints: &parsed::NameConstraints<'_>) -> Self {
        let subtrees = |list: &Option<Vec<parsed::GeneralSubtree<'_>>>| -> Vec<Subtree> {
            list.iter()
                .flatten()
                .filter_map(|subtree| Subtree::from_general_name(&subtree.base))
                .collect()
        };
        Self {
            permitted: subtrees(&constraints.permitted_subtrees),
            excluded: subtrees(&constraints.excluded_subtrees),
            unreadable: false,
        }
    }

    /// The first name of the certificate that is not allowed, as text.
    pub(crate) fn violation(&self, certificate: &Certificate) -> Option<String> {
        if self.unreadable {
            return Some("any name, because the constraints cannot be read".to_owned());
        }
        let san = certificate.san.as_ref();
        let mut names: Vec<Subject<'_>> = Vec::new();
        let common_names;
        if let Some(san) = san {
            names.extend(san.dns.iter().map(|name| Subject::Dns(name)));
            names.extend(san.ip.iter().map(Subject::Ip));
            names.extend(san.uri.iter().map(|name| Subject::Uri(name)));
            names.extend(san.email.iter().map(|name| Subject::Email(name)));
        }
        if san.is_none_or(|san| san.dns.is_empty()) && !certificate.is_ca {
            common_names = certificate.subject.common_names();
            names.extend(
                common_names
                    .iter()
                    .filter(|name| identity::is_host_name(name))
                    .map(|name| Subject::Dns(name)),
            );
        }
        if !certificate.subject.is_empty() {
            names.push(Subject::Directory(&certificate.subject));
        }
        names
            .into_iter()
            .find(|name| !self.allows(name))
            .map(|name| name.text())
    }

    fn allows(&self, name: &Subject<'_>) -> bool {
        let mut constrained = false;
        let mut permitted = false;
        for subtree in &self.permitted {
            if let Some(within) = subtree.contains(name, false) {
                constrained = true;
                permitted = permitted || within;
            }
        }
        let excluded = self
            .excluded
            .iter()
            .any(|subtree| subtree.contains(name, true) == Some(true));
        (permitted || !constrained) && !excluded
    }
}

/// A name to be judged.
enum Subject<'a> {
    Dns(&'a str),
    Email(&'a str),
    Uri(&'a str),
    Ip(&'a IpAddr),
    Directory(&'a Name),
}

impl Subject<'_> {
    fn text(&self) -> String {
        match self {
            Self::Dns(text) => format!("DNS:{text}"),
            Self::Email(text) => format!("email:{text}"),
            Self::Uri(text) => format!("URI:{text}"),
            Self::Ip(address) => format!("IP:{address}"),
            Self::Directory(name) => format!("DirName:{name}"),
        }
    }
}

impl Subtree {
    fn from_general_name(name: &GeneralName<'_>) -> Option<Self> {
        Some(match name {
            GeneralName::DNSName(text) => Self::Dns((*text).to_owned()),
            GeneralName::RFC822Name(text) => Self::Email((*text).to_owned()),
            GeneralName::URI(text) => Self::Uri((*text).to_owned()),
            GeneralName::IPAddress(bytes) => Self::Ip(bytes.to_vec()),
            GeneralName::DirectoryName(name) => Self::Directory(Name::from_der(name.as_raw()).ok()?),
            _ => return None,
        })
    }

    /// Whether the name lies within; `None` when it is of another kind. A wildcard reaches into an excluded subtree
    /// when one of its expansions does.
    fn contains(&self, name: &Subject<'_>, expand_wildcard: bool) -> Option<bool> {
        Some(match (self, name) {
            (Self::Dns(base), Subject::Dns(name)) => {
                is_within(base, name)
                    || (expand_wildcard
                        && name.strip_prefix('*').is_some_and(|parent| {
                            base.get(base.find('.').unwrap_or(0)..)
                                .is_some_and(|rest| same_text(rest, parent))
                        }))
            }
            (Self::Email(base), Subject::Email(address)) => {
                if base.contains('@') {
                    same_text(base, address)
                } else {
                    let host = address.rsplit_once('@').map_or("", |(_, host)| host);
                    if base.starts_with('.') {
                        is_within(base, host)
                    } else {
                        same_text(base, host)
                    }
                }
            }
            (Self::Uri(base), Subject::Uri(uri)) => {
                let host = identity::uri_host(uri).unwrap_or("");
                if base.starts_with('.') {
                    is_within(base, host)
                } else {
                    same_text(base, host)
                }
            }
            (Self::Ip(base), Subject::Ip(address)) => match address {
                IpAddr::V4(address) => is_masked(base, &address.octets())?,
                IpAddr::V6(address) => is_masked(base, &address.octets())?,
            },
            // The canonical form has no outer header: an upper part of the tree is a prefix.
            (Self::Directory(base), Subject::Directory(name)) => {
                name.canonical().starts_with(base.canonical())
            }
            _ => return None,
        })
    }
}

/// An empty base holds everything, `example.com` itself and what is below it, `.example.com` only what is below.
fn is_within(base: &str, name: &str) -> bool {
    if base.is_empty() || same_text(base, name) {
        return true;
    }
    let Some(cut) = name.len().checked_sub(base.len()) else {
        return false;
    };
    let (Some(head), Some(tail)) = (name.get(..cut), name.get(cut..)) else {
        return false;
    };
    same_text(base, tail) && !head.is_empty() && (base.starts_with('.') || head.ends_with('.'))
}

/// Address and mask one after the other; `None` when the base is of the other family.
fn is_masked(base: &[u8], address: &[u8]) -> Option<bool> {
    let (network, mask) = base.split_at_checked(address.len())?;
    (mask.len() == address.len()).then(|| {
        network
            .iter()
            .zip(mask)
            .zip(address)
            .all(|((network, mask), byte)| network & mask == byte & mask)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtrees() {
        for (base, name, expected) in [
            ("", "a.example", true),
            ("example.com", "EXAMPLE.com", true),
            ("example.com", "sbc.example.com", true),
            ("example.com", "badexample.com", false),
            (".example.com", "example.com", false),
            (".example.com", "a.example.com", true),
            ("sbc.example.com", "example.com", false),
            ("example.com", "*.example.com", true),
        ] {
            assert_eq!(
                Subtree::Dns(base.to_owned()).contains(&Subject::Dns(name), false),
                Some(expected),
                "{base} {name}"
            );
        }
        let excluded = Subtree::Dns("evil.example.com".to_owned());
        assert_eq!(
            excluded.contains(&Subject::Dns("*.example.com"), true),
            Some(true)
        );
        assert_eq!(
            excluded.contains(&Subject::Dns("*.example.com"), false),
            Some(false)
        );
        assert_eq!(
            excluded.contains(&Subject::Dns("*.example.net"), true),
            Some(false)
        );
        let uri = Subtree::Uri("example.com".to_owned());
        assert_eq!(
            uri.contains(&Subject::Uri("sip:example.com;transport=tls"), false),
            Some(true)
        );
        assert_eq!(
            uri.contains(&Subject::Uri("sip:a.example.com"), false),
            Some(false)
        );
        let mail = Subtree::Email("example.com".to_owned());
        assert_eq!(
            mail.contains(&Subject::Email("root@example.com"), false),
            Some(true)
        );
        assert_eq!(
            mail.contains(&Subject::Email("root@a.example.com"), false),
            Some(false)
        );
        assert_eq!(mail.contains(&Subject::Dns("example.com"), false), None);
        let network = Subtree::Ip(vec![192, 0, 2, 0, 255, 255, 255, 0]);
        assert_eq!(
            network.contains(&Subject::Ip(&[192, 0, 2, 9].into()), false),
            Some(true)
        );
        assert_eq!(
            network.contains(&Subject::Ip(&[192, 0, 3, 9].into()), false),
            Some(false)
        );
        assert_eq!(
            network.contains(&Subject::Ip(&IpAddr::from([0_u8; 16])), false),
            None
        );
    }
}
