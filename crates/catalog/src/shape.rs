//! The shape of a profile file.

use crate::fault::ProfileError;
use crate::profile::{
    Certainty, CheckRule, ClientCertificateExpectation, Direction, NameRule, Profile, Provenance, RootRule,
    SipExpectation, SuiteRule,
};
use crate::yaml::{At, Faults, Node, Table};
use siptls_model::{
    CheckId, CipherSuite, ExtensionType, NamedGroup, Offer, ProtocolVersion, Severity, SignatureScheme,
};
use std::sync::Arc;

/// Reads the text of a profile file.
pub(crate) fn profile(text: &str) -> Result<Profile, ProfileError> {
    let tree = Node::parse(text)?;
    let mut faults = Faults::default();
    let profile = read(&At::root(&tree), &mut faults);
    faults.finish(profile)
}

fn read(at: &At<'_>, faults: &mut Faults) -> Option<Profile> {
    let table = at.table(
        &[
            "name",
            "title",
            "description",
            "caller",
            "source",
            "since",
            "direction",
            "offer",
            "suites",
            "groups",
            "client_certificate",
            "roots",
            "names",
            "sip",
            "checks",
        ],
        faults,
    )?;
    let mut provenance = Vec::new();
    // Everything is read before anything is given up, so that all faults are found at once.
    let name = table.text("name", faults).map(str::to_owned);
    let title = table.text("title", faults).map(str::to_owned);
    let description = table
        .text("description", faults)
        .map(|text| text.trim().to_owned());
    let caller = table.text("caller", faults).map(str::to_owned);
    let source = table.text("source", faults).map(str::to_owned);
    let since = table.date("since", faults);
    let direction = table.required("direction", faults).and_then(|at| {
        at.one_of(
            &[Direction::PeerDials, Direction::PeerServes].map(|value| (value.code(), value)),
            faults,
        )
    });
    let suites = table
        .required("suites", faults)
        .and_then(|at| at.list(faults, suite));
    let groups = table
        .required("groups", faults)
        .and_then(|at| groups(&at, &mut provenance, faults));
    let offer = table
        .required("offer", faults)
        .and_then(|at| offer(&at, suites.as_deref(), groups.as_deref(), &mut provenance, faults));
    let client_certificate = table
        .required("client_certificate", faults)
        .and_then(|at| client_certificate(&at, &mut provenance, faults));
    let roots = table
        .required("roots", faults)
        .and_then(|at| roots(&at, &mut provenance, faults));
    let names = table
        .required("names", faults)
        .and_then(|at| names(&at, &mut provenance, faults));
    let sip = table
        .required("sip", faults)
        .and_then(|at| sip(&at, &mut provenance, faults));
    let checks = table
        .required("checks", faults)
        .and_then(|at| checks(&at, client_certificate, faults));
    let (name_rule, ip_identity_allowed) = names?;
    provenance.sort_by_key(|entry| RULES.iter().position(|rule| *rule == entry.rule));
    Some(Profile {
        name: name?,
        title: title?,
        description: description?,
        caller: caller?,
        source: source?,
        since: since?,
        direction: direction?,
        offer: Arc::new(offer?),
        suites: suites?,
        groups: groups?,
        client_certificate: client_certificate?,
        roots: roots?,
        name_rule,
        ip_identity_allowed,
        sip: sip?,
        checks: checks?,
        provenance,
    })
}

const RULES: [&str; 6] = ["offer", "groups", "client_certificate", "roots", "names", "sip"];

/// Reads `source`, `since` and `note` of a rule.
fn provenance(
    rule: &'static str,
    table: &Table<'_>,
    into: &mut Vec<Provenance>,
    faults: &mut Faults,
) -> Option<()> {
    let source = table.text("source", faults).map(str::to_owned);
    let since = table.date("since", faults);
    let note = table.optional_text("note", faults);
    into.push(Provenance {
        rule,
        source: source?,
        since: since?,
        note: note?,
    });
    Some(())
}

fn suite_name(at: &At<'_>, faults: &mut Faults) -> Option<CipherSuite> {
    at.registered("cipher suite", CipherSuite::ALL, CipherSuite::name, faults)
}

fn group_name(at: &At<'_>, faults: &mut Faults) -> Option<NamedGroup> {
    at.registered("group", NamedGroup::ALL, NamedGroup::name, faults)
}

fn suite(at: &At<'_>, faults: &mut Faults) -> Option<SuiteRule> {
    let table = at.table(
        &["suite", "source", "since", "until", "certainty", "note"],
        faults,
    )?;
    let suite = table.required("suite", faults).and_then(|at| {
        let suite = suite_name(&at, faults)?;
        if suite.is_signal() {
            faults.push(&at, "a suite", format!("the signal `{suite}`"), None);
        }
        Some(suite)
    });
    let source = table.text("source", faults).map(str::to_owned);
    let since = table.date("since", faults);
    let until = table.optional_date("until", faults);
    let certainty = match table.optional("certainty") {
        Some(at) => at.one_of(
            &[Certainty::Firm, Certainty::Provisional].map(|value| (value.code(), value)),
            faults,
        ),
        None => Some(Certainty::Firm),
    };
    if let (Some(None), Some(_)) = (&until, table.optional("certainty")) {
        faults.push(at, "the key `until` beside `certainty`", "none".to_owned(), None);
    }
    let note = table.optional_text("note", faults);
    Some(SuiteRule {
        suite: suite?,
        source: source?,
        since: since?,
        until: until?,
        certainty: certainty?,
        note: note?,
    })
}

fn groups(at: &At<'_>, into: &mut Vec<Provenance>, faults: &mut Faults) -> Option<Vec<NamedGroup>> {
    let table = at.table(&["allowed", "source", "since", "note"], faults)?;
    let allowed = table
        .required("allowed", faults)
        .and_then(|at| at.list(faults, group_name));
    provenance("groups", &table, into, faults)?;
    allowed
}

fn offer(
    at: &At<'_>,
    suites: Option<&[SuiteRule]>,
    groups: Option<&[NamedGroup]>,
    into: &mut Vec<Provenance>,
    faults: &mut Faults,
) -> Option<Offer> {
    let table = at.table(
        &[
            "version",
            "cipher_suites",
            "groups",
            "signature_algorithms",
            "extensions",
            "source",
            "since",
            "note",
        ],
        faults,
    )?;
    let legacy_version = table.required("version", faults).and_then(|at| {
        at.registered(
            "protocol version",
            ProtocolVersion::ALL,
            ProtocolVersion::name,
            faults,
        )
    });
    let cipher_suites = table.required("cipher_suites", faults).and_then(|at| {
        at.list(faults, |at, faults| {
            let suite = suite_name(at, faults)?;
            let listed = suites.is_none_or(|rules| rules.iter().any(|rule| rule.suite == suite));
            if !listed && !suite.is_signal() {
                faults.push(
                    at,
                    "a suite that `suites` has a rule for",
                    format!("`{suite}`"),
                    None,
                );
            }
            Some(suite)
        })
    });
    let offered_groups = table.required("groups", faults).and_then(|at| {
        at.list(faults, |at, faults| {
            let group = group_name(at, faults)?;
            if groups.is_some_and(|allowed| !allowed.contains(&group)) {
                faults.push(
                    at,
                    "a group that `groups.allowed` names",
                    format!("`{group}`"),
                    None,
                );
            }
            Some(group)
        })
    });
    let signature_algorithms = table.required("signature_algorithms", faults).and_then(|at| {
        at.list(faults, |at, faults| {
            at.registered(
                "signature scheme",
                SignatureScheme::ALL,
                SignatureScheme::name,
                faults,
            )
        })
    });
    let extensions = table.required("extensions", faults).and_then(|at| {
        at.list(faults, |at, faults| {
            at.registered("extension", ExtensionType::ALL, ExtensionType::name, faults)
        })
    });
    provenance("offer", &table, into, faults)?;
    Some(Offer {
        legacy_version: legacy_version?,
        cipher_suites: cipher_suites?,
        groups: offered_groups?,
        signature_algorithms: signature_algorithms?,
        // TLS 1.2 profiles: no supported_versions.
        versions: Vec::new(),
        extensions: extensions?,
    })
}

fn client_certificate(
    at: &At<'_>,
    into: &mut Vec<Provenance>,
    faults: &mut Faults,
) -> Option<ClientCertificateExpectation> {
    use ClientCertificateExpectation::{Any, NotRequested, Requested};
    let table = at.table(&["expected", "source", "since", "note"], faults)?;
    let expected = table.required("expected", faults).and_then(|at| {
        at.one_of(
            &[NotRequested, Requested, Any].map(|value| (value.code(), value)),
            faults,
        )
    });
    provenance("client_certificate", &table, into, faults)?;
    expected
}

fn roots(at: &At<'_>, into: &mut Vec<Provenance>, faults: &mut Faults) -> Option<RootRule> {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        None,
        Group,
        ByRegion,
    }
    let group_name = |at: &At<'_>, faults: &mut Faults| {
        at.one_of(&crate::roots::NAMES.map(|name| (name, name)), faults)
            .map(str::to_owned)
    };
    let table = at.table(&["rule", "group", "default", "source", "since", "note"], faults)?;
    let kind = table.required("rule", faults).and_then(|at| {
        at.one_of(
            &[
                ("none", Kind::None),
                ("group", Kind::Group),
                ("by_region", Kind::ByRegion),
            ],
            faults,
        )
    });
    for (key, owner) in [("group", Kind::Group), ("default", Kind::ByRegion)] {
        if let (Some(kind), Some(at)) = (kind, table.optional(key))
            && kind != owner
        {
            faults.push(&at, "no such key under this rule", format!("`{key}`"), None);
        }
    }
    let rule = match kind {
        Some(Kind::None) => Some(RootRule::None),
        Some(Kind::Group) => table
            .required("group", faults)
            .and_then(|at| group_name(&at, faults))
            .map(RootRule::Group),
        Some(Kind::ByRegion) => table
            .required("default", faults)
            .and_then(|at| at.list(faults, group_name))
            .map(|default| RootRule::ByRegion { default }),
        None => None,
    };
    provenance("roots", &table, into, faults)?;
    rule
}

fn names(at: &At<'_>, into: &mut Vec<Provenance>, faults: &mut Faults) -> Option<(NameRule, bool)> {
    use NameRule::{CnOrSan, None as Unchecked, Rfc5922, Rfc9525};
    let table = at.table(&["rule", "ip_allowed", "source", "since", "note"], faults)?;
    let rule = table.required("rule", faults).and_then(|at| {
        at.one_of(
            &[CnOrSan, Rfc9525, Rfc5922, Unchecked].map(|value| (value.code(), value)),
            faults,
        )
    });
    let ip_allowed = table
        .required("ip_allowed", faults)
        .and_then(|at| at.boolean(faults));
    provenance("names", &table, into, faults)?;
    Some((rule?, ip_allowed?))
}

fn sip(at: &At<'_>, into: &mut Vec<Provenance>, faults: &mut Faults) -> Option<SipExpectation> {
    use SipExpectation::{Answered, AnsweredToListedAddresses};
    let table = at.table(&["options", "source", "since", "note"], faults)?;
    let options = table.required("options", faults).and_then(|at| {
        at.one_of(
            &[Answered, AnsweredToListedAddresses].map(|value| (value.code(), value)),
            faults,
        )
    });
    provenance("sip", &table, into, faults)?;
    options
}

fn checks(
    at: &At<'_>,
    expectation: Option<ClientCertificateExpectation>,
    faults: &mut Faults,
) -> Option<Vec<CheckRule>> {
    let mut seen = Vec::new();
    let rules = at.list(faults, |at, faults| {
        let rule = check(at, expectation, faults)?;
        if seen.contains(&rule.id) {
            faults.push(at, "each check once", format!("`{}` again", rule.id), None);
        }
        seen.push(rule.id);
        Some(rule)
    });
    rules.map(|mut rules| {
        rules.sort_by_key(|rule| rule.id);
        rules
    })
}

fn check(
    at: &At<'_>,
    expectation: Option<ClientCertificateExpectation>,
    faults: &mut Faults,
) -> Option<CheckRule> {
    use ClientCertificateExpectation::{NotRequested, Requested};
    let table = at.table(
        &["id", "severity", "source", "since", "from", "until", "remedy"],
        faults,
    )?;
    let id = table.required("id", faults).and_then(|at| {
        let known: Vec<(&'static str, CheckId)> = CheckId::ALL.iter().map(|id| (id.code(), *id)).collect();
        let id = at.one_of(&known, faults)?;
        let needed = match id {
            CheckId::ClientCertificateNotRequested => Some(NotRequested),
            CheckId::ClientCertificateRequested => Some(Requested),
            _ => None,
        };
        if let (Some(needed), Some(stated)) = (needed, expectation)
            && needed != stated
        {
            faults.push(
                &at,
                format!(
                    "a check that agrees with `client_certificate.expected: {}`",
                    stated.code()
                ),
                format!("`{id}`"),
                None,
            );
        }
        Some(id)
    });
    let severity = table.required("severity", faults).and_then(|at| {
        at.one_of(
            &[Severity::Critical, Severity::Warning, Severity::Info].map(|value| (value.code(), value)),
            faults,
        )
    });
    let source = table.text("source", faults).map(Into::into);
    let since = table.date("since", faults);
    let from = table.optional_date("from", faults);
    let until = table.optional_date("until", faults);
    let remedy = table.optional_text("remedy", faults);
    Some(CheckRule {
        id: id?,
        severity: severity?,
        source: source?,
        since: since?,
        from: from?,
        until: until?,
        remedy: remedy?,
    })
}
