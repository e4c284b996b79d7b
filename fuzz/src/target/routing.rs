//! Any bytes as the target of a request that looks for its backend.

use fosse_routing::backend as backend_of;
use fosse_settings::{DispatchSite, Route};

/// A detour through the root changes nothing of where a path leads, and a query has no say.
pub fn backend(data: &[u8]) {
    let route = |(backend, prefix): (u32, &str)| Route { prefix: prefix.into(), backend };
    let routes = (0..).zip(["/admin/x", "/admin", "/a%", "/"]).map(route).collect();
    let site = DispatchSite { routes, ..DispatchSite::default() };
    let found = backend_of(&site, data);
    let path = data.split(|byte| *byte == b'?').next().unwrap_or_default();
    assert_eq!(backend_of(&site, path), found, "the query decides");
    if path.starts_with(b"/") {
        for detour in [&b"/."[..], b"/x/..", b"/%2e", b"/..", b"/"] {
            assert_eq!(backend_of(&site, &[detour, data].concat()), found, "{}", detour.escape_ascii());
        }
    }
}
