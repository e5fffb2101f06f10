//! What a server picked from each offer of suites, and whose order that shows.

use siptls_model::{CipherSuite, SuitePreference};

/// What each round of suites offered, in its order, and what was picked.
#[derive(Clone, Debug, Default)]
pub(super) struct Picks(Vec<(Vec<CipherSuite>, CipherSuite)>);

impl Picks {
    pub(super) fn push(&mut self, offered: Vec<CipherSuite>, pick: CipherSuite) {
        self.0.push((offered, pick));
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether more than one suite is shared and it is not known whose order counts.
    pub(super) fn is_open(&self) -> bool {
        self.preference() == SuitePreference::Unknown && self.shared().len() > 1
    }

    /// The suites that are shared, in the opposite of the order in which they were offered first.
    pub(super) fn against_the_first(&self) -> Vec<CipherSuite> {
        let shared = self.shared();
        let first = self.0.first().map(|(offered, _)| offered.as_slice());
        let in_order = first.unwrap_or_default().iter().rev();
        in_order.copied().filter(|suite| shared.contains(suite)).collect()
    }

    fn shared(&self) -> Vec<CipherSuite> {
        self.0.iter().map(|(_, pick)| *pick).collect()
    }

    /// Whose order the picks show. A pick that passes over a suite which is shared and stood before it shows the server's.
    /// Two suites that were each picked where the other was offered as well show the client's, as long as no pick shows
    /// the server's: a server goes by one order of its own. Everything else may be either.
    pub(super) fn preference(&self) -> SuitePreference {
        let shared = self.shared();
        let first_shared =
            |offered: &[CipherSuite]| offered.iter().copied().find(|suite| shared.contains(suite));
        if (self.0.iter()).any(|(offered, pick)| first_shared(offered) != Some(*pick)) {
            return SuitePreference::Server;
        }
        let turned_round = self.0.iter().enumerate().any(|(number, (offered, pick))| {
            self.0
                .iter()
                .skip(number + 1)
                .any(|(later, other)| other != pick && offered.contains(other) && later.contains(pick))
        });
        if turned_round {
            SuitePreference::Client
        } else {
            SuitePreference::Unknown
        }
    }
}
