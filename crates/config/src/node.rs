//! A YAML document as a tree in which every key and value knows its line and column.
//!
//! Scalars stay the text they were written as: `1.10`, `007`, `no` and `on` are never turned into a number or a
//! truth value behind the operator's back. Only the null words (`null`, `~`, nothing) mean "no value".

use crate::fault::{FaultList, KeyPath, Position, quoted};
use granit_parser::{ErrorKind, Event, Marker, Options, Parser, ScalarStyle, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

/// Values in one document, aliases counted as often as they are used: 100,000 targets of twelve keys are 2.5 million.
const MAX_NODES: u64 = 5_000_000;

/// Nesting of lists and mappings; the configuration itself needs five.
const MAX_DEPTH: usize = 64;

/// A mapping of more keys than this is checked for duplicates through a set.
const FEW_KEYS: usize = 16;

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node<'s> {
    pub(crate) at: Position,
    pub(crate) value: Value<'s>,
    /// Values below and including this one, aliases expanded.
    weight: u64,
    /// Levels of lists and mappings below and including this one, aliases expanded.
    height: usize,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Value<'s> {
    /// `null`, `~` or nothing at all.
    Null,
    /// Text as written, quotes and escapes resolved.
    Scalar(Cow<'s, str>),
    List(Vec<Rc<Node<'s>>>),
    Map(Vec<Entry<'s>>),
    /// Something about which a fault has been recorded already.
    Broken,
}

/// One key of a mapping and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'s> {
    pub(crate) key: Cow<'s, str>,
    pub(crate) at: Position,
    pub(crate) value: Rc<Node<'s>>,
}

impl Node<'_> {
    /// The value as a message names it.
    pub(crate) fn found(&self) -> String {
        match &self.value {
            Value::Null | Value::Broken => "nothing".to_owned(),
            Value::Scalar(text) if text.is_empty() => "an empty text".to_owned(),
            Value::Scalar(text) => quoted(text),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// What a file held.
pub(crate) enum Document<'s> {
    /// A value.
    Value(Rc<Node<'s>>),
    /// Nothing, or comments alone.
    Empty,
    /// A fault that leaves no tree to read; it has been recorded.
    Unreadable,
}

/// Reads the one document of `text`. Faults of form (syntax, duplicate keys, unknown anchors, tags, more than one
/// document, too many values) are recorded; what can still be read is returned.
pub(crate) fn parse<'s>(text: &'s str, file: &Rc<Path>, faults: &mut FaultList) -> Document<'s> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.block_nesting_limit = MAX_DEPTH;
    options.flow_nesting_limit = MAX_DEPTH;
    let mut builder = Builder {
        file,
        faults,
        frames: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
    };
    let mut documents = 0_u32;
    for next in Parser::new_from_str_with_options(text, options) {
        match next {
            Ok((event, span)) => {
                let at = position(&span.start);
                match event {
                    Event::StreamEnd => break,
                    Event::DocumentStart(..) => {
                        documents += 1;
                        if documents == 2 {
                            let message = "expected one document, found a second";
                            let hint = "remove the line `---` and what follows, or put it into a file of `target_files`";
                            builder
                                .faults
                                .at(file, at, &KeyPath::Root, message, Some(hint.to_owned()));
                            break;
                        }
                    }
                    event => {
                        if builder.event(event, at).is_err() {
                            return Document::Unreadable;
                        }
                    }
                }
            }
            Err(error) => {
                let (message, hint) = syntax(error.kind());
                let hint = hint.map(str::to_owned);
                builder.at_current(position(error.marker()), message, hint);
                return Document::Unreadable;
            }
        }
    }
    match builder.root {
        None => Document::Empty,
        Some(node) if matches!(node.value, Value::Null) => Document::Empty,
        Some(node) if matches!(node.value, Value::Broken) => Document::Unreadable,
        Some(node) => Document::Value(node),
    }
}

/// A list or mapping whose end has not been read yet.
enum Frame<'s> {
    List {
        at: Position,
        anchor: usize,
        items: Vec<Rc<Node<'s>>>,
    },
    Map {
        at: Position,
        anchor: usize,
        entries: Vec<Entry<'s>>,
        seen: HashSet<Cow<'s, str>>,
        key: PendingKey<'s>,
    },
}

/// What a mapping waits for.
enum PendingKey<'s> {
    /// A key.
    None,
    /// The value of this key.
    Read(Cow<'s, str>, Position),
    /// The value of a key that cannot be used; it is dropped.
    Dropped,
}

/// Too many values: nothing more is read.
struct TooMany;

struct Builder<'s, 'f> {
    file: &'f Rc<Path>,
    faults: &'f mut FaultList,
    frames: Vec<Frame<'s>>,
    anchors: HashMap<usize, Rc<Node<'s>>>,
    nodes: u64,
    root: Option<Rc<Node<'s>>>,
}

impl<'s> Builder<'s, '_> {
    fn event(&mut self, event: Event<'s>, at: Position) -> Result<(), TooMany> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = if let Some(message) = tag.as_deref().and_then(refused_tag) {
                    self.at_current(at, message, Some("remove the tag".to_owned()));
                    Value::Broken
                } else if tag.is_none() && style == ScalarStyle::Plain && is_null(&text) {
                    Value::Null
                } else {
                    Value::Scalar(text)
                };
                let node = Rc::new(Node {
                    at,
                    value,
                    weight: 1,
                    height: 0,
                });
                self.anchor(anchor, &node);
                self.add(node)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at);
                self.frames.push(Frame::List {
                    at,
                    anchor,
                    items: Vec::new(),
                });
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at);
                let frame = Frame::Map {
                    at,
                    anchor,
                    entries: Vec::new(),
                    seen: HashSet::new(),
                    key: PendingKey::None,
                };
                self.frames.push(frame);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => {
                let node = match self.anchors.get(&id) {
                    Some(node) if self.frames.len().saturating_add(node.height) > MAX_DEPTH => {
                        let message = format!("expected at most {MAX_DEPTH} levels of nesting, found more");
                        self.at_current(at, message, None);
                        broken(at)
                    }
                    Some(node) => Rc::clone(node),
                    None => {
                        self.at_current(at, "expected a value, found an alias of what it stands in", None);
                        broken(at)
                    }
                };
                self.add(node)
            }
            Event::UnresolvedAlias(name) => {
                let message = format!(
                    "expected an anchor defined above, found the alias {}",
                    quoted(&format!("*{name}"))
                );
                let hint = "put a text that begins with `*` into quotes";
                self.at_current(at, message, Some(hint.to_owned()));
                self.add(broken(at))
            }
            _ => Ok(()),
        }
    }

    /// Ends the innermost list or mapping.
    fn close(&mut self) -> Result<(), TooMany> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let (at, anchor, value) = match frame {
            Frame::List { at, anchor, items } => (at, anchor, Value::List(items)),
            Frame::Map {
                at, anchor, entries, ..
            } => (at, anchor, Value::Map(self.merged(entries))),
        };
        let (weight, height) = match &value {
            Value::List(items) => measure(items.iter()),
            Value::Map(entries) => measure(entries.iter().map(|entry| &entry.value)),
            Value::Null | Value::Scalar(_) | Value::Broken => (0, 0),
        };
        let node = Rc::new(Node {
            at,
            value,
            weight: weight.saturating_add(1),
            height: height + 1,
        });
        self.anchor(anchor, &node);
        // What is inside has been counted when it was added.
        self.insert(node, 1)
    }

    fn add(&mut self, node: Rc<Node<'s>>) -> Result<(), TooMany> {
        let weight = node.weight;
        self.insert(node, weight)
    }

    /// Puts a finished value where the innermost list or mapping waits for one.
    fn insert(&mut self, node: Rc<Node<'s>>, weight: u64) -> Result<(), TooMany> {
        self.nodes = self.nodes.saturating_add(weight);
        if self.nodes > MAX_NODES {
            let message = format!("expected at most {MAX_NODES} values, aliases included, found more");
            self.at_current(
                node.at,
                message,
                Some("split it into several files of `target_files`".to_owned()),
            );
            return Err(TooMany);
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let (entries, seen, key) = match frame {
            Frame::List { items, .. } => {
                items.push(node);
                return Ok(());
            }
            Frame::Map {
                entries, seen, key, ..
            } => (entries, seen, key),
        };
        match std::mem::replace(key, PendingKey::None) {
            PendingKey::Read(key, at) => entries.push(Entry { key, at, value: node }),
            PendingKey::Dropped => {}
            PendingKey::None => {
                let Value::Scalar(text) = &node.value else {
                    *key = PendingKey::Dropped;
                    if !matches!(node.value, Value::Broken) {
                        let message = format!("expected a text as key, found {}", node.found());
                        self.at_current(node.at, message, None);
                    }
                    return Ok(());
                };
                match duplicate(entries, seen, text.clone()) {
                    None => *key = PendingKey::Read(text.clone(), node.at),
                    Some(first) => {
                        *key = PendingKey::Dropped;
                        let message = format!(
                            "expected each key once, found {} again after line {} column {}",
                            quoted(text),
                            first.line,
                            first.column
                        );
                        let text = text.clone();
                        self.at_key(node.at, &text, message);
                    }
                }
            }
        }
        Ok(())
    }

    fn anchor(&mut self, anchor: usize, node: &Rc<Node<'s>>) {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(node));
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, at: Position) {
        if let Some(message) = tag.and_then(refused_tag) {
            self.at_current(at, message, Some("remove the tag".to_owned()));
        }
    }

    /// Entries with those of merge keys (`<<: *other`) put in; a key written out wins over a merged one.
    fn merged(&mut self, entries: Vec<Entry<'s>>) -> Vec<Entry<'s>> {
        if !entries.iter().any(|entry| entry.key == "<<") {
            return entries;
        }
        let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == "<<");
        let mut seen: HashSet<Cow<'s, str>> = own.iter().map(|entry| entry.key.clone()).collect();
        for merge in merges {
            let sources = match &merge.value.value {
                Value::List(items) => items.clone(),
                _ => vec![Rc::clone(&merge.value)],
            };
            for source in sources {
                match &source.value {
                    Value::Map(more) => {
                        own.extend(
                            more.iter()
                                .filter(|entry| seen.insert(entry.key.clone()))
                                .cloned(),
                        );
                    }
                    Value::Broken => {}
                    _ => {
                        let message = format!("expected a mapping to merge, found {}", source.found());
                        self.at_key(merge.at, "<<", message);
                    }
                }
            }
        }
        own
    }

    /// A fault at the key or item being read.
    fn at_current(&mut self, at: Position, message: impl Into<String>, hint: Option<String>) {
        let steps = self.steps();
        record(&steps, &KeyPath::Root, |path| {
            self.faults.at(self.file, at, path, message.into(), hint)
        });
    }

    /// A fault of `key` in the mapping being read.
    fn at_key(&mut self, at: Position, key: &str, message: String) {
        let steps = self.steps();
        record(&steps, &KeyPath::Root, |path| {
            self.faults.at(self.file, at, &path.key(key), message, None)
        });
    }

    /// The way to the value being read.
    fn steps(&self) -> Vec<Step> {
        let step = |frame: &Frame<'s>| match frame {
            Frame::List { items, .. } => Some(Step::Index(items.len())),
            Frame::Map {
                key: PendingKey::Read(key, _),
                ..
            } => Some(Step::Key(key.to_string())),
            Frame::Map { .. } => None,
        };
        self.frames.iter().filter_map(step).collect()
    }
}

enum Step {
    Key(String),
    Index(usize),
}

/// Builds the borrowed path of `steps` on the stack and hands it on.
fn record(steps: &[Step], path: &KeyPath<'_>, then: impl FnOnce(&KeyPath<'_>)) {
    match steps.split_first() {
        None => then(path),
        Some((Step::Key(key), rest)) => record(rest, &path.key(key), then),
        Some((Step::Index(index), rest)) => record(rest, &path.index(*index), then),
    }
}

/// Where `key` stood before in the same mapping.
fn duplicate<'s>(
    entries: &[Entry<'s>],
    seen: &mut HashSet<Cow<'s, str>>,
    key: Cow<'s, str>,
) -> Option<Position> {
    let first = || {
        entries
            .iter()
            .find(|entry| entry.key == *key)
            .map(|entry| entry.at)
    };
    if entries.len() <= FEW_KEYS {
        return first();
    }
    if seen.is_empty() {
        seen.extend(entries.iter().map(|entry| entry.key.clone()));
    }
    if seen.insert(key.clone()) { None } else { first() }
}

fn measure<'n, 's: 'n>(nodes: impl Iterator<Item = &'n Rc<Node<'s>>>) -> (u64, usize) {
    nodes.fold((0, 0), |(weight, height), node| {
        (node.weight.saturating_add(weight), node.height.max(height))
    })
}

fn broken<'s>(at: Position) -> Rc<Node<'s>> {
    Rc::new(Node {
        at,
        value: Value::Broken,
        weight: 1,
        height: 0,
    })
}

/// The null words of the YAML 1.2 core schema (§10.3.2).
fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Tags that only repeat what the value is anyway are let through.
fn refused_tag(tag: &Tag) -> Option<String> {
    let known = tag.original() == "!"
        || ["str", "map", "seq"]
            .iter()
            .any(|core| tag.is_yaml_core_schema_tag(core));
    (!known).then(|| {
        format!(
            "expected a value without a tag, found {}",
            quoted(&tag.original())
        )
    })
}

fn position(marker: &Marker) -> Position {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position {
        line: small(marker.line()),
        column: small(marker.col().saturating_add(1)),
    }
}

/// Message and hint of a syntax fault. The parser's words name no content of the file.
fn syntax(kind: &ErrorKind) -> (String, Option<&'static str>) {
    if *kind == ErrorKind::RecursionLimitExceeded {
        return (
            format!("expected at most {MAX_DEPTH} levels of nesting, found more"),
            None,
        );
    }
    let hint = match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => Some("replace the tab with spaces"),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            Some("put a text that holds `: ` into quotes, and line keys up with their neighbours")
        }
        ErrorKind::UnclosedQuotedScalar => Some("close the quotes"),
        ErrorKind::UnexpectedCharacter { .. } => {
            Some("put a text that begins with this character into quotes")
        }
        ErrorKind::SimpleKeyExpected
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation => Some("line keys up with their neighbours, each as `key: value`"),
        _ => None,
    };
    (format!("not valid YAML: {kind}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree on one line, or the faults.
    fn read(text: &str) -> String {
        let mut faults = FaultList::default();
        let file = faults.file(Path::new("t.yaml"));
        let document = parse(text, &file, &mut faults);
        if !faults.is_empty() {
            return faults.finish().to_string();
        }
        match document {
            Document::Value(node) => show(&node),
            Document::Empty => "empty".to_owned(),
            Document::Unreadable => "unreadable".to_owned(),
        }
    }

    fn show(node: &Node<'_>) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Scalar(text) => format!("{text:?}"),
            Value::List(items) => format!(
                "[{}]",
                items.iter().map(|n| show(n)).collect::<Vec<_>>().join(", ")
            ),
            Value::Map(entries) => {
                let inner: Vec<_> = entries
                    .iter()
                    .map(|e| format!("{}: {}", e.key, show(&e.value)))
                    .collect();
                format!("{{{}}}", inner.join(", "))
            }
            Value::Broken => "broken".to_owned(),
        }
    }

    #[test]
    fn scalars_stay_what_was_written() {
        assert_eq!(
            read("a: no\nb: 1.10\nc: 007\nd: 0x10\ne: on\nf: true\ng: 2026-01-01\nh: 12:30:45"),
            r#"{a: "no", b: "1.10", c: "007", d: "0x10", e: "on", f: "true", g: "2026-01-01", h: "12:30:45"}"#
        );
        assert_eq!(
            read("a:\nb: ~\nc: null\nd: ''\ne: '~'\nf: \"null\""),
            r#"{a: null, b: null, c: null, d: "", e: "~", f: "null"}"#
        );
        assert_eq!(
            read("a: !!str 12\nb: !!str\nc: ! x"),
            r#"{a: "12", b: "", c: "x"}"#
        );
    }

    #[test]
    fn byte_order_mark_line_ends_and_json_are_read() {
        assert_eq!(read("\u{feff}a: 1\r\nb: 2\r\n"), r#"{a: "1", b: "2"}"#);
        assert_eq!(
            read("{\n\t\"a\": [\n\t\t\"x\\u00e9\\/\",\n\t\tnull\n\t]\n}\n"),
            r#"{a: ["xé/", null]}"#
        );
        assert_eq!(read("%YAML 1.2\n---\na: 1\n...\n"), r#"{a: "1"}"#);
    }

    #[test]
    fn nothing_is_told_apart_from_something() {
        for text in [
            "",
            "\n\n",
            "# only a comment\n",
            "---\n",
            "~",
            "\u{feff}",
            "---\n...\n",
        ] {
            assert_eq!(read(text), "empty", "{text:?}");
        }
    }

    #[test]
    fn anchors_and_merge_keys_work() {
        assert_eq!(
            read("- &a {x: 1, y: 2}\n- *a\n- {<<: *a, y: 3}"),
            r#"[{x: "1", y: "2"}, {x: "1", y: "2"}, {y: "3", x: "1"}]"#
        );
        assert_eq!(
            read("- &a {x: 1}\n- &b {x: 2, y: 2}\n- <<: [*a, *b]"),
            r#"[{x: "1"}, {x: "2", y: "2"}, {x: "1", y: "2"}]"#
        );
    }

    #[test]
    fn faults_of_form_are_found_together() {
        assert_eq!(
            read(
                "a: 1\na: 2\nb:\n  c: *nowhere\n  ? [x]\n  : 3\n  d: !!int 4\n  ~: 5\ne: [1, <, {f: !x g}]\n---\nz: 1\n"
            ),
            "t.yaml:2:1: a: expected each key once, found `a` again after line 1 column 1\n\
             t.yaml:4:6: b.c: expected an anchor defined above, found the alias `*nowhere`\n  \
               hint: put a text that begins with `*` into quotes\n\
             t.yaml:5:5: b: expected a text as key, found a list\n\
             t.yaml:7:12: b.d: expected a value without a tag, found `!!int`\n  hint: remove the tag\n\
             t.yaml:8:3: b: expected a text as key, found nothing\n\
             t.yaml:9:18: e[2].f: expected a value without a tag, found `!x`\n  hint: remove the tag\n\
             t.yaml:10:1: expected one document, found a second\n  \
               hint: remove the line `---` and what follows, or put it into a file of `target_files`"
        );
        assert_eq!(
            read("a: &x\n  - *x\n"),
            "t.yaml:2:5: a[0]: expected a value, found an alias of what it stands in"
        );
        assert_eq!(
            read("a: {<<: 3}"),
            "t.yaml:1:5: a.<<: expected a mapping to merge, found `3`"
        );
    }

    #[test]
    fn duplicates_are_found_in_large_mappings() {
        let mut text: String = (0..100).map(|n| format!("k{n}: {n}\n")).collect();
        text.push_str("k3: again\nk99: again\n");
        assert_eq!(
            read(&text),
            "t.yaml:101:1: k3: expected each key once, found `k3` again after line 4 column 1\n\
             t.yaml:102:1: k99: expected each key once, found `k99` again after line 100 column 1"
        );
    }

    #[test]
    fn syntax_faults_have_a_place_and_repeat_nothing() {
        assert_eq!(
            read("probe:\n\tinterval: 5s-secret\n"),
            "t.yaml:2:2: probe: not valid YAML: tabs disallowed within this context (block indentation)\n  \
               hint: replace the tab with spaces"
        );
    }

    #[test]
    fn bombs_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..20 {
            let inner = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        }
        assert!(
            read(&bomb).contains("expected at most 5000000 values"),
            "{}",
            read(&bomb)
        );
        let mut tower = "a0: &a0 [x]\n".to_owned();
        for level in 1..2_000 {
            tower.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        assert!(
            read(&tower).contains("expected at most 64 levels"),
            "{}",
            read(&tower)
        );
        assert!(read(&"[".repeat(100_000)).contains("expected at most 64 levels"));
        assert!(read(&"- ".repeat(100_000)).contains("expected at most 64 levels"));
    }
}
