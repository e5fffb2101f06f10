//! What is kept of the bytes of a flight.
//!
//! A flight is two to eight KiB, ten thousand of them more than everything else that is known of their targets. Most of
//! it are certificates, which the chain holds anyway: without them some 600 bytes are left. What targets hold together is
//! bounded all the same, because a server that names many authorities sends as many bytes as it likes.

use siptls_model::{Observation, Verdict};
use siptls_wire::HandshakeType;
use siptls_wire::dissect::{self, PartKind, Role};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most bytes of flights that this process keeps: 10,000 targets that send what real ones do need some seven MiB.
const MAX_BYTES: usize = 16 << 20;
/// Of these, a quarter is for targets that do not pass, whose bytes are the ones that people ask for.
const MAX_BYTES_WHEN_PASSED: usize = MAX_BYTES / 4 * 3;
/// What an allocation costs besides its bytes.
const OVERHEAD: usize = 64;

/// Bytes that this process keeps.
static HELD: Budget = Budget(AtomicUsize::new(0));

/// The bytes of a flight, or how many they were.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// Bytes of the whole flight.
    length: usize,
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// The flight without its certificates.
    rest: Box<[u8]>,
    /// Where these belong.
    holes: Box<[Hole]>,
    _lease: Lease,
}

/// The place of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    /// Bytes of the whole flight before it.
    before: usize,
    /// Which of the chain.
    index: usize,
}

impl Evidence {
    /// What is kept of an observation's flight.
    pub(crate) fn of(observation: &Observation, verdict: Verdict) -> Self {
        Self::within(&HELD, observation, verdict)
    }

    fn within(budget: &'static Budget, observation: &Observation, verdict: Verdict) -> Self {
        let flight = &observation.flight;
        let mut rest = Vec::with_capacity(flight.len().min(1024));
        let mut holes = Vec::new();
        let mut taken = 0;
        for (before, index, length) in certificates(observation) {
            rest.extend_from_slice(&flight[taken..before]);
            holes.push(Hole { before, index });
            taken = before + length;
        }
        rest.extend_from_slice(&flight[taken..]);
        let limit = match verdict {
            Verdict::Pass => MAX_BYTES_WHEN_PASSED,
            Verdict::Warn | Verdict::Fail | Verdict::Inconclusive => MAX_BYTES,
        };
        let size = rest.len() + size_of::<Hole>() * holes.len() + OVERHEAD;
        let kept = budget.lease(size, limit).map(|lease| Kept {
            rest: rest.into(),
            holes: holes.into(),
            _lease: lease,
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

    /// The flight, byte for byte; `None` when it was not kept.
    pub(crate) fn flight(&self, observation: &Observation) -> Option<Vec<u8>> {
        let kept = self.kept.as_ref()?;
        let mut flight = Vec::with_capacity(self.length);
        let mut rest = &kept.rest[..];
        for hole in &kept.holes {
            let (before, after) = rest.split_at_checked(hole.before.checked_sub(flight.len())?)?;
            flight.extend_from_slice(before);
            flight.extend_from_slice(observation.chain.as_ref()?.entries.get(hole.index)?.der());
            rest = after;
        }
        flight.extend_from_slice(rest);
        Some(flight)
    }
}

/// Place, index and length of each certificate of the flight that the chain holds as well and that no record header cuts.
fn certificates(observation: &Observation) -> Vec<(usize, usize, usize)> {
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
        .map(|(field, (index, _))| (part.position(field.offset), index, field.length))
        .collect()
}

/// Bytes held together.
#[derive(Debug)]
struct Budget(AtomicUsize);

impl Budget {
    fn lease(&'static self, bytes: usize, limit: usize) -> Option<Lease> {
        let fits = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= limit);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .ok()?;
        Some(Lease { budget: self, bytes })
    }
}

/// A share of a budget, given back when it is dropped.
#[derive(Debug)]
struct Lease {
    budget: &'static Budget,
    bytes: usize,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples;
    use std::sync::Arc;

    static OTHER: Budget = Budget(AtomicUsize::new(0));

    #[test]
    fn what_is_kept_is_the_flight_without_its_certificates() {
        let observation = samples::optional();
        let flight = Arc::clone(&observation.flight);
        let evidence = Evidence::of(&observation, Verdict::Pass);
        let kept = evidence.kept.as_ref().unwrap();
        assert_eq!(kept.holes.len(), 2);
        let certificates: usize = observation
            .chain
            .as_ref()
            .unwrap()
            .entries
            .iter()
            .map(|entry| entry.der().len())
            .sum();
        assert_eq!(kept.rest.len() + certificates, flight.len());
        assert_eq!(evidence.flight(&observation).unwrap(), *flight);
        // Cut anywhere, and with every certificate in two records.
        for cut in 0..flight.len() {
            let mut cut_short = observation.clone();
            cut_short.flight = flight[..cut].into();
            let evidence = Evidence::of(&cut_short, Verdict::Fail);
            assert_eq!(evidence.flight(&cut_short).unwrap(), flight[..cut]);
        }
        let mut small = observation.clone();
        small.flight = samples::in_records(&flight, 300).into();
        let evidence = Evidence::of(&small, Verdict::Pass);
        assert!(evidence.kept.as_ref().unwrap().holes.is_empty());
        assert_eq!(evidence.flight(&small).unwrap(), *small.flight);
    }

    #[test]
    fn the_budget_holds_and_its_last_quarter_is_for_those_that_do_not_pass() {
        let mut observation = samples::optional();
        observation.chain = None;
        observation.flight = vec![0; 128 << 10].into();
        let of = |verdict| Evidence::within(&OTHER, &observation, verdict);
        let passed: Vec<Evidence> = (0..200).map(|_| of(Verdict::Pass)).collect();
        let kept = |all: &[Evidence]| all.iter().filter(|one| one.kept.is_some()).count();
        assert_eq!(kept(&passed), 95);
        assert_eq!(passed[199].length(), 128 << 10);
        assert!(passed[199].flight(&observation).is_none());
        let failed: Vec<Evidence> = (0..200).map(|_| of(Verdict::Fail)).collect();
        assert_eq!(kept(&failed), 32);
        assert!(OTHER.0.load(Ordering::Relaxed) <= MAX_BYTES);
        drop((passed, failed));
        assert_eq!(OTHER.0.load(Ordering::Relaxed), 0);
    }
}
