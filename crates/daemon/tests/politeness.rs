//! What stays of an address that is left in peace, and what does not wait for a visit.

mod common;

use common::reader::{Sample, value};
use common::{Configuration, Daemon, Play, Script, plan, surveyed};
use siptls_config::Plan;
use siptls_model::{Acceptance, Maintenance, Reason, Target, When, Window, clock};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const MINUTE: Duration = Duration::from_secs(60);
const QUICK: Duration = Duration::from_millis(20);
const HOUR: Duration = Duration::from_secs(3_600);
const ONE: &str = "192.0.2.1:5061";
const TWO: &str = "192.0.2.2:5061";

fn of(samples: &[Sample], name: &str, target: &str, address: &str, more: &[(&str, &str)]) -> Option<f64> {
    let labels = [&[("target", target), ("address", address)], more].concat();
    value(samples, name, &labels)
}

fn probes(samples: &[Sample], target: &str, address: &str, reason: &str) -> f64 {
    of(
        samples,
        "siptls_probes_total",
        target,
        address,
        &[("reason", reason)],
    )
    .unwrap_or_default()
}

#[tokio::test]
async fn a_postponed_visit_leaves_everything_as_it_was_but_a_counter() {
    let script = Script::of(&[("a", Play::Answer(vec![ONE, TWO], Duration::ZERO))]);
    let daemon = Daemon::start(
        Configuration::new(plan(&["a", "b"], QUICK)).load(),
        script.clone(),
    )
    .await;
    daemon
        .until("both addresses seen", |samples| {
            probes(samples, "a", TWO, "ok") >= 1.0 && probes(samples, "b", ONE, "ok") >= 1.0
        })
        .await;
    script.set("a", Play::Postpone(vec![ONE, TWO]));
    let first = daemon
        .until("a postponed visit", |samples| {
            probes(samples, "a", TWO, "postponed") >= 1.0
        })
        .await;
    let later = daemon
        .until("more of them", |samples| {
            probes(samples, "a", TWO, "postponed") >= 5.0
        })
        .await;
    for name in [
        "siptls_up",
        "siptls_last_probe_timestamp_seconds",
        "siptls_connections_total",
        "siptls_sip_response_code",
    ] {
        let before = of(&first, name, "a", TWO, &[]);
        assert!(
            before.is_some() && before == of(&later, name, "a", TWO, &[]),
            "{name}"
        );
    }
    for verdict in ["pass", "warn", "fail", "inconclusive"] {
        let verdict = [("verdict", verdict)];
        assert_eq!(
            of(&first, "siptls_verdict", "a", ONE, &verdict),
            of(&later, "siptls_verdict", "a", TWO, &verdict)
        );
    }
    assert_eq!(
        of(&later, "siptls_connections_total", "a", TWO, &[]),
        Some(probes(&later, "a", TWO, "ok"))
    );
    // Neither the other address nor the other target has lost a visit.
    for (target, address) in [("a", ONE), ("b", ONE)] {
        assert_eq!(probes(&later, target, address, "postponed"), 0.0);
        assert!(probes(&later, target, address, "ok") > probes(&first, target, address, "ok"));
    }
    let report: serde_json::Value =
        serde_json::from_str(&daemon.get("/api/v1/reports/a").await.text()).unwrap();
    let address = &report["reports"][1];
    assert_eq!(address["target"]["address"], TWO);
    assert_eq!(
        (&address["error"], &address["sip"]["status"]),
        (&serde_json::Value::Null, &200.into())
    );

    // The bytes of both are still shown.
    let page = daemon.get("/targets/a").await.text();
    assert_eq!(page.matches("user_canceled (90)</li>").count(), 2, "{page}");
    assert_eq!(page.matches("<td>01</td>").count(), 2, "{page}");

    // And /probe answers with what was seen last.
    let answer = daemon.get("/probe?target=a&debug=true").await.text();
    let (report, metrics) = answer.split_once("# Metrics\n").unwrap();
    assert!(
        report.contains("# Postponed\n192.0.2.2:5061: left in peace; what follows was seen at 20"),
        "{report}"
    );
    assert!(!report.contains("192.0.2.1:5061: left in peace"));
    let metrics = common::reader::read(metrics);
    assert_eq!(probes(&metrics, "a", TWO, "postponed"), 1.0);
    assert_eq!(of(&metrics, "siptls_connections_total", "a", TWO, &[]), Some(0.0));
    assert_eq!(
        of(&metrics, "siptls_sip_response_code", "a", TWO, &[]),
        Some(200.0)
    );
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn probes_without_a_verdict_count_in_a_row_and_postponed_ones_do_not() {
    const NAME: &str = "siptls_inconclusive_probes";
    let script = Script::of(&[("a", Play::Refuse(Reason::ConnectTimeout))]);
    let daemon = Daemon::start(
        Configuration::new(plan(&["a", "b"], QUICK)).load(),
        script.clone(),
    )
    .await;
    let refused = daemon
        .until("three probes without a verdict", |samples| {
            of(samples, NAME, "a", "", &[]) >= Some(3.0)
        })
        .await;
    assert_eq!(
        of(&refused, NAME, "a", "", &[]),
        Some(probes(&refused, "a", "", "connect_timeout"))
    );
    script.set("a", Play::Postpone(vec![ONE, TWO]));
    let samples = daemon
        .until("postponed visits", |samples| {
            probes(samples, "a", TWO, "postponed") >= 2.0
        })
        .await;
    assert_eq!(of(&samples, NAME, "a", TWO, &[]), Some(0.0));
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn an_address_never_seen_is_inconclusive_until_it_is_visited() {
    let script = Script::of(&[("a", Play::Postpone(vec![ONE, TWO]))]);
    let daemon = Daemon::start(
        Configuration::new(plan(&["a", "b"], QUICK)).load(),
        script.clone(),
    )
    .await;
    let samples = daemon
        .until("postponed visits", |samples| {
            probes(samples, "a", TWO, "postponed") >= 2.0
        })
        .await;
    let inconclusive = [("verdict", "inconclusive")];
    assert_eq!(of(&samples, "siptls_verdict", "a", TWO, &inconclusive), Some(1.0));
    for name in ["siptls_up", "siptls_last_probe_timestamp_seconds"] {
        assert_eq!(of(&samples, name, "a", TWO, &[]), None, "{name}");
    }
    let report: serde_json::Value =
        serde_json::from_str(&daemon.get("/api/v1/reports/a").await.text()).unwrap();
    let error = &report["reports"][1]["error"];
    assert_eq!(
        (&error["reason"], &error["who"]),
        (&"postponed".into(), &"us".into())
    );
    let answer = daemon.get("/probe?target=a&debug=true").await.text();
    assert!(
        answer.contains("192.0.2.2:5061: left in peace; nothing was seen of it before"),
        "{answer}"
    );
    assert!(answer.contains("\nprobe_success 0\n"));
    script.set("a", Play::Answer(vec![ONE, TWO], Duration::ZERO));
    daemon
        .until("a visit", |samples| {
            probes(samples, "a", TWO, "ok") >= 1.0
                && of(samples, "siptls_last_probe_timestamp_seconds", "a", TWO, &[]).is_some()
        })
        .await;
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_postponed_survey_comes_again_later_and_what_was_found_stays() {
    let script = Script::default();
    for name in ["a", "b"] {
        script.find(name, &[Acceptance::Refused]);
    }
    let plan = surveyed(&["a", "b"], MINUTE, HOUR);
    let daemon = Daemon::start(Configuration::new(plan).load(), script.clone()).await;
    while script.surveys("a").is_empty() {
        sleep(Duration::from_secs(1)).await;
    }
    // From the first survey on nothing but postponed visits, whatever is due.
    script.set("a", Play::Postpone(vec![TWO, ONE]));
    sleep(HOUR * 3).await;
    let others = script.surveys("b").len();
    assert!((3..=4).contains(&others), "{others}");
    assert_eq!(script.surveys("a").len(), 1);
    tokio::time::resume();
    let samples = daemon.samples().await;
    tokio::time::pause();
    let oldest = [("version", "TLSv1.0")];
    assert_eq!(
        of(&samples, "siptls_version_accepted", "a", ONE, &oldest),
        Some(0.0)
    );
    // Ten minutes, twenty, forty, then the interval: the next one is due within an hour.
    script.set("a", Play::Answer(vec![ONE], Duration::ZERO));
    sleep(MINUTE * 68).await;
    assert!(!script.surveys("a")[1..].is_empty());
    daemon.stop().await.unwrap();
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn in_maintenance(name: &str, from: i64, until: i64) -> Plan {
    let mut plan = plan(&[name], HOUR);
    let at = |seconds: i64| {
        let seconds = jiff::SignedDuration::from_secs(seconds);
        clock::now().checked_add(seconds).unwrap()
    };
    let window = Window {
        when: When::Once {
            from: at(from),
            until: at(until),
        },
        comment: Some("<i>new & \u{202e}shiny</i>".to_owned()),
    };
    for planned in &mut plan.targets {
        planned.target = Arc::new(Target {
            maintenance: Maintenance::new(vec![window.clone()]),
            ..Target::clone(&planned.target)
        });
    }
    plan
}

#[tokio::test]
async fn a_maintenance_window_is_told_everywhere_and_ends_without_a_visit() {
    let mut plan = in_maintenance("now", -60, 2);
    plan.targets.extend(in_maintenance("later", 3_600, 7_200).targets);
    let script = Script::of(&[("now", Play::Refuse(Reason::ConnectionRefused))]);
    let daemon = Daemon::start(Configuration::new(plan).load(), script.clone()).await;
    let maintenance =
        |samples: &[Sample], target: &str| value(samples, "siptls_maintenance", &[("target", target)]);
    let samples = daemon
        .until("both visited", |samples| {
            maintenance(samples, "now").is_some() && maintenance(samples, "later").is_some()
        })
        .await;
    assert_eq!(
        (maintenance(&samples, "now"), maintenance(&samples, "later")),
        (Some(1.0), Some(0.0))
    );
    for path in ["/", "/targets/now"] {
        let page = daemon.get(path).await.text();
        assert_eq!(page.matches("maintenance until 20").count(), 1, "{page}");
        assert!(
            page.contains(" UTC: <bdi>&lt;i&gt;new &amp; \\u{202e}shiny&lt;/i&gt;</bdi>"),
            "{page}"
        );
    }
    assert!(!daemon.get("/targets/later").await.text().contains("maintenance"));
    let report = |name: &'static str| {
        let daemon = &daemon;
        async move {
            let text = daemon.get(&format!("/api/v1/reports/{name}")).await.text();
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            document["reports"][0]["target"]["maintenance"].clone()
        }
    };
    assert!(report("now").await["until"].as_str().unwrap().ends_with('Z'));
    assert_eq!(report("later").await, serde_json::Value::Null);
    daemon
        .until("the end of the window", |samples| {
            maintenance(samples, "now") == Some(0.0)
        })
        .await;
    assert_eq!(report("now").await, serde_json::Value::Null);
    assert_eq!(script.visits("now").len(), 1, "no visit in between");
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_probe_that_waits_for_another_visit_answers_with_what_was_seen_last() {
    let script = Script::default();
    let daemon = Daemon::start(Configuration::new(plan(&["a"], QUICK)).load(), script.clone()).await;
    daemon
        .until("a visit", |samples| probes(samples, "a", ONE, "ok") >= 1.0)
        .await;
    script.set("a", Play::Hang);
    let visits = script.visits("a").len();
    while script.visits("a").len() <= visits {
        sleep(Duration::from_millis(5)).await;
    }
    let scrape = "X-Prometheus-Scrape-Timeout-Seconds: 0.4";
    let answer = daemon.get_with("/probe?target=a&debug=true", scrape).await.text();
    let (report, metrics) = answer.split_once("# Metrics\n").unwrap();
    let expected = "# Postponed\n192.0.2.1:5061: another visit to the target or its address was under way all the time; what follows was seen at 20";
    assert!(report.contains(expected), "{report}");
    let metrics = common::reader::read(metrics);
    assert_eq!(probes(&metrics, "a", ONE, "postponed"), 1.0);
    assert_eq!(
        of(&metrics, "siptls_sip_response_code", "a", ONE, &[]),
        Some(200.0)
    );
    daemon.stop().await.unwrap();
}
