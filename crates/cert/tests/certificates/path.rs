//! Verdicts on chains good and faulty; where `openssl verify` and webpki have an opinion it must be the same.
//! Long, because it is one case after the other on one private PKI.

use std::time::Duration;

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertifiedIssuer, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use siptls_cert::{
    Certificate, Chain, DateStatus, Path, PathProblem, Position, Purpose, RootSet, assess_path, dates,
    earliest_end, effective_purposes,
};

use super::{openssl, pki};

const NOW: &str = "2026-11-22T00:00:00Z";

fn root_set(roots: &[Vec<u8>]) -> RootSet {
    RootSet::from_certificates(
        "test",
        roots
            .iter()
            .map(|der| Certificate::from_der(der).unwrap())
            .collect(),
    )
}

pub(crate) fn assess(sent: &[Vec<u8>], roots: &[Vec<u8>]) -> Path {
    let path = assess_path(&Chain::parse(sent.iter().map(Vec::as_slice)), &root_set(roots));
    assert_eq!(path.anchor.is_some(), path.problem.is_none());
    if let Some(problem) = &path.problem {
        let text = problem.to_string();
        assert!(
            !text.ends_with('.') && !text.starts_with(char::is_uppercase),
            "{text}"
        );
    }
    path
}

fn webpki_verifies(sent: &[Vec<u8>], roots: &[Vec<u8>]) -> bool {
    let sent: Vec<CertificateDer<'_>> = sent
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let roots: Vec<CertificateDer<'_>> = roots
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let anchors: Vec<_> = roots
        .iter()
        .map(|der| webpki::anchor_from_trusted_cert(der).unwrap())
        .collect();
    let Ok(leaf) = webpki::EndEntityCert::try_from(&sent[0]) else {
        return false;
    };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(1_795_000_000));
    let usage = webpki::KeyUsage::server_auth();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &sent[1..],
        time,
        usage,
        None,
        None,
    )
    .is_ok()
}

/// Both oracles give the same verdict as we do.
fn assess_like_all(sent: &[Vec<u8>], roots: &[Vec<u8>]) -> Path {
    let path = assess(sent, roots);
    let verdict = path.anchor.is_some();
    assert_eq!(
        openssl::verifies(sent, roots),
        verdict,
        "openssl verify; we say {path:?}"
    );
    assert_eq!(webpki_verifies(sent, roots), verdict, "webpki; we say {path:?}");
    path
}

struct Pki {
    root: pki::Authority,
    intermediate: pki::Authority,
    leaf: Vec<u8>,
}

fn pki() -> Pki {
    let root = pki::root(pki::ca_params("Test Root"));
    let intermediate = pki::under(&root, pki::ca_params("Test Intermediate"));
    let mut params = pki::leaf_params("sbc.example.test");
    params.custom_extensions = vec![pki::ca_issuers("http://ca.example.test/i.cer")];
    let leaf = pki::leaf(&intermediate, params);
    Pki {
        root,
        intermediate,
        leaf,
    }
}

impl Pki {
    fn root(&self) -> Vec<u8> {
        pki::der(&self.root)
    }

    fn intermediate(&self) -> Vec<u8> {
        pki::der(&self.intermediate)
    }

    fn ordered(&self, sent: &[Vec<u8>]) -> Option<bool> {
        Chain::parse(sent.iter().map(Vec::as_slice)).ordered()
    }
}

#[test]
fn complete_chains_in_every_shape() {
    let pki = pki();
    let stray = pki::der(&pki::root(pki::ca_params("Stray")));
    let (leaf, intermediate, root) = (pki.leaf.clone(), pki.intermediate(), pki.root());
    for (sent, indices, root_sent, ordered) in [
        (vec![&leaf, &intermediate], vec![0, 1], None, true),
        (vec![&leaf, &intermediate, &root], vec![0, 1], Some(2), true),
        (vec![&leaf, &root, &intermediate], vec![0, 2], Some(1), false),
        (vec![&leaf, &stray, &intermediate], vec![0, 2], None, false),
        (
            vec![&leaf, &leaf, &intermediate, &intermediate],
            vec![0, 2],
            None,
            false,
        ),
    ] {
        let sent: Vec<Vec<u8>> = sent.into_iter().cloned().collect();
        let path = assess_like_all(&sent, std::slice::from_ref(&root));
        let anchor = path.anchor.unwrap();
        assert_eq!(
            (anchor.name.as_str(), anchor.group.as_str()),
            ("Test Root", "test")
        );
        assert_eq!(
            anchor.subject_hash,
            Certificate::from_der(&root).unwrap().subject.hash_hex()
        );
        assert_eq!(
            (path.complete, path.certificates, path.root_sent),
            (Some(true), indices, root_sent)
        );
        assert_eq!(pki.ordered(&sent), Some(ordered));
    }
    assert_eq!(pki.ordered(&[]), None);
    assert_eq!(pki.ordered(&[vec![1]]), None);
    let id = |sent: &[&[u8]]| Chain::parse(sent.iter().copied()).id();
    assert_eq!(id(&[&leaf, &root]), id(&[&leaf, &root]));
    assert_ne!(id(&[&leaf, &root]), id(&[&root, &leaf]));
    assert_ne!(id(&[&[1, 2], &[3]]), id(&[&[1], &[2, 3]]));
}

#[test]
fn missing_intermediate() {
    let pki = pki();
    let stray = pki::der(&pki::root(pki::ca_params("Stray")));
    for sent in [
        vec![pki.leaf.clone()],
        vec![pki.leaf.clone(), pki.root()],
        vec![pki.leaf.clone(), stray],
    ] {
        let path = assess_like_all(&sent, &[pki.root()]);
        assert_eq!(path.complete, Some(false));
        assert_eq!(path.certificates, [0]);
        let problem = path.problem.unwrap();
        let hash = Certificate::from_der(&pki.leaf).unwrap().issuer.hash_hex();
        assert_eq!(
            problem.to_string(),
            format!("the intermediate certificate CN=Test Intermediate,C=DE (hash {hash}) was not sent")
        );
        assert!(
            matches!(&problem, PathProblem::MissingIntermediate { urls, .. } if urls == &["http://ca.example.test/i.cer"])
        );
    }
}

#[test]
fn unknown_root() {
    let pki = pki();
    let other = pki::der(&pki::root(pki::ca_params("Other Root")));
    let path = assess_like_all(
        &[pki.leaf.clone(), pki.intermediate(), pki.root()],
        std::slice::from_ref(&other),
    );
    assert_eq!((path.complete, path.certificates), (Some(true), vec![0, 1, 2]));
    let hash = Certificate::from_der(&pki.root()).unwrap().subject.hash_hex();
    let expected = format!("the root CN=Test Root,C=DE (hash {hash}) is not trusted");
    assert_eq!(path.problem.unwrap().to_string(), expected);

    let path = assess_like_all(&[pki.leaf.clone(), pki.intermediate()], &[other]);
    assert_eq!((path.complete, path.certificates), (None, vec![0, 1]));
    let expected = format!(
        "the issuer CN=Test Root,C=DE (hash {hash}) of certificate 1 was not sent and is not a trusted root"
    );
    assert_eq!(path.problem.unwrap().to_string(), expected);

    let empty = assess(&[pki.leaf.clone(), pki.intermediate(), pki.root()], &[]);
    assert!(matches!(
        empty.problem,
        Some(PathProblem::UnknownRoot {
            same_name_trusted: false,
            ..
        })
    ));
}

#[test]
fn a_private_root_with_a_trusted_name() {
    let pki = pki();
    let namesake = pki::der(&pki::root(pki::ca_params("Test Root")));
    let sent = [pki.leaf.clone(), pki.intermediate(), pki.root()];
    let path = assess_like_all(&sent, std::slice::from_ref(&namesake));
    assert!(
        matches!(
            path.problem,
            Some(PathProblem::UnknownRoot {
                same_name_trusted: true,
                ..
            })
        ),
        "{path:?}"
    );
    let path = assess_like_all(&sent[..2], &[namesake]);
    assert!(
        matches!(
            path.problem,
            Some(PathProblem::UnknownIssuer {
                same_name_trusted: true,
                ..
            })
        ),
        "{path:?}"
    );
    assert_eq!(path.complete, None);
}

#[test]
fn a_namesake_is_told_apart_without_key_identifiers() {
    let bare = |mut params: rcgen::CertificateParams| {
        params.use_authority_key_identifier_extension = false;
        params
    };
    let root = pki::root(bare(pki::ca_params("Test Root")));
    let namesake = pki::der(&pki::root(bare(pki::ca_params("Test Root"))));
    let sent = [
        pki::leaf(&root, bare(pki::leaf_params("sbc.example.test"))),
        pki::der(&root),
    ];
    // The root that was sent signed the leaf: more is known than that the trusted one did not.
    let path = assess_like_all(&sent, std::slice::from_ref(&namesake));
    assert!(
        matches!(
            path.problem,
            Some(PathProblem::UnknownRoot {
                same_name_trusted: true,
                ..
            })
        ),
        "{path:?}"
    );
    let path = assess_like_all(&sent[..1], &[namesake]);
    assert!(
        matches!(path.problem, Some(PathProblem::BadSignature { index: 0, .. })),
        "{path:?}"
    );
}

#[test]
fn of_two_dead_ends_the_longer_is_told() {
    let pool = pool();
    let [lower_by_b, lower, middle] = [8, 6, 4].map(|index| pool.others[index].clone());
    for sent in [
        [lower_by_b.clone(), lower.clone(), middle.clone()],
        [middle, lower, lower_by_b],
    ] {
        let path = assess(&[std::slice::from_ref(&pool.leaf), &sent].concat(), &[]);
        assert_eq!(path.certificates.len(), 3, "{path:?}");
        let expected = "CN=Root A,C=DE";
        assert!(
            matches!(&path.problem, Some(PathProblem::UnknownIssuer { name, .. }) if name == expected),
            "{path:?}"
        );
    }
}

#[test]
fn self_signed_leaf() {
    let authority = pki::der(&pki::root(pki::ca_params("sbc.example.test")));
    let plain = pki::leaf_params("sbc.example.test")
        .self_signed(&pki::key())
        .unwrap()
        .der()
        .to_vec();
    for leaf in [authority, plain] {
        let sent = [leaf.clone()];
        let path = assess_like_all(&sent, &[pki().root()]);
        assert_eq!(
            (path.problem, path.complete),
            (Some(PathProblem::SelfSignedLeaf), Some(true))
        );
        // Trusted as it is: webpki refuses it, as a CA or for want of an issuer.
        let path = assess(&sent, &sent);
        assert!(openssl::verifies(&sent, &sent));
        assert_eq!((path.certificates.as_slice(), path.root_sent), (&[0][..], None));
        let chain = Chain::parse([leaf.as_slice()]);
        assert_eq!(
            dates(&chain, &path, NOW.parse().unwrap()).len(),
            1,
            "the leaf is its own anchor"
        );
    }
}

#[test]
fn direct_issue_by_a_root() {
    let root = pki::root(pki::ca_params("Test Root"));
    let leaf = pki::leaf(&root, pki::leaf_params("sbc.example.test"));
    assert_eq!(
        assess_like_all(std::slice::from_ref(&leaf), &[pki::der(&root)]).problem,
        None
    );
    let path = assess_like_all(&[leaf.clone(), pki::der(&root)], &[pki().root()]);
    assert!(
        matches!(path.problem, Some(PathProblem::UnknownRoot { .. })),
        "another root of this name: {path:?}"
    );
    assert_eq!(path.complete, Some(true));
}

#[test]
fn a_leaf_named_like_its_issuer() {
    let root = pki::root(pki::ca_params("sbc.example.test"));
    // rcgen gives subject key identifiers to authorities and to those who ask for not being one.
    let mut params = pki::leaf_params("sbc.example.test");
    params.is_ca = IsCa::ExplicitNoCa;
    let leaf = pki::leaf(&root, params);
    assert!(Certificate::from_der(&leaf).unwrap().self_issued);
    let sent = [leaf, pki::der(&root)];
    assert_eq!(assess_like_all(&sent, &sent[1..]).problem, None);
    assert!(matches!(
        assess(&sent, &[]).problem,
        Some(PathProblem::UnknownRoot { .. })
    ));
    let alone = assess_like_all(&sent[..1], &[pki().root()]);
    assert!(
        matches!(alone.problem, Some(PathProblem::MissingIntermediate { .. })),
        "{alone:?}"
    );
    let mut changed = pki::der(&root);
    *changed.last_mut().unwrap() ^= 1;
    let problem = assess(&[changed], &[]).problem;
    assert!(
        matches!(problem, Some(PathProblem::BadSignature { index: 0, .. })),
        "{problem:?}"
    );
}

#[test]
fn nothing_and_rubbish() {
    let pki = pki();
    assert_eq!(
        assess(&[], &[pki.root()]).problem,
        Some(PathProblem::NoCertificates)
    );
    let path = assess(&[vec![1, 2, 3], pki.intermediate()], &[pki.root()]);
    assert!(matches!(path.problem, Some(PathProblem::UnparsableLeaf { .. })));
    assert_eq!(path.complete, None);
    let path = assess(&[pki.leaf.clone(), vec![1, 2, 3]], &[pki.root()]);
    assert!(matches!(
        path.problem,
        Some(PathProblem::UnparsableCertificate { index: 1, .. })
    ));
    assert_eq!(path.complete, None);
    let path = assess(
        &[pki.leaf.clone(), vec![1, 2, 3], pki.intermediate()],
        &[pki.root()],
    );
    assert_eq!(path.problem, None);
}

#[test]
fn dates_never_decide_the_path() {
    let old = |mut params: rcgen::CertificateParams, from, to| {
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        params
    };
    // Three periods without a common moment: expired root, intermediate of the future, expired leaf.
    let root = pki::root(old(pki::ca_params("Old Root"), 2001, 2010));
    let intermediate = pki::under(&root, old(pki::ca_params("Young Intermediate"), 2030, 2040));
    let leaf = pki::leaf(
        &intermediate,
        old(pki::leaf_params("sbc.example.test"), 2020, 2021),
    );
    let sent = [leaf, pki::der(&intermediate)];
    let path = assess(&sent, &[pki::der(&root)]);
    assert_eq!((path.problem.clone(), path.complete), (None, Some(true)));
    assert!(openssl::verifies(&sent, &[pki::der(&root)]));

    let chain = Chain::parse(sent.iter().map(Vec::as_slice));
    let findings = dates(&chain, &path, NOW.parse().unwrap());
    let statuses: Vec<_> = findings
        .iter()
        .map(|finding| (finding.position, finding.status))
        .collect();
    assert_eq!(
        statuses,
        [
            (Position::Sent(0), DateStatus::Expired),
            (Position::Sent(1), DateStatus::NotYetValid),
            (Position::Root, DateStatus::Expired)
        ]
    );
    assert_eq!(findings[2].subject, "Old Root");
    assert_eq!(earliest_end(&findings).unwrap().position, Position::Root);
    let at = |text: &str| dates(&chain, &path, text.parse().unwrap())[0].status;
    assert_eq!(at("2019-12-31T23:59:59Z"), DateStatus::NotYetValid);
    assert_eq!(at("2020-01-01T00:00:00Z"), DateStatus::Valid);
    assert_eq!(at("2021-01-01T00:00:00Z"), DateStatus::Valid);
    assert_eq!(at("2021-01-01T00:00:01Z"), DateStatus::Expired);
}

#[test]
fn cross_signed_and_re_issued() {
    let old_root = pki::root(pki::ca_params("Old Root"));
    let new_key = pki::key();
    let new_root = pki::ca_params("New Root")
        .self_signed(&new_key)
        .unwrap()
        .der()
        .to_vec();
    let mut later = pki::ca_params("New Root");
    later.not_after = date_time_ymd(2045, 1, 1);
    let re_issued = later.self_signed(&new_key).unwrap().der().to_vec();
    let cross = pki::ca_params("New Root")
        .signed_by(&new_key, &old_root)
        .unwrap()
        .der()
        .to_vec();
    let new_issuer = Issuer::new(pki::ca_params("New Root"), pki::again(&new_key));
    let intermediate_key = pki::key();
    let intermediate_params = || pki::ca_params("Both");
    let intermediate = intermediate_params()
        .signed_by(&intermediate_key, &new_issuer)
        .unwrap()
        .der()
        .to_vec();
    let intermediate_issuer = Issuer::new(intermediate_params(), intermediate_key);
    let leaf = pki::leaf_params("sbc.example.test")
        .signed_by(&pki::key(), &intermediate_issuer)
        .unwrap()
        .der()
        .to_vec();
    let (old_root, sent) = (pki::der(&old_root), [leaf, intermediate, cross.clone()]);

    let by_old = assess_like_all(&sent, std::slice::from_ref(&old_root));
    assert_eq!(
        (by_old.anchor.unwrap().name.as_str(), by_old.certificates),
        ("Old Root", vec![0, 1, 2])
    );
    let by_new = assess_like_all(&sent, std::slice::from_ref(&new_root));
    assert_eq!(
        (by_new.anchor.unwrap().name.as_str(), by_new.certificates),
        ("New Root", vec![0, 1])
    );
    assert_eq!(
        by_new.root_sent,
        Some(2),
        "the cross-certificate is the trusted root's subject and key"
    );
    let both = assess_like_all(&sent, &[old_root.clone(), new_root.clone()]);
    assert_eq!(both.certificates, [0, 1], "the shortest");
    // The cross-certificate was not sent: the answer an operator needs is that either may be at fault.
    let without = assess_like_all(&sent[..2], std::slice::from_ref(&old_root));
    assert!(matches!(
        without.problem,
        Some(PathProblem::UnknownIssuer { index: 1, .. })
    ));
    assert_eq!(without.complete, None);
    // A re-issued root is the same root; the copy that ends last gives the dates.
    let re_issue = assess_like_all(&sent[..2], &[new_root.clone(), re_issued.clone()]);
    assert_eq!(
        re_issue.anchor.unwrap().not_after,
        Certificate::from_der(&re_issued).unwrap().not_after
    );
    let other_copy_sent = assess_like_all(&[sent[0].clone(), sent[1].clone(), new_root], &[re_issued]);
    assert_eq!(
        (other_copy_sent.problem, other_copy_sent.root_sent),
        (None, Some(2))
    );
    // The cross-certificate itself as a root, which OpenSSL takes with -partial_chain alone.
    assert_eq!(assess(&sent[..2], &[cross]).problem, None);
}

#[test]
fn the_intermediate_of_another_key() {
    let pki = pki();
    let namesake = pki::der(&pki::under(&pki.root, pki::ca_params("Test Intermediate")));
    // The key identifiers say so: the right one is missing.
    let path = assess_like_all(&[pki.leaf.clone(), namesake.clone()], &[pki.root()]);
    assert!(
        matches!(path.problem, Some(PathProblem::MissingIntermediate { .. })),
        "{path:?}"
    );
    assert_eq!(path.complete, Some(false));
    // Nothing says so: the signature does not verify.
    let mut params = pki::leaf_params("sbc.example.test");
    params.use_authority_key_identifier_extension = false;
    let leaf = pki::leaf(&pki.intermediate, params);
    let path = assess_like_all(&[leaf.clone(), namesake.clone()], &[pki.root()]);
    let issuer = "CN=Test Intermediate,C=DE".to_owned();
    assert_eq!(path.problem, Some(PathProblem::BadSignature { index: 0, issuer }));
    // Both were sent: webpki and we go back from the wrong one, OpenSSL 3.0 does not.
    let sent = [leaf, namesake, pki.intermediate()];
    assert_eq!(assess(&sent, &[pki.root()]).certificates, [0, 2]);
    assert!(webpki_verifies(&sent, &[pki.root()]));
}

#[test]
fn a_wrong_key_identifier_does_not_break_a_good_signature() {
    let pki = pki();
    // rcgen takes the identifier from the issuer's parameters: another method gives another identifier.
    let mut lying = pki::ca_params("Test Intermediate");
    lying.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(vec![1, 2, 3]);
    let issuer = Issuer::new(lying, pki::again(pki.intermediate.key()));
    let leaf = pki::leaf_params("sbc.example.test")
        .signed_by(&pki::key(), &issuer)
        .unwrap()
        .der()
        .to_vec();
    let sent = [leaf, pki.intermediate()];
    assert_eq!(assess(&sent, &[pki.root()]).problem, None);
    assert!(webpki_verifies(&sent, &[pki.root()]));
    assert!(
        !openssl::verifies(&sent, &[pki.root()]),
        "OpenSSL holds the identifier to be binding"
    );
}

#[test]
fn changed_certificates() {
    let pki = pki();
    for index in 0..2 {
        let mut sent = [pki.leaf.clone(), pki.intermediate()];
        *sent[index].last_mut().unwrap() ^= 1;
        let path = assess_like_all(&sent, &[pki.root()]);
        assert!(
            matches!(&path.problem, Some(PathProblem::BadSignature { index: found, .. }) if *found == index),
            "{path:?}"
        );
        assert_eq!(path.complete, Some(true));
    }
}

#[test]
fn issuers_that_must_not_issue() {
    let root = pki::root(pki::ca_params("Test Root"));
    let check = |params: rcgen::CertificateParams| {
        let key = pki::key();
        let shown = params.signed_by(&key, &root).unwrap().der().to_vec();
        let issuer = Issuer::new(pki::ca_params("Test Intermediate"), key);
        let leaf = pki::leaf_params("sbc.example.test")
            .signed_by(&pki::key(), &issuer)
            .unwrap()
            .der()
            .to_vec();
        let (sent, roots) = ([leaf, shown], [pki::der(&root)]);
        let problem = assess(&sent, &roots).problem;
        assert_eq!(openssl::verifies(&sent, &roots), problem.is_none());
        (problem, webpki_verifies(&sent, &roots))
    };
    let not_a_ca = |webpki| (Some(PathProblem::NotACa { index: 1 }), webpki);
    assert_eq!(check(pki::params("Test Intermediate")), not_a_ca(false));
    let mut params = pki::params("Test Intermediate");
    params.is_ca = IsCa::ExplicitNoCa;
    assert_eq!(check(params), not_a_ca(false));
    let mut params = pki::ca_params("Test Intermediate");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    assert_eq!(
        check(params),
        not_a_ca(true),
        "webpki does not look at the key usage of issuers"
    );
    let mut params = pki::ca_params("Test Intermediate");
    params.custom_extensions = vec![pki::critical_extension()];
    let oid = "1.3.6.1.4.1.99999.1".to_owned();
    assert_eq!(
        check(params),
        (
            Some(PathProblem::UnknownCriticalExtension { index: 1, oid }),
            false
        )
    );
    assert_eq!(check(pki::ca_params("Test Intermediate")), (None, true));
}

#[test]
fn path_length() {
    let root = pki::root(pki::ca_params("Test Root"));
    for (length, expected) in [
        (
            0,
            Some(PathProblem::PathLengthExceeded {
                index: 2,
                allowed: 0,
                found: 1,
            }),
        ),
        (1, None),
    ] {
        let mut params = pki::ca_params("Upper");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(length));
        let upper = pki::under(&root, params);
        let lower = CertifiedIssuer::signed_by(pki::ca_params("Lower"), pki::key(), &upper).unwrap();
        let leaf = pki::leaf(&lower, pki::leaf_params("sbc.example.test"));
        let path = assess_like_all(&[leaf, pki::der(&lower), pki::der(&upper)], &[pki::der(&root)]);
        assert_eq!((path.problem, path.complete), (expected, Some(true)));
    }
}

#[test]
fn unknown_critical_extension_in_the_leaf() {
    let pki = pki();
    let mut params = pki::leaf_params("sbc.example.test");
    params.custom_extensions = vec![pki::critical_extension()];
    let sent = [pki::leaf(&pki.intermediate, params), pki.intermediate()];
    let path = assess_like_all(&sent, &[pki.root()]);
    let oid = "1.3.6.1.4.1.99999.1".to_owned();
    assert_eq!(
        path.problem,
        Some(PathProblem::UnknownCriticalExtension { index: 0, oid })
    );
    assert_eq!(
        (path.complete, path.certificates),
        (Some(true), vec![0, 1]),
        "the chain is known all the same"
    );
    // An untrusted root weighs more.
    let problem = assess(&[sent[0].clone(), sent[1].clone(), pki.root()], &[]).problem;
    assert!(matches!(problem, Some(PathProblem::UnknownRoot { .. })));
}

#[test]
fn name_constraints() {
    let root = pki::root(pki::ca_params("Test Root"));
    let subtree = |text: &str| GeneralSubtree::DnsName(text.to_owned());
    for (permitted, excluded, expected) in [
        (vec![subtree("example.test")], vec![], true),
        (vec![subtree("other.test")], vec![], false),
        (vec![], vec![subtree("sbc.example.test")], false),
        (vec![], vec![subtree("other.test")], true),
        (
            vec![GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_v4_prefix(
                [192, 0, 2, 0],
                24,
            ))],
            vec![],
            true,
        ),
        (
            vec![GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_v4_prefix(
                [198, 51, 100, 0],
                24,
            ))],
            vec![],
            false,
        ),
    ] {
        let mut params = pki::ca_params("Constrained");
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted,
            excluded_subtrees: excluded,
        });
        let constrained = pki::under(&root, params);
        let mut params = pki::leaf_params("sbc.example.test");
        params
            .subject_alt_names
            .push(rcgen::SanType::IpAddress([192, 0, 2, 7].into()));
        let leaf = pki::leaf(&constrained, params);
        let path = assess_like_all(&[leaf, pki::der(&constrained)], &[pki::der(&root)]);
        assert_eq!(path.problem.is_none(), expected, "{path:?}");
        if let Some(problem) = path.problem {
            assert!(
                matches!(problem, PathProblem::NameConstraint { index: 0, .. }),
                "{problem}"
            );
        }
    }
}

#[test]
fn purposes_do_not_decide_the_path() {
    let root = pki::root(pki::ca_params("Test Root"));
    let mut params = pki::ca_params("Server CA");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let intermediate = pki::under(&root, params);
    let mut params = pki::leaf_params("sbc.example.test");
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    let leaf = pki::leaf(&intermediate, params);
    let sent = [leaf, pki::der(&intermediate)];
    let path = assess(&sent, &[pki::der(&root)]);
    assert_eq!(path.problem, None);
    let chain = Chain::parse(sent.iter().map(Vec::as_slice));
    assert_eq!(effective_purposes(&chain, &path), Some(vec![Purpose::ServerAuth]));
    let plain = pki();
    let chain = Chain::parse([plain.leaf.as_slice()]);
    assert_eq!(
        effective_purposes(&chain, &assess(std::slice::from_ref(&plain.leaf), &[])),
        None
    );
}

/// Everything that one leaf's neighbourhood can hold: two roots that certify each other, one re-issued, two keys of
/// one intermediate's name, strays.
struct Pool {
    leaf: Vec<u8>,
    others: Vec<Vec<u8>>,
    roots: Vec<Vec<u8>>,
}

fn pool() -> Pool {
    let mut others = Vec::new();
    let keys: Vec<_> = (0..5).map(|_| pki::key()).collect();
    let [root_a, root_b, middle, lower, namesake] = &keys[..] else {
        unreachable!()
    };
    let params = |name: &str| {
        let mut params = pki::ca_params(name);
        params.use_authority_key_identifier_extension = false;
        params
    };
    let mut issue = |name: &str, key: &rcgen::KeyPair, by: &str, by_key: &rcgen::KeyPair| {
        let issuer = Issuer::new(params(by), pki::again(by_key));
        let der = params(name).signed_by(key, &issuer).unwrap().der().to_vec();
        others.push(der.clone());
        der
    };
    let a = issue("Root A", root_a, "Root A", root_a);
    let b = issue("Root B", root_b, "Root B", root_b);
    issue("Root A", root_a, "Root B", root_b);
    issue("Root B", root_b, "Root A", root_a);
    issue("Middle", middle, "Root A", root_a);
    issue("Middle", middle, "Root B", root_b);
    issue("Lower", lower, "Middle", middle);
    issue("Lower", namesake, "Middle", middle);
    issue("Lower", lower, "Root B", root_b);
    let mut later = params("Root A");
    later.not_after = date_time_ymd(2045, 1, 1);
    let a_again = later.self_signed(root_a).unwrap().der().to_vec();
    let issuer = Issuer::new(params("Lower"), pki::again(lower));
    let leaf = pki::leaf_params("sbc.example.test")
        .signed_by(&pki::key(), &issuer)
        .unwrap()
        .der()
        .to_vec();
    let stray = pki::der(&pki::root(params("Stray")));
    others.push(stray.clone());
    Pool {
        leaf,
        others,
        roots: vec![a, b, a_again, stray],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_selection_is_judged_as_webpki_does(
        picks in prop::collection::vec(0..10_usize, 0..7),
        trusted in prop::sample::subsequence(vec![0, 1, 2, 3], 0..=3),
        ask_openssl in prop::bool::weighted(0.1),
    ) {
        thread_local!(static POOL: Pool = pool());
        POOL.with(|pool| {
            let mut sent = vec![pool.leaf.clone()];
            sent.extend(picks.iter().map(|pick| pool.others[*pick].clone()));
            let roots: Vec<Vec<u8>> = trusted.iter().map(|index| pool.roots[*index].clone()).collect();
            let path = assess(&sent, &roots);
            let verdict = path.anchor.is_some();
            assert_eq!(webpki_verifies(&sent, &roots), verdict, "{picks:?} {trusted:?}: {path:?}");
            // OpenSSL does not go back from a wrong turn: it may miss a path, it never finds one more.
            if ask_openssl && !roots.is_empty() {
                assert!(verdict || !openssl::verifies(&sent, &roots), "{picks:?} {trusted:?}: {path:?}");
            }
            let lower_sent = picks.iter().any(|pick| [6, 8].contains(pick));
            if !lower_sent && !picks.contains(&7) {
                assert!(matches!(path.problem, Some(PathProblem::MissingIntermediate { .. })), "{path:?}");
                assert_eq!(path.complete, Some(false));
            }
        });
    }
}
