//! Routes, and what is done for their requests.

#[test]
fn every_mistake_about_a_route_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
[[site.route]]
prefix = "/"
backend = "app"
[[site.route]]
prefix = "/api"
backend = "app"
[[site.route]]
prefix = "/api/"
backend = "app""#, &[
        "fosse.toml:14:10: the site's backend has all paths that no route names; remove backend or this route",
        "fosse.toml:20:10: prefix /api has a route already; remove one",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
[[site.route]]
prefix = "api"
backend = "app"
[[site.route]]
prefix = "/a%20b"
backend = "app"
[[site.route]]
prefix = "/a/../b"
backend = "app"
[[site.route]]
prefix = "/x?y=1"
backend = "app"
[[site.route]]
prefix = "/only""#, &[
        "fosse.toml:13:10: prefix: \"api\" does not begin with a slash; write \"/api\"",
        "fosse.toml:16:10: prefix: \"/a%20b\" holds an encoded character; write the prefix in plain characters",
        "fosse.toml:19:10: prefix: \"/a/../b\" holds an empty, \".\" or \"..\" part; write the plain path",
        "fosse.toml:22:10: prefix: \"/x?y=1\" is more than a path; leave out query, fragment and stars",
        "fosse.toml:24:1: [[site.route]] needs backend; it takes the name of a [[backend]]",
    ]),
    (r#"[[site]]
hosts = ["b.org"]
route = [{ prefix = "/a", backend = "app", method = "GET" }, "x"]"#, &[
        "fosse.toml:12:44: unknown key \"method\" in [[site.route]]; did you mean when?",
        "fosse.toml:12:62: route is a string; write it as a table [[site.route]]",
    ]),
    (r#"[[site]]
hosts = ["b.org"]
backend = "app"
redirect = "//evil.example"
respond_body = "x"
redirect_status = 304
deny_networks = ["10.0.0.1/8", "unix"]
[[site.route]]
path = "/a"
prefix = "/b"
redirect = "https://x.example/{1}"
backend = "app"
[[site.route]]
backend = "app"
[[site.route]]
regex = "^/(a"
respond = 99
[[site.route]]
regex = "^/(a)"
rewrite = "/{2}"
[[site.route]]
glob = "/*"
strip_prefix = true
rewrite = "x"
[[site.route]]
prefix = "/p"
strip_prefix = true
rewrite = "/x"
[[site.route]]
path = "/r"
respond = 204
add_prefix = "/x"
respond_type = "text"
[[site.route]]
path = "/s"
[site.route.when]
header = ["=x"]
method = ["get"]
listener = ["127.0.0.1:9"]
[[site.route]]
regex = "^/(a)"
respond = 404"#, &[
        "fosse.toml:13:12: redirect: \"//evil.example\" is no place to go to; begin it with \"https://\", \"http://\", \"{scheme}://\" or a slash",
        "fosse.toml:14:16: a body without respond; add respond = 200",
        "fosse.toml:15:19: redirect_status takes 301, 302, 303, 307 or 308, not 304",
        "fosse.toml:16:18: deny_networks: \"10.0.0.1/8\" has bits set after its prefix; write \"10.0.0.0/8\"",
        "fosse.toml:16:32: deny_networks takes networks, and a unix socket has no address",
        "fosse.toml:19:10: a route has one of path, prefix, glob and regex; write a route for each",
        "fosse.toml:20:12: one of backend, redirect and respond is done; remove the others",
        "fosse.toml:20:12: {1} is a group of regex, which has 0; write regex with as many groups in parentheses",
        "fosse.toml:22:1: [[site.route]] names no requests; add path, prefix, glob, regex or when; what is for all requests belongs in [[site]]",
        "fosse.toml:25:9: regex: \"^/(a\" is no regular expression: unclosed group",
        "fosse.toml:26:11: respond must be between 200 and 599",
        "fosse.toml:29:11: {2} is a group of regex, which has 1; write regex with as many groups in parentheses",
        "fosse.toml:32:16: strip_prefix takes off the prefix, and there is none; write prefix in place of path, glob or regex, or use rewrite",
        "fosse.toml:33:11: rewrite: \"x\" is no path; begin it with a slash",
        "fosse.toml:36:16: rewrite makes the whole path; remove one of the two",
        "fosse.toml:41:14: only a request that goes to a backend has a path to change; remove it",
        "fosse.toml:42:16: respond_type: \"text\" is no media type; write one such as \"text/plain\"",
        "fosse.toml:46:11: header: \"=x\" names nothing; write NAME, NAME=VALUE or !NAME",
        "fosse.toml:47:11: method: \"get\" is in lower case, and methods are compared exactly; write capital letters",
        "fosse.toml:50:9: regex ^/(a) has a route already; remove one",
    ]),
];
