//! The steps of a handshake: what was sent, what came, in which order, and where it stopped.
//!
//! What is encrypted was seen by the engine alone: such steps come from the facts of the observation and have no bytes.

use super::super::html::{counted, who_acts};
use super::{MAX_TEXT, is_said};
use siptls_model::{
    ClientCertificateMode, Depth, Observation, Phase, Reason, SipOutcome, escape_text_bounded,
};
use siptls_wire::dissect::{Part, PartKind, Role};
use siptls_wire::{AlertDescription, ContentType, ExtensionType, HandshakeType, NamedGroup, Offer};
use std::time::Duration;

/// CA names that the fact of a CertificateRequest shows; its bytes show more.
const NAMES: usize = 3;

/// One step of the ladder. Its texts are not safe for HTML.
pub(super) struct Step<'a> {
    pub(super) way: Way,
    pub(super) name: String,
    /// Its size, or why there are no bytes.
    pub(super) note: Option<String>,
    /// The two or three things that matter.
    pub(super) facts: Vec<String>,
    /// Its bytes, with the headers of the records they came in.
    pub(super) parts: Vec<&'a Part>,
    /// Where the fault is.
    pub(super) is_bad: bool,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The probe.
    Out,
    /// The endpoint.
    In,
    /// Nobody: what happened around it.
    Aside,
    /// Nobody any more.
    Stop,
}

impl<'a> Step<'a> {
    fn new(way: Way, name: impl Into<String>) -> Self {
        Self {
            way,
            name: name.into(),
            note: None,
            facts: Vec::new(),
            parts: Vec::new(),
            is_bad: false,
        }
    }

    fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    fn saying(mut self, facts: impl IntoIterator<Item = String>) -> Self {
        self.facts.extend(facts);
        self
    }

    fn of(way: Way, name: impl Into<String>, parts: Vec<&'a Part>) -> Self {
        let said = parts.iter().filter(|part| is_said(part));
        let size = said.map(|part| part.bytes.len()).sum();
        Self {
            parts,
            ..Self::new(way, name).noting(counted(size, "byte"))
        }
    }
}

/// The steps of an observation, from what it sent and what came in clear text.
pub(super) fn steps<'a>(
    observation: &Observation,
    sent: &'a [Part],
    came: &'a [Part],
    is_kept: bool,
) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    steps.extend(connected(observation));
    if let Some(offer) = &observation.offer {
        let hello = match is_kept {
            true => Step::of(Way::Out, "ClientHello", sent.iter().collect()),
            false => Step::new(Way::Out, "ClientHello"),
        };
        steps.push(hello.saying(offered(offer, sent)));
    }
    let (before, after) = split(came);
    if is_kept {
        steps.extend(said(observation, before));
    } else {
        steps.extend(from_facts(observation));
    }
    steps.extend(answered(observation));
    steps.extend(said(observation, after));
    steps.extend(finished(observation, came));
    steps.push(stopped(observation));
    steps
}

/// What came before the probe's answer, and behind it.
fn split(came: &[Part]) -> (&[Part], &[Part]) {
    let done = PartKind::Message(HandshakeType::SERVER_HELLO_DONE);
    let end = came.iter().position(|part| part.kind == done);
    came.split_at(end.map_or(came.len(), |end| end + 1))
}

fn connected<'a>(observation: &Observation) -> Option<Step<'a>> {
    let phases = &observation.phases;
    let looked_up = phases
        .resolve
        .map(|took| format!("the name was looked up in {}", time(took)));
    let name = if observation.phase_reached >= Some(Phase::Connect) {
        "TCP connection opened"
    } else {
        "TCP connection"
    };
    let step = Step::new(Way::Out, name).saying(looked_up);
    Some(match phases.connect {
        Some(took) => step.noting(format!("after {}", time(took))),
        None => step,
    })
}

fn offered(offer: &Offer, sent: &[Part]) -> Vec<String> {
    let versions = match offer.versions.as_slice() {
        [] => offer.legacy_version.to_string(),
        versions => join(versions),
    };
    let suites: Vec<_> = offer
        .cipher_suites
        .iter()
        .filter(|suite| !suite.is_signal())
        .collect();
    let first = suites.first().map(|first| format!(", {first} first"));
    let mut facts = vec![format!(
        "offers {versions} and {}{}",
        counted(suites.len(), "suite"),
        first.unwrap_or_default()
    )];
    let groups: &[NamedGroup] = &offer.groups;
    if offer.has_extension(ExtensionType::SUPPORTED_GROUPS) {
        facts.push(format!("for ECDHE: {}", join(groups)));
    }
    let name = sent.iter().find_map(|part| {
        let field = part
            .fields
            .iter()
            .find(|field| field.name == "host_name" && field.role == Role::Value)?;
        part.text_of(field)
    });
    facts.push(match name {
        Some(name) => format!("asks for {} (SNI)", shown(&name)),
        None if sent.is_empty() => return facts,
        None => "names no server (no SNI)".to_owned(),
    });
    facts
}

/// What came in clear text, message by message.
fn said<'a>(observation: &Observation, parts: &'a [Part]) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    let mut headers: Vec<&Part> = Vec::new();
    let mut seen: Vec<HandshakeType> = Vec::new();
    for part in parts {
        if !is_said(part) {
            // A header inside a message belongs to it; one before it to the next.
            match steps.last_mut().filter(|step| reaches(step, part)) {
                Some(step) => step.parts.push(part),
                None => headers.push(part),
            }
            continue;
        }
        let mut own = std::mem::take(&mut headers);
        own.push(part);
        let (name, facts) = match part.kind {
            PartKind::Message(kind) => {
                let first = !seen.contains(&kind);
                seen.push(kind);
                let facts = if first {
                    told(observation, kind)
                } else {
                    Vec::new()
                };
                (message_name(kind), facts)
            }
            PartKind::Unfinished(kind) => (message_name(kind), vec![unfinished(part)]),
            PartKind::Alert => ("alert".to_owned(), alert(part)),
            PartKind::ChangeCipherSpec => (
                "ChangeCipherSpec".to_owned(),
                vec!["what follows from the endpoint is encrypted".to_owned()],
            ),
            PartKind::Payload(kind) => (
                format!("{kind} record"),
                vec![match kind {
                    ContentType::HANDSHAKE | ContentType::ALERT => "encrypted".to_owned(),
                    _ => "it does not belong here".to_owned(),
                }],
            ),
            PartKind::Unread => ("bytes that are no record".to_owned(), Vec::new()),
            PartKind::RecordHeader => continue,
        };
        let mut step = Step::of(Way::In, name, own).saying(facts);
        if let Some(fault) = &part.fault {
            step.facts.push(format!("cannot be read: {fault}"));
        }
        step.is_bad = part.fault.is_some()
            || matches!(part.kind, PartKind::Unfinished(_) | PartKind::Unread)
            || part.kind == PartKind::Alert && step.facts.iter().any(|fact| fact.starts_with("fatal"));
        steps.push(step);
    }
    steps
}

/// Whether a record header lies within what a step's last part spans.
fn reaches(step: &Step<'_>, header: &Part) -> bool {
    let said = step.parts.iter().rfind(|part| is_said(part));
    said.is_some_and(|part| part.position(part.bytes.len().saturating_sub(1)) > header.position(0))
}

fn message_name(kind: HandshakeType) -> String {
    match kind {
        HandshakeType::HELLO_REQUEST => "HelloRequest",
        HandshakeType::CLIENT_HELLO => "ClientHello",
        HandshakeType::SERVER_HELLO => "ServerHello",
        HandshakeType::NEW_SESSION_TICKET => "NewSessionTicket",
        HandshakeType::CERTIFICATE => "Certificate",
        HandshakeType::SERVER_KEY_EXCHANGE => "ServerKeyExchange",
        HandshakeType::CERTIFICATE_REQUEST => "CertificateRequest",
        HandshakeType::SERVER_HELLO_DONE => "ServerHelloDone",
        HandshakeType::CERTIFICATE_STATUS => "CertificateStatus",
        other => return format!("message of type {other}"),
    }
    .to_owned()
}

fn unfinished(part: &Part) -> String {
    match part.announced() {
        Some(announced) => format!("not whole: {} of {announced} bytes came", part.bytes.len()),
        None => format!("not whole: {} came", counted(part.bytes.len(), "byte")),
    }
}

fn alert(part: &Part) -> Vec<String> {
    let named = |name: &str| {
        let field = part.fields.iter().find(|field| field.name == name)?;
        part.text_of(field)
    };
    let (level, description) = (named("level"), named("description"));
    // The level's number says no more than its name.
    let level = level.map(|level| level.split(" (").next().unwrap_or_default().to_owned());
    let parts: Vec<String> = level.into_iter().chain(description).collect();
    vec![parts.join(" ")]
}

/// What the facts of a visit say of a message.
fn told(observation: &Observation, kind: HandshakeType) -> Vec<String> {
    let Some(handshake) = &observation.handshake else {
        return Vec::new();
    };
    let request = &handshake.client_certificate;
    match kind {
        HandshakeType::SERVER_HELLO => {
            let chosen: Vec<String> = handshake
                .version
                .map(|version| version.to_string())
                .into_iter()
                .chain(handshake.cipher_suite.map(|suite| suite.to_string()))
                .collect();
            let chosen = (!chosen.is_empty()).then(|| format!("chose {}", chosen.join(" with ")));
            let took = |what: &str, taken: Option<bool>| {
                taken.map(|taken| format!("{what}: {}", if taken { "yes" } else { "no" }))
            };
            let more = [
                took("extended master secret", handshake.extended_master_secret),
                took("secure renegotiation", handshake.secure_renegotiation),
            ];
            let more: Vec<String> = more.into_iter().flatten().collect();
            let more = (!more.is_empty()).then(|| more.join(", "));
            chosen.into_iter().chain(more).collect()
        }
        HandshakeType::CERTIFICATE => {
            let Some(chain) = &observation.chain else {
                return Vec::new();
            };
            let mut facts = vec![match chain.entries.len() {
                0 => "an empty list".to_owned(),
                count => counted(count, "certificate"),
            }];
            let subjects = chain.entries.iter().enumerate().map(|(index, entry)| {
                let subject = entry
                    .certificate()
                    .map(|certificate| shown(certificate.subject.text()));
                format!(
                    "{index}: {}",
                    subject.unwrap_or_else(|| "cannot be read".to_owned())
                )
            });
            facts.extend(subjects);
            facts
        }
        HandshakeType::CERTIFICATE_STATUS => vec!["an OCSP response is stapled".to_owned()],
        HandshakeType::SERVER_KEY_EXCHANGE => {
            let group = handshake.group.map(|group| format!("ECDHE on {group}"));
            let scheme = handshake
                .key_exchange_signature
                .map(|scheme| format!("signed with {scheme}"));
            let said: Vec<String> = group.into_iter().chain(scheme).collect();
            (!said.is_empty()).then(|| said.join(", ")).into_iter().collect()
        }
        HandshakeType::CERTIFICATE_REQUEST => {
            let count = request.authorities.len();
            let mut facts = vec![format!(
                "asks for a client certificate: {}",
                match count {
                    0 => "no CA names, so of any authority".to_owned(),
                    count => counted(count, "CA name"),
                }
            )];
            let names = request.authorities.iter().take(NAMES);
            facts.extend(names.map(|authority| shown(&authority.name)));
            if let Some(more @ 1..) = count.checked_sub(NAMES) {
                facts.push(format!("and {more} more"));
            }
            facts.push(format!(
                "certificates of type {}",
                join(&request.certificate_types)
            ));
            facts
        }
        HandshakeType::SERVER_HELLO_DONE => vec!["now it is the probe's turn".to_owned()],
        _ => Vec::new(),
    }
}

/// The endpoint's flight without its bytes.
fn from_facts<'a>(observation: &Observation) -> Vec<Step<'a>> {
    let Some(handshake) = &observation.handshake else {
        return Vec::new();
    };
    let mut kinds = Vec::new();
    if handshake.version.is_some() {
        kinds.push(HandshakeType::SERVER_HELLO);
    }
    if observation.chain.is_some() {
        kinds.push(HandshakeType::CERTIFICATE);
    }
    if handshake.ocsp_stapled {
        kinds.push(HandshakeType::CERTIFICATE_STATUS);
    }
    if handshake.group.is_some() {
        kinds.push(HandshakeType::SERVER_KEY_EXCHANGE);
    }
    if handshake.client_certificate.requested == Some(true) {
        kinds.push(HandshakeType::CERTIFICATE_REQUEST);
    }
    if observation.phase_reached >= Some(Phase::ServerFlight) {
        kinds.push(HandshakeType::SERVER_HELLO_DONE);
    }
    let kinds = kinds.into_iter();
    kinds
        .map(|kind| Step::new(Way::In, message_name(kind)).saying(told(observation, kind)))
        .collect()
}

/// The probe's side behind the endpoint's flight.
fn answered<'a>(observation: &Observation) -> Vec<Step<'a>> {
    if !observation.answered {
        return Vec::new();
    }
    let asked = observation
        .handshake
        .as_ref()
        .is_some_and(|handshake| handshake.client_certificate.requested == Some(true));
    let mut steps = Vec::new();
    if asked {
        let certificate = Step::new(Way::Out, "Certificate").noting("bytes are not kept");
        steps.push(certificate.saying(["an empty list: the probe has no client certificate".to_owned()]));
    }
    steps.push(
        Step::new(Way::Out, "ClientKeyExchange, ChangeCipherSpec, Finished")
            .noting("bytes are not kept; Finished is encrypted"),
    );
    steps
}

/// The end of the handshake and what came of SIP.
fn finished<'a>(observation: &Observation, came: &[Part]) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    let handshake = observation.handshake.as_ref();
    if handshake.is_some_and(|handshake| handshake.completed) {
        let took = observation
            .phases
            .tls
            .map(|took| format!("TLS took {}", time(took)));
        let said = ["verified: both sides saw the same handshake".to_owned()];
        let mode = handshake.map(|handshake| handshake.client_certificate.mode);
        let optional = (mode == Some(ClientCertificateMode::Optional))
            .then(|| "the empty certificate was accepted: optional".to_owned());
        let step = Step::new(Way::In, "Finished").noting("encrypted");
        steps.push(step.saying(said.into_iter().chain(optional).chain(took)));
    }
    if observation.sip != SipOutcome::NotSent {
        steps.push(Step::new(Way::Out, "SIP OPTIONS").noting("encrypted"));
    }
    if let Some(answer) = observation.sip.answer() {
        let name = format!("SIP {} {}", answer.status, shown(&answer.reason_phrase));
        let server = answer
            .server
            .as_ref()
            .map(|server| format!("from {}", shown(server)));
        let allow = (!answer.allow.is_empty()).then(|| format!("allows {}", shown(&answer.allow.join(", "))));
        let after = format!("encrypted, after {}", time(answer.duration));
        steps.push(
            Step::new(Way::In, name)
                .noting(after)
                .saying(server.into_iter().chain(allow)),
        );
    }
    // The alert that came when everything was encrypted already.
    let alert = handshake.and_then(|handshake| handshake.alert);
    if let Some(description) = alert.filter(|alert| !is_in_clear(came, *alert)) {
        let mut step = Step::new(Way::In, "alert")
            .noting(if observation.answered {
                "encrypted"
            } else {
                "bytes are not kept"
            })
            .saying([format!("fatal {description} ({})", description.0)]);
        step.is_bad = true;
        steps.push(step);
    }
    steps
}

fn is_in_clear(came: &[Part], description: AlertDescription) -> bool {
    let mut alerts = came.iter().filter(|part| part.kind == PartKind::Alert);
    alerts.any(|part| part.bytes.get(1) == Some(&description.0))
}

/// Where it ended: as planned, or short, and whose turn it was.
fn stopped<'a>(observation: &Observation) -> Step<'a> {
    let handshake = observation.handshake.as_ref();
    let completed = handshake.is_some_and(|handshake| handshake.completed);
    let Some(error) = &observation.error else {
        let why = match (&observation.sip, completed) {
            (SipOutcome::Answered(_), _) => "the probe had its answer and closed with close_notify",
            (_, true) => "the handshake is finished; the probe closed with close_notify",
            _ if observation.target.depth == Depth::Hello => {
                "visits of depth hello end here: the probe closed with close_notify"
            }
            _ => "the probe closed",
        };
        return Step::new(Way::Aside, "End").saying([why.to_owned()]);
    };
    let expected = match observation.phase_reached {
        // A reset, a refusal: nobody was to say anything.
        None | Some(Phase::Resolve | Phase::Sip) => None,
        Some(Phase::Connect) => Some(("endpoint", "ServerHello")),
        Some(Phase::ServerHello) => Some(("endpoint", "the rest of its flight, up to ServerHelloDone")),
        Some(Phase::ServerFlight) if observation.answered => {
            Some(("endpoint", "ChangeCipherSpec and Finished"))
        }
        Some(Phase::ServerFlight) => Some(("probe", "its key exchange, which it did not send")),
        Some(Phase::Handshake) if observation.sip == SipOutcome::NotSent => Some(("probe", "SIP OPTIONS")),
        Some(Phase::Handshake) => Some(("endpoint", "the answer to SIP OPTIONS")),
    };
    let turn = expected.map(|(who, what)| format!("whose turn: the {who}'s, to send {what}"));
    let after = match error.phase {
        Phase::Resolve | Phase::Connect => None,
        Phase::ServerHello | Phase::ServerFlight | Phase::Handshake => observation.phases.tls,
        Phase::Sip => observation.phases.sip,
    };
    let mut step = Step::new(Way::Stop, "Stopped here")
        .noting(match after {
            Some(after) => format!("{}, {} into this phase", error.reason, time(after)),
            None => error.reason.to_string(),
        })
        .saying([error.message.clone()])
        .saying(turn)
        .saying([format!(
            "{}: {}",
            who_acts(error.reason.who()),
            error.reason.advice()
        )]);
    step.is_bad = error.reason != Reason::NotCompletable;
    step
}

fn join<T: ToString>(values: &[T]) -> String {
    let texts: Vec<String> = values.iter().take(8).map(ToString::to_string).collect();
    match values.len().checked_sub(8) {
        Some(more @ 1..) => format!("{} and {more} more", texts.join(", ")),
        _ => texts.join(", "),
    }
}

fn shown(text: &str) -> String {
    escape_text_bounded(text, MAX_TEXT)
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1_000.0)
    } else {
        format!("{seconds:.1} s")
    }
}
