//! Faulty profiles are refused with line, key, what was expected and the nearest known name.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use siptls_catalog::{Profile, ProfileFault};
use std::fs;
use std::path::Path;

fn shipped(name: &str) -> String {
    fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../config/profiles")
            .join(name),
    )
    .unwrap()
}

fn faults(text: &str) -> Vec<ProfileFault> {
    Profile::from_yaml(text).expect_err("the text is faulty").faults
}

/// Byte ranges of the keys of a profile file: words before a colon that begin a line, a list item or an entry of a
/// flow table, outside of folded texts.
fn keys(text: &str) -> Vec<(usize, String)> {
    let mut keys = Vec::new();
    let mut offset = 0;
    let mut folded_under = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        if folded_under.is_some_and(|under| indent > under) {
            offset += line.len();
            continue;
        }
        folded_under = line.trim_end().ends_with(">-").then_some(indent);
        let mut rest = line;
        let mut at = offset;
        let is_flow = line.trim_start().starts_with("- {");
        loop {
            let start = rest.find(|c: char| c.is_ascii_lowercase()).unwrap_or(rest.len());
            let (lead, tail) = rest.split_at(start);
            let end = tail
                .find(|c: char| !(c.is_ascii_lowercase() || c == '_'))
                .unwrap_or(tail.len());
            let fits = lead.trim().is_empty() || ["-", "- {", "{", ","].contains(&lead.trim());
            if fits && [": ", ":\n"].iter().any(|colon| tail[end..].starts_with(colon)) {
                keys.push((at + start, tail[..end].to_owned()));
            }
            // Further keys of a flow table stand after ", ".
            let Some(comma) = rest.find(", ").filter(|_| is_flow) else {
                break;
            };
            at += comma;
            rest = &rest[comma..];
            let Some(next) = rest.strip_prefix(", ") else {
                break;
            };
            at += 2;
            rest = next;
        }
        offset += line.len();
    }
    keys
}

#[test]
fn a_misspelt_key_at_any_level_is_refused_with_the_key_meant() {
    let mut seen = 0;
    for name in [
        "genesys-byoc-customer.yaml",
        "genesys-byoc-cloud.yaml",
        "sip-tls-generic.yaml",
    ] {
        let text = shipped(name);
        for (at, key) in keys(&text) {
            let line = text[..at].matches('\n').count() as u64 + 1;
            let mut wrong = text.clone();
            wrong.insert(at + key.len(), 'z');
            let found = faults(&wrong);
            let fault = found
                .iter()
                .find(|fault| fault.found == format!("the unknown key `{key}z`"))
                .unwrap_or_else(|| panic!("{name}:{line}: `{key}z`: {found:?}"));
            assert_eq!(fault.nearest.as_deref(), Some(key.as_str()), "{name}:{line}");
            assert_eq!(fault.line, line, "{name}: `{key}z`");
            seen += 1;
        }
    }
    assert!(seen > 350, "{seen} keys seen");
}

#[test]
fn a_second_unknown_key_is_no_better_than_the_first() {
    let text = shipped("sip-tls-generic.yaml")
        .replace("caller: ", "callr: ")
        .replace("names:\n", "nams:\n");
    let found = faults(&text);
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "line 3: expected the key `caller`, found none",
            "line 3: expected the key `names`, found none",
            "line 8: expected one of the keys name, title, description, caller, source, since, direction, offer, suites, groups, client_certificate, roots, names, sip, checks, found the unknown key `callr`; nearest is `caller`",
            "line 90: expected one of the keys name, title, description, caller, source, since, direction, offer, suites, groups, client_certificate, roots, names, sip, checks, found the unknown key `nams`; nearest is `names`",
        ]
    );
}

#[test]
fn values_are_checked_with_the_nearest_name() {
    let text = shipped("genesys-byoc-customer.yaml");
    for (from, to, expected) in [
        (
            "id: tls12-negotiated, severity: critical",
            "id: tls12-negotiated, severity: critcal",
            "checks[0].severity: expected one of critical, warning, info, found `critcal`; nearest is `critical`",
        ),
        (
            "id: tls12-negotiated",
            "id: tls12-negociated",
            "checks[0].id: expected one of tls12-negotiated, ",
        ),
        (
            "id: tls12-negotiated",
            "id: tls12-negociated",
            "found `tls12-negociated`; nearest is `tls12-negotiated`",
        ),
        (
            "suite: TLS_RSA_WITH_AES_256_CBC_SHA,",
            "suite: TLS_RSA_WITH_AES_256_CBC_SHB,",
            "suites[0].suite: expected the registered name of a cipher suite, found `TLS_RSA_WITH_AES_256_CBC_SHB`; nearest is `TLS_RSA_WITH_AES_256_CBC_SHA`",
        ),
        (
            "allowed: [secp384r1]",
            "allowed: [P-384]",
            "groups.allowed[0]: expected the registered name of a group, found `P-384`",
        ),
        (
            "allowed: [secp384r1]",
            "allowed: []",
            "groups.allowed: expected a list of at least one, found an empty list",
        ),
        (
            "allowed: [secp384r1]",
            "allowed: [secp256r1]",
            "offer.groups[0]: expected a group that `groups.allowed` names, found `secp384r1`",
        ),
        (
            "version: TLSv1.2",
            "version: 1.2",
            "offer.version: expected the registered name of a protocol version, found the number `1.2`",
        ),
        (
            "until: 2025-11-17",
            "until: 17 November 2025",
            "suites[1].until: expected a day such as `2026-03-09`, found `17 November 2025`",
        ),
        (
            "until: 2025-11-17",
            "until: 2025-02-30",
            "suites[1].until: expected a day such as `2026-03-09`, found `2025-02-30`",
        ),
        (
            "    until: 2025-11-17\n    certainty",
            "    certainty",
            "suites[1]: expected the key `until` beside `certainty`, found none",
        ),
        (
            "ip_allowed: false",
            "ip_allowed: no",
            "names.ip_allowed: expected `true` or `false`, found `no`",
        ),
        (
            "group: genesys-byoc-customer",
            "group: genesys-byoc-custmer",
            "nearest is `genesys-byoc-customer`",
        ),
        (
            "rule: group",
            "rule: none",
            "roots.group: expected no such key under this rule, found `group`",
        ),
        (
            "rule: group",
            "rule: by_region",
            "roots: expected the key `default`, found none",
        ),
        (
            "expected: not_requested",
            "expected: any",
            "checks[4].id: expected a check that agrees with `client_certificate.expected: any`, found `client-certificate-not-requested`",
        ),
        (
            "id: chain-complete",
            "id: ecdhe-secp384r1",
            "checks[5]: expected each check once, found `ecdhe-secp384r1` again",
        ),
        (
            "  - {suite: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ",
            "  - {suite: TLS_EMPTY_RENEGOTIATION_INFO_SCSV, ",
            "suites[7].suite: expected a suite, found the signal `TLS_EMPTY_RENEGOTIATION_INFO_SCSV`",
        ),
        (
            "title: A customer's",
            "title:\nsuites: A customer's",
            "expected YAML, found ",
        ),
        (
            "caller: Genesys BYOC Cloud",
            "caller:",
            "caller: expected a text, found nothing",
        ),
        (
            "offer:\n",
            "offer: 7\nofer:\n",
            "offer: expected a table, found the number `7`",
        ),
        (
            "groups: [secp384r1]",
            "groups: secp384r1",
            "offer.groups: expected a list, found `secp384r1`",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let wrong = text.replacen(from, to, 1);
        let found = faults(&wrong);
        let messages: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            messages.iter().any(|message| message.contains(expected)),
            "{to:?}: {messages:#?}"
        );
        for fault in &found {
            assert!(fault.line > 0, "{to:?}: {fault}");
        }
    }
}

#[test]
fn a_line_is_the_one_of_the_fault() {
    let text = shipped("genesys-byoc-customer.yaml");
    let line = text
        .lines()
        .position(|line| line.contains("id: ecdhe-secp384r1"))
        .unwrap() as u64
        + 1;
    let found = faults(&text.replace(
        "{id: ecdhe-secp384r1, severity: critical",
        "{id: ecdhe-secp384r1, severity: high",
    ));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].line, found[0].key.as_str()),
        (line, "checks[3].severity")
    );
}

#[test]
fn what_is_no_table_is_refused() {
    for text in [
        "",
        "[]",
        "7",
        "~",
        "a: b: c",
        "x: {",
        "&a [*a]",
        "? {a: b}\n: c\n",
    ] {
        let found = faults(text);
        assert!(!found.is_empty(), "{text:?}");
    }
}
