//! YAML as a tree with line numbers, and a reader that notes every fault instead of stopping at
//! the first.

use crate::fault::{ProfileError, ProfileFault, nearest, quoted};
use jiff::civil::Date;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// Nesting below which a tree is read; a profile needs four.
const MAX_DEPTH: usize = 16;

/// A node of the tree.
pub(crate) struct Node {
    line: u64,
    value: Value,
}

enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Table(Vec<(String, u64, Node)>),
}

impl Node {
    /// Reads one document.
    pub(crate) fn parse(text: &str) -> Result<Self, ProfileError> {
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options)
            .map(Self::of)
            .map_err(|error| {
                let line = error.location().map_or(0, |location| location.line());
                ProfileError {
                    faults: vec![ProfileFault {
                        line,
                        key: String::new(),
                        expected: "YAML".to_owned(),
                        found: siptls_model::escape_text_bounded(&error.to_string(), 200),
                        nearest: None,
                    }],
                }
            })
    }

    fn of(spanned: Spanned<Value>) -> Self {
        Self {
            line: spanned.referenced.line(),
            value: spanned.value,
        }
    }

    fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the boolean `{value}`"),
            Value::Number(text) => format!("the number {}", quoted(text)),
            Value::Text(text) => quoted(text),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a table with text keys")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Value>>()? {
            list.push(Node::of(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(key) = map.next_key::<Spanned<Value>>()? {
            let line = key.referenced.line();
            let Value::Text(key) = key.value else {
                return Err(A::Error::custom("expected a text as key of a table"));
            };
            let value = Node::of(map.next_value::<Spanned<Value>>()?);
            table.push((key, line, value));
        }
        Ok(Value::Table(table))
    }
}

/// Where faults are gathered.
#[derive(Default)]
pub(crate) struct Faults(Vec<ProfileFault>);

impl Faults {
    pub(crate) fn push(
        &mut self,
        at: &At<'_>,
        expected: impl Into<String>,
        found: String,
        nearest: Option<String>,
    ) {
        self.0.push(ProfileFault {
            line: at.node.line,
            key: at.path.clone(),
            expected: expected.into(),
            found,
            nearest,
        });
    }

    /// The value read, unless there was a fault. A `None` without one cannot be: every reader
    /// that gives `None` has noted why.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, ProfileError> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => {
                self.0.sort_by_key(|fault| fault.line);
                Err(ProfileError { faults: self.0 })
            }
        }
    }
}

/// A node and the path that leads to it.
pub(crate) struct At<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> At<'a> {
    /// The root of a tree.
    pub(crate) const fn root(node: &'a Node) -> Self {
        Self {
            node,
            path: String::new(),
        }
    }

    /// A non-empty text.
    pub(crate) fn text(&self, faults: &mut Faults) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) if !text.trim().is_empty() => Some(text),
            _ => {
                faults.push(self, "a text", self.node.describe(), None);
                None
            }
        }
    }

    /// A boolean.
    pub(crate) fn boolean(&self, faults: &mut Faults) -> Option<bool> {
        match self.node.value {
            Value::Bool(value) => Some(value),
            _ => {
                faults.push(self, "`true` or `false`", self.node.describe(), None);
                None
            }
        }
    }

    /// A day, `YYYY-MM-DD`.
    pub(crate) fn date(&self, faults: &mut Faults) -> Option<Date> {
        let date = match &self.node.value {
            Value::Text(text) if text.len() == 10 => text.parse().ok(),
            _ => None,
        };
        if date.is_none() {
            faults.push(self, "a day such as `2026-03-09`", self.node.describe(), None);
        }
        date
    }

    /// One of the named values.
    pub(crate) fn one_of<T: Copy>(&self, known: &[(&'static str, T)], faults: &mut Faults) -> Option<T> {
        let found = match &self.node.value {
            Value::Text(text) => text.as_str(),
            _ => "",
        };
        if let Some((_, value)) = known.iter().find(|(name, _)| *name == found) {
            return Some(*value);
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        faults.push(
            self,
            format!("one of {}", names.join(", ")),
            self.node.describe(),
            nearest(found, names),
        );
        None
    }

    /// A name of a registry.
    pub(crate) fn registered<T: Copy>(
        &self,
        what: &str,
        all: &[T],
        name: impl Fn(T) -> Option<&'static str>,
        faults: &mut Faults,
    ) -> Option<T> {
        let found = match &self.node.value {
            Value::Text(text) => text.as_str(),
            _ => "",
        };
        if let Some(value) = all.iter().find(|value| name(**value) == Some(found)) {
            return Some(*value);
        }
        let near = nearest(found, all.iter().filter_map(|value| name(*value)));
        faults.push(
            self,
            format!("the registered name of a {what}"),
            self.node.describe(),
            near,
        );
        None
    }

    /// A list that is not empty, each item read by `read`; `None` when any of them is faulty.
    pub(crate) fn list<T>(
        &self,
        faults: &mut Faults,
        mut read: impl FnMut(&At<'a>, &mut Faults) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(items) = &self.node.value else {
            faults.push(self, "a list", self.node.describe(), None);
            return None;
        };
        if items.is_empty() {
            faults.push(self, "a list of at least one", "an empty list".to_owned(), None);
            return None;
        }
        let read: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(index, node)| {
                read(
                    &At {
                        node,
                        path: format!("{}[{index}]", self.path),
                    },
                    faults,
                )
            })
            .collect();
        read.into_iter().collect()
    }

    /// A table with no other keys than those of `known`.
    pub(crate) fn table(&self, known: &[&'static str], faults: &mut Faults) -> Option<Table<'a>> {
        let Value::Table(entries) = &self.node.value else {
            faults.push(self, "a table", self.node.describe(), None);
            return None;
        };
        if self.path.matches('.').count() >= MAX_DEPTH {
            faults.push(self, "less nesting", "a table".to_owned(), None);
            return None;
        }
        // The key meant is rather one that is not there yet.
        let absent = known
            .iter()
            .copied()
            .filter(|name| entries.iter().all(|(key, _, _)| key != name));
        for (key, line, _) in entries {
            if !known.contains(&key.as_str()) {
                faults.0.push(ProfileFault {
                    line: *line,
                    key: self.path.clone(),
                    expected: format!("one of the keys {}", known.join(", ")),
                    found: format!("the unknown key {}", quoted(key)),
                    nearest: nearest(key, absent.clone()).or_else(|| nearest(key, known.iter().copied())),
                });
            }
        }
        Some(Table {
            line: self.node.line,
            path: self.path.clone(),
            entries,
        })
    }
}

/// A table whose keys are read one by one.
pub(crate) struct Table<'a> {
    line: u64,
    path: String,
    entries: &'a [(String, u64, Node)],
}

impl<'a> Table<'a> {
    /// The value of a key that may be left out.
    pub(crate) fn optional(&self, key: &str) -> Option<At<'a>> {
        let (_, _, node) = self.entries.iter().find(|(name, _, _)| name == key)?;
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        Some(At { node, path })
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&self, key: &str, faults: &mut Faults) -> Option<At<'a>> {
        let found = self.optional(key);
        if found.is_none() {
            faults.0.push(ProfileFault {
                line: self.line,
                key: self.path.clone(),
                expected: format!("the key `{key}`"),
                found: "none".to_owned(),
                nearest: None,
            });
        }
        found
    }

    /// A text that must be there.
    pub(crate) fn text(&self, key: &str, faults: &mut Faults) -> Option<&'a str> {
        self.required(key, faults)?.text(faults)
    }

    /// A text that may be left out; the outer `None` is a fault.
    pub(crate) fn optional_text(&self, key: &str, faults: &mut Faults) -> Option<Option<String>> {
        match self.optional(key) {
            Some(at) => at.text(faults).map(|text| Some(text.to_owned())),
            None => Some(None),
        }
    }

    /// A day that must be there.
    pub(crate) fn date(&self, key: &str, faults: &mut Faults) -> Option<Date> {
        self.required(key, faults)?.date(faults)
    }

    /// A day that may be left out; the outer `None` is a fault.
    pub(crate) fn optional_date(&self, key: &str, faults: &mut Faults) -> Option<Option<Date>> {
        match self.optional(key) {
            Some(at) => at.date(faults).map(Some),
            None => Some(None),
        }
    }
}
