//! The guard: who is let in, how often, and where `/probe` goes, over real sockets. Long, because it is one case after the
//! other on one rig.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::reader::value;
use common::{Answer, Configuration, Daemon, Script, plan};
use siptls_config::{Faults, WebConfig, load_str, load_web};
use siptls_daemon::{DaemonError, LoadWeb, Options, WebError};
use siptls_probe_engine::{Prober, ProberOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

const HOUR: Duration = Duration::from_secs(3_600);

/// A bcrypt hash of the lowest cost: tests have no secrets.
fn hash(password: &str) -> String {
    bcrypt::hash_with_salt(password, 4, *b"0123456789abcdef")
        .unwrap()
        .to_string()
}

/// A web configuration that tests change under a running daemon.
struct Web {
    folder: tempfile::TempDir,
}

impl Web {
    fn new(text: &str) -> Self {
        let web = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        web.write(text);
        web
    }

    fn users(users: &[(&str, &str)]) -> Self {
        Self::new(&Self::of_users(users))
    }

    fn of_users(users: &[(&str, &str)]) -> String {
        let lines = users
            .iter()
            .map(|(name, password)| format!("  {name}: '{}'\n", hash(password)));
        format!("basic_auth_users:\n{}", lines.collect::<String>())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("web.yaml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    fn load(&self) -> LoadWeb {
        let path = self.path();
        Box::new(move || -> Result<WebConfig, Faults> { load_web(&path) })
    }

    async fn daemon(&self) -> Daemon {
        let options = Options {
            web: Some(self.load()),
            ..Options::default()
        };
        let configuration = Configuration::new(plan(&["a", "b"], HOUR));
        Daemon::with(options, configuration.load(), Script::default()).await
    }
}

/// Waits for the configuration to be loaded.
async fn ready(daemon: &Daemon) {
    let ready = async { while daemon.get("/-/ready").await.status == 503 {} };
    timeout(Duration::from_secs(10), ready).await.expect("the load");
}

fn basic(credentials: &str) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(credentials);
    format!("Authorization: Basic {text}")
}

async fn get_as(daemon: &Daemon, path: &str, credentials: &str) -> Answer {
    daemon.get_with(path, &basic(credentials)).await
}

async fn post_as(daemon: &Daemon, path: &str, header: &str) -> Answer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\n{header}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    daemon.send(&request).await
}

#[tokio::test]
async fn without_the_right_name_and_password_nobody_is_let_in() {
    let web = Web::users(&[("alice", "wonderland"), ("bob", "builder")]);
    let daemon = web.daemon().await;
    for path in [
        "/",
        "/targets/a",
        "/style.css",
        "/metrics",
        "/probe?target=a",
        "/api/v1/reports",
        "/api/v1/changes",
        "/-/reload",
        "/-/healthy/",
        "//-/healthy",
        "/%2d/healthy",
        "/nothing",
    ] {
        let answer = daemon.get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Basic realm=\"siptls-probe\", charset=\"UTF-8\"")
        );
        assert_eq!(answer.text(), "name and password are needed\n");
        assert!(answer.header("content-security-policy").is_some(), "{path}");
    }
    assert_eq!(daemon.post("/-/reload").await.status, 401);
    ready(&daemon).await;
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(
            daemon.get(path).await.status,
            200,
            "{path}: probes keep no secret"
        );
    }
    for (name, password) in [("alice", "wonderland"), ("bob", "builder")] {
        let answer = get_as(&daemon, "/metrics", &format!("{name}:{password}")).await;
        assert_eq!(answer.status, 200, "{name}");
    }
    for header in [
        basic("alice:builder"),
        basic("alice:"),
        basic("alice"),
        basic(":wonderland"),
        basic("carol:wonderland"),
        basic(&format!("alice:{}", "x".repeat(2_000))),
        "Authorization: Basic".to_owned(),
        "Authorization: Basic !!!".to_owned(),
        "Authorization: Bearer wonderland".to_owned(),
        format!("Authorization: {}", hash("wonderland")),
        basic(&format!("alice:{}", hash("wonderland"))),
    ] {
        assert_eq!(daemon.get_with("/metrics", &header).await.status, 401, "{header}");
    }
    // The scheme is written as one likes (RFC 9110 §11.1).
    let lower = basic("alice:wonderland").replace("Basic", "bAsIc");
    assert_eq!(daemon.get_with("/metrics", &lower).await.status, 200);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn guessing_is_slowed_down_and_who_is_known_goes_on() {
    let web = Web::users(&[("alice", "wonderland"), ("bob", "builder")]);
    let daemon = web.daemon().await;
    assert_eq!(get_as(&daemon, "/metrics", "alice:wonderland").await.status, 200);
    let mut statuses = Vec::new();
    for number in 0..12 {
        let answer = get_as(&daemon, "/metrics", &format!("alice:guess{number}")).await;
        statuses.push(answer.status);
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=11).contains(&wait), "{wait}");
        }
    }
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
    // Even the right password is not looked at any more, unless it has been right before.
    assert_eq!(get_as(&daemon, "/metrics", "bob:builder").await.status, 429);
    let known = get_as(&daemon, "/metrics", "alice:wonderland").await;
    assert_eq!(known.status, 200);
    let text = known.text();
    for (line, least) in [("unauthenticated", 10.0), ("rate_limited", 3.0)] {
        let samples = common::reader::read(&text);
        let found = value(&samples, "siptls_http_refused_total", &[("reason", line)]).unwrap();
        assert!(found >= least, "{line}: {found}");
    }
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_changed_file_is_taken_into_use_and_a_broken_one_is_not() {
    let web = Web::users(&[("alice", "wonderland")]);
    let daemon = web.daemon().await;
    let reload = async |credentials: &str| post_as(&daemon, "/-/reload", &basic(credentials)).await;
    assert_eq!(get_as(&daemon, "/metrics", "alice:wonderland").await.status, 200);
    web.write(
        &(Web::of_users(&[("alice", "mirror")])
            + "http_server_config: {headers: {X-Frame-Options: sameorigin}}\n"),
    );
    assert_eq!(reload("alice:wonderland").await.status, 200);
    assert_eq!(
        get_as(&daemon, "/metrics", "alice:wonderland").await.status,
        401,
        "remembered no longer"
    );
    let answer = get_as(&daemon, "/metrics", "alice:mirror").await;
    assert_eq!(
        (answer.status, answer.header("x-frame-options")),
        (200, Some("sameorigin"))
    );
    for broken in [
        "",
        "basic_auth_users: {alice: hunter2}\n",
        "basic_auth_users: {}\n",
    ] {
        web.write(broken);
        let answer = reload("alice:mirror").await;
        assert_eq!(answer.status, 500, "{broken}");
        let text = answer.text();
        assert!(
            text.starts_with("web configuration not loaded:\n") && text.contains("web.yaml"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(
            daemon.get("/metrics").await.status,
            401,
            "the last good one stays"
        );
        let text = get_as(&daemon, "/metrics", "alice:mirror").await.text();
        assert!(
            text.contains("\nsiptls_web_config_last_reload_successful 0\n"),
            "{text}"
        );
        assert!(
            text.contains("\nsiptls_config_last_reload_successful 1\n"),
            "{text}"
        );
    }
    web.write(&Web::of_users(&[("alice", "wonderland")]));
    assert_eq!(reload("alice:mirror").await.status, 200);
    let answer = get_as(&daemon, "/metrics", "alice:wonderland").await;
    assert!(
        answer
            .text()
            .contains("\nsiptls_web_config_last_reload_successful 1\n")
    );
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_broken_file_at_the_start_is_no_start() {
    let web = Web::new("basic_auth_users: {alice: hunter2}\n");
    let options = Options {
        web: Some(web.load()),
        listen: vec!["127.0.0.1:0".to_owned()],
        on_listening: Some(Box::new(|_| panic!("it listens without a guard"))),
        ..Options::default()
    };
    let configuration = Configuration::new(plan(&["a"], HOUR));
    let ended = siptls_daemon::run(
        options,
        configuration.load(),
        Script::default(),
        std::future::pending(),
    );
    let error = ended.await.unwrap_err();
    assert!(
        matches!(
            error,
            DaemonError::Web {
                source: WebError::Faults { .. }
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn debug_output_and_reloads_are_for_whoever_is_known() {
    let web = Web::users(&[("alice", "wonderland")]);
    let daemon = web.daemon().await;
    ready(&daemon).await;
    let debug = get_as(&daemon, "/probe?target=a&debug=true", "alice:wonderland").await;
    assert!(
        debug.status == 200 && debug.text().starts_with("# Log\n"),
        "{}",
        debug.text()
    );
    assert_eq!(daemon.get("/probe?target=a&debug=true").await.status, 401);
    let foreign = format!("{}\r\nSec-Fetch-Site: cross-site", basic("alice:wonderland"));
    assert_eq!(
        post_as(&daemon, "/-/reload", &foreign).await.status,
        403,
        "a browser remembers passwords"
    );
    let statuses = async |more: &str| {
        let headers = format!(
            "{}\r\nSec-Fetch-Site: cross-site\r\n{more}",
            basic("alice:wonderland")
        );
        daemon.get_with("/probe?target=a", &headers).await.status
    };
    assert_eq!(statuses("Sec-Fetch-Mode: no-cors").await, 403);
    assert_eq!(
        statuses("Sec-Fetch-Mode: navigate").await,
        200,
        "a link in a runbook"
    );
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(
            post_as(&daemon, "/-/reload", &basic("alice:wonderland"))
                .await
                .status,
        );
    }
    assert_eq!(statuses, [[200; 10].as_slice(), &[429]].concat());
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_limit_of_all_requests_spares_what_says_that_it_runs() {
    let web = Web::new("rate_limit: {interval: 1h, burst: 3}\n");
    let daemon = web.daemon().await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = daemon.get("/metrics").await;
        statuses.push(answer.status);
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((3_500..=3_601).contains(&wait), "{wait}");
        }
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(daemon.get("/-/healthy").await.status, 200);
    daemon.stop().await.unwrap();
}

/// Half-sent requests, silent connections and idle ones, more than there are slots: whoever asks is answered.
#[tokio::test]
async fn half_sent_requests_keep_nobody_out() {
    let daemon = Daemon::start(
        Configuration::new(plan(&["a", "b"], HOUR)).load(),
        Script::default(),
    )
    .await;
    let mut held = Vec::new();
    for number in 0..400 {
        let mut client = TcpStream::connect(daemon.address).await.unwrap();
        let begun: &[u8] = match number % 3 {
            0 => b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Half: ",
            1 => b"",
            _ => b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\nGET /metr",
        };
        // It may have been closed already.
        let _ = client.write_all(begun).await;
        held.push(client);
        if number % 40 == 0 {
            for path in ["/-/healthy", "/metrics"] {
                let answer = timeout(Duration::from_secs(3), daemon.get(path)).await;
                assert_eq!(
                    answer.expect("an answer in time").status,
                    200,
                    "{path} after {number}"
                );
            }
        }
    }
    // Those that made room end at once, long before their patience would.
    let start = Instant::now();
    let mut open = held.len();
    while open > 128 && start.elapsed() < Duration::from_secs(3) {
        open = 0;
        for client in &mut held {
            let mut buffer = [0; 4_096];
            let ended = async { while client.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
            open += usize::from(timeout(Duration::from_millis(1), ended).await.is_err());
        }
    }
    assert!(
        open <= 128,
        "{open} are open: more than half of the slots, of one address"
    );
    daemon.stop().await.unwrap();
}

/// Seconds after which a connection ends that never asks anything.
#[tokio::test]
async fn the_first_request_has_seconds_and_the_next_one_longer() {
    let daemon = Daemon::start(Configuration::new(plan(&["a"], HOUR)).load(), Script::default()).await;
    let mut silent = TcpStream::connect(daemon.address).await.unwrap();
    let mut half = TcpStream::connect(daemon.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut kept = TcpStream::connect(daemon.address).await.unwrap();
    kept.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let start = Instant::now();
    for client in [&mut silent, &mut half] {
        let mut answer = Vec::new();
        let end = async { while client.read_buf(&mut answer).await.is_ok_and(|count| count > 0) {} };
        timeout(Duration::from_secs(9), end)
            .await
            .expect("the end of the patience");
    }
    assert!(start.elapsed() >= Duration::from_secs(4), "{:?}", start.elapsed());
    kept.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while kept.read_buf(&mut answer).await.unwrap() > 0 {}
    let text = String::from_utf8(answer).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    daemon.stop().await.unwrap();
}

/// A peer that counts who comes, and hangs up.
async fn peer() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((_stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

/// A daemon with the real prober and no target.
async fn prober(destinations: &str) -> Daemon {
    let text = format!("targets: []\n{destinations}\n");
    let plan = load_str(&text, Path::new("siptls-probe.yaml"), Path::new("")).unwrap();
    let prober = Prober::new(ProberOptions::default());
    Daemon::start(Configuration::new(plan).load(), prober).await
}

const NOT_ALLOWED: &str = "this destination is not allowed\n\
    hint: allow the networks of its addresses in `probe_destinations.allow` and its port in `probe_destinations.ports`, or make it a target\n";

#[tokio::test]
async fn a_probe_goes_to_targets_alone_unless_more_is_allowed() {
    let (port, count) = peer().await;
    let daemon = prober("").await;
    ready(&daemon).await;
    for target in [
        format!("127.0.0.1:{port}"),
        "localhost".to_owned(),
        "[::1]".to_owned(),
    ] {
        let answer = daemon.get(&format!("/probe?target={target}")).await;
        let expected = format!("no target is named `{target}` in the configuration\n");
        assert_eq!((answer.status, answer.text()), (404, expected));
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_probe_goes_where_it_is_allowed_and_nowhere_else() {
    let (port, count) = peer().await;
    let (other, others) = peer().await;
    let daemon = prober(&format!(
        "probe_destinations: {{allow: [127.0.0.1, 10.0.0.0/8], ports: [{port}]}}"
    ))
    .await;
    ready(&daemon).await;
    let answer = daemon.get(&format!("/probe?target=127.0.0.1:{port}")).await;
    let text = answer.text();
    assert_eq!((answer.status, count.load(Ordering::SeqCst)), (200, 1), "{text}");
    assert!(text.contains("\nprobe_success 0\n"), "{text}");
    let label = format!("siptls_up{{target=\"sips:127.0.0.1:{port}\",address=\"127.0.0.1:{port}\"");
    assert!(text.contains(&label), "{text}");
    // A name counts by its addresses; one without is like one that leads elsewhere.
    let named = daemon.get(&format!("/probe?target=localhost:{port}")).await;
    assert_eq!(
        (named.status, count.load(Ordering::SeqCst)),
        (200, 2),
        "{}",
        named.text()
    );
    assert!(!named.text().contains("[::1]"), "{}", named.text());
    let mapped = daemon
        .get(&format!("/probe?target=[::ffff:127.0.0.1]:{port}"))
        .await;
    assert_eq!(mapped.status, 200, "{}", mapped.text());
    let before = count.load(Ordering::SeqCst);
    for target in [
        format!("127.0.0.1:{other}"),
        format!("localhost:{other}"),
        format!("127.0.0.2:{port}"),
        format!("[::1]:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::]:{port}"),
        format!("224.0.0.1:{port}"),
        format!("169.254.169.254:{port}"),
        "127.0.0.1".to_owned(),
        format!("no-such-host.invalid:{port}"),
        "no-such-host.invalid".to_owned(),
    ] {
        let start = Instant::now();
        let answer = daemon.get(&format!("/probe?target={target}")).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (403, NOT_ALLOWED),
            "{target}"
        );
        if target.contains("localhost") || target.contains("invalid") {
            assert!(
                start.elapsed() >= Duration::from_millis(950),
                "{target}: {:?}",
                start.elapsed()
            );
        }
    }
    assert_eq!(
        (count.load(Ordering::SeqCst), others.load(Ordering::SeqCst)),
        (before, 0)
    );
    let nonsense = daemon.get("/probe?target=a%0ab").await;
    assert_eq!(nonsense.status, 404);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn destinations_that_are_no_targets_are_asked_for_at_a_measured_pace() {
    let daemon = prober("probe_destinations: {allow: [10.0.0.0/8]}").await;
    ready(&daemon).await;
    let mut statuses = Vec::new();
    for number in 0..63 {
        statuses.push(
            daemon
                .get(&format!("/probe?target=192.0.2.{number}"))
                .await
                .status,
        );
    }
    assert_eq!(statuses[..60], [403; 60]);
    assert!(statuses[60..].contains(&429), "{statuses:?}");
    daemon.stop().await.unwrap();
}

/// Two targets at one address, which is silent: whoever waits for the other's visit says so, and not that the peer fails.
#[tokio::test]
async fn a_probe_that_waits_for_another_targets_visit_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (came, coming) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let held = listener.accept().await.unwrap();
        came.send(()).unwrap();
        std::future::pending::<()>().await;
        drop(held);
    });
    let text = format!(
        "probe: {{interval: 1h, timeout: 60s}}\n\
         targets: [{{name: a, endpoint: '{address}'}}, {{name: b, endpoint: '{address}'}}]\n"
    );
    let plan = load_str(&text, Path::new("siptls-probe.yaml"), Path::new("")).unwrap();
    let configuration = Configuration::new(plan);
    let daemon = Daemon::start(configuration.load(), Prober::new(ProberOptions::default())).await;
    ready(&daemon).await;
    let long = "X-Prometheus-Scrape-Timeout-Seconds: 30";
    let mut asking = Box::pin(daemon.get_with("/probe?target=a", long));
    tokio::select! {
        _ = coming => {}
        answer = &mut asking => panic!("{}", answer.text()),
    }
    let header = "X-Prometheus-Scrape-Timeout-Seconds: 0.6";
    let answers = [
        daemon.get_with("/probe?target=a", header).await.text(),
        daemon.get_with("/probe?target=b", header).await.text(),
    ];
    for (name, answer) in ["a", "b"].iter().zip(answers) {
        let samples = common::reader::read(&answer);
        let postponed = samples.iter().any(|sample| {
            sample.name == "siptls_probes_total"
                && sample.labels["target"] == *name
                && sample.labels["reason"] == "postponed"
                && sample.value == 1.0
        });
        assert!(postponed, "{name}: {answer}");
    }
    drop(asking);
    daemon.stop().await.unwrap();
}

/// A daemon of targets `a` at these endpoints, with the real prober.
async fn at(text: &str) -> Daemon {
    let plan = load_str(text, Path::new("siptls-probe.yaml"), Path::new("")).unwrap();
    let prober = Prober::new(ProberOptions::default());
    let daemon = Daemon::start(Configuration::new(plan).load(), prober).await;
    ready(&daemon).await;
    daemon
}

fn told(text: &str, name: &str, reason: &str) -> f64 {
    let samples = common::reader::read(text);
    let found = samples.iter().filter(|sample| {
        sample.name == "siptls_probes_total"
            && sample.labels["target"] == name
            && sample.labels["reason"] == reason
    });
    found.map(|sample| sample.value).sum()
}

/// The peer hangs up before a byte of TLS, which is a refusal.
#[tokio::test]
async fn refusals_of_questions_do_not_make_the_schedule_back_off() {
    let (port, count) = peer().await;
    let daemon = at(&format!(
        "probe: {{interval: 60s, timeout: 1s}}\n\
         targets: [{{name: a, endpoint: '127.0.0.1:{port}'}}]\n"
    ))
    .await;
    for _ in 0..3 {
        let answer = daemon.get("/probe?target=a").await.text();
        assert_eq!(told(&answer, "a", "postponed"), 0.0, "{answer}");
    }
    let samples = daemon.samples().await;
    assert_eq!(value(&samples, "siptls_backoff_seconds", &[]).unwrap_or(0.0), 0.0);
    // Questions are left unanswered then, so that whoever asks does not keep on at an address that refuses.
    let before = count.load(Ordering::SeqCst);
    let answer = daemon.get("/probe?target=a").await.text();
    assert_eq!(told(&answer, "a", "postponed"), 1.0, "{answer}");
    assert!(
        count.load(Ordering::SeqCst) <= before + 1,
        "the schedule's own at most"
    );
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn questions_leave_the_schedule_its_connections() {
    let (port, count) = peer().await;
    // The schedule needs one visit: two connections at most, and one survey of sixteen.
    let daemon = at(&format!(
        "probe: {{interval: 1h, timeout: 1s, connections_per_hour: 60}}\n\
         targets: [{{name: a, endpoint: '127.0.0.1:{port}', depth: hello}}]\n\
         probe_destinations: {{allow: [127.0.0.1], ports: [{port}]}}\n"
    ))
    .await;
    daemon
        .until("the schedule's visit", |_| count.load(Ordering::SeqCst) > 0)
        .await;
    let mut postponed = 0.0;
    for number in 0..140 {
        let (name, shown) = if number % 2 == 0 {
            ("a".to_owned(), "a".to_owned())
        } else {
            (format!("127.0.0.1:{port}"), format!("sips:127.0.0.1:{port}"))
        };
        let answer = daemon
            .get(&format!("/probe?target={name}&module=sip-tls-generic"))
            .await;
        if answer.status == 200 {
            postponed += told(&answer.text(), &shown, "postponed");
        }
    }
    assert!(postponed >= 10.0, "{postponed}");
    let samples = daemon.samples().await;
    let left = value(&samples, "siptls_connection_budget_remaining", &[("target", "a")]);
    let left = left.unwrap_or_else(|| panic!("no such metric"));
    assert!((1.0..=40.0).contains(&left), "{left}");
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn another_sites_page_cannot_reload_over_plain_http() {
    let options = Options {
        external_url: Some("https://Probe.Example.test:443/siptls/".to_owned()),
        ..Options::default()
    };
    let configuration = Configuration::new(plan(&["a"], HOUR));
    let daemon = Daemon::with(options, configuration.load(), Script::default()).await;
    ready(&daemon).await;
    for (origin, status) in [
        ("http://evil.test", 403),
        ("https://x.evil.test", 403),
        ("http://x:8080", 403),
        ("null", 403),
        ("x", 403),
        ("", 403),
        ("http://x, http://evil.test", 403),
        ("http://x", 200),
        ("http://X:80", 200),
        ("https://probe.example.test", 200),
    ] {
        let answer = post_as(&daemon, "/-/reload", &format!("Origin: {origin}")).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.text());
    }
    let answer = daemon
        .get_with("/probe?target=a", "Origin: http://evil.test")
        .await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    daemon.stop().await.unwrap();
}

/// An address that accepts and never says anything.
async fn silent() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

#[tokio::test]
async fn a_silent_endpoint_is_inconclusive_and_says_why() {
    let address = silent().await;
    let daemon = at(&format!(
        "probe: {{interval: 1h, timeout: 10s}}\n\
         targets: [{{name: a, endpoint: '{address}', labels: {{x: y}}}}]\n\
         probe_destinations: {{allow: [127.0.0.1], ports: [{}]}}\n",
        address.port()
    ))
    .await;
    // The schedule's own visit ends when the peer has been silent for five seconds.
    daemon
        .until("the schedule's visit", |samples| {
            told_of(samples, "tls_timeout") >= 1.0
        })
        .await;
    for target in ["a".to_owned(), address.to_string()] {
        let start = Instant::now();
        let answer = daemon
            .get_with(
                &format!("/probe?target={target}"),
                "X-Prometheus-Scrape-Timeout-Seconds: 2",
            )
            .await;
        let took = start.elapsed();
        assert!(took < Duration::from_millis(1_700), "{took:?}");
        let text = answer.text();
        assert_eq!(answer.status, 200, "{target}: {text}");
        let samples = common::reader::read(&text);
        let inconclusive = value(&samples, "siptls_verdict", &[("verdict", "inconclusive")]);
        assert_eq!(inconclusive, Some(1.0), "{target}: {text}");
        assert_eq!(told_of(&samples, "tls_timeout"), 1.0, "{target}: {text}");
        assert_eq!(value(&samples, "probe_success", &[]), Some(0.0));
    }
    daemon.stop().await.unwrap();
}

fn told_of(samples: &[common::reader::Sample], reason: &str) -> f64 {
    let found = samples
        .iter()
        .filter(|sample| sample.name == "siptls_probes_total" && sample.labels["reason"] == reason);
    found.map(|sample| sample.value).sum()
}

/// What the service manager has been told so far.
#[cfg(target_os = "linux")]
fn told_manager(manager: &std::os::unix::net::UnixDatagram) -> Vec<String> {
    let mut buffer = [0; 4_096];
    let read = std::iter::from_fn(|| {
        let length = manager.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    });
    read.collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_reload_is_told_before_either_file_is_read_and_a_failure_of_either_after_it() {
    let web = Web::users(&[("alice", "wonderland")]);
    let place = web.folder.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&place).unwrap();
    manager.set_nonblocking(true).unwrap();
    let listening = manager.try_clone().unwrap();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (load, telling) = (web.load(), Arc::clone(&told));
    let load: LoadWeb = Box::new(move || {
        *telling.lock().unwrap() = told_manager(&listening);
        load()
    });
    let options = Options {
        web: Some(load),
        supervisor: Some(siptls_daemon::Supervisor::connect(place.as_os_str(), None).unwrap()),
        ..Options::default()
    };
    let configuration = Configuration::new(plan(&["a"], HOUR));
    let daemon = Daemon::with(options, configuration.load(), Script::default()).await;
    ready(&daemon).await;
    web.write("basic_auth_users: {}\n");
    let answer = post_as(&daemon, "/-/reload", &basic("alice:wonderland")).await;
    assert_eq!(answer.status, 500);
    let before = told.lock().unwrap().clone();
    let last = before.last().map(String::as_str).unwrap_or_default();
    assert!(last.starts_with("RELOADING=1\n"), "{before:?}");
    let after = told_manager(&manager);
    let ready = after.iter().find(|lines| lines.starts_with("READY=1\n"));
    let end = "; the last web configuration cannot be used, an earlier one is";
    assert!(ready.is_some_and(|lines| lines.ends_with(end)), "{after:?}");
    let page = get_as(&daemon, "/", "alice:wonderland").await.text();
    assert!(page.contains("load the web configuration failed"), "{page}");
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn the_path_of_the_external_url_is_guarded_without_its_slash_too() {
    let web = Web::users(&[("alice", "wonderland")]);
    let options = Options {
        web: Some(web.load()),
        external_url: Some("https://probe.example.test/siptls".to_owned()),
        ..Options::default()
    };
    let configuration = Configuration::new(plan(&["a"], HOUR));
    let daemon = Daemon::with(options, configuration.load(), Script::default()).await;
    let answer = daemon.get("/siptls").await;
    assert_eq!(answer.status, 401);
    let answer = get_as(&daemon, "/siptls", "alice:wonderland").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (308, Some("/siptls/"))
    );
    assert!(answer.header("content-security-policy").is_some());
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn debug_output_does_not_go_through_a_proxy_to_nobody_knows_whom() {
    let configuration = Configuration::new(plan(&["a"], HOUR));
    let daemon = Daemon::start(configuration.load(), Script::default()).await;
    ready(&daemon).await;
    assert_eq!(daemon.get("/probe?target=a&debug=true").await.status, 200);
    for header in [
        "Forwarded: for=192.0.2.1",
        "X-Forwarded-For: 192.0.2.1",
        "x-forwarded-proto: https",
        "X-Real-IP: 192.0.2.1",
        "Via: 1.1 proxy",
    ] {
        let answer = daemon.get_with("/probe?target=a&debug=true", header).await;
        assert_eq!(answer.status, 403, "{header}");
        assert_eq!(
            daemon.get_with("/probe?target=a", header).await.status,
            200,
            "{header}"
        );
    }
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn many_questions_for_a_slow_target_leave_places_for_others() {
    let script = Script::default();
    let options = Options {
        probes: 8,
        ..Options::default()
    };
    let configuration = Configuration::new(plan(&["a", "b"], HOUR));
    let daemon = Daemon::with(options, configuration.load(), script.clone()).await;
    ready(&daemon).await;
    daemon
        .until("visits", |samples| told_of(samples, "ok") >= 2.0)
        .await;
    script.set("a", common::Play::Hang);
    let header = "X-Prometheus-Scrape-Timeout-Seconds: 3";
    let slow = async {
        let slow = || daemon.get_with("/probe?target=a", header);
        tokio::join!(slow(), slow(), slow(), slow(), slow(), slow())
    };
    let others = async {
        // Those for the slow target are there first.
        while script.visits("a").len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..5 {
            let start = Instant::now();
            assert_eq!(daemon.get("/probe?target=b").await.status, 200);
            assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        }
    };
    let (slow, ()) = tokio::join!(slow, others);
    let slow = [slow.0, slow.1, slow.2, slow.3, slow.4, slow.5].map(|answer| answer.text());
    // One visited, one waited, and the rest was answered at once with what was seen last.
    let count = |reason| slow.iter().filter(|text| told(text, "a", reason) > 0.0).count();
    assert_eq!(count("internal"), 1, "{slow:?}");
    assert!(count("postponed") >= 2, "{slow:?}");
    daemon.stop().await.unwrap();
}
