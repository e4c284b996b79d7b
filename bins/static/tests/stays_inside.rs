//! Nothing outside of the directory is ever served, whatever is in it (what the program can do
//! if it is asked for anything).

mod site;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use site::{Reply, Site, write};

const SECRET: &str = "outside of the directory";

fn sample() -> Site {
    Site::new(|root| {
        let place = root.parent().unwrap();
        write(place, "secret.txt", SECRET);
        write(place, "beside/index.html", SECRET);
        write(root, "index.html", "in");
        write(root, "sub/a.txt", "in");
        write(root, ".git/config", "dot");
        write(root, "sub/.env", "dot");
        write(root, "private.txt", "private");
        std::fs::set_permissions(root.join("private.txt"), PermissionsExt::from_mode(0o600)).unwrap();
        symlink(place.join("secret.txt"), root.join("absolute")).unwrap();
        symlink("../secret.txt", root.join("relative")).unwrap();
        symlink("../../secret.txt", root.join("sub/relative")).unwrap();
        symlink("../beside", root.join("directory")).unwrap();
        symlink("sub", root.join("inner")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        assert!(Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
    })
}

#[test]
fn no_link_is_followed_wherever_it_leads() {
    let site = sample();
    for target in [
        "/absolute",
        "/relative",
        "/sub/relative",
        "/directory",
        "/directory/",
        "/directory/index.html",
        "/inner",
        "/inner/a.txt",
        "/magic",
        "/magic/etc/passwd",
    ] {
        assert_eq!(site.get(target, "").status, 404, "{target}");
    }
    site.ends_well();
}

#[test]
fn what_a_shell_has_left_open_is_closed_whatever_number_it_has() {
    let place = std::env::temp_dir().join(format!("fosse-static-open-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let socket = place.join("socket");
    let mut child = std::process::Command::new("bash")
        .args([
            "-c",
            "exec \"$0\" --listen unix:$1/socket --mode 0666 $1 5<$1 6< <(:) 7</dev/null 8</dev/null 9</dev/null",
        ])
        .arg(env!("CARGO_BIN_EXE_fosse-static"))
        .arg(&place)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    fosse_harness::wait_for("the socket", || {
        assert!(child.try_wait().unwrap().is_none(), "it ends");
        std::os::unix::net::UnixStream::connect(&socket).ok()
    });
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
    let names = open.map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap_or_default());
    let pipes = names.filter(|name| name.to_string_lossy().starts_with("pipe:")).count();
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_dir_all(&place).unwrap();
    assert_eq!(pipes, 0);
}

#[test]
fn no_spelling_of_up_leads_up() {
    let site = sample();
    let ups =
        ["..", "%2e%2e", "%2E.", ".%2e", "..%2f", "..%5c", "..\\", "%252e%252e", "%c0%ae%c0%ae", "..;", "%uff0e%uff0e"];
    for up in ups {
        for target in [format!("/{up}/secret.txt"), format!("/sub/{up}/{up}/secret.txt"), format!("/{up}secret.txt")] {
            let reply = site.get(&target, "");
            assert!(matches!(reply.status, 400 | 404), "{target}: {}", reply.status);
        }
    }
    for target in
        ["//etc/passwd", "/sub//a.txt", "/./index.html", "/sub/.", "/%00", "/index.html%00.txt", "/%2fetc%2fpasswd"]
    {
        assert!(matches!(site.get(target, "").status, 400 | 404), "{target}");
    }
    site.ends_well();
}

#[test]
fn dotfiles_pipes_and_other_users_files_are_not_served() {
    let site = sample();
    for target in ["/.git/config", "/.git/", "/.git", "/sub/.env", "/%2egit/config", "/pipe"] {
        assert_eq!(site.get(target, "").status, 404, "{target}");
    }
    assert_eq!(site.get("/sub/a.txt", "").body, b"in", "a pipe stops nobody");
    let root = rustix::process::geteuid().is_root();
    assert_eq!(site.get("/private.txt", "").status, if root { 403 } else { 200 });
    site.ends_well();
}

#[test]
fn a_link_that_takes_the_place_of_a_file_is_not_followed_either() {
    let site = sample();
    let (file, link) = (site.root().join("sub/a.txt"), site.root().join("sub/relative"));
    let other = site.root().join("sub/other");
    for _ in 0..200 {
        std::fs::rename(&file, &other).unwrap();
        std::fs::rename(&link, &file).unwrap();
        let reply = site.get("/sub/a.txt", "");
        assert!(reply.status == 404, "{}", reply.status);
        std::fs::rename(&file, &link).unwrap();
        std::fs::rename(&other, &file).unwrap();
        assert_eq!(site.get("/sub/a.txt", "").body, b"in");
    }
    site.ends_well();
}

#[test]
fn what_is_no_request_gets_an_error_and_an_end() {
    let site = sample();
    for (bytes, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"\x16\x03\x01\x02\x00", 400),
        (b"GET /\r\n\r\n", 400),
    ] {
        let reply = Reply::of(&site.raw(bytes));
        assert_eq!(reply.status, status, "{:?}", String::from_utf8_lossy(bytes));
        assert_eq!(reply.field("Connection"), Some("close"));
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(40_000));
    assert_eq!(Reply::of(&site.raw(long.as_bytes())).status, 414);
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(10_000));
    assert_eq!(Reply::of(&site.raw(many.as_bytes())).status, 431);
    site.ends_well();
}
