//! One chain against many lists, and what would pass instead.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the other tests, which use the rest"
)]
mod common;

use common::*;
use siptls_catalog::{PEERS, RootGroup, root_group};
use siptls_cert::{Chain, Root};
use siptls_model::{CheckId, Status};
use siptls_policy::opinions;

/// A root of a list, sent as it is: the shortest chain that a list accepts.
fn root(group: &str, name: &str) -> Chain {
    let roots = &root_group(group).unwrap().roots;
    let is_wanted = |root: &&Root| Root::name_of(&root.certificate.subject) == name;
    let found = roots.roots().iter().find(is_wanted).unwrap();
    Chain::parse([&*found.certificate.der])
}

fn trusted(chain: &Chain) -> Vec<(String, Option<bool>)> {
    let groups: Vec<&RootGroup> = PEERS.iter().map(|name| root_group(name).unwrap()).collect();
    let found = opinions(chain, groups);
    for opinion in &found {
        assert_eq!(
            opinion.trust_anchor.is_some(),
            opinion.trusted == Some(true),
            "{opinion:?}"
        );
        assert_eq!(
            opinion.problem.is_none(),
            opinion.trusted == Some(true),
            "{opinion:?}"
        );
    }
    found
        .into_iter()
        .map(|opinion| (opinion.group, opinion.trusted))
        .collect()
}

#[test]
fn each_list_has_its_own_opinion_of_one_chain() {
    let rows = |of: [Option<bool>; 4]| -> Vec<(String, Option<bool>)> {
        PEERS.iter().map(|name| (*name).to_owned()).zip(of).collect()
    };
    let (yes, no) = (Some(true), Some(false));
    // In the order of PEERS: Genesys, Microsoft, Amazon, browsers.
    for (group, name, expected) in [
        ("amazon", "Amazon Root CA 1", [yes, yes, yes, yes]),
        ("browser", "GTS Root R1", [no, yes, no, yes]),
        (
            "genesys-byoc-customer",
            "DigiCert High Assurance EV Root CA",
            [yes, yes, no, no],
        ),
        (
            "microsoft",
            "Microsoft RSA Root Certificate Authority 2017",
            [no, yes, no, yes],
        ),
    ] {
        assert_eq!(trusted(&root(group, name)), rows(expected), "{name}");
    }
    assert_eq!(trusted(&Chain::parse([])), rows([None; 4]), "nothing was sent");
    assert_eq!(
        trusted(&Chain::parse([b"abc".as_slice()])),
        rows([None; 4]),
        "unreadable"
    );
    let pki = Pki::new();
    assert_eq!(
        trusted(&pki.chain(&Leaf::default())),
        rows([no; 4]),
        "a private root"
    );
}

#[test]
fn a_root_that_is_listed_by_name_alone_cannot_be_told() {
    let mut named = authority("Lab Root", (2040, 1, 1));
    named.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in [
        (rcgen::DnType::CountryName, "US"),
        (rcgen::DnType::StateOrProvinceName, "Arizona"),
        (rcgen::DnType::LocalityName, "Scottsdale"),
        (rcgen::DnType::OrganizationName, "GoDaddy Inc."),
    ] {
        named.distinguished_name.push(kind, value);
    }
    named.distinguished_name.push(
        rcgen::DnType::CommonName,
        "Go Daddy Root Certificate Authority - G4",
    );
    let pki = Pki::of(named, authority("Lab Intermediate", (2030, 1, 1)));
    let [genesys, ..] = &opinions(
        &pki.chain(&Leaf::default()),
        [root_group("genesys-byoc-customer").unwrap()],
    )[..] else {
        panic!("expected one opinion")
    };
    assert_eq!(genesys.trusted, None, "{genesys:?}");
    assert!(
        genesys
            .problem
            .as_deref()
            .unwrap()
            .contains("G4 is on the list by name"),
        "{genesys:?}"
    );
}

#[test]
fn a_refused_chain_is_told_what_would_pass() {
    for (root, status, part) in [
        (
            "ISRG Root YR",
            Status::Fail,
            "would pass if the cross-certificate of ISRG Root YR by ISRG Root X1 were sent as well",
        ),
        ("Lab Root", Status::Fail, "a browser does not accept it either"),
        // Its cross-certificate leads to a root that is not on the list of this caller.
        (
            "GTS Root R1",
            Status::Fail,
            "compared with: genesys-byoc-customer",
        ),
    ] {
        let pki = Pki::of(
            authority(root, (2040, 1, 1)),
            authority("Lab Intermediate", (2030, 1, 1)),
        );
        let seen = good(pki.chain(&Leaf::default()));
        let judgement = judge(&seen, None);
        let finding = judgement.finding(CheckId::ChainTrustedByPeer).unwrap();
        assert_eq!(finding.status, status, "{root}");
        assert!(finding.evidence.contains(part), "{root}: {}", finding.evidence);
        assert_eq!(
            finding.evidence.contains("would pass"),
            root == "ISRG Root YR",
            "{}",
            finding.evidence
        );
        // The operator's own anchors are compared with nothing else.
        let own = judge(&seen, Some(Pki::new().roots()));
        let own = own.finding(CheckId::ChainTrustedByPeer).unwrap();
        assert!(!own.evidence.contains("browser"), "{}", own.evidence);
    }
    let google = good(std::sync::Arc::new(root("browser", "GTS Root R1")));
    let judgement = judge(&google, None);
    let finding = judgement.finding(CheckId::ChainTrustedByPeer).unwrap();
    assert_eq!(finding.status, Status::Fail);
    assert!(
        finding
            .evidence
            .contains("a browser accepts it (root GTS Root R1)"),
        "{}",
        finding.evidence
    );
}
