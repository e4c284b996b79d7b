//! nginx.conf with scripts of PHP, and what keeps requests out of places.

use fosse_migrate::{Format, migrate};

/// Returns what is written for a server, without its listener, and the notes; it is a configuration
/// that fosse takes.
fn migrated(server: &str) -> (String, Vec<String>) {
    let text = format!("server {{ listen 127.0.0.1:80; server_name a.example;\n{server}\n}}");
    let none = |pattern: &str| Err(format!("there is no {pattern}"));
    let found = migrate(Format::Nginx, ("nginx.conf".to_owned(), text), &none).unwrap_or_else(|why| panic!("{why}"));
    if let Err(report) = fosse_model::read("fosse.toml", found.toml.as_bytes()) {
        panic!("{report}\n{}", found.toml);
    }
    (found.toml, found.notes.iter().map(ToString::to_string).collect())
}

/// Returns the table of the route with these words, up to the next one.
fn route<'t>(toml: &'t str, words: &str) -> &'t str {
    let routes = toml.split("[[").filter(|table| table.starts_with("site.route]]"));
    routes.filter(|table| table.contains(words)).last().unwrap_or_else(|| panic!("no route has {words}:\n{toml}"))
}

const PHP: &str = "location ~ \\.php$ { include snippets/fastcgi-php.conf; fastcgi_pass unix:/run/php.sock; }";

#[test]
fn a_front_controller_gets_all_that_is_no_file_and_files_have_its_guards() {
    let (toml, notes) = migrated(&format!(
        "root /srv/a; index index.php index.html;\nauth_basic x; auth_basic_user_file /etc/users;\n\
         location / {{ try_files $uri $uri/ /index.php$is_args$args; }}\n{PHP}"
    ));
    for words in [
        "root = \"/srv/a\",\n    scripts = [\"/*.php\"],\n    front_controller = \"/index.php\",\n    index = \"index.php\",\n",
        "servers = [\"unix:/run/php.sock\"]",
        "default = true\nbackend = \"php\"\nbasic_auth = { realm = \"x\", users_file = \"/etc/users\" }",
    ] {
        assert!(toml.contains(words), "{words}\n{toml}");
    }
    assert!(route(&toml, "woff2").contains("backend = \"a\"") && !route(&toml, "woff2").contains("_auth"), "{toml}");
    assert_eq!(notes.len(), 3, "{notes:#?}");
}

#[test]
fn files_beside_scripts_have_the_keys_of_their_location_alone() {
    let (toml, _) = migrated(&format!(
        "root /srv/a;\nlocation / {{ allow 10.0.0.0/8; deny all; try_files $uri $uri/ /index.php?$args; }}\n\
         location = /open.php {{ fastcgi_pass unix:/run/php.sock; }}\n{PHP}"
    ));
    assert!(route(&toml, "woff2").contains("allow_networks = [\"10.0.0.0/8\"]"), "{toml}");
    assert!(!route(&toml, "/open.php").contains("allow_networks"), "{toml}");
}

#[test]
fn a_script_that_is_named_alone_runs_alone() {
    let (toml, _) = migrated(
        "root /srv/a;\nlocation / { try_files $uri /index.php?$query_string; }\n\
         location ~ ^/(?:index|api)\\.php(/|$) {\nfastcgi_split_path_info ^(.+\\.php)(/.*)$;\n\
         fastcgi_param SCRIPT_FILENAME /srv/app$fastcgi_script_name;\nfastcgi_param APP_ENV prod;\nfastcgi_pass 127.0.0.1:9000;\ninternal; }",
    );
    let table = "root = \"/srv/app\",\n    scripts = [\"/index.php\", \"/api.php\"],\n    front_controller = \"/index.php\",\n\
        \x20   path_info = true,\n    params = { \"APP_ENV\" = \"prod\" },";
    assert!(toml.contains(table), "{toml}");
    assert!(route(&toml, "^/(index|api)").contains("respond = 404"), "{toml}");
    assert!(toml.contains("files = \"/srv/a\""), "{toml}");
}

#[test]
fn directories_are_those_of_the_script_where_it_is_the_first_index() {
    let (toml, _) =
        migrated(&format!("root /srv/a; index index.php; location / {{ try_files $uri $uri/ =404; }}\n{PHP}"));
    assert!(route(&toml, "regex = \"/$\"").contains("backend = \"php\""), "{toml}");
    assert!(toml.contains("fastcgi = { root = \"/srv/a\", scripts = [\"/*.php\"], index = \"index.php\" }"), "{toml}");
    let (toml, _) = migrated(&format!("root /srv/a; index index.html index.php; location / {{ }}\n{PHP}"));
    assert!(!toml.contains("regex = \"/$\""), "{toml}");
}

#[test]
fn scripts_that_are_not_run_are_not_shown_either() {
    for location in [
        "location ~ \\.php$ { fastcgi_pass $name; }",
        "location ~ \\.php$ { root $x; fastcgi_pass unix:relative; }",
        "location ~ \\.php$ { uwsgi_pass 127.0.0.1:1; }",
    ] {
        let (toml, notes) = migrated(&format!("root /srv/a;\nlocation / {{ }}\n{location}"));
        assert!(route(&toml, "php$").contains("respond = 404") && !notes.is_empty(), "{location}\n{toml}");
    }
    let (toml, _) =
        migrated("root /srv/a;\nlocation / { }\nlocation ~ (?<=x)\\.php$ { fastcgi_pass unix:/run/php.sock; }");
    assert!(toml.contains("respond = 403") && !toml.contains("backend ="), "{toml}");
}

#[test]
fn what_kept_requests_out_and_is_not_carried_over_closes_its_place() {
    let pass = "proxy_set_header Host $host; proxy_pass http://127.0.0.1:3000;";
    for guard in [
        "secure_link $arg_md5,$arg_expires;",
        "auth_basic x;",
        "auth_basic $realm; auth_basic_user_file /etc/users;",
        "auth_request /auth;",
        "auth_jwt x;",
        "deny unix:;",
        "limit_except GET { deny all; }",
        "if ($http_user_agent ~* bot) { return 403; }",
        "if ($arg_debug = 1) { return 403; }",
        "if ($invalid_referer) { return 404; }",
    ] {
        let (toml, notes) = migrated(&format!("location / {{ {pass} }}\nlocation /in/ {{\n{guard}\n{pass} }}"));
        assert!(route(&toml, "/in/").contains("respond = 403"), "{guard}\n{toml}");
        assert!(notes.iter().any(|note| note.contains("so its requests get 403")), "{guard}\n{notes:#?}");
        let (toml, _) = migrated(&format!("{guard}\nlocation / {{ {pass} }}"));
        assert!(toml.contains("default = true\nrespond = 403") && !toml.contains("backend ="), "{guard}\n{toml}");
    }
    let (toml, _) =
        migrated(&format!("auth_jwt x;\nlocation / {{ {pass} }}\nlocation /open/ {{ auth_jwt off; {pass} }}"));
    assert!(toml.contains("respond = 403") && route(&toml, "/open/").contains("backend = "), "{toml}");
}

#[test]
fn an_expression_with_what_must_not_follow_keeps_out_what_it_kept_out() {
    let (toml, _) = migrated("root /srv/a;\nlocation / { }\nlocation ~ /\\.(?!well-known).* { deny all; }");
    assert!(route(&toml, "well-know").contains("deny_networks"), "{toml}");
    let (toml, notes) = migrated("root /srv/a;\nlocation / { }\nlocation ~ ^/(?<name>a)$ { deny all; }");
    assert!(
        !toml.contains("backend =") && notes.iter().any(|note| note.contains("all of this site gets 403")),
        "{toml}"
    );
}

#[test]
fn an_expression_in_a_location_is_for_what_is_below_it() {
    let (toml, _) = migrated(&format!("root /srv/a;\nlocation / {{ }}\nlocation /app/ {{ {PHP} }}"));
    assert!(route(&toml, "php$").contains("regex = \"^/app/.*(\\\\.php$)\""), "{toml}");
}

#[test]
fn conditions_of_methods_headers_and_clients_are_those_of_routes() {
    let pass =
        "location / { proxy_set_header Host $host; proxy_pass http://127.0.0.1:3000; }\nlocation = /x { return 204; }";
    for (condition, expected) in [
        ("if ($request_method !~ ^(GET|HEAD)$ ) { return 405; }", "methods = [\"GET\", \"HEAD\"]"),
        ("if ($request_method ~ ^(TRACE|PUT)$) { return 405; }", "respond = 405\nwhen = { method = [\"PUT\"] }"),
        ("if ($http_x_key != \"\") { return 302 /key; }", "when = { header = [\"x-key\"] }"),
        ("if ($http_x_key = \"\") { return 401; }", "when = { header = [\"x-key=\"] }"),
        ("if ($arg_old = 1) { return 301 /new; }", "when = { query = [\"old=1\"] }"),
        ("if ($remote_addr = 192.0.2.1) { return 403; }", "when = { network = [\"192.0.2.1\"] }"),
    ] {
        let (toml, notes) = migrated(&format!("{condition}\n{pass}"));
        let (condition_words, _) = expected.split_once('\n').unwrap_or((expected, ""));
        assert!(toml.contains(condition_words.split("when").next().unwrap()), "{condition}\n{toml}");
        assert!(
            expected.split('\n').all(|line| toml.contains(line)) && notes.is_empty(),
            "{condition}\n{toml}\n{notes:?}"
        );
    }
}

#[test]
fn rewrites_are_redirects_or_paths_that_something_serves_with_its_guards() {
    let pass = "proxy_set_header Host $host; proxy_pass http://127.0.0.1:3000;";
    let rest = format!("location / {{ {pass} }}\nlocation /api/ {{ allow 10.0.0.0/8; deny all; {pass} }}");
    for (line, expected) in [
        (
            "rewrite ^/old/(.*)$ /new/$1 permanent;",
            "regex = \"^/old/(.*)$\"\nredirect = \"/new/{1}?{query}\"\nredirect_status = 301",
        ),
        ("rewrite ^/a/([0-9]+)$ /b?id=$1? redirect;", "redirect = \"/b?id={1}\"\nredirect_status = 302"),
        (
            "rewrite ^/v1/(.*)$ /api/$1 last;",
            "regex = \"^/v1/(.*)$\"\nbackend = \"127-0-0-1-3000\"\nallow_networks = [\"10.0.0.0/8\"]\nrewrite = \"/api/{1}\"",
        ),
        (
            "if ($http_k = \"\") { return 401; }\nrewrite ^/v1/(.*)$ /api/$1 last;",
            "regex = \"^/v1/(.*)$\"\nwhen = { header = [\"!k\"] }\nrespond = 401",
        ),
    ] {
        let (toml, notes) = migrated(&format!("{line}\n{rest}"));
        assert!(toml.contains(expected) && notes.is_empty(), "{line}\n{toml}\n{notes:?}");
    }
    for (line, expected) in [
        ("rewrite ^/in/(.*)$ /$1 break;", "strip_prefix = true"),
        (
            "rewrite ^/in/a/(.*)$ /b/$1 break;",
            "regex = \"^/in/a/(.*)$\"\nbackend = \"127-0-0-1-3000\"\nrewrite = \"/b/{1}\"",
        ),
        (
            "rewrite ^ http://b.example$request_uri? permanent;",
            "redirect = \"http://b.example{target}\"\nredirect_status = 301",
        ),
    ] {
        let (toml, _) = migrated(&format!("location / {{ {pass} }}\nlocation /in/ {{ {line} {pass} }}"));
        assert!(toml.contains(expected), "{line}\n{toml}");
    }
    for line in ["rewrite ^/a$ https://$host/a permanent;", "rewrite (a)(?=b) /c last;", "rewrite ^/a $x last;"] {
        let (_, notes) = migrated(&format!("{line}\n{rest}"));
        assert_eq!(notes.len(), 1, "{line}: {notes:?}");
    }
}

#[test]
fn what_is_no_file_goes_to_the_script_however_it_is_said() {
    for rest in [
        "location / { if (!-e $request_filename) { rewrite ^ /index.php last; } }",
        "if (!-f $request_filename) { rewrite ^(.*)$ /index.php last; break; }\nlocation / { }",
        "location / { try_files $uri $uri/ @app; }\nlocation @app { rewrite ^/(.*)$ /index.php?q=$1 last; }",
        "location / { rewrite ^ /index.php; }",
    ] {
        let (toml, _) = migrated(&format!("root /srv/a;\n{rest}\n{PHP}"));
        assert!(
            toml.contains("default = true\nbackend = \"php\"") && toml.contains("front_controller"),
            "{rest}\n{toml}"
        );
    }
}

#[test]
fn hosts_that_are_sent_elsewhere_have_sites_of_their_own_and_https_is_what_ends_tls() {
    let text = "server { listen 127.0.0.1:80; server_name a.example www.a.example;\n\
        if ($host = www.a.example) { return 301 https://a.example$request_uri; }\nlocation / { root /srv/a; } }\n\
        server { listen 127.0.0.1:80; server_name b.example;\nif ($host = b.example) { return 301 https://$host$request_uri; }\nreturn 404; }\n\
        server { listen 443 ssl; server_name b.example; root /srv/b; }";
    let found = migrate(Format::Nginx, ("nginx.conf".to_owned(), text.to_owned()), &|_| Err(String::new())).unwrap();
    for words in [
        "hosts = [\"www.a.example\"]\nredirect = \"https://a.example{target}\"",
        "hosts = [\"a.example\"]\ndefault = true\n",
        "hosts = [\"b.example\"]\nbackend = \"b\"",
    ] {
        assert!(found.toml.contains(words), "{words}\n{}", found.toml);
    }
    fosse_model::read("fosse.toml", found.toml.as_bytes()).unwrap_or_else(|report| panic!("{report}"));
}

/// Returns where a table stands among the routes.
fn place(toml: &str, words: &str) -> usize {
    toml.split("[[").position(|table| table.contains(words)).unwrap_or_else(|| panic!("no route has {words}:\n{toml}"))
}

#[test]
fn what_a_location_does_with_expressions_is_not_done_in_locations_below_it() {
    let pass = "proxy_set_header Host $host; proxy_pass http://127.0.0.1:3000;";
    for outer in [
        format!("location /api/ {{ rewrite ^/api/(.*)$ /x/$1 break; {pass} }}"),
        "location /api/ { try_files $uri $uri/ /api/index.php?$args; }".to_owned(),
        format!("location /api/ {{ rewrite ^/api/(.*)$ /to/$1 permanent; {pass} }}"),
    ] {
        let (toml, _) = migrated(&format!(
            "root /srv/a;\n{outer}\nlocation /api/staff/ {{ deny all; {pass} }}\nlocation ~ ^/api/.*secret {{ deny all; }}\n{PHP}"
        ));
        let own = toml
            .split("[[")
            .position(|table| table.contains("regex = \"^/api/(.*)$\"") || table.contains("\"(?i)^/api/"));
        let own = own.unwrap_or_else(|| panic!("{outer}\n{toml}"));
        assert!(place(&toml, "regex = \"^/api/staff/\"") < own && place(&toml, "secret") < own, "{outer}\n{toml}");
        assert!(own < place(&toml, "regex = \"^/api/\""), "{outer}\n{toml}");
    }
}

#[test]
fn a_path_that_becomes_one_of_an_expression_is_not_let_past_it() {
    let pass = "proxy_set_header Host $host; proxy_pass http://127.0.0.1:3000;";
    let (toml, notes) = migrated(&format!(
        "rewrite ^/v1/(.*)$ /api/$1 last;\nlocation /api/ {{ {pass} }}\nlocation ~ ^/api/.*secret {{ deny all; {pass} }}"
    ));
    assert!(
        !toml.contains("rewrite =") && notes.iter().any(|note| note.contains("rewrite ^/v1/")),
        "{toml}\n{notes:?}"
    );
    let (toml, _) = migrated(&format!(
        "rewrite ^/v1/(.*)$ /api/$1 last;\nlocation /api/ {{ {pass} }}\nlocation ~ secret$ {{ deny all; {pass} }}"
    ));
    assert!(place(&toml, "secret$") < place(&toml, "rewrite ="), "{toml}");
}

#[test]
fn where_a_script_gets_all_paths_no_file_is_served() {
    let (toml, _) = migrated(&format!("root /srv/a;\nlocation / {{ rewrite ^ /index.php; }}\n{PHP}"));
    assert!(!toml.contains("files ="), "{toml}");
}

#[test]
fn what_guards_the_location_of_scripts_guards_what_leads_to_it() {
    let scripts = |guard: &str| format!("location ~ \\.php$ {{ {guard}\nfastcgi_pass unix:/run/php.sock; }}");
    for rest in ["location / { try_files $uri $uri/ /index.php; }", "try_files $uri $uri/ /index.php;"] {
        let (toml, _) = migrated(&format!("root /srv/a;\n{rest}\n{}", scripts("allow 10.0.0.0/8; deny all;")));
        let all = toml.split("[[").filter(|table| table.contains("backend = \"php\""));
        assert!(all.clone().count() == 2 && all.clone().all(|table| table.contains("allow_networks")), "{toml}");
        assert!(!route(&toml, "woff2").contains("allow_networks"), "{toml}");
        let (toml, _) = migrated(&format!("root /srv/a;\n{rest}\n{}", scripts("secure_link $arg_x;")));
        assert!(!toml.contains("backend = \"php\""), "{toml}");
    }
    let (toml, _) = migrated(&format!(
        "root /srv/a; index index.php;\nlocation / {{ allow 192.0.2.1; deny all; }}\n{}",
        scripts("allow 10.0.0.0/8; deny all;")
    ));
    assert!(!toml.contains("regex = \"/$\""), "{toml}");
}

#[test]
fn a_path_that_becomes_one_of_a_longer_location_is_not_let_past_it() {
    let pass = "proxy_set_header Host $host; proxy_pass http://127.0.0.1:3000;";
    let (toml, notes) = migrated(&format!(
        "rewrite ^/v1/(.*)$ /api/$1 last;\nlocation /api/ {{ {pass} }}\nlocation /api/staff/ {{ deny all; {pass} }}"
    ));
    assert!(!toml.contains("rewrite =") && !notes.is_empty(), "{toml}");
}

#[test]
fn of_several_locations_with_scripts_the_one_that_nginx_asks_about_the_script_counts() {
    let one =
        |location: &str, more: &str| format!("location {location} {{ {more} fastcgi_pass unix:/run/php.sock; }}\n");
    let rest = "root /srv/a;\nlocation / { try_files $uri /index.php; }\n";
    for (others, guarded) in [
        (one("= /login.php", "") + &one("~ ^/admin/.*\\.php$", "") + &one("~ \\.php$", "deny all;"), true),
        (one("~ ^/admin/.*\\.php$", "deny all;") + &one("~ \\.php$", ""), false),
        (one("~ \\.php$", "") + &one("= /index.php", "deny all;"), true),
    ] {
        let (toml, _) = migrated(&format!("{rest}{others}"));
        let all = toml.split("[[").find(|table| table.starts_with("site]]")).unwrap();
        let own = toml.split("[[").filter(|table| table.contains("regex = \"^/\"")).last().unwrap_or(all);
        assert_eq!(own.contains("deny_networks"), guarded, "{others}\n{toml}");
    }
}
