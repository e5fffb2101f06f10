//! Extended key usage: what the leaf may be used for.

use crate::answer::Answer;
use crate::judge::is_information;
use crate::sight::Sight;
use crate::text;
use siptls_cert::{Certificate, Purpose, effective_purposes};
use siptls_model::Severity;

pub(crate) fn server_auth(sight: &Sight<'_>) -> Answer {
    let (Some(leaf), Some((chain, path))) = (sight.leaf(), sight.readable()) else {
        return unseen(sight);
    };
    let reissue = || sight.on_endpoint("use a certificate with extended key usage serverAuth");
    let Some(purposes) = &leaf.extended_key_usage else {
        return Answer::pass(
            "The certificate has no extended key usage, which means any use",
            evidence(leaf),
        );
    };
    if !purposes.contains(&Purpose::ServerAuth) {
        return if purposes.contains(&Purpose::Any) {
            Answer::warn(
                "The certificate is for any extended key usage, which some verifiers (OpenSSL) do not take for a server",
                evidence(leaf),
                reissue(),
            )
        } else {
            Answer::fail(
                "The certificate may not be used by a server: it lacks serverAuth",
                evidence(leaf),
                reissue(),
            )
        };
    }
    let issuer = |is_limit: fn(&[Purpose]) -> bool| {
        let issuers = path.certificates.iter().filter(|index| **index != 0);
        issuers
            .filter_map(|index| Some((*index, chain.certificate(*index)?)))
            .find(|(_, issuer)| issuer.extended_key_usage.as_deref().is_some_and(is_limit))
    };
    let name = |index, issuer| format!("Certificate {index}, {},", text::certificate(issuer));
    if let Some((index, issuer)) =
        issuer(|own| !own.contains(&Purpose::ServerAuth) && !own.contains(&Purpose::Any))
    {
        return Answer::fail(
            format!(
                "{} does not allow serverAuth for what it issues",
                name(index, issuer)
            ),
            format!(
                "{}; {}; left over along the path: {}",
                evidence(leaf),
                evidence(issuer),
                text::list(effective_purposes(chain, path).unwrap_or_default())
            ),
            sight.on_endpoint("use a certificate of an authority that issues server certificates"),
        );
    }
    if let Some((index, issuer)) = issuer(|own| !own.contains(&Purpose::ServerAuth)) {
        return Answer::warn(
            format!(
                "{} is for any extended key usage, which some verifiers (OpenSSL) do not take for servers",
                name(index, issuer)
            ),
            format!("{}; {}", evidence(leaf), evidence(issuer)),
            sight.on_endpoint(
                "use a certificate of an intermediate with extended key usage serverAuth, or with none",
            ),
        );
    }
    Answer::pass(
        "The certificate may be used by a server (serverAuth)",
        evidence(leaf),
    )
}

pub(crate) fn client_auth_absent(sight: &Sight<'_>, severity: Severity) -> Answer {
    let Some(leaf) = sight.leaf() else {
        return unseen(sight);
    };
    if !allows_client(leaf) {
        return Answer::pass("The certificate does not carry clientAuth", evidence(leaf));
    }
    let summary = match leaf.extended_key_usage {
        Some(_) => format!(
            "The certificate still carries clientAuth, until {} at the latest",
            text::day(leaf.not_after)
        ),
        None => "The certificate has no extended key usage, so that a client may use it".to_owned(),
    };
    let remedy = sight.on_endpoint("renew with a certificate that has serverAuth alone");
    if is_information(severity) {
        Answer::warn(summary, evidence(leaf), remedy)
    } else {
        Answer::fail(summary, evidence(leaf), remedy)
    }
}

pub(crate) fn client_auth_present(sight: &Sight<'_>) -> Answer {
    let Some(leaf) = sight.leaf() else {
        return unseen(sight);
    };
    match &leaf.extended_key_usage {
        None => Answer::pass(
            "The certificate has no extended key usage, which means any use",
            evidence(leaf),
        ),
        Some(_) if allows_client(leaf) => Answer::pass(
            "The certificate may be used by a client (clientAuth)",
            evidence(leaf),
        ),
        Some(_) => Answer::fail(
            "The certificate may not be used by a client: it lacks clientAuth",
            evidence(leaf),
            sight.on_endpoint(
                "use a certificate with extended key usage clientAuth; public authorities stop issuing them",
            ),
        ),
    }
}

pub(crate) fn allows_client(leaf: &Certificate) -> bool {
    leaf.extended_key_usage
        .as_ref()
        .is_none_or(|purposes| purposes.contains(&Purpose::ClientAuth) || purposes.contains(&Purpose::Any))
}

fn evidence(leaf: &Certificate) -> String {
    let purposes = match &leaf.extended_key_usage {
        Some(purposes) => text::list(purposes),
        None => "extension absent".to_owned(),
    };
    format!(
        "{}: extended key usage: {purposes}; valid until {}",
        text::certificate(leaf),
        text::day(leaf.not_after)
    )
}

fn unseen(sight: &Sight<'_>) -> Answer {
    match sight.chain() {
        Some(_) => Answer::skip("The endpoint's certificate cannot be read"),
        None => Answer::skip(format!("No certificate was read: {}", sight.why_not())),
    }
}
