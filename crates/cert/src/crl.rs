//! Certificate revocation lists (RFC 5280 §5): read, verified, asked.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::certificate::Certificate;
use crate::crl_scope::Scope;
use crate::der::{self, Element, Elements};
use crate::key;
use crate::name::Name;
use crate::signature::{Outcome, Signed};

/// The largest list that is read, in bytes: a million entries of the usual 37 to 50 bytes and room. Whoever fetches one may
/// well set a lower limit.
pub const MAX_CRL: usize = 64 * 1024 * 1024;

/// A revocation list whose signature nobody has checked yet: it answers no question about a certificate.
///
/// In memory it is its own bytes and four bytes for each entry.
#[derive(Clone)]
pub struct Crl {
    /// Who issued it.
    pub issuer: Name,
    /// When it was issued (RFC 5280 §5.1.2.4).
    pub this_update: Timestamp,
    /// When the next one is issued at the latest (RFC 5280 §5.1.2.5).
    pub next_update: Option<Timestamp>,
    /// OpenSSL's long name of the signature algorithm, else dotted.
    pub signature_algorithm: String,
    pub(crate) scope: Scope,
    der: Vec<u8>,
    tbs: Range<usize>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// The signed part names another algorithm than the outer one.
    algorithms_differ: bool,
    /// Where each entry begins in `der`, in the order of [`order`] of the serial numbers.
    index: Box<[u32]>,
}

/// Why bytes are no revocation list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Longer than [`MAX_CRL`].
    #[error("revocation list of {found} bytes is over the limit of {MAX_CRL}")]
    TooLong {
        /// Length in bytes.
        found: usize,
    },
    /// Not the structure of RFC 5280 §5.1.
    #[error("not a revocation list: invalid {part}")]
    Malformed {
        /// The part that is wrong.
        part: &'static str,
    },
}

/// Why a list says nothing of a certificate. Each prints as the end of a sentence that begins with the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlDefect {
    /// It is another authority's.
    #[error("is issued by {found}, expected {expected}")]
    WrongIssuer {
        /// The certificate's issuer.
        expected: String,
        /// The list's.
        found: String,
    },
    /// The issuer's key did not sign it.
    #[error("is not signed by the key of {issuer}")]
    BadSignature {
        /// Whose key was tried.
        issuer: String,
    },
    /// Its signature is of a kind that verifiers refuse or do not know.
    #[error("has a signature by {algorithm}, which is not accepted")]
    UnsupportedSignatureAlgorithm {
        /// Long name, with the issuer's key where that is the reason.
        algorithm: String,
    },
    /// Its signed part and its envelope name different signature algorithms (RFC 5280 §5.1.1.2).
    #[error("names two different signature algorithms")]
    SignatureAlgorithmsDiffer,
    /// The issuer's key usage lacks cRLSign (RFC 5280 §6.3.3 (f)).
    #[error("is signed by {issuer}, whose key usage lacks cRLSign")]
    SignerNotAllowed {
        /// The issuer.
        issuer: String,
    },
    /// thisUpdate lies ahead.
    #[error("is not valid before {from}")]
    NotYetValid {
        /// Its thisUpdate.
        from: Timestamp,
    },
    /// nextUpdate has passed.
    #[error("ended on {until}")]
    Expired {
        /// Its nextUpdate.
        until: Timestamp,
    },
    /// It does not say until when it holds (RFC 5280 §5.1.2.5 demands it).
    #[error("has no nextUpdate")]
    NoNextUpdate,
    /// It lists changes to another list (RFC 5280 §5.2.4).
    #[error("is a delta list, not a base list")]
    Delta,
    /// It may speak of other authorities' certificates (RFC 5280 §5.2.5, §5.3.3): not handled.
    #[error("is an indirect list, which is not handled")]
    Indirect,
    /// It, or the certificate's distribution point, is for some reasons only (RFC 5280 §5.2.5): not handled.
    #[error("covers some reasons only, which is not handled")]
    OnlySomeReasons,
    /// It is for another kind of certificates (RFC 5280 §5.2.5).
    #[error("covers {found} only")]
    OtherKind {
        /// The kind that it is for.
        found: &'static str,
    },
    /// It is another part of a partitioned list (RFC 5280 §5.2.5): none of its names is in the certificate.
    #[error("is another partition ({name})")]
    OtherPartition {
        /// The first name of its distribution point; empty when it has none that is a URL.
        name: String,
    },
    /// A critical extension that nobody here knows (RFC 5280 §5.2, §5.3).
    #[error("has an unknown critical extension {oid}")]
    UnknownCriticalExtension {
        /// Its dotted object identifier.
        oid: String,
    },
}

/// What a verified list says of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrlStatus {
    /// It does not name it.
    NotListed,
    /// It names it.
    Revoked {
        /// revocationDate.
        since: Timestamp,
        /// reasonCode (RFC 5280 §5.3.1), when the entry has one.
        reason: Option<RevocationReason>,
    },
}

/// `CRLReason ::= ENUMERATED` (RFC 5280 §5.3.1); an unknown value prints as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RevocationReason(pub u8);

impl RevocationReason {
    /// For now only (6).
    pub const CERTIFICATE_HOLD: Self = Self(6);
    /// No longer (8).
    pub const REMOVE_FROM_CRL: Self = Self(8);
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "unspecified",
            1 => "keyCompromise",
            2 => "cACompromise",
            3 => "affiliationChanged",
            4 => "superseded",
            5 => "cessationOfOperation",
            6 => "certificateHold",
            8 => "removeFromCRL",
            9 => "privilegeWithdrawn",
            10 => "aACompromise",
            other => return write!(f, "{other}"),
        })
    }
}

impl Crl {
    /// Reads a list in DER, or the first one of a PEM text. All bytes must belong to it.
    ///
    /// Time and memory are linear in the bytes, but for the sorting of the entries' places.
    ///
    /// # Errors
    /// [`CrlError`] when it is too long or not the structure of RFC 5280 §5.1.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, CrlError> {
        if bytes.len() > MAX_CRL {
            return Err(CrlError::TooLong { found: bytes.len() });
        }
        let is_text = bytes
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .is_some_and(|byte| *byte == b'-');
        if is_text {
            let pem = Pem::iter_from_buffer(&bytes)
                .map_while(Result::ok)
                .find(|pem| pem.label == "X509 CRL")
                .ok_or(CrlError::Malformed { part: "PEM" })?;
            return Self::from_der(pem.contents);
        }
        Self::from_der(bytes)
    }

    /// `CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue BIT STRING }`.
    fn from_der(der: Vec<u8>) -> Result<Self, CrlError> {
        let malformed = |part| CrlError::Malformed { part };
        let mut all = Elements::new(&der);
        let outer = all.expect(der::SEQUENCE).filter(|_| all.at_end());
        let outer = outer.ok_or(malformed("outer structure"))?;
        let mut parts = Elements::new(outer.content);
        let tbs = parts.expect(der::SEQUENCE).ok_or(malformed("tbsCertList"))?;
        let algorithm = parts
            .expect(der::SEQUENCE)
            .ok_or(malformed("signatureAlgorithm"))?;
        let signature = parts
            .expect(der::BIT_STRING)
            .and_then(|bits| bits.content.strip_prefix(&[0]))
            .filter(|_| parts.at_end())
            .ok_or(malformed("signatureValue"))?;
        let tbs_start = place(&der, tbs.whole).ok_or(malformed("tbsCertList"))?;

        let mut fields = Elements::new(tbs.content);
        let is_version_2 = fields
            .optional(der::INTEGER)
            .map(|version| version.content == [1]);
        if is_version_2 == Some(false) {
            return Err(malformed("version"));
        }
        let inner = fields.expect(der::SEQUENCE).ok_or(malformed("signature"))?;
        let issuer = fields.expect(der::SEQUENCE).ok_or(malformed("issuer"))?;
        let issuer = Name::from_der(issuer.whole).map_err(|_| malformed("issuer"))?;
        let this_update = fields.read().and_then(time).ok_or(malformed("thisUpdate"))?;
        let next_update = fields
            .optional(der::UTC_TIME)
            .or_else(|| fields.optional(der::GENERALIZED_TIME))
            .map(|element| time(element).ok_or(malformed("nextUpdate")))
            .transpose()?;
        let entries = fields
            .optional(der::SEQUENCE)
            .map_or(&[][..], |list| list.content);
        let extensions = fields.optional(EXTENSIONS).map(|list| list.content);
        if !fields.at_end() {
            return Err(malformed("tbsCertList"));
        }
        let mut scope = Scope::default();
        if let Some(extensions) = extensions {
            scope
                .read_extensions(extensions)
                .ok_or(malformed("crlExtensions"))?;
        }
        let index = index(&der, entries, &mut scope).ok_or(malformed("revokedCertificates"))?;
        Ok(Self {
            issuer,
            this_update,
            next_update,
            signature_algorithm: key::signature_algorithm_name(algorithm.content),
            scope,
            tbs: tbs_start..tbs_start.saturating_add(tbs.whole.len()),
            algorithm: algorithm.content.to_vec(),
            signature: signature.to_vec(),
            algorithms_differ: inner.content != algorithm.content,
            index,
            der,
        })
    }

    /// Number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether it names no certificate.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The list as it was read, in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Checks that `issuer` issued it: name, key usage and signature (RFC 5280 §6.3.3 (f), (g)). Dates are not looked at.
    ///
    /// # Errors
    /// [`CrlDefect`] when it is not the issuer's.
    pub fn verify(self, issuer: &Certificate) -> Result<VerifiedCrl, CrlDefect> {
        let name = || issuer.subject.text().to_owned();
        if !self.issuer.matches(&issuer.subject) {
            return Err(CrlDefect::WrongIssuer {
                expected: name(),
                found: self.issuer.text().to_owned(),
            });
        }
        if issuer.key_usage.is_some_and(|usage| !usage.crl_sign()) {
            return Err(CrlDefect::SignerNotAllowed { issuer: name() });
        }
        if self.algorithms_differ {
            return Err(CrlDefect::SignatureAlgorithmsDiffer);
        }
        let signed = Signed {
            message: self.der.get(self.tbs.clone()).unwrap_or_default(),
            algorithm: &self.algorithm,
            algorithm_name: &self.signature_algorithm,
            signature: &self.signature,
        };
        match signed.verify(issuer) {
            Outcome::Good => Ok(VerifiedCrl {
                list: self,
                signer: issuer.spki_sha256,
            }),
            Outcome::Bad => Err(CrlDefect::BadSignature { issuer: name() }),
            Outcome::Refused(algorithm) | Outcome::Unknown(algorithm) => {
                Err(CrlDefect::UnsupportedSignatureAlgorithm { algorithm })
            }
        }
    }

    /// The entries of a serial number, in the order of the list.
    fn entries(&self, serial: &[u8]) -> impl Iterator<Item = Elements<'_>> {
        let wanted = minimal(serial);
        let below = |place: &u32| order(self.serial_at(*place), wanted) == Ordering::Less;
        let first = self.index.partition_point(below);
        let rest = self.index.get(first..).unwrap_or_default();
        rest.iter()
            .take_while(move |place| self.serial_at(**place) == wanted)
            .filter_map(|place| entry_at(&self.der, *place))
    }

    fn serial_at(&self, place: u32) -> &[u8] {
        serial_at(&self.der, place)
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl")
            .field("issuer", &self.issuer.text())
            .field("this_update", &self.this_update)
            .field("next_update", &self.next_update)
            .field("entries", &self.index.len())
            .finish_non_exhaustive()
    }
}

/// A revocation list that its issuer signed.
#[derive(Debug, Clone)]
pub struct VerifiedCrl {
    list: Crl,
    /// SHA-256 of the issuer's SubjectPublicKeyInfo.
    signer: [u8; 32],
}

impl VerifiedCrl {
    /// The list.
    #[must_use]
    pub const fn list(&self) -> &Crl {
        &self.list
    }

    /// Whether `now` lies between thisUpdate and nextUpdate, both included.
    ///
    /// # Errors
    /// [`CrlDefect`] when it does not, or when there is no nextUpdate.
    pub fn check_dates(&self, now: Timestamp) -> Result<(), CrlDefect> {
        let Crl {
            this_update,
            next_update,
            ..
        } = self.list;
        let until = next_update.ok_or(CrlDefect::NoNextUpdate)?;
        if now < this_update {
            Err(CrlDefect::NotYetValid { from: this_update })
        } else if now > until {
            Err(CrlDefect::Expired { until })
        } else {
            Ok(())
        }
    }

    /// What it says of a certificate that `issuer` issued (RFC 5280 §6.3.3).
    ///
    /// A list that has ended still tells of revocations, as they are for good: all but certificateHold.
    ///
    /// # Errors
    /// [`CrlDefect`] when it says nothing of the certificate: not its issuer's, not for it, or not of this time.
    pub fn status(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        now: Timestamp,
    ) -> Result<CrlStatus, CrlDefect> {
        let list = &self.list;
        if self.signer != issuer.spki_sha256 || !list.issuer.matches(&certificate.issuer) {
            return Err(CrlDefect::WrongIssuer {
                expected: certificate.issuer.text().to_owned(),
                found: list.issuer.text().to_owned(),
            });
        }
        list.scope.check(certificate)?;
        let dates = self.check_dates(now);
        if let Err(CrlDefect::NotYetValid { .. }) = dates {
            return dates.map(|()| CrlStatus::NotListed);
        }
        for entry in list.entries(&certificate.raw.serial) {
            let Some((since, reason)) = revocation(entry) else {
                continue;
            };
            let is_for_good = reason != Some(RevocationReason::CERTIFICATE_HOLD);
            if reason != Some(RevocationReason::REMOVE_FROM_CRL) && (is_for_good || dates.is_ok()) {
                return Ok(CrlStatus::Revoked { since, reason });
            }
        }
        dates.map(|()| CrlStatus::NotListed)
    }
}

/// `crlExtensions [0] EXPLICIT Extensions OPTIONAL`.
const EXTENSIONS: u8 = 0xa0;

/// Where each entry begins, sorted by serial number; `None` when one is malformed.
fn index(der: &[u8], entries: &[u8], scope: &mut Scope) -> Option<Box<[u32]>> {
    let mut places: Vec<(u64, u32)> = Vec::new();
    let mut rest = Elements::new(entries);
    while !rest.at_end() {
        let entry = rest.expect(der::SEQUENCE)?;
        let mut fields = Elements::new(entry.content);
        let serial = fields.expect(der::INTEGER)?.content;
        fields
            .read()
            .filter(|date| matches!(date.tag, der::UTC_TIME | der::GENERALIZED_TIME))?;
        if let Some(extensions) = fields.optional(der::SEQUENCE) {
            scope.read_entry_extensions(extensions.content)?;
        }
        if !fields.at_end() {
            return None;
        }
        let place = u32::try_from(place(der, entry.whole)?).ok()?;
        places.push((tail(minimal(serial)), place));
    }
    // By the tail first, which tells nearly all apart without a look into the list.
    places.sort_unstable_by(|(tail, one), (other_tail, other)| {
        tail.cmp(other_tail)
            .then_with(|| serial_at(der, *one).cmp(serial_at(der, *other)))
            .then(one.cmp(other))
    });
    Some(places.into_iter().map(|(_, place)| place).collect())
}

/// The order of the index: by the last eight bytes, then by all.
fn order(one: &[u8], other: &[u8]) -> Ordering {
    tail(one).cmp(&tail(other)).then_with(|| one.cmp(other))
}

fn tail(serial: &[u8]) -> u64 {
    serial
        .iter()
        .skip(serial.len().saturating_sub(8))
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// A serial number's bytes without the needless ones in front (X.690 §8.3.2 forbids them; some have them).
fn minimal(mut content: &[u8]) -> &[u8] {
    while let [first @ (0x00 | 0xff), rest @ ..] = content
        && rest.first().is_some_and(|second| (first ^ second) & 0x80 == 0)
    {
        content = rest;
    }
    content
}

/// The fields of the entry that begins there.
fn entry_at(der: &[u8], place: u32) -> Option<Elements<'_>> {
    let from = der.get(usize::try_from(place).ok()?..)?;
    Some(Elements::new(Elements::new(from).expect(der::SEQUENCE)?.content))
}

fn serial_at(der: &[u8], place: u32) -> &[u8] {
    let serial = entry_at(der, place).and_then(|mut fields| fields.expect(der::INTEGER));
    serial.map_or(&[][..], |serial| minimal(serial.content))
}

/// Date and reason of an entry; `None` when its date is none.
fn revocation(mut fields: Elements<'_>) -> Option<(Timestamp, Option<RevocationReason>)> {
    fields.expect(der::INTEGER)?;
    // A date that cannot be read must not make a revoked certificate good.
    let since = fields.read().and_then(time).unwrap_or(Timestamp::UNIX_EPOCH);
    let reason = fields
        .optional(der::SEQUENCE)
        .and_then(|extensions| crate::crl_scope::reason(extensions.content));
    Some((since, reason))
}

/// Where a part lies in the whole.
fn place(whole: &[u8], part: &[u8]) -> Option<usize> {
    part.as_ptr().addr().checked_sub(whole.as_ptr().addr())
}

fn time(element: Element<'_>) -> Option<Timestamp> {
    if !matches!(element.tag, der::UTC_TIME | der::GENERALIZED_TIME) {
        return None;
    }
    let (_, time) = ASN1Time::from_der(element.whole).ok()?;
    Timestamp::from_second(time.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needless_bytes_of_serial_numbers_do_not_count() {
        for (content, expected) in [
            (&[0x00, 0x8a][..], &[0x00, 0x8a][..]),
            (&[0x00, 0x00, 0x8a], &[0x00, 0x8a]),
            (&[0x00, 0x0a], &[0x0a]),
            (&[0xff, 0x8a], &[0x8a]),
            (&[0xff, 0x0a], &[0xff, 0x0a]),
            (&[0x00], &[0x00]),
            (&[], &[]),
        ] {
            assert_eq!(minimal(content), expected, "{content:02x?}");
        }
    }
}
