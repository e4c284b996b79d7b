//! The source that a connection counts for.

use fosse_wire::request::Endpoint;

/// The unit of limits and penalties: one IPv4 address or one IPv6 /64, because a /64 is what a
/// single customer is given (RFC 6177) and it holds more addresses than a table can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Source(u128);

/// `::ffff:0:0/96`, shifted down to its upper 96 bits.
const MAPPED: u128 = 0xffff;

impl Source {
    /// Returns the source of a peer; `None` for a unix socket, whose peers are distinguished by
    /// UID.
    pub(crate) fn of(peer: &Endpoint) -> Option<Self> {
        let bits = u128::from_be_bytes(peer.addr);
        match bits {
            0 => None,
            mapped if mapped >> 32 == MAPPED => Some(Self(mapped)),
            wide => Some(Self(wide >> 64 << 64)),
        }
    }

    /// Returns the parts that name it to the next accept: whether it is a /64, and its bits.
    pub(crate) fn parts(self) -> (bool, u64) {
        let (upper, lower) = (self.0 >> 64, self.0 & u128::from(u32::MAX));
        let wide = self.0 >> 32 != MAPPED;
        (wide, u64::try_from(if wide { upper } else { lower }).unwrap_or(0))
    }

    /// Returns the source of such parts.
    pub(crate) fn of_parts(wide: bool, bits: u64) -> Self {
        let bits = u128::from(bits);
        Self(if wide { bits << 64 } else { MAPPED << 32 | bits & u128::from(u32::MAX) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Option<Source> {
        Source::of(&Endpoint::from_socket(std::net::SocketAddr::new(address.parse().unwrap(), 7)))
    }

    #[test]
    fn an_ipv4_address_counts_alone_and_an_ipv6_address_with_its_64() {
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:0:0:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(Source::of(&Endpoint::default()), None);
    }

    #[test]
    fn a_source_comes_back_from_its_parts() {
        for address in ["192.0.2.1", "255.255.255.255", "2001:db8::1", "::1", "ffff:ffff:ffff:ffff::"] {
            let source = source(address).unwrap();
            let (wide, bits) = source.parts();
            assert_eq!((Source::of_parts(wide, bits), wide), (source, address.contains(':')), "{address}");
        }
    }
}
