//! What is kept of the bytes of a visit: the ClientHello and the flight.
//!
//! A flight is two to eight KiB, ten thousand of them more than half of everything else that is known of their targets. Most
//! of it are certificates, which the chain holds anyway: without them some 600 bytes are left. What targets hold together is
//! bounded all the same, because a server that names many authorities sends as many bytes as it likes.

use siptls_model::{Observation, Verdict};
use siptls_wire::HandshakeType;
use siptls_wire::dissect::{self, PartKind, Role};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most bytes that this process keeps: 10,000 targets that send what real ones do need some eight MiB.
const MAX_BYTES: usize = 12 << 20;
/// Of these, a quarter is for targets that do not pass, whose bytes are the ones that people ask for.
const MAX_BYTES_WHEN_PASSED: usize = MAX_BYTES / 4 * 3;
/// Most bytes of one target, whatever its addresses send: a list of 83 authorities at eight addresses fits, and a hostile peer
/// costs nobody else's bytes.
const MAX_BYTES_OF_TARGET: usize = 64 << 10;
/// What the allocations of one target cost besides their bytes.
const OVERHEAD: usize = 96;
/// Bytes that say where a certificate belongs: four for the place, one for the index.
const HOLE_BYTES: usize = 5;

/// Bytes that this process keeps.
static HELD: Budget = Budget(AtomicUsize::new(0));

/// The bytes of a visit, or how many they were.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// Bytes of the whole flight.
    length: usize,
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// The ClientHello, the holes, and the flight without what belongs into them. One allocation, as there are so many.
    bytes: Box<[u8]>,
    hello: usize,
    holes: usize,
    lease: Lease,
}

/// What is left to one target of its bytes within a visit.
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Room {
    /// All of it.
    pub(crate) const fn new() -> Self {
        Self(MAX_BYTES_OF_TARGET)
    }

    /// Takes so many bytes, when there are as many.
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// The place of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    /// Bytes of the whole flight before it.
    before: usize,
    /// Which of the chain.
    index: usize,
    /// Its bytes.
    length: usize,
}

impl Evidence {
    /// Takes the bytes out of an observation. What was kept of the same place `before` makes room for them.
    pub(crate) fn take(
        observation: &mut Observation,
        verdict: Verdict,
        room: &mut Room,
        before: Option<&Self>,
    ) -> Self {
        Self::within(&HELD, observation, verdict, room, before)
    }

    /// Takes the bytes out of an observation that is shown nowhere, and keeps none.
    pub(crate) fn drop_bytes(observation: &mut Observation) -> Self {
        let flight = std::mem::take(&mut observation.flight);
        observation.hello = Arc::default();
        Self {
            length: flight.len(),
            kept: None,
        }
    }

    /// Whether bytes are kept.
    pub(crate) const fn has_bytes(&self) -> bool {
        self.kept.is_some()
    }

    /// The same without its bytes.
    pub(crate) const fn without_bytes(&self) -> Self {
        Self {
            length: self.length,
            kept: None,
        }
    }

    /// Counts what is kept on as a part of the target's room.
    pub(crate) fn stays(&self, room: &mut Room) {
        if let Some(kept) = &self.kept {
            room.take(kept.bytes.len() + OVERHEAD);
        }
    }

    fn within(
        budget: &'static Budget,
        observation: &mut Observation,
        verdict: Verdict,
        room: &mut Room,
        before: Option<&Self>,
    ) -> Self {
        let holes = holes(observation);
        let flight = std::mem::take(&mut observation.flight);
        let hello = std::mem::take(&mut observation.hello);
        let spared: usize = holes.iter().map(|hole| hole.length).sum();
        let size = hello.len() + holes.len() * HOLE_BYTES + flight.len() - spared;
        let limit = match verdict {
            Verdict::Pass => MAX_BYTES_WHEN_PASSED,
            Verdict::Warn | Verdict::Fail | Verdict::Inconclusive => MAX_BYTES,
        };
        let known = before.and_then(|before| before.kept.as_ref());
        let released = known.map_or(0, |kept| kept.lease.release());
        let wanted = room.take(size + OVERHEAD).then_some(size + OVERHEAD);
        let kept = budget.exchange(released, wanted, limit).map(|lease| {
            let mut bytes = Vec::with_capacity(size);
            bytes.extend_from_slice(&hello);
            for hole in &holes {
                // A flight has a limit far below, and so has a chain.
                bytes.extend(u32::try_from(hole.before).unwrap_or(u32::MAX).to_be_bytes());
                bytes.push(u8::try_from(hole.index).unwrap_or(u8::MAX));
            }
            let mut taken = 0;
            for hole in &holes {
                bytes.extend_from_slice(&flight[taken..hole.before]);
                taken = hole.before + hole.length;
            }
            bytes.extend_from_slice(&flight[taken..]);
            Kept {
                bytes: bytes.into(),
                hello: hello.len(),
                holes: holes.len(),
                lease,
            }
        });
        Self {
            length: flight.len(),
            kept,
        }
    }

    /// Bytes of the flight, kept or not.
    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    /// The observation with its bytes, and whether they were kept.
    pub(crate) fn whole(&self, observation: &Observation) -> (Observation, bool) {
        let restored = self.restored(observation);
        let is_kept = restored.is_some();
        (restored.unwrap_or_else(|| observation.clone()), is_kept)
    }

    fn restored(&self, observation: &Observation) -> Option<Observation> {
        let kept = self.kept.as_ref()?;
        let (hello, rest) = kept.bytes.split_at_checked(kept.hello)?;
        let (holes, mut rest) = rest.split_at_checked(kept.holes * HOLE_BYTES)?;
        let mut flight = Vec::with_capacity(self.length);
        for hole in holes.chunks_exact(HOLE_BYTES) {
            let (place, index) = hole.split_first_chunk::<4>()?;
            let place = usize::try_from(u32::from_be_bytes(*place)).ok()?;
            let (before, after) = rest.split_at_checked(place.checked_sub(flight.len())?)?;
            flight.extend_from_slice(before);
            let entry = observation
                .chain
                .as_ref()?
                .entries
                .get(usize::from(*index.first()?))?;
            flight.extend_from_slice(entry.der());
            rest = after;
        }
        flight.extend_from_slice(rest);
        Some(Observation {
            hello: hello.into(),
            flight: flight.into(),
            ..observation.clone()
        })
    }
}

/// Each certificate of the flight that the chain holds as well and that no record header cuts.
fn holes(observation: &Observation) -> Vec<Hole> {
    let Some(chain) = &observation.chain else {
        return Vec::new();
    };
    let parts = dissect::stream(&observation.flight);
    let message = PartKind::Message(HandshakeType::CERTIFICATE);
    let Some(part) = parts.iter().find(|part| part.kind == message) else {
        return Vec::new();
    };
    let sent = part
        .fields
        .iter()
        .filter(|field| field.name == "certificate" && field.role == Role::Value);
    sent.zip(chain.entries.iter().enumerate())
        .filter(|(field, (_, entry))| part.is_together(field) && part.bytes_of(field) == entry.der())
        .map(|(field, (index, _))| Hole {
            before: part.position(field.offset),
            index,
            length: field.length,
        })
        .collect()
}

/// Bytes held together.
#[derive(Debug)]
struct Budget(AtomicUsize);

impl Budget {
    /// Gives released bytes back and leases the wanted ones; no more than were released fit at any time.
    fn exchange(&'static self, released: usize, wanted: Option<usize>, limit: usize) -> Option<Lease> {
        let mut lease = None;
        let exchanged = |held: usize| {
            let rest = held.saturating_sub(released);
            lease = wanted.filter(|bytes| *bytes <= released || rest.saturating_add(*bytes) <= limit);
            Some(rest.saturating_add(lease.unwrap_or_default()))
        };
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, exchanged)
            .ok()?;
        Some(Lease {
            budget: self,
            bytes: AtomicUsize::new(lease?),
        })
    }
}

/// A share of a budget, given back when it is dropped.
#[derive(Debug)]
struct Lease {
    budget: &'static Budget,
    bytes: AtomicUsize,
}

impl Lease {
    /// Leaves the bytes, which stay counted, to whoever asks.
    fn release(&self) -> usize {
        self.bytes.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.release(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples;

    static OTHER: Budget = Budget(AtomicUsize::new(0));

    #[test]
    fn what_is_kept_is_the_flight_without_its_certificates() {
        let observation = samples::optional();
        let flight = Arc::clone(&observation.flight);
        let keep = |observation: &Observation, verdict| {
            let mut left = observation.clone();
            let evidence = Evidence::take(&mut left, verdict, &mut Room::new(), None);
            assert!(left.flight.is_empty() && left.hello.is_empty());
            let (whole, is_kept) = evidence.whole(&left);
            assert!(is_kept);
            assert_eq!(
                (&whole.flight, &whole.hello),
                (&observation.flight, &observation.hello)
            );
            evidence.kept.unwrap()
        };
        let kept = keep(&observation, Verdict::Pass);
        let chain = observation.chain.as_ref().unwrap();
        let certificates: usize = chain.entries.iter().map(|entry| entry.der().len()).sum();
        let all = observation.hello.len() + flight.len() - certificates + 2 * HOLE_BYTES;
        assert_eq!((kept.holes, kept.bytes.len()), (2, all));
        // Cut anywhere, and with every certificate in several records.
        let mut cut_short = observation.clone();
        for cut in 0..flight.len() {
            cut_short.flight = flight[..cut].into();
            keep(&cut_short, Verdict::Fail);
        }
        let mut small = observation.clone();
        small.flight = samples::in_records(&flight, 300).into();
        assert_eq!(keep(&small, Verdict::Pass).holes, 0);
    }

    static OF_ONE: Budget = Budget(AtomicUsize::new(0));

    #[test]
    fn a_target_has_a_limit_of_its_own_however_many_addresses_it_has() {
        let mut room = Room::new();
        let mut keep = |bytes: usize| {
            let mut observation = samples::silent();
            observation.flight = vec![0; bytes].into();
            Evidence::within(&OF_ONE, &mut observation, Verdict::Fail, &mut room, None)
        };
        let all: Vec<Evidence> = (0..16).map(|_| keep(20 << 10)).collect();
        assert_eq!(all.iter().filter(|one| one.kept.is_some()).count(), 3);
        assert!(keep(1 << 10).kept.is_some(), "what still fits");
        assert!(OF_ONE.0.load(Ordering::Relaxed) <= MAX_BYTES_OF_TARGET);
        let mut room = Room::new();
        for one in &all {
            one.stays(&mut room);
        }
        assert_eq!(room.0, MAX_BYTES_OF_TARGET - OF_ONE.0.load(Ordering::Relaxed));
        assert!(Evidence::drop_bytes(&mut samples::optional()).kept.is_none());
        assert!(all[0].without_bytes().kept.is_none() && all[0].without_bytes().length() == 20 << 10);
    }

    #[test]
    fn the_budget_holds_and_its_last_quarter_is_for_those_that_do_not_pass() {
        let of = |verdict| {
            let mut observation = samples::silent();
            observation.flight = vec![0; 60 << 10].into();
            Evidence::within(&OTHER, &mut observation, verdict, &mut Room::new(), None)
        };
        let passed: Vec<Evidence> = (0..400).map(|_| of(Verdict::Pass)).collect();
        let kept = |all: &[Evidence]| all.iter().filter(|one| one.kept.is_some()).count();
        assert_eq!(kept(&passed), 153);
        assert_eq!(passed[399].length(), 60 << 10);
        assert!(!passed[399].whole(&samples::silent()).1);
        let failed: Vec<Evidence> = (0..400).map(|_| of(Verdict::Fail)).collect();
        assert_eq!(kept(&failed), 51);
        let full = OTHER.0.load(Ordering::Relaxed);
        assert!(full <= MAX_BYTES);
        // The same bytes again are kept again, while the ones before are still there, and however full it is.
        let again = |before: &Evidence, bytes: usize| {
            let mut observation = samples::silent();
            observation.flight = vec![0; bytes].into();
            let mut room = Room::new();
            Evidence::within(&OTHER, &mut observation, Verdict::Pass, &mut room, Some(before))
        };
        let same = again(&passed[0], 60 << 10);
        assert!(same.kept.is_some() && OTHER.0.load(Ordering::Relaxed) == full);
        let more = again(&failed[0], 61 << 10);
        assert!(more.kept.is_none() && OTHER.0.load(Ordering::Relaxed) < full - (60 << 10));
        drop((passed, failed, same, more));
        assert_eq!(OTHER.0.load(Ordering::Relaxed), 0);
    }
}
