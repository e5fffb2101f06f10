//! Shipped data, typed: profiles, root groups, endpoint lists and explanations.
//!
//! ```text
//!  config/profiles/*.yaml ──► Profile        what a peer demands, rule by rule
//!  config/data/*.pem,*.csv ─► RootGroup      whom a peer trusts
//!                          ├► ListedEndpoint which hosts a platform has
//!                          ├► ClientAuthStep when authorities stop issuing clientAuth
//!                          └► LifetimeLimit  how long certificates of public authorities may last
//!  config/data/*.yaml ──────► Explanation    what a check means and how to mend it
//! ```
//!
//! The files are part of the program and parsed once, on first use. Every rule carries its source
//! and a date; what is not confirmed says so.
//!
//! This crate judges nothing, opens no socket, reads no file at run time and does not know what
//! time it is.
//!
//! ```
//! use siptls_catalog::{explain, profile, region_root_group, DEFAULT_PROFILE};
//! use siptls_model::CheckId;
//!
//! let profile = profile(DEFAULT_PROFILE).unwrap();
//! assert!(profile.check(CheckId::ClientCertificateNotRequested).is_some());
//! assert_eq!(region_root_group("euc2"), Some("digicert_g2_g3"));
//! assert!(explain(CheckId::ChainComplete).openssl.contains("s_client"));
//! ```

mod bundles;
mod client_auth;
mod csv;
mod endpoints;
mod explanation;
mod fault;
mod lifetimes;
mod profile;
mod roots;
mod shape;
mod yaml;

pub use bundles::{BROWSER, CrossCertificate, PEERS, bundles, cross_certificates};
pub use client_auth::{ClientAuthChange, ClientAuthStep, client_auth_end, client_auth_timetable};
pub use endpoints::{
    BALANCER_PROFILE, ListedEndpoint, endpoint, endpoints, load_balancer, region_root_group,
};
pub use explanation::{Explanation, VendorFix, explain};
pub use fault::{ProfileError, ProfileFault};
pub use lifetimes::{LifetimeLimit, certificate_lifetimes, lifetime_limit};
pub use profile::{
    Certainty, CheckRule, ClientCertificateExpectation, DEFAULT_PROFILE, Direction, NameRule, Profile,
    Provenance, RootRule, SipExpectation, SuiteRule, profile, profiles,
};
pub use roots::{ListedName, RootGroup, root_group, root_groups, roots_from_pem};
pub use siptls_cert::{RootSet, RootSetError};
