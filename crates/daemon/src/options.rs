//! What the daemon is told, and why it cannot run.

use crate::shard::Shard;
use crate::supervisor::Supervisor;
use crate::web::WebError;
use siptls_config::{Faults, Plan, WebConfig};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

/// Where the daemon listens unless told otherwise: loopback, 5061 + 5000.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:10061";

/// Reads the configuration; called at start and on every reload, off the runtime's threads.
pub type Load = Box<dyn Fn() -> Result<Plan, Faults> + Send + Sync>;

/// Reads the web configuration; called at start, on every reload and when its files changed, off the runtime's threads.
pub type LoadWeb = Box<dyn Fn() -> Result<WebConfig, Faults> + Send + Sync>;

/// Called once with the addresses bound.
pub type OnListening = Box<dyn FnOnce(&[SocketAddr]) + Send>;

/// What the daemon is told on the command line.
pub struct Options {
    /// Addresses to listen on: `host:port`, `[v6]:port`, or `:port` for all addresses. Port 0 takes a free one.
    pub listen: Vec<String>,
    /// URL under which a reverse proxy serves the daemon, such as `https://example.test/siptls/`. Its path is accepted
    /// in front of every path, besides the bare ones; links are relative in any case.
    pub external_url: Option<String>,
    /// Most visits at once. Further ones wait, which shows as lag.
    pub concurrency: usize,
    /// Most `/probe` requests at once, half of them from one address; further ones are answered 503.
    pub probes: usize,
    /// Reads the web configuration; `None`: plain HTTP, and nobody is asked for a password.
    pub web: Option<LoadWeb>,
    /// Most HTTP connections at once, half of them from one address. For a further one the connection that waits for its
    /// peer longest is closed; when all are busy, the further one is.
    pub connections: usize,
    /// How long one HTTP connection may live; an answer under way then has a minute more. Bounds readers that take a
    /// byte now and then.
    pub connection_age: Duration,
    /// Folder in which revocation lists are kept when the configuration names none; `None`: in memory alone.
    pub crl_cache: Option<PathBuf>,
    /// Which part of the targets is watched; `None`: all of them.
    pub shard: Option<Shard>,
    /// The service manager to keep informed.
    pub supervisor: Option<Supervisor>,
    /// The program's version, for `siptls_build_info` and the status page.
    pub version: String,
    /// Called once with the addresses bound, before the configuration is loaded.
    pub on_listening: Option<OnListening>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: vec![DEFAULT_LISTEN.to_owned()],
            external_url: None,
            concurrency: 1_000,
            probes: 32,
            web: None,
            connections: 256,
            connection_age: Duration::from_secs(300),
            crl_cache: None,
            shard: None,
            supervisor: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            on_listening: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("external_url", &self.external_url)
            .field("concurrency", &self.concurrency)
            .field("probes", &self.probes)
            .field("web", &self.web.is_some())
            .field("connections", &self.connections)
            .field("connection_age", &self.connection_age)
            .field("crl_cache", &self.crl_cache)
            .field("shard", &self.shard)
            .field("supervisor", &self.supervisor)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// An address to listen on is no address.
    #[error("expected an address to listen on such as `{DEFAULT_LISTEN}`, found `{found}`")]
    ListenAddress {
        /// What was given.
        found: String,
        /// Why it is none; `None` when it names no host and port.
        source: Option<io::Error>,
    },
    /// An address cannot be listened on: usually taken by another program.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The external URL is none.
    #[error("expected an external URL such as `https://example.test/siptls/`, found `{found}`")]
    ExternalUrl {
        /// What was given.
        found: String,
    },
    /// The configuration has faults.
    #[error("the configuration cannot be used")]
    Configuration {
        /// All of them.
        source: Faults,
    },
    /// The web configuration cannot be used.
    #[error("the web configuration cannot be used")]
    Web {
        /// Why.
        source: WebError,
    },
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// The function that loads the configuration panicked.
    #[error("loading the configuration ended abnormally")]
    LoadPanicked,
    /// Signals cannot be received.
    #[error("cannot receive signals")]
    Signals {
        /// What the system says.
        source: io::Error,
    },
    /// The daemon's own metrics cannot be set up.
    #[error("the daemon's own metrics cannot be set up")]
    Metrics {
        /// Which, and why.
        source: siptls_metrics::OwnError,
    },
}
