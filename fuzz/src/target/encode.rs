//! What must hold whatever dispatch and parse say to encode: no panic, no byte more than was
//! granted either way, what comes out decodes to what came in, and nothing is left of a response
//! that has ended.

use std::io::Read as _;
use std::rc::Rc;

use fosse_counters::{Counters, encode as count};
use fosse_encode::{Encoder, Outputs};
use fosse_wire::{
    Frame, Kind, Outbox, StreamId,
    encode::{Coding, EncodeHead},
    frame::WINDOW_BYTES_INITIAL,
    order::Return,
    request::BodyLength,
    response::ResponseHead,
};

/// Streams at a time.
const STREAMS: usize = 3;
/// Credit that one response may ever have, and what a broken accounting would pass.
const WINDOW_BYTES_MAX: u64 = 64 * 1024;

/// One response as its neighbours see it.
struct Model {
    id: StreamId,
    lives: bool,
    has_ended: bool,
    left: bool,
    no_body: bool,
    coding: Coding,
    credit: u64,
    sent: Vec<u8>,
    room: u64,
    order: Return,
    is_encoded: bool,
    got: Vec<u8>,
}

impl Model {
    fn new(slot: usize) -> Self {
        Self {
            id: StreamId::first(u32::try_from(slot).expect("few")).expect("few"),
            lives: false,
            has_ended: false,
            left: false,
            no_body: false,
            coding: Coding::Gzip,
            credit: 0,
            sent: Vec::new(),
            room: 0,
            order: Return::Waiting,
            is_encoded: false,
            got: Vec::new(),
        }
    }
}

struct World {
    encoder: Encoder,
    counters: Rc<Counters>,
    models: Vec<Model>,
    to_parse: Outbox,
    upstream: Outbox,
    now_ms: u64,
}

/// Drives an encoder by what lawful neighbours say, two bytes for each step.
///
/// # Panics
/// Where a promise is broken.
pub fn responses(data: &[u8]) {
    let counters = Rc::new(Counters::private());
    let models = (0..STREAMS).map(Model::new).collect();
    let encoder = Encoder::new(4 << 20, Rc::clone(&counters));
    let (to_parse, upstream) = (Outbox::default(), Outbox::default());
    let mut world = World { encoder, counters, models, to_parse, upstream, now_ms: 1000 };
    for step in data.chunks_exact(2) {
        let (at, what, with) = (usize::from(step[0] & 3) % STREAMS, step[0] >> 2, step[1]);
        match what % 8 {
            0 => world.head(at, with),
            1..=3 => world.data(at, with),
            4 => world.end(at, if with < 200 { Kind::ResponseEnd } else { Kind::Reset }),
            5 => world.grant(at, with),
            6 if with & 7 == 7 => world.leave(at),
            _ => world.pass_time(u64::from(with)),
        }
        world.read();
    }
    for at in 0..STREAMS {
        world.end(at, Kind::ResponseEnd);
        for _ in 0..100_000 {
            world.read();
            if !world.models[at].lives {
                break;
            }
            world.grant(at, 255);
        }
        assert!(!world.models[at].lives, "a response without an end");
    }
    assert!(world.encoder.is_empty());
    assert_eq!((world.counters.get(count::RESPONSES), world.counters.get(count::ENCODERS_BYTES)), (0, 0));
}

/// Any bytes as frames of dispatch, and every second one as of parse.
///
/// # Panics
/// Where the encoder does.
pub fn frames(data: &[u8]) {
    let mut encoder = Encoder::new(4 << 20, Rc::new(Counters::private()));
    let (mut to_parse, mut upstream) = (Outbox::default(), Outbox::default());
    let (mut rest, mut of_parse) = (data, false);
    while let Ok(Some((frame, used))) = Frame::split(rest) {
        rest = &rest[used..];
        let mut out = Outputs { to_parse: &mut to_parse, upstream: &mut upstream };
        let taken = if of_parse && matches!(frame.kind, Kind::ResponseCredit | Kind::Reset) {
            encoder.on_parse_frame(&frame, 1000, &mut out)
        } else {
            encoder.on_response_frame(&frame, 1000, &mut out)
        };
        if taken.is_err() || encoder.end_pauses(2000, &mut out).is_err() {
            return;
        }
        of_parse = !of_parse;
    }
}

impl World {
    fn say(&mut self, from_parse: bool, at: usize, kind: Kind, body: &[u8]) {
        let frame = Frame { stream: self.models[at].id, kind, body };
        let mut out = Outputs { to_parse: &mut self.to_parse, upstream: &mut self.upstream };
        let taken = match from_parse {
            true => self.encoder.on_parse_frame(&frame, self.now_ms, &mut out),
            false => self.encoder.on_response_frame(&frame, self.now_ms, &mut out),
        };
        taken.expect("a lawful frame is taken");
    }

    fn head(&mut self, at: usize, with: u8) {
        let model = &mut self.models[at];
        if model.lives {
            return;
        }
        *model = Model { id: model.id.next(), lives: true, ..Model::new(at) };
        model.credit = u64::from(WINDOW_BYTES_INITIAL);
        model.room = u64::from(WINDOW_BYTES_INITIAL);
        model.no_body = with & 8 == 8;
        model.coding = Coding::ALL[usize::from(with & 3) % 3];
        let head = EncodeHead {
            coding: model.coding,
            level: 1 + (with >> 4) % 3,
            no_body: model.no_body,
            bytes_min: if with & 4 == 4 { 1000 } else { 0 },
            client: [with & 1; 16],
            response: ResponseHead { status: 200, body: BodyLength::Chunked, ..ResponseHead::default() },
            ..EncodeHead::default()
        };
        let mut body = Vec::new();
        head.encode(&mut body).expect("short");
        self.say(false, at, Kind::Encode, &body);
    }

    fn data(&mut self, at: usize, with: u8) {
        let model = &mut self.models[at];
        if !model.lives || model.has_ended || model.no_body {
            return;
        }
        let length = (usize::from(with) * 97 + 1).min(usize::try_from(model.credit).expect("small")).min(16_384);
        if length == 0 {
            return;
        }
        let mut seed = u64::from(with) + 1;
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(u64::from(with & 7));
                if with & 8 == 8 { (seed >> 56) as u8 } else { b"abcd "[(seed >> 60) as usize % 5] }
            })
            .collect();
        model.credit -= u64::try_from(length).expect("small");
        model.sent.extend_from_slice(&bytes);
        self.say(false, at, Kind::ResponseData, &bytes);
    }

    fn end(&mut self, at: usize, kind: Kind) {
        let model = &mut self.models[at];
        if !model.lives || model.has_ended {
            return;
        }
        model.has_ended = true;
        let body: &[u8] = if kind == Kind::Reset { &[1] } else { &[0; 10] };
        self.say(false, at, kind, body);
    }

    fn grant(&mut self, at: usize, with: u8) {
        let model = &mut self.models[at];
        // parse grants what it has written, once it has seen the head.
        if !model.lives || model.order != Return::Body || model.left {
            return;
        }
        let bytes = u32::from(with) * 200 + 1;
        model.room += u64::from(bytes);
        self.say(true, at, Kind::ResponseCredit, &bytes.to_le_bytes());
    }

    fn leave(&mut self, at: usize) {
        let model = &mut self.models[at];
        if model.lives && !model.left {
            model.left = true;
            self.say(true, at, Kind::Reset, &[0]);
        }
    }

    fn pass_time(&mut self, ms: u64) {
        self.now_ms += ms;
        let mut out = Outputs { to_parse: &mut self.to_parse, upstream: &mut self.upstream };
        self.encoder.end_pauses(self.now_ms, &mut out).expect("what is lawful is encoded");
    }

    /// Takes what came out, as the neighbours would.
    fn read(&mut self) {
        let granted = std::mem::take(&mut self.upstream);
        let mut rest = granted.pending();
        while let Some((frame, used)) = Frame::split(rest).expect("frames") {
            rest = &rest[used..];
            let model = &mut self.models[frame.stream.slot()];
            assert_eq!(frame.stream, model.id);
            model.credit += u64::from(frame.credit().expect("a grant"));
            assert!(model.credit <= WINDOW_BYTES_MAX && !model.has_ended, "more than a window");
        }
        let sent = std::mem::take(&mut self.to_parse);
        let mut rest = sent.pending();
        while let Some((frame, used)) = Frame::split(rest).expect("frames") {
            rest = &rest[used..];
            self.models[frame.stream.slot()].take(&frame);
        }
    }
}

impl Model {
    fn take(&mut self, frame: &Frame<'_>) {
        assert!(self.lives && frame.stream == self.id, "a frame for nobody");
        self.order = self.order.after(frame.kind, false).expect("in order");
        match frame.kind {
            Kind::Response => {
                let head = ResponseHead::decode(frame.body).expect("a head");
                self.is_encoded = head.fields.all(b"content-encoding").next().is_some();
                assert!(!self.left, "a head for nobody");
            }
            Kind::ResponseData => {
                let length = u64::try_from(frame.body.len()).expect("small");
                self.room = self.room.checked_sub(length).expect("within what was granted");
                self.got.extend_from_slice(frame.body);
            }
            Kind::ResponseEnd => {
                self.lives = false;
                assert!(self.has_ended, "an end that nobody sent");
                if !self.no_body {
                    assert!(self.body() == self.sent, "another body");
                }
            }
            Kind::Reset => self.lives = false,
            kind => panic!("{kind:?} for parse"),
        }
    }

    /// The body, decoded.
    fn body(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.coding {
            _ if !self.is_encoded => out.clone_from(&self.got),
            Coding::Gzip => {
                flate2::read::GzDecoder::new(&self.got[..]).read_to_end(&mut out).expect("gzip");
            }
            Coding::Brotli => {
                brotlic::DecompressorReader::new(&self.got[..]).read_to_end(&mut out).expect("brotli");
            }
            Coding::Zstd => {
                out = vec![0; self.sent.len() + 1];
                let length = zstd_safe::decompress(&mut out[..], &self.got).expect("zstd");
                out.truncate(length);
            }
        }
        out
    }
}
