//! All targets of the configuration in use.

use crate::chronicle::Chronicle;
use crate::member::{Member, Sight, abnormal};
use crate::schedule::SlotId;
use crate::shard::{Shard, companion};
use crate::visitor::{AnyVisitor, moment};
use jiff::Timestamp;
use siptls_catalog::{Profile, load_balancer};
use siptls_config::{Plan, PlannedTarget};
use siptls_journal::History;
use siptls_metrics::{Own, Shown};
use siptls_model::{
    Destinations, Judgement, Observation, PeerRegion, RevocationSettings, clock, escape_text_bounded,
};
use siptls_policy::{Judge, peer_side};
use siptls_probe_engine::CrlStore;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

/// All targets of the configuration in use, and what was seen of them.
pub(crate) struct Fleet {
    roll: RwLock<Roll>,
    chronicle: Chronicle,
    own: Own,
    lists: Arc<CrlStore>,
    /// Where revocation lists are kept when the configuration says nothing of it.
    crl_cache: Option<PathBuf>,
    /// Which part of the targets is watched; `None`: all of them.
    shard: Option<Shard>,
    /// When this daemon was started.
    started: Timestamp,
    /// Visits taken in, and configurations: what a page shows differs only when one of them does.
    visits: AtomicU64,
    loads: AtomicU64,
}

#[derive(Default)]
struct Roll {
    members: BTreeMap<String, Arc<Member>>,
    /// Load balancers of other shards, visited for the deadline of this one's targets and shown nowhere.
    companions: BTreeMap<String, Arc<Member>>,
    /// Names of the targets that other shards watch.
    elsewhere: HashSet<String>,
    profiles: HashMap<String, Arc<Profile>>,
    /// The listed load balancers among the targets and companions, by region.
    balancers: HashMap<&'static str, Vec<Arc<Member>>>,
    next_id: u64,
    destinations: Arc<Destinations>,
}

/// What a new configuration changes in the schedule.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Targets that are new or have changed: slot, name, interval.
    pub(crate) added: Vec<(SlotId, String, Duration)>,
    /// Slots of targets that are gone or have changed.
    pub(crate) removed: Vec<SlotId>,
    /// Targets now.
    pub(crate) targets: usize,
}

impl Fleet {
    pub(crate) fn new(own: Own, crl_cache: Option<PathBuf>, shard: Option<Shard>) -> Self {
        Self {
            roll: RwLock::default(),
            chronicle: Chronicle::default(),
            own,
            lists: Arc::new(CrlStore::new(RevocationSettings::default())),
            crl_cache,
            shard,
            started: clock::now(),
            visits: AtomicU64::new(0),
            loads: AtomicU64::new(0),
        }
    }

    /// When this daemon was started.
    pub(crate) const fn started(&self) -> Timestamp {
        self.started
    }

    /// How many visits were taken in, and how many configurations.
    pub(crate) fn generation(&self) -> (u64, u64) {
        (
            self.visits.load(Ordering::Acquire),
            self.loads.load(Ordering::Acquire),
        )
    }

    /// The revocation lists that all targets share.
    pub(crate) const fn lists(&self) -> &Arc<CrlStore> {
        &self.lists
    }

    /// Notes with an observation what the revocation lists at hand say of it; nothing is waited for.
    pub(crate) fn ask_lists(&self, judge: &Judge, observation: &mut Observation, now: Timestamp) {
        let found = self.lists.look(&judge.links(observation), now);
        observation.revocation = found;
    }

    /// As [`ask_lists`](Self::ask_lists), without wanting what is not at hand.
    pub(crate) fn peek_lists(&self, judge: &Judge, observation: &mut Observation, now: Timestamp) {
        let found = self.lists.peek(&judge.links(observation), now);
        observation.revocation = found;
    }

    /// Takes a configuration into use. A target that is equal to one of before keeps its slot, its counters and what was
    /// seen; profile and roots are the new ones from its next visit on. A changed one begins anew, but for its history and
    /// what was seen last ([`Member::changed`]). Waits for the journal's disk.
    pub(crate) fn apply(&self, plan: &Plan) -> Change {
        let mut revocation = plan.revocation.clone();
        revocation.cache = revocation.cache.or_else(|| self.crl_cache.clone());
        self.lists.configure(revocation);
        let another_journal = self.chronicle.use_journal(plan.journal.as_ref());
        let share = Share::of(plan, self.shard);
        let names = share.own.iter().map(|planned| planned.target.name.as_str());
        let mut known = self
            .chronicle
            .known(names.filter(|name| self.member(name).is_none()));
        // Made beside the one in use, and swapped at the end: a panic on the way leaves that one whole.
        let (mut before, mut before_companions, next_id) = {
            let roll = self.roll();
            (roll.members.clone(), roll.companions.clone(), roll.next_id)
        };
        let mut roll = Roll {
            next_id,
            ..Roll::default()
        };
        let mut change = Change::default();
        let goes_on = |planned: &&PlannedTarget| {
            before
                .get(&planned.target.name)
                .is_some_and(|member| member.target == planned.target)
        };
        let together = share.own.iter().filter(|planned| !goes_on(planned)).count();
        for planned in share.own {
            let name = &planned.target.name;
            let member = match before.remove(name) {
                Some(member) if member.target == planned.target => {
                    if another_journal {
                        member.unsaved();
                    }
                    member.renewed(planned)
                }
                changed => {
                    roll.next_id += 1;
                    let id = SlotId(roll.next_id);
                    change.added.push((id, name.clone(), planned.target.interval));
                    match changed {
                        Some(member) => {
                            if another_journal {
                                member.unsaved();
                            }
                            change.removed.push(member.id);
                            member.changed(id, planned, together)
                        }
                        None => {
                            let known = known.remove(name).unwrap_or_default();
                            Member::new(id, planned, together, History::new(name, known))
                        }
                    }
                }
            };
            roll.members.insert(name.clone(), Arc::new(member));
        }
        change
            .removed
            .extend(before.into_values().map(|member| member.id));
        change.targets = roll.members.len();
        for planned in share.companions {
            let name = &planned.target.name;
            let member = match before_companions.remove(name) {
                Some(member) if member.target == planned.target => member.renewed(&planned),
                changed => {
                    change.removed.extend(changed.map(|member| member.id));
                    roll.next_id += 1;
                    let id = SlotId(roll.next_id);
                    change.added.push((id, name.clone(), planned.target.interval));
                    Member::companion(id, &planned)
                }
            };
            roll.companions.insert(name.clone(), Arc::new(member));
        }
        change
            .removed
            .extend(before_companions.into_values().map(|member| member.id));
        roll.elsewhere = share.elsewhere;
        let listed: Vec<_> = (roll.members.values().chain(roll.companions.values()))
            .filter_map(|member| Some((load_balancer(&member.target)?, Arc::clone(member))))
            .collect();
        for (endpoint, member) in listed {
            let of_region = roll.balancers.entry(&endpoint.region_code).or_default();
            of_region.push(member);
        }
        roll.destinations = Arc::new(plan.destinations.clone());
        roll.profiles = plan.profiles.clone();
        for planned in &plan.targets {
            roll.profiles
                .entry(planned.profile.name.clone())
                .or_insert_with(|| Arc::clone(&planned.profile));
        }
        *self.roll.write().unwrap_or_else(PoisonError::into_inner) = roll;
        self.loads.fetch_add(1, Ordering::Release);
        change
    }

    /// The target of that name.
    pub(crate) fn member(&self, name: &str) -> Option<Arc<Member>> {
        self.roll().members.get(name).cloned()
    }

    /// What the schedule visits under that name: a target, or a companion.
    pub(crate) fn visited(&self, name: &str) -> Option<Arc<Member>> {
        let roll = self.roll();
        roll.members
            .get(name)
            .or_else(|| roll.companions.get(name))
            .cloned()
    }

    /// Why there is no target of that name, for whoever asks for it.
    pub(crate) fn absence(&self, name: &str) -> String {
        let shown = escape_text_bounded(name, 200);
        match self.shard.filter(|_| self.roll().elsewhere.contains(name)) {
            Some(shard) => format!(
                "target `{shown}` belongs to shard {}, this is shard {shard}",
                shard.of(name)
            ),
            None => format!("no target is named `{shown}` in the configuration"),
        }
    }

    /// Whether another shard watches the target of that name.
    pub(crate) fn is_elsewhere(&self, name: &str) -> bool {
        self.roll().elsewhere.contains(name)
    }

    /// Which part of the targets is watched; `None`: all of them.
    pub(crate) const fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// All targets in the order of their names.
    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        self.roll().members.values().cloned().collect()
    }

    /// Where `/probe` may go besides the targets.
    pub(crate) fn destinations(&self) -> Arc<Destinations> {
        Arc::clone(&self.roll().destinations)
    }

    /// The profile of that name: of the configuration, else shipped.
    pub(crate) fn profile(&self, name: &str) -> Option<Arc<Profile>> {
        let configured = self.roll().profiles.get(name).cloned();
        configured.or_else(|| siptls_catalog::profile(name))
    }

    /// The series of all targets as they are now, in the order of their names.
    pub(crate) fn shown(&self, visitor: &dyn AnyVisitor, now: Timestamp) -> Vec<Shown> {
        let members = self.members();
        let mut all = Vec::with_capacity(members.len());
        for member in members {
            all.extend(member.sights().iter().map(|sight| Shown {
                series: Arc::clone(&sight.series),
                moment: moment(visitor, &member.target, sight.observation.address, now),
            }));
        }
        all
    }

    /// Everything that was seen last, in the order of names.
    pub(crate) fn sights(&self) -> Vec<Arc<Sight>> {
        self.members().iter().flat_map(|member| member.sights()).collect()
    }

    /// Judges and takes in what a visit saw, unless the target was removed or changed in the meantime.
    pub(crate) fn record(&self, name: &str, id: SlotId, mut observations: Vec<Observation>, now: Timestamp) {
        let Some(member) = self.visited(name).filter(|member| member.id == id) else {
            return;
        };
        if observations.is_empty() {
            self.record_abnormal(name, id, "the visit saw no address and no error", now);
        } else {
            member.carry_surveys(&mut observations);
            for observation in &mut observations {
                observation.peer_region = self.peer_region(observation);
                if !member.is_companion() {
                    self.ask_lists(member.judge(), observation, now);
                }
            }
            let judged = member.judged(observations, now);
            self.take_in(&member, judged, now);
        }
    }

    /// What is known of the load balancers that dial a target.
    pub(crate) fn peer_region(&self, seen: &Observation) -> Option<Arc<PeerRegion>> {
        let region = seen.target.peer_region.as_deref();
        let balancers = region.and_then(|region| self.roll().balancers.get(region).cloned());
        let sights: Vec<_> = (balancers.iter().flatten())
            .flat_map(|balancer| balancer.shown())
            .collect();
        peer_side(seen, sights.iter().map(|sight| &sight.observation)).map(Arc::new)
    }

    /// Takes in that a visit ended abnormally.
    pub(crate) fn record_abnormal(&self, name: &str, id: SlotId, message: &str, now: Timestamp) {
        let Some(member) = self.visited(name).filter(|member| member.id == id) else {
            return;
        };
        self.take_in(&member, vec![abnormal(&member.target, message, now)], now);
    }

    fn take_in(&self, member: &Member, judged: Vec<(Observation, Judgement)>, now: Timestamp) {
        let journal = self.chronicle.journal().filter(|_| !member.is_companion());
        member.record(judged, now, &self.own, journal.as_deref());
        self.visits.fetch_add(1, Ordering::Release);
    }

    /// The journal, and what is asked of it.
    pub(crate) const fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    fn roll(&self) -> RwLockReadGuard<'_, Roll> {
        self.roll.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a configuration one daemon visits.
struct Share<'a> {
    own: Vec<&'a PlannedTarget>,
    companions: Vec<PlannedTarget>,
    elsewhere: HashSet<String>,
}

impl<'a> Share<'a> {
    fn of(plan: &'a Plan, shard: Option<Shard>) -> Self {
        let Some(shard) = shard else {
            return Self {
                own: plan.targets.iter().collect(),
                companions: Vec::new(),
                elsewhere: HashSet::new(),
            };
        };
        let (own, foreign): (Vec<_>, Vec<_>) =
            (plan.targets.iter()).partition(|planned| shard.owns(&planned.target.name));
        Self {
            own,
            companions: shard.companions(plan).into_iter().map(companion).collect(),
            elsewhere: foreign
                .into_iter()
                .map(|planned| planned.target.name.clone())
                .collect(),
        }
    }
}
