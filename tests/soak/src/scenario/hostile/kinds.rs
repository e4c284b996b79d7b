//! The ways to be hostile.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use fosse_harness::{WAIT_MAX, sockets};

use super::attack::Attack;
use crate::{
    load::next_id,
    pattern,
    request::{Request, Shape},
    scenario::slow::connect_narrow_from,
};

/// A way to be hostile once.
type Hostile = fn(&Attack);

/// Each is gone again and again until the attack is over.
pub(super) const KINDS: [(&str, Hostile); 11] = [
    ("slow reads", slow_reads),
    ("slow uploads", slow_uploads),
    ("idle connections", idle_connections),
    ("bodies that take time", bodies_that_take_time),
    ("pipelined requests", pipelined_requests),
    ("guessed passwords", guessed_passwords),
    ("targets made up for the cache", made_up_targets),
    ("bodies to be encoded", bodies_to_encode),
    ("slow heads", slow_heads),
    ("refused requests", refused_requests),
    ("connections that come and go", churn),
];

/// Those that one address can be beside one of each other kind.
pub(super) const ALONE: [&str; 8] = [
    "slow reads",
    "slow uploads",
    "idle connections",
    "bodies that take time",
    "pipelined requests",
    "guessed passwords",
    "targets made up for the cache",
    "bodies to be encoded",
];

/// Those of a storm, in which many addresses each do what they may.
pub(super) const STORM: [&str; 5] =
    ["slow heads", "slow uploads", "slow reads", "refused requests", "connections that come and go"];

/// Bytes of a body that takes a good part of a tenth of a second to evaluate.
const LONG_BYTES: u64 = 900_000;
/// Requests with such a body at a time.
const LONG_AT_A_TIME: usize = 8;
/// Requests in one write.
const PIPELINED: usize = 64;

/// Requests at a time for one of the sites below.
const ASKED_AT_A_TIME: usize = 16;

/// The file of those sites.
pub(super) const FILE: &str = "text.txt";

/// The sites that do something beside passing requests on, each before files, and those.
pub(super) const SITES: &str = "[[site]]\nhosts = [\"members.test\"]\nbackend = \"files\"\n[site.basic_auth]\nusers = [\
    \"a:$argon2id$v=19$m=19456,t=2,p=1$qNRi62f+MCS0z7mmr+a1dg$Oaf10r5Dcd9Qw3oDUc44wW9s1uv8b1HQ7PK1uSJWj+8\"]\n\
    [[site]]\nhosts = [\"kept.test\"]\nbackend = \"files\"\ncache = true\ncache_seconds = 60\n\
    [[site]]\nhosts = [\"coded.test\"]\nbackend = \"files\"\ncompress = [\"br\"]\n\
    [[backend]]\nname = \"files\"\nfiles = \"{dir}/files\"\n";

/// Waits until the attack is over or the connections are: what is refused comes again.
fn hold(attack: &Attack, mut step: impl FnMut() -> bool) {
    while !attack.is_over_within(Duration::from_millis(100)) && step() {}
}

fn slow_reads(attack: &Attack) {
    let request = || Request { size: 12 << 20, shape: Shape::Exact, ..Request::small(next_id()) }.bytes();
    let connect = |_| connect_narrow_from(attack.last(), attack.address).ok();
    let mut all: Vec<TcpStream> = (0..attack.count).filter_map(connect).collect();
    all.retain_mut(|stream| stream.write_all(&request()).is_ok());
    attack.begin(all.len());
    let begun = Instant::now();
    hold(attack, || begun.elapsed() < Duration::from_secs(30));
}

fn slow_uploads(attack: &Attack) {
    let head = b"POST /take/1048576/0 HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/plain\r\nContent-Length: 1048576\r\n\r\n";
    let (mut all, part) = (Vec::new(), vec![b'x'; 768 * 1024]);
    for _ in 0..attack.count.div_ceil(5) {
        let Ok(mut stream) = sockets::connect_from(attack.last(), attack.address, WAIT_MAX) else { continue };
        if stream.write_all(head).and_then(|()| stream.write_all(&part)).is_ok() {
            all.push(stream);
            attack.begin(1);
        }
    }
    hold(attack, || {
        all.retain_mut(|stream| stream.write_all(&[b'x'; 64]).is_ok());
        !all.is_empty()
    });
}

fn idle_connections(attack: &Attack) {
    let connect = |_| sockets::connect_from(attack.last(), attack.address, WAIT_MAX).ok();
    let all: Vec<TcpStream> = (0..attack.count).filter_map(connect).collect();
    attack.begin(all.len());
    let begun = Instant::now();
    hold(attack, || begun.elapsed() < Duration::from_secs(10));
}

fn bodies_that_take_time(attack: &Attack) {
    thread::scope(|scope| {
        for _ in 0..LONG_AT_A_TIME {
            scope.spawn(|| {
                let Ok(mut stream) = sockets::connect_from(attack.last(), attack.address, WAIT_MAX) else { return };
                let request = Request::small(next_id());
                let head = format!(
                    "POST /take/{LONG_BYTES}/{id:016x} HTTP/1.1\r\nHost: {host}\r\nX-Id: {id:016x}\r\n\
                     Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {LONG_BYTES}\r\n\r\n",
                    id = request.id,
                    host = request.host(),
                );
                let body = pattern::body(request.id, LONG_BYTES);
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
                attack.begin(1);
                let _ = stream.read(&mut [0; 512]);
            });
        }
    });
}

fn pipelined_requests(attack: &Attack) {
    let Ok(mut stream) = sockets::connect_from(attack.last(), attack.address, WAIT_MAX) else { return };
    let mut bytes = Vec::new();
    (0..PIPELINED).for_each(|_| bytes.extend(Request::small(next_id()).bytes()));
    attack.begin(PIPELINED);
    let _ = stream.write_all(&bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Asks with heads that `request` writes, each by its number, a few at a time and each over a
/// connection of its own.
fn ask_for_long(attack: &Attack, request: impl Fn(u64) -> String + Sync) {
    thread::scope(|scope| {
        for _ in 0..ASKED_AT_A_TIME {
            scope.spawn(|| {
                while !attack.is_over_within(Duration::ZERO) {
                    let Ok(mut stream) = sockets::connect_from(attack.last(), attack.address, WAIT_MAX) else { return };
                    let head = format!("{}Connection: close\r\n\r\n", request(next_id()));
                    let _ = stream.write_all(head.as_bytes());
                    let _ = stream.read_to_end(&mut Vec::new());
                    attack.begin(1);
                }
            });
        }
    });
}

fn guessed_passwords(attack: &Attack) {
    ask_for_long(attack, |id| {
        let guess = base64_of([letter(id), b':', letter(id / 26)]);
        format!("GET /{FILE} HTTP/1.1\r\nHost: members.test\r\nAuthorization: Basic {guess}\r\n")
    });
}

fn made_up_targets(attack: &Attack) {
    ask_for_long(attack, |id| format!("GET /{FILE}?{id} HTTP/1.1\r\nHost: kept.test\r\n"));
}

fn bodies_to_encode(attack: &Attack) {
    ask_for_long(attack, |_| format!("GET /{FILE} HTTP/1.1\r\nHost: coded.test\r\nAccept-Encoding: br\r\n"));
}

fn slow_heads(attack: &Attack) {
    let connect = |_| sockets::connect_from(attack.last(), attack.address, WAIT_MAX).ok();
    let mut all: Vec<TcpStream> = (0..attack.count).filter_map(connect).collect();
    attack.begin(all.len());
    let head = Request::small(next_id()).bytes();
    let mut rest = head[..head.len() - 1].iter();
    hold(attack, || {
        let Some(byte) = rest.next() else { return false };
        all.retain_mut(|stream| stream.write_all(&[*byte]).is_ok());
        !all.is_empty()
    });
}

fn refused_requests(attack: &Attack) {
    const HEADS: [&str; 4] = [
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /?a=%27%20or%201=1--%20<script>alert(1)</script> HTTP/1.1\r\nHost: a\r\n",
    ];
    ask_for_long(attack, |id| HEADS[usize::try_from(id % 4).unwrap()].to_owned());
}

fn churn(attack: &Attack) {
    let begun = thread::scope(|scope| {
        let one = || {
            let mut count = 0;
            while !attack.is_over_within(Duration::ZERO) && count < attack.count {
                let Ok(mut stream) = sockets::connect_from(attack.last(), attack.address, WAIT_MAX) else { break };
                match count % 3 {
                    0 => {}
                    1 => drop(stream.write_all(b"GET / HT")),
                    _ => {
                        let _ = stream.write_all(&Request::small(next_id()).bytes());
                        sockets::reset(&stream);
                    }
                }
                count += 1;
            }
            count
        };
        let all = [(); ASKED_AT_A_TIME].map(|()| scope.spawn(one));
        all.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    attack.begin(begun);
}

fn letter(number: u64) -> u8 {
    b'a' + (number % 26) as u8
}

/// Returns three bytes as the four letters that they are in base64 (RFC 4648, section 4).
fn base64_of(bytes: [u8; 3]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let all = bytes.iter().fold(0_usize, |all, byte| all << 8 | usize::from(*byte));
    [18, 12, 6, 0].iter().map(|place| char::from(LETTERS[all >> place & 63])).collect()
}
