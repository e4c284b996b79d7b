//! Policies as waf-filter sees them, and the sets of rules that they name.

use std::collections::HashMap;

use fosse_settings as blobs;

use super::sites::{Numbered, name};
use crate::backends::Backends;
use crate::exclusions;
use crate::model::{Edge, OverLimit, Site, Utf8, Waf};
use crate::policy::Policy;
use crate::section::At;

/// The different lists of rules that sites name; sites with the same list share a set.
#[derive(Debug, Default)]
pub(crate) struct RuleSets {
    /// Entry patterns of each set, joined.
    pub entries: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl RuleSets {
    /// Collects the sets in the order of the sites.
    pub(crate) fn of(sites: &[At<Site>]) -> Self {
        let mut sets = Self::default();
        let policies = sites.iter().flat_map(|site| Policy::of(site));
        for policy in policies.filter(|policy| policy.waf() != Waf::Off) {
            let patterns = patterns(&policy);
            if !patterns.is_empty() && !sets.numbers.contains_key(&patterns) {
                // The rows allow 10,000 sites of 1,000 routes.
                sets.numbers.insert(patterns.clone(), u32::try_from(sets.entries.len()).unwrap_or(u32::MAX));
                sets.entries.push(patterns);
            }
        }
        sets
    }

    fn index(&self, policy: &Policy<'_>) -> Option<u32> {
        self.numbers.get(&patterns(policy)).copied()
    }
}

fn patterns(policy: &Policy<'_>) -> String {
    fosse_bundle::join_patterns(policy.rules().iter().map(|pattern| pattern.0.as_str()))
}

/// Returns whether the rules of some policy inspect responses.
pub(crate) fn some_inspects(edge: &Edge) -> bool {
    edge.site.iter().flat_map(|site| Policy::of(site)).any(|policy| policy.inspects())
}

/// Returns the settings of waf-filter.
pub(crate) fn waf_filter(
    edge: &Edge,
    numbered: &Numbered,
    backends: &Backends<'_>,
    rules: &RuleSets,
) -> blobs::WafFilter {
    let (mut policies, mut profiles) = (Vec::new(), Vec::new());
    for site in edge.site.iter() {
        // Most routes of a site are evaluated as the site is.
        let (first, exclusions) = (profiles.len(), exclusions::seclang(site));
        for policy in Policy::of(site) {
            let profile = waf_profile(&policy, &exclusions, rules);
            let known = profiles[first..].iter().position(|other| *other == profile).map(|at| first + at);
            let number = super::number_of(known.unwrap_or_else(|| {
                profiles.push(profile);
                profiles.len() - 1
            }));
            let (whole, calls) = (policy.whole_for(backends).is_some(), policy.streams_calls(backends));
            policies.push(blobs::WafPolicy { profile: number, buffer_requests: whole, streams_calls: calls });
        }
    }
    if !numbered.redirects.is_empty() || numbered.challenges.policy.is_some() {
        policies.extend(numbered.redirects.waf_filter(profiles.len()));
        policies.extend(numbered.challenges.waf_filter(profiles.len()));
        profiles.push(blobs::WafProfile { waf: blobs::WafMode::Off, ..blobs::WafProfile::default() });
    }
    blobs::WafFilter {
        sites: numbered.routes.clone(),
        policies,
        profiles,
        lane_held_bytes_max: edge.limits.lane_held_bytes_max.0,
    }
}

fn waf_profile(policy: &Policy<'_>, exclusions: &str, rules: &RuleSets) -> blobs::WafProfile {
    let waf = match policy.waf() {
        Waf::Off => blobs::WafMode::Off,
        Waf::Detect => blobs::WafMode::Detect,
        Waf::Block => blobs::WafMode::Block,
    };
    let body_over_limit = match policy.body_over_limit() {
        OverLimit::Reject => blobs::OverLimit::Reject,
        OverLimit::PassInPart => blobs::OverLimit::PassInPart,
    };
    blobs::WafProfile {
        name: name(policy.site),
        waf,
        utf8: policy.utf8() == Utf8::Require,
        body_bytes_max: policy.body_bytes_max().0,
        body_over_limit,
        rules: if waf == blobs::WafMode::Off { None } else { rules.index(policy) },
        exclusions: exclusions.to_owned(),
        rules_milliseconds_max: policy.rules_milliseconds_max(),
        inspect_responses: policy.inspects(),
    }
}
