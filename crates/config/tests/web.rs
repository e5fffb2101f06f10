//! Web configurations: what loads, what is refused, and that nothing of a hash or a key is ever shown.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "test code may panic")]

use rcgen::{CertificateParams, KeyPair};
use siptls_config::{Faults, WebClientAuth, WebConfig, WebHeader, WebRateLimit, WebTlsVersion, load_web};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

/// Of cost 10, made with htpasswd; of which password is nobody's business.
const HASH: &str = "$2y$10$uIMnYBqFNHmJSqVUKjL0a.M6Bc7lFzjgGM9pDJTvHnmXTvoTZL8Oy";

struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let room = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["server", "other"] {
            let key = KeyPair::generate().unwrap();
            let names = vec![format!("{name}.example.test")];
            let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
            room.write(&format!("{name}.pem"), &certificate.pem());
            room.write(&format!("{name}.key"), &key.serialize_pem());
        }
        room
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
        self.mode(name, 0o600);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    fn load(&self, text: &str) -> Result<WebConfig, Faults> {
        self.write("web.yaml", text);
        load_web(&self.at("web.yaml"))
    }

    /// The faults, without the folder's name.
    fn refused(&self, text: &str) -> String {
        let faults = self.load(text).map(|_| ()).expect_err(text).to_string();
        faults.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

#[test]
fn everything_that_can_be_said_is_read() {
    let room = Room::new();
    let web = room
        .load(&format!(
            "tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: other.pem
  client_allowed_sans: [prometheus.example.test, 192.0.2.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256]
  curve_preferences: [X25519, CurveP384]
  prefer_server_cipher_suites: false
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: sameorigin
basic_auth_users: {{alice: '{HASH}', bob: '{HASH}'}}
rate_limit: {{interval: 10ms, burst: 50}}
"
        ))
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert!(web.authenticates() && web.wants_http2);
    assert_eq!(
        web.headers,
        [
            (WebHeader::StrictTransportSecurity, "max-age=31536000".to_owned()),
            (WebHeader::FrameOptions, "sameorigin".to_owned())
        ]
    );
    assert_eq!(
        web.users.keys().map(String::as_str).collect::<Vec<_>>(),
        ["alice", "bob"]
    );
    assert_eq!(web.users["bob"].as_str(), HASH);
    let limit = WebRateLimit {
        interval: Duration::from_millis(10),
        burst: 50,
    };
    assert_eq!(web.rate_limit, Some(limit));
    let mut watched: Vec<_> = web.files.iter().map(|path| path.file_name().unwrap()).collect();
    watched.sort();
    assert_eq!(watched, ["other.pem", "server.key", "server.pem"]);
    let shown = format!("{web:?}");
    assert!(
        !shown.contains("uIMnYBqF") && !shown.contains("PRIVATE"),
        "{shown}"
    );
    let tls = web.tls.unwrap();
    assert_eq!((tls.chain.len(), tls.client_authorities.len()), (1, 1));
    assert_eq!(tls.client_auth, WebClientAuth::RequireAndVerify);
    assert_eq!(tls.client_allowed_sans, ["prometheus.example.test", "192.0.2.1"]);
    assert_eq!(
        (tls.min_version, tls.max_version),
        (WebTlsVersion::Tls12, WebTlsVersion::Tls13)
    );
    assert_eq!(
        tls.cipher_suites,
        [
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS13_AES_128_GCM_SHA256"
        ]
    );
    assert_eq!(tls.groups, ["X25519", "secp384r1"]);
    assert!(!tls.prefer_server_order);
}

#[test]
fn certificate_and_key_may_stand_in_the_file_itself() {
    let room = Room::new();
    let block = |name: &str| {
        let text = room.text(name);
        text.lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    let text = format!(
        "tls_server_config:\n  cert: |\n{}  key: |\n{}  client_auth_type: VerifyClientCertIfGiven\n  client_ca: |\n{}",
        block("server.pem"),
        block("server.key"),
        block("other.pem")
    );
    let web = room.load(&text).unwrap_or_else(|faults| panic!("{faults}"));
    let tls = web.tls.as_ref().unwrap();
    assert_eq!(
        (tls.client_auth, tls.client_authorities.len()),
        (WebClientAuth::VerifyIfGiven, 1)
    );
    assert!(!tls.key.der().is_empty() && web.authenticates());
    // A file with a key in it is a key file.
    room.mode("web.yaml", 0o644);
    let faults = load_web(&room.at("web.yaml"))
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        faults.contains("tls_server_config.key: expected a key file that others cannot touch"),
        "{faults}"
    );
    let mixed = text.replace(&block("server.key"), &block("other.key"));
    let faults = room.refused(&mixed);
    assert!(
        faults.contains("expected the private key of the first certificate"),
        "{faults}"
    );
    assert!(!faults.contains("BEGIN"), "{faults}");
}

#[test]
fn every_fault_is_found_at_once_and_nothing_secret_is_repeated() {
    let room = Room::new();
    room.mode("server.key", 0o644);
    let found = room.refused(
        "tls_server_confg: {}
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  key: hunter2
  client_auth_type: RequireCert
  client_ca_file: nowhere.pem
  client_allowed_sans: [a.example.test]
  min_version: TLS10
  max_version: TLS14
  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  curve_preferences: [CurveP521]
  prefer_server_cipher_suites: yes
http_server_config:
  http2: maybe
  headers: {X-Frame-Options: DENY, Server: x, Content-Security-Policy: ''}
basic_auth_users:
  alice: hunter2
  bob: $2y$10$hunter2
  carol: $2y$17$uIMnYBqFNHmJSqVUKjL0a.M6Bc7lFzjgGM9pDJTvHnmXTvoTZL8Oy
  'd:ave': $2y$10$uIMnYBqFNHmJSqVUKjL0a.M6Bc7lFzjgGM9pDJTvHnmXTvoTZL8Oy
  erin: [hunter2]
rate_limit: {interval: 5, burst: 0, bursts: 3}
",
    );
    let expected = "\
web.yaml:1:1: tls_server_confg: expected a known key, found `tls_server_confg`
  hint: did you mean `tls_server_config`?
web.yaml:4:3: tls_server_config.key_file: expected either `key` or `key_file`, found both
web.yaml:6:21: tls_server_config.client_auth_type: expected what is asked of clients, found `RequireCert`
  hint: known: `NoClientCert`, `RequestClientCert`, `RequireAnyClientCert`, `RequireClientCert`, `VerifyClientCertIfGiven`, `RequireAndVerifyClientCert`
web.yaml:7:19: tls_server_config.client_ca_file: expected a PEM file with a certificate, found no file at `nowhere.pem`
web.yaml:8:24: tls_server_config.client_allowed_sans: expected `client_auth_type: RequireAndVerifyClientCert` beside it, found one that lets clients in without a certificate
web.yaml:9:16: tls_server_config.min_version: expected `TLS12` or `TLS13`, found `TLS10`
  hint: TLS 1.0 and 1.1 are not served: write `TLS12`
web.yaml:10:16: tls_server_config.max_version: expected `TLS12` or `TLS13`, found `TLS14`
  hint: write `TLS12` or `TLS13`
";
    assert!(found.starts_with(expected), "{found}");
    for line in [
        "web.yaml:11:19: tls_server_config.cipher_suites[0]: expected a suite that can be served, found `TLS_RSA_WITH_AES_128_CBC_SHA`",
        "web.yaml:11:73: tls_server_config.cipher_suites[2]: expected each suite once, found `TLS_AES_128_GCM_SHA256` again",
        "web.yaml:12:23: tls_server_config.curve_preferences[0]: expected a curve that can be served, found `CurveP521`",
        "  hint: remove it; there are `CurveP256`, `CurveP384`, `X25519`",
        "web.yaml:13:32: tls_server_config.prefer_server_cipher_suites: expected `true` or `false`, found `yes`",
        "web.yaml:15:10: http_server_config.http2: expected `true` or `false`, found `maybe`",
        "web.yaml:16:30: http_server_config.headers.X-Frame-Options: expected `deny` or `sameorigin`, found `DENY`",
        "web.yaml:16:36: http_server_config.headers.Server: expected a known key, found `Server`",
        "web.yaml:16:72: http_server_config.headers.Content-Security-Policy: expected a value, found an empty text",
        "web.yaml:18:10: basic_auth_users.alice: expected a bcrypt hash, found another text",
        "  hint: make one: `htpasswd -nBC 10 NAME`, and take what follows the colon",
        "web.yaml:19:8: basic_auth_users.bob: expected a bcrypt hash, found a damaged one",
        "web.yaml:20:10: basic_auth_users.carol: expected a bcrypt hash, found one of cost 17, beyond 4 to 15",
        "web.yaml:21:3: basic_auth_users.d:ave: expected a name of 1 to 128 bytes without colon, found `d:ave`",
        "web.yaml:22:9: basic_auth_users.erin: expected a bcrypt hash, found a list",
        "web.yaml:23:24: rate_limit.interval: expected a duration with its unit, found `5`",
        "web.yaml:23:34: rate_limit.burst: expected a number from 1 to 100000, found `0`",
        "web.yaml:23:37: rate_limit.bursts: expected a known key, found `bursts`",
    ] {
        assert!(found.lines().any(|found| found == line), "{line}\n{found}");
    }
    assert!(!found.contains("hunter2") && !found.contains("uIMn"), "{found}");
}

#[test]
fn what_would_leave_a_door_open_is_refused() {
    let room = Room::new();
    let tls = "tls_server_config: {cert_file: server.pem, key_file: server.key";
    for (text, fault) in [
        (String::new(), "found an empty file"),
        ("# nothing\n".to_owned(), "found an empty file"),
        ("[]".to_owned(), "found a list"),
        (
            "basic_auth_users:\n".to_owned(),
            "expected users with their hashed passwords, found nothing",
        ),
        (
            "basic_auth_users: {}".to_owned(),
            "expected 1 to 1000 users, found 0",
        ),
        (
            "tls_server_config: {}".to_owned(),
            "expected the key `cert_file`, found none",
        ),
        (
            "tls_server_config: {min_version: TLS13}".to_owned(),
            "expected the key `key_file`, found none",
        ),
        (
            format!("{tls}, client_ca_file: other.pem}}"),
            "expected `client_auth_type` to ask for certificates",
        ),
        (
            format!("{tls}, client_auth_type: VerifyClientCertIfGiven}}"),
            "expected `client_ca_file` beside it",
        ),
        (format!("{tls}, client_allowed_sans: []}}"), "found an empty list"),
        (
            format!("{tls}, client_auth_type: RequireAnyClientCert, client_allowed_sans: [a]}}"),
            "client_allowed_sans: expected `client_auth_type: RequireAndVerifyClientCert` beside it, found one that does not verify certificates",
        ),
        (
            format!("{tls}, client_auth_type: RequireClientCert, client_allowed_sans: [a]}}"),
            "client_allowed_sans: expected `client_auth_type: RequireAndVerifyClientCert` beside it, found one that does not verify certificates",
        ),
        (
            format!(
                "{tls}, client_auth_type: VerifyClientCertIfGiven, client_ca_file: other.pem, client_allowed_sans: [a]}}"
            ),
            "found one that lets clients in without a certificate",
        ),
        (
            format!("{tls}, min_version: TLS13, max_version: TLS12}}"),
            "no lower than `min_version`",
        ),
        (format!("{tls}, cipher_suites: []}}"), "found an empty list"),
        (
            "tls_server_config: {cert_file: server.pem, key_file: other.key}".to_owned(),
            "found that of another at `other.key`",
        ),
        (
            "http_server_config: {headers: {Strict-Transport-Security: max-age=1}}".to_owned(),
            "expected `tls_server_config` beside it, found none",
        ),
        (
            "rate_limit: {burst: 3}".to_owned(),
            "expected the key `interval`, found none",
        ),
    ] {
        let found = room.refused(&text);
        assert!(found.contains(fault), "{text}\n{found}");
    }
    assert!(
        room.load("rate_limit: {interval: 0s, burst: 0}")
            .unwrap()
            .rate_limit
            .is_none()
    );
    let nowhere = load_web(&room.at("nowhere.yaml")).map(|_| ()).unwrap_err();
    assert!(
        nowhere
            .to_string()
            .ends_with("expected a web configuration, found no file"),
        "{nowhere}"
    );
    assert!(nowhere.sources() != &nowhere.sources().again() || !nowhere.sources().is_empty());
}

#[test]
fn a_certificate_that_may_be_missing_keeps_nobody_out() {
    let room = Room::new();
    let tls = "tls_server_config: {cert_file: server.pem, key_file: server.key, client_ca_file: other.pem";
    let of = |mode: &str| {
        let web = room.load(&format!("{tls}, client_auth_type: {mode}}}")).unwrap();
        (web.authenticates(), web.keeps_out())
    };
    assert_eq!(of("VerifyClientCertIfGiven"), (true, false));
    assert_eq!(of("RequireAndVerifyClientCert"), (true, true));
}

#[test]
fn a_change_of_a_file_that_it_names_is_a_change() {
    let room = Room::new();
    let text = "tls_server_config: {cert_file: server.pem, key_file: server.key}";
    let web = room.load(text).unwrap();
    assert_eq!(web.sources, web.sources.again());
    room.write("server.key", &room.text("other.key"));
    assert_ne!(web.sources, web.sources.again());
}

#[test]
fn the_example_of_the_security_page_is_accepted() {
    let page = include_str!("../../../docs/security.md");
    let example = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let room = Room::new();
    let web = room.load(example).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(web.authenticates() && web.tls.is_some());
    // What stands there as a comment can be used as well.
    room.write("authorities.pem", &room.text("other.pem"));
    let web = room
        .load(&example.replace("  # client", "  client"))
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(web.tls.unwrap().client_auth, WebClientAuth::RequireAndVerify);
}
