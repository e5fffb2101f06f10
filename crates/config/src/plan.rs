//! What a configuration comes to, and its text again.

use crate::duration;
use crate::journal::JournalSettings;
use crate::load::DAYS;
use crate::size;
use crate::sources::Sources;
use siptls_catalog::{Profile, RootSet};
use siptls_model::{
    ClientIdentity, DEFAULT_CONNECTIONS_PER_HOUR, Depth, Destinations, Dial, Host, Maintenance,
    RevocationSettings, Target, When, Window,
};
use siptls_tls12::NamedIdentity;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The time to which a budget of connections applies.
const HOUR: Duration = Duration::from_secs(3_600);

/// Settings of a visit that a target takes from `probe` unless it sets its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSettings {
    /// Time between two visits to a target: 1 s to 7 d.
    pub interval: Duration,
    /// Time between two surveys; `None`: not set, so that it depends on the depth.
    pub survey_interval: Option<SurveyInterval>,
    /// Deadline of a visit to one address, all phases together: 100 ms to 60 s, and no longer than `interval`; `None`: not
    /// set, so that it depends on the interval.
    pub timeout: Option<Duration>,
    /// How far a visit goes.
    pub depth: Depth,
    /// Attempts to connect to an address within an hour: 1 to 100,000, and no fewer than the visits of an hour; `None`: not
    /// set, so that it depends on the interval.
    pub connections_per_hour: Option<u32>,
    /// When alerts keep quiet.
    pub maintenance: Maintenance,
}

/// Whether and how often surveys come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SurveyInterval {
    /// Never.
    Off,
    /// Once in that time: 1 min to 30 d.
    Every(Duration),
}

impl ProbeSettings {
    /// The timeout set, else 10 s and no longer than the interval.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
            .unwrap_or_else(|| Duration::from_secs(10).min(self.interval))
    }

    /// The budget set, else 600 or twice what the interval needs, whichever is more.
    #[must_use]
    pub fn connections_per_hour(&self) -> u32 {
        self.connections_per_hour
            .unwrap_or_else(|| DEFAULT_CONNECTIONS_PER_HOUR.max(self.visits_per_hour().saturating_mul(2)))
    }

    /// Visits to an address within an hour, rounded up.
    pub(crate) fn visits_per_hour(&self) -> u32 {
        let visits = HOUR.as_millis().div_ceil(self.interval.as_millis().max(1));
        u32::try_from(visits).unwrap_or(u32::MAX)
    }

    /// The survey interval set, else 6 h at depth routine and 30 d at depth hello; `None`: no surveys.
    #[must_use]
    pub const fn survey_interval(&self) -> Option<Duration> {
        match (self.survey_interval, self.depth) {
            (Some(SurveyInterval::Off), _) => None,
            (Some(SurveyInterval::Every(interval)), _) => Some(interval),
            (None, Depth::Hello) => Some(Duration::from_secs(30 * 86_400)),
            (None, Depth::Routine | Depth::Survey) => Some(Duration::from_secs(6 * 3_600)),
        }
    }
}

impl Default for ProbeSettings {
    /// 60 s, routine, and what follows from them.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            survey_interval: None,
            timeout: None,
            depth: Depth::Routine,
            connections_per_hour: None,
            maintenance: Maintenance::default(),
        }
    }
}

/// A target with what its names stand for.
#[derive(Clone, Debug)]
pub struct PlannedTarget {
    /// The target; its `trust_anchors` is an absolute path.
    pub target: Arc<Target>,
    /// The profile of that name, shipped or from `profile_files`.
    pub profile: Arc<Profile>,
    /// The roots read from the target's `trust_anchors`; `None`: the profile's own.
    pub trust_anchors: Option<Arc<RootSet>>,
    /// What was read from the files of the target's `client_identities`, in their order.
    pub identities: Vec<NamedIdentity>,
}

/// A checked configuration. Targets that name the same PEM file or profile share it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The targets in the order of the files and of their lines; names are unique.
    pub targets: Vec<PlannedTarget>,
    /// Every file read, the configuration first.
    pub files: Vec<PathBuf>,
    /// What to watch for changes.
    pub sources: Sources,
    /// `probe` with its defaults.
    pub probe: ProbeSettings,
    /// The client identities by name and files, absolute, whether or not a target names them.
    pub client_identities: Vec<ClientIdentity>,
    /// `revocation` with its defaults; its `cache` is an absolute path.
    pub revocation: RevocationSettings,
    /// `probe_destinations`.
    pub destinations: Destinations,
    /// `journal`; `None`: what changed lives in memory only.
    pub journal: Option<JournalSettings>,
    /// The files of `profile_files`, absolute.
    pub profile_files: Vec<PathBuf>,
    /// The profiles of these files by name.
    pub profiles: HashMap<String, Arc<Profile>>,
    pub(crate) by_name: HashMap<String, usize>,
}

impl Plan {
    /// The target of that name.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<&PlannedTarget> {
        self.by_name.get(name).and_then(|index| self.targets.get(*index))
    }

    /// Keeps the targets that `keep` is true of.
    pub fn retain(&mut self, keep: impl Fn(&Target) -> bool) {
        self.targets.retain(|planned| keep(&planned.target));
        let names = self.targets.iter().enumerate();
        self.by_name = names
            .map(|(index, planned)| (planned.target.name.clone(), index))
            .collect();
    }

    /// The profile of that name: of `profile_files`, else shipped.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<Arc<Profile>> {
        self.profiles
            .get(name)
            .cloned()
            .or_else(|| siptls_catalog::profile(name))
    }

    /// The configuration as it takes effect: one YAML document with the targets of all files and every default
    /// written out, paths absolute. Reading it gives the same targets and settings again.
    #[must_use]
    pub fn effective_yaml(&self) -> String {
        let mut out = String::from("probe:\n");
        line(&mut out, 2, "interval", &duration::show(self.probe.interval));
        // What is not set depends on interval and depth of each target, and is written there.
        match self.probe.survey_interval {
            Some(SurveyInterval::Off) => out.push_str("  survey_interval: off\n"),
            Some(SurveyInterval::Every(every)) => {
                line(&mut out, 2, "survey_interval", &duration::show(every))
            }
            None => {}
        }
        if let Some(timeout) = self.probe.timeout {
            line(&mut out, 2, "timeout", &duration::show(timeout));
        }
        line(&mut out, 2, "depth", self.probe.depth.code());
        if let Some(connections) = self.probe.connections_per_hour {
            let _ = writeln!(out, "  connections_per_hour: {connections}");
        }
        let common = &self.probe.maintenance;
        if !common.windows().is_empty() {
            write_maintenance(&mut out, 2, common);
        }
        if !self.profile_files.is_empty() {
            out.push_str("profile_files:\n");
            for path in &self.profile_files {
                // A path with `*`, `?` or `[` in it is no pattern here.
                let pattern = path.to_string_lossy();
                let pattern = if pattern.contains(['*', '?', '[']) {
                    glob::Pattern::escape(&pattern)
                } else {
                    pattern.into_owned()
                };
                let _ = writeln!(out, "  - {}", scalar(&pattern));
            }
        }
        if !self.client_identities.is_empty() {
            out.push_str("client_identities:\n");
            for identity in &self.client_identities {
                let _ = writeln!(out, "  - name: {}", scalar(&identity.name));
                line(
                    &mut out,
                    4,
                    "certificate",
                    &identity.certificate.to_string_lossy(),
                );
                line(&mut out, 4, "key", &identity.key.to_string_lossy());
            }
        }
        let allow: Vec<String> = self
            .revocation
            .allow
            .iter()
            .map(|network| format!("\"{network}\""))
            .collect();
        let _ = write!(
            out,
            "revocation:\n  enabled: {}\n  allow: [{}]\n",
            self.revocation.enabled,
            allow.join(", ")
        );
        if let Some(folder) = &self.revocation.cache {
            line(&mut out, 2, "cache", &folder.to_string_lossy());
        }
        if !self.destinations.allow.is_empty() {
            let allow: Vec<String> = (self.destinations.allow.iter())
                .map(|network| format!("\"{network}\""))
                .collect();
            let ports: Vec<String> = (self.destinations.ports.iter())
                .map(|range| match (range.start(), range.end()) {
                    (first, last) if first == last => first.to_string(),
                    (first, last) => format!("\"{first}-{last}\""),
                })
                .collect();
            let _ = write!(
                out,
                "probe_destinations:\n  allow: [{}]\n  ports: [{}]\n",
                allow.join(", "),
                ports.join(", ")
            );
        }
        if let Some(journal) = &self.journal {
            out.push_str("journal:\n");
            line(&mut out, 2, "path", &journal.path.to_string_lossy());
            line(&mut out, 2, "retention", &duration::show(journal.retention));
            line(&mut out, 2, "max_size", &size::show(journal.max_size));
        }
        if self.targets.is_empty() {
            out.push_str("targets: []\n");
        } else {
            out.push_str("targets:\n");
        }
        for planned in &self.targets {
            let target = &planned.target;
            write_target(&mut out, target);
            if !(target.maintenance.windows().is_empty() && common.windows().is_empty()) {
                write_maintenance(&mut out, 4, &target.maintenance);
            }
        }
        out
    }
}

fn write_target(out: &mut String, target: &Target) {
    let _ = writeln!(out, "  - name: {}", scalar(&target.name));
    line(
        out,
        4,
        "endpoint",
        &format!(
            "sips:{}",
            authority(target.endpoint.host(), target.endpoint.port())
        ),
    );
    line(out, 4, "profile", &target.profile);
    if let Some(region) = &target.peer_region {
        line(out, 4, "peer_region", region);
    }
    if !target.labels.is_empty() {
        out.push_str("    labels:\n");
        for (name, value) in &target.labels {
            line(out, 6, name, value);
        }
    }
    if let Some(Dial { host, port }) = &target.connect {
        line(out, 4, "connect", &authority(host, *port));
    }
    if let Some(name) = &target.server_name {
        line(out, 4, "server_name", name);
    }
    if let Some(path) = &target.trust_anchors {
        line(out, 4, "trust_anchors", &path.to_string_lossy());
    }
    if !target.client_identities.is_empty() {
        out.push_str("    client_identities:\n");
        for identity in &target.client_identities {
            let _ = writeln!(out, "      - {}", scalar(&identity.name));
        }
    }
    line(out, 4, "interval", &duration::show(target.interval));
    match target.survey_interval {
        Some(every) => line(out, 4, "survey_interval", &duration::show(every)),
        None => out.push_str("    survey_interval: off\n"),
    }
    line(out, 4, "timeout", &duration::show(target.timeout));
    line(out, 4, "depth", target.depth.code());
    let _ = writeln!(out, "    connections_per_hour: {}", target.connections_per_hour);
}

fn write_maintenance(out: &mut String, indent: usize, maintenance: &Maintenance) {
    let windows = maintenance.windows();
    let empty = if windows.is_empty() { " []" } else { "" };
    let _ = writeln!(out, "{:indent$}maintenance:{empty}", "");
    for Window { when, comment } in windows {
        let mut entries: Vec<(&str, String)> = Vec::new();
        match when {
            When::Once { from, until } => {
                entries.push(("from", scalar(&from.to_string())));
                entries.push(("until", scalar(&until.to_string())));
            }
            When::Weekly {
                days,
                start,
                duration,
                timezone,
            } => {
                let name = |day| DAYS.iter().find(|(_, known)| known == day).map(|(name, _)| *name);
                let days: Vec<&str> = days.iter().filter_map(name).collect();
                entries.push(("days", format!("[{}]", days.join(", "))));
                entries.push(("start", scalar(&start.strftime("%H:%M").to_string())));
                entries.push(("duration", scalar(&duration::show(*duration))));
                entries.push(("timezone", scalar(timezone.iana_name().unwrap_or("UTC"))));
            }
        }
        entries.extend(comment.as_deref().map(|comment| ("comment", scalar(comment))));
        for (index, (key, value)) in entries.iter().enumerate() {
            let bullet = if index == 0 { "- " } else { "  " };
            let _ = writeln!(out, "{:indent$}  {bullet}{key}: {value}", "");
        }
    }
}

fn line(out: &mut String, indent: usize, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{:indent$}{}: {}", "", scalar(key), scalar(value));
}

/// Host and port as the operator may write them; unlike an endpoint's own text it leaves an absent port absent.
fn authority(host: &Host, port: Option<u16>) -> String {
    match (host, port) {
        (Host::Ip(IpAddr::V6(ip)), Some(port)) => format!("[{ip}]:{port}"),
        (Host::Ip(IpAddr::V6(ip)), None) => format!("[{ip}]"),
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_string(),
    }
}

/// A text as YAML: plain when no reader of YAML 1.1 or 1.2 could take it for anything else, in double quotes otherwise.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-' | ':'))
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    let duration = text.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && ["ms", "s", "m", "h", "d", "KiB", "MiB", "GiB"]
            .iter()
            .any(|unit| {
                text.strip_suffix(unit)
                    .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
            });
    if plain || duration {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control()
                || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')
                || u32::from(c) > 0xffff =>
            {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `path` from the root of the file system, without asking the file system.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_could_be_misread_are_quoted() {
        for text in [
            "acme-sbc-1",
            "sips:sbc.example.test:5061",
            "/etc/x.pem",
            "60s",
            "500ms",
            "genesys-byoc-customer",
        ] {
            assert_eq!(scalar(text), text);
        }
        for (text, shown) in [
            ("", "\"\""),
            ("no", "\"no\""),
            ("NULL", "\"NULL\""),
            ("1.10", "\"1.10\""),
            ("12", "\"12\""),
            ("~", "\"~\""),
            ("- a", "\"- a\""),
            ("a: b", "\"a: b\""),
            ("a:", "\"a:\""),
            ("a #b", "\"a #b\""),
            ("ü\"\\\n\u{7f}", "\"ü\\\"\\\\\\U0000000a\\U0000007f\""),
            ("📞", "\"\\U0001f4de\""),
        ] {
            assert_eq!(scalar(text), shown);
        }
    }
}
