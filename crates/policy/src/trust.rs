//! The chain: complete or not, trusted or not.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::{elsewhere, text};
use siptls_cert::{Chain, Path, PathProblem};

const INSTALL_INTERMEDIATES: &str = "install the leaf followed by every intermediate certificate as the certificate chain of the SIP listener";

/// Whether the chain could be judged at all: what this program cannot read is neither good nor bad.
pub(crate) fn was_judged(sight: &Sight<'_>) -> bool {
    sight.path.as_ref().is_some_and(|path| {
        !matches!(
            path.problem,
            Some(
                PathProblem::UnparsableLeaf { .. }
                    | PathProblem::UnparsableCertificate { .. }
                    | PathProblem::UnknownSignatureAlgorithm { .. }
                    | PathProblem::PathTooComplex
            )
        )
    })
}

pub(crate) fn complete(sight: &Sight<'_>) -> Answer {
    let (Some(chain), Some(path)) = (sight.chain(), &sight.path) else {
        return unseen(sight);
    };
    if let Some(PathProblem::NoCertificates) = path.problem {
        return no_certificates(sight);
    }
    if let Some(listed) = sight.listed {
        return Answer::skip(format!(
            "Cannot be told: the path seems to end at {}, whose certificate is not at hand",
            listed.common_name
        ))
        .showing(sent(chain));
    }
    let unreadable = chain
        .entries
        .iter()
        .position(|entry| entry.certificate().is_none());
    let is_sound = path.complete == Some(true) && !path.problem.as_ref().is_some_and(is_about_signatures);
    if let (true, Some(index)) = (is_sound, unreadable) {
        return Answer::warn(
            format!(
                "Every certificate up to the root was sent, and with them certificate {index}, which cannot be read: \
                 OpenSSL's clients end the handshake at it"
            ),
            sent(chain),
            replace(sight, index),
        );
    }
    match (path.complete, &path.problem) {
        (Some(true), Some(problem)) if is_about_signatures(problem) => {
            Answer::skip(format!("Cannot be told: {}", named(chain, problem))).showing(sent(chain))
        }
        (Some(true), _) if !in_order(path) => Answer::warn(
            "Every intermediate was sent, but not one after the other: old clients stop at the wrong one",
            format!("{}; path: {}", sent(chain), indices(path)),
            sight.on_endpoint(INSTALL_INTERMEDIATES),
        ),
        (Some(true), _) => {
            let spare = chain.entries.len().saturating_sub(path.certificates.len());
            let end = match (&path.anchor, path.root_sent) {
                (Some(anchor), None) => format!("the last is issued by {}", text::shown(&anchor.name)),
                (Some(_), Some(_)) => "the root was sent as well, which is needless".to_owned(),
                (None, _) => problem_text(path.problem.as_ref())
                    .trim_start_matches("; ")
                    .to_owned(),
            };
            let strays = match (spare, path.root_sent) {
                (0, _) | (1, Some(_)) => "",
                _ => "; certificates outside the path were sent as well",
            };
            Answer::pass(
                "Every certificate up to the root was sent",
                format!("{}; {end}{strays}", sent(chain)),
            )
        }
        (Some(false), Some(PathProblem::MissingIntermediate { issuer, urls, .. }))
            if sight.roots.sets.is_empty() =>
        {
            Answer::warn(
                format!(
                    "Only the leaf was sent: unless {} is a root that callers trust, an intermediate is missing",
                    text::shown(issuer)
                ),
                format!("{}{}", sent(chain), offered_at(urls)),
                sight.on_endpoint(INSTALL_INTERMEDIATES),
            )
        }
        (
            Some(false),
            Some(PathProblem::MissingIntermediate {
                issuer,
                subject_hash,
                urls,
            }),
        ) => Answer::fail(
            format!(
                "The intermediate certificate {} was not sent",
                text::shown(issuer)
            ),
            format!(
                "{}; missing: {} [{subject_hash}]{}",
                sent(chain),
                text::shown(issuer),
                offered_at(urls)
            ),
            sight.on_endpoint(INSTALL_INTERMEDIATES),
        ),
        (Some(false), problem) => Answer::fail(
            "A certificate between the leaf and the root was not sent",
            format!("{}{}", sent(chain), problem_text(problem.as_ref())),
            sight.on_endpoint(INSTALL_INTERMEDIATES),
        ),
        (None, Some(PathProblem::UnknownIssuer { name, urls, .. })) => Answer::skip(format!(
            "Cannot be told: {} may be a root or an intermediate that was not sent",
            text::shown(name)
        ))
        .showing(format!("{}{}", sent(chain), offered_at(urls))),
        (None, Some(problem @ PathProblem::UnknownSignatureAlgorithm { .. })) => {
            Answer::skip(format!("Cannot be told: {}", named(chain, problem))).showing(sent(chain))
        }
        (None, problem) => {
            let answer = Answer::skip("Cannot be told").showing(format!(
                "{}{}",
                sent(chain),
                problem_text(problem.as_ref())
            ));
            match unreadable {
                Some(index) => answer.advise(replace(sight, index)),
                None => answer,
            }
        }
    }
}

pub(crate) fn trusted(sight: &Sight<'_>) -> Answer {
    let (trusted, untrusted) = if sight.roots.are_own {
        (
            "one of the target's trust anchors".to_owned(),
            "is none of the target's trust anchors".to_owned(),
        )
    } else {
        let caller = &sight.profile.caller;
        (
            format!("which {caller} trusts"),
            format!("is no root that {caller} trusts"),
        )
    };
    let (Some(chain), Some(path)) = (sight.chain(), &sight.path) else {
        return unseen(sight);
    };
    if let Some(PathProblem::NoCertificates) = path.problem {
        return no_certificates(sight);
    }
    if let (true, Some(PathProblem::SelfSignedLeaf)) = (sight.roots.sets.is_empty(), &path.problem) {
        return Answer::warn(
            "The certificate is self-signed: it is trusted by those alone who were given it",
            format!("{}; no roots to compare with", sent(chain)),
            format!(
                "{}; or, where every caller was given it, name it in `trust_anchors` (`--trust-anchors`)",
                sight.on_endpoint("use a certificate of an authority that the callers trust")
            ),
        );
    }
    if sight.roots.sets.is_empty() {
        return Answer::skip("Not judged: the profile names no roots and the target has no trust anchors")
            .advise("give the roots that the callers trust (`trust_anchors`, `--trust-anchors`)");
    }
    let lists = text::groups(sight.roots.sets.iter().map(AsRef::as_ref));
    if let Some(anchor) = &path.anchor {
        return Answer::pass(
            format!("The path ends at {}, {trusted}", text::shown(&anchor.name)),
            format!(
                "root {} [{}] of {}; path: {}",
                text::shown(&anchor.name),
                anchor.subject_hash,
                anchor.group,
                indices(path)
            ),
        );
    }
    if let Some(listed) = sight.listed {
        return Answer::warn(
            format!(
                "{} is on the list by name, but its certificate is not at hand: not verified",
                listed.common_name
            ),
            format!(
                "issuer hash {}; anybody can make a certificate of that name; {}",
                listed.subject_hash,
                sent(chain)
            ),
            "in the configuration of this target: give the root's own certificate (`trust_anchors`, `--trust-anchors`) to have the path verified",
        );
    }
    let evidence = format!(
        "{}{}; compared with: {lists}{}",
        sent(chain),
        problem_text(path.problem.as_ref()),
        elsewhere::instead(chain, path, sight.roots)
    );
    let own_list = if sight.roots.are_own {
        "; or, where the callers do trust this root, add it to the target's trust anchors (`trust_anchors`, `--trust-anchors`)"
    } else {
        ""
    };
    let other_certificate = format!(
        "use a certificate of an authority on the caller's list, or send the cross-certificate that leads to one{own_list}"
    );
    match &path.problem {
        Some(PathProblem::MissingIntermediate { issuer, .. }) => Answer::fail(
            format!(
                "What was sent reaches no trusted root: its issuer {} was not sent and {untrusted}",
                text::shown(issuer)
            ),
            evidence,
            sight.on_endpoint(INSTALL_INTERMEDIATES),
        ),
        Some(PathProblem::UnknownRoot {
            name,
            same_name_trusted,
            ..
        }) => Answer::fail(
            format!(
                "The path ends at {}, which {untrusted}{}",
                text::shown(name),
                copied(*same_name_trusted)
            ),
            evidence,
            sight.on_endpoint(&other_certificate),
        ),
        Some(PathProblem::SelfSignedLeaf) => Answer::fail(
            format!("The certificate is self-signed and {untrusted}"),
            evidence,
            sight.on_endpoint(&other_certificate),
        ),
        Some(PathProblem::UnknownIssuer {
            name,
            same_name_trusted,
            urls,
            ..
        }) => Answer::fail(
            format!(
                "What was sent leads to {}, which {untrusted}{}",
                text::shown(name),
                copied(*same_name_trusted)
            ),
            format!("{evidence}{}", offered_at(urls)),
            sight.on_endpoint(&format!(
                "send the certificate of {} as well if it is an intermediate; else {other_certificate}",
                text::shown(name)
            )),
        ),
        Some(
            problem @ (PathProblem::UnparsableLeaf { .. }
            | PathProblem::UnparsableCertificate { .. }
            | PathProblem::UnknownSignatureAlgorithm { .. }
            | PathProblem::PathTooComplex),
        ) => Answer::skip(format!("Cannot be told: {}", named(chain, problem))).showing(sent(chain)),
        Some(problem @ PathProblem::BadSignature { .. }) => Answer::fail(
            format!(
                "The path breaks: {}; it is damaged, or of another authority of the same name",
                named(chain, problem)
            ),
            evidence,
            sight.on_endpoint(reissue(problem)),
        ),
        Some(problem) => Answer::fail(
            format!("The path breaks: {}", named(chain, problem)),
            evidence,
            sight.on_endpoint(reissue(problem)),
        ),
        None => Answer::skip("Cannot be told").showing(sent(chain)),
    }
}

fn unseen(sight: &Sight<'_>) -> Answer {
    Answer::skip(format!("No certificate was read: {}", sight.why_not()))
}

fn no_certificates(sight: &Sight<'_>) -> Answer {
    Answer::fail(
        "The endpoint sent an empty list of certificates",
        "Certificate message with no entry",
        sight.on_endpoint(INSTALL_INTERMEDIATES),
    )
}

/// Whether it is in doubt who signed what, so that the path itself is.
const fn is_about_signatures(problem: &PathProblem) -> bool {
    matches!(
        problem,
        PathProblem::BadSignature { .. }
            | PathProblem::UnsupportedSignatureAlgorithm { .. }
            | PathProblem::SignatureAlgorithmsDiffer { .. }
    )
}

/// Whether the path goes through the first certificates sent, one after the other.
fn in_order(path: &Path) -> bool {
    path.certificates
        .iter()
        .enumerate()
        .all(|(place, index)| place == *index)
}

/// The certificates sent, with their lengths.
fn sent(chain: &Chain) -> String {
    let entries = chain
        .entries
        .iter()
        .enumerate()
        .map(|(index, entry)| match entry.certificate() {
            Some(certificate) => {
                format!(
                    "{index} {} ({} bytes)",
                    text::certificate(certificate),
                    entry.der().len()
                )
            }
            None => format!("{index} unreadable ({} bytes)", entry.der().len()),
        });
    format!("sent: {}", text::list(entries))
}

fn indices(path: &Path) -> String {
    let indices: Vec<String> = path.certificates.iter().map(ToString::to_string).collect();
    indices.join(" → ")
}

/// Advice about an entry that is no certificate, or none that can be read.
fn replace(sight: &Sight<'_>, index: usize) -> String {
    sight.on_endpoint(&format!(
        "replace certificate {index} or leave it out: a client that cannot read it refuses the whole list"
    ))
}

/// A problem, and what the certificate is called that it is about.
fn named(chain: &Chain, problem: &PathProblem) -> String {
    let problem_text = text::shown(&problem.to_string());
    match problem.index() {
        Some(0) => format!("{problem_text} (0 is the endpoint's own)"),
        Some(index) => match chain.certificate(index) {
            Some(certificate) => format!("{problem_text} ({index} is {})", text::certificate(certificate)),
            None => problem_text,
        },
        None => problem_text,
    }
}

/// What mends a path that breaks.
const fn reissue(problem: &PathProblem) -> &'static str {
    match problem {
        PathProblem::UnsupportedSignatureAlgorithm { index: 0, .. } => {
            "have the certificate reissued with a signature by SHA-256 or better"
        }
        PathProblem::UnsupportedSignatureAlgorithm { .. } => {
            "install the authority's present intermediate, signed by SHA-256 or better, in place of this one"
        }
        PathProblem::NotACa { .. } => {
            "use a certificate that an authority issued: this issuer may not, by its basic constraints or key usage"
        }
        PathProblem::PathLengthExceeded { .. } => {
            "have the authority issue from an intermediate that may, or allow more intermediates below this one"
        }
        PathProblem::NameConstraint { .. } => {
            "use a certificate of an authority that may certify this name, or dial a name that this one may"
        }
        PathProblem::UnknownCriticalExtension { .. } => {
            "have the certificate reissued without this extension, or with it not critical"
        }
        _ => {
            "install the certificates as the authority issued them, or use one of an authority on the caller's list"
        }
    }
}

fn problem_text(problem: Option<&PathProblem>) -> String {
    problem
        .map(|problem| format!("; {}", text::shown(&problem.to_string())))
        .unwrap_or_default()
}

fn offered_at(urls: &[String]) -> String {
    if urls.is_empty() {
        String::new()
    } else {
        format!("; to be had at {}", text::list(urls))
    }
}

const fn copied(same_name_trusted: bool) -> &'static str {
    if same_name_trusted {
        " (a trusted root has the same name, but another key)"
    } else {
        ""
    }
}
