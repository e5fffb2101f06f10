//! Root groups: whom a peer trusts.

use crate::bundles::bundles;
use crate::csv;
use jiff::civil::{Date, date};
use siptls_cert::{RootSet, RootSetError};
use std::sync::{Arc, LazyLock};

/// The certificates of the BYOC list that were found in public bundles.
pub(crate) const CERTIFICATES: &str = include_str!("../../../config/data/byoc_trusted_roots.pem");

/// Every name of the BYOC list, with or without certificate.
pub(crate) const LISTED: &str = include_str!("../../../config/data/byoc_trusted_roots.csv");

/// The roots of the BYOC list.
pub(crate) static LISTED_ROOTS: LazyLock<RootSet> = LazyLock::new(|| {
    match RootSet::from_pem("", CERTIFICATES.as_bytes()) {
        Ok(all) => all,
        // The text is part of the program and a test reads it: this cannot be met in the field.
        Err(error) => panic!("shipped root certificates: {error}"),
    }
});

/// Names of the shipped groups.
pub(crate) const NAMES: [&str; 3] = ["genesys-byoc-customer", "digicert_ev", "digicert_g2_g3"];

const HIGH_ASSURANCE_EV: &str = "244b5494";
const GLOBAL_G2: &str = "607986c7";
const GLOBAL_G3: &str = "dd8e9d41";

const SPECIFICATION: &str = "Genesys Cloud Resource Center, \"TLS trunk transport protocol specification\" (help.mypurecloud.com/?p=197875), read 2026-11-21";

/// A named set of roots that a peer trusts.
#[derive(Clone, Debug)]
pub struct RootGroup {
    /// The name, as profiles and endpoint lists use it.
    pub name: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// Where the list comes from.
    pub source: &'static str,
    /// The day on which the source was read.
    pub since: Date,
    /// The roots whose certificates are at hand. Of a root re-issued under the same key one is enough.
    pub roots: Arc<RootSet>,
    /// Names on the list without a certificate at hand: they can be recognised, not verified.
    pub names_without_certificate: Vec<ListedName>,
}

impl RootGroup {
    /// The listed name of that subject hash whose certificate is not at hand.
    #[must_use]
    pub fn listed_name(&self, subject_hash: &str) -> Option<&ListedName> {
        self.names_without_certificate
            .iter()
            .find(|listed| listed.subject_hash == subject_hash)
    }
}

/// A root known by name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedName {
    /// The common name on the list.
    pub common_name: String,
    /// OpenSSL's subject hash, eight hexadecimal digits. Anybody can make a certificate of that
    /// name: it proves nothing.
    pub subject_hash: String,
}

/// The shipped root groups that profiles name.
#[must_use]
pub fn root_groups() -> &'static [RootGroup] {
    static GROUPS: LazyLock<Vec<RootGroup>> = LazyLock::new(|| {
        let mut names = Vec::new();
        let mut without = Vec::new();
        for row in csv::rows(LISTED) {
            let [_, common_name, subject_hash, verified, ..] = row.as_slice() else {
                continue;
            };
            names.push((subject_hash.clone(), common_name.clone()));
            if verified != "yes" {
                without.push(ListedName {
                    common_name: common_name.clone(),
                    subject_hash: subject_hash.clone(),
                });
            }
        }
        let all = &*LISTED_ROOTS;
        let pick = |group: &str, wanted: &dyn Fn(&str) -> bool| {
            let picked = all.roots().iter().filter_map(|root| {
                let hash = root.certificate.subject.hash_hex();
                let name = names
                    .iter()
                    .find(|(listed, _)| *listed == hash)
                    .map_or(&root.name, |(_, name)| name);
                wanted(&hash).then_some((name, root))
            });
            let certificates = picked.flat_map(|(name, root)| {
                std::iter::once(&root.certificate)
                    .chain(&root.copies)
                    .map(|one| (name.clone(), one.clone()))
            });
            Arc::new(RootSet::from_named(group, certificates))
        };
        let since = date(2026, 11, 21);
        let [customer, ev, g2_g3] = NAMES;
        vec![
            RootGroup {
                name: customer,
                title: "Roots that Genesys BYOC Cloud trusts on customers' endpoints",
                source: SPECIFICATION,
                since,
                roots: pick(customer, &|_| true),
                names_without_certificate: without,
            },
            RootGroup {
                name: ev,
                title: "Roots of BYOC load balancers in the regions under DigiCert High Assurance EV: trust all three",
                source: SPECIFICATION,
                since,
                roots: pick(ev, &|hash| {
                    [HIGH_ASSURANCE_EV, GLOBAL_G2, GLOBAL_G3].contains(&hash)
                }),
                names_without_certificate: Vec::new(),
            },
            RootGroup {
                name: g2_g3,
                title: "Roots of BYOC load balancers in the regions under DigiCert Global Root G2: trust both",
                source: SPECIFICATION,
                since,
                roots: pick(g2_g3, &|hash| [GLOBAL_G2, GLOBAL_G3].contains(&hash)),
                names_without_certificate: Vec::new(),
            },
        ]
    });
    &GROUPS
}

/// The shipped root group of that name, [`bundles`] included.
#[must_use]
pub fn root_group(name: &str) -> Option<&'static RootGroup> {
    let named = |group: &&RootGroup| group.name == name;
    root_groups()
        .iter()
        .find(named)
        .or_else(|| bundles().iter().find(named))
}

/// Roots from the bytes of a PEM file, under the name that findings and reports show as their group.
///
/// # Errors
///
/// When a block is damaged, is no certificate, or there is none.
pub fn roots_from_pem(name: &str, bytes: &[u8]) -> Result<Arc<RootSet>, RootSetError> {
    RootSet::from_pem(name, bytes).map(Arc::new)
}
