//! Requests that one server has failed: another one gets them on the terms of fosse.toml(5), no
//! client sees a part of a response that is retried, and no backend gets a multiple of its load.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use fosse_harness::{Client, Dir, Edge, sockets, wait_for};
use rustix::process::Signal;

use crate::app::{App, edge, response, shared, status_of, try_status_of};

/// Servers are never taken out: each request has to find its own way.
const NEVER_OUT: &str = "[backend.health]\nfailures_max = 100\n";

/// Lines of a backend with these terms.
fn terms(lines: &str) -> String {
    format!("retry_budget_percent = 100\nretry_budget_min = 1000\n{NEVER_OUT}[backend.retry]\n{lines}\n")
}

/// Two servers, of which the first one fails in some way, as they are asked by these methods.
/// Returns the statuses, and how many requests each server had.
fn asked(
    fails: impl Fn(&str) -> String + Send + Sync + 'static,
    lines: &str,
    methods: &[&str],
) -> (Vec<u16>, usize, usize) {
    let (fails, app) = (App::start(fails), App::start(|_| response(200, "")));
    let edge = edge(&[&fails.address, &app.address], lines);
    // They take turns: of two requests one begins at the first.
    let statuses = methods.iter().flat_map(|method| [status_of(&edge, method), status_of(&edge, method)]).collect();
    (statuses, fails.requests(), app.requests())
}

#[test]
fn a_status_goes_to_another_server_where_it_is_listed_and_its_client_never_sees_it() {
    for (status, lines, expected) in [
        (503, "status = [\"502-504\"]", [200; 4]),
        (429, "status = [\"502-504\", 429]", [200; 4]),
        (500, "status = [\"502-504\"]", [500, 200, 500, 200]),
    ] {
        let head = format!("HTTP/1.1 {status} x\r\nSet-Cookie: of=the-first\r\n");
        let bodies = [
            "Content-Length: 3\r\n\r\nno\n".to_owned(),
            "Content-Length: 300000\r\n\r\n".to_owned() + &"x".repeat(300_000),
            "Transfer-Encoding: chunked\r\n\r\n3\r\nno\n\r\n0\r\n\r\n".to_owned(),
            "\r\nuntil the end".to_owned(),
            "Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n".to_owned(),
        ];
        for body in bodies {
            let whole = head.clone() + &body;
            let (statuses, ..) = asked(move |_| whole.clone(), &terms(lines), &["GET", "GET"]);
            let mut seen = statuses.clone();
            seen.sort_unstable();
            let mut sorted = expected;
            sorted.sort_unstable();
            assert_eq!(seen, sorted, "{status} {lines} {body:.40}");
        }
    }
}

#[test]
fn the_bytes_of_a_response_that_is_retried_reach_nobody() {
    let (fails, app) = (
        App::start(|_| response(503, "of the first").replace(" x\r\n", " x\r\nX-Of: first\r\n")),
        App::start(|_| response(200, "of the second")),
    );
    let edge = edge(&[&fails.address, &app.address], &terms("status = [503]"));
    for _ in 0..8 {
        let mut client = Client::connect(edge.address());
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
        let response = client.response();
        assert_eq!((response.status, response.text().as_ref()), (200, "of the second"));
        assert_eq!(response.header("x-of"), None);
    }
    assert_eq!((fails.requests(), app.requests()), (4, 8));
    wait_for("the count", || (edge.counter("dispatch", "retries") == 4).then_some(()));
    edge.wait_for_log("event=response-retried");
}

#[test]
fn a_request_with_an_effect_never_reaches_two_servers_unless_the_backend_says_so() {
    let cases = [
        ("status = [503]\nmethods = \"safe\"", [("GET", true), ("PUT", false), ("DELETE", false), ("POST", false)]),
        ("status = [503]", [("GET", true), ("PUT", true), ("DELETE", true), ("POST", false)]),
        ("status = [503]\nmethods = \"any\"", [("GET", true), ("PUT", true), ("DELETE", true), ("POST", true)]),
    ];
    for (lines, methods) in cases {
        for (method, twice) in methods {
            for fails in [response(503, ""), String::new()] {
                let (statuses, first, second) = asked(move |_| fails.clone(), &terms(lines), &[method, method]);
                let (good, reached) = (statuses.iter().filter(|status| **status == 200).count(), first + second);
                assert_eq!((good, reached), if twice { (4, 6) } else { (2, 4) }, "{method} {lines} {statuses:?}");
            }
        }
    }
}

#[test]
fn a_time_out_goes_to_another_server_where_it_is_listed() {
    for (lines, expected) in [("on = [\"timeout\"]", 200), ("on = [\"connect\", \"reset\"]", 504)] {
        let stuck = Arc::new(AtomicBool::new(true));
        let holds = Arc::clone(&stuck);
        let hangs = App::start(move |_| {
            wait_for("the end of the test", || (!holds.load(Ordering::Relaxed)).then_some(()));
            String::new()
        });
        let app = App::start(|_| response(200, ""));
        let lines = format!("first_byte_seconds = 1\n{}", terms(lines));
        let edge = edge(&[&hangs.address, &app.address], &lines);
        let mut statuses = [status_of(&edge, "GET"), status_of(&edge, "GET")];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, expected]);
        stuck.store(false, Ordering::Relaxed);
    }
}

#[test]
fn each_attempt_is_at_another_server_and_there_are_as_many_as_the_terms_permit() {
    for (most, status, reached) in [(2, 503, 2), (3, 503, 3), (4, 200, 4), (64, 200, 4)] {
        let busy = || App::start(|_| response(503, "busy"));
        let (apps, good) = ([busy(), busy(), busy()], App::start(|_| response(200, "")));
        let addresses = [&apps[0].address, &apps[1].address, &apps[2].address].map(String::as_str);
        let lines = terms(&format!("status = [503]\nattempts_max = {most}"))
            + &format!("[[backend.server]]\naddress = \"{}\"\nbackup = true\n", good.address);
        let edge = edge(&addresses, &lines);
        // The spare one takes those that have been to all others.
        assert_eq!(status_of(&edge, "GET"), status, "{most}");
        let requests: Vec<usize> = apps.iter().map(App::requests).collect();
        assert!(requests.iter().all(|count| *count <= 1), "{requests:?}");
        assert_eq!(requests.iter().sum::<usize>() + good.requests(), reached);
    }
}

#[test]
fn the_last_server_is_heard_whatever_it_says() {
    let busy = |name: &'static str| App::start(move |_| response(503, name));
    let (a, b) = (busy("a"), busy("b"));
    let edge = edge(&[&a.address, &b.address], &terms("status = [503]\nattempts_max = 9"));
    let mut client = Client::connect(edge.address());
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().len()), (503, 1), "the application's own page");
    assert_eq!((a.requests(), b.requests()), (1, 1));
}

#[test]
fn a_backend_that_fails_gets_no_multiple_of_its_load() {
    let (a, b) = (App::start(|_| response(503, "")), App::start(|_| response(503, "")));
    let lines = "retry_budget_percent = 20\nretry_budget_min = 5\n[backend.retry]\nstatus = [503]\n";
    let edge = edge(&[&a.address, &b.address], lines);
    let requests = 40;
    (0..requests).for_each(|_| assert_eq!(status_of(&edge, "GET"), 503));
    let extra = a.requests() + b.requests() - requests;
    // A window may end meanwhile: then there are two budgets.
    assert!((5..=2 * 8).contains(&extra), "{extra} retries of {requests} requests");
    wait_for("the counts", || {
        let counts = [edge.counter("dispatch", "retries"), edge.counter("dispatch", "retries_refused")];
        (counts[0] == u64::try_from(extra).unwrap()).then_some(())
    });
    let shown = edge.fosse(&["status"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&format!("\nretries   {extra} sent again, ")), "{shown}");
}

#[test]
fn what_is_beyond_the_budget_gets_the_error_that_is_there() {
    let (fails, app) = (App::start(|_| String::new()), App::start(|_| response(200, "")));
    let lines = format!("retry_budget_percent = 0\nretry_budget_min = 0\n{NEVER_OUT}");
    let edge = edge(&[&fails.address, &app.address], &lines);
    let mut statuses: Vec<u16> = (0..8).map(|_| status_of(&edge, "GET")).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 502, 502, 502, 502]);
    wait_for("the count", || (edge.counter("dispatch", "retries_refused") == 4).then_some(()));
    assert_eq!(edge.counter("dispatch", "retries"), 0);
    edge.wait_for_log("event=retry-budget-used-up backend=app");
    assert_eq!(edge.log().matches("event=retry-budget-used-up").count(), 1, "it is said once");
}

#[test]
fn a_route_has_terms_of_its_own() {
    let (busy, app) = (App::start(|_| response(503, "")), App::start(|_| response(200, "")));
    let text = crate::app::configuration(
        &[&busy.address, &app.address],
        "retry_budget_min = 1000\n[backend.retry]\nstatus = [503]",
    );
    let text = text.replace(
        "backend = \"app\"\n[[backend]]",
        "backend = \"app\"\n[[site.route]]\nprefix = \"/once\"\nretry = false\n[[backend]]",
    );
    let edge = Edge::with_config(&text, &[]);
    let status_at = |path: &str| {
        let mut client = Client::connect(edge.address());
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").as_bytes());
        client.response().status
    };
    assert_eq!([0; 6].map(|_| status_at("/")), [200; 6]);
    let mut once = [0; 6].map(|_| status_at("/once"));
    once.sort_unstable();
    assert_eq!(once, [200, 200, 200, 503, 503, 503]);
}

#[test]
fn a_reload_changes_the_terms_of_new_requests() {
    let (busy, app) = (App::start(|_| response(503, "")), App::start(|_| response(200, "")));
    let servers = [busy.address.as_str(), app.address.as_str()];
    let text = |lines: &str| crate::app::configuration(&servers, lines);
    let edge = Edge::with_config(&text("retry = false"), &[]);
    let mut statuses = [0; 4].map(|_| status_of(&edge, "GET"));
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503]);
    edge.reload(&text("retry = { status = [503] }"));
    assert_eq!([0; 4].map(|_| status_of(&edge, "GET")), [200; 4]);
}

/// A server that takes a part of each request and closes with a reset, whatever its length.
fn resetting() -> (String, Arc<Mutex<Vec<u8>>>, Dir) {
    let dir = Dir::new();
    let (seen, kept) = shared(Vec::new());
    sockets::listen(&dir.join("app.sock"), move |mut stream: UnixStream| {
        let mut some = [0; 16];
        if let Ok(count) = stream.read(&mut some) {
            kept.lock().unwrap().extend_from_slice(&some[..count]);
        }
    });
    (format!("unix:{}", dir.join("app.sock").display()), seen, dir)
}

#[test]
fn a_body_that_is_not_all_at_hand_any_more_goes_to_no_second_server() {
    let ((resets, seen, _dir), app) = (resetting(), App::start(|_| response(200, "")));
    let edge = edge(&[&resets, &app.address], &terms("methods = \"any\""));
    let (short, long) = (1000, 4 << 20);
    for (length, at_hand) in [(short, true), (long, false)] {
        let mut served = 0;
        for _ in 0..4 {
            let mut client = Client::connect(edge.address());
            let head = format!("PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n");
            client.send(head.as_bytes());
            // The server that resets may end it before all of it is sent.
            let _ = client.try_send(&vec![b'x'; length]);
            served += usize::from(client.try_response(false).is_some_and(|response| response.status == 200));
        }
        if at_hand {
            assert_eq!(served, 4, "{length}");
        } else {
            assert!(served <= 2, "{served} of 4");
        }
    }
    assert!(!seen.lock().unwrap().is_empty());
}

#[test]
fn a_server_that_says_503_slowly_costs_its_own_connection_alone() {
    let dir = Dir::new();
    let path = dir.join("slow.sock");
    // The head comes byte by byte, and the body never ends.
    sockets::listen(&path, |mut stream: UnixStream| {
        let mut byte = [0];
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1..) => head.extend_from_slice(&byte),
                _ => return,
            }
        }
        for byte in b"HTTP/1.1 503 Busy\r\nContent-Length: 1000000000\r\n\r\n" {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::yield_now();
        }
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let app = App::start(|_| response(200, "good"));
    let edge = edge(&[&format!("unix:{}", path.display()), &app.address], &terms("status = [503]"));
    (0..10).for_each(|_| assert_eq!(status_of(&edge, "GET"), 200));
    // Nothing of it is kept open.
    wait_for("the connections", || (edge.counter("dispatch", "backend_connections") == 0).then_some(()));
}

#[test]
fn a_lane_that_is_killed_while_it_retries_serves_again() {
    let (busy, app) = (App::start(|_| response(503, "")), App::start(|_| response(200, "")));
    let edge = edge(&[&busy.address, &app.address], &terms("status = [503]"));
    for program in ["dispatch", "connect"] {
        (0..4).for_each(|_| assert!(try_status_of(&edge, "GET").is_some()));
        let process = edge.process(program);
        process.signal(Signal::KILL);
        wait_for("another one", || (edge.process(program).pid != process.pid).then_some(()));
        wait_for("a response", || (try_status_of(&edge, "GET") == Some(200)).then_some(()));
        assert_eq!([0; 4].map(|_| try_status_of(&edge, "GET")), [Some(200); 4], "{program}");
    }
}
