//! Sites and their rules.

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
body_over_limit = "pass-in-part"
buffer_requests = "on"
[[site.route]]
prefix = "/whole"
buffer_requests = true"#, &[
        "fosse.toml:13:19: pass-in-part lets bodies of any length through, and backend \"app\" wants them whole; raise body_bytes_max instead, or remove buffer_requests there",
        "fosse.toml:14:19: buffer_requests takes true or false, this is a string",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
body_over_limit = "pass-in-part"
[[site.route]]
prefix = "/whole"
buffer_requests = true"#, &[
        "fosse.toml:13:19: pass-in-part lets bodies of any length through, and backend \"app\" wants them whole; raise body_bytes_max instead, or remove buffer_requests there",
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
        "fosse.toml:26:9: value: there is no variable \"nothing\"; known are client_address, client_port, host, authority, scheme, method, request_id, path, query, target, tls_version, tls_cipher, tls_server_name, tls_ja4, tls_client_verify, tls_client_subject, tls_client_issuer, tls_client_serial, tls_client_fingerprint, header.NAME",
    ]),
    (r#"[[site]]
hosts = ["a.org"]
backend = "app"
head_bytes_max = "4 KiB"
target_bytes_max = 255
header_count_max = 7
[[site]]
hosts = ["b.org"]
backend = "app"
head_bytes_max = "4 KiB"
[[site.route]]
prefix = "/a"
target_bytes_max = "8 KiB"
header_bytes_max = "65 KiB"
[[site.route]]
prefix = "/b"
head_bytes_max = "2 KiB"
target_bytes_max = "1 KiB"
[[site.route]]
prefix = "/c"
header_count_max = "50""#, &[
        "fosse.toml:14:20: target_bytes_max must be between 256 and 8192 bytes",
        "fosse.toml:15:20: header_count_max must be between 8 and 250",
        "fosse.toml:22:20: target_bytes_max is more than head_bytes_max, which is 4096 bytes",
        "fosse.toml:23:20: header_bytes_max must be between 1024 and 65536 bytes",
        "fosse.toml:30:20: header_count_max takes a whole number, this is a string; remove the quotes",
    ]),
];
