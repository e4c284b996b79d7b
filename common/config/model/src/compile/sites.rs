//! Sites as parse, waf-filter and dispatch see them.

use std::cmp::Reverse;

use fosse_settings as blobs;

use super::backends::buffering;
use crate::backends::Backends;
use crate::buffering::whole_for;
use crate::exclusions;
use crate::model::{Edge, OverLimit, Site, Underscores, Utf8, Waf};
use crate::names::Name;
use crate::problem::{Problems, Span};
use crate::section::At;

/// The different lists of rules that sites name; sites with the same list share a set.
#[derive(Debug, Default)]
pub(crate) struct RuleSets {
    /// Entry patterns of each set, joined.
    pub entries: Vec<String>,
}

impl RuleSets {
    /// Collects the sets in the order of the sites.
    pub(crate) fn of(sites: &[At<Site>]) -> Self {
        let mut sets = Self::default();
        for site in sites.iter().filter(|site| site.waf.value != Waf::Off) {
            let patterns = patterns(site);
            if !patterns.is_empty() && !sets.entries.contains(&patterns) {
                sets.entries.push(patterns);
            }
        }
        sets
    }

    fn index(&self, site: &Site) -> Option<u32> {
        let patterns = patterns(site);
        let at = self.entries.iter().position(|entry| *entry == patterns)?;
        u32::try_from(at).ok()
    }
}

fn patterns(site: &Site) -> String {
    fosse_bundle::join_patterns(site.rules.iter().map(|pattern| pattern.0.as_str()))
}

/// Returns the canonical hosts as parse compares them.
fn hosts(site: &Site) -> Vec<String> {
    site.hosts.iter().map(|host| host.value.written()).collect()
}

/// Returns the name of a site in logs.
fn name(site: &Site) -> String {
    site.hosts.iter().next().map_or_else(|| "default".to_owned(), |host| host.value.written())
}

/// Returns the settings of parse for one site.
pub(crate) fn parse(site: &Site, backends: &Backends<'_>, problems: &mut Problems) -> blobs::ParseSite {
    // What waf-filter does not look at has its limits here.
    let off = site.waf.value == Waf::Off;
    // A firewall that is tried out, or absent, takes no method from an application unasked.
    let listed = site.waf.value == Waf::Block || site.methods.written().is_some();
    blobs::ParseSite {
        hosts: hosts(site),
        name: name(site),
        methods: site.methods.iter().map(|method| method.0.clone()).collect(),
        other_methods: !listed,
        body_bytes_max: if off { site.body_bytes_max.0 } else { u64::MAX },
        utf8: off && site.utf8.value == Utf8::Require,
        routes: if backends.some_aborts { routes(site, backends, problems) } else { Vec::new() },
    }
}

/// Returns the settings of waf-filter.
pub(crate) fn waf_filter(
    edge: &Edge,
    backends: &Backends<'_>,
    rules: &RuleSets,
    problems: &mut Problems,
) -> blobs::WafFilter {
    let sites = edge.site.iter().map(|site| waf_site(site, backends, rules, problems)).collect();
    blobs::WafFilter {
        sites,
        buffer_requests: buffering(&edge.backend),
        lane_held_bytes_max: edge.limits.lane_held_bytes_max.0,
    }
}

fn waf_site(site: &Site, backends: &Backends<'_>, rules: &RuleSets, problems: &mut Problems) -> blobs::WafSite {
    let waf = match site.waf.value {
        Waf::Off => blobs::WafMode::Off,
        Waf::Detect => blobs::WafMode::Detect,
        Waf::Block => blobs::WafMode::Block,
    };
    let body_over_limit = match site.body_over_limit.value {
        OverLimit::Reject => blobs::OverLimit::Reject,
        OverLimit::PassInPart => blobs::OverLimit::PassInPart,
    };
    let is_whole_for_backend = waf == blobs::WafMode::Off && whole_for(site, backends).is_some();
    blobs::WafSite {
        name: name(site),
        waf,
        utf8: site.utf8.value == Utf8::Require,
        body_bytes_max: site.body_bytes_max.0,
        body_over_limit,
        rules: if waf == blobs::WafMode::Off { None } else { rules.index(site) },
        exclusions: exclusions::seclang(site),
        rules_milliseconds_max: site.rules_milliseconds_max.value,
        inspect_responses: inspects(site),
        routes: if is_whole_for_backend { routes(site, backends, problems) } else { Vec::new() },
    }
}

/// Returns whether rules inspect a site's responses.
pub(crate) fn inspects(site: &Site) -> bool {
    site.inspect_responses.value && site.waf.value != Waf::Off && !site.rules.is_empty()
}

/// Returns the settings of dispatch for one site.
pub(crate) fn dispatch(site: &Site, backends: &Backends<'_>, problems: &mut Problems) -> blobs::DispatchSite {
    let routes = routes(site, backends, problems);
    let underscores = match site.underscores.value {
        Underscores::Drop => blobs::Underscores::Drop,
        Underscores::Pass => blobs::Underscores::Pass,
        Underscores::Refuse => blobs::Underscores::Refuse,
    };
    let remove_response_headers = site.remove_response_headers.iter().map(|name| name.0.to_ascii_lowercase()).collect();
    blobs::DispatchSite {
        hosts: hosts(site),
        default: site.default.value,
        routes,
        underscores,
        remove_response_headers,
        inspect_responses: inspects(site),
    }
}

/// Returns the routes of a site: the longest prefix first, its own backend last.
fn routes(site: &Site, backends: &Backends<'_>, problems: &mut Problems) -> Vec<blobs::Route> {
    let own = site.backend.as_ref().map(|name| blobs::Route {
        prefix: "/".to_owned(),
        backend: index(name, &site.backend.span, backends, problems),
    });
    let routed = site.route.iter().map(|route| blobs::Route {
        prefix: bare(&route.prefix.0).to_owned(),
        backend: index(&route.backend, &route.backend.span, backends, problems),
    });
    let mut routes: Vec<blobs::Route> = routed.chain(own).collect();
    routes.sort_by_key(|route| Reverse(route.prefix.len()));
    routes
}

/// Removes the slash at the end: "/api/" covers what "/api" covers. Only "/" keeps it.
fn bare(prefix: &str) -> &str {
    match prefix.strip_suffix('/') {
        Some("") | None => prefix,
        Some(bare) => bare,
    }
}

/// Returns the number of a backend, or notes that there is none of this name. The checks have found
/// it before.
fn index(name: &Name, span: &Span, backends: &Backends<'_>, problems: &mut Problems) -> u32 {
    backends.number(name).unwrap_or_else(|| {
        problems.note(span, format!("there is no backend \"{}\"", name.0));
        0
    })
}
