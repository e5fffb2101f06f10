//! Confined errands: where a visit may go that somebody asks for who is not the operator.

use crate::crl::guard::{is_global_v6, special_v4, special_v6};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use siptls_model::Destinations;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Most addresses that confined errands visit within [`HOUR`]: each has an account, which is kept that long.
const MAX_ADDRESSES: usize = 4_096;

/// The time for which an account is kept.
const HOUR: Duration = Duration::from_secs(3_600);

/// Special IPv6 networks beyond the global ones: each may be allowed by a network within it alone.
const BEYOND_GLOBAL: [Ipv6Net; 7] = [
    v6(0, 0, 96),         // unspecified, loopback, and forms that hold an IPv4 address
    v6(0x64, 0xff9b, 96), // NAT64: holds an IPv4 address
    v6(0x100, 0, 64),     // discard only
    v6(0xfc00, 0, 7),     // unique local
    v6(0xfe80, 0, 10),    // link-local
    v6(0xfec0, 0, 10),    // site-local
    v6(0xff00, 0, 8),     // multicast
];

const fn v6(high: u16, low: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(high, low, 0, 0, 0, 0, 0, 0), prefix)
}

/// Whether an address may be visited. An IPv4 address in IPv6 clothes (`::ffff:127.0.0.1`) is that IPv4 address.
///
/// A special address (loopback, link-local, private, multicast, a form that holds another address …) is allowed by a network
/// that lies within its kind alone: `0.0.0.0/0` means the public Internet, not this machine.
pub(crate) fn allows(destinations: &Destinations, address: SocketAddr) -> bool {
    if !destinations
        .ports
        .iter()
        .any(|range| range.contains(&address.port()))
    {
        return false;
    }
    let ip = address.ip().to_canonical();
    let mut allowing = destinations.allow.iter().filter(|network| network.contains(&ip));
    match ip {
        IpAddr::V4(ip) => match special_v4(ip) {
            None => allowing.next().is_some(),
            Some(special) => allowing.any(|network| lies_within_v4(network, special)),
        },
        IpAddr::V6(ip) => {
            let special =
                special_v6(ip).or_else(|| BEYOND_GLOBAL.iter().find(|net| net.contains(&ip)).copied());
            match special {
                Some(special) => allowing.any(|network| lies_within_v6(network, special)),
                // What is neither global nor known is nobody's.
                None => is_global_v6(ip) && allowing.next().is_some(),
            }
        }
    }
}

fn lies_within_v4(network: &IpNet, special: Ipv4Net) -> bool {
    matches!(network, IpNet::V4(network) if special.contains(network))
}

fn lies_within_v6(network: &IpNet, special: Ipv6Net) -> bool {
    matches!(network, IpNet::V6(network) if special.contains(network))
}

/// The addresses that confined errands visited within the hour.
#[derive(Default)]
pub(crate) struct Visited(Mutex<HashMap<SocketAddr, Instant>>);

impl Visited {
    /// Notes a visit; `false`, and nothing is noted, when there are too many addresses already.
    pub(crate) fn note(&self, address: SocketAddr, now: Instant) -> bool {
        let mut visited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if visited.len() >= MAX_ADDRESSES && !visited.contains_key(&address) {
            visited.retain(|_, last| now.saturating_duration_since(*last) < HOUR);
            if visited.len() >= MAX_ADDRESSES {
                return false;
            }
        }
        visited.insert(address, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(networks: &[&str], address: &str) -> bool {
        let destinations = Destinations {
            allow: networks.iter().map(|network| network.parse().unwrap()).collect(),
            ports: vec![5061..=5061, 6000..=6010],
        };
        super::allows(&destinations, address.parse().unwrap())
    }

    #[test]
    fn networks_and_ports_both_count() {
        assert!(allows(&["10.20.0.0/16"], "10.20.255.1:5061"));
        assert!(allows(&["10.20.0.0/16"], "10.20.255.1:6010"));
        assert!(!allows(&["10.20.0.0/16"], "10.20.255.1:22"));
        assert!(!allows(&["10.20.0.0/16"], "10.20.255.1:6011"));
        assert!(!allows(&["10.20.0.0/16"], "10.21.0.1:5061"));
        assert!(!allows(&[], "1.1.1.1:5061"));
        assert!(allows(&["2606:4700::/32"], "[2606:4700::1111]:5061"));
        assert!(!super::allows(
            &Destinations::default(),
            "1.1.1.1:5061".parse().unwrap()
        ));
    }

    #[test]
    fn an_address_in_other_clothes_is_that_address() {
        assert!(allows(&["10.20.0.0/16"], "[::ffff:10.20.0.1]:5061"));
        assert!(!allows(&["::/0", "0.0.0.0/0"], "[::ffff:127.0.0.1]:5061"));
        assert!(!allows(&["::ffff:0:0/96"], "[::ffff:10.20.0.1]:5061"));
    }

    #[test]
    fn everything_means_the_public_internet() {
        let all = ["0.0.0.0/0", "::/0", "fc00::/6"];
        for address in [
            "0.0.0.0:5061",
            "127.0.0.1:5061",
            "10.0.0.1:5061",
            "169.254.169.254:5061",
            "168.63.129.16:5061",
            "192.168.1.1:5061",
            "224.0.0.1:5061",
            "255.255.255.255:5061",
            "[::]:5061",
            "[::1]:5061",
            "[::7f00:1]:5061",
            "[64:ff9b::7f00:1]:5061",
            "[64:ff9b:1::1]:5061",
            "[100::1]:5061",
            "[2001::1]:5061",
            "[2002:7f00:1::1]:5061",
            "[3fff::1]:5061",
            "[4000::1]:5061",
            "[fd00:ec2::254]:5061",
            "[fe80::1]:5061",
            "[fec0::1]:5061",
            "[ff02::1]:5061",
        ] {
            assert!(!allows(&all, address), "{address}");
        }
        for address in ["1.1.1.1:5061", "[2606:4700::1111]:5061", "168.63.129.17:5061"] {
            assert!(allows(&all, address), "{address}");
        }
    }

    #[test]
    fn what_is_special_is_allowed_when_it_is_named() {
        for (network, address) in [
            ("127.0.0.1/32", "127.0.0.1:5061"),
            ("127.0.0.0/8", "127.1.2.3:5061"),
            ("::1/128", "[::1]:5061"),
            ("10.0.0.0/8", "10.1.2.3:5061"),
            ("169.254.0.0/16", "169.254.1.1:5061"),
            ("fd00::/8", "[fd00::1]:5061"),
            ("fe80::/10", "[fe80::1]:5061"),
        ] {
            assert!(allows(&[network], address), "{network} {address}");
        }
        assert!(!allows(&["127.0.0.1/32"], "127.0.0.2:5061"));
        assert!(
            !allows(&["8.0.0.0/6"], "10.1.2.3:5061"),
            "wider than what is private"
        );
    }

    #[test]
    fn addresses_are_counted_and_forgotten_after_an_hour() {
        let visited = Visited::default();
        let start = Instant::now();
        let address = |number: usize| {
            let ip = std::net::Ipv4Addr::from(u32::try_from(number).unwrap());
            SocketAddr::new(ip.into(), 5061)
        };
        for number in 0..MAX_ADDRESSES {
            assert!(visited.note(address(number), start));
        }
        assert!(!visited.note(address(MAX_ADDRESSES), start));
        assert!(visited.note(address(0), start + HOUR / 2), "a known one");
        assert!(visited.note(address(MAX_ADDRESSES), start + HOUR));
        assert_eq!(visited.0.lock().unwrap().len(), 2);
    }

    /// Who is asked to go straight to an address looks at it again: a name that led elsewhere in the meantime leads nowhere.
    #[tokio::test]
    async fn what_is_dialled_is_what_is_checked() {
        use crate::{Errand, Prober, ProberOptions};
        use siptls_model::{Offer, Phase, Target};
        use std::sync::Arc;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let target = Target::new("a", address.to_string().parse().unwrap(), "");
        let offer = Offer {
            legacy_version: siptls_model::ProtocolVersion::from_name("TLSv1.2").unwrap(),
            cipher_suites: Vec::new(),
            groups: Vec::new(),
            signature_algorithms: Vec::new(),
            versions: Vec::new(),
            extensions: Vec::new(),
        };
        let destinations = |network: &str| {
            Arc::new(Destinations {
                allow: vec![network.parse().unwrap()],
                ports: vec![address.port()..=address.port()],
            })
        };
        let errand = Errand::new(Arc::new(target), Arc::new(offer));
        let prober = Prober::new(ProberOptions::default());
        let elsewhere = errand.clone().confined(destinations("10.0.0.0/8"));
        for seen in [
            prober.visit_address(&elsewhere, address).await,
            prober.survey_address(&elsewhere, address).await,
        ] {
            assert_eq!(seen.connections_opened, 0);
            assert_eq!(seen.error.unwrap().phase, Phase::Connect);
        }
        assert!(prober.visit(&elsewhere).await.is_empty());
        assert!(listener.accept().is_err(), "nobody came");
        let here = errand.confined(destinations("127.0.0.0/8"));
        let visit = prober.visit(&here);
        let came = async {
            loop {
                if let Ok(came) = listener.accept() {
                    return came;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            _ = came => {}
            seen = visit => panic!("{seen:?}"),
        }
    }
}
