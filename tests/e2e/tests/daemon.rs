//! The real daemon: its metrics read by promtool and by a real Prometheus, reloads, changes of its targets, its end.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use siptls_e2e::{
    Binary, ClientAuth, DEADLINE, HttpResponse, Kamailio, OpensslServer, Peer, Pki, Port, Prometheus, Proxy,
    Responder, Role, Running, Stunnel, check_metrics, complete, finish, http_get, http_post, until,
};

/// `siptls-probe run` on a configuration that can be written anew.
struct Daemon {
    running: Running,
    port: Port,
    file: PathBuf,
}

impl Daemon {
    fn start(targets: &[Value]) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let file = folder.path().join("siptls-probe.yaml");
        fs::write(&file, configuration(targets)).expect("write a configuration");
        let port = Port::lease();
        let (path, address) = (file.display().to_string(), port.address().to_string());
        let arguments = ["run", "--config.file", &path, "--web.listen-address", &address];
        let running = Binary::find().start(folder, &arguments).listening(port.number());
        let daemon = Self { running, port, file };
        until("the daemon to be ready", DEADLINE, || {
            (daemon.get("/-/ready").status == 200).then_some(())
        });
        daemon
    }

    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn get(&self, path: &str) -> HttpResponse {
        http_get(self.address(), path).expect("the daemon answers")
    }

    fn configure(&self, text: &str) {
        fs::write(&self.file, text).expect("write a configuration");
    }

    /// The value of a series, written as in the exposition with its labels in any order.
    fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        metric(&self.get("/metrics").body, name, labels)
    }

    fn await_metric(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        until(&format!("{name} {labels:?} to be {expected}"), DEADLINE, || {
            self.metric(name, labels)
                .is_some_and(|value| (value - expected).abs() < f64::EPSILON)
                .then_some(())
        });
    }

    /// Visits to a target so far, whatever came of them.
    fn visits(&self, target: &str) -> f64 {
        visits(&self.get("/metrics").body, target)
    }

    fn await_visits(&self, target: &str, at_least: f64) {
        until(&format!("{at_least} visits to {target}"), DEADLINE, || {
            (self.visits(target) >= at_least).then_some(())
        });
    }
}

fn configuration(targets: &[Value]) -> String {
    json!({"probe": {"interval": "1s", "timeout": "1s"}, "targets": targets}).to_string()
}

fn target(name: &str, address: SocketAddr) -> Value {
    json!({
        "name": name,
        "endpoint": "sbc.example.test",
        "connect": address.to_string(),
        "trust_anchors": Pki::shared().root(),
    })
}

/// The samples of a metric: labels as written, value.
fn samples<'a>(exposition: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    exposition.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once("} ")?,
            None => ("", rest.strip_prefix(' ')?),
        };
        Some((labels, value.parse().ok()?))
    })
}

fn metric(exposition: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    samples(exposition, name)
        .find(|(found, _)| {
            labels
                .iter()
                .all(|(label, value)| found.contains(&format!("{label}=\"{value}\"")))
        })
        .map(|(_, value)| value)
}

fn visits(exposition: &str, target: &str) -> f64 {
    samples(exposition, "siptls_probes_total")
        .filter(|(labels, _)| labels.contains(&format!("target=\"{target}\"")))
        .map(|(_, value)| value)
        .sum()
}

#[test]
fn prometheus_scrapes_a_daemon_that_visits_kamailio_in_every_mode() {
    let pki = Pki::shared();
    let good = pki.identity(Role::Good);
    let kamailio = ClientAuth::ALL.map(|mode| Kamailio::start(good, None, mode));
    let p256 = OpensslServer::new(good)
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        .groups("P-256")
        .start();
    let expired = OpensslServer::new(pki.identity(Role::Expired))
        .reversing()
        .start();
    let silent = Responder::silent();
    let targets = [
        ("none", kamailio[0].address()),
        ("optional", kamailio[1].address()),
        ("required", kamailio[2].address()),
        ("p256", p256.address()),
        ("expired", expired.address()),
        ("silent", silent.address()),
    ];
    let daemon = Daemon::start(&targets.map(|(name, address)| target(name, address)));
    let prometheus = Prometheus::scraping(daemon.address());

    // What each is, in PromQL: up, verdict, mode, reason of the visits.
    for (name, up, verdict, mode, reason) in [
        ("none", 1, "pass", "not_requested", "ok"),
        ("optional", 1, "warn", "optional", "ok"),
        ("required", 1, "fail", "required", "client_certificate_required"),
        ("p256", 0, "fail", "unknown", "handshake_refused"),
        ("expired", 1, "fail", "not_requested", "not_sip"),
        ("silent", 0, "inconclusive", "unknown", "tls_timeout"),
    ] {
        prometheus.await_query(&format!("siptls_up{{target=\"{name}\"}} == {up}"));
        prometheus.await_query(&format!(
            "siptls_verdict{{target=\"{name}\",verdict=\"{verdict}\"}} == 1"
        ));
        prometheus.await_query(&format!(
            "siptls_client_certificate_mode{{target=\"{name}\",mode=\"{mode}\"}} == 1"
        ));
        prometheus.await_query(&format!(
            "siptls_probes_total{{target=\"{name}\",reason=\"{reason}\"}} > 0"
        ));
        // Never anything else, but for turns lost to politeness.
        let others = prometheus.query(&format!(
            "siptls_probes_total{{target=\"{name}\",reason!~\"{reason}|postponed\"}} > 0"
        ));
        assert!(others.is_empty(), "{name}: {others:?}");
    }
    // Counters rise, state sets hold exactly one state, every target has every series of a set.
    prometheus.await_query("sum(rate(siptls_probes_total{target=\"none\",reason=\"ok\"}[30s])) > 0");
    assert_eq!(
        prometheus.value("count(siptls_verdict == 1)"),
        Some(6.0),
        "{:?}",
        prometheus.query("siptls_verdict == 1")
    );
    assert_eq!(prometheus.value("count(siptls_verdict)"), Some(24.0));
    assert_eq!(
        prometheus.value("count(siptls_client_certificate_mode{mode!=\"unknown\"} == 1)"),
        Some(4.0)
    );
    assert_eq!(
        prometheus.value("count(siptls_client_certificate_mode == 1)"),
        Some(6.0)
    );
    assert_eq!(
        prometheus.value("count(siptls_client_certificate_mode)"),
        Some(24.0)
    );
    assert_eq!(prometheus.value("siptls_targets"), Some(6.0));
    assert_eq!(
        prometheus.value("siptls_config_last_reload_successful"),
        Some(1.0)
    );
    assert_eq!(prometheus.value("up{job=\"siptls\"}"), Some(1.0));
    for (name, authorities) in [("none", None), ("optional", Some(1.0)), ("required", Some(1.0))] {
        let found = prometheus.value(&format!(
            "siptls_client_certificate_authorities{{target=\"{name}\"}}"
        ));
        assert!(
            found == authorities || (found == Some(0.0) && authorities.is_none()),
            "{name}: {found:?}"
        );
    }
    assert_eq!(
        prometheus.value("siptls_sip_response_code{target=\"none\"}"),
        Some(200.0)
    );
    assert!(
        prometheus
            .query("siptls_sip_response_code{target=\"required\"}")
            .is_empty()
    );
    assert_eq!(
        prometheus.value("siptls_check_passed{target=\"expired\",check=\"certificate-dates\"}"),
        Some(0.0)
    );
    assert_eq!(
        prometheus.value("siptls_check_passed{target=\"none\",check=\"certificate-dates\"}"),
        Some(1.0)
    );
    // The date of the leaf, as openssl reads the file.
    let output = complete(
        Command::new("openssl")
            .args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"])
            .arg(&good.certificate),
    );
    let end = String::from_utf8_lossy(&output.stdout)
        .trim()
        .replace("notAfter=", "")
        .replace(' ', "T");
    let end: jiff::Timestamp = end.parse().expect("a date");
    let seen = prometheus
        .value("siptls_certificate_not_after_timestamp_seconds{target=\"none\",position=\"0\"}")
        .expect("a date");
    assert!(
        (seen - end.as_duration().as_secs_f64()).abs() < 0.5,
        "{seen} {end}"
    );

    let exposition = daemon.get("/metrics");
    assert_eq!(exposition.status, 200);
    assert_eq!(check_metrics(&exposition.body), Ok(()));
    assert_eq!(
        prometheus
            .value("scrape_samples_scraped{job=\"siptls\"} > 100")
            .map(|count| count > 100.0),
        Some(true)
    );
}

/// A bad configuration changes nothing but a metric, by either way in; a good one takes effect, and what stays keeps its counters.
#[test]
fn reloads_keep_the_last_good_configuration() {
    let sip = Responder::sip();
    let good = Pki::shared().identity(Role::Good);
    let server = Stunnel::start(good, ClientAuth::None, sip.address());
    let other = Stunnel::start(good, ClientAuth::Optional, sip.address());
    let (one, two) = (target("one", server.address()), target("two", other.address()));
    let daemon = Daemon::start(std::slice::from_ref(&one));
    let reloaded = "siptls_config_last_reload_successful";
    daemon.await_metric(reloaded, &[], 1.0);
    daemon.await_visits("one", 1.0);

    // SIGHUP: bad, then good.
    daemon.configure("targets: [{name: one, endpiont: sbc.example.test}]");
    daemon.running.hang_up();
    daemon.await_metric(reloaded, &[], 0.0);
    let before = daemon.visits("one");
    assert_eq!(daemon.metric("siptls_targets", &[]), Some(1.0));
    daemon.await_visits("one", before + 2.0);
    assert!(
        daemon.running.log().contains("endpiont"),
        "{}",
        daemon.running.log()
    );
    daemon.configure(&configuration(&[one.clone(), two.clone()]));
    daemon.running.hang_up();
    daemon.await_metric(reloaded, &[], 1.0);
    daemon.await_metric("siptls_targets", &[], 2.0);
    daemon.await_metric(
        "siptls_client_certificate_mode",
        &[("target", "two"), ("mode", "optional")],
        1.0,
    );
    assert!(daemon.visits("one") >= before + 2.0, "counters stay");

    // POST /-/reload: bad, then good.
    daemon.configure("targets: [{name: one, endpiont: sbc.example.test}]\nunknown: 1");
    let refused = http_post(daemon.address(), "/-/reload").expect("an answer");
    assert!((400..600).contains(&refused.status), "{refused:?}");
    for expected in ["endpiont", "endpoint", "unknown"] {
        assert!(
            refused.body.contains(expected),
            "expected every fault, {expected:?}, in {refused:?}"
        );
    }
    assert_eq!(daemon.metric(reloaded, &[]), Some(0.0));
    assert_eq!(daemon.metric("siptls_targets", &[]), Some(2.0));
    let (first, second) = (daemon.visits("one"), daemon.visits("two"));
    daemon.await_visits("one", first + 1.0);
    daemon.await_visits("two", second + 1.0);
    daemon.configure(&configuration(&[two]));
    let accepted = http_post(daemon.address(), "/-/reload").expect("an answer");
    assert_eq!(accepted.status, 200, "{accepted:?}");
    assert_eq!(
        (daemon.metric(reloaded, &[]), daemon.metric("siptls_targets", &[])),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(
        daemon.metric("siptls_up", &[("target", "one")]),
        None,
        "what is gone is gone"
    );
    assert!(daemon.metric("siptls_up", &[("target", "two")]).is_some());
    assert_eq!(
        http_get(daemon.address(), "/-/reload").expect("an answer").status,
        405,
        "a reload is no reading"
    );
}

/// The server comes back asking for a certificate: the next visit says so. Counted in visits, not in seconds.
#[test]
fn a_restarted_server_is_seen_with_the_next_visit() {
    let sip = Responder::sip();
    let good = Pki::shared().identity(Role::Good);
    let first = Stunnel::start(good, ClientAuth::None, sip.address());
    let untouched = Stunnel::start(good, ClientAuth::None, sip.address());
    let proxy = Proxy::to(first.address());
    let daemon = Daemon::start(&[
        target("changing", proxy.address()),
        target("steady", untouched.address()),
    ]);
    let mode = |target: &str, mode: &str| {
        daemon.metric(
            "siptls_client_certificate_mode",
            &[("target", target), ("mode", mode)],
        )
    };
    daemon.await_metric(
        "siptls_client_certificate_mode",
        &[("target", "changing"), ("mode", "not_requested")],
        1.0,
    );
    drop(first);
    let second = Stunnel::start(good, ClientAuth::Required, sip.address());
    proxy.redirect(second.address());
    let before = daemon.visits("changing");
    daemon.await_metric(
        "siptls_client_certificate_mode",
        &[("target", "changing"), ("mode", "required")],
        1.0,
    );
    let exposition = daemon.get("/metrics").body;
    let needed = visits(&exposition, "changing") - before;
    // One may have been under way when the server changed; one more may have ended before the exposition was read.
    assert!(needed <= 3.0, "{needed} visits until the change was seen");
    assert_eq!(mode("changing", "not_requested"), Some(0.0));
    assert_eq!(mode("steady", "not_requested"), Some(1.0));
    let report = daemon.get("/api/v1/reports/changing").json();
    let report = if report["reports"].is_array() {
        report["reports"][0].clone()
    } else {
        report
    };
    assert_eq!(
        (
            &report["verdict"],
            &report["handshake"]["client_certificate"]["mode"]
        ),
        (&json!("fail"), &json!("required")),
        "{report:#}"
    );
}

/// Visits that were postponed, and those that were made.
fn postponed(exposition: &str, target: &str) -> (f64, f64) {
    let labels = [("target", target), ("reason", "postponed")];
    let postponed = metric(exposition, "siptls_probes_total", &labels).unwrap_or_default();
    (postponed, visits(exposition, target) - postponed)
}

/// A server goes away: after three visits in vain it is visited less and less often, and seen soon after it has come back. Its
/// neighbour notices nothing.
#[test]
fn a_server_that_went_away_is_left_in_peace_and_seen_when_it_is_back() {
    let good = Pki::shared().identity(Role::Good);
    let start = || OpensslServer::new(good).ciphers("AES256-SHA").reversing().start();
    let first = start();
    let proxy = Proxy::to(first.address());
    let steady = start();
    let daemon = Daemon::start(&[
        target("leaving", proxy.address()),
        target("steady", steady.address()),
    ]);
    let leaving = [("target", "leaving")];
    daemon.await_metric("siptls_up", &leaving, 1.0);
    assert_eq!(daemon.metric("siptls_backoff_seconds", &leaving), Some(0.0));
    drop(first);
    daemon.await_metric("siptls_backoff_seconds", &leaving, 2.0);
    daemon.await_metric("siptls_backoff_seconds", &leaving, 4.0);
    until("a turn lost", DEADLINE, || {
        let exposition = daemon.get("/metrics").body;
        (postponed(&exposition, "leaving").0 >= 2.0).then_some(())
    });
    let before = daemon.get("/metrics").body;
    assert_eq!(metric(&before, "siptls_up", &leaving), Some(0.0));
    let report = daemon.get("/api/v1/reports/leaving").json();
    let error = &report["reports"][0]["error"]["reason"];
    assert!(
        ["connection_closed", "connection_reset"].contains(&error.as_str().unwrap_or_default()),
        "what was seen last stays: {error}"
    );
    let second = start();
    proxy.redirect(second.address());
    daemon.await_metric("siptls_up", &leaving, 1.0);
    daemon.await_metric("siptls_backoff_seconds", &leaving, 0.0);
    let after = daemon.get("/metrics").body;
    let needed = postponed(&after, "leaving").1 - postponed(&before, "leaving").1;
    assert!(
        needed <= 3.0,
        "{needed} visits until it was seen, the first of them perhaps before it was back"
    );
    assert_eq!(postponed(&after, "steady").0, 0.0);
    assert_eq!(check_metrics(&after), Ok(()));
    until("every connection to be counted", DEADLINE, || {
        let exposition = daemon.get("/metrics").body;
        let opened = metric(&exposition, "siptls_connections_total", &leaving)?;
        let left = metric(&exposition, "siptls_connection_budget_remaining", &leaving)?;
        let seen = f64::from(u32::try_from(proxy.connections()).expect("few connections"));
        // Two a second is what a target at one a second has.
        (opened.total_cmp(&seen).is_eq() && (left + seen).total_cmp(&7_200.0).is_eq()).then_some(())
    });
}

/// A refused handshake is an answer, and the verdict on it stays while most turns are lost.
#[test]
fn a_server_that_refuses_the_handshake_is_asked_less_often_and_its_verdict_stays() {
    let good = Pki::shared().identity(Role::Good);
    let p256 = OpensslServer::new(good)
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        .groups("P-256")
        .start();
    let proxy = Proxy::to(p256.address());
    let daemon = Daemon::start(&[
        target("refusing", proxy.address()),
        target("again", proxy.address()),
    ]);
    let exposition = until("turns lost", DEADLINE, || {
        let exposition = daemon.get("/metrics").body;
        let lost = ["refusing", "again"].map(|name| postponed(&exposition, name).0);
        (lost[0] + lost[1] >= 12.0 && lost.iter().all(|lost| *lost > 0.0)).then_some(exposition)
    });
    // Two targets at one address have one patience: three visits, and then 2, 4 and 8 s apart.
    let made: f64 = ["refusing", "again"]
        .map(|name| postponed(&exposition, name).1)
        .iter()
        .sum();
    assert!((3.0..=7.0).contains(&made), "{made} visits");
    assert!(proxy.connections() <= 8, "{} connections", proxy.connections());
    for name in ["refusing", "again"] {
        // Of the second one nothing may have been seen yet: then it is inconclusive.
        let fails = metric(
            &exposition,
            "siptls_verdict",
            &[("target", name), ("verdict", "fail")],
        );
        assert!(
            fails == Some(1.0) || postponed(&exposition, name).1 < 1.0,
            "{name}: {fails:?}"
        );
    }
    assert_eq!(check_metrics(&exposition), Ok(()));
}

/// The budget of an address is for all its targets and for /probe; who has used it up is answered for as seen last.
#[test]
fn a_budget_holds_for_all_targets_of_an_address_and_for_probe() {
    let server = Stunnel::start(
        Pki::shared().identity(Role::Good),
        ClientAuth::None,
        Responder::sip().address(),
    );
    let (proxy, other) = (Proxy::to(server.address()), Proxy::to(server.address()));
    let [one, two, elsewhere] =
        [("one", &proxy), ("two", &proxy), ("elsewhere", &other)].map(|(name, proxy)| {
            let mut target = target(name, proxy.address());
            target["interval"] = json!("1h");
            target["survey_interval"] = json!("off");
            target["connections_per_hour"] = json!(if name == "two" { "7" } else { "6" });
            target
        });
    let daemon = Daemon::start(&[one, two, elsewhere]);
    for name in ["one", "two", "elsewhere"] {
        daemon.await_visits(name, 1.0);
    }
    let probe = |name: &str| {
        let answer = daemon.get(&format!("/probe?target={name}")).body;
        assert_eq!(check_metrics(&answer), Ok(()));
        let counted = metric(
            &answer,
            "siptls_probes_total",
            &[("target", name), ("reason", "postponed")],
        );
        (
            metric(&answer, "probe_success", &[]),
            counted,
            proxy.connections(),
        )
    };
    let (made, kept) = (Some(0.0), Some(1.0));
    assert_eq!(probe("one"), (Some(1.0), made, 3));
    assert_eq!(probe("one"), (Some(1.0), made, 4));
    assert_eq!(probe("two"), (Some(1.0), made, 5));
    // The schedule of `one` may need three within an hour, and nobody's question takes them.
    assert_eq!(probe("one"), (Some(1.0), kept, 5));
    assert_eq!(probe("two"), (Some(1.0), kept, 5));
    assert_eq!(probe("elsewhere"), (Some(1.0), made, 5));
    let exposition = daemon.get("/metrics").body;
    let left = |name| {
        metric(
            &exposition,
            "siptls_connection_budget_remaining",
            &[("target", name)],
        )
    };
    assert_eq!(
        ["one", "two", "elsewhere"].map(left),
        [Some(1.0), Some(2.0), Some(4.0)]
    );
    let debug = daemon.get("/probe?target=one&debug=true").body;
    assert!(
        debug.contains("the schedule needs what is left of the budget of 6 connections an hour to this address: next visit in 6"),
        "{debug}"
    );
    assert!(debug.contains("; what follows was seen at "), "{debug}");
    assert_eq!(proxy.connections(), 5);
}

/// Alert rules leave targets in maintenance out, as a real Prometheus reads them.
#[test]
fn a_target_in_maintenance_is_probed_and_not_alerted_on() {
    let nobody = Port::lease();
    let [mut always, mut never] = ["always", "never"].map(|name| target(name, nobody.address()));
    let every = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    always["maintenance"] = json!([
        {"days": every, "start": "00:00", "duration": "1d", "timezone": "America/New_York", "comment": "new trunk"},
        {"days": every, "start": "12:00", "duration": "1d"},
    ]);
    never["maintenance"] = json!([{"from": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z"}]);
    let daemon = Daemon::start(&[always, never]);
    let prometheus = Prometheus::scraping(daemon.address());
    for (name, expected) in [("always", 1.0), ("never", 0.0)] {
        prometheus.await_query(&format!("siptls_up{{target=\"{name}\"}} == 0"));
        assert_eq!(
            prometheus.value(&format!("siptls_maintenance{{target=\"{name}\"}}")),
            Some(expected)
        );
    }
    let rule = "siptls_up == 0 unless on(target) siptls_maintenance == 1";
    assert_eq!(prometheus.value(&format!("count({rule})")), Some(1.0));
    prometheus.await_query(&format!("({rule}) and on(target) siptls_up{{target=\"never\"}}"));
    let report = daemon.get("/api/v1/reports/always").json();
    let open = &report["reports"][0]["target"]["maintenance"];
    assert!(
        open["until"].is_string() && open.get("comment").is_some(),
        "{open}"
    );
    assert!(daemon.get("/targets/always").body.contains("maintenance until 2"));
}

/// One target hangs until its deadline, again and again; the other is visited in its own time and none the slower.
#[test]
fn a_hanging_target_costs_its_own_slot_only() {
    let silent = Responder::silent();
    let server = Stunnel::start(
        Pki::shared().identity(Role::Good),
        ClientAuth::None,
        Responder::sip().address(),
    );
    let mut hanging = target("hanging", silent.address());
    hanging["timeout"] = json!("4s");
    hanging["interval"] = json!("4s");
    let daemon = Daemon::start(&[hanging, target("quick", server.address())]);
    // While the first visit to the hanging one is under way, the quick one is visited and visited again.
    daemon.await_visits("quick", 2.0);
    let exposition = daemon.get("/metrics").body;
    assert_eq!(
        visits(&exposition, "hanging"),
        0.0,
        "its deadline is not over yet"
    );
    assert_eq!(metric(&exposition, "siptls_probes_in_flight", &[]), Some(1.0));
    daemon.await_metric(
        "siptls_probes_total",
        &[("target", "hanging"), ("reason", "tls_timeout")],
        1.0,
    );
    let exposition = daemon.get("/metrics").body;
    let quick = visits(&exposition, "quick");
    assert!(quick >= 3.0, "{quick} visits to the quick one in four seconds");
    assert_eq!(
        metric(
            &exposition,
            "siptls_probes_total",
            &[("target", "quick"), ("reason", "ok")]
        ),
        Some(quick),
        "all of them good"
    );
    for phase in ["connect", "tls", "sip"] {
        let labels = [("target", "quick"), ("phase", phase)];
        let all = metric(&exposition, "siptls_phase_duration_seconds_count", &labels);
        let fast = metric(
            &exposition,
            "siptls_phase_duration_seconds_bucket",
            &[labels[0], labels[1], ("le", "1")],
        );
        assert_eq!(all, Some(quick), "{phase}");
        assert_eq!(fast, all, "{phase}: none waited for the other target");
    }
}

#[test]
fn sigterm_ends_it_within_five_seconds_with_visits_under_way() {
    let silent = Responder::silent();
    let server = Stunnel::start(
        Pki::shared().identity(Role::Good),
        ClientAuth::None,
        Responder::sip().address(),
    );
    let mut hanging = target("hanging", silent.address());
    hanging["timeout"] = json!("60s");
    hanging["interval"] = json!("60s");
    let mut daemon = Daemon::start(&[hanging, target("quick", server.address())]);
    daemon.await_visits("quick", 1.0);
    daemon.await_metric("siptls_probes_in_flight", &[], 1.0);
    let started = Instant::now();
    let status = daemon.running.terminate(Duration::from_secs(5));
    assert_eq!(
        status.and_then(|status| status.code()),
        Some(0),
        "after {:?}: {}",
        started.elapsed(),
        daemon.running.log()
    );
}

/// What a person and a machine find over HTTP.
#[test]
fn the_web_side_answers() {
    let server = Stunnel::start(
        Pki::shared().identity(Role::Good),
        ClientAuth::Optional,
        Responder::sip().address(),
    );
    let nobody = Port::lease();
    let proxy = Proxy::to(server.address());
    let mut slow = target("once", proxy.address());
    slow["interval"] = json!("1h");
    slow["labels"] = json!({"site": "fra"});
    let daemon = Daemon::start(&[slow, target("gone", nobody.address())]);
    daemon.await_visits("once", 1.0);
    daemon.await_visits("gone", 1.0);

    assert_eq!(daemon.get("/-/healthy").status, 200);
    let reports = daemon.get("/api/v1/reports").json();
    assert_eq!(reports["schema"], "siptls-probe/report/v1");
    let verdicts: Vec<(&Value, &Value)> = reports["reports"]
        .as_array()
        .expect("reports")
        .iter()
        .map(|report| (&report["target"]["name"], &report["verdict"]))
        .collect();
    assert_eq!(
        verdicts,
        [
            (&json!("gone"), &json!("inconclusive")),
            (&json!("once"), &json!("warn"))
        ]
    );
    assert_eq!(
        daemon.metric("siptls_up", &[("target", "once"), ("site", "fra")]),
        Some(1.0)
    );
    let page = daemon.get("/");
    assert!(
        page.status == 200 && page.body.contains("once") && page.body.contains("gone"),
        "{page:?}"
    );

    // /probe makes a visit of its own, to configured targets only.
    let before = proxy.connections();
    let probed = daemon.get("/probe?target=once");
    assert_eq!(probed.status, 200, "{probed:?}");
    assert_eq!(metric(&probed.body, "probe_success", &[]), Some(1.0));
    assert_eq!(check_metrics(&probed.body), Ok(()));
    assert_eq!(proxy.connections(), before + 1);
    let refused = daemon.get(&format!("/probe?target={}", server.address()));
    assert!((400..500).contains(&refused.status), "{refused:?}");
    assert_eq!(daemon.get("/api/v1/reports/nobody").status, 404, "no such target");
}

#[test]
fn a_bad_configuration_at_the_start_tells_all_faults_and_ends_with_two() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("bad.yaml");
    fs::write(
        &file,
        "probe: {interval: 60}\ntargets:\n  - {name: a, endpiont: x}\n  - {name: a, endpoint: 'sip:x', profile: nobody}\n",
    )
    .expect("write a configuration");
    let (path, port) = (file.display().to_string(), Port::lease());
    let address = port.address().to_string();
    let binary = Binary::find();
    for arguments in [
        vec!["run", "--config.file", &path, "--web.listen-address", &address],
        vec!["config", "check", "--config.file", &path],
    ] {
        let finished = binary.run(&arguments);
        assert_eq!(finished.code, Some(2), "{finished:?}");
        let text = format!("{}{}", finished.stdout, finished.stderr);
        for expected in ["bad.yaml", "60", "endpiont", "sip:", "nobody"] {
            assert!(
                text.contains(expected),
                "{arguments:?}: expected {expected:?} in {text}"
            );
        }
    }
}

/// The demonstration needs no network: in a network namespace of its own there is loopback and nothing else.
#[test]
fn the_lab_judges_its_endpoints_without_a_network() {
    let binary = Binary::find();
    let lab = format!(
        "{} lab --once --web.listen-address 127.0.0.1:0",
        binary.path().display()
    );
    let alone = format!("ip link set lo up && exec {lab}");
    let mut command = if may_unshare() {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", &alone]);
        command
    } else {
        // Where namespaces are forbidden it runs as it is: all its endpoints are loopback ones all the same.
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {lab}")]);
        command
    };
    let finished = finish(&mut command, b"", Duration::from_secs(60));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(
        finished.stdout.contains("each judged as expected"),
        "{finished:?}"
    );
    for endpoint in ["good", "requires-client-certificate", "silent"] {
        assert!(finished.stdout.contains(endpoint), "{finished:?}");
    }
}

fn may_unshare() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "ip", "link", "set", "lo", "up"]);
    finish(&mut command, b"", DEADLINE).code == Some(0)
}
