//! Surveys of imagined servers: any server is found out, and none is asked too often.

use super::*;
use proptest::prelude::*;
use siptls_model::{ExtensionType, SignatureScheme};

const SUITES: [CipherSuite; 8] = [
    CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA,
    CipherSuite::TLS_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
];

fn profile() -> Arc<Offer> {
    Arc::new(Offer {
        legacy_version: ProtocolVersion::TLS_1_2,
        cipher_suites: SUITES
            .iter()
            .copied()
            .chain([CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV])
            .collect(),
        groups: vec![NamedGroup::SECP384R1],
        signature_algorithms: vec![SignatureScheme::RSA_PKCS1_SHA256],
        versions: Vec::new(),
        extensions: vec![ExtensionType::SERVER_NAME, ExtensionType::SUPPORTED_GROUPS],
    })
}

/// A server as a rule: what it answers to an offer.
#[derive(Clone, Debug)]
struct Server {
    versions: Vec<ProtocolVersion>,
    /// In its order of preference.
    suites: Vec<CipherSuite>,
    groups: Vec<NamedGroup>,
    follows_client: bool,
    insists_on_certificate: bool,
}

impl Server {
    fn answer(&self, step: &Step) -> Outcome {
        let offer = &step.offer;
        let highest = match offer.versions.as_slice() {
            [] => self
                .versions
                .iter()
                .filter(|version| **version <= offer.legacy_version)
                .max(),
            listed => self
                .versions
                .iter()
                .filter(|version| listed.contains(version))
                .max(),
        };
        let Some(&version) = highest else {
            return Outcome::Refused(AlertDescription::PROTOCOL_VERSION);
        };
        if version == ProtocolVersion::TLS_1_3 {
            let suite = CipherSuite::TLS_AES_256_GCM_SHA384;
            return Outcome::Chosen {
                version,
                suite,
                group: None,
                completed: false,
            };
        }
        let group = self
            .groups
            .iter()
            .copied()
            .find(|group| offer.groups.contains(group));
        let usable = |suite: &CipherSuite| {
            let ecdhe = suite.key_exchange().is_some_and(KeyExchange::is_ecdhe);
            let of_its_time =
                version == ProtocolVersion::TLS_1_2 || suite.name().unwrap().ends_with("_CBC_SHA");
            of_its_time && (!ecdhe || group.is_some())
        };
        let (first, second) = if self.follows_client {
            (&offer.cipher_suites, &self.suites)
        } else {
            (&self.suites, &offer.cipher_suites)
        };
        let suite = first
            .iter()
            .copied()
            .find(|suite| second.contains(suite) && usable(suite));
        let Some(suite) = suite else {
            return Outcome::Refused(AlertDescription::HANDSHAKE_FAILURE);
        };
        let group = group.filter(|_| suite.key_exchange().is_some_and(KeyExchange::is_ecdhe));
        let finishable = version == ProtocolVersion::TLS_1_2 && !self.insists_on_certificate;
        Outcome::Chosen {
            version,
            suite,
            group,
            completed: step.finish && finishable,
        }
    }
}

fn run(server: &Server) -> (SurveyResult, usize) {
    let mut survey = Survey::new(profile());
    while let Some(step) = survey.next_step() {
        survey.record(server.answer(&step));
    }
    (survey.result(), survey.steps())
}

fn value<T: PartialEq + Copy>(values: &[(T, Acceptance)], key: T) -> Acceptance {
    values.iter().find(|(known, _)| *known == key).unwrap().1
}

fn full() -> Server {
    Server {
        versions: vec![ProtocolVersion::TLS_1_2],
        suites: SUITES.iter().rev().copied().collect(),
        groups: vec![NamedGroup::SECP384R1],
        follows_client: false,
        insists_on_certificate: false,
    }
}

#[test]
fn a_full_server_takes_eleven_connections() {
    let (result, steps) = run(&full());
    // Eight suites, the other groups, TLS 1.1 and below, TLS 1.3.
    assert_eq!(steps, 11);
    assert!(
        result
            .cipher_suites
            .iter()
            .all(|(_, acceptance)| *acceptance == Acceptance::Accepted)
    );
    assert_eq!(value(&result.groups, NamedGroup::SECP384R1), Acceptance::Accepted);
    assert_eq!(value(&result.groups, NamedGroup::SECP256R1), Acceptance::Refused);
    assert_eq!(
        value(&result.versions, ProtocolVersion::TLS_1_1),
        Acceptance::Refused
    );
    assert_eq!(
        value(&result.versions, ProtocolVersion::TLS_1_2),
        Acceptance::Accepted
    );
    assert_eq!(result.suite_preference, SuitePreference::Server);
    assert_eq!(
        result.without_profile_groups,
        Some(AlertDescription::HANDSHAKE_FAILURE)
    );
    assert_eq!(result.stopped, None);
    // The last of eight suites is asked about together with the order.
    let (result, steps) = run(&Server {
        follows_client: true,
        ..full()
    });
    assert_eq!((result.suite_preference, steps), (SuitePreference::Client, 11));
}

#[test]
fn an_order_that_looks_like_the_clients_is_told_apart() {
    let [a, b, c, d, e, f, g, h] = SUITES;
    // What alternating rounds would pick of a server that follows its client. Suites, then the other groups, TLS 1.1
    // and below, TLS 1.3.
    for (order, suites) in [
        (vec![a], 2),
        (vec![a, b], 2 + 1 + 1),
        (vec![a, c, b], 3 + 1 + 1),
        (vec![a, d, b, c], 4 + 1 + 1),
        (vec![a, g, b, f, c, e, d], 7 + 1 + 1),
        // The last one is passed over and asked about alone.
        (vec![a, h, b, g, c, f, d, e], 8 + 1),
    ] {
        for follows_client in [true, false] {
            let (result, steps) = run(&Server {
                suites: order.clone(),
                follows_client,
                ..full()
            });
            let expected = match (order.len(), follows_client) {
                (1, _) => SuitePreference::Unknown,
                (_, true) => SuitePreference::Client,
                (_, false) => SuitePreference::Server,
            };
            assert_eq!(result.suite_preference, expected, "{order:?}");
            let all_follow = order.len() == SUITES.len() && follows_client;
            assert_eq!(steps, suites - usize::from(all_follow) + 3, "{order:?}");
            let accepted = |(suite, found): &(CipherSuite, Acceptance)| {
                (*found == Acceptance::Accepted) == order.contains(suite)
            };
            assert!(result.cipher_suites.iter().all(accepted), "{order:?}: {result:?}");
        }
    }
    // Picks that contradict the client's order at once: no further connection.
    let (result, steps) = run(&Server {
        suites: vec![b, a],
        ..full()
    });
    assert_eq!((result.suite_preference, steps), (SuitePreference::Server, 3 + 3));
}

#[test]
fn an_endpoint_that_insists_on_a_certificate_selects_and_does_not_accept() {
    let (result, _) = run(&Server {
        insists_on_certificate: true,
        ..full()
    });
    assert!(
        result
            .cipher_suites
            .iter()
            .all(|(_, acceptance)| *acceptance == Acceptance::Selected)
    );
    assert_eq!(
        value(&result.versions, ProtocolVersion::TLS_1_2),
        Acceptance::Selected
    );
}

#[test]
fn the_cause_of_a_refusal_is_told_apart() {
    let ecdsa = vec![CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384];
    let ecdhe = vec![CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384];
    let foreign = vec![CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA];
    let both = [&ecdsa[..], &ecdhe[..]].concat();
    let p256 = vec![NamedGroup::SECP256R1];
    let cases = [
        (
            Server {
                suites: ecdsa.clone(),
                ..full()
            },
            RefusalCause::KeyType,
        ),
        (
            Server {
                suites: ecdsa,
                groups: p256.clone(),
                ..full()
            },
            RefusalCause::KeyType,
        ),
        (
            Server {
                suites: both,
                groups: p256,
                ..full()
            },
            RefusalCause::Group,
        ),
        (
            Server {
                suites: ecdhe,
                groups: vec![NamedGroup::SECP256R1],
                ..full()
            },
            RefusalCause::Group,
        ),
        (
            Server {
                suites: foreign,
                ..full()
            },
            RefusalCause::CipherSuite,
        ),
        (
            Server {
                versions: vec![ProtocolVersion::TLS_1_3],
                ..full()
            },
            RefusalCause::Version,
        ),
    ];
    for (server, cause) in cases {
        assert_eq!(run(&server).0.refusal_cause, Some(cause), "{server:?}");
    }
}

/// What a survey finds of a server that refuses its first offers of the profile, and how often that was made.
fn refused_at_first(server: &Server, refusals: usize) -> (SurveyResult, usize) {
    let profile = profile();
    let mut survey = Survey::new(Arc::clone(&profile));
    let mut whole = 0;
    while let Some(step) = survey.next_step() {
        whole += usize::from(step.offer == profile);
        survey.record(if step.offer == profile && whole <= refusals {
            Outcome::Refused(AlertDescription::HANDSHAKE_FAILURE)
        } else {
            server.answer(&step)
        });
    }
    (survey.result(), whole)
}

#[test]
fn a_refusal_that_the_wider_offer_contradicts_is_asked_again_once() {
    let server = full();
    assert_eq!(refused_at_first(&server, 1), (run(&server).0, 2));
    let (result, whole) = refused_at_first(&server, usize::MAX);
    assert_eq!((result.refusal_cause, whole), (None, 2));
    let unknown = |(_, acceptance): &(CipherSuite, Acceptance)| *acceptance == Acceptance::Unknown;
    assert!(result.cipher_suites.iter().all(unknown), "{result:?}");
}

#[test]
fn a_glitch_is_asked_again_and_never_a_refusal() {
    let server = full();
    let mut survey = Survey::new(profile());
    let mut number = 0;
    while let Some(step) = survey.next_step() {
        number += 1;
        // Every third attempt times out once.
        let outcome = if number % 3 == 0 {
            Outcome::Glitch(Reason::TlsTimeout)
        } else {
            server.answer(&step)
        };
        survey.record(outcome);
    }
    let clean = run(&server).0;
    assert_eq!(survey.result(), clean);
}

#[test]
fn a_peer_that_stops_answering_is_left_alone_and_the_rest_is_unknown() {
    let server = full();
    let mut survey = Survey::new(profile());
    let mut number = 0;
    while let Some(step) = survey.next_step() {
        number += 1;
        let outcome = if number > 3 {
            Outcome::Glitch(Reason::ConnectionReset)
        } else {
            server.answer(&step)
        };
        survey.record(outcome);
    }
    assert_eq!(number, 7, "three answers, then two questions asked twice");
    let result = survey.result();
    assert!(
        result.stopped.as_ref().unwrap().contains("blocking"),
        "{result:?}"
    );
    assert_eq!(
        result
            .cipher_suites
            .iter()
            .filter(|(_, value)| *value == Acceptance::Unknown)
            .count(),
        5
    );
    assert!(
        result
            .cipher_suites
            .iter()
            .all(|(_, value)| *value != Acceptance::Refused)
    );
    assert_eq!(
        value(&result.versions, ProtocolVersion::TLS_1_3),
        Acceptance::Unknown
    );
}

#[test]
fn a_peer_that_never_answers_is_asked_twice() {
    let mut survey = Survey::new(profile());
    while survey.next_step().is_some() {
        survey.record(Outcome::Glitch(Reason::ConnectionRefused));
    }
    assert_eq!(survey.steps(), 2);
    assert!(
        survey
            .result()
            .cipher_suites
            .iter()
            .all(|(_, value)| *value == Acceptance::Unknown)
    );
}

#[test]
fn an_endpoint_of_older_versions_refuses_the_version() {
    let (result, _) = run(&Server {
        versions: vec![ProtocolVersion::TLS_1_0, ProtocolVersion::TLS_1_1],
        ..full()
    });
    assert_eq!(result.refusal_cause, Some(RefusalCause::Version));
    assert_eq!(
        result
            .versions
            .iter()
            .map(|(_, found)| *found)
            .collect::<Vec<_>>(),
        [
            Acceptance::Selected,
            Acceptance::Selected,
            Acceptance::Refused,
            Acceptance::Refused
        ]
    );
}

#[test]
fn suites_that_are_not_shared_do_not_hide_whose_order_counts() {
    // Neither the first nor the last of the profile.
    let shared = [SUITES[4], SUITES[1], SUITES[5], SUITES[3]];
    for (follows_client, expected) in [(true, SuitePreference::Client), (false, SuitePreference::Server)] {
        let (result, _) = run(&Server {
            suites: shared.to_vec(),
            follows_client,
            ..full()
        });
        assert_eq!(result.suite_preference, expected);
    }
}

#[test]
fn suites_not_asked_about_leave_the_order_open() {
    let server = Server {
        follows_client: true,
        ..full()
    };
    let mut survey = Survey::new(profile());
    for _ in 0..4 {
        let step = survey.next_step().unwrap();
        survey.record(server.answer(&step));
    }
    assert_eq!(survey.result().suite_preference, SuitePreference::Unknown);
}

#[test]
fn an_endpoint_that_takes_other_groups_did_not_refuse_them() {
    let (result, _) = run(&Server {
        groups: vec![NamedGroup::SECP384R1, NamedGroup::SECP256R1],
        ..full()
    });
    assert_eq!(value(&result.groups, NamedGroup::SECP256R1), Acceptance::Accepted);
    assert_eq!(value(&result.groups, NamedGroup::X25519), Acceptance::Refused);
    assert_eq!(result.without_profile_groups, None);
}

fn subset<T: Copy + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = Vec<T>> {
    proptest::sample::subsequence(values, 0..=values.len()).prop_shuffle()
}

const VERSIONS: [ProtocolVersion; 4] = [
    ProtocolVersion::TLS_1_0,
    ProtocolVersion::TLS_1_1,
    ProtocolVersion::TLS_1_2,
    ProtocolVersion::TLS_1_3,
];

proptest! {
    /// Whatever a server is, the survey finds that, in accepted + 1 connections for suites and one for their order.
    #[test]
    fn any_server_is_found_out(
        suites in subset(&SUITES),
        groups in subset(&GROUPS),
        versions in subset(&VERSIONS),
        follows_client: bool,
        insists_on_certificate: bool,
    ) {
        let server = Server { versions, suites, groups, follows_client, insists_on_certificate };
        let (result, steps) = run(&server);
        prop_assert_eq!(&result.stopped, &None);
        let speaks = server.versions.contains(&ProtocolVersion::TLS_1_2);
        let has_group = server.groups.contains(&NamedGroup::SECP384R1);
        let good = if insists_on_certificate { Acceptance::Selected } else { Acceptance::Accepted };
        let mut accepted = 0;
        for (suite, found) in &result.cipher_suites {
            let ecdhe = suite.key_exchange().is_some_and(KeyExchange::is_ecdhe);
            let truth = speaks && server.suites.contains(suite) && (!ecdhe || has_group);
            accepted += usize::from(truth);
            let expected = if truth {
                good
            } else if speaks || *found == Acceptance::Refused {
                Acceptance::Refused
            } else {
                // A server of old versions answers with one of them: no word on these suites.
                Acceptance::Unknown
            };
            prop_assert_eq!(*found, expected, "{}", suite);
        }
        for (version, found) in &result.versions {
            let answer = found.is_accepted();
            let old = *version < ProtocolVersion::TLS_1_2;
            // Old versions need one of the old suites to show.
            if !old && (*version == ProtocolVersion::TLS_1_3 || accepted > 0) {
                prop_assert_eq!(answer, Some(server.versions.contains(version)), "{}", version);
            } else if answer == Some(true) {
                prop_assert!(server.versions.contains(version), "{}", version);
            }
        }
        for (group, found) in &result.groups {
            if found.is_accepted() == Some(true) {
                prop_assert!(server.groups.contains(group), "{}", group);
            }
        }
        if speaks && accepted > 0 {
            let order = match (accepted, server.follows_client) {
                (1, _) => SuitePreference::Unknown,
                (_, true) => SuitePreference::Client,
                (_, false) => SuitePreference::Server,
            };
            prop_assert_eq!(result.suite_preference, order);
        }
        // Suites, their order or the cause, the groups and their refusal, two old versions, TLS 1.3.
        prop_assert!(steps <= (accepted + 1) + 1 + (GROUPS.len() + 1) + 2 + 1, "{} steps", steps);
    }
}
