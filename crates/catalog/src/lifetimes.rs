//! How long certificates of public authorities may last.

use crate::csv;
use jiff::civil::Date;
use std::sync::LazyLock;

/// The limits, in the order of their days.
const TABLE: &str = include_str!("../../../config/data/certificate_lifetimes.csv");

/// The longest lifetime of a server certificate that is issued from a day on, under a root that browsers trust.
///
/// Private authorities are not bound by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifetimeLimit {
    /// The first day of issue that it binds.
    pub from: Date,
    /// Days that a certificate may last, counted as in section 6.3.2 of the Baseline Requirements: from notBefore
    /// through notAfter, each begun day of 86,400 seconds as a whole one.
    pub max_days: u32,
    /// Who decided it.
    pub source: String,
}

/// Every limit, in the order of their days.
#[must_use]
pub fn certificate_lifetimes() -> &'static [LifetimeLimit] {
    static LIMITS: LazyLock<Vec<LifetimeLimit>> =
        LazyLock::new(|| csv::rows(TABLE).filter_map(limit).collect());
    &LIMITS
}

/// The limit for what is issued on a day; `None` before the first one known here.
#[must_use]
pub fn lifetime_limit(issued: Date) -> Option<&'static LifetimeLimit> {
    certificate_lifetimes().iter().rfind(|limit| limit.from <= issued)
}

fn limit(row: Vec<String>) -> Option<LifetimeLimit> {
    let [from, max_days, source] = <[String; 3]>::try_from(row).ok()?;
    Some(LifetimeLimit {
        from: from.parse().ok()?,
        max_days: max_days.parse().ok()?,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn every_row_is_read_in_order_and_each_is_stricter_than_the_one_before() {
        let rows = TABLE.lines().skip(1).filter(|line| !line.is_empty()).count();
        let limits = certificate_lifetimes();
        assert_eq!((limits.len(), rows), (4, 4));
        for pair in limits.windows(2) {
            assert!(
                pair[0].from < pair[1].from && pair[0].max_days > pair[1].max_days,
                "{pair:?}"
            );
        }
        assert!(limits.iter().all(|limit| limit.source.contains("6.3.2")));
    }

    #[test]
    fn a_limit_holds_from_its_day_to_the_next() {
        for (issued, days) in [
            (date(2020, 8, 31), None),
            (date(2020, 9, 1), Some(398)),
            (date(2026, 3, 14), Some(398)),
            (date(2026, 3, 15), Some(200)),
            (date(2027, 3, 14), Some(200)),
            (date(2027, 3, 15), Some(100)),
            (date(2029, 3, 14), Some(100)),
            (date(2029, 3, 15), Some(47)),
            (date(2040, 1, 1), Some(47)),
        ] {
            assert_eq!(
                lifetime_limit(issued).map(|limit| limit.max_days),
                days,
                "{issued}"
            );
        }
    }
}
