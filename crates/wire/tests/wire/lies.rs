//! Lengths that lie: each length field of each message of each recorded flight, one more, one
//! less, the greatest there is.

use crate::support::{Fixture, alert, fixtures, handshake_bytes, messages, read, record_spans, records};
use siptls_wire::fuzzing::{Outcome, read_in_pieces};
use siptls_wire::{
    AlertDescription, AlertLevel, Error, Fault, HandshakeType, LimitExceeded, Malformed, Progress,
    ProtocolVersion, ServerKeyExchange, Transcript, Within,
};

/// A length field: where it stands in a message, and how wide it is.
#[derive(Clone, Copy)]
struct Length {
    at: usize,
    width: usize,
}

impl Length {
    fn value(self, bytes: &[u8]) -> usize {
        bytes[self.at..self.at + self.width]
            .iter()
            .fold(0, |value, byte| value << 8 | usize::from(*byte))
    }

    fn end(self, bytes: &[u8]) -> usize {
        self.at + self.width + self.value(bytes)
    }

    /// One more, one less, the greatest.
    fn lies(self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let (value, most) = (self.value(bytes), (1 << (8 * self.width)) - 1);
        let mut lies = vec![value + 1, most];
        lies.extend(value.checked_sub(1));
        lies.retain(|lie| *lie <= most && *lie != value);
        lies.into_iter()
            .map(|lie| {
                let mut bytes = bytes.to_vec();
                bytes[self.at..self.at + self.width].copy_from_slice(&lie.to_be_bytes()[8 - self.width..]);
                bytes
            })
            .collect()
    }
}

/// The inner length fields of a message of a server's flight, found by walking it as the RFCs draw it.
fn inner_lengths(message: &[u8], transcript: &Transcript) -> Vec<Length> {
    let hello = transcript.server_hello.as_ref().unwrap();
    let tls12 = hello.version() >= ProtocolVersion::TLS_1_2;
    let mut lengths = Vec::new();
    let mut at = 4;
    let mut vector = |at: &mut usize, width: usize| {
        let length = Length { at: *at, width };
        lengths.push(length);
        *at = length.end(message);
        length
    };
    match HandshakeType(message[0]) {
        HandshakeType::SERVER_HELLO => {
            at += 34;
            vector(&mut at, 1);
            at += 3;
            let mut inside = at + 2;
            let end = vector(&mut at, 2).end(message);
            while inside < end {
                let kind = u16::from_be_bytes([message[inside], message[inside + 1]]);
                inside += 2;
                let mut data = inside + 2;
                vector(&mut inside, 2);
                // renegotiation_info and ec_point_formats are vectors themselves.
                if kind == 0xff01 || kind == 11 {
                    vector(&mut data, 1);
                }
            }
        }
        HandshakeType::CERTIFICATE => {
            let mut inside = at + 3;
            let end = vector(&mut at, 3).end(message);
            while inside < end {
                vector(&mut inside, 3);
            }
        }
        HandshakeType::CERTIFICATE_STATUS => {
            at += 1;
            vector(&mut at, 3);
        }
        HandshakeType::SERVER_KEY_EXCHANGE => {
            if matches!(transcript.server_key_exchange, Some(ServerKeyExchange::Ecdhe(_))) {
                at += 3;
                vector(&mut at, 1);
                at += if tls12 { 2 } else { 0 };
                vector(&mut at, 2);
            } else {
                at = message.len();
            }
        }
        HandshakeType::CERTIFICATE_REQUEST => {
            vector(&mut at, 1);
            if tls12 {
                vector(&mut at, 2);
            }
            let mut inside = at + 2;
            let end = vector(&mut at, 2).end(message);
            while inside < end {
                vector(&mut inside, 2);
            }
        }
        HandshakeType::SERVER_HELLO_DONE => {}
        other => panic!("{other}"),
    }
    assert_eq!(at, message.len(), "the walk ends where the message ends");
    lengths
}

/// A fixture that ends with ServerHelloDone or with a ServerHello of TLS 1.3, in messages.
fn flights() -> Vec<(Fixture, Outcome, Vec<Vec<u8>>)> {
    let flights: Vec<_> = fixtures()
        .into_iter()
        .filter_map(|fixture| {
            let outcome = read_in_pieces([fixture.bytes.as_slice()]);
            let messages = messages(&handshake_bytes(&fixture.bytes));
            (!messages.is_empty()).then_some((fixture, outcome, messages))
        })
        .collect();
    assert_eq!(flights.len(), 24);
    flights
}

#[test]
fn a_lying_inner_length_is_malformed_inside_its_message_and_keeps_what_came_before() {
    let mut lies = 0;
    for (fixture, whole, messages) in flights() {
        for (index, message) in messages.iter().enumerate() {
            let before = messages[..index].concat();
            let kept = read_in_pieces([records(&before).as_slice()]);
            for length in inner_lengths(message, &whole.transcript) {
                for lying in length.lies(message) {
                    let name = format!("{}: message {index}, byte {}", fixture.name, length.at);
                    let bytes = records(&[&before, &lying, &messages[index + 1..].concat()[..]].concat());
                    let outcome = read_in_pieces([bytes.as_slice()]);
                    let Err(Error::Malformed(Malformed { within, offset, .. })) = outcome.end else {
                        panic!("{name}: {:?}", outcome.end);
                    };
                    assert_eq!(within, Within::Message(HandshakeType(message[0])), "{name}");
                    assert!(offset as usize <= message.len() - 4, "{name}: offset {offset}");
                    assert_eq!(outcome.transcript, kept.transcript, "{name}");
                    assert_eq!(outcome.messages, before, "{name}");
                    lies += 1;
                }
            }
        }
    }
    assert!(lies > 1000, "{lies} lies");
}

#[test]
fn a_lying_message_length_never_completes_the_flight() {
    for (fixture, whole, messages) in flights() {
        for (index, message) in messages.iter().enumerate() {
            let before = messages[..index].concat();
            let behind = messages[index + 1..].concat();
            let length = Length { at: 1, width: 3 };
            for lying in length.lies(message) {
                let said = length.value(&lying);
                let name = format!(
                    "{}: message {index} of {} says {said}",
                    fixture.name,
                    message.len() - 4
                );
                let outcome = read_in_pieces([records(&[&before, &lying, &behind[..]].concat()).as_slice()]);
                let kind = HandshakeType(message[0]);
                let uninterpreted =
                    kind == HandshakeType::SERVER_KEY_EXCHANGE && whole.transcript.group().is_none();
                let last = behind.is_empty();
                match &outcome.end {
                    Err(Error::Limit(LimitExceeded { found, .. })) => {
                        assert!(uninterpreted || *found == said, "{name}")
                    }
                    Err(Error::Malformed(malformed)) => {
                        assert!(
                            uninterpreted || malformed.within == Within::Message(kind),
                            "{name}: {malformed}"
                        );
                    }
                    // Nothing inside tells where an uninterpreted body ends.
                    Err(Error::Unexpected { .. }) => assert!(uninterpreted, "{name}"),
                    Ok(Progress::NeedMore) => assert!(last || uninterpreted, "{name}"),
                    other => panic!("{name}: {other:?}"),
                }
                assert!(!outcome.transcript.done, "{name}");
                assert!(outcome.messages.starts_with(&before), "{name}");
            }
        }
    }
}

#[test]
fn a_lying_record_length_keeps_what_came_before() {
    let mut lies = 0;
    for fixture in fixtures() {
        for (at, _) in record_spans(&fixture.bytes) {
            let (kept, end) = read(&fixture.bytes[..at]);
            if end != Ok(Progress::NeedMore) {
                continue;
            }
            let length = Length { at: at + 3, width: 2 };
            for lying in length.lies(&fixture.bytes) {
                let name = format!("{}: record at {at} says {}", fixture.name, length.value(&lying));
                let outcome = read_in_pieces([lying.as_slice()]);
                match &outcome.end {
                    Err(Error::Limit(limit)) => assert_eq!(limit.found, length.value(&lying), "{name}"),
                    Err(Error::Malformed(Malformed {
                        within: Within::Record,
                        offset,
                        ..
                    })) => {
                        let next = length.end(&lying) as u64;
                        assert!(
                            (next..next + 4).contains(offset),
                            "{name}: offset {offset}, next record {next}"
                        );
                    }
                    // The byte too many is the beginning of a message, or the last message lost one.
                    Ok(Progress::NeedMore) | Err(Error::Malformed(_) | Error::Unexpected { .. }) => {}
                    // The byte too many stands behind a fatal alert.
                    Ok(Progress::Alert(_)) => panic!("{name}: an alert of one or three bytes"),
                    other => panic!("{name}: {other:?}"),
                }
                assert!(outcome.raw.starts_with(kept.raw()), "{name}");
                assert!(outcome.messages.starts_with(kept.messages()), "{name}");
                assert!(!outcome.transcript.done, "{name}");
                lies += 1;
            }
        }
    }
    assert!(lies > 200, "{lies} lies");
}

#[test]
fn an_alert_of_the_wrong_length_is_told_from_a_whole_one() {
    let mut bytes = alert(AlertLevel::FATAL, AlertDescription::HANDSHAKE_FAILURE);
    bytes[4] = 0;
    let (reader, end) = read(&bytes);
    let fault = Fault::Length {
        field: "fragment",
        found: 0,
        expected: "at least 1",
    };
    assert_eq!(
        end,
        Err(Malformed {
            within: Within::Record,
            offset: 3,
            fault
        }
        .into())
    );
    assert!(reader.transcript().alerts.is_empty());
}
