//! What is deployed elsewhere: the image, built for real and run as its file says; the chart, rendered by Helm and held
//! against the schemas of Kubernetes and of the Prometheus operator; the composition.
//!
//! Longer than other files: all of it reads YAML by the same few helpers, which nothing else needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use siptls_e2e::{Binary, DEADLINE, Finished, Pki, Port, Role, complete, finish, until};

/// What an image or a rendering takes at most on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace")
}

/// A program that `tests/kubernetes/install` gets.
fn tool(name: &str) -> Command {
    let path = workspace().join("tests/kubernetes/tools").join(name);
    assert!(
        path.exists(),
        "expected {}, found nothing\nhint: tests/run tools",
        path.display()
    );
    Command::new(path)
}

/// YAML documents as JSON.
fn documents(yaml: &str) -> Vec<Value> {
    let mut python = tool("venv/bin/python");
    let script = "import json, sys, yaml; print(json.dumps([d for d in yaml.safe_load_all(sys.stdin) if d]))";
    let read = finish(python.args(["-c", script]), yaml.as_bytes(), PATIENCE);
    assert_eq!(read.code, Some(0), "{read:?}");
    serde_json::from_str(&read.stdout).expect("JSON")
}

fn render(values: &[&str]) -> Finished {
    let mut helm = tool("helm");
    helm.args(["template", "siptls-probe"])
        .arg(workspace().join("deploy/helm/siptls-probe"));
    helm.args(["--namespace", "siptls-probe"]);
    for value in values {
        helm.args(["--set", value]);
    }
    finish(&mut helm, b"", PATIENCE)
}

fn rendered(values: &[&str]) -> Vec<Value> {
    let rendered = render(values);
    assert_eq!(rendered.code, Some(0), "{values:?}: {rendered:?}");
    documents(&rendered.stdout)
}

/// Every resource against the schema of its kind, unknown fields refused where the schema knows them all.
fn validate(resources: &[Value]) {
    let folder = tempfile::tempdir().expect("make a folder");
    let (operator, kubernetes): (Vec<_>, Vec<_>) = resources.iter().partition(|resource| {
        resource["apiVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with("monitoring.coreos.com/"))
    });
    for (index, resource) in kubernetes.iter().enumerate() {
        let file = folder.path().join(format!("{index}.yaml"));
        fs::write(&file, resource.to_string()).expect("write a manifest");
        let checked = finish(
            tool("venv/bin/kubernetes-validate").args(["--strict"]).arg(&file),
            b"",
            PATIENCE,
        );
        assert!(
            checked.code == Some(0) && checked.stderr.contains("passed") || checked.stdout.contains("passed"),
            "{checked:?}\n{resource}"
        );
    }
    let script = workspace().join("tests/kubernetes/operator.mjs");
    let checked = finish(
        Command::new("node").arg(script),
        json!(operator).to_string().as_bytes(),
        PATIENCE,
    );
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(
        checked
            .stdout
            .lines()
            .filter(|line| line.ends_with(": ok"))
            .count(),
        operator.len(),
        "{checked:?}"
    );
}

fn kinds(resources: &[Value]) -> BTreeSet<&str> {
    resources
        .iter()
        .filter_map(|resource| resource["kind"].as_str())
        .collect()
}

fn of<'a>(resources: &'a [Value], kind: &str) -> &'a Value {
    let mut found = resources.iter().filter(|resource| resource["kind"] == kind);
    let one = found.next().unwrap_or_else(|| panic!("expected a {kind}"));
    assert!(found.next().is_none(), "expected one {kind}");
    one
}

/// The arguments of the container.
fn arguments(resources: &[Value]) -> Vec<String> {
    let container = &of(resources, "StatefulSet")["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].as_array().expect("arguments").iter();
    arguments
        .map(|argument| argument.as_str().expect("a text").to_owned())
        .collect()
}

/// The groups of all rules, by name.
fn rules(resources: &[Value]) -> BTreeMap<String, Value> {
    let rules = resources
        .iter()
        .filter(|resource| resource["kind"] == "PrometheusRule");
    let groups = rules.flat_map(|rule| rule["spec"]["groups"].as_array().expect("groups").clone());
    let named: BTreeMap<String, Value> = groups
        .map(|group| (group["name"].as_str().expect("a name").to_owned(), group))
        .collect();
    assert!(named.len() > 3, "{named:?}");
    named
}

/// The resources of a plain manifest.
fn kept(name: &str) -> Vec<Value> {
    let file = workspace().join("deploy/kubernetes").join(name);
    documents(&fs::read_to_string(file).expect("read the manifest"))
}

/// What `kubectl apply -k` would apply.
fn kustomized() -> Vec<Value> {
    let built = complete(
        tool("kubectl")
            .arg("kustomize")
            .arg(workspace().join("deploy/kubernetes")),
    );
    documents(&String::from_utf8_lossy(&built.stdout))
}

#[test]
fn shards_are_replicas_in_every_rendering() {
    for shards in [1, 2, 3, 40] {
        let resources = rendered(&[&format!("shards={shards}")]);
        assert_eq!(of(&resources, "StatefulSet")["spec"]["replicas"], shards);
        let arguments = arguments(&resources);
        let found: Vec<_> = arguments
            .iter()
            .filter(|argument| argument.starts_with("--shard"))
            .collect();
        if shards == 1 {
            assert!(found.is_empty(), "{arguments:?}");
        } else {
            assert_eq!(found, [&format!("--shard=hostname/{shards}")]);
            // The program agrees: every pod's name is a shard, the next one's is none.
            let command = |pod: u32| {
                let script = format!(
                    "hostname siptls-probe-{pod} && exec {} config check --config.file /dev/null {}",
                    Binary::find().path().display(),
                    found[0]
                );
                let mut command = Command::new("unshare");
                command.args(["--user", "--map-root-user", "--uts", "sh", "-c", &script]);
                finish(&mut command, b"", PATIENCE).stderr
            };
            assert!(
                command(shards - 1).contains("found an empty file"),
                "{}",
                command(shards - 1)
            );
            assert!(
                command(shards).contains("--shard: expected a host name"),
                "{}",
                command(shards)
            );
        }
    }
}

#[test]
fn the_chart_renders_what_kubernetes_and_the_operator_accept() {
    let plain = rendered(&[]);
    assert_eq!(
        kinds(&plain),
        BTreeSet::from([
            "ConfigMap",
            "NetworkPolicy",
            "PodDisruptionBudget",
            "Service",
            "ServiceAccount",
            "StatefulSet"
        ])
    );
    validate(&plain);
    let full = rendered(&[
        "shards=1",
        "serviceMonitor.enabled=true",
        "serviceMonitor.labels.release=prometheus",
        "prometheusRule.enabled=true",
        "dashboards.enabled=true",
        "probe.enabled=true",
        "probe.targets={acme-sbc-1}",
        "web.existingSecret=web",
        "web.tls=true",
        "clientIdentities.existingSecret=keys",
        "config.targets[0].name=acme-sbc-1",
        "config.targets[0].endpoint=sips:sbc1.acme.example",
        "nodeSelector.disk=ssd",
        "priorityClassName=high",
        "extraArgs={--log.format=json}",
    ]);
    validate(&full);
    for kind in ["ServiceMonitor", "Probe"] {
        assert!(kinds(&full).contains(kind), "{kind}");
    }
    assert_eq!(
        rules(&full),
        rules(&kept("prometheusrule.yaml")),
        "the chart and the plain manifest have the same rules"
    );
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("rules.yaml");
    fs::write(
        &file,
        json!({"groups": rules(&full).values().collect::<Vec<_>>()}).to_string(),
    )
    .expect("write the rules");
    let checked = complete(Command::new("promtool").args(["check", "rules"]).arg(&file));
    assert!(
        String::from_utf8_lossy(&checked.stdout).contains("SUCCESS"),
        "{checked:?}"
    );
    let boards: Vec<&Value> = full
        .iter()
        .filter(|one| one["metadata"]["labels"]["grafana_dashboard"] == "1")
        .collect();
    assert!(boards.len() >= 4, "{}", boards.len());
    for board in boards {
        let files = board["data"].as_object().expect("files");
        for (name, text) in files {
            let path = workspace().join("deploy/monitoring/dashboards").join(name);
            let kept: Value =
                serde_json::from_str(&fs::read_to_string(path).expect("a board")).expect("JSON");
            let packed: Value = serde_json::from_str(text.as_str().expect("a text")).expect("JSON");
            assert_eq!(packed, kept, "{name}");
        }
    }
    let arguments = arguments(&full);
    for argument in [
        "--web.config.file=/run/siptls-probe/web/web.yaml",
        "--log.format=json",
    ] {
        assert!(arguments.iter().any(|found| found == argument), "{arguments:?}");
    }
    let pod = &of(&full, "StatefulSet")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["livenessProbe"]["httpGet"]["scheme"], "HTTPS");
    // What the level `restricted` of Pod Security asks for, and a little more.
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(
        container["securityContext"],
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
    );
    // No volume lies within another: a read-only one takes no further mount point.
    let mounts = container["volumeMounts"].as_array().expect("mounts").iter();
    let mut places: Vec<String> = mounts
        .map(|mount| format!("{}/", mount["mountPath"].as_str().expect("a path")))
        .collect();
    places.sort();
    assert_eq!(places.len(), 5, "{places:?}");
    assert!(
        places.windows(2).all(|pair| !pair[1].starts_with(&pair[0])),
        "{places:?}"
    );
    // A group may read such a key, and nobody else: what the program demands.
    let keys = pod["volumes"]
        .as_array()
        .expect("volumes")
        .iter()
        .find(|volume| volume["name"] == "keys");
    assert_eq!(keys.expect("the keys")["secret"]["defaultMode"], 0o440);
}

#[test]
fn the_program_accepts_the_configuration_that_the_chart_writes() {
    let manifests =
        fs::read_to_string(workspace().join("deploy/kubernetes/siptls-probe.yaml")).expect("manifests");
    let resources = documents(&manifests);
    validate(&resources);
    let text = of(&resources, "ConfigMap")["data"]["siptls-probe.yaml"]
        .as_str()
        .expect("a configuration");
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("siptls-probe.yaml");
    assert!(text.contains("/var/lib/siptls-probe/journal.sqlite"), "{text}");
    let here = text.replace("/var/lib/siptls-probe", folder.path().to_str().expect("UTF-8"));
    fs::write(&file, here).expect("write the configuration");
    let file = file.to_str().expect("UTF-8");
    let checked = Binary::find().run(&["config", "check", "--config.file", file, "--shard", "0/3"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("no faults: 5 targets"), "{checked:?}");
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for (values, part) in [
        (&["shards=0"][..], "minimum"),
        (&["shards=three"], "shards"),
        (&["shard=3"], "additional properties 'shard' not allowed"),
        (&["extraArgs={--shard=0/7}"], "extraArgs"),
        (&["image.pullPolicy=Sometimes"], "pullPolicy"),
        (&["networkPolicy.targetPorts={70000}"], "targetPorts"),
        (&["extraArgs={--config.file=/x}"], "extraArgs"),
        (&["extraArgs={--web.config.file=/x}"], "extraArgs"),
        (&["extraArgs={--web.listen-address=:1}"], "extraArgs"),
        (&["extraFiles.siptls-probe\\.yaml=x"], "written from config"),
        (&["existingConfigMap=own", "extraFiles.a=x"], "cannot go together"),
        (
            &["serviceMonitor.enabled=true", "serviceMonitor.interval=5s"],
            "expected no more than the interval 5s, found 10s",
        ),
        (
            &["probe.enabled=true", "probe.targets={a}", "probe.interval=15s"],
            "expected no more than the interval 15s, found 30s",
        ),
        (
            &["shards=2", "probe.enabled=true", "probe.targets={a}"],
            "probe.enabled needs shards: 1",
        ),
    ] {
        let refused = render(values);
        assert_eq!(refused.code, Some(1), "{values:?}: {refused:?}");
        assert!(refused.stderr.contains(part), "{values:?}: {refused:?}");
    }
    let linted = complete(
        tool("helm")
            .args(["lint", "--strict"])
            .arg(workspace().join("deploy/helm/siptls-probe")),
    );
    assert!(String::from_utf8_lossy(&linted.stdout).contains("0 chart(s) failed"));
}

/// The configuration that the chart writes.
fn configuration(resources: &[Value]) -> Value {
    let text = of(resources, "ConfigMap")["data"]["siptls-probe.yaml"].as_str();
    documents(text.expect("a configuration")).remove(0)
}

#[test]
fn the_charts_journal_is_merged_with_the_operators_and_fits_its_volume() {
    for (values, expected) in [
        (&["journal.size=1Gi"][..], json!({"max_size": "819MiB"})),
        (&["journal.size=100Mi"], json!({"max_size": "80MiB"})),
        (&["journal.size=9Ti"], json!({"max_size": "1048576MiB"})),
        (
            &["config.journal.retention=30d", "config.journal.max_size=10MiB"],
            json!({"max_size": "10MiB", "retention": "30d"}),
        ),
    ] {
        let mut expected = expected;
        expected["path"] = json!("/var/lib/siptls-probe/journal.sqlite");
        assert_eq!(
            configuration(&rendered(values))["journal"],
            expected,
            "{values:?}"
        );
    }
    let none = configuration(&rendered(&["journal.enabled=false"]));
    assert!(none["journal"].is_null(), "{none}");
}

#[test]
fn the_program_takes_what_helm_makes_of_off() {
    let folder = tempfile::tempdir().expect("make a folder");
    let values = folder.path().join("values.yaml");
    let text = "journal: {enabled: false}\nconfig: {probe: {survey_interval: off}, targets: [{name: a, endpoint: a.example}]}\n";
    fs::write(&values, text).expect("write values");
    let mut helm = tool("helm");
    helm.args(["template", "siptls-probe", "--values"]).arg(&values);
    let made = complete(helm.arg(workspace().join("deploy/helm/siptls-probe")));
    let made = documents(&String::from_utf8_lossy(&made.stdout));
    assert_eq!(configuration(&made)["probe"]["survey_interval"], false);
    let file = folder.path().join("siptls-probe.yaml");
    fs::write(
        &file,
        of(&made, "ConfigMap")["data"]["siptls-probe.yaml"]
            .as_str()
            .expect("a text"),
    )
    .expect("write the configuration");
    let file = file.to_str().expect("UTF-8");
    let shown = Binary::find().run(&["config", "show", "--config.file", file]);
    assert!(shown.stdout.contains("survey_interval: off"), "{shown:?}");
}

#[test]
fn nobody_comes_in_and_more_goes_out_where_the_values_say_so() {
    let resources = rendered(&[
        "networkPolicy.ingressFrom=null",
        "networkPolicy.dnsPorts={53,5353}",
        "networkPolicy.extraEgress[0].ports[0].port=8080",
    ]);
    validate(&resources);
    let policy = &of(&resources, "NetworkPolicy")["spec"];
    assert_eq!(policy["ingress"], json!([]));
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
    let ports: Vec<&Value> = policy["egress"]
        .as_array()
        .expect("rules")
        .iter()
        .flat_map(|rule| rule["ports"].as_array().expect("ports"))
        .map(|port| &port["port"])
        .collect();
    assert_eq!(ports, [5061, 53, 53, 5353, 5353, 80, 8080]);
}

#[test]
fn operators_add_files_volumes_addresses_and_credentials_to_the_chart() {
    let resources = rendered(&[
        "extraFiles.roots\\.pem=one",
        "extraVolumes[0].name=tables",
        "extraVolumes[0].configMap.name=tables",
        "extraVolumeMounts[0].name=tables",
        "extraVolumeMounts[0].mountPath=/etc/tables",
        "externalUrl=https://siptls.example.com/$(POD_NAME)",
        "podSecurityContext.runAsUser=null",
        "podLabels.team=voice",
        "podLabels.app\\.kubernetes\\.io/name=other",
        "livenessProbe.httpGet.scheme=HTTPS",
        "serviceMonitor.enabled=true",
        "serviceMonitor.endpoint.scheme=https",
        "probe.enabled=true",
        "probe.targets={acme-sbc-1}",
        "probe.extra.tlsConfig.insecureSkipVerify=true",
        "probe.extra.interval=2m",
    ]);
    validate(&resources);
    assert_eq!(of(&resources, "ConfigMap")["data"]["roots.pem"], "one\n");
    let set = &of(&resources, "StatefulSet")["spec"];
    let pod = &set["template"]["spec"];
    let container = &pod["containers"][0];
    let named = |list: &Value| {
        let list = list.as_array().expect("a list").iter();
        list.filter(|one| one["name"] == "tables").count()
    };
    assert_eq!(
        (named(&pod["volumes"]), named(&container["volumeMounts"])),
        (1, 1)
    );
    let url = "--web.external-url=https://siptls.example.com/$(POD_NAME)";
    assert!(arguments(&resources).iter().any(|argument| argument == url));
    assert_eq!(
        container["env"][0]["valueFrom"]["fieldRef"]["fieldPath"],
        "metadata.name"
    );
    assert!(pod["securityContext"]["runAsUser"].is_null());
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let labels = &set["template"]["metadata"]["labels"];
    assert_eq!(labels["team"], "voice");
    let selector = set["selector"]["matchLabels"].as_object().expect("a selector");
    assert!(
        selector.iter().all(|(name, value)| labels[name] == *value),
        "{labels}"
    );
    assert_eq!(container["livenessProbe"]["httpGet"]["scheme"], "HTTPS");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/-/healthy");
    let monitor = &of(&resources, "ServiceMonitor")["spec"];
    assert_eq!(monitor["endpoints"][0]["scheme"], "https");
    let probe = &of(&resources, "Probe")["spec"];
    assert_eq!(probe["tlsConfig"]["insecureSkipVerify"], true);
    assert_eq!(
        (&probe["interval"], &probe["scrapeTimeout"]),
        (&json!("2m"), &json!("30s"))
    );
    // Scraped under the name of the Service otherwise: two jobs are not to be one.
    assert_ne!(probe["jobName"], of(&resources, "Service")["metadata"]["name"]);

    let own = rendered(&["existingConfigMap=own"]);
    assert!(!kinds(&own).contains("ConfigMap"));
    let volumes = &of(&own, "StatefulSet")["spec"]["template"]["spec"]["volumes"];
    assert_eq!(volumes[0]["configMap"]["name"], "own");
}

#[test]
fn a_release_has_names_that_kubernetes_takes_and_notes_that_are_true() {
    for release in ["a.b", "9", "siptls-probe"] {
        let mut helm = tool("helm");
        helm.args(["template", release])
            .arg(workspace().join("deploy/helm/siptls-probe"));
        let made = complete(&mut helm);
        let made = documents(&String::from_utf8_lossy(&made.stdout));
        validate(&made);
        let name = of(&made, "Service")["metadata"]["name"].as_str().expect("a name");
        // A label of DNS that begins with a letter (RFC 1035), as a Service is named.
        assert!(
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{name}"
        );
        assert_eq!(of(&made, "StatefulSet")["spec"]["serviceName"], *name);
    }
    let notes = |values: &[&str]| {
        let mut helm = tool("helm");
        helm.args(["install", "a.b", "--dry-run=client"])
            .arg(workspace().join("deploy/helm/siptls-probe"));
        let said = complete(helm.args(values.iter().flat_map(|value| ["--set", value])));
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        said.split_once("NOTES:").expect("notes").1.to_owned()
    };
    let plain = notes(&[]);
    assert!(
        plain.contains("http://127.0.0.1:10061/") && plain.contains("Nothing is watched"),
        "{plain}"
    );
    let full = notes(&[
        "web.existingSecret=web",
        "web.tls=true",
        "config.catalog.genesys_byoc_cloud.regions={euc1}",
    ]);
    assert!(
        full.contains("https://127.0.0.1:10061/") && !full.contains("Nothing is watched"),
        "{full}"
    );
}

#[test]
fn what_is_made_of_the_chart_is_current_and_kustomize_takes_it() {
    for (name, option) in [
        ("siptls-probe.yaml", None),
        ("servicemonitor.yaml", Some("servicemonitor")),
    ] {
        let script = workspace().join("deploy/kubernetes/siptls-probe.sh");
        let made = complete(Command::new(script).args(option));
        let kept = fs::read(workspace().join("deploy/kubernetes").join(name)).expect("read the manifests");
        assert!(
            made.stdout == kept,
            "deploy/kubernetes/{name} is not current\nhint: tests/generated --update"
        );
    }
    let resources = kustomized();
    assert!(kinds(&resources).contains("Namespace") && kinds(&resources).contains("StatefulSet"));
    validate(&resources);
    // A cluster without the operator knows none of its kinds and would refuse them.
    let foreign = resources
        .iter()
        .filter(|one| one["apiVersion"].to_string().contains("monitoring.coreos.com"));
    assert_eq!(foreign.count(), 0);
    let monitor = kept("servicemonitor.yaml");
    assert_eq!(kinds(&monitor), BTreeSet::from(["ServiceMonitor"]));
    let service = &of(&resources, "Service")["metadata"]["labels"];
    let wanted = of(&monitor, "ServiceMonitor")["spec"]["selector"]["matchLabels"].as_object();
    for (name, value) in wanted.expect("a selector") {
        assert_eq!(service[name], *value, "{name}");
    }
}

#[test]
fn healthy_asks_a_web_port_with_tls_too() {
    let folder = tempfile::tempdir().expect("make a folder");
    let identity = Pki::shared().identity(Role::Good);
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("write a file");
    write("siptls-probe.yaml", "targets: []\n");
    write(
        "web.yaml",
        &format!(
            "tls_server_config: {{cert_file: '{}', key_file: '{}'}}\n",
            identity.chain.display(),
            identity.key.display()
        ),
    );
    let port = Port::lease();
    let listen = port.address().to_string();
    let arguments = [
        "run",
        "--config.file",
        "siptls-probe.yaml",
        "--web.config.file",
        "web.yaml",
    ];
    let daemon = Binary::find().start(
        folder,
        &[&arguments[..], &["--web.listen-address", &listen]].concat(),
    );
    let _daemon = daemon.listening(port.number());
    until("the daemon to be ready", DEADLINE, || {
        let asked = Binary::find().run(&["healthy", &format!("https://{listen}/-/ready")]);
        (asked.code == Some(0)).then_some(())
    });
    let plain = Binary::find().run(&["healthy", &format!("http://{listen}/-/ready")]);
    assert_eq!(plain.code, Some(1), "{plain:?}");
    let elsewhere = Binary::find().run(&["healthy", &format!("https://{listen}/nothing")]);
    assert!(
        elsewhere.code == Some(1) && elsewhere.stderr.contains("404"),
        "{elsewhere:?}"
    );
}

#[test]
fn the_composition_is_locked_down_and_its_files_are_there() {
    let file = workspace().join("deploy/container/compose.yaml");
    let mut command = Command::new("docker-compose");
    command
        .arg("-f")
        .arg(&file)
        .arg("config")
        .env("GRAFANA_PASSWORD", "x");
    let shown = finish(&mut command, b"", PATIENCE);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let composition = documents(&shown.stdout).remove(0);
    let services = composition["services"].as_object().expect("services");
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(names, ["alertmanager", "grafana", "prometheus", "siptls-probe"]);
    for (name, service) in services {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(
            service["security_opt"],
            json!(["no-new-privileges:true"]),
            "{name}"
        );
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
        for volume in service["volumes"].as_array().expect("volumes") {
            // As this version of the tool writes it, `/path/here:/path/there:ro`; a name is a volume.
            let source = volume
                .as_str()
                .and_then(|text| text.split(':').next())
                .expect("a source");
            assert!(
                !source.starts_with('/') || Path::new(source).exists(),
                "{name}: {source}"
            );
        }
        let image = service["image"].as_str().expect("an image");
        let tag = image.rsplit_once(':').expect("a tag").1;
        assert!(
            tag.chars().any(|c| c.is_ascii_digit()) && tag.contains('.'),
            "{image} is not pinned"
        );
    }
    // A file that is mounted alone stays the one that an editor replaced.
    for volume in services["siptls-probe"]["volumes"].as_array().expect("volumes") {
        let source = volume
            .as_str()
            .and_then(|text| text.split(':').next())
            .expect("a source");
        assert!(!Path::new(source).is_file(), "{source}");
    }
    let published = services["siptls-probe"]["ports"].as_array().expect("ports");
    assert!(
        published
            .iter()
            .all(|port| port.to_string().contains("127.0.0.1")),
        "{published:?}"
    );
    // It fails without a password: there is no shipped one.
    let mut command = Command::new("docker-compose");
    command
        .arg("-f")
        .arg(&file)
        .arg("config")
        .env_remove("GRAFANA_PASSWORD");
    assert_ne!(finish(&mut command, b"", PATIENCE).code, Some(0));
    let shipped = workspace().join("deploy/container/siptls-probe.yaml");
    let folder = tempfile::tempdir().expect("make a folder");
    let text = fs::read_to_string(shipped).expect("the configuration");
    let file = folder.path().join("siptls-probe.yaml");
    fs::write(
        &file,
        text.replace("/var/lib/siptls-probe", folder.path().to_str().expect("UTF-8")),
    )
    .expect("write it");
    let checked = Binary::find().run(&["config", "check", "--config.file", file.to_str().expect("UTF-8")]);
    assert!(checked.stdout.contains("no faults: 4 targets"), "{checked:?}");
}

/// Runs the image as its user with nothing but its own files, none of which it may change, and asks it by its own
/// health check.
const RUN: &str = r#"
set -eu
root=$1
ip link set lo up
mount --bind "$root" "$root"
for folder in lib cache; do mount -t tmpfs -o mode=700,uid=65532,gid=65532 tmpfs "$root/var/$folder/siptls-probe"; done
mount --bind "$2" "$root/etc/siptls-probe"
mount -o remount,bind,ro "$root/etc/siptls-probe"
mount -o remount,bind,ro "$root"
inside() { chroot --userspec=65532:65532 "$root" "$@"; }
CACHE_DIRECTORY=/var/cache/siptls-probe SQLITE_TMPDIR=/var/lib/siptls-probe \
    chroot --userspec=65532:65532 "$root" /usr/bin/siptls-probe run --config.file=/etc/siptls-probe/siptls-probe.yaml --web.listen-address=:10061 &
daemon=$!
for _ in $(seq 200); do ! inside /usr/bin/siptls-probe healthy 2>/dev/null || break; sleep 0.05; done
inside /usr/bin/siptls-probe healthy && echo healthy
grep -E '^(Uid|CapEff):' /proc/$daemon/status
ls "$root/var/lib/siptls-probe"
curl -s "http://[::1]:10061/metrics" | grep -c '^siptls_build_info'
kill -TERM $daemon
wait $daemon && echo stopped
"#;

/// Files that the sources of the crates build into the program, from the root of the tree.
fn built_in() -> BTreeSet<PathBuf> {
    let tree = workspace();
    let script = r#"find crates -path '*/src/*' -name '*.rs' -not -path '*/fuzz/*' -print"#;
    let sources = complete(Command::new("sh").args(["-c", script]).current_dir(&tree));
    let mut found = BTreeSet::new();
    for source in String::from_utf8_lossy(&sources.stdout).lines() {
        let text = fs::read_to_string(tree.join(source)).expect("read a source");
        for start in ["include_str!(\"", "include_bytes!(\""] {
            for name in text
                .split(start)
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
            {
                let beside = tree.join(source).with_file_name(name);
                let file = beside.canonicalize().expect("a file that is built in");
                found.insert(file.strip_prefix(&tree).expect("in the tree").to_owned());
            }
        }
    }
    found
}

#[test]
fn the_image_is_built_from_scratch_and_runs_without_a_right() {
    let folder = tempfile::tempdir().expect("make a folder");
    let program = Binary::find().path().with_file_name("siptls-probe-static");
    assert!(
        program.exists(),
        "expected {}, found nothing\nhint: tests/run build",
        program.display()
    );
    // The first stage compiles; here it was done already, and its result takes its place.
    let stripped = folder.path().join("siptls-probe");
    complete(Command::new("strip").arg("-o").arg(&stripped).arg(&program));
    let linked = complete(Command::new("file").arg(&stripped));
    assert!(
        String::from_utf8_lossy(&linked.stdout).contains("static"),
        "{linked:?}"
    );
    let built = folder.path().join("built");
    complete(
        Command::new(workspace().join("deploy/container/layout"))
            .arg(&stripped)
            .arg(built.join("out")),
    );
    let buildah = |arguments: &[&str]| {
        let mut command = Command::new("buildah");
        command
            .args(["--storage-driver", "vfs", "--root"])
            .arg(folder.path().join("store"));
        command
            .arg("--runroot")
            .arg(folder.path().join("run"))
            .args(arguments);
        let finished = finish(&mut command, b"", PATIENCE);
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        finished.stdout.trim().to_owned()
    };
    let tree = workspace();
    let (tree, context) = (
        tree.to_str().expect("UTF-8"),
        format!("build={}", built.display()),
    );
    let file = format!("{tree}/deploy/container/Containerfile");
    let build = [
        "build",
        "--format",
        "docker",
        "--isolation",
        "chroot",
        "--build-context",
        &context,
    ];
    buildah(&[&build[..], &["-f", &file, "-t", "siptls-probe", tree]].concat());
    let image: Value =
        serde_json::from_str(&buildah(&["inspect", "--type", "image", "siptls-probe"])).expect("JSON");
    let config = &image["Docker"]["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/usr/bin/siptls-probe"]));
    assert_eq!(
        config["Healthcheck"]["Test"],
        json!(["CMD", "/usr/bin/siptls-probe", "healthy"])
    );
    assert!(config["ExposedPorts"]["10061/tcp"].is_object(), "{config}");

    // What the first stage would see: everything that cargo asks for, and nothing private.
    let seen = folder.path().join("Seen");
    fs::write(&seen, "FROM scratch\nCOPY . /\n").expect("write a recipe");
    let seen = seen.display().to_string();
    buildah(&["build", "--isolation", "chroot", "-f", &seen, "-t", "seen", tree]);
    let container = buildah(&["from", "seen"]);
    let sources = PathBuf::from(buildah(&["mount", &container]));
    let metadata = [
        "metadata",
        "--locked",
        "--offline",
        "--no-deps",
        "--format-version",
        "1",
    ];
    complete(Command::new("cargo").args(metadata).current_dir(&sources));
    for path in [
        "config/profiles",
        "crates/cli/src/main.rs",
        "deploy/container/layout",
    ] {
        assert!(sources.join(path).exists(), "{path}");
    }
    let built_in = built_in();
    assert!(built_in.len() > 10, "{built_in:?}");
    for path in &built_in {
        assert!(sources.join(path).exists(), "{} is built in", path.display());
    }
    for path in [".git", "target", "tests/kubernetes", "crates/wire/fuzz"] {
        assert!(!sources.join(path).exists(), "{path}");
    }

    let container = buildah(&["from", "siptls-probe"]);
    let root = PathBuf::from(buildah(&["mount", &container]));
    let files = complete(
        Command::new("find")
            .arg(&root)
            .args(["-type", "f", "-printf", "%P %m %U\n"]),
    );
    assert_eq!(
        String::from_utf8_lossy(&files.stdout),
        "usr/bin/siptls-probe 755 0\n",
        "one file, and it is root's"
    );
    for path in ["var/lib/siptls-probe", "var/cache/siptls-probe"] {
        let owner = complete(Command::new("stat").args(["-c", "%u"]).arg(root.join(path)));
        assert_eq!(String::from_utf8_lossy(&owner.stdout).trim(), "65532", "{path}");
    }
    let settings = folder.path().join("settings");
    fs::create_dir(&settings).expect("make a folder");
    fs::copy(
        workspace().join("deploy/container/siptls-probe.yaml"),
        settings.join("siptls-probe.yaml"),
    )
    .expect("copy the configuration");
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--mount-proc",
        "bash",
        "-c",
        RUN,
        "run",
    ]);
    let ran = finish(command.arg(&root).arg(&settings), b"", PATIENCE);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "healthy",
            "Uid:\t65532\t65532\t65532\t65532",
            "CapEff:\t0000000000000000",
            "journal.sqlite",
            "journal.sqlite-lock",
            "journal.sqlite-shm",
            "journal.sqlite-wal",
            "1",
            "stopped"
        ],
        "{ran:?}"
    );
}
