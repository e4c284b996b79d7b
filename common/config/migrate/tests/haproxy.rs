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
    let times = "first_byte_seconds = 30\nidle_seconds = 30\n";
    let expected = format!(
        "[limits]\nconnections_max = 5000\n\n[[listen]]\naddress = \"127.0.0.1:80\"\n\n[[listen]]\naddress = \"[::1]:80\"\n\n\
         [[site]]\nhosts = [\"b.example\", \"c.example\"]\nbackend = \"b\"\n{WAF}\n[[site.route]]\nprefix = \"/api/\"\nbackend = \"api\"\n\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n{WAF}\n[[site.route]]\nprefix = \"/v1/\"\nbackend = \"api\"\n\n\
         [[backend]]\nname = \"api\"\nconnect_seconds = 5\n{times}\n[[backend.server]]\naddress = \"127.0.0.1:3002\"\nweight = 0\n\n\
         [[backend]]\nname = \"b\"\nservers = [\"localhost:3001\"]\nconnect_seconds = 5\nbalance = \"hash\"\nhash_by = \"header X-User\"\n{times}\n\
         [[backend]]\nname = \"app\"\nconnect_seconds = 5\nbalance = \"least-connections\"\nsticky_cookie = \"SRV\"\n{times}\n\
         [[backend.server]]\naddress = \"127.0.0.1:3000\"\nweight = 10\n\n[[backend.server]]\naddress = \"unix:/run/b.sock\"\nbackup = true\n\n\
         [backend.health]\npath = \"/health\"\nmethod = \"GET\"\nstatus = [200]\n"
    );
    assert_eq!(toml, expected);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].starts_with("haproxy.cfg:7: frontend web: carried over; bodies of requests end at 1 MiB"));
}

#[test]
fn every_line_that_is_not_carried_over_is_named() {
    let text = "global\n  daemon\n  log /dev/log local0\ndefaults\n  mode http\n  timeout check 1m\nfrontend web\n  bind :443 ssl crt a.pem\n\
        \x20 bind 127.0.0.1:80 accept-proxy\n  acl odd ssl_c_verify 0\n  use_backend app if odd\n  use_backend app if { path_beg /a }\n\
        \x20 http-request deny if odd\n  strange\n  default_backend app\nbackend app\n  server a app.example:80 ssl\n  server b 127.0.0.1:1 maxconn 9 odd\n\
        \x20 server c 127.0.0.1:2 disabled\n  http-check connect\nbackend unused\n  server a 127.0.0.1:3\nprogram u\n  command a\n";
    let (toml, notes) = migrated(text);
    let lines: Vec<&str> = notes.iter().map(|note| note.split(": ").next().unwrap()).collect();
    let expected =
        [2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 23].map(|line| format!("haproxy.cfg:{line}"));
    assert_eq!(lines, expected, "{notes:#?}");
    assert!(notes.iter().any(|note| note.ends_with("requests that it may be for get 403")), "{notes:#?}");
    // Nobody is let in whom a line that is not understood may keep out.
    assert!(!toml.contains("443") && toml.contains("respond = 403") && !toml.contains("backend = "), "{toml}");
}

/// Returns the text for a frontend with these lines, before a backend that all requests get.
fn ruled(lines: &str) -> String {
    let text = format!(
        "userlist old\n  user ann insecure-password a\nfrontend web\n  bind 127.0.0.1:80\n{lines}\n  default_backend app\n\
         backend app\n  server a 127.0.0.1:1\nbackend other\n  server b 127.0.0.1:2\n"
    );
    migrated(&text).0
}

#[test]
fn what_a_rule_keeps_out_stays_out() {
    for (lines, expected) in [
        // A beginning is no prefix: /adminx is of it too.
        ("http-request deny if { path_beg /admin }", "regex = \"^/admin\"\nrespond = 403\n"),
        ("http-request deny if { path_end -i .bak }", "regex = \"(?i)\\\\.bak$\"\nrespond = 403\n"),
        ("http-request deny unless { src 10.0.0.0/8 }", "backend = \"app\"\nallow_networks = [\"10.0.0.0/8\"]\n"),
        ("http-request deny if { src 10.0.0.0/8 }", "backend = \"app\"\ndeny_networks = [\"10.0.0.0/8\"]\n"),
        ("http-request deny unless { ssl_c_verify 0 }", "default = true\nrespond = 403\n"),
        ("http-request deny if { src -f /etc/bad }", "default = true\nrespond = 403\n"),
        // A list without a hash that can be checked, a group, and an address that a header names.
        ("http-request auth if { path_beg /a } !{ http_auth(old) }", "regex = \"^/a\"\nrespond = 403\n"),
        ("http-request auth unless { http_auth_group(old) admins }", "default = true\nrespond = 403\n"),
        (
            "http-request set-src hdr(X-Forwarded-For)\nhttp-request deny unless { src 10.0.0.0/8 }",
            "default = true\nrespond = 403\n",
        ),
        // The first rule decides, whichever path is longer.
        (
            "http-request deny if { path_end .php }\nuse_backend other if { path_beg /x/ }",
            "regex = \"\\\\.php$\"\nrespond = 403\n",
        ),
        // What hid another place, and cannot.
        ("http-request set-path /public%[var(txn.a)] if { path_beg /p }", "regex = \"^/p\"\nrespond = 404\n"),
        ("http-request redirect location /%[rand] if { path /old }", "path = \"/old\"\nrespond = 404\n"),
        ("use_backend gone if { path_beg /gone/ }", "prefix = \"/gone/\"\nrespond = 503\n"),
        ("use_backend %[req.hdr(host),map(/a)]", "default = true\nrespond = 503\n"),
    ] {
        let toml = ruled(lines);
        assert!(toml.contains(expected), "{lines}\n{toml}");
    }
}

#[test]
fn the_first_rule_decides_whatever_conditions_a_later_one_has() {
    let toml = ruled(
        "http-request deny deny_status 404 if { path_end .php }\nuse_backend other if { path_beg /in/ } { src 10.0.0.0/8 }",
    );
    // With as many conditions the order of the file decides: /in/a.php is not there for 10.0.0.1.
    let first = "regex = \"\\\\.php$\"\nrespond = 404\nwaf";
    let (php, inside) = (toml.find("\\\\.php$").unwrap(), toml.find("^/in/").unwrap());
    assert!(php < inside && !toml.contains(first), "{toml}");
    assert!(toml.contains("respond = 404\nwhen = { network = [\"0.0.0.0/0\", \"::/0\"] }"), "{toml}");
}

#[test]
fn a_listener_has_the_sites_of_its_own_frontend() {
    let text = "frontend inside\n  bind 127.0.0.1:81\n  use_backend a if { hdr(host) a.example }\n  default_backend a\n\
        frontend outside\n  bind 127.0.0.1:80\n  http-request deny if { path_beg /x }\n  default_backend b\n\
        listen db\n  mode tcp\n  bind :3306\n  server d 127.0.0.1:3307\n\
        backend a\n  server a 127.0.0.1:1\nbackend b\n  server b 127.0.0.1:2\n";
    let (toml, notes) = migrated(text);
    assert!(toml.contains("backend = \"a\"\nwhen = { listener = [\"127.0.0.1:81\"] }"), "{toml}");
    assert!(toml.contains("respond = 403\nwhen = { listener = [\"127.0.0.1:80\"] }"), "{toml}");
    assert!(toml.contains("default_for = [\"127.0.0.1:80\"]\nbackend = \"b\""), "{toml}");
    assert!(!toml.contains("3306") && notes.iter().any(|note| note.starts_with("haproxy.cfg:9: listen db")), "{toml}");
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
