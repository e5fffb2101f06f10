//! Whose list tells of which certificate of a path.

use crate::certificate::Certificate;
use crate::chain::Chain;
use crate::path::Path;
use crate::roots::RootSet;

/// A certificate of a path with the authority whose revocation list tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// Which one, counted in the order sent from 0.
    pub index: usize,
    /// The certificate.
    pub certificate: &'a Certificate,
    /// Its issuer; `None` when it is neither sent nor in the root sets.
    pub issuer: Option<&'a Certificate>,
}

/// The certificates of a path that a list can tell of: the leaf and every intermediate, leaf first. A root is never
/// among them: who would sign its revocation? Empty when the path's signatures do not hold.
pub fn links<'a>(
    chain: &'a Chain,
    path: &Path,
    roots: impl IntoIterator<Item = &'a RootSet>,
) -> Vec<Link<'a>> {
    if path
        .problem
        .as_ref()
        .is_some_and(|problem| problem.is_about_signatures())
    {
        return Vec::new();
    }
    let certificates: Vec<(usize, &Certificate)> = path
        .certificates
        .iter()
        .filter_map(|index| Some((*index, chain.certificate(*index)?)))
        .collect();
    let anchor = path.anchor.as_ref().and_then(|anchor| {
        let (_, top) = certificates.last()?;
        let mut named = roots.into_iter().flat_map(|set| set.named(&top.issuer));
        let root = named.find(|(_, root)| root.certificate.spki_sha256 == anchor.spki_sha256);
        root.map(|(_, root)| &root.certificate)
    });
    let above = certificates
        .iter()
        .skip(1)
        .map(|(_, issuer)| Some(*issuer))
        .chain([anchor]);
    certificates
        .iter()
        .zip(above)
        // Trusted as it is, or without an issuer and issued by itself: a root, trusted or not.
        .filter(|((_, certificate), issuer)| {
            let trusted = path.anchor.as_ref().map(|anchor| anchor.spki_sha256);
            trusted != Some(certificate.spki_sha256) && (issuer.is_some() || !certificate.self_issued)
        })
        .map(|((index, certificate), issuer)| Link {
            index: *index,
            certificate,
            issuer,
        })
        .collect()
}
