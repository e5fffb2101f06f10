//! When each target is visited: a heap of slots, without timers and without a clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// First visits per second when a whole fleet begins, unless its intervals demand more. Ten targets are seen within
/// a tenth of a second, thousands do not burst.
const FIRST_VISITS_PER_SECOND: u32 = 100;

/// Shortest interval: protects the loop from a slot that is always due.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// A target's slot in the schedule. A target that is changed gets another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u64);

/// A slot whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Visit the target now.
    Visit {
        /// The slot.
        id: SlotId,
        /// When it was due.
        due: Instant,
    },
    /// The target's last visit is still running: this turn is lost.
    Skipped {
        /// The slot.
        id: SlotId,
        /// Its interval, which is how much later the next visit comes.
        interval: Duration,
    },
}

/// When each target is visited. Time is an argument; whoever drives it sleeps until [`Schedule::next_due`].
///
/// Each slot has its own grid of times one interval apart, whose phase is a stable hash of the target's name, and each
/// turn lies within ±10 % of an interval around its grid time: visits neither bunch nor drift. The very first visits come
/// sooner, a hundred a second at most or spread over one interval, whichever is shorter.
///
/// Turns that passed unseen (the machine slept) are not made up for.
#[derive(Debug, Default)]
pub struct Schedule {
    slots: HashMap<SlotId, Slot>,
    /// Entries that do not agree with their slot's `due` are leftovers of removed slots.
    heap: BinaryHeap<Reverse<(Instant, SlotId)>>,
}

#[derive(Debug)]
struct Slot {
    interval: Duration,
    seed: u64,
    round: u64,
    /// The grid time of the turn after the next one.
    grid: Instant,
    due: Instant,
    running: bool,
}

impl Schedule {
    /// An empty schedule.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds slots that begin together, each with its target's name and interval.
    pub fn add<'a>(
        &mut self,
        slots: impl ExactSizeIterator<Item = (SlotId, &'a str, Duration)>,
        now: Instant,
    ) {
        let all = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        let window = Duration::from_secs(1).saturating_mul(all) / FIRST_VISITS_PER_SECOND;
        for (id, name, interval) in slots {
            let interval = interval.max(MIN_INTERVAL);
            let seed = stable_hash(name);
            let due = now + part_of(window.min(interval), seed);
            let mut grid = now + part_of(interval, seed);
            if grid < due + interval / 2 {
                grid += interval;
            }
            self.slots.insert(
                id,
                Slot {
                    interval,
                    seed,
                    round: 0,
                    grid,
                    due,
                    running: false,
                },
            );
            self.heap.push(Reverse((due, id)));
        }
    }

    /// Removes a slot, running or not.
    pub fn remove(&mut self, id: SlotId) {
        self.slots.remove(&id);
    }

    /// When the next slot is due; `None` when there is none.
    pub fn next_due(&mut self) -> Option<Instant> {
        while let Some(Reverse((due, id))) = self.heap.peek() {
            if self.slots.get(id).is_some_and(|slot| slot.due == *due) {
                return Some(*due);
            }
            self.heap.pop();
        }
        None
    }

    /// The next slot whose time has come, and sets its next time; `None` when all are in the future.
    pub fn poll(&mut self, now: Instant) -> Option<Turn> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse((due, id)) = self.heap.pop()?;
        let slot = self.slots.get_mut(&id)?;
        slot.advance(now);
        self.heap.push(Reverse((slot.due, id)));
        if slot.running {
            return Some(Turn::Skipped {
                id,
                interval: slot.interval,
            });
        }
        slot.running = true;
        Some(Turn::Visit { id, due })
    }

    /// The visit of a slot ended; unknown slots are ignored.
    pub fn finished(&mut self, id: SlotId) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.running = false;
        }
    }
}

impl Slot {
    /// Sets the next turn, after `now`.
    fn advance(&mut self, now: Instant) {
        // The jitter reaches back by a tenth of an interval; a grid time that near may lie behind already.
        while self.grid < now + self.interval / 5 {
            let behind = now.saturating_duration_since(self.grid);
            let rounds =
                u32::try_from(behind.as_nanos() / self.interval.as_nanos().max(1)).unwrap_or(u32::MAX);
            self.grid += self.interval.saturating_mul(rounds.saturating_add(1));
        }
        self.round = self.round.wrapping_add(1);
        let jitter = part_of(self.interval / 5, mix(self.seed ^ self.round));
        self.due = self.grid + jitter - self.interval / 10;
        self.grid += self.interval;
    }
}

/// A hash of a name that stays the same from start to start (FNV-1a, then mixed).
pub(crate) fn stable_hash(name: &str) -> u64 {
    mix(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// The finaliser of SplitMix64: neighbouring inputs, unrelated outputs.
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The part of a span that a hash stands for: 0 at 0, nearly the whole at the largest hash.
pub(crate) fn part_of(span: Duration, hash: u64) -> Duration {
    let parts = u32::try_from(hash >> 32).unwrap_or(u32::MAX);
    span.mul_f64(f64::from(parts) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn schedule(count: u64, interval: Duration, now: Instant) -> Schedule {
        let names: Vec<String> = (0..count).map(|index| format!("target-{index}")).collect();
        let mut schedule = Schedule::new();
        schedule.add(
            (0..count)
                .zip(&names)
                .map(|(id, name)| (SlotId(id), name.as_str(), interval))
                .collect::<Vec<_>>()
                .into_iter(),
            now,
        );
        schedule
    }

    /// Drives a schedule to `end`, every visit ending at once, and says who was visited when.
    fn drive(schedule: &mut Schedule, end: Instant) -> Vec<(Instant, SlotId)> {
        let mut visits = Vec::new();
        while let Some(now) = schedule.next_due().filter(|due| *due < end) {
            match schedule.poll(now) {
                Some(Turn::Visit { id, due }) => {
                    assert_eq!(due, now);
                    visits.push((now, id));
                    schedule.finished(id);
                }
                other => panic!("{other:?}"),
            }
        }
        visits
    }

    #[test]
    fn a_small_fleet_is_seen_soon_and_then_keeps_its_interval_without_drift() {
        let start = Instant::now();
        let mut schedule = schedule(10, MINUTE, start);
        let visits = drive(&mut schedule, start + MINUTE * 1_000);
        assert!(
            visits[9].0 < start + Duration::from_millis(100),
            "all ten within a tenth of a second"
        );
        for id in (0..10).map(SlotId) {
            let times: Vec<Instant> = visits
                .iter()
                .filter(|visit| visit.1 == id)
                .map(|visit| visit.0)
                .collect();
            assert!((998..=1001).contains(&times.len()), "{}", times.len());
            assert!(times[1] - times[0] >= MINUTE * 3 / 10 && times[1] - times[0] <= MINUTE * 17 / 10);
            let mut distinct = std::collections::HashSet::new();
            for (round, pair) in times[1..].windows(2).enumerate() {
                let gap = pair[1] - pair[0];
                assert!(
                    gap >= MINUTE * 8 / 10 && gap <= MINUTE * 12 / 10,
                    "round {round}: {gap:?}"
                );
                distinct.insert(gap);
            }
            assert!(distinct.len() > 900, "the jitter differs from round to round");
        }
    }

    #[test]
    fn a_large_fleet_does_not_burst() {
        let start = Instant::now();
        let mut schedule = schedule(10_000, MINUTE, start);
        let visits = drive(&mut schedule, start + MINUTE * 5);
        let mut per_second = vec![0_u32; 301];
        for (at, _) in &visits {
            per_second[usize::try_from((*at - start).as_secs()).unwrap()] += 1;
        }
        assert!((49_000..51_500).contains(&visits.len()), "{}", visits.len());
        // 167 a second on average; the first round's end and the second's beginning overlap.
        assert!(per_second.iter().all(|visits| *visits < 350), "{per_second:?}");
        assert!(
            per_second[130..290]
                .iter()
                .all(|visits| (100..240).contains(visits)),
            "{per_second:?}"
        );
    }

    #[test]
    fn a_target_that_hangs_loses_its_own_turns_only() {
        let start = Instant::now();
        let mut schedule = schedule(2, MINUTE, start);
        let (hanging, quick) = (SlotId(0), SlotId(1));
        let (mut quick_visits, mut hanging_visits, mut skipped) = (0, 0, 0);
        while let Some(now) = schedule.next_due().filter(|due| *due < start + MINUTE * 10) {
            match schedule.poll(now) {
                Some(Turn::Visit { id, .. }) if id == quick => {
                    quick_visits += 1;
                    schedule.finished(id);
                }
                Some(Turn::Visit { id, .. }) => {
                    assert_eq!(id, hanging);
                    hanging_visits += 1;
                }
                Some(Turn::Skipped { id, interval }) => {
                    assert_eq!((id, interval), (hanging, MINUTE));
                    skipped += 1;
                }
                None => panic!("a due slot has a turn"),
            }
        }
        assert_eq!(hanging_visits, 1);
        assert!(
            (9..=11).contains(&quick_visits) && (8..=10).contains(&skipped),
            "{quick_visits} {skipped}"
        );
        schedule.finished(hanging);
        let now = schedule.next_due().unwrap() + MINUTE * 2;
        assert!(
            std::iter::from_fn(|| schedule.poll(now))
                .any(|turn| matches!(turn, Turn::Visit { id, .. } if id == hanging))
        );
    }

    #[test]
    fn turns_that_passed_while_the_machine_slept_are_not_made_up_for() {
        let start = Instant::now();
        let mut schedule = schedule(2, MINUTE, start);
        drive(&mut schedule, start + MINUTE * 3);
        let late = start + MINUTE * 600;
        assert_eq!(std::iter::from_fn(|| schedule.poll(late)).count(), 2);
        assert!(schedule.next_due().unwrap() > late);
        assert!(schedule.next_due().unwrap() < late + MINUTE * 2);
    }

    #[test]
    fn a_removed_slot_is_gone_and_the_others_stay_where_they_were() {
        let start = Instant::now();
        let mut changed = schedule(5, MINUTE, start);
        let mut same = schedule(5, MINUTE, start);
        let half = start + MINUTE / 2;
        drive(&mut changed, half);
        drive(&mut same, half);
        changed.remove(SlotId(3));
        changed.finished(SlotId(3));
        changed.add([(SlotId(9), "new", MINUTE)].into_iter(), half);
        let end = start + MINUTE * 20;
        let kept = |visits: Vec<(Instant, SlotId)>| -> Vec<_> {
            visits
                .into_iter()
                .filter(|(_, id)| ![SlotId(3), SlotId(9)].contains(id))
                .collect()
        };
        let after = drive(&mut changed, end);
        assert!(after.iter().all(|(_, id)| *id != SlotId(3)));
        assert!(after.iter().any(|(_, id)| *id == SlotId(9)));
        assert_eq!(kept(after), kept(drive(&mut same, end)));
        assert_eq!(Schedule::new().next_due(), None);
    }

    #[test]
    fn the_hash_of_a_name_never_changes() {
        assert_eq!(stable_hash("acme-sbc-1"), stable_hash("acme-sbc-1"));
        assert_eq!(part_of(MINUTE, 0), Duration::ZERO);
        assert!(part_of(MINUTE, u64::MAX) < MINUTE);
    }
}
