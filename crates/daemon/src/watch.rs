//! The files of the configuration: looked at now and then, and loaded again when they have changed.

use siptls_config::Sources;
use std::future::Future;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Time between two looks. A change is loaded at the second look that finds it the same, five to ten seconds after the
/// last write: whoever writes several files, or a large one slowly, is not read in between.
const LOOK: Duration = Duration::from_secs(5);

/// Looks at the files for ever, and loads them when they changed. Whoever loads tells what came of it, and keeps the last good
/// configuration in use.
pub(crate) async fn watch<F: Future<Output = ()>>(sources: impl Fn() -> Sources, load: impl Fn() -> F) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watch = Watch::default();
    loop {
        ticks.tick().await;
        let loaded = sources();
        if loaded.is_empty() {
            continue;
        }
        // Not on the runtime's threads: a network file system may take its time.
        let looked = tokio::task::spawn_blocking(move || (loaded.again(), loaded)).await;
        let Ok((now, loaded)) = looked else { continue };
        if watch.is_to_be_loaded(&loaded, now) {
            load().await;
        }
    }
}

/// What the looks so far have found.
#[derive(Debug, Default)]
struct Watch {
    /// A change seen by the last look alone.
    fresh: Option<Sources>,
    /// A change that was loaded already, whatever came of it.
    tried: Option<Sources>,
}

impl Watch {
    /// Whether the files differ from what was loaded last, have not changed since the last look, and were not loaded so
    /// before.
    fn is_to_be_loaded(&mut self, loaded: &Sources, now: Sources) -> bool {
        if now == *loaded {
            *self = Self::default();
            return false;
        }
        if self.tried.as_ref() == Some(&now) {
            self.fresh = None;
            return false;
        }
        if self.fresh.as_ref() == Some(&now) {
            self.fresh = None;
            self.tried = Some(now);
            return true;
        }
        self.fresh = Some(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::write;

    #[test]
    fn a_change_is_loaded_once_it_is_quiet_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("siptls-probe.yaml");
        write(&file, "targets: []\n").unwrap();
        let loaded = siptls_config::load(&file).unwrap().sources;
        let mut watch = Watch::default();
        let mut look = |loaded: &Sources| watch.is_to_be_loaded(loaded, loaded.again());

        assert_eq!([look(&loaded), look(&loaded)], [false, false], "nothing changed");
        write(&file, "targets: [ ]\n").unwrap();
        assert!(!look(&loaded), "just changed");
        write(&file, "targets: [  ]\n").unwrap();
        assert!(!look(&loaded), "still being written");
        assert!(look(&loaded), "quiet");
        // Whatever came of the load: one that ended abnormally says nothing of its files.
        assert_eq!([look(&loaded), look(&loaded)], [false, false], "tried already");
        write(&file, "targets: []").unwrap();
        assert_eq!([look(&loaded), look(&loaded)], [false, true], "another change");
        let loaded = siptls_config::load(&file).unwrap().sources;
        assert_eq!([look(&loaded), look(&loaded)], [false, false], "loaded");
    }
}
