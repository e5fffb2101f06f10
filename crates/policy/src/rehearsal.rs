//! The day on which the caller's certificate loses clientAuth, told from a rehearsal.

use crate::text;
use jiff::Timestamp;
use siptls_cert::{Certificate, Chain, Purpose};
use siptls_model::{Attempt, AttemptResult, ClientCertificateMode, Rehearsal};

/// What becomes of calls on the day on which the caller's certificate loses clientAuth: one sentence.
///
/// It claims no more than the attempts show: an identity that is refused for a reason of its own, or no identity to
/// compare with, makes it say so.
pub(crate) fn removal_day(rehearsal: &Rehearsal) -> String {
    let now = rehearsal.at;
    match (rehearsal.mode, rehearsal.requested) {
        (ClientCertificateMode::NotRequested, _) | (_, Some(false)) => {
            "On removal day nothing changes: the endpoint does not ask for a client certificate.".to_owned()
        }
        (_, None) => {
            "The rehearsal says nothing: whether the endpoint asks for a client certificate was not seen."
                .to_owned()
        }
        (mode, Some(true)) => {
            let tried: Vec<Tried<'_>> = rehearsal.identities().filter_map(Tried::new).collect();
            let mut parts = vec![lead(mode, &tried, now).to_owned()];
            parts.extend(tried.iter().map(|one| one.told(now)));
            parts.join("; ") + "."
        }
    }
}

/// What a certificate may be used for, as far as the removal of clientAuth goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A client's: clientAuth, any purpose, or no extension, which limits nothing.
    Client,
    /// serverAuth without clientAuth: what callers have from that day on.
    ServerAlone,
    /// Anything else.
    Other,
}

/// An identity and what came of it.
struct Tried<'a> {
    name: String,
    attempt: &'a Attempt,
    chain: &'a Chain,
    kind: Kind,
    /// Its purposes in words.
    purposes: &'static str,
}

impl<'a> Tried<'a> {
    fn new((name, attempt): (&str, &'a Attempt)) -> Option<Self> {
        let chain = attempt.presented.as_deref()?;
        let (kind, purposes) = kind(chain.leaf()?);
        Some(Self {
            name: text::shown(name),
            attempt,
            chain,
            kind,
            purposes,
        })
    }

    fn is(&self, kind: Kind, result: AttemptResult) -> bool {
        self.kind == kind && self.attempt.result == result
    }

    /// The result as a part of a sentence.
    fn told(&self, now: Timestamp) -> String {
        let certificate = format!("{} ({})", self.name, self.purposes);
        match self.attempt.result {
            AttemptResult::Accepted => format!("it accepts {certificate}"),
            AttemptResult::Unknown => format!("what it does to {certificate} is not known"),
            AttemptResult::Refused => {
                let how = match self.attempt.alert {
                    Some(alert) => format!("by alert {}", text::alert(alert)),
                    None => "by ending the connection".to_owned(),
                };
                let causes = self.causes(now);
                let causes = if causes.is_empty() {
                    String::new()
                } else {
                    format!(", possibly because {}", causes.join(" and "))
                };
                format!("it refuses {certificate} {how}{causes}")
            }
        }
    }

    /// What else than the extended key usage may be why an identity is refused.
    fn causes(&self, now: Timestamp) -> Vec<String> {
        let mut causes = Vec::new();
        for (_, certificate) in self.chain.certificates() {
            let name = text::certificate(certificate);
            if now > certificate.not_after {
                causes.push(format!("{name} ended on {}", text::day(certificate.not_after)));
            } else if now < certificate.not_before {
                causes.push(format!("{name} begins on {}", text::day(certificate.not_before)));
            }
        }
        if self.chain.ordered() == Some(false) {
            causes.push("its chain has a gap".to_owned());
        }
        if stands_alone(self.chain) {
            causes.push("its intermediate is not sent".to_owned());
        }
        if self.attempt.issuer_listed == Some(false) {
            causes.push("the endpoint's CA names have none of its issuers".to_owned());
        }
        if self.attempt.key_usable == Some(false) {
            causes.push("the endpoint asks for another kind of key".to_owned());
        }
        causes
    }
}

/// What the attempts come to, for an endpoint that asks.
fn lead(mode: ClientCertificateMode, tried: &[Tried<'_>], now: Timestamp) -> &'static str {
    use AttemptResult::{Accepted, Refused};
    use ClientCertificateMode::{NotRequested, Optional, Required, Unknown};
    let any = |kind, result| tried.iter().any(|one| one.is(kind, result));
    let client_accepted = any(Kind::Client, Accepted);
    let client_refused = any(Kind::Client, Refused) && !client_accepted;
    // Refused with no other reason than the purpose in sight.
    let for_its_purpose = tried
        .iter()
        .any(|one| one.is(Kind::ServerAlone, Refused) && one.causes(now).is_empty());
    if any(Kind::ServerAlone, Accepted) {
        return match mode {
            Required => {
                "On removal day calls go on only as long as the caller presents its certificate: the endpoint insists on one and accepts one without clientAuth"
            }
            Optional => {
                "On removal day calls go on either way: the endpoint goes on without a certificate and accepts one without clientAuth"
            }
            NotRequested | Unknown => {
                "On removal day calls go on as long as the caller presents its certificate: the endpoint accepts one without clientAuth, and what it does without any was not seen"
            }
        };
    }
    if client_refused {
        return match mode {
            Required => {
                "The rehearsal says nothing about clientAuth: the endpoint insists on a certificate and refuses the identity itself, with clientAuth too"
            }
            Optional => {
                "The rehearsal says nothing about clientAuth: the endpoint goes on without a certificate and refuses the identity itself, with clientAuth too"
            }
            NotRequested | Unknown => {
                "The rehearsal says nothing about clientAuth: the endpoint refuses the identity itself, with clientAuth too, and what it does without any was not seen"
            }
        };
    }
    match (any(Kind::ServerAlone, Refused), mode) {
        (true, Required) if client_accepted && for_its_purpose => {
            "On removal day calls stop: the endpoint insists on a certificate with clientAuth"
        }
        (true, Required) if client_accepted => {
            "On removal day calls probably stop: the endpoint insists on a certificate and refuses one without clientAuth, which may have another reason too"
        }
        (true, Required) => {
            "On removal day calls probably stop: the endpoint insists on a certificate and refuses one without clientAuth; none with clientAuth was accepted to compare"
        }
        (true, Optional) => {
            "On removal day calls go on if the caller then presents no certificate, and stop if it presents its own without clientAuth: the endpoint goes on without one and refuses that one"
        }
        (true, NotRequested | Unknown) => {
            "On removal day calls stop if the caller presents its certificate without clientAuth: the endpoint refuses one, and what it does without any was not seen"
        }
        (false, Required) => {
            "On removal day calls stop if the caller then presents no certificate: the endpoint insists on one, and whether it accepts one without clientAuth is not known"
        }
        (false, Optional) => {
            "On removal day calls go on if the caller then presents no certificate: the endpoint goes on without one, and whether it accepts one without clientAuth is not known"
        }
        (false, NotRequested | Unknown) => {
            "What becomes of calls on removal day is not known: the endpoint asks, and neither what it does without a certificate nor to one without clientAuth was seen"
        }
    }
}

fn kind(leaf: &Certificate) -> (Kind, &'static str) {
    let Some(purposes) = &leaf.extended_key_usage else {
        return (Kind::Client, "no extended key usage");
    };
    let has = |purpose| purposes.contains(&purpose);
    match (has(Purpose::ServerAuth), has(Purpose::ClientAuth)) {
        (true, true) => (Kind::Client, "serverAuth and clientAuth"),
        (false, true) => (Kind::Client, "clientAuth alone"),
        _ if has(Purpose::Any) => (Kind::Client, "any purpose"),
        (true, false) => (Kind::ServerAlone, "serverAuth alone"),
        (false, false) => (Kind::Other, "neither serverAuth nor clientAuth"),
    }
}

/// A leaf of another's signature, sent alone: good only where the endpoint has its issuer.
fn stands_alone(chain: &Chain) -> bool {
    chain.entries.len() == 1
        && chain
            .leaf()
            .is_some_and(|leaf| !leaf.subject.matches(&leaf.issuer))
}
