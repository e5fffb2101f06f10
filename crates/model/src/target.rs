//! What is watched: endpoint, target, depth.

use crate::maintenance::Maintenance;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The port of SIP over TLS (RFC 3261 §19.1.2), taken when an endpoint names none.
pub const DEFAULT_PORT: u16 = 5061;

/// Connections per hour that an address gets at most unless told otherwise: ten times what a visit a minute takes, and far
/// from what a ban list counts as an attack.
pub const DEFAULT_CONNECTIONS_PER_HOUR: u32 = 600;

/// Longest host name accepted (RFC 1035 §2.3.4, without the trailing dot).
const MAX_HOST_BYTES: usize = 253;

/// A host as written by the operator: a DNS name or an IP address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A DNS name, lower case, without a trailing dot.
    Name(String),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
}

impl fmt::Display for Host {
    /// The host alone; an IPv6 address without brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(ip) => write!(f, "{ip}"),
        }
    }
}

impl FromStr for Host {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Ip(ip));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(EndpointError::Empty);
        }
        if name.len() > MAX_HOST_BYTES {
            return Err(EndpointError::HostTooLong { found: name.len() });
        }
        let labels_fit = name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
        if !labels_fit {
            return Err(EndpointError::BadHost {
                found: crate::escape_text_bounded(text, 80),
            });
        }
        // A last label of digits alone is a mistyped address (RFC 1123 §2.1), not a name.
        if name
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(EndpointError::BadHost {
                found: crate::escape_text_bounded(text, 80),
            });
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }
}

/// Where a SIP endpoint is: `host`, `host:port`, `[v6]:port` or `sips:host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    host: Host,
    port: Option<u16>,
}

impl Endpoint {
    /// An endpoint of its parts.
    #[must_use]
    pub const fn new(host: Host, port: Option<u16>) -> Self {
        Self { host, port }
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port as written; `None` when the operator named none.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port to dial: the one written, else 5061.
    #[must_use]
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(DEFAULT_PORT)
    }
}

impl fmt::Display for Endpoint {
    /// `sips:host:port`, the form used in reports; the port is always there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "sips:[{ip}]:{}", self.port_or_default()),
            host => write!(f, "sips:{host}:{}", self.port_or_default()),
        }
    }
}

/// Why a text is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing there.
    #[error("expected `host`, `host:port`, `[v6]:port` or `sips:host[:port]`, found nothing")]
    Empty,
    /// Another URI scheme.
    #[error("expected `sips:` or no scheme, found `{found}:`")]
    Scheme {
        /// The scheme found.
        found: String,
    },
    /// Characters that no host name has.
    #[error("expected a host name or an IP address, found `{found}`")]
    BadHost {
        /// What stood there, escaped.
        found: String,
    },
    /// A host name too long for DNS.
    #[error("expected a host name of at most {MAX_HOST_BYTES} bytes, found {found}")]
    HostTooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// Not a port.
    #[error("expected a port between 1 and 65535, found `{found}`")]
    BadPort {
        /// What stood there, escaped.
        found: String,
    },
    /// An IPv6 address with a port but without brackets, or brackets that do not close.
    #[error("expected an IPv6 address in brackets such as `[2001:db8::1]:5061`, found `{found}`")]
    BadBrackets {
        /// What stood there, escaped.
        found: String,
    },
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let shown = || crate::escape_text_bounded(text, 80);
        let text = text.trim();
        let rest = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") => rest,
            Some((scheme, _))
                if ["sip", "sipp", "tls", "https", "http", "tcp"]
                    .iter()
                    .any(|s| scheme.eq_ignore_ascii_case(s)) =>
            {
                return Err(EndpointError::Scheme {
                    found: scheme.to_owned(),
                });
            }
            _ => text,
        };
        if rest.is_empty() {
            return Err(EndpointError::Empty);
        }
        if let Some(inner) = rest.strip_prefix('[') {
            let (address, after) = inner
                .split_once(']')
                .ok_or_else(|| EndpointError::BadBrackets { found: shown() })?;
            let ip: Ipv6Addr = address
                .parse()
                .map_err(|_| EndpointError::BadBrackets { found: shown() })?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(parse_port(port)?),
                None if after.is_empty() => None,
                None => return Err(EndpointError::BadBrackets { found: shown() }),
            };
            return Ok(Self::new(Host::Ip(ip.into()), port));
        }
        if let Ok(ip) = rest.parse::<Ipv6Addr>() {
            return Ok(Self::new(Host::Ip(ip.into()), None));
        }
        match rest.split_once(':') {
            Some((_, port)) if port.contains(':') => Err(EndpointError::BadBrackets { found: shown() }),
            Some((host, port)) => Ok(Self::new(host.parse()?, Some(parse_port(port)?))),
            None => Ok(Self::new(rest.parse()?, None)),
        }
    }
}

fn parse_port(text: &str) -> Result<u16, EndpointError> {
    match text.parse::<u16>() {
        Ok(port) if port != 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err(EndpointError::BadPort {
            found: crate::escape_text_bounded(text, 20),
        }),
    }
}

/// What to dial instead of what the endpoint's name resolves to; names stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Host to resolve and dial.
    pub host: Host,
    /// Port to dial; `None`: the endpoint's.
    pub port: Option<u16>,
}

/// How far a visit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Read the server's first flight, then close politely.
    Hello,
    /// Finish the handshake and send SIP OPTIONS, on one connection.
    Routine,
    /// A routine visit, and then which suites, groups and versions are accepted.
    Survey,
}

impl Depth {
    /// The code used in configuration and on the command line.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Routine => "routine",
            Self::Survey => "survey",
        }
    }
}

/// A client certificate by its name and files; what is in them is no part of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The name, unique among those of a target.
    pub name: String,
    /// PEM file of the leaf followed by its intermediates.
    pub certificate: PathBuf,
    /// PEM file of the leaf's private key.
    pub key: PathBuf,
}

/// An endpoint with a name, a profile and labels: what the operator wants watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name, unique in a configuration; for `check` the endpoint as typed.
    pub name: String,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Name of the profile to judge by.
    pub profile: String,
    /// Dial this instead.
    pub connect: Option<Dial>,
    /// SNI and the name verified; `None`: the endpoint's host.
    pub server_name: Option<String>,
    /// PEM file that replaces the profile's root set.
    pub trust_anchors: Option<PathBuf>,
    /// Code of the Genesys region whose load balancers dial this endpoint, such as `euc1`.
    pub peer_region: Option<String>,
    /// Client certificates that may be presented to the endpoint, and to no other.
    pub client_identities: Vec<ClientIdentity>,
    /// How far a visit goes.
    pub depth: Depth,
    /// Time between two visits.
    pub interval: Duration,
    /// Time between two surveys of a target that is watched; `None`: no surveys.
    pub survey_interval: Option<Duration>,
    /// One absolute deadline for a visit to one address, all phases together.
    pub timeout: Duration,
    /// Attempts to connect to an address within an hour, those of other targets included, after which this target leaves
    /// it alone.
    pub connections_per_hour: u32,
    /// When its alerts are to keep quiet; it is probed all the same.
    pub maintenance: Maintenance,
    /// The operator's labels, in order of name.
    pub labels: BTreeMap<String, String>,
}

impl Target {
    /// A target with nothing but what it must have: visited once a minute at depth routine, ten seconds for each address,
    /// not surveyed.
    #[must_use]
    pub fn new(name: &str, endpoint: Endpoint, profile: &str) -> Self {
        Self {
            name: name.to_owned(),
            endpoint,
            profile: profile.to_owned(),
            connect: None,
            server_name: None,
            trust_anchors: None,
            peer_region: None,
            client_identities: Vec::new(),
            depth: Depth::Routine,
            interval: Duration::from_secs(60),
            survey_interval: None,
            timeout: Duration::from_secs(10),
            connections_per_hour: DEFAULT_CONNECTIONS_PER_HOUR,
            maintenance: Maintenance::default(),
            labels: BTreeMap::new(),
        }
    }

    /// The name verified in the certificate: `server_name`, else the endpoint's host.
    #[must_use]
    pub fn verified_name(&self) -> String {
        self.server_name
            .clone()
            .unwrap_or_else(|| self.endpoint.host().to_string())
    }

    /// The name sent as SNI: a DNS name and never an IP address (RFC 6066 §3).
    #[must_use]
    pub fn sni(&self) -> Option<String> {
        match self.verified_name().parse() {
            Ok(Host::Name(name)) => Some(name),
            _ => None,
        }
    }

    /// The host and port to resolve and dial.
    #[must_use]
    pub fn dial(&self) -> (Host, u16) {
        match &self.connect {
            Some(dial) => (
                dial.host.clone(),
                dial.port.unwrap_or_else(|| self.endpoint.port_or_default()),
            ),
            None => (self.endpoint.host().clone(), self.endpoint.port_or_default()),
        }
    }

    /// Where the SRV record of the endpoint's SIPS service would be, `_sips._tcp.HOST` (RFC 3263 §4.2); `None` when the
    /// operator said more than the service: an address, a port, or what to dial instead.
    #[must_use]
    pub fn srv_owner(&self) -> Option<String> {
        match (&self.connect, self.endpoint.port(), self.endpoint.host()) {
            // A name too long for DNS has no record.
            (None, None, Host::Name(name)) => {
                Some(format!("_sips._tcp.{name}")).filter(|owner| owner.len() <= MAX_HOST_BYTES)
            }
            _ => None,
        }
    }

    /// The address to dial when it is known without a resolver.
    #[must_use]
    pub fn literal_address(&self) -> Option<SocketAddr> {
        match self.dial() {
            (Host::Ip(ip), port) => Some(SocketAddr::new(ip, port)),
            (Host::Name(_), _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn endpoint(text: &str) -> Result<String, EndpointError> {
        text.parse::<Endpoint>().map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn the_four_forms_are_read() {
        assert_eq!(
            endpoint("sbc.example.test").unwrap(),
            "sips:sbc.example.test:5061"
        );
        assert_eq!(
            endpoint("SBC.example.test.:5071").unwrap(),
            "sips:sbc.example.test:5071"
        );
        assert_eq!(
            endpoint("sips:sbc.example.test").unwrap(),
            "sips:sbc.example.test:5061"
        );
        assert_eq!(
            endpoint("SIPS:sbc.example.test:5062").unwrap(),
            "sips:sbc.example.test:5062"
        );
        assert_eq!(endpoint("[2001:db8::1]:5071").unwrap(), "sips:[2001:db8::1]:5071");
        assert_eq!(endpoint("2001:db8::1").unwrap(), "sips:[2001:db8::1]:5061");
        assert_eq!(endpoint("192.0.2.7").unwrap(), "sips:192.0.2.7:5061");
    }

    #[test]
    fn faults_say_what_was_expected_and_found() {
        for (text, expected) in [
            ("", "found nothing"),
            ("sips:", "found nothing"),
            ("sip:host", "found `sip:`"),
            ("https://host", "found `https:`"),
            ("host:0", "port between 1 and 65535, found `0`"),
            ("host:+5061", "found `+5061`"),
            ("host:70000", "found `70000`"),
            ("ho st", "found `ho st`"),
            ("host\r\nVia: x", "found `host\\u{d}\\u{a}Via`"),
            ("192.0.2.300", "found `192.0.2.300`"),
            ("[2001:db8::1", "in brackets"),
            ("2001:db8::1:zz:5061", "in brackets"),
            ("-host", "found `-host`"),
        ] {
            let message = endpoint(text).expect_err(text).to_string();
            assert!(message.contains(expected), "{text:?}: {message}");
        }
    }

    #[test]
    fn a_service_is_looked_up_only_when_the_operator_named_no_more_than_it() {
        let owner = |endpoint: &str| Target::new("a", endpoint.parse().unwrap(), "p").srv_owner();
        assert_eq!(
            owner("sips:Example.test").as_deref(),
            Some("_sips._tcp.example.test")
        );
        for more in ["example.test:5061", "192.0.2.7", "[2001:db8::1]"] {
            assert_eq!(owner(more), None, "{more}");
        }
        let mut target = Target::new("a", "example.test".parse().unwrap(), "p");
        target.server_name = Some("sbc.example.test".to_owned());
        assert!(target.srv_owner().is_some());
        target.connect = Some(Dial {
            host: Host::Name("sbc.example.test".to_owned()),
            port: None,
        });
        assert_eq!(target.srv_owner(), None);
    }

    proptest! {
        #[test]
        fn printing_and_reading_agree(text in "\\PC{0,80}") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                let again: Endpoint = endpoint.to_string().parse().unwrap();
                prop_assert_eq!(again.to_string(), endpoint.to_string());
            }
        }
    }
}
