//! Lifetimes under a real public root. Nobody here can sign with its key, but it is a certificate itself: one of a
//! server that sends nothing else.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the other tests, which use the rest"
)]
mod common;

use common::*;
use siptls_catalog::{profiles, root_group};
use siptls_model::{CheckId, Observation, Severity, Status};
use std::sync::Arc;

fn root_as_leaf(name: &str) -> Observation {
    let listed = root_group("genesys-byoc-customer").unwrap();
    let root = listed
        .roots
        .roots()
        .iter()
        .find(|root| root.name == name)
        .unwrap();
    good(chain(&[&root.certificate.der]))
}

#[test]
fn a_public_certificate_of_twenty_years_fails_in_every_profile_and_changes_no_verdict() {
    let seen = root_as_leaf("ISRG Root X2");
    assert_eq!(profiles().len(), 3);
    for profile in profiles() {
        let judgement = judge_by(Arc::clone(profile), &seen, None, NOW);
        let finding = judgement.finding(CheckId::CertificateLifetime).unwrap();
        assert_eq!((finding.status, finding.severity), (Status::Fail, Severity::Info));
        assert_eq!(
            finding.summary,
            "The certificate lasts 7319 days, but 398 are allowed when issued on 2020-09-04; renewed on 2040-09-17 it \
             lasts 47 days at most"
        );
        assert!(
            finding
                .evidence
                .contains("under ISRG Root X2, which browsers trust"),
            "{}",
            finding.evidence
        );
        assert!(
            finding.remedy.contains("browsers' rules refuse this one"),
            "{}",
            finding.remedy
        );
    }
}

#[test]
fn the_operators_own_trust_anchors_do_not_make_a_public_certificate_private() {
    let seen = root_as_leaf("ISRG Root X2");
    let judgement = judge(&seen, Some(Pki::new().roots()));
    assert_eq!(status(&judgement, CheckId::CertificateLifetime), Status::Fail);
}

#[test]
fn what_no_browser_trusts_and_what_was_not_read_is_skipped() {
    // On the BYOC list, no longer on the browsers'.
    let judgement = judge(&root_as_leaf("DigiCert RSA4096 Root G5"), None);
    assert_eq!(status(&judgement, CheckId::ChainTrustedByPeer), Status::Pass);
    assert_eq!(status(&judgement, CheckId::CertificateLifetime), Status::Skip);
    let pki = Pki::new();
    for (ders, part) in [
        (vec![], "No certificate was read"),
        (vec![b"\x30\x03abc".to_vec()], "cannot be read"),
        (
            vec![pki.leaf(&Leaf::default())],
            "is not known: the intermediate certificate",
        ),
    ] {
        let ders: Vec<&[u8]> = ders.iter().map(Vec::as_slice).collect();
        let mut seen = good(chain(&ders));
        seen.chain = seen.chain.filter(|_| !ders.is_empty());
        let judgement = judge(&seen, None);
        let finding = judgement.finding(CheckId::CertificateLifetime).unwrap();
        assert_eq!(finding.status, Status::Skip);
        assert!(finding.summary.contains(part), "{part}: {}", finding.summary);
    }
}
