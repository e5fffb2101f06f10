//! `docs/report.schema.json` against real reports, the program's own lists, and docs/report.md.

use crate::program::{Endpoints, Finished, NOW, python, run};
use serde_json::{Map, Value, json};
use siptls_lab::{ANY_PORT, Behaviour, Hostile, Pki, Scene, Served};
use siptls_model::{
    Acceptance, CheckId, ClientCertificateMode, Phase, Reason, RefusalCause, RevocationStatus, Severity,
    Status, SuitePreference, Verdict,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Says of each instance what is wrong with it, as an independent validator sees it.
const VALIDATOR: &str = r"
import json, sys
from jsonschema import Draft202012Validator, FormatChecker
task = json.load(sys.stdin)
Draft202012Validator.check_schema(task['schema'])
validator = Draft202012Validator(task['schema'], format_checker=FormatChecker())
faults = [['/'.join(map(str, e.absolute_path)) + ': ' + e.message[:300] for e in validator.iter_errors(i)] for i in task['instances']]
json.dump(faults, sys.stdout)
";

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn schema() -> Value {
    serde_json::from_str(&file("docs/report.schema.json")).expect("the schema is JSON")
}

/// The faults of each document.
fn faults(schema: &Value, instances: &[Value]) -> Vec<Vec<String>> {
    let task = json!({"schema": schema, "instances": instances});
    let answer = python(VALIDATOR, &task.to_string());
    let faults: Vec<Vec<String>> = serde_json::from_str(&answer).expect("the validator prints JSON");
    assert_eq!(faults.len(), instances.len());
    faults
}

#[track_caller]
fn assert_valid(what: &str, finished: &Finished) -> Value {
    let document = finished.json();
    let found = faults(&schema(), std::slice::from_ref(&document));
    assert_eq!(found, [Vec::<String>::new()], "{what}");
    document
}

#[test]
fn reports_of_every_verdict_and_depth_are_valid() {
    let endpoints = Endpoints::start();
    let mut documents = Vec::new();
    for endpoint in endpoints.all() {
        for depth in ["hello", "routine", "survey"] {
            let finished = endpoints.check(
                endpoint.name,
                &["--depth", depth, "--timeout", "1s", "--format", "json"],
            );
            documents.push((format!("{} at {depth}", endpoint.name), finished.json()));
        }
    }
    documents.push((
        "no address".to_owned(),
        run(&["check", "nowhere.invalid", "--timeout", "1s", "--format", "json"]).json(),
    ));
    let instances: Vec<Value> = documents.iter().map(|(_, document)| document.clone()).collect();
    for ((what, _), found) in documents.iter().zip(faults(&schema(), &instances)) {
        assert_eq!(found, Vec::<String>::new(), "{what}");
    }
    let seen = |pointer: &str| -> BTreeSet<String> {
        let values = instances.iter().filter_map(|document| document.pointer(pointer));
        values.map(Value::to_string).collect()
    };
    assert_eq!(seen("/reports/0/verdict").len(), Verdict::ALL.len());
    let ran = seen("/reports/0/reference_client/ran");
    assert_eq!(ran.len(), 2, "a reference client that ran and one that did not");
    assert!(seen("/reports/0/error/reason").len() >= 4);
    assert_eq!(instances.len(), 3 * endpoints.all().len() + 1);
}

#[test]
fn a_report_on_a_line_is_valid_alone() {
    let endpoints = Endpoints::start();
    let finished = endpoints.check("good", &["--format", "jsonl"]);
    let mut schema = schema();
    schema["$ref"] = json!("#/$defs/report");
    for key in ["type", "additionalProperties", "required", "properties"] {
        schema.as_object_mut().expect("an object").remove(key);
    }
    let lines: Vec<Value> = finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(faults(&schema, &lines), [Vec::<String>::new()]);
    assert_ne!(faults(&schema, &[json!({})]), [Vec::<String>::new()]);
}

#[test]
fn reports_of_hostile_peers_are_valid() {
    let endpoints = Endpoints::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let pki = Pki::new(NOW.parse().expect("a time")).expect("certificates");
    let scene = Arc::new(Scene::new(&pki));
    let served: Vec<Served> = Hostile::all()
        .into_iter()
        .map(|hostile| {
            let behaviour = Behaviour::Hostile(hostile, Arc::clone(&scene));
            runtime
                .block_on(Served::start(ANY_PORT, behaviour))
                .expect("a hostile peer")
        })
        .collect();
    assert!(served.len() > 40, "{}", served.len());
    let addresses: Vec<String> = served.iter().map(|one| one.address().to_string()).collect();
    let root = endpoints.root();
    let mut arguments = vec![
        "check",
        "--server-name",
        "sbc.example.test",
        "--trust-anchors",
        &root,
        "--as-of",
        NOW,
        "--depth",
        "routine",
        "--timeout",
        "1s",
        "--format",
        "json",
    ];
    arguments.extend(addresses.iter().map(String::as_str));
    let document = assert_valid("hostile peers", &run(&arguments));
    let reports = document["reports"].as_array().expect("reports");
    assert_eq!(reports.len(), served.len());
    let reasons: BTreeSet<&str> = reports
        .iter()
        .filter_map(|report| report["error"]["reason"].as_str())
        .collect();
    assert!(reasons.len() >= 10, "{reasons:?}");
}

#[test]
fn what_is_no_report_is_refused() {
    let endpoints = Endpoints::start();
    let good = endpoints.check("good", &["--format", "json"]).json();
    type Edit = (&'static str, fn(&mut Value));
    let edits: [Edit; 14] = [
        ("a further field", |report| report["surprise"] = json!(1)),
        ("a further field of the target", |report| {
            report["target"]["surprise"] = json!(1);
        }),
        ("a further field of a certificate", |report| {
            report["chain"]["certificates"][0]["surprise"] = json!(1);
        }),
        ("a missing field", |report| {
            report.as_object_mut().expect("an object").remove("sip");
        }),
        ("a verdict of its own", |report| report["verdict"] = json!("good")),
        ("no verdict", |report| report["verdict"] = Value::Null),
        ("an unknown reason", |report| {
            report["error"] = json!({"phase": "sip", "reason": "bad_luck", "who": "us", "message": "x"});
        }),
        ("an unknown check", |report| {
            report["checks"][0]["id"] = json!("luck")
        }),
        ("a time without a zone", |report| {
            report["started_at"] = json!("2026-11-22T12:00:00");
        }),
        ("a duration as text", |report| {
            report["duration_seconds"] = json!("1s")
        }),
        ("a version that is none", |report| {
            report["accepted"]["versions"]["TLSv1.4"] = json!("refused");
        }),
        ("an acceptance of its own", |report| {
            report["accepted"]["cipher_suites"]["TLS_X"] = json!("perhaps");
        }),
        ("a reference client that did not run and connects", |report| {
            report["reference_client"]["ran"] = json!(false);
        }),
        ("a short hash", |report| {
            report["chain"]["trust_anchor"]["subject_hash"] = json!("abc");
        }),
    ];
    let mut instances = vec![good.clone()];
    for (_, edit) in edits {
        let mut edited = good.clone();
        edit(&mut edited["reports"][0]);
        instances.push(edited);
    }
    let found = faults(&schema(), &instances);
    assert_eq!(found[0], Vec::<String>::new());
    for ((what, _), found) in edits.iter().zip(&found[1..]) {
        assert!(!found.is_empty(), "{what}");
    }
}

#[test]
fn closed_lists_are_those_of_the_program() {
    fn codes<T: Copy>(all: &[T], code: impl Fn(T) -> &'static str) -> Vec<Value> {
        all.iter().map(|one| json!(code(*one))).collect()
    }
    let schema = schema();
    let who: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.who().code()).collect();
    let preferences = [
        SuitePreference::Server,
        SuitePreference::Client,
        SuitePreference::Unknown,
    ];
    let causes = [
        RefusalCause::CipherSuite,
        RefusalCause::Group,
        RefusalCause::KeyType,
        RefusalCause::Version,
    ];
    let statuses = [Status::Pass, Status::Warn, Status::Fail, Status::Skip];
    let severities = [Severity::Critical, Severity::Warning, Severity::Info];
    let acceptances = [
        Acceptance::Accepted,
        Acceptance::Selected,
        Acceptance::Refused,
        Acceptance::Unknown,
    ];
    let mut causes: Vec<Value> = causes.iter().map(|cause| json!(cause)).collect();
    causes.push(Value::Null);
    let lists = [
        ("phase", codes(&Phase::ALL, Phase::code)),
        ("error/properties/reason", codes(Reason::ALL, Reason::code)),
        (
            "error/properties/who",
            who.into_iter().map(|who| json!(who)).collect(),
        ),
        ("report/properties/verdict", codes(&Verdict::ALL, Verdict::code)),
        ("check/properties/id", codes(CheckId::ALL, CheckId::code)),
        ("check/properties/status", codes(&statuses, Status::code)),
        ("check/properties/severity", codes(&severities, Severity::code)),
        (
            "handshake/properties/client_certificate/properties/mode",
            codes(&ClientCertificateMode::ALL, ClientCertificateMode::code),
        ),
        ("acceptance", codes(&acceptances, Acceptance::code)),
        (
            "accepted/properties/suite_preference",
            preferences.iter().map(|one| json!(one)).collect(),
        ),
        ("accepted/properties/refusal_cause", causes),
        (
            "chain/properties/revocation/properties/status",
            codes(&RevocationStatus::ALL, RevocationStatus::code),
        ),
    ];
    for (place, mut expected) in lists {
        let found = schema.pointer(&format!("/$defs/{place}/enum"));
        let mut found = found.and_then(Value::as_array).expect(place).clone();
        let order = |one: &Value| one.to_string();
        found.sort_by_key(order);
        expected.sort_by_key(order);
        assert_eq!(found, expected, "{place}");
    }
}

#[test]
fn the_page_and_the_schema_have_the_same_fields() {
    let schema = schema();
    let mut properties = BTreeSet::new();
    collect(&schema, "", &schema["$defs"]["report"], &mut properties);
    let page = file("docs/report.md");
    let documented: BTreeSet<String> = page
        .lines()
        .skip_while(|line| *line != "## The visit")
        .take_while(|line| *line != "## Other formats of `check`")
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(field, _)| field.to_owned())
        .collect();
    assert!(documented.len() > 100, "{}", documented.len());
    let missing: Vec<_> = properties.difference(&documented).collect();
    let surplus: Vec<_> = documented.difference(&properties).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "in the schema alone: {missing:?}; on the page alone: {surplus:?}"
    );
}

/// The paths of the properties below a schema, lists as `[]`.
fn collect(whole: &Value, path: &str, part: &Value, properties: &mut BTreeSet<String>) {
    // Certificates that were presented have the shape of those of the chain.
    if path.ends_with(".presented") {
        return;
    }
    let Some(part) = part.as_object() else { return };
    if let Some(name) = part.get("$ref").and_then(Value::as_str) {
        let pointer = name.trim_start_matches('#');
        collect(whole, path, whole.pointer(pointer).expect(name), properties);
    }
    for choice in part.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        collect(whole, path, choice, properties);
    }
    if let Some(items) = part.get("items") {
        collect(whole, &format!("{path}[]"), items, properties);
    }
    let none = Map::new();
    for (name, property) in part.get("properties").and_then(Value::as_object).unwrap_or(&none) {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        properties.insert(path.clone());
        collect(whole, &path, property, properties);
    }
}

#[test]
fn every_object_of_ours_is_closed_and_every_field_always_there() {
    let mut objects = 0;
    closed(&schema(), &mut objects);
    assert!(objects >= 15, "{objects}");
}

fn closed(part: &Value, objects: &mut usize) {
    match part {
        Value::Object(members) => {
            if let (Some("object"), Some(properties)) = (
                members.get("type").and_then(Value::as_str),
                members.get("properties").and_then(Value::as_object),
            ) {
                *objects += 1;
                assert_eq!(members.get("additionalProperties"), Some(&json!(false)), "{part}");
                let required = members.get("required").and_then(Value::as_array);
                let required: BTreeSet<&str> =
                    required.into_iter().flatten().filter_map(Value::as_str).collect();
                let named: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
                assert_eq!(required, named);
            }
            members.values().for_each(|value| closed(value, objects));
        }
        Value::Array(items) => items.iter().for_each(|value| closed(value, objects)),
        _ => {}
    }
}

#[test]
fn sarif_is_valid_by_its_own_schema() {
    // Of draft 07: as a validator of 2020-12 reads it, its keywords mean the same.
    let mut schema: Value =
        serde_json::from_str(&file("tests/e2e/data/sarif-schema-2.1.0.json")).expect("the schema is JSON");
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    let endpoints = Endpoints::start();
    let logs: Vec<Value> = ["good", "expired", "plain-sip", "asks-client-certificate"]
        .map(|name| endpoints.check(name, &["--format", "sarif"]).json())
        .to_vec();
    for (log, found) in logs.iter().zip(faults(&schema, &logs)) {
        assert_eq!(found, Vec::<String>::new(), "{log}");
    }
    let mut wrong = logs[1].clone();
    wrong["runs"][0]["results"][0]["level"] = json!("loud");
    assert_eq!(faults(&schema, &[wrong])[0].len(), 1);
}
