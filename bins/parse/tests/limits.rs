//! Each time limit of fosse.toml(5) for clients ends the one wait that it is for, and no other.

mod lane;

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use fosse_settings::Parse;
use fosse_wire::request::BodyLength;
use fosse_wire::response::ResponseHead;
use fosse_wire::{Kind, StreamId};
use lane::{GET, HELLO, Lane, SOON, expect, readable, rest, say, settings};

/// What a client waits for, or lets wait; the key that limits it has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Head,
    Body,
    Idle,
    Write,
}

const ALL: [Wait; 4] = [Wait::Head, Wait::Body, Wait::Idle, Wait::Write];
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(100);

/// One limit is `its`, and all the others are `others`.
fn limits(of: Wait, its: Duration, others: Duration) -> Parse {
    let of = |wait| if wait == of { its } else { others };
    Parse {
        head_seconds: of(Wait::Head),
        body_seconds: of(Wait::Body),
        idle_seconds: of(Wait::Idle),
        write_seconds: of(Wait::Write),
        ..settings()
    }
}

/// A client in one of the waits, and the stream of its last request.
struct Waiting {
    wait: Wait,
    client: TcpStream,
    stream: StreamId,
}

impl Waiting {
    fn begin(wait: Wait, lane: &mut Lane) -> Self {
        match wait {
            Wait::Head => {
                Self { wait, client: lane.client_saying("GET /x?y HTTP/1.1\r\nHo"), stream: StreamId::CONTROL }
            }
            Wait::Body => {
                let text = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nabc";
                let client = lane.client_saying(text);
                let stream = lane.frame().stream;
                assert_eq!(lane.frame().kind, Kind::RequestData);
                Self { wait, client, stream }
            }
            Wait::Idle => {
                let client = lane.client_saying(GET);
                let stream = lane.request().stream;
                lane.respond(stream, b"hello");
                expect(&client, HELLO);
                Self { wait, client, stream }
            }
            Wait::Write => {
                let client = lane.client_saying(GET);
                let stream = lane.request().stream;
                lane.head(stream, &ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() }, &[]);
                lane.data(stream, &[b'x'; 16 * 1024]);
                Self { wait, client, stream }
            }
        }
    }

    /// Sends as much of the response as parse has room for. Returns the frame that is none of its
    /// credit, where one comes within `wait`.
    fn fill(&self, lane: &mut Lane, wait: Duration) -> Option<Kind> {
        while readable(lane.forward.as_ref().unwrap(), wait) {
            let forward = lane.forward.as_mut().unwrap();
            forward.read().unwrap();
            let mut credit = 0;
            while let Some(frame) = forward.next_frame().unwrap() {
                match frame.kind {
                    Kind::ResponseCredit => credit += frame.credit().unwrap() as usize,
                    kind => {
                        assert_eq!(frame.stream, self.stream);
                        return Some(kind);
                    }
                }
            }
            lane.data(self.stream, &vec![b'x'; credit]);
        }
        None
    }

    /// Its limit is over.
    fn ends(self, lane: &mut Lane) {
        match self.wait {
            Wait::Head => assert!(rest(&self.client).starts_with("HTTP/1.1 408 ")),
            Wait::Body => {
                assert!(rest(&self.client).starts_with("HTTP/1.1 408 "));
                let frame = lane.frame();
                assert_eq!((frame.kind, frame.stream), (Kind::Reset, self.stream));
            }
            Wait::Idle => assert_eq!(rest(&self.client), ""),
            Wait::Write => assert_eq!(self.fill(lane, SOON), Some(Kind::Reset)),
        }
    }

    /// Its limit is not over: what it waited for comes, and is taken.
    fn goes_on(mut self, lane: &mut Lane) {
        match self.wait {
            Wait::Head => {
                say(&self.client, "st: a.example\r\n\r\n");
                lane.request();
            }
            Wait::Body => {
                say(&self.client, "de");
                assert_eq!((lane.frame().kind, lane.frame().kind), (Kind::RequestData, Kind::RequestEnd));
            }
            Wait::Idle => {
                say(&self.client, GET);
                lane.request();
            }
            Wait::Write => {
                lane.end(self.stream, 0);
                let (mut all, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
                while !all.ends_with(b"\r\n0\r\n\r\n") {
                    match self.client.read(&mut bytes) {
                        Ok(count @ 1..) => all.extend_from_slice(&bytes[..count]),
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        cut => panic!("{cut:?} after {} bytes", all.len()),
                    }
                }
            }
        }
    }
}

#[test]
fn a_short_limit_ends_its_wait_where_all_others_are_long() {
    for wait in ALL {
        let mut lane = Lane::new(&limits(wait, SHORT, LONG));
        Waiting::begin(wait, &mut lane).ends(&mut lane);
    }
}

#[test]
fn a_wait_with_a_long_limit_goes_on_where_all_others_are_short() {
    for wait in ALL {
        let mut lane = Lane::new(&limits(wait, LONG, SHORT));
        let waiting = Waiting::begin(wait, &mut lane);
        if wait == Wait::Write {
            // Until neither the client nor the kernel takes any more.
            loop {
                assert_eq!(waiting.fill(&mut lane, Duration::from_millis(100)), None);
                lane.settle();
                if !readable(lane.forward.as_ref().unwrap(), Duration::ZERO) {
                    break;
                }
            }
        }
        for other in ALL.into_iter().filter(|other| *other != wait) {
            Waiting::begin(other, &mut lane).ends(&mut lane);
        }
        waiting.goes_on(&mut lane);
    }
}
