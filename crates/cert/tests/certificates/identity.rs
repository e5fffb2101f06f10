//! Names, against hand-written expectations and webpki.

use std::net::IpAddr;

use proptest::prelude::*;
use rcgen::SanType;
use rustls_pki_types::{CertificateDer, ServerName};
use siptls_cert::{Certificate, NameMatch, match_name};

use super::pki;

fn certificate(common_name: Option<&str>, names: Vec<SanType>) -> Vec<u8> {
    let mut params = pki::params(common_name.unwrap_or("x"));
    if common_name.is_none() {
        params.distinguished_name = rcgen::DistinguishedName::new();
    }
    params.subject_alt_names = names;
    params.self_signed(&pki::key()).unwrap().der().to_vec()
}

fn judge(common_name: Option<&str>, names: Vec<SanType>, host: &str) -> NameMatch {
    match_name(
        &Certificate::from_der(&certificate(common_name, names)).unwrap(),
        host,
    )
}

#[track_caller]
fn check(
    common_name: Option<&str>,
    names: Vec<SanType>,
    host: &str,
    expected: (bool, bool, bool),
    matched: &str,
) {
    let found = judge(common_name, names, host);
    assert_eq!(
        (found.common_name, found.webpki, found.rfc5922),
        expected,
        "{host}"
    );
    assert_eq!(found.matched.as_deref().unwrap_or(""), matched, "{host}");
}

const YES: bool = true;
const NO: bool = false;

#[test]
fn dns_names() {
    let name = || vec![pki::dns("sbc.example.test")];
    check(
        Some("sbc.example.test"),
        name(),
        "sbc.example.test",
        (YES, YES, YES),
        "DNS:sbc.example.test",
    );
    check(
        Some("other"),
        name(),
        "SBC.Example.TEST",
        (NO, YES, YES),
        "DNS:sbc.example.test",
    );
    check(
        Some("other"),
        name(),
        "sbc.example.test.",
        (NO, YES, YES),
        "DNS:sbc.example.test",
    );
    check(Some("other"), name(), "sbc.example.test..", (NO, NO, NO), "");
    check(Some("other"), name(), "example.test", (NO, NO, NO), "");
    check(Some("other"), name(), "", (NO, NO, NO), "");
    let idna = || vec![pki::dns("xn--mller-kva.example.test")];
    check(
        None,
        idna(),
        "XN--MLLER-KVA.example.test",
        (NO, YES, YES),
        "DNS:xn--mller-kva.example.test",
    );
    check(None, idna(), "müller.example.test", (NO, NO, NO), "");
    check(
        None,
        vec![pki::dns("sbc.example.test.")],
        "sbc.example.test",
        (NO, NO, NO),
        "",
    );
}

#[test]
fn wildcards() {
    let name = || vec![pki::dns("*.example.test")];
    check(
        None,
        name(),
        "sbc.example.test",
        (NO, YES, NO),
        "DNS:*.example.test",
    );
    check(None, name(), "a.sbc.example.test", (NO, NO, NO), "");
    check(None, name(), "example.test", (NO, NO, NO), "");
    check(None, vec![pki::dns("*.test")], "example.test", (NO, NO, NO), "");
    check(
        None,
        vec![pki::dns("s*.example.test")],
        "sbc.example.test",
        (NO, NO, NO),
        "",
    );
    check(None, vec![pki::dns("a.*.test")], "a.b.test", (NO, NO, NO), "");
    check(
        Some("*.example.test"),
        vec![],
        "sbc.example.test",
        (YES, NO, NO),
        "CN:*.example.test",
    );
}

#[test]
fn common_name_alone() {
    check(
        Some("SBC.example.test"),
        vec![],
        "sbc.example.test",
        (YES, NO, YES),
        "CN:SBC.example.test",
    );
    check(
        Some("sbc.example.test"),
        vec![pki::dns("a.test")],
        "sbc.example.test",
        (YES, NO, NO),
        "CN:sbc.example.test",
    );
    check(
        Some("192.0.2.7"),
        vec![],
        "192.0.2.7",
        (YES, NO, NO),
        "CN:192.0.2.7",
    );
    check(Some("two words"), vec![], "two words", (NO, NO, NO), "");
}

#[test]
fn addresses() {
    let four = || vec![SanType::IpAddress(IpAddr::from([192, 0, 2, 7]))];
    check(None, four(), "192.0.2.7", (NO, YES, NO), "IP:192.0.2.7");
    check(None, four(), "192.0.2.8", (NO, NO, NO), "");
    let six = || vec![SanType::IpAddress("2001:db8::7".parse().unwrap())];
    check(None, six(), "[2001:DB8:0::7]", (NO, YES, NO), "IP:2001:db8::7");
    check(None, six(), "2001:db8::7", (NO, YES, NO), "IP:2001:db8::7");
    check(None, vec![pki::dns("192.0.2.7")], "192.0.2.7", (NO, NO, NO), "");
}

#[test]
fn sip_identities() {
    let host = "example.test";
    check(
        None,
        vec![pki::uri("sip:example.test")],
        host,
        (NO, NO, YES),
        "URI:sip:example.test",
    );
    check(
        None,
        vec![pki::uri("SIP:Example.Test:5061;transport=tls")],
        host,
        (NO, NO, YES),
        "URI:SIP:Example.Test:5061;transport=tls",
    );
    check(
        None,
        vec![pki::uri("sip:alice@example.test")],
        host,
        (NO, NO, NO),
        "",
    );
    check(None, vec![pki::uri("sips:example.test")], host, (NO, NO, NO), "");
    check(
        None,
        vec![pki::uri("https://example.test/")],
        host,
        (NO, NO, NO),
        "",
    );
    // A URI that is a SIP identity displaces the DNS names; others do not.
    check(
        None,
        vec![pki::dns(host), pki::uri("sip:other.test")],
        host,
        (NO, YES, NO),
        "DNS:example.test",
    );
    check(
        None,
        vec![pki::dns(host), pki::uri("sip:bob@other.test")],
        host,
        (NO, YES, YES),
        "DNS:example.test",
    );
    check(
        None,
        vec![pki::dns("sbc.example.test"), pki::uri("sip:example.test")],
        host,
        (NO, NO, YES),
        "URI:sip:example.test",
    );
    // Any subject alternative name forbids the CN.
    check(
        Some(host),
        vec![pki::uri("https://example.test/")],
        host,
        (YES, NO, NO),
        "CN:example.test",
    );
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec!["a", "B", "test", "TEST", "x1", "1", "-a", "a-", "a_b", "xn--a"]).prop_map(str::to_owned),
        1 => "[a-z*.@ -]{0,3}",
    ]
}

fn presented() -> impl Strategy<Value = String> {
    (prop::bool::weighted(0.3), prop::collection::vec(label(), 1..4)).prop_map(|(wildcard, labels)| {
        if wildcard {
            format!("*.{}", labels.join("."))
        } else {
            labels.join(".")
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn agrees_with_webpki(
        names in prop::collection::vec(presented(), 0..3),
        labels in prop::collection::vec(label(), 1..4),
        dot in prop::bool::weighted(0.1),
        follow in prop::bool::weighted(0.4),
    ) {
        let mut host = labels.join(".") + if dot { "." } else { "" };
        if follow && let Some(name) = names.first() {
            host = name.replace('*', "b");
        }
        let der = certificate(Some("cn.example"), names.iter().map(|name| pki::dns(name)).collect());
        if let Ok(server_name) = ServerName::try_from(host.as_str()) {
            let webpki_der = CertificateDer::from(der.as_slice());
            let expected = webpki::EndEntityCert::try_from(&webpki_der)
                .unwrap()
                .verify_is_valid_for_subject_name(&server_name)
                .is_ok();
            let found = match_name(&Certificate::from_der(&der).unwrap(), &host);
            prop_assert_eq!(found.webpki, expected, "{} against {:?}", host, names);
            prop_assert_eq!(found.webpki, found.matched.is_some());
            prop_assert!(found.webpki || !found.rfc5922, "without URIs RFC 5922 is stricter");
        }
    }
}
