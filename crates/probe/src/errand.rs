//! An errand: what a visit is to do.

use siptls_model::{Offer, Target};
use std::sync::Arc;

/// An errand: a target, and everything that a visit to it needs besides.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Where to go, and how far.
    pub target: Arc<Target>,
    /// What the profile's caller offers.
    pub offer: Arc<Offer>,
}

impl Errand {
    /// A visit that offers this and has nothing to present.
    #[must_use]
    pub const fn new(target: Arc<Target>, offer: Arc<Offer>) -> Self {
        Self { target, offer }
    }
}
