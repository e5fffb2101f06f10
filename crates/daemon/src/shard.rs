//! Which of several daemons watches a target: rendezvous hashing of its name.

use crate::schedule::{mix, stable_hash};
use siptls_catalog::load_balancer;
use siptls_config::{Plan, PlannedTarget};
use siptls_model::{Depth, Target, escape_text_bounded};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Most shards: each target's score is computed for each of them at every load, and a thousand daemons would watch
/// millions of targets.
const MAX_SHARDS: u32 = 1_000;

/// The word that stands for the number at the end of the host's name.
const HOST_NAME: &str = "hostname";

/// Time between two looks at a companion: how soon one that could not be read is tried again.
const COMPANION_INTERVAL: Duration = Duration::from_secs(600);

/// One daemon of several that share a configuration, each of which watches its part of the targets.
///
/// A target is watched by the shard that has the highest score for its name (rendezvous hashing, also known as highest
/// random weight): `mix(mix(fnv1a(name)) ^ mix(shard))`, with the 64-bit FNV-1a hash of the name's UTF-8 bytes and the
/// finaliser of SplitMix64, the lowest shard first among equals. It depends on name and number alone, so that every version
/// and every machine agrees, and from `n` to `n + 1` shards only those targets move that the new shard takes: one of
/// `n + 1`. docs/sharding.md has the same in ten lines of Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// Why a text is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Not of the form `I/N`.
    #[error("expected a shard such as `0/3` or `hostname/3`, found `{found}`")]
    Form {
        /// What stood there, escaped.
        found: String,
    },
    /// No number of shards.
    #[error("expected 1 to {MAX_SHARDS} shards, found {found}")]
    Count {
        /// What stood there, escaped.
        found: String,
    },
    /// A shard that is none of them.
    #[error("expected a shard from 0 to {last} of {count}, found {index}")]
    Index {
        /// The number given.
        index: u32,
        /// The highest there is.
        last: u32,
        /// How many there are.
        count: u32,
    },
    /// A host whose name says no number.
    #[error("expected a host name that ends in `-` and a number, found `{found}`")]
    HostName {
        /// The host's name, escaped.
        found: String,
    },
    /// A host whose number is none of the shards.
    #[error("expected a host name that ends in a number from 0 to {last}, found `{found}`")]
    HostNumber {
        /// The host's name, escaped.
        found: String,
        /// The highest there is.
        last: u32,
    },
}

impl ShardError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Form { .. } | Self::Count { .. } => {
                "the first of three daemons is `0/3`, the second `1/3`, the third `2/3`"
            }
            Self::Index { .. } => "shards count from 0: those of three daemons are `0/3`, `1/3` and `2/3`",
            Self::HostName { .. } => {
                "`hostname/N` is for the pods of a StatefulSet, such as `siptls-probe-0`; elsewhere write the number"
            }
            Self::HostNumber { .. } => {
                "`hostname/N` and the replicas of the StatefulSet are the same number: change both together"
            }
        }
    }
}

impl Shard {
    /// Reads `I/N`, or `hostname/N`, which takes the number at the end of this host's name: the ordinal of a pod of a
    /// StatefulSet.
    ///
    /// # Errors
    /// [`ShardError`] when it is none.
    pub fn parse(text: &str, host_name: impl FnOnce() -> String) -> Result<Self, ShardError> {
        let form = || ShardError::Form {
            found: escape_text_bounded(text, 80),
        };
        let (which, of) = text.split_once('/').ok_or_else(form)?;
        let count = number(of).ok_or_else(form)?;
        if !(1..=MAX_SHARDS).contains(&count) {
            return Err(ShardError::Count {
                found: escape_text_bounded(of, 80),
            });
        }
        let last = count.saturating_sub(1);
        if which == HOST_NAME {
            let name = host_name();
            let shown = || escape_text_bounded(&name, 80);
            // Whoever sets a host's name in full means its first label.
            let label = name.split('.').next().unwrap_or_default();
            let ordinal = label.rsplit_once('-').and_then(|(_, ordinal)| number(ordinal));
            let index = ordinal.ok_or_else(|| ShardError::HostName { found: shown() })?;
            return if index < count {
                Ok(Self { index, count })
            } else {
                Err(ShardError::HostNumber { found: shown(), last })
            };
        }
        let index = number(which).ok_or_else(form)?;
        if index < count {
            Ok(Self { index, count })
        } else {
            Err(ShardError::Index { index, last, count })
        }
    }

    /// Its number, from 0.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The shard of as many that watches the target of that name.
    #[must_use]
    pub fn of(self, name: &str) -> Self {
        let hash = stable_hash(name);
        let mut best = (score(hash, 0), 0);
        for index in 1..self.count {
            let score = score(hash, index);
            if score > best.0 {
                best = (score, index);
            }
        }
        Self {
            index: best.1,
            ..self
        }
    }

    /// Whether this shard watches the target of that name.
    #[must_use]
    pub fn owns(self, name: &str) -> bool {
        self.of(name) == self
    }

    /// The load balancers of other shards that this one's targets need for their deadline: those of the regions that dial
    /// them.
    #[must_use]
    pub fn companions(self, plan: &Plan) -> Vec<&PlannedTarget> {
        let own = plan
            .targets
            .iter()
            .filter(|planned| self.owns(&planned.target.name));
        let regions: HashSet<&str> = own
            .filter_map(|planned| planned.target.peer_region.as_deref())
            .collect();
        let dials_ours = |planned: &&PlannedTarget| {
            load_balancer(&planned.target).is_some_and(|listed| regions.contains(listed.region_code.as_str()))
        };
        let foreign = plan
            .targets
            .iter()
            .filter(|planned| !self.owns(&planned.target.name));
        foreign.filter(dials_ours).collect()
    }
}

impl fmt::Display for Shard {
    /// `0/3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A number as people write it: digits without a sign.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn score(hash: u64, index: u32) -> u64 {
    mix(hash ^ mix(u64::from(index)))
}

/// A load balancer as it is visited for the deadline alone: one hello now and then, within the budget of before.
pub(crate) fn companion(planned: &PlannedTarget) -> PlannedTarget {
    let target = Target {
        depth: Depth::Hello,
        interval: planned.target.interval.max(COMPANION_INTERVAL),
        survey_interval: None,
        client_identities: Vec::new(),
        ..Target::clone(&planned.target)
    };
    PlannedTarget {
        target: Arc::new(target),
        identities: Vec::new(),
        ..planned.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Shard {
        Shard::parse(text, || panic!("the host's name is not asked for")).unwrap()
    }

    fn names(count: u32) -> impl Iterator<Item = String> {
        (0..count).map(|number| format!("sbc-{number}.example.test"))
    }

    #[test]
    fn what_is_written_and_what_the_host_is_called() {
        assert_eq!((shard("0/3").index(), shard("0/3").count()), (0, 3));
        assert_eq!(shard("2/3").to_string(), "2/3");
        for (host, index) in [
            ("siptls-probe-2", 2),
            ("siptls-probe-0", 0),
            ("a-1.siptls.svc", 1),
        ] {
            let read = Shard::parse("hostname/3", || host.to_owned()).unwrap();
            assert_eq!((read.index(), read.count()), (index, 3), "{host}");
        }
        for host in ["siptls-probe", "siptls3", "siptls-", "siptls-x1", "siptls-+1", ""] {
            let error = Shard::parse("hostname/3", || host.to_owned()).unwrap_err();
            assert!(matches!(error, ShardError::HostName { .. }), "{host}: {error}");
        }
        let beyond = Shard::parse("hostname/3", || "siptls-probe-3".to_owned()).unwrap_err();
        assert_eq!(
            beyond.to_string(),
            "expected a host name that ends in a number from 0 to 2, found `siptls-probe-3`"
        );
    }

    #[test]
    fn what_is_no_shard() {
        for text in [
            "",
            "3",
            "/",
            "0/",
            "/3",
            "0/3/4",
            "-1/3",
            "+1/3",
            "a/3",
            "0/x",
            "1 /3",
            "99999999999/3",
        ] {
            let error = Shard::parse(text, String::new).unwrap_err();
            assert!(matches!(error, ShardError::Form { .. }), "{text}: {error}");
        }
        for text in ["0/0", "0/1001"] {
            let error = Shard::parse(text, String::new).unwrap_err();
            assert!(matches!(error, ShardError::Count { .. }), "{text}: {error}");
        }
        let error = Shard::parse("3/3", String::new).unwrap_err();
        assert_eq!(error.to_string(), "expected a shard from 0 to 2 of 3, found 3");
        assert!(error.hint().contains("count from 0"));
    }

    /// Computed by the Python of docs/sharding.md. A daemon of another version, or of another machine, decides the same.
    #[test]
    fn who_watches_what_never_changes() {
        for (name, of_three, of_four, of_ten) in KNOWN {
            let found = ["0/3", "0/4", "0/10"].map(|text| shard(text).of(name).index());
            assert_eq!(found, [of_three, of_four, of_ten], "{name}");
        }
    }

    const KNOWN: [(&str, u32, u32, u32); 6] = [
        ("acme-sbc-1", 1, 3, 5),
        ("acme-sbc-2", 2, 3, 3),
        ("lb01.voice.euc1.pure.cloud", 1, 1, 7),
        ("lb02.voice.euc1.pure.cloud", 2, 2, 2),
        ("x", 2, 2, 2),
        ("K\u{f6}ln \u{2116} 7", 1, 3, 5),
    ];

    #[test]
    fn every_target_has_one_shard_and_the_shares_are_alike() {
        for count in [2, 3, 4, 7, 16] {
            let shards: Vec<Shard> = (0..count).map(|index| Shard { index, count }).collect();
            let mut shares = vec![0_u32; shards.len()];
            for name in names(10_000) {
                let owners: Vec<usize> = (0..shards.len())
                    .filter(|index| shards[*index].owns(&name))
                    .collect();
                assert_eq!(owners.len(), 1, "{name}");
                shares[owners[0]] += 1;
            }
            let fair = 10_000 / count;
            for share in &shares {
                assert!((fair * 9 / 10..=fair * 11 / 10).contains(share), "{shares:?}");
            }
        }
    }

    #[test]
    fn a_shard_more_takes_its_share_and_moves_nothing_else() {
        for count in [1, 3, 9] {
            let (before, after) = (
                Shard { index: 0, count },
                Shard {
                    index: 0,
                    count: count + 1,
                },
            );
            let mut moved = 0;
            for name in names(10_000) {
                let (from, to) = (before.of(&name).index(), after.of(&name).index());
                if from != to {
                    assert_eq!(to, count, "{name} moved between shards that were there before");
                    moved += 1;
                }
            }
            let fair = 10_000 / (count + 1);
            assert!(
                (fair * 9 / 10..=fair * 11 / 10).contains(&moved),
                "{count}: {moved}"
            );
        }
    }
}
