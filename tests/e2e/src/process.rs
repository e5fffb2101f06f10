//! A child process with a log, ended by its id when dropped.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::port::listens;
use crate::wait::{DEADLINE, until};

/// How long a process may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How much of a log a failing test prints.
const PRINTED_LOG: usize = 6_000;

/// More output than any program here has a reason to print.
const PRINTED_AT_MOST: usize = 64 * 1024 * 1024;

/// A running child process in its own temporary folder, its output in a log file there.
///
/// Dropping it sends SIGTERM, waits, then SIGKILL. While a panic unwinds, the log's end is printed and the folder kept.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
    folder: Option<TempDir>,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Starts `command` with both outputs going to `log` in `folder`; its standard input stays open and silent.
    ///
    /// The folder becomes the working directory. The child stays in the test's process group, so that a test runner that ends
    /// the group ends it too.
    ///
    /// # Panics
    ///
    /// When the program cannot be started.
    pub fn start(name: &str, folder: TempDir, mut command: Command) -> Self {
        let log = folder.path().join("log");
        let output = File::create(&log).expect("create a log");
        let errors = output.try_clone().expect("share the log");
        command
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{}", missing(&command, &error)));
        Self {
            name: name.to_owned(),
            child,
            log,
            folder: Some(folder),
            ended: None,
        }
    }

    /// Waits until something listens on the port, in the network that the process lives in.
    ///
    /// # Panics
    ///
    /// When the process ends before, or the deadline passes.
    #[must_use]
    pub fn listening(self, port: u16) -> Self {
        self.listening_on(None, port)
    }

    /// Waits until something listens at this very address.
    ///
    /// # Panics
    ///
    /// As [`Running::listening`].
    #[must_use]
    pub fn listening_at(self, address: SocketAddr) -> Self {
        self.listening_on(Some(address.ip()), address.port())
    }

    fn listening_on(mut self, host: Option<IpAddr>, port: u16) -> Self {
        let what = format!("{} to listen on port {port}", self.name);
        until(&what, DEADLINE, || {
            self.refuse_end(&what);
            listens(self.id(), host, port).then_some(())
        });
        self
    }

    /// Waits until the log contains `text`.
    ///
    /// # Panics
    ///
    /// When the process ends before, or the deadline passes.
    pub fn await_log(&mut self, text: &str) {
        let what = format!("{} to log {text:?}", self.name);
        until(&what, DEADLINE, || {
            let seen = self.log().contains(text);
            if !seen {
                self.refuse_end(&what);
            }
            seen.then_some(())
        });
    }

    /// Everything the process printed so far; bytes that are no UTF-8 are replaced.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder it runs in.
    ///
    /// # Panics
    ///
    /// Never before the process is dropped.
    pub fn folder(&self) -> &Path {
        self.folder
            .as_ref()
            .expect("the folder lives as long as the process")
            .path()
    }

    /// Writes to the standard input of the process.
    ///
    /// # Panics
    ///
    /// When the process closed its input.
    pub fn type_in(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("standard input is piped");
        input
            .write_all(text.as_bytes())
            .and_then(|()| input.flush())
            .expect("write to standard input");
    }

    /// Sends SIGHUP: most programs read their configuration again.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Sends SIGTERM and waits at most `deadline` for the end; `None` when it had to be killed.
    pub fn terminate(&mut self, deadline: Duration) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        self.await_end(deadline)
    }

    /// Kills it at once, as a power cut would.
    ///
    /// # Panics
    ///
    /// When the process does not end.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.await_end(GRACE).expect("a killed process ends");
    }

    /// The exit status, once it ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("ask after a child");
        }
        self.ended
    }

    /// Resident memory in bytes, `None` once it ended.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
            .map(|kibibytes| kibibytes * 1_024)
    }

    fn await_end(&mut self, deadline: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        while self.ended().is_none() && started.elapsed() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        self.ended
    }

    fn signal(&self, signal: Signal) {
        if self.ended.is_some() {
            return;
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // The child is not reaped yet, so the id is still its own; "no such process" only means it just ended.
            let _ = kill_process(pid, signal);
        }
    }

    fn refuse_end(&mut self, what: &str) {
        if let Some(status) = self.ended() {
            panic!(
                "expected {what}, found it ended with {status}; log:\n{}",
                tail(&self.log())
            );
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.stdin.take();
        if self.ended().is_none() && self.terminate(GRACE).is_none() {
            self.signal(Signal::KILL);
            self.await_end(GRACE);
        }
        if thread::panicking() {
            let folder = self.folder.take().map(TempDir::keep);
            complain(&format!(
                "--- {} (kept in {folder:?})\n{}",
                self.name,
                tail(&self.log())
            ));
        }
    }
}

/// Runs a short command to its end, with nothing on standard input.
///
/// # Panics
///
/// When it cannot be started or ends with a failure; the message carries its output.
pub fn complete(command: &mut Command) -> Output {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}", missing(command, &error)));
    assert!(
        output.status.success(),
        "expected {command:?} to succeed, found {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// How a short command ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How long it ran.
    pub duration: Duration,
}

/// Runs a command to its end, whatever that is, with `input` on standard input.
///
/// # Panics
///
/// When it cannot be started, prints more than 64 MiB, or does not end before the deadline: then it is killed first.
pub fn finish(command: &mut Command, input: &[u8], deadline: Duration) -> Finished {
    let started = Instant::now();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{}", missing(command, &error)));
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    thread::scope(|scope| {
        // A program that ends without reading its input is no fault of the caller.
        scope.spawn(move || drop(stdin.write_all(input)));
        let stdout = scope.spawn(move || drain(stdout));
        let stderr = scope.spawn(move || drain(stderr));
        let mut late = false;
        let status = loop {
            if let Some(status) = child.try_wait().expect("ask after a child") {
                break status;
            }
            if started.elapsed() > deadline {
                late = true;
                child.kill().expect("kill a child");
            }
            thread::sleep(Duration::from_millis(2));
        };
        let duration = started.elapsed();
        let stdout = stdout.join().expect("read standard output");
        let stderr = stderr.join().expect("read standard error");
        assert!(
            !late,
            "expected {command:?} to end within {deadline:?}, killed it\n{stdout}\n{stderr}"
        );
        Finished {
            code: status.code(),
            stdout,
            stderr,
            duration,
        }
    })
}

fn drain(mut stream: impl Read) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let read = stream.read(&mut buffer).expect("read from a child");
        if read == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        bytes.extend_from_slice(&buffer[..read]);
        assert!(
            bytes.len() <= PRINTED_AT_MOST,
            "expected at most {PRINTED_AT_MOST} bytes of output, found more"
        );
    }
}

/// A temporary folder for one rig.
pub(crate) fn folder(name: &str) -> TempDir {
    tempfile::Builder::new()
        .prefix(&format!("siptls-e2e-{name}-"))
        .tempdir()
        .expect("make a temporary folder")
}

pub(crate) fn missing(command: &Command, error: &std::io::Error) -> String {
    format!(
        "cannot start {:?}: {error}\nhint: `tests/run packages` installs the peers",
        command.get_program()
    )
}

#[expect(
    clippy::print_stderr,
    reason = "the log of a peer belongs to the failure of the test"
)]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

/// The end of a log, PEM blocks left out.
fn tail(log: &str) -> String {
    let mut inside = false;
    let readable: Vec<&str> = log
        .lines()
        .filter(|line| {
            let outside = !inside && !line.starts_with("-----BEGIN ");
            inside = !outside && !line.starts_with("-----END ");
            outside
        })
        .collect();
    let readable = readable.join("\n");
    let mut from = readable.len().saturating_sub(PRINTED_LOG);
    while !readable.is_char_boundary(from) {
        from += 1;
    }
    readable[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Running {
        let mut command = Command::new("sleep");
        command.arg("600");
        Running::start("sleep", folder("sleep"), command)
    }

    #[test]
    fn dropping_ends_the_process_and_removes_its_folder() {
        let running = sleeper();
        let (id, folder) = (running.id(), running.folder().to_owned());
        drop(running);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
        assert!(!folder.exists());
    }

    #[test]
    fn a_panic_ends_the_process_and_keeps_its_folder() {
        let seen = std::sync::Mutex::new(None);
        let result = std::panic::catch_unwind(|| {
            let running = sleeper();
            *seen.lock().expect("unpoisoned") = Some((running.id(), running.folder().to_owned()));
            panic!("as a failing test would");
        });
        assert!(result.is_err());
        let (id, folder) = seen.into_inner().expect("unpoisoned").expect("started");
        assert!(!Path::new(&format!("/proc/{id}")).exists());
        assert!(folder.exists());
        fs::remove_dir_all(folder).expect("remove the kept folder");
    }

    #[test]
    fn a_printed_log_has_no_pem_and_an_end() {
        assert_eq!(tail("a\n-----BEGIN X-----\nAAAA\n-----END X-----\nb\n"), "a\nb");
        assert_eq!(tail(&"ä".repeat(PRINTED_LOG)).len(), PRINTED_LOG);
    }

    #[test]
    fn an_early_end_is_told_at_once() {
        let folder = folder("bash");
        let path = folder.path().to_owned();
        let result = std::panic::catch_unwind(|| {
            let mut command = Command::new("bash");
            command.args(["-c", "echo gone; exit 7"]);
            Running::start("bash", folder, command).await_log("never printed");
        });
        fs::remove_dir_all(path).expect("remove the kept folder");
        let message = result
            .expect_err("the process ends")
            .downcast::<String>()
            .expect("a panic with a message");
        assert!(
            message.contains("found it ended with exit status: 7; log:\ngone"),
            "{message}"
        );
    }
}
