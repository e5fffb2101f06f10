//! The roots that a peer trusts.

use std::collections::HashMap;

use x509_parser::pem::Pem;
use x509_parser::prelude::PEMError;

use crate::certificate::{Certificate, CertificateError};
use crate::name::Name;

/// How a PEM block begins (RFC 7468 §2).
const PEM_BEGIN: &[u8] = b"-----BEGIN";
/// The first byte of a certificate in DER: a SEQUENCE (RFC 5280 §4.1).
const DER_SEQUENCE: u8 = 0x30;

/// A named set of trusted roots, built once and shared.
///
/// A root is a subject and a public key. Certificates that share both are one root: public lists hold re-issued
/// copies with other dates or serial numbers, and a peer that trusts one trusts the key.
#[derive(Debug, Clone, Default)]
pub struct RootSet {
    name: String,
    roots: Vec<Root>,
    by_subject: HashMap<Box<[u8]>, Vec<usize>>,
}

/// One trusted root.
#[derive(Debug, Clone)]
pub struct Root {
    /// How people call it: see [`Root::name_of`], unless the list gave a name.
    pub name: String,
    /// Its certificate; of several copies the one that ends last.
    pub certificate: Certificate,
    /// The other copies of it in the list.
    pub copies: Vec<Certificate>,
}

impl Root {
    /// What to call an authority: its CN; its OU when there is no CN or the CN only repeats the O (GlobalSign R3 to
    /// R6 are `OU=GlobalSign Root CA - R3,O=GlobalSign,CN=GlobalSign`); its O; at last the whole subject.
    #[must_use]
    pub fn name_of(subject: &Name) -> String {
        let organization = subject.organizations().pop();
        let unit = subject.organizational_units().pop();
        let common_name = subject.common_names().pop();
        let is_mere_repetition = common_name == organization && unit.is_some();
        common_name
            .filter(|_| !is_mere_repetition)
            .or(unit)
            .or(organization)
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| subject.text().to_owned())
    }
}

/// Why a PEM file is no root set.
#[derive(Debug, thiserror::Error)]
pub enum RootSetError {
    /// No PEM block at all.
    #[error("no certificate found: expected at least one block \"BEGIN CERTIFICATE\"")]
    Empty,
    /// A block is damaged.
    #[error("PEM block {block} is malformed")]
    Pem {
        /// Counted from 1.
        block: usize,
        /// What is wrong.
        source: PEMError,
    },
    /// A file in DER that is no certificate.
    #[error("the DER is no readable certificate")]
    Der {
        /// What is wrong.
        source: CertificateError,
    },
    /// A block of another kind.
    #[error("PEM block {block}: expected CERTIFICATE, found {label}")]
    Label {
        /// Counted from 1.
        block: usize,
        /// The block's label.
        label: String,
    },
    /// A block that holds no certificate.
    #[error("PEM block {block} holds no readable certificate")]
    Certificate {
        /// Counted from 1.
        block: usize,
        /// What is wrong.
        source: CertificateError,
    },
}

impl RootSet {
    /// Reads a file of certificates: every block of a PEM text, or one certificate in DER.
    ///
    /// # Errors
    /// As [`RootSet::from_pem`]; [`RootSetError::Der`] for bytes that are neither.
    pub fn from_pem_or_der(name: &str, bytes: &[u8]) -> Result<Self, RootSetError> {
        let is_pem = bytes.windows(PEM_BEGIN.len()).any(|window| window == PEM_BEGIN);
        if is_pem || !bytes.starts_with(&[DER_SEQUENCE]) {
            return Self::from_pem(name, bytes);
        }
        match Certificate::from_der(bytes) {
            Ok(certificate) => Ok(Self::from_certificates(name, vec![certificate])),
            Err(source) => Err(RootSetError::Der { source }),
        }
    }

    /// Reads every block of a PEM text (RFC 7468 §5); lines outside blocks are ignored.
    ///
    /// Any readable certificate is taken, also an expired one, one of version 1 and one that is not self-signed:
    /// whoever lists it trusts it.
    ///
    /// # Errors
    /// [`RootSetError`] with the number of the first block that is damaged, of another kind or no certificate.
    pub fn from_pem(name: &str, pem: &[u8]) -> Result<Self, RootSetError> {
        let mut certificates = Vec::new();
        for (index, block) in Pem::iter_from_buffer(pem).enumerate() {
            let number = index.saturating_add(1);
            let block = block.map_err(|source| RootSetError::Pem {
                block: number,
                source,
            })?;
            if block.label != "CERTIFICATE" {
                return Err(RootSetError::Label {
                    block: number,
                    label: block.label,
                });
            }
            certificates.push(Certificate::from_der(&block.contents).map_err(|source| {
                RootSetError::Certificate {
                    block: number,
                    source,
                }
            })?);
        }
        if certificates.is_empty() {
            return Err(RootSetError::Empty);
        }
        Ok(Self::from_certificates(name, certificates))
    }

    /// A set of these certificates, each called by [`Root::name_of`].
    #[must_use]
    pub fn from_certificates(name: &str, certificates: Vec<Certificate>) -> Self {
        Self::from_named(
            name,
            certificates
                .into_iter()
                .map(|one| (Root::name_of(&one.subject), one)),
        )
    }

    /// A set of certificates with the names that a list gives them; of several copies the first name counts.
    pub fn from_named(name: &str, certificates: impl IntoIterator<Item = (String, Certificate)>) -> Self {
        let mut set = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        for (root_name, certificate) in certificates {
            let known = set
                .find_index(&certificate)
                .and_then(|index| set.roots.get_mut(index));
            match known {
                Some(root) if root.certificate == certificate || root.copies.contains(&certificate) => {}
                Some(root) => {
                    let mut copy = certificate;
                    if copy.not_after > root.certificate.not_after {
                        std::mem::swap(&mut copy, &mut root.certificate);
                    }
                    root.copies.push(copy);
                }
                None => {
                    let subject = certificate.subject.canonical().into();
                    set.by_subject.entry(subject).or_default().push(set.roots.len());
                    set.roots.push(Root {
                        name: root_name,
                        certificate,
                        copies: Vec::new(),
                    });
                }
            }
        }
        set
    }

    /// The set's name, which becomes the group of an anchor.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many roots; copies do not count.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.roots.len()
    }

    /// Whether nothing is trusted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// The roots in the order of the list.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// The root with the subject and the public key of this certificate.
    #[must_use]
    pub fn find(&self, certificate: &Certificate) -> Option<&Root> {
        self.find_index(certificate)
            .and_then(|index| self.roots.get(index))
    }

    fn find_index(&self, certificate: &Certificate) -> Option<usize> {
        let indices = self.by_subject.get(certificate.subject.canonical())?;
        indices.iter().copied().find(|index| {
            self.roots
                .get(*index)
                .is_some_and(|root| root.certificate.spki_sha256 == certificate.spki_sha256)
        })
    }

    /// The roots of this name, with their indices. Several keys can carry one name.
    pub fn named(&self, subject: &Name) -> impl Iterator<Item = (usize, &Root)> {
        let indices = self
            .by_subject
            .get(subject.canonical())
            .map(Vec::as_slice)
            .unwrap_or_default();
        indices
            .iter()
            .filter_map(|index| Some((*index, self.roots.get(*index)?)))
    }
}
