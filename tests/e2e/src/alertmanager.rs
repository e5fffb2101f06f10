//! Alertmanager, and a webhook that keeps what it sends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::http::http_get;
use crate::peer::Peer;
use crate::port::Port;
use crate::process::{Running, complain, folder};
use crate::wait::{DEADLINE, until};

/// Far more than any notification has a reason to be.
const NOTIFICATION_AT_MOST: usize = 4 * 1024 * 1024;

/// How long an alert may take through hold-downs and groups, which a test may have made short but not none.
const HOLD_DOWNS: Duration = Duration::from_secs(60);

/// A running Alertmanager, alone in its cluster, with its own storage.
#[derive(Debug)]
pub struct Alertmanager {
    running: Running,
    port: Port,
}

impl Alertmanager {
    /// Starts one with this configuration.
    ///
    /// # Panics
    ///
    /// When it is not ready in time; the message carries its log.
    pub fn configured(configuration: &str) -> Self {
        let port = Port::lease();
        let folder = folder("alertmanager");
        let file = folder.path().join("alertmanager.yml");
        fs::write(&file, configuration).expect("write alertmanager.yml");
        let mut command = Command::new("prometheus-alertmanager");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={}", port.address()));
        command.arg("--cluster.listen-address=");
        let running = Running::start("alertmanager", folder, command).listening(port.number());
        until("Alertmanager to be ready", DEADLINE, || {
            http_get(port.address(), "/-/ready")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        Self { running, port }
    }
}

impl Peer for Alertmanager {
    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn running(&self) -> &Running {
        &self.running
    }
}

/// One alert as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Notified {
    /// The path that it was sent to: which receiver.
    pub path: String,
    /// The alert: `status`, `labels`, `annotations` and the rest of Alertmanager's webhook format.
    pub alert: Value,
}

impl Notified {
    /// Its status, `firing` or `resolved`.
    pub fn status(&self) -> &str {
        self.alert["status"].as_str().unwrap_or_default()
    }

    /// A label of it.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.alert["labels"][name].as_str()
    }

    /// An annotation of it.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.alert["annotations"][name].as_str()
    }
}

/// A web server that takes Alertmanager's notifications and keeps them.
#[derive(Debug)]
pub struct Webhook {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Notified>>>,
}

impl Webhook {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind the webhook");
        let address = listener.local_addr().expect("the webhook has an address");
        let received: Arc<Mutex<Vec<Notified>>> = Arc::default();
        let kept = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let alerts = take(stream).unwrap_or_default();
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(alerts);
            }
        });
        Self { address, received }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that arrived so far, in order.
    pub fn received(&self) -> Vec<Notified> {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for a notification.
    ///
    /// # Panics
    ///
    /// When the deadline passes; what came instead is printed.
    pub fn await_one(&self, what: &str, is_it: impl Fn(&Notified) -> bool) -> Notified {
        until(what, HOLD_DOWNS, || self.received().into_iter().find(&is_it))
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        if thread::panicking() {
            for one in self.received() {
                complain(&format!(
                    "received at {}: {} {}",
                    one.path,
                    one.status(),
                    one.alert["labels"]
                ));
            }
        }
    }
}

/// Reads one POST and answers it; `None`: it is none.
fn take(stream: TcpStream) -> Option<Vec<Notified>> {
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.strip_prefix("POST ")?.split(' ').next()?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    if length > NOTIFICATION_AT_MOST {
        return None;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes()).ok()?;
    let document: Value = serde_json::from_slice(&body).ok()?;
    let alerts = document["alerts"].as_array()?;
    let notified = |alert: &Value| Notified {
        path: path.clone(),
        alert: alert.clone(),
    };
    Some(alerts.iter().map(notified).collect())
}
