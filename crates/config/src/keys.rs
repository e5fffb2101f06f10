//! Every key there is: one table, read by the checks, by the hints and by whoever documents them.

use crate::fault::{known_names, nearest, quoted};

/// A key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its path, such as `probe.interval` or `targets[].endpoint`.
    pub path: &'static str,
    /// What is taken when it is absent; `None` when it must be given or when nothing is taken.
    pub default: Option<&'static str>,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

const fn key(path: &'static str, default: Option<&'static str>, meaning: &'static str) -> Key {
    Key {
        path,
        default,
        meaning,
    }
}

/// Every key, in the order in which `config show` writes them.
pub static KEYS: &[Key] = &[
    key(
        "probe",
        None,
        "settings of every target that does not set its own",
    ),
    key(
        "probe.interval",
        Some("60s"),
        "time between two visits to a target, 1s to 7d",
    ),
    key(
        "probe.survey_interval",
        Some("6h; at depth hello 30d"),
        "time between two surveys of what a target accepts, 60s to 30d, or `off`",
    ),
    key(
        "probe.timeout",
        Some("10s, or the interval if that is shorter"),
        "deadline of a visit to one address, all phases together, 100ms to 60s",
    ),
    key(
        "probe.depth",
        Some("routine"),
        "how far a visit goes: `hello` reads the server's flight, `routine` finishes",
    ),
    key(
        "probe.connections_per_hour",
        Some("600, or twice what the interval needs if that is more"),
        "attempts to connect to an address within an hour after which it is left alone, 1 to 100000",
    ),
    key(
        "probe.maintenance",
        None,
        "when the target is probed and its alerts keep quiet",
    ),
    key(
        "maintenance[].from",
        None,
        "first moment of a window that comes once, as in RFC 3339",
    ),
    key("maintenance[].until", None, "the moment at which it is over"),
    key(
        "maintenance[].days",
        None,
        "days on which a weekly window begins: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`",
    ),
    key(
        "maintenance[].start",
        None,
        "when it begins by the clock of its timezone, such as `02:00`",
    ),
    key("maintenance[].duration", None, "how long it lasts, 60s to 7d"),
    key(
        "maintenance[].timezone",
        Some("UTC"),
        "name of the timezone, such as `Europe/Berlin`",
    ),
    key(
        "maintenance[].comment",
        None,
        "a line for people, at most 200 characters",
    ),
    key(
        "catalog",
        None,
        "published endpoints of a platform to watch, by list",
    ),
    key(
        "catalog.genesys_byoc_cloud",
        None,
        "the load balancers of Genesys BYOC Cloud, each a target named as its host, with the profile `genesys-byoc-cloud`",
    ),
    key(
        "catalog.genesys_byoc_cloud.regions",
        None,
        "codes of regions, or `all`; required",
    ),
    key(
        "catalog.genesys_byoc_cloud.labels",
        None,
        "labels of these targets besides `region` and `confirmed`",
    ),
    key(
        "profile_files",
        None,
        "further profiles; one with the name of a shipped profile replaces it",
    ),
    key(
        "client_identities",
        None,
        "client certificates with their keys, for targets that name them",
    ),
    key(
        "client_identities[].name",
        None,
        "the identity's name, unique; the label `identity` of its metric",
    ),
    key(
        "client_identities[].certificate",
        None,
        "PEM file of the leaf followed by its intermediates",
    ),
    key(
        "client_identities[].key",
        None,
        "PEM file of the leaf's private key, not encrypted, of mode 0600",
    ),
    key("revocation", None, "how revocation lists are fetched"),
    key(
        "revocation.enabled",
        Some("true"),
        "whether revocation lists are fetched and asked at all",
    ),
    key(
        "revocation.allow",
        None,
        "networks that are not public and from which lists may be fetched all the same",
    ),
    key(
        "revocation.cache",
        Some("for `run`: $CACHE_DIRECTORY or $XDG_CACHE_HOME/siptls-probe; else none"),
        "folder in which lists are kept until they end",
    ),
    key(
        "probe_destinations",
        None,
        "where `/probe` may go besides the targets; without it nowhere",
    ),
    key(
        "probe_destinations.allow",
        None,
        "networks of the addresses that may be visited; required",
    ),
    key(
        "probe_destinations.ports",
        Some("[5061]"),
        "ports and ranges of ports that may be visited",
    ),
    key(
        "journal",
        None,
        "where the daemon keeps what changed; without it changes live in memory",
    ),
    key("journal.path", None, "the SQLite file, in a folder that is there"),
    key(
        "journal.retention",
        Some("400d"),
        "changes that last happened longer ago are dropped, 1d to 3650d",
    ),
    key(
        "journal.max_size",
        Some("1GiB"),
        "above that size the oldest changes are dropped, 1MiB to 1024GiB",
    ),
    key("targets", None, "what is watched"),
    key(
        "targets[].name",
        None,
        "the target's name, unique over all files; the label `target` of its metrics",
    ),
    key(
        "targets[].endpoint",
        None,
        "`host`, `host:port`, `[v6]:port` or `sips:host[:port]`",
    ),
    key(
        "targets[].profile",
        Some("genesys-byoc-customer"),
        "the rules to judge by",
    ),
    key(
        "targets[].peer_region",
        None,
        "code of the Genesys region whose load balancers dial the endpoint",
    ),
    key(
        "targets[].labels",
        None,
        "labels of the target's metrics, at most 16",
    ),
    key(
        "targets[].connect",
        None,
        "dial this address or host instead; names stay as they are",
    ),
    key(
        "targets[].server_name",
        Some("the endpoint's host"),
        "the SNI sent and the name verified",
    ),
    key(
        "targets[].trust_anchors",
        Some("the profile's roots"),
        "file (PEM or DER) or folder of the roots to verify against",
    ),
    key(
        "targets[].client_identities",
        None,
        "names of the client identities to rehearse with, at most 8",
    ),
    key(
        "targets[].interval",
        Some("probe.interval"),
        "as `probe.interval`, for this target",
    ),
    key(
        "targets[].survey_interval",
        Some("probe.survey_interval"),
        "as `probe.survey_interval`, for this target",
    ),
    key(
        "targets[].timeout",
        Some("probe.timeout"),
        "as `probe.timeout`, for this target",
    ),
    key(
        "targets[].depth",
        Some("probe.depth"),
        "as `probe.depth`, for this target",
    ),
    key(
        "targets[].connections_per_hour",
        Some("probe.connections_per_hour"),
        "as `probe.connections_per_hour`, for this target",
    ),
    key(
        "targets[].maintenance",
        Some("probe.maintenance"),
        "as `probe.maintenance`, for this target",
    ),
    key(
        "target_files",
        None,
        "files of further targets: same keys, or Prometheus file_sd lists",
    ),
    key("[].targets", None, "in a file_sd list: the endpoints"),
    key(
        "[].labels",
        None,
        "in a file_sd list: their labels; `__param_module` is the profile, `__siptls_KEY` a target's key",
    ),
];

/// Labels that are ours on some metric or in the exposition format, and so cannot be a target's own.
pub const RESERVED_LABELS: [&str; 29] = [
    "address",
    "aspect",
    "check",
    "cipher_suite",
    "external_url",
    "fingerprint_sha256",
    "group",
    "identity",
    "issuer",
    "le",
    "mode",
    "name",
    "phase",
    "position",
    "profile",
    "purpose",
    "quantile",
    "reason",
    "result",
    "serial",
    "severity",
    "shard",
    "shards",
    "status",
    "subject",
    "subject_hash",
    "target",
    "verdict",
    "version",
];

/// A mapping in which keys stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// The configuration itself.
    Root,
    /// `probe`.
    Probe,
    /// `catalog`.
    Catalog,
    /// A list of `catalog`.
    CatalogList,
    /// An item of `client_identities`.
    Identity,
    /// `revocation`.
    Revocation,
    /// `probe_destinations`.
    Destinations,
    /// `journal`.
    Journal,
    /// An item of `targets`.
    Target,
    /// A file of `target_files` that is a mapping.
    TargetFile,
    /// An item of a file_sd list.
    Group,
    /// An item of `maintenance`.
    Window,
    /// A web configuration.
    Web,
    /// `tls_server_config` of a web configuration.
    WebTls,
    /// `http_server_config` of a web configuration.
    WebHttp,
    /// `headers` of `http_server_config`.
    WebHeaders,
    /// `rate_limit` of a web configuration.
    WebRate,
}

/// What the same thing is called in programs that people come from, and here.
const ELSEWHERE: [(&str, &str); 23] = [
    ("scrape_interval", "interval"),
    ("scrape_timeout", "timeout"),
    ("period", "interval"),
    ("static_configs", "targets"),
    ("file_sd_configs", "target_files"),
    ("include", "target_files"),
    ("module", "profile"),
    ("host", "endpoint"),
    ("address", "endpoint"),
    ("url", "endpoint"),
    ("sni", "server_name"),
    ("ca_file", "trust_anchors"),
    ("ca", "trust_anchors"),
    ("region", "peer_region"),
    ("tags", "labels"),
    ("global", "probe"),
    ("defaults", "probe"),
    ("profiles", "profile_files"),
    ("end", "until"),
    ("to", "until"),
    ("weekdays", "days"),
    ("tz", "timezone"),
    ("location", "timezone"),
];

impl Section {
    /// The keys of this mapping.
    pub(crate) const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Root => &[
                "probe",
                "catalog",
                "profile_files",
                "client_identities",
                "revocation",
                "probe_destinations",
                "journal",
                "targets",
                "target_files",
            ],
            Self::Probe => &[
                "interval",
                "survey_interval",
                "timeout",
                "depth",
                "connections_per_hour",
                "maintenance",
            ],
            Self::Catalog => &["genesys_byoc_cloud"],
            Self::CatalogList => &["regions", "labels"],
            Self::Identity => &["name", "certificate", "key"],
            Self::Revocation => &["enabled", "allow", "cache"],
            Self::Destinations => &["allow", "ports"],
            Self::Journal => &["path", "retention", "max_size"],
            Self::Target => &[
                "name",
                "endpoint",
                "profile",
                "peer_region",
                "labels",
                "connect",
                "server_name",
                "trust_anchors",
                "client_identities",
                "interval",
                "survey_interval",
                "timeout",
                "depth",
                "connections_per_hour",
                "maintenance",
            ],
            Self::TargetFile => &["probe", "targets"],
            Self::Group => &["targets", "labels"],
            Self::Window => &[
                "from", "until", "days", "start", "duration", "timezone", "comment",
            ],
            Self::Web => &[
                "tls_server_config",
                "http_server_config",
                "basic_auth_users",
                "rate_limit",
            ],
            Self::WebTls => &[
                "cert",
                "key",
                "client_ca",
                "cert_file",
                "key_file",
                "client_auth_type",
                "client_ca_file",
                "client_allowed_sans",
                "min_version",
                "max_version",
                "cipher_suites",
                "prefer_server_cipher_suites",
                "curve_preferences",
            ],
            Self::WebHttp => &["http2", "headers"],
            Self::WebHeaders => &[
                "Content-Security-Policy",
                "X-Frame-Options",
                "X-Content-Type-Options",
                "X-XSS-Protection",
                "Strict-Transport-Security",
            ],
            Self::WebRate => &["interval", "burst"],
        }
    }

    /// The mapping in words.
    const fn place(self) -> &'static str {
        match self {
            Self::Root => "at the top of the configuration",
            Self::Probe => "under `probe`",
            Self::Catalog => "under `catalog`",
            Self::CatalogList => "in a list of `catalog`",
            Self::Identity => "in a client identity",
            Self::Revocation => "under `revocation`",
            Self::Destinations => "under `probe_destinations`",
            Self::Journal => "under `journal`",
            Self::Target => "in a target",
            Self::TargetFile => "at the top of a target file",
            Self::Group => "in a file_sd list",
            Self::Window => "in a maintenance window",
            Self::Web => "at the top of the web configuration",
            Self::WebTls => "under `tls_server_config`",
            Self::WebHttp => "under `http_server_config`",
            Self::WebHeaders => "under `headers`",
            Self::WebRate => "under `rate_limit`",
        }
    }

    /// The mappings of the same file in which a key may have been meant to stand.
    const fn neighbours(self) -> &'static [Self] {
        match self {
            Self::Web | Self::WebTls | Self::WebHttp | Self::WebHeaders | Self::WebRate => {
                &[Self::Web, Self::WebTls, Self::WebHttp, Self::WebHeaders]
            }
            _ => &[
                Self::Probe,
                Self::Revocation,
                Self::Target,
                Self::Root,
                Self::Journal,
                Self::Window,
            ],
        }
    }

    /// Message and hint of a key that is not of this mapping.
    pub(crate) fn unknown(self, found: &str) -> (String, Option<String>) {
        let keys = self.keys();
        let folded = found.to_ascii_lowercase().replace('-', "_");
        let other = ELSEWHERE
            .iter()
            .find(|(name, key)| *name == folded && keys.contains(key));
        let elsewhere = self
            .neighbours()
            .iter()
            .find(|section| section.keys().contains(&found));
        let hint = match (other, elsewhere) {
            (Some((_, key)), _) => Some(format!("the key is called `{key}` here")),
            (None, Some(section)) => Some(format!("it belongs {}", section.place())),
            (None, None) => known_names(found, keys.iter().copied()),
        };
        (format!("expected a known key, found {}", quoted(found)), hint)
    }
}

/// Whether a key of a target can come as a label `__siptls_KEY`: its value is a text, and no endpoint, which has its own
/// place in a file_sd list.
pub(crate) fn is_meta_label(key: &str) -> bool {
    Section::Target.keys().contains(&key)
        && !matches!(key, "endpoint" | "labels" | "client_identities" | "maintenance")
}

/// The hint for a label that begins with `__siptls_`.
pub(crate) fn known_meta_label(found: &str) -> Option<String> {
    let keys = || {
        Section::Target
            .keys()
            .iter()
            .copied()
            .filter(|key| is_meta_label(key))
    };
    match nearest(found, keys()) {
        Some(key) => Some(format!("did you mean `__siptls_{key}`?")),
        None => {
            let names: Vec<String> = keys().map(|key| format!("`__siptls_{key}`")).collect();
            Some(format!("known: {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_key_of_each_mapping() {
        let mut expected: Vec<String> = Vec::new();
        for (section, prefix) in [
            (Section::Root, ""),
            (Section::Probe, "probe."),
            (Section::Catalog, "catalog."),
            (Section::CatalogList, "catalog.genesys_byoc_cloud."),
            (Section::Identity, "client_identities[]."),
            (Section::Revocation, "revocation."),
            (Section::Destinations, "probe_destinations."),
            (Section::Journal, "journal."),
            (Section::Target, "targets[]."),
            (Section::Group, "[]."),
            (Section::Window, "maintenance[]."),
        ] {
            expected.extend(section.keys().iter().map(|key| format!("{prefix}{key}")));
        }
        let mut found: Vec<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        assert!(
            Section::TargetFile
                .keys()
                .iter()
                .all(|key| Section::Root.keys().contains(key))
        );
    }

    #[test]
    fn a_name_from_elsewhere_leads_to_a_key_there_is() {
        for (_, key) in ELSEWHERE {
            assert!(
                KEYS.iter()
                    .any(|known| known.path.rsplit(['.']).next() == Some(key)),
                "{key}"
            );
        }
        assert_eq!(
            Section::Target.unknown("sni").1.as_deref(),
            Some("the key is called `server_name` here")
        );
        assert_eq!(
            Section::Root.unknown("interval").1.as_deref(),
            Some("it belongs under `probe`")
        );
        assert_eq!(
            Section::Probe.unknown("intervall").1.as_deref(),
            Some("did you mean `interval`?")
        );
    }
}
