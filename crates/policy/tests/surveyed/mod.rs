//! Surveys and what is made of them.

use crate::common::*;
use siptls_catalog::{Certainty, Profile, profile};
use siptls_model::{
    Acceptance::{self, Accepted, Refused, Selected, Unknown},
    AlertDescription, CheckId, CipherSuite, Depth, NamedGroup, Observation, Phase, ProtocolVersion, Reason,
    RefusalCause,
    Status::{self, Fail, Pass, Skip, Warn},
    SuitePreference, SurveyResult, Verdict,
};
use std::sync::Arc;

const GOOD: CipherSuite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384;
const STATIC: CipherSuite = CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA;
const ENDING: CipherSuite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384;
const ENDING_STATIC: CipherSuite = CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA256;

/// A survey that found these suites, and refused the rest.
fn survey(suites: &[CipherSuite], groups: &[NamedGroup]) -> SurveyResult {
    let found = |is_there: bool| if is_there { Accepted } else { Refused };
    let offered = customer().offer.cipher_suites.clone();
    SurveyResult {
        versions: vec![
            (ProtocolVersion::TLS_1_0, Refused),
            (ProtocolVersion::TLS_1_1, Refused),
            (ProtocolVersion::TLS_1_2, Accepted),
            (ProtocolVersion::TLS_1_3, Selected),
        ],
        cipher_suites: offered
            .into_iter()
            .filter(|suite| !suite.is_signal())
            .map(|suite| (suite, found(suites.contains(&suite))))
            .collect(),
        groups: [
            NamedGroup::SECP256R1,
            NamedGroup::SECP384R1,
            NamedGroup::SECP521R1,
            NamedGroup::X25519,
        ]
        .map(|group| (group, found(groups.contains(&group))))
        .to_vec(),
        suite_preference: SuitePreference::Server,
        refusal_cause: None,
        without_profile_groups: None,
        stopped: None,
    }
}

/// A survey that found everything as it should be.
fn whole() -> SurveyResult {
    survey(&[GOOD, STATIC], &[NamedGroup::SECP384R1])
}

fn with(mut observation: Observation, found: SurveyResult) -> Observation {
    let mut target = (*observation.target).clone();
    target.depth = Depth::Survey;
    observation.target = Arc::new(target);
    observation.survey = Some(Arc::new(found));
    observation
}

/// A good visit that chose a suite, and what the survey found.
fn chose(suite: CipherSuite, found: SurveyResult) -> impl Fn(Observation) -> Observation {
    move |mut observation| {
        handshake(&mut observation).cipher_suite = Some(suite);
        handshake(&mut observation).group = suite
            .name()
            .unwrap()
            .contains("_ECDHE_")
            .then_some(NamedGroup::SECP384R1);
        with(observation, found.clone())
    }
}

/// A visit that was refused, and why by the survey.
fn refused_for(
    alert: AlertDescription,
    cause: RefusalCause,
    groups: &[NamedGroup],
) -> impl Fn(Observation) -> Observation {
    let groups = groups.to_vec();
    move |_| {
        let mut found = survey(&[], &groups);
        set(&mut found.versions, ProtocolVersion::TLS_1_2, Selected);
        found.refusal_cause = Some(cause);
        with(refused(alert), found)
    }
}

fn set<T: PartialEq>(values: &mut [(T, Acceptance)], key: T, acceptance: Acceptance) {
    values.iter_mut().find(|(known, _)| *known == key).unwrap().1 = acceptance;
}

fn edited(edit: impl Fn(&mut SurveyResult), mut found: SurveyResult) -> SurveyResult {
    edit(&mut found);
    found
}

type Row<'a> = (
    &'a str,
    Box<dyn Fn(Observation) -> Observation>,
    &'a [(CheckId, Status, &'a str, &'a str)],
    Verdict,
);

/// Each row: an edit of a good visit; for some checks the status and a part of summary and evidence; the verdict.
fn check(profile: &Arc<Profile>, rows: Vec<Row<'_>>) {
    let pki = Pki::new();
    let chain = pki.chain(&Leaf::default());
    for (name, edit, expected, verdict) in rows {
        let mut observation = edit(good(Arc::clone(&chain)));
        if observation.offer.is_some() {
            observation.offer = Some(Arc::clone(&profile.offer));
        }
        let judgement = judge_by(Arc::clone(profile), &observation, Some(pki.roots()), NOW);
        for (id, status, summary, evidence) in expected {
            let finding = judgement.finding(*id).unwrap();
            assert_eq!(finding.status, *status, "{name}: {finding:?}");
            assert!(
                finding.summary.contains(summary),
                "{name}: {summary:?} in {:?}",
                finding.summary
            );
            assert!(
                finding.evidence.contains(evidence),
                "{name}: {evidence:?} in {:?}",
                finding.evidence
            );
            let has_remedy = !finding.remedy.is_empty();
            assert_eq!(has_remedy, matches!(status, Warn | Fail), "{name}: {finding:?}");
        }
        assert_eq!(judgement.verdict, verdict, "{name}: {:#?}", judgement.findings);
    }
}

#[test]
fn all_shared_suites_are_judged() {
    use CheckId::{CipherSuiteNotDeprecated as Ending, CipherSuiteShared as Shared};
    let curve = &[NamedGroup::SECP384R1];
    let unknown = |found: &mut SurveyResult| {
        set(&mut found.cipher_suites, GOOD, Unknown);
        found.stopped = Some("the endpoint had answered and then stopped answering".to_owned());
    };
    check(
        &customer(),
        vec![
            (
                "none has an end",
                Box::new(chose(GOOD, whole())),
                &[
                    (
                        Shared,
                        Pass,
                        "shares 2 suites with Genesys BYOC Cloud",
                        "by its own order",
                    ),
                    (Ending, Pass, "None of the 2 suites shared", "accepted: "),
                ],
                Verdict::Pass,
            ),
            (
                "one alone",
                Box::new(chose(GOOD, survey(&[GOOD], curve))),
                &[
                    (Shared, Pass, "shares one suite with", GOOD.name().unwrap()),
                    (Ending, Pass, "the one suite shared", "refused: "),
                ],
                Verdict::Pass,
            ),
            (
                "one under notice is chosen, another is there",
                Box::new(chose(ENDING, survey(&[ENDING, STATIC], curve))),
                &[(
                    Ending,
                    Pass,
                    "has them left when TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384 is dropped",
                    "without an announced end: TLS_RSA_WITH_AES_256_CBC_SHA;",
                )],
                Verdict::Pass,
            ),
            (
                "nothing but suites under notice",
                Box::new(chose(ENDING, survey(&[ENDING, ENDING_STATIC], curve))),
                &[
                    (Shared, Pass, "2 suites", ""),
                    (
                        Ending,
                        Warn,
                        "shares only TLS_RSA_WITH_AES_256_CBC_SHA256, TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384, whose removal was announced for 2025-11-17",
                        "refused: ",
                    ),
                ],
                Verdict::Warn,
            ),
            (
                "a suite under notice, and others that were not found out",
                Box::new(chose(ENDING, edited(unknown, survey(&[ENDING], curve)))),
                &[(
                    Ending,
                    Warn,
                    "whether it shares TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 was not found out",
                    "the survey stopped early: the endpoint had answered",
                )],
                Verdict::Warn,
            ),
            (
                "selected counts as shared",
                Box::new(chose(
                    GOOD,
                    edited(
                        |found| set(&mut found.cipher_suites, GOOD, Selected),
                        survey(&[], curve),
                    ),
                )),
                &[(
                    Shared,
                    Pass,
                    "shares one suite",
                    "selected: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                )],
                Verdict::Pass,
            ),
            (
                "a suite that was not offered is a breach, whatever else is shared",
                Box::new(|mut o| {
                    handshake(&mut o).cipher_suite = Some(CipherSuite::TLS_DHE_RSA_WITH_AES_256_CBC_SHA);
                    with(o, whole())
                }),
                &[(Shared, Fail, "was not offered", "")],
                Verdict::Fail,
            ),
        ],
    );
}

#[test]
fn nothing_but_suites_under_notice_goes_by_the_clock() {
    let pki = Pki::new();
    let leaf = Leaf {
        not_before: (2025, 1, 1),
        not_after: (2028, 1, 1),
        ..Leaf::default()
    };
    let found = survey(&[ENDING], &[NamedGroup::SECP384R1]);
    let incomplete = edited(
        |found| set(&mut found.cipher_suites, GOOD, Unknown),
        found.clone(),
    );
    for (certainty, found, now, status, part) in [
        (
            Certainty::Provisional,
            &found,
            "2025-11-16T00:00:00Z",
            Warn,
            "is announced for 2025-11-17 (the date may move)",
        ),
        (
            Certainty::Provisional,
            &found,
            "2025-11-17T00:00:00Z",
            Warn,
            "was announced for 2025-11-17",
        ),
        (
            Certainty::Firm,
            &found,
            "2025-11-16T00:00:00Z",
            Warn,
            "to be removed on 2025-11-17",
        ),
        (
            Certainty::Firm,
            &found,
            "2025-11-17T00:00:00Z",
            Fail,
            "to be removed by 2025-11-17",
        ),
        (
            Certainty::Firm,
            &incomplete,
            "2025-11-17T00:00:00Z",
            Warn,
            "not found out",
        ),
    ] {
        let mut profile = (*customer()).clone();
        profile
            .suites
            .iter_mut()
            .for_each(|rule| rule.certainty = certainty);
        let observation = chose(ENDING, found.clone())(good(pki.chain(&leaf)));
        let judgement = judge_by(Arc::new(profile), &observation, Some(pki.roots()), now);
        let finding = judgement.finding(CheckId::CipherSuiteNotDeprecated).unwrap();
        assert_eq!(finding.status, status, "{now}: {finding:?}");
        assert!(finding.summary.contains(part), "{now}: {}", finding.summary);
        assert_eq!(judgement.verdict, Verdict::Warn);
    }
}

#[test]
fn a_refusal_of_the_whole_offer_has_its_cause() {
    use CheckId::{CipherSuiteShared as Shared, EcdheSecp384r1 as Curve, Tls12Negotiated as Version};
    let refusal = AlertDescription::HANDSHAKE_FAILURE;
    let p256 = &[NamedGroup::SECP256R1];
    check(
        &customer(),
        vec![
            (
                "suites",
                Box::new(refused_for(refusal, RefusalCause::CipherSuite, &[])),
                &[
                    (
                        Shared,
                        Fail,
                        "shares no cipher suite with Genesys BYOC Cloud",
                        "handshake_failure (40)",
                    ),
                    (Curve, Skip, "no ECDHE suite", ""),
                ],
                Verdict::Fail,
            ),
            (
                "changed since the survey",
                Box::new(move |_| with(refused(refusal), whole())),
                &[
                    (
                        Shared,
                        Fail,
                        "refuses what Genesys BYOC Cloud offers now, and took it up when it was surveyed",
                        "shared at the survey: TLS_",
                    ),
                    (CheckId::CipherSuiteNotDeprecated, Skip, "", ""),
                    (Curve, Skip, "", ""),
                ],
                Verdict::Fail,
            ),
            (
                "curve",
                Box::new(refused_for(refusal, RefusalCause::Group, p256)),
                &[
                    (
                        Shared,
                        Fail,
                        "no curve with Genesys BYOC Cloud: it refuses secp384r1 and takes secp256r1",
                        "curves taken up: secp256r1",
                    ),
                    (
                        Curve,
                        Fail,
                        "runs on secp256r1 and is refused on secp384r1",
                        "accepted: secp256r1; refused: secp384r1",
                    ),
                ],
                Verdict::Fail,
            ),
            (
                "key",
                Box::new(refused_for(
                    refusal,
                    RefusalCause::KeyType,
                    &[NamedGroup::SECP384R1],
                )),
                &[
                    (Shared, Fail, "has an ECDSA key", ""),
                    (Curve, Skip, "none of the ECDHE suites", ""),
                ],
                Verdict::Fail,
            ),
            (
                "version, though the alert does not say so",
                Box::new(refused_for(refusal, RefusalCause::Version, &[])),
                &[
                    (Version, Fail, "refuses TLS 1.2", "survey: versions taken up"),
                    (Shared, Skip, "refused the TLS version", ""),
                ],
                Verdict::Fail,
            ),
            (
                "version by the alert",
                Box::new(refused_for(
                    AlertDescription::PROTOCOL_VERSION,
                    RefusalCause::Version,
                    &[],
                )),
                &[
                    (Version, Fail, "refuses TLS 1.2", "protocol_version (70)"),
                    (Shared, Skip, "refused the TLS version", ""),
                ],
                Verdict::Fail,
            ),
            (
                "a cause that was not found out",
                Box::new(move |_| with(refused(refusal), survey(&[], &[]))),
                &[(Shared, Fail, "the alert does not say which", "")],
                Verdict::Fail,
            ),
        ],
    );
    let generic = profile("sip-tls-generic").unwrap();
    check(
        &generic,
        vec![(
            "an ECDSA suite where ECDSA suites are offered",
            Box::new(refused_for(
                refusal,
                RefusalCause::KeyType,
                &[NamedGroup::SECP256R1],
            )),
            &[(Shared, Fail, "shares no cipher suite", "")],
            Verdict::Fail,
        )],
    );
}

#[test]
fn the_curve_behind_static_rsa() {
    use CheckId::EcdheSecp384r1 as Curve;
    let p384 = &[NamedGroup::SECP384R1];
    check(
        &customer(),
        vec![
            (
                "it is there",
                Box::new(chose(STATIC, survey(&[STATIC, GOOD], p384))),
                &[(Curve, Pass, "ECDHE runs on secp384r1", "accepted: secp384r1")],
                Verdict::Pass,
            ),
            (
                "others are there",
                Box::new(chose(STATIC, survey(&[STATIC], &[NamedGroup::SECP256R1]))),
                &[(
                    Curve,
                    Warn,
                    "refused on secp384r1 and runs on secp256r1 alone: Genesys BYOC Cloud gets TLS_RSA_WITH_AES_256_CBC_SHA",
                    "refused: secp384r1",
                )],
                Verdict::Warn,
            ),
            (
                "no ECDHE at all",
                Box::new(chose(STATIC, survey(&[STATIC], &[]))),
                &[(Curve, Skip, "takes no ECDHE suite", "refused: ")],
                Verdict::Pass,
            ),
            (
                "with suites that are not offered",
                Box::new(chose(STATIC, survey(&[STATIC], p384))),
                &[(
                    Curve,
                    Skip,
                    "none of the ECDHE suites that Genesys BYOC Cloud offers",
                    "",
                )],
                Verdict::Pass,
            ),
            (
                "not found out",
                Box::new(chose(
                    STATIC,
                    edited(
                        |found| set(&mut found.groups, NamedGroup::SECP384R1, Unknown),
                        survey(&[STATIC], &[]),
                    ),
                )),
                &[(
                    Curve,
                    Skip,
                    "did not find out about secp384r1",
                    "unknown: secp384r1",
                )],
                Verdict::Pass,
            ),
            (
                "the visit saw nothing",
                Box::new(|_| {
                    with(
                        nothing(Phase::ServerHello, Reason::TlsTimeout),
                        survey(&[], &[NamedGroup::X25519]),
                    )
                }),
                &[(Curve, Warn, "runs on x25519 and is refused", "")],
                Verdict::Inconclusive,
            ),
            (
                "neither visit nor survey saw anything",
                Box::new(|_| {
                    with(
                        nothing(Phase::ServerHello, Reason::TlsTimeout),
                        edited(
                            |found| {
                                let all = found.groups.iter_mut();
                                all.for_each(|(_, acceptance)| *acceptance = Unknown);
                            },
                            survey(&[], &[]),
                        ),
                    )
                }),
                &[(Curve, Skip, "the visit ended with tls_timeout", "")],
                Verdict::Inconclusive,
            ),
        ],
    );
}

#[test]
fn old_versions() {
    use CheckId::LegacyVersionsRefused as Old;
    let both = |found: &mut SurveyResult| {
        set(&mut found.versions, ProtocolVersion::TLS_1_0, Selected);
        set(&mut found.versions, ProtocolVersion::TLS_1_1, Selected);
    };
    let stopped = |found: &mut SurveyResult| {
        set(&mut found.versions, ProtocolVersion::TLS_1_0, Unknown);
        set(&mut found.versions, ProtocolVersion::TLS_1_1, Unknown);
        found.stopped = Some("64 connections were made".to_owned());
    };
    let one = |found: &mut SurveyResult| {
        set(&mut found.versions, ProtocolVersion::TLS_1_0, Unknown);
        set(&mut found.versions, ProtocolVersion::TLS_1_1, Selected);
    };
    for (profile, status, verdict) in [
        (customer(), Warn, Verdict::Pass),
        (profile("sip-tls-generic").unwrap(), Fail, Verdict::Warn),
    ] {
        check(
            &profile,
            vec![
                (
                    "refused",
                    Box::new(chose(GOOD, whole())),
                    &[(Old, Pass, "are refused", "refused: TLSv1.0, TLSv1.1")],
                    Verdict::Pass,
                ),
                (
                    "taken up",
                    Box::new(chose(GOOD, edited(both, whole()))),
                    &[(Old, status, "takes up TLSv1.0 and TLSv1.1", "selected: TLSv1.0")],
                    verdict,
                ),
                (
                    "one taken up, the other not found out",
                    Box::new(chose(GOOD, edited(one, whole()))),
                    &[(Old, status, "takes up TLSv1.1, which", "unknown: TLSv1.0")],
                    verdict,
                ),
                (
                    "a survey that stopped early is not inconclusive when the visit was whole",
                    Box::new(chose(GOOD, edited(stopped, whole()))),
                    &[(
                        Old,
                        Skip,
                        "did not find out about TLSv1.0, TLSv1.1",
                        "the survey stopped early: 64 connections",
                    )],
                    Verdict::Pass,
                ),
                (
                    "without a survey",
                    Box::new(|o| o),
                    &[(Old, Skip, "Not looked at by a routine visit", "")],
                    Verdict::Pass,
                ),
            ],
        );
    }
}

#[test]
fn a_survey_of_a_visit_that_stopped_short_is_inconclusive() {
    let pki = Pki::new();
    let seen = ended(
        good(pki.chain(&Leaf::default())),
        Phase::Handshake,
        Reason::ConnectionReset,
    );
    let judgement = judge(&with(seen, whole()), Some(pki.roots()));
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
}

mod reference;
