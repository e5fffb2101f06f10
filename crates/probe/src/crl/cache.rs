//! Revocation lists on disk: one file each, written whole, believed no more than the network.

use super::fetch::Validators;
use jiff::Timestamp;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::time::SystemTime;

/// Most bytes of all files together; the oldest go first.
const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Most bytes of what stands before the list in a file.
const MAX_HEAD: usize = 8 * 1024;
/// The first line of each file: whoever changes the form changes it.
const MAGIC: &str = "siptls-probe revocation list 1";

/// A list as it was fetched. Nobody has verified it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) fetched: Timestamp,
    pub(crate) validators: Validators,
    pub(crate) der: Vec<u8>,
}

fn path(folder: &Path, url: &str) -> PathBuf {
    let name = super::sha256(url.as_bytes())
        .iter()
        .fold(String::with_capacity(68), |mut name, byte| {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
            name
        });
    folder.join(name + ".crl")
}

/// Reads what was fetched from a URL; `None` when there is nothing, or nothing that was written here.
pub(crate) fn read(folder: &Path, url: &str) -> Option<Stored> {
    let limit = u64::try_from(super::fetch::MAX_BODY + MAX_HEAD).ok()?;
    let file = File::open(path(folder, url)).ok()?;
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
    file.take(limit).read_to_end(&mut bytes).ok()?;
    let end = bytes.windows(2).take(MAX_HEAD).position(|pair| pair == b"\n\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let mut lines = head.lines();
    if lines.next() != Some(MAGIC) || lines.next()?.strip_prefix("url ") != Some(url) {
        return None;
    }
    let fetched = lines.next()?.strip_prefix("fetched ")?.parse().ok()?;
    let mut validators = Validators::default();
    for line in lines {
        match line.split_once(' ')? {
            ("etag", value) => validators.etag = Some(value.to_owned()),
            ("last-modified", value) => validators.last_modified = Some(value.to_owned()),
            _ => return None,
        }
    }
    Some(Stored {
        fetched,
        validators,
        der: bytes.split_off(end + 2),
    })
}

/// Writes what was fetched from a URL, beside the old file and then in its place.
pub(crate) fn write(folder: &Path, url: &str, stored: &Stored) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut head = format!("{MAGIC}\nurl {url}\nfetched {}\n", stored.fetched);
    for (name, value) in [
        ("etag", &stored.validators.etag),
        ("last-modified", &stored.validators.last_modified),
    ] {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = writeln!(head, "{name} {value}");
        }
    }
    head.push('\n');
    let path = path(folder, url);
    let fresh = path.with_extension(format!("{}.new", process::id()));
    let written = File::create(&fresh)
        .and_then(|mut file| {
            file.write_all(head.as_bytes())?;
            file.write_all(&stored.der)
        })
        .and_then(|()| fs::rename(&fresh, &path));
    if written.is_err() {
        // Nothing more can be done about it.
        let _ = fs::remove_file(&fresh);
    }
    written?;
    trim(folder, MAX_BYTES)
}

/// Forgets what was fetched from a URL.
pub(crate) fn remove(folder: &Path, url: &str) {
    // It may never have been written.
    let _ = fs::remove_file(path(folder, url));
}

/// Removes the oldest files until those left fit.
fn trim(folder: &Path, limit: u64) -> io::Result<()> {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|name| name == "crl"))
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    let mut sum: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    files.sort();
    for (_, bytes, path) in files {
        if sum <= limit {
            break;
        }
        fs::remove_file(path)?;
        sum = sum.saturating_sub(bytes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://crl.example.test/a.crl";

    fn stored(der: &[u8]) -> Stored {
        Stored {
            fetched: "2026-11-22T12:00:00Z".parse().unwrap(),
            validators: Validators {
                etag: Some("\"a b\"".to_owned()),
                last_modified: None,
            },
            der: der.to_vec(),
        }
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let folder = &folder.path().join("made").join("here");
        assert_eq!(read(folder, URL), None);
        write(folder, URL, &stored(b"0\n\n1")).unwrap();
        assert_eq!(read(folder, URL), Some(stored(b"0\n\n1")));
        assert_eq!(read(folder, "http://crl.example.test/b.crl"), None);
        write(folder, URL, &stored(b"2")).unwrap();
        assert_eq!(read(folder, URL), Some(stored(b"2")));
        assert_eq!(
            fs::read_dir(folder).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        let whole = fs::read(path(folder, URL)).unwrap();
        let head = whole.len() - 1;
        for end in 0..head {
            fs::write(path(folder, URL), &whole[..end]).unwrap();
            assert_eq!(read(folder, URL), None, "cut at {end}");
        }
        // A file moved to another URL's place is not taken.
        fs::write(path(folder, "http://crl.example.test/b.crl"), &whole).unwrap();
        assert_eq!(read(folder, "http://crl.example.test/b.crl"), None);
        remove(folder, URL);
        assert_eq!(read(folder, URL), None);
    }

    #[test]
    fn the_oldest_files_make_room() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..4 {
            write(folder.path(), &format!("{URL}{number}"), &stored(&[0; 1_000])).unwrap();
            let file = File::options()
                .append(true)
                .open(path(folder.path(), &format!("{URL}{number}")))
                .unwrap();
            let modified = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number);
            file.set_modified(modified).unwrap();
        }
        trim(folder.path(), 2_500).unwrap();
        let left: Vec<bool> = (0..4)
            .map(|number| read(folder.path(), &format!("{URL}{number}")).is_some())
            .collect();
        assert_eq!(left, [false, false, true, true]);
    }
}
