//! An application names a file, and its client gets that: with its own conditions and ranges, and
//! never one that lies elsewhere.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use fosse_harness::{Backend, Client, Dir, Edge, Response, request};

const TEXT: &str = "0123456789";

/// A directory of files beside a secret.
fn files() -> Dir {
    let dir = Dir::new();
    let root = dir.join("files");
    fs::create_dir_all(root.join("sub dir")).unwrap();
    for path in [root.clone(), root.join("sub dir")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(root.join("a.txt"), TEXT).unwrap();
    fs::write(root.join("sub dir/\u{e9}%.bin"), "deep").unwrap();
    fs::write(root.join(".hidden"), "hidden").unwrap();
    fs::write(root.join("large"), vec![b'x'; 200_000]).unwrap();
    fs::write(dir.join("secret"), "secret").unwrap();
    symlink(dir.join("secret"), root.join("link")).unwrap();
    symlink("../secret", root.join("up")).unwrap();
    dir
}

fn edge(dir: Dir, backend: &Backend, site: &str) -> Edge {
    let configuration = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n{site}\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\nsticky_cookie = \"srv\"\n\
         [[backend]]\nname = \"disk\"\nfiles = \"{{dir}}/files\"\n",
        backend.address()
    );
    Edge::in_directory(dir, &configuration, &[])
}

fn ask(edge: &Edge, line: &str, fields: &str) -> Response {
    request(edge.address(), format!("{line} HTTP/1.1\r\nHost: a.example\r\n{fields}Connection: close\r\n\r\n"))
}

fn accel(path: &str) -> String {
    format!("X-Say: X-Accel-Redirect: {path}\r\n")
}

const PREFIXED: &str = "send_files = \"disk\"\nsend_files_prefix = \"/p\"\n\
    [[site.route]]\nprefix = \"/none\"\nbackend = \"other\"\n[[backend]]\nname = \"other\"\nservers = [\"127.0.0.1:1\"]\n";

#[test]
fn a_client_gets_the_file_that_the_application_names_with_what_it_says_of_it() {
    let backend = Backend::start();
    let edge = edge(files(), &backend, PREFIXED);
    let says = "X-Say: Content-Type: text/x-app\r\nX-Say: Content-Disposition: attachment\r\nX-Say: Set-Cookie: a=1\r\n\
        X-Say: Cache-Control: max-age=5\r\nX-Say: Expires: Thu, 01 Jan 2032 00:00:00 GMT\r\nX-Say: ETag: \"app\"\r\n\
        X-Say: X-Own: 1\r\nX-Say: Content-Encoding: gzip\r\n";
    let named = accel("/p/a.txt");
    let response = ask(&edge, "GET /x", &format!("{named}{says}"));
    assert_eq!((response.status, response.text().as_ref()), (200, TEXT), "{}", edge.log());
    let value = |name: &str| response.header(name).unwrap_or_default().to_owned();
    let kept = ["content-type", "content-disposition", "cache-control", "expires", "content-length", "accept-ranges"];
    let expected = ["text/x-app", "attachment", "max-age=5", "Thu, 01 Jan 2032 00:00:00 GMT", "10", "bytes"];
    assert_eq!(kept.map(value), expected);
    for name in ["x-own", "content-encoding", "x-accel-redirect", "x-say"] {
        assert_eq!(response.header(name), None, "{name}: {}", response.head);
    }
    let cookies = response.head.to_lowercase().matches("set-cookie: ").count();
    assert!(cookies == 2 && response.head.contains(": a=1") && response.head.contains("srv="), "{}", response.head);
    let etag = value("etag");
    assert!(etag != "\"app\"" && etag.len() > 4, "{etag}");

    // Its conditions and ranges are about the file.
    let part = ask(&edge, "GET /x", &format!("{named}{says}Range: bytes=2-4\r\n"));
    assert_eq!((part.status, part.text().as_ref(), part.header("content-type")), (206, "234", Some("text/x-app")));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    let parts = ask(&edge, "GET /x", &format!("{named}{says}Range: bytes=0-1,5-6\r\n"));
    assert!(parts.header("content-type").is_some_and(|kind| kind.starts_with("multipart/byteranges; boundary=")));
    let same = ask(&edge, "GET /x", &format!("{named}{says}If-None-Match: {etag}\r\n"));
    assert_eq!((same.status, same.body.len(), same.header("cache-control")), (304, 0, Some("max-age=5")));
    let none = ask(&edge, "GET /x", &format!("{named}{says}Range: bytes=99-\r\n"));
    assert_eq!((none.status, none.header("content-disposition")), (416, None));
    let mut client = Client::connect(edge.address());
    client.send(format!("HEAD /x HTTP/1.1\r\nHost: a\r\n{named}{says}\r\n").as_bytes());
    let head = client.try_response(true).unwrap();
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("10"), 0));
    // The form that led to it was for the application.
    let post = ask(&edge, "POST /x", &format!("{named}If-None-Match: {etag}\r\nContent-Length: 0\r\n"));
    assert_eq!(
        (post.status, post.text().as_ref(), post.header("content-type")),
        (200, TEXT, Some("text/plain; charset=utf-8"))
    );
}

#[test]
fn a_connection_goes_on_after_a_file_and_so_does_that_of_the_application() {
    let backend = Backend::start();
    let edge = edge(files(), &backend, "send_files = \"disk\"");
    let mut client = Client::connect(edge.address());
    for _ in 0..3 {
        client.send(format!("GET /x HTTP/1.1\r\nHost: a\r\n{}\r\n", accel("/a.txt")).as_bytes());
        assert_eq!(client.response().text(), TEXT);
        client.send(format!("GET /x HTTP/1.1\r\nHost: a\r\n{}\r\n", accel("/large")).as_bytes());
        assert_eq!(client.response().body.len(), 200_000);
        client.send(b"GET /bytes/5 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().text(), "xxxxx");
        // A body that does not end with its head, and one that the application does not wait for.
        client.send(format!("GET /chunked/90000 HTTP/1.1\r\nHost: a\r\n{}\r\n", accel("/a.txt")).as_bytes());
        assert_eq!(client.response().text(), TEXT);
        client.send(
            format!("POST /body HTTP/1.1\r\nHost: a\r\n{}Content-Length: 4\r\n\r\nbody", accel("/a.txt")).as_bytes(),
        );
        assert_eq!(client.response().text(), TEXT);
    }
    assert!(edge.alarms().is_empty(), "{:?}", edge.alarms());
    // What closes with it is replaced.
    assert_eq!(ask(&edge, "GET /close/x", &accel("/a.txt")).text(), TEXT);
    assert_eq!(ask(&edge, "GET /x", "").status, 200);
}

/// Paths that lead elsewhere, or to what is served to nobody.
#[rustfmt::skip]
const PATHS_ELSEWHERE: &[&str] = &[
    "/p/../secret", "/p/..%2fsecret", "/p/%2e%2e/secret", "/p/%2e%2e%2fsecret", "/p/sub%20dir/../../secret", "/p/..\\secret",
    "/p/..%5csecret", "/p//../secret", "/p/./../secret", "/p/a.txt/../../secret", "/p/%00/../secret", "/p/..%00/secret",
    "/p/%c0%ae%c0%ae/secret", "/p/..;/secret", "/p/%252e%252e/secret", "/p/link", "/p/up", "/p/.hidden",
    "/p/none", "/p/", "/p", "/secret", "//p/a.txt", "/P/a.txt",
    "a.txt", "http://127.0.0.1/p/a.txt", "*", "@x",
];

/// Files that lie elsewhere, where ROOT is the directory.
#[rustfmt::skip]
const FILES_ELSEWHERE: &[&str] = &[
    "/etc/passwd", "ROOT/../secret", "ROOTsecret", "ROOT", "../secret", "./../secret",
    "link", "..\\secret", "%2e%2e/secret", ".hidden", "/proc/self/environ",
];

#[test]
fn no_name_leads_out_of_the_directory() {
    let backend = Backend::start();
    let edge = edge(files(), &backend, PREFIXED);
    let deep = accel("/p/sub%20dir/%C3%A9%25.bin");
    assert_eq!(ask(&edge, "GET /x", &deep).text(), "deep", "{}", edge.log());
    let root = edge.status_socket().with_file_name("files");
    let root = root.display().to_string();
    let file = |path: &str| format!("X-Say: X-Sendfile: {path}\r\n");
    for good in [format!("{root}/sub dir/\u{e9}%.bin"), "sub dir/\u{e9}%.bin".to_owned()] {
        assert_eq!(ask(&edge, "GET /x", &file(&good)).text(), "deep", "{good}: {}", edge.log());
    }
    let dots = PATHS_ELSEWHERE.iter().map(|path| accel(path));
    let files = FILES_ELSEWHERE.iter().map(|path| file(&path.replace("ROOT", &root)));
    let tricks = dots.chain(files);
    for trick in tricks {
        let response = ask(&edge, "GET /x", &trick);
        assert!(matches!(response.status, 301 | 400 | 403 | 404), "{trick}: {} {}", response.status, response.text());
        for word in ["secret", "hidden", "root:"] {
            assert!(!response.text().contains(word), "{trick}: {}", response.text());
        }
    }
    assert!(edge.alarms().is_empty(), "{:?}", edge.alarms());
}

#[test]
fn a_site_that_says_nothing_of_files_sends_none_and_shows_no_name() {
    let backend = Backend::start();
    let edge = edge(files(), &backend, "");
    let names = format!("{}X-Say: X-Sendfile: /etc/passwd\r\nX-Say: X-Own: 1\r\n", accel("/a.txt"));
    let response = ask(&edge, "GET /bytes/3", &names);
    assert_eq!((response.status, response.text().as_ref(), response.header("x-own")), (200, "xxx", Some("1")));
    assert!(response.header("x-accel-redirect").is_none() && response.header("x-sendfile").is_none());
}
