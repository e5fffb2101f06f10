//! One target: what was given for it, checked and put together with the defaults.

use crate::anchors::{self, NoRoots};
use crate::duration;
use crate::fault::{FaultList, KeyPath, Position, known_names, nearest, quoted};
use crate::identities::Identities;
use crate::keys::RESERVED_LABELS;
use crate::plan::{PlannedTarget, ProbeSettings, SurveyInterval, absolute};
use crate::sources::Sources;
use siptls_catalog::{DEFAULT_PROFILE, Profile, RootSet};
use siptls_model::{Depth, Dial, Endpoint, EndpointError, Host, Maintenance, Target, escape_text};
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Time between two visits: a peer that is visited more often takes the prober for a scanner; less often than once a
/// week finds nothing in time.
pub(crate) const INTERVAL: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);

/// Time between two surveys: a dozen connections each, which more often than once a minute are a load; less often than
/// once a month they find nothing in time.
pub(crate) const SURVEY_INTERVAL: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(30 * 86_400);

/// Deadline of a visit: below 100 ms no path of the Internet is fast enough, after 60 s no caller waits any more.
pub(crate) const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// Connections to an address within an hour: none is no watching, and more than one in 36 ms is not one at a time.
const CONNECTIONS: RangeInclusive<u32> = 1..=100_000;

/// Longest name of a target in characters: it is a label of every series of the target.
const MAX_NAME_CHARS: usize = 128;

/// Most labels of a target: each is repeated on some forty series.
pub(crate) const MAX_LABELS: usize = 16;

/// Longest value of a label in bytes.
const MAX_LABEL_BYTES: usize = 256;

/// A value given for a key, and where.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) text: &'a str,
    /// `None` on the command line.
    pub(crate) at: Option<Position>,
    pub(crate) key: KeyPath<'a>,
}

/// What was given for one target. A field that was given but is no text is absent here and has its fault already.
#[derive(Clone, Default)]
pub(crate) struct Given<'a> {
    pub(crate) name: Option<Field<'a>>,
    /// The name when none is given: the endpoint as typed, which is printable once it has been read.
    pub(crate) name_as_typed: Option<&'a str>,
    pub(crate) endpoint: Option<Field<'a>>,
    pub(crate) profile: Option<Field<'a>>,
    pub(crate) peer_region: Option<Field<'a>>,
    pub(crate) connect: Option<Field<'a>>,
    pub(crate) server_name: Option<Field<'a>>,
    pub(crate) trust_anchors: Option<Field<'a>>,
    /// Names of client identities.
    pub(crate) client_identities: Option<Vec<Field<'a>>>,
    pub(crate) settings: GivenSettings<'a>,
    pub(crate) labels: Vec<(Field<'a>, Field<'a>)>,
}

/// What was given of the keys of `probe`.
#[derive(Clone, Default)]
pub(crate) struct GivenSettings<'a> {
    pub(crate) interval: Option<Field<'a>>,
    pub(crate) survey_interval: Option<Field<'a>>,
    pub(crate) timeout: Option<Field<'a>>,
    pub(crate) depth: Option<Field<'a>>,
    pub(crate) connections_per_hour: Option<Field<'a>>,
    /// Read already, since it is no text.
    pub(crate) maintenance: Option<Maintenance>,
}

impl<'a> Given<'a> {
    /// Notes the value of a key of [`Section::Target`](crate::keys::Section::Target) that is a text.
    pub(crate) fn set(&mut self, key: &str, field: Field<'a>) {
        let slot = match key {
            "name" => &mut self.name,
            "endpoint" => &mut self.endpoint,
            "profile" => &mut self.profile,
            "peer_region" => &mut self.peer_region,
            "connect" => &mut self.connect,
            "server_name" => &mut self.server_name,
            "trust_anchors" => &mut self.trust_anchors,
            key => return self.settings.set(key, field),
        };
        *slot = Some(field);
    }
}

impl<'a> GivenSettings<'a> {
    /// Notes the value of a key of `probe` that is a text.
    pub(crate) fn set(&mut self, key: &str, field: Field<'a>) {
        match key {
            "interval" => self.interval = Some(field),
            "survey_interval" => self.survey_interval = Some(field),
            "timeout" => self.timeout = Some(field),
            "depth" => self.depth = Some(field),
            "connections_per_hour" => self.connections_per_hour = Some(field),
            _ => {}
        }
    }
}

/// What names may stand for, shared by all targets.
#[derive(Default)]
pub(crate) struct Names {
    /// Profiles of `profile_files`.
    pub(crate) profiles: HashMap<String, Arc<Profile>>,
    /// Whether a file of `profile_files` has faults, so that a profile may be unknown for that alone.
    pub(crate) profiles_missing: bool,
    /// Roots by absolute path, or why there are none.
    roots: HashMap<PathBuf, Result<Arc<RootSet>, NoRoots>>,
    /// Client identities by name.
    pub(crate) identities: Identities,
    /// Every file read, in order.
    pub(crate) files: Vec<PathBuf>,
    /// Everything looked at, read or not.
    pub(crate) sources: Sources,
}

impl Names {
    fn profile(&self, name: &str) -> Option<Arc<Profile>> {
        self.profiles
            .get(name)
            .cloned()
            .or_else(|| siptls_catalog::profile(name))
    }

    fn profile_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = siptls_catalog::profiles()
            .iter()
            .map(|profile| profile.name.as_str())
            .collect();
        names.extend(self.profiles.keys().map(String::as_str));
        names.sort_unstable();
        names.dedup();
        names
    }

    fn roots(&mut self, path: &Path) -> Result<Arc<RootSet>, NoRoots> {
        let key = absolute(path);
        if let Some(known) = self.roots.get(&key) {
            return known.clone();
        }
        let result = anchors::read(path, &mut self.files, &mut self.sources);
        self.roots.insert(key, result.clone());
        result
    }
}

/// Reads fields of one file (or of the command line) and notes what is wrong with them.
pub(crate) struct Checker<'a> {
    pub(crate) file: &'a Rc<Path>,
    /// The folder from which its relative paths count.
    pub(crate) base: &'a Path,
    pub(crate) names: &'a mut Names,
    pub(crate) faults: &'a mut FaultList,
}

impl Checker<'_> {
    pub(crate) fn fault(&mut self, field: &Field<'_>, message: impl Into<String>, hint: Option<String>) {
        self.faults.add(self.file, field.at, &field.key, message, hint);
    }

    /// The settings given, on top of `defaults`.
    pub(crate) fn settings(&mut self, given: &GivenSettings<'_>, defaults: &ProbeSettings) -> ProbeSettings {
        let mut settings = defaults.clone();
        let mut sound = true;
        for (field, range) in [(&given.interval, INTERVAL), (&given.timeout, TIMEOUT)] {
            let Some(field) = field else { continue };
            match duration::parse(field.text, &range) {
                Ok(duration) if range == TIMEOUT => settings.timeout = Some(duration),
                Ok(duration) => settings.interval = duration,
                Err((message, hint)) => {
                    sound = false;
                    self.fault(field, message, hint);
                }
            }
        }
        if let Some(field) = &given.survey_interval {
            match duration::parse(field.text, &SURVEY_INTERVAL) {
                // `off` is `false` to readers of YAML 1.1 such as Helm, which hand on the latter.
                _ if matches!(field.text, "off" | "false") => {
                    settings.survey_interval = Some(SurveyInterval::Off)
                }
                Ok(duration) => settings.survey_interval = Some(SurveyInterval::Every(duration)),
                Err((message, hint)) => self.fault(field, message, hint.map(|hint| hint + ", or `off`")),
            }
        }
        if let Some(field) = &given.depth {
            match field.text {
                "hello" => settings.depth = Depth::Hello,
                "routine" => settings.depth = Depth::Routine,
                // A survey at each visit is for one visit on the command line.
                "survey" if field.at.is_none() => settings.depth = Depth::Survey,
                text => {
                    let (expected, hint) = match field.at {
                        None => ("`hello`, `routine` or `survey`", None),
                        Some(_) => (
                            "`hello` or `routine`",
                            (text == "survey")
                                .then(|| "surveys come once in each `survey_interval`".to_owned()),
                        ),
                    };
                    self.fault(
                        field,
                        format!("expected {expected}, found {}", quoted(text)),
                        hint,
                    );
                }
            }
        }
        if sound
            && settings.timeout() > settings.interval
            && let Some(field) = given.timeout.or(given.interval)
        {
            let message = format!(
                "expected a timeout no longer than the interval, found the timeout {} and the interval {}",
                duration::show(settings.timeout()),
                duration::show(settings.interval)
            );
            self.fault(&field, message, None);
        }
        if let Some(maintenance) = &given.maintenance {
            settings.maintenance = maintenance.clone();
        }
        if let Some(field) = &given.connections_per_hour {
            match connections(field.text) {
                Some(connections) => settings.connections_per_hour = Some(connections),
                None => {
                    sound = false;
                    let (least, most) = (CONNECTIONS.start(), CONNECTIONS.end());
                    let found = found_text(field.text);
                    self.fault(
                        field,
                        format!("expected a whole number from {least} to {most}, found {found}"),
                        None,
                    );
                }
            }
        }
        let (needed, granted) = (settings.visits_per_hour(), settings.connections_per_hour());
        if sound
            && granted < needed
            && let Some(field) = given.connections_per_hour.or(given.interval)
        {
            let interval = duration::show(settings.interval);
            let message = format!(
                "expected at least {needed} connections an hour, which the interval {interval} needs, found {granted}"
            );
            self.fault(&field, message, None);
        }
        settings
    }

    /// The target that comes from what was given, on top of `defaults` and, when it is there, of another target.
    /// `None` when it has no name or endpoint to go on with; then there is a fault.
    pub(crate) fn target(
        &mut self,
        given: &Given<'_>,
        defaults: &ProbeSettings,
        base: Option<&PlannedTarget>,
    ) -> Option<PlannedTarget> {
        let old = base.map(|planned| &planned.target);
        let name = match &given.name {
            Some(field) => self.name(field),
            None => given
                .name_as_typed
                .map(|name| name.trim().to_owned())
                .or_else(|| old.map(|target| target.name.clone())),
        };
        let endpoint = match &given.endpoint {
            Some(field) => self.endpoint(field),
            None => old.map(|target| target.endpoint.clone()),
        };
        let profile = match (&given.profile, base) {
            (Some(field), _) => self.profile(field),
            (None, Some(base)) => Some(Arc::clone(&base.profile)),
            (None, None) => self.names.profile(DEFAULT_PROFILE),
        };
        let peer_region = match &given.peer_region {
            Some(field) => self.region(field),
            None => old.and_then(|target| target.peer_region.clone()),
        };
        let connect = match &given.connect {
            Some(field) => self.connect(field),
            None => old.and_then(|target| target.connect.clone()),
        };
        let server_name = match &given.server_name {
            Some(field) => self.server_name(field),
            None => old.and_then(|target| target.server_name.clone()),
        };
        let (path, trust_anchors) = match (&given.trust_anchors, base) {
            (Some(field), _) => self.trust_anchors(field),
            (None, Some(base)) => (base.target.trust_anchors.clone(), base.trust_anchors.clone()),
            (None, None) => (None, None),
        };
        let (client_identities, identities) = match (&given.client_identities, base) {
            (Some(names), _) => self.named(names),
            (None, Some(base)) => (base.target.client_identities.clone(), base.identities.clone()),
            (None, None) => (Vec::new(), Vec::new()),
        };
        let settings = self.settings(&given.settings, defaults);
        let labels = match old {
            Some(target) => target.labels.clone(),
            None => self.labels(&given.labels),
        };
        let profile = profile?;
        let target = Target {
            name: name?,
            endpoint: endpoint?,
            profile: profile.name.clone(),
            connect,
            server_name,
            trust_anchors: path,
            peer_region,
            client_identities,
            depth: settings.depth,
            interval: settings.interval,
            survey_interval: settings.survey_interval(),
            timeout: settings.timeout(),
            connections_per_hour: settings.connections_per_hour(),
            maintenance: settings.maintenance,
            labels,
        };
        Some(PlannedTarget {
            target: Arc::new(target),
            profile,
            trust_anchors,
            identities,
        })
    }

    fn name(&mut self, field: &Field<'_>) -> Option<String> {
        if name_fits(field.text) {
            return Some(field.text.to_owned());
        }
        self.unfit_name(field);
        None
    }

    pub(crate) fn unfit_name(&mut self, field: &Field<'_>) {
        let name = field.text;
        let message = format!(
            "expected a name of 1 to {MAX_NAME_CHARS} printable characters, found {}",
            found_text(name)
        );
        let hint = (name.trim() != name).then(|| "remove the space at its ends".to_owned());
        self.fault(field, message, hint);
    }

    fn endpoint(&mut self, field: &Field<'_>) -> Option<Endpoint> {
        match field.text.parse() {
            Ok(endpoint) => Some(endpoint),
            Err(error) => {
                let hint = matches!(error, EndpointError::Scheme { .. })
                    .then(|| "only SIP over TLS is probed: write `sips:` or the host alone".to_owned());
                self.fault(field, error.to_string(), hint);
                None
            }
        }
    }

    fn profile(&mut self, field: &Field<'_>) -> Option<Arc<Profile>> {
        let profile = self.names.profile(field.text);
        if profile.is_none() {
            let message = format!("expected the name of a profile, found {}", found_text(field.text));
            let hint = if self.names.profiles_missing {
                Some("it may be in one of the `profile_files` that have faults".to_owned())
            } else {
                known_names(field.text, self.names.profile_names())
            };
            self.fault(field, message, hint);
        }
        profile
    }

    fn region(&mut self, field: &Field<'_>) -> Option<String> {
        if siptls_catalog::region_root_group(field.text).is_some() {
            return Some(field.text.to_owned());
        }
        let mut regions: Vec<&str> = siptls_catalog::endpoints()
            .iter()
            .map(|endpoint| endpoint.region_code.as_str())
            .collect();
        regions.sort_unstable();
        regions.dedup();
        let message = format!(
            "expected the code of a region such as `euc1`, found {}",
            found_text(field.text)
        );
        // Codes differ in one character, so that the nearest alone could mislead.
        let nearest = nearest(field.text, regions.iter().copied());
        let nearest = nearest
            .map(|code| format!("did you mean `{code}`? "))
            .unwrap_or_default();
        let hint = format!("{nearest}known: {}", regions.join(", "));
        self.fault(field, message, Some(hint));
        None
    }

    fn connect(&mut self, field: &Field<'_>) -> Option<Dial> {
        let expected = "expected an address or host, with or without a port";
        if field
            .text
            .trim()
            .get(..5)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
        {
            self.fault(
                field,
                format!("{expected}, found {}", quoted(field.text)),
                Some("remove `sips:`".to_owned()),
            );
            return None;
        }
        match field.text.parse::<Endpoint>() {
            Ok(endpoint) => Some(Dial {
                host: endpoint.host().clone(),
                port: endpoint.port(),
            }),
            Err(EndpointError::Empty | EndpointError::Scheme { .. }) => {
                self.fault(
                    field,
                    format!("{expected}, found {}", found_text(field.text)),
                    None,
                );
                None
            }
            Err(error) => {
                self.fault(field, error.to_string(), None);
                None
            }
        }
    }

    fn server_name(&mut self, field: &Field<'_>) -> Option<String> {
        match field.text.parse::<Host>() {
            Ok(host) => Some(host.to_string()),
            Err(EndpointError::Empty) => {
                self.fault(
                    field,
                    "expected a host name or an IP address, found an empty text",
                    None,
                );
                None
            }
            Err(error) => {
                let hint = field
                    .text
                    .contains(':')
                    .then(|| "a name alone: no scheme and no port".to_owned());
                self.fault(field, error.to_string(), hint);
                None
            }
        }
    }

    fn trust_anchors(&mut self, field: &Field<'_>) -> (Option<PathBuf>, Option<Arc<RootSet>>) {
        if field.text.is_empty() {
            self.fault(
                field,
                "expected the path of a file with certificates or of a folder of them, found an empty text",
                None,
            );
            return (None, None);
        }
        let path = self.base.join(field.text);
        match self.names.roots(&path) {
            Ok(roots) => (Some(absolute(&path)), Some(roots)),
            Err(NoRoots { message, hint }) => {
                self.fault(field, message, hint);
                (None, None)
            }
        }
    }

    fn labels(&mut self, given: &[(Field<'_>, Field<'_>)]) -> BTreeMap<String, String> {
        if let Some((name, _)) = given.get(MAX_LABELS) {
            let message = format!("expected at most {MAX_LABELS} labels, found {}", given.len());
            self.fault(name, message, None);
        }
        let mut labels = BTreeMap::new();
        for (name, value) in given {
            if let Some((message, hint)) = label_fault(name.text) {
                self.fault(name, message, hint);
            } else if value.text.len() > MAX_LABEL_BYTES {
                let found = value.text.len();
                self.fault(
                    value,
                    format!("expected at most {MAX_LABEL_BYTES} bytes, found {found}"),
                    None,
                );
            } else if escape_text(value.text) != value.text {
                self.fault(
                    value,
                    format!("expected printable text, found {}", quoted(value.text)),
                    None,
                );
            } else {
                labels.insert(name.text.to_owned(), value.text.to_owned());
            }
        }
        labels
    }
}

fn connections(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    CONNECTIONS.contains(&number).then_some(number)
}

/// Whether a text can be the name of a target.
pub(crate) fn name_fits(name: &str) -> bool {
    let chars = name.chars().take(MAX_NAME_CHARS + 1).count();
    (1..=MAX_NAME_CHARS).contains(&chars) && name.trim() == name && escape_text(name) == name
}

pub(crate) fn found_text(text: &str) -> String {
    if text.is_empty() {
        "an empty text".to_owned()
    } else {
        quoted(text)
    }
}

fn label_fault(name: &str) -> Option<(String, Option<String>)> {
    let mut chars = name.chars();
    let well_formed = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !well_formed {
        let message = format!(
            "expected a label name of letters, digits and `_`, found {}",
            found_text(name)
        );
        let mended: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let usable = mended.starts_with(|c: char| c.is_ascii_alphabetic());
        return Some((message, usable.then(|| format!("write {}", quoted(&mended)))));
    }
    if name.starts_with("__") {
        let hint = "names that begin with `__` are Prometheus's own and dropped by it";
        return Some((
            format!(
                "expected a label name that does not begin with `__`, found {}",
                quoted(name)
            ),
            Some(hint.to_owned()),
        ));
    }
    if RESERVED_LABELS.contains(&name) {
        let message = format!(
            "expected a label name that this program's metrics do not use, found {}",
            quoted(name)
        );
        return Some((
            message,
            Some(format!("write another name, such as `site_{name}`")),
        ));
    }
    None
}
