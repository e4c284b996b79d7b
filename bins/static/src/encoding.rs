//! The coding that a client wants a file in (RFC 9110, section 12.5.3).

use fosse_http1::{Fields, members, trim};
use fosse_settings::Coding;

/// Members of Accept-Encoding that are looked at: a browser sends five.
const MEMBERS_COUNT_MAX: usize = 32;

/// Returns the codings of `offered` that the client accepts as gladly as the file itself, the ones
/// it prefers first. Of those that it likes as much the order of `offered` stays.
#[must_use]
pub fn accepted(fields: &Fields<'_>, offered: &[Coding]) -> Vec<Coding> {
    let weights = Weights::of(fields);
    let mut accepted: Vec<(u16, Coding)> =
        offered.iter().map(|coding| (weights.of_names(names(*coding)), *coding)).collect();
    accepted.retain(|(weight, _)| *weight > 0 && *weight >= weights.identity());
    accepted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    accepted.into_iter().map(|(_, coding)| coding).collect()
}

/// Returns the name of a coding in Content-Encoding.
#[must_use]
pub const fn name(coding: Coding) -> &'static str {
    names(coding)[0]
}

/// Returns the end of the names of files that are coded so.
#[must_use]
pub const fn ending(coding: Coding) -> &'static str {
    match coding {
        Coding::Brotli => ".br",
        Coding::Zstd => ".zst",
        Coding::Gzip => ".gz",
    }
}

const fn names(coding: Coding) -> &'static [&'static str] {
    match coding {
        Coding::Brotli => &["br"],
        Coding::Zstd => &["zstd"],
        Coding::Gzip => &["gzip", "x-gzip"],
    }
}

/// The members of Accept-Encoding, each with its weight in thousandths.
struct Weights<'a>(Vec<(&'a [u8], u16)>);

impl<'a> Weights<'a> {
    fn of(fields: &Fields<'a>) -> Self {
        let lists = fields.iter().filter(|field| field.is("accept-encoding")).map(|field| field.value);
        Self(lists.flat_map(members).take(MEMBERS_COUNT_MAX).map(weighted).collect())
    }

    /// Returns the weight of a coding: its own, else that of `*`, else 0.
    fn of_names(&self, names: &[&str]) -> u16 {
        let named = |wanted: &str| self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
        names.iter().find_map(|name| named(name)).or_else(|| named("*")).map_or(0, |(_, weight)| *weight)
    }

    /// Returns the weight of the file as it is, which is acceptable unless it is named.
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
    use fosse_http1::{HeadLimits, RequestHead};

    fn of(fields: &str) -> String {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let request = RequestHead::parse(head.as_bytes(), &HeadLimits::DEFAULT).unwrap();
        let offered = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
        accepted(&request.fields, &offered).into_iter().map(name).collect::<Vec<_>>().join(" ")
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
            assert_eq!(of(&format!("Accept-Encoding: {value}\r\n")), expected, "{value}");
        }
        assert_eq!(of("Accept-Encoding: gzip\r\naccept-encoding: br\r\n"), "br gzip");
        assert_eq!(of(""), "");
    }

    #[test]
    fn a_weight_that_is_none_accepts_nothing() {
        for weight in ["q=", "q=2", "q=1.001", "q=0.0001", "q=.5", "q=-0", "w=1", "q=1;q=1", "q=0.5x"] {
            assert_eq!(of(&format!("Accept-Encoding: gzip;{weight}\r\n")), "", "{weight}");
        }
    }
}
