//! Handshake messages out of record payloads: reassembly.

use crate::MAX_FLIGHT_BYTES;
use crate::codes::HandshakeType;
use crate::error::LimitExceeded;

const HEADER_BYTES: usize = 4;

/// One handshake message.
///
/// `struct { HandshakeType msg_type; uint24 length; opaque body[length]; }` (RFC 5246 §7.4)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type.
    pub kind: HandshakeType,
    /// Header and body: what the handshake hash takes in.
    pub bytes: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

/// Reassembles handshake messages, which may share records or span them (RFC 5246 §6.2.1).
///
/// Holds at most one message of [`MAX_FLIGHT_BYTES`](crate::MAX_FLIGHT_BYTES) and one record as
/// long as [`next_message`](Self::next_message) is asked after each push: a header that announces
/// more is refused as soon as it is read.
#[derive(Debug, Default)]
pub struct HandshakeReader {
    buffer: Vec<u8>,
    start: usize,
}

impl HandshakeReader {
    /// A reader between two messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the payload of a handshake record in.
    pub fn push(&mut self, payload: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(payload);
    }

    /// Whether no part of a message is pending.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.buffer.len()
    }

    /// The part of a message that is pending.
    pub(crate) fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    pub(crate) const fn held_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// The next whole message; `None` when more payload is needed.
    ///
    /// # Errors
    ///
    /// A message that says it is larger than the limit.
    pub fn next_message(&mut self) -> Result<Option<Message<'_>>, LimitExceeded> {
        let pending = self.buffer.get(self.start..).unwrap_or_default();
        let Some(&[kind, high, middle, low]) = pending.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if length > MAX_FLIGHT_BYTES {
            return Err(LimitExceeded {
                what: "bytes of one handshake message",
                found: length,
                limit: MAX_FLIGHT_BYTES,
            });
        }
        let whole = HEADER_BYTES.saturating_add(length);
        let Some(bytes) = pending.get(..whole) else {
            return Ok(None);
        };
        self.start = self.start.saturating_add(whole);
        let body = bytes.get(HEADER_BYTES..).unwrap_or_default();
        Ok(Some(Message {
            kind: HandshakeType(kind),
            bytes,
            body,
        }))
    }
}
