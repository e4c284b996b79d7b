//! The source of a connection or a request: the unit in which programs share what they have among
//! clients, and in which they punish.
//!
//! Whoever reads first decides the address: accept has the peer of a socket, parse the client that
//! a trusted proxy names in a PROXY header, X-Forwarded-For or Forwarded, and every later program
//! has that client in the head of the request. So all of them count the same client as the same
//! source.

#![forbid(unsafe_code)]

mod budget;
pub mod relief;

pub use budget::Budget;

use std::{fmt, net::Ipv6Addr};

/// One IPv4 address or one IPv6 /64, because a /64 is what a single customer is given at least (RFC
/// 6177) and it holds more addresses than a table can. Peers of unix sockets have no address: all
/// of them are [`Source::LOCAL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(u128);

/// Addresses that share a limit: those of a source, or of a larger IPv6 network of one customer:
/// many providers give a /56, and RFC 6177 allows a /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    prefix: u128,
    bits: u8,
}

/// Lengths of the prefixes of an IPv6 source and of the networks that it is in, in bits, and how
/// many times a source's share each may have: a household uses a few of the /64s that it is given,
/// an office a few more.
const IPV6_SHARES: [(u8, u32); 3] = [(64, 1), (56, 4), (48, 16)];
/// The same of an IPv4 source, which is in nothing larger.
const IPV4_SHARES: [(u8, u32); 1] = [(128, 1)];

/// `::ffff:0:0/96`, shifted down to its upper 96 bits.
const MAPPED: u128 = 0xffff;
/// The same in a word.
const MAPPED_WORD: u64 = 0xffff;

impl Source {
    /// The machine itself: peers without an address, and `::1`.
    pub const LOCAL: Self = Self(0);

    /// Returns the source of an address (an IPv4 one mapped into IPv6), zeros for none.
    #[must_use]
    pub const fn of(address: &[u8; 16]) -> Self {
        let bits = u128::from_be_bytes(*address);
        if bits >> 32 == MAPPED { Self(bits) } else { Self(bits >> 64 << 64) }
    }

    /// Returns the source of an address; `None` without an address.
    #[must_use]
    pub const fn of_address(address: &[u8; 16]) -> Option<Self> {
        if u128::from_be_bytes(*address) == 0 { None } else { Some(Self::of(address)) }
    }

    /// Returns the network of its own and the larger ones that it is in, the smallest first.
    pub fn networks(self) -> impl Iterator<Item = Network> {
        let shares = if self.is_ipv6() { &IPV6_SHARES[..] } else { &IPV4_SHARES[..] };
        // Nobody is a customer in the network of the machine itself.
        let count = if self == Self::LOCAL { 1 } else { shares.len() };
        shares[..count].iter().map(move |(bits, _)| Network::new(self.0, *bits))
    }

    /// Returns the parts that name it in a message: whether it is a /64, and its bits.
    #[must_use]
    pub fn parts(self) -> (bool, u64) {
        let (upper, lower) = (self.0 >> 64, self.0 & u128::from(u32::MAX));
        let wide = self.is_ipv6();
        (wide, u64::try_from(if wide { upper } else { lower }).unwrap_or(0))
    }

    /// Returns the source of such parts.
    #[must_use]
    pub fn of_parts(wide: bool, bits: u64) -> Self {
        let bits = u128::from(bits);
        Self(if wide { bits << 64 } else { MAPPED << 32 | bits & u128::from(u32::MAX) })
    }

    /// Returns the word that names it in a counter page: the upper half of an IPv6 address, or an
    /// IPv4 address as `0:ffff:a.b.c.d`, which no IPv6 client has (RFC 4291, section 2.4, reserves
    /// 0000::/8). 0 for the machine itself.
    #[must_use]
    pub fn word(self) -> u64 {
        let (wide, bits) = self.parts();
        if wide { bits } else { MAPPED_WORD << 32 | bits }
    }

    /// Returns the word of the source of a client that a proxy has named; 0 where the client is the
    /// peer itself.
    #[must_use]
    pub fn word_of_named(client: &[u8; 16], peer: &[u8; 16]) -> u64 {
        if client == peer { 0 } else { Self::of(client).word() }
    }

    /// Returns the source of such a word; `None` for 0.
    #[must_use]
    pub fn of_word(word: u64) -> Option<Self> {
        // Of an IPv4 address the lower half counts.
        (word != 0).then(|| Self::of_parts(word >> 32 != MAPPED_WORD, word))
    }

    const fn is_ipv6(self) -> bool {
        self.0 >> 32 != MAPPED
    }
}

/// An IPv4 address, or the /64 of an IPv6 one.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.0);
        match address.to_ipv4_mapped() {
            Some(v4) => write!(f, "{v4}"),
            None => write!(f, "{address}/64"),
        }
    }
}

/// A source as such, a larger network with the length of its prefix.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source() {
            Some(source) => source.fmt(f),
            None => write!(f, "{}/{}", Ipv6Addr::from_bits(self.prefix), self.bits),
        }
    }
}

impl Network {
    const fn new(address: u128, bits: u8) -> Self {
        Self { prefix: address >> (128 - bits) << (128 - bits), bits }
    }

    /// Returns the limit of all its addresses together, where a source has the limit `source_max`.
    #[must_use]
    pub fn limit(self, source_max: u32) -> u64 {
        u64::from(source_max) * u64::from(self.times())
    }

    /// Returns how many times a source's share all its addresses have together.
    #[must_use]
    pub fn times(self) -> u32 {
        IPV6_SHARES.iter().find(|(bits, _)| *bits == self.bits).map_or(1, |(_, times)| *times)
    }

    /// Returns the parts that name it in a message: its first address, and the length of its
    /// prefix.
    #[must_use]
    pub const fn parts(self) -> ([u8; 16], u8) {
        (self.prefix.to_be_bytes(), self.bits)
    }

    /// Returns the network of such parts; `None` where there is none that has a limit.
    #[must_use]
    pub fn of_parts(address: &[u8; 16], bits: u8) -> Option<Self> {
        let known = Source::of(address).networks().find(|network| network.bits == bits)?;
        (known.prefix == u128::from_be_bytes(*address)).then_some(known)
    }

    /// Returns the source that it is; `None` for a larger network.
    #[must_use]
    pub fn source(self) -> Option<Source> {
        let source = Source::of(&self.prefix.to_be_bytes());
        (source.networks().next() == Some(self)).then_some(source)
    }
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

    fn source(text: &str) -> Source {
        Source::of(&address(text))
    }

    #[test]
    fn an_ipv4_address_counts_alone_and_an_ipv6_address_with_its_64() {
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:0:0:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
    }

    #[test]
    fn peers_without_an_address_are_one_source_or_none() {
        assert_eq!(Source::of(&[0; 16]), Source::LOCAL);
        assert_eq!(Source::of_address(&[0; 16]), None);
        assert_eq!(Source::of_address(&address("192.0.2.1")), Some(source("192.0.2.1")));
        assert_eq!(
            (source("192.0.2.1").to_string(), source("2001:db8::9").to_string()),
            ("192.0.2.1".into(), "2001:db8::/64".into())
        );
    }

    #[test]
    fn an_ipv6_source_is_in_a_56_and_a_48_and_an_ipv4_one_in_nothing_larger() {
        let networks = |text: &str| source(text).networks().collect::<Vec<_>>();
        let (one, near, far) = (networks("2001:db8:1:200::1"), networks("2001:db8:1:2ff::1"), networks("2001:db8:1::"));
        assert!(one[0] != near[0] && one[1..] == near[1..]);
        assert!(one[1] != far[1] && one[2] == far[2] && one[2] != networks("2001:db8:2::1")[2]);
        assert_eq!((networks("192.0.2.1").len(), networks("::1").len()), (1, 1));
        assert_eq!(one.iter().map(|network| network.limit(5)).collect::<Vec<_>>(), [5, 20, 80]);
        assert_eq!(networks("192.0.2.1")[0].limit(5), 5);
    }

    #[test]
    fn a_network_comes_back_from_its_parts_and_nothing_else_is_one() {
        for text in ["192.0.2.1", "2001:db8:1:203::1", "::1"] {
            let all: Vec<Network> = source(text).networks().collect();
            for network in &all {
                let (address, bits) = network.parts();
                assert_eq!(Network::of_parts(&address, bits), Some(*network));
                assert_eq!(Network::of_parts(&address, bits - 1), None);
            }
            let sources: Vec<_> = all.iter().filter_map(|network| network.source()).collect();
            assert_eq!(sources, [source(text)]);
        }
        assert_eq!(Network::of_parts(&address("2001:db8:1:203::"), 56), None, "bits after the prefix");
    }

    #[test]
    fn a_source_comes_back_from_its_parts() {
        for text in ["192.0.2.1", "255.255.255.255", "2001:db8::1", "::1", "ffff:ffff:ffff:ffff::"] {
            let source = source(text);
            let (wide, bits) = source.parts();
            assert_eq!((Source::of_parts(wide, bits), wide), (source, text.contains(':')), "{text}");
            assert_eq!(Source::of_word(source.word()), (source != Source::LOCAL).then_some(source), "{text}");
        }
    }
}
