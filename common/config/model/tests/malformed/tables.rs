//! Tables and keys that are not there, stand in the wrong place, or come from another server.

#[test]
fn every_mistake_about_tables_and_keys_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
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
        "fosse.toml:19:10: hosts: \"_\" is not a host name; write default = true for the site of all other hosts",
        "fosse.toml:21:7: waf takes \"off\", \"detect\" or \"block\", this is true or false; write waf = \"off\"",
        "fosse.toml:22:18: body_bytes_max takes a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB), not \"10MB\"; write \"10 MiB\"",
        "fosse.toml:23:12: redirect: \"https\" is no place to go to; begin it with \"https://\", \"http://\", \"{scheme}://\" or a slash",
        "fosse.toml:26:12: servers takes an address such as \"unix:/run/app.sock\", \"127.0.0.1:3000\", \"localhost:3000\", \"app.internal:3000\" or \"https://app.internal\", this is a number; write \"127.0.0.1:3000\"",
        "fosse.toml:27:7: tls is true or false; write it as a table [backend.tls]",
        "fosse.toml:28:1: a backend has between 1 and 64 servers, not 0; name them in servers or in [[backend.server]], or a directory in files",
        "fosse.toml:30:1: unknown key \"address\" in [[backend]]; did you mean servers?",
        "fosse.toml:32:11: address takes an address such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/x.sock\", this is a number; write \"0.0.0.0:80\" for all addresses, \"127.0.0.1:80\" for this machine only",
    ]),
    (r#"only
lanes = "auto"
[tls]
certificate = "x""#, &[
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:1:9: lanes takes a whole number, not \"auto\"; leave it out for the default",
        "fosse.toml:3:1: unknown key \"certificate\" in [tls]; it belongs in the top of the file (before the first table)",
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
        "fosse.toml:1:1: there is no [[site]]; add one",
    ]),
    (r#"only
"#, &[
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
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
    ]),
    (r#"only
lanse = 4
user = "www-data"
worker_processes = 4"#, &[
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:1:1: unknown key \"lanse\" in the top of the file (before the first table); did you mean lanes?",
        "fosse.toml:2:1: unknown key \"user\" in the top of the file (before the first table); known are include, lanes, uid_base, group, scheduling, name_servers, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, cache_directory, allow, deny, timeouts, limits, template, listen, certificate, acme, tls, site, backend",
        "fosse.toml:3:1: unknown key \"worker_processes\" in the top of the file (before the first table); known are include, lanes, uid_base, group, scheduling, name_servers, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, cache_directory, allow, deny, timeouts, limits, template, listen, certificate, acme, tls, site, backend",
    ]),
    (r#"[[backends]]
name = "two""#, &[
        "fosse.toml:10:3: unknown key \"backends\" in the top of the file (before the first table); did you mean backend?",
    ]),
    (r#"[[timeouts]]
head_seconds = 5"#, &[
        "fosse.toml:10:1: timeouts is a list; write it as a table [timeouts]",
    ]),
    (r#"timeouts.head = 5"#, &[
        "fosse.toml:10:1: unknown key \"timeouts\" in [[backend]]; it belongs in the top of the file (before the first table)",
    ]),
    (r#"only
x = 1979-05-27
y = "\u0007\u001b[31m"
"evil\u001b[31m" = 1"#, &[
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:1:1: unknown key \"x\" in the top of the file (before the first table); known are include, lanes, uid_base, group, scheduling, name_servers, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, cache_directory, allow, deny, timeouts, limits, template, listen, certificate, acme, tls, site, backend",
        "fosse.toml:2:1: unknown key \"y\" in the top of the file (before the first table); known are include, lanes, uid_base, group, scheduling, name_servers, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, cache_directory, allow, deny, timeouts, limits, template, listen, certificate, acme, tls, site, backend",
        "fosse.toml:3:1: unknown key \"evil\\u{1b}[31m\" in the top of the file (before the first table); known are include, lanes, uid_base, group, scheduling, name_servers, drain_seconds_max, stop_seconds_max, access_log, access_log_format, access_log_fields, slow_request_seconds, audit_log, status_socket, status_socket_owner, status_socket_group, status_socket_mode, status_address, status_public, spool_directory, cache_directory, allow, deny, timeouts, limits, template, listen, certificate, acme, tls, site, backend",
    ]),
    (r#"only
[[listen]]
address = "127.0.0.1:8080"
	backend = ["tab before the key"]
[site]"#, &[
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
    (r#"access_log = "/var/log/../x""#, &[
        "fosse.toml:10:1: unknown key \"access_log\" in [[backend]]; it belongs in the top of the file (before the first table)",
    ]),
];
