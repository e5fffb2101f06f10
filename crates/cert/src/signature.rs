//! One question: did this key sign this certificate?

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
    let Some(key) = PublicKey::from_spki(&issuer.raw.spki) else {
        return Outcome::Bad;
    };
    let algorithm = certificate.raw.signature_algorithm.as_slice();
    let (message, signature) = (certificate.signed_part(), certificate.raw.signature.as_slice());
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
        return Outcome::Unsupported(certificate.signature_algorithm.clone());
    }
    let with_key = || Outcome::Unsupported(format!("{} by {}", certificate.signature_algorithm, issuer.key));
    let is_rsa_signature = certificate.signature_algorithm.ends_with("RSAEncryption");
    match &issuer.key {
        KeyFacts::Rsa { bits: 1024..2048 } if fits_key => {
            let parameters = match certificate.signature_algorithm.as_str() {
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
        KeyFacts::Ec { .. } if !fits_key && certificate.signature_algorithm.starts_with("ecdsa") => {
            with_key()
        }
        KeyFacts::RsaPss { .. } if certificate.signature_algorithm == "rsassaPss" => with_key(),
        KeyFacts::Rsa { .. } if !fits_key && is_rsa_signature => with_key(),
        _ => Outcome::Bad,
    }
}
