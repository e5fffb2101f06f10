//! The property of the SIP reader, for fuzzing and for the tests that replay its corpus. Not public interface.

use super::text::needs_escape;
use super::{
    BODY_BYTES_MAX, Event, Exchange, HEADER_LINES_MAX, Host, Message, Nonce, OptionsRequest, ResponseReader,
    SentBy, SipFault, StartLine, TEXT_CHARS_MAX,
};

/// Longest input that is cut at every point; a longer one is cut at this many points.
const CUTS_MAX: usize = 64;

/// Everything a reader gave: messages, and the fault or nothing at the end.
pub type Outcome = (Vec<Message>, Option<SipFault>);

/// The request that the fixtures and the fuzzer's seeds answer.
#[must_use]
pub fn fixed_request() -> OptionsRequest {
    let mut nonce = [0; 32];
    for (n, byte) in (0..).zip(nonce.iter_mut()) {
        *byte = n;
    }
    let host = Host::parse("sbc.example.test")
        .unwrap_or_else(|_| Host::from(std::net::IpAddr::from([192, 0, 2, 1])));
    OptionsRequest::new(
        &host,
        5061,
        &SentBy::from_address(([192, 0, 2, 9], 40000).into()),
        &Nonce::from_bytes(nonce),
    )
}

/// Reads the pieces one after the other, then the end.
pub fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = ResponseReader::new();
    let mut messages = Vec::new();
    for piece in pieces {
        reader.handle_bytes(piece);
        if let Some(fault) = drain(&mut reader, &mut messages) {
            return (messages, Some(fault));
        }
    }
    reader.handle_eof();
    let fault = drain(&mut reader, &mut messages);
    (messages, fault)
}

fn drain(reader: &mut ResponseReader, messages: &mut Vec<Message>) -> Option<SipFault> {
    loop {
        match reader.poll_message() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return None,
            Err(fault) => {
                assert_eq!(reader.poll_message().as_ref(), Err(&fault), "a fault is final");
                return Some(fault);
            }
        }
    }
}

/// The events of an exchange for [`fixed_request`], and the fault or nothing at the end.
#[must_use]
pub fn events(data: &[u8]) -> (Vec<Event>, Option<SipFault>) {
    let mut exchange = Exchange::new(&fixed_request());
    exchange.handle_bytes(data);
    exchange.handle_eof();
    let mut events = Vec::new();
    loop {
        match exchange.poll_event() {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return (events, None),
            Err(fault) => return (events, Some(fault)),
        }
    }
}

/// Asserts for any bytes: nothing panics, any split gives the same, the limits hold, text is safe to show, and a
/// message printed and read again is the same message.
///
/// # Panics
///
/// When the property does not hold.
pub fn check(data: &[u8]) {
    let whole = read([data]);
    assert_eq!(whole, read(data.chunks(1)), "byte by byte");
    let step = data.len().div_ceil(CUTS_MAX).max(1);
    for at in (0..=data.len()).step_by(step) {
        let (first, second) = data.split_at(at);
        assert_eq!(whole, read([first, second]), "cut at {at}");
    }
    let (messages, fault) = &whole;
    let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
    if let Some(fault) = fault {
        assert!(fault.offset <= length, "a fault inside the input");
        assert!(!fault.why.contains(needs_escape), "a fault safe to show");
    }
    let mut before = None;
    for message in messages {
        assert!(
            message.offset < length && before < Some(message.offset),
            "offsets grow"
        );
        before = Some(message.offset);
        assert!(
            message.headers.len() <= HEADER_LINES_MAX && message.body.len() <= BODY_BYTES_MAX,
            "limits"
        );
        let (StartLine::Status {
            reason_phrase: text, ..
        }
        | StartLine::Request { uri: text, .. }) = &message.start;
        let mut texts = message
            .headers
            .iter()
            .flat_map(|h| [&h.name, &h.value])
            .chain([text]);
        assert!(
            !texts.any(|text| text.contains(needs_escape)),
            "text safe to show"
        );
        reread(message);
    }
    if let (events, _) = events(data)
        && let Some(Event::Answer(answer)) = events.iter().find(|e| matches!(e, Event::Answer(_)))
    {
        assert!(matches!(answer.status, 200..=699), "a final status");
        let server = answer.server.iter();
        for text in answer.allow.iter().chain(server).chain([&answer.reason_phrase]) {
            assert!(
                text.chars().count() <= TEXT_CHARS_MAX.saturating_add(1),
                "short text"
            );
        }
    }
}

/// Prints the message in plain form, reads it again and compares, as far as it stays below the limits.
fn reread(message: &Message) {
    let mut printed = match &message.start {
        StartLine::Status {
            status,
            reason_phrase,
        } => format!("SIP/2.0 {status} {reason_phrase}\r\n"),
        StartLine::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
    };
    for header in &message.headers {
        printed.push_str(&format!("{}: {}\r\n", header.name, header.value));
    }
    printed.push_str("\r\n");
    if printed.len() > super::HEAD_BYTES_MAX {
        return;
    }
    let mut printed = printed.into_bytes();
    printed.extend_from_slice(&message.body);
    let (again, _) = read([printed.as_slice()]);
    let again = again.first();
    assert_eq!(
        again.map(|m| &m.start),
        Some(&message.start),
        "the first line of the printed message"
    );
    assert_eq!(
        again.map(|m| &m.headers),
        Some(&message.headers),
        "the headers of the printed message"
    );
    assert_eq!(
        again.map(|m| &m.body),
        Some(&message.body),
        "the body of the printed message"
    );
}
