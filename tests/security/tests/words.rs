//! What the edge says, to clients and in its logs.

use fosse_harness::{Backend, Client, Edge, get, request};

#[test]
fn a_denial_does_not_say_what_was_found() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let denied = get(edge.address(), "/a/..%2f..%2f..%2fetc/passwd");
    assert_eq!(denied.status, 400);
    let said = format!("{}{}", denied.head, denied.text()).to_lowercase();
    for word in ["root", "escape", "rule", "waf", "fosse", "passwd"] {
        assert!(!said.contains(word), "{said}");
    }
    // The number in the answer is the one in the log.
    edge.wait_for_log("event=denied request=");
    let log = edge.log();
    let number = log.split("event=denied request=").nth(1).unwrap().split(' ').next().unwrap();
    assert!(said.contains(number), "{number} is not in {said}");
}

#[test]
fn what_a_client_sends_stays_within_its_line_of_the_log() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    for target in ["/%00?x=%0afosse-start:%20info:%20event=ended", "/%00\u{1b}[2J", "/%00?\"=\\"] {
        let mut client = Client::connect(edge.address());
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n").as_bytes());
        let _ = client.rest();
    }
    assert_eq!(request(edge.address(), "GET /%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").status, 400);
    edge.wait_for_log("target=/%00 ");
    for line in edge.log().lines() {
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
        let first = line.split(' ').next().unwrap();
        assert!(["fosse:", "fosse-start:"].contains(&first) || (first.contains('[') && first.ends_with(']')), "{line}");
        assert!(!line.starts_with("fosse-start: info: event=ended"), "{line}");
    }
}

#[test]
fn addresses_of_ordinary_clients_are_in_no_log_by_default() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    for _ in 0..5 {
        assert_eq!(get(edge.address(), "/secret-path").status, 200);
    }
    let log = edge.log();
    assert!(!log.contains("secret-path") && !log.contains("client="), "{log}");
    let written: Vec<_> =
        std::fs::read_dir(edge.dir().path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(written.iter().all(|name| name == "log" || name == "status.sock"), "{written:?}");
}
