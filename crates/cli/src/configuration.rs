//! The commands `config check` and `config show`, and how every command reads its configuration.

use crate::Outcome;
use crate::arguments::{ConfigCheckArguments, DEFAULT_CONFIG, ShardArguments};
use crate::core_file;
use crate::failure::{self, Failure};
use crate::output::Output;
use crate::shard;
use siptls_config::{Faults, Plan, WebConfig};
use siptls_daemon::Shard;
use std::path::Path;

/// Validates a configuration, a web configuration, or both, and says what is in them, and what of it a shard would watch.
pub(crate) fn check(arguments: &ConfigCheckArguments) -> Result<Outcome, Failure> {
    let shard = shard::chosen(&arguments.shard)?;
    let web = arguments.web_config_file.as_deref().map(check_web);
    let configuration = match (&arguments.config_file, &web) {
        (Some(path), _) => Some(check_configuration(path, shard)),
        (None, None) => Some(check_configuration(Path::new(DEFAULT_CONFIG), shard)),
        (None, Some(_)) => None,
    };
    match (web, configuration) {
        // Both at once: the last one is printed by whoever prints failures.
        (Some(Err(web)), Some(Err(configuration))) => {
            failure::print(&web);
            Err(configuration)
        }
        (Some(Err(failure)), _) | (_, Some(Err(failure))) => Err(failure),
        _ => Ok(Outcome::Good),
    }
}

fn check_web(path: &Path) -> Result<(), Failure> {
    let web = load_web(path).map_err(failure)?;
    siptls_daemon::check_web(&web).map_err(|source| Failure::Web { source })?;
    let tls = match &web.tls {
        None => "plain HTTP".to_owned(),
        Some(tls) if tls.client_auth.verifies() => "TLS with verified client certificates".to_owned(),
        Some(_) => "TLS".to_owned(),
    };
    let mut parts = vec![tls, count(web.users.len(), "user")];
    if !web.headers.is_empty() {
        parts.push(count(web.headers.len(), "own header"));
    }
    if web.rate_limit.is_some() {
        parts.push("a rate limit".to_owned());
    }
    Output::standard().write(&format!("{}: no faults: {}\n", path.display(), parts.join(", ")))?;
    if web.wants_http2 {
        failure::note("http2 is allowed and not used: HTTP/1.1 is what is spoken");
    }
    Ok(())
}

fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

fn check_configuration(path: &Path, shard: Option<Shard>) -> Result<(), Failure> {
    let plan = load(path).map_err(failure)?;
    let mut parts = vec![
        count(plan.targets.len(), "target"),
        count(plan.files.len(), "file"),
    ];
    if !plan.profiles.is_empty() {
        parts.push(count(plan.profiles.len(), "own profile"));
    }
    let mut text = format!("{}: no faults: {}\n", path.display(), parts.join(", "));
    if let Some(shard) = shard {
        let own = plan
            .targets
            .iter()
            .filter(|planned| shard.owns(&planned.target.name));
        text += &format!("shard {shard}: {} of them", count(own.count(), "target"));
        match shard.companions(&plan).len() {
            0 => text.push('\n'),
            more => {
                text += &format!(
                    ", and {} of other shards for the removal date of its own\n",
                    count(more, "load balancer")
                )
            }
        }
    }
    Output::standard().write(&text)?;
    Ok(())
}

/// Prints the configuration as it takes effect; of a shard, with its own targets alone.
pub(crate) fn show(path: &Path, shard: &ShardArguments) -> Result<Outcome, Failure> {
    let shard = shard::chosen(shard)?;
    let mut plan = load(path).map_err(failure)?;
    if let Some(shard) = shard {
        plan.retain(|target| shard.owns(&target.name));
    }
    Output::standard().write(&plan.effective_yaml())?;
    Ok(Outcome::Good)
}

fn failure(source: Faults) -> Failure {
    Failure::Configuration { source }
}

/// Reads a configuration for whatever command. One with private keys forbids the process its core file.
pub(crate) fn load(path: &Path) -> Result<Plan, Faults> {
    let plan = siptls_config::load(path)?;
    if !plan.client_identities.is_empty() {
        core_file::forbid();
    }
    Ok(plan)
}

/// Reads a web configuration for whatever command. One with a private key forbids the process its core file.
pub(crate) fn load_web(path: &Path) -> Result<WebConfig, Faults> {
    let web = siptls_config::load_web(path)?;
    if web.tls.is_some() {
        core_file::forbid();
    }
    Ok(web)
}
