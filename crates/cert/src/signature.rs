//! One question: did this key sign this certificate, or this list?

use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY as SHORT_SHA256,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY as SHORT_SHA512, UnparsedPublicKey,
};

use crate::certificate::Certificate;
use crate::key::{KeyFacts, PublicKey};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The key signed it.
    Good,
    /// Another key did, or the certificate was changed.
    Bad,
    /// No verifier of today would check it; the text names the algorithm and, where that is the reason, the key.
    Unsupported(String),
}

/// Checks the signature on `certificate` with the key of `issuer`. Names, dates and constraints are not looked at.
///
/// The algorithms are those of rustls-webpki, matched by their exact encoding: no MD5, no SHA-1, no PSS with unusual
/// salt. In addition RSA keys of 1,024 to 2,047 bits are computed: a weak key is a fact of its own, not a broken path.
pub(crate) fn verify(certificate: &Certificate, issuer: &Certificate) -> Outcome {
    let signed = Signed {
        message: certificate.signed_part(),
        algorithm: &certificate.raw.signature_algorithm,
        algorithm_name: &certificate.signature_algorithm,
        signature: &certificate.raw.signature,
    };
    signed.verify(issuer)
}

/// A signed structure: a certificate or a revocation list.
pub(crate) struct Signed<'a> {
    /// The bytes that the signature is over.
    pub(crate) message: &'a [u8],
    /// Content of the AlgorithmIdentifier, without its SEQUENCE header.
    pub(crate) algorithm: &'a [u8],
    /// The algorithm as [`crate::key::signature_algorithm_name`] calls it.
    pub(crate) algorithm_name: &'a str,
    pub(crate) signature: &'a [u8],
}

impl Signed<'_> {
    /// As [`verify`], of any signed structure.
    pub(crate) fn verify(&self, issuer: &Certificate) -> Outcome {
        let Some(key) = PublicKey::from_spki(&issuer.raw.spki) else {
            return Outcome::Bad;
        };
        let Self {
            message,
            algorithm,
            algorithm_name,
            signature,
        } = *self;
        let mut known = false;
        let mut fits_key = false;
        for candidate in webpki::ALL_VERIFICATION_ALGS {
            if candidate.signature_alg_id().as_ref() != algorithm {
                continue;
            }
            known = true;
            if candidate.public_key_alg_id().as_ref() == key.algorithm {
                fits_key = true;
                if candidate.verify_signature(key.bits, message, signature).is_ok() {
                    return Outcome::Good;
                }
            }
        }
        if !known {
            return Outcome::Unsupported(algorithm_name.to_owned());
        }
        let with_key = || Outcome::Unsupported(format!("{algorithm_name} by {}", issuer.key));
        let is_rsa_signature = algorithm_name.ends_with("RSAEncryption");
        match &issuer.key {
            KeyFacts::Rsa { bits: 1024..2048 } if fits_key => {
                let parameters = match algorithm_name {
                    "sha256WithRSAEncryption" => &SHORT_SHA256,
                    "sha512WithRSAEncryption" => &SHORT_SHA512,
                    _ => return with_key(),
                };
                match UnparsedPublicKey::new(parameters, key.bits).verify(message, signature) {
                    Ok(()) => Outcome::Good,
                    Err(_) => Outcome::Bad,
                }
            }
            KeyFacts::Rsa { bits } if fits_key && !(1024..=8192).contains(bits) => with_key(),
            // The kinds agree, but no verifier takes this curve or this form of the key.
            KeyFacts::Ec { .. } if !fits_key && algorithm_name.starts_with("ecdsa") => with_key(),
            KeyFacts::RsaPss { .. } if algorithm_name == "rsassaPss" => with_key(),
            KeyFacts::Rsa { .. } if !fits_key && is_rsa_signature => with_key(),
            _ => Outcome::Bad,
        }
    }
}
