//! Measures a browser's GET and a response of 1 KiB. Times are printed, never asserted:
//! `cargo test --release -- --ignored --nocapture`.

mod client;

use std::hint::black_box;
use std::time::Instant;

use client::*;
use fosse_hpack::Encoder;
use fosse_http1::{HeadLimits, RequestHead};
use fosse_http2::Event;

const BROWSER: &[(&str, &str)] = &[
    (":method", "GET"),
    (":authority", "www.example.com"),
    (":scheme", "https"),
    (":path", "/shop/articles?page=2&sort=price&order=asc&q=garden+chair&utm=mail"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://www.example.com/shop/"),
    ("cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("priority", "u=0, i"),
];

const RESPONSE: [(&[u8], &[u8]); 6] = [
    (b"Server", b"nginx"),
    (b"Date", b"Mon, 30 Nov 2026 20:00:00 GMT"),
    (b"Content-Type", b"text/html; charset=utf-8"),
    (b"Content-Length", b"1024"),
    (b"ETag", b"\"67f0-400\""),
    (b"Cache-Control", b"public, max-age=60"),
];

/// Rounds from the environment, so that a profiler need not wait.
fn rounds() -> u32 {
    std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000_000)
}

#[test]
#[ignore = "prints a time"]
#[expect(clippy::too_many_lines, reason = "what is measured, in one piece")]
fn a_browsers_request_and_its_response() {
    let mut encoder = Encoder::default();
    let mut block = || {
        let mut out = Vec::new();
        BROWSER.iter().for_each(|(name, value)| encoder.field(&mut out, name.as_bytes(), value.as_bytes()));
        out
    };
    let warm: Vec<Vec<u8>> = (0..3).map(|_| block()).collect();
    let mut client = Client::agreed();
    let body = [b'x'; 1024];
    let one = |client: &mut Client, id: u32, block: &[u8]| {
        let mut bytes = frame(HEADERS, END_STREAM | END_HEADERS, id, block);
        if id % 64 == 1 {
            bytes.extend(window(0, 32 * 1024));
        }
        let mut at = 0;
        loop {
            match client.server.next(&bytes[at..], 1000, &mut client.scratch).unwrap() {
                (0, None) => break,
                (used, None) => at += used,
                (used, Some(Event::Request { place, is_ended, .. })) => {
                    at += used;
                    let head = RequestHead::parse_http2(&client.scratch.text, is_ended, &HeadLimits::DEFAULT).unwrap();
                    black_box(head);
                    client.server.respond(place, 200, RESPONSE.into_iter());
                    client.server.data(place, &body, 1000);
                    client.server.end(place, [].into_iter());
                    client.server.release(place);
                }
                other => panic!("{other:?}"),
            }
        }
        let written = client.server.output().len();
        client.server.advance(written);
        written
    };
    let mut ids = (1u32..).step_by(2);
    for block in &warm {
        one(&mut client, ids.next().unwrap(), block);
    }
    let block = warm.last().unwrap();
    let rounds = rounds();
    let begin = Instant::now();
    let mut written = 0;
    for _ in 0..rounds {
        written = black_box(one(&mut client, ids.next().unwrap(), block));
    }
    println!("{} bytes in, {written} out: {:?}", block.len() + 9, begin.elapsed() / rounds);
}
