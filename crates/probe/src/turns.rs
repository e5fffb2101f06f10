//! Turns: whoever wants to connect to an address waits until nobody else is connected to it, and finds its account there.

use crate::account::Account;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

/// How often idle accounts are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// For each key one queue, in order of arrival, for as long as somebody has a turn or waits for one; and one account, until
/// nothing has happened for an hour. Memory is bounded by the keys of that hour, some 300 bytes each.
#[derive(Debug)]
pub(crate) struct Turns<K: Eq + Hash + Copy> {
    places: Arc<Mutex<Places<K>>>,
}

#[derive(Debug)]
struct Places<K> {
    known: HashMap<K, Place>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Place {
    /// `None`: nobody has a turn.
    queue: Option<Arc<tokio::sync::Mutex<()>>>,
    account: Account,
}

impl<K: Eq + Hash + Copy> Default for Turns<K> {
    fn default() -> Self {
        let places = Places {
            known: HashMap::new(),
            swept: None,
        };
        Self {
            places: Arc::new(Mutex::new(places)),
        }
    }
}

/// A turn; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Turn<K: Eq + Hash + Copy> {
    places: Arc<Mutex<Places<K>>>,
    key: K,
    held: Option<OwnedMutexGuard<()>>,
}

impl<K: Eq + Hash + Copy> Turns<K> {
    /// Waits for the turn at a key, without a limit. Whoever stops waiting leaves the queue.
    pub(crate) async fn take(&self, key: K) -> Turn<K> {
        let queue = {
            let mut places = lock(&self.places);
            let now = Instant::now();
            places.sweep(now);
            Arc::clone(places.place(key, now).queue.get_or_insert_default())
        };
        // Made before the wait, so that a wait given up tidies up as well.
        let mut turn = Turn {
            places: Arc::clone(&self.places),
            key,
            held: None,
        };
        turn.held = Some(queue.lock_owned().await);
        turn
    }

    /// The account of a key, in use or not; a new one when there is none, which is not kept.
    pub(crate) fn account(&self, key: K, now: Instant) -> Account {
        let places = lock(&self.places);
        let known = places.known.get(&key);
        known.map_or_else(|| Account::new(now), |place| place.account.clone())
    }
}

impl<K: Eq + Hash + Copy> Turn<K> {
    /// Whose turn it is.
    pub(crate) const fn key(&self) -> K {
        self.key
    }

    /// Asks or changes the account.
    pub(crate) fn with_account<R>(&self, then: impl FnOnce(&mut Account, Instant) -> R) -> R {
        let now = Instant::now();
        then(&mut lock(&self.places).place(self.key, now).account, now)
    }
}

impl<K: Eq + Hash + Copy> Drop for Turn<K> {
    fn drop(&mut self) {
        let mut places = lock(&self.places);
        drop(self.held.take());
        if let Some(place) = places.known.get_mut(&self.key) {
            // Everybody who waits holds the queue besides the place.
            place.queue.take_if(|queue| Arc::strong_count(queue) == 1);
        }
    }
}

impl<K: Eq + Hash + Copy> Places<K> {
    fn place(&mut self, key: K, now: Instant) -> &mut Place {
        self.known.entry(key).or_insert_with(|| Place {
            queue: None,
            account: Account::new(now),
        })
    }

    /// Forgets what is idle, once in [`SWEEP`].
    fn sweep(&mut self, now: Instant) {
        if self
            .swept
            .is_some_and(|swept| now.saturating_duration_since(swept) < SWEEP)
        {
            return;
        }
        self.swept = Some(now);
        self.known
            .retain(|_, place| place.queue.is_some() || !place.account.is_idle(now));
        if self.known.len() < self.known.capacity() / 4 {
            self.known.shrink_to_fit();
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
    use siptls_model::{
        CipherSuite, Depth, NamedGroup, Observation, Offer, ProtocolVersion, Reason, SignatureScheme, Target,
    };
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::io::AsyncReadExt as _;
    use tokio::time::{Instant, sleep, timeout};

    /// Keys at which somebody has a turn or waits for one.
    fn waited_for<K: Eq + Hash + Copy>(turns: &Turns<K>) -> usize {
        let places = lock(&turns.places);
        places
            .known
            .values()
            .filter(|place| place.queue.is_some())
            .count()
    }

    /// Memory of this process in use, in bytes.
    fn resident() -> usize {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4_096
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_thousand_addresses_take_little_and_are_forgotten() {
        const COUNT: u32 = 100_000;
        let turns = Turns::<SocketAddr>::default();
        let address = |number: u32| SocketAddr::new(std::net::Ipv4Addr::from(number).into(), 5061);
        let before = resident();
        for number in 0..COUNT {
            turns.take(address(number)).await.with_account(Account::connect);
        }
        let each = (resident() - before) / 100_000;
        println!("{each} bytes for each address");
        assert!((100..400).contains(&each), "{each} bytes for each address");
        assert_eq!(lock(&turns.places).known.len(), 100_000);
        // In use until an hour has gone by, and then until the next sweep.
        tokio::time::advance(Duration::from_secs(3_599)).await;
        drop(turns.take(address(0)).await);
        assert_eq!(lock(&turns.places).known.len(), 100_000);
        turns.take(address(1)).await.with_account(Account::connect);
        tokio::time::advance(Duration::from_secs(121)).await;
        let last = turns.take(address(0)).await;
        let places = lock(&turns.places);
        assert_eq!(
            places.known.len(),
            2,
            "the one connected to since, and the one with a turn"
        );
        assert!(places.known.capacity() < 100);
        drop(places);
        drop(last);
    }

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
        assert_eq!(waited_for(&turns), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_given_up_leaves_nothing_behind() {
        let turns = Turns::<u8>::default();
        let first = turns.take(1).await;
        assert!(timeout(Duration::from_secs(1), turns.take(1)).await.is_err());
        assert_eq!(waited_for(&turns), 1);
        drop(first);
        assert_eq!(waited_for(&turns), 0);
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

    fn errand(endpoint: &str, change: impl FnOnce(&mut Target)) -> Errand {
        let offer = Offer {
            legacy_version: ProtocolVersion::from_name("TLSv1.2").unwrap(),
            cipher_suites: vec![CipherSuite::from_name("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384").unwrap()],
            groups: vec![NamedGroup::from_name("secp384r1").unwrap()],
            signature_algorithms: vec![SignatureScheme::from_name("rsa_pkcs1_sha256").unwrap()],
            versions: Vec::new(),
            extensions: Vec::new(),
        };
        let mut target = Target {
            timeout: Duration::from_secs(5),
            ..Target::new("a", endpoint.parse().unwrap(), "")
        };
        change(&mut target);
        Errand::new(Arc::new(target), Arc::new(offer))
    }

    fn outcome(seen: &Observation) -> (Reason, &str) {
        let error = seen.error.as_ref().unwrap();
        (error.reason, error.message.as_str())
    }

    /// Lets time pass of which a real socket notices nothing.
    async fn pass(time: Duration) {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    /// A peer that reads the ClientHello and hangs up, and the connections it has had.
    async fn hanging_up(address: &str) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                // Closing before everything is read would be a reset.
                assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
            }
        });
        (address, count)
    }

    #[tokio::test]
    async fn two_targets_share_the_account_of_an_address_and_each_keeps_to_its_own_budget() {
        let (one, at_one) = hanging_up("127.0.0.1:0").await;
        let (two, at_two) = hanging_up("127.0.0.1:0").await;
        let prober = Prober::new(ProberOptions::default());
        // Intervals of five minutes: nothing is backed off from.
        let with_budget = |budget| {
            errand("sbc.example.test", |target| {
                target.interval = Duration::from_secs(300);
                target.connections_per_hour = budget;
            })
        };
        let (small, large) = (with_budget(4), with_budget(7));
        for _ in 0..2 {
            for errand in [&small, &large] {
                let seen = prober.visit_address(errand, one).await;
                assert_eq!(
                    (outcome(&seen).0, seen.connections_opened),
                    (Reason::ConnectionClosed, 1)
                );
            }
        }
        let seen = prober.visit_address(&small, one).await;
        assert_eq!(
            outcome(&seen),
            (
                Reason::Postponed,
                "the budget of 4 connections an hour to this address is used up: next visit in 61 min"
            )
        );
        assert_eq!((seen.connections_opened, seen.address), (0, Some(one)));
        let left = |errand: &Errand| prober.standing(&errand.target, one).connections_left;
        assert_eq!((left(&small), left(&large)), (0, 3));
        // The same target's other address has an account of its own.
        assert_eq!(
            outcome(&prober.visit_address(&small, two).await).0,
            Reason::ConnectionClosed
        );
        for _ in 0..5 {
            prober.visit_address(&large, one).await;
        }
        let counts = || (at_one.load(Ordering::SeqCst), at_two.load(Ordering::SeqCst));
        assert_eq!(counts(), (7, 1));
        pass(Duration::from_secs(59 * 60)).await;
        assert_eq!(
            outcome(&prober.visit_address(&large, one).await).0,
            Reason::Postponed
        );
        pass(Duration::from_secs(2 * 60)).await;
        assert_eq!(
            outcome(&prober.visit_address(&small, one).await).0,
            Reason::ConnectionClosed
        );
        assert_eq!(counts(), (8, 1));
        assert_eq!((left(&small), left(&large)), (3, 6));
    }

    #[tokio::test]
    async fn an_attempt_that_is_refused_counts_and_a_refusing_address_is_left_in_peace() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let (other, _) = hanging_up("127.0.0.1:0").await;
        let prober = Prober::new(ProberOptions::default());
        let errand = errand("sbc.example.test", |target| {
            target.interval = Duration::from_secs(10)
        });
        for left in [599, 598, 597] {
            let seen = prober.visit_address(&errand, free).await;
            assert_eq!(
                (outcome(&seen).0, seen.connections_opened),
                (Reason::ConnectionRefused, 0)
            );
            assert_eq!(prober.standing(&errand.target, free).connections_left, left);
        }
        let seen = prober.visit_address(&errand, free).await;
        let (reason, message) = outcome(&seen);
        assert_eq!(reason, Reason::Postponed);
        assert_eq!(
            message,
            "backing off after 3 refusals in a row: next visit in 20 s"
        );
        assert_eq!(
            prober.standing(&errand.target, free).pause,
            Duration::from_secs(20)
        );
        assert_eq!(prober.standing(&errand.target, other).pause, Duration::ZERO);
        assert_eq!(
            outcome(&prober.visit_address(&errand, other).await).0,
            Reason::ConnectionClosed
        );
        pass(Duration::from_secs(18)).await;
        assert_eq!(
            outcome(&prober.visit_address(&errand, free).await).0,
            Reason::ConnectionRefused
        );
        assert_eq!(
            prober.standing(&errand.target, free).pause,
            Duration::from_secs(40)
        );
        assert_eq!(prober.standing(&errand.target, free).connections_left, 596);

        let once = Prober::new(ProberOptions {
            back_off: false,
            ..ProberOptions::default()
        });
        for _ in 0..10 {
            assert_eq!(
                outcome(&once.visit_address(&errand, free).await).0,
                Reason::ConnectionRefused
            );
        }
        assert_eq!(once.standing(&errand.target, free).connections_left, 590);
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
        let visit = |depth| {
            let errand = errand(&endpoint, |target| target.depth = depth);
            let prober = &prober;
            async move { prober.visit(&errand).await }
        };
        let seen = tokio::join!(visit(Depth::Routine), visit(Depth::Survey), visit(Depth::Hello));
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
