//! Configurations of other servers, migrated, beside those servers themselves: the same
//! applications, the same requests, the same responses.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use fosse_applications::{Server, installed};
use fosse_harness::{Client, Dir, Edge, fosse, free_port, sockets};

/// Applications on unix sockets, which respond with their names, and the host and the path that
/// they were asked for.
fn applications(names: &[&'static str]) -> Dir {
    let dir = Dir::new();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for &name in names {
        let path = dir.join(name);
        sockets::listen(&path, move |mut stream| {
            let (mut head, mut byte) = (Vec::new(), [0; 1]);
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read(&mut byte) {
                    Ok(1..) => head.extend_from_slice(&byte),
                    _ => return,
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let host = head.lines().find_map(|line| line.strip_prefix("Host: ").or(line.strip_prefix("host: ")));
            let body = format!("{name} {} {}", host.unwrap_or_default(), head.split(' ').nth(1).unwrap_or_default());
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            // Whoever still sends a body would hear of a broken pipe before the response.
            let _ = stream.shutdown(Shutdown::Write).and_then(|()| std::io::copy(&mut stream, &mut std::io::sink()));
        });
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    dir
}

/// Requests: method, host, path, and the length of the body.
type Asked = (&'static str, &'static str, &'static str, usize);

const REQUESTS: &[Asked] = &[
    ("GET", "a.example", "/", 0),
    ("GET", "a.example:80", "/x?y=1", 0),
    ("GET", "www.a.example", "/", 0),
    ("GET", "other.example", "/", 0),
    ("GET", "b.example", "/api/x", 0),
    ("GET", "b.example", "/api/", 0),
    ("GET", "b.example", "/apix", 0),
    ("GET", "b.example", "/other", 0),
    ("GET", "c.example", "/", 0),
    ("GET", "c.example", "/one.txt", 0),
    ("GET", "c.example", "/missing", 0),
    ("HEAD", "c.example", "/one.txt", 0),
    ("POST", "a.example", "/", 1000),
    ("POST", "a.example", "/", 3000),
];

/// Returns the status and the body of each response; the pages of an error are each server's own.
fn responses(address: SocketAddr) -> Vec<(Asked, u16, String)> {
    let one = |asked: &Asked| {
        let (method, host, path, length) = asked;
        let mut client = Client::connect(address);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
        client.send(format!("{head}{}", "x".repeat(*length)).as_bytes());
        let response = client.try_response(*method == "HEAD").expect("a response");
        let body = if response.status == 200 { response.text().into_owned() } else { String::new() };
        (*asked, response.status, body)
    };
    REQUESTS.iter().map(one).collect()
}

/// Returns an edge with what a file of another server becomes, on an address of its own in place of
/// `listener`. Nothing of the file may be left out but what `left_out` says.
fn edge(file: &str, listener: &str, left_out: &[&str]) -> Edge {
    let migrated = fosse(&["migrate", file]);
    let notes = String::from_utf8_lossy(&migrated.stderr).into_owned();
    let found: Vec<&str> = notes.lines().map(|line| line.strip_prefix(file).unwrap_or(line)).collect();
    assert_eq!(found.len(), left_out.len(), "{notes}");
    assert!(found.iter().zip(left_out).all(|(line, beginning)| line.starts_with(beginning)), "{notes}");
    let toml = String::from_utf8(migrated.stdout).unwrap();
    assert!(toml.contains(listener), "{toml}");
    Edge::with_config(&format!("uid_base = {{uid_base}}\nlanes = 1\n{}", toml.replace(listener, "{address}")), &[])
}

/// Files that a server and the edge serve.
fn files(dir: &Dir) -> String {
    let files = dir.join("files");
    fs::create_dir(&files).unwrap();
    fs::set_permissions(&files, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(files.join("index.html"), "index").unwrap();
    fs::write(files.join("one.txt"), "one").unwrap();
    files.to_string_lossy().into_owned()
}

#[test]
fn what_nginx_serves_is_served_the_same() {
    let Some(program) = installed("nginx") else { return println!("skipped: nginx is not installed") };
    let dir = applications(&["one", "two", "api"]);
    let (port, files) = (free_port(), files(&dir));
    let place = dir.path().display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {place}/temp-{name};\n"))
        .concat();
    let text = format!(
        "daemon off; pid {place}/nginx.pid;\nevents {{}}\nhttp {{ access_log off;\nproxy_set_header Host $http_host;\n\
         upstream app {{ server unix:{place}/one weight=3; server unix:{place}/two backup; }}\ninclude {place}/sites/*.conf;\n{temporary}}}\n"
    );
    let sites = format!(
        "server {{\nlisten 127.0.0.1:{port} default_server;\nserver_name a.example *.a.example;\nclient_max_body_size 2k;\n\
         location / {{ proxy_pass http://app; proxy_read_timeout 30s; }}\n}}\n\
         server {{\nlisten 127.0.0.1:{port};\nserver_name b.example;\nlocation /api/ {{ proxy_pass http://unix:{place}/api; }}\n}}\n\
         server {{\nlisten 127.0.0.1:{port};\nserver_name c.example;\nroot {files};\nlocation / {{ try_files $uri $uri/ =404; }}\n}}\n"
    );
    fs::create_dir(dir.join("sites")).unwrap();
    fs::write(dir.join("sites/all.conf"), sites).unwrap();
    let path = dir.join("nginx.conf");
    fs::write(&path, text).unwrap();
    let listener = format!("127.0.0.1:{port}");
    let _nginx = Server::start(Command::new(program).args(["-e", "stderr", "-c"]).arg(&path), &dir).on_port(port);
    let of_nginx = [":1: daemon", ":1: pid", ":2: events", ":3: access_log"];
    let temporary = [7, 8, 9, 10, 11].map(|line| format!(":{line}: "));
    let left_out: Vec<&str> = of_nginx.into_iter().chain(temporary.iter().map(String::as_str)).collect();
    let edge = edge(&path.to_string_lossy(), &listener, &left_out);
    assert_eq!(responses(edge.address()), responses(listener.parse().unwrap()), "{}", edge.log());
}

/// Returns of each response the status, the headers that a configuration writes, and what the
/// application was asked for.
fn changed(address: SocketAddr, paths: &[&str]) -> Vec<(String, u16, Vec<String>, String)> {
    const NAMES: [&str; 3] = ["x-frame-options", "cache-control", "location"];
    let one = |path: &&str| {
        let mut client = Client::connect(address);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").as_bytes());
        let response = client.try_response(false).expect("a response");
        let is_own = response.status != 200;
        let names = NAMES.iter().filter(|name| !(is_own && **name == "cache-control"));
        let headers = names.filter_map(|name| Some(format!("{name}: {}", response.header(name)?))).collect();
        let body = if is_own { String::new() } else { response.text().into_owned() };
        ((*path).to_owned(), response.status, headers, body)
    };
    paths.iter().map(one).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a line for each location and for each path")]
fn what_nginx_changes_keeps_out_and_rewrites_is_changed_kept_out_and_rewritten_the_same() {
    let Some(program) = installed("nginx") else { return println!("skipped: nginx is not installed") };
    let dir = applications(&["one"]);
    let (port, files) = (free_port(), files(&dir));
    fs::write(dir.join("files/page.php"), "secret").unwrap();
    let (place, listener) = (dir.path().display(), format!("127.0.0.1:{port}"));
    let app = format!("proxy_pass http://unix:{place}/one");
    let locations = [
        format!("location / {{ {app}:; add_header X-Frame-Options DENY always; }}"),
        format!("location /app/ {{ {app}:/; }}"),
        format!("location /deep/ {{ {app}:/x/y/; }}"),
        format!("location /static/ {{ alias {files}/; expires 1h; }}"),
        format!("location /spa/ {{ alias {files}/; try_files $uri $uri/ =404; }}"),
        format!("location /web/ {{ location /web/inner/ {{ {app}:/; }} return 302 /web/inner/; }}"),
        "location = /gone { return 410; }".to_owned(),
        format!("location /closed/ {{ deny all; {app}:; }}"),
        "location /nobody { deny all; }".to_owned(),
        format!("location /local/ {{ allow 127.0.0.0/8; deny all; {app}:; }}"),
        format!("location /others/ {{ allow 10.0.0.0/8; deny all; {app}:; }}"),
        "location ~ \\.secret$ { return 404; }".to_owned(),
        format!("location ~ \\.php$ {{ deny all; root {files}; }}"),
        format!("location /v2/ {{ rewrite ^/v2/(.*)$ /y/$1 break; {app}:; }}"),
        "rewrite ^/v3/(.*)$ /w/$1 last; rewrite ^/v4/([a-z]+)$ /x?of=$1? permanent;".to_owned(),
        format!("location /v5/ {{ rewrite ^/v5/in/(.*)$ /y/$1 break; {app}:; }}"),
        "location /v5/in/closed/ { deny all; }".to_owned(),
        "location /signed/ { secure_link $arg_s; secure_link_md5 a$uri; if ($secure_link = \"\") { return 403; } return 204; }".to_owned(),
        "if ($http_x_none != \"\") { return 403; }".to_owned(),
    ];
    let text = format!(
        "daemon off; pid {place}/nginx.pid;\nevents {{}}\nhttp {{ access_log off;\nproxy_set_header Host $http_host; absolute_redirect off;\n\
         server {{ listen {listener}; server_name a.example;\n{}\n}} }}\n",
        locations.join("\n")
    );
    let path = dir.join("nginx.conf");
    fs::write(&path, text).unwrap();
    let _nginx = Server::start(Command::new(program).args(["-e", "stderr", "-c"]).arg(&path), &dir).on_port(port);
    let edge = edge(
        &path.to_string_lossy(),
        &listener,
        &[
            ":1: daemon",
            ":1: pid",
            ":2: events",
            ":3: access_log",
            ":4: absolute_redirect",
            ":7: location",
            ":8: location",
            ":9: location",
            ":10: location",
            ":11: location",
            ":23: secure_link",
            ":23: secure_link_md5",
            ":23: if",
        ],
    );
    let paths = [
        "/",
        "/x?y=1",
        "/app/",
        "/app/x?y",
        "/deep/z",
        "/static/one.txt",
        "/static/none",
        "/spa/one.txt",
        "/web/inner/a",
        "/web/x",
        "/closed/x.php",
        "/local/x.php",
        "/local/a.secret",
        "/nobodyx",
        "/gone",
        "/closed/x",
        "/nobody",
        "/local/x",
        "/others/x",
        "/a.secret",
        "/x/a.secret?b",
        "/page.php",
        "/v2/a?b",
        "/v2/",
        "/v3/z",
        "/v3/a.secret",
        "/v4/a",
        "/v4/1",
        "/v5/in/x",
        "/v5/in/closed/x",
        "/v5/x",
        "/signed/x",
    ];
    assert_eq!(changed(edge.address(), &paths), changed(listener.parse().unwrap(), &paths), "{}", edge.log());
}

#[test]
fn what_haproxy_serves_is_served_the_same() {
    let Some(program) = installed("haproxy") else { return println!("skipped: haproxy is not installed") };
    let dir = applications(&["one", "two", "api"]);
    let port = free_port();
    let place = dir.path().display();
    let listener = format!("127.0.0.1:{port}");
    let text = format!(
        "defaults\nmode http\ntimeout connect 5s\ntimeout server 30s\ntimeout client 30s\n\
         frontend web\nbind {listener}\nacl is_b hdr(host) -i b.example\nacl is_api path_beg /api/\nuse_backend api if is_b is_api\n\
         use_backend two if {{ hdr(host) -i c.example }}\ndefault_backend app\n\
         backend app\nserver one unix@{place}/one weight 3\nserver spare unix@{place}/two backup\n\
         backend two\nserver two unix@{place}/two\nbackend api\nserver api unix@{place}/api\n"
    );
    let path = dir.join("haproxy.cfg");
    fs::write(&path, text).unwrap();
    let _haproxy = Server::start(Command::new(program).arg("-db").arg("-f").arg(&path), &dir).on_port(port);
    let edge = edge(&path.to_string_lossy(), &listener, &[":6: frontend web"]);
    assert_eq!(responses(edge.address()), responses(listener.parse().unwrap()), "{}", edge.log());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a line for each rule and for each path")]
fn what_haproxy_changes_keeps_out_and_rewrites_is_changed_kept_out_and_rewritten_the_same() {
    let Some(program) = installed("haproxy") else { return println!("skipped: haproxy is not installed") };
    let dir = applications(&["one", "two", "api"]);
    let port = free_port();
    let (place, listener) = (dir.path().display(), format!("127.0.0.1:{port}"));
    let hash = "$2y$10$ZTR9ZDQyNDc0MmNhYjRkYOkqDcW4Zp9q5H4b2rX1v6yYw0oF0sE1S";
    let rules = [
        "http-request deny deny_status 404 if { path_end .php }",
        "http-request deny if { path_beg /closed } !{ path_beg /closed/open/ }",
        "http-request deny if { path_beg /local } !{ src 127.0.0.0/8 }",
        "http-request deny if { path_beg /others } !{ src 10.0.0.0/8 }",
        "http-request auth if { path_beg /staff } !{ http_auth(staff) }",
        "http-request redirect location /new code 301 if { path /old }",
        "http-request redirect prefix http://b.example code 307 if { path_beg /moved/ }",
        "http-request return status 410 if { path /gone }",
        "http-request set-path /x%[path] if { path_beg /deep/ }",
        "http-response set-header X-Frame-Options DENY",
        "use_backend two if { path_beg /in/ } { src 127.0.0.0/8 } !{ req.hdr(X-Out) -m found }",
        "use_backend api if { path_beg /api/ }",
        "use_backend two if { path_reg ^/t[0-9]+/ } or { path_sub /two/ }",
        "use_backend none if { path_beg /none/ }",
        "default_backend app",
    ];
    let text = format!(
        "userlist staff\nuser ann password {hash}\ndefaults\nmode http\ntimeout connect 5s\ntimeout server 30s\ntimeout client 30s\n\
         frontend web\nbind {listener}\n{}\nbackend app\nserver one unix@{place}/one\n\
         backend two\nserver two unix@{place}/two\nbackend none\nserver none 127.0.0.1:1 disabled\n\
         backend api\nhttp-request replace-path ^/api/(.*) /\\1\nserver api unix@{place}/api\n",
        rules.join("\n")
    );
    let path = dir.join("haproxy.cfg");
    fs::write(&path, text).unwrap();
    let _haproxy = Server::start(Command::new(program).arg("-db").arg("-f").arg(&path), &dir).on_port(port);
    let edge = edge(
        &path.to_string_lossy(),
        &listener,
        &[":8: frontend web", ":8: frontend web", ":22: use_backend two", ":23: use_backend none", ":30: server none"],
    );
    let paths = [
        "/",
        "/x?y=1",
        "/a.php",
        "/api/a.php",
        "/in/a.php",
        "/closed",
        "/closedx",
        "/closed/x",
        "/closed/open",
        "/closed/open/x",
        "/closed/open/x.php",
        "/local/x",
        "/local",
        "/others",
        "/othersx",
        "/others/x?y",
        "/staff",
        "/staffx",
        "/staff/a",
        "/old",
        "/old?x=1",
        "/older",
        "/moved/a?b",
        "/moved",
        "/gone",
        "/gone/",
        "/deep/z?q=1",
        "/in/x",
        "/in",
        "/api/",
        "/api/x/y?z",
        "/apix",
        "/t12/x",
        "/tx/",
        "/a/two/b",
        "/api/two/",
        "/none/x",
    ];
    let mut found = changed(edge.address(), &paths);
    // fosse writes headers of responses on the question for a password, too.
    found.iter_mut().filter(|one| one.1 == 401).for_each(|one| one.2.clear());
    assert_eq!(found, changed(listener.parse().unwrap(), &paths), "{}", edge.log());
}

#[test]
fn what_caddy_serves_is_served_the_same() {
    let Some(program) = installed("caddy") else { return println!("skipped: caddy is not installed") };
    let dir = applications(&["one", "two", "api"]);
    let (port, files) = (free_port(), files(&dir));
    let place = dir.path().display();
    let text = format!(
        "{{\nadmin off\nauto_https off\n}}\nhttp://b.example:{port} {{\nbind 127.0.0.1\nhandle /api/* {{\nreverse_proxy unix/{place}/api\n}}\n\
         handle {{\nreverse_proxy unix/{place}/two\n}}\n}}\nhttp://c.example:{port} {{\nbind 127.0.0.1\nroot * {files}\nfile_server\n}}\n\
         http://:{port} {{\nbind 127.0.0.1\nreverse_proxy unix/{place}/one\n}}\n"
    );
    let path = dir.join("Caddyfile");
    fs::write(&path, text).unwrap();
    let listener = format!("127.0.0.1:{port}");
    let mut caddy = Command::new(program);
    caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(&path).env("HOME", dir.path());
    let _caddy = Server::start(&mut caddy, &dir).on_port(port);
    let left_out = [":2: admin off", ":3: auto_https", ":5: http://b", ":14: http://c", ":19: http://:"];
    let edge = edge(&path.to_string_lossy(), &listener, &left_out);
    assert_eq!(responses(edge.address()), responses(listener.parse().unwrap()), "{}", edge.log());
}

#[test]
fn what_caddy_changes_keeps_out_and_rewrites_is_changed_kept_out_and_rewritten_the_same() {
    let Some(program) = installed("caddy") else { return println!("skipped: caddy is not installed") };
    let dir = applications(&["one", "two", "api"]);
    let port = free_port();
    let place = dir.path().display();
    let hash = "$2a$04$FtvF7RzU9z4Usec4mFlgfuax8zAzL3p1cf4qZX27/1sJYK6OAYTKS";
    let lines = [
        "@outside {\npath /local/* /others\nnot remote_ip 127.0.0.0/8\n}",
        "@elsewhere {\npath /elsewhere /elsewhere/*\nnot remote_ip 10.0.0.0/8\n}",
        "@here {\npath /here/*\nremote_ip 127.0.0.0/8\n}",
        "@old path_regexp old ^/old/([0-9]+)$",
        "@u path_regexp u ^/u/([a-z]+)$",
        "@bak path *.bak",
        "@beta query beta=1",
        "@two path /two/* /deux",
        "@staff path /staff /staff/*",
        &format!("basicauth @staff {{\nann {hash}\n}}"),
        "respond @outside 403",
        "respond @elsewhere 403",
        "abort /never",
        "error @bak 404",
        "redir @old /new/{re.old.1} 308",
        "redir /gone / 301",
        "rewrite @u /user?name={re.u.1}",
        "rewrite /index /home",
        &format!("handle @beta {{\nreverse_proxy unix/{place}/two\n}}"),
        &format!("handle @here {{\nreverse_proxy unix/{place}/api\n}}"),
        &format!("handle_path /api/* {{\nreverse_proxy unix/{place}/api\n}}"),
        &format!("handle /strip/* {{\nuri strip_prefix /strip\nreverse_proxy unix/{place}/api\n}}"),
        &format!("handle @two {{\nreverse_proxy unix/{place}/two\n}}"),
        "handle /files/* {\nrespond 410\n}",
        "header X-Frame-Options DENY",
        &format!("reverse_proxy unix/{place}/one {{\nheader_down Cache-Control no-store\n}}"),
    ]
    .join("\n");
    let text = format!("{{\nadmin off\nauto_https off\n}}\nhttp://a.example:{port} {{\nbind 127.0.0.1\n{lines}\n}}\n");
    let path = dir.join("Caddyfile");
    fs::write(&path, text).unwrap();
    let listener = format!("127.0.0.1:{port}");
    let mut caddy = Command::new(program);
    caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(&path).env("HOME", dir.path());
    let _caddy = Server::start(&mut caddy, &dir).on_port(port);
    let edge = edge(&path.to_string_lossy(), &listener, &[":2: admin off", ":3: auto_https", ":5: http://a"]);
    let paths = [
        "/",
        "/x?y=1",
        "/local/x",
        "/others",
        "/elsewhere",
        "/elsewhere/x",
        "/Elsewhere/x",
        "/elsewherex",
        "/here/x",
        "/herex",
        "/old/12",
        "/old/x",
        "/u/ann",
        "/u/Ann",
        "/u/ann?name=root",
        "/index",
        "/index?x=1",
        "/index/x",
        "/a.bak",
        "/api/a.bak",
        "/two/a.bak",
        "/?beta=1",
        "/x?beta=1",
        "/x?beta=2",
        "/two/x?beta=1",
        "/two/x",
        "/deux",
        "/deux/x",
        "/api/x?y=1",
        "/api/",
        "/apix",
        "/strip/x",
        "/staff",
        "/staff/x",
        "/staffx",
        "/gone",
        "/gone/x",
    ];
    let mut found = changed(edge.address(), &paths);
    let mut theirs = changed(listener.parse().unwrap(), &paths);
    // What an error says besides is each server's own.
    found
        .iter_mut()
        .chain(&mut theirs)
        .filter(|one| one.1 >= 300)
        .for_each(|one| one.2.retain(|line| line.starts_with("location")));
    assert_eq!(found, theirs, "{}", edge.log());
}
