//! The commands `config check` and `config show`.

use crate::Outcome;
use crate::core_file;
use crate::failure::Failure;
use crate::output::Output;
use siptls_config::{Faults, Plan};
use std::path::Path;

/// Validates a configuration and says what is in it.
pub(crate) fn check(path: &Path) -> Result<Outcome, Failure> {
    let plan = load(path).map_err(failure)?;
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let mut parts = vec![
        count(plan.targets.len(), "target"),
        count(plan.files.len(), "file"),
    ];
    if !plan.profiles.is_empty() {
        parts.push(count(plan.profiles.len(), "own profile"));
    }
    Output::standard().write(&format!("{}: no faults: {}\n", path.display(), parts.join(", ")))?;
    Ok(Outcome::Good)
}

/// Prints the configuration as it takes effect.
pub(crate) fn show(path: &Path) -> Result<Outcome, Failure> {
    Output::standard().write(&load(path).map_err(failure)?.effective_yaml())?;
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
