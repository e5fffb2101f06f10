//! A visit: one target, each of its addresses, one connection each.

use crate::account::Standing;
use crate::chains::ChainCache;
use crate::confines::Visited;
use crate::connection::{Connection, Wait};
use crate::errand::Errand;
use crate::facts::{self, Aftermath};
use crate::resolve::{Lookup, Place};
use crate::sip::{Event as SipEvent, Exchange, FaultKind, Nonce, OptionsRequest, SentBy, SipFault};
use crate::turns::{Turn, Turns};
use crate::{classify, sip};
use siptls_model::{
    Depth, Observation, Offer, Phase, ProbeError, Reason, SipAnswer, SipOutcome, Target, clock,
};
use siptls_tls12::{Client, Event, Failure, Identity, Plan, SentCertificate};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Longest silence of a peer within the deadline before a visit gives it up.
pub const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// How long a peer may take to close after our close_notify, before we do.
pub const CLOSE_GRACE: Duration = Duration::from_millis(250);
/// Time between two connections of a survey to one address: a dozen of them take three seconds, and
/// no counter of connections per second takes them for a scanner.
pub const SPACING: Duration = Duration::from_millis(250);
/// Bounds of the pause between the handshake and OPTIONS when a client certificate was asked for:
/// a server that refuses what it got only then does so within a round trip.
const SETTLE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// What all visits have in common.
#[derive(Clone, Debug)]
pub struct ProberOptions {
    /// How long a peer may take to close after our close_notify, before we do.
    pub close_grace: Duration,
    /// Time between two connections of a survey to one address, in the middle of its jitter.
    pub spacing: Duration,
    /// Whether an address that refused a few visits in a row is visited less often. For a program that visits each target
    /// once there is no next time.
    pub back_off: bool,
}

impl Default for ProberOptions {
    fn default() -> Self {
        Self {
            close_grace: CLOSE_GRACE,
            spacing: SPACING,
            back_off: true,
        }
    }
}

/// Visits targets. One of it serves all visits of a program.
pub struct Prober {
    pub(crate) options: ProberOptions,
    lookup: Lookup,
    chains: ChainCache,
    /// Never two connections to one address at once.
    pub(crate) turns: Turns<SocketAddr>,
    /// Where confined errands went.
    visited: Visited,
}

impl Prober {
    /// A prober. It opens nothing and reads nothing yet.
    #[must_use]
    pub fn new(options: ProberOptions) -> Self {
        // The first random bytes of a process take tens of milliseconds to gather: not in a visit.
        let _ = siptls_tls12::random();
        Self {
            options,
            lookup: Lookup::default(),
            chains: ChainCache::default(),
            turns: Turns::default(),
            visited: Visited::default(),
        }
    }

    /// Visits every address of a target, one after the other, and says what was seen of each.
    ///
    /// A name without port is looked up as the SIPS service that it may be (RFC 3263 §4.2), and as a host when it is
    /// none. At least one observation comes back; one without an address says why there is none. Each address has the
    /// target's timeout as one absolute deadline, and so has the look-up.
    ///
    /// A confined errand leaves out every place that it may not go to, names that lead nowhere included: nothing comes back
    /// when there is no other.
    pub async fn visit(&self, errand: &Errand) -> Vec<Observation> {
        let target = &errand.target;
        let started_at = clock::now();
        let start = Instant::now();
        // Half of the time is for the name, so that the visit ends in time whatever the resolver does.
        let places = self.lookup.places(&errand.hurried(2, start).target, start).await;
        let resolve = target.literal_address().is_none().then(|| start.elapsed());
        // Whoever may not go anywhere is not told what there is.
        let may_go = |place: &Place| match &place.address {
            Ok(address) => errand.allows(*address),
            Err(_) => errand.confines.is_none(),
        };
        let places: Vec<Place> = places.into_iter().filter(may_go).collect();
        errand.went.store(!places.is_empty(), Ordering::Relaxed);
        let mut left = places.len();
        let mut observations = Vec::with_capacity(left);
        for place in places {
            let errand = &errand.hurried(left, Instant::now());
            let target = &errand.target;
            left -= 1;
            let mut observation = match (place.address, target.depth) {
                (Ok(address), Depth::Survey) => self.survey_address(errand, address).await,
                (Ok(address), Depth::Routine) if !errand.identities.is_empty() => {
                    self.rehearse_address(errand, address).await
                }
                (Ok(address), Depth::Hello | Depth::Routine) => self.visit_address(errand, address).await,
                (Err(error), _) => Observation {
                    error: Some(error),
                    ..Observation::blank(target, None, started_at)
                },
            };
            observation.srv = place.srv;
            observation.phases.resolve = resolve;
            observation.duration += resolve.unwrap_or_default();
            observations.push(observation);
        }
        observations
    }

    /// Visits one address, once nobody else is connected to it. Without a connection, and with the reason `postponed`, when
    /// the address is to be left in peace.
    pub async fn visit_address(&self, errand: &Errand, address: SocketAddr) -> Observation {
        let turn = self.turn(errand, address).await;
        if let Some(seen) = postponed(errand, &turn).or_else(|| self.one_too_many(errand, address)) {
            return seen;
        }
        let began = Instant::now();
        let seen = self.visit_in_turn(errand, &turn).await;
        self.visited(errand, &turn, &seen, began);
        seen
    }

    /// Waits for the turn at an address.
    pub(crate) async fn turn(&self, errand: &Errand, address: SocketAddr) -> Turn<SocketAddr> {
        errand.waiting.store(true, Ordering::Relaxed);
        let turn = self.turns.take(address).await;
        errand.waiting.store(false, Ordering::Relaxed);
        turn
    }

    /// What a confined visit says that would be to one address too many.
    fn one_too_many(&self, errand: &Errand, address: SocketAddr) -> Option<Observation> {
        if errand.confines.is_none() || self.visited.note(address, Instant::now()) {
            return None;
        }
        let message = "too many destinations that are no target's were visited within the hour";
        Some(left_in_peace(errand, address, message.to_owned()))
    }

    /// Takes in what came of a visit, for the next one.
    pub(crate) fn visited(
        &self,
        errand: &Errand,
        turn: &Turn<SocketAddr>,
        seen: &Observation,
        began: Instant,
    ) {
        if self.options.back_off {
            turn.with_account(|account, _| {
                if errand.is_asked {
                    account.visited_asked(seen, began);
                } else {
                    account.visited(seen, began);
                }
            });
        }
    }

    /// How a target stands with an address now.
    #[must_use]
    pub fn standing(&self, target: &Target, address: SocketAddr) -> Standing {
        let now = Instant::now();
        self.turns.account(address, now).standing(target, now)
    }

    /// Visits one address in a turn that the caller holds, with an identity to present or without; and what was presented
    /// and how the connection went on after it, when it opened.
    pub(crate) async fn visit_as(
        &self,
        errand: &Errand,
        identity: Option<&Arc<Identity>>,
        turn: &Turn<SocketAddr>,
        deadline: Instant,
    ) -> (Observation, Option<(Option<SentCertificate>, Aftermath)>) {
        let Errand { target, offer, .. } = errand;
        let start = Instant::now();
        let mut observation = Observation::blank(target, Some(turn.key()), clock::now());
        observation.phase_reached = Some(Phase::Resolve);
        let plan = Plan {
            offer: Arc::clone(offer),
            server_name: target.sni(),
            identity: identity.cloned(),
            finish: target.depth != Depth::Hello,
        };
        let connection = self
            .converse(errand, turn, &mut observation, plan, deadline)
            .await;
        observation.duration = start.elapsed();
        let Some((connection, aftermath)) = connection else {
            return (observation, None);
        };
        let sent = connection.client.sent_certificate();
        let left = deadline.saturating_duration_since(Instant::now());
        connection
            .close(grace(&observation, self.options.close_grace.min(left)))
            .await;
        (observation, Some((sent, aftermath)))
    }

    /// Connects and talks; the connection comes back to be closed, when there was one.
    async fn converse(
        &self,
        errand: &Errand,
        turn: &Turn<SocketAddr>,
        seen: &mut Observation,
        plan: Plan,
        deadline: Instant,
    ) -> Option<(Connection, Aftermath)> {
        let offer: Arc<Offer> = Arc::clone(&plan.offer);
        // Made ahead, so that our own cost is not charged to the target's times.
        let client = Client::new(plan, siptls_tls12::random());
        let start = Instant::now();
        let opened = timeout_at(deadline, Connection::open(turn, errand)).await;
        seen.phases.connect = Some(start.elapsed());
        let stream = match opened {
            Ok(Ok(stream)) => stream,
            Ok(Err(fault)) => {
                seen.error = Some(classify::of_connect(&fault, turn.key()));
                return None;
            }
            Err(_) => {
                let message = format!(
                    "no answer to the TCP SYN for {:.1} s",
                    start.elapsed().as_secs_f64()
                );
                seen.error = Some(ProbeError {
                    phase: Phase::Connect,
                    reason: Reason::ConnectTimeout,
                    message,
                });
                return None;
            }
        };
        seen.connections_opened = 1;
        seen.phase_reached = Some(Phase::Connect);
        seen.offer = Some(offer);
        let mut connection = Connection::new(stream, client);
        let aftermath = self.talk(&mut connection, seen, deadline).await;
        Some((connection, aftermath))
    }

    /// Everything on the open connection.
    async fn talk(
        &self,
        connection: &mut Connection,
        seen: &mut Observation,
        deadline: Instant,
    ) -> Aftermath {
        let start = Instant::now();
        let outcome = hands(connection, seen.target.depth, deadline).await;
        seen.phases.tls = Some(start.elapsed());
        let mut completed = false;
        let aftermath = match outcome {
            Hands::FlightRead => Aftermath::NotSent,
            Hands::Failed(failure) => {
                seen.error = Some(classify::of_handshake(&connection.client, &failure));
                match connection.client.sent_certificate() {
                    None => Aftermath::NotSent,
                    Some(_) => Aftermath::Failed(failure),
                }
            }
            Hands::Silent(waited) => {
                let mut error = classify::of_tls_timeout(&connection.client, waited);
                error.message += &ran_out(deadline, seen.target.timeout);
                seen.error = Some(error);
                Aftermath::Silent
            }
            Hands::Finished => {
                completed = true;
                self.after_finished(connection, seen, deadline).await
            }
        };
        let transcript = connection.client.transcript();
        let reached = match (&seen.sip, completed) {
            (SipOutcome::Answered(_), _) => Phase::Sip,
            (_, true) => Phase::Handshake,
            _ if transcript.done => Phase::ServerFlight,
            _ if transcript.server_hello.is_some() => Phase::ServerHello,
            _ => Phase::Connect,
        };
        seen.phase_reached = Some(reached);
        seen.chain = transcript
            .certificates
            .as_deref()
            .map(|certificates| self.chains.chain(certificates));
        seen.handshake = facts::handshake(&connection.client, completed, &aftermath);
        seen.hello = connection.client.hello_record().into();
        seen.answered = connection.client.has_answered();
        seen.flight = connection.client.evidence().into();
        aftermath
    }

    /// The established connection: does it stay open, and does SIP answer?
    async fn after_finished(
        &self,
        connection: &mut Connection,
        seen: &mut Observation,
        deadline: Instant,
    ) -> Aftermath {
        let mut aftermath = Aftermath::StayedOpen(Duration::ZERO);
        let mut heard = Vec::new();
        if let Some(sent) = connection.client.sent_certificate() {
            let (least, most) = SETTLE;
            let settle = (seen.phases.connect.unwrap_or_default() * 2).clamp(least, most);
            let start = Instant::now();
            match connection.wait(deadline, settle).await {
                Wait::Timeout => aftermath = Aftermath::StayedOpen(start.elapsed()),
                Wait::Event(Event::Failed(failure)) => {
                    let mut error = classify::of_handshake(&connection.client, &failure);
                    error.phase = Phase::Sip;
                    seen.error = Some(error);
                    return Aftermath::FailedAtOnce(failure);
                }
                Wait::Event(Event::Closed { notified, reset }) => {
                    let how = match (reset, notified) {
                        (true, _) => "reset",
                        (false, true) => "closed with close_notify",
                        (false, false) => "closed",
                    };
                    let got = match sent {
                        SentCertificate::Empty => "an empty one",
                        SentCertificate::Chain => "one",
                    };
                    let message = format!(
                        "the peer {how} right after the handshake, in which it had asked for a client certificate and got {got}"
                    );
                    seen.error = Some(ProbeError {
                        phase: Phase::Sip,
                        reason: Reason::SipClosed,
                        message,
                    });
                    return Aftermath::ClosedAtOnce { notified };
                }
                // A peer that speaks first has accepted us. It may have said half of something.
                Wait::Event(Event::Data(bytes)) => {
                    aftermath = Aftermath::SpokeFirst;
                    heard = bytes;
                }
                // Neither comes twice.
                Wait::Event(Event::FlightRead | Event::Finished) => {}
            }
        }
        let start = Instant::now();
        let answered = options(connection, seen, &heard, deadline).await;
        seen.phases.sip = Some(start.elapsed());
        match answered {
            Ok(answer) => {
                seen.sip = SipOutcome::Answered(answer);
                Aftermath::Answered
            }
            Err(error) => {
                let refused = matches!(
                    error.reason,
                    Reason::ClientCertificateRequired | Reason::ClientCertificateRefused
                );
                seen.error = Some(error);
                match connection.client.alert().filter(|_| refused) {
                    Some(alert) => Aftermath::FailedAtOnce(Failure::Alert(alert)),
                    None => aftermath,
                }
            }
        }
    }
}

/// What a visit says that is postponed; `None` when the address may be visited.
pub(crate) fn postponed(errand: &Errand, turn: &Turn<SocketAddr>) -> Option<Observation> {
    let message = turn.with_account(|account, now| {
        if errand.is_asked {
            account.postponed_asked(&errand.target, errand.confines.is_some(), now)
        } else {
            account.schedules(&errand.target);
            account.postponed(&errand.target, now)
        }
    })?;
    Some(left_in_peace(errand, turn.key(), message))
}

fn left_in_peace(errand: &Errand, address: SocketAddr, message: String) -> Observation {
    Observation {
        phase_reached: Some(Phase::Resolve),
        error: Some(ProbeError {
            phase: Phase::Connect,
            reason: Reason::Postponed,
            message,
        }),
        ..Observation::blank(&errand.target, Some(address), clock::now())
    }
}

/// How long to wait for the peer's close: not at all for one that breaks the protocol or does not
/// stop talking.
fn grace(seen: &Observation, most: Duration) -> Duration {
    match seen.error.as_ref().map(|error| error.reason) {
        None
        | Some(
            Reason::HandshakeRefused
            | Reason::FatalAlert
            | Reason::ClientCertificateRequired
            | Reason::ClientCertificateRefused
            | Reason::NotCompletable
            | Reason::SipTimeout
            | Reason::SipClosed
            | Reason::NotSip
            | Reason::MalformedSip,
        ) => most,
        Some(_) => Duration::ZERO,
    }
}

/// How shaking hands went.
enum Hands {
    FlightRead,
    Finished,
    Failed(Failure),
    Silent(Duration),
}

async fn hands(connection: &mut Connection, depth: Depth, deadline: Instant) -> Hands {
    let start = Instant::now();
    loop {
        match connection.wait(deadline, IDLE_LIMIT).await {
            Wait::Event(Event::FlightRead) if depth == Depth::Hello => {
                // The flight may be complete and yet answer something that was not offered.
                return match connection.client.poll_event() {
                    Some(Event::Failed(failure)) => Hands::Failed(failure),
                    _ => Hands::FlightRead,
                };
            }
            Wait::Event(Event::Finished) => return Hands::Finished,
            Wait::Event(Event::Failed(failure)) => return Hands::Failed(failure),
            Wait::Event(Event::FlightRead | Event::Data(_)) => {}
            Wait::Event(Event::Closed { reset, .. }) => return Hands::Failed(Failure::Ended { reset }),
            Wait::Timeout => return Hands::Silent(start.elapsed()),
        }
    }
}

/// Sends OPTIONS and waits for its final answer. `heard` is what the peer said before.
async fn options(
    connection: &mut Connection,
    seen: &mut Observation,
    heard: &[u8],
    deadline: Instant,
) -> Result<SipAnswer, ProbeError> {
    let target = &seen.target;
    let request = request(target, connection.local_address())?;
    let mut exchange = Exchange::new(&request);
    exchange.handle_bytes(heard);
    let start = Instant::now();
    connection.client.send(request.as_bytes());
    seen.sip = SipOutcome::NotAnswered;
    let mut ended = None;
    loop {
        loop {
            let event = match (exchange.poll_event(), &ended) {
                (Ok(Some(event)), _) => event,
                (Ok(None), _) => break,
                // Cut off by the end of our time: it was slow, which is no fault in what it said.
                (Err(fault), Some((Reason::SipTimeout, _))) if fault.kind == FaultKind::Malformed => break,
                (Err(fault), _) => return Err(of_sip(&fault)),
            };
            match event {
                SipEvent::Answer(answer) => {
                    return Ok(SipAnswer {
                        status: answer.status,
                        reason_phrase: answer.reason_phrase,
                        server: answer.server,
                        allow: answer.allow,
                        duration: start.elapsed(),
                    });
                }
                SipEvent::Provisional(_) | SipEvent::Skipped(..) | SipEvent::PeerRequest { .. } => {}
            }
        }
        if let Some((reason, message)) = ended {
            return Err(ProbeError {
                phase: Phase::Sip,
                reason,
                message,
            });
        }
        // Provisional answers reset the idle limit, never the deadline.
        ended = match connection.wait(deadline, IDLE_LIMIT).await {
            Wait::Event(Event::Data(bytes)) => {
                exchange.handle_bytes(&bytes);
                None
            }
            Wait::Event(Event::Closed { reset, .. }) => {
                exchange.handle_eof();
                let how = if reset { "reset" } else { "closed" };
                Some((
                    Reason::SipClosed,
                    format!("the peer {how} the connection instead of answering OPTIONS"),
                ))
            }
            Wait::Event(Event::Failed(failure)) => {
                exchange.handle_eof();
                let reason = classify::of_established(&connection.client, &failure);
                Some((reason, format!("{failure} instead of answering OPTIONS")))
            }
            Wait::Event(Event::FlightRead | Event::Finished) => None,
            Wait::Timeout => {
                exchange.handle_eof();
                let waited = start.elapsed().as_secs_f64();
                Some((
                    Reason::SipTimeout,
                    format!(
                        "no final answer to OPTIONS for {waited:.1} s{}",
                        ran_out(deadline, target.timeout)
                    ),
                ))
            }
        };
    }
}

/// The end of a sentence about silence: whether it was the visit's time that ran out, of which a
/// slow step before may have left little.
fn ran_out(deadline: Instant, timeout: Duration) -> String {
    if Instant::now() < deadline {
        return String::new();
    }
    format!(", then the visit's {:.1} s were over", timeout.as_secs_f64())
}

fn request(target: &Target, local: Option<SocketAddr>) -> Result<OptionsRequest, ProbeError> {
    let internal = |message: String| ProbeError {
        phase: Phase::Sip,
        reason: Reason::Internal,
        message,
    };
    // Who is called is one thing, whose certificate is expected another (RFC 5922 §7.3).
    let name = target.endpoint.host().to_string();
    let host = sip::Host::parse(&name).map_err(|fault| internal(fault.to_string()))?;
    let local = local.ok_or_else(|| internal("the local address of the connection is unknown".to_owned()))?;
    let nonce = Nonce::random().map_err(|fault| internal(fault.to_string()))?;
    Ok(OptionsRequest::new(
        &host,
        target.endpoint.port_or_default(),
        &SentBy::from_address(local),
        &nonce,
    ))
}

fn of_sip(fault: &SipFault) -> ProbeError {
    let reason = match fault.kind {
        FaultKind::NotSip => Reason::NotSip,
        FaultKind::Malformed | FaultKind::LimitExceeded => Reason::MalformedSip,
    };
    ProbeError {
        phase: Phase::Sip,
        reason,
        message: fault.to_string(),
    }
}
