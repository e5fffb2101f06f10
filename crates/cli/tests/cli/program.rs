//! Running the program, and endpoints for it to visit.

use rustix::process::{Pid, Signal, kill_process};
use siptls_lab::{Lab, Running};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// The moment at which the certificates of the lab are good, for `--as-of`.
pub(crate) const NOW: &str = "2026-11-22T12:00:00Z";

/// How it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

impl Finished {
    /// Its standard output as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The program without the caller's wishes about colours and widths.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siptls-probe"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.env("COLUMNS", "100").stdin(Stdio::null()).args(arguments);
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Finished {
    command(arguments).output().expect("start the program").into()
}

/// Runs another program on this input, to its end.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}\nhint: tests/run packages"));
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("wait for the program");
    // Whoever does not read all of it says why by other means.
    let _ = writer.join();
    output.into()
}

/// What a Python program prints on this input.
pub(crate) fn python(program: &str, input: &str) -> String {
    let finished = run_with_input(
        Command::new("python3").args(["-W", "ignore", "-c", program]),
        input,
    );
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished.stdout
}

/// A program that keeps running, killed when the test is over.
pub(crate) struct Started {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Started {
    /// Starts it; its standard error goes where the test's goes unless the command says otherwise.
    pub(crate) fn new(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("start the program");
        let stdout = child.stdout.take().expect("its output is a pipe");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    /// Its output up to and with the first line that has `mark` in it.
    pub(crate) fn read_to(&mut self, mark: &str) -> Vec<String> {
        let mut read = Vec::new();
        for line in self.lines.by_ref() {
            read.push(line.expect("read a line"));
            if read.last().is_some_and(|line| line.contains(mark)) {
                return read;
            }
        }
        panic!("expected a line with {mark}, read {read:#?}");
    }

    /// Its standard error, when that is a pipe.
    pub(crate) fn stderr(&mut self) -> std::process::ChildStderr {
        self.child.stderr.take().expect("its errors are a pipe")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("send a signal");
    }

    /// Waits for its end; exit code and the rest of its output.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let rest: Vec<String> = self
            .lines
            .by_ref()
            .map(|line| line.expect("read a line"))
            .collect();
        (
            self.child.wait().expect("wait for the program").code(),
            rest.join("\n"),
        )
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended, and then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lab with its root in a file, for as long as this lives.
pub(crate) struct Endpoints {
    lab: Lab,
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Endpoints {
    /// Starts it as of [`NOW`].
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let lab = runtime
            .block_on(Lab::start(NOW.parse().expect("a time")))
            .expect("start the lab");
        // Of one length everywhere: where lines of a text break depends on it.
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        std::fs::write(folder.path().join("root.pem"), &lab.root_pem).expect("write the root");
        Self {
            lab,
            folder,
            _runtime: runtime,
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Running] {
        &self.lab.endpoints
    }

    /// Where one of them listens.
    pub(crate) fn address(&self, name: &str) -> String {
        let found = self.lab.endpoints.iter().find(|endpoint| endpoint.name == name);
        found
            .unwrap_or_else(|| panic!("expected an endpoint {name} in the lab"))
            .address
            .to_string()
    }

    /// The root's file.
    pub(crate) fn root(&self) -> String {
        path(&self.folder.path().join("root.pem"))
    }

    /// A client certificate of that name, with both purposes, as options of `check`.
    pub(crate) fn identity(&self, name: &str) -> [String; 4] {
        let key = rcgen::KeyPair::generate().expect("make a key");
        let mut params = rcgen::CertificateParams::new(vec![format!("{name}.example.test")]).expect("a name");
        params.extended_key_usages = vec![
            rcgen::ExtendedKeyUsagePurpose::ServerAuth,
            rcgen::ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.self_signed(&key).expect("sign").pem();
        let [certificate_file, key_file] =
            [("pem", certificate), ("key", key.serialize_pem())].map(|(suffix, text)| {
                let file = self.file(&format!("{name}.{suffix}"));
                std::fs::write(&file, text).expect("write an identity");
                file
            });
        let owner_alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&key_file, owner_alone).expect("keep the key to its owner");
        [
            "--client-cert".to_owned(),
            path(&certificate_file),
            "--client-key".to_owned(),
            path(&key_file),
        ]
    }

    /// A file to write to.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `check` of one endpoint with its name and root as of [`NOW`], and further options.
    pub(crate) fn check(&self, name: &str, options: &[&str]) -> Finished {
        let (address, root) = (self.address(name), self.root());
        let mut arguments = vec![
            "check",
            "sbc.example.test",
            "--connect",
            &address,
            "--trust-anchors",
            &root,
        ];
        if !options.contains(&"--as-of") {
            arguments.extend(["--as-of", NOW]);
        }
        arguments.extend(options);
        run(&arguments)
    }
}

/// A path as text.
pub(crate) fn path(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// An address on which nobody listens.
pub(crate) fn closed_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}
