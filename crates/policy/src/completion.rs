//! The handshake itself: was it finished, and if not, did the endpoint break it?

use crate::answer::Answer;
use crate::sight::Sight;
use siptls_model::{ProbeError, Reason};

/// A finished handshake passes; one that the endpoint broke after its ServerHello fails. Everything else was not seen:
/// silence and closes prove nothing, and what was refused is judged by the check of its subject.
pub(crate) fn completes(sight: &Sight<'_>) -> Answer {
    let Some(handshake) = sight.handshake() else {
        return unseen(sight);
    };
    if handshake.completed {
        let how = match (handshake.version, handshake.cipher_suite) {
            (Some(version), Some(suite)) => format!("{version}, {suite}; both Finished were verified"),
            _ => "both Finished were verified".to_owned(),
        };
        return Answer::pass("The handshake was finished", how);
    }
    let Some(error) = &sight.observation.error else {
        return unseen(sight);
    };
    if handshake.version.is_none() || !is_proven(error.reason) {
        return unseen(sight);
    }
    Answer::fail(
        format!("The endpoint broke the handshake: {}", what(error.reason)),
        format!("{} in phase {}: {}", error.reason, error.phase, shown(error)),
        sight.on_endpoint(remedy(error.reason)),
    )
}

/// Whether what was read shows that the endpoint, or what stands before it, broke the handshake.
const fn is_proven(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::BadKeyExchangeSignature
            | Reason::BadRecord
            | Reason::ProtocolViolation
            | Reason::MalformedTls
    )
}

const fn what(reason: Reason) -> &'static str {
    match reason {
        Reason::BadKeyExchangeSignature => {
            "its key exchange is not signed with the key of its certificate, which every client refuses"
        }
        Reason::BadRecord => "a record or Finished of its does not verify, which every client refuses",
        Reason::MalformedTls => "it sends TLS that cannot be read",
        _ => "it breaks the rules of TLS",
    }
}

const fn remedy(reason: Reason) -> &'static str {
    match reason {
        Reason::BadKeyExchangeSignature => {
            "install certificate and private key that belong together; if they do, look for what alters the connection"
        }
        _ => {
            "update its TLS software, and look for a middlebox on the path; else report the evidence to its vendor"
        }
    }
}

fn shown(error: &ProbeError) -> String {
    crate::text::shown(&error.message)
}

fn unseen(sight: &Sight<'_>) -> Answer {
    Answer::skip(format!("The handshake was not finished: {}", sight.why_not()))
}
