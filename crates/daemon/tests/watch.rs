//! The files of the configuration under a running daemon. Time is the runtime's: nothing really sleeps.

mod common;

use common::{Daemon, Script};
use std::fs::{create_dir, remove_file, write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// Two looks and a little more: as long as it takes until a change is seen and loaded.
const SEEN: Duration = Duration::from_millis(10_500);

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn targets(folder: &Path, file: &str, name: &str) {
    let text = format!("- {{name: {name}, endpoint: sbc.example.test}}\n");
    write(folder.join(file), text).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_target_file_is_loaded_and_one_with_faults_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("siptls-probe.yaml");
    let shown = folder.path().join("targets");
    create_dir(&shown).unwrap();
    write(
        &main,
        "probe: {interval: 20s}\ntargets: [{name: a, endpoint: sbc.example.test}]\ntarget_files: ['targets/*.yaml']\n",
    )
    .unwrap();
    let script = Script::default();
    let loads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&loads);
    let daemon = Daemon::start(
        Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            siptls_config::load(&main)
        }),
        script.clone(),
    )
    .await;
    let visits = |name: &str| script.visits(name).len();
    let loads = || loads.load(Ordering::Relaxed);

    sleep(Duration::from_secs(60)).await;
    assert_eq!(loads(), 1, "nothing changed");
    assert!(visits("a") >= 2);

    // A further file of the pattern.
    targets(&shown, "b.yaml", "b");
    sleep(SEEN).await;
    assert_eq!(loads(), 2);
    assert_eq!(visits("b"), 1, "a new target is visited soon");

    // One with faults: once tried, once refused, and both targets are visited on.
    write(shown.join("b.yaml"), "- {name: b, endpiont: sbc.example.test}\n").unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(loads(), 3, "tried once");
    let before = (visits("a"), visits("b"));
    sleep(Duration::from_secs(60)).await;
    assert!(
        visits("a") >= before.0 + 2 && visits("b") >= before.1 + 2,
        "the last good one stays"
    );

    // Mended, with another target.
    targets(&shown, "b.yaml", "c");
    sleep(SEEN).await;
    assert_eq!((loads(), visits("c")), (4, 1));
    let before = (visits("a"), visits("b"));
    remove_file(shown.join("b.yaml")).unwrap();
    sleep(SEEN).await;
    let gone = visits("c");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(loads(), 5);
    assert!(visits("a") >= before.0 + 2);
    assert_eq!(
        (visits("b"), visits("c")),
        (before.1, gone),
        "gone with their files"
    );
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_made_the_last_load_fail_is_watched_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("siptls-probe.yaml");
    let target = "targets: [{name: a, endpoint: sbc.example.test}]\n";
    write(&main, target).unwrap();
    let script = Script::default();
    let path = main.clone();
    let daemon = Daemon::start(Box::new(move || siptls_config::load(&path)), script.clone()).await;
    sleep(Duration::from_secs(1)).await;
    write(&main, format!("{target}target_files: [more.yaml]\n")).unwrap();
    sleep(SEEN).await;
    targets(folder.path(), "more.yaml", "b");
    sleep(SEEN).await;
    assert_eq!(
        (script.visits("a").len(), script.visits("b").len()),
        (1, 1),
        "what was missing came"
    );
    daemon.stop().await.unwrap();
}
