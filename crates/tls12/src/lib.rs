//! A TLS 1.2 client for probing, sans-I/O: bytes in, bytes and events out.
//!
//! ```text
//!             ┌──────────────── Client ────────────────┐
//!  bytes ────►│ FlightReader (wire) ─► key exchange ──►│──► output bytes
//!  end ──────►│ record protection   ─► Finished        │──► Event
//!             └─────────── Transcript: evidence ───────┘
//! ```
//!
//! It offers exactly what an [`Offer`](siptls_wire::Offer) says, in that order, and can finish
//! every suite in [`Suite::ALL`]: {RSA, ECDHE} × {AES-CBC with SHA-1, SHA-256, SHA-384; AES-GCM},
//! with an empty or a given client certificate, with and without extended master secret. It
//! verifies the signature over the key exchange, every record's MAC or tag, and the server's
//! Finished.
//!
//! It is for probing only. It does not judge certificates (another crate does), holds no secret
//! worth keeping, never resumes, renegotiates or falls back, and makes no attempt to be constant
//! in time beyond what its primitives are. Primitives come from aws-lc-rs.
//!
//! How to drive it: send what [`Client::take_output`] gives, feed what arrives to
//! [`Client::handle_input`] and the end of the stream to [`Client::handle_end`], and act on
//! [`Client::poll_event`]. After [`Event::Failed`] or [`Event::Closed`] nothing more comes;
//! [`Client::transcript`] and [`Client::evidence`] stay readable, whatever happened.
//!
//! ```
//! use siptls_tls12::{Client, Event, Plan};
//! use siptls_wire::{CipherSuite, ExtensionType, NamedGroup, Offer, ProtocolVersion, SignatureScheme};
//! use std::sync::Arc;
//!
//! let offer = Arc::new(Offer {
//!     legacy_version: ProtocolVersion::TLS_1_2,
//!     cipher_suites: vec![CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384],
//!     groups: vec![NamedGroup::SECP384R1],
//!     signature_algorithms: vec![SignatureScheme::RSA_PKCS1_SHA256],
//!     versions: vec![],
//!     extensions: vec![ExtensionType::SUPPORTED_GROUPS, ExtensionType::SIGNATURE_ALGORITHMS],
//! });
//! let mut client = Client::new(Plan { offer, server_name: None, identity: None, finish: true }, [7; 32]);
//! assert!(client.take_output().starts_with(&[22, 3, 1]));
//! client.handle_input(b"HTTP/1.1 400 Bad Request\r\n");
//! assert!(matches!(client.poll_event(), Some(Event::Failed(_))));
//! ```

mod client;
mod exchange;
mod failure;
mod identity;
mod keys;
mod protection;
mod spki;
mod suite;

pub use client::{Client, Event, Plan, SentCertificate, Stage};
pub use exchange::{EphemeralKey, verify_signature};
pub use failure::{Failure, NotCompletable, Violation};
pub use identity::{Identity, IdentityError, NamedIdentity};
pub use keys::{ConnectionKeys, Finished, HandshakeHash, Side, master_secret, verify_data};
pub use protection::{BadRecord, Opener, Sealer};
pub use spki::{KeyKind, PublicKey, public_key};
pub use suite::{Bulk, Mac, Prf, Suite};

/// Random bytes for a hello.
///
/// # Panics
///
/// When the operating system gives no random bytes; a program without them cannot go on.
#[must_use]
pub fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
