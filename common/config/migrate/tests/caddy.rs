//! A Caddyfile: what becomes of it, and what is said of the rest.

use fosse_migrate::{Format, Migrated, Mistake, migrate};

fn try_migrated(text: &str) -> Result<Migrated, Mistake> {
    migrate(Format::Caddy, ("Caddyfile".to_owned(), text.to_owned()), &|_| Err(String::new()))
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
fn sites_with_proxies_and_files_are_carried_over() {
    let text = "(proxy) {\n\treverse_proxy localhost:3000\n}\nhttp://a.example, http://www.a.example {\n\tbind 127.0.0.1\n\
        \troot * /srv/a\n\thandle /api/* {\n\t\treverse_proxy unix//run/api.sock {\n\t\t\tto :3001\n\t\t\tlb_policy ip_hash\n\
        \t\t\thealth_uri /up\n\t\t}\n\t}\n\thandle {\n\t\tfile_server\n\t}\n}\nhttp://b.example:81 {\n\timport proxy\n\
        \treverse_proxy /v1/* 127.0.0.1:4000\n}\n";
    let (toml, notes) = migrated(text);
    let expected = format!(
        "[[listen]]\naddress = \"127.0.0.1:80\"\n\n[[listen]]\naddress = \"0.0.0.0:81\"\npublic = true\n\n\
         [[site]]\nhosts = [\"a.example\", \"www.a.example\"]\nbackend = \"a\"\n{WAF}\n[[site.route]]\nprefix = \"/api/\"\nbackend = \"api-sock\"\n\n\
         [[site]]\nhosts = [\"b.example\"]\nbackend = \"localhost-3000\"\n{WAF}\n[[site.route]]\nprefix = \"/v1/\"\nbackend = \"127-0-0-1-4000\"\n\n\
         [[backend]]\nname = \"api-sock\"\nservers = [\"unix:/run/api.sock\", \"localhost:3001\"]\nbalance = \"hash\"\nhash_by = \"source\"\n\n\
         [backend.health]\npath = \"/up\"\n\n[[backend]]\nname = \"a\"\nfiles = \"/srv/a\"\n\n\
         \
         [[backend]]\nname = \"127-0-0-1-4000\"\nservers = [\"127.0.0.1:4000\"]\n\n[[backend]]\nname = \"localhost-3000\"\nservers = [\"localhost:3000\"]\n"
    );
    assert_eq!(toml, expected);
    assert!(
        notes.len() == 2 && notes.iter().all(|note| note.contains("bodies of requests end at 1 MiB")),
        "{notes:#?}"
    );
}

#[test]
fn every_directive_that_is_not_carried_over_is_named() {
    let text = "{\n\temail a@b.example\n}\na.example {\n\ttls a b\n\tencode gzip\n\tbasicauth {\n\t\ta b\n\t}\n\tredir /a /b\n\
        \thandle_path /x/* {\n\t\treverse_proxy :1\n\t}\n\treverse_proxy @odd :1\n\treverse_proxy app.example:80\n\
        \treverse_proxy {$APP}\n\treverse_proxy /p* :2\n\treverse_proxy :3\n\tstrange\n\timport gone\n}\nb.example {\n\trespond ok\n}\n";
    let (toml, notes) = migrated(text);
    let lines: Vec<&str> = notes.iter().map(|note| note.split(": ").next().unwrap()).collect();
    let expected = [2, 4, 4, 5, 6, 7, 10, 11, 14, 15, 15, 16, 17, 19, 20, 22, 22, 23];
    assert_eq!(lines, expected.map(|line| format!("Caddyfile:{line}")), "{notes:#?}");
    assert!(
        notes.iter().any(|note| note.contains("basicauth {...}: not carried over, so everybody is let in")),
        "{notes:#?}"
    );
    assert!(
        toml.starts_with("# What ends TLS stands in front of this.\n[[listen]]\naddress = \"127.0.0.1:8080\"\n"),
        "{toml}"
    );
    assert!(toml.contains("servers = [\"localhost:3\"]"), "{toml}");
}

#[test]
fn what_is_not_caddys_language_is_refused_with_its_line() {
    for (text, expected) in [
        ("a {\nb", "Caddyfile:1: a block that is not closed"),
        ("a {\n}\n}", "Caddyfile:3: a } that closes nothing"),
        ("a \"b", "Caddyfile:1: a quote that is not closed"),
        ("a {\n respond <<X\nX\n}", "Caddyfile:2: a heredoc, which fosse migrate does not read"),
    ] {
        assert_eq!(try_migrated(text).unwrap_err().to_string(), expected, "{text}");
    }
    assert!(try_migrated(&"a {\n".repeat(100_000)).unwrap_err().what.contains("too deep"));
    let long = "#".repeat(fosse_migrate::TEXT_BYTES_MAX + 1);
    assert!(try_migrated(&long).unwrap_err().what.contains("too many bytes"));
}

#[expect(unreachable_pub, dead_code, reason = "the fuzz crate has them public, and uses all")]
#[path = "../../../../fuzz/src/target/migrate.rs"]
mod target;

#[test]
fn texts_cut_anywhere_or_with_any_bit_flipped_are_migrated_or_refused() {
    let text = b"{\n email a\n}\n(s) {\n reverse_proxy :1\n}\nhttp://a.b, :80 {\n bind ::1\n root * /s\n import s\n handle /a/* {\n\
        \x20 reverse_proxy unix//r {\n to :2\n lb_policy cookie c\n }\n }\n file_server\n respond \"a \\\" b\"\n}\n";
    for cut in 0..text.len() {
        target::caddy(&text[..cut]);
    }
    for bit in 0..text.len() * 8 {
        let mut flipped = text.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        target::caddy(&flipped);
    }
}
