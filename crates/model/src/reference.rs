//! What came of the reference client: a mainstream TLS client at the end of a survey, a second opinion on our own.

use crate::observation::ClientCertificateMode;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use siptls_wire::{CipherSuite, NamedGroup, ProtocolVersion};
use std::fmt;

/// What one connection by the reference client came to: a mainstream client that verifies, with the roots that count for
/// the target, and no client certificate. It sees no SIP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReferenceResult {
    /// The client and its version.
    pub client: &'static str,
    /// A connection was made.
    pub ran: bool,
    /// Why none was made, as one sentence without a full stop; `None` when one was.
    pub why_not: Option<String>,
    /// The handshake was finished and the certificate not refused; `None` when it did not run, or the connection ended
    /// without an answer.
    pub connects: Option<bool>,
    /// Version of the finished handshake.
    #[serde(serialize_with = "name")]
    pub version: Option<ProtocolVersion>,
    /// Suite of the finished handshake.
    #[serde(serialize_with = "name")]
    pub cipher_suite: Option<CipherSuite>,
    /// Group of the finished handshake.
    #[serde(serialize_with = "name")]
    pub group: Option<NamedGroup>,
    /// Whether the client trusts the certificate for the name; `None` when it saw none, or has no roots to compare with.
    pub verified: Option<bool>,
    /// What the client says, escaped and bounded; `None` when it has nothing to complain of.
    pub error: Option<String>,
    /// Both Finished were verified, whatever the certificate; `None` as with `connects`.
    #[serde(skip)]
    pub finished: Option<bool>,
    /// What it offered.
    #[serde(skip)]
    pub offered: Vec<CipherSuite>,
    /// When it connected; dates were judged by this.
    #[serde(skip)]
    pub at: Timestamp,
    /// The chain that it was shown, as `siptls_cert::chain_id` tells it.
    #[serde(skip)]
    pub chain_id: Option<[u8; 32]>,
    /// What the visit of the same survey learnt of the endpoint's insisting on a client certificate.
    #[serde(skip)]
    pub mode: ClientCertificateMode,
}

impl ReferenceResult {
    /// The client was not run.
    #[must_use]
    pub fn not_run(client: &'static str, why: impl Into<String>, at: Timestamp) -> Self {
        Self {
            client,
            ran: false,
            why_not: Some(why.into()),
            connects: None,
            version: None,
            cipher_suite: None,
            group: None,
            verified: None,
            error: None,
            finished: None,
            offered: Vec::new(),
            at,
            chain_id: None,
            mode: ClientCertificateMode::Unknown,
        }
    }
}

impl fmt::Display for ReferenceResult {
    /// One sentence for people: `rustls 0.23.46 connects: TLSv1.2, …, certificate verified`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, .. } = self;
        if let Some(why) = &self.why_not {
            return write!(f, "{client} was not run: {why}");
        }
        let error = self.error.as_deref().unwrap_or("no reason given");
        match self.connects {
            None => return write!(f, "{client} got no answer: {error}"),
            Some(false) => return write!(f, "{client} does not connect: {error}"),
            Some(true) => write!(f, "{client} connects: ")?,
        }
        if let Some(version) = self.version {
            write!(f, "{version}, ")?;
        }
        if let Some(suite) = self.cipher_suite {
            write!(f, "{suite}, ")?;
        }
        if let Some(group) = self.group {
            write!(f, "{group}, ")?;
        }
        f.write_str(match self.verified {
            Some(_) => "certificate verified",
            None => "certificate not verified: there are no roots to compare with",
        })
    }
}

fn name<T: fmt::Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
