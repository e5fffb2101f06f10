//! Synthetic observations and what is made of them: every branch of every check. Long, because it is one table.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod agreement;
mod common;
mod rehearsed;
mod revoked;
mod surveyed;

use common::*;
use proptest::prelude::*;
use rcgen::ExtendedKeyUsagePurpose::{Any, ClientAuth, EmailProtection, ServerAuth};
use rcgen::{CertificateParams, KeyPair};
use siptls_catalog::{Certainty, CheckRule, ClientCertificateExpectation, NameRule, Profile, profile};
use siptls_model::{
    AlertDescription, CheckId, CipherSuite, ClientCertificate, ClientCertificateMode, Depth, NamedGroup,
    Observation, Phase, ProtocolVersion, Reason, Severity, SipOutcome, Status, Target, Verdict,
};
use std::sync::Arc;

use Status::{Fail, Pass, Skip, Warn};

/// An edit of a good visit, and what is expected of it.
type Row = (
    &'static str,
    fn(&mut Observation),
    &'static [(CheckId, Status, &'static str)],
    Verdict,
);

fn check(rows: &[Row]) {
    let pki = Pki::new();
    let chain = pki.chain(&Leaf::default());
    for (name, edit, expected, verdict) in rows {
        let mut observation = good(Arc::clone(&chain));
        edit(&mut observation);
        let judgement = judge(&observation, Some(pki.roots()));
        for (id, status, part) in *expected {
            let finding = judgement.finding(*id).unwrap();
            assert_eq!(finding.status, *status, "{name}: {finding:?}");
            assert!(
                finding.summary.contains(part),
                "{name}: {part:?} in {:?}",
                finding.summary
            );
        }
        assert_eq!(judgement.verdict, *verdict, "{name}: {:#?}", judgement.findings);
    }
}

#[test]
fn a_good_visit_passes_every_check() {
    let pki = Pki::new();
    let judgement = judge(&good(pki.chain(&Leaf::default())), Some(pki.roots()));
    for finding in &judgement.findings {
        if finding.id == CheckId::CertificateLifetime {
            assert_eq!(
                (finding.status, &*finding.summary),
                (
                    Skip,
                    "The certificate is not under a root that browsers trust: a private authority sets its own lifetimes"
                )
            );
            continue;
        }
        if [CheckId::LegacyVersionsRefused, CheckId::ReferenceClientAgrees].contains(&finding.id) {
            assert_eq!(
                (finding.status, &*finding.summary),
                (Skip, "Not looked at by a routine visit")
            );
            continue;
        }
        if finding.id == CheckId::AddressesAgree || finding.id == CheckId::CertificateNotRevoked {
            let summary = match finding.id {
                CheckId::AddressesAgree => "There is one address alone",
                _ => "No revocation list was asked",
            };
            assert_eq!((finding.status, &*finding.summary), (Skip, summary));
            continue;
        }
        assert_eq!(finding.status, Pass, "{finding:?}");
        assert!(
            finding.remedy.is_empty() && !finding.evidence.is_empty() && !finding.source.is_empty(),
            "{finding:?}"
        );
    }
    assert_eq!(judgement.findings.len(), 19);
    assert!(judgement.findings.is_sorted_by_key(|finding| finding.id));
    assert_eq!(judgement.verdict, Verdict::Pass);
    let chain = judgement.chain.unwrap();
    assert_eq!(chain.path.anchor.unwrap().group, "lab");
    assert!(chain.name_match.unwrap().webpki);
}

#[test]
fn version_and_suite() {
    check(&[
        (
            "another version",
            |o| handshake(o).version = Some(ProtocolVersion::TLS_1_0),
            &[(
                CheckId::Tls12Negotiated,
                Fail,
                "answered with TLSv1.0, which Genesys BYOC Cloud does not offer",
            )],
            Verdict::Fail,
        ),
        (
            "a suite that was not offered",
            |o| handshake(o).cipher_suite = Some(CipherSuite::TLS_DHE_RSA_WITH_AES_256_CBC_SHA),
            &[
                (CheckId::CipherSuiteShared, Fail, "not offered"),
                (CheckId::CipherSuiteNotDeprecated, Skip, "not on the list"),
                (CheckId::EcdheSecp384r1, Skip, "uses no curve"),
            ],
            Verdict::Fail,
        ),
        (
            "a signal as suite",
            |o| handshake(o).cipher_suite = Some(CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV),
            &[(CheckId::CipherSuiteShared, Fail, "not offered")],
            Verdict::Fail,
        ),
        (
            "static RSA",
            |o| {
                handshake(o).cipher_suite = Some(CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA);
                handshake(o).group = None;
            },
            &[
                (CheckId::CipherSuiteShared, Pass, "TLS_RSA_WITH_AES_256_CBC_SHA"),
                (CheckId::CipherSuiteNotDeprecated, Pass, "no announced end"),
                (CheckId::EcdheSecp384r1, Skip, "Static RSA"),
            ],
            Verdict::Pass,
        ),
        (
            "a suite under notice",
            |o| handshake(o).cipher_suite = Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384),
            &[(
                CheckId::CipherSuiteNotDeprecated,
                Warn,
                "announced for 2025-11-17 (the date has moved before)",
            )],
            Verdict::Warn,
        ),
        (
            "another curve",
            |o| handshake(o).group = Some(NamedGroup::SECP256R1),
            &[(
                CheckId::EcdheSecp384r1,
                Fail,
                "secp256r1 in place of secp384r1, which was not offered",
            )],
            Verdict::Fail,
        ),
        (
            "a ServerKeyExchange that was not read",
            |o| {
                *o = ended(o.clone(), Phase::ServerFlight, Reason::ConnectionReset);
                o.chain = None;
                o.phase_reached = Some(Phase::ServerHello);
                handshake(o).group = None;
                handshake(o).client_certificate = ClientCertificate::unknown();
            },
            &[
                (CheckId::Tls12Negotiated, Pass, "TLS 1.2"),
                (CheckId::EcdheSecp384r1, Skip, "connection_reset"),
                (CheckId::ClientCertificateNotRequested, Skip, "connection_reset"),
                (
                    CheckId::ChainComplete,
                    Skip,
                    "No certificate was read: the visit ended with connection_reset",
                ),
                (CheckId::CertificateDates, Skip, "No certificate was read"),
                (CheckId::ServerNameMatches, Skip, "No certificate was read"),
                (CheckId::EkuServerAuth, Skip, "No certificate was read"),
                (CheckId::SipOptionsAnswered, Skip, "not sent"),
            ],
            Verdict::Inconclusive,
        ),
    ]);
}

#[test]
fn alerts_in_answer_to_the_hello() {
    use AlertDescription as Alert;
    for (alert, tls12, shared, verdict) in [
        (Alert::HANDSHAKE_FAILURE, Skip, Fail, Verdict::Fail),
        (Alert::INSUFFICIENT_SECURITY, Skip, Fail, Verdict::Fail),
        (Alert::PROTOCOL_VERSION, Fail, Skip, Verdict::Fail),
        (Alert::INTERNAL_ERROR, Skip, Skip, Verdict::Inconclusive),
        (Alert::UNRECOGNIZED_NAME, Skip, Skip, Verdict::Inconclusive),
        (Alert::ILLEGAL_PARAMETER, Skip, Skip, Verdict::Inconclusive),
        (Alert::DECODE_ERROR, Skip, Skip, Verdict::Inconclusive),
        (Alert(200), Skip, Skip, Verdict::Inconclusive),
    ] {
        let judgement = judge(&refused(alert), None);
        assert_eq!(status(&judgement, CheckId::Tls12Negotiated), tls12, "{alert}");
        assert_eq!(status(&judgement, CheckId::CipherSuiteShared), shared, "{alert}");
        assert_eq!(judgement.verdict, verdict, "{alert}");
        let judged = [CheckId::Tls12Negotiated, CheckId::CipherSuiteShared];
        for finding in judgement
            .findings
            .iter()
            .filter(|finding| !judged.contains(&finding.id))
        {
            assert_eq!(finding.status, Skip, "{alert}: {finding:?}");
        }
    }
    let finding = judge(&refused(Alert::HANDSHAKE_FAILURE), None)
        .finding(CheckId::CipherSuiteShared)
        .cloned()
        .unwrap();
    assert!(
        finding
            .summary
            .contains("no common suite, curve or key type (the alert does not say which)")
    );
    for part in [
        "handshake_failure (40)",
        "TLS_RSA_WITH_AES_256_CBC_SHA",
        "secp384r1",
    ] {
        assert!(finding.evidence.contains(part), "{part}: {}", finding.evidence);
    }
    assert!(
        finding.remedy.contains("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")
            && finding.remedy.contains("RSA certificate")
    );
}

#[test]
fn an_alert_to_another_offer_says_nothing_about_this_one() {
    let mut observation = refused(AlertDescription::HANDSHAKE_FAILURE);
    observation.offer = Some(profile("sip-tls-generic").unwrap().offer.clone());
    let judgement = judge(&observation, None);
    assert_eq!(status(&judgement, CheckId::CipherSuiteShared), Skip);
    assert_eq!(judgement.verdict, Verdict::Inconclusive);

    // By the profile that made the offer it does.
    let judgement = judge_by(profile("sip-tls-generic").unwrap(), &observation, None, NOW);
    assert_eq!(status(&judgement, CheckId::CipherSuiteShared), Fail);
    assert!(
        judgement
            .finding(CheckId::CipherSuiteShared)
            .unwrap()
            .remedy
            .contains("RSA or ECDSA")
    );
}

#[test]
fn a_refusal_after_the_server_hello_is_no_refusal_of_the_suites() {
    let mut observation = ended(
        good(Pki::new().chain(&Leaf::default())),
        Phase::Handshake,
        Reason::FatalAlert,
    );
    handshake(&mut observation).alert = Some(AlertDescription::HANDSHAKE_FAILURE);
    let judgement = judge(&observation, None);
    assert_eq!(status(&judgement, CheckId::CipherSuiteShared), Pass);
}

#[test]
fn client_certificate_modes() {
    check(&[
        (
            "optional",
            |o| *o = asking(o.clone(), ClientCertificateMode::Optional),
            &[(
                CheckId::ClientCertificateNotRequested,
                Warn,
                "goes on without one",
            )],
            Verdict::Warn,
        ),
        (
            "required",
            |o| {
                *o = asking(
                    ended(o.clone(), Phase::Handshake, Reason::ClientCertificateRequired),
                    ClientCertificateMode::Required,
                );
                handshake(o).alert = Some(AlertDescription::HANDSHAKE_FAILURE);
            },
            &[
                (
                    CheckId::ClientCertificateNotRequested,
                    Fail,
                    "insists on a client certificate: calls from Genesys BYOC Cloud fail",
                ),
                (CheckId::CipherSuiteShared, Pass, ""),
                (CheckId::ChainTrustedByPeer, Pass, ""),
                (CheckId::SipOptionsAnswered, Skip, "client_certificate_required"),
            ],
            Verdict::Fail,
        ),
        (
            "required, refused after the handshake",
            |o| {
                *o = asking(
                    ended(o.clone(), Phase::Sip, Reason::ClientCertificateRequired),
                    ClientCertificateMode::Required,
                );
            },
            &[
                (CheckId::ClientCertificateNotRequested, Fail, ""),
                (CheckId::SipOptionsAnswered, Skip, "client_certificate_required"),
            ],
            Verdict::Fail,
        ),
        (
            "requested, the connection ended right after the handshake",
            |o| {
                *o = asking(
                    ended(o.clone(), Phase::Sip, Reason::SipClosed),
                    ClientCertificateMode::Unknown,
                );
                o.sip = SipOutcome::NotSent;
                handshake(o).completed = true;
            },
            &[(
                CheckId::ClientCertificateNotRequested,
                Fail,
                "or what stands behind it is down; calls from Genesys BYOC Cloud fail either way",
            )],
            Verdict::Fail,
        ),
        (
            "requested, closed in answer to OPTIONS",
            |o| {
                *o = asking(
                    ended(o.clone(), Phase::Sip, Reason::SipClosed),
                    ClientCertificateMode::Optional,
                );
                o.sip = SipOutcome::NotAnswered;
                handshake(o).completed = true;
            },
            &[(
                CheckId::ClientCertificateNotRequested,
                Warn,
                "goes on without one",
            )],
            Verdict::Warn,
        ),
        (
            "requested, seen at depth hello",
            |o| {
                *o = hello_only(asking(o.clone(), ClientCertificateMode::Unknown));
            },
            &[
                (
                    CheckId::ClientCertificateNotRequested,
                    Warn,
                    "whether it insists on one was not seen",
                ),
                (CheckId::SipOptionsAnswered, Skip, "depth hello"),
            ],
            Verdict::Warn,
        ),
        (
            "not requested, seen at depth hello",
            |o| *o = hello_only(o.clone()),
            &[
                (
                    CheckId::ClientCertificateNotRequested,
                    Pass,
                    "asks for no client certificate",
                ),
                (
                    CheckId::SipOptionsAnswered,
                    Skip,
                    "depth hello does not go so far",
                ),
            ],
            Verdict::Pass,
        ),
    ]);
    let judgement = judge(&asking(good(chain(&[])), ClientCertificateMode::Optional), None);
    let evidence = &judgement
        .finding(CheckId::ClientCertificateNotRequested)
        .unwrap()
        .evidence;
    for part in [
        "rsa_sign, ecdsa_sign",
        "rsa_pkcs1_sha256",
        "CA names (10): CN=Acme CA 1 [00000001], ",
        "and 2 more",
    ] {
        assert!(evidence.contains(part), "{part}: {evidence}");
    }
    let hello = hello_only(asking(good(chain(&[])), ClientCertificateMode::Unknown));
    let remedy = judge(&hello, None)
        .finding(CheckId::ClientCertificateNotRequested)
        .unwrap()
        .remedy
        .clone();
    assert!(remedy.contains("depth routine"), "{remedy}");
}

fn hello_only(mut observation: Observation) -> Observation {
    let mut target: Target = (*observation.target).clone();
    target.depth = Depth::Hello;
    observation.target = Arc::new(target);
    observation.phase_reached = Some(Phase::ServerFlight);
    observation.sip = SipOutcome::NotSent;
    handshake(&mut observation).completed = false;
    observation
}

#[test]
fn a_profile_may_want_the_request() {
    let mut wanting = (*customer()).clone();
    wanting.client_certificate = ClientCertificateExpectation::Requested;
    for rule in &mut wanting.checks {
        if rule.id == CheckId::ClientCertificateNotRequested {
            rule.id = CheckId::ClientCertificateRequested;
        }
    }
    let wanting = Arc::new(wanting);
    let pki = Pki::new();
    let seen = good(pki.chain(&Leaf::default()));
    for (observation, expected, verdict) in [
        (seen.clone(), Fail, Verdict::Fail),
        (
            asking(seen.clone(), ClientCertificateMode::Optional),
            Pass,
            Verdict::Pass,
        ),
        (
            hello_only(asking(seen.clone(), ClientCertificateMode::Unknown)),
            Pass,
            Verdict::Pass,
        ),
        // As it should be, but the rest was not seen.
        (
            asking(
                ended(seen, Phase::Handshake, Reason::ClientCertificateRequired),
                ClientCertificateMode::Required,
            ),
            Pass,
            Verdict::Inconclusive,
        ),
        (
            nothing(Phase::Connect, Reason::ConnectTimeout),
            Skip,
            Verdict::Inconclusive,
        ),
    ] {
        let judgement = judge_by(Arc::clone(&wanting), &observation, Some(pki.roots()), NOW);
        assert_eq!(status(&judgement, CheckId::ClientCertificateRequested), expected);
        assert_eq!(judgement.verdict, verdict);
    }
}

#[test]
fn chains() {
    let pki = Pki::new();
    let other = Pki::of(
        authority("Other Root", (2040, 1, 1)),
        authority("Other Intermediate", (2030, 1, 1)),
    );
    let namesake = Pki::new();
    let leaf = pki.leaf(&Leaf::default());
    let (intermediate, root) = (pki.intermediate.der().to_vec(), pki.root.der().to_vec());
    let self_signed = params(&Leaf::default())
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .der()
        .to_vec();
    let mut broken = leaf.clone();
    *broken.last_mut().unwrap() ^= 1;

    // The chain, the roots; chain-complete, chain-trusted-by-peer, a word of the latter's summary, the verdict.
    type Case<'a> = (&'a str, Vec<&'a [u8]>, &'a Pki, Status, Status, &'a str, Verdict);
    let cases: Vec<Case<'_>> = vec![
        (
            "complete",
            vec![&leaf, &intermediate],
            &pki,
            Pass,
            Pass,
            "Lab Root",
            Verdict::Pass,
        ),
        (
            "with root",
            vec![&leaf, &intermediate, &root],
            &pki,
            Pass,
            Pass,
            "Lab Root",
            Verdict::Pass,
        ),
        (
            "with stray",
            vec![&leaf, &intermediate, &self_signed],
            &pki,
            Pass,
            Pass,
            "Lab Root",
            Verdict::Pass,
        ),
        (
            "out of order",
            vec![&leaf, &root, &intermediate],
            &pki,
            Warn,
            Pass,
            "Lab Root",
            Verdict::Warn,
        ),
        (
            "intermediate missing",
            vec![&leaf],
            &pki,
            Fail,
            Fail,
            "its issuer CN=Lab Intermediate was not sent and is none of the target's trust anchors",
            Verdict::Fail,
        ),
        (
            "unknown root, sent",
            vec![&leaf, &intermediate, &root],
            &other,
            Pass,
            Fail,
            "ends at CN=Lab Root, which",
            Verdict::Fail,
        ),
        (
            "unknown root, not sent",
            vec![&leaf, &intermediate],
            &other,
            Skip,
            Fail,
            "leads to CN=Lab Root, which is none of",
            Verdict::Fail,
        ),
        (
            "copied name, sent",
            vec![&leaf, &intermediate, &root],
            &namesake,
            Pass,
            Fail,
            "same name, but another key",
            Verdict::Fail,
        ),
        (
            "copied name, not sent",
            vec![&leaf, &intermediate],
            &namesake,
            Skip,
            Fail,
            "of another authority of the same name",
            Verdict::Fail,
        ),
        (
            "self-signed",
            vec![&self_signed],
            &pki,
            Pass,
            Fail,
            "self-signed",
            Verdict::Fail,
        ),
        ("nothing", vec![], &pki, Fail, Fail, "empty list", Verdict::Fail),
        (
            "unreadable leaf",
            vec![b"\x30\x03abc", &intermediate],
            &pki,
            Skip,
            Skip,
            "cannot be read",
            Verdict::Inconclusive,
        ),
        (
            "unreadable intermediate",
            vec![&leaf, b"\x30\x03abc"],
            &pki,
            Skip,
            Skip,
            "cannot be read",
            Verdict::Inconclusive,
        ),
        (
            "broken signature",
            vec![&broken, &intermediate],
            &pki,
            Skip,
            Fail,
            "The path breaks",
            Verdict::Fail,
        ),
    ];
    for (name, ders, roots, complete, trusted, part, verdict) in cases {
        let judgement = judge(&good(chain(&ders)), Some(roots.roots()));
        let (one, two) = (CheckId::ChainComplete, CheckId::ChainTrustedByPeer);
        assert_eq!(
            status(&judgement, one),
            complete,
            "{name}: {:?}",
            judgement.finding(one)
        );
        assert_eq!(
            status(&judgement, two),
            trusted,
            "{name}: {:?}",
            judgement.finding(two)
        );
        assert!(
            summary(&judgement, two).contains(part),
            "{name}: {}",
            summary(&judgement, two)
        );
        assert_eq!(judgement.verdict, verdict, "{name}");
        if trusted != Skip {
            assert!(!judgement.finding(two).unwrap().evidence.is_empty());
        }
    }
    let judgement = judge(&good(chain(&[&leaf])), Some(pki.roots()));
    let finding = judgement.finding(CheckId::ChainComplete).unwrap();
    assert_eq!(
        finding.summary,
        "The intermediate certificate CN=Lab Intermediate was not sent"
    );
    assert!(finding.remedy.starts_with("on the endpoint: "));
}

#[test]
fn an_unreadable_leaf_fails_nothing() {
    let pki = Pki::new();
    let judgement = judge(
        &good(chain(&[b"\x30\x03abc", pki.intermediate.der()])),
        Some(pki.roots()),
    );
    for id in [
        CheckId::ServerNameMatches,
        CheckId::SipIdentityRfc5922,
        CheckId::CertificateDates,
        CheckId::EkuServerAuth,
        CheckId::ChainComplete,
        CheckId::ChainTrustedByPeer,
    ] {
        assert_eq!(status(&judgement, id), Skip, "{id}");
    }
}

#[test]
fn roots_known_by_name_alone_are_recognised_and_not_verified() {
    // "SSL.com Root Certification Authority RSA R2" is on the list; its certificate is not at hand.
    let mut root = authority("SSL.com Root Certification Authority RSA R2", (2040, 1, 1));
    for (kind, value) in [
        (rcgen::DnType::CountryName, "US"),
        (rcgen::DnType::StateOrProvinceName, "Texas"),
        (rcgen::DnType::LocalityName, "Houston"),
        (rcgen::DnType::OrganizationName, "SSL Corporation"),
    ] {
        root.distinguished_name.push(kind, value);
    }
    let common_name = root
        .distinguished_name
        .get(&rcgen::DnType::CommonName)
        .unwrap()
        .clone();
    root.distinguished_name.remove(rcgen::DnType::CommonName);
    root.distinguished_name
        .push(rcgen::DnType::CommonName, common_name);
    let pki = Pki::of(root, authority("SSL.com SubCA", (2030, 1, 1)));
    for ders in [
        vec![pki.leaf(&Leaf::default()), pki.intermediate.der().to_vec()],
        vec![
            pki.leaf(&Leaf::default()),
            pki.intermediate.der().to_vec(),
            pki.root.der().to_vec(),
        ],
    ] {
        let ders: Vec<&[u8]> = ders.iter().map(Vec::as_slice).collect();
        let judgement = judge(&good(chain(&ders)), None);
        assert_eq!(status(&judgement, CheckId::ChainComplete), Skip);
        assert_eq!(status(&judgement, CheckId::ChainTrustedByPeer), Warn);
        assert_eq!(
            summary(&judgement, CheckId::ChainTrustedByPeer),
            "SSL.com Root Certification Authority RSA R2 is on the list by name, but its certificate is not at hand: not verified"
        );
        assert_eq!(judgement.verdict, Verdict::Warn);
    }
}

#[test]
fn without_roots_trust_is_not_judged() {
    let pki = Pki::new();
    let generic = profile("sip-tls-generic").unwrap();
    let (leaf, intermediate, root) = (pki.leaf(&Leaf::default()), pki.intermediate.der(), pki.root.der());
    for (ders, complete, verdict) in [
        (vec![leaf.as_slice(), intermediate], Skip, Verdict::Pass),
        (vec![leaf.as_slice(), intermediate, root], Pass, Verdict::Pass),
        (vec![leaf.as_slice()], Warn, Verdict::Warn),
    ] {
        let judgement = judge_by(Arc::clone(&generic), &good(chain(&ders)), None, NOW);
        assert_eq!(status(&judgement, CheckId::ChainComplete), complete);
        assert_eq!(status(&judgement, CheckId::ChainTrustedByPeer), Skip);
        assert!(
            judgement
                .finding(CheckId::ChainTrustedByPeer)
                .unwrap()
                .remedy
                .contains("trust_anchors")
        );
        assert_eq!(judgement.verdict, verdict);
    }
    // A certificate that nobody signed is trusted by nobody who was not given it.
    let self_signed = params(&Leaf::default())
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .der()
        .to_vec();
    let judgement = judge_by(Arc::clone(&generic), &good(chain(&[&self_signed])), None, NOW);
    let finding = judgement.finding(CheckId::ChainTrustedByPeer).unwrap();
    assert_eq!(finding.status, Warn);
    assert!(finding.summary.contains("self-signed"), "{}", finding.summary);
    assert_eq!(judgement.verdict, Verdict::Warn);
    let judgement = judge_by(generic, &good(chain(&[&leaf])), Some(pki.roots()), NOW);
    assert_eq!(status(&judgement, CheckId::ChainComplete), Fail);
    assert_eq!(status(&judgement, CheckId::ChainTrustedByPeer), Fail);
}

#[test]
fn roots_by_region() {
    let cloud = profile("genesys-byoc-cloud").unwrap();
    let seen = |endpoint: &str, server_name: Option<&str>, region: Option<&str>| {
        let mut observation = good(Pki::new().chain(&Leaf::default()));
        let mut target = target(endpoint);
        target.server_name = server_name.map(str::to_owned);
        target.peer_region = region.map(str::to_owned);
        observation.target = Arc::new(target);
        let judgement = judge_by(Arc::clone(&cloud), &observation, None, NOW);
        judgement
            .finding(CheckId::ChainTrustedByPeer)
            .unwrap()
            .evidence
            .clone()
    };
    for (evidence, group) in [
        (
            seen("lb01.voice.euc1.pure.cloud", None, None),
            "digicert_ev (3 roots)",
        ),
        (
            seen("lb03.voice.euc2.pure.cloud", None, None),
            "digicert_g2_g3 (2 roots)",
        ),
        (
            seen("lb03.voice.euc2.pure.cloud", Some("voice.example.test"), None),
            "digicert_g2_g3 (2 roots)",
        ),
        (
            seen("192.0.2.7", Some("lb03.voice.euc2.pure.cloud"), None),
            "digicert_g2_g3 (2 roots)",
        ),
        (
            seen("acme.byoc.mec1.pure.cloud", None, Some("mec1")),
            "digicert_g2_g3 (2 roots)",
        ),
        (
            seen("acme.byoc.mec1.pure.cloud", None, None),
            "digicert_ev (3 roots)",
        ),
        (
            seen("acme.byoc.mec1.pure.cloud", None, Some("nowhere")),
            "digicert_ev (3 roots)",
        ),
    ] {
        assert!(evidence.contains(group), "{group}: {evidence}");
    }
}

#[test]
fn names() {
    let rule = |rule| {
        let mut profile = (*customer()).clone();
        profile.name_rule = rule;
        Arc::new(profile)
    };
    let san = |dns: &[&'static str]| Leaf {
        common_name: "other.test",
        dns: dns.to_vec(),
        ..Leaf::default()
    };
    let uri = Leaf {
        common_name: "other.test",
        dns: vec![],
        uri: vec!["sip:sbc.example.test"],
        ..Leaf::default()
    };
    let by_common_name = Leaf {
        dns: vec![],
        ..Leaf::default()
    };
    let wildcard = san(&["*.example.test"]);
    let stranger = san(&["a.test", "b.test"]);
    let pki = Pki::new();
    for (name, leaf, rule, expected, rfc5922) in [
        ("exact", &san(&[HOST]), rule(NameRule::CnOrSan), Pass, Pass),
        ("wildcard", &wildcard, rule(NameRule::CnOrSan), Pass, Fail),
        (
            "common name alone",
            &by_common_name,
            rule(NameRule::CnOrSan),
            Pass,
            Pass,
        ),
        ("URI alone", &uri, rule(NameRule::CnOrSan), Warn, Pass),
        ("stranger", &stranger, rule(NameRule::CnOrSan), Fail, Fail),
        ("exact", &san(&[HOST]), rule(NameRule::Rfc9525), Pass, Pass),
        ("wildcard", &wildcard, rule(NameRule::Rfc9525), Pass, Fail),
        (
            "common name alone",
            &by_common_name,
            rule(NameRule::Rfc9525),
            Fail,
            Pass,
        ),
        ("URI alone", &uri, rule(NameRule::Rfc9525), Fail, Pass),
        ("wildcard", &wildcard, rule(NameRule::Rfc5922), Fail, Fail),
        ("URI alone", &uri, rule(NameRule::Rfc5922), Pass, Pass),
        ("stranger", &stranger, rule(NameRule::None), Skip, Fail),
    ] {
        let judgement = judge_by(rule, &good(pki.chain(leaf)), Some(pki.roots()), NOW);
        assert_eq!(status(&judgement, CheckId::ServerNameMatches), expected, "{name}");
        assert_eq!(status(&judgement, CheckId::SipIdentityRfc5922), rfc5922, "{name}");
        let critical = [
            (Fail, Verdict::Fail),
            (Warn, Verdict::Warn),
            (Pass, Verdict::Pass),
            (Skip, Verdict::Pass),
        ];
        let verdict = critical.iter().find(|(status, _)| *status == expected).unwrap().1;
        assert_eq!(judgement.verdict, verdict, "{name}: rfc5922 is information");
    }
    let judgement = judge(&good(pki.chain(&stranger)), Some(pki.roots()));
    let finding = judgement.finding(CheckId::ServerNameMatches).unwrap();
    assert_eq!(finding.summary, "The certificate is not for sbc.example.test");
    assert!(
        finding
            .evidence
            .ends_with("names in the certificate: DNS:a.test, DNS:b.test, CN:other.test")
    );
    assert!(finding.remedy.contains("DNS name sbc.example.test"));
}

#[test]
fn an_address_is_no_identity_where_the_profile_says_so() {
    let pki = Pki::new();
    let mut observation = good(pki.chain(&Leaf {
        ip: vec!["192.0.2.7"],
        ..Leaf::default()
    }));
    observation.target = Arc::new(target("192.0.2.7"));
    // What the caller verifies is a name, and none was judged: that is no pass.
    let judgement = judge(&observation, Some(pki.roots()));
    assert_eq!(status(&judgement, CheckId::ServerNameMatches), Warn);
    assert_eq!(judgement.verdict, Verdict::Warn);
    assert!(
        judgement
            .finding(CheckId::ServerNameMatches)
            .unwrap()
            .remedy
            .contains("server_name")
    );
    assert_eq!(status(&judgement, CheckId::SipIdentityRfc5922), Skip);

    let judgement = judge_by(
        profile("sip-tls-generic").unwrap(),
        &observation,
        Some(pki.roots()),
        NOW,
    );
    assert_eq!(status(&judgement, CheckId::ServerNameMatches), Pass);

    let mut named = target("192.0.2.7");
    named.server_name = Some(HOST.to_owned());
    observation.target = Arc::new(named);
    assert_eq!(
        status(
            &judge(&observation, Some(pki.roots())),
            CheckId::ServerNameMatches
        ),
        Pass
    );
}

#[test]
fn dates_by_the_clock() {
    // 2026-09-01 to 2027-03-01: 181 days; a quarter is 45, so that 30 days count.
    let pki = Pki::new();
    let observation = good(pki.chain(&Leaf::default()));
    for (now, expected, part, verdict) in [
        (
            "2026-08-31T23:00:00Z",
            Fail,
            "is not valid before 2026-09-01T00:00:00Z, in 1 hour",
            Verdict::Fail,
        ),
        (
            "2026-09-01T00:00:00Z",
            Pass,
            "the first to end does so in 181 days, on 2027-03-01",
            Verdict::Pass,
        ),
        ("2027-01-30T00:00:00Z", Pass, "in 30 days", Verdict::Pass),
        (
            "2027-01-30T00:00:01Z",
            Warn,
            "The endpoint's certificate ends in 29 days, on 2027-03-01",
            Verdict::Warn,
        ),
        ("2027-02-28T12:00:00Z", Warn, "ends in 12 hours", Verdict::Warn),
        ("2027-03-01T00:00:00Z", Warn, "ends in 0 hours", Verdict::Warn),
        (
            "2027-03-04T00:00:00Z",
            Fail,
            "The endpoint's certificate expired on 2027-03-01T00:00:00Z, 3 days ago",
            Verdict::Fail,
        ),
    ] {
        let judgement = judge_by(customer(), &observation, Some(pki.roots()), now);
        let finding = judgement.finding(CheckId::CertificateDates).unwrap();
        assert_eq!(finding.status, expected, "{now}: {}", finding.summary);
        assert!(finding.summary.contains(part), "{now}: {}", finding.summary);
        assert_eq!(judgement.verdict, verdict, "{now}");
        assert_eq!(judgement.as_of, at(now));
        assert_eq!(
            status(&judgement, CheckId::ChainTrustedByPeer),
            Pass,
            "dates are judged apart"
        );
    }
}

#[test]
fn short_lived_certificates_warn_by_their_share() {
    // 47 days: a quarter is 11.75 days.
    let pki = Pki::new();
    let leaf = Leaf {
        not_before: (2026, 11, 1),
        not_after: (2026, 12, 18),
        ..Leaf::default()
    };
    let observation = good(pki.chain(&leaf));
    for (now, expected) in [
        ("2026-11-22T03:00:00Z", Pass),
        ("2026-12-06T05:00:00Z", Pass),
        ("2026-12-06T07:00:00Z", Warn),
        ("2026-12-19T00:00:00Z", Fail),
    ] {
        let judgement = judge_by(customer(), &observation, Some(pki.roots()), now);
        assert_eq!(status(&judgement, CheckId::CertificateDates), expected, "{now}");
    }
}

#[test]
fn intermediates_and_roots_have_dates_too() {
    let soon = Pki::of(
        authority("Lab Root", (2040, 1, 1)),
        authority("Lab Intermediate", (2027, 1, 15)),
    );
    let judgement = judge(&good(soon.chain(&Leaf::default())), Some(soon.roots()));
    assert_eq!(status(&judgement, CheckId::CertificateDates), Warn);
    assert!(
        summary(&judgement, CheckId::CertificateDates)
            .starts_with("Certificate 1, CN=Lab Intermediate, ends in 53 days")
    );

    let gone = Pki::of(
        authority("Lab Root", (2040, 1, 1)),
        authority("Lab Intermediate", (2026, 11, 1)),
    );
    let judgement = judge(&good(gone.chain(&Leaf::default())), Some(gone.roots()));
    assert_eq!(status(&judgement, CheckId::CertificateDates), Fail);
    assert!(
        judgement
            .finding(CheckId::CertificateDates)
            .unwrap()
            .remedy
            .contains("present intermediate")
    );

    let root = Pki::of(
        authority("Lab Root", (2026, 11, 27)),
        authority("Lab Intermediate", (2030, 1, 1)),
    );
    let observation = good(root.chain(&Leaf::default()));
    let judgement = judge(&observation, Some(root.roots()));
    assert_eq!(
        summary(&judgement, CheckId::CertificateDates),
        "The root Lab Root ends in 4 days, on 2026-11-27"
    );
    let judgement = judge_by(
        customer(),
        &observation,
        Some(root.roots()),
        "2026-11-28T00:00:00Z",
    );
    assert_eq!(status(&judgement, CheckId::CertificateDates), Fail);
}

#[test]
fn extended_key_usage() {
    let pki = Pki::new();
    for (usages, server, part, absent, present) in [
        (vec![ServerAuth], Pass, "serverAuth", Pass, Fail),
        (vec![ServerAuth, ClientAuth], Pass, "serverAuth", Warn, Pass),
        (vec![ClientAuth], Fail, "lacks serverAuth", Warn, Pass),
        (vec![EmailProtection], Fail, "lacks serverAuth", Pass, Fail),
        (vec![Any], Warn, "any extended key usage", Warn, Pass),
        (vec![], Pass, "no extended key usage", Warn, Pass),
    ] {
        let observation = good(pki.chain(&Leaf {
            usages: usages.clone(),
            ..Leaf::default()
        }));
        let judgement = judge(&observation, Some(pki.roots()));
        assert_eq!(status(&judgement, CheckId::EkuServerAuth), server, "{usages:?}");
        assert!(
            summary(&judgement, CheckId::EkuServerAuth).contains(part),
            "{usages:?}"
        );
        assert_eq!(judgement.verdict == Verdict::Fail, server == Fail, "{usages:?}");

        let cloud = profile("genesys-byoc-cloud").unwrap();
        let judgement = judge_by(Arc::clone(&cloud), &observation, Some(pki.roots()), NOW);
        assert_eq!(
            status(&judgement, CheckId::EkuClientAuthAbsent),
            absent,
            "{usages:?}"
        );

        let strict = with_check(&cloud, CheckId::EkuClientAuthAbsent, |rule| {
            rule.severity = Severity::Critical
        });
        let judgement = judge_by(strict, &observation, Some(pki.roots()), NOW);
        let expected = if absent == Warn { Fail } else { absent };
        assert_eq!(
            status(&judgement, CheckId::EkuClientAuthAbsent),
            expected,
            "{usages:?}"
        );

        let wanted = with_check(&cloud, CheckId::EkuClientAuthAbsent, |rule| {
            rule.id = CheckId::EkuClientAuthPresent
        });
        let judgement = judge_by(wanted, &observation, Some(pki.roots()), NOW);
        assert_eq!(
            status(&judgement, CheckId::EkuClientAuthPresent),
            present,
            "{usages:?}"
        );
    }
}

#[test]
fn an_intermediate_may_forbid_server_use() {
    let mut intermediate = authority("Lab Mail CA", (2030, 1, 1));
    intermediate.extended_key_usages = vec![EmailProtection];
    let pki = Pki::of(authority("Lab Root", (2040, 1, 1)), intermediate);
    let judgement = judge(&good(pki.chain(&Leaf::default())), Some(pki.roots()));
    assert_eq!(status(&judgement, CheckId::EkuServerAuth), Fail);
    assert_eq!(
        summary(&judgement, CheckId::EkuServerAuth),
        "Certificate 1, Lab Mail CA, does not allow serverAuth for what it issues"
    );
}

fn with_check(profile: &Profile, id: CheckId, edit: impl Fn(&mut CheckRule)) -> Arc<Profile> {
    let mut profile = profile.clone();
    profile
        .checks
        .iter_mut()
        .filter(|rule| rule.id == id)
        .for_each(edit);
    Arc::new(profile)
}

#[test]
fn any_final_response_is_an_answer() {
    let pki = Pki::new();
    for status_code in [
        200, 202, 302, 401, 403, 404, 405, 407, 408, 480, 483, 488, 500, 503, 600, 606, 699,
    ] {
        let mut observation = good(pki.chain(&Leaf::default()));
        observation.sip = answered(status_code, "Whatever\r\nX: y");
        let judgement = judge(&observation, Some(pki.roots()));
        let finding = judgement.finding(CheckId::SipOptionsAnswered).unwrap();
        assert_eq!(finding.status, Pass, "{status_code}");
        assert!(
            finding
                .summary
                .starts_with(&format!("OPTIONS was answered with {status_code}"))
        );
        assert!(!finding.evidence.contains('\n'), "{}", finding.evidence);
        assert_eq!(judgement.verdict, Verdict::Pass);
    }
}

#[test]
fn no_answer_to_options() {
    let pki = Pki::new();
    let seen = good(pki.chain(&Leaf::default()));
    for (reason, expected, part, verdict) in [
        (Reason::SipTimeout, Fail, "OPTIONS is not answered", Verdict::Warn),
        (Reason::SipClosed, Fail, "closes the connection", Verdict::Warn),
        (
            Reason::ConnectionReset,
            Fail,
            "closes the connection",
            Verdict::Warn,
        ),
        (Reason::NotSip, Fail, "is not SIP", Verdict::Warn),
        (Reason::MalformedSip, Fail, "cannot be read", Verdict::Warn),
        (Reason::BadRecord, Fail, "no well-formed answer", Verdict::Warn),
        (Reason::Cancelled, Skip, "cancelled", Verdict::Inconclusive),
        (
            Reason::LocalResource,
            Skip,
            "local_resource",
            Verdict::Inconclusive,
        ),
        (Reason::Internal, Skip, "internal", Verdict::Inconclusive),
    ] {
        let judgement = judge(&ended(seen.clone(), Phase::Sip, reason), Some(pki.roots()));
        assert_eq!(
            status(&judgement, CheckId::SipOptionsAnswered),
            expected,
            "{reason}"
        );
        assert!(
            summary(&judgement, CheckId::SipOptionsAnswered).contains(part),
            "{reason}"
        );
        assert_eq!(judgement.verdict, verdict, "{reason}: customer, severity warning");
    }
    let silent = ended(seen, Phase::Sip, Reason::SipTimeout);

    // Towards a platform it is information.
    let judgement = judge_by(
        profile("genesys-byoc-cloud").unwrap(),
        &silent,
        Some(pki.roots()),
        NOW,
    );
    assert_eq!(status(&judgement, CheckId::SipOptionsAnswered), Fail);
    assert!(summary(&judgement, CheckId::SipOptionsAnswered).contains("allow-list"));
    assert_eq!(judgement.verdict, Verdict::Pass);

    // A profile that does not ask is content with the rest.
    let mut quiet = (*customer()).clone();
    quiet.checks.retain(|rule| rule.id != CheckId::SipOptionsAnswered);
    assert_eq!(
        judge_by(Arc::new(quiet), &silent, Some(pki.roots()), NOW).verdict,
        Verdict::Pass
    );
}

#[test]
fn a_handshake_that_only_we_cannot_finish_is_inconclusive_unless_something_failed() {
    let pki = Pki::new();
    let unfinished = ended(
        good(pki.chain(&Leaf::default())),
        Phase::Handshake,
        Reason::NotCompletable,
    );
    let judgement = judge(&unfinished, Some(pki.roots()));
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert_eq!(status(&judgement, CheckId::ChainTrustedByPeer), Pass);
    assert_eq!(
        judge(&unfinished, Some(Pki::new().roots())).verdict,
        Verdict::Fail
    );
}

#[test]
fn a_visit_that_claims_success_without_a_handshake_is_inconclusive() {
    let mut observation = nothing(Phase::Connect, Reason::Internal);
    observation.error = None;
    assert_eq!(judge(&observation, None).verdict, Verdict::Inconclusive);
    let mut observation = good(Pki::new().chain(&Leaf::default()));
    handshake(&mut observation).completed = false;
    assert_ne!(judge(&observation, None).verdict, Verdict::Pass);
}

#[test]
fn contradictory_observations_are_inconclusive() {
    let pki = Pki::new();
    // Success at depth hello, but the flight was not read to its end.
    let mut observation = hello_only(good(pki.chain(&Leaf::default())));
    observation.phase_reached = Some(Phase::ServerHello);
    handshake(&mut observation).client_certificate = ClientCertificate::unknown();
    assert_eq!(
        judge(&observation, Some(pki.roots())).verdict,
        Verdict::Inconclusive
    );
    // OPTIONS timed out over a handshake that was not finished.
    let mut observation = ended(good(pki.chain(&Leaf::default())), Phase::Sip, Reason::SipTimeout);
    handshake(&mut observation).completed = false;
    let judgement = judge(&observation, Some(pki.roots()));
    assert_eq!(status(&judgement, CheckId::SipOptionsAnswered), Skip);
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    let mut quiet = (*customer()).clone();
    quiet.checks.retain(|rule| rule.id != CheckId::SipOptionsAnswered);
    let judgement = judge_by(Arc::new(quiet), &observation, Some(pki.roots()), NOW);
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
}

#[test]
fn rules_have_their_time() {
    let pki = Pki::new();
    let observation = asking(good(pki.chain(&Leaf::default())), ClientCertificateMode::Optional);
    let id = CheckId::ClientCertificateNotRequested;
    let dated = with_check(&customer(), id, |rule| {
        rule.from = Some(jiff::civil::date(2026, 12, 1));
        rule.until = Some(jiff::civil::date(2027, 1, 1));
    });
    for (now, expected, part) in [
        ("2026-11-30T23:59:59Z", Skip, "applies from 2026-12-01"),
        ("2026-12-01T00:00:00Z", Warn, "asks for a client certificate"),
        ("2026-12-31T23:59:59Z", Warn, "asks for a client certificate"),
        ("2027-01-01T00:00:00Z", Skip, "ended on 2027-01-01"),
    ] {
        let judgement = judge_by(Arc::clone(&dated), &observation, Some(pki.roots()), now);
        assert_eq!(status(&judgement, id), expected, "{now}");
        assert!(summary(&judgement, id).contains(part), "{now}");
    }
}

#[test]
fn announced_ends_by_the_clock() {
    let suite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384;
    let pki = Pki::new();
    let mut observation = good(pki.chain(&Leaf {
        not_before: (2025, 1, 1),
        not_after: (2028, 1, 1),
        ..Leaf::default()
    }));
    handshake(&mut observation).cipher_suite = Some(suite);
    for (certainty, now, expected, part) in [
        (
            Certainty::Provisional,
            "2025-11-16T00:00:00Z",
            Warn,
            "is announced for 2025-11-17 (the date may move)",
        ),
        (
            Certainty::Provisional,
            "2025-11-17T00:00:00Z",
            Warn,
            "was announced for 2025-11-17",
        ),
        (
            Certainty::Firm,
            "2025-11-16T00:00:00Z",
            Warn,
            "will be removed on 2025-11-17",
        ),
        (
            Certainty::Firm,
            "2025-11-17T00:00:00Z",
            Fail,
            "was to be removed on 2025-11-17",
        ),
    ] {
        let mut profile = (*customer()).clone();
        profile
            .suites
            .iter_mut()
            .for_each(|rule| rule.certainty = certainty);
        let judgement = judge_by(Arc::new(profile), &observation, Some(pki.roots()), now);
        let finding = judgement.finding(CheckId::CipherSuiteNotDeprecated).unwrap();
        assert_eq!(finding.status, expected, "{now}");
        assert!(finding.summary.contains(part), "{now}: {}", finding.summary);
        assert!(
            finding
                .summary
                .contains("unless the endpoint goes by its own order"),
            "{}",
            finding.summary
        );
        assert!(finding.evidence.contains("0xc028"), "{}", finding.evidence);
        assert_eq!(judgement.verdict, Verdict::Warn);
    }
}

#[test]
fn a_profile_may_give_its_own_remedy() {
    let own = with_check(&customer(), CheckId::ClientCertificateNotRequested, |rule| {
        rule.remedy = Some("call the SBC team".to_owned());
    });
    let pki = Pki::new();
    let seen = good(pki.chain(&Leaf::default()));
    let remedy = |observation: &Observation| {
        let judgement = judge_by(Arc::clone(&own), observation, Some(pki.roots()), NOW);
        judgement
            .finding(CheckId::ClientCertificateNotRequested)
            .unwrap()
            .remedy
            .to_string()
    };
    assert_eq!(
        remedy(&asking(seen.clone(), ClientCertificateMode::Optional)),
        "call the SBC team"
    );
    assert_eq!(remedy(&seen), "");
}

#[test]
fn checks_that_need_more_than_one_visit_to_one_address_are_skipped_without_it() {
    let pki = Pki::new();
    let judgement = judge(&good(pki.chain(&Leaf::default())), Some(pki.roots()));
    let skipped = judgement.findings.iter().filter(|finding| finding.status == Skip);
    assert_eq!(
        skipped.map(|finding| finding.id).collect::<Vec<_>>(),
        [
            CheckId::CertificateNotRevoked,
            CheckId::LegacyVersionsRefused,
            CheckId::AddressesAgree,
            CheckId::ReferenceClientAgrees,
            CheckId::CertificateLifetime,
        ]
    );
    assert_eq!(judgement.verdict, Verdict::Pass);
}

#[test]
fn texts_of_the_peer_are_escaped_and_cut() {
    let long: &'static str = Box::leak(format!("sip:{}.test", "a".repeat(9000)).into_boxed_str());
    let leaf = Leaf {
        common_name: "evil\u{1b}[31m\r\nname",
        uri: vec!["sip:\u{7f}x", long],
        dns: vec![],
        ..Leaf::default()
    };
    let pki = Pki::new();
    let mut observation = asking(good(pki.chain(&leaf)), ClientCertificateMode::Optional);
    handshake(&mut observation).client_certificate.authorities[0].name = "CN=\u{202e}evil".to_owned();
    for profile in siptls_catalog::profiles() {
        for finding in judge_by(Arc::clone(profile), &observation, Some(pki.roots()), NOW).findings {
            for text in [&finding.summary, &finding.evidence, &finding.remedy.to_string()] {
                assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text}");
                assert!(text.len() < 4000, "{} bytes: {text}", text.len());
                assert!(!text.ends_with('.'), "{text}");
            }
        }
    }
}

#[test]
fn the_texts_of_a_good_and_a_bad_judgement() {
    let pki = Pki::new();
    insta::assert_snapshot!(
        "good",
        told(&judge(&good(pki.chain(&Leaf::default())), Some(pki.roots())))
    );

    let leaf = pki.leaf(&Leaf {
        common_name: "old.example.test",
        dns: vec!["old.example.test", "*.old.example.test"],
        usages: vec![ClientAuth],
        not_after: (2026, 11, 1),
        ..Leaf::default()
    });
    let mut bad = asking(
        ended(
            good(chain(&[&leaf])),
            Phase::Handshake,
            Reason::ClientCertificateRequired,
        ),
        ClientCertificateMode::Required,
    );
    handshake(&mut bad).cipher_suite = Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384);
    handshake(&mut bad).group = Some(NamedGroup::SECP256R1);
    handshake(&mut bad).alert = Some(AlertDescription::HANDSHAKE_FAILURE);
    insta::assert_snapshot!("bad", told(&judge(&bad, Some(pki.roots()))));

    insta::assert_snapshot!(
        "refused",
        told(&judge(&refused(AlertDescription::HANDSHAKE_FAILURE), None))
    );
}

/// A judgement as text. Lengths of certificates differ from run to run, as their signatures do.
fn told(judgement: &siptls_model::Judgement) -> String {
    let mut text = format!("verdict {}\n", judgement.verdict);
    for finding in &judgement.findings {
        text.push_str(&format!(
            "\n{} {} ({})\n  {}\n",
            finding.status.code(),
            finding.id,
            finding.severity.code(),
            finding.summary
        ));
        let evidence: Vec<String> = finding
            .evidence
            .split('(')
            .map(|part| match part.split_once(" bytes)") {
                Some((length, rest)) if length.bytes().all(|b| b.is_ascii_digit()) => {
                    format!("N bytes){rest}")
                }
                _ => part.to_owned(),
            })
            .collect();
        for (label, value) in [
            ("evidence", evidence.join("(")),
            ("remedy", finding.remedy.to_string()),
            ("source", finding.source.to_string()),
        ] {
            if !value.is_empty() {
                text.push_str(&format!("  {label}: {value}\n"));
            }
        }
    }
    text
}

fn any_reason() -> impl Strategy<Value = Reason> {
    proptest::sample::select(Reason::ALL)
}

fn any_phase() -> impl Strategy<Value = Phase> {
    proptest::sample::select(&Phase::ALL[..])
}

proptest! {
    #[test]
    fn where_nothing_was_read_nothing_is_judged(
        reason in any_reason(),
        phase in any_phase(),
        reached in proptest::option::of(any_phase()),
        offered: bool,
        hello: bool,
        profile_index in 0..3_usize,
    ) {
        let mut observation = nothing(phase, reason);
        observation.phase_reached = reached.filter(|reached| *reached < Phase::ServerHello);
        let profile = Arc::clone(&siptls_catalog::profiles()[profile_index]);
        observation.offer = offered.then(|| Arc::clone(&profile.offer));
        if hello {
            let mut target = (*observation.target).clone();
            target.depth = Depth::Hello;
            observation.target = Arc::new(target);
        }
        let judgement = judge_by(profile, &observation, None, NOW);
        prop_assert_eq!(judgement.verdict, Verdict::Inconclusive);
        prop_assert!(judgement.findings.iter().all(|finding| finding.status == Skip));
        prop_assert!(judgement.chain.is_none());
    }

    #[test]
    fn only_critical_failures_fail_and_only_whole_visits_pass(
        reason in any_reason(),
        phase in any_phase(),
        mode in proptest::sample::select(&ClientCertificateMode::ALL[..]),
        suite in any::<u16>().prop_map(CipherSuite),
        group in proptest::option::of(any::<u16>().prop_map(NamedGroup)),
        completed: bool,
    ) {
        let mut observation = asking(ended(good(chain(&[])), phase, reason), mode);
        let handshake = handshake(&mut observation);
        handshake.cipher_suite = Some(suite);
        handshake.group = group;
        handshake.completed = completed;
        let judgement = judge(&observation, None);
        let failed = judgement.findings.iter().any(|f| f.status == Fail && f.severity == Severity::Critical);
        prop_assert_eq!(judgement.verdict == Verdict::Fail, failed);
    }
}

#[test]
fn the_parameters_of_rcgen_are_what_the_tests_think() {
    // A leaf without extended key usage has no such extension: rcgen leaves an empty list out.
    let certificate = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let der = certificate.self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(chain(&[der.der()]).leaf().unwrap().extended_key_usage, None);
}

#[test]
fn a_handshake_that_the_endpoint_broke_fails_and_one_that_only_ended_was_not_seen() {
    use CheckId::HandshakeCompletes;
    check(&[
        (
            "finished",
            |_| {},
            &[(HandshakeCompletes, Pass, "was finished")],
            Verdict::Pass,
        ),
        (
            "broken after it was finished",
            |o| *o = ended(o.clone(), Phase::Sip, Reason::BadRecord),
            &[(HandshakeCompletes, Pass, "was finished")],
            Verdict::Warn,
        ),
    ]);
    let pki = Pki::new();
    let chain = pki.chain(&Leaf::default());
    for reason in Reason::ALL {
        let proven = [
            (Reason::BadKeyExchangeSignature, "not signed with the key"),
            (Reason::BadRecord, "does not verify"),
            (Reason::ProtocolViolation, "breaks the rules"),
            (Reason::MalformedTls, "cannot be read"),
        ];
        let proven = proven.iter().find(|(known, _)| known == reason);
        let mut seen = ended(good(Arc::clone(&chain)), Phase::Handshake, *reason);
        for has_hello in [true, false] {
            if !has_hello {
                handshake(&mut seen).version = None;
                handshake(&mut seen).cipher_suite = None;
            }
            let judgement = judge(&seen, Some(pki.roots()));
            let finding = judgement.finding(HandshakeCompletes).unwrap();
            match proven.filter(|_| has_hello) {
                Some((_, part)) => {
                    assert_eq!(finding.status, Fail, "{reason}");
                    assert!(finding.summary.contains(part), "{reason}: {}", finding.summary);
                    assert!(finding.evidence.contains(reason.code()) && !finding.remedy.is_empty());
                    assert_eq!(judgement.verdict, Verdict::Fail, "{reason}");
                }
                None => {
                    assert_eq!(finding.status, Skip, "{reason}");
                    assert_eq!(
                        judgement.verdict,
                        Verdict::Inconclusive,
                        "{reason}: {:#?}",
                        judgement.findings
                    );
                }
            }
        }
    }
    for seen in [
        refused(AlertDescription::HANDSHAKE_FAILURE),
        nothing(Phase::Connect, Reason::ConnectTimeout),
        Observation {
            target: Arc::new(Target {
                depth: Depth::Hello,
                ..target(HOST)
            }),
            ..{
                let mut seen = good(chain);
                handshake(&mut seen).completed = false;
                seen
            }
        },
    ] {
        let judgement = judge(&seen, Some(pki.roots()));
        assert_eq!(status(&judgement, HandshakeCompletes), Skip, "{:?}", seen.error);
    }
}

#[test]
fn a_signature_that_cannot_be_computed_leaves_trust_open() {
    let pki = Pki::new();
    // ecdsa-with-SHA256 (1.2.840.10045.4.3.2) made into a number that nobody knows, in both places.
    let known = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let mut leaf = pki.leaf(&Leaf::default());
    let places: Vec<usize> = (0..leaf.len() - 8)
        .filter(|at| leaf[*at..].starts_with(&known))
        .collect();
    assert_eq!(places.len(), 2);
    for at in places {
        leaf[at + 7] = 0x63;
    }
    let seen = good(chain(&[&leaf, pki.intermediate.der()]));
    let judgement = judge(&seen, Some(pki.roots()));
    for id in [CheckId::ChainTrustedByPeer, CheckId::ChainComplete] {
        assert_eq!(status(&judgement, id), Skip, "{id}");
        let summary = summary(&judgement, id);
        assert!(summary.contains("1.2.840.10045.4.3.99"), "{summary}");
    }
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    // Something else that fails still does.
    let mut without = seen.clone();
    handshake(&mut without).version = Some(ProtocolVersion::TLS_1_0);
    assert_eq!(judge(&without, Some(pki.roots())).verdict, Verdict::Fail);
    // And roots that it cannot lead to are none.
    let other = Pki::of(
        authority("Other Root", (2040, 1, 1)),
        authority("Other", (2030, 1, 1)),
    );
    let judgement = judge(&seen, Some(other.roots()));
    assert_eq!(status(&judgement, CheckId::ChainTrustedByPeer), Fail);
}
