//! The shipped alert rules: promtool's tests of them, and what holds for all of them as Prometheus itself reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use siptls_e2e::{Prometheus, finish};
use siptls_model::{Aspect, CheckId, ClientCertificateMode, Severity, Verdict};

/// Promtool's tests of days in steps of minutes take some seconds each, more on a busy machine.
const PATIENCE: Duration = Duration::from_secs(100);

/// The cases that every alert has, by the end of the test's name.
const CASES: [&str; 3] = ["fires", "just does not fire", "with series absent"];

/// It always fires, so there is nothing that it just does not.
const ALWAYS: &str = "SipTlsProbeHeartbeat";

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn monitoring() -> PathBuf {
    tree().join("deploy/monitoring")
}

/// The YAML files of a folder under `deploy/monitoring`, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("list a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// What promtool says against a file of tests; `None`: all as expected.
fn complaint(tests: &Path) -> Option<String> {
    let mut command = Command::new("promtool");
    command.args(["test", "rules"]).arg(tests);
    let finished = finish(&mut command, b"", PATIENCE);
    (finished.code != Some(0)).then(|| format!("{}{}", finished.stdout, finished.stderr))
}

fn succeeds(program: &str, arguments: &[&str], file: &Path) {
    let finished = finish(Command::new(program).args(arguments).arg(file), b"", PATIENCE);
    assert_eq!(
        finished.code,
        Some(0),
        "{}: {}{}",
        file.display(),
        finished.stdout,
        finished.stderr
    );
}

/// A test for each file of cases: together they take more than a minute of processor time.
macro_rules! promtool_finds {
    ($($name:ident = $file:literal,)+) => {
        $(
            #[test]
            fn $name() {
                assert_eq!(complaint(&monitoring().join("tests").join($file)), None, $file);
            }
        )+

        #[test]
        fn every_file_of_cases_is_asked() {
            let there = files(&monitoring().join("tests"));
            let names: Vec<_> = there.iter().filter_map(|file| file.file_name()?.to_str()).collect();
            assert_eq!(names, [$($file),+]);
        }
    };
}

promtool_finds! {
    promtool_finds_the_cases_of_certificates = "certificates.yaml",
    promtool_finds_the_cases_of_the_daemon = "daemon.yaml",
    promtool_finds_the_cases_of_days = "days.yaml",
    promtool_finds_the_cases_of_handshakes = "handshake.yaml",
    promtool_finds_the_cases_of_holding = "holding.yaml",
    promtool_finds_the_cases_of_trunks = "trunks.yaml",
}

/// A file of promtool's tests with one case of it: the others take their time and are not asked.
fn one_case(text: &str, name: &str) -> String {
    let mut parts = text.split("\n  - name: '");
    let head = parts.next().expect("what all cases share");
    let case = parts
        .find(|case| case.lines().next() == Some(&format!("{name}'")))
        .unwrap_or_else(|| panic!("there is no case {name}"));
    format!("{head}\n  - name: '{case}\n")
}

/// A test that cannot fail proves nothing: rules that are a little off are found out.
#[test]
fn promtool_finds_a_rule_that_is_off() {
    for (rules, right, wrong, tests, case) in [
        (
            "alerts/daemon.yaml",
            "p90_15m > 10",
            "p90_15m > 20",
            "daemon.yaml",
            "SipTlsProbeScheduleLagging fires",
        ),
        (
            "rules/siptls.yaml",
            "[10m])) >= 3",
            "[10m])) >= 9",
            "handshake.yaml",
            "SipTlsInconclusive goes on when the daemon is started anew and counts from nothing",
        ),
        (
            "rules/siptls.yaml",
            "siptls_check_failed:ratio15m >= 0.5",
            "siptls_check_failed:ratio15m >= 0.4",
            "handshake.yaml",
            "SipTlsNoSharedSuite just does not fire",
        ),
        (
            "rules/siptls.yaml",
            "siptls_maintenance[5m]",
            "siptls_maintenance[2m]",
            "holding.yaml",
            "a maintenance window ends five minutes after it ended",
        ),
        (
            "alerts/daemon.yaml",
            "absent_over_time(siptls_build_info[5m])",
            "absent(siptls_build_info)",
            "daemon.yaml",
            "SipTlsProbeDown ten minutes after the last daemon of the job is gone, not at once",
        ),
    ] {
        let folder = tempfile::tempdir().expect("make a folder");
        for kind in ["rules", "alerts"] {
            fs::create_dir(folder.path().join(kind)).expect("make a folder");
            for file in files(&monitoring().join(kind)) {
                let name = file.file_name().expect("a name");
                fs::copy(&file, folder.path().join(kind).join(name)).expect("copy a rule file");
            }
        }
        let copies = folder.path().join("tests");
        fs::create_dir(&copies).expect("make a folder");
        let copy = copies.join(tests);
        fs::write(
            &copy,
            one_case(&read(monitoring().join("tests").join(tests)), case),
        )
        .expect("write a case");
        let file = folder.path().join(rules);
        let text = read(&file);
        assert_eq!(text.matches(right).count(), 1, "expected {right} once in {rules}");
        fs::write(&file, text.replace(right, wrong)).expect("write a rule file");
        let said =
            complaint(&copy).unwrap_or_else(|| panic!("{wrong} in place of {right} was not found out"));
        assert!(said.contains("FAILED"), "{said}");
    }
}

/// The names of alerts in the rule files, in order.
fn alerts() -> Vec<String> {
    let texts = files(&monitoring().join("alerts")).into_iter().map(read);
    let names = texts.flat_map(|text| {
        let names = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("- alert: "));
        names.map(str::to_owned).collect::<Vec<_>>()
    });
    names.collect()
}

#[test]
fn every_alert_has_its_three_cases() {
    let alerts = alerts();
    assert_eq!(alerts.len(), 36);
    let unique: BTreeSet<&String> = alerts.iter().collect();
    assert_eq!(unique.len(), alerts.len(), "an alert's name comes twice");
    let texts: Vec<String> = files(&monitoring().join("tests")).into_iter().map(read).collect();
    let named: Vec<&str> = texts
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.trim_start().strip_prefix("- name: '"))
        .map(|name| name.trim_end_matches('\''))
        .collect();
    for alert in &alerts {
        for case in CASES {
            let name = format!("{alert} {case}");
            let expected = usize::from(!(alert == ALWAYS && case == CASES[1]));
            assert_eq!(
                named.iter().filter(|one| **one == name).count(),
                expected,
                "{name}"
            );
        }
    }
    // Whatever else is named after an alert is named after one that is there.
    for name in &named {
        if let Some(alert) = name.split(' ').next().filter(|word| word.starts_with("SipTls")) {
            assert!(unique.contains(&alert.to_owned()), "{name}");
        }
    }
    // Every case says what it is about, and the one that fires expects it with its text.
    for text in &texts {
        for case in text.split("\n  - name: '").skip(1) {
            let name = case.lines().next().expect("a name").trim_end_matches('\'');
            assert!(
                case.contains("alertname: ") || case.contains("promql_expr_test:"),
                "{name}"
            );
            if let Some(alert) = name.strip_suffix(" fires") {
                assert!(case.contains(&format!("alertname: {alert}\n")), "{name}");
                for part in ["summary: '", "description: '", "runbook_url: '", "page_url: '"] {
                    assert!(case.contains(part), "{name}: {part}");
                }
            }
            if let Some(alert) = name.strip_suffix(" just does not fire") {
                let asked = case
                    .matches(&format!("alertname: {alert}\n        exp_alerts: []"))
                    .count();
                assert!(asked >= 1, "{name}");
            }
        }
    }
}

#[test]
fn the_examples_are_valid() {
    for kind in ["rules", "alerts"] {
        for file in files(&monitoring().join(kind)) {
            succeeds("promtool", &["check", "rules"], &file);
        }
    }
    succeeds(
        "promtool",
        &["check", "config"],
        &monitoring().join("prometheus.yml"),
    );
    let routes = monitoring().join("alertmanager.yml");
    succeeds("amtool", &["check-config"], &routes);
    // Every alert that the routes name is there.
    let alerts = alerts();
    let text = read(routes);
    let named: BTreeSet<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.starts_with("SipTls"))
        .collect();
    assert!(named.len() >= 15, "{named:?}");
    for name in named {
        assert!(alerts.iter().any(|alert| alert == name), "{name}");
    }
    for severity in ["critical", "warning", "info", "none"] {
        assert!(
            text.contains(&format!("severity = \"{severity}\"")),
            "no route for {severity}"
        );
    }
}

/// Load balancers of Genesys page nobody, everything else that is critical does.
#[test]
fn the_routes_lead_where_they_should() {
    let routes = monitoring().join("alertmanager.yml");
    for (labels, receiver) in [
        (
            &["severity=critical", "profile=genesys-byoc-customer"][..],
            "pager",
        ),
        (&["severity=critical", "alertname=SipTlsProbeDown"], "pager"),
        (&["severity=critical", "profile=genesys-byoc-cloud"], "tickets"),
        (&["severity=warning", "profile=genesys-byoc-cloud"], "tickets"),
        (&["severity=info", "profile=genesys-byoc-cloud"], "log"),
        (&["severity=warning", "alertname=SipTlsInconclusive"], "tickets"),
        (
            &["severity=none", "alertname=SipTlsProbeHeartbeat"],
            "dead-mans-switch",
        ),
    ] {
        let mut command = Command::new("amtool");
        command.args(["config", "routes", "test"]);
        command.arg(format!("--config.file={}", routes.display()));
        command.args(labels);
        let finished = finish(&mut command, b"", PATIENCE);
        assert_eq!(
            finished.stdout.trim(),
            receiver,
            "{labels:?}: {}",
            finished.stderr
        );
    }
}

/// A metric's name and its labels, from the reference.
fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let mut known = BTreeMap::new();
    for line in read(tree().join("docs/metrics.md")).lines() {
        let Some(row) = line.strip_prefix("| `") else {
            continue;
        };
        let mut cells = row.split(" | ");
        let name = cells.next().expect("a name").trim_end_matches('`').to_owned();
        let kind = cells.next().expect("a type");
        let labels: BTreeSet<String> = (cells.next().expect("labels").split(", "))
            .map(|label| label.trim_matches('`').to_owned())
            .filter(|label| !label.is_empty())
            .collect();
        if kind == "histogram" {
            for suffix in ["_bucket", "_sum", "_count"] {
                let mut labels = labels.clone();
                labels.insert("le".to_owned());
                known.insert(format!("{name}{suffix}"), labels);
            }
        }
        known.insert(name, labels);
    }
    known
}

/// Words of an expression that are names of metrics: ours and recorded ones.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .map(|word| word.trim_matches(':'))
        .filter(|word| word.starts_with("siptls_") || word.contains(":siptls_") || word.starts_with("probe_"))
        .map(str::to_owned)
        .collect()
}

/// A matcher: label, operator, value.
type Matcher = (String, String, String);

/// The selectors of an expression, `name{…}`, with their matchers.
fn selectors(expression: &str) -> Vec<(String, Vec<Matcher>)> {
    let mut found = Vec::new();
    for (at, _) in expression.match_indices('{') {
        let before = &expression[..at];
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let name = &before[before.trim_end_matches(is_part).len()..];
        let inside = expression[at + 1..].split('}').next().expect("a selector ends");
        let mut matchers = Vec::new();
        let mut rest = inside;
        while let Some((label, after)) = rest.split_once(['=', '!']) {
            let sign = &rest[label.len()..];
            let operator = ["=~", "!~", "!=", "="]
                .into_iter()
                .find(|operator| sign.starts_with(operator))
                .unwrap_or_else(|| panic!("no operator in {after}"));
            let quoted = &sign[operator.len()..];
            let value = quoted.trim_start_matches('"').split('"').next().expect("a value");
            matchers.push((
                label.trim_matches([',', ' ']).to_owned(),
                operator.to_owned(),
                value.to_owned(),
            ));
            rest = &quoted[value.len() + 2..];
        }
        found.push((name.to_owned(), matchers));
    }
    found
}

/// Whether a matcher takes a value.
fn takes(operator: &str, pattern: &str, value: &str) -> bool {
    let is_one = pattern.split('|').any(|one| one == value);
    match operator {
        "=" => pattern == value,
        "!=" => pattern != value,
        "=~" => is_one,
        _ => !is_one,
    }
}

/// Values that a label of ours may have; `None`: any.
fn values(label: &str) -> Option<Vec<String>> {
    let codes = |codes: &[&str]| Some(codes.iter().map(|code| (*code).to_owned()).collect());
    match label {
        "check" => Some(CheckId::ALL.iter().map(|check| check.code().to_owned()).collect()),
        "verdict" => Some(Verdict::ALL.map(|verdict| verdict.code().to_owned()).to_vec()),
        "mode" => Some(
            ClientCertificateMode::ALL
                .map(|mode| mode.code().to_owned())
                .to_vec(),
        ),
        "aspect" => Some(Aspect::ALL.map(|aspect| aspect.code().to_owned()).to_vec()),
        "severity" => codes(&[Severity::Critical, Severity::Warning, Severity::Info].map(Severity::code)),
        "purpose" => codes(&["server_auth", "client_auth", "sip_domain"]),
        "confirmed" => codes(&["yes", "no"]),
        "profile" => {
            let names = files(&tree().join("config/profiles")).into_iter();
            let stems = names.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
            Some(stems.collect())
        }
        _ => None,
    }
}

/// The checks whose failure, where it is critical, an expression speaks of.
fn critical_checks(expression: &str) -> BTreeSet<&'static str> {
    let failing: Vec<_> = selectors(expression)
        .into_iter()
        .filter(|(name, _)| name == "address:siptls_check_failed:held")
        .collect();
    let taken = |check: &CheckId| {
        failing.iter().any(|(_, matchers)| {
            matchers
                .iter()
                .all(|(label, operator, pattern)| match label.as_str() {
                    "check" => takes(operator, pattern, check.code()),
                    "severity" => takes(operator, pattern, "critical"),
                    _ => true,
                })
        })
    };
    CheckId::ALL
        .iter()
        .filter(|check| taken(check))
        .map(|check| check.code())
        .collect()
}

/// All rules as Prometheus reads them, with the name of their group.
fn loaded(prometheus: &Prometheus) -> Vec<Value> {
    let document = prometheus.api("rules");
    let groups = document["groups"].as_array().expect("groups").clone();
    groups
        .into_iter()
        .flat_map(|group| group["rules"].as_array().expect("rules").clone())
        .collect()
}

#[test]
fn prometheus_reads_rules_that_name_what_is_there() {
    let folder = monitoring().canonicalize().expect("the folder of rules");
    let prometheus = Prometheus::configured(&format!(
        "rule_files: ['{0}/rules/*.yaml', '{0}/alerts/*.yaml']\n",
        folder.display()
    ));
    let rules = loaded(&prometheus);
    let text = |rule: &Value, field: &str| rule[field].as_str().unwrap_or_default().to_owned();
    let (alerting, recording): (Vec<&Value>, Vec<&Value>) =
        rules.iter().partition(|rule| rule["type"] == "alerting");
    assert_eq!((alerting.len(), recording.len()), (36, 19));

    let metrics = metrics();
    assert!(metrics.len() > 60, "{}", metrics.len());
    let recorded: BTreeSet<String> = recording.iter().map(|rule| text(rule, "name")).collect();
    for name in &recorded {
        let parts: Vec<&str> = name.split(':').collect();
        assert!(
            parts.len() == 3 && ["address", "target", "job", "instance"].contains(&parts[0]),
            "expected level:metric:operation, found {name}"
        );
    }
    let mut used = BTreeSet::new();
    for rule in &rules {
        let annotations = rule["annotations"].as_object();
        let templates = annotations
            .into_iter()
            .flatten()
            .map(|(_, value)| value.as_str().unwrap_or_default());
        let all: String = templates
            .chain([text(rule, "query").as_str()])
            .collect::<Vec<_>>()
            .join("\n");
        for name in named(&all) {
            assert!(
                metrics.contains_key(&name) || recorded.contains(&name),
                "{}: there is no metric {name}",
                text(rule, "name")
            );
            used.insert(name);
        }
        for (name, matchers) in selectors(&text(rule, "query")) {
            for (label, _, pattern) in matchers {
                if let Some(values) = values(&label) {
                    for one in pattern.split('|') {
                        assert!(values.contains(&one.to_owned()), "{name}: no {label} is {one}");
                    }
                }
                let of_metric = metrics.get(&name).is_some_and(|labels| labels.contains(&label));
                let common = [
                    "target",
                    "address",
                    "profile",
                    "confirmed",
                    "check",
                    "severity",
                    "position",
                    "job",
                ];
                assert!(
                    of_metric || common.contains(&label.as_str()),
                    "{name} has no label {label}"
                );
            }
        }
    }
    for name in &recorded {
        assert!(used.contains(name), "nothing uses {name}");
    }

    for alert in &alerting {
        let name = text(alert, "name");
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        assert!(
            ["critical", "warning", "info", "none"].contains(&severity),
            "{name}: {severity}"
        );
        assert!(name.starts_with("SipTls"), "{name}");
        for annotation in ["summary", "description", "runbook_url", "page_url"] {
            let value = alert["annotations"][annotation].as_str().unwrap_or_default();
            assert!(!value.is_empty(), "{name} has no {annotation}");
        }
        assert_eq!(
            alert["annotations"]["runbook_url"],
            format!("https://github.com/siptls-probe/siptls-probe/blob/main/docs/runbooks/{name}.md")
        );
        let hold = alert["duration"].as_f64().expect("a hold-down");
        assert!(hold >= 120.0 || name == ALWAYS, "{name}: {hold}");
        // In between, a Prometheus that is started anew counts from nothing, and Alertmanager says resolved meanwhile.
        assert!(hold <= 180.0 || hold >= 600.0, "{name}: {hold}");
        let query = text(alert, "query");
        // Of a whole job the targets in a window are left out before they are counted.
        let is_about_targets = !name.starts_with("SipTlsProbe") && name != "SipTlsFleetInconclusive";
        assert_eq!(
            query
                .trim_end()
                .ends_with("unless on (target) target:siptls_maintenance:active"),
            is_about_targets,
            "{name}: {query}"
        );
    }
    every_critical_check_has_an_alert(&alerting);
    the_table_says_what_the_rules_do(&alerting);
}

/// Each check that fails and is critical has one alert that pages, or else the catch-all; the request for a client
/// certificate alone, which breaks calls only once the caller has none, has its own stairs.
fn every_critical_check_has_an_alert(alerting: &[&Value]) {
    let mut pages: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut tickets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for alert in alerting {
        let name = alert["name"].as_str().expect("a name");
        for check in critical_checks(alert["query"].as_str().expect("a query")) {
            let by_severity = match alert["labels"]["severity"].as_str() {
                Some("critical") => &mut pages,
                _ => &mut tickets,
            };
            by_severity.entry(check).or_default().push(name);
        }
    }
    for check in CheckId::ALL {
        let code = check.code();
        let expected: &[&str] = match check {
            CheckId::ClientCertificateNotRequested => &[],
            // The first speaks of dates that come; the others share those that have passed.
            CheckId::CertificateDates => &[
                "SipTlsCertificateExpiringSoon",
                "SipTlsCertificateExpired",
                "SipTlsCertificateNotYetValid",
            ],
            CheckId::EkuRemovalReady => &["SipTlsClientAuthGone"],
            CheckId::ChainComplete => &["SipTlsChainIncomplete"],
            CheckId::ChainTrustedByPeer => &["SipTlsRootNotTrusted"],
            CheckId::ServerNameMatches => &["SipTlsNameMismatch"],
            CheckId::CertificateNotRevoked => &["SipTlsCertificateRevoked"],
            CheckId::CipherSuiteShared => &["SipTlsNoSharedSuite"],
            CheckId::EcdheSecp384r1 => &["SipTlsSecp384r1Refused"],
            _ => &["SipTlsCheckFailed"],
        };
        let found = pages.get(code).cloned().unwrap_or_default();
        assert_eq!(
            found.iter().collect::<BTreeSet<_>>(),
            expected.iter().collect::<BTreeSet<_>>(),
            "{code}"
        );
    }
    let asks = &tickets[CheckId::ClientCertificateNotRequested.code()];
    for name in [
        "SipTlsClientCertificateRequested",
        "SipTlsClientCertificateRequired",
        "SipTlsBreaksWithin30Days",
    ] {
        assert!(asks.contains(&name), "{asks:?}");
    }
}

/// `docs/alerts.md` has one row for each alert, with its severity and its hold-down.
fn the_table_says_what_the_rules_do(alerting: &[&Value]) {
    let page = read(tree().join("docs/alerts.md"));
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| [`SipTls"))
        .map(|row| row.split(" | ").collect())
        .collect();
    assert_eq!(rows.len(), alerting.len(), "rows and alerts");
    for alert in alerting {
        let name = alert["name"].as_str().expect("a name");
        let link = format!("{}`](runbooks/{name}.md)", &name["SipTls".len()..]);
        let row = rows
            .iter()
            .find(|row| row[0] == link)
            .unwrap_or_else(|| panic!("no row for {name}"));
        assert_eq!(Some(row[1]), alert["labels"]["severity"].as_str(), "{name}");
        let minutes = alert["duration"].as_f64().expect("a hold-down") / 60.0;
        let hold = match minutes {
            m if m < 1.0 => "none".to_owned(),
            m => format!("{m} min"),
        };
        assert_eq!(row[3], hold, "{name}");
    }
}
