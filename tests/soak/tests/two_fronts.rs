//! Two fronts share the ring of a lane: each has the responses of its own requests, none reaches
//! into the other's, and one that is killed leaves the other alive. The programs are the real ones.

use std::{
    io::{Read, Write},
    os::fd::{AsFd as _, OwnedFd},
    os::unix::net::UnixStream,
    time::Duration,
};

use fosse_harness::{
    Stage, WAIT_MAX, programs,
    sockets::{pair, readable, send_when_free},
    wait_for,
};
use fosse_settings::{Parse, ParseListener, ParsePolicy, ParseSite, WafFilter, WafPolicy, WafProfile};
use fosse_soak::double::{
    hostile_parse, run,
    script::{Script, kind, stream},
};
use fosse_stage::{Input, Output};
use fosse_wire::{
    Kind, StreamId,
    channel::{self, Connection},
    connect::{ConnectRequest, Outcome, Reply},
    frame::Hello,
    request::Endpoint,
    slots::Slots,
};
use rustix::net::SocketType;

/// The programs behind the fronts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Dispatch,
    /// A filter that dispatch does not write to.
    Filter,
    /// A filter that responses pass.
    FilterOfResponses,
}

const ALL: [Behind; 3] = [Behind::Dispatch, Behind::Filter, Behind::FilterOfResponses];

/// The ends of a front's two streams.
type Ends = (OwnedFd, OwnedFd);

/// A lane of which the fronts are still missing, whose connect and servers the test plays.
struct Lane {
    filter: Option<Stage>,
    dispatch: Stage,
    connect: OwnedFd,
    _client_sockets: OwnedFd,
}

/// Descriptors of frames of the first and of the second front, from where the number is counted.
fn put(fds: &mut Vec<(u8, OwnedFd)>, first: u8, second: u8, [one, other]: [OwnedFd; 2]) {
    fds.extend([(first, one), (second, other)]);
}

fn filter_settings() -> WafFilter {
    WafFilter {
        policies: vec![WafPolicy::default()],
        profiles: vec![WafProfile { body_bytes_max: 1 << 20, ..WafProfile::default() }],
        lane_held_bytes_max: 1 << 20,
        ..WafFilter::default()
    }
}

impl Lane {
    fn new(behind: Behind) -> (Self, [Ends; 2]) {
        let (ins, outs) = ([(); 2].map(|()| pair(SocketType::STREAM)), [(); 2].map(|()| pair(SocketType::STREAM)));
        let [(forward, first_in), (other_forward, other_in)] = ins;
        let [(back, first_out), (other_back, other_out)] = outs;
        let (mut filter, mut dispatch) = (Vec::new(), Vec::new());
        match behind {
            Behind::Dispatch => {
                put(&mut dispatch, 0, 20, [first_in, other_in]);
                put(&mut dispatch, 1, 21, [first_out, other_out]);
            }
            Behind::Filter | Behind::FilterOfResponses => {
                put(&mut filter, 0, 20, [first_in, other_in]);
                let (to_dispatch, filtered) = pair(SocketType::STREAM);
                filter.push((1, to_dispatch));
                dispatch.push((0, filtered));
                if behind == Behind::Filter {
                    put(&mut dispatch, 1, 21, [first_out, other_out]);
                } else {
                    let (responses, from_dispatch) = pair(SocketType::STREAM);
                    dispatch.push((1, responses));
                    filter.push((3, from_dispatch));
                    put(&mut filter, 4, 21, [first_out, other_out]);
                }
            }
        }
        let (client_sockets, client_sockets_far) = pair(SocketType::SEQPACKET);
        let (connect, connect_far) = pair(SocketType::SEQPACKET);
        dispatch.extend([(8, client_sockets_far), (9, connect_far)]);
        let dispatch = run("dispatch", &hostile_parse::settings(), dispatch);
        let filter = (behind != Behind::Dispatch).then(|| run("waf-filter", &filter_settings(), filter));
        let lane = Self { filter, dispatch, connect, _client_sockets: client_sockets };
        (lane, [(forward, back), (other_forward, other_back)])
    }

    /// Takes the connection that dispatch asks for next, with the request that comes over it.
    fn request(&self) -> (UnixStream, String) {
        let mut bytes = [0; ConnectRequest::BYTES];
        assert!(readable(&self.connect, WAIT_MAX), "no connection was asked for");
        let (length, _) = rustix::net::recv(&self.connect, &mut bytes, rustix::net::RecvFlags::empty()).unwrap();
        let tag = ConnectRequest::decode(&bytes[..length]).unwrap().tag;
        let (mut server, theirs) = UnixStream::pair().unwrap();
        let reply = Reply { tag, outcome: Outcome::Connected, errno: 0 }.encode();
        send_when_free(&self.connect, &reply, &[theirs.as_fd()]);
        drop(theirs);
        server.set_read_timeout(Some(WAIT_MAX)).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            server.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        (server, target)
    }

    fn logs(&self) -> String {
        self.filter.iter().map(Stage::log).chain([self.dispatch.log()]).collect()
    }
}

/// A real fosse-parse, which is one of two fronts.
struct Front {
    stage: Stage,
    accept: OwnedFd,
    connections: u64,
}

impl Front {
    fn new(number: u8, (forward, back): Ends) -> Self {
        let (accept, accept_far) = pair(SocketType::SEQPACKET);
        let seconds = Duration::from_secs(100);
        let methods = ["GET"].map(str::to_owned).to_vec();
        let settings = Parse {
            listeners: vec![ParseListener::default()],
            sites: vec![ParseSite { hosts: vec!["a.example".into()], name: "a".into(), ..ParseSite::default() }],
            policies: vec![ParsePolicy { methods, body_bytes_max: u64::MAX, ..ParsePolicy::default() }],
            head_seconds: seconds,
            body_seconds: seconds,
            idle_seconds: seconds,
            write_seconds: seconds,
            head: fosse_settings::HeadLimits {
                head_bytes_max: 16_384,
                target_bytes_max: 4_096,
                header_bytes_max: 8_192,
                header_count_max: 64,
            },
            ..Parse::default()
        };
        let blob = fosse_wire::blob::encode(&settings).unwrap();
        let fds = vec![(0, back), (1, forward), (8, accept_far)];
        let option = format!("set -- \"$@\" --front {number}/2;");
        let stage = Stage::spawn(&programs().join("fosse-parse"), Some(&blob), fds, &option);
        Self { stage, accept, connections: 0 }
    }

    /// Passes it a client who has said this.
    fn client(&mut self, said: &str) -> UnixStream {
        let (mut client, theirs) = UnixStream::pair().unwrap();
        client.set_read_timeout(Some(WAIT_MAX)).unwrap();
        client.write_all(said.as_bytes()).unwrap();
        self.connections += 1;
        let peer = Endpoint::from_socket("192.0.2.7:7".parse().unwrap());
        let record = Connection { id: self.connections, unix: true, peer, ..Connection::default() };
        let mut message = Vec::new();
        channel::encode(&mut message, channel::Kind::Connections, &[record]);
        send_when_free(&self.accept, &message, &[theirs.as_fd()]);
        client
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n")
}

/// Responds to a request with its own target.
fn respond(mut server: &UnixStream, target: &str) {
    write!(server, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()).unwrap();
}

/// Returns the body of the response that a client gets.
fn body(mut client: &UnixStream, length: usize) -> String {
    let (mut seen, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n").filter(|(_, body)| body.len() >= length) {
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            return body.to_owned();
        }
        let count = client.read(&mut bytes).unwrap();
        assert!(count > 0, "the response ends early: {text}");
        seen.extend_from_slice(&bytes[..count]);
    }
}

fn lane(behind: Behind) -> (Lane, [Front; 2]) {
    let (lane, [first, second]) = Lane::new(behind);
    (lane, [Front::new(0, first), Front::new(1, second)])
}

#[test]
fn each_front_has_the_responses_of_its_own_requests() {
    for behind in ALL {
        let (lane, mut fronts) = lane(behind);
        // The same numbers of connections and requests on both, so that only slots tell them apart.
        let mut clients = Vec::new();
        for (number, front) in fronts.iter_mut().enumerate() {
            for at in 0..6 {
                let target = format!("/{number}/{at}");
                clients.push((front.client(&get(&target)), target));
            }
        }
        let requests: Vec<_> = clients.iter().map(|_| lane.request()).collect();
        // All are under way at once, and are responded to in another order.
        requests.iter().rev().for_each(|(server, target)| respond(server, target));
        for (client, target) in &clients {
            assert_eq!(body(client, target.len()), *target, "{behind:?} {}", lane.logs());
        }
    }
}

#[test]
fn a_front_that_is_killed_loses_its_requests_and_the_other_serves_on() {
    for behind in ALL {
        for killed in 0..2 {
            let (lane, [first, second]) = lane(behind);
            let (gone, mut stays) = if killed == 0 { (first, second) } else { (second, first) };
            let mut gone = gone;
            let lost = gone.client(&get("/lost"));
            let (lost_server, target) = lane.request();
            assert_eq!(target, "/lost");
            let kept = stays.client(&get("/kept"));
            let (kept_server, _) = lane.request();
            gone.stage.kill();
            // Its request has no client any more: the server sees that, as of any other.
            assert_eq!((&lost_server).read(&mut [0; 9]).unwrap(), 0, "{behind:?} {killed}");
            drop(lost);
            respond(&kept_server, "/kept");
            assert_eq!(body(&kept, 5), "/kept", "{behind:?} {killed} {}", lane.logs());
            let later = stays.client(&get("/later"));
            // The connection to the server is used again.
            let mut bytes = [0; 512];
            let count = (&kept_server).read(&mut bytes).unwrap();
            assert!(bytes[..count].starts_with(b"GET /later "), "{behind:?} {killed}");
            respond(&kept_server, "/later");
            assert_eq!(body(&later, 6), "/later", "{behind:?} {killed} {}", lane.logs());
        }
    }
}

#[test]
fn the_last_front_that_ends_takes_the_lane_with_it() {
    for behind in ALL {
        let (mut lane, [first, second]) = lane(behind);
        first.stage.wait_for_turns(1);
        second.stage.wait_for_turns(1);
        first.stage.kill();
        lane.dispatch.wait_for_turns(1);
        second.stage.kill();
        wait_for("the end of dispatch", || (!lane.dispatch.is_alive()).then_some(()));
    }
}

/// A front that an attacker has taken over.
struct Hostile {
    out: Output,
    back: Input,
}

impl Hostile {
    fn new(number: u8, (forward, back): Ends) -> Self {
        let slots = Slots::of(number, 2).unwrap();
        let hello = Hello { slots, ..Hello::default() };
        Self { out: Output::new(forward, hello), back: Input::new(back).for_front(slots) }
    }

    fn say(&mut self, script: &Script) {
        // HELLO has gone before them.
        for frame in &script.frames {
            let (frame, _) = fosse_wire::Frame::split(frame).unwrap().unwrap();
            self.out.outbox.forward(&frame);
        }
        self.out.flush_waiting().unwrap();
    }

    /// Waits for the end of what it says, and returns whether nothing has come back before.
    fn is_shut_up(&mut self) -> bool {
        // Nobody ever writes to this end, so what can be read is its end.
        wait_for("the end of the conversation", || readable(&self.out, Duration::from_millis(20)).then_some(()));
        let _ = self.back.read();
        !matches!(self.back.next_frame(), Ok(Some(_)))
    }
}

#[test]
fn a_front_that_speaks_of_a_slot_of_another_is_ended_and_the_other_serves_on() {
    for behind in ALL {
        // A request on a slot of the other, and each frame about one that the other has.
        let foreign = stream(6, 1);
        let attacks = [
            Script::default().get(foreign, &[], |head| head.target = b"/stolen"),
            Script::default().raw(foreign, kind::RESET, &[0]),
            Script::default().raw(foreign, kind::RESPONSE_CREDIT, &[255, 255, 0, 0]),
        ];
        for attack in attacks {
            let (lane, [first, second]) = Lane::new(behind);
            let (mut honest, mut hostile) = (Front::new(0, first), Hostile::new(1, second));
            // Its streams have the slots 0, 2, 4, 6.
            let clients: Vec<_> = (0..4).map(|at| honest.client(&get(&format!("/{at}")))).collect();
            let requests: Vec<_> = clients.iter().map(|_| lane.request()).collect();
            hostile.say(&attack);
            assert!(hostile.is_shut_up(), "{behind:?}");
            for (server, target) in &requests {
                respond(server, target);
            }
            for (client, at) in clients.iter().zip(0..) {
                assert_eq!(body(client, 2), format!("/{at}"), "{behind:?} {}", lane.logs());
            }
        }
    }
}

#[test]
fn a_front_ends_that_hears_of_a_slot_of_another() {
    let (forward, out) = pair(SocketType::STREAM);
    let (back, input) = pair(SocketType::STREAM);
    let mut front = Front::new(1, (out, input));
    let _client = front.client(&get("/"));
    let (mut forward, mut back) =
        (Input::new(forward).of_front(Slots::of(1, 2).unwrap()), Output::new(back, Hello::default()));
    let id = wait_for("a request", || {
        forward.read().unwrap();
        forward.next_frame().unwrap().filter(|frame| frame.kind == Kind::Request).map(|frame| frame.stream)
    });
    assert_eq!(id.slot(), 1, "the first of its slots");
    back.outbox.credit(StreamId::from_raw(id.raw() - 1), Kind::RequestCredit, 1);
    back.flush_waiting().unwrap();
    front.stage.wait_for_log("the slot is another front's");
}
