//! A SIP message that was read, with what was odd about it.

use std::fmt;

use super::text::split_unquoted;

/// The first line of a message (RFC 3261 §7.1, §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartLine {
    /// `Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF`
    Status {
        /// Status code, 100 to 699.
        status: u16,
        /// Reason phrase as sent, escaped for showing; empty when missing.
        reason_phrase: String,
    },
    /// `Request-Line = Method SP Request-URI SP SIP-Version CRLF`: the peer asks us something on our connection.
    Request {
        /// Method, a token; unknown methods are kept.
        method: String,
        /// Request-URI as sent, escaped for showing; its grammar is not checked.
        uri: String,
    },
}

/// One header field (RFC 3261 §7.3), unfolded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name, a token; spelled as sent, but a compact form is written out (`v` is `Via`).
    pub name: String,
    /// Value without white space at its ends, each fold one space, escaped for showing; may be empty.
    pub value: String,
}

/// A departure from RFC 3261 that leaves the meaning of a message clear.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A line of the head ended in LF without CR (RFC 3261 §7 demands CRLF).
    BareLineFeed,
    /// The status line ended after the code: no reason phrase, nor the space before it (RFC 3261 §7.2).
    MissingReason,
    /// The first line has other than single spaces, `SIP` in lower case, or (a request) another version
    /// (RFC 3261 §7.1, §7.2).
    OddStartLine,
    /// No Content-Length, which a stream needs (RFC 3261 §18.3); taken as zero.
    MissingContentLength,
    /// Content-Length more than once with the same value.
    RepeatedContentLength,
    /// Bytes in the head that are not UTF-8 (RFC 3261 §7 demands UTF-8); kept as U+FFFD.
    NotUtf8,
    /// The announced body was longer than [`BODY_BYTES_MAX`](super::BODY_BYTES_MAX); none of it was read.
    BodyTooLong {
        /// Content-Length in bytes; `u64::MAX` when it is larger than that.
        announced: u64,
    },
    /// The peer's bytes ended inside the body.
    BodyCut {
        /// Bytes of the body that came.
        received: usize,
        /// Content-Length in bytes.
        announced: usize,
    },
    /// The response has more than one Via value, ours is the first (RFC 3261 §8.1.3.3: it was meant for another).
    SeveralVias,
    /// More methods in Allow than [`ALLOW_MAX`](super::ALLOW_MAX); the rest were dropped.
    AllowTooLong,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BareLineFeed => f.write_str("lines end in LF alone, not in CRLF"),
            Self::MissingReason => f.write_str("the status line ends after the status code"),
            Self::OddStartLine => f.write_str("the first line is oddly written in spaces, case or version"),
            Self::MissingContentLength => {
                f.write_str("no Content-Length, which RFC 3261 section 18.3 demands on a stream")
            }
            Self::RepeatedContentLength => f.write_str("Content-Length is repeated"),
            Self::NotUtf8 => f.write_str("the head has bytes that are not UTF-8"),
            Self::BodyTooLong { announced } => {
                write!(f, "a body of {announced} bytes was announced and not read")
            }
            Self::BodyCut { received, announced } => {
                write!(f, "the body ended after {received} of {announced} bytes")
            }
            Self::SeveralVias => f.write_str("the response carries more than one Via"),
            Self::AllowTooLong => f.write_str("Allow names too many methods, the rest were dropped"),
        }
    }
}

/// A message that came from the peer: a response or a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: StartLine,
    /// The header fields in the order sent, at most [`HEADER_LINES_MAX`](super::HEADER_LINES_MAX).
    pub headers: Vec<Header>,
    /// The body as sent, at most [`BODY_BYTES_MAX`](super::BODY_BYTES_MAX) bytes; empty when it was announced longer.
    pub body: Vec<u8>,
    /// What was odd, each kind once.
    pub notes: Vec<Note>,
    /// Where it starts, in bytes since the first byte that the peer sent.
    pub offset: u64,
}

impl Message {
    /// The status code of a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Status { status, .. } => Some(status),
            StartLine::Request { .. } => None,
        }
    }

    /// The values of every header field with this full name, in the order sent; case does not matter
    /// (RFC 3261 §7.3.1). A compact form in the message was written out by the reader.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value.as_str())
    }

    /// The first of [`values`](Self::values).
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value.as_str())
    }

    /// The `branch` parameter of the topmost Via value (RFC 3261 §8.1.1.7, §20.42); the rest of Via is not checked.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        let (top, _) = split_unquoted(self.value("Via")?, ',');
        let (_, mut rest) = split_unquoted(top, ';');
        while let Some(parameters) = rest {
            let (parameter, next) = split_unquoted(parameters, ';');
            if let Some((name, value)) = parameter.split_once('=')
                && name.trim().eq_ignore_ascii_case("branch")
            {
                return Some(value.trim());
            }
            rest = next;
        }
        None
    }

    /// Sequence number and method of CSeq (RFC 3261 §20.16); `None` when it is missing or cannot be read.
    ///
    /// `CSeq = "CSeq" HCOLON 1*DIGIT LWS Method`
    #[must_use]
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let mut words = self.value("CSeq")?.split_ascii_whitespace();
        let (number, method) = (words.next()?, words.next()?);
        if words.next().is_some() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some((number.parse().ok()?, method))
    }

    /// The number of Via values; one in a response that is meant for us (RFC 3261 §8.1.3.3).
    #[must_use]
    pub fn vias(&self) -> usize {
        self.values("Via")
            .map(|value| {
                let mut count: usize = 1;
                let (_, mut rest) = split_unquoted(value, ',');
                while let Some(more) = rest {
                    count = count.saturating_add(1);
                    (_, rest) = split_unquoted(more, ',');
                }
                count
            })
            .fold(0, usize::saturating_add)
    }

    pub(super) fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
