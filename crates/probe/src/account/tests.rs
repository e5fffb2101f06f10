use super::*;
use siptls_model::{Phase, ProbeError, Timestamp};
use std::sync::Arc;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn target(interval: Duration, connections_per_hour: u32) -> Target {
    Target {
        interval,
        connections_per_hour,
        ..Target::new("a", "sbc.example.test".parse().unwrap(), "")
    }
}

fn seen(reason: Option<Reason>) -> Observation {
    let target = Arc::new(target(MINUTE, 600));
    Observation {
        error: reason.map(|reason| ProbeError {
            phase: Phase::Connect,
            reason,
            message: String::new(),
        }),
        ..Observation::blank(&target, None, Timestamp::UNIX_EPOCH)
    }
}

/// Turns one interval apart, some early and some late, from `start` on; the moments of those that were no postponed visits.
fn refused_visits(account: &mut Account, target: &Target, start: Instant, turns: u32) -> Vec<Duration> {
    let mut visits = Vec::new();
    for turn in 0..turns {
        // ±10 %, as the schedule has it.
        let jitter = target.interval.mul_f64(f64::from(turn * 7 % 21) / 105.0);
        let now = start + target.interval * (turn + 1) + jitter - target.interval / 10;
        if account.postponed(target, now).is_none() {
            account.visited(&seen(Some(Reason::ConnectionRefused)), now);
            visits.push(now - start);
        }
    }
    visits
}

#[test]
fn pauses_double_after_three_refusals_and_end_with_the_first_other_outcome() {
    let start = Instant::now();
    let target = target(SECOND * 10, 10_000);
    let mut account = Account::new(start);
    let visits = refused_visits(&mut account, &target, start, 60);
    let pauses: Vec<f64> = visits
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64() / 10.0)
        .collect();
    for (pause, intervals) in pauses.iter().zip([1.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]) {
        assert!((pause - intervals).abs() < 0.5, "{pauses:?}");
    }
    assert!(pauses.len() >= 7, "{pauses:?}");
    let now = start + *visits.last().unwrap() + SECOND;
    assert_eq!(account.standing(&target, now).pause, SECOND * 80);
    assert_eq!(
        account.postponed(&target, now).as_deref(),
        Some(
            format!(
                "backing off after {} refusals in a row: next visit in 79 s",
                visits.len()
            )
            .as_str()
        )
    );
    assert_eq!(
        account.survey_postponed(&target, now + SECOND * 85),
        Some(format!("backing off after {} refusals in a row", visits.len()))
    );
    assert_eq!(
        account.standing(&target, now + SECOND * 79).pause,
        Duration::ZERO,
        "over"
    );
    assert_eq!(account.postponed(&target, now + SECOND * 79), None);
    account.visited(&seen(None), now);
    assert_eq!(account.postponed(&target, now), None);
    assert_eq!(account.survey_postponed(&target, now), None);
    assert_eq!(account.standing(&target, now).pause, Duration::ZERO);
}

#[test]
fn an_endpoint_that_comes_back_is_seen_within_five_minutes_whatever_the_interval() {
    for interval in [1, 5, 30, 37, 38, 60, 90, 119, 150, 180, 239, 240, 299].map(Duration::from_secs) {
        let start = Instant::now();
        let target = target(interval, 100_000);
        let visits = refused_visits(&mut Account::new(start), &target, start, 2_000);
        let longest = visits.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        let most = LONGEST_PAUSE.max(interval.mul_f64(1.2));
        assert!(longest <= most, "{interval:?}: {longest:?}");
        let expected = (interval * 8).min(LONGEST_PAUSE.saturating_sub(interval.mul_f64(2.5)));
        assert!(longest >= expected, "{interval:?}: {longest:?}");
        assert!(visits.len() >= 10, "{interval:?}");
    }
    // From five minutes on no turn is lost.
    let start = Instant::now();
    let target = target(MINUTE * 5, 600);
    let mut account = Account::new(start);
    assert_eq!(refused_visits(&mut account, &target, start, 100).len(), 100);
    assert_eq!(
        account.standing(&target, start + MINUTE * 501).pause,
        Duration::ZERO
    );
}

#[test]
fn only_what_a_peer_refuses_or_leaves_unanswered_before_sip_is_a_refusal() {
    let refusals = Reason::ALL.iter().filter(|reason| is_refusal(**reason)).count();
    assert_eq!(refusals, 9);
    let now = Instant::now();
    for (reason, pauses) in [
        (Reason::ConnectTimeout, true),
        (Reason::HandshakeRefused, true),
        (Reason::ClientCertificateRequired, true),
        (Reason::SipTimeout, false),
        (Reason::PlainSip, false),
        (Reason::LocalResource, false),
    ] {
        let mut account = Account::new(now);
        for _ in 0..10 {
            account.visited(&seen(Some(reason)), now);
        }
        assert_eq!(
            account.postponed(&target(MINUTE, 600), now).is_some(),
            pauses,
            "{reason}"
        );
    }
    // Not in a row.
    let mut account = Account::new(now);
    for reason in [
        Some(Reason::TlsTimeout),
        Some(Reason::TlsTimeout),
        None,
        Some(Reason::TlsTimeout),
    ] {
        account.visited(&seen(reason), now);
    }
    assert_eq!(account.postponed(&target(MINUTE, 600), now), None);
}

#[test]
fn no_hour_has_more_connections_than_the_budget() {
    let start = Instant::now();
    let target = target(MINUTE, 60);
    let mut account = Account::new(start);
    let mut connections: Vec<Instant> = Vec::new();
    // Somebody who wants to connect every 7 seconds, for a day.
    for second in (0..86_400).step_by(7) {
        let now = start + SECOND * second;
        match account.postponed(&target, now) {
            None => {
                account.connect(now);
                connections.push(now);
            }
            Some(message) => {
                assert!(
                    message.starts_with(
                        "the budget of 60 connections an hour to this address is used up: next visit in "
                    ),
                    "{message}"
                );
                assert_eq!(account.standing(&target, now).connections_left, 0);
            }
        }
    }
    for pair in connections.windows(61) {
        assert!(pair[60] - pair[0] >= HOUR, "61 within {:?}", pair[60] - pair[0]);
    }
    // And hardly fewer: 60 in 61 minutes.
    assert!(
        connections.len() >= 24 * 60 * 60 / 61 - 60,
        "{}",
        connections.len()
    );
}

#[test]
fn the_next_visit_comes_when_it_is_said_to() {
    let start = Instant::now();
    let target = target(MINUTE, 2);
    let mut account = Account::new(start);
    account.connect(start);
    account.connect(start + MINUTE * 40);
    for (at, left) in [
        (MINUTE * 41, "20 min"),
        (MINUTE * 59, "120 s"),
        (MINUTE * 60 + SECOND, "59 s"),
    ] {
        let message = account.postponed(&target, start + at).unwrap();
        assert!(message.ends_with(&format!("next visit in {left}")), "{message}");
    }
    assert_eq!(account.postponed(&target, start + MINUTE * 61), None);
    assert_eq!(account.standing(&target, start + MINUTE * 61).connections_left, 1);
    // The same connections under another target's budget.
    let other = super::Account::clone(&account).standing(&self::target(MINUTE, 600), start + MINUTE * 61);
    assert_eq!(other.connections_left, 599);
    account.connect(start + MINUTE * 61);
    assert!(
        account
            .postponed(&target, start + MINUTE * 61)
            .unwrap()
            .ends_with("next visit in 40 min")
    );
}

#[test]
fn a_survey_needs_room_for_a_small_one_and_ends_with_the_budget() {
    let now = Instant::now();
    let target = target(MINUTE, 10);
    let mut account = Account::new(now);
    account.connect(now);
    account.connect(now);
    assert_eq!(account.survey_postponed(&target, now), None);
    account.connect(now);
    assert_eq!(
        account.survey_postponed(&target, now).as_deref(),
        Some(
            "7 of the budget of 10 connections an hour to this address are left, and a survey takes 8 or more"
        )
    );
    for _ in 0..6 {
        account.connect(now);
        assert_eq!(account.survey_stopped(&target, now), None);
    }
    account.connect(now);
    assert_eq!(
        account.survey_stopped(&target, now).as_deref(),
        Some("the budget of 10 connections an hour to this address is used up")
    );
}

#[test]
fn steps_that_passed_unseen_are_empty() {
    let start = Instant::now();
    let mut hour = Hour::new(start);
    for _ in 0..70_000 {
        hour.add(start);
    }
    assert_eq!(hour.count(start), u32::from(u16::MAX), "as many as a step holds");
    assert_eq!(hour.count(start + MINUTE * 60 + SECOND * 59), u32::from(u16::MAX));
    assert_eq!(hour.count(start + MINUTE * 61), 0);
    hour.add(start + MINUTE * 100);
    assert_eq!(hour.count(start + MINUTE * 1_000_000), 0);
    // A moment before the step under way counts in it.
    hour.add(start);
    assert_eq!(hour.count(start + MINUTE * 1_000_000), 1);
}

#[test]
fn refusals_of_questions_leave_the_schedule_alone_and_make_questions_wait() {
    let now = Instant::now();
    let target = target(MINUTE, 600);
    let mut account = Account::new(now);
    for _ in 0..10 {
        account.visited_asked(&seen(Some(Reason::HandshakeRefused)), now);
    }
    assert_eq!(account.postponed(&target, now), None);
    assert_eq!(account.standing(&target, now).pause, Duration::ZERO);
    assert!(!account.is_idle(now) && account.is_idle(now + HOUR));
    for is_stranger in [false, true] {
        let why = account.postponed_asked(&target, is_stranger, now).unwrap();
        assert!(why.starts_with("backing off after 10 refusals in a row"), "{why}");
    }
    account.visited_asked(&seen(None), now);
    assert_eq!(account.postponed_asked(&target, false, now), None);
    // What the schedule was refused holds for questions too, and no question's success ends it.
    for _ in 0..3 {
        account.visited(&seen(Some(Reason::HandshakeRefused)), now);
    }
    account.visited_asked(&seen(None), now);
    assert!(account.postponed_asked(&target, false, now).is_some());
    assert!(account.postponed(&target, now).is_some());
}

#[test]
fn questions_leave_the_schedule_what_it_needs() {
    let start = Instant::now();
    let mut target = target(MINUTE, 600);
    target.survey_interval = Some(HOUR);
    let stranger = self::target(MINUTE, 1_000);
    let mut account = Account::new(start);
    account.schedules(&target);
    let mut asked = 0;
    for number in 0..700_u32 {
        let is_stranger = number % 2 == 0;
        let asking = if is_stranger { &stranger } else { &target };
        match account.postponed_asked(asking, is_stranger, start) {
            None => {
                account.connect_asked(start);
                asked += 1;
            }
            Some(why) => assert_eq!(
                why,
                "the schedule needs what is left of the budget of 600 connections an hour to this address: next visit in 61 min"
            ),
        }
    }
    // 62 turns and a survey of sixteen.
    assert_eq!(asked, 600 - 62 - 16);
    // Every turn of the hour, early or late, finds a connection, and so does the survey.
    for turn in 0..62 {
        let now = start + SECOND * 59 * turn;
        assert_eq!(account.postponed(&target, now), None, "turn {turn}");
        account.connect(now);
    }
    for _ in 0..16 {
        assert_eq!(account.survey_stopped(&target, start), None);
        account.connect(start);
    }
    let later = start + MINUTE * 62;
    assert_eq!(account.postponed_asked(&target, false, later), None);
    // A budget that is smaller than what the schedule needs leaves nothing to questions.
    let small = self::target(MINUTE, 60);
    let mut account = Account::new(start);
    account.connect_asked(start);
    assert!(account.postponed_asked(&small, false, start).is_some());
    assert_eq!(account.postponed(&small, start), None);
    // Two targets at one address need more than each of them says.
    let mut account = Account::new(start);
    account.schedules(&target);
    for _ in 0..400 {
        account.connect(start);
    }
    for _ in 0..200 {
        assert_eq!(account.postponed_asked(&target, false, start), None);
        account.connect_asked(start);
    }
    assert!(account.postponed_asked(&target, false, start).is_some());
}
