//! The runbooks: one for each alert, each with the same headings; every command line is one that the program takes, every
//! link leads somewhere, every product is spoken of; and what the pages show against the lab's endpoints is what comes out
//! when it is done again.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use siptls_catalog::explain;
use siptls_e2e::{Binary, DEADLINE, Kamailio, Peer, Pki, Port, Role, Running, finish, http_get, until};
use siptls_model::CheckId;

const HEADINGS: [&str; 6] = [
    "Meaning",
    "Impact",
    "Diagnosis",
    "Mitigation",
    "When it resolves",
    "False alarm?",
];

const VENDORS: [&str; 9] = [
    "AudioCodes",
    "Ribbon",
    "Oracle",
    "Cisco CUBE",
    "Cisco Expressway",
    "Kamailio",
    "OpenSIPS",
    "Asterisk",
    "FreeSWITCH",
];

/// Alerts about this program itself, of which TLS says nothing.
const WITHOUT_OPENSSL: [&str; 3] = [
    "SipTlsProbeHeartbeat",
    "SipTlsProbeJournalFailing",
    "SipTlsProbeTargetsVanished",
];

/// Headings of the index, by severity.
const SEVERITIES: [(&str, &str); 4] = [
    ("critical", "Critical: somebody is woken"),
    ("warning", "Warning: within the working day"),
    ("info", "Information: nobody is called"),
    ("none", "No severity: for machines"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn folder() -> PathBuf {
    root().join("docs/runbooks")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("expected {}, found {error}", path.display()))
}

/// Every page of the folder by its name without `.md`.
fn pages() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder()).expect("list the runbooks");
    let pages: BTreeMap<_, _> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path
                .file_stem()
                .expect("a name")
                .to_str()
                .expect("UTF-8")
                .to_owned();
            assert_eq!(
                path.extension().and_then(|one| one.to_str()),
                Some("md"),
                "{}",
                path.display()
            );
            (name, read(&path))
        })
        .collect();
    assert_eq!(pages.len(), 38, "{:?}", pages.keys());
    pages
}

/// The pages that are runbooks.
fn books() -> BTreeMap<String, String> {
    let mut pages = pages();
    for other in ["README", "vendors"] {
        assert!(pages.remove(other).is_some(), "expected {other}.md");
    }
    pages
}

/// The alerts of the rule files with their severities.
fn alerts() -> BTreeMap<String, String> {
    let rules = root().join("deploy/monitoring/alerts");
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for entry in fs::read_dir(&rules).expect("list the alert rules") {
        let mut alert = None;
        for line in read(&entry.expect("an entry").path()).lines() {
            let line = line.trim_start();
            if let Some(name) = line.strip_prefix("- alert: ") {
                assert_eq!(alert, None, "expected a severity before {name}");
                alert = Some(name.to_owned());
            } else if let (Some(severity), Some(name)) = (line.strip_prefix("severity: "), &alert) {
                let other = found.insert(name.clone(), severity.to_owned());
                assert!(
                    other.is_none_or(|other| other == severity),
                    "expected one severity of {name}"
                );
                alert = None;
            }
        }
        assert_eq!(alert, None, "expected a severity");
    }
    assert!(found.len() >= 36, "{found:?}");
    found
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let alerts = alerts();
    let books = books();
    assert_eq!(
        alerts.keys().collect::<Vec<_>>(),
        books.keys().collect::<Vec<_>>(),
        "alerts and runbooks"
    );
    // The index has each once, under its severity, with the first line of its page.
    let index = read(&folder().join("README.md"));
    let mut listed = BTreeMap::new();
    for (severity, heading) in SEVERITIES {
        let section = index
            .split(&format!("\n## {heading}\n"))
            .nth(1)
            .expect("a section");
        let section = section.split("\n## ").next().unwrap_or_default();
        for item in section.split("\n- [").skip(1) {
            let (name, rest) = item.split_once("](").expect("a link");
            let (link, line) = rest.split_once("): ").expect("a line");
            assert_eq!(link, format!("{name}.md"));
            assert_eq!(joined(line), first_line(&books[name]), "{name}");
            assert_eq!(
                listed.insert(name.to_owned(), severity.to_owned()),
                None,
                "{name}"
            );
        }
    }
    assert_eq!(listed, alerts);
}

fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands between the title and the first heading.
fn first_line(book: &str) -> String {
    let after_title = book.split_once("\n\n").expect("a title").1;
    joined(after_title.split("\n## ").next().unwrap_or_default())
}

#[test]
fn every_runbook_has_the_headings_and_what_belongs_under_them() {
    for (name, book) in books() {
        assert!(book.starts_with(&format!("# {name}\n\n")), "{name}");
        let first = first_line(&book);
        assert!(
            (30..=170).contains(&first.len()) && first.ends_with('.'),
            "{name}: {first}"
        );
        let headings: Vec<_> = book.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, HEADINGS, "{name}");
        let section = |heading: &str| {
            let after = book
                .split(&format!("\n## {heading}\n"))
                .nth(1)
                .expect("a section");
            after.split("\n## ").next().unwrap_or_default().trim().to_owned()
        };
        for heading in HEADINGS {
            assert!(section(heading).len() > 10, "{name}: {heading}");
        }
        let impact = section("Impact");
        assert!(impact.contains("Genesys → endpoint"), "{name}: {impact}");
        assert!(impact.contains("endpoint → Genesys"), "{name}: {impact}");
        let diagnosis = section("Diagnosis");
        assert!(diagnosis.contains("siptls-probe "), "{name}");
        assert_eq!(
            book.contains("openssl "),
            !WITHOUT_OPENSSL.contains(&name.as_str()),
            "{name}"
        );
        let mitigation = section("Mitigation");
        assert!(mitigation.contains("**Whose turn**: "), "{name}");
        assert!(mitigation.contains("1. *Fast*: "), "{name}");
        assert!(mitigation.contains(". *Lasting*: "), "{name}");
        let products = mitigation.contains("**Product by product**") && mitigation.contains("](vendors.md#");
        let nothing = mitigation.contains("Nothing is to be done at any product.");
        assert!(products != nothing, "{name}: {mitigation}");
    }
}

#[test]
fn every_product_is_in_every_section_with_its_source() {
    let page = read(&folder().join("vendors.md"));
    let (tasks, sources) = page.split_once("\n## Sources\n").expect("sources");
    let mut sections = tasks.split("\n## ");
    assert!(
        sections
            .next()
            .is_some_and(|preface| preface.contains("no source known"))
    );
    let mut used = BTreeSet::new();
    let mut seen = 0;
    for section in sections {
        seen += 1;
        let items: Vec<_> = section.split("\n- **").skip(1).collect();
        let names: Vec<_> = items.iter().filter_map(|item| item.split("**:").next()).collect();
        assert_eq!(names, VENDORS, "{section}");
        for item in items {
            let keys: Vec<_> = item
                .split('[')
                .skip(1)
                .filter_map(|rest| rest.split(']').next())
                .collect();
            let keys: Vec<_> = keys.into_iter().filter(|key| is_source(key)).collect();
            let said = joined(item);
            assert!(
                !keys.is_empty() || said.contains("no source known") || said.contains("econd hand"),
                "expected a source: {said}"
            );
            used.extend(keys);
        }
    }
    assert_eq!(seen, 8, "sections");
    let defined: BTreeSet<_> = sources
        .split("\n- **")
        .skip(1)
        .filter_map(|item| item.split("**").next())
        .collect();
    assert_eq!(used, defined, "used and defined");
}

/// What `explain` says of a product must be on the page for people too: each name that is to be typed.
#[test]
fn the_page_knows_every_name_that_explain_gives() {
    let page = read(&folder().join("vendors.md"));
    let mut seen = 0;
    for (check, task) in [
        (
            CheckId::ClientCertificateNotRequested,
            "Stop asking for a client certificate",
        ),
        (CheckId::CertificateDates, "Renew a certificate and have it read"),
        (CheckId::ChainComplete, "Install the chain with its intermediates"),
        (CheckId::CipherSuiteShared, "Choose cipher suites"),
        (CheckId::EcdheSecp384r1, "Enable secp384r1"),
        (CheckId::Tls12Negotiated, "Enable TLS 1.2"),
        (CheckId::SipOptionsAnswered, "Answer OPTIONS"),
    ] {
        let section = page.split(&format!("\n## {task}\n")).nth(1).expect("a task");
        let section = section.split("\n## ").next().unwrap_or_default();
        for fix in &explain(check).fix {
            let Some(vendor) = VENDORS.iter().find(|vendor| fix.vendor.starts_with(**vendor)) else {
                assert!(
                    ["any", "HAProxy", "Genesys Cloud"].contains(&fix.vendor.as_str()),
                    "{}",
                    fix.vendor
                );
                continue;
            };
            let line = section
                .split(&format!("\n- **{vendor}**: "))
                .nth(1)
                .expect("a product");
            let line = joined(line.split("\n- **").next().unwrap_or_default());
            for name in fix.text.split('`').skip(1).step_by(2) {
                let words = name.replace(" = ", "=");
                assert!(
                    line.replace(" = ", "=").contains(&words),
                    "{check}: expected `{name}` for {vendor} under {task}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 25, "names: {seen}");
}

/// A letter and a number.
fn is_source(key: &str) -> bool {
    key.len() == 2
        && key.starts_with(|c: char| c.is_ascii_uppercase())
        && key.ends_with(|c: char| c.is_ascii_digit())
}

/// The anchors that headings make, as forges make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            words
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for (name, page) in pages() {
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(!link.contains("://") && !link.contains(' '), "{name}: {link}");
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                read(&folder().join(file))
            };
            assert!(
                anchor.is_empty() || anchors(&target).contains(anchor),
                "{name}: expected a heading for {link}"
            );
            seen += 1;
        }
    }
    assert!(seen > 100, "links: {seen}");
}

/// The command lines of the program on a page: in blocks after a prompt, and in the text.
fn command_lines(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut prose = String::new();
    for line in page.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            found.push(command.to_owned());
        } else if !inside {
            prose.push_str(line.trim());
            prose.push(' ');
        }
    }
    found.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    let words = |command: &str| -> Vec<String> {
        let ends = |word: &&str| !matches!(word.chars().next(), Some('|' | '<' | '>' | ';' | '&'));
        let from = command.split("siptls-probe ").nth(1).unwrap_or_default();
        from.split_whitespace()
            .take_while(ends)
            .map(str::to_owned)
            .collect()
    };
    found
        .iter()
        .filter(|command| command.starts_with("siptls-probe ") || command.starts_with("time siptls-probe "))
        .map(|command| words(command).join(" "))
        .collect()
}

#[test]
fn every_command_line_is_one_that_the_program_takes() {
    let binary = Binary::find();
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = 0;
    for (name, page) in pages() {
        for line in command_lines(&page) {
            seen += 1;
            let words: Vec<&str> = line.split(' ').collect();
            let depth = if matches!(words[0], "catalog" | "config") {
                2
            } else {
                1
            };
            let command = words[..depth].join(" ");
            let help = helps.entry(command.clone()).or_insert_with(|| {
                let mut arguments: Vec<&str> = words[..depth].to_vec();
                arguments.push("--help");
                let finished = binary.run(&arguments);
                assert_eq!(finished.code, Some(0), "{name}: expected a command, found {line}");
                finished.stdout
            });
            for word in words[depth..].iter().filter(|word| word.starts_with("--")) {
                assert!(
                    help.contains(&format!("  {word} ")) || help.contains(&format!("  {word}\n")),
                    "{name}: expected an option of {command}, found {word} in {line}"
                );
            }
            let value = |option: &str| {
                let at = words.iter().position(|word| *word == option)?;
                words.get(at + 1).copied()
            };
            if let Some(depth) = value("--depth") {
                assert!(["hello", "routine", "survey"].contains(&depth), "{name}: {line}");
            }
            if command == "explain" && words[1] != "CHECK" {
                let finished = binary.run(&["explain", words[1]]);
                assert_eq!(finished.code, Some(0), "{name}: {finished:?}");
            }
            if command == "catalog show" {
                let finished = binary.run(&["catalog", "show", words[2]]);
                assert_eq!(finished.code, Some(0), "{name}: {finished:?}");
            }
        }
    }
    assert!(seen > 100, "command lines: {seen}");
    assert_eq!(
        helps.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "catalog show",
            "catalog verify",
            "check",
            "config check",
            "config show",
            "explain",
            "history",
            "lab"
        ]
    );
}

#[test]
fn every_check_that_is_named_exists() {
    let explanations = read(&root().join("config/data/explanations.yaml"));
    let mut known: BTreeSet<String> = explanations
        .lines()
        .filter_map(|line| line.strip_prefix("- id: "))
        .map(str::to_owned)
        .collect();
    let checks = known.len();
    assert!(checks >= 19, "{known:?}");
    for entry in fs::read_dir(root().join("config/profiles")).expect("list the profiles") {
        let path = entry.expect("an entry").path();
        known.insert(
            path.file_stem()
                .expect("a name")
                .to_str()
                .expect("UTF-8")
                .to_owned(),
        );
    }
    let mut seen = BTreeSet::new();
    for (name, page) in books() {
        for word in page.split('`').filter(|word| is_identifier(word)) {
            assert!(
                known.contains(word),
                "{name}: expected a check or profile, found {word}"
            );
            seen.insert(word.to_owned());
        }
    }
    assert!(seen.len() >= 15, "{seen:?}");
}

/// Lower-case words joined by hyphens.
fn is_identifier(word: &str) -> bool {
    let parts: Vec<_> = word.split('-').collect();
    parts.len() > 1
        && !["siptls-probe", "curve-size"].contains(&word)
        && parts.iter().all(|part| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

/// A running `siptls-probe lab`: its endpoints by name, its folder, its daemon.
struct Lab {
    endpoints: BTreeMap<String, String>,
    roots: PathBuf,
    port: Port,
    _running: Running,
}

impl Lab {
    fn start() -> Self {
        let port = Port::lease();
        let listen = port.address().to_string();
        let folder = tempfile::tempdir().expect("make a folder");
        let running = Binary::find()
            .start(folder, &["lab", "--web.listen-address", &listen])
            .listening(port.number());
        let said = until("the lab to have judged every endpoint", DEADLINE, || {
            Some(running.log()).filter(|log| log.lines().any(|line| line.starts_with("silent  ")))
        });
        let mut endpoints = BTreeMap::new();
        let (mut name, mut roots) = ("", None);
        for line in said.lines() {
            if let Some((first, _)) = line.trim().split_once(", to be judged") {
                name = first;
            } else if let Some(rest) = line.split("--connect ").nth(1) {
                let mut words = rest.split(' ');
                endpoints.insert(name.to_owned(), words.next().expect("an address").to_owned());
                roots = words.next_back().map(PathBuf::from);
            }
        }
        assert_eq!(endpoints.len(), 13, "{said}");
        until("the lab's daemon to be ready", DEADLINE, || {
            http_get(port.address(), "/-/ready")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        Self {
            endpoints,
            roots: roots.expect("a file of roots"),
            port,
            _running: running,
        }
    }

    /// What a command prints when the variables of the runbooks speak of this endpoint.
    fn run(&self, endpoint: &str, command: &str) -> String {
        let binary = Binary::find();
        let mut path = binary.path().parent().expect("a folder").as_os_str().to_owned();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        let mut shell = Command::new("bash");
        shell.args(["-c", command]).env("PATH", path).env("T", endpoint);
        shell
            .env("A", &self.endpoints[endpoint])
            .env("H", "sbc.example.test");
        shell
            .env("C", self.roots.with_file_name("lab.yaml"))
            .env("R", &self.roots);
        shell
            .env("D", format!("http://{}", self.port.address()))
            .env("no_proxy", "*");
        let finished = finish(&mut shell, b"", DEADLINE);
        finished.stdout + &finished.stderr
    }
}

/// Lines without what differs from run to run: numbers, months, fingerprints, spaces.
fn plain(text: &str) -> Vec<String> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let line = |line: &str| {
        let line = line.split_once("Fingerprint=").map_or(line, |(before, _)| before);
        let line = line.split_once("serial=").map_or(line, |(before, _)| before);
        let words = line.split_whitespace().map(|word| {
            let word = MONTHS
                .iter()
                .fold(word.to_owned(), |word, month| word.replace(month, "MON"));
            let mut plain = String::new();
            for c in word.chars() {
                let c = if c.is_ascii_digit() { '0' } else { c };
                if !(c == '0' && plain.ends_with('0')) {
                    plain.push(c);
                }
            }
            plain
        });
        words.collect::<Vec<_>>().join(" ")
    };
    text.trim_end().lines().map(line).collect()
}

/// The blocks of a page that show an endpoint of the lab: its name, and each command with what it is said to print.
fn shown(page: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for block in page.split("```console lab=").skip(1) {
        let (endpoint, rest) = block.split_once('\n').expect("a block");
        let text = rest.split("\n```").next().unwrap_or_default();
        for part in text.strip_prefix("$ ").expect("a prompt").split("\n$ ") {
            let (command, output) = part.split_once('\n').expect("what it prints");
            found.push((endpoint.to_owned(), command.to_owned(), output.to_owned()));
        }
    }
    found
}

/// With `UPDATE_EXPECT=1` in the environment the pages are given what was printed now.
#[test]
fn what_is_shown_of_the_labs_endpoints_comes_out_again() {
    let lab = Lab::start();
    let update = env::var_os("UPDATE_EXPECT").is_some();
    let mut printed: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut seen = 0;
    for (name, page) in books() {
        let mut renewed = page.clone();
        for (endpoint, command, output) in shown(&page) {
            seen += 1;
            let found = printed
                .entry((endpoint.clone(), command.clone()))
                .or_insert_with(|| lab.run(&endpoint, &command));
            // The first lines are enough where the last is `...`.
            let kept = output.lines().position(|line| line == "...");
            assert!(
                kept.is_none_or(|at| at > 0 && at + 1 == output.lines().count()),
                "{name}: {command}"
            );
            let mut lines: Vec<&str> = found.trim_end().lines().map(str::trim_end).collect();
            if let Some(at) = kept {
                assert!(lines.len() > at, "{name}: {command}: {found}");
                lines.truncate(at);
                lines.push("...");
            }
            let found = lines.join("\n");
            if update && plain(&found) != plain(&output) {
                renewed = renewed.replace(
                    &format!("$ {command}\n{output}\n"),
                    &format!("$ {command}\n{found}\n"),
                );
            } else {
                assert_eq!(
                    plain(&found),
                    plain(&output),
                    "{name}: {endpoint}: {command}\nhint: UPDATE_EXPECT=1 renews the pages"
                );
            }
        }
        if renewed != page {
            fs::write(folder().join(format!("{name}.md")), renewed).expect("write a page");
        }
    }
    assert!(seen > 70, "commands: {seen}");
}

/// What `vendors.md` calls tried: with these lines in `tls.cfg` and no restart, Kamailio asks so, is judged so, picks such a
/// suite, and takes or refuses no certificate, one with both purposes, one with serverAuth alone.
#[test]
fn kamailio_does_what_the_page_says() {
    let pki = Pki::shared();
    let identity = pki.identity(Role::Good);
    let kamailio = Kamailio::reloadable(identity, "verify_certificate = yes\nrequire_certificate = yes");
    let page = read(&folder().join("vendors.md"));
    let gcm = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 secp384r1";
    for (lines, mode, verdict, suite, takes) in [
        (
            "verify_certificate = yes\nrequire_certificate = yes",
            "required",
            "fail",
            gcm,
            "refused accepted refused",
        ),
        (
            "verify_certificate = yes",
            "optional",
            "warn",
            gcm,
            "accepted accepted refused",
        ),
        (
            "verify_client = optional",
            "optional",
            "warn",
            gcm,
            "accepted accepted refused",
        ),
        (
            "verify_client = optional_no_ca",
            "optional",
            "warn",
            gcm,
            "accepted accepted accepted",
        ),
        (
            "verify_certificate = no\nrequire_certificate = no",
            "not_requested",
            "pass",
            gcm,
            "accepted",
        ),
        ("verify_client = off", "not_requested", "pass", gcm, "accepted"),
        (
            "cipher_list = AES256-SHA256",
            "not_requested",
            "warn",
            "TLS_RSA_WITH_AES_256_CBC_SHA256 null",
            "accepted",
        ),
        (
            "cipher_list = ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256",
            "not_requested",
            "pass",
            gcm,
            "accepted",
        ),
    ] {
        kamailio.reload(identity, lines);
        let (address, roots) = (kamailio.address().to_string(), pki.root().display().to_string());
        let mut arguments = vec![
            "check",
            "sbc.example.test",
            "--connect",
            &address,
            "--trust-anchors",
            &roots,
        ];
        arguments.extend(["--depth", "routine", "--format", "json"]);
        let files = [Role::ClientBothEkus, Role::ClientServerAuthOnly].map(|role| {
            let client = pki.identity(role);
            [
                client.chain.display().to_string(),
                client.key.display().to_string(),
            ]
        });
        for [chain, key] in &files {
            arguments.extend(["--client-cert", chain, "--client-key", key]);
        }
        let finished = Binary::find().run(&arguments);
        let document: Value = serde_json::from_str(&finished.stdout).expect("JSON");
        let report = &document["reports"][0];
        let handshake = &report["handshake"];
        let word = |value: &Value| value.as_str().unwrap_or("null").to_owned();
        let attempts = report["rehearsal"]["attempts"].as_array().expect("attempts");
        let taken: Vec<_> = attempts.iter().map(|attempt| word(&attempt["result"])).collect();
        let found = (
            word(&handshake["client_certificate"]["mode"]),
            word(&report["verdict"]),
            format!(
                "{} {}",
                word(&handshake["cipher_suite"]),
                word(&handshake["group"])
            ),
            taken.join(" "),
        );
        let expected = (
            mode.to_owned(),
            verdict.to_owned(),
            suite.to_owned(),
            takes.to_owned(),
        );
        assert_eq!(found, expected, "{lines}");
        for line in lines.lines() {
            let named = line.split(" = ").next().unwrap_or_default();
            assert!(page.contains(named), "expected {named} in vendors.md");
        }
    }
}

#[test]
fn pages_are_read_as_they_are_meant() {
    let page = "Try `siptls-probe explain a-b` and `openssl x`.\n\n```console lab=good\n$ siptls-probe check $T --depth hello | head\nPASS\n$ b\nc\nd\n```\n";
    assert_eq!(command_lines(page), ["check $T --depth hello", "explain a-b"]);
    let shown = shown(page);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[1], ("good".into(), "b".into(), "c\nd".into()));
    assert_eq!(
        plain("notAfter=Sep  2 14:26 2027\nsha256 Fingerprint=AB:CD"),
        ["notAfter=MON 0 0:0 0", "sha0"]
    );
    assert!(anchors("## Enable TLS 1.2\n").contains("enable-tls-12"));
    assert!(is_identifier("chain-complete") && !is_identifier("notAfter") && !is_identifier("a--b"));
}
