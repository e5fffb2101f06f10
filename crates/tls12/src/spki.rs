//! The public key of a certificate: just enough DER to reach it.
//!
//! Certificates are read and judged elsewhere; a handshake needs only the key, also of a
//! certificate that nobody else would accept.

/// A public key as in SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// The whole SubjectPublicKeyInfo, DER.
    pub info: &'a [u8],
    /// The algorithm.
    pub kind: KeyKind,
    /// The contents of subjectPublicKey: RSAPublicKey, or the point.
    pub bits: &'a [u8],
}

/// The algorithm of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// rsaEncryption or id-RSASSA-PSS.
    Rsa,
    /// id-ecPublicKey on secp256r1.
    P256,
    /// id-ecPublicKey on secp384r1.
    P384,
    /// id-ecPublicKey on secp521r1.
    P521,
    /// id-Ed25519.
    Ed25519,
    /// Any other.
    Other,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const EXPLICIT_0: u8 = 0xa0;

/// The public key of an X.509 certificate; `None` when the DER is not one.
///
/// `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber, signature,
/// issuer, validity, subject, subjectPublicKeyInfo, … }, … }` (RFC 5280 §4.1)
#[must_use]
pub fn public_key(certificate: &[u8]) -> Option<PublicKey<'_>> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (tbs, _) = element(certificate, SEQUENCE)?;
    let rest = match element(tbs, EXPLICIT_0) {
        Some((_, rest)) => rest,
        None => tbs,
    };
    let (_, rest) = element(rest, INTEGER)?;
    let (_, rest) = element(rest, SEQUENCE)?; // signature
    let (_, rest) = element(rest, SEQUENCE)?; // issuer
    let (_, rest) = element(rest, SEQUENCE)?; // validity
    let (_, rest) = element(rest, SEQUENCE)?; // subject
    let (body, after) = element(rest, SEQUENCE)?;
    let info = &rest[..rest.len() - after.len()];
    let (algorithm, key) = element(body, SEQUENCE)?;
    let (identifier, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    let (bits, _) = element(key, BIT_STRING)?;
    let (&unused, bits) = bits.split_first()?;
    if unused != 0 {
        return None;
    }
    let kind = match identifier {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 | 0x0a] => KeyKind::Rsa,
        // A curve may also be given by its parameters (RFC 3279 §2.3.5), which is no kind known here.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => match element(parameters, OBJECT_IDENTIFIER) {
            Some(([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], _)) => KeyKind::P256,
            Some(([0x2b, 0x81, 0x04, 0x00, 0x22], _)) => KeyKind::P384,
            Some(([0x2b, 0x81, 0x04, 0x00, 0x23], _)) => KeyKind::P521,
            _ => KeyKind::Other,
        },
        [0x2b, 0x65, 0x70] => KeyKind::Ed25519,
        _ => KeyKind::Other,
    };
    Some(PublicKey { info, kind, bits })
}

impl PublicKey<'_> {
    /// The modulus length of an RSA key in bits; `None` for other keys.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<usize> {
        if self.kind != KeyKind::Rsa {
            return None;
        }
        let (key, _) = element(self.bits, SEQUENCE)?;
        let (modulus, _) = element(key, INTEGER)?;
        let modulus = &modulus[modulus.iter().take_while(|byte| **byte == 0).count()..];
        let first = modulus.first()?;
        Some(modulus.len() * 8 - usize::try_from(first.leading_zeros()).ok()?)
    }
}

/// The contents of the element of that tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    if found != tag {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (octets, rest) = rest.split_at_checked(count)?;
        (
            octets
                .iter()
                .fold(0_usize, |length, octet| length << 8 | usize::from(*octet)),
            rest,
        )
    };
    rest.split_at_checked(length)
}
