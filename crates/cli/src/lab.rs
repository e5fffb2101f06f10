//! The command `lab`: endpoints good and faulty on this machine, and the daemon watching them.

use crate::Outcome;
use crate::arguments::LabArguments;
use crate::failure::{Failure, note};
use crate::output::Output;
use crate::page::Page;
use crate::progress::Progress;
use crate::signal::Stop;
use crate::{daemon, log};
use serde_json::Value;
use siptls_daemon::{DEFAULT_LISTEN, DaemonError, Options};
use siptls_lab::Lab;
use siptls_model::clock;
use siptls_probe_engine::{Prober, ProberOptions};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

/// Time between two visits to an endpoint.
const INTERVAL: &str = "5s";

/// Deadline of a visit: the silent endpoint uses it up.
const TIMEOUT: &str = "2s";

/// How long the first round may take on a slow machine.
const ROUND_LIMIT: Duration = Duration::from_secs(60);

/// Time between two looks at the reports while the first round lasts.
const LOOK: Duration = Duration::from_millis(100);

/// Longest answer read from the daemon; a report is some ten thousand bytes.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;

/// Columns of the table: the name of a check is worth a line that is too long.
const TABLE_WIDTH: usize = 110;

/// Runs the command.
pub(crate) fn lab(arguments: &LabArguments) -> Result<Outcome, Failure> {
    log::start(arguments.log.level, arguments.log.format)?;
    let runtime = daemon::runtime()?;
    let outcome = runtime.block_on(demonstrate(arguments));
    runtime.shutdown_background();
    outcome
}

async fn demonstrate(arguments: &LabArguments) -> Result<Outcome, Failure> {
    let mut stop = Stop::listen()?;
    let lab = Lab::start(clock::now())
        .await
        .map_err(|source| Failure::Lab { source })?;
    let files = Files::write(&lab)?;
    let (end, ended) = watch::channel(false);
    let (announce, announced) = oneshot::channel();
    let watching = watch_lab(
        arguments.listen.clone(),
        files.configuration.clone(),
        announce,
        ended,
    );
    let mut watching = std::pin::pin!(watching);
    let address = tokio::select! {
        outcome = &mut watching => return outcome.and(Err(Failure::LabEnded)),
        address = announced => address.map_err(|_| Failure::LabEnded)?,
    };
    let show = async {
        let mut output = Output::standard();
        if !arguments.once {
            introduce(&mut output, &lab, &files, address)?;
        }
        let judged = first_round(&lab, address).await?;
        let as_expected = conclude(&mut output, &lab, &judged)?;
        if !arguments.once {
            output.write("\nWatching on; Ctrl-C ends it.\n")?;
            std::future::pending::<()>().await;
        }
        Ok(if as_expected {
            Outcome::Good
        } else {
            Outcome::Failed
        })
    };
    let outcome = tokio::select! {
        outcome = show => outcome,
        outcome = &mut watching => return outcome.and(Err(Failure::LabEnded)),
        // A first round that was not seen to its end says nothing about the endpoints.
        () = stop.requested() => Ok(if arguments.once {
            Outcome::Inconclusive
        } else {
            Outcome::Good
        }),
    };
    // The endpoints end first: a visit to the silent one would hold up the daemon.
    lab.shutdown().await;
    // An error says that the daemon has ended already.
    let _ = end.send(true);
    watching.await?;
    outcome
}

/// Runs the daemon on the lab's configuration. The default address gives way to a free one when it is taken.
async fn watch_lab(
    listen: Option<String>,
    configuration: PathBuf,
    announce: oneshot::Sender<SocketAddr>,
    ended: watch::Receiver<bool>,
) -> Result<(), Failure> {
    // Handed to whichever attempt comes to listen.
    let announce = std::sync::Arc::new(std::sync::Mutex::new(Some(announce)));
    let attempt = |listen: String| {
        let mut ended = ended.clone();
        let announce = std::sync::Arc::clone(&announce);
        let options = Options {
            listen: vec![listen],
            version: env!("CARGO_PKG_VERSION").to_owned(),
            on_listening: Some(Box::new(move |addresses| {
                let sender = announce.lock().ok().and_then(|mut sender| sender.take());
                if let (Some(sender), Some(address)) = (sender, addresses.first()) {
                    // Nobody waits any more when the program is ending.
                    let _ = sender.send(*address);
                }
            })),
            ..Options::default()
        };
        let load = daemon::configuration(configuration.clone());
        let shutdown = async move {
            // An error means that the other side is gone: time to end as well.
            let _ = ended.wait_for(|end| *end).await;
        };
        siptls_daemon::run(options, load, Prober::new(ProberOptions::default()), shutdown)
    };
    let outcome = match listen {
        Some(listen) => attempt(listen).await,
        None => match attempt(DEFAULT_LISTEN.to_owned()).await {
            Err(DaemonError::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
                note(&format!("{DEFAULT_LISTEN} is in use, a free port is taken"));
                attempt("127.0.0.1:0".to_owned()).await
            }
            outcome => outcome,
        },
    };
    outcome.map_err(daemon::failure)
}

/// The lab's files, removed when it ends.
struct Files {
    _folder: TempDir,
    root: PathBuf,
    configuration: PathBuf,
}

impl Files {
    /// The root as PEM, and a configuration with every endpoint.
    fn write(lab: &Lab) -> Result<Self, Failure> {
        let failed = |source| Failure::LabFiles { source };
        let folder = tempfile::Builder::new()
            .prefix("siptls-lab-")
            .tempdir()
            .map_err(failed)?;
        let root = folder.path().join("root.pem");
        let configuration = folder.path().join("lab.yaml");
        std::fs::write(&root, &lab.root_pem).map_err(failed)?;
        std::fs::write(&configuration, configuration_of(lab, &root)?).map_err(failed)?;
        Ok(Self {
            _folder: folder,
            root,
            configuration,
        })
    }
}

fn configuration_of(lab: &Lab, root: &Path) -> Result<String, Failure> {
    // JSON is YAML, with every text quoted.
    let root = root.to_str().ok_or(Failure::LabFolder)?;
    let targets: Vec<Value> = lab
        .endpoints
        .iter()
        .map(|endpoint| {
            serde_json::json!({
                "name": endpoint.name,
                "endpoint": endpoint.server_name,
                "connect": endpoint.address.to_string(),
                "trust_anchors": root,
            })
        })
        .collect();
    let probe = serde_json::json!({"interval": INTERVAL, "timeout": TIMEOUT});
    Ok(serde_json::json!({"probe": probe, "targets": targets}).to_string())
}

/// What is there, before anything was judged.
fn introduce(output: &mut Output, lab: &Lab, files: &Files, address: SocketAddr) -> Result<(), Failure> {
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned());
    let mut page = Page::new(output.width());
    let count = lab.endpoints.len();
    page.paragraph(
        0,
        &format!(
            "{count} SIP TLS endpoints on this machine, and a daemon that visits each every {INTERVAL}."
        ),
    );
    page.blank();
    page.line(&format!("status page  http://{address}/"));
    page.line(&format!("metrics      http://{address}/metrics"));
    page.line(&format!("reports      http://{address}/api/v1/reports"));
    page.blank();
    page.line("Ask about one of them from another terminal:");
    for endpoint in &lab.endpoints {
        page.blank();
        page.paragraph(
            2,
            &format!(
                "{}, to be judged {}: {}",
                endpoint.name, endpoint.expected, endpoint.description
            ),
        );
        page.line(&format!(
            "    {program} check {} --connect {} --trust-anchors {}",
            endpoint.server_name,
            endpoint.address,
            files.root.display()
        ));
    }
    page.blank();
    output.write(&page.into_text())
}

/// What the daemon says of each endpoint once it has visited them all: verdict and reason by name.
async fn first_round(lab: &Lab, address: SocketAddr) -> Result<Vec<Judged>, Failure> {
    let progress = Progress::wait("first round of visits");
    let deadline = Instant::now() + ROUND_LIMIT;
    loop {
        let answer = timeout(ROUND_LIMIT, get(address, "/api/v1/reports")).await;
        let document = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let document = document.map_err(|source| Failure::LabReports { source })?;
        let judged: Vec<Judged> = lab
            .endpoints
            .iter()
            .filter_map(|endpoint| Judged::find(endpoint.name, &document))
            .collect();
        if judged.len() == lab.endpoints.len() {
            drop(progress);
            return Ok(judged);
        }
        if Instant::now() > deadline {
            let (expected, seconds) = (lab.endpoints.len(), ROUND_LIMIT.as_secs());
            return Err(Failure::LabRound {
                expected,
                found: judged.len(),
                seconds,
            });
        }
        sleep(LOOK).await;
    }
}

/// What the daemon says of an endpoint.
struct Judged {
    verdict: String,
    why: String,
}

impl Judged {
    fn find(name: &str, document: &Value) -> Option<Self> {
        let reports = document["reports"].as_array()?;
        let report = reports.iter().find(|report| report["target"]["name"] == name)?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let checks = report["checks"].as_array().into_iter().flatten();
        let trouble = |status: &str| {
            let found = checks
                .clone()
                .find(|check| check["status"] == status && check["severity"] != "info");
            found.and_then(|check| text(&check["id"]))
        };
        let error = || text(&report["error"]["reason"]);
        let verdict = text(&report["verdict"])?;
        let why = match verdict.as_str() {
            "pass" => None,
            "inconclusive" => error(),
            _ => trouble("fail").or_else(|| trouble("warn")),
        };
        Some(Self {
            verdict,
            why: why.unwrap_or_default(),
        })
    }
}

/// Asks the daemon for a JSON document. HTTP/1.0: the answer ends with the connection.
async fn get(address: SocketAddr, path: &str) -> io::Result<Value> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(
            format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\r\n").as_bytes(),
        )
        .await?;
    let mut answer = Vec::new();
    let mut limited = stream.take(MAX_ANSWER);
    while limited.read_buf(&mut answer).await? > 0 {}
    let text = String::from_utf8_lossy(&answer);
    let body = text
        .split_once("\r\n\r\n")
        .filter(|(head, _)| head.contains(" 200 "))
        .map(|(_, body)| body);
    Ok(serde_json::from_str(body.ok_or(io::ErrorKind::InvalidData)?)?)
}

/// The table of what was expected and what was judged; whether they agree everywhere.
fn conclude(output: &mut Output, lab: &Lab, judged: &[Judged]) -> Result<bool, Failure> {
    let pairs = || lab.endpoints.iter().zip(judged);
    let rows: Vec<Vec<String>> = pairs()
        .map(|(endpoint, judged)| {
            let address = endpoint.address.to_string();
            let expected = endpoint.expected.code().to_owned();
            vec![
                endpoint.name.to_owned(),
                address,
                expected,
                judged.verdict.clone(),
                judged.why.clone(),
            ]
        })
        .collect();
    let mut page = Page::new(output.width().max(TABLE_WIDTH));
    page.table(
        &["ENDPOINT", "ADDRESS", "EXPECTED", "JUDGED", "WHY"],
        &rows,
        &[2, 3],
    );
    page.blank();
    let wrong = pairs()
        .filter(|(endpoint, judged)| endpoint.expected.code() != judged.verdict)
        .count();
    page.paragraph(
        0,
        &match wrong {
            0 => format!("{} endpoints, each judged as expected", rows.len()),
            _ => format!("{} endpoints, {wrong} not judged as expected", rows.len()),
        },
    );
    output.write(&page.into_text())?;
    Ok(wrong == 0)
}
