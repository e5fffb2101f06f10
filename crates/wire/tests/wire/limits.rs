//! What is too much: refused by name, with memory bounded.

use crate::support::{
    alert, certificate, done, ecdhe, key_exchange, message, read, read_each, record, records, rsa,
};
use siptls_wire::fuzzing::{MAX_HELD_BYTES, held_bytes};
use siptls_wire::{
    AlertDescription, AlertLevel, CertificateRequest, ClientCertificateType, ContentType, Error,
    FlightReader, HandshakeReader, LimitExceeded, MAX_CERTIFICATE_AUTHORITIES, MAX_CERTIFICATE_BYTES,
    MAX_CERTIFICATES, MAX_CIPHERTEXT_BYTES, MAX_EXTENSIONS, MAX_FLIGHT_BYTES, MAX_FLIGHT_RECORDS,
    MAX_PLAINTEXT_BYTES, MAX_WARNING_ALERTS, Progress, RecordReader, SignatureScheme, write_certificates,
};

#[track_caller]
fn limit(end: Result<Progress, Error>, what: &str, found: usize, limit: usize) {
    match end {
        Err(Error::Limit(exceeded)) => assert_eq!(
            (exceeded.what, exceeded.found, exceeded.limit),
            (what, found, limit)
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_certificate_more_than_the_limit_is_refused() {
    let (reader, end) = read_each(&[rsa(), write_certificates(&[[1]; MAX_CERTIFICATES]), done()]);
    assert_eq!(end, Ok(Progress::Done));
    assert_eq!(reader.transcript().certificates.as_ref().unwrap().len(), 20);
    let (reader, end) = read_each(&[rsa(), write_certificates(&[[1]; MAX_CERTIFICATES + 1]), done()]);
    limit(end, "certificates", 21, 20);
    assert!(reader.transcript().server_hello.is_some());
}

#[test]
fn one_byte_of_a_certificate_more_than_the_limit_is_refused() {
    let (_, end) = read_each(&[
        rsa(),
        write_certificates(&[vec![1; MAX_CERTIFICATE_BYTES]]),
        done(),
    ]);
    assert_eq!(end, Ok(Progress::Done));
    let (_, end) = read_each(&[
        rsa(),
        write_certificates(&[vec![1; MAX_CERTIFICATE_BYTES + 1]]),
        done(),
    ]);
    limit(end, "bytes of one certificate", 65_537, 65_536);
}

#[test]
fn one_name_more_than_the_limit_is_refused() {
    let with = |count| {
        CertificateRequest {
            certificate_types: vec![ClientCertificateType::RSA_SIGN],
            signature_algorithms: vec![SignatureScheme::RSA_PKCS1_SHA256],
            authorities: vec![vec![0x30, 0]; count],
        }
        .encode()
    };
    let (_, end) = read_each(&[rsa(), certificate(), with(MAX_CERTIFICATE_AUTHORITIES), done()]);
    assert_eq!(end, Ok(Progress::Done));
    let (reader, end) = read_each(&[
        rsa(),
        certificate(),
        with(MAX_CERTIFICATE_AUTHORITIES + 1),
        done(),
    ]);
    limit(end, "CA names", 1001, 1000);
    assert!(reader.transcript().certificates.is_some());
}

#[test]
fn one_extension_more_than_the_limit_is_refused() {
    let with = |count: usize| {
        let list: Vec<u8> = (0..count).flat_map(|kind| [0x40, kind as u8, 0, 0]).collect();
        let mut body = [&[3, 3][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
        body.extend_from_slice(&(list.len() as u16).to_be_bytes());
        body.extend_from_slice(&list);
        message(2, &body)
    };
    let (reader, end) = read_each(&[with(MAX_EXTENSIONS)]);
    assert_eq!(end, Ok(Progress::NeedMore));
    assert_eq!(
        reader
            .transcript()
            .server_hello
            .as_ref()
            .unwrap()
            .extensions
            .len(),
        100
    );
    limit(read_each(&[with(MAX_EXTENSIONS + 1)]).1, "extensions", 101, 100);
}

#[test]
fn a_record_one_byte_too_long_is_refused_by_its_header() {
    let whole = record(ContentType::HANDSHAKE, &vec![0; MAX_PLAINTEXT_BYTES]);
    assert_eq!(read(&whole).1, Ok(Progress::NeedMore), "4,096 HelloRequests");
    limit(
        read(&[22, 3, 3, 0x40, 1]).1,
        "bytes of one record",
        16_385,
        16_384,
    );

    let mut reader = RecordReader::new();
    reader.expect_protected();
    reader.push(&record(
        ContentType::APPLICATION_DATA,
        &vec![0; MAX_CIPHERTEXT_BYTES],
    ));
    assert_eq!(
        reader.next_record().unwrap().unwrap().payload.len(),
        MAX_CIPHERTEXT_BYTES
    );
    reader.push(&[23, 3, 3, 0x48, 1]);
    let expected = LimitExceeded {
        what: "bytes of one record",
        found: 18_433,
        limit: 18_432,
    };
    assert_eq!(reader.next_record(), Err(Error::Limit(expected)));
}

#[test]
fn a_handshake_message_of_16_mib_is_refused_by_its_header() {
    let (reader, end) = read(&records(&[&rsa()[..], &[11, 0xff, 0xff, 0xff]].concat()));
    limit(end, "bytes of one handshake message", 16_777_215, 131_072);
    assert!(reader.transcript().server_hello.is_some());
    let mut reader = HandshakeReader::new();
    reader.push(&[11, 2, 0, 0]);
    assert_eq!(reader.next_message(), Ok(None), "the limit itself");
    reader.push(&[]);
    let mut reader = HandshakeReader::new();
    reader.push(&[11, 2, 0, 1]);
    assert!(reader.next_message().is_err());
}

#[test]
fn one_warning_more_than_the_limit_is_refused() {
    let warning = alert(AlertLevel::WARNING, AlertDescription::UNRECOGNIZED_NAME);
    let (reader, end) = read(&warning.repeat(MAX_WARNING_ALERTS));
    assert_eq!(end, Ok(Progress::NeedMore));
    assert_eq!(reader.transcript().alerts.len(), 8);
    limit(
        read(&warning.repeat(MAX_WARNING_ALERTS + 1)).1,
        "warning alerts",
        9,
        8,
    );
    let (reader, end) = read(&record(ContentType::ALERT, &[1, 112].repeat(8000)));
    limit(end, "warning alerts", 9, 8);
    assert_eq!(reader.transcript().alerts.len(), 9);
}

/// Pushes the same bytes until the reader ends, or panics when it takes more than a flight.
fn flood(bytes: &[u8], before: &[u8]) -> (FlightReader, Result<Progress, Error>) {
    let mut reader = FlightReader::new();
    let mut end = reader.read(before);
    let mut most = 0;
    let mut fed = 0;
    while end == Ok(Progress::NeedMore) {
        end = reader.read(bytes);
        fed += bytes.len();
        most = most.max(held_bytes(&reader));
        assert!(fed <= 2 * MAX_FLIGHT_BYTES, "the flood was read on");
    }
    assert!(most <= MAX_HELD_BYTES, "{most} bytes held");
    // Whoever goes on pushing costs nothing more.
    for _ in 0..1000 {
        assert_eq!(reader.read(&[0; 1000]), end);
    }
    assert!(held_bytes(&reader) <= most.max(MAX_PLAINTEXT_BYTES));
    (reader, end)
}

#[test]
fn floods_end_with_memory_bounded() {
    // One message that never ends, in the largest and in the smallest records.
    let begin = records(&[&rsa()[..], &[11, 1, 0xff, 0xff]].concat());
    let (_, end) = flood(&record(ContentType::HANDSHAKE, &[0x30; 16_000]), &begin);
    assert!(matches!(
        end,
        Err(Error::Limit(LimitExceeded {
            what: "bytes of the server's flight",
            ..
        }))
    ));
    let (reader, end) = flood(&record(ContentType::HANDSHAKE, &[0x30]), &begin);
    limit(
        end,
        "records of the server's flight",
        MAX_FLIGHT_RECORDS + 1,
        MAX_FLIGHT_RECORDS,
    );
    assert!(reader.transcript().server_hello.is_some());

    // HelloRequests, alone and by the thousand.
    let (reader, end) = flood(&records(&message(0, &[])), &[]);
    limit(
        end,
        "records of the server's flight",
        MAX_FLIGHT_RECORDS + 1,
        MAX_FLIGHT_RECORDS,
    );
    assert!(reader.messages().is_empty());
    let (_, end) = flood(&records(&message(0, &[]).repeat(4000)), &[]);
    assert!(matches!(
        end,
        Err(Error::Limit(LimitExceeded {
            what: "bytes of the server's flight",
            ..
        }))
    ));

    // Half alerts that never become one are whole ones.
    let (_, end) = flood(&record(ContentType::ALERT, &[1]), &[]);
    limit(end, "warning alerts", 9, 8);
    // Empty records.
    let (_, end) = flood(&[22, 3, 3, 0, 0], &[]);
    assert!(matches!(end, Err(Error::Malformed(_))));
    // What is no TLS at all.
    let (_, end) = flood(b"SIP/2.0 100 Trying\r\n", &[]);
    assert!(matches!(end, Err(Error::NotTls { .. })));
}

#[test]
fn a_record_that_never_ends_holds_one_record_at_most() {
    // Byte by byte up to one byte before the end: nothing but the record is held.
    let whole = record(ContentType::HANDSHAKE, &vec![0x30; MAX_PLAINTEXT_BYTES]);
    let mut reader = RecordReader::new();
    for byte in &whole[..whole.len() - 1] {
        reader.push(&[*byte]);
        assert_eq!(reader.next_record(), Ok(None));
    }
    assert_eq!(reader.pending().len(), MAX_PLAINTEXT_BYTES + 4);
    reader.push(&whole[whole.len() - 1..]);
    assert!(reader.next_record().unwrap().is_some());
    assert!(reader.pending().is_empty());
    assert_eq!(reader.offset(), whole.len() as u64);
}

#[test]
fn the_largest_flight_is_read() {
    let large = write_certificates(&[vec![1; MAX_CERTIFICATE_BYTES], vec![2; 60_000]]);
    let (reader, end) = read(&records(&[ecdhe(), large, key_exchange(), done()].concat()));
    assert_eq!(end, Ok(Progress::Done));
    assert!(reader.raw().len() > 120_000);
    assert!(held_bytes(&reader) <= MAX_HELD_BYTES + 2 * reader.raw().len());
}
