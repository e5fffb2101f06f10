//! Who is visited when, with the clock in the tests' hands.

mod common;

use common::{Configuration, Daemon, Play, Script, plan};
use siptls_daemon::Options;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_hanging_target_costs_its_own_slot_only() {
    let script = Script::of(&[("hangs", Play::Hang)]);
    let daemon = Daemon::start(
        Configuration::new(plan(&["hangs", "quick"], MINUTE)).load(),
        script.clone(),
    )
    .await;
    // Its visit is dropped as a fault of ours only after the deadlines of all addresses.
    sleep(Duration::from_secs(170)).await;
    assert_eq!(script.visits("hangs").len(), 1);
    assert!(
        (2..=4).contains(&script.visits("quick").len()),
        "{:?}",
        script.visits("quick")
    );
    sleep(MINUTE * 45).await;
    assert!((2..=4).contains(&script.visits("hangs").len()));
    assert!((44..=51).contains(&script.visits("quick").len()));
    assert_eq!(script.most_at_once(), 1);
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn at_most_so_many_visits_at_once_and_each_gets_its_turn() {
    let slow = Play::Answer(vec!["192.0.2.1:5061"], Duration::from_secs(1));
    let names: Vec<String> = (0..20).map(|index| format!("target-{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let script = Script::default();
    names.iter().for_each(|name| script.set(name, slow.clone()));
    let options = Options {
        concurrency: 5,
        ..Options::default()
    };
    let start = Instant::now();
    let daemon = Daemon::with(
        options,
        Configuration::new(plan(&names, MINUTE)).load(),
        script.clone(),
    )
    .await;
    sleep(Duration::from_millis(4_900)).await;
    let mut begun: Vec<Instant> = names.iter().flat_map(|name| script.visits(name)).collect();
    begun.sort_unstable();
    assert_eq!(begun.len(), 20);
    for (index, at) in begun.iter().enumerate() {
        let round = Duration::from_secs(u64::try_from(index).unwrap() / 5);
        assert!(
            *at >= start + round && *at < start + round + Duration::from_millis(500),
            "{index}: {:?}",
            *at - start
        );
    }
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_visits_that_end_and_drops_those_that_do_not() {
    let script = Script::of(&[
        (
            "ends",
            Play::Answer(vec!["192.0.2.1:5061"], Duration::from_secs(2)),
        ),
        ("hangs", Play::Hang),
    ]);
    let daemon = Daemon::start(
        Configuration::new(plan(&["ends", "hangs"], MINUTE)).load(),
        script.clone(),
    )
    .await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(
        (script.visits("ends").len(), script.visits("hangs").len()),
        (1, 1)
    );
    let stop = Instant::now();
    daemon.stop().await.unwrap();
    let took = stop.elapsed();
    assert!(
        took >= Duration::from_secs(3) && took < Duration::from_secs(5),
        "{took:?}"
    );

    let daemon = Daemon::start(
        Configuration::new(plan(&["ends", "quick"], MINUTE)).load(),
        script.clone(),
    )
    .await;
    sleep(Duration::from_millis(500)).await;
    let stop = Instant::now();
    daemon.stop().await.unwrap();
    let took = stop.elapsed();
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(2),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_turn_at_the_stop_does_not_begin() {
    let slow = Play::Answer(vec!["192.0.2.1:5061"], Duration::from_secs(1));
    let script = Script::of(&[("a", slow.clone()), ("b", slow)]);
    let options = Options {
        concurrency: 1,
        ..Options::default()
    };
    let daemon = Daemon::with(
        options,
        Configuration::new(plan(&["a", "b"], MINUTE)).load(),
        script.clone(),
    )
    .await;
    sleep(Duration::from_millis(500)).await;
    daemon.stop().await.unwrap();
    assert_eq!(script.visits("a").len() + script.visits("b").len(), 1);
}
