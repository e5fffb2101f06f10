//! When a target is surveyed, and which survey of an address is reported.

use crate::schedule::{mix, part_of, stable_hash};
use jiff::Timestamp;
use siptls_model::{
    Acceptance, ClientCertificateMode, Depth, Observation, ReferenceResult, Rehearsal, SuitePreference,
    SurveyResult, Target,
};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The first surveys of a fleet are over by then, visits permitting.
const FIRST_WITHIN: Duration = Duration::from_secs(600);
/// Time that each target adds to the span of the first surveys: a small fleet is known soon.
const FIRST_SPACING: Duration = Duration::from_secs(2);
/// A survey that differs from the one reported is confirmed after this much at least, and at most.
const CONFIRMATION: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(300));
/// Confirmations in a row; an endpoint that differs each time is surveyed at the usual times.
const MAX_CONFIRMATIONS: u32 = 3;
/// Wait after a survey that found nothing out; it doubles each time.
const RETRY: Duration = Duration::from_secs(600);
/// Longest wait after a survey before a change brings the next one.
const MAX_PAUSE: Duration = Duration::from_secs(3_600);

/// What came of a survey, from good to bad: of several addresses the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It is what is reported now.
    Reported,
    /// It found nothing out, or was stopped and is no better than the one reported.
    Nothing,
    /// It differs from the one reported and waits for a second one.
    Differs,
}

/// The survey of an address that is reported. Behind a load balancer one survey may meet another server than the next: one
/// that differs is reported once the next one agrees with it.
#[derive(Debug, Default)]
pub(crate) struct Agreed {
    reported: Option<Arc<SurveyResult>>,
    differing: Option<Arc<SurveyResult>>,
}

impl Agreed {
    /// Nothing was surveyed since the start; before it, that was reported, and it is until a survey replaces it.
    pub(crate) fn after(before_start: Option<SurveyResult>) -> Self {
        Self {
            reported: before_start.map(Arc::new),
            differing: None,
        }
    }

    /// The survey to report.
    pub(crate) const fn reported(&self) -> Option<&Arc<SurveyResult>> {
        self.reported.as_ref()
    }

    /// Takes in a survey.
    pub(crate) fn take(&mut self, new: Arc<SurveyResult>) -> Outcome {
        let found = found_out(&new);
        let Some(reported) = &self.reported else {
            self.reported = Some(new);
            return if found {
                Outcome::Reported
            } else {
                Outcome::Nothing
            };
        };
        if !found {
            return Outcome::Nothing;
        }
        if agree(reported, &new) {
            self.differing = None;
            if new.stopped.is_some() && reported.stopped.is_none() {
                return Outcome::Nothing;
            }
            if *reported != new {
                self.reported = Some(new);
            }
            return Outcome::Reported;
        }
        match self.differing.take() {
            Some(differing) if agree(&differing, &new) => {
                self.reported = Some(new);
                Outcome::Reported
            }
            _ => {
                self.differing = Some(new);
                Outcome::Differs
            }
        }
    }
}

fn found_out(survey: &SurveyResult) -> bool {
    let known = |acceptance: &Acceptance| acceptance.is_accepted().is_some();
    survey.versions.iter().any(|(_, version)| known(version))
        || survey.cipher_suites.iter().any(|(_, suite)| known(suite))
        || survey.groups.iter().any(|(_, group)| known(group))
}

/// Whether two surveys contradict each other nowhere: what one did not find out agrees with anything.
fn agree(a: &SurveyResult, b: &SurveyResult) -> bool {
    fn same<T: PartialEq>(a: &[(T, Acceptance)], b: &[(T, Acceptance)]) -> bool {
        a.iter().all(|(value, one)| {
            let other = b.iter().find(|(other, _)| other == value);
            match (
                one.is_accepted(),
                other.and_then(|(_, other)| other.is_accepted()),
            ) {
                (Some(one), Some(other)) => one == other,
                _ => true,
            }
        })
    }
    let order = |survey: &SurveyResult| match survey.suite_preference {
        SuitePreference::Unknown => None,
        known => Some(known),
    };
    let same_order = match (order(a), order(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    same_order
        && same(&a.versions, &b.versions)
        && same(&a.cipher_suites, &b.cipher_suites)
        && same(&a.groups, &b.groups)
}

/// What an address shows of itself in a visit, as hashes; `None`: not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Leaf and its issuer.
    leaf: Option<u64>,
    /// Whether a client certificate is asked for, and of which authorities.
    request: Option<u64>,
    /// What happens without one.
    mode: Option<ClientCertificateMode>,
}

impl Identity {
    /// What a visit saw.
    pub(crate) fn of(seen: &Observation) -> Self {
        let leaf = seen
            .chain
            .as_ref()
            .and_then(|chain| chain.certificates().next())
            .map(|(_, leaf)| hash(&(leaf.fingerprint_sha256, leaf.issuer.text())));
        let request = seen
            .handshake
            .as_ref()
            .map(|handshake| &handshake.client_certificate);
        Self {
            leaf,
            request: request.and_then(|request| {
                let names = request
                    .authorities
                    .iter()
                    .map(|authority| authority.name.as_str());
                Some(hash(&(request.requested?, names.collect::<Vec<_>>())))
            }),
            mode: request
                .map(|request| request.mode)
                .filter(|mode| *mode != ClientCertificateMode::Unknown),
        }
    }

    /// Takes in what a later visit saw; whether it is another than was known.
    pub(crate) fn update(&mut self, later: Self) -> bool {
        fn update<T: Copy + PartialEq>(known: &mut Option<T>, later: Option<T>) -> bool {
            let changed = known.is_some() && later.is_some() && *known != later;
            *known = later.or(*known);
            changed
        }
        let leaf = update(&mut self.leaf, later.leaf);
        let request = update(&mut self.request, later.request);
        let mode = update(&mut self.mode, later.mode);
        leaf || request || mode
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// When a target is surveyed: soon after it was first visited, once in each interval with a jitter of ±10 %, soon after a
/// survey that differs, and when the endpoint shows another identity. Without an interval never.
#[derive(Debug)]
pub(crate) struct SurveyClock {
    interval: Option<Duration>,
    seed: u64,
    round: u64,
    /// A visit that is no survey was made.
    visited: bool,
    due: Instant,
    last: Option<Instant>,
    /// Surveys in a row that differed or found nothing out.
    hurried: u32,
}

impl SurveyClock {
    /// The clock of a target that begins now together with others, `together` in all.
    pub(crate) fn new(target: &Target, together: usize, now: Instant) -> Self {
        let seed = mix(stable_hash(&target.name));
        let interval = target.survey_interval;
        let span = interval.unwrap_or_default();
        let window = match target.depth {
            // A fleet that is visited so sparingly is not surveyed in a burst either.
            Depth::Hello => span,
            Depth::Routine | Depth::Survey => {
                let together = u32::try_from(together).unwrap_or(u32::MAX);
                FIRST_SPACING.saturating_mul(together).min(FIRST_WITHIN).min(span)
            }
        };
        Self {
            interval,
            seed,
            round: 0,
            visited: false,
            due: now + part_of(window, seed),
            last: None,
            hurried: 0,
        }
    }

    /// Whether the visit that begins now is to be a survey. If so, and nothing is heard of it any more, the next one comes
    /// like after one that found nothing out.
    pub(crate) fn begin(&mut self, now: Instant) -> bool {
        let Some(interval) = self.interval.filter(|_| self.visited && self.due <= now) else {
            return false;
        };
        self.due = now + self.retry(interval);
        true
    }

    /// A survey ended.
    pub(crate) fn surveyed(&mut self, outcome: Outcome, now: Instant) {
        let Some(interval) = self.interval else { return };
        self.last = Some(now);
        self.round = self.round.wrapping_add(1);
        let jitter = mix(self.seed ^ self.round);
        let regular = interval.mul_f64(0.9) + part_of(interval / 5, jitter);
        let wait = match outcome {
            Outcome::Differs if self.hurried < MAX_CONFIRMATIONS => {
                let (least, most) = CONFIRMATION;
                self.hurried += 1;
                regular.min(least + part_of(most.saturating_sub(least), jitter))
            }
            Outcome::Nothing => {
                let wait = self.retry(interval);
                self.hurried = self.hurried.saturating_add(1);
                wait
            }
            Outcome::Reported | Outcome::Differs => {
                self.hurried = 0;
                regular
            }
        };
        self.due = now + wait;
    }

    /// A visit that was no survey ended; `changed`: the endpoint showed another identity than before.
    pub(crate) fn visited(&mut self, changed: bool, now: Instant) {
        self.visited = true;
        if let (true, Some(interval)) = (changed, self.interval) {
            let pause = (interval / 12).min(MAX_PAUSE);
            let soon = self.last.map_or(now, |last| now.max(last + pause));
            self.due = self.due.min(soon);
        }
    }

    fn retry(&self, interval: Duration) -> Duration {
        RETRY.saturating_mul(1 << self.hurried.min(16)).min(interval)
    }
}

/// What is kept of the surveys of one address.
#[derive(Debug, Default)]
pub(crate) struct AddressSurvey {
    agreed: Agreed,
    /// What the reference client came to in the survey reported.
    reference: Option<Arc<ReferenceResult>>,
    /// What is known from before is compared with, not lent: it was asked for another profile or of another service.
    compared_only: bool,
    pub(crate) identity: Identity,
    /// The last rehearsal.
    pub(crate) rehearsal: Option<Arc<Rehearsal>>,
    /// When the last survey that found anything out ended.
    pub(crate) ended: Option<Timestamp>,
}

impl AddressSurvey {
    /// Of an address that was not surveyed since the start; before it, that was reported. It is reported until the first
    /// survey when it is `of_this_target`; a difference to it has to be confirmed in any case.
    pub(crate) fn after(before_start: Option<SurveyResult>, of_this_target: bool) -> Self {
        Self {
            agreed: Agreed::after(before_start),
            compared_only: !of_this_target,
            ..Self::default()
        }
    }

    /// Takes what a survey found out of an observation, the rehearsal included.
    pub(crate) fn take(&mut self, observation: &mut Observation) -> Outcome {
        self.rehearsed(observation.rehearsal.take());
        let reference = observation.reference.take();
        let Some(survey) = observation.survey.take() else {
            return Outcome::Nothing;
        };
        let outcome = self.agreed.take(survey);
        if outcome != Outcome::Nothing {
            self.ended = observation.started_at.checked_add(observation.duration).ok();
        }
        self.compared_only &= outcome != Outcome::Reported;
        if outcome == Outcome::Reported || (outcome == Outcome::Nothing && self.reference.is_none()) {
            self.reference = reference;
        }
        outcome
    }

    /// Gives an observation what is reported of its address.
    pub(crate) fn lend(&self, observation: &mut Observation) {
        let reported = self.agreed.reported().filter(|_| !self.compared_only);
        observation.survey = reported.cloned();
        observation.reference.clone_from(&self.reference);
        observation.rehearsal.clone_from(&self.rehearsal);
    }

    /// Takes in a rehearsal. One that did not come so far as to see whether the endpoint asks does not replace another.
    fn rehearsed(&mut self, new: Option<Arc<Rehearsal>>) {
        let Some(new) = new else { return };
        if new.requested.is_some() || self.rehearsal.is_none() {
            self.rehearsal = Some(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use siptls_model::{CipherSuite, NamedGroup, ProtocolVersion};

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn survey(old: Acceptance, suite: Acceptance) -> Arc<SurveyResult> {
        let group = NamedGroup::from_name("secp384r1").unwrap();
        Arc::new(SurveyResult {
            versions: vec![(ProtocolVersion::from_name("TLSv1.0").unwrap(), old)],
            cipher_suites: vec![(
                CipherSuite::from_name("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384").unwrap(),
                suite,
            )],
            groups: vec![(group, suite)],
            suite_preference: SuitePreference::Unknown,
            refusal_cause: None,
            without_profile_groups: None,
            stopped: None,
        })
    }

    #[test]
    fn a_difference_is_reported_once_two_surveys_agree_on_it() {
        use Acceptance::{Accepted, Refused, Selected, Unknown};
        let (one, other) = (survey(Refused, Accepted), survey(Accepted, Accepted));
        let mut agreed = Agreed::default();
        assert_eq!(agreed.take(survey(Unknown, Unknown)), Outcome::Nothing);
        assert_eq!(agreed.take(one.clone()), Outcome::Reported);
        assert_eq!(agreed.take(other.clone()), Outcome::Differs);
        assert_eq!(agreed.reported(), Some(&one));
        // The load balancer's first server again: the difference has to be seen twice in a row.
        assert_eq!(agreed.take(one.clone()), Outcome::Reported);
        assert_eq!(agreed.take(other.clone()), Outcome::Differs);
        assert_eq!(agreed.take(survey(Unknown, Unknown)), Outcome::Nothing);
        let third = survey(Accepted, Refused);
        assert_eq!(agreed.take(third.clone()), Outcome::Differs, "another difference");
        assert_eq!(agreed.take(other.clone()), Outcome::Differs);
        assert_eq!(agreed.reported(), Some(&one));
        assert_eq!(agreed.take(other.clone()), Outcome::Reported);
        assert_eq!(agreed.reported(), Some(&other));
        // What is finished once and only chosen another time is no difference; a survey cut short is no better.
        assert_eq!(agreed.take(survey(Selected, Accepted)), Outcome::Reported);
        let stopped = Arc::new(SurveyResult {
            stopped: Some("resets".to_owned()),
            ..SurveyResult::clone(&survey(Selected, Unknown))
        });
        assert_eq!(agreed.take(stopped), Outcome::Nothing);
        assert_eq!(agreed.reported(), Some(&survey(Selected, Accepted)));
    }

    #[test]
    fn the_reference_client_goes_with_the_survey_reported() {
        use Acceptance::{Accepted, Refused, Unknown};
        let target = Arc::new(target("a", Depth::Survey, None));
        let at: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
        let seen = |survey: Arc<SurveyResult>, why: &str| Observation {
            survey: Some(survey),
            reference: Some(Arc::new(ReferenceResult::not_run("rustls", why, at))),
            ..Observation::blank(&target, None, at)
        };
        let (one, other) = (survey(Refused, Accepted), survey(Accepted, Accepted));
        let mut kept = AddressSurvey::default();
        for (found, why, expected) in [
            (survey(Unknown, Unknown), "first", "first"),
            (one.clone(), "second", "second"),
            (other.clone(), "third", "second"),
            (survey(Unknown, Unknown), "fourth", "second"),
            (other.clone(), "fifth", "fifth"),
        ] {
            let mut visit = seen(found, why);
            kept.take(&mut visit);
            assert_eq!((&visit.survey, &visit.reference), (&None, &None));
            // A routine visit in between takes nothing away.
            let mut routine = Observation::blank(&target, None, at);
            assert_eq!(kept.take(&mut routine), Outcome::Nothing);
            kept.lend(&mut routine);
            let reference = routine.reference.unwrap();
            assert_eq!(reference.why_not.as_deref(), Some(expected), "{why}");
        }
        // What is known from before a restart has none, and that of a survey to be confirmed does not take its place.
        let mut kept = AddressSurvey::after(Some(SurveyResult::clone(&one)), true);
        for (why, expected) in [("differs", None), ("agrees", Some("agrees"))] {
            let mut visit = seen(other.clone(), why);
            kept.take(&mut visit);
            kept.lend(&mut visit);
            let reference = visit.reference.as_ref();
            assert_eq!(
                reference.and_then(|reference| reference.why_not.as_deref()),
                expected
            );
        }
    }

    #[test]
    fn a_difference_to_what_was_known_before_the_start_is_confirmed_too() {
        use Acceptance::{Accepted, Refused, Unknown};
        let (one, other) = (survey(Refused, Accepted), survey(Accepted, Accepted));
        let mut agreed = Agreed::after(Some(SurveyResult::clone(&one)));
        assert_eq!(agreed.reported(), Some(&one), "until the first survey");
        assert_eq!(agreed.take(other.clone()), Outcome::Differs);
        assert_eq!(agreed.reported(), Some(&one));
        assert_eq!(
            agreed.take(survey(Accepted, Refused)),
            Outcome::Differs,
            "another difference"
        );
        assert_eq!(agreed.take(other.clone()), Outcome::Differs);
        assert_eq!(agreed.take(other.clone()), Outcome::Reported);
        assert_eq!(agreed.reported(), Some(&other));
        let mut agreed = Agreed::after(Some(SurveyResult::clone(&one)));
        assert_eq!(agreed.take(other), Outcome::Differs);
        assert_eq!(agreed.take(survey(Unknown, Accepted)), Outcome::Reported);
        let mut agreed = Agreed::after(Some(SurveyResult::clone(&one)));
        assert_eq!(agreed.take(one.clone()), Outcome::Reported);
        assert_eq!(agreed.reported(), Some(&one));
    }

    #[test]
    fn a_survey_that_finds_nothing_out_replaces_nothing_known_before_the_start() {
        use Acceptance::{Accepted, Refused, Unknown};
        let (one, other) = (survey(Refused, Accepted), survey(Accepted, Accepted));
        let mut agreed = Agreed::after(Some(SurveyResult::clone(&one)));
        assert_eq!(agreed.take(survey(Unknown, Unknown)), Outcome::Nothing);
        assert_eq!(agreed.take(other.clone()), Outcome::Differs);
        assert_eq!(agreed.take(other), Outcome::Reported);
    }

    fn target(name: &str, depth: Depth, survey_interval: Option<Duration>) -> Target {
        Target {
            depth,
            survey_interval,
            ..Target::new(name, "sbc.example.test".parse().unwrap(), "genesys-byoc-customer")
        }
    }

    #[test]
    fn first_surveys_follow_a_visit_and_are_spread() {
        let start = Instant::now();
        let mut seconds: Vec<u64> = (0..500)
            .map(|number| {
                let target = target(&format!("target-{number}"), Depth::Routine, Some(HOUR * 6));
                let mut clock = SurveyClock::new(&target, 500, start);
                assert!(!clock.begin(start + HOUR), "not before a visit");
                clock.visited(false, start);
                assert!(clock.begin(start + FIRST_WITHIN));
                let mut clock = SurveyClock::new(&target, 500, start);
                clock.visited(false, start);
                (0..=600)
                    .find(|second| clock.begin(start + Duration::from_secs(*second)))
                    .unwrap()
            })
            .collect();
        seconds.sort_unstable();
        for (quarter, second) in [(125, 150), (250, 300), (375, 450)] {
            assert!(seconds[quarter].abs_diff(second) < 40, "{seconds:?}");
        }
        let mut few = SurveyClock::new(&target("a", Depth::Routine, Some(HOUR)), 1, start);
        few.visited(false, start);
        assert!(few.begin(start + FIRST_SPACING));
        let mut never = SurveyClock::new(&target("a", Depth::Routine, None), 1, start);
        never.visited(true, start);
        assert!(!never.begin(start + HOUR * 1_000));
        let mut sparing = SurveyClock::new(&target("a", Depth::Hello, Some(HOUR * 720)), 1, start);
        sparing.visited(false, start);
        assert!(!sparing.begin(start + FIRST_WITHIN) && sparing.begin(start + HOUR * 720));
    }

    /// Minutes from a survey to the next.
    fn wait(clock: &mut SurveyClock, from: Instant) -> u32 {
        let found = (0..=1_000).find(|minute| clock.begin(from + MINUTE * *minute));
        found.unwrap()
    }

    #[test]
    fn surveys_come_at_their_interval_and_sooner_for_a_reason() {
        let now = Instant::now();
        let target = target("a", Depth::Routine, Some(HOUR * 6));
        let mut clock = SurveyClock::new(&target, 1, now);
        clock.visited(false, now);
        assert!(clock.begin(now + MINUTE));
        clock.surveyed(Outcome::Reported, now);
        assert!((324..=397).contains(&wait(&mut clock, now)));

        for _ in 0..MAX_CONFIRMATIONS {
            clock.surveyed(Outcome::Differs, now);
            assert!((1..=5).contains(&wait(&mut clock, now)));
        }
        clock.surveyed(Outcome::Differs, now);
        assert!((324..=397).contains(&wait(&mut clock, now)), "not for ever");

        for minutes in [10, 20, 40, 80, 160, 320, 360, 360] {
            clock.surveyed(Outcome::Nothing, now);
            assert_eq!(wait(&mut clock, now), minutes);
        }

        clock.surveyed(Outcome::Reported, now);
        clock.visited(false, now + MINUTE);
        assert!(!clock.begin(now + HOUR));
        clock.visited(true, now + MINUTE);
        assert_eq!(wait(&mut clock, now), 30, "not at each change");
        // Nothing was heard of that one.
        assert_eq!(wait(&mut clock, now + MINUTE * 30), 10);
        clock.surveyed(Outcome::Reported, now);
        clock.visited(true, now + HOUR);
        assert!(clock.begin(now + HOUR));
    }

    #[test]
    fn an_identity_changes_only_by_what_was_seen() {
        let mut known = Identity::default();
        let seen = Identity {
            leaf: Some(1),
            request: Some(2),
            mode: Some(ClientCertificateMode::Optional),
        };
        assert!(!known.update(seen));
        assert!(!known.update(Identity::default()));
        assert!(!known.update(seen));
        let modes = [ClientCertificateMode::Required, ClientCertificateMode::Required];
        assert_eq!(
            modes.map(|mode| known.update(Identity {
                mode: Some(mode),
                ..Identity::default()
            })),
            [true, false]
        );
        assert!(known.update(Identity {
            leaf: Some(3),
            ..seen
        }));
    }
}
