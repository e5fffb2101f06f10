//! What real servers sent: what it says, and that no way of cutting it changes that.

use crate::support::{fixtures, folder};
use siptls_wire::fuzzing::{self, read_in_pieces};
use siptls_wire::{Error, ExtensionType, FlightReader, Progress, ServerKeyExchange, Transcript};

/// One line of facts, as an operator who knows the server's command line would write it.
fn facts(end: &Result<Progress, Error>, transcript: &Transcript) -> String {
    let mut facts = match end {
        Ok(Progress::Alert(alert)) => format!("{} {}", alert.level, alert.description),
        Ok(progress) => format!("{progress:?}"),
        Err(Error::NotTls { first }) => format!("not TLS: {}", String::from_utf8_lossy(first)),
        Err(error) => error.to_string(),
    };
    if let Some(hello) = &transcript.server_hello {
        facts += &format!(", {} {}", hello.version(), hello.cipher_suite);
        let secret = hello.extension(ExtensionType::EXTENDED_MASTER_SECRET);
        facts += if secret.is_some() { ", ems" } else { "" };
    }
    if let Some(certificates) = &transcript.certificates {
        facts += &format!(", {} certificates", certificates.len());
    }
    if let Some(status) = &transcript.certificate_status {
        assert_eq!(
            (status.status_type, status.response[0]),
            (1, 0x30),
            "a DER sequence"
        );
        facts += ", staple";
    }
    match &transcript.server_key_exchange {
        Some(ServerKeyExchange::Ecdhe(parameters)) => {
            facts += &format!(", {} {} bytes", parameters.group, parameters.point.len());
            facts += &parameters
                .scheme
                .map(|scheme| format!(" {scheme}"))
                .unwrap_or_default();
        }
        Some(ServerKeyExchange::Other(_)) => facts += ", other key exchange",
        None => {}
    }
    if let Some(request) = &transcript.certificate_request {
        facts += &format!(
            ", request {:?} {} schemes {} names",
            request.certificate_types,
            request.signature_algorithms.len(),
            request.authorities.len()
        );
    }
    facts
}

// One fixture, one line.
#[rustfmt::skip]
const FACTS: &[(&str, &str)] = &[
    ("gnutls-ecdhe-request", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, secp384r1 97 bytes rsa_pkcs1_sha256, request [rsa_sign, ecdsa_sign] 16 schemes 0 names"),
    ("gnutls-ecdhe-request-names", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, secp256r1 65 bytes rsa_pkcs1_sha256, request [rsa_sign, ecdsa_sign] 16 schemes 2 names"),
    ("gnutls-handshake-failure", "fatal handshake_failure"),
    ("gnutls-rsa", "Done, TLSv1.2 TLS_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates"),
    ("haproxy-request", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, secp384r1 97 bytes rsa_pss_rsae_sha256, request [rsa_sign, dss_sign, ecdsa_sign] 20 schemes 2 names"),
    ("java-ecdhe-request", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, secp384r1 97 bytes rsa_pkcs1_sha256, request [ecdsa_sign, rsa_sign, dss_sign] 21 schemes 2 names"),
    ("java-handshake-failure", "fatal handshake_failure"),
    ("nss-ecdhe-request", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 3 certificates, secp384r1 97 bytes rsa_pss_rsae_sha256, request [rsa_sign, ecdsa_sign, dss_sign] 15 schemes 2 names"),
    ("nss-handshake-failure", "fatal handshake_failure"),
    ("nss-rsa", "Done, TLSv1.2 TLS_RSA_WITH_AES_256_CBC_SHA, ems, 3 certificates"),
    ("openssl-byoc-offer", "Done, TLSv1.2 TLS_RSA_WITH_AES_256_CBC_SHA, ems, 2 certificates"),
    ("openssl-dhe", "Done, TLSv1.2 TLS_DHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, other key exchange"),
    ("openssl-ecdhe-p256", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ems, 2 certificates, secp256r1 65 bytes rsa_pkcs1_sha256"),
    ("openssl-ecdhe-p384", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, secp384r1 97 bytes rsa_pkcs1_sha256"),
    ("openssl-ecdhe-p521", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384, ems, 2 certificates, secp521r1 133 bytes rsa_pkcs1_sha256"),
    ("openssl-ecdhe-x25519", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, ems, 2 certificates, x25519 32 bytes rsa_pkcs1_sha256"),
    ("openssl-ecdsa-request", "Done, TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, secp384r1 97 bytes ecdsa_secp256r1_sha256, request [rsa_sign, dss_sign, ecdsa_sign] 20 schemes 2 names"),
    ("openssl-handshake-failure", "fatal handshake_failure"),
    ("openssl-many-authorities", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, secp384r1 97 bytes rsa_pkcs1_sha256, request [rsa_sign, dss_sign, ecdsa_sign] 20 schemes 100 names"),
    ("openssl-no-common-group", "fatal handshake_failure"),
    ("openssl-protocol-version", "fatal protocol_version"),
    ("openssl-rsa-cbc", "Done, TLSv1.2 TLS_RSA_WITH_AES_256_CBC_SHA, ems, 2 certificates"),
    ("openssl-rsa-gcm-request", "Done, TLSv1.2 TLS_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, request [rsa_sign, dss_sign, ecdsa_sign] 20 schemes 2 names"),
    ("openssl-small-records", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, secp384r1 97 bytes rsa_pkcs1_sha256, request [rsa_sign, dss_sign, ecdsa_sign] 20 schemes 2 names"),
    ("openssl-staple-request", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, staple, secp384r1 97 bytes rsa_pkcs1_sha256, request [rsa_sign, dss_sign, ecdsa_sign] 20 schemes 2 names"),
    ("openssl-tls10-ecdhe-request", "Done, TLSv1.0 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, ems, 2 certificates, secp384r1 97 bytes, request [rsa_sign, dss_sign, ecdsa_sign] 0 schemes 2 names"),
    ("openssl-tls11-rsa-request", "Done, TLSv1.1 TLS_RSA_WITH_AES_128_CBC_SHA, ems, 2 certificates, request [rsa_sign, dss_sign, ecdsa_sign] 0 schemes 2 names"),
    ("openssl-tls13", "Encrypted, TLSv1.3 TLS_AES_256_GCM_SHA384"),
    ("openssl-tls13-retry", "Encrypted, TLSv1.3 TLS_AES_256_GCM_SHA384"),
    ("python-http", "not TLS: <!DOC"),
    ("stunnel-request", "Done, TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ems, 2 certificates, secp384r1 97 bytes rsa_pkcs1_sha256, request [rsa_sign, dss_sign, ecdsa_sign] 20 schemes 2 names"),
];

#[test]
fn every_fixture_says_what_its_server_was_told_to_say() {
    let fixtures = fixtures();
    assert_eq!(fixtures.len(), FACTS.len());
    for (fixture, (name, expected)) in fixtures.iter().zip(FACTS) {
        assert_eq!(fixture.name, *name);
        let outcome = read_in_pieces([fixture.bytes.as_slice()]);
        assert_eq!(facts(&outcome.end, &outcome.transcript), *expected, "{name}");
        fuzzing::flight(&fixture.bytes);
    }
}

#[test]
fn every_fixture_has_its_provenance() {
    let page = std::fs::read_to_string(folder("tests/fixtures/PROVENANCE.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    assert_eq!(rows.len(), FACTS.len());
    for (name, _) in FACTS {
        assert!(
            rows.iter().any(|row| row.starts_with(&format!("{name}.bin`"))),
            "{name}"
        );
    }
}

#[test]
fn a_cut_fixture_says_less_and_never_something_else() {
    let mut cuts = 0;
    for fixture in fixtures() {
        let whole = read_in_pieces([fixture.bytes.as_slice()]);
        // The first cut that holds all the reader needs to end.
        let settled = match &whole.end {
            Ok(_) => whole.raw.len(),
            Err(_) => 5,
        };
        let mut bytewise = FlightReader::new();
        for cut in 0..=fixture.bytes.len() {
            let name = format!("{} cut at {cut}", fixture.name);
            let outcome = read_in_pieces([&fixture.bytes[..cut]]);
            if cut > 0 {
                assert_eq!(bytewise.read(&fixture.bytes[cut - 1..cut]), outcome.end, "{name}");
            }
            assert_eq!(bytewise.transcript(), &outcome.transcript, "{name}");
            if cut >= settled {
                assert_eq!(outcome, whole, "{name}");
            } else {
                assert_eq!(outcome.end, Ok(Progress::NeedMore), "{name}");
                assert!(!outcome.transcript.done, "{name}");
                says_no_more(&outcome.transcript, &whole.transcript, &name);
                assert!(whole.messages.starts_with(&outcome.messages), "{name}");
            }
            cuts += 1;
        }
    }
    assert!(cuts > 60_000, "{cuts} cuts");
}

#[test]
fn a_fixture_cut_in_two_says_the_same() {
    for fixture in fixtures() {
        let whole = read_in_pieces([fixture.bytes.as_slice()]);
        // Every cut of the usual flights; of the largest, each seventh.
        let step = if fixture.bytes.len() > 4096 { 7 } else { 1 };
        for cut in (0..=fixture.bytes.len()).step_by(step) {
            let (head, tail) = fixture.bytes.split_at(cut);
            assert_eq!(
                read_in_pieces([head, tail]),
                whole,
                "{} cut at {cut}",
                fixture.name
            );
        }
    }
}

/// What a cut flight says is what the whole one says, as far as it goes.
fn says_no_more(cut: &Transcript, whole: &Transcript, name: &str) {
    assert!(
        cut.server_hello.is_none() || cut.server_hello == whole.server_hello,
        "{name}"
    );
    assert!(
        cut.certificates.is_none() || cut.certificates == whole.certificates,
        "{name}"
    );
    assert!(
        cut.certificate_status.is_none() || cut.certificate_status == whole.certificate_status,
        "{name}"
    );
    assert!(
        cut.server_key_exchange.is_none() || cut.server_key_exchange == whole.server_key_exchange,
        "{name}"
    );
    assert!(
        cut.certificate_request.is_none() || cut.certificate_request == whole.certificate_request,
        "{name}"
    );
    assert!(whole.alerts.starts_with(&cut.alerts), "{name}");
}
