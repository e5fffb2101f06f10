//! What a scraper reads of the series of targets.

mod common;

use common::reader::{read, value};
use common::{chain, failed, good, series, shown, target};
use siptls_metrics::{
    Exposition, Kind, MAX_SERIES_PER_TARGET, Moment, Own, ProbeResult, Scope, Series, Shown, Subject, Tally,
    families, fit, probe_answer, render,
};
use siptls_model::{PhaseDurations, Reason};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const ONE: &str = "192.0.2.7:5061";
const TWO: &str = "[2001:db8::7]:5061";

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn text(series: &[Series]) -> String {
    let all: Vec<_> = series.iter().cloned().map(shown).collect();
    String::from_utf8(render(&all)).unwrap()
}

#[test]
fn a_full_visit_shows_every_family_and_a_failed_one_makes_nothing_up() {
    let a = target("a", &[("site", "fra")]);
    let b = target("b", &[]);
    let all = [
        series(&good(&a, ONE.parse().unwrap())),
        series(&failed(&b, Some(TWO.parse().unwrap()), Reason::ConnectTimeout)),
    ];
    let text = text(&all);
    let samples = read(&text);
    assert_eq!(samples.len(), all.iter().map(Series::samples).sum::<usize>());

    let of = |target: &str| -> BTreeSet<String> {
        let own = samples.iter().filter(|sample| sample.labels["target"] == target);
        own.map(|sample| sample.name.clone()).collect()
    };
    let expected: BTreeSet<String> = families()
        .iter()
        .filter(|family| family.scope == Scope::Address)
        .flat_map(|family| match family.kind {
            Kind::Histogram => ["_bucket", "_count", "_sum"]
                .map(|suffix| format!("{}{suffix}", family.name))
                .to_vec(),
            _ => vec![family.name.to_owned()],
        })
        .collect();
    assert_eq!(of("a"), expected);
    let nothing_seen = [
        "siptls_backoff_seconds",
        "siptls_client_certificate_mode",
        "siptls_connection_budget_remaining",
        "siptls_connections_total",
        "siptls_inconclusive_probes",
        "siptls_last_probe_timestamp_seconds",
        "siptls_maintenance",
        "siptls_phase_duration_seconds_bucket",
        "siptls_phase_duration_seconds_count",
        "siptls_phase_duration_seconds_sum",
        "siptls_probe_interval_seconds",
        "siptls_probes_total",
        "siptls_up",
        "siptls_verdict",
    ];
    assert_eq!(
        of("b").iter().map(String::as_str).collect::<Vec<_>>(),
        nothing_seen
    );

    let one = |name: &str, labels: &[(&str, &str)]| value(&samples, name, labels);
    let a = ("target", "a");
    for (name, label, expected) in [
        ("siptls_version_accepted", ("version", "TLSv1.1"), Some(0.0)),
        ("siptls_version_accepted", ("version", "TLSv1.2"), Some(1.0)),
        ("siptls_version_accepted", ("version", "TLSv1.3"), Some(1.0)),
        (
            "siptls_cipher_suite_accepted",
            ("cipher_suite", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
            Some(1.0),
        ),
        (
            "siptls_cipher_suite_accepted",
            ("cipher_suite", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            None,
        ),
        ("siptls_group_accepted", ("group", "secp384r1"), Some(1.0)),
        (
            "siptls_client_identity_accepted",
            ("identity", "today"),
            Some(1.0),
        ),
        (
            "siptls_client_identity_accepted",
            ("identity", "to\"morrow"),
            Some(0.0),
        ),
        ("siptls_client_identity_accepted", ("identity", "silent"), None),
    ] {
        assert_eq!(one(name, &[a, label]), expected, "{name} {label:?}");
    }
    assert_eq!(
        one("siptls_last_survey_timestamp_seconds", &[a]),
        Some(1_795_330_800.0)
    );
    assert_eq!(
        one(
            "siptls_up",
            &[
                a,
                ("address", ONE),
                ("profile", "genesys-byoc-customer"),
                ("site", "fra")
            ]
        ),
        Some(1.0)
    );
    assert_eq!(one("siptls_up", &[("target", "b"), ("address", TWO)]), Some(0.0));
    for (mode, holds) in [
        ("unknown", 1.0),
        ("not_requested", 0.0),
        ("optional", 0.0),
        ("required", 0.0),
    ] {
        assert_eq!(
            one(
                "siptls_client_certificate_mode",
                &[("target", "b"), ("mode", mode)]
            ),
            Some(holds),
            "{mode}: a state set is whole even when nothing of TLS was seen"
        );
    }
    assert_eq!(one("siptls_verdict", &[a, ("verdict", "warn")]), Some(1.0));
    assert_eq!(one("siptls_verdict", &[a, ("verdict", "pass")]), Some(0.0));
    assert_eq!(
        one("siptls_verdict", &[("target", "b"), ("verdict", "inconclusive")]),
        Some(1.0)
    );
    let asked = ("check", "client-certificate-not-requested");
    assert_eq!(
        one("siptls_check_passed", &[a, asked, ("severity", "critical")]),
        Some(1.0)
    );
    assert_eq!(one("siptls_check_warning", &[a, asked]), Some(1.0));
    let identity = ("check", "sip-identity-rfc5922");
    assert_eq!(
        one("siptls_check_passed", &[a, identity, ("severity", "info")]),
        Some(0.0)
    );
    assert_eq!(one("siptls_check_warning", &[a, identity]), Some(0.0));
    assert_eq!(
        one("siptls_check_passed", &[a, ("check", "addresses-agree")]),
        None
    );
    assert_eq!(one("siptls_probes_total", &[a, ("reason", "ok")]), Some(1.0));
    assert_eq!(
        one("siptls_probes_total", &[a, ("reason", "connect_timeout")]),
        Some(0.0)
    );
    assert_eq!(
        one(
            "siptls_probes_total",
            &[("target", "b"), ("reason", "connect_timeout")]
        ),
        Some(1.0)
    );
    assert_eq!(
        samples
            .iter()
            .filter(|s| s.name == "siptls_probes_total" && s.labels["target"] == "b")
            .count(),
        Reason::ALL.len() + 1
    );
    assert_eq!(
        one("siptls_last_probe_timestamp_seconds", &[a]),
        Some(1_795_330_800.305)
    );
    assert_eq!(one("siptls_probe_interval_seconds", &[a]), Some(60.0));
    let negotiated = [
        ("version", "TLSv1.2"),
        ("cipher_suite", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    ];
    assert_eq!(
        one(
            "siptls_negotiated_info",
            &[a, negotiated[0], negotiated[1], ("group", "secp384r1")]
        ),
        Some(1.0)
    );
    assert_eq!(
        one("siptls_client_certificate_mode", &[a, ("mode", "optional")]),
        Some(1.0)
    );
    assert_eq!(
        one("siptls_client_certificate_mode", &[a, ("mode", "required")]),
        Some(0.0)
    );
    assert_eq!(one("siptls_client_certificate_authorities", &[a]), Some(1.0));
    let leaf = ("position", "0");
    assert_eq!(
        one("siptls_certificate_not_after_timestamp_seconds", &[a, leaf]),
        Some(1_798_761_600.0)
    );
    assert_eq!(
        one("siptls_certificate_not_before_timestamp_seconds", &[a, leaf]),
        Some(-315_619_200.0)
    );
    assert_eq!(
        one(
            "siptls_certificate_extended_key_usage",
            &[a, leaf, ("purpose", "client_auth")]
        ),
        Some(1.0)
    );
    assert_eq!(
        one(
            "siptls_certificate_extended_key_usage",
            &[a, leaf, ("purpose", "sip_domain")]
        ),
        Some(0.0)
    );
    let root = [a, ("position", "1"), ("purpose", "server_auth")];
    assert_eq!(
        one("siptls_certificate_extended_key_usage", &root),
        None,
        "the root has no such extension"
    );
    assert_eq!(one("siptls_chain_complete", &[a]), Some(1.0));
    assert_eq!(one("siptls_chain_trusted", &[a]), Some(1.0));
    assert_eq!(
        samples
            .iter()
            .filter(|sample| sample.name == "siptls_trust_anchor_info")
            .count(),
        1
    );
    assert!(
        one("siptls_trust_anchor_not_after_timestamp_seconds", &[a])
            > one(
                "siptls_certificate_not_after_timestamp_seconds",
                &[a, ("position", "0")]
            ),
        "a root ends after the leaf"
    );
    assert_eq!(
        one("siptls_revocation_status", &[a, ("status", "good")]),
        Some(1.0)
    );
    assert_eq!(
        one("siptls_revocation_status", &[a, ("status", "not_checked")]),
        None
    );
    assert_eq!(
        one("siptls_crl_next_update_timestamp_seconds", &[a]),
        Some(1_795_935_600.0)
    );
    assert_eq!(one("siptls_sip_response_code", &[a]), Some(200.0));
    assert_eq!(
        one("siptls_phase_duration_seconds_sum", &[a, ("phase", "tls")]),
        Some(0.031)
    );
    assert_eq!(
        one(
            "siptls_phase_duration_seconds_bucket",
            &[a, ("phase", "tls"), ("le", "0.025")]
        ),
        Some(0.0)
    );
    assert_eq!(
        one(
            "siptls_phase_duration_seconds_bucket",
            &[a, ("phase", "tls"), ("le", "0.05")]
        ),
        Some(1.0)
    );
    assert_eq!(
        one("siptls_phase_duration_seconds_count", &[a, ("phase", "resolve")]),
        None
    );
}

#[test]
fn text_of_peers_and_operators_survives_the_format() {
    let hostile = target(
        "x\"} 1\nsiptls_up{target=\"y",
        &[("site", "a\\b"), ("verdict", "fail"), ("a-b", "c")],
    );
    let samples = read(&text(&[series(&good(&hostile, ONE.parse().unwrap()))]));
    let certificate = samples
        .iter()
        .find(|s| s.name == "siptls_certificate_info")
        .unwrap();
    let subject = certificate.labels["subject"].clone();
    assert!(!subject.contains(['\n', '\u{1b}', '\u{202e}']), "{subject:?}");
    assert!(subject.contains("a\\\"b"), "{subject:?}");
    let (chain, _) = chain();
    assert_eq!(certificate.labels["serial"], chain.leaf().unwrap().serial);
    for sample in &samples {
        assert_eq!(sample.labels["target"], "x\"} 1\\u{a}siptls_up{target=\"y");
        assert_eq!(sample.labels["site"], "a\\b");
        assert_eq!(
            sample.labels.contains_key("verdict"),
            sample.name == "siptls_verdict"
        );
    }
}

#[test]
fn a_counter_goes_on_from_visit_to_visit() {
    let a = target("a", &[]);
    let first = series(&good(&a, ONE.parse().unwrap()));
    let (observation, judgement) = failed(&a, Some(ONE.parse().unwrap()), Reason::ConnectionRefused);
    let mut tally = first.tally().clone();
    tally.count(&observation);
    let second = Series::new(first.subject().clone(), tally, &observation, &judgement);
    let samples = read(&text(&[second]));
    assert_eq!(
        value(&samples, "siptls_probes_total", &[("reason", "ok")]),
        Some(1.0)
    );
    assert_eq!(
        value(
            &samples,
            "siptls_probes_total",
            &[("reason", "connection_refused")]
        ),
        Some(1.0)
    );
    assert_eq!(
        value(
            &samples,
            "siptls_phase_duration_seconds_count",
            &[("phase", "connect")]
        ),
        Some(2.0)
    );
    assert_eq!(
        value(&samples, "siptls_certificate_info", &[]),
        None,
        "what is not seen any more is gone"
    );
}

#[test]
fn what_holds_at_the_scrape_does_not_wait_for_a_visit() {
    let a = target("a", &[]);
    let series = Arc::new(series(&good(&a, ONE.parse().unwrap())));
    let moment = |connections_left, millis, maintenance| Shown {
        series: Arc::clone(&series),
        moment: Moment {
            connections_left,
            pause: Duration::from_millis(millis),
            maintenance,
        },
    };
    for (shown, expected) in [
        (moment(Some(0), 80_500, true), [Some(0.0), Some(80.5), Some(1.0)]),
        (moment(Some(7), 0, false), [Some(7.0), Some(0.0), Some(0.0)]),
        (moment(None, 0, false), [None, Some(0.0), Some(0.0)]),
    ] {
        let samples = read(std::str::from_utf8(&render(&[shown])).unwrap());
        let names = [
            "siptls_connection_budget_remaining",
            "siptls_backoff_seconds",
            "siptls_maintenance",
        ];
        assert_eq!(names.map(|name| value(&samples, name, &[])), expected);
        assert_eq!(value(&samples, "siptls_connections_total", &[]), Some(1.0));
    }
}

#[test]
fn an_address_of_which_every_visit_was_postponed_is_neither_up_nor_down() {
    let mut visit = failed(&target("a", &[]), Some(ONE.parse().unwrap()), Reason::Postponed);
    visit.0.phases = PhaseDurations::default();
    let samples = read(&text(&[series(&visit)]));
    assert_eq!(value(&samples, "siptls_up", &[]), None);
    assert_eq!(value(&samples, "siptls_last_probe_timestamp_seconds", &[]), None);
    assert_eq!(value(&samples, "siptls_connections_total", &[]), Some(0.0));
    for (name, label) in [
        ("siptls_probes_total", ("reason", "postponed")),
        ("siptls_verdict", ("verdict", "inconclusive")),
    ] {
        assert_eq!(value(&samples, name, &[label]), Some(1.0));
    }
}

#[test]
fn a_target_over_its_limit_loses_certificates_first_then_addresses() {
    let a = target("a", &[]);
    let made = || {
        ["192.0.2.1:5061", "192.0.2.2:5061", "192.0.2.3:5061"]
            .map(|address| series(&good(&a, address.parse().unwrap())))
    };
    let one = made()[0].samples();
    let mut all = made();
    assert_eq!(fit(&mut all, MAX_SERIES_PER_TARGET), 0);
    assert_eq!(fit(&mut all, 3 * one), 0);

    let limit = 2 * one - 1;
    let dropped = fit(&mut all, limit);
    let samples = read(&text(&all));
    assert_eq!(samples.len() + dropped, 3 * one);
    assert!(samples.len() <= limit);
    let certificates = |address: &str| {
        samples
            .iter()
            .filter(|s| s.name == "siptls_certificate_info" && s.labels["address"] == address)
            .count()
    };
    assert_eq!(certificates("192.0.2.1:5061"), 2);
    assert_eq!(certificates("192.0.2.2:5061"), 1);
    assert!(samples.iter().any(|s| s.labels["address"] == "192.0.2.2:5061"));
    assert!(samples.iter().all(|s| s.labels["address"] != "192.0.2.3:5061"));
}

#[test]
fn an_answer_of_probe_is_that_probe_and_nothing_else() {
    let a = target("a", &[]);
    let result = ProbeResult {
        success: true,
        duration: Duration::from_millis(55),
    };
    let answer = String::from_utf8(probe_answer(
        result,
        &[shown(series(&good(&a, ONE.parse().unwrap())))],
    ))
    .unwrap();
    let samples = read(&answer);
    assert_eq!(value(&samples, "probe_success", &[]), Some(1.0));
    assert_eq!(value(&samples, "probe_duration_seconds", &[]), Some(0.055));
    assert_eq!(value(&samples, "siptls_up", &[("target", "a")]), Some(1.0));
    assert!(
        samples
            .iter()
            .all(|s| s.name.starts_with("probe_") || s.labels.contains_key("target"))
    );
}

#[test]
fn ten_thousand_targets_come_in_chunks_that_are_the_same_text() {
    let all: Vec<Shown> = (0..10_000)
        .map(|index| {
            let target = target(&format!("target-{index:05}"), &[("site", "fra")]);
            let mut visit = good(&target, ONE.parse().unwrap());
            visit.0.target = target;
            shown(series(&visit))
        })
        .collect();
    let expected: usize = all.iter().map(|one| one.series.samples()).sum();
    let mut samples = 0;
    let mut families_seen = Vec::new();
    let (mut longest, mut chunks) = (0, 0);
    for chunk in Exposition::new(all.clone()) {
        assert_eq!(chunk.last(), Some(&b'\n'));
        longest = longest.max(chunk.len());
        chunks += 1;
        for line in std::str::from_utf8(&chunk).unwrap().lines() {
            match line.strip_prefix("# TYPE ") {
                Some(rest) => families_seen.push(rest.split_once(' ').unwrap().0.to_owned()),
                None if line.starts_with('#') => {}
                None => {
                    samples += 1;
                    assert!(line.starts_with(families_seen.last().unwrap()), "{line}");
                }
            }
        }
    }
    assert_eq!(samples, expected);
    assert_eq!(
        families_seen.len(),
        families().iter().filter(|f| f.scope == Scope::Address).count()
    );
    assert!(longest < 128 * 1024 && chunks > 1_000, "{longest} {chunks}");

    let few: Vec<_> = all.into_iter().take(700).collect();
    let streamed: Vec<u8> = Exposition::new(few.clone()).flatten().collect();
    assert_eq!(streamed, render(&few));
    assert!(Exposition::new(Vec::new()).next().is_none());
}

#[test]
fn own_metrics_and_series_make_one_sound_text() {
    let own = Own::new("0.0.0", "").unwrap();
    let mut all = own.render();
    all.extend(render(&[shown(series(&good(
        &target("a", &[]),
        ONE.parse().unwrap(),
    )))]));
    let samples = read(std::str::from_utf8(&all).unwrap());
    assert!(value(&samples, "siptls_targets", &[]).is_some());
    assert!(value(&samples, "siptls_up", &[]).is_some());
    assert_eq!(Tally::default().visits(), 0);
    assert_eq!(
        Subject::new(&target("a", &[]), "").labels(),
        r#"target="a",address="",profile="genesys-byoc-customer""#
    );
}
