//! The choice of a server, its health, retries, and the addresses that connections come from.

#[test]
fn every_mistake_about_the_choice_of_a_server_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
    (r#"balance = "hash"
sticky_cookie = "a b"
affinity_seed = "short"
[[backend]]
name = "two"
servers = ["127.0.0.1:1"]
hash_by = "source"
[[backend]]
name = "three"
servers = ["127.0.0.1:1"]
balance = "hash"
hash_by = "header "
[[backend]]
name = "four"
servers = ["127.0.0.1:1"]
hash_by = "address""#, &[
        "fosse.toml:10:11: balance = \"hash\" needs hash_by; add hash_by = \"source\", or another part of the request",
        "fosse.toml:11:17: sticky_cookie: \"a b\" is not the name of a cookie",
        "fosse.toml:12:17: affinity_seed: it has 5 bytes, and must have 16 to 128; openssl rand -hex 16 writes one",
        "fosse.toml:16:11: hash_by is for balance = \"hash\"; write balance = \"hash\", or remove the line",
        "fosse.toml:21:11: hash_by: \"header \" is not \"source\", \"path\", \"header NAME\" or \"cookie NAME\"",
        "fosse.toml:25:11: hash_by: \"address\" is not \"source\", \"path\", \"header NAME\" or \"cookie NAME\"",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["127.0.0.1:1"]
peer_uid = "app"
balance = "random"
upgrade = ["websocket", "h2c", "a b"]
proxy_protocol = true"#, &[
        "fosse.toml:13:12: peer_uid is for unix sockets, and no server is one; remove the line",
        "fosse.toml:14:11: balance takes \"round-robin\", \"least-connections\" or \"hash\", not \"random\"",
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
    (r#"[[backend]]
name = "two"
servers = ["app.internal:80", "app:0", "APP.internal:80", "app", "app.internal.:80", "app..x:80", "localhost:1", "app%eth0:80", "1.2.3.400:80"]
addresses_max = 65
address_family = "4"
address_networks = ["10.0.0.1/8", "x"]"#, &[
        "fosse.toml:12:12: app.internal is a name, which may lead to other machines in the clear; if that is meant, add remote = true",
        "fosse.toml:12:31: servers: \"app:0\" is not an address; the port is a number from 1 to 65535",
        "fosse.toml:12:40: app.internal is a name, which may lead to other machines in the clear; if that is meant, add remote = true",
        "fosse.toml:12:40: this server is named twice here; remove one",
        "fosse.toml:12:59: servers: \"app\" has no port; write \"app:8080\"",
        "fosse.toml:12:66: servers: \"app.internal.:80\" is not an address; a name is letters, digits and hyphens between dots, without a dot at its end",
        "fosse.toml:12:86: servers: \"app..x:80\" is not an address; a name is letters, digits and hyphens between dots, without a dot at its end",
        "fosse.toml:12:114: servers: \"app%eth0:80\" is not an address; addresses with a zone are not supported",
        "fosse.toml:12:129: servers: \"1.2.3.400:80\" is not an address",
        "fosse.toml:13:17: addresses_max must be between 1 and 64",
        "fosse.toml:14:18: address_family takes \"any\", \"ipv4\" or \"ipv6\", not \"4\"",
        "fosse.toml:15:21: address_networks: \"10.0.0.1/8\" has bits set after its prefix; write \"10.0.0.0/8\"",
        "fosse.toml:15:35: address_networks: \"x\" is not a network; write ADDRESS/BITS, or \"unix\"",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["app.internal:80"]"#, &[
        "fosse.toml:12:12: app.internal is a name, which may lead to other machines in the clear; if that is meant, add remote = true",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["127.0.0.1:80"]
addresses_max = 2
address_family = "ipv4"
address_networks = ["10.0.0.0/8"]"#, &[
        "fosse.toml:14:18: address_family is for servers that have names, and none of these has one; remove the line",
        "fosse.toml:15:20: address_networks is for servers that have names, and none of these has one; remove the line",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["a:80", "b:80", "c:80", "d:80", "e:80", "f:80", "g:80", "h:80", "127.0.0.1:80"]
remote = true"#, &[
        "fosse.toml:10:1: with 8 addresses for each name that is 65 servers, and a backend has 64; write a smaller addresses_max",
    ]),
    (r#"only
name_servers = ["10.0.0.53", "ns.example:53", "10.0.0.53:53"]
[[listen]]
address = "127.0.0.1:8080"
[[site]]
default = true
respond = 404"#, &[
        "fosse.toml:1:17: name_servers: \"10.0.0.53\" has no port; add one, as in \"10.0.0.53:8080\"",
        "fosse.toml:1:30: name_servers: \"ns.example:53\" is not an address; names are not looked up; write an IP address",
    ]),
    (r#"retry_budget_percent = 101
[backend.retry]
on = ["reset", "statuses"]
status = [302, "5xx", "500-600"]
methods = "all"
attempts_max = 0
seconds_max = 0
tries = 3
[[backend]]
name = "two"
servers = ["127.0.0.1:1"]
retry = { on = ["connect"], methods = "any", attempts_max = 3 }
[[backend]]
name = "three"
servers = ["127.0.0.1:1"]
retry = { on = ["timeout"], seconds_max = 60 }
[[backend]]
name = "four"
servers = ["127.0.0.1:1"]
retry = { status = [503], attempts_max = 1 }
[[backend]]
name = "five"
servers = ["127.0.0.1:1"]
retry = "on"
[[site]]
hosts = ["r.example"]
backend = "two"
first_byte_seconds = 5
retry = { on = ["timeout"], seconds_max = 5 }
[[site.route]]
prefix = "/a"
first_byte_seconds = 4
retry = { on = ["timeout"], seconds_max = 5 }
[[site.route]]
prefix = "/b"
backend = "two"
retry = { status = [503], attempts_max = 1 }"#, &[
        "fosse.toml:10:24: retry_budget_percent must be between 0 and 100",
        "fosse.toml:12:16: on takes a list of \"connect\", \"reset\" and \"timeout\", not \"statuses\"",
        "fosse.toml:13:11: status: \"302\" is neither a status of 400 to 599 nor a range of them",
        "fosse.toml:13:23: status: \"500-600\" is neither a status of 400 to 599 nor a range of them",
        "fosse.toml:14:11: methods takes \"safe\", \"idempotent\" or \"any\", not \"all\"",
        "fosse.toml:15:16: attempts_max must be between 1 and 64",
        "fosse.toml:16:15: seconds_max must be between 1 and 3600 seconds",
        "fosse.toml:17:1: unknown key \"tries\" in [backend.retry]; known are on, status, methods, attempts_max, seconds_max",
        "fosse.toml:21:39: methods is for requests that a server has heard of, which stay there; add \"reset\" or \"timeout\" to on, or a status",
        "fosse.toml:21:61: attempts_max is for requests that a server has heard of, which stay there; add \"reset\" or \"timeout\" to on, or a status",
        "fosse.toml:25:43: seconds_max is over before the first byte of a response is late, so no time-out is retried; write more than first_byte_seconds",
        "fosse.toml:29:42: with one attempt nothing goes to a further server; write 2 or more",
        "fosse.toml:33:9: retry takes a table, true or false, this is a string",
        "fosse.toml:38:43: seconds_max is over before the first byte of a response is late, so no time-out is retried; write more than first_byte_seconds",
        "fosse.toml:46:42: with one attempt nothing goes to a further server; write 2 or more",
    ]),
    (r#"source_address = "127.0.0.2""#, &[
        "fosse.toml:10:18: source_address takes a list, this is a string; put it in square brackets",
    ]),
    (r#"source_address = ["127.0.0.2:0", "app", "fe80::1%eth0"]"#, &[
        "fosse.toml:10:18: source_address must have between 0 and 2 entries",
        "fosse.toml:10:19: source_address: \"127.0.0.2:0\" is not an address; leave out the port: the kernel chooses one",
        "fosse.toml:10:34: source_address: \"app\" is not an address; write an IP address of this machine",
        "fosse.toml:10:41: source_address: \"fe80::1%eth0\" is not an address; addresses with a zone are not supported",
    ]),
    (r#"source_address = ["127.0.0.2:0", "app"]
[[backend]]
name = "b"
servers = ["[::1]:3000"]
source_address = ["fe80::1%eth0", "::ffff:127.0.0.2"]
[[backend]]
name = "c"
servers = ["[::1]:3000"]
source_address = ["0.0.0.0", "fe80::1"]
[[backend]]
name = "d"
servers = ["[::1]:3000"]
source_address = ["255.255.255.255", "ff02::1"]"#, &[
        "fosse.toml:10:19: source_address: \"127.0.0.2:0\" is not an address; leave out the port: the kernel chooses one",
        "fosse.toml:10:34: source_address: \"app\" is not an address; write an IP address of this machine",
        "fosse.toml:14:19: source_address: \"fe80::1%eth0\" is not an address; addresses with a zone are not supported",
        "fosse.toml:14:35: source_address: \"::ffff:127.0.0.2\" is an IPv4 address in disguise; write \"127.0.0.2\"",
        "fosse.toml:18:19: source_address: no connection can come from 0.0.0.0; write an IP address of this machine",
        "fosse.toml:18:30: source_address: \"fe80::1\" is an address of a link; addresses with a zone are not supported",
        "fosse.toml:22:19: source_address: no connection can come from 255.255.255.255; write an IP address of this machine",
        "fosse.toml:22:38: source_address: no connection can come from ff02::1; write an IP address of this machine",
    ]),
    (r#"[[backend]]
name = "b"
servers = ["unix:/run/a.sock", "127.0.0.1:1", "[::1]:1", "localhost:2"]
source_address = ["127.0.0.2"]
[[backend]]
name = "c"
servers = ["127.0.0.1:1"]
source_address = ["127.0.0.2", "127.0.0.3"]
[[backend]]
name = "d"
servers = ["127.0.0.1:1"]
source_address = ["127.0.0.2", "2001:db8::1"]
[[backend]]
name = "e"
servers = ["192.0.2.7:80", "localhost:2"]
remote = true
source_address = ["127.0.0.2"]
[[backend]]
name = "f"
files = "/srv/www"
source_address = ["127.0.0.2"]"#, &[
        "fosse.toml:12:12: connections to a unix socket come from no address, and this backend has source_address; give the socket a backend of its own, or remove source_address",
        "fosse.toml:12:47: it is reached over IPv6, and source_address has no such address; add one",
        "fosse.toml:12:58: it is reached over IPv6, and source_address has no such address; add one, or write \"127.0.0.1:2\"",
        "fosse.toml:17:32: 127.0.0.3 is an IPv4 address as 127.0.0.2 is; write one of each kind at most",
        "fosse.toml:21:32: no server is reached over IPv6; remove the address",
        "fosse.toml:24:12: nothing outside of this machine can be reached from 127.0.0.2; write an address of a network in source_address",
        "fosse.toml:24:28: it is reached over IPv6, and source_address has no such address; add one, or write \"127.0.0.1:2\"",
        "fosse.toml:30:18: source_address is for servers, and this backend serves files; remove one",
    ]),
    (r#"[[backend]]
name = "b"
servers = ["app.internal:1"]
remote = true
source_address = ["192.0.2.1", "2001:db8::1"]
[[backend]]
name = "c"
servers = ["app.internal:1"]
remote = true
address_networks = ["10.0.0.0/8", "fd00::/8"]
source_address = ["192.0.2.1"]
[[backend]]
name = "d"
servers = ["app.internal:1"]
remote = true
address_networks = ["10.0.0.0/8"]
source_address = ["2001:db8::1"]
[[backend]]
name = "e"
servers = ["app.internal:1"]
remote = true
address_family = "ipv6"
address_networks = ["10.0.0.0/8", "fd00::/8"]
source_address = ["2001:db8::1"]"#, &[
        "fosse.toml:12:12: with source_address it has to be written where app.internal may lead to; add address_networks, the networks of its addresses",
        "fosse.toml:17:12: it is reached over IPv6, and source_address has no such address; add one, or write address_family = \"ipv4\"",
        "fosse.toml:23:12: it is reached over IPv4, and source_address has no such address; add one, or write address_family = \"ipv6\"",
        "fosse.toml:26:19: no server is reached over IPv6; remove the address",
    ]),
    (r#"sticky_cookie = "srv"
[[site]]
hosts = ["b.example"]
backend = "b"
[[site.route]]
prefix = "/app"
backend = "app"
[[site.route]]
prefix = "/also"
backend = "app"
[[site]]
hosts = ["c.example"]
backend = "c"
[[backend]]
name = "b"
servers = ["127.0.0.1:1"]
sticky_cookie = "srv"
[[backend]]
name = "c"
servers = ["127.0.0.1:1"]
sticky_cookie = "srv""#, &[
        "fosse.toml:10:17: backend \"b\" serves the same site, and has this cookie as well; give one of the two another name",
        "fosse.toml:26:17: backend \"app\" serves the same site, and has this cookie as well; give one of the two another name",
    ]),
];
