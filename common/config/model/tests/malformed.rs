//! Every mistake a person is likely to make gets its place, its reason and its cure.

const GOOD: &str = r#"
[[listen]]
address = "127.0.0.1:8080"
[[site]]
hosts = ["example.org"]
backend = "app"
[[backend]]
name = "app"
servers = ["unix:/run/app.sock"]
"#;

/// Each case: what follows a sound configuration of three tables (its last line is number 9, in
/// [[backend]]), or with a first line "only" the whole file; and the lines of the report.
#[rustfmt::skip]
const CASES: &[(&str, &[&str])] = &[
    (r#"[[site]]
host = "b.org"
backend = "app"
waf = true
body_bytes_max = "64k"
[[site.route]]
path = "/api"
backend = "app"
[[site]]
hosts = ["_"]
backend = "app"
waf = false
body_bytes_max = "10MB"
redirect = "https"
[[backend]]
name = "b"
servers = [3000]
tls = true
[[backend]]
name = "c"
address = "127.0.0.1:1"
[[listen]]
address = 80"#, &[
        "fosse.toml:10:1: [[site]] has no hosts; add hosts = [\"NAME\"], or default = true",
        "fosse.toml:11:1: unknown key \"host\" in [[site]]; did you mean hosts?",
        "fosse.toml:13:7: waf takes \"off\", \"detect\" or \"block\", this is true or false; write waf = \"block\"",
        "fosse.toml:14:18: body_bytes_max takes a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB), not \"64k\"; write \"64 KiB\"",
        "fosse.toml:15:1: [[site.route]] needs prefix; it takes the beginning of a path, such as \"/\" or \"/api\"",
        "fosse.toml:16:1: unknown key \"path\" in [[site.route]]; did you mean prefix?",
        "fosse.toml:19:10: hosts: \"_\" is not a host name; write default = true for the site of all other hosts",
        "fosse.toml:21:7: waf takes \"off\", \"detect\" or \"block\", this is true or false; write waf = \"off\"",
        "fosse.toml:22:18: body_bytes_max takes a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB), not \"10MB\"; write \"10 MiB\"",
        "fosse.toml:23:1: unknown key \"redirect\" in [[site]]; not in this version; the application, or a proxy in front, has to do it",
        "fosse.toml:26:12: servers takes an address such as \"unix:/run/app.sock\", \"127.0.0.1:3000\" or \"localhost:3000\", this is a number; write \"127.0.0.1:3000\"",
        "fosse.toml:27:1: unknown key \"tls\" in [[backend]]; TLS is not in this version; put a proxy that has it in front, and name it in trusted",
        "fosse.toml:28:1: [[backend]] needs servers; it takes an address such as \"unix:/run/app.sock\", \"127.0.0.1:3000\" or \"localhost:3000\"",
        "fosse.toml:30:1: unknown key \"address\" in [[backend]]; did you mean servers?",
        "fosse.toml:32:11: address takes an address such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/x.sock\", this is a number; write \"0.0.0.0:80\" for all addresses, \"127.0.0.1:80\" for this machine only",
    ]),
    (r#"only
lanes = "auto"
[tls]
certificate = "x""#, &[
        "fosse.toml:1:1: there is no [[backend]]; add one",
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:1:9: lanes takes a whole number, not \"auto\"; leave it out for the default",
        "fosse.toml:2:2: unknown key \"tls\" in the top of the file (before the first table); TLS is not in this version; put a proxy that has it in front, and name it in trusted",
    ]),
    (r#"lanes = 2"#, &[
        "fosse.toml:10:1: unknown key \"lanes\" in [[backend]]; it belongs in the top of the file (before the first table)",
    ]),
    (r#"retries = 3"#, &[
        "fosse.toml:10:1: unknown key \"retries\" in [[backend]]; did you mean retry?",
    ]),
    (r#"only
[[listen]]
address = "127.0.0.1:8080""#, &[
        "fosse.toml:1:1: there is no [[backend]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
    ]),
    (r#"only
"#, &[
        "fosse.toml:1:1: there is no [[backend]]; add one",
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
    ]),
    (r#"only
lanes = "#, &[
        "fosse.toml:1:9: string values must be quoted, expected literal string",
    ]),
    (r#"only
lanes = 1
lanes = 2
[[listen]
address = "127.0.0.1:8080""#, &[
        "fosse.toml:2:1: duplicate key",
        "fosse.toml:3:10: unclosed array table, expected `]`",
    ]),
    (r#"only
lanes = "2"
uid_base = 0
drain_seconds_max = -5
access_log = "/var/log/access.log"
listen = "127.0.0.1:80"
site = 1
[backend]
name = "app""#, &[
        "fosse.toml:1:9: lanes takes a whole number, this is a string; remove the quotes",
        "fosse.toml:2:12: uid_base must be between 1000 and 4294900000",
        "fosse.toml:3:21: drain_seconds_max must not be negative",
        "fosse.toml:4:14: access_log: \"/var/log/access.log\" is a path; write the name alone; the directory is fosse-start's --log-dir",
        "fosse.toml:5:10: listen takes a list, this is a string; put it in square brackets",
        "fosse.toml:6:8: site takes a list, this is a number; put it in square brackets",
        "fosse.toml:7:1: backend takes a list, this is a table; write [[backend]] instead of [backend]",
    ]),
    (r#"only
lanes = 0
listen = []
site = []
backend = []"#, &[
        "fosse.toml:1:9: lanes must be between 1 and 64",
        "fosse.toml:2:10: listen must have between 1 and 64 entries",
        "fosse.toml:3:8: site must have between 1 and 10000 entries",
        "fosse.toml:4:11: backend must have between 1 and 10000 entries",
    ]),
    (r#"only
lanse = 4
user = "www-data"
worker_processes = 4"#, &[
        "fosse.toml:1:1: there is no [[backend]]; add one",
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:1:1: unknown key \"lanse\" in the top of the file (before the first table); did you mean lanes?",
        "fosse.toml:2:1: unknown key \"user\" in the top of the file (before the first table); known are lanes, uid_base, group, scheduling, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, allow, deny, timeouts, limits, listen, site, backend",
        "fosse.toml:3:1: unknown key \"worker_processes\" in the top of the file (before the first table); known are lanes, uid_base, group, scheduling, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, allow, deny, timeouts, limits, listen, site, backend",
    ]),
    (r#"[[listen]]
address = "0.0.0.0:80""#, &[
        "fosse.toml:11:11: other machines can reach 0.0.0.0:80; if that is meant, add public = true",
    ]),
    (r#"[[listen]]
address = "[2001:db8::1]:80""#, &[
        "fosse.toml:11:11: other machines can reach [2001:db8::1]:80; if that is meant, add public = true",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:8080""#, &[
        "fosse.toml:11:11: address 127.0.0.1:8080 is already listened on; remove one of the two",
    ]),
    (r#"[[listen]]
address = "0.0.0.0:8080"
public = true"#, &[
        "fosse.toml:11:11: address overlaps with 127.0.0.1:8080, which is listened on too; remove one of the two",
    ]),
    (r#"[[listen]]
address = "127.0.0.1""#, &[
        "fosse.toml:11:11: address \"127.0.0.1\" has no port; add one, as in \"127.0.0.1:8080\"",
    ]),
    (r#"[[listen]]
address = "::1""#, &[
        "fosse.toml:11:11: address \"::1\" has no port; write \"[::1]:8080\"",
    ]),
    (r#"[[listen]]
address = "[::1]""#, &[
        "fosse.toml:11:11: address \"[::1]\" has no port; write \"[::1]:8080\"",
    ]),
    (r#"[[listen]]
address = ":8080""#, &[
        "fosse.toml:11:11: address \":8080\" is not an address; write \"0.0.0.0:8080\" or \"[::]:8080\" for all addresses, \"127.0.0.1:8080\" for this machine only",
    ]),
    (r#"[[listen]]
address = "*:8080""#, &[
        "fosse.toml:11:11: address \"*:8080\" is not an address; write \"0.0.0.0:8080\" or \"[::]:8080\" for all addresses, \"127.0.0.1:8080\" for this machine only",
    ]),
    (r#"[[listen]]
address = "localhost:8080""#, &[
        "fosse.toml:11:11: address \"localhost:8080\" is not an address; names are not looked up; write \"127.0.0.1:8080\"",
    ]),
    (r#"[[listen]]
address = "example.org:80""#, &[
        "fosse.toml:11:11: address \"example.org:80\" is not an address; names are not looked up; write an IP address",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:99999""#, &[
        "fosse.toml:11:11: address \"127.0.0.1:99999\" is not an address; the port is a number from 1 to 65535",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:0""#, &[
        "fosse.toml:11:11: address 127.0.0.1:0 has port 0; the port is a number from 1 to 65535",
    ]),
    (r#"[[listen]]
address = "[::ffff:127.0.0.1]:80""#, &[
        "fosse.toml:11:11: address [::ffff:127.0.0.1]:80 is an IPv4 address in disguise; write \"127.0.0.1:80\"",
    ]),
    (r#"[[listen]]
address = "[fe80::1%eth0]:80""#, &[
        "fosse.toml:11:11: address \"[fe80::1%eth0]:80\" is not an address; addresses with a zone are not supported",
    ]),
    (r#"[[listen]]
address = 8080"#, &[
        "fosse.toml:11:11: address takes an address such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/x.sock\", this is a number; write \"0.0.0.0:8080\" for all addresses, \"127.0.0.1:8080\" for this machine only",
    ]),
    (r#"[[listen]]
address = "/run/fosse.sock""#, &[
        "fosse.toml:11:11: address \"/run/fosse.sock\" is not an address; write \"unix:/run/fosse.sock\"",
    ]),
    (r#"[[listen]]
address = "unix:run/fosse.sock""#, &[
        "fosse.toml:11:11: address \"run/fosse.sock\" is not an absolute path; begin it with a slash, as in unix:/run/x.sock",
    ]),
    (r#"[[listen]]
address = "unix:@fosse""#, &[
        "fosse.toml:11:11: address \"@fosse\" is an abstract socket, which has neither owner nor mode; use a path, such as unix:/run/x.sock",
    ]),
    (r#"[[listen]]
address = "unix:/run/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#, &[
        "fosse.toml:11:11: address has a path of 112 bytes; a unix socket allows 107",
    ]),
    (r#"[[listen]]
address = "unix:/run/../etc/x.sock""#, &[
        "fosse.toml:11:11: address \"/run/../etc/x.sock\" holds an empty, \".\" or \"..\" part; write the plain path",
    ]),
    (r#"[[listen]]
address = "unix:/run/x.sock"
public = true
mode = "0888"
owner = "my user"
peer_uids = ["www-data", -1]"#, &[
        "fosse.toml:12:10: a unix socket is never public; remove the line",
        "fosse.toml:13:8: mode takes an octal mode in quotes, such as \"0660\", not \"0888\"",
        "fosse.toml:14:9: owner: \"my user\" is not the name of an account",
        "fosse.toml:15:26: peer_uids must not be negative",
    ]),
    (r#"[[listen]]
address = "unix:/run/x.sock"
mode = 0o660
group = "33"
proxy_protocol = true"#, &[
        "fosse.toml:12:8: mode takes an octal mode in quotes, such as \"0660\", this is a number; write \"0660\"",
        "fosse.toml:13:9: group: \"33\" is a number in quotes; remove the quotes",
        "fosse.toml:14:18: proxy_protocol, but no source is trusted to send the header; add trusted = [\"unix\"]",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:81"
mode = "0660"
peer_uids = [0]"#, &[
        "fosse.toml:12:8: mode is for unix sockets; remove the line",
        "fosse.toml:13:13: peer_uids is for unix sockets; remove the line",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:1"
name = "http"
[[listen]]
address = "127.0.0.1:2"
name = "http"
[[listen]]
address = "127.0.0.1:3"
name = "a:b""#, &[
        "fosse.toml:15:8: an earlier listener is named \"http\"; give it another name",
        "fosse.toml:18:8: name: \"a:b\" is not the name of a socket",
    ]),
    (r#"[[listen]]
address = "systemd:http""#, &[
        "fosse.toml:11:11: address \"systemd:http\" is not an address; the port is a number from 1 to 65535",
    ]),
    (r#"[[listen]]
public = true"#, &[
        "fosse.toml:10:1: [[listen]] needs address; it takes an address such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/x.sock\"",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:81"
proxy_protocol = true"#, &[
        "fosse.toml:12:18: proxy_protocol, but no source is trusted to send the header; name the proxies in trusted, as in trusted = [\"127.0.0.1/32\"]",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:81"
connection_per_client = true"#, &[
        "fosse.toml:12:25: connection_per_client is about trusted sources, and none is trusted; remove the line: everybody else has connections of their own",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:81"
trusted_fields = "forwarded""#, &[
        "fosse.toml:12:18: trusted_fields is about trusted sources, and none is trusted; name the proxies in trusted, or remove the line",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:81"
proxy_protocol = "true"
trusted = ["127.0.0.1/8", "10.0.0.0/33", "localhost", "unix", "0.0.0.0/0"]"#, &[
        "fosse.toml:12:18: proxy_protocol takes true or false, this is a string; remove the quotes",
        "fosse.toml:13:12: trusted: \"127.0.0.1/8\" has bits set after its prefix; write \"127.0.0.0/8\"",
        "fosse.toml:13:27: trusted: \"10.0.0.0/33\" is not a network; the prefix is a number from 0 to 32",
        "fosse.toml:13:42: trusted: \"localhost\" is not a network; write ADDRESS/BITS, or \"unix\"",
        "fosse.toml:13:55: \"unix\" is for unix sockets; name the networks of the proxies",
        "fosse.toml:13:63: this trusts every address there is; name the networks of the proxies",
    ]),
    (r#"[[listen]]
address = "unix:/run/x.sock"
trusted = "unix""#, &[
        "fosse.toml:12:11: trusted takes a list, this is a string; put it in square brackets",
    ]),
    (r#"[[listen]]
address = "unix:/run/x.sock"
trusted = ["127.0.0.1/32"]
address_connections_max = 100000
deny = ["../lists/deny.txt"]
allow = ["lists/*.txt"]"#, &[
        "fosse.toml:12:12: the peers of a unix socket have no network; write \"unix\"",
        "fosse.toml:13:27: address_connections_max is more than connections_max in [limits], which is 65536",
        "fosse.toml:14:9: deny: \"../lists/deny.txt\" holds an empty, \".\" or \"..\" part; write the plain path",
        "fosse.toml:15:10: allow: \"lists/*.txt\" is a pattern; name one file",
    ]),
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
        "fosse.toml:24:1: [[site.route]] needs backend; it takes a name of small letters, digits, - and _",
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
    (r#"[[backend]]
name = "app"
servers = ["127.0.0.1:3000"]"#, &[
        "fosse.toml:11:8: there is an earlier backend \"app\"; give it another name",
    ]),
    (r#"[[backend]]
name = "My App"
servers = []"#, &[
        "fosse.toml:11:8: name: \"My App\" is not a name; use up to 32 small letters, digits, - and _",
        "fosse.toml:12:11: servers must have between 1 and 64 entries",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["10.0.0.1:80", "0.0.0.0:80", "localhost:+300", "unix:/run/a.sock", "unix:/run/a.sock", "http://127.0.0.1:80"]"#, &[
        "fosse.toml:12:12: 10.0.0.1:80 is not on this machine's loopback: requests would cross the network in the clear; if that is meant, add remote = true",
        "fosse.toml:12:27: servers: 0.0.0.0:80 is not the address of a server",
        "fosse.toml:12:41: servers: \"localhost:+300\" is not an address; the port is a number from 1 to 65535",
        "fosse.toml:12:79: this server is named twice here; remove one",
        "fosse.toml:12:99: servers: \"http://127.0.0.1:80\" is not an address; leave out the scheme",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["127.0.0.1:1"]
peer_uid = "app"
balance = "random"
upgrade = ["websocket", "h2c", "a b"]
proxy_protocol = true"#, &[
        "fosse.toml:13:12: peer_uid is for unix sockets, and no server is one; remove the line",
        "fosse.toml:14:11: balance takes \"round-robin\" or \"least-connections\", not \"random\"",
        "fosse.toml:15:25: upgrade: \"h2c\" would carry requests past every check and is never served; remove it",
        "fosse.toml:15:32: upgrade: \"a b\" is not a protocol",
        "fosse.toml:16:18: proxy_protocol takes \"off\", \"v1\" or \"v2\", this is true or false; write proxy_protocol = \"v2\"",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["127.0.0.1:1"]
connections_max = 10
pool_connections_max = 20
connect_seconds = "5s"
idle_seconds = 1.0005
first_byte_seconds = 0"#, &[
        "fosse.toml:14:24: pool_connections_max is more than connections_max, which is 10",
        "fosse.toml:15:19: connect_seconds takes a number of seconds, this is a string; write the bare number",
        "fosse.toml:16:16: idle_seconds takes a number of seconds, at most three digits after the point",
        "fosse.toml:17:22: first_byte_seconds must be between 1 and 3600 seconds",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["127.0.0.1:1"]
proxy_protocol = "v2"
pool_connections_max = 20
[backend.health]
path = "health"
interval_seconds = 1
fails = 3"#, &[
        "fosse.toml:14:24: connections that begin with a PROXY header belong to one client and are not pooled; remove the line",
        "fosse.toml:16:8: path: \"health\" does not begin with a slash; write the path alone, as in \"/health\"",
        "fosse.toml:18:1: unknown key \"fails\" in [backend.health]; known are path, method, host, port, status, body, interval_seconds, passes_min, failures_max, rest_seconds, slow_start_seconds",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["127.0.0.1:1"]
health = "/health""#, &[
        "fosse.toml:13:10: health is a string; write it as a table [backend.health]",
    ]),
    (r#"[[backends]]
name = "two""#, &[
        "fosse.toml:10:3: unknown key \"backends\" in the top of the file (before the first table); did you mean backend?",
    ]),
    (r#"[timeouts]
head_seconds = 0.5
idle = 60
[limits]
head_bytes_max = "4 KiB"
target_bytes_max = "8 KiB"
header_count_max = 99999999999999999999"#, &[
        "fosse.toml:11:16: head_seconds must be between 1 and 600 seconds",
        "fosse.toml:12:1: unknown key \"idle\" in [timeouts]; did you mean idle_seconds?",
        "fosse.toml:15:20: target_bytes_max is more than head_bytes_max, which is 4096 bytes",
        "fosse.toml:16:20: header_count_max is too large",
    ]),
    (r#"[[timeouts]]
head_seconds = 5"#, &[
        "fosse.toml:10:1: timeouts is a list; write it as a table [timeouts]",
    ]),
    (r#"timeouts.head = 5"#, &[
        "fosse.toml:10:1: unknown key \"timeouts\" in [[backend]]; it belongs in the top of the file (before the first table)",
    ]),
    (r#"only
title = "a string that never ends"#, &[
        "fosse.toml:1:34: invalid basic string, expected `\"`",
    ]),
    (r#"only
x = 1979-05-27
y = "\u0007\u001b[31m"
"evil\u001b[31m" = 1"#, &[
        "fosse.toml:1:1: there is no [[backend]]; add one",
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:1:1: unknown key \"x\" in the top of the file (before the first table); known are lanes, uid_base, group, scheduling, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, allow, deny, timeouts, limits, listen, site, backend",
        "fosse.toml:2:1: unknown key \"y\" in the top of the file (before the first table); known are lanes, uid_base, group, scheduling, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, allow, deny, timeouts, limits, listen, site, backend",
        "fosse.toml:3:1: unknown key \"evil\\u{1b}[31m\" in the top of the file (before the first table); known are lanes, uid_base, group, scheduling, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, allow, deny, timeouts, limits, listen, site, backend",
    ]),
    (r#"only
[[listen]]
address = "127.0.0.1:8080"
	backend = ["tab before the key"]
[site]"#, &[
        "fosse.toml:1:1: there is no [[backend]]; add one",
        "fosse.toml:3:2: unknown key \"backend\" in [[listen]]; it belongs in the top of the file (before the first table)",
        "fosse.toml:4:1: site takes a list, this is a table; write [[site]] instead of [site]",
    ]),
    (r#"connections = 5
Name = "x"
lanes = 4"#, &[
        "fosse.toml:10:1: unknown key \"connections\" in [[backend]]; did you mean connections_max?",
        "fosse.toml:11:1: unknown key \"Name\" in [[backend]]; did you mean name?",
        "fosse.toml:12:1: unknown key \"lanes\" in [[backend]]; it belongs in the top of the file (before the first table)",
    ]),
    (r#"[backend.health]
method = "get"
port = 0
status = ["2xx", 199, "300-299", "6xx", 404]
body = ''"#, &[
        "fosse.toml:11:10: method: \"get\" is not a method; write capital letters",
        "fosse.toml:12:8: port must be between 1 and 65535",
        "fosse.toml:13:18: status: \"199\" is neither a status of 200 to 599 nor a range of them",
        "fosse.toml:13:23: status: \"300-299\" is neither a status of 200 to 599 nor a range of them",
        "fosse.toml:13:34: status: \"6xx\" is neither a status of 200 to 599 nor a range of them",
        "fosse.toml:14:8: body: a check looks for 1 to 256 bytes, not 0",
    ]),
    (r#"[backend.health]
path = "/"
method = "HEAD"
port = 81
body = "ready""#, &[
        "fosse.toml:13:8: port is for TCP servers, and no server is one; remove the line",
        "fosse.toml:14:8: a response to HEAD has no body; write method = \"GET\"",
    ]),
    (r#"[backend.health]
path = "/health check"
rest_seconds = 86401
interval_seconds = inf
passes_min = true
host = "*.example.org""#, &[
        "fosse.toml:11:8: path: \"/health check\" cannot be written in a request",
        "fosse.toml:12:16: rest_seconds must be between 1 and 3600 seconds",
        "fosse.toml:13:20: interval_seconds takes a number of seconds, at most three digits after the point",
        "fosse.toml:14:14: passes_min takes a whole number, this is true or false",
        "fosse.toml:15:8: host: \"*.example.org\" is not one host; name one",
    ]),
    (r#"[[site]]
hosts = ["b.org"]
route = [{ prefix = "/a", backend = "app", method = "GET" }, "x"]"#, &[
        "fosse.toml:12:44: unknown key \"method\" in [[site.route]]; it belongs in [backend.health]",
        "fosse.toml:12:62: route is a string; write it as a table [[site.route]]",
    ]),
    (r#"[limits]
head_bytes_max = "KiB"
target_bytes_max = "99999999999 GiB"
lane_connections_max = 1.5
lane_held_bytes_max = """#, &[
        "fosse.toml:11:18: head_bytes_max takes a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB), not \"KiB\"",
        "fosse.toml:12:20: target_bytes_max takes a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB), not \"99999999999 GiB\"",
        "fosse.toml:13:24: lane_connections_max takes a whole number, this is a number with a fraction",
        "fosse.toml:14:23: lane_held_bytes_max takes a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB), not \"\"",
    ]),
    (r#"access_log = "/var/log/../x""#, &[
        "fosse.toml:10:1: unknown key \"access_log\" in [[backend]]; it belongs in the top of the file (before the first table)",
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
remove_response_headers = ["X Runtime:"]
rules = []
exclude = [{ rules = [1] }]"#, &[
        "fosse.toml:13:28: remove_response_headers: \"X Runtime:\" is not the name of a header",
        "fosse.toml:15:11: exclusions without rules; remove rules = [], or name rules in it",
    ]),
    (r#"only
status_socket = "run/x"
audit_log = ".."
access_log = ""
allow = ["x", ""]
lanes = 65"#, &[
        "fosse.toml:1:1: there is no [[backend]]; add one",
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:1:17: status_socket: \"run/x\" is not an absolute path; begin it with a slash, as in unix:/run/x.sock",
        "fosse.toml:2:13: audit_log: \"..\" is not the name of a log",
        "fosse.toml:3:14: access_log: \"\" is not the name of a log",
        "fosse.toml:4:15: allow: \"\" is not the path of a file",
        "fosse.toml:5:9: lanes must be between 1 and 64",
    ]),
    (r#"only
status_socket = "off"
status_socket_mode = "0600"
status_socket_owner = "root"
status_address = "0.0.0.0:8080"
[[listen]]
address = "127.0.0.1:8080"
[[site]]
default = true
backend = "app"
[[backend]]
name = "app"
servers = ["unix:/run/app.sock"]"#, &[
        "fosse.toml:2:22: status_socket is \"off\": there is no socket for it; remove the line",
        "fosse.toml:3:23: status_socket is \"off\": there is no socket for it; remove the line",
        "fosse.toml:4:18: 127.0.0.1:8080 is a listener's address; choose another port",
        "fosse.toml:4:18: other machines can reach 0.0.0.0:8080; if that is meant, add status_public = true",
    ]),
    (r#"only
status_socket = "/run/fosse/a.sock"
[[listen]]
address = "unix:/run/fosse/a.sock"
[[site]]
default = true
backend = "app"
[[backend]]
name = "app"
servers = ["unix:/run/app.sock"]"#, &["fosse.toml:3:11: status_socket has this path too; choose another one for either"]),
    (r#"only
status_public = true
[[listen]]
address = "127.0.0.1:8080"
[[site]]
default = true
backend = "app"
[[backend]]
name = "app"
servers = ["unix:/run/app.sock"]"#, &["fosse.toml:1:17: there is no status_address to be public; remove the line"]),
    (r#"only
status_address = "unix:/run/x"
status_public = true
[[listen]]
address = "127.0.0.1:8080"
[[site]]
default = true
backend = "app"
[[backend]]
name = "app"
servers = ["unix:/run/app.sock"]"#, &["fosse.toml:1:18: status_address: \"unix:/run/x\" is a unix socket; write status_socket = \"/run/x\""]),
    (r#"only
access_log_format = "combined"
access_log_fields = ["tiem", "target", "cookie"]
[[listen]]
address = "127.0.0.1:80"
[[site]]
default = true
backend = "app"
[[backend]]
name = "app"
servers = ["unix:/app"]"#, &[
        "fosse.toml:2:21: access_log_fields chooses fields of JSON objects, and access_log_format is \"combined\"; remove one of the two",
        "fosse.toml:2:22: access_log_fields: the access log has no field \"tiem\"; did you mean \"time\"?",
        "fosse.toml:2:40: access_log_fields: the access log has no field \"cookie\"; known are time, request, request_id, connection, client, peer, site, host, method, target, version, referer, user_agent, status, bytes_in, bytes_out, us, server, server_us, retries, cause, rule, end, why",
    ]),
    (r#"only
# a byte order mark is no excuse
lanes = 01"#, &[
        "fosse.toml:2:9: unexpected leading zero, expected nothing",
    ]),
    (r#"only
[[listen]]
address = 'C:\x'
[[listen]]
address = """
127.0.0.1:80""""#, &[
        "fosse.toml:1:1: there is no [[backend]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:2:11: address \"C:\\\\x\" is not an address; the port is a number from 1 to 65535",
    ]),
];

fn text_of(case: &str) -> String {
    match case.strip_prefix("only\n") {
        Some(whole) => whole.to_owned(),
        None => format!("{GOOD}{case}"),
    }
}

fn lines_of(case: &str) -> Vec<String> {
    match fosse_model::read("fosse.toml", text_of(case).as_bytes()) {
        Ok(_) => vec!["accepted".to_owned()],
        Err(report) => report.lines().collect(),
    }
}

#[test]
fn every_mistake_names_place_reason_and_cure() {
    let mut wrong = 0;
    for (case, expected) in CASES {
        let found = lines_of(case);
        if found != *expected {
            wrong += 1;
            println!("    (r#\"{case}\"#, &[");
            for line in found {
                println!("        {line:?},");
            }
            println!("    ]),");
        }
    }
    assert_eq!(wrong, 0, "reports that differ from the table");
}
