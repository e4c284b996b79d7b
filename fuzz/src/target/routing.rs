//! Any bytes as the target of a request that looks for its policy, and for what that makes of it.

use fosse_http1::{HeadLimits, RequestHead, is_target};
use fosse_routing::{Facts, Router, Routes, script as script_of};
use fosse_settings::{
    Condition, FastCgi, Parse, ParsePolicy, ParseSite, Part, PathMatch, Prefixes, Rewrite, Route, SiteRoutes, Template,
    Test, Variable,
};

fn settings() -> Parse {
    let rewrites = [
        ParsePolicy::default(),
        ParsePolicy {
            rewrite: Rewrite::Prefix(Prefixes { strip: "/admin/x".into(), add: "/b".into() }),
            ..ParsePolicy::default()
        },
        ParsePolicy { rewrite: Rewrite::Prefix(Prefixes::default()), ..ParsePolicy::default() },
        ParsePolicy {
            pattern: "^/g/([^/]*)/(.*)$".into(),
            rewrite: Rewrite::To(Template(vec![Part::Text("/n/".into()), Part::Group(2), Part::Group(1)])),
            ..ParsePolicy::default()
        },
        ParsePolicy {
            redirect: Some(Template(vec![Part::Variable(Variable::Path), Part::Header("x".into())])),
            ..ParsePolicy::default()
        },
        ParsePolicy::default(),
    ];
    let paths = [
        (PathMatch::Prefix("/admin/x".into()), vec![]),
        (PathMatch::Prefix("/admin".into()), vec![]),
        (PathMatch::Regex("^/g/".into()), vec![]),
        (PathMatch::Glob("/**.r".into()), vec![]),
        (
            PathMatch::Exact("/a%".into()),
            vec![Condition::Query(Test { name: "q".into(), value: Some("a*b".into()), negated: false })],
        ),
    ];
    let routes = (1..).zip(paths).map(|(policy, (path, conditions))| Route { path, conditions, policy }).collect();
    let site = ParseSite { routes: SiteRoutes { policy: 0, routes, ..SiteRoutes::default() }, ..ParseSite::default() };
    Parse { sites: vec![site], policies: rewrites.to_vec(), default_site: Some(0), ..Parse::default() }
}

/// A detour through the root changes nothing of where a path leads, who checks a choice agrees with
/// it, and what goes on is a target.
pub fn policy(data: &[u8]) {
    let head = RequestHead::parse(b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", &HeadLimits::DEFAULT).expect("a head");
    let settings = settings();
    let (router, routes) = (Router::new(&settings), Routes::new(&settings.sites[0].routes));
    let choose = |target: &[u8]| router.policy(0, || facts(&head, target));
    let found = choose(data);
    let Ok(found) = found else { return };
    assert!(routes.may_choose(data, found), "who checks it refuses it");
    if data.starts_with(b"/") {
        for detour in [&b"/."[..], b"/x/..", b"/%2e", b"/..", b"/"] {
            assert_eq!(choose(&[detour, data].concat()), Ok(found), "{}", detour.escape_ascii());
        }
    }
    if let Ok(changed) = router.changed(found, &facts(&head, data), 8192) {
        assert!(changed.target.is_none_or(|target| is_target(&target) && target.starts_with(b"/")));
        assert!(changed.location.is_none_or(|to| to.iter().all(u8::is_ascii_graphic) && !to.starts_with(b"//")));
    }
}

fn facts<'a>(head: &'a RequestHead<'_>, target: &'a [u8]) -> Facts<'a> {
    Facts {
        client: None,
        client_bytes: [0; 16],
        client_port: 0,
        listener: 0,
        secure: false,
        method: b"GET",
        host: b"a",
        host_port: 0,
        request: 0,
        target,
        handshake: fosse_handshake::Handshake::default(),
        headers: &head.fields,
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
