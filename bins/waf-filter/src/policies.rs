//! The policies: what each asks for, and the rules it has.

use fosse_routing::Routes;
use fosse_seclang::Ruleset;
use fosse_settings::{WafFilter, WafMode, WafPolicy, WafProfile};
use fosse_wire::{WireError, request::RequestHead};

use crate::{limits::BODY_BYTES_DEFAULT, rules::Rules};

/// The settings and rules of all policies. Nothing here changes while the program runs.
#[derive(Debug)]
pub(crate) struct Policies {
    routes: Vec<Routes>,
    policies: Vec<WafPolicy>,
    profiles: Vec<WafProfile>,
    fallback: WafProfile,
    rules: Rules,
}

impl Policies {
    /// Arranges the policies of a configuration. Numbers beyond them block, as in a shell all do.
    pub(crate) fn new(config: WafFilter, rules: Rules) -> Self {
        let fallback = WafProfile { body_bytes_max: BODY_BYTES_DEFAULT, ..WafProfile::default() };
        let routes = config.sites.iter().map(Routes::new).collect();
        Self { routes, policies: config.policies, profiles: config.profiles, fallback, rules }
    }

    /// Checks whether the request may have the policy that parse has given it.
    ///
    /// # Errors
    /// [`WireError::Field`] where it may not: parse is not itself any more.
    pub(crate) fn check(&self, head: &RequestHead<'_>) -> Result<(), WireError> {
        if self.routes.is_empty() {
            return Ok(());
        }
        let routes = usize::try_from(head.site).ok().and_then(|site| self.routes.get(site));
        let may = routes.is_some_and(|routes| routes.may_choose(head.received_target(), head.policy));
        if may { Ok(()) } else { Err(WireError::Field("policy")) }
    }

    /// Tells whether calls of gRPC are streams for the backend of a policy, whose bodies nobody
    /// holds.
    pub(crate) fn streams_calls(&self, number: u32) -> bool {
        self.policy(number).is_some_and(|policy| policy.streams_calls)
    }

    /// Tells whether the backend of a policy gets every body whole.
    pub(crate) fn buffers_for_backend(&self, number: u32) -> bool {
        self.policy(number).is_some_and(|policy| policy.buffer_requests)
    }

    /// Returns what is evaluated under a policy. A number that no policy has gets the strictest
    /// there is.
    pub(crate) fn profile(&self, number: u32) -> &WafProfile {
        self.number(number).and_then(|profile| self.profiles.get(profile)).unwrap_or(&self.fallback)
    }

    /// Returns the rules of a policy; `None` where it has the protocol checks alone.
    pub(crate) fn rules(&self, number: u32) -> Option<&'static Ruleset> {
        self.rules.of_profile(self.number(number).unwrap_or(usize::MAX))
    }

    fn policy(&self, number: u32) -> Option<&WafPolicy> {
        usize::try_from(number).ok().and_then(|number| self.policies.get(number))
    }

    fn number(&self, policy: u32) -> Option<usize> {
        usize::try_from(self.policy(policy)?.profile).ok()
    }
}

/// Tells whether the responses of a profile are evaluated.
pub(crate) fn inspects_responses(profile: &WafProfile) -> bool {
    profile.inspect_responses && profile.waf != WafMode::Off
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_settings::{PathMatch, Route, SiteRoutes};

    fn sample() -> Policies {
        let watched = WafProfile { waf: WafMode::Detect, body_bytes_max: 7, ..WafProfile::default() };
        let open = Route { path: PathMatch::Prefix("/open".into()), conditions: vec![], policy: 1 };
        let config = WafFilter {
            sites: vec![SiteRoutes { policy: 0, routes: vec![open], ..SiteRoutes::default() }],
            policies: vec![
                WafPolicy { profile: 0, buffer_requests: true, streams_calls: false },
                WafPolicy { profile: 1, buffer_requests: false, streams_calls: true },
            ],
            profiles: vec![watched, WafProfile { waf: WafMode::Off, ..WafProfile::default() }],
            ..WafFilter::default()
        };
        Policies::new(config, Rules::default())
    }

    #[test]
    fn a_policy_that_no_table_has_blocks() {
        let policies = sample();
        assert_eq!((policies.profile(0).waf, policies.profile(0).body_bytes_max), (WafMode::Detect, 7));
        assert_eq!((policies.profile(2).waf, policies.profile(2).body_bytes_max), (WafMode::Block, BODY_BYTES_DEFAULT));
        assert_eq!(policies.profile(u32::MAX).waf, WafMode::Block);
        assert!(
            policies.buffers_for_backend(0) && !policies.buffers_for_backend(1) && !policies.buffers_for_backend(2)
        );
    }

    #[test]
    fn a_policy_of_other_paths_ends_the_conversation() {
        let policies = sample();
        let head =
            |target, received, policy, site| RequestHead { target, received, policy, site, ..RequestHead::default() };
        assert!(policies.check(&head(b"/open/x", b"", 1, 0)).is_ok());
        assert!(policies.check(&head(b"/x", b"/open/x", 1, 0)).is_ok());
        assert!(policies.check(&head(b"/x", b"", 0, 0)).is_ok());
        for (target, received, policy, site) in
            [(&b"/x"[..], &b""[..], 1, 0), (b"/open/x", b"/x", 1, 0), (b"/open", b"", 0, 0), (b"/x", b"", 0, 1)]
        {
            assert_eq!(policies.check(&head(target, received, policy, site)), Err(WireError::Field("policy")));
        }
    }

    #[test]
    fn responses_where_the_firewall_is_off_are_not_inspected() {
        let profile = WafProfile { inspect_responses: true, ..WafProfile::default() };
        assert!(inspects_responses(&profile));
        assert!(!inspects_responses(&WafProfile { waf: WafMode::Off, ..profile }));
        assert!(!inspects_responses(&WafProfile::default()));
    }
}
