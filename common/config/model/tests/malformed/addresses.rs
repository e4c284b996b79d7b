//! Addresses to listen on.

#[test]
fn every_mistake_about_an_address_to_listen_on_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
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
address = "systemd:http""#, &[
        "fosse.toml:11:11: address \"systemd:http\" is not an address; the port is a number from 1 to 65535",
    ]),
    (r#"[[listen]]
public = true"#, &[
        "fosse.toml:10:1: [[listen]] needs address; it takes an address such as \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/x.sock\"",
    ]),
];
