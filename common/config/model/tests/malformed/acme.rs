//! What a configuration says of certificates that are ordered.

#[test]
fn every_mistake_about_ordered_certificates_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
    (r#"[[listen]]
address = "127.0.0.1:443"
tls = true
[[acme]]
name = "le"
[[certificate]]
acme = "letsencrypt"
names = ["example.org"]"#, &[
        "fosse.toml:13:1: its terms of service are not agreed to; read them at the authority, and write agree_to_terms = true",
        "fosse.toml:16:8: there is no [[acme]] with the name \"letsencrypt\"; add one, or correct the name",
    ]),
    (r#"[[listen]]
address = "127.0.0.1:443"
tls = true
[[acme]]
name = "le"
directory = "http://ca.example/dir"
agree_to_terms = true
contact = ["admin"]
key_id = "one"
[[acme]]
name = "le"
directory = "https://ca.example:0/dir"
agree_to_terms = true
[[certificate]]
acme = "le"
file = "a.pem"
names = ["*.example.org", "other.example", "10.0.0.1", "intern"]
[[certificate]]
acme = "le"
[[certificate]]
file = "b.pem"
key = "b.key"
names = ["example.org"]
key_type = "rsa""#, &[
        "fosse.toml:15:13: directory: \"http://ca.example/dir\" is no URL of https; write https://HOST/PATH, as the authority names it",
        "fosse.toml:17:12: contact: \"admin\" is no address of mail; write NAME@HOST",
        "fosse.toml:18:10: key_id and key_file go together; add key_file",
        "fosse.toml:20:8: an earlier [[acme]] has this name; give it another one",
        "fosse.toml:21:13: directory: \"https://ca.example:0/dir\" has no port; write a number from 1 to 65535, or leave it out",
        "fosse.toml:25:8: a file, and the certificate is ordered of an authority; remove the line, or that with acme",
        "fosse.toml:26:10: *.example.org: authorities issue stars for a proof by DNS alone; list the names, or name files that another client writes",
        "fosse.toml:26:27: no site has the host other.example, where the authority asks for the proof; add it to the hosts of a site",
        "fosse.toml:26:44: 10.0.0.1 is an address; write a name",
        "fosse.toml:26:56: intern is no name that an authority issues for; write a whole name, such as www.example.org",
        "fosse.toml:28:8: an ordered certificate needs names; add names = [\"example.org\"]",
        "fosse.toml:32:9: names is for certificates that are ordered; remove the line, or add acme = \"NAME\" in place of file and key",
        "fosse.toml:33:12: key_type takes \"ecdsa-p256\", \"ecdsa-p384\", \"rsa-2048\", \"rsa-3072\", \"rsa-4096\" or \"ed25519\", not \"rsa\"",
    ]),
    (r#"only
[[listen]]
address = "127.0.0.1:443"
tls = true
[[acme]]
name = "le"
agree_to_terms = true
[[certificate]]
acme = "le"
names = ["example.org"]
[[site]]
hosts = ["example.org"]
respond = 200
acme = true"#, &[
        "fosse.toml:8:8: authorities ask for their proof at port 80, and no listener is without TLS; add a [[listen]] for it",
        "fosse.toml:13:1: unknown key \"acme\" in [[site]]; write [[acme]], and [[certificate]] with acme = \"NAME\" and names",
    ]),
    (r#"only
[[listen]]
address = "127.0.0.1:80"
[[acme]]
name = "le"
agree_to_terms = true
challenge = "tls-alpn-01"
[[acme]]
name = "other"
agree_to_terms = true
challenge = "dns-01"
[[certificate]]
acme = "le"
names = ["elsewhere.example"]
[[site]]
hosts = ["example.org"]
respond = 200"#, &[
        "fosse.toml:10:13: challenge takes \"http-01\" or \"tls-alpn-01\", not \"dns-01\"",
        "fosse.toml:11:1: a certificate, and no listener has TLS; add tls = true to a [[listen]]",
        "fosse.toml:12:8: challenge = \"tls-alpn-01\": the authority asks for its proof at port 443, and no listener has TLS; add a [[listen]] with tls = true",
    ]),
];
