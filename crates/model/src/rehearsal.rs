//! What a rehearsal found: which client certificates an endpoint accepts.

use crate::observation::ClientCertificateMode;
use crate::outcome::ProbeError;
use jiff::Timestamp;
use serde::Serialize;
use siptls_cert::Chain;
use siptls_wire::AlertDescription;
use std::sync::Arc;

/// Whether an endpoint goes on with a client certificate, or without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// The handshake was finished and not refused afterwards.
    Accepted,
    /// The endpoint refused by an alert that may speak of the certificate, or twice by an end without a word.
    Refused,
    /// Not found out.
    Unknown,
}

impl AttemptResult {
    /// The code used in reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    /// `true` accepted, `false` refused, `None` unknown.
    #[must_use]
    pub const fn is_accepted(self) -> Option<bool> {
        match self {
            Self::Accepted => Some(true),
            Self::Refused => Some(false),
            Self::Unknown => None,
        }
    }
}

/// What a rehearsal found: the visit itself as the attempt without a certificate, then one attempt for each identity,
/// in their order. When the endpoint does not ask, or whether it asks was not seen, the visit stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// When the visit began: what an endpoint refused then is explained by that moment.
    pub at: Timestamp,
    /// Whether the visit read a CertificateRequest; `None` when the flight was not read to its end.
    pub requested: Option<bool>,
    /// What the visit, which presents nothing, learnt of the endpoint's insisting.
    pub mode: ClientCertificateMode,
    /// The attempts.
    pub attempts: Vec<Attempt>,
}

impl Rehearsal {
    /// The attempts that presented an identity or were to.
    pub fn identities(&self) -> impl Iterator<Item = (&str, &Attempt)> {
        self.attempts
            .iter()
            .filter_map(|attempt| Some((attempt.identity.as_deref()?, attempt)))
    }
}

/// One connection with one identity, or the visit without any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Name of the identity; `None`: nothing was presented.
    pub identity: Option<Arc<str>>,
    /// Whether the endpoint went on.
    pub result: AttemptResult,
    /// The chain of the identity, whether or not the connection came so far; `None` without an identity.
    pub presented: Option<Arc<Chain>>,
    /// Whether the endpoint's CA names have an issuer of that chain; `None` when it sent none, which means any.
    pub issuer_listed: Option<bool>,
    /// Whether the key fits the certificate types and the signature algorithms of the request.
    pub key_usable: Option<bool>,
    /// Both Finished messages were verified.
    pub completed: bool,
    /// The fatal alert that the peer sent.
    pub alert: Option<AlertDescription>,
    /// Why the connection stopped short of an answer to OPTIONS.
    pub error: Option<ProbeError>,
    /// Status code of the answer to OPTIONS; `None` when there was none.
    pub sip_status: Option<u16>,
    /// How the result is known, as one sentence for people.
    pub evidence: String,
}

impl Attempt {
    /// Whether every certificate of the chain is valid at a moment; `None` without a chain that can be read whole.
    #[must_use]
    pub fn valid_at(&self, moment: Timestamp) -> Option<bool> {
        let chain = self.presented.as_deref()?;
        let within = chain.entries.iter().map(|entry| {
            let one = entry.certificate()?;
            Some(one.not_before <= moment && moment <= one.not_after)
        });
        within
            .collect::<Option<Vec<bool>>>()
            .map(|all| all.into_iter().all(|one| one))
    }
}
