//! The judge: one profile and one target, any number of observations.

use crate::answer::Answer;
use crate::paths::Paths;
use crate::sight::Sight;
use crate::{
    agreement, completion, hello, identity, lifetime, reference, rehearsal, removal, request, revocation,
    sip, survey, text, trust, usage, validity,
};
use jiff::Timestamp;
use siptls_catalog::{
    BROWSER, CheckRule, ListedName, Profile, RootGroup, RootRule, RootSet, load_balancer, region_root_group,
    root_group,
};
use siptls_cert::{Chain, Link, links};
use siptls_model::{
    ChainJudgement, CheckId, Finding, Judgement, Observation, Phase, Reason, Severity, Status, Target,
    Verdict, Who,
};
use std::borrow::Cow;
use std::slice;
use std::sync::Arc;

/// Judges observations of one target by one profile.
///
/// Made once for a target and used for each of its visits: the roots are looked up when it is
/// made.
#[derive(Clone, Debug)]
pub struct Judge {
    profile: Arc<Profile>,
    roots: Roots,
    paths: Paths,
    /// To roots that browsers trust, whatever roots count for the target.
    browser_paths: Paths,
}

/// The roots that count for a target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roots {
    /// Sets of which any may be reached; none: trust is not judged.
    pub(crate) sets: Vec<Arc<RootSet>>,
    /// Roots known by name alone.
    pub(crate) listed: &'static [ListedName],
    /// The sets are the target's own trust anchors and not the caller's list.
    pub(crate) are_own: bool,
}

impl Judge {
    /// A judge for a target.
    ///
    /// `roots` are the target's own trust anchors; they replace those of the profile. Where the
    /// profile goes by region, the region is the one of the endpoint when it is a listed load
    /// balancer, else the target's `peer_region`, else unknown.
    #[must_use]
    pub fn new(profile: Arc<Profile>, roots: Option<Arc<RootSet>>, target: &Target) -> Self {
        let roots = match roots {
            Some(own) => Roots {
                sets: vec![own],
                listed: &[],
                are_own: true,
            },
            None => Roots::of(&profile.roots, target),
        };
        Self {
            profile,
            roots,
            paths: Paths::default(),
            browser_paths: Paths::default(),
        }
    }

    /// The profile judged by.
    #[must_use]
    pub const fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// The root sets of which a chain may reach any; none: trust is not judged.
    #[must_use]
    pub fn root_sets(&self) -> &[Arc<RootSet>] {
        &self.roots.sets
    }

    /// Judges the observations of one visit, one of each address, as of a moment: for each of them every check that the
    /// profile asks for, in the order of [`CheckId::ALL`], and their sum; in the order of the observations.
    ///
    /// Each address is judged alone but for one check, [`CheckId::AddressesAgree`]. The verdict is `inconclusive` unless
    /// everything was seen that the profile asks about or a critical check failed on what was seen. An error of the
    /// visit that a failed check explains (SIP not answered, a client certificate insisted on) counts as seen.
    #[must_use]
    pub fn judge_visit(&self, observations: &[Observation], now: Timestamp) -> Vec<Judgement> {
        let is_limited = self.profile.check(CheckId::CertificateLifetime).is_some();
        // Reading that list takes time, and nobody asks before there is a chain.
        let browser_path = |chain: &Arc<Chain>| {
            let group = is_limited.then(|| root_group(BROWSER)).flatten()?;
            Some(self.browser_paths.path(chain, slice::from_ref(&group.roots)))
        };
        let sights: Vec<Sight<'_>> = observations
            .iter()
            .map(|observation| {
                let chain = observation.chain.as_ref();
                let path = chain.map(|chain| self.paths.path(chain, &self.roots.sets));
                Sight::new(
                    &self.profile,
                    &self.roots,
                    observation,
                    now,
                    path,
                    chain.and_then(browser_path),
                )
            })
            .collect();
        let agreement = agreement::of(&sights);
        sights
            .into_iter()
            .zip(agreement)
            .map(|(sight, agreement)| self.judgement(sight, &agreement))
            .collect()
    }

    fn judgement(&self, sight: Sight<'_>, agreement: &Answer) -> Judgement {
        let findings: Vec<Finding> = self
            .profile
            .checks
            .iter()
            .map(|rule| finding(&sight, rule, agreement))
            .collect();
        let verdict = Verdict::of(&findings, is_complete(&sight, &findings));
        let Sight {
            path,
            names,
            now,
            observation,
            ..
        } = sight;
        let chain = path.map(|path| ChainJudgement {
            path,
            name_match: names,
            revocation: observation.revocation.as_deref().cloned().unwrap_or_default(),
            opinions: Vec::new(),
        });
        Judgement {
            as_of: now,
            findings,
            verdict,
            chain,
            removal_day: observation.rehearsal.as_deref().map(rehearsal::removal_day),
        }
    }
}

impl Judge {
    /// The certificates that revocation lists are to be asked about, with their issuers: those of the path to a root that
    /// the caller trusts; where the profile names no roots, of any path whose signatures hold. So an endpoint cannot
    /// have lists fetched by showing certificates that it made itself.
    #[must_use]
    pub fn links<'a>(&'a self, observation: &'a Observation) -> Vec<Link<'a>> {
        let Some(chain) = &observation.chain else {
            return Vec::new();
        };
        let path = self.paths.path(chain, &self.roots.sets);
        if path.anchor.is_none() && !self.roots.sets.is_empty() {
            return Vec::new();
        }
        links(chain, &path, self.roots.sets.iter().map(AsRef::as_ref))
    }
}

impl Roots {
    fn of(rule: &RootRule, target: &Target) -> Self {
        let groups: Vec<&'static RootGroup> = match rule {
            RootRule::None => Vec::new(),
            RootRule::Group(name) => root_group(name).into_iter().collect(),
            RootRule::ByRegion { default } => {
                let region = load_balancer(target)
                    .map(|endpoint| endpoint.region_code.as_str())
                    .or(target.peer_region.as_deref());
                match region.and_then(region_root_group) {
                    Some(name) => root_group(name).into_iter().collect(),
                    None => default.iter().filter_map(|name| root_group(name)).collect(),
                }
            }
        };
        Self {
            listed: groups
                .first()
                .map(|group| group.names_without_certificate.as_slice())
                .unwrap_or_default(),
            sets: groups.into_iter().map(|group| Arc::clone(&group.roots)).collect(),
            are_own: false,
        }
    }
}

fn finding(sight: &Sight<'_>, rule: &CheckRule, agreement: &Answer) -> Finding {
    let Answer {
        status,
        summary,
        evidence,
        remedy,
    } = answer(sight, rule, agreement);
    let remedy = match (&rule.remedy, status) {
        (Some(own), Status::Warn | Status::Fail) => Cow::Owned(own.clone()),
        _ => remedy,
    };
    Finding {
        id: rule.id,
        status,
        severity: rule.severity,
        summary,
        evidence,
        remedy,
        source: Arc::clone(&rule.source),
    }
}

fn answer(sight: &Sight<'_>, rule: &CheckRule, agreement: &Answer) -> Answer {
    let today = text::day(sight.now);
    if let Some(from) = rule.from.filter(|from| today < *from) {
        return Answer::skip(format!("The rule applies from {from}"));
    }
    if let Some(until) = rule.until.filter(|until| today >= *until) {
        return Answer::skip(format!("The rule ended on {until}"));
    }
    match rule.id {
        CheckId::Tls12Negotiated => hello::tls12_negotiated(sight),
        CheckId::CipherSuiteShared => hello::cipher_suite_shared(sight),
        CheckId::CipherSuiteNotDeprecated => hello::cipher_suite_not_deprecated(sight),
        CheckId::EcdheSecp384r1 => hello::ecdhe_secp384r1(sight),
        CheckId::ClientCertificateNotRequested => request::not_requested(sight),
        CheckId::ClientCertificateRequested => request::requested(sight),
        CheckId::ChainComplete => trust::complete(sight),
        CheckId::ChainTrustedByPeer => trust::trusted(sight),
        CheckId::ServerNameMatches => identity::server_name(sight),
        CheckId::SipIdentityRfc5922 => identity::sip_identity(sight),
        CheckId::CertificateDates => validity::dates(sight),
        CheckId::EkuServerAuth => usage::server_auth(sight),
        CheckId::EkuClientAuthAbsent => usage::client_auth_absent(sight, rule.severity),
        CheckId::EkuClientAuthPresent => usage::client_auth_present(sight),
        CheckId::SipOptionsAnswered => sip::options_answered(sight),
        CheckId::LegacyVersionsRefused => survey::legacy_versions_refused(sight, rule.severity),
        CheckId::EkuRemovalReady => removal::ready(sight),
        CheckId::AddressesAgree => agreement.clone(),
        CheckId::HandshakeCompletes => completion::completes(sight),
        CheckId::ReferenceClientAgrees => reference::agrees(sight),
        CheckId::CertificateNotRevoked => revocation::not_revoked(sight),
        CheckId::CertificateLifetime => lifetime::limited(sight),
    }
}

/// Whether everything that the profile asks about was seen, or its absence is itself judged.
fn is_complete(sight: &Sight<'_>, findings: &[Finding]) -> bool {
    let failed = |id| {
        findings
            .iter()
            .any(|finding| finding.id == id && finding.status == Status::Fail)
    };
    if !sight.flight_was_read() || !trust::was_judged(sight) {
        return false;
    }
    let finished = sight.handshake().is_some_and(|handshake| handshake.completed);
    match &sight.observation.error {
        None => finished || sight.is_hello_only(),
        Some(error) if error.reason == Reason::ClientCertificateRequired => {
            failed(CheckId::ClientCertificateNotRequested)
        }
        Some(error) if error.phase == Phase::Sip && error.reason.who() == Who::Peer => {
            let is_asked = sight.profile.check(CheckId::SipOptionsAnswered).is_some();
            finished && (!is_asked || failed(CheckId::SipOptionsAnswered))
        }
        Some(_) => false,
    }
}

/// Whether a check's severity says that its failure is only worth knowing.
pub(crate) fn is_information(severity: Severity) -> bool {
    severity == Severity::Info
}
