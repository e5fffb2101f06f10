//! Client identities: what loads, what is refused, and that nothing of a key is ever shown.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "test code may panic")]

use rcgen::{CertificateParams, KeyPair};
use siptls_config::{Faults, Plan, TargetOptions, load, target_from_options};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A folder with identities `a` and `b`, and a configuration that names `a`.
struct Room {
    folder: tempfile::TempDir,
}

const CONFIGURATION: &str = "client_identities:\n\
    - {name: a, certificate: a.pem, key: keys/a.key}\n\
    targets:\n\
    - {name: one, endpoint: one.example.test, client_identities: [a]}\n\
    - {name: two, endpoint: two.example.test}\n";

impl Room {
    fn new() -> Self {
        let room = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(room.at("keys")).unwrap();
        for name in ["a", "b"] {
            room.renew(name);
        }
        room.write("siptls-probe.yaml", CONFIGURATION);
        room
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.at(name), text).unwrap();
    }

    /// A new key and certificate.
    fn renew(&self, name: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![format!("{name}.example.test")])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        self.write(&format!("{name}.pem"), certificate.pem());
        self.write_key(&format!("keys/{name}.key"), key.serialize_pem());
    }

    fn write_key(&self, name: &str, text: impl AsRef<[u8]>) {
        self.write(name, text);
        self.mode(name, 0o600);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self) -> Result<Plan, Faults> {
        load(&self.at("siptls-probe.yaml"))
    }

    /// The faults, without the folder's name.
    fn refused(&self) -> String {
        let faults = self.load().map(|_| ()).unwrap_err().to_string();
        faults.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

#[test]
fn an_identity_is_loaded_for_the_targets_that_name_it() {
    let room = Room::new();
    let plan = room.load().unwrap();
    let (one, two) = (plan.target("one").unwrap(), plan.target("two").unwrap());
    assert_eq!((&*one.identities[0].name, one.identities.len()), ("a", 1));
    assert_eq!(one.target.client_identities, plan.client_identities);
    assert_eq!(one.target.client_identities[0].key, room.at("keys/a.key"));
    assert!(two.identities.is_empty() && two.target.client_identities.is_empty());
    // Shown by name and path, and read again the same.
    let shown = plan.effective_yaml();
    let again = siptls_config::load_str(&shown, Path::new("x"), Path::new("/")).unwrap();
    assert_eq!(again.target("one").unwrap().target, one.target);
    assert_eq!(again.effective_yaml(), shown);
}

#[test]
fn either_file_is_watched_and_a_pair_that_does_not_match_is_a_fault() {
    let room = Room::new();
    let plan = room.load().unwrap();
    let before = plan.sources.again();
    assert_eq!(plan.sources, before);
    // In the middle of a renewal: the new certificate is there, its key is not.
    fs::copy(room.at("b.pem"), room.at("a.pem")).unwrap();
    assert_ne!(plan.sources, plan.sources.again());
    assert_eq!(
        room.refused(),
        "siptls-probe.yaml:2:38: client_identities[a].key: expected the private key of the first certificate at `a.pem`, \
         found that of another at `keys/a.key`\n  \
         hint: the certificate file begins with the leaf, its intermediates follow"
    );
    let faults = room.load().map(|_| ()).unwrap_err();
    assert_eq!(faults.sources(), &faults.sources().again());
    fs::copy(room.at("keys/b.key"), room.at("keys/a.key")).unwrap();
    assert_ne!(
        faults.sources(),
        &faults.sources().again(),
        "the key is watched too"
    );
    let renewed = room.load().unwrap();
    assert_eq!(
        renewed.target("one").unwrap().target,
        plan.target("one").unwrap().target,
        "the target is the same, its files are not"
    );
    assert_ne!(
        renewed.target("one").unwrap().identities[0].identity.chain(),
        plan.target("one").unwrap().identities[0].identity.chain()
    );
}

#[test]
fn only_the_owner_may_write_a_key_and_others_may_not_touch_it() {
    let room = Room::new();
    for mode in [0o600, 0o400, 0o640, 0o440, 0o700] {
        room.mode("keys/a.key", mode);
        assert!(room.load().is_ok(), "{mode:o}");
    }
    for mode in [0o644, 0o604, 0o602, 0o601, 0o620, 0o660] {
        room.mode("keys/a.key", mode);
        assert_eq!(
            room.refused(),
            format!(
                "siptls-probe.yaml:2:38: client_identities[a].key: expected a key file that others cannot touch and the \
                 group cannot write, found mode {mode:04o} at `keys/a.key`\n  hint: `chmod 600 keys/a.key`"
            )
        );
    }
}

#[test]
fn each_fault_of_a_file_is_told_apart() {
    let room = Room::new();
    let certificate = fs::read_to_string(room.at("a.pem")).unwrap();
    let key = fs::read_to_string(room.at("keys/a.key")).unwrap();
    let half = &key[..key.len() / 2];
    for (text, expected) in [
        ("", "found no PEM at"),
        ("\u{30}\u{02}", "found no PEM at"),
        (certificate.as_str(), "found no private key at"),
        (half, "found a damaged PEM block at"),
        (
            "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n",
            "found another kind at",
        ),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "found an encrypted one at `keys/a.key`\n  hint: decrypt it: `openssl pkey -in keys/a.key -out NEW`",
        ),
        (
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X\n\nMA==\n-----END EC PRIVATE KEY-----\n",
            "found an encrypted one at",
        ),
    ] {
        room.write_key("keys/a.key", text);
        let refused = room.refused();
        assert!(refused.contains(expected), "{text}: {refused}");
        assert!(refused.starts_with("siptls-probe.yaml:2:38: client_identities[a].key: "));
    }
    let large = "x".repeat(65 * 1024);
    room.write_key("keys/a.key", &large);
    assert!(room.refused().contains("found more than 65536 bytes at"));
    room.write_key("keys/a.key", [0x30, 0x82, 0, 0]);
    assert!(
        room.refused()
            .contains("`openssl pkey -inform DER -in keys/a.key -out NEW`")
    );
    room.write_key("keys/a.key", &key);
    assert!(room.load().is_ok());

    let eleven = certificate.repeat(11);
    for (text, expected) in [
        ("", "found no PEM at `a.pem`"),
        (key.as_str(), "found no certificate at"),
        (&certificate[..200], "found a damaged PEM block at"),
        (
            "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n",
            "found one that cannot be read at",
        ),
        (eleven.as_str(), "found more than 10 of them at"),
    ] {
        room.write("a.pem", text);
        let refused = room.refused();
        assert!(refused.contains(expected), "{text}: {refused}");
        assert!(refused.starts_with("siptls-probe.yaml:2:26: client_identities[a].certificate: "));
    }
    // Both files at once.
    room.mode("keys/a.key", 0o644);
    assert_eq!(room.load().map(|_| ()).unwrap_err().count(), 2);
    // A certificate and its key may stand in one file.
    room.write_key("a.pem", certificate + &key);
    room.write("siptls-probe.yaml", CONFIGURATION.replace("keys/a.key", "a.pem"));
    assert!(room.load().is_ok());
}

#[test]
fn options_replace_the_identities_of_a_target() {
    let room = Room::new();
    let plan = room.load().unwrap();
    let names = |planned: &siptls_config::PlannedTarget| {
        let names = planned.identities.iter().map(|one| one.name.to_string());
        names.collect::<Vec<_>>()
    };
    let mut options = TargetOptions {
        client_certs: vec![room.at("b.pem"), room.at("a.pem")],
        client_keys: vec![room.at("keys/b.key"), room.at("keys/a.key")],
        ..TargetOptions::default()
    };
    let one = plan.target("one").unwrap();
    let over = one.with_options(&options, Some(&plan)).unwrap();
    assert_eq!(names(&over), ["b.pem", "a.pem"]);
    assert_eq!(
        names(&one.with_options(&TargetOptions::default(), Some(&plan)).unwrap()),
        ["a"]
    );
    let new = target_from_options("new.example.test", &options, None).unwrap();
    assert_eq!(names(&new), ["b.pem", "a.pem"]);

    // Two files of one name go by their paths.
    fs::copy(room.at("a.pem"), room.at("keys/a.pem")).unwrap();
    options.client_certs = vec![room.at("keys/a.pem"), room.at("a.pem")];
    options.client_keys = vec![room.at("keys/a.key"); 2];
    let two = target_from_options("new.example.test", &options, None).unwrap();
    let paths: Vec<String> = options
        .client_certs
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(names(&two), paths);

    options.client_keys.pop();
    assert_eq!(
        target_from_options("new.example.test", &options, None)
            .unwrap_err()
            .to_string(),
        "command line: --client-key: expected as many as --client-cert, which is given 2 times, found 1\n  \
         hint: give them in pairs: `--client-cert FILE --client-key FILE`"
    );
    options.client_certs.pop();
    room.mode("keys/a.key", 0o666);
    let refused = target_from_options("new.example.test", &options, None)
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("command line: --client-key: expected a key file")
            && refused.contains("mode 0666"),
        "{refused}"
    );
}

#[test]
fn nothing_of_a_key_is_shown() {
    let room = Room::new();
    let key = fs::read_to_string(room.at("keys/a.key")).unwrap();
    let secret: String = key.lines().filter(|line| !line.contains('-')).collect();
    let mut shown = Vec::new();
    let plan = room.load().unwrap();
    shown.push(format!("{plan:?}"));
    shown.push(plan.effective_yaml());
    for text in [
        key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
        key.replace("END", "FIN"),
        key.replace("PRIVATE KEY", "SECRET"),
        format!("{key}\n").replacen('M', "*", 1),
    ] {
        room.write_key("keys/a.key", text);
        let faults = room.load().map(|_| ()).unwrap_err();
        shown.push(format!("{faults}{faults:?}"));
    }
    assert!(secret.len() > 100);
    for text in shown {
        assert!(!text.contains("PRIVATE KEY---"), "{text}");
        for start in 0..secret.len() - 12 {
            assert!(!text.contains(&secret[start..start + 12]), "{text}");
        }
    }
}
