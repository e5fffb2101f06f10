//! A TCP port of loopback that no other test of this machine's user takes at the same time.

use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// Below the kernel's default range for outgoing connections, so that no client's own port gets in the way.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A leased port: free when leased, and not leased again, by any test process, until dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lease: File,
}

impl Port {
    /// Leases a free port, at random.
    ///
    /// # Panics
    ///
    /// When the folder of leases cannot be written, or none of a thousand ports is free.
    pub fn lease() -> Self {
        let folder = crate::pki::shared_folder().join("ports");
        fs::create_dir_all(&folder).expect("make the folder of port leases");
        let span = u64::from(RANGE.end - RANGE.start);
        for attempt in 0..1_000_u32 {
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u32(attempt);
            let offset = u16::try_from(hasher.finish() % span).expect("the span fits a port");
            let number = RANGE.start + offset;
            let lease = File::create(folder.join(number.to_string())).expect("open a port lease");
            match lease.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => panic!("cannot lock a port lease: {error}"),
            }
            // The wildcard address too: some servers bind nothing else.
            if TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_ok() {
                return Self {
                    number,
                    _lease: lease,
                };
            }
        }
        panic!("expected a free port in {RANGE:?}, found none in 1,000 attempts");
    }

    /// The port number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The port on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}

/// Whether a socket listens on this TCP port, at one address or any, in the network that a process lives in. Read from the
/// kernel's table: no connection is spent on asking.
pub(crate) fn listens(process: u32, host: Option<IpAddr>, port: u16) -> bool {
    // Still outside of the namespace that it was sent into, whose table says something else.
    if fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim_end() == "nsenter") {
        return false;
    }
    let host = host.map(in_table);
    ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/{process}/net/{table}")).ok())
        .any(|table| {
            table.lines().skip(1).any(|line| {
                let mut fields = line.split_whitespace().skip(1);
                let local = fields.next().and_then(|address| address.rsplit_once(':'));
                let state = fields.nth(1);
                state == Some("0A")
                    && local.is_some_and(|(address, number)| {
                        u16::from_str_radix(number, 16) == Ok(port)
                            && host.as_ref().is_none_or(|host| host == address)
                    })
            })
        })
}

/// An address as the kernel's table has it: words of the machine's byte order, in hexadecimal.
fn in_table(host: IpAddr) -> String {
    let octets = match host {
        IpAddr::V4(host) => host.octets().to_vec(),
        IpAddr::V6(host) => host.octets().to_vec(),
    };
    octets
        .chunks_exact(4)
        .map(|word| {
            let word: [u8; 4] = word.try_into().expect("a chunk of four");
            format!("{:08X}", u32::from_ne_bytes(word))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn a_leased_port_is_free_and_leased_once() {
        let ports: Vec<Port> = (0..50).map(|_| Port::lease()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ports.len());
        let (own, port) = (std::process::id(), ports[0].number());
        assert!(!listens(own, None, port));
        let _listener = TcpListener::bind(ports[0].address()).expect("bind the leased port");
        assert!(listens(own, None, port));
        assert!(listens(own, Some(Ipv4Addr::LOCALHOST.into()), port));
        assert!(!listens(own, Some(Ipv4Addr::new(127, 0, 0, 2).into()), port));
        let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("bind IPv6");
        let port = six.local_addr().expect("an address").port();
        assert!(listens(own, Some(Ipv6Addr::LOCALHOST.into()), port));
    }
}
