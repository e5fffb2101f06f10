//! Progress of long work: on a terminal only, on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Time between two turns of the sign of life.
const TICK: Duration = Duration::from_millis(120);

/// How many endpoints are done; silent where nobody looks.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Nothing of `total` is done yet.
    pub(crate) fn of(total: usize) -> Self {
        let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
        // The template is a constant; were it wrong, the default would show.
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {pos} of {len} visited, {elapsed}  {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Something that takes its time, without a count.
    pub(crate) fn wait(message: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(message);
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// One more is done.
    pub(crate) fn done(&self) {
        self.0.inc(1);
    }

    /// What is waited for.
    pub(crate) fn waiting_for(&self, names: String) {
        self.0.set_message(names);
    }

    /// Steps aside while something is printed.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
