//! Damaged and malicious input: no panic, no unbounded work.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rcgen::{ExtendedKeyUsagePurpose, GeneralSubtree, NameConstraints, SanType};
use siptls_cert::{
    Certificate, CertificateError, Chain, MAX_CERTIFICATE, Name, PathProblem, RootSet, assess_path, dates,
    effective_purposes, match_name,
};

use super::pki;

/// A leaf with many kinds of extensions under a constrained intermediate.
fn rich_chain() -> [Vec<u8>; 3] {
    let root = pki::root(pki::ca_params("Rich Root"));
    let mut params = pki::ca_params("Rich Intermediate");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("example.test".to_owned()),
            GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_v4_prefix([192, 0, 2, 0], 24)),
        ],
        excluded_subtrees: vec![GeneralSubtree::Rfc822Name("bad.test".to_owned())],
    });
    let intermediate = pki::under(&root, params);
    let mut params = pki::leaf_params("sbc.example.test");
    params.subject_alt_names.extend([
        pki::uri("sip:example.test"),
        SanType::IpAddress([192, 0, 2, 7].into()),
        SanType::OtherName((vec![1, 2, 3], rcgen::OtherNameValue::Utf8String("x".to_owned()))),
    ]);
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.crl_distribution_points = vec![rcgen::CrlDistributionPoint {
        uris: vec!["http://crl.example.test/a.crl".into()],
    }];
    params.custom_extensions = vec![pki::ca_issuers("http://ca.example.test/i.cer")];
    [
        pki::leaf(&intermediate, params),
        pki::der(&intermediate),
        pki::der(&root),
    ]
}

fn roots(ders: &[Vec<u8>]) -> RootSet {
    RootSet::from_certificates(
        "test",
        ders.iter()
            .map(|der| Certificate::from_der(der).unwrap())
            .collect(),
    )
}

/// Asks every question and checks what must hold for any answer.
fn exercise(sent: &[Vec<u8>], set: &RootSet) {
    let chain = Chain::parse(sent.iter().map(Vec::as_slice));
    assert_eq!(chain.entries.len(), sent.len());
    let path = assess_path(&chain, set);
    assert_eq!(path.anchor.is_some(), path.problem.is_none());
    assert!(path.anchor.is_none() || path.complete == Some(true));
    assert!(
        path.certificates
            .iter()
            .all(|index| chain.certificate(*index).is_some())
    );
    let findings = dates(&chain, &path, "2026-01-01T00:00:00Z".parse().unwrap());
    assert!(findings.len() >= path.certificates.len());
    let allowed = effective_purposes(&chain, &path);
    if let Some(leaf) = chain.leaf() {
        assert!(allowed.is_none() || path.certificates.len() > 1 || allowed == leaf.extended_key_usage);
        let found = match_name(leaf, "sbc.example.test");
        assert_eq!(
            found.matched.is_some(),
            found.common_name || found.webpki || found.rfc5922
        );
    }
    let readable = chain.certificates().count();
    assert_eq!(
        chain.ordered().is_some(),
        !sent.is_empty() && readable == sent.len()
    );
    assert_ne!(chain.id(), Chain::default().id());
    assert!(!format!("{chain:?}").is_empty());
    if let Some(problem) = path.problem {
        assert!(!problem.to_string().is_empty());
    }
}

#[test]
fn cut_at_every_point() {
    let [leaf, intermediate, root] = rich_chain();
    let set = roots(std::slice::from_ref(&root));
    for end in 0..leaf.len() {
        assert!(Certificate::from_der(&leaf[..end]).is_err(), "cut at {end}");
        exercise(&[leaf[..end].to_vec(), intermediate.clone()], &set);
    }
    let whole = Chain::parse([leaf.as_slice(), &intermediate]);
    assert_eq!(assess_path(&whole, &set).problem, None);
    let longer = [leaf.as_slice(), &[0, 0]].concat();
    assert_eq!(
        Certificate::from_der(&longer).unwrap_err(),
        CertificateError::TrailingBytes { count: 2 }
    );
    let huge = vec![0; MAX_CERTIFICATE + 1];
    assert_eq!(
        Certificate::from_der(&huge).unwrap_err(),
        CertificateError::TooLong { found: huge.len() }
    );
}

#[test]
fn every_byte_changed() {
    let [leaf, intermediate, root] = rich_chain();
    let set = roots(&[root]);
    for at in 0..leaf.len() {
        for value in [0x00, 0x7f, 0x80, 0xff, leaf[at] ^ 1, leaf[at].wrapping_add(1)] {
            let mut changed = leaf.clone();
            changed[at] = value;
            let chain = Chain::parse([changed.as_slice(), &intermediate]);
            assert!(
                changed == leaf || assess_path(&chain, &set).problem.is_some(),
                "byte {at} set to {value:#x} still verifies"
            );
            exercise(&[changed, intermediate.clone()], &set);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutations(
        changes in prop::collection::vec((0..3_usize, any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
    ) {
        thread_local!(static CHAIN: [Vec<u8>; 3] = rich_chain());
        CHAIN.with(|original| {
            let set = roots(&original[2..]);
            let mut sent = original.to_vec();
            for (which, index, value, kind) in changes {
                let at = index.index(sent[which].len());
                match kind {
                    0 => sent[which][at] = value,
                    1 => sent[which].insert(at, value),
                    _ => { sent[which].remove(at); }
                }
            }
            exercise(&sent, &set);
        });
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(name) = Name::from_der(&bytes) {
            prop_assert_eq!(name.der(), bytes.as_slice());
            prop_assert!(name.text().chars().all(|letter| !letter.is_control()));
        }
        exercise(&[bytes], &RootSet::default());
    }
}

#[test]
fn a_thicket_of_one_name_costs_little() {
    // Every certificate may be the issuer of every other one, and none is signed by any: no key identifiers.
    let mut sent = Vec::new();
    for _ in 0..20 {
        let mut params = pki::ca_params("Thicket");
        params.use_authority_key_identifier_extension = false;
        let stranger = pki::root(params.clone());
        sent.push(pki::der(&pki::under(&stranger, params)));
    }
    let start = Instant::now();
    let chain = Chain::parse(sent.iter().map(Vec::as_slice));
    let path = assess_path(&chain, &RootSet::default());
    assert_eq!(path.problem, Some(PathProblem::PathTooComplex));
    assert_eq!(path.complete, None);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());

    // Eight keys that all certify each other: exponentially many honest paths, none to a root.
    let keys: Vec<_> = (0..8).map(|_| pki::key()).collect();
    let name = |at: usize| pki::ca_params(&format!("Mesh {at}"));
    let mut sent = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        for (other, other_key) in keys.iter().enumerate().filter(|(other, _)| *other != at) {
            let issuer = rcgen::Issuer::new(name(other), pki::again(other_key));
            sent.push(name(at).signed_by(key, &issuer).unwrap().der().to_vec());
        }
    }
    let start = Instant::now();
    let chain = Chain::parse(sent.iter().map(Vec::as_slice));
    assert_eq!(
        assess_path(&chain, &RootSet::default()).problem,
        Some(PathProblem::PathTooComplex)
    );
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
