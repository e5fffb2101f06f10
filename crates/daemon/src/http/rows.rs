//! The rows of the status page: every target with its addresses, those wanted, in the order wanted.

use super::html::{badness, code};
use super::removal;
use super::wanted::{Sort, Wanted};
use crate::member::{Member, Sight};
use siptls_model::{Timestamp, Verdict};
use siptls_policy::RemovalStanding;
use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

/// One address, or a target that was not visited yet.
pub(crate) struct Row {
    pub(crate) sight: Option<Arc<Sight>>,
}

impl Row {
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.sight.as_ref().map(|sight| sight.judgement.verdict)
    }

    /// End of the leaf's validity.
    pub(crate) fn certificate_end(&self) -> Option<Timestamp> {
        let chain = self.sight.as_ref()?.observation.chain.as_ref()?;
        chain.leaf().map(|leaf| leaf.not_after)
    }

    fn probed(&self) -> Option<Timestamp> {
        self.sight.as_ref().map(|sight| sight.observation.started_at)
    }
}

/// A target and those of its addresses that are shown, the worst first.
pub(crate) struct Group {
    pub(crate) member: Arc<Member>,
    pub(crate) rows: Vec<Row>,
}

/// What the page shows, and what it counts beside.
pub(crate) struct Fleet {
    /// All targets that are wanted, sorted.
    pub(crate) groups: Vec<Group>,
    /// Addresses of each verdict among what labels and text want, in the order of [`super::wanted::VERDICTS`].
    pub(crate) counts: [usize; 5],
    /// Addresses that fail in the whole fleet.
    pub(crate) failing: usize,
    /// The most urgent standing of every target of the whole fleet whose profile asks.
    pub(crate) standings: Vec<RemovalStanding>,
}

impl Fleet {
    /// Looks at every target once; nothing is rendered here.
    pub(crate) fn of(members: Vec<Arc<Member>>, wanted: &Wanted, now: Timestamp) -> Self {
        let mut fleet = Self {
            groups: Vec::with_capacity(members.len()),
            counts: [0; 5],
            failing: 0,
            standings: Vec::new(),
        };
        let text = wanted.text.to_lowercase();
        for member in members {
            let sights = member.sights();
            let standings = sights.iter().filter_map(|sight| removal::standing(sight, now));
            fleet
                .standings
                .extend(standings.min_by_key(|standing| removal::urgency(*standing)));
            fleet.failing += (sights.iter())
                .filter(|sight| sight.judgement.verdict == Verdict::Fail)
                .count();
            if !wanted.admits_labels(&member.target) {
                continue;
            }
            let mut rows: Vec<Row> = sights
                .into_iter()
                .map(|sight| Row { sight: Some(sight) })
                .collect();
            if rows.is_empty() {
                rows.push(Row { sight: None });
            }
            if !text.is_empty() && !Wanted::finds_target(&text, &member.target) {
                rows.retain(|row| {
                    let place = row.sight.as_ref().map(|sight| sight.observation.place());
                    place.is_some_and(|place| place.to_lowercase().contains(&text))
                });
            }
            for row in &rows {
                let at = super::wanted::VERDICTS
                    .iter()
                    .position(|one| *one == row.verdict());
                if let Some(count) = at.and_then(|at| fleet.counts.get_mut(at)) {
                    *count += 1;
                }
            }
            rows.retain(|row| wanted.verdict.is_none_or(|wanted| code(row.verdict()) == wanted));
            if rows.is_empty() {
                continue;
            }
            rows.sort_by_key(|row| Reverse(badness(row.verdict())));
            fleet.groups.push(Group { member, rows });
        }
        fleet.sort(wanted, now);
        fleet
    }

    /// Stable, so that equal ones stay in the order of their names; what is not known stays last either way.
    fn sort(&mut self, wanted: &Wanted, now: Timestamp) {
        let key = |group: &Group| -> Option<(u8, i64)> {
            let rows = group.rows.iter();
            match wanted.sort {
                Sort::Target => None,
                Sort::Verdict => rows.map(|row| (4 - badness(row.verdict()), 0)).min(),
                Sort::Removal => rows
                    .filter_map(|row| row.sight.as_ref())
                    .filter_map(|sight| removal::standing(sight, now))
                    .map(removal::urgency)
                    .min(),
                Sort::Certificate => rows
                    .filter_map(Row::certificate_end)
                    .map(|end| (0, end.as_second()))
                    .min(),
                Sort::Probe => rows.filter_map(Row::probed).map(|at| (0, at.as_second())).min(),
            }
        };
        if wanted.sort == Sort::Target {
            if wanted.reversed {
                self.groups.reverse();
            }
            return;
        }
        let mut keyed: Vec<(Option<(u8, i64)>, Group)> =
            self.groups.drain(..).map(|group| (key(&group), group)).collect();
        keyed.sort_by(|(one, _), (other, _)| match (one, other) {
            (Some(one), Some(other)) if wanted.reversed => other.cmp(one),
            (Some(one), Some(other)) => one.cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
        self.groups.extend(keyed.into_iter().map(|(_, group)| group));
    }
}
