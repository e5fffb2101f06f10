//! Every hostile peer of the lab, visited for real: always an observation, always a reason of the
//! closed list, never past the deadline.
#![expect(clippy::unwrap_used, reason = "test code may panic")]

use siptls_catalog::{DEFAULT_PROFILE, profile};
use siptls_lab::{
    ANY_PORT, Behaviour, Chain, ClientCertificates, Hostile, Pki, Refusal, SERVER_NAME, Scene, Served,
    ServerConfig, Sip, Twist,
};
use siptls_model::{
    AlertDescription, CheckId, ClientCertificateMode, Depth, Observation, Phase, Reason, Status, Target,
    Verdict, clock,
};
use siptls_policy::Judge;
use siptls_probe_engine::{Errand, Prober, ProberOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_millis(1500);

fn target(depth: Depth) -> Arc<Target> {
    Arc::new(Target {
        depth,
        timeout: TIMEOUT,
        ..Target::new("hostile", SERVER_NAME.parse().unwrap(), DEFAULT_PROFILE)
    })
}

async fn visit(address: SocketAddr, depth: Depth) -> Observation {
    let offer = Arc::clone(&profile(DEFAULT_PROFILE).unwrap().offer);
    Prober::new(ProberOptions::default())
        .visit_address(&Errand::new(target(depth), offer), address)
        .await
}

/// What a routine visit must say; `None`: the visit succeeds all the same.
fn expected(hostile: Hostile) -> Option<Reason> {
    Some(match hostile {
        // The flight has four records, the server's last part two more.
        Hostile::CloseAfter { records: 6 } => Reason::SipClosed,
        Hostile::CloseAfter { .. } => Reason::ConnectionClosed,
        Hostile::ResetAfter { .. } => Reason::ConnectionReset,
        Hostile::Drip { .. } | Hostile::AlertThenSilence | Hostile::Silence => Reason::TlsTimeout,
        Hostile::EndlessCertificate
        | Hostile::HugeMessage
        | Hostile::LongRecord
        | Hostile::ManyAuthorities
        | Hostile::LongChain
        | Hostile::WarningFlood
        | Hostile::HelloRequestFlood => Reason::TlsLimitExceeded,
        Hostile::EmptyRecords | Hostile::LateGarbage => Reason::MalformedTls,
        Hostile::LateFlood(_) | Hostile::Tls13Hello => Reason::ProtocolViolation,
        Hostile::Twisted(Twist::BadSignature) => Reason::BadKeyExchangeSignature,
        Hostile::Twisted(Twist::WrongFinished | Twist::BadMac) => Reason::BadRecord,
        Hostile::Twisted(_) => Reason::ProtocolViolation,
        Hostile::PlainSip => Reason::PlainSip,
        Hostile::PlainHttp => Reason::PlainHttp,
        Hostile::Tls13Only => Reason::HandshakeRefused,
        Hostile::Garbage | Hostile::EndlessGarbage => Reason::NotTls,
        Hostile::Sip(Sip::Request | Sip::Silent) => Reason::SipTimeout,
        Hostile::Sip(Sip::Garbage | Sip::Http) => Reason::NotSip,
        Hostile::Sip(Sip::Closes) => Reason::SipClosed,
        // Ten megabytes of body behind a whole answer, or no length at all: it did answer.
        Hostile::Sip(_) => return None,
    })
}

/// Whether a visit that reads the flight and no more meets the fault at all.
fn shows_in_the_flight(hostile: Hostile) -> bool {
    match hostile {
        Hostile::CloseAfter { records } => records < 4,
        Hostile::Twisted(twist) => matches!(twist, Twist::SuiteNotOffered | Twist::GroupNotOffered),
        Hostile::LateFlood(_) | Hostile::Sip(_) => false,
        _ => true,
    }
}

const fn breaks_the_handshake(reason: Option<Reason>) -> bool {
    matches!(
        reason,
        Some(
            Reason::BadKeyExchangeSignature
                | Reason::BadRecord
                | Reason::ProtocolViolation
                | Reason::MalformedTls
        )
    )
}

#[tokio::test]
async fn every_hostile_peer_is_told_apart_within_the_deadline() {
    let pki = Pki::new(clock::now()).unwrap();
    let scene = Arc::new(Scene::new(&pki));
    let judge = Judge::new(profile(DEFAULT_PROFILE).unwrap(), None, &target(Depth::Routine));
    let mut visits = Vec::new();
    for hostile in Hostile::all() {
        for depth in [Depth::Hello, Depth::Routine] {
            let served = Served::start(ANY_PORT, Behaviour::Hostile(hostile, Arc::clone(&scene)))
                .await
                .unwrap();
            visits.push(tokio::spawn(async move {
                let seen = visit(served.address(), depth).await;
                (hostile, depth, seen, served.accepted())
            }));
        }
    }
    assert_eq!(visits.len(), Hostile::all().len() * 2);
    assert!(visits.len() > 80);
    let mut broken_ones = 0;
    for visit in visits {
        let (hostile, depth, seen, connections) = visit.await.expect("a visit never panics");
        let case = format!("{hostile:?} at depth {depth:?}: {:?}", seen.error);
        let reason = expected(hostile).filter(|_| depth == Depth::Routine || shows_in_the_flight(hostile));
        assert_eq!(seen.error.as_ref().map(|error| error.reason), reason, "{case}");
        assert!(
            seen.duration < TIMEOUT + Duration::from_millis(500),
            "{case} took {:?}",
            seen.duration
        );
        assert_eq!((seen.connections_opened, connections), (1, 1), "{case}");
        assert!(seen.flight.len() <= siptls_wire::MAX_FLIGHT_BYTES, "{case}");
        // What was read stays: a phase that was reached has its facts.
        let handshake = seen.handshake.as_ref();
        if seen.phase_reached >= Some(Phase::ServerHello) {
            assert!(
                handshake.is_some_and(|handshake| handshake.cipher_suite.is_some()),
                "{case}"
            );
        }
        if seen.phase_reached >= Some(Phase::ServerFlight) {
            assert!(
                seen.chain.as_ref().is_some_and(|chain| chain.leaf().is_some()),
                "{case}"
            );
        }
        let judgement = judge
            .judge_visit(std::slice::from_ref(&seen), clock::now())
            .remove(0);
        let verdict = judgement.verdict;
        // A proven breach is a failure; what merely ended or was silent is not.
        let broken = handshake.is_some_and(|handshake| handshake.version.is_some() && !handshake.completed)
            && breaks_the_handshake(reason);
        if handshake.is_none() {
            assert_eq!(verdict, Verdict::Inconclusive, "{case}");
        }
        let judgement = judge
            .judge_visit(std::slice::from_ref(&seen), clock::now())
            .remove(0);
        let status = judgement
            .finding(CheckId::HandshakeCompletes)
            .map(|finding| finding.status);
        assert_eq!(status == Some(Status::Fail), broken, "{case}");
        broken_ones += usize::from(broken);
        assert!(!broken || verdict == Verdict::Fail, "{case}");
    }
    assert!(broken_ones >= 8, "{broken_ones}");
    // Floods of every kind were read side by side: memory is bounded by the limits, not by them.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 256 * 1024, "{peak} KiB at the highest");
}

#[tokio::test]
async fn a_refusal_of_the_empty_certificate_is_seen_at_whatever_moment_it_comes() {
    let pki = Pki::new(clock::now()).unwrap();
    let refusals = [
        Refusal::Alert(AlertDescription::HANDSHAKE_FAILURE), // OpenSSL and what is built on it
        Refusal::Alert(AlertDescription::BAD_CERTIFICATE),   // NSS
        Refusal::Alert(AlertDescription::DECODE_ERROR),      // GnuTLS
        Refusal::Close,
        Refusal::Reset,
        Refusal::Late(AlertDescription::CERTIFICATE_REQUIRED),
        Refusal::Late(AlertDescription::HANDSHAKE_FAILURE),
    ];
    for refusal in refusals {
        let mut config = ServerConfig::new(pki.credentials(Chain::Good));
        config.client_certificates = ClientCertificates::Required(refusal);
        let served = Served::start(ANY_PORT, Behaviour::Tls(Arc::new(config)))
            .await
            .unwrap();
        let seen = visit(served.address(), Depth::Routine).await;
        let request = &seen.handshake.as_ref().unwrap().client_certificate;
        assert_eq!(
            request.mode,
            ClientCertificateMode::Required,
            "{refusal:?}: {request:?} {:?}",
            seen.error
        );
        let reason = seen.error.as_ref().map(|error| error.reason);
        assert_eq!(reason, Some(Reason::ClientCertificateRequired), "{refusal:?}");
    }
    let mut config = ServerConfig::new(pki.credentials(Chain::Good));
    config.client_certificates = ClientCertificates::Optional;
    let served = Served::start(ANY_PORT, Behaviour::Tls(Arc::new(config)))
        .await
        .unwrap();
    let seen = visit(served.address(), Depth::Routine).await;
    assert_eq!(
        seen.handshake.unwrap().client_certificate.mode,
        ClientCertificateMode::Optional
    );
    assert_eq!(seen.error, None);
}
