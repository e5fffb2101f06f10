use super::super::samples;
use super::*;
use siptls_cert::{Anchor, Path, PathProblem};
use siptls_model::{CertificateRevocation, ChainJudgement, Revocation, Verdict};
use std::sync::Arc;

fn picture(observation: &Observation, path: Path, standing: Option<Standing>) -> String {
    let certificates = standing.map(|standing| CertificateRevocation {
        index: 0,
        standing,
        reason: String::new(),
        url: None,
        next_update: None,
    });
    let judgement = Judgement {
        chain: Some(ChainJudgement {
            path,
            name_match: None,
            revocation: Revocation {
                certificates: certificates.into_iter().collect(),
            },
            opinions: Vec::new(),
        }),
        ..Judgement::blank(observation.started_at, Verdict::Pass)
    };
    let mut out = String::new();
    write(&mut out, observation, &judgement);
    assert!(
        !out.contains("style=") && !out.contains("<script"),
        "the policy of the page forbids it"
    );
    assert_eq!(out.matches("<svg").count(), out.matches("</svg>").count());
    out
}

fn path(certificates: &[usize], problem: Option<PathProblem>) -> Path {
    let anchor = problem.is_none().then(|| Anchor {
        name: "CN=Public Root".to_owned(),
        subject_hash: "0a1b2c3d".to_owned(),
        group: "genesys-cloud".to_owned(),
        not_before: Timestamp::from_second(1_000_000_000).unwrap(),
        not_after: Timestamp::from_second(2_000_000_000).unwrap(),
        spki_sha256: [0; 32],
    });
    Path {
        anchor,
        complete: None,
        certificates: certificates.to_vec(),
        root_sent: None,
        problem,
    }
}

#[test]
fn a_whole_chain_ends_at_the_callers_root() {
    insta::assert_snapshot!(picture(
        &samples::optional(),
        path(&[0, 1], None),
        Some(Standing::Good)
    ));
}

#[test]
fn a_missing_intermediate_is_a_gap() {
    let mut observation = samples::optional();
    let chain = observation.chain.as_ref().unwrap();
    let leaf = Chain::parse([chain.entries[0].der()]);
    observation.chain = Some(Arc::new(leaf));
    let problem = PathProblem::MissingIntermediate {
        issuer: "CN=Issuing CA <b>".to_owned(),
        subject_hash: "11223344".to_owned(),
        urls: vec!["http://pki.example.test/ca.cer".to_owned()],
    };
    insta::assert_snapshot!(picture(&observation, path(&[0], Some(problem)), None));
}

#[test]
fn revoked_expired_and_disordered_certificates_say_so() {
    let mut observation = samples::optional();
    let chain = observation.chain.as_ref().unwrap();
    let ders: Vec<&[u8]> = chain.entries.iter().map(|entry| entry.der()).collect();
    let strays = Chain::parse([ders[0], ders[0], b"no certificate", ders[1]]);
    let since = Timestamp::from_second(1_790_000_000).unwrap();
    let expiry = strays.entries[0].certificate().unwrap().not_after;
    observation.started_at = expiry + std::time::Duration::from_secs(86_400);
    observation.chain = Some(Arc::new(strays));
    let html = picture(
        &observation,
        path(&[0, 3], None),
        Some(Standing::Revoked { since }),
    );
    for text in [
        "expired on",
        "revoked on 2026-09-21",
        "not on the path",
        "cannot be read",
        "the next is the same once more",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    let html = picture(&samples::optional(), path(&[1, 0], None), None);
    assert!(
        html.contains("sent in the wrong order: the path is 1, 0"),
        "{html}"
    );
}

#[test]
fn markup_in_a_certificate_stays_text() {
    let mut parameters = rcgen::CertificateParams::new(vec!["sbc.example.test".to_owned()]).unwrap();
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, "<script>alert(1)</script>".repeat(60));
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let mut observation = samples::optional();
    observation.chain = Some(Arc::new(Chain::parse([&certificate.der()[..]])));
    let html = picture(&observation, path(&[0], Some(PathProblem::SelfSignedLeaf)), None);
    assert!(html.contains("&lt;script&gt;") && html.contains("self-signed: nobody vouches for it"));
    assert!(html.len() < 12_000, "{}", html.len());
}
