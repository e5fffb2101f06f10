use super::*;
use siptls_model::{
    Acceptance, Authority, ClientCertificate, ClientCertificateMode, Handshake, ProbeError, ProtocolVersion,
    Reason, SuitePreference, Target, Verdict,
};

const A: &str = "192.0.2.1:5061";
const B: &str = "192.0.2.2:5061";

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
}

/// A visit to an address, to be changed by the test.
fn visit(address: Option<&str>, verdict: Verdict) -> (Observation, Judgement) {
    let target = Arc::new(Target::new(
        "a",
        "sbc.example.test".parse().unwrap(),
        "sip-tls-generic",
    ));
    let address = address.map(|address| address.parse().unwrap());
    let seen = Observation {
        phase_reached: address.map(|_| Phase::Sip),
        flight: Arc::from(b"flight".as_slice()),
        ..Observation::blank(&target, address, at(0))
    };
    (seen, Judgement::blank(at(0), verdict))
}

fn asking(mode: ClientCertificateMode, requested: Option<bool>, names: &[&str]) -> (Observation, Judgement) {
    let (mut seen, judgement) = visit(Some(A), Verdict::Pass);
    seen.handshake = Some(Handshake {
        version: None,
        cipher_suite: None,
        group: None,
        key_exchange_signature: None,
        completed: false,
        alert: None,
        extended_master_secret: None,
        secure_renegotiation: None,
        ocsp_stapled: false,
        client_certificate: ClientCertificate {
            mode,
            requested,
            authorities: names
                .iter()
                .map(|name| Authority {
                    name: (*name).to_owned(),
                    subject_hash: None,
                })
                .collect(),
            ..ClientCertificate::unknown()
        },
    });
    (seen, judgement)
}

fn with_leaf(der: &[u8]) -> (Observation, Judgement) {
    let (mut seen, judgement) = visit(Some(A), Verdict::Pass);
    seen.chain = Some(Arc::new(siptls_cert::Chain::parse([der])));
    (seen, judgement)
}

fn surveyed(oldest: Acceptance, preference: SuitePreference) -> (Observation, Judgement) {
    let (mut seen, judgement) = visit(Some(A), Verdict::Pass);
    seen.survey = Some(Arc::new(SurveyResult {
        versions: vec![(ProtocolVersion::TLS_1_0, oldest)],
        cipher_suites: Vec::new(),
        groups: Vec::new(),
        suite_preference: preference,
        refusal_cause: None,
        without_profile_groups: None,
        stopped: None,
    }));
    (seen, judgement)
}

/// Takes visits in, a minute apart; the words of each change that came of them.
fn words(history: &mut History, visits: &[(Observation, Judgement)]) -> Vec<String> {
    let mut all = Vec::new();
    for (visit, minute) in visits.iter().zip(1..) {
        for record in history.take(std::slice::from_ref(visit), at(minute)) {
            if let Record::Change { change, .. } = record {
                let differences = change.differences();
                let how: Vec<String> = differences.iter().map(ToString::to_string).collect();
                all.push(format!("{} {}: {}", change.aspect, change.count, how.join("; ")));
            }
        }
    }
    all
}

fn fresh() -> History {
    History::new("a", Known::default())
}

#[test]
fn what_is_seen_first_is_no_change_and_what_is_not_seen_is_none() {
    use ClientCertificateMode::{NotRequested, Unknown};
    let unreachable = {
        let (mut seen, judgement) = visit(Some(A), Verdict::Inconclusive);
        seen.phase_reached = Some(Phase::Resolve);
        seen.error = Some(ProbeError {
            phase: Phase::Connect,
            reason: Reason::ConnectionRefused,
            message: String::new(),
        });
        (seen, judgement)
    };
    let mut history = fresh();
    let visits = [
        asking(NotRequested, Some(false), &[]),
        with_leaf(b"one"),
        surveyed(Acceptance::Refused, SuitePreference::Server),
        unreachable.clone(),
        unreachable,
        asking(Unknown, None, &[]),
        with_leaf(b"one"),
    ];
    assert_eq!(
        words(&mut history, &visits),
        [
            "verdict 1: reason: none -> connection_refused; verdict: pass -> inconclusive",
            "verdict 1: reason: connection_refused -> none; verdict: inconclusive -> pass",
        ]
    );
    let known = history
        .places
        .iter()
        .find(|place| place.address.is_some())
        .unwrap();
    assert_eq!((known.first_seen, known.last_seen), (Some(at(1)), Some(at(7))));
}

#[test]
fn each_aspect_changes_with_its_words_and_evidence() {
    use ClientCertificateMode::{NotRequested, Optional, Required};
    let mut history = fresh();
    let visits = [
        asking(NotRequested, Some(false), &[]),
        asking(Required, Some(true), &["CN=B", "CN=A"]),
        asking(Required, Some(true), &["CN=A", "CN=B"]),
        asking(Optional, Some(true), &["CN=A"]),
        surveyed(Acceptance::Refused, SuitePreference::Server),
        surveyed(Acceptance::Accepted, SuitePreference::Server),
    ];
    assert_eq!(
        words(&mut history, &visits),
        [
            "request 1: authorities: + CN=A; authorities: + CN=B; mode: not requested -> required; requested: no -> yes",
            "request 1: authorities: - CN=B; mode: required -> optional",
            "suites 1: versions TLSv1.0: refused -> accepted",
        ]
    );
    let mut history = fresh();
    history.take(&[with_leaf(b"one")], at(0));
    let records = history.take(&[with_leaf(b"other")], at(1));
    let [Record::Sighting(sighting), Record::Change { change, evidence }] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(
        (change.aspect, &**evidence, change.evidence_bytes),
        (Aspect::Identity, b"flight".as_slice(), 6)
    );
    assert!(change.before.contains("fingerprint_sha256") && change.before != change.after);
    let state = sighting
        .states
        .iter()
        .find(|state| state.aspect == Aspect::Identity)
        .unwrap();
    assert_eq!(
        (&state.value, state.since, state.changed),
        (&change.after, at(1), Some(at(1)))
    );
    let last = history.last_changes(Some(A.parse().unwrap()));
    assert_eq!(last, [Some(at(1)), None, None, None, None]);
}

#[test]
fn what_a_visit_did_not_find_out_is_carried_over() {
    use ClientCertificateMode::{NotRequested, Required, Unknown};
    let mut history = fresh();
    let visits = [
        asking(Required, Some(true), &["CN=A"]),
        asking(Unknown, Some(true), &["CN=A"]),
        asking(Required, Some(true), &["CN=A"]),
        surveyed(Acceptance::Refused, SuitePreference::Server),
        surveyed(Acceptance::Unknown, SuitePreference::Unknown),
        surveyed(Acceptance::Selected, SuitePreference::Server),
        surveyed(Acceptance::Accepted, SuitePreference::Unknown),
        asking(NotRequested, Some(false), &[]),
        asking(Unknown, Some(true), &[]),
    ];
    assert_eq!(
        words(&mut history, &visits),
        [
            "suites 1: versions TLSv1.0: refused -> selected",
            "request 1: authorities: - CN=A; mode: required -> not requested; requested: yes -> no",
            "request 1: mode: not requested -> unknown; requested: no -> yes",
        ]
    );
    let survey = history.survey(A.parse().unwrap()).unwrap();
    assert_eq!(
        survey.versions,
        [(ProtocolVersion::TLS_1_0, Acceptance::Accepted)]
    );
    assert_eq!(survey.suite_preference, SuitePreference::Server);
}

#[test]
fn flapping_is_counted_on_the_changes_that_there_are() {
    let (one, other) = (with_leaf(b"one"), with_leaf(b"other"));
    let mut history = fresh();
    let mut changes = 0;
    for minute in 0..600 {
        let seen = if minute % 2 == 0 { &one } else { &other };
        for record in history.take(std::slice::from_ref(seen), at(minute)) {
            changes += usize::from(matches!(&record, Record::Change { change, .. } if change.count == 1));
        }
    }
    assert_eq!(changes, 2, "there, and back");
    let kept: Vec<(u64, Timestamp, Timestamp)> = history
        .changes()
        .map(|change| (change.count, change.time, change.last_time))
        .collect();
    assert_eq!(kept, [(299, at(2), at(598)), (300, at(1), at(599))]);
    assert_eq!(history.last_changes(Some(A.parse().unwrap()))[0], Some(at(2)));
    // Quiet for more than an hour: the next time is a change of its own.
    let records = history.take(&[one], at(700));
    assert!(
        records
            .iter()
            .any(|record| matches!(record, Record::Change { change, .. } if change.count == 1))
    );
}

#[test]
fn addresses_come_and_go_and_no_address_is_the_verdict_of_all() {
    let mut history = fresh();
    let both = [visit(Some(B), Verdict::Pass), visit(Some(A), Verdict::Pass)];
    assert!(
        history
            .take(&both, at(0))
            .iter()
            .all(|record| matches!(record, Record::Sighting(_)))
    );
    let records = history.take(&[visit(None, Verdict::Inconclusive)], at(1));
    let changed: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Change { change, .. } => Some((change.address.as_deref(), change.aspect)),
            Record::Sighting(_) => None,
        })
        .collect();
    assert_eq!(changed, [(Some(A), Aspect::Verdict), (Some(B), Aspect::Verdict)]);
    history.take(&both, at(2));
    let records = history.take(&both[..1], at(3));
    let Some(Record::Change { change, .. }) = records.last() else {
        panic!("{records:?}");
    };
    assert_eq!(
        (change.address.as_deref(), change.aspect),
        (None, Aspect::Addresses)
    );
    assert_eq!(change.differences()[0].to_string(), format!("addresses: - {A}"));
    // A name that never had an address keeps its verdict with the target itself.
    let mut nowhere = fresh();
    nowhere.take(&[visit(None, Verdict::Inconclusive)], at(0));
    assert_eq!(nowhere.places[0].address, None);
}

#[test]
fn a_visit_without_change_hands_out_one_record_an_hour() {
    let mut history = fresh();
    let visits = [asking(ClientCertificateMode::NotRequested, Some(false), &[])];
    let counts: Vec<usize> = (0..121)
        .map(|minute| history.take(&visits, at(minute)).len())
        .collect();
    // The address and the target as a whole.
    let handed: Vec<usize> = (0..121).filter(|minute| counts[*minute] > 0).collect();
    assert_eq!((handed, counts[60]), (vec![0, 60, 120], 2));
    history.unsaved();
    assert_eq!(history.take(&visits, at(121)).len(), 2);
}

#[test]
fn what_was_kept_is_where_the_next_history_begins() {
    let mut history = fresh();
    let mut states = Vec::new();
    let mut changes = Vec::new();
    for (minute, visit) in [with_leaf(b"one"), with_leaf(b"other")].iter().enumerate() {
        for record in history.take(std::slice::from_ref(visit), at(i64::try_from(minute).unwrap())) {
            match record {
                Record::Sighting(sighting) => states.extend(sighting.states),
                Record::Change { change, .. } => changes.push(change),
            }
        }
    }
    // The file keeps the last state of each aspect.
    states.reverse();
    let mut kept: Vec<KnownState> = Vec::new();
    for state in states {
        if !kept
            .iter()
            .any(|known| (known.address, known.aspect) == (state.address, state.aspect))
        {
            kept.push(state);
        }
    }
    let mut later = History::new(
        "a",
        Known {
            states: kept,
            changes,
        },
    );
    assert_eq!(later.changes().count(), 1);
    assert_eq!(later.last_changes(Some(A.parse().unwrap()))[0], Some(at(1)));
    assert_eq!(words(&mut later, &[with_leaf(b"other")]), [""; 0]);
    // Back to the first one, which brings a change, and to the second, which is counted on the change of before.
    let both = words(&mut later, &[with_leaf(b"one"), with_leaf(b"other")]);
    assert!(
        both[0].starts_with("identity 1: ") && both[1].starts_with("identity 2: "),
        "{both:?}"
    );
}

#[test]
fn addresses_beyond_the_limit_are_forgotten() {
    let mut history = fresh();
    for number in 0..1_000_u16 {
        let address = format!("192.0.2.1:{}", 1_000 + number);
        history.take(&[visit(Some(&address), Verdict::Pass)], at(i64::from(number)));
    }
    assert_eq!(history.places.len(), MAX_ADDRESSES);
    assert_eq!(history.changes().count(), MAX_KEPT_CHANGES);
}

/// The changes among records: the address, and the aspect.
fn changed(records: &[Record]) -> Vec<(Option<String>, Aspect)> {
    let of = |record: &Record| match record {
        Record::Change { change, .. } => Some((change.address.clone(), change.aspect)),
        Record::Sighting(_) => None,
    };
    records.iter().filter_map(of).collect()
}

fn stopped(address: Option<&str>, reason: Reason) -> (Observation, Judgement) {
    let (mut seen, judgement) = visit(address, Verdict::Inconclusive);
    seen.phase_reached = Some(Phase::Resolve);
    seen.error = Some(ProbeError {
        phase: Phase::Resolve,
        reason,
        message: String::new(),
    });
    (seen, judgement)
}

#[test]
fn a_name_without_address_beside_one_that_was_visited_is_no_change() {
    let mut history = fresh();
    let visits = [visit(Some(A), Verdict::Pass), stopped(None, Reason::NameNotFound)];
    for minute in 0..5 {
        assert_eq!(changed(&history.take(&visits, at(minute))), []);
    }
    // Two names without an address, and no other: one verdict for the addresses of before.
    let neither = [
        stopped(None, Reason::NameNotFound),
        stopped(None, Reason::ResolveTimeout),
    ];
    let records = history.take(&neither, at(5));
    assert_eq!(changed(&records), [(Some(A.to_owned()), Aspect::Verdict)]);
    assert_eq!(changed(&history.take(&neither, at(6))), []);
}

#[test]
fn a_postponed_visit_says_which_addresses_there_are_and_no_more() {
    let mut history = fresh();
    history.take(&[visit(Some(A), Verdict::Fail)], at(0));
    let visits = [
        stopped(Some(A), Reason::Postponed),
        stopped(Some(B), Reason::Postponed),
    ];
    let records = history.take(&visits, at(1));
    assert_eq!(changed(&records), [(None, Aspect::Addresses)]);
    assert_eq!(
        changed(&history.take(&[visit(Some(A), Verdict::Fail)], at(2)))[1..],
        []
    );
}

#[test]
fn an_outage_across_a_restart_is_the_verdict_of_the_addresses_known() {
    let states_of = |records: Vec<Record>| -> Vec<KnownState> {
        let of = |record| match record {
            Record::Sighting(sighting) => Some(sighting.states),
            Record::Change { .. } => None,
        };
        records.into_iter().filter_map(of).flatten().collect()
    };
    let mut history = fresh();
    let states = states_of(history.take(
        &[visit(Some(A), Verdict::Pass), visit(Some(B), Verdict::Pass)],
        at(0),
    ));
    let known = |states| Known {
        states,
        changes: Vec::new(),
    };
    let mut later = History::new("a", known(states));
    let outage = [stopped(None, Reason::ResolveTimeout)];
    let records = later.take(&outage, at(1));
    let both = [A, B].map(|address| (Some(address.to_owned()), Aspect::Verdict));
    assert_eq!(changed(&records), both);
    assert!(states_of(records).iter().all(|state| state.address.is_some()));

    // One whose name was never found has a verdict of its own, until addresses are found.
    let mut nowhere = fresh();
    let own = states_of(nowhere.take(&outage, at(0)));
    let mut found = History::new("a", known(own.clone()));
    for history in [&mut nowhere, &mut found] {
        let states = states_of(history.take(&[visit(Some(A), Verdict::Pass)], at(1)));
        let whole = states.iter().filter(|state| state.address.is_none());
        assert_eq!(
            whole.map(|state| state.aspect).collect::<Vec<_>>(),
            [Aspect::Addresses]
        );
    }
    assert_eq!((own[0].address, own[0].aspect), (None, Aspect::Verdict));
}
