//! An errand: what a visit is to do.

use siptls_cert::RootSet;
use siptls_model::{Offer, Target};
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
}

impl Errand {
    /// A visit that offers this, has nothing to present and trusts nobody.
    #[must_use]
    pub const fn new(target: Arc<Target>, offer: Arc<Offer>) -> Self {
        Self {
            target,
            offer,
            roots: Vec::new(),
        }
    }

    /// With these root sets.
    #[must_use]
    pub fn trusting(mut self, roots: &[Arc<RootSet>]) -> Self {
        self.roots = roots.to_vec();
        self
    }
}
