//! Configurations that load: what they come to, the shipped examples, size.

use siptls_config::{KEYS, Plan, TargetOptions, load, load_str, target_from_options};
use siptls_model::{Depth, Target};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The folder of shipped configuration.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

fn read(text: &str) -> Plan {
    load_str(text, Path::new("t.yaml"), Path::new("")).unwrap_or_else(|faults| panic!("{faults}"))
}

fn target<'p>(plan: &'p Plan, name: &str) -> &'p Target {
    &plan
        .target(name)
        .unwrap_or_else(|| panic!("no target {name}"))
        .target
}

/// What has to be the same after a round trip through `effective_yaml`.
fn essence(plan: &Plan) -> Vec<(Target, String, Option<usize>)> {
    plan.targets
        .iter()
        .map(|planned| {
            let roots = planned.trust_anchors.as_ref().map(|roots| roots.roots().len());
            ((*planned.target).clone(), planned.profile.name.clone(), roots)
        })
        .collect()
}

fn round_trip(plan: &Plan) {
    let text = plan.effective_yaml();
    let again = load_str(&text, Path::new("effective.yaml"), Path::new("/nowhere"))
        .unwrap_or_else(|faults| panic!("{text}\n{faults}"));
    assert_eq!(essence(&again), essence(plan), "{text}");
    assert_eq!(
        (&again.probe, &again.profile_files, &again.revocation),
        (&plan.probe, &plan.profile_files, &plan.revocation),
        "{text}"
    );
    assert_eq!(again.effective_yaml(), text);
}

#[test]
fn defaults_apply_and_give_way() {
    let plan = read(
        "probe: {interval: 30s, depth: hello}\n\
         targets:\n\
         - {name: a, endpoint: a.example.test}\n\
         - {name: b, endpoint: 'b.example.test:5071', interval: 1h30m, timeout: 250ms, depth: routine, profile: sip-tls-generic}\n",
    );
    let (a, b) = (target(&plan, "a"), target(&plan, "b"));
    assert_eq!(
        (a.interval, a.timeout, a.depth),
        (Duration::from_secs(30), Duration::from_secs(10), Depth::Hello)
    );
    assert_eq!(a.profile, "genesys-byoc-customer");
    assert_eq!(
        (b.interval, b.timeout),
        (Duration::from_secs(5400), Duration::from_millis(250))
    );
    assert_eq!((b.depth, b.profile.as_str()), (Depth::Routine, "sip-tls-generic"));
    assert_eq!((a.endpoint.port(), b.endpoint.port()), (None, Some(5071)));
    assert_eq!(plan.files, [Path::new("t.yaml")]);
    assert!(plan.target("c").is_none());
    round_trip(&plan);
}

#[test]
fn timeout_and_survey_interval_follow_interval_and_depth_unless_set() {
    let plan = read(
        "probe: {interval: 5s}\n\
         targets:\n\
         - {name: a, endpoint: a.example.test}\n\
         - {name: b, endpoint: b.example.test, interval: 60s, depth: hello}\n\
         - {name: c, endpoint: c.example.test, survey_interval: off}\n\
         - {name: d, endpoint: d.example.test, survey_interval: 1m, depth: hello}\n",
    );
    let of = |name| {
        let target = target(&plan, name);
        (
            target.timeout.as_secs(),
            target.survey_interval.map(|every| every.as_secs()),
        )
    };
    assert_eq!(of("a"), (5, Some(6 * 3_600)));
    assert_eq!(of("b"), (10, Some(30 * 86_400)));
    assert_eq!(of("c"), (5, None));
    assert_eq!(of("d"), (5, Some(60)));
    round_trip(&plan);
    // `false` is what a reader of YAML 1.1 made of `off`.
    for (text, seconds) in [("off", None), ("false", None), ("12h", Some(43_200))] {
        let plan = read(&format!(
            "probe: {{survey_interval: {text}, timeout: 3s}}\ntargets: [{{name: a, endpoint: a.example.test, depth: hello}}]"
        ));
        assert_eq!(
            target(&plan, "a").survey_interval.map(|every| every.as_secs()),
            seconds
        );
        round_trip(&plan);
    }
}

#[test]
fn an_unset_budget_of_connections_never_blocks_the_schedule() {
    let plan = read(
        "targets:\n\
         - {name: a, endpoint: a.example.test}\n\
         - {name: b, endpoint: b.example.test, interval: 5s}\n\
         - {name: c, endpoint: c.example.test, interval: 7s}\n\
         - {name: d, endpoint: d.example.test, interval: 7d, connections_per_hour: 1}\n\
         - {name: e, endpoint: e.example.test, connections_per_hour: 60}\n\
         - {name: f, endpoint: f.example.test, connections_per_hour: 100000}\n",
    );
    let of = |name| target(&plan, name).connections_per_hour;
    assert_eq!(
        ["a", "b", "c", "d", "e", "f"].map(of),
        [600, 1_440, 1_030, 1, 60, 100_000]
    );
    round_trip(&plan);
    let plan = read(
        "probe: {connections_per_hour: 720}\n\
         targets: [{name: a, endpoint: a.example.test, interval: 5s}, {name: b, endpoint: b.example.test, connections_per_hour: 99}]",
    );
    assert_eq!(
        ["a", "b"].map(|name| target(&plan, name).connections_per_hour),
        [720, 99]
    );
    round_trip(&plan);
    let options = TargetOptions {
        timeout: Some("3s".to_owned()),
        ..TargetOptions::default()
    };
    let planned = plan
        .target("b")
        .unwrap()
        .with_options(&options, Some(&plan))
        .unwrap();
    assert_eq!(planned.target.connections_per_hour, 99);
}

#[test]
fn maintenance_windows_are_read_and_a_targets_own_replace_the_common_ones() {
    let plan = read(
        "probe:\n  maintenance:\n  - {days: [sat, sun], start: 02:00, duration: 2h, timezone: Europe/Berlin}\n\
         targets:\n\
         - {name: a, endpoint: a.example.test}\n\
         - {name: b, endpoint: b.example.test, maintenance: []}\n\
         - name: c\n  endpoint: c.example.test\n  maintenance:\n\
         \x20 - {from: 2026-12-24T18:00:00+01:00, until: 2026-12-24T20:00:00.5Z, comment: \"Wartung: \\\"neu\\\", 100 %\"}\n\
         \x20 - {days: [fri], start: '23:30', duration: 1h30m, comment: weekly}\n",
    );
    round_trip(&plan);
    let until = |name: &str, now: &str| {
        let open = target(&plan, name).maintenance.active(now.parse().unwrap())?;
        Some((open.until.to_string(), open.comment))
    };
    let end = |until: &str, comment: &str| {
        let comment = Some(comment.to_owned()).filter(|comment| !comment.is_empty());
        Some((until.to_owned(), comment))
    };
    // A Saturday in winter, a Sunday in summer.
    assert_eq!(
        until("a", "2026-11-28T01:00:00Z"),
        end("2026-11-28T03:00:00Z", "")
    );
    assert_eq!(
        until("a", "2026-07-05T01:00:00Z"),
        end("2026-07-05T02:00:00Z", "")
    );
    assert_eq!(until("a", "2026-11-27T01:00:00Z"), None);
    assert_eq!(until("b", "2026-11-28T01:00:00Z"), None);
    assert_eq!(until("c", "2026-11-28T01:30:00Z"), None);
    assert_eq!(
        until("c", "2026-11-28T00:30:00Z"),
        end("2026-11-28T01:00:00Z", "weekly")
    );
    assert_eq!(
        until("c", "2026-12-24T17:00:00Z"),
        end("2026-12-24T20:00:00.5Z", "Wartung: \"neu\", 100 %")
    );
}

#[test]
fn values_are_what_was_written() {
    let plan = read(
        "targets:\n\
         - {name: 007, endpoint: 192.0.2.7, labels: {country: no, release: 1.10, rack: 12, on: \"\", y: 'yes'}}\n\
         - {name: \"true\", endpoint: '2001:db8::1', labels: {city: Zürich}, server_name: SBC.Example.Test., connect: '[2001:db8::2]:5071'}\n",
    );
    let a = target(&plan, "007");
    let labels: Vec<_> = a
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(labels, ["country=no", "on=", "rack=12", "release=1.10", "y=yes"]);
    let b = target(&plan, "true");
    assert_eq!(b.labels["city"], "Zürich");
    assert_eq!(b.server_name.as_deref(), Some("sbc.example.test"));
    assert_eq!(b.dial().1, 5071);
    round_trip(&plan);
}

#[test]
fn no_targets_are_a_choice() {
    let plan = read("targets: []");
    assert!(plan.targets.is_empty());
    round_trip(&plan);
}

#[test]
fn target_files_and_file_sd_lists_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("targets")).unwrap();
    fs::copy(
        shipped().join("data/byoc_trusted_roots.pem"),
        at("targets/roots.pem"),
    )
    .unwrap();
    fs::write(
        at("targets/a.yaml"),
        "- {name: a, endpoint: a.example.test, trust_anchors: roots.pem}\n",
    )
    .unwrap();
    fs::write(
        at("targets/b.yaml"),
        "probe: {timeout: 2s}\ntargets: [{name: b, endpoint: b.example.test}]\n",
    )
    .unwrap();
    fs::write(
        at("targets/c.json"),
        r#"[{"targets": ["c.example.test", "d.example.test:5071"],
             "labels": {"site": "fra", "__meta_x": "y", "__address__": "z", "__param_module": "genesys-byoc-cloud",
                        "__siptls_trust_anchors": "roots.pem", "__siptls_timeout": "3s"}},
            {"targets": ["e.example.test"], "labels": {"__param_module": "nonsense", "__siptls_profile": "sip-tls-generic"}},
            {"targets": []}]"#,
    )
    .unwrap();
    fs::write(at("targets/.hidden.yaml"), "no configuration").unwrap();
    fs::write(
        at("main.yaml"),
        "target_files: ['targets/*.yaml', 'targets/?.json', targets/a.yaml, 'targets/*.none']\n",
    )
    .unwrap();
    let plan = load(&at("main.yaml")).unwrap_or_else(|faults| panic!("{faults}"));
    let names: Vec<_> = plan
        .targets
        .iter()
        .map(|planned| planned.target.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "a",
            "b",
            "c.example.test",
            "d.example.test:5071",
            "e.example.test"
        ]
    );
    assert_eq!(target(&plan, "a").timeout, Duration::from_secs(10));
    assert_eq!(target(&plan, "b").timeout, Duration::from_secs(2));
    let c = target(&plan, "c.example.test");
    assert_eq!(
        (c.timeout, c.profile.as_str()),
        (Duration::from_secs(3), "genesys-byoc-cloud")
    );
    assert_eq!(c.labels.keys().collect::<Vec<_>>(), ["site"]);
    assert_eq!(target(&plan, "e.example.test").profile, "sip-tls-generic");
    // One PEM file is read once and shared.
    let roots = |name: &str| plan.target(name).unwrap().trust_anchors.clone().unwrap();
    assert!(std::sync::Arc::ptr_eq(&roots("a"), &roots("d.example.test:5071")));
    let files: Vec<_> = plan
        .files
        .iter()
        .map(|path| path.strip_prefix(folder.path()).unwrap())
        .collect();
    let expected = [
        "main.yaml",
        "targets/a.yaml",
        "targets/b.yaml",
        "targets/c.json",
        "targets/roots.pem",
    ]
    .map(Path::new);
    assert_eq!(files, expected);
    round_trip(&plan);
}

#[test]
fn own_profiles_join_and_replace_the_shipped_ones() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let generic = fs::read_to_string(shipped().join("profiles/sip-tls-generic.yaml")).unwrap();
    fs::write(
        at("own[1].yaml"),
        generic.replace("name: sip-tls-generic", "name: own"),
    )
    .unwrap();
    fs::write(at("mine.yaml"), generic.replace("title: Any", "title: My")).unwrap();
    let text = "profile_files: ['own[[]1].yaml', mine.yaml]\n\
                targets:\n\
                - {name: a, endpoint: a.example.test, profile: own}\n\
                - {name: b, endpoint: b.example.test, profile: sip-tls-generic}\n";
    let plan = load_str(text, Path::new("t.yaml"), folder.path()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(plan.target("a").unwrap().profile.name, "own");
    assert!(plan.target("b").unwrap().profile.title.starts_with("My"));
    assert!(plan.profile("own").is_some() && plan.profile("genesys-byoc-cloud").is_some());
    round_trip(&plan);

    fs::write(at("twice.yaml"), generic).unwrap();
    let text = "profile_files: [mine.yaml, twice.yaml]\ntargets: []\n";
    let faults = load_str(text, Path::new("t.yaml"), folder.path()).unwrap_err();
    assert_eq!(faults.as_slice().len(), 1, "{faults}");
    assert!(
        faults.as_slice()[0]
            .message
            .starts_with("expected a profile name used once"),
        "{faults}"
    );
}

#[test]
fn every_shipped_configuration_loads() {
    let mut seen = 0;
    for path in fs::read_dir(shipped().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if path.is_dir() {
            continue;
        }
        let plan = load(&path).unwrap_or_else(|faults| panic!("{faults}"));
        assert!(plan.targets.len() >= 2, "{}", path.display());
        round_trip(&plan);
        seen += 1;
    }
    assert_eq!(seen, 4);
    round_trip(&load(&shipped().join("reference.yaml")).unwrap_or_else(|faults| panic!("{faults}")));
}

#[test]
fn every_target_file_of_the_examples_is_read_by_one() {
    let plan = load(&shipped().join("examples/fleet.yaml")).unwrap();
    let read: Vec<_> = plan.files.iter().filter_map(|path| path.file_name()).collect();
    let mut seen = 0;
    for path in fs::read_dir(shipped().join("examples/targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        assert!(read.contains(&path.file_name().unwrap()), "{}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn the_reference_explains_every_key_with_its_default() {
    let text = fs::read_to_string(shipped().join("reference.yaml")).unwrap();
    for key in KEYS {
        let name = key.path.rsplit('.').next().unwrap();
        let used = text.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ', '-']);
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))
        });
        assert!(used, "{} is not used", key.path);
        let explained = text.lines().any(|line| {
            line.trim_start().strip_prefix("# ").is_some_and(|comment| {
                comment
                    .split(['(', ':'])
                    .next()
                    .is_some_and(|names| names.split([',', ' ']).any(|word| word == name))
            })
        });
        assert!(explained, "{} is not explained", key.path);
        if let Some(default) = key.default.filter(|default| !default.starts_with("probe.")) {
            assert!(
                text.contains(&format!("{name} (default {default})")),
                "{}: default {default}",
                key.path
            );
        }
    }
}

#[test]
fn options_make_a_target_under_the_same_rules() {
    let options = TargetOptions {
        profile: Some("sip-tls-generic".to_owned()),
        connect: Some("192.0.2.7:5071".to_owned()),
        server_name: Some("sbc.example.test".to_owned()),
        depth: Some("hello".to_owned()),
        timeout: Some("60s".to_owned()),
        ..TargetOptions::default()
    };
    let planned = target_from_options("sips:a.example.test", &options, None).unwrap();
    assert_eq!(
        (planned.target.name.as_str(), planned.target.profile.as_str()),
        ("sips:a.example.test", "sip-tls-generic")
    );
    assert_eq!(
        (planned.target.depth, planned.target.timeout),
        (Depth::Hello, Duration::from_secs(60))
    );
    assert_eq!(planned.target.dial().1, 5071);
    let plain = target_from_options("a.example.test", &TargetOptions::default(), None).unwrap();
    assert_eq!(
        (plain.target.timeout, plain.profile.name.as_str()),
        (Duration::from_secs(10), "genesys-byoc-customer")
    );
    // A host name may be longer than the name of a configured target.
    let long = ["a".repeat(60), "b".repeat(60), "c".repeat(60)].join(".");
    assert_eq!(
        target_from_options(&long, &TargetOptions::default(), None)
            .unwrap()
            .target
            .name,
        long
    );

    let bad = TargetOptions {
        profile: Some("sip-tls-genric".to_owned()),
        connect: Some("x:y".to_owned()),
        server_name: Some("a b".to_owned()),
        trust_anchors: Some("none.pem".into()),
        depth: Some("all".to_owned()),
        timeout: Some("10".to_owned()),
        ..TargetOptions::default()
    };
    assert_eq!(
        target_from_options("sip:a", &bad, None).unwrap_err().to_string(),
        "command line: ENDPOINT: expected `sips:` or no scheme, found `sip:`\n  \
           hint: only SIP over TLS is probed: write `sips:` or the host alone\n\
         command line: --profile: expected the name of a profile, found `sip-tls-genric`\n  \
           hint: did you mean `sip-tls-generic`?\n\
         command line: --connect: expected a port between 1 and 65535, found `y`\n\
         command line: --server-name: expected a host name or an IP address, found `a b`\n\
         command line: --trust-anchors: expected a file with certificates, found no file at `none.pem`\n\
         command line: --timeout: expected a duration with its unit, found `10`\n  \
           hint: write the unit: `10s`\n\
         command line: --depth: expected `hello`, `routine` or `survey`, found `all`"
    );
}

#[test]
fn options_lie_over_a_configured_target() {
    let plan = read(
        "probe: {interval: 5s, timeout: 1s}\n\
         targets:\n\
         - {name: a, endpoint: a.example.test, labels: {site: fra}}\n\
         - {name: b, endpoint: b.example.test, depth: hello}\n",
    );
    let options = TargetOptions {
        timeout: Some("20s".to_owned()),
        ..TargetOptions::default()
    };
    let a = plan
        .target("a")
        .unwrap()
        .with_options(&options, Some(&plan))
        .unwrap()
        .target;
    assert_eq!(
        (a.name.as_str(), a.timeout, a.labels["site"].as_str()),
        ("a", Duration::from_secs(20), "fra")
    );
    assert!(a.timeout <= a.interval);
    let unchanged = plan
        .target("b")
        .unwrap()
        .with_options(&TargetOptions::default(), Some(&plan))
        .unwrap();
    assert_eq!(unchanged.target, plan.target("b").unwrap().target);
    let new = target_from_options("c.example.test", &TargetOptions::default(), Some(&plan)).unwrap();
    assert_eq!(new.target.timeout, Duration::from_secs(1));
}

#[test]
fn many_targets_load() {
    let mut text = String::from("targets:\n");
    for number in 0..20_000 {
        let _ = write!(
            text,
            "  - name: sbc-{number}\n    endpoint: sips:sbc-{number}.example.test:5061\n    \
             peer_region: euc1\n    labels: {{site: fra, rack: '{}'}}\n",
            number % 40
        );
    }
    let start = Instant::now();
    let plan = read(&text);
    println!("20,000 targets, {} bytes: {:?}", text.len(), start.elapsed());
    assert_eq!(plan.targets.len(), 20_000);
    assert_eq!(
        target(&plan, "sbc-19999").endpoint.to_string(),
        "sips:sbc-19999.example.test:5061"
    );
    round_trip(&plan);

    let faults = load_str(
        &text.replace("peer_region", "per_region"),
        Path::new("t.yaml"),
        Path::new(""),
    )
    .unwrap_err();
    assert_eq!(faults.count(), 20_000);
    assert_eq!(
        faults
            .to_string()
            .lines()
            .filter(|line| line.starts_with("t.yaml:"))
            .count(),
        100
    );
}

/// Every file counts, however it is named, and one that two patterns name is no change by itself.
#[test]
fn sources_are_equal_until_a_file_changes_comes_or_goes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(at(name), text).unwrap();
    std::fs::create_dir(at("targets")).unwrap();
    std::fs::create_dir(at("profiles")).unwrap();
    let pem = include_str!("../../../config/data/byoc_trusted_roots.pem");
    let profile = include_str!("../../../config/profiles/sip-tls-generic.yaml");
    write("roots.pem", pem);
    write("profiles/own.yaml", profile);
    write("targets/a.yaml", "- {name: a, endpoint: a.example.test}\n");
    write("one.yaml", "[]\n");
    write(
        "siptls-probe.yaml",
        "targets: [{name: x, endpoint: x.example.test, trust_anchors: roots.pem}]\n\
         target_files: ['targets/*.yaml', 'targets/a*', one.yaml]\nprofile_files: ['profiles/*']\n",
    );
    let load = || siptls_config::load(&at("siptls-probe.yaml")).unwrap().sources;
    assert!(!load().is_empty());
    assert_eq!(load(), load().again());
    for (name, text) in [
        ("roots.pem", format!("{pem}\n")),
        ("profiles/own.yaml", format!("{profile}\n")),
        (
            "targets/a.yaml",
            "- {name: b, endpoint: b.example.test}\n".to_owned(),
        ),
        ("targets/b.yaml", "[]\n".to_owned()),
        ("one.yaml", "[ ]\n".to_owned()),
        (
            "siptls-probe.yaml",
            "target_files: ['targets/*.yaml']\n".to_owned(),
        ),
    ] {
        let before = load();
        write(name, &text);
        assert_ne!(before, before.again(), "{name}");
        assert_eq!(load(), load().again(), "{name}");
    }
    let before = load();
    std::fs::remove_file(at("targets/b.yaml")).unwrap();
    assert_ne!(before, before.again(), "a file that goes");

    write("siptls-probe.yaml", "target_files: [missing.yaml, 'none/*']\n");
    let faults = siptls_config::load(&at("siptls-probe.yaml")).unwrap_err();
    assert_eq!(faults.sources(), &faults.sources().again());
    std::fs::create_dir(at("none")).unwrap();
    assert_eq!(
        faults.sources(),
        &faults.sources().again(),
        "an empty folder has no file"
    );
    write("none/a.yaml", "[]\n");
    assert_ne!(faults.sources(), &faults.sources().again());
}

#[test]
fn the_catalog_watches_whole_regions() {
    let text = "catalog: {genesys_byoc_cloud: {regions: [euc1, usw2], labels: {side: genesys}}}\nprobe: {interval: 5m}";
    let plan = load_str(text, Path::new("siptls-probe.yaml"), Path::new("")).unwrap();
    let names: Vec<_> = plan
        .targets
        .iter()
        .map(|planned| planned.target.name.as_str())
        .collect();
    assert_eq!(names.len(), 8);
    assert_eq!(names[0], "lb01.voice.euc1.pure.cloud");
    let confirmed = plan.target("lb01.voice.usw2.pure.cloud").unwrap();
    assert_eq!(confirmed.profile.name, "genesys-byoc-cloud");
    assert_eq!(confirmed.target.interval, Duration::from_secs(300));
    let labels: Vec<_> = confirmed
        .target
        .labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        labels,
        [("confirmed", "yes"), ("region", "usw2"), ("side", "genesys")]
    );
    assert_eq!(
        plan.target("lb02.voice.usw2.pure.cloud").unwrap().target.labels["confirmed"],
        "no"
    );
    round_trip(&plan);

    let all = load_str(
        "catalog: {genesys_byoc_cloud: {regions: all}}",
        Path::new("siptls-probe.yaml"),
        Path::new(""),
    )
    .unwrap();
    assert_eq!(all.targets.len(), siptls_catalog::endpoints().len());
}

#[test]
fn revocation_is_enabled_and_public_unless_told_otherwise() {
    let plan = read("targets: []");
    assert!(plan.revocation.enabled && plan.revocation.allow.is_empty() && plan.revocation.cache.is_none());
    round_trip(&plan);
    let plan = load_str(
        "{targets: [], revocation: {enabled: false, allow: [10.20.0.0/16, 192.0.2.7, 'fd00::/8'], cache: lists}}",
        Path::new("t.yaml"),
        Path::new("/etc/siptls-probe"),
    );
    let plan = plan.unwrap();
    let allow: Vec<String> = plan.revocation.allow.iter().map(ToString::to_string).collect();
    assert_eq!(allow, ["10.20.0.0/16", "192.0.2.7/32", "fd00::/8"]);
    assert!(!plan.revocation.enabled);
    assert_eq!(
        plan.revocation.cache.as_deref(),
        Some(Path::new("/etc/siptls-probe/lists"))
    );
    round_trip(&plan);
}
