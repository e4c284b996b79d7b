//! A whole edge before servers that speak TLS: who is believed, and what is whole.

mod hostile;
mod server;

use fosse_harness::{Edge, get, is_root, request, wait_for};
use rustix::process::Signal;

use server::{Made, Server};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// An edge whose only site passes everything to these servers.
fn edge(servers: &str, keys: &str) -> Edge {
    let configuration = format!(
        "uid_base = {{uid_base}}\nlanes = 1\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nwaf = \"off\"\nbody_bytes_max = 20000000\n\
         [[backend]]\nname = \"app\"\nservers = [{servers}]\n{keys}\n"
    );
    Edge::with_config(&configuration, &[])
}

fn skipped() -> bool {
    if !is_root() {
        println!("skipped: needs root");
    }
    !is_root()
}

#[test]
fn requests_and_responses_pass_over_connections_that_are_kept() {
    if skipped() {
        return;
    }
    let made = Made::new();
    let server = Server::start(&made, "localhost", &[]);
    let edge = edge(
        &format!("\"https://localhost:{}\"", server.port()),
        &format!("[backend.tls]\nca_file = \"{}\"", made.path("ca.pem")),
    );
    for _ in 0..20 {
        let response = get(edge.address(), "/");
        assert_eq!((response.status, &*response.text()), (200, "hello"), "{}", edge.log());
    }
    assert_eq!(server.names(), ["localhost"], "one connection, whose server was asked for by its name");
    // 10 MiB go through each way, in pieces that no buffer holds.
    let body = "x".repeat(10 << 20);
    let post = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert!(request(edge.address(), post).body == body.as_bytes());
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_not_spoken_with() {
    if skipped() {
        return;
    }
    let (made, others) = (Made::new(), Made::new());
    let cases: [(&Made, &str, &[&str], &str); 4] = [
        (&others, "localhost", &[], "untrusted-certificate"),
        (&made, "other.example", &[], "wrong-certificate-name"),
        (&made, "localhost", &["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"], "expired-certificate"),
        (&made, "", &[], "handshake-failed"),
    ];
    for (signer, name, words, why) in cases {
        let server = Server::start(signer, name, words);
        let edge = edge(
            &format!("\"https://localhost:{}\"", server.port()),
            &format!("[backend.tls]\nca_file = \"{}\"", made.path("ca.pem")),
        );
        assert_eq!(get(edge.address(), "/").status, 502, "{why}\n{}", edge.log());
        edge.wait_for_log(&format!("why={why}"));
        assert_eq!(server.requests(), 0, "{why}: it was told something");
        if name == "localhost" {
            // The same one is spoken with where the configuration says so, which the log says too.
            let edge = self::edge(&format!("\"https://localhost:{}\"", server.port()), "[backend.tls]\nverify = false");
            assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
            edge.wait_for_log("event=server-unverified backend=app name=localhost");
        }
    }
}

#[test]
fn a_server_is_asked_for_and_known_by_the_name_that_the_configuration_gives_it() {
    if skipped() {
        return;
    }
    let made = Made::new();
    let server = Server::start(&made, "app.example", &[]);
    let edge = edge(
        &format!("\"https://127.0.0.1:{}\"", server.port()),
        &format!("[backend.tls]\nca_file = \"{}\"\nserver_name = \"app.example\"", made.path("ca.pem")),
    );
    assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
    assert_eq!(server.names(), ["app.example"]);
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_where_tls_says_so() {
    if skipped() {
        return;
    }
    let made = Made::new();
    let server = Server::start(&made, "localhost", &[]);
    let edge = edge(
        &format!("\"https://localhost:{}\"", server.port()),
        &format!("[backend.tls]\nca_file = \"{}\"", made.path("ca.pem")),
    );
    let ask = |path: &str| {
        let mut client = fosse_harness::Client::connect(edge.address());
        client.send(GET.replace("GET /", &format!("GET {path}")).as_bytes());
        String::from_utf8_lossy(&client.rest()).into_owned()
    };
    // The last chunk is what says to a client that all is there.
    let whole = ask("/until-close");
    assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with("0\r\n\r\n"), "{whole}\n{}", edge.log());
    let cut = ask("/cut");
    assert!(cut.starts_with("HTTP/1.1 200") && cut.contains("half"), "{cut}\n{}", edge.log());
    assert!(!cut.ends_with("0\r\n\r\n"), "{cut}");
}

#[test]
fn a_connect_tls_that_is_killed_costs_its_connections_and_no_part_looks_whole() {
    if skipped() {
        return;
    }
    let made = Made::new();
    let server = Server::start(&made, "localhost", &[]);
    let edge = edge(
        &format!("\"https://localhost:{}\"", server.port()),
        &format!("[backend.tls]\nca_file = \"{}\"", made.path("ca.pem")),
    );
    assert_eq!(get(edge.address(), "/").status, 200);
    let (lane, connect) = (edge.process("dispatch").pid, edge.process("connect").pid);
    for _ in 0..3 {
        // A response without a length is under way, and its server says nothing more.
        let mut client = fosse_harness::Client::connect(edge.address());
        client.send(GET.replace("GET /", "GET /hold").as_bytes());
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains("held") {
            said.extend(client.bytes(1));
        }
        let killed = edge.process("connect-tls");
        assert!(killed.signal(Signal::KILL));
        said.extend(client.rest());
        assert!(!String::from_utf8_lossy(&said).ends_with("0\r\n\r\n"), "{}", String::from_utf8_lossy(&said));
        wait_for("another connect-tls", || {
            edge.processes().into_iter().find(|one| one.program == "connect-tls" && one.pid != killed.pid)
        });
        wait_for("a response", || (get(edge.address(), "/").status == 200).then_some(()));
    }
    assert_eq!((edge.process("dispatch").pid, edge.process("connect").pid), (lane, connect), "the lane goes on");
}

#[test]
fn health_checks_speak_tls_too() {
    if skipped() {
        return;
    }
    let made = Made::new();
    let (good, bad) = (Server::start(&made, "localhost", &[]), Server::start(&made, "other.example", &[]));
    let edge = edge(
        &format!("\"https://localhost:{}\", \"https://localhost:{}\"", good.port(), bad.port()),
        &format!(
            "[backend.tls]\nca_file = \"{}\"\n[backend.health]\npath = \"/\"\ninterval_seconds = 1\nfailures_max = 1\npasses_min = 1",
            made.path("ca.pem")
        ),
    );
    edge.wait_for_log("no connection: wrong-certificate-name");
    wait_for("a check", || (good.requests() > 0).then_some(()));
    assert_eq!(bad.requests(), 0);
    assert_eq!(get(edge.address(), "/").status, 200, "{}", edge.log());
}
