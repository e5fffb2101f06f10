//! A client certificate with its private key.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair};
use siptls_wire::{ClientCertificateType, SignatureScheme};
use std::fmt;
use std::sync::Arc;

enum Key {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair, SignatureScheme),
}

/// A certificate chain and the private key of its leaf. Its debug form shows no key.
pub struct Identity {
    chain: Vec<Vec<u8>>,
    key: Key,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

/// An identity under the name that the operator gave it.
#[derive(Clone, Debug)]
pub struct NamedIdentity {
    /// The name.
    pub name: Arc<str>,
    /// The identity.
    pub identity: Arc<Identity>,
}

/// Why a chain and a key are no identity. Says nothing about the key but its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No certificate.
    #[error("expected at least one certificate, found none")]
    NoCertificate,
    /// The key cannot be read.
    #[error("expected an RSA or EC (P-256, P-384, P-521) private key as PKCS#8, PKCS#1 or SEC1 DER")]
    UnreadableKey,
    /// The key belongs to another certificate.
    #[error("the private key does not belong to the first certificate")]
    KeyMismatch,
}

impl Identity {
    /// An identity of a chain, leaf first, and the leaf's private key; all DER.
    ///
    /// # Errors
    ///
    /// When there is no certificate, the key cannot be read or does not belong to the leaf.
    pub fn new(chain: Vec<Vec<u8>>, key: &[u8]) -> Result<Self, IdentityError> {
        let leaf = chain.first().ok_or(IdentityError::NoCertificate)?;
        let key = read_key(key).ok_or(IdentityError::UnreadableKey)?;
        let public = match &key {
            Key::Rsa(pair) => pair.public_key().as_ref(),
            Key::Ecdsa(pair, _) => pair.public_key().as_ref(),
        };
        if crate::public_key(leaf).map(|info| info.bits) != Some(public) {
            return Err(IdentityError::KeyMismatch);
        }
        Ok(Self { chain, key })
    }

    /// The chain, leaf first, DER.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The type that a CertificateRequest names for a key like this one (RFC 5246 §7.4.4, RFC 8422 §5.5).
    #[must_use]
    pub const fn certificate_type(&self) -> ClientCertificateType {
        match &self.key {
            Key::Rsa(_) => ClientCertificateType::RSA_SIGN,
            Key::Ecdsa(..) => ClientCertificateType::ECDSA_SIGN,
        }
    }

    /// The scheme to sign with: the first of ours that the peer lists.
    #[must_use]
    pub fn scheme(&self, accepted: &[SignatureScheme]) -> Option<SignatureScheme> {
        let ours: &[SignatureScheme] = match &self.key {
            Key::Rsa(_) => &[
                SignatureScheme::RSA_PKCS1_SHA256,
                SignatureScheme::RSA_PKCS1_SHA384,
                SignatureScheme::RSA_PKCS1_SHA512,
                SignatureScheme::RSA_PSS_RSAE_SHA256,
                SignatureScheme::RSA_PSS_RSAE_SHA384,
                SignatureScheme::RSA_PSS_RSAE_SHA512,
            ],
            Key::Ecdsa(_, scheme) => std::slice::from_ref(scheme),
        };
        ours.iter().copied().find(|scheme| accepted.contains(scheme))
    }

    /// Signs `message`; `None` when the key does not fit the scheme.
    #[must_use]
    pub fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Rsa(pair) => {
                let encoding: &'static dyn signature::RsaEncoding = match scheme {
                    SignatureScheme::RSA_PKCS1_SHA256 => &signature::RSA_PKCS1_SHA256,
                    SignatureScheme::RSA_PKCS1_SHA384 => &signature::RSA_PKCS1_SHA384,
                    SignatureScheme::RSA_PKCS1_SHA512 => &signature::RSA_PKCS1_SHA512,
                    SignatureScheme::RSA_PSS_RSAE_SHA256 => &signature::RSA_PSS_SHA256,
                    SignatureScheme::RSA_PSS_RSAE_SHA384 => &signature::RSA_PSS_SHA384,
                    SignatureScheme::RSA_PSS_RSAE_SHA512 => &signature::RSA_PSS_SHA512,
                    _ => return None,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut out).ok()?;
                Some(out)
            }
            Key::Ecdsa(pair, own) if scheme == *own => {
                Some(pair.sign(&random, message).ok()?.as_ref().to_vec())
            }
            Key::Ecdsa(..) => None,
        }
    }
}

fn read_key(der: &[u8]) -> Option<Key> {
    if let Ok(pair) = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)) {
        return Some(Key::Rsa(pair));
    }
    [
        (
            &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            SignatureScheme::ECDSA_SECP256R1_SHA256,
        ),
        (
            &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
            SignatureScheme::ECDSA_SECP384R1_SHA384,
        ),
        (
            &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
            SignatureScheme::ECDSA_SECP521R1_SHA512,
        ),
    ]
    .into_iter()
    .find_map(|(algorithm, scheme)| {
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, der);
        let pair = pair
            .or_else(|_| EcdsaKeyPair::from_private_key_der(algorithm, der))
            .ok()?;
        Some(Key::Ecdsa(pair, scheme))
    })
}
