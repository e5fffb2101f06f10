//! The report: the contract's fields as JSON, and the text as people read it.

use crate::program::{Endpoints, Finished};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The fields of schema `siptls-probe/report/v1`. Those below `accepted` come with surveys, those below
/// `client_certificate.presented` with rehearsals.
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
    "chain.certificates[].san_other",
    "chain.certificates[].unreadable",
    "chain.problem",
    "handshake.client_certificate.evidence",
    "handshake.key_exchange_signature",
    "handshake.ocsp_stapled",
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
        let document = endpoints.check(name, &["--format", "json"]).json();
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
                collect(&path, value, fields);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(&format!("{path}[]"), item, fields)),
        _ => {}
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

/// The text without what differs from run to run: ports, paths and times. The lab's certificates and names do not.
fn normal(endpoints: &Endpoints, name: &str, finished: &Finished) -> String {
    let address = endpoints.address(name);
    let port = address.split_once(':').expect("a port").1.to_owned();
    let text = finished
        .stdout
        .replace(&endpoints.root(), "ROOT.pem")
        .replace(&address, "127.0.0.1:PORT!");
    assert!(!text.contains(&port), "{text}");
    let lines = text
        .lines()
        .map(|line| match line.trim_start().strip_prefix("times ") {
            Some(_) => "  times          …".to_owned(),
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}
