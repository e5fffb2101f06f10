//! What a survey adds to the checks of version, suite and curve: all that is shared, and why nothing is.
//!
//! Each function answers `None` where the survey adds nothing to what the visit itself saw.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::text;
use siptls_catalog::{Certainty, SuiteRule};
use siptls_model::{
    Acceptance, CipherSuite, NamedGroup, ProtocolVersion, RefusalCause, Severity, SuitePreference,
    SurveyResult,
};
use std::fmt::Display;

/// The versions that RFC 8996 took out of use.
const LEGACY: [ProtocolVersion; 2] = [ProtocolVersion::TLS_1_0, ProtocolVersion::TLS_1_1];

pub(crate) fn tls12_negotiated(sight: &Sight<'_>) -> Option<Answer> {
    let survey = refused_for(sight, RefusalCause::Version)?;
    let versions = text::list(accepted(&survey.versions));
    let caller = &sight.profile.caller;
    Some(Answer::fail(
        format!("The endpoint refuses TLS 1.2, the only version that {caller} offers"),
        format!("survey: versions taken up: {versions}{}", stopped(survey)),
        sight.on_endpoint("enable TLS 1.2 on the SIP listener"),
    ))
}

pub(crate) fn cipher_suite_shared(sight: &Sight<'_>) -> Option<Answer> {
    let survey = sight.observation.survey.as_deref()?;
    let shared = shared(sight, survey);
    let caller = &sight.profile.caller;
    if !shared.is_empty() && sight.refusal().is_some() {
        return None;
    }
    if !shared.is_empty() {
        let suites = match shared.as_slice() {
            [only] => format!("one suite with {caller}: {only}"),
            several => format!("{} suites with {caller}", several.len()),
        };
        return Some(Answer::pass(
            format!("The endpoint shares {suites}"),
            format!("survey: {}", suites_found(survey)),
        ));
    }
    let offer = &sight.profile.offer;
    let alert = sight.refusal()?;
    let groups = || text::list(&offer.groups);
    let (summary, remedy) = match cause(sight)? {
        RefusalCause::Version => {
            return Some(
                Answer::skip("No suite was chosen: the endpoint refused the TLS version")
                    .showing(format!("alert {}", text::alert(alert))),
            );
        }
        RefusalCause::CipherSuite => (
            format!(
                "The endpoint shares no cipher suite with {caller}; it is not the curve, nor the kind of key"
            ),
            "enable one of the suites offered".to_owned(),
        ),
        RefusalCause::Group => (
            format!(
                "The endpoint shares no curve with {caller}: it refuses {} and takes {}",
                groups(),
                text::list(accepted(&survey.groups))
            ),
            match offer.groups.as_slice() {
                [only] => format!("enable the curve {only}"),
                _ => format!("enable one of the curves {}", groups()),
            },
        ),
        RefusalCause::KeyType => (
            format!(
                "The endpoint's certificate has an ECDSA key, and no suite that {caller} offers works with one"
            ),
            "use an RSA certificate, beside the ECDSA one or in its place".to_owned(),
        ),
    };
    let taken = accepted(&survey.groups);
    Some(Answer::fail(
        summary,
        format!(
            "alert {} in answer to the ClientHello; a wider offer was taken up; offered suites: {}; curves offered: {}; curves taken up: {}{}",
            text::alert(alert),
            text::list(offer.cipher_suites.iter().filter(|suite| !suite.is_signal())),
            groups(),
            text::list(taken),
            stopped(survey),
        ),
        sight.on_endpoint(&remedy),
    ))
}

pub(crate) fn cipher_suite_not_deprecated(sight: &Sight<'_>) -> Option<Answer> {
    let survey = sight.observation.survey.as_deref()?;
    if sight.refusal().is_some() {
        return None;
    }
    let shared = shared(sight, survey);
    let rules: Vec<&SuiteRule> = shared
        .iter()
        .filter_map(|suite| sight.profile.suite(*suite))
        .collect();
    let (lasting, ending): (Vec<&SuiteRule>, Vec<_>) =
        rules.into_iter().partition(|rule| rule.until.is_none());
    let names = |rules: &[&SuiteRule]| text::list(rules.iter().map(|rule| rule.suite));
    let caller = &sight.profile.caller;
    let evidence = format!("survey: {}", suites_found(survey));
    if ending.is_empty() {
        let count = lasting.len();
        return match lasting.as_slice() {
            [] => None,
            [only] => Some(Answer::pass(
                format!("{}, the one suite shared, has no announced end", only.suite),
                evidence,
            )),
            _ => Some(Answer::pass(
                format!("None of the {count} suites shared has an announced end"),
                evidence,
            )),
        };
    }
    if !lasting.is_empty() {
        return Some(Answer::pass(
            format!(
                "Suites without an announced end are shared; {caller} has them left when {} {} dropped",
                names(&ending),
                if ending.len() == 1 { "is" } else { "are" },
            ),
            format!("without an announced end: {}; {evidence}", names(&lasting)),
        ));
    }
    let others: Vec<&SuiteRule> = (sight.profile.suites.iter())
        .filter(|rule| rule.until.is_none() && sight.profile.offer.cipher_suites.contains(&rule.suite))
        .collect();
    let unknown: Vec<&SuiteRule> = others
        .iter()
        .copied()
        .filter(|rule| value(&survey.cipher_suites, rule.suite).is_accepted().is_none())
        .collect();
    // What is shared is gone when the last of it is.
    let last = ending.iter().max_by_key(|rule| rule.until)?;
    let until = last.until?;
    let is_past = text::day(sight.now) >= until;
    let ending_names = names(&ending);
    let only = if unknown.is_empty() { " only" } else { "" };
    let end = match (last.certainty, is_past) {
        (Certainty::Firm, true) => format!("to be removed by {until}"),
        (Certainty::Firm, false) => format!("to be removed on {until}"),
        (Certainty::Provisional, true) => {
            format!("whose removal was announced for {until} (the date has moved before)")
        }
        (Certainty::Provisional, false) => {
            format!("whose removal is announced for {until} (the date may move)")
        }
    };
    let rest = if unknown.is_empty() {
        String::new()
    } else {
        format!("; whether it shares {} was not found out", names(&unknown))
    };
    let summary = format!("The endpoint shares{only} {ending_names}, {end}{rest}");
    let note = last
        .note
        .as_deref()
        .map(|note| format!("; {}", note.trim_end_matches('.')))
        .unwrap_or_default();
    let evidence = format!("{evidence}{note}");
    let remedy = sight.on_endpoint(&match others.last() {
        Some(good) => format!("enable {} or another suite without an announced end", good.suite),
        None => "enable a suite without an announced end".to_owned(),
    });
    Some(
        if last.certainty == Certainty::Firm && is_past && unknown.is_empty() {
            Answer::fail(summary, evidence, remedy)
        } else {
            Answer::warn(summary, evidence, remedy)
        },
    )
}

/// For a visit that saw no curve: static RSA was chosen, or nothing was.
pub(crate) fn ecdhe_secp384r1(sight: &Sight<'_>) -> Option<Answer> {
    let survey = sight.observation.survey.as_deref()?;
    if shared_before(sight).is_some() {
        return None;
    }
    let caller = &sight.profile.caller;
    let groups = &survey.groups;
    let others: Vec<NamedGroup> = accepted(groups)
        .filter(|group| *group != NamedGroup::SECP384R1)
        .collect();
    let evidence = || format!("survey: {}{}", values(groups), stopped(survey));
    let shares_ecdhe = shared(sight, survey).into_iter().any(is_ecdhe);
    match value(groups, NamedGroup::SECP384R1) {
        Acceptance::Accepted | Acceptance::Selected if shares_ecdhe => Some(Answer::pass(
            "ECDHE runs on secp384r1 when static RSA is not offered beside it",
            evidence(),
        )),
        Acceptance::Accepted | Acceptance::Selected => Some(
            Answer::skip(format!(
                "The curve secp384r1 is there, but none of the ECDHE suites that {caller} offers is shared"
            ))
            .showing(evidence()),
        ),
        Acceptance::Refused if others.is_empty() => Some(
            Answer::skip("The endpoint takes no ECDHE suite, so there is no curve to judge")
                .showing(evidence()),
        ),
        Acceptance::Refused => {
            let others = text::list(&others);
            let remedy = sight.on_endpoint("enable the curve secp384r1 (P-384) on the SIP listener");
            Some(match sight.suite() {
                Some(suite) => Answer::warn(
                    format!(
                        "ECDHE is refused on secp384r1 and runs on {others} alone: {caller} gets {suite}, without forward secrecy"
                    ),
                    evidence(),
                    remedy,
                ),
                None if sight.refusal().is_some() => Answer::fail(
                    format!("ECDHE runs on {others} and is refused on secp384r1"),
                    evidence(),
                    remedy,
                ),
                // Whether static RSA is left was not seen.
                None => Answer::warn(
                    format!("ECDHE runs on {others} and is refused on secp384r1"),
                    evidence(),
                    remedy,
                ),
            })
        }
        // The reason of the visit says more.
        Acceptance::Unknown if sight.suite().is_none() => None,
        Acceptance::Unknown => Some(
            Answer::skip("No curve was seen, and the survey did not find out about secp384r1")
                .showing(evidence()),
        ),
    }
}

pub(crate) fn legacy_versions_refused(sight: &Sight<'_>, severity: Severity) -> Answer {
    let Some(survey) = sight.observation.survey.as_deref() else {
        return Answer::skip("Not looked at by a routine visit");
    };
    let evidence = format!("survey: {}{}", values(&survey.versions), stopped(survey));
    let taken: Vec<ProtocolVersion> = accepted(&survey.versions)
        .filter(|version| LEGACY.contains(version))
        .collect();
    if !taken.is_empty() {
        let taken: Vec<String> = taken.iter().map(ToString::to_string).collect();
        let summary = format!(
            "The endpoint takes up {}, which RFC 8996 forbids",
            taken.join(" and ")
        );
        let remedy = sight.on_endpoint("set the lowest version of the SIP listener to TLS 1.2");
        return if crate::judge::is_information(severity) {
            Answer::warn(summary, evidence, remedy)
        } else {
            Answer::fail(summary, evidence, remedy)
        };
    }
    let unknown: Vec<ProtocolVersion> = LEGACY
        .into_iter()
        .filter(|version| value(&survey.versions, *version) == Acceptance::Unknown)
        .collect();
    if unknown.is_empty() {
        return Answer::pass("TLS 1.0 and 1.1 are refused", evidence);
    }
    Answer::skip(format!(
        "The survey did not find out about {}",
        text::list(&unknown)
    ))
    .showing(evidence)
}

/// Suites that a survey found shared and that this visit, later, was refused: the endpoint was changed in between.
pub(crate) fn shared_before(sight: &Sight<'_>) -> Option<String> {
    let survey = sight.observation.survey.as_deref()?;
    sight.refusal()?;
    let shared = shared(sight, survey);
    (!shared.is_empty()).then(|| text::list(&shared))
}

/// The suites of the offer that the endpoint takes up: as the survey found them, and the one that the
/// visit saw.
fn shared(sight: &Sight<'_>, survey: &SurveyResult) -> Vec<CipherSuite> {
    let offered = &sight.profile.offer.cipher_suites;
    let mut shared: Vec<CipherSuite> = accepted(&survey.cipher_suites)
        .filter(|suite| offered.contains(suite))
        .collect();
    let seen = sight
        .suite()
        .filter(|suite| offered.contains(suite) && !suite.is_signal() && !shared.contains(suite));
    shared.extend(seen);
    shared
}

/// Why the whole offer was refused.
fn cause(sight: &Sight<'_>) -> Option<RefusalCause> {
    let cause = sight.observation.survey.as_deref()?.refusal_cause?;
    let offers_ecdsa = sight
        .profile
        .offer
        .cipher_suites
        .iter()
        .any(|suite| suite.name().is_some_and(|name| name.contains("_ECDHE_ECDSA_")));
    Some(match cause {
        // Where such suites are offered, another one was taken up.
        RefusalCause::KeyType if offers_ecdsa => RefusalCause::CipherSuite,
        cause => cause,
    })
}

fn refused_for<'a>(sight: &Sight<'a>, wanted: RefusalCause) -> Option<&'a SurveyResult> {
    let survey = sight.observation.survey.as_deref()?;
    let is_refused = sight.refusal().is_some() && cause(sight) == Some(wanted);
    // A version is named only where the survey saw another.
    (is_refused && accepted(&survey.versions).next().is_some()).then_some(survey)
}

fn accepted<T: Copy>(values: &[(T, Acceptance)]) -> impl Iterator<Item = T> {
    values
        .iter()
        .filter(|(_, acceptance)| acceptance.is_accepted() == Some(true))
        .map(|(value, _)| *value)
}

fn value<T: PartialEq>(values: &[(T, Acceptance)], key: T) -> Acceptance {
    values
        .iter()
        .find(|(known, _)| *known == key)
        .map_or(Acceptance::Unknown, |(_, acceptance)| *acceptance)
}

fn is_ecdhe(suite: CipherSuite) -> bool {
    suite.name().is_some_and(|name| name.contains("_ECDHE_"))
}

/// Values in groups: `accepted: a, b; refused: c`.
fn values<T: Copy + Display>(values: &[(T, Acceptance)]) -> String {
    [
        Acceptance::Accepted,
        Acceptance::Selected,
        Acceptance::Refused,
        Acceptance::Unknown,
    ]
    .into_iter()
    .filter_map(|kind| {
        let mut of_kind = values.iter().filter(|(_, found)| *found == kind).peekable();
        of_kind.peek()?;
        Some(format!(
            "{}: {}",
            kind.code(),
            text::list(of_kind.map(|(value, _)| value))
        ))
    })
    .collect::<Vec<_>>()
    .join("; ")
}

/// Every suite by what was found, and whose order counts.
fn suites_found(survey: &SurveyResult) -> String {
    let order = match survey.suite_preference {
        SuitePreference::Server => "; it chooses by its own order",
        SuitePreference::Client => "; it chooses by the caller's order",
        SuitePreference::Unknown => "",
    };
    format!("{}{order}{}", values(&survey.cipher_suites), stopped(survey))
}

/// Why the survey ended early, as the end of evidence.
fn stopped(survey: &SurveyResult) -> String {
    match &survey.stopped {
        Some(why) => format!("; the survey stopped early: {}", text::shown(why)),
        None => String::new(),
    }
}
