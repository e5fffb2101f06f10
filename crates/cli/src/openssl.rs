//! The same question put with `openssl s_client`, for whoever trusts that more.

use crate::page::Page;
use siptls_config::PlannedTarget;
use siptls_model::{CipherSuite, NamedGroup, Offer, ProtocolVersion, Report};
use std::path::Path;

/// Column of the command.
const INDENT: usize = 4;

/// Writes the command over as many lines as it needs, fit to be pasted into a shell.
pub(crate) fn write(page: &mut Page, report: &Report, planned: &PlannedTarget) {
    let words = words(report, planned);
    let mut line = " ".repeat(INDENT);
    for (index, word) in words.iter().enumerate() {
        let is_last = index + 1 == words.len();
        if line.len() > INDENT && line.len() + word.len() + 3 > page.width() {
            page.line(&format!("{line}\\"));
            line = " ".repeat(INDENT + 2);
        }
        line.push_str(word);
        line.push_str(if is_last { "" } else { " " });
    }
    page.line(&line);
}

/// The words of the command; an option and its value are one.
fn words(report: &Report, planned: &PlannedTarget) -> Vec<String> {
    let target = &planned.target;
    let (host, port) = target.dial();
    let place = match (&report.target.address, &report.target.srv) {
        (Some(address), _) => address.clone(),
        (None, Some(srv)) => format!("{}:{}", srv.target, srv.port),
        (None, None) => format!("{host}:{port}"),
    };
    let mut words = vec![
        "openssl s_client".to_owned(),
        format!("-connect {}", quoted(&place)),
    ];
    words.push(match target.sni() {
        Some(name) => format!("-servername {}", quoted(&name)),
        None => "-noservername".to_owned(),
    });
    words.extend(offer(&planned.profile.offer));
    if let Some(path) = target.trust_anchors.as_deref().and_then(Path::to_str) {
        words.push(format!("-CAfile {}", quoted(path)));
    }
    words.push("-showcerts".to_owned());
    words.push("</dev/null".to_owned());
    words
}

/// Options that make OpenSSL offer the same versions, curves and suites. Its security level is taken back, so that a
/// refusal comes from the endpoint and not from OpenSSL.
fn offer(offer: &Offer) -> Vec<String> {
    let mut words = Vec::new();
    if offer.legacy_version == ProtocolVersion::TLS_1_2 && offer.versions.is_empty() {
        words.push("-tls1_2".to_owned());
    }
    let groups: Vec<&str> = offer
        .groups
        .iter()
        .filter_map(|group| group_name(*group))
        .collect();
    if !groups.is_empty() {
        words.push(format!("-groups {}", groups.join(":")));
    }
    let suites: Vec<String> = offer
        .cipher_suites
        .iter()
        .filter_map(|suite| suite_name(*suite))
        .collect();
    if !suites.is_empty() {
        words.push(format!("-cipher '{}:@SECLEVEL=0'", suites.join(":")));
    }
    words
}

fn group_name(group: NamedGroup) -> Option<&'static str> {
    match group {
        NamedGroup::SECP256R1 => Some("P-256"),
        NamedGroup::SECP384R1 => Some("P-384"),
        NamedGroup::SECP521R1 => Some("P-521"),
        NamedGroup::X25519 => Some("X25519"),
        _ => None,
    }
}

/// OpenSSL's name of a suite up to TLS 1.2: `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` is `ECDHE-RSA-AES256-GCM-SHA384`.
fn suite_name(suite: CipherSuite) -> Option<String> {
    let (exchange, rest) = suite.name()?.strip_prefix("TLS_")?.split_once("_WITH_")?;
    let exchange = match exchange {
        "RSA" => String::new(),
        "DHE_RSA" | "ECDHE_RSA" | "ECDHE_ECDSA" => exchange.replace('_', "-") + "-",
        _ => return None,
    };
    let cipher = match rest {
        "3DES_EDE_CBC_SHA" => "DES-CBC3-SHA".to_owned(),
        "CHACHA20_POLY1305_SHA256" => "CHACHA20-POLY1305".to_owned(),
        _ => rest
            .replace("AES_128_", "AES128_")
            .replace("AES_256_", "AES256_")
            .replace("_CBC", "")
            .replace("CCM_8", "CCM8")
            .replace('_', "-"),
    };
    Some(exchange + &cipher)
}

/// A word as a shell reads it.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'/'));
    if is_plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_have_the_names_of_openssl() {
        for (suite, name) in [
            (CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA, Some("AES256-SHA")),
            (
                CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA256,
                Some("AES256-SHA256"),
            ),
            (
                CipherSuite::TLS_RSA_WITH_AES_128_GCM_SHA256,
                Some("AES128-GCM-SHA256"),
            ),
            (
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
                Some("ECDHE-RSA-AES256-SHA"),
            ),
            (
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
                Some("ECDHE-RSA-AES256-SHA384"),
            ),
            (
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                Some("ECDHE-RSA-AES256-GCM-SHA384"),
            ),
            (
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                Some("ECDHE-ECDSA-AES128-GCM-SHA256"),
            ),
            (CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV, None),
        ] {
            assert_eq!(suite_name(suite).as_deref(), name, "{suite}");
        }
    }

    #[test]
    fn a_path_cannot_leave_its_quotes() {
        assert_eq!(quoted("/etc/roots.pem"), "/etc/roots.pem");
        assert_eq!(quoted("a b'; rm -rf x"), "'a b'\\''; rm -rf x'");
        assert_eq!(quoted(""), "''");
    }
}
