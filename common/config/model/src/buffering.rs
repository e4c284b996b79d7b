//! The sites whose request bodies are buffered until all of them is there.

use crate::backends::Backends;
use crate::model::Site;
use crate::policy::Policy;

/// Returns whether request bodies of a site, or of a route of it, are buffered whole.
#[must_use]
pub fn buffers_whole(site: &Site, backends: &Backends<'_>) -> bool {
    Policy::of(site).any(|policy| policy.buffers_whole(backends))
}

/// Returns whether the filter has anything to do for a site. Lanes of an edge without such a site
/// have none: parse writes to dispatch itself.
pub(crate) fn uses_filter(site: &Site, backends: &Backends<'_>) -> bool {
    Policy::of(site).any(|policy| policy.uses_filter(backends))
}
