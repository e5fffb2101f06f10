//! Observations for the tests.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, which each file uses in part"
)]

pub(crate) mod reader;

use siptls_cert::{Chain, RootSet, assess_path};
use siptls_metrics::{Moment, Series, Shown, Subject, Tally};
use siptls_model::{
    Acceptance, Attempt, AttemptResult, Authority, CertificateRevocation, ChainJudgement, CheckId,
    CipherSuite, ClientCertificate, ClientCertificateMode, Finding, Handshake, Judgement, NamedGroup,
    Observation, PeerCertificate, PeerRegion, Phase, PhaseDurations, ProbeError, ProtocolVersion, Reason,
    Rehearsal, Revocation, Severity, SipAnswer, SipOutcome, Standing, Status, SuitePreference, SurveyResult,
    Target, Verdict,
};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(crate) fn target(name: &str, labels: &[(&str, &str)]) -> Arc<Target> {
    Arc::new(Target {
        labels: labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Target::new(name, "sbc.example.test".parse().unwrap(), "genesys-byoc-customer")
    })
}

/// A leaf whose common name is hostile text, and the authority that signed it.
pub(crate) fn chain() -> (Arc<Chain>, RootSet) {
    static MADE: OnceLock<(Arc<Chain>, String)> = OnceLock::new();
    let (chain, pem) = MADE.get_or_init(|| {
        let mut authority = rcgen::CertificateParams::new(vec![]).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(rcgen::DnType::CommonName, "Test Root");
        authority.not_before = rcgen::date_time_ymd(2020, 1, 1);
        authority.not_after = rcgen::date_time_ymd(2040, 1, 1);
        let authority =
            rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate().unwrap()).unwrap();
        let mut leaf = rcgen::CertificateParams::new(vec!["sbc.example.test".to_owned()]).unwrap();
        leaf.distinguished_name
            .push(rcgen::DnType::CommonName, "a\"b\\c\nd\u{1b}[31m\u{202e}");
        leaf.extended_key_usages = vec![
            rcgen::ExtendedKeyUsagePurpose::ServerAuth,
            rcgen::ExtendedKeyUsagePurpose::ClientAuth,
        ];
        leaf.not_before = rcgen::date_time_ymd(1960, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let leaf = leaf
            .signed_by(&rcgen::KeyPair::generate().unwrap(), &authority)
            .unwrap();
        let chain = Chain::parse([leaf.der().as_ref(), authority.as_ref().der().as_ref()]);
        (Arc::new(chain), authority.as_ref().pem())
    });
    (chain.clone(), RootSet::from_pem("lab", pem.as_bytes()).unwrap())
}

pub(crate) fn finding(id: CheckId, status: Status, severity: Severity) -> Finding {
    Finding {
        id,
        status,
        severity,
        summary: "a sentence".to_owned(),
        evidence: "evidence".to_owned(),
        remedy: "".into(),
        source: "".into(),
    }
}

/// A survey that found out most.
pub(crate) fn survey() -> Arc<SurveyResult> {
    let version = |name| ProtocolVersion::from_name(name).unwrap();
    let suite = |name| CipherSuite::from_name(name).unwrap();
    let group = |name| NamedGroup::from_name(name).unwrap();
    Arc::new(SurveyResult {
        versions: vec![
            (version("TLSv1.1"), Acceptance::Refused),
            (version("TLSv1.2"), Acceptance::Accepted),
            (version("TLSv1.3"), Acceptance::Selected),
        ],
        cipher_suites: vec![
            (
                suite("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
                Acceptance::Accepted,
            ),
            (
                suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
                Acceptance::Unknown,
            ),
        ],
        groups: vec![(group("secp384r1"), Acceptance::Accepted)],
        suite_preference: SuitePreference::Unknown,
        refusal_cause: None,
        without_profile_groups: None,
        stopped: None,
    })
}

/// A load balancer that can present clientAuth until 2027-02-14.
fn peer_certificate() -> PeerCertificate {
    PeerCertificate {
        host: "lb01.voice.euc1.pure.cloud".to_owned(),
        address: "192.0.2.1:5061".parse().unwrap(),
        fingerprint_sha256: [7; 32],
        issuer_organization: None,
        not_before: "2026-02-01T00:00:00Z".parse().unwrap(),
        not_after: "2027-02-14T00:00:00Z".parse().unwrap(),
        client_auth: true,
        seen_at: "2026-11-22T06:59:00Z".parse().unwrap(),
    }
}

/// One identity accepted, one refused, and one of which nothing is known.
fn rehearsal() -> Arc<Rehearsal> {
    let attempt = |identity: Option<&str>, result| Attempt {
        identity: identity.map(Arc::from),
        result,
        presented: None,
        issuer_listed: None,
        key_usable: None,
        completed: false,
        alert: None,
        error: None,
        sip_status: None,
        evidence: String::new(),
    };
    Arc::new(Rehearsal {
        at: siptls_model::Timestamp::UNIX_EPOCH,
        requested: Some(true),
        mode: ClientCertificateMode::Optional,
        attempts: vec![
            attempt(None, AttemptResult::Accepted),
            attempt(Some("today"), AttemptResult::Accepted),
            attempt(Some("to\"morrow"), AttemptResult::Refused),
            attempt(Some("silent"), AttemptResult::Unknown),
        ],
    })
}

/// A visit that saw everything, judged `warn`.
pub(crate) fn good(target: &Arc<Target>, address: SocketAddr) -> (Observation, Judgement) {
    let (chain, roots) = chain();
    let path = assess_path(&chain, &roots);
    let observation = Observation {
        duration: Duration::from_millis(55),
        connections_opened: 1,
        phase_reached: Some(Phase::Sip),
        error: None,
        phases: PhaseDurations {
            resolve: None,
            connect: Some(Duration::from_millis(4)),
            tls: Some(Duration::from_millis(31)),
            sip: Some(Duration::from_millis(12)),
        },
        offer: None,
        handshake: Some(Handshake {
            version: ProtocolVersion::from_name("TLSv1.2"),
            cipher_suite: CipherSuite::from_name("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
            group: NamedGroup::from_name("secp384r1"),
            key_exchange_signature: None,
            completed: true,
            alert: None,
            extended_master_secret: Some(true),
            secure_renegotiation: Some(true),
            ocsp_stapled: false,
            client_certificate: ClientCertificate {
                mode: ClientCertificateMode::Optional,
                requested: Some(true),
                authorities: vec![Authority {
                    name: "CN=x".to_owned(),
                    subject_hash: None,
                }],
                ..ClientCertificate::unknown()
            },
        }),
        survey: Some(survey()),
        peer_region: Some(Arc::new(PeerRegion {
            region: "euc1".to_owned(),
            certificates: vec![peer_certificate()],
            unseen: Vec::new(),
        })),
        rehearsal: Some(rehearsal()),
        chain: Some(chain),
        revocation: None,
        sip: SipOutcome::Answered(SipAnswer {
            status: 200,
            reason_phrase: "OK".to_owned(),
            server: None,
            allow: Vec::new(),
            duration: Duration::from_millis(12),
        }),
        ..Observation::blank(target, Some(address), "2026-11-22T07:00:00.25Z".parse().unwrap())
    };
    let findings: Vec<_> = CheckId::ALL
        .iter()
        .map(|id| match id {
            CheckId::ClientCertificateNotRequested => finding(*id, Status::Warn, Severity::Critical),
            CheckId::SipIdentityRfc5922 => finding(*id, Status::Fail, Severity::Info),
            CheckId::EkuRemovalReady | CheckId::AddressesAgree => {
                finding(*id, Status::Skip, Severity::Warning)
            }
            _ => finding(*id, Status::Pass, Severity::Critical),
        })
        .collect();
    let judgement = Judgement {
        as_of: observation.started_at,
        verdict: Verdict::of(&findings, true),
        findings,
        chain: Some(ChainJudgement {
            path,
            name_match: None,
            revocation: Revocation {
                certificates: vec![CertificateRevocation {
                    index: 0,
                    standing: Standing::Good,
                    reason: String::new(),
                    url: None,
                    next_update: Some("2026-11-29T07:00:00Z".parse().unwrap()),
                }],
            },
            opinions: Vec::new(),
        }),
        removal_day: None,
    };
    (observation, judgement)
}

/// A visit that saw nothing.
pub(crate) fn failed(
    target: &Arc<Target>,
    address: Option<SocketAddr>,
    reason: Reason,
) -> (Observation, Judgement) {
    let observation = Observation {
        duration: Duration::from_secs(10),
        error: Some(ProbeError {
            phase: Phase::Connect,
            reason,
            message: "nothing".to_owned(),
        }),
        phases: PhaseDurations {
            connect: Some(Duration::from_secs(10)),
            ..PhaseDurations::default()
        },
        ..Observation::blank(target, address, "2026-11-22T07:00:00Z".parse().unwrap())
    };
    let judgement = Judgement {
        findings: vec![finding(CheckId::ChainComplete, Status::Skip, Severity::Critical)],
        ..Judgement::blank(observation.started_at, Verdict::Inconclusive)
    };
    (observation, judgement)
}

pub(crate) fn series(visit: &(Observation, Judgement)) -> Series {
    let mut tally = Tally::default();
    tally.count(&visit.0);
    if visit.0.survey.is_some() {
        tally.surveyed(visit.0.started_at);
        tally.changed([Some(visit.0.started_at), None, None, None, None]);
    }
    Series::new(
        Subject::new(&visit.0.target, &visit.0.place()),
        tally,
        &visit.0,
        &visit.1,
    )
}

/// A series as it is shown with most of the budget left.
pub(crate) fn shown(series: impl Into<Arc<Series>>) -> Shown {
    Shown {
        series: series.into(),
        moment: Moment {
            connections_left: Some(599),
            ..Moment::default()
        },
    }
}
