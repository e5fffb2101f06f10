//! The reference client of a survey against real servers: what it says, that our own facts predict it, and that the server
//! sees an orderly client.

use std::sync::Arc;
use std::time::Duration;

use siptls_catalog::{DEFAULT_PROFILE, profile};
use siptls_e2e::{
    ClientAuth, DEADLINE, Identity, Leaf, OpensslRig, OpensslServer, Peer, Pki, Proxy, Role, Visit, until,
};
use siptls_model::{CheckId, Depth, Finding, NamedGroup, ProtocolVersion, ReferenceResult, Status, clock};
use siptls_policy::Judge;

/// All eight suites of the default profile.
const SUITES: &str = "AES256-SHA:AES256-SHA256:AES128-GCM-SHA256:AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA:\
                      ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384";

fn server(identity: &Identity) -> OpensslRig {
    OpensslServer::new(identity)
        .ciphers(SUITES)
        .groups("P-384")
        .reversing()
}

/// A survey of a server: what the client said, what is made of it, and how many connections it took.
fn surveyed(rig: &OpensslRig, trusts: bool) -> (Arc<ReferenceResult>, Finding, usize) {
    let server = rig.start();
    let proxy = Proxy::to(server.address());
    let mut visit = Visit::to(proxy.address())
        .depth(Depth::Survey)
        .spacing(Duration::ZERO);
    if trusts {
        visit = visit.trusting(&Pki::shared().root());
    }
    let seen = visit.make_one();
    let profile = profile(DEFAULT_PROFILE).expect("the default profile");
    let judge = Judge::new(profile, visit.roots().first().cloned(), &seen.target);
    let judgement = judge
        .judge_visit(std::slice::from_ref(&seen), clock::now())
        .remove(0);
    let finding = judgement.finding(CheckId::ReferenceClientAgrees);
    let reference = seen.reference.clone().expect("a survey has a reference client");
    let opened = usize::try_from(seen.connections_opened).expect("few connections");
    proxy.await_closed(opened);
    assert_eq!(proxy.connections(), opened);
    assert_eq!(proxy.most_established(), 1, "one connection at a time");
    (reference, finding.expect("the profile asks").clone(), opened)
}

#[test]
fn it_connects_to_a_good_server_and_leaves_politely() {
    let rig = server(Pki::shared().identity(Role::Good)).argument("-msg");
    let server = rig.start();
    let seen = Visit::to(server.address())
        .depth(Depth::Survey)
        .spacing(Duration::ZERO)
        .trusting(&Pki::shared().root())
        .make_one();
    let reference = seen
        .reference
        .as_deref()
        .expect("a survey has a reference client");
    assert!(reference.client.starts_with("rustls 0.23."), "{reference}");
    assert_eq!(
        (reference.ran, reference.connects, reference.verified),
        (true, Some(true), Some(true)),
        "{reference}"
    );
    assert_eq!(
        (reference.version, reference.group, &reference.error),
        (Some(ProtocolVersion::TLS_1_2), Some(NamedGroup::SECP384R1), &None)
    );
    // Its connection is the last one: the last that the server read of it is close_notify (RFC 5246 §7.2.1).
    let last_heard = || {
        let log = server.log();
        let mut heard = log.lines().filter(|line| line.starts_with("<<<"));
        heard.next_back().unwrap_or_default().to_owned()
    };
    until("close_notify in the server's log", DEADLINE, || {
        last_heard().contains("close_notify").then_some(())
    });
}

#[test]
fn our_own_facts_predict_what_it_says() {
    let pki = Pki::shared();
    let folder = tempfile::tempdir().expect("a folder");
    let issue = |file: &str, leaf: &Leaf| pki.issue(folder.path(), file, leaf);
    let named = || Leaf::named("sbc.example.test");
    let cn_alone = issue("cn", &named().alternative_names(""));
    let for_clients = issue("client", &named().purposes("clientAuth"));
    let any_use = issue("any", &named().purposes("anyExtendedKeyUsage"));
    let role = |role| pki.identity(role);
    let mut seen = 0;
    for (name, rig, connects, says) in [
        ("good", server(role(Role::Good)), true, ""),
        (
            "good, asking",
            server(role(Role::Good)).client_auth(ClientAuth::Optional),
            true,
            "",
        ),
        (
            "insisting",
            server(role(Role::Good)).client_auth(ClientAuth::Required),
            false,
            "HandshakeFailure",
        ),
        ("expired", server(role(Role::Expired)), false, "expired"),
        (
            "not yet valid",
            server(role(Role::NotYetValid)),
            false,
            "not valid yet",
        ),
        (
            "wrong name",
            server(role(Role::WrongName)),
            false,
            "not valid for name",
        ),
        ("CN alone", server(&cn_alone), false, "not valid for name"),
        (
            "without intermediate",
            server(role(Role::WithoutIntermediate)),
            false,
            "UnknownIssuer",
        ),
        (
            "unknown root",
            server(role(Role::UnknownRoot)),
            false,
            "UnknownIssuer",
        ),
        (
            "for clients",
            server(&for_clients),
            false,
            "server authentication",
        ),
        ("for any use", server(&any_use), false, "server authentication"),
        ("RSA 1024", server(role(Role::Rsa1024)), false, ""),
    ] {
        let (reference, finding, _) = surveyed(&rig, true);
        let what = format!("{name}: {reference}; {finding:?}");
        assert_eq!(
            (reference.ran, reference.connects),
            (true, Some(connects)),
            "{what}"
        );
        assert_eq!(finding.status, Status::Pass, "{what}");
        let error = reference.error.as_deref().unwrap_or_default();
        assert!(error.contains(says) && error.is_empty() == connects, "{what}");
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn a_contradiction_is_a_finding_that_names_both() {
    // webpki knows no certificate policies, and refuses what it does not know and is critical.
    let folder = tempfile::tempdir().expect("a folder");
    let leaf = Leaf::named("sbc.example.test").extension("certificatePolicies", "critical, 1.2.3.4");
    let identity = Pki::shared().issue(folder.path(), "policies", &leaf);
    let (reference, finding, _) = surveyed(&server(&identity), true);
    assert_eq!(
        (reference.connects, reference.verified),
        (Some(false), Some(false)),
        "{reference}"
    );
    assert_eq!(finding.status, Status::Warn, "{finding:?}");
    assert!(
        finding.summary.contains("rustls") && finding.summary.contains("this program finds nothing wrong"),
        "{finding:?}"
    );
    assert!(finding.evidence.contains("this program's visit"), "{finding:?}");
}

#[test]
fn without_roots_it_verifies_nothing_and_says_so() {
    let (reference, _, _) = surveyed(&server(Pki::shared().identity(Role::UnknownRoot)), false);
    assert_eq!((reference.connects, reference.verified), (Some(true), None));
    assert!(reference.to_string().contains("not verified"), "{reference}");
}

#[test]
fn where_nothing_is_shared_it_is_not_run() {
    let good = Pki::shared().identity(Role::Good);
    for (rig, why) in [
        (server(good).ciphers("AES256-SHA:AES256-GCM-SHA384"), "no suite"),
        (server(good).groups("P-256:X25519"), "no suite"),
        (server(good).version("-tls1_3"), "no suite"),
    ] {
        let (reference, finding, opened) = surveyed(&rig, true);
        assert_eq!(
            (reference.ran, reference.connects, reference.verified),
            (false, None, None)
        );
        let because = reference.why_not.as_deref().unwrap_or_default();
        assert!(because.contains(why), "{reference}");
        assert_eq!(finding.status, Status::Skip, "{finding:?}");
        assert!(opened <= 12, "{opened}");
    }
}
