//! Measures the head of a browser's GET. Times are printed, never asserted:
//! `cargo test --release -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;

use fosse_http1::{HeadLimits, RequestHead, find_head_end};

const BROWSER: &[u8] = b"GET /shop/articles?page=2&sort=price&order=asc&q=garden+chair&utm=mail HTTP/1.1\r\n\
Host: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://www.example.com/shop/\r\n\
Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nUpgrade-Insecure-Requests: 1\r\n\
Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\r\n";

#[test]
#[ignore = "prints a time"]
fn a_browsers_head() {
    const ROUNDS: u32 = 1_000_000;
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        let end = find_head_end(black_box(BROWSER), 0).unwrap().unwrap();
        black_box(RequestHead::parse(&BROWSER[..end], &HeadLimits::DEFAULT).unwrap());
    }
    let took = begin.elapsed() / ROUNDS;
    println!("{} bytes: found, checked and split in {took:?}", BROWSER.len());
}
