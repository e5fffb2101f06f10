//! Which addresses a revocation list may be fetched from: its URL was written by whoever made the certificate.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(high: u16, low: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(high, low, 0, 0, 0, 0, 0, 0), prefix)
}

/// IPv4 networks that are not the public Internet: IANA's registry of special-purpose addresses (RFC 6890), and one
/// public address that a cloud answers itself.
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),        // this network
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // carriers' NAT
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // Azure's WireServer: metadata and configuration of the virtual machine
    v4(169, 254, 0, 0, 16),   // link-local, with the metadata services of clouds
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 88, 99, 0, 24),   // 6to4 relays
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, broadcast
];

/// All that is global unicast in IPv6. Loopback, link-local, unique-local, multicast, NAT64 and the forms that hold an
/// IPv4 address lie outside.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// Networks within [`GLOBAL_V6`] that are not the public Internet.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),     // protocol assignments, with Teredo
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16),     // 6to4: holds an IPv4 address
    v6(0x3fff, 0, 20),     // documentation
];

/// How an address may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Public: port 80 alone.
    Public,
    /// In a network that the operator allows: any port.
    Allowed,
    /// Not at all.
    Refused,
}

/// How an address may be used, given the networks that the operator allows. An IPv4 address in IPv6 clothes
/// (`::ffff:127.0.0.1`) is that IPv4 address.
pub(crate) fn access(address: IpAddr, allow: &[IpNet]) -> Access {
    let address = address.to_canonical();
    if allow.iter().any(|network| network.contains(&address)) {
        return Access::Allowed;
    }
    let is_public = match address {
        IpAddr::V4(ip) => special_v4(ip).is_none(),
        IpAddr::V6(ip) => is_global_v6(ip) && special_v6(ip).is_none(),
    };
    if is_public {
        Access::Public
    } else {
        Access::Refused
    }
}

/// The network in which an IPv4 address is special; `None`: it is public.
pub(crate) fn special_v4(ip: Ipv4Addr) -> Option<Ipv4Net> {
    SPECIAL_V4.iter().find(|network| network.contains(&ip)).copied()
}

/// The network within the global ones in which an IPv6 address is special.
pub(crate) fn special_v6(ip: Ipv6Addr) -> Option<Ipv6Net> {
    SPECIAL_V6.iter().find(|network| network.contains(&ip)).copied()
}

/// Whether an IPv6 address lies in the global networks.
pub(crate) fn is_global_v6(ip: Ipv6Addr) -> bool {
    GLOBAL_V6.contains(&ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str, allow: &[&str]) -> Access {
        let allow: Vec<IpNet> = allow.iter().map(|network| network.parse().unwrap()).collect();
        access(address.parse().unwrap(), &allow)
    }

    #[test]
    fn only_the_public_internet_is_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert_eq!(of(address, &[]), Access::Refused, "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert_eq!(of(address, &[]), Access::Public, "{address}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_allowed_and_nothing_beside_it() {
        assert_eq!(of("10.20.255.1", &["10.20.0.0/16"]), Access::Allowed);
        assert_eq!(of("::ffff:10.20.0.1", &["10.20.0.0/16"]), Access::Allowed);
        assert_eq!(of("10.21.0.1", &["10.20.0.0/16"]), Access::Refused);
        assert_eq!(of("127.0.0.1", &["127.0.0.1/32"]), Access::Allowed);
        assert_eq!(of("::1", &["127.0.0.0/8"]), Access::Refused);
        assert_eq!(of("1.1.1.1", &["1.0.0.0/8"]), Access::Allowed);
    }
}
