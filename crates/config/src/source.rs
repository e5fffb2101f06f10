//! Files: reading with a limit, and the patterns that name them.

use crate::fault::{FaultList, KeyPath, Position, quoted, shown_path};
use crate::sources::Sources;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Largest file read, in bytes: 100,000 targets of 150 bytes fit.
pub const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Most files read for one configuration.
pub const MAX_FILES: usize = 10_000;

/// Why a file cannot be used: what was found in its place, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    pub(crate) found: String,
    pub(crate) hint: Option<String>,
}

impl Unreadable {
    pub(crate) fn new(found: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            hint: None,
        }
    }

    pub(crate) fn io(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::new("no file"),
            ErrorKind::PermissionDenied => Self {
                found: "one that may not be read".to_owned(),
                hint: Some("give this program's user the right to read it".to_owned()),
            },
            ErrorKind::NotADirectory => Self::new("a path through something that is no directory"),
            ErrorKind::IsADirectory => Self::new("a directory"),
            kind => Self::new(kind.to_string()),
        }
    }
}

/// The bytes of a file. Only the configuration itself may be a pipe: one named inside could be waited for forever.
pub(crate) fn read(path: &Path, pipe_allowed: bool) -> Result<Vec<u8>, Unreadable> {
    let metadata = std::fs::metadata(path).map_err(|error| Unreadable::io(&error))?;
    if metadata.is_dir() {
        return Err(Unreadable::new("a directory"));
    }
    if !metadata.is_file() && !pipe_allowed {
        return Err(Unreadable::new("something that is no regular file"));
    }
    let too_large = || Unreadable::new(format!("more than {MAX_FILE_BYTES} bytes"));
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut file = File::open(path)
        .map_err(|error| Unreadable::io(&error))?
        .take(MAX_FILE_BYTES + 1);
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    std::io::copy(&mut file, &mut bytes).map_err(|error| Unreadable::io(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(too_large());
    }
    Ok(bytes)
}

/// The text of a file; when it is none, a fault in that file.
pub(crate) fn text(bytes: Vec<u8>, file: &Rc<Path>, faults: &mut FaultList) -> Option<String> {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Some(text),
        Err(error) => error,
    };
    let valid = error.utf8_error().valid_up_to();
    let (before, after) = error.as_bytes().split_at(valid);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |index| index + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let message = format!(
        "expected text in UTF-8, found the byte 0x{:02x}",
        after.first().copied().unwrap_or(0)
    );
    let at = Position {
        line: small(line),
        column: small(column),
    };
    faults.at(
        file,
        at,
        &KeyPath::Root,
        message,
        Some("save the file as UTF-8".to_owned()),
    );
    None
}

/// The files that a pattern of `target_files` or `profile_files` names, in order of name.
///
/// Without `*`, `?` or `[` it is one path, and the file must be there. With them it may match nothing, so that files
/// can come and go, but its folder must be there: a mistyped folder is not taken for an empty one.
pub(crate) fn expand(
    pattern: &str,
    base: &Path,
    file: &Rc<Path>,
    at: Position,
    key: &KeyPath<'_>,
    faults: &mut FaultList,
    sources: &mut Sources,
) -> Vec<PathBuf> {
    if pattern.is_empty() {
        faults.at(
            file,
            at,
            key,
            "expected a path or a pattern, found an empty text",
            None,
        );
        return Vec::new();
    }
    let Some(first) = pattern.find(['*', '?', '[']) else {
        let path = base.join(pattern);
        sources.note(&path);
        return vec![path];
    };
    let full = if Path::new(pattern).is_absolute() || base.as_os_str().is_empty() {
        pattern.to_owned()
    } else if let Some(base) = base.to_str() {
        format!("{}/{pattern}", glob::Pattern::escape(base.trim_end_matches('/')))
    } else {
        let message = format!(
            "expected a folder whose name is UTF-8, found {}",
            shown_path(base)
        );
        faults.at(file, at, key, message, None);
        return Vec::new();
    };
    // Noted whatever comes of it: its folder may come later.
    sources.note_pattern(&full);
    let folder = pattern
        .get(..first)
        .and_then(|fixed| fixed.rfind('/').map(|slash| &fixed[..=slash]))
        .unwrap_or("");
    let folder = base.join(folder);
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        let message = format!(
            "expected a pattern within a folder, found {} without the folder {}",
            quoted(pattern),
            shown_path(&folder)
        );
        faults.at(file, at, key, message, None);
        return Vec::new();
    }
    let paths = match matches(&full) {
        Ok(paths) => paths,
        Err(error) => {
            let message = format!("expected a pattern, found {}: {}", quoted(pattern), error.msg);
            faults.at(file, at, key, message, None);
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for path in paths {
        match path {
            Ok(path) => {
                sources.note(&path);
                found.push(path);
            }
            Err(error) => {
                let unreadable = Unreadable::io(error.error());
                let message = format!(
                    "expected a readable folder, found {}: {}",
                    shown_path(error.path()),
                    unreadable.found
                );
                faults.at(file, at, key, message, unreadable.hint);
            }
        }
    }
    found
}

/// What a pattern names in the file system, folders left out, at most one more than [`MAX_FILES`].
pub(crate) fn matches(
    pattern: &str,
) -> Result<impl Iterator<Item = glob::GlobResult> + use<>, glob::PatternError> {
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let paths = glob::glob_with(pattern, options)?;
    Ok(paths
        .take(MAX_FILES + 1)
        .filter(|path| path.as_ref().map_or(true, |path| !path.is_dir())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_is_located() {
        let mut faults = FaultList::default();
        let file = faults.file(Path::new("t.yaml"));
        assert_eq!(text(b"a: 1\nb: \xe4\n".to_vec(), &file, &mut faults), None);
        assert_eq!(
            faults.finish().to_string(),
            "t.yaml:2:4: expected text in UTF-8, found the byte 0xe4\n  hint: save the file as UTF-8"
        );
    }

    #[test]
    fn a_file_is_read_up_to_the_limit_and_not_beyond() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let file = File::create(&path).unwrap();
        file.set_len(MAX_FILE_BYTES).unwrap();
        assert_eq!(
            u64::try_from(read(&path, false).unwrap().len()).unwrap(),
            MAX_FILE_BYTES
        );
        file.set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(read(&path, false).unwrap_err().found, "more than 16777216 bytes");
        assert_eq!(read(folder.path(), false).unwrap_err().found, "a directory");
        assert_eq!(
            read(&folder.path().join("none"), false).unwrap_err().found,
            "no file"
        );
        assert_eq!(
            read(&path.join("x"), false).unwrap_err().found,
            "a path through something that is no directory"
        );
        // What has no size of its own is cut off by the limit, not by its metadata.
        assert_eq!(
            read(Path::new("/dev/zero"), true).unwrap_err().found,
            "more than 16777216 bytes"
        );
        assert_eq!(
            read(Path::new("/dev/zero"), false).unwrap_err().found,
            "something that is no regular file"
        );
    }
}
