//! Responses that are kept: the settings of dispatch and of fosse-cache for them.

use std::hash::Hasher as _;

use fosse_plan::CacheDiskPlan;
use fosse_settings::{self as blobs, Action};
use fosse_wire::blob::encode;
use siphasher::sip::SipHasher13;

use crate::model::Edge;
use crate::policy::Policy;

/// Returns how the responses of a policy are kept; `None` where they are not. It has no tag yet.
pub(super) fn policy(policy: &Policy<'_>) -> Option<blobs::CachePolicy> {
    let is_kept = policy.caches() && policy.forward_auth().is_none();
    is_kept.then(|| blobs::CachePolicy {
        tag: 0,
        cache_key_headers: policy.cache_key_headers().iter().map(|name| name.0.to_ascii_lowercase()).collect(),
        cache_key_cookies: policy.cache_key_cookies().map(|names| names.iter().map(|name| name.0.clone()).collect()),
        cache_key_query: policy.cache_key_query().map(|names| names.iter().map(|name| name.0.clone()).collect()),
        cache_seconds: policy.cache_seconds().duration(),
        // Clients get pages of the site in place of those that are intercepted.
        cache_errors: policy.cache_errors() && policy.intercept_errors().is_empty(),
        cache_set_cookie: policy.cache_set_cookie(),
        cache_authorized: policy.cache_authorized(),
        cache_key_only: policy.cache_key_only(),
    })
}

/// Tags each policy by everything that a response to its requests depends on, numbers by which it
/// is known in this configuration excepted: another configuration that says the same finds what was
/// kept under this one. The whole gets the number by which a lane and the cache know each other's
/// numbers.
pub(super) fn tagged(mut dispatch: blobs::Dispatch) -> blobs::Dispatch {
    if !is_used(&dispatch) {
        return dispatch;
    }
    for at in 0..dispatch.policies.len() {
        let Some(mut own) = dispatch.policies.get(at).filter(|policy| policy.cache.is_some()).cloned() else {
            continue;
        };
        let backend = if let Action::Backend(number) = own.action { number } else { continue };
        own.action = Action::default();
        // Lanes change what clients get, whatever is kept.
        own.response_headers.clear();
        let backend = usize::try_from(backend).ok().and_then(|number| dispatch.backends.get(number));
        let name = backend.map_or("", |backend| backend.name.as_str());
        let tag = digest(&[name.as_bytes(), &encode(&own).unwrap_or_default()]);
        if let Some(cache) = dispatch.policies.get_mut(at).and_then(|policy| policy.cache.as_mut()) {
            cache.tag = tag;
        }
    }
    dispatch.configuration = digest(&[&encode(&dispatch).unwrap_or_default()]);
    dispatch
}

/// Returns whether some policy has its responses kept.
fn is_used(dispatch: &blobs::Dispatch) -> bool {
    dispatch.policies.iter().any(|policy| policy.cache.is_some())
}

/// Returns the settings of fosse-cache; `None` where it keeps nothing.
pub(super) fn settings(edge: &Edge, dispatch: &blobs::Dispatch) -> Option<blobs::Cache> {
    is_used(dispatch).then(|| blobs::Cache {
        configuration: dispatch.configuration,
        cached_response_bytes_max: edge.limits.cached_response_bytes_max.0,
    })
}

/// Returns the disk on which responses are kept, if there is one.
pub(super) fn disk(edge: &Edge) -> Option<CacheDiskPlan> {
    let cache_disk_bytes_max = edge.limits.cache_disk_bytes_max.0;
    let cache_directory = edge.cache_directory.0.clone().into_bytes();
    (cache_disk_bytes_max > 0).then_some(CacheDiskPlan { cache_directory, cache_disk_bytes_max })
}

fn digest(parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write(&part.len().to_le_bytes());
        hasher.write(part);
    }
    hasher.finish()
}
