//! Entry point for a fuzzer: any lawful conversation with any site, against the filter contract.

use std::{collections::HashMap, rc::Rc, sync::OnceLock};

use fosse_counters::{Counters, waf_filter as count};
use fosse_eventloop::clock_us;
use fosse_settings::{OverLimit, WafFilter, WafMode, WafPolicy, WafProfile};
use fosse_wire::{
    Frame, Kind, Outbox, StreamId,
    order::Forward,
    request::{BodyLength, RequestHead},
};

use super::waf_filter_store_double::FakeStore;
use fosse_waf_filter::{Filter, Outputs, Rules};

/// Streams of the conversation.
const STREAMS: usize = 6;
/// Sites: rules or none, blocking or watching, bodies refused or judged in part, a small memory for
/// all of them.
const SITES: u8 = 8;
const BODY_BYTES_MAX: u64 = 64;

/// One stream as parse and dispatch see it.
#[derive(Debug, Default)]
struct Model {
    id: Option<StreamId>,
    sent: Forward,
    /// Body bytes sent since the head.
    body_sent: Vec<u8>,
    /// What came out.
    out: Forward,
    body_out: Vec<u8>,
    ended: bool,
    denied: bool,
    held: u64,
    granted: u64,
}

fn config() -> WafFilter {
    let profile = |number: u8| WafProfile {
        waf: match number {
            7 => WafMode::Off,
            n if n & 1 == 1 => WafMode::Detect,
            _ => WafMode::Block,
        },
        body_over_limit: if number & 2 == 0 { OverLimit::Reject } else { OverLimit::PassInPart },
        rules: (number & 4 == 0).then_some(0),
        body_bytes_max: BODY_BYTES_MAX,
        // Never the reason: what a run finds must not hang on the clock.
        rules_milliseconds_max: 60_000,
        ..WafProfile::default()
    };
    let policies = (0..SITES)
        .map(|number| WafPolicy { profile: u32::from(number), buffer_requests: false, streams_calls: false })
        .collect();
    let profiles = (0..SITES).map(profile).collect();
    WafFilter { policies, profiles, lane_held_bytes_max: 200, ..WafFilter::default() }
}

fn rules() -> Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    let compiled = || {
        let text = "SecRule ARGS|REQUEST_URI \"@contains bad\" \"id:1,phase:1,deny\"\n\
            SecAction \"id:2,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On\"\n\
            SecAction \"id:4,phase:1,pass,nolog,initcol:ip=everybody,setvar:ip.n=+1\"\n\
            SecRule IP:n \"@eq 200\" \"id:5,phase:1,deny\"\n\
            SecRule REQUEST_BODY \"@contains bad\" \"id:3,phase:2,deny\"\n";
        let sets = vec![fosse_bundle::RuleSet { entries: vec!["a".into()] }];
        let files = [("a".to_owned(), text.as_bytes().to_vec())].into();
        Rules::compile(&config(), fosse_bundle::Bundle { sets, files }).expect("the rules compile")
    };
    RULES.get_or_init(compiled).clone()
}

/// Every request is passed on whole, in order and once, or replaced by one verdict; no credit is
/// granted for what is not there; at the end nothing is held, whatever the store said, or did not
/// say.
///
/// # Panics
/// Where that does not hold.
pub fn judge(data: &[u8]) {
    let counters = Rc::new(Counters::private());
    let mut talk = Talk {
        store: FakeStore::default(),
        filter: Filter::new(Some(config()), rules(), |_, _| {}, None, Rc::clone(&counters)),
        counters,
        is_late: false,
        out: Outbox::default(),
        back: Outbox::default(),
        models: (0..STREAMS).map(|_| Model::default()).collect(),
        slots: HashMap::new(),
    };
    for pair in data.chunks_exact(2) {
        if let [what, with] = pair {
            talk.step(*what, *with);
        }
    }
    talk.finish();
}

struct Talk {
    store: FakeStore,
    filter: Filter,
    counters: Rc<Counters>,
    /// From some time on every frame comes in a turn that has taken long enough.
    is_late: bool,
    out: Outbox,
    back: Outbox,
    models: Vec<Model>,
    slots: HashMap<usize, StreamId>,
}

impl Talk {
    fn step(&mut self, what: u8, with: u8) {
        let at = usize::from(what & 7) % STREAMS;
        match what >> 3 & 7 {
            0 => self.begin(at, with),
            1 | 2 => self.data(at, with),
            3 => self.send(at, Kind::RequestEnd, &[0, 0]),
            4 => self.send(at, Kind::Reset, &[0]),
            5 => self.send(at, Kind::ResponseCredit, &1u32.to_le_bytes()),
            6 if with & 1 == 0 => self.is_late = true,
            6 => self.store_acts(with),
            _ => self
                .filter
                .work(&mut Outputs {
                    to_dispatch: &mut self.out,
                    to_parse: &mut self.back,
                    to_encode: &mut Outbox::default(),
                })
                .expect("work goes on"),
        }
        self.look();
    }

    /// The store comes, answers, tells lies, is late.
    fn store_acts(&mut self, with: u8) {
        let filter = &mut self.filter;
        match with >> 1 & 7 {
            0 => self.store.comes(filter),
            1..=4 => self.store.answers(filter, usize::from(with >> 4)),
            5 => self.store.says(filter, &[with; 9]),
            _ => self.store.is_late(filter),
        }
    }

    fn begin(&mut self, at: usize, with: u8) {
        let Some(model) = self.models.get_mut(at) else { return };
        // parse uses a slot again when the answer has come round: after an end on both sides.
        if model.sent != Forward::Idle && !(model.sent == Forward::Ended && model.out == Forward::Ended) {
            return;
        }
        let first = || StreamId::first(u32::try_from(at).unwrap_or(0)).expect("slots are few");
        let id = model.id.map_or_else(first, StreamId::next);
        *model = Model { id: Some(id), ..Model::default() };
        self.slots.insert(at, id);
        let target: &[u8] = if with & 8 == 0 { b"/?a=good" } else { b"/?a=bad" };
        let body = match with >> 4 & 3 {
            0 => BodyLength::None,
            1 => BodyLength::Exact(40),
            2 => BodyLength::Exact(400),
            _ => BodyLength::Chunked,
        };
        let expect_continue = with & 64 != 0 && body != BodyLength::None;
        let line = [b"GET ", target, b" HTTP/1.1"].concat();
        let head = RequestHead {
            body,
            expect_continue,
            policy: u32::from(with % SITES),
            method: b"GET",
            host: b"a.example",
            target,
            line: &line,
            ..RequestHead::default()
        };
        let mut bytes = Vec::new();
        head.encode(&mut bytes).expect("a short head");
        self.send(at, Kind::Request, &bytes);
    }

    fn data(&mut self, at: usize, with: u8) {
        let text: &[u8] = if with & 1 == 0 { b"harmless " } else { b"bad " };
        let bytes = text.repeat(usize::from(with >> 4).max(1));
        if let Some(model) = self.models.get_mut(at)
            && model.sent == Forward::Open
        {
            model.body_sent.extend_from_slice(&bytes);
        }
        self.send(at, Kind::RequestData, &bytes);
    }

    /// Sends a frame, if it may come now.
    fn send(&mut self, at: usize, kind: Kind, body: &[u8]) {
        let Some(model) = self.models.get_mut(at) else { return };
        let Some(stream) = model.id else { return };
        let Ok(next) = model.sent.after(kind) else { return };
        model.sent = next;
        self.filter.begin_turn(if self.is_late { 0 } else { clock_us() });
        let out =
            &mut Outputs { to_dispatch: &mut self.out, to_parse: &mut self.back, to_encode: &mut Outbox::default() };
        self.filter.on_request_frame(&Frame { stream, kind, body }, out).expect("a lawful frame is taken");
    }

    /// Reads what came out.
    fn look(&mut self) {
        while let Some((frame, taken)) = Frame::split(self.out.pending()).expect("frames come out") {
            let model = self.models.get_mut(frame.stream.slot()).expect("no stream of its own making");
            assert_eq!(model.id, Some(frame.stream), "nothing of an earlier stream");
            match frame.kind {
                Kind::RequestCredit => {
                    model.granted += u64::from(frame.credit().expect("a credit"));
                    let most = u64::try_from(model.body_sent.len()).unwrap_or(u64::MAX).saturating_add(1);
                    assert!(model.granted <= most, "credit for what came, and one byte ahead");
                    assert_ne!(model.out, Forward::Ended, "no credit behind the end");
                }
                // What dispatch takes no notice of: it crossed an end, or the stream is not there
                // yet.
                Kind::Reset | Kind::ResponseCredit if model.out != Forward::Open => {}
                kind => {
                    model.out = model.out.after(kind).expect("frames in their order");
                    match kind {
                        Kind::Request => {
                            let head = RequestHead::decode(frame.body).expect("a head");
                            model.held = u64::from(head.held);
                            assert!(model.granted <= model.held, "what was granted is said");
                        }
                        Kind::RequestData => model.body_out.extend_from_slice(frame.body),
                        Kind::RequestEnd => model.ended = true,
                        Kind::Verdict => model.denied = true,
                        _ => {}
                    }
                }
            }
            assert!(model.body_sent.starts_with(&model.body_out), "the body as it came");
            self.out.advance(taken);
        }
    }

    fn finish(mut self) {
        for at in 0..STREAMS {
            self.send(at, Kind::RequestEnd, &[0, 0]);
            self.look();
        }
        loop {
            // Whoever waits for a record has waited long enough, also those that only now begin to.
            self.store.is_late(&mut self.filter);
            if !self.filter.is_busy() {
                break;
            }
            self.filter
                .work(&mut Outputs {
                    to_dispatch: &mut self.out,
                    to_parse: &mut self.back,
                    to_encode: &mut Outbox::default(),
                })
                .expect("work goes on");
            self.look();
        }
        for model in self.models.iter().filter(|model| model.id.is_some()) {
            assert_eq!(model.out, Forward::Ended, "every request has its end: {model:?}");
            if model.ended {
                assert!(!model.denied && model.body_out == model.body_sent, "passed on whole: {model:?}");
            }
        }
        assert_eq!(self.counters.get(count::BUFFERED_BYTES), 0, "nothing is held any more");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lawful_conversations_keep_the_contract() {
        let mut seed: u64 = 42;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u8::try_from(seed >> 56).unwrap()
        };
        for _ in 0..3000 {
            let length = usize::from(next()) * 2;
            let data: Vec<u8> = (0..length).map(|_| next()).collect();
            super::judge(&data);
        }
    }
}
