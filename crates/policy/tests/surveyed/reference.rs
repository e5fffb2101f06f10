//! The reference client beside our own facts.

use super::*;
use crate::common;
use rcgen::ExtendedKeyUsagePurpose::{Any, ClientAuth};
use siptls_model::{ClientCertificateMode, ReferenceResult};

const CLIENT: &str = "rustls 0.0.0";

/// A client that met what this visit met, and connected.
fn connected(seen: &Observation) -> ReferenceResult {
    ReferenceResult {
        ran: true,
        why_not: None,
        connects: Some(true),
        version: Some(ProtocolVersion::TLS_1_2),
        cipher_suite: Some(GOOD),
        group: Some(NamedGroup::SECP384R1),
        verified: Some(true),
        finished: Some(true),
        offered: vec![GOOD],
        chain_id: seen.chain.as_ref().map(|chain| chain.id()),
        mode: seen.handshake.as_ref().unwrap().client_certificate.mode,
        ..ReferenceResult::not_run(CLIENT, "", seen.started_at)
    }
}

/// One that finished the handshake and did not trust the certificate.
fn distrusting(seen: &Observation) -> ReferenceResult {
    ReferenceResult {
        connects: Some(false),
        verified: Some(false),
        error: Some("invalid peer certificate: Because".to_owned()),
        ..connected(seen)
    }
}

/// One that did not finish the handshake.
fn failed(seen: &Observation) -> ReferenceResult {
    ReferenceResult {
        connects: Some(false),
        finished: Some(false),
        version: None,
        cipher_suite: None,
        group: None,
        error: Some("received fatal alert: HandshakeFailure".to_owned()),
        ..connected(seen)
    }
}

fn glitched(seen: &Observation) -> ReferenceResult {
    ReferenceResult {
        connects: None,
        finished: None,
        verified: None,
        error: Some("the peer fell silent".to_owned()),
        ..failed(seen)
    }
}

fn ended_before(seen: &Observation) -> ReferenceResult {
    ReferenceResult::not_run(CLIENT, "the survey was stopped", seen.started_at)
}

/// The finding where the client did this.
fn found(
    seen: &Observation,
    pki: Option<&common::Pki>,
    client: fn(&Observation) -> ReferenceResult,
    now: &str,
) -> (Status, String, String) {
    let mut seen = seen.clone();
    seen.reference = Some(Arc::new(client(&seen)));
    let profile = if pki.is_some() {
        customer()
    } else {
        profile("sip-tls-generic").unwrap()
    };
    let judgement = judge_by(profile, &seen, pki.map(common::Pki::roots), now);
    let finding = judgement.finding(CheckId::ReferenceClientAgrees).unwrap();
    assert!(finding.status != Warn || (finding.evidence.contains(CLIENT) && !finding.remedy.is_empty()));
    (finding.status, finding.summary.clone(), finding.evidence.clone())
}

#[test]
fn what_was_not_run_or_met_another_endpoint_is_not_compared() {
    let pki = common::Pki::new();
    let seen = with(good(pki.chain(&Leaf::default())), whole());
    let silent = Observation {
        survey: seen.survey.clone(),
        ..nothing(Phase::Connect, Reason::ConnectTimeout)
    };
    let elsewhere: fn(&Observation) -> ReferenceResult = |seen| ReferenceResult {
        chain_id: Some([7; 32]),
        ..distrusting(seen)
    };
    let before: fn(&Observation) -> ReferenceResult = |seen| ReferenceResult {
        mode: ClientCertificateMode::Required,
        ..failed(seen)
    };
    for (client, part) in [
        (
            ended_before as fn(&Observation) -> ReferenceResult,
            "the survey was stopped",
        ),
        (glitched, "got no answer"),
        (elsewhere, "another chain"),
        (before, "asks for client certificates in another way"),
    ] {
        let (status, summary, _) = found(&seen, Some(&pki), client, NOW);
        assert_eq!(status, Skip, "{summary}");
        assert!(summary.contains(part), "{summary}");
    }
    let mut silent_now = silent;
    silent_now.reference = Some(Arc::new(connected(&seen)));
    let judgement = judge(&silent_now, Some(pki.roots()));
    assert_eq!(status(&judgement, CheckId::ReferenceClientAgrees), Skip);
}

#[test]
fn both_results_are_compared() {
    let pki = common::Pki::new();
    let by = |leaf: Leaf| with(good(pki.chain(&leaf)), whole());
    let good_one = by(Leaf::default());
    let incomplete = with(good(chain(&[&pki.leaf(&Leaf::default())])), whole());
    let other = common::Pki::new();
    let unknown = with(good(other.chain(&Leaf::default())), whole());
    let insisting = {
        let mut selected = whole();
        for (_, found) in &mut selected.cipher_suites {
            *found = Selected;
        }
        let seen = asking(good_one.clone(), siptls_model::ClientCertificateMode::Required);
        ended(
            with(seen, selected),
            Phase::Handshake,
            Reason::ClientCertificateRequired,
        )
    };
    // A rehearsal's identity finished every suite, and the reference client has none to present.
    let rehearsed = Observation {
        survey: Some(Arc::new(whole())),
        ..insisting.clone()
    };
    let rows: [(&str, &Observation, bool, bool, &str); 10] = [
        // Name; what was seen; whether the handshake, and whether the certificate is predicted to do.
        ("good", &good_one, true, true, ""),
        (
            "expired",
            &by(Leaf {
                not_after: (2026, 11, 1),
                ..Leaf::default()
            }),
            true,
            false,
            "had expired",
        ),
        (
            "not yet valid",
            &by(Leaf {
                not_before: (2026, 12, 1),
                ..Leaf::default()
            }),
            true,
            false,
            "was not yet valid",
        ),
        (
            "CN alone",
            &by(Leaf {
                dns: vec![],
                ..Leaf::default()
            }),
            true,
            false,
            "RFC 9525",
        ),
        (
            "for clients",
            &by(Leaf {
                usages: vec![ClientAuth],
                ..Leaf::default()
            }),
            true,
            false,
            "without serverAuth",
        ),
        (
            "for any use",
            &by(Leaf {
                usages: vec![Any],
                ..Leaf::default()
            }),
            true,
            false,
            "without serverAuth",
        ),
        ("incomplete", &incomplete, true, false, "was not sent"),
        ("unknown root", &unknown, true, false, "not"),
        (
            "insisting on a certificate",
            &insisting,
            false,
            true,
            "insisted on",
        ),
        (
            "insisting, suites finished with an identity",
            &rehearsed,
            false,
            true,
            "insisted on",
        ),
    ];
    for (name, seen, shakes_hands, is_trusted, part) in rows {
        for (client, finished, verified) in [
            (connected as fn(&Observation) -> ReferenceResult, true, true),
            (distrusting, true, false),
            (failed, false, true),
        ] {
            let (status, summary, evidence) = found(seen, Some(&pki), client, NOW);
            let agrees = (finished, verified) == (shakes_hands, is_trusted);
            assert_eq!(status, if agrees { Pass } else { Warn }, "{name}: {summary}");
            assert!(!agrees || summary.contains(part), "{name}: {summary}");
            assert!(evidence.contains("this program's visit"), "{name}: {evidence}");
        }
    }
}

#[test]
fn dates_are_those_of_the_connection_and_not_of_the_judgement() {
    let pki = common::Pki::new();
    let seen = with(good(pki.chain(&Leaf::default())), whole());
    for now in ["2026-11-22T03:00:00Z", "2029-01-01T00:00:00Z"] {
        assert_eq!(found(&seen, Some(&pki), connected, now).0, Pass, "{now}");
        assert_eq!(found(&seen, Some(&pki), distrusting, now).0, Warn, "{now}");
    }
}

#[test]
fn an_expired_root_is_no_matter_to_webpki() {
    let pki = common::Pki::of(
        authority("Old Root", (2026, 1, 1)),
        authority("Lab Intermediate", (2030, 1, 1)),
    );
    let seen = with(good(pki.chain(&Leaf::default())), whole());
    assert_eq!(found(&seen, Some(&pki), connected, NOW).0, Pass);
}

#[test]
fn without_roots_the_handshake_alone_is_compared() {
    let pki = common::Pki::new();
    let unverified: fn(&Observation) -> ReferenceResult = |seen| ReferenceResult {
        verified: None,
        ..connected(seen)
    };
    let refused: fn(&Observation) -> ReferenceResult = |seen| ReferenceResult {
        verified: None,
        ..failed(seen)
    };
    let seen = with(good(pki.chain(&Leaf::default())), whole());
    let (status, _, evidence) = found(&seen, None, unverified, NOW);
    assert_eq!(status, Pass);
    assert!(evidence.contains("no roots to compare with"), "{evidence}");
    assert_eq!(found(&seen, None, refused, NOW).0, Warn);
}

#[test]
fn what_our_facts_do_not_tell_is_no_contradiction() {
    let pki = common::Pki::new();
    let mut survey = whole();
    for (_, found) in &mut survey.cipher_suites {
        *found = Selected;
    }
    let seen = with(good(pki.chain(&Leaf::default())), survey);
    let seen = ended(seen, Phase::Handshake, Reason::NotCompletable);
    let (status, summary, _) = found(&seen, Some(&pki), failed, NOW);
    assert_eq!(status, Skip, "{summary}");
    assert!(summary.contains("did not finish"), "{summary}");
    // It connects where we could not finish: the certificate is compared.
    assert_eq!(found(&seen, Some(&pki), connected, NOW).0, Pass);
    // A leaf that is trusted as it is.
    let key = rcgen::KeyPair::generate().unwrap();
    let own = params(&Leaf::default()).self_signed(&key).unwrap();
    let seen = with(good(chain(&[own.der()])), whole());
    let roots = siptls_catalog::roots_from_pem("own", own.pem().as_bytes()).unwrap();
    for (client, expected) in [
        (connected as fn(&Observation) -> ReferenceResult, Pass),
        (distrusting, Skip),
    ] {
        let mut seen = seen.clone();
        seen.reference = Some(Arc::new(client(&seen)));
        let judgement = judge(&seen, Some(Arc::clone(&roots)));
        assert_eq!(
            common::status(&judgement, CheckId::ReferenceClientAgrees),
            expected
        );
    }
}
