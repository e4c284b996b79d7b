//! Strict parsing, no request smuggling; one row a requirement.
//!
//! `FOSSE_TEST_URL=http://HOST[:PORT]` points the table at another server (nginx, HAProxy) instead
//! of an edge of its own; only what the RFC asks for is held against that. Its backend should
//! respond 200 to everything.

mod made;
mod responses;
mod rows;
mod uploads;

use std::{
    io::Write,
    net::{SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use fosse_harness::{
    http::{Failed, Framing, Reader},
    sockets::{self, connect},
};
use fosse_soak::{double::recorder::Recorder, site::Setup};
use rows::ROWS;

/// Where all that is expected has come, nothing further is waited for longer than this.
const MORE: Duration = Duration::from_millis(250);
/// What is expected may take this long: no machine is so slow or busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The statuses that come back, in order; `close` where the connection ends without one, `open`
/// where nothing happens. As long as they are not what is expected, more may come.
fn responses(address: SocketAddr, bytes: &[u8], expected: &str) -> Vec<String> {
    let mut socket = connect(address, PATIENCE).unwrap();
    let _ = socket.write_all(bytes);
    let mut reader = Reader::new(socket);
    let mut came: Vec<String> = Vec::new();
    loop {
        match reader.head() {
            Ok(head) if head.status() == 100 => continue,
            Ok(head) => {
                came.push(head.status().to_string());
                let framing = Framing::of(&head).unwrap().unwrap_or(Framing::UntilEnd);
                let none = bytes.starts_with(b"HEAD ") || matches!(head.status(), 204 | 304);
                if !none && reader.body(framing, &mut |_| {}).is_err() {
                    came.push("cut".into());
                }
                let wait = if fits(&came, expected) { MORE } else { PATIENCE };
                reader.source.set_read_timeout(Some(wait)).unwrap();
            }
            Err(Failed::Wrong(why)) => came.push(why),
            Err(Failed::Silent) if came.is_empty() => came.push("open".into()),
            Err(Failed::Cut { .. }) if came.is_empty() => came.push("close".into()),
            Err(_) => return came,
        }
        if came.len() > 4 {
            return came;
        }
    }
}

/// A row, or one that is made.
struct Case {
    name: String,
    bytes: Vec<u8>,
    allowed: &'static str,
    /// What fosse responds where that leaves a choice; empty where it is the same.
    chosen: &'static str,
}

fn cases() -> Vec<Case> {
    let rows = ROWS.iter().map(|row| Case { name: row.0.into(), bytes: row.1.into(), allowed: row.2, chosen: row.3 });
    rows.chain(made::cases()).collect()
}

fn fits(came: &[String], allowed: &str) -> bool {
    let one = |status: &str, want: &str| match want.strip_suffix("xx") {
        Some(class) => status.len() == 3 && status.starts_with(class),
        None => status == want,
    };
    allowed.split('|').any(|way| {
        let way: Vec<&str> = way.split('+').collect();
        way.len() == came.len() && came.iter().zip(way).all(|(status, want)| one(status, want))
    })
}

/// Runs all rows, several at a time; those that got another response.
fn run(address: SocketAddr, host: &str, expected: fn(&Case) -> &'static str) -> Vec<String> {
    let cases = cases();
    let count = cases.len();
    let (next, wrong) = (Arc::new(Mutex::new(cases.into_iter())), Arc::new(Mutex::new(Vec::new())));
    let work = |_| {
        let (next, wrong, host) = (Arc::clone(&next), Arc::clone(&wrong), host.to_string());
        thread::spawn(move || {
            loop {
                let Some(case) = next.lock().unwrap().next() else { return };
                let expected = expected(&case);
                let came = responses(address, &addressed(&case.bytes, &host), expected);
                if !fits(&came, expected) {
                    wrong.lock().unwrap().push(format!("{}: {} and not {expected}", case.name, came.join("+")));
                }
            }
        })
    };
    let threads: Vec<_> = (0..8).map(work).collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    let wrong = wrong.lock().unwrap().clone();
    println!("{} of {count} rows as expected", count - wrong.len());
    wrong
}

/// The row's bytes with the name of the server under test.
fn addressed(bytes: &[u8], host: &str) -> Vec<u8> {
    if host == "a.example" || bytes.windows(9).any(|w| w == b"/smuggled") {
        return bytes.to_vec();
    }
    let (mut out, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(9).position(|w| w == b"a.example") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(host.as_bytes());
        rest = &rest[at + 9..];
    }
    out.extend_from_slice(rest);
    out
}

#[test]
fn every_request_is_answered_as_the_rfc_says() {
    if let Ok(url) = std::env::var("FOSSE_TEST_URL") {
        let authority = url.trim_start_matches("http://").trim_end_matches('/');
        let with_port = if authority.contains(':') { authority.to_string() } else { format!("{authority}:80") };
        let address = with_port.to_socket_addrs().unwrap().next().unwrap();
        let wrong = run(address, authority.split(':').next().unwrap(), |case| case.allowed);
        assert_eq!(wrong, Vec::<String>::new());
        return;
    }
    let edge = Setup { lanes: 1, ..Setup::default() }.start();
    let recorder = Arc::new(Mutex::new(Recorder::default()));
    let serving = Arc::clone(&recorder);
    sockets::listen(&edge.dir().join("a.sock"), move |stream| serving.lock().unwrap().serve(stream.into()));
    let wrong =
        run(edge.address(), "a.example", |case| if case.chosen.is_empty() { case.allowed } else { case.chosen });
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    edge.stop();
    let record = std::mem::take(&mut *recorder.lock().unwrap()).end();
    assert_eq!(record.findings, Vec::<String>::new());
}

#[test]
fn rows_have_names_of_their_own_and_say_what_they_expect() {
    let cases = cases();
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len());
    assert!(cases.iter().all(|case| !case.allowed.is_empty() && !case.bytes.is_empty()));
}
