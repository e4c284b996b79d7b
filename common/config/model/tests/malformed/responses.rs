//! What becomes of responses: pages, files, rates, copies, codings and the cache.

#[test]
fn every_mistake_about_a_response_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
response_bytes_per_second = 1023
response_rate_after_bytes = -1
source_bytes_per_second = true
[[site.route]]
prefix = "/a"
response_bytes_per_second = 1
[[site]]
hosts = ["b.org"]
backend = "app"
response_rate_after_bytes = "1 MiB"
[[site.route]]
prefix = "/a"
response_bytes_per_second = 0
response_rate_after_bytes = 5"#, &[
        "fosse.toml:13:29: response_bytes_per_second is less than 1024: clients would take such a response for dead; write 1024 or more, or 0 for no limit",
        "fosse.toml:14:29: response_rate_after_bytes must not be negative",
        "fosse.toml:15:27: source_bytes_per_second takes a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB), this is true or false",
        "fosse.toml:18:29: response_bytes_per_second is less than 1024: clients would take such a response for dead; write 1024 or more, or 0 for no limit",
        "fosse.toml:22:29: response_rate_after_bytes, but there is no rate after them; add response_bytes_per_second",
        "fosse.toml:26:29: response_rate_after_bytes, but there is no rate after them; add response_bytes_per_second",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
waf = "off"
inspect_responses = true"#, &[
        "fosse.toml:14:21: responses cannot be inspected where waf is \"off\"; use waf = \"detect\", or remove inspect_responses",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
rules = []
inspect_responses = true"#, &[
        "fosse.toml:14:21: responses are inspected by rules, and the site has none; name rules, or remove inspect_responses",
    ]),
    (r#"[[site]]
hosts = ["z"]
respond = 503
respond_body = "x"
respond_file = "a.html"
error_json = "yes"
intercept_errors = [200, "4xx", "600"]
[[site.error]]
[[site.error]]
status = []
file = "a.html"
[[site.route]]
path = "/a"
backend = "app"
respond_file = "a*.html"
[[site.route.error]]
status = ["3xx", 404, "5xx"]
[[site.route.error]]
status = [404]
file = "/srv/404.html"
text = "x"
content_type = "html"
[[site.route]]
path = "/b"
backend = "app"
respond_file = "a.html""#, &[
        "fosse.toml:14:16: a response has one body; remove respond_body or respond_file",
        "fosse.toml:15:14: error_json takes true or false, this is a string",
        "fosse.toml:16:21: intercept_errors: \"200\" is neither a status of 400 to 599 nor a range of them",
        "fosse.toml:16:33: intercept_errors: \"600\" is neither a status of 400 to 599 nor a range of them",
        "fosse.toml:17:1: [[site.error]] has no page; add file = \"PATH\" or text = \"...\"",
        "fosse.toml:17:1: [[site.error]] needs status; it takes a list of statuses such as 404, \"502-504\" or \"5xx\"",
        "fosse.toml:19:10: status must have between 1 and 64 entries",
        "fosse.toml:24:16: respond_file: \"a*.html\" is a pattern; name one file",
        "fosse.toml:25:1: [[site.error]] has no page; add file = \"PATH\" or text = \"...\"",
        "fosse.toml:26:11: status: \"3xx\" is neither a status of 400 to 599 nor a range of them",
        "fosse.toml:30:8: a page is a file or a text; remove one",
        "fosse.toml:31:16: content_type: \"html\" is no media type; write one such as \"text/plain\"",
        "fosse.toml:35:16: a body without respond; add respond = 200",
    ]),
    (r#"[[site]]
hosts = ["z"]
backend = "app"
send_files = "app"
[[site.route]]
path = "/a"
send_files = "nowhere"
[[site]]
hosts = ["y"]
backend = "app"
send_files_prefix = "/p"
[[site.route]]
path = "/a"
send_files_prefix = "p""#, &[
        "fosse.toml:13:14: backend \"app\" serves no files; name one that has files = \"/srv/files\"",
        "fosse.toml:16:14: there is no backend \"nowhere\"; add a [[backend]] of this name",
        "fosse.toml:20:21: send_files_prefix without send_files; add send_files = \"BACKEND\"",
        "fosse.toml:23:21: send_files_prefix: \"p\" does not begin with a slash; write \"/p\"",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
cache = "yes"
cache_key_headers = ["X A"]
cache_key_cookies = ["a=b"]
cache_key_query = ["a&b"]
cache_seconds = 99999999
[[site]]
hosts = ["b.org"]
backend = "app"
[[site.route]]
path = "/x"
cache = true
forward_auth = { backend = "app", path = "/auth" }"#, &[
        "fosse.toml:13:9: cache takes true or false, this is a string",
        "fosse.toml:14:22: cache_key_headers: \"X A\" is not the name of a header",
        "fosse.toml:15:22: cache_key_cookies: \"a=b\" is not the name of a cookie",
        "fosse.toml:16:20: cache_key_query: \"a&b\" is not the name of a parameter",
        "fosse.toml:17:17: cache_seconds takes a number of seconds, at most three digits after the point",
        "fosse.toml:23:9: what forward_auth lets one client have is not for others, and is not kept; remove cache, or write forward_auth for other routes alone",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
compress = "gzip"
compress_types = ["text", "text/html; charset=utf-8", "*+"]
compress_bytes_min = "1 MiB"
compress_secrets = "yes"
[[site.route]]
prefix = "/a"
compress = ["gzip", "gzip 9"]
[[site.route]]
prefix = "/b"
compress = ["brotli"]
[[site.route]]
prefix = "/c"
compress = ["br 11"]"#, &[
        "fosse.toml:13:12: compress takes true, false, or a list of \"zstd\", \"br\" and \"gzip\", this is a string; put it in square brackets",
        "fosse.toml:14:19: compress_types: \"text\" is not a media type such as \"text/html\", \"text/*\" or \"*+json\"",
        "fosse.toml:14:27: compress_types: \"text/html; charset=utf-8\" is not a media type such as \"text/html\", \"text/*\" or \"*+json\"; leave parameters out",
        "fosse.toml:14:55: compress_types: \"*+\" is not a media type such as \"text/html\", \"text/*\" or \"*+json\"",
        "fosse.toml:15:22: compress_bytes_min must be between 0 and 16384 bytes",
        "fosse.toml:16:20: compress_secrets takes true or false, this is a string",
        "fosse.toml:19:21: compress names a coding twice; remove one",
        "fosse.toml:22:13: compress: there is no coding \"brotli\"; did you mean \"br\"?",
        "fosse.toml:25:13: compress: \"br 11\" is no level of br; it has 1 to 6: \"br 4\"",
    ]),
    (r#"[site.mirror]
backend = "app"
percent = 0
[[site]]
hosts = ["m.example"]
backend = "app"
mirror = true
[[site]]
hosts = ["n.example"]
backend = "php"
mirror = { backend = "disk" }
[[site.route]]
prefix = "/a"
mirror = { backend = "php", percent = 101 }
[[site.route]]
prefix = "/b"
backend = "announced"
mirror = { backend = "announced", share = 1 }
[[site.route]]
prefix = "/c"
backend = "disk"
mirror = false
[[site.route]]
prefix = "/d"
mirror = { backend = "nowhere" }
[[backend]]
name = "php"
servers = ["unix:/run/php.sock"]
fastcgi = { root = "/srv/www", front_controller = "/index.php" }
[[backend]]
name = "disk"
files = "/srv/www"
[[backend]]
name = "announced"
servers = ["127.0.0.1:1"]
proxy_protocol = "v2""#, &[
        "fosse.toml:6:11: backend \"app\" is a mirror, whose copies would take connections from requests; name its servers in a [[backend]] of another name",
        "fosse.toml:12:11: percent must be between 1 and 100",
        "fosse.toml:15:11: backend \"app\" is a mirror, whose copies would take connections from requests; name its servers in a [[backend]] of another name",
        "fosse.toml:16:10: mirror = true does not say how; write it as a table",
        "fosse.toml:19:11: backend \"php\" is a mirror, whose copies would take connections from requests; name its servers in a [[backend]] of another name",
        "fosse.toml:19:11: backend \"php\" speaks FastCGI, so its requests have no copies; add mirror = false",
        "fosse.toml:20:22: backend \"disk\" serves files; name one that speaks plain HTTP/1.1",
        "fosse.toml:23:22: backend \"php\" speaks FastCGI; name one that speaks plain HTTP/1.1",
        "fosse.toml:23:39: percent must be between 1 and 100",
        "fosse.toml:26:11: backend \"announced\" begins its connections with a PROXY header, so its requests have no copies; add mirror = false",
        "fosse.toml:26:11: backend \"announced\" is a mirror, whose copies would take connections from requests; name its servers in a [[backend]] of another name",
        "fosse.toml:27:22: backend \"announced\" begins its connections with a PROXY header; name one that speaks plain HTTP/1.1",
        "fosse.toml:27:35: unknown key \"share\" in [site.mirror]; known are backend, percent",
        "fosse.toml:30:11: backend \"disk\" is a mirror, whose copies would take connections from requests; name its servers in a [[backend]] of another name",
        "fosse.toml:34:22: there is no backend \"nowhere\"; add a [[backend]] of this name",
    ]),
];
