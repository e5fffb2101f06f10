//! How long the leaf lasts, where browsers' rules bind its issuer, and how long the next one may.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::text;
use jiff::Timestamp;
use siptls_catalog::{LifetimeLimit, lifetime_limit};
use siptls_cert::{Certificate, Path};
use std::borrow::Cow;

/// A day, as section 6.3.2 of the Baseline Requirements measures it.
const DAY_SECONDS: u64 = 86_400;

const REMEDY: &str = "get a certificate whose lifetime is within the limit: clients that go by browsers' rules refuse this one";

pub(crate) fn limited(sight: &Sight<'_>) -> Answer {
    let (Some(leaf), Some(path)) = (sight.leaf(), &sight.browser_path) else {
        return match sight.chain() {
            Some(_) => Answer::skip("The endpoint's certificate cannot be read"),
            None => Answer::skip(format!("No certificate was read: {}", sight.why_not())),
        };
    };
    let is_known_otherwise = sight.path.as_ref().is_some_and(|path| path.anchor.is_some());
    let mut answer = judged(leaf, path, is_known_otherwise, sight.now);
    if !answer.remedy.is_empty() {
        answer.remedy = Cow::Owned(sight.on_endpoint(&answer.remedy));
    }
    answer
}

/// The judgement of a leaf whose path to the roots of public authorities is this one; `is_known_otherwise`: it leads to
/// another root that is trusted, so that it is known not to be missing an intermediate.
fn judged(leaf: &Certificate, path: &Path, is_known_otherwise: bool, now: Timestamp) -> Answer {
    let Some(root) = &path.anchor else {
        return match &path.problem {
            Some(problem) if path.complete != Some(true) && !is_known_otherwise => Answer::skip(format!(
                "Whether the certificate is of an authority that browsers trust is not known: {}",
                text::shown(&problem.to_string())
            )),
            _ => Answer::skip(
                "The certificate is not under a root that browsers trust: a private authority sets its own lifetimes",
            ),
        };
    };
    let issued = text::day(leaf.not_before);
    let renewed = text::day(leaf.not_after.max(now));
    let next = lifetime_limit(renewed).map(|next| {
        (
            format!("renewed on {renewed} it lasts {} days at most", next.max_days),
            next,
        )
    });
    let Some(limit) = lifetime_limit(issued) else {
        return Answer::skip(format!(
            "The certificate was issued on {issued}, before the first limit known"
        ));
    };
    let days = days(leaf);
    let is_within = days <= u64::from(limit.max_days);
    let summary = match is_within {
        true => format!(
            "The certificate lasts {days} days, {} are allowed when issued on {issued}",
            limit.max_days
        ),
        false => format!(
            "The certificate lasts {days} days, but {} are allowed when issued on {issued}",
            limit.max_days
        ),
    };
    let summary = match &next {
        Some((next, _)) => format!("{summary}; {next}"),
        None => summary,
    };
    let source = |limit: &LifetimeLimit| {
        format!(
            "from {} on {} days ({})",
            limit.from, limit.max_days, limit.source
        )
    };
    let mut rules = vec![source(limit)];
    if let Some((_, next)) = next
        && next != limit
    {
        rules.push(source(next));
    }
    let evidence = format!(
        "{} to {}, under {}, which browsers trust; {}",
        leaf.not_before,
        leaf.not_after,
        text::shown(&root.name),
        rules.join("; ")
    );
    match is_within {
        true => Answer::pass(summary, evidence),
        false => Answer::fail(summary, evidence, REMEDY),
    }
}

/// Days of a lifetime: both ends belong to it (RFC 5280 §4.1.2.5), and a begun day is a whole one. A validity that ends
/// before it begins has none.
fn days(leaf: &Certificate) -> u64 {
    let seconds = leaf.not_after.as_second() - leaf.not_before.as_second() + 1;
    u64::try_from(seconds).unwrap_or(0).div_ceil(DAY_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
    use siptls_catalog::{RootSet, roots_from_pem};
    use siptls_cert::{Chain, assess_path};
    use siptls_model::Status;
    use std::sync::Arc;
    use std::time::Duration;

    const NOW: &str = "2026-11-26T00:00:00Z";

    struct Authority {
        root: CertifiedIssuer<'static, KeyPair>,
    }

    impl Authority {
        fn named(name: &str) -> Self {
            let mut params = CertificateParams::new(vec![]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
            Self { root }
        }

        fn roots(&self) -> Arc<RootSet> {
            roots_from_pem("public", self.root.pem().as_bytes()).unwrap()
        }

        /// A leaf that begins at midnight of a day and lasts so many days and seconds, both ends included.
        fn leaf(&self, (year, month, day): (i32, u8, u8), days: u64, seconds: u64) -> Chain {
            let mut params = CertificateParams::new(vec!["sbc.example.test".to_owned()]).unwrap();
            params.not_before = date_time_ymd(year, month, day);
            params.not_after = params.not_before + Duration::from_secs(days * DAY_SECONDS + seconds - 1);
            let leaf = params
                .signed_by(&KeyPair::generate().unwrap(), &self.root)
                .unwrap();
            Chain::parse([leaf.der().as_ref()])
        }
    }

    fn judge(chain: &Chain, roots: &RootSet, is_known_otherwise: bool, now: &str) -> Answer {
        let path = assess_path(chain, roots);
        judged(
            chain.leaf().unwrap(),
            &path,
            is_known_otherwise,
            now.parse().unwrap(),
        )
    }

    #[test]
    fn the_limit_is_that_of_the_day_of_issue_and_a_second_more_is_a_day_more() {
        let authority = Authority::named("Public");
        for (issued, days, seconds, status, counted) in [
            ((2026, 3, 14), 398, 0, Status::Pass, "398 days, 398 are allowed"),
            (
                (2026, 3, 14),
                398,
                1,
                Status::Fail,
                "399 days, but 398 are allowed",
            ),
            ((2026, 3, 15), 200, 0, Status::Pass, "200 days, 200 are allowed"),
            (
                (2026, 3, 15),
                200,
                1,
                Status::Fail,
                "201 days, but 200 are allowed",
            ),
            (
                (2026, 3, 15),
                398,
                0,
                Status::Fail,
                "398 days, but 200 are allowed",
            ),
            ((2027, 3, 15), 90, 0, Status::Pass, "90 days, 100 are allowed"),
            (
                (2027, 3, 15),
                199,
                0,
                Status::Fail,
                "199 days, but 100 are allowed",
            ),
            ((2029, 3, 15), 47, 0, Status::Pass, "47 days, 47 are allowed"),
            ((2029, 3, 15), 0, 1, Status::Pass, "1 days, 47 are allowed"),
        ] {
            let answer = judge(
                &authority.leaf(issued, days, seconds),
                &authority.roots(),
                false,
                NOW,
            );
            assert_eq!(answer.status, status, "{issued:?}: {}", answer.summary);
            assert!(answer.summary.contains(counted), "{issued:?}: {}", answer.summary);
            assert_eq!(answer.remedy.is_empty(), status == Status::Pass);
        }
        // Issued before any limit known here.
        let early = judge(
            &authority.leaf((2020, 8, 31), 825, 0),
            &authority.roots(),
            false,
            NOW,
        );
        assert_eq!(
            (early.status, &*early.summary),
            (
                Status::Skip,
                "The certificate was issued on 2020-08-31, before the first limit known"
            )
        );
    }

    #[test]
    fn the_next_one_goes_by_the_day_of_renewal() {
        let authority = Authority::named("Public");
        let chain = authority.leaf((2026, 9, 13), 200, 0);
        for (now, next) in [
            (NOW, "; renewed on 2027-03-31 it lasts 100 days at most"),
            (
                "2027-03-31T23:59:58Z",
                "; renewed on 2027-03-31 it lasts 100 days at most",
            ),
            (
                "2029-03-15T00:00:00Z",
                "; renewed on 2029-03-15 it lasts 47 days at most",
            ),
        ] {
            let answer = judge(&chain, &authority.roots(), false, now);
            assert_eq!(answer.status, Status::Pass);
            assert!(answer.summary.ends_with(next), "{now}: {}", answer.summary);
        }
        let evidence = judge(&chain, &authority.roots(), false, NOW).evidence;
        for part in [
            "2026-09-13T00:00:00Z to 2027-03-31T23:59:59Z, under ",
            "which browsers trust; from 2026-03-15 on 200 days (CA/Browser Forum Ballot SC-081v3",
            "; from 2027-03-15 on 100 days (CA/Browser Forum Ballot SC-081v3",
        ] {
            assert!(evidence.contains(part), "{part}: {evidence}");
        }
        // Within the same limit it is told once.
        let same = authority.leaf((2026, 3, 15), 90, 0);
        assert_eq!(
            judge(&same, &authority.roots(), false, NOW)
                .evidence
                .matches(" days (")
                .count(),
            1
        );
    }

    #[test]
    fn a_private_authority_sets_its_own_and_a_chain_with_a_gap_may_be_anybodys() {
        let (public, private) = (Authority::named("Public"), Authority::named("Private"));
        let chain = private.leaf((2026, 3, 15), 3_000, 0);
        let alone = judge(&chain, &public.roots(), false, NOW);
        assert_eq!(alone.status, Status::Skip);
        assert!(alone.summary.contains("is not known: "), "{}", alone.summary);
        let known = judge(&chain, &public.roots(), true, NOW);
        assert_eq!(known.status, Status::Skip);
        assert!(
            known.summary.contains("a private authority sets its own"),
            "{}",
            known.summary
        );
        let leaf = chain.leaf().unwrap();
        let with_root = Chain::parse([leaf.der.as_ref(), private.root.der().as_ref()]);
        let sent = judge(&with_root, &public.roots(), false, NOW);
        assert!(
            sent.summary.contains("a private authority sets its own"),
            "{}",
            sent.summary
        );
    }
}
