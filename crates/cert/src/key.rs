//! Public keys and signature algorithms, named as people know them.

use std::fmt;

use crate::der::{self, Elements};

/// What kind of public key a certificate holds (RFC 3279 §2.3, RFC 5480 §2, RFC 8410 §3).
///
/// Printed as `RSA 2048`, `EC P-384`, `Ed25519`; an unknown kind as its dotted object identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyFacts {
    /// rsaEncryption.
    Rsa {
        /// Length of the modulus in bits; 0 when the key cannot be read.
        bits: u32,
    },
    /// id-RSASSA-PSS: an RSA key that may sign with PSS alone.
    RsaPss {
        /// Length of the modulus in bits; 0 when the key cannot be read.
        bits: u32,
    },
    /// id-ecPublicKey on a named curve.
    Ec {
        /// `P-256`, `P-384`, `P-521`, `P-224`, `secp256k1`, `brainpoolP256r1` (and r1 of 384, 512), else the dotted
        /// object identifier; `explicit parameters` when the curve has no name.
        curve: String,
    },
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// Any other algorithm.
    Other {
        /// Its object identifier, dotted.
        oid: String,
    },
}

impl KeyFacts {
    /// Length in bits where the number tells the strength: RSA alone.
    #[must_use]
    pub const fn rsa_bits(&self) -> Option<u32> {
        match self {
            Self::Rsa { bits } | Self::RsaPss { bits } => Some(*bits),
            _ => None,
        }
    }
}

impl fmt::Display for KeyFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::RsaPss { bits } => write!(f, "RSA-PSS {bits}"),
            Self::Ec { curve } => write!(f, "EC {curve}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Ed448 => f.write_str("Ed448"),
            Self::Other { oid } => f.write_str(oid),
        }
    }
}

/// A SubjectPublicKeyInfo cut into its parts:
/// `SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }`.
pub(crate) struct PublicKey<'a> {
    /// Content of the AlgorithmIdentifier, without its SEQUENCE header.
    pub(crate) algorithm: &'a [u8],
    /// Content of the bit string, without the count of unused bits.
    pub(crate) bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    pub(crate) fn from_spki(spki: &'a [u8]) -> Option<Self> {
        let mut parts = Elements::new(Elements::new(spki).expect(der::SEQUENCE)?.content);
        let algorithm = parts.expect(der::SEQUENCE)?.content;
        let bits = parts.expect(der::BIT_STRING)?.content.strip_prefix(&[0])?;
        Some(Self { algorithm, bits })
    }

    pub(crate) fn facts(&self) -> KeyFacts {
        let mut parts = Elements::new(self.algorithm);
        let oid = parts
            .expect(der::OBJECT_IDENTIFIER)
            .map_or(&[][..], |oid| oid.content);
        match oid {
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01] => KeyFacts::Rsa {
                bits: self.modulus_bits(),
            },
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a] => KeyFacts::RsaPss {
                bits: self.modulus_bits(),
            },
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => KeyFacts::Ec {
                curve: parts.expect(der::OBJECT_IDENTIFIER).map_or_else(
                    || "explicit parameters".to_owned(),
                    |curve| curve_name(curve.content),
                ),
            },
            [0x2b, 0x65, 0x70] => KeyFacts::Ed25519,
            [0x2b, 0x65, 0x71] => KeyFacts::Ed448,
            _ => KeyFacts::Other {
                oid: der::dotted(oid),
            },
        }
    }

    /// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }`.
    fn modulus_bits(&self) -> u32 {
        let modulus = Elements::new(self.bits)
            .expect(der::SEQUENCE)
            .and_then(|key| Elements::new(key.content).expect(der::INTEGER))
            .map_or(&[][..], |modulus| modulus.content);
        let mut significant = modulus.iter().skip_while(|byte| **byte == 0);
        let Some(first) = significant.next() else { return 0 };
        let whole_bytes = u32::try_from(significant.count()).unwrap_or(u32::MAX);
        whole_bytes
            .saturating_mul(8)
            .saturating_add(8_u32.saturating_sub(first.leading_zeros()))
    }
}

fn curve_name(oid: &[u8]) -> String {
    let name = match oid {
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => "P-256",
        [0x2b, 0x81, 0x04, 0x00, 0x21] => "P-224",
        [0x2b, 0x81, 0x04, 0x00, 0x22] => "P-384",
        [0x2b, 0x81, 0x04, 0x00, 0x23] => "P-521",
        [0x2b, 0x81, 0x04, 0x00, 0x0a] => "secp256k1",
        [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07] => "brainpoolP256r1",
        [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b] => "brainpoolP384r1",
        [0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0d] => "brainpoolP512r1",
        _ => return der::dotted(oid),
    };
    name.to_owned()
}

/// OpenSSL's long name of a signature algorithm, from the content of its AlgorithmIdentifier; else the dotted number.
pub(crate) fn signature_algorithm_name(algorithm: &[u8]) -> String {
    let oid = Elements::new(algorithm)
        .expect(der::OBJECT_IDENTIFIER)
        .map_or(&[][..], |oid| oid.content);
    let name = match oid {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
            2 => "md2WithRSAEncryption",
            4 => "md5WithRSAEncryption",
            5 => "sha1WithRSAEncryption",
            10 => "rsassaPss",
            11 => "sha256WithRSAEncryption",
            12 => "sha384WithRSAEncryption",
            13 => "sha512WithRSAEncryption",
            14 => "sha224WithRSAEncryption",
            _ => return der::dotted(oid),
        },
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => "ecdsa-with-SHA1",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] => match last {
            1 => "ecdsa-with-SHA224",
            2 => "ecdsa-with-SHA256",
            3 => "ecdsa-with-SHA384",
            4 => "ecdsa-with-SHA512",
            _ => return der::dotted(oid),
        },
        [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03] => "dsaWithSHA1",
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x02] => "dsa_with_SHA256",
        [0x2b, 0x65, 0x70] => "ED25519",
        [0x2b, 0x65, 0x71] => "ED448",
        _ => return der::dotted(oid),
    };
    name.to_owned()
}
