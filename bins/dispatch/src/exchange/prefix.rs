//! Paths of an application that serves a part of a site: what it says of its own paths is what
//! clients would ask for.

use fosse_settings::Prefixes;
use fosse_wire::request::RequestHead;

use super::forwarded::put_authority;

/// The prefixes of a policy, and the authority that the client asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside<'a> {
    pub(crate) prefixes: &'a Prefixes,
    pub(crate) authority: &'a [u8],
}

/// Returns the authority that a client asked for.
pub(super) fn authority(head: &RequestHead<'_>) -> Vec<u8> {
    let mut authority = Vec::new();
    put_authority(&mut authority, head.host, head.host_port);
    authority
}

impl Outside<'_> {
    /// Returns the value of a response's field as clients may use it; `None` where it stays as it
    /// is. Names are compared without case.
    pub(super) fn value(&self, name: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        match name.len() {
            8 if name.eq_ignore_ascii_case(b"location") => self.location(value),
            16 if name.eq_ignore_ascii_case(b"content-location") => self.location(value),
            10 if name.eq_ignore_ascii_case(b"set-cookie") => self.cookie(value),
            _ => None,
        }
    }

    /// A path, or an address of the host that was asked for (RFC 9110, section 10.2.2).
    fn location(&self, value: &[u8]) -> Option<Vec<u8>> {
        if value.starts_with(b"/") && !value.starts_with(b"//") {
            return self.path(value);
        }
        let schemes = [&b"http://"[..], b"https://"];
        let scheme = schemes
            .into_iter()
            .find(|scheme| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?;
        let rest = &value[scheme.len()..];
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !authority.eq_ignore_ascii_case(self.authority) || !path.starts_with(b"/") {
            return None;
        }
        Some([&value[..scheme.len() + end], &self.path(path)?].concat())
    }

    /// The Path of a cookie (RFC 6265, section 5.2.4).
    fn cookie(&self, value: &[u8]) -> Option<Vec<u8>> {
        let mut changed = false;
        let parts = value.split(|byte| *byte == b';').enumerate().map(|(at, part)| {
            let blank = part.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let (name, path) = part[blank..].split_at_checked(5).unwrap_or_default();
            match self.path(path).filter(|_| at > 0 && name.eq_ignore_ascii_case(b"path=")) {
                Some(path) => {
                    changed = true;
                    [&part[..blank], name, &path].concat()
                }
                None => part.to_vec(),
            }
        });
        let parts: Vec<Vec<u8>> = parts.collect();
        changed.then(|| parts.join(&b';'))
    }

    /// The path of the application as clients know it. One that has the prefix already comes from
    /// an application that reads X-Forwarded-Prefix.
    fn path(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (strip, add) = (self.prefixes.strip.as_bytes(), self.prefixes.add.as_bytes());
        if !path.starts_with(b"/") || !strip.is_empty() && below(strip, path).is_some() {
            return None;
        }
        let rest = below(add, path)?;
        let rest: &[u8] = if rest.is_empty() && strip.is_empty() { b"/" } else { rest };
        Some([strip, rest].concat())
    }
}

/// Returns what is left of a path, with its query, below a prefix.
fn below<'a>(prefix: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(prefix)?;
    matches!(rest, [] | [b'/' | b'?' | b'#', ..]).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_get_the_prefix_back_and_others_stay() {
        let prefixes = Prefixes { strip: "/shop".into(), add: "/app".into() };
        let outside = Outside { prefixes: &prefixes, authority: b"a.example:8080" };
        for (name, value, expected) in [
            ("Location", "/app/x?y", Some("/shop/x?y")),
            ("Location", "/app", Some("/shop")),
            ("Location", "/apps", None),
            ("Location", "/shop/x", None),
            ("Location", "//other.example/app", None),
            ("Location", "https://A.example:8080/app/", Some("https://A.example:8080/shop/")),
            ("Location", "https://a.example/app/", None),
            ("Location", "x", None),
            ("Content-Location", "/app/#f", Some("/shop/#f")),
            ("Set-Cookie", "a=path=/app; Path=/app; HttpOnly", Some("a=path=/app; Path=/shop; HttpOnly")),
            ("Set-Cookie", "a=1;path=/app/b", Some("a=1;path=/shop/b")),
            ("Set-Cookie", "Path=/app", None),
            ("Set-Cookie", "a=1; Path=/", None),
            ("X-Other", "/app", None),
        ] {
            let found = outside.value(name.as_bytes(), value.as_bytes());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{name}: {value}");
        }
        let prefixes = Prefixes { strip: "/shop".into(), add: String::new() };
        let outside = Outside { prefixes: &prefixes, authority: b"a" };
        assert_eq!(outside.value(b"location", b"/"), Some(b"/shop/".to_vec()));
        let prefixes = Prefixes { strip: String::new(), add: "/app".into() };
        let outside = Outside { prefixes: &prefixes, authority: b"a" };
        assert_eq!(outside.value(b"location", b"/app"), Some(b"/".to_vec()));
        assert_eq!(outside.value(b"location", b"/app/x"), Some(b"/x".to_vec()));
    }
}
