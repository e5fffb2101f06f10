//! What can be wrong with bytes from a peer.

use crate::codes::{ContentType, HandshakeType, ProtocolVersion};
use std::fmt;

/// Why bytes cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first bytes are not a TLS record header.
    #[error("expected a TLS record, found {}", printable(.first))]
    NotTls {
        /// The first bytes, at most five.
        first: Vec<u8>,
    },
    /// A structure contradicts its own lengths.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A length or count is above what this crate reads.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A well-formed message at a moment where the protocol does not allow it.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the protocol allows here.
        expected: &'static str,
        /// What came.
        found: String,
    },
}

/// The structure in which a fault was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// A record header; offsets count from the first byte of the connection.
    Record,
    /// An alert; offsets count from its first byte.
    Alert,
    /// A handshake message; offsets count from the first byte after its four-byte header.
    Message(HandshakeType),
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => f.write_str("record"),
            Self::Alert => f.write_str("alert"),
            Self::Message(kind) => write!(f, "{kind}"),
        }
    }
}

/// A structure that contradicts its own lengths, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {within} at byte {offset}: {fault}")]
pub struct Malformed {
    /// The structure.
    pub within: Within,
    /// Where the fault is, counted as [`Within`] says.
    pub offset: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What contradicts what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A field ends after its structure.
    #[error("{field} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The field.
        field: &'static str,
        /// Bytes it says it has.
        needed: usize,
        /// Bytes its structure still has.
        left: usize,
    },
    /// A structure goes on after its last field.
    #[error("{left} bytes follow {after}")]
    Trailing {
        /// The last field.
        after: &'static str,
        /// Bytes that follow.
        left: usize,
    },
    /// A length that the definition forbids.
    #[error("{field} has {found} bytes, expected {expected}")]
    Length {
        /// The field.
        field: &'static str,
        /// Its length.
        found: usize,
        /// The lengths allowed, in words.
        expected: &'static str,
    },
    /// A content type no record has.
    #[error("content type {0}")]
    ContentType(ContentType),
    /// A record version whose first byte is not 3.
    #[error("record version {0}")]
    Version(ProtocolVersion),
    /// An extension that stands twice (RFC 5246 §7.4.1.4).
    #[error("extension {0} stands twice")]
    DuplicateExtension(crate::codes::ExtensionType),
}

/// A length or count above what this crate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {found}, at most {limit} are read")]
pub struct LimitExceeded {
    /// The thing counted.
    pub what: &'static str,
    /// How many there are.
    pub found: usize,
    /// How many are read.
    pub limit: usize,
}

/// Bytes as text where they are ASCII, and as hexadecimal.
fn printable(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut out = String::new();
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    if !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
        let _ = write!(out, " ({})", String::from_utf8_lossy(bytes));
    }
    out
}
