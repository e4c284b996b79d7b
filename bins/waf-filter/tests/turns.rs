//! Who has the time of a turn.

use std::rc::Rc;

use fosse_counters::Counters;
use fosse_eventloop::clock_us;
use fosse_settings::{WafFilter, WafMode, WafPolicy, WafProfile};
use fosse_waf_filter::{Filter, Outputs, Rules};
use fosse_wire::{
    Frame, Kind, Outbox, StreamId,
    request::{BodyLength, Endpoint, RequestHead},
};

/// Bytes of a long body: few, so that one slice of time is enough for it.
const BODY_BYTES: usize = 10_000;

fn filter() -> Filter {
    let profile = WafProfile {
        waf: WafMode::Block,
        body_bytes_max: 1 << 20,
        rules_milliseconds_max: 60_000,
        ..WafProfile::default()
    };
    let config = WafFilter {
        policies: vec![WafPolicy::default()],
        profiles: vec![WafProfile { rules: Some(0), ..profile }],
        ..WafFilter::default()
    };
    let text = "SecAction \"id:1,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On\"\n\
        SecRule REQUEST_BODY \"@rx (?i)bad\" \"id:2,phase:2,deny,t:urlDecodeUni\"\n";
    let sets = vec![fosse_bundle::RuleSet { entries: vec!["a".into()] }];
    let files = [("a".to_owned(), text.as_bytes().to_vec())].into();
    let rules = Rules::compile(&config, fosse_bundle::Bundle { sets, files }).unwrap();
    Filter::new(Some(config), rules, |_, _| {}, None, Rc::new(Counters::private()))
}

fn head(last: u8, body: BodyLength) -> RequestHead<'static> {
    let client = Endpoint { addr: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, last], port: 1 };
    RequestHead { method: b"POST", target: b"/", client, body, ..RequestHead::default() }
}

/// Returns the streams whose requests went on, in that order.
fn sent_on(out: &mut Outbox) -> Vec<StreamId> {
    let mut streams = Vec::new();
    while let Some((frame, length)) = Frame::split(out.pending()).unwrap() {
        streams.extend((frame.kind == Kind::Request).then_some(frame.stream));
        out.advance(length);
    }
    streams
}

#[test]
fn a_long_body_waits_for_its_turn_and_what_comes_after_it_does_not() {
    let (mut filter, mut out, mut back) = (filter(), Outbox::default(), Outbox::default());
    let [long, short] = [0, 1].map(|slot| StreamId::first(slot).unwrap());
    let mut frames = Outbox::default();
    let bytes = u64::try_from(BODY_BYTES).unwrap();
    frames.frame(long, Kind::Request, |body| head(1, BodyLength::Exact(bytes)).encode(body)).unwrap();
    frames.raw(long, Kind::RequestData, &[b'x'; BODY_BYTES]);
    frames.raw(long, Kind::RequestEnd, &[0, 0]);
    frames.frame(short, Kind::Request, |body| head(2, BodyLength::None).encode(body)).unwrap();
    filter.begin_turn(clock_us());
    let mut rest = frames.pending();
    while let Some((frame, length)) = Frame::split(rest).unwrap() {
        filter
            .on_request_frame(
                &frame,
                &mut Outputs { to_dispatch: &mut out, to_parse: &mut back, to_encode: &mut Outbox::default() },
            )
            .unwrap();
        rest = &rest[length..];
    }
    assert!(filter.is_busy());
    while filter.is_busy() {
        filter
            .work(&mut Outputs { to_dispatch: &mut out, to_parse: &mut back, to_encode: &mut Outbox::default() })
            .unwrap();
    }
    assert_eq!(sent_on(&mut out), [short, long]);
}
