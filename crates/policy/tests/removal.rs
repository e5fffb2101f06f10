//! The removal of clientAuth: every case of the endpoint's side against every case of the load balancers'.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the other tests, which use the rest"
)]
mod common;

use common::*;
use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use siptls_catalog::{BALANCER_PROFILE, DEFAULT_PROFILE};
use siptls_model::{
    CheckId, ClientCertificateMode, Finding, Observation, PeerRegion, Severity, Status, Target, Verdict,
};
use siptls_policy::peer_side;
use std::sync::Arc;

use ClientCertificateMode::{Optional, Required, Unknown};
use Status::{Fail, Pass, Skip, Warn};

const BALANCERS: [&str; 4] = [
    "lb01.voice.euc1.pure.cloud",
    "lb02.voice.euc1.pure.cloud",
    "lb03.voice.euc1.pure.cloud",
    "lb04.voice.euc1.pure.cloud",
];

/// A load balancer as a visit saw it; `None`: nothing was seen of it.
fn balancer(pki: &Pki, host: &'static str, leaf: Option<&Leaf>) -> Observation {
    let target = Target::new(host, host.parse().unwrap(), BALANCER_PROFILE);
    let chain = match leaf {
        Some(leaf) => pki.chain(&Leaf {
            common_name: host,
            dns: vec![host],
            ..leaf.clone()
        }),
        None => chain(&[]),
    };
    Observation {
        target: Arc::new(target),
        ..good(chain)
    }
}

fn both(until: (i32, u8, u8)) -> Leaf {
    Leaf {
        usages: vec![ServerAuth, ClientAuth],
        not_after: until,
        ..Leaf::default()
    }
}

/// An endpoint of a region, dialled by the first load balancers of it with these certificates.
fn endpoint(pki: &Pki, region: Option<&str>, leaves: &[Option<Leaf>]) -> Observation {
    let mut seen = good(pki.chain(&Leaf::default()));
    let target = Target {
        peer_region: region.map(str::to_owned),
        ..target(HOST)
    };
    seen.target = Arc::new(target);
    let balancers: Vec<_> = BALANCERS
        .into_iter()
        .zip(leaves)
        .map(|(host, leaf)| balancer(pki, host, leaf.as_ref()))
        .collect();
    seen.peer_region = peer_side(&seen, &balancers).map(Arc::new);
    seen
}

fn ready(pki: &Pki, seen: &Observation, now: &str) -> Finding {
    let judgement = judge_by(customer(), seen, Some(pki.roots()), now);
    judgement.finding(CheckId::EkuRemovalReady).unwrap().clone()
}

#[test]
fn both_sides_put_together() {
    let pki = Pki::new();
    let gone = || Some(Leaf::default());
    let until = |day| Some(both((2027, 2, day)));
    for (mode, region, leaves, status, part) in [
        (Required, None, vec![until(14)], Skip, "no peer_region"),
        (Required, Some("euc1"), vec![], Skip, "none of them was seen"),
        (Required, Some("euc1"), vec![None], Skip, "none of them was seen"),
        (
            Required,
            Some("euc2"),
            vec![until(14)],
            Skip,
            "none of them was seen",
        ),
        (
            Required,
            Some("euc1"),
            vec![until(14), until(14)],
            Warn,
            "Affected: the endpoint insists on a client certificate, and by 2027-02-14 at the latest (in 83 days) no load balancer of euc1 that was seen can present clientAuth any more: then calls stop",
        ),
        (
            Required,
            Some("euc1"),
            vec![until(14), until(1)],
            Warn,
            "by 2027-02-14 at the latest (in 83 days) no load balancer of euc1 that was seen can present clientAuth any more, the first of them from 2027-02-01 on: then calls stop",
        ),
        (
            Required,
            Some("euc1"),
            vec![until(14), gone()],
            Fail,
            "Already affected: the endpoint insists on a client certificate, and lb02.voice.euc1.pure.cloud of euc1 presents no clientAuth: their calls fail",
        ),
        (
            Required,
            Some("euc1"),
            vec![gone(), gone()],
            Fail,
            "no load balancer of euc1 that was seen presents clientAuth: their calls fail",
        ),
        (
            Optional,
            Some("euc1"),
            vec![until(14)],
            Warn,
            "May be affected: the endpoint asks for a client certificate and goes on without one, and by 2027-02-14",
        ),
        (
            Optional,
            Some("euc1"),
            vec![gone()],
            Warn,
            "Already affected if Genesys BYOC Cloud still presents a certificate",
        ),
        (
            Unknown,
            Some("euc1"),
            vec![until(14)],
            Warn,
            "May be affected: the endpoint asks for a client certificate, and",
        ),
    ] {
        let seen = asking(endpoint(&pki, region, &leaves), mode);
        let finding = ready(&pki, &seen, NOW);
        assert_eq!(finding.status, status, "{mode:?} {region:?}: {finding:?}");
        assert_eq!(finding.severity, Severity::Critical);
        assert!(
            finding.summary.contains(part),
            "{mode:?} {region:?}: {}",
            finding.summary
        );
        assert_eq!(finding.remedy.is_empty(), status == Pass, "{finding:?}");
    }
}

#[test]
fn who_asks_for_nothing_is_not_affected_and_what_was_not_seen_is_not_known() {
    let pki = Pki::new();
    let seen = endpoint(&pki, Some("euc1"), &[Some(Leaf::default())]);
    let judgement = judge_by(customer(), &seen, Some(pki.roots()), NOW);
    assert_eq!(judgement.finding(CheckId::EkuRemovalReady).unwrap().status, Pass);
    assert_eq!(judgement.verdict, Verdict::Pass);
    let mut blind = seen.clone();
    blind.handshake = None;
    assert_eq!(ready(&pki, &blind, NOW).status, Skip);
}

#[test]
fn as_of_a_day_after_the_certificates_end_it_has_happened() {
    let pki = Pki::new();
    let seen = asking(
        endpoint(&pki, Some("euc1"), &[Some(both((2027, 2, 14)))]),
        Required,
    );
    for (now, status) in [
        (NOW, Warn),
        ("2027-02-13T23:59:59Z", Warn),
        ("2027-02-14T00:00:00Z", Fail),
        ("2027-03-15T00:00:00Z", Fail),
    ] {
        assert_eq!(ready(&pki, &seen, now).status, status, "{now}");
    }
    let finding = ready(&pki, &seen, "2027-03-15T00:00:00Z");
    assert!(
        finding.evidence.contains("clientAuth, but ended on 2027-02-14"),
        "{}",
        finding.evidence
    );
}

#[test]
fn the_evidence_names_certificates_issuers_dates_and_who_was_not_seen() {
    let pki = Pki::new();
    let seen = asking(
        endpoint(
            &pki,
            Some("euc1"),
            &[Some(both((2027, 2, 14))), None, Some(Leaf::default())],
        ),
        Optional,
    );
    let evidence = ready(&pki, &seen, NOW).evidence;
    let region: &PeerRegion = seen.peer_region.as_deref().unwrap();
    assert_eq!(
        region.unseen,
        ["lb02.voice.euc1.pure.cloud", "lb04.voice.euc1.pure.cloud"]
    );
    for part in [
        "lb01.voice.euc1.pure.cloud at 192.0.2.7:5061 [",
        "]: clientAuth until 2027-02-14",
        "no clientAuth since 2026-09-01 or before",
        "not seen: lb02.voice.euc1.pure.cloud, lb04.voice.euc1.pure.cloud",
        "Chrome Root Program issues none with clientAuth from 2027-03-15 on (Chrome Root Program Policy 1.8",
    ] {
        assert!(evidence.contains(part), "{part}: {evidence}");
    }
}

#[test]
fn whoever_was_visited_first_the_order_is_that_of_the_names() {
    let pki = Pki::new();
    let leaf = both((2027, 2, 14));
    let seen: Vec<_> = BALANCERS.map(|host| balancer(&pki, host, Some(&leaf))).into();
    let sbc = endpoint(&pki, Some("euc1"), &[]);
    for order in [[0, 1, 2, 3], [3, 1, 0, 2]] {
        let region = peer_side(&sbc, order.iter().map(|index| &seen[*index])).unwrap();
        let hosts: Vec<&str> = region.certificates.iter().map(|one| one.host.as_str()).collect();
        assert_eq!(hosts, BALANCERS);
    }
}

#[test]
fn a_load_balancer_speaks_for_itself() {
    let pki = Pki::new();
    let seen = balancer(&pki, BALANCERS[0], Some(&both((2027, 2, 14))));
    let own = peer_side(&seen, []).unwrap();
    assert_eq!((own.region.as_str(), own.certificates.len()), ("euc1", 1));
    assert_eq!(
        own.removal_deadline(),
        Some("2027-02-14T00:00:00Z".parse().unwrap())
    );
    // An endpoint of no region has no other side, whatever was seen elsewhere.
    let stranger = good(pki.chain(&Leaf::default()));
    assert_eq!(stranger.target.profile, DEFAULT_PROFILE);
    assert_eq!(peer_side(&stranger, [&seen]), None);
}
