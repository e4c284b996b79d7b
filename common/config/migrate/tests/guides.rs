//! Configurations as guides for well-known applications have them: what is written is one that
//! fosse takes, laid out as `fosse fmt` would, and what it leaves out is said with its line.

use std::fs;
use std::path::Path;

use fosse_migrate::{Format, migrate};

/// Returns the file of each guide, its text, what is written for it, and the lines that are named.
fn guides() -> Vec<(String, String, String, Vec<String>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guides");
    let mut names: Vec<String> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let read = |name: String| {
        let text = fs::read_to_string(directory.join(&name)).unwrap();
        let format = match name.split('-').next().unwrap() {
            "nginx" => Format::Nginx,
            "haproxy" => Format::Haproxy,
            _ => Format::Caddy,
        };
        let none = |pattern: &str| Err(format!("there is no {pattern}"));
        let found = migrate(format, (name.clone(), text.clone()), &none).unwrap_or_else(|mistake| panic!("{mistake}"));
        (name, text, found.toml, found.notes.iter().map(ToString::to_string).collect())
    };
    names.into_iter().map(read).collect()
}

#[test]
fn what_is_written_is_a_configuration_laid_out_as_fosse_fmt_does() {
    let guides = guides();
    assert!(guides.len() >= 30);
    for (name, _, toml, notes) in guides {
        if let Err(report) = fosse_model::read("fosse.toml", toml.as_bytes()) {
            panic!("{name}: {report}\n{toml}\n{notes:#?}");
        }
        assert_eq!(fosse_layout::layout(&toml).as_deref(), Ok(toml.as_str()), "{name}");
    }
}

/// What the written configuration has to say, and the lines of which a note speaks.
#[rustfmt::skip]
const EXPECTED: &[(&str, &[&str], &[usize])] = &[
    ("caddy-api.caddyfile", &[
        "prefix = \"/v1/internal/\"\nrespond = 403", "respond = 410\nrespond_body = \"gone\"",
        "balance = \"hash\"\nhash_by = \"header X-Tenant\"",
    ], &[2]),
    ("caddy-django.caddyfile", &[
        "prefix = \"/admin\"\nbackend = \"gunicorn-sock\"\nbasic_auth = { users = [\"ann:$2a$12$",
        "regex = \"(?i)^/admin\"\nbackend = \"gunicorn-sock\"\nbasic_auth",
        "prefix = \"/static/\"\nbackend = \"public\"\nstrip_prefix = true",
    ], &[2]),
    ("caddy-gitlab.caddyfile", &[
        "prefix = \"/-/metrics\"\nbackend = \"localhost-8181\"\nallow_networks = [\"10.0.0.0/8\"]",
    ], &[2]),
    ("caddy-grafana.caddyfile", &[
        "path = \"/grafana\"\nredirect = \"/grafana/\"", "backend = \"localhost-3000\"\nstrip_prefix = true",
    ], &[2]),
    ("caddy-jenkins.caddyfile", &["copy_headers = [\"Remote-User\", \"Remote-Groups\"]"], &[2]),
    ("caddy-nextcloud.caddyfile", &["prefix = \"/data/\"\nrespond = 403", "redirect_status = 301"], &[2, 2]),
    ("caddy-node.caddyfile", &["balance = \"least-connections\"", "compress = [\"gzip\"]"], &[5]),
    ("caddy-spa.caddyfile", &["try_files = [\"$path\", \"/index.html\"]"], &[2]),
    ("caddy-websocket.caddyfile", &["prefix = \"/socket.io/\"", "sticky_cookie = \"room\""], &[2, 6, 9]),
    ("caddy-wordpress.caddyfile", &[
        "path = \"/xmlrpc.php\"\nrespond = 403", "regex = \"(?i)^/xmlrpc\\\\.php$\"\nrespond = 403",
    ], &[2]),
    ("haproxy-api.cfg", &[
        "regex = \"^/v2/\"\nrespond = 204\nwhen = { method = [\"OPTIONS\"] }",
        "regex = \"^/v2/\"\nrespond = 401\nwhen = { network = [\"0.0.0.0/0\", \"::/0\"] }",
        "regex = \"^/v1/internal/\"\nrespond = 403\nwhen = { header = [\"Authorization\"] }",
        "retry = { on = [\"connect\", \"reset\", \"timeout\"], status = [500, 502, 503, 504], attempts_max = 4 }",
    ], &[8, 10, 11, 12, 14, 25, 27]),
    ("haproxy-django.cfg", &[
        "regex = \"^/admin/\"\nbackend = \"django\"\nbasic_auth = {\n    realm = \"Staff\",\n    users = [\"ann:$2y$10$",
        "buffer_requests = true\nretry = { on = [\"connect\", \"reset\"], status = [503], attempts_max = 3 }",
        "connect_seconds = 3\nretry = false",
    ], &[4, 11]),
    ("haproxy-gitlab.cfg", &[
        "hosts = [\"registry.example\"]\nbackend = \"registry\"\nallow_networks = [\"10.20.0.0/16\"]",
        "regex = \"^/-/metrics\"\nbackend = \"gitlab\"\nallow_networks = [\"10.0.0.0/8\"]",
        "proxy_protocol = \"v2\"", "servers = [\"registry.internal:5000\"]\nremote = true",
    ], &[2, 8]),
    ("haproxy-grafana.cfg", &[
        "regex = \"^/grafana/(.*)$\"\nbackend = \"grafana\"\nrewrite = \"/{1}\"",
        "path = \"/grafana\"\nredirect = \"/grafana/\"",
        "respond = 404\nrespond_body = \"nothing here\"\nrespond_type = \"text/plain\"",
    ], &[6]),
    ("haproxy-jenkins.cfg", &[
        "regex = \"^/github-webhook/\"\nbackend = \"jenkins\"\nwhen = { method = [\"POST\"] }",
        "regex = \"^/\"\nbackend = \"jenkins\"\nallow_networks = [\"10.0.0.0/8\"]",
        "response_headers.replace = [{ header = \"Location\", regex = \"^http://(.*)\", value = \"https://{1}\" }]",
    ], &[6, 7]),
    ("haproxy-nextcloud.cfg", &[
        "regex = \"^/data\"\nrespond = 403\nwhen = { listener = [\"127.0.0.1:8080\"] }",
        "default = true\nredirect = \"https://{host}{target}\"\nredirect_status = 301",
        "default_for = [\"127.0.0.1:8080\"]\nrespond = 503",
        "connections_max = 200\n\n[backend.health]\ninterval_seconds = 10\npasses_min = 2\nfailures_max = 3",
    ], &[8, 9, 12, 13]),
    ("haproxy-node.cfg", &[
        "backend = \"next\"\nrequest_headers.set = { \"X-Request-Start\" = \"{request_id}\" }\nwhen = { cookie = [\"beta=yes\"] }",
        "\"X-Client\" = \"{client_address}\" }\nstrip_prefix = true",
        "queue_seconds = 15\nbalance = \"least-connections\"\nfirst_byte_seconds = 50\nidle_seconds = 3600\nconnections_max = 250",
    ], &[9]),
    ("haproxy-spa.cfg", &[
        "regex = \"/\\\\.\"\nrespond = 403",
        "regex = \"\\\\.js$\"\nbackend = \"assets\"\ncache = true",
        "rewrite = \"/index.html\"", "cache_bytes_max = \"64 MiB\"",
    ], &[6, 9, 10]),
    ("haproxy-websocket.cfg", &[
        "prefix = \"/socket.io\"\nbackend = \"rooms\"",
        "abort_on_close = true", "slow_start_seconds = 30", "idle_seconds = 3600",
        "[timeouts]\nbody_seconds = 25\nwrite_seconds = 25\nidle_seconds = 5",
    ], &[3, 11, 13, 16, 18, 21, 27, 29, 30]),
    ("haproxy-wordpress.cfg", &[
        "path = \"/wp-admin/admin-ajax.php\"\nbackend = \"wordpress\"\nresponse",
        "regex = \"^/wp-admin\"\nbackend = \"wordpress\"\nallow_networks = [\"192.0.2.0/24\", \"198.51.100.7\"]",
        "regex = \"^/wp-content/uploads/.*\\\\.php$\"\nrespond = 404", "path = \"/xmlrpc.php\"\nrespond = 403",
        "path = \"/wp-login.php\"\nmethod = \"GET\"\nhost = \"blog.example\"",
        "compress = [\"gzip\"]", "sticky_cookie = \"WP\"",
    ], &[3, 11]),
    ("nginx-admin.conf", &[
        "prefix = \"/admin/\"\nbackend = \"127-0-0-1-5000\"\nallow_networks = [\"127.0.0.1\", \"10.0.0.0/8\"]\n",
        "basic_auth = { realm = \"Staff only\", users_file = \"/etc/nginx/htpasswd\" }",
        "prefix = \"/metrics\"\nrespond = 403\n",
    ], &[7, 14]),
    ("nginx-django.conf", &[
        "prefix = \"/static/\"\nbackend = \"static\"\nstrip_prefix = true\nresponse_headers.set = { \"Cache-Control\" = \"max-age=2592000\" }",
        "body_bytes_max = \"20 MiB\"",
        "response_headers.add = { \"X-Content-Type-Options\" = \"nosniff\" }",
    ], &[1, 6, 7, 7, 14]),
    ("nginx-downloads.conf", &[
        "response_bytes_per_second = \"200 KiB\"\nresponse_rate_after_bytes = \"1 MiB\"",
        "cache = true\ncache_seconds = 600\nmirror = { backend = \"shadow-copies\" }",
        "servers = [\"app.internal:8080\"]\nremote = true",
    ], &[1, 10]),
    ("nginx-gitlab.conf", &[
        "body_bytes_max = \"16 GiB\"\nwaf = \"off\"",
        "{ status = [502], file = \"/opt/gitlab/embedded/service/gitlab-rails/public/502.html\" }",
        "first_byte_seconds = 300\nidle_seconds = 300",
    ], &[1, 7, 10, 19]),
    ("nginx-grafana.conf", &["prefix = \"/api/live/\"\nbackend = \"grafana\""], &[]),
    ("nginx-jenkins.conf", &["regex = \"^/userContent\"", "regex = \"^/\"\nbackend = \"jenkins-2\""],
        &[6, 7, 8, 9, 10, 12, 14, 20, 22, 26]),
    ("nginx-nextcloud.conf", &[
        "head_bytes_max = \"64 KiB\"\nheader_bytes_max = \"32 KiB\"\nbody_seconds = 300",
        "response_headers.remove = [\"X-Powered-By\"]",
        "prefix = \"/.well-known/\"\nredirect = \"/index.php{target}\"",
    ], &[11, 11, 18]),
    ("nginx-node.conf", &[
        "retry = { on = [\"connect\", \"reset\", \"timeout\"], status = [502, 503], attempts_max = 2 }",
        "compress = [\"gzip\"]", "connections_max = 100", "try_files = [\"$path\", \"/index.html\"]",
        "failures_max = 2\nrest_seconds = 5",
    ], &[23]),
    ("nginx-oauth2.conf", &["path = \"/oauth2/auth\",\n    copy_headers = [\"X-Auth-Request-User\"]"], &[]),
    ("nginx-wordpress.conf", &[
        "front_controller = \"/index.php\",\n    index = \"index.php\",\n", "backend = \"php\"\nwaf",
        "regex = \"(?i)\\\\.(js|css|png|jpg|jpeg|gif|ico)$\"\nbackend = \"blog\"\nresponse_headers",
    ], &[6, 6, 9, 11, 14]),
];

#[test]
fn what_a_guide_says_is_in_the_keys_and_what_has_none_is_named() {
    let guides = guides();
    assert_eq!(
        guides.iter().map(|guide| guide.0.as_str()).collect::<Vec<_>>(),
        EXPECTED.iter().map(|row| row.0).collect::<Vec<_>>()
    );
    for (name, keys, lines) in EXPECTED {
        let (_, _, toml, notes) = guides.iter().find(|guide| guide.0 == *name).unwrap();
        for key in *keys {
            assert!(toml.contains(key), "{name}: {key}\n{toml}");
        }
        let line = |note: &String| note.split(':').nth(1).unwrap().parse::<usize>().unwrap();
        assert_eq!(notes.iter().map(line).collect::<Vec<_>>(), *lines, "{name}: {notes:#?}");
    }
}

#[expect(unreachable_pub, dead_code, reason = "the fuzz crate has them public, and uses all")]
#[path = "../../../../fuzz/src/target/migrate.rs"]
mod target;

#[test]
fn guides_cut_at_any_line_or_with_bits_flipped_are_migrated_or_refused() {
    for (name, text, ..) in guides().into_iter().filter(|guide| !guide.0.starts_with("nginx")) {
        let is_haproxy = name.starts_with("haproxy");
        let (format, target): (_, fn(&[u8])) =
            if is_haproxy { (Format::Haproxy, target::haproxy) } else { (Format::Caddy, target::caddy) };
        let bytes = text.as_bytes();
        for cut in (0..bytes.len()).filter(|at| bytes[*at] == b'\n') {
            target(&bytes[..cut]);
            let migrated = migrate(format, (name.clone(), text[..cut].to_owned()), &|_| Err(String::new()));
            let toml = migrated.map(|migrated| migrated.toml).unwrap_or_default();
            // What has no site yet is none.
            if toml.contains("[[site]]")
                && let Err(report) = fosse_model::read("fosse.toml", toml.as_bytes())
            {
                panic!("{name}, cut at {cut}: {report}\n{toml}");
            }
        }
        for bit in (0..bytes.len() * 8).step_by(13) {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            target(&flipped);
        }
    }
}
