//! What is said of the whole edge: logs, the page of counters, limits and time limits.

#[test]
fn every_mistake_about_the_edge_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
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
    (r#"[limits]
cache_bytes_max = "64 MiB"
cache_disk_bytes_max = "64 MiB""#, &[
        "fosse.toml:12:24: cache_disk_bytes_max is not more than cache_bytes_max, the memory, which is 67108864 bytes; raise it, or write 0 to keep responses in memory alone",
    ]),
    (r#"[limits]
cache_disk_bytes_max = "2048 GiB""#, &[
        "fosse.toml:11:24: cache_disk_bytes_max must be between 0 and 1099511627776 bytes",
    ]),
    (r#"only
cache_directory = "kept"
[limits]
cache_disk_bytes_max = "1 GiB""#, &[
        "fosse.toml:1:1: there is no [[listen]]; add one",
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:1:19: cache_directory: \"kept\" does not begin with a slash; write the whole path",
    ]),
    (r#"only
status_socket = "run/x"
audit_log = ".."
access_log = ""
allow = ["x", ""]
lanes = 65"#, &[
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
        "fosse.toml:2:40: access_log_fields: the access log has no field \"cookie\"; known are time, request, request_id, connection, client, peer, site, host, method, target, version, tls_version, tls_cipher, tls_server_name, tls_ja4, tls_client_subject, tls_client_fingerprint, referer, user_agent, status, bytes_in, bytes_out, us, server, server_us, retries, cause, rule, end, why",
    ]),
];
