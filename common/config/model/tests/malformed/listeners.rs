//! What a listener says beside its address.

#[test]
fn every_mistake_about_a_listener_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
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
    (r#"[[listen]]
address = "unix:/run/r.sock"
source_bytes_per_second = "1 MiB"
[[listen]]
address = "127.0.0.1:81"
source_bytes_per_second = 100
[[listen]]
address = "127.0.0.1:82"
source_bytes_per_second = "17 GiB"
[[listen]]
address = "127.0.0.1:83"
source_bytes_per_second = "1 MB""#, &[
        "fosse.toml:12:27: the peers of a unix socket have no address, and none is trusted to name its clients; add trusted = [\"unix\"]",
        "fosse.toml:15:27: source_bytes_per_second is less than 1024: clients would take such a response for dead; write 1024 or more, or 0 for no limit",
        "fosse.toml:18:27: source_bytes_per_second must be between 0 and 17179869184 bytes",
        "fosse.toml:21:27: source_bytes_per_second takes a number of bytes, or a text such as \"64 KiB\" (KiB, MiB, GiB), not \"1 MB\"; write \"1 MiB\"",
    ]),
    (r#"[[listen]]
address = "unix:/run/l.sock"
backlog = 0
keepalive_seconds = 60
freebind = true"#, &[
        "fosse.toml:12:11: backlog must be between 1 and 1000000",
        "fosse.toml:13:21: keepalive_seconds is for TCP; remove the line",
        "fosse.toml:14:12: freebind is for TCP; remove the line",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:81"
backlog = 1000001
keepalive_seconds = 2
freebind = 1"#, &[
        "fosse.toml:12:11: backlog must be between 1 and 1000000",
        "fosse.toml:13:21: keepalive_seconds must be between 3 and 32767 seconds",
        "fosse.toml:14:12: freebind takes true or false, this is a number",
    ]),
    (r#"[[listen]]
address = "192.0.2.1:81"
public = true
http2 = true
[[listen]]
address = "127.0.0.1:82"
http2 = true
tls = true
[[listen]]
address = "unix:/run/h2.sock"
http2 = "yes""#, &[
        "fosse.toml:13:9: HTTP/2 without TLS, and other machines can reach it; listen on 127.0.0.1, [::1] or a unix socket, or use tls",
        "fosse.toml:16:9: http2 is for listeners without tls; remove the line: with tls it is offered by itself, unless [tls] says http2 = false",
        "fosse.toml:17:7: tls, and there is no certificate; add [[certificate]] with file and key",
        "fosse.toml:20:9: http2 takes true or false, this is a string",
    ]),
];
