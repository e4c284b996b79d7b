//! fosse-clients: runs the clients of this crate by hand and for the benches.
//!
//! `handshakes` prints in the words of wrk, so that one reader serves both; `rest` keeps its
//! connections until its standard input ends.

#![forbid(unsafe_code)]

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    path::Path,
    process::exit,
    time::{Duration, Instant},
};

use fosse_harness::Backend;

use fosse_clients::{
    attack::{self, HEAD},
    conformance, hellos,
    http2::connection::Target,
    load::{Load, Names, rest},
    peers::{Pages, Peer, raise_descriptors},
    tls::{Group, Wishes},
};

const USAGE: &str = "\
usage: fosse-clients handshakes [OPTION...] ADDRESS
       fosse-clients rest [OPTION...] ADDRESS
       fosse-clients conformance URL
       fosse-clients hellos URL
       fosse-clients attack URL PID [WORDS OF A NAME]
URL: https://HOST:PORT or h2c://HOST:PORT, or nginx, haproxy or fosse, which are then started
options: --name NAME | --names COUNT, --path PATH, --connections N, --seconds N, --resume, --hybrid, --tls12";

fn refuse(why: &str) -> ! {
    eprintln!("fosse-clients: {why}\n{USAGE}");
    exit(100)
}

fn number(word: Option<String>) -> usize {
    word.and_then(|word| word.parse().ok())
        .filter(|number| *number > 0)
        .unwrap_or_else(|| refuse("a number is missing"))
}

fn load(mut words: impl Iterator<Item = String>) -> Load {
    let mut load = Load {
        address: SocketAddr::from(([127, 0, 0, 1], 443)),
        names: Names::One("localhost".into()),
        path: "/1k".into(),
        wishes: Wishes::PLAIN,
        connections: 16,
        time: Duration::from_secs(4),
    };
    let mut text = || words.next().unwrap_or_else(|| refuse("a word is missing"));
    loop {
        match text().as_str() {
            "--name" => load.names = Names::One(text()),
            "--names" => load.names = Names::Many(number(Some(text()))),
            "--path" => load.path = text(),
            "--connections" => load.connections = number(Some(text())),
            "--seconds" => load.time = Duration::from_secs(number(Some(text())) as u64),
            "--resume" => load.wishes.resumes = true,
            "--hybrid" => load.wishes.group = Group::Hybrid,
            "--tls12" => load.wishes.is_old = true,
            address => {
                load.address = address.parse().unwrap_or_else(|_| refuse(&format!("no address and port: {address}")));
                return load;
            }
        }
    }
}

fn handshakes(load: &Load) {
    let begun = Instant::now();
    let mut done = load.run();
    let (count, seconds) = (done.times.len(), begun.elapsed().as_secs_f64());
    for share in [0.5, 0.99] {
        println!("     {:.0}%  {}us", share * 100.0, done.quantile(share).as_micros());
    }
    println!("  {count} requests in {seconds:.2}s, {} resumed", done.resumed);
    if done.bad > 0 {
        println!("  Socket errors: connect {}, read 0, write 0, timeout 0", done.bad);
        println!("  the first: {}", done.why.unwrap_or_default());
    }
    #[expect(clippy::cast_precision_loss)]
    let rate = count as f64 / seconds;
    println!("Requests/sec: {rate:.2}");
}

fn target(url: Option<String>) -> Target {
    url.and_then(|url| Target::of_url(&url)).unwrap_or_else(|| refuse("a URL with a port of 127.0.0.1 is missing"))
}

fn conformance(url: Option<String>) {
    let app = Backend::start();
    let peer = started(url.as_deref(), app.path());
    let target = &peer.as_ref().map_or_else(|| target(url), Peer::target);
    for (name, came, allowed) in conformance::run(target, |_| None) {
        println!("{} {name}: {came} ({allowed})", if conformance::fits(&came, allowed) { "ok " } else { "NOT" });
    }
}

fn hellos(url: Option<String>) {
    let app = Backend::start();
    let peer = started(url.as_deref(), app.path());
    let target = &peer.as_ref().map_or_else(|| target(url), Peer::target);
    for row in hellos::rows() {
        let came = hellos::play(target, row, row.2).unwrap_or_else(|error| refuse(&error.to_string()));
        println!("{} {}: {came} ({})", if hellos::fits(&came, row.2) { "ok " } else { "NOT" }, row.0, row.2);
    }
}

/// The time of each attack.
const ATTACK: Duration = Duration::from_secs(4);

fn attack(mut words: impl Iterator<Item = String>) {
    let url = words.next();
    let app = Pages::start().unwrap_or_else(|| refuse("nginx is the application"));
    let peer = started(url.as_deref(), &app.path());
    let target = peer.as_ref().map_or_else(|| target(url), Peer::target);
    let pid = words.next().and_then(|word| word.parse().ok()).or(peer.as_ref().map(Peer::pid));
    let wanted = words.next().unwrap_or_default();
    println!("{HEAD}");
    for attack in
        attack::all().iter().filter(|attack| attack.name.contains(&wanted) && (target.has_tls || attack.has_streams))
    {
        println!("{}", attack.run(&target, pid, ATTACK));
    }
}

fn started(name: Option<&str>, app: &Path) -> Option<Peer> {
    match name {
        Some("nginx") => Peer::nginx(app),
        Some("haproxy") => Peer::haproxy(app),
        Some("fosse") => Some(Peer::fosse(app)),
        _ => None,
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    raise_descriptors();
    match words.next().as_deref() {
        Some("handshakes") => handshakes(&load(words)),
        Some("rest") => {
            let load = load(words);
            let _streams = rest(&load, load.connections).unwrap_or_else(|error| refuse(&error.to_string()));
            println!("resting");
            let _ = io::stdout().flush();
            let _ = io::stdin().read_to_end(&mut Vec::new());
        }
        Some("conformance") => conformance(words.next()),
        Some("hellos") => hellos(words.next()),
        Some("attack") => attack(words),
        _ => refuse("what to do?"),
    }
}
