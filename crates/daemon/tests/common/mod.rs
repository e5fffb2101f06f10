//! A scripted visitor, a daemon to ask, and a small HTTP client.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, which each file uses in part"
)]

#[path = "../../../metrics/tests/common/reader.rs"]
pub(crate) mod reader;

use siptls_config::{Faults, Plan, PlannedTarget, load_str};
use siptls_daemon::{DaemonError, Errand, Load, Options, Standing, Visitor, run};
use siptls_model::{
    Acceptance, Attempt, AttemptResult, ClientCertificate, ClientCertificateMode, Depth, Handshake,
    Observation, Phase, PhaseDurations, ProbeError, ProtocolVersion, Reason, Rehearsal, SipAnswer,
    SipOutcome, SuitePreference, SurveyResult, Target, clock,
};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What a scripted visit does.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// Everything is seen at these addresses, after a while.
    Answer(Vec<&'static str>, Duration),
    /// Nothing is seen.
    Refuse(Reason),
    /// The first of these addresses is seen, the others are left in peace.
    Postpone(Vec<&'static str>),
    /// It never ends.
    Hang,
    /// It panics.
    Panic,
}

#[derive(Default)]
struct Stage {
    plays: HashMap<String, Play>,
    visits: Vec<(String, Instant)>,
    /// Visits that were surveys, and what surveys find of the oldest version from the first to the last, which stays.
    surveys: Vec<(String, Instant)>,
    found: HashMap<String, Vec<Acceptance>>,
    /// Depth and identities of each errand.
    errands: Vec<(String, Depth, Vec<String>)>,
    /// Whether a client certificate is asked for.
    modes: HashMap<String, ClientCertificateMode>,
    /// Visits under way by target, and the most at once that were seen of any.
    under_way: HashMap<String, usize>,
    most: usize,
}

/// A visitor that does as it is told, target by target; without a script it answers at 192.0.2.1.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Stage>>);

impl Script {
    pub(crate) fn of(plays: &[(&str, Play)]) -> Self {
        let script = Self::default();
        for (name, play) in plays {
            script.set(name, play.clone());
        }
        script
    }

    pub(crate) fn set(&self, name: &str, play: Play) {
        self.0.lock().unwrap().plays.insert(name.to_owned(), play);
    }

    pub(crate) fn visits(&self, name: &str) -> Vec<Instant> {
        let stage = self.0.lock().unwrap();
        stage
            .visits
            .iter()
            .filter(|(visited, _)| visited == name)
            .map(|(_, at)| *at)
            .collect()
    }

    /// What surveys of a target find, one after the other; the last stays.
    pub(crate) fn find(&self, name: &str, found: &[Acceptance]) {
        let mut stage = self.0.lock().unwrap();
        stage.found.insert(name.to_owned(), found.to_vec());
    }

    /// What a target shows of a client certificate from now on.
    pub(crate) fn ask(&self, name: &str, mode: ClientCertificateMode) {
        self.0.lock().unwrap().modes.insert(name.to_owned(), mode);
    }

    fn handshake(&self, name: &str) -> Option<Handshake> {
        let mode = self.0.lock().unwrap().modes.get(name).copied()?;
        Some(Handshake {
            version: None,
            cipher_suite: None,
            group: None,
            key_exchange_signature: None,
            completed: false,
            alert: None,
            extended_master_secret: None,
            secure_renegotiation: None,
            ocsp_stapled: false,
            client_certificate: ClientCertificate {
                mode,
                requested: match mode {
                    ClientCertificateMode::NotRequested => Some(false),
                    ClientCertificateMode::Optional | ClientCertificateMode::Required => Some(true),
                    ClientCertificateMode::Unknown => None,
                },
                ..ClientCertificate::unknown()
            },
        })
    }

    /// Depth of each visit to a target, and the names of the identities it had with it.
    pub(crate) fn errands(&self, name: &str) -> Vec<(Depth, Vec<String>)> {
        let stage = self.0.lock().unwrap();
        let of_target = stage.errands.iter().filter(|(visited, ..)| visited == name);
        of_target
            .map(|(_, depth, identities)| (*depth, identities.clone()))
            .collect()
    }

    pub(crate) fn surveys(&self, name: &str) -> Vec<Instant> {
        let stage = self.0.lock().unwrap();
        let of_target = stage.surveys.iter().filter(|(surveyed, _)| surveyed == name);
        of_target.map(|(_, at)| *at).collect()
    }

    fn survey(&self, name: &str) -> Arc<SurveyResult> {
        let mut stage = self.0.lock().unwrap();
        stage.surveys.push((name.to_owned(), Instant::now()));
        let oldest = match stage.found.get_mut(name) {
            Some(found) if found.len() > 1 => found.remove(0),
            Some(found) => found[0],
            None => Acceptance::Refused,
        };
        Arc::new(SurveyResult {
            versions: vec![(ProtocolVersion::from_name("TLSv1.0").unwrap(), oldest)],
            cipher_suites: Vec::new(),
            groups: Vec::new(),
            suite_preference: SuitePreference::Unknown,
            refusal_cause: None,
            without_profile_groups: None,
            stopped: None,
        })
    }

    /// The most visits to one target at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.0.lock().unwrap().most
    }
}

struct UnderWay(Script, String);

impl UnderWay {
    fn new(script: &Script, name: &str) -> Self {
        let mut stage = script.0.lock().unwrap();
        stage.visits.push((name.to_owned(), Instant::now()));
        let count = stage.under_way.entry(name.to_owned()).or_default();
        *count += 1;
        let count = *count;
        stage.most = stage.most.max(count);
        Self(script.clone(), name.to_owned())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap().under_way.get_mut(&self.1).unwrap() -= 1;
    }
}

impl Visitor for Script {
    async fn visit(&self, errand: &Errand) -> Vec<Observation> {
        let target = &errand.target;
        let play = self.0.lock().unwrap().plays.get(&target.name).cloned();
        let _under_way = UnderWay::new(self, &target.name);
        let identities: Vec<String> = errand.identities.iter().map(|one| one.name.to_string()).collect();
        let rehearsal = (!identities.is_empty()).then(|| rehearsal(&identities));
        let visit = (target.name.clone(), target.depth, identities);
        self.0.lock().unwrap().errands.push(visit);
        tracing::info!(address = "a\u{1b}[31m", "a visit began");
        match play.unwrap_or(Play::Answer(vec!["192.0.2.1:5061"], Duration::ZERO)) {
            Play::Answer(addresses, after) => {
                tokio::time::sleep(after).await;
                let survey = (target.depth == Depth::Survey).then(|| self.survey(&target.name));
                addresses
                    .into_iter()
                    .map(|address| Observation {
                        survey: survey.clone(),
                        rehearsal: rehearsal.clone(),
                        handshake: self.handshake(&target.name),
                        ..seen(target, address)
                    })
                    .collect()
            }
            Play::Refuse(reason) => vec![refused(target, None, reason)],
            Play::Postpone(addresses) => addresses
                .into_iter()
                .enumerate()
                .map(|(index, address)| match index {
                    0 => seen(target, address),
                    _ => postponed(target, address),
                })
                .collect(),
            Play::Hang => std::future::pending().await,
            Play::Panic => panic!("as the script says"),
        }
    }

    fn standing(&self, target: &Target, _address: SocketAddr) -> Standing {
        Standing {
            connections_left: target.connections_per_hour,
            pause: Duration::ZERO,
        }
    }
}

/// A rehearsal with an endpoint that insists on a certificate and accepts all of these.
fn rehearsal(identities: &[String]) -> Arc<Rehearsal> {
    let attempt = |identity: Option<&String>| Attempt {
        identity: identity.map(|name| name.as_str().into()),
        result: identity.map_or(AttemptResult::Refused, |_| AttemptResult::Accepted),
        presented: None,
        issuer_listed: None,
        key_usable: None,
        completed: identity.is_some(),
        alert: None,
        error: None,
        sip_status: None,
        evidence: "<i>as the script says</i>".to_owned(),
    };
    Arc::new(Rehearsal {
        at: siptls_model::Timestamp::UNIX_EPOCH,
        requested: Some(true),
        mode: ClientCertificateMode::Required,
        attempts: std::iter::once(None)
            .chain(identities.iter().map(Some))
            .map(attempt)
            .collect(),
    })
}

fn refused(target: &Arc<Target>, address: Option<SocketAddr>, reason: Reason) -> Observation {
    Observation {
        duration: Duration::from_millis(3),
        error: Some(ProbeError {
            phase: Phase::Resolve,
            reason,
            message: "<b>refused</b>".to_owned(),
        }),
        phases: PhaseDurations {
            resolve: Some(Duration::from_millis(3)),
            ..PhaseDurations::default()
        },
        ..Observation::blank(target, address, clock::now())
    }
}

fn postponed(target: &Arc<Target>, address: &str) -> Observation {
    Observation {
        phase_reached: Some(Phase::Resolve),
        error: Some(ProbeError {
            phase: Phase::Connect,
            reason: Reason::Postponed,
            message: "left in peace".to_owned(),
        }),
        ..Observation::blank(target, Some(address.parse().unwrap()), clock::now())
    }
}

fn seen(target: &Arc<Target>, address: &str) -> Observation {
    Observation {
        connections_opened: 1,
        phase_reached: Some(Phase::Sip),
        error: None,
        phases: PhaseDurations {
            connect: Some(Duration::from_millis(1)),
            ..PhaseDurations::default()
        },
        sip: SipOutcome::Answered(SipAnswer {
            status: 200,
            reason_phrase: "<script>alert(1)</script>".to_owned(),
            server: Some("evil\"><img src=x onerror=alert(1)>".to_owned()),
            allow: Vec::new(),
            duration: Duration::from_millis(1),
        }),
        // A warning user_canceled.
        flight: [21, 3, 3, 0, 2, 1, 90].into(),
        ..refused(target, Some(address.parse().unwrap()), Reason::Internal)
    }
}

/// A plan of targets with that interval.
pub(crate) fn plan(names: &[&str], interval: Duration) -> Plan {
    let mut plan = Plan::default();
    for name in names {
        let target = Target {
            interval,
            timeout: Duration::from_secs(10).min(interval),
            labels: BTreeMap::from([("site".to_owned(), "fra".to_owned())]),
            ..Target::new(name, "sbc.example.test".parse().unwrap(), "genesys-byoc-customer")
        };
        plan.targets.push(PlannedTarget {
            target: Arc::new(target),
            profile: siptls_catalog::profile("genesys-byoc-customer").unwrap(),
            trust_anchors: None,
            identities: Vec::new(),
        });
    }
    plan
}

/// A plan of targets with that interval and that survey interval.
pub(crate) fn surveyed(names: &[&str], interval: Duration, every: Duration) -> Plan {
    let mut plan = plan(names, interval);
    for planned in &mut plan.targets {
        planned.target = Arc::new(Target {
            survey_interval: Some(every),
            ..Target::clone(&planned.target)
        });
    }
    plan
}

pub(crate) fn faults() -> Faults {
    load_str(
        "targets: [{name: x}]\nintervall: 5\n",
        Path::new("siptls-probe.yaml"),
        Path::new(""),
    )
    .unwrap_err()
}

/// A configuration that tests change under a running daemon.
#[derive(Clone)]
pub(crate) struct Configuration(Arc<Mutex<Result<Plan, Faults>>>);

impl Configuration {
    pub(crate) fn new(plan: Plan) -> Self {
        Self(Arc::new(Mutex::new(Ok(plan))))
    }

    pub(crate) fn set(&self, outcome: Result<Plan, Faults>) {
        *self.0.lock().unwrap() = outcome;
    }

    pub(crate) fn load(&self) -> Load {
        let this = self.clone();
        Box::new(move || this.0.lock().unwrap().clone())
    }
}

/// A daemon on a free port.
pub(crate) struct Daemon {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), DaemonError>>,
}

impl Daemon {
    pub(crate) async fn start(load: Load, visitor: impl Visitor) -> Self {
        Self::with(Options::default(), load, visitor).await
    }

    pub(crate) async fn with(options: Options, load: Load, visitor: impl Visitor) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, addresses) = oneshot::channel();
        let options = Options {
            listen: vec!["127.0.0.1:0".to_owned()],
            on_listening: Some(Box::new(move |addresses| bound.send(addresses.to_vec()).unwrap())),
            ..options
        };
        let running = tokio::spawn(async move {
            run(options, load, visitor, async {
                let _ = stopped.await;
            })
            .await
        });
        Self {
            address: addresses.await.unwrap()[0],
            stop: Some(stop),
            running,
        }
    }

    pub(crate) async fn stop(mut self) -> Result<(), DaemonError> {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.await.unwrap()
    }

    pub(crate) async fn ended(self) -> Result<(), DaemonError> {
        self.running.await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    pub(crate) async fn get_with(&self, path: &str, header: &str) -> Answer {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    pub(crate) async fn send(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while stream.read_buf(&mut bytes).await.unwrap() > 0 {
            assert!(bytes.len() < 64 * 1024 * 1024);
        }
        Answer::of(&bytes)
    }

    /// The series of `/metrics`.
    pub(crate) async fn samples(&self) -> Vec<reader::Sample> {
        let answer = self.get("/metrics").await;
        assert_eq!(answer.status, 200);
        reader::read(&answer.text())
    }

    /// Asks `/metrics` until the series are as wanted.
    pub(crate) async fn until(
        &self,
        what: &str,
        wanted: impl Fn(&[reader::Sample]) -> bool,
    ) -> Vec<reader::Sample> {
        for _ in 0..1_000 {
            let samples = self.samples().await;
            if wanted(&samples) {
                return samples;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never came: {what}");
    }
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("the end of the head");
        let head = String::from_utf8(bytes[..end + 2].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = &bytes[end + 4..];
        let chunked = head.to_lowercase().contains("\r\ntransfer-encoding: chunked\r\n");
        Self {
            status,
            head,
            body: if chunked { unchunked(body) } else { body.to_vec() },
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|window| window == b"\r\n")
            .expect("a chunk's size");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return out;
        }
        out.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}
