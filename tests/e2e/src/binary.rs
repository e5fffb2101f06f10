//! The real `siptls-probe`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Finished, Running, finish};
use crate::wait::DEADLINE;

/// Names the program to test.
const VARIABLE: &str = "SIPTLS_PROBE_BIN";

/// The program under test: what `SIPTLS_PROBE_BIN` names, else the one in the build folder this test lies in.
#[derive(Debug, Clone)]
pub struct Binary {
    path: PathBuf,
}

impl Binary {
    /// Finds it.
    ///
    /// # Panics
    ///
    /// When there is none: a test without its subject fails.
    pub fn find() -> Self {
        Self::at(env::var_os(VARIABLE).map_or_else(beside_the_test, PathBuf::from))
    }

    /// Takes this one.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn at(path: PathBuf) -> Self {
        assert!(
            path.is_file(),
            "expected the program under test at {}, found none\nhint: cargo build -p siptls-probe, or set {VARIABLE}",
            path.display()
        );
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command of it, without the caller's proxies, colours and log settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        for name in [
            "RUST_LOG",
            "NO_COLOR",
            "CLICOLOR_FORCE",
            "http_proxy",
            "https_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
        ] {
            command.env_remove(name);
        }
        command.args(arguments);
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// When it does not end within [`DEADLINE`].
    pub fn run(&self, arguments: &[&str]) -> Finished {
        finish(&mut self.command(arguments), b"", DEADLINE)
    }

    /// Starts it to stay, `run` or `lab`, in `folder`.
    pub fn start(&self, folder: TempDir, arguments: &[&str]) -> Running {
        Running::start("siptls-probe", folder, self.command(arguments))
    }
}

fn beside_the_test() -> PathBuf {
    let program = env::current_exe().expect("the test knows its own path");
    // target/debug/deps/test-1234 → target/debug/siptls-probe
    program
        .ancestors()
        .nth(2)
        .expect("a test lies in a build folder")
        .join("siptls-probe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_tells_how_it_ended() {
        let finished = Binary::at(PathBuf::from("/bin/bash")).run(&["-c", "echo out; echo talk >&2; exit 3"]);
        assert_eq!(
            (finished.code, finished.stdout.as_str(), finished.stderr.as_str()),
            (Some(3), "out\n", "talk\n")
        );
    }

    #[test]
    #[should_panic(expected = "hint: cargo build -p siptls-probe")]
    fn a_missing_program_fails_with_a_hint() {
        Binary::at(PathBuf::from("/nonexistent/siptls-probe"));
    }
}
