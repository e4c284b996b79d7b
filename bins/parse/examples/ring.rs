//! Plays accept and dispatch for a fosse-parse given on the command line, for measurements with any
//! load generator: listens on 127.0.0.1 and responds to every request with the same body.
//! `ring PROGRAM PORT BODY_BYTES`

use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use fosse_eventloop::{EventLoop, Events, Interest};
use fosse_fdpass::{Received, receive, send};
use fosse_stage::{Input, Output};
use fosse_wire::channel::{self, Connection};
use fosse_wire::frame::Hello;
use fosse_wire::request::BodyLength;
use fosse_wire::response::{ResponseEnd, ResponseHead};
use fosse_wire::{Kind, Outbox, StreamId};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
}

fn spawn(program: &str, fds: &[(u8, OwnedFd)]) -> std::process::Child {
    let mut script = String::from("exec ");
    let mut kept = Vec::new();
    for (target, fd) in fds {
        let high = rustix::io::fcntl_dupfd_cloexec(fd, 60).unwrap();
        rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty()).unwrap();
        script += &format!("{target}<&{} ", high.as_raw_fd());
        kept.push(high);
    }
    script += "; exec \"$0\"";
    Command::new("/bin/bash").arg("-c").arg(script).arg(program).spawn().unwrap()
}

fn respond(out: &mut Outbox, stream: StreamId, body: &[u8]) {
    let length = BodyLength::Exact(body.len() as u64);
    let head = ResponseHead { status: 200, body: length, ..Default::default() };
    out.frame(stream, Kind::Response, |bytes| {
        head.encode_fixed(bytes);
        fosse_wire::fields::put(
            bytes,
            [(&b"Content-Type"[..], &b"text/plain"[..]), (b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT")],
        )
    })
    .unwrap();
    out.data(stream, Kind::ResponseData, body);
    out.frame(stream, Kind::ResponseEnd, |bytes| ResponseEnd::default().encode(bytes)).unwrap();
}

#[expect(clippy::too_many_lines, reason = "one measurement after the other")]
fn main() {
    let words: Vec<String> = std::env::args().collect();
    let listener = TcpListener::bind(("127.0.0.1", words[2].parse::<u16>().unwrap())).unwrap();
    listener.set_nonblocking(true).unwrap();
    let body = vec![b'x'; words[3].parse().unwrap()];
    let settings = fosse_settings::Parse {
        listeners: vec![Default::default()],
        sites: vec![Default::default()],
        default_site: Some(0),
        head_seconds: Duration::from_secs(10),
        body_seconds: Duration::from_secs(10),
        idle_seconds: Duration::from_secs(60),
        write_seconds: Duration::from_secs(10),
        linger: Duration::from_secs(2),
        drain_seconds_max: Duration::from_secs(10),
        head: fosse_settings::HeadLimits {
            head_bytes_max: 32_768,
            target_bytes_max: 8_192,
            header_bytes_max: 16_384,
            header_count_max: 100,
        },
        ..Default::default()
    };
    let (forward, out) = pair(SocketType::STREAM);
    let (back, input) = pair(SocketType::STREAM);
    let (accept, accept_far) = pair(SocketType::SEQPACKET);
    let blob = fosse_sys::memfd::sealed("settings", &fosse_wire::blob::encode(&settings).unwrap()).unwrap();
    let mut child = spawn(&words[1], &[(0, input), (1, out), (5, blob), (8, accept_far)]);
    println!("fosse-parse is process {}", child.id());
    let (mut event_loop, mut events) = (EventLoop::new().unwrap(), Events::new());
    let (mut input, mut output) = (Input::new(forward), Output::new(back, Hello::default()));
    event_loop.add(&input, 1, Interest::IN).unwrap();
    event_loop.add(&listener, 2, Interest::IN).unwrap();
    event_loop.add(&accept, 3, Interest::IN).unwrap();
    let (mut id, mut message, mut closed) = (0, Vec::new(), [0; channel::MESSAGE_BYTES_MAX]);
    'all: loop {
        event_loop.poll_once(&mut events, None).unwrap();
        for event in &events {
            match event.token {
                1 => {
                    if input.read().is_err() {
                        break 'all;
                    }
                    while let Some(frame) = input.next_frame().unwrap() {
                        if frame.kind == Kind::RequestEnd {
                            respond(&mut output.outbox, frame.stream, &body);
                        }
                    }
                }
                2 => {
                    while let Ok((socket, _)) = listener.accept() {
                        socket.set_nodelay(true).unwrap();
                        id += 1;
                        channel::encode(
                            &mut message,
                            channel::Kind::Connections,
                            &[Connection { id, ..Default::default() }],
                        );
                        while send(&accept, &message, &[socket.as_fd()]).is_err() {
                            std::thread::sleep(Duration::from_micros(100));
                        }
                    }
                }
                _ => while let Ok(Received::Message(_)) = receive(&accept, &mut closed, &mut Vec::new()) {},
            }
        }
        output.flush(&event_loop, 9).unwrap();
    }
    child.wait().unwrap();
}
