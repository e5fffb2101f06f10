//! Maintenance windows: times in which a target is probed as ever, and its alerts are to keep quiet.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Seconds of a day without a change of the clock.
const DAY_SECONDS: u64 = 86_400;

/// The maintenance windows of a target. Cheap to clone: targets that take those of `probe` share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maintenance(Arc<[Window]>);

/// One maintenance window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it is.
    pub when: When,
    /// What the operator says of it, one printable line.
    pub comment: Option<String>,
}

/// When a maintenance window is. One that ends before it begins is never under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Once: `from` belongs to it, `until` does not.
    Once {
        /// Its first moment.
        from: Timestamp,
        /// The moment at which it is over.
        until: Timestamp,
    },
    /// Every week.
    Weekly {
        /// The days on which it begins.
        days: Vec<Weekday>,
        /// When it begins by the clock on the wall. Where that time comes twice because the clock is put back it begins at
        /// the first; where it is left out because the clock is put forward it begins as much later.
        start: Time,
        /// How long it lasts, as time that passes: a change of the clock makes it neither longer nor shorter.
        duration: Duration,
        /// Where that clock hangs.
        timezone: TimeZone,
    },
}

/// A window that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenWindow {
    /// When it is over.
    pub until: Timestamp,
    /// What the operator says of it.
    pub comment: Option<String>,
}

impl Maintenance {
    /// These windows.
    #[must_use]
    pub fn new(windows: Vec<Window>) -> Self {
        Self(windows.into())
    }

    /// The windows in the order given.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.0
    }

    /// The window that is under way; of several the one that ends last.
    #[must_use]
    pub fn active(&self, now: Timestamp) -> Option<OpenWindow> {
        let open = self
            .0
            .iter()
            .filter_map(|window| Some((window.when.until(now)?, window)));
        let (until, window) = open.max_by_key(|(until, _)| *until)?;
        Some(OpenWindow {
            until,
            comment: window.comment.clone(),
        })
    }
}

impl When {
    /// When it is over, if it is under way.
    fn until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { from, until } => (*from <= now && now < *until).then_some(*until),
            Self::Weekly {
                days,
                start,
                duration,
                timezone,
            } => {
                let today = timezone.to_datetime(now).date();
                // One day more than it lasts: days are up to an hour or two longer than others.
                let reach = i64::try_from(duration.as_secs() / DAY_SECONDS).ok()? + 1;
                let ends = (0..=reach).filter_map(|back| {
                    let day = today.checked_sub(back.days()).ok()?;
                    if !days.contains(&day.weekday()) {
                        return None;
                    }
                    let begin = timezone.to_timestamp(day.to_datetime(*start)).ok()?;
                    let end = begin.checked_add(*duration).ok()?;
                    (begin <= now && now < end).then_some(end)
                });
                ends.max()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn weekly(days: &[Weekday], start: &str, hours: u64, zone: &str) -> Maintenance {
        Maintenance::new(vec![Window {
            when: When::Weekly {
                days: days.to_vec(),
                start: start.parse().unwrap(),
                duration: Duration::from_secs(hours * 3_600),
                timezone: TimeZone::get(zone).unwrap(),
            },
            comment: None,
        }])
    }

    /// Begin and end of each window between two moments, found minute by minute.
    fn spans(maintenance: &Maintenance, from: &str, until: &str) -> Vec<(String, String)> {
        let (mut now, until) = (time(from), time(until));
        let (mut spans, mut begin) = (Vec::new(), None);
        while now < until {
            let open = maintenance.active(now);
            match (&open, begin) {
                (Some(_), None) => begin = Some(now),
                (None, Some(from)) => {
                    spans.push((from.to_string(), now.to_string()));
                    begin = None;
                }
                _ => {}
            }
            if let Some(open) = open {
                let left = open.until.duration_since(now);
                assert!(left.is_positive() && left.as_hours() <= 7 * 24, "{now} {open:?}");
            }
            now = now.checked_add(Duration::from_secs(60)).unwrap();
        }
        assert_eq!(begin, None, "every window ends before {until}");
        spans
    }

    fn span(begin: &str, end: &str) -> (String, String) {
        (begin.to_owned(), end.to_owned())
    }

    #[test]
    fn a_window_once_begins_with_its_first_moment_and_is_over_at_its_end() {
        let window = |from, until, comment: &str| Window {
            when: When::Once {
                from: time(from),
                until: time(until),
            },
            comment: Some(comment.to_owned()),
        };
        let both = Maintenance::new(vec![
            window(
                "2026-12-24T18:00:00+01:00",
                "2026-12-24T19:00:00Z",
                "new certificate",
            ),
            window("2026-12-24T18:30:00Z", "2026-12-24T20:00:00Z", "reboot"),
            window("2026-12-24T21:00:00Z", "2026-12-24T20:00:00Z", "never"),
        ]);
        for (now, expected) in [
            ("2026-12-24T16:59:59.999Z", None),
            (
                "2026-12-24T17:00:00Z",
                Some(("new certificate", "2026-12-24T19:00:00Z")),
            ),
            (
                "2026-12-24T18:29:59Z",
                Some(("new certificate", "2026-12-24T19:00:00Z")),
            ),
            ("2026-12-24T18:30:00Z", Some(("reboot", "2026-12-24T20:00:00Z"))),
            ("2026-12-24T20:00:00Z", None),
            ("2026-12-24T20:30:00Z", None),
        ] {
            let expected = expected.map(|(comment, until): (&str, _)| OpenWindow {
                until: time(until),
                comment: Some(comment.to_owned()),
            });
            assert_eq!(both.active(time(now)), expected, "{now}");
        }
        assert_eq!(Maintenance::default().active(time("2026-12-24T17:00:00Z")), None);
    }

    #[test]
    fn a_weekly_window_may_go_over_midnight_and_over_the_end_of_the_week() {
        let sunday = weekly(&[Weekday::Sunday, Weekday::Friday], "23:00", 3, "UTC");
        assert_eq!(
            spans(&sunday, "2026-11-23T03:00:00Z", "2026-12-01T00:00:00Z"),
            [
                span("2026-11-27T23:00:00Z", "2026-11-28T02:00:00Z"),
                span("2026-11-29T23:00:00Z", "2026-11-30T02:00:00Z"),
            ]
        );
        // As long as may be: from one Monday to the next, and each day of it.
        let always = weekly(&[Weekday::Monday], "00:00", 7 * 24, "UTC");
        let open = always.active(time("2026-11-29T23:59:59Z")).unwrap();
        assert_eq!(open.until, time("2026-11-30T00:00:00Z"));
        let open = always.active(time("2026-11-30T00:00:00Z")).unwrap();
        assert_eq!(open.until, time("2026-12-07T00:00:00Z"));
    }

    #[test]
    fn a_weekly_window_follows_the_clock_on_the_wall() {
        // Saturday 22:00 in New York is Sunday 02:00 or 03:00 UTC.
        let new_york = weekly(&[Weekday::Saturday], "22:00", 2, "America/New_York");
        assert_eq!(
            spans(&new_york, "2026-10-24T12:00:00Z", "2026-11-08T12:00:00Z"),
            [
                span("2026-10-25T02:00:00Z", "2026-10-25T04:00:00Z"),
                span("2026-11-01T02:00:00Z", "2026-11-01T04:00:00Z"),
                span("2026-11-08T03:00:00Z", "2026-11-08T05:00:00Z"),
            ]
        );
    }

    #[test]
    fn changes_of_the_clock_move_a_window_and_leave_its_length() {
        let sunday = weekly(&[Weekday::Sunday], "02:30", 2, "Europe/Berlin");
        // 2026-03-29: 02:00 becomes 03:00, there is no 02:30. 2026-10-25: 03:00 becomes 02:00, 02:30 comes twice.
        assert_eq!(
            spans(&sunday, "2026-03-22T00:00:00Z", "2026-04-06T00:00:00Z"),
            [
                span("2026-03-22T01:30:00Z", "2026-03-22T03:30:00Z"),
                span("2026-03-29T01:30:00Z", "2026-03-29T03:30:00Z"),
                span("2026-04-05T00:30:00Z", "2026-04-05T02:30:00Z"),
            ]
        );
        assert_eq!(
            spans(&sunday, "2026-10-18T00:00:00Z", "2026-11-02T00:00:00Z"),
            [
                span("2026-10-18T00:30:00Z", "2026-10-18T02:30:00Z"),
                span("2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"),
                span("2026-11-01T01:30:00Z", "2026-11-01T03:30:00Z"),
            ]
        );
        // The day that has 25 hours does not hide the window's last hour from the next day.
        let long = weekly(&[Weekday::Saturday], "23:59", 24, "Europe/Berlin");
        assert_eq!(
            spans(&long, "2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z"),
            [span("2026-10-24T21:59:00Z", "2026-10-25T21:59:00Z")]
        );
    }
}
