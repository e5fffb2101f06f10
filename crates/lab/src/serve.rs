//! Listening sockets on loopback addresses, one behaviour each.

use crate::hostile::{Hostile, Scene};
use crate::{Ending, LabError, ServerConfig, drive, sip};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// Any free port of the first loopback address.
pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Most connections open at one endpoint; the next one waits in the kernel's queue.
const MAX_CONNECTIONS: usize = 512;
/// Longest life of a connection: a client that never closes does not keep it for ever.
const MAX_LIFE: Duration = Duration::from_secs(120);
/// Longest wait for the client's FIN after ours, so that what was sent last is not lost in a reset.
const MAX_LINGER: Duration = Duration::from_secs(2);

/// What an endpoint does.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// A TLS 1.2 server that speaks SIP.
    Tls(Arc<ServerConfig>),
    /// SIP without TLS.
    PlainSip,
    /// HTTP without TLS.
    PlainHttp,
    /// Accepts the connection and never says a word.
    Silent,
    /// A script meant to do harm.
    Hostile(Hostile, Arc<Scene>),
}

/// A listening endpoint; it ends, with its connections, when it is dropped.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

/// One open connection, counted while it lives.
struct Counted(Arc<Counts>);

impl Counted {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        let open = counts.open.fetch_add(1, Ordering::Relaxed) + 1;
        counts.most_open.fetch_max(open, Ordering::Relaxed);
        Self(Arc::clone(counts))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Served {
    /// Listens on a loopback address; port 0 takes any free one. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// An address that is not loopback, or cannot be listened on.
    pub async fn start(address: SocketAddr, behaviour: Behaviour) -> Result<Self, LabError> {
        if !address.ip().is_loopback() {
            return Err(LabError::NotLoopback { address });
        }
        let bind = |source| LabError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(accept(listener, behaviour, Arc::clone(&counts)));
        Ok(Self {
            address,
            counts,
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// The most connections it had open at one time.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.counts.most_open.load(Ordering::Relaxed)
    }

    /// Ends it and waits until its port is free.
    pub async fn shutdown(mut self) {
        self.task.abort();
        // A cancelled task is what was asked for.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, behaviour: Behaviour, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        // Out of descriptors: the connection waits in the kernel's queue for its next chance.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let counted = Counted::new(&counts);
        let behaviour = behaviour.clone();
        connections.spawn(async move {
            let _counted = counted;
            // Whatever ends a connection early is the client's doing, and the test's to notice.
            let _ = timeout(MAX_LIFE, connection(stream, &behaviour)).await;
        });
    }
}

async fn connection(mut stream: TcpStream, behaviour: &Behaviour) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let ending = match behaviour {
        Behaviour::Tls(config) => drive::converse(&mut stream, config).await?,
        Behaviour::PlainSip => answer_once(&mut stream, &sip::bad_request()).await?,
        Behaviour::PlainHttp => answer_once(&mut stream, &sip::http()).await?,
        Behaviour::Silent => answer_once(&mut stream, &[]).await?,
        Behaviour::Hostile(hostile, scene) => hostile.perform(scene, &mut stream).await?,
    };
    match ending {
        Ending::Reset => stream.set_zero_linger(),
        Ending::Close => {
            stream.shutdown().await?;
            let _ = timeout(MAX_LINGER, drain(&mut stream)).await;
            Ok(())
        }
    }
}

/// Sends `answer` once something was read. Silence, for want of an answer, lasts until the client
/// leaves.
async fn answer_once(stream: &mut TcpStream, answer: &[u8]) -> io::Result<Ending> {
    let mut buffer = [0; 4096];
    if answer.is_empty() {
        drain(stream).await?;
    } else if stream.read(&mut buffer).await? > 0 {
        stream.write_all(answer).await?;
    }
    Ok(Ending::Close)
}

async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
