//! What can be wrong with a profile file, and the nearest name to a misspelt one.

use siptls_model::escape_text_bounded;
use std::fmt;

/// Characters of a wrong value that a message repeats.
const MAX_SHOWN: usize = 80;

/// Everything that is wrong with a profile's text; at least one fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Lines(.faults))]
pub struct ProfileError {
    /// The faults, in the order of their lines.
    pub faults: Vec<ProfileFault>,
}

/// One fault of a profile's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFault {
    /// Line in the text, from 1; 0 when it is not known.
    pub line: u64,
    /// Path of the key, such as `checks[3].severity`; empty for the file as a whole.
    pub key: String,
    /// What should stand there.
    pub expected: String,
    /// What stands there, escaped and cut.
    pub found: String,
    /// The known name nearest to what stands there.
    pub nearest: Option<String>,
}

impl fmt::Display for ProfileFault {
    /// `line 7: checks[3].severity: expected …, found …; nearest is …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; nearest is `{nearest}`"),
            None => Ok(()),
        }
    }
}

struct Lines<'a>(&'a [ProfileFault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// `text` between backquotes, escaped and cut.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", escape_text_bounded(text, MAX_SHOWN))
}

/// The known name nearest to `text`, when one is near enough to be meant.
pub(crate) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let limit = (text.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|name| (distance(text, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_owned())
}

/// Levenshtein distance; case and the choice between `-` and `_` cost nothing.
fn distance(a: &str, b: &str) -> usize {
    let fold = |c: char| if c == '-' { '_' } else { c.to_ascii_lowercase() };
    let a: Vec<char> = a.chars().take(MAX_SHOWN).map(fold).collect();
    let b: Vec<char> = b.chars().take(MAX_SHOWN).map(fold).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near_or_none() {
        let known = ["severity", "source", "since", "until"];
        assert_eq!(nearest("severty", known).as_deref(), Some("severity"));
        assert_eq!(nearest("Since", known).as_deref(), Some("since"));
        assert_eq!(nearest("remedy", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("peer-dials", "peer_dials"), 0);
    }
}
