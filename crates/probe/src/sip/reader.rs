//! Cuts the peer's stream into SIP messages.

use super::fault::{FaultKind, SipFault};
use super::message::{Header, Message, Note, StartLine};
use super::text::{clipped, is_token, shown, trim, trim_start};

/// Longest head of a message in bytes, first line and blank line included. An answer to OPTIONS is below 2 KiB;
/// 64 KiB is what a UDP datagram could carry at most, so no honest stack writes more.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header lines of a message, folded ones counted. An answer to OPTIONS has about 15.
pub const HEADER_LINES_MAX: usize = 200;
/// Longest body in bytes that is read. The body of an answer to OPTIONS is an SDP of at most a few KiB and does not
/// change the verdict.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of line ends before a message. A pong is 2 and a ping 4 bytes (RFC 5626 §4.4.1), and a probe's
/// connection lives for seconds.
pub const GAP_BYTES_MAX: usize = 1024;
/// How much of a peer's line a fault repeats, in characters: enough to recognise what speaks there.
const QUOTED_CHARS_MAX: usize = 64;

/// Reads SIP messages from a stream, sans-I/O (RFC 3261 §7, §18.3).
///
/// Give it bytes as they come with [`handle_bytes`](Self::handle_bytes), then call
/// [`poll_message`](Self::poll_message) until it answers `Ok(None)`. How the bytes are cut into pieces changes
/// nothing: neither messages nor faults nor offsets. Between two polls it holds what was handed in and not yet
/// read; once polled empty, that is less than [`HEAD_BYTES_MAX`] or [`BODY_BYTES_MAX`].
#[derive(Debug, Default)]
pub struct ResponseReader {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are done with.
    done: usize,
    /// Stream offset of the first byte not done with.
    offset: u64,
    state: State,
    ended: bool,
}

#[derive(Debug)]
enum State {
    /// Between messages; line ends there are keep-alives (RFC 5626 §3.5.1, RFC 3261 §7.5).
    Gap { skipped: usize },
    /// In the first line, of which `scanned` bytes hold no LF.
    FirstLine { scanned: usize },
    /// In the header lines.
    Headers(Box<Head>),
    /// In a body of this length.
    Body { message: Box<Message>, length: usize },
    /// Nothing further can be read.
    Failed(SipFault),
}

impl Default for State {
    fn default() -> Self {
        Self::Gap { skipped: 0 }
    }
}

#[derive(Debug)]
struct Head {
    message: Message,
    /// Complete lines after the first one.
    lines: usize,
    /// Bytes in complete lines.
    size: usize,
    /// Bytes of the current line that hold no LF.
    scanned: usize,
    /// Stream offset of the last Content-Length line.
    length_at: u64,
}

enum Step {
    Again,
    NeedMore,
    Message(Message),
}

impl ResponseReader {
    /// A reader at the start of the peer's application data.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream, any number of them. Ignored after a fault or
    /// [`handle_eof`](Self::handle_eof).
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        if self.ended || matches!(self.state, State::Failed(_)) {
            return;
        }
        self.buffer.drain(..self.done);
        self.done = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that no more bytes will come: the peer closed, or the caller's deadline is over. A message whose head is
    /// complete is then given with what came of its body ([`Note::BodyCut`]); one cut inside its head is a fault.
    pub fn handle_eof(&mut self) {
        self.ended = true;
    }

    /// The next message; `Ok(None)` when more bytes are needed, or after the end when there is nothing more.
    ///
    /// # Errors
    ///
    /// When the bytes are not SIP, break its framing or pass a limit of this module. The same fault comes again at
    /// each later call. A body longer than [`BODY_BYTES_MAX`] gives the message without it first, then the fault.
    pub fn poll_message(&mut self) -> Result<Option<Message>, SipFault> {
        loop {
            match self.step() {
                Ok(Step::Again) => {}
                Ok(Step::NeedMore) => return Ok(None),
                Ok(Step::Message(message)) => return Ok(Some(message)),
                Err(fault) => {
                    self.buffer = Vec::new();
                    self.done = 0;
                    self.state = State::Failed(fault.clone());
                    return Err(fault);
                }
            }
        }
    }

    fn step(&mut self) -> Result<Step, SipFault> {
        match std::mem::take(&mut self.state) {
            State::Gap { skipped } => self.gap(skipped),
            State::FirstLine { scanned } => self.first_line(scanned),
            State::Headers(head) => self.header_line(head),
            State::Body { message, length } => Ok(self.body(message, length)),
            State::Failed(fault) => Err(fault),
        }
    }

    fn gap(&mut self, skipped: usize) -> Result<Step, SipFault> {
        let room = GAP_BYTES_MAX.saturating_sub(skipped);
        let ends = self
            .pending()
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        if ends > room {
            let why = format!("more than {GAP_BYTES_MAX} bytes of line ends before a message");
            return Err(self.fault_at(FaultKind::LimitExceeded, room, why));
        }
        self.consume(ends);
        if self.pending().is_empty() {
            self.state = State::Gap {
                skipped: skipped.saturating_add(ends),
            };
            return Ok(Step::NeedMore);
        }
        self.state = State::FirstLine { scanned: 0 };
        Ok(Step::Again)
    }

    fn first_line(&mut self, scanned: usize) -> Result<Step, SipFault> {
        let pending = self.pending();
        let (line, complete) = line_from(pending, scanned);
        let visible = line.get(..line.len().min(HEAD_BYTES_MAX)).unwrap_or(line);
        let is_status = starts_with_sip(visible);
        // Binary data (a TLS record, say) is told at once; text waits for the end of its line, to be shown whole.
        let odd = |b: &u8| !matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n');
        if !is_status && let Some(at) = visible.iter().skip(scanned).position(odd) {
            let at = scanned.saturating_add(at);
            let found = quoted(visible.get(..=at).unwrap_or(visible));
            return Err(self.fault_at(
                FaultKind::NotSip,
                at,
                format!("expected a SIP status line, found binary data \"{found}\""),
            ));
        }
        if line.len() > HEAD_BYTES_MAX {
            let kind = if is_status {
                FaultKind::LimitExceeded
            } else {
                FaultKind::NotSip
            };
            let why = format!(
                "no line end within {HEAD_BYTES_MAX} bytes of \"{}\"",
                quoted(visible)
            );
            return Err(self.fault_at(kind, HEAD_BYTES_MAX, why));
        }
        if !complete {
            if self.ended {
                return Err(self.cut_in_first_line(is_status));
            }
            self.state = State::FirstLine { scanned: line.len() };
            return Ok(Step::NeedMore);
        }
        let size = line.len();
        let mut message = Message {
            start: StartLine::Status {
                status: 0,
                reason_phrase: String::new(),
            },
            headers: Vec::new(),
            body: Vec::new(),
            notes: Vec::new(),
            offset: self.offset,
        };
        let text = without_line_end(line, &mut message);
        message.start = start_line(text, self.offset, &mut message.notes)?;
        message.headers.reserve(16);
        self.consume(size);
        let length_at = self.offset;
        self.state = State::Headers(Box::new(Head {
            message,
            lines: 0,
            size,
            scanned: 0,
            length_at,
        }));
        Ok(Step::Again)
    }

    fn header_line(&mut self, mut head: Box<Head>) -> Result<Step, SipFault> {
        let (line, complete) = line_from(self.pending(), head.scanned);
        let size = head.size.saturating_add(line.len());
        if size > HEAD_BYTES_MAX {
            let why = format!("the head of a message is longer than {HEAD_BYTES_MAX} bytes");
            let left = HEAD_BYTES_MAX.saturating_sub(head.size);
            return Err(self.fault_at(FaultKind::LimitExceeded, left, why));
        }
        if !complete {
            if self.ended {
                let why = "the peer's bytes ended inside the head of a message";
                return Err(self.fault_at(FaultKind::Malformed, line.len(), why));
            }
            head.scanned = line.len();
            self.state = State::Headers(head);
            return Ok(Step::NeedMore);
        }
        let length = line.len();
        let text = without_line_end(line, &mut head.message);
        if text.is_empty() {
            self.consume(length);
            return self.head_complete(*head);
        }
        if head.lines >= HEADER_LINES_MAX {
            let why = format!("more than {HEADER_LINES_MAX} header lines");
            return Err(self.fault_at(FaultKind::LimitExceeded, 0, why));
        }
        head.lines = head.lines.saturating_add(1);
        head.size = size;
        head.scanned = 0;
        if let [b' ' | b'\t', ..] = text {
            let Some(last) = head.message.headers.last_mut() else {
                return Err(self.fault_at(FaultKind::Malformed, 0, "a folded line before any header"));
            };
            let more = trim(text);
            if !more.is_empty() {
                if !last.value.is_empty() {
                    last.value.push(' ');
                }
                last.value.push_str(&shown(more));
            }
        } else {
            let header = header(text, self.offset)?;
            if header.name.eq_ignore_ascii_case("Content-Length") {
                head.length_at = self.offset;
            }
            head.message.headers.push(header);
        }
        self.consume(length);
        self.state = State::Headers(head);
        Ok(Step::Again)
    }

    fn head_complete(&mut self, head: Head) -> Result<Step, SipFault> {
        let Head {
            mut message,
            length_at,
            ..
        } = head;
        match content_length(&mut message, length_at)? {
            0 => Ok(Step::Message(message)),
            announced => match usize::try_from(announced) {
                Ok(length) if length <= BODY_BYTES_MAX => {
                    self.state = State::Body {
                        message: Box::new(message),
                        length,
                    };
                    Ok(Step::Again)
                }
                _ => {
                    message.note(Note::BodyTooLong { announced });
                    let why = format!("Content-Length {announced}, at most {BODY_BYTES_MAX} bytes are read");
                    self.state = State::Failed(SipFault::new(FaultKind::LimitExceeded, length_at, why));
                    Ok(Step::Message(message))
                }
            },
        }
    }

    fn body(&mut self, mut message: Box<Message>, length: usize) -> Step {
        if let Some(body) = self.pending().get(..length) {
            message.body = body.to_vec();
            self.consume(length);
            return Step::Message(*message);
        }
        if self.ended {
            message.body = self.pending().to_vec();
            let received = message.body.len();
            message.note(Note::BodyCut {
                received,
                announced: length,
            });
            self.consume(received);
            return Step::Message(*message);
        }
        self.state = State::Body { message, length };
        Step::NeedMore
    }

    fn cut_in_first_line(&self, is_status: bool) -> SipFault {
        let pending = self.pending();
        let found = quoted(pending);
        let kind = if is_status || b"SIP/".starts_with(&pending.to_ascii_uppercase()) {
            FaultKind::Malformed
        } else {
            FaultKind::NotSip
        };
        self.fault_at(
            kind,
            pending.len(),
            format!("the peer's bytes ended inside the first line \"{found}\""),
        )
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.done..).unwrap_or_default()
    }

    fn consume(&mut self, count: usize) {
        self.done = self.done.saturating_add(count).min(self.buffer.len());
        self.offset = advanced(self.offset, count);
    }

    fn fault_at(&self, kind: FaultKind, ahead: usize, why: impl Into<String>) -> SipFault {
        SipFault::new(kind, advanced(self.offset, ahead), why)
    }
}

fn advanced(offset: u64, count: usize) -> u64 {
    offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX))
}

/// The line at the start of `pending` up to and with its LF, and whether it has one. `scanned` bytes hold none.
fn line_from(pending: &[u8], scanned: usize) -> (&[u8], bool) {
    let unseen = pending.get(scanned..).unwrap_or_default();
    match unseen.iter().position(|b| *b == b'\n') {
        Some(at) => {
            let end = scanned.saturating_add(at).saturating_add(1);
            (pending.get(..end).unwrap_or(pending), true)
        }
        None => (pending, false),
    }
}

fn without_line_end<'a>(line: &'a [u8], message: &mut Message) -> &'a [u8] {
    if !line.is_ascii() && std::str::from_utf8(line).is_err() {
        message.note(Note::NotUtf8);
    }
    if let Some(text) = line.strip_suffix(b"\r\n") {
        return text;
    }
    message.note(Note::BareLineFeed);
    line.strip_suffix(b"\n").unwrap_or(line)
}

fn starts_with_sip(line: &[u8]) -> bool {
    line.get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"SIP/"))
}

fn quoted(bytes: &[u8]) -> String {
    // Four bytes make at most one character more than wanted, never fewer.
    let enough = bytes.get(..QUOTED_CHARS_MAX.saturating_mul(4)).unwrap_or(bytes);
    clipped(&shown(enough.trim_ascii_end()), QUOTED_CHARS_MAX).into_owned()
}

/// `Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF` (RFC 3261 §7.2), or a request line (§7.1).
fn start_line(line: &[u8], offset: u64, notes: &mut Vec<Note>) -> Result<StartLine, SipFault> {
    if !starts_with_sip(line) {
        return request_line(line, offset, notes);
    }
    let (version, rest) = word(line);
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        let why = format!("version \"{}\", expected SIP/2.0", quoted(version));
        return Err(SipFault::new(FaultKind::Malformed, offset, why));
    }
    let (code, reason) = word(trim_start(rest));
    let status = match code {
        [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9'] => code.iter().fold(0_u16, |n, digit| {
            n.saturating_mul(10).saturating_add(u16::from(digit & 0x0f))
        }),
        _ => {
            let why = format!(
                "status code \"{}\", expected three digits from 100 to 699",
                quoted(code)
            );
            return Err(SipFault::new(FaultKind::Malformed, offset, why));
        }
    };
    if reason.is_empty() {
        notes.push(Note::MissingReason);
    }
    if version != b"SIP/2.0" || !is_single_space(rest) || !(reason.is_empty() || is_single_space(reason)) {
        notes.push(Note::OddStartLine);
    }
    Ok(StartLine::Status {
        status,
        reason_phrase: shown(trim(reason)),
    })
}

/// `Request-Line = Method SP Request-URI SP SIP-Version CRLF` (RFC 3261 §7.1)
fn request_line(line: &[u8], offset: u64, notes: &mut Vec<Note>) -> Result<StartLine, SipFault> {
    let trimmed = trim(line);
    let (method, rest) = word(trimmed);
    let (uri, version) = match rest.iter().rposition(|b| matches!(b, b' ' | b'\t')) {
        Some(at) => rest.split_at(at),
        None => (rest, rest),
    };
    if !is_token(method) || trim(uri).is_empty() || !starts_with_sip(trim(version)) {
        let why = format!("expected a SIP status line, found \"{}\"", quoted(line));
        return Err(SipFault::new(FaultKind::NotSip, offset, why));
    }
    if trimmed.len() != line.len()
        || version != b" SIP/2.0"
        || !is_single_space(uri)
        || trim(uri).len() != uri.len().saturating_sub(1)
    {
        notes.push(Note::OddStartLine);
    }
    Ok(StartLine::Request {
        method: shown(method),
        uri: shown(trim(uri)),
    })
}

/// The part before the first SP or HTAB, and the rest with it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|b| matches!(b, b' ' | b'\t'))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

fn is_single_space(text: &[u8]) -> bool {
    match text {
        [b' ', next, ..] => !matches!(next, b' ' | b'\t'),
        [b' '] => true,
        _ => false,
    }
}

/// `message-header = field-name HCOLON field-value`, `HCOLON = *( SP / HTAB ) ":" SWS` (RFC 3261 §7.3.1, §25.1)
fn header(line: &[u8], offset: u64) -> Result<Header, SipFault> {
    let malformed = |what: &str| {
        let why = format!("{what}: \"{}\"", quoted(line));
        SipFault::new(FaultKind::Malformed, offset, why)
    };
    let Some(colon) = line.iter().position(|b| *b == b':') else {
        return Err(malformed("a header line without a colon"));
    };
    let (name, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
    let name = trim(name);
    if !is_token(name) {
        return Err(malformed("a header name that is not a token"));
    }
    let value = value.strip_prefix(b":").unwrap_or(value);
    let name = match full_name(name) {
        Some(full) => full.to_owned(),
        None => shown(name),
    };
    Ok(Header {
        name,
        value: shown(trim(value)),
    })
}

/// What a compact form stands for (RFC 3261 §7.3.3, §20; the IANA registry "SIP Header Fields").
fn full_name(name: &[u8]) -> Option<&'static str> {
    let [letter] = name else { return None };
    Some(match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => return None,
    })
}

/// `Content-Length = ( "Content-Length" / "l" ) HCOLON 1*DIGIT` (RFC 3261 §20.14); missing is zero, too large for
/// a `u64` is its largest value.
fn content_length(message: &mut Message, at: u64) -> Result<u64, SipFault> {
    let mut found = None;
    let mut repeated = false;
    for value in message.values("Content-Length") {
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
            let why = format!(
                "Content-Length \"{}\", expected digits",
                clipped(value, QUOTED_CHARS_MAX)
            );
            return Err(SipFault::new(FaultKind::Malformed, at, why));
        }
        // Only digits, so the one way to fail is to be too large.
        let length = value.parse().unwrap_or(u64::MAX);
        match found {
            None => found = Some(length),
            Some(first) if first == length => repeated = true,
            Some(first) => {
                let why = format!("Content-Length {first} and {length} in one message");
                return Err(SipFault::new(FaultKind::Malformed, at, why));
            }
        }
    }
    if repeated {
        message.note(Note::RepeatedContentLength);
    }
    if found.is_none() {
        message.note(Note::MissingContentLength);
    }
    Ok(found.unwrap_or(0))
}
