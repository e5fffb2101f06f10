//! The commands `config check` and `config show`.

use crate::Outcome;
use crate::arguments::ShardArguments;
use crate::core_file;
use crate::failure::Failure;
use crate::output::Output;
use crate::shard;
use siptls_config::{Faults, Plan};
use std::path::Path;

/// Validates a configuration and says what is in it, and what of it a shard would watch.
pub(crate) fn check(path: &Path, shard: &ShardArguments) -> Result<Outcome, Failure> {
    let shard = shard::chosen(shard)?;
    let plan = load(path).map_err(failure)?;
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
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
    Ok(Outcome::Good)
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
