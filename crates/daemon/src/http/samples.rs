//! Observations for tests of the page, from flights that real servers sent.

use siptls_cert::{Chain, Name};
use siptls_model::{
    Authority, ClientCertificate, ClientCertificateMode, Handshake, Observation, Phase, PhaseDurations,
    ProbeError, Reason, SipAnswer, SipOutcome, Target, Timestamp,
};
use siptls_wire::{
    CertificateRequest, ClientCertificateType, ExtensionType, FlightReader, ProtocolVersion, RecordReader,
    SignatureScheme, Transcript, write_handshake,
};
use std::sync::Arc;
use std::time::Duration;

const STAPLE: &[u8] = include_bytes!("../../../wire/tests/fixtures/openssl-staple-request.bin");
const REFUSED: &[u8] = include_bytes!("../../../wire/tests/fixtures/openssl-handshake-failure.bin");
const SMALL: &[u8] = include_bytes!("../../../wire/tests/fixtures/openssl-small-records.bin");

/// What a visit knows once this flight came.
pub(crate) fn of(flight: &[u8]) -> Observation {
    let profile = siptls_catalog::profile(siptls_catalog::DEFAULT_PROFILE).unwrap();
    let target = Arc::new(Target::new(
        "sbc",
        "sbc.example.test".parse().unwrap(),
        siptls_catalog::DEFAULT_PROFILE,
    ));
    let mut hello = Vec::new();
    let message = profile
        .offer
        .client_hello([7; 32], Some("sbc.example.test"))
        .encode();
    write_handshake(&mut hello, ProtocolVersion::TLS_1_0, &message);
    let mut reader = FlightReader::new();
    let _ = reader.read(flight);
    let transcript = reader.transcript();
    let chain = transcript
        .certificates
        .as_ref()
        .map(|certificates| Arc::new(Chain::parse(certificates.iter().map(Vec::as_slice))));
    let reached = match transcript {
        Transcript { done: true, .. } => Phase::ServerFlight,
        Transcript {
            server_hello: Some(_),
            ..
        } => Phase::ServerHello,
        _ => Phase::Connect,
    };
    Observation {
        connections_opened: 1,
        phase_reached: Some(reached),
        phases: PhaseDurations {
            resolve: Some(Duration::from_micros(1_250)),
            connect: Some(Duration::from_micros(3_400)),
            tls: Some(Duration::from_micros(12_340)),
            sip: None,
        },
        offer: Some(Arc::clone(&profile.offer)),
        hello: hello.into(),
        handshake: handshake(transcript),
        chain,
        flight: reader.raw().into(),
        ..Observation::blank(
            &target,
            Some("192.0.2.1:5061".parse().unwrap()),
            Timestamp::from_second(1_800_000_000).unwrap(),
        )
    }
}

fn handshake(transcript: &Transcript) -> Option<Handshake> {
    let hello = transcript.server_hello.as_ref();
    if hello.is_none() && transcript.alerts.is_empty() {
        return None;
    }
    let request = transcript.certificate_request.as_ref();
    let authorities = request.map(|request| request.authorities.iter().map(|der| authority(der)).collect());
    Some(Handshake {
        version: hello.map(|hello| hello.version()),
        cipher_suite: hello.map(|hello| hello.cipher_suite),
        group: transcript.group(),
        key_exchange_signature: transcript.key_exchange_signature(),
        completed: false,
        alert: transcript.fatal_alert().map(|alert| alert.description),
        extended_master_secret: hello
            .map(|hello| hello.extension(ExtensionType::EXTENDED_MASTER_SECRET).is_some()),
        secure_renegotiation: hello.map(|hello| hello.extension(ExtensionType::RENEGOTIATION_INFO).is_some()),
        ocsp_stapled: transcript.certificate_status.is_some(),
        client_certificate: ClientCertificate {
            requested: request.map(|_| true),
            certificate_types: request
                .map(|request| request.certificate_types.clone())
                .unwrap_or_default(),
            authorities: authorities.unwrap_or_default(),
            ..ClientCertificate::unknown()
        },
    })
}

fn authority(der: &[u8]) -> Authority {
    let name = Name::from_der(der).ok();
    Authority {
        name: name
            .as_ref()
            .map_or_else(|| "no name".to_owned(), |name| name.text().to_owned()),
        subject_hash: name.map(|name| name.hash_hex()),
    }
}

/// A finished handshake of a server that asks for a client certificate and goes on without one.
pub(crate) fn optional() -> Observation {
    let mut observation = of(STAPLE);
    let handshake = observation.handshake.as_mut().unwrap();
    handshake.completed = true;
    handshake.client_certificate.mode = ClientCertificateMode::Optional;
    observation.answered = true;
    observation.phase_reached = Some(Phase::Sip);
    observation.phases.sip = Some(Duration::from_micros(4_560));
    observation.sip = SipOutcome::Answered(SipAnswer {
        status: 200,
        reason_phrase: "OK".to_owned(),
        server: Some("kamailio (5.6.3)".to_owned()),
        allow: vec!["INVITE".to_owned(), "OPTIONS".to_owned()],
        duration: Duration::from_micros(4_560),
    });
    observation
}

/// A server that refuses the offer.
pub(crate) fn refused() -> Observation {
    stopped(
        of(REFUSED),
        Phase::ServerHello,
        Reason::HandshakeRefused,
        "the peer refused with handshake_failure",
    )
}

/// A server that accepts the connection and says nothing.
pub(crate) fn silent() -> Observation {
    stopped(
        of(&[]),
        Phase::ServerHello,
        Reason::TlsTimeout,
        "the peer sent nothing for 5.0 s",
    )
}

/// A server that falls silent within its certificates.
pub(crate) fn cut() -> Observation {
    let message = "the peer had not sent the whole of its flight after 5.0 s";
    stopped(
        of(&SMALL[..1_104]),
        Phase::ServerFlight,
        Reason::TlsTimeout,
        message,
    )
}

/// A server that wants so many authorities, the first of them with markup for a name.
pub(crate) fn names(count: usize) -> Observation {
    let mut reader = FlightReader::new();
    let _ = reader.read(STAPLE);
    let hello = reader.transcript().server_hello.clone().unwrap().encode();
    let certificates = siptls_wire::write_certificates(reader.transcript().certificates.as_ref().unwrap());
    let request = CertificateRequest {
        certificate_types: vec![ClientCertificateType::RSA_SIGN],
        signature_algorithms: vec![SignatureScheme::RSA_PKCS1_SHA256],
        authorities: (0..count)
            .map(|index| match index {
                0 => name("<script>alert('x')</script>"),
                _ => name(&format!("Authority {index} of a very long list & <b>more</b>")),
            })
            .collect(),
    };
    let siptls_wire::ServerKeyExchange::Ecdhe(exchange) =
        reader.transcript().server_key_exchange.clone().unwrap()
    else {
        panic!("the fixture is ECDHE");
    };
    let messages = [
        hello,
        certificates,
        exchange.encode(),
        request.encode(),
        vec![14, 0, 0, 0],
    ]
    .concat();
    let mut flight = Vec::new();
    for piece in messages.chunks(siptls_wire::MAX_PLAINTEXT_BYTES) {
        write_handshake(&mut flight, ProtocolVersion::TLS_1_2, piece);
    }
    let message = "the peer closed the connection after an empty certificate";
    let mut observation = stopped(
        of(&flight),
        Phase::Handshake,
        Reason::ClientCertificateRequired,
        message,
    );
    observation.answered = true;
    observation
}

/// `CN=text` as DER.
pub(crate) fn name(text: &str) -> Vec<u8> {
    let wrap = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
    let attribute = [wrap(6, &[0x55, 4, 3]), wrap(12, text.as_bytes())].concat();
    wrap(0x30, &wrap(0x31, &wrap(0x30, &attribute)))
}

fn stopped(mut observation: Observation, phase: Phase, reason: Reason, message: &str) -> Observation {
    observation.error = Some(ProbeError {
        phase,
        reason,
        message: message.to_owned(),
    });
    observation
}

/// The handshake messages of a flight in records of so many bytes.
pub(crate) fn in_records(flight: &[u8], size: usize) -> Vec<u8> {
    let mut records = RecordReader::new();
    records.push(flight);
    let mut payload = Vec::new();
    while let Ok(Some(record)) = records.next_record() {
        payload.extend_from_slice(record.payload);
    }
    let mut out = Vec::new();
    for piece in payload.chunks(size) {
        write_handshake(&mut out, ProtocolVersion::TLS_1_2, piece);
    }
    out
}
