//! When public authorities stop issuing certificates for clientAuth.

use crate::csv;
use crate::profile::Certainty;
use jiff::civil::Date;
use std::sync::LazyLock;

/// The authorities' own timetables.
const TABLE: &str = include_str!("../../../config/data/client_auth_timetable.csv");

/// What an authority does on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthChange {
    /// clientAuth is left out of what is issued, unless it is asked for.
    LeftOut,
    /// clientAuth is no longer issued at all.
    Ended,
}

impl ClientAuthChange {
    /// The code used in the table and by `catalog show`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            Self::Ended => "ended",
        }
    }
}

/// A step of an authority on the way out of clientAuth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthStep {
    /// Who announced it.
    pub authority: String,
    /// The organizations (O) of the issuers that it speaks of; empty: all whom browsers trust.
    pub issuer_organizations: Vec<String>,
    /// What happens.
    pub change: ClientAuthChange,
    /// On which day.
    pub date: Date,
    /// How sure the day is.
    pub certainty: Certainty,
    /// Where it is announced.
    pub source: String,
}

/// Every step, authority by authority.
#[must_use]
pub fn client_auth_timetable() -> &'static [ClientAuthStep] {
    static TIMETABLE: LazyLock<Vec<ClientAuthStep>> =
        LazyLock::new(|| csv::rows(TABLE).filter_map(step).collect());
    &TIMETABLE
}

/// The day from which an issuer, told by its organization, issues no clientAuth any more: its own announcement, else the
/// one that binds all whom browsers trust.
#[must_use]
pub fn client_auth_end(issuer_organization: Option<&str>) -> Option<&'static ClientAuthStep> {
    let ends = || {
        client_auth_timetable()
            .iter()
            .filter(|step| step.change == ClientAuthChange::Ended)
    };
    ends()
        .find(|step| {
            issuer_organization.is_some_and(|name| step.issuer_organizations.iter().any(|one| one == name))
        })
        .or_else(|| ends().find(|step| step.issuer_organizations.is_empty()))
}

fn step(row: Vec<String>) -> Option<ClientAuthStep> {
    let [authority, organizations, change, date, certainty, source] = <[String; 6]>::try_from(row).ok()?;
    Some(ClientAuthStep {
        authority,
        issuer_organizations: organizations
            .split('|')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        change: match change.as_str() {
            "left_out" => ClientAuthChange::LeftOut,
            "ended" => ClientAuthChange::Ended,
            _ => return None,
        },
        date: date.parse().ok()?,
        certainty: match certainty.as_str() {
            "firm" => Certainty::Firm,
            "provisional" => Certainty::Provisional,
            _ => return None,
        },
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn every_row_is_read_and_has_its_source() {
        let rows = TABLE.lines().skip(1).filter(|line| !line.is_empty()).count();
        assert_eq!(client_auth_timetable().len(), rows);
        assert!(rows >= 13);
        for step in client_auth_timetable() {
            assert!(!step.source.is_empty() && !step.authority.is_empty(), "{step:?}");
        }
    }

    #[test]
    fn an_issuer_has_its_own_day_and_everybody_else_the_browsers() {
        for (organization, day) in [
            (Some("DigiCert Inc"), date(2027, 3, 1)),
            (Some("GoDaddy.com, Inc."), date(2026, 6, 15)),
            (Some("Amazon"), date(2027, 3, 15)),
            (None, date(2027, 3, 15)),
        ] {
            assert_eq!(client_auth_end(organization).map(|step| step.date), Some(day));
        }
    }
}
