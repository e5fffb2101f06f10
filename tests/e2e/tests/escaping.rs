//! Text of a hostile peer: script tags, control characters, escape sequences of terminals, and names of 60 KiB, in its certificate
//! and in its SIP answer. It goes through every output of the real program, and comes out as text.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, DnType, DnValue, Issuer, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SanType};
use serde_json::{Value, json};
use siptls_e2e::{Binary, DEADLINE, HttpResponse, Port, finish, http_get, until};
use siptls_lab::{Credentials, Server, ServerConfig, ServerEvent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const SCRIPT: &str = "<script>alert(1)</script>";

/// Colours, a cleared screen, a window title, an end of the line and of the text, a C1 control, a turn of direction.
const CONTROLS: &str = "\u{1b}[31m\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{7f}";

/// Bytes of the long name: what a certificate may have in it that is read at all.
const LONG: usize = 60_000;

/// A certificate made to harm whoever shows it.
fn credentials(long: bool) -> Arc<Credentials> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("make a key");
    let mut params = CertificateParams::new(vec!["hostile.example.test".to_owned()]).expect("a name");
    let name = &mut params.distinguished_name;
    let utf8 = |text: String| DnValue::Utf8String(text);
    name.push(DnType::CommonName, utf8(SCRIPT.to_owned()));
    name.push(
        DnType::OrganizationName,
        utf8(format!(
            "\"><img src=x onerror=alert(1)>{CONTROLS}\r\nInjected: 1"
        )),
    );
    name.push(
        DnType::OrganizationalUnitName,
        utf8("siptls_up{target=\"x\"} 1\n# HELP \\ \u{0}".to_owned()),
    );
    if long {
        name.push(DnType::LocalityName, utf8("<b>&\u{1b}".repeat(LONG / 5)));
    }
    let uri = format!("sip:{SCRIPT}\u{1b}[31m");
    params
        .subject_alt_names
        .push(SanType::URI(uri.try_into().expect("an IA5 string")));
    let issuer = CertificateParams::new(Vec::new()).expect("an authority");
    let issuer = Issuer::new(issuer, KeyPair::generate().expect("make a key"));
    let certificate = params.signed_by(&key, &issuer).expect("sign");
    let credentials = Credentials::new(vec![certificate.der().to_vec()], &key.serialize_der());
    Arc::new(credentials.expect("a pair"))
}

/// A peer with that certificate, which answers OPTIONS with a status line and a header of the same kind.
struct HostilePeer {
    address: SocketAddr,
    _runtime: Runtime,
}

impl HostilePeer {
    fn start(long: bool) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let config = Arc::new(ServerConfig::new(credentials(long)));
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("listen");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&config)));
            }
        });
        Self {
            address,
            _runtime: runtime,
        }
    }
}

async fn converse(mut stream: TcpStream, config: Arc<ServerConfig>) {
    let mut server = Server::new(config);
    let mut heard = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        server.handle_input(&buffer[..count]);
        while let Some(event) = server.poll_event() {
            if let ServerEvent::Data(data) = event {
                heard.extend(data);
                if let Some(answer) = answer(&heard) {
                    heard.clear();
                    server.send(&answer);
                }
            }
        }
        if stream.write_all(&server.take_output()).await.is_err() {
            return;
        }
    }
}

/// An answer to a whole request.
fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(request).ok()?;
    let (head, _) = text.split_once("\r\n\r\n")?;
    let repeated = ["Via", "From", "To", "Call-ID", "CSeq"];
    let lines: Vec<&str> = head
        .lines()
        .filter(|line| repeated.iter().any(|name| line.starts_with(&format!("{name}:"))))
        .collect();
    let status = format!("SIP/2.0 200 {SCRIPT}\u{1b}[31m\u{7}\u{9b}{}", "x".repeat(8_000));
    let server = format!("Server: {SCRIPT}\u{1b}]0;owned\u{7}\" onload=\"alert(1)");
    let all = format!(
        "{status}\r\n{}\r\n{server}\r\nContent-Length: 0\r\n\r\n",
        lines.join("\r\n")
    );
    Some(all.into_bytes())
}

/// What may stand in no output at all: controls of terminals, whatever the notation.
fn has_control(text: &str) -> Option<char> {
    text.chars().find(|c| {
        (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

fn is_clean(what: &str, text: &str, most: usize) {
    assert!(!text.is_empty(), "{what}: nothing was said");
    assert_eq!(
        has_control(text),
        None,
        "{what}: {}",
        &text[..text.len().min(2_000)]
    );
    assert!(
        text.len() <= most,
        "{what}: {} bytes, expected at most {most}",
        text.len()
    );
    assert!(!text.contains("\nInjected:"), "{what}: a line of the peer's own");
}

fn is_markup(what: &str, text: &str, most: usize) {
    is_clean(what, text, most);
    for tag in ["<script>alert", "<img src=x", "<b>&", "onload=\"alert"] {
        assert!(!text.contains(tag), "{what}: {tag} is a tag");
    }
    assert!(
        text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{what}: the name is not shown"
    );
}

/// Longest answer about one such endpoint, in bytes: a few names cut short, and the flight of 60 KiB in hexadecimal.
const MOST: usize = 512 * 1024;

fn promtool(text: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]);
    let finished = finish(&mut command, text.as_bytes(), DEADLINE);
    assert!(matches!(finished.code, Some(0 | 3)), "{finished:?}");
    assert!(!finished.stderr.contains("error while linting"), "{finished:?}");
}

#[test]
fn what_check_prints_is_text_in_every_format() {
    for long in [false, true] {
        let peer = HostilePeer::start(long);
        let address = peer.address.to_string();
        for format in ["text", "json", "jsonl", "csv", "junit", "sarif"] {
            let arguments = [
                "check",
                "hostile.example.test",
                "--connect",
                &address,
                "--depth",
                "routine",
                "--format",
                format,
            ];
            let finished = Binary::find().run(&arguments);
            let what = format!("{format}, long {long}");
            if format == "text" && !long {
                eprintln!("{}", finished.stdout);
            }
            assert_eq!(finished.code, Some(1), "{what}: {finished:?}");
            let text = &finished.stdout;
            match format {
                "junit" => is_markup(&what, text, MOST),
                _ => is_clean(&what, text, MOST),
            }
            if !finished.stderr.is_empty() {
                is_clean(&what, &finished.stderr, MOST);
            }
            match format {
                "json" | "sarif" => drop(serde_json::from_str::<Value>(text).expect(&what)),
                "jsonl" => {
                    for line in text.lines() {
                        drop(serde_json::from_str::<Value>(line).expect(&what));
                    }
                }
                "junit" => {
                    let mut command = Command::new("xmllint");
                    command.args(["--noout", "-"]);
                    assert_eq!(
                        finish(&mut command, text.as_bytes(), DEADLINE).code,
                        Some(0),
                        "{what}"
                    );
                }
                _ => {}
            }
        }
    }
}

#[test]
fn what_the_daemon_serves_and_logs_is_text() {
    let peers = [HostilePeer::start(false), HostilePeer::start(true)];
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("siptls-probe.yaml");
    let target = |name: &str, peer: &HostilePeer| json!({"name": name, "endpoint": "hostile.example.test", "connect": peer.address.to_string()});
    let text = json!({
        "probe": {"interval": "1s", "timeout": "1s", "survey_interval": "off"},
        "targets": [target("short", &peers[0]), target("long", &peers[1])],
    });
    fs::write(&file, text.to_string()).expect("write a configuration");
    for format in ["logfmt", "json"] {
        let port = Port::lease();
        let (configuration, address) = (file.display().to_string(), port.address().to_string());
        let arguments = [
            "run",
            "--config.file",
            &configuration,
            "--web.listen-address",
            &address,
            "--log.level",
            "debug",
            "--log.format",
            format,
        ];
        let own = tempfile::tempdir().expect("make a folder");
        let running = Binary::find().start(own, &arguments).listening(port.number());
        let get = |path: &str| http_get(port.address(), path).expect("the daemon answers");
        until("both endpoints to be seen", Duration::from_secs(20), || {
            let metrics = get("/metrics").body;
            let seen = ["short", "long"]
                .iter()
                .all(|name| metrics.contains(&format!("siptls_sip_response_code{{target=\"{name}\"")));
            seen.then_some(())
        });
        for path in ["/", "/targets/short", "/targets/long"] {
            let HttpResponse {
                status,
                headers,
                body,
            } = get(path);
            assert_eq!(status, 200, "{path}");
            let policy = headers
                .iter()
                .find(|(name, _)| name == "content-security-policy")
                .expect("a policy");
            assert!(
                policy.1.starts_with("default-src 'none';") && !policy.1.contains("unsafe"),
                "{policy:?}"
            );
            if path == "/" {
                is_clean(path, &body, MOST);
                assert!(!body.contains("<script>alert"));
            } else {
                is_markup(path, &body, MOST);
            }
        }
        for path in ["/metrics", "/probe?target=short", "/probe?target=long"] {
            let body = get(path).body;
            is_clean(path, &body, MOST);
            promtool(&body);
        }
        for path in [
            "/api/v1/reports",
            "/api/v1/reports/short",
            "/api/v1/reports/long",
            "/api/v1/changes",
        ] {
            let answer = get(path);
            is_clean(path, &answer.body, MOST);
            answer.json();
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        }
        for path in ["/probe?target=short&debug=true", "/probe?target=long&debug=true"] {
            let answer = get(path);
            is_clean(path, &answer.body, MOST);
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        }
        let asked = get("/targets/%3Cscript%3Ealert(1)%3C/script%3E");
        assert!(
            asked.status == 404 && !asked.body.contains("<script>alert"),
            "{}",
            asked.body
        );
        let log = running.log();
        is_clean(format, &log, 4 * MOST);
        assert!(
            log.lines().all(|line| line.len() < 16 * 1024),
            "a line of the log is longer"
        );
        if format == "json" {
            let lines = log.lines().filter(|line| line.starts_with('{'));
            let values: Vec<Value> = lines
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect();
            assert!(values.len() > 2, "{log}");
        }
    }
}
