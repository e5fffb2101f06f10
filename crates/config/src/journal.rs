//! The section `journal`.

use crate::fault::KeyPath;
use crate::keys::Section;
use crate::load::{Here, Loader, find};
use crate::node::Node;
use crate::plan::absolute;
use crate::{duration, fault::shown_path, size};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// How long changes are kept: less than a day is no history, more than ten years nobody asks.
const RETENTION: RangeInclusive<Duration> = Duration::from_secs(86_400)..=Duration::from_secs(3_650 * 86_400);

/// How large the file may grow: below 1 MiB the states of a fleet have no room.
const MAX_SIZE: RangeInclusive<u64> = (1 << 20)..=(1 << 40);

/// Where the daemon keeps what changed, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// The SQLite file, an absolute path; its folder was there when the configuration was read.
    pub path: PathBuf,
    /// Changes that last happened longer ago are dropped: 1 d to 3,650 d, 400 d unless set.
    pub retention: Duration,
    /// Above that many bytes the oldest changes are dropped: 1 MiB to 1 TiB, 1 GiB unless set.
    pub max_size: u64,
}

impl Loader {
    /// `journal`; `None`, with a fault, when it cannot be used.
    pub(crate) fn journal(&mut self, here: Here<'_>, node: &Node<'_>) -> Option<JournalSettings> {
        let path = KeyPath::Root.key("journal");
        let entries = self.map(here, node, &path)?;
        self.check_keys(here, entries, Section::Journal, &path);
        let mut retention = Duration::from_secs(400 * 86_400);
        let mut max_size = 1 << 30;
        for (name, wanted) in [("retention", true), ("max_size", false)] {
            let Some(entry) = find(entries, name) else {
                continue;
            };
            let key = path.key(name);
            let Some(text) = self.text(here, &entry.value, &key) else {
                continue;
            };
            let outcome = if wanted {
                duration::parse(text, &RETENTION).map(|found| retention = found)
            } else {
                size::parse(text, &MAX_SIZE).map(|found| max_size = found)
            };
            if let Err((message, hint)) = outcome {
                self.faults.at(here.file, entry.value.at, &key, message, hint);
            }
        }
        let Some(entry) = find(entries, "path") else {
            let message = "expected the key `path`, found none";
            self.faults.at(here.file, node.at, &path, message, None);
            return None;
        };
        let key = path.key("path");
        let text = self.text(here, &entry.value, &key)?;
        let file = here.base.join(text);
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let fault = if text.is_empty() || file.is_dir() || file.file_name().is_none() {
            Some((
                format!(
                    "expected the path of a file, found {}",
                    crate::target::found_text(text)
                ),
                Some("such as `/var/lib/siptls-probe/journal.sqlite`".to_owned()),
            ))
        } else {
            folder.filter(|folder| !folder.is_dir()).map(|folder| {
                (
                    format!(
                        "expected a file in a folder that is there, found no folder `{}`",
                        shown_path(folder)
                    ),
                    Some("make the folder, and let this program's user write in it".to_owned()),
                )
            })
        };
        if let Some((message, hint)) = fault {
            self.faults.at(here.file, entry.value.at, &key, message, hint);
            return None;
        }
        Some(JournalSettings {
            path: absolute(&file),
            retention,
            max_size,
        })
    }
}
