//! What changed: from memory, from a journal, and what is said of wrong questions.

mod common;

use common::reader::{Sample, value};
use common::{Configuration, Daemon, Play, Script, plan};
use serde_json::{Value, json};
use siptls_config::{JournalSettings, Plan};
use siptls_model::ClientCertificateMode;
use std::path::Path;
use std::time::Duration;

const QUICK: Duration = Duration::from_millis(20);

fn with_journal(mut plan: Plan, path: &Path) -> Plan {
    plan.journal = Some(JournalSettings {
        path: path.to_owned(),
        retention: Duration::from_secs(86_400),
        max_size: 1 << 30,
    });
    plan
}

async fn ask(daemon: &Daemon, query: &str) -> Value {
    let answer = daemon.get(&format!("/api/v1/changes?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_str(&answer.text()).expect("JSON")
}

/// Asks until there are so many changes.
async fn until(daemon: &Daemon, query: &str, count: usize) -> Value {
    for _ in 0..1_000 {
        let answer = ask(daemon, query).await;
        if answer["changes"].as_array().expect("a list").len() >= count {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never came: {count} changes of {query}");
}

fn changed(samples: &[Sample], target: &str, aspect: &str) -> Option<f64> {
    let of = |sample: &&Sample| {
        sample.name == "siptls_last_change_timestamp_seconds"
            && sample.labels["target"] == target
            && sample.labels["aspect"] == aspect
    };
    samples.iter().find(of).map(|sample| sample.value)
}

fn visited(samples: &[Sample], target: &str) -> bool {
    samples
        .iter()
        .any(|sample| sample.name == "siptls_up" && sample.labels["target"] == target)
}

#[tokio::test]
async fn without_a_journal_the_last_changes_are_in_memory() {
    let script = Script::default();
    script.ask("a", ClientCertificateMode::NotRequested);
    let configuration = Configuration::new(plan(&["a", "b"], QUICK));
    let daemon = Daemon::start(configuration.load(), script.clone()).await;
    let seen = daemon
        .until("both", |samples| visited(samples, "a") && visited(samples, "b"))
        .await;
    assert_eq!(changed(&seen, "a", "request"), None);
    assert!(
        !seen
            .iter()
            .any(|sample| sample.name.starts_with("siptls_journal_"))
    );
    script.ask("a", ClientCertificateMode::Required);
    script.set(
        "b",
        Play::Answer(vec!["192.0.2.1:5061", "192.0.2.2:5061"], Duration::ZERO),
    );
    let of_a = until(&daemon, "target=a&aspect=request", 1).await;
    assert_eq!(
        (&of_a["schema"], &of_a["source"]),
        (&json!("siptls-probe/changes/v1"), &json!("memory"))
    );
    let change = &of_a["changes"][0];
    assert_eq!(
        (
            &change["before"]["mode"],
            &change["after"]["mode"],
            &change["count"]
        ),
        (&json!("not_requested"), &json!("required"), &json!(1)),
        "{change}"
    );
    let of_b = until(&daemon, "target=b&aspect=addresses", 1).await;
    assert_eq!(of_b["changes"][0]["address"], Value::Null);
    assert_eq!(
        of_b["changes"][0]["after"],
        json!({"addresses": ["192.0.2.1:5061", "192.0.2.2:5061"]})
    );
    let samples = daemon
        .until("the metric", |samples| {
            changed(samples, "b", "addresses").is_some()
        })
        .await;
    assert!(changed(&samples, "a", "request").is_some() && changed(&samples, "b", "request").is_none());
    let page = daemon.get("/targets/a").await.text();
    assert!(page.contains("not requested -&gt; required"), "{page}");

    // All of them, page by page.
    let first = ask(&daemon, "limit=1").await;
    let next = first["next"].as_str().unwrap().replace('/', "%2F");
    let rest = ask(&daemon, &format!("limit=1000&after={next}")).await;
    assert_eq!(rest["next"], Value::Null);
    assert!(!rest["changes"].as_array().unwrap().contains(&first["changes"][0]));

    // A target that begins anew keeps its history.
    configuration.set(Ok(plan(&["a", "b"], Duration::from_millis(30))));
    assert_eq!(daemon.post("/-/reload").await.status, 200);
    assert_eq!(
        until(&daemon, "target=a&aspect=request", 1).await["changes"][0],
        *change
    );
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn wrong_questions_are_answered_with_what_was_expected() {
    let daemon = Daemon::start(Configuration::new(plan(&["a"], QUICK)).load(), Script::default()).await;
    daemon.until("a visit", |samples| visited(samples, "a")).await;
    for (query, status, part) in [
        ("target=c", 404, "no target is named `c`"),
        (
            "since=yesterday",
            400,
            "expected since to be an RFC 3339 time such as 2027-03-15T06:00:00Z, found `yesterday`",
        ),
        (
            "aspect=colour",
            400,
            "expected an aspect (identity, request, suites, addresses, verdict), found `colour`",
        ),
        ("limit=0", 400, "expected limit to be from 1 to 1000, found `0`"),
        ("limit=many", 400, "found `many`"),
        (
            "after=x",
            400,
            "expected after to be the next of an answer, found `x`",
        ),
        (
            "target=a&target=b",
            400,
            "expected the parameter target once, found it twice",
        ),
        ("port=1%1b", 400, "found `port`"),
    ] {
        let answer = daemon.get(&format!("/api/v1/changes?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        let error: Value = serde_json::from_str(&answer.text()).unwrap();
        assert!(
            error["error"].as_str().unwrap().contains(part),
            "{query}: {error}"
        );
    }
    for query in [
        "",
        "target=a",
        "since=2027-03-15T06:00:00+01:00",
        "since=2027-03-15T06:00:00%2B01:00",
    ] {
        assert_eq!(ask(&daemon, query).await["changes"], json!([]), "{query}");
    }
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_journal_is_where_the_next_daemon_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let script = Script::default();
    script.ask("a", ClientCertificateMode::NotRequested);
    script.ask("b", ClientCertificateMode::NotRequested);
    let daemon = Daemon::start(
        Configuration::new(with_journal(plan(&["a", "b"], QUICK), &path)).load(),
        script.clone(),
    )
    .await;
    daemon
        .until("both", |samples| visited(samples, "a") && visited(samples, "b"))
        .await;
    script.ask("a", ClientCertificateMode::Optional);
    let before = until(&daemon, "target=a&aspect=request", 1).await;
    assert_eq!(before["source"], "journal");
    daemon.stop().await.unwrap();

    // While nobody looked, b changed; a did not.
    script.ask("b", ClientCertificateMode::Required);
    let configuration = Configuration::new(with_journal(plan(&["a"], QUICK), &path));
    let daemon = Daemon::start(configuration.load(), script.clone()).await;
    let samples = daemon.until("a visit", |samples| visited(samples, "a")).await;
    assert!(changed(&samples, "a", "request").is_some());
    // A target that a reload adds is compared with what the journal knows of it, too.
    configuration.set(Ok(with_journal(plan(&["a", "b"], QUICK), &path)));
    assert_eq!(daemon.post("/-/reload").await.status, 200);
    let of_b = until(&daemon, "target=b&aspect=request", 1).await;
    assert_eq!(of_b["changes"][0]["before"]["mode"], "not_requested");
    let after = ask(&daemon, "target=a&aspect=request").await;
    assert_eq!(after["changes"], before["changes"]);

    // Another journal is taken into use, and then none; visits go on.
    let other = folder.path().join("other.sqlite");
    configuration.set(Ok(with_journal(plan(&["a", "b"], QUICK), &other)));
    assert_eq!(daemon.post("/-/reload").await.status, 200);
    script.ask("a", ClientCertificateMode::Required);
    let in_other = until(&daemon, "target=a&aspect=request", 1).await;
    assert_eq!(in_other["changes"][0]["before"]["mode"], "optional");
    assert_eq!(in_other["source"], "journal");
    configuration.set(Ok(plan(&["a", "b"], QUICK)));
    assert_eq!(daemon.post("/-/reload").await.status, 200);
    assert_eq!(ask(&daemon, "target=a").await["source"], "memory");
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_reload_that_changes_the_journal_counts_on() {
    let folder = tempfile::tempdir().unwrap();
    let [path, other] = ["journal.sqlite", "other.sqlite"].map(|name| folder.path().join(name));
    let script = Script::default();
    script.ask("a", ClientCertificateMode::NotRequested);
    let configuration = Configuration::new(with_journal(plan(&["a"], QUICK), &path));
    let daemon = Daemon::start(configuration.load(), script.clone()).await;
    daemon.until("a visit", |samples| visited(samples, "a")).await;
    script.ask("a", ClientCertificateMode::Optional);
    until(&daemon, "target=a&aspect=request", 1).await;
    let writes = |samples: &[Sample]| value(samples, "siptls_journal_writes_total", &[]);
    let before = daemon
        .until("a write", |samples| writes(samples) >= Some(1.0))
        .await;
    // As little as there can be: the change goes, and the journal stays the same.
    let mut small = with_journal(plan(&["a"], QUICK), &path);
    if let Some(journal) = &mut small.journal {
        journal.max_size = 1;
    }
    for changed in [small, with_journal(plan(&["a"], QUICK), &other)] {
        configuration.set(Ok(changed));
        assert_eq!(daemon.post("/-/reload").await.status, 200);
        assert!(writes(&daemon.samples().await) >= writes(&before));
        let mut left = 1;
        for _ in 0..1_000 {
            left = ask(&daemon, "target=a").await["changes"]
                .as_array()
                .map_or(1, Vec::len);
            if left == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(left, 0);
    }
    daemon.stop().await.unwrap();
}
