//! nginx.conf: what becomes of it, and what is said of the rest.

use fosse_migrate::{File, Format, Migrated, Mistake, migrate};

fn try_migrated(text: &str, files: &[(&str, &str)]) -> Result<Migrated, Mistake> {
    let read = |pattern: &str| {
        let found = files.iter().filter(|(name, _)| *name == pattern);
        let found: Vec<File> = found.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        if found.is_empty() { Err(format!("there is no {pattern}")) } else { Ok(found) }
    };
    migrate(Format::Nginx, ("nginx.conf".to_owned(), text.to_owned()), &read)
}

/// Returns the text without its first line, and the notes; it is a configuration that fosse takes.
fn migrated(text: &str) -> (String, Vec<String>) {
    let migrated = try_migrated(text, &[]).unwrap_or_else(|mistake| panic!("{mistake}"));
    if let Err(report) = fosse_model::read("fosse.toml", migrated.toml.as_bytes()) {
        panic!("{report}\n{}", migrated.toml);
    }
    let toml = migrated.toml.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    (toml.trim_start().to_owned(), migrated.notes.iter().map(ToString::to_string).collect())
}

fn assert_migrated(text: &str, toml: &str, notes: &[&str]) {
    let (found, found_notes) = migrated(text);
    assert_eq!(found, toml, "{text}");
    assert_eq!(found_notes, notes, "{text}");
}

/// Servers that are wanted for each line of a location.
fn in_location(line: &str) -> (String, Vec<String>) {
    migrated(&format!(
        "server {{ listen 127.0.0.1:80; server_name a.example; location / {{ proxy_pass http://127.0.0.1:3000;\n{line}\n\
         proxy_set_header Host $host; }} }}"
    ))
}

const WAF: &str = "waf = \"detect\" # \"block\" denies what the rules find; the log shows what that would be\n";

#[test]
fn a_usual_server_with_an_upstream_is_carried_over_whole() {
    let text = "http {\n  upstream app { least_conn; server 127.0.0.1:3000 weight=5; server unix:/run/app.sock backup; keepalive 32; }\n\
        \x20 client_max_body_size 64m;\n  proxy_set_header Host $host;\n  proxy_http_version 1.1;\n\
        \x20 server {\n    listen 80 default_server;\n    listen [::]:80 default_server;\n\
        \x20   server_name Shop.example .shop.example;\n    root /srv/shop;\n\
        \x20   location / { proxy_pass http://app; proxy_read_timeout 2m; proxy_connect_timeout 5s; }\n\
        \x20   location /static/ { try_files $uri =404; index a.html; }\n  }\n}\n";
    let toml = format!(
        "[[listen]]\naddress = \"0.0.0.0:80\"\npublic = true\n\n[[listen]]\naddress = \"[::]:80\"\npublic = true\n\n\
         [[site]]\nhosts = [\"shop.example\", \"*.shop.example\"]\ndefault = true\nbody_bytes_max = \"64 MiB\"\n{WAF}\n\
         [[site.route]]\nprefix = \"/static/\"\nbackend = \"shop\"\n\n\
         [[site.route]]\nprefix = \"/\"\nbackend = \"app\"\nfirst_byte_seconds = 120\nidle_seconds = 120\n\n\
         [[backend]]\nname = \"app\"\nbalance = \"least-connections\"\npool_connections_max = 32\nconnect_seconds = 5\n\n\
         [[backend.server]]\naddress = \"127.0.0.1:3000\"\nweight = 5\n\n\
         [[backend.server]]\naddress = \"unix:/run/app.sock\"\nbackup = true\n\n\
         [[backend]]\nname = \"shop\"\nfiles = \"/srv/shop\"\nindex = [\"a.html\"]\n"
    );
    assert_migrated(text, &toml, &[]);
}

#[test]
fn numbers_with_zeros_before_them_are_numbers_of_toml() {
    let (toml, _) = migrated(
        "upstream app { server 127.0.0.1:3000; keepalive 00; }\nserver { listen 127.0.0.1:80; server_name a.example;\n\
         location / { proxy_pass http://app; proxy_next_upstream error http_502 http_0503; } }",
    );
    assert!(toml.contains("\npool_connections_max = 0\n") && !toml.contains("0503"), "{toml}");
}

#[test]
fn every_directive_that_is_not_carried_over_is_named_with_its_line() {
    let text = "user www-data;\nevents { worker_connections 9; }\nhttp {\n  gzip on;\n  sendfile on;\n  strange 1;\n\
        \x20 limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;\n  upstream gone { server 127.0.0.1:1; }\n\
        \x20 server {\n    listen 443 ssl;\n    listen 127.0.0.1:81;\n    ssl_certificate a.pem;\n    server_name ~^a$;\n\
        \x20   location / {\n      proxy_pass http://127.0.0.1:3000/;\n      add_header X-A 1;\n      auth_basic x;\n\
        \x20     deny all;\n      if ($a) { return 403; }\n    }\n    location ~ \\.php$ { fastcgi_pass unix:/run/php.sock; }\n\
        \x20   location = /x { return 200 ok; }\n    location /old { return 301 /new; }\n\
        \x20   location /api { proxy_pass https://127.0.0.1:2; }\n    location /b { proxy_pass http://127.0.0.1:2/c; }\n  }\n}\n";
    let (toml, notes) = migrated(text);
    let lines: Vec<&str> = notes.iter().map(|note| note.split(": ").next().unwrap()).collect();
    let expected = [1, 2, 5, 6, 7, 8, 10, 12, 13, 14, 15, 16, 19, 21, 21, 24, 24, 25, 25, 25];
    assert_eq!(lines, expected.map(|line| format!("nginx.conf:{line}")), "{notes:#?}");
    for (line, says) in [
        (10, "listen 443 ssl: not carried over: TLS is not in fosse yet"),
        (14, "location / {...}: auth_basic without auth_basic_user_file: not carried over, so its requests get 403"),
        (25, "location /b {...}: carried over for /b and what is below /b/"),
        (24, "location /api {...}: not carried over: nothing here serves it; its paths get 404"),
        (19, "if ($a) {...}: not carried over, so its requests get 403: "),
        (15, "proxy_pass http://127.0.0.1:3000/: carried over; the application is asked for the client's Host"),
    ] {
        let beginning = format!("nginx.conf:{line}: {says}");
        assert!(notes.iter().any(|note| note.starts_with(&beginning)), "{beginning}: {notes:#?}");
    }
    assert!(toml.contains("address = \"127.0.0.1:81\"\n") && !toml.contains("443"), "{toml}");
}

#[test]
fn hosts_belong_to_the_first_server_that_serves_them() {
    let server =
        |listen: &str, name: &str, rest: &str| format!("server {{ listen {listen}; server_name {name}; {rest} }}\n");
    let pass = "location / { proxy_set_header Host $host; proxy_pass http://127.0.0.1:1; }";
    let text = [
        server("127.0.0.1:80", "a.example", "return 301 https://$host$request_uri;"),
        server("127.0.0.1:443 ssl", "a.example", pass),
        server("127.0.0.1:81", "a.example b.example", pass),
        server("127.0.0.1:82", "a.example", pass),
        server("127.0.0.1:83 default_server", "_", pass),
    ]
    .concat();
    let (toml, notes) = migrated(&text);
    let hosts: Vec<&str> =
        toml.lines().filter(|line| line.starts_with("hosts") || line.starts_with("default")).collect();
    assert_eq!(hosts, ["hosts = [\"a.example\"]", "hosts = [\"b.example\"]", "default = true"], "{toml}");
    assert_eq!(notes.len(), 6, "{notes:#?}");
}

#[test]
fn a_line_of_a_location_is_carried_over_or_named() {
    for (line, named) in [
        ("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;", false),
        ("proxy_set_header X-Real-IP $remote_addr;", false),
        ("proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";", false),
        ("proxy_read_timeout 90;", false),
        ("proxy_connect_timeout 90;", true),
        ("client_max_body_size 1g;", false),
        ("real_ip_header X-Forwarded-For; set_real_ip_from 10.0.0.0/8;", false),
        ("root /srv; error_page 500 /50x.html;", false),
        ("error_page 404 =200 /empty.gif;", true),
        ("add_header X-A $upstream_addr;", true),
        ("add_header X-A $host always;", false),
        ("proxy_set_header X-B \"$remote_addr:$remote_port\";", false),
        ("limit_rate 100k; limit_rate_after 1m;", false),
        ("limit_rate 100;", true),
        ("gzip on; gzip_types text/css application/json; gzip_min_length 256; gzip_vary on;", false),
        ("gzip_static on;", true),
        ("allow 10.0.0.0/8; deny all;", false),
        ("proxy_next_upstream error timeout http_503 non_idempotent; proxy_next_upstream_tries 3;", false),
        ("expires 30d;", false),
        ("large_client_header_buffers 4 16k;", false),
        ("client_body_timeout 20s;", false),
        ("secure_link $arg_md5,$arg_expires;", true),
        ("rewrite ^/a /b;", true),
    ] {
        let (toml, notes) = in_location(line);
        assert_eq!(!notes.is_empty(), named, "{line}: {notes:?}");
        assert!(toml.contains("servers = [\"127.0.0.1:3000\"]"), "{toml}");
        assert!(notes.iter().all(|note| note.starts_with("nginx.conf:2: ")), "{notes:?}");
    }
}

#[test]
fn a_return_is_a_redirect_or_a_response_but_not_one_to_https() {
    for (line, expected) in [
        (
            "return 301 http://b.example$request_uri;",
            "redirect = \"http://b.example{target}\"\nredirect_status = 301\n",
        ),
        ("return 302 /new;", "redirect = \"/new\"\nredirect_status = 302\n"),
        (
            "return 308 $scheme://www.$host$request_uri;",
            "redirect = \"{scheme}://www.{host}{target}\"\nredirect_status = 308\n",
        ),
        ("return 410;", "respond = 410\n"),
        ("return 200 'it is so';", "respond = 200\nrespond_body = \"it is so\"\n"),
    ] {
        let (toml, notes) = migrated(&format!("server {{ listen 127.0.0.1:80; root /a; location = /x {{ {line} }} }}"));
        assert!(toml.contains(&format!("path = \"/x\"\n{expected}")) && notes.is_empty(), "{toml}\n{notes:?}");
    }
    let text = "server { listen 127.0.0.1:80; root /a; location /x/ { return 301 https://$host$request_uri; } }";
    let (toml, notes) = migrated(text);
    assert!(!toml.contains("redirect") && notes.len() == 2, "{toml}\n{notes:?}");
}

#[test]
fn included_files_stand_where_they_are_included() {
    let text = "http {\n include mime.types;\n include sites/*;\n include none;\n}\n";
    let site = "server {\n listen 127.0.0.1:80;\n odd 1;\n location / { root /srv/a; }\n}\n";
    let found = try_migrated(text, &[("mime.types", "types { text/html html; }"), ("sites/*", site)]).unwrap();
    let notes: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
    assert!(notes[0].starts_with("nginx.conf:4: include none: there is no none"), "{notes:#?}");
    assert!(notes[1].starts_with("mime.types:1: types {...}: not carried over"), "{notes:#?}");
    assert!(notes[2].starts_with("sites/*:3: odd 1: "), "{notes:#?}");
    assert!(notes.len() == 3 && found.toml.contains("files = \"/srv/a\""), "{notes:#?}");
}

#[test]
fn what_is_not_nginxs_language_is_refused_with_its_line() {
    for (text, expected) in [
        ("http {\n server {", "nginx.conf:2: a block that is not closed"),
        ("http {\n}}", "nginx.conf:2: a } that closes nothing"),
        ("a\nb\n", "nginx.conf:3: a directive without its ;"),
        ("a {\n b }", "nginx.conf:2: a directive without its ;"),
        (";", "nginx.conf:1: a directive without a name"),
        ("a 'b", "nginx.conf:1: a quote that is not closed"),
        ("include x;", "x:1: too many files"),
    ] {
        let found = try_migrated(text, &[("x", "include x;")]).map(|migrated| migrated.toml);
        let found = found.map_err(|mistake| mistake.to_string()).unwrap_err();
        let is_deep = expected.ends_with("too many files") && found.ends_with("blocks too deep inside of each other");
        assert!(found == expected || is_deep, "{text}: {found}");
    }
    let deep = "a {".repeat(100_000);
    assert!(try_migrated(&deep, &[]).unwrap_err().what.contains("too deep"));
    let long = "#".repeat(fosse_migrate::TEXT_BYTES_MAX + 1);
    assert!(try_migrated(&long, &[]).unwrap_err().what.contains("too many bytes"));
}

#[test]
fn texts_of_nginx_stay_texts_in_toml() {
    let text = "server { listen 127.0.0.1:80; location / { root '/srv/a\"\n[[site]]{x}\\\\'; } }";
    let toml = try_migrated(text, &[]).unwrap().toml;
    assert!(toml.contains("files = \"/srv/a\\\"\\u000A[[site]]{x}\\\\\"\n"), "{toml}");
    assert_eq!(toml.lines().filter(|line| line.starts_with("[[site]]")).count(), 1, "{toml}");
}

#[expect(unreachable_pub, dead_code, reason = "the fuzz crate has them public, and uses all")]
#[path = "../../../../fuzz/src/target/migrate.rs"]
mod target;

#[test]
fn texts_cut_anywhere_or_with_any_bit_flipped_are_migrated_or_refused() {
    let text = b"http { upstream a { server 127.0.0.1:1 weight=2; } server { listen 80; server_name .a.b;\n\
        location /a/ { proxy_pass http://a; } location / { root '/s\\'v'; } } }";
    for cut in 0..text.len() {
        target::nginx(&text[..cut]);
    }
    for bit in 0..text.len() * 8 {
        let mut flipped = text.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        target::nginx(&flipped);
    }
}

#[test]
fn guides_cut_anywhere_or_with_any_bit_flipped_are_migrated_or_refused() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guides");
    for entry in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        (0..text.len()).step_by(7).for_each(|cut| target::nginx(&text[..cut]));
        for bit in (0..text.len() * 8).step_by(61) {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            target::nginx(&flipped);
        }
    }
}
