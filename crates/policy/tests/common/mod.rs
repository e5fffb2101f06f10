//! Synthetic observations: a private PKI made at test time and a visit to build on.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType, date_time_ymd,
};
use siptls_catalog::{DEFAULT_PROFILE, Profile, RootSet, profile, roots_from_pem};
use siptls_cert::Chain;
use siptls_model::{
    AlertDescription, Authority, CheckId, CipherSuite, ClientCertificate, ClientCertificateMode,
    ClientCertificateType, Handshake, Judgement, NamedGroup, Observation, Phase, PhaseDurations, ProbeError,
    ProtocolVersion, Reason, SignatureScheme, SipAnswer, SipOutcome, Status, Target,
};
use siptls_policy::Judge;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const HOST: &str = "sbc.example.test";
pub(crate) const NOW: &str = "2026-11-22T03:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What a leaf is made of; the default is good.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) common_name: &'static str,
    pub(crate) dns: Vec<&'static str>,
    pub(crate) uri: Vec<&'static str>,
    pub(crate) ip: Vec<&'static str>,
    pub(crate) usages: Vec<ExtendedKeyUsagePurpose>,
    pub(crate) not_before: (i32, u8, u8),
    pub(crate) not_after: (i32, u8, u8),
}

impl Default for Leaf {
    fn default() -> Self {
        Self {
            common_name: HOST,
            dns: vec![HOST],
            uri: vec![],
            ip: vec![],
            usages: vec![ExtendedKeyUsagePurpose::ServerAuth],
            not_before: (2026, 9, 1),
            not_after: (2027, 3, 1),
        }
    }
}

/// A root, an intermediate under it, and what they sign.
pub(crate) struct Pki {
    pub(crate) root: CertifiedIssuer<'static, KeyPair>,
    pub(crate) intermediate: CertifiedIssuer<'static, KeyPair>,
}

pub(crate) fn authority(name: &str, not_after: (i32, u8, u8)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(not_after.0, not_after.1, not_after.2);
    params
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::of(
            authority("Lab Root", (2040, 1, 1)),
            authority("Lab Intermediate", (2030, 1, 1)),
        )
    }

    pub(crate) fn of(root: CertificateParams, intermediate: CertificateParams) -> Self {
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let intermediate =
            CertifiedIssuer::signed_by(intermediate, KeyPair::generate().unwrap(), &root).unwrap();
        Self { root, intermediate }
    }

    pub(crate) fn roots(&self) -> Arc<RootSet> {
        roots_from_pem("lab", self.root.pem().as_bytes()).unwrap()
    }

    pub(crate) fn leaf(&self, leaf: &Leaf) -> Vec<u8> {
        params(leaf)
            .signed_by(&KeyPair::generate().unwrap(), &self.intermediate)
            .unwrap()
            .der()
            .to_vec()
    }

    /// Leaf and intermediate, as they should be sent.
    pub(crate) fn chain(&self, leaf: &Leaf) -> Arc<Chain> {
        chain(&[&self.leaf(leaf), self.intermediate.der()])
    }
}

pub(crate) fn params(leaf: &Leaf) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params
        .distinguished_name
        .push(DnType::CommonName, leaf.common_name);
    params.subject_alt_names = leaf
        .dns
        .iter()
        .map(|name| SanType::DnsName((*name).try_into().unwrap()))
        .chain(
            leaf.uri
                .iter()
                .map(|uri| SanType::URI((*uri).try_into().unwrap())),
        )
        .chain(leaf.ip.iter().map(|ip| SanType::IpAddress(ip.parse().unwrap())))
        .collect();
    params.extended_key_usages = leaf.usages.clone();
    params.not_before = date_time_ymd(leaf.not_before.0, leaf.not_before.1, leaf.not_before.2);
    params.not_after = date_time_ymd(leaf.not_after.0, leaf.not_after.1, leaf.not_after.2);
    params
}

pub(crate) fn chain(ders: &[&[u8]]) -> Arc<Chain> {
    Arc::new(Chain::parse(ders.iter().copied()))
}

pub(crate) fn target(endpoint: &str) -> Target {
    Target::new("acme", endpoint.parse().unwrap(), DEFAULT_PROFILE)
}

pub(crate) fn customer() -> Arc<Profile> {
    profile(DEFAULT_PROFILE).unwrap()
}

/// A visit that found everything as it should be.
pub(crate) fn good(chain: Arc<Chain>) -> Observation {
    Observation {
        target: Arc::new(target(HOST)),
        address: Some("192.0.2.7:5061".parse().unwrap()),
        started_at: at(NOW),
        duration: Duration::from_millis(80),
        connections_opened: 1,
        phase_reached: Some(Phase::Sip),
        error: None,
        phases: PhaseDurations::default(),
        offer: Some(customer().offer.clone()),
        handshake: Some(Handshake {
            version: Some(ProtocolVersion::TLS_1_2),
            cipher_suite: Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
            group: Some(NamedGroup::SECP384R1),
            key_exchange_signature: Some(SignatureScheme::RSA_PSS_RSAE_SHA256),
            completed: true,
            alert: None,
            extended_master_secret: Some(true),
            secure_renegotiation: Some(true),
            ocsp_stapled: false,
            client_certificate: ClientCertificate {
                mode: ClientCertificateMode::NotRequested,
                requested: Some(false),
                ..ClientCertificate::unknown()
            },
        }),
        chain: Some(chain),
        sip: answered(200, "OK"),
        flight: Arc::from([0x16, 0x03, 0x03]),
        ..Observation::blank(&Arc::new(target(HOST)), None, at(NOW))
    }
}

pub(crate) fn answered(status: u16, reason: &str) -> SipOutcome {
    SipOutcome::Answered(SipAnswer {
        status,
        reason_phrase: reason.to_owned(),
        server: Some("Lab".to_owned()),
        allow: vec!["INVITE".to_owned(), "OPTIONS".to_owned()],
        duration: Duration::from_millis(12),
    })
}

/// A visit that read nothing.
pub(crate) fn nothing(phase: Phase, reason: Reason) -> Observation {
    Observation {
        phase_reached: None,
        error: Some(ProbeError {
            phase,
            reason,
            message: "no luck".to_owned(),
        }),
        offer: None,
        handshake: None,
        chain: None,
        sip: SipOutcome::NotSent,
        survey: None,
        flight: Arc::from([]),
        ..good(chain(&[]))
    }
}

/// A visit whose ClientHello was answered by an alert.
pub(crate) fn refused(alert: AlertDescription) -> Observation {
    Observation {
        phase_reached: Some(Phase::Connect),
        offer: Some(customer().offer.clone()),
        handshake: Some(Handshake {
            version: None,
            cipher_suite: None,
            group: None,
            key_exchange_signature: None,
            completed: false,
            alert: Some(alert),
            extended_master_secret: None,
            secure_renegotiation: None,
            ocsp_stapled: false,
            client_certificate: ClientCertificate::unknown(),
        }),
        ..nothing(Phase::ServerHello, Reason::HandshakeRefused)
    }
}

/// Makes the visit end in an error after what it has seen.
pub(crate) fn ended(mut observation: Observation, phase: Phase, reason: Reason) -> Observation {
    observation.error = Some(ProbeError {
        phase,
        reason,
        message: "no luck".to_owned(),
    });
    if phase == Phase::Sip {
        observation.phase_reached = Some(Phase::Handshake);
        observation.sip = SipOutcome::NotAnswered;
    } else {
        observation.phase_reached = Some(Phase::ServerFlight);
        observation.sip = SipOutcome::NotSent;
        handshake(&mut observation).completed = false;
    }
    observation
}

pub(crate) fn handshake(observation: &mut Observation) -> &mut Handshake {
    observation.handshake.as_mut().unwrap()
}

/// Makes the endpoint ask for a client certificate.
pub(crate) fn asking(mut observation: Observation, mode: ClientCertificateMode) -> Observation {
    handshake(&mut observation).client_certificate = ClientCertificate {
        mode,
        evidence: "a CertificateRequest came before ServerHelloDone".to_owned(),
        requested: Some(true),
        certificate_types: vec![ClientCertificateType::RSA_SIGN, ClientCertificateType::ECDSA_SIGN],
        signature_algorithms: vec![SignatureScheme::RSA_PKCS1_SHA256],
        authorities: (1..=10)
            .map(|n| Authority {
                name: format!("CN=Acme CA {n}"),
                subject_hash: Some(format!("0000000{}", n % 10)),
            })
            .collect(),
    };
    observation
}

pub(crate) fn judge(observation: &Observation, roots: Option<Arc<RootSet>>) -> Judgement {
    judge_by(customer(), observation, roots, NOW)
}

pub(crate) fn judge_by(
    profile: Arc<Profile>,
    observation: &Observation,
    roots: Option<Arc<RootSet>>,
    now: &str,
) -> Judgement {
    let judge = Judge::new(profile, roots, &observation.target);
    judge
        .judge_visit(std::slice::from_ref(observation), at(now))
        .remove(0)
}

#[track_caller]
pub(crate) fn status(judgement: &Judgement, id: CheckId) -> Status {
    judgement
        .finding(id)
        .unwrap_or_else(|| panic!("{id} was not judged"))
        .status
}

#[track_caller]
pub(crate) fn summary(judgement: &Judgement, id: CheckId) -> String {
    judgement
        .finding(id)
        .unwrap_or_else(|| panic!("{id} was not judged"))
        .summary
        .clone()
}
