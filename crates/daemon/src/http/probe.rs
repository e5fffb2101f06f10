//! `/probe`: one visit, now, to a configured target or to a destination that the configuration allows.

use super::site::{is_forwarded, is_from_another_site};
use super::{App, Caller, Connection, again_in, forbidden, text, too_often};
use crate::fleet::Fleet;
use crate::member::Member;
use crate::schedule::SlotId;
use crate::visitor::moment;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use siptls_catalog::Profile;
use siptls_config::PlannedTarget;
use siptls_journal::History;
use siptls_metrics::{CONTENT_TYPE, ProbeResult, Refusal, Series, Shown, Subject, Tally, probe_answer};
use siptls_model::{
    Destinations, Document, Endpoint, Judgement, Observation, Phase, ProbeError, Reason, Report, Target,
    Timestamp, Verdict, clock, escape_text, escape_text_bounded,
};
use siptls_policy::Judge;
use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::fmt::MakeWriter;

/// What is left of a scrape's time for the answer's way back, as the blackbox exporter keeps it.
const SCRAPE_MARGIN: Duration = Duration::from_millis(500);
/// Longest probe when the scraper does not say how long it waits: Prometheus's customary longest.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);
/// What is left of a probe's time for judging and answering when the visit is over.
const VISIT_MARGIN: Duration = Duration::from_millis(500);
/// Longest log text of a debug answer, in bytes.
const MAX_LOG_BYTES: usize = 64 * 1024;

struct Question {
    member: Arc<Member>,
    /// The target as it is visited: with the profile and the timeout of the question.
    target: Arc<Target>,
    profile: Arc<Profile>,
    debug: bool,
    limit: Duration,
    /// How long the visit may take, of the limit.
    visit_limit: Duration,
    /// Where the visit may go when it is to no configured target.
    confines: Option<Arc<Destinations>>,
}

/// What holds of a visit to a destination that is no target's: how often an address is connected to within an hour, whoever
/// asks. Where it is a target's address as well, questions leave the schedule what it needs, however small the budget.
const STRANGE_CONNECTIONS_PER_HOUR: u32 = 120;

/// A refusal after a name was looked up comes at a whole number of these: whether a name exists, and where it leads, cannot be
/// told from how long the answer took.
const REFUSAL_STEP: Duration = Duration::from_secs(1);

/// The one refusal of a destination, whatever the reason: not resolved, not allowed, half of it.
const NOT_ALLOWED: &str = "\
this destination is not allowed
hint: allow the networks of its addresses in `probe_destinations.allow` and its port in `probe_destinations.ports`, or make it a target
";

/// One visit to a configured target, judged and answered as metrics. It leaves neither state nor counters behind; its
/// connections count for the budget. An address that is to be left in peace is answered for as it was seen last, and so is a
/// target to which, or to whose address, another visit, a survey maybe, is under way until the time is over, or for which
/// [`QUESTIONS`](crate::member::QUESTIONS) wait already.
pub(crate) async fn probe(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Connection>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    // A link may be followed; what a page asks for by itself would use the password that the browser remembers.
    let is_followed = headers
        .get("sec-fetch-mode")
        .is_some_and(|mode| mode.as_bytes() == b"navigate");
    if is_from_another_site(&headers, app.external.as_ref()) && !is_followed {
        return forbidden(&app, "a probe is not made for another site's page\n");
    }
    if let Err(wait) = app.probe_limit.take(connection.origin(), Instant::now()) {
        return too_often(&app, wait);
    }
    let question = match question(&app, (connection, caller), &query, &headers) {
        Ok(question) => question,
        Err(refusal) => return refusal,
    };
    let origin = connection.origin();
    let strange = match &question.confines {
        Some(_) => app.strange_probes.take(origin).map(Some),
        None => Some(None),
    };
    let seat = strange.and_then(|strange| Some((app.probes.take(origin)?, strange)));
    let Some(seat) = seat else {
        app.own.refused(Refusal::Overloaded);
        return again_in(
            1,
            StatusCode::SERVICE_UNAVAILABLE,
            "too many probes at once, try again\n",
        );
    };
    let start = Instant::now();
    let log = Log::default();
    let Ok(_asking) = question.member.questions.try_acquire() else {
        let why = "other questions for the target wait already";
        let observations = not_begun(&question.member, &question.target, why);
        return answer(&app, &question, observations, start.elapsed(), &log);
    };
    // As a task of its own: a panic is answered, and a client that goes away ends the visit.
    let mut visit = JoinSet::new();
    let (visiting, progress) = visit_alone(Arc::clone(&app), &question, start);
    if question.debug {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE);
        visit.spawn(visiting.with_subscriber(subscriber.finish()));
    } else {
        visit.spawn(visiting);
    }
    let observations = match timeout_at(start + question.limit, visit.join_next()).await {
        Ok(Some(Ok(observations))) => observations,
        Ok(_) => {
            tracing::error!(target_name = question.target.name, "probe ended abnormally");
            return text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the probe ended abnormally, see the log\n",
            );
        }
        Err(_) if progress.waits.load(Ordering::Relaxed) => {
            not_begun(&question.member, &question.target, UNDER_WAY)
        }
        // Nobody is told whether there is a place that is not allowed.
        Err(_) if question.confines.is_some() && !progress.went.load(Ordering::Relaxed) => Vec::new(),
        Err(_) => out_of_time(&question),
    };
    if question.confines.is_some() && observations.is_empty() {
        drop(seat);
        if question.target.literal_address().is_none() {
            let steps = start.elapsed().as_millis() / REFUSAL_STEP.as_millis() + 1;
            let steps = u32::try_from(steps).unwrap_or(u32::MAX);
            let wait = REFUSAL_STEP.saturating_mul(steps).min(question.limit);
            sleep_until(start + wait).await;
        }
        return forbidden(&app, NOT_ALLOWED);
    }
    answer(&app, &question, observations, start.elapsed(), &log)
}

/// How far a visit has come.
struct Progress {
    /// It waits for another one at present: to the target, or to its address.
    waits: Arc<AtomicBool>,
    /// It has come to a place that it may go to.
    went: Arc<AtomicBool>,
}

/// The visit, and how far it has come.
fn visit_alone(
    app: Arc<App>,
    question: &Question,
    start: Instant,
) -> (impl Future<Output = Vec<Observation>> + use<>, Progress) {
    let member = Arc::clone(&question.member);
    let until = start + question.visit_limit;
    // With less than that a visit says more about the wait than about the peer.
    let latest = until - question.target.timeout.min(question.visit_limit) / 4;
    let mut errand = member
        .errand(Arc::clone(&question.target), &question.profile)
        .asked(until);
    if let Some(destinations) = &question.confines {
        errand = errand.confined(Arc::clone(destinations));
    }
    let progress = Progress {
        waits: Arc::clone(&errand.waiting),
        went: Arc::clone(&errand.went),
    };
    errand.waiting.store(true, Ordering::Relaxed);
    let visit = async move {
        let _alone = member.visiting.lock().await;
        if Instant::now() > latest {
            return not_begun(&member, &errand.target, UNDER_WAY);
        }
        errand.waiting.store(false, Ordering::Relaxed);
        let _in_flight = app.own.in_flight();
        Arc::clone(&app.visitor).begin(errand).await
    };
    (visit, progress)
}

/// Why a probe was not begun that waited until its time was over.
const UNDER_WAY: &str = "another visit to the target or its address was under way all the time";

/// What a probe saw that was not begun: each place is postponed.
fn not_begun(member: &Member, target: &Arc<Target>, why: &str) -> Vec<Observation> {
    each_place(member, target, Phase::Connect, Reason::Postponed, why)
}

/// What a probe saw whose visit did not end when it was to: nothing, of any place.
fn out_of_time(question: &Question) -> Vec<Observation> {
    let why = format!(
        "the visit did not end within the {:.1} s of this probe",
        question.limit.as_secs_f64()
    );
    each_place(
        &question.member,
        &question.target,
        Phase::Resolve,
        Reason::Internal,
        &why,
    )
}

/// The same of each place that was seen last; of the target when there is none.
fn each_place(
    member: &Member,
    target: &Arc<Target>,
    phase: Phase,
    reason: Reason,
    why: &str,
) -> Vec<Observation> {
    let now = clock::now();
    let sights = member.sights();
    let of = |last: Option<&Observation>| Observation {
        srv: last.and_then(|last| last.srv.clone()),
        error: Some(ProbeError {
            phase,
            reason,
            message: why.to_owned(),
        }),
        ..Observation::blank(target, last.and_then(|last| last.address), now)
    };
    if sights.is_empty() {
        return vec![of(None)];
    }
    sights.iter().map(|sight| of(Some(&sight.observation))).collect()
}

#[expect(
    clippy::result_large_err,
    reason = "the refusal is an answer, made once per request"
)]
fn question(
    app: &App,
    (connection, caller): (Connection, Caller),
    query: &[(String, String)],
    headers: &HeaderMap,
) -> Result<Question, Response> {
    let bad = |why: String| text(StatusCode::BAD_REQUEST, why + "\n");
    for (index, (key, _)) in query.iter().enumerate() {
        let shown = escape_text_bounded(key, 80);
        if !["target", "module", "debug"].contains(&key.as_str()) {
            return Err(bad(format!(
                "expected the parameters target, module and debug, found `{shown}`"
            )));
        }
        if query.iter().take(index).any(|(other, _)| other == key) {
            return Err(bad(format!("expected the parameter {shown} once")));
        }
    }
    let value = |wanted: &str| {
        query
            .iter()
            .find(|(key, _)| key == wanted)
            .map(|(_, value)| value.as_str())
    };
    let Some(name) = value("target").filter(|name| !name.is_empty()) else {
        return Err(bad(
            "expected the parameter target with the name of a configured target".to_owned(),
        ));
    };
    let module = value("module").filter(|module| !module.is_empty());
    let found = module.map(|module| {
        app.fleet.profile(module).ok_or_else(|| {
            bad(format!(
                "module: expected the name of a profile, found `{}`",
                escape_text_bounded(module, 200)
            ))
        })
    });
    let module = found.transpose()?;
    let debug = match value("debug") {
        None | Some("" | "false") => false,
        Some("true") => true,
        Some(other) => {
            return Err(bad(format!(
                "debug: expected true or false, found `{}`",
                escape_text_bounded(other, 80)
            )));
        }
    };
    if debug && !caller.is_operator() {
        return Err(forbidden(
            app,
            "debug output is given to clients that show a certificate\n",
        ));
    }
    if debug && !caller.is_known && (!connection.is_loopback() || is_forwarded(headers)) {
        return Err(forbidden(
            app,
            "debug output is given on loopback connections only, and not through a proxy\n",
        ));
    }
    let limit = limit(headers).map_err(bad)?;
    let (member, confines) = match app.fleet.member(name) {
        Some(member) => (member, None),
        None => {
            let (member, destinations) = stranger(app, connection, name, module.clone())?;
            (member, Some(destinations))
        }
    };
    let profile = module.unwrap_or_else(|| Arc::clone(member.profile()));
    let mut target = Target::clone(&member.target);
    let visit_limit = limit - VISIT_MARGIN.min(limit / 4);
    target.timeout = target.timeout.min(visit_limit);
    target.profile.clone_from(&profile.name);
    Ok(Question {
        member,
        target: Arc::new(target),
        profile,
        debug,
        limit,
        visit_limit,
        confines,
    })
}

/// A target for the time of one visit: an endpoint that the configuration does not name, with nothing to present and where it
/// may be.
#[expect(
    clippy::result_large_err,
    reason = "the refusal is an answer, made once per request"
)]
fn stranger(
    app: &App,
    connection: Connection,
    name: &str,
    profile: Option<Arc<Profile>>,
) -> Result<(Arc<Member>, Arc<Destinations>), Response> {
    let destinations = app.fleet.destinations();
    let endpoint = name.parse::<Endpoint>();
    // Another shard's target is whose it is, though its name be an endpoint as well.
    let is_none = destinations.allow.is_empty() || app.fleet.is_elsewhere(name);
    let (false, Ok(endpoint)) = (is_none, endpoint) else {
        return Err(text(StatusCode::NOT_FOUND, app.fleet.absence(name) + "\n"));
    };
    if let Err(wait) = app.strange_probe_limit.take(connection.origin(), Instant::now()) {
        return Err(too_often(app, wait));
    }
    let Some(profile) = profile.or_else(|| app.fleet.profile(siptls_catalog::DEFAULT_PROFILE)) else {
        return Err(text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the default profile is missing\n",
        ));
    };
    let target = Target {
        connections_per_hour: STRANGE_CONNECTIONS_PER_HOUR,
        ..Target::new(&endpoint.to_string(), endpoint, &profile.name)
    };
    let history = History::new(&target.name, siptls_journal::Known::default());
    let planned = PlannedTarget {
        target: Arc::new(target),
        profile,
        trust_anchors: None,
        identities: Vec::new(),
    };
    Ok((
        Arc::new(Member::new(SlotId(0), &planned, 1, history)),
        destinations,
    ))
}

/// How long the probe may take: what the scraper waits, less a margin.
fn limit(headers: &HeaderMap) -> Result<Duration, String> {
    let Some(value) = headers.get("x-prometheus-scrape-timeout-seconds") else {
        return Ok(DEFAULT_LIMIT);
    };
    let seconds = value.to_str().ok().and_then(|text| text.parse::<f64>().ok());
    let waits = seconds
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let Some(waits) = waits else {
        return Err("X-Prometheus-Scrape-Timeout-Seconds: expected a positive number of seconds".to_owned());
    };
    // A scraper that waits less than the margin gets half of its time.
    Ok(waits
        .checked_sub(SCRAPE_MARGIN)
        .unwrap_or_default()
        .max(waits / 2)
        .min(DEFAULT_LIMIT * 2))
}

/// An address as it was visited, or as it was seen last when the visit was postponed.
struct Answered {
    observation: Observation,
    judgement: Judgement,
    /// What this probe counted.
    tally: Tally,
    /// Why there was no visit.
    postponed: Option<String>,
}

/// What is known of the address of a visit: the observation to judge, what was counted, and why there was no visit.
fn known(
    fleet: &Fleet,
    question: &Question,
    judge: &Judge,
    now: Timestamp,
    mut observation: Observation,
) -> (Observation, Tally, Option<String>) {
    let mut tally = Tally::default();
    tally.count(&observation);
    let error = observation.error.as_ref().filter(|_| observation.is_postponed());
    let postponed = error.map(|error| error.message.clone());
    if postponed.is_some()
        && let Some(last) = question.member.sight(&observation.place())
    {
        observation = last.observation.clone();
        observation.survey = None;
    }
    // Another profile asks about other suites.
    if Arc::ptr_eq(&question.profile, question.member.profile())
        && let Some(ended) = question.member.lend_survey(&mut observation)
    {
        tally.surveyed(ended);
    }
    observation.peer_region = fleet.peer_region(&observation);
    if question.confines.is_some() {
        fleet.peek_lists(judge, &mut observation, now);
    } else {
        fleet.ask_lists(judge, &mut observation, now);
    }
    (observation, tally, postponed)
}

fn answer(
    app: &App,
    question: &Question,
    observations: Vec<Observation>,
    duration: Duration,
    log: &Log,
) -> Response {
    let judge = question.member.judge_by(Arc::clone(&question.profile));
    let now = clock::now();
    let mut seen = Vec::with_capacity(observations.len());
    let mut counted = Vec::with_capacity(observations.len());
    for observation in observations {
        let (observation, tally, postponed) = known(&app.fleet, question, &judge, now, observation);
        seen.push(observation);
        counted.push((tally, postponed));
    }
    let judgements = judge.judge_visit(&seen, now);
    let all: Vec<Answered> = (seen.into_iter().zip(judgements))
        .zip(counted)
        .map(|((observation, judgement), (mut tally, postponed))| {
            if postponed.is_none() {
                tally.judged(judgement.verdict);
            }
            Answered {
                observation,
                judgement,
                tally,
                postponed,
            }
        })
        .collect();
    let shown: Vec<Shown> = all
        .iter()
        .map(|one| {
            let address = one.observation.address;
            let subject = Subject::new(&question.target, &one.observation.place());
            let series = Series::new(subject, one.tally.clone(), &one.observation, &one.judgement);
            Shown {
                series: Arc::new(series),
                moment: moment(&*app.visitor, &question.target, address, now),
            }
        })
        .collect();
    let good = |one: &Answered| matches!(one.judgement.verdict, Verdict::Pass | Verdict::Warn);
    let success = !all.is_empty() && all.iter().all(good);
    let metrics = probe_answer(ProbeResult { success, duration }, &shown);
    if !question.debug {
        return ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics).into_response();
    }
    let reports = all
        .iter()
        .map(|one| Report::new(&one.observation, &one.judgement))
        .collect();
    let report = serde_json::to_string_pretty(&Document::new(now, reports)).unwrap_or_default();
    let mut out = format!(
        "# Log\n{}\n# Target\n{}\n{}# Report\n{report}\n\n# Metrics\n",
        log.text(),
        effective(question),
        postponed(&all)
    );
    out.push_str(&String::from_utf8_lossy(&metrics));
    text(StatusCode::OK, out)
}

/// The section of a debug answer that says which addresses were not visited, and why; empty when all were.
fn postponed(all: &[Answered]) -> String {
    let mut out = String::new();
    for one in all {
        let Some(why) = &one.postponed else { continue };
        let place = match one.observation.address {
            Some(address) => address.to_string(),
            None => escape_text(&one.observation.target.name).to_string(),
        };
        let seen = if one.observation.is_postponed() {
            "nothing was seen of it before".to_owned()
        } else {
            format!("what follows was seen at {}", one.observation.started_at)
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{place}: {}; {seen}", escape_text(why));
    }
    if out.is_empty() {
        return out;
    }
    format!("# Postponed\n{out}\n")
}

/// The target as it was visited, defaults and the question's parameters included.
fn effective(question: &Question) -> String {
    let target = &question.target;
    let mut out = String::new();
    let mut line = |key: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{key}: {}", escape_text(&value));
    };
    line("name", target.name.clone());
    line("endpoint", target.endpoint.to_string());
    line("profile", target.profile.clone());
    let (host, port) = target.dial();
    line("dials", format!("{host} port {port}"));
    line("server_name", target.verified_name());
    line("sni", target.sni().unwrap_or_else(|| "none".to_owned()));
    if let Some(path) = &target.trust_anchors {
        line("trust_anchors", path.display().to_string());
    }
    if let Some(region) = &target.peer_region {
        line("peer_region", region.clone());
    }
    line("depth", target.depth.code().to_owned());
    line("interval", format!("{} s", target.interval.as_secs_f64()));
    line("timeout", format!("{} s", target.timeout.as_secs_f64()));
    line("connections_per_hour", target.connections_per_hour.to_string());
    line(
        "limit of this probe",
        format!("{} s", question.limit.as_secs_f64()),
    );
    for (name, value) in &target.labels {
        line(&format!("label {}", escape_text(name)), value.clone());
    }
    out
}

/// The log of one probe, kept in memory up to [`MAX_LOG_BYTES`].
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        text.lines()
            .fold(String::new(), |out, line| out + &escape_text(line) + "\n")
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_LOG_BYTES.saturating_sub(kept.len());
        kept.extend(bytes.iter().take(room));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrapes_time_is_honoured_less_a_margin() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-prometheus-scrape-timeout-seconds", text.parse().unwrap());
            limit(&headers)
        };
        assert_eq!(limit(&HeaderMap::new()), Ok(DEFAULT_LIMIT));
        assert_eq!(of("10"), Ok(Duration::from_millis(9_500)));
        assert_eq!(of("0.6"), Ok(Duration::from_millis(300)));
        assert_eq!(of("1e9"), Ok(DEFAULT_LIMIT * 2));
        for bad in ["0", "-1", "NaN", "inf", "soon", ""] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
