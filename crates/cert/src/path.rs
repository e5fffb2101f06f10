//! The path from a leaf to a trusted root, or why there is none.

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::chain::{Chain, Entry};
use crate::der;
use crate::extension::Purpose;
use crate::roots::{Root, RootSet};
use crate::walk::{Candidate, End, Walk};

/// What became of the search for a path: either an anchor or a problem, never both, never neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The trusted root at the end; `None` exactly when there is a problem.
    pub anchor: Option<Anchor>,
    /// Whether the intermediates needed were sent, apart from whether the top is trusted:
    ///
    /// - `Some(true)`: using only what was sent, the leaf leads to a trusted root (itself sent or not) or to a
    ///   self-signed certificate that was sent.
    /// - `Some(false)`: the leaf's own issuer was not sent and is no trusted root. A leaf signed directly by an
    ///   untrusted root that was not sent looks the same; sending the issuer mends both.
    /// - `None`: cannot be known. Intermediates were sent, and the issuer of the topmost is neither sent nor trusted:
    ///   it may be a missing intermediate (or cross-certificate) or an untrusted root. Also when the leaf or an entry
    ///   that may be the missing one cannot be read, when a signature on the way cannot be computed, when nothing was
    ///   sent, and when the budget ran out.
    pub complete: Option<bool>,
    /// Indices into the chain, leaf first, of the path found, or of the best attempt when there is a problem. Neither
    /// strays nor a sent copy of the anchor are in it, unless the leaf is the anchor.
    pub certificates: Vec<usize>,
    /// Index of a copy of the anchor among the certificates sent. Needless (RFC 5246 §7.4.2), not harmful.
    pub root_sent: Option<usize>,
    /// Why no trusted root is reached.
    pub problem: Option<PathProblem>,
}

/// The trusted root that a path ends at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// How people call it ([`Root::name`]).
    pub name: String,
    /// OpenSSL's hash of its subject, 8 hex digits: for display.
    pub subject_hash: String,
    /// The name of the root set.
    pub group: String,
    /// Start of its validity. Of several copies the one that ends last counts.
    pub not_before: Timestamp,
    /// End of its validity. It does not decide the path.
    pub not_after: Timestamp,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_sha256: [u8; 32],
}

/// Why no path was found. Each prints as one sentence; `index` counts the certificates in the order sent, from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// The list was empty.
    #[error("no certificate was sent")]
    NoCertificates,
    /// The first entry is no certificate.
    #[error("the peer's own certificate cannot be read: {why}")]
    UnparsableLeaf {
        /// The fault.
        why: String,
    },
    /// An issuer is missing while an entry that may be it cannot be read.
    #[error("certificate {index} cannot be read and may be the missing issuer {issuer}: {why}")]
    UnparsableCertificate {
        /// The unreadable entry.
        index: usize,
        /// Name of the issuer that was not found.
        issuer: String,
        /// The fault.
        why: String,
    },
    /// The leaf's issuer was not sent and is no trusted root.
    #[error("the intermediate certificate {issuer} (hash {subject_hash}) was not sent")]
    MissingIntermediate {
        /// Its name.
        issuer: String,
        /// OpenSSL's hash of the name.
        subject_hash: String,
        /// Where the leaf says it can be fetched (caIssuers).
        urls: Vec<String>,
    },
    /// The path ends at a self-signed certificate that was sent and is not in the set.
    #[error("the root {name} (hash {hash}) is not trusted{}", if *.same_name_trusted { ": a trusted root has this name, but another key" } else { "" })]
    UnknownRoot {
        /// Its name.
        name: String,
        /// OpenSSL's hash of the name.
        hash: String,
        /// It was sent and is self-signed. Always true today; a root known only by name is [`Self::UnknownIssuer`].
        self_signed: bool,
        /// The set has a root of this name with another key: a copied name, or a re-keyed authority.
        same_name_trusted: bool,
    },
    /// The leaf is self-signed and not itself in the set.
    #[error("the certificate is self-signed")]
    SelfSignedLeaf,
    /// Intermediates were sent, but the issuer of the topmost is neither sent nor trusted.
    #[error("the issuer {name} (hash {hash}) of certificate {index} was not sent and is not a trusted root{}", if *.same_name_trusted { ": a trusted root has this name, but another key" } else { "" })]
    UnknownIssuer {
        /// The topmost certificate found.
        index: usize,
        /// Its issuer's name.
        name: String,
        /// OpenSSL's hash of the name.
        hash: String,
        /// Where the topmost certificate says its issuer can be fetched (caIssuers).
        urls: Vec<String>,
        /// The set has a root of this name with another key.
        same_name_trusted: bool,
    },
    /// The issuer's name fits, but its key did not sign the certificate.
    #[error("the signature on certificate {index} does not verify with the key of {issuer}")]
    BadSignature {
        /// The certificate with the signature.
        index: usize,
        /// Name of the issuer tried.
        issuer: String,
    },
    /// The signature is of a kind that verifiers refuse: SHA-1, MD5, an RSA key below 1,024 bits.
    #[error("the signature algorithm {algorithm} of certificate {index} is not accepted")]
    UnsupportedSignatureAlgorithm {
        /// The certificate with the signature.
        index: usize,
        /// Long name, with the issuer's key where that is the reason.
        algorithm: String,
    },
    /// A path to a trusted root hangs on a signature that cannot be computed here (Ed448, PSS with unusual parameters,
    /// a number nobody knows): whether the root is reached is not known.
    #[error("the signature algorithm {algorithm} of certificate {index} is not known to this program")]
    UnknownSignatureAlgorithm {
        /// The certificate with the signature.
        index: usize,
        /// Long or dotted name, with the issuer's key where that is the reason.
        algorithm: String,
    },
    /// An issuer on the path must not issue (RFC 5280 §6.1.4 (k), (n)).
    #[error("certificate {index} is used as an issuer but is not a certificate authority")]
    NotACa {
        /// The issuer.
        index: usize,
    },
    /// More intermediates below it than it allows (RFC 5280 §6.1.4 (m)).
    #[error("certificate {index} allows {allowed} intermediates below it, found {found}")]
    PathLengthExceeded {
        /// The issuer.
        index: usize,
        /// Its pathLenConstraint.
        allowed: u32,
        /// Intermediates below it, self-issued ones not counted.
        found: u32,
    },
    /// A name is outside what an authority may certify (RFC 5280 §4.2.1.10).
    #[error("the name constraints of {authority} do not permit {name} in certificate {index}")]
    NameConstraint {
        /// The certificate with the name.
        index: usize,
        /// The name, with its kind.
        name: String,
        /// Who is constrained.
        authority: String,
    },
    /// A critical extension that nobody knows: a verifier must refuse (RFC 5280 §4.2).
    #[error("certificate {index} has an unknown critical extension {oid}")]
    UnknownCriticalExtension {
        /// The certificate.
        index: usize,
        /// The extension's dotted object identifier.
        oid: String,
    },
    /// The signed part and the envelope name different signature algorithms (RFC 5280 §4.1.1.2).
    #[error("certificate {index} names two different signature algorithms")]
    SignatureAlgorithmsDiffer {
        /// The certificate.
        index: usize,
    },
    /// The budget of steps or signatures ran out: a chain made to cost time.
    #[error("the chain is too complex to find a path")]
    PathTooComplex,
}

impl PathProblem {
    /// The certificate that it is about, counted in the order sent from 0; `None` when it is about none in particular.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::UnparsableLeaf { .. } => Some(0),
            Self::UnparsableCertificate { index, .. }
            | Self::UnknownIssuer { index, .. }
            | Self::BadSignature { index, .. }
            | Self::UnsupportedSignatureAlgorithm { index, .. }
            | Self::UnknownSignatureAlgorithm { index, .. }
            | Self::NotACa { index }
            | Self::PathLengthExceeded { index, .. }
            | Self::NameConstraint { index, .. }
            | Self::UnknownCriticalExtension { index, .. }
            | Self::SignatureAlgorithmsDiffer { index } => Some(*index),
            Self::NoCertificates
            | Self::MissingIntermediate { .. }
            | Self::UnknownRoot { .. }
            | Self::SelfSignedLeaf
            | Self::PathTooComplex => None,
        }
    }

    /// Whether it shows that somebody did not sign what they should have, or not in a way that counts; other defects
    /// leave the chain of signatures sound, or unknown.
    pub(crate) const fn is_about_signatures(&self) -> bool {
        matches!(
            self,
            Self::BadSignature { .. }
                | Self::UnsupportedSignatureAlgorithm { .. }
                | Self::SignatureAlgorithmsDiffer { .. }
        )
    }

    /// Whether it is no defect but the limit of what can be computed here.
    pub(crate) const fn is_unknown(&self) -> bool {
        matches!(self, Self::UnknownSignatureAlgorithm { .. })
    }
}

/// Finds the path from the first certificate to a root of the set, using only what was sent.
///
/// Neither dates nor extended key usage decide it: see [`crate::dates`] and [`effective_purposes`]. Roots are
/// recognised by subject and public key, so it does not matter whether a root was sent, or which of its re-issued
/// copies. Checked are the signatures, the issuers' right to issue (basic constraints, key usage, path length),
/// name constraints and critical extensions; a root's own constraints other than on names are not (RFC 5280 §6.1.1 (d)).
/// Of several paths the shortest is taken, then the one whose certificates last longest.
///
/// The work is bounded: see the constants in `walk.rs`.
#[must_use]
pub fn assess_path(chain: &Chain, roots: &RootSet) -> Path {
    let nothing = |problem| Path {
        anchor: None,
        complete: None,
        certificates: Vec::new(),
        root_sent: None,
        problem: Some(problem),
    };
    match chain.entries.first() {
        None => nothing(PathProblem::NoCertificates),
        Some(Entry::Unparsable { why, .. }) => nothing(PathProblem::UnparsableLeaf { why: why.clone() }),
        Some(Entry::Parsed(leaf)) => {
            let (best, exhausted) = Walk::new(chain, roots).run();
            match best {
                Some(best) if !exhausted || best.is_trusted() => describe(chain, roots, leaf, best),
                best => Path {
                    certificates: best.map_or_else(|| vec![0], |best| best.certificates),
                    ..nothing(PathProblem::PathTooComplex)
                },
            }
        }
    }
}

fn describe(chain: &Chain, roots: &RootSet, leaf: &Certificate, best: Candidate<'_>) -> Path {
    let Candidate {
        certificates,
        end,
        defect,
    } = best;
    let top_index = certificates.last().copied().unwrap_or_default();
    let top = chain.certificate(top_index).unwrap_or(leaf);
    let same_name_trusted = roots.named(&top.issuer).next().is_some();
    let is_unknown = defect.as_ref().is_some_and(PathProblem::is_unknown);
    let mut path = Path {
        anchor: None,
        complete: None,
        certificates,
        root_sent: None,
        problem: None,
    };
    match end {
        End::Anchor(root) => {
            path.complete = Some(true);
            path.root_sent = chain
                .certificates()
                .find(|(index, one)| !path.certificates.contains(index) && one.same_entity(&root.certificate))
                .map(|(index, _)| index);
            if is_unknown {
                path.complete = None;
            }
            match defect {
                Some(defect) => path.problem = Some(defect),
                None => path.anchor = Some(Anchor::new(root, roots)),
            }
        }
        // No signature leads from here to a trusted root: what cannot be computed below decides nothing but completeness.
        End::SelfSigned => {
            path.complete = (!is_unknown).then_some(true);
            path.problem = Some(
                defect
                    .filter(PathProblem::is_about_signatures)
                    .unwrap_or_else(|| {
                        if path.certificates.len() == 1 {
                            PathProblem::SelfSignedLeaf
                        } else {
                            PathProblem::UnknownRoot {
                                name: top.subject.text().to_owned(),
                                hash: top.subject.hash_hex(),
                                self_signed: true,
                                same_name_trusted,
                            }
                        }
                    }),
            );
        }
        End::Dead => {
            let unreadable = chain
                .entries
                .iter()
                .enumerate()
                .find_map(|(index, entry)| match entry {
                    Entry::Unparsable { why, .. } => Some((index, why.clone())),
                    Entry::Parsed(_) => None,
                });
            let only_leaf = path.certificates.len() == 1;
            let defect = defect.filter(PathProblem::is_about_signatures);
            path.complete =
                (only_leaf && unreadable.is_none() && defect.is_none() && !is_unknown).then_some(false);
            let (issuer, hash) = (top.issuer.text().to_owned(), top.issuer.hash_hex());
            let urls = top.ca_issuers_urls.clone();
            path.problem = Some(match (defect, unreadable) {
                (Some(defect), _) => defect,
                (None, Some((index, why))) => PathProblem::UnparsableCertificate { index, issuer, why },
                (None, None) if only_leaf => PathProblem::MissingIntermediate {
                    issuer,
                    subject_hash: hash,
                    urls,
                },
                (None, None) => PathProblem::UnknownIssuer {
                    index: top_index,
                    name: issuer,
                    hash,
                    urls,
                    same_name_trusted,
                },
            });
        }
    }
    path
}

impl Anchor {
    fn new(root: &Root, roots: &RootSet) -> Self {
        Self {
            name: root.name.clone(),
            subject_hash: root.certificate.subject.hash_hex(),
            group: roots.name().to_owned(),
            not_before: root.certificate.not_before,
            not_after: root.certificate.not_after,
            spki_sha256: root.certificate.spki_sha256,
        }
    }

    /// [`Anchor::spki_sha256`] in lower-case hex.
    #[must_use]
    pub fn spki_sha256_hex(&self) -> String {
        der::hex(&self.spki_sha256)
    }
}

/// What the leaf may be used for when its issuers' extended key usages are taken as limits, as OpenSSL, NSS and
/// webpki do: the leaf's purposes that every intermediate of the path with the extension also has. `None`: no
/// certificate of the path limits anything. anyExtendedKeyUsage counts as no limit. The root's own are not looked at.
#[must_use]
pub fn effective_purposes(chain: &Chain, path: &Path) -> Option<Vec<Purpose>> {
    let mut allowed: Option<Vec<Purpose>> = None;
    for certificate in path
        .certificates
        .iter()
        .filter_map(|index| chain.certificate(*index))
    {
        let Some(own) = &certificate.extended_key_usage else {
            continue;
        };
        if own.contains(&Purpose::Any) {
            continue;
        }
        match &mut allowed {
            None => allowed = Some(own.clone()),
            Some(allowed) => allowed.retain(|purpose| own.contains(purpose)),
        }
    }
    allowed
}
