//! Sites, their routes and their rules.

#[test]
fn every_mistake_about_a_site_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
    (r#"[[site]]
hosts = ["example.org"]
backend = "app""#, &[
        "fosse.toml:11:10: host example.org belongs to an earlier site; remove one",
    ]),
    (r#"[[site]]
hosts = ["EXAMPLE.net.", "example.net"]
backend = "app""#, &[
        "fosse.toml:11:26: host example.net is named twice here; remove one",
    ]),
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
backend = "app""#, &[
        "fosse.toml:10:1: [[site]] has no hosts; add hosts = [\"NAME\"], or default = true",
    ]),
    (r#"[[site]]
default = true
backend = "app"
[[site]]
default = true
backend = "app""#, &[
        "fosse.toml:14:11: an earlier site is the default already; remove one",
    ]),
    (r#"[[site]]
hosts = ["*", "https://example.org/", "a.*.org", "example.org:80", "müller.de", "-x.org", "1.2.3", "", "x..y"]
backend = "app""#, &[
        "fosse.toml:11:10: hosts: \"*\" is not a host name; write default = true for the site of all other hosts",
        "fosse.toml:11:15: hosts: \"https://example.org/\" is not a host name; write the name alone, without scheme and path",
        "fosse.toml:11:39: hosts: \"a.*.org\": a star is for the whole first part only; write *.NAME",
        "fosse.toml:11:50: hosts: \"example.org:80\" is not a host name; write it without the port",
        "fosse.toml:11:68: hosts: \"müller.de\" is not in ASCII; write the form that begins with xn--",
        "fosse.toml:11:81: hosts: \"-x.org\" is not a host name",
        "fosse.toml:11:91: hosts: \"1.2.3\" is neither a host name nor an address",
        "fosse.toml:11:100: hosts: \"\" is not a host name",
        "fosse.toml:11:104: hosts: \"x..y\" is not a host name",
    ]),
    (r#"[[site]]
hosts = ["~shop-(", "~.", "~a", "a.org"]
backend = "app"
[[site]]
hosts = ["~."]
backend = "app""#, &[
        "fosse.toml:11:10: hosts: \"shop-(\" is no regular expression: unclosed group",
        "fosse.toml:14:10: host ~. belongs to an earlier site; remove one",
    ]),
    (r#"[[site]]
hosts = "a.org"
backend = "app""#, &[
        "fosse.toml:11:9: hosts takes a list, this is a string; put it in square brackets",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "ap""#, &[
        "fosse.toml:12:11: there is no backend \"ap\"; did you mean \"app\"?",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "rails""#, &[
        "fosse.toml:12:11: there is no backend \"rails\"; add a [[backend]] of this name",
    ]),
    (r#"[[site]]
hosts = ["a.org"]"#, &[
        "fosse.toml:10:1: [[site]] has neither backend nor routes; add backend = \"NAME\"",
    ]),
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
hosts = ["a.org"]
backend = "app"
waf = "of"
underscores = "remove"
utf8 = true
body_over_limit = "pass""#, &[
        "fosse.toml:13:7: waf takes \"off\", \"detect\" or \"block\", not \"of\"; did you mean \"off\"?",
        "fosse.toml:14:15: underscores takes \"drop\", \"pass\" or \"refuse\", not \"remove\"",
        "fosse.toml:15:8: utf8 takes \"any\" or \"require\", this is true or false",
        "fosse.toml:16:19: body_over_limit takes \"reject\" or \"pass-in-part\", not \"pass\"; did you mean \"pass-in-part\"?",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
methods = ["get", "TRACE", "CONNECT", "", "GET POST"]"#, &[
        "fosse.toml:13:12: methods: \"get\" is in lower case, and methods are compared exactly; write capital letters",
        "fosse.toml:13:19: methods: TRACE gives request headers back to scripts and is never served; remove it",
        "fosse.toml:13:28: methods: CONNECT would make the edge an open proxy and is never served; remove it",
        "fosse.toml:13:39: methods: \"\" is not a method",
        "fosse.toml:13:43: methods: \"GET POST\" is not a method",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
methods = []"#, &[
        "fosse.toml:13:11: methods must have between 1 and 64 entries",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
body_bytes_max = "1 GB"
rules = ["crs/*/x.conf", "../x.conf", ""]"#, &[
        "fosse.toml:13:18: body_bytes_max takes a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB), not \"1 GB\"; write \"1 GiB\"",
        "fosse.toml:14:10: rules: \"crs/*/x.conf\" has a star before the last part; write one line per directory",
        "fosse.toml:14:26: rules: \"../x.conf\" holds an empty, \".\" or \"..\" part; write the plain path",
        "fosse.toml:14:39: rules: \"\" is not the path of a file",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
body_bytes_max = "1 GiB""#, &[
        "fosse.toml:13:18: body_bytes_max is more than a lane may hold for inspection, which is 67108864 bytes; raise lane_held_bytes_max in [limits]",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
waf = "off"
body_bytes_max = "2 GiB"
[[site.route]]
prefix = "/upload"
backend = "whole"
[[backend]]
name = "whole"
servers = ["127.0.0.1:3001"]
buffer_requests = true"#, &[
        "fosse.toml:13:18: body_bytes_max is more than the file for bodies has room for, which is 1073741824 bytes; raise spool_bytes_max in [limits]",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "whole"
body_over_limit = "pass-in-part"
[[backend]]
name = "whole"
servers = ["127.0.0.1:3001"]
buffer_requests = true"#, &[
        "fosse.toml:13:19: pass-in-part lets bodies of any length through, and backend \"whole\" wants them whole; raise body_bytes_max instead, or remove buffer_requests there",
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
hosts = ["a.org"]
backend = "app"
waf = "off"
body_over_limit = "pass-in-part"
body_bytes_max = "17 GiB""#, &[
        "fosse.toml:14:19: pass-in-part is about inspection, and waf is \"off\"; raise body_bytes_max instead",
        "fosse.toml:15:18: body_bytes_max must be between 0 and 17179869184 bytes",
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
rules = ["a.conf"]
[[site.exclude]]
argument = "q"
[[site.exclude]]
rules = ["942190-942100", -1, "x"]
tag = "a\" b"
path = "/x\"y"
argument = "q'""#, &[
        "fosse.toml:14:1: [[site.exclude]] names no rules; add rules = [NUMBER] or tag = \"TAG\"",
        "fosse.toml:17:10: rules: \"942190-942100\" is not the number of a rule or a range of numbers",
        "fosse.toml:17:27: rules must not be negative",
        "fosse.toml:17:31: rules: \"x\" is not the number of a rule or a range of numbers",
        "fosse.toml:18:7: tag: \"a\\\" b\" is not a tag",
        "fosse.toml:19:8: path: \"/x\\\"y\" holds a character that no path has",
        "fosse.toml:20:12: argument: \"q'\" is not a name that can stand in an exclusion",
    ]),
    (r#"[[site]]
hosts = ["b.org"]
backend = "app"
response_headers = { remove = ["X Runtime:"], set = { Connection = "close", "X-A" = "{hots}" }, add = { Host = "x" } }
rules = []
exclude = [{ rules = [1] }]"#, &[
        "fosse.toml:13:32: remove: \"X Runtime:\" is not the name of a header",
        "fosse.toml:13:55: set: \"Connection\" belongs to the connection, and is written by fosse alone; remove it",
        "fosse.toml:13:85: set: there is no variable \"hots\"; did you mean {host}?",
        "fosse.toml:13:103: Host is no header to change; write backend_host = \"NAME\"",
        "fosse.toml:15:11: exclusions without rules; remove rules = [], or name rules in it",
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
hosts = ["a.org"]
backend = "app"
forward_auth = true
[[site]]
hosts = ["b.org"]
backend = "app"
[site.forward_auth]
path = "auth"
copy_headers = ["X-Forwarded-For", "Content-Length", "X-User"]
decision_seconds = 0
sign_in = "//x/{1}"
[site.request_headers]
set = { "x-user" = "me", "X-Name" = "{header.X-USER}" }
[[site]]
hosts = ["c.org"]
backend = "app"
forward_auth = { backend = "ap", path = "/auth" }
[[site.route]]
path = "/x"
forward_auth = { backend = "php", path = "/auth", copy_headers = ["X-User"] }
request_headers = { default = { "X-User" = "nobody" } }
[[backend]]
name = "php"
servers = ["127.0.0.1:9000"]
fastcgi = { root = "/srv", front_controller = "/i.php" }"#, &[
        "fosse.toml:13:16: forward_auth = true does not say how; write it as a table",
        "fosse.toml:17:1: [site.forward_auth] needs backend; it takes a name of small letters, digits, - and _",
        "fosse.toml:18:8: path: \"auth\" does not begin with a slash; write the path alone, as in \"/health\"",
        "fosse.toml:19:17: copy_headers: \"X-Forwarded-For\" is written by fosse alone; remove it",
        "fosse.toml:19:36: copy_headers: \"Content-Length\" belongs to the connection, and is written by fosse alone; remove it",
        "fosse.toml:20:20: decision_seconds must be between 1 and 60 seconds",
        "fosse.toml:21:11: sign_in: \"//x/{1}\" is no place to go to; begin it with \"https://\", \"http://\" or a slash",
        "fosse.toml:23:7: x-user comes from forward_auth, by copy_headers; remove it from one of the two",
        "fosse.toml:23:7: {header.X-User} is what the client sent, whatever forward_auth says; remove it",
        "fosse.toml:27:28: there is no backend \"ap\"; did you mean \"app\"?",
        "fosse.toml:30:28: backend \"php\" speaks FastCGI, and forward_auth asks by HTTP/1.1; name one without a table fastcgi",
        "fosse.toml:31:31: X-User comes from forward_auth, by copy_headers; remove it from one of the two",
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
hosts = ["z"]
backend = "app"
identity_headers = ["Remote User"]
proxy_headers = "X-Forwarded-Host"
send_request_id = 1
[[site.request_headers.replace]]
header = "Host"
regex = "^(a)"
value = "{2}"
[[site.response_headers.replace]]
header = "Content-Length"
regex = "("
[[site.response_headers.replace]]
header = "X"
regex = "a"
value = "{nothing}""#, &[
        "fosse.toml:13:21: identity_headers: \"Remote User\" is not the name of a header",
        "fosse.toml:14:17: proxy_headers takes a list, this is a string; put it in square brackets",
        "fosse.toml:15:19: send_request_id takes true or false, this is a number",
        "fosse.toml:17:10: Host is no header to change; write backend_host = \"NAME\"",
        "fosse.toml:19:9: {2} is a group of regex, which has 1; write regex with as many groups in parentheses",
        "fosse.toml:20:1: [[site.request_headers.replace]] needs value; it takes a text, which may hold variables such as \"{host}\", and groups such as \"{1}\"",
        "fosse.toml:21:10: header: \"Content-Length\" belongs to the connection, and is written by fosse alone; remove it",
        "fosse.toml:22:9: regex: \"(\" is no regular expression: unclosed group",
        "fosse.toml:26:9: value: there is no variable \"nothing\"; known are client_address, client_port, host, authority, scheme, method, request_id, path, query, target, header.NAME",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
[site.signed_links]
keys = []
[[site]]
hosts = ["b.org"]
backend = "app"
[[site.route]]
prefix = "/a"
[site.route.signed_links]
keys = []
[[site.route]]
prefix = "/b"
[site.route.signed_links]
bind_client = true
[[site.route]]
prefix = "/c"
[site.route.signed_links]
keys = ["a.key", "a.key"]
expires_argument = "x-y"
signature_argument = "XY"
[[site.route]]
prefix = "/d"
[site.route.signed_links]
keys = ["a.key", "b.key", "c.key"]
expires_argument = "-"
signature_argument = "a b""#, &[
        "fosse.toml:14:8: keys must have between 1 and 2 entries",
        "fosse.toml:21:8: keys must have between 1 and 2 entries",
        "fosse.toml:24:1: [site.signed_links] needs keys; it takes the path of a file, relative to the directory of the configuration",
        "fosse.toml:28:1: applications may take the two arguments for one; give them names of other letters and digits",
        "fosse.toml:29:18: this file is named twice; remove one",
        "fosse.toml:35:8: keys must have between 1 and 2 entries",
        "fosse.toml:36:20: an argument without a letter has no name; write a word",
        "fosse.toml:37:22: signature_argument: \"a b\" is not the name of an argument in letters, digits, - and _",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
[site.basic_auth]
realm = "say \"hi\""
user_header = "Authorization"
[[site.route]]
prefix = "/a"
basic_auth = { users = ["ann", "bob:plain", "carl:$apr1$x$y", ":x"] }
[[site.route]]
prefix = "/b"
[site.route.basic_auth]
users = ["ann:$2y$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", "ann:$2y$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."]
user_header = "X-User"
[site.route.request_headers]
set = { X-USER = "me", X-Name = "{header.x-user}" }
[[site.route]]
prefix = "/c"
basic_auth = true
[[site.route]]
prefix = "/d"
basic_auth = {}
[[site.route]]
prefix = "/e"
basic_auth = { users = ["ann:$2y$14$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."], user_header = "X-Forwarded-For" }"#, &[
        "fosse.toml:13:1: [site.basic_auth] has no users; add users_file = \"FILE\", or users",
        "fosse.toml:14:9: realm: \"say \\\"hi\\\"\" cannot be shown by every browser; write up to 64 ASCII characters without quotes and backslashes",
        "fosse.toml:15:15: user_header: \"Authorization\" is what clients send the password in; write another name, or keep_authorization = true",
        "fosse.toml:18:25: users: a line is NAME:HASH, and this one has no colon",
        "fosse.toml:18:32: users: this is no hash of a password; make another one with \"fosse password\" or \"htpasswd -B -C 11\"",
        "fosse.toml:18:45: users: MD5 (apr1) is guessed by the billion a second; make another one with \"fosse password\" or \"htpasswd -B -C 11\"",
        "fosse.toml:18:63: users: a name has 1 to 255 bytes and no control character",
        "fosse.toml:22:78: a user of this name is named before; remove one",
        "fosse.toml:25:7: X-USER comes from basic_auth, by user_header; remove it from one of the two",
        "fosse.toml:25:7: {header.X-User} is what the client sent, whatever basic_auth says; remove it",
        "fosse.toml:28:14: basic_auth = true does not say how; write it as a table",
        "fosse.toml:31:14: [site.basic_auth] has no users; add users_file = \"FILE\", or users",
        "fosse.toml:34:25: users: a bcrypt cost of 14 is not between 4 and 13; make another one with \"fosse password\" or \"htpasswd -B -C 11\"",
        "fosse.toml:34:108: user_header: \"X-Forwarded-For\" is written by fosse alone; remove it",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
methods = ["GET"]
[site.cors]
origins = ["*", "null", "https://a.example/", "a.example", "https://a.example:x"]
credentials = true
[[site]]
hosts = ["b.org"]
backend = "app"
cors = { origins = [] }
response_headers.set = { access-control-allow-origin = "*" }
[[site]]
hosts = ["c.org"]
backend = "app"
cors = { origins = ["*", "https://a.example"], credentials = true }"#, &[
        "fosse.toml:14:1: browsers ask by OPTIONS before such a request, and methods leaves it out; add \"OPTIONS\" to methods",
        "fosse.toml:15:12: \"*\" covers all origins; remove the others, or \"*\"",
        "fosse.toml:15:17: origins: \"null\" is the origin of whatever a page puts into a frame; remove it",
        "fosse.toml:15:25: origins: \"https://a.example/\" is more than an origin; write scheme and host alone, without a slash at the end",
        "fosse.toml:15:47: origins: \"a.example\" has no scheme; write https://HOST",
        "fosse.toml:15:60: origins: \"https://a.example:x\" has no port; write a number, or leave it out",
        "fosse.toml:16:15: with \"*\" every page of the web could act as whoever looks at it; list the origins, or remove credentials",
        "fosse.toml:20:20: origins must have between 1 and 64 entries",
        "fosse.toml:21:24: Access-Control-Allow-Origin is written by cors; remove it from one of the two",
        "fosse.toml:25:21: \"*\" covers all origins; remove the others, or \"*\"",
        "fosse.toml:25:62: with \"*\" every page of the web could act as whoever looks at it; list the origins, or remove credentials",
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
