//! Servers that others have written: nghttpd.

mod beside;

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use beside::{Beside, Nghttpd, get, response};
use fosse_counters::dispatch_h2 as count;

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn requests_one_after_the_other_and_at_once_share_one_connection() {
    let Some(server) = Nghttpd::start(&[]) else { return };
    let beside = Beside::run(LONG);
    let mut ends: Vec<_> = (0..50).map(|_| beside.exchange(server.address)).collect();
    for _ in 0..3 {
        for end in &mut ends {
            end.write_all(b"GET /hello HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        }
        for end in &mut ends {
            let response = response(end);
            assert!(response.head.starts_with("HTTP/1.1 200 \r\n"), "{}", response.head);
            assert_eq!(response.body, b"hello");
        }
    }
    assert_eq!(beside.stage.count(count::CONNECTIONS), 1);
    assert_eq!(get(&mut ends[0], "/missing").head.split("\r\n").next(), Some("HTTP/1.1 404 "));
}

#[test]
fn a_large_body_comes_whole_in_both_directions() {
    let Some(server) = Nghttpd::start(&["--echo-upload"]) else { return };
    let beside = Beside::run(LONG);
    let mut end = beside.exchange(server.address);
    let large = fs::read(server.dir.join("large")).unwrap();
    assert!(get(&mut end, "/large").body == large);
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", large.len());
    let mut writer = end.try_clone().unwrap();
    let sent = large.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(head.as_bytes()).unwrap();
        writer.write_all(&sent).unwrap();
    });
    assert!(response(&mut end).body == large, "the echo is not what was sent");
    writing.join().unwrap();
    let mut writer = end.try_clone().unwrap();
    let sent = large.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        for part in sent.chunks(70_000) {
            writer.write_all(format!("{:x}\r\n", part.len()).as_bytes()).unwrap();
            writer.write_all(part).unwrap();
            writer.write_all(b"\r\n").unwrap();
        }
        writer.write_all(b"0\r\n\r\n").unwrap();
    });
    assert!(response(&mut end).body == large, "the echo is not what was sent");
    writing.join().unwrap();
    assert!(get(&mut end, "/hello").body == b"hello");
}

#[test]
fn trailers_come_behind_the_body_and_a_response_to_head_has_none() {
    let Some(server) = Nghttpd::start(&["--trailer", "x-sum: 7"]) else { return };
    let beside = Beside::run(LONG);
    let mut end = beside.exchange(server.address);
    // Its responses have a length and announce their trailers by Trailer.
    let response_ = get(&mut end, "/hello");
    assert_eq!((response_.body.as_slice(), response_.trailers.as_str()), (&b"hello"[..], "x-sum: 7\r\n"));
    end.write_all(b"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut end, &mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200 "));
    assert_eq!(get(&mut end, "/hello").body, b"hello");
}

#[test]
fn more_requests_than_a_server_takes_at_a_time_get_further_connections() {
    let Some(server) = Nghttpd::start(&["-m", "5"]) else { return };
    let beside = Beside::run(LONG);
    let mut ends: Vec<_> = (0..23).map(|_| beside.exchange(server.address)).collect();
    for end in &mut ends {
        end.write_all(b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na").unwrap();
    }
    // None is over, so each holds its stream: four more connections are asked for, one at a time.
    for _ in 0..4 {
        let beside::Said::Dial(tag, 0) = beside.said() else { panic!("no connection is asked for") };
        beside.dialled(tag, std::net::TcpStream::connect(server.address).unwrap());
    }
    for end in &mut ends {
        end.write_all(b"b").unwrap();
        assert_eq!(response(end).body, b"hello");
    }
    assert_eq!(beside.stage.count(count::CONNECTIONS), 5);
}
