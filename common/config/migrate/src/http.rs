//! What the configurations of all servers say of HTTP.

/// Headers that frame a message or belong to one connection: fosse alone writes them.
const OWN: [&str; 10] = [
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "expect",
    "http2-settings",
];

/// Returns whether fosse alone writes a header, whose name is in lower case.
pub(crate) fn is_own(name: &str) -> bool {
    OWN.contains(&name)
}

/// Returns whether a text is the name of a header as fosse takes it.
pub(crate) fn is_header(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Returns whether a text is a network: an address, or one with the number of its bits, all others
/// of which are zero.
pub(crate) fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<std::net::IpAddr>() else { return false };
    let (value, width) = match address {
        std::net::IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        std::net::IpAddr::V6(address) => (u128::from(address), 128),
    };
    let Some(bits) = bits else { return true };
    let is_number = !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit());
    let bits = bits.parse::<u32>().ok().filter(|bits| is_number && *bits <= width);
    bits.is_some_and(|bits| value.checked_shl(bits).unwrap_or(0) == 0)
}

/// Returns whether a text is a status.
pub(crate) fn is_status(text: &str) -> bool {
    text.len() == 3 && text.parse::<u16>().is_ok_and(|status| (100..=599).contains(&status))
}

/// Returns whether a text is the status of an error.
pub(crate) fn is_error(text: &str) -> bool {
    is_status(text) && text.starts_with(['4', '5'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_three_digits_and_nothing_else() {
        assert!(["100", "404", "599"].into_iter().all(is_status));
        assert!(["", "99", "600", "0404", "+40", "4 4", "abc"].into_iter().all(|text| !is_status(text)));
        assert!(["400", "599"].into_iter().all(is_error) && !is_error("399") && !is_error("099"));
    }
}
