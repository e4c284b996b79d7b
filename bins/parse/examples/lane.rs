//! Joins a parse, a waf-filter (where the directory has one) and a dispatch to a lane and plays
//! everything around it: 64 clients with keep-alive, connect, a backend. For counting: the requests
//! go in lock-step, so two runs of different length differ by nothing but requests.
//!
//! `lane DIRECTORY ROUNDS plain|browser [TOOL ...]`; with `valgrind --tool=callgrind` as the tool
//! (and FOSSE_SANDBOX=off, as valgrind cannot live in the sandbox), (Ir of 2n rounds - Ir of n
//! rounds) / 64 n are the instructions of one request.
//!
//! Under a tool prctl(PR_GET_AUXV) is refused. rustix reads the auxiliary vector by it, and
//! valgrind hands it on to the kernel, whose vector names a vDSO that is not mapped for the
//! program: it would end with SIGSEGV at the first clock_gettime(2). Refused, rustix reads
//! /proc/self/auxv, which valgrind makes up for the program.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::Duration;

use fosse_fdpass::send;
use fosse_settings as blobs;
use fosse_wire::channel::{self, Connection};
use fosse_wire::connect::{ConnectRequest, Outcome, Reply};
use fosse_wire::request::Endpoint;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

const CLIENTS: usize = 64;
/// "AUXV" (linux/prctl.h).
const PR_GET_AUXV: u64 = 0x4155_5856;
const ADDRESS: &str = "127.0.0.1:40000";
const PLAIN: &[u8] = b"GET /1k HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const BROWSER: &[u8] =
    b"GET /1k?q=red+shoes&page=2&sort=price&lang=en-GB&session=3f2a9c7e41 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Referer: http://shop.example/catalogue/shoes?page=1\r\n\
    Cookie: sid=b5f3c0a1d2e34f56; theme=dark; consent=1; cart=17-3,42-1; _ga=GA1.1.123456789.1712345678\r\n\
    Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\
    Upgrade-Insecure-Requests: 1\r\nPriority: u=0, i\r\n\r\n";
const RESPONSE_HEAD: &str = "HTTP/1.1 200 OK\r\nServer: nginx/1.26.3\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
    Content-Type: application/octet-stream\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n\r\n";

fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
}

fn blob(bytes: &[u8]) -> OwnedFd {
    fosse_sys::memfd::sealed("settings", bytes).unwrap()
}

fn spawn(words: &[String], fds: Vec<(u8, OwnedFd)>) -> Child {
    let mut script = String::from("exec \"$0\" \"$@\"");
    let mut kept = Vec::new();
    for (target, fd) in fds {
        let high = rustix::io::fcntl_dupfd_cloexec(fd, 60).unwrap();
        rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty()).unwrap();
        script += &format!(" {target}<&{}", high.as_raw_fd());
        kept.push(high);
    }
    Command::new("/bin/bash").arg("-c").arg(script).args(words).spawn().unwrap()
}

fn parse_settings() -> blobs::Parse {
    blobs::Parse {
        listeners: vec![Default::default()],
        sites: vec![Default::default()],
        default_site: Some(0),
        head_seconds: Duration::from_secs(600),
        body_seconds: Duration::from_secs(600),
        idle_seconds: Duration::from_secs(600),
        write_seconds: Duration::from_secs(600),
        linger: Duration::from_secs(2),
        drain_seconds_max: Duration::from_secs(10),
        head: fosse_settings::HeadLimits {
            head_bytes_max: 32_768,
            target_bytes_max: 8_192,
            header_bytes_max: 16_384,
            header_count_max: 100,
        },
        ..Default::default()
    }
}

fn dispatch_settings() -> blobs::Dispatch {
    let backend = blobs::Backend {
        name: "app".into(),
        server_count: 1,
        connections_max: 256,
        queue_requests_max: 20_000,
        pool_connections_max: 256,
        connect_seconds: Duration::from_secs(600),
        queue_seconds: Duration::from_secs(10),
        first_byte_seconds: Duration::from_secs(600),
        idle_seconds: Duration::from_secs(600),
        pool_idle_seconds: Duration::from_secs(600),
        failures_max: 3,
        rest_seconds: Duration::from_secs(1),
        retry_budget_min: 10,
        ..Default::default()
    };
    blobs::Dispatch {
        sites: vec![blobs::DispatchSite { default: true, ..Default::default() }],
        policies: vec![blobs::DispatchPolicy { action: blobs::Action::Backend(0), ..Default::default() }],
        backends: vec![backend],
        servers: vec![blobs::ServerName {
            name: "app".into(),
            backend: 0,
            weight: 1,
            backup: false,
            health_number: None,
            address_number: None,
            tls: false,
        }],
        lane_held_bytes_max: 1 << 20,
        lane_buffered_bytes_max: 1 << 20,
        lane_response_bytes_max: 1 << 20,
        write_seconds: Duration::from_secs(30),
        response_head_bytes_max: 32_768,
        response_header_bytes_max: 16_384,
        response_header_count_max: 128,
        group: String::new(),
        configuration: 0,
    }
}

fn waf_settings() -> blobs::WafFilter {
    blobs::WafFilter {
        policies: vec![blobs::WafPolicy::default()],
        profiles: vec![blobs::WafProfile { body_bytes_max: 1 << 20, ..Default::default() }],
        lane_held_bytes_max: 1 << 20,
        ..Default::default()
    }
}

/// The programs, and what the world around them holds: accept's end, connect's end.
fn lane(directory: &str, tool: &[String]) -> (Vec<Child>, OwnedFd, OwnedFd) {
    let has_filter = std::path::Path::new(&format!("{directory}/fosse-waf-filter")).exists();
    let (from_parse, parse_out) = pair(SocketType::STREAM);
    let (to_dispatch, filtered) = pair(SocketType::STREAM);
    let (to_parse, parse_in) = pair(SocketType::STREAM);
    let (accept, accept_far) = pair(SocketType::SEQPACKET);
    let (direct, direct_far) = pair(SocketType::SEQPACKET);
    let (connect, connect_far) = pair(SocketType::SEQPACKET);
    let (start, start_far) = pair(SocketType::SEQPACKET);
    let words = |name: &str| [tool, &[format!("{directory}/fosse-{name}")]].concat();
    let settings = blob(&fosse_wire::blob::encode(&parse_settings()).unwrap());
    let parse = vec![(0, parse_in), (1, parse_out), (5, settings), (8, accept_far), (9, direct)];
    let mut children = vec![spawn(&words("parse"), parse)];
    let dispatch_in = if has_filter {
        let settings = blob(&fosse_wire::blob::encode(&waf_settings()).unwrap());
        let filter = vec![(0, from_parse), (1, to_dispatch), (5, settings), (7, start_far)];
        children.push(spawn(&words("waf-filter"), filter));
        filtered
    } else {
        from_parse
    };
    let settings = blob(&fosse_wire::blob::encode(&dispatch_settings()).unwrap());
    let dispatch = vec![(0, dispatch_in), (1, to_parse), (5, settings), (8, direct_far), (9, connect_far)];
    children.push(spawn(&words("dispatch"), dispatch));
    // start only keeps its end.
    std::mem::forget(start);
    (children, accept, connect)
}

/// Replies to every connect request with a connection.
fn connections(connect: &OwnedFd, backends: &mut Vec<UnixStream>) {
    let mut bytes = [0; ConnectRequest::BYTES];
    while let Ok((ConnectRequest::BYTES, _)) = recv(connect, &mut bytes, RecvFlags::DONTWAIT) {
        let tag = ConnectRequest::decode(&bytes).unwrap().tag;
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        send(connect, &Reply { tag, outcome: Outcome::Connected, errno: 0 }.encode(), &[theirs.as_fd()]).unwrap();
        backends.push(ours);
    }
}

/// Refuses prctl(PR_GET_AUXV) to this process and those that it spawns.
fn refuse_auxv() {
    let is_auxv = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, PR_GET_AUXV);
    let rule = SeccompRule::new(vec![is_auxv.unwrap()]).unwrap();
    let refusal = SeccompAction::Errno(libc::EINVAL as u32);
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let rules = [(libc::SYS_prctl, vec![rule])].into();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, architecture).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

#[expect(clippy::too_many_lines, reason = "a lane put together, driven and read off, in order")]
fn main() {
    let words: Vec<String> = std::env::args().collect();
    let [_, directory, rounds, kind, tool @ ..] = &words[..] else {
        panic!("lane DIRECTORY ROUNDS plain|browser [TOOL ...]")
    };
    let request = if kind == "browser" { BROWSER } else { PLAIN };
    let response = [RESPONSE_HEAD.as_bytes(), &[b'x'; 1024]].concat();
    if !tool.is_empty() {
        refuse_auxv();
    }
    let (mut children, accept, connect) = lane(directory, tool);
    let mut clients = Vec::new();
    let mut message = Vec::new();
    for id in 0..CLIENTS {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let peer = Endpoint::from_socket(ADDRESS.parse().unwrap());
        let record = Connection { id: id as u64 + 1, unix: true, peer, ..Default::default() };
        channel::encode(&mut message, channel::Kind::Connections, &[record]);
        send(&accept, &message, &[theirs.as_fd()]).unwrap();
        ours.set_nonblocking(true).unwrap();
        clients.push(ours);
    }
    let mut backends: Vec<UnixStream> = Vec::new();
    let mut bytes = vec![0; 65_536];
    for _ in 0..rounds.parse::<usize>().unwrap() {
        clients.iter_mut().for_each(|client| client.write_all(request).unwrap());
        // All requests are at the backend before the first has its response.
        let mut requested = Vec::new();
        while requested.len() < CLIENTS {
            connections(&connect, &mut backends);
            for (at, backend) in backends.iter_mut().enumerate() {
                if let Ok(count @ 1..) = backend.read(&mut bytes) {
                    assert!(bytes[..count].ends_with(b"\r\n\r\n"));
                    requested.push(at);
                }
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        for at in requested {
            backends[at].write_all(&response).unwrap();
        }
        for client in &mut clients {
            let mut came = 0;
            while !(came > 1024 && bytes[..came].ends_with(b"xxxx")) {
                match client.read(&mut bytes[came..]) {
                    Ok(count @ 1..) => came += count,
                    Ok(_) => panic!("closed: {}", String::from_utf8_lossy(&bytes[..came])),
                    Err(_) => std::thread::sleep(Duration::from_micros(200)),
                }
            }
            assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&bytes[..came]));
        }
    }
    // Without a connect dispatch ends, and the others with it.
    drop(connect);
    children.iter_mut().for_each(|child| drop(child.wait()));
}
