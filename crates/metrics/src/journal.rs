//! Metrics of the journal, which are there when a journal is.

use crate::family::{self, Family};
use crate::text::Text;

/// What a journal counts of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalNumbers {
    /// Changes written, repeats included.
    pub writes: u64,
    /// Attempts to open, write or prune the file that failed.
    pub failures: u64,
    /// Changes lost.
    pub dropped: u64,
    /// Bytes of the file and its write-ahead log.
    pub size_bytes: u64,
    /// Whether the last attempt succeeded.
    pub healthy: bool,
}

impl JournalNumbers {
    /// The text of all of them (exposition format 0.0.4).
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Text::default();
        for (family, value) in self.values() {
            text.header(family);
            text.bare(family.name, value);
        }
        text.bytes
    }

    fn values(&self) -> [(&'static Family, u64); 5] {
        [
            (&family::JOURNAL_WRITES, self.writes),
            (&family::JOURNAL_FAILURES, self.failures),
            (&family::JOURNAL_DROPPED, self.dropped),
            (&family::JOURNAL_SIZE, self.size_bytes),
            (&family::JOURNAL_HEALTHY, u64::from(self.healthy)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{Scope, families};

    #[test]
    fn every_family_of_the_journal_is_written() {
        let numbers = JournalNumbers {
            writes: 1,
            failures: 2,
            dropped: 3,
            size_bytes: 4_096,
            healthy: true,
        };
        let named = families().iter().filter(|family| family.scope == Scope::Journal);
        let written = numbers.values().map(|(family, _)| family.name);
        assert_eq!(named.map(|family| family.name).collect::<Vec<_>>(), written);
        let text = String::from_utf8(numbers.render()).unwrap();
        for line in [
            "# TYPE siptls_journal_writes_total counter",
            "siptls_journal_writes_total 1",
            "siptls_journal_size_bytes 4096",
            "siptls_journal_healthy 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
