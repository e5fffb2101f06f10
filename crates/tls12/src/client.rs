//! The client's state machine (RFC 5246 §7.3).

use crate::exchange::{EphemeralKey, rsa_premaster, verify_signature};
use crate::failure::{Failure, NotCompletable, Violation};
use crate::identity::Identity;
use crate::keys::{ConnectionKeys, HandshakeHash, Side, VERIFY_DATA_BYTES, master_secret, verify_data};
use crate::protection::{Opener, Sealer};
use crate::spki::{KeyKind, public_key};
use crate::suite::Suite;
use siptls_wire::{
    Alert, AlertDescription, AlertLevel, ContentType, ExtensionType, FlightReader, HandshakeReader,
    HandshakeType, KeyExchange, MAX_FLIGHT_BYTES, MAX_PLAINTEXT_BYTES, Offer, Progress, ProtocolVersion,
    RecordReader, ServerHello, ServerKeyExchange, Transcript, write_alert, write_certificates,
    write_handshake, write_record,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// Version in the record header of a ClientHello; what mainstream clients write there.
const HELLO_RECORD_VERSION: ProtocolVersion = ProtocolVersion::TLS_1_0;
/// Most records between our Finished and the server's; a ticket, CCS and Finished are three.
const MAX_FINISHING_RECORDS: usize = 64;
/// Most warning alerts and handshake messages on an established connection.
const MAX_LATE_MESSAGES: usize = 16;

/// What a connection is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to offer.
    pub offer: Arc<Offer>,
    /// SNI: a DNS name, never an IP address.
    pub server_name: Option<String>,
    /// The certificate to present when asked; `None` presents an empty list.
    pub identity: Option<Arc<Identity>>,
    /// Finish the handshake; `false` stops when the server's flight is read.
    pub finish: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server's whole first flight was read: the transcript is complete.
    FlightRead,
    /// Both Finished were verified.
    Finished,
    /// Application data arrived.
    Data(Vec<u8>),
    /// The peer ended the established connection: with close_notify, or just so.
    Closed {
        /// close_notify was read before the end.
        notified: bool,
        /// The stream ended by a reset.
        reset: bool,
    },
    /// The connection is over.
    Failed(Failure),
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The ClientHello is sent; the server's flight is not read to its end.
    Flight,
    /// The server's flight is read; nothing of ours is sent yet, or the plan ends here.
    FlightRead,
    /// Our certificate, key exchange and Finished are sent; the server's Finished is awaited.
    Finishing,
    /// Both Finished are verified.
    Established,
    /// Closed or failed.
    Over,
}

/// The certificate that was sent in answer to a CertificateRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentCertificate {
    /// An empty list.
    Empty,
    /// The identity's chain.
    Chain,
}

/// What is needed while and after finishing.
#[derive(Debug)]
struct Protected {
    sealer: Sealer,
    opener: Opener,
    suite: &'static Suite,
    master: Vec<u8>,
    hash: HandshakeHash,
    records: RecordReader,
    handshake: HandshakeReader,
    /// The server's ChangeCipherSpec was read: what follows is protected.
    changed: bool,
    record_count: usize,
    late_count: usize,
}

/// The probing client; see the crate's page for how to drive it.
#[derive(Debug)]
pub struct Client {
    plan: Plan,
    random: [u8; 32],
    hello: Vec<u8>,
    stage: Stage,
    flight: Option<FlightReader>,
    transcript: Transcript,
    evidence: Vec<u8>,
    protected: Option<Box<Protected>>,
    sent_certificate: Option<SentCertificate>,
    extended_master_secret: bool,
    close_notified: bool,
    alert: Option<Alert>,
    output: Vec<u8>,
    events: VecDeque<Event>,
}

impl Client {
    /// A client at the start of a connection; its ClientHello is ready in
    /// [`take_output`](Self::take_output).
    ///
    /// The same plan and random give the same ClientHello, byte for byte.
    #[must_use]
    pub fn new(plan: Plan, random: [u8; 32]) -> Self {
        let hello = plan
            .offer
            .client_hello(random, plan.server_name.as_deref())
            .encode();
        let mut client = Self {
            plan,
            random,
            hello,
            stage: Stage::Flight,
            flight: Some(FlightReader::new()),
            transcript: Transcript::default(),
            evidence: Vec::new(),
            protected: None,
            sent_certificate: None,
            extended_master_secret: false,
            close_notified: false,
            alert: None,
            output: Vec::new(),
            events: VecDeque::new(),
        };
        client.output = client.hello_record();
        client
    }

    /// How far the connection is.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The server's flight as far as it was read.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        self.flight
            .as_ref()
            .map_or(&self.transcript, FlightReader::transcript)
    }

    /// The server's clear-text records as read, byte for byte.
    #[must_use]
    pub fn evidence(&self) -> &[u8] {
        self.flight.as_ref().map_or(&self.evidence, FlightReader::raw)
    }

    /// Bytes that no record was made of; what a peer that is not TLS sent stands here.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.flight.as_ref().map_or(&[], FlightReader::pending)
    }

    /// The record of the ClientHello, byte for byte as sent.
    #[must_use]
    pub fn hello_record(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(self.hello.len() + 5);
        write_handshake(&mut record, HELLO_RECORD_VERSION, &self.hello);
        record
    }

    /// Whether our side of the handshake, up to Finished, was sent.
    #[must_use]
    pub const fn has_answered(&self) -> bool {
        self.protected.is_some()
    }

    /// What was sent in answer to a CertificateRequest; `None` when none was answered.
    #[must_use]
    pub const fn sent_certificate(&self) -> Option<SentCertificate> {
        self.sent_certificate
    }

    /// Whether extended master secret is in use.
    #[must_use]
    pub const fn extended_master_secret(&self) -> bool {
        self.extended_master_secret
    }

    /// The fatal alert that the peer sent, at whatever moment.
    #[must_use]
    pub const fn alert(&self) -> Option<Alert> {
        self.alert
    }

    /// Bytes to send.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes bytes from the peer in.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        let outcome = match self.stage {
            Stage::Flight => self.read_flight(bytes),
            Stage::Finishing | Stage::Established => self.read_protected(bytes),
            Stage::FlightRead | Stage::Over => Ok(()),
        };
        if let Err(failure) = outcome {
            self.fail(failure);
        }
    }

    /// The peer's stream ended: by a FIN, or by a reset.
    pub fn handle_end(&mut self, reset: bool) {
        match self.stage {
            Stage::Flight | Stage::Finishing => {
                self.stage = Stage::Over;
                self.events.push_back(Event::Failed(Failure::Ended { reset }));
            }
            Stage::Established => {
                self.stage = Stage::Over;
                self.events.push_back(Event::Closed {
                    notified: self.close_notified,
                    reset,
                });
            }
            Stage::FlightRead | Stage::Over => self.stage = Stage::Over,
        }
    }

    /// Protects application data to send. Does nothing before the handshake is finished.
    pub fn send(&mut self, data: &[u8]) {
        if self.stage != Stage::Established {
            return;
        }
        if let Some(protected) = &mut self.protected {
            for fragment in data.chunks(MAX_PLAINTEXT_BYTES) {
                protected
                    .sealer
                    .seal(ContentType::APPLICATION_DATA, fragment, &mut self.output);
            }
        }
    }

    /// Ends the connection politely: close_notify, and before the handshake is finished a warning
    /// user_canceled ahead of it (RFC 5246 §7.2.1). Does nothing on a connection that is over.
    pub fn close(&mut self) {
        if self.stage == Stage::Over {
            return;
        }
        if self.stage != Stage::Established {
            self.write_alert(AlertLevel::WARNING, AlertDescription::USER_CANCELED);
        }
        self.write_alert(AlertLevel::WARNING, AlertDescription::CLOSE_NOTIFY);
        self.stage = Stage::Over;
    }

    fn write_alert(&mut self, level: AlertLevel, description: AlertDescription) {
        match &mut self.protected {
            Some(protected) => {
                protected
                    .sealer
                    .seal(ContentType::ALERT, &[level.0, description.0], &mut self.output);
            }
            None => {
                // In the version that the server chose, or it would not read it (RFC 5246 §6.2.1).
                let chosen = self
                    .transcript()
                    .server_hello
                    .as_ref()
                    .map(|hello| hello.version());
                let version = chosen.map_or(ProtocolVersion::TLS_1_2, |version| {
                    version.min(ProtocolVersion::TLS_1_2)
                });
                write_alert(&mut self.output, version, level, description);
            }
        }
    }

    fn fail(&mut self, failure: Failure) {
        if self.stage == Stage::Over {
            return;
        }
        match &failure {
            // The peer has ended it, or would not understand us.
            Failure::Alert(_) | Failure::Ended { .. } | Failure::Wire(siptls_wire::Error::NotTls { .. }) => {}
            Failure::NotCompletable(_) => {
                self.write_alert(AlertLevel::WARNING, AlertDescription::USER_CANCELED);
                self.write_alert(AlertLevel::WARNING, AlertDescription::CLOSE_NOTIFY);
            }
            other => {
                let description = alert_of(other);
                self.write_alert(AlertLevel::FATAL, description);
            }
        }
        self.stage = Stage::Over;
        self.events.push_back(Event::Failed(failure));
    }

    fn read_flight(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(flight) = &mut self.flight else {
            return Ok(());
        };
        match flight.read(bytes)? {
            Progress::NeedMore => Ok(()),
            Progress::Alert(alert) => {
                self.alert = alert.is_fatal().then_some(alert);
                Err(Failure::Alert(alert))
            }
            Progress::Encrypted => {
                let version = flight
                    .transcript()
                    .server_hello
                    .as_ref()
                    .map(ServerHello::version);
                let version = version.unwrap_or(ProtocolVersion::TLS_1_3);
                Err(match self.plan.offer.versions.contains(&version) {
                    true => NotCompletable::Version(version).into(),
                    false => Failure::Violation(Violation::Version(version)),
                })
            }
            Progress::Done => {
                self.stage = Stage::FlightRead;
                self.events.push_back(Event::FlightRead);
                let mut hash = HandshakeHash::new();
                hash.add(&self.hello);
                hash.add(flight.messages());
                let records = match self.flight.take() {
                    Some(flight) => {
                        let (transcript, records, raw) = flight.into_parts();
                        self.transcript = transcript;
                        self.evidence = raw;
                        records
                    }
                    None => RecordReader::new(),
                };
                self.check_flight()?;
                if self.plan.finish {
                    self.finish(hash, records)?;
                    // A server may have sent an alert right behind its flight.
                    self.read_protected(&[])?;
                }
                Ok(())
            }
        }
    }

    /// Whether the flight answers what was offered.
    fn check_flight(&self) -> Result<(), Failure> {
        let violation = |violation| Err(Failure::Violation(violation));
        let offer = &self.plan.offer;
        let Some(hello) = &self.transcript.server_hello else {
            return violation(Violation::Missing("server_hello"));
        };
        if hello.version() != ProtocolVersion::TLS_1_2 || offer.legacy_version != ProtocolVersion::TLS_1_2 {
            if hello.version() != offer.legacy_version && !offer.versions.contains(&hello.version()) {
                return violation(Violation::Version(hello.version()));
            }
            return Err(NotCompletable::Version(hello.version()).into());
        }
        if hello.cipher_suite.is_signal() || !offer.cipher_suites.contains(&hello.cipher_suite) {
            return violation(Violation::CipherSuite(hello.cipher_suite));
        }
        if hello.compression_method != 0 {
            return violation(Violation::Compression(hello.compression_method));
        }
        let answerable = |kind: ExtensionType| {
            offer.has_extension(kind)
                // The SCSV stands for an empty renegotiation_info: RFC 5746 §3.4.
                || (kind == ExtensionType::RENEGOTIATION_INFO
                    && offer.cipher_suites.contains(&siptls_wire::CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV))
        };
        if let Some(extension) = hello
            .extensions
            .iter()
            .find(|extension| !answerable(extension.kind))
        {
            return violation(Violation::Extension(extension.kind));
        }
        // RFC 5746 §3.4: nothing was negotiated before, so the server must say so.
        if hello
            .extension(ExtensionType::RENEGOTIATION_INFO)
            .is_some_and(|data| data != [0])
        {
            return violation(Violation::Renegotiation);
        }
        let Some(exchange) = hello.cipher_suite.key_exchange() else {
            return Err(NotCompletable::Suite(hello.cipher_suite).into());
        };
        let certificates = self.transcript.certificates.as_deref().unwrap_or_default();
        if certificates.is_empty() {
            let requested = self.transcript.certificate_request.is_some();
            return violation(if requested {
                Violation::AnonymousRequest
            } else {
                Violation::Missing("certificate")
            });
        }
        // RFC 6066 §8: only after the extension was answered.
        if self.transcript.certificate_status.is_some()
            && hello.extension(ExtensionType::STATUS_REQUEST).is_none()
        {
            return violation(Violation::Unexpected {
                expected: "no stapled response, as status_request was not answered",
                found: HandshakeType::CERTIFICATE_STATUS.to_string(),
            });
        }
        let key = certificates.first().and_then(|leaf| public_key(leaf));
        if key.is_some_and(|key| !fits(exchange, key.kind)) {
            return violation(Violation::KeyType(hello.cipher_suite));
        }
        match (&self.transcript.server_key_exchange, exchange) {
            (Some(_), KeyExchange::Rsa) => violation(Violation::Surplus("server_key_exchange")),
            (None, KeyExchange::Rsa) => Ok(()),
            (None, _) => violation(Violation::Missing("server_key_exchange")),
            (Some(ServerKeyExchange::Ecdhe(parameters)), _) => {
                if !offer.groups.contains(&parameters.group) {
                    return violation(Violation::Group(parameters.group));
                }
                match parameters.scheme {
                    Some(scheme) if !offer.signature_algorithms.contains(&scheme) => {
                        violation(Violation::Signature(scheme))
                    }
                    _ => Ok(()),
                }
            }
            (Some(ServerKeyExchange::Other(_)), exchange) if exchange.is_ecdhe() => {
                violation(Violation::ExplicitCurve)
            }
            (Some(ServerKeyExchange::Other(_)), _) => Ok(()),
        }
    }

    /// Sends our side of the handshake.
    fn finish(&mut self, mut hash: HandshakeHash, records: RecordReader) -> Result<(), Failure> {
        let Some(hello) = &self.transcript.server_hello else {
            return Err(Failure::Violation(Violation::Missing("server_hello")));
        };
        let suite = Suite::of(hello.cipher_suite).ok_or(NotCompletable::Suite(hello.cipher_suite))?;
        let (premaster, exchange_body) = self.key_exchange(hello, suite)?;

        let mut messages = Vec::new();
        let mut signer = None;
        if let Some(request) = &self.transcript.certificate_request {
            let identity = self.plan.identity.as_ref();
            let scheme = identity.and_then(|identity| identity.scheme(&request.signature_algorithms));
            match (identity, scheme) {
                (Some(identity), Some(scheme)) => {
                    messages.extend(write_certificates(identity.chain()));
                    signer = Some((identity, scheme));
                    self.sent_certificate = Some(SentCertificate::Chain);
                }
                _ => {
                    messages.extend(write_certificates::<Vec<u8>>(&[]));
                    self.sent_certificate = Some(SentCertificate::Empty);
                }
            }
        }
        put_message(&mut messages, HandshakeType::CLIENT_KEY_EXCHANGE, &exchange_body);
        hash.add(&messages);

        self.extended_master_secret = self
            .plan
            .offer
            .has_extension(ExtensionType::EXTENDED_MASTER_SECRET)
            && hello.extension(ExtensionType::EXTENDED_MASTER_SECRET).is_some();
        let session_hash = self.extended_master_secret.then(|| hash.current(suite.prf));
        let master = master_secret(
            suite,
            &premaster,
            session_hash.as_deref(),
            &self.random,
            &hello.random,
        );
        let keys = ConnectionKeys::derive(suite, &master, &self.random, &hello.random, Side::Client);

        if let Some((identity, scheme)) = signer {
            let signature = identity
                .sign(scheme, hash.messages())
                .ok_or(NotCompletable::Primitive)?;
            let mut body = scheme.0.to_be_bytes().to_vec();
            body.extend(u16::try_from(signature.len()).unwrap_or(u16::MAX).to_be_bytes());
            body.extend(signature);
            let start = messages.len();
            put_message(&mut messages, HandshakeType::CERTIFICATE_VERIFY, &body);
            hash.add(&messages[start..]);
        }
        let mut finished = Vec::new();
        put_message(
            &mut finished,
            HandshakeType::FINISHED,
            &verify_data(suite, &master, Side::Client, &hash),
        );
        hash.add(&finished);

        let ConnectionKeys { mut sealer, opener } = keys;
        write_handshake(&mut self.output, ProtocolVersion::TLS_1_2, &messages);
        write_record(
            &mut self.output,
            ContentType::CHANGE_CIPHER_SPEC,
            ProtocolVersion::TLS_1_2,
            &[1],
        );
        sealer.seal(ContentType::HANDSHAKE, &finished, &mut self.output);
        self.protected = Some(Box::new(Protected {
            sealer,
            opener,
            suite,
            master,
            hash,
            records,
            handshake: HandshakeReader::new(),
            changed: false,
            record_count: 0,
            late_count: 0,
        }));
        self.stage = Stage::Finishing;
        Ok(())
    }

    /// The premaster secret and the body of ClientKeyExchange, after the server's signature was
    /// verified.
    fn key_exchange(&self, hello: &ServerHello, suite: &Suite) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        let leaf = self
            .transcript
            .certificates
            .as_ref()
            .and_then(|chain| chain.first());
        let key = leaf
            .and_then(|leaf| public_key(leaf))
            .ok_or(NotCompletable::KeyUnreadable)?;
        if suite.exchange == KeyExchange::Rsa {
            let (premaster, sealed) = rsa_premaster(&key, self.plan.offer.legacy_version)?;
            // EncryptedPreMasterSecret has a two-byte length: RFC 5246 §7.4.7.1.
            let length = u16::try_from(sealed.len()).map_err(|_| NotCompletable::KeyUnreadable)?;
            return Ok((premaster, [length.to_be_bytes().as_slice(), &sealed].concat()));
        }
        let Some(ServerKeyExchange::Ecdhe(parameters)) = &self.transcript.server_key_exchange else {
            return Err(NotCompletable::Parameters.into());
        };
        let scheme = parameters.scheme.ok_or(NotCompletable::Parameters)?;
        let signed = [self.random.as_slice(), &hello.random, &parameters.params].concat();
        if !verify_signature(&key, scheme, &signed, &parameters.signature)? {
            return Err(Failure::BadSignature(scheme));
        }
        let group = parameters.group;
        let ephemeral = EphemeralKey::generate(group).ok_or(NotCompletable::Group(group))?;
        let premaster = ephemeral
            .agree(&parameters.point)
            .ok_or(Failure::Violation(Violation::Point(group)))?;
        // ecdh_Yc has a one-byte length: RFC 8422 §5.7.
        let length = u8::try_from(ephemeral.public().len()).map_err(|_| NotCompletable::Primitive)?;
        Ok((premaster, [&[length], ephemeral.public()].concat()))
    }

    fn read_protected(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(mut protected) = self.protected.take() else {
            return Ok(());
        };
        protected.records.push(bytes);
        let mut outcome = Ok(());
        while outcome.is_ok() && matches!(self.stage, Stage::Finishing | Stage::Established) {
            match self.read_record(&mut protected) {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) => outcome = Err(failure),
            }
        }
        self.protected = Some(protected);
        outcome
    }

    /// Reads one record; `false` when more bytes are needed.
    fn read_record(&mut self, protected: &mut Protected) -> Result<bool, Failure> {
        let Some(record) = protected.records.next_record()? else {
            return Ok(false);
        };
        let kind = record.content_type;
        if self.stage == Stage::Finishing {
            protected.record_count += 1;
            if protected.record_count > MAX_FINISHING_RECORDS {
                let what = "records before the server's finished";
                return Err(Failure::Violation(Violation::Flood {
                    what,
                    limit: MAX_FINISHING_RECORDS,
                }));
            }
        }
        let plain = if protected.changed {
            protected.opener.open(kind, record.payload)?
        } else {
            if self.evidence.len() + record.payload.len() < MAX_FLIGHT_BYTES {
                write_record(&mut self.evidence, kind, record.version, record.payload);
            }
            record.payload.to_vec()
        };
        match kind {
            ContentType::ALERT => self.take_alert(protected, Alert::parse(&plain)?)?,
            ContentType::CHANGE_CIPHER_SPEC => {
                if protected.changed || plain != [1] || !protected.handshake.is_empty() {
                    return Err(unexpected(self.stage, "change_cipher_spec"));
                }
                protected.changed = true;
                protected.records.expect_protected();
            }
            ContentType::HANDSHAKE => {
                protected.handshake.push(&plain);
                self.read_handshake(protected)?;
            }
            ContentType::APPLICATION_DATA if self.stage == Stage::Established => {
                if plain.is_empty() {
                    self.count_late(protected, "empty records")?;
                } else {
                    self.events.push_back(Event::Data(plain));
                }
            }
            other => return Err(unexpected(self.stage, &other.to_string())),
        }
        Ok(true)
    }

    fn read_handshake(&mut self, protected: &mut Protected) -> Result<(), Failure> {
        loop {
            let message = protected
                .handshake
                .next_message()
                .map_err(siptls_wire::Error::from)?;
            let Some(message) = message else { return Ok(()) };
            match (self.stage, message.kind) {
                (Stage::Finishing, HandshakeType::NEW_SESSION_TICKET)
                    if !protected.changed && self.expects_ticket() =>
                {
                    protected.hash.add(message.bytes);
                }
                (Stage::Finishing, HandshakeType::FINISHED) if protected.changed => {
                    let expected =
                        verify_data(protected.suite, &protected.master, Side::Server, &protected.hash);
                    if message.body.len() != VERIFY_DATA_BYTES || message.body != expected {
                        return Err(Failure::BadFinished);
                    }
                    self.stage = Stage::Established;
                    self.events.push_back(Event::Finished);
                }
                // RFC 5246 §7.4.1.1: may be ignored, or answered with a warning.
                (_, HandshakeType::HELLO_REQUEST) => {
                    if self.stage == Stage::Established && protected.late_count == 0 {
                        let refusal = [AlertLevel::WARNING.0, AlertDescription::NO_RENEGOTIATION.0];
                        protected
                            .sealer
                            .seal(ContentType::ALERT, &refusal, &mut self.output);
                    }
                    self.count_late(protected, "handshake messages on an established connection")?;
                }
                (stage, kind) => return Err(unexpected(stage, &kind.to_string())),
            }
        }
    }

    /// RFC 5077 §3.3: a ticket comes only after the extension was answered.
    fn expects_ticket(&self) -> bool {
        let hello = self.transcript.server_hello.as_ref();
        hello.is_some_and(|hello| hello.extension(ExtensionType::SESSION_TICKET).is_some())
    }

    fn take_alert(&mut self, protected: &mut Protected, alert: Alert) -> Result<(), Failure> {
        self.transcript.alerts.push(alert);
        if alert.is_fatal() {
            self.alert = Some(alert);
            return Err(Failure::Alert(alert));
        }
        if alert.description == AlertDescription::CLOSE_NOTIFY {
            if self.stage == Stage::Finishing {
                return Err(Failure::Alert(alert));
            }
            // RFC 5246 §7.2.1: the other party must respond with one of its own.
            let goodbye = [AlertLevel::WARNING.0, AlertDescription::CLOSE_NOTIFY.0];
            protected
                .sealer
                .seal(ContentType::ALERT, &goodbye, &mut self.output);
            self.close_notified = true;
            self.stage = Stage::Over;
            self.events.push_back(Event::Closed {
                notified: true,
                reset: false,
            });
            return Ok(());
        }
        self.count_late(protected, "warning alerts")
    }

    fn count_late(&self, protected: &mut Protected, what: &'static str) -> Result<(), Failure> {
        protected.late_count += 1;
        if protected.late_count > MAX_LATE_MESSAGES {
            return Err(Failure::Violation(Violation::Flood {
                what,
                limit: MAX_LATE_MESSAGES,
            }));
        }
        Ok(())
    }
}

/// Whether a key exchange goes with a kind of key (RFC 5246 §7.4.2, RFC 8422 §2); it may with one
/// that is not known here.
const fn fits(exchange: KeyExchange, kind: KeyKind) -> bool {
    match exchange {
        KeyExchange::Rsa | KeyExchange::EcdheRsa | KeyExchange::DheRsa => {
            matches!(kind, KeyKind::Rsa | KeyKind::Other)
        }
        KeyExchange::EcdheEcdsa => !matches!(kind, KeyKind::Rsa),
    }
}

fn put_message(out: &mut Vec<u8>, kind: HandshakeType, body: &[u8]) {
    out.push(kind.0);
    // Bodies are at most a certificate chain long.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes()[1..]);
    out.extend_from_slice(body);
}

fn unexpected(stage: Stage, found: &str) -> Failure {
    let expected = match stage {
        Stage::Established => "application data or an alert",
        _ => "change_cipher_spec, finished or an alert",
    };
    Failure::Violation(Violation::Unexpected {
        expected,
        found: found.to_owned(),
    })
}

/// The alert that tells the peer what is wrong (RFC 5246 §7.2.2).
const fn alert_of(failure: &Failure) -> AlertDescription {
    match failure {
        Failure::BadRecord(_) => AlertDescription::BAD_RECORD_MAC,
        Failure::BadSignature(_) | Failure::BadFinished => AlertDescription::DECRYPT_ERROR,
        Failure::Wire(siptls_wire::Error::Malformed(_)) => AlertDescription::DECODE_ERROR,
        Failure::Wire(siptls_wire::Error::Limit(_)) => AlertDescription::RECORD_OVERFLOW,
        Failure::Wire(siptls_wire::Error::Unexpected { .. })
        | Failure::Violation(
            Violation::Unexpected { .. }
            | Violation::Missing(_)
            | Violation::Surplus(_)
            | Violation::Flood { .. },
        ) => AlertDescription::UNEXPECTED_MESSAGE,
        Failure::Violation(Violation::Version(_)) => AlertDescription::PROTOCOL_VERSION,
        Failure::Violation(Violation::Extension(_)) => AlertDescription::UNSUPPORTED_EXTENSION,
        Failure::Violation(Violation::AnonymousRequest | Violation::Renegotiation) => {
            AlertDescription::HANDSHAKE_FAILURE
        }
        _ => AlertDescription::ILLEGAL_PARAMETER,
    }
}
