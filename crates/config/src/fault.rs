//! What is wrong with a configuration, and where.

use crate::sources::Sources;
use siptls_model::escape_text_bounded;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How many faults are printed; the rest is counted, so that one wrong key in 100,000 targets
/// does not scroll the others away.
pub const MAX_FAULTS_SHOWN: usize = 100;

/// How many faults are kept: enough to sort, bounded when every line of a large file is wrong.
const MAX_FAULTS_KEPT: usize = 10_000;

/// Characters of a value that a message may repeat.
const MAX_FOUND_CHARS: usize = 80;

/// Characters of a path that a message may repeat (Linux `PATH_MAX` is 4,096 bytes).
const MAX_PATH_CHARS: usize = 4_096;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file it stands in, as reached from the configuration's path; `command line` for an option.
    pub file: PathBuf,
    /// Line, from 1; `None` when the fault is about the file as a whole.
    pub line: Option<u64>,
    /// Column in characters, from 1.
    pub column: Option<u64>,
    /// Path of the key, such as `targets[acme-sbc-1].timeout` or, for a target without a usable name,
    /// `targets[2].endpoint`; empty when the fault is about the file as a whole.
    pub key: String,
    /// What was expected and what was found; it repeats no more of the file than the value at fault.
    pub message: String,
    /// What to do: the nearest known name, the name the key has here, a way to write the value.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    /// `file:line:column: key: message`, then the hint on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown_path(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything wrong with a configuration, in the order of its files and lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    kept: Vec<Fault>,
    not_kept: usize,
    sources: Sources,
}

impl Faults {
    /// What was looked at before the faults were found: what to watch, since a change of it may mend them.
    #[must_use]
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(crate) fn read_from(self, sources: Sources) -> Self {
        Self { sources, ..self }
    }

    /// The faults, at most 10,000 of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.kept
    }

    /// How many there are, those not kept included.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.kept.len().saturating_add(self.not_kept)
    }
}

impl fmt::Display for Faults {
    /// One fault a line, each followed by its hint; after [`MAX_FAULTS_SHOWN`] the number of the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.kept.iter().take(MAX_FAULTS_SHOWN).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        match self.count().saturating_sub(MAX_FAULTS_SHOWN) {
            0 => Ok(()),
            1 => f.write_str("\nand 1 more fault"),
            more => write!(f, "\nand {more} more faults"),
        }
    }
}

impl std::error::Error for Faults {}

/// A place in a file: line and column from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Path of a key, built on the way down and written out only for a fault.
#[derive(Clone, Copy)]
pub(crate) enum KeyPath<'a> {
    Root,
    Key(&'a KeyPath<'a>, &'a str),
    Index(&'a KeyPath<'a>, usize),
    Named(&'a KeyPath<'a>, &'a str),
}

impl KeyPath<'_> {
    pub(crate) const fn key<'a>(&'a self, key: &'a str) -> KeyPath<'a> {
        KeyPath::Key(self, key)
    }

    pub(crate) const fn index(&self, index: usize) -> KeyPath<'_> {
        KeyPath::Index(self, index)
    }

    pub(crate) const fn named<'a>(&'a self, name: &'a str) -> KeyPath<'a> {
        KeyPath::Named(self, name)
    }
}

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(&escape_text_bounded(key, MAX_FOUND_CHARS)),
            Self::Key(parent, key) => write!(f, "{parent}.{}", escape_text_bounded(key, MAX_FOUND_CHARS)),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Named(parent, name) => {
                write!(f, "{parent}[{}]", escape_text_bounded(name, MAX_FOUND_CHARS))
            }
        }
    }
}

/// Where the faults are gathered while reading goes on.
#[derive(Debug, Default)]
pub(crate) struct FaultList {
    /// The place of each file in the order of their reading.
    places: HashMap<Rc<Path>, usize>,
    /// Each fault with its file's place.
    kept: Vec<(usize, Fault)>,
    seen: HashSet<(usize, u64, u64, String)>,
    not_kept: usize,
}

impl FaultList {
    /// A fault at a place in a file. A second one with the same words at the same place, through an alias or
    /// through labels that many targets share, is dropped.
    pub(crate) fn at(
        &mut self,
        file: &Rc<Path>,
        position: Position,
        key: &KeyPath<'_>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.add(file, Some(position), key, message, hint);
    }

    /// As [`FaultList::at`]; without a place it is a fault of a file as a whole, or of a command-line option.
    pub(crate) fn add(
        &mut self,
        file: &Rc<Path>,
        position: Option<Position>,
        key: &KeyPath<'_>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let fault = Fault {
            file: file.to_path_buf(),
            line: position.map(|position| u64::from(position.line)),
            column: position.map(|position| u64::from(position.column)),
            key: key.to_string(),
            message: message.into(),
            hint,
        };
        self.push(file, fault);
    }

    /// A fault put together elsewhere.
    pub(crate) fn push(&mut self, file: &Rc<Path>, fault: Fault) {
        if self.kept.len() >= MAX_FAULTS_KEPT {
            self.not_kept = self.not_kept.saturating_add(1);
            return;
        }
        let place = self.place(file);
        if let (Some(line), Some(column)) = (fault.line, fault.column)
            && !self.seen.insert((place, line, column, fault.message.clone()))
        {
            return;
        }
        self.kept.push((place, fault));
    }

    fn place(&mut self, file: &Rc<Path>) -> usize {
        let next = self.places.len();
        *self.places.entry(Rc::clone(file)).or_insert(next)
    }

    /// Remembers a file's place in the order before it has a fault.
    pub(crate) fn file(&mut self, path: &Path) -> Rc<Path> {
        let path: Rc<Path> = Rc::from(path);
        self.place(&path);
        path
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many there are so far.
    pub(crate) const fn count(&self) -> usize {
        self.kept.len().saturating_add(self.not_kept)
    }

    pub(crate) fn finish(self) -> Faults {
        let mut kept = self.kept;
        kept.sort_by_key(|(place, fault)| (*place, fault.line, fault.column));
        Faults {
            kept: kept.into_iter().map(|(_, fault)| fault).collect(),
            not_kept: self.not_kept,
            sources: Sources::default(),
        }
    }
}

/// A value as a message repeats it: escaped, cut, in backticks.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", escape_text_bounded(text, MAX_FOUND_CHARS))
}

/// A path as a message shows it: escaped, whole.
pub(crate) fn shown_path(path: &Path) -> String {
    escape_text_bounded(&path.to_string_lossy(), MAX_PATH_CHARS)
}

/// The hint for a name nobody knows: the nearest known one, else the list when it is short enough to read.
pub(crate) fn known_names<'a>(
    found: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(name) = nearest(found, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let names: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty() && names.len() <= 40).then(|| format!("known: {}", names.join(", ")))
}

/// The known name nearest to `found`, when one is near enough to be meant: a third of its letters may be wrong.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found: Vec<char> = folded(found).take(MAX_FOUND_CHARS).collect();
    known
        .into_iter()
        .map(|name| {
            let letters: Vec<char> = folded(name).collect();
            let allowed = (letters.len().max(found.len()) / 3).max(1);
            (distance(&found, &letters), allowed, name)
        })
        .filter(|(distance, allowed, _)| distance <= allowed)
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, name)| name)
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() })
}

/// Edit distance with swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_meant() {
        let keys = ["interval", "timeout", "depth", "endpoint", "server_name"];
        assert_eq!(nearest("intreval", keys), Some("interval"));
        assert_eq!(nearest("server-name", keys), Some("server_name"));
        assert_eq!(nearest("Timeout", keys), Some("timeout"));
        assert_eq!(nearest("endpoints", keys), Some("endpoint"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
    }

    #[test]
    fn a_name_far_from_all_gets_the_list() {
        assert_eq!(
            known_names("colour", ["depth", "name"]).as_deref(),
            Some("known: `depth`, `name`")
        );
        assert_eq!(known_names("colour", []), None);
    }

    #[test]
    fn many_faults_are_counted_not_shown() {
        let mut list = FaultList::default();
        let file = list.file(Path::new("x.yaml"));
        for line in 1..=20_000 {
            list.at(
                &file,
                Position { line, column: 1 },
                &KeyPath::Root.key("k"),
                "expected a, found b",
                None,
            );
        }
        let faults = list.finish();
        assert_eq!(faults.count(), 20_000);
        assert_eq!(faults.as_slice().len(), 10_000);
        let text = faults.to_string();
        assert_eq!(text.lines().count(), MAX_FAULTS_SHOWN + 1);
        assert!(text.ends_with("\nand 19900 more faults"), "{text}");
    }

    #[test]
    fn faults_stand_in_the_order_of_files_then_lines() {
        let mut list = FaultList::default();
        let first = list.file(Path::new("z.yaml"));
        let second = list.file(Path::new("a.yaml"));
        let key = KeyPath::Root.key("k");
        list.at(&second, Position { line: 1, column: 1 }, &key, "three", None);
        list.at(&first, Position { line: 9, column: 1 }, &key, "two", None);
        list.at(
            &first,
            Position { line: 2, column: 7 },
            &key,
            "one",
            Some("do it".to_owned()),
        );
        assert_eq!(
            list.finish().to_string(),
            "z.yaml:2:7: k: one\n  hint: do it\nz.yaml:9:1: k: two\na.yaml:1:1: k: three"
        );
    }
}
