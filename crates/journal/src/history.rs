//! What is known of one target, and what a visit changes of it: in memory, without a clock or a file.

use crate::change::{Change, to_millisecond};
use crate::{compare, seen};
use siptls_model::{Aspect, Judgement, Observation, Phase, SurveyResult, Timestamp};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A state that is come to again within this time of the last time is counted on the change that brought it.
pub const FLAPPING: Duration = Duration::from_secs(3_600);
/// Changes of a target that are held in memory, the newest: an answer without a journal.
pub const MAX_KEPT_CHANGES: usize = 16;
/// An address that is visited is written anew after this time, so that the file knows when it was last seen.
const SAVE_EVERY: Duration = Duration::from_secs(3_600);
/// Most addresses of a target whose state is held; those visited longest ago go first. A name has sixteen at once at most.
const MAX_ADDRESSES: usize = 64;
/// Most states of one aspect that are watched for flapping.
const MAX_RECENT: usize = 16;

/// What a journal knows of one target, for the start.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The states, in any order.
    pub states: Vec<KnownState>,
    /// The newest changes, the oldest first: those that may flap, and those to show.
    pub changes: Vec<Arc<Change>>,
}

/// The state of one aspect at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownState {
    /// The address; `None`: the target as a whole.
    pub address: Option<SocketAddr>,
    /// When the address was first connected to.
    pub first_seen: Option<Timestamp>,
    /// When it was last connected to.
    pub last_seen: Option<Timestamp>,
    /// The aspect.
    pub aspect: Aspect,
    /// The state, as JSON.
    pub value: Arc<str>,
    /// When it became so.
    pub since: Timestamp,
    /// The last change; `None`: it is the first state that was seen.
    pub changed: Option<Timestamp>,
}

/// What is to be kept.
#[derive(Clone, Debug)]
pub enum Record {
    /// A change, or one more time of a change kept already.
    Change {
        /// The change.
        change: Arc<Change>,
        /// The flight of the visit that saw it.
        evidence: Arc<[u8]>,
    },
    /// The states of one address as they are now.
    Sighting(Sighting),
}

/// The states of one address as they are now.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Name of the target.
    pub target: Arc<str>,
    /// When it was handed out.
    pub saved: Timestamp,
    /// What is known.
    pub states: Vec<KnownState>,
}

/// What is known of one target: the state of each aspect at each address, and the last changes.
#[derive(Debug)]
pub struct History {
    target: Arc<str>,
    /// Those visited last at the end.
    places: Vec<Place>,
    /// Addresses of the last visit that found any.
    current: Vec<SocketAddr>,
    changes: VecDeque<Arc<Change>>,
}

/// An address, or the target as a whole.
#[derive(Debug)]
struct Place {
    address: Option<SocketAddr>,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    /// When its record was last handed out.
    saved: Option<Timestamp>,
    /// In the order of [`Aspect::ALL`].
    facets: [Option<Box<Facet>>; Aspect::ALL.len()],
    /// The survey behind the suites: the same one is reported from visit to visit.
    survey: Option<Arc<SurveyResult>>,
}

/// The state of one aspect.
#[derive(Debug)]
struct Facet {
    value: Arc<str>,
    /// Hash of what the last visit saw, before what it did not find out was filled in.
    seen: u64,
    since: Timestamp,
    changed: Option<Timestamp>,
    /// Changes that may happen again.
    recent: Vec<Arc<Change>>,
}

impl History {
    /// The history of a target, as far as it is known.
    #[must_use]
    pub fn new(target: &str, known: Known) -> Self {
        let mut history = Self {
            target: target.into(),
            places: Vec::new(),
            current: Vec::new(),
            changes: VecDeque::new(),
        };
        for state in known.states {
            let KnownState {
                address,
                first_seen,
                last_seen,
                aspect,
                value,
                since,
                changed,
            } = state;
            let text = address.map(|address| address.to_string());
            let happened = known.changes.iter().rev();
            let recent = happened
                .filter(|change| change.aspect == aspect && change.address == text)
                .take(MAX_RECENT)
                .cloned();
            let facet = Facet {
                seen: hash(&value),
                value,
                since,
                changed,
                recent: recent.collect(),
            };
            if (address, aspect) == (None, Aspect::Addresses) {
                history.current = seen::addresses_of(&facet.value);
            }
            let place = history.place(address);
            (place.first_seen, place.last_seen) = (first_seen, last_seen);
            place.facets[index(aspect)] = Some(Box::new(facet));
        }
        let skipped = known.changes.len().saturating_sub(MAX_KEPT_CHANGES);
        history.changes.extend(known.changes.into_iter().skip(skipped));
        history
    }

    /// The last changes, the oldest first: [`MAX_KEPT_CHANGES`] at most.
    pub fn changes(&self) -> impl Iterator<Item = &Arc<Change>> {
        self.changes.iter()
    }

    /// When each aspect of an address last changed, in the order of [`Aspect::ALL`]; those of the target as a whole count
    /// for each of its addresses. A state come to again, within [`FLAPPING`], is not counted anew.
    #[must_use]
    pub fn last_changes(&self, address: Option<SocketAddr>) -> [Option<Timestamp>; Aspect::ALL.len()] {
        let of = |address: Option<SocketAddr>, aspect: Aspect| {
            let place = self.places.iter().find(|place| place.address == address)?;
            place.facets[index(aspect)].as_ref()?.changed
        };
        Aspect::ALL.map(|aspect| of(address, aspect).max(of(None, aspect)))
    }

    /// What the last surveys of an address found, as far as it is kept.
    #[must_use]
    pub fn survey(&self, address: SocketAddr) -> Option<SurveyResult> {
        let place = self.places.iter().find(|place| place.address == Some(address))?;
        seen::survey_of(&place.facets[index(Aspect::Suites)].as_ref()?.value)
    }

    /// Nothing of what was handed out can be counted on: the next visit hands all of it out again.
    pub fn unsaved(&mut self) {
        for place in &mut self.places {
            place.saved = None;
        }
    }

    /// Takes in what one visit saw at each of its addresses, and says what is to be kept of it.
    ///
    /// What was not seen changes nothing, nor does a postponed visit, but that its address is one of the target's. When no
    /// address was found, the verdict is that of every address there was; beside addresses that were found, a name without
    /// one says nothing of them.
    pub fn take(&mut self, visits: &[(Observation, Judgement)], now: Timestamp) -> Vec<Record> {
        let now = to_millisecond(now);
        let mut records = Vec::new();
        let mut addresses: Vec<SocketAddr> = visits.iter().filter_map(|(seen, _)| seen.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        if !addresses.is_empty() {
            let value = seen::addresses(&addresses);
            // Of the time before any address was known.
            self.place(None).facets[index(Aspect::Verdict)] = None;
            self.note(
                None,
                now,
                &Arc::default(),
                [(Aspect::Addresses, value)],
                &mut records,
            );
            self.current = addresses;
        } else if let Some((seen, judgement)) = visits.first() {
            let verdict = (Aspect::Verdict, seen::verdict(seen, judgement));
            let all: Vec<_> = if self.current.is_empty() {
                vec![None]
            } else {
                self.current.iter().copied().map(Some).collect()
            };
            for place in all {
                self.note(place, now, &seen.flight, [verdict.clone()], &mut records);
            }
        }
        for (seen, judgement) in visits {
            let Some(address) = seen.address.filter(|_| !seen.is_postponed()) else {
                continue;
            };
            let verdict = (Aspect::Verdict, seen::verdict(seen, judgement));
            let place = self.place(Some(address));
            if seen.phase_reached >= Some(Phase::Connect) {
                place.first_seen = place.first_seen.or(Some(now));
                place.last_seen = Some(now);
            }
            let same = match (&place.survey, &seen.survey) {
                (Some(before), Some(now)) => Arc::ptr_eq(before, now),
                (_, now) => now.is_none(),
            };
            let suites = match &seen.survey {
                Some(survey) if !same => {
                    place.survey = Some(Arc::clone(survey));
                    seen::suites(survey)
                }
                _ => None,
            };
            let aspects = [
                (Aspect::Identity, seen::identity(seen, judgement)),
                (Aspect::Request, seen::request(seen)),
                (Aspect::Suites, suites),
                verdict,
            ];
            self.note(Some(address), now, &seen.flight, aspects, &mut records);
        }
        records
    }

    fn note<const N: usize>(
        &mut self,
        address: Option<SocketAddr>,
        now: Timestamp,
        evidence: &Arc<[u8]>,
        aspects: [(Aspect, Option<String>); N],
        records: &mut Vec<Record>,
    ) {
        let target = Arc::clone(&self.target);
        let place = self.place(address);
        let mut save = place.saved.is_none_or(|saved| since(saved, now) >= SAVE_EVERY);
        let mut changes = Vec::new();
        for (aspect, value) in aspects {
            let Some(value) = value else { continue };
            let slot = &mut place.facets[index(aspect)];
            match slot {
                None => {
                    *slot = Some(Box::new(Facet::new(value, now)));
                    save = true;
                }
                Some(facet) => {
                    if let Some((before, after)) = facet.take(aspect, value) {
                        let mut change = Change {
                            time: now,
                            target: Arc::clone(&target),
                            address: address.map(|address| address.to_string()),
                            aspect,
                            before,
                            after,
                            count: 1,
                            last_time: now,
                            evidence_bytes: u64::try_from(evidence.len()).unwrap_or(u64::MAX),
                        };
                        if let Some(earlier) = facet.recall(&change) {
                            change = Change {
                                count: earlier.count.saturating_add(1),
                                last_time: now,
                                ..Change::clone(&earlier)
                            };
                        } else {
                            facet.changed = Some(now);
                        }
                        facet.since = now;
                        let change = Arc::new(change);
                        facet.recent.push(Arc::clone(&change));
                        changes.push(change);
                        save = true;
                    }
                }
            }
        }
        if save {
            place.saved = Some(now);
            let states = place.states();
            records.push(Record::Sighting(Sighting {
                target,
                saved: now,
                states,
            }));
        }
        for change in changes {
            self.keep(&change);
            let evidence = Arc::clone(evidence);
            records.push(Record::Change { change, evidence });
        }
    }

    /// Holds a change in memory, in the place of what it counts on.
    fn keep(&mut self, change: &Arc<Change>) {
        if change.count > 1 {
            let cursor = change.cursor();
            self.changes.retain(|held| held.cursor() != cursor);
        }
        if self.changes.len() >= MAX_KEPT_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(Arc::clone(change));
    }

    /// The place of an address, which is then the one visited last.
    fn place(&mut self, address: Option<SocketAddr>) -> &mut Place {
        let place = match self.places.iter().position(|place| place.address == address) {
            Some(at) => self.places.remove(at),
            None => {
                if self.places.len() >= MAX_ADDRESSES {
                    self.places.remove(0);
                }
                Place {
                    address,
                    first_seen: None,
                    last_seen: None,
                    saved: None,
                    facets: [const { None }; Aspect::ALL.len()],
                    survey: None,
                }
            }
        };
        // Most targets have one address: room for more would be most of what ten thousand histories take.
        self.places.reserve_exact(1);
        self.places.push(place);
        let last = self.places.len() - 1;
        &mut self.places[last]
    }
}

impl Place {
    fn states(&self) -> Vec<KnownState> {
        let facets = Aspect::ALL.into_iter().zip(&self.facets);
        facets
            .filter_map(|(aspect, facet)| {
                let facet = facet.as_ref()?;
                Some(KnownState {
                    address: self.address,
                    first_seen: self.first_seen,
                    last_seen: self.last_seen,
                    aspect,
                    value: Arc::clone(&facet.value),
                    since: facet.since,
                    changed: facet.changed,
                })
            })
            .collect()
    }
}

impl Facet {
    fn new(value: String, now: Timestamp) -> Self {
        Self {
            seen: hash(&value),
            value: value.into(),
            since: now,
            changed: None,
            recent: Vec::new(),
        }
    }

    /// Takes in what a visit saw; what it was before and is now, when that is a change.
    fn take(&mut self, aspect: Aspect, value: String) -> Option<(Arc<str>, Arc<str>)> {
        let hash = hash(&value);
        if hash == self.seen {
            return None;
        }
        self.seen = hash;
        let (known, mut later) = (compare::parse(&self.value), compare::parse(&value));
        let change = compare::contradicts(aspect, &known, &later);
        // What a survey did not find out stays as it was; of a request that changed nothing is carried over.
        let whole = later.clone();
        if !change || aspect == Aspect::Suites {
            compare::fill(&mut later, &known);
        }
        let value: Arc<str> = if later == whole {
            value.into()
        } else {
            later.to_string().into()
        };
        let before = std::mem::replace(&mut self.value, Arc::clone(&value));
        change.then_some((before, value))
    }

    /// Takes out the change that brought the same state a short time ago.
    fn recall(&mut self, change: &Change) -> Option<Arc<Change>> {
        self.recent
            .retain(|earlier| since(earlier.last_time, change.time) <= FLAPPING);
        let after = compare::parse(&change.after);
        let same = self.recent.iter().position(|earlier| {
            let earlier = compare::parse(&earlier.after);
            !compare::contradicts(change.aspect, &earlier, &after)
        });
        match same {
            Some(at) => Some(self.recent.remove(at)),
            None => {
                if self.recent.len() >= MAX_RECENT {
                    self.recent.remove(0);
                }
                None
            }
        }
    }
}

/// The place of an aspect in [`Aspect::ALL`].
fn index(aspect: Aspect) -> usize {
    Aspect::ALL.iter().position(|one| *one == aspect).unwrap_or(0)
}

/// Time that passed; none when the clock was set back.
fn since(earlier: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(earlier).try_into().unwrap_or_default()
}

fn hash(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
