//! The probing client against every hostile script: it always comes to an end, says what it saw and
//! holds no more than its limits.

use crate::support::{byoc, client, pki};
use siptls_lab::{ANY_PORT, Behaviour, Flood, Hostile, Scene, Served, Sip, Twist};
use siptls_tls12::{Client, Event, Failure, Stage, Violation};
use siptls_wire::{Error, MAX_FLIGHT_BYTES};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Most bytes of an answer that this driver wants to see; the reader of SIP answers has its own.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// How a visit ended.
#[derive(Debug)]
struct Outcome {
    /// The last event; `None`: the deadline came first.
    end: Option<Event>,
    finished: bool,
    answer: Vec<u8>,
    stage: Stage,
}

/// Drives a client: handshake, OPTIONS, whatever comes back.
async fn visit<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, deadline: Duration) -> Outcome {
    let mut client = client(byoc(), None);
    let mut outcome = Outcome {
        end: None,
        finished: false,
        answer: Vec::new(),
        stage: Stage::Flight,
    };
    // An elapsed deadline is one of the outcomes.
    let _ = timeout(deadline, drive(&mut client, stream, &mut outcome)).await;
    assert!(
        client.evidence().len() <= MAX_FLIGHT_BYTES + 40_000,
        "{} bytes of evidence",
        client.evidence().len()
    );
    assert!(
        client.pending().len() <= 40_000,
        "{} bytes pending",
        client.pending().len()
    );
    outcome.stage = client.stage();
    outcome
}

async fn drive<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client,
    stream: &mut S,
    outcome: &mut Outcome,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let output = client.take_output();
        // A peer that is gone shows when reading.
        let _ = stream.write_all(&output).await;
        while let Some(event) = client.poll_event() {
            match event {
                Event::FlightRead => {}
                Event::Finished => {
                    outcome.finished = true;
                    client.send(
                        b"OPTIONS sips:sbc.example.test SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\n\
                        From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\
                        Content-Length: 0\r\n\r\n",
                    );
                }
                Event::Data(data) => outcome.answer.extend(data),
                end => {
                    outcome.end = Some(end);
                    let output = client.take_output();
                    let _ = stream.write_all(&output).await;
                    return;
                }
            }
        }
        let enough = match outcome.answer.get(..4) {
            None => false,
            Some(b"SIP/") => outcome.answer.len() > MAX_ANSWER_BYTES || outcome.answer.ends_with(b"\r\n"),
            Some(_) => true,
        };
        if enough {
            return client.close();
        }
        let output = client.take_output();
        let _ = stream.write_all(&output).await;
        match stream.read(&mut buffer).await {
            Ok(0) => client.handle_end(false),
            Ok(count) => client.handle_input(&buffer[..count]),
            Err(_) => client.handle_end(true),
        }
    }
}

fn failed(outcome: &Outcome) -> Option<&Failure> {
    match &outcome.end {
        Some(Event::Failed(failure)) => Some(failure),
        _ => None,
    }
}

fn is_limit(outcome: &Outcome) -> bool {
    matches!(failed(outcome), Some(Failure::Wire(Error::Limit(_))))
}

fn is_flood(outcome: &Outcome) -> bool {
    matches!(failed(outcome), Some(Failure::Violation(Violation::Flood { .. })))
}

/// Whether an outcome is what the script must lead to.
fn is_expected(hostile: Hostile, outcome: &Outcome) -> bool {
    let failure = failed(outcome);
    match hostile {
        Hostile::CloseAfter { records: 6 } => {
            outcome.end
                == Some(Event::Closed {
                    notified: false,
                    reset: false,
                })
                && outcome.finished
        }
        Hostile::CloseAfter { .. } => failure == Some(&Failure::Ended { reset: false }),
        Hostile::ResetAfter { .. } => failure == Some(&Failure::Ended { reset: true }),
        Hostile::EndlessCertificate
        | Hostile::HugeMessage
        | Hostile::LongRecord
        | Hostile::ManyAuthorities
        | Hostile::LongChain
        | Hostile::WarningFlood
        | Hostile::HelloRequestFlood => is_limit(outcome),
        Hostile::EmptyRecords | Hostile::LateGarbage => {
            matches!(failure, Some(Failure::Wire(Error::Malformed(_))))
        }
        Hostile::LateFlood(_) => outcome.finished && is_flood(outcome),
        Hostile::Twisted(Twist::RequestAfterFinished | Twist::Renegotiation) => {
            outcome.finished && failure.is_some()
        }
        Hostile::Twisted(_) => !outcome.finished && failure.is_some(),
        Hostile::PlainSip | Hostile::PlainHttp | Hostile::Garbage | Hostile::EndlessGarbage => {
            matches!(failure, Some(Failure::Wire(Error::NotTls { .. })))
        }
        Hostile::Tls13Only => matches!(failure, Some(Failure::Alert(alert)) if alert.description.0 == 70),
        Hostile::Tls13Hello => matches!(failure, Some(Failure::Violation(Violation::Version(_)))),
        Hostile::AlertThenSilence | Hostile::Silence => {
            outcome.end.is_none() && outcome.stage == Stage::Flight
        }
        Hostile::Drip { .. } => outcome.finished && outcome.answer.ends_with(b"\r\n\r\n"),
        Hostile::Sip(Sip::Silent) => outcome.finished && outcome.end.is_none() && outcome.answer.is_empty(),
        Hostile::Sip(Sip::Flood { .. }) => outcome.finished && outcome.answer.len() > MAX_ANSWER_BYTES,
        Hostile::Sip(Sip::Http) => outcome.finished && outcome.answer.starts_with(b"HTTP/1.1 400 "),
        Hostile::Sip(Sip::Request) => outcome.finished && outcome.answer.starts_with(b"OPTIONS "),
        Hostile::Sip(Sip::Closes) => {
            outcome.answer.is_empty()
                && outcome.end
                    == Some(Event::Closed {
                        notified: true,
                        reset: false,
                    })
        }
        Hostile::Sip(_) => outcome.finished && !outcome.answer.is_empty(),
    }
}

/// Over real sockets: resets are resets.
#[tokio::test]
async fn every_script_comes_to_its_end() {
    let scene = Arc::new(Scene::new(&pki()));
    let scripts = Hostile::all();
    assert_eq!(scripts.len(), 49);
    let mut wrong = Vec::new();
    for hostile in scripts {
        if is_slow(hostile) {
            continue;
        }
        let served = Served::start(ANY_PORT, Behaviour::Hostile(hostile, Arc::clone(&scene)))
            .await
            .unwrap();
        let mut stream = TcpStream::connect(served.address()).await.unwrap();
        let outcome = visit(&mut stream, Duration::from_secs(20)).await;
        if !is_expected(hostile, &outcome) {
            let text = format!("{hostile}: {outcome:?}");
            wrong.push(text.chars().take(400).collect::<String>());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// In memory, where the clock jumps whenever both sides wait.
#[tokio::test(start_paused = true)]
async fn a_slow_peer_costs_the_deadline_and_no_more() {
    let scene = Scene::new(&pki());
    let slow: Vec<_> = Hostile::all()
        .into_iter()
        .filter(|hostile| is_slow(*hostile))
        .collect();
    assert_eq!(slow.len(), 4);
    for hostile in slow {
        let outcome = visit_in_memory(hostile, &scene, Duration::from_secs(100_000)).await;
        assert!(is_expected(hostile, &outcome), "{hostile}: {outcome:?}");
    }
    let drip = Hostile::Drip {
        pause: Duration::from_secs(1),
    };
    let outcome = visit_in_memory(drip, &scene, Duration::from_secs(10)).await;
    assert!(outcome.end.is_none() && !outcome.finished, "{outcome:?}");
    let flood = Hostile::LateFlood(Flood::EmptyRecords);
    let outcome = visit_in_memory(flood, &scene, Duration::from_secs(10)).await;
    assert!(is_expected(flood, &outcome), "{outcome:?}");
}

async fn visit_in_memory(hostile: Hostile, scene: &Scene, deadline: Duration) -> Outcome {
    let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
    let start = tokio::time::Instant::now();
    let outcome = tokio::select! {
        outcome = visit(&mut ours, deadline) => outcome,
        ended = hostile.perform(scene, &mut theirs) => panic!("{hostile}: the peer ended first: {ended:?}"),
    };
    assert!(start.elapsed() <= deadline + Duration::from_secs(1), "{hostile}");
    outcome
}

/// Scripts that end by the client's deadline or take very long; they are played where time is not
/// real.
fn is_slow(hostile: Hostile) -> bool {
    matches!(
        hostile,
        Hostile::Drip { .. } | Hostile::Silence | Hostile::AlertThenSilence | Hostile::Sip(Sip::Silent)
    )
}
