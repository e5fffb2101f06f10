//! A survey: which suites, groups and versions an endpoint accepts, in few connections.
//!
//! ```text
//!  offer all ─► the server picks one ─► finish it ─► offer the rest, in the other order ─► …
//!            ─► refused: the rest is refused
//!  whose order counts, unless the picks have told · why nothing is shared, if nothing is
//!  then: the groups not seen yet · TLS 1.1 and older · TLS 1.3
//! ```
//!
//! [`Survey`] says what to offer next and takes in what came of it; it opens no connection and
//! reads no clock. With `a` suites accepted out of the profile's `k` it takes `a + 1`
//! connections for suites (`a` when all are accepted), one for their order unless the picks have told it,
//! and four or so for the rest.
//!
//! A glitch is not a refusal: an attempt that ended in silence, a close or a reset is repeated
//! once, and then what it asked about is `unknown`; so is a refusal of the whole offer after which a part of it is
//! picked. An endpoint that has talked and then falls
//! silent twice in a row shows signs of blocking: the survey stops.

use siptls_model::{
    Acceptance, AlertDescription, CipherSuite, NamedGroup, Offer, ProtocolVersion, Reason, RefusalCause,
    SuitePreference, SurveyResult,
};
use siptls_wire::KeyExchange;
use std::sync::Arc;

mod offers;
mod picks;

use picks::Picks;

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
    /// Whose order of suites counts.
    Preference,
    Cause,
    /// Whether it is the group after all, where ECDSA on a foreign group took up the widest offer.
    KeyOrGroup,
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
    /// The last open suite was offered before others, and one of those was picked.
    passed_over: bool,
    picks: Picks,
    question: Option<Question>,
    /// The whole offer was asked once more, because something of it was picked after it had been refused.
    asked_anew: bool,
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
            passed_over: false,
            picks: Picks::default(),
            question: None,
            asked_anew: false,
            retried: false,
            silences: 0,
            answered: false,
            steps: 0,
            agenda: vec![
                Question::Tls13,
                Question::Legacy(ProtocolVersion::TLS_1_1),
                Question::Groups,
                Question::Preference,
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
            Question::Preference => self.preference(outcome),
            Question::Cause => self.cause(outcome),
            Question::KeyOrGroup => self.key_or_group(outcome),
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
            suite_preference: self.picks.preference(),
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
            Question::Cause => (offers::wide(&self.profile), false),
            Question::KeyOrGroup => (offers::on_all_groups(&self.profile), false),
            Question::Preference if !self.picks.is_open() => return None,
            Question::Preference => (
                Offer {
                    cipher_suites: self.with_signals(self.picks.against_the_first()),
                    ..self.base()
                },
                true,
            ),
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
            Question::Legacy(version) => (offers::legacy(*version, &self.profile), false),
            Question::Tls13 => (offers::tls13(&self.profile), false),
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
    ///
    /// Where the last open suite is asked about and the order is not known yet, those that are shared
    /// stand behind it: one connection answers both questions, unless the server passes it over.
    fn round(&self) -> Vec<CipherSuite> {
        let mut suites = self.open_suites.clone();
        if self.picks.len() % 2 == 1 {
            suites.reverse();
        }
        if suites.len() == 1 && self.picks.is_open() && !self.passed_over {
            suites.extend(self.picks.against_the_first());
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
                let offered = self.round();
                if version != ProtocolVersion::TLS_1_2 || !offered.contains(&suite) {
                    // An answer to another question than ours: nothing is learnt from it.
                    return;
                }
                self.picks.push(offered, suite);
                self.agenda.push(Question::Suites);
                if !self.open_suites.contains(&suite) {
                    self.passed_over = true;
                    return;
                }
                self.open_suites.retain(|open| *open != suite);
                set(&mut self.result.cipher_suites, suite, acceptance);
                set(&mut self.result.versions, ProtocolVersion::TLS_1_2, acceptance);
                self.group_seen(group, acceptance);
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

    fn preference(&mut self, outcome: Outcome) {
        if let Outcome::Chosen { suite, .. } = outcome {
            self.picks.push(self.picks.against_the_first(), suite);
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
        let is_ecdsa = suite.key_exchange() == Some(KeyExchange::EcdheEcdsa);
        if is_ecdsa && foreign_group {
            // An endpoint with keys of both kinds prefers this one and may share suites for the other.
            self.agenda.push(Question::KeyOrGroup);
            return;
        }
        let is_of_profile =
            version == ProtocolVersion::TLS_1_2 && self.profile.cipher_suites.contains(&suite);
        if is_of_profile && !foreign_group {
            return self.contradicted();
        }
        self.result.refusal_cause = Some(match suite.key_exchange() {
            Some(KeyExchange::EcdheEcdsa) => self.unshared_key_or_suite(),
            _ if version != ProtocolVersion::TLS_1_2 => RefusalCause::Version,
            _ if foreign_group => RefusalCause::Group,
            _ => RefusalCause::CipherSuite,
        });
    }

    /// The whole offer was refused, and out of a wider one a part of that very offer was picked: the refusal tells
    /// nothing about suites. The offer is made once more.
    fn contradicted(&mut self) {
        for (_, acceptance) in &mut self.result.cipher_suites {
            *acceptance = Acceptance::Unknown;
        }
        if !self.asked_anew {
            self.asked_anew = true;
            let suites = self.result.cipher_suites.iter();
            self.open_suites = suites.map(|(suite, _)| *suite).collect();
            self.agenda.push(Question::Suites);
        }
    }

    fn key_or_group(&mut self, outcome: Outcome) {
        self.result.refusal_cause = match outcome {
            Outcome::Chosen { group, .. } => {
                self.group_seen(group, Acceptance::Selected);
                Some(RefusalCause::Group)
            }
            Outcome::Refused(_) => Some(self.unshared_key_or_suite()),
            Outcome::Glitch(_) => None,
        };
    }

    /// The cause where an endpoint takes suites for ECDSA keys and none of the profile's.
    fn unshared_key_or_suite(&self) -> RefusalCause {
        let is_ecdsa = |suite: &CipherSuite| suite.key_exchange() == Some(KeyExchange::EcdheEcdsa);
        if self.profile.cipher_suites.iter().any(is_ecdsa) {
            RefusalCause::CipherSuite
        } else {
            RefusalCause::KeyType
        }
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

#[cfg(test)]
mod tests;
