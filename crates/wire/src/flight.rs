//! The server's first flight, from its bytes to what it says.

use crate::codes::{
    AlertDescription, ContentType, HandshakeType, KeyExchange, NamedGroup, ProtocolVersion, SignatureScheme,
};
use crate::error::{Error, LimitExceeded, Within};
use crate::handshake::HandshakeReader;
use crate::messages::{
    Alert, CertificateRequest, CertificateStatus, ServerHello, ServerKeyExchange, parse_certificates,
};
use crate::reader::Reader;
use crate::record::RecordReader;
use crate::{MAX_FLIGHT_BYTES, MAX_FLIGHT_RECORDS, MAX_WARNING_ALERTS};

/// What a server's first flight said, as far as it was read. What was not read is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// ServerHello.
    pub server_hello: Option<ServerHello>,
    /// Certificate: each as DER, in the order sent.
    pub certificates: Option<Vec<Vec<u8>>>,
    /// CertificateStatus.
    pub certificate_status: Option<CertificateStatus>,
    /// ServerKeyExchange.
    pub server_key_exchange: Option<ServerKeyExchange>,
    /// CertificateRequest.
    pub certificate_request: Option<CertificateRequest>,
    /// ServerHelloDone was read: the flight is complete, and what is `None` was not sent.
    pub done: bool,
    /// Every alert, in the order read.
    pub alerts: Vec<Alert>,
}

impl Transcript {
    /// The group of the key exchange; `None` when none was read or it is not ECDHE.
    #[must_use]
    pub fn group(&self) -> Option<NamedGroup> {
        match &self.server_key_exchange {
            Some(ServerKeyExchange::Ecdhe(parameters)) => Some(parameters.group),
            _ => None,
        }
    }

    /// The signature scheme of the key exchange.
    #[must_use]
    pub fn key_exchange_signature(&self) -> Option<SignatureScheme> {
        match &self.server_key_exchange {
            Some(ServerKeyExchange::Ecdhe(parameters)) => parameters.scheme,
            _ => None,
        }
    }

    /// The fatal alert, when there was one.
    #[must_use]
    pub fn fatal_alert(&self) -> Option<Alert> {
        self.alerts.iter().copied().find(|alert| alert.is_fatal())
    }
}

impl Transcript {
    /// What must come instead of a message of this stage, when the suite's key exchange or the
    /// absence of a certificate forbids it.
    fn contradiction(&self, next: Stage) -> Option<&'static str> {
        let exchange = self.server_hello.as_ref()?.cipher_suite.key_exchange();
        let needs_certificate = exchange.is_some() || matches!(next, Stage::Status | Stage::Request);
        if needs_certificate && self.certificates.is_none() && next > Stage::Certificate {
            return Some("certificate");
        }
        match exchange {
            Some(KeyExchange::Rsa) if next == Stage::KeyExchange => {
                Some("certificate_request or server_hello_done")
            }
            Some(KeyExchange::EcdheRsa | KeyExchange::EcdheEcdsa | KeyExchange::DheRsa)
                if next > Stage::KeyExchange && self.server_key_exchange.is_none() =>
            {
                Some("server_key_exchange")
            }
            _ => None,
        }
    }
}

/// How far the flight was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The flight goes on.
    NeedMore,
    /// ServerHelloDone was read.
    Done,
    /// The server chose TLS 1.3 or later: what follows its ServerHello is encrypted.
    Encrypted,
    /// A fatal alert, or close_notify, ended the flight.
    Alert(Alert),
}

/// Where the flight stands: which messages may come next (RFC 5246 §7.3, RFC 6066 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Start,
    Hello,
    Certificate,
    Status,
    KeyExchange,
    Request,
    Done,
}

/// Reads a server's first flight. Bytes in, [`Transcript`] out; whatever happens, what was read
/// stays in the transcript.
#[derive(Debug)]
pub struct FlightReader {
    records: RecordReader,
    handshake: HandshakeReader,
    transcript: Transcript,
    /// The flight's handshake messages as hashed: headers and bodies, without HelloRequests.
    messages: Vec<u8>,
    /// The flight's records as read.
    raw: Vec<u8>,
    stage: Stage,
    record_count: usize,
    /// The first byte of an alert whose second comes in the next record.
    half_alert: Option<u8>,
    /// How the flight ended.
    end: Option<Result<Progress, Error>>,
}

impl Default for FlightReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FlightReader {
    /// A reader at the first byte of the server's side of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self {
            records: RecordReader::new(),
            handshake: HandshakeReader::new(),
            transcript: Transcript::default(),
            messages: Vec::new(),
            raw: Vec::new(),
            stage: Stage::Start,
            record_count: 0,
            half_alert: None,
            end: None,
        }
    }

    /// What was read so far.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The handshake messages read so far, as they go into the handshake hash.
    #[must_use]
    pub fn messages(&self) -> &[u8] {
        &self.messages
    }

    /// The bytes of the records read so far, as on the wire: the evidence.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Bytes that no record was made of yet.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.records.pending()
    }

    /// Ends the flight: the records reader, with the bytes behind the flight still in it, and
    /// the evidence.
    #[must_use]
    pub fn into_parts(self) -> (Transcript, RecordReader, Vec<u8>) {
        (self.transcript, self.records, self.raw)
    }

    /// Takes bytes in and reads as far as they go.
    ///
    /// After anything but [`Progress::NeedMore`] the flight is over: bytes behind it stay in the
    /// record reader, and asked again it takes nothing in and answers the same.
    ///
    /// Bytes that share ServerHelloDone's record are part of the flight and refused
    /// (RFC 5246 §7.4.5), a HelloRequest excepted. A suite whose key exchange is known must come
    /// with the messages that it needs and without those that it forbids (RFC 5246 §7.4.2 and
    /// §7.4.3, RFC 8422 §2); a suite this crate does not know may come with any in the right order.
    ///
    /// # Errors
    ///
    /// What cannot be read on; see [`Error`].
    pub fn read(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        if let Some(end) = &self.end {
            return end.clone();
        }
        let progress = self.read_on(bytes);
        if progress != Ok(Progress::NeedMore) {
            self.end = Some(progress.clone());
        }
        progress
    }

    /// Bytes of memory held by the buffers, the transcript excepted.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.records
            .held_bytes()
            .saturating_add(self.handshake.held_bytes())
            .saturating_add(self.messages.capacity())
            .saturating_add(self.raw.capacity())
    }

    fn read_on(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        self.records.push(bytes);
        loop {
            if let Some(progress) = self.read_messages()? {
                return Ok(progress);
            }
            let Some(record) = self.records.next_record()? else {
                return Ok(Progress::NeedMore);
            };
            let size = record.payload.len().saturating_add(5);
            if self.raw.len().saturating_add(size) > MAX_FLIGHT_BYTES {
                let found = self.raw.len().saturating_add(size);
                return Err(LimitExceeded {
                    what: "bytes of the server's flight",
                    found,
                    limit: MAX_FLIGHT_BYTES,
                }
                .into());
            }
            self.record_count = self.record_count.saturating_add(1);
            if self.record_count > MAX_FLIGHT_RECORDS {
                let limit = MAX_FLIGHT_RECORDS;
                return Err(LimitExceeded {
                    what: "records of the server's flight",
                    found: self.record_count,
                    limit,
                }
                .into());
            }
            crate::writer::write_record(&mut self.raw, record.content_type, record.version, record.payload);
            if self.half_alert.is_some() && record.content_type != ContentType::ALERT {
                let found = format!("a record of type {}", record.content_type);
                return Err(Error::Unexpected {
                    expected: "the second half of an alert",
                    found,
                });
            }
            match record.content_type {
                ContentType::HANDSHAKE => self.handshake.push(record.payload),
                ContentType::ALERT => {
                    let payload = record.payload.to_vec();
                    if let Some(progress) = self.take_alerts(&payload)? {
                        return Ok(progress);
                    }
                }
                other => {
                    let found = format!("a record of type {other}");
                    return Err(Error::Unexpected {
                        expected: expected_at(self.stage),
                        found,
                    });
                }
            }
        }
    }

    /// Reads the alerts of a record, which may share it or span two (RFC 5246 §6.2.1). The first
    /// that ends the connection is the last one read.
    fn take_alerts(&mut self, payload: &[u8]) -> Result<Option<Progress>, Error> {
        for &byte in payload {
            let Some(level) = self.half_alert.take() else {
                self.half_alert = Some(byte);
                continue;
            };
            if let Some(progress) = self.take_alert(Alert::parse(&[level, byte])?)? {
                return Ok(Some(progress));
            }
        }
        Ok(None)
    }

    fn take_alert(&mut self, alert: Alert) -> Result<Option<Progress>, Error> {
        self.transcript.alerts.push(alert);
        if alert.is_fatal() || alert.description == AlertDescription::CLOSE_NOTIFY {
            return Ok(Some(Progress::Alert(alert)));
        }
        let found = self.transcript.alerts.len();
        if found > MAX_WARNING_ALERTS {
            return Err(LimitExceeded {
                what: "warning alerts",
                found,
                limit: MAX_WARNING_ALERTS,
            }
            .into());
        }
        Ok(None)
    }

    /// Reads the messages that are whole.
    fn read_messages(&mut self) -> Result<Option<Progress>, Error> {
        while let Some(message) = self.handshake.next_message()? {
            // RFC 5246 §7.4.1.1: ignored while negotiating, and not part of the hash.
            if message.kind == HandshakeType::HELLO_REQUEST {
                Reader::new(Within::Message(message.kind), message.body).end("the header")?;
                continue;
            }
            let next = match message.kind {
                HandshakeType::SERVER_HELLO => Stage::Hello,
                HandshakeType::CERTIFICATE => Stage::Certificate,
                HandshakeType::CERTIFICATE_STATUS => Stage::Status,
                HandshakeType::SERVER_KEY_EXCHANGE => Stage::KeyExchange,
                HandshakeType::CERTIFICATE_REQUEST => Stage::Request,
                HandshakeType::SERVER_HELLO_DONE => Stage::Done,
                other => {
                    return Err(Error::Unexpected {
                        expected: expected_at(self.stage),
                        found: other.to_string(),
                    });
                }
            };
            let in_order = next > self.stage && (self.stage == Stage::Start) == (next == Stage::Hello);
            if !in_order {
                return Err(Error::Unexpected {
                    expected: expected_at(self.stage),
                    found: message.kind.to_string(),
                });
            }
            if let Some(expected) = self.transcript.contradiction(next) {
                return Err(Error::Unexpected {
                    expected,
                    found: message.kind.to_string(),
                });
            }
            let version = self
                .transcript
                .server_hello
                .as_ref()
                .map_or(ProtocolVersion::TLS_1_2, ServerHello::version);
            let body = message.body;
            match next {
                Stage::Hello => self.transcript.server_hello = Some(ServerHello::parse(body)?),
                Stage::Certificate => self.transcript.certificates = Some(parse_certificates(body)?),
                Stage::Status => self.transcript.certificate_status = Some(CertificateStatus::parse(body)?),
                Stage::KeyExchange => {
                    let exchange = self
                        .transcript
                        .server_hello
                        .as_ref()
                        .and_then(|hello| hello.cipher_suite.key_exchange());
                    self.transcript.server_key_exchange =
                        Some(ServerKeyExchange::parse(body, exchange, version)?);
                }
                Stage::Request => {
                    self.transcript.certificate_request = Some(CertificateRequest::parse(body, version)?)
                }
                Stage::Done => {
                    Reader::new(Within::Message(message.kind), body).end("the header")?;
                    self.transcript.done = true;
                }
                Stage::Start => {}
            }
            self.messages.extend_from_slice(message.bytes);
            self.stage = next;
            let chosen = self.transcript.server_hello.as_ref().map(ServerHello::version);
            let progress = match next {
                Stage::Done => Progress::Done,
                Stage::Hello if chosen >= Some(ProtocolVersion::TLS_1_3) => Progress::Encrypted,
                _ => continue,
            };
            self.refuse_rest()?;
            return Ok(Some(progress));
        }
        Ok(None)
    }

    /// Refuses what follows the flight's last message in its record: the server must wait for the
    /// client (RFC 5246 §7.4.5) or change keys first (RFC 8446 §5.1).
    fn refuse_rest(&mut self) -> Result<(), Error> {
        let expected = expected_at(Stage::Done);
        while let Some(message) = self.handshake.next_message()? {
            if message.kind != HandshakeType::HELLO_REQUEST || !message.body.is_empty() {
                return Err(Error::Unexpected {
                    expected,
                    found: message.kind.to_string(),
                });
            }
        }
        if self.handshake.is_empty() {
            Ok(())
        } else {
            Err(Error::Unexpected {
                expected,
                found: "the beginning of a handshake message".to_owned(),
            })
        }
    }
}

const fn expected_at(stage: Stage) -> &'static str {
    match stage {
        Stage::Start => "server_hello or an alert",
        Stage::Hello => "certificate, server_key_exchange or server_hello_done",
        Stage::Certificate => {
            "certificate_status, server_key_exchange, certificate_request or server_hello_done"
        }
        Stage::Status => "server_key_exchange, certificate_request or server_hello_done",
        Stage::KeyExchange => "certificate_request or server_hello_done",
        Stage::Request => "server_hello_done",
        Stage::Done => "nothing more of this flight",
    }
}
