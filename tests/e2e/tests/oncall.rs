//! From a handshake to whoever is on call: the real daemon, Prometheus with the shipped rules, Alertmanager with the shipped
//! routes, a webhook. An endpoint begins to insist on a client certificate, which the load balancer that dials it has for
//! five days more; it is mended.
//!
//! Nothing is faked but time: every duration in the copies of the rule files and of `alertmanager.yml` is divided by
//! [`FASTER`], ranges, hold-downs and intervals alike, and so are the interval of the scrape and the minute after which
//! Prometheus sends a firing alert again. Days until something ends are
//! numbers in the rules and stay what they are.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use siptls_e2e::{
    Alertmanager, Binary, DEADLINE, Leaf, Notified, OpensslServer, Peer, Pki as RealPki, Port, Prometheus,
    Running, Webhook, finish, http_get,
};
use siptls_lab::{Behaviour, Chain, ClientCertificates, Pki, Refusal, SERVER_NAME, Served, ServerConfig};
use siptls_model::{AlertDescription, clock};

/// A quarter of an hour passes in ten seconds.
const FASTER: u64 = 90;
const DAY: SignedDuration = SignedDuration::from_hours(24);
const BALANCER: &str = "lb01.voice.euc1.pure.cloud";
/// A name that does not go into a URL as it is.
const TARGET: &str = "acme sbc 1/fra";

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/monitoring")
}

/// The text with every duration (`15m`, `1d`, not part of a name) divided by [`FASTER`].
fn faster(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(character) = rest.chars().next() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let mut following = after.chars();
        let unit = match following.next() {
            Some('s') => Some(1_000),
            Some('m') => Some(60_000),
            Some('h') => Some(3_600_000),
            Some('d') => Some(86_400_000),
            _ => None,
        };
        let ends = following
            .next()
            .is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
        let begins = !before.is_ascii_alphanumeric() && before != '_' && before != '.';
        match (number.parse::<u64>(), unit) {
            (Ok(number), Some(millis)) if ends && begins => {
                write!(out, "{}ms", number * millis / FASTER).expect("write to a string");
                before = 's';
                rest = &after[1..];
            }
            _ => {
                out.push(character);
                before = character;
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    out
}

#[test]
fn durations_are_divided_and_nothing_else() {
    for (text, divided) in [
        ("for: 3m", "for: 2000ms"),
        ("x[15m] offset 6m", "x[10000ms] offset 4000ms"),
        (
            "a:ratio15m{b=\"1d\"} < 7 * 86400",
            "a:ratio15m{b=\"960000ms\"} < 7 * 86400",
        ),
        ("for: 0m", "for: 0ms"),
        ("http://127.0.0.1:9911/x 200ms", "http://127.0.0.1:9911/x 200ms"),
    ] {
        assert_eq!(faster(text), divided);
    }
}

/// Copies of the shipped rule files in `folder`, faster; how many.
fn rules(folder: &Path) -> usize {
    let mut copied = 0;
    for kind in ["rules", "alerts"] {
        for entry in fs::read_dir(shipped().join(kind)).expect("list the rule files") {
            let path = entry.expect("an entry").path();
            let text = fs::read_to_string(&path).expect("read a rule file");
            let name = path
                .file_name()
                .expect("a file name")
                .to_string_lossy()
                .into_owned();
            fs::write(folder.join(format!("{kind}-{name}")), faster(&text)).expect("write a rule file");
            copied += 1;
        }
    }
    copied
}

/// The shipped routes, faster, with the webhook in place of the example's address.
fn routes(webhook: SocketAddr) -> String {
    let text = fs::read_to_string(shipped().join("alertmanager.yml")).expect("read alertmanager.yml");
    let example = "http://127.0.0.1:9911/";
    assert_eq!(
        text.matches(example).count(),
        4,
        "expected four receivers in {text}"
    );
    faster(&text).replace(example, &format!("http://{webhook}/"))
}

fn refused_by_amtool(configuration: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("alertmanager.yml");
    fs::write(&file, configuration).expect("write alertmanager.yml");
    let finished = finish(
        Command::new("amtool").arg("check-config").arg(&file),
        b"",
        DEADLINE,
    );
    (finished.code != Some(0)).then(|| format!("{}{}", finished.stdout, finished.stderr))
}

/// The customer's endpoint: always at one address, with what it asks for changing.
struct Endpoint {
    runtime: tokio::runtime::Runtime,
    pki: Pki,
    port: Port,
    served: Option<Served>,
}

impl Endpoint {
    fn new() -> Self {
        Self {
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
            pki: Pki::new(clock::now()).expect("certificates"),
            port: Port::lease(),
            served: None,
        }
    }

    /// Serves from now on with this rule for client certificates.
    fn serve(&mut self, client_certificates: ClientCertificates) {
        // The address is free again once the one before is gone.
        if let Some(before) = self.served.take() {
            self.runtime.block_on(before.shutdown());
        }
        let config = ServerConfig {
            client_certificates,
            ..ServerConfig::new(self.pki.credentials(Chain::Good))
        };
        let behaviour = Behaviour::Tls(Arc::new(config));
        let served = self
            .runtime
            .block_on(Served::start(self.port.address(), behaviour));
        self.served = Some(served.expect("an endpoint"));
    }
}

/// The daemon, watching the endpoint and the load balancer that dials it.
fn daemon(endpoint: &Endpoint, balancer: SocketAddr) -> (Running, SocketAddr) {
    let folder = tempfile::tempdir().expect("make a folder");
    let root = folder.path().join("lab.pem");
    fs::write(&root, endpoint.pki.root_pem()).expect("write the lab's root");
    let file = folder.path().join("siptls-probe.yaml");
    let configuration = json!({
        "probe": {"interval": "1s", "timeout": "1s", "survey_interval": "off"},
        "targets": [
            {"name": TARGET, "endpoint": format!("{SERVER_NAME}:5061"), "connect": endpoint.port.address().to_string(),
             "peer_region": "euc1", "trust_anchors": root, "labels": {"site": "fra"}},
            {"name": BALANCER, "endpoint": format!("{BALANCER}:5061"), "connect": balancer.to_string(),
             "profile": "genesys-byoc-cloud", "trust_anchors": RealPki::shared().root(), "labels": {"region": "euc1"}},
        ],
    });
    fs::write(&file, configuration.to_string()).expect("write a configuration");
    let port = Port::lease();
    let (path, listen) = (file.display().to_string(), port.address().to_string());
    let arguments = ["run", "--config.file", &path, "--web.listen-address", &listen];
    let running = Binary::find().start(folder, &arguments).listening(port.number());
    (running, port.address())
}

fn is_of_target(one: &Notified) -> bool {
    one.label("target") == Some(TARGET)
}

#[test]
fn prometheus_tells_whoever_is_on_call_what_to_do_and_when_it_is_done() {
    let webhook = Webhook::start();
    let routes = routes(webhook.address());
    assert_eq!(refused_by_amtool(&routes), None);
    let alertmanager = Alertmanager::configured(&routes);

    let mut endpoint = Endpoint::new();
    endpoint.serve(ClientCertificates::NotRequested);
    let folder = tempfile::tempdir().expect("make a folder");
    let leaf = Leaf::named(BALANCER)
        .purposes("serverAuth,clientAuth")
        .valid(-DAY, DAY * 5);
    let identity = RealPki::shared().issue(folder.path(), "balancer", &leaf);
    let balancer = OpensslServer::new(&identity).reversing().start();
    let (_daemon, address) = daemon(&endpoint, balancer.address());

    assert_eq!(rules(folder.path()), 5);
    let configuration = format!(
        "global: {{scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 1s}}\n\
         rule_files: ['{}/*.yaml']\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}\n\
         scrape_configs: [{{job_name: siptls, static_configs: [{{targets: ['{address}']}}]}}]\n",
        folder.path().display(),
        alertmanager.address(),
    );
    let prometheus = Prometheus::started(&configuration, &["--rules.alert.resend-delay=1s"]);
    // The way works, and nothing is the matter.
    webhook.await_one("the heartbeat", |one| one.path == "/heartbeat");
    prometheus.await_query(&format!(
        "siptls_verdict{{target=\"{TARGET}\",verdict=\"pass\"}} == 1 and on (target) siptls_eku_removal_start_timestamp_seconds"
    ));
    assert!(!webhook.received().iter().any(is_of_target));

    // The endpoint begins to insist on a client certificate.
    let refusal = Refusal::Alert(AlertDescription::HANDSHAKE_FAILURE);
    endpoint.serve(ClientCertificates::Required(refusal));
    let name = "SipTlsBreaksWithin7Days";
    let alert = webhook.await_one("the alert", |one| {
        one.label("alertname") == Some(name) && one.status() == "firing"
    });
    println!(
        "as it arrived at {}:\n{}",
        alert.path,
        serde_json::to_string_pretty(&alert.alert).expect("JSON")
    );
    assert_eq!(alert.path, "/pager");
    let labels = json!({
        "alertname": name, "severity": "critical", "job": "siptls", "target": TARGET,
        "address": endpoint.port.address().to_string(), "profile": "genesys-byoc-customer", "site": "fra",
        "check": "client-certificate-not-requested",
    });
    assert_eq!(alert.alert["labels"], labels);
    assert_eq!(
        alert.annotation("summary"),
        Some("acme sbc 1/fra takes no calls of Genesys in less than 7 days")
    );
    let end = end_of(&identity.certificate);
    let text = alert.annotation("description").expect("a description");
    for part in [
        &format!(
            "{TARGET} ({}) takes no call without a client certificate",
            endpoint.port.address()
        ),
        &format!(
            "can present one with clientAuth until {} +0000 UTC",
            end.strftime("%Y-%m-%d %H:%M:%S")
        ),
        "at the latest (4d 23h ",
        "switch client certificate verification (mutual TLS) off",
    ] {
        assert!(text.contains(part), "expected {part:?} in {text}");
    }
    assert_eq!(
        alert.annotation("runbook_url"),
        Some(
            "https://github.com/siptls-probe/siptls-probe/blob/main/docs/runbooks/SipTlsBreaksWithin7Days.md"
        )
    );
    // The link leads to the target's page.
    let link = alert.annotation("page_url").expect("a link");
    let path = link
        .strip_prefix(&format!("http://{address}"))
        .expect("a link to the daemon");
    assert_eq!(path, "/targets/acme%20sbc%201%2Ffra");
    let page = http_get(address, path).expect("the page");
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains(TARGET), "{}", page.body);

    // It is mended.
    endpoint.serve(ClientCertificates::NotRequested);
    let resolved = webhook.await_one("the end of the alert", |one| {
        one.label("alertname") == Some(name) && one.status() == "resolved"
    });
    assert_eq!(
        (resolved.path.as_str(), &resolved.alert["labels"]),
        ("/pager", &labels)
    );
    // Of what was the matter with it, the worst was said, and nothing else.
    let said: Vec<_> = (webhook.received().into_iter())
        .filter(is_of_target)
        .map(|one| {
            (
                one.path.clone(),
                one.label("alertname").unwrap_or_default().to_owned(),
            )
        })
        .collect();
    assert!(
        said.iter()
            .all(|one| *one == ("/pager".to_owned(), name.to_owned())),
        "{said:?}"
    );
}

/// The end of a certificate, as OpenSSL reads it.
fn end_of(certificate: &Path) -> Timestamp {
    let mut command = Command::new("openssl");
    command
        .args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"])
        .arg(certificate);
    let finished = finish(&mut command, b"", DEADLINE);
    let text = finished
        .stdout
        .trim()
        .strip_prefix("notAfter=")
        .expect("an end")
        .replace(' ', "T");
    text.parse().expect("a time in ISO 8601")
}
