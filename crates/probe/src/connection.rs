//! One TCP connection and the TLS client on it.

use crate::account::Account;
use crate::errand::Errand;
use crate::turns::Turn;
use siptls_tls12::{Client, Event};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// What waiting for the peer came to.
#[derive(Debug)]
pub(crate) enum Wait {
    /// Something happened.
    Event(Event),
    /// The time to wait was over.
    Timeout,
}

/// An open connection.
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) client: Client,
    buffer: Box<[u8]>,
    /// Writing failed: what the peer said before is still worth reading.
    deaf: bool,
}

impl Connection {
    /// Connects to the address of a turn: the one way out, where every attempt is counted, and where a confined errand is
    /// held against its destinations by the very address that is dialled.
    pub(crate) async fn open(turn: &Turn<SocketAddr>, errand: &Errand) -> io::Result<TcpStream> {
        if !errand.allows(turn.key()) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the address is not among the allowed destinations",
            ));
        }
        turn.with_account(if errand.is_asked {
            Account::connect_asked
        } else {
            Account::connect
        });
        let stream = TcpStream::connect(turn.key()).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    pub(crate) fn new(stream: TcpStream, client: Client) -> Self {
        Self {
            stream,
            client,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            deaf: false,
        }
    }

    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }

    /// Sends what is to be sent and waits for the next event: until `deadline`, and no longer than
    /// `idle` without a byte from the peer.
    pub(crate) async fn wait(&mut self, deadline: Instant, idle: Duration) -> Wait {
        loop {
            self.flush(deadline).await;
            if let Some(event) = self.client.poll_event() {
                return Wait::Event(event);
            }
            let until = deadline.min(Instant::now() + idle);
            match timeout_at(until, self.stream.read(&mut self.buffer)).await {
                Err(_) => return Wait::Timeout,
                Ok(Ok(0)) => self.client.handle_end(false),
                Ok(Ok(count)) => self.client.handle_input(&self.buffer[..count]),
                Ok(Err(_)) => self.client.handle_end(true),
            }
        }
    }

    async fn flush(&mut self, deadline: Instant) {
        let output = self.client.take_output();
        if output.is_empty() || self.deaf {
            return;
        }
        // A peer that reset or does not read is told apart by what reading says next.
        self.deaf = !matches!(
            timeout_at(deadline, self.stream.write_all(&output)).await,
            Ok(Ok(()))
        );
    }

    /// Says goodbye, and lets the peer close first for a moment: then the port number lingers on
    /// its side, and its log shows an orderly end.
    pub(crate) async fn close(mut self, grace: Duration) {
        self.client.close();
        let until = Instant::now() + grace;
        self.flush(until).await;
        if self.deaf {
            return;
        }
        loop {
            match timeout_at(until, self.stream.read(&mut self.buffer)).await {
                Ok(Ok(count)) if count > 0 => {}
                _ => break,
            }
        }
    }
}
