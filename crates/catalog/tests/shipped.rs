//! Every shipped file is read, and holds what its source says.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use siptls_catalog::{
    Certainty, ClientCertificateExpectation, DEFAULT_PROFILE, Direction, NameRule, RootRule, endpoint,
    endpoints, explain, profile, profiles, region_root_group, root_group, root_groups, roots_from_pem,
};
use siptls_model::{CheckId, CipherSuite, NamedGroup, ProtocolVersion};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../config")
        .join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

#[test]
fn every_profile_file_is_shipped_and_read() {
    let files = files("profiles");
    assert_eq!(files.len(), 3);
    assert_eq!(profiles().len(), files.len());
    for file in files {
        let read = siptls_catalog::Profile::from_yaml(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(read.name, stem(&file), "a profile is called as its file");
        assert_eq!(profile(&read.name).as_deref(), Some(&read));
    }
    assert_eq!(profiles()[0].name, DEFAULT_PROFILE);
    assert_eq!(profile("genesys"), None);
}

#[test]
fn every_data_file_is_shipped() {
    let names: Vec<String> = files("data")
        .iter()
        .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "byoc_endpoints.csv",
            "byoc_trusted_roots.csv",
            "byoc_trusted_roots.pem",
            "byoc_trusted_roots_detail.csv",
            "certificate_lifetimes.csv",
            "client_auth_timetable.csv",
            "cross_certificates.csv",
            "explanations.yaml",
            "microsoft_trusted_roots.pem",
        ]
    );
}

#[test]
fn every_rule_has_a_source_and_a_date_that_is_not_ahead() {
    let read_on = jiff::civil::date(2026, 11, 21);
    let mut rules = 0;
    for profile in profiles() {
        let suites = profile.suites.iter().map(|rule| (&*rule.source, rule.since));
        let checks = profile.checks.iter().map(|rule| (&*rule.source, rule.since));
        let others = profile.provenance.iter().map(|rule| (&*rule.source, rule.since));
        for (source, since) in suites
            .chain(checks)
            .chain(others)
            .chain([(&*profile.source, profile.since)])
        {
            assert!(source.len() > 10, "{}: {source}", profile.name);
            assert!(
                since <= read_on && since.year() >= 2002,
                "{}: {since}",
                profile.name
            );
            rules += 1;
        }
        let kinds: Vec<&str> = profile.provenance.iter().map(|rule| rule.rule).collect();
        assert_eq!(
            kinds,
            ["offer", "groups", "client_certificate", "roots", "names", "sip"]
        );
    }
    assert_eq!(rules, 39 + 20 + 17 + 10 + 3 * 7);
}

#[test]
fn checks_are_unique_and_only_those_that_a_visit_can_answer() {
    for profile in profiles() {
        let ids: BTreeSet<CheckId> = profile.checks.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), profile.checks.len(), "{}", profile.name);
        assert!(profile.checks.is_sorted_by_key(|rule| rule.id));
    }
}

#[test]
fn the_customer_profile_offers_the_eight_suites_on_secp384r1_alone() {
    let profile = profile(DEFAULT_PROFILE).unwrap();
    let offer = &profile.offer;
    assert_eq!(offer.legacy_version, ProtocolVersion::TLS_1_2);
    let codes: Vec<u16> = offer.cipher_suites.iter().map(|suite| suite.0).collect();
    assert_eq!(
        codes,
        [
            0x0035, 0x009c, 0x009d, 0xc014, 0xc02f, 0xc030, 0x003d, 0xc028, 0x00ff
        ]
    );
    assert_eq!(offer.groups, [NamedGroup::SECP384R1]);
    assert!(offer.versions.is_empty());

    let listed: Vec<u16> = profile.suites.iter().map(|rule| rule.suite.0).collect();
    assert_eq!(
        listed,
        [0x0035, 0x003d, 0x009c, 0x009d, 0xc014, 0xc028, 0xc02f, 0xc030]
    );
    let ending: Vec<_> = profile
        .suites
        .iter()
        .filter(|rule| rule.until.is_some())
        .collect();
    assert_eq!(
        ending.iter().map(|rule| rule.suite).collect::<Vec<_>>(),
        [
            CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA256,
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384
        ]
    );
    for rule in ending {
        assert_eq!(rule.until, Some(jiff::civil::date(2025, 11, 17)));
        assert_eq!(rule.certainty, Certainty::Provisional);
        assert!(rule.note.as_deref().unwrap().contains("postponed"));
    }
    assert_eq!(profile.direction, Direction::PeerDials);
    assert_eq!(
        profile.client_certificate,
        ClientCertificateExpectation::NotRequested
    );
    assert_eq!(profile.roots, RootRule::Group("genesys-byoc-customer".to_owned()));
    assert_eq!(
        (profile.name_rule, profile.ip_identity_allowed),
        (NameRule::CnOrSan, false)
    );
}

#[test]
fn both_byoc_profiles_speak_of_the_same_suites() {
    let customer = profile("genesys-byoc-customer").unwrap();
    let cloud = profile("genesys-byoc-cloud").unwrap();
    assert_eq!(customer.offer, cloud.offer);
    assert_eq!(customer.suites, cloud.suites);
    assert_eq!(customer.groups, cloud.groups);
    assert_eq!(cloud.direction, Direction::PeerServes);
}

#[test]
fn the_byoc_list_has_83_names_of_which_72_have_a_certificate() {
    let group = root_group("genesys-byoc-customer").unwrap();
    assert_eq!(group.roots.len(), 72);
    assert_eq!(group.roots.name(), group.name);
    assert_eq!(group.names_without_certificate.len(), 11);
    let certificates: Vec<_> = group
        .roots
        .roots()
        .iter()
        .flat_map(|root| std::iter::once(&root.certificate).chain(&root.copies))
        .collect();
    assert_eq!(certificates.len(), 76);

    // Against the table of details, which was made by other means.
    let details = fs::read_to_string(
        files("data")
            .into_iter()
            .find(|file| stem(file).ends_with("detail"))
            .unwrap(),
    );
    let details = details.unwrap();
    let mut compared = 0;
    for certificate in certificates {
        let fingerprint: String = certificate
            .fingerprint_sha256
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let spki: String = certificate
            .spki_sha256
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let row = details.lines().find(|line| line.contains(&fingerprint)).unwrap();
        assert!(
            row.starts_with(&certificate.subject.hash_hex()) && row.contains(&spki),
            "{row}"
        );
        compared += 1;
    }
    assert_eq!(compared, 76);

    // The list's own names, not the certificates': GlobalSign R3 has CN=GlobalSign.
    assert!(
        group
            .roots
            .roots()
            .iter()
            .any(|root| root.name == "GlobalSign Root CA - R3")
    );
    assert_eq!(
        group.listed_name("854dca2b").unwrap().common_name,
        "thawte Primary Root CA - G4"
    );
    assert_eq!(
        group.listed_name("244b5494"),
        None,
        "a name with a certificate is verified, not recognised"
    );
}

#[test]
fn the_digicert_groups_take_their_certificates_from_the_same_list() {
    let hashes = |name: &str| -> BTreeSet<String> {
        root_group(name)
            .unwrap()
            .roots
            .roots()
            .iter()
            .map(|root| root.certificate.subject.hash_hex())
            .collect()
    };
    assert_eq!(
        hashes("digicert_ev"),
        ["244b5494", "607986c7", "dd8e9d41"].map(str::to_owned).into()
    );
    assert_eq!(
        hashes("digicert_g2_g3"),
        ["607986c7", "dd8e9d41"].map(str::to_owned).into()
    );
    assert_eq!(root_groups().len(), 3);
    assert!(root_group("digicert").is_none());
}

#[test]
fn sixty_endpoints_in_fifteen_regions_one_confirmed() {
    assert_eq!(endpoints().len(), 60);
    let regions: BTreeSet<&str> = endpoints()
        .iter()
        .map(|endpoint| endpoint.region_code.as_str())
        .collect();
    assert_eq!(regions.len(), 15);
    for endpoint in endpoints() {
        assert!(
            root_group(&endpoint.root_group).is_some(),
            "{}",
            endpoint.hostname
        );
        assert_eq!(
            region_root_group(&endpoint.region_code),
            Some(endpoint.root_group.as_str())
        );
    }
    let confirmed: Vec<&str> = endpoints()
        .iter()
        .filter(|endpoint| endpoint.confirmed)
        .map(|endpoint| endpoint.hostname.as_str())
        .collect();
    assert_eq!(confirmed, ["lb01.voice.usw2.pure.cloud"]);
    assert_eq!(
        endpoint("LB01.voice.euc2.pure.cloud").unwrap().root_group,
        "digicert_g2_g3"
    );
    assert_eq!(region_root_group("euc1"), Some("digicert_ev"));
    assert_eq!(region_root_group("nowhere"), None);
}

#[test]
fn every_check_is_explained() {
    for id in CheckId::ALL {
        let explanation = explain(*id);
        assert_eq!(explanation.id, *id);
        assert!(explanation.openssl.contains("openssl"), "{id}");
        assert!(
            !explanation.fix.is_empty() && !explanation.sources.is_empty(),
            "{id}"
        );
        assert!(explanation.fix.iter().any(|fix| fix.vendor == "any"), "{id}");
        for text in [&explanation.meaning, &explanation.why] {
            assert!(text.ends_with('.'), "{id}: {text}");
        }
        assert!(!explanation.title.ends_with('.'), "{id}");
    }
    // Those whose fix depends on the product name products.
    assert!(explain(CheckId::ClientCertificateNotRequested).fix.len() >= 8);
}

#[test]
fn roots_from_a_file_are_a_set_or_a_reason() {
    let pem = fs::read(
        files("data")
            .into_iter()
            .find(|file| file.extension().unwrap() == "pem")
            .unwrap(),
    )
    .unwrap();
    let set = roots_from_pem("own.pem", &pem).unwrap();
    assert_eq!((set.name(), set.len()), ("own.pem", 72));
    assert!(roots_from_pem("empty.pem", b"").is_err());
    assert!(roots_from_pem("cut.pem", &pem[..900]).is_err());
}
