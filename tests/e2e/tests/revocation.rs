//! Revocation, with lists made by `openssl ca -gencrl` and served on loopback: the real program, and `openssl verify`
//! asked the same wherever it has an opinion. Disagreements are explained in docs/revocation.md.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use serde_json::{Value, json};
use siptls_e2e::{
    Binary, ClientAuth, DEADLINE, INTERMEDIATE_LIST, LEAF_LIST, ListRecipe, ListServer, ListedPki, Peer,
    Port, Responder, Running, Serve, Signer, Stunnel, http_get, until,
};

/// A server whose chain names lists on a web server.
struct World {
    pki: ListedPki,
    web: ListServer,
    server: Stunnel,
}

impl World {
    fn new() -> Self {
        let web = ListServer::start();
        let pki = ListedPki::new(web.address());
        let server = Stunnel::start(&pki.identity(), ClientAuth::None, Responder::sip().address());
        let world = Self { pki, web, server };
        world.serve_list(LEAF_LIST, &ListRecipe::by(Signer::Intermediate));
        world.serve_list(INTERMEDIATE_LIST, &ListRecipe::by(Signer::Root));
        world
    }

    fn serve_list(&self, path: &str, recipe: &ListRecipe) -> Vec<u8> {
        let list = self.pki.list(recipe);
        self.web.serve(path, Serve::Body(list.clone()));
        list
    }

    /// The report of `check`, at depth routine unless told otherwise.
    fn check(&self, more: &[&str]) -> Value {
        let (root, address) = (
            self.pki.root().display().to_string(),
            self.server.address().to_string(),
        );
        let arguments = [
            &[
                "check",
                "--trust-anchors",
                &root,
                "--connect",
                &address,
                "--format",
                "json",
                "sbc.example.test",
            ],
            more,
        ];
        let finished = Binary::find().run(&arguments.concat());
        let mut document: Value = serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("expected JSON, found {error}: {finished:?}"));
        document["reports"][0].take()
    }

    fn allowed(&self) -> Value {
        self.check(&["--depth", "routine", "--crl-allow", "127.0.0.0/8"])
    }
}

fn finding(report: &Value) -> (&str, &str) {
    let checks = report["checks"].as_array().expect("checks");
    let finding = checks
        .iter()
        .find(|check| check["id"] == "certificate-not-revoked")
        .expect("judged");
    (
        finding["status"].as_str().unwrap_or_default(),
        finding["summary"].as_str().unwrap_or_default(),
    )
}

/// Status of the sum, leaf and intermediate; status of the check; a part of the reason.
type Expected = ([&'static str; 3], &'static str, &'static str);

#[track_caller]
fn assert_report(name: &str, report: &Value, (statuses, check, part): Expected) {
    let revocation = &report["chain"]["revocation"];
    let found = [
        &revocation["status"],
        &revocation["certificates"][0]["status"],
        &revocation["certificates"][1]["status"],
    ];
    assert_eq!(found, statuses, "{name}: {revocation:#}");
    let (status, summary) = finding(report);
    assert_eq!(status, check, "{name}: {summary}");
    let reason = revocation["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains(part) && summary.contains(part),
        "{name}: {part:?} in {reason:?} and {summary:?}"
    );
    // A skip says nothing of the verdict, a revoked certificate all.
    let verdict = &report["verdict"];
    match check {
        "fail" => assert_eq!(verdict, "fail", "{name}"),
        _ => assert_ne!(verdict, "fail", "{name}"),
    }
}

#[test]
fn every_list_is_judged_as_openssl_does_or_for_a_reason_that_is_written_down() {
    let world = World::new();
    let hours = SignedDuration::from_hours;
    let by_intermediate = || ListRecipe::by(Signer::Intermediate);
    let partition = |url: &str| {
        by_intermediate()
            .extension("issuingDistributionPoint = critical, @partition")
            .extension(&format!("[partition]\nfullname = URI:{url}"))
    };
    let own = format!("http://{}{LEAF_LIST}", world.web.address());
    let good_root = world.pki.list(&ListRecipe::by(Signer::Root));
    let cases: Vec<(&str, ListRecipe, Expected, &str)> = vec![
        ("good", by_intermediate(), (["good"; 3], "pass", ""), "OK"),
        (
            "leaf revoked",
            by_intermediate().revoking(),
            (["revoked", "revoked", "good"], "fail", "(keyCompromise)"),
            "23 at 0 depth lookup",
        ),
        (
            "another issuer's",
            ListRecipe::by(Signer::Root),
            (
                ["unknown", "unknown", "good"],
                "warn",
                "the list is issued by CN=List Root",
            ),
            "3 at 0 depth lookup",
        ),
        (
            "ended",
            by_intermediate().valid(hours(-48), hours(-24)),
            (["unknown", "unknown", "good"], "warn", "the list ended on"),
            "12 at 0 depth lookup",
        ),
        (
            "ended, leaf revoked",
            by_intermediate().valid(hours(-48), hours(-24)).revoking(),
            (["revoked", "revoked", "good"], "fail", "(keyCompromise)"),
            "12 at 0 depth lookup",
        ),
        (
            "not yet valid",
            by_intermediate().valid(hours(24), hours(48)),
            (["unknown", "unknown", "good"], "warn", "list is not valid before"),
            "11 at 0 depth lookup",
        ),
        ("its partition", partition(&own), (["good"; 3], "pass", ""), "OK"),
        (
            "its partition, leaf revoked",
            partition(&own).revoking(),
            (["revoked", "revoked", "good"], "fail", "(keyCompromise)"),
            "23 at 0 depth lookup",
        ),
        (
            "another partition",
            partition("http://127.0.0.1/2.crl"),
            (
                ["unknown", "unknown", "good"],
                "warn",
                "is another partition (http://127.0.0.1/2.crl)",
            ),
            "44 at 0 depth lookup",
        ),
        (
            "authorities only",
            by_intermediate().extension("issuingDistributionPoint = critical, @kind\n[kind]\nonlyCA = TRUE"),
            (
                ["unknown", "unknown", "good"],
                "warn",
                "covers authorities' certificates only",
            ),
            "44 at 0 depth lookup",
        ),
        (
            "delta",
            by_intermediate().extension("2.5.29.27 = critical, DER:02:01:01"),
            (
                ["unknown", "unknown", "good"],
                "warn",
                "is a delta list, not a base list",
            ),
            "OK",
        ),
        (
            "unknown critical extension",
            by_intermediate().extension("1.2.3.4 = critical, DER:05:00"),
            (
                ["unknown", "unknown", "good"],
                "warn",
                "has an unknown critical extension 1.2.3.4",
            ),
            "36 at 0 depth lookup",
        ),
    ];
    let mut told = Vec::new();
    for (name, recipe, expected, oracle) in cases {
        let list = world.serve_list(LEAF_LIST, &recipe);
        let said = world.pki.openssl_verdict(&[&list, &good_root]);
        if said != oracle {
            told.push(format!("{name}: openssl says {said}, expected {oracle}"));
        }
        assert_report(name, &world.allowed(), expected);
    }
    assert!(told.is_empty(), "{}", told.join("\n"));

    let mut forged = world.serve_list(LEAF_LIST, &by_intermediate());
    if let Some(last) = forged.last_mut() {
        *last ^= 1;
    }
    assert_eq!(
        world.pki.openssl_verdict(&[&forged, &good_root]),
        "8 at 0 depth lookup"
    );
    world.web.serve(LEAF_LIST, Serve::Body(forged));
    let expected = (
        ["unknown", "unknown", "good"],
        "warn",
        "the list is not signed by the key of",
    );
    assert_report("bad signature", &world.allowed(), expected);

    let good = world.serve_list(LEAF_LIST, &by_intermediate());
    let revoking = world.serve_list(INTERMEDIATE_LIST, &ListRecipe::by(Signer::Root).revoking());
    assert_eq!(
        world.pki.openssl_verdict(&[&good, &revoking]),
        "23 at 1 depth lookup"
    );
    let report = world.allowed();
    assert_report(
        "intermediate revoked",
        &report,
        (["revoked", "good", "revoked"], "fail", "(keyCompromise)"),
    );
    let revocation = &report["chain"]["revocation"];
    assert_eq!(revocation["source"], "crl");
    assert_eq!(revocation["certificates"][1]["index"], 1);
    assert!(revocation["certificates"][1]["revoked_at"].is_string() && revocation["next_update"].is_string());
    let pem = Serve::Body(b"-----BEGIN X509 CRL-----\nnot a list\n-----END X509 CRL-----\n".to_vec());
    world.web.serve(INTERMEDIATE_LIST, pem);
    let expected = (
        ["unknown", "good", "unknown"],
        "warn",
        "what came is not a revocation list",
    );
    assert_report("garbage", &world.allowed(), expected);
}

#[test]
fn a_server_that_gives_no_list_is_unknown_and_skipped() {
    let world = World::new();
    let elsewhere = ListServer::start();
    elsewhere.serve(
        LEAF_LIST,
        Serve::Body(world.pki.list(&ListRecipe::by(Signer::Intermediate))),
    );
    let [same, other] =
        [&world.web, &elsewhere].map(|server| format!("http://{}{LEAF_LIST}", server.address()));
    world.web.serve(
        "/moved",
        Serve::Body(world.pki.list(&ListRecipe::by(Signer::Intermediate))),
    );
    world.web.serve("/loop", Serve::Redirect("/loop".to_owned()));
    for (name, answer, part) in [
        ("404", Serve::Status(404), "the server answered 404"),
        ("304 unasked", Serve::Status(304), "the server answered 304"),
        (
            "away from http",
            Serve::Redirect(same.replace("http:", "https:")),
            "redirects to https://",
        ),
        (
            "another host",
            Serve::Redirect(other.replace("127.0.0.1", "localhost")),
            "redirects to http://localhost",
        ),
        (
            "for ever",
            Serve::Redirect("/loop".to_owned()),
            "redirects to /loop, which is not followed",
        ),
        (
            "announced too large",
            Serve::Zeros(17 * 1024 * 1024),
            "it is over the limit of 16777216 bytes",
        ),
        (
            "too large",
            Serve::Endless,
            "it is over the limit of 16777216 bytes",
        ),
        ("silent", Serve::Silence, "no answer in time"),
        ("slow", Serve::Drip, "the list does not come to its end in time"),
    ] {
        world.web.serve(LEAF_LIST, answer);
        let report = world.allowed();
        assert_report(name, &report, (["unknown", "unknown", "good"], "skip", part));
        assert_eq!(report["verdict"], "pass", "{name}");
    }
    assert_eq!(elsewhere.connections(), 0, "nobody followed to another host");
    world.web.serve(LEAF_LIST, Serve::Redirect("/moved".to_owned()));
    assert_report(
        "moved within the host",
        &world.allowed(),
        (["good"; 3], "pass", ""),
    );
    let heads = world.web.requests();
    let head = heads.last().expect("requests").to_ascii_lowercase();
    for line in [
        "user-agent: siptls-probe/",
        "accept-encoding: identity",
        "host: 127.0.0.1:",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(
        !head.contains("cookie") && !head.contains("authorization"),
        "{head}"
    );
}

#[test]
fn a_loopback_list_is_refused_unless_allowed_and_nothing_arrives() {
    let world = World::new();
    let expected = (
        ["unknown", "unknown", "unknown"],
        "skip",
        "127.0.0.1 leads to 127.0.0.1, which is not public: allow its network with --crl-allow",
    );
    assert_report("not allowed", &world.check(&["--depth", "routine"]), expected);
    let beside = world.check(&[
        "--depth",
        "routine",
        "--crl-allow",
        "10.0.0.0/8",
        "--crl-allow",
        "127.0.0.2",
    ]);
    assert_report("another network allowed", &beside, expected);
    assert_eq!(world.web.connections(), 0);
    let hello = world.check(&["--depth", "hello", "--crl-allow", "127.0.0.0/8"]);
    assert_eq!(hello["chain"]["revocation"]["status"], "not_checked");
    assert_eq!(world.web.connections(), 0, "depth hello asks nobody");
    // A chain that leads to no trusted root has no lists fetched, whatever it names.
    let (root, address) = (
        siptls_e2e::Pki::shared().root(),
        world.server.address().to_string(),
    );
    let root = root.display().to_string();
    let arguments = [
        "check",
        "--trust-anchors",
        &root,
        "--connect",
        &address,
        "--format",
        "json",
        "--depth",
        "routine",
        "--crl-allow",
        "127.0.0.0/8",
        "sbc.example.test",
    ];
    let stranger = Binary::find().run(&arguments);
    let stranger: Value = serde_json::from_str(&stranger.stdout).expect("JSON");
    assert_eq!(
        stranger["reports"][0]["chain"]["revocation"]["status"],
        "not_checked"
    );
    assert_eq!(world.web.connections(), 0);
}

/// The daemon on a configuration.
struct Daemon {
    _running: Running,
    port: Port,
}

impl Daemon {
    fn start(world: &World, cache: &Path, revocation: &Value) -> Self {
        let mut revocation = revocation.clone();
        revocation["cache"] = json!(cache);
        let target = |name: &str| {
            json!({
                "name": name,
                "endpoint": "sbc.example.test",
                "connect": world.server.address().to_string(),
                "trust_anchors": world.pki.root(),
            })
        };
        let targets = ["a", "b"].map(target);
        let configuration = json!({
            "probe": {"interval": "1s", "timeout": "1s", "survey_interval": "off"},
            "revocation": revocation,
            "targets": targets,
        });
        let folder = tempfile::tempdir().expect("make a folder");
        let file = folder.path().join("siptls-probe.yaml");
        fs::write(&file, configuration.to_string()).expect("write a configuration");
        let port = Port::lease();
        let (path, address) = (file.display().to_string(), port.address().to_string());
        let arguments = ["run", "--config.file", &path, "--web.listen-address", &address];
        let running = Binary::find().start(folder, &arguments).listening(port.number());
        Self {
            _running: running,
            port,
        }
    }

    /// The metrics, once a line has all these parts and this value: `NAME LABEL… VALUE`.
    fn await_line(&self, line: &str) -> String {
        let (parts, value) = line.rsplit_once(' ').expect("a value");
        until(line, DEADLINE, || {
            let metrics = http_get(self.port.address(), "/metrics").ok()?.body;
            let holds = metrics.lines().any(|found| {
                found.ends_with(&format!(" {value}")) && parts.split(' ').all(|part| found.contains(part))
            });
            holds.then_some(metrics)
        })
    }
}

#[test]
fn the_daemon_fetches_once_for_all_targets_and_nothing_after_a_restart() {
    let world = World::new();
    let cache = tempfile::tempdir().expect("make a folder");
    let allow = json!({"allow": ["127.0.0.0/8"]});
    let daemon = Daemon::start(&world, cache.path(), &allow);
    for target in ["target=\"a\"", "target=\"b\""] {
        daemon.await_line(&format!("siptls_revocation_status {target} status=\"good\"}} 1"));
    }
    let metrics = daemon.await_line("siptls_crl_fetches_total{result=\"ok\"} 2");
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .unwrap_or_else(|| panic!("no {name}"))
    };
    assert!(value("siptls_crl_cache_bytes") > 500.0);
    assert!(
        value("siptls_crl_next_update_timestamp_seconds{")
            > value("siptls_config_last_reload_success_timestamp")
    );
    assert_eq!(world.web.requests().len(), 2, "once for both targets");
    assert_eq!(fs::read_dir(cache.path()).expect("the cache").count(), 2);
    drop(daemon);

    let daemon = Daemon::start(&world, cache.path(), &allow);
    let metrics = daemon.await_line("siptls_revocation_status target=\"a\" status=\"good\"} 1");
    assert!(
        metrics.contains("siptls_crl_fetches_total{result=\"ok\"} 0"),
        "read from disk"
    );
    assert_eq!(world.web.requests().len(), 2, "nothing was fetched");
    drop(daemon);

    let empty = tempfile::tempdir().expect("make a folder");
    let daemon = Daemon::start(
        &world,
        empty.path(),
        &json!({"enabled": false, "allow": ["127.0.0.0/8"]}),
    );
    daemon.await_line("siptls_up target=\"b\" 1");
    let metrics = http_get(daemon.port.address(), "/metrics").expect("metrics").body;
    assert!(!metrics.contains("\nsiptls_revocation_status{"), "not checked");
    assert_eq!(world.web.requests().len(), 2, "switched off");
}

#[test]
fn the_daemon_tells_of_a_revoked_certificate() {
    let world = World::new();
    world.serve_list(LEAF_LIST, &ListRecipe::by(Signer::Intermediate).revoking());
    let cache = tempfile::tempdir().expect("make a folder");
    let daemon = Daemon::start(&world, cache.path(), &json!({"allow": ["127.0.0.1"]}));
    daemon.await_line("siptls_revocation_status target=\"a\" status=\"revoked\"} 1");
    daemon.await_line(
        "siptls_check_passed target=\"b\" check=\"certificate-not-revoked\" severity=\"critical\"} 0",
    );
    let reports = http_get(daemon.port.address(), "/api/v1/reports/a")
        .expect("reports")
        .json();
    assert_eq!(reports["reports"][0]["verdict"], "fail", "{reports:#}");
}
