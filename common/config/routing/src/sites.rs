//! The site of a host.

use std::collections::HashMap;

use fosse_settings::Parse;

/// The sites by host name.
#[derive(Debug)]
pub(crate) struct Sites {
    exact: HashMap<Vec<u8>, u32>,
    /// Keys are the names below the star, `example.org` for `*.example.org`.
    wildcard: HashMap<Vec<u8>, u32>,
    default_site: Option<u32>,
}

impl Sites {
    /// Arranges the sites of a configuration for looking up.
    pub(crate) fn new(settings: &Parse) -> Self {
        let mut exact = HashMap::new();
        let mut wildcard = HashMap::new();
        for (site, index) in settings.sites.iter().zip(0u32..) {
            for host in &site.hosts {
                match host.strip_prefix("*.") {
                    Some(below) => wildcard.entry(below.as_bytes().to_vec()).or_insert(index),
                    None => exact.entry(host.as_bytes().to_vec()).or_insert(index),
                };
            }
        }
        Self { exact, wildcard, default_site: settings.default_site }
    }

    /// Returns the site of a canonical host: by its name, by the longest star above it, or the
    /// default.
    pub(crate) fn of_host(&self, host: &[u8]) -> Option<u32> {
        self.exact.get(host).copied().or_else(|| self.below_star(host)).or(self.default_site)
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
    use fosse_settings::ParseSite;

    #[test]
    fn the_longest_name_wins_then_the_longest_star_then_the_default() {
        let site = |hosts: &[&str]| ParseSite {
            hosts: hosts.iter().map(|host| (*host).into()).collect(),
            ..ParseSite::default()
        };
        let sites = vec![site(&["a.example", "www.a.example"]), site(&["*.a.example"]), site(&["*.b.a.example"])];
        let mut settings = Parse { sites, ..Parse::default() };
        for (host, expected) in [
            ("a.example", Some(0)),
            ("www.a.example", Some(0)),
            ("x.a.example", Some(1)),
            ("y.x.a.example", Some(1)),
            ("b.a.example", Some(1)),
            ("x.b.a.example", Some(2)),
            ("example", None),
            ("aa.example", None),
        ] {
            assert_eq!(Sites::new(&settings).of_host(host.as_bytes()), expected, "{host}");
        }
        settings.default_site = Some(7);
        assert_eq!(Sites::new(&settings).of_host(b"other"), Some(7));
    }
}
