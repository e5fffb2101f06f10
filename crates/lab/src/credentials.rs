//! A server's certificate chain with its private key.

use crate::LabError;
use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use siptls_tls12::{Identity, KeyKind, public_key};
use siptls_wire::{NamedGroup, ProtocolVersion};
use std::fmt;
use std::sync::Arc;

/// Length of the premaster secret of RSA key exchange (RFC 5246 §7.4.7.1).
const PREMASTER_BYTES: usize = 48;

/// A certificate chain and the private key of its leaf, ready to sign and, with RSA, to decrypt.
/// Its debug form shows no key.
pub struct Credentials {
    identity: Arc<Identity>,
    decrypting: Option<Pkcs1PrivateDecryptingKey>,
    kind: KeyKind,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("identity", &self.identity)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Credentials of a chain, leaf first and sent as it is, and the leaf's key as PKCS#8 DER.
    ///
    /// # Errors
    ///
    /// When there is no certificate, or the key cannot be read, used or does not belong to the leaf.
    pub fn new(chain: Vec<Vec<u8>>, key: &[u8]) -> Result<Self, LabError> {
        let identity = Identity::new(chain, key).map_err(|source| LabError::Credentials { source })?;
        let kind = identity
            .chain()
            .first()
            .and_then(|leaf| public_key(leaf))
            .map_or(KeyKind::Other, |key| key.kind);
        let decrypting = if kind == KeyKind::Rsa {
            let key = PrivateDecryptingKey::from_pkcs8(key).map_err(|_| LabError::Key)?;
            Some(Pkcs1PrivateDecryptingKey::new(key).map_err(|_| LabError::Key)?)
        } else {
            None
        };
        Ok(Self {
            identity: Arc::new(identity),
            decrypting,
            kind,
        })
    }

    /// The chain and the signing key; also what a client presents.
    #[must_use]
    pub const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// The chain, leaf first, DER.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        self.identity.chain()
    }

    pub(crate) const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The curve of an EC key.
    pub(crate) const fn curve(&self) -> Option<NamedGroup> {
        match self.kind {
            KeyKind::P256 => Some(NamedGroup::SECP256R1),
            KeyKind::P384 => Some(NamedGroup::SECP384R1),
            KeyKind::P521 => Some(NamedGroup::SECP521R1),
            KeyKind::Rsa | KeyKind::Ed25519 | KeyKind::Other => None,
        }
    }

    /// The premaster secret that a client encrypted. Whatever is wrong with it, the answer is a
    /// secret of the right length, so that the handshake fails at Finished and nowhere earlier
    /// (RFC 5246 §7.4.7.1).
    pub(crate) fn premaster(&self, sealed: &[u8], offered: ProtocolVersion) -> Vec<u8> {
        let substitute = [
            siptls_tls12::random().as_slice(),
            &siptls_tls12::random()[..PREMASTER_BYTES - 32],
        ]
        .concat();
        let opened = self.decrypting.as_ref().and_then(|key| {
            let mut plain = vec![0; key.min_output_size()];
            Some(key.decrypt(sealed, &mut plain).ok()?.to_vec())
        });
        match opened {
            Some(premaster)
                if premaster.len() == PREMASTER_BYTES && premaster.starts_with(&offered.0.to_be_bytes()) =>
            {
                premaster
            }
            _ => substitute,
        }
    }
}
