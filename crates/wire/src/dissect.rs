//! What every byte of one side of a connection means: the evidence, laid open for people.
//!
//! ```text
//!  bytes ──► RecordReader ──► record headers ──────────────────────────────────┐
//!                      └────► HandshakeReader ──► messages, read with a trace ─┴─► parts, each with its fields
//! ```
//!
//! The fields are what the strict readers of this crate noted while they read: there is no second reader that could
//! disagree with the first. Whatever cannot be read is a field as well, with the fault beside it, so that no byte is lost.

use crate::codes::{
    AlertDescription, AlertLevel, CipherSuite, ClientCertificateType, ContentType, CurveType, ExtensionType,
    HandshakeType, KeyExchange, NamedGroup, ProtocolVersion, SignatureScheme,
};
use crate::error::{Error, Within};
use crate::handshake::HandshakeReader;
use crate::hello::ClientHello;
use crate::messages::{
    Alert, CertificateRequest, CertificateStatus, ServerHello, ServerKeyExchange, read_certificates,
};
use crate::reader::Reader;
use crate::record::RecordReader;
use crate::trace::Trace;
use std::fmt::Write as _;

pub use crate::trace::{Field, Role};

const RECORD_HEADER_BYTES: usize = 5;
const MESSAGE_HEADER_BYTES: usize = 4;
const ALERT_BYTES: usize = 2;

/// A record header, a message or another whole thing of a connection, with its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its bytes, put together where it spans records.
    pub bytes: Vec<u8>,
    /// Where they lie in the stream, each run with its first byte here and there; in order, never empty.
    pub runs: Vec<Run>,
    /// Its fields, in the order of the bytes; those that have fields within them stand before these.
    pub fields: Vec<Field>,
    /// Why it cannot be read to its end.
    pub fault: Option<Error>,
}

/// Bytes of a part that lie together in the stream, up to the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first of them, counted in the part.
    pub offset: usize,
    /// The same, counted in the stream.
    pub stream: usize,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The five bytes before a record's payload (RFC 5246 §6.2.1).
    RecordHeader,
    /// A handshake message with its header (RFC 5246 §7.4).
    Message(HandshakeType),
    /// The beginning of a handshake message whose end did not come.
    Unfinished(HandshakeType),
    /// An alert in clear text (RFC 5246 §7.2).
    Alert,
    /// A change_cipher_spec (RFC 5246 §7.1).
    ChangeCipherSpec,
    /// The payload of a record that cannot be read: protected, or no part of a handshake.
    Payload(ContentType),
    /// Bytes of which no record can be made.
    Unread,
}

impl Part {
    /// Where a byte of the part lies in the stream.
    #[must_use]
    pub fn position(&self, offset: usize) -> usize {
        let run = self.runs.iter().take_while(|run| run.offset <= offset).last();
        run.map_or(offset, |run| {
            run.stream.saturating_add(offset.saturating_sub(run.offset))
        })
    }

    /// The bytes of a field.
    #[must_use]
    pub fn bytes_of(&self, field: &Field) -> &[u8] {
        self.bytes.get(field.offset..field.end()).unwrap_or_default()
    }

    /// Whether the bytes of a field lie together in the stream.
    #[must_use]
    pub fn is_together(&self, field: &Field) -> bool {
        let last = field.end().saturating_sub(1);
        self.position(last).saturating_sub(self.position(field.offset)) == last.saturating_sub(field.offset)
    }

    /// What a field says, as text: the registry's name and the number, a number, or a text of the peer, which is not
    /// escaped. `None` for fields with others within them and for bytes that mean nothing but themselves.
    #[must_use]
    pub fn text_of(&self, field: &Field) -> Option<String> {
        let bytes = self.bytes_of(field);
        match field.role {
            Role::Group | Role::Vector | Role::Unread => None,
            Role::Length => Some(number(bytes).to_string()),
            Role::Value => value(field.name, bytes),
        }
    }

    /// Bytes that the header of a message announces, header included.
    #[must_use]
    pub fn announced(&self) -> Option<usize> {
        let &[_, high, middle, low] = self.bytes.first_chunk::<MESSAGE_HEADER_BYTES>()?;
        matches!(self.kind, PartKind::Message(_) | PartKind::Unfinished(_))
            .then(|| number(&[high, middle, low]).saturating_add(MESSAGE_HEADER_BYTES))
    }
}

/// Lays open the bytes of one side of a connection from its first record on, up to what is protected.
///
/// Every byte is in exactly one part; the parts are in the order of their first bytes. Nothing is allocated beyond a
/// small multiple of `bytes`.
#[must_use]
pub fn stream(bytes: &[u8]) -> Vec<Part> {
    let mut dissection = Dissection::default();
    let mut records = RecordReader::new();
    records.push(bytes);
    loop {
        let at = usize::try_from(records.offset()).unwrap_or(usize::MAX);
        match records.next_record() {
            Ok(Some(record)) => {
                let kind = record.content_type;
                let payload_at = at.saturating_add(RECORD_HEADER_BYTES);
                let header = bytes.get(at..payload_at).unwrap_or_default();
                dissection.header(header, at);
                dissection.payload(kind, record.payload, payload_at);
            }
            Ok(None) => break,
            Err(error) => {
                dissection.fault = Some(error);
                break;
            }
        }
        if dissection.protected {
            records.expect_protected();
        }
    }
    let at = usize::try_from(records.offset()).unwrap_or(usize::MAX);
    dissection.finish(records.pending(), at)
}

/// Where the bytes of one content type lie in the stream.
#[derive(Debug, Default)]
struct Layout {
    runs: Vec<Run>,
    /// Bytes that came.
    came: usize,
    /// Bytes that parts were made of.
    taken: usize,
}

impl Layout {
    fn come(&mut self, count: usize, stream: usize) {
        self.runs.push(Run {
            offset: self.came,
            stream,
        });
        self.came = self.came.saturating_add(count);
    }

    /// The runs of the next bytes, counted from the first of them.
    fn take(&mut self, count: usize) -> Vec<Run> {
        let start = self.taken;
        let end = start.saturating_add(count);
        let reached = self.runs.iter().take_while(|run| run.offset <= start).count();
        self.runs.drain(..reached.saturating_sub(1));
        self.taken = end;
        let within = self
            .runs
            .iter()
            .enumerate()
            .take_while(|(index, run)| *index == 0 || run.offset < end);
        within
            .map(|(_, run)| match start.checked_sub(run.offset) {
                Some(before) => Run {
                    offset: 0,
                    stream: run.stream.saturating_add(before),
                },
                None => Run {
                    offset: run.offset.saturating_sub(start),
                    stream: run.stream,
                },
            })
            .collect()
    }
}

#[derive(Debug, Default)]
struct Dissection {
    parts: Vec<Part>,
    handshake: HandshakeReader,
    messages: Layout,
    alerts: Layout,
    /// The first half of an alert.
    half_alert: Vec<u8>,
    /// What the ServerHello chose: the form of the messages behind it.
    version: Option<ProtocolVersion>,
    exchange: Option<KeyExchange>,
    /// What follows is protected.
    protected: bool,
    fault: Option<Error>,
}

impl Dissection {
    fn part(&mut self, kind: PartKind, bytes: &[u8], runs: Vec<Run>, trace: Trace, fault: Option<Error>) {
        self.parts.push(Part {
            kind,
            bytes: bytes.to_vec(),
            runs,
            fields: trace.into_fields(bytes.len()),
            fault,
        });
    }

    fn header(&mut self, header: &[u8], at: usize) {
        let trace = Trace::default();
        let fault = read_record_header(Reader::traced(Within::Record, header, &trace)).err();
        self.part(PartKind::RecordHeader, header, run_at(at), trace, fault);
    }

    fn payload(&mut self, content: ContentType, payload: &[u8], at: usize) {
        match content {
            ContentType::HANDSHAKE if !self.protected && self.fault.is_none() => {
                self.handshake.push(payload);
                self.messages.come(payload.len(), at);
                self.take_messages();
            }
            ContentType::ALERT if !self.protected => {
                self.alerts.come(payload.len(), at);
                let alerts = [std::mem::take(&mut self.half_alert).as_slice(), payload].concat();
                for alert in alerts.chunks(ALERT_BYTES) {
                    if alert.len() < ALERT_BYTES {
                        self.half_alert = alert.to_vec();
                        continue;
                    }
                    let trace = Trace::default();
                    let fault = Alert::read(Reader::traced(Within::Alert, alert, &trace)).err();
                    let runs = self.alerts.take(alert.len());
                    self.part(PartKind::Alert, alert, runs, trace, fault);
                }
            }
            ContentType::CHANGE_CIPHER_SPEC if !self.protected => {
                let trace = Trace::default();
                let mut reader = Reader::traced(Within::Record, payload, &trace);
                let fault = reader
                    .u8("change_cipher_spec")
                    .and_then(|_| reader.end("change_cipher_spec"));
                let kind = PartKind::ChangeCipherSpec;
                self.part(kind, payload, run_at(at), trace, fault.err().map(Into::into));
                self.protected = true;
            }
            other => {
                let trace = Trace::default();
                Reader::traced(Within::Record, payload, &trace).rest("fragment");
                self.part(PartKind::Payload(other), payload, run_at(at), trace, None);
            }
        }
    }

    fn take_messages(&mut self) {
        loop {
            // The reader lends the message; the part needs the whole of `self`.
            let (kind, bytes) = match self.handshake.next_message() {
                Ok(Some(message)) => (message.kind, message.bytes.to_vec()),
                Ok(None) => return,
                Err(limit) => {
                    self.fault = Some(limit.into());
                    return;
                }
            };
            let trace = Trace::default();
            let fault = self.read_message(kind, &bytes, &trace).err();
            let runs = self.messages.take(bytes.len());
            self.part(PartKind::Message(kind), &bytes, runs, trace, fault);
        }
    }

    fn read_message(&mut self, kind: HandshakeType, bytes: &[u8], trace: &Trace) -> Result<(), Error> {
        let within = Within::Message(kind);
        let mut header = Reader::traced(within, bytes, trace);
        header.u8("msg_type")?;
        header.u24("length")?;
        trace.behind(MESSAGE_HEADER_BYTES);
        let mut body = Reader::traced(within, header.peek(), trace);
        let version = self.version.unwrap_or(ProtocolVersion::TLS_1_2);
        match kind {
            HandshakeType::CLIENT_HELLO => ClientHello::read(body).map(|_| ()),
            HandshakeType::SERVER_HELLO => {
                let hello = ServerHello::read(body)?;
                self.version = Some(hello.version());
                self.exchange = hello.cipher_suite.key_exchange();
                Ok(())
            }
            HandshakeType::CERTIFICATE => read_certificates(body).map(|_| ()),
            HandshakeType::CERTIFICATE_STATUS => CertificateStatus::read(body).map(|_| ()),
            HandshakeType::SERVER_KEY_EXCHANGE => {
                ServerKeyExchange::read(body, self.exchange, version).map(|_| ())
            }
            HandshakeType::CERTIFICATE_REQUEST => CertificateRequest::read(body, version).map(|_| ()),
            HandshakeType::HELLO_REQUEST | HandshakeType::SERVER_HELLO_DONE => Ok(body.end("the header")?),
            // RFC 5077 §3.3: uint32 ticket_lifetime_hint; opaque ticket<0..2^16-1>
            HandshakeType::NEW_SESSION_TICKET => {
                body.take("ticket_lifetime_hint", 4)?;
                body.vec16("ticket")?.rest("ticket");
                Ok(body.end("ticket")?)
            }
            _ => {
                body.rest("body");
                Ok(())
            }
        }
    }

    /// The beginnings that nothing followed, and what no record was made of.
    fn finish(mut self, pending: &[u8], at: usize) -> Vec<Part> {
        let beginning = self.handshake.pending().to_vec();
        if let Some(&kind) = beginning.first() {
            let trace = Trace::default();
            let mut reader = Reader::traced(Within::Message(HandshakeType(kind)), &beginning, &trace);
            // A header cut short is as unfinished as a body.
            let _ = reader.u8("msg_type").and_then(|_| reader.u24("length"));
            let runs = self.messages.take(beginning.len());
            let kind = PartKind::Unfinished(HandshakeType(kind));
            let fault = self.fault.take();
            self.part(kind, &beginning, runs, trace, fault);
        }
        let half = std::mem::take(&mut self.half_alert);
        if !half.is_empty() {
            let trace = Trace::default();
            let fault = Alert::read(Reader::traced(Within::Alert, &half, &trace)).err();
            let runs = self.alerts.take(half.len());
            self.part(PartKind::Alert, &half, runs, trace, fault);
        }
        if !pending.is_empty() {
            let fault = self.fault.take();
            self.part(PartKind::Unread, pending, run_at(at), Trace::default(), fault);
        }
        self.parts
            .sort_by_key(|part| part.runs.first().map_or(0, |run| run.stream));
        self.parts
    }
}

fn run_at(stream: usize) -> Vec<Run> {
    vec![Run { offset: 0, stream }]
}

fn read_record_header(mut reader: Reader<'_>) -> Result<(), Error> {
    reader.u8("type")?;
    reader.u16("version")?;
    reader.u16("length")?;
    Ok(reader.end("length")?)
}

/// Big-endian, of the last bytes that fit.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte))
}

/// The registry's name and the number, or the number alone.
fn named(name: Option<&'static str>, bytes: &[u8]) -> String {
    let mut out = String::new();
    match (name, bytes) {
        (Some(name), &[byte]) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{name} ({byte})");
        }
        (Some(name), _) => {
            let _ = write!(out, "{name} ({:#06x})", number(bytes));
        }
        (None, &[byte]) => {
            let _ = write!(out, "unknown ({byte})");
        }
        (None, _) => {
            let _ = write!(out, "unknown ({:#06x})", number(bytes));
        }
    }
    out
}

/// What a value says, by the name that the readers gave it.
fn value(name: &str, bytes: &[u8]) -> Option<String> {
    let each = |name_of: fn(u8) -> Option<&'static str>| {
        let texts: Vec<String> = bytes.iter().map(|&byte| named(name_of(byte), &[byte])).collect();
        Some(texts.join(", "))
    };
    let pair = |name_of: fn(u16) -> Option<&'static str>| {
        let value = u16::try_from(number(bytes)).ok()?;
        Some(named(name_of(value), bytes))
    };
    match name {
        "type" => each(|value| ContentType(value).name()),
        "msg_type" => each(|value| HandshakeType(value).name()),
        "level" => each(|value| AlertLevel(value).name()),
        "description" => each(|value| AlertDescription(value).name()),
        "curve_type" => each(|value| CurveType(value).name()),
        "certificate_type" => each(|value| ClientCertificateType(value).name()),
        // RFC 5246 §7.4.1.2, RFC 3749 §2
        "compression_method" => each(|value| match value {
            0 => Some("null"),
            1 => Some("DEFLATE"),
            _ => None,
        }),
        // RFC 8422 §5.1.2
        "ec_point_format" => each(|value| match value {
            0 => Some("uncompressed"),
            1 => Some("ansiX962_compressed_prime"),
            2 => Some("ansiX962_compressed_char2"),
            _ => None,
        }),
        // RFC 6066 §3 and §8
        "name_type" => each(|value| (value == 0).then_some("host_name")),
        "status_type" => each(|value| (value == 1).then_some("ocsp")),
        "change_cipher_spec" => each(|value| (value == 1).then_some("change_cipher_spec")),
        "version" | "client_version" | "server_version" | "selected_version" => {
            pair(|value| ProtocolVersion(value).name())
        }
        "cipher_suite" => pair(|value| CipherSuite(value).name()),
        "extension_type" => pair(|value| ExtensionType(value).name()),
        "named_group" | "namedcurve" | "selected_group" => pair(|value| NamedGroup(value).name()),
        "algorithm" => pair(|value| SignatureScheme(value).name()),
        "length" => Some(number(bytes).to_string()),
        "ticket_lifetime_hint" => Some(format!("{} s", number(bytes))),
        "host_name" | "protocol_name" => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => None,
    }
}
