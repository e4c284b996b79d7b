//! The four forms of a request target (RFC 9112, section 3.2) and which of them are served.

use crate::class::{is_target, path_len};
use crate::host::Host;
use crate::percent::hex_digit;
use crate::refusal::Refusal;

/// The target of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// Path and query, beginning with `/`; or `*` for OPTIONS about the whole server.
    pub path: &'a [u8],
    /// The host of a target in absolute form.
    pub host: Option<Host>,
}

impl<'a> Target<'a> {
    /// Splits a target for a method. Origin form and absolute form (schemes http and https, no
    /// userinfo) for every method, asterisk form for OPTIONS; authority form belongs to CONNECT,
    /// which is refused as a method.
    ///
    /// # Errors
    /// `Connect`, `BadTarget`, `BadEscape`, `BadTargetForm`, `BadHost`.
    pub fn parse(method: &[u8], target: &'a [u8]) -> Result<Self, Refusal> {
        if method == b"CONNECT" {
            return Err(Refusal::Connect);
        }
        match target {
            [b'/', ..] => checked_path(target).map(|path| Self { path, host: None }),
            b"*" if method == b"OPTIONS" => Ok(Self { path: target, host: None }),
            _ if !is_target(target) => Err(Refusal::BadTarget),
            _ => Self::absolute(method, target),
        }
    }

    fn absolute(method: &[u8], target: &'a [u8]) -> Result<Self, Refusal> {
        let rest = after_scheme(target).ok_or(Refusal::BadTargetForm)?;
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(Refusal::BadTargetForm)?;
        let host = Some(Host::parse(authority)?);
        let path: &[u8] = match path {
            [] if method == b"OPTIONS" => b"*",
            [] => b"/",
            // A query without a path: the empty path would have to be sent on as `/` (RFC 9110,
            // section 4.2.3), which programs do or do not.
            [b'?', ..] => return Err(Refusal::BadTargetForm),
            path => checked_path(path)?,
        };
        Ok(Self { path, host })
    }
}

/// Checks a path with its query. In a query whatever browsers send raw may be, a lone percent sign
/// too; in a path escapes are whole, since programs differ in what they make of others.
fn checked_path(target: &[u8]) -> Result<&[u8], Refusal> {
    let mut rest = target;
    loop {
        match &rest[path_len(rest)..] {
            [] => return Ok(target),
            [b'?'] => return Ok(target),
            [b'?', query @ ..] => return if is_target(query) { Ok(target) } else { Err(Refusal::BadTarget) },
            [b'%', high, low, after @ ..] if hex_digit(*high).is_some() && hex_digit(*low).is_some() => rest = after,
            [b'%', ..] => return Err(Refusal::BadEscape),
            _ => return Err(Refusal::BadTarget),
        }
    }
}

/// Returns the rest after `http://` or `https://`; the scheme is in either case (RFC 3986, section
/// 3.1).
fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    [b"http://".as_slice(), b"https://"].into_iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_origin_absolute_and_asterisk_form() {
        let path = |method: &[u8], target: &'static [u8]| Target::parse(method, target).map(|target| target.path);
        assert_eq!(path(b"GET", b"/a?b=c"), Ok(b"/a?b=c".as_slice()));
        assert_eq!(path(b"GET", b"http://a.example/b?c"), Ok(b"/b?c".as_slice()));
        assert_eq!(path(b"GET", b"HTTPS://a.example"), Ok(b"/".as_slice()));
        assert_eq!(path(b"OPTIONS", b"*"), Ok(b"*".as_slice()));
        assert_eq!(path(b"OPTIONS", b"http://a.example"), Ok(b"*".as_slice()));
    }

    #[test]
    fn serves_what_browsers_send_raw() {
        for target in ["/[slug]/a|b^c", "/a;b='(c)'!$&*+,:@~", "/{a}`", "/%5b%FF", "/?q=<b>\"\\^`{|}", "/?100%", "/?"] {
            assert_eq!(Target::parse(b"GET", target.as_bytes()).map(|target| target.path), Ok(target.as_bytes()));
        }
    }

    #[test]
    fn refuses_every_other_form() {
        for (method, target, why) in [
            ("GET", "*", Refusal::BadTargetForm),
            ("GET", "a.example:80", Refusal::BadTargetForm),
            ("GET", "path", Refusal::BadTargetForm),
            ("GET", "ftp://a.example/", Refusal::BadTargetForm),
            ("GET", "http:/a", Refusal::BadTargetForm),
            ("GET", "http://a.example?b", Refusal::BadTargetForm),
            ("GET", "http:///b", Refusal::BadHost),
            ("GET", "http://user@a.example/", Refusal::BadHost),
            ("GET", "http://a.example\\@b/", Refusal::BadHost),
            ("GET", "/a#b", Refusal::BadTarget),
            ("GET", "/a\u{e4}", Refusal::BadTarget),
            ("GET", "/a\tb", Refusal::BadTarget),
            ("GET", "/a\\b", Refusal::BadTarget),
            ("GET", "/<a>", Refusal::BadTarget),
            ("GET", "/\"a", Refusal::BadTarget),
            ("GET", "/?a\u{e4}", Refusal::BadTarget),
            ("GET", "/?a#b", Refusal::BadTarget),
            ("GET", "/%", Refusal::BadEscape),
            ("GET", "/%4?a", Refusal::BadEscape),
            ("GET", "/a%zz", Refusal::BadEscape),
            ("GET", "/%41%4g", Refusal::BadEscape),
            ("GET", "http://a.example/%u0041", Refusal::BadEscape),
            ("GET", "", Refusal::BadTarget),
            ("CONNECT", "a.example:443", Refusal::Connect),
        ] {
            assert_eq!(Target::parse(method.as_bytes(), target.as_bytes()), Err(why), "{method} {target}");
        }
    }
}
