//! The pages in a real browser: Chromium, driven by `tests/browser/pages.mjs`, looks at a real daemon that visits real
//! endpoints, all in a network of the test's own.
//!
//! With `SIPTLS_PAGE_PICTURES=FOLDER` the browser leaves pictures of the pages there, for people to look at.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use siptls_e2e::{Binary, DEADLINE, Leaf, Namespace, OpensslServer, Pki, Running, complete, finish, until};

const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);
/// Where the daemon listens, in a network where nobody else does.
const PAGE: &str = "127.0.0.1:10061";
/// A common name that wants to be markup. `/` separates parts of a name on the command line of openssl.
const HOSTILE: &str = "<img src=x onerror=alert(1)>";
/// Targets that are surveyed; the others are visited alone.
const SURVEYED: [&str; 2] = ["two-addresses", "static-rsa-cbc"];
/// Longer than any step of the browser takes on a busy machine.
const BROWSING: Duration = Duration::from_secs(100);

fn browser_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../browser")
}

fn temporary(name: &str) -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix(&format!("siptls-e2e-{name}-"))
        .tempdir()
        .expect("make a temporary folder")
}

/// A target that dials 127.0.0.`last`, by the lab's name.
fn target(name: &str, last: u8, more: &Value) -> Value {
    let mut target = json!({
        "name": name,
        "endpoint": "sbc.example.test",
        "connect": format!("127.0.0.{last}"),
        "labels": {"site": "fra", "team": "voice"},
    });
    let fields = target.as_object_mut().expect("an object");
    for (key, value) in more.as_object().expect("an object") {
        fields.insert(key.clone(), value.clone());
    }
    target
}

/// Those with surveys, which begin within two seconds for each target that begins at once; or all.
fn configuration(root: &Path, journal: &Path, all: bool) -> String {
    let ham = json!({"labels": {"site": "ham"}});
    let euc1 = json!({"peer_region": "euc1"});
    let mut targets = vec![
        json!({
            "name": "two-addresses",
            "endpoint": "two.example.test:5061",
            "server_name": "sbc.example.test",
            "interval": "1s",
            "timeout": "1s",
            "labels": {"site": "ham"},
        }),
        target("good", 10, &json!({})),
        target("requires-client-certificate", 11, &euc1),
        target("asks-client-certificate", 12, &euc1),
        target("static-rsa-cbc", 13, &ham),
        target("p256-only", 14, &json!({})),
        target("expired", 15, &json!({})),
        target("expires-soon", 16, &json!({})),
        target(
            "wrong-name",
            17,
            &json!({"peer_region": "euc1", "labels": {"site": "ham", "customer": "Müller & Söhne"}}),
        ),
        target("not-sip", 18, &json!({})),
        target("silent", 19, &json!({"interval": "60s", "timeout": "1s"})),
        target(
            "<script>alert(1)</script> & 'quotes'",
            23,
            &json!({"labels": {"note": "<b>bold</b>", "long": "x".repeat(250)}}),
        ),
        target(
            "שלום.example مثال",
            10,
            &json!({"labels": {"zalgo": format!("Z{}", "\u{301}".repeat(40))}}),
        ),
    ];
    for (number, last) in [(1, 21), (2, 22)] {
        targets.push(json!({
            "name": format!("euc1-lb0{number}"),
            "endpoint": format!("lb0{number}.voice.euc1.pure.cloud"),
            "connect": format!("127.0.0.{last}"),
            "profile": "genesys-byoc-cloud",
            "labels": {"role": "load-balancer"},
        }));
    }
    for target in &mut targets {
        target["trust_anchors"] = root.display().to_string().into();
        if !SURVEYED.contains(&target["name"].as_str().unwrap_or_default()) {
            target["survey_interval"] = "off".into();
        }
    }
    targets.retain(|target| all || target["survey_interval"] != "off");
    json!({
        "probe": {"interval": "3s", "timeout": "3s"},
        "journal": {"path": journal},
        "targets": targets,
    })
    .to_string()
}

/// The endpoints, the daemon that has seen all of them, and the network they are in. Fields are dropped in this order.
struct Site {
    daemon: Running,
    lab: Running,
    _hostile: Running,
    _names: Running,
    namespace: Namespace,
    root: PathBuf,
    folder: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let folder = temporary("site");
        let namespace = Namespace::new(NAME_SERVER);
        let records = "local=/example.test/\nlocal=/pure.cloud/\nhost-record=two.example.test,127.0.0.2\n\
                       host-record=two.example.test,127.0.0.3\n";
        let names = namespace.name_server(NAME_SERVER, records);
        let program = Command::new(env!("CARGO_BIN_EXE_browser_lab"));
        let mut lab = Running::start("lab", temporary("lab"), namespace.enter(&program));
        lab.await_log("listening");
        let root = folder.path().join("root.pem");
        let text = lab.log().replace("listening", "");
        fs::write(&root, text).expect("write the root");
        let leaf = Leaf::named(HOSTILE).alternative_names("DNS:sbc.example.test");
        let identity = Pki::shared().issue(folder.path(), "hostile", &leaf);
        let hostile = OpensslServer::new(&identity)
            .reversing()
            .start_in(&namespace, SocketAddr::from(([127, 0, 0, 23], 5061)));
        let file = folder.path().join("siptls-probe.yaml");
        let journal = folder.path().join("journal.sqlite");
        fs::write(&file, configuration(&root, &journal, false)).expect("write a configuration");
        let path = file.display().to_string();
        let command = Binary::find().command(&["run", "--config.file", &path, "--web.listen-address", PAGE]);
        let daemon = Running::start("daemon", temporary("daemon"), namespace.enter(&command));
        let site = Self {
            daemon: daemon.listening(10_061),
            lab,
            _hostile: hostile,
            _names: names,
            namespace,
            root,
            folder,
        };
        until("three surveys", DEADLINE, || {
            let surveyed = |report: &&Value| report["accepted"].is_object();
            (site.reports().iter().filter(surveyed).count() == 3).then_some(())
        });
        fs::write(&file, configuration(&site.root, &site.journal(), true)).expect("write a configuration");
        site.daemon.hang_up();
        // The load balancers were seen before the last visit to those that they dial.
        let dialled = [
            "requires-client-certificate",
            "asks-client-certificate",
            "wrong-name",
        ];
        until("every target to be seen", DEADLINE, || {
            let reports = site.reports();
            let told = reports.iter().filter(|report| {
                dialled.contains(&report["target"]["name"].as_str().unwrap_or_default())
                    && report["eku_removal"]["certificates"].as_array().map(Vec::len) == Some(2)
            });
            (reports.len() == 16 && told.count() == 3).then_some(())
        });
        site
    }

    fn reports(&self) -> Vec<Value> {
        let document: Value = serde_json::from_str(&self.get("/api/v1/reports")).expect("JSON");
        document["reports"].as_array().expect("reports").clone()
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.sqlite")
    }

    fn get(&self, path: &str) -> String {
        self.namespace.get(PAGE.parse().expect("an address"), path)
    }
}

/// The last line of a log that begins with this word, as JSON.
fn told(log: &str, word: &str) -> Value {
    let line = log.lines().rev().find_map(|line| line.strip_prefix(word));
    let line = line.unwrap_or_else(|| panic!("expected a line {word}, found\n{log}"));
    serde_json::from_str(line).expect("JSON")
}

#[test]
fn the_pages_in_a_real_browser() {
    let script = browser_folder().join("pages.mjs");
    assert!(
        browser_folder().join("node_modules/playwright-core").is_dir(),
        "expected playwright-core in {}, found none\nhint: `tests/run tools` installs it",
        browser_folder().display()
    );
    let mut site = Site::start();
    let pdf = site.daemon.folder().join("target.pdf");
    let mut command = Command::new("node");
    command
        .arg(&script)
        .arg(format!("http://{PAGE}/"))
        .arg(&pdf)
        .env("HOME", site.daemon.folder());
    if let Some(pictures) = env::var_os("SIPTLS_PAGE_PICTURES") {
        command.env("SIPTLS_PAGE_PICTURES", pictures);
    }
    let mut browser = Running::start("browser", temporary("browser"), site.namespace.enter(&command));

    until("the browser to ask for the change", BROWSING, || {
        assert!(
            browser.ended().is_none(),
            "the browser ended early\n{}",
            browser.log()
        );
        browser.log().contains("CHANGE the second address").then_some(())
    });
    site.lab.type_in("requires\n");
    site.lab.await_log("now requires");

    let status = until("the browser to end", BROWSING, || browser.ended());
    let log = browser.log();
    assert!(status.success(), "expected every step to pass, found\n{log}");

    let command = told(&log, "COMMAND ");
    reproduces(&site, command.as_str().expect("a command"));

    if let Some(pictures) = env::var_os("SIPTLS_PAGE_PICTURES") {
        fs::copy(&pdf, Path::new(&pictures).join("target.pdf")).expect("keep the paper");
    }
    let text = complete(Command::new("pdftotext").args(["-layout"]).arg(&pdf).arg("-"));
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    for part in [
        "SIP TLS report",
        "requires-client-certificate",
        "will not connect",
        "Change first",
        "siptls-probe check sbc.example.test",
        "--connect 127.0.0.11:5061",
        "openssl s_client",
        "certificate types: rsa_sign",
        "chain-complete",
        "AES256-SHA",
        "SHA-256",
    ] {
        assert!(text.contains(part), "expected {part} on paper, found\n{text}");
    }
    for part in ["All targets", "On this page", "Copy", "updated"] {
        assert!(!text.contains(part), "expected no {part} on paper, found\n{text}");
    }
}

/// The command that the page gives, as somebody pastes it, comes to the verdict that the page shows.
fn reproduces(site: &Site, command: &str) {
    let folder = Binary::find()
        .path()
        .parent()
        .expect("a folder")
        .display()
        .to_string();
    let line = format!("PATH={folder}:$PATH; {command} --format json");
    let command = site.namespace.enter(Command::new("bash").args(["-c", &line]));
    let finished = finish(&mut { command }, b"", BROWSING);
    let document: Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("expected JSON, found {error}: {finished:?}"));
    let name = "requires-client-certificate";
    let shown: Value = serde_json::from_str(&site.get(&format!("/api/v1/reports/{name}"))).expect("JSON");
    let facts = |report: &Value| {
        let checks: Vec<_> = report["checks"]
            .as_array()
            .expect("checks")
            .iter()
            // It waits for revocation lists and asks load balancers by name, which this network does not have.
            .filter(|check| check["id"] != "certificate-not-revoked" && check["id"] != "eku-removal-ready")
            .map(|check| (check["id"].clone(), check["status"].clone()))
            .collect();
        (
            report["verdict"].clone(),
            report["target"]["address"].clone(),
            report["accepted"]["cipher_suites"].clone(),
            checks,
        )
    };
    let (said, seen) = (&document["reports"][0], &shown["reports"][0]);
    assert_eq!(facts(said), facts(seen), "{line}");
    assert_eq!((finished.code, &said["verdict"]), (Some(1), &json!("fail")));
    assert!(site.root.is_file());
}
