//! SIP OPTIONS over the finished connection.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::text;
use siptls_catalog::SipExpectation;
use siptls_model::{Phase, Reason, SipAnswer, SipOutcome, Who};

pub(crate) fn options_answered(sight: &Sight<'_>) -> Answer {
    match &sight.observation.sip {
        SipOutcome::Answered(answer) => answered(answer),
        SipOutcome::NotAnswered => not_answered(sight),
        SipOutcome::NotSent => Answer::skip(format!("OPTIONS was not sent: {}", sight.why_not())),
    }
}

/// Any well-formed final response shows that a SIP stack is there (RFC 3261 §11).
fn answered(answer: &SipAnswer) -> Answer {
    let status = answer.status;
    let meaning = match status {
        200..=299 => "",
        401 | 407 => ": it asks for credentials, as it may of strangers",
        403 => ": it does not serve this address, but SIP is there",
        404 => ": it does not know the user asked for, but SIP is there",
        405 => ": it does not take OPTIONS, but SIP is there",
        408 | 480 => ": SIP is there, what stands behind it did not answer",
        483 => ": a proxy passes OPTIONS on in place of answering it, but SIP is there",
        488 | 606 => ": it does not accept the session, but SIP is there",
        503 => ": SIP is there but says that it is overloaded or in maintenance",
        500..=599 => ": SIP is there but reports a fault of its own",
        _ => ": SIP is there",
    };
    let server = match &answer.server {
        Some(server) => format!("; server: {}", text::shown(server)),
        None => String::new(),
    };
    let allow = if answer.allow.is_empty() {
        String::new()
    } else {
        format!("; allow: {}", text::list(&answer.allow))
    };
    Answer::pass(
        format!("OPTIONS was answered with {status}{meaning}"),
        format!(
            "{status} {} after {} ms{server}{allow}",
            text::shown(&answer.reason_phrase),
            answer.duration.as_millis()
        ),
    )
}

/// No answer counts against the endpoint when it kept silent, closed, or answered something else;
/// not when this program or the path is at fault, and not when it had refused the handshake.
fn not_answered(sight: &Sight<'_>) -> Answer {
    let finished = sight.handshake().is_some_and(|handshake| handshake.completed);
    let Some(error) = (sight.observation.error.as_ref())
        .filter(|error| error.phase == Phase::Sip && error.reason.who() == Who::Peer)
    else {
        return Answer::skip(format!("OPTIONS was not answered: {}", sight.why_not()));
    };
    if !finished || error.reason == Reason::ClientCertificateRequired {
        return Answer::skip(format!("OPTIONS was not answered: {}", sight.why_not()));
    }
    let what = match error.reason {
        Reason::SipTimeout => "TLS works, but OPTIONS is not answered",
        Reason::SipClosed | Reason::ConnectionClosed | Reason::ConnectionReset => {
            "TLS works, but the endpoint closes the connection on OPTIONS"
        }
        Reason::NotSip => "TLS works, but what answers OPTIONS is not SIP",
        Reason::MalformedSip => "TLS works, but the answer to OPTIONS cannot be read",
        _ => "TLS works, but OPTIONS has no well-formed answer",
    };
    let (summary, remedy) = match sight.profile.sip {
        SipExpectation::Answered => (
            what.to_owned(),
            sight.on_endpoint("allow OPTIONS outside a dialogue from this prober's address, and look at its SIP log for this moment"),
        ),
        SipExpectation::AnsweredToListedAddresses => (
            format!("{what}; it answers addresses on an allow-list alone, so this may say nothing"),
            "in the platform's trunk settings: put the prober's address on the allow-list if an answer is wanted".to_owned(),
        ),
    };
    Answer::fail(
        summary,
        format!("{}: {}", error.reason, text::shown(&error.message)),
        remedy,
    )
}
