//! TLS records, handshake messages and alerts: bytes in, facts out.
//!
//! ```text
//!  bytes ──► RecordReader ──► HandshakeReader ──► messages ──► Transcript
//!            (records)        (reassembly)        (strict)     (what the server's flight said)
//!            └───────────────── FlightReader drives all four ─────────────────┘
//!
//!  the same bytes ──► dissect::stream ──► parts with their fields: what the readers took, byte by byte
//!
//!  Offer ──► ClientHello ──► bytes, the same bytes for the same offer and random
//! ```
//!
//! In TLS 1.2 the server's whole first flight is clear text, so one reader serves live
//! connections, captures and inbound connections alike.
//!
//! What this crate refuses to do: I/O, clocks, cryptography, and opinions. A code point that
//! nobody has named is a value; a message whose inner lengths lie is [`Malformed`], with the
//! offset of the lie; a message larger than a named limit is a [`LimitExceeded`]. "Need more
//! bytes" is not an error.
//!
//! ```
//! use siptls_wire::{FlightReader, Progress};
//!
//! let mut reader = FlightReader::new();
//! // A fatal handshake_failure alert, cut in two.
//! assert_eq!(reader.read(&[0x15, 0x03, 0x03, 0x00]).unwrap(), Progress::NeedMore);
//! let progress = reader.read(&[0x02, 0x02, 0x28]).unwrap();
//! assert!(matches!(progress, Progress::Alert(alert) if alert.is_fatal()));
//! ```

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "test code may panic"
    )
)]

pub mod codes;
pub mod dissect;
mod error;
mod extensions;
mod flight;
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod hello;
mod messages;
mod reader;
mod record;
mod trace;
mod writer;

pub use codes::{
    AlertDescription, AlertLevel, CipherSuite, ClientCertificateType, ContentType, CurveType, ExtensionType,
    HandshakeType, KeyExchange, NamedGroup, ProtocolVersion, SignatureScheme,
};
pub use error::{Error, Fault, LimitExceeded, Malformed, Within};
pub use flight::{FlightReader, Progress, Transcript};
pub use handshake::{HandshakeReader, Message};
pub use hello::{ClientHello, Offer};
pub use messages::{
    Alert, CertificateRequest, CertificateStatus, EcdheParameters, Extension, ServerHello, ServerKeyExchange,
    parse_certificates, write_certificates,
};
pub use record::{Record, RecordReader};
pub use writer::{write_alert, write_handshake, write_record};

/// Most bytes of one clear-text record, RFC 5246 §6.2.1.
pub const MAX_PLAINTEXT_BYTES: usize = 1 << 14;
/// Most bytes of one protected record, RFC 5246 §6.2.3: 2,048 for padding, MAC and nonce.
pub const MAX_CIPHERTEXT_BYTES: usize = MAX_PLAINTEXT_BYTES + 2048;
/// Most bytes of one handshake message, and of a server's whole first flight. Real flights are 2
/// to 8 KiB; one with twenty large certificates and hundreds of CA names stays below.
pub const MAX_FLIGHT_BYTES: usize = 128 * 1024;
/// Most certificates in one Certificate message; real chains have two to five.
pub const MAX_CERTIFICATES: usize = 20;
/// Most bytes of one certificate; real ones have one to three KiB.
pub const MAX_CERTIFICATE_BYTES: usize = 64 * 1024;
/// Most CA names in one CertificateRequest; a server that loads a whole public bundle sends about 150.
pub const MAX_CERTIFICATE_AUTHORITIES: usize = 1000;
/// Most extensions in one hello.
pub const MAX_EXTENSIONS: usize = 100;
/// Most warning alerts before the server's flight is complete; real servers send at most one.
pub const MAX_WARNING_ALERTS: usize = 8;
/// Most records of a server's first flight; guards against floods of tiny records.
pub const MAX_FLIGHT_RECORDS: usize = 4096;
