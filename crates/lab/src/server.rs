//! A TLS 1.2 server, sans-I/O (RFC 5246 §7.3).

use crate::choice::Choice;
use crate::{ClientCertificates, Ending, Flood, Refusal, ServerConfig, Twist};
use siptls_tls12::{
    ConnectionKeys, HandshakeHash, Side, master_secret, public_key, verify_data, verify_signature,
};
use siptls_wire::{
    Alert, AlertDescription, AlertLevel, CertificateRequest, ClientCertificateType, ClientHello, ContentType,
    EcdheParameters, Error, HandshakeReader, HandshakeType, NamedGroup, ProtocolVersion, RecordReader,
    ServerHello, SignatureScheme, parse_certificates, write_alert, write_certificates, write_handshake,
    write_record,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// Schemes that a client certificate's key may sign with.
const CLIENT_SCHEMES: [SignatureScheme; 9] = [
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::ECDSA_SECP256R1_SHA256,
    SignatureScheme::ECDSA_SECP384R1_SHA384,
    SignatureScheme::ECDSA_SECP521R1_SHA512,
    SignatureScheme::RSA_PSS_RSAE_SHA256,
    SignatureScheme::RSA_PSS_RSAE_SHA384,
    SignatureScheme::RSA_PSS_RSAE_SHA512,
];

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// Both Finished are exchanged.
    Finished {
        /// What the client presented, leaf first, DER; empty when it was not asked or had none.
        client_chain: Vec<Vec<u8>>,
    },
    /// Application data arrived.
    Data(Vec<u8>),
    /// The client ended the connection with an alert.
    Alert(Alert),
    /// The server refused to go on, and said so with this alert.
    Refused(AlertDescription),
}

/// What the server waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Hello,
    Certificate,
    KeyExchange,
    Verify,
    ChangeCipherSpec,
    Finished,
    Established,
    Over,
}

/// Why the handshake does not go on.
enum Stop {
    Alert(AlertDescription),
    End(Ending),
}

type Step = Result<(), Stop>;

impl From<AlertDescription> for Stop {
    fn from(description: AlertDescription) -> Self {
        Self::Alert(description)
    }
}

/// What the hellos agreed upon, and what came of it.
#[derive(Debug)]
struct Session {
    hello: ClientHello,
    choice: Choice,
    random: [u8; 32],
    master: Vec<u8>,
    keys: Option<ConnectionKeys>,
    client_chain: Vec<Vec<u8>>,
}

/// One connection of a server, sans-I/O: bytes in, bytes and events out.
///
/// Feed it with [`handle_input`](Self::handle_input), send what
/// [`take_output`](Self::take_output) gives, and when [`ending`](Self::ending) says how, end the
/// stream after that.
#[derive(Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    stage: Stage,
    ending: Option<Ending>,
    records: RecordReader,
    handshake: HandshakeReader,
    hash: HandshakeHash,
    session: Option<Box<Session>>,
    opens: bool,
    seals: bool,
    output: Vec<u8>,
    events: VecDeque<ServerEvent>,
}

impl Server {
    /// A server at the start of a connection.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            config,
            stage: Stage::Hello,
            ending: None,
            records: RecordReader::new(),
            handshake: HandshakeReader::new(),
            hash: HandshakeHash::new(),
            session: None,
            opens: false,
            seals: false,
            output: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Bytes to send.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// How to end the stream, when the connection is over.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Whether both Finished are exchanged and the connection is not over.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.stage == Stage::Established
    }

    /// The client's hello, once it was read and answered.
    #[must_use]
    pub fn client_hello(&self) -> Option<&ClientHello> {
        self.session.as_ref().map(|session| &session.hello)
    }

    /// Takes bytes from the client in.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        if self.stage == Stage::Over {
            return;
        }
        self.records.push(bytes);
        while self.stage != Stage::Over {
            let step = match self.records.next_record() {
                Ok(None) => return,
                Ok(Some(record)) => {
                    let (kind, payload) = (record.content_type, record.payload.to_vec());
                    self.take_record(kind, payload)
                }
                Err(Error::NotTls { .. }) => Err(Stop::End(Ending::Close)),
                Err(Error::Limit(_)) => Err(AlertDescription::RECORD_OVERFLOW.into()),
                Err(_) => Err(AlertDescription::DECODE_ERROR.into()),
            };
            match step {
                Ok(()) => {}
                Err(Stop::End(ending)) => self.end(ending),
                Err(Stop::Alert(description)) => self.refuse(description),
            }
        }
    }

    /// Protects application data to send. Does nothing unless the connection is established.
    pub fn send(&mut self, data: &[u8]) {
        if self.is_established() {
            for fragment in data.chunks(siptls_wire::MAX_PLAINTEXT_BYTES) {
                self.write(ContentType::APPLICATION_DATA, fragment);
            }
        }
    }

    /// Ends the connection with close_notify.
    pub fn close(&mut self) {
        if self.stage != Stage::Over {
            self.write_alert(AlertLevel::WARNING, AlertDescription::CLOSE_NOTIFY);
            self.end(Ending::Close);
        }
    }

    /// One meaningless record.
    pub(crate) fn flood(&mut self, flood: Flood) {
        match flood {
            Flood::EmptyRecords => self.write(ContentType::APPLICATION_DATA, &[]),
            Flood::Warnings => self.write_alert(AlertLevel::WARNING, AlertDescription::UNRECOGNIZED_NAME),
            Flood::HelloRequests => self.write(ContentType::HANDSHAKE, &[0, 0, 0, 0]),
        }
    }

    fn end(&mut self, ending: Ending) {
        self.stage = Stage::Over;
        self.ending = Some(ending);
    }

    fn refuse(&mut self, description: AlertDescription) {
        self.write_alert(AlertLevel::FATAL, description);
        self.events.push_back(ServerEvent::Refused(description));
        self.end(Ending::Close);
    }

    fn write_alert(&mut self, level: AlertLevel, description: AlertDescription) {
        if self.seals {
            self.write(ContentType::ALERT, &[level.0, description.0]);
        } else {
            write_alert(&mut self.output, ProtocolVersion::TLS_1_2, level, description);
        }
    }

    /// Writes one record, protected once the keys are in use.
    fn write(&mut self, kind: ContentType, payload: &[u8]) {
        let keys = self.session.as_mut().and_then(|session| session.keys.as_mut());
        match keys.filter(|_| self.seals) {
            Some(keys) => keys.sealer.seal(kind, payload, &mut self.output),
            None => write_record(&mut self.output, kind, ProtocolVersion::TLS_1_2, payload),
        }
    }

    /// Writes a handshake message in the clear and hashes it.
    fn write_message(&mut self, message: &[u8]) {
        self.hash.add(message);
        write_handshake(&mut self.output, ProtocolVersion::TLS_1_2, message);
    }

    fn take_record(&mut self, kind: ContentType, payload: Vec<u8>) -> Step {
        let keys = self.session.as_mut().and_then(|session| session.keys.as_mut());
        let plain = match keys.filter(|_| self.opens) {
            Some(keys) => keys
                .opener
                .open(kind, &payload)
                .map_err(|_| AlertDescription::BAD_RECORD_MAC)?,
            None => payload,
        };
        match kind {
            ContentType::ALERT => self.take_alert(&plain),
            ContentType::CHANGE_CIPHER_SPEC => {
                if self.stage != Stage::ChangeCipherSpec || plain != [1] || !self.handshake.is_empty() {
                    return Err(AlertDescription::UNEXPECTED_MESSAGE.into());
                }
                self.opens = true;
                self.records.expect_protected();
                self.stage = Stage::Finished;
                Ok(())
            }
            ContentType::HANDSHAKE => {
                self.handshake.push(&plain);
                loop {
                    let message = self
                        .handshake
                        .next_message()
                        .map_err(|_| AlertDescription::ILLEGAL_PARAMETER)?;
                    let Some(message) = message else { return Ok(()) };
                    let (kind, bytes) = (message.kind, message.bytes.to_vec());
                    self.take_message(kind, &bytes)?;
                }
            }
            ContentType::APPLICATION_DATA if self.is_established() => {
                if !plain.is_empty() {
                    self.events.push_back(ServerEvent::Data(plain));
                }
                Ok(())
            }
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE.into()),
        }
    }

    fn take_alert(&mut self, plain: &[u8]) -> Step {
        let alert = Alert::parse(plain).map_err(|_| AlertDescription::DECODE_ERROR)?;
        if alert.description == AlertDescription::CLOSE_NOTIFY {
            self.events.push_back(ServerEvent::Alert(alert));
            self.close();
        } else if alert.is_fatal() {
            self.events.push_back(ServerEvent::Alert(alert));
            self.end(Ending::Close);
        }
        Ok(())
    }

    fn take_message(&mut self, kind: HandshakeType, bytes: &[u8]) -> Step {
        let body = bytes.get(4..).unwrap_or_default();
        match (self.stage, kind) {
            (Stage::Hello, HandshakeType::CLIENT_HELLO) => self.take_hello(bytes, body),
            (Stage::Certificate, HandshakeType::CERTIFICATE) => self.take_certificate(bytes, body),
            (Stage::KeyExchange, HandshakeType::CLIENT_KEY_EXCHANGE) => self.take_key_exchange(bytes, body),
            (Stage::Verify, HandshakeType::CERTIFICATE_VERIFY) => self.take_verify(bytes, body),
            (Stage::Finished, HandshakeType::FINISHED) => self.take_finished(bytes, body),
            (Stage::Established, HandshakeType::CLIENT_HELLO) => {
                self.write_alert(AlertLevel::WARNING, AlertDescription::NO_RENEGOTIATION);
                Ok(())
            }
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE.into()),
        }
    }

    fn take_hello(&mut self, bytes: &[u8], body: &[u8]) -> Step {
        let hello = ClientHello::parse(body).map_err(|_| AlertDescription::DECODE_ERROR)?;
        let choice = Choice::new(&self.config, &hello)?;
        let config = Arc::clone(&self.config);
        let random = siptls_tls12::random();
        self.hash.add(bytes);
        self.write_message(&server_hello(&choice, random));
        self.write_message(&write_certificates(config.credentials.chain()));
        if let Some(ephemeral) = &choice.ephemeral {
            let mut point = ephemeral.key.public().to_vec();
            if config.twist == Some(Twist::PointOffCurve) {
                match ephemeral.group {
                    // Every string is a point of x25519; that of order one leaves no secret (RFC 7748 §6.1).
                    NamedGroup::X25519 => point.fill(0),
                    // The last byte is y's, which is no longer a root for x.
                    _ => point.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1),
                }
            }
            let params = EcdheParameters::encode_params(ephemeral.group, &point);
            let signed = [hello.random.as_slice(), &random, &params].concat();
            let signature = config.credentials.identity().sign(ephemeral.scheme, &signed);
            let mut signature = signature.ok_or(AlertDescription::INTERNAL_ERROR)?;
            if config.twist == Some(Twist::BadSignature) {
                signature
                    .iter_mut()
                    .last()
                    .into_iter()
                    .for_each(|byte| *byte ^= 1);
            }
            let scheme = Some(ephemeral.scheme);
            self.write_message(
                &EcdheParameters {
                    group: ephemeral.group,
                    point,
                    params,
                    scheme,
                    signature,
                }
                .encode(),
            );
        }
        let asks = config.client_certificates.is_requested();
        if asks {
            self.write_message(&certificate_request(&config));
        }
        self.write_message(&[HandshakeType::SERVER_HELLO_DONE.0, 0, 0, 0]);
        self.stage = if asks {
            Stage::Certificate
        } else {
            Stage::KeyExchange
        };
        self.session = Some(Box::new(Session {
            hello,
            choice,
            random,
            master: Vec::new(),
            keys: None,
            client_chain: Vec::new(),
        }));
        Ok(())
    }

    fn take_certificate(&mut self, bytes: &[u8], body: &[u8]) -> Step {
        let chain = parse_certificates(body).map_err(|_| AlertDescription::DECODE_ERROR)?;
        match (self.config.client_certificates, chain.is_empty()) {
            (ClientCertificates::Required(Refusal::Alert(description)), true)
            | (ClientCertificates::Rejected(description), _) => return Err(description.into()),
            (ClientCertificates::Required(Refusal::Close), true) => return Err(Stop::End(Ending::Close)),
            (ClientCertificates::Required(Refusal::Reset), true) => return Err(Stop::End(Ending::Reset)),
            _ => {}
        }
        self.hash.add(bytes);
        if let Some(session) = &mut self.session {
            session.client_chain = chain;
        }
        self.stage = Stage::KeyExchange;
        Ok(())
    }

    fn take_key_exchange(&mut self, bytes: &[u8], body: &[u8]) -> Step {
        let Some(session) = &mut self.session else {
            return Err(AlertDescription::INTERNAL_ERROR.into());
        };
        let suite = session.choice.suite;
        let premaster = match &session.choice.ephemeral {
            None => {
                let (length, sealed) = body.split_first_chunk().ok_or(AlertDescription::DECODE_ERROR)?;
                if usize::from(u16::from_be_bytes(*length)) != sealed.len() {
                    return Err(AlertDescription::DECODE_ERROR.into());
                }
                self.config
                    .credentials
                    .premaster(sealed, session.hello.legacy_version)
            }
            Some(ephemeral) => {
                let (length, point) = body.split_first().ok_or(AlertDescription::DECODE_ERROR)?;
                if usize::from(*length) != point.len() {
                    return Err(AlertDescription::DECODE_ERROR.into());
                }
                ephemeral
                    .key
                    .agree(point)
                    .ok_or(AlertDescription::ILLEGAL_PARAMETER)?
            }
        };
        self.hash.add(bytes);
        let session_hash = session
            .choice
            .extended_master_secret
            .then(|| self.hash.current(suite.prf));
        let client = &session.hello.random;
        session.master = master_secret(
            suite,
            &premaster,
            session_hash.as_deref(),
            client,
            &session.random,
        );
        session.keys = Some(ConnectionKeys::derive(
            suite,
            &session.master,
            client,
            &session.random,
            Side::Server,
        ));
        self.stage = if session.client_chain.is_empty() {
            Stage::ChangeCipherSpec
        } else {
            Stage::Verify
        };
        Ok(())
    }

    fn take_verify(&mut self, bytes: &[u8], body: &[u8]) -> Step {
        let (scheme, rest) = body.split_first_chunk().ok_or(AlertDescription::DECODE_ERROR)?;
        let scheme = SignatureScheme(u16::from_be_bytes(*scheme));
        let (length, signature) = rest.split_first_chunk().ok_or(AlertDescription::DECODE_ERROR)?;
        if usize::from(u16::from_be_bytes(*length)) != signature.len() {
            return Err(AlertDescription::DECODE_ERROR.into());
        }
        if !CLIENT_SCHEMES.contains(&scheme) {
            return Err(AlertDescription::ILLEGAL_PARAMETER.into());
        }
        let leaf = self
            .session
            .as_ref()
            .and_then(|session| session.client_chain.first());
        let key = leaf
            .and_then(|leaf| public_key(leaf))
            .ok_or(AlertDescription::BAD_CERTIFICATE)?;
        match verify_signature(&key, scheme, self.hash.messages(), signature) {
            Ok(true) => {}
            Ok(false) => return Err(AlertDescription::DECRYPT_ERROR.into()),
            Err(_) => return Err(AlertDescription::UNSUPPORTED_CERTIFICATE.into()),
        }
        self.hash.add(bytes);
        self.stage = Stage::ChangeCipherSpec;
        Ok(())
    }

    fn take_finished(&mut self, bytes: &[u8], body: &[u8]) -> Step {
        let Some(session) = &self.session else {
            return Err(AlertDescription::INTERNAL_ERROR.into());
        };
        let suite = session.choice.suite;
        if body != verify_data(suite, &session.master, Side::Client, &self.hash) {
            return Err(AlertDescription::DECRYPT_ERROR.into());
        }
        self.hash.add(bytes);
        let client_chain = session.client_chain.clone();
        let hello = server_hello(&session.choice, session.random);
        let mut finished = vec![HandshakeType::FINISHED.0, 0, 0, 12];
        finished.extend(verify_data(suite, &session.master, Side::Server, &self.hash));
        if self.config.twist == Some(Twist::WrongFinished) {
            finished.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1);
        }
        self.write(ContentType::CHANGE_CIPHER_SPEC, &[1]);
        self.seals = true;
        self.write(ContentType::HANDSHAKE, &finished);
        self.stage = Stage::Established;
        match (self.config.client_certificates, self.config.twist) {
            (ClientCertificates::Required(Refusal::Late(description)), _) if client_chain.is_empty() => {
                return Err(description.into());
            }
            (_, Some(Twist::BadMac)) => self
                .output
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|byte| *byte ^= 1),
            (_, Some(Twist::RequestAfterFinished)) => {
                let request = certificate_request(&self.config);
                self.write(ContentType::HANDSHAKE, &request);
            }
            (_, Some(Twist::Renegotiation)) => {
                self.flood(Flood::HelloRequests);
                self.write(ContentType::HANDSHAKE, &hello);
            }
            _ => {}
        }
        self.events.push_back(ServerEvent::Finished { client_chain });
        Ok(())
    }
}

fn server_hello(choice: &Choice, random: [u8; 32]) -> Vec<u8> {
    ServerHello {
        legacy_version: ProtocolVersion::TLS_1_2,
        random,
        session_id: Vec::new(),
        cipher_suite: choice.suite.id,
        compression_method: 0,
        extensions: choice.extensions.clone(),
    }
    .encode()
}

fn certificate_request(config: &ServerConfig) -> Vec<u8> {
    CertificateRequest {
        certificate_types: vec![ClientCertificateType::RSA_SIGN, ClientCertificateType::ECDSA_SIGN],
        signature_algorithms: CLIENT_SCHEMES.to_vec(),
        authorities: config.authorities.clone(),
    }
    .encode()
}
