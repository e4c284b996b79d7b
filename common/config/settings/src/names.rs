//! Servers that have names: the settings of fosse-resolve, and what connect knows of them.

use serde::{Deserialize, Serialize};

use crate::Net;

/// fosse-resolve
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolve {
    /// Name servers with their ports, IPv4 mapped into IPv6; without one, those of
    /// /etc/resolv.conf are asked.
    pub name_servers: Vec<([u8; 16], u16)>,
    /// The names, each once for all who want the same of it.
    pub names: Vec<FollowedName>,
}

/// A name that is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedName {
    /// In lower case, without a dot at its end.
    pub name: String,
    /// The addresses that are asked for.
    pub address_family: AddressFamily,
    /// Networks in which its addresses may lie, as [`permits`] has it.
    pub networks: Vec<Net>,
    /// The numbers of its addresses in the page, one for each that it may have at a time.
    pub numbers: Vec<u64>,
}

/// The kinds of addresses that a name is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressFamily {
    /// Both.
    #[default]
    Any,
    /// A alone.
    Ipv4,
    /// AAAA alone.
    Ipv6,
}

/// One address of a name, as connect reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedServer {
    /// Its number in the page of addresses.
    pub number: u64,
    /// The port.
    pub port: u16,
    /// Networks in which the address may lie, as [`permits`] has it.
    pub networks: Vec<Net>,
}

/// Networks that no name leads to unless it is said: this machine, its links, groups of machines,
/// and the addresses at which clouds tell a machine its secrets.
const NEVER_BY_NAME: &[([u8; 16], u8)] = &[
    // Unspecified and loopback of IPv6, and IPv4 in an obsolete form: all of ::/96.
    ([0; 16], 96),
    // "This network" (RFC 1122, section 3.2.1.3).
    (v4([0, 0, 0, 0]), 96 + 8),
    (v4([127, 0, 0, 0]), 96 + 8),
    // Link-local; 169.254.169.254 is the metadata service of most clouds.
    (v4([169, 254, 0, 0]), 96 + 16),
    (v4([100, 100, 100, 200]), 128),
    (v4([192, 0, 0, 192]), 128),
    // Multicast, reserved and broadcast.
    (v4([224, 0, 0, 0]), 96 + 3),
    ([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8),
    // fd00:ec2::254, metadata over IPv6.
    ([0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54], 128),
];

/// Returns an IPv4 address mapped into IPv6.
const fn v4([a, b, c, d]: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

/// Returns whether a name may have that address: one in these networks, or, without any, one that
/// is not of this machine alone, its links or a group. Whoever first for a name must not choose
/// what else can be reached with the rights of this machine.
#[must_use]
pub fn permits(networks: &[Net], address: &[u8; 16]) -> bool {
    if networks.is_empty() {
        return !NEVER_BY_NAME.iter().any(|(addr, prefix)| Net { addr: *addr, prefix: *prefix }.contains(address));
    }
    networks.iter().any(|network| network.contains(address))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn address(text: &str) -> [u8; 16] {
        match text.parse().unwrap() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        }
    }

    #[test]
    fn a_name_leads_to_other_machines_unless_its_networks_say_where_to() {
        let wrong = [
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
        ];
        for text in wrong {
            assert!(!permits(&[], &address(text)), "{text}");
        }
        for text in ["10.0.0.1", "192.168.1.1", "172.17.0.2", "203.0.113.9", "2001:db8::1", "fd00::1", "100.64.0.1"] {
            assert!(permits(&[], &address(text)), "{text}");
        }
        let loopback = [Net { addr: address("127.0.0.0"), prefix: 104 }];
        assert!(permits(&loopback, &address("127.0.0.2")) && !permits(&loopback, &address("10.0.0.1")));
    }
}
