//! How often somebody may do something: buckets of tokens, one for each origin of requests.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Most origins that are told apart. Further ones share a bucket until others are full again: memory stays bounded, and who
/// comes from many addresses is held up by himself.
const MAX_ORIGINS: usize = 4_096;

/// Bits of an IPv6 address that tell one client from another: a host has a whole /64 to choose from.
const V6_PREFIX: u32 = 64;

/// Where requests come from: an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin(IpAddr);

impl Origin {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                let network = ip.to_bits() & (u128::MAX << (128 - V6_PREFIX));
                Ipv6Addr::from_bits(network).into()
            }
            other => other,
        })
    }
}

/// So many at once, and one more in each interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) burst: u32,
    pub(crate) interval: Duration,
}

/// A bucket of tokens, kept as the moment at which it is full again (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    full: Instant,
}

impl Bucket {
    pub(crate) const fn full(now: Instant) -> Self {
        Self { full: now }
    }

    /// Takes a token; how long to wait for one when there is none.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let owed = self.full.saturating_duration_since(now);
        let room = rate.interval.saturating_mul(rate.burst.saturating_sub(1));
        if owed > room {
            return Err(owed - room);
        }
        self.full = self.full.max(now) + rate.interval;
        Ok(())
    }

    fn give_back(&mut self, rate: Rate) {
        self.full = self.full.checked_sub(rate.interval).unwrap_or(self.full);
    }
}

/// A bucket for each origin.
#[derive(Debug)]
pub(crate) struct Buckets {
    rate: Rate,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    by_origin: HashMap<Origin, Bucket>,
    /// Of all who are not told apart.
    others: Bucket,
}

impl Buckets {
    pub(crate) fn new(rate: Rate) -> Self {
        let others = Bucket::full(Instant::now());
        let by_origin = HashMap::new();
        Self {
            rate,
            held: Mutex::new(Held { by_origin, others }),
        }
    }

    /// Takes a token of an origin; how long it has to wait when there is none.
    pub(crate) fn take(&self, origin: Origin, now: Instant) -> Result<(), Duration> {
        self.with(origin, now, |bucket, rate| bucket.take(rate, now))
    }

    /// Puts a token back that an origin took for nothing.
    pub(crate) fn give_back(&self, origin: Origin, now: Instant) {
        self.with(origin, now, Bucket::give_back);
    }

    fn with<R>(&self, origin: Origin, now: Instant, then: impl FnOnce(&mut Bucket, Rate) -> R) -> R {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Held { by_origin, others } = &mut *held;
        if by_origin.len() >= MAX_ORIGINS && !by_origin.contains_key(&origin) {
            by_origin.retain(|_, bucket| bucket.full > now);
            if by_origin.len() >= MAX_ORIGINS {
                return then(others, self.rate);
            }
        }
        let bucket = by_origin.entry(origin).or_insert_with(|| Bucket::full(now));
        then(bucket, self.rate)
    }
}

/// Places of requests that take a while: so many together, half of them at most for one origin.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_of_one: usize,
    taken: Mutex<HashMap<Origin, usize>>,
}

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            most_of_one: most.div_ceil(2),
            taken: Mutex::default(),
        }
    }

    /// A place for a request of an origin; `None` when there is none left, or none for that origin.
    pub(crate) fn take(&self, origin: Origin) -> Option<Seat<'_>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let together: usize = taken.values().sum();
        let of_one = taken.get(&origin).copied().unwrap_or_default();
        if together >= self.most || of_one >= self.most_of_one {
            return None;
        }
        taken.insert(origin, of_one + 1);
        Some(Seat { places: self, origin })
    }
}

/// A place of a request, free again when dropped.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    places: &'a Places,
    origin: Origin,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        interval: Duration::from_secs(10),
    };

    fn origin(text: &str) -> Origin {
        Origin::of(text.parse().unwrap())
    }

    #[test]
    fn half_of_the_places_are_one_origins_at_most() {
        let places = Places::new(4);
        let [one, other, third] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(origin);
        let mut held: Vec<Seat<'_>> = (0..2).filter_map(|_| places.take(one)).collect();
        assert!(held.len() == 2 && places.take(one).is_none());
        held.extend((0..2).filter_map(|_| places.take(other)));
        assert!(held.len() == 4 && places.take(third).is_none());
        held.remove(0);
        held.extend(places.take(third));
        assert!(held.len() == 4 && places.take(one).is_none());
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty());
        assert!(Places::new(0).take(one).is_some(), "one at least");
    }

    #[test]
    fn a_burst_then_one_in_each_interval() {
        let buckets = Buckets::new(RATE);
        let start = Instant::now();
        let (one, other) = (origin("192.0.2.1"), origin("192.0.2.2"));
        for _ in 0..3 {
            assert_eq!(buckets.take(one, start), Ok(()));
        }
        assert_eq!(buckets.take(one, start), Err(RATE.interval));
        let later = start + Duration::from_secs(4);
        assert_eq!(buckets.take(one, later), Err(Duration::from_secs(6)));
        assert_eq!(buckets.take(other, start), Ok(()), "another one's bucket is full");
        assert_eq!(buckets.take(one, start + RATE.interval), Ok(()));
        assert!(buckets.take(one, start + RATE.interval).is_err());
        buckets.give_back(one, start + RATE.interval);
        assert_eq!(buckets.take(one, start + RATE.interval), Ok(()));
        let much_later = start + RATE.interval * 100;
        for _ in 0..3 {
            assert_eq!(
                buckets.take(one, much_later),
                Ok(()),
                "no more than a burst is saved"
            );
        }
        assert!(buckets.take(one, much_later).is_err());
    }

    #[test]
    fn a_host_is_one_origin_whatever_address_it_picks() {
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:0:1"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
        assert_ne!(origin("192.0.2.2"), origin("192.0.2.1"));
        assert_ne!(origin("::1"), origin("::"));
    }

    #[test]
    fn memory_is_bounded_and_strangers_share() {
        let buckets = Buckets::new(RATE);
        let start = Instant::now();
        let count = u32::try_from(MAX_ORIGINS).unwrap();
        let number = |number: u32| Origin::of(std::net::Ipv4Addr::from(number).into());
        for one in 0..count {
            buckets.take(number(one), start).unwrap();
        }
        for one in count..count + 3 {
            buckets.take(number(one), start).unwrap();
        }
        assert!(
            buckets.take(number(count + 3), start).is_err(),
            "the shared bucket is empty"
        );
        assert!(
            buckets.take(number(0), start).is_ok(),
            "known ones have their own"
        );
        assert_eq!(buckets.held.lock().unwrap().by_origin.len(), MAX_ORIGINS);
        let later = start + RATE.interval * 2;
        buckets.take(number(count + 3), later).unwrap();
        assert_eq!(
            buckets.held.lock().unwrap().by_origin.len(),
            1,
            "full buckets are forgotten"
        );
    }
}
