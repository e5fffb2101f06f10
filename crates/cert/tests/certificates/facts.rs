//! Every fact of many real certificates, compared with what `openssl x509` says.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use rcgen::{CrlDistributionPoint, ExtendedKeyUsagePurpose, SanType};
use siptls_cert::{Certificate, Chain, KeyFacts, Purpose, Root, RootSet, RootSetError};

use super::{openssl, pki};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/data");
const BYOC_ROOTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../config/data/byoc_trusted_roots.pem"
);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares with `openssl x509`; gives the number of purposes seen.
fn compare(der: &[u8]) -> usize {
    let certificate = Certificate::from_der(der).unwrap();
    let arguments = "x509 -inform DER -noout -subject_hash -issuer_hash -serial -fingerprint -sha256 -startdate \
                     -enddate -dateopt iso_8601 -subject -issuer -nameopt RFC2253,utf8,-esc_msb -text";
    let output = openssl::pipe(&arguments.split_whitespace().collect::<Vec<_>>(), der);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |name: &str| -> &str {
        let line = text.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))[name.len()..].trim()
    };
    let after = |label: &str| {
        text.lines()
            .map(str::trim)
            .skip_while(move |line| !line.starts_with(label))
            .nth(1)
    };
    let subject = certificate.subject.text();

    let hashes: Vec<&str> = text
        .lines()
        .filter(|line| line.len() == 8 && line.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .collect();
    assert_eq!(
        hashes,
        [certificate.subject.hash_hex(), certificate.issuer.hash_hex()],
        "{subject}"
    );
    assert_eq!(field("subject="), subject);
    assert_eq!(field("issuer="), certificate.issuer.text());
    assert_eq!(field("serial=").to_lowercase(), certificate.serial, "{subject}");
    assert_eq!(
        field("sha256 Fingerprint=").replace(':', "").to_lowercase(),
        hex(&certificate.fingerprint_sha256),
        "{subject}"
    );
    assert_eq!(
        field("notBefore=").replace(' ', "T"),
        certificate.not_before.to_string(),
        "{subject}"
    );
    assert_eq!(
        field("notAfter=").replace(' ', "T"),
        certificate.not_after.to_string(),
        "{subject}"
    );
    let version = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Version: "))
        .unwrap();
    assert!(
        version.starts_with(&format!("{} ", certificate.version)),
        "{subject}: {version}"
    );
    let algorithm = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Signature Algorithm: "))
        .unwrap();
    assert_eq!(algorithm, certificate.signature_algorithm, "{subject}");
    match &certificate.key {
        KeyFacts::Rsa { bits } => assert!(text.contains(&format!("Public-Key: ({bits} bit)")), "{subject}"),
        KeyFacts::Ec { curve } => assert!(
            text.contains(&format!("NIST CURVE: {curve}")),
            "{subject}: {curve}"
        ),
        KeyFacts::Ed25519 => assert!(text.contains("ED25519 Public-Key:"), "{subject}"),
        other => panic!("{subject}: unexpected key {other}"),
    }
    assert_eq!(text.contains("CA:TRUE"), certificate.is_ca, "{subject}");
    let identifier = |label: &str| after(label).map(|line| line.replace(':', "").to_lowercase());
    assert_eq!(
        identifier("X509v3 Subject Key Identifier"),
        certificate.subject_key_id.as_deref().map(hex),
        "{subject}"
    );

    let names: HashMap<&str, Purpose> = HashMap::from([
        ("TLS Web Server Authentication", Purpose::ServerAuth),
        ("TLS Web Client Authentication", Purpose::ClientAuth),
        ("Code Signing", Purpose::CodeSigning),
        ("E-mail Protection", Purpose::EmailProtection),
        ("Time Stamping", Purpose::TimeStamping),
        ("OCSP Signing", Purpose::OcspSigning),
        ("Any Extended Key Usage", Purpose::Any),
        ("1.3.6.1.5.5.7.3.20", Purpose::SipDomain),
        ("IPSec End System", Purpose::Other("1.3.6.1.5.5.7.3.5".to_owned())),
        ("IPSec Tunnel", Purpose::Other("1.3.6.1.5.5.7.3.6".to_owned())),
        ("IPSec User", Purpose::Other("1.3.6.1.5.5.7.3.7".to_owned())),
    ]);
    let expected: Option<Vec<Purpose>> = after("X509v3 Extended Key Usage").map(|line| {
        line.split(", ")
            .map(|name| {
                names
                    .get(name)
                    .cloned()
                    .unwrap_or_else(|| Purpose::Other(name.to_owned()))
            })
            .collect()
    });
    assert_eq!(expected, certificate.extended_key_usage, "{subject}");
    assert_eq!(
        certificate.malformed_extensions,
        Vec::<String>::new(),
        "{subject}"
    );
    expected.map_or(0, |purposes| purposes.len())
}

/// Compares every certificate of every file `*.pem` in a folder; gives the files and the certificates seen in each.
fn compare_folder(folder: &str) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "pem") {
            continue;
        }
        let pem = std::fs::read(&path).unwrap();
        let set = RootSet::from_pem("file", &pem).unwrap();
        let mut certificates = 0;
        for root in set.roots() {
            for certificate in std::iter::once(&root.certificate).chain(&root.copies) {
                compare(&certificate.der);
                certificates += 1;
            }
        }
        let blocks = String::from_utf8_lossy(&pem)
            .matches("-----BEGIN CERTIFICATE-----")
            .count();
        assert_eq!(certificates, blocks, "{}", path.display());
        seen.insert(
            path.file_name().unwrap().to_string_lossy().into_owned(),
            certificates,
        );
    }
    seen
}

#[test]
fn every_certificate_of_the_system() {
    let seen: usize = compare_folder("/etc/ssl/certs").into_values().sum();
    assert!(
        seen > 100,
        "the package ca-certificates holds more than {seen} certificates"
    );
}

#[test]
fn every_certificate_that_ships() {
    let expected = [
        ("byoc_trusted_roots.pem", 76),
        ("microsoft_trusted_roots.pem", 310),
    ];
    assert_eq!(
        compare_folder(DATA),
        expected.map(|(name, count)| (name.to_owned(), count)).into()
    );
}

#[test]
fn every_root_of_the_byoc_list() {
    let set = RootSet::from_pem("byoc", &std::fs::read(BYOC_ROOTS).unwrap()).unwrap();
    assert_eq!(set.len(), 72, "roots on the list with a certificate");
    let mut seen = 0;
    for root in set.roots() {
        for certificate in std::iter::once(&root.certificate).chain(&root.copies) {
            compare(&certificate.der);
            assert_eq!(set.find(certificate).unwrap().name, root.name);
            seen += 1;
        }
        assert!(!root.name.is_empty());
    }
    assert!(seen >= set.len());
    let hash = |hash: &str| {
        set.roots()
            .iter()
            .find(|root| root.certificate.subject.hash_hex() == hash)
            .unwrap()
    };
    assert_eq!(hash("930ac5d2").name, "Actalis Authentication Root CA");
    let globalsign = set
        .roots()
        .iter()
        .find(|root| root.name == "GlobalSign Root CA - R3")
        .unwrap();
    assert_eq!(globalsign.certificate.common_name.as_deref(), Some("GlobalSign"));
}

#[test]
fn a_leaf_with_everything() {
    let root = pki::root(pki::ca_params("Everything Root"));
    let mut params = pki::leaf_params("sbc.example.test");
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::CodeSigning,
        ExtendedKeyUsagePurpose::EmailProtection,
        ExtendedKeyUsagePurpose::TimeStamping,
        ExtendedKeyUsagePurpose::OcspSigning,
        ExtendedKeyUsagePurpose::Any,
        ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 20]),
        ExtendedKeyUsagePurpose::Other(vec![1, 2, 3, 4]),
    ];
    params.subject_alt_names.extend([
        pki::uri("sip:example.test"),
        SanType::IpAddress(IpAddr::from([192, 0, 2, 7])),
        SanType::IpAddress("2001:db8::7".parse().unwrap()),
        SanType::Rfc822Name("noc@example.test".try_into().unwrap()),
        SanType::OtherName((vec![1, 2, 3], rcgen::OtherNameValue::Utf8String("x".to_owned()))),
    ]);
    params.crl_distribution_points = vec![CrlDistributionPoint {
        uris: vec!["http://crl.example.test/a.crl".into()],
    }];
    params.custom_extensions = vec![
        pki::ca_issuers("http://ca.example.test/i.cer"),
        pki::critical_extension(),
    ];
    let der = pki::leaf(&root, params);
    assert_eq!(compare(&der), 9);

    let leaf = Certificate::from_der(&der).unwrap();
    let purposes: Vec<String> = leaf
        .extended_key_usage
        .iter()
        .flatten()
        .map(Purpose::to_string)
        .collect();
    assert_eq!(
        purposes,
        [
            "clientAuth",
            "serverAuth",
            "codeSigning",
            "emailProtection",
            "timeStamping",
            "OCSPSigning",
            "anyExtendedKeyUsage",
            "sipDomain",
            "1.2.3.4"
        ]
    );
    let san = leaf.san.as_ref().unwrap();
    assert_eq!(san.dns, ["sbc.example.test"]);
    assert_eq!(san.uri, ["sip:example.test"]);
    assert_eq!(
        san.ip,
        [
            "192.0.2.7".parse::<IpAddr>().unwrap(),
            "2001:db8::7".parse().unwrap()
        ]
    );
    assert_eq!(san.email, ["noc@example.test"]);
    assert_eq!(san.other, ["otherName:1.2.3"]);
    assert_eq!(leaf.crl_urls, ["http://crl.example.test/a.crl"]);
    assert_eq!(leaf.ca_issuers_urls, ["http://ca.example.test/i.cer"]);
    assert_eq!(leaf.ocsp_urls, Vec::<String>::new());
    assert_eq!(leaf.unknown_critical, ["1.3.6.1.4.1.99999.1"]);
    assert_eq!(leaf.key.to_string(), "EC P-256");
    assert_eq!(leaf.subject.text(), "CN=sbc.example.test,C=DE");
    assert_eq!(leaf.common_name.as_deref(), Some("sbc.example.test"));
    assert_eq!(
        leaf.authority_key_id,
        Certificate::from_der(root.der()).unwrap().subject_key_id
    );
    assert!(!leaf.self_issued);
}

#[test]
fn names_in_every_string_type() {
    let folder = tempfile::tempdir().unwrap();
    // The line with + joins the relative name before it.
    let config = "[req]\nprompt=no\ndistinguished_name=dn\nstring_mask=@@\n[dn]\nC=DE\nO=M\u{fc}ller  S\u{f6}hne\n\
                  OU=\" lead, trail \"\n+ST=Zz\n+L=aa\n1.2.3.4=odd\nCN=a+b;<c>\n";
    for (mask, kind) in [
        ("utf8only", "UTF8STRING"),
        ("nombstr", "T61STRING"),
        ("MASK:0x4", "T61STRING"),
        ("MASK:0x800", "BMPSTRING"),
    ] {
        std::fs::write(folder.path().join("req.cnf"), config.replace("@@", mask)).unwrap();
        openssl::run(
            folder.path(),
            "req -x509 -utf8 -config req.cnf -newkey ed25519 -nodes -keyout key.pem -days 9 -out c.der -outform DER",
        );
        assert!(
            openssl::run(folder.path(), "asn1parse -inform DER -in c.der").contains(kind),
            "{mask}"
        );
        let der = std::fs::read(folder.path().join("c.der")).unwrap();
        compare(&der);
        let subject = Certificate::from_der(&der).unwrap().subject;
        assert!(subject.text().ends_with(",O=Müller  Söhne,C=DE"), "{subject}");
        assert_eq!(
            subject.text().matches('+').count(),
            3,
            "two joints and one in the CN: {subject}"
        );
    }
}

#[test]
fn pem_files_and_their_faults() {
    let root = pki::root(pki::ca_params("Pem Root"));
    let good = pki::pem(root.der());
    let set = RootSet::from_pem("one", format!("# text\n{good}text\n{good}").as_bytes()).unwrap();
    assert_eq!((set.name(), set.len(), set.is_empty()), ("one", 1, false));
    let fault = |text: &str| RootSet::from_pem("x", text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        fault("nothing"),
        "no certificate found: expected at least one block \"BEGIN CERTIFICATE\""
    );
    assert_eq!(
        fault(&format!("{good}{}", good.replace("CERTIFICATE", "PRIVATE KEY"))),
        "PEM block 2: expected CERTIFICATE, found PRIVATE KEY"
    );
    assert_eq!(fault(&good.replace('M', "?")), "PEM block 1 is malformed");
    assert_eq!(
        fault(&format!("{good}{}", &good[..200])),
        "PEM block 2 is malformed"
    );
    let wrong = pki::pem(&root.der()[1..]);
    let error = RootSet::from_pem("x", wrong.as_bytes()).unwrap_err();
    assert!(
        matches!(error, RootSetError::Certificate { block: 1, .. }),
        "{error}"
    );
    assert_eq!(error.to_string(), "PEM block 1 holds no readable certificate");
}

#[test]
fn re_issued_roots_are_one_root() {
    let key = pki::key();
    let mut ends = pki::ca_params("Re-issued");
    let old = ends.self_signed(&key).unwrap().der().to_vec();
    ends.not_after = rcgen::date_time_ymd(2045, 1, 1);
    let new = ends.self_signed(&key).unwrap().der().to_vec();
    let other_key = ends.self_signed(&pki::key()).unwrap().der().to_vec();
    let chain = Chain::parse([&old[..], &new, &other_key]);
    let certificates: Vec<Certificate> = chain.certificates().map(|(_, one)| one.clone()).collect();
    let set = RootSet::from_certificates("set", certificates.clone());
    assert_eq!(set.len(), 2);
    assert_eq!(
        set.roots()[0].certificate,
        certificates[1],
        "the copy that ends last"
    );
    assert_eq!(set.roots()[0].copies, certificates[..1]);
    assert_eq!(set.named(&certificates[0].subject).count(), 2);
    assert_eq!(Root::name_of(&certificates[0].subject), "Re-issued");
}
