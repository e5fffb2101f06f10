//! The log: logfmt or JSON, one line per event, to standard error.

use crate::arguments::{Level, LogFormat};
use crate::failure::Failure;
use siptls_model::{clock, escape_text};
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log. Libraries are heard from `warn` on, this program from `level` on.
pub(crate) fn start(level: Level, format: LogFormat) -> Result<(), Failure> {
    let (ours, others) = match level {
        Level::Debug => ("debug", "warn"),
        Level::Info => ("info", "warn"),
        Level::Warn => ("warn", "warn"),
        Level::Error => ("error", "error"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("{others},siptls={ours}")))
        .with_writer(std::io::stderr)
        // Its complaint about a closed standard error would go to standard error, and panic.
        .log_internal_errors(false)
        .event_format(Line(format))
        .finish()
        .try_init()
        .map_err(|source| Failure::Log { source })
}

/// An event as a line.
struct Line(LogFormat);

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let time = format!("{:.3}", clock::now());
        let head = [
            ("ts", Value::Text(time)),
            ("level", Value::Text(level)),
            ("msg", Value::Text(fields.message)),
        ];
        let pairs = head.into_iter().chain(fields.pairs);
        let line = match self.0 {
            LogFormat::Logfmt => logfmt(pairs),
            LogFormat::Json => json(pairs),
        };
        writeln!(writer, "{line}")
    }
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    /// As it is written in either form: numbers and truth values.
    Literal(String),
    /// Quoted as needed.
    Text(String),
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    pairs: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text) | Value::Literal(text)) => self.message = text,
            (name, value) => self.pairs.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, Value::Text(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Literal(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Literal(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Literal(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let literal = value.is_finite();
        self.put(
            field,
            if literal {
                Value::Literal(value.to_string())
            } else {
                Value::Text(value.to_string())
            },
        );
    }
}

fn logfmt(pairs: impl Iterator<Item = (&'static str, Value)>) -> String {
    let pairs: Vec<String> = pairs
        .map(|(name, value)| match value {
            Value::Literal(text) => format!("{name}={text}"),
            Value::Text(text) => format!("{name}={}", quoted(&text)),
        })
        .collect();
    pairs.join(" ")
}

/// A text as logfmt reads it: in double quotes unless it is one plain word, on one line in any case.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'=' | b'\\'));
    if is_plain {
        return text.to_owned();
    }
    let lines = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{}\"", escape_text(&lines))
}

fn json(pairs: impl Iterator<Item = (&'static str, Value)>) -> String {
    let pairs: Vec<String> = pairs
        .map(|(name, value)| {
            let value = match value {
                Value::Literal(text) => text,
                Value::Text(text) => serde_json::Value::from(escape_controls(&text)).to_string(),
            };
            format!("{}:{value}", serde_json::Value::from(name))
        })
        .collect();
    format!("{{{}}}", pairs.join(","))
}

/// Line breaks are JSON's own to escape; the rest is escaped as everywhere.
fn escape_controls(text: &str) -> String {
    text.split('\n').map(escape_text).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> impl Iterator<Item = (&'static str, Value)> {
        let text = |text: &str| Value::Text(text.to_owned());
        [
            ("level", text("info")),
            ("msg", text("verdict changed")),
            ("target_name", text("acme-sbc-1")),
            ("count", Value::Literal("3".to_owned())),
            ("odd", text("a=\"b\"\n\u{1b}[31m\\")),
            ("empty", text("")),
        ]
        .into_iter()
    }

    #[test]
    fn logfmt_quotes_what_is_no_plain_word() {
        assert_eq!(
            logfmt(pairs()),
            r#"level=info msg="verdict changed" target_name=acme-sbc-1 count=3 odd="a=\"b\"\n\u{1b}[31m\\" empty="""#
        );
    }

    #[test]
    fn json_is_one_object_in_order() {
        let line = json(pairs());
        assert!(
            line.starts_with(
                r#"{"level":"info","msg":"verdict changed","target_name":"acme-sbc-1","count":3,"#
            ),
            "{line}"
        );
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["odd"], "a=\"b\"\n\\u{1b}[31m\\");
        assert_eq!(line.lines().count(), 1);
    }
}
