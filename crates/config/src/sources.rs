//! What a configuration was read from, so that a change of it can be seen.

use crate::source::matches;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Every file that a configuration names and every pattern, with what each file was like just before it was read.
///
/// Two of them are equal as long as nothing has changed; [`again`](Self::again) looks at the same places anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    files: BTreeMap<PathBuf, Stamp>,
    /// Patterns as the file system is asked, without those that name one file.
    patterns: Vec<String>,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stamp {
    /// No file, or one whose folder may not be read.
    Absent,
    /// A pipe or the like: read once, and nothing to look at.
    Other,
    /// A regular file, links followed.
    File {
        bytes: u64,
        modified: Option<SystemTime>,
        /// Device, inode, and the time of the last change of content or rights: a file put in the place of another may
        /// have its size and time, and one that could not be read becomes readable by `chmod` alone.
        identity: Option<(u64, u64, i64, i64)>,
    },
}

impl Sources {
    /// Whether there is anything to watch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.patterns.is_empty()
    }

    /// The same places as they are now: a look at every file, and at the folders of the patterns for further ones.
    #[must_use]
    pub fn again(&self) -> Self {
        let mut now = Self {
            files: BTreeMap::new(),
            patterns: self.patterns.clone(),
        };
        for path in self.files.keys() {
            now.note(path);
        }
        for pattern in &self.patterns {
            for path in matches(pattern).into_iter().flatten().filter_map(Result::ok) {
                now.note(&path);
            }
        }
        now
    }

    /// Notes what a file is like; called before it is read, so that a later change cannot be missed.
    pub(crate) fn note(&mut self, path: &Path) {
        if !self.files.contains_key(path) {
            self.files.insert(path.to_path_buf(), Stamp::of(path));
        }
    }

    /// Notes a pattern.
    pub(crate) fn note_pattern(&mut self, pattern: &str) {
        self.patterns.push(pattern.to_owned());
    }
}

impl Stamp {
    fn of(path: &Path) -> Self {
        let Ok(metadata) = std::fs::metadata(path) else {
            return Self::Absent;
        };
        if !metadata.is_file() {
            return Self::Other;
        }
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt as _;
            Some((
                metadata.dev(),
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ))
        };
        #[cfg(not(unix))]
        let identity = None;
        Self::File {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            identity,
        }
    }
}
