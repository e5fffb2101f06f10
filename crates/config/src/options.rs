//! A target from command-line options, under the rules of the configuration.

use crate::fault::{FaultList, Faults, KeyPath};
use crate::plan::{Plan, PlannedTarget, SurveyInterval};
use crate::target::{Checker, Field, Given, Names};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What faults of options name as their file.
const COMMAND_LINE: &str = "command line";

/// The options of `check` that are also keys of a target, as typed. `None`: not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetOptions {
    /// `--profile NAME`.
    pub profile: Option<String>,
    /// `--connect ADDR[:PORT]`.
    pub connect: Option<String>,
    /// `--server-name NAME`.
    pub server_name: Option<String>,
    /// `--peer-region CODE`.
    pub peer_region: Option<String>,
    /// `--trust-anchors FILE`, relative to the working directory.
    pub trust_anchors: Option<PathBuf>,
    /// `--depth hello|routine|survey`.
    pub depth: Option<String>,
    /// `--timeout 10s`.
    pub timeout: Option<String>,
}

/// A target for one endpoint, named as typed, with the defaults and checks of a configured one. From `plan`, when there
/// is one, come the settings of its `probe` and its own profiles.
///
/// # Errors
///
/// Every fault of endpoint and options at once, with `command line` as the file and the option as the key.
pub fn target_from_options(
    endpoint: &str,
    options: &TargetOptions,
    plan: Option<&Plan>,
) -> Result<PlannedTarget, Faults> {
    build(Some(endpoint), options, plan, None)
}

impl PlannedTarget {
    /// This target with options laid over its own settings: `check NAME --timeout 3s`.
    ///
    /// # Errors
    ///
    /// As [`target_from_options`].
    pub fn with_options(&self, options: &TargetOptions, plan: Option<&Plan>) -> Result<Self, Faults> {
        build(None, options, plan, Some(self))
    }
}

fn build(
    endpoint: Option<&str>,
    options: &TargetOptions,
    plan: Option<&Plan>,
    base: Option<&PlannedTarget>,
) -> Result<PlannedTarget, Faults> {
    let mut faults = FaultList::default();
    let file = faults.file(Path::new(COMMAND_LINE));
    let mut names = Names::default();
    if let Some(plan) = plan {
        names.profiles.clone_from(&plan.profiles);
    }
    let root = KeyPath::Root;
    let mut given = Given::default();
    let trust_anchors = options.trust_anchors.as_deref().map(Path::to_str);
    if trust_anchors == Some(None) {
        faults.add(
            &file,
            None,
            &root.key("--trust-anchors"),
            "expected a path in UTF-8, found another",
            None,
        );
    }
    for (option, key, text) in [
        ("--profile", "profile", options.profile.as_deref()),
        ("--connect", "connect", options.connect.as_deref()),
        ("--server-name", "server_name", options.server_name.as_deref()),
        ("--peer-region", "peer_region", options.peer_region.as_deref()),
        ("--trust-anchors", "trust_anchors", trust_anchors.flatten()),
        ("--depth", "depth", options.depth.as_deref()),
        ("--timeout", "timeout", options.timeout.as_deref()),
    ] {
        if let Some(text) = text {
            given.set(
                key,
                Field {
                    text,
                    at: None,
                    key: root.key(option),
                },
            );
        }
    }
    if let Some(text) = endpoint {
        given.endpoint = Some(Field {
            text,
            at: None,
            key: root.key("ENDPOINT"),
        });
        given.name_as_typed = Some(text);
    }
    let mut settings = match (base, plan) {
        (Some(base), _) => crate::ProbeSettings {
            interval: base.target.interval,
            survey_interval: Some(
                base.target
                    .survey_interval
                    .map_or(SurveyInterval::Off, SurveyInterval::Every),
            ),
            timeout: Some(base.target.timeout),
            depth: base.target.depth,
            connections_per_hour: Some(base.target.connections_per_hour),
            maintenance: base.target.maintenance.clone(),
        },
        (None, Some(plan)) => plan.probe.clone(),
        (None, None) => crate::ProbeSettings::default(),
    };
    // One visit has no interval: a timeout is bounded by its own range alone.
    settings.interval = settings.interval.max(*crate::target::TIMEOUT.end());
    let mut checker = Checker {
        file: &file,
        base: Path::new(""),
        names: &mut names,
        faults: &mut faults,
    };
    let planned = checker.target(&given, &settings, base);
    match planned {
        Some(planned) if faults.is_empty() => match base {
            Some(base) if base.target.interval != planned.target.interval => {
                let mut target = (*planned.target).clone();
                target.interval = base.target.interval.max(target.timeout);
                Ok(PlannedTarget {
                    target: Arc::new(target),
                    ..planned
                })
            }
            _ => Ok(planned),
        },
        _ => Err(faults.finish()),
    }
}
