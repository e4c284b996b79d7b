//! A connection with several requests at a time: each has its own stream, and nothing of one shows
//! in another.

use fosse_counters::{Counters, parse as count};
use fosse_front::caller::{Caller, KeptHandshake};
use fosse_front::context::Context;
use fosse_front::refused::Refused;
use fosse_front::request::Request;
use fosse_front::response::{Heard, Way};
use fosse_front::settings::Settings;
use fosse_front::stream::Stream;
use fosse_http1::{HeadLimits, RequestHead};
use fosse_settings::ParseSite;
use fosse_wire::channel::Connection;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::{BodyLength, RequestHead as Written, Version};
use fosse_wire::response::{ResponseEnd, ResponseHead};
use fosse_wire::{Frame, Kind, Outbox, StreamId, WireError};

/// A connection over TLS, of a lane without a configuration.
fn connection() -> (Caller, Context, Outbox) {
    let mut settings = Settings::plain();
    settings.blob.sites = vec![ParseSite { tls_terms: 1, ..ParseSite::default() }];
    let context = Context::new("fosse-front", settings, Counters::private(), 0);
    let mut caller = Caller::new(Connection { id: 7, ..Connection::default() }, &context);
    let tls = KeptHandshake {
        version: 0x0304,
        cipher: 0x1301,
        name: Box::from(&b"a.example"[..]),
        ..KeptHandshake::default()
    };
    caller.tls = Some(Box::new(tls));
    (caller, context, Outbox::default())
}

fn begin(slot: u32, target: &str, caller: &mut Caller, context: &mut Context, out: &mut Outbox) -> Stream {
    let head = format!("POST {target} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n");
    let head = RequestHead::parse(head.as_bytes(), &HeadLimits::DEFAULT).unwrap();
    let line = format!("POST {target} HTTP/2.0");
    let request = Request { version: Version::Http2, line: line.as_bytes(), ..Request::from(&head) };
    let mut stream = Stream::new(StreamId::first(slot).unwrap(), context);
    let asker = stream.admit(&request, caller, context).unwrap();
    let terms = stream.terms(&request, asker, caller, context).unwrap();
    stream.begin(&request, &terms, asker, caller, context, out).unwrap();
    stream
}

/// Takes the frames that were written.
fn frames(out: &mut Outbox) -> Vec<(StreamId, Kind, Vec<u8>)> {
    let (mut frames, mut used_up) = (Vec::new(), 0);
    while let Ok(Some((frame, used))) = Frame::split(&out.pending()[used_up..]) {
        frames.push((frame.stream, frame.kind, frame.body.to_vec()));
        used_up += used;
    }
    out.advance(used_up);
    frames
}

fn body(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = Vec::new();
    write(&mut body);
    body
}

fn response(length: BodyLength) -> Vec<u8> {
    body(|out| ResponseHead { status: 200, body: length, ..ResponseHead::default() }.encode(out).unwrap())
}

fn end() -> Vec<u8> {
    body(|out| ResponseEnd::default().encode(out).unwrap())
}

#[test]
#[expect(clippy::too_many_lines, reason = "two requests side by side, frame by frame")]
fn the_requests_of_a_connection_are_streams_of_their_own() {
    let (mut caller, mut context, mut out) = connection();
    let (caller, context, out) = (&mut caller, &mut context, &mut out);
    let mut streams = [(3, "/a"), (4, "/b")].map(|(slot, target)| begin(slot, target, caller, context, out));
    let heads = frames(out);
    for ((stream, target), (id, kind, head)) in streams.iter().zip(["/a", "/b"]).zip(&heads) {
        assert_eq!((*id, *kind), (stream.id, Kind::Request));
        let head = Written::decode(head).unwrap();
        assert_eq!((head.version, head.secure, head.connection), (Version::Http2, true, 7));
        assert!(head.paced, "its socket is not lent");
        assert_eq!((head.tls_version, head.tls_cipher, head.sni), (0x0304, 0x1301, &b"a.example"[..]));
        assert_eq!((head.target, head.line), (target.as_bytes(), format!("POST {target} HTTP/2.0").as_bytes()));
    }
    assert_ne!(Written::decode(&heads[0].2).unwrap().request, Written::decode(&heads[1].2).unwrap().request);
    // The second one goes all the way while the first has sent a part of its body.
    streams[0].pass_on(b"abc", context, out).unwrap();
    streams[1].pass_on(b"hello", context, out).unwrap();
    streams[1].end_request(context, out).unwrap();
    let kinds: Vec<(StreamId, Kind)> = frames(out).iter().map(|(id, kind, _)| (*id, *kind)).collect();
    let [first, second] = [streams[0].id, streams[1].id];
    assert_eq!(kinds, [(first, Kind::RequestData), (second, Kind::RequestData), (second, Kind::RequestEnd)]);
    let mut hear = |at: usize, kind, body: &[u8], caller: &mut Caller, context: &mut Context| {
        let frame = Frame { stream: streams[at].id, kind, body };
        match streams[at].hear(&frame, Way::Ring, caller, context, out).unwrap() {
            Heard::Head(head) => {
                assert!(!streams[at].begin_response(&head, false).unwrap());
                "head"
            }
            Heard::Data(data) => core::str::from_utf8(data).map(|_| "data").unwrap(),
            Heard::End { .. } => {
                assert_eq!(streams[at].complete(context, out), at == 0, "the first request is not whole");
                "end"
            }
            _ => "other",
        }
    };
    assert_eq!(hear(1, Kind::Response, &response(BodyLength::Exact(2)), caller, context), "head");
    assert_eq!(hear(0, Kind::Response, &response(BodyLength::Chunked), caller, context), "head");
    assert_eq!(hear(1, Kind::ResponseData, b"ok", caller, context), "data");
    assert_eq!(hear(0, Kind::ResponseData, b"more", caller, context), "data");
    assert_eq!(hear(1, Kind::ResponseEnd, &end(), caller, context), "end");
    assert_eq!(hear(0, Kind::ResponseEnd, &end(), caller, context), "end");
    assert!(!streams[0].exchange.open && !streams[1].exchange.open);
    assert_eq!((streams[0].exchange.bytes_in, streams[1].exchange.bytes_in), (3, 5));
    assert_eq!((streams[0].exchange.bytes_out, streams[1].exchange.bytes_out), (4, 2));
    assert_eq!((caller.requests, context.counters.get(count::RESPONSES)), (2, 2));
    let reset: Vec<(StreamId, Kind)> = frames(out).iter().map(|(id, kind, _)| (*id, *kind)).collect();
    assert_eq!(reset, [(first, Kind::Reset)], "what is left of its body has nowhere to go");
}

#[test]
fn what_ends_one_request_leaves_the_others() {
    let (mut caller, mut context, mut out) = connection();
    let (caller, context, out) = (&mut caller, &mut context, &mut out);
    let mut streams = [1, 2, 3].map(|slot| begin(slot, "/", caller, context, out));
    frames(out);
    let [gone, refused, stays] = &mut streams;
    gone.abort(ResetReason::Client, context, out);
    refused.give_up(b"", Refused::BODY_LATE, caller, context, out);
    assert_eq!(refused.local(b"", Refused::BODY_LATE, caller, &context.settings).status, 408);
    let written = frames(out);
    assert_eq!(
        written.iter().map(|(id, kind, _)| (*id, *kind)).collect::<Vec<_>>(),
        [(gone.id, Kind::Reset), (refused.id, Kind::Reset)]
    );
    // Frames that crossed the reset are thrown away; a length that does not hold is a fault whose
    // stream it is.
    let head = response(BodyLength::Exact(2));
    for stream in [gone, refused] {
        let frame = Frame { stream: stream.id, kind: Kind::Response, body: &head };
        assert!(matches!(stream.hear(&frame, Way::Ring, caller, context, out), Ok(Heard::Nothing)));
    }
    let frame = Frame { stream: stays.id, kind: Kind::Response, body: &head };
    let Ok(Heard::Head(head)) = stays.hear(&frame, Way::Ring, caller, context, out) else { panic!("a head") };
    stays.begin_response(&head, false).unwrap();
    let frame = Frame { stream: stays.id, kind: Kind::ResponseData, body: b"long" };
    let heard = stays.hear(&frame, Way::Ring, caller, context, out);
    assert_eq!(heard.err(), Some(WireError::Field("response length")));
}

#[test]
fn the_socket_of_many_streams_is_never_lent() {
    let (mut caller, mut context, mut out) = connection();
    let mut stream = begin(0, "/", &mut caller, &mut context, &mut out);
    let head = ResponseHead { status: 200, body: BodyLength::Exact(2), lease: true, ..ResponseHead::default() };
    assert_eq!(stream.begin_response(&head, false), Err(WireError::Field("lease")));
}
