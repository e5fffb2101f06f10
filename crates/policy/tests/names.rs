//! Names that would pass: what to dial instead, under each profile's own rule.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the other tests, which use the rest"
)]
mod common;

use common::*;
use siptls_catalog::{BALANCER_PROFILE, DEFAULT_PROFILE, NameRule, Profile, profile};
use siptls_model::{CheckId, Finding, Observation, SrvRecord, Status, Target};
use std::sync::Arc;

const TRUNK: &str = "acme.byoc.mypurecloud.com";

/// The shape of a real leaf of us-east-1: the region's load balancers, and no trunk's domain.
const USE1: [&str; 5] = [
    "voice.mypurecloud.com",
    "lb01.voice.use1.pure.cloud",
    "lb02.voice.use1.pure.cloud",
    "lb03.voice.use1.pure.cloud",
    "lb04.voice.use1.pure.cloud",
];

fn leaf(dns: &[&'static str]) -> Leaf {
    Leaf {
        common_name: dns.first().copied().unwrap_or("other.test"),
        dns: dns.to_vec(),
        ..Leaf::default()
    }
}

/// A good visit of a target that sent this leaf.
fn seen(leaf: &Leaf, target: Target) -> Observation {
    let pki = Pki::new();
    Observation {
        target: Arc::new(target),
        ..good(pki.chain(leaf))
    }
}

fn dialled(name: &str, profile: &str) -> Target {
    Target::new("acme", name.parse().unwrap(), profile)
}

fn name_finding(profile: Arc<Profile>, seen: &Observation) -> Finding {
    let judgement = judge_by(profile, seen, None, NOW);
    judgement.finding(CheckId::ServerNameMatches).unwrap().clone()
}

fn with_rule(rule: NameRule) -> Arc<Profile> {
    let mut profile = (*customer()).clone();
    profile.name_rule = rule;
    Arc::new(profile)
}

#[test]
fn a_trunk_domain_is_told_the_load_balancers_that_the_certificate_is_for() {
    let cloud = profile(BALANCER_PROFILE).unwrap();
    let finding = name_finding(
        Arc::clone(&cloud),
        &seen(&leaf(&USE1), dialled(TRUNK, BALANCER_PROFILE)),
    );
    assert_eq!(finding.status, Status::Fail);
    assert_eq!(
        finding.remedy,
        "dial a name that the certificate is for: lb01.voice.use1.pure.cloud, lb02.voice.use1.pure.cloud, \
         lb03.voice.use1.pure.cloud, lb04.voice.use1.pure.cloud, voice.mypurecloud.com; if \
         acme.byoc.mypurecloud.com is to be dialled, report to the platform that runs the endpoint: use a certificate \
         with the DNS name acme.byoc.mypurecloud.com"
    );
    // A wildcard is no name to dial, the published names that it covers are.
    let finding = name_finding(
        Arc::clone(&cloud),
        &seen(
            &leaf(&["*.voice.euc1.pure.cloud"]),
            dialled(TRUNK, BALANCER_PROFILE),
        ),
    );
    assert!(
        finding.remedy.starts_with(
            "dial a name that the certificate is for: lb01.voice.euc1.pure.cloud, lb02.voice.euc1.pure.cloud, \
             lb03.voice.euc1.pure.cloud, lb04.voice.euc1.pure.cloud; if"
        ),
        "{}",
        finding.remedy
    );
    // Nothing at hand passes: nothing is made up.
    let finding = name_finding(
        cloud,
        &seen(&leaf(&["*.other.test"]), dialled(TRUNK, BALANCER_PROFILE)),
    );
    assert_eq!(
        finding.remedy,
        "report to the platform that runs the endpoint: use a certificate with the DNS name \
         acme.byoc.mypurecloud.com, or dial a name that the certificate carries"
    );
}

#[test]
fn a_customers_endpoint_is_told_its_own_names_and_no_load_balancers() {
    let names = [
        "*.acme.test",
        "sbc1.acme.test",
        "SBC1.acme.test",
        "sbc2.acme.test",
    ];
    let finding = name_finding(customer(), &seen(&leaf(&names), target("trunk.example.test")));
    assert_eq!(
        (finding.status, &*finding.remedy),
        (
            Status::Fail,
            "on the endpoint: use a certificate with the DNS name trunk.example.test, or have a name dialled that \
             this one is for: sbc1.acme.test, sbc2.acme.test"
        )
    );
    // A load balancer's certificate at a customer's endpoint: its own names alone.
    let finding = name_finding(
        customer(),
        &seen(&leaf(&["*.voice.use1.pure.cloud"]), target(HOST)),
    );
    assert!(
        finding
            .remedy
            .ends_with("or dial a name that the certificate carries"),
        "{}",
        finding.remedy
    );
}

#[test]
fn the_endpoints_host_and_the_srv_target_come_first() {
    let both = leaf(&["a.acme.test", "node.acme.test", "sbc.acme.test"]);
    let mut named = target("sbc.acme.test");
    named.server_name = Some("old.acme.test".to_owned());
    let mut visit = seen(&both, named);
    let finding = name_finding(customer(), &visit);
    assert!(
        finding
            .remedy
            .ends_with(": sbc.acme.test, a.acme.test, node.acme.test"),
        "{}",
        finding.remedy
    );
    visit.srv = Some(Arc::new(SrvRecord {
        owner: "_sips._tcp.sbc.acme.test".to_owned(),
        priority: 10,
        weight: 1,
        target: "node.acme.test".to_owned(),
        port: 5061,
    }));
    let finding = name_finding(customer(), &visit);
    assert_eq!(finding.status, Status::Warn, "{finding:?}");
    assert!(
        finding
            .remedy
            .ends_with(": sbc.acme.test, node.acme.test, a.acme.test"),
        "{}",
        finding.remedy
    );
}

#[test]
fn only_names_that_pass_by_the_rule_are_told() {
    // The common name counts under one rule, SIP URIs replace DNS names under another.
    let by_common_name = Leaf {
        common_name: "cn.acme.test",
        dns: vec!["san.acme.test"],
        ..Leaf::default()
    };
    let with_uri = Leaf {
        uri: vec!["sip:acme.test"],
        ..by_common_name.clone()
    };
    for (rule, leaf, end) in [
        (
            NameRule::CnOrSan,
            &by_common_name,
            ": san.acme.test, cn.acme.test",
        ),
        (NameRule::Rfc9525, &by_common_name, ": san.acme.test"),
        (NameRule::Rfc5922, &by_common_name, ": san.acme.test"),
        (
            NameRule::Rfc5922,
            &with_uri,
            "or dial a name that the certificate carries",
        ),
    ] {
        let finding = name_finding(with_rule(rule), &seen(leaf, target(HOST)));
        assert_eq!(finding.status, Status::Fail, "{rule:?}");
        assert!(finding.remedy.ends_with(end), "{rule:?}: {}", finding.remedy);
    }
}

#[test]
fn an_address_is_told_the_names_and_a_name_is_told_an_address_only_where_that_passes() {
    let with_address = Leaf {
        ip: vec!["192.0.2.7"],
        ..leaf(&["sbc.acme.test"])
    };
    let finding = name_finding(customer(), &seen(&with_address, target("192.0.2.7")));
    assert_eq!(finding.status, Status::Warn);
    assert!(
        finding
            .remedy
            .ends_with("the name that the caller dials; the certificate is for sbc.acme.test"),
        "{}",
        finding.remedy
    );
    let mut named = dialled("192.0.2.7", "sip-tls-generic");
    named.server_name = Some("old.acme.test".to_owned());
    let finding = name_finding(
        profile("sip-tls-generic").unwrap(),
        &seen(&with_address, named.clone()),
    );
    assert!(
        finding.remedy.ends_with(": 192.0.2.7, sbc.acme.test"),
        "{}",
        finding.remedy
    );
    named.profile = DEFAULT_PROFILE.to_owned();
    let finding = name_finding(customer(), &seen(&with_address, named));
    assert!(
        finding.remedy.ends_with("for: sbc.acme.test"),
        "{}",
        finding.remedy
    );
}

#[test]
fn the_list_is_bounded() {
    let many: Vec<&'static str> = (0..60)
        .map(|n| &*Box::leak(format!("sbc{n:02}.acme.test").into_boxed_str()))
        .collect();
    let finding = name_finding(customer(), &seen(&leaf(&many), target(HOST)));
    assert!(
        finding.remedy.ends_with(
            ": sbc00.acme.test, sbc01.acme.test, sbc02.acme.test, sbc03.acme.test, sbc04.acme.test, sbc05.acme.test, \
             and more"
        ),
        "{}",
        finding.remedy
    );
}
