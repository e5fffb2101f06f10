//! Loopback SIP TLS endpoints: good, faulty and hostile.
//!
//! ```text
//!  Pki ──► Credentials ──► ServerConfig ──► Server (sans-I/O TLS 1.2) ─┐
//!                                  Dialogue (SIP answers) ────────────┤
//!  Hostile scripts ───────────────────────────────────────────────────┼─► Served: a loopback socket
//!  Demonstration::ALL ─────────────────────────► Lab: all of them ────┘
//!  recorded_flight ──► Replay: the same bytes to everybody
//! ```
//!
//! Modern TLS libraries refuse to play the endpoints that a probe has to know: static RSA with CBC,
//! one curve alone, an empty client certificate refused in every way there is, a Finished that
//! lies. [`Server`] plays them on the parts of the probing client. It finishes every suite of
//! [`Suite::ALL`](siptls_tls12::Suite::ALL) that its key fits.
//!
//! What this crate refuses to do: listen on an address that is not loopback, protect anything
//! worth protecting, judge clients. Keys and certificates are made at start and live in memory.
//!
//! ```
//! use siptls_lab::Lab;
//! use siptls_model::clock;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), siptls_lab::LabError> {
//! let lab = Lab::start(clock::now()).await?;
//! assert!(lab.root_pem.starts_with("-----BEGIN CERTIFICATE-----"));
//! for endpoint in &lab.endpoints {
//!     assert!(endpoint.address.ip().is_loopback(), "{}", endpoint.name);
//! }
//! lab.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod choice;
mod config;
mod credentials;
mod drive;
mod endpoints;
mod error;
mod hostile;
mod pki;
mod replay;
mod serve;
mod server;
mod sip;

pub use config::{
    ClientCertificates, Cut, Delivery, Ending, Extent, Flood, Order, Refusal, ServerConfig, Twist,
};
pub use credentials::Credentials;
pub use drive::converse;
pub use endpoints::{Demonstration, Lab, Running};
pub use error::LabError;
pub use hostile::{Hostile, Scene};
pub use pki::{Chain, OTHER_NAME, Pki, ROOT_NAME, SERVER_NAME};
pub use replay::{Replay, recorded_flight};
pub use serve::{ANY_PORT, Behaviour, Served};
pub use server::{Server, ServerEvent};
pub use sip::Sip;
