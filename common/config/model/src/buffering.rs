//! The sites whose request bodies are buffered until all of them is there.

use crate::backends::Backends;
use crate::model::{Backend, OverLimit, Site, Waf};

/// Returns whether request bodies of a site are buffered whole: for the firewall, or for a backend
/// that has `buffer_requests`.
#[must_use]
pub fn buffers_whole(site: &Site, backends: &Backends<'_>) -> bool {
    match site.waf.value {
        Waf::Off => whole_for(site, backends).is_some(),
        Waf::Detect | Waf::Block => site.body_over_limit.value == OverLimit::Reject,
    }
}

/// Returns whether the filter has anything to do for a site. Lanes of an edge without such a site
/// have none: parse writes to dispatch itself.
pub(crate) fn uses_filter(site: &Site, backends: &Backends<'_>) -> bool {
    site.waf.value != Waf::Off || whole_for(site, backends).is_some()
}

/// Returns a backend of a site that has `buffer_requests`.
pub(crate) fn whole_for<'a>(site: &Site, backends: &Backends<'a>) -> Option<&'a Backend> {
    let routed = site.route.iter().map(|route| &route.backend.value);
    let mut named = site.backend.value.iter().chain(routed).filter_map(|name| backends.get(name));
    named.find(|backend| backend.buffers_requests())
}
