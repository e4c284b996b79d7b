//! fosse-links: links that whoever has the key makes for others: good for one host and one target,
//! until a time, and if wanted for one client alone. No I/O, no clock.
//!
//! A signed target ends in two arguments of its query, in this order:
//!
//! ```text
//! /files/a.zip?expires=1767225600&signature=64 hexadecimal digits
//! ```
//!
//! The signature is the HMAC-SHA256 (RFC 2104) under the key, in small letters, of
//!
//! ```text
//! fosse-link-1 LF host LF target LF client
//! ```
//!
//! `host` is in small letters and without a port. `target` is everything before the `&` of the
//! signature, byte for byte as it is in the request line: a path that is spelt in another way is
//! another path. `client` is the address of the client, or empty. None of them can hold a line
//! feed.
//!
//! The arguments are looked for at the end and nowhere else, and their names must not occur before,
//! in whatever spelling: so an application that puts what somebody has typed into a link cannot be
//! made to sign an argument that is read in place of its own.

#![forbid(unsafe_code)]

use core::fmt;

use fosse_http1::percent;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// Bytes that a key has at least: as many as the hash (RFC 2104, section 3).
pub(crate) const KEY_BYTES_MIN: usize = 32;
/// Bytes of a key: more than a hash takes in at once say nothing more.
pub const KEY_BYTES_MAX: usize = 1024;
/// Bytes of the file of a key: a line end may follow it.
pub const KEY_FILE_BYTES_MAX: usize = KEY_BYTES_MAX + 2;
/// Digits of a time: the seconds of 300 years.
const TIME_DIGITS_MAX: usize = 10;
/// Digits of a signature.
const SIGNATURE_DIGITS: usize = 64;

/// The names of the two arguments. They differ, and need no escape in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    /// Name of the argument with the time, in seconds since 1970, after which a link is not good.
    pub expires: &'a str,
    /// Name of the argument with the signature.
    pub signature: &'a str,
}

/// The reason for which a target is no link, or not one any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It does not end in the two arguments, or has one of them twice.
    Unsigned,
    /// No key made this signature for this target, host and client.
    Forged,
    /// It was good until some time before now.
    Expired,
}

/// The reason for which a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// It has this number of bytes, which is too few.
    Short(usize),
    /// It is too long.
    Long,
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(bytes) => {
                write!(
                    f,
                    "a key of {bytes} bytes is too short; make one of {KEY_BYTES_MIN} or more: openssl rand -hex 32"
                )
            }
            Self::Long => write!(f, "a key has {KEY_BYTES_MAX} bytes at most"),
        }
    }
}

/// Returns the key in the text of a file: all of it but one line end at its end.
///
/// # Errors
/// The reason for which it is none.
pub fn key(text: &[u8]) -> Result<&[u8], NoKey> {
    let key = text.strip_suffix(b"\n").unwrap_or(text);
    let key = key.strip_suffix(b"\r").unwrap_or(key);
    match key.len() {
        KEY_BYTES_MIN..=KEY_BYTES_MAX => Ok(key),
        bytes if bytes < KEY_BYTES_MIN => Err(NoKey::Short(bytes)),
        _ => Err(NoKey::Long),
    }
}

/// A link: what was signed, and whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// Host, in small letters and without a port.
    pub host: &'a [u8],
    /// Address of the client that alone may use it; empty where everybody may.
    pub client: &'a str,
    /// Path and query, as in the request line.
    pub target: &'a [u8],
}

impl<'a> Link<'a> {
    /// Checks a target that was received at `now`, in seconds since 1970. Returns the target
    /// without the two arguments.
    ///
    /// # Errors
    /// The reason for which it is not good.
    pub fn check<'k>(
        &self,
        names: Names<'_>,
        keys: impl IntoIterator<Item = &'k [u8]>,
        now: u64,
    ) -> Result<&'a [u8], Refused> {
        let (signed, signature) = last_argument(self.target, names.signature).ok_or(Refused::Unsigned)?;
        let (rest, expires) = last_argument(signed, names.expires).ok_or(Refused::Unsigned)?;
        let expires = time(expires).ok_or(Refused::Unsigned)?;
        if signature.len() != SIGNATURE_DIGITS || has_either(rest, names) {
            return Err(Refused::Unsigned);
        }
        let link = Self { target: signed, ..*self };
        // Each key is tried whatever the one before has said: how long it takes says nothing.
        let is_good = keys.into_iter().fold(false, |good, key| good | link.has_signature(key, signature));
        match (is_good, now > expires) {
            (false, _) => Err(Refused::Forged),
            (true, true) => Err(Refused::Expired),
            (true, false) => Ok(rest),
        }
    }

    /// Returns the target with the two arguments, good until `expires`; `None` where the target has
    /// one of them already, or a fragment.
    #[must_use]
    pub fn sign(&self, names: Names<'_>, key: &[u8], expires: u64) -> Option<Vec<u8>> {
        if has_either(self.target, names) || self.target.contains(&b'#') {
            return None;
        }
        let mut target = self.target.to_vec();
        target.push(if target.contains(&b'?') { b'&' } else { b'?' });
        target.extend_from_slice(format!("{}={expires}", names.expires).as_bytes());
        let signature = Link { target: &target, ..*self }.signature(key);
        target.extend_from_slice(format!("&{}=", names.signature).as_bytes());
        target.extend_from_slice(&signature);
        Some(target)
    }

    fn has_signature(&self, key: &[u8], signature: &[u8]) -> bool {
        self.signature(key).ct_eq(signature).into()
    }

    /// Returns the digits of the signature.
    fn signature(&self, key: &[u8]) -> [u8; SIGNATURE_DIGITS] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; SIGNATURE_DIGITS];
        // A key of any length is taken (RFC 2104, section 2).
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return digits };
        for part in [b"fosse-link-1\n", self.host, b"\n", self.target, b"\n", self.client.as_bytes()] {
            mac.update(part);
        }
        for (pair, byte) in digits.chunks_exact_mut(2).zip(mac.finalize().into_bytes()) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
        }
        digits
    }
}

/// Returns what a target is without its last argument, and the value of that, if it has this name
/// in exactly this spelling.
fn last_argument<'a>(target: &'a [u8], name: &str) -> Option<(&'a [u8], &'a [u8])> {
    let query = target.iter().position(|byte| *byte == b'?')?;
    let at = target.iter().rposition(|byte| *byte == b'&').map_or(query, |at| at.max(query));
    let value = target[at + 1..].strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
    Some((&target[..at], value))
}

/// Returns whether an argument has one of the names, however it is escaped and separated.
fn has_either(target: &[u8], names: Names<'_>) -> bool {
    let Some(at) = target.iter().position(|byte| *byte == b'?') else { return false };
    // Some applications take a semicolon for an ampersand, and a plus or a blank before a name for
    // nothing; PHP reads `a[]`, `a.b` and `a_b` under one name or another.
    target[at + 1..].split(|byte| matches!(byte, b'&' | b';' | b'?')).any(|argument| {
        let name = argument.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = percent::decode(name);
        let name = percent::decode(&name);
        let plain = name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
        [names.expires, names.signature].iter().any(|own| plain.clone().eq(letters(own)))
    })
}

fn letters(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
}

/// Returns a time in its one spelling: digits, the first of them not 0.
fn time(digits: &[u8]) -> Option<u64> {
    let is_sound = (1..=TIME_DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let text = core::str::from_utf8(digits).ok().filter(|_| is_sound && digits[0] != b'0')?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'static> = Names { expires: "expires", signature: "signature" };
    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
    const OTHER: &[u8] = b"another key, as long as the first";

    fn link<'a>(target: &'a [u8]) -> Link<'a> {
        Link { host: b"a.example", client: "", target }
    }

    fn signed(target: &str) -> Vec<u8> {
        link(target.as_bytes()).sign(NAMES, KEY, 1000).unwrap()
    }

    fn check(target: &[u8]) -> Result<&[u8], Refused> {
        link(target).check(NAMES, [KEY], 1000)
    }

    #[test]
    fn a_link_is_what_openssl_makes_of_the_same_lines() {
        // printf 'fosse-link-1\na.example\n/a.zip?expires=1000\n' |
        //     openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let expected =
            b"/a.zip?expires=1000&signature=ffaf20529ee34b08d0322556a44e17478599f186cd27e23101d5fbdbe7bd3ea1";
        assert_eq!(signed("/a.zip").escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn a_link_is_good_until_its_time_with_either_key_and_loses_its_arguments() {
        for target in ["/a.zip", "/a?b=c&d=%20", "/?", "/a?&", "/caf%C3%A9/x"] {
            let whole = signed(target);
            assert_eq!(check(&whole), Ok(target.as_bytes()), "{target}");
            assert_eq!(link(&whole).check(NAMES, [OTHER, KEY], 0), Ok(target.as_bytes()));
            assert_eq!(link(&whole).check(NAMES, [KEY, OTHER], 1001), Err(Refused::Expired));
            assert_eq!(link(&whole).check(NAMES, [OTHER], 1001), Err(Refused::Forged));
            assert_eq!(link(&whole).check(NAMES, [], 0), Err(Refused::Forged));
        }
    }

    #[test]
    fn a_link_is_for_one_host_one_client_and_one_spelling_of_its_target() {
        let whole = signed("/a/b?c=d");
        assert_eq!(Link { host: b"b.example", ..link(&whole) }.check(NAMES, [KEY], 0), Err(Refused::Forged));
        assert_eq!(Link { client: "192.0.2.1", ..link(&whole) }.check(NAMES, [KEY], 0), Err(Refused::Forged));
        let bound = Link { client: "192.0.2.1", ..link(b"/a") }.sign(NAMES, KEY, 9).unwrap();
        assert_eq!(Link { client: "192.0.2.1", ..link(&bound) }.check(NAMES, [KEY], 9), Ok(&b"/a"[..]));
        for client in ["", "192.0.2.2", "192.0.2.11"] {
            assert_eq!(Link { client, ..link(&bound) }.check(NAMES, [KEY], 9), Err(Refused::Forged), "{client}");
        }
        let text = String::from_utf8(whole).unwrap();
        for (from, to) in [("/a/b", "/a/./b"), ("/a/b", "/%61/b"), ("/a/b", "//a/b"), ("c=d", "c=e"), ("c=d", "c=d&")] {
            assert_eq!(check(text.replacen(from, to, 1).as_bytes()), Err(Refused::Forged), "{to}");
        }
    }

    #[test]
    fn no_byte_can_be_changed_put_in_or_left_out() {
        let whole = signed("/a?b=c");
        for at in 0..whole.len() {
            for byte in [b'0', b'1', b'&', b'?', b'=', b'%', b'A', b';'] {
                let (mut other, mut longer) = (whole.clone(), whole.clone());
                other[at] = byte;
                longer.insert(at, byte);
                assert!(other == whole || check(&other).is_err(), "{}", other.escape_ascii());
                assert!(longer == whole || check(&longer).is_err(), "{}", longer.escape_ascii());
            }
            assert!(check(&whole[..at]).is_err());
            let mut shorter = whole.clone();
            shorter.remove(at);
            assert!(shorter == whole || check(&shorter).is_err(), "{}", shorter.escape_ascii());
        }
        for more in ["&x=1", "#", "&signature=", "?", ";signature=1"] {
            assert!(check(&[&whole[..], more.as_bytes()].concat()).is_err(), "{more}");
        }
    }

    #[test]
    fn a_signature_and_a_time_have_one_spelling() {
        let text = String::from_utf8(signed("/a")).unwrap();
        let (before, digits) = text.split_at(text.len() - SIGNATURE_DIGITS);
        let upper = format!("{before}{}", digits.to_uppercase());
        assert!(upper != text && check(upper.as_bytes()) == Err(Refused::Forged));
        for time in ["0", "01000", "+1000", "1e3", "", " 1000", "99999999999", "-1"] {
            // Signed by the key itself: even so it is none.
            let target = format!("/a?expires={time}");
            let digits = link(target.as_bytes()).signature(KEY);
            let whole = [target.as_bytes(), b"&signature=", &digits].concat();
            assert_eq!(check(&whole), Err(Refused::Unsigned), "{time}");
        }
    }

    #[test]
    fn an_argument_of_the_same_name_is_neither_signed_nor_taken() {
        for twice in [
            "expires=9",
            "signature=x",
            "a=b&expires=9",
            "%65xpires=9",
            "%2565xpires=9",
            "EXPIRES=9",
            "expires[]=9",
            "a;expires=9",
            "a?expires=9",
            "+expires=9",
            "expires%5B%5D=9",
            "expires%00=9",
            "expires",
        ] {
            let target = format!("/a?{twice}");
            assert_eq!(link(target.as_bytes()).sign(NAMES, KEY, 1000), None, "{twice}");
            let target = format!("{target}&expires=1000");
            let digits = link(target.as_bytes()).signature(KEY);
            let whole = [target.as_bytes(), b"&signature=", &digits].concat();
            assert_eq!(check(&whole), Err(Refused::Unsigned), "{twice}");
        }
        assert_eq!(link(b"/a#b").sign(NAMES, KEY, 1000), None);
        assert!(check(&signed("/a?xexpires=1&signatures=2&b=expires=3")).is_ok());
    }

    #[test]
    fn a_key_is_a_line_of_enough_bytes() {
        let sizes = [(0, false), (31, false), (32, true), (1024, true), (1025, false)];
        for (size, is_key) in sizes {
            let text = vec![b'k'; size];
            for end in ["", "\n", "\r\n"] {
                let file = [&text[..], end.as_bytes()].concat();
                assert_eq!(key(&file).ok(), is_key.then_some(&text[..]), "{size}");
            }
        }
        assert_eq!(key(&[b'\n'; 33]), Ok(&[b'\n'; 32][..]));
    }

    #[test]
    fn arguments_in_the_path_are_none() {
        assert_eq!(check(b"/a&expires=1000&signature=0"), Err(Refused::Unsigned));
        assert_eq!(check(b"/expires=1000"), Err(Refused::Unsigned));
        assert_eq!(check(b""), Err(Refused::Unsigned));
    }
}
