//! Finds the message that answers our request.

use std::fmt;

use super::fault::{FaultKind, SipFault};
use super::message::{Message, Note, StartLine};
use super::options::OptionsRequest;
use super::reader::ResponseReader;
use super::text::clipped;

/// Most messages read while waiting for the answer. An honest peer sends a 100, the answer and perhaps an OPTIONS of
/// its own; the number bounds the work for one that talks without end.
pub const MESSAGES_MAX: usize = 32;
/// Most methods kept of Allow. IANA knows 14 methods.
pub const ALLOW_MAX: usize = 64;
/// Longest text of an [`Answer`] in characters; longer text ends in an ellipsis. It goes into reports and pages.
pub const TEXT_CHARS_MAX: usize = 256;

/// The final response to our OPTIONS (RFC 3261 §11.2).
///
/// Any status proves that SIP is spoken; whether it is a good one is not judged here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code, 200 to 699.
    pub status: u16,
    /// Reason phrase as sent, escaped, at most [`TEXT_CHARS_MAX`] characters; empty when missing.
    pub reason_phrase: String,
    /// What the peer calls itself: Server (RFC 3261 §20.35), else User-Agent (§20.41); escaped, at most
    /// [`TEXT_CHARS_MAX`] characters; `None` when neither is there or it is empty.
    pub server: Option<String>,
    /// The methods of Allow (RFC 3261 §20.5) in the order sent, at most [`ALLOW_MAX`].
    pub allow: Vec<String>,
    /// What was odd about the message: the texts of its [`Note`]s.
    pub notes: Vec<String>,
}

/// Why a response is not one to our request (RFC 3261 §17.1.3, §8.2.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mismatch {
    /// Call-ID is missing or another one (compared byte by byte, RFC 3261 §20.8).
    CallId,
    /// CSeq is missing, cannot be read, or has another number or method.
    Cseq,
    /// The topmost Via is missing or has another branch.
    Branch,
    /// It matches, but the answer came before it.
    AfterAnswer,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CallId => "a response with another Call-ID",
            Self::Cseq => "a response with another CSeq",
            Self::Branch => "a response with another Via branch",
            Self::AfterAnswer => "a second final response",
        })
    }
}

/// What a message of the peer means for our request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A provisional response with this status, 100 to 199: go on waiting (RFC 3261 §17.1.2.2).
    Provisional(u16),
    /// The first final response that matches.
    Answer(Answer),
    /// A response with this status that does not match; it was counted and skipped.
    Skipped(u16, Mismatch),
    /// The peer asks us something on our connection. Nothing has to be done about it.
    PeerRequest {
        /// Its method, escaped, at most [`TEXT_CHARS_MAX`] characters.
        method: String,
    },
}

/// Matches messages against one request, at most [`MESSAGES_MAX`] of them.
#[derive(Clone, Debug)]
pub struct Transaction {
    call_id: String,
    branch: String,
    messages: usize,
    skipped: usize,
    answered: bool,
}

impl Transaction {
    /// A transaction that waits for the answer to `request`.
    #[must_use]
    pub fn new(request: &OptionsRequest) -> Self {
        Self {
            call_id: request.call_id().to_owned(),
            branch: request.branch().to_owned(),
            messages: 0,
            skipped: 0,
            answered: false,
        }
    }

    /// Says what `message` means for our request.
    ///
    /// # Errors
    ///
    /// [`FaultKind::LimitExceeded`] when it is one more than [`MESSAGES_MAX`].
    pub fn handle_message(&mut self, message: &Message) -> Result<Event, SipFault> {
        if self.messages >= MESSAGES_MAX {
            let why = format!("more than {MESSAGES_MAX} messages on the connection");
            return Err(SipFault::new(FaultKind::LimitExceeded, message.offset, why));
        }
        self.messages = self.messages.saturating_add(1);
        let (status, reason_phrase) = match &message.start {
            StartLine::Request { method, .. } => {
                return Ok(Event::PeerRequest {
                    method: short(method),
                });
            }
            StartLine::Status {
                status,
                reason_phrase,
            } => (*status, reason_phrase),
        };
        if let Some(mismatch) = self.mismatch(message) {
            self.skipped = self.skipped.saturating_add(1);
            return Ok(Event::Skipped(status, mismatch));
        }
        if status < 200 {
            return Ok(Event::Provisional(status));
        }
        self.answered = true;
        Ok(Event::Answer(answer(message, status, reason_phrase)))
    }

    /// How many responses did not match so far.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    fn mismatch(&self, message: &Message) -> Option<Mismatch> {
        if message.value("Call-ID") != Some(self.call_id.as_str()) {
            return Some(Mismatch::CallId);
        }
        if message.cseq() != Some((OptionsRequest::CSEQ, OptionsRequest::METHOD)) {
            return Some(Mismatch::Cseq);
        }
        // Via parameters are tokens, which do not depend on case (RFC 3261 §7.3.1).
        if !message
            .branch()
            .is_some_and(|branch| branch.eq_ignore_ascii_case(&self.branch))
        {
            return Some(Mismatch::Branch);
        }
        self.answered.then_some(Mismatch::AfterAnswer)
    }
}

fn answer(message: &Message, status: u16, reason_phrase: &str) -> Answer {
    let mut notes: Vec<String> = message.notes.iter().map(Note::to_string).collect();
    if message.vias() > 1 {
        notes.push(Note::SeveralVias.to_string());
    }
    let mut methods = message
        .values("Allow")
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .filter(|m| !m.is_empty());
    let allow: Vec<String> = methods.by_ref().take(ALLOW_MAX).map(short).collect();
    if methods.next().is_some() {
        notes.push(Note::AllowTooLong.to_string());
    }
    let named = |name| message.value(name).filter(|value| !value.is_empty());
    Answer {
        status,
        reason_phrase: short(reason_phrase),
        server: named("Server").or_else(|| named("User-Agent")).map(short),
        allow,
        notes,
    }
}

fn short(text: &str) -> String {
    clipped(text, TEXT_CHARS_MAX).into_owned()
}

/// A [`ResponseReader`] and a [`Transaction`] in one: the whole of what follows the sending of the request.
///
/// After [`handle_bytes`](Self::handle_bytes) or [`handle_eof`](Self::handle_eof) call
/// [`poll_event`](Self::poll_event) until it answers `Ok(None)` or the answer is there.
#[derive(Debug)]
pub struct Exchange {
    reader: ResponseReader,
    transaction: Transaction,
}

impl Exchange {
    /// Waits for the answer to `request`.
    #[must_use]
    pub fn new(request: &OptionsRequest) -> Self {
        Self {
            reader: ResponseReader::new(),
            transaction: Transaction::new(request),
        }
    }

    /// Takes the next bytes of the peer, as [`ResponseReader::handle_bytes`].
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.reader.handle_bytes(bytes);
    }

    /// Says that the peer closed or that the deadline is over, as [`ResponseReader::handle_eof`]: an answer whose head
    /// is complete is then given without the rest of its body.
    pub fn handle_eof(&mut self) {
        self.reader.handle_eof();
    }

    /// The next event; `Ok(None)` when more bytes are needed, or after the end when there is nothing more.
    ///
    /// # Errors
    ///
    /// As [`ResponseReader::poll_message`] and [`Transaction::handle_message`].
    pub fn poll_event(&mut self) -> Result<Option<Event>, SipFault> {
        match self.reader.poll_message()? {
            Some(message) => self.transaction.handle_message(&message).map(Some),
            None => Ok(None),
        }
    }

    /// How many responses did not match so far.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.transaction.skipped()
    }
}
