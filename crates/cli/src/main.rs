//! The program `siptls-probe`: what is typed, what is printed, and the exit code.
//!
//! ```text
//!  arguments ─┬─ check ─────────► prober ─► judge ─► report (text, JSON)
//!             ├─ run ───────────► daemon
//!             ├─ history ───────► the daemon's journal ─► text, JSON
//!             ├─ lab ───────────► loopback endpoints + daemon
//!             ├─ healthy ───────► a running daemon ─► exit code
//!             └─ config, catalog, explain, completions, man ─► text
//! ```
//!
//! Reports and other data go to standard output, everything else to standard error. Nothing here judges, or speaks TLS to a peer.

mod arguments;
mod catalog;
mod check;
mod configuration;
mod core_file;
mod daemon;
mod exchange;
mod explanation;
mod facts;
mod failure;
mod handbook;
mod healthy;
mod history;
mod json;
mod lab;
mod log;
mod openssl;
mod output;
mod page;
mod progress;
mod rehearsal;
mod report;
mod shard;
mod signal;
mod summary;
mod verify;
mod visits;

use arguments::{Arguments, CatalogCommand, Command, ConfigCommand};
use clap::Parser as _;
use failure::Failure;
use std::process::ExitCode;

/// How a command ended that could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Every verdict is pass or warn, or the command has no verdicts.
    Good,
    /// At least one verdict is fail.
    Failed,
    /// Nothing failed, but at least one verdict is inconclusive.
    Inconclusive,
}

/// Exit code of a command that could not run; clap ends with the same on a fault of usage.
const COULD_NOT_RUN: u8 = 2;

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Good => 0,
            Outcome::Failed => 1,
            Outcome::Inconclusive => 3,
        })
    }
}

fn main() -> ExitCode {
    match command(Arguments::parse().command) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            failure::print(&failure);
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn command(command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::Check(arguments) => check::check(&arguments),
        Command::Run(arguments) => daemon::run(arguments),
        Command::History(arguments) => history::history(&arguments),
        Command::Lab(arguments) => lab::lab(&arguments),
        Command::Config(ConfigCommand::Check(arguments)) => configuration::check(&arguments),
        Command::Config(ConfigCommand::Show { configuration, shard }) => {
            configuration::show(&configuration.config_file, &shard)
        }
        Command::Catalog(CatalogCommand::List { format }) => catalog::list(format),
        Command::Catalog(CatalogCommand::Verify(arguments)) => verify::verify(&arguments),
        Command::Catalog(CatalogCommand::Show { name, format }) => catalog::show(&name, format),
        Command::Explain(arguments) => explanation::explain(&arguments.check),
        Command::Healthy(arguments) => healthy::healthy(&arguments.url),
        Command::Completions { shell } => handbook::completions(shell),
        Command::Man(arguments) => handbook::man(&arguments),
    }
}
