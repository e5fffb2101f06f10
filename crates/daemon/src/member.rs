//! One target of the fleet: how it is judged, and what was seen last of each of its addresses.

use crate::evidence::{Evidence, Room};
use crate::schedule::SlotId;
use crate::surveys::{AddressSurvey, Identity, Outcome, SurveyClock};
use jiff::Timestamp;
use siptls_catalog::Profile;
use siptls_config::PlannedTarget;
use siptls_journal::{Change, History, Journal};
use siptls_metrics::{MAX_SERIES_PER_TARGET, Own, Series, Subject, Tally, fit};
use siptls_model::{
    Depth, Judgement, Observation, Phase, ProbeError, Reason, Report, Target, Verdict, clock,
};
use siptls_policy::Judge;
use siptls_probe_engine::{Errand, MAX_ADDRESSES, NamedIdentity};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long a companion that was read is left in peace: its certificate lasts for months. Less than an hour, so that the
/// turn of the hour finds it due.
const COMPANION_REST: Duration = Duration::from_secs(55 * 60);

/// Most places whose counters are kept after they vanished from DNS, for the day they come back.
const MAX_REMEMBERED: usize = 2 * MAX_ADDRESSES;

/// A target of the configuration in use. A reload that does not change the target keeps its slot and what was seen.
pub(crate) struct Member {
    pub(crate) id: SlotId,
    pub(crate) target: Arc<Target>,
    judge: Judge,
    roots: Option<Arc<siptls_catalog::RootSet>>,
    identities: Vec<NamedIdentity>,
    seen: Arc<Mutex<Seen>>,
    /// Visited for what it tells of other targets, and shown nowhere.
    companion: bool,
    /// Held during a visit, so that `/probe` and the schedule never visit the target at once.
    pub(crate) visiting: Arc<tokio::sync::Mutex<()>>,
    /// Taken by each question for a visit, under way or waiting.
    pub(crate) questions: Arc<Semaphore>,
}

/// Most questions for visits to one target, one under way and one that waits: the next one could only wait longer.
pub(crate) const QUESTIONS: usize = 2;

struct Seen {
    addresses: Vec<Arc<Sight>>,
    /// Of each of these addresses, the last time that it showed a certificate.
    shown: Vec<Arc<Sight>>,
    /// Counters of places that the last visit did not see, the oldest first.
    remembered: Vec<Remembered>,
    clock: SurveyClock,
    /// Of each address, those used last at the end.
    surveys: Vec<(SocketAddr, AddressSurvey)>,
    /// When the last visit that read every address ended.
    read: Option<Instant>,
    history: History,
    /// The history's surveys are of another profile or service.
    other_surveys: bool,
    /// Visits taken in.
    visits: u64,
}

struct Remembered {
    place: String,
    subject: Subject,
    tally: Tally,
}

/// What was seen last of one address, and how it is judged.
pub(crate) struct Sight {
    /// Without its bytes, which are the evidence.
    pub(crate) observation: Observation,
    pub(crate) evidence: Arc<Evidence>,
    pub(crate) judgement: Judgement,
    pub(crate) series: Arc<Series>,
}

impl Sight {
    /// The report, with the maintenance window that is under way now.
    pub(crate) fn report(&self) -> Report {
        let mut report = Report::new(&self.observation, &self.judgement);
        report.target.maintenance = self.observation.target.maintenance.active(clock::now());
        report
    }

    /// The same without its bytes, for what it tells of other targets.
    fn without_bytes(&self) -> Self {
        Self {
            observation: self.observation.clone(),
            evidence: Arc::new(self.evidence.without_bytes()),
            judgement: self.judgement.clone(),
            series: Arc::clone(&self.series),
        }
    }

    /// The same for a target that changed in its details and counts anew.
    fn renewed(&self, target: &Arc<Target>, history: &History, ended: Option<Timestamp>) -> Self {
        let mut tally = Tally::default();
        tally.changed(history.last_changes(self.observation.address));
        if let Some(ended) = ended {
            tally.surveyed(ended);
        }
        let mut observation = Observation {
            target: Arc::clone(target),
            ..self.observation.clone()
        };
        let mut judgement = self.judgement.clone();
        if self.observation.target.client_identities != target.client_identities {
            (observation.rehearsal, judgement.removal_day) = (None, None);
        }
        let subject = Subject::new(target, &observation.place());
        let series = Arc::new(Series::new(subject, tally, &observation, &judgement));
        Self {
            observation,
            evidence: Arc::clone(&self.evidence),
            judgement,
            series,
        }
    }
}

impl Member {
    /// A target that was not visited yet, one of so many that begin together, with what is known of it from before.
    pub(crate) fn new(id: SlotId, planned: &PlannedTarget, together: usize, history: History) -> Self {
        let seen = Seen::new(&planned.target, together, history);
        Self::with(id, planned, Arc::new(Mutex::new(seen)), Arc::default())
    }

    /// A load balancer of another shard, which was not visited yet; without a history.
    pub(crate) fn companion(id: SlotId, planned: &PlannedTarget) -> Self {
        let history = History::new(&planned.target.name, siptls_journal::Known::default());
        Self {
            companion: true,
            ..Self::new(id, planned, 1, history)
        }
    }

    /// The same target under a configuration read anew: profile and roots may have changed, the target has not.
    pub(crate) fn renewed(&self, planned: &PlannedTarget) -> Self {
        let member = Self::with(
            self.id,
            planned,
            Arc::clone(&self.seen),
            Arc::clone(&self.visiting),
        );
        Self {
            companion: self.companion,
            questions: Arc::clone(&self.questions),
            ..member
        }
    }

    /// Whether it is visited for what it tells of other targets alone.
    pub(crate) const fn is_companion(&self) -> bool {
        self.companion
    }

    /// Whether its turn is to pass unused: a companion whose every address was read a short while ago.
    pub(crate) fn rests(&self) -> bool {
        let read = self.companion.then(|| self.seen().read).flatten();
        read.is_some_and(|at| at.elapsed() < COMPANION_REST)
    }

    fn with(
        id: SlotId,
        planned: &PlannedTarget,
        seen: Arc<Mutex<Seen>>,
        visiting: Arc<tokio::sync::Mutex<()>>,
    ) -> Self {
        let PlannedTarget {
            target,
            profile,
            trust_anchors,
            identities,
        } = planned;
        Self {
            id,
            target: Arc::clone(target),
            judge: Judge::new(Arc::clone(profile), trust_anchors.clone(), target),
            roots: trust_anchors.clone(),
            identities: identities.clone(),
            companion: false,
            seen,
            visiting,
            questions: Arc::new(Semaphore::new(QUESTIONS)),
        }
    }

    /// The profile that the target is judged by.
    pub(crate) const fn profile(&self) -> &Arc<Profile> {
        self.judge.profile()
    }

    /// The judge of this target.
    pub(crate) const fn judge(&self) -> &Judge {
        &self.judge
    }

    /// The judge of this target under another profile.
    pub(crate) fn judge_by(&self, profile: Arc<Profile>) -> Judge {
        Judge::new(profile, self.roots.clone(), &self.target)
    }

    /// What was seen last of each address; empty before the first visit.
    pub(crate) fn sights(&self) -> Vec<Arc<Sight>> {
        self.seen().addresses.clone()
    }

    /// How many visits were taken in since the target began.
    pub(crate) fn visits(&self) -> u64 {
        self.seen().visits
    }

    /// What was seen of each address when it last showed a certificate: a visit that fails in between says nothing about
    /// that certificate.
    pub(crate) fn shown(&self) -> Vec<Arc<Sight>> {
        self.seen().shown.clone()
    }

    /// What was seen last of a place ([`Observation::place`]).
    pub(crate) fn sight(&self, place: &str) -> Option<Arc<Sight>> {
        let seen = self.seen();
        let mut sights = seen.addresses.iter();
        sights.find(|sight| sight.observation.place() == place).cloned()
    }

    /// The last changes, the oldest first.
    pub(crate) fn changes(&self) -> Vec<Arc<Change>> {
        self.seen().history.changes().cloned().collect()
    }

    /// The target of the same name that begins anew because it changed. It takes the history over, and while it is the same
    /// service under the same profile, what was seen last and what surveys found; of a rehearsal nothing with other identities.
    pub(crate) fn changed(&self, id: SlotId, planned: &PlannedTarget, together: usize) -> Self {
        let target = &planned.target;
        let fresh = History::new(&self.target.name, siptls_journal::Known::default());
        let mut before = self.seen();
        let history = std::mem::replace(&mut before.history, fresh);
        let mut seen = Seen::new(target, together, history);
        if is_same_service(&self.target, target) {
            seen.other_surveys = before.other_surveys;
            seen.surveys = std::mem::take(&mut before.surveys);
            if self.target.client_identities != target.client_identities {
                for (_, survey) in &mut seen.surveys {
                    survey.rehearsal = None;
                }
            }
            let renewed = |sights: &[Arc<Sight>]| {
                let renewed = sights.iter().map(|sight| {
                    let ended = seen.survey_ended(sight.observation.address);
                    Arc::new(sight.renewed(target, &seen.history, ended))
                });
                renewed.collect()
            };
            (seen.addresses, seen.shown) = (renewed(&before.addresses), renewed(&before.shown));
        } else {
            seen.other_surveys = true;
        }
        drop(before);
        Self::with(id, planned, Arc::new(Mutex::new(seen)), Arc::default())
    }

    /// Another journal is in use, which knows nothing of what was written to the one before.
    pub(crate) fn unsaved(&self) {
        self.seen().history.unsaved();
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The errand of the visit that begins now: a survey, with the target's client identities, when one is due.
    pub(crate) fn begin(&self) -> Errand {
        let mut target = Arc::clone(&self.target);
        let mut identities = Vec::new();
        if self.seen().clock.begin(Instant::now()) {
            Arc::make_mut(&mut target).depth = Depth::Survey;
            identities.clone_from(&self.identities);
        }
        Errand {
            identities,
            ..self.errand(target, self.profile())
        }
    }

    /// A visit to the target, which may be changed in its details, as the caller of a profile. It presents nothing.
    pub(crate) fn errand(&self, target: Arc<Target>, profile: &Arc<Profile>) -> Errand {
        let judge = self.judge_by(Arc::clone(profile));
        Errand::new(target, Arc::clone(&profile.offer)).trusting(judge.root_sets())
    }

    /// Takes in the surveys among what a visit saw, and gives each address the survey and the rehearsal that are reported
    /// of it.
    pub(crate) fn carry_surveys(&self, observations: &mut [Observation]) {
        let mut seen = self.seen();
        let mut worst = None;
        let (mut changed, mut visited) = (false, false);
        for observation in observations.iter_mut() {
            let surveyed = observation.target.depth == Depth::Survey;
            visited |= !observation.is_postponed();
            observation.target = Arc::clone(&self.target);
            let mut outcome = Outcome::Nothing;
            if let Some(address) = observation.address {
                let mut known = seen.take_survey(address);
                changed |= known.identity.update(Identity::of(observation));
                outcome = known.take(observation);
                known.lend(observation);
                seen.keep_survey(address, known);
            }
            if surveyed {
                worst = worst.max(Some(outcome));
            }
        }
        match worst {
            Some(outcome) => seen.clock.surveyed(outcome, Instant::now()),
            None if visited => seen.clock.visited(changed, Instant::now()),
            None => {}
        }
    }

    /// Gives an observation that is not kept the survey and the rehearsal that are reported of its address; when that
    /// survey ended.
    pub(crate) fn lend_survey(&self, observation: &mut Observation) -> Option<Timestamp> {
        let seen = self.seen();
        let (_, known) = seen
            .surveys
            .iter()
            .find(|(address, _)| Some(*address) == observation.address)?;
        known.lend(observation);
        known.ended
    }

    /// Judges what a visit saw.
    pub(crate) fn judged(
        &self,
        observations: Vec<Observation>,
        now: Timestamp,
    ) -> Vec<(Observation, Judgement)> {
        let judgements = self.judge.judge_visit(&observations, now);
        observations.into_iter().zip(judgements).collect()
    }

    /// Takes in what a visit saw: what it did not see any more is gone. Where it was postponed, what was seen last stays. What
    /// changed goes to the journal.
    pub(crate) fn record(
        &self,
        visits: Vec<(Observation, Judgement)>,
        now: Timestamp,
        own: &Own,
        journal: Option<&Journal>,
    ) {
        let mut seen = self.seen();
        seen.visits += 1;
        let before = std::mem::take(&mut seen.addresses);
        if visits.iter().all(|(observation, _)| observation.error.is_none()) {
            seen.read = Some(Instant::now());
        }
        let records = seen.history.take(&visits, now);
        if let Some(journal) = journal
            && !journal.keep(records)
        {
            seen.history.unsaved();
        }
        let mut room = Room::new();
        let mut fresh: Vec<(Observation, (Judgement, Arc<Evidence>), Series)> =
            Vec::with_capacity(visits.len());
        for (mut observation, mut judgement) in visits.into_iter().take(MAX_ADDRESSES) {
            let place = observation.place();
            if fresh.iter().any(|(other, ..)| other.place() == place) {
                continue;
            }
            let last = before.iter().find(|sight| sight.observation.place() == place);
            let kept = last.filter(|_| observation.is_postponed());
            let evidence = match kept {
                Some(kept) => {
                    judgement = kept.judgement.clone();
                    kept.evidence.stays(&mut room);
                    Arc::clone(&kept.evidence)
                }
                // No page shows one.
                None if self.companion => Arc::new(Evidence::drop_bytes(&mut observation)),
                None => {
                    let known = last.map(|sight| &*sight.evidence);
                    let (seen, verdict) = (&mut observation, judgement.verdict);
                    Arc::new(Evidence::take(seen, verdict, &mut room, known))
                }
            };
            if !self.companion {
                log(
                    &observation,
                    &judgement,
                    last.map(|sight| sight.judgement.verdict),
                );
            }
            let (subject, mut tally) = match last {
                Some(sight) => (sight.series.subject().clone(), sight.series.tally().clone()),
                None => seen.recall(&self.target, &place),
            };
            tally.count(&observation);
            if !observation.is_postponed() {
                tally.judged(judgement.verdict);
            }
            if let Some(kept) = kept {
                observation = kept.observation.clone();
            }
            tally.changed(seen.history.last_changes(observation.address));
            if let Some(ended) = seen.survey_ended(observation.address) {
                tally.surveyed(ended);
            }
            let series = Series::new(subject, tally, &observation, &judgement);
            fresh.push((observation, (judgement, evidence), series));
        }
        for sight in before {
            if fresh
                .iter()
                .all(|(observation, ..)| observation.place() != sight.observation.place())
            {
                seen.remember(&sight);
            }
        }
        let (facts, mut series): (Vec<_>, Vec<_>) = fresh
            .into_iter()
            .map(|(observation, judgement, series)| ((observation, judgement), series))
            .unzip();
        own.series_dropped(fit(&mut series, MAX_SERIES_PER_TARGET));
        seen.addresses = facts
            .into_iter()
            .zip(series)
            .map(|((observation, (mut judgement, evidence)), series)| {
                judgement.findings.shrink_to_fit();
                Arc::new(Sight {
                    observation,
                    evidence,
                    judgement,
                    series: Arc::new(series),
                })
            })
            .collect();
        seen.addresses.shrink_to_fit();
        let before = std::mem::take(&mut seen.shown);
        let last_shown = |sight: &Arc<Sight>| match sight.observation.chain {
            Some(_) => Some(Arc::clone(sight)),
            None => (before.iter())
                .find(|known| known.observation.place() == sight.observation.place())
                .map(|known| match known.evidence.has_bytes() {
                    true => Arc::new(known.without_bytes()),
                    false => Arc::clone(known),
                }),
        };
        seen.shown = seen.addresses.iter().filter_map(last_shown).collect();
    }
}

impl Seen {
    fn new(target: &Target, together: usize, history: History) -> Self {
        Self {
            addresses: Vec::new(),
            shown: Vec::new(),
            remembered: Vec::new(),
            clock: SurveyClock::new(target, together, Instant::now()),
            surveys: Vec::new(),
            read: None,
            history,
            other_surveys: false,
            visits: 0,
        }
    }

    /// Takes what is known of an address out; it is to be kept again.
    fn take_survey(&mut self, address: SocketAddr) -> AddressSurvey {
        match self.surveys.iter().position(|(known, _)| *known == address) {
            Some(index) => self.surveys.remove(index).1,
            None => AddressSurvey::after(self.history.survey(address), !self.other_surveys),
        }
    }

    fn keep_survey(&mut self, address: SocketAddr, survey: AddressSurvey) {
        if self.surveys.len() >= MAX_REMEMBERED {
            self.surveys.remove(0);
        }
        self.surveys.push((address, survey));
    }

    fn survey_ended(&self, address: Option<SocketAddr>) -> Option<Timestamp> {
        let known = self.surveys.iter().find(|(known, _)| Some(*known) == address);
        known.and_then(|(_, survey)| survey.ended)
    }

    fn recall(&mut self, target: &Target, place: &str) -> (Subject, Tally) {
        match self.remembered.iter().position(|one| one.place == place) {
            Some(index) => {
                let one = self.remembered.remove(index);
                (one.subject, one.tally)
            }
            None => (Subject::new(target, place), Tally::default()),
        }
    }

    fn remember(&mut self, sight: &Sight) {
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.remove(0);
        }
        self.remembered.push(Remembered {
            place: sight.observation.place(),
            subject: sight.series.subject().clone(),
            tally: sight.series.tally().clone(),
        });
    }
}

/// Whether what was seen of one target counts for the other: both dial the same and judge alike.
fn is_same_service(a: &Target, b: &Target) -> bool {
    a.endpoint == b.endpoint
        && a.connect == b.connect
        && a.profile == b.profile
        && a.server_name == b.server_name
        && a.trust_anchors == b.trust_anchors
        && a.peer_region == b.peer_region
}

/// The outcome of a visit that ended abnormally: a fault of this program, not of the peer.
pub(crate) fn abnormal(target: &Arc<Target>, message: &str, now: Timestamp) -> (Observation, Judgement) {
    let error = ProbeError {
        phase: Phase::Resolve,
        reason: Reason::Internal,
        message: message.to_owned(),
    };
    let observation = Observation {
        error: Some(error),
        ..Observation::blank(target, None, now)
    };
    (observation, Judgement::blank(now, Verdict::Inconclusive))
}

fn log(observation: &Observation, judgement: &Judgement, last: Option<Verdict>) {
    let name = observation.target.name.as_str();
    let address = observation.place();
    let reason = observation
        .error
        .as_ref()
        .map_or("ok", |error| error.reason.code());
    if last != Some(judgement.verdict) {
        tracing::info!(
            target_name = name,
            address,
            from = last.map_or("none", Verdict::code),
            to = judgement.verdict.code(),
            reason,
            "verdict changed"
        );
    }
    if let Some(error) = &observation.error {
        tracing::debug!(
            target_name = name,
            address,
            phase = error.phase.code(),
            reason,
            who = error.reason.who().code(),
            message_text = error.message,
            "visit stopped short"
        );
    }
}
