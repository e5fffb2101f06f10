//! Rigs for end-to-end tests: real peers on free loopback ports, real Prometheus, the real binary, independent oracles.
//!
//! A rig starts in its own temporary folder, is ready when its constructor returns, and is ended by process id when
//! it is dropped, also by a panic; then its log is printed and its folder kept. A program that is missing or does not start
//! fails the test with a hint: nothing is ever skipped. Traffic stays on loopback and nothing needs a privilege but a
//! [`Namespace`], which needs root or a kernel that lets users make namespaces.
//!
//! ```text
//!  Pki ──► OpensslServer GnutlsServer NssServer Kamailio Haproxy Stunnel ◄── Proxy ◄── Client (openssl s_client)
//!          (a Peer each)                                                      │        Visit (the prober, a library)
//!                                                                             │        Binary (siptls-probe)
//!                                                       Tshark ◄── Recording ─┘          │
//!                                              Webhook ◄── Alertmanager ◄── Prometheus ◄─┘ /metrics
//! ```
//!
//! ```no_run
//! use siptls_e2e::{Client, ClientAuth, OpensslServer, Peer, Pki, Role};
//!
//! let pki = Pki::shared();
//! let server = OpensslServer::new(pki.identity(Role::Good))
//!     .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
//!     .groups("P-384")
//!     .client_auth(ClientAuth::Required)
//!     .start();
//! let answer = Client::to(server.address()).identity(pki.identity(Role::ClientBothEkus)).ask();
//! assert_eq!(answer.group.as_deref(), Some("secp384r1"));
//! ```

mod alertmanager;
mod binary;
mod client;
mod gnutls;
mod haproxy;
mod http;
mod kamailio;
mod lists;
mod mint;
mod namespace;
mod nss;
mod openssl;
mod peer;
mod pki;
mod port;
mod process;
mod prometheus;
mod proxy;
mod responder;
mod sslscan;
mod stunnel;
mod tshark;
mod visit;
mod wait;

pub use alertmanager::{Alertmanager, Notified, Webhook};
pub use binary::Binary;
pub use client::{Answer, Client};
pub use gnutls::GnutlsServer;
pub use haproxy::Haproxy;
pub use http::{HttpResponse, http_get, http_post};
pub use kamailio::Kamailio;
pub use lists::{INTERMEDIATE_LIST, LEAF_LIST, ListRecipe, ListServer, ListedPki, Serve, Signer};
pub use mint::{CertificateRecipe, Mint};
pub use namespace::Namespace;
pub use nss::NssServer;
pub use openssl::{OpensslRig, OpensslServer};
pub use peer::{ClientAuth, Peer, sip_options};
pub use pki::{Identity, Issuer, Key, Leaf, Pki, Role};
pub use port::Port;
pub use process::{Finished, Running, complete, finish};
pub use prometheus::{Prometheus, check_metrics};
pub use proxy::{Direction, Proxy, Recording};
pub use responder::Responder;
pub use sslscan::Sslscan;
pub use stunnel::Stunnel;
pub use tshark::Tshark;
pub use visit::Visit;
pub use wait::{DEADLINE, until};
