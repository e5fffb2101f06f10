//! Prometheus, scraping one address once a second, and `promtool`.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::http::{encode, http_get};
use crate::peer::Peer;
use crate::port::Port;
use crate::process::{Running, finish, folder};
use crate::wait::{DEADLINE, until};

/// A running Prometheus with its own storage.
#[derive(Debug)]
pub struct Prometheus {
    running: Running,
    port: Port,
}

impl Prometheus {
    /// Starts one that scrapes `/metrics` of `target` every second as job `siptls`.
    ///
    /// # Panics
    ///
    /// When it is not ready in time; the message carries its log.
    pub fn scraping(target: SocketAddr) -> Self {
        Self::configured(&format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             scrape_configs: [{{job_name: siptls, static_configs: [{{targets: ['{target}']}}]}}]\n"
        ))
    }

    /// Starts one with this configuration.
    ///
    /// # Panics
    ///
    /// When it is not ready in time; the message carries its log.
    pub fn configured(configuration: &str) -> Self {
        Self::started(configuration, &[])
    }

    /// Starts one with this configuration and further arguments.
    ///
    /// # Panics
    ///
    /// When it is not ready in time; the message carries its log.
    pub fn started(configuration: &str, arguments: &[&str]) -> Self {
        let port = Port::lease();
        let folder = folder("prometheus");
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration).expect("write prometheus.yml");
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ));
        command.arg(format!("--web.listen-address={}", port.address()));
        command.args(arguments);
        let running = Running::start("prometheus", folder, command).listening(port.number());
        until("Prometheus to be ready", DEADLINE, || {
            http_get(port.address(), "/-/ready")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        Self { running, port }
    }

    /// Result of an instant query: `data.result` of its answer, empty when nothing matches.
    ///
    /// # Panics
    ///
    /// When Prometheus refuses the expression.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let answer = self.api(&format!("query?query={}", encode(expression)));
        answer["result"].as_array().cloned().unwrap_or_default()
    }

    /// The one value an expression has now; `None` when it has none.
    ///
    /// # Panics
    ///
    /// When it has more than one.
    pub fn value(&self, expression: &str) -> Option<f64> {
        let result = self.query(expression);
        assert!(
            result.len() <= 1,
            "expected one series for {expression}, found {result:?}"
        );
        result.first()?["value"][1].as_str()?.parse().ok()
    }

    /// Waits until the expression gives at least one series.
    ///
    /// # Panics
    ///
    /// When the deadline passes.
    pub fn await_query(&self, expression: &str) -> Vec<Value> {
        until(&format!("Prometheus to answer {expression}"), DEADLINE, || {
            Some(self.query(expression)).filter(|result| !result.is_empty())
        })
    }

    /// `data` of an answer of the API: `targets`, `rules`, `alerts`, `metadata`.
    ///
    /// # Panics
    ///
    /// When the answer is no success.
    pub fn api(&self, path: &str) -> Value {
        let answer = http_get(self.port.address(), &format!("/api/v1/{path}")).expect("ask Prometheus");
        let document = answer.json();
        assert_eq!(
            document["status"], "success",
            "expected success for {path}, found {document}"
        );
        document["data"].clone()
    }
}

impl Peer for Prometheus {
    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn running(&self) -> &Running {
        &self.running
    }
}

/// Asks `promtool check metrics` about an exposition.
///
/// # Errors
///
/// What it complains about; promtool ends with 3 for style and 1 for syntax.
pub fn check_metrics(exposition: &str) -> Result<(), String> {
    let finished = finish(
        Command::new("promtool").args(["check", "metrics"]),
        exposition.as_bytes(),
        DEADLINE,
    );
    if finished.code == Some(0) && finished.stderr.is_empty() {
        return Ok(());
    }
    Err(format!(
        "promtool ended with {:?}: {}{}",
        finished.code, finished.stdout, finished.stderr
    ))
}
