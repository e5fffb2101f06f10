//! Turns: whoever wants to connect to an address waits until nobody else is connected to it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// One queue for each key, in order of arrival, for as long as somebody has a turn or waits for one.
#[derive(Debug)]
pub(crate) struct Turns<K: Eq + Hash + Copy> {
    queues: Arc<Mutex<Queues<K>>>,
}

type Queues<K> = HashMap<K, Arc<tokio::sync::Mutex<()>>>;

impl<K: Eq + Hash + Copy> Default for Turns<K> {
    fn default() -> Self {
        Self {
            queues: Arc::default(),
        }
    }
}

/// A turn; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Turn<K: Eq + Hash + Copy> {
    queues: Arc<Mutex<Queues<K>>>,
    key: K,
    held: Option<OwnedMutexGuard<()>>,
}

impl<K: Eq + Hash + Copy> Turns<K> {
    /// Waits for the turn at a key, without a limit. Whoever stops waiting leaves the queue.
    pub(crate) async fn take(&self, key: K) -> Turn<K> {
        let queue = Arc::clone(lock(&self.queues).entry(key).or_default());
        // Made before the wait, so that a wait given up tidies up as well.
        let mut turn = Turn {
            queues: Arc::clone(&self.queues),
            key,
            held: None,
        };
        turn.held = Some(queue.lock_owned().await);
        turn
    }
}

impl<K: Eq + Hash + Copy> Drop for Turn<K> {
    fn drop(&mut self) {
        let mut queues = lock(&self.queues);
        drop(self.held.take());
        // Everybody who waits holds the queue besides the map.
        if queues
            .get(&self.key)
            .is_some_and(|queue| Arc::strong_count(queue) == 1)
        {
            queues.remove(&self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Errand, Prober, ProberOptions};
    use siptls_model::{CipherSuite, Depth, NamedGroup, Offer, ProtocolVersion, SignatureScheme, Target};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::time::{Instant, sleep, timeout};

    #[tokio::test(start_paused = true)]
    async fn turns_at_one_key_follow_each_other_and_leave_others_alone() {
        let turns = Arc::new(Turns::<u8>::default());
        let start = Instant::now();
        let visits: Vec<_> = [1, 1, 1, 2]
            .into_iter()
            .map(|key| {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move {
                    let _turn = turns.take(key).await;
                    sleep(Duration::from_secs(1)).await;
                    start.elapsed().as_secs()
                })
            })
            .collect();
        let mut ended = Vec::new();
        for visit in visits {
            ended.push(visit.await.unwrap());
        }
        assert_eq!(ended, [1, 2, 3, 1]);
        assert!(lock(&turns.queues).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_given_up_leaves_nothing_behind() {
        let turns = Turns::<u8>::default();
        let first = turns.take(1).await;
        assert!(timeout(Duration::from_secs(1), turns.take(1)).await.is_err());
        assert_eq!(lock(&turns.queues).len(), 1);
        drop(first);
        assert!(lock(&turns.queues).is_empty());
        drop(turns.take(1).await);
    }

    /// Accepts and hangs up after a while; the connections open at once, at most, and how many came.
    async fn peer(listener: tokio::net::TcpListener, open: Arc<[AtomicUsize; 3]>) {
        while let Ok((stream, _)) = listener.accept().await {
            let open = Arc::clone(&open);
            tokio::spawn(async move {
                let [now, most, all] = &*open;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                all.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(20)).await;
                // Before the socket closes: the next one may come right then.
                now.fetch_sub(1, Ordering::SeqCst);
                drop(stream);
            });
        }
    }

    #[tokio::test]
    async fn two_targets_at_one_address_are_never_visited_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let counts = Arc::new([const { AtomicUsize::new(0) }; 3]);
        let peer = tokio::spawn(peer(listener, Arc::clone(&counts)));
        let prober = Prober::new(ProberOptions {
            spacing: Duration::from_millis(1),
            ..ProberOptions::default()
        });
        let offer = Arc::new(Offer {
            legacy_version: ProtocolVersion::from_name("TLSv1.2").unwrap(),
            cipher_suites: vec![CipherSuite::from_name("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384").unwrap()],
            groups: vec![NamedGroup::from_name("secp384r1").unwrap()],
            signature_algorithms: vec![SignatureScheme::from_name("rsa_pkcs1_sha256").unwrap()],
            versions: Vec::new(),
            extensions: Vec::new(),
        });
        let visit = |name: &str, depth| {
            let target = Target {
                depth,
                timeout: Duration::from_secs(5),
                ..Target::new(name, endpoint.parse().unwrap(), "")
            };
            let errand = Errand::new(Arc::new(target), Arc::clone(&offer));
            let prober = &prober;
            async move { prober.visit(&errand).await }
        };
        let seen = tokio::join!(
            visit("a", Depth::Routine),
            visit("b", Depth::Survey),
            visit("c", Depth::Hello)
        );
        peer.abort();
        let opened: u32 = [seen.0, seen.1, seen.2]
            .iter()
            .flatten()
            .map(|seen| seen.connections_opened)
            .sum();
        let [_, most, all] = &*counts;
        assert_eq!(most.load(Ordering::SeqCst), 1);
        assert_eq!(u32::try_from(all.load(Ordering::SeqCst)), Ok(opened));
        assert!(opened >= 3, "{opened}");
    }
}
