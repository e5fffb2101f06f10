//! Both sides of a trunk: what a customer's endpoint asks for, and until when the load balancers that dial it can present
//! it. The real program in a network of the test's own, where a name server knows the load balancers of euc1; all peers are
//! OpenSSL on the real port, and OpenSSL reads their certificates as well.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use siptls_e2e::{
    Binary, ClientAuth, DEADLINE, Finished, Identity, Issuer, Leaf, Namespace, OpensslRig, OpensslServer,
    Peer, Pki, Role, Running, complete, finish, until,
};

const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);
const PORT: u16 = 5061;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The load balancers of euc1; number N is at 127.0.0.1N.
const BALANCERS: [&str; 4] = [
    "lb01.voice.euc1.pure.cloud",
    "lb02.voice.euc1.pure.cloud",
    "lb03.voice.euc1.pure.cloud",
    "lb04.voice.euc1.pure.cloud",
];

/// A customer's endpoints, by what they ask for; the first is at 127.0.0.2.
const ENDPOINTS: [(&str, ClientAuth); 3] = [
    ("silent.example.test", ClientAuth::None),
    ("asking.example.test", ClientAuth::Optional),
    ("insisting.example.test", ClientAuth::Required),
];

fn balancer_at(index: usize) -> SocketAddr {
    at(11 + index)
}

fn at(last: usize) -> SocketAddr {
    let last = u8::try_from(last).expect("a loopback address");
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), PORT)
}

/// A namespace whose name server knows the customer's endpoints and the first load balancers, and that the others do not
/// exist.
fn network(balancers: usize) -> (Namespace, Running) {
    let namespace = Namespace::new(NAME_SERVER);
    let mut records = "local=/example.test/\nlocal=/voice.euc1.pure.cloud/\n".to_owned();
    for (index, (host, _)) in ENDPOINTS.iter().enumerate() {
        records += &format!("host-record={host},{}\n", at(2 + index).ip());
    }
    for (index, host) in BALANCERS.iter().take(balancers).enumerate() {
        records += &format!("host-record={host},{}\n", balancer_at(index).ip());
    }
    let server = namespace.name_server(NAME_SERVER, &records);
    (namespace, server)
}

/// A server that finishes handshakes and prints each message.
fn openssl(identity: &Identity) -> OpensslRig {
    OpensslServer::new(identity).reversing().argument("-msg")
}

/// The customer's endpoints, one of each kind.
fn endpoints(namespace: &Namespace, folder: &Path) -> Vec<Running> {
    let names: Vec<String> = ENDPOINTS.iter().map(|(host, _)| format!("DNS:{host}")).collect();
    let leaf = Leaf::named(ENDPOINTS[0].0).alternative_names(&names.join(","));
    let identity = Pki::shared().issue(folder, "endpoint", &leaf);
    ENDPOINTS
        .iter()
        .enumerate()
        .map(|(index, (_, asks))| {
            openssl(&identity)
                .client_auth(*asks)
                .start_in(namespace, at(2 + index))
        })
        .collect()
}

/// What a load balancer's certificate is.
#[derive(Clone, Copy)]
enum Usage {
    /// serverAuth and clientAuth, for so many days from now.
    Both(i32),
    /// serverAuth alone.
    Server,
}

fn balancer(namespace: &Namespace, folder: &Path, index: usize, usage: Usage) -> Running {
    let leaf = Leaf::named(BALANCERS[index]);
    let (file, leaf) = match usage {
        Usage::Both(days) => (
            "both",
            leaf.purposes("serverAuth,clientAuth").valid(-DAY, DAY * days),
        ),
        Usage::Server => ("server", leaf.purposes("serverAuth")),
    };
    let identity = Pki::shared().issue(folder, &format!("{file}-{index}"), &leaf);
    openssl(&identity).start_in(namespace, balancer_at(index))
}

/// The load balancers, the first with the first certificate.
fn balancers(namespace: &Namespace, folder: &Path, usages: &[Usage]) -> Vec<Running> {
    let balancers = usages.iter().enumerate();
    balancers
        .map(|(index, usage)| balancer(namespace, folder, index, *usage))
        .collect()
}

/// Hellos that a server has read: connections that came to TLS.
fn hellos(server: &Running) -> usize {
    let log = server.log();
    log.lines()
        .filter(|line| line.starts_with("<<<") && line.ends_with("ClientHello"))
        .count()
}

/// `notAfter` and whether clientAuth is there, as `openssl` reads them of what `s_client` gets.
fn as_openssl_sees(namespace: &Namespace, index: usize) -> (Timestamp, bool) {
    let script = format!(
        "openssl s_client -connect {} -servername {} -tls1_2 </dev/null 2>/dev/null \
         | openssl x509 -noout -enddate -dateopt iso_8601 -ext extendedKeyUsage",
        balancer_at(index),
        BALANCERS[index]
    );
    let output = complete(&mut namespace.enter(Command::new("sh").args(["-c", &script])));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let end = text
        .lines()
        .find_map(|line| line.strip_prefix("notAfter="))
        .expect("an end");
    let end = end.replace(' ', "T").parse().expect("a time in ISO 8601");
    assert!(text.contains("TLS Web Server Authentication"), "{text}");
    (end, text.contains("TLS Web Client Authentication"))
}

fn run(namespace: &Namespace, arguments: &[&str]) -> Finished {
    finish(
        &mut namespace.enter(&Binary::find().command(arguments)),
        b"",
        DEADLINE,
    )
}

/// The reports on the three endpoints.
fn check(namespace: &Namespace, more: &[&str]) -> Vec<Value> {
    let root = Pki::shared().root().display().to_string();
    let mut arguments = vec![
        "check",
        "--format",
        "json",
        "--depth",
        "routine",
        "--timeout",
        "5s",
    ];
    arguments.extend(["--trust-anchors", &root, "--peer-region", "euc1"]);
    let typed = ENDPOINTS.map(|(host, _)| format!("{host}:{PORT}"));
    arguments.extend(typed.iter().map(String::as_str));
    arguments.extend(more);
    let finished = run(namespace, &arguments);
    let document = json_of(&finished);
    let reports = document["reports"].as_array().expect("reports").clone();
    let hosts: Vec<_> = reports
        .iter()
        .map(|report| report["target"]["host"].as_str())
        .collect();
    assert_eq!(hosts, ENDPOINTS.map(|(host, _)| Some(host)), "{finished:?}");
    reports
}

fn json_of(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("expected JSON, found {error}: {finished:?}"))
}

/// Status and summary of `eku-removal-ready`.
fn ready(report: &Value) -> (&str, &str) {
    let finding = finding(report, "eku-removal-ready");
    let text = |field: &str| finding[field].as_str().expect("a text");
    (text("status"), text("summary"))
}

fn finding<'a>(report: &'a Value, id: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("checks");
    checks
        .iter()
        .find(|check| check["id"] == id)
        .unwrap_or_else(|| panic!("expected {id} in {checks:?}"))
}

fn time(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().expect("RFC 3339")
}

/// Each endpoint's finding: its status, and what its summary says.
#[track_caller]
fn expect(reports: &[Value], expected: [(&str, &str); 3]) {
    for (report, (status, part)) in reports.iter().zip(expected) {
        let (found, summary) = ready(report);
        assert!(
            found == status && summary.contains(part),
            "expected {status}: {part}, found {found}: {summary}"
        );
    }
}

/// `eku_removal` of every report against what OpenSSL reads of the load balancers that resolve: start, deadline, each
/// certificate, who was not seen.
fn compare(namespace: &Namespace, reports: &[Value], resolving: usize) -> (Timestamp, Timestamp) {
    let oracle: Vec<(Timestamp, bool)> = (0..resolving)
        .map(|index| as_openssl_sees(namespace, index))
        .collect();
    let mut dates = None;
    for report in reports {
        let removal = &report["eku_removal"];
        assert_eq!(removal["region"], "euc1", "{removal}");
        let unseen: Vec<&str> = BALANCERS[resolving..].to_vec();
        assert_eq!(removal["unseen"], json!(unseen), "{removal}");
        let certificates = removal["certificates"].as_array().expect("certificates");
        let seen: Vec<(Timestamp, bool)> = certificates
            .iter()
            .map(|one| (time(&one["not_after"]), one["client_auth"] == true))
            .collect();
        assert_eq!(seen, oracle, "{removal}");
        for (index, one) in certificates.iter().enumerate() {
            assert_eq!(one["host"], BALANCERS[index]);
            assert_eq!(one["address"], balancer_at(index).to_string());
            assert_eq!(one["issuer_organization"], "Example");
        }
        let ends = oracle.iter().filter(|(_, client)| *client).map(|(end, _)| *end);
        let begins = certificates
            .iter()
            .filter(|one| one["client_auth"] == false)
            .map(|one| time(&one["not_before"]));
        let start = ends.clone().chain(begins.clone()).min().expect("a certificate");
        let deadline = ends.max().or(begins.max()).expect("a certificate");
        let found = (time(&removal["start"]), time(&removal["deadline"]));
        assert_eq!(found, (start, deadline), "{removal}");
        dates = Some(found);
    }
    dates.expect("a report")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("make a folder")
}

fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

#[test]
fn while_all_load_balancers_have_client_auth_the_day_is_told_and_then_it_breaks() {
    let (namespace, _names) = network(4);
    let folder = folder();
    let _endpoints = endpoints(&namespace, folder.path());
    let usages = [40, 45, 50, 50].map(Usage::Both);
    let servers = balancers(&namespace, folder.path(), &usages);
    let reports = check(&namespace, &[]);
    // One connection to each, for three endpoints.
    for (server, host) in servers.iter().zip(BALANCERS) {
        assert_eq!(hellos(server), 1, "{host}: {}", server.log());
    }
    let (start, deadline) = compare(&namespace, &reports, 4);
    let by = format!("by {} at the latest", day(deadline));
    expect(
        &reports,
        [
            ("pass", "Not affected"),
            (
                "warn",
                "May be affected: the endpoint asks for a client certificate and goes on without one, and by ",
            ),
            (
                "warn",
                "Affected: the endpoint insists on a client certificate, and by ",
            ),
        ],
    );
    for report in &reports[1..] {
        let summary = ready(report).1;
        assert!(
            summary.contains(&by) && summary.contains(&format!("the first of them from {} on", day(start))),
            "{summary}"
        );
    }
    // The moment before the first ends, the moment it does, and after the last.
    let second = SignedDuration::from_secs(1);
    for (moment, insisting) in [
        (start - second, ("warn", "Affected: the endpoint insists")),
        (
            start,
            (
                "fail",
                "Already affected: the endpoint insists on a client certificate, and lb01.voice.euc1.pure.cloud of euc1 presents no clientAuth: their calls fail",
            ),
        ),
        (
            deadline,
            (
                "fail",
                "no load balancer of euc1 that was seen presents clientAuth",
            ),
        ),
    ] {
        let reports = check(&namespace, &["--as-of", &moment.to_string()]);
        let asking = match insisting.0 {
            "warn" => "May be affected",
            _ => "Already affected if Genesys BYOC Cloud still presents a certificate",
        };
        expect(&reports, [("pass", "Not affected"), ("warn", asking), insisting]);
        // The dates are facts: they do not move with the question.
        let removal = &reports[2]["eku_removal"];
        assert_eq!(
            (time(&removal["start"]), time(&removal["deadline"])),
            (start, deadline)
        );
    }
}

#[test]
fn once_no_load_balancer_has_client_auth_it_has_happened() {
    let (namespace, _names) = network(4);
    let folder = folder();
    let _endpoints = endpoints(&namespace, folder.path());
    let _servers = balancers(&namespace, folder.path(), &[Usage::Server; 4]);
    let reports = check(&namespace, &[]);
    let (_, deadline) = compare(&namespace, &reports, 4);
    expect(
        &reports,
        [
            ("pass", "Not affected"),
            (
                "warn",
                "and no load balancer of euc1 that was seen presents clientAuth; calls go on",
            ),
            (
                "fail",
                "and no load balancer of euc1 that was seen presents clientAuth: their calls fail",
            ),
        ],
    );
    assert!(deadline < time(&reports[0]["started_at"]), "{deadline}");
    assert_eq!(reports[2]["verdict"], "fail");
}

#[test]
fn load_balancers_that_differ_are_named() {
    let (namespace, _names) = network(4);
    let folder = folder();
    let _endpoints = endpoints(&namespace, folder.path());
    let usages = [Usage::Both(40), Usage::Server, Usage::Both(50), Usage::Server];
    let _servers = balancers(&namespace, folder.path(), &usages);
    let reports = check(&namespace, &[]);
    compare(&namespace, &reports, 4);
    let who = "lb02.voice.euc1.pure.cloud, lb04.voice.euc1.pure.cloud of euc1 present no clientAuth";
    expect(&reports, [("pass", "Not affected"), ("warn", who), ("fail", who)]);
    let evidence = finding(&reports[2], "eku-removal-ready")["evidence"]
        .as_str()
        .expect("a text");
    assert_eq!(evidence.matches("]: clientAuth until ").count(), 2, "{evidence}");
    assert_eq!(
        evidence.matches("]: no clientAuth since ").count(),
        2,
        "{evidence}"
    );
}

#[test]
fn load_balancers_that_do_not_resolve_stay_unseen() {
    let (namespace, _names) = network(2);
    let folder = folder();
    let _endpoints = endpoints(&namespace, folder.path());
    let servers = balancers(&namespace, folder.path(), &[Usage::Both(40), Usage::Both(40)]);
    let reports = check(&namespace, &[]);
    compare(&namespace, &reports, 2);
    expect(
        &reports,
        [
            ("pass", "Not affected"),
            ("warn", "May be affected"),
            ("warn", "Affected: "),
        ],
    );
    for report in &reports[1..] {
        let evidence = finding(report, "eku-removal-ready")["evidence"]
            .as_str()
            .expect("a text");
        assert!(
            evidence.contains("not seen: lb03.voice.euc1.pure.cloud, lb04.voice.euc1.pure.cloud"),
            "{evidence}"
        );
    }
    // Nobody there any more: until when is not known, and nothing is made up.
    drop(servers);
    let reports = check(&namespace, &[]);
    expect(
        &reports,
        [
            ("pass", "Not affected"),
            ("skip", "none of them was seen"),
            ("skip", "none of them was seen"),
        ],
    );
    let removal = &reports[2]["eku_removal"];
    assert_eq!(removal["unseen"], json!(BALANCERS));
    assert_eq!(
        (&removal["start"], &removal["deadline"]),
        (&Value::Null, &Value::Null)
    );
}

/// A daemon inside a namespace that watches the region and the endpoint that insists.
struct Daemon<'a> {
    namespace: &'a Namespace,
    address: SocketAddr,
    _running: Running,
}

impl<'a> Daemon<'a> {
    fn start(namespace: &'a Namespace) -> Self {
        let folder = folder();
        let file = folder.path().join("siptls-probe.yaml");
        let endpoint = format!("{}:{PORT}", ENDPOINTS[2].0);
        let configuration = json!({
            "probe": {"interval": "1s", "timeout": "1s", "survey_interval": "off"},
            "catalog": {"genesys_byoc_cloud": {"regions": ["euc1"]}},
            "targets": [{"name": "sbc", "endpoint": endpoint, "peer_region": "euc1",
                         "trust_anchors": Pki::shared().root()}],
        });
        fs::write(&file, configuration.to_string()).expect("write a configuration");
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 10_061);
        let (path, listen) = (file.display().to_string(), address.to_string());
        let arguments = ["run", "--config.file", &path, "--web.listen-address", &listen];
        let command = namespace.enter(&Binary::find().command(&arguments));
        let running = Running::start("siptls-probe", folder, command).listening_at(address);
        Self {
            namespace,
            address,
            _running: running,
        }
    }

    fn metrics(&self) -> String {
        self.namespace.get(self.address, "/metrics")
    }

    fn report(&self, target: &str) -> Value {
        let text = self
            .namespace
            .get(self.address, &format!("/api/v1/reports/{target}"));
        let document: Value = serde_json::from_str(&text).expect("JSON");
        document["reports"][0].clone()
    }
}

/// The value of the one series with these labels among others.
fn value(metrics: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let is_it = |line: &&str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'))
            && labels.iter().all(|label| line.contains(label))
    };
    let mut found = metrics.lines().filter(is_it);
    let (first, more) = (found.next()?, found.count());
    assert_eq!(
        more, 0,
        "expected one series of {name} with {labels:?}, found more than {first}"
    );
    first.rsplit(' ').next()?.parse().ok()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and seconds of this century fit"
)]
fn seconds(moment: Timestamp) -> f64 {
    moment.as_second() as f64
}

const START: &str = "siptls_eku_removal_start_timestamp_seconds";
const REMOVAL_DEADLINE: &str = "siptls_eku_removal_deadline_timestamp_seconds";
const READY: [&str; 2] = ["target=\"sbc\"", "check=\"eku-removal-ready\""];

#[test]
fn a_daemon_that_watches_both_sides_follows_a_certificate_without_client_auth() {
    let (namespace, _names) = network(3);
    let folder = folder();
    let _endpoints = endpoints(&namespace, folder.path());
    let mut servers = balancers(&namespace, folder.path(), &[40, 45, 50].map(Usage::Both));
    let ends = [0, 1, 2].map(|index| as_openssl_sees(&namespace, index).0);
    let daemon = Daemon::start(&namespace);
    let sbc = ["target=\"sbc\""];
    let metrics = until("the dates of three load balancers", DEADLINE, || {
        let metrics = daemon.metrics();
        let dates = (
            value(&metrics, START, &sbc),
            value(&metrics, REMOVAL_DEADLINE, &sbc),
        );
        (dates == (Some(seconds(ends[0])), Some(seconds(ends[2])))).then_some(metrics)
    });
    // Each load balancer is a target named as its host, and says its own dates.
    for (host, end) in BALANCERS.iter().zip(ends) {
        let own = [
            &format!("target=\"{host}\""),
            "region=\"euc1\"",
            "confirmed=\"no\"",
        ];
        assert_eq!(value(&metrics, "siptls_up", &own), Some(1.0), "{host}");
        for name in [START, REMOVAL_DEADLINE] {
            assert_eq!(value(&metrics, name, &own), Some(seconds(end)), "{host}");
        }
    }
    // A name that nobody has confirmed and that does not resolve.
    let unconfirmed = ["target=\"lb04.voice.euc1.pure.cloud\"", "confirmed=\"no\""];
    until("a visit to a name that does not resolve", DEADLINE, || {
        (value(&daemon.metrics(), "siptls_up", &unconfirmed) == Some(0.0)).then_some(())
    });
    assert_eq!(value(&daemon.metrics(), START, &unconfirmed), None);
    until("three load balancers in the judgement", DEADLINE, || {
        let report = daemon.report("sbc");
        let seen = report["eku_removal"]["certificates"]
            .as_array()
            .map_or(0, Vec::len);
        (seen == 3 && ready(&report).0 == "warn").then_some(())
    });
    assert_eq!(value(&daemon.metrics(), "siptls_check_passed", &READY), Some(1.0));
    let report = daemon.report("sbc");
    assert_eq!(
        report["eku_removal"]["unseen"],
        json!(["lb04.voice.euc1.pure.cloud"])
    );

    // One of them renews.
    drop(servers.remove(1));
    let renewed = balancer(&namespace, folder.path(), 1, Usage::Server);
    until("the endpoint's check to fail", DEADLINE, || {
        (value(&daemon.metrics(), "siptls_check_passed", &READY) == Some(0.0)).then_some(())
    });
    let report = daemon.report("sbc");
    let (status, summary) = ready(&report);
    assert_eq!(
        (status, summary),
        (
            "fail",
            "Already affected: the endpoint insists on a client certificate, and lb02.voice.euc1.pure.cloud of euc1 \
             presents no clientAuth: their calls fail"
        )
    );
    assert!(hellos(&renewed) >= 1);
    let metrics = daemon.metrics();
    let begins = report["eku_removal"]["certificates"]
        .as_array()
        .expect("certificates");
    let begins = begins
        .iter()
        .find(|one| one["client_auth"] == false)
        .expect("the renewed one");
    assert_eq!(
        value(&metrics, START, &sbc),
        Some(seconds(time(&begins["not_before"])))
    );
    assert_eq!(value(&metrics, REMOVAL_DEADLINE, &sbc), Some(seconds(ends[2])));

    // It fails to answer: that says nothing about its certificate.
    drop(renewed);
    let lost = ["target=\"lb02.voice.euc1.pure.cloud\""];
    until("a visit that fails", DEADLINE, || {
        (value(&daemon.metrics(), "siptls_up", &lost) == Some(0.0)).then_some(())
    });
    let started = time(&daemon.report("sbc")["started_at"]);
    let report = until("two more visits to the endpoint", DEADLINE, || {
        let report = daemon.report("sbc");
        (time(&report["started_at"]) > started + SignedDuration::from_millis(1_500)).then_some(report)
    });
    assert_eq!(ready(&report).0, "fail", "{report}");
    assert_eq!(
        report["eku_removal"]["unseen"],
        json!(["lb04.voice.euc1.pure.cloud"])
    );
}

/// `catalog verify` with the test's root; the entries, in the order of the list.
fn verify(namespace: &Namespace) -> (Option<i32>, Vec<Value>) {
    let root = Pki::shared().root().display().to_string();
    let finished = run(
        namespace,
        &[
            "catalog",
            "verify",
            "--region",
            "euc1",
            "--timeout",
            "5s",
            "--trust-anchors",
            &root,
            "--format",
            "json",
        ],
    );
    let entries = json_of(&finished)["endpoint_list"]
        .as_array()
        .expect("entries")
        .clone();
    let hosts: Vec<_> = entries.iter().map(|one| one["hostname"].as_str()).collect();
    assert_eq!(hosts, BALANCERS.map(Some));
    (finished.code, entries)
}

fn found(entries: &[Value]) -> Vec<&str> {
    entries
        .iter()
        .map(|one| one["found"].as_str().expect("a word"))
        .collect()
}

#[test]
fn the_published_list_is_held_against_what_is_there() {
    let (namespace, _names) = network(3);
    let folder = folder();
    let pki = Pki::shared();
    let _confirmed = balancer(&namespace, folder.path(), 0, Usage::Both(40));
    let stranger = pki.issue(folder.path(), "stranger", &Leaf::named("voice.example.test"));
    let contradicted = openssl(&stranger).start_in(&namespace, balancer_at(1));
    // The third resolves and nobody listens, the fourth does not resolve.
    let (code, entries) = verify(&namespace);
    assert_eq!(
        found(&entries),
        ["confirmed", "contradicted", "unreached", "unresolved"]
    );
    assert_eq!(code, Some(1));
    let why = |index: usize| entries[index]["why"].as_str().expect("a text");
    let (end, client) = as_openssl_sees(&namespace, 0);
    assert!(client);
    assert_eq!(why(0), format!("Example Root, with clientAuth, until {end}"));
    assert_eq!(why(1), "the certificate is for other names: voice.example.test");
    for (index, addresses) in [
        (0, json!([balancer_at(0).to_string()])),
        (1, json!([balancer_at(1).to_string()])),
        (2, json!([balancer_at(2).to_string()])),
        (3, json!([])),
    ] {
        assert_eq!(entries[index]["addresses"], addresses, "{index}: {}", why(index));
        assert_eq!(entries[index]["listed_as_confirmed"], false);
        assert_eq!(entries[index]["region_code"], "euc1");
    }
    // The right name under the wrong root contradicts as well.
    drop(contradicted);
    let leaf = Leaf::named(BALANCERS[1]).issuer(Issuer::Unknown);
    let unknown = openssl(&pki.issue(folder.path(), "unknown", &leaf)).start_in(&namespace, balancer_at(1));
    let (code, entries) = verify(&namespace);
    assert_eq!((code, found(&entries)[1]), (Some(1), "contradicted"));
    assert!(
        entries[1]["why"]
            .as_str()
            .expect("a text")
            .contains("Unknown Root"),
        "{}",
        entries[1]
    );
    // Nothing contradicts, something was not seen.
    drop(unknown);
    let _second = balancer(&namespace, folder.path(), 1, Usage::Server);
    let (code, entries) = verify(&namespace);
    assert_eq!(
        found(&entries),
        ["confirmed", "confirmed", "unreached", "unresolved"]
    );
    assert_eq!(code, Some(3));
    assert!(
        entries[1]["why"]
            .as_str()
            .expect("a text")
            .contains("without clientAuth"),
        "{}",
        entries[1]
    );
}

#[test]
fn a_whole_region_is_confirmed_and_the_table_says_so() {
    let (namespace, _names) = network(4);
    let folder = folder();
    let wildcard = Leaf::named("voice.euc1.pure.cloud").alternative_names("DNS:*.voice.euc1.pure.cloud");
    let identity = Pki::shared().issue(folder.path(), "wildcard", &wildcard);
    let servers = [0, 1, 2, 3].map(|index| openssl(&identity).start_in(&namespace, balancer_at(index)));
    let (code, entries) = verify(&namespace);
    assert_eq!((code, found(&entries)), (Some(0), vec!["confirmed"; 4]));
    for server in &servers {
        assert_eq!(hellos(server), 1, "{}", server.log());
    }
    let root = Pki::shared().root().display().to_string();
    let finished = run(
        &namespace,
        &["catalog", "verify", "--region", "euc1", "--trust-anchors", &root],
    );
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for part in BALANCERS.iter().chain(&[
        "LISTED AS CONFIRMED",
        "4 hosts: 4 confirmed, 0 unresolved, 0 unreached, 0 contradicted",
    ]) {
        assert!(
            finished.stdout.contains(part),
            "expected {part} in {}",
            finished.stdout
        );
    }
    // Under the roots announced for the region it is somebody else's.
    let finished = run(
        &namespace,
        &["catalog", "verify", "--region", "euc1", "--format", "json"],
    );
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

/// No list of anybody has a private root; a gap in what was sent is a gap for all of them.
#[test]
fn a_private_chain_is_held_against_every_list() {
    let pki = Pki::shared();
    let root = pki.root().display().to_string();
    for (role, problem) in [
        (Role::Good, "Example Root"),
        (Role::WithoutIntermediate, "was not sent"),
    ] {
        let server = openssl(pki.identity(role)).start();
        let address = server.address().to_string();
        let finished = Binary::find().run(&[
            "check",
            "--format",
            "json",
            "--depth",
            "hello",
            "--server-name",
            "sbc.example.test",
            "--trust-anchors",
            &root,
            "--against",
            "all",
            "--against",
            "amazon",
            &address,
        ]);
        let report = json_of(&finished)["reports"][0].clone();
        let against = report["chain"]["against"].as_array().expect("opinions");
        let groups: Vec<_> = against.iter().map(|one| one["group"].as_str()).collect();
        let known = ["genesys-byoc-customer", "microsoft", "amazon", "browser"];
        assert_eq!(groups, known.map(Some), "each once");
        for one in against {
            assert_eq!(
                (&one["trusted"], &one["trust_anchor"]),
                (&json!(false), &Value::Null),
                "{one}"
            );
            assert!(
                one["problem"].as_str().expect("a sentence").contains(problem),
                "{one}"
            );
            assert!(!one["title"].as_str().expect("a title").is_empty());
        }
        // The verdict goes by the roots given, whatever the others say.
        let trusted = &finding(&report, "chain-trusted-by-peer")["status"];
        assert_eq!(
            trusted,
            if role == Role::Good { "pass" } else { "fail" },
            "{report}"
        );
        assert_eq!(hellos(server.running()), 1, "opinions cost no connection");
    }
}

#[test]
fn a_list_that_nobody_has_is_refused_before_anybody_is_visited() {
    let server = openssl(Pki::shared().identity(Role::Good)).start();
    let address = server.address().to_string();
    for (list, hint) in [
        ("nonsense", "hint: "),
        ("browsers", "hint: did you mean `browser`?"),
    ] {
        let finished = Binary::find().run(&["check", "--against", list, &address]);
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (Some(2), ""),
            "{finished:?}"
        );
        assert!(finished.stderr.contains(&format!("`{list}`")), "{finished:?}");
        assert!(finished.stderr.contains(hint), "{finished:?}");
    }
    assert_eq!(hellos(server.running()), 0, "{}", server.log());
}
