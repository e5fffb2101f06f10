//! The certificates of one handshake, in the order sent.

use std::sync::Arc;

use aws_lc_rs::digest;

use crate::certificate::{Certificate, sha256};

/// A certificate list as a peer sent it (RFC 5246 §7.4.2): `certificate_list<0..2^24-1>`, the sender's own first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Every entry, also those that are no certificate.
    pub entries: Vec<Entry>,
}

/// One entry of a [`Chain`].
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every entry is a certificate; a box would cost all of them"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A certificate that could be read.
    Parsed(Certificate),
    /// Bytes that are no certificate.
    Unparsable {
        /// What was sent.
        der: Arc<[u8]>,
        /// Why it could not be read.
        why: String,
    },
}

impl Entry {
    /// The certificate, if it could be read.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Parsed(certificate) => Some(certificate),
            Self::Unparsable { .. } => None,
        }
    }

    /// What was sent.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        match self {
            Self::Parsed(certificate) => &certificate.der,
            Self::Unparsable { der, .. } => der,
        }
    }

    /// SHA-256 over what was sent, whether it could be read or not.
    #[must_use]
    pub fn fingerprint_sha256(&self) -> [u8; 32] {
        match self {
            Self::Parsed(certificate) => certificate.fingerprint_sha256,
            Self::Unparsable { der, .. } => sha256(der),
        }
    }
}

impl Chain {
    /// Reads each entry once. Never fails: what cannot be read stays as [`Entry::Unparsable`].
    ///
    /// Work and memory grow with the bytes given; whoever reads the handshake limits their number.
    pub fn parse<'a>(ders: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let entries = ders.into_iter().map(|der| match Certificate::from_der(der) {
            Ok(certificate) => Entry::Parsed(certificate),
            Err(error) => {
                let why = match std::error::Error::source(&error) {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                Entry::Unparsable { der: der.into(), why }
            }
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// The peer's own certificate: the first entry, if it could be read.
    #[must_use]
    pub fn leaf(&self) -> Option<&Certificate> {
        self.certificate(0)
    }

    /// The certificate at an index, counted in the order sent from 0.
    #[must_use]
    pub fn certificate(&self, index: usize) -> Option<&Certificate> {
        self.entries.get(index)?.certificate()
    }

    /// Every readable certificate with its index.
    pub fn certificates(&self) -> impl Iterator<Item = (usize, &Certificate)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| Some((index, entry.certificate()?)))
    }

    /// Whether each certificate's issuer is the subject of the next one (RFC 5246 §7.4.2: "each following certificate
    /// MUST directly certify the one preceding it"), so nothing is stray, repeated or misplaced. By name only. `None`:
    /// nothing was sent, or an entry cannot be read.
    #[must_use]
    pub fn ordered(&self) -> Option<bool> {
        let certificates: Option<Vec<&Certificate>> = self.entries.iter().map(Entry::certificate).collect();
        let certificates = certificates.filter(|certificates| !certificates.is_empty())?;
        let mut pairs = certificates.iter().zip(certificates.iter().skip(1));
        Some(pairs.all(|(one, next)| one != next && one.issuer.matches(&next.subject)))
    }

    /// What to compare when asking whether a chain changed; see [`chain_id`].
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        chain_id(self.entries.iter().map(Entry::der))
    }
}

/// SHA-256 over each certificate's length (eight bytes, big-endian) and DER, in the order sent.
#[must_use]
pub fn chain_id<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for der in certificates {
        context.update(&u64::try_from(der.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(der);
    }
    context
        .finish()
        .as_ref()
        .first_chunk()
        .copied()
        .unwrap_or_default()
}
