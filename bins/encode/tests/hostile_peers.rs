//! encode takes dispatch and parse for attackers: frames that must not come end it, and no client
//! gets bytes that were meant for another one.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use fosse_harness::{Stage, wait_for};
use fosse_settings::Encode as Settings;
use fosse_stage::Input;
use fosse_wire::{
    Kind, PROTOCOL,
    encode::{Coding, EncodeHead},
    frame::ResetReason,
    request::BodyLength,
    response::ResponseHead,
    start::ToStart,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

/// A running fosse-encode, locked down as in an edge, between a dispatch and a parse which are the
/// test.
struct Target {
    stage: Stage,
    dispatch: UnixStream,
    parse: UnixStream,
    /// Frames for parse.
    encoded: Input,
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
}

impl Target {
    fn start() -> Self {
        Self::with_fronts(None)
    }

    /// Starts it for one front, or the first of two.
    fn with_fronts(second: Option<OwnedFd>) -> Self {
        let ((dispatch, responses), (parse, to_parse)) = (pair(), pair());
        let fronts = if second.is_some() { 2 } else { 1 };
        let settings = Settings { lane_encode_bytes_max: 64 << 20 };
        let blob = fosse_wire::blob::encode(&settings).unwrap();
        let mut fds = vec![
            (0, responses.try_clone().unwrap()),
            (1, to_parse.try_clone().unwrap()),
            (3, to_parse),
            (4, responses),
        ];
        if let Some(second) = second {
            fds.extend([(20, second.try_clone().unwrap()), (21, second)]);
        }
        let stage = Stage::spawn(Path::new(env!("CARGO_BIN_EXE_fosse-encode")), Some(&blob), fds, "");
        assert_eq!(stage.said(), ToStart::Ready);
        let encoded = Input::new(parse.try_clone().unwrap());
        let mut target = Self { stage, dispatch: dispatch.into(), parse: parse.into(), encoded };
        target.dispatch.write_all(&hello(0, 1)).unwrap();
        target.parse.write_all(&hello(0, fronts)).unwrap();
        target
    }

    /// Returns the bodies of the frames of this kind that parse gets, until it has all of a stream,
    /// or there are no more.
    fn hears(&mut self, kind: Kind) -> Vec<(u32, Vec<u8>)> {
        let (mut heard, mut is_over) = (Vec::new(), false);
        wait_for("the end of a response, or of all", || {
            is_over |= self.encoded.read().is_err();
            while let Ok(Some(frame)) = self.encoded.next_frame() {
                is_over |= matches!(frame.kind, Kind::ResponseEnd | Kind::Reset);
                if frame.kind == kind {
                    heard.push((frame.stream.raw(), frame.body.to_vec()));
                }
            }
            is_over.then_some(())
        });
        heard
    }

    /// Has a response encoded. Returns whether all of it comes as it should.
    fn serves(&mut self, stream: u32) -> bool {
        let body = vec![b'a'; 5000];
        self.dispatch.write_all(&[encode(stream, |_| {}), data(stream, &body), end(stream)].concat()).unwrap();
        let encoded: Vec<u8> = self.hears(Kind::ResponseData).into_iter().flat_map(|(_, part)| part).collect();
        let mut decoded = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(encoded.as_slice()), &mut decoded).is_ok()
            && decoded == body
    }
}

fn hello(front: u8, fronts: u8) -> Vec<u8> {
    raw(0, Kind::Hello as u8, &[PROTOCOL.to_le_bytes(), [0, 0], [front, fronts]].concat())
}

fn raw(stream: u32, kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 5).unwrap();
    [&length.to_le_bytes()[..], &stream.to_le_bytes(), &[kind], body].concat()
}

fn encode(stream: u32, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let response = ResponseHead { status: 200, body: BodyLength::Chunked, ..ResponseHead::default() };
    let head = EncodeHead { coding: Coding::Gzip, level: 5, bytes_min: 10, response, ..EncodeHead::default() };
    let mut body = Vec::new();
    head.encode(&mut body).unwrap();
    change(&mut body);
    raw(stream, Kind::Encode as u8, &body)
}

/// Bytes that no coding makes shorter.
fn noise(bytes: u64) -> Vec<u8> {
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.to_be_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

fn data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    raw(stream, Kind::ResponseData as u8, bytes)
}

fn end(stream: u32) -> Vec<u8> {
    raw(stream, Kind::ResponseEnd as u8, &[0; 10])
}

/// Sends what a taken over dispatch, or parse, may think of, while a response of another stream is
/// under way. encode ends, and of that response comes nothing but its own bytes, and no end.
fn breaks_off(name: &str, attack: impl FnOnce(u32) -> Vec<u8>, of_parse: bool) {
    let mut target = Target::start();
    assert!(target.serves(0), "{name}");
    let other = 1 << 20 | 1;
    target.dispatch.write_all(&[encode(other, |_| {}), data(other, &[b'b'; 100])].concat()).unwrap();
    let peer = if of_parse { &mut target.parse } else { &mut target.dispatch };
    // One that has let go takes nothing any more.
    let _ = peer.write_all(&attack(1 << 20));
    let ended = target.hears(Kind::ResponseEnd);
    assert!(ended.is_empty(), "{name}: {ended:?}");
    assert_eq!(target.stage.exit().code(), Some(111), "{name}: {}", target.stage.log());
}

#[test]
fn frames_of_a_dispatch_that_must_not_come_end_it() {
    breaks_off("data of no response", |id| data(id, b"x"), false);
    breaks_off("two heads", |id| [encode(id, |_| {}), encode(id, |_| {})].concat(), false);
    breaks_off("data after the end", |id| [encode(id, |_| {}), end(id), data(id, b"x")].concat(), false);
    breaks_off("a body for HEAD", |id| [encode(id, |head| head[2] = 1), data(id, b"x")].concat(), false);
    breaks_off(
        "leased bytes",
        |id| [encode(id, |_| {}), raw(id, Kind::ResponseEnd as u8, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0])].concat(),
        false,
    );
    breaks_off(
        "more than was granted",
        |id| {
            let pieces: Vec<u8> = noise(1 << 20).chunks(16_000).flat_map(|piece| data(id, piece)).collect();
            [encode(id, |_| {}), pieces].concat()
        },
        false,
    );
    for (name, at, value) in [("coding", 0, 3), ("level", 1, 10), ("level 0", 1, 0), ("flags", 2, 2)] {
        breaks_off(name, |id| encode(id, |head| head[at] = value), false);
    }
    breaks_off("a cut head", |id| encode(id, |head| head.truncate(30)), false);
    for kind in [Kind::Request, Kind::Response, Kind::ResponseCredit, Kind::Lease, Kind::Verdict] {
        breaks_off(&format!("{kind:?}"), |id| raw(id, kind as u8, &[0; 40]), false);
    }
    breaks_off("no kind", |id| raw(id, 200, b""), false);
    breaks_off("no frame", |_| vec![0xff; 100], false);
}

#[test]
fn frames_of_a_parse_that_must_not_come_end_it() {
    for kind in [Kind::Request, Kind::RequestData, Kind::Encode, Kind::ResponseData, Kind::ResponseEnd] {
        breaks_off(&format!("{kind:?}"), |id| raw(id, kind as u8, &[0; 40]), true);
    }
    breaks_off("a cut credit", |id| raw(id, Kind::ResponseCredit as u8, &[0; 3]), true);
    breaks_off("no frame", |_| vec![0xff; 100], true);
}

#[test]
fn a_stream_that_parse_gives_up_again_and_again_leaves_nothing() {
    let mut target = Target::start();
    for generation in 0..200_u32 {
        let id = generation << 20;
        target.dispatch.write_all(&[encode(id, |_| {}), data(id, &[b'x'; 100])].concat()).unwrap();
        target.parse.write_all(&raw(id, Kind::Reset as u8, &[ResetReason::Client as u8])).unwrap();
        target.dispatch.write_all(&end(id)).unwrap();
        target.hears(Kind::ResponseEnd);
    }
    wait_for("nothing", || {
        let counts = [fosse_counters::encode::RESPONSES, fosse_counters::encode::ENCODERS_BYTES];
        counts.iter().all(|counter| target.stage.count(*counter) == 0).then_some(())
    });
    assert!(target.serves(200 << 20));
}

#[test]
fn each_front_gets_its_own_responses_and_one_that_is_gone_or_wrong_leaves_the_other_its_own() {
    // Streams of slots 2 and 3, which are the first's and the second's.
    let (first, second) = (1 << 20 | 2, 1 << 20 | 3);
    for foreign in [None, Some(raw(first, Kind::ResponseCredit as u8, &[0, 1, 0, 0]))] {
        let (ours, theirs) = pair();
        let mut target = Target::with_fronts(Some(theirs));
        let mut other = UnixStream::from(ours);
        let mut other_encoded = Input::new(other.try_clone().unwrap().into());
        other.write_all(&hello(1, 2)).unwrap();
        let body = vec![b'a'; 5000];
        let whole = [encode(second, |_| {}), data(second, &body), end(second)].concat();
        target.dispatch.write_all(&whole).unwrap();
        let mut kinds = Vec::new();
        wait_for("the end of the second front's response", || {
            other_encoded.read().unwrap();
            while let Some(frame) = other_encoded.next_frame().unwrap() {
                assert_eq!(frame.stream.raw(), second);
                kinds.push(frame.kind);
            }
            (kinds.last() == Some(&Kind::ResponseEnd)).then_some(())
        });
        assert!(target.serves(first), "{}", target.stage.log());
        // A response of it is under way when it goes.
        target
            .dispatch
            .write_all(&[encode(second + (1 << 20), |_| {}), data(second + (1 << 20), &body)].concat())
            .unwrap();
        match &foreign {
            Some(foreign) => other.write_all(foreign).unwrap(),
            None => other.shutdown(std::net::Shutdown::Both).unwrap(),
        }
        wait_for("the end of the second front", || other_encoded.read().is_err().then_some(()));
        assert!(target.serves(first + (1 << 20)), "{}", target.stage.log());
    }
}
