//! One shard of several: its own targets, and the load balancers of others that their deadline needs.

mod common;

use common::{Configuration, Daemon, Play, Script, plan, reader};
use siptls_config::{Plan, PlannedTarget};
use siptls_daemon::{Options, Shard};
use siptls_model::{Depth, Reason, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const MINUTE: Duration = Duration::from_secs(60);
const LB01: &str = "lb01.voice.euc1.pure.cloud";
const LB02: &str = "lb02.voice.euc1.pure.cloud";

fn shard(text: &str) -> Shard {
    Shard::parse(text, String::new).expect("a shard")
}

fn options(text: &str) -> Options {
    Options {
        shard: Some(shard(text)),
        ..Options::default()
    }
}

/// Targets with the first two load balancers of euc1; those that begin with `dialled` are dialled by them.
fn watched(names: &[&str]) -> Plan {
    let mut watched = plan(names, MINUTE);
    for planned in &mut watched.targets {
        change(planned, |target| {
            target.peer_region = target.name.starts_with("dialled").then(|| "euc1".to_owned());
        });
    }
    let mut balancers = plan(&[LB01, LB02], MINUTE).targets;
    for planned in &mut balancers {
        change(planned, |target| {
            target.endpoint = target.name.parse().expect("a name")
        });
    }
    watched.targets.extend(balancers);
    watched
}

fn change(planned: &mut PlannedTarget, change: impl FnOnce(&mut Target)) {
    let mut target = Target::clone(&planned.target);
    change(&mut target);
    planned.target = Arc::new(target);
}

/// Who has series.
fn shown(samples: &[reader::Sample]) -> Vec<String> {
    let up = samples.iter().filter(|sample| sample.name == "siptls_up");
    let mut names: Vec<String> = up.map(|sample| sample.labels["target"].clone()).collect();
    names.sort();
    names
}

/// Where everybody belongs, so that the tests below say what they mean.
#[test]
fn who_belongs_where() {
    let belongs = |name: &str| shard("0/3").of(name).index();
    assert_eq!([LB01, LB02].map(belongs), [1, 2]);
    assert_eq!(
        ["dialled-1", "dialled-4", "other-1", "other-2"].map(belongs),
        OF_THREE
    );
}

const OF_THREE: [u32; 4] = [1, 2, 1, 0];

#[tokio::test(start_paused = true)]
async fn a_shard_shows_its_own_targets_and_says_where_others_are() {
    let script = Script::default();
    let names = ["dialled-1", "dialled-4", "other-1", "other-2"];
    let mut all = Vec::new();
    for text in ["0/3", "1/3", "2/3"] {
        let plan = Configuration::new(watched(&names));
        let daemon = Daemon::with(options(text), plan.load(), script.clone()).await;
        sleep(MINUTE * 3).await;
        let samples = daemon.samples().await;
        let names = shown(&samples);
        assert!(
            names.iter().all(|name| shard(text).owns(name)),
            "{text}: {names:?}"
        );
        let value = |name: &str| samples.iter().find(|sample| sample.name == name).unwrap().value;
        assert_eq!(value("siptls_targets"), names.len() as f64);
        assert_eq!((value("siptls_shards"), value("siptls_shard_info")), (3.0, 1.0));
        let page = daemon.get("/").await.text();
        assert!(page.contains(&format!("shard {text}, ")), "{page}");
        for name in [LB01, LB02, "dialled-1", "other-2"] {
            let row = page.contains(&format!("<bdi>{name}</bdi></a>"));
            let here = shard(text).owns(name);
            assert_eq!(row, here, "{text}: {name}");
            for path in [
                "/targets/",
                "/probe?target=",
                "/api/v1/reports/",
                "/api/v1/changes?target=",
            ] {
                let answer = daemon.get(&format!("{path}{name}")).await;
                assert_eq!(
                    answer.status,
                    if here { 200 } else { 404 },
                    "{text}: {path}{name}"
                );
                let owner = shard(text).of(name);
                let part = format!("belongs to shard {owner}, this is shard {text}");
                assert_eq!(
                    answer.text().contains(&part),
                    !here,
                    "{text}: {path}{name}: {}",
                    answer.text()
                );
            }
        }
        let nobody = daemon.get("/probe?target=nobody").await;
        assert_eq!(nobody.status, 404);
        assert!(nobody.text().contains("no target is named `nobody`"));
        all.extend(names);
        daemon.stop().await.unwrap();
    }
    all.sort();
    let mut expected = [&names[..], &[LB01, LB02]].concat();
    expected.sort_unstable();
    assert_eq!(all, expected);
}

/// A target's name may be an endpoint as well, and then it is the other shard's all the same.
#[tokio::test]
async fn a_question_for_another_shards_target_is_no_question_for_a_destination() {
    let name = ["sbc-1.invalid", "sbc-2.invalid", "sbc-3.invalid", "sbc-4.invalid"]
        .into_iter()
        .find(|name| !shard("0/2").owns(name))
        .unwrap();
    let mut plan = plan(&[name], MINUTE);
    plan.destinations.allow = vec!["10.0.0.0/8".parse().unwrap()];
    let plan = Configuration::new(plan);
    let daemon = Daemon::with(options("0/2"), plan.load(), Script::default()).await;
    while daemon.get("/-/ready").await.status == 503 {}
    let answer = daemon.get(&format!("/probe?target={name}")).await;
    let expected = format!("target `{name}` belongs to shard 1/2, this is shard 0/2\n");
    assert_eq!((answer.status, answer.text()), (404, expected));
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_of_another_shard_is_read_once_an_hour() {
    let script = Script::default();
    let owner = shard("0/3").of("dialled-1");
    let plan = Configuration::new(watched(&["dialled-1"]));
    let daemon = Daemon::with(options(&owner.to_string()), plan.load(), script.clone()).await;
    let foreign: Vec<&str> = [LB01, LB02]
        .into_iter()
        .filter(|name| !owner.owns(name))
        .collect();
    assert!(!foreign.is_empty());
    sleep(MINUTE * 60 * 5).await;
    assert!(script.visits("dialled-1").len() > 290);
    for name in &foreign {
        let errands = script.errands(name);
        assert!((5..=6).contains(&errands.len()), "{name}: {errands:?}");
        assert!(
            errands
                .iter()
                .all(|(depth, identities)| *depth == Depth::Hello && identities.is_empty()),
            "{errands:?}"
        );
    }
    // One that cannot be read is tried again sooner.
    let refused = foreign[0];
    let before = script.visits(refused).len();
    script.set(refused, Play::Refuse(Reason::NameNotFound));
    sleep(MINUTE * 60 * 4).await;
    let tried = script.visits(refused).len() - before;
    assert!((18..=25).contains(&tried), "{tried}");
    // A region that no target of this shard is dialled from is left alone.
    plan.set(Ok(watched(&["other-1"])));
    assert_eq!(daemon.post("/-/reload").await.status, 200);
    sleep(MINUTE).await;
    let before: Vec<usize> = foreign.iter().map(|name| script.visits(name).len()).collect();
    sleep(MINUTE * 60 * 3).await;
    let after: Vec<usize> = foreign.iter().map(|name| script.visits(name).len()).collect();
    assert_eq!(before, after);
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_a_companion_what_was_seen() {
    let script = Script::default();
    let owner = shard("0/3").of("dialled-1");
    let plan = Configuration::new(watched(&["dialled-1"]));
    let daemon = Daemon::with(options(&owner.to_string()), plan.load(), script.clone()).await;
    let foreign = [LB01, LB02].into_iter().find(|name| !owner.owns(name)).unwrap();
    sleep(MINUTE).await;
    for _ in 0..5 {
        assert_eq!(daemon.post("/-/reload").await.status, 200);
        sleep(MINUTE * 5).await;
    }
    assert_eq!(script.visits(foreign).len(), 1);
    daemon.stop().await.unwrap();
}
