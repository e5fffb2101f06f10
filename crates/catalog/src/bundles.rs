//! The wide root lists: what browsers and other platforms trust. Read when first asked for, because they are large.

use crate::csv;
use crate::roots::{LISTED_ROOTS, RootGroup};
use jiff::civil::date;
use siptls_cert::{Certificate, RootSet};
use std::sync::{Arc, LazyLock};

/// The certificates of Microsoft's list.
const MICROSOFT: &str = include_str!("../../../config/data/microsoft_trusted_roots.pem");

/// Which roots are known to be signed by another one as well.
const CROSS_CERTIFICATES: &str = include_str!("../../../config/data/cross_certificates.csv");

/// Common names of the roots of Amazon Trust Services.
const AMAZON: [&str; 5] = [
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
];

/// Name of the group of roots that browsers trust.
pub const BROWSER: &str = "browser";

/// The lists that one chain is held against at once: Genesys, Microsoft Teams, Amazon, browsers.
pub const PEERS: [&str; 4] = ["genesys-byoc-customer", "microsoft", "amazon", BROWSER];

/// The wide lists. The first call reads some 450 certificates.
#[must_use]
pub fn bundles() -> &'static [RootGroup] {
    static BUNDLES: LazyLock<Vec<RootGroup>> = LazyLock::new(|| {
        let microsoft = match RootSet::from_pem("microsoft", MICROSOFT.as_bytes()) {
            Ok(roots) => roots,
            // The text is part of the program and a test reads it: this cannot be met in the field.
            Err(error) => panic!("shipped root certificates of Microsoft: {error}"),
        };
        let amazon = LISTED_ROOTS
            .roots()
            .iter()
            .filter(|root| AMAZON.contains(&root.name.as_str()))
            .flat_map(|root| std::iter::once(&root.certificate).chain(&root.copies).cloned());
        let browser = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .filter_map(|der| Certificate::from_der(der).ok());
        vec![
            RootGroup {
                name: "microsoft",
                title: "Microsoft Trusted Root Program: what Teams Direct Routing accepts on SBCs",
                source: "Microsoft's included CA certificate report (CCADB) of 2026-03-28; Microsoft Learn: SBC certificates must lead to a root of the program",
                since: date(2026, 3, 28),
                roots: Arc::new(microsoft),
                names_without_certificate: Vec::new(),
            },
            RootGroup {
                name: "amazon",
                title: "Amazon Trust Services, which sign the endpoints of Amazon Chime SDK Voice Connector and, as announced, of BYOC",
                source: "docs.aws.amazon.com, Chime SDK administration guide, Voice Connector: Amazon Root CA 1 to 4 and Starfield Services Root CA - G2",
                since: date(2026, 11, 21),
                roots: Arc::new(RootSet::from_certificates("amazon", amazon.collect())),
                names_without_certificate: Vec::new(),
            },
            RootGroup {
                name: BROWSER,
                title: "Roots that browsers trust for TLS servers (Mozilla's list)",
                source: "Mozilla's list as published by the crate webpki-root-certs 1.0.11",
                since: date(2026, 11, 21),
                roots: Arc::new(RootSet::from_certificates(BROWSER, browser.collect())),
                names_without_certificate: Vec::new(),
            },
        ]
    });
    &BUNDLES
}

/// A root that another root has signed as well, so that sending that certificate leads to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossCertificate {
    /// What people call the root that was signed (`Root::name_of`).
    pub subject: String,
    /// What people call the root that signed it.
    pub signed_by: String,
    /// Where its authority says so.
    pub source: String,
}

/// The known cross-certificates of a root, by what people call it.
pub fn cross_certificates(root: &str) -> impl Iterator<Item = &'static CrossCertificate> {
    static ALL: LazyLock<Vec<CrossCertificate>> = LazyLock::new(|| {
        let rows = csv::rows(CROSS_CERTIFICATES);
        rows.filter_map(|row| {
            let [subject, signed_by, source] = <[String; 3]>::try_from(row).ok()?;
            Some(CrossCertificate {
                subject,
                signed_by,
                source,
            })
        })
        .collect()
    });
    ALL.iter().filter(move |cross| cross.subject == root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use siptls_cert::Root;

    #[test]
    fn the_wide_lists_are_read_whole() {
        let sizes: Vec<_> = bundles()
            .iter()
            .map(|group| (group.name, group.roots.len()))
            .collect();
        let [(_, microsoft), (_, amazon), (_, browser)] = sizes[..] else {
            panic!("{sizes:?}")
        };
        assert_eq!(MICROSOFT.matches("BEGIN CERTIFICATE").count(), 310);
        assert!((300..=310).contains(&microsoft), "{microsoft}");
        assert_eq!(amazon, 5);
        assert_eq!(browser, webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        assert!(PEERS.iter().all(|name| crate::root_group(name).is_some()));
    }

    #[test]
    fn a_cross_certificate_leads_from_a_root_elsewhere_to_one_somewhere() {
        let names = |group: &str| -> Vec<String> {
            let roots = crate::root_group(group).unwrap().roots.roots();
            roots
                .iter()
                .map(|root| Root::name_of(&root.certificate.subject))
                .collect()
        };
        let (listed, browser) = (names("genesys-byoc-customer"), names(BROWSER));
        let rows: Vec<_> = csv::rows(CROSS_CERTIFICATES).collect();
        assert!(rows.len() >= 6);
        for row in rows {
            let found: Vec<_> = cross_certificates(&row[0]).collect();
            assert!(found.iter().any(|cross| cross.signed_by == row[1]), "{row:?}");
            assert!(!row[2].is_empty());
            assert!(
                listed.contains(&row[1]) || browser.contains(&row[1]) || row[1] == "GlobalSign Root CA",
                "{row:?}"
            );
            assert!(!listed.contains(&row[0]), "{row:?} needs no cross-certificate");
        }
    }
}
