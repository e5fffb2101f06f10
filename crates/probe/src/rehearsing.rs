//! A rehearsal carried out: which client certificates does the endpoint accept?

use crate::errand::Errand;
use crate::facts;
use crate::turns::Turn;
use crate::visit::{Prober, postponed};
use siptls_cert::Chain;
use siptls_model::{
    Attempt, AttemptResult, ClientCertificate, ClientCertificateMode, Observation, Phase, Rehearsal,
};
use siptls_tls12::{Identity, NamedIdentity};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};

/// What came of a rehearsal.
pub(crate) struct Rehearsed {
    pub(crate) rehearsal: Rehearsal,
    pub(crate) connections_opened: u32,
    /// The first identity that was accepted, and the visit that presented it.
    pub(crate) accepted: Option<(Arc<Identity>, Observation)>,
}

/// What came of one identity.
struct Presented {
    attempt: Attempt,
    connections_opened: u32,
    /// The last visit that presented it; `None` when there was none.
    visit: Option<Observation>,
}

impl Presented {
    /// Whether the peer ended the connection without an alert.
    fn is_cut(&self) -> bool {
        self.attempt.result == AttemptResult::Refused && self.attempt.alert.is_none()
    }
}

impl Prober {
    /// Visits one address, and then once with each identity of the errand if the endpoint asks for one. Never two
    /// connections at once; a pause with jitter before each.
    ///
    /// The whole has [`Errand::timeouts`] as one absolute deadline, each connection the target's timeout.
    pub(crate) async fn rehearse_address(&self, errand: &Errand, address: SocketAddr) -> Observation {
        let turn = self.turn(errand, address).await;
        if let Some(seen) = postponed(errand, &turn) {
            return seen;
        }
        let start = Instant::now();
        let end = start + errand.target.timeout * errand.timeouts();
        let mut seen = self.visit_in_turn(errand, &turn).await;
        self.visited(errand, &turn, &seen, start);
        let rehearsed = self.rehearse(errand, &seen, &turn, end).await;
        seen.connections_opened += rehearsed.connections_opened;
        seen.duration = start.elapsed();
        seen.rehearsal = Some(Arc::new(rehearsed.rehearsal));
        seen
    }

    /// Presents each identity once to an endpoint that was visited without one, in a turn that the caller holds, when
    /// that visit read a CertificateRequest; else nothing is opened.
    pub(crate) async fn rehearse(
        &self,
        errand: &Errand,
        visit: &Observation,
        turn: &Turn<SocketAddr>,
        end: Instant,
    ) -> Rehearsed {
        let request = visit
            .handshake
            .as_ref()
            .map(|handshake| &handshake.client_certificate);
        let mut rehearsed = Rehearsed {
            rehearsal: Rehearsal {
                at: visit.started_at,
                requested: request.and_then(|request| request.requested),
                mode: request.map_or(ClientCertificateMode::Unknown, |request| request.mode),
                attempts: vec![without(visit)],
            },
            connections_opened: 0,
            accepted: None,
        };
        let Some(request) = request.filter(|request| request.requested == Some(true)) else {
            return rehearsed;
        };
        let mut answers = true;
        for named in &errand.identities {
            let used_up = turn.with_account(|account, now| account.survey_stopped(&errand.target, now));
            let obstacle = used_up.or_else(|| why_not(named, request, answers, end).map(str::to_owned));
            let presented = match obstacle {
                Some(why) => not_presented(named, request, &why),
                None => self.present(errand, named, request, turn, end).await,
            };
            rehearsed.connections_opened += presented.connections_opened;
            if let Some(visit) = presented.visit {
                // Whoever had answered and then does not even say ServerHello may be blocking us.
                answers =
                    visit.phase_reached >= Some(Phase::ServerHello) || presented.attempt.alert.is_some();
                if presented.attempt.result == AttemptResult::Accepted && rehearsed.accepted.is_none() {
                    rehearsed.accepted = Some((Arc::clone(&named.identity), visit));
                }
            }
            rehearsed.rehearsal.attempts.push(presented.attempt);
        }
        rehearsed
    }

    /// Visits with an identity; once more when that found nothing out or ended without an alert: a glitch is not a
    /// refusal, and an end counts when it came twice.
    async fn present(
        &self,
        errand: &Errand,
        named: &NamedIdentity,
        request: &ClientCertificate,
        turn: &Turn<SocketAddr>,
        end: Instant,
    ) -> Presented {
        let mut presented = self.present_once(errand, named, request, turn, end).await;
        let was_cut = presented.is_cut();
        let mut is_cut_twice = false;
        if (was_cut || presented.attempt.result == AttemptResult::Unknown) && Instant::now() < end {
            let opened = presented.connections_opened;
            presented = self.present_once(errand, named, request, turn, end).await;
            presented.connections_opened += opened;
            is_cut_twice = was_cut;
        }
        if presented.is_cut() && !is_cut_twice {
            presented.attempt.result = AttemptResult::Unknown;
            presented.attempt.evidence += ", seen once: a lost connection or a refusal";
        }
        presented
    }

    async fn present_once(
        &self,
        errand: &Errand,
        named: &NamedIdentity,
        request: &ClientCertificate,
        turn: &Turn<SocketAddr>,
        end: Instant,
    ) -> Presented {
        sleep_until((Instant::now() + self.pause()).min(end)).await;
        let deadline = end.min(Instant::now() + errand.target.timeout);
        let (visit, ending) = self.visit_as(errand, Some(&named.identity), turn, deadline).await;
        let answer = ending.map(|(sent, aftermath)| facts::attempt(sent, &aftermath));
        let (result, evidence) = answer.unwrap_or_else(|| {
            let error = visit.error.as_ref().map(|error| error.message.as_str());
            let why = error.unwrap_or("the connection did not open");
            (AttemptResult::Unknown, format!("nothing was presented: {why}"))
        });
        let handshake = visit.handshake.as_ref();
        let attempt = Attempt {
            result,
            completed: handshake.is_some_and(|handshake| handshake.completed),
            alert: handshake.and_then(|handshake| handshake.alert),
            error: visit.error.clone(),
            sip_status: visit.sip.answer().map(|answer| answer.status),
            ..blank(named, request, evidence)
        };
        Presented {
            attempt,
            connections_opened: visit.connections_opened,
            visit: Some(visit),
        }
    }
}

/// The attempt without a certificate: the visit itself.
fn without(visit: &Observation) -> Attempt {
    let handshake = visit.handshake.as_ref();
    let completed = handshake.is_some_and(|handshake| handshake.completed);
    let request = handshake.map(|handshake| &handshake.client_certificate);
    let result = match request.map(|request| request.mode) {
        Some(ClientCertificateMode::Optional) => AttemptResult::Accepted,
        Some(ClientCertificateMode::NotRequested) if completed => AttemptResult::Accepted,
        Some(ClientCertificateMode::Required) => AttemptResult::Refused,
        _ => AttemptResult::Unknown,
    };
    let evidence = match (request, &visit.error) {
        (Some(request), _) if !request.evidence.is_empty() => request.evidence.clone(),
        (_, Some(error)) => format!("whether the endpoint asks was not seen: {}", error.message),
        (_, None) => "whether the endpoint asks was not seen".to_owned(),
    };
    Attempt {
        identity: None,
        result,
        presented: None,
        issuer_listed: None,
        key_usable: None,
        completed,
        alert: handshake.and_then(|handshake| handshake.alert),
        error: visit.error.clone(),
        sip_status: visit.sip.answer().map(|answer| answer.status),
        evidence,
    }
}

/// Why an identity is not presented.
fn why_not(
    named: &NamedIdentity,
    request: &ClientCertificate,
    answers: bool,
    end: Instant,
) -> Option<&'static str> {
    if named.identity.scheme(&request.signature_algorithms).is_none() {
        // A caller with such a key presents nothing, which the visit has shown already.
        return Some("its key cannot sign by any of the algorithms that the endpoint asks for");
    }
    if !answers {
        return Some("the endpoint had answered and then stopped answering: it may be blocking us");
    }
    (Instant::now() >= end).then_some("the time of the visit was used up")
}

fn not_presented(named: &NamedIdentity, request: &ClientCertificate, why: &str) -> Presented {
    Presented {
        attempt: blank(named, request, format!("not presented: {why}")),
        connections_opened: 0,
        visit: None,
    }
}

/// An attempt of which only the identity and the request are known.
fn blank(named: &NamedIdentity, request: &ClientCertificate, evidence: String) -> Attempt {
    let chain = Chain::parse(named.identity.chain().iter().map(Vec::as_slice));
    let fits_type = request
        .certificate_types
        .contains(&named.identity.certificate_type());
    let fits_scheme = named.identity.scheme(&request.signature_algorithms).is_some();
    Attempt {
        identity: Some(Arc::clone(&named.name)),
        result: AttemptResult::Unknown,
        issuer_listed: issuer_listed(&chain, request),
        presented: Some(Arc::new(chain)),
        key_usable: Some(fits_type && fits_scheme),
        completed: false,
        alert: None,
        error: None,
        sip_status: None,
        evidence,
    }
}

/// Whether the CA names of a request have an issuer of the chain, as OpenSSL compares names; `None`: there are none.
fn issuer_listed(chain: &Chain, request: &ClientCertificate) -> Option<bool> {
    if request.authorities.is_empty() {
        return None;
    }
    let issuers: Vec<String> = chain
        .certificates()
        .map(|(_, certificate)| certificate.issuer.hash_hex())
        .collect();
    let mut listed = request
        .authorities
        .iter()
        .filter_map(|authority| authority.subject_hash.as_ref());
    Some(listed.any(|hash| issuers.contains(hash)))
}
