//! Address prefixes for `@ipMatch`: a short list, compared one by one.

use std::net::IpAddr;

/// An address prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Network {
    address: u128,
    mask: u128,
    v6: bool,
}

impl Network {
    /// Reads `address` or `address/bits`; the error says what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || format!("`{text}` is not an address or a prefix; expected one like 192.0.2.0/24 or 2001:db8::/32");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| expected())?)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| expected())?;
        let width = if address.is_ipv6() { 128 } else { 32 };
        let bits = bits.unwrap_or(width);
        if bits > width {
            return Err(expected());
        }
        let mask = u128::MAX.checked_shl(width - bits).unwrap_or(0);
        Ok(Self { address: number(address) & mask, mask, v6: address.is_ipv6() })
    }

    /// Returns whether the address is within the prefix. An IPv4 address written as IPv6 counts as
    /// IPv4.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv6() == self.v6 && number(address) & self.mask == self.address
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_prefixes_of_both_families() {
        for (network, address, expected) in [
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{network:?} {address}");
        }
    }

    #[test]
    fn refuses_what_is_no_prefix() {
        for text in ["", "1.2.3", "1.2.3.4/33", "::1/129", "1.2.3.4/x", "host"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
