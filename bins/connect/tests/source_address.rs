//! Connections to servers come from the addresses that the configuration names, those of checks as
//! well, and from no other where this machine has not got them.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
};

use fosse_harness::{Client, Dir, Edge, get, is_root, wait_for};

/// Set where the test runs in a network of its own.
const OWN_NETWORK: &str = "FOSSE_TEST_OWN_NETWORK";

/// An address that no machine has (RFC 5737).
const OF_NOBODY: &str = "203.0.113.77";

/// An application that says where each connection comes from, and notes where checks do.
struct App {
    port: u16,
    checks: Arc<Mutex<Vec<IpAddr>>>,
}

impl App {
    fn start(address: IpAddr) -> Self {
        let (listener, checks) = (TcpListener::bind((address, 0)).unwrap(), Arc::new(Mutex::new(Vec::new())));
        let (port, noted) = (listener.local_addr().unwrap().port(), Arc::clone(&checks));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || serve(&mut stream, &noted));
            }
        });
        Self { port, checks }
    }

    /// Waits until a check has come from that address.
    fn wait_for_check_from(&self, address: &str) {
        let address: IpAddr = address.parse().unwrap();
        wait_for("a check", || self.checks.lock().unwrap().contains(&address).then_some(()));
    }
}

fn serve(stream: &mut TcpStream, checks: &Mutex<Vec<IpAddr>>) {
    let (mut head, mut byte, from) = (Vec::new(), [0; 1], stream.peer_addr().unwrap().ip());
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1..) => head.extend_from_slice(&byte),
            _ => return,
        }
    }
    if head.starts_with(b"GET /check ") {
        checks.lock().unwrap().push(from);
    }
    let from = from.to_string();
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{from}", from.len());
}

fn configuration(server: &str, sources: &str, lines: &str) -> String {
    format!(
        "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\n\
         waf = \"off\"\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{server}\"]\n\
         source_address = {sources}\n{lines}\n"
    )
}

const CHECKS: &str = "[backend.health]\npath = \"/check\"\ninterval_seconds = 1\nfailures_max = 100";

fn from(address: SocketAddr) -> String {
    let response = get(address, "/");
    format!("{} {}", response.status, response.text())
}

fn skipped() -> bool {
    if !is_root() {
        println!("skipped: needs root");
    }
    !is_root()
}

#[test]
fn requests_and_checks_come_from_the_address_that_is_named_and_from_another_after_a_reload() {
    if skipped() {
        return;
    }
    let app = App::start(Ipv4Addr::LOCALHOST.into());
    let server = format!("127.0.0.1:{}", app.port);
    let edge = Edge::with_config(&configuration(&server, "[\"127.0.0.2\"]", CHECKS), &[]);
    assert_eq!(from(edge.address()), "200 127.0.0.2");
    app.wait_for_check_from("127.0.0.2");
    edge.reload(&configuration(&server, "[\"127.0.0.3\"]", CHECKS));
    assert_eq!(from(edge.address()), "200 127.0.0.3");
    app.wait_for_check_from("127.0.0.3");
    edge.reload(&configuration(&server, "[]", CHECKS));
    assert_eq!(from(edge.address()), "200 127.0.0.1");
    let audit = edge.fosse(&["audit"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[test]
fn the_second_address_of_localhost_is_reached_from_one_of_its_own_family() {
    if skipped() {
        return;
    }
    let app = App::start(Ipv6Addr::LOCALHOST.into());
    let server = format!("localhost:{}", app.port);
    let edge = Edge::with_config(&configuration(&server, "[\"127.0.0.2\", \"::1\"]", ""), &[]);
    assert_eq!(from(edge.address()), "200 ::1");
    // The first address refuses, as nobody listens there, and the second one must not be reached
    // from elsewhere.
    edge.reload(&configuration(&server, "[\"127.0.0.2\", \"2001:db8::77\"]", ""));
    assert_eq!(get(edge.address(), "/").status, 502);
    edge.wait_for_log("why=no-source-address");
}

#[test]
fn an_address_that_this_machine_has_not_got_is_a_failure_of_the_server_and_said() {
    if skipped() {
        return;
    }
    let app = App::start(Ipv4Addr::LOCALHOST.into());
    let server = format!("127.0.0.1:{}", app.port);
    let nobody = format!("[\"{OF_NOBODY}\"]");
    // From there nothing beyond loopback is reached, whatever the address: the application of the
    // test only has to be there for the doctor.
    let edge = Edge::with_config(&configuration(&server, &nobody, "[backend.health]\nfailures_max = 2"), &[]);
    for _ in 0..2 {
        assert_eq!(get(edge.address(), "/").status, 502);
    }
    edge.wait_for_log(
        "why=no-source-address errno=\"Cannot assign requested address (os error 99)\" state=down \
         cure=\"give this machine the address, or correct source_address in fosse.toml(5)\"",
    );
    let doctor = edge.fosse(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        said.contains(&format!("problem  no connection to the servers of app can come from {OF_NOBODY}")),
        "{said}"
    );
    assert!(app.checks.lock().unwrap().is_empty());
}

#[test]
fn checks_that_cannot_come_from_their_address_take_the_server_out() {
    if skipped() {
        return;
    }
    let app = App::start(Ipv4Addr::LOCALHOST.into());
    let server = format!("127.0.0.1:{}", app.port);
    let checks = CHECKS.replace("failures_max = 100", "failures_max = 1");
    let edge = Edge::with_config(&configuration(&server, &format!("[\"{OF_NOBODY}\"]"), &checks), &[]);
    edge.wait_for_log("no connection: no-source-address");
    wait_for("503", || (get(edge.address(), "/").status == 503).then_some(()));
    // What was found out from there says nothing of connections from elsewhere.
    edge.reload(&configuration(&server, "[\"127.0.0.2\"]", &checks));
    app.wait_for_check_from("127.0.0.2");
    assert_eq!(from(edge.address()), "200 127.0.0.2");
}

/// Runs the test of that name in a network of its own that gives out so many ports; false inside of
/// it.
fn is_run_in_own_network(name: &str, ports: &str) -> bool {
    if std::env::var_os(OWN_NETWORK).is_some() {
        return false;
    }
    let this = std::env::current_exe().unwrap();
    let script = format!(
        "ip link set lo up && echo '{ports}' > /proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" --exact {name}"
    );
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", &script])
        .arg(this)
        .env(OWN_NETWORK, "1")
        .output()
        .expect("unshare(1)");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("1 passed"), "{}", text(&output.stdout));
    true
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_port_of_the_address_is_taken_for_one_server_and_free_for_the_others() {
    let name = "a_port_of_the_address_is_taken_for_one_server_and_free_for_the_others";
    if skipped() || is_run_in_own_network(name, "40000 40049") {
        return;
    }
    // Of 50 ports each server takes 30, and all connections are open at once. Clients need none.
    let (apps, open, dir) = ([holding(), holding()], 30, Dir::new());
    let servers = format!("127.0.0.1:{}\", \"127.0.0.1:{}", apps[0], apps[1]);
    let listener = format!("[[listen]]\naddress = \"unix:{}\"\n[[site]]", dir.join("clients").display());
    let configuration = configuration(&servers, "[\"127.0.0.2\"]", "").replace("[[site]]", &listener);
    let edge = Edge::with_config(&configuration, &[]);
    let mut clients: Vec<Client> = (0..2 * open).map(|_| Client::connect_unix(&dir.join("clients"))).collect();
    for client in &mut clients {
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    }
    let connected = || (edge.counter("connect", "connected") >= 2 * open).then_some(());
    wait_for("connections", connected);
    assert_eq!(edge.counter("connect", "failed"), 0);
    assert!(!edge.log().contains("connect-failed"), "{}", edge.log());
}

/// Starts an application that accepts and says nothing. Returns its port, which is none that is
/// given out.
fn holding() -> u16 {
    let listener = (30_000..32_000).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        listener.incoming().flatten().for_each(|stream| held.push(stream));
    });
    port
}
