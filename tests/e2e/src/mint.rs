//! Certificates and revocation lists of any shape, made by the `openssl` program and known by short names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::pki::Identity;
use crate::process::complete;

/// What a certificate says, who signs it and with which key. Extensions are in OpenSSL's notation.
#[derive(Debug, Clone)]
pub struct CertificateRecipe {
    subject: String,
    issuer: Option<&'static str>,
    key: &'static str,
    shared_key: Option<&'static str>,
    extensions: BTreeMap<&'static str, String>,
    from: SignedDuration,
    until: SignedDuration,
    signing: Vec<&'static str>,
    is_version_1: bool,
}

impl CertificateRecipe {
    fn new(subject: &str, extensions: &[(&'static str, &str)]) -> Self {
        Self {
            subject: format!("/O=Trust/CN={subject}"),
            issuer: None,
            key: "EC -pkeyopt ec_paramgen_curve:P-256",
            shared_key: None,
            extensions: extensions
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            from: SignedDuration::from_hours(-24),
            until: SignedDuration::from_hours(365 * 24),
            signing: vec!["-md", "sha256"],
            is_version_1: false,
        }
    }

    /// An authority, self-signed until [`by`](Self::by) says otherwise: P-256, from yesterday for a year.
    pub fn authority(name: &str) -> Self {
        Self::new(
            name,
            &[
                ("basicConstraints", "critical, CA:TRUE"),
                ("keyUsage", "critical, keyCertSign, cRLSign"),
                ("subjectKeyIdentifier", "hash"),
            ],
        )
    }

    /// An end entity of this CN and DNS name, for serverAuth; else as [`authority`](Self::authority).
    pub fn leaf(name: &str) -> Self {
        let names = format!("DNS:{name}");
        Self::new(
            name,
            &[
                ("basicConstraints", "critical, CA:FALSE"),
                ("keyUsage", "critical, digitalSignature, keyEncipherment"),
                ("subjectKeyIdentifier", "hash"),
                ("extendedKeyUsage", "serverAuth"),
                ("subjectAltName", &names),
            ],
        )
    }

    /// Signed by the certificate of this name.
    #[must_use]
    pub fn by(mut self, issuer: &'static str) -> Self {
        self.issuer = Some(issuer);
        self.with("authorityKeyIdentifier", "keyid")
    }

    /// Another kind of key, as `openssl genpkey -algorithm` takes it: `RSA -pkeyopt rsa_keygen_bits:1024`.
    #[must_use]
    pub fn key(mut self, algorithm: &'static str) -> Self {
        self.key = algorithm;
        self
    }

    /// The key of the certificate of this name.
    #[must_use]
    pub fn key_of(mut self, name: &'static str) -> Self {
        self.shared_key = Some(name);
        self
    }

    /// An extension, in place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.extensions.insert(name, value.to_owned());
        self
    }

    /// Without these extensions.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.extensions.retain(|name, _| !names.contains(name));
        self
    }

    /// Another validity, in days relative to now.
    #[must_use]
    pub fn valid(mut self, from: i64, until: i64) -> Self {
        let days = |days: i64| SignedDuration::from_hours(days * 24);
        (self.from, self.until) = (days(from), days(until));
        self
    }

    /// Signed otherwise than by SHA-256, as `openssl ca` takes it: `["-md", "sha1"]`.
    #[must_use]
    pub fn signing(mut self, arguments: &[&'static str]) -> Self {
        self.signing = arguments.to_vec();
        self
    }

    /// Of version 1, which has no extensions; its validity begins now.
    #[must_use]
    pub fn version_1(mut self) -> Self {
        self.is_version_1 = true;
        self.extensions.clear();
        self
    }
}

/// A folder of certificates and keys, each known by a short name.
#[derive(Debug)]
pub struct Mint {
    folder: TempDir,
    now: Timestamp,
}

impl Mint {
    /// An empty one.
    ///
    /// # Panics
    ///
    /// When no folder can be made.
    #[expect(
        clippy::new_without_default,
        clippy::disallowed_methods,
        reason = "it makes a folder and reads the clock: certificates of tests are valid around the real now"
    )]
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("make a folder"),
            now: Timestamp::now(),
        }
    }

    /// The moment that validities count from.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Makes a certificate; what it names must be there.
    ///
    /// # Panics
    ///
    /// When `openssl` refuses.
    pub fn make(&self, name: &str, recipe: &CertificateRecipe) {
        let work = self.at(&format!("{name}.work"));
        fs::create_dir_all(&work).expect("make a work folder");
        let key = self.at(&format!("{name}.key"));
        match recipe.shared_key {
            Some(other) => {
                fs::copy(self.at(&format!("{other}.key")), &key).expect("copy a key");
            }
            None => self.run(&format!("genpkey -out {name}.key -algorithm {}", recipe.key), &[]),
        }
        let mut section = String::new();
        for (extension, value) in &recipe.extensions {
            let _ = writeln!(section, "{extension} = {value}");
        }
        let configuration = format!(
            "[req]\ndistinguished_name = dn\n[dn]\n[ca]\ndefault_ca = this\n[this]\ndatabase = {work}/index.txt\n\
             new_certs_dir = {work}\nrand_serial = yes\nunique_subject = no\npolicy = any\n\
             [any]\norganizationName = optional\ncommonName = optional\n[these]\n{section}",
            work = work.display()
        );
        fs::write(work.join("ca.cnf"), configuration).expect("write the configuration");
        fs::write(work.join("index.txt"), "").expect("write the index");
        let request = format!("req -new -config {name}.work/ca.cnf -key {name}.key -out {name}.csr -subj");
        self.run(&request, &[&recipe.subject]);
        let signer = recipe.issuer.unwrap_or(name);
        let signing = recipe.signing.join(" ");
        if recipe.is_version_1 {
            let signer = match recipe.issuer {
                Some(issuer) => format!("-CA {issuer}.pem -CAkey {issuer}.key"),
                None => format!("-signkey {name}.key"),
            };
            self.run(
                &format!("x509 -req -in {name}.csr -days 365 {signer} -out {name}.pem"),
                &[],
            );
        } else {
            let by = match recipe.issuer {
                Some(issuer) => format!("-cert {issuer}.pem"),
                None => "-selfsign".to_owned(),
            };
            let moment = |shift: SignedDuration| (self.now + shift).strftime("%Y%m%d%H%M%SZ").to_string();
            self.run(
                &format!(
                    "ca -batch -notext -preserveDN -config {name}.work/ca.cnf {by} -keyfile {signer}.key -in {name}.csr \
                     -extensions these -startdate {} -enddate {} {signing} -out {name}.pem",
                    moment(recipe.from),
                    moment(recipe.until)
                ),
                &[],
            );
        }
        fs::remove_dir_all(work).expect("remove the work folder");
    }

    /// A copy of a certificate whose signature is broken.
    ///
    /// # Panics
    ///
    /// When `openssl` refuses.
    pub fn break_signature(&self, name: &str, broken: &str) {
        let mut der = self.der(name);
        if let Some(last) = der.last_mut() {
            *last ^= 1;
        }
        fs::write(self.at("broken.der"), der).expect("write a certificate");
        self.run(&format!("x509 -inform DER -in broken.der -out {broken}.pem"), &[]);
        fs::copy(self.at(&format!("{name}.key")), self.at(&format!("{broken}.key"))).expect("copy a key");
    }

    /// A list in PEM, signed by the certificate of the first name, that revokes some certificates for keyCompromise;
    /// valid for so many days relative to now.
    ///
    /// # Panics
    ///
    /// When `openssl` refuses.
    pub fn list(&self, issuer: &str, revoked: &[&str], (from, until): (i64, i64)) -> String {
        let days = |days: i64| self.now + SignedDuration::from_hours(days * 24);
        let short = |days_from_now: i64| days(days_from_now).strftime("%y%m%d%H%M%SZ").to_string();
        let mut index = String::new();
        for name in revoked {
            let said =
                complete(
                    self.openssl()
                        .args(["x509", "-noout", "-serial", "-in", &format!("{name}.pem")]),
                );
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            let serial = said.trim().trim_start_matches("serial=");
            let _ = writeln!(
                index,
                "R\t{}\t{},keyCompromise\t{serial}\tunknown\t/CN=x",
                short(30),
                short(-1)
            );
        }
        let folder = tempfile::tempdir_in(self.folder.path()).expect("make a folder");
        fs::write(folder.path().join("index.txt"), index).expect("write the index");
        let configuration = format!(
            "[ca]\ndefault_ca = this\n[this]\ndatabase = {}/index.txt\ndefault_md = sha256\ncrl_extensions = list\n\
             [list]\nauthorityKeyIdentifier = keyid\n",
            folder.path().display()
        );
        let file = folder.path().join("ca.cnf");
        fs::write(&file, configuration).expect("write the configuration");
        let moment = |shift: i64| days(shift).strftime("%Y%m%d%H%M%SZ").to_string();
        let (from, until) = (moment(from), moment(until));
        let made = complete(
            self.openssl()
                .args(["ca", "-gencrl", "-config"])
                .arg(&file)
                .args([
                    "-cert",
                    &format!("{issuer}.pem"),
                    "-keyfile",
                    &format!("{issuer}.key"),
                ])
                .args(["-crl_lastupdate", &from, "-crl_nextupdate", &until]),
        );
        String::from_utf8_lossy(&made.stdout).into_owned()
    }

    /// The certificates of these names in one PEM text.
    ///
    /// # Panics
    ///
    /// When one is not there.
    pub fn pem(&self, names: &[&str]) -> String {
        names
            .iter()
            .map(|name| {
                let file = self.at(&format!("{name}.pem"));
                fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
            })
            .collect()
    }

    /// A certificate in DER.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn der(&self, name: &str) -> Vec<u8> {
        complete(
            self.openssl()
                .args(["x509", "-outform", "DER", "-in", &format!("{name}.pem")]),
        )
        .stdout
    }

    /// The key of a certificate as PKCS#8 in DER.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn key(&self, name: &str) -> Vec<u8> {
        let arguments = ["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in"];
        complete(
            self.openssl()
                .args(arguments)
                .arg(self.at(&format!("{name}.key"))),
        )
        .stdout
    }

    /// What a server needs that sends these certificates in this order, the leaf first; its files go to `folder`.
    ///
    /// # Panics
    ///
    /// When a file cannot be written.
    pub fn identity(&self, names: &[&str], folder: &Path) -> Identity {
        let write = |name: &str, text: String| -> PathBuf {
            let file = folder.join(name);
            fs::write(&file, text).expect("write certificates");
            file
        };
        let (leaf, issuers) = names.split_at(1);
        let key = self.at(&format!("{}.key", leaf.concat()));
        let key_text = fs::read_to_string(&key).expect("read a key");
        Identity {
            certificate: write("leaf.pem", self.pem(leaf)),
            key,
            chain: write("chain.pem", self.pem(names)),
            issuers: (!issuers.is_empty()).then(|| write("issuers.pem", self.pem(issuers))),
            bundle: write("bundle.pem", self.pem(names) + &key_text),
        }
    }

    fn at(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn openssl(&self) -> Command {
        let mut command = Command::new("openssl");
        command.env_remove("OPENSSL_CONF").current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &str, more: &[&str]) {
        complete(self.openssl().args(arguments.split_whitespace()).args(more));
    }
}
