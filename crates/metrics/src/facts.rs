//! What the last visit to an address left to show, ready to print.

use crate::family::Family;
use crate::label::push_label;
use crate::text::Text;
use siptls_model::{
    Acceptance, CheckId, ClientCertificateMode, Judgement, Observation, PeerRegion, Phase, Rehearsal,
    RevocationStatus, Severity, Status, SurveyResult, Timestamp, Verdict,
};
use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// Purposes that have a series: name in the certificate's facts, label value.
const PURPOSES: [(&str, &str); 3] = [
    ("serverAuth", "server_auth"),
    ("clientAuth", "client_auth"),
    ("sipDomain", "sip_domain"),
];

/// Revocation statuses that have a series; "not checked" has none.
const REVOCATION: [RevocationStatus; 3] = [
    RevocationStatus::Good,
    RevocationStatus::Revoked,
    RevocationStatus::Unknown,
];

#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// `None`: there was no visit.
    up: Option<bool>,
    verdict: Verdict,
    checks: Box<[(CheckId, Severity, Status)]>,
    /// Seconds and milliseconds since the epoch; `None`: there was no visit.
    last_probe: Option<(i64, i32)>,
    interval: Duration,
    negotiated: Option<Box<str>>,
    mode: ClientCertificateMode,
    authorities: Option<u64>,
    /// Shared with the observation that it was carried over to.
    survey: Option<Arc<SurveyResult>>,
    rehearsal: Option<Arc<Rehearsal>>,
    certificates: Vec<CertificateFacts>,
    complete: Option<bool>,
    trusted: Option<bool>,
    anchor: Option<Box<str>>,
    anchor_not_after: Option<i64>,
    revocation: Option<RevocationStatus>,
    next_update: Option<i64>,
    /// Seconds since the epoch: the first load balancer without clientAuth, and the last with it.
    removal: [Option<i64>; 2],
    sip_status: Option<u16>,
}

#[derive(Clone, Debug)]
struct CertificateFacts {
    position: usize,
    not_after: i64,
    not_before: i64,
    /// All labels of the info series.
    info: Box<str>,
    /// In the order of [`PURPOSES`].
    purposes: Option<[bool; PURPOSES.len()]>,
}

impl Facts {
    pub(crate) fn new(observation: &Observation, judgement: &Judgement) -> Self {
        let handshake = observation.handshake.as_ref();
        let ended = observation
            .started_at
            .checked_add(observation.duration)
            .unwrap_or(observation.started_at);
        let request = handshake.map(|handshake| &handshake.client_certificate);
        let path = judgement.chain.as_ref().map(|chain| &chain.path);
        let anchor = path.and_then(|path| path.anchor.as_ref());
        let visited = !observation.is_postponed();
        Self {
            up: visited.then(|| {
                observation
                    .phase_reached
                    .is_some_and(|phase| phase >= Phase::ServerFlight)
            }),
            verdict: judgement.verdict,
            checks: judgement
                .findings
                .iter()
                .filter(|finding| finding.status != Status::Skip)
                .map(|finding| (finding.id, finding.severity, finding.status))
                .collect(),
            last_probe: visited.then(|| (ended.as_second(), ended.subsec_millisecond())),
            interval: observation.target.interval,
            negotiated: handshake.and_then(|handshake| {
                let (version, suite) = (handshake.version?, handshake.cipher_suite?);
                let group = handshake.group.map(|group| group.to_string()).unwrap_or_default();
                let mut labels = String::new();
                push_label(&mut labels, "version", &version.to_string());
                push_label(&mut labels, "cipher_suite", &suite.to_string());
                push_label(&mut labels, "group", &group);
                Some(labels.into())
            }),
            mode: request.map_or(ClientCertificateMode::Unknown, |request| request.mode),
            authorities: request
                .filter(|request| request.requested == Some(true))
                .map(|request| u64::try_from(request.authorities.len()).unwrap_or(u64::MAX)),
            survey: observation.survey.clone(),
            rehearsal: observation.rehearsal.clone(),
            certificates: certificates(observation),
            complete: path.and_then(|path| path.complete),
            trusted: match judgement
                .finding(CheckId::ChainTrustedByPeer)
                .map(|finding| finding.status)
            {
                Some(Status::Pass) => Some(true),
                Some(Status::Fail) => Some(false),
                // A warning says what could not be verified: a root known by name alone, or no roots at all.
                Some(Status::Warn | Status::Skip) | None => anchor.map(|_| true),
            },
            anchor: anchor.map(|anchor| {
                let mut labels = String::new();
                push_label(&mut labels, "name", &anchor.name);
                push_label(&mut labels, "subject_hash", &anchor.subject_hash);
                labels.into()
            }),
            anchor_not_after: anchor.map(|anchor| anchor.not_after.as_second()),
            revocation: judgement
                .chain
                .as_ref()
                .map(|chain| chain.revocation.status())
                .filter(|status| REVOCATION.contains(status)),
            next_update: judgement
                .chain
                .as_ref()
                .and_then(|chain| chain.revocation.next_update())
                .map(|moment| moment.as_second()),
            removal: [PeerRegion::removal_start, PeerRegion::removal_deadline].map(|moment| {
                let peer = observation.peer_region.as_deref()?;
                moment(peer).map(Timestamp::as_second)
            }),
            sip_status: observation.sip.answer().map(|answer| answer.status),
        }
    }

    /// Forgets the last certificate that was sent; `false` when there is none left.
    pub(crate) fn drop_certificate(&mut self) -> bool {
        self.certificates.pop().is_some()
    }

    pub(crate) fn write_up(&self, family: &Family, text: &mut Text, labels: &str) {
        write_flag(family, text, labels, self.up);
    }

    pub(crate) fn write_verdict(&self, family: &Family, text: &mut Text, labels: &str) {
        let states = Verdict::ALL.map(|verdict| (verdict.code(), verdict == self.verdict));
        write_states(family, text, labels, "verdict", states);
    }

    pub(crate) fn write_passed(&self, family: &Family, text: &mut Text, labels: &str) {
        self.write_checks(family, text, labels, |status| status != Status::Fail);
    }

    pub(crate) fn write_warning(&self, family: &Family, text: &mut Text, labels: &str) {
        self.write_checks(family, text, labels, |status| status == Status::Warn);
    }

    pub(crate) fn write_interval(&self, family: &Family, text: &mut Text, labels: &str) {
        text.open(family.name, "", labels);
        text.close();
        text.seconds(self.interval);
        text.end();
    }

    pub(crate) fn write_last_probe(&self, family: &Family, text: &mut Text, labels: &str) {
        let Some((seconds, millis)) = self.last_probe else {
            return;
        };
        text.open(family.name, "", labels);
        text.close();
        text.signed(seconds);
        // Before 1970 the milliseconds count the other way; no visit was then.
        if let Ok(millis @ 1..) = u32::try_from(millis) {
            for (separator, digit) in [(".", millis / 100), ("", millis / 10 % 10), ("", millis % 10)] {
                text.push(separator);
                text.integer(u64::from(digit));
            }
        }
        text.end();
    }

    pub(crate) fn write_negotiated(&self, family: &Family, text: &mut Text, labels: &str) {
        write_info(family, text, labels, self.negotiated.as_deref());
    }

    pub(crate) fn write_mode(&self, family: &Family, text: &mut Text, labels: &str) {
        let states = ClientCertificateMode::ALL.map(|state| (state.code(), state == self.mode));
        write_states(family, text, labels, "mode", states);
    }

    pub(crate) fn write_authorities(&self, family: &Family, text: &mut Text, labels: &str) {
        if let Some(count) = self.authorities {
            text.sample(family.name, labels, count);
        }
    }

    pub(crate) fn write_versions(&self, family: &Family, text: &mut Text, labels: &str) {
        if let Some(survey) = &self.survey {
            write_accepted(family, text, labels, "version", &survey.versions);
        }
    }

    pub(crate) fn write_suites(&self, family: &Family, text: &mut Text, labels: &str) {
        if let Some(survey) = &self.survey {
            write_accepted(family, text, labels, "cipher_suite", &survey.cipher_suites);
        }
    }

    pub(crate) fn write_groups(&self, family: &Family, text: &mut Text, labels: &str) {
        if let Some(survey) = &self.survey {
            write_accepted(family, text, labels, "group", &survey.groups);
        }
    }

    pub(crate) fn write_identities(&self, family: &Family, text: &mut Text, labels: &str) {
        for (name, attempt) in self.rehearsal.iter().flat_map(|rehearsal| rehearsal.identities()) {
            if let Some(accepted) = attempt.result.is_accepted() {
                let mut extra = String::new();
                push_label(&mut extra, "identity", name);
                text.labelled(family.name, labels, &extra, u64::from(accepted));
            }
        }
    }

    pub(crate) fn write_not_after(&self, family: &Family, text: &mut Text, labels: &str) {
        self.write_dates(family, text, labels, |certificate| certificate.not_after);
    }

    pub(crate) fn write_not_before(&self, family: &Family, text: &mut Text, labels: &str) {
        self.write_dates(family, text, labels, |certificate| certificate.not_before);
    }

    pub(crate) fn write_certificates(&self, family: &Family, text: &mut Text, labels: &str) {
        for certificate in &self.certificates {
            write_info(family, text, labels, Some(&certificate.info));
        }
    }

    pub(crate) fn write_purposes(&self, family: &Family, text: &mut Text, labels: &str) {
        for certificate in &self.certificates {
            let Some(purposes) = certificate.purposes else {
                continue;
            };
            for ((_, purpose), listed) in PURPOSES.into_iter().zip(purposes) {
                write_position(family, text, labels, certificate.position);
                for part in ["\",purpose=\"", purpose, "\""] {
                    text.push(part);
                }
                text.close();
                text.integer(u64::from(listed));
                text.end();
            }
        }
    }

    pub(crate) fn write_complete(&self, family: &Family, text: &mut Text, labels: &str) {
        write_flag(family, text, labels, self.complete);
    }

    pub(crate) fn write_trusted(&self, family: &Family, text: &mut Text, labels: &str) {
        write_flag(family, text, labels, self.trusted);
    }

    pub(crate) fn write_anchor(&self, family: &Family, text: &mut Text, labels: &str) {
        write_info(family, text, labels, self.anchor.as_deref());
    }

    pub(crate) fn write_anchor_not_after(&self, family: &Family, text: &mut Text, labels: &str) {
        write_moment(family, text, labels, self.anchor_not_after);
    }

    pub(crate) fn write_revocation(&self, family: &Family, text: &mut Text, labels: &str) {
        if let Some(status) = self.revocation {
            let states = REVOCATION.map(|state| (state.code(), state == status));
            write_states(family, text, labels, "status", states);
        }
    }

    pub(crate) fn write_next_update(&self, family: &Family, text: &mut Text, labels: &str) {
        write_moment(family, text, labels, self.next_update);
    }

    pub(crate) fn write_removal_start(&self, family: &Family, text: &mut Text, labels: &str) {
        let [start, _] = self.removal;
        write_moment(family, text, labels, start);
    }

    pub(crate) fn write_removal_deadline(&self, family: &Family, text: &mut Text, labels: &str) {
        let [_, deadline] = self.removal;
        write_moment(family, text, labels, deadline);
    }

    pub(crate) fn write_sip_status(&self, family: &Family, text: &mut Text, labels: &str) {
        if let Some(status) = self.sip_status {
            text.sample(family.name, labels, u64::from(status));
        }
    }

    fn write_checks(&self, family: &Family, text: &mut Text, labels: &str, holds: impl Fn(Status) -> bool) {
        for (check, severity, status) in &self.checks {
            text.open(family.name, "", labels);
            for part in [",check=\"", check.code(), "\",severity=\"", severity.code(), "\""] {
                text.push(part);
            }
            text.close();
            text.integer(u64::from(holds(*status)));
            text.end();
        }
    }

    fn write_dates(
        &self,
        family: &Family,
        text: &mut Text,
        labels: &str,
        date: impl Fn(&CertificateFacts) -> i64,
    ) {
        for certificate in &self.certificates {
            write_position(family, text, labels, certificate.position);
            text.push("\"");
            text.close();
            text.signed(date(certificate));
            text.end();
        }
    }
}

fn write_flag(family: &Family, text: &mut Text, labels: &str, value: Option<bool>) {
    if let Some(value) = value {
        text.sample(family.name, labels, u64::from(value));
    }
}

fn write_moment(family: &Family, text: &mut Text, labels: &str, moment: Option<i64>) {
    if let Some(seconds) = moment {
        text.open(family.name, "", labels);
        text.close();
        text.signed(seconds);
        text.end();
    }
}

fn write_accepted<T: Display>(
    family: &Family,
    text: &mut Text,
    labels: &str,
    label: &str,
    values: &[(T, Acceptance)],
) {
    for (value, acceptance) in values {
        if let Some(accepted) = acceptance.is_accepted() {
            let mut extra = String::new();
            push_label(&mut extra, label, &value.to_string());
            text.labelled(family.name, labels, &extra, u64::from(accepted));
        }
    }
}

fn write_info(family: &Family, text: &mut Text, labels: &str, extra: Option<&str>) {
    if let Some(extra) = extra {
        text.labelled(family.name, labels, extra, 1);
    }
}

fn write_position(family: &Family, text: &mut Text, labels: &str, position: usize) {
    text.open(family.name, "", labels);
    text.push(",position=\"");
    text.integer(u64::try_from(position).unwrap_or(u64::MAX));
}

fn write_states<const N: usize>(
    family: &Family,
    text: &mut Text,
    labels: &str,
    label: &str,
    states: [(&str, bool); N],
) {
    for (state, holds) in states {
        text.open(family.name, "", labels);
        for part in [",", label, "=\"", state, "\""] {
            text.push(part);
        }
        text.close();
        text.integer(u64::from(holds));
        text.end();
    }
}

fn certificates(observation: &Observation) -> Vec<CertificateFacts> {
    let Some(chain) = &observation.chain else {
        return Vec::new();
    };
    let mut all = Vec::with_capacity(chain.entries.len());
    for (position, certificate) in chain.certificates() {
        let fingerprint =
            certificate
                .fingerprint_sha256
                .iter()
                .fold(String::with_capacity(64), |mut text, byte| {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{byte:02x}");
                    text
                });
        let mut info = String::new();
        push_label(&mut info, "position", &position.to_string());
        push_label(&mut info, "subject", certificate.subject.text());
        push_label(&mut info, "issuer", certificate.issuer.text());
        push_label(&mut info, "serial", &certificate.serial);
        push_label(&mut info, "fingerprint_sha256", &fingerprint);
        all.push(CertificateFacts {
            position,
            not_after: certificate.not_after.as_second(),
            not_before: certificate.not_before.as_second(),
            info: info.into(),
            purposes: certificate.extended_key_usage.as_ref().map(|listed| {
                PURPOSES.map(|(wanted, _)| listed.iter().any(|purpose| purpose.to_string() == wanted))
            }),
        });
    }
    all
}
