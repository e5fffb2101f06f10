//! Revocation lists made by `openssl ca -gencrl`, the certificates that name them, and a web server that serves them.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::pki::Identity;
use crate::process::complete;

/// Where the intermediate's list is.
pub const LEAF_LIST: &str = "/intermediate.crl";
/// Where the root's list is.
pub const INTERMEDIATE_LIST: &str = "/root.crl";

/// A root, an intermediate and a leaf; leaf and intermediate name lists on a web server.
#[derive(Debug)]
pub struct ListedPki {
    folder: TempDir,
}

/// Who signs a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// The root, for the intermediate.
    Root,
    /// The intermediate, for the leaf.
    Intermediate,
}

impl Signer {
    const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Intermediate => "intermediate",
        }
    }

    /// The serial number of the certificate that its list tells of.
    const fn serial(self) -> &'static str {
        match self {
            Self::Root => "1001",
            Self::Intermediate => "2002",
        }
    }
}

/// What a list says.
#[derive(Debug, Clone)]
pub struct ListRecipe {
    signer: Signer,
    revoked: bool,
    from: SignedDuration,
    until: SignedDuration,
    extensions: String,
}

impl ListRecipe {
    /// A list from an hour ago for a week that names nobody.
    pub fn by(signer: Signer) -> Self {
        Self {
            signer,
            revoked: false,
            from: SignedDuration::from_hours(-1),
            until: SignedDuration::from_hours(7 * 24),
            extensions: String::new(),
        }
    }

    /// Names the signer's one certificate, revoked for keyCompromise.
    #[must_use]
    pub fn revoking(mut self) -> Self {
        self.revoked = true;
        self
    }

    /// Another validity, relative to now.
    #[must_use]
    pub fn valid(mut self, from: SignedDuration, until: SignedDuration) -> Self {
        (self.from, self.until) = (from, until);
        self
    }

    /// One more extension, or section, in OpenSSL's notation.
    #[must_use]
    pub fn extension(mut self, line: &str) -> Self {
        self.extensions.push_str(line);
        self.extensions.push('\n');
        self
    }
}

impl ListedPki {
    /// Makes it; the lists are to be at `server`.
    ///
    /// # Panics
    ///
    /// When `openssl` refuses.
    pub fn new(server: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let at = |name: &str| folder.path().join(name);
        let authority = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n\
                         subjectKeyIdentifier = hash\n";
        let extensions = format!(
            "[req]\ndistinguished_name = dn\n[dn]\n[root]\n{authority}[intermediate]\n{authority}\
             crlDistributionPoints = URI:http://{server}{INTERMEDIATE_LIST}\n[leaf]\nbasicConstraints = critical, CA:FALSE\n\
             extendedKeyUsage = serverAuth\nsubjectAltName = DNS:sbc.example.test\n\
             crlDistributionPoints = URI:http://{server}{LEAF_LIST}\n"
        );
        fs::write(at("extensions.cnf"), extensions).expect("write extensions");
        for (name, issuer, serial, subject) in [
            ("root", None, "1", "/O=Lists/CN=List Root"),
            (
                "intermediate",
                Some("root"),
                Signer::Root.serial(),
                "/O=Lists/CN=List Intermediate",
            ),
            (
                "leaf",
                Some("intermediate"),
                Signer::Intermediate.serial(),
                "/O=Lists/CN=sbc.example.test",
            ),
        ] {
            run(
                folder.path(),
                &format!("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {name}.key"),
            );
            let subject = ["-subj", subject];
            let config = format!("req -new -config extensions.cnf -key {name}.key -out {name}.csr");
            run_with(folder.path(), &config, &subject);
            let signed_by = match issuer {
                Some(issuer) => format!("-CA {issuer}.pem -CAkey {issuer}.key"),
                None => format!("-signkey {name}.key"),
            };
            run(
                folder.path(),
                &format!(
                    "x509 -req -in {name}.csr {signed_by} -set_serial 0x{serial} -days 30 -extfile extensions.cnf \
                     -extensions {name} -out {name}.pem"
                ),
            );
        }
        let read = |name: &str| fs::read_to_string(at(name)).expect("read a certificate");
        fs::write(at("chain.pem"), read("leaf.pem") + &read("intermediate.pem")).expect("write the chain");
        fs::write(at("bundle.pem"), read("chain.pem") + &read("leaf.key")).expect("write the bundle");
        Self { folder }
    }

    /// The root that tests trust.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// What the server sends.
    pub fn identity(&self) -> Identity {
        let at = |name: &str| self.folder.path().join(name);
        Identity {
            certificate: at("leaf.pem"),
            key: at("leaf.key"),
            chain: at("chain.pem"),
            issuers: Some(at("intermediate.pem")),
            bundle: at("bundle.pem"),
        }
    }

    /// A list in DER.
    ///
    /// # Panics
    ///
    /// When `openssl` refuses.
    pub fn list(&self, recipe: &ListRecipe) -> Vec<u8> {
        let folder = self.folder.path();
        let date = |shift: SignedDuration| (now() + shift).strftime("%Y%m%d%H%M%SZ").to_string();
        let index = match recipe.revoked {
            true => format!(
                "R\t{}\t{},keyCompromise\t{}\tunknown\t/CN=x\n",
                short(SignedDuration::from_hours(24 * 30)),
                short(SignedDuration::from_hours(-2)),
                recipe.signer.serial()
            ),
            false => String::new(),
        };
        fs::write(folder.join("index.txt"), index).expect("write the index");
        let config = format!(
            "[ca]\ndefault_ca = this\n[this]\ndatabase = {0}/index.txt\ndefault_md = sha256\ncrl_extensions = list\n\
             [list]\nauthorityKeyIdentifier = keyid\n{1}",
            folder.display(),
            recipe.extensions
        );
        fs::write(folder.join("lists.cnf"), config).expect("write the configuration");
        let name = recipe.signer.name();
        run(
            folder,
            &format!(
                "ca -gencrl -config lists.cnf -cert {name}.pem -keyfile {name}.key -crl_lastupdate {} -crl_nextupdate {} \
                 -out list.pem",
                date(recipe.from),
                date(recipe.until)
            ),
        );
        run(folder, "crl -in list.pem -outform DER -out list.der");
        fs::read(folder.join("list.der")).expect("read a list")
    }

    /// What `openssl verify -crl_check_all` says when it is given these lists: `OK`, or the first error's number.
    ///
    /// # Panics
    ///
    /// When it says neither.
    pub fn openssl_verdict(&self, lists: &[&[u8]]) -> String {
        let folder = self.folder.path();
        let mut all = String::new();
        for list in lists {
            fs::write(folder.join("one.der"), list).expect("write a list");
            let output = openssl(folder)
                .args(["crl", "-inform", "DER", "-in", "one.der"])
                .output()
                .expect("run openssl crl");
            all.push_str(&String::from_utf8_lossy(&output.stdout));
        }
        fs::write(folder.join("lists.pem"), all).expect("write the lists");
        let output = openssl(folder)
            .args("verify -crl_check_all -CAfile root.pem -untrusted intermediate.pem -CRLfile lists.pem leaf.pem".split(' '))
            .output()
            .expect("run openssl verify");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if said.contains("leaf.pem: OK") {
            return "OK".to_owned();
        }
        let error = said
            .split("error ")
            .nth(1)
            .and_then(|rest| rest.split(':').next());
        error
            .unwrap_or_else(|| panic!("expected a verdict, found {said}"))
            .to_owned()
    }
}

fn openssl(folder: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.env_remove("OPENSSL_CONF").current_dir(folder);
    command
}

fn run(folder: &Path, arguments: &str) {
    run_with(folder, arguments, &[]);
}

fn run_with(folder: &Path, arguments: &str, more: &[&str]) {
    complete(openssl(folder).args(arguments.split_whitespace()).args(more));
}

fn short(shift: SignedDuration) -> String {
    (now() + shift).strftime("%y%m%d%H%M%SZ").to_string()
}

#[expect(
    clippy::disallowed_methods,
    reason = "lists of tests are valid around the real now"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// How a path is answered.
#[derive(Debug, Clone)]
pub enum Serve {
    /// 200 with these bytes and an ETag made of their length.
    Body(Vec<u8>),
    /// This status.
    Status(u16),
    /// 302 to there.
    Redirect(String),
    /// 200 that announces this many bytes and sends zeros.
    Zeros(u64),
    /// 200 without a length, and zeros for ever.
    Endless,
    /// 200, and one byte every quarter of a second.
    Drip,
    /// Nothing, ever.
    Silence,
}

/// A web server on 127.0.0.1 for as long as the test's process lives; it counts and keeps what it is asked.
#[derive(Debug, Clone)]
pub struct ListServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<String, Serve>,
    requests: Vec<String>,
    connections: usize,
}

impl ListServer {
    /// Starts; every path is 404.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a web server");
        let address = listener.local_addr().expect("a web server has an address");
        let server = Self {
            address,
            state: Arc::default(),
        };
        let this = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                this.state().connections += 1;
                let this = this.clone();
                // A reader that goes away is no fault of the server's.
                thread::spawn(move || this.answer(stream).ok());
            }
        });
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How a path is answered from now on.
    pub fn serve(&self, path: &str, answer: Serve) {
        self.state().answers.insert(path.to_owned(), answer);
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (mut head, mut buffer) = (String::new(), [0; 4_096]);
        while !head.contains("\r\n\r\n") {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                read => head.push_str(&String::from_utf8_lossy(&buffer[..read])),
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer = {
            let mut state = self.state();
            state.requests.push(head.clone());
            state.answers.get(&path).cloned().unwrap_or(Serve::Status(404))
        };
        let start =
            |stream: &mut TcpStream, line: &str| write!(stream, "HTTP/1.1 {line}\r\nConnection: close\r\n");
        match answer {
            Serve::Body(bytes) => {
                let tag = format!("\"{}\"", bytes.len());
                if head.contains(&tag) {
                    start(&mut stream, "304 Not Modified")?;
                    return write!(stream, "ETag: {tag}\r\n\r\n");
                }
                start(&mut stream, "200 OK")?;
                write!(
                    stream,
                    "Content-Type: text/html\r\nETag: {tag}\r\nContent-Length: {}\r\n\r\n",
                    bytes.len()
                )?;
                stream.write_all(&bytes)
            }
            Serve::Status(status) => {
                start(&mut stream, &format!("{status} Status"))?;
                write!(stream, "Content-Length: 0\r\n\r\n")
            }
            Serve::Redirect(location) => {
                start(&mut stream, "302 Found")?;
                write!(stream, "Location: {location}\r\nContent-Length: 0\r\n\r\n")
            }
            Serve::Zeros(length) => {
                start(&mut stream, "200 OK")?;
                write!(stream, "Content-Length: {length}\r\n\r\n")?;
                zeros(&mut stream)
            }
            Serve::Endless => {
                start(&mut stream, "200 OK")?;
                write!(stream, "\r\n")?;
                zeros(&mut stream)
            }
            Serve::Drip => {
                start(&mut stream, "200 OK")?;
                write!(stream, "Content-Length: 100000\r\n\r\n")?;
                loop {
                    stream.write_all(&[0x30])?;
                    thread::sleep(Duration::from_millis(250));
                }
            }
            Serve::Silence => {
                while stream.read(&mut buffer)? > 0 {}
                Ok(())
            }
        }
    }
}

/// Zeros until the reader has had enough.
fn zeros(stream: &mut TcpStream) -> std::io::Result<()> {
    loop {
        stream.write_all(&[0; 64 * 1024])?;
    }
}
