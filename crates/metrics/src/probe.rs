//! The answer of `/probe`.

use crate::exposition::render;
use crate::family::{PROBE_DURATION, PROBE_SUCCESS};
use crate::series::Shown;
use crate::text::Text;
use std::time::Duration;

/// What one `/probe` came to, besides its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeResult {
    /// Every address was judged pass or warn.
    pub success: bool,
    /// How long it took.
    pub duration: Duration,
}

/// The text of a `/probe` answer: `probe_success`, `probe_duration_seconds` and the series of just that probe, whose
/// counters have counted one visit. Nothing about the daemon itself.
#[must_use]
pub fn probe_answer(result: ProbeResult, series: &[Shown]) -> Vec<u8> {
    let mut text = Text::default();
    text.header(&PROBE_SUCCESS);
    text.push(PROBE_SUCCESS.name);
    text.push(" ");
    text.integer(u64::from(result.success));
    text.end();
    text.header(&PROBE_DURATION);
    text.push(PROBE_DURATION.name);
    text.push(" ");
    text.seconds(result.duration);
    text.end();
    text.bytes.extend_from_slice(&render(series));
    text.bytes
}
