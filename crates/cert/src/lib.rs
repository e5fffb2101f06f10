//! Facts of a certificate chain as a TLS server sent it, and the path from it to a given set of roots.
//!
//! Bytes in, facts out: no I/O, no clock. "Now" is an argument, and it is needed for dates alone.
//!
//! ```text
//!  DER, DER, … ──► Chain::parse ──► Chain ──┬─► assess_path(&RootSet) ──► Path ──┬─► dates(now)
//!  (as sent)       each read once           │        ▲                           └─► effective_purposes
//!                                           │        │
//!                                           │   RootSet::from_pem (subject + public key)
//!                                           └─► leaf ──► match_name(host)
//! ```
//!
//! ```
//! use siptls_cert::{Chain, PathProblem, RootSet, assess_path, dates, match_name};
//!
//! # use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
//! # let mut params = CertificateParams::new(vec![])?;
//! # params.distinguished_name.push(DnType::CommonName, "Lab Root");
//! # params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
//! # let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
//! # let leaf = CertificateParams::new(vec!["sbc.example.test".to_owned()])?
//! #     .signed_by(&KeyPair::generate()?, &authority)?;
//! # let (pem, sent) = (authority.as_ref().pem(), [leaf.der().as_ref()]);
//! let roots = RootSet::from_pem("lab", pem.as_bytes())?;
//! let chain = Chain::parse(sent);
//!
//! let path = assess_path(&chain, &roots);
//! assert_eq!(path.anchor.as_ref().map(|anchor| anchor.group.as_str()), Some("lab"));
//! assert_eq!(path.complete, Some(true));
//! for finding in dates(&chain, &path, "2026-11-22T00:00:00Z".parse()?) {
//!     println!("{:?} ends {}: {:?}", finding.position, finding.not_after, finding.status);
//! }
//! assert!(match_name(chain.leaf().unwrap(), "SBC.example.test").webpki);
//!
//! let nobody = RootSet::from_certificates("empty", Vec::new());
//! let problem = assess_path(&chain, &nobody).problem.unwrap();
//! assert!(matches!(problem, PathProblem::MissingIntermediate { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Why not webpki's path builder
//!
//! The signatures are checked by webpki's algorithms (aws-lc-rs); the walk from issuer to issuer is our own, because a probe must
//! explain where a verifier may just refuse. webpki says `UnknownIssuer` for a missing intermediate, an unknown root
//! and a self-signed leaf alike; it cannot be asked without a date, so that an expired certificate hides every
//! other fault and three periods may have no moment in common; it does not read version 1 certificates and
//! self-signed leaves that are trusted as they are. The tests compare with webpki and with `openssl verify` where both have an opinion.
//!
//! Differences on purpose: names are compared folded, as OpenSSL does (webpki: byte for byte); an authority key
//! identifier that disagrees does not break a link whose signature verifies (OpenSSL: it does); SHA-1 signatures are refused
//! (`openssl verify` takes them at its default level); RSA keys of 1,024 to 2,047 bits are computed and left to policy (webpki refuses
//! them in issuers); an issuer whose key usage lacks keyCertSign is refused (webpki does not look); all candidates are
//! tried (OpenSSL does not go back).
//!
//! # Revocation lists
//!
//! A [`Crl`] is read by our own few lines: x509-parser builds an object for each entry, webpki a map of owned ones, both
//! many times the size of the list, and webpki refuses where a probe must say why. Bytes and four bytes for each entry
//! are kept; only a list whose signature was checked ([`Crl::verify`]) answers. It says revoked, not named, or why it
//! does not tell; "good" is said by nobody who does not know.
//!
//! # What it refuses to do
//!
//! It fetches nothing, neither issuers nor revocation lists, and knows no browser or system store. It judges nothing:
//! key sizes, purposes, dates and names are facts here. It does not process certificate policies.
//!
//! # Untrusted input
//!
//! Certificates come from peers. Nothing panics on them; parsing is linear in their length ([`MAX_CERTIFICATE`]); the path
//! search has a budget of steps and signatures and then says [`PathProblem::PathTooComplex`]. [`Name::text`] escapes control
//! characters; other texts ([`SubjectAltNames`]) are as sent.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )
)]

mod certificate;
mod chain;
mod constraints;
mod crl;
mod crl_scope;
mod dates;
mod der;
mod extension;
mod identity;
mod key;
mod name;
mod path;
mod revocation;
mod roots;
mod signature;
mod walk;

pub use certificate::{Certificate, CertificateError, MAX_CERTIFICATE};
pub use chain::{Chain, Entry, chain_id};
pub use crl::{Crl, CrlDefect, CrlError, CrlStatus, MAX_CRL, RevocationReason, VerifiedCrl};
pub use dates::{DateFinding, DateStatus, Position, dates, earliest_end};
pub use extension::{KeyUsage, Purpose, SubjectAltNames};
pub use identity::{NameMatch, match_name};
pub use key::KeyFacts;
pub use name::{Name, NameError};
pub use path::{Anchor, Path, PathProblem, assess_path, effective_purposes};
pub use revocation::{Link, links};
pub use roots::{Root, RootSet, RootSetError};
