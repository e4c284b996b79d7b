//! Responses that are kept: that nobody gets what is another's.

use crate::model::Site;
use crate::policy::Policy;
use crate::problem::Problems;

/// Notes the problems of the cache of a site and its routes.
pub(super) fn cache(site: &Site, problems: &mut Problems) {
    for policy in Policy::of(site) {
        if !policy.cache() || policy.forward_auth().is_none() {
            continue;
        }
        let own = policy.route.map(|route| &route.cache).filter(|cache| cache.value.is_some());
        let span = own.map_or(&site.cache.span, |cache| &cache.span);
        let what = "what forward_auth lets one client have is not for others, and is not kept";
        problems.note_with_cure(span, what, "remove cache, or write forward_auth for other routes alone");
        // What the site says of both is said once.
        if policy.route.is_none() {
            break;
        }
    }
}
