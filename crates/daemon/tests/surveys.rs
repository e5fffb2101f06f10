//! Who is surveyed when, and what is shown of it, with the clock in the tests' hands.

mod common;

use common::reader::value;
use common::{Configuration, Daemon, Play, Script, plan, surveyed};
use siptls_config::{JournalSettings, Plan};
use siptls_model::{Acceptance, ClientCertificateMode, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// `siptls_version_accepted` of TLS 1.0.
async fn oldest(daemon: &Daemon, target: &str) -> Option<f64> {
    // A paused clock runs ahead while a socket is waited for.
    tokio::time::resume();
    let samples = daemon.samples().await;
    tokio::time::pause();
    value(
        &samples,
        "siptls_version_accepted",
        &[("target", target), ("version", "TLSv1.0")],
    )
}

#[tokio::test(start_paused = true)]
async fn a_survey_takes_the_place_of_a_visit_and_its_result_stays() {
    let script = Script::default();
    let start = Instant::now();
    let mut both = surveyed(&["a"], MINUTE, HOUR * 6);
    both.targets.extend(plan(&["never"], MINUTE).targets);
    let daemon = Daemon::start(Configuration::new(both).load(), script.clone()).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!((script.visits("a").len(), script.surveys("a").len()), (1, 0));
    assert_eq!(oldest(&daemon, "a").await, None);
    sleep(MINUTE * 12).await;
    let surveys = script.surveys("a");
    assert_eq!(surveys.len(), 1);
    assert!(
        script.visits("a")[1..]
            .iter()
            .any(|visit| surveys[0].saturating_duration_since(*visit) < Duration::from_secs(1)),
        "in the place of a visit"
    );
    assert_eq!(oldest(&daemon, "a").await, Some(0.0), "carried over");
    sleep(HOUR * 24).await;
    let surveys = script.surveys("a");
    assert!((4..=5).contains(&surveys.len()), "{}", surveys.len());
    for pair in surveys.windows(2) {
        let hours = (pair[1] - pair[0]).as_secs_f64() / 3_600.0;
        assert!((5.3..6.7).contains(&hours), "{hours}");
    }
    let visits = script.visits("a").len();
    let turns = usize::try_from(start.elapsed().as_secs() / 60).unwrap();
    assert!(visits.abs_diff(turns) <= 3, "{visits} of {turns}");
    assert!(script.surveys("never").is_empty());
    assert_eq!(oldest(&daemon, "never").await, None);
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_difference_is_confirmed_soon_and_shown_only_then() {
    use Acceptance::{Accepted, Refused};
    let script = Script::default();
    script.find("glitch", &[Refused, Accepted, Refused]);
    script.find("change", &[Refused, Accepted, Accepted]);
    let plan = surveyed(&["glitch", "change"], MINUTE, HOUR);
    let daemon = Daemon::start(Configuration::new(plan).load(), script.clone()).await;
    let mut seen = Vec::new();
    for name in ["glitch", "change"] {
        while script.surveys(name).len() < 2 {
            sleep(Duration::from_secs(1)).await;
        }
        seen.push(oldest(&daemon, name).await);
    }
    assert_eq!(seen[0], Some(0.0));
    sleep(MINUTE * 8).await;
    for (name, shown) in [("glitch", 0.0), ("change", 1.0)] {
        let surveys = script.surveys(name);
        assert_eq!(surveys.len(), 3);
        let wait = surveys[2] - surveys[1];
        assert!(wait >= MINUTE / 2 && wait < MINUTE * 7, "{wait:?}");
        assert_eq!(oldest(&daemon, name).await, Some(shown), "{name}");
    }
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_survey_that_panics_does_not_come_again_at_once() {
    let script = Script::default();
    let plan = surveyed(&["a", "b"], MINUTE, HOUR);
    let daemon = Daemon::start(Configuration::new(plan).load(), script.clone()).await;
    sleep(Duration::from_secs(5)).await;
    script.set("a", Play::Panic);
    sleep(MINUTE * 3).await;
    script.set("a", Play::Answer(vec!["192.0.2.1:5061"], Duration::ZERO));
    sleep(MINUTE * 4).await;
    assert_eq!((script.surveys("a").len(), script.surveys("b").len()), (0, 1));
    sleep(MINUTE * 15).await;
    assert_eq!(script.surveys("a").len(), 1);
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_identity_brings_a_survey() {
    let script = Script::default();
    for name in ["a", "b"] {
        script.ask(name, ClientCertificateMode::Optional);
    }
    let plan = surveyed(&["a", "b"], MINUTE, HOUR * 24);
    let daemon = Daemon::start(Configuration::new(plan).load(), script.clone()).await;
    sleep(HOUR * 3).await;
    let counts = || (script.surveys("a").len(), script.surveys("b").len());
    assert_eq!(counts(), (1, 1));
    // Not seen for a while is no change.
    script.ask("a", ClientCertificateMode::Unknown);
    sleep(MINUTE * 10).await;
    script.ask("a", ClientCertificateMode::Optional);
    sleep(MINUTE * 10).await;
    assert_eq!(counts(), (1, 1));
    script.ask("a", ClientCertificateMode::Required);
    sleep(MINUTE * 3).await;
    assert_eq!(counts(), (2, 1));
    sleep(HOUR * 3).await;
    assert_eq!(counts(), (2, 1));
    daemon.stop().await.unwrap();
}

/// The plan with each target changed.
fn with(plan: &Plan, change: impl Fn(&mut Target)) -> Plan {
    let mut plan = plan.clone();
    for planned in &mut plan.targets {
        change(Arc::make_mut(&mut planned.target));
    }
    plan
}

/// Waits until the oldest version is shown as that, without a survey in between.
async fn shown(daemon: &Daemon, wanted: Option<f64>) {
    for _ in 0..200 {
        if daemon
            .samples()
            .await
            .iter()
            .any(|sample| sample.name == "siptls_up")
        {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    let samples = daemon.samples().await;
    let labels = [("target", "a"), ("version", "TLSv1.0")];
    assert_eq!(value(&samples, "siptls_version_accepted", &labels), wanted);
}

/// What came of the check of legacy versions, which only a survey answers.
async fn judged_old(daemon: &Daemon) -> String {
    let text = daemon.get("/api/v1/reports/a").await.text();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let checks = document["reports"][0]["checks"].as_array();
    let of = |check: &&serde_json::Value| check["id"] == "legacy-versions-refused";
    let status = checks
        .into_iter()
        .flatten()
        .find(of)
        .map(|check| check["status"].clone());
    status
        .and_then(|status| status.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[tokio::test]
async fn what_a_survey_found_stays_over_a_restart_and_a_changed_label() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::default();
    script.find("a", &[Acceptance::Accepted]);
    let every = Duration::from_millis(20);
    let mut often = surveyed(&["a"], every, Duration::from_millis(100));
    often.journal = Some(JournalSettings {
        path: folder.path().join("journal.sqlite"),
        retention: HOUR,
        max_size: 1 << 30,
    });
    let daemon = Daemon::start(Configuration::new(often.clone()).load(), script.clone()).await;
    daemon
        .until("a survey", |samples| {
            value(samples, "siptls_version_accepted", &[("version", "TLSv1.0")]) == Some(1.0)
        })
        .await;
    daemon.stop().await.unwrap();

    // Surveys end: what is shown now is known from before.
    let seldom = with(&often, |target| target.survey_interval = None);
    let configuration = Configuration::new(seldom.clone());
    let surveys = script.surveys("a").len();
    let daemon = Daemon::start(configuration.load(), script.clone()).await;
    shown(&daemon, Some(1.0)).await;
    assert_eq!(judged_old(&daemon).await, "warn", "judged by it");
    let labelled = with(&seldom, |target| {
        target.labels.insert("site".to_owned(), "ber".to_owned());
    });
    configuration.set(Ok(labelled.clone()));
    assert_eq!(daemon.post("/-/reload").await.status, 200);
    shown(&daemon, Some(1.0)).await;
    // What is called by another name is another service.
    configuration.set(Ok(with(&labelled, |target| {
        target.server_name = Some("other.example.test".to_owned());
    })));
    assert_eq!(daemon.post("/-/reload").await.status, 200);
    shown(&daemon, None).await;
    assert_eq!(script.surveys("a").len(), surveys);
    daemon.stop().await.unwrap();
}

/// A survey of this daemon, not of its journal, is handed over too.
#[tokio::test(start_paused = true)]
async fn a_changed_label_keeps_the_survey_without_a_journal() {
    let script = Script::default();
    script.find("a", &[Acceptance::Accepted]);
    let plan = surveyed(&["a"], MINUTE, HOUR * 6);
    let configuration = Configuration::new(plan.clone());
    let daemon = Daemon::start(configuration.load(), script.clone()).await;
    while script.surveys("a").is_empty() {
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(oldest(&daemon, "a").await, Some(1.0));
    script.set("a", Play::Postpone(vec!["192.0.2.2:5061", "192.0.2.1:5061"]));
    configuration.set(Ok(with(&plan, |target| {
        target.labels.insert("site".to_owned(), "ber".to_owned());
    })));
    tokio::time::resume();
    assert_eq!(daemon.post("/-/reload").await.status, 200);
    tokio::time::pause();
    let visits = script.visits("a").len();
    while script.visits("a").len() == visits {
        sleep(Duration::from_secs(1)).await;
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(script.surveys("a").len(), 1);
    tokio::time::resume();
    let samples = daemon.samples().await;
    let one = [("target", "a"), ("address", "192.0.2.1:5061"), ("site", "ber")];
    let accepted = [&one[..], &[("version", "TLSv1.0")]].concat();
    assert_eq!(value(&samples, "siptls_version_accepted", &accepted), Some(1.0));
    // Nor does the visit that was postponed take away what was seen before the reload.
    let postponed = [&one[..], &[("reason", "postponed")]].concat();
    assert_eq!(value(&samples, "siptls_probes_total", &postponed), Some(1.0));
    assert_eq!(value(&samples, "siptls_sip_response_code", &one), Some(200.0));
    daemon.stop().await.unwrap();
}
