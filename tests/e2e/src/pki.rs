//! Keys and certificates, made by the `openssl` program: once a day for all tests of a build folder, or on demand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, thread};

use jiff::{SignedDuration, Timestamp};

use crate::process::complete;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// One of the ready-made identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// RSA 2048, CN and SAN `sbc.example.test`, sent with its intermediate, valid, serverAuth.
    Good,
    /// As `Good`, with an ECDSA key on P-256.
    GoodP256,
    /// As `Good`, with an ECDSA key on P-384.
    GoodP384,
    /// As `Good`, with an RSA key of 1024 bits.
    Rsa1024,
    /// As `Good`, ended yesterday.
    Expired,
    /// As `Good`, begins tomorrow.
    NotYetValid,
    /// As `Good`, for `other.example.test`.
    WrongName,
    /// As `Good`, sent alone.
    WithoutIntermediate,
    /// Under a root that is not [`Pki::root`]; the chain with its intermediate is complete.
    UnknownRoot,
    /// A client's: serverAuth and clientAuth, CN and SAN `client.example.test`.
    ClientBothEkus,
    /// A client's: serverAuth alone, as public authorities issue from now on.
    ClientServerAuthOnly,
    /// A client's: both purposes, under a root that is not [`Pki::root`].
    ClientUnknownRoot,
    /// A client's: both purposes, ended yesterday.
    ClientExpired,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Good,
        Self::GoodP256,
        Self::GoodP384,
        Self::Rsa1024,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongName,
        Self::WithoutIntermediate,
        Self::UnknownRoot,
        Self::ClientBothEkus,
        Self::ClientServerAuthOnly,
        Self::ClientUnknownRoot,
        Self::ClientExpired,
    ];

    fn leaf(self) -> Leaf {
        let good = Leaf::named("sbc.example.test");
        let client = Leaf::named("client.example.test").purposes("serverAuth,clientAuth");
        match self {
            Self::Good => good,
            Self::GoodP256 => good.key(Key::P256),
            Self::GoodP384 => good.key(Key::P384),
            Self::Rsa1024 => good.key(Key::Rsa1024),
            Self::Expired => good.valid(DAY * -60, -DAY),
            Self::NotYetValid => good.valid(DAY, DAY * 60),
            Self::WrongName => Leaf::named("other.example.test"),
            Self::WithoutIntermediate => good.alone(),
            Self::UnknownRoot => good.issuer(Issuer::Unknown),
            Self::ClientBothEkus => client,
            Self::ClientServerAuthOnly => client.purposes("serverAuth"),
            Self::ClientUnknownRoot => client.issuer(Issuer::Unknown),
            Self::ClientExpired => client.valid(DAY * -60, -DAY),
        }
    }
}

/// The key of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 1024 bits: some libraries refuse to use it.
    Rsa1024,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
}

impl Key {
    fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Rsa2048 => ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            Self::Rsa1024 => ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
            Self::P256 => ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::P384 => ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        }
    }
}

/// Who signs a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    /// The intermediate below [`Pki::root`].
    Trusted,
    /// The intermediate below [`Pki::unknown_root`].
    Unknown,
}

impl Issuer {
    fn prefix(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Unknown => "unknown",
        }
    }
}

/// What a leaf certificate says.
#[derive(Debug, Clone)]
pub struct Leaf {
    name: String,
    alternative_names: String,
    key: Key,
    issuer: Issuer,
    purposes: Option<String>,
    from: SignedDuration,
    until: SignedDuration,
    with_intermediate: bool,
    extensions: Vec<(String, String)>,
}

impl Leaf {
    /// RSA 2048, for this CN and the same DNS SAN, serverAuth, from yesterday for 60 days, sent with its intermediate.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            alternative_names: format!("DNS:{name}"),
            key: Key::Rsa2048,
            issuer: Issuer::Trusted,
            purposes: Some("serverAuth".to_owned()),
            from: -DAY,
            until: DAY * 60,
            with_intermediate: true,
            extensions: Vec::new(),
        }
    }

    /// Another kind of key.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// Another issuer.
    #[must_use]
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuer = issuer;
        self
    }

    /// Other alternative names in OpenSSL's notation: `DNS:a,IP:127.0.0.1,URI:sip:a`; empty for no extension.
    #[must_use]
    pub fn alternative_names(mut self, names: &str) -> Self {
        names.clone_into(&mut self.alternative_names);
        self
    }

    /// Other extended key usages in OpenSSL's notation; empty for no extension.
    #[must_use]
    pub fn purposes(mut self, purposes: &str) -> Self {
        self.purposes = (!purposes.is_empty()).then(|| purposes.to_owned());
        self
    }

    /// Another validity, relative to now.
    #[must_use]
    pub fn valid(mut self, from: SignedDuration, until: SignedDuration) -> Self {
        (self.from, self.until) = (from, until);
        self
    }

    /// Sent without its intermediate.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.with_intermediate = false;
        self
    }

    /// One more extension in OpenSSL's notation: `("crlDistributionPoints", "URI:http://127.0.0.1:8000/a.crl")`.
    #[must_use]
    pub fn extension(mut self, name: &str, value: &str) -> Self {
        self.extensions.push((name.to_owned(), value.to_owned()));
        self
    }

    fn section(&self) -> String {
        let mut section =
            "basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature, keyEncipherment\n\
                           subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
                .to_owned();
        if let Some(purposes) = &self.purposes {
            let _ = writeln!(section, "extendedKeyUsage = {purposes}");
        }
        if !self.alternative_names.is_empty() {
            let _ = writeln!(section, "subjectAltName = {}", self.alternative_names);
        }
        for (name, value) in &self.extensions {
            let _ = writeln!(section, "{name} = {value}");
        }
        section
    }
}

/// Files of one end entity, all PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The leaf certificate alone.
    pub certificate: PathBuf,
    /// Its private key, not encrypted.
    pub key: PathBuf,
    /// What a peer sends: the leaf, then its intermediate unless it is sent alone.
    pub chain: PathBuf,
    /// The chain without the leaf; none when the leaf is sent alone.
    pub issuers: Option<PathBuf>,
    /// The chain and the key in one file, as HAProxy wants it.
    pub bundle: PathBuf,
}

/// Two hierarchies of a root and an intermediate, and identities below them.
#[derive(Debug)]
pub struct Pki {
    folder: PathBuf,
    identities: BTreeMap<Role, Identity>,
}

impl Pki {
    /// The one all tests share.
    ///
    /// # Panics
    ///
    /// When `openssl` is missing or refuses; the message carries its output.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Pki> = OnceLock::new();
        SHARED.get_or_init(|| {
            let shared = shared_folder();
            fs::create_dir_all(&shared).expect("make the shared folder");
            let lock = File::create(shared.join("pki.lock")).expect("open the lock of the keys");
            lock.lock().expect("lock the keys");
            let today = now().as_second() / DAY.as_secs();
            forget_before(&shared, today - 1);
            let folder = shared.join(format!("pki-{:016x}-{today}", recipe()));
            let complete = folder.join("complete");
            if !complete.exists() {
                let _ = fs::remove_dir_all(&folder);
                Self::make(&folder);
                File::create(complete).expect("mark the keys complete");
            }
            Self::open(folder)
        })
    }

    /// The root that tests trust.
    pub fn root(&self) -> PathBuf {
        self.folder.join("trusted-root.pem")
    }

    /// The intermediate below [`Pki::root`].
    pub fn intermediate(&self) -> PathBuf {
        self.folder.join("trusted-intermediate.pem")
    }

    /// The root that tests do not trust.
    pub fn unknown_root(&self) -> PathBuf {
        self.folder.join("unknown-root.pem")
    }

    /// A ready-made identity.
    ///
    /// # Panics
    ///
    /// Never: every role has one.
    pub fn identity(&self, role: Role) -> &Identity {
        &self.identities[&role]
    }

    /// Makes one more identity, its files in `folder` under the name `file`.
    ///
    /// # Panics
    ///
    /// When `openssl` refuses.
    pub fn issue(&self, folder: &Path, file: &str, leaf: &Leaf) -> Identity {
        let identity = Identity::in_folder(folder, file);
        let work = folder.join(format!("{file}.work"));
        fs::create_dir_all(&work).expect("make a work folder");
        let request = work.join("request.pem");
        fs::write(work.join("extensions.cnf"), format!("[leaf]\n{}", leaf.section()))
            .expect("write extensions");
        fs::write(work.join("index.txt"), "").expect("write the index");
        fs::write(work.join("ca.cnf"), authority(&work)).expect("write the configuration");
        make_key(leaf.key, &identity.key);
        complete(
            openssl()
                .args(["req", "-new", "-config"])
                .arg(work.join("ca.cnf"))
                .arg("-key")
                .arg(&identity.key)
                .args(["-subj", &format!("/O=Example/CN={}", leaf.name), "-out"])
                .arg(&request),
        );
        let prefix = leaf.issuer.prefix();
        let issuer = self.folder.join(format!("{prefix}-intermediate.pem"));
        let moment = now();
        let (from, until) = (generalized(moment, leaf.from), generalized(moment, leaf.until));
        complete(
            openssl()
                .args(["ca", "-batch", "-notext", "-preserveDN", "-config"])
                .arg(work.join("ca.cnf"))
                .arg("-cert")
                .arg(&issuer)
                .arg("-keyfile")
                .arg(self.folder.join(format!("{prefix}-intermediate.key")))
                .arg("-in")
                .arg(&request)
                .arg("-extfile")
                .arg(work.join("extensions.cnf"))
                .args(["-extensions", "leaf"])
                .args(["-startdate", &from, "-enddate", &until, "-out"])
                .arg(&identity.certificate),
        );
        let mut chain = read(&identity.certificate);
        if leaf.with_intermediate {
            chain.push_str(&read(&issuer));
            fs::copy(&issuer, issuers_file(folder, file)).expect("write the issuers");
        }
        fs::write(&identity.chain, &chain).expect("write the chain");
        fs::write(&identity.bundle, chain + &read(&identity.key)).expect("write the bundle");
        fs::remove_dir_all(work).expect("remove the work folder");
        Identity::in_folder(folder, file)
    }

    fn make(folder: &Path) {
        fs::create_dir_all(folder).expect("make the folder of the keys");
        thread::scope(|scope| {
            scope.spawn(|| make_authorities(folder, "trusted", "Example Root"));
            scope.spawn(|| make_authorities(folder, "unknown", "Unknown Root"));
        });
        let pki = Self {
            folder: folder.to_owned(),
            identities: BTreeMap::new(),
        };
        thread::scope(|scope| {
            for role in Role::ALL {
                let pki = &pki;
                scope.spawn(move || pki.issue(folder, &format!("{role:?}"), &role.leaf()));
            }
        });
    }

    fn open(folder: PathBuf) -> Self {
        let identities = Role::ALL
            .into_iter()
            .map(|role| (role, Identity::in_folder(&folder, &format!("{role:?}"))))
            .collect();
        Self { folder, identities }
    }
}

impl Identity {
    fn in_folder(folder: &Path, file: &str) -> Self {
        Self {
            certificate: folder.join(format!("{file}.pem")),
            key: folder.join(format!("{file}.key")),
            chain: folder.join(format!("{file}.chain.pem")),
            issuers: Some(issuers_file(folder, file)).filter(|file| file.exists()),
            bundle: folder.join(format!("{file}.bundle.pem")),
        }
    }
}

/// A folder that the tests of one build folder share.
pub(crate) fn shared_folder() -> PathBuf {
    let program = env::current_exe().expect("the test knows its own path");
    // target/debug/deps/test-1234 → target/debug
    let build = program.ancestors().nth(2).expect("a test lies in a build folder");
    build.join("siptls-e2e")
}

fn issuers_file(folder: &Path, file: &str) -> PathBuf {
    folder.join(format!("{file}.issuers.pem"))
}

fn make_authorities(folder: &Path, prefix: &str, name: &str) {
    let file = |suffix: &str| folder.join(format!("{prefix}-{suffix}"));
    let extensions = file("ca.cnf");
    fs::write(
        &extensions,
        "[req]\ndistinguished_name = dn\n[dn]\n[ca]\nbasicConstraints = critical, CA:TRUE\n\
         keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n\
         [intermediate]\nbasicConstraints = critical, CA:TRUE, pathlen:0\nkeyUsage = critical, keyCertSign, cRLSign\n\
         subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n",
    )
    .expect("write extensions");
    make_key(Key::Rsa2048, &file("root.key"));
    make_key(Key::Rsa2048, &file("intermediate.key"));
    complete(
        openssl()
            .args([
                "req",
                "-new",
                "-x509",
                "-days",
                "3650",
                "-extensions",
                "ca",
                "-config",
            ])
            .arg(&extensions)
            .arg("-key")
            .arg(file("root.key"))
            .args(["-subj", &format!("/C=ZZ/O=Example/CN={name}"), "-out"])
            .arg(file("root.pem")),
    );
    complete(
        openssl()
            .args(["req", "-new", "-config"])
            .arg(&extensions)
            .arg("-key")
            .arg(file("intermediate.key"))
            .args([
                "-subj",
                &format!("/C=ZZ/O=Example/CN={name} Intermediate"),
                "-out",
            ])
            .arg(file("intermediate.csr")),
    );
    complete(
        openssl()
            .args([
                "x509",
                "-req",
                "-days",
                "1825",
                "-extensions",
                "intermediate",
                "-extfile",
            ])
            .arg(&extensions)
            .arg("-in")
            .arg(file("intermediate.csr"))
            .arg("-CA")
            .arg(file("root.pem"))
            .arg("-CAkey")
            .arg(file("root.key"))
            .arg("-out")
            .arg(file("intermediate.pem")),
    );
}

fn make_key(key: Key, file: &Path) {
    complete(
        openssl()
            .arg("genpkey")
            .args(key.arguments())
            .arg("-out")
            .arg(file),
    );
}

fn authority(work: &Path) -> String {
    format!(
        "[req]\ndistinguished_name = dn\n[dn]\n[ca]\ndefault_ca = this\n[this]\ndatabase = {work}/index.txt\n\
         new_certs_dir = {work}\nrand_serial = yes\ndefault_md = sha256\nunique_subject = no\npolicy = any\n\
         [any]\norganizationName = optional\ncommonName = optional\n",
        work = work.display()
    )
}

fn openssl() -> Command {
    let mut command = Command::new("openssl");
    command.env_remove("OPENSSL_CONF");
    command
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()))
}

fn generalized(moment: Timestamp, shift: SignedDuration) -> String {
    (moment + shift).strftime("%Y%m%d%H%M%SZ").to_string()
}

#[expect(
    clippy::disallowed_methods,
    reason = "certificates of tests are valid around the real now"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Changes with this file, so that keys made by another recipe are not taken for current ones.
fn recipe() -> u64 {
    let mut hasher = DefaultHasher::new();
    include_str!("pki.rs").hash(&mut hasher);
    hasher.finish()
}

fn forget_before(shared: &Path, day: i64) {
    for entry in fs::read_dir(shared).expect("list the shared folder").flatten() {
        let name = entry.file_name();
        let made = name
            .to_str()
            .filter(|name| name.starts_with("pki-"))
            .and_then(|name| name.rsplit_once('-'));
        if made
            .and_then(|(_, made)| made.parse::<i64>().ok())
            .is_some_and(|made| made < day)
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(arguments: &[&str], certificate: &Path) -> String {
        let output = complete(
            openssl()
                .arg("x509")
                .args(["-noout", "-in"])
                .arg(certificate)
                .args(arguments),
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn verified(pki: &Pki, role: Role) -> String {
        let identity = pki.identity(role);
        let output = openssl()
            .arg("verify")
            .arg("-CAfile")
            .arg(pki.root())
            .arg("-untrusted")
            .arg(&identity.chain)
            .args(["-verify_hostname", "sbc.example.test"])
            .arg(&identity.certificate)
            .output()
            .expect("run openssl verify");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    #[test]
    fn openssl_verify_tells_the_roles_apart() {
        let pki = Pki::shared();
        for role in [Role::Good, Role::GoodP256, Role::GoodP384, Role::Rsa1024] {
            assert!(
                verified(pki, role).contains(": OK"),
                "{role:?}: {}",
                verified(pki, role)
            );
        }
        for (role, code) in [
            (Role::Expired, "error 10 at 0 depth"),
            (Role::NotYetValid, "error 9 at 0 depth"),
            (Role::WrongName, "error 62 at 0 depth"),
            (Role::WithoutIntermediate, "error 20 at 0 depth"),
            (Role::UnknownRoot, "error 20 at 1 depth"),
        ] {
            assert!(
                verified(pki, role).contains(code),
                "{role:?}: {}",
                verified(pki, role)
            );
        }
    }

    #[test]
    fn certificates_say_what_was_asked() {
        let pki = Pki::shared();
        let both = said(
            &["-ext", "extendedKeyUsage"],
            &pki.identity(Role::ClientBothEkus).certificate,
        );
        assert!(
            both.contains("TLS Web Server Authentication, TLS Web Client Authentication"),
            "{both}"
        );
        let one = said(
            &["-ext", "extendedKeyUsage"],
            &pki.identity(Role::ClientServerAuthOnly).certificate,
        );
        assert!(
            one.contains("TLS Web Server Authentication") && !one.contains("Client"),
            "{one}"
        );
        let folder = tempfile::tempdir().expect("make a folder");
        let leaf = Leaf::named("a.test")
            .alternative_names("DNS:a.test,URI:sip:a.test,IP:127.0.0.1")
            .purposes("")
            .extension("crlDistributionPoints", "URI:http://127.0.0.1:9/a.crl");
        let identity = pki.issue(folder.path(), "mine", &leaf);
        let text = said(&["-text"], &identity.certificate);
        for expected in [
            "DNS:a.test, URI:sip:a.test, IP Address:127.0.0.1",
            "URI:http://127.0.0.1:9/a.crl",
        ] {
            assert!(text.contains(expected), "expected {expected} in {text}");
        }
        assert!(!text.contains("Extended Key Usage"));
    }
}
