//! `fosse rules bench`: CPU time of requests of several kinds under the rules; every request has
//! values of its own.

use fosse_args::Args;
use fosse_die::temporary;
use fosse_ftw::{Parsed, parse};
use fosse_seclang::{Arena, Outcome, Ruleset, Scratch};

use super::evaluate::{begin, evaluate};
use super::source::Source;
use crate::PROGRAM;
use crate::output::print;

/// Makes the request with a number.
type Make = fn(u32) -> String;

const KINDS: &[(&str, Make, u32)] = &[
    ("tiny GET", tiny, 3000),
    ("browser GET", browser, 3000),
    ("850-byte form", form, 3000),
    ("11 KB JSON", |n| json(n, 40), 300),
    ("128 KiB JSON", |n| json(n, 470), 40),
    ("1 MiB JSON", |n| json(n, 3800), 5),
];

/// Measures each kind and prints a line for it.
pub(crate) fn run(words: &Args) -> i32 {
    let rules = Source::of(words.values("--rules")).compile("");
    for (name, make, rounds) in KINDS {
        // Memory and caches as they are in a process that has worked.
        measured(&rules, *make, 0, rounds.div_euclid(5).max(1));
        let (micros, denied) = measured(&rules, *make, 1_000_000, *rounds);
        print(&format!("{name:>14} {micros:>10.1} us of CPU, {denied} of {rounds} denied\n"));
    }
    0
}

fn measured(rules: &Ruleset, make: Make, from: u32, rounds: u32) -> (f64, usize) {
    let requests: Vec<Parsed> = (0..rounds).map(|n| parse(make(from + n).as_bytes())).collect();
    let (mut scratch, mut arena, mut denied) = (Scratch::default(), Arena::default(), 0_usize);
    let begun = cpu_nanoseconds();
    for request in &requests {
        let mut transaction = begin(rules, std::mem::take(&mut arena));
        let outcome = evaluate(&mut transaction, request, &mut scratch);
        denied += usize::from(outcome != Outcome::Continue);
        arena = transaction.finish();
    }
    ((cpu_nanoseconds() - begun) / 1e3 / f64::from(rounds), denied)
}

/// Returns the nanoseconds that this thread was on a CPU.
fn cpu_nanoseconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let first = text.split_whitespace().next().and_then(|word| word.parse().ok());
    first.unwrap_or_else(|| temporary(PROGRAM, "no /proc/self/schedstat to measure with"))
}

fn tiny(n: u32) -> String {
    format!("GET /health/{n} HTTP/1.1\r\nHost: example.com\r\nUser-Agent: probe/{n}\r\nAccept: */*\r\n\r\n")
}

/// Returns the fields that a browser sends with every request.
fn fields(n: u32) -> String {
    let version = n % 90 + 40;
    format!(
        "Host: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
         Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n\
         Referer: https://www.example.com/articles/{n}?page=2\r\n\
         Cookie: session=ab{n:030x}; theme=dark; _ga=GA1.2.{n}.1699999999; lang=en; consent=yes{n}\r\n\
         Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n"
    )
}

fn browser(n: u32) -> String {
    let page = n % 20;
    format!(
        "GET /search/results.html?q=garden+furniture+{n}&category=outdoor&page={page}&sort=price-asc&ref=home{n} HTTP/1.1\r\n{}\r\n",
        fields(n)
    )
}

fn post(n: u32, path: &str, kind: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\n{}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", fields(n), body.len())
}

fn form(n: u32) -> String {
    let sentence = format!("Dear+team%2C+I+ordered+two+chairs+last+week+and+only+one+has+arrived+so+far.+Order+{n}.+");
    let body = format!(
        "name=Maria+Schmidt&email=maria{n}%40example.com&phone=%2B49+30+{n}&subject=Question+about+my+order+{n}&message={}\
         &newsletter=on&submit=Send",
        sentence.repeat(8)
    );
    post(n, "/contact", "application/x-www-form-urlencoded", &body)
}

fn json(n: u32, records: u32) -> String {
    let record = |at: u32| {
        format!(
            "{{\"id\":{},\"name\":\"Item number {at}-{n}\",\"price\":{}.99,\"tags\":[\"home\",\"garden{at}\"],\"stock\":{at},\
             \"active\":true,\"sku\":\"SKU-{n}-{at}\",\"note\":\"Delivered within three working days by our own vans, with a call before\",\
             \"color\":\"dark green\",\"weight\":{at}.7}}",
            n + at,
            at % 90
        )
    };
    let body = format!("[{}]", (0..records).map(record).collect::<Vec<_>>().join(","));
    post(n, "/api/items", "application/json", &body)
}
