//! The web side over a real socket.

mod common;

use common::reader::{Sample, value};
use common::{Configuration, Daemon, Play, Script, faults, plan};
use siptls_daemon::{DaemonError, Options, run};
use siptls_model::Reason;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const HOUR: Duration = Duration::from_secs(3_600);
const QUICK: Duration = Duration::from_millis(20);
const A: (&str, &str) = ("target", "a");
const B: (&str, &str) = ("target", "b");

fn probes(samples: &[Sample], target: (&str, &str), reason: &str) -> f64 {
    samples
        .iter()
        .filter(|s| {
            s.name == "siptls_probes_total" && s.labels["target"] == target.1 && s.labels["reason"] == reason
        })
        .map(|sample| sample.value)
        .sum()
}

fn both_seen(samples: &[Sample]) -> bool {
    [A, B].iter().all(|target| {
        samples
            .iter()
            .any(|s| s.name == "siptls_up" && s.labels["target"] == target.1)
    })
}

#[tokio::test]
async fn every_path_answers_and_says_what_it_must() {
    let daemon = Daemon::start(
        Configuration::new(plan(&["a", "b"], HOUR)).load(),
        Script::default(),
    )
    .await;
    daemon.until("both targets seen", both_seen).await;
    for (path, status, kind, part) in [
        ("/", 200, "text/html", "worst come first"),
        ("/?verdict=fail", 200, "text/html", "worst come first"),
        ("/style.css", 200, "text/css", "prefers-color-scheme"),
        ("/script.js", 200, "text/javascript", "If-None-Match"),
        ("/icon.svg", 200, "image/svg+xml", "<svg"),
        ("/checks/chain-complete", 200, "text/html", "How to mend it"),
        ("/checks/nonsense", 404, "text/html", "No check is named nonsense"),
        ("/targets/a", 200, "text/html", "<h1><bdi>a</bdi></h1>"),
        ("/targets/c", 404, "text/html", "no target is named `c`"),
        ("/metrics", 200, "text/plain; version=0.0.4", "siptls_targets 2"),
        ("/api/v1/reports", 200, "application/json", "\"reports\":["),
        ("/api/v1/reports/a", 200, "application/json", "\"name\":\"a\""),
        (
            "/api/v1/reports/c",
            404,
            "application/json",
            "{\"error\":\"no target is named `c` in the configuration\"}",
        ),
        ("/-/healthy", 200, "text/plain", "healthy"),
        ("/-/ready", 200, "text/plain", "ready"),
        (
            "/probe?target=a",
            200,
            "text/plain; version=0.0.4",
            "probe_success",
        ),
        ("/probe", 400, "text/plain", "expected the parameter target"),
        ("/probe?target=c", 404, "text/plain", "no target is named `c`"),
        (
            "/probe?target=a&module=nonsense",
            400,
            "text/plain",
            "expected the name of a profile, found `nonsense`",
        ),
        ("/probe?target=a&target=b", 400, "text/plain", "target once"),
        ("/probe?target=a&port=1", 400, "text/plain", "found `port`"),
        (
            "/probe?target=a&debug=1",
            400,
            "text/plain",
            "expected true or false",
        ),
        ("/nothing", 404, "text/plain", "/api/v1/reports/NAME"),
        ("/targets/", 404, "text/plain", "there are"),
    ] {
        let answer = daemon.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.header("content-type").unwrap().starts_with(kind),
            "{path}: {}",
            answer.head
        );
        assert!(answer.text().contains(part), "{path}: {}", answer.text());
        for (header, part) in [
            ("content-security-policy", "default-src 'none'"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert!(
                answer.header(header).is_some_and(|value| value.contains(part)),
                "{path}: {}",
                answer.head
            );
        }
    }
    let answer = daemon.get("/-/reload").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST,PUT")));
    assert_eq!(daemon.post("/metrics").await.status, 405);
    let head = daemon
        .send("HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn reports_are_the_public_document() {
    let script = Script::of(&[(
        "b",
        Play::Answer(vec!["192.0.2.1:5061", "[2001:db8::1]:5061"], Duration::ZERO),
    )]);
    let daemon = Daemon::start(Configuration::new(plan(&["a", "b"], HOUR)).load(), script).await;
    daemon.until("both targets seen", both_seen).await;
    let all: serde_json::Value = serde_json::from_str(&daemon.get("/api/v1/reports").await.text()).unwrap();
    assert_eq!(all["schema"], "siptls-probe/report/v1");
    assert!(all["generated_at"].as_str().unwrap().ends_with('Z'));
    let names: Vec<_> = all["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|report| report["target"]["name"].clone())
        .collect();
    assert_eq!(names, ["a", "b", "b"]);
    let one: serde_json::Value = serde_json::from_str(&daemon.get("/api/v1/reports/b").await.text()).unwrap();
    assert_eq!(one["reports"].as_array().unwrap().len(), 2);
    assert_eq!(one["reports"][1], all["reports"][2]);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn metrics_are_compressed_when_asked() {
    let daemon = Daemon::start(
        Configuration::new(plan(&["a", "b"], HOUR)).load(),
        Script::default(),
    )
    .await;
    daemon.until("both targets seen", both_seen).await;
    let plain = daemon.get("/metrics").await;
    let packed = daemon.get_with("/metrics", "Accept-Encoding: gzip").await;
    assert_eq!(
        (
            plain.header("content-encoding"),
            packed.header("content-encoding")
        ),
        (None, Some("gzip"))
    );
    assert_eq!(packed.body[..2], [0x1f, 0x8b]);
    assert!(packed.body.len() * 4 < plain.body.len());
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn ready_comes_after_the_first_load() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let load = Box::new(move || {
        wait.lock().unwrap().recv().unwrap();
        Ok(plan(&["a"], HOUR))
    });
    let daemon = Daemon::start(load, Script::default()).await;
    assert_eq!(daemon.get("/-/ready").await.status, 503);
    assert_eq!(daemon.get("/-/healthy").await.status, 200);
    assert_eq!(daemon.get("/").await.status, 200);
    go.send(()).unwrap();
    daemon
        .until("the load", |samples| {
            value(samples, "siptls_targets", &[]) == Some(1.0)
        })
        .await;
    assert_eq!(daemon.get("/-/ready").await.status, 200);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_reload_keeps_the_last_good_configuration_and_what_did_not_change() {
    let configuration = Configuration::new(plan(&["a", "b"], HOUR));
    let script = Script::default();
    let daemon = Daemon::start(configuration.load(), script.clone()).await;
    let before = daemon.until("both targets seen", both_seen).await;
    let loaded = value(
        &before,
        "siptls_config_last_reload_success_timestamp_seconds",
        &[],
    )
    .unwrap();

    configuration.set(Err(faults()));
    let answer = daemon.post("/-/reload").await;
    let shown = "The last attempt to load the configuration failed";
    assert!(daemon.get("/").await.text().contains(shown));
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("found `intervall`"), "{}", answer.text());
    let samples = daemon.samples().await;
    assert_eq!(
        value(&samples, "siptls_config_last_reload_successful", &[]),
        Some(0.0)
    );
    assert_eq!(
        value(
            &samples,
            "siptls_config_last_reload_success_timestamp_seconds",
            &[]
        ),
        Some(loaded)
    );
    assert_eq!(value(&samples, "siptls_targets", &[]), Some(2.0));
    assert!(both_seen(&samples));
    assert_eq!(daemon.get("/-/ready").await.status, 200);

    configuration.set(Ok(plan(&["b", "c"], HOUR)));
    let put = daemon
        .send("PUT /-/reload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(
        (put.status, put.text().as_str()),
        (200, "configuration loaded, 2 targets\n")
    );
    let samples = daemon
        .until("the new target", |samples| {
            value(samples, "siptls_up", &[("target", "c")]).is_some()
        })
        .await;
    assert_eq!(
        value(&samples, "siptls_config_last_reload_successful", &[]),
        Some(1.0)
    );
    assert!(
        samples
            .iter()
            .all(|sample| sample.labels.get("target").is_none_or(|name| name != "a"))
    );
    assert_eq!(
        probes(&samples, B, "ok"),
        1.0,
        "unchanged: not visited again, not counted anew"
    );
    assert_eq!(script.visits("b").len(), 1);
    assert_eq!(daemon.get("/targets/a").await.status, 404);

    let mut changed = plan(&["b", "c"], HOUR);
    let target = std::sync::Arc::make_mut(&mut changed.targets[0].target);
    target.labels.insert("team".to_owned(), "voice".to_owned());
    configuration.set(Ok(changed));
    assert_eq!(daemon.post("/-/reload").await.status, 200);
    daemon
        .until(
            "what was seen of the changed target, and counted anew",
            |samples| {
                value(samples, "siptls_up", &[B, ("team", "voice")]).is_some()
                    && probes(samples, B, "ok") == 1.0
            },
        )
        .await;
    assert_eq!((script.visits("b").len(), script.visits("c").len()), (2, 1));

    let foreign =
        "POST /-/reload HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n";
    assert_eq!(daemon.send(foreign).await.status, 403);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_panic_costs_one_visit() {
    let script = Script::of(&[("a", Play::Panic)]);
    let daemon = Daemon::start(
        Configuration::new(plan(&["a", "b"], QUICK)).load(),
        script.clone(),
    )
    .await;
    let samples = daemon
        .until("panics counted", |samples| {
            probes(samples, A, "internal") >= 2.0 && probes(samples, B, "ok") >= 2.0
        })
        .await;
    assert_eq!(
        value(&samples, "siptls_verdict", &[A, ("verdict", "inconclusive")]),
        Some(1.0)
    );
    assert_eq!(daemon.get("/probe?target=a").await.status, 500);
    script.set("a", Play::Answer(vec!["192.0.2.1:5061"], Duration::ZERO));
    daemon
        .until("recovery", |samples| {
            probes(samples, A, "ok") >= 1.0 && probes(samples, A, "internal") == 0.0
        })
        .await;
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn an_address_that_vanishes_takes_its_series_along_and_keeps_its_counters() {
    let address = |samples: &[Sample], address: &str| {
        value(
            samples,
            "siptls_probes_total",
            &[A, ("address", address), ("reason", "ok")],
        )
    };
    let (one, two) = ("192.0.2.1:5061", "192.0.2.2:5061");
    let script = Script::of(&[("a", Play::Answer(vec![one, two, one], Duration::ZERO))]);
    let daemon = Daemon::start(
        Configuration::new(plan(&["a", "b"], QUICK)).load(),
        script.clone(),
    )
    .await;
    daemon
        .until("both addresses", |samples| {
            address(samples, two).is_some_and(|count| count >= 3.0)
        })
        .await;
    script.set("a", Play::Answer(vec![one], Duration::ZERO));
    daemon
        .until("one is gone", |samples| {
            address(samples, two).is_none() && address(samples, one).is_some()
        })
        .await;
    script.set("a", Play::Refuse(Reason::NameNotFound));
    let samples = daemon
        .until("all are gone", |samples| {
            probes(samples, A, "name_not_found") >= 1.0
        })
        .await;
    assert_eq!(value(&samples, "siptls_up", &[A]), Some(0.0));
    assert_eq!(value(&samples, "siptls_up", &[A, ("address", "")]), Some(0.0));
    script.set("a", Play::Answer(vec![two], Duration::ZERO));
    let samples = daemon
        .until("it is back", |samples| address(samples, two).is_some())
        .await;
    assert!(address(&samples, two).unwrap() >= 4.0);
    assert_eq!(probes(&samples, A, "name_not_found"), 0.0);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let name = "<script>alert('a')</script>/../\"&\u{202e}\u{1b}[31m";
    let daemon = Daemon::start(
        Configuration::new(plan(&[name, "b"], HOUR)).load(),
        Script::default(),
    )
    .await;
    daemon
        .until("both seen", |samples| {
            samples.iter().filter(|sample| sample.name == "siptls_up").count() == 2
        })
        .await;
    let path = "/targets/%3Cscript%3Ealert%28%27a%27%29%3C%2Fscript%3E%2F..%2F%22%26%E2%80%AE%1B%5B31m";
    let index = daemon.get("/").await.text();
    assert!(index.contains(&format!("href=\"{}\"", &path[1..])), "{index}");
    let page = daemon.get(path).await;
    assert_eq!(page.status, 200);
    let missing = daemon
        .get("/targets/%3Cscript%3Ealert(1)%3C/script%3E%0d%0ax:y")
        .await;
    let unknown = daemon.get("/targets/%3Cscript%3Ealert(1)").await;
    assert_eq!((missing.status, unknown.status), (404, 404));
    for page in [&index, &page.text(), &unknown.text()] {
        // The one script that every page has is a file.
        let page = page.replacen("<script src=", "", 1);
        assert!(
            !page.contains("<script") && !page.contains("<img") && !page.contains("<b>"),
            "{page}"
        );
        assert!(!page.contains(['\u{202e}', '\u{1b}', '\r']), "{page}");
        assert!(page.contains("&lt;script&gt;alert"), "{page}");
    }
    for path in [
        "/probe?target=%3Cscript%3E%1B%5B31m",
        "/probe?target=b&module=%0d%0a%1b",
        "/probe?%1b=x",
    ] {
        let answer = daemon.get(path).await;
        assert!(matches!(answer.status, 400 | 404), "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
        assert!(
            !answer.text().trim_end().contains(|c: char| c.is_control()),
            "{:?}",
            answer.text()
        );
    }
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_probe_is_a_visit_of_its_own_and_leaves_nothing_behind() {
    let script = Script::default();
    let daemon = Daemon::start(Configuration::new(plan(&["a", "b"], HOUR)).load(), script.clone()).await;
    daemon.until("both targets seen", both_seen).await;
    let answer = daemon.get("/probe?target=a&module=sip-tls-generic").await;
    let samples = common::reader::read(&answer.text());
    assert!(value(&samples, "probe_duration_seconds", &[]).is_some());
    assert_eq!(
        value(
            &samples,
            "siptls_up",
            &[A, ("profile", "sip-tls-generic"), ("site", "fra")]
        ),
        Some(1.0)
    );
    assert!(
        samples
            .iter()
            .all(|sample| !sample.name.starts_with("process_") && sample.name != "siptls_targets")
    );
    assert_eq!(script.visits("a").len(), 2);
    assert_eq!(probes(&daemon.samples().await, A, "ok"), 1.0);

    let debug = daemon.get("/probe?target=a&debug=true").await.text();
    for part in [
        "# Log\n",
        "a visit began",
        "\\u{1b}",
        "# Target\nname: a\n",
        "timeout: 10 s",
        "# Report\n{",
        "# Metrics\n",
        "probe_success",
    ] {
        assert!(debug.contains(part), "{part}: {debug}");
    }
    assert!(!debug.contains('\u{1b}'));

    script.set("a", Play::Refuse(Reason::ConnectionRefused));
    let samples = common::reader::read(&daemon.get("/probe?target=a").await.text());
    assert_eq!(value(&samples, "probe_success", &[]), Some(0.0));
    assert_eq!(probes(&samples, A, "connection_refused"), 1.0);

    script.set("a", Play::Hang);
    let header = "X-Prometheus-Scrape-Timeout-Seconds: 0.6";
    let samples = common::reader::read(&daemon.get_with("/probe?target=a", header).await.text());
    assert_eq!(value(&samples, "probe_success", &[]), Some(0.0));
    let took = value(&samples, "probe_duration_seconds", &[]).unwrap();
    assert!((0.25..0.6).contains(&took), "{took}");
    let verdict = value(&samples, "siptls_verdict", &[("verdict", "inconclusive")]);
    assert_eq!(verdict, Some(1.0), "nothing was seen, and that is what is said");
    assert_eq!(probes(&samples, A, "internal"), 1.0);
    assert_eq!(
        daemon
            .get_with("/probe?target=a", "X-Prometheus-Scrape-Timeout-Seconds: x")
            .await
            .status,
        400
    );
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn too_many_probes_at_once_are_refused_and_one_target_is_never_visited_twice_at_once() {
    let slow = Play::Answer(vec!["192.0.2.1:5061"], Duration::from_millis(150));
    let script = Script::of(&[("a", slow)]);
    let options = Options {
        probes: 4,
        ..Options::default()
    };
    let daemon = Daemon::with(
        options,
        Configuration::new(plan(&["a", "b"], HOUR)).load(),
        script.clone(),
    )
    .await;
    daemon.until("both targets seen", both_seen).await;
    let (one, two, three) = tokio::join!(
        daemon.get("/probe?target=a"),
        daemon.get("/probe?target=a"),
        daemon.get("/probe?target=a")
    );
    let mut statuses = [one.status, two.status, three.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503]);
    assert_eq!(script.most_at_once(), 1);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_scrape_under_way_at_the_stop_is_answered() {
    let names: Vec<String> = (0..2_000).map(|index| format!("target-{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let options = Options {
        concurrency: 2_000,
        ..Options::default()
    };
    let daemon = Daemon::with(
        options,
        Configuration::new(plan(&names, QUICK * 50)).load(),
        Script::default(),
    )
    .await;
    let seen =
        |samples: &[Sample]| samples.iter().filter(|sample| sample.name == "siptls_up").count() == 2_000;
    daemon.until("all seen", seen).await;
    let address = daemon.address;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    // The answer is larger than the buffers of the socket: it is under way until it is read.
    let mut bytes = vec![0; 1];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut bytes)
        .await
        .unwrap();
    let reading = tokio::spawn(async move {
        while tokio::io::AsyncReadExt::read_buf(&mut stream, &mut bytes)
            .await
            .unwrap()
            > 0
        {}
        bytes
    });
    let start = std::time::Instant::now();
    daemon.stop().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    let bytes = reading.await.unwrap();
    assert!(bytes.ends_with(b"\r\n0\r\n\r\n"), "the last chunk came");
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nothing listens any more"
    );
}

#[tokio::test]
async fn an_external_urls_path_is_accepted_and_links_are_relative() {
    let options = Options {
        external_url: Some("https://example.test/voice/siptls/".to_owned()),
        ..Options::default()
    };
    let daemon = Daemon::with(
        options,
        Configuration::new(plan(&["a", "b"], HOUR)).load(),
        Script::default(),
    )
    .await;
    daemon.until("both targets seen", both_seen).await;
    for path in [
        "/voice/siptls/-/healthy",
        "/-/healthy",
        "/voice/siptls/targets/a",
        "/voice/siptls/probe?target=a",
    ] {
        assert_eq!(daemon.get(path).await.status, 200, "{path}");
    }
    let bare = daemon.get("/voice/siptls").await;
    assert_eq!(
        (bare.status, bare.header("location")),
        (308, Some("/voice/siptls/"))
    );
    assert_eq!(daemon.get("/voice/siptlsx").await.status, 404);
    let metrics = daemon.get("/metrics").await.text();
    let line = "\nsiptls_web_info{external_url=\"https://example.test/voice/siptls\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
    let index = daemon.get("/voice/siptls/").await.text();
    assert!(
        !index.contains("href=\"/") && !index.contains("http://") && !index.contains("https://"),
        "{index}"
    );
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn oversized_requests_are_refused() {
    let daemon = Daemon::start(
        Configuration::new(plan(&["a", "b"], HOUR)).load(),
        Script::default(),
    )
    .await;
    assert_eq!(daemon.get(&format!("/{}", "a".repeat(20_000))).await.status, 431);
    assert_eq!(
        daemon
            .get_with("/", &format!("X: {}", "a".repeat(20_000)))
            .await
            .status,
        431
    );
    assert_eq!(
        daemon.get_with("/", &["X: y"; 100].join("\r\n")).await.status,
        431
    );
    assert_eq!(daemon.send("nonsense\r\n\r\n").await.status, 400);
    assert_eq!(daemon.get("/-/healthy").await.status, 200);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn what_keeps_it_from_running_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let start = |listen: String| {
        let options = Options {
            listen: vec![listen],
            ..Options::default()
        };
        run(
            options,
            Configuration::new(plan(&["a"], HOUR)).load(),
            Script::default(),
            std::future::pending(),
        )
    };
    let error = start(address.to_string()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address}"));
    assert!(std::error::Error::source(&error).is_some());
    for bad in ["", "10061", "127.0.0.1", "127.0.0.1:70000", "[::1", ":"] {
        let error = start(bad.to_owned()).await.unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with(&format!("such as `127.0.0.1:10061`, found `{bad}`")),
            "{error}"
        );
    }

    let configuration = Configuration::new(plan(&["a"], HOUR));
    configuration.set(Err(faults()));
    let daemon = Daemon::start(configuration.load(), Script::default()).await;
    assert!(matches!(daemon.ended().await, Err(DaemonError::Configuration { source }) if source == faults()));
    let daemon = Daemon::start(Box::new(|| panic!("as the test says")), Script::default()).await;
    assert!(matches!(daemon.ended().await, Err(DaemonError::LoadPanicked)));
}

/// A client that goes away while the configuration is read: what was read is taken into use as a whole all the same.
#[tokio::test]
async fn a_reload_is_finished_though_its_client_has_gone() {
    let configuration = Configuration::new(plan(&["a"], HOUR));
    let load = configuration.load();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let (began, beginning) = std::sync::mpsc::channel();
    let script = Script::default();
    let daemon = Daemon::start(
        Box::new(move || {
            began.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
            load()
        }),
        script.clone(),
    )
    .await;
    go.send(()).unwrap();
    beginning.recv().unwrap();
    daemon
        .until("the first target", |samples| {
            value(samples, "siptls_up", &[A]).is_some()
        })
        .await;
    configuration.set(Ok(plan(&["a", "b"], HOUR)));
    let mut client = tokio::net::TcpStream::connect(daemon.address).await.unwrap();
    client
        .write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    tokio::task::spawn_blocking(move || beginning.recv().unwrap())
        .await
        .unwrap();
    drop(client);
    // Long enough for the daemon to notice; too short a wait makes the test weaker, never red.
    tokio::time::sleep(Duration::from_millis(100)).await;
    go.send(()).unwrap();
    daemon
        .until("the second target", |samples| {
            value(samples, "siptls_up", &[B]).is_some()
        })
        .await;
    assert_eq!(script.visits("a").len(), 1, "the first keeps its slot");
    daemon.stop().await.unwrap();
}

/// A connection that stays open between requests, or is read a byte now and then, ends at its age all the same.
#[tokio::test]
async fn a_connection_ends_at_its_age_however_slowly_it_is_read() {
    let options = Options {
        connection_age: Duration::from_millis(50),
        ..Options::default()
    };
    let configuration = Configuration::new(plan(&["a", "b"], HOUR));
    let daemon = Daemon::with(options, configuration.load(), Script::default()).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = tokio::net::TcpStream::connect(daemon.address).await.unwrap();
        client
            .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        held.push(client);
    }
    for mut client in held {
        let mut answer = Vec::new();
        let end = async { while client.read_buf(&mut answer).await.unwrap() > 0 {} };
        // Long before it would end for its silence.
        tokio::time::timeout(Duration::from_secs(10), end)
            .await
            .expect("the end of its age");
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    daemon.stop().await.unwrap();
}
