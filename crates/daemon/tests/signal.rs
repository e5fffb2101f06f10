//! SIGHUP, in a process of its own: a signal is for the whole process.

#![cfg(unix)]

mod common;

use common::reader::value;
use common::{Configuration, Daemon, Script, plan};
use std::process::Command;
use std::time::Duration;

#[tokio::test]
async fn a_hangup_loads_the_configuration_again() {
    let interval = Duration::from_secs(3_600);
    let configuration = Configuration::new(plan(&["a", "b"], interval));
    let daemon = Daemon::start(configuration.load(), Script::default()).await;
    daemon
        .until("the load", |samples| {
            value(samples, "siptls_targets", &[]) == Some(2.0)
        })
        .await;
    configuration.set(Ok(plan(&["a", "b", "c"], interval)));
    let status = Command::new("kill")
        .args(["-HUP", &std::process::id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    daemon
        .until("the reload", |samples| {
            value(samples, "siptls_targets", &[]) == Some(3.0)
        })
        .await;
    daemon.stop().await.unwrap();
}
