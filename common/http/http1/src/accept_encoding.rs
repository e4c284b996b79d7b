//! The codings that a client accepts (RFC 9110, section 12.5.3).

use crate::{members, trim};

/// Members of Accept-Encoding that are looked at: a browser sends five.
const MEMBERS_COUNT_MAX: usize = 32;

/// The members of Accept-Encoding, each with its weight in thousandths.
#[derive(Debug)]
pub struct AcceptEncoding<'a>(Vec<(&'a [u8], u16)>);

impl<'a> AcceptEncoding<'a> {
    /// Reads the values of all fields of the name.
    pub fn of(values: impl Iterator<Item = &'a [u8]>) -> Self {
        Self(values.flat_map(members).take(MEMBERS_COUNT_MAX).map(weighted).collect())
    }

    /// Returns those of `offered` that the client accepts as gladly as a body without coding, the
    /// ones it prefers first. Of those that it likes as much the order of `offered` stays. `names`
    /// has the names of one.
    pub fn accepted<C: Copy>(&self, offered: &[C], names: impl Fn(C) -> &'static [&'static str]) -> Vec<C> {
        let mut accepted: Vec<(u16, C)> = offered.iter().map(|coding| (self.weight(names(*coding)), *coding)).collect();
        accepted.retain(|(weight, _)| *weight > 0 && *weight >= self.identity());
        accepted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        accepted.into_iter().map(|(_, coding)| coding).collect()
    }

    /// Returns the weight of a coding: its own, else that of `*`, else 0.
    fn weight(&self, names: &[&str]) -> u16 {
        let named = |wanted: &str| self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
        names.iter().find_map(|name| named(name)).or_else(|| named("*")).map_or(0, |(_, weight)| *weight)
    }

    /// Returns the weight of a body without coding, which is acceptable unless it is named.
    fn identity(&self) -> u16 {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"identity")).map_or(0, |(_, weight)| *weight)
    }
}

/// Splits a member into its name and its weight; one with a weight that is none is not accepted.
fn weighted(member: &[u8]) -> (&[u8], u16) {
    let mut parts = member.split(|byte| *byte == b';').map(trim);
    let name = parts.next().unwrap_or_default();
    let weight = match (parts.next(), parts.next()) {
        (None, _) => Some(1000),
        (Some([b'q' | b'Q', b'=', value @ ..]), None) => thousandths(value),
        _ => None,
    };
    (name, weight.unwrap_or(0))
}

/// Reads a weight: 0 or 1, with up to three digits after a point, and never more than 1 (RFC 9110,
/// section 12.4.2).
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, rest) = value.split_first()?;
    let digits = match rest {
        [] => rest,
        [b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => digits,
        _ => return None,
    };
    let fraction = [100, 10, 1].into_iter().zip(digits).map(|(place, digit)| place * u16::from(digit - b'0')).sum();
    match (whole, fraction) {
        (b'0', fraction) => Some(fraction),
        (b'1', 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> String {
        let accepted = AcceptEncoding::of(values.iter().map(|value| value.as_bytes()));
        let offered = ["br", "zstd", "gzip"];
        let names = |coding: &'static str| -> &'static [&'static str] {
            match coding {
                "br" => &["br"],
                "zstd" => &["zstd"],
                _ => &["gzip", "x-gzip"],
            }
        };
        accepted.accepted(&offered, names).join(" ")
    }

    #[test]
    fn a_client_gets_what_it_accepts_and_of_that_what_it_prefers() {
        for (value, expected) in [
            ("gzip, deflate, br, zstd", "br zstd gzip"),
            ("gzip;q=1.0, br;q=0.5", "gzip br"),
            ("X-GZIP", "gzip"),
            ("*", "br zstd gzip"),
            ("*;q=0.1, br;q=0", "zstd gzip"),
            ("gzip;q=0", ""),
            ("gzip; q=0.001", "gzip"),
            ("identity, gzip;q=0.5", ""),
            ("identity;q=0.2, gzip;q=0.5", "gzip"),
            ("identity;q=0", ""),
            ("deflate", ""),
            ("", ""),
        ] {
            assert_eq!(of(&[value]), expected, "{value}");
        }
        assert_eq!(of(&["gzip", "br"]), "br gzip");
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn a_weight_that_is_none_accepts_nothing() {
        for weight in ["q=", "q=2", "q=1.001", "q=0.0001", "q=.5", "q=-0", "w=1", "q=1;q=1", "q=0.5x"] {
            assert_eq!(of(&[&format!("gzip;{weight}")]), "", "{weight}");
        }
    }
}
