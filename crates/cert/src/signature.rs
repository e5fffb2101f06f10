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
    /// Verifiers of today refuse it; the text names the algorithm and, where that is the reason, the key.
    Refused(String),
    /// It cannot be computed here, though a peer might; the text as above.
    Unknown(String),
}

/// Signature algorithms whose hash no verifier takes any more: MD2, MD5, SHA-1.
const REFUSED: [&str; 5] = [
    "md2WithRSAEncryption",
    "md5WithRSAEncryption",
    "sha1WithRSAEncryption",
    "ecdsa-with-SHA1",
    "dsaWithSHA1",
];

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
        let name = certificate.signature_algorithm.clone();
        return if REFUSED.contains(&name.as_str()) {
            Outcome::Refused(name)
        } else {
            Outcome::Unknown(name)
        };
    }
    let named = || format!("{} by {}", certificate.signature_algorithm, issuer.key);
    let is_rsa_signature = certificate.signature_algorithm.ends_with("RSAEncryption");
    match &issuer.key {
        KeyFacts::Rsa { bits: 1024..2048 } if fits_key => {
            let parameters = match certificate.signature_algorithm.as_str() {
                "sha256WithRSAEncryption" => &SHORT_SHA256,
                "sha512WithRSAEncryption" => &SHORT_SHA512,
                _ => return Outcome::Unknown(named()),
            };
            match UnparsedPublicKey::new(parameters, key.bits).verify(message, signature) {
                Ok(()) => Outcome::Good,
                Err(_) => Outcome::Bad,
            }
        }
        KeyFacts::Rsa { bits: 0..1024 } if fits_key => Outcome::Refused(named()),
        KeyFacts::Rsa { bits: 8193.. } if fits_key => Outcome::Unknown(named()),
        // The kinds agree, but this curve or this form of the key is none that is computed here.
        KeyFacts::Ec { .. } if !fits_key && certificate.signature_algorithm.starts_with("ecdsa") => {
            Outcome::Unknown(named())
        }
        KeyFacts::RsaPss { .. } if certificate.signature_algorithm == "rsassaPss" => {
            Outcome::Unknown(named())
        }
        KeyFacts::Rsa { .. } if !fits_key && is_rsa_signature => Outcome::Unknown(named()),
        _ => Outcome::Bad,
    }
}
