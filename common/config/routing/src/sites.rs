//! The site of a host.

use std::collections::HashMap;

use crate::pattern::{self, Set, Undecided};

/// The sites by host name.
#[derive(Debug)]
pub struct Sites {
    exact: HashMap<Vec<u8>, u32>,
    /// Keys are the names below the star, `example.org` for `*.example.org`.
    wildcard: HashMap<Vec<u8>, u32>,
    /// Regular expressions in the order of the file, with the site of each.
    regex: Option<(Set, Vec<u32>)>,
}

impl Sites {
    /// Arranges the hosts of each site for looking up: names, `*.NAME` and `~REGEX`.
    #[must_use]
    pub fn new<'a>(sites: impl Iterator<Item = &'a [String]>) -> Self {
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        let (mut regexes, mut owners) = (Vec::new(), Vec::new());
        for (hosts, index) in sites.zip(0u32..) {
            for host in hosts {
                if let Some(regex) = host.strip_prefix('~') {
                    regexes.push(pattern::of_host(regex));
                    owners.push(index);
                } else if let Some(below) = host.strip_prefix("*.") {
                    wildcard.entry(below.as_bytes().to_vec()).or_insert(index);
                } else {
                    exact.entry(host.as_bytes().to_vec()).or_insert(index);
                }
            }
        }
        let regex = (!regexes.is_empty()).then(|| (Set::new(&regexes), owners));
        Self { exact, wildcard, regex }
    }

    /// Returns the site that names a canonical host: by its name, by the longest star above it, or
    /// by the first regular expression that is found in it.
    ///
    /// # Errors
    /// [`Undecided`].
    pub fn of_host(&self, host: &[u8]) -> Result<Option<u32>, Undecided> {
        let named = self.exact.get(host).copied().or_else(|| self.below_star(host));
        match &self.regex {
            Some((set, owners)) if named.is_none() => {
                Ok(set.found_in(host)?.next().and_then(|found| owners.get(found).copied()))
            }
            _ => Ok(named),
        }
    }

    fn below_star(&self, host: &[u8]) -> Option<u32> {
        if self.wildcard.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some(dot) = rest.iter().position(|byte| *byte == b'.') {
            rest = &rest[dot + 1..];
            if let Some(site) = self.wildcard.get(rest) {
                return Some(*site);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(hosts: &[&[&str]]) -> Sites {
        let owned: Vec<Vec<String>> =
            hosts.iter().map(|site| site.iter().map(|host| (*host).into()).collect()).collect();
        Sites::new(owned.iter().map(Vec::as_slice))
    }

    #[test]
    fn the_longest_name_wins_then_the_longest_star_then_the_first_expression() {
        let sites = sites(&[
            &["a.example", "www.a.example", "~^shop-[0-9]+\\.example$"],
            &["*.a.example"],
            &["*.b.a.example", r"~^X.*\.a\.example$", r"~(?-i)^UPPER"],
            &["~\\.example$"],
        ]);
        for (host, expected) in [
            ("a.example", Some(0)),
            ("www.a.example", Some(0)),
            ("x.a.example", Some(1)),
            ("y.x.a.example", Some(1)),
            ("b.a.example", Some(1)),
            ("x.b.a.example", Some(2)),
            ("shop-17.example", Some(0)),
            ("shop-x.example", Some(3)),
            ("xyz.a.example", Some(1)),
            ("example", None),
            ("upper", None),
            ("aa.example", Some(3)),
        ] {
            assert_eq!(sites.of_host(host.as_bytes()), Ok(expected), "{host}");
        }
    }

    #[test]
    fn a_wildcard_takes_names_below_it_and_not_itself() {
        let sites = sites(&[&["*.example.org", "b.example"]]);
        for host in [&b"a.example.org"[..], b"b.example"] {
            assert_eq!(sites.of_host(host), Ok(Some(0)));
        }
        for host in [&b"example.org"[..], b"evil-example.org", b".example.com"] {
            assert_eq!(sites.of_host(host), Ok(None));
        }
    }
}
