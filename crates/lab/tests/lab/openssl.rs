//! OpenSSL's client against the lab's server: an opinion that is not ours.

use crate::support::pki;
use siptls_lab::{
    ANY_PORT, Behaviour, Chain, ClientCertificates, Pki, Refusal, SERVER_NAME, Served, ServerConfig,
};
use siptls_tls12::{Bulk, Mac, Suite};
use siptls_wire::{AlertDescription, KeyExchange, NamedGroup};
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// OpenSSL's own name of a suite.
fn openssl_name(suite: &Suite) -> String {
    let exchange = match suite.exchange {
        KeyExchange::EcdheRsa => "ECDHE-RSA-",
        KeyExchange::EcdheEcdsa => "ECDHE-ECDSA-",
        _ => "",
    };
    let bulk = match suite.bulk {
        Bulk::Aes128Cbc => "AES128",
        Bulk::Aes256Cbc => "AES256",
        Bulk::Aes128Gcm => "AES128-GCM",
        Bulk::Aes256Gcm => "AES256-GCM",
    };
    let hash = match (suite.mac, suite.prf) {
        (Some(Mac::Sha1), _) => "SHA",
        (Some(Mac::Sha384), _) | (None, siptls_tls12::Prf::Sha384) => "SHA384",
        _ => "SHA256",
    };
    format!("{exchange}{bulk}-{hash}")
}

/// The files that OpenSSL wants.
struct Files(TempDir);

impl Files {
    fn new(pki: &Pki) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("root.pem", pki.root_pem().to_owned()),
            ("chain.pem", pki.chain_pem(Chain::Good)),
            ("key.pem", pki.key_pem(Chain::Good)),
        ] {
            std::fs::File::create(folder.path().join(name))
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

fn s_client(files: &Files, address: SocketAddr, more: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-connect",
        &address.to_string(),
        "-servername",
        SERVER_NAME,
    ]);
    command.args([
        "-verify_hostname",
        SERVER_NAME,
        "-no-CApath",
        "-no-CAstore",
        "-CAfile",
        &files.path("root.pem"),
    ]);
    command
        .args(more)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What it prints, both ways.
async fn output(mut command: Command) -> String {
    let output = command.output().await.unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

async fn served(config: ServerConfig) -> Served {
    Served::start(ANY_PORT, Behaviour::Tls(Arc::new(config)))
        .await
        .unwrap()
}

#[tokio::test]
async fn every_suite_finishes_in_each_client_certificate_mode() {
    let pki = pki();
    let files = Files::new(&pki);
    let (chain, key) = (files.path("chain.pem"), files.path("key.pem"));
    let required = ClientCertificates::Required(Refusal::Alert(AlertDescription::HANDSHAKE_FAILURE));
    let given = ["-cert", &chain, "-cert_chain", &chain, "-key", &key];
    let mut count = 0;
    for suite in Suite::ALL {
        let own = if suite.exchange == KeyExchange::EcdheEcdsa {
            Chain::Ecdsa
        } else {
            Chain::Good
        };
        let name = openssl_name(suite);
        for (mode, identity, accepted) in [
            (ClientCertificates::NotRequested, [].as_slice(), true),
            (ClientCertificates::Optional, &[], true),
            (ClientCertificates::Optional, &given, true),
            (required, &given, true),
            (required, &[], false),
        ] {
            let extended = count % 2 == 0;
            let config = ServerConfig {
                suites: vec![suite.id],
                client_certificates: mode,
                authorities: vec![pki.root_subject().to_vec()],
                extended_master_secret: extended,
                ..ServerConfig::new(pki.credentials(own))
            };
            let served = served(config).await;
            let cipher = format!("{name}:@SECLEVEL=0");
            let mut command = s_client(&files, served.address(), &["-tls1_2", "-cipher", &cipher]);
            command.args(identity);
            let text = output(command).await;
            let has = |part: &str| {
                assert!(
                    text.contains(part),
                    "{name} {mode:?}: expected `{part}` in\n{text}"
                )
            };
            if accepted {
                has(&format!("Cipher is {name}\n"));
                has("Verify return code: 0 (ok)");
                has("Secure Renegotiation IS supported");
                has(if extended {
                    "Extended master secret: yes"
                } else {
                    "Extended master secret: no"
                });
            } else {
                has("alert handshake failure");
                has("SSL alert number 40");
            }
            match mode {
                ClientCertificates::NotRequested => has("No client certificate CA names sent"),
                _ => has("Acceptable client certificate CA names\nCN = siptls-probe lab root\n"),
            }
            count += 1;
        }
    }
    assert_eq!(count, 18 * 5);
}

#[tokio::test]
async fn every_group_is_used_and_the_others_are_refused() {
    let pki = pki();
    let files = Files::new(&pki);
    let groups = [
        (NamedGroup::SECP256R1, "P-256", "prime256v1, 256 bits"),
        (NamedGroup::SECP384R1, "P-384", "secp384r1, 384 bits"),
        (NamedGroup::SECP521R1, "P-521", "secp521r1, 521 bits"),
        (NamedGroup::X25519, "X25519", "X25519, 253 bits"),
    ];
    for (group, name, shown) in groups {
        let config = ServerConfig {
            groups: vec![group],
            ..ServerConfig::new(pki.credentials(Chain::Good))
        };
        let served = served(config).await;
        for (_, other, _) in groups {
            let arguments = ["-tls1_2", "-cipher", "ECDHE", "-curves", other];
            let text = output(s_client(&files, served.address(), &arguments)).await;
            let expected = if other == name {
                shown
            } else {
                "SSL alert number 40"
            };
            assert!(
                text.contains(expected),
                "{name} {other}: expected `{expected}` in\n{text}"
            );
        }
    }
}

#[tokio::test]
async fn other_versions_are_refused_with_the_version_alert() {
    let pki = pki();
    let files = Files::new(&pki);
    let served = served(ServerConfig::new(pki.credentials(Chain::Good))).await;
    for version in ["-tls1_1", "-tls1_3"] {
        let text = output(s_client(
            &files,
            served.address(),
            &[version, "-cipher", "ALL:@SECLEVEL=0"],
        ))
        .await;
        assert!(text.contains("SSL alert number 70"), "{version}\n{text}");
    }
}

#[tokio::test]
async fn options_is_answered_through_openssl() {
    let pki = pki();
    let files = Files::new(&pki);
    let served = served(ServerConfig::new(pki.credentials(Chain::Good))).await;
    let mut command = s_client(
        &files,
        served.address(),
        &["-tls1_2", "-quiet", "-verify_return_error"],
    );
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let request = "OPTIONS sips:sbc.example.test SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\n\
        From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(request.as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    let stdout = child.stdout.as_mut().unwrap();
    while !answer.ends_with(b"\r\n\r\n") {
        assert!(
            stdout.read_buf(&mut answer).await.unwrap() > 0,
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.starts_with("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\n"),
        "{answer}"
    );
}

/// What each chain is, by OpenSSL's verdict.
#[tokio::test]
async fn each_chain_has_the_fault_that_it_is_named_for() {
    let pki = pki();
    let files = Files::new(&pki);
    for (chain, code) in [
        (Chain::Good, "0 (ok)"),
        (Chain::Ecdsa, "0 (ok)"),
        (Chain::ServerAuthOnly, "0 (ok)"),
        (Chain::ExpiresSoon, "0 (ok)"),
        (Chain::Expired, "10 (certificate has expired)"),
        (Chain::WrongName, "62 (hostname mismatch)"),
        (Chain::Incomplete, "21 (unable to verify the first certificate)"),
        (
            Chain::UnknownRoot,
            "19 (self-signed certificate in certificate chain)",
        ),
    ] {
        let served = served(ServerConfig::new(pki.credentials(chain))).await;
        let text = output(s_client(&files, served.address(), &["-tls1_2"])).await;
        assert!(
            text.contains(&format!("Verify return code: {code}")),
            "{chain:?}\n{text}"
        );
    }
}
