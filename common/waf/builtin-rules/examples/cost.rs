//! What a request costs under the built-in rules: microseconds of CPU per transaction, values
//! different each time.

use std::net::{IpAddr, Ipv4Addr};

use fosse_builtin_rules::{BUILTIN, BUILTIN_NAME};
use fosse_seclang::{Arena, Bundle, Environment, NoStore, Now, Ruleset, Schedule, Scratch, Transaction};

fn main() {
    let mut bundle = Bundle::new();
    bundle.insert(BUILTIN_NAME, BUILTIN);
    let rules = Ruleset::compile(&bundle, BUILTIN_NAME).expect("the built-in rules compile");
    let (mut scratch, mut arena) = (Scratch::default(), Arena::default());
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
    for (name, arguments, fields) in [("tiny GET", 0, 0), ("browser GET, 12 fields, 5 arguments", 5, 10)] {
        let rounds = 20_000u32;
        let before = nanoseconds();
        for n in 0..rounds {
            let query: Vec<String> = (0..arguments).map(|a| format!("name{a}=value+{a}{n}")).collect();
            let uri = format!("/articles/{n}?{}", query.join("&"));
            let line = format!("GET {uri} HTTP/1.1");
            let mut t =
                Transaction::new(&rules, std::mem::take(&mut arena), Now { seconds: 1_700_000_000, elapsed_micros: 0 });
            let (mut schedule, mut store) = (|| Schedule::Go, NoStore);
            let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
            t.connection(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 4000, IpAddr::V4(Ipv4Addr::LOCALHOST), 80);
            t.request_line(line.as_bytes(), b"GET", uri.as_bytes(), b"HTTP/1.1");
            t.header(b"Host", b"www.example.com");
            t.header(b"User-Agent", agent.as_bytes());
            for field in 0..fields {
                t.header(format!("X-Field-{field}").as_bytes(), format!("some value {field} of {n}").as_bytes());
            }
            t.phase1(&mut env);
            t.phase2(&mut env);
            arena = t.finish();
        }
        println!("{name}: {:.1} us", (nanoseconds() - before) / 1e3 / f64::from(rounds));
    }
}

/// Nanoseconds this process was on a CPU.
fn nanoseconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("schedstat");
    text.split_whitespace().next().and_then(|n| n.parse().ok()).expect("nanoseconds")
}
