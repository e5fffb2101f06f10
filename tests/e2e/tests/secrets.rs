//! Nothing of a private key, a password or its hash is ever printed: markers go through everything that the real program says, and
//! nothing of them comes out in any notation.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use siptls_e2e::{
    Binary, ClientAuth, DEADLINE, Identity, Kamailio, Leaf, Peer, Pki, Port, Role, complete, http_get,
    http_post, until,
};

/// What is searched for, and everything that was said.
struct Search {
    /// Forms of the key as they could be printed.
    needles: Vec<String>,
    said: Vec<(String, String)>,
}

impl Search {
    /// Whatever stands in these files, in base64, as hexadecimal digits, as Debug prints bytes.
    fn of(keys: &[&Path]) -> Self {
        let mut needles = vec!["PRIVATE KEY-----".to_owned()];
        for key in keys {
            let text = fs::read_to_string(key).expect("read a key");
            for line in text
                .lines()
                .filter(|line| !line.starts_with('-') && !line.contains(':'))
            {
                needles.extend((0..line.len().saturating_sub(16)).map(|at| line[at..at + 16].to_owned()));
            }
            let mut command = Command::new("openssl");
            command
                .args(["pkey", "-outform", "DER", "-passin", "pass:marker", "-in"])
                .arg(key);
            let der = complete(&mut command).stdout;
            for bytes in der.windows(8) {
                let join = |separator: &str, form: fn(&u8) -> String| {
                    let forms: Vec<String> = bytes.iter().map(form).collect();
                    forms.join(separator)
                };
                needles.push(join("", |byte| format!("{byte:02x}")));
                needles.push(join("", |byte| format!("{byte:02X}")));
                needles.push(join(":", |byte| format!("{byte:02x}")));
                needles.push(join(", ", u8::to_string));
            }
        }
        // A run of zero bytes is nobody's secret.
        needles.retain(|needle| {
            needle
                .chars()
                .any(|c| c != '0' && c != ',' && c != ' ' && c != ':')
        });
        needles.sort();
        needles.dedup();
        assert!(
            needles.len() > 2_000,
            "expected the forms of a key, made {}",
            needles.len()
        );
        Self {
            needles,
            said: Vec::new(),
        }
    }

    fn hear(&mut self, what: &str, text: impl Into<String>) {
        let text = text.into();
        assert!(!text.is_empty(), "{what}: nothing was said");
        self.said.push((what.to_owned(), text));
    }

    fn run(&mut self, arguments: &[&str], code: i32) {
        let what = arguments.join(" ");
        let finished = Binary::find().run(arguments);
        assert_eq!(finished.code, Some(code), "{what}: {finished:?}");
        self.hear(&what, finished.stdout + &finished.stderr);
    }

    fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (what, text) in &self.said {
            let there = self.needles.iter().find(|needle| text.contains(needle.as_str()));
            found.extend(there.map(|needle| format!("{what}: {needle}")));
        }
        found
    }
}

/// The marker's certificate with its key in several forms, and a configuration that names it.
struct Room {
    folder: tempfile::TempDir,
    marker: Identity,
    good: Vec<PathBuf>,
    encrypted: PathBuf,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let leaf = Leaf::named("marker.example.test").purposes("serverAuth,clientAuth");
        let marker = Pki::shared().issue(folder.path(), "marker", &leaf);
        // The bundle has the key in it, and is of no use here.
        fs::remove_file(&marker.bundle).expect("remove the bundle");
        let form = |name: &str, arguments: &[&str]| {
            let file = folder.path().join(name);
            let mut command = Command::new("openssl");
            command
                .args(arguments)
                .arg("-in")
                .arg(&marker.key)
                .arg("-out")
                .arg(&file);
            complete(&mut command);
            keep(&file, 0o600);
            file
        };
        let pkcs1 = form("pkcs1.key", &["rsa", "-traditional"]);
        let encrypted = form("encrypted.key", &["pkey", "-aes256", "-passout", "pass:marker"]);
        Self {
            good: vec![marker.key.clone(), pkcs1],
            folder,
            marker,
            encrypted,
        }
    }

    fn configure(&self, server: &dyn Peer, key: &Path) -> String {
        let file = self.folder.path().join("siptls-probe.yaml");
        let text = json!({
            "probe": {"interval": "1s", "timeout": "1s", "survey_interval": "60s"},
            "client_identities": [{"name": "marker", "certificate": self.marker.chain, "key": key}],
            "targets": [{
                "name": "sbc",
                "endpoint": "sbc.example.test",
                "connect": server.address().to_string(),
                "trust_anchors": Pki::shared().root(),
                "client_identities": ["marker"],
            }],
        });
        fs::write(&file, text.to_string()).expect("write a configuration");
        file.display().to_string()
    }
}

fn keep(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("set permissions");
}

#[test]
fn no_byte_of_a_private_key_is_printed() {
    let server = Kamailio::start(Pki::shared().identity(Role::Good), None, ClientAuth::Required);
    let room = Room::new();
    let mut search = Search::of(&[&room.good[0], &room.good[1], &room.encrypted]);

    // Both forms load and are shown by their paths.
    for key in &room.good {
        let file = room.configure(&server, key);
        search.run(&["config", "check", "--config.file", &file], 0);
        search.run(&["config", "show", "--config.file", &file], 0);
        assert!(
            search
                .said
                .last()
                .is_some_and(|(_, text)| text.contains(&key.display().to_string()))
        );
        for format in ["text", "json", "jsonl", "csv", "junit", "sarif"] {
            let arguments = [
                "check",
                "sbc",
                "--config.file",
                &file,
                "--format",
                format,
                "--depth",
                "routine",
            ];
            search.run(&arguments, 1);
        }
        assert!(
            search
                .said
                .iter()
                .any(|(_, text)| text.contains("it accepts marker (serverAuth and clientAuth)"))
        );
    }

    // Broken ones are refused.
    let broken = |name: &str, text: String, mode| {
        let file = room.folder.path().join(name);
        fs::write(&file, text).expect("write a key");
        keep(&file, mode);
        file
    };
    let key = fs::read_to_string(&room.marker.key).expect("read the key");
    let other = &Pki::shared().identity(Role::ClientBothEkus).key;
    for file in [
        broken("half.key", key[..key.len() / 2].to_owned(), 0o600),
        broken("one-letter.key", key.replacen("\nM", "\n*", 1), 0o600),
        broken("open.key", key.clone(), 0o644),
        broken("headless.key", key.replace("PRIVATE", "SECRET"), 0o600),
        room.encrypted.clone(),
        other.clone(),
    ] {
        let shown = file.display().to_string();
        let configuration = room.configure(&server, &file);
        search.run(&["config", "check", "--config.file", &configuration], 2);
        let certificate = room.marker.chain.display().to_string();
        let options = [
            "check",
            "sbc.example.test",
            "--client-cert",
            &certificate,
            "--client-key",
            &shown,
        ];
        search.run(&options, 2);
        assert!(search.said.last().is_some_and(|(_, text)| text.contains(&shown)));
    }

    // The daemon at its most talkative, with a renewal gone wrong under it.
    let file = room.configure(&server, &room.good[0]);
    let port = Port::lease();
    let address = port.address().to_string();
    let arguments = [
        "run",
        "--config.file",
        &file,
        "--web.listen-address",
        &address,
        "--log.level",
        "debug",
    ];
    let own = tempfile::tempdir().expect("make a folder");
    let running = Binary::find().start(own, &arguments).listening(port.number());
    let get = |path: &str| http_get(port.address(), path).expect("the daemon answers").body;
    let patience = DEADLINE * 2;
    until("the rehearsal", patience, || {
        get("/metrics")
            .lines()
            .any(|line| line.starts_with("siptls_client_identity_accepted{") && line.ends_with("} 1"))
            .then_some(())
    });
    for path in [
        "/",
        "/targets/sbc",
        "/metrics",
        "/api/v1/reports",
        "/api/v1/reports/sbc",
        "/probe?target=sbc&debug=true",
        "/probe?target=marker&debug=true",
    ] {
        search.hear(path, get(path));
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.id())).expect("read the limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.expect("a limit of core files").split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");

    fs::copy(other, &room.good[0]).expect("write another key");
    let reload = http_post(port.address(), "/-/reload").expect("the daemon answers");
    assert_eq!(reload.status, 500, "{}", reload.body);
    search.hear("POST /-/reload", reload.body);
    let log = until("the log of the reload", Duration::from_secs(20), || {
        let log = running.log();
        log.contains("the last good one stays in use").then_some(log)
    });
    assert!(log.contains("client_identities[marker].key"), "{log}");
    search.hear("log", log);

    assert_eq!(search.said.len(), 37, "texts");
    let found = search.found();
    assert!(found.is_empty(), "{found:#?}");

    // What is searched for is found where it is.
    search.hear("the key itself", key);
    assert!(!search.found().is_empty());
}

/// The web configuration's secrets: the key in a file and in the text, two hashes, the passwords behind them.
#[test]
fn nothing_of_a_web_configuration_is_printed() {
    let room = Room::new();
    let mut search = Search::of(&[&room.good[0], &room.good[1], &room.encrypted]);
    let hash = |password: &str| {
        let mut command = Command::new("htpasswd");
        command.args(["-nbBC", "4", "", password]);
        let text = String::from_utf8(complete(&mut command).stdout).expect("a hash is text");
        text.trim().trim_start_matches(':').to_owned()
    };
    let (right, other) = ("hidden-in-plain-sight", "nobody-may-see-this");
    let hashes = [hash(right), hash(other)];
    search.needles.extend([right.to_owned(), other.to_owned()]);
    for hash in &hashes {
        search
            .needles
            .extend((7..hash.len() - 12).map(|at| hash[at..at + 12].to_owned()));
    }
    let key = fs::read_to_string(&room.marker.key).expect("read the key");
    let web = room.folder.path().join("web.yaml");
    let file = web.display().to_string();
    let write = |text: &serde_json::Value| {
        fs::write(&web, text.to_string()).expect("write a web configuration");
        keep(&web, 0o600);
    };
    let users = json!({"alice": hashes[0], "bob": hashes[1]});
    let tls = json!({"cert_file": room.marker.chain, "key_file": room.good[0]});
    let inline = json!({"cert": fs::read_to_string(&room.marker.chain).expect("read"), "key": key});
    for tls in [&tls, &inline] {
        write(&json!({"tls_server_config": tls, "basic_auth_users": users}));
        search.run(&["config", "check", "--web.config.file", &file], 0);
    }
    let half = |text: &str| text[..text.len() / 2].to_owned();
    for broken in [
        json!({"basic_auth_users": {"alice": right}}),
        json!({"basic_auth_users": {"alice": half(&hashes[0])}}),
        json!({"basic_auth_users": {"alice": [hashes[0]]}}),
        json!({"basic_auth_users": {"alice": {"password": right}}}),
        json!({"tls_server_config": {"cert": inline["cert"], "key": half(&key)}}),
        json!({"tls_server_config": {"cert": key, "key": inline["cert"]}}),
        json!({"tls_server_config": {"cert": inline["cert"], "key": {"pem": key}}}),
        json!({"tls_server_config": {"cert_file": room.marker.chain, "key_file": room.encrypted}}),
    ] {
        write(&broken);
        search.run(&["config", "check", "--web.config.file", &file], 2);
        search.run(
            &[
                "run",
                "--web.config.file",
                &file,
                "--web.listen-address",
                "127.0.0.1:0",
            ],
            2,
        );
    }

    write(&json!({"basic_auth_users": users}));
    let configuration = room.folder.path().join("none.yaml");
    fs::write(&configuration, "targets: []\n").expect("write a configuration");
    let port = Port::lease();
    let (address, configuration) = (port.address().to_string(), configuration.display().to_string());
    let arguments = [
        "run",
        "--config.file",
        &configuration,
        "--web.config.file",
        &file,
        "--web.listen-address",
        &address,
        "--log.level",
        "debug",
    ];
    let own = tempfile::tempdir().expect("make a folder");
    let running = Binary::find().start(own, &arguments).listening(port.number());
    let curl = |path: &str, credentials: &str, method: &str| {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--include",
            "--request",
            method,
            "--user",
            credentials,
        ]);
        let output = complete(command.arg(format!("http://{address}{path}")));
        String::from_utf8(output.stdout).expect("an answer is text")
    };
    let right_one = format!("alice:{right}");
    for path in [
        "/",
        "/metrics",
        "/api/v1/reports",
        "/probe?target=none&debug=true",
        "/nothing",
    ] {
        search.hear(path, curl(path, &right_one, "GET"));
    }
    assert!(
        search
            .said
            .iter()
            .any(|(path, text)| path == "/metrics" && text.contains("siptls_targets 0"))
    );
    // A password in the place of the name, and a wrong one.
    search.hear("mistyped", curl("/metrics", &format!("{right}:alice"), "GET"));
    search.hear("wrong", curl("/metrics", &format!("alice:{other}"), "GET"));
    write(&json!({"basic_auth_users": {"alice": right}}));
    let reload = curl("/-/reload", &right_one, "POST");
    assert!(
        reload.starts_with("HTTP/1.1 500") && reload.contains("basic_auth_users.alice"),
        "{reload}"
    );
    search.hear("POST /-/reload", reload);
    let log = running.log();
    assert!(
        log.contains("name or password refused") && log.contains("the last good one stays in use"),
        "{log}"
    );
    search.hear("log", log);
    let found = search.found();
    assert!(found.is_empty(), "{found:#?}");
    search.hear("the hash itself", hashes[1].clone());
    assert!(!search.found().is_empty());
}
