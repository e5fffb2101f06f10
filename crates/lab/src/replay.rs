//! Servers that play back one recorded flight: peers for benchmarks, as cheap as can be.

use crate::{LabError, Server, ServerConfig};
use siptls_wire::{Offer, ProtocolVersion, write_handshake};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Most listeners of one replay: the last part of their addresses is one byte.
const MAX_LISTENERS: u8 = 200;

/// Listeners on 127.0.0.1, 127.0.0.2 and so on, each on a free port, served by one thread of their
/// own. To each connection they answer the recorded bytes as soon as anything arrives, wait for
/// one more sign of the client (its closing alert, or its end) and close.
///
/// Several addresses, because a client that dials one alone runs out of its own ports. The servers
/// close first where they can, so that the ports in TIME_WAIT are theirs.
#[derive(Debug)]
pub struct Replay {
    addresses: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Replay {
    /// Starts `listeners` listeners (at least one, at most 200) that answer `flight`.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on or the thread cannot be started.
    pub fn start(listeners: u8, flight: Vec<u8>) -> Result<Self, LabError> {
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for last in 1..=listeners.clamp(1, MAX_LISTENERS) {
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0);
            let bind = |source| LabError::Bind { address, source };
            let socket = std::net::TcpListener::bind(address).map_err(bind)?;
            socket.set_nonblocking(true).map_err(bind)?;
            addresses.push(socket.local_addr().map_err(bind)?);
            sockets.push(socket);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(|source| LabError::Thread { source })?;
        let (stop, stopped) = oneshot::channel();
        let flight: Arc<[u8]> = flight.into();
        let thread = std::thread::Builder::new()
            .name("replay".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    for socket in sockets {
                        // Registering fails only without a runtime.
                        if let Ok(listener) = TcpListener::from_std(socket) {
                            tokio::spawn(accept(listener, Arc::clone(&flight)));
                        }
                    }
                    // Told, or the sender is gone: either way it is over.
                    let _ = stopped.await;
                });
            });
        let thread = thread.map_err(|source| LabError::Thread { source })?;
        Ok(Self {
            addresses,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread was already printed.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, flight: Arc<[u8]>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&flight)));
        } else {
            tokio::task::yield_now().await;
        }
    }
}

async fn answer(mut stream: TcpStream, flight: Arc<[u8]>) {
    let mut buffer = [0; 1024];
    if matches!(stream.read(&mut buffer).await, Ok(count) if count > 0)
        && stream.write_all(&flight).await.is_ok()
    {
        // Whatever comes is the end.
        let _ = stream.read(&mut buffer).await;
    }
}

/// What a server answers to a ClientHello: its flight, or an alert. The same bytes serve every
/// client that makes the same offer and does not verify the key exchange, whose signature covers
/// the client's random.
#[must_use]
pub fn recorded_flight(config: Arc<ServerConfig>, offer: &Offer, server_name: Option<&str>) -> Vec<u8> {
    let mut hello = Vec::new();
    let message = offer.client_hello(siptls_tls12::random(), server_name).encode();
    write_handshake(&mut hello, ProtocolVersion::TLS_1_0, &message);
    let mut server = Server::new(config);
    server.handle_input(&hello);
    server.take_output()
}
