//! Fetching revocation lists, from where, and how it ended; and where else a visit may go.

use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// How an attempt to fetch a revocation list ended: a closed list, a contract (the value of the metric label `result`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchResult {
    /// A list came that its issuer signed and that is current.
    Ok,
    /// The server says that the list at hand is still the present one.
    NotModified,
    /// Not asked for: the URL or the address it leads to is not allowed.
    Refused,
    /// No answer: name, connection or time.
    Unreachable,
    /// The server answered something else than a list: a status, a redirect that is not followed, too many bytes.
    Answer,
    /// What came is no list, not its issuer's, not current, or older than the list at hand.
    Invalid,
}

impl FetchResult {
    /// Every result.
    pub const ALL: [Self; 6] = [
        Self::Ok,
        Self::NotModified,
        Self::Refused,
        Self::Unreachable,
        Self::Answer,
        Self::Invalid,
    ];

    /// The code used in metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotModified => "not_modified",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Answer => "answer",
            Self::Invalid => "invalid",
        }
    }
}

/// Whether and from where revocation lists are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationSettings {
    /// Lists are fetched and asked.
    pub enabled: bool,
    /// Networks that are not public and from which lists may be fetched all the same, on any port.
    pub allow: Vec<IpNet>,
    /// Folder in which lists are kept until they end; `None`: in memory alone.
    pub cache: Option<PathBuf>,
}

/// Where a visit may go to that is no target's: networks and ports that the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destinations {
    /// Networks of the addresses; none: nowhere.
    pub allow: Vec<IpNet>,
    /// Ports.
    pub ports: Vec<RangeInclusive<u16>>,
}

impl Default for Destinations {
    /// Nowhere; and the port of SIP over TLS (RFC 3261 §19.1.2).
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            ports: vec![5061..=5061],
        }
    }
}

impl Default for RevocationSettings {
    /// Enabled, from public addresses alone, kept in memory.
    fn default() -> Self {
        Self {
            enabled: true,
            allow: Vec::new(),
            cache: None,
        }
    }
}

/// A network as the operator writes it: `10.20.0.0/16`, or one address.
///
/// # Errors
/// What was expected, when it is none or when bits beyond its prefix are set: `10.20.3.4/16` may mean either.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| "expected a network such as `10.20.0.0/16`".to_owned())?;
    if network.addr() != network.network() {
        return Err(format!(
            "expected a network without bits beyond its prefix, such as `{}`",
            network.trunc()
        ));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_written() {
        assert_eq!(parse_network("10.20.0.0/16").unwrap().to_string(), "10.20.0.0/16");
        assert_eq!(parse_network("127.0.0.1").unwrap().to_string(), "127.0.0.1/32");
        assert_eq!(parse_network("fd00::/8").unwrap().to_string(), "fd00::/8");
        for bad in ["", "10.20.0.0/33", "10.20", "example.test", "10.20.0.0/16 "] {
            assert!(parse_network(bad).is_err(), "{bad}");
        }
        let expected = "expected a network without bits beyond its prefix, such as `10.20.0.0/16`";
        assert_eq!(parse_network("10.20.3.4/16"), Err(expected.to_owned()));
    }
}
