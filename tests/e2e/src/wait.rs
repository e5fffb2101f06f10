//! Waiting for a condition with a deadline: the only place where a test sleeps.

use std::thread;
use std::time::{Duration, Instant};

/// How long a real peer may take to become ready or to answer: generous, because a loaded machine must not fail a test.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks `look` until it gives a value, for at most `deadline`.
///
/// # Panics
///
/// When the deadline passes; the message names `what` was expected.
pub fn until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            started.elapsed() < deadline,
            "expected {what} within {deadline:?}, waited in vain"
        );
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_until_there_is_an_answer() {
        let mut questions = 0;
        let answer = until("an answer", DEADLINE, || {
            questions += 1;
            (questions == 3).then_some(questions)
        });
        assert_eq!(answer, 3);
    }

    #[test]
    #[should_panic(expected = "expected rain within 20ms, waited in vain")]
    fn says_what_it_waited_for() {
        until("rain", Duration::from_millis(20), || None::<()>);
    }
}
