//! A chain that one caller refuses: who would accept it, and what would have to be sent as well.

use crate::judge::Roots;
use siptls_catalog::{BROWSER, RootGroup, cross_certificates, root_group};
use siptls_cert::{Chain, Path, PathProblem, Root, assess_path};
use siptls_model::Opinion;

/// How a chain stands with each of these lists of roots: only what was sent counts, and no date.
#[must_use]
pub fn opinions<'a>(chain: &Chain, groups: impl IntoIterator<Item = &'a RootGroup>) -> Vec<Opinion> {
    groups
        .into_iter()
        .map(|group| {
            let path = assess_path(chain, &group.roots);
            let listed = listed_hash(&path).and_then(|hash| group.listed_name(hash));
            Opinion {
                group: group.name.to_owned(),
                title: group.title.to_owned(),
                trusted: match (&path.anchor, listed, is_unknown(&path)) {
                    (Some(_), ..) => Some(true),
                    (None, Some(_), _) | (None, None, true) => None,
                    (None, None, false) => Some(false),
                },
                trust_anchor: path.anchor.as_ref().map(|anchor| anchor.name.clone()),
                problem: match listed {
                    Some(listed) => Some(format!(
                        "{} is on the list by name, its certificate is not at hand",
                        listed.common_name
                    )),
                    None => path.problem.as_ref().map(ToString::to_string),
                },
            }
        })
        .collect()
}

/// What would make a refused chain pass with the caller, and who else accepts it as it is: ends of a sentence about
/// evidence, each after a semicolon. Empty where the roots are the operator's own.
pub(crate) fn instead(chain: &Chain, path: &Path, roots: &Roots) -> String {
    if roots.are_own || is_unknown(path) {
        return String::new();
    }
    let mut text = String::new();
    for cross in top_name(path).into_iter().flat_map(cross_certificates) {
        let is_listed = |root: &Root| {
            root.name == cross.signed_by || Root::name_of(&root.certificate.subject) == cross.signed_by
        };
        if roots.sets.iter().any(|set| set.roots().iter().any(is_listed)) {
            text += &format!(
                "; would pass if the cross-certificate of {} by {} were sent as well ({})",
                cross.subject, cross.signed_by, cross.source
            );
        }
    }
    if let Some(browser) = root_group(BROWSER) {
        let path = assess_path(chain, &browser.roots);
        text += &match &path.anchor {
            Some(anchor) => format!("; a browser accepts it (root {})", anchor.name),
            None if is_unknown(&path) => String::new(),
            None => "; a browser does not accept it either".to_owned(),
        };
    }
    text
}

/// Whether the chain could not be judged at all.
const fn is_unknown(path: &Path) -> bool {
    matches!(
        path.problem,
        Some(
            PathProblem::NoCertificates
                | PathProblem::UnparsableLeaf { .. }
                | PathProblem::UnparsableCertificate { .. }
                | PathProblem::PathTooComplex
                | PathProblem::UnknownSignatureAlgorithm { .. }
        )
    )
}

/// Subject hash of the authority at which the path ended.
fn listed_hash(path: &Path) -> Option<&str> {
    match path.problem.as_ref()? {
        PathProblem::MissingIntermediate { subject_hash, .. } => Some(subject_hash),
        PathProblem::UnknownRoot {
            hash,
            same_name_trusted: false,
            ..
        }
        | PathProblem::UnknownIssuer {
            hash,
            same_name_trusted: false,
            ..
        } => Some(hash),
        _ => None,
    }
}

/// The common name of the authority at which the path ended; names print as `CN=…,O=…`.
fn top_name(path: &Path) -> Option<&str> {
    let name = match path.problem.as_ref()? {
        PathProblem::MissingIntermediate { issuer, .. } => issuer,
        PathProblem::UnknownRoot { name, .. } | PathProblem::UnknownIssuer { name, .. } => name,
        _ => return None,
    };
    name.split(',').find_map(|part| part.trim().strip_prefix("CN="))
}
