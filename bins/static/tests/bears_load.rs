//! Many requests, slow clients, and connections that break: others do not notice.

mod site;

use std::io::{Read, Write};

use site::{Reply, Site, pattern, write};

fn sample() -> Site {
    Site::new(|root| {
        write(root, "a.txt", "0123456789");
        write(root, "big.bin", pattern(8_000_000));
    })
}

const GET: &[u8] = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// Reads responses to `GET` off a stream, and says how many.
fn count_responses(stream: &mut impl Read, expected: usize) {
    let (mut all, mut buffer, mut seen) = (Vec::new(), vec![0; 1 << 16], 0);
    while seen < expected {
        let count = stream.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "closed after {seen} responses");
        all.extend_from_slice(&buffer[..count]);
        while let Some(at) = all.windows(4).position(|four| four == b"\r\n\r\n") {
            if all.len() < at + 14 {
                break;
            }
            assert!(all.starts_with(b"HTTP/1.1 200 OK\r\n"));
            assert_eq!(&all[at + 4..at + 14], b"0123456789");
            all.drain(..at + 14);
            seen += 1;
        }
    }
    assert!(all.is_empty());
}

#[test]
fn one_connection_carries_ten_thousand_requests() {
    let site = sample();
    let mut stream = site.connect();
    for _ in 0..10_000 {
        stream.write_all(GET).unwrap();
        count_responses(&mut stream, 1);
    }
    site.ends_well();
}

#[test]
fn responses_to_a_pipeline_come_in_order_however_it_is_cut() {
    let site = sample();
    let mut stream = site.connect();
    let mut writer = stream.try_clone().unwrap();
    let pipeline = GET.repeat(5000);
    let written = std::thread::spawn(move || {
        for part in pipeline.chunks(997) {
            writer.write_all(part).unwrap();
        }
    });
    count_responses(&mut stream, 5000);
    written.join().unwrap();
    let mut stream = site.connect();
    for byte in GET.repeat(3) {
        stream.write_all(&[byte]).unwrap();
    }
    count_responses(&mut stream, 3);
    stream.write_all(b"\r\n").unwrap();
    stream.write_all(GET).unwrap();
    count_responses(&mut stream, 1);
    site.ends_well();
}

#[test]
fn a_pipeline_of_large_files_comes_whole() {
    let site = sample();
    let mut stream = site.connect();
    stream.write_all(&b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(4)).unwrap();
    stream.write_all(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let big = pattern(8_000_000);
    let mut rest = all.as_slice();
    for _ in 0..4 {
        let reply = Reply::of(rest);
        assert!(reply.body[..big.len()] == big);
        rest = &rest[reply.head.len() + big.len()..];
    }
    assert_eq!(Reply::of(rest).body, b"0123456789");
    site.ends_well();
}

#[test]
fn readers_that_stop_and_clients_that_break_off_cost_nobody_else_anything() {
    let site = sample();
    let mut slow: Vec<_> = (0..200).map(|_| site.connect()).collect();
    for (number, stream) in slow.iter_mut().enumerate() {
        let bytes: &[u8] = match number % 3 {
            0 => b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n",
            1 => b"GET /a.txt HT",
            _ => b"",
        };
        stream.write_all(bytes).unwrap();
    }
    for _ in 0..100 {
        let mut gone = site.connect();
        gone.write_all(&b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3)).unwrap();
    }
    // Whoever waited for one of them would wait for ever: they read nothing before these are done.
    for _ in 0..200 {
        assert_eq!(site.get("/a.txt", "").status, 200);
    }
    let mut all = Vec::new();
    slow[0].write_all(b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    slow[0].read_to_end(&mut all).unwrap();
    assert!(Reply::of(&all).body.starts_with(&pattern(8_000_000)), "a slow reader gets its file when it reads");
    site.ends_well();
}

#[test]
fn a_file_cut_short_under_a_reader_never_looks_complete() {
    let site = sample();
    let mut stream = site.connect();
    stream.write_all(b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut first = vec![0; 1000];
    stream.read_exact(&mut first).unwrap();
    write(&site.root(), "big.bin", "short");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.len() < 7_999_000, "{} bytes", rest.len());
    assert_eq!(site.get("/big.bin", "").body, b"short");
    site.ends_well();
}

#[test]
fn a_head_that_does_not_end_in_time_is_answered_408() {
    let site = sample();
    let mut stream = site.connect();
    stream.write_all(b"GET /a.txt HTTP/1.1\r\nHo").unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(Reply::of(&all).status, 408);
    site.ends_well();
}

#[test]
fn a_client_of_http_1_0_is_served_as_it_asks() {
    let site = sample();
    let reply = Reply::of(&site.raw(b"GET /a.txt HTTP/1.0\r\nHost: a\r\n\r\n"));
    assert_eq!((reply.status, reply.field("Connection")), (200, Some("close")));
    let mut stream = site.connect();
    let request = b"GET /a.txt HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(request).unwrap();
        let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
        while !seen.ends_with(b"0123456789") {
            let count = stream.read(&mut buffer).unwrap();
            seen.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(Reply::of(&seen).field("Connection"), Some("keep-alive"));
    }
    site.ends_well();
}
