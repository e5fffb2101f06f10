//! An errand: what a visit is to do.

use crate::confines;
use crate::surveying::SURVEY_TIMEOUTS;
use siptls_cert::RootSet;
use siptls_model::{Depth, Destinations, Offer, Target};
use siptls_tls12::NamedIdentity;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
        }
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
