//! Why a command could not run, and the one printer of such reasons.

use siptls_config::{Fault, Faults};
use siptls_daemon::{DaemonError, ShardError, WebError};
use siptls_journal::JournalError;
use siptls_lab::LabError;
use siptls_model::escape_text_bounded;
use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::{fmt, io};

/// Characters of a typed text that a message repeats.
const MAX_SHOWN: usize = 80;

/// Why a command could not run. Each prints as one line; sources and hints are the printer's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Faults of endpoints and options, each a sentence.
    #[error("{}", Lines(.faults))]
    CommandLine { faults: Vec<CommandLineFault> },
    #[error("--as-of: expected an RFC 3339 time or a date, found `{found}`")]
    AsOf { found: String },
    #[error("--since: expected an RFC 3339 time or a date, found `{found}`")]
    Since { found: String },
    #[error("--shard: {error}")]
    Shard { error: ShardError },
    #[error("--aspect: expected identity, request, suites, addresses or verdict, found `{found}`")]
    UnknownAspect { found: String },
    #[error("{} names no journal", path.display())]
    NoJournal { path: PathBuf },
    #[error("the journal cannot be read")]
    Journal { source: JournalError },
    #[error("the journal knows no target named `{found}`")]
    UnknownHistory { found: String, nearest: Option<String> },
    #[error("the configuration cannot be used")]
    Configuration { source: Faults },
    #[error("the web configuration cannot be used")]
    Web { source: WebError },
    #[error("cannot write the report to {}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("cannot write the manual pages to {}", folder.display())]
    Pages { folder: PathBuf, source: io::Error },
    #[error("cannot write to standard output")]
    StandardOutput { source: io::Error },
    #[error("a report cannot be written as JSON")]
    Json { source: serde_json::Error },
    #[error("no check is named `{found}`")]
    UnknownCheck {
        found: String,
        nearest: Option<&'static str>,
        known: Vec<&'static str>,
    },
    #[error("expected a URL such as `http://127.0.0.1:10061/-/ready`, found `{found}`")]
    HealthUrl { found: String },
    #[error("no command is named `{found}`")]
    UnknownCommand { found: String, nearest: Option<String> },
    #[error("the catalog has nothing named `{found}`")]
    UnknownName { found: String, nearest: Option<String> },
    #[error("cannot start the runtime")]
    Runtime { source: io::Error },
    #[error("cannot receive signals")]
    Signals { source: io::Error },
    #[error("cannot start the log")]
    Log {
        source: tracing_subscriber::util::TryInitError,
    },
    #[error("the daemon cannot run")]
    Daemon { source: DaemonError },
    #[error("the lab cannot start")]
    Lab { source: LabError },
    #[error("cannot write the lab's files")]
    LabFiles { source: io::Error },
    #[error("the path of the lab's folder is not UTF-8")]
    LabFolder,
    #[error("the daemon of the lab ended before it listened")]
    LabEnded,
    #[error("cannot ask the daemon of the lab for its reports")]
    LabReports { source: io::Error },
    #[error("expected {expected} endpoints of the lab to be judged within {seconds} s, found {found}")]
    LabRound {
        expected: usize,
        found: usize,
        seconds: u64,
    },
}

impl Failure {
    /// What to do, where that is known.
    fn hint(&self) -> Option<String> {
        match self {
            Self::AsOf { .. } | Self::Since { .. } => {
                Some("write `2027-03-15` or `2027-03-15T06:00:00Z`".to_owned())
            }
            Self::UnknownCheck {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean `{nearest}`?")),
            Self::UnknownCheck { known, .. } => Some(format!("known: {}", known.join(", "))),
            Self::UnknownName {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean `{nearest}`?")),
            Self::Shard { error } => Some(error.hint().to_owned()),
            Self::NoJournal { .. } => {
                Some("add `journal: {path: journal.sqlite}`: what changes from then on is kept".to_owned())
            }
            Self::Journal { source } => source.hint().map(str::to_owned),
            Self::UnknownHistory { nearest, .. } | Self::UnknownCommand { nearest, .. } => nearest
                .as_ref()
                .map(|nearest| format!("did you mean `{nearest}`?")),
            Self::UnknownName { .. } => Some("`siptls-probe catalog list` shows every name".to_owned()),
            _ => None,
        }
    }
}

/// A fault of an endpoint or an option, by the rules of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandLineFault {
    endpoint: Option<String>,
    fault: Fault,
}

impl CommandLineFault {
    /// The fault of `typed` when it is about the endpoint, else of an option.
    pub(crate) fn new(typed: &str, fault: &Fault) -> Self {
        let is_endpoint = !fault.key.starts_with("--");
        Self {
            endpoint: is_endpoint.then(|| shown(typed)),
            fault: fault.clone(),
        }
    }
}

impl fmt::Display for CommandLineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "endpoint `{endpoint}`: {}", self.fault.message)?,
            None => write!(f, "{}: {}", self.fault.key, self.fault.message)?,
        }
        match &self.fault.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

struct Lines<'a>(&'a [CommandLineFault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\nerror: ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// Something typed, as a message repeats it: escaped and cut.
pub(crate) fn shown(text: &str) -> String {
    escape_text_bounded(text, MAX_SHOWN)
}

/// The known name nearest to `found`, when one is near enough to be meant.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found: String = found
        .to_ascii_lowercase()
        .replace('_', "-")
        .chars()
        .take(MAX_SHOWN)
        .collect();
    known
        .into_iter()
        .map(|name| {
            let distance = strsim::damerau_levenshtein(&found, name);
            let is_part = found.chars().count() > 2 && name.contains(&found);
            // A piece of a name is meant as the name, but a near miss is better still.
            (
                if is_part {
                    distance.min(name.len() / 3)
                } else {
                    distance
                },
                name,
            )
        })
        .filter(|(distance, name)| *distance <= name.len().max(found.len()) / 3)
        .min()
        .map(|(_, name)| name)
}

/// Says why the program could not run: the failure, its sources, its hint.
pub(crate) fn print(failure: &Failure) {
    // There is nowhere left to tell of a closed standard error.
    let _ = anstream::stderr().write_all(text(failure).as_bytes());
}

/// A remark beside the report.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "note: {text}");
}

fn text(failure: &Failure) -> String {
    let mut text = format!("error: {failure}\n");
    let mut source = failure.source();
    while let Some(error) = source {
        // The faults of a configuration are a list, each with its place and hint.
        match error.downcast_ref::<Faults>() {
            Some(faults) => {
                let count = faults.count();
                text = format!(
                    "{text}{faults}\n{count} fault{}\n",
                    if count == 1 { "" } else { "s" }
                );
            }
            None => text = format!("{text}  because: {error}\n"),
        }
        source = error.source();
    }
    if let Some(hint) = failure.hint() {
        text = format!("{text}hint: {hint}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_printed_once_with_the_hint_last() {
        let source = io::Error::other("disk on fire");
        assert_eq!(
            text(&Failure::Output {
                path: "x.json".into(),
                source
            }),
            "error: cannot write the report to x.json\n  because: disk on fire\n"
        );
        assert_eq!(
            text(&Failure::AsOf {
                found: "soon".to_owned()
            }),
            "error: --as-of: expected an RFC 3339 time or a date, found `soon`\n\
             hint: write `2027-03-15` or `2027-03-15T06:00:00Z`\n"
        );
    }

    #[test]
    fn the_nearest_name_is_the_one_meant() {
        let known = [
            "chain-complete",
            "chain-trusted-by-peer",
            "eku-server-auth",
            "sip-options-answered",
        ];
        for (found, meant) in [
            ("chain-complet", Some("chain-complete")),
            ("Chain_Complete", Some("chain-complete")),
            ("server-auth", Some("eku-server-auth")),
            ("options", Some("sip-options-answered")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, known), meant, "{found}");
        }
    }
}
