//! TLS of the listening sockets, by rustls.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    ServerConfig, SignatureScheme, SupportedProtocolVersion,
};
use siptls_cert::Certificate;
use siptls_config::{WebClientAuth, WebTls, WebTlsVersion};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// The one protocol spoken over TLS (RFC 7301).
const PROTOCOL: &[u8] = b"http/1.1";

/// Why TLS cannot be served as configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate, the key, or the choice of versions, suites and groups.
    #[error("the certificate, or the choice of versions, suites and curves, cannot be served")]
    Server {
        /// What the library says.
        source: Error,
    },
    /// The private key is of no form that is known.
    #[error("the private key cannot be served")]
    Key,
    /// An authority of client certificates.
    #[error("an authority of client certificates cannot be used")]
    Authority {
        /// What the library says.
        source: Error,
    },
    /// The authorities of client certificates.
    #[error("client certificates cannot be verified")]
    Clients {
        /// What the library says.
        source: VerifierBuilderError,
    },
}

/// What accepts connections under a configuration.
pub(crate) fn acceptor(tls: &WebTls) -> Result<TlsAcceptor, TlsError> {
    let server = |source| TlsError::Server { source };
    let provider = Arc::new(provider(tls));
    let versions: Vec<&SupportedProtocolVersion> = [
        (WebTlsVersion::Tls13, &rustls::version::TLS13),
        (WebTlsVersion::Tls12, &rustls::version::TLS12),
    ]
    .into_iter()
    .filter(|(version, _)| (tls.min_version..=tls.max_version).contains(version))
    .map(|(_, supported)| supported)
    .collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(server)?;
    let builder = match clients(tls, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let chain = tls.chain.iter().map(|der| CertificateDer::from(der.clone()));
    let key = PrivateKeyDer::try_from(tls.key.der()).map_err(|_| TlsError::Key)?;
    let mut config = builder
        .with_single_cert(chain.collect(), key.clone_key())
        .map_err(server)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.ignore_client_order = tls.prefer_server_order;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The suites and groups of a configuration. Its suites are those of TLS 1.2; TLS 1.3 has its own, of which those that are
/// named come first.
fn provider(tls: &WebTls) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    if !tls.cipher_suites.is_empty() {
        let place =
            |name: Option<&str>| name.and_then(|name| tls.cipher_suites.iter().position(|one| *one == name));
        let mut suites: Vec<_> = provider
            .cipher_suites
            .iter()
            .map(|suite| (place(suite.suite().as_str()).unwrap_or(usize::MAX), *suite))
            .filter(|(place, suite)| *place != usize::MAX || suite.tls13().is_some())
            .collect();
        suites.sort_by_key(|(place, _)| *place);
        provider.cipher_suites = suites.into_iter().map(|(_, suite)| suite).collect();
    }
    if !tls.groups.is_empty() {
        let known = provider.kx_groups.clone();
        let named = |name: &&str| {
            known
                .iter()
                .find(|group| group.name().as_str() == Some(name))
                .copied()
        };
        provider.kx_groups = tls.groups.iter().filter_map(named).collect();
    }
    provider
}

/// Who verifies client certificates; `None`: none is asked for.
fn clients(
    tls: &WebTls,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    if tls.client_auth == WebClientAuth::None {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for der in &tls.client_authorities {
        roots
            .add(CertificateDer::from(der.clone()))
            .map_err(|source| TlsError::Authority { source })?;
    }
    let hints = roots.subjects();
    let verifier = if tls.client_auth.verifies() {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        Some(builder.build().map_err(|source| TlsError::Clients { source })?)
    } else {
        None
    };
    Ok(Some(Arc::new(Clients {
        verifier,
        is_mandatory: tls.client_auth.is_mandatory(),
        sans: tls.client_allowed_sans.clone(),
        hints,
        provider: Arc::clone(provider),
    })))
}

/// Verifies what a configuration asks for, which may be less than a path.
#[derive(Debug)]
struct Clients {
    /// Verifies the path; `None`: any certificate will do.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    is_mandatory: bool,
    /// Names of which a certificate must have one; empty: any.
    sans: Vec<String>,
    hints: Vec<DistinguishedName>,
    provider: Arc<CryptoProvider>,
}

/// A certificate has none of the names that are let in.
#[derive(Debug, thiserror::Error)]
#[error("none of the certificate's names is let in")]
struct NotAllowed;

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(verifier) = &self.verifier {
            verifier.verify_client_cert(leaf, intermediates, now)?;
        }
        if self.sans.is_empty() || has_one_of(leaf, &self.sans) {
            return Ok(ClientCertVerified::assertion());
        }
        let error = OtherError(Arc::new(NotAllowed));
        Err(Error::InvalidCertificate(CertificateError::Other(error)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, leaf, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, leaf, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Whether a certificate has one of these subject alternative names, letter for letter.
fn has_one_of(leaf: &CertificateDer<'_>, sans: &[String]) -> bool {
    let Some(names) = Certificate::from_der(leaf).ok().and_then(|leaf| leaf.san) else {
        return false;
    };
    let texts = (names.dns.iter()).chain(&names.email).chain(&names.uri);
    let mut addresses = names.ip.iter().map(ToString::to_string);
    texts.into_iter().any(|name| sans.contains(name)) || addresses.any(|name| sans.contains(&name))
}
