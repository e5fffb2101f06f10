//! Three daemons that share a configuration, then four: real Prometheus scrapes them all, and the server's end of every
//! connection says who was visited how often.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::SignedDuration;
use siptls_e2e::{
    Binary, DEADLINE, Direction, Leaf, OpensslServer, Peer, Pki, Port, Prometheus, Proxy, Recording, Running,
    finish, http_get, until,
};

/// Watched once: the next visit is an hour away.
const ONCE: usize = 60;
/// Watched every second, and dialled by the load balancers of euc1.
const DIALLED: [&str; 3] = [
    "dialled-1.example.test",
    "dialled-2.example.test",
    "dialled-5.example.test",
];
const BALANCERS: [&str; 2] = ["lb01.voice.euc1.pure.cloud", "lb02.voice.euc1.pure.cloud"];

fn once() -> impl Iterator<Item = String> {
    (0..ONCE).map(|number| format!("sbc-{number:02}.example.test"))
}

/// All of them behind one server, told apart by the server name that the visit sends.
fn configuration(server: &Proxy) -> String {
    let mut text =
        "probe: {depth: hello, survey_interval: off, connections_per_hour: 100000}\ntargets:\n".to_owned();
    let connect = server.address();
    let mut add = |name: &str, more: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  - {{name: {name}, endpoint: \"sips:{name}:5061\", connect: \"{connect}\", {more}}}"
        );
    };
    for name in once().chain(BALANCERS.map(str::to_owned)) {
        add(&name, "interval: 1h");
    }
    for name in DIALLED {
        add(name, "interval: 1s, peer_region: euc1");
    }
    text
}

/// The shards of a fleet, each with its own folder and port.
fn daemons(configuration: &Path, ports: &[Port]) -> Vec<Running> {
    let count = ports.len();
    let started = ports.iter().enumerate().map(|(index, port)| {
        let folder = tempfile::tempdir().expect("make a folder");
        let (shard, listen) = (format!("{index}/{count}"), port.address().to_string());
        let arguments = [
            "run",
            "--config.file",
            configuration.to_str().expect("a path in UTF-8"),
            "--web.listen-address",
            &listen,
            "--shard",
            &shard,
        ];
        Binary::find().start(folder, &arguments).listening(port.number())
    });
    started.collect()
}

/// Connections by the server name that each of them sent.
fn visits(recordings: &[Recording]) -> BTreeMap<String, usize> {
    let names: Vec<String> = once()
        .chain(BALANCERS.map(str::to_owned))
        .chain(DIALLED.map(str::to_owned))
        .collect();
    let mut counts = BTreeMap::new();
    for recording in recordings {
        let hello = recording.bytes(Direction::FromClient);
        let sent = names
            .iter()
            .find(|name| hello.windows(name.len()).any(|part| part == name.as_bytes()));
        // A connection that has said nothing yet says it at the next look.
        if let Some(name) = sent {
            *counts.entry(name.clone()).or_default() += 1;
        }
    }
    counts
}

/// The daemon that has a target's series, by the target's name.
fn watchers(prometheus: &Prometheus) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for series in prometheus.query("siptls_up") {
        let label = |name: &str| series["metric"][name].as_str().expect("a label").to_owned();
        let before = found.insert(label("target"), label("instance"));
        assert_eq!(before, None, "{} has two daemons", label("target"));
    }
    found
}

#[test]
fn every_target_is_probed_by_one_daemon_and_few_move_when_there_is_one_more() {
    let folder = tempfile::tempdir().expect("make a folder");
    let day = SignedDuration::from_hours(24);
    let leaf = Leaf::named(BALANCERS[0])
        .purposes("serverAuth,clientAuth")
        .valid(-day, day * 90);
    let server = OpensslServer::new(&Pki::shared().issue(folder.path(), "server", &leaf)).start();
    let relay = Proxy::to(server.address());
    let file = folder.path().join("siptls-probe.yaml");
    fs::write(&file, configuration(&relay)).expect("write the configuration");
    let ports: Vec<Port> = (0..4).map(|_| Port::lease()).collect();
    let targets = ports.iter().map(|port| format!("'{}'", port.address()));
    let prometheus = Prometheus::configured(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs: [{{job_name: siptls, static_configs: [{{targets: [{}]}}]}}]\n",
        targets.collect::<Vec<_>>().join(", ")
    ));
    let all: BTreeSet<String> = once()
        .chain(BALANCERS.map(str::to_owned))
        .chain(DIALLED.map(str::to_owned))
        .collect();

    let three = daemons(&file, &ports[..3]);
    let before = until("every target to have a series", DEADLINE, || {
        Some(watchers(&prometheus)).filter(|found| found.len() == all.len())
    });
    assert!(before.keys().eq(&all), "{before:?}");
    prometheus.await_query("count(siptls_shard_info) == max(siptls_shards)");
    prometheus.await_query(&format!("sum(siptls_targets) == {}", all.len()));
    for name in &all {
        let owner = ports
            .iter()
            .position(|port| port.address().to_string() == before[name]);
        let says = shown(&file, &format!("{}/3", owner.expect("one of the three")));
        assert!(
            says.contains(&format!("name: {name}\n")),
            "`config show --shard` and the daemon disagree about {name}"
        );
    }

    // The end of clientAuth is known of every endpoint, by whomever it is watched: each shard read both load balancers.
    let deadlines = until("all deadlines", DEADLINE, || {
        let found = prometheus.query("siptls_eku_removal_deadline_timestamp_seconds{target=~\"dialled.*\"}");
        (found.len() == DIALLED.len()).then_some(found)
    });
    let instances: BTreeSet<&str> = deadlines
        .iter()
        .filter_map(|series| series["metric"]["instance"].as_str())
        .collect();
    assert_eq!(
        instances.len(),
        3,
        "the endpoints are to be spread over all shards"
    );
    let values: BTreeSet<&str> = deadlines
        .iter()
        .filter_map(|series| series["value"][1].as_str())
        .collect();
    assert_eq!(values.len(), 1, "{deadlines:?}");

    let counted = until("both load balancers to be read by all", DEADLINE, || {
        let counted = visits(&relay.recordings());
        BALANCERS
            .iter()
            .all(|name| counted.get(*name) == Some(&3))
            .then_some(counted)
    });
    for name in once() {
        assert_eq!(counted.get(&name), Some(&1), "{name}");
    }
    // Companions are shown by nobody.
    for (index, port) in ports[..3].iter().enumerate() {
        let metrics = http_get(port.address(), "/metrics").expect("metrics");
        let metrics = metrics.body;
        let reports = http_get(port.address(), "/api/v1/reports")
            .expect("reports")
            .json();
        for name in BALANCERS {
            let here = before[name] == port.address().to_string();
            assert_eq!(
                metrics.contains(&format!("target=\"{name}\"")),
                here,
                "{name} in the metrics of {index}/3"
            );
            assert_eq!(
                reports.to_string().contains(&format!("\"name\":\"{name}\"")),
                here
            );
            let page = http_get(port.address(), &format!("/targets/{name}")).expect("a page");
            assert_eq!(page.status, if here { 200 } else { 404 });
            let says = page.body;
            assert_eq!(
                says.contains(&format!("this is shard {index}/3")),
                !here,
                "{says}"
            );
        }
    }

    // One more.
    drop(three);
    let so_far = visits(&relay.recordings());
    let four = daemons(&file, &ports);
    prometheus.await_query("count(siptls_shard_info{shards=\"4\"}) == 4");
    let after = until("every target to have a series again", DEADLINE, || {
        Some(watchers(&prometheus)).filter(|found| found.len() == all.len())
    });
    let moved: Vec<&String> = all.iter().filter(|name| before[*name] != after[*name]).collect();
    let fourth = ports[3].address().to_string();
    assert!(
        moved.iter().all(|name| after[*name] == fourth),
        "moved between the old ones: {moved:?}"
    );
    // A quarter of 65 is 16.
    assert_eq!(moved.len(), MOVED, "{moved:?}");
    until("everybody to be visited once more", DEADLINE, || {
        let counted = visits(&relay.recordings());
        once()
            .all(|name| counted[&name] == so_far[&name] + 1)
            .then_some(())
    });
    drop(four);
}

/// How many of these names move from three shards to four: the names decide, for ever.
const MOVED: usize = 18;

/// `config show` for a shard.
fn shown(file: &Path, shard: &str) -> String {
    let file = file.to_str().expect("a path in UTF-8");
    let finished = Binary::find().run(&["config", "show", "--config.file", file, "--shard", shard]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.stdout
}

/// The pod of a StatefulSet knows its number by its name; a replica too many says so and does not run.
#[test]
fn a_shard_by_the_name_of_the_host() {
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("siptls-probe.yaml");
    let endpoints = (0..9).map(|number| format!("{{name: t{number}, endpoint: t{number}.example.test}}"));
    let endpoints: Vec<String> = endpoints.collect();
    fs::write(&file, format!("targets: [{}]\n", endpoints.join(", "))).expect("write the configuration");
    let binary = Binary::find();
    let by_host = |host: &str| {
        let script = format!(
            "hostname {host} && exec {} config show --config.file {} --shard hostname/3",
            binary.path().display(),
            file.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--uts", "sh", "-c", &script]);
        finish(&mut command, b"", DEADLINE)
    };
    for index in 0..3 {
        let found = by_host(&format!("siptls-probe-{index}"));
        assert_eq!(found.code, Some(0), "{found:?}");
        assert_eq!(found.stdout, shown(&file, &format!("{index}/3")));
    }
    for (host, message) in [
        (
            "siptls-probe-3",
            "error: --shard: expected a host name that ends in a number from 0 to 2, found `siptls-probe-3`\nhint: `hostname/N` and the replicas",
        ),
        (
            "bastion",
            "error: --shard: expected a host name that ends in `-` and a number, found `bastion`\nhint: ",
        ),
    ] {
        let found = by_host(host);
        assert_eq!(found.code, Some(2), "{found:?}");
        assert!(found.stderr.starts_with(message), "{found:?}");
    }
    let file = file.to_str().expect("a path in UTF-8");
    let checked = binary.run(&["config", "check", "--config.file", file, "--shard", "2/3"]);
    assert!(checked.stdout.contains("\nshard 2/3: "), "{checked:?}");
    let wrong = binary.run(&["run", "--config.file", file, "--shard", "3/3"]);
    assert_eq!(
        (wrong.code, wrong.stderr.as_str()),
        (
            Some(2),
            "error: --shard: expected a shard from 0 to 2 of 3, found 3\n\
             hint: shards count from 0: those of three daemons are `0/3`, `1/3` and `2/3`\n"
        )
    );
}
