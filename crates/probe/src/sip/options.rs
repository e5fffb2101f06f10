//! The OPTIONS request that the probe sends.

use std::fmt;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use super::text::{clipped, shown};

/// Longest host name in characters (RFC 1035 §2.3.4: 255 octets on the wire, 253 as text).
const NAME_CHARS_MAX: usize = 253;
/// Longest label of a host name (RFC 1035 §2.3.4).
const LABEL_CHARS_MAX: usize = 63;
/// What stands before every branch of RFC 3261 (§8.1.1.7).
const BRANCH_COOKIE: &str = "z9hG4bK";

/// A host as it stands in a SIP URI: name or address literal, checked.
///
/// `host = hostname / IPv4address / IPv6reference` (RFC 3261 §25.1). Prints IPv6 in brackets. Nothing that passes can
/// end a line, a URI or a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(Form);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    Name(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// A host that cannot stand in a SIP URI. The operator is the one to act on it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("host \"{host}\" cannot stand in a SIP URI: {why}")]
pub struct InvalidHost {
    /// The host as given, escaped and shortened for showing.
    pub host: String,
    /// What is wrong with it; lower case, no full stop.
    pub why: &'static str,
}

impl Host {
    /// Reads a name, an IPv4 address, or an IPv6 address with or without brackets.
    ///
    /// A name may contain `_`, which the grammar does not have and private zones do, and end in a dot, which is taken
    /// off. An internationalised name must be given as A-labels. Whether the name exists is not checked.
    ///
    /// # Errors
    ///
    /// [`InvalidHost`] for everything else: a port, a zone index, a space, a control character, an empty label.
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        let invalid = |why| InvalidHost {
            host: clipped(&shown(text.as_bytes()), 64).into_owned(),
            why,
        };
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner
                .strip_suffix(']')
                .ok_or_else(|| invalid("no closing bracket"))?;
            return inner
                .parse()
                .map(|v6| Self(Form::V6(v6)))
                .map_err(|_| invalid("not an IPv6 address in brackets"));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::from(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(invalid("it is empty"));
        }
        if name.len() > NAME_CHARS_MAX {
            return Err(invalid("it is longer than 253 characters"));
        }
        for label in name.split('.') {
            if label.is_empty() {
                return Err(invalid("it has an empty label"));
            }
            if label.len() > LABEL_CHARS_MAX {
                return Err(invalid("it has a label longer than 63 characters"));
            }
            if !label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            {
                return Err(invalid(
                    "it has a character other than letters, digits, hyphen and dot",
                ));
            }
        }
        // RFC 3261 §25.1: toplabel begins with ALPHA, which keeps 192.0.2.256 from being a name.
        if name
            .rsplit('.')
            .next()
            .is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(invalid("it ends in a number and is not an IPv4 address"));
        }
        Ok(Self(Form::Name(name.to_owned())))
    }
}

impl From<IpAddr> for Host {
    /// Every address can stand in a URI; IPv4 mapped into IPv6 becomes IPv4.
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(Form::V4(v4)),
            IpAddr::V6(v6) => Self(Form::V6(v6)),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Name(name) => f.write_str(name),
            Form::V4(v4) => v4.fmt(f),
            Form::V6(v6) => write!(f, "[{v6}]"),
        }
    }
}

/// Who sends, as Via, From and Contact say it.
///
/// `sent-by = host [ COLON port ]` (RFC 3261 §25.1). The answer comes back on the same connection whatever stands
/// here (RFC 3261 §18.2.2); some platforms accept only the name they know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SentBy {
    host: Host,
    port: u16,
}

impl SentBy {
    /// Our end of the connection.
    #[must_use]
    pub fn from_address(local: SocketAddr) -> Self {
        Self {
            host: local.ip().into(),
            port: local.port(),
        }
    }

    /// A name that the peer knows us by, with the port that stands behind it.
    #[must_use]
    pub fn from_name(host: Host, port: u16) -> Self {
        Self { host, port }
    }
}

impl fmt::Display for SentBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The randomness of one request: branch, From tag and Call-ID come from it. Use one only once.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce([u8; 32]);

/// The system's random generator failed. Nobody but us can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no random bytes for a SIP request")]
pub struct NoRandomness;

impl Nonce {
    /// Fresh from the random generator of aws-lc-rs.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] when the generator fails.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// From given bytes, for a reproducible request.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", hex(&self.0))
    }
}

/// A valid OPTIONS outside of a dialog (RFC 3261 §11.1, §8.1.1), ready to be sent.
///
/// The Request-URI is `sip:HOST:PORT;transport=tls`, not `sips:`: it is what trunk platforms write themselves, and
/// several stacks behind SBCs refuse the `sips` scheme (`docs/decisions/0001-own-sip-messages.md`). To and From carry
/// neither port nor transport, which RFC 3261 §19.1.1 does not allow there; no URI has a user part, as between trunk
/// peers, and User-Agent tells the operator of the endpoint who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsRequest {
    text: String,
    branch: String,
    call_id: String,
}

impl OptionsRequest {
    /// The method of the request.
    pub const METHOD: &str = "OPTIONS";
    /// The sequence number of the request (RFC 3261 §8.1.1.5).
    pub const CSEQ: u32 = 1;

    /// Writes the request to `host` and `port`.
    #[must_use]
    pub fn new(host: &Host, port: u16, local: &SentBy, nonce: &Nonce) -> Self {
        let (for_branch, rest) = nonce.0.split_at(12);
        let (for_call_id, for_tag) = rest.split_at(12);
        let branch = format!("{BRANCH_COOKIE}{}", hex(for_branch));
        let call_id = hex(for_call_id);
        let tag = hex(for_tag);
        let SentBy {
            host: own,
            port: own_port,
        } = local;
        let method = Self::METHOD;
        let cseq = Self::CSEQ;
        let version = env!("CARGO_PKG_VERSION");
        let mut text = String::with_capacity(768);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{method} sip:{host}:{port};transport=tls SIP/2.0\r\n\
             Via: SIP/2.0/TLS {own}:{own_port};branch={branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{own}>;tag={tag}\r\n\
             To: <sip:{host}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n\
             Contact: <sip:{own}:{own_port};transport=tls>\r\n\
             Accept: application/sdp\r\n\
             User-Agent: siptls-probe/{version}\r\n\
             Content-Length: 0\r\n\
             \r\n"
        );
        Self {
            text,
            branch,
            call_id,
        }
    }

    /// The bytes to send, exactly.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The branch of its Via, `z9hG4bK` and 24 hex digits.
    #[must_use]
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Its Call-ID, 24 hex digits.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let nibbles = bytes.iter().flat_map(|b| [b >> 4, b & 0x0f]);
    nibbles
        .filter_map(|nibble| DIGITS.get(usize::from(nibble)))
        .collect()
}
