//! Why the lab cannot start.

use std::io;
use std::net::SocketAddr;

/// Why an endpoint of the lab cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The address is one that other machines might reach.
    #[error("expected a loopback address for an endpoint of the lab, found {address}")]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A thread of the lab cannot be started.
    #[error("cannot start a thread of the lab")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
    /// A certificate of the lab cannot be made.
    #[error("cannot make a certificate of the lab")]
    Certificate {
        /// What the certificate library said.
        source: rcgen::Error,
    },
    /// A chain and a key that cannot be served.
    #[error("cannot serve this chain with this key")]
    Credentials {
        /// What is wrong with them.
        source: siptls_tls12::IdentityError,
    },
    /// An RSA key that signs but cannot decrypt.
    #[error("expected an RSA key that can decrypt, found one that cannot")]
    Key,
}
