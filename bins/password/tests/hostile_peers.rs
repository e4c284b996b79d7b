//! The program that checks passwords takes each dispatch for an attacker; what one does, the others
//! do not notice, and nobody is let in by it.

use std::io::Write as _;
use std::path::Path;

use fosse_counters::password as count;
use fosse_harness::{Session, Stage};
use fosse_settings::{Password as Settings, UserList};
use fosse_source::Source;
use fosse_wire::password::{FromPassword, Outcome, ToPassword, split};
use fosse_wire::start::{ToChild, ToStart};

/// The hash of "secret", as cheap as bcrypt can be.
const USER: &str = "ann:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

/// A running fosse-password, locked down as in an edge.
fn target() -> Stage {
    let lists = vec![UserList { users: vec![USER.to_owned()], file: None }];
    let blob = fosse_wire::blob::encode(&Settings { lists }).unwrap();
    let stage = Stage::spawn(Path::new(env!("CARGO_BIN_EXE_fosse-password")), Some(&blob), Vec::new(), "");
    assert_eq!(stage.said(), ToStart::Ready);
    stage
}

/// A dispatch, which has not said a word.
struct Dispatch(Session);

impl Dispatch {
    fn of(stage: &Stage, lane: u32) -> Self {
        Self(Session::begin(stage, ToChild::Passwords { lane }))
    }

    fn says(&mut self, messages: &[ToPassword<'_>]) {
        self.0.send(&encoded(messages));
    }

    /// Returns the next message; `None` where the other side has let go.
    fn hears(&mut self) -> Option<FromPassword> {
        self.0.receive(split, FromPassword::decode)
    }

    /// Greets and asks; the outcome of the only check.
    fn asks(&mut self, check: ToPassword<'_>) -> Option<Outcome> {
        self.says(&[ToPassword::Hello, check]);
        assert_eq!(self.hears(), Some(FromPassword::Hello));
        match self.hears()? {
            FromPassword::Result { tag: 7, outcome } => Some(outcome),
            other => panic!("{other:?}"),
        }
    }
}

fn encoded(messages: &[ToPassword<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
    bytes
}

fn check<'a>(list: u32, name: &'a [u8], password: &'a [u8], source: u8) -> ToPassword<'a> {
    let source = Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, source]);
    ToPassword::Check { tag: 7, list, source, name, password }
}

#[test]
fn a_dispatch_that_breaks_the_protocol_is_let_go_and_the_others_are_served() {
    let target = target();
    assert_eq!(Dispatch::of(&target, 0).asks(check(0, b"ann", b"secret", 1)), Some(Outcome::Passed));
    let hello = encoded(&[ToPassword::Hello]);
    let long = encoded(&[check(0, &[b'a'; 255], &[b'b'; 512], 1)]);
    let mut longer = long.clone();
    longer[0] += 1;
    longer.push(0);
    let cut = [&3_u32.to_le_bytes()[..], &[2, 0, 0]].concat();
    let cases: [Vec<u8>; 8] = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 100],
        encoded(&[check(0, b"ann", b"secret", 1)]),
        [hello.clone(), hello.clone()].concat(),
        [hello.clone(), 6_u32.to_le_bytes().to_vec(), vec![99, 0, 0, 0, 0, 0]].concat(),
        [hello.clone(), cut].concat(),
        [hello.clone(), longer].concat(),
        [hello, u32::MAX.to_le_bytes().to_vec()].concat(),
    ];
    for (number, case) in cases.iter().enumerate() {
        let mut bad = Dispatch::of(&target, 1);
        bad.0.stream.write_all(case).unwrap();
        while let Some(message) = bad.hears() {
            assert_eq!(message, FromPassword::Hello, "case {number}");
        }
        target.wait_for_count(count::BROKEN, number as u64 + 1);
    }
    target.wait_for_log("event=dispatch-broke lane=1");
    assert_eq!(Dispatch::of(&target, 0).asks(check(0, b"ann", b"secret", 1)), Some(Outcome::Passed));
    assert_eq!(target.count(count::PASSED), 2);
}

#[test]
fn no_list_no_name_and_no_bytes_let_anybody_in() {
    let target = target();
    for (list, name, password) in [
        (1, &b"ann"[..], &b"secret"[..]),
        (u32::MAX, b"ann", b"secret"),
        (0, b"ann", b""),
        (0, b"", b""),
        (0, b"ann\0", b"secret"),
        (0, b"ann", b"secret\0"),
        (0, b"ann:$2b$04$x", b"secret"),
        (0, &[0xff; 255], &[0xff; 512]),
    ] {
        let outcome = Dispatch::of(&target, 0).asks(check(list, name, password, 1));
        assert_eq!(outcome, Some(Outcome::Refused), "{list} {}", name.escape_ascii());
    }
    assert_eq!((target.count(count::PASSED), target.count(count::BROKEN)), (0, 0));
}

#[test]
fn a_dispatch_that_asks_without_end_and_reads_nothing_costs_others_no_reply() {
    let target = target();
    let deaf = Dispatch::of(&target, 1);
    let mut stream = deaf.0.stream.try_clone().unwrap();
    let asks = std::thread::spawn(move || {
        let bytes = encoded(&[check(0, b"ann", b"wrong", 9)]);
        let mut sent = stream.write_all(&encoded(&[ToPassword::Hello])).is_ok();
        // Until it is let go it cannot write more than the sockets hold.
        for _ in 0..1_000_000 {
            sent = sent && stream.write_all(&bytes).is_ok();
        }
    });
    target.wait_for_turns(10);
    for n in 0..10 {
        assert_eq!(Dispatch::of(&target, 0).asks(check(0, b"ann", b"secret", n)), Some(Outcome::Passed), "{n}");
    }
    deaf.0.stream.shutdown(std::net::Shutdown::Both).unwrap();
    asks.join().unwrap();
    assert_eq!(Dispatch::of(&target, 0).asks(check(0, b"ann", b"secret", 1)), Some(Outcome::Passed));
}
