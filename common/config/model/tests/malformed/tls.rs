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
tls.redirect = "https""#, &[
        "fosse.toml:11:19: minimum_version takes \"1.2\" or \"1.3\", this is a number with a fraction",
        "fosse.toml:12:17: unknown_names takes \"refuse\" or \"default\", not \"first\"",
        "fosse.toml:13:21: handshake_seconds must be between 1 and 600 seconds",
        "fosse.toml:14:1: unknown key \"ciphers\" in [tls]; known are minimum_version, unknown_names, http2, handshake_seconds",
        "fosse.toml:18:27: client_certificates, and nothing says from whom they may be; add client_ca = \"FILE\"",
        "fosse.toml:23:23: minimum_version, and the site has no TLS; remove the line, or enabled",
        "fosse.toml:24:16: redirect, and the site has no TLS; remove the line, or enabled",
        "fosse.toml:25:17: client_ca, and the site has no TLS; remove the line, or enabled",
        "fosse.toml:29:16: redirect takes true or false, this is a string",
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
];
