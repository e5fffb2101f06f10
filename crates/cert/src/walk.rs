//! The search itself: depth first from the leaf, issuer by issuer, on a budget.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::certificate::Certificate;
use crate::chain::Chain;
use crate::path::PathProblem;
use crate::roots::{Root, RootSet};
use crate::signature::{self, Outcome};

/// Signatures checked in one search. A real chain needs two or three; 64 of the slowest (RSA-8192) take 10 ms or so.
const MAX_SIGNATURES: u32 = 64;
/// Certificates looked at in one search, repeats counted.
const MAX_STEPS: u32 = 512;
/// Certificates in one path, the anchor not counted. Real ones have two to four; webpki allows eight.
const MAX_PATH: usize = 10;
/// Different certificates that are searched; the first ones sent count.
const MAX_CERTIFICATES: usize = 64;

/// How an attempt ended.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    /// At a trusted root.
    Anchor(&'a Root),
    /// At a certificate that signed itself and is not trusted.
    SelfSigned,
    /// At a certificate whose issuer is neither sent nor trusted.
    Dead,
}

/// One attempt.
pub(crate) struct Candidate<'a> {
    pub(crate) certificates: Vec<usize>,
    pub(crate) end: End<'a>,
    pub(crate) defect: Option<PathProblem>,
}

impl Candidate<'_> {
    pub(crate) const fn is_trusted(&self) -> bool {
        matches!((&self.end, &self.defect), (End::Anchor(_), None))
    }

    /// Lower is better. What cannot be computed may be good, what is defective cannot. A failed signature against a root
    /// says less than a clean path to a self-signed certificate that was sent: roots of one name with different keys exist.
    const fn class(&self) -> u8 {
        match (&self.end, &self.defect) {
            (End::Anchor(_), None) => 0,
            (End::Anchor(_), Some(PathProblem::UnknownSignatureAlgorithm { .. })) => 1,
            (End::Anchor(_), Some(PathProblem::BadSignature { .. })) => 4,
            (End::Anchor(_), Some(_)) => 2,
            (End::SelfSigned, None | Some(PathProblem::UnknownSignatureAlgorithm { .. })) => 3,
            (End::SelfSigned, Some(PathProblem::BadSignature { .. })) => 5,
            (End::SelfSigned, Some(_)) => 4,
            (End::Dead, None) => 6,
            (End::Dead, Some(_)) => 7,
        }
    }

    fn is_better_than(&self, other: &Self) -> bool {
        let longer_is_better = matches!(self.end, End::Dead);
        self.class() < other.class()
            || (self.class() == other.class()
                && longer_is_better
                && self.certificates.len() > other.certificates.len())
    }
}

/// A certificate tried as issuer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Sent(usize),
    Root(usize),
}

pub(crate) struct Walk<'a> {
    certificates: Vec<(usize, &'a Certificate)>,
    roots: &'a RootSet,
    checked: HashMap<(usize, Key), Outcome>,
    signatures_left: u32,
    steps_left: u32,
    exhausted: bool,
    best: Option<Candidate<'a>>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(chain: &'a Chain, roots: &'a RootSet) -> Self {
        let mut certificates: Vec<(usize, &Certificate)> = Vec::with_capacity(chain.entries.len().min(8));
        for (index, certificate) in chain.certificates() {
            if certificates.len() == MAX_CERTIFICATES {
                break;
            }
            let fingerprint = certificate.fingerprint_sha256;
            if !certificates
                .iter()
                .any(|(_, known)| known.fingerprint_sha256 == fingerprint)
            {
                certificates.push((index, certificate));
            }
        }
        Self {
            certificates,
            roots,
            checked: HashMap::new(),
            signatures_left: MAX_SIGNATURES,
            steps_left: MAX_STEPS,
            exhausted: false,
            best: None,
        }
    }

    /// The best attempt, and whether the budget ran out. The chain's first entry must be readable.
    pub(crate) fn run(mut self) -> (Option<Candidate<'a>>, bool) {
        if let Some((index, leaf)) = self.certificates.first().copied() {
            match self.roots.find(leaf) {
                Some(root) => self.record(
                    &[(index, leaf)],
                    End::Anchor(root),
                    critical_extension(index, leaf),
                ),
                None => {
                    let defect = critical_extension(index, leaf);
                    self.visit(&mut vec![(index, leaf)], defect);
                }
            }
        }
        (self.best, self.exhausted)
    }

    /// Follows the last certificate of the path upwards; true when the search is over.
    fn visit(&mut self, path: &mut Vec<(usize, &'a Certificate)>, defect: Option<PathProblem>) -> bool {
        let Some((index, certificate)) = path.last().copied() else {
            return true;
        };
        let Some(steps_left) = self.steps_left.checked_sub(1) else {
            self.exhausted = true;
            return true;
        };
        self.steps_left = steps_left;

        let roots = self.roots;
        for (number, root) in roots.named(&certificate.issuer) {
            if let Some(link) = self.link(index, certificate, Key::Root(number), &root.certificate) {
                let violation = name_violation(path, &root.certificate, &root.name);
                let defect = first_proven([defect.clone(), link, violation]);
                self.record(path, End::Anchor(root), defect);
                if self.best.as_ref().is_some_and(Candidate::is_trusted) {
                    return true;
                }
            }
        }
        if certificate.self_issued && self.is_self_signed(index, certificate) {
            self.record(path, End::SelfSigned, defect);
            return false;
        }

        let mut issuers = Vec::new();
        for position in 0..self.certificates.len() {
            let Some((number, issuer)) = self.certificates.get(position).copied() else {
                continue;
            };
            if !issuer.subject.matches(&certificate.issuer)
                || path.iter().any(|(_, one)| one.same_entity(issuer))
            {
                continue;
            }
            if let Some(link) = self.link(index, certificate, Key::Sent(number), issuer) {
                issuers.push((number, issuer, link));
            }
        }
        if issuers.is_empty() {
            let broken_by_itself = || PathProblem::BadSignature {
                index,
                issuer: certificate.issuer.text().to_owned(),
            };
            let is_own_issuer = certificate.self_issued && agreement(certificate, certificate) != Some(false);
            let defect = first_proven([defect, is_own_issuer.then(broken_by_itself), None]);
            self.record(path, End::Dead, defect);
            return false;
        }
        issuers.sort_by_key(|(_, issuer, link)| {
            (
                link.is_some(),
                agreement(certificate, issuer) != Some(true),
                Reverse(issuer.not_after),
            )
        });
        for (number, issuer, link) in issuers {
            if path.len() >= MAX_PATH {
                self.exhausted = true;
                return true;
            }
            let defect = first_proven([defect.clone(), link, issuer_defect(path, number, issuer)]);
            path.push((number, issuer));
            let over = self.visit(path, defect);
            path.pop();
            if over {
                return true;
            }
        }
        false
    }

    fn record(&mut self, path: &[(usize, &'a Certificate)], end: End<'a>, defect: Option<PathProblem>) {
        let certificates = path.iter().map(|(index, _)| *index).collect();
        let candidate = Candidate {
            certificates,
            end,
            defect,
        };
        if self
            .best
            .as_ref()
            .is_none_or(|best| candidate.is_better_than(best))
        {
            self.best = Some(candidate);
        }
    }

    /// Whether a certificate of the right name is the issuer: `None` when it is not, else the defect of the link.
    ///
    /// A signature that verifies decides. Without one, key identifiers that differ mean another key of the same
    /// name, so the issuer is elsewhere; otherwise the link stands, with its defect.
    fn link(
        &mut self,
        index: usize,
        certificate: &Certificate,
        key: Key,
        issuer: &Certificate,
    ) -> Option<Option<PathProblem>> {
        let outcome = self.check(index, certificate, key, issuer)?;
        if certificate.raw.algorithms_differ {
            return Some(Some(PathProblem::SignatureAlgorithmsDiffer { index }));
        }
        let problem = match outcome {
            Outcome::Good => return Some(None),
            Outcome::Bad => PathProblem::BadSignature {
                index,
                issuer: issuer.subject.text().to_owned(),
            },
            Outcome::Refused(algorithm) => PathProblem::UnsupportedSignatureAlgorithm { index, algorithm },
            Outcome::Unknown(algorithm) => PathProblem::UnknownSignatureAlgorithm { index, algorithm },
        };
        (agreement(certificate, issuer) != Some(false)).then_some(Some(problem))
    }

    fn is_self_signed(&mut self, index: usize, certificate: &Certificate) -> bool {
        match self.check(index, certificate, Key::Sent(index), certificate) {
            Some(Outcome::Good) => true,
            Some(Outcome::Refused(_) | Outcome::Unknown(_)) => {
                agreement(certificate, certificate) != Some(false)
            }
            Some(Outcome::Bad) | None => false,
        }
    }

    /// Checks a signature once; `None` when the budget is spent.
    fn check(
        &mut self,
        index: usize,
        certificate: &Certificate,
        key: Key,
        issuer: &Certificate,
    ) -> Option<Outcome> {
        if let Some(outcome) = self.checked.get(&(index, key)) {
            return Some(outcome.clone());
        }
        let Some(signatures_left) = self.signatures_left.checked_sub(1) else {
            self.exhausted = true;
            return None;
        };
        self.signatures_left = signatures_left;
        let outcome = signature::verify(certificate, issuer);
        self.checked.insert((index, key), outcome.clone());
        Some(outcome)
    }
}

/// The first of some defects, from the leaf upwards; what cannot be computed gives way to what is proven.
fn first_proven(defects: [Option<PathProblem>; 3]) -> Option<PathProblem> {
    let (unknown, proven): (Vec<_>, Vec<_>) =
        defects.into_iter().flatten().partition(PathProblem::is_unknown);
    proven.into_iter().chain(unknown).next()
}

/// Whether the key identifiers agree; `None` when one of them is absent.
fn agreement(certificate: &Certificate, issuer: &Certificate) -> Option<bool> {
    Some(certificate.authority_key_id.as_ref()? == issuer.subject_key_id.as_ref()?)
}

/// Why a certificate that was sent must not issue the last one of the path.
fn issuer_defect(path: &[(usize, &Certificate)], index: usize, issuer: &Certificate) -> Option<PathProblem> {
    if !issuer.is_ca || issuer.key_usage.is_some_and(|usage| !usage.key_cert_sign()) {
        return Some(PathProblem::NotACa { index });
    }
    let below = path.iter().skip(1).filter(|(_, one)| !one.self_issued).count();
    let found = u32::try_from(below).unwrap_or(u32::MAX);
    if let Some(allowed) = issuer.path_len.filter(|allowed| found > *allowed) {
        return Some(PathProblem::PathLengthExceeded {
            index,
            allowed,
            found,
        });
    }
    critical_extension(index, issuer).or_else(|| name_violation(path, issuer, issuer.subject.text()))
}

fn critical_extension(index: usize, certificate: &Certificate) -> Option<PathProblem> {
    let oid = certificate.unknown_critical.first()?.clone();
    Some(PathProblem::UnknownCriticalExtension { index, oid })
}

/// The first name below an authority that its constraints forbid; self-issued intermediates are exempt
/// (RFC 5280 §6.1.3 (b)).
fn name_violation(
    path: &[(usize, &Certificate)],
    authority: &Certificate,
    name: &str,
) -> Option<PathProblem> {
    let constraints = authority.raw.name_constraints.as_ref()?;
    let constrained = path
        .iter()
        .enumerate()
        .filter(|(depth, (_, one))| *depth == 0 || !one.self_issued);
    constrained.map(|(_, pair)| pair).find_map(|(index, one)| {
        let found = constraints.violation(one)?;
        Some(PathProblem::NameConstraint {
            index: *index,
            name: found,
            authority: name.to_owned(),
        })
    })
}
