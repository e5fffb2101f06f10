//! The reference client of a survey against our own facts: does it come to the result that they predict?
//!
//! What is predicted is what rustls and webpki do with these facts at the moment of the connection, and not what the
//! profile's caller does: the differences that `siptls_cert` has on purpose are taken into account, see its crate page.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::text;
use siptls_cert::{
    Anchor, Certificate, Chain, DateStatus, KeyFacts, Path, PathProblem, Position, Purpose, dates,
};
use siptls_model::{Acceptance, CipherSuite, ClientCertificateMode, Observation, Reason, ReferenceResult};

/// Length of the RSA keys that webpki takes, in bits.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;
/// Intermediates in a path that webpki follows.
const MAX_INTERMEDIATES: usize = 6;

/// What our facts say of one question.
struct Prediction {
    /// `None`: they do not say.
    yes: Option<bool>,
    /// Why not, or why they do not say.
    why: Vec<String>,
}

impl Prediction {
    /// What refuses decides; what leaves it open comes next.
    fn of(refusals: Vec<String>, open: Vec<String>) -> Self {
        match (refusals.is_empty(), open.is_empty()) {
            (false, _) => Self {
                yes: Some(false),
                why: refusals,
            },
            (true, false) => Self { yes: None, why: open },
            (true, true) => Self {
                yes: Some(true),
                why: Vec::new(),
            },
        }
    }
}

pub(crate) fn agrees(sight: &Sight<'_>) -> Answer {
    let Some(reference) = sight.observation.reference.as_deref() else {
        return Answer::skip("Not looked at by a routine visit");
    };
    if let Some(why) = &reference.why_not {
        return Answer::skip(format!("The reference client was not run: {why}"));
    }
    let Some(connects) = reference.connects else {
        return Answer::skip("The reference client got no answer, this visit did")
            .showing(reference.to_string());
    };
    let (Some(chain), Some(path)) = (sight.chain(), sight.path.as_ref()) else {
        return Answer::skip(format!(
            "Nothing to compare the reference client with: {}",
            sight.why_not()
        ))
        .showing(reference.to_string());
    };
    // Behind a load balancer, or since the endpoint was mended.
    if reference.chain_id.is_some_and(|seen| seen != chain.id()) {
        return Answer::skip("The reference client was shown another chain than this visit")
            .showing(reference.to_string());
    }
    if mode(sight.observation) != reference.mode {
        return Answer::skip(
            "Since the reference client was run, the endpoint asks for client certificates in another way",
        )
        .showing(reference.to_string());
    }
    let handshake = handshake(sight.observation, chain, reference);
    let certificate = certificate(sight, chain, path, reference);
    let mut contradictions = Vec::new();
    for (question, prediction, found) in [
        ("the handshake", &handshake, reference.finished),
        ("the certificate", &certificate, reference.verified),
    ] {
        if let (Some(expected), Some(found)) = (prediction.yes, found)
            && expected != found
        {
            let reason = match (expected, prediction.why.as_slice()) {
                (true, _) => format!("this program finds nothing wrong with {question}"),
                (false, why) => format!("this program finds of {question} that {}", why.join(", ")),
            };
            contradictions.push(reason);
        }
    }
    let evidence = evidence(sight, reference, &handshake, &certificate);
    if !contradictions.is_empty() {
        let does = if connects { "connects" } else { "does not connect" };
        return Answer::warn(
            format!(
                "{} {does}, which our own facts do not explain: {}",
                reference.client,
                contradictions.join("; ")
            ),
            evidence,
            "compare both results with a third client (see `explain`): one of the two is wrong about this endpoint",
        );
    }
    // A refusal that our facts neither explain nor contradict is no agreement.
    let unexplained: Vec<String> = [
        (&handshake, reference.finished),
        (&certificate, reference.verified),
    ]
    .into_iter()
    .filter(|(prediction, found)| prediction.yes.is_none() && *found == Some(false))
    .flat_map(|(prediction, _)| prediction.why.clone())
    .collect();
    if !unexplained.is_empty() {
        return Answer::skip(format!(
            "What the reference client does here cannot be told from our own facts: {}",
            unexplained.join(", ")
        ))
        .showing(evidence);
    }
    let why = [handshake, certificate]
        .into_iter()
        .filter(|prediction| prediction.yes == Some(false))
        .flat_map(|prediction| prediction.why)
        .collect::<Vec<_>>();
    let summary = if connects {
        format!("{} connects, as our own facts say", reference.client)
    } else {
        format!(
            "{} does not connect, as our own facts say: {}",
            reference.client,
            why.join(", ")
        )
    };
    Answer::pass(summary, evidence)
}

fn mode(seen: &Observation) -> ClientCertificateMode {
    seen.handshake
        .as_ref()
        .map_or(ClientCertificateMode::Unknown, |handshake| {
            handshake.client_certificate.mode
        })
}

/// Whether rustls finishes the handshake with this endpoint.
fn handshake(seen: &Observation, chain: &Chain, reference: &ReferenceResult) -> Prediction {
    let mut refusals = Vec::new();
    let mut open = Vec::new();
    match chain.leaf() {
        Some(leaf) => {
            if let Some(bits) = leaf.key.rsa_bits().filter(|bits| !RSA_BITS.contains(bits)) {
                refusals.push(format!("its RSA key has {bits} bits"));
            }
            refusals.extend(old_version(leaf));
            if !leaf.malformed_extensions.is_empty() {
                open.push("the certificate has malformed extensions".to_owned());
            }
        }
        None => open.push("the certificate cannot be read".to_owned()),
    }
    let found = |suite: &CipherSuite| {
        let suites = seen.survey.iter().flat_map(|survey| &survey.cipher_suites);
        suites
            .into_iter()
            .find(|(known, _)| known == suite)
            .map(|(_, found)| *found)
    };
    // The suites may have been finished with an identity of a rehearsal; the reference client presents nothing.
    if mode(seen) == ClientCertificateMode::Required {
        refusals.push("a client certificate is insisted on".to_owned());
        return Prediction::of(refusals, open);
    }
    // A handshake that was finished says which suite counts; otherwise any of those offered may have been chosen.
    let suites: Vec<CipherSuite> = match reference.cipher_suite {
        Some(chosen) => vec![chosen],
        None => reference.offered.clone(),
    };
    if !suites
        .iter()
        .any(|suite| found(suite) == Some(Acceptance::Accepted))
    {
        match seen.error.as_ref().map(|error| error.reason) {
            Some(
                reason @ (Reason::BadKeyExchangeSignature | Reason::BadRecord | Reason::ProtocolViolation),
            ) => {
                refusals.push(format!("it breaks the handshake ({reason})"));
            }
            _ => open.push("this program did not finish a handshake with these suites".to_owned()),
        }
    }
    Prediction::of(refusals, open)
}

/// Whether webpki takes the certificate for the name.
fn certificate(sight: &Sight<'_>, chain: &Chain, path: &Path, reference: &ReferenceResult) -> Prediction {
    let mut refusals = Vec::new();
    let mut open = Vec::new();
    match (&path.problem, &path.anchor) {
        (
            Some(
                problem @ (PathProblem::NameConstraint { .. }
                | PathProblem::UnparsableCertificate { .. }
                | PathProblem::PathTooComplex),
            ),
            _,
        ) => open.push(text::shown(&problem.to_string())),
        (Some(problem @ PathProblem::NotACa { index }), _) => {
            let problem = text::shown(&problem.to_string());
            match chain.certificate(*index) {
                Some(issuer) if issuer.is_ca => open.push(format!("{problem}, by its key usage alone")),
                _ => refusals.push(problem),
            }
        }
        (Some(problem), _) => refusals.push(text::shown(&problem.to_string())),
        (None, Some(anchor)) => links(sight, chain, path, anchor, &mut refusals, &mut open),
        (None, None) => open.push("no path was looked for".to_owned()),
    }
    for one in on_path(chain, path) {
        refusals.extend(old_version(one));
        if let Some(purposes) = &one.extended_key_usage
            && !purposes.contains(&Purpose::ServerAuth)
        {
            refusals.push(format!(
                "{} has an extended key usage without serverAuth",
                text::certificate(one)
            ));
        }
        if !one.malformed_extensions.is_empty() {
            open.push(format!("{} has malformed extensions", text::certificate(one)));
        }
    }
    for date in dates(chain, path, reference.at) {
        // webpki reads no dates of a root.
        match (date.position, date.status) {
            (Position::Root, _) | (_, DateStatus::Valid) => {}
            (_, DateStatus::Expired) => refusals.push(format!("{} had expired", text::shown(&date.subject))),
            (_, DateStatus::NotYetValid) => {
                refusals.push(format!("{} was not yet valid", text::shown(&date.subject)));
            }
        }
    }
    if chain.leaf().is_some_and(|leaf| leaf.is_ca) {
        refusals.push("the endpoint's own certificate is one of an authority".to_owned());
    }
    if sight.names.as_ref().is_some_and(|names| !names.webpki) {
        refusals.push(format!("it is not for {} by RFC 9525", text::shown(&sight.host)));
    }
    Prediction::of(refusals, open)
}

/// What webpki looks at from certificate to certificate of a path, and we do not.
fn links(
    sight: &Sight<'_>,
    chain: &Chain,
    path: &Path,
    anchor: &Anchor,
    refusals: &mut Vec<String>,
    open: &mut Vec<String>,
) {
    let certificates: Vec<&Certificate> = on_path(chain, path).collect();
    if certificates.len() > MAX_INTERMEDIATES + 1 {
        open.push(format!("the path has {} certificates", certificates.len()));
    }
    let (Some(leaf), Some(top)) = (certificates.first(), certificates.last()) else {
        return;
    };
    if certificates.len() == 1 && leaf.spki_sha256 == anchor.spki_sha256 {
        open.push("the endpoint's own certificate is trusted as it is".to_owned());
        return;
    }
    let roots: Vec<&Certificate> = (sight.roots.sets.iter())
        .flat_map(|set| set.roots())
        .flat_map(|root| std::iter::once(&root.certificate).chain(&root.copies))
        .filter(|root| root.spki_sha256 == anchor.spki_sha256)
        .collect();
    let spelt_alike = certificates
        .windows(2)
        .all(|pair| matches!(pair, [one, issuer] if one.issuer == issuer.subject))
        && roots.iter().any(|root| root.subject == top.issuer);
    if !spelt_alike {
        refusals.push("a name is spelt otherwise by the certificate below it".to_owned());
    }
    for issuer in certificates.iter().skip(1).chain(roots.first()) {
        if let KeyFacts::Rsa { bits } = issuer.key
            && !RSA_BITS.contains(&bits)
        {
            refusals.push(format!(
                "{} signs with an RSA key of {bits} bits",
                text::certificate(issuer)
            ));
        }
    }
}

fn on_path<'a>(chain: &'a Chain, path: &'a Path) -> impl Iterator<Item = &'a Certificate> {
    path.certificates
        .iter()
        .filter_map(|index| chain.certificate(*index))
}

fn old_version(certificate: &Certificate) -> Option<String> {
    let version = certificate.version;
    (version != 3).then(|| {
        format!(
            "{} is a certificate of version {version}",
            text::certificate(certificate)
        )
    })
}

/// Both results, and what was not compared.
fn evidence(
    sight: &Sight<'_>,
    reference: &ReferenceResult,
    handshake: &Prediction,
    certificate: &Prediction,
) -> String {
    let mut parts = vec![reference.to_string()];
    let own = match &sight.observation.error {
        Some(error) => format!("this program's visit: {}", error.reason),
        None if sight.handshake().is_some_and(|handshake| handshake.completed) => {
            "this program's visit: handshake finished".to_owned()
        }
        None => "this program's visit: handshake not finished".to_owned(),
    };
    parts.push(own);
    parts.push(match sight.path.as_ref().and_then(|path| path.anchor.as_ref()) {
        Some(anchor) => format!("path to {}", text::shown(&anchor.name)),
        None => "no path to a trusted root".to_owned(),
    });
    for (question, prediction) in [("handshake", handshake), ("certificate", certificate)] {
        if prediction.yes.is_none() {
            parts.push(format!("{question} not compared: {}", prediction.why.join(", ")));
        }
    }
    if reference.verified.is_none() && sight.roots.sets.is_empty() {
        parts.push("no roots to compare with".to_owned());
    }
    parts.join("; ")
}
