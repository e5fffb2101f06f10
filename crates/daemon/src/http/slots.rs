//! Slots: how many connections there may be, together and from one origin, and which gives way when there are more.
//!
//! A connection that waits for its peer (for the first byte, for the rest of a head, for the next request) is idle. When all
//! slots are taken, the one that has been idle longest makes room: half-sent requests keep nobody out.

use super::limit::Origin;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::time::Instant;

/// All slots.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    most_of_one: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    staying: Vec<Arc<State>>,
    /// Of each origin that has any.
    counts: HashMap<Origin, Count>,
    /// Told to leave and not gone yet, of all origins.
    leaving: usize,
}

/// Connections of one origin.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    staying: usize,
    leaving: usize,
}

#[derive(Debug)]
struct State {
    origin: Origin,
    /// Since when it waits for its peer; `None`: an answer is under way.
    idle: Mutex<Option<Instant>>,
    leave: Notify,
    /// Without the moment that an answer could still need.
    at_once: AtomicBool,
}

impl State {
    fn idle(&self) -> Option<Instant> {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_idle(&self, since: Option<Instant>) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Slots {
    /// So many slots together; half of them at most for one origin.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let most = most.max(1);
        Arc::new(Self {
            most,
            most_of_one: most.div_ceil(2),
            open: Mutex::default(),
        })
    }

    /// A slot for a connection of an origin. Another one may be told to leave for it, and when many are leaving already, to
    /// leave at once; `None` when every slot that could be had is busy.
    pub(crate) fn take(self: &Arc<Self>, origin: Origin, now: Instant) -> Option<Slot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Open {
            staying,
            counts,
            leaving,
        } = &mut *open;
        let count = |of: Origin| counts.get(&of).copied().unwrap_or_default();
        let is_full_for_one = count(origin).staying >= self.most_of_one;
        if is_full_for_one || staying.len() >= self.most {
            let candidates = staying.iter().enumerate().filter_map(|(index, state)| {
                let eligible = !is_full_for_one || state.origin == origin;
                // Whoever has most gives way first, then whoever has been idle longest.
                let since = state.idle().filter(|_| eligible)?;
                Some((std::cmp::Reverse(count(state.origin).staying), since, index))
            });
            let (_, _, index) = candidates.min()?;
            let state = staying.swap_remove(index);
            let of_one = counts.entry(state.origin).or_default();
            of_one.staying -= 1;
            let at_once = *leaving >= self.most.div_ceil(2) || of_one.leaving >= self.most_of_one.div_ceil(2);
            state.at_once.store(at_once, Ordering::Relaxed);
            of_one.leaving += 1;
            *leaving += 1;
            state.leave.notify_one();
        }
        let state = Arc::new(State {
            origin,
            idle: Mutex::new(Some(now)),
            leave: Notify::new(),
            at_once: AtomicBool::new(false),
        });
        staying.push(Arc::clone(&state));
        counts.entry(origin).or_default().staying += 1;
        Some(Slot {
            slots: Arc::clone(self),
            state,
        })
    }
}

/// The slot of a connection, free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    state: Arc<State>,
}

impl Slot {
    /// Resolves when the connection is to make room for another one; whether at once.
    pub(crate) async fn asked_to_leave(&self) -> bool {
        self.state.leave.notified().await;
        self.state.at_once.load(Ordering::Relaxed)
    }

    /// The connection is busy until this is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.state.set_idle(None);
        Busy(Arc::clone(&self.state))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Open {
            staying,
            counts,
            leaving,
        } = &mut *open;
        let place = staying.iter().position(|state| Arc::ptr_eq(state, &self.state));
        if let Some(count) = counts.get_mut(&self.state.origin) {
            match place {
                Some(index) => {
                    staying.swap_remove(index);
                    count.staying -= 1;
                }
                None => {
                    count.leaving -= 1;
                    *leaving -= 1;
                }
            }
            if count.staying + count.leaving == 0 {
                counts.remove(&self.state.origin);
            }
        }
    }
}

/// An answer under way.
#[derive(Debug)]
pub(crate) struct Busy(Arc<State>);

impl Busy {
    /// A body that keeps the connection busy until it has been sent or given up.
    pub(crate) fn until_sent(self, body: Body) -> Body {
        Body::new(Sent { body, _busy: self })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_idle(Some(Instant::now()));
    }
}

struct Sent {
    body: Body,
    _busy: Busy,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn origin(last: u8) -> Origin {
        Origin::of(std::net::Ipv4Addr::new(192, 0, 2, last).into())
    }

    async fn is_leaving(slot: &Slot) -> bool {
        timeout(Duration::ZERO, slot.asked_to_leave()).await.is_ok()
    }

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn the_one_idle_longest_of_an_origin_makes_room_for_its_next() {
        let slots = Slots::new(4);
        let start = Instant::now();
        let first = slots.take(origin(1), start).unwrap();
        let second = slots.take(origin(1), at(start, 1)).unwrap();
        let other = slots.take(origin(2), start).unwrap();
        let third = slots.take(origin(1), at(start, 2)).unwrap();
        assert!(is_leaving(&first).await, "no more than half are one's");
        assert!(!is_leaving(&second).await && !is_leaving(&other).await);
        drop(first);
        let busy = (second.busy(), third.busy());
        assert!(
            slots.take(origin(1), at(start, 3)).is_none(),
            "answers are finished"
        );
        assert!(!is_leaving(&other).await, "nobody else has to make room");
        drop(busy.0);
        assert!(slots.take(origin(1), at(start, 4)).is_some());
        assert!(is_leaving(&second).await);
    }

    #[tokio::test]
    async fn whoever_has_most_makes_room_when_all_are_taken() {
        let slots = Slots::new(4);
        let start = Instant::now();
        let oldest = slots.take(origin(1), start).unwrap();
        let many = [
            slots.take(origin(2), at(start, 1)).unwrap(),
            slots.take(origin(2), at(start, 2)).unwrap(),
        ];
        let last = slots.take(origin(3), at(start, 3)).unwrap();
        let new = slots.take(origin(4), at(start, 4)).unwrap();
        assert!(is_leaving(&many[0]).await);
        assert!(!is_leaving(&oldest).await && !is_leaving(&many[1]).await && !is_leaving(&new).await);
        let _busy: Vec<Busy> = [&oldest, &many[1], &last, &new].map(Slot::busy).into();
        assert!(slots.take(origin(5), at(start, 5)).is_none());
    }

    #[tokio::test]
    async fn those_that_leave_count_until_they_are_gone() {
        let slots = Slots::new(8);
        let start = Instant::now();
        let mut held = Vec::new();
        for second in 0..7 {
            held.push(slots.take(origin(1), at(start, second)).unwrap());
        }
        let mut at_once = Vec::new();
        for slot in &held[..3] {
            at_once.push(timeout(Duration::ZERO, slot.asked_to_leave()).await.unwrap());
        }
        assert_eq!(at_once, [false, false, true], "two of one may take a moment");
        drop(held.drain(..3));
        held.push(slots.take(origin(1), at(start, 7)).unwrap());
        assert!(!held[0].asked_to_leave().await, "they are gone");
        drop(held);
        let open = slots.open.lock().unwrap();
        assert!(open.counts.is_empty() && open.staying.is_empty() && open.leaving == 0);
    }

    #[tokio::test]
    async fn a_slot_is_free_again_when_dropped() {
        let slots = Slots::new(1);
        let start = Instant::now();
        for _ in 0..3 {
            let slot = slots.take(origin(1), start).unwrap();
            let _busy = slot.busy();
            assert!(slots.take(origin(2), start).is_none());
        }
    }
}
