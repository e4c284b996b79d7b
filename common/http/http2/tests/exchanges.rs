//! What a well-behaved client sees.

mod client;

use client::*;
use fosse_http2::{Code, OUTPUT_BYTES_FULL, WINDOW_BYTES_INITIAL};

const NOTHING: [(&[u8], &[u8]); 0] = [];

fn open(client: &mut Client, bytes: &[u8]) -> Vec<usize> {
    let told = client.send(bytes).unwrap();
    told.iter().filter_map(|told| if let Told::Request(place, _) = told { Some(*place) } else { None }).collect()
}

fn respond(client: &mut Client, place: usize, body: &[u8]) -> usize {
    client.server.respond(place, 200, [(&b"Server"[..], &b"a"[..])].into_iter());
    let gone = client.server.data(place, body, client.now_ms);
    client.server.end(place, NOTHING.into_iter());
    gone
}

/// Lengths of the data of each stream, in the order of their frames.
fn data(frames: &[Frame]) -> Vec<(u32, usize)> {
    frames.iter().filter(|frame| frame.kind == DATA).map(|frame| (frame.stream, frame.payload.len())).collect()
}

#[test]
fn a_request_is_the_head_that_http_1_1_would_have() {
    let mut client = Client::agreed();
    let fields = [
        (":path", "/a?b=c"),
        (":method", "POST"),
        (":authority", "a.example:8443"),
        (":scheme", "https"),
        ("cookie", "a=b"),
        ("user-agent", "x"),
        ("te", "trailers"),
        ("host", "A.example:8443"),
        ("cookie", "c=d"),
        ("x-empty", ""),
    ];
    let told = client.send(&headers(1, 0, &fields)).unwrap();
    let text = "POST /a?b=c HTTP/2.0\r\nhost: a.example:8443\r\nuser-agent: x\r\nte: trailers\r\nx-empty: \r\n\
                cookie: a=b; c=d\r\n\r\n";
    assert_eq!(told, [Told::Request(0, text.to_owned())]);
    let told = client.send(&headers(3, 1, &[(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "b")]));
    assert_eq!(told, Ok(vec![Told::Request(1, "GET / HTTP/2.0\r\nhost: b\r\n\r\n".to_owned())]));
    let told = client.send(&headers(5, 1, &[(":method", "CONNECT"), (":authority", "b:443")]));
    assert_eq!(told, Ok(vec![Told::Request(2, "CONNECT b:443 HTTP/2.0\r\nhost: b:443\r\n\r\n".to_owned())]));
}

#[test]
fn an_extended_connect_is_the_get_that_switches() {
    let mut client = Client::agreed();
    let fields = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/chat"),
        (":authority", "a.example"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let told = client.send(&headers(1, 0, &fields)).unwrap();
    let text = "GET /chat HTTP/2.0\r\nhost: a.example\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                sec-websocket-key: Zm9zc2Ugc3BlYWtzIGgyLg==\r\nsec-websocket-version: 13\r\n\r\n";
    assert_eq!(told, [Told::Request(0, text.to_owned())]);
}

#[test]
fn a_block_in_pieces_is_one_block() {
    let block = block(PLAIN);
    let mut client = Client::agreed();
    let whole = [frame(HEADERS, END_STREAM, 1, &block[..2]), frame(CONTINUATION, END_HEADERS, 1, &block[2..])].concat();
    assert!(matches!(client.send(&whole).as_deref(), Ok([Told::Request(0, _)])));
}

#[test]
fn a_response_ends_with_the_frame_that_has_its_last_byte() {
    let mut client = Client::agreed();
    let places = open(&mut client, &[get(1), get(3), get(5)].concat());
    assert_eq!(respond(&mut client, places[0], b"hello"), 5);
    client.server.respond(places[1], 204, NOTHING.into_iter());
    client.server.end(places[1], NOTHING.into_iter());
    client.server.respond(places[2], 103, [(&b"link"[..], &b"</a>"[..])].into_iter());
    client.server.respond(places[2], 200, NOTHING.into_iter());
    client.server.data(places[2], b"body", 1);
    client.server.end(places[2], [(&b"grpc-status"[..], &b"0"[..])].into_iter());
    let frames = client.received();
    let seen: Vec<(u32, u8, bool)> =
        frames.iter().map(|frame| (frame.stream, frame.kind, frame.flags & END_STREAM != 0)).collect();
    assert_eq!(
        seen,
        [
            (1, HEADERS, false),
            (1, DATA, true),
            (3, HEADERS, true),
            (5, HEADERS, false),
            (5, HEADERS, false),
            (5, DATA, false),
            (5, HEADERS, true)
        ]
    );
    let blocks: Vec<_> =
        frames.iter().filter(|frame| frame.kind == HEADERS).map(|frame| frame.payload.clone()).collect();
    let fields: Vec<_> = blocks.iter().map(|block| client.fields(block)).collect();
    assert_eq!(fields[0], [(":status".into(), "200".into()), ("server".into(), "a".into())]);
    assert_eq!(fields[2], [(":status".into(), "103".into()), ("link".into(), "</a>".into())]);
    assert_eq!(fields[4], [("grpc-status".into(), "0".into())]);
    assert!(places.iter().all(|place| !client.server.is_live(*place)));
}

#[test]
fn a_head_that_no_frame_holds_goes_in_several() {
    let mut client = Client::agreed();
    let places = open(&mut client, &get(1));
    let long = vec![b'v'; 20_000];
    client.server.respond(places[0], 200, [(&b"a"[..], &long[..]), (b"b", &long)].into_iter());
    client.server.end(places[0], NOTHING.into_iter());
    let frames = client.received();
    let kinds: Vec<(u8, u8)> = frames.iter().map(|frame| (frame.kind, frame.flags)).collect();
    assert_eq!(kinds, [(HEADERS, 0), (CONTINUATION, 0), (CONTINUATION, END_HEADERS), (DATA, END_STREAM)]);
    let block: Vec<u8> = frames[..3].iter().flat_map(|frame| frame.payload.clone()).collect();
    assert_eq!(client.fields(&block).len(), 3);
}

#[test]
fn data_waits_for_both_windows_and_goes_when_they_open() {
    let mut client = Client::agreed();
    client.send(&frame(SETTINGS, 0, 0, &setting(4, 10))).unwrap();
    let places = open(&mut client, &get(1));
    assert_eq!(respond(&mut client, places[0], &[7; 100]), 10);
    assert_eq!(data(&client.received()), [(1, 10)]);
    client.send(&window(1, 30)).unwrap();
    assert_eq!(client.fill(), [(0, 30)]);
    assert_eq!(data(&client.received()), [(1, 30)]);
    // A smaller initial window takes from streams that have one (RFC 9113, section 6.9.2).
    client.send(&frame(SETTINGS, 0, 0, &setting(4, 0))).unwrap();
    client.send(&window(1, 5)).unwrap();
    assert_eq!(client.fill(), []);
    client.send(&frame(SETTINGS, 0, 0, &setting(4, 100))).unwrap();
    assert_eq!(client.fill(), [(0, 60)]);
    let frames = client.received();
    assert_eq!((data(&frames), frames.last().unwrap().flags), (vec![(1, 60)], END_STREAM));
    // The connection's window is 65535 in all, of which 100 are gone.
    let places = open(&mut client, &[&frame(SETTINGS, 0, 0, &setting(4, 1 << 20))[..], &get(3), &get(5)].concat());
    assert_eq!(respond(&mut client, places[0], &[7; 65_000]), 65_000);
    assert_eq!(respond(&mut client, places[1], &[7; 1000]), 435);
    assert!(client.server.waits_for_client());
    client.received();
    assert_eq!(client.fill(), []);
    client.send(&window(0, 1000)).unwrap();
    assert_eq!(client.fill(), [(2, 565)]);
    assert!(!client.server.waits_for_client());
}

#[test]
fn more_than_the_output_holds_waits_and_streams_take_turns() {
    let mut client = Client::agreed();
    client.send(&[window(0, 1 << 24), frame(SETTINGS, 0, 0, &setting(4, 1 << 20))].concat()).unwrap();
    let places = open(&mut client, &[get(1), get(3), get(5)].concat());
    for place in &places {
        respond(&mut client, *place, &vec![1; 200_000]);
    }
    let mut order = Vec::new();
    loop {
        client.fill();
        assert!(client.server.output().len() < OUTPUT_BYTES_FULL + 20_000 + 200_100);
        let frames = data(&client.received());
        if frames.is_empty() {
            break;
        }
        order.extend(frames);
    }
    let sum = |stream| order.iter().filter(|(other, _)| *other == stream).map(|(_, length)| length).sum::<usize>();
    assert_eq!([sum(1), sum(3), sum(5)], [200_000; 3]);
    let tail: Vec<u32> = order[13..19].iter().map(|(stream, _)| *stream).collect();
    assert_eq!(tail, [3, 5, 3, 5, 3, 5], "{order:?}");
}

#[test]
fn the_urgent_goes_first_and_what_takes_no_turns_in_one_piece() {
    let mut client = Client::agreed();
    client.send(&[window(0, 1 << 24), frame(SETTINGS, 0, 0, &setting(4, 1 << 20))].concat()).unwrap();
    let with = |id, priority| headers(id, END_STREAM, &[PLAIN, &[("priority", priority)]].concat());
    let requests = [with(1, "u=7"), with(3, "u=5"), with(5, "u=2"), with(7, "u=2"), with(9, "u=6")].concat();
    let places = open(&mut client, &requests);
    for place in &places {
        respond(&mut client, *place, &vec![1; 100_000]);
    }
    client.send(&frame(PRIORITY_UPDATE, 0, 0, &[0, 0, 0, 9, b'u', b'=', b'0'])).unwrap();
    client.received();
    let mut order: Vec<u32> = Vec::new();
    loop {
        client.fill();
        let frames = client.received();
        if frames.is_empty() {
            break;
        }
        order.extend(data(&frames).iter().map(|(stream, _)| *stream));
    }
    order.dedup();
    // The one whose priority came late stands where it stood.
    assert_eq!(order, [5, 7, 3, 9], "the first went at once");
}

#[test]
fn a_client_may_send_what_it_is_granted_and_before_it_knows_of_it_a_window_of_old() {
    let early = vec![1; 16_384];
    let mut client = Client::fresh();
    client.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[]), &post(1)].concat()).unwrap();
    for part in [16_384, 16_384, 16_384, 16_383] {
        assert!(matches!(client.send(&frame(DATA, 0, 1, &early[..part])).as_deref(), Ok([Told::Data(0, _)])));
    }
    // Nothing is given back before the settings are agreed, so no more can come.
    assert_eq!(client.send(&frame(DATA, 0, 1, b"x")).map_err(|why| why.code), Err(Code::FlowControl));

    let mut client = Client::agreed();
    assert_eq!(WINDOW_BYTES_INITIAL, 16_384);
    open(&mut client, &post(1));
    let mut sent = 0;
    for _ in 0..300 {
        client.send(&frame(DATA, 0, 1, &early)).unwrap();
        sent += early.len();
        client.server.grant(0, 16_384);
    }
    assert!(sent > 4 << 20, "the connection's window was given back");
    assert_eq!(client.send(&frame(DATA, END_STREAM, 1, &early)).unwrap().last(), Some(&Told::Ended(0)));
    assert!(client.received().iter().any(|frame| frame.kind == WINDOW_UPDATE && frame.stream == 0));
}

#[test]
fn padding_costs_no_credit() {
    let mut client = Client::agreed();
    open(&mut client, &post(1));
    client.received();
    let padded = [&[200][..], b"data", &[0; 200]].concat();
    for _ in 0..200 {
        assert_eq!(client.send(&frame(DATA, PADDED, 1, &padded)), Ok(vec![Told::Data(0, b"data".to_vec())]));
    }
    assert_eq!(client.received().len(), 200);
}

#[test]
fn a_response_before_the_request_is_whole_stops_it() {
    let mut client = Client::agreed();
    open(&mut client, &post(1));
    client.server.respond(0, 413, NOTHING.into_iter());
    assert!(!client.server.end(0, NOTHING.into_iter()), "it is told");
    let frames = client.received();
    assert_eq!((frames[1].kind, code(&frames[1])), (RST_STREAM, 0));
    // What was on its way is ignored.
    assert_eq!(client.send(&[frame(DATA, 0, 1, b"late"), frame(DATA, 1, 1, b"later")].concat()), Ok(vec![]));
    client.server.release(0);
    assert_eq!(client.send(&frame(DATA, 0, 1, b"late")), Ok(vec![]));
}

#[test]
fn a_list_beyond_all_limits_waits_for_its_response_and_the_table_lives() {
    let mut client = Client::agreed();
    let long = "v".repeat(16_000);
    let fields: Vec<(&str, &str)> = PLAIN.iter().copied().chain((0..3).map(|_| ("a", long.as_str()))).collect();
    let mut block = block(&fields);
    block.extend([0x40, 1, b'b'].iter().chain([0x7f, 0xa1, 0x1e].iter()));
    block.extend([b'w'; 4000]);
    block.extend([0xbe; 20]);
    let mut bytes = Vec::new();
    let mut parts = block.chunks(16_000).peekable();
    let mut kind = HEADERS;
    while let Some(part) = parts.next() {
        let flags = if parts.peek().is_none() { END_HEADERS } else { 0 } | if kind == HEADERS { END_STREAM } else { 0 };
        bytes.extend(frame(kind, flags, 1, part));
        kind = CONTINUATION;
    }
    assert_eq!(client.send(&bytes), Ok(vec![Told::TooLong(0)]));
    assert!(client.scratch.text.capacity() < 200_000);
    client.server.respond(0, 431, NOTHING.into_iter());
    client.server.end(0, NOTHING.into_iter());
    let again = [block_of_table(), vec![0x82, 0x87, 0x84, 0x41, 1, b'a']].concat();
    assert!(client.send(&frame(HEADERS, 5, 3, &again[1..])).is_ok());
}

fn block_of_table() -> Vec<u8> {
    vec![0]
}

#[test]
fn a_bomb_ends_the_connection_in_heads_and_in_trailers() {
    let field = [&[0x40, 1, b'b', 0x7f, 0xa1, 0x1e][..], &[b'w'; 4000]].concat();
    let bomb = [field, vec![0xbe; 10_000]].concat();
    let head = [block(PLAIN), bomb.clone()].concat();
    for bytes in [frame(HEADERS, 5, 1, &head), [post(1), frame(HEADERS, 5, 1, &bomb)].concat()] {
        let ended = Client::agreed().send(&bytes);
        assert_eq!(ended.map_err(|why| why.code), Err(Code::EnhanceYourCalm));
    }
}

#[test]
fn a_connection_that_leaves_serves_what_was_on_its_way() {
    let mut client = Client::agreed();
    open(&mut client, &get(1));
    client.server.leave();
    let frames = client.received();
    assert_eq!((frames[0].kind, code(&frames[0]), &frames[0].payload[..4]), (GOAWAY, 0, &[0x7f, 255, 255, 255][..]));
    let ping = frames[1].payload.clone();
    assert_eq!(open(&mut client, &get(3)), [1]);
    client.send(&frame(PING, ACK, 0, &ping)).unwrap();
    let frames = client.received();
    assert_eq!((frames[0].kind, &frames[0].payload[..4]), (GOAWAY, &[0, 0, 0, 3][..]));
    assert!(client.server.has_left());
    assert_eq!(open(&mut client, &get(5)), [0_usize; 0]);
    respond(&mut client, 0, b"a");
    respond(&mut client, 1, b"b");
    assert_eq!(data(&client.received()), [(1, 1), (3, 1)]);
}

#[test]
fn a_connection_that_does_not_wait_takes_no_more_streams() {
    let mut client = Client::agreed();
    open(&mut client, &get(1));
    client.server.leave();
    client.server.leave_now();
    assert_eq!(client.received().len(), 3);
    assert_eq!(open(&mut client, &get(3)), [0_usize; 0]);
    respond(&mut client, 0, b"a");
    assert_eq!(data(&client.received()), [(1, 1)]);
}

#[test]
fn a_stream_that_stands_still_is_found() {
    let mut client = Client::agreed();
    client.send(&frame(SETTINGS, 0, 0, &setting(4, 5))).unwrap();
    let places = open(&mut client, &[get(1), get(3)].concat());
    respond(&mut client, places[0], &[1; 30_000]);
    client.now_ms += 5000;
    respond(&mut client, places[1], &[1; 30_000]);
    assert_eq!(client.server.stalled(client.now_ms - 1000), Some(0));
    client.send(&window(1, 1)).unwrap();
    client.fill();
    assert_eq!(client.server.stalled(client.now_ms - 1000), Some(0), "a byte is no progress");
    client.send(&window(1, 9000)).unwrap();
    client.fill();
    assert_eq!(client.server.stalled(client.now_ms - 1000), None);
    client.now_ms += 5000;
    for place in places {
        assert!(client.server.stalled(client.now_ms - 1000).is_some());
        client.server.reset(place, Code::Cancel);
    }
    assert_eq!(client.server.stalled(client.now_ms), None);
}

#[test]
fn responses_on_streams_that_are_over_are_nothing() {
    let mut client = Client::agreed();
    let places = open(&mut client, &get(1));
    client.send(&reset(1)).unwrap();
    respond(&mut client, places[0], b"late");
    client.server.grant(places[0], 5);
    client.server.reset(places[0], Code::Cancel);
    assert_eq!(client.received(), []);
    client.server.release(places[0]);
    client.server.release(places[0]);
    assert_eq!(client.server.places(), 0);
}

#[test]
fn a_ping_is_returned_and_settings_are_acknowledged() {
    let mut client = Client::agreed();
    client.send(&[frame(PING, 0, 0, b"12345678"), frame(SETTINGS, 0, 0, &setting(3, 9))].concat()).unwrap();
    let expected = [(PING, b"12345678".to_vec()), (SETTINGS, vec![])];
    let frames = client.received();
    assert!(frames.iter().all(|frame| frame.flags == ACK));
    assert_eq!(frames.into_iter().map(|frame| (frame.kind, frame.payload)).collect::<Vec<_>>(), expected);
}
