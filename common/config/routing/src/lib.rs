//! fosse-routing: which site owns a host, which backend takes a path, and which script of it.
//! Parse, waf-filter and dispatch decide with it, `fosse explain` shows it.

#![forbid(unsafe_code)]

mod scripts;
mod sites;

use std::borrow::Cow;

use fosse_http1::percent;
use fosse_settings::{DispatchSite, Route};

pub use scripts::{Script, script};
pub use sites::Sites;

/// Returns whether `host`, as parse found it, belongs to the site that parse named.
#[must_use]
pub fn owns(site: &DispatchSite, host: &[u8]) -> bool {
    site.default || site.hosts.iter().any(|h| matches(h.as_bytes(), host))
}

fn matches(pattern: &[u8], host: &[u8]) -> bool {
    match pattern.strip_prefix(b"*") {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host,
    }
}

/// Returns the backend of the longest prefix that matches the target's path; routes are sorted so.
/// The path is compared as the application will understand it: `/%61pi/../admin` is `/admin`.
#[must_use]
pub fn backend(site: &DispatchSite, target: &[u8]) -> Option<usize> {
    backend_of(&site.routes, target).and_then(|backend| usize::try_from(backend).ok())
}

/// Does as [`backend`], with the routes alone.
#[must_use]
pub fn backend_of(routes: &[Route], target: &[u8]) -> Option<u32> {
    let raw = target.split(|b| *b == b'?').next().unwrap_or_default();
    let plain = !raw.contains(&b'%') && !raw.windows(2).any(|pair| matches!(pair, b"/." | b"//"));
    let path = if plain { Cow::Borrowed(raw) } else { Cow::Owned(normalised(raw)) };
    routes.iter().find(|r| takes(r.prefix.as_bytes(), &path)).map(|route| route.backend)
}

/// Returns the path with escapes decoded, then empty and dot segments resolved (RFC 3986, sections
/// 6.2.2 and 5.2.4).
fn normalised(raw: &[u8]) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let decoded = percent::decode(raw);
    for segment in decoded.split(|b| *b == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut path = Vec::with_capacity(decoded.len());
    for segment in segments {
        path.push(b'/');
        path.extend_from_slice(segment);
    }
    if path.is_empty() || decoded.ends_with(b"/") {
        path.push(b'/');
    }
    path
}

/// A prefix matches at a segment's end: `/a` takes `/a` and `/a/b`, not `/ab`; `*` (OPTIONS) goes
/// to `/`.
fn takes(prefix: &[u8], path: &[u8]) -> bool {
    if prefix == b"/" {
        return true;
    }
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins_and_only_at_a_segments_end() {
        let route = |prefix: &str, backend| Route { prefix: prefix.into(), backend };
        let site =
            DispatchSite { routes: vec![route("/api/v2", 2), route("/api", 1), route("/", 0)], ..Default::default() };
        for (target, expected) in [
            ("/", 0),
            ("/%61pi/x", 1),
            ("/x/../api", 1),
            ("//api/./v2/", 2),
            ("/api/..%2fx", 0),
            ("/api", 1),
            ("/api/x?y=/api/v2", 1),
            ("/apis", 0),
            ("/api/v2/z", 2),
            ("/api/v2?", 2),
            ("*", 0),
        ] {
            assert_eq!(backend(&site, target.as_bytes()), Some(expected), "{target}");
        }
        assert_eq!(backend(&DispatchSite { routes: vec![route("/a", 0)], ..Default::default() }, b"/b"), None);
    }

    #[test]
    fn a_wildcard_takes_names_below_it_and_not_itself() {
        let site = DispatchSite { hosts: vec!["*.example.org".into(), "b.example".into()], ..Default::default() };
        assert!(owns(&site, b"a.example.org") && owns(&site, b"b.example"));
        assert!(!owns(&site, b"example.org") && !owns(&site, b"evil-example.org"));
    }
}
