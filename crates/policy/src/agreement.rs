//! Agreement: do the addresses of one name look alike?
//!
//! Compared is what decides how a call goes, and not which certificate is shown: each node of a cluster may have its
//! own. What is not known of an address is not held against it.

use crate::answer::Answer;
use crate::sight::Sight;
use crate::text;
use siptls_catalog::SipExpectation;
use siptls_cert::Certificate;
use siptls_model::{Acceptance, ClientCertificateMode, SipOutcome, SurveyResult};
use std::collections::BTreeSet;
use std::fmt::Display;

/// What the check says about each address of one visit, in their order.
pub(crate) fn of(sights: &[Sight<'_>]) -> Vec<Answer> {
    let read: Vec<&Sight<'_>> = sights.iter().filter(|sight| was_read(sight)).collect();
    let together = match read.as_slice() {
        [] | [_] => nothing_to_compare(sights, read.len()),
        several => compare(several).also(left_out(sights)),
    };
    sights
        .iter()
        .map(|sight| {
            if read.len() < 2 || was_read(sight) {
                together.clone()
            } else {
                Answer::skip("Nothing was read of this address to compare with the others")
            }
        })
        .collect()
}

fn nothing_to_compare(sights: &[Sight<'_>], read: usize) -> Answer {
    if sights.len() == 1 {
        return Answer::skip("There is one address alone");
    }
    Answer::skip(format!(
        "{read} of {} addresses was read: there is nothing to compare",
        sights.len()
    ))
    .also(left_out(sights))
}

/// Whether the address answered the ClientHello in TLS.
fn was_read(sight: &Sight<'_>) -> bool {
    sight
        .handshake()
        .is_some_and(|handshake| handshake.version.is_some() || handshake.alert.is_some())
}

fn place(sight: &Sight<'_>) -> String {
    text::shown(&sight.observation.place())
}

/// The addresses of which nothing was read, as evidence; `None` when there are none.
fn left_out(sights: &[Sight<'_>]) -> Option<String> {
    let names: Vec<String> = sights
        .iter()
        .filter(|sight| !was_read(sight))
        .map(|sight| match &sight.observation.error {
            Some(error) => format!("{} ({})", place(sight), error.reason),
            None => place(sight),
        })
        .collect();
    (!names.is_empty()).then(|| format!("left out, nothing was read of them: {}", names.join(", ")))
}

fn compare(sights: &[&Sight<'_>]) -> Answer {
    let differing: Vec<Aspect> = aspects(sights).into_iter().filter(Aspect::differs).collect();
    if differing.is_empty() {
        return alike(sights);
    }
    let mut what: Vec<&str> = Vec::new();
    for aspect in &differing {
        if !what.contains(&aspect.what) {
            what.push(aspect.what);
        }
    }
    let what = what.join(", ");
    let odd: Option<Vec<BTreeSet<usize>>> = differing.iter().map(Aspect::minority).collect();
    let odd: BTreeSet<usize> = odd.unwrap_or_default().into_iter().flatten().collect();
    let names = |which: &dyn Fn(usize) -> bool| {
        let of_them = sights.iter().enumerate().filter(|(index, _)| which(*index));
        text::list(of_them.map(|(_, sight)| place(sight)))
    };
    let others = sights.len() - odd.len();
    let summary = match (odd.len(), others) {
        (0, _) | (_, 0) => format!("{} differ in: {what}", names(&|_| true)),
        (1, others) => format!(
            "{} differs from the {others} other addresses in: {what}",
            names(&|index| odd.contains(&index))
        ),
        (_, others) => format!(
            "{} differ from the {others} other address{} in: {what}",
            names(&|index| odd.contains(&index)),
            if others == 1 { "" } else { "es" }
        ),
    };
    let evidence: Vec<String> = sights
        .iter()
        .enumerate()
        .map(|(index, sight)| {
            let values = differing
                .iter()
                .filter_map(|aspect| Some(aspect.values.get(index)?.as_ref()?.text.as_str()));
            let values: Vec<&str> = values.collect();
            let values = if values.is_empty() {
                "not seen".to_owned()
            } else {
                values.join(", ")
            };
            format!("{}: {values}", place(sight))
        })
        .collect();
    let remedy = sights.first().map(|sight| {
        sight.on_endpoint(
            "bring the configuration of the address that differs in line with the others, or take it out of DNS",
        )
    });
    Answer::fail(summary, evidence.join("; "), remedy.unwrap_or_default())
}

fn alike(sights: &[&Sight<'_>]) -> Answer {
    let leaves: Vec<Option<&Certificate>> = sights.iter().map(|sight| sight.leaf()).collect();
    let prints: BTreeSet<[u8; 32]> = leaves
        .iter()
        .flatten()
        .map(|leaf| leaf.fingerprint_sha256)
        .collect();
    let certificates = match prints.len() {
        0 | 1 => String::new(),
        count => format!(", with {count} certificates"),
    };
    let evidence: Vec<String> = sights
        .iter()
        .zip(leaves)
        .map(|(sight, leaf)| match leaf {
            Some(leaf) => format!(
                "{}: certificate {} from {} to {}",
                place(sight),
                hex(&leaf.fingerprint_sha256),
                text::day(leaf.not_before),
                text::day(leaf.not_after)
            ),
            None => format!("{}: no certificate", place(sight)),
        })
        .collect();
    Answer::pass(
        format!("All {} addresses look alike{certificates}", sights.len()),
        evidence.join("; "),
    )
}

/// One thing that addresses are compared by.
struct Aspect {
    /// What it is, as the end of a sentence; several aspects may share it.
    what: &'static str,
    /// What each address shows; `None`: not known.
    values: Vec<Option<Value>>,
}

/// What an address shows of an aspect.
#[derive(Clone)]
struct Value {
    /// Two addresses are alike when this is equal: the whole, however long.
    key: String,
    /// For people: escaped and cut.
    text: String,
}

impl Value {
    fn new(key: String) -> Self {
        let text = text::shown(&key);
        Self { key, text }
    }
}

impl Aspect {
    fn differs(&self) -> bool {
        let mut known = self.values.iter().flatten();
        known
            .next()
            .is_some_and(|first| known.any(|other| other.key != first.key))
    }

    /// The addresses that show something else than most do; `None` when no value has the majority.
    fn minority(&self) -> Option<BTreeSet<usize>> {
        let known = || self.values.iter().flatten();
        let count = |key: &str| known().filter(|value| value.key == key).count();
        let most = known().max_by_key(|value| count(&value.key))?;
        if count(&most.key) * 2 <= known().count() {
            return None;
        }
        let others = self.values.iter().enumerate();
        Some(
            others
                .filter(|(_, value)| value.as_ref().is_some_and(|value| value.key != most.key))
                .map(|(index, _)| index)
                .collect(),
        )
    }
}

fn aspects(sights: &[&Sight<'_>]) -> Vec<Aspect> {
    let aspect = |what, value: &dyn Fn(&Sight<'_>) -> Option<String>| Aspect {
        what,
        values: sights.iter().map(|sight| value(sight).map(Value::new)).collect(),
    };
    let mut aspects = vec![
        aspect("answer to the offer", &answer_to_offer),
        aspect("negotiated version", &|sight| {
            Some(sight.handshake()?.version?.to_string())
        }),
        aspect("negotiated suite", &|sight| Some(sight.suite()?.to_string())),
        aspect("names covered", &names_covered),
        aspect("issuer", &|sight| {
            Some(format!("issued by {}", sight.leaf()?.issuer.text()))
        }),
        aspect("trusted root", &|sight| {
            sight.leaf()?;
            Some(match &sight.path.as_ref()?.anchor {
                Some(anchor) => format!("root {} [{}]", anchor.name, anchor.subject_hash),
                None => "no trusted root".to_owned(),
            })
        }),
        aspect("extended key usage", &|sight| {
            Some(match &sight.leaf()?.extended_key_usage {
                Some(purposes) => {
                    let purposes: BTreeSet<String> = purposes.iter().map(ToString::to_string).collect();
                    format!("for {}", joined(&purposes))
                }
                None => "for any usage".to_owned(),
            })
        }),
        aspect("key", &|sight| Some(format!("key {}", sight.leaf()?.key))),
        aspect("request for a client certificate", &|sight| {
            let asks = sight.handshake()?.client_certificate.requested?;
            Some(
                if asks {
                    "asks for a client certificate"
                } else {
                    "asks for no client certificate"
                }
                .to_owned(),
            )
        }),
        aspect(
            "request for a client certificate",
            &|sight| match sight.handshake()?.client_certificate.mode {
                ClientCertificateMode::Optional => Some("goes on without one".to_owned()),
                ClientCertificateMode::Required => Some("insists on one".to_owned()),
                ClientCertificateMode::NotRequested | ClientCertificateMode::Unknown => None,
            },
        ),
        authorities(sights),
        aspect("certificate types asked for", &|sight| {
            let request = &sight.handshake()?.client_certificate;
            let types: BTreeSet<String> = request
                .certificate_types
                .iter()
                .map(ToString::to_string)
                .collect();
            (request.requested == Some(true)).then(|| format!("takes {}", joined(&types)))
        }),
        aspect("answer to OPTIONS", &|sight| match sight.observation.sip {
            SipOutcome::Answered(_) => Some("answers OPTIONS".to_owned()),
            // Where silence says nothing about an address, it makes no odd one out either.
            SipOutcome::NotAnswered if sight.profile.sip == SipExpectation::AnsweredToListedAddresses => None,
            SipOutcome::NotAnswered => Some("does not answer OPTIONS".to_owned()),
            SipOutcome::NotSent => None,
        }),
    ];
    aspects.extend(surveyed(sights, "accepted versions", |survey| &survey.versions));
    aspects.extend(surveyed(sights, "accepted suites", |survey| {
        &survey.cipher_suites
    }));
    aspects.extend(surveyed(sights, "accepted groups", |survey| &survey.groups));
    aspects
}

fn answer_to_offer(sight: &Sight<'_>) -> Option<String> {
    let handshake = sight.handshake()?;
    match (handshake.version, handshake.alert) {
        (Some(_), _) => Some("takes the offer".to_owned()),
        (None, Some(alert)) => Some(format!("refuses the offer with {}", text::alert(alert))),
        (None, None) => None,
    }
}

/// By which rules the certificate is for the name verified. Other names in it, a node's own perhaps, matter to nobody
/// who dials this one.
fn names_covered(sight: &Sight<'_>) -> Option<String> {
    let names = sight.names.as_ref()?;
    let host = &sight.host;
    let by_target = || {
        sight
            .srv_names
            .as_ref()
            .is_some_and(|names| names.webpki || names.common_name)
    };
    Some(match (names.webpki, names.rfc5922) {
        (true, true) => format!("is for {host}"),
        (true, false) => format!("is for {host}, but not by RFC 5922"),
        (false, true) => format!("is for {host} by RFC 5922 alone"),
        (false, false) if names.common_name => format!("is for {host} by its common name alone"),
        (false, false) if by_target() => "is for the name of its SRV target alone".to_owned(),
        (false, false) => format!("is not for {host}"),
    })
}

/// The CA names asked for: shown are those that not every address names.
fn authorities(sights: &[&Sight<'_>]) -> Aspect {
    let sets: Vec<Option<BTreeSet<&str>>> = sights
        .iter()
        .map(|sight| {
            let request = &sight.handshake()?.client_certificate;
            let names = request
                .authorities
                .iter()
                .map(|authority| authority.name.as_str());
            (request.requested == Some(true)).then(|| names.collect())
        })
        .collect();
    let mut known = sets.iter().flatten();
    let common = known.next().cloned().unwrap_or_default();
    let common = known.fold(common, |common, set| common.intersection(set).copied().collect());
    let values = sets
        .iter()
        .map(|set| {
            let set = set.as_ref()?;
            let own: Vec<&str> = set.difference(&common).copied().collect();
            let text = match (set.len(), own.is_empty()) {
                (0, _) => "no CA name, which means any".to_owned(),
                (count, true) => format!("{count} CA names, which all addresses have"),
                (count, false) => format!("{count} CA names, of which not everywhere: {}", text::list(&own)),
            };
            Some(Value {
                key: own.join("\n"),
                text,
            })
        })
        .collect();
    Aspect {
        what: "CA names asked for",
        values,
    }
}

/// What surveys found of each value that any of them asked about.
fn surveyed<T: Copy + PartialEq + Display>(
    sights: &[&Sight<'_>],
    what: &'static str,
    of: impl Fn(&SurveyResult) -> &[(T, Acceptance)],
) -> Vec<Aspect> {
    let surveys: Vec<&[(T, Acceptance)]> = sights
        .iter()
        .map(|sight| sight.observation.survey.as_deref().map(&of).unwrap_or_default())
        .collect();
    let mut asked: Vec<T> = Vec::new();
    for (value, _) in surveys.iter().copied().flatten() {
        if !asked.contains(value) {
            asked.push(*value);
        }
    }
    let aspect = |value: T| Aspect {
        what,
        values: surveys
            .iter()
            .map(|survey| {
                let (_, found) = survey.iter().find(|(other, _)| *other == value)?;
                let verb = if found.is_accepted()? {
                    "accepts"
                } else {
                    "refuses"
                };
                Some(Value::new(format!("{verb} {value}")))
            })
            .collect(),
    };
    asked.into_iter().map(aspect).collect()
}

fn joined(items: &BTreeSet<String>) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
