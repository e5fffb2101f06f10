//! One SIP OPTIONS exchange over a stream, sans-I/O: bytes in, values out.
//!
//! ```text
//! Host, SentBy, Nonce ──► OptionsRequest ──► bytes for the peer
//!                               │
//!                               ▼ (Call-ID, CSeq, branch)
//! bytes from the peer ──► ResponseReader ──► Message ──► Transaction ──► Event::Answer
//!                         └───────────────── Exchange ─────────────┘
//! ```
//!
//! [`OptionsRequest`] writes the request (RFC 3261 §11), [`ResponseReader`] cuts the stream into messages
//! (RFC 3261 §7 and §18.3), [`Transaction`] finds the message that answers the request (RFC 3261 §17.1.3),
//! [`Exchange`] is the last two in one. There is no socket and no clock in here: the caller moves the bytes and
//! owns the deadline. No SIP library stands below; `docs/decisions/0001-own-sip-messages.md` has the measurement.
//!
//! A departure from the RFC that leaves the meaning clear is a [`Note`]; one that does not is a [`SipFault`].
//! Text of the peer is safe to show as it stands: control characters are escaped before anyone sees it.
//!
//! It refuses to be a SIP stack: no retransmission (the transport is reliable), no dialog, no authentication
//! (a 401 is an answer), no reply to what the peer asks.
//!
//! ```
//! use siptls_probe_engine::sip::{Event, Exchange, Host, Nonce, OptionsRequest, SentBy};
//!
//! let host = Host::parse("sbc.example.test")?;
//! let local = SentBy::from_address("192.0.2.9:40000".parse()?);
//! let request = OptionsRequest::new(&host, 5061, &local, &Nonce::from_bytes([7; 32]));
//! assert!(request.as_bytes().starts_with(b"OPTIONS sip:sbc.example.test:5061;transport=tls SIP/2.0\r\n"));
//!
//! let mut exchange = Exchange::new(&request);
//! let reply = format!(
//!     "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.0.2.9:40000;branch={}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c>\r\n\
//!      Call-ID: {}\r\nCSeq: 1 OPTIONS\r\nServer: lab\r\nContent-Length: 0\r\n\r\n",
//!     request.branch(),
//!     request.call_id(),
//! );
//! let (first, second) = reply.as_bytes().split_at(20);
//! exchange.handle_bytes(first);
//! assert_eq!(exchange.poll_event()?, None); // more bytes needed: not an error
//! exchange.handle_bytes(second);
//! let Some(Event::Answer(answer)) = exchange.poll_event()? else { panic!("an answer") };
//! assert_eq!((answer.status, answer.server.as_deref()), (200, Some("lab")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice
)]

mod fault;
#[doc(hidden)]
pub mod harness;
mod message;
mod options;
mod reader;
#[cfg(test)]
mod tests;
mod text;
mod transaction;

pub use fault::{FaultKind, SipFault};
pub use message::{Header, Message, Note, StartLine};
pub use options::{Host, InvalidHost, NoRandomness, Nonce, OptionsRequest, SentBy};
pub use reader::{BODY_BYTES_MAX, GAP_BYTES_MAX, HEAD_BYTES_MAX, HEADER_LINES_MAX, ResponseReader};
pub use transaction::{
    ALLOW_MAX, Answer, Event, Exchange, MESSAGES_MAX, Mismatch, TEXT_CHARS_MAX, Transaction,
};
