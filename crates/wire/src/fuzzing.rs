//! Properties that the fuzz targets and the property tests share. Not part of the public API.
//!
//! Each function takes arbitrary bytes and panics when its property does not hold.

use crate::dissect::{self, Part, PartKind, Role};
use crate::{
    Alert, CertificateRequest, CertificateStatus, ClientHello, ContentType, Error, FlightReader,
    HandshakeReader, HandshakeType, KeyExchange, MAX_FLIGHT_BYTES, Malformed, Progress, ProtocolVersion,
    RecordReader, ServerHello, ServerKeyExchange, Transcript, Within, parse_certificates, write_certificates,
};

/// Most bytes of memory the buffers of a [`FlightReader`] hold besides what is pushed at once:
/// evidence, messages and one message in parts, each at most a flight and at most doubled by the
/// growth of a vector, and one record.
pub const MAX_HELD_BYTES: usize = 7 * MAX_FLIGHT_BYTES;

/// How a flight ended, in a form that can be compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was read.
    pub transcript: Transcript,
    /// How far, or the error.
    pub end: Result<Progress, Error>,
    /// The evidence.
    pub raw: Vec<u8>,
    /// The messages as hashed.
    pub messages: Vec<u8>,
}

/// Reads a flight given in these pieces.
#[must_use]
pub fn read_in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = FlightReader::new();
    let mut end = Ok(Progress::NeedMore);
    for piece in pieces {
        end = reader.read(piece);
        if end != Ok(Progress::NeedMore) {
            break;
        }
    }
    let raw = reader.raw().to_vec();
    let messages = reader.messages().to_vec();
    Outcome {
        transcript: reader.transcript().clone(),
        end,
        raw,
        messages,
    }
}

/// Any split of the same bytes gives the same outcome, and the evidence is a prefix of them.
///
/// # Panics
///
/// When the property does not hold.
pub fn splits_agree(bytes: &[u8], split: usize) {
    let whole = read_in_pieces([bytes]);
    let at = split
        .checked_rem(bytes.len().saturating_add(1))
        .unwrap_or_default();
    let (head, tail) = bytes.split_at(at);
    assert_eq!(whole, read_in_pieces([head, tail]));
    assert_eq!(whole, read_in_pieces(bytes.chunks(1)));
    assert!(bytes.starts_with(&whole.raw));
}

/// Bytes of memory that the buffers of a reader hold.
#[must_use]
pub const fn held_bytes(reader: &FlightReader) -> usize {
    reader.held_bytes()
}

/// Any bytes as a server's side of a connection: every byte is accounted for, any split gives the
/// same outcome, the end is final, memory is bounded, faults lie inside, and the messages read
/// say the same when written and read again.
///
/// # Panics
///
/// When the property does not hold.
pub fn flight(bytes: &[u8]) {
    // A split that depends on the bytes, so that a corpus needs no number beside them.
    let split = bytes.iter().fold(bytes.len(), |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(byte))
    });
    splits_agree(bytes, split);
    dissection(bytes);

    let mut reader = FlightReader::new();
    let end = reader.read(bytes);
    let refused_by_limit =
        matches!(&end, Err(Error::Limit(limit)) if limit.what.ends_with("of the server's flight"));
    if !refused_by_limit {
        assert_eq!(
            [reader.raw(), reader.pending()].concat(),
            bytes,
            "every byte is evidence or pending"
        );
    }
    match &end {
        Ok(Progress::NeedMore) => {}
        Ok(Progress::Done) => assert!(reader.transcript().done),
        Ok(Progress::Encrypted) => assert!(reader.transcript().server_hello.is_some()),
        Ok(Progress::Alert(alert)) => assert_eq!(reader.transcript().alerts.last(), Some(alert)),
        Err(error) => fault_lies_inside(error, bytes.len()),
    }
    handshake_bytes_are_accounted_for(&reader, end.is_ok());
    transcript_survives_writing(reader.transcript());
    assert!(reader.held_bytes() <= MAX_HELD_BYTES.saturating_add(bytes.len().saturating_mul(2)));
    if end != Ok(Progress::NeedMore) {
        let before = reader.transcript().clone();
        assert_eq!(reader.read(&[0x15, 3, 3, 0, 2, 1, 90]), end, "the end is final");
        assert_eq!(reader.transcript(), &before);
    }
}

/// Any bytes as the body of a ClientHello: what is read and written again is the same bytes, and
/// survives records cut at one byte.
///
/// # Panics
///
/// When the property does not hold.
pub fn client_hello(body: &[u8]) {
    dissection(&after_hello(&[(HandshakeType::CLIENT_HELLO, body)]));
    let hello = match ClientHello::parse(body) {
        Ok(hello) => hello,
        Err(error) => return fault_lies_inside(&error, body.len()),
    };
    // Readers of single extensions: any answer, no panic.
    let _ = (hello.server_name(), hello.groups(), hello.signature_algorithms());
    let message = hello.encode();
    let written = message.get(4..).unwrap_or_default();
    // An empty list of extensions is written as none.
    let empty_list = hello.extensions.is_empty() && body.strip_suffix(&[0, 0]) == Some(written);
    assert!(written == body || empty_list, "printing loses bytes");
    assert_eq!(ClientHello::parse(written), Ok(hello));

    let mut stream = Vec::new();
    for fragment in message.chunks(message.len().div_ceil(3).max(1)) {
        crate::write_handshake(&mut stream, ProtocolVersion::TLS_1_0, fragment);
    }
    let mut records = RecordReader::new();
    let mut handshake = HandshakeReader::new();
    for piece in stream.chunks(1) {
        records.push(piece);
        while let Ok(Some(record)) = records.next_record() {
            handshake.push(record.payload);
        }
    }
    match handshake.next_message() {
        Ok(Some(read)) => assert_eq!(
            (read.kind, read.bytes),
            (HandshakeType::CLIENT_HELLO, message.as_slice())
        ),
        other => assert!(body.len() > MAX_FLIGHT_BYTES, "{other:?}"),
    }
    assert!(records.pending().is_empty());
}

/// Any bytes as the body of each message of a server's flight: read, written and read again, it is
/// the same.
///
/// # Panics
///
/// When the property does not hold.
pub fn messages(body: &[u8]) {
    let inside = |error: Error| fault_lies_inside(&error, body.len());
    let _ = ServerHello::parse(body)
        .map(|hello| survives_server_hello(&hello))
        .map_err(inside);
    let _ = parse_certificates(body)
        .map(|list| assert_eq!(after_header(&write_certificates(&list)), body))
        .map_err(inside);
    let _ = CertificateStatus::parse(body).map_err(inside);
    let _ = Alert::parse(body);
    for kind in HandshakeType::ALL {
        // Alone, and behind a ServerHello that says how to read it.
        dissection(&after_hello(&[(*kind, body)]));
        dissection(&after_hello(&[
            (HandshakeType::SERVER_HELLO, ECDHE),
            (*kind, body),
        ]));
    }
    for version in [
        ProtocolVersion::SSL_3_0,
        ProtocolVersion::TLS_1_1,
        ProtocolVersion::TLS_1_2,
    ] {
        let request = CertificateRequest::parse(body, version).map_err(inside);
        if version == ProtocolVersion::TLS_1_2
            && let Ok(request) = &request
        {
            assert_eq!(after_header(&request.encode()), body);
        }
        for exchange in [
            None,
            Some(KeyExchange::Rsa),
            Some(KeyExchange::DheRsa),
            Some(KeyExchange::EcdheRsa),
        ] {
            match ServerKeyExchange::parse(body, exchange, version) {
                Ok(ServerKeyExchange::Ecdhe(parameters)) => {
                    assert_eq!(after_header(&parameters.encode()), body)
                }
                Ok(ServerKeyExchange::Other(bytes)) => assert_eq!(bytes, body),
                Err(error) => inside(error),
            }
        }
    }
}

/// Body of a ServerHello that chose TLS 1.2 with TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.
const ECDHE: &[u8] = &[
    3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0,
    0xc0, 0x30, 0,
];

/// Messages of these types and bodies, as records.
fn after_hello(messages: &[(HandshakeType, &[u8])]) -> Vec<u8> {
    let mut stream = Vec::new();
    for (kind, body) in messages {
        let message = crate::writer::message(*kind, body);
        crate::write_handshake(&mut stream, ProtocolVersion::TLS_1_2, &message);
    }
    stream
}

/// Any bytes, laid open: every byte is in exactly one part, and within a part in exactly one field that has none
/// within it; fields of one depth do not overlap, those within another lie inside it; what is not read has a reason.
///
/// # Panics
///
/// When the property does not hold.
pub fn dissection(bytes: &[u8]) {
    let parts = dissect::stream(bytes);
    let mut seen = vec![false; bytes.len()];
    for part in &parts {
        for (offset, byte) in part.bytes.iter().enumerate() {
            let position = part.position(offset);
            assert_eq!(bytes.get(position), Some(byte), "{:?} at {position}", part.kind);
            let seen = seen.get_mut(position);
            assert_eq!(
                seen.map(|seen| std::mem::replace(seen, true)),
                Some(false),
                "byte {position} is in two parts"
            );
        }
        fields_fit(part);
    }
    assert!(seen.iter().all(|seen| *seen), "a byte is in no part");
    assert!(
        parts.is_sorted_by_key(|part| part.runs.first().map(|run| run.stream)),
        "parts out of order"
    );
}

fn fields_fit(part: &Part) {
    // The ends of the structures that a field lies within, the outermost first; how far the innermost fields reach.
    let mut ends = vec![part.bytes.len()];
    let mut reached = 0;
    for field in &part.fields {
        let depth = usize::from(field.depth);
        assert!(depth < ends.len(), "{field:?} lies within nothing");
        ends.truncate(depth.saturating_add(1));
        assert_eq!(
            field.offset, reached,
            "{field:?}: a gap or an overlap in {:?}",
            part.kind
        );
        assert!(
            ends.last().is_some_and(|end| field.end() <= *end),
            "{field:?} leaves its structure"
        );
        match field.role {
            Role::Group | Role::Vector => ends.push(field.end()),
            Role::Length | Role::Value | Role::Unread => reached = field.end(),
        }
        if field.role == Role::Unread {
            let cut = matches!(part.kind, PartKind::Unfinished(_) | PartKind::Unread);
            assert!(
                part.fault.is_some() || cut,
                "{field:?} of {:?} is not read",
                part.kind
            );
        }
        let text = part.text_of(field);
        assert!(text.is_none_or(|text| text.len() <= field.length.saturating_mul(48).saturating_add(64)));
    }
    assert_eq!(
        reached,
        part.bytes.len(),
        "{:?} has bytes behind its last field",
        part.kind
    );
}

fn after_header(message: &[u8]) -> &[u8] {
    message.get(4..).unwrap_or_default()
}

/// An error names a place that exists.
fn fault_lies_inside(error: &Error, length: usize) {
    if let Error::Malformed(Malformed { within, offset, .. }) = error {
        assert!(
            usize::try_from(*offset).is_ok_and(|offset| offset <= length),
            "{within}: {offset} of {length}"
        );
    }
    assert!(!error.to_string().is_empty());
}

/// The evidence, read again by hand, holds exactly the messages that were hashed.
fn handshake_bytes_are_accounted_for(reader: &FlightReader, whole: bool) {
    let mut records = RecordReader::new();
    records.push(reader.raw());
    let mut handshake = HandshakeReader::new();
    let mut expected = Vec::new();
    while let Ok(Some(record)) = records.next_record() {
        if record.content_type == ContentType::HANDSHAKE {
            handshake.push(record.payload);
        }
        while let Ok(Some(message)) = handshake.next_message() {
            if message.kind != HandshakeType::HELLO_REQUEST {
                expected.extend_from_slice(message.bytes);
            }
        }
    }
    assert!(records.pending().is_empty(), "the evidence is whole records");
    assert!(expected.starts_with(reader.messages()));
    if whole {
        assert_eq!(expected, reader.messages());
    }
}

fn survives_server_hello(hello: &ServerHello) {
    assert_eq!(
        ServerHello::parse(after_header(&hello.encode())).as_ref(),
        Ok(hello)
    );
}

fn transcript_survives_writing(transcript: &Transcript) {
    let Some(hello) = &transcript.server_hello else {
        return;
    };
    survives_server_hello(hello);
    if let Some(certificates) = &transcript.certificates {
        assert_eq!(
            parse_certificates(after_header(&write_certificates(certificates))).as_ref(),
            Ok(certificates)
        );
    }
    if let Some(exchange @ ServerKeyExchange::Ecdhe(parameters)) = &transcript.server_key_exchange {
        let again = ServerKeyExchange::parse(
            after_header(&parameters.encode()),
            hello.cipher_suite.key_exchange(),
            hello.version(),
        );
        assert_eq!(again.as_ref(), Ok(exchange));
    }
    if let Some(request) = &transcript.certificate_request
        && hello.version() >= ProtocolVersion::TLS_1_2
    {
        let again = CertificateRequest::parse(after_header(&request.encode()), ProtocolVersion::TLS_1_2);
        assert_eq!(again.as_ref(), Ok(request));
    }
    let _ = (
        Within::Record,
        transcript.group(),
        transcript.key_exchange_signature(),
        transcript.fatal_alert(),
    );
}
