//! Entry point for a fuzzer: any lawful conversation about answers, with doubles of parse and of
//! dispatch on both sides.

use std::{collections::VecDeque, rc::Rc, sync::OnceLock};

use fosse_counters::{Counters, waf_filter as count};
use fosse_eventloop::clock_us;
use fosse_settings::{WafFilter, WafMode, WafPolicy, WafProfile};
use fosse_wire::{
    Frame, Kind, Outbox, StreamId,
    fields::FieldsWriter,
    frame::WINDOW_BYTES_INITIAL,
    order::{Forward, Return},
    request::{BodyLength, RequestHead},
    response::ResponseHead,
};

use fosse_waf_filter::{Filter, Outputs, Rules};

/// Streams of the conversation.
const STREAMS: usize = 4;
/// Sites: blocking and refusing what is too long, blocking and judging that in part, watching, not
/// judged.
const SITES: u8 = 4;
/// Bytes of an answer that are judged.
const LIMIT_BYTES: usize = 40_000;
/// The word that denies.
const BAD: &[u8] = b"bad";

/// One stream as parse and dispatch see it.
#[derive(Debug, Default)]
struct Model {
    id: Option<StreamId>,
    site: u8,
    to_head: bool,
    /// What parse has sent.
    sent: Forward,
    /// parse: where the answer stands, bytes it has room for, those it has not granted again, and
    /// the body.
    back: Return,
    room: u64,
    owed: u32,
    got: Vec<u8>,
    own: bool,
    reset: bool,
    /// The client is gone.
    left: bool,
    /// dispatch: the request has come, bytes it may send, the answer begun, and its body.
    live: bool,
    credit: u64,
    begun: bool,
    over: bool,
    body: Vec<u8>,
    judged: bool,
}

fn config() -> WafFilter {
    let profile = |number: u8| WafProfile {
        waf: if number == 2 { WafMode::Detect } else { WafMode::Block },
        // Sets differ, so that the limit's action can.
        rules: Some(u32::from(number == 1)),
        body_bytes_max: 1000,
        rules_milliseconds_max: 60_000,
        inspect_responses: number != 3,
        ..WafProfile::default()
    };
    let policies = (0..SITES)
        .map(|number| WafPolicy { profile: u32::from(number), buffer_requests: false, streams_calls: false })
        .collect();
    let profiles = (0..SITES).map(profile).collect();
    WafFilter { policies, profiles, lane_held_bytes_max: 190_000, ..WafFilter::default() }
}

fn rules() -> Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    let text = |action: &str| {
        format!(
            "SecResponseBodyLimit {LIMIT_BYTES}\nSecResponseBodyLimitAction {action}\n\
             SecRule RESPONSE_HEADERS:X-A \"@contains bad\" \"id:1,phase:3,deny\"\n\
             SecRule RESPONSE_BODY \"@contains bad\" \"id:2,phase:4,deny\"\n"
        )
    };
    let compiled = || {
        let set = |name: &str| fosse_bundle::RuleSet { entries: vec![name.into()] };
        let file = |name: &str, action: &str| (name.to_owned(), text(action).into_bytes());
        let files = [file("a", "Reject"), file("b", "ProcessPartial")].into();
        Rules::compile(&config(), fosse_bundle::Bundle { sets: vec![set("a"), set("b")], files })
            .expect("the rules compile")
    };
    RULES.get_or_init(compiled).clone()
}

/// Every answer that is judged arrives whole and as it was sent, or nothing of it does; nobody
/// sends more than the next has room for; every stream ends; at the end nothing is held.
///
/// # Panics
/// Where that does not hold.
pub fn answers(data: &[u8]) {
    // No budget ends an evaluation here, as a run must not hang on the clock: twenty KiB can take
    // many seconds.
    let data = &data[..data.len().min(6 << 10)];
    let counters = Rc::new(Counters::private());
    let mut talk = Talk {
        filter: Filter::new(Some(config()), rules(), |_, _| {}, None, Rc::clone(&counters)),
        counters,
        is_late: false,
        on: Outbox::default(),
        back: Outbox::default(),
        models: (0..STREAMS).map(|_| Model::default()).collect(),
        replies: VecDeque::new(),
    };
    for pair in data.chunks_exact(2) {
        if let [what, with] = pair {
            talk.step(*what, *with);
        }
    }
    talk.finish();
}

struct Talk {
    filter: Filter,
    counters: Rc<Counters>,
    /// From some time on every frame comes in a turn that has taken long enough.
    is_late: bool,
    on: Outbox,
    back: Outbox,
    models: Vec<Model>,
    /// Frames of dispatch that have not been read yet: they cross what goes the other way.
    replies: VecDeque<(StreamId, Kind, Vec<u8>)>,
}

impl Talk {
    fn step(&mut self, what: u8, with: u8) {
        let at = usize::from(what & 3) % STREAMS;
        match what >> 2 & 15 {
            0 | 1 => self.begin(at, with),
            2 | 3 => self.head(at, with),
            4..=6 => self.data(at, with),
            7 => self.end(at),
            8 => self.fail(at),
            9 => self.leave(at),
            10 => self.grant(at),
            11 => self.request_end(at),
            12 => self.is_late = true,
            13 => self.work(),
            _ => self.read_replies(usize::from(with & 7)),
        }
        self.look();
    }

    fn begin(&mut self, at: usize, with: u8) {
        let Some(model) = self.models.get_mut(at) else { return };
        let free = model.sent == Forward::Idle || model.sent == Forward::Ended && model.back == Return::Ended;
        if !free || model.live && !model.over {
            return;
        }
        let first = || StreamId::first(u32::try_from(at).unwrap_or(0)).expect("slots are few");
        let id = model.id.map_or_else(first, StreamId::next);
        let room = u64::from(WINDOW_BYTES_INITIAL);
        let (site, to_head) = (with % SITES, with & 64 != 0);
        *model = Model { id: Some(id), site, to_head, room, credit: room, ..Model::default() };
        let (target, method): (&[u8], &[u8]) = (b"/", if to_head { b"HEAD" } else { b"GET" });
        let head = RequestHead {
            policy: u32::from(model.site),
            method,
            host: b"a.example",
            target,
            line: b"GET / HTTP/1.1",
            body: if with & 32 == 0 { BodyLength::None } else { BodyLength::Chunked },
            ..RequestHead::default()
        };
        let mut bytes = Vec::new();
        head.encode(&mut bytes).expect("a short head");
        self.forward(at, Kind::Request, &bytes);
        if with & 32 == 0 {
            self.request_end(at);
        }
    }

    fn request_end(&mut self, at: usize) {
        self.forward(at, Kind::RequestEnd, &[0, 0]);
    }

    /// parse sends a frame, if it may now.
    fn forward(&mut self, at: usize, kind: Kind, body: &[u8]) {
        let Some(model) = self.models.get_mut(at) else { return };
        let Some(stream) = model.id else { return };
        let Ok(next) = model.sent.after(kind) else { return };
        model.sent = next;
        self.filter.begin_turn(if self.is_late { 0 } else { clock_us() });
        let out =
            &mut Outputs { to_dispatch: &mut self.on, to_parse: &mut self.back, to_encode: &mut Outbox::default() };
        self.filter.on_request_frame(&Frame { stream, kind, body }, out).expect("a lawful frame is taken");
    }

    fn leave(&mut self, at: usize) {
        let Some(model) = self.models.get_mut(at) else { return };
        if model.sent != Forward::Idle && model.back != Return::Ended && !model.left {
            model.left = true;
            self.forward(at, Kind::Reset, &[0]);
        }
    }

    fn grant(&mut self, at: usize) {
        let Some(model) = self.models.get_mut(at) else { return };
        let bytes = std::mem::take(&mut model.owed);
        if bytes > 0 && model.back == Return::Body && !model.left {
            model.room += u64::from(bytes);
            self.forward(at, Kind::ResponseCredit, &bytes.to_le_bytes());
        }
    }

    /// dispatch says something about a stream that lives there.
    fn reply(&mut self, at: usize, kind: Kind, body: Vec<u8>) {
        if let Some(stream) = self.models.get(at).and_then(|model| model.id) {
            self.replies.push_back((stream, kind, body));
        }
    }

    fn head(&mut self, at: usize, with: u8) {
        let Some(model) = self.models.get_mut(at).filter(|model| model.live && !model.over && !model.begun) else {
            return;
        };
        model.begun = with & 7 != 7;
        model.judged = with & 16 == 0;
        let kind: &[u8] = if model.judged { b"text/html" } else { b"image/png" };
        let mut body = Vec::new();
        let status = if model.begun { 200 } else { 103 };
        ResponseHead { status, interim: !model.begun, body: BodyLength::Chunked, ..ResponseHead::default() }
            .encode_fixed(&mut body);
        let mut fields = FieldsWriter::new(&mut body);
        fields.push(b"Content-Type", kind).expect("short");
        if with & 8 != 0 && model.begun {
            fields.push(b"X-A", BAD).expect("short");
            model.body.clear();
        }
        fields.finish();
        self.reply(at, Kind::Response, body);
    }

    fn data(&mut self, at: usize, with: u8) {
        let Some(model) = self.models.get_mut(at).filter(|model| model.begun && !model.over && !model.to_head) else {
            return;
        };
        let text: &[u8] = if with & 7 == 0 { BAD } else { b"good" };
        let mut bytes = text.repeat(usize::from(with) * 16 + 1);
        bytes.truncate(usize::try_from(model.credit).unwrap_or(0));
        if bytes.is_empty() {
            return;
        }
        model.credit -= u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        model.body.extend_from_slice(&bytes);
        self.reply(at, Kind::ResponseData, bytes);
    }

    fn end(&mut self, at: usize) {
        if let Some(model) = self.models.get_mut(at).filter(|model| model.begun && !model.over) {
            model.over = true;
            self.reply(at, Kind::ResponseEnd, vec![0; 10]);
        }
    }

    fn fail(&mut self, at: usize) {
        if let Some(model) = self.models.get_mut(at).filter(|model| model.live && !model.over) {
            model.over = true;
            self.reply(at, Kind::Reset, vec![1]);
        }
    }

    fn work(&mut self) {
        self.filter
            .work(&mut Outputs {
                to_dispatch: &mut self.on,
                to_parse: &mut self.back,
                to_encode: &mut Outbox::default(),
            })
            .expect("work goes on");
    }

    fn read_replies(&mut self, most: usize) {
        for _ in 0..=most {
            let Some((stream, kind, body)) = self.replies.pop_front() else { return };
            self.filter.begin_turn(if self.is_late { 0 } else { clock_us() });
            let out =
                &mut Outputs { to_dispatch: &mut self.on, to_parse: &mut self.back, to_encode: &mut Outbox::default() };
            self.filter.on_response_frame(&Frame { stream, kind, body: &body }, out).expect("a lawful frame is taken");
        }
    }

    /// Reads what came out at both ends.
    fn look(&mut self) {
        while let Some((frame, taken)) = Frame::split(self.on.pending()).expect("frames come out") {
            let (stream, kind, body) = (frame.stream, frame.kind, frame.body.to_vec());
            self.on.advance(taken);
            self.dispatch_takes(stream, kind, &body);
        }
        while let Some((frame, taken)) = Frame::split(self.back.pending()).expect("frames come out") {
            let (stream, kind, body) = (frame.stream, frame.kind, frame.body.to_vec());
            self.back.advance(taken);
            self.parse_takes(stream, kind, &body);
        }
    }

    fn dispatch_takes(&mut self, stream: StreamId, kind: Kind, body: &[u8]) {
        let at = stream.slot();
        let Some(model) = self.models.get_mut(at).filter(|model| model.id == Some(stream)) else { return };
        match kind {
            Kind::Request => model.live = true,
            Kind::Verdict => {
                model.over = true;
                model.live = true;
                let mut head = Vec::new();
                let own = ResponseHead { status: 403, own: true, denied: true, ..ResponseHead::default() };
                own.encode(&mut head).expect("a short head");
                self.reply(at, Kind::Response, head);
                self.reply(at, Kind::ResponseData, b"page".to_vec());
                self.reply(at, Kind::ResponseEnd, vec![0; 10]);
            }
            Kind::Reset if model.live && !model.over => {
                model.over = true;
                self.reply(at, Kind::Reset, vec![4]);
            }
            Kind::ResponseCredit => {
                let bytes = u32::from_le_bytes(body.try_into().expect("a credit"));
                model.credit += u64::from(bytes);
            }
            _ => {}
        }
    }

    fn parse_takes(&mut self, stream: StreamId, kind: Kind, body: &[u8]) {
        let model = self.models.get_mut(stream.slot()).expect("no stream of its own making");
        assert_eq!(model.id, Some(stream), "nothing of an earlier stream");
        if kind == Kind::RequestCredit {
            return;
        }
        let head = (kind == Kind::Response).then(|| ResponseHead::decode(body).expect("a head"));
        model.back = model.back.after(kind, head.is_some_and(|head| head.interim)).expect("frames in their order");
        model.own |= head.is_some_and(|head| head.own);
        model.reset |= kind == Kind::Reset;
        if kind == Kind::ResponseData && !model.left {
            let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
            model.room = model.room.checked_sub(length).expect("no more than there is room for");
            model.owed += u32::try_from(length).unwrap_or(u32::MAX);
            model.got.extend_from_slice(body);
        }
        let held = model.room + u64::from(model.owed);
        assert!(held <= u64::from(WINDOW_BYTES_INITIAL), "a window is a window");
        if model.left {
            return;
        }
        if model.own {
            assert!(b"page".starts_with(&model.got), "nothing of the answer that was denied");
        } else {
            assert!(model.body.starts_with(&model.got), "the body as it was sent");
        }
        let blocked = model.site < 2 && model.judged && !model.own;
        let seen = model.body.get(..LIMIT_BYTES.min(model.body.len())).unwrap_or_default();
        if kind == Kind::ResponseData && blocked {
            assert!(!seen.windows(BAD.len()).any(|window| window == BAD), "what is denied goes nowhere");
        }
    }

    fn finish(mut self) {
        for at in 0..STREAMS {
            self.request_end(at);
        }
        // Whoever answers does, whoever reads does, until nothing moves any more.
        for _ in 0..20_000 {
            for at in 0..STREAMS {
                self.head(at, 0);
                self.end(at);
                self.grant(at);
                self.look();
            }
            self.read_replies(64);
            self.work();
            self.look();
            if self.replies.is_empty() && !self.filter.is_busy() && self.models.iter().all(Model::is_over) {
                break;
            }
        }
        for model in self.models.iter().filter(|model| model.id.is_some()) {
            assert!(model.is_over(), "every stream has its end: {model:?}");
            if !model.own && !model.reset && !model.left {
                assert!(model.got == model.body, "whole: {model:?}");
            }
        }
        assert_eq!(self.counters.get(count::BUFFERED_BYTES), 0, "nothing is held any more");
        assert_eq!(self.counters.get(count::RESPONSES_PENDING), 0, "nothing is awaited any more");
    }
}

impl Model {
    fn is_over(&self) -> bool {
        self.id.is_none() || self.back == Return::Ended
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lawful_conversations_about_answers_keep_the_contract() {
        let mut seed: u64 = 7;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u8::try_from(seed >> 56).unwrap()
        };
        for _ in 0..2000 {
            let length = usize::from(next()) * 4;
            let data: Vec<u8> = (0..length).map(|_| next()).collect();
            super::answers(&data);
        }
    }
}
