//! What is counted of an address from visit to visit.

use crate::family::Family;
use crate::text::Text;
use siptls_model::{Aspect, Observation, Reason, Timestamp, Verdict};
use std::sync::LazyLock;
use std::time::Duration;

/// Upper bounds of the phase histogram in milliseconds: Prometheus's customary ones, which end at the default timeout.
pub const PHASE_BUCKETS_MILLIS: [u64; 11] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/// Label texts of the buckets, `+Inf` last.
const BOUNDS: [&str; 12] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf",
];

const PHASES: [&str; 4] = ["resolve", "connect", "tls", "sip"];

/// `reason="…"` of each counter: `ok`, then every reason in order.
static REASON_LABELS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let codes = std::iter::once("ok").chain(Reason::ALL.iter().map(|reason| reason.code()));
    codes.map(|code| format!("reason=\"{code}\"")).collect()
});

/// Counters and histograms of one address. All counters start at zero.
#[derive(Clone, Debug)]
pub struct Tally {
    probes: Box<[u64]>,
    phases: Box<[Histogram; PHASES.len()]>,
    surveyed: Option<Timestamp>,
    connections: u64,
    /// In a row, up to now.
    inconclusive: u64,
    /// In the order of [`Aspect::ALL`].
    changed: [Option<Timestamp>; Aspect::ALL.len()],
}

#[derive(Clone, Debug, Default)]
struct Histogram {
    /// Observations per bucket, not cumulative.
    buckets: [u64; BOUNDS.len()],
    sum: Duration,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            probes: vec![0; REASON_LABELS.len()].into(),
            phases: Box::default(),
            surveyed: None,
            connections: 0,
            inconclusive: 0,
            changed: [None; Aspect::ALL.len()],
        }
    }
}

impl Tally {
    /// Counts one visit.
    pub fn count(&mut self, observation: &Observation) {
        let index = match &observation.error {
            None => 0,
            Some(error) => Reason::ALL
                .iter()
                .position(|reason| *reason == error.reason)
                .map_or(0, |index| index + 1),
        };
        if let Some(counter) = self.probes.get_mut(index) {
            *counter += 1;
        }
        self.connections += u64::from(observation.connections_opened);
        let phases = &observation.phases;
        let durations = [phases.resolve, phases.connect, phases.tls, phases.sip];
        for (histogram, duration) in self.phases.iter_mut().zip(durations) {
            if let Some(duration) = duration {
                histogram.observe(duration);
            }
        }
    }

    /// Notes what a visit that was not postponed came to.
    pub const fn judged(&mut self, verdict: Verdict) {
        self.inconclusive = match verdict {
            Verdict::Inconclusive => self.inconclusive.saturating_add(1),
            Verdict::Pass | Verdict::Warn | Verdict::Fail => 0,
        };
    }

    /// Notes that a survey ended which found something out. The observation itself does not tell a survey made from one
    /// carried over.
    pub const fn surveyed(&mut self, ended: Timestamp) {
        self.surveyed = Some(ended);
    }

    /// Notes when each aspect last changed, in the order of [`Aspect::ALL`]; `None`: no change is known.
    pub const fn changed(&mut self, last: [Option<Timestamp>; Aspect::ALL.len()]) {
        self.changed = last;
    }

    /// Visits counted, whatever their outcome.
    #[must_use]
    pub fn visits(&self) -> u64 {
        self.probes.iter().sum()
    }

    pub(crate) fn write_last_survey(&self, family: &Family, text: &mut Text, labels: &str) {
        if let Some(ended) = self.surveyed {
            text.open(family.name, "", labels);
            text.close();
            text.signed(ended.as_second());
            text.end();
        }
    }

    pub(crate) fn write_last_changes(&self, family: &Family, text: &mut Text, labels: &str) {
        for (aspect, changed) in Aspect::ALL.into_iter().zip(self.changed) {
            let Some(changed) = changed else { continue };
            text.open(family.name, "", labels);
            for part in [",aspect=\"", aspect.code(), "\""] {
                text.push(part);
            }
            text.close();
            text.signed(changed.as_second());
            text.end();
        }
    }

    pub(crate) fn write_probes(&self, family: &Family, text: &mut Text, labels: &str) {
        for (reason, count) in REASON_LABELS.iter().zip(&self.probes) {
            text.labelled(family.name, labels, reason, *count);
        }
    }

    pub(crate) fn write_connections(&self, family: &Family, text: &mut Text, labels: &str) {
        text.sample(family.name, labels, self.connections);
    }

    pub(crate) fn write_inconclusive(&self, family: &Family, text: &mut Text, labels: &str) {
        text.sample(family.name, labels, self.inconclusive);
    }

    pub(crate) fn write_phases(&self, family: &Family, text: &mut Text, labels: &str) {
        for (phase, histogram) in PHASES.into_iter().zip(self.phases.iter()) {
            histogram.write(family, text, labels, phase);
        }
    }
}

impl Histogram {
    fn observe(&mut self, duration: Duration) {
        let index = PHASE_BUCKETS_MILLIS
            .iter()
            .position(|bound| duration <= Duration::from_millis(*bound))
            .unwrap_or(PHASE_BUCKETS_MILLIS.len());
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket += 1;
        }
        self.sum = self.sum.saturating_add(duration);
    }

    fn write(&self, family: &Family, text: &mut Text, labels: &str, phase: &str) {
        let count: u64 = self.buckets.iter().sum();
        if count == 0 {
            return;
        }
        let name = family.name;
        let mut cumulative = 0;
        for (bound, bucket) in BOUNDS.into_iter().zip(self.buckets) {
            cumulative += bucket;
            text.open(name, "_bucket", labels);
            for part in [",phase=\"", phase, "\",le=\"", bound, "\""] {
                text.push(part);
            }
            text.close();
            text.integer(cumulative);
            text.end();
        }
        for suffix in ["_sum", "_count"] {
            text.open(name, suffix, labels);
            for part in [",phase=\"", phase, "\""] {
                text.push(part);
            }
            text.close();
            if suffix == "_sum" {
                text.seconds(self.sum);
            } else {
                text.integer(count);
            }
            text.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{INCONCLUSIVE, LAST_CHANGE, PHASE_DURATION};

    #[test]
    fn bounds_and_their_labels_agree() {
        for (millis, label) in PHASE_BUCKETS_MILLIS.iter().zip(BOUNDS) {
            let mut text = Text::default();
            text.seconds(Duration::from_millis(*millis));
            assert_eq!(String::from_utf8(text.bytes).unwrap(), label);
        }
    }

    #[test]
    fn a_change_is_shown_once_it_is_known() {
        let mut tally = Tally::default();
        let mut text = Text::default();
        tally.write_last_changes(&LAST_CHANGE, &mut text, "a=\"b\"");
        assert_eq!(text.samples, 0);
        let then = Timestamp::from_second(1_800_000_000).unwrap();
        tally.changed([None, Some(then), None, None, None]);
        tally.write_last_changes(&LAST_CHANGE, &mut text, "a=\"b\"");
        assert_eq!(
            String::from_utf8(text.bytes).unwrap(),
            "siptls_last_change_timestamp_seconds{a=\"b\",aspect=\"request\"} 1800000000\n"
        );
    }

    #[test]
    fn inconclusive_probes_count_as_long_as_they_come_in_a_row() {
        let mut tally = Tally::default();
        let mut shown = Vec::new();
        for verdict in [
            Verdict::Inconclusive,
            Verdict::Inconclusive,
            Verdict::Warn,
            Verdict::Inconclusive,
        ] {
            tally.judged(verdict);
            let mut text = Text::default();
            tally.write_inconclusive(&INCONCLUSIVE, &mut text, "a=\"b\"");
            shown.push(String::from_utf8(text.bytes).unwrap());
        }
        let expected = [1, 2, 0, 1].map(|count| format!("siptls_inconclusive_probes{{a=\"b\"}} {count}\n"));
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_bound_belongs_to_its_bucket_and_buckets_are_cumulative() {
        let mut histogram = Histogram::default();
        for millis in [5, 6, 10_000, 10_001] {
            histogram.observe(Duration::from_millis(millis));
        }
        let mut text = Text::default();
        histogram.write(&PHASE_DURATION, &mut text, "a=\"b\"", "tls");
        let text = String::from_utf8(text.bytes).unwrap();
        for line in [
            r#"siptls_phase_duration_seconds_bucket{a="b",phase="tls",le="0.005"} 1"#,
            r#"siptls_phase_duration_seconds_bucket{a="b",phase="tls",le="0.01"} 2"#,
            r#"siptls_phase_duration_seconds_bucket{a="b",phase="tls",le="10"} 3"#,
            r#"siptls_phase_duration_seconds_bucket{a="b",phase="tls",le="+Inf"} 4"#,
            r#"siptls_phase_duration_seconds_sum{a="b",phase="tls"} 20.012"#,
            r#"siptls_phase_duration_seconds_count{a="b",phase="tls"} 4"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        let mut empty = Text::default();
        Histogram::default().write(&PHASE_DURATION, &mut empty, "a=\"b\"", "tls");
        assert_eq!(empty.samples, 0);
    }
}
