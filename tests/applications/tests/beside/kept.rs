//! Which responses are kept for others: each is asked for twice, and the application says which of
//! the two requests it has responded to.

use std::net::SocketAddr;

use crate::peers::{Peers, Row, ask};

const NGINX: &str = "location / { proxy_cache kept; proxy_cache_key $scheme$host$request_uri$http_x_say; {pass} }";

/// What the application says comes from a request's header, which is in the key for that.
macro_rules! kept {
    ($lines:literal) => {
        concat!("{pass}\ncache = true\ncache_key_headers = [\"X-Say\", \"Accept-Encoding\"]\n", $lines)
    };
}

pub(crate) const ROWS: &[Row] = &[
    Row { name: "kept", keys: &["cache", "cache_key_headers"], fosse: kept!(""), nginx: NGINX, ..Row::NONE },
    Row {
        name: "cookies",
        keys: &["cache_key_cookies"],
        fosse: kept!("cache_key_cookies = [\"lang\"]"),
        nginx: "location / { proxy_cache kept; proxy_cache_key $scheme$host$request_uri$http_x_say$cookie_lang; {pass} }",
        ..Row::NONE
    },
    Row {
        name: "query",
        keys: &["cache_key_query"],
        fosse: kept!("cache_key_query = [\"page\"]"),
        nginx: "location / { proxy_cache kept; proxy_cache_key $scheme$host$uri$http_x_say$arg_page; {pass} }",
        ..Row::NONE
    },
    Row { name: "errors", keys: &["cache_errors"], fosse: kept!("cache_errors = true"), nginx: NGINX, ..Row::NONE },
    Row {
        name: "set-cookie",
        keys: &["cache_set_cookie"],
        fosse: kept!("cache_set_cookie = true"),
        nginx: "location / { proxy_ignore_headers Set-Cookie; proxy_cache kept; proxy_cache_key $scheme$host$request_uri$http_x_say; {pass} }",
        ..Row::NONE
    },
    Row {
        name: "seconds",
        keys: &["cache_seconds"],
        fosse: kept!("cache_seconds = 60"),
        nginx: "location / { proxy_cache_valid 200 60s; proxy_cache kept; proxy_cache_key $scheme$host$request_uri$http_x_say; {pass} }",
        ..Row::NONE
    },
    Row {
        name: "authorized",
        keys: &["cache_authorized"],
        fosse: kept!("cache_authorized = true"),
        nginx: "location / { proxy_cache kept; proxy_cache_key $scheme$host$request_uri$http_x_say$http_authorization; {pass} }",
        ..Row::NONE
    },
    Row {
        name: "key-only",
        keys: &["cache_key_only"],
        fosse: kept!("cache_key_only = true"),
        nginx: NGINX,
        ..Row::NONE
    },
];

/// Two requests to a site for the same, and whether the second gets what the first one got.
#[derive(Debug)]
struct Pair {
    site: &'static str,
    methods: &'static str,
    /// What is behind the path, of each.
    queries: [&'static str; 2],
    /// Header lines of both, and of each.
    both: &'static str,
    each: [&'static str; 2],
    here: bool,
    at_nginx: bool,
    reason: &'static str,
}

const FRESH: &str = "X-Say: Cache-Control: max-age=60";

/// Two requests that differ in nothing, or in their methods.
const fn same(methods: &'static str, both: &'static str, is_kept: bool) -> Pair {
    Pair {
        site: "kept",
        methods,
        queries: ["", ""],
        both,
        each: ["", ""],
        here: is_kept,
        at_nginx: is_kept,
        reason: "",
    }
}

/// Requests with these header lines each.
const fn with(
    site: &'static str,
    both: &'static str,
    each: [&'static str; 2],
    here: bool,
    at_nginx: bool,
    reason: &'static str,
) -> Pair {
    Pair { site, methods: "GET GET", queries: ["", ""], both, each, here, at_nginx, reason }
}

const BASIC: &str = "Authorization: Basic YW5uOnNlY3JldA==";
const OTHER: &str = "Authorization: Basic Ym9iOnNlY3JldA==";

const PAIRS: &[Pair] = &[
    same("GET GET", FRESH, true),
    same("GET GET", "", false),
    same("GET GET", "X-Say: Cache-Control: no-store", false),
    same("GET GET", "X-Say: Cache-Control: private, max-age=60", false),
    same("GET GET", "X-Say: Cache-Control: no-cache", false),
    same("GET GET", "X-Say: Cache-Control: max-age=0", false),
    same("GET GET", "X-Say: Cache-Control: s-maxage=60", true),
    same("GET GET", "X-Say: Cache-Control: s-maxage=0, max-age=60", false),
    same("GET GET", "X-Say: Expires: Thu, 01 Jan 1970 00:00:00 GMT", false),
    same("GET GET", "X-Say: Expires: Fri, 01 Jan 2100 00:00:00 GMT", true),
    same("GET GET", "X-Say: Cache-Control: max-age=60\nX-Say: Set-Cookie: a=1", false),
    same("GET GET", "X-Say: Cache-Control: max-age=60\nX-Say: Vary: *", false),
    same("POST POST", FRESH, false),
    same("POST GET", FRESH, false),
    with("kept", FRESH, ["", "Pragma: no-cache"], true, true, ""),
    with(
        "kept",
        FRESH,
        ["", "Cache-Control: no-cache"],
        false,
        true,
        "RFC 9111, section 5.2.1.4: whoever says so wants it confirmed",
    ),
    with(
        "kept",
        FRESH,
        [BASIC, BASIC],
        false,
        true,
        "RFC 9111, section 3.5: it is one client's own unless the application says otherwise",
    ),
    with(
        "kept",
        FRESH,
        ["Cookie: session=1", "Cookie: session=1"],
        false,
        true,
        "what is said to a session is nobody else's",
    ),
    with("cookies", FRESH, ["Cookie: lang=de; session=1", "Cookie: session=2; lang=de"], true, true, ""),
    with("cookies", FRESH, ["Cookie: lang=de", "Cookie: lang=fr"], false, false, ""),
    with("cookies", FRESH, ["Cookie: session=1", ""], true, true, ""),
    Pair { queries: ["?page=1&utm=a", "?utm=b&page=1"], ..with("query", FRESH, ["", ""], true, true, "") },
    Pair { queries: ["?page=1", "?page=2"], ..with("query", FRESH, ["", ""], false, false, "") },
    Pair { queries: ["?a=1", "?a=2"], ..with("kept", FRESH, ["", ""], false, false, "") },
    with("set-cookie", "X-Say: Cache-Control: max-age=60\nX-Say: Set-Cookie: a=1", ["", ""], true, true, ""),
    with("seconds", "", ["", ""], true, true, ""),
    with("seconds", "X-Say: Cache-Control: no-store", ["", ""], false, false, ""),
    with("authorized", "X-Say: Cache-Control: public, max-age=60", [BASIC, BASIC], true, true, ""),
    with("authorized", "X-Say: Cache-Control: public, max-age=60", [BASIC, OTHER], false, false, ""),
    with("authorized", FRESH, [BASIC, BASIC], false, true, "RFC 9111, section 3.5"),
];

/// Returns whether the second of two requests gets what the first one got.
fn is_kept(address: SocketAddr, at: usize, pair: &Pair) -> bool {
    let (first, second) = pair.methods.split_once(' ').unwrap();
    let send = |method, number: usize, agent: &str| {
        let target: &'static str = format!("/{at}{}", pair.queries[number]).leak();
        let fields: &'static str = format!("User-Agent: {agent}\n{}\n{}", pair.both, pair.each[number]).leak();
        ask(address, pair.site, (method, target, fields, if method == "POST" { "abc" } else { "" }))
    };
    // The application says what it was asked, which no other request is: by its agent or number.
    let came = send(first, 0, "first").text().into_owned();
    assert!(came.contains("body "), "{came}");
    send(second, 1, "second").text() == came
}

#[test]
fn what_is_kept_for_others_is_what_nginx_keeps_but_for_what_has_a_reason() {
    let servers = Peers::start(ROWS);
    let mut found = Vec::new();
    for (at, pair) in PAIRS.iter().enumerate() {
        assert_eq!(pair.here == pair.at_nginx, pair.reason.is_empty(), "{pair:?}");
        let mut compare = |name: &str, address, expected| {
            let said = is_kept(address, at, pair);
            if said != expected {
                found.push(format!("{name} {said}: {pair:?}"));
            }
        };
        compare("fosse", servers.edge.address(), pair.here);
        servers.of(&ROWS[0]).for_each(|(name, address)| compare(name, address, pair.at_nginx));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(servers.edge.alarms(), Vec::<String>::new());
}

/// Statuses of errors that say for how long they are fresh, and whether the second request gets
/// the response to the first: with `cache_errors`, without it, at nginx.
const ERRORS: &[(&str, bool, bool, bool)] =
    &[("/status/404", true, false, true), ("/status/410", true, false, true), ("/status/500", true, false, true)];

#[test]
fn errors_are_kept_as_nginx_keeps_them_where_the_configuration_says_so() {
    let servers = Peers::start(ROWS);
    let is_kept = |address, site: &'static str, path: &'static str| {
        let before = servers.app.requests();
        for _ in 0..2 {
            assert!(ask(address, site, ("GET", path, FRESH, "")).status >= 400);
        }
        servers.app.requests() == before + 1
    };
    for (path, here, without, at_nginx) in ERRORS {
        assert_eq!(is_kept(servers.edge.address(), "errors", path), *here, "{path}");
        assert_eq!(is_kept(servers.edge.address(), "kept", path), *without, "{path}");
        for (name, address) in servers.of(&ROWS[3]) {
            assert_eq!(is_kept(address, "errors", path), *at_nginx, "{name} {path}");
        }
    }
}

#[test]
fn with_the_key_alone_nothing_else_of_a_request_reaches_what_others_get() {
    let servers = Peers::start(ROWS);
    let ask = |agent: &'static str| ask(servers.edge.address(), "key-only", ("GET", "/", agent, ""));
    let first = ask("X-Say: Cache-Control: max-age=60\nUser-Agent: first\nAccept-Language: de");
    assert!(!first.text().contains("first") && !first.text().contains(": de"), "{}", first.text());
}
