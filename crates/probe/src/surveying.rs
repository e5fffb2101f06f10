//! A survey carried out: the connections that [`Survey`] asks for, one after the other.

use crate::classify;
use crate::connection::{Connection, Wait};
use crate::errand::Errand;
use crate::survey::{Outcome, Step, Survey};
use crate::turns::Turn;
use crate::visit::{IDLE_LIMIT, Prober, postponed};
use siptls_model::{ClientCertificateMode, Observation, Phase, Reason};
use siptls_tls12::{Client, Event, Identity, Plan};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The absolute deadline of a survey without identities, in timeouts of its target: a dozen connections that each
/// come near their own deadline are no survey any more.
pub const SURVEY_TIMEOUTS: u32 = 6;

impl Prober {
    /// Surveys one address: a routine visit, and then which suites, groups and versions it
    /// accepts, and whether the reference client connects. Never two connections at once; a pause with jitter before each.
    ///
    /// With identities it rehearses after the visit. Where the endpoint insists on a certificate and accepts one of
    /// them, the further handshakes present the first that it accepts, so that they can be finished.
    ///
    /// The whole has six times the target's timeout, and one timeout more for each identity, as one absolute
    /// deadline, each connection the timeout itself. Waiting for the address's turn counts for neither. What was not
    /// found out by then is unknown.
    ///
    /// An address that is to be left in peace is not visited; one that has refused visits in a row, or whose budget leaves
    /// too little, is visited and not surveyed, and the survey ends when the budget does: all of it then says so.
    pub async fn survey_address(&self, errand: &Errand, address: SocketAddr) -> Observation {
        let Errand { target, offer, .. } = errand;
        // One turn for the whole: between its connections, too, the address is left in peace.
        let turn = self.turn(errand, address).await;
        if let Some(seen) = postponed(errand, &turn) {
            return seen;
        }
        let obstacle = turn.with_account(|account, now| account.survey_postponed(target, now));
        let start = Instant::now();
        let end = start + target.timeout * errand.timeouts();
        let mut survey = Survey::new(Arc::clone(offer));
        let mut seen: Option<Observation> = None;
        let mut rehearsal = None;
        let mut identity: Option<Arc<Identity>> = None;
        let mut opened = 0;
        if let Some(why) = obstacle {
            survey.stop(why);
        }
        while let Some(step) = survey.next_step() {
            if survey.steps() > 1 {
                if let Some(why) = turn.with_account(|account, now| account.survey_stopped(target, now)) {
                    survey.stop(why);
                    break;
                }
                sleep_until((Instant::now() + self.pause()).min(end)).await;
            }
            if Instant::now() >= end {
                survey.stop("the time of the survey was used up".to_owned());
                break;
            }
            let outcome = if Arc::ptr_eq(&step.offer, offer) {
                let visit = self.visit_in_turn(errand, &turn).await;
                opened += visit.connections_opened;
                let mut outcome = of_visit(&visit);
                if !errand.identities.is_empty() {
                    let rehearsed = self.rehearse(errand, &visit, &turn, end).await;
                    opened += rehearsed.connections_opened;
                    let insists = rehearsed.rehearsal.mode == ClientCertificateMode::Required;
                    if let Some((accepted, finished)) = rehearsed.accepted.filter(|_| insists) {
                        outcome = of_visit(&finished);
                        identity = Some(accepted);
                    }
                    rehearsal = Some(Arc::new(rehearsed.rehearsal));
                }
                seen = Some(visit);
                outcome
            } else {
                let deadline = end.min(Instant::now() + target.timeout);
                let (outcome, connected) = self.ask(errand, &step, identity.as_ref(), &turn, deadline).await;
                opened += u32::from(connected);
                outcome
            };
            survey.record(outcome);
        }
        // The first step is always the visit; without a step there was no survey, and so there is one.
        let mut seen = match seen {
            Some(seen) => seen,
            None => {
                let seen = self.visit_in_turn(errand, &turn).await;
                opened = seen.connections_opened;
                seen
            }
        };
        self.visited(errand, &turn, &seen, start);
        let found = survey.result();
        let (mut reference, referred) = self.refer(errand, &turn, &found, end).await;
        if let Some(handshake) = &seen.handshake {
            reference.mode = handshake.client_certificate.mode;
        }
        seen.connections_opened = opened + referred;
        seen.duration = start.elapsed();
        seen.rehearsal = rehearsal;
        seen.survey = Some(Arc::new(found));
        seen.reference = Some(Arc::new(reference));
        seen
    }

    /// The pause before the next connection: half of the spacing to one and a half of it.
    pub(crate) fn pause(&self) -> Duration {
        let [jitter, ..] = siptls_tls12::random();
        self.options.spacing.mul_f64(0.5 + f64::from(jitter) / 255.0)
    }

    /// Makes one connection; what came of it, and whether it opened.
    async fn ask(
        &self,
        errand: &Errand,
        step: &Step,
        identity: Option<&Arc<Identity>>,
        turn: &Turn<SocketAddr>,
        deadline: Instant,
    ) -> (Outcome, bool) {
        let plan = Plan {
            offer: Arc::clone(&step.offer),
            server_name: errand.target.sni(),
            identity: identity.cloned(),
            finish: step.finish,
        };
        let client = Client::new(plan, siptls_tls12::random());
        let stream = match timeout_at(deadline, Connection::open(turn, errand)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(fault)) => {
                return (
                    Outcome::Glitch(classify::of_connect(&fault, turn.key()).reason),
                    false,
                );
            }
            Err(_) => return (Outcome::Glitch(Reason::ConnectTimeout), false),
        };
        let mut connection = Connection::new(stream, client);
        let mut completed = false;
        let mut failure = None;
        loop {
            match connection.wait(deadline, IDLE_LIMIT).await {
                Wait::Event(Event::FlightRead) if step.finish => {}
                Wait::Event(Event::Finished) => {
                    completed = true;
                    break;
                }
                Wait::Event(Event::Failed(reason)) => {
                    failure = Some(reason);
                    break;
                }
                Wait::Event(_) | Wait::Timeout => break,
            }
        }
        let client = &connection.client;
        let outcome = match (&client.transcript().server_hello, client.alert(), failure) {
            (Some(hello), ..) => Outcome::Chosen {
                version: hello.version(),
                suite: hello.cipher_suite,
                group: client.transcript().group(),
                completed,
            },
            (None, Some(alert), _) => Outcome::Refused(alert.description),
            (None, None, Some(failure)) => Outcome::Glitch(classify::of_handshake(client, &failure).reason),
            (None, None, None) => Outcome::Glitch(Reason::TlsTimeout),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        connection.close(self.options.close_grace.min(left)).await;
        (outcome, true)
    }
}

/// What a routine visit answers to the first question of a survey.
fn of_visit(seen: &Observation) -> Outcome {
    let handshake = seen.handshake.as_ref();
    match handshake.and_then(|handshake| Some((handshake.version?, handshake.cipher_suite?, handshake))) {
        Some((version, suite, handshake)) => Outcome::Chosen {
            version,
            suite,
            group: handshake.group,
            completed: handshake.completed,
        },
        None => match (handshake.and_then(|handshake| handshake.alert), &seen.error) {
            (Some(alert), _) => Outcome::Refused(alert),
            (None, Some(error)) => Outcome::Glitch(error.reason),
            // Without an error the flight was read, and with it a ServerHello.
            (None, None) if seen.phase_reached >= Some(Phase::ServerHello) => {
                Outcome::Glitch(Reason::Internal)
            }
            (None, None) => Outcome::Glitch(Reason::TlsTimeout),
        },
    }
}
