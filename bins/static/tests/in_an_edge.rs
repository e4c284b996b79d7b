//! A backend that serves files, in a whole edge: the process that start makes for it, and what
//! clients see.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use fosse_harness::{Client, Dir, Edge, Response, get, is_root, request, wait_for};
use rustix::process::Signal;

/// A directory with files that every user may read.
fn directory(files: &[(&str, &str)]) -> Dir {
    let dir = Dir::new();
    files.iter().for_each(|(name, text)| write(dir.path(), name, text));
    dir
}

fn write(root: &Path, name: &str, text: &str) {
    let file = root.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    for made in file.parent().unwrap().ancestors().take_while(|made| made.starts_with(root)) {
        fs::set_permissions(made, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
}

fn configuration(backends: &[(&str, &Path)]) -> String {
    let first = backends[0].0;
    let mut text = format!(
        "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nbackend = \"{first}\"\n"
    );
    for (name, _) in &backends[1..] {
        text += &format!("[[site]]\nhosts = [\"{name}.example\"]\nbackend = \"{name}\"\n");
    }
    for (name, root) in backends {
        text += &format!("[[backend]]\nname = \"{name}\"\nfiles = \"{}\"\n", root.display());
    }
    text
}

/// Serves a directory with more keys of its backend.
fn serve_with(root: &Path, keys: &str) -> Edge {
    Edge::with_config(&format!("{}{keys}\n", configuration(&[("www", root)])), &[])
}

fn serve(root: &Path) -> Edge {
    Edge::with_config(&configuration(&[("www", root)]), &[])
}

fn of_host(edge: &Edge, host: &str, target: &str) -> (u16, String) {
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let response = request(edge.address(), head.as_bytes());
    (response.status, response.text().into_owned())
}

#[test]
fn a_configuration_alone_serves_a_directory() {
    let www = directory(&[
        ("index.html", "home"),
        ("docs/index.html", "docs"),
        ("empty/file", ""),
        (".env", "secret"),
        (".well-known/security.txt", "contact"),
    ]);
    let edge = serve(www.path());
    let expected: &[(&str, u16, &str)] = &[
        ("/", 200, "home"),
        ("/index.html", 200, "home"),
        ("/docs/", 200, "docs"),
        ("/.well-known/security.txt", 200, "contact"),
        ("/docs", 301, "301 Moved Permanently\n"),
        ("/empty/", 404, "404 Not Found\n"),
        ("/empty", 404, "404 Not Found\n"),
        ("/none", 404, "404 Not Found\n"),
        ("/index.html/", 404, "404 Not Found\n"),
    ];
    for (target, status, text) in expected {
        let response = get(edge.address(), target);
        assert_eq!((response.status, &*response.text()), (*status, *text), "{target}: {}", edge.log());
    }
    assert_eq!(get(edge.address(), "/docs?a=b").header("location"), Some("/docs/?a=b"));
    // The firewall may be first to refuse it.
    let secret = get(edge.address(), "/.env");
    assert!([403, 404].contains(&secret.status) && !secret.text().contains("secret"), "{secret:?}");
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

#[test]
fn each_directory_has_a_process_of_its_own_user() {
    if !is_root() {
        return;
    }
    let (one, two) = (directory(&[("index.html", "one")]), directory(&[("index.html", "two")]));
    let edge = Edge::with_config(&configuration(&[("one", one.path()), ("two", two.path())]), &[]);
    assert_eq!(of_host(&edge, "else.example", "/"), (200, "one".to_owned()));
    assert_eq!(of_host(&edge, "two.example", "/"), (200, "two".to_owned()));
    assert_eq!(edge.children_of("static").len(), 2);
    let uids: Vec<String> = edge.children().iter().map(|process| process.field("Uid")).collect();
    assert_eq!(uids.iter().collect::<HashSet<_>>().len(), uids.len(), "{uids:?}");
    for process in edge.children_of("static") {
        assert_eq!((process.field("Seccomp").as_str(), process.field("CapPrm").as_str()), ("2", "0000000000000000"));
    }
    let audit = edge.fosse(&["audit"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[test]
fn requests_wait_for_the_process_that_follows_one_that_was_killed() {
    let www = directory(&[("index.html", "home")]);
    let edge = serve(www.path());
    for _ in 0..3 {
        let [process] = <[_; 1]>::try_from(edge.children_of("static")).unwrap();
        process.signal(Signal::KILL);
        let response = get(edge.address(), "/");
        assert_eq!((response.status, &*response.text()), (200, "home"), "{}", edge.log());
        wait_for("the next one", || {
            let now = edge.children_of("static");
            (now.len() == 1 && now[0].pid != process.pid).then_some(())
        });
    }
}

#[test]
fn a_download_under_way_goes_on_over_a_reload_to_another_directory() {
    let (one, two) = (directory(&[]), directory(&[("large", "new")]));
    let large = "0123456789abcdef".repeat(2 << 20);
    write(one.path(), "large", &large);
    let edge = serve(one.path());
    let mut client = Client::connect(edge.address());
    client.send(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    wait_for("the request", || (edge.counter("dispatch", "requests") >= 1).then_some(()));
    edge.reload(&configuration(&[("www", two.path())]));
    assert_eq!(get(edge.address(), "/large").text(), "new");
    let response = client.response();
    assert!(response.complete && response.text() == large, "{} bytes: {}", response.text().len(), edge.log());
    drop(client);
    wait_for("the old process to be gone", || (edge.children_of("static").len() == 1).then_some(()));
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

#[test]
fn a_reload_follows_a_link_that_names_another_release() {
    let releases = directory(&[("1/index.html", "one"), ("2/index.html", "two")]);
    let current = releases.join("current");
    symlink("1", &current).unwrap();
    let edge = serve(&current);
    let text = || get(edge.address(), "/").text().into_owned();
    assert_eq!(text(), "one");
    fs::remove_file(&current).unwrap();
    symlink("2", &current).unwrap();
    assert_eq!(text(), "one");
    edge.reload(&configuration(&[("www", &current)]));
    assert_eq!(text(), "two");
}

#[test]
fn files_are_served_after_an_upgrade_in_place() {
    let www = directory(&[("index.html", "home")]);
    let edge = serve(www.path());
    let before = edge.children_of("static")[0].pid;
    edge.signal(Signal::USR2);
    wait_for("the next process alone", || {
        let now = edge.children_of("static");
        (now.len() == 1 && now[0].pid != before).then_some(())
    });
    assert_eq!(get(edge.address(), "/").text(), "home", "{}", edge.log());
    assert!(edge.log().contains("event=upgraded"), "{}", edge.log());
    assert_eq!(edge.alarms(), Vec::<String>::new());
}

#[test]
fn a_directory_that_is_missing_is_named_and_what_served_goes_on() {
    let www = directory(&[("index.html", "home")]);
    let edge = serve(www.path());
    assert!(!edge.try_reload(&configuration(&[("www", Path::new("/nonexistent"))])));
    edge.wait_for_log("unable to open the directory /nonexistent of the backend www: No such file or directory");
    assert_eq!(get(edge.address(), "/").text(), "home");
}

#[test]
fn a_directory_that_the_process_may_not_enter_is_said_and_gets_403() {
    if !is_root() {
        return;
    }
    let www = directory(&[("index.html", "home")]);
    fs::set_permissions(www.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let edge = serve(www.path());
    edge.wait_for_log("event=unreadable backend=www");
    assert_eq!(get(edge.address(), "/").status, 403);
}

#[test]
fn a_command_alone_serves_a_directory_by_root_and_by_an_ordinary_user() {
    let www = directory(&[("index.html", "home")]);
    let root = www.path().to_str().unwrap();
    let mut edges = vec![Edge::up(root, &["--lanes", "1"])];
    edges.extend(is_root().then(|| Edge::up_as(33, root, &["--lanes", "1"])));
    for edge in &edges {
        assert_eq!(get(edge.address(), "/").text(), "home", "{}", edge.log());
        assert!(edge.log().contains(&format!("files below {}", www.path().display())), "{}", edge.log());
    }
}

#[test]
fn an_application_in_the_browser_has_every_path_that_is_no_file() {
    let www = directory(&[
        ("index.html", "app"),
        ("about.html", "about"),
        ("docs/index.html", "docs"),
        ("assets/a.js", "code"),
        (".env", "secret"),
    ]);
    let edge = serve_with(www.path(), "try_files = [\"$path\", \"$path.html\", \"/index.html\"]");
    let expected: &[(&str, u16, &str)] = &[
        ("/", 200, "app"),
        ("/assets/a.js", 200, "code"),
        ("/about", 200, "about"),
        ("/docs", 301, "301 Moved Permanently\n"),
        ("/docs/", 200, "docs"),
        ("/users/7?tab=1", 200, "app"),
        ("/assets/", 200, "app"),
        ("/about/", 200, "app"),
    ];
    for (target, status, text) in expected {
        let response = get(edge.address(), target);
        assert_eq!((response.status, &*response.text()), (*status, *text), "{target}: {}", edge.log());
    }
    let app = get(edge.address(), "/users/7");
    assert_eq!(app.header("content-type"), Some("text/html; charset=utf-8"));
    let secret = get(edge.address(), "/.env");
    assert!([403, 404].contains(&secret.status), "a name that begins with a dot is no path of the application");
}

/// Asks with further field lines, each with its CR LF.
fn ask(edge: &Edge, target: &str, fields: &str) -> Response {
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    request(edge.address(), head.as_bytes())
}

#[test]
fn a_file_that_lies_there_compressed_is_sent_so_to_those_who_accept_it() {
    let www = directory(&[
        ("a.js", "plain"),
        ("a.js.br", "BROTLI"),
        ("a.js.gz", "GZIP"),
        ("b.js", "plain b"),
        ("c.js.gz", "no file of that name"),
    ]);
    let edge = serve_with(www.path(), "precompressed = [\"br\", \"zstd\", \"gzip\"]");
    let of = |target: &str, accepts: &str| {
        let response = ask(&edge, target, &format!("Accept-Encoding: {accepts}\r\n"));
        let header = |name: &str| response.header(name).unwrap_or("").to_owned();
        assert_eq!((header("vary").as_str(), response.status), ("Accept-Encoding", 200), "{target} {accepts}");
        assert_eq!(header("content-type"), "text/javascript; charset=utf-8");
        (response.text().into_owned(), header("content-encoding"), header("etag"))
    };
    let (text, coding, plain) = of("/a.js", "identity");
    assert_eq!((text.as_str(), coding.as_str()), ("plain", ""));
    let (text, coding, brotli) = of("/a.js", "gzip, deflate, br, zstd");
    assert_eq!((text.as_str(), coding.as_str()), ("BROTLI", "br"));
    let (text, coding, gzip) = of("/a.js", "gzip, br;q=0");
    assert_eq!((text.as_str(), coding.as_str()), ("GZIP", "gzip"));
    assert_eq!(HashSet::from([&plain, &brotli, &gzip]).len(), 3, "one tag for two forms");
    assert_eq!(of("/b.js", "gzip, br").0, "plain b");
    assert_eq!(ask(&edge, "/c.js", "Accept-Encoding: gzip\r\n").status, 404);
    // A tag is that of one form: who has another gets this one.
    let with = |tag: &str| ask(&edge, "/a.js", &format!("Accept-Encoding: br\r\nIf-None-Match: {tag}\r\n"));
    let not_modified = with(&brotli);
    assert_eq!((not_modified.status, not_modified.header("vary")), (304, Some("Accept-Encoding")));
    assert_eq!((with(&gzip).status, with(&plain).status), (200, 200));
    let range = ask(&edge, "/a.js", "Accept-Encoding: br\r\nRange: bytes=1-2\r\n");
    assert_eq!((range.status, &*range.text(), range.header("content-encoding")), (206, "RO", Some("br")));
}

#[test]
fn cache_control_is_that_of_the_file_which_is_sent() {
    let www = directory(&[("index.html", "app"), ("assets/a.css", "style"), ("robots.txt", "robots")]);
    let edge = serve_with(
        www.path(),
        "try_files = [\"$path\", \"/index.html\"]\n\
         [[backend.cache_control]]\npaths = [\"/assets/*\"]\nvalue = \"public, max-age=31536000, immutable\"\n\
         [[backend.cache_control]]\npaths = [\"*.html\"]\nvalue = \"no-cache\"",
    );
    let of = |target: &str| get(edge.address(), target).header("cache-control").map(str::to_owned);
    let forever = Some("public, max-age=31536000, immutable".to_owned());
    assert_eq!(of("/assets/a.css"), forever);
    // Otherwise a file that is missing for a moment would be the application for a year.
    assert_eq!(of("/assets/gone.css").as_deref(), Some("no-cache"));
    assert_eq!(of("/").as_deref(), Some("no-cache"));
    assert_eq!(of("/robots.txt"), None);
    let tag = get(edge.address(), "/assets/a.css").header("etag").unwrap().to_owned();
    let not_modified = ask(&edge, "/assets/a.css", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((not_modified.status, not_modified.header("cache-control").map(str::to_owned)), (304, forever));
}
