//! A backend that serves files, in a whole edge: the process that start makes for it, and what
//! clients see.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use fosse_harness::{Client, Dir, Edge, get, is_root, request, wait_for};
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
