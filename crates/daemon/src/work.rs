//! The work: visits when they are due, each as a task of its own.

use crate::fleet::{Change, Fleet};
use crate::schedule::{Schedule, SlotId, Turn};
use crate::supervisor::Question;
use crate::visitor::AnyVisitor;
use siptls_metrics::Own;
use siptls_model::clock;
use siptls_probe_engine::MAX_ADDRESSES;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

/// How long visits under way may take to end after a stop, before they are dropped.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(3);

/// What a visit may take beyond its addresses' timeouts before it is dropped as a fault of ours: it may have to wait for
/// the visits of other targets to the same addresses.
const VISIT_MARGIN: Duration = Duration::from_secs(900);

/// Makes the visits of a fleet until it is told to stop.
pub(crate) struct Work {
    fleet: Arc<Fleet>,
    visitor: Arc<dyn AnyVisitor>,
    own: Own,
    permits: Arc<Semaphore>,
    schedule: Schedule,
    /// Names of the targets of the schedule.
    names: HashMap<SlotId, Arc<str>>,
    visits: JoinSet<()>,
    running: HashMap<Id, (SlotId, AbortHandle)>,
}

impl Work {
    pub(crate) fn new(fleet: Arc<Fleet>, visitor: Arc<dyn AnyVisitor>, own: Own, concurrency: usize) -> Self {
        Self {
            fleet,
            visitor,
            own,
            permits: Arc::new(Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS))),
            schedule: Schedule::new(),
            names: HashMap::new(),
            visits: JoinSet::new(),
            running: HashMap::new(),
        }
    }

    /// Works until `stop` turns true, then lets visits under way end for [`STOP_GRACE`].
    pub(crate) async fn run(
        mut self,
        mut changes: mpsc::Receiver<Change>,
        mut questions: mpsc::Receiver<Question>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            let due = self.schedule.next_due();
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(change) = changes.recv() => self.change(change),
                // Nobody waits for the answer any more when this fails.
                Some(question) = questions.recv() => drop(question.send(())),
                Some(ended) = self.visits.join_next_with_id() => self.ended(ended),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.begin_due(),
            }
        }
        // Whoever still waits for its turn does not begin.
        self.permits.close();
        let all = async { while self.visits.join_next().await.is_some() {} };
        if timeout(STOP_GRACE, all).await.is_err() {
            tracing::warn!(visits = self.visits.len(), "visits dropped at the stop");
            self.visits.shutdown().await;
        }
    }

    fn change(&mut self, change: Change) {
        for id in change.removed {
            self.schedule.remove(id);
            self.names.remove(&id);
            for (_, visit) in self.running.values().filter(|(running, _)| *running == id) {
                visit.abort();
            }
        }
        for (id, name, _) in &change.added {
            self.names.insert(*id, name.as_str().into());
        }
        let added = change
            .added
            .iter()
            .map(|(id, name, interval)| (*id, name.as_str(), *interval));
        self.schedule.add(added, Instant::now());
    }

    fn begin_due(&mut self) {
        let now = Instant::now();
        while let Some(turn) = self.schedule.poll(now) {
            match turn {
                Turn::Visit { id, due } => self.begin(id, due),
                Turn::Skipped { id, interval } => {
                    self.own.lagged(interval);
                    tracing::debug!(
                        target_name = self.names.get(&id).map(AsRef::as_ref),
                        "turn lost to a running visit"
                    );
                }
            }
        }
    }

    fn begin(&mut self, id: SlotId, due: Instant) {
        let Some(name) = self.names.get(&id).cloned() else {
            return;
        };
        let member = self.fleet.visited(&name).filter(|member| member.id == id);
        let Some(member) = member.filter(|member| !member.rests()) else {
            self.schedule.finished(id);
            return;
        };
        let (fleet, visitor, own) = (
            Arc::clone(&self.fleet),
            Arc::clone(&self.visitor),
            self.own.clone(),
        );
        let permits = Arc::clone(&self.permits);
        let visit = self.visits.spawn(async move {
            let _alone = member.visiting.lock().await;
            let Ok(_permit) = permits.acquire().await else {
                return;
            };
            own.lagged(due.elapsed());
            let _in_flight = own.in_flight();
            let errand = member.begin();
            let target = &errand.target;
            let addresses = u32::try_from(MAX_ADDRESSES).unwrap_or(u32::MAX).saturating_add(1);
            let limit = target
                .timeout
                .saturating_mul(addresses.saturating_mul(errand.timeouts().saturating_add(1)))
                .saturating_add(VISIT_MARGIN);
            match timeout(limit, visitor.begin(errand)).await {
                Ok(observations) => fleet.record(&name, id, observations, clock::now()),
                Err(_) => {
                    tracing::error!(
                        target_name = &*name,
                        "visit dropped: it outlived all its deadlines"
                    );
                    fleet.record_abnormal(&name, id, "the visit outlived all its deadlines", clock::now());
                }
            }
        });
        self.running.insert(visit.id(), (id, visit));
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (task, panicked) = match &ended {
            Ok((task, ())) => (*task, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let Some((id, _)) = self.running.remove(&task) else {
            return;
        };
        self.schedule.finished(id);
        if let (true, Some(name)) = (panicked, self.names.get(&id)) {
            tracing::error!(target_name = &**name, "visit ended abnormally");
            self.fleet
                .record_abnormal(name, id, "the visit ended abnormally", clock::now());
        }
    }
}

/// Resolves when the daemon is told to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can tell any more: the same as a stop.
    let _ = stop.wait_for(|stop| *stop).await;
}
