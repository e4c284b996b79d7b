//! Files beside those of nginx: the same directory, the same requests, the same responses, and the
//! differences with their reasons.

use std::{
    fs::{self, File},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use fosse_applications::{Server, installed};
use fosse_harness::{Client, Dir, Edge, Response, free_port, wait_for};

const TEXT: &str = "0123456789";

/// A host, a method, a target and further field lines. `{etag}` and `{modified}` are what the same
/// server has said of the target.
type Row = (&'static str, &'static str, &'static str, &'static str);

const SAME: &[Row] = &[
    ("www", "GET", "/", ""),
    ("www", "GET", "/a.txt", ""),
    ("www", "HEAD", "/a.txt", ""),
    ("www", "GET", "/a%2Etxt", ""),
    ("www", "GET", "/a.txt?b=c", ""),
    ("www", "GET", "/empty.txt", ""),
    ("www", "GET", "/none", ""),
    ("www", "GET", "/a.txt/", ""),
    ("www", "POST", "/a.txt", "Content-Length: 0\r\n"),
    ("www", "GET", "/docs/", ""),
    ("www", "GET", "/docs", ""),
    ("www", "GET", "/docs?a=b", ""),
    ("www", "GET", "/a.txt", "Range: bytes=0-3\r\n"),
    ("www", "GET", "/a.txt", "Range: bytes=4-\r\n"),
    ("www", "GET", "/a.txt", "Range: bytes=-3\r\n"),
    ("www", "GET", "/a.txt", "Range: bytes=-300\r\n"),
    ("www", "GET", "/a.txt", "Range: bytes=10-\r\n"),
    ("www", "GET", "/a.txt", "Range: lines=1-2\r\n"),
    ("www", "GET", "/a.txt", "Range: bytes=1-2\r\nIf-Range: {etag}\r\n"),
    ("www", "GET", "/a.txt", "Range: bytes=1-2\r\nIf-Range: \"another\"\r\n"),
    ("www", "GET", "/a.txt", "Range: bytes=1-2\r\nIf-Range: {modified}\r\n"),
    ("www", "GET", "/a.txt", "If-None-Match: {etag}\r\n"),
    ("www", "GET", "/a.txt", "If-None-Match: \"x\", {etag}\r\n"),
    ("www", "GET", "/a.txt", "If-None-Match: *\r\n"),
    ("www", "GET", "/a.txt", "If-None-Match: \"x\"\r\n"),
    ("www", "HEAD", "/a.txt", "If-None-Match: {etag}\r\n"),
    ("www", "GET", "/a.txt", "If-Modified-Since: {modified}\r\n"),
    ("www", "GET", "/a.txt", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
    ("www", "GET", "/a.txt", "If-Match: {etag}\r\n"),
    ("www", "GET", "/a.txt", "If-Match: \"x\"\r\n"),
    ("www", "GET", "/a.txt", "If-Unmodified-Since: {modified}\r\n"),
    ("www", "GET", "/a.txt", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
    ("www", "GET", "/b.js", "Accept-Encoding: gzip\r\n"),
    ("www", "HEAD", "/b.js", "Accept-Encoding: gzip\r\n"),
    ("www", "GET", "/b.js", "Accept-Encoding: br, gzip;q=0.5\r\n"),
    ("www", "GET", "/b.js", "Accept-Encoding: gzip;q=0\r\n"),
    ("www", "GET", "/b.js", ""),
    ("www", "GET", "/b.js", "Accept-Encoding: gzip\r\nIf-None-Match: {etag}\r\n"),
    ("app", "GET", "/", ""),
    ("app", "GET", "/users/7", ""),
    ("app", "GET", "/a.txt", ""),
    ("app", "GET", "/a.txt", "Range: bytes=2-3\r\n"),
    ("app", "HEAD", "/users/7?a", ""),
];

/// A row, the response here and that of nginx, and the reason.
const DIFFERENT: &[(Row, &str, &str, &str)] = &[
    (("www", "GET", "/.secret", ""), "404", "200 dot", "names that begin with a dot are served to nobody"),
    (("www", "GET", "/bare", ""), "404", "301 /bare/", "a directory without an index is nothing"),
    (("www", "GET", "/bare/", ""), "404", "403", "the same, and no word of what is there"),
    (("www", "GET", "/link.txt", ""), "404", "200 0123456789", "no link is followed below the directory"),
    (
        ("www", "GET", "/a.txt", "Range: bytes=5-4\r\n"),
        "200 0123456789",
        "416 bytes */10",
        "a Range that is malformed is ignored (RFC 9110, section 14.2)",
    ),
];

fn directory() -> Dir {
    let dir = Dir::new();
    let www = dir.join("www");
    for (name, text) in [
        ("index.html", "home"),
        ("a.txt", TEXT),
        ("empty.txt", ""),
        ("b.js", "plain"),
        ("b.js.gz", "GZIP"),
        ("docs/index.html", "docs"),
        ("bare/file", "x"),
        (".secret", "dot"),
    ] {
        write(&www.join(name), text);
    }
    std::os::unix::fs::symlink("a.txt", www.join("link.txt")).unwrap();
    dir
}

fn write(path: &Path, text: &str) {
    let parent = path.parent().unwrap();
    fs::create_dir_all(parent).unwrap();
    fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(path).unwrap().set_modified(hour_ago).unwrap();
}

fn edge(www: &Path) -> Edge {
    let root = www.display();
    Edge::with_config(
        &format!(
            "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
             [[site]]\nhosts = [\"www\"]\nwaf = \"off\"\nbackend = \"www\"\n\
             [[site]]\nhosts = [\"app\"]\nwaf = \"off\"\nbackend = \"app\"\n\
             [[backend]]\nname = \"www\"\nfiles = \"{root}\"\nprecompressed = [\"gzip\"]\n\
             [[backend]]\nname = \"app\"\nfiles = \"{root}\"\ntry_files = [\"$path\", \"/index.html\"]\n"
        ),
        &[],
    )
}

fn nginx(dir: &Dir, port: u16) -> Option<Server> {
    let program = installed("nginx")?;
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", dir.join(&format!("temp-{name}")).display()))
        .concat();
    let www = dir.join("www");
    let server = |name: &str, lines: &str| {
        format!("server {{ listen 127.0.0.1:{port}; server_name {name}; root {}; {lines} }}\n", www.display())
    };
    let configuration = format!(
        "daemon off;\npid {}/nginx.pid;\nworker_processes 1;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}\
         absolute_redirect off;\n{}{}}}\n",
        dir.path().display(),
        server("www", "gzip_static on; gzip_vary on;"),
        server("app", "location / { try_files $uri /index.html; }"),
    );
    let path = dir.join("nginx.conf");
    fs::write(&path, configuration).unwrap();
    Some(Server::start(Command::new(program).args(["-e", "stderr", "-c"]).arg(path), dir).on_port(port))
}

fn ask(address: SocketAddr, (host, method, target, fields): Row) -> Response {
    let send = |method: &str, fields: &str| {
        let mut client = Client::connect(address);
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n");
        client.send(head.as_bytes());
        client.try_response(method == "HEAD").expect("a response")
    };
    if !fields.contains('{') {
        return send(method, fields);
    }
    let accepts: String = fields.split_inclusive("\r\n").filter(|line| line.starts_with("Accept-")).collect();
    // A tag is weak for a moment after a change, and then a condition may not hold.
    let before = wait_for("a strong entity tag", || {
        let response = send("GET", &accepts);
        response.header("etag").is_some_and(|tag| tag.starts_with('"')).then_some(response)
    });
    let said = |name: &str| before.header(name).unwrap_or_default().to_owned();
    send(method, &fields.replace("{etag}", &said("etag")).replace("{modified}", &said("last-modified")))
}

/// Returns what a client can tell of a response, but for the words of an error.
fn seen(response: &Response) -> String {
    let mut seen = response.status.to_string();
    for name in ["location", "content-range", "content-encoding"] {
        seen += &response.header(name).map(|value| format!(" {value}")).unwrap_or_default();
    }
    if response.status < 300 && !response.body.is_empty() {
        seen += &format!(" {}", response.text());
    }
    seen
}

#[test]
fn files_are_served_as_nginx_serves_them_but_for_what_has_a_reason() {
    let (dir, port) = (directory(), free_port());
    let edge = edge(&dir.join("www"));
    let Some(_nginx) = nginx(&dir, port) else { return };
    let nginx: SocketAddr = ([127, 0, 0, 1], port).into();
    let mut found = Vec::new();
    for row in SAME {
        let (ours, theirs) = (ask(edge.address(), *row), ask(nginx, *row));
        let lengths =
            [&ours, &theirs].map(|r| r.header("content-length").filter(|_| r.status < 300).map(str::to_owned));
        if seen(&ours) != seen(&theirs) || lengths[0] != lengths[1] {
            found.push(format!("{row:?}: {} {lengths:?}, nginx {}", seen(&ours), seen(&theirs)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (row, ours, theirs, reason) in DIFFERENT {
        let both = (seen(&ask(edge.address(), *row)), seen(&ask(nginx, *row)));
        assert_eq!((both.0.as_str(), both.1.as_str()), (*ours, *theirs), "{row:?}: {reason}");
    }
}
