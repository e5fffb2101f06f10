//! The real program, its reports and its exit codes, against real servers. The truth is asked of `openssl`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use siptls_e2e::{
    Answer, Binary, Client, ClientAuth, Finished, Kamailio, OpensslServer, Peer, Pki, Port, Proxy, Responder,
    Role, Stunnel, complete,
};

/// Runs `check` on `sbc.example.test` at this address, trusting the tests' root.
fn check(address: SocketAddr, more: &[&str]) -> Finished {
    let (root, address) = (Pki::shared().root(), address.to_string());
    let root = root.display().to_string();
    let arguments = [
        &[
            "check",
            "--trust-anchors",
            &root,
            "--connect",
            &address,
            "sbc.example.test",
        ],
        more,
    ]
    .concat();
    Binary::find().run(&arguments)
}

/// The one report of `check --format json`, and the exit code.
fn report(address: SocketAddr, more: &[&str]) -> (Value, Option<i32>) {
    let finished = check(address, &[&["--format", "json"], more].concat());
    let mut document: Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("expected JSON, found {error}: {finished:?}"));
    assert_eq!(document["schema"], "siptls-probe/report/v1");
    assert_eq!(
        document["reports"].as_array().map(Vec::len),
        Some(1),
        "{document}"
    );
    (document["reports"][0].take(), finished.code)
}

/// Identifiers of the checks with this status, in their order.
fn with_status(report: &Value, status: &str) -> Vec<String> {
    let checks = report["checks"].as_array().expect("checks");
    checks
        .iter()
        .filter(|check| check["status"] == status)
        .map(|check| check["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn kamailio_in_its_three_client_certificate_modes() {
    let pki = Pki::shared();
    for (mode, name, verdict, code, status) in [
        (ClientAuth::None, "not_requested", "pass", 0, "pass"),
        (ClientAuth::Optional, "optional", "warn", 0, "warn"),
        (ClientAuth::Required, "required", "fail", 1, "fail"),
    ] {
        let server = Kamailio::start(
            pki.identity(Role::Good),
            Some("ECDHE-RSA-AES256-GCM-SHA384"),
            mode,
        );
        let proxy = Proxy::to(server.address());
        let (report, exit) = report(proxy.address(), &["--depth", "routine"]);
        proxy.await_closed(1);
        assert_eq!(proxy.connections(), 1, "one connection");
        assert_eq!(
            (&report["verdict"], exit),
            (&json!(verdict), Some(code)),
            "{report:#}"
        );

        let client = Client::to(server.address()).groups("P-384");
        let bare = client.ask();
        let truth = match mode {
            ClientAuth::Required => client.identity(pki.identity(Role::ClientBothEkus)).ask(),
            _ => bare.clone(),
        };
        let handshake = &report["handshake"];
        assert_eq!(handshake["version"], json!(truth.protocol));
        assert_eq!(
            handshake["cipher_suite"],
            json!(iana(truth.cipher.as_deref().expect("a cipher")))
        );
        assert_eq!(handshake["group"], json!(truth.group));
        assert_eq!(handshake["completed"], json!(bare.connected));
        assert_eq!(
            handshake["extended_master_secret"],
            json!(truth.extended_master_secret)
        );
        assert_eq!(
            handshake["secure_renegotiation"],
            json!(truth.secure_renegotiation)
        );
        let alert = bare.alert.map(|number| {
            assert_eq!(number, 40);
            "handshake_failure"
        });
        assert_eq!(handshake["alert"], json!(alert));
        expect_request(&handshake["client_certificate"], name, &truth);
        expect_chain(&report["chain"], &truth);

        // Exactly one check speaks of it, and nothing else is wrong.
        let id = "client-certificate-not-requested".to_owned();
        let fails_too = match mode {
            ClientAuth::Required => vec!["sip-options-answered"],
            _ => Vec::new(),
        };
        for kind in ["warn", "fail"] {
            let found = with_status(&report, kind);
            let expected = if kind == status {
                vec![id.clone()]
            } else {
                Vec::new()
            };
            assert!(
                found == expected
                    || found
                        .iter()
                        .all(|found| expected.contains(found) || fails_too.contains(&&**found)),
                "{mode:?}: {kind}: {found:?}"
            );
        }
        let finding = report["checks"]
            .as_array()
            .and_then(|checks| checks.iter().find(|check| check["id"] == *id))
            .expect("the check is there");
        assert_eq!(finding["status"], json!(status));
        if mode == ClientAuth::None {
            assert_eq!(finding["remedy"], "");
        } else {
            let evidence = finding["evidence"].as_str().unwrap_or_default();
            assert!(evidence.contains("CN=Example Root,O=Example,C=ZZ"), "{evidence}");
            assert!(
                finding["remedy"]
                    .as_str()
                    .is_some_and(|remedy| !remedy.is_empty())
            );
        }
        if mode == ClientAuth::Required {
            assert_eq!(report["error"]["reason"], "client_certificate_required");
            assert_eq!(report["sip"], Value::Null);
        } else {
            assert_eq!(report["error"], Value::Null);
            assert_eq!(report["sip"]["status"], 200);
            assert_eq!(
                report["sip"]["allow"],
                json!(["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"])
            );
        }
    }
}

fn expect_request(request: &Value, mode: &str, truth: &Answer) {
    assert_eq!(request["mode"], mode);
    assert_eq!(request["requested"], json!(truth.certificate_requested));
    let names: Vec<String> = truth
        .certificate_authorities
        .iter()
        .map(|name| rfc4514(name))
        .collect();
    let found: Vec<&Value> = request["authorities"]
        .as_array()
        .expect("authorities")
        .iter()
        .collect();
    assert_eq!(
        json!(found.iter().map(|one| &one["name"]).collect::<Vec<_>>()),
        json!(names)
    );
    let hash = x509(&Pki::shared().root(), &["-subject_hash"]);
    assert!(found.iter().all(|one| one["subject_hash"] == *hash), "{found:?}");
    let types: Vec<String> = truth
        .certificate_types
        .iter()
        .map(|name| match name.as_str() {
            "DSA sign" => "dss_sign".to_owned(),
            other => other.to_lowercase().replace(' ', "_"),
        })
        .collect();
    assert_eq!(request["certificate_types"], json!(types));
    assert_eq!(
        request["signature_algorithms"].as_array().map(Vec::len),
        Some(truth.signature_algorithms.len())
    );
}

/// The chain of [`Role::Good`]: what `openssl x509` says of the files is what the report says of the wire.
fn expect_chain(chain: &Value, truth: &Answer) {
    let good = Pki::shared().identity(Role::Good);
    let certificates = chain["certificates"].as_array().expect("certificates");
    assert_eq!(certificates.len(), truth.certificates);
    for (found, file) in certificates
        .iter()
        .zip([&good.certificate, &Pki::shared().intermediate()])
    {
        let field = |argument: &str| {
            let line = x509(file, &[argument]);
            line.split_once('=')
                .map_or(line.clone(), |(_, value)| value.to_owned())
        };
        assert_eq!(found["serial"], json!(field("-serial").to_lowercase()));
        assert_eq!(
            found["fingerprint_sha256"],
            json!(
                x509(file, &["-fingerprint", "-sha256"])
                    .split_once('=')
                    .map(|(_, hex)| hex.replace(':', "").to_lowercase())
            )
        );
        assert_eq!(found["subject_hash"], json!(x509(file, &["-subject_hash"])));
        assert_eq!(found["issuer_hash"], json!(x509(file, &["-issuer_hash"])));
        let dates = x509(file, &["-dates", "-dateopt", "iso_8601"]);
        for (key, label) in [("not_before", "notBefore="), ("not_after", "notAfter=")] {
            let date = dates
                .lines()
                .find_map(|line| line.strip_prefix(label))
                .map(|date| date.replace(' ', "T"));
            assert_eq!(found[key], json!(date));
        }
    }
    assert_eq!(truth.verify_code, Some(0));
    assert_eq!(
        (&chain["complete"], &chain["ordered"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        chain["trust_anchor"]["subject_hash"],
        json!(x509(&Pki::shared().root(), &["-subject_hash"]))
    );
    assert_eq!(certificates[0]["san_dns"], json!(["sbc.example.test"]));
    assert_eq!(certificates[0]["extended_key_usage"], json!(["serverAuth"]));
    assert_eq!(chain["name_match"]["webpki"], true);
}

/// What OpenSSL calls it, as the IANA does.
fn iana(cipher: &str) -> String {
    let output = complete(Command::new("openssl").args(["ciphers", "-s", "-tls1_2", "-stdname", cipher]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find(|line| line.contains(&format!(" - {cipher} ")))
        .expect("openssl knows it");
    line.split_whitespace().next().unwrap_or_default().to_owned()
}

fn rfc4514(oneline: &str) -> String {
    let mut parts: Vec<String> = oneline.split(", ").map(|part| part.replace(" = ", "=")).collect();
    parts.reverse();
    parts.join(",")
}

fn x509(file: &Path, arguments: &[&str]) -> String {
    let output = complete(
        Command::new("openssl")
            .args(["x509", "-noout"])
            .args(arguments)
            .arg("-in")
            .arg(file),
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// One fault each, and the checks that fail for it; `s_client` verifies the same chain against the same root and name.
#[test]
fn faulty_certificates_are_told_apart() {
    let pki = Pki::shared();
    let sip = Responder::sip();
    let faults: [(Role, &[&str], u32); 6] = [
        (Role::Good, &[], 0),
        (Role::Expired, &["certificate-dates"], 10),
        (Role::NotYetValid, &["certificate-dates"], 9),
        (Role::WrongName, &["server-name-matches"], 62),
        (
            Role::WithoutIntermediate,
            &["chain-complete", "chain-trusted-by-peer"],
            21,
        ),
        (Role::UnknownRoot, &["chain-trusted-by-peer"], 20),
    ];
    for (role, checks, verify_code) in faults {
        let server = Stunnel::start(pki.identity(role), ClientAuth::None, sip.address());
        let (report, exit) = report(server.address(), &[]);
        assert_eq!(critical_failures(&report), checks, "{role:?}: {report:#}");
        let (verdict, code) = if checks.is_empty() {
            ("pass", 0)
        } else {
            ("fail", 1)
        };
        assert_eq!(
            (&report["verdict"], exit),
            (&json!(verdict), Some(code)),
            "{role:?}"
        );
        assert_eq!(report["sip"]["status"], 200, "{role:?}");
        let truth = Client::to(server.address()).ask();
        assert_eq!(truth.verify_code, Some(verify_code), "{role:?}: {}", truth.text);
    }
}

fn critical_failures(report: &Value) -> Vec<String> {
    let checks = report["checks"].as_array().expect("checks");
    checks
        .iter()
        .filter(|check| check["status"] == "fail" && check["severity"] == "critical")
        .map(|check| check["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_good_certificate_is_judged_as_of_another_day() {
    let server = Stunnel::start(
        Pki::shared().identity(Role::Good),
        ClientAuth::None,
        Responder::sip().address(),
    );
    for (day, verdict, code) in [("2020-01-01", "fail", 1), ("2099-12-31T00:00:00Z", "fail", 1)] {
        let (report, exit) = report(server.address(), &["--as-of", day]);
        assert_eq!(
            critical_failures(&report),
            ["certificate-dates"],
            "{day}: {report:#}"
        );
        assert_eq!((&report["verdict"], exit), (&json!(verdict), Some(code)));
    }
}

#[test]
fn what_is_no_sip_endpoint_is_no_failure_of_its_checks() {
    let tls = OpensslServer::new(Pki::shared().identity(Role::Good))
        .reversing()
        .start();
    let (not_sip, exit) = report(tls.address(), &[]);
    assert_eq!(
        (&not_sip["verdict"], exit, &not_sip["error"]["reason"]),
        (&json!("warn"), Some(0), &json!("not_sip"))
    );
    let nobody = Port::lease();
    for (address, reason, who) in [
        (Responder::silent().address(), "tls_timeout", "peer"),
        (
            Responder::saying(b"SIP/2.0 400 Bad Request\r\n\r\n").address(),
            "plain_sip",
            "peer",
        ),
        (
            Responder::saying(b"HTTP/1.1 400 Bad Request\r\n\r\n").address(),
            "plain_http",
            "peer",
        ),
        (nobody.address(), "connection_refused", "peer"),
    ] {
        let (report, exit) = report(address, &["--timeout", "1s"]);
        assert_eq!(
            (&report["verdict"], exit),
            (&json!("inconclusive"), Some(3)),
            "{report:#}"
        );
        assert_eq!(
            (&report["error"]["reason"], &report["error"]["who"]),
            (&json!(reason), &json!(who))
        );
        assert_eq!(with_status(&report, "fail"), Vec::<String>::new(), "{reason}");
        assert_eq!(with_status(&report, "pass"), Vec::<String>::new(), "{reason}");
        assert_eq!(
            (&report["handshake"], &report["chain"]),
            (&Value::Null, &Value::Null)
        );
    }
}

#[test]
fn the_hello_depth_asks_for_no_more_than_the_flight() {
    let server = OpensslServer::new(Pki::shared().identity(Role::Good))
        .client_auth(ClientAuth::Required)
        .start();
    let proxy = Proxy::to(server.address());
    let (report, exit) = report(proxy.address(), &["--depth", "hello"]);
    proxy.await_closed(1);
    assert_eq!(proxy.connections(), 1);
    assert_eq!(
        (&report["phase_reached"], &report["error"]),
        (&json!("server_flight"), &Value::Null)
    );
    assert_eq!(report["handshake"]["client_certificate"]["mode"], "unknown");
    assert_eq!(report["handshake"]["client_certificate"]["requested"], true);
    assert_eq!(
        (&report["verdict"], exit),
        (&json!("warn"), Some(0)),
        "{report:#}"
    );
}

/// Three targets of a configuration, one command: one report for each, the worst decides the exit code.
#[test]
fn several_targets_give_one_report_each() {
    let pki = Pki::shared();
    let sip = Responder::sip();
    let good = Stunnel::start(pki.identity(Role::Good), ClientAuth::None, sip.address());
    let bad = Stunnel::start(pki.identity(Role::Expired), ClientAuth::None, sip.address());
    let nobody = Port::lease();
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("siptls-probe.yaml");
    let target = |name: &str, address: SocketAddr| json!({"name": name, "endpoint": "sbc.example.test", "connect": address.to_string(), "trust_anchors": pki.root()});
    let targets = [
        target("good", good.address()),
        target("bad", bad.address()),
        target("gone", nobody.address()),
    ];
    std::fs::write(&file, json!({ "targets": targets }).to_string()).expect("write a configuration");
    let file = file.display().to_string();
    let ask = |names: &[&str]| {
        let arguments = [&["check", "--format", "jsonl", "--config.file", &file], names].concat();
        let finished = Binary::find().run(&arguments);
        let verdicts: Vec<(String, String)> = finished
            .stdout
            .lines()
            .map(|line| {
                let report: Value = serde_json::from_str(line).expect("a report a line");
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&report["target"]["name"]), text(&report["verdict"]))
            })
            .collect();
        (verdicts, finished.code)
    };
    let pair = |name: &str, verdict: &str| (name.to_owned(), verdict.to_owned());
    assert_eq!(ask(&["good"]), (vec![pair("good", "pass")], Some(0)));
    assert_eq!(
        ask(&["gone", "good"]),
        (vec![pair("gone", "inconclusive"), pair("good", "pass")], Some(3))
    );
    assert_eq!(
        ask(&["gone", "bad", "good"]),
        (
            vec![
                pair("gone", "inconclusive"),
                pair("bad", "fail"),
                pair("good", "pass")
            ],
            Some(1)
        )
    );
}

#[test]
fn text_begins_with_the_verdict_and_has_no_colour_in_a_pipe() {
    let server = Stunnel::start(
        Pki::shared().identity(Role::Expired),
        ClientAuth::None,
        Responder::sip().address(),
    );
    let finished = check(server.address(), &[]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stdout.starts_with("FAIL  sbc.example.test"),
        "{finished:?}"
    );
    for expected in [
        "certificate-dates",
        "seen ",
        "change ",
        "openssl s_client -connect",
    ] {
        assert!(
            finished.stdout.contains(expected),
            "expected {expected:?} in {}",
            finished.stdout
        );
    }
    assert!(!finished.stdout.contains('\u{1b}'), "{}", finished.stdout);
    assert_eq!(finished.stderr, "", "nothing to say beside the report");
}

#[test]
fn what_cannot_run_ends_with_two_and_says_why_on_standard_error() {
    for (arguments, expected) in [
        (vec!["check"], "ENDPOINT"),
        (vec!["check", "sip:sbc.example.test"], "sips"),
        (
            vec![
                "check",
                "--trust-anchors",
                "/nonexistent/root.pem",
                "sbc.example.test",
            ],
            "/nonexistent/root.pem",
        ),
        (
            vec!["check", "--profile", "genesys-byoc-costumer", "sbc.example.test"],
            "genesys-byoc-customer",
        ),
        (vec!["check", "--timeout", "10", "sbc.example.test"], "10"),
    ] {
        let finished = Binary::find().run(&arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert_eq!(finished.stdout, "", "{arguments:?}");
        assert!(
            finished.stderr.contains(expected),
            "{arguments:?}: expected {expected:?} in {}",
            finished.stderr
        );
    }
}

/// The printed question of the report, asked as printed, gives what the report says.
#[test]
fn the_printed_openssl_command_asks_the_same_question() {
    let server = OpensslServer::new(Pki::shared().identity(Role::Good))
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        .start();
    let text = check(server.address(), &["--timeout", "1s"]).stdout;
    let command = text
        .split_once("openssl s_client")
        .map(|(_, rest)| format!("openssl s_client{rest}"))
        .unwrap_or_else(|| panic!("expected a command in {text}"));
    let output = complete(Command::new("bash").args(["-c", &command]));
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    for expected in [
        "Cipher is ECDHE-RSA-AES256-GCM-SHA384",
        "Server Temp Key: ECDH, secp384r1",
        "Verify return code: 0 (ok)",
    ] {
        assert!(answer.contains(expected), "expected {expected:?} in {answer}");
    }
}
