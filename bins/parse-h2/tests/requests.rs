//! Requests of HTTP/2 connections, through a whole edge.

mod lane;

use std::process::Command;

use fosse_harness::Backend;
use lane::{Client, edge, frame};

#[test]
fn the_requests_of_a_connection_are_served_side_by_side() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    client.get(1, "/sleep/300/bytes/10");
    for at in 1..60u32 {
        client.get(at * 2 + 1, &format!("/bytes/{}", at * 700));
    }
    for at in (1..60u32).rev() {
        let one = client.wait(at * 2 + 1);
        assert_eq!((one.status, one.body.len()), (vec![200], usize::try_from(at * 700).unwrap()));
    }
    assert!(!client.streams.contains_key(&1), "the slow one holds nobody up");
    assert_eq!(client.wait(1).body.len(), 10);
    let heard = client.head(121, "GET", "/heard", &[("cookie", "a=b"), ("cookie", "c=d"), ("te", "trailers")], true);
    client.send(&heard);
    let heard = String::from_utf8(client.wait(121).body).unwrap().to_lowercase();
    assert!(heard.starts_with("get /heard http/1.1\n") || heard.starts_with("get /heard http/1.1\r\n"), "{heard}");
    assert!(heard.contains("host: a.example") && heard.contains("cookie: a=b; c=d"), "{heard}");
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn bodies_of_every_size_come_back_as_they_went() {
    let app = Backend::start();
    let edge = edge(&app, "", "waf = \"off\"\nbody_bytes_max = 10000000");
    let mut client = Client::connect(edge.address());
    for (at, length) in (0u32..).zip([0usize, 1, 16_384, 16_385, 70_000, 3_000_000]) {
        let id = at * 2 + 1;
        let body: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let text = length.to_string();
        let announced = [("content-length", text.as_str())];
        let head = client.head(id, "POST", "/body", if at % 2 == 0 { &announced } else { &[] }, length == 0);
        client.send(&head);
        // As much as is allowed, and then as it is granted.
        let (mut sent, mut own, mut all) = (0, 16_384, 65_535 - 16_384);
        while sent < length {
            let here = (length - sent).min(16_384).min(own).min(all);
            if here > 0 {
                let ends = u8::from(sent + here == length);
                client.send(&frame(0, ends, id, &body[sent..sent + here]));
                (sent, own, all) = (sent + here, own - here, all - here);
                continue;
            }
            let update = client.next().expect("the connection goes on");
            if update.kind == 8 {
                let more = u32::from_be_bytes(update.payload[..4].try_into().unwrap());
                let window = if update.stream == 0 { &mut all } else { &mut own };
                *window += usize::try_from(more).unwrap();
            }
        }
        let one = client.wait(id);
        assert_eq!((one.status.last(), one.body.len()), (Some(&200), length));
        assert!(one.body == body, "{length} bytes");
        client = Client::connect(edge.address());
    }
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn what_is_sent_before_the_settings_are_known_waits_for_credit() {
    let app = Backend::start();
    let edge = edge(&app, "", "waf = \"off\"");
    let mut client = Client::connect(edge.address());
    // Three streams and all of the window that a client has by itself, in one write.
    let mut bytes = Vec::new();
    for id in [1, 3, 5] {
        bytes.extend(client.head(id, "POST", "/body", &[], false));
    }
    for (id, length) in [(1, 16_384), (3, 16_384), (1, 16_384), (5, 9), (1, 16_374)] {
        bytes.extend(frame(0, 0, id, &vec![u8::try_from(id).unwrap(); length]));
    }
    bytes.extend([1, 3, 5].into_iter().flat_map(|id| frame(0, 1, id, &[])));
    client.send(&bytes);
    for (id, length) in [(5u32, 9), (3, 16_384), (1, 49_142)] {
        assert_eq!(client.wait(id).body, vec![u8::try_from(id).unwrap(); length]);
    }
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn a_malformed_request_ends_its_stream_and_no_other() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    client.get(1, "/sleep/200/bytes/5");
    for (at, bad) in (0u32..).zip([
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("host", "other.example"),
        ("content-length", "05"),
        ("content_length", "5"),
        ("a", "b\r\nc: d"),
    ]) {
        let head = client.head(at * 2 + 3, "POST", "/", &[bad], true);
        client.send(&head);
        let one = client.wait(at * 2 + 3);
        assert_eq!((one.status.len(), one.reset), (0, Some(1)), "{bad:?}");
    }
    assert_eq!(client.wait(1).body, b"xxxxx");
    assert_eq!(app.requests(), 1, "nothing of them reached the application");
    edge.wait_for_log("event=refused");
}

#[test]
fn refusals_and_denials_are_responses_of_the_stream() {
    let app = Backend::start();
    let edge = edge(&app, "", "methods = [\"GET\", \"POST\"]\nbody_bytes_max = 1000");
    let mut client = Client::connect(edge.address());
    let long = "l".repeat(9000);
    let attack = "/?q=%3Cscript%3Ealert(1)%3C/script%3E";
    for (at, (method, path, more, status)) in (0u32..).zip([
        ("DELETE", "/", ("a", "b"), 405),
        ("POST", "/", ("content-length", "1001"), 413),
        ("GET", attack, ("a", "b"), 403),
        ("GET", long.as_str(), ("a", "b"), 400),
        ("GET", "/status/404", ("a", "b"), 404),
    ]) {
        let ends = status != 413;
        let path = if status == 400 { format!("/{path}") } else { path.to_owned() };
        let head = client.head(at * 2 + 1, method, &path, &[more], ends);
        client.send(&head);
        let one = client.wait(at * 2 + 1);
        if status == 400 {
            assert_eq!(one.status, [414], "{path:.20}");
        } else {
            assert_eq!(one.status, [status], "{method} {path}");
        }
        assert!(one.ended && !one.body.is_empty());
    }
    client.get(101, "/bytes/1");
    assert_eq!(client.wait(101).body, b"x");
}

#[test]
fn clients_that_people_use_are_served() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let url = |path: &str| format!("http://{}{path}", edge.address());
    let run = |program: &str, args: &[&str]| {
        let out = Command::new(program).args(args).output().unwrap_or_else(|why| panic!("{program}: {why}"));
        let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(out.status.success(), "{program}: {text}");
        text
    };
    let curl = ["-sS", "-m", "10", "--http2-prior-knowledge", "-w", "%{http_version} %{http_code}"];
    let said = run("curl", &[&curl[..], &[&url("/chunked/100000"), "-o", "/dev/null"]].concat());
    assert_eq!(said, "2 200");
    let said = run("curl", &[&curl[..], &["-d", "a=b", &url("/body")]].concat());
    assert_eq!(said, "a=b2 200");
    let said = run("nghttp", &["-ns", "-t", "10", &url("/bytes/100000"), &url("/bytes/1")]);
    assert_eq!(said.matches(" 200 ").count(), 2, "{said}");
    let said = run("h2load", &["-n", "2000", "-c", "4", "-m", "20", &url("/bytes/1000")]);
    assert!(said.contains("2000 succeeded, 0 failed"), "{said}");
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn a_response_with_a_rate_takes_its_time_and_holds_no_other_up() {
    let app = Backend::start();
    let route = "[[site.route]]\nprefix = \"/bytes/200000\"\nresponse_bytes_per_second = 100000";
    let edge = edge(&app, "", route);
    let mut client = Client::connect(edge.address());
    let begin = std::time::Instant::now();
    client.get(1, "/bytes/200000");
    for at in 1..20u32 {
        client.get(at * 2 + 1, "/bytes/100000");
        assert_eq!(client.wait(at * 2 + 1).body.len(), 100_000);
    }
    assert!(!client.streams.get(&1).is_some_and(|one| one.ended), "the others were first");
    assert_eq!(client.wait(1).body.len(), 200_000);
    assert!(begin.elapsed() > std::time::Duration::from_millis(1500), "{:?}", begin.elapsed());
    assert_eq!(edge.alarms(), [""; 0]);
}
