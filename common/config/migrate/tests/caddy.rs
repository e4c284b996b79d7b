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
    let expected = [2, 4, 4, 5, 7, 8, 14, 15, 15, 16, 17, 19, 20, 22, 22];
    assert_eq!(lines, expected.map(|line| format!("Caddyfile:{line}")), "{notes:#?}");
    assert!(
        notes.iter().any(|note| note.contains("basicauth {...}: not carried over; its requests get 403")),
        "{notes:#?}"
    );
    assert!(
        toml.starts_with("# What ends TLS stands in front of this.\n[[listen]]\naddress = \"127.0.0.1:8080\"\n"),
        "{toml}"
    );
    assert!(toml.contains("servers = [\"localhost:3\"]"), "{toml}");
}

const HASH: &str = "$2a$12$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG";

#[test]
fn what_a_directive_keeps_out_stays_out() {
    for (lines, expected) in [
        ("basic_auth {\n\t\tann HASH\n\t}", "basic_auth = { users = [\"ann:$2a$12$"),
        ("basic_auth /admin/* {\n\t\tann HASH\n\t}", "prefix = \"/admin/\"\nbackend = \"app\"\nbasic_auth = "),
        ("basicauth /admin* {\n\t\tann HASH\n\t}", "regex = \"(?i)^/admin\"\nbackend = \"app\"\nbasic_auth = "),
        ("basicauth @a {\n\t\tann HASH\n\t}", "respond = 403\n"),
        ("@a expression {method} == 'GET'\n\tbasicauth @a {\n\t\tann HASH\n\t}", "respond = 403\n"),
        ("@a header A 1\n\t@b {\n\t\theader A 1\n\t\theader A 2\n\t}\n\tabort @b", "respond = 404\n"),
        ("rewrite * {header.X-Path}", "respond = 404\n"),
        ("uri replace a b", "respond = 404\n"),
        ("basicauth {\n\t\tann {$HASH}\n\t}", "respond = 403\n"),
        (
            "handle /in/* {\n\t\tbasicauth {\n\t\tann HASH\n\t}\n\t\treverse_proxy :2\n\t}",
            "prefix = \"/in/\"\nbackend = \"localhost-2\"\nbasic_auth = ",
        ),
        (
            "handle_path /in/* {\n\t\treverse_proxy :2\n\t}",
            "prefix = \"/in/\"\nbackend = \"localhost-2\"\nstrip_prefix = true",
        ),
        (
            "forward_auth :9 {\n\t\turi /ask\n\t\tcopy_headers Remote-User\n\t}",
            "forward_auth = { backend = \"localhost-9\", path = \"/ask\", copy_headers = [\"Remote-User\"] }",
        ),
        ("forward_auth @a :9 {\n\t\turi /ask\n\t}", "respond = 403\n"),
        ("respond /secret/* 403", "prefix = \"/secret/\"\nrespond = 403\n"),
        ("respond /secret 404", "path = \"/secret\"\nrespond = 404\n"),
        ("respond @outside 403", "respond = 404\n"),
        ("handle @outside {\n\t\tabort\n\t}", "respond = 403\n"),
        ("error /x/* {$CODE}", "respond = 403\n"),
        ("redir /old /new permanent", "path = \"/old\"\nredirect = \"/new\"\nredirect_status = 301\n"),
        ("redir /old/* /{http.vars.a}", "prefix = \"/old/\"\nrespond = 404\n"),
        ("rewrite * /public{uri}", "add_prefix = \"/public\""),
        ("import auth.conf", "respond = 404\n"),
        ("encode zstd gzip", "compress = [\"zstd\", \"gzip\"]"),
        ("header X-A 1\n\theader X-B 2", "response_headers.set = { \"X-A\" = \"1\", \"X-B\" = \"2\" }"),
        ("header A 1\n\theader B A\n\theader a 2", "response_headers.set = { \"B\" = \"A\", \"a\" = \"2\" }"),
        ("header B A\n\theader A 1", "response_headers.set = { \"B\" = \"A\", \"A\" = \"1\" }"),
    ] {
        let lines = lines.replace("HASH", HASH).replace("{$$2a", "{$2a");
        let (toml, _) = migrated(&format!("http://a.example {{\n\t{lines}\n\treverse_proxy unix//run/app\n}}\n"));
        assert!(toml.contains(expected), "{lines}\n{toml}");
        // All is closed where it is closed without a path.
        assert!(!expected.starts_with("respond") || !toml.contains("backend = "), "{lines}\n{toml}");
    }
}

#[test]
fn matchers_with_names_choose_by_paths_methods_headers_queries_and_clients() {
    for (lines, expected) in [
        (
            "@a path /a/* /b\n\treverse_proxy @a :2",
            &["prefix = \"/a/\"\nbackend = \"localhost-2\"", "path = \"/b\"\nbackend = \"localhost-2\""][..],
        ),
        (
            "@a {\n\t\tmethod POST\n\t\tpath /a/*\n\t}\n\treverse_proxy @a :2",
            &["prefix = \"/a/\"\nwhen = { method = [\"POST\"] }\nbackend = \"localhost-2\""],
        ),
        (
            "@a header Upgrade websocket\n\treverse_proxy @a :2",
            &["when = { header = [\"Upgrade=websocket\"] }\nbackend = \"localhost-2\""],
        ),
        ("@a header !X-Key\n\trespond @a 401", &["when = { header = [\"!X-Key\"] }\nrespond = 401"]),
        (
            "@a query beta=1\n\thandle @a {\n\t\treverse_proxy :2\n\t}",
            &["when = { query = [\"beta=1\"] }\nbackend = \"localhost-2\""],
        ),
        ("@a remote_ip 10.0.0.0/8\n\tabort @a", &["when = { network = [\"10.0.0.0/8\"] }\nrespond = 403"]),
        ("@a not remote_ip 10.0.0.0/8\n\trespond @a 403", &["allow_networks = [\"10.0.0.0/8\"]"]),
        (
            "@a {\n\t\tpath /admin/*\n\t\tnot remote_ip private_ranges\n\t}\n\tabort @a",
            &["prefix = \"/admin/\"\nbackend = \"app\"\nallow_networks = [\"192.168.0.0/16\""],
        ),
        ("@a not method GET HEAD\n\trespond @a 405", &["methods = [\"GET\", \"HEAD\"]"]),
        (
            "@a not remote_ip 10.0.0.0/8\n\tbasicauth @a {\n\t\tann HASH\n\t}",
            &["anonymous_networks = [\"10.0.0.0/8\"]"],
        ),
        (
            "@a not path /up /public/*\n\tbasicauth @a {\n\t\tann HASH\n\t}",
            &[
                "basic_auth = { users",
                "path = \"/up\"\nbackend = \"app\"\nbasic_auth = false",
                "prefix = \"/public/\"\nbackend = \"app\"\nbasic_auth = false",
            ],
        ),
        (
            "@a path_regexp old ^/o/([0-9]+)$\n\tredir @a /n/{re.old.1} 301",
            &["regex = \"^/o/([0-9]+)$\"\nredirect = \"/n/{1}\"\nredirect_status = 301"],
        ),
        (
            "@a path_regexp u ^/u/([a-z]+)$\n\trewrite @a /user?name={re.u.1}",
            &["regex = \"^/u/([a-z]+)$\"\nbackend = \"app\"\nrewrite = \"/user?name={1}\""],
        ),
        ("@a path *.php\n\trespond @a 404", &["regex = \"(?i)\\\\.php$\"\nrespond = 404"]),
        ("@a host a.example\n\tredir @a https://b.example{uri}", &["redirect = \"https://b.example{target}\""]),
        (
            "handle /api/* {\n\t\turi strip_prefix /api\n\t\treverse_proxy :2\n\t}",
            &["prefix = \"/api/\"\nbackend = \"localhost-2\"\nstrip_prefix = true"],
        ),
    ] {
        let lines = lines.replace("HASH", HASH);
        let (toml, notes) = migrated(&format!("http://a.example {{\n\t{lines}\n\treverse_proxy unix//run/app\n}}\n"));
        assert!(notes.iter().all(|note| note.contains("1 MiB")), "{lines}: {notes:#?}");
        for part in expected {
            assert!(toml.contains(part), "{lines}: {part}\n{toml}");
        }
    }
}

#[test]
fn what_is_said_of_servers_headers_and_errors_has_its_keys() {
    for (lines, expected) in [
        ("lb_policy first\n\t\tto :2", &["address = \"localhost:2\"\nbackup = true"][..]),
        ("lb_retries 2\n\t\tlb_try_duration 5s", &["retry = { attempts_max = 3, seconds_max = 5 }"]),
        (
            "health_uri /up\n\t\thealth_interval 1m30s\n\t\thealth_status 2xx\n\t\thealth_port 81",
            &["interval_seconds = 90", "status = [\"200-299\"]", "port = 81"],
        ),
        ("fail_duration 30s\n\t\tmax_fails 2", &["rest_seconds = 30", "failures_max = 2"]),
        (
            "transport http {\n\t\t\tdial_timeout 2s\n\t\t\tresponse_header_timeout 90s\n\t\t\tread_timeout 5m\n\t\t\tkeepalive 10s\n\t\t}",
            &["connect_seconds = 2", "first_byte_seconds = 90", "idle_seconds = 300", "pool_idle_seconds = 10"],
        ),
        (
            "header_up Host app.internal\n\t\theader_up X-A {remote_host}\n\t\theader_up -Cookie\n\t\theader_up +X-B 2",
            &[
                "backend_host = \"app.internal\"",
                "request_headers.set = { \"X-A\" = \"{client_address}\" }",
                "request_headers.remove = [\"Cookie\"]",
                "request_headers.add = { \"X-B\" = \"2\" }",
            ],
        ),
        (
            "header_down -Server\n\t\theader_down Location http:// https://",
            &[
                "response_headers.remove = [\"Server\"]",
                "response_headers.replace = [{ header = \"Location\", regex = \"http://\", value = \"https://\" }]",
            ],
        ),
    ] {
        let (toml, notes) = migrated(&format!("http://a.example {{\n\treverse_proxy :1 {{\n\t\t{lines}\n\t}}\n}}\n"));
        assert!(notes.iter().all(|note| note.contains("1 MiB")), "{lines}: {notes:#?}");
        for part in expected {
            assert!(toml.contains(part), "{lines}: {part}\n{toml}");
        }
    }
}

#[test]
fn scripts_codings_bodies_and_pages_of_a_site_have_their_keys() {
    let text = "http://a.example {\n\troot * /srv/a\n\tphp_fastcgi unix//run/php.sock {\n\t\tenv APP_ENV prod\n\t}\n\tfile_server\n\
        \tencode {\n\t\tzstd\n\t\tgzip 6\n\t\tminimum_length 256\n\t}\n\theader {\n\t\tX-A 1\n\t\t-X-B\n\t\t?X-C 3\n\t}\n\
        \trequest_body {\n\t\tmax_size 10MB\n\t}\n\thandle_errors {\n\t\trewrite * /error.html\n\t\tfile_server\n\t}\n}\n";
    let (toml, notes) = migrated(text);
    for part in [
        "fastcgi = {\n    root = \"/srv/a\",\n    scripts = [\"/*.php\"],\n    front_controller = \"/index.php\",\n    index = \"index.php\",\n    params = { \"APP_ENV\" = \"prod\" },",
        "compress = [\"zstd\", \"gzip 6\"]",
        "compress_bytes_min = 256",
        "response_headers.set = { \"X-A\" = \"1\" }",
        "response_headers.default = { \"X-C\" = \"3\" }",
        "response_headers.remove = [\"X-B\"]",
        "body_bytes_max = 10000000",
        "error = [{ status = [\"400-599\"], file = \"/srv/a/error.html\" }]",
        "files = \"/srv/a\"",
    ] {
        assert!(toml.contains(part), "{part}\n{toml}");
    }
    assert!(!toml.contains("php$") && notes.iter().any(|note| note.starts_with("Caddyfile:3: ")), "{toml}\n{notes:#?}");
}

#[test]
fn what_a_block_takes_is_not_served_by_what_comes_after_it() {
    let text = "http://a.example {\n\thandle /in/* {\n\t\tbasicauth {\n\t\t\tann HASH\n\t\t}\n\t\treverse_proxy :2\n\t}\n\
        \treverse_proxy /in/deep/* :3\n\treverse_proxy :4\n}\n";
    let (toml, notes) = migrated(&text.replace("HASH", HASH));
    assert!(!toml.contains("/in/deep"), "{toml}");
    assert!(notes.iter().any(|note| note.starts_with("Caddyfile:8: ")), "{notes:#?}");
}

#[test]
fn a_path_in_other_letters_is_kept_out_as_caddy_does_it() {
    let text = "http://a.example {\n\thandle /in/* {\n\t\treverse_proxy :2\n\t}\n\tbasicauth /in/deep/* {\n\t\tann HASH\n\t}\n}\n";
    let (toml, _) = migrated(&text.replace("HASH", HASH));
    let (deep, around) = (toml.find("(?i)^/in/deep/").unwrap(), toml.find("\"(?i)^/in/\"").unwrap());
    assert!(deep < around && !toml.contains("prefix = \"/in/\""), "{toml}");
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

#[test]
fn what_a_directive_that_is_not_known_may_keep_out_stays_out() {
    for guard in
        ["invoke secure", "authorize with admins", "jwtauth {\n\t\tsign_key a\n\t}", "tls {\n\t\tclient_auth\n\t}"]
    {
        let (toml, notes) = migrated(&format!("http://a.example {{\n\t{guard}\n\treverse_proxy :1\n}}\n"));
        assert!(toml.contains("respond = 403") && !toml.contains("backend = "), "{guard}: {toml}");
        assert!(notes.iter().any(|note| note.contains(":2:")), "{notes:?}");
    }
    for harmless in ["log", "tls internal", "metrics", "@a path /b", "vars a b"] {
        let (toml, _) = migrated(&format!("http://a.example {{\n\t{harmless}\n\treverse_proxy :1\n}}\n"));
        assert!(!toml.contains("respond = 403"), "{harmless}: {toml}");
    }
}

#[test]
fn imports_that_bring_imports_and_blocks_in_blocks_come_to_an_end_and_nobody_is_let_in() {
    let snippet = |n| format!("(s{n}) {{\n{}}}\n", format!("import s{}\n", n + 1).repeat(12));
    let snippets: String = (0..7).map(snippet).collect();
    let (toml, _) = migrated(&format!(
        "{snippets}(s7) {{\nbind 127.0.0.1\n}}\nhttp://a.example {{\nimport s0\nreverse_proxy :1\n}}\n"
    ));
    assert!(toml.contains("respond = 404"), "{toml}");
    let paths = |n: usize| format!("@m{n} path /{0}* /{0}a*\n", "a".repeat(2 * n));
    let (named, begins): (String, String) = (1..20).map(|n| (paths(n), format!("handle @m{n} {{\n"))).unzip();
    let (_, notes) = migrated(&format!("http://a.example {{\n{named}{begins}respond 204\n{}}}\n", "}\n".repeat(19)));
    assert!(notes.len() < 10_000, "{}", notes.len());
}

#[test]
fn a_path_that_is_said_twice_is_one_place_in_blocks_of_blocks() {
    let text = |paths: &str| {
        let (begins, ends) = ("handle @m {\n".repeat(20), "}\n".repeat(20));
        format!("http://a.example {{\n@m path {paths}\n{begins}respond 204\n{ends}}}\n")
    };
    assert_eq!(migrated(&text("/a/* /a/*")), migrated(&text("/a/*")));
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
