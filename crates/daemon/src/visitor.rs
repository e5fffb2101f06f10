//! Who makes the visits.

use siptls_metrics::Moment;
use siptls_model::{Observation, Target, Timestamp};
use siptls_probe_engine::{Errand, Prober, Standing};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

/// Who makes the visits: the prober, or a scripted one in tests.
pub trait Visitor: Send + Sync + 'static {
    /// One visit to every address of a target, one after the other: at least one observation, one per address. Bounded
    /// by the target's timeout per address; ends at once when dropped.
    fn visit(&self, errand: &Errand) -> impl Future<Output = Vec<Observation>> + Send;

    /// How a target stands with an address now.
    fn standing(&self, target: &Target, address: SocketAddr) -> Standing;
}

impl Visitor for Prober {
    fn visit(&self, errand: &Errand) -> impl Future<Output = Vec<Observation>> + Send {
        Self::visit(self, errand)
    }

    fn standing(&self, target: &Target, address: SocketAddr) -> Standing {
        Self::standing(self, target, address)
    }
}

/// A visit under way.
pub(crate) type Visit = Pin<Box<dyn Future<Output = Vec<Observation>> + Send>>;

/// A [`Visitor`] without its type.
pub(crate) trait AnyVisitor: Send + Sync + 'static {
    /// Begins a visit.
    fn begin(self: Arc<Self>, errand: Errand) -> Visit;

    /// How a target stands with an address now.
    fn standing(&self, target: &Target, address: SocketAddr) -> Standing;
}

impl<V: Visitor> AnyVisitor for V {
    fn begin(self: Arc<Self>, errand: Errand) -> Visit {
        Box::pin(async move { Visitor::visit(&*self, &errand).await })
    }

    fn standing(&self, target: &Target, address: SocketAddr) -> Standing {
        Visitor::standing(self, target, address)
    }
}

/// What holds of a target at an address now.
pub(crate) fn moment(
    visitor: &dyn AnyVisitor,
    target: &Target,
    address: Option<SocketAddr>,
    now: Timestamp,
) -> Moment {
    let standing = address.map(|address| visitor.standing(target, address));
    Moment {
        connections_left: standing.map(|standing| standing.connections_left),
        pause: standing.unwrap_or_default().pause,
        maintenance: target.maintenance.active(now).is_some(),
    }
}
