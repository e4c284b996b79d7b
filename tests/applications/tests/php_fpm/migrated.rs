//! nginx.conf with scripts, migrated, beside nginx itself: the same scripts, the same responses.

use std::{fs, net::SocketAddr, process::Command};

use fosse_applications::{Server, installed};
use fosse_harness::{Client, Dir, Edge, fosse, free_port};

use crate::pool::Pool;

const SHOWN: &str =
    r#"<?php echo $_SERVER["SCRIPT_NAME"], "|", $_SERVER["QUERY_STRING"], "|", $_SERVER["REQUEST_URI"];"#;

fn pool() -> Option<Pool> {
    Pool::start(
        2,
        &[
            ("index.php", SHOWN),
            ("login.php", SHOWN),
            ("one.txt", "text"),
            ("one.css", "css"),
            ("img/a.png", "picture"),
            (".env", "secret"),
            ("private/a.css", "private"),
        ],
    )
}

/// Runs nginx and an edge with what its configuration becomes; nginx is told `server` besides its
/// listener and its root.
fn both(pool: &Pool, server: &str) -> Option<(Server, SocketAddr, Edge)> {
    let program = installed("nginx")?;
    let dir = Dir::new();
    let (place, listener) = (dir.path().display(), format!("127.0.0.1:{}", free_port()));
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {place}/{name};\n"))
        .concat();
    let server = server.replace("{socket}", &pool.socket().to_string_lossy());
    let text = format!(
        "daemon off; master_process off; pid {place}/nginx.pid;\nevents {{}}\nhttp {{ access_log off; absolute_redirect off;\n{temporary}\
         server {{ listen {listener}; server_name a.example; root {}; index index.php;\n{server} }} }}\n",
        pool.root().display()
    );
    let file = dir.join("nginx.conf");
    fs::write(&file, text).unwrap();
    let toml = String::from_utf8(fosse(&["migrate", &file.to_string_lossy()]).stdout).unwrap();
    assert!(toml.contains(&listener), "{toml}");
    let toml = toml.replace(&listener, "{address}").replace("waf = \"detect\"", "waf = \"off\"");
    let edge = Edge::with_config(&format!("uid_base = {{uid_base}}\nlanes = 1\n{toml}"), &[]);
    let address: SocketAddr = listener.parse().unwrap();
    let nginx =
        Server::start(Command::new(program).args(["-e", "stderr", "-c"]).arg(&file), &dir).on_port(address.port());
    Some((nginx, address, edge))
}

/// Returns the status of each response, where it leads, and its body where it is no error.
fn responses(address: SocketAddr, requests: &[(&str, &str)]) -> Vec<(String, u16, String, String)> {
    let one = |(method, path): &(&str, &str)| {
        let mut client = Client::connect(address);
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").as_bytes());
        let response = client.try_response(false).expect("a response");
        let body = if response.status == 200 { response.text().into_owned() } else { String::new() };
        let location = response.header("location").unwrap_or_default().to_owned();
        (format!("{method} {path}"), response.status, location, body)
    };
    requests.iter().map(one).collect()
}

const SCRIPTS: &str = "location ~ /\\.(?!well-known).* { deny all; }\n\
    location ~ \\.php$ { try_files $uri =404; include /etc/nginx/fastcgi.conf; fastcgi_pass unix:{socket}; }";

#[test]
fn a_front_controller_of_nginx_runs_and_is_kept_from_the_same_requests() {
    let Some(pool) = pool() else { return };
    let server = format!(
        "if ($request_method !~ ^(GET|POST)$) {{ return 405; }}\nif ($http_x_bad != \"\") {{ return 403; }}\n\
         rewrite ^/old/([a-z]+)$ /new/$1? permanent;\nlocation / {{ try_files $uri $uri/ /index.php?$args; }}\n\
         location /private/ {{ allow 192.0.2.0/24; deny all; }}\n{SCRIPTS}"
    );
    let Some((_nginx, address, edge)) = both(&pool, &server) else { return };
    let requests = [
        ("GET", "/"),
        ("GET", "/?a=1"),
        ("GET", "/index.php?b=2"),
        ("GET", "/login.php"),
        ("POST", "/login.php"),
        ("PUT", "/login.php"),
        ("GET", "/some/page?c=3"),
        ("GET", "/one.css"),
        ("GET", "/img/a.png"),
        ("GET", "/.env"),
        ("GET", "/img/.git/config"),
        ("GET", "/.well-known/x"),
        ("GET", "/private/a.css"),
        ("GET", "/private/none"),
        ("GET", "/old/a"),
        ("GET", "/old/A"),
        ("PUT", "/one.css"),
    ];
    let theirs = responses(address, &requests);
    assert!(theirs.iter().any(|one| one.3 == "/index.php|c=3|/some/page?c=3"), "{theirs:#?}");
    assert_eq!(responses(edge.address(), &requests), theirs, "{}", edge.log());
}

#[test]
fn files_beside_scripts_and_directories_are_those_of_nginx() {
    let Some(pool) = pool() else { return };
    let Some((_nginx, address, edge)) = both(&pool, &format!("location / {{ try_files $uri $uri/ =404; }}\n{SCRIPTS}"))
    else {
        return;
    };
    let requests = [
        ("GET", "/"),
        ("GET", "/index.php"),
        ("GET", "/login.php?x"),
        ("GET", "/none.php"),
        ("GET", "/one.txt"),
        ("GET", "/img/a.png"),
        ("GET", "/img/a.png/x.php"),
        ("GET", "/none"),
        ("GET", "/.env"),
    ];
    let theirs = responses(address, &requests);
    assert!(theirs.iter().any(|one| one.3 == "/login.php|x|/login.php?x"), "{theirs:#?}");
    assert_eq!(responses(edge.address(), &requests), theirs, "{}", edge.log());
}

#[test]
fn what_keeps_requests_from_scripts_keeps_those_out_that_lead_to_one() {
    let Some(pool) = pool() else { return };
    let server = "location / { try_files $uri $uri/ /index.php?$args; }\nlocation = /login.php { include /etc/nginx/fastcgi.conf; fastcgi_pass unix:{socket}; }\n\
        location ~ \\.php$ { allow 192.0.2.1; deny all; include /etc/nginx/fastcgi.conf; fastcgi_pass unix:{socket}; }";
    let Some((_nginx, address, edge)) = both(&pool, server) else { return };
    let requests =
        [("GET", "/"), ("GET", "/some/page"), ("GET", "/index.php"), ("GET", "/login.php"), ("GET", "/one.css")];
    let theirs = responses(address, &requests);
    assert_eq!(theirs.iter().map(|one| one.1).collect::<Vec<_>>(), [403, 403, 403, 200, 200], "{theirs:#?}");
    assert_eq!(responses(edge.address(), &requests), theirs, "{}", edge.log());
}
