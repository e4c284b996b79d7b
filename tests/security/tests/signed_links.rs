//! A signed link is good for what was signed: one target, one host, one client, until its time.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use fosse_harness::{Backend, Client, Dir, Edge, Response, fosse, is_root, request};

const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c2b7e151628aed2a6abf7158809cf4f3c";
const NEXT: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
/// No group of this machine.
const GROUP: u32 = 54_329;

/// Writes a key that the edge may read, and others may not.
fn write_key(dir: &Dir, name: &str, key: &str) {
    let path = dir.join(name);
    fs::write(&path, format!("{key}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&path, None, Some(GROUP)).unwrap();
    }
}

fn configuration(backend: &Backend, links: &str) -> String {
    format!(
        "lanes = 1\ngroup = {GROUP}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\nhosts = [\"a.example\", \"b.example\"]\n\
         backend = \"app\"\n[[site.route]]\nprefix = \"/files\"\nstrip_prefix = true\n[site.route.signed_links]\n{links}\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

struct Running {
    edge: Edge,
    backend: Backend,
}

impl Running {
    fn new(links: &str) -> Self {
        let (backend, dir) = (Backend::start(), Dir::new());
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        write_key(&dir, "links.key", KEY);
        let edge = Edge::in_directory(dir, &configuration(&backend, links), &[]);
        Self { edge, backend }
    }

    /// Has `fosse sign` make a link; returns its path and query.
    fn sign(&self, url: &str, words: &[&str]) -> String {
        let file = self.edge.dir().join("fosse.toml");
        let made = fosse(&[&["sign", url, file.to_str().unwrap()], words].concat());
        let said = String::from_utf8(made.stdout).unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
        said.trim_end().strip_prefix(&origin).unwrap().to_owned()
    }

    fn ask(&self, method: &str, host: &str, target: &str) -> Response {
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        request(self.edge.address(), head)
    }

    fn status(&self, target: &str) -> u16 {
        self.ask("GET", "a.example", target).status
    }
}

#[test]
fn a_signed_link_is_let_in_and_the_application_gets_it_without_the_signature() {
    let running = Running::new("keys = [\"links.key\"]");
    let link = running.sign("https://a.example/files/x%20y?page=2", &[]);
    let response = running.ask("GET", "A.EXAMPLE:8443", &link);
    assert_eq!(response.status, 200, "{link} {}", running.edge.log());
    assert!(response.text().starts_with("GET /x%20y?page=2 HTTP/1.1\r\n"), "{}", response.text());
    let plain = running.sign("http://a.example/files/x", &[]);
    assert!(running.ask("GET", "a.example", &plain).text().starts_with("GET /x HTTP/1.1\r\n"));
    // What no signature is asked for has none to lose.
    let other = running.ask("GET", "a.example", "/open?expires=1&signature=2");
    assert!(other.text().starts_with("GET /open?expires=1&signature=2 HTTP/1.1\r\n"), "{}", other.text());
}

#[test]
fn openssl_makes_the_same_link() {
    let running = Running::new("keys = [\"links.key\"]");
    let target = "/files/a.zip?expires=4102444800";
    let lines = format!("fosse-link-1\na.example\n{target}\n");
    let made = Command::new("sh")
        .args(["-c", &format!("printf '%s' '{lines}' | openssl dgst -sha256 -hmac {KEY} -r | cut -c1-64")])
        .output();
    let Some(made) = made.ok().filter(|made| made.stdout.len() == 65) else { return println!("skipped: no openssl") };
    let signature = String::from_utf8(made.stdout).unwrap();
    assert_eq!(running.status(&format!("{target}&signature={}", signature.trim_end())), 200);
}

#[test]
fn what_was_not_signed_is_not_let_in() {
    let running = Running::new("keys = [\"links.key\"]");
    let link = running.sign("http://a.example/files/a?b=c", &[]);
    assert_eq!(running.status(&link), 200);
    let asked = running.backend.requests();
    let (before, signature) = link.split_at(link.len() - 64);
    let others = [
        "/files/a?b=c".to_owned(),
        "/files/a".to_owned(),
        "/files/../files/a".to_owned(),
        link.replace("/files/a", "/files/./a"),
        link.replace("/files/a", "/files/%61"),
        link.replace("/files/a", "/%66iles/a"),
        link.replace("/files/a", "/files//a"),
        link.replace("/files/a", "/open/../files/a"),
        link.replace("b=c", "b=d"),
        link.replace("b=c", "b=c&b=d"),
        link.replace("expires=", "expires=9"),
        format!("{link}&b=d"),
        format!("{link}#b"),
        format!("{before}{}", signature.to_uppercase()),
        format!("{before}{signature}{signature}"),
        before.to_owned(),
        link.replace("&signature=", ";signature="),
        link.replace("&signature=", "&%73ignature="),
        link.replace("?b=c", "?signature=x&b=c"),
    ];
    for other in others {
        let status = running.status(&other);
        assert!(matches!(status, 400 | 403), "{status} {other}");
    }
    assert_eq!(running.ask("GET", "b.example", &link).status, 403, "another host");
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(running.ask(method, "a.example", &link).status, 403, "{method}");
    }
    assert_eq!(running.backend.requests(), asked, "none of them came to the application");
    assert!(running.edge.counter("dispatch", "links_refused") > 10);
    let head = running.ask("HEAD", "a.example", &link);
    assert_eq!(head.status, 200);
}

#[test]
fn a_link_whose_time_is_over_is_gone() {
    let running = Running::new("keys = [\"links.key\"]");
    // The clock has gone on a second when a link for 0 seconds is over.
    let link = running.sign("http://a.example/files/a", &["--seconds", "0"]);
    let last = fosse_harness::wait_for("the end of a link", || {
        let response = running.ask("GET", "a.example", &link);
        (response.status != 200).then_some(response)
    });
    assert_eq!(last.status, 410, "{}", last.text());
    assert!(!last.text().contains("signature"), "{}", last.text());
}

#[test]
fn a_link_for_one_client_is_good_for_no_other() {
    let running = Running::new("keys = [\"links.key\"]\nbind_client = true\nkeep_arguments = true");
    let own = running.sign("http://a.example/files/a", &["--client", "127.0.0.1"]);
    let response = running.ask("GET", "a.example", &own);
    assert_eq!(response.status, 200);
    assert!(response.text().starts_with("GET /a?expires="), "kept: {}", response.text());
    let other = running.sign("http://a.example/files/a", &["--client", "127.0.0.2"]);
    assert_eq!(running.status(&other), 403);
    let file = running.edge.dir().join("fosse.toml");
    let refused = fosse(&["sign", "http://a.example/files/a", file.to_str().unwrap()]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--client"));
}

#[test]
fn a_key_is_replaced_without_an_hour_in_which_old_links_are_dead() {
    let running = Running::new("keys = [\"links.key\"]");
    let old = running.sign("http://a.example/files/a", &[]);
    write_key(running.edge.dir(), "next.key", NEXT);
    let reload = |keys: &str| running.edge.reload(&configuration(&running.backend, &format!("keys = [{keys}]")));
    reload("\"next.key\", \"links.key\"");
    let new = running.sign("http://a.example/files/a", &[]);
    assert_ne!(old, new);
    assert_eq!((running.status(&old), running.status(&new)), (200, 200), "{}", running.edge.log());
    reload("\"next.key\"");
    assert_eq!((running.status(&old), running.status(&new)), (403, 200));
    // A dispatch that takes the place of one that was killed has the keys too.
    running.edge.process("dispatch").signal(rustix::process::Signal::KILL);
    // A connection that the dying lane still had ends without a response.
    fosse_harness::wait_for("the next lane", || {
        let mut client = Client::connect(running.edge.address());
        let head = format!("GET {new} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
        client.try_send(head.as_bytes()).ok()?;
        client.try_response(false).filter(|response| response.status == 200).map(drop)
    });
    assert_eq!(running.status(&old), 403);
}

#[test]
fn a_key_that_others_may_read_or_that_is_short_is_refused() {
    let running = Running::new("keys = [\"links.key\"]");
    let (dir, file) = (running.edge.dir(), running.edge.dir().join("fosse.toml"));
    let refusal = || {
        let reload = running.edge.fosse(&["reload"]);
        assert!(!reload.status.success());
        let check = fosse(&["check", file.to_str().unwrap()]);
        format!("{}{}", String::from_utf8_lossy(&check.stderr), running.edge.log())
    };
    let key = dir.join("links.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal().contains("links.key: everybody may read it; take that right away (chmod o-r)"), "{}", refusal());
    write_key(dir, "links.key", &KEY[..31]);
    assert!(refusal().contains("links.key: a key of 31 bytes is too short"), "{}", refusal());
    assert!(!running.edge.log().contains(&KEY[..31]), "a key is in no log");
    write_key(dir, "links.key", KEY);
    let link = running.sign("http://a.example/files/a", &[]);
    assert_eq!(running.status(&link), 200, "the configuration before goes on");
}
