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
        let ((dispatch, responses), (parse, to_parse)) = (pair(), pair());
        let settings = Settings { lane_encode_bytes_max: 64 << 20 };
        let blob = fosse_wire::blob::encode(&settings).unwrap();
        let fds = vec![
            (0, responses.try_clone().unwrap()),
            (1, to_parse.try_clone().unwrap()),
            (3, to_parse),
            (4, responses),
        ];
        let stage = Stage::spawn(Path::new(env!("CARGO_BIN_EXE_fosse-encode")), Some(&blob), fds, "");
        assert_eq!(stage.said(), ToStart::Ready);
        let encoded = Input::new(parse.try_clone().unwrap());
        let mut target = Self { stage, dispatch: dispatch.into(), parse: parse.into(), encoded };
        let hello = raw(0, Kind::Hello as u8, &[PROTOCOL.to_le_bytes(), [0, 0]].concat());
        target.dispatch.write_all(&hello).unwrap();
        target.parse.write_all(&hello).unwrap();
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
