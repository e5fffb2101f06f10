//! A target from command-line options, under the rules of the configuration.

use crate::fault::{FaultList, Faults, KeyPath};
use crate::identities::GivenIdentity;
use crate::plan::{Plan, PlannedTarget, SurveyInterval};
use crate::target::{Checker, Field, Given, Names};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What faults of options name as their file.
const COMMAND_LINE: &str = "command line";

const NOT_UTF8: &str = "expected a path in UTF-8, found another";

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
    /// `--client-cert FILE`, each with the key of the same place, relative to the working directory.
    pub client_certs: Vec<PathBuf>,
    /// `--client-key FILE`.
    pub client_keys: Vec<PathBuf>,
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
    let identity_names = identity_names(&options.client_certs);
    Checker {
        file: &file,
        base: Path::new(""),
        names: &mut names,
        faults: &mut faults,
    }
    .declare_options(options, &identity_names);
    let mut given = Given::default();
    let trust_anchors = options.trust_anchors.as_deref().map(Path::to_str);
    if trust_anchors == Some(None) {
        faults.add(&file, None, &root.key("--trust-anchors"), NOT_UTF8, None);
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
    let in_pairs = options.client_certs.len() == options.client_keys.len();
    if in_pairs && !options.client_certs.is_empty() {
        let names = identity_names.iter().map(|name| Field {
            text: name,
            at: None,
            key: root.key("--client-cert"),
        });
        given.client_identities = Some(names.collect());
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

/// Names of identities that are given by their files: the file's name, or the whole path where two have the same.
fn identity_names(certificates: &[PathBuf]) -> Vec<String> {
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let names: Vec<String> = certificates.iter().map(name).collect();
    let is_shared = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    let with_paths = names.iter().zip(certificates);
    with_paths
        .map(|(name, path)| match is_shared(name) {
            true => path.to_string_lossy().into_owned(),
            false => name.clone(),
        })
        .collect()
}

impl Checker<'_> {
    /// Reads the identities of `--client-cert` and `--client-key`.
    fn declare_options(&mut self, options: &TargetOptions, names: &[String]) {
        let root = KeyPath::Root;
        let (certificates, keys) = (&options.client_certs, &options.client_keys);
        if certificates.len() != keys.len() {
            let message = format!(
                "expected as many as --client-cert, which is given {} times, found {}",
                certificates.len(),
                keys.len()
            );
            let hint = "give them in pairs: `--client-cert FILE --client-key FILE`";
            return self.faults.add(
                self.file,
                None,
                &root.key("--client-key"),
                message,
                Some(hint.to_owned()),
            );
        }
        for ((certificate, key), name) in certificates.iter().zip(keys).zip(names) {
            let mut given = GivenIdentity::default();
            let mut set = |word, option, text| {
                let key = root.key(option);
                given.set(word, Field { text, at: None, key });
            };
            set("name", "--client-cert", name.as_str());
            for (word, option, path) in [
                ("certificate", "--client-cert", certificate),
                ("key", "--client-key", key),
            ] {
                match path.to_str() {
                    Some(text) => set(word, option, text),
                    None => self
                        .faults
                        .add(self.file, None, &root.key(option), NOT_UTF8, None),
                }
            }
            self.declare(&given);
        }
    }
}
