//! The table of metric families: the one place where a name is written.

/// The type of a metric family, as the exposition format names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only goes up; the name ends in `_total`.
    Counter,
    /// Observations in buckets, with `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl Kind {
    /// The word of the `# TYPE` line.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Whom the series of a family describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A target at one address: labels `target`, `address`, `profile` and the target's own come first.
    Address,
    /// One answer of `/probe`.
    Probe,
    /// The daemon.
    Daemon,
    /// The daemon's journal; absent without one.
    Journal,
    /// The daemon's process, by the collector of the `prometheus` crate (Linux only).
    Process,
}

/// A metric family: name, type, help and labels are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, unit included.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whom it describes.
    pub scope: Scope,
    /// One sentence without a line break.
    pub help: &'static str,
    /// Labels besides those of the scope.
    pub labels: &'static [&'static str],
}

/// Every family, in the order of the exposition.
#[must_use]
pub const fn families() -> &'static [Family] {
    ALL
}

macro_rules! family_table {
    ($($konst:ident = $name:literal, $kind:ident, $scope:ident, [$($label:literal),*], $help:literal;)+) => {
        $(pub(crate) const $konst: Family = Family {
            name: $name,
            kind: Kind::$kind,
            scope: Scope::$scope,
            help: $help,
            labels: &[$($label),*],
        };)+
        const ALL: &[Family] = &[$($konst),+];
    };
}

family_table! {
    UP = "siptls_up", Gauge, Address, [],
        "Whether the last routine probe read a whole server flight (ServerHello to ServerHelloDone); absent while every probe was postponed.";
    VERDICT = "siptls_verdict", Gauge, Address, ["verdict"],
        "The verdict of the last routine probe: 1 for the one that holds, 0 for the others.";
    CHECK_PASSED = "siptls_check_passed", Gauge, Address, ["check", "severity"],
        "Whether the check passes or warns (1) or fails (0); absent when it was skipped.";
    CHECK_WARNING = "siptls_check_warning", Gauge, Address, ["check", "severity"],
        "Whether the check warns: good today, with a reason to act; absent when it was skipped.";
    PROBES = "siptls_probes_total", Counter, Address, ["reason"],
        "Routine probes by outcome: ok, or the reason why the probe stopped short; postponed ones made no connection.";
    INCONCLUSIVE = "siptls_inconclusive_probes", Gauge, Address, [],
        "Routine probes in a row that came to no verdict (inconclusive); 0 after one that did, postponed ones do not count.";
    CONNECTIONS = "siptls_connections_total", Counter, Address, [],
        "TCP connections that visits and surveys of this target opened to this address; those of /probe count for the budget alone.";
    BUDGET_REMAINING = "siptls_connection_budget_remaining", Gauge, Address, [],
        "Connections that the target's budget leaves to this address within the hour, after those of all targets; absent without an address.";
    BACKOFF = "siptls_backoff_seconds", Gauge, Address, [],
        "Length of the pause under way after refusals in a row; 0 when there is none.";
    PHASE_DURATION = "siptls_phase_duration_seconds", Histogram, Address, ["phase"],
        "Time spent in a phase of routine probes, failed ones included; absent until the phase was entered once.";
    LAST_PROBE = "siptls_last_probe_timestamp_seconds", Gauge, Address, [],
        "When the last routine probe ended, as a Unix timestamp; a postponed one does not count.";
    INTERVAL = "siptls_probe_interval_seconds", Gauge, Address, [],
        "Time between two routine probes, in seconds, as of the last one.";
    LAST_SURVEY = "siptls_last_survey_timestamp_seconds", Gauge, Address, [],
        "When the last survey that found anything out ended, as a Unix timestamp; absent before the first.";
    LAST_CHANGE = "siptls_last_change_timestamp_seconds", Gauge, Address, ["aspect"],
        "When the aspect (identity, request, suites, addresses, verdict) last changed, as a Unix timestamp; a state come back to within an hour is not counted anew. Absent before the first change that is known.";
    MAINTENANCE = "siptls_maintenance", Gauge, Address, [],
        "Whether a maintenance window of the target is under way, as of the scrape: the target is probed, and its alerts are to keep quiet.";
    NEGOTIATED = "siptls_negotiated_info", Gauge, Address, ["version", "cipher_suite", "group"],
        "Version and suite of the ServerHello and group of the ServerKeyExchange; group is empty for static RSA. Always 1.";
    CLIENT_CERTIFICATE_MODE = "siptls_client_certificate_mode", Gauge, Address, ["mode"],
        "Whether the endpoint asks for a client certificate: 1 for the mode that was seen, 0 for the others; unknown when it was not seen.";
    CLIENT_CERTIFICATE_AUTHORITIES = "siptls_client_certificate_authorities", Gauge, Address, [],
        "Number of CA names in the CertificateRequest (RFC 5246 section 7.4.4); absent when there was none.";
    VERSION_ACCEPTED = "siptls_version_accepted", Gauge, Address, ["version"],
        "Whether the survey found the protocol version accepted or selected (1) or refused (0); absent when it did not find out.";
    CIPHER_SUITE_ACCEPTED = "siptls_cipher_suite_accepted", Gauge, Address, ["cipher_suite"],
        "Whether the survey found the profile's suite accepted or selected (1) or refused (0); absent when it did not find out.";
    GROUP_ACCEPTED = "siptls_group_accepted", Gauge, Address, ["group"],
        "Whether the survey found the group accepted or selected (1) or refused (0); absent when it did not find out.";
    CLIENT_IDENTITY_ACCEPTED = "siptls_client_identity_accepted", Gauge, Address, ["identity"],
        "Whether the last rehearsal found the client identity accepted (1) or refused (0); absent when it did not find out.";
    NOT_AFTER = "siptls_certificate_not_after_timestamp_seconds", Gauge, Address, ["position"],
        "notAfter of the certificate at this position as sent, 0 is the leaf, as a Unix timestamp.";
    NOT_BEFORE = "siptls_certificate_not_before_timestamp_seconds", Gauge, Address, ["position"],
        "notBefore of the certificate at this position as sent, 0 is the leaf, as a Unix timestamp.";
    CERTIFICATE = "siptls_certificate_info", Gauge, Address,
        ["position", "subject", "issuer", "serial", "fingerprint_sha256"],
        "Identity of the certificate at this position as sent, 0 is the leaf. Always 1.";
    EXTENDED_KEY_USAGE = "siptls_certificate_extended_key_usage", Gauge, Address, ["position", "purpose"],
        "Whether the extended key usage lists the purpose (RFC 5280 section 4.2.1.12); absent without the extension.";
    CHAIN_COMPLETE = "siptls_chain_complete", Gauge, Address, [],
        "Whether what was sent leads from the leaf to a root without a gap; absent when it cannot be known.";
    CHAIN_TRUSTED = "siptls_chain_trusted", Gauge, Address, [],
        "Whether what was sent leads to a root that the profile's peer trusts, dates aside; absent when it was not judged.";
    TRUST_ANCHOR = "siptls_trust_anchor_info", Gauge, Address, ["name", "subject_hash"],
        "The trusted root that the chain leads to, with OpenSSL's subject hash. Always 1.";
    TRUST_ANCHOR_NOT_AFTER = "siptls_trust_anchor_not_after_timestamp_seconds", Gauge, Address, [],
        "notAfter of the trusted root that the chain leads to, as a Unix timestamp; of several copies the one that ends last.";
    REVOCATION_STATUS = "siptls_revocation_status", Gauge, Address, ["status"],
        "Revocation of the certificates of the path: 1 for the status that holds, 0 for the others; absent when not checked.";
    CRL_NEXT_UPDATE = "siptls_crl_next_update_timestamp_seconds", Gauge, Address, [],
        "The earliest nextUpdate of the revocation lists that told of the certificates of the path, as a Unix timestamp; absent when none did.";
    EKU_REMOVAL_START = "siptls_eku_removal_start_timestamp_seconds", Gauge, Address, [],
        "From when the first load balancer that dials the endpoint can no longer present clientAuth, as a Unix timestamp; absent when unknown.";
    EKU_REMOVAL_DEADLINE = "siptls_eku_removal_deadline_timestamp_seconds", Gauge, Address, [],
        "The last moment at which a load balancer that dials the endpoint can still present clientAuth, as a Unix timestamp; absent when unknown.";
    SIP_RESPONSE_CODE = "siptls_sip_response_code", Gauge, Address, [],
        "Status code of the final response to OPTIONS; absent when there was none.";

    PROBE_SUCCESS = "probe_success", Gauge, Probe, [],
        "Whether every address of the target was judged pass or warn in this probe.";
    PROBE_DURATION = "probe_duration_seconds", Gauge, Probe, [],
        "How long this probe took, all addresses together.";

    BUILD = "siptls_build_info", Gauge, Daemon, ["version"],
        "The program's version. Always 1.";
    WEB = "siptls_web_info", Gauge, Daemon, ["external_url"],
        "The URL under which a reverse proxy serves the daemon, without its last slash; empty when none was given. Always 1.";
    RELOAD_SUCCESSFUL = "siptls_config_last_reload_successful", Gauge, Daemon, [],
        "Whether the last attempt to load the configuration succeeded; after a failure the last good one stays in use.";
    RELOAD_SUCCESS_TIMESTAMP = "siptls_config_last_reload_success_timestamp_seconds", Gauge, Daemon, [],
        "When the configuration in use was loaded, as a Unix timestamp.";
    WEB_RELOAD_SUCCESSFUL = "siptls_web_config_last_reload_successful", Gauge, Daemon, [],
        "Whether the last attempt to load the web configuration succeeded, or there is none; after a failure the last good one stays in use.";
    HTTP_REFUSED = "siptls_http_refused_total", Counter, Daemon, ["reason"],
        "Requests and connections that were refused: unauthenticated, forbidden, rate_limited, overloaded (no slot, or too many probes or passwords at once), tls (no handshake).";
    TARGETS = "siptls_targets", Gauge, Daemon, [],
        "Number of targets in the configuration in use.";
    SHARD = "siptls_shard_info", Gauge, Daemon, ["shard", "shards"],
        "Which shard this daemon is, from 0, and of how many; absent for a daemon that watches all targets. Always 1.";
    SHARDS = "siptls_shards", Gauge, Daemon, [],
        "How many shards this daemon says there are, so that a missing one is noticed; absent for a daemon that watches all targets.";
    SCHEDULE_LAG = "siptls_schedule_lag_seconds", Histogram, Daemon, [],
        "How late routine probes begin; a slot that passed while the target's last probe was running counts one interval.";
    PROBES_IN_FLIGHT = "siptls_probes_in_flight", Gauge, Daemon, [],
        "Number of probes under way, routine ones and those of /probe.";
    SERIES_DROPPED = "siptls_series_dropped_total", Counter, Daemon, [],
        "Series left out because a target had more than its limit, counted at each probe.";
    CRL_FETCHES = "siptls_crl_fetches_total", Counter, Daemon, ["result"],
        "Attempts to fetch a revocation list by how they ended: ok, not_modified, refused (the URL or its address is not allowed), unreachable, answer (the server answered something else), invalid (no list, not its issuer's, or not current).";
    CRL_CACHE = "siptls_crl_cache_bytes", Gauge, Daemon, [],
        "Bytes of the revocation lists at hand.";

    JOURNAL_WRITES = "siptls_journal_writes_total", Counter, Journal, [],
        "Changes written to the journal, repeats included.";
    JOURNAL_FAILURES = "siptls_journal_failures_total", Counter, Journal, [],
        "Attempts to open, write or prune the journal that failed; the log says why at the first of a row.";
    JOURNAL_DROPPED = "siptls_journal_dropped_total", Counter, Journal, [],
        "Changes lost to the journal because its queue was full or they could not be written.";
    JOURNAL_SIZE = "siptls_journal_size_bytes", Gauge, Journal, [],
        "Bytes of the journal's file and its write-ahead log.";
    JOURNAL_HEALTHY = "siptls_journal_healthy", Gauge, Journal, [],
        "Whether the journal's last attempt to open, write or prune succeeded.";

    PROCESS_CPU = "process_cpu_seconds_total", Counter, Process, [],
        "Total user and system CPU time spent in seconds.";
    PROCESS_MAX_FDS = "process_max_fds", Gauge, Process, [],
        "Maximum number of open file descriptors.";
    PROCESS_OPEN_FDS = "process_open_fds", Gauge, Process, [],
        "Number of open file descriptors.";
    PROCESS_RESIDENT = "process_resident_memory_bytes", Gauge, Process, [],
        "Resident memory size in bytes.";
    PROCESS_START = "process_start_time_seconds", Gauge, Process, [],
        "Start time of the process since unix epoch in seconds.";
    PROCESS_THREADS = "process_threads", Gauge, Process, [],
        "Number of OS threads in the process.";
    PROCESS_VIRTUAL = "process_virtual_memory_bytes", Gauge, Process, [],
        "Virtual memory size in bytes.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        assert!(ALL.len() >= 30);
        for family in ALL {
            let name = family.name;
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{name}"
            );
            assert_eq!(family.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(
                family.kind != Kind::Histogram || name.ends_with("_seconds"),
                "{name}"
            );
            assert!(
                !family.help.is_empty() && !family.help.contains(['\n', '\\']),
                "{name}"
            );
            assert!(family.help.ends_with('.'), "{name}");
            if matches!(family.scope, Scope::Address | Scope::Daemon | Scope::Journal) {
                assert!(name.starts_with("siptls_"), "{name}");
            }
            assert_eq!(ALL.iter().filter(|other| other.name == name).count(), 1, "{name}");
        }
    }
}
