//! An errand: what a visit is to do.

use crate::surveying::SURVEY_TIMEOUTS;
use siptls_cert::RootSet;
use siptls_model::{Depth, Offer, Target};
use siptls_tls12::NamedIdentity;
use std::sync::Arc;

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
}

impl Errand {
    /// A visit that offers this, has nothing to present and trusts nobody.
    #[must_use]
    pub const fn new(target: Arc<Target>, offer: Arc<Offer>) -> Self {
        Self {
            target,
            offer,
            roots: Vec::new(),
            identities: Vec::new(),
        }
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
