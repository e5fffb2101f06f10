//! One certificate and its facts.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::Timestamp;
use x509_parser::certificate::X509CertificateParser;
use x509_parser::extensions as parsed;
use x509_parser::nom::{self, Parser as _};
use x509_parser::oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, OID_PKIX_ACCESS_DESCRIPTOR_OCSP};
use x509_parser::prelude::{FromDer, X509Error};

use crate::constraints::NameConstraints;
use crate::der::{self, Elements};
use crate::extension::{self, KeyUsage, Purpose, SubjectAltNames};
use crate::key::{self, KeyFacts, PublicKey};
use crate::name::{Name, NameError};

/// The largest certificate that is read, in bytes. Real ones are 1–4 kB; the bound keeps one entry from holding
/// a whole flight's worth of names.
pub const MAX_CERTIFICATE: usize = 64 * 1024;

/// A certificate's facts, as sent (RFC 5280 §4.1). Facts only: nothing here says whether it is good.
///
/// Two certificates are `==` when their DER is.
#[derive(Clone)]
pub struct Certificate {
    /// The whole certificate.
    pub der: Arc<[u8]>,
    /// Who it is about.
    pub subject: Name,
    /// Who signed it.
    pub issuer: Name,
    /// The serial number as `openssl x509 -serial` prints it, but in lower case: `0a1b`, no sign byte, `-01` below zero.
    pub serial: String,
    /// 1, 2 or 3.
    pub version: u32,
    /// Start of validity. Years that a [`Timestamp`] cannot hold become its nearest end: `99991231235959Z`, which
    /// stands for "no end" (RFC 5280 §4.1.2.5), is [`Timestamp::MAX`].
    pub not_before: Timestamp,
    /// End of validity, inclusive; see `not_before` for its range.
    pub not_after: Timestamp,
    /// The most specific (last) CN of the subject.
    pub common_name: Option<String>,
    /// Subject alternative names; `None` when the extension is absent, empty when it cannot be read.
    pub san: Option<SubjectAltNames>,
    /// Kind and size of the public key.
    pub key: KeyFacts,
    /// OpenSSL's long name such as `sha256WithRSAEncryption`, `ecdsa-with-SHA256`, `rsassaPss`; else dotted.
    pub signature_algorithm: String,
    /// Purposes in the order of the encoding; `None` when the extension is absent, empty when it cannot be read.
    pub extended_key_usage: Option<Vec<Purpose>>,
    /// Key usage; `None` when the extension is absent, no bit set when it cannot be read.
    pub key_usage: Option<KeyUsage>,
    /// Basic constraints say cA (RFC 5280 §4.2.1.9). False for version 1, also for old roots.
    pub is_ca: bool,
    /// How many intermediates may follow, from the basic constraints.
    pub path_len: Option<u32>,
    /// Subject key identifier (RFC 5280 §4.2.1.2).
    pub subject_key_id: Option<Vec<u8>>,
    /// keyIdentifier of the authority key identifier (RFC 5280 §4.2.1.1).
    pub authority_key_id: Option<Vec<u8>>,
    /// Where revocation lists are (RFC 5280 §4.2.1.13), any scheme.
    pub crl_urls: Vec<String>,
    /// OCSP responders (RFC 5280 §4.2.2.1).
    pub ocsp_urls: Vec<String>,
    /// Where the issuer's certificate is (RFC 5280 §4.2.2.1, caIssuers).
    pub ca_issuers_urls: Vec<String>,
    /// Dotted numbers of critical extensions that this crate does not know: a verifier must refuse the certificate
    /// (RFC 5280 §4.2).
    pub unknown_critical: Vec<String>,
    /// Extensions of a known kind that could not be read, or came twice (the first counts), dotted.
    pub malformed_extensions: Vec<String>,
    /// SHA-256 of the DER.
    pub fingerprint_sha256: [u8; 32],
    /// SHA-256 of the SubjectPublicKeyInfo: which key it is, whoever certified it.
    pub spki_sha256: [u8; 32],
    /// Subject and issuer are the same DER. The signature may still be another key's.
    pub self_issued: bool,
    pub(crate) raw: Box<Raw>,
}

/// What the path search needs besides the facts.
#[derive(Clone)]
pub(crate) struct Raw {
    tbs: Range<usize>,
    /// Contents of AlgorithmIdentifier, without the SEQUENCE header.
    pub(crate) signature_algorithm: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    pub(crate) name_constraints: Option<NameConstraints>,
    /// Content of the serial number's INTEGER.
    pub(crate) serial: Vec<u8>,
    /// A distribution point is for some reasons only (RFC 5280 §4.2.1.13): its list does not tell of the others.
    pub(crate) crl_reasons_limited: bool,
    /// The signed part names another signature algorithm than the outer one (RFC 5280 §4.1.1.2 forbids it).
    pub(crate) algorithms_differ: bool,
}

/// Why bytes are no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Longer than [`MAX_CERTIFICATE`].
    #[error("certificate of {found} bytes is over the limit of {MAX_CERTIFICATE}")]
    TooLong {
        /// Length in bytes.
        found: usize,
    },
    /// The DER ends early.
    #[error("certificate is truncated")]
    Truncated,
    /// Bytes after the certificate.
    #[error("{count} bytes follow the certificate")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// Not the structure of RFC 5280 §4.1.
    #[error("certificate is malformed: {fault}")]
    Malformed {
        /// The parser's word for the part that is wrong.
        fault: String,
    },
    /// Subject or issuer is no name.
    #[error("certificate has a malformed {part}")]
    Name {
        /// `subject` or `issuer`.
        part: &'static str,
        /// What is wrong with it.
        source: NameError,
    },
}

impl Certificate {
    /// Reads one certificate; all bytes must belong to it.
    ///
    /// The skeleton must be sound; a broken extension is kept as a fact
    /// ([`Certificate::malformed_extensions`]). No signature is checked.
    ///
    /// # Errors
    /// [`CertificateError`] when it is too long, cut, followed by other bytes, or not the structure of RFC 5280 §4.1.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(CertificateError::TooLong { found: der.len() });
        }
        let malformed = |fault: &str| CertificateError::Malformed {
            fault: fault.to_owned(),
        };
        let (rest, x509) = X509CertificateParser::new()
            .with_deep_parse_extensions(false)
            .parse(der)
            .map_err(parser_error)?;
        if !rest.is_empty() {
            return Err(CertificateError::TrailingBytes { count: rest.len() });
        }
        let skeleton = Skeleton::cut(der).ok_or_else(|| malformed("invalid outer structure"))?;
        let tbs = &x509.tbs_certificate;
        let spki = tbs.subject_pki.raw;
        let public_key = PublicKey::from_spki(spki).ok_or_else(|| malformed("invalid public key"))?;
        let name = |part, raw| Name::from_der(raw).map_err(|source| CertificateError::Name { part, source });
        let subject = name("subject", tbs.subject.as_raw())?;
        let self_issued = tbs.subject.as_raw() == tbs.issuer.as_raw();
        let issuer = if self_issued {
            subject.clone()
        } else {
            name("issuer", tbs.issuer.as_raw())?
        };
        let mut certificate = Self {
            common_name: subject.common_names().pop(),
            subject,
            issuer,
            serial: serial(tbs.raw_serial()),
            version: tbs.version.0.saturating_add(1),
            not_before: timestamp(tbs.validity.not_before.timestamp()),
            not_after: timestamp(tbs.validity.not_after.timestamp()),
            san: None,
            key: public_key.facts(),
            signature_algorithm: key::signature_algorithm_name(skeleton.signature_algorithm),
            extended_key_usage: None,
            key_usage: None,
            is_ca: false,
            path_len: None,
            subject_key_id: None,
            authority_key_id: None,
            crl_urls: Vec::new(),
            ocsp_urls: Vec::new(),
            ca_issuers_urls: Vec::new(),
            unknown_critical: Vec::new(),
            malformed_extensions: Vec::new(),
            fingerprint_sha256: sha256(der),
            spki_sha256: sha256(spki),
            self_issued,
            raw: Box::new(Raw {
                tbs: skeleton.tbs,
                signature_algorithm: skeleton.signature_algorithm.to_vec(),
                signature: skeleton.signature.to_vec(),
                spki: spki.to_vec(),
                name_constraints: None,
                serial: tbs.raw_serial().to_vec(),
                crl_reasons_limited: false,
                algorithms_differ: tbs.signature != x509.signature_algorithm,
            }),
            der: der.into(),
        };
        let extensions = tbs.extensions();
        for (index, extension) in extensions.iter().enumerate() {
            let repeated = extensions
                .iter()
                .take(index)
                .any(|earlier| earlier.oid == extension.oid);
            if repeated || certificate.read_extension(extension).is_none() {
                certificate
                    .malformed_extensions
                    .push(der::dotted(extension.oid.as_bytes()));
            }
        }
        Ok(certificate)
    }

    /// Whether both have the same subject (folded as [`Name::matches`]) and the same public key: one authority or
    /// endpoint, however often it was certified.
    #[must_use]
    pub fn same_entity(&self, other: &Self) -> bool {
        self.spki_sha256 == other.spki_sha256 && self.subject.matches(&other.subject)
    }

    /// The bytes that the signature is over.
    pub(crate) fn signed_part(&self) -> &[u8] {
        self.der.get(self.raw.tbs.clone()).unwrap_or_default()
    }

    /// Takes one extension in; `None` when its value cannot be read.
    fn read_extension(&mut self, extension: &parsed::X509Extension<'_>) -> Option<()> {
        let value = extension.value;
        match extension.oid.as_bytes() {
            [0x55, 0x1d, 0x0e] => {
                self.subject_key_id = Some(read(parsed::KeyIdentifier::from_der(value))?.0.to_vec());
            }
            [0x55, 0x1d, 0x0f] => {
                self.key_usage = Some(KeyUsage(0));
                self.key_usage = Some(KeyUsage(read(parsed::KeyUsage::from_der(value))?.flags));
            }
            [0x55, 0x1d, 0x11] => {
                self.san = Some(SubjectAltNames::default());
                let names = read(parsed::SubjectAlternativeName::from_der(value))?;
                self.san = Some(SubjectAltNames::collect(&names.general_names));
            }
            [0x55, 0x1d, 0x13] => {
                let constraints = read(parsed::BasicConstraints::from_der(value))?;
                self.is_ca = constraints.ca;
                self.path_len = constraints.path_len_constraint;
            }
            [0x55, 0x1d, 0x1e] => {
                self.raw.name_constraints = Some(NameConstraints::unreadable());
                let constraints = read(parsed::NameConstraints::from_der(value))?;
                self.raw.name_constraints = Some(NameConstraints::collect(&constraints));
            }
            [0x55, 0x1d, 0x1f] => {
                let points = read(parsed::CRLDistributionPoints::from_der(value))?;
                for point in points.iter() {
                    self.raw.crl_reasons_limited |= point.reasons.is_some();
                    if let Some(parsed::DistributionPointName::FullName(names)) = &point.distribution_point {
                        self.crl_urls.extend(extension::urls(names));
                    }
                }
            }
            [0x55, 0x1d, 0x23] => {
                let authority = read(parsed::AuthorityKeyIdentifier::from_der(value))?;
                self.authority_key_id = authority.key_identifier.map(|id| id.0.to_vec());
            }
            [0x55, 0x1d, 0x25] => {
                self.extended_key_usage = Some(Vec::new());
                self.extended_key_usage = Some(extension::purposes(value)?);
            }
            [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01] => {
                let access = read(parsed::AuthorityInfoAccess::from_der(value))?;
                for description in access.iter() {
                    let urls = extension::urls([&description.access_location]);
                    if description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP {
                        self.ocsp_urls.extend(urls);
                    } else if description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS {
                        self.ca_issuers_urls.extend(urls);
                    }
                }
            }
            // Processed by verifiers or without effect on a path: issuerAltName, policies, policyMappings,
            // policyConstraints, inhibitAnyPolicy, Netscape certificate type.
            [0x55, 0x1d, 0x12 | 0x20 | 0x21 | 0x24 | 0x36]
            | [0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x42, 0x01, 0x01] => {}
            oid => {
                if extension.critical {
                    self.unknown_critical.push(der::dotted(oid));
                }
            }
        }
        Some(())
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject.text())
            .field("issuer", &self.issuer.text())
            .field("serial", &self.serial)
            .field("fingerprint_sha256", &der::hex(&self.fingerprint_sha256))
            .finish_non_exhaustive()
    }
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }`.
struct Skeleton<'a> {
    tbs: Range<usize>,
    signature_algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Skeleton<'a> {
    fn cut(der: &'a [u8]) -> Option<Self> {
        let outer = Elements::new(der).expect(der::SEQUENCE)?;
        let mut parts = Elements::new(outer.content);
        let tbs = parts.expect(der::SEQUENCE)?;
        let start = outer.whole.len().checked_sub(outer.content.len())?;
        let signature_algorithm = parts.expect(der::SEQUENCE)?.content;
        let signature = parts.expect(der::BIT_STRING)?.content.strip_prefix(&[0])?;
        Some(Self {
            tbs: start..start.checked_add(tbs.whole.len())?,
            signature_algorithm,
            signature,
        })
    }
}

/// The value, when all of the input was used.
fn read<T, E>(result: Result<(&[u8], T), E>) -> Option<T> {
    result
        .ok()
        .filter(|(rest, _)| rest.is_empty())
        .map(|(_, value)| value)
}

fn parser_error(error: nom::Err<X509Error>) -> CertificateError {
    match error {
        nom::Err::Incomplete(_) => CertificateError::Truncated,
        nom::Err::Error(error) | nom::Err::Failure(error) => match error {
            X509Error::Der(_) | X509Error::NomError(_) => CertificateError::Malformed {
                fault: "invalid DER".to_owned(),
            },
            error => CertificateError::Malformed {
                fault: error.to_string(),
            },
        },
    }
}

/// Magnitude in hex; the content of a DER INTEGER is in two's complement.
fn serial(content: &[u8]) -> String {
    let negative = content.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut magnitude = content.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            let (sum, overflow) = (!*byte).overflowing_add(u8::from(carry));
            *byte = sum;
            carry = overflow;
        }
    }
    let zeros = magnitude
        .iter()
        .take_while(|byte| **byte == 0)
        .count()
        .min(magnitude.len().saturating_sub(1));
    let digits = der::hex(magnitude.get(zeros..).unwrap_or_default());
    if negative { format!("-{digits}") } else { digits }
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .first_chunk()
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers() {
        assert_eq!(serial(&[0x0a, 0x1b]), "0a1b");
        assert_eq!(serial(&[0x00, 0x8a]), "8a");
        assert_eq!(serial(&[0x00]), "00");
        assert_eq!(serial(&[0xff]), "-01");
        assert_eq!(serial(&[0x80]), "-80");
        assert_eq!(serial(&[0xff, 0x00]), "-0100");
        assert_eq!(serial(&[]), "");
    }

    #[test]
    fn times_beyond_the_range_become_its_ends() {
        assert_eq!(timestamp(253_402_300_799), Timestamp::MAX);
        assert_eq!(timestamp(i64::MIN), Timestamp::MIN);
        assert_eq!(timestamp(0), Timestamp::UNIX_EPOCH);
    }
}
