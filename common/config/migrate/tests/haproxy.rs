//! haproxy.cfg: what becomes of it, and what is said of the rest.

use fosse_migrate::{Format, Migrated, Mistake, migrate};

fn try_migrated(text: &str) -> Result<Migrated, Mistake> {
    migrate(Format::Haproxy, ("haproxy.cfg".to_owned(), text.to_owned()), &|_| Err(String::new()))
}

/// Returns the text without its first line, and the notes; it is a configuration that fosse takes.
fn migrated(text: &str) -> (String, Vec<String>) {
    let migrated = try_migrated(text).unwrap_or_else(|mistake| panic!("{mistake}"));
    if let Err(report) = fosse_model::read("fosse.toml", migrated.toml.as_bytes()) {
        panic!("{report}\n{}", migrated.toml);
    }
    let toml = migrated.toml.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    (toml.trim_start().to_owned(), migrated.notes.iter().map(ToString::to_string).collect())
}

const WAF: &str = "waf = \"detect\" # \"block\" denies what the rules find; the log shows what that would be\n";

#[test]
fn frontends_and_backends_are_carried_over() {
    let text = "global\n  maxconn 5000\ndefaults\n  mode http\n  timeout connect 5s\n  timeout server 30000\n\
        frontend web\n  bind 127.0.0.1:80,[::1]:80\n  option forwardfor\n  acl is_b hdr(host) -i B.example\n  acl is_b hdr(host) -i c.example\n\
        \x20 acl is_api path_beg /api/\n  use_backend api if is_b is_api\n  use_backend b if is_b\n  use_backend api if { path_beg /v1/ }\n\
        \x20 default_backend app\n\
        backend app\n  balance leastconn\n  cookie SRV insert indirect nocache\n  option httpchk GET /health\n  http-check expect status 200\n\
        \x20 server a 127.0.0.1:3000 check weight 10 cookie a\n  server b unix@/run/b.sock check backup\n\
        backend b\n  balance hdr(X-User)\n  server b localhost:3001\n\
        backend api\n  server c 127.0.0.1:3002 weight 0\n";
    let (toml, notes) = migrated(text);
    let times = "connect_seconds = 5\nfirst_byte_seconds = 30\nidle_seconds = 30\n";
    let expected = format!(
        "[limits]\nconnections_max = 5000\n\n[[listen]]\naddress = \"127.0.0.1:80\"\n\n[[listen]]\naddress = \"[::1]:80\"\n\n\
         [[site]]\nhosts = [\"b.example\"]\nbackend = \"b\"\n{WAF}\n[[site.route]]\nprefix = \"/api/\"\nbackend = \"api\"\n\n\
         [[site.route]]\nprefix = \"/v1/\"\nbackend = \"api\"\n\n\
         [[site]]\nhosts = [\"c.example\"]\nbackend = \"b\"\n{WAF}\n[[site.route]]\nprefix = \"/api/\"\nbackend = \"api\"\n\n\
         [[site.route]]\nprefix = \"/v1/\"\nbackend = \"api\"\n\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n{WAF}\n[[site.route]]\nprefix = \"/v1/\"\nbackend = \"api\"\n\n\
         [[backend]]\nname = \"app\"\n{times}balance = \"least-connections\"\nsticky_cookie = \"SRV\"\n\n\
         [[backend.server]]\naddress = \"127.0.0.1:3000\"\nweight = 10\n\n[[backend.server]]\naddress = \"unix:/run/b.sock\"\nbackup = true\n\n\
         [backend.health]\npath = \"/health\"\nmethod = \"GET\"\nstatus = [200]\n\n\
         [[backend]]\nname = \"api\"\n{times}\n[[backend.server]]\naddress = \"127.0.0.1:3002\"\nweight = 0\n\n\
         [[backend]]\nname = \"b\"\nservers = [\"localhost:3001\"]\n{times}balance = \"hash\"\nhash_by = \"header X-User\"\n"
    );
    assert_eq!(toml, expected);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].starts_with("haproxy.cfg:7: frontend web: carried over; bodies of requests end at 1 MiB"));
}

#[test]
fn every_line_that_is_not_carried_over_is_named() {
    let text = "global\n  daemon\n  log /dev/log local0\ndefaults\n  mode http\n  timeout client 1m\nfrontend web\n  bind :443 ssl crt a.pem\n\
        \x20 bind 127.0.0.1:80 accept-proxy\n  acl odd src 10.0.0.0/8\n  use_backend app if odd\n  use_backend app if { path_beg /a }\n\
        \x20 http-request deny if odd\n  strange\n  default_backend app\nbackend app\n  server a app.example:80\n  server b 127.0.0.1:1 maxconn 9\n\
        \x20 server c 127.0.0.1:2 disabled\n  option httpchk GET /x HTTP/1.0\nbackend unused\n  server a 127.0.0.1:3\nuserlist u\n  user a\n";
    let (toml, notes) = migrated(text);
    let lines: Vec<&str> = notes.iter().map(|note| note.split(": ").next().unwrap()).collect();
    let expected =
        [2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 17, 18, 19, 20, 21, 23].map(|line| format!("haproxy.cfg:{line}"));
    assert_eq!(lines, expected, "{notes:#?}");
    assert!(
        notes.iter().any(|note| note.contains("http-request deny if odd: not carried over, so everybody is let in"))
    );
    assert!(!toml.contains("443") && toml.contains("prefix = \"/a\""), "{toml}");
}

#[test]
fn a_listen_section_is_a_frontend_and_its_backend() {
    let (toml, notes) = migrated("listen web\n  bind *:80\n  balance roundrobin\n  server a 127.0.0.1:1\n  odd line\n");
    assert!(toml.contains("address = \"0.0.0.0:80\"\npublic = true\n") && toml.contains("name = \"web\""), "{toml}");
    assert_eq!(notes.len(), 2, "{notes:#?}");
    assert!(notes[1].starts_with("haproxy.cfg:5: odd line: "), "{notes:#?}");
}

#[test]
fn what_is_not_haproxys_language_is_refused_with_its_line() {
    for (text, expected) in [
        ("bind :80", "haproxy.cfg:1: a line before the first section"),
        ("global\n a 'b", "haproxy.cfg:2: a quote that is not closed"),
        ("global\n a \\", "haproxy.cfg:2: a backslash before nothing"),
    ] {
        assert_eq!(try_migrated(text).unwrap_err().to_string(), expected, "{text}");
    }
    let long = "#".repeat(fosse_migrate::TEXT_BYTES_MAX + 1);
    assert!(try_migrated(&long).unwrap_err().what.contains("too many bytes"));
}

#[expect(unreachable_pub, dead_code, reason = "the fuzz crate has them public, and uses all")]
#[path = "../../../../fuzz/src/target/migrate.rs"]
mod target;

#[test]
fn texts_cut_anywhere_or_with_any_bit_flipped_are_migrated_or_refused() {
    let text = b"global\n maxconn 9\nfrontend a\n bind :80\n acl h hdr(host) -i 'a.b'\n use_backend b if h\n default_backend b\n\
        backend b\n balance hdr(X)\n cookie A insert\n option httpchk GET /\n server a 127.0.0.1:1 weight 2 \"check\"\nlisten c\n bind :81\n server d /s\n";
    for cut in 0..text.len() {
        target::haproxy(&text[..cut]);
    }
    for bit in 0..text.len() * 8 {
        let mut flipped = text.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        target::haproxy(&flipped);
    }
}
