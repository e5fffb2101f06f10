//! Visits to several targets: a few at once, never two to the same place.

use siptls_config::PlannedTarget;
use siptls_model::{
    Depth, Host, Observation, Phase, ProbeError, Reason, RevocationSettings, Target, Timestamp, clock,
};
use siptls_policy::Judge;
use siptls_probe_engine::{CrlStore, Errand, Prober, ProberOptions};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Most visits at once. Each is one connection, and whoever checks by hand has patience.
const CONCURRENCY: usize = 8;

/// How long revocation lists of one target may take, after its visit: two fetches that come to nothing.
const LISTS_LIMIT: Duration = Duration::from_secs(30);

/// What was seen of each address of a target.
pub(crate) type Seen = Vec<Observation>;

/// Visits under way; dropping it ends them.
pub(crate) struct Visits {
    done: mpsc::UnboundedReceiver<(usize, Seen)>,
    tasks: JoinSet<()>,
}

impl Visits {
    /// Begins to visit these targets. Those that dial the same host and port wait for each other.
    pub(crate) fn start(targets: &[PlannedTarget], revocation: RevocationSettings) -> Self {
        let prober = Arc::new(Prober::new(ProberOptions {
            back_off: false,
            ..ProberOptions::default()
        }));
        let lists = Arc::new(CrlStore::new(revocation));
        let permits = Arc::new(Semaphore::new(CONCURRENCY));
        let (sender, done) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for group in groups(targets) {
            let (prober, permits, sender) = (Arc::clone(&prober), Arc::clone(&permits), sender.clone());
            let lists = Arc::clone(&lists);
            let members: Vec<(usize, PlannedTarget)> = group
                .into_iter()
                .filter_map(|index| Some((index, targets.get(index)?.clone())))
                .collect();
            tasks.spawn(async move {
                for (index, planned) in members {
                    let Ok(_permit) = permits.acquire().await else {
                        return;
                    };
                    let mut seen = prober.visit(&errand(&planned)).await;
                    if planned.target.depth != Depth::Hello {
                        ask_lists(&lists, &judge(&planned), &mut seen).await;
                    }
                    if sender.send((index, seen)).is_err() {
                        return;
                    }
                }
            });
        }
        Self { done, tasks }
    }

    /// The next visit that has ended, with the index of its target; `None` when there is none to come.
    pub(crate) async fn next(&mut self) -> Option<(usize, Seen)> {
        self.done.recv().await
    }

    /// Ends the visits under way; those that have ended are still to be had.
    pub(crate) fn stop(&mut self) {
        self.tasks.abort_all();
    }
}

/// Who judges what is seen of a target.
pub(crate) fn judge(planned: &PlannedTarget) -> Judge {
    let roots = planned.trust_anchors.clone();
    Judge::new(Arc::clone(&planned.profile), roots, &planned.target)
}

/// Notes what revocation lists say of what was seen, fetched within [`LISTS_LIMIT`].
async fn ask_lists(lists: &CrlStore, judge: &Judge, seen: &mut Seen) {
    let deadline = Instant::now() + LISTS_LIMIT;
    for observation in seen {
        let links = judge.links(observation);
        let found = match timeout_at(deadline, lists.fetch_for(&links)).await {
            Ok(found) => found,
            Err(_) => lists.look(&links, clock::now()),
        };
        drop(links);
        observation.revocation = found;
    }
}

fn errand(planned: &PlannedTarget) -> Errand {
    let (target, offer) = (Arc::clone(&planned.target), Arc::clone(&planned.profile.offer));
    Errand {
        identities: planned.identities.clone(),
        ..Errand::new(target, offer).trusting(judge(planned).root_sets())
    }
}

/// Indices of targets by where they dial, in the order given.
fn groups(targets: &[PlannedTarget]) -> Vec<Vec<usize>> {
    let mut places: HashMap<(Host, u16), usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, planned) in targets.iter().enumerate() {
        let place = *places.entry(planned.target.dial()).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.push(index);
        }
    }
    groups
}

/// The observation of a visit that did not come to its end.
pub(crate) fn not_seen(target: &Arc<Target>, reason: Reason, message: &str, now: Timestamp) -> Observation {
    let error = ProbeError {
        phase: Phase::Resolve,
        reason,
        message: message.to_owned(),
    };
    Observation {
        error: Some(error),
        ..Observation::blank(target, target.literal_address(), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use siptls_config::{TargetOptions, target_from_options};

    #[test]
    fn the_same_place_is_never_visited_twice_at_once() {
        let endpoints = [
            "a.example.test",
            "b.example.test",
            "A.example.test:5061",
            "a.example.test:5062",
        ];
        let targets: Vec<_> = endpoints
            .into_iter()
            .map(|endpoint| target_from_options(endpoint, &TargetOptions::default(), None).unwrap())
            .collect();
        assert_eq!(groups(&targets), [vec![0, 2], vec![1], vec![3]]);
    }
}
