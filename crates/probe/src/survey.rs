//! A survey: which suites, groups and versions an endpoint accepts, in few connections.
//!
//! ```text
//!  offer all ─► the server picks one ─► finish it ─► offer the rest, in the other order ─► …
//!            ─► refused: the rest is refused
//!  then: the groups not seen yet · TLS 1.1 and older · TLS 1.3
//! ```
//!
//! [`Survey`] says what to offer next and takes in what came of it; it opens no connection and
//! reads no clock. With `a` suites accepted out of the profile's `k` it takes `a + 1`
//! connections for suites (`a` when all are accepted), and four or so for the rest.
//!
//! A glitch is not a refusal: an attempt that ended in silence, a close or a reset is repeated
//! once, and then what it asked about is `unknown`. An endpoint that has talked and then falls
//! silent twice in a row shows signs of blocking: the survey stops.

use siptls_model::{
    Acceptance, AlertDescription, CipherSuite, ExtensionType, NamedGroup, Offer, ProtocolVersion, Reason,
    RefusalCause, SignatureScheme, SuitePreference, SurveyResult,
};
use siptls_wire::KeyExchange;
use std::sync::Arc;

/// Attempts in a row without an answer after which a peer that had answered is left alone.
const MAX_SILENCES: usize = 2;
/// Most connections of one survey, whatever a server answers: more than any honest one needs.
pub const MAX_STEPS: usize = 64;

/// Groups asked about besides those of the profile.
const GROUPS: [NamedGroup; 4] = [
    NamedGroup::SECP256R1,
    NamedGroup::SECP384R1,
    NamedGroup::SECP521R1,
    NamedGroup::X25519,
];

/// One connection to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to offer.
    pub offer: Arc<Offer>,
    /// Finish the handshake; `false` reads the server's flight and leaves.
    pub finish: bool,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A ServerHello.
    Chosen {
        /// Its version.
        version: ProtocolVersion,
        /// Its suite.
        suite: CipherSuite,
        /// The group of the ServerKeyExchange.
        group: Option<NamedGroup>,
        /// Both Finished were verified.
        completed: bool,
    },
    /// A fatal alert in answer to the ClientHello.
    Refused(AlertDescription),
    /// Neither: the connection did not open or ended without an answer.
    Glitch(Reason),
}

/// What a step asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    Suites,
    Cause,
    Groups,
    Legacy(ProtocolVersion),
    Tls13,
}

/// A survey under way.
#[derive(Clone, Debug)]
pub struct Survey {
    profile: Arc<Offer>,
    result: SurveyResult,
    /// Suites of the profile that no round has settled, in the profile's order.
    open_suites: Vec<CipherSuite>,
    open_groups: Vec<NamedGroup>,
    /// What each round of suites offered, and what was picked.
    picks: Vec<(Vec<CipherSuite>, CipherSuite)>,
    question: Option<Question>,
    retried: bool,
    silences: usize,
    answered: bool,
    steps: usize,
    /// Questions still to come, last first.
    agenda: Vec<Question>,
}

impl Survey {
    /// A survey of what a profile offers. Its first step is that very offer.
    #[must_use]
    pub fn new(profile: Arc<Offer>) -> Self {
        let suites: Vec<_> = profile
            .cipher_suites
            .iter()
            .copied()
            .filter(|suite| !suite.is_signal())
            .collect();
        let mut groups: Vec<_> = GROUPS.to_vec();
        groups.extend(profile.groups.iter().filter(|group| !GROUPS.contains(group)));
        let unknown = |version| (version, Acceptance::Unknown);
        let result = SurveyResult {
            versions: [
                ProtocolVersion::TLS_1_0,
                ProtocolVersion::TLS_1_1,
                ProtocolVersion::TLS_1_2,
                ProtocolVersion::TLS_1_3,
            ]
            .map(unknown)
            .to_vec(),
            cipher_suites: suites.iter().map(|suite| (*suite, Acceptance::Unknown)).collect(),
            groups: groups.iter().map(|group| (*group, Acceptance::Unknown)).collect(),
            suite_preference: SuitePreference::Unknown,
            refusal_cause: None,
            without_profile_groups: None,
            stopped: None,
        };
        Self {
            profile,
            result,
            open_suites: suites,
            open_groups: groups,
            picks: Vec::new(),
            question: None,
            retried: false,
            silences: 0,
            answered: false,
            steps: 0,
            agenda: vec![
                Question::Tls13,
                Question::Legacy(ProtocolVersion::TLS_1_1),
                Question::Groups,
                Question::Suites,
            ],
        }
    }

    /// The next connection to make; `None` when the survey is over.
    pub fn next_step(&mut self) -> Option<Step> {
        if self.steps >= MAX_STEPS {
            self.stop(format!("{MAX_STEPS} connections were made"));
        }
        if self.result.stopped.is_some() {
            return None;
        }
        loop {
            let question = match self.question.take() {
                Some(question) => question,
                None => self.agenda.pop()?,
            };
            if let Some(step) = self.step(&question) {
                self.question = Some(question);
                self.steps += 1;
                return Some(step);
            }
        }
    }

    /// Takes in what came of the step given last.
    pub fn record(&mut self, outcome: Outcome) {
        let Some(question) = self.question.take() else {
            return;
        };
        let outcome = match outcome {
            // Alerts that speak of something else than the offer are no answer to the question.
            Outcome::Refused(alert) if !is_refusal(alert) => Outcome::Glitch(Reason::FatalAlert),
            other => other,
        };
        if let Outcome::Glitch(reason) = outcome {
            return self.glitch(question, reason);
        }
        self.retried = false;
        self.silences = 0;
        self.answered = true;
        match question {
            Question::Suites => self.suites(outcome),
            Question::Cause => self.cause(outcome),
            Question::Groups => self.groups(outcome),
            Question::Legacy(offered) => self.legacy(offered, outcome),
            Question::Tls13 => self.tls13(outcome),
        }
    }

    /// Ends the survey from outside: its time or its budget is used up.
    pub fn stop(&mut self, why: String) {
        self.result.stopped.get_or_insert(why);
    }

    /// What was found so far.
    #[must_use]
    pub fn result(&self) -> SurveyResult {
        SurveyResult {
            suite_preference: preference(&self.picks, self.open_suites.is_empty()),
            ..self.result.clone()
        }
    }

    /// How many steps were given out.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.steps
    }

    /// The connection that asks a question; `None` when there is nothing left to ask.
    fn step(&self, question: &Question) -> Option<Step> {
        let (offer, finish) = match question {
            Question::Suites => {
                if self.open_suites.is_empty() {
                    return None;
                }
                if self.picks.is_empty() {
                    return Some(Step {
                        offer: Arc::clone(&self.profile),
                        finish: true,
                    });
                }
                (
                    Offer {
                        cipher_suites: self.with_signals(self.round()),
                        ..self.base()
                    },
                    true,
                )
            }
            Question::Cause => (self.wide(), false),
            Question::Groups => {
                if self.open_groups.is_empty() {
                    return None;
                }
                let groups = self.open_groups.clone();
                (
                    Offer {
                        cipher_suites: self.with_signals(self.ecdhe_suites()),
                        groups,
                        ..self.base()
                    },
                    true,
                )
            }
            Question::Legacy(version) => (legacy_offer(*version, &self.profile), false),
            Question::Tls13 => (tls13_offer(&self.profile), false),
        };
        Some(Step {
            offer: Arc::new(offer),
            finish,
        })
    }

    fn base(&self) -> Offer {
        Offer::clone(&self.profile)
    }

    /// The suites of the coming round: in the profile's order, then against it, and so on. A
    /// server that follows its client picks the first each time; one that follows itself does not.
    fn round(&self) -> Vec<CipherSuite> {
        let mut suites = self.open_suites.clone();
        if self.picks.len() % 2 == 1 {
            suites.reverse();
        }
        suites
    }

    fn with_signals(&self, mut suites: Vec<CipherSuite>) -> Vec<CipherSuite> {
        suites.extend(
            self.profile
                .cipher_suites
                .iter()
                .filter(|suite| suite.is_signal()),
        );
        suites
    }

    /// The ECDHE suites to ask about groups with: one that the endpoint has, else all there are.
    fn ecdhe_suites(&self) -> Vec<CipherSuite> {
        let is_ecdhe = |suite: &CipherSuite| suite.key_exchange().is_some_and(KeyExchange::is_ecdhe);
        let known: Vec<_> = self
            .result
            .cipher_suites
            .iter()
            .filter(|(suite, acceptance)| acceptance.is_accepted() == Some(true) && is_ecdhe(suite))
            .map(|(suite, _)| *suite)
            .collect();
        if known.is_empty() {
            CipherSuite::ALL.iter().copied().filter(is_ecdhe).collect()
        } else {
            known
        }
    }

    /// Everything a client of TLS 1.2 could offer, the profile's own first: which part of the
    /// profile's offer does the endpoint not share?
    fn wide(&self) -> Offer {
        let base = self.base();
        let mut suites = base.cipher_suites.clone();
        suites.extend(
            CipherSuite::ALL
                .iter()
                .filter(|suite| suite.key_exchange().is_some() && !base.cipher_suites.contains(suite)),
        );
        let mut groups = base.groups.clone();
        groups.extend(GROUPS.iter().filter(|group| !base.groups.contains(group)));
        Offer {
            cipher_suites: suites,
            groups,
            ..base
        }
    }

    fn glitch(&mut self, question: Question, reason: Reason) {
        if !self.retried {
            self.retried = true;
            self.question = Some(question);
            return;
        }
        self.retried = false;
        self.silences += 1;
        // What was asked about stays unknown; more rounds of the same would only ask again.
        if !self.answered {
            self.stop(format!("the endpoint did not answer: {reason}"));
        } else if self.silences >= MAX_SILENCES && !self.agenda.is_empty() {
            self.stop(format!(
                "the endpoint had answered and then stopped answering ({reason}): it may be blocking us"
            ));
        }
    }

    fn suites(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Chosen {
                version,
                suite,
                group,
                completed,
            } => {
                let acceptance = if completed {
                    Acceptance::Accepted
                } else {
                    Acceptance::Selected
                };
                if version < ProtocolVersion::TLS_1_2 && self.picks.is_empty() {
                    // The best it has is older than what was offered.
                    set(&mut self.result.versions, version, Acceptance::Selected);
                    set(
                        &mut self.result.versions,
                        ProtocolVersion::TLS_1_2,
                        Acceptance::Refused,
                    );
                    self.result.refusal_cause = Some(RefusalCause::Version);
                    return;
                }
                if version != ProtocolVersion::TLS_1_2 || !self.open_suites.contains(&suite) {
                    // An answer to another question than ours: nothing is learnt from it.
                    return;
                }
                self.picks.push((self.round(), suite));
                self.open_suites.retain(|open| *open != suite);
                set(&mut self.result.cipher_suites, suite, acceptance);
                set(&mut self.result.versions, ProtocolVersion::TLS_1_2, acceptance);
                self.group_seen(group, acceptance);
                self.agenda.push(Question::Suites);
            }
            Outcome::Refused(alert) => {
                for suite in std::mem::take(&mut self.open_suites) {
                    set(&mut self.result.cipher_suites, suite, Acceptance::Refused);
                }
                if self.picks.is_empty() {
                    if alert == AlertDescription::PROTOCOL_VERSION {
                        set(
                            &mut self.result.versions,
                            ProtocolVersion::TLS_1_2,
                            Acceptance::Refused,
                        );
                        self.result.refusal_cause = Some(RefusalCause::Version);
                    } else {
                        self.agenda.push(Question::Cause);
                    }
                }
            }
            Outcome::Glitch(_) => {}
        }
    }

    fn cause(&mut self, outcome: Outcome) {
        let Outcome::Chosen {
            version,
            suite,
            group,
            ..
        } = outcome
        else {
            return;
        };
        set(&mut self.result.versions, version, Acceptance::Selected);
        self.group_seen(group, Acceptance::Selected);
        let foreign_group = group.is_some_and(|group| !self.profile.groups.contains(&group));
        self.result.refusal_cause = Some(match suite.key_exchange() {
            Some(KeyExchange::EcdheEcdsa) => RefusalCause::KeyType,
            _ if version != ProtocolVersion::TLS_1_2 => RefusalCause::Version,
            _ if foreign_group => RefusalCause::Group,
            _ => RefusalCause::CipherSuite,
        });
    }

    fn groups(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Chosen {
                group: Some(group),
                completed,
                ..
            } if self.open_groups.contains(&group) => {
                self.group_seen(
                    Some(group),
                    if completed {
                        Acceptance::Accepted
                    } else {
                        Acceptance::Selected
                    },
                );
                self.agenda.push(Question::Groups);
            }
            Outcome::Refused(alert) => {
                let asked = std::mem::take(&mut self.open_groups);
                let other = |group: &NamedGroup| !self.profile.groups.contains(group);
                // An endpoint that takes one of the others can do without the profile's.
                let takes_another = self
                    .result
                    .groups
                    .iter()
                    .any(|(group, found)| other(group) && found.is_accepted() == Some(true));
                if asked.iter().all(other) && !takes_another {
                    self.result.without_profile_groups = Some(alert);
                }
                for group in asked {
                    set(&mut self.result.groups, group, Acceptance::Refused);
                }
            }
            Outcome::Chosen { .. } | Outcome::Glitch(_) => {}
        }
    }

    fn legacy(&mut self, offered: ProtocolVersion, outcome: Outcome) {
        match outcome {
            Outcome::Chosen { version, .. } if version <= offered => {
                set(&mut self.result.versions, version, Acceptance::Selected);
                if version < offered {
                    set(&mut self.result.versions, offered, Acceptance::Refused);
                } else if offered > ProtocolVersion::TLS_1_0 {
                    self.agenda.push(Question::Legacy(ProtocolVersion::TLS_1_0));
                }
            }
            Outcome::Refused(_) => {
                for version in [ProtocolVersion::TLS_1_0, ProtocolVersion::TLS_1_1] {
                    if version <= offered {
                        set(&mut self.result.versions, version, Acceptance::Refused);
                    }
                }
            }
            Outcome::Chosen { .. } | Outcome::Glitch(_) => {}
        }
    }

    fn tls13(&mut self, outcome: Outcome) {
        let acceptance = match outcome {
            Outcome::Chosen {
                version: ProtocolVersion::TLS_1_3,
                ..
            } => Acceptance::Selected,
            Outcome::Chosen { .. } | Outcome::Refused(_) => Acceptance::Refused,
            Outcome::Glitch(_) => return,
        };
        set(&mut self.result.versions, ProtocolVersion::TLS_1_3, acceptance);
    }

    fn group_seen(&mut self, group: Option<NamedGroup>, acceptance: Acceptance) {
        let Some(group) = group else { return };
        self.open_groups.retain(|open| *open != group);
        // A finished handshake says more than a chosen group.
        let known = self
            .result
            .groups
            .iter()
            .any(|(known, value)| *known == group && *value == Acceptance::Accepted);
        if !known {
            set(&mut self.result.groups, group, acceptance);
        }
    }
}

fn set<T: PartialEq>(values: &mut [(T, Acceptance)], key: T, acceptance: Acceptance) {
    if let Some((_, value)) = values.iter_mut().find(|(known, _)| *known == key) {
        *value = acceptance;
    }
}

/// Alerts that refuse an offer (RFC 5246 §7.2.2).
const fn is_refusal(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::HANDSHAKE_FAILURE
            | AlertDescription::INSUFFICIENT_SECURITY
            | AlertDescription::PROTOCOL_VERSION
            | AlertDescription::ILLEGAL_PARAMETER
            | AlertDescription::MISSING_EXTENSION
    )
}

/// Whose order the picks follow. A suite that was never picked says nothing once every round is
/// over: the endpoint does not have it. Before (`settled` is false) it may yet be the one passed over.
fn preference(picks: &[(Vec<CipherSuite>, CipherSuite)], settled: bool) -> SuitePreference {
    let is_shared = |suite: &&CipherSuite| picks.iter().any(|(_, pick)| pick == *suite);
    let telling: Vec<_> = picks
        .iter()
        .filter(|(offered, _)| offered.iter().filter(is_shared).count() > 1)
        .collect();
    let follows_client = telling
        .iter()
        .all(|(offered, pick)| offered.iter().find(is_shared) == Some(pick));
    match (telling.len(), follows_client) {
        (0, _) => SuitePreference::Unknown,
        (_, false) => SuitePreference::Server,
        // One direction alone could be the server's order as well.
        (1, true) => SuitePreference::Unknown,
        (_, true) if settled => SuitePreference::Client,
        (_, true) => SuitePreference::Unknown,
    }
}

/// What a client of TLS 1.1 or 1.0 offers: the suites of their time.
fn legacy_offer(version: ProtocolVersion, profile: &Offer) -> Offer {
    let mut groups = profile.groups.clone();
    groups.extend(GROUPS.iter().filter(|group| !profile.groups.contains(group)));
    Offer {
        legacy_version: version,
        cipher_suites: CipherSuite::ALL
            .iter()
            .copied()
            .filter(|suite| {
                suite.key_exchange().is_some() && suite.name().is_some_and(|name| name.ends_with("_CBC_SHA"))
            })
            .chain([CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV])
            .collect(),
        groups,
        signature_algorithms: Vec::new(),
        versions: Vec::new(),
        extensions: vec![
            ExtensionType::SERVER_NAME,
            ExtensionType::EC_POINT_FORMATS,
            ExtensionType::SUPPORTED_GROUPS,
        ],
    }
}

/// What a client of TLS 1.3 alone offers, without a key share: a server that has it asks for one
/// (RFC 8446 §4.1.4), which is all there is to know.
fn tls13_offer(profile: &Offer) -> Offer {
    let mut groups = profile.groups.clone();
    groups.extend(GROUPS.iter().filter(|group| !profile.groups.contains(group)));
    let mut signature_algorithms = profile.signature_algorithms.clone();
    let usual = [
        SignatureScheme::RSA_PSS_RSAE_SHA256,
        SignatureScheme::ECDSA_SECP256R1_SHA256,
        SignatureScheme::ECDSA_SECP384R1_SHA384,
        SignatureScheme::ED25519,
    ];
    signature_algorithms.extend(
        usual
            .iter()
            .filter(|scheme| !profile.signature_algorithms.contains(scheme)),
    );
    Offer {
        legacy_version: ProtocolVersion::TLS_1_2,
        cipher_suites: vec![
            CipherSuite::TLS_AES_256_GCM_SHA384,
            CipherSuite::TLS_AES_128_GCM_SHA256,
            CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
        ],
        groups,
        signature_algorithms,
        versions: vec![ProtocolVersion::TLS_1_3],
        extensions: vec![
            ExtensionType::SERVER_NAME,
            ExtensionType::SUPPORTED_GROUPS,
            ExtensionType::SIGNATURE_ALGORITHMS,
            ExtensionType::SUPPORTED_VERSIONS,
            ExtensionType::KEY_SHARE,
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        assert_eq!(
            run(&Server {
                follows_client: true,
                ..full()
            })
            .0
            .suite_preference,
            SuitePreference::Client
        );
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
        let cases = [
            (
                Server {
                    suites: ecdsa,
                    ..full()
                },
                RefusalCause::KeyType,
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
        for (follows_client, expected) in [(true, SuitePreference::Client), (false, SuitePreference::Server)]
        {
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
        /// Whatever a server is, the survey finds that, in accepted + 1 connections for suites.
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
            // Suites, one for the cause, the groups and their refusal, two old versions, TLS 1.3.
            prop_assert!(steps <= (accepted + 1) + 1 + (GROUPS.len() + 1) + 2 + 1, "{} steps", steps);
        }
    }
}
