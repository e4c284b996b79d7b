//! Users with passwords: who is let in, who is not, and what it costs the others.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    process::Stdio,
};

use fosse_harness::{Backend, Client, Dir, Edge, Response, WAIT_MAX, fosse, is_root, programs, request, wait_for};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustix::process::Signal;

/// No group of this machine.
const GROUP: u32 = 54_330;
/// Her password is "secret"; PHP's password_hash made it.
const ANN: &str = "ann:$2y$04$4I2QtmfwLH5cqpBvaZDpqeko7gZsfbb8.FyMxpEfnlxSinf36G/46";

fn write_users(dir: &Dir, text: &str) {
    let path = dir.join("users");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&path, None, Some(GROUP)).unwrap();
    }
}

/// Has `fosse password` make the line of a user.
fn line(name: &str, password: &str, words: &[&str]) -> String {
    let mut child = std::process::Command::new(programs().join("fosse"))
        .args([&["password", name], words].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let made = child.wait_with_output().unwrap();
    assert!(made.status.success());
    String::from_utf8(made.stdout).unwrap()
}

struct Running {
    edge: Edge,
    backend: Backend,
}

fn configuration(backend: &Backend, auth: &str) -> String {
    format!(
        "lanes = 1\ngroup = {GROUP}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\nhosts = [\"a.example\"]\n\
         backend = \"app\"\n[site.basic_auth]\n{auth}\n[[site.route]]\nprefix = \"/open\"\nbasic_auth = false\n\
         [[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

impl Running {
    fn new(users: &str, auth: &str) -> Self {
        let (backend, dir) = (Backend::start(), Dir::new());
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        write_users(&dir, users);
        let edge = Edge::in_directory(dir, &configuration(&backend, auth), &[]);
        Self { edge, backend }
    }

    fn ask(&self, target: &str, fields: &str) -> Response {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{fields}\r\n");
        request(self.edge.address(), head)
    }

    fn login(&self, name: &str, password: &str) -> Response {
        self.ask("/", &authorization(name, password))
    }

    fn status(&self, name: &str, password: &str) -> u16 {
        self.login(name, password).status
    }
}

fn authorization(name: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", base64(format!("{name}:{password}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[test]
fn a_user_is_let_in_with_his_password_and_nobody_else() {
    let running = Running::new(&format!("# staff\n{ANN}\n"), "users_file = \"users\"\nuser_header = \"X-User\"");
    let asked = running.ask("/", "");
    let challenge = asked.header("www-authenticate");
    assert_eq!(
        (asked.status, challenge),
        (401, Some("Basic realm=\"restricted\", charset=\"UTF-8\"")),
        "{}",
        asked.head
    );
    let wrong = [
        authorization("ann", "Secret"),
        authorization("ann", ""),
        authorization("bob", "secret"),
        authorization("", "secret"),
        "Authorization: Basic !!!!\r\n".to_owned(),
        "Authorization: Bearer YW5uOnNlY3JldA==\r\n".to_owned(),
        authorization("ann", "secret").repeat(2),
        authorization(&"n".repeat(300), "secret"),
        authorization("ann", &"p".repeat(600)),
        authorization("ann", "secret\0"),
    ];
    for fields in &wrong {
        assert_eq!(running.ask("/", fields).status, 401, "{fields} {}", running.edge.log());
    }
    assert_eq!(running.backend.requests(), 0, "none of them came to the application");
    let response = running.login("ann", "secret");
    assert_eq!(response.status, 200, "{}", running.edge.log());
    let seen = response.text().into_owned();
    assert!(seen.contains("\nX-User: ann\r\n") && !seen.to_lowercase().contains("authorization"), "{seen}");
    assert_eq!(running.ask("/open/x", "").status, 200);
    let log = running.edge.log();
    assert!(log.contains("event=login-failed client=127.0.0.1 ") && log.contains(" user=bob"), "{log}");
    assert!(!log.contains("secret") && !log.contains("Secret"), "no password is in the log: {log}");
    assert!(running.edge.counter("dispatch", "logins_failed") > 0);
}

#[test]
fn the_name_of_a_user_comes_from_fosse_alone_however_a_client_spells_the_header() {
    let running = Running::new(
        &format!("{ANN}\n"),
        "users_file = \"users\"\nuser_header = \"X-User\"\nkeep_authorization = true",
    );
    let lies = "X-User: root\r\nx-USER: root\r\nX_User: root\r\nX.User: root\r\n";
    let response = running.ask("/", &format!("{lies}{}", authorization("ann", "secret")));
    let seen = response.text().into_owned();
    assert!(seen.contains("\nX-User: ann\r\n") && !seen.contains("root"), "{seen}");
    assert!(seen.contains("\nAuthorization: Basic "), "kept: {seen}");
}

#[test]
fn networks_that_need_no_password_are_let_in_without_one() {
    let networks = "users_file = \"users\"\nuser_header = \"X-User\"\nanonymous_networks = [\"127.0.0.0/8\"]";
    let running = Running::new(&format!("{ANN}\n"), networks);
    let response = running.ask("/", "X-User: root\r\n");
    assert_eq!(response.status, 200);
    assert!(!response.text().contains("X-User"), "{}", response.text());
    running.edge.reload(&configuration(&running.backend, &networks.replace("127.0.0.0/8", "192.0.2.0/24")));
    assert_eq!((running.ask("/", "").status, running.status("ann", "secret")), (401, 200));
}

#[test]
fn what_fosse_password_prints_is_a_user_and_a_change_of_the_file_is_a_reload() {
    let bcrypt = line("bob", "of bob", &["--bcrypt", "5"]);
    assert!(bcrypt.starts_with("bob:$2b$05$"), "{bcrypt}");
    let argon = line("carl", "p\u{e4}sswort: 1", &[]);
    assert!(argon.starts_with("carl:$argon2id$v=19$m="), "{argon}");
    let running = Running::new(&format!("{ANN}\n{bcrypt}{argon}"), "users_file = \"users\"");
    for (name, password) in [("ann", "secret"), ("bob", "of bob"), ("carl", "p\u{e4}sswort: 1")] {
        assert_eq!(running.status(name, password), 200, "{name} {}", running.edge.log());
        assert_eq!(running.status(name, "another"), 401);
    }
    let checks = || running.edge.counter("password", "checks");
    let before = checks();
    for _ in 0..20 {
        assert_eq!(running.status("carl", "p\u{e4}sswort: 1"), 200);
    }
    assert_eq!(checks(), before, "it is remembered");
    write_users(running.edge.dir(), &format!("{ANN}\n{bcrypt}"));
    let reload = running.edge.fosse(&["reload"]);
    assert!(reload.status.success());
    assert_eq!((running.status("carl", "p\u{e4}sswort: 1"), running.status("ann", "secret")), (401, 200));
    wait_for("one process", || (running.edge.children_of("password").len() == 1).then_some(()));
    running.edge.reload(&configuration(&running.backend, &format!("users = [\"{ANN}\"]")));
    assert_eq!(running.status("ann", "secret"), 200);
}

#[test]
fn a_file_that_is_not_as_it_should_be_is_refused_with_its_line() {
    let running = Running::new(&format!("{ANN}\n"), "users_file = \"users\"");
    let (dir, file) = (running.edge.dir(), running.edge.dir().join("fosse.toml"));
    let refusal = |text: &str| {
        write_users(dir, text);
        let check = fosse(&["check", file.to_str().unwrap()]);
        assert!(!check.status.success());
        String::from_utf8_lossy(&check.stderr).into_owned()
    };
    let said = refusal(&format!("{ANN}\nbob:plain secret\ncarl:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00\n"));
    assert!(said.contains("users:2: this is no hash of a password;") && !said.contains("plain secret"), "{said}");
    assert!(said.contains("users:3: MD5 (apr1) is guessed by the billion a second; make another one with"), "{said}");
    assert!(refusal("").contains("users: it has no users"));
    write_users(dir, &format!("{ANN}\n"));
    fs::set_permissions(dir.join("users"), fs::Permissions::from_mode(0o644)).unwrap();
    let check = fosse(&["check", file.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&check.stderr).contains("users: everybody may read it"));
    assert_eq!(running.status("ann", "secret"), 200, "what serves goes on");
}

/// A hash that takes a quarter of a second.
fn slow() -> String {
    line("slow", "of slow", &["--bcrypt", "12"])
}

#[test]
fn a_flood_of_guesses_costs_its_source_and_stalls_nobody() {
    if !is_root() {
        return println!("skipped: needs root, for addresses of its own");
    }
    let running = Running::new(&format!("{ANN}\n{}", slow()), "users_file = \"users\"");
    let guess = |number: u32| {
        let fields = authorization(&format!("user{number}"), "guess");
        format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n")
    };
    // Many more at once than one source may have waiting, each with another name.
    let mut flood: Vec<Client> = (0..200).map(|_| Client::connect(running.edge.address())).collect();
    for (client, number) in flood.iter_mut().zip(0..) {
        client.send(guess(number).as_bytes());
    }
    // Others of the lane are served, whatever is computed.
    for _ in 0..50 {
        assert_eq!(running.ask("/open/x", "").status, 200);
    }
    // Another source has its turn among the first.
    let fields = authorization("ann", "secret");
    let head = format!("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{fields}\r\n");
    let mut other = connection_from(Ipv4Addr::new(127, 0, 0, 2), running.edge.address());
    other.write_all(head.as_bytes()).unwrap();
    let mut response = String::new();
    other.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response} {}", running.edge.log());
    let statuses: Vec<u16> = flood.iter_mut().map(|client| client.response().status).collect();
    let limited = statuses.iter().filter(|status| **status == 429).count();
    // Those that a busy machine has not looked at in time get 503.
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429 | 503)), "{statuses:?}");
    assert!(limited > 100, "{statuses:?}");
    wait_for("a login of the same source", || (running.status("ann", "secret") == 200).then_some(()));
}

/// Connects from an address of this machine.
fn connection_from(from: Ipv4Addr, edge: SocketAddr) -> TcpStream {
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&fd, &SocketAddr::from((from, 0))).unwrap();
    set_socket_timeout(&fd, Timeout::Recv, Some(WAIT_MAX)).unwrap();
    connect(&fd, &edge).unwrap();
    TcpStream::from(fd)
}

#[test]
fn a_password_that_dies_costs_the_logins_under_way_and_comes_back() {
    let running = Running::new(&format!("{ANN}\n{}", slow()), "users_file = \"users\"");
    let process = wait_for("fosse-password", || running.edge.children_of("password").into_iter().next());
    process.signal(Signal::STOP);
    let mut client = Client::connect(running.edge.address());
    let fields = authorization("slow", "of slow");
    client.send(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n").as_bytes());
    // It has been asked: bytes wait for it.
    wait_for("the question", || (running.edge.counter("dispatch", "streams") == 1).then_some(()));
    process.signal(Signal::KILL);
    let response = client.response();
    assert_eq!(response.status, 503, "{}", running.edge.log());
    wait_for("the next one", || (running.status("ann", "secret") == 200).then_some(()));
    let next = wait_for("the next one", || running.edge.children_of("password").into_iter().next());
    assert_ne!(next.pid, process.pid);
    assert_eq!(running.ask("/open/x", "").status, 200);
    assert_eq!(running.edge.alarms(), Vec::<String>::new());
}
