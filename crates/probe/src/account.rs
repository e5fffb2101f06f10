//! The account of one address: connections of the last hour, and refusals in a row.
//!
//! SBCs ban peers that look like scanners; an address that refuses is left in peace for longer and longer, and none is
//! connected to more often than each target's budget allows. Time is an argument.

use siptls_model::{Observation, Reason, Target};
use std::time::Duration;
use tokio::time::Instant;

/// The time to which a budget applies.
const HOUR: Duration = Duration::from_secs(3_600);
/// Connections are counted in steps of this length.
const STEP_SECONDS: u64 = 60;
/// The step under way and those of a whole hour before it: in no hour are there more connections than the budget.
const STEPS: usize = 61;

/// The hour as it is counted, with the step under way.
const LONGEST_HOUR: Duration = Duration::from_secs(3_600 + STEP_SECONDS);

/// Visits in a row that the peer refused, from which on it is visited less often.
const PATIENCE: u32 = 3;
/// Longest pause between two visits to an address that refuses: by then an endpoint that has come back is seen.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Longest pause in intervals, as the exponent of two.
const MOST_DOUBLINGS: u32 = 3;

/// Connections that a survey of an endpoint with few suites takes, one of them asked again: with fewer left it is not begun.
pub(crate) const SMALL_SURVEY: u32 = 8;

/// Connections that a survey of an endpoint with many suites takes, its visit and a repetition among them.
const LARGE_SURVEY: u32 = 16;

/// What the prober keeps of one address.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Connections, whoever asked for them.
    hour: Hour,
    /// Of the schedule's visits.
    refusals: Refusals,
    /// Budget and need of the target of the schedule that leaves the fewest connections to questions.
    scheduled: Option<Share>,
    /// Of visits that somebody asked for; `None` while there was none.
    asked: Option<Box<Asked>>,
}

/// Visits in a row that the peer refused, or that it did not answer.
#[derive(Clone, Copy, Debug)]
struct Refusals {
    count: u32,
    /// When the last of them began.
    at: Instant,
}

/// What questions came to.
#[derive(Clone, Debug)]
struct Asked {
    /// Connections among those of the hour.
    hour: Hour,
    refusals: Refusals,
}

/// Connections that a target may make within an hour, and those that its schedule needs of them.
#[derive(Clone, Copy, Debug)]
struct Share {
    budget: u32,
    need: u32,
}

impl Share {
    /// Every turn of an hour, one of them early, and the surveys that are due within it.
    fn of(target: &Target) -> Self {
        let times = |interval: Duration| {
            let times = LONGEST_HOUR.as_millis().div_ceil(interval.as_millis().max(1));
            u32::try_from(times).unwrap_or(u32::MAX).saturating_add(1)
        };
        let identities = u32::try_from(target.client_identities.len()).unwrap_or(u32::MAX);
        let survey = LARGE_SURVEY.saturating_add(identities);
        let surveys = target.survey_interval.map_or(0, |interval| {
            let surveys = HOUR.as_millis().div_ceil(interval.as_millis().max(1));
            u32::try_from(surveys).unwrap_or(u32::MAX)
        });
        Self {
            budget: target.connections_per_hour,
            need: times(target.interval).saturating_add(survey.saturating_mul(surveys)),
        }
    }

    const fn left(self) -> u32 {
        self.budget.saturating_sub(self.need)
    }
}

/// How a target stands with an address at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Connections that the target's budget leaves within the hour.
    pub connections_left: u32,
    /// Length of the pause under way after refusals; zero when there is none.
    pub pause: Duration,
}

impl Account {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            hour: Hour::new(now),
            refusals: Refusals::none(now),
            scheduled: None,
            asked: None,
        }
    }

    /// Counts an attempt to connect.
    pub(crate) fn connect(&mut self, now: Instant) {
        self.hour.add(now);
    }

    /// Counts an attempt to connect of a visit that somebody asked for.
    pub(crate) fn connect_asked(&mut self, now: Instant) {
        self.hour.add(now);
        self.asked(now).hour.add(now);
    }

    /// Takes in what came of a visit of the schedule that began at a moment.
    pub(crate) fn visited(&mut self, seen: &Observation, began: Instant) {
        self.refusals.take(seen, began);
    }

    /// Takes in what came of a visit that somebody asked for.
    pub(crate) fn visited_asked(&mut self, seen: &Observation, began: Instant) {
        self.asked(began).refusals.take(seen, began);
    }

    /// Notes that a target of the schedule is visited here, and needs its share of the connections.
    pub(crate) fn schedules(&mut self, target: &Target) {
        let share = Share::of(target);
        // The same target's share replaces its own, which may have changed.
        let scarcer = |known: Share| share.left() <= known.left() || share.budget == known.budget;
        if self.scheduled.is_none_or(scarcer) {
            self.scheduled = Some(share);
        }
    }

    /// Why a target is not to visit the address now; `None` when it may.
    pub(crate) fn postponed(&mut self, target: &Target, now: Instant) -> Option<String> {
        if let Some(why) = self.refusals.postponed(target, now) {
            return Some(why);
        }
        let left = self.hour.until_below(target.connections_per_hour, now)?;
        Some(format!("{}: next visit in {}", used_up(target), spoken(left)))
    }

    /// Why a target is not to be visited now by somebody's question; `None` when it may. Besides what holds of every visit,
    /// a question is postponed when questions were refused in a row, and when what the schedule needs would be left no
    /// longer. A `stranger` is no target of the schedule.
    pub(crate) fn postponed_asked(
        &mut self,
        target: &Target,
        is_stranger: bool,
        now: Instant,
    ) -> Option<String> {
        if let Some(why) = self.postponed(target, now) {
            return Some(why);
        }
        let total = self.hour.count(now);
        let own = (!is_stranger).then(|| Share::of(target));
        let scheduled = self.scheduled;
        let asked = self.asked.as_mut()?;
        if let Some(why) = asked.refusals.postponed(target, now) {
            return Some(why);
        }
        let others = total.saturating_sub(asked.hour.count(now));
        let shares = own.into_iter().chain(scheduled);
        let share = shares.min_by_key(|share| share.left())?;
        // Several targets of one address together may need more than each of them.
        let most = share.budget.saturating_sub(share.need.max(others));
        let left = asked.hour.until_below(most, now)?;
        Some(format!(
            "the schedule needs what is left of the budget of {} connections an hour to this address: next visit in {}",
            share.budget,
            spoken(left)
        ))
    }

    fn asked(&mut self, now: Instant) -> &mut Asked {
        self.asked.get_or_insert_with(|| {
            Box::new(Asked {
                hour: Hour::new(now),
                refusals: Refusals::none(now),
            })
        })
    }

    /// Why a target is not to survey the address now, though it may visit it.
    pub(crate) fn survey_postponed(&mut self, target: &Target, now: Instant) -> Option<String> {
        if self.refusals.count >= PATIENCE {
            return Some(self.refusals.backing_off());
        }
        let left = self.left(target, now);
        (left < SMALL_SURVEY).then(|| {
            format!(
                "{left} of the budget of {} connections an hour to this address are left, and a survey takes {SMALL_SURVEY} or more",
                target.connections_per_hour
            )
        })
    }

    /// Why a target is to end the survey under way; `None` while its budget lasts.
    pub(crate) fn survey_stopped(&mut self, target: &Target, now: Instant) -> Option<String> {
        (self.left(target, now) == 0).then(|| used_up(target))
    }

    /// How a target stands with the address.
    pub(crate) fn standing(&mut self, target: &Target, now: Instant) -> Standing {
        Standing {
            connections_left: self.left(target, now),
            pause: self
                .refusals
                .pause(target, now)
                .map_or(Duration::ZERO, |(pause, _)| pause),
        }
    }

    /// Whether nothing happened within the hour, so that nothing is lost when the account is closed.
    pub(crate) fn is_idle(&mut self, now: Instant) -> bool {
        let asked = self
            .asked
            .as_ref()
            .is_none_or(|asked| asked.refusals.is_over(now));
        self.hour.count(now) == 0 && asked && self.refusals.is_over(now)
    }

    fn left(&mut self, target: &Target, now: Instant) -> u32 {
        target.connections_per_hour.saturating_sub(self.hour.count(now))
    }
}

impl Refusals {
    const fn none(now: Instant) -> Self {
        Self { count: 0, at: now }
    }

    fn take(&mut self, seen: &Observation, began: Instant) {
        if seen.error.as_ref().is_some_and(|error| is_refusal(error.reason)) {
            self.count = self.count.saturating_add(1);
            self.at = began;
        } else {
            self.count = 0;
        }
    }

    /// Whether they are forgotten.
    fn is_over(&self, now: Instant) -> bool {
        self.count == 0 || now.saturating_duration_since(self.at) >= HOUR
    }

    /// Why a target is not to be visited now because of them.
    fn postponed(&self, target: &Target, now: Instant) -> Option<String> {
        let (pause, since) = self.pause(target, now)?;
        (since < earliest(pause, target.interval)).then(|| {
            let left = spoken(pause.saturating_sub(since));
            format!("{}: next visit in {left}", self.backing_off())
        })
    }

    /// The pause that a target has to make and how much of it is over, while it is under way. It doubles with each refusal
    /// up to eight intervals; one that is not longer than the interval is none.
    fn pause(&self, target: &Target, now: Instant) -> Option<(Duration, Duration)> {
        let doublings = self
            .count
            .saturating_add(1)
            .checked_sub(PATIENCE)?
            .min(MOST_DOUBLINGS);
        let pause = target.interval.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        let since = now.saturating_duration_since(self.at);
        (pause > target.interval && since < pause).then_some((pause, since))
    }

    fn backing_off(&self) -> String {
        format!("backing off after {} refusals in a row", self.count)
    }
}

fn used_up(target: &Target) -> String {
    format!(
        "the budget of {} connections an hour to this address is used up",
        target.connections_per_hour
    )
}

/// From when on a visit does for the one at the end of the pause. Turns come about one interval apart and seldom at that very
/// moment: the nearest one does, and one after which the next could come later than the longest pause.
fn earliest(pause: Duration, interval: Duration) -> Duration {
    let nearest = pause.saturating_sub(interval / 2);
    // The jitter of two neighbouring turns makes a fifth of an interval.
    nearest.min(LONGEST_PAUSE.saturating_sub(interval.mul_f64(1.2)))
}

/// Whether the peer refused a visit or did not answer it, before SIP.
const fn is_refusal(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ConnectionRefused
            | Reason::ConnectTimeout
            | Reason::ConnectionReset
            | Reason::ConnectionClosed
            | Reason::TlsTimeout
            | Reason::HandshakeRefused
            | Reason::FatalAlert
            | Reason::ClientCertificateRequired
            | Reason::ClientCertificateRefused
    )
}

/// A time to wait, as people say it: in seconds up to two minutes, then in minutes, rounded up.
fn spoken(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1_000);
    if seconds <= 120 {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds.div_ceil(60))
    }
}

/// Connections of the last hour, by step.
#[derive(Clone, Debug)]
struct Hour {
    /// As a ring; a step of more connections than fit counts as that many.
    steps: [u16; STEPS],
    /// The place of the step under way.
    newest: usize,
    /// When it began.
    since: Instant,
}

impl Hour {
    const fn new(now: Instant) -> Self {
        Self {
            steps: [0; STEPS],
            newest: 0,
            since: now,
        }
    }

    fn add(&mut self, now: Instant) {
        self.advance(now);
        if let Some(step) = self.steps.get_mut(self.newest) {
            *step = step.saturating_add(1);
        }
    }

    fn count(&mut self, now: Instant) -> u32 {
        self.advance(now);
        self.steps.iter().map(|step| u32::from(*step)).sum()
    }

    /// How long until there are fewer connections than the limit; `None` when there are already.
    fn until_below(&mut self, limit: u32, now: Instant) -> Option<Duration> {
        let mut left = self.count(now);
        if left < limit {
            return None;
        }
        // From the oldest step, which is the one after the newest, on.
        let ring = self.steps.iter().cycle().skip(self.newest + 1);
        let mut end = self.since;
        for step in ring.take(self.steps.len()) {
            end += Duration::from_secs(STEP_SECONDS);
            left = left.saturating_sub(u32::from(*step));
            if left < limit {
                break;
            }
        }
        Some(end.saturating_duration_since(now))
    }

    /// Begins the step of a moment, and those that passed unseen before it.
    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_secs() / STEP_SECONDS;
        self.since += Duration::from_secs(passed * STEP_SECONDS);
        for _ in 0..usize::try_from(passed).unwrap_or(STEPS).min(STEPS) {
            self.newest = (self.newest + 1) % STEPS;
            if let Some(step) = self.steps.get_mut(self.newest) {
                *step = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests;
