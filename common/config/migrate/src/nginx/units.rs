//! Sizes, times and networks as nginx writes them.

/// Returns whether a word is an address, or one with the length of its network.
pub(super) fn is_network(word: &str) -> bool {
    let (address, bits) = word.split_once('/').unwrap_or((word, "0"));
    address.parse::<std::net::IpAddr>().is_ok() && bits.parse::<u8>().is_ok()
}

/// Reads a size: bytes, or with k, m or g (nginx.org, "Configuration file measurement units").
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|one: char| !one.is_ascii_digit());
    let scale = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

/// Reads a time as seconds: a number, or numbers with ms, s, m, h or d; for fosse 1 to 3600.
pub(super) fn seconds(text: &str) -> Option<String> {
    let mut rest = text;
    let mut milliseconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let unit: String = after.chars().take_while(char::is_ascii_alphabetic).collect();
        let scale = match unit.as_str() {
            "ms" => 1,
            "" | "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        milliseconds = milliseconds.checked_add(number.parse::<u64>().ok()?.checked_mul(scale)?)?;
        rest = after[unit.len()..].trim_start();
    }
    (1000..=3_600_000).contains(&milliseconds).then(|| match milliseconds % 1000 {
        0 => (milliseconds / 1000).to_string(),
        part => format!("{}.{part:03}", milliseconds / 1000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_nginxs() {
        assert_eq!(
            (size("8m"), size("1G"), size("7"), size("x"), size("8mm")),
            (Some(8 << 20), Some(1 << 30), Some(7), None, None)
        );
        let times = ["60", "1m", "1m 30s", "1500ms", "2h", "10ms", "", "x"].map(seconds);
        let expected = [Some("60"), Some("60"), Some("90"), Some("1.500"), None, None, None, None];
        assert_eq!(times, expected.map(|time| time.map(str::to_owned)));
    }
}
