//! Logs, regression tests, and settings as programs get them.

use fosse_settings::{
    Accept, AcceptListener, Check, CheckedServer, Dispatch, DispatchPolicy, DispatchSite, FollowedName, Net, Parse,
    ParseSite, PathMatch, Prober, Resolve, Route, SiteRoutes, WafFilter, WafPolicy, WafProfile,
};
use fosse_wire::blob::encode;

use super::{texts, with_first};

/// Tokens of regression tests.
pub const YAML: &[&[u8]] = &[
    b"---\n",
    b"tests:\n",
    b"  - test_id: 1\n",
    b"    stages:\n",
    b"      - input:\n",
    b"          uri: \"/\"\n",
    b"          data: |\n",
    b"        output:\n",
    b"          status: 403\n",
    b"          log:\n",
    b"            expect_ids: [1]\n",
    b"  ",
    b": ",
    b"- ",
    b"\"",
    b"'",
    b"\n",
    b"\\x41",
];

/// Regression tests, what a server sends, and a log.
pub fn regressions() -> Vec<Vec<u8>> {
    texts(&[
        "---\nmeta:\n  author: a\nrule_id: 1\ntests:\n  - test_id: 1\n    desc: \"b\"\n    stages:\n      - input:\n          \
         dest_addr: \"127.0.0.1\"\n          port: 80\n          method: \"GET\"\n          uri: \"/?a=%00\"\n          \
         headers:\n            Host: \"a\"\n            Accept: '*/*'\n          data: |\n            a=b\n            c\n        \
         output:\n          status: 403\n          log:\n            expect_ids: [1]\n            no_expect_ids: [2]\n",
        "version: \"v1\"\ntest_overrides:\n  - rule_id: 1\n    test_ids: [1, 2]\n    reason: \"a\"\n    output:\n      status: 400\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-A: b\r\n\r\na",
        "ModSecurity: Warning. [file \"a\"] [id \"920100\"] [msg \"b\"]\nrules=920100:1,3\n",
    ])
}

/// What programs write, in steps.
pub fn logs() -> Vec<Vec<u8>> {
    let long = [&[b'a'; 5000][..], b"\nb\n"].concat();
    let mut all = with_first(&[1, 3, 255], &texts(&["fosse-a: info: event=b c=\"\u{e4}\"\n\nrest"]));
    all.extend(with_first(&[200], &[long]));
    all
}

/// Settings of each program.
pub fn blobs() -> Vec<Vec<u8>> {
    let net = Net { addr: [1; 16], prefix: 128 };
    let listener = AcceptListener {
        address_connections_max: 300,
        peer_uids: vec![7],
        trusted: vec![net],
        trusted_unix: true,
        tls: true,
        http2: true,
    };
    let accept = Accept { connections_max: 70_000, listeners: vec![listener] };
    let parse = Parse { sites: vec![ParseSite::default()], default_site: Some(1), ..Parse::default() };
    let filter = WafFilter {
        profiles: vec![WafProfile { rules: Some(1), ..WafProfile::default() }],
        policies: vec![WafPolicy { profile: 0, buffer_requests: true, streams_calls: false }],
        lane_held_bytes_max: 1 << 40,
        ..WafFilter::default()
    };
    let route = Route { path: PathMatch::Prefix("/a".into()), conditions: vec![], policy: 1 };
    let routes = SiteRoutes { policy: 0, routes: vec![route], ..SiteRoutes::default() };
    let dispatch = Dispatch {
        sites: vec![DispatchSite { routes, ..DispatchSite::default() }],
        policies: vec![DispatchPolicy::default()],
        ..Dispatch::default()
    };
    let check = Check { path: "/health".into(), status: vec![(200, 399)], ..Check::default() };
    let prober = Prober { checks: vec![check], servers: vec![CheckedServer::default()] };
    let name = FollowedName { name: "app.internal".into(), numbers: vec![7, 8], ..FollowedName::default() };
    let resolve = Resolve { name_servers: vec![([0; 16], 53)], names: vec![name] };
    let encoded =
        [encode(&accept), encode(&parse), encode(&filter), encode(&dispatch), encode(&prober), encode(&resolve)];
    let numbered = (0u8..).zip(encoded).filter_map(|(program, bytes)| Some([&[program][..], &bytes.ok()?].concat()));
    numbered.collect()
}

/// Tokens of files of users.
pub const USER: &[&[u8]] = &[b":", b"\n", b"#", b"$2y$", b"$argon2id$v=19$", b"m=8192,t=1,p=2", b"$", b"04", b"\r\n"];

/// Files of users.
pub fn users() -> Vec<Vec<u8>> {
    let bcrypt = "$2y$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";
    let argon = "$argon2id$v=19$m=8192,t=1,p=2$cUZBS2gxaGlQenBpd0dvZw$TDhGeW946UsF+nE5DiCcpvQ27QDXnesRihnYyBxRh1M";
    let texts = [
        format!("# staff\n\nann:{bcrypt}\r\nbob:{argon}\n"),
        format!("ann:{bcrypt}\nann:{argon}"),
        "ann:$apr1$x$y\nbob:secret\ncarl:rqXexS6ZhobKA\n".to_owned(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}
