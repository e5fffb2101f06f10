//! What a web configuration comes to: who may ask the daemon, over what, and with which headers it answers.
//!
//! The format is that of the Prometheus exporters (`--web.config.file`). What is read here is checked as far as text and
//! files go; [`WebConfig`] shows neither hash nor key, whoever prints it.

use crate::sources::Sources;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// Most users: basic authentication is for a few, and each is looked at for each request.
pub const MAX_USERS: usize = 1_000;

/// Highest bcrypt cost: 2^15 rounds keep a core busy for some two seconds, whoever asks.
pub const MAX_COST: u8 = 15;

/// A web configuration.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// TLS of the listening sockets; `None`: plain HTTP.
    pub tls: Option<WebTls>,
    /// Headers of every answer, in place of those of the program with the same name.
    pub headers: Vec<(WebHeader, String)>,
    /// Names and hashed passwords; empty: nobody is asked for one.
    pub users: BTreeMap<String, PasswordHash>,
    /// Limit of all requests together; `None`: no such limit.
    pub rate_limit: Option<WebRateLimit>,
    /// Whether the file says `http2: true`.
    pub wants_http2: bool,
    /// The file itself and the files that it names: what to watch.
    pub sources: Sources,
    /// The files that it names, absolute.
    pub files: Vec<PathBuf>,
}

impl WebConfig {
    /// Whether anybody can be told apart: there are users, or client certificates are verified.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        !self.users.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.client_auth.verifies())
    }

    /// Whether nobody gets in without being told apart: there are users, or a client certificate is demanded and verified.
    #[must_use]
    pub fn keeps_out(&self) -> bool {
        let demands = |tls: &WebTls| tls.client_auth.verifies() && tls.client_auth.is_mandatory();
        !self.users.is_empty() || self.tls.as_ref().is_some_and(demands)
    }
}

/// TLS of the listening sockets.
#[derive(Clone, Debug)]
pub struct WebTls {
    /// The chain as DER, leaf first; its key is [`key`](Self::key).
    pub chain: Vec<Vec<u8>>,
    /// The leaf's private key.
    pub key: WebKey,
    /// What is asked of clients.
    pub client_auth: WebClientAuth,
    /// The authorities of client certificates as DER; none unless there are some in the file.
    pub client_authorities: Vec<Vec<u8>>,
    /// Subject alternative names of which a client certificate must have one, letter for letter; empty: any.
    pub client_allowed_sans: Vec<String>,
    /// Lowest version.
    pub min_version: WebTlsVersion,
    /// Highest version, no lower than the lowest.
    pub max_version: WebTlsVersion,
    /// Suites by their names at IANA, those liked best first; empty: the library's own choice.
    pub cipher_suites: Vec<&'static str>,
    /// Whether the order of the server's suites counts, and not the client's.
    pub prefer_server_order: bool,
    /// Groups by their names in TLS, those liked best first; empty: the library's own choice.
    pub groups: Vec<&'static str>,
}

/// A private key as DER (PKCS #8, PKCS #1 or SEC 1). It is wiped when dropped and shows nothing of itself.
#[derive(Clone)]
pub struct WebKey(pub(crate) Zeroizing<Vec<u8>>);

impl WebKey {
    /// The key itself.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WebKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebKey(..)")
    }
}

/// A password's bcrypt hash, of a form and a cost that were checked. It shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub(crate) String);

impl PasswordHash {
    /// The hash, `$2y$10$` and 53 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// A version of TLS that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebTlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What is asked of clients: Go's `ClientAuthType`, which the format took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebClientAuth {
    /// `NoClientCert`: nothing.
    None,
    /// `RequestClientCert`: a certificate, which is not verified and may be missing.
    Request,
    /// `RequireAnyClientCert`: a certificate, which is not verified.
    RequireAny,
    /// `VerifyClientCertIfGiven`: a certificate that is verified, and may be missing.
    VerifyIfGiven,
    /// `RequireAndVerifyClientCert`: a certificate that is verified.
    RequireAndVerify,
}

impl WebClientAuth {
    /// By the names of the format; the fourth is an older one of the third.
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("NoClientCert", Self::None),
        ("RequestClientCert", Self::Request),
        ("RequireAnyClientCert", Self::RequireAny),
        ("RequireClientCert", Self::RequireAny),
        ("VerifyClientCertIfGiven", Self::VerifyIfGiven),
        ("RequireAndVerifyClientCert", Self::RequireAndVerify),
    ];

    /// Whether a certificate that comes is held against the authorities.
    #[must_use]
    pub const fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }

    /// Whether nobody gets in without a certificate.
    #[must_use]
    pub const fn is_mandatory(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }
}

/// A header that the format lets one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebHeader {
    /// `Content-Security-Policy`.
    ContentSecurityPolicy,
    /// `X-Frame-Options`: `deny` or `sameorigin`.
    FrameOptions,
    /// `X-Content-Type-Options`: `nosniff`.
    ContentTypeOptions,
    /// `X-XSS-Protection`.
    XssProtection,
    /// `Strict-Transport-Security`: only where there is TLS.
    StrictTransportSecurity,
}

impl WebHeader {
    pub(crate) const ALL: [Self; 5] = [
        Self::ContentSecurityPolicy,
        Self::FrameOptions,
        Self::ContentTypeOptions,
        Self::XssProtection,
        Self::StrictTransportSecurity,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ContentSecurityPolicy => "Content-Security-Policy",
            Self::FrameOptions => "X-Frame-Options",
            Self::ContentTypeOptions => "X-Content-Type-Options",
            Self::XssProtection => "X-XSS-Protection",
            Self::StrictTransportSecurity => "Strict-Transport-Security",
        }
    }

    /// The values there are; `None`: any text.
    pub(crate) const fn values(self) -> Option<&'static [&'static str]> {
        match self {
            Self::FrameOptions => Some(&["deny", "sameorigin"]),
            Self::ContentTypeOptions => Some(&["nosniff"]),
            Self::ContentSecurityPolicy | Self::XssProtection | Self::StrictTransportSecurity => None,
        }
    }
}

/// A bucket of tokens, one for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebRateLimit {
    /// Time in which a token is added.
    pub interval: Duration,
    /// Most tokens at hand, 1 to 100,000.
    pub burst: u32,
}

/// Suites that can be served, by their names at IANA, which Go has taken over but for two.
pub(crate) const SUITES: [(&str, &str); 11] = [
    ("TLS_AES_128_GCM_SHA256", "TLS13_AES_128_GCM_SHA256"),
    ("TLS_AES_256_GCM_SHA384", "TLS13_AES_256_GCM_SHA384"),
    ("TLS_CHACHA20_POLY1305_SHA256", "TLS13_CHACHA20_POLY1305_SHA256"),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
];

/// Groups that can be served: Go's name, TLS's name.
pub(crate) const GROUPS: [(&str, &str); 3] = [
    ("CurveP256", "secp256r1"),
    ("CurveP384", "secp384r1"),
    ("X25519", "X25519"),
];
