//! Client identities under a running daemon: with which visits they travel, how long a result stays, and what a renewal of
//! their files does. Time is the runtime's: nothing really sleeps.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "test code may panic")]

mod common;

use common::reader::value;
use common::{Daemon, Script};
use siptls_model::Depth;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

const MINUTE: Duration = Duration::from_secs(60);
/// Two looks at the files and a little more.
const SEEN: Duration = Duration::from_millis(10_500);

/// A configuration with identities on disk.
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new(identities: &str) -> Self {
        let room = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["today", "tomorrow", "new"] {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec![format!("{name}.example.test")]).unwrap();
            fs::write(
                room.at(&format!("{name}.pem")),
                params.self_signed(&key).unwrap().pem(),
            )
            .unwrap();
            room.key(name, key.serialize_pem());
        }
        room.configure(identities);
        room
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn key(&self, name: &str, text: String) {
        let file = self.at(&format!("{name}.key"));
        fs::write(&file, text).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn configure(&self, identities: &str) {
        let text = format!(
            "probe: {{interval: 60s, survey_interval: 10m}}\n\
             client_identities:\n\
             - {{name: today, certificate: today.pem, key: today.key}}\n\
             - {{name: tomorrow, certificate: tomorrow.pem, key: tomorrow.key}}\n\
             targets:\n\
             - {{name: a, endpoint: a.example.test, client_identities: {identities}}}\n\
             - {{name: b, endpoint: b.example.test}}\n"
        );
        fs::write(self.at("siptls-probe.yaml"), text).unwrap();
    }

    async fn daemon(&self, script: &Script) -> Daemon {
        let main = self.at("siptls-probe.yaml");
        Daemon::start(Box::new(move || siptls_config::load(&main)), script.clone()).await
    }
}

/// `siptls_client_identity_accepted` of target `a`, and whether the last load succeeded.
async fn shown(daemon: &Daemon, identity: &str) -> (Option<f64>, Option<f64>) {
    // A paused clock runs ahead while a socket is waited for.
    tokio::time::resume();
    let samples = daemon.samples().await;
    tokio::time::pause();
    let labels = [("target", "a"), ("identity", identity)];
    (
        value(&samples, "siptls_client_identity_accepted", &labels),
        value(&samples, "siptls_config_last_reload_successful", &[]),
    )
}

#[tokio::test(start_paused = true)]
async fn identities_travel_with_surveys_alone_and_results_stay_until_the_next() {
    let room = Room::new("[today, tomorrow]");
    let script = Script::default();
    let daemon = room.daemon(&script).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(
        shown(&daemon, "today").await,
        (None, Some(1.0)),
        "not rehearsed yet"
    );
    sleep(MINUTE * 30).await;
    let errands = script.errands("a");
    assert!(
        errands
            .iter()
            .filter(|(depth, _)| *depth == Depth::Survey)
            .count()
            >= 2
    );
    assert!(
        errands
            .iter()
            .filter(|(depth, _)| *depth == Depth::Routine)
            .count()
            >= 20
    );
    for (depth, identities) in &errands {
        let expected: &[&str] = match depth {
            Depth::Survey => &["today", "tomorrow"],
            _ => &[],
        };
        assert_eq!(identities, expected, "{depth:?}");
    }
    let others = script.errands("b");
    assert!(others.iter().any(|(depth, _)| *depth == Depth::Survey));
    assert!(others.iter().all(|(_, identities)| identities.is_empty()));
    // The last visit was none of them, and yet the result is shown.
    assert_eq!(errands.last().map(|(depth, _)| *depth), Some(Depth::Routine));
    assert_eq!(shown(&daemon, "today").await.0, Some(1.0));

    // A probe on demand presents nothing; it shows what the target's own surveys found.
    tokio::time::resume();
    let before = script.errands("a").len();
    let text = async |path| String::from_utf8(daemon.get(path).await.body).unwrap();
    let answer = text("/probe?target=a&debug=true").await;
    let page = text("/targets/a").await;
    tokio::time::pause();
    let errands = script.errands("a");
    assert_eq!(errands.len(), before + 1);
    assert_eq!(errands.last(), Some(&(Depth::Routine, Vec::new())));
    assert!(answer.contains("identity=\"tomorrow\"} 1"), "{}", answer);
    assert!(page.contains("<h3>Removal day</h3>") && page.contains("tomorrow"));
    assert!(page.contains("&lt;i&gt;as the script says"), "{}", page);

    // A reload that takes an identity away takes its result away.
    room.configure("[today]");
    sleep(SEEN).await;
    assert_eq!(shown(&daemon, "tomorrow").await, (None, Some(1.0)));
    assert_eq!(shown(&daemon, "today").await.0, None, "another target now");
    sleep(MINUTE * 5).await;
    assert_eq!(shown(&daemon, "today").await.0, Some(1.0));
    assert_eq!(shown(&daemon, "tomorrow").await.0, None);
    daemon.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_renewal_caught_half_way_leaves_the_last_good_pair_in_use() {
    let room = Room::new("[today]");
    let script = Script::default();
    let daemon = room.daemon(&script).await;
    sleep(MINUTE * 5).await;
    assert_eq!(shown(&daemon, "today").await, (Some(1.0), Some(1.0)));
    let surveys = || script.surveys("a").len();

    fs::copy(room.at("new.pem"), room.at("today.pem")).unwrap();
    sleep(SEEN).await;
    assert_eq!(shown(&daemon, "today").await, (Some(1.0), Some(0.0)), "refused");
    let before = surveys();
    sleep(MINUTE * 30).await;
    assert!(surveys() > before, "the last good pair is presented on");
    assert!(
        script
            .errands("a")
            .iter()
            .all(|(depth, identities)| { (*depth == Depth::Survey) == (identities == &["today"]) })
    );

    fs::copy(room.at("new.key"), room.at("today.key")).unwrap();
    let visits = script.visits("a").len();
    sleep(SEEN).await;
    assert_eq!(
        shown(&daemon, "today").await,
        (Some(1.0), Some(1.0)),
        "the same target: what was seen of it stays"
    );
    assert!(script.visits("a").len() <= visits + 1, "it keeps its turn");
    daemon.stop().await.unwrap();
}
