//! Any bytes as the target of a request that looks for its backend.

use fosse_routing::{backend as backend_of, script as script_of};
use fosse_settings::{DispatchSite, FastCgi, Route};

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

/// Whatever a target is, the script that runs for it lies in a directory that the configuration
/// spells out and is no hidden file, and a query has no say.
pub fn script(data: &[u8]) {
    let fastcgi = FastCgi {
        scripts: vec!["/login.php".into(), "/admin/*.php".into()],
        index: Some("index.php".into()),
        path_info: data.len() % 2 == 1,
        ..FastCgi::default()
    };
    let found = script_of(&fastcgi, data);
    let path = data.split(|byte| *byte == b'?').next().unwrap_or_default();
    assert_eq!(script_of(&fastcgi, path), found, "the query decides");
    let Some(script) = found else { return };
    assert!(script.path_info.is_empty() || fastcgi.path_info && script.path_info.starts_with(b"/"));
    let in_admin = script.name.strip_prefix(b"/admin/").and_then(|rest| rest.strip_suffix(b".php"));
    let is_file = |name: &[u8]| !name.contains(&b'/') && !name.contains(&0) && !name.starts_with(b".");
    assert!(script.name == b"/login.php" || in_admin.is_some_and(is_file), "{}", script.name.escape_ascii());
}
