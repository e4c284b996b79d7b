//! The sites: what each asks for, and the rules it has.

use fosse_seclang::Ruleset;
use fosse_settings::{WafMode, WafSite};

use crate::{limits::BODY_BYTES_DEFAULT, rules::Rules};

/// The settings and rules of all sites. Nothing here changes while the program runs.
#[derive(Debug)]
pub(crate) struct Sites {
    settings: Vec<WafSite>,
    fallback: WafSite,
    rules: Rules,
    /// Numbers of the backends that get every body whole.
    buffer_requests: Vec<u32>,
}

impl Sites {
    /// Sites in the order of their numbers; numbers beyond them block, as in a shell all do.
    pub(crate) fn new(settings: Vec<WafSite>, buffer_requests: Vec<u32>, rules: Rules) -> Self {
        let fallback = WafSite { body_bytes_max: BODY_BYTES_DEFAULT, ..WafSite::default() };
        Self { settings, fallback, rules, buffer_requests }
    }

    /// Tells whether a body for this target of a site that is off goes to a backend that gets every
    /// body whole.
    pub(crate) fn buffers_for_backend(&self, number: u32, target: &[u8]) -> bool {
        let routes = &self.settings(number).routes;
        let backend = if routes.is_empty() { None } else { fosse_routing::backend_of(routes, target) };
        backend.is_some_and(|backend| self.buffer_requests.contains(&backend))
    }

    /// Returns the settings of a site. A number that no site has gets the strictest there are,
    /// since parse may be under a stranger's control.
    pub(crate) fn settings(&self, number: u32) -> &WafSite {
        usize::try_from(number).ok().and_then(|n| self.settings.get(n)).unwrap_or(&self.fallback)
    }

    /// Returns the rules of a site; `None` where it has the protocol checks alone.
    pub(crate) fn rules(&self, number: u32) -> Option<&'static Ruleset> {
        self.rules.of_site(number)
    }
}

/// Tells whether the responses of a site are evaluated.
pub(crate) fn inspects_responses(site: &WafSite) -> bool {
    site.inspect_responses && site.waf != WafMode::Off
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_no_table_has_blocks() {
        let watched = WafSite { waf: WafMode::Detect, body_bytes_max: 7, ..WafSite::default() };
        let sites = Sites::new(vec![watched], Vec::new(), Rules::default());
        assert_eq!((sites.settings(0).waf, sites.settings(0).body_bytes_max), (WafMode::Detect, 7));
        assert_eq!((sites.settings(1).waf, sites.settings(1).body_bytes_max), (WafMode::Block, BODY_BYTES_DEFAULT));
        assert_eq!(sites.settings(u32::MAX).waf, WafMode::Block);
    }

    #[test]
    fn responses_of_a_site_that_is_off_are_not_inspected() {
        let site = WafSite { inspect_responses: true, ..WafSite::default() };
        assert!(inspects_responses(&site));
        assert!(!inspects_responses(&WafSite { waf: WafMode::Off, ..site }));
        assert!(!inspects_responses(&WafSite::default()));
    }
}
