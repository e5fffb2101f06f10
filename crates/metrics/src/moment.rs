//! What holds of one target at one address at the moment of a scrape, whenever the last visit was.

use crate::family::Family;
use crate::text::Text;
use std::time::Duration;

/// What holds of one target at one address at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Connections that the target's budget leaves within the hour; `None` without an address.
    pub connections_left: Option<u32>,
    /// Length of the pause under way after refusals; zero when there is none.
    pub pause: Duration,
    /// A maintenance window is under way.
    pub maintenance: bool,
}

impl Moment {
    /// One of which every series is written.
    pub(crate) const FULL: Self = Self {
        connections_left: Some(0),
        pause: Duration::ZERO,
        maintenance: false,
    };

    pub(crate) fn write_budget(&self, family: &Family, text: &mut Text, labels: &str) {
        if let Some(left) = self.connections_left {
            text.sample(family.name, labels, u64::from(left));
        }
    }

    pub(crate) fn write_backoff(&self, family: &Family, text: &mut Text, labels: &str) {
        text.open(family.name, "", labels);
        text.close();
        text.seconds(self.pause);
        text.end();
    }

    pub(crate) fn write_maintenance(&self, family: &Family, text: &mut Text, labels: &str) {
        text.sample(family.name, labels, u64::from(self.maintenance));
    }
}
