//! Whoever has many requests lets those of others in between: at a server, and where rules are
//! evaluated.

use std::{fs, io::Write as _, net::TcpStream};

use fosse_harness::{Dir, Edge, WAIT_MAX, sockets, wait_for};
use fosse_security::{Puppet, respond};
use rustix::process::Signal;

/// Requests of one client that are there before another client asks.
const MANY: u64 = 8;

fn ask_from(last: u8, request: &[u8], edge: &Edge) -> TcpStream {
    let mut stream = sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap();
    stream.write_all(request).unwrap();
    stream
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n").into_bytes()
}

/// Responds to requests until the other client's has come: how many came before it.
fn come_before(application: &Puppet) -> usize {
    let mut before = 0;
    loop {
        let (mut stream, head) = application.request();
        respond(&mut stream);
        if head.contains(" /one ") {
            return before;
        }
        before += 1;
    }
}

#[test]
fn a_client_whose_requests_fill_the_queue_of_a_server_lets_that_of_another_in_after_one() {
    let application = Puppet::new();
    let edge = Edge::with_config(
        &format!(
            "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nwaf = \"off\"\nbackend = \"app\"\n\
             [[backend]]\nname = \"app\"\nservers = [\"{}\"]\nconnections_max = 1\nqueue_seconds = 600\n",
            application.address()
        ),
        &[],
    );
    let many: Vec<TcpStream> = (0..MANY).map(|_| ask_from(2, &get("/many"), &edge)).collect();
    wait_for("all of them", || (edge.counter("dispatch", "requests") == MANY).then_some(()));
    let one = ask_from(3, &get("/one"), &edge);
    wait_for("the other one", || (edge.counter("dispatch", "requests") == MANY + 1).then_some(()));
    // The one that was there, and the one whose turn it was.
    let before = come_before(&application);
    assert!(before <= 2, "{before} requests of the other client came first");
    drop((many, one));
}

/// Rules that need many turns of the filter for each request.
fn slow_rules() -> String {
    let mut text = "SecRequestBodyAccess On\n".to_owned();
    for number in 1..=1000 {
        text.push_str(&format!(
            "SecRule ARGS \"@rx [a-f]+[0-9]+[g-z]+ [0-9]{{{number}}}\" \"id:{number},phase:2,deny,t:none\"\n"
        ));
    }
    text
}

/// A form that the rules are slow over.
fn slow(target: &str) -> Vec<u8> {
    let body = [b"a=".to_vec(), b"abc123xyz+".repeat(1_300)].concat();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

#[test]
fn a_client_whose_requests_fill_the_time_for_rules_lets_that_of_another_in_between() {
    let (application, files) = (Puppet::new(), Dir::new());
    fs::write(files.join("slow.conf"), slow_rules()).unwrap();
    let configuration = format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"app\"\n\
         rules = [\"{}\"]\nrules_milliseconds_max = 10000\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        files.join("slow.conf").display(),
        application.address()
    );
    let edge = Edge::with_config(&configuration, &["--dir", &files.path().to_string_lossy()]);
    // What start has to say at first is said.
    let first = ask_from(2, &get("/first"), &edge);
    respond(&mut application.request().0);
    // All of them are there before the first is evaluated, however slow this machine is.
    let (start, filter) = (edge.start(), edge.process("waf-filter"));
    assert!(start.signal(Signal::STOP) && filter.signal(Signal::STOP));
    let many: Vec<TcpStream> = (0..MANY).map(|_| ask_from(2, &slow("/many"), &edge)).collect();
    let one = ask_from(3, &slow("/one"), &edge);
    wait_for("all of them", || (edge.counter("parse", "requests") == MANY + 2).then_some(()));
    assert!(filter.signal(Signal::CONT) && start.signal(Signal::CONT));
    // As long as theirs, it has half of the time, and each of theirs a part of the other half.
    let before = come_before(&application);
    assert!(before <= 1, "{before} requests of the other client came first");
    drop((first, many, one));
}
