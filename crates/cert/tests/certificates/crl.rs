//! Revocation lists, built byte by byte and signed with an authority's real key.

use super::pki::{Authority, ca_params, leaf, leaf_params, root, under};
use jiff::Timestamp;
use proptest::prelude::*;
use rcgen::{CrlDistributionPoint, KeyUsagePurpose, SigningKey as _};
use siptls_cert::{
    Certificate, Chain, Crl, CrlDefect, CrlError, CrlStatus, Link, RevocationReason, RootSet, VerifiedCrl,
    assess_path, links,
};

const ECDSA_SHA256: &[u8] = &[0x30, 0x0a, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const URL: &str = "http://crl.example.test/1.crl";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-22T12:00:00Z")
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = match length {
        0..0x80 => vec![tag, length as u8],
        _ => vec![tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    };
    out.extend(content);
    out
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![1, 1, 0xff] } else { Vec::new() };
    tlv(0x30, &[tlv(6, oid), critical, tlv(4, value)].concat())
}

/// What a list says; changed by the tests.
#[derive(Clone)]
struct List {
    this_update: &'static str,
    next_update: Option<&'static str>,
    /// Serial number's content, and the entry's extensions.
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    extensions: Vec<u8>,
    inner_algorithm: Vec<u8>,
}

impl List {
    fn new() -> Self {
        Self {
            this_update: "261120000000Z",
            next_update: Some("261127000000Z"),
            entries: Vec::new(),
            extensions: Vec::new(),
            inner_algorithm: ECDSA_SHA256.to_vec(),
        }
    }

    fn naming(mut self, certificate: &Certificate, reason: Option<u8>) -> Self {
        let extensions = reason.map(|code| extension(&[0x55, 0x1d, 0x15], false, &[0x0a, 1, code]));
        self.entries
            .push((serial(certificate), extensions.unwrap_or_default()));
        self
    }

    fn with(mut self, oid: &[u8], critical: bool, value: &[u8]) -> Self {
        self.extensions.extend(extension(oid, critical, value));
        self
    }

    fn partition(self, fields: &[u8]) -> Self {
        self.with(&[0x55, 0x1d, 0x1c], true, &tlv(0x30, fields))
    }

    fn der(&self, authority: &Authority) -> Vec<u8> {
        let issuer = Certificate::from_der(authority.der()).unwrap();
        let mut tbs = [
            vec![2, 1, 1],
            self.inner_algorithm.clone(),
            issuer.subject.der().to_vec(),
            tlv(0x17, self.this_update.as_bytes()),
        ]
        .concat();
        tbs.extend(
            self.next_update
                .map(|date| tlv(0x17, date.as_bytes()))
                .unwrap_or_default(),
        );
        if !self.entries.is_empty() {
            let entries = self.entries.iter().map(|(serial, extensions)| {
                let extensions = (!extensions.is_empty()).then(|| tlv(0x30, extensions));
                let date = tlv(0x17, b"261121080000Z");
                tlv(
                    0x30,
                    &[tlv(2, serial), date, extensions.unwrap_or_default()].concat(),
                )
            });
            tbs.extend(tlv(0x30, &entries.collect::<Vec<_>>().concat()));
        }
        if !self.extensions.is_empty() {
            tbs.extend(tlv(0xa0, &tlv(0x30, &self.extensions)));
        }
        let tbs = tlv(0x30, &tbs);
        let signature = [vec![0], authority.key().sign(&tbs).unwrap()].concat();
        tlv(0x30, &[tbs, ECDSA_SHA256.to_vec(), tlv(3, &signature)].concat())
    }
}

/// The content of the serial number's INTEGER.
fn serial(certificate: &Certificate) -> Vec<u8> {
    let digits = &certificate.serial;
    let mut bytes: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect();
    if bytes[0] & 0x80 != 0 {
        bytes.insert(0, 0);
    }
    bytes
}

/// An authority and one leaf of it whose list is at [`URL`].
struct Issued {
    authority: Authority,
    issuer: Certificate,
    leaf: Certificate,
}

fn issued() -> Issued {
    let authority = root(ca_params("List Root"));
    let mut params = leaf_params("sbc.example.test");
    params.crl_distribution_points = vec![CrlDistributionPoint {
        uris: vec![URL.to_owned()],
    }];
    Issued {
        issuer: Certificate::from_der(authority.der()).unwrap(),
        leaf: Certificate::from_der(&leaf(&authority, params)).unwrap(),
        authority,
    }
}

impl Issued {
    fn verified(&self, list: &List) -> Result<VerifiedCrl, CrlDefect> {
        Crl::parse(list.der(&self.authority))
            .unwrap()
            .verify(&self.issuer)
    }

    fn status(&self, list: &List) -> Result<CrlStatus, CrlDefect> {
        self.verified(list)?.status(&self.leaf, &self.issuer, now())
    }
}

fn revoked(reason: Option<u8>) -> Result<CrlStatus, CrlDefect> {
    Ok(CrlStatus::Revoked {
        since: at("2026-11-21T08:00:00Z"),
        reason: reason.map(RevocationReason),
    })
}

#[test]
fn named_and_not_named_are_told_apart() {
    let issued = issued();
    let leaf = &issued.leaf;
    assert_eq!(issued.status(&List::new()), Ok(CrlStatus::NotListed));
    assert_eq!(issued.status(&List::new().naming(leaf, None)), revoked(None));
    assert_eq!(
        issued.status(&List::new().naming(leaf, Some(1))),
        revoked(Some(1))
    );
    assert_eq!(RevocationReason(1).to_string(), "keyCompromise");
    assert_eq!(
        issued.status(&List::new().naming(leaf, Some(8))),
        Ok(CrlStatus::NotListed)
    );
    let both = List::new().naming(leaf, Some(8)).naming(leaf, Some(4));
    assert_eq!(issued.status(&both), revoked(Some(4)), "named twice");
}

#[test]
fn a_needed_zero_byte_and_a_needless_one_are_read_as_the_same_number() {
    let issued = issued();
    let mut list = List::new();
    list.entries
        .push(([vec![0, 0], serial(&issued.leaf)].concat(), Vec::new()));
    assert_eq!(issued.status(&list), revoked(None));
}

#[test]
fn dates_decide_but_a_revocation_outlives_its_list() {
    let issued = issued();
    let leaf = &issued.leaf;
    let ended = List {
        next_update: Some("261122115959Z"),
        ..List::new()
    };
    let until = at("2026-11-22T11:59:59Z");
    assert_eq!(issued.status(&ended), Err(CrlDefect::Expired { until }));
    assert_eq!(
        issued.status(&ended.clone().naming(leaf, Some(1))),
        revoked(Some(1))
    );
    assert_eq!(
        issued.status(&ended.naming(leaf, Some(6))),
        Err(CrlDefect::Expired { until }),
        "held"
    );
    let ahead = List {
        this_update: "261122120001Z",
        ..List::new()
    };
    let from = at("2026-11-22T12:00:01Z");
    assert_eq!(
        issued.status(&ahead.naming(leaf, None)),
        Err(CrlDefect::NotYetValid { from })
    );
    let open = List {
        next_update: None,
        ..List::new()
    };
    assert_eq!(issued.status(&open), Err(CrlDefect::NoNextUpdate));
    let edges = List {
        this_update: "261122120000Z",
        next_update: Some("261122120000Z"),
        ..List::new()
    };
    assert_eq!(
        issued.status(&edges),
        Ok(CrlStatus::NotListed),
        "both ends belong to it"
    );
}

#[test]
fn only_the_issuers_own_list_counts() {
    let issued = issued();
    let expected = || issued.issuer.subject.text().to_owned();
    let other = root(ca_params("Other Root"));
    let foreign = Crl::parse(List::new().der(&other)).unwrap();
    let found = foreign.issuer.text().to_owned();
    assert_eq!(
        foreign.verify(&issued.issuer).unwrap_err(),
        CrlDefect::WrongIssuer {
            expected: expected(),
            found
        }
    );
    let namesake = root(ca_params("List Root"));
    let forged = Crl::parse(List::new().der(&namesake)).unwrap();
    assert_eq!(
        forged.verify(&issued.issuer).unwrap_err(),
        CrlDefect::BadSignature { issuer: expected() }
    );
    // The namesake's own list, asked about a certificate of this authority.
    let its_own = Certificate::from_der(namesake.der()).unwrap();
    let list = Crl::parse(List::new().der(&namesake))
        .unwrap()
        .verify(&its_own)
        .unwrap();
    assert!(matches!(
        list.status(&issued.leaf, &issued.issuer, now()),
        Err(CrlDefect::WrongIssuer { .. })
    ));
    let mut params = ca_params("List Root");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let mute = root(params);
    let list = Crl::parse(List::new().der(&mute)).unwrap();
    let mute = Certificate::from_der(mute.der()).unwrap();
    assert!(matches!(
        list.verify(&mute),
        Err(CrlDefect::SignerNotAllowed { .. })
    ));
    let two_faced = List {
        inner_algorithm: [&[0x30, 0x0a, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3][..]].concat(),
        ..List::new()
    };
    assert_eq!(
        issued.verified(&two_faced).unwrap_err(),
        CrlDefect::SignatureAlgorithmsDiffer
    );
}

#[test]
fn what_a_list_does_not_cover_is_not_good() {
    let issued = issued();
    let is = |list: List| issued.status(&list.naming(&issued.leaf, None));
    let full_name = |url: &str| tlv(0xa0, &tlv(0xa0, &tlv(0x86, url.as_bytes())));
    assert_eq!(is(List::new().partition(&full_name(URL))), revoked(None));
    let name = "http://crl.example.test/2.crl".to_owned();
    assert_eq!(
        is(List::new().partition(&full_name(&name))),
        Err(CrlDefect::OtherPartition { name })
    );
    let relative = tlv(0xa0, &tlv(0xa1, &[]));
    let name = String::new();
    assert_eq!(
        is(List::new().partition(&relative)),
        Err(CrlDefect::OtherPartition { name })
    );
    assert_eq!(
        is(List::new().partition(&[0x81, 1, 0xff])),
        revoked(None),
        "user certificates"
    );
    for (fields, found) in [
        ([0x82, 1, 0xff], "authorities' certificates"),
        ([0x85, 1, 0xff], "attribute certificates"),
    ] {
        assert_eq!(
            is(List::new().partition(&fields)),
            Err(CrlDefect::OtherKind { found })
        );
    }
    assert_eq!(
        is(List::new().partition(&[0x84, 1, 0xff])),
        Err(CrlDefect::Indirect)
    );
    assert_eq!(
        is(List::new().partition(&[0x83, 2, 6, 0x40])),
        Err(CrlDefect::OnlySomeReasons)
    );
    assert_eq!(
        is(List::new().with(&[0x55, 0x1d, 0x1b], true, &[2, 1, 1])),
        Err(CrlDefect::Delta)
    );
    let oid = || "1.2.3".to_owned();
    let unknown = Err(CrlDefect::UnknownCriticalExtension { oid: oid() });
    assert_eq!(is(List::new().with(&[0x2a, 3], true, &[5, 0])), unknown);
    assert_eq!(is(List::new().with(&[0x2a, 3], false, &[5, 0])), revoked(None));
    // freshestCRL: the base list is whole without it.
    assert_eq!(
        is(List::new().with(&[0x55, 0x1d, 0x2e], false, &[0x30, 0])),
        revoked(None)
    );
    let mut list = List::new();
    list.entries
        .push((vec![1], extension(&[0x55, 0x1d, 0x1d], true, &[0x30, 0])));
    assert_eq!(
        is(list),
        Err(CrlDefect::Indirect),
        "an entry names another issuer"
    );
    let mut list = List::new();
    list.entries.push((vec![1], extension(&[0x2a, 3], true, &[5, 0])));
    assert_eq!(is(list), unknown);
}

#[test]
fn an_authority_is_not_in_a_list_of_end_entities() {
    let issued = issued();
    let mut params = ca_params("Below");
    params.crl_distribution_points = Vec::new();
    let below = Certificate::from_der(&leaf(&issued.authority, params)).unwrap();
    let list = issued.verified(&List::new().partition(&[0x81, 1, 0xff])).unwrap();
    let found = "end entities' certificates";
    assert_eq!(
        list.status(&below, &issued.issuer, now()),
        Err(CrlDefect::OtherKind { found })
    );
    let list = issued.verified(&List::new().partition(&[0x82, 1, 0xff])).unwrap();
    assert_eq!(
        list.status(&below, &issued.issuer, now()),
        Ok(CrlStatus::NotListed)
    );
}

#[test]
fn pem_is_read_as_well_and_other_pem_is_not() {
    let issued = issued();
    let der = List::new().naming(&issued.leaf, None).der(&issued.authority);
    let pem = super::pki::pem(&der).replace("CERTIFICATE", "X509 CRL");
    let list = Crl::parse(pem.clone().into_bytes()).unwrap();
    assert_eq!((list.der(), list.len()), (&der[..], 1));
    let pem = pem.replace("X509 CRL", "CERTIFICATE");
    assert_eq!(
        Crl::parse(pem.into_bytes()).unwrap_err(),
        CrlError::Malformed { part: "PEM" }
    );
}

#[test]
fn every_entry_of_a_long_list_is_found_and_no_other() {
    let issued = issued();
    let mut list = List::new();
    // Lengths from 1 to 20 bytes, tails that are equal, no order.
    for number in 0_u32..3_000 {
        let mut serial = vec![1; (number % 20) as usize];
        serial.splice(0..0, (number.wrapping_mul(2_654_435_761) >> 8).to_be_bytes());
        serial[0] = 0x40;
        list.entries.push((serial, Vec::new()));
    }
    let verified = issued.verified(&list).unwrap();
    assert_eq!(verified.list().len(), 3_000);
    assert_eq!(
        verified.status(&issued.leaf, &issued.issuer, now()),
        Ok(CrlStatus::NotListed)
    );
    list.entries.insert(1_500, (serial(&issued.leaf), Vec::new()));
    assert_eq!(issued.status(&list), revoked(None));
    let mut params = leaf_params("sbc.example.test");
    for at in [0, 19, 1_234, 3_000] {
        params.serial_number = Some(list.entries[at].0.clone().into());
        let named = Certificate::from_der(&leaf(&issued.authority, params.clone())).unwrap();
        let verified = issued.verified(&list).unwrap();
        assert_eq!(
            verified.status(&named, &issued.issuer, now()),
            revoked(None),
            "{at}"
        );
    }
}

#[test]
fn a_list_cut_anywhere_or_followed_by_a_byte_is_none() {
    let issued = issued();
    let der = List::new()
        .naming(&issued.leaf, Some(1))
        .partition(&[0x81, 1, 0xff])
        .der(&issued.authority);
    for end in 0..der.len() {
        assert!(Crl::parse(der[..end].to_vec()).is_err(), "cut at {end}");
    }
    assert!(Crl::parse([&der[..], &[0]].concat()).is_err());
    assert!(Crl::parse(der).is_ok());
}

proptest! {
    /// A list with bytes changed is read or refused, and answers only when its signature still holds.
    #[test]
    fn a_changed_list_never_panics_and_never_answers(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..8),
    ) {
        thread_local! {
            static MADE: (Issued, Vec<u8>) = {
                let issued = issued();
                let list = List::new().naming(&issued.leaf, Some(1)).partition(&[0x81, 1, 0xff]);
                let der = list.der(&issued.authority);
                (issued, der)
            };
        }
        MADE.with(|(issued, original)| {
            let mut der = original.clone();
            for (at, change) in &changes {
                let at = at.index(der.len());
                der[at] ^= change;
            }
            if der == *original {
                return;
            }
            if let Ok(list) = Crl::parse(der)
                && let Ok(list) = list.verify(&issued.issuer)
            {
                // Only a needlessly long length in the envelope could be, and this reader takes those.
                assert_eq!(list.status(&issued.leaf, &issued.issuer, now()), revoked(Some(1)));
            }
        });
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Crl::parse(bytes).is_err());
    }
}

#[test]
fn links_are_the_leaf_and_every_intermediate_and_never_a_root() {
    let top = root(ca_params("Top"));
    let middle = under(&top, ca_params("Middle"));
    let end = leaf(&middle, leaf_params("sbc.example.test"));
    let roots = |ders: &[&[u8]]| {
        let read = ders.iter().map(|der| Certificate::from_der(der).unwrap());
        RootSet::from_certificates("set", read.collect())
    };
    let names = |sent: &[&[u8]], roots: &RootSet| -> Vec<(usize, Option<String>)> {
        let chain = Chain::parse(sent.iter().copied());
        let path = assess_path(&chain, roots);
        let links = links(&chain, &path, [roots]);
        let issuer = |link: &Link<'_>| link.issuer.and_then(|issuer| issuer.common_name.clone());
        links.iter().map(|link| (link.index, issuer(link))).collect()
    };
    let name = |name: &str| Some(name.to_owned());
    let (top, middle) = (top.der().to_vec(), middle.der().to_vec());
    let both = vec![(0, name("Middle")), (1, name("Top"))];
    assert_eq!(names(&[&end, &middle], &roots(&[&top])), both);
    assert_eq!(names(&[&end, &middle, &top], &roots(&[&top])), both, "root sent");
    assert_eq!(
        names(&[&end, &middle, &top], &roots(&[])),
        both,
        "root sent, not trusted"
    );
    assert_eq!(
        names(&[&end, &middle], &roots(&[])),
        [(0, name("Middle")), (1, None)]
    );
    assert_eq!(names(&[&end], &roots(&[&end])), [], "the leaf itself is trusted");
    assert_eq!(names(&[&top], &roots(&[])), [], "self-signed");
    let mut broken = end.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert_eq!(
        names(&[&broken, &middle], &roots(&[&top])),
        [],
        "signatures do not hold"
    );
}
