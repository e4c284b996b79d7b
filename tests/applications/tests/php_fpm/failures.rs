//! PHP-FPM that dies, is slow, is busy, or is none; clients that give up.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use fosse_applications::output;
use fosse_harness::{Client, Edge, get, wait_for};

use crate::pool::{FRONT, Pool};

const FAILING: &str = r#"<?php
switch ($_GET["do"] ?? "") {
case "die": posix_kill(getmypid(), 9); break;
case "die-late": echo str_repeat("x", 100000); flush(); posix_kill(getmypid(), 9); break;
case "hang": @stream_socket_accept(stream_socket_server("tcp://127.0.0.1:0"), 60); break;
case "mark": file_get_contents("php://input"); file_put_contents("/tmp/" . $_GET["name"], "x"); echo "marked"; break;
case "nap": @stream_socket_accept(stream_socket_server("tcp://127.0.0.1:0"), 0.02); echo getmypid(); break;
default: echo getmypid();
}
"#;

fn pool(children: u32) -> Option<Pool> {
    Pool::start(children, &[("index.php", FAILING)])
}

fn status(edge: &Edge, what: &str) -> u16 {
    get(edge.address(), &format!("/?do={what}")).status
}

#[test]
fn a_worker_that_dies_costs_its_request_alone_and_the_client_is_told() {
    let Some(pool) = pool(2) else { return };
    for backend in ["", "pool_connections_max = 2"] {
        let edge = pool.edge("waf = \"off\"", backend, FRONT);
        assert_eq!(status(&edge, "die"), 502);
        let late = get(edge.address(), "/?do=die-late");
        assert!(late.status == 200 && !late.complete, "part of a page looks like one");
        for _ in 0..10 {
            assert_eq!(status(&edge, ""), 200, "{}", edge.log());
        }
        edge.wait_for_log("event=backend-failed");
    }
}

#[test]
fn a_slow_script_gets_its_time_and_no_more() {
    let Some(pool) = pool(2) else { return };
    let edge = pool.edge("", "first_byte_seconds = 1", FRONT);
    assert_eq!(status(&edge, "hang"), 504);
    assert_eq!(status(&edge, ""), 200);
}

#[test]
fn more_requests_than_workers_wait_for_one() {
    let Some(pool) = pool(1) else { return };
    for backend in ["", "pool_connections_max = 1\nconnections_max = 1"] {
        let edge = pool.edge("", backend, FRONT);
        thread::scope(|scope| {
            let all: Vec<_> = (0..16).map(|_| scope.spawn(|| status(&edge, "nap"))).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap() == 200));
        });
        assert_eq!(edge.alarms(), Vec::<String>::new());
    }
}

#[test]
fn workers_that_are_replaced_cost_no_request() {
    let Some(pool) = pool(2) else { return };
    let edge = pool.edge("", "pool_connections_max = 2", FRONT);
    let worker = |edge: &Edge| {
        let response = get(edge.address(), "/");
        assert_eq!(response.status, 200, "{}", edge.log());
        response.text().into_owned()
    };
    let before = worker(&edge);
    let _ = output(Command::new("kill").args(["-USR2", &pool.pid().to_string()]));
    wait_for("new workers", || (worker(&edge) != before).then_some(()));
}

#[test]
fn a_body_that_was_cut_short_runs_no_script() {
    let Some(pool) = pool(2) else { return };
    let edge = pool.edge("waf = \"off\"", "", FRONT);
    let name = |what: &str| format!("fosse-{what}-{}", std::process::id());
    let file = |what: &str| std::path::Path::new("/tmp").join(name(what));
    for (what, rest) in
        [("cut-length", "Content-Length: 9\r\n\r\nabc"), ("cut-chunks", "Transfer-Encoding: chunked\r\n\r\n9\r\nabc")]
    {
        let mut client = Client::connect(edge.address());
        client.send(format!("POST /?do=mark&name={} HTTP/1.1\r\nHost: a\r\n{rest}", name(what)).as_bytes());
        client.half_close();
        let _ = client.rest();
        // One that is whole runs, after whatever the one before has done.
        let mut client = Client::connect(edge.address());
        client.send(
            format!("POST /?do=mark&name={} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", name("whole"))
                .as_bytes(),
        );
        assert_eq!(client.response().text(), "marked");
        assert!(!file(what).exists() && file("whole").exists(), "{what}");
        std::fs::remove_file(file("whole")).unwrap();
    }
}

#[test]
fn a_server_that_speaks_no_fastcgi_gets_502_and_is_said_to() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        for connection in server.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 65_536]);
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let configuration = format!(
        "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\n\
         backend = \"php\"\n[[backend]]\nname = \"php\"\nservers = [\"{address}\"]\n[backend.fastcgi]\nroot = \"/srv\"\n{FRONT}\n"
    );
    let edge = Edge::with_config(&configuration, &[]);
    assert_eq!(get(edge.address(), "/").status, 502);
    edge.wait_for_log("not a record of FastCGI 1");
}
