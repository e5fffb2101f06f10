//! A visit that ended without an alert after an empty certificate, made once more: a glitch is not a refusal.

use crate::errand::Errand;
use crate::facts::Aftermath;
use crate::turns::Turn;
use crate::visit::Prober;
use siptls_model::{ClientCertificateMode, Observation, Reason};
use siptls_tls12::Failure;
use std::net::SocketAddr;
use tokio::time::{Instant, sleep_until};

impl Prober {
    /// Visits one address in a turn that the caller holds, and that the address may be visited in; once more when the
    /// peer ended the connection without an alert after an empty certificate. Both have the target's timeout as one
    /// absolute deadline, and the budget of connections has to last.
    ///
    /// What comes back is the second visit if it came as far as the first, and otherwise the first, with an end within
    /// the handshake that then tells nothing about certificates.
    pub(crate) async fn visit_in_turn(&self, errand: &Errand, turn: &Turn<SocketAddr>) -> Observation {
        let start = Instant::now();
        let deadline = errand.deadline(start);
        let (first, ending) = self.visit_as(errand, None, turn, deadline).await;
        let Some((_, aftermath)) = ending.filter(|(_, aftermath)| aftermath.is_end_without_alert()) else {
            return first;
        };
        let second = self.visit_again(errand, turn, deadline).await;
        let opened = second.as_ref().map_or(0, |second| second.connections_opened);
        let mut seen = match second.filter(|second| second.phase_reached >= first.phase_reached) {
            Some(second) => Observation {
                connections_opened: first.connections_opened + opened,
                ..second
            },
            None => Observation {
                connections_opened: first.connections_opened + opened,
                ..unconfirmed(first, &aftermath)
            },
        };
        seen.duration = start.elapsed();
        seen
    }

    /// The second visit, after a pause; `None` when there is no budget or no time for it.
    async fn visit_again(
        &self,
        errand: &Errand,
        turn: &Turn<SocketAddr>,
        deadline: Instant,
    ) -> Option<Observation> {
        let used_up = turn.with_account(|account, now| account.survey_stopped(&errand.target, now));
        let begin = Instant::now() + self.pause();
        if used_up.is_some() || begin >= deadline {
            return None;
        }
        sleep_until(begin).await;
        Some(self.visit_as(errand, None, turn, deadline).await.0)
    }
}

/// A visit that was not repeated, as far as it goes: an end that was seen once is no more than an end.
fn unconfirmed(mut seen: Observation, aftermath: &Aftermath) -> Observation {
    let Aftermath::Failed(failure @ Failure::Ended { reset }) = aftermath else {
        return seen;
    };
    if let Some(handshake) = &mut seen.handshake {
        let request = &mut handshake.client_certificate;
        request.mode = ClientCertificateMode::Unknown;
        request.evidence = format!(
            "requested; after an empty certificate {failure}, seen once: a lost connection or a refusal"
        );
    }
    if let Some(error) = &mut seen.error {
        error.reason = if *reset {
            Reason::ConnectionReset
        } else {
            Reason::ConnectionClosed
        };
    }
    seen
}
