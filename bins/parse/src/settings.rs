//! What the configuration says, arranged for looking up.

use std::collections::HashMap;

use fosse_http1::{FIELDS_COUNT_MAX, HEAD_BYTES_MAX, HeadLimits, TARGET_BYTES_MAX};
use fosse_settings::{Net, Parse, ParseListener};

/// The settings of this generation.
#[derive(Debug)]
pub struct Settings {
    /// The compiled configuration as it came.
    pub blob: Parse,
    /// Limits of request heads.
    pub head: HeadLimits,
    exact: HashMap<Vec<u8>, u32>,
    /// Keys are the names below the star, `example.org` for `*.example.org`.
    wildcard: HashMap<Vec<u8>, u32>,
}

impl Settings {
    /// Arranges a blob. Numbers above the hard limits are brought down to them.
    #[must_use]
    pub fn new(blob: Parse) -> Self {
        let mut exact = HashMap::new();
        let mut wildcard = HashMap::new();
        for (site, index) in blob.sites.iter().zip(0u32..) {
            for host in &site.hosts {
                match host.strip_prefix("*.") {
                    Some(below) => wildcard.entry(below.as_bytes().to_vec()).or_insert(index),
                    None => exact.entry(host.as_bytes().to_vec()).or_insert(index),
                };
            }
        }
        let at_most = |value: u32, max: usize| usize::try_from(value).unwrap_or(max).min(max);
        let head_bytes = at_most(blob.head_bytes_max, HEAD_BYTES_MAX);
        let head = HeadLimits {
            target_bytes: at_most(blob.target_bytes_max, TARGET_BYTES_MAX),
            fields: at_most(blob.fields_max, FIELDS_COUNT_MAX),
            head_bytes,
            field_bytes: HeadLimits::DEFAULT.field_bytes.min(head_bytes),
        };
        Self { blob, head, exact, wildcard }
    }

    /// The settings without a configuration: one site for every host, for use in a shell.
    #[must_use]
    pub fn plain() -> Self {
        Self::new(Parse {
            listeners: vec![ParseListener::default()],
            default_site: Some(0),
            connections_max: 1024,
            head_ms: 10_000,
            body_ms: 30_000,
            idle_ms: 60_000,
            write_ms: 30_000,
            linger_ms: 2_000,
            drain_ms: 30_000,
            head_bytes_max: u32::MAX,
            target_bytes_max: u32::MAX,
            fields_max: u32::MAX,
            upgrades: vec!["websocket".into()],
            ..Parse::default()
        })
    }

    /// The site of a canonical host: by its name, by the longest star above it, or the default.
    #[must_use]
    pub fn site(&self, host: &[u8]) -> Option<u32> {
        self.exact.get(host).copied().or_else(|| self.below_star(host)).or(self.blob.default_site)
    }

    fn below_star(&self, host: &[u8]) -> Option<u32> {
        if self.wildcard.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some(dot) = rest.iter().position(|byte| *byte == b'.') {
            rest = rest.get(dot.saturating_add(1)..)?;
            if let Some(site) = self.wildcard.get(rest) {
                return Some(*site);
            }
        }
        None
    }

    /// The index of an upgrade token that may be offered to backends.
    #[must_use]
    pub fn upgrade(&self, token: &[u8]) -> Option<usize> {
        self.blob.upgrades.iter().position(|allowed| allowed.as_bytes().eq_ignore_ascii_case(token))
    }

    /// An upgrade token by its index, lower case; empty where there is none.
    #[must_use]
    pub fn upgrade_token(&self, index: Option<usize>) -> &[u8] {
        index.and_then(|index| self.blob.upgrades.get(index)).map_or(b"", |token| token.as_bytes())
    }

    /// One listener's settings.
    #[must_use]
    pub fn listener(&self, index: u16) -> Option<&ParseListener> {
        self.blob.listeners.get(usize::from(index))
    }

    /// Whether an address is a trusted proxy of a listener.
    #[must_use]
    pub fn trusts(&self, listener: u16, address: &[u8; 16]) -> bool {
        let nets: &[Net] = self.listener(listener).map_or(&[], |listener| &listener.trusted);
        nets.iter().any(|net| net.contains(address))
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
        let mut settings = Settings::new(Parse { sites, ..Parse::default() });
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
            assert_eq!(settings.site(host.as_bytes()), expected, "{host}");
        }
        settings.blob.default_site = Some(7);
        assert_eq!(settings.site(b"other"), Some(7));
    }
}
