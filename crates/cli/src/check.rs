//! The command `check`: visit endpoints once, judge what they answer, report.

use crate::arguments::{CheckArguments, Format};
use crate::failure::{CommandLineFault, Failure, nearest, note, shown};
use crate::output::Output;
use crate::page::Page;
use crate::progress::Progress;
use crate::signal::Stop;
use crate::visits::{Seen, Visits, judge, not_seen};
use crate::{Outcome, configuration, core_file, exchange, json, report, summary};
use siptls_catalog::{
    BALANCER_PROFILE, PEERS, RootGroup, bundles, endpoints, load_balancer, root_group, root_groups,
};
use siptls_config::{Plan, PlannedTarget, TargetOptions, target_from_options};
use siptls_model::{
    Depth, Document, Endpoint, Observation, Reason, Report, RevocationSettings, Timestamp, Verdict, clock,
};
use siptls_policy::{opinions, peer_side};
use std::sync::Arc;

/// Runs the command.
pub(crate) fn check(arguments: &CheckArguments) -> Result<Outcome, Failure> {
    let as_of = |text: &str| moment(text).ok_or_else(|| Failure::AsOf { found: shown(text) });
    let as_of = arguments.as_of.as_deref().map(as_of).transpose()?;
    let plan = match &arguments.config_file {
        Some(path) => Some(configuration::load(path).map_err(|source| Failure::Configuration { source })?),
        None => None,
    };
    let against = against(&arguments.against)?;
    let mut targets = targets(arguments, plan.as_ref())?;
    if targets.iter().any(|planned| !planned.identities.is_empty()) {
        core_file::forbid();
    }
    let shown = targets.len();
    if let Some(region) = &arguments.peer_region {
        let balancers = load_balancers(region, arguments, plan.as_ref())?;
        let is_typed = |one: &PlannedTarget| {
            targets
                .iter()
                .any(|typed| typed.target.dial() == one.target.dial())
        };
        let more: Vec<_> = balancers.into_iter().filter(|one| !is_typed(one)).collect();
        targets.extend(more);
    }
    let mut revocation = plan.map(|plan| plan.revocation).unwrap_or_default();
    revocation.allow.extend(&arguments.crl_allow);
    let output = Output::open(arguments.output.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| Failure::Runtime { source })?;
    let mut delivery = Delivery {
        targets,
        shown,
        balancers: Vec::new(),
        against,
        revocation,
        as_of,
        format: arguments.format,
        output,
        reports: Vec::new(),
    };
    let outcome = runtime.block_on(delivery.visit_all());
    // A look-up that the system's resolver has not given back must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// A time as typed: RFC 3339, or a date, which means its first moment UTC.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let date = || {
        text.parse::<jiff::civil::Date>()
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
    };
    let is_date_only = text.len() == "2027-03-15".len();
    match (text.parse::<Timestamp>(), is_date_only.then(date).flatten()) {
        (Ok(moment), _) => Some(moment),
        (Err(_), Some(first)) => Some(first.timestamp()),
        (Err(_), None) => None,
    }
}

/// The root groups of these names; `all` stands for the lists of the great peers.
fn against(names: &[String]) -> Result<Vec<&'static RootGroup>, Failure> {
    let mut groups: Vec<&'static RootGroup> = Vec::new();
    let wanted = names.iter().flat_map(|name| match name.as_str() {
        "all" => PEERS.to_vec(),
        name => vec![name],
    });
    for name in wanted {
        let group = root_group(name).ok_or_else(|| {
            let known = root_groups().iter().chain(bundles()).map(|group| group.name);
            Failure::UnknownName {
                found: shown(name),
                nearest: nearest(name, known.chain(["all"])).map(str::to_owned),
            }
        })?;
        if groups.iter().all(|taken| taken.name != group.name) {
            groups.push(group);
        }
    }
    Ok(groups)
}

/// What is to be visited, or every fault of what was typed.
fn targets(arguments: &CheckArguments, plan: Option<&Plan>) -> Result<Vec<PlannedTarget>, Failure> {
    let options = TargetOptions {
        profile: arguments.profile.clone(),
        connect: arguments.connect.clone(),
        server_name: arguments.server_name.clone(),
        peer_region: arguments.peer_region.clone(),
        trust_anchors: arguments.trust_anchors.clone(),
        depth: None,
        timeout: arguments.timeout.clone(),
        client_certs: arguments.client_certs.clone(),
        client_keys: arguments.client_keys.clone(),
    };
    let mut targets = Vec::with_capacity(arguments.endpoints.len());
    let mut faults: Vec<CommandLineFault> = Vec::new();
    for typed in &arguments.endpoints {
        let configured = plan.and_then(|plan| plan.target(typed));
        // Whoever has configured no more than a hello does not want a dozen handshakes there.
        let default = match configured.map(|planned| planned.target.depth) {
            Some(Depth::Hello) => Depth::Hello,
            _ => Depth::Survey,
        };
        let options = TargetOptions {
            depth: Some(
                arguments
                    .depth
                    .clone()
                    .unwrap_or_else(|| default.code().to_owned()),
            ),
            ..options.clone()
        };
        let planned = match configured {
            Some(configured) => configured.with_options(&options, plan),
            None => target_from_options(typed, &options, plan),
        };
        match planned {
            Ok(planned) => {
                remark_on_name(typed, plan);
                targets.push(planned);
            }
            Err(found) => {
                let found = found
                    .as_slice()
                    .iter()
                    .map(|fault| CommandLineFault::new(typed, fault));
                // An option's fault is the same for every endpoint.
                found.for_each(|fault| {
                    if !faults.contains(&fault) {
                        faults.push(fault)
                    }
                });
            }
        }
    }
    if faults.is_empty() {
        Ok(targets)
    } else {
        Err(Failure::CommandLine { faults })
    }
}

/// The load balancers of a region, of which no more is wanted than their certificates.
fn load_balancers(
    region: &str,
    arguments: &CheckArguments,
    plan: Option<&Plan>,
) -> Result<Vec<PlannedTarget>, Failure> {
    let options = TargetOptions {
        profile: Some(BALANCER_PROFILE.to_owned()),
        depth: Some(Depth::Hello.code().to_owned()),
        timeout: arguments.timeout.clone(),
        ..TargetOptions::default()
    };
    let of_region = endpoints().iter().filter(|listed| listed.region_code == region);
    of_region
        .map(|listed| {
            target_from_options(&listed.hostname, &options, plan).map_err(|faults| Failure::CommandLine {
                faults: faults
                    .as_slice()
                    .iter()
                    .map(|fault| CommandLineFault::new(&listed.hostname, fault))
                    .collect(),
            })
        })
        .collect()
}

/// A word that is no target of the configuration may be a mistyped name.
fn remark_on_name(typed: &str, plan: Option<&Plan>) {
    let Some(plan) = plan.filter(|plan| plan.target(typed).is_none()) else {
        return;
    };
    let names = plan.targets.iter().map(|planned| planned.target.name.as_str());
    if let Some(name) = nearest(typed, names).filter(|_| typed.parse::<Endpoint>().is_ok()) {
        note(&format!(
            "`{}` is no configured target and is taken as an endpoint; nearest is `{}`",
            shown(typed),
            shown(name)
        ));
    }
}

/// Reports on their way out, in the order in which the endpoints were typed.
struct Delivery {
    /// What was typed, then what is visited for its sake.
    targets: Vec<PlannedTarget>,
    /// How many of them are reported on.
    shown: usize,
    /// What was seen of load balancers.
    balancers: Vec<Observation>,
    /// The lists of roots to hold chains against.
    against: Vec<&'static RootGroup>,
    revocation: RevocationSettings,
    as_of: Option<Timestamp>,
    format: Format,
    output: Output,
    reports: Vec<Report>,
}

impl Delivery {
    /// Visits every target and writes every report. A signal ends it with what is known by then.
    async fn visit_all(&mut self) -> Result<Outcome, Failure> {
        let mut stop = Stop::listen()?;
        let progress = Progress::of(self.targets.len());
        let mut visits = Visits::start(&self.targets, self.revocation.clone());
        let mut seen: Vec<Option<Seen>> = self.targets.iter().map(|_| None).collect();
        let mut next = 0;
        progress.waiting_for(self.waiting_for(&seen));
        let mut stopped = false;
        loop {
            let ended = tokio::select! {
                ended = visits.next() => ended,
                () = stop.requested(), if !stopped => {
                    stopped = true;
                    visits.stop();
                    continue;
                }
            };
            let Some((index, observations)) = ended else { break };
            self.balancers.extend(
                (observations.iter())
                    .filter(|seen| load_balancer(&seen.target).is_some())
                    .cloned(),
            );
            if let Some(place) = seen.get_mut(index) {
                *place = Some(observations);
            }
            progress.done();
            progress.waiting_for(self.waiting_for(&seen));
            while next < self.shown && self.both_sides_are_in(next, &seen) {
                let Some(observations) = seen.get_mut(next).and_then(Option::take) else {
                    break;
                };
                progress.aside(|| self.deliver(next, observations))?;
                next += 1;
            }
        }
        drop(progress);
        let (reason, message) = if stopped {
            (
                Reason::Cancelled,
                "the program was told to stop before the visit had ended",
            )
        } else {
            (Reason::Internal, "the visit ended abnormally")
        };
        for index in next..self.shown {
            let observations = match (
                seen.get_mut(index).and_then(Option::take),
                self.targets.get(index),
            ) {
                (Some(observations), _) => observations,
                (None, Some(planned)) => vec![not_seen(&planned.target, reason, message, clock::now())],
                (None, None) => continue,
            };
            self.deliver(index, observations)?;
        }
        self.finish()
    }

    /// Whether nothing is to come any more that bears on a target's report: for one that load balancers dial, theirs.
    fn both_sides_are_in(&self, index: usize, seen: &[Option<Seen>]) -> bool {
        let is_dialled =
            (self.targets.get(index)).is_some_and(|planned| planned.target.peer_region.is_some());
        let is_out = |(at, planned): (usize, &PlannedTarget)| {
            at >= index
                && seen.get(at).is_some_and(Option::is_none)
                && load_balancer(&planned.target).is_some()
        };
        !is_dialled || !self.targets.iter().enumerate().any(is_out)
    }

    fn waiting_for(&self, seen: &[Option<Seen>]) -> String {
        let open = self.targets.iter().zip(seen).filter(|(_, seen)| seen.is_none());
        let names: Vec<_> = open
            .clone()
            .map(|(planned, _)| shown(&planned.target.name))
            .take(4)
            .collect();
        let mut open = open.map(|(planned, _)| planned.target.depth);
        let doing = if open.any(|depth| depth == Depth::Survey) {
            "surveying "
        } else {
            ""
        };
        format!("{doing}{}", names.join(", "))
    }

    /// Judges and writes what was seen of one target.
    fn deliver(&mut self, index: usize, observations: Seen) -> Result<(), Failure> {
        let Some(planned) = self.targets.get(index) else {
            return Ok(());
        };
        let judge = judge(planned);
        let mut observations = observations;
        for observation in &mut observations {
            observation.peer_region = peer_side(observation, &self.balancers).map(Arc::new);
        }
        let judgements = judge.judge_visit(&observations, self.as_of.unwrap_or_else(clock::now));
        for (observation, mut judgement) in observations.iter().zip(judgements) {
            if let (Some(chain), Some(judged)) = (&observation.chain, &mut judgement.chain) {
                judged.opinions = opinions(chain, self.against.iter().copied());
            }
            let report = Report::new(observation, &judgement);
            match self.format {
                Format::Json | Format::Junit | Format::Sarif => {}
                Format::Csv => {
                    if self.reports.is_empty() {
                        self.output.write(&exchange::csv_header())?;
                    }
                    self.output.write(&exchange::csv(&report))?;
                }
                Format::Jsonl => self.output.write(&json::line(&report)?)?,
                Format::Text => {
                    let mut page = Page::new(self.output.width());
                    if !self.reports.is_empty() {
                        page.blank();
                    }
                    report::write(&mut page, &report, planned, judgement.as_of, self.as_of.is_some());
                    self.output.write(&page.into_text())?;
                }
            }
            self.reports.push(report);
        }
        Ok(())
    }

    /// What stands at the end, and what it all comes to.
    fn finish(&mut self) -> Result<Outcome, Failure> {
        let outcome = outcome(self.reports.iter().map(|report| report.verdict));
        match self.format {
            Format::Json => {
                let reports = std::mem::take(&mut self.reports);
                self.output
                    .write(&json::document(&Document::new(clock::now(), reports))?)?;
            }
            Format::Text if self.reports.len() > 1 => {
                let mut page = Page::new(self.output.width());
                page.blank();
                summary::write(&mut page, &self.reports);
                self.output.write(&page.into_text())?;
            }
            Format::Junit => self.output.write(&exchange::junit(&self.reports))?,
            Format::Sarif => self
                .output
                .write(&json::document(&exchange::sarif(&self.reports))?)?,
            Format::Text | Format::Jsonl | Format::Csv => {}
        }
        Ok(outcome)
    }
}

/// What some verdicts come to: a failure outweighs what was not seen.
fn outcome(verdicts: impl Iterator<Item = Verdict>) -> Outcome {
    verdicts.fold(Outcome::Good, |outcome, verdict| match (outcome, verdict) {
        (Outcome::Failed, _) | (_, Verdict::Fail) => Outcome::Failed,
        (Outcome::Inconclusive, _) | (_, Verdict::Inconclusive) => Outcome::Inconclusive,
        (Outcome::Good, Verdict::Pass | Verdict::Warn) => Outcome::Good,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_moment() {
        assert_eq!(moment("2027-03-15").unwrap().to_string(), "2027-03-15T00:00:00Z");
        assert_eq!(
            moment("2027-03-15T06:00:00+01:00").unwrap().to_string(),
            "2027-03-15T05:00:00Z"
        );
        for text in ["", "tomorrow", "2027-02-30", "2027-03-15T06:00", "15.03.2027"] {
            assert!(moment(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_failure_outweighs_what_was_not_seen() {
        use Verdict::{Fail, Inconclusive, Pass, Warn};
        for (verdicts, expected) in [
            (vec![], Outcome::Good),
            (vec![Pass, Warn], Outcome::Good),
            (vec![Pass, Inconclusive], Outcome::Inconclusive),
            (vec![Inconclusive, Fail, Pass], Outcome::Failed),
            (vec![Fail, Inconclusive], Outcome::Failed),
        ] {
            assert_eq!(outcome(verdicts.into_iter()), expected);
        }
    }
}
