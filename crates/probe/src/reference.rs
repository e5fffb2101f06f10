//! The reference client: one connection by rustls at the end of a survey, a second opinion on our own engine and paths.
//!
//! ```text
//!  survey: a suite and a group that rustls has were taken up ─► connect ─► handshake ─► close_notify
//!                                                                             └─ Witness: verifies, notes, lets go on
//! ```
//!
//! rustls verifies in full, by the roots of the errand, the name and the time. Its verdict is noted and the handshake
//! finished all the same, so that the endpoint's log shows an orderly client whatever we think of its certificate.

use crate::connection::Connection;
use crate::errand::Errand;
use crate::turns::Turn;
use crate::visit::Prober;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use siptls_cert::{RootSet, chain_id};
use siptls_model::{
    Acceptance, CipherSuite, NamedGroup, Offer, ProtocolVersion, ReferenceResult, SurveyResult, Timestamp,
    clock, escape_text_bounded,
};
use std::io;
use std::iter;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::TlsConnector;

/// The client and its version, as Cargo.lock has it.
pub const CLIENT: &str = "rustls 0.23.46";
/// Characters of what rustls says that are kept: its longest sentences are shorter, but for names of the certificate.
const MAX_ERROR_CHARS: usize = 300;
/// Connections made at most: one that ends without an answer is made again, as in the survey itself.
const MAX_ATTEMPTS: u32 = 2;

impl Prober {
    /// Lets the reference client connect, in the turn that the caller holds: its result, and how many connections it opened.
    pub(crate) async fn refer(
        &self,
        errand: &Errand,
        turn: &Turn<SocketAddr>,
        survey: &SurveyResult,
        end: Instant,
    ) -> (ReferenceResult, u32) {
        let mut opened = 0;
        let plan = match Plan::new(errand, survey, clock::now()) {
            Ok(plan) => plan,
            Err(why) => return (ReferenceResult::not_run(CLIENT, why, clock::now()), opened),
        };
        for attempt in 1.. {
            if let Some(why) = turn.with_account(|account, now| account.survey_stopped(&errand.target, now)) {
                return (ReferenceResult::not_run(CLIENT, why, plan.at), opened);
            }
            sleep_until((Instant::now() + self.pause()).min(end)).await;
            if Instant::now() >= end {
                break;
            }
            let deadline = end.min(Instant::now() + errand.target.timeout);
            let (outcome, connected) = self.converse_by_rustls(errand, &plan, turn, deadline).await;
            opened += u32::from(connected);
            if attempt >= MAX_ATTEMPTS || !matches!(outcome, Outcome::Glitch(_)) {
                return (plan.result(outcome), opened);
            }
        }
        let why = "the time of the survey was used up";
        (ReferenceResult::not_run(CLIENT, why, plan.at), opened)
    }

    /// One connection; what came of it, and whether it opened.
    async fn converse_by_rustls(
        &self,
        errand: &Errand,
        plan: &Plan,
        turn: &Turn<SocketAddr>,
        deadline: Instant,
    ) -> (Outcome, bool) {
        let glitch = |what: &str| Outcome::Glitch(what.to_owned());
        let stream = match timeout_at(deadline, Connection::open(turn, errand)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(fault)) => {
                return (
                    glitch(&format!("the TCP connection did not open: {fault}")),
                    false,
                );
            }
            Err(_) => return (glitch("no answer to the TCP SYN"), false),
        };
        let connector = TlsConnector::from(Arc::clone(&plan.config));
        let shaken = timeout_at(deadline, connector.connect(plan.name.clone(), stream)).await;
        let mut tls = match shaken {
            Ok(Ok(tls)) => tls,
            Ok(Err(fault)) => return (of_fault(&fault), true),
            Err(_) => return (glitch("the peer fell silent"), true),
        };
        let (_, session) = tls.get_ref();
        let outcome = Outcome::Finished {
            version: session
                .protocol_version()
                .map(|version| ProtocolVersion(version.into())),
            suite: session
                .negotiated_cipher_suite()
                .map(|suite| CipherSuite(suite.suite().into())),
            group: session
                .negotiated_key_exchange_group()
                .map(|group| NamedGroup(group.name().into())),
        };
        // close_notify, and a moment for the peer's own: how the rest of the connection goes says nothing any more.
        let until = deadline.min(Instant::now() + self.options.close_grace);
        let _ = timeout_at(until, async {
            tls.shutdown().await?;
            let mut sink = [0; 1024];
            while tls.read(&mut sink).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
        (outcome, true)
    }
}

/// What came of a connection.
enum Outcome {
    Finished {
        version: Option<ProtocolVersion>,
        suite: Option<CipherSuite>,
        group: Option<NamedGroup>,
    },
    /// rustls, or the peer by an alert, ended the handshake.
    Failed(String),
    /// It did not open, or ended without an answer.
    Glitch(String),
}

fn of_fault(fault: &io::Error) -> Outcome {
    let tls = fault
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (tls, fault.kind()) {
        (Some(tls), _) => Outcome::Failed(tls.to_string()),
        (None, io::ErrorKind::UnexpectedEof) => Outcome::Glitch("the peer closed the connection".to_owned()),
        (None, _) => Outcome::Glitch(fault.to_string()),
    }
}

/// What is offered, to whom, and who watches.
struct Plan {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    offered: Vec<CipherSuite>,
    witness: Arc<Witness>,
    at: Timestamp,
}

impl Plan {
    /// A connection that a survey promises to be answered; otherwise why there is none to make.
    fn new(errand: &Errand, survey: &SurveyResult, at: Timestamp) -> Result<Self, String> {
        if survey.stopped.is_some() {
            return Err("the survey was stopped before its end".to_owned());
        }
        let provider = provider(&errand.offer);
        let suites = provider
            .cipher_suites
            .iter()
            .map(|suite| CipherSuite(suite.suite().into()));
        let offered: Vec<CipherSuite> = suites.collect();
        let mut groups = provider
            .kx_groups
            .iter()
            .map(|group| NamedGroup(group.name().into()));
        if !offered.iter().any(|suite| is_there(&survey.cipher_suites, suite)) {
            return Err("the endpoint takes no suite that both the profile and the client have".to_owned());
        }
        if !groups.any(|group| is_there(&survey.groups, &group)) {
            return Err("the endpoint takes no group that both the profile and the client have".to_owned());
        }
        let verified = errand.target.verified_name();
        let name = ServerName::try_from(verified)
            .map_err(|_| "the client takes the name dialled for no host name".to_owned())?;
        let provider = Arc::new(provider);
        let witness = Arc::new(Witness::new(&errand.roots, &provider, at)?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .map_err(|fault| escape_text_bounded(&fault.to_string(), MAX_ERROR_CHARS))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>);
        let mut config = config.with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            name,
            offered,
            witness,
            at,
        })
    }

    fn result(&self, outcome: Outcome) -> ReferenceResult {
        let seen = self.witness.seen();
        let bounded = |text: String| escape_text_bounded(&text, MAX_ERROR_CHARS);
        let mut result = ReferenceResult {
            ran: true,
            why_not: None,
            offered: self.offered.clone(),
            chain_id: seen.chain_id,
            verified: seen.verdict.as_ref().map(Result::is_ok),
            ..ReferenceResult::not_run(CLIENT, "", self.at)
        };
        let complaint = seen.verdict.and_then(Result::err);
        match outcome {
            Outcome::Glitch(how) => result.error = Some(bounded(how)),
            Outcome::Failed(why) => {
                result.finished = Some(false);
                result.connects = Some(false);
                let both = complaint.into_iter().chain([why]);
                result.error = Some(bounded(both.collect::<Vec<_>>().join("; then ")));
            }
            Outcome::Finished {
                version,
                suite,
                group,
            } => {
                (result.version, result.cipher_suite, result.group) = (version, suite, group);
                result.finished = Some(true);
                result.connects = Some(result.verified != Some(false));
                result.error = complaint.map(bounded);
            }
        }
        result
    }
}

fn is_there<T: PartialEq>(values: &[(T, Acceptance)], wanted: &T) -> bool {
    values
        .iter()
        .any(|(value, found)| value == wanted && found.is_accepted() == Some(true))
}

/// What both a profile and rustls have of TLS 1.2.
fn provider(offer: &Offer) -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        suite.tls13().is_none() && offer.cipher_suites.contains(&CipherSuite(suite.suite().into()))
    });
    provider
        .kx_groups
        .retain(|group| offer.groups.contains(&NamedGroup(group.name().into())));
    provider
}

/// A verifier that verifies, notes what it finds, and lets the handshake go on.
#[derive(Debug)]
struct Witness {
    /// `None`: there are no roots.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    now: UnixTime,
    seen: Mutex<Seen>,
}

/// What a [`Witness`] noted.
#[derive(Clone, Debug, Default)]
struct Seen {
    chain_id: Option<[u8; 32]>,
    verdict: Option<Result<(), String>>,
}

impl Witness {
    fn new(roots: &[Arc<RootSet>], provider: &Arc<CryptoProvider>, at: Timestamp) -> Result<Self, String> {
        let now = Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default());
        let verifier = if roots.is_empty() {
            None
        } else {
            let roots = Arc::new(store(roots));
            let built = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
            Some(built.map_err(|_| "the client can use none of the roots".to_owned())?)
        };
        Ok(Self {
            verifier,
            algorithms: provider.signature_verification_algorithms,
            now: UnixTime::since_unix_epoch(now),
            seen: Mutex::default(),
        })
    }

    fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Every root that rustls can read, and every copy of it.
fn store(sets: &[Arc<RootSet>]) -> RootCertStore {
    let mut store = RootCertStore::empty();
    let roots = sets.iter().flat_map(|set| set.roots());
    let certificates = roots.flat_map(|root| std::iter::once(&root.certificate).chain(&root.copies));
    store.add_parsable_certificates(certificates.map(|one| CertificateDer::from(one.der.to_vec())));
    store
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.verifier.as_ref().map(|verifier| {
            verifier
                .verify_server_cert(end_entity, intermediates, name, stapled, self.now)
                .map(|_| ())
                .map_err(|fault| fault.to_string())
        });
        let sent = iter::once(end_entity).chain(intermediates);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen {
            chain_id: Some(chain_id(sent.map(AsRef::as_ref))),
            verdict,
        };
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    /// Never asked: TLS 1.3 is not offered.
    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 was not offered".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_one_in_the_lock_file() {
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
        let (name, version) = CLIENT.split_once(' ').unwrap();
        assert!(
            lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")),
            "expected {CLIENT} in Cargo.lock"
        );
    }
}
