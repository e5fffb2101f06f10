//! The guarded daemon as an operator runs it: TLS, client certificates, users; with curl, OpenSSL, Prometheus and promtool at the
//! other end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use siptls_e2e::{
    Binary, DEADLINE, Finished, Identity, Leaf, Pki, Port, Prometheus, Role, Running, complete, finish, until,
};

/// A folder with a server certificate for 127.0.0.1, a web configuration, and a configuration without targets.
struct Room {
    folder: tempfile::TempDir,
    server: Identity,
    port: Port,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let server = issue(folder.path(), "server");
        fs::write(folder.path().join("siptls-probe.yaml"), "targets: []\n").expect("write a configuration");
        Self {
            server,
            folder,
            port: Port::lease(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tls(&self) -> serde_json::Value {
        json!({"cert_file": self.server.chain, "key_file": self.server.key})
    }

    fn write(&self, web: &serde_json::Value) {
        fs::write(self.at("web.yaml"), web.to_string()).expect("write a web configuration");
    }

    fn start(&self) -> Running {
        let (configuration, web) = (self.at("siptls-probe.yaml"), self.at("web.yaml"));
        let arguments = [
            "run",
            "--config.file",
            &configuration.display().to_string(),
            "--web.config.file",
            &web.display().to_string(),
            "--web.listen-address",
            &self.port.address().to_string(),
            "--log.level",
            "debug",
        ];
        let own = tempfile::tempdir().expect("make a folder");
        Binary::find()
            .start(own, &arguments)
            .listening(self.port.number())
    }

    /// Status code and body, or curl's complaint.
    fn curl(&self, path: &str, arguments: &[&str]) -> (String, String) {
        let mut command = Command::new("curl");
        command
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "20",
                "--write-out",
                "\n%{http_code}",
                "--cacert",
            ])
            .arg(Pki::shared().root())
            .args(arguments)
            .arg(format!("https://{}{path}", self.port.address()));
        let Finished { stdout, stderr, .. } = finish(&mut command, b"", DEADLINE * 2);
        let (body, code) = stdout.rsplit_once('\n').unwrap_or(("", &stdout));
        (code.to_owned(), format!("{body}{stderr}"))
    }

    /// What `openssl s_client` says of a handshake.
    fn s_client(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-connect", &self.port.address().to_string()])
            .args(arguments);
        let Finished { stdout, stderr, .. } = finish(&mut command, b"", DEADLINE);
        stdout + &stderr
    }
}

fn issue(folder: &Path, name: &str) -> Identity {
    let leaf = Leaf::named("probe.example.test")
        .alternative_names("IP:127.0.0.1,DNS:probe.example.test")
        .purposes("serverAuth");
    let identity = Pki::shared().issue(folder, name, &leaf);
    fs::set_permissions(&identity.key, fs::Permissions::from_mode(0o600)).expect("set permissions");
    identity
}

/// What `htpasswd` makes of a password.
fn hash(cost: &str, password: &str) -> String {
    let mut command = Command::new("htpasswd");
    command.args(["-nbBC", cost, "", password]);
    let output = complete(&mut command).stdout;
    let text = String::from_utf8(output).expect("a hash is text");
    text.trim().trim_start_matches(':').to_owned()
}

fn promtool_accepts(file: &Path) {
    let mut command = Command::new("promtool");
    complete(command.args(["check", "web-config"]).arg(file));
}

#[test]
fn a_daemon_with_tls_and_users_is_asked_by_curl_and_by_prometheus() {
    let room = Room::new();
    let web = json!({
        "tls_server_config": room.tls(),
        "http_server_config": {"headers": {"Strict-Transport-Security": "max-age=31536000"}},
        "basic_auth_users": {"alice": hash("10", "wonderland")},
    });
    room.write(&web);
    promtool_accepts(&room.at("web.yaml"));
    let running = room.start();
    let user = ["--user", "alice:wonderland"];
    let (code, body) = room.curl("/metrics", &["--user", "alice:wonderland", "--include"]);
    assert!(
        code == "200" && body.contains("siptls_targets 0"),
        "{code} {body}"
    );
    assert!(
        body.to_lowercase()
            .contains("strict-transport-security: max-age=31536000"),
        "{body}"
    );
    assert_eq!(room.curl("/metrics", &[]).0, "401");
    assert_eq!(room.curl("/metrics", &["--user", "alice:mirror"]).0, "401");
    assert_eq!(room.curl("/-/healthy", &[]).0, "200");
    let said = room.s_client(&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    assert!(
        said.contains("no peer certificate available") && said.contains("SSL alert number"),
        "{said}"
    );
    assert!(
        room.s_client(&["-alpn", "h2,http/1.1"])
            .contains("ALPN protocol: http/1.1")
    );

    let prometheus = Prometheus::configured(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n\
         - job_name: siptls\n  scheme: https\n  tls_config: {{ca_file: '{}'}}\n\
         \x20 basic_auth: {{username: alice, password: wonderland}}\n\
         \x20 static_configs: [{{targets: ['{}']}}]\n",
        Pki::shared().root().display(),
        room.port.address()
    ));
    until("a scrape", DEADLINE, || {
        prometheus.value("siptls_targets").filter(|value| *value == 0.0)
    });

    // Another certificate, another password: taken into use without a restart, and a broken file is not.
    let before = room.s_client(&[]);
    let renewed = issue(room.folder.path(), "renewed");
    fs::copy(&renewed.key, &room.server.key).expect("renew the key");
    fs::copy(&renewed.chain, &room.server.chain).expect("renew the certificate");
    room.write(&json!({"tls_server_config": room.tls(), "basic_auth_users": {"alice": hash("5", "mirror")}}));
    running.hang_up();
    until("the new password", DEADLINE, || {
        (room.curl("/metrics", &["--user", "alice:mirror"]).0 == "200").then_some(())
    });
    let serial = |said: &str| {
        said.split("-----BEGIN CERTIFICATE-----")
            .nth(1)
            .map(str::to_owned)
    };
    assert!(serial(&before).is_some() && serial(&room.s_client(&[])) != serial(&before));
    room.write(&json!({"tls_server_config": room.tls(), "basic_auth_users": {"alice": "mirror"}}));
    running.hang_up();
    until("the broken file", DEADLINE, || {
        running
            .log()
            .contains("the web configuration cannot be used")
            .then_some(())
    });
    let (code, body) = room.curl("/metrics", &["--user", "alice:mirror"]);
    assert!(
        code == "200" && body.contains("siptls_web_config_last_reload_successful 0"),
        "{code}"
    );
    assert_eq!(room.curl("/metrics", &user).0, "401");
}

#[test]
fn client_certificates_are_asked_for_as_the_configuration_says() {
    let room = Room::new();
    let pki = Pki::shared();
    let known = pki.identity(Role::ClientBothEkus);
    let stranger_folder = tempfile::tempdir().expect("make a folder");
    let stranger = stranger_folder.path().join("stranger");
    let (key, certificate) = (stranger.with_extension("key"), stranger.with_extension("pem"));
    let mut command = Command::new("openssl");
    command
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=stranger.example.test",
            "-addext",
            "subjectAltName=DNS:stranger.example.test",
        ])
        .args(["-addext", "extendedKeyUsage=clientAuth", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    complete(&mut command);
    let text = |path: &Path| path.display().to_string();
    let as_known = [
        "--cert".to_owned(),
        text(&known.chain),
        "--key".to_owned(),
        text(&known.key),
    ];
    let as_stranger = [
        "--cert".to_owned(),
        text(&certificate),
        "--key".to_owned(),
        text(&key),
    ];
    let reload = ["--request".to_owned(), "POST".to_owned()];
    let ask = |path: &str, arguments: &[&[String]]| {
        let all: Vec<&str> = arguments
            .concat()
            .iter()
            .map(String::as_str)
            .map(|text| -> &str { Box::leak(text.to_owned().into_boxed_str()) })
            .collect();
        room.curl(path, &all).0
    };
    let mut web = json!({"tls_server_config": room.tls()});
    let set = |web: &mut serde_json::Value, kind: &str, authorities: bool| {
        let tls = &mut web["tls_server_config"];
        tls["client_auth_type"] = json!(kind);
        if authorities {
            tls["client_ca_file"] = json!(pki.root());
        }
        room.write(web);
        promtool_accepts(&room.at("web.yaml"));
    };
    // Status codes of nobody, a stranger, somebody known: what they read, and whether they may reload.
    let mut expect = |kind: &str, authorities: bool, read: [&str; 3], reloads: [&str; 3]| {
        set(&mut web, kind, authorities);
        let _running = room.start();
        let found = [
            ask("/metrics", &[]),
            ask("/metrics", &[&as_stranger]),
            ask("/metrics", &[&as_known]),
        ];
        assert_eq!(found, read, "{kind}");
        let found = [
            ask("/-/reload", &[&reload]),
            ask("/-/reload", &[&reload, &as_stranger]),
            ask("/-/reload", &[&reload, &as_known]),
        ];
        assert_eq!(found, reloads, "{kind}");
    };
    expect("RequestClientCert", false, ["200"; 3], ["200"; 3]);
    expect(
        "RequireAnyClientCert",
        false,
        ["000", "200", "200"],
        ["000", "200", "200"],
    );
    expect(
        "VerifyClientCertIfGiven",
        true,
        ["200", "000", "200"],
        ["403", "000", "200"],
    );
    expect(
        "RequireAndVerifyClientCert",
        true,
        ["000", "000", "200"],
        ["000", "000", "200"],
    );

    // A name in the certificate, letter for letter.
    for (san, code) in [
        ("client.example.test", "200"),
        ("CLIENT.example.test", "000"),
        ("*.example.test", "000"),
    ] {
        let name = known_name(known);
        let san = san
            .replace("client.example.test", &name)
            .replace("CLIENT.example.test", &name.to_uppercase());
        let tls = &mut web["tls_server_config"];
        tls["client_allowed_sans"] = json!([san]);
        room.write(&web);
        let _running = room.start();
        assert_eq!(ask("/metrics", &[&as_known]), code, "{san}");
    }
}

/// The first DNS name of a certificate.
fn known_name(identity: &Identity) -> String {
    let mut command = Command::new("openssl");
    command
        .args(["x509", "-noout", "-ext", "subjectAltName", "-in"])
        .arg(&identity.chain);
    let text = String::from_utf8(complete(&mut command).stdout).expect("openssl prints text");
    let name = text.split("DNS:").nth(1).expect("a DNS name");
    name.split([',', '\n'])
        .next()
        .expect("a DNS name")
        .trim()
        .to_owned()
}

/// Handshakes that never go on, and requests that never end: whoever asks is answered.
#[test]
fn handshakes_that_hang_keep_nobody_out() {
    let room = Room::new();
    room.write(&json!({"tls_server_config": room.tls()}));
    let _running = room.start();
    let mut held = Vec::new();
    for _ in 0..300 {
        held.push(std::net::TcpStream::connect(room.port.address()).expect("connect"));
    }
    let start = Instant::now();
    for path in ["/-/healthy", "/metrics"] {
        let (code, said) = room.curl(path, &[]);
        assert_eq!(code, "200", "{path}: {said}");
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    drop(held);
}

/// What is accepted here is accepted by the toolkit; what is refused is refused with every fault at once.
#[test]
fn web_configurations_are_checked_without_a_daemon() {
    let room = Room::new();
    let web = room.at("web.yaml");
    let check = |extra: &[&str]| {
        let file = web.display().to_string();
        let arguments = [&["config", "check", "--web.config.file", &file], extra].concat();
        Binary::find().run(&arguments)
    };
    for (text, said) in [
        (
            json!({"basic_auth_users": {"alice": hash("4", "a"), "bob": hash("12", "b")}}),
            "no faults: plain HTTP, 2 users",
        ),
        (
            json!({"tls_server_config": room.tls(), "http_server_config": {"http2": false}}),
            "no faults: TLS, 0 users",
        ),
        (
            json!({
                "tls_server_config": {
                    "cert_file": "server.pem", "key_file": "server.key", "client_auth_type": "RequireAndVerifyClientCert",
                    "client_ca_file": Pki::shared().root(), "min_version": "TLS12", "max_version": "TLS13",
                    "cipher_suites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
                    "curve_preferences": ["CurveP256", "X25519"], "prefer_server_cipher_suites": true,
                },
                "http_server_config": {"http2": true, "headers": {
                    "X-Frame-Options": "deny", "X-Content-Type-Options": "nosniff", "X-XSS-Protection": "0",
                    "Content-Security-Policy": "default-src 'self'", "Strict-Transport-Security": "max-age=60",
                }},
            }),
            "no faults: TLS with verified client certificates, 0 users, 5 own headers",
        ),
    ] {
        fs::copy(&room.server.chain, room.at("server.pem")).expect("copy a certificate");
        if room.server.key != room.at("server.key") {
            fs::copy(&room.server.key, room.at("server.key")).expect("copy a key");
        }
        room.write(&text);
        promtool_accepts(&web);
        let found = check(&[]);
        assert_eq!(
            (found.code, found.stdout),
            (Some(0), format!("{}: {said}\n", web.display())),
            "{}",
            found.stderr
        );
    }
    room.write(&json!({"basic_auth_users": {"alice": "wonderland"}, "tls_server_config": {"cert_file": "nowhere.pem"}}));
    let broken = room.at("broken.yaml");
    fs::write(&broken, "targets: []\nintervall: 5s\n").expect("write a configuration");
    let found = check(&["--config.file", &broken.display().to_string()]);
    assert_eq!(found.code, Some(2));
    for part in [
        "tls_server_config: expected the key `key_file`, found none",
        "found no file at",
        "basic_auth_users.alice: expected a bcrypt hash, found another text",
        "intervall: expected a known key",
    ] {
        assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
    }
    assert!(!found.stderr.contains("wonderland"), "{}", found.stderr);
}

/// Versions, suites, curves and whose order counts, as OpenSSL meets them.
#[test]
fn versions_suites_and_curves_are_those_of_the_configuration() {
    let room = Room::new();
    let served = |change: serde_json::Value| {
        let mut web = json!({"tls_server_config": room.tls()});
        for (key, value) in change.as_object().expect("keys") {
            web["tls_server_config"][key] = value.clone();
        }
        room.write(&web);
        promtool_accepts(&room.at("web.yaml"));
        room.start()
    };
    let suite = |arguments: &[&str]| {
        let said = room.s_client(&[&["-tls1_2"], arguments].concat());
        let line = said
            .lines()
            .find_map(|line| line.split("Cipher is ").nth(1).map(str::to_owned));
        line.expect("a suite or none")
    };
    let both = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384";
    let (aes128, aes256) = (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    );
    {
        let _running = served(json!({"cipher_suites": [aes256, aes128]}));
        assert_eq!(
            suite(&["-cipher", both]),
            "ECDHE-RSA-AES256-GCM-SHA384",
            "the server's order"
        );
        assert_eq!(suite(&["-cipher", "ECDHE-RSA-CHACHA20-POLY1305"]), "(NONE)");
        assert!(
            room.s_client(&["-tls1_3"])
                .contains("New, TLSv1.3, Cipher is TLS_")
        );
    }
    {
        let _running =
            served(json!({"cipher_suites": [aes256, aes128], "prefer_server_cipher_suites": false}));
        assert_eq!(
            suite(&["-cipher", both]),
            "ECDHE-RSA-AES128-GCM-SHA256",
            "the client's order"
        );
    }
    {
        let _running = served(json!({"curve_preferences": ["CurveP384"], "max_version": "TLS12"}));
        assert!(
            room.s_client(&["-groups", "X25519:P-384"])
                .contains("ECDH, secp384r1, 384 bits")
        );
        assert_eq!(suite(&["-groups", "X25519:P-256"]), "(NONE)");
        assert!(room.s_client(&["-tls1_3"]).contains("Cipher is (NONE)"));
    }
    {
        let _running = served(json!({"min_version": "TLS13"}));
        assert_eq!(suite(&[]), "(NONE)");
        assert!(
            room.s_client(&["-tls1_3"])
                .contains("New, TLSv1.3, Cipher is TLS_")
        );
    }
}
