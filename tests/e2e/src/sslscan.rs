//! `sslscan` as the second independent oracle: everything in one run, in a connection for each suite, group and version.

use std::net::SocketAddr;
use std::process::Command;

use crate::process::complete;

/// What `sslscan` found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sslscan {
    /// Versions it calls enabled: `1.2`.
    pub versions: Vec<String>,
    /// Code points of the suites that a TLS 1.2 handshake chose, the preferred one first.
    pub suites: Vec<u16>,
    /// Code points of the groups that a TLS 1.2 handshake chose.
    pub groups: Vec<u16>,
    /// All it printed.
    pub text: String,
}

impl Sslscan {
    /// Scans this address with SNI `sbc.example.test`, leaving out the tests of single vulnerabilities.
    ///
    /// What it cannot see: the suites of a server that insists on a client certificate, for it counts finished handshakes; and the
    /// groups of a server that prefers static RSA. Against NSS's `selfserv` it does not end.
    ///
    /// # Panics
    ///
    /// When `sslscan` is missing or fails.
    pub fn of(address: SocketAddr) -> Self {
        let mut command = Command::new("sslscan");
        command.env_remove("OPENSSL_CONF");
        command.args(["--xml=-", "--sni-name=sbc.example.test"]);
        command.args([
            "--no-heartbleed",
            "--no-compression",
            "--no-renegotiation",
            "--no-fallback",
        ]);
        let output = complete(command.arg(address.to_string()));
        Self::read(&String::from_utf8_lossy(&output.stdout))
    }

    fn read(text: &str) -> Self {
        let tls12 = |tag: &str| -> Vec<u16> {
            let found = elements(text, tag)
                .filter(|element| attribute(element, "sslversion") == Some("TLSv1.2"))
                .filter_map(|element| {
                    u16::from_str_radix(attribute(element, "id")?.trim_start_matches("0x"), 16).ok()
                });
            found.collect()
        };
        Self {
            versions: elements(text, "<protocol ")
                .filter(|element| {
                    attribute(element, "type") == Some("tls") && attribute(element, "enabled") == Some("1")
                })
                .filter_map(|element| attribute(element, "version").map(str::to_owned))
                .collect(),
            suites: tls12("<cipher "),
            groups: tls12("<group "),
            text: text.to_owned(),
        }
    }
}

/// It writes one element to a line.
fn elements<'a>(text: &'a str, tag: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .map(str::trim)
        .filter(move |line| line.starts_with(tag))
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_report() {
        let found = Sslscan::read(
            r#"
  <protocol type="ssl" version="3" enabled="1" />
  <protocol type="tls" version="1.1" enabled="0" />
  <protocol type="tls" version="1.2" enabled="1" />
  <cipher status="preferred" sslversion="TLSv1.3" bits="128" cipher="TLS_AES_128_GCM_SHA256" id="0x1301" />
  <cipher status="preferred" sslversion="TLSv1.2" bits="256" cipher="ECDHE-RSA-AES256-GCM-SHA384" id="0xC030" curve="P-256" />
  <cipher status="accepted" sslversion="TLSv1.2" bits="256" cipher="AES256-SHA" id="0x0035" />
  <group sslversion="TLSv1.2" bits="192" name="secp384r1 (NIST P-384)" id="0x0018" />
"#,
        );
        assert_eq!(
            (found.versions, found.suites, found.groups),
            (vec!["1.2".to_owned()], vec![0xc030, 0x35], vec![0x18])
        );
    }
}
