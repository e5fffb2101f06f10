//! The Grafana boards under `deploy/monitoring`: each query is run by a real Prometheus that a real daemon has filled, and
//! gives data; each metric is one of the daemon's, and each of the daemon's is on a board; each panel holds against Grafana's
//! own types; and the files are what their generator makes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use siptls_e2e::{
    Binary, ClientAuth, DEADLINE, Identity, Kamailio, Leaf, ListRecipe, ListedPki, Namespace, OpensslServer,
    Pki, Role, Running, Signer, complete, finish, until,
};

const BOARDS: [(&str, usize, usize); 4] = [
    ("daemon.json", 28, 31),
    ("fleet.json", 19, 24),
    ("load-balancers.json", 17, 28),
    ("target.json", 32, 36),
];

/// What Prometheus says of itself and of its scrapes.
const OF_PROMETHEUS: [&str; 4] = [
    "ALERTS",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "up",
];

/// Metrics that no board shows, and why.
const NOT_SHOWN: [(&str, &str); 6] = [
    (
        "siptls_certificate_not_before_timestamp_seconds",
        "alert rules read it",
    ),
    ("siptls_inconclusive_probes", "alert rules read it"),
    ("siptls_probe_interval_seconds", "alert rules read it"),
    (
        "siptls_trust_anchor_not_after_timestamp_seconds",
        "alert rules read it",
    ),
    ("siptls_web_info", "alert texts read it"),
    ("process_virtual_memory_bytes", "nobody can act on it"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn folder() -> PathBuf {
    root().join("deploy/monitoring/dashboards")
}

fn board(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(name)).expect("read a board");
    serde_json::from_str(&text).expect("a board is JSON")
}

/// A query of a board.
#[derive(Debug)]
struct Query {
    /// File, panel and letter.
    place: String,
    expression: String,
    /// Whether Grafana asks for one moment or for a stretch of time.
    instant: bool,
    /// Whether what it gives is shown, in a panel or as an annotation.
    shown: bool,
}

/// Queries of panels, annotations and variables.
fn queries(name: &str) -> Vec<Query> {
    let board = board(name);
    let mut queries = Vec::new();
    for panel in board["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries.push(Query {
                place: format!("{name}: {} {}", panel["title"], target["refId"]),
                expression: text(&target["expr"]),
                instant: target["instant"] == true,
                shown: true,
            });
        }
    }
    for annotation in board["annotations"]["list"].as_array().expect("annotations") {
        queries.push(Query {
            place: format!("{name}: annotation {}", annotation["name"]),
            expression: text(&annotation["expr"]),
            instant: false,
            shown: true,
        });
    }
    for variable in board["templating"]["list"].as_array().expect("variables") {
        if variable["type"] == "query" {
            let query = text(&variable["query"]["query"]);
            assert_eq!(query, variable["definition"], "{name}");
            let inside = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'));
            let (selector, label) = inside
                .and_then(|inside| inside.rsplit_once(", "))
                .unwrap_or_else(|| panic!("expected label_values(SELECTOR, LABEL), found {query}"));
            queries.push(Query {
                place: format!("{name}: variable {}", variable["name"]),
                expression: format!("count by ({label}) ({selector})"),
                instant: true,
                shown: false,
            });
        }
    }
    queries
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The metrics an expression selects: names before a brace.
fn metrics_of(expression: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = BTreeSet::new();
    for (index, _) in expression.match_indices('{') {
        let name: String = expression[..index]
            .chars()
            .rev()
            .take_while(|c| is_part(*c))
            .collect();
        if !name.is_empty() {
            found.insert(name.chars().rev().collect());
        }
    }
    // Without a brace it would be selected all the same, and nobody would look at it.
    let words = expression.split(|c: char| !is_part(c));
    for word in words.filter(|word| word.starts_with("siptls_") || word.starts_with("process_")) {
        if !found.contains(word) {
            found.insert(word.to_owned());
        }
    }
    found
}

/// The families of an exposition.
fn families(exposition: &str) -> BTreeSet<String> {
    let types = exposition.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|rest| rest.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// The family of a series: that of a histogram's bucket is the histogram.
fn family(name: &str) -> &str {
    name.strip_suffix("_bucket").unwrap_or(name)
}

#[test]
fn the_boards_are_what_their_generator_makes() {
    let made = tempfile::tempdir().expect("make a folder");
    complete(
        Command::new("python3")
            .arg(root().join("deploy/monitoring/make_dashboards.py"))
            .arg(made.path()),
    );
    let names: BTreeSet<_> = fs::read_dir(folder())
        .expect("list the boards")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    assert_eq!(names, BOARDS.map(|(name, ..)| name.to_owned()).into());
    for name in names {
        let kept = fs::read_to_string(folder().join(&name)).expect("read a board");
        let new = fs::read_to_string(made.path().join(&name)).expect("read what was made");
        assert_eq!(
            kept, new,
            "expected {name} as made\nhint: run deploy/monitoring/make_dashboards.py"
        );
    }
}

/// `tests/grafana/check.mjs` on files of a folder.
fn checked(folder: &Path, files: &[&str]) -> (Option<i32>, String) {
    let tool = root().join("tests/grafana");
    assert!(
        tool.join("node_modules").is_dir(),
        "expected Grafana's types in tests/grafana/node_modules, found none\nhint: tests/run tools"
    );
    let mut command = Command::new("node");
    command
        .arg(tool.join("check.mjs"))
        .args(files)
        .current_dir(folder);
    let finished = finish(&mut command, b"", DEADLINE);
    assert_eq!(finished.stderr, "", "{finished:?}");
    (finished.code, finished.stdout)
}

#[test]
fn every_panel_holds_against_grafanas_own_types() {
    let (code, said) = checked(&folder(), &BOARDS.map(|(name, ..)| name));
    let expected: String = BOARDS
        .iter()
        .map(|(name, panels, _)| format!("{name}: {panels} panels hold\n"))
        .collect();
    assert_eq!((code, said), (Some(0), expected));
}

#[test]
fn grafanas_types_refuse_what_grafana_would_not_understand() {
    let kept = fs::read_to_string(folder().join("target.json")).expect("read a board");
    let scratch = tempfile::tempdir().expect("make a folder");
    let faults = [
        (
            "\"unit\": \"s\"",
            "\"unitt\": \"s\"",
            "additionalProperty\":\"unitt",
        ),
        (
            "\"alignValue\": \"left\"",
            "\"alignValue\": \"top\"",
            "/options/alignValue",
        ),
        (
            "\"schemaVersion\": 39",
            "\"schemaVersion\": \"39\"",
            "/schemaVersion must be number",
        ),
        (
            "\"type\": \"heatmap\"",
            "\"type\": \"heatmapp\"",
            "found heatmapp",
        ),
        (
            "\"useValueForTime\": true",
            "\"useValueForTime\": \"on\"",
            "/annotations/list/0/useValueForTime",
        ),
        ("  \"uid\": \"siptls-target\",\n", "", "missingProperty\":\"uid"),
    ];
    let names: Vec<String> = (0..faults.len()).map(|index| format!("{index}.json")).collect();
    for ((right, wrong, _), name) in faults.iter().zip(&names) {
        assert!(kept.contains(right), "{right}");
        fs::write(scratch.path().join(name), kept.replace(right, wrong)).expect("write a board");
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (code, said) = checked(scratch.path(), &names);
    assert_eq!(code, Some(1), "{said}");
    for ((_, wrong, fault), name) in faults.iter().zip(names) {
        let mut about = said.lines().filter(|line| line.starts_with(&format!("{name}: ")));
        assert!(
            about.any(|line| line.contains(fault)),
            "{wrong}: expected {fault}, found {said}"
        );
    }
}

/// What no type says: that boards and panels can be told apart, do not lie on each other, say what they are, choose their data
/// source, and lead to boards that are there.
#[test]
fn boards_are_in_order() {
    let mut identities = BTreeSet::new();
    let mut leads = BTreeSet::new();
    for (name, panels, count) in BOARDS {
        let board = board(name);
        assert_eq!(queries(name).len(), count, "{name}");
        assert_eq!(board["panels"].as_array().map(Vec::len), Some(panels), "{name}");
        assert!(identities.insert(text(&board["uid"])), "{name}");
        assert!(board["schemaVersion"].as_u64() >= Some(39));
        assert!(board["tags"].as_array().expect("tags").contains(&json!("siptls")));
        let (mut ids, mut cells) = (BTreeSet::new(), BTreeMap::new());
        for panel in board["panels"].as_array().expect("panels") {
            let title = text(&panel["title"]);
            assert!(ids.insert(panel["id"].as_u64()), "{name}: {title}");
            let at = |field: &str| panel["gridPos"][field].as_u64().expect("a number");
            assert!(at("w") >= 1 && at("x") + at("w") <= 24, "{name}: {title}");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    let under = cells.insert((x, y), title.clone());
                    assert_eq!(under, None, "{name}: {title} lies on another panel");
                }
            }
            if panel["type"] == "row" {
                continue;
            }
            assert!(text(&panel["description"]).ends_with('.'), "{name}: {title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}: {title}");
            let kind = panel["type"].as_str().expect("a kind");
            // A thousand targets must not make a thousand rows.
            let limited = panel["transformations"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["id"] == "limit"));
            assert_eq!(limited, kind == "table", "{name}: {title}");
            for link in panel["fieldConfig"]["overrides"].to_string().split("/d/").skip(1) {
                leads.insert(link.split(['/', '?']).next().unwrap_or_default().to_owned());
            }
        }
        for query in queries(name) {
            let expression = &query.expression;
            assert!(
                !expression.contains("[5m]") && !expression.contains("$__interval]"),
                "{}",
                query.place
            );
            let rated = ["rate(", "increase("].iter().any(|one| expression.contains(one));
            assert!(
                !rated || expression.contains("[$__rate_interval]") || expression.contains("[1h]"),
                "{}",
                query.place
            );
        }
    }
    assert!(
        !leads.is_empty() && leads.is_subset(&identities),
        "{leads:?} in {identities:?}"
    );
}

#[test]
fn provisioning_names_the_boards_folder_and_a_data_source() {
    let read = |path: &str| {
        fs::read_to_string(root().join("deploy/monitoring/grafana/provisioning").join(path)).expect("read")
    };
    let boards = read("dashboards/siptls.yaml");
    assert!(boards.contains("path: /var/lib/grafana/dashboards/siptls\n"));
    let sources = read("datasources/prometheus.yaml");
    assert!(sources.contains("type: prometheus\n") && sources.contains("url: ${PROMETHEUS_URL}\n"));
    let page = fs::read_to_string(root().join("docs/dashboards.md")).expect("read docs/dashboards.md");
    for named in ["/var/lib/grafana/dashboards/siptls", "PROMETHEUS_URL"]
        .into_iter()
        .chain(BOARDS.map(|(name, ..)| name))
    {
        assert!(page.contains(named), "expected {named} in docs/dashboards.md");
    }
}

const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);
const PORT: u16 = 5061;
const LISTS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DAEMON: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 10061);
const PROMETHEUS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
const BALANCER: &str = "lb01.voice.euc1.pure.cloud";
/// The targets that a board about one target is tried with.
const TARGETS: [&str; 4] = ["asking", "kamailio", "listed", "trusted-balancer"];

/// How long a query may stay without data: some scrapes and an evaluation of the rules.
const PATIENCE: Duration = Duration::from_secs(5);

fn at(last: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), PORT)
}

/// A network in which there is something of everything that a board shows.
struct World {
    namespace: Namespace,
    scratch: tempfile::TempDir,
    balancer: Option<Running>,
    lists: ListedPki,
    _running: Vec<Running>,
}

impl World {
    fn start() -> Self {
        let namespace = Namespace::new(NAME_SERVER);
        let scratch = tempfile::tempdir().expect("make a folder");
        let records = format!(
            "local=/voice.euc1.pure.cloud/\nhost-record={BALANCER},{}\nhost-record=lb02.voice.euc1.pure.cloud,{}\n",
            at(11).ip(),
            at(12).ip()
        );
        let pki = Pki::shared();
        let leaf = Leaf::named("sbc.example.test");
        let endpoint = pki.issue(scratch.path(), "endpoint", &leaf);
        let lists = ListedPki::new(LISTS);
        let folder = scratch.path().join("lists");
        fs::create_dir(&folder).expect("make a folder");
        for (signer, file) in [
            (Signer::Intermediate, "intermediate.crl"),
            (Signer::Root, "root.crl"),
        ] {
            fs::write(folder.join(file), lists.list(&ListRecipe::by(signer))).expect("write a list");
        }
        let mut web = Command::new("python3");
        web.args(["-m", "http.server", "--bind", "127.0.0.1", "8080", "--directory"]);
        let web = namespace.enter(web.arg(&folder));
        let running = vec![
            namespace.name_server(NAME_SERVER, &records),
            Running::start("lists", tempfile::tempdir().expect("make a folder"), web).listening_at(LISTS),
            Kamailio::start_in(&namespace, &endpoint, at(2)),
            openssl(&endpoint, ClientAuth::Optional).start_in(&namespace, at(3)),
            openssl(&lists.identity(), ClientAuth::None).start_in(&namespace, at(4)),
            balancer(
                &namespace,
                scratch.path(),
                "lb02.voice.euc1.pure.cloud",
                "serverAuth",
                12,
            ),
        ];
        let mut world = Self {
            balancer: Some(balancer(
                &namespace,
                scratch.path(),
                BALANCER,
                "serverAuth,clientAuth",
                11,
            )),
            namespace,
            scratch,
            lists,
            _running: running,
        };
        let daemon = world.daemon();
        let prometheus = world.prometheus();
        world._running.extend([daemon, prometheus]);
        world
    }

    fn daemon(&self) -> Running {
        let identity = Pki::shared().identity(Role::ClientBothEkus);
        let target = |name: &str, last: u8, root: &Path| {
            json!({"name": name, "endpoint": format!("sbc.example.test:{PORT}"), "connect": at(last).to_string(),
                   "trust_anchors": root, "labels": {"site": "fra"}})
        };
        let mut asking = target("asking", 3, &Pki::shared().root());
        asking["peer_region"] = json!("euc1");
        asking["client_identities"] = json!(["caller"]);
        let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        asking["maintenance"] = json!([{"days": weekdays, "start": "00:00", "duration": "1d"}]);
        // The catalog's own load balancers are judged by the platform's roots, to which no certificate of a test leads.
        let mut trusted = target("trusted-balancer", 11, &Pki::shared().root());
        trusted["endpoint"] = json!(format!("{BALANCER}:{PORT}"));
        trusted["profile"] = json!("genesys-byoc-cloud");
        trusted["labels"] = json!({"region": "euc1", "confirmed": "no"});
        let configuration = json!({
            "probe": {"interval": "1s", "timeout": "1s", "connections_per_hour": 100_000},
            "catalog": {"genesys_byoc_cloud": {"regions": ["euc1"]}},
            "client_identities": [{"name": "caller", "certificate": identity.chain, "key": identity.key}],
            "revocation": {"allow": ["127.0.0.0/8"]},
            "journal": {"path": self.scratch.path().join("journal.sqlite")},
            "targets": [target("kamailio", 2, &Pki::shared().root()), asking, target("listed", 4, &self.lists.root()), trusted],
        });
        let folder = tempfile::tempdir().expect("make a folder");
        let file = folder.path().join("siptls-probe.yaml");
        fs::write(&file, configuration.to_string()).expect("write a configuration");
        let (file, listen) = (file.display().to_string(), DAEMON.to_string());
        let arguments = ["run", "--config.file", &file, "--web.listen-address", &listen];
        let command = self.namespace.enter(&Binary::find().command(&arguments));
        Running::start("siptls-probe", folder, command).listening_at(DAEMON)
    }

    /// One that fires an alert of its own for every check that fails: the shipped rules wait for minutes first.
    fn prometheus(&self) -> Running {
        let folder = tempfile::tempdir().expect("make a folder");
        let path = folder.path().to_owned();
        let rules = "groups: [{name: boards, rules: [{alert: SipTlsCheckFailed, expr: siptls_check_passed == 0, \
                     labels: {severity: critical}}]}]\n";
        fs::write(path.join("rules.yml"), rules).expect("write rules.yml");
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
             scrape_configs: [{{job_name: siptls, static_configs: [{{targets: ['{DAEMON}']}}]}}]\n"
        );
        fs::write(path.join("prometheus.yml"), configuration).expect("write prometheus.yml");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", path.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path.join("data").display()))
            .arg(format!("--web.listen-address={PROMETHEUS}"));
        Running::start("prometheus", folder, self.namespace.enter(&command)).listening_at(PROMETHEUS)
    }

    /// The first load balancer renews, without clientAuth.
    fn renew(&mut self) {
        self.balancer = None;
        let renewed = balancer(&self.namespace, self.scratch.path(), BALANCER, "serverAuth", 11);
        self.balancer = Some(renewed);
    }

    fn metrics(&self) -> String {
        self.namespace.get(DAEMON, "/metrics")
    }

    /// What Prometheus answers: `data.result`.
    fn ask(&self, query: &Query, target: &str, now: &str) -> Result<Vec<Value>, String> {
        let expression = substituted(&query.expression, target);
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--noproxy", "*", "--get"]);
        command.args(["--data-urlencode", &format!("query={expression}")]);
        let kind = if query.instant { "query" } else { "query_range" };
        if !query.instant {
            let end: f64 = now.parse().expect("seconds");
            let range = format!("start={}&end={end}&step=1", end - 20.0);
            command.args(["--data", &range]);
        }
        command.arg(format!("http://{PROMETHEUS}/api/v1/{kind}"));
        let output = complete(&mut self.namespace.enter(&command));
        let answer: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        if answer["status"] != "success" {
            return Err(format!("{}: {expression}", answer["error"]));
        }
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// Whether there is an answer for one of the targets.
    fn answers(&self, query: &Query) -> bool {
        let now = if query.instant { String::new() } else { self.now() };
        let targets = if query.expression.contains("\"$target\"") {
            &TARGETS[..]
        } else {
            &TARGETS[..1]
        };
        targets.iter().any(|target| {
            let answer = self.ask(query, target, &now);
            !answer
                .unwrap_or_else(|error| panic!("{}: {error}", query.place))
                .is_empty()
        })
    }

    fn now(&self) -> String {
        let answer = self.namespace.get(PROMETHEUS, "/api/v1/query?query=time()");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        text(&answer["data"]["result"][1])
    }
}

fn openssl(identity: &Identity, asks: ClientAuth) -> siptls_e2e::OpensslRig {
    OpensslServer::new(identity).reversing().client_auth(asks)
}

fn balancer(namespace: &Namespace, folder: &Path, host: &str, purposes: &str, last: u8) -> Running {
    let day = SignedDuration::from_hours(24);
    let leaf = Leaf::named(host).purposes(purposes).valid(-day, day * 40);
    let identity = Pki::shared().issue(folder, &format!("{host}-{purposes}"), &leaf);
    openssl(&identity, ClientAuth::None).start_in(namespace, at(last))
}

/// As Grafana fills in its variables when everything is chosen.
fn substituted(expression: &str, target: &str) -> String {
    let filled = expression
        .replace("target=\"$target\"", &format!("target=\"{target}\""))
        .replace("$__rate_interval", "10s")
        .replace("$__interval", "1s")
        .replace("$__range", "20s");
    let filled = ["$target", "$profile", "$address", "$region", "$job", "$instance"]
        .iter()
        .fold(filled, |text, variable| text.replace(variable, ".*"));
    assert!(!filled.contains('$'), "expected no variable left, found {filled}");
    filled
}

#[test]
fn every_query_of_every_board_is_answered_by_prometheus() {
    let mut world = World::start();
    for name in [
        "siptls_last_survey_timestamp_seconds{target=\"",
        "siptls_client_identity_accepted{target=\"",
    ] {
        for target in ["asking", "kamailio", "trusted-balancer"] {
            if target == "asking" || !name.contains("identity") {
                until(&format!("{name}{target}"), DEADLINE, || {
                    world
                        .metrics()
                        .contains(&format!("{name}{target}\""))
                        .then_some(())
                });
            }
        }
    }
    world.renew();
    until("the renewal to be seen", DEADLINE, || {
        world
            .metrics()
            .lines()
            .any(|line| {
                line.starts_with("siptls_last_change_timestamp_seconds{target=\"trusted-balancer\"")
                    && line.contains("aspect=\"identity\"")
            })
            .then_some(())
    });
    let exposition = world.metrics();
    let known = families(&exposition);
    let (mut shown, mut unanswered, mut asked) = (BTreeSet::new(), Vec::new(), 0);
    for query in BOARDS.iter().flat_map(|(name, ..)| queries(name)) {
        asked += 1;
        for metric in metrics_of(&query.expression) {
            let own = known.contains(family(&metric)) || known.contains(&metric);
            assert!(
                own || OF_PROMETHEUS.contains(&metric.as_str()),
                "{}: expected a metric of the daemon's, found {metric}",
                query.place
            );
            if query.shown {
                shown.insert(family(&metric).to_owned());
            }
        }
        let started = std::time::Instant::now();
        while !world.answers(&query) {
            if started.elapsed() > PATIENCE {
                unanswered.push(format!("{}: {}", query.place, query.expression));
                break;
            }
        }
    }
    assert!(unanswered.is_empty(), "{}", unanswered.join("\n"));
    worst_is_first(&world);
    assert_eq!(asked, BOARDS.iter().map(|(.., queries)| queries).sum::<usize>());
    let expected = NOT_SHOWN.map(|(name, _)| name);
    let forgotten: Vec<_> = known
        .difference(&shown)
        .filter(|name| !expected.contains(&name.as_str()))
        .collect();
    assert!(
        forgotten.is_empty(),
        "expected every metric on a board, missing {forgotten:?}"
    );
    assert!(expected.iter().all(|name| !shown.contains(*name)), "{expected:?}");
}

/// What the fleet's table is sorted by goes by the verdict first, and by dates only within one.
fn worst_is_first(world: &World) {
    let find = |letter: &str| {
        let place = format!("fleet.json: \"Worst first\" \"{letter}\"");
        let query = queries("fleet.json")
            .into_iter()
            .find(|query| query.place == place);
        let series = world
            .ask(&query.expect("a query of the table"), "", &world.now())
            .expect("an answer");
        let rows: BTreeMap<String, f64> = series
            .iter()
            .map(|one| {
                let value = text(&one["value"][1]).parse().expect("a number");
                (
                    format!("{} {}", one["metric"]["target"], one["metric"]["address"]),
                    value,
                )
            })
            .collect();
        rows
    };
    let (verdicts, order) = (find("A"), find("H"));
    assert_eq!(
        verdicts.keys().collect::<Vec<_>>(),
        order.keys().collect::<Vec<_>>()
    );
    assert!(verdicts.values().any(|rank| *rank > 2.5) && verdicts.values().any(|rank| *rank < 0.5));
    for (row, rank) in verdicts {
        assert!(
            (order[&row] - 100_000.0 * rank).abs() <= 9_999.0,
            "{row}: {rank}, {}",
            order[&row]
        );
    }
}

#[test]
fn metrics_are_found_in_expressions() {
    let found =
        metrics_of("sum by (le) (rate(a_bucket{x=\"{\"}[1m])) / on (job) up{job=~\"b\"} + siptls_targets");
    let expected = ["a_bucket", "siptls_targets", "up"].map(str::to_owned);
    assert_eq!(found, expected.into());
    assert_eq!(family("a_bucket"), "a");
    assert_eq!(
        families("# HELP a A.\n# TYPE a gauge\na 1\n"),
        ["a".to_owned()].into()
    );
}
