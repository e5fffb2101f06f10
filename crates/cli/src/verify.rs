//! The command `catalog verify`: visits the published load balancers and says which of them are there under that name.

use crate::Outcome;
use crate::arguments::{ListFormat, VerifyArguments};
use crate::failure::{CommandLineFault, Failure, nearest, shown};
use crate::json;
use crate::output::Output;
use crate::page::Page;
use crate::progress::Progress;
use crate::signal::Stop;
use crate::visits::{Seen, Visits};
use serde_json::{Value, json as value};
use siptls_catalog::{BALANCER_PROFILE, ListedEndpoint, endpoints};
use siptls_config::{PlannedTarget, TargetOptions, target_from_options};
use siptls_model::{Depth, Observation, Phase, Reason, Report, RevocationSettings, clock};
use siptls_policy::Judge;

/// What contact made of a published name, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Contact {
    /// It resolves, and a certificate under the region's roots covers it.
    Confirmed,
    /// It does not resolve.
    Unresolved,
    /// It resolves, or nobody can tell, and no certificate was read.
    Unreached,
    /// A certificate was read that does not cover the name or is not under the region's roots.
    Contradicted,
}

impl Contact {
    const fn code(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unresolved => "unresolved",
            Self::Unreached => "unreached",
            Self::Contradicted => "contradicted",
        }
    }
}

/// What was found of one published name.
struct Found {
    listed: &'static ListedEndpoint,
    contact: Contact,
    addresses: Vec<String>,
    why: String,
}

/// Visits them and prints the table.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<Outcome, Failure> {
    let listed = chosen(&arguments.region)?;
    let targets = targets(&listed, arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| Failure::Runtime { source })?;
    let seen = runtime.block_on(visit_all(&targets));
    runtime.shutdown_background();
    let found: Vec<Found> = (listed.into_iter().zip(&targets))
        .zip(seen?)
        .map(|((listed, planned), seen)| found(listed, planned, seen))
        .collect();
    let mut output = Output::standard();
    match arguments.format {
        ListFormat::Json => output.write(&json::document(&document(&found))?)?,
        ListFormat::Text => {
            let mut page = Page::new(output.width());
            write(&mut page, &found);
            output.write(&page.into_text())?;
        }
    }
    Ok(match found.iter().map(|one| one.contact).max() {
        None | Some(Contact::Confirmed) => Outcome::Good,
        Some(Contact::Unresolved | Contact::Unreached) => Outcome::Inconclusive,
        Some(Contact::Contradicted) => Outcome::Failed,
    })
}

/// The published hosts of some regions; of all when none is named.
fn chosen(regions: &[String]) -> Result<Vec<&'static ListedEndpoint>, Failure> {
    for region in regions {
        let codes = || endpoints().iter().map(|listed| listed.region_code.as_str());
        if !codes().any(|code| code == region) {
            return Err(Failure::UnknownName {
                found: shown(region),
                nearest: nearest(region, codes()).map(str::to_owned),
            });
        }
    }
    let is_chosen = |listed: &&ListedEndpoint| regions.is_empty() || regions.contains(&listed.region_code);
    Ok(endpoints().iter().filter(is_chosen).collect())
}

fn targets(listed: &[&ListedEndpoint], arguments: &VerifyArguments) -> Result<Vec<PlannedTarget>, Failure> {
    let options = TargetOptions {
        profile: Some(BALANCER_PROFILE.to_owned()),
        depth: Some(Depth::Hello.code().to_owned()),
        timeout: arguments.timeout.clone(),
        trust_anchors: arguments.trust_anchors.clone(),
        ..TargetOptions::default()
    };
    let planned = listed.iter().map(|listed| {
        target_from_options(&listed.hostname, &options, None).map_err(|faults| Failure::CommandLine {
            faults: (faults.as_slice().iter())
                .map(|fault| CommandLineFault::new(&listed.hostname, fault))
                .collect(),
        })
    });
    planned.collect()
}

/// What was seen of each target, in their order; nothing of those that a signal came before.
async fn visit_all(targets: &[PlannedTarget]) -> Result<Vec<Seen>, Failure> {
    let mut stop = Stop::listen()?;
    let progress = Progress::of(targets.len());
    // At depth hello no list is asked.
    let mut visits = Visits::start(targets, RevocationSettings::default());
    let mut seen: Vec<Seen> = targets.iter().map(|_| Seen::new()).collect();
    loop {
        let ended = tokio::select! {
            ended = visits.next() => ended,
            () = stop.requested() => break,
        };
        let Some((index, observations)) = ended else { break };
        if let Some(place) = seen.get_mut(index) {
            *place = observations;
        }
        progress.done();
    }
    Ok(seen)
}

fn found(listed: &'static ListedEndpoint, planned: &PlannedTarget, seen: Seen) -> Found {
    let judge = Judge::new(
        planned.profile.clone(),
        planned.trust_anchors.clone(),
        &planned.target,
    );
    let judgements = judge.judge_visit(&seen, clock::now());
    let reports: Vec<(Observation, Report)> = (seen.into_iter().zip(judgements))
        .map(|(seen, judgement)| {
            let report = Report::new(&seen, &judgement);
            (seen, report)
        })
        .collect();
    let (contact, why) = (reports.iter())
        .map(|(seen, report)| contact(seen, report))
        .max_by_key(|(contact, _)| *contact)
        .unwrap_or((Contact::Unreached, "not visited: told to stop".to_owned()));
    Found {
        listed,
        contact,
        addresses: reports
            .iter()
            .filter_map(|(_, report)| report.target.address.clone())
            .collect(),
        why,
    }
}

/// What one address says, and why.
fn contact(seen: &Observation, report: &Report) -> (Contact, String) {
    let Some(chain) = &report.chain else {
        let error = seen.error.as_ref();
        let why = error.map_or_else(
            || "no certificate was read".to_owned(),
            |error| error.message.clone(),
        );
        let unresolved =
            error.is_some_and(|error| error.phase == Phase::Resolve && error.reason == Reason::NameNotFound);
        return (
            if unresolved {
                Contact::Unresolved
            } else {
                Contact::Unreached
            },
            why,
        );
    };
    let covers = (chain.name_match.as_ref()).is_some_and(|names| names.webpki || names.common_name);
    let leaf = chain.certificates.first();
    match (covers, &chain.trust_anchor) {
        (true, Some(anchor)) => {
            let purposes = leaf.and_then(|leaf| leaf.extended_key_usage.as_ref());
            let client = purposes.is_none_or(|purposes| purposes.iter().any(|one| one == "clientAuth"));
            let until = leaf.and_then(|leaf| leaf.not_after);
            let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
            let usage = if client { "with" } else { "without" };
            (
                Contact::Confirmed,
                format!("{}, {usage} clientAuth{until}", anchor.name),
            )
        }
        (false, _) => {
            let names = leaf.map(|leaf| leaf.san_dns.join(", ")).unwrap_or_default();
            (
                Contact::Contradicted,
                format!("the certificate is for other names: {}", shown(&names)),
            )
        }
        (true, None) => {
            let problem = chain
                .problem
                .clone()
                .unwrap_or_else(|| "no trusted root is reached".to_owned());
            (Contact::Contradicted, problem)
        }
    }
}

fn write(page: &mut Page, found: &[Found]) {
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|one| {
            vec![
                one.listed.hostname.clone(),
                one.contact.code().to_owned(),
                if one.listed.confirmed { "yes" } else { "no" }.to_owned(),
                one.addresses.join(", "),
                one.why.clone(),
            ]
        })
        .collect();
    page.table(
        &["HOST", "FOUND", "LISTED AS CONFIRMED", "ADDRESSES", "WHY"],
        &rows,
        &[],
    );
    page.blank();
    let counts = [
        Contact::Confirmed,
        Contact::Unresolved,
        Contact::Unreached,
        Contact::Contradicted,
    ]
    .map(|contact| {
        let count = found.iter().filter(|one| one.contact == contact).count();
        format!("{count} {}", contact.code())
    });
    page.paragraph(0, &format!("{} hosts: {}", found.len(), counts.join(", ")));
}

fn document(found: &[Found]) -> Value {
    let entries = found.iter().map(|one| {
        value!({
            "hostname": one.listed.hostname,
            "region_code": one.listed.region_code,
            "listed_as_confirmed": one.listed.confirmed,
            "found": one.contact.code(),
            "addresses": one.addresses,
            "why": one.why,
        })
    });
    value!({"endpoint_list": entries.collect::<Vec<_>>()})
}
