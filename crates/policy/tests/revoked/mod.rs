//! What revocation lists say, judged.

use super::common::*;
use siptls_model::{
    CertificateRevocation, CheckId, Judgement, Observation, Revocation, RevocationStatus, Standing, Status,
    Timestamp, Verdict,
};
use siptls_policy::Judge;
use std::sync::Arc;

const ID: CheckId = CheckId::CertificateNotRevoked;

fn one(index: usize, standing: Standing, reason: &str) -> CertificateRevocation {
    CertificateRevocation {
        index,
        standing,
        reason: reason.to_owned(),
        url: Some("http://crl.example.test/a.crl".to_owned()),
        next_update: (standing == Standing::Good).then(|| at("2026-11-29T00:00:00Z")),
    }
}

fn judged(certificates: Vec<CertificateRevocation>) -> Judgement {
    let pki = Pki::new();
    let observation = Observation {
        revocation: Some(Arc::new(Revocation { certificates })),
        ..good(pki.chain(&Leaf::default()))
    };
    judge(&observation, Some(pki.roots()))
}

#[test]
fn revoked_outweighs_unknown_and_unknown_good() {
    let since = at("2026-11-20T00:00:00Z");
    let is_good = || one(0, Standing::Good, "");
    let judgement = judged(vec![is_good(), one(1, Standing::Good, "")]);
    assert_eq!(
        (status(&judgement, ID), judgement.verdict),
        (Status::Pass, Verdict::Pass)
    );
    assert_eq!(
        summary(&judgement, ID),
        "No certificate of the path is revoked, by lists that hold until 2026-11-29T00:00:00Z"
    );
    let revoked = Standing::Revoked { since };
    let judgement = judged(vec![
        one(0, Standing::Unusable, "ended"),
        one(1, revoked, "revoked since yesterday"),
    ]);
    assert_eq!(
        (status(&judgement, ID), judgement.verdict),
        (Status::Fail, Verdict::Fail)
    );
    assert_eq!(
        summary(&judgement, ID),
        "Revoked: certificate 1, Lab Intermediate, revoked since yesterday"
    );
    let finding = judgement.finding(ID).unwrap();
    assert!(
        finding.remedy.contains("an intermediate that is not revoked"),
        "{finding:?}"
    );
    assert!(
        finding
            .evidence
            .contains("0 unknown: ended (http://crl.example.test/a.crl)"),
        "{finding:?}"
    );
    let judgement = judged(vec![one(0, revoked, "revoked since yesterday"), is_good()]);
    assert!(
        judgement
            .finding(ID)
            .unwrap()
            .remedy
            .contains("replace the certificate and its key")
    );
    assert_eq!(
        judgement.chain.unwrap().revocation.status(),
        RevocationStatus::Revoked
    );
}

#[test]
fn not_knowing_never_fails_and_warns_only_of_lasting_trouble() {
    let unreachable = |since: &str| Standing::Unreachable { since: at(since) };
    for (standing, expected, verdict) in [
        (Standing::Unasked, Status::Skip, Verdict::Pass),
        (unreachable("2026-11-22T02:59:00Z"), Status::Skip, Verdict::Pass),
        (unreachable("2026-11-21T03:00:01Z"), Status::Skip, Verdict::Pass),
        (unreachable("2026-11-21T03:00:00Z"), Status::Warn, Verdict::Warn),
        (Standing::Unusable, Status::Warn, Verdict::Warn),
    ] {
        let judgement = judged(vec![one(0, standing, "no list"), one(1, Standing::Good, "")]);
        assert_eq!(
            (status(&judgement, ID), judgement.verdict),
            (expected, verdict),
            "{standing:?}"
        );
        assert_eq!(
            summary(&judgement, ID),
            "Whether the endpoint's certificate is revoked is not known: no list"
        );
        assert_eq!(
            judgement.chain.unwrap().revocation.status(),
            RevocationStatus::Unknown
        );
    }
}

#[test]
fn another_day_of_judgement_makes_no_list_older() {
    let pki = Pki::new();
    let since: Timestamp = at(NOW);
    let observation = Observation {
        revocation: Some(Arc::new(Revocation {
            certificates: vec![one(0, Standing::Unreachable { since }, "no list")],
        })),
        ..good(pki.chain(&Leaf::default()))
    };
    let judgement = judge_by(
        customer(),
        &observation,
        Some(pki.roots()),
        "2027-01-15T00:00:00Z",
    );
    assert_eq!(status(&judgement, ID), Status::Skip);
}

#[test]
fn lists_are_asked_about_paths_to_a_trusted_root_alone() {
    let (pki, other) = (Pki::new(), Pki::new());
    let observation = good(pki.chain(&Leaf::default()));
    let asked = |judge: &Judge| judge.links(&observation).len();
    let judge = |profile, roots| Judge::new(profile, roots, &observation.target);
    assert_eq!(asked(&judge(customer(), Some(pki.roots()))), 2);
    assert_eq!(
        asked(&judge(customer(), Some(other.roots()))),
        0,
        "an untrusted chain"
    );
    assert_eq!(asked(&judge(customer(), None)), 0, "not on the caller's list");
    let generic = siptls_catalog::profile("sip-tls-generic").unwrap();
    assert_eq!(asked(&judge(generic, None)), 2, "no roots to go by");
    let untrusted = Observation {
        revocation: Some(Arc::default()),
        ..observation.clone()
    };
    let judgement = super::common::judge(&untrusted, Some(other.roots()));
    assert_eq!(
        summary(&judgement, ID),
        "No revocation list was asked: no certificate leads to a trusted root"
    );
}
