//! What a configuration says of TLS.

#[test]
fn every_mistake_about_tls_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
    (r#"[[listen]]
address = "127.0.0.1:443"
tls = true"#, &[
        "fosse.toml:12:7: tls, and there is no certificate; add [[certificate]] with file and key",
    ]),
    (r#"[[certificate]]
file = "a.pem"
key = "a.key""#, &[
        "fosse.toml:10:1: a certificate, and no listener has TLS; add tls = true to a [[listen]]",
    ]),
    (r#"[[certificate]]
file = "a.pem"
[[listen]]
address = "127.0.0.1:443"
tls = "on""#, &[
        "fosse.toml:10:1: [[certificate]] needs key; it takes the path of a file, relative to the directory of the configuration",
        "fosse.toml:14:7: tls takes true or false, this is a string",
    ]),
    (r#"[[listen]]
address = "unix:/run/tls.sock"
tls = true
behind_tls = true
[[certificate]]
file = "a.pem"
key = "a.pem"
[[certificate]]
file = "a.pem"
key = "b.key""#, &[
        "fosse.toml:12:7: tls is for TCP; remove the line",
        "fosse.toml:13:14: behind_tls says that TLS ends before this socket, and tls that it ends here; remove one of the two",
        "fosse.toml:16:7: the file of the certificate is named as that of its key; give the key a file of its own",
        "fosse.toml:18:8: an earlier certificate has this file; remove one",
    ]),
    (r#"[tls]
minimum_version = 1.2
unknown_names = "first"
handshake_seconds = 0
ciphers = "HIGH"
[[site]]
hosts = ["tls.example"]
respond = 200
tls.client_certificates = "optional"
[[site]]
hosts = ["plain.example"]
respond = 200
tls.enabled = false
tls.minimum_version = "1.3"
tls.redirect = true
tls.client_ca = "ca.pem"
[[site]]
hosts = ["third.example"]
respond = 200
tls.redirect = "https"
[[site]]
hosts = ["fourth.example"]
respond = 200
tls.client_crl = "crl.pem""#, &[
        "fosse.toml:11:19: minimum_version takes \"1.2\" or \"1.3\", this is a number with a fraction",
        "fosse.toml:12:17: unknown_names takes \"refuse\" or \"default\", not \"first\"",
        "fosse.toml:13:21: handshake_seconds must be between 1 and 600 seconds",
        "fosse.toml:14:11: ciphers takes a list, this is a string; put it in square brackets",
        "fosse.toml:18:27: client_certificates, and nothing says from whom they may be; add client_ca = \"FILE\"",
        "fosse.toml:23:23: minimum_version, and the site has no TLS; remove the line, or enabled",
        "fosse.toml:24:16: redirect, and the site has no TLS; remove the line, or enabled",
        "fosse.toml:25:17: client_ca, and the site has no TLS; remove the line, or enabled",
        "fosse.toml:29:16: redirect takes true or false, this is a string",
        "fosse.toml:33:18: client_crl, and clients are asked for no certificate; add client_ca = \"FILE\"",
    ]),
    (r#"[tls]
ciphers = ["HIGH:!aNULL", "TLS_AES_128_GCM_SHA265", "RC4", "tls_ecdhe_rsa_with_aes_128_gcm_sha256", "ECDHE-RSA-AES128-GCM-SHA256"]
groups = ["X25519", "x25519", "ffdhe2048"]"#, &[
        "fosse.toml:11:12: ciphers: \"HIGH:!aNULL\" is a list of OpenSSL; write each cipher suite as a text of its own",
        "fosse.toml:11:27: ciphers: \"TLS_AES_128_GCM_SHA265\" is no cipher suite that is spoken here; did you mean \"TLS_AES_128_GCM_SHA256\"?",
        "fosse.toml:11:53: ciphers: \"RC4\" is no cipher suite that is spoken here; known are TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256, ECDHE-ECDSA-AES256-GCM-SHA384, ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-ECDSA-CHACHA20-POLY1305, ECDHE-RSA-AES256-GCM-SHA384, ECDHE-RSA-AES128-GCM-SHA256, ECDHE-RSA-CHACHA20-POLY1305",
        "fosse.toml:11:101: ciphers names it twice; remove one",
        "fosse.toml:12:21: groups names it twice; remove one",
        "fosse.toml:12:31: groups: \"ffdhe2048\" is no group that is spoken here; known are X25519MLKEM768, SecP256r1MLKEM768, X25519, secp256r1, secp384r1",
    ]),
    (r#"[tls]
ciphers = ["TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"]
groups = ["P-256", "prime256v1"]"#, &[
        "fosse.toml:11:38: ciphers names it twice; remove one",
        "fosse.toml:12:20: groups names it twice; remove one",
    ]),
    (r#"[tls]
ciphers = ["ECDHE-ECDSA-AES128-GCM-SHA256"]
[[site]]
hosts = ["tls.example"]
respond = 200
tls.minimum_version = "1.3""#, &[
        "fosse.toml:15:23: minimum_version is that of TLS 1.3, and ciphers names none of its suites; add TLS_AES_128_GCM_SHA256 to ciphers",
    ]),
    (r#"[tls]
ciphers = ["ECDHE-ECDSA-AES128-GCM-SHA256"]
minimum_version = "1.3""#, &[
        "fosse.toml:12:19: minimum_version is that of TLS 1.3, and ciphers names none of its suites; add TLS_AES_128_GCM_SHA256 to ciphers",
    ]),
    (r#"[[listen]]
address = "192.0.2.1:80"
public = true
[[site]]
hosts = ["a.example"]
respond = 200
tls.client_ca = "ca.pem""#, &[
        "fosse.toml:16:17: client_ca is for TLS, and 192.0.2.1:80 serves the site without; add tls = true to that [[listen]], or another one with it",
    ]),
    (r#"[[listen]]
address = "192.0.2.1:443"
public = true
tls = true
[[listen]]
address = "192.0.2.1:80"
public = true
[[certificate]]
file = "a.pem"
key = "a.key"
[[site]]
hosts = ["a.example"]
respond = 200
tls.redirect = false
tls.client_ca = "ca.pem"
[[site]]
hosts = ["b.example"]
respond = 200
tls.redirect = false
tls.client_ca = "ca.pem"
tls.client_certificates = "optional"
[[site]]
hosts = ["c.example"]
respond = 200
tls.client_ca = "ca.pem""#, &[
        "fosse.toml:23:16: client_ca is for TLS, and with redirect = false 192.0.2.1:80 serves the site without; remove the line",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:81"
public_port = 443
[[listen]]
address = "127.0.0.1:82"
tls = false
public_port = 65536"#, &[
        "fosse.toml:12:15: public_port is for listeners with TLS; remove the line, or add tls = true",
        "fosse.toml:16:15: public_port must be between 1 and 65535",
    ]),
    (r#"[[backend]]
name = "two"
servers = ["https://10.0.0.1", "https://app.example/path", "https://unix:/run/a.sock", "https://localhost:0"]
tls.ca_file = "*.pem"
tls.server_name = "a/b"
tls.minimum_version = "1.1"
tls.ciphers = "HIGH"
[[backend]]
name = "three"
servers = ["127.0.0.1:80"]
tls.verify = false
[[backend]]
name = "four"
servers = ["https://app.example", "https://app.example:443"]
remote = true
tls.verify = false
tls.ca_file = "ca.pem""#, &[
        "fosse.toml:12:12: 10.0.0.1:443 is not on this machine's loopback: requests would cross the network; if that is meant, add remote = true",
        "fosse.toml:12:32: servers: \"https://app.example/path\" is more than a server; write \"https://app.example\"; paths are for routes",
        "fosse.toml:12:60: servers: \"https://unix:/run/a.sock\" is not an address; write https://HOST or https://HOST:PORT",
        "fosse.toml:12:88: servers: \"localhost:0\" is not an address; the port is a number from 1 to 65535",
        "fosse.toml:13:15: ca_file: \"*.pem\" is a pattern; name one file",
        "fosse.toml:14:19: server_name: \"a/b\" is not a host name; write the name alone, without scheme and path",
        "fosse.toml:15:23: minimum_version takes \"1.2\" or \"1.3\", not \"1.1\"; did you mean \"1.2\"?",
        "fosse.toml:16:5: unknown key \"ciphers\" in [backend.tls]; it belongs in [tls]",
        "fosse.toml:20:1: tls is for servers that speak it, and no server is written with https://; write https:// before one, or remove the table",
        "fosse.toml:23:35: this server is named twice here; remove one",
        "fosse.toml:25:14: ca_file says who is trusted, and verify = false that whoever is there is; remove one of the two",
    ]),
];
