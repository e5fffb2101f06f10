//! An errand: what a visit is to do.

use crate::confines;
use crate::surveying::SURVEY_TIMEOUTS;
use siptls_cert::RootSet;
use siptls_model::{Depth, Destinations, Offer, Target};
use siptls_tls12::NamedIdentity;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::time::Instant;

/// An errand: a target, and everything that a visit to it needs besides.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Where to go, and how far.
    pub target: Arc<Target>,
    /// What the profile's caller offers.
    pub offer: Arc<Offer>,
    /// Root sets that the reference client of a survey verifies with, any of them; none: it verifies nothing.
    pub roots: Vec<Arc<RootSet>>,
    /// Client certificates to rehearse with; at depth `hello` they stay unused.
    pub identities: Vec<NamedIdentity>,
    /// Where it may go; `None`: to every address of its target, because the operator named it.
    pub confines: Option<Arc<Destinations>>,
    /// Whether it waits for an address that somebody else is connected to, at present. Whoever gives a visit up can tell by it
    /// whether the peer was slow.
    pub waiting: Arc<AtomicBool>,
    /// Whether it has come to a place that it may go to.
    pub went: Arc<AtomicBool>,
    /// Whether somebody asks for it beside the schedule. What is refused then makes the schedule no slower, and the
    /// connections that the schedule needs are left to it.
    pub is_asked: bool,
    /// When all of it is to be over, whatever the target's timeout; the addresses share what is left. `None`: each address
    /// has the timeout.
    pub until: Option<Instant>,
}

impl Errand {
    /// A visit that offers this, has nothing to present and trusts nobody.
    #[must_use]
    pub fn new(target: Arc<Target>, offer: Arc<Offer>) -> Self {
        Self {
            target,
            offer,
            roots: Vec::new(),
            identities: Vec::new(),
            confines: None,
            waiting: Arc::new(AtomicBool::new(false)),
            went: Arc::new(AtomicBool::new(false)),
            is_asked: false,
            until: None,
        }
    }

    /// Somebody's question, which is to be answered by that moment.
    #[must_use]
    pub const fn asked(mut self, until: Instant) -> Self {
        self.is_asked = true;
        self.until = Some(until);
        self
    }

    /// The same with the time that one of so many steps may take of what is left.
    pub(crate) fn hurried(&self, steps: usize, now: Instant) -> Self {
        let mut errand = self.clone();
        if let Some(until) = self.until {
            let left = until.saturating_duration_since(now);
            let share = left / u32::try_from(steps.max(1)).unwrap_or(u32::MAX);
            if share < self.target.timeout {
                Arc::make_mut(&mut errand.target).timeout = share;
            }
        }
        errand
    }

    /// The deadline of a visit to one address that begins now.
    pub(crate) fn deadline(&self, now: Instant) -> Instant {
        let deadline = now + self.target.timeout;
        self.until.map_or(deadline, |until| deadline.min(until))
    }

    /// Confined to these destinations, and without anything to present.
    #[must_use]
    pub fn confined(mut self, destinations: Arc<Destinations>) -> Self {
        self.identities.clear();
        self.confines = Some(destinations);
        self
    }

    /// Whether it may go to an address.
    pub(crate) fn allows(&self, address: SocketAddr) -> bool {
        let confines = self.confines.as_deref();
        confines.is_none_or(|destinations| confines::allows(destinations, address))
    }

    /// With these root sets.
    #[must_use]
    pub fn trusting(mut self, roots: &[Arc<RootSet>]) -> Self {
        self.roots = roots.to_vec();
        self
    }

    /// The absolute deadline of the visit to one address, in timeouts of the target. Waiting for the address's turn
    /// counts for nothing.
    #[must_use]
    pub fn timeouts(&self) -> u32 {
        let identities = u32::try_from(self.identities.len()).unwrap_or(u32::MAX);
        match self.target.depth {
            Depth::Hello => 1,
            Depth::Routine => identities.saturating_add(1),
            Depth::Survey => identities.saturating_add(SURVEY_TIMEOUTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use siptls_model::ProtocolVersion;
    use std::time::Duration;

    #[test]
    fn steps_share_what_is_left_and_none_has_more_than_the_timeout() {
        let offer = Offer {
            legacy_version: ProtocolVersion::from_name("TLSv1.2").unwrap(),
            cipher_suites: Vec::new(),
            groups: Vec::new(),
            signature_algorithms: Vec::new(),
            versions: Vec::new(),
            extensions: Vec::new(),
        };
        let second = Duration::from_secs(1);
        let target = Target {
            timeout: second * 4,
            ..Target::new("a", "sbc.example.test".parse().unwrap(), "")
        };
        let now = Instant::now();
        let errand = Errand::new(Arc::new(target), Arc::new(offer));
        assert_eq!(errand.hurried(16, now).target.timeout, second * 4, "no hurry");
        assert_eq!(errand.deadline(now), now + second * 4);
        let asked = errand.asked(now + second * 9);
        for (steps, later, timeout) in [(1, 0, 4), (2, 0, 4), (3, 0, 3), (2, 5, 2), (1, 8, 1), (1, 20, 0)] {
            let hurried = asked.hurried(steps, now + second * later);
            assert_eq!(
                hurried.target.timeout,
                second * timeout,
                "{steps} after {later} s"
            );
        }
        assert_eq!(asked.deadline(now + second * 7), now + second * 9);
        assert_eq!(asked.deadline(now), now + second * 4);
    }
}
