//! Hosts in their one canonical form: lower case, no trailing dot, addresses as RFC 5952 writes
//! them, the port apart.

use core::fmt::{self, Write};
use core::net::Ipv6Addr;
use core::str::FromStr;

use crate::class::is_label;
use crate::refusal::Refusal;

/// Longest host name in bytes (RFC 1035, section 2.3.4, as text).
pub const HOST_BYTES_MAX: usize = 253;

/// Longest label in bytes (RFC 1035, section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// Digits of the largest port.
const PORT_DIGITS_MAX: usize = 5;

/// A canonical host with the port that was written after it, if one was. It owns its bytes, so that
/// nothing is allocated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Host {
    name: [u8; HOST_BYTES_MAX],
    len: u8,
    port: Option<u16>,
}

impl Host {
    /// No host: its name is empty, as that of no other is.
    pub(crate) const NONE: Self = Self { name: [0; HOST_BYTES_MAX], len: 0, port: None };

    /// Reads `host [ ":" port ]` (RFC 9110, section 7.2). Not taken: userinfo, percent signs,
    /// anything but ASCII letters, digits, hyphens and underscores (international names come as
    /// A-labels), IPv4 in other than four decimal parts, empty ports.
    ///
    /// # Errors
    /// `BadHost`.
    pub fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let (name, port) = split_port(text).ok_or(Refusal::BadHost)?;
        let port = port.map(parse_port).transpose()?;
        let mut host = Self { name: [0; HOST_BYTES_MAX], len: 0, port };
        if let [b'[', literal @ .., b']'] = name { host.set_ipv6(literal) } else { host.set_name(name) }
            .ok_or(Refusal::BadHost)?;
        Ok(host)
    }

    /// Returns the canonical name without the port; IPv6 with its brackets.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name[..usize::from(self.len)]
    }

    /// Returns the name as text; it is ASCII always.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.name()).unwrap_or_default()
    }

    /// Returns the port that was written, if one was.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    fn set_name(&mut self, text: &[u8]) -> Option<()> {
        let text = text.strip_suffix(b".").unwrap_or(text);
        if !text.split(|byte| *byte == b'.').all(label_holds) {
            return None;
        }
        self.append(text)?;
        // A last label that is a number makes it an address to the WHATWG URL standard (ends in a
        // number) and to inet_aton(3), which read 127.1 and 0x7f.1 as 127.0.0.1.
        let last = self.name().rsplit(|byte| *byte == b'.').next()?;
        let address = last.iter().all(u8::is_ascii_digit) || last.starts_with(b"0x");
        if address && !is_ipv4(self.name()) { None } else { Some(()) }
    }

    fn set_ipv6(&mut self, literal: &[u8]) -> Option<()> {
        let address = Ipv6Addr::from_str(core::str::from_utf8(literal).ok()?).ok()?;
        write!(self, "[{address}]").ok()
    }

    /// Adds bytes in lower case.
    fn append(&mut self, bytes: &[u8]) -> Option<()> {
        let start = usize::from(self.len);
        let end = start.checked_add(bytes.len())?;
        let room = self.name.get_mut(start..end)?;
        room.copy_from_slice(bytes);
        room.make_ascii_lowercase();
        self.len = u8::try_from(end).ok()?;
        Some(())
    }
}

impl Write for Host {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text.as_bytes()).ok_or(fmt::Error)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())?;
        self.port.map_or(Ok(()), |port| write!(out, ":{port}"))
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Host({self})")
    }
}

/// Returns whether the text is four decimal parts without leading zeros.
fn is_ipv4(text: &[u8]) -> bool {
    let octet = |part: &[u8]| {
        matches!(
            part,
            [b'0'..=b'9']
                | [b'1'..=b'9', b'0'..=b'9']
                | [b'1', b'0'..=b'9', b'0'..=b'9']
                | [b'2', b'0'..=b'4', b'0'..=b'9']
                | [b'2', b'5', b'0'..=b'5']
        )
    };
    let mut parts = text.split(|byte| *byte == b'.');
    parts.by_ref().take(4).filter(|part| octet(part)).count() == 4 && parts.next().is_none()
}

/// Returns whether a label is 1 to 63 letters, digits, underscores and inner hyphens.
fn label_holds(label: &[u8]) -> bool {
    label.len() <= LABEL_BYTES_MAX && is_label(label) && !label.starts_with(b"-") && !label.ends_with(b"-")
}

/// Splits at the colon of the port, which in a bracketed address comes after the bracket.
fn split_port(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let from = if text.starts_with(b"[") { memchr::memchr(b']', text)?.checked_add(1)? } else { 0 };
    let (address, tail) = text.split_at_checked(from)?;
    let Some(colon) = tail.iter().position(|byte| *byte == b':') else {
        return Some((if from == 0 { tail } else { tail.is_empty().then_some(address)? }, None));
    };
    let (between, port) = tail.split_at_checked(colon)?;
    let name = if from == 0 { between } else { between.is_empty().then_some(address)? };
    Some((name, port.get(1..)))
}

/// Reads a port from 1 to 65535 without leading zeros.
fn parse_port(digits: &[u8]) -> Result<u16, Refusal> {
    if !matches!(digits, [b'1'..=b'9', ..]) || digits.len() > PORT_DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit)
    {
        return Err(Refusal::BadHost);
    }
    let port = digits.iter().fold(0, |port, digit| port * 10 + u32::from(digit - b'0'));
    u16::try_from(port).map_err(|_| Refusal::BadHost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        Host::parse(text.as_bytes()).ok().map(|host| host.to_string())
    }

    #[test]
    fn brings_hosts_to_one_form() {
        for (from, to) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("example.com.:8080", "example.com:8080"),
            ("XN--bcher-kva.example:1", "xn--bcher-kva.example:1"),
            ("my_app", "my_app"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:DB8:0:0::1]:443", "[2001:db8::1]:443"),
            ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"),
        ] {
            assert_eq!(canonical(from).as_deref(), Some(to), "{from}");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn refuses_what_two_programs_could_read_in_two_ways() {
        let long = "a".repeat(64);
        let longer = ["a"; 127].join(".") + ".a";
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a:",
            "a:0",
            "a:080",
            "a:65536",
            "a:99999999999",
            "a:b",
            "a:1:2",
            ":80",
            "user@a",
            "a/b",
            "a%2eb",
            "a b",
            "a,b",
            "-a",
            "a-",
            "a.-b",
            "\u{e4}.example",
            "[",
            "[]",
            "[::1",
            "::1",
            "[::1]a",
            "[::1]:",
            "[fe80::1%eth0]",
            "[v1.a]",
            "127.1",
            "1",
            "0x7f000001",
            "0x7f.1",
            "127.0.0.01",
            "256.0.0.1",
            "1.2.3.4.5",
            "a.1",
            "a\tb",
            "a\0",
            &long,
            &longer,
        ] {
            assert_eq!(canonical(bad), None, "{bad:?}");
        }
    }
}
