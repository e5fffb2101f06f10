//! Key exchange: ephemeral keys, RSA encryption, signatures over parameters.

use crate::failure::NotCompletable;
use crate::spki::{KeyKind, PublicKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{self, VerificationAlgorithm};
use siptls_wire::{NamedGroup, ProtocolVersion, SignatureScheme};

/// Length of the premaster secret of RSA key exchange (RFC 5246 §7.4.7.1).
const RSA_PREMASTER_BYTES: usize = 48;
/// Smallest RSA key that the primitive encrypts to.
const MIN_RSA_BITS: usize = 2048;
/// Smallest RSA key that it verifies old signatures with.
const MIN_LEGACY_RSA_BITS: usize = 1024;
/// Largest RSA key that the primitive encrypts to and verifies with.
const MAX_RSA_BITS: usize = 8192;

fn agreement_algorithm(group: NamedGroup) -> Option<&'static agreement::Algorithm> {
    match group {
        NamedGroup::SECP256R1 => Some(&agreement::ECDH_P256),
        NamedGroup::SECP384R1 => Some(&agreement::ECDH_P384),
        NamedGroup::SECP521R1 => Some(&agreement::ECDH_P521),
        NamedGroup::X25519 => Some(&agreement::X25519),
        _ => None,
    }
}

/// One side's ephemeral key of ECDHE.
#[derive(Debug)]
pub struct EphemeralKey {
    algorithm: &'static agreement::Algorithm,
    private: PrivateKey,
    public: Vec<u8>,
}

impl EphemeralKey {
    /// A fresh key on a group; `None` for a group this engine does not have.
    #[must_use]
    pub fn generate(group: NamedGroup) -> Option<Self> {
        let algorithm = agreement_algorithm(group)?;
        let private = PrivateKey::generate(algorithm).ok()?;
        let public = private.compute_public_key().ok()?.as_ref().to_vec();
        Some(Self {
            algorithm,
            private,
            public,
        })
    }

    /// The public point, as sent: uncompressed for the NIST curves (RFC 8422 §5.4.1).
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The shared secret with the peer's point; `None` when the point is not on the curve.
    #[must_use]
    pub fn agree(&self, peer: &[u8]) -> Option<Vec<u8>> {
        let peer = UnparsedPublicKey::new(self.algorithm, peer);
        agreement::agree(&self.private, peer, (), |secret| Ok(secret.to_vec())).ok()
    }
}

/// A premaster secret and the ClientKeyExchange body that carries it, for RSA key exchange.
///
/// `version` is the one the ClientHello offered, not the one chosen (RFC 5246 §7.4.7.1).
pub(crate) fn rsa_premaster(
    key: &PublicKey<'_>,
    version: ProtocolVersion,
) -> Result<(Vec<u8>, Vec<u8>), NotCompletable> {
    let bits = key.rsa_bits().ok_or(NotCompletable::KeyType)?;
    if bits < MIN_RSA_BITS {
        return Err(NotCompletable::SmallRsaKey { bits });
    }
    if bits > MAX_RSA_BITS {
        return Err(NotCompletable::LargeRsaKey { bits });
    }
    let mut premaster = vec![0; RSA_PREMASTER_BYTES];
    aws_lc_rs::rand::fill(&mut premaster).map_err(|_| NotCompletable::Primitive)?;
    premaster[..2].copy_from_slice(&version.0.to_be_bytes());
    let public = PublicEncryptingKey::from_der(key.info).map_err(|_| NotCompletable::KeyUnreadable)?;
    let public = Pkcs1PublicEncryptingKey::new(public).map_err(|_| NotCompletable::KeyUnreadable)?;
    let mut sealed = vec![0; public.ciphertext_size()];
    let sealed = public
        .encrypt(&premaster, &mut sealed)
        .map_err(|_| NotCompletable::Primitive)?
        .to_vec();
    Ok((premaster, sealed))
}

/// Verifies a signature of TLS 1.2, where the scheme's two bytes are hash and signature
/// algorithm and do not bind the curve (RFC 5246 §7.4.1.4.1).
///
/// # Errors
///
/// `Ok(false)` is a bad signature; `Err` says that this engine cannot tell.
pub fn verify_signature(
    key: &PublicKey<'_>,
    scheme: SignatureScheme,
    message: &[u8],
    signed: &[u8],
) -> Result<bool, NotCompletable> {
    use SignatureScheme as S;
    let algorithm: &'static dyn VerificationAlgorithm = match (key.kind, scheme) {
        (KeyKind::Rsa, S::RSA_PKCS1_SHA1) => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa, S::RSA_PKCS1_SHA256) => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa, S::RSA_PKCS1_SHA384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (KeyKind::Rsa, S::RSA_PKCS1_SHA512) => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa, S::RSA_PSS_RSAE_SHA256 | S::RSA_PSS_PSS_SHA256) => {
            &signature::RSA_PSS_2048_8192_SHA256
        }
        (KeyKind::Rsa, S::RSA_PSS_RSAE_SHA384 | S::RSA_PSS_PSS_SHA384) => {
            &signature::RSA_PSS_2048_8192_SHA384
        }
        (KeyKind::Rsa, S::RSA_PSS_RSAE_SHA512 | S::RSA_PSS_PSS_SHA512) => {
            &signature::RSA_PSS_2048_8192_SHA512
        }
        (KeyKind::P256, S::ECDSA_SECP256R1_SHA256) => &signature::ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, S::ECDSA_SECP384R1_SHA384) => &signature::ECDSA_P256_SHA384_ASN1,
        (KeyKind::P384, S::ECDSA_SECP256R1_SHA256) => &signature::ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, S::ECDSA_SECP384R1_SHA384) => &signature::ECDSA_P384_SHA384_ASN1,
        (KeyKind::P384, S::ECDSA_SECP521R1_SHA512) => &signature::ECDSA_P384_SHA512_ASN1,
        (KeyKind::P521, S::ECDSA_SHA1) => &signature::ECDSA_P521_SHA1_ASN1,
        (KeyKind::P521, S::ECDSA_SECP256R1_SHA256) => &signature::ECDSA_P521_SHA256_ASN1,
        (KeyKind::P521, S::ECDSA_SECP384R1_SHA384) => &signature::ECDSA_P521_SHA384_ASN1,
        (KeyKind::P521, S::ECDSA_SECP521R1_SHA512) => &signature::ECDSA_P521_SHA512_ASN1,
        (KeyKind::Ed25519, S::ED25519) => &signature::ED25519,
        _ => return Err(NotCompletable::Signature { scheme }),
    };
    if key.kind == KeyKind::Rsa {
        // What the primitive does not take it calls a bad signature, which it is not.
        let bits = key.rsa_bits().ok_or(NotCompletable::KeyUnreadable)?;
        let legacy = matches!(
            scheme,
            S::RSA_PKCS1_SHA1 | S::RSA_PKCS1_SHA256 | S::RSA_PKCS1_SHA512
        );
        if bits < MIN_RSA_BITS && (!legacy || bits < MIN_LEGACY_RSA_BITS) {
            return Err(NotCompletable::SmallRsaKey { bits });
        }
        if bits > MAX_RSA_BITS {
            return Err(NotCompletable::LargeRsaKey { bits });
        }
    }
    Ok(signature::UnparsedPublicKey::new(algorithm, key.bits)
        .verify(message, signed)
        .is_ok())
}
