//! Several addresses of one name, and names that lead there.

use crate::common::*;
use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use siptls_catalog::{NameRule, Profile, profile};
use siptls_model::{
    Acceptance::{Accepted, Refused, Unknown},
    AlertDescription, Authority, CheckId, CipherSuite, ClientCertificateMode, ClientCertificateType, Finding,
    Judgement, Observation, Phase, ProtocolVersion, Reason, SipOutcome, SrvRecord,
    Status::{Fail, Pass, Skip, Warn},
    SuitePreference, SurveyResult, Verdict,
};
use siptls_policy::Judge;
use std::sync::Arc;

/// Places visits at 192.0.2.1, .2 and so on, and judges them together.
fn judged(pki: &Pki, visits: Vec<Observation>) -> Vec<Judgement> {
    let visits: Vec<Observation> = visits
        .into_iter()
        .zip(1..)
        .map(|(visit, last)| Observation {
            address: visit
                .address
                .map(|_| format!("192.0.2.{last}:5061").parse().unwrap()),
            ..visit
        })
        .collect();
    Judge::new(customer(), Some(pki.roots()), &visits[0].target).judge_visit(&visits, at(NOW))
}

#[track_caller]
fn agreement(judgement: &Judgement) -> &Finding {
    judgement.finding(CheckId::AddressesAgree).unwrap()
}

fn surveyed(mut visit: Observation, old: siptls_model::Acceptance) -> Observation {
    visit.survey = Some(Arc::new(SurveyResult {
        versions: vec![
            (ProtocolVersion::TLS_1_0, old),
            (ProtocolVersion::TLS_1_2, Accepted),
        ],
        cipher_suites: Vec::new(),
        groups: Vec::new(),
        suite_preference: SuitePreference::Unknown,
        refusal_cause: None,
        without_profile_groups: None,
        stopped: None,
    }));
    visit
}

/// Load balancers of the platform answer listed addresses alone: silence to OPTIONS makes none of them the odd one out.
#[test]
fn silence_to_options_counts_where_it_says_something() {
    let pki = Pki::new();
    let answers = good(pki.chain(&Leaf::default()));
    let silent = Observation {
        sip: SipOutcome::NotAnswered,
        ..answers.clone()
    };
    for (name, expected) in [("genesys-byoc-customer", Fail), ("genesys-byoc-cloud", Pass)] {
        let judge = Judge::new(profile(name).unwrap(), Some(pki.roots()), &answers.target);
        let judged = judge.judge_visit(&[answers.clone(), silent.clone()], at(NOW));
        assert_eq!(
            agreement(&judged[0]).status,
            expected,
            "{name}: {:?}",
            agreement(&judged[0])
        );
    }
}

/// Each thing that is compared, in the third of three addresses.
#[test]
fn the_odd_one_out_is_named_with_what_differs() {
    let pki = Pki::new();
    let chain = pki.chain(&Leaf::default());
    let other = Pki::new();
    let leaf = |leaf: Leaf| pki.chain(&leaf);
    let wildcard = Leaf {
        common_name: "cluster",
        dns: vec!["*.example.test"],
        ..Leaf::default()
    };
    let by_cn_alone = Leaf {
        dns: vec![],
        ..Leaf::default()
    };
    let both_usages = Leaf {
        usages: vec![ServerAuth, ClientAuth],
        ..Leaf::default()
    };
    let visit = || good(Arc::clone(&chain));
    let with = |edit: fn(&mut Observation)| {
        let mut visit = visit();
        edit(&mut visit);
        visit
    };
    let rows: Vec<(&str, Observation, &str, &str)> = vec![
        (
            "wildcard",
            good(leaf(wildcard)),
            "names covered",
            "192.0.2.3:5061: is for sbc.example.test, but not by RFC 5922",
        ),
        (
            "common name",
            good(leaf(by_cn_alone)),
            "names covered",
            "192.0.2.1:5061: is for sbc.example.test;",
        ),
        (
            "usage",
            good(leaf(both_usages)),
            "extended key usage",
            "192.0.2.3:5061: for clientAuth, serverAuth",
        ),
        (
            "root",
            good(other.chain(&Leaf::default())),
            "trusted root",
            "192.0.2.3:5061: no trusted root",
        ),
        (
            "request",
            asking(visit(), ClientCertificateMode::Optional),
            "request for a client certificate",
            "192.0.2.3:5061: asks for a client certificate",
        ),
        (
            "suite",
            with(|o| handshake(o).cipher_suite = Some(CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA)),
            "negotiated suite",
            "192.0.2.3:5061: TLS_RSA_WITH_AES_256_CBC_SHA",
        ),
        (
            "version",
            with(|o| handshake(o).version = Some(ProtocolVersion::TLS_1_1)),
            "negotiated version",
            "192.0.2.3:5061: TLSv1.1",
        ),
        (
            "refusal",
            refused(AlertDescription::HANDSHAKE_FAILURE),
            "answer to the offer",
            "192.0.2.3:5061: refuses the offer with handshake_failure (40)",
        ),
        (
            "OPTIONS",
            ended(visit(), Phase::Sip, Reason::SipTimeout),
            "answer to OPTIONS",
            "192.0.2.3:5061: does not answer OPTIONS",
        ),
    ];
    for (name, odd, what, evidence) in rows {
        let judgements = judged(&pki, vec![visit(), visit(), odd]);
        for judgement in &judgements {
            let finding = agreement(judgement);
            assert_eq!(finding.status, Fail, "{name}: {finding:?}");
            assert_eq!(
                finding.summary,
                format!("192.0.2.3:5061 differs from the 2 other addresses in: {what}"),
                "{name}"
            );
            assert!(
                finding.evidence.contains(evidence),
                "{name}: {}",
                finding.evidence
            );
            assert!(finding.remedy.contains("take it out of DNS"), "{name}");
        }
        assert_eq!(judgements[0].verdict, Verdict::Warn, "{name}");
    }
}

#[test]
fn requests_are_compared_by_mode_types_and_names() {
    let pki = Pki::new();
    let chain = pki.chain(&Leaf::default());
    let asks = |edit: fn(&mut Observation)| {
        let mut visit = asking(good(Arc::clone(&chain)), ClientCertificateMode::Optional);
        edit(&mut visit);
        visit
    };
    let same = || asks(|_| {});
    // Order means nothing; a mode that was not seen is held against nobody.
    let reordered = asks(|o| handshake(o).client_certificate.authorities.reverse());
    let unknown = asks(|o| handshake(o).client_certificate.mode = ClientCertificateMode::Unknown);
    let alike = judged(&pki, vec![same(), reordered, unknown]);
    assert_eq!(agreement(&alike[0]).status, Pass, "{:?}", agreement(&alike[0]));

    for (odd, expected) in [
        (
            asks(|o| handshake(o).client_certificate.mode = ClientCertificateMode::Required),
            "request for a client certificate",
        ),
        (
            asks(|o| {
                handshake(o).client_certificate.authorities.push(Authority {
                    name: "CN=Another".to_owned(),
                    subject_hash: None,
                })
            }),
            "CA names asked for",
        ),
        (
            asks(|o| {
                handshake(o).client_certificate.certificate_types = vec![ClientCertificateType::RSA_SIGN]
            }),
            "certificate types asked for",
        ),
    ] {
        let judgements = judged(&pki, vec![same(), odd]);
        let finding = agreement(&judgements[0]);
        assert_eq!(
            finding.summary,
            format!("192.0.2.1:5061, 192.0.2.2:5061 differ in: {expected}")
        );
        // Of eleven names the one that is not everywhere is shown.
        assert_eq!(
            finding.evidence.contains("CN=Another"),
            expected.starts_with("CA names")
        );
        assert!(!finding.evidence.contains("CN=Acme CA"));
    }
}

#[test]
fn surveys_are_compared_where_both_found_out() {
    let pki = Pki::new();
    let chain = pki.chain(&Leaf::default());
    let visit = || good(Arc::clone(&chain));
    for (one, other, expected) in [
        (Some(Refused), Some(Accepted), Fail),
        (Some(Refused), Some(Unknown), Pass),
        (Some(Refused), None, Pass),
    ] {
        let place = |found| match found {
            Some(found) => surveyed(visit(), found),
            None => visit(),
        };
        let judgements = judged(&pki, vec![place(one), place(other)]);
        let finding = agreement(&judgements[0]);
        assert_eq!(finding.status, expected, "{finding:?}");
        if expected == Fail {
            assert!(
                finding.summary.ends_with("differ in: accepted versions"),
                "{finding:?}"
            );
            assert!(
                finding.evidence.contains("192.0.2.2:5061: accepts TLSv1.0"),
                "{finding:?}"
            );
        }
    }
}

/// Each node of a cluster with its own certificate, for itself and for the name of them all.
#[test]
fn certificates_that_are_alike_agree_and_are_named() {
    let pki = Pki::new();
    let node = |name| Leaf {
        common_name: name,
        dns: vec![name, HOST],
        ..Leaf::default()
    };
    let later = Leaf {
        not_after: (2027, 5, 1),
        ..node("node2.example.test")
    };
    let judgements = judged(
        &pki,
        vec![
            good(pki.chain(&node("node1.example.test"))),
            good(pki.chain(&later)),
        ],
    );
    let finding = agreement(&judgements[1]);
    assert_eq!(
        (finding.status, &*finding.summary),
        (Pass, "All 2 addresses look alike, with 2 certificates")
    );
    assert!(
        finding
            .evidence
            .contains("to 2027-03-01; 192.0.2.2:5061: certificate ")
            && finding.evidence.ends_with("to 2027-05-01"),
        "{finding:?}"
    );
    assert_eq!(judgements[1].verdict, Verdict::Pass);

    let chain = pki.chain(&Leaf::default());
    let same = judged(&pki, vec![good(Arc::clone(&chain)), good(chain)]);
    assert_eq!(agreement(&same[0]).summary, "All 2 addresses look alike");
}

#[test]
fn what_was_not_read_is_left_out_and_named() {
    let pki = Pki::new();
    let chain = pki.chain(&Leaf::default());
    let dead = || nothing(Phase::Connect, Reason::ConnectionRefused);
    let visit = || good(Arc::clone(&chain));
    let judgements = judged(&pki, vec![visit(), dead(), visit()]);
    let finding = agreement(&judgements[0]);
    assert_eq!(
        (finding.status, &*finding.summary),
        (Pass, "All 2 addresses look alike")
    );
    assert!(
        finding
            .evidence
            .ends_with("left out, nothing was read of them: 192.0.2.2:5061 (connection_refused)"),
        "{finding:?}"
    );
    assert_eq!(agreement(&judgements[1]).status, Skip);
    assert_eq!(judgements[1].verdict, Verdict::Inconclusive);

    let judgements = judged(&pki, vec![visit(), dead()]);
    for judgement in &judgements {
        let finding = agreement(judgement);
        assert_eq!(
            (finding.status, &*finding.summary),
            (Skip, "1 of 2 addresses was read: there is nothing to compare")
        );
        assert!(finding.evidence.contains("192.0.2.2:5061"), "{finding:?}");
    }
}

#[test]
fn without_a_majority_no_address_is_called_the_odd_one() {
    let pki = Pki::new();
    let chain = pki.chain(&Leaf::default());
    let visit = || good(Arc::clone(&chain));
    let silent = || ended(visit(), Phase::Sip, Reason::SipTimeout);
    let judgements = judged(&pki, vec![visit(), silent(), silent(), visit()]);
    assert_eq!(
        agreement(&judgements[0]).summary,
        "192.0.2.1:5061, 192.0.2.2:5061, 192.0.2.3:5061, 192.0.2.4:5061 differ in: answer to OPTIONS"
    );
    // Two odd ones, each in something else.
    let mut other = visit();
    handshake(&mut other).cipher_suite = Some(CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA);
    let judgements = judged(&pki, vec![visit(), silent(), other]);
    assert_eq!(
        agreement(&judgements[0]).summary,
        "192.0.2.2:5061, 192.0.2.3:5061 differ from the 1 other address in: negotiated suite, answer to OPTIONS"
    );
}

#[test]
fn a_certificate_for_the_srv_target_alone_is_a_warning_that_names_it() {
    let pki = Pki::new();
    let lb = Leaf {
        common_name: "lb01.example.test",
        dns: vec!["lb01.example.test"],
        ..Leaf::default()
    };
    let through = |chain, target: &str| Observation {
        srv: Some(Arc::new(SrvRecord {
            owner: format!("_sips._tcp.{HOST}"),
            priority: 10,
            weight: 5,
            target: target.to_owned(),
            port: 5061,
        })),
        ..good(chain)
    };
    let judged = |observation: &Observation| {
        let judgement = judge(observation, Some(pki.roots()));
        let finding = judgement.finding(CheckId::ServerNameMatches).unwrap().clone();
        (judgement.verdict, finding)
    };
    let (verdict, finding) = judged(&through(pki.chain(&lb), "lb01.example.test"));
    assert_eq!((verdict, finding.status), (Verdict::Warn, Warn), "{finding:?}");
    assert_eq!(
        finding.summary,
        "Only the SRV target's name lb01.example.test is covered; a strict caller (RFC 5922) refuses it"
    );
    let (verdict, finding) = judged(&through(pki.chain(&lb), "lb02.example.test"));
    assert_eq!((verdict, finding.status), (Verdict::Fail, Fail), "{finding:?}");
    let (verdict, finding) = judged(&through(pki.chain(&Leaf::default()), "lb01.example.test"));
    assert_eq!((verdict, finding.status), (Verdict::Pass, Pass), "{finding:?}");

    // By the profile's own rule: RFC 5922 takes no wildcard.
    let wildcard = Leaf {
        dns: vec!["*.lbs.example.test"],
        ..lb
    };
    let visit = through(pki.chain(&wildcard), "lb01.lbs.example.test");
    for (rule, expected) in [(NameRule::Rfc9525, Warn), (NameRule::Rfc5922, Fail)] {
        let profile = Arc::new(Profile {
            name_rule: rule,
            ..(*customer()).clone()
        });
        let judgement = judge_by(profile, &visit, Some(pki.roots()), NOW);
        assert_eq!(status(&judgement, CheckId::ServerNameMatches), expected);
    }
    assert!(matches!(visit.sip, SipOutcome::Answered(_)));
}
