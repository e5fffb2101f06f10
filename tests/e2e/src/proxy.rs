//! A TCP relay that counts connections and keeps their bytes.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::wait::{DEADLINE, until};

/// Who sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The client, who connected.
    FromClient,
    /// The server.
    FromServer,
}

/// The bytes of one connection, in the order in which they passed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// Pieces as they were read; their borders mean nothing.
    pub pieces: Vec<(Direction, Vec<u8>)>,
    /// Who ended its side first; none while both are open.
    pub first_to_close: Option<Direction>,
    /// Both sides ended.
    pub closed: bool,
}

impl Recording {
    /// All bytes of one direction.
    pub fn bytes(&self, direction: Direction) -> Vec<u8> {
        self.pieces
            .iter()
            .filter(|(from, _)| *from == direction)
            .flat_map(|(_, bytes)| bytes.clone())
            .collect()
    }
}

/// A relay on 127.0.0.1 in front of one server. It passes ends of stream on; a reset arrives as an end of stream.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<SocketAddr>,
    stopping: AtomicBool,
    open: AtomicUsize,
    most_open: AtomicUsize,
    most_established: AtomicUsize,
    recordings: Mutex<Vec<Recording>>,
    sockets: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Starts relaying to `upstream`.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a port for the relay");
        let address = listener.local_addr().expect("the relay has an address");
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            stopping: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            most_established: AtomicUsize::new(0),
            recordings: Mutex::default(),
            sockets: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.stopping.load(Ordering::SeqCst) {
                    return;
                }
                // The kernel has seen the end of one connection before it sees the begin of the client's next. Its table is
                // no snapshot: one that ends and one that begins during a reading are both in it, hence two readings.
                let now = established(address.port()).min(established(address.port()));
                accepting.most_established.fetch_max(now, Ordering::SeqCst);
                accepting.relay(client);
            }
        });
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Relays further connections to another server: from outside, the server was restarted with another configuration.
    pub fn redirect(&self, upstream: SocketAddr) {
        *lock(&self.shared.upstream) = upstream;
    }

    /// TCP connections accepted so far.
    pub fn connections(&self) -> usize {
        lock(&self.shared.recordings).len()
    }

    /// The most connections that clients held open when another one began, as the kernel knows it, that one counted in.
    ///
    /// Unlike [`Proxy::most_open`] this does not count one that the client closed and the server did not yet.
    pub fn most_established(&self) -> usize {
        self.shared.most_established.load(Ordering::SeqCst)
    }

    /// The most connections that were open at the same time.
    pub fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// What passed so far, one for each connection, in the order of their beginning.
    pub fn recordings(&self) -> Vec<Recording> {
        lock(&self.shared.recordings).clone()
    }

    /// Waits until `count` connections ended and gives their recordings.
    ///
    /// # Panics
    ///
    /// When the deadline passes.
    pub fn await_closed(&self, count: usize) -> Vec<Recording> {
        until(&format!("{count} connections to end"), DEADLINE, || {
            let recordings = self.recordings();
            (recordings.iter().filter(|recording| recording.closed).count() >= count).then_some(recordings)
        })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for socket in lock(&self.shared.sockets).drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        // Wakes the acceptor; should the connection fail, it already ended.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn relay(self: &Arc<Self>, client: TcpStream) {
        let index = {
            let mut recordings = lock(&self.recordings);
            recordings.push(Recording::default());
            recordings.len() - 1
        };
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_open.fetch_max(open, Ordering::SeqCst);
        let upstream = *lock(&self.upstream);
        let Ok(server) = TcpStream::connect(upstream) else {
            self.ended(index, Direction::FromServer);
            self.ended(index, Direction::FromClient);
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        for (direction, from, to) in [
            (Direction::FromClient, &client, &server),
            (Direction::FromServer, &server, &client),
        ] {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
                return;
            };
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pump(index, direction, from, to));
        }
        lock(&self.sockets).extend([client, server]);
    }

    fn pump(&self, index: usize, direction: Direction, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            // Recorded before it is passed on, so that an answer never stands before its question.
            lock(&self.recordings)[index]
                .pieces
                .push((direction, buffer[..read].to_vec()));
            if to.write_all(&buffer[..read]).is_err() {
                let _ = from.shutdown(Shutdown::Both);
                break;
            }
        }
        self.ended(index, direction);
        let _ = to.shutdown(Shutdown::Write);
    }

    fn ended(&self, index: usize, direction: Direction) {
        let mut recordings = lock(&self.recordings);
        let recording = &mut recordings[index];
        match recording.first_to_close {
            None => recording.first_to_close = Some(direction),
            Some(first) if first != direction => {
                recording.closed = true;
                self.open.fetch_sub(1, Ordering::SeqCst);
            }
            Some(_) => {}
        }
    }
}

/// Connections to this port of 127.0.0.1 that neither side has ended.
fn established(port: u16) -> usize {
    let local = format!("0100007F:{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp").expect("read the kernel's table of connections");
    let is_one = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&local) && fields.nth(1) == Some("01")
    };
    table.lines().filter(is_one).count()
}

/// A panic elsewhere must not hide behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responder::Responder;

    #[test]
    fn counts_records_and_says_who_closed_first() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let proxy = Proxy::to(server.local_addr().expect("an address"));
        let client = thread::spawn({
            let address = proxy.address();
            move || {
                let mut client = TcpStream::connect(address).expect("connect");
                client.write_all(b"question").expect("ask");
                let mut answer = [0; 6];
                client.read_exact(&mut answer).expect("read");
                client.shutdown(Shutdown::Write).expect("close");
                assert_eq!(client.read(&mut [0]).expect("read the end"), 0);
                answer
            }
        });
        let (mut stream, _) = server.accept().expect("accept");
        let mut question = [0; 8];
        stream.read_exact(&mut question).expect("read");
        stream.write_all(b"answer").expect("answer");
        assert_eq!(stream.read(&mut [0]).expect("read the end"), 0);
        drop(stream);
        assert_eq!(&client.join().expect("join"), b"answer");
        let recordings = proxy.await_closed(1);
        assert_eq!((proxy.connections(), proxy.most_open()), (1, 1));
        assert_eq!(proxy.most_established(), 1);
        assert_eq!(recordings[0].bytes(Direction::FromClient), b"question");
        assert_eq!(recordings[0].bytes(Direction::FromServer), b"answer");
        assert_eq!(recordings[0].first_to_close, Some(Direction::FromClient));
    }

    #[test]
    fn knows_who_still_holds_a_connection() {
        let server = Responder::silent();
        let proxy = Proxy::to(server.address());
        let connect = || TcpStream::connect(proxy.address()).expect("connect");
        drop(connect());
        let _first = connect();
        until("two connections", DEADLINE, || {
            (proxy.connections() == 2).then_some(())
        });
        assert_eq!(proxy.most_established(), 1);
        let _second = connect();
        until("three connections", DEADLINE, || {
            (proxy.connections() == 3).then_some(())
        });
        assert_eq!(proxy.most_established(), 2);
    }

    #[test]
    fn a_dead_server_is_a_closed_connection() {
        let port = crate::port::Port::lease();
        let proxy = Proxy::to(port.address());
        let mut client = TcpStream::connect(proxy.address()).expect("connect");
        assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
        assert_eq!(proxy.await_closed(1).len(), 1);
    }
}
