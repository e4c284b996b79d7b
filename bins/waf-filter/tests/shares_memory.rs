//! Responses that are inspected share one memory: what is used up costs the source that has most of
//! it, whether its responses are not evaluated yet or its clients do not take them.

use std::rc::Rc;

use fosse_counters::{Counters, waf_filter as count};
use fosse_settings::{WafFilter, WafMode, WafPolicy, WafProfile};
use fosse_waf_filter::{Filter, Outputs, Rules};
use fosse_wire::{
    Frame, Kind, Outbox, StreamId,
    fields::FieldsWriter,
    frame::ResetReason,
    request::{BodyLength, Endpoint, RequestHead},
    response::ResponseHead,
    verdict::Verdict,
};

/// Bytes of a frame of a body: what dispatch may send without more credit.
const PIECE: usize = 16 * 1024;

/// A filter between a parse that grants nothing and a dispatch, with 1 MiB for bodies.
struct Fixture {
    filter: Filter,
    counters: Rc<Counters>,
    to_dispatch: Outbox,
    to_parse: Outbox,
}

/// A frame that went on: its stream, kind and body.
type Sent = (StreamId, Kind, Vec<u8>);

fn drained(outbox: &mut Outbox) -> Vec<Sent> {
    let mut sent = Vec::new();
    while let Some((frame, taken)) = Frame::split(outbox.pending()).unwrap() {
        sent.push((frame.stream, frame.kind, frame.body.to_vec()));
        outbox.advance(taken);
    }
    sent
}

impl Fixture {
    fn new(waf: WafMode) -> Self {
        let profile = WafProfile {
            waf,
            rules: Some(0),
            rules_milliseconds_max: 60_000,
            inspect_responses: true,
            ..WafProfile::default()
        };
        let config = WafFilter {
            profiles: vec![profile],
            policies: vec![WafPolicy::default()],
            lane_held_bytes_max: 1 << 20,
            ..WafFilter::default()
        };
        let sets = vec![fosse_bundle::RuleSet { entries: vec!["a".into()] }];
        let text = "SecResponseBodyLimit 450000\nSecResponseBodyLimitAction ProcessPartial\n\
            SecRule RESPONSE_BODY \"@contains bad\" \"id:1,phase:4,deny\"\n";
        let files = [("a".to_owned(), text.as_bytes().to_vec())].into();
        let rules = Rules::compile(&config, fosse_bundle::Bundle { sets, files }).unwrap();
        let counters = Rc::new(Counters::private());
        let mut filter = Filter::new(Some(config), rules, |_, _| {}, None, Rc::clone(&counters));
        // A turn that is never late, however slow the machine.
        filter.begin_turn(u64::MAX);
        Self { filter, counters, to_dispatch: Outbox::default(), to_parse: Outbox::default() }
    }

    /// Sends a request of 192.0.2.`last`; returns its stream.
    fn request(&mut self, slot: u32, last: u8) -> StreamId {
        let (stream, mut body) = (StreamId::first(slot).unwrap(), Vec::new());
        let addr = std::net::Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped().octets();
        let client = Endpoint { addr, port: 1 };
        let head = RequestHead {
            method: b"GET",
            target: b"/",
            line: b"GET / HTTP/1.1",
            host: b"a",
            client,
            request: u64::from(slot),
            ..Default::default()
        };
        head.encode(&mut body).unwrap();
        for (kind, body) in [(Kind::Request, body), (Kind::RequestEnd, vec![0, 0])] {
            let mut out = Outputs {
                to_dispatch: &mut self.to_dispatch,
                to_parse: &mut self.to_parse,
                to_encode: &mut Outbox::default(),
            };
            self.filter.on_request_frame(&Frame { stream, kind, body: &body }, &mut out).unwrap();
        }
        drained(&mut self.to_dispatch);
        stream
    }

    fn says(&mut self, stream: StreamId, kind: Kind, body: &[u8]) {
        let mut out = Outputs {
            to_dispatch: &mut self.to_dispatch,
            to_parse: &mut self.to_parse,
            to_encode: &mut Outbox::default(),
        };
        self.filter.on_response_frame(&Frame { stream, kind, body }, &mut out).unwrap();
        while self.filter.is_busy() {
            self.filter.work(&mut out).unwrap();
        }
    }

    /// Begins a response whose length is not known, with `length` bytes of it.
    fn response(&mut self, stream: StreamId, length: usize) {
        let mut body = Vec::new();
        ResponseHead { status: 200, body: BodyLength::Chunked, ..ResponseHead::default() }.encode_fixed(&mut body);
        let mut fields = FieldsWriter::new(&mut body);
        fields.push(b"Content-Type", b"text/html").unwrap();
        fields.finish();
        self.says(stream, Kind::Response, &body);
        for piece in vec![b'x'; length].chunks(PIECE) {
            self.says(stream, Kind::ResponseData, piece);
        }
    }

    /// Responds with `length` bytes and the end.
    fn whole_response(&mut self, stream: StreamId, length: usize) {
        self.response(stream, length);
        self.says(stream, Kind::ResponseEnd, &[0; 10]);
    }

    /// Returns the statuses of the verdicts that went to dispatch, and their streams.
    fn verdicts(&mut self) -> Vec<(StreamId, u16)> {
        let sent = drained(&mut self.to_dispatch).into_iter().filter(|(_, kind, _)| *kind == Kind::Verdict);
        sent.map(|(stream, _, body)| (stream, Verdict::decode(&body).unwrap().status)).collect()
    }
}

/// Returns the streams whose responses were reset for want of memory.
fn cut(sent: &[Sent]) -> Vec<StreamId> {
    let limit = [ResetReason::Limit as u8];
    let is_cut = |(_, kind, body): &&Sent| *kind == Kind::Reset && body[..] == limit;
    sent.iter().filter(is_cut).map(|(stream, ..)| *stream).collect()
}

fn begun(sent: &[Sent]) -> Vec<StreamId> {
    sent.iter().filter(|(_, kind, _)| *kind == Kind::Response).map(|(stream, ..)| *stream).collect()
}

#[test]
fn a_response_that_grows_takes_room_from_the_source_that_has_most_and_not_from_itself() {
    let mut fixture = Fixture::new(WafMode::Block);
    let hoard: Vec<StreamId> = (0..5).map(|slot| fixture.request(slot, 1)).collect();
    let visitor = fixture.request(5, 2);
    for stream in &hoard {
        fixture.response(*stream, 150_000);
    }
    assert_eq!(fixture.verdicts(), []);
    fixture.whole_response(visitor, 200_000);
    assert_eq!(fixture.verdicts(), [(hoard[0], 503)], "the oldest among equals");
    assert_eq!(begun(&drained(&mut fixture.to_parse)), [visitor]);
}

#[test]
fn a_response_that_its_client_does_not_take_is_cut_where_it_is_the_largest_of_the_source_that_has_most() {
    let mut fixture = Fixture::new(WafMode::Block);
    let (slow, slower, visitor) = (fixture.request(0, 1), fixture.request(1, 1), fixture.request(2, 2));
    fixture.whole_response(slow, 390_000);
    fixture.whole_response(slower, 400_000);
    assert_eq!(begun(&drained(&mut fixture.to_parse)), [slow, slower]);
    fixture.whole_response(visitor, 400_000);
    let sent = drained(&mut fixture.to_parse);
    assert_eq!((cut(&sent), begun(&sent), fixture.verdicts()), (vec![slower], vec![visitor], vec![]));
    // Its slot may have another request at once: dispatch has ended it before.
    let next = slower.next();
    let mut head = Vec::new();
    RequestHead { method: b"GET", target: b"/", line: b"GET / HTTP/1.1", host: b"a", ..Default::default() }
        .encode(&mut head)
        .unwrap();
    let mut out = Outputs {
        to_dispatch: &mut fixture.to_dispatch,
        to_parse: &mut fixture.to_parse,
        to_encode: &mut Outbox::default(),
    };
    fixture.filter.on_request_frame(&Frame { stream: next, kind: Kind::Request, body: &head }, &mut out).unwrap();
}

#[test]
fn one_that_dispatch_still_sends_is_ended_there_before_parse_hears_of_it() {
    let mut fixture = Fixture::new(WafMode::Block);
    let (slow, slower, visitor) = (fixture.request(0, 1), fixture.request(1, 1), fixture.request(2, 2));
    // More of both is to come: they are evaluated in part.
    fixture.response(slow, 450_001);
    fixture.response(slower, 28 * PIECE);
    drained(&mut fixture.to_parse);
    fixture.whole_response(visitor, 400_000);
    assert_eq!(cut(&drained(&mut fixture.to_parse)), []);
    assert_eq!(cut(&drained(&mut fixture.to_dispatch)), [slower]);
    fixture.says(slower, Kind::Reset, &[ResetReason::Echo as u8]);
    assert_eq!(cut(&drained(&mut fixture.to_parse)), [slower]);
    assert_eq!(fixture.counters.get(count::OVER_MEMORY), 1);
}

#[test]
fn a_site_that_watches_loses_no_response_and_none_grows_beyond_the_memory() {
    let mut fixture = Fixture::new(WafMode::Detect);
    let streams: Vec<StreamId> = (0..3).map(|slot| fixture.request(slot, 1)).collect();
    streams.iter().for_each(|stream| fixture.whole_response(*stream, 300_000));
    let last = fixture.request(3, 1);
    fixture.response(last, 0);
    drained(&mut fixture.to_parse);
    let mut pieces = 0;
    while begun(&drained(&mut fixture.to_parse)).is_empty() {
        fixture.says(last, Kind::ResponseData, &[b'x'; PIECE]);
        pieces += 1;
    }
    assert!(pieces < 300_000 / PIECE, "it goes on in part: {pieces}");
    assert_eq!((fixture.verdicts(), fixture.counters.get(count::OVER_MEMORY)), (vec![], 1));
}
