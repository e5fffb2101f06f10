//! What ends the reading of a peer's SIP bytes.

use std::fmt;

use thiserror::Error;

/// What kind of fault a [`SipFault`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// It began as SIP and then broke the grammar or the framing (RFC 3261 §7, §18.3, §25).
    Malformed,
    /// It is no SIP at all: neither a status line nor a request line (RFC 3261 §7.1, §7.2).
    NotSip,
    /// It passed one of the named limits of this module.
    LimitExceeded,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed SIP",
            Self::NotSip => "not SIP",
            Self::LimitExceeded => "SIP limit exceeded",
        })
    }
}

/// Why nothing further can be read from this connection.
///
/// A fault is final: the reader that gave it gives it again. The peer is the one to act on it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {offset}: {why}")]
pub struct SipFault {
    /// What kind it is.
    pub kind: FaultKind,
    /// Where, in bytes since the first byte of application data that the peer sent.
    pub offset: u64,
    /// What was expected and found; lower case, no full stop, text of the peer escaped.
    pub why: String,
}

impl SipFault {
    pub(super) fn new(kind: FaultKind, offset: u64, why: impl Into<String>) -> Self {
        Self {
            kind,
            offset,
            why: why.into(),
        }
    }
}
