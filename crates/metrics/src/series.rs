//! All series of one target at one address.

use crate::facts::Facts;
use crate::family::{self, Family};
use crate::label::Subject;
use crate::moment::Moment;
use crate::tally::Tally;
use crate::text::Text;
use siptls_model::{Judgement, Observation};
use std::sync::Arc;

/// Most series of one target, all its addresses together.
///
/// A surveyed address with a chain of three certificates has some 170. Visited are sixteen addresses at most; the limit
/// leaves room for them all and stops peers with chains of twenty from flooding the scraper.
pub const MAX_SERIES_PER_TARGET: usize = 4_000;

/// All series of one target at one address, as of its last visit. Immutable: the next visit makes a new one.
#[derive(Clone, Debug)]
pub struct Series {
    subject: Subject,
    tally: Tally,
    facts: Facts,
    hidden: bool,
}

impl Series {
    /// The series after a visit; `tally` has counted it already.
    #[must_use]
    pub fn new(subject: Subject, tally: Tally, observation: &Observation, judgement: &Judgement) -> Self {
        Self {
            subject,
            tally,
            facts: Facts::new(observation, judgement),
            hidden: false,
        }
    }

    /// What was counted so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whose series they are.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Number of samples in the exposition.
    #[must_use]
    pub fn samples(&self) -> usize {
        let mut text = Text::default();
        for family in ADDRESS_FAMILIES {
            self.write(&Moment::FULL, family, &mut text);
            text.bytes.clear();
        }
        text.samples
    }

    /// Writes the samples of one family, without its header.
    fn write(&self, moment: &Moment, family: &AddressFamily, text: &mut Text) {
        if !self.hidden {
            let parts = Parts {
                facts: &self.facts,
                tally: &self.tally,
                moment,
            };
            (family.write)(&parts, family.family, text, self.subject.labels());
        }
    }
}

/// The series of an address as they are shown: with what holds at that moment.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What is left of the last visit.
    pub series: Arc<Series>,
    /// What holds now.
    pub moment: Moment,
}

impl Shown {
    /// Writes the samples of one family, without its header.
    pub(crate) fn write(&self, family: &AddressFamily, text: &mut Text) {
        self.series.write(&self.moment, family, text);
    }
}

/// A family of an address, and how its samples are written.
pub(crate) struct AddressFamily {
    pub(crate) family: &'static Family,
    write: fn(&Parts<'_>, &Family, &mut Text, &str),
}

/// What the samples are written from.
struct Parts<'a> {
    facts: &'a Facts,
    tally: &'a Tally,
    moment: &'a Moment,
}

macro_rules! address_families {
    ($($konst:ident => $part:ident.$write:ident;)+) => {
        /// The families of an address, in the order of the exposition.
        pub(crate) const ADDRESS_FAMILIES: &[AddressFamily] = &[$(AddressFamily {
            family: &family::$konst,
            write: |parts, family, text, labels| parts.$part.$write(family, text, labels),
        }),+];
    };
}

address_families! {
    UP => facts.write_up;
    VERDICT => facts.write_verdict;
    CHECK_PASSED => facts.write_passed;
    CHECK_WARNING => facts.write_warning;
    PROBES => tally.write_probes;
    INCONCLUSIVE => tally.write_inconclusive;
    CONNECTIONS => tally.write_connections;
    BUDGET_REMAINING => moment.write_budget;
    BACKOFF => moment.write_backoff;
    PHASE_DURATION => tally.write_phases;
    LAST_PROBE => facts.write_last_probe;
    INTERVAL => facts.write_interval;
    LAST_SURVEY => tally.write_last_survey;
    LAST_CHANGE => tally.write_last_changes;
    MAINTENANCE => moment.write_maintenance;
    NEGOTIATED => facts.write_negotiated;
    CLIENT_CERTIFICATE_MODE => facts.write_mode;
    CLIENT_CERTIFICATE_AUTHORITIES => facts.write_authorities;
    VERSION_ACCEPTED => facts.write_versions;
    CIPHER_SUITE_ACCEPTED => facts.write_suites;
    GROUP_ACCEPTED => facts.write_groups;
    CLIENT_IDENTITY_ACCEPTED => facts.write_identities;
    NOT_AFTER => facts.write_not_after;
    NOT_BEFORE => facts.write_not_before;
    CERTIFICATE => facts.write_certificates;
    EXTENDED_KEY_USAGE => facts.write_purposes;
    CHAIN_COMPLETE => facts.write_complete;
    CHAIN_TRUSTED => facts.write_trusted;
    TRUST_ANCHOR => facts.write_anchor;
    TRUST_ANCHOR_NOT_AFTER => facts.write_anchor_not_after;
    REVOCATION_STATUS => facts.write_revocation;
    CRL_NEXT_UPDATE => facts.write_next_update;
    EKU_REMOVAL_START => facts.write_removal_start;
    EKU_REMOVAL_DEADLINE => facts.write_removal_deadline;
    SIP_RESPONSE_CODE => facts.write_sip_status;
}

/// Fits the series of one target into `limit` samples and returns how many were left out: first certificates, those
/// sent last first, then whole addresses, the last ones first.
pub fn fit(series: &mut [Series], limit: usize) -> usize {
    let mut left = limit;
    let mut dropped = 0;
    for one in series {
        let wanted = one.samples();
        let mut kept = wanted;
        while kept > left && one.facts.drop_certificate() {
            kept = one.samples();
        }
        if kept > left {
            one.hidden = true;
            kept = 0;
        }
        dropped += wanted - kept;
        left -= kept;
    }
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{Scope, families};

    #[test]
    fn every_family_of_an_address_is_written() {
        let named = families()
            .iter()
            .filter(|family| family.scope == Scope::Address)
            .map(|family| family.name);
        let written = ADDRESS_FAMILIES.iter().map(|family| family.family.name);
        assert_eq!(named.collect::<Vec<_>>(), written.collect::<Vec<_>>());
    }
}
