//! Commands that put the question of a visit again, for whoever trusts a shell more than a page: this program's own, and
//! OpenSSL's.

use crate::target::{Dial, Endpoint, Host, Target};
use crate::{Depth, Observation};
use siptls_wire::{CipherSuite, NamedGroup, Offer, ProtocolVersion};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// The time limit that `check` takes when it is told none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A word as a shell reads it. Control characters and invisible ones are written as bytes in `$'…'`, which bash, zsh, ksh
/// and POSIX.1-2024 know.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'/'));
    if is_plain {
        return text.to_owned();
    }
    if crate::escape_text(text) == text {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let mut word = String::from("$'");
    for byte in text.bytes() {
        match byte {
            b'\'' | b'\\' => word.extend(['\\', char::from(byte)]),
            b' '..=b'~' => word.push(char::from(byte)),
            // Writing to a String cannot fail. Three octal digits cannot run into what follows.
            _ => drop(write!(word, "\\{byte:03o}")),
        }
    }
    word + "'"
}

/// The words of `siptls-probe check` that visits the same address of a target, by the same profile and roots, at that depth;
/// an option and its value are one word. Client identities are left out: a page is no place for the path of a key.
///
/// A profile of the configuration also needs `--config.file`, which a target knows nothing of.
#[must_use]
pub fn check_command(target: &Target, address: Option<SocketAddr>, depth: Depth) -> Vec<String> {
    let mut words = vec![
        "siptls-probe check".to_owned(),
        shell_word(&as_typed(&target.endpoint)),
        format!("--profile {}", shell_word(&target.profile)),
    ];
    let connect = match (address, &target.connect) {
        (Some(address), _) => Some(address.to_string()),
        (None, Some(dial)) => Some(dialled(dial)),
        (None, None) => None,
    };
    if let Some(connect) = connect {
        words.push(format!("--connect {}", shell_word(&connect)));
    }
    words.push(format!("--server-name {}", shell_word(&target.verified_name())));
    if let Some(path) = target.trust_anchors.as_deref().and_then(Path::to_str) {
        words.push(format!("--trust-anchors {}", shell_word(path)));
    }
    if let Some(region) = &target.peer_region {
        words.push(format!("--peer-region {}", shell_word(region)));
    }
    if target.timeout != DEFAULT_TIMEOUT {
        words.push(format!("--timeout {}ms", target.timeout.as_millis()));
    }
    words.push(format!("--depth {}", depth.code()));
    words
}

/// The words of `openssl s_client` that asks the same of a place, such as [`Observation::place`], else of what the target
/// dials; an option and its value are one word. It offers the versions, groups and suites of the offer as far as OpenSSL
/// has names for them.
#[must_use]
pub fn openssl_command(target: &Target, place: Option<&str>, offer: &Offer) -> Vec<String> {
    let (host, port) = target.dial();
    let place = place.map_or_else(|| joined(&host, port), str::to_owned);
    let mut words = vec![
        "openssl s_client".to_owned(),
        format!("-connect {}", shell_word(&place)),
    ];
    words.push(match target.sni() {
        Some(name) => format!("-servername {}", shell_word(&name)),
        None => "-noservername".to_owned(),
    });
    words.extend(offered(offer));
    if let Some(path) = target.trust_anchors.as_deref().and_then(Path::to_str) {
        words.push(format!("-CAfile {}", shell_word(path)));
    }
    words.push("-showcerts".to_owned());
    words.push("</dev/null".to_owned());
    words
}

impl Observation {
    /// The depth at which `check` sees as much as this observation tells: a survey that another visit made counts.
    #[must_use]
    pub fn depth_told(&self) -> Depth {
        match self.survey {
            Some(_) => Depth::Survey,
            None => self.target.depth,
        }
    }
}

/// The endpoint as the operator wrote it: without a port it may be looked up as a service.
fn as_typed(endpoint: &Endpoint) -> String {
    match endpoint.port() {
        Some(port) => joined(endpoint.host(), port),
        None => endpoint.host().to_string(),
    }
}

fn dialled(dial: &Dial) -> String {
    match dial.port {
        Some(port) => joined(&dial.host, port),
        None => dial.host.to_string(),
    }
}

fn joined(host: &Host, port: u16) -> String {
    match host {
        Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        host => format!("{host}:{port}"),
    }
}

/// Options that make OpenSSL offer the same versions, curves and suites. Its security level is taken back, so that a
/// refusal comes from the endpoint and not from OpenSSL.
fn offered(offer: &Offer) -> Vec<String> {
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
    fn a_word_cannot_leave_its_quotes() {
        assert_eq!(shell_word("/etc/roots.pem"), "/etc/roots.pem");
        assert_eq!(shell_word("a b'; rm -rf x"), "'a b'\\''; rm -rf x'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("$(reboot)`x`!"), "'$(reboot)`x`!'");
        assert_eq!(
            shell_word("a\n'b\\\u{202e}7"),
            "$'a\\012\\'b\\\\\\342\\200\\2567'"
        );
    }

    /// What a shell makes of the word is the text again.
    #[test]
    fn a_shell_reads_the_text_again() {
        for text in [
            "a b",
            "it's",
            "$HOME `id` \\ \"x\"",
            "line\nline",
            "\u{202e}evil'\u{7}9",
            "é 東京",
        ] {
            let command = format!("printf %s {}", shell_word(text));
            let output = std::process::Command::new("bash")
                .args(["-c", &command])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{command}");
        }
    }

    #[test]
    fn the_command_goes_where_the_visit_went() {
        let mut target = Target::new("a", "sips:SBC.example.test".parse().unwrap(), "p q");
        let words = |target: &Target, address: Option<&str>| {
            check_command(
                target,
                address.map(|address| address.parse().unwrap()),
                Depth::Survey,
            )
            .join(" ")
        };
        assert_eq!(
            words(&target, None),
            "siptls-probe check sbc.example.test --profile 'p q' --server-name sbc.example.test --depth survey"
        );
        assert_eq!(
            words(&target, Some("[2001:db8::1]:5061")),
            "siptls-probe check sbc.example.test --profile 'p q' --connect '[2001:db8::1]:5061' \
             --server-name sbc.example.test --depth survey"
        );
        target.endpoint = "[2001:db8::1]:5071".parse().unwrap();
        target.connect = Some(Dial {
            host: Host::Name("lab.example.test".to_owned()),
            port: Some(7),
        });
        target.server_name = Some("x.test".to_owned());
        target.trust_anchors = Some("/etc/a b.pem".into());
        target.peer_region = Some("euc1".to_owned());
        target.timeout = Duration::from_millis(1_500);
        assert_eq!(
            words(&target, None),
            "siptls-probe check '[2001:db8::1]:5071' --profile 'p q' --connect lab.example.test:7 --server-name x.test \
             --trust-anchors '/etc/a b.pem' --peer-region euc1 --timeout 1500ms --depth survey"
        );
        let offer = Offer {
            legacy_version: ProtocolVersion::TLS_1_2,
            cipher_suites: vec![CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA],
            groups: vec![NamedGroup::SECP384R1],
            signature_algorithms: Vec::new(),
            versions: Vec::new(),
            extensions: Vec::new(),
        };
        assert_eq!(
            openssl_command(&target, None, &offer).join(" "),
            "openssl s_client -connect lab.example.test:7 -servername x.test -tls1_2 -groups P-384 \
             -cipher 'AES256-SHA:@SECLEVEL=0' -CAfile '/etc/a b.pem' -showcerts </dev/null"
        );
    }
}
