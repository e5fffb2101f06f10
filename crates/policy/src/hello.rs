//! Version, suite and curve: what the ServerHello and the ServerKeyExchange say.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::{survey, text};
use siptls_catalog::Certainty;
use siptls_model::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion};

pub(crate) fn tls12_negotiated(sight: &Sight<'_>) -> Answer {
    let caller = &sight.profile.caller;
    match sight.handshake().and_then(|handshake| handshake.version) {
        Some(version @ ProtocolVersion::TLS_1_2) => Answer::pass(
            "TLS 1.2 was negotiated",
            format!("ServerHello: {version} ({:#06x})", version.0),
        ),
        Some(version) => Answer::fail(
            format!("The endpoint answered with {version}, which {caller} does not offer"),
            format!(
                "ServerHello: {version} ({:#06x}); offered: {}",
                version.0,
                ProtocolVersion::TLS_1_2
            ),
            sight.on_endpoint("enable TLS 1.2 on the SIP listener"),
        ),
        None => match sight.refusal() {
            Some(alert @ AlertDescription::PROTOCOL_VERSION) => Answer::fail(
                format!("The endpoint refuses TLS 1.2, the only version that {caller} offers"),
                format!(
                    "alert {} in answer to a ClientHello of TLS 1.2",
                    text::alert(alert)
                ),
                sight.on_endpoint("enable TLS 1.2 on the SIP listener"),
            ),
            _ => survey::tls12_negotiated(sight).unwrap_or_else(|| no_server_hello(sight)),
        },
    }
}

pub(crate) fn cipher_suite_shared(sight: &Sight<'_>) -> Answer {
    let offer = &sight.profile.offer;
    let is_breach = sight
        .suite()
        .is_some_and(|suite| !offer.cipher_suites.contains(&suite) || suite.is_signal());
    match survey::cipher_suite_shared(sight).filter(|_| !is_breach) {
        Some(answer) => answer,
        None => cipher_suite_seen(sight),
    }
}

/// What the visit alone says of the suites.
fn cipher_suite_seen(sight: &Sight<'_>) -> Answer {
    let caller = &sight.profile.caller;
    let offer = &sight.profile.offer;
    let offered = || text::list(offer.cipher_suites.iter().filter(|suite| !suite.is_signal()));
    match sight.suite() {
        Some(suite) if offer.cipher_suites.contains(&suite) && !suite.is_signal() => Answer::pass(
            format!("The endpoint chose {suite}, which {caller} offers"),
            format!("ServerHello: {}", text::suite(suite)),
        ),
        Some(suite) => Answer::fail(
            format!("The endpoint chose {suite}, which was not offered: this breaks the TLS protocol"),
            format!("ServerHello: {}; offered: {}", text::suite(suite), offered()),
            sight.on_endpoint("report this to the vendor of its TLS software, with the bytes of the flight"),
        ),
        None => match sight.refusal() {
            Some(alert @ (AlertDescription::HANDSHAKE_FAILURE | AlertDescription::INSUFFICIENT_SECURITY)) => {
                let (when, before) = match survey::shared_before(sight) {
                    Some(suites) => (
                        " now, and took it up when it was surveyed",
                        format!("; shared at the survey: {suites}"),
                    ),
                    None => ("", String::new()),
                };
                Answer::fail(
                    format!(
                        "The endpoint refuses what {caller} offers{when}: no common suite, curve or key type (the alert does not say which)"
                    ),
                    format!(
                        "alert {} in answer to the ClientHello; offered suites: {}; curves: {}; signatures: {}{before}",
                        text::alert(alert),
                        offered(),
                        text::list(&offer.groups),
                        text::list(&offer.signature_algorithms),
                    ),
                    sight.on_endpoint(&remedy_for_refusal(sight)),
                )
            }
            Some(alert @ AlertDescription::PROTOCOL_VERSION) => {
                Answer::skip("No suite was chosen: the endpoint refused the TLS version")
                    .showing(format!("alert {}", text::alert(alert)))
            }
            _ => no_server_hello(sight),
        },
    }
}

/// What to enable so that the offer is taken up: a good suite of it, its first curve, and the kind
/// of certificate that its suites need.
fn remedy_for_refusal(sight: &Sight<'_>) -> String {
    let offer = &sight.profile.offer;
    let lasting = || {
        sight
            .profile
            .suites
            .iter()
            .rev()
            .filter(|rule| rule.until.is_none())
    };
    let suite = lasting()
        .find(|rule| has_in_name(rule.suite, "_ECDHE_RSA_") && has_in_name(rule.suite, "_AES_256_GCM_"))
        .or_else(|| lasting().next());
    let ecdsa = offer
        .cipher_suites
        .iter()
        .any(|suite| has_in_name(*suite, "_ECDHE_ECDSA_"));
    let key = if ecdsa {
        "an RSA or ECDSA certificate"
    } else {
        "an RSA certificate (an ECDSA one fits no suite offered)"
    };
    let curves = match offer.groups.as_slice() {
        [only] => format!("the curve {only}"),
        several => format!("one of the curves {}", text::list(several)),
    };
    match suite {
        Some(rule) => format!("enable {} and {curves}, and use {key}", rule.suite),
        None => format!("enable one of the suites and curves offered, and use {key}"),
    }
}

pub(crate) fn cipher_suite_not_deprecated(sight: &Sight<'_>) -> Answer {
    if let Some(answer) = survey::cipher_suite_not_deprecated(sight) {
        return answer;
    }
    let Some(suite) = sight.suite() else {
        return no_server_hello(sight);
    };
    let Some(rule) = sight.profile.suite(suite) else {
        return Answer::skip(format!(
            "{suite} is not on the list of suites, so nothing is known about its end"
        ));
    };
    let Some(until) = rule.until else {
        return Answer::pass(
            format!("{suite} has no announced end"),
            format!(
                "listed since {}; one visit sees the one suite that the endpoint chose",
                rule.since
            ),
        );
    };
    let others: Vec<_> = (sight.profile.suites.iter())
        .filter(|other| other.until.is_none() && sight.profile.offer.cipher_suites.contains(&other.suite))
        .map(|other| other.suite)
        .collect();
    let is_past = text::day(sight.now) >= until;
    let note = rule
        .note
        .as_deref()
        .map(|note| format!("; {}", note.trim_end_matches('.')))
        .unwrap_or_default();
    let evidence = format!(
        "chosen: {}; offered as well, without an announced end: {}{note}",
        text::suite(suite),
        text::list(&others),
    );
    let remedy = sight.on_endpoint(&match others.last() {
        Some(good) => format!("enable {good} or another suite without an announced end, and put it first"),
        None => "enable a suite without an announced end, and put it first".to_owned(),
    });
    let otherwise = if others.is_empty() {
        String::new()
    } else {
        "; unless the endpoint goes by its own order, it shares no other".to_owned()
    };
    match (rule.certainty, is_past) {
        (Certainty::Firm, true) => Answer::fail(
            format!("The endpoint chose {suite}, which was to be removed on {until}{otherwise}"),
            evidence,
            remedy,
        ),
        (Certainty::Firm, false) => Answer::warn(
            format!("The endpoint chose {suite}, which will be removed on {until}{otherwise}"),
            evidence,
            remedy,
        ),
        (Certainty::Provisional, true) => Answer::warn(
            format!(
                "The endpoint chose {suite}, whose removal was announced for {until} (the date has moved before){otherwise}"
            ),
            evidence,
            remedy,
        ),
        (Certainty::Provisional, false) => Answer::warn(
            format!(
                "The endpoint chose {suite}, whose removal is announced for {until} (the date may move){otherwise}"
            ),
            evidence,
            remedy,
        ),
    }
}

pub(crate) fn ecdhe_secp384r1(sight: &Sight<'_>) -> Answer {
    let caller = &sight.profile.caller;
    let Some(suite) = sight.suite() else {
        return survey::ecdhe_secp384r1(sight).unwrap_or_else(|| no_server_hello(sight));
    };
    if has_in_name(suite, "TLS_RSA_") {
        return survey::ecdhe_secp384r1(sight).unwrap_or_else(|| {
            Answer::skip("Static RSA was negotiated, so no curve was seen")
                .showing(format!("{}: no forward secrecy", text::suite(suite)))
        });
    }
    if !has_in_name(suite, "_ECDHE_") {
        return Answer::skip(format!("{suite} uses no curve"));
    }
    match sight.handshake().and_then(|handshake| handshake.group) {
        Some(NamedGroup::SECP384R1) => Answer::pass(
            "ECDHE runs on secp384r1",
            format!("ServerKeyExchange: secp384r1 (24); {suite}"),
        ),
        Some(group) => {
            let offered = &sight.profile.offer.groups;
            let breach = if offered.contains(&group) {
                ""
            } else {
                ", which was not offered: this breaks the TLS protocol"
            };
            Answer::fail(
                format!("ECDHE runs on {group} in place of secp384r1{breach}"),
                format!(
                    "ServerKeyExchange: {group} ({}); {caller} offers: {}",
                    group.0,
                    text::list(offered)
                ),
                sight.on_endpoint("enable the curve secp384r1 (P-384) on the SIP listener"),
            )
        }
        None => Answer::skip(format!("The curve was not seen: {}", sight.why_not())),
    }
}

fn has_in_name(suite: CipherSuite, part: &str) -> bool {
    suite.name().is_some_and(|name| name.contains(part))
}

fn no_server_hello(sight: &Sight<'_>) -> Answer {
    let answer = Answer::skip(format!("No ServerHello was read: {}", sight.why_not()));
    match sight.handshake().and_then(|handshake| handshake.alert) {
        Some(alert) => answer.showing(format!("alert {}", text::alert(alert))),
        None => answer,
    }
}
