//! Who makes the visits.

use siptls_model::Observation;
use siptls_probe_engine::{Errand, Prober};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Who makes the visits: the prober, or a scripted one in tests.
pub trait Visitor: Send + Sync + 'static {
    /// One visit to every address of a target, one after the other: at least one observation, one per address. Bounded
    /// by the target's timeout per address; ends at once when dropped.
    fn visit(&self, errand: &Errand) -> impl Future<Output = Vec<Observation>> + Send;
}

impl Visitor for Prober {
    fn visit(&self, errand: &Errand) -> impl Future<Output = Vec<Observation>> + Send {
        Self::visit(self, errand)
    }
}

/// A visit under way.
pub(crate) type Visit = Pin<Box<dyn Future<Output = Vec<Observation>> + Send>>;

/// A [`Visitor`] without its type.
pub(crate) trait AnyVisitor: Send + Sync + 'static {
    /// Begins a visit.
    fn begin(self: Arc<Self>, errand: Errand) -> Visit;
}

impl<V: Visitor> AnyVisitor for V {
    fn begin(self: Arc<Self>, errand: Errand) -> Visit {
        Box::pin(async move { Visitor::visit(&*self, &errand).await })
    }
}
