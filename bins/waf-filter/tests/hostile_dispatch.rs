//! A dispatch that breaks the protocol about responses that are inspected.

use std::rc::Rc;

use fosse_counters::Counters;
use fosse_settings::{WafFilter, WafPolicy, WafProfile};
use fosse_waf_filter::{Filter, Outputs, Rules};
use fosse_wire::{
    Frame, Kind, Outbox, StreamId, WireError,
    fields::FieldsWriter,
    request::{BodyLength, RequestHead},
    response::ResponseHead,
};

/// A filter for which the response of one stream is pending.
fn pending() -> (Filter, StreamId) {
    let profile =
        WafProfile { rules: Some(0), rules_milliseconds_max: 60_000, inspect_responses: true, ..WafProfile::default() };
    let config = WafFilter {
        profiles: vec![profile],
        policies: vec![WafPolicy::default()],
        lane_held_bytes_max: 1 << 20,
        ..WafFilter::default()
    };
    let sets = vec![fosse_bundle::RuleSet { entries: vec!["a".into()] }];
    let text = "SecRule RESPONSE_BODY \"@contains bad\" \"id:1,phase:4,deny\"\n";
    let files = [("a".to_owned(), text.as_bytes().to_vec())].into();
    let rules = Rules::compile(&config, fosse_bundle::Bundle { sets, files }).unwrap();
    let mut filter = Filter::new(Some(config), rules, |_, _| {}, None, Rc::new(Counters::private()));
    // A turn that is never late, however slow the machine.
    filter.begin_turn(u64::MAX);
    let (stream, mut body) = (StreamId::first(3).unwrap(), Vec::new());
    let head = RequestHead { method: b"GET", target: b"/", line: b"GET / HTTP/1.1", host: b"a", ..Default::default() };
    head.encode(&mut body).unwrap();
    for (kind, body) in [(Kind::Request, body), (Kind::RequestEnd, vec![0, 0])] {
        let (mut to_dispatch, mut to_parse) = (Outbox::default(), Outbox::default());
        let out =
            &mut Outputs { to_dispatch: &mut to_dispatch, to_parse: &mut to_parse, to_encode: &mut Outbox::default() };
        filter.on_request_frame(&Frame { stream, kind, body: &body }, out).unwrap();
        assert!(Frame::split(to_dispatch.pending()).unwrap().is_some_and(|(frame, _)| frame.kind == kind));
    }
    (filter, stream)
}

/// Takes a frame from dispatch; returns the kinds of those that go to parse.
fn says(filter: &mut Filter, stream: StreamId, kind: Kind, body: &[u8]) -> Result<Vec<Kind>, WireError> {
    let (mut to_dispatch, mut to_parse) = (Outbox::default(), Outbox::default());
    let out =
        &mut Outputs { to_dispatch: &mut to_dispatch, to_parse: &mut to_parse, to_encode: &mut Outbox::default() };
    filter.on_response_frame(&Frame { stream, kind, body }, out)?;
    let mut kinds = Vec::new();
    while let Some((frame, taken)) = Frame::split(to_parse.pending())? {
        kinds.push(frame.kind);
        to_parse.advance(taken);
    }
    Ok(kinds)
}

fn head(head: &ResponseHead<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    head.encode_fixed(&mut body);
    let mut fields = FieldsWriter::new(&mut body);
    fields.push(b"Content-Type", b"text/html").unwrap();
    fields.finish();
    body
}

#[test]
fn whatever_dispatch_may_not_say_of_an_inspected_response_ends_the_session() {
    let fine = head(&ResponseHead { status: 200, body: BodyLength::Chunked, ..ResponseHead::default() });
    let leased =
        head(&ResponseHead { status: 200, lease: true, body: BodyLength::Exact(9), ..ResponseHead::default() });
    let much = vec![b'x'; 16 * 1024 + 1];
    let end = [9, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let (response, more, over) = (Kind::Response, Kind::ResponseData, Kind::ResponseEnd);
    let lies: [&[(Kind, &[u8])]; 9] = [
        &[(more, b"before a head")],
        &[(over, &[0; 10])],
        &[(response, &leased)],
        &[(response, b"no head")],
        &[(response, &fine), (response, &fine)],
        &[(response, &fine), (over, &end)],
        &[(response, &fine), (over, b"")],
        &[(response, &fine), (Kind::Request, b"")],
        &[(response, &fine), (more, &much)],
    ];
    for lie in lies {
        let (mut filter, stream) = pending();
        let (last, before) = lie.split_last().unwrap();
        for (kind, body) in before {
            assert_eq!(says(&mut filter, stream, *kind, body), Ok(Vec::new()), "it is buffered");
        }
        assert!(says(&mut filter, stream, last.0, last.1).is_err(), "{:?}", last.0);
    }
}

#[test]
fn after_a_denial_only_what_dispatch_wrote_itself_passes() {
    let fine = head(&ResponseHead { status: 200, body: BodyLength::Chunked, ..ResponseHead::default() });
    let own = head(&ResponseHead { status: 403, own: true, denied: true, ..ResponseHead::default() });
    let deny = |filter: &mut Filter, stream| {
        for (kind, body) in [(Kind::Response, &fine[..]), (Kind::ResponseData, b"bad"), (Kind::ResponseEnd, &[0; 10])] {
            assert_eq!(says(filter, stream, kind, body), Ok(Vec::new()));
        }
    };
    let (mut filter, stream) = pending();
    deny(&mut filter, stream);
    assert!(says(&mut filter, stream, Kind::Response, &fine).is_err());
    let (mut filter, stream) = pending();
    deny(&mut filter, stream);
    assert_eq!(says(&mut filter, stream, Kind::Response, &own), Ok(vec![Kind::Response]));
    assert_eq!(says(&mut filter, stream, Kind::ResponseEnd, &[0; 10]), Ok(vec![Kind::ResponseEnd]));
}
