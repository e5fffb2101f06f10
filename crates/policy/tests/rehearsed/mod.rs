//! Rehearsals and the one sentence that is made of them.

use crate::common::*;
use rcgen::ExtendedKeyUsagePurpose::{self as Usage, Any, ClientAuth, EmailProtection, ServerAuth};
use siptls_cert::Chain;
use siptls_model::{
    AlertDescription, Attempt,
    AttemptResult::{self, Accepted, Refused, Unknown},
    ClientCertificateMode::{self, NotRequested, Optional, Required},
    Observation, Rehearsal,
};
use siptls_policy::Judge;
use std::sync::Arc;

const UNSEEN: ClientCertificateMode = ClientCertificateMode::Unknown;

/// A mode, the identities' purposes with their results, how the sentence begins, what it holds.
type Row<'a> = (
    ClientCertificateMode,
    &'a [(&'a [Usage], AttemptResult)],
    &'a str,
    &'a str,
);

struct Identities {
    pki: Pki,
}

impl Identities {
    fn chain(&self, usages: &[Usage]) -> Arc<Chain> {
        self.pki.chain(&Leaf {
            usages: usages.to_vec(),
            ..Leaf::default()
        })
    }

    fn attempt(&self, name: &str, usages: &[Usage], result: AttemptResult) -> Attempt {
        Attempt {
            identity: Some(name.into()),
            result,
            presented: Some(self.chain(usages)),
            issuer_listed: Some(true),
            key_usable: Some(true),
            completed: result == Accepted,
            alert: (result == Refused).then_some(AlertDescription::UNSUPPORTED_CERTIFICATE),
            error: None,
            sip_status: None,
            evidence: String::new(),
        }
    }
}

fn told(requested: Option<bool>, mode: ClientCertificateMode, attempts: Vec<Attempt>) -> String {
    let rehearsal = Rehearsal {
        at: at(NOW),
        requested,
        mode,
        attempts,
    };
    let observation = Observation {
        rehearsal: Some(Arc::new(rehearsal)),
        ..good(chain(&[]))
    };
    let judge = Judge::new(customer(), None, &target(HOST));
    // What was refused is explained by the day of the rehearsal, whatever day is judged.
    let sentence = judge
        .judge_visit(&[observation], at("2027-11-21T00:00:00Z"))
        .remove(0)
        .removal_day
        .unwrap();
    assert!(
        sentence.ends_with('.') && sentence.matches(". ").count() == 0,
        "{sentence}"
    );
    sentence
}

#[test]
fn each_case_of_mode_and_results_has_its_sentence() {
    let identities = Identities { pki: Pki::new() };
    let both: &[Usage] = &[ServerAuth, ClientAuth];
    let alone: &[Usage] = &[ServerAuth];
    let cases: &[Row<'_>] = &[
        (
            Required,
            &[(both, Accepted), (alone, Refused)],
            "On removal day calls stop: the endpoint insists on a certificate with clientAuth; it accepts i0 (serverAuth and clientAuth)",
            "it refuses i1 (serverAuth alone) by alert unsupported_certificate (43).",
        ),
        (
            Required,
            &[(&[ClientAuth], Accepted), (alone, Refused)],
            "On removal day calls stop: the endpoint insists on a certificate with clientAuth",
            "it accepts i0 (clientAuth alone)",
        ),
        (
            Required,
            &[(&[], Accepted), (alone, Refused)],
            "On removal day calls stop: the endpoint insists on a certificate with clientAuth",
            "it accepts i0 (no extended key usage)",
        ),
        (
            Required,
            &[(&[Any], Accepted), (alone, Refused)],
            "On removal day calls stop: ",
            "(any purpose)",
        ),
        (
            Required,
            &[(both, Accepted), (alone, Accepted)],
            "On removal day calls go on only as long as the caller presents its certificate",
            "it accepts i1 (serverAuth alone)",
        ),
        (
            Required,
            &[(alone, Refused)],
            "On removal day calls probably stop: the endpoint insists on a certificate and refuses one without clientAuth; none with clientAuth was accepted to compare",
            "it refuses i0",
        ),
        (
            Required,
            &[(both, Unknown), (alone, Refused)],
            "On removal day calls probably stop: ",
            "what it does to i0 (serverAuth and clientAuth) is not known",
        ),
        (
            Required,
            &[(both, Refused), (alone, Refused)],
            "The rehearsal says nothing about clientAuth: the endpoint insists on a certificate and refuses the identity itself",
            "it refuses i0 (serverAuth and clientAuth)",
        ),
        (
            Required,
            &[(both, Accepted), (alone, Unknown)],
            "On removal day calls stop if the caller then presents no certificate: the endpoint insists on one, and whether it accepts one without clientAuth is not known",
            "what it does to i1",
        ),
        (
            Required,
            &[(both, Accepted), (&[EmailProtection], Refused)],
            "On removal day calls stop if the caller then presents no certificate",
            "i1 (neither serverAuth nor clientAuth)",
        ),
        (
            Optional,
            &[(both, Accepted), (alone, Refused)],
            "On removal day calls go on if the caller then presents no certificate, and stop if it presents its own without clientAuth",
            "it refuses i1",
        ),
        (
            Optional,
            &[(alone, Accepted)],
            "On removal day calls go on either way",
            "it accepts i0",
        ),
        (
            Optional,
            &[(both, Refused), (alone, Refused)],
            "The rehearsal says nothing about clientAuth: the endpoint goes on without a certificate and refuses the identity itself",
            "it refuses i1",
        ),
        (
            Optional,
            &[],
            "On removal day calls go on if the caller then presents no certificate: the endpoint goes on without one",
            "is not known.",
        ),
        (
            UNSEEN,
            &[(both, Accepted), (alone, Accepted)],
            "On removal day calls go on as long as the caller presents its certificate: the endpoint accepts one without clientAuth, and what it does without any was not seen",
            "i1",
        ),
        (
            UNSEEN,
            &[(both, Accepted), (alone, Refused)],
            "On removal day calls stop if the caller presents its certificate without clientAuth",
            "i1",
        ),
        (
            UNSEEN,
            &[(both, Refused)],
            "The rehearsal says nothing about clientAuth: the endpoint refuses the identity itself",
            "i0",
        ),
        (
            UNSEEN,
            &[(alone, Unknown)],
            "What becomes of calls on removal day is not known",
            "what it does to i0 (serverAuth alone) is not known.",
        ),
    ];
    for (mode, results, begins, holds) in cases {
        let attempts = results
            .iter()
            .enumerate()
            .map(|(index, (usages, result))| identities.attempt(&format!("i{index}"), usages, *result));
        let sentence = told(Some(true), *mode, attempts.collect());
        assert!(
            sentence.starts_with(begins) && sentence.contains(holds),
            "{mode:?} {results:?}: {sentence}"
        );
    }
    assert_eq!(
        told(Some(false), NotRequested, vec![]),
        "On removal day nothing changes: the endpoint does not ask for a client certificate."
    );
    assert_eq!(
        told(None, UNSEEN, vec![]),
        "The rehearsal says nothing: whether the endpoint asks for a client certificate was not seen."
    );
}

#[test]
fn another_reason_for_a_refusal_is_named_and_takes_the_certainty_away() {
    let identities = Identities { pki: Pki::new() };
    let of = |leaf: Leaf| identities.pki.chain(&leaf);
    let alone = || identities.attempt("tomorrow", &[ServerAuth], Refused);
    let leaf = |usages: &[Usage]| {
        let usages = usages.to_vec();
        Leaf {
            usages,
            ..Leaf::default()
        }
    };
    let single = identities.pki.leaf(&leaf(&[ServerAuth]));
    let stranger = Pki::new();
    let gap = [single.as_slice(), stranger.root.der()];
    let changes: [(Attempt, &str); 6] = [
        (
            Attempt {
                presented: Some(of(Leaf {
                    not_after: (2026, 11, 1),
                    ..leaf(&[ServerAuth])
                })),
                ..alone()
            },
            ", possibly because sbc.example.test ended on 2026-11-01",
        ),
        (
            Attempt {
                presented: Some(of(Leaf {
                    not_before: (2026, 12, 1),
                    ..leaf(&[ServerAuth])
                })),
                ..alone()
            },
            ", possibly because sbc.example.test begins on 2026-12-01",
        ),
        (
            Attempt {
                presented: Some(chain(&[&single])),
                ..alone()
            },
            ", possibly because its intermediate is not sent",
        ),
        (
            Attempt {
                presented: Some(chain(&gap)),
                ..alone()
            },
            ", possibly because its chain has a gap",
        ),
        (
            Attempt {
                issuer_listed: Some(false),
                ..alone()
            },
            ", possibly because the endpoint's CA names have none of its issuers",
        ),
        (
            Attempt {
                key_usable: Some(false),
                alert: None,
                ..alone()
            },
            " by ending the connection, possibly because the endpoint asks for another kind of key",
        ),
    ];
    for (attempt, cause) in changes {
        let today = identities.attempt("today", &[ServerAuth, ClientAuth], Accepted);
        let sentence = told(Some(true), Required, vec![today, attempt]);
        assert!(
            sentence.starts_with("On removal day calls probably stop: ") && sentence.contains(cause),
            "{sentence}"
        );
    }
    // What is accepted needs no cause, whatever its dates.
    let expired = Attempt {
        presented: Some(of(Leaf {
            not_after: (2026, 11, 1),
            ..leaf(&[ServerAuth])
        })),
        ..identities.attempt("tomorrow", &[ServerAuth], Accepted)
    };
    assert!(!told(Some(true), Required, vec![expired]).contains("because"));
}

#[test]
fn without_a_rehearsal_there_is_no_sentence() {
    let judge = Judge::new(customer(), None, &target(HOST));
    assert_eq!(
        judge
            .judge_visit(&[good(chain(&[]))], at(NOW))
            .remove(0)
            .removal_day,
        None
    );
}
