//! The report: the contract's fields as JSON, and the text as people read it.

use crate::program::{Endpoints, Finished};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The fields of schema `siptls-probe/report/v1`. Those below `client_certificate.presented` come with rehearsals.
const CONTRACT: &[&str] = &[
    "target.name",
    "target.endpoint",
    "target.host",
    "target.port",
    "target.address",
    "target.server_name",
    "target.profile",
    "target.labels",
    "started_at",
    "duration_seconds",
    "connections_opened",
    "phase_reached",
    "error",
    "error.phase",
    "error.reason",
    "error.who",
    "error.message",
    "phase_seconds.resolve",
    "phase_seconds.connect",
    "phase_seconds.tls",
    "phase_seconds.sip",
    "handshake.version",
    "handshake.cipher_suite",
    "handshake.group",
    "handshake.completed",
    "handshake.alert",
    "handshake.extended_master_secret",
    "handshake.secure_renegotiation",
    "handshake.client_certificate.mode",
    "handshake.client_certificate.requested",
    "handshake.client_certificate.certificate_types",
    "handshake.client_certificate.signature_algorithms",
    "handshake.client_certificate.authorities",
    "handshake.client_certificate.authorities[].name",
    "handshake.client_certificate.authorities[].subject_hash",
    "handshake.client_certificate.presented",
    "accepted",
    "accepted.versions",
    "accepted.cipher_suites",
    "accepted.groups",
    "accepted.suite_preference",
    "chain.certificates",
    "chain.certificates[].subject",
    "chain.certificates[].issuer",
    "chain.certificates[].serial",
    "chain.certificates[].not_before",
    "chain.certificates[].not_after",
    "chain.certificates[].common_name",
    "chain.certificates[].san_dns",
    "chain.certificates[].san_ip",
    "chain.certificates[].san_uri",
    "chain.certificates[].key",
    "chain.certificates[].signature_algorithm",
    "chain.certificates[].extended_key_usage",
    "chain.certificates[].subject_hash",
    "chain.certificates[].issuer_hash",
    "chain.certificates[].fingerprint_sha256",
    "chain.certificates[].spki_sha256",
    "chain.certificates[].crl_urls",
    "chain.certificates[].ocsp_urls",
    "chain.certificates[].is_ca",
    "chain.complete",
    "chain.ordered",
    "chain.trust_anchor",
    "chain.trust_anchor.name",
    "chain.trust_anchor.subject_hash",
    "chain.trust_anchor.group",
    "chain.name_match.common_name",
    "chain.name_match.webpki",
    "chain.name_match.rfc5922",
    "chain.name_match.matched",
    "chain.revocation.status",
    "chain.revocation.source",
    "chain.revocation.reason",
    "chain.revocation.next_update",
    "sip",
    "sip.status",
    "sip.reason_phrase",
    "sip.server",
    "sip.allow",
    "sip.duration_seconds",
    "checks",
    "checks[].id",
    "checks[].status",
    "checks[].severity",
    "checks[].summary",
    "checks[].evidence",
    "checks[].remedy",
    "checks[].source",
    "verdict",
];

/// Fields beyond the contract.
const ADDED: &[&str] = &[
    "accepted.refusal_cause",
    "accepted.stopped",
    "accepted.without_profile_groups",
    "chain.against",
    "chain.certificates[].san_other",
    "chain.certificates[].unreadable",
    "chain.problem",
    "chain.revocation.certificates",
    "chain.revocation.certificates[].index",
    "chain.revocation.certificates[].next_update",
    "chain.revocation.certificates[].reason",
    "chain.revocation.certificates[].revoked_at",
    "chain.revocation.certificates[].source",
    "chain.revocation.certificates[].status",
    "chain.revocation.certificates[].url",
    "eku_removal",
    "handshake.client_certificate.evidence",
    "handshake.key_exchange_signature",
    "handshake.ocsp_stapled",
    "reference_client",
    "reference_client.cipher_suite",
    "reference_client.client",
    "reference_client.connects",
    "reference_client.error",
    "reference_client.group",
    "reference_client.ran",
    "reference_client.verified",
    "reference_client.version",
    "reference_client.why_not",
    "rehearsal",
    "rehearsal.attempts",
    "rehearsal.attempts[].alert",
    "rehearsal.attempts[].completed",
    "rehearsal.attempts[].error",
    "rehearsal.attempts[].error.message",
    "rehearsal.attempts[].error.phase",
    "rehearsal.attempts[].error.reason",
    "rehearsal.attempts[].error.who",
    "rehearsal.attempts[].evidence",
    "rehearsal.attempts[].identity",
    "rehearsal.attempts[].issuer_listed",
    "rehearsal.attempts[].key_usable",
    "rehearsal.attempts[].presented",
    "rehearsal.attempts[].result",
    "rehearsal.attempts[].sip_status",
    "rehearsal.attempts[].valid_now",
    "rehearsal.removal_day",
    "target.maintenance",
    "target.srv",
];

#[test]
fn the_fields_are_those_of_the_contract() {
    let fields = fields_of_real_reports();
    for field in CONTRACT {
        assert!(fields.contains(*field), "expected {field} among {fields:#?}");
    }
    let parents = [
        "target",
        "phase_seconds",
        "handshake",
        "handshake.client_certificate",
        "chain",
        "chain.name_match",
        "chain.revocation",
    ];
    let others: Vec<_> = fields
        .iter()
        .filter(|field| !CONTRACT.contains(&field.as_str()) && !parents.contains(&field.as_str()))
        .collect();
    assert_eq!(others, ADDED, "fields beyond the contract");
}

#[test]
fn every_field_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/report.md");
    let page = std::fs::read_to_string(page).expect("docs/report.md");
    let mut seen = 0;
    for field in fields_of_real_reports() {
        assert!(
            page.contains(&format!("`{field}`")),
            "expected `{field}` in docs/report.md"
        );
        seen += 1;
    }
    assert!(
        seen > CONTRACT.len(),
        "expected every field of a report, saw {seen}"
    );
}

/// Paths of every field of reports that pass, ask for a certificate, and fail.
fn fields_of_real_reports() -> BTreeSet<String> {
    let endpoints = Endpoints::start();
    let mut fields = BTreeSet::new();
    for name in ["good", "asks-client-certificate", "plain-sip"] {
        let identity = endpoints.identity("today");
        let options = [
            &["--format", "json"],
            &identity.each_ref().map(String::as_str)[..],
        ]
        .concat();
        let document = endpoints.check(name, &options).json();
        let keys: Vec<_> = document.as_object().expect("a document").keys().collect();
        assert_eq!(keys, ["generated_at", "reports", "schema"]);
        assert_eq!(document["schema"], "siptls-probe/report/v1");
        collect("", &document["reports"][0], &mut fields);
    }
    fields
}

fn collect(path: &str, value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                fields.insert(path.clone());
                // The keys of maps are versions, suites and groups; certificates have the shape of the chain's.
                let known = [
                    "accepted.versions",
                    "accepted.cipher_suites",
                    "accepted.groups",
                    "rehearsal.attempts[].presented",
                ];
                if !known.contains(&path.as_str()) {
                    collect(&path, value, fields);
                }
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(&format!("{path}[]"), item, fields)),
        _ => {}
    }
}

#[test]
fn a_survey_is_the_default_and_the_other_depths_make_none() {
    let endpoints = Endpoints::start();
    let config = endpoints.file("one.yaml");
    let target = format!(
        "targets: [{{name: careful, endpoint: sbc.example.test, connect: \"{}\", depth: hello}}]\n",
        endpoints.address("good")
    );
    std::fs::write(&config, target).expect("write a configuration");
    let config = config.display().to_string();
    let careful = crate::program::run(&["check", "careful", "--config.file", &config, "--format", "json"]);
    for (case, finished) in [
        ("default", endpoints.check("good", &["--format", "json"])),
        (
            "survey",
            endpoints.check("good", &["--format", "json", "--depth", "survey"]),
        ),
        (
            "routine",
            endpoints.check("good", &["--format", "json", "--depth", "routine"]),
        ),
        (
            "hello",
            endpoints.check("good", &["--format", "json", "--depth", "hello"]),
        ),
        ("configured as hello", careful),
    ] {
        let report = &finished.json()["reports"][0];
        let (accepted, connections) = (&report["accepted"], &report["connections_opened"]);
        if !["default", "survey"].contains(&case) {
            assert_eq!((accepted, connections), (&Value::Null, &1.into()), "{case}");
            continue;
        }
        assert_eq!(
            *connections, 14,
            "{case}: eight suites, three groups, two versions, the reference client"
        );
        assert_eq!(
            accepted["versions"],
            serde_json::json!({
                "TLSv1.0": "refused", "TLSv1.1": "refused", "TLSv1.2": "accepted", "TLSv1.3": "refused"
            }),
            "{case}"
        );
        assert_eq!(
            accepted["cipher_suites"].as_object().map(|map| map.len()),
            Some(8)
        );
        assert_eq!(
            accepted["cipher_suites"]["TLS_RSA_WITH_AES_256_CBC_SHA"],
            "accepted"
        );
        assert_eq!(accepted["groups"]["secp384r1"], "accepted", "{case}");
        assert_eq!(accepted["suite_preference"], "server", "{case}");
        for absent in ["refusal_cause", "without_profile_groups", "stopped"] {
            assert_eq!(accepted[absent], Value::Null, "{case}: {absent}");
        }
    }
    let refused = endpoints.check("p256-only", &["--format", "json"]).json();
    let accepted = &refused["reports"][0]["accepted"];
    assert_eq!(accepted["refusal_cause"], "group");
    assert_eq!(accepted["groups"]["secp256r1"], "selected");
}

#[test]
fn other_programs_read_the_same_findings() {
    let endpoints = Endpoints::start();
    let ask = |name: &str, format: &str| endpoints.check(name, &["--depth", "routine", "--format", format]);
    for name in ["good", "incomplete-chain", "plain-sip"] {
        let report = ask(name, "json").json()["reports"][0].take();
        let checks = report["checks"].as_array().expect("checks");
        let count = |status: &str| checks.iter().filter(|check| check["status"] == status).count();

        let csv = ask(name, "csv").stdout;
        let rows: Vec<_> = csv.split_terminator("\r\n").collect();
        assert_eq!(rows.len(), 1 + checks.len(), "{csv}");
        assert!(
            rows[0].starts_with("name,endpoint,address,profile,verdict,check,status,"),
            "{csv}"
        );
        for (row, check) in rows.iter().skip(1).zip(checks) {
            let text = |key: &str| check[key].as_str().expect("text").to_owned();
            let expected = format!(",{},{},{},", text("id"), text("status"), text("severity"));
            assert!(row.contains(&expected), "expected {expected} in {row}");
        }

        let junit = ask(name, "junit").stdout;
        let is_open = usize::from(report["verdict"] == "inconclusive");
        assert_eq!(
            junit.matches("<testcase ").count(),
            checks.len() + is_open,
            "{junit}"
        );
        assert_eq!(junit.matches("</testcase>").count(), checks.len() + is_open);
        assert_eq!(junit.matches("<failure ").count(), count("fail"), "{junit}");
        assert_eq!(junit.matches("<skipped ").count(), count("skip"), "{junit}");
        assert_eq!(junit.matches("<error ").count(), is_open, "{junit}");
        assert!(junit.ends_with("  </testsuite>\n</testsuites>\n"), "{junit}");

        let sarif = ask(name, "sarif").json();
        assert_eq!(sarif["version"], "2.1.0");
        let run = &sarif["runs"][0];
        let results = run["results"].as_array().expect("results");
        assert_eq!(results.len(), count("fail") + count("warn"), "{sarif:#}");
        for result in results {
            let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
            assert!(
                rules.iter().any(|rule| rule["id"] == result["ruleId"]),
                "{result}"
            );
        }
        let told = &run["invocations"][0]["toolExecutionNotifications"];
        assert_eq!(told.as_array().map(Vec::len), Some(is_open), "{told}");
    }
}

#[test]
fn the_text_is_for_people() {
    let endpoints = Endpoints::start();
    for name in [
        "good",
        "asks-client-certificate",
        "incomplete-chain",
        "p256-only",
        "plain-sip",
    ] {
        let finished = endpoints.check(name, &[]);
        assert_eq!(finished.stderr, "", "{name}");
        insta::assert_snapshot!(format!("report-{name}"), normal(&endpoints, name, &finished));
    }
}

#[test]
fn a_rehearsal_is_a_table_and_a_sentence() {
    let endpoints = Endpoints::start();
    let identity = endpoints.identity("today");
    for name in ["good", "requires-client-certificate"] {
        let finished = endpoints.check(name, &identity.each_ref().map(String::as_str));
        assert_eq!(finished.stderr, "", "{name}");
        let text = normal(&endpoints, name, &finished);
        let begin = text
            .find("  On removal day")
            .expect("a sentence about removal day");
        let end = text.find("\n\n  visited").expect("the facts behind it");
        insta::assert_snapshot!(format!("rehearsal-{name}"), &text[begin..end]);
    }
    // Nothing is presented at depth hello, and one connection is all that is made.
    let options = [
        &["--depth", "hello", "--format", "json"],
        &identity.each_ref().map(String::as_str)[..],
    ];
    let report = &endpoints
        .check("requires-client-certificate", &options.concat())
        .json()["reports"][0];
    assert_eq!(
        (&report["rehearsal"], &report["connections_opened"]),
        (&Value::Null, &1.into())
    );
    let options = [
        &["--depth", "routine", "--format", "json"],
        &identity.each_ref().map(String::as_str)[..],
    ];
    let report = &endpoints
        .check("requires-client-certificate", &options.concat())
        .json()["reports"][0];
    assert_eq!(
        report["rehearsal"]["attempts"][1]["result"], "accepted",
        "{report:#}"
    );
    assert_eq!(
        (&report["accepted"], &report["connections_opened"]),
        (&Value::Null, &2.into())
    );
}

/// The text without what differs from run to run: ports, paths and times. The lab's certificates and names do not.
fn normal(endpoints: &Endpoints, name: &str, finished: &Finished) -> String {
    let address = endpoints.address(name);
    let port = address.split_once(':').expect("a port").1.to_owned();
    let text = finished
        .stdout
        .replace(&endpoints.root(), "ROOT.pem")
        .replace(&address, "127.0.0.1:PORT!");
    assert!(!text.contains(&port), "{text}");
    // Times differ from run to run; the reference client has a version, and judges by the real clock.
    let mut lines: Vec<String> = Vec::new();
    let mut in_reference = false;
    for line in text.lines() {
        let label = line.trim_start().split(' ').next().unwrap_or_default();
        in_reference = label == "reference" || (in_reference && line.starts_with(&" ".repeat(17)));
        match label {
            "times" | "reference" => lines.push(format!("  {label:<15}…")),
            _ if in_reference => {}
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}
