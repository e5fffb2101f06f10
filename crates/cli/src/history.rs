//! The command `history`: what changed at a target, from the journal.

use crate::Outcome;
use crate::arguments::{HistoryArguments, HistoryFormat};
use crate::failure::{Failure, nearest, shown};
use crate::output::Output;
use serde::Serialize;
use siptls_journal::{Change, JournalError, Query, Reader, SCHEMA};
use siptls_model::{Aspect, Timestamp, clock, escape_text};
use std::fmt::Write as _;

/// Changes read at a time.
const STEP: usize = 500;
/// Bytes of evidence on a line of text.
const EVIDENCE_LINE: usize = 32;

/// A change, with its evidence when that is wanted.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    change: Change,
    /// The flight in hexadecimal; `null` when none is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Option<String>>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    generated_at: Timestamp,
    source: &'static str,
    changes: Vec<Line>,
    next: Option<String>,
}

/// Prints the changes of a target, the oldest first.
pub(crate) fn history(arguments: &HistoryArguments) -> Result<Outcome, Failure> {
    let path = &arguments.configuration.config_file;
    let plan = siptls_config::load(path).map_err(|source| Failure::Configuration { source })?;
    let Some(journal) = &plan.journal else {
        return Err(Failure::NoJournal { path: path.clone() });
    };
    let reader = Reader::open(&journal.path).map_err(journal_failure)?;
    let aspect = arguments.aspect.as_deref().map(aspect).transpose()?;
    let since = arguments.since.as_deref().map(time).transpose()?;
    let target = &arguments.target;
    let known = reader.targets().map_err(journal_failure)?;
    if !known.contains(target) && plan.target(target).is_none() {
        let names = known.iter().map(String::as_str);
        return Err(Failure::UnknownHistory {
            found: shown(target),
            nearest: nearest(target, names).map(str::to_owned),
        });
    }
    let mut query = Query {
        target: Some(target.clone()),
        aspect,
        since,
        limit: STEP,
        ..Query::default()
    };
    let mut output = Output::standard();
    let mut lines = Vec::new();
    let mut count = 0_usize;
    loop {
        let page = reader.changes(&query).map_err(journal_failure)?;
        for change in page.changes {
            let evidence = if arguments.evidence {
                Some(
                    reader
                        .evidence(&change)
                        .map_err(journal_failure)?
                        .map(|flight| hex(&flight)),
                )
            } else {
                None
            };
            count += 1;
            let line = Line { change, evidence };
            match arguments.format {
                HistoryFormat::Text => output.write(&text(&line))?,
                HistoryFormat::Jsonl => output.write(&(json(&line)? + "\n"))?,
                HistoryFormat::Json => lines.push(line),
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    match arguments.format {
        HistoryFormat::Json => {
            let document = Document {
                schema: SCHEMA,
                generated_at: clock::now(),
                source: "journal",
                changes: lines,
                next: None,
            };
            output.write(&(json(&document)? + "\n"))?;
        }
        HistoryFormat::Text if count == 0 => {
            output.write(&format!("{}: no change is known\n", escape_text(target)))?;
        }
        HistoryFormat::Text | HistoryFormat::Jsonl => {}
    }
    Ok(Outcome::Good)
}

/// A change for people: when, what, and each difference on a line of its own.
fn text(line: &Line) -> String {
    let change = &line.change;
    let mut out = format!(
        "{}  {}  {}\n",
        moment(change.time),
        change.aspect,
        escape_text(change.address.as_deref().unwrap_or("all addresses"))
    );
    // Writing to a String cannot fail.
    for difference in change.differences() {
        let _ = writeln!(out, "    {}: {}", difference.what, difference.how);
    }
    if change.count > 1 {
        let _ = writeln!(
            out,
            "    {} times, last {}",
            change.count,
            moment(change.last_time)
        );
    }
    if let Some(evidence) = &line.evidence {
        let evidence = evidence.as_deref().unwrap_or_default();
        let _ = writeln!(out, "    evidence, {} bytes of TLS records:", evidence.len() / 2);
        let digits: Vec<char> = evidence.chars().collect();
        for part in digits.chunks(2 * EVIDENCE_LINE) {
            let _ = writeln!(out, "      {}", part.iter().collect::<String>());
        }
    }
    out
}

fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|source| Failure::Json { source })
}

fn aspect(text: &str) -> Result<Aspect, Failure> {
    Aspect::from_code(text).ok_or_else(|| Failure::UnknownAspect { found: shown(text) })
}

fn time(text: &str) -> Result<Timestamp, Failure> {
    crate::check::moment(text).ok_or_else(|| Failure::Since { found: shown(text) })
}

fn journal_failure(source: JournalError) -> Failure {
    Failure::Journal { source }
}
