//! Records out of a stream of bytes.

use crate::codes::{ContentType, ProtocolVersion};
use crate::error::{Error, Fault, LimitExceeded, Malformed, Within};
use crate::{MAX_CIPHERTEXT_BYTES, MAX_PLAINTEXT_BYTES};

const HEADER_BYTES: usize = 5;

/// One record, its payload as on the wire.
///
/// `struct { ContentType type; ProtocolVersion version; uint16 length; opaque fragment[length]; }`
/// (RFC 5246 §6.2.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its content type, one of the four of TLS 1.2.
    pub content_type: ContentType,
    /// Its version field; servers differ in what they write here.
    pub version: ProtocolVersion,
    /// Its payload: clear text or protected.
    pub payload: &'a [u8],
}

/// Cuts a stream of bytes into records. Holds at most one record and what was pushed behind it.
#[derive(Debug, Default)]
pub struct RecordReader {
    /// Bytes pushed; those before `start` are consumed.
    buffer: Vec<u8>,
    start: usize,
    /// Position in the stream of `buffer[start]`.
    offset: u64,
    protected: bool,
}

impl RecordReader {
    /// A reader at the first byte of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From the next record on, payloads may have the length of protected ones.
    pub const fn expect_protected(&mut self) {
        self.protected = true;
    }

    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
        } else if self.start > 0 {
            self.buffer.drain(..self.start);
        }
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes taken in that no record was made of yet.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    pub(crate) const fn held_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Position in the stream of the first pending byte.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next whole record; `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`Error::NotTls`] when the connection does not begin with a record; [`Error::Malformed`]
    /// for a header no record has later on, and for an empty handshake, alert or
    /// change_cipher_spec record (RFC 5246 §6.2.1); [`Error::Limit`] for one longer than 2^14
    /// bytes (2^14 + 2,048 when protected).
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Error> {
        let pending = self.buffer.get(self.start..).unwrap_or_default();
        let Some((header, rest)) = pending.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let [kind, major, minor, high, low] = *header;
        let content_type = ContentType(kind);
        let version = ProtocolVersion(u16::from_be_bytes([major, minor]));
        if content_type.name().is_none() || major != 3 {
            if self.offset == 0 {
                return Err(Error::NotTls {
                    first: header.to_vec(),
                });
            }
            if content_type.name().is_some() {
                return Err(self.malformed(1, Fault::Version(version)).into());
            }
            return Err(self.malformed(0, Fault::ContentType(content_type)).into());
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let limit = if self.protected {
            MAX_CIPHERTEXT_BYTES
        } else {
            MAX_PLAINTEXT_BYTES
        };
        if length > limit {
            return Err(LimitExceeded {
                what: "bytes of one record",
                found: length,
                limit,
            }
            .into());
        }
        if length == 0 && content_type != ContentType::APPLICATION_DATA {
            let fault = Fault::Length {
                field: "fragment",
                found: 0,
                expected: "at least 1",
            };
            return Err(self.malformed(3, fault).into());
        }
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        let whole = HEADER_BYTES.saturating_add(length);
        self.start = self.start.saturating_add(whole);
        self.offset = self
            .offset
            .saturating_add(u64::try_from(whole).unwrap_or(u64::MAX));
        Ok(Some(Record {
            content_type,
            version,
            payload,
        }))
    }

    fn malformed(&self, within_record: u64, fault: Fault) -> Malformed {
        Malformed {
            within: Within::Record,
            offset: self.offset.saturating_add(within_record),
            fault,
        }
    }
}
