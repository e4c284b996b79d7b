//! The source of a connection or a request: the unit in which programs share what they have among
//! clients, and in which they punish.
//!
//! Whoever reads first decides the address: accept has the peer of a socket, parse the client that
//! a trusted proxy names in a PROXY header or in X-Forwarded-For, and every later program has that
//! client in the head of the request. So all of them count the same client as the same source.

#![forbid(unsafe_code)]

/// One IPv4 address or one IPv6 /64, because a /64 is what a single customer is given at least (RFC
/// 6177) and it holds more addresses than a table can. Peers of unix sockets have no address: all
/// of them are [`Source::LOCAL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(u128);

/// An IPv6 network of more than one source, which one customer may have: many providers give a /56,
/// and RFC 6177 allows a /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    prefix: u128,
    bits: u8,
}

/// Lengths of the prefixes of a [`Site`], in bits.
const SITE_BITS: [u8; 2] = [56, 48];

/// `::ffff:0:0/96`, shifted down to its upper 96 bits.
const MAPPED: u128 = 0xffff;

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

    /// Returns the larger networks that it is in, the smaller first; none for IPv4.
    #[must_use]
    pub fn sites(self) -> Option<[Site; 2]> {
        let site = |bits: u8| Site { prefix: self.0 >> (128 - bits) << (128 - bits), bits };
        (self.is_ipv6() && self != Self::LOCAL).then(|| SITE_BITS.map(site))
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

    const fn is_ipv6(self) -> bool {
        self.0 >> 32 != MAPPED
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
    }

    #[test]
    fn an_ipv6_source_is_in_a_56_and_a_48_and_an_ipv4_one_in_nothing_larger() {
        let sites = |text: &str| source(text).sites();
        assert_eq!(sites("2001:db8:1:200::1"), sites("2001:db8:1:2ff::1"));
        let (near, far) = (sites("2001:db8:1:200::1").unwrap(), sites("2001:db8:1:300::1").unwrap());
        assert_ne!(near[0], far[0]);
        assert_eq!(near[1], far[1]);
        assert_ne!(near[1], sites("2001:db8:2::1").unwrap()[1]);
        assert_eq!((sites("192.0.2.1"), Source::LOCAL.sites()), (None, None));
    }

    #[test]
    fn a_source_comes_back_from_its_parts() {
        for text in ["192.0.2.1", "255.255.255.255", "2001:db8::1", "::1", "ffff:ffff:ffff:ffff::"] {
            let source = source(text);
            let (wide, bits) = source.parts();
            assert_eq!((Source::of_parts(wide, bits), wide), (source, text.contains(':')), "{text}");
        }
    }
}
