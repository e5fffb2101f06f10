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
            let name = algorithm_name.to_owned();
            return if REFUSED.contains(&algorithm_name) {
                Outcome::Refused(name)
            } else {
                Outcome::Unknown(name)
            };
        }
        let named = || format!("{algorithm_name} by {}", issuer.key);
        let is_rsa_signature = algorithm_name.ends_with("RSAEncryption");
        match &issuer.key {
            KeyFacts::Rsa { bits: 1024..2048 } if fits_key => {
                let parameters = match algorithm_name {
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
            KeyFacts::Ec { .. } if !fits_key && algorithm_name.starts_with("ecdsa") => {
                Outcome::Unknown(named())
            }
            KeyFacts::RsaPss { .. } if algorithm_name == "rsassaPss" => Outcome::Unknown(named()),
            KeyFacts::Rsa { .. } if !fits_key && is_rsa_signature => Outcome::Unknown(named()),
            _ => Outcome::Bad,
        }
    }
}
