//! One address or CIDR prefix, parsed once into a value that cannot be wrong.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bits before the IPv4 part of `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// A network: an address whose bits past `bits` are zero. Never an IPv4-mapped IPv6 address: that
/// is an IPv4 prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    address: IpAddr,
    bits: u8,
}

/// The reason that a word is not a prefix. `Display` says it to a person, with the cure where there
/// is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The part before the slash is no IPv4 or IPv6 address.
    Address,
    /// The part after the slash is not a number from 0 to the most this family has.
    Bits {
        /// 32 or 128.
        most: u8,
    },
    /// Bits are set past the prefix length; holds the network that was probably meant.
    HostBits(Prefix),
}

impl Prefix {
    /// Parses `ADDRESS` or `ADDRESS/BITS` (RFC 4632, section 3.1; RFC 4291, section 2.3).
    ///
    /// # Errors
    /// [`Flaw`].
    pub fn parse(word: &str) -> Result<Self, Flaw> {
        let (address, bits) = match word.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (word, None),
        };
        let address: IpAddr = address.parse().map_err(|_| Flaw::Address)?;
        let most = width(&address);
        let bits = match bits {
            Some(digits) => number(digits).filter(|bits| *bits <= most).ok_or(Flaw::Bits { most })?,
            None => most,
        };
        let network = Self::around(address, bits);
        // `::ffff:10.0.0.0/104` is written in one family and kept in the other.
        let exact = network.address == address || network.bits != bits && network.address == address.to_canonical();
        if exact { Ok(network) } else { Err(Flaw::HostBits(network)) }
    }

    /// Returns the network of the first `bits` bits of an address; more bits than the family has
    /// mean all of them.
    pub fn around(address: IpAddr, bits: u8) -> Self {
        match address {
            IpAddr::V4(v4) => Self::around_v4(v4, bits.min(32)),
            IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), bits.min(128).checked_sub(MAPPED_BITS)) {
                (Some(v4), Some(bits)) => Self::around_v4(v4, bits),
                _ => {
                    let bits = bits.min(128);
                    // A shift by all bits is an overflow to Rust: no bit is kept then.
                    let kept = u128::MAX.checked_shl(u32::from(128 - bits)).unwrap_or(0);
                    Self { address: Ipv6Addr::from_bits(v6.to_bits() & kept).into(), bits }
                }
            },
        }
    }

    fn around_v4(address: Ipv4Addr, bits: u8) -> Self {
        let kept = u32::MAX.checked_shl(u32::from(32 - bits)).unwrap_or(0);
        Self { address: Ipv4Addr::from_bits(address.to_bits() & kept).into(), bits }
    }

    /// Returns the first address of the network.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns the prefix length in bits, 0..=32 or 0..=128.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Returns whether the network holds this address; an IPv4-mapped one is looked at as IPv4.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(_), canonical @ IpAddr::V4(_)) | (IpAddr::V6(_), canonical @ IpAddr::V6(_)) => {
                Self::around(canonical, self.bits).address == self.address
            }
            _ => false,
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Address => write!(out, "not an IPv4 or IPv6 address"),
            Flaw::Bits { most } => write!(out, "the prefix length must be a number from 0 to {most}"),
            Flaw::HostBits(meant) => write!(out, "bits are set past the prefix length; write {meant}"),
        }
    }
}

fn width(address: &IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Parses digits alone: the standard parser would take a plus sign, and a leading zero is another
/// base elsewhere.
fn number(digits: &str) -> Option<u8> {
    let plain = digits == "0" || !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(word: &str) -> String {
        Prefix::parse(word).map_or_else(|flaw| flaw.to_string(), |prefix| prefix.to_string())
    }

    #[test]
    fn takes_addresses_and_prefixes_of_both_families() {
        assert_eq!(shown("192.0.2.1"), "192.0.2.1/32");
        assert_eq!(shown("192.0.2.0/24"), "192.0.2.0/24");
        assert_eq!(shown("0.0.0.0/0"), "0.0.0.0/0");
        assert_eq!(shown("2001:db8::/32"), "2001:db8::/32");
        assert_eq!(shown("::/0"), "::/0");
        assert_eq!(shown("::1"), "::1/128");
    }

    #[test]
    fn judges_mapped_prefixes_as_ipv4() {
        assert_eq!(shown("::ffff:192.0.2.1"), "192.0.2.1/32");
        assert_eq!(shown("::ffff:192.0.2.0/120"), "192.0.2.0/24");
        assert_eq!(shown("::ffff:0:0/96"), "0.0.0.0/0");
        assert!(shown("::ffff:192.0.2.1/120").contains("write 192.0.2.0/24"));
        assert!(shown("::ffff:0:0/95").contains("write ::fffe:0:0/95"));
        assert_eq!(shown("::fffe:0:0/95"), "::fffe:0:0/95");
    }

    #[test]
    fn says_the_cure_for_host_bits() {
        assert!(shown("10.1.2.3/8").ends_with("write 10.0.0.0/8"));
        assert!(shown("2001:db8::1/64").ends_with("write 2001:db8::/64"));
        assert!(shown("10.0.0.1/0").ends_with("write 0.0.0.0/0"));
    }

    #[test]
    fn refuses_lengths_that_are_not_plain_numbers_in_range() {
        for word in ["1.2.3.4/33", "1.2.3.4/", "1.2.3.4/+8", "1.2.3.4/08", "1.2.3.4/8/8", "1.2.3.4/-1", "1.2.3.4/256"] {
            assert_eq!(Prefix::parse(word), Err(Flaw::Bits { most: 32 }), "{word}");
        }
        assert_eq!(Prefix::parse("::/129"), Err(Flaw::Bits { most: 128 }));
    }

    #[test]
    fn refuses_what_is_no_address() {
        for word in ["", "/8", "1.2.3", "1.2.3.4.5", "01.2.3.4", "fe80::1%eth0", "[::1]", "a.example", "1.2.3.4:80"] {
            assert_eq!(Prefix::parse(word), Err(Flaw::Address), "{word}");
        }
    }

    #[test]
    fn holds_exactly_its_own_addresses() {
        let holds = |prefix: &str, address: &str| Prefix::parse(prefix).unwrap().holds(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(
            holds("10.0.0.0/8", "::ffff:10.1.1.1") && !holds("::/0", "::ffff:10.1.1.1") && !holds("::/0", "1.1.1.1")
        );
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("0.0.0.0/0", "::1"));
    }
}
