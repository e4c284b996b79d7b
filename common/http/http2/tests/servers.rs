//! What servers may do to a client of theirs, and what they may not.

use fosse_hpack::Encoder;
use fosse_http2::{Broken, Client, Code, Cut, Fault, Head, Request, Said};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const ENDS: u8 = 1;
const ACK: u8 = 1;
const WHOLE: u8 = 4;
const PADDED: u8 = 8;
const POST: Request<'_> =
    Request { scheme: b"http", method: b"POST", authority: b"a.example", path: b"/", is_ended: false };
const GET: Request<'_> = Request { method: b"GET", is_ended: true, ..POST };
const NONE: [(&[u8], &[u8]); 0] = [];

/// What bytes of the server meant.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Head(Head, String),
    Data(usize, Vec<u8>),
    Ended(usize, String),
    Cut(usize, Cut),
    Leaving,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let (mut out, mut encoder) = (Vec::new(), Encoder::default());
    fields.iter().for_each(|(name, value)| encoder.field(&mut out, name.as_bytes(), value.as_bytes()));
    out
}

fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, flags | WHOLE, stream, &block(fields))
}

fn data(stream: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(0, flags, stream, bytes)
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A client and the bytes of its server that mean nothing yet.
struct Pair {
    client: Client,
    left: Vec<u8>,
}

impl Pair {
    /// One that knows its server's settings.
    fn new() -> Self {
        let mut pair = Self { client: Client::new(65_536), left: Vec::new() };
        assert_eq!(pair.says(&frame(SETTINGS, 0, 0, &[])), Ok(vec![]));
        pair.written();
        pair
    }

    fn says(&mut self, bytes: &[u8]) -> Result<Vec<Told>, Broken> {
        self.left.extend_from_slice(bytes);
        let (mut told, mut text) = (Vec::new(), Vec::new());
        loop {
            let (used, said) = self.client.next(&self.left, 1_000, &mut text)?;
            let lines = || String::from_utf8(text.clone()).unwrap();
            told.extend(said.map(|said| match said {
                Said::Head(head) => Told::Head(head, lines()),
                Said::Data { place, bytes } => Told::Data(place, bytes.to_vec()),
                Said::Ended { place } => Told::Ended(place, lines()),
                Said::Cut { place, why } => Told::Cut(place, why),
                Said::Leaving => Told::Leaving,
            }));
            let is_done = (used, said) == (0, None);
            self.left.drain(..used);
            if is_done {
                return Ok(told);
            }
        }
    }

    /// Takes what the client has to write: kind, flags, stream, payload.
    fn written(&mut self) -> Vec<(u8, u8, u32, Vec<u8>)> {
        let output = self.client.output().to_vec();
        self.client.advance(output.len());
        let mut rest = output.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(&output);
        let mut frames = Vec::new();
        while let [a, b, c, kind, flags, s0, s1, s2, s3, after @ ..] = rest {
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            let stream = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
            frames.push((*kind, *flags, stream, after[..length].to_vec()));
            rest = &after[length..];
        }
        frames
    }

    fn open(&mut self, request: &Request<'_>) -> usize {
        self.client.open(request, NONE.into_iter()).unwrap()
    }
}

fn cut(fault: Fault) -> Cut {
    Cut::Malformed(fault)
}

#[test]
fn a_response_with_trailers_comes_whole_and_its_stream_makes_room() {
    let mut pair = Pair::new();
    let place = pair.open(&POST);
    assert_eq!(pair.client.data(place, b"hello"), 5);
    pair.client.end(place);
    let frames = pair.written();
    assert_eq!((frames[0].0, frames[0].1, frames[0].2), (HEADERS, WHOLE, 1));
    assert_eq!(frames[1], (0, ENDS, 1, b"hello".to_vec()), "the end is a flag of the last data");
    let said = [
        head(1, 0, &[(":status", "103"), ("link", "</a>")]),
        head(1, 0, &[(":status", "200"), ("content-type", "application/grpc+proto"), ("x", "")]),
        frame(0, PADDED, 1, b"\x02ab\0\0"),
        data(1, 0, b"c"),
        head(1, ENDS, &[("grpc-status", "0"), ("content-type", "text/html")]),
    ];
    let told = pair.says(&said.concat()).unwrap();
    let early = Head { place, status: 103, length: None, has_trailers: false, is_ended: false };
    let last = Head { status: 200, has_trailers: true, ..early };
    assert_eq!(
        told,
        [
            Told::Head(early, "HTTP/1.1 103 \r\nlink: </a>\r\n".to_owned()),
            Told::Head(last, "HTTP/1.1 200 \r\ncontent-type: application/grpc+proto\r\nx: \r\n".to_owned()),
            Told::Data(place, b"ab".to_vec()),
            Told::Data(place, b"c".to_vec()),
            Told::Ended(place, "grpc-status: 0\r\n".to_owned()),
        ]
    );
    assert_eq!(pair.client.live(), 0);
    pair.client.release(place);
    assert!(pair.written().iter().all(|frame| frame.0 != RST_STREAM), "a stream that is over is not reset");
}

#[test]
fn no_more_streams_are_opened_than_a_server_lets_be_and_one_before_it_has_said() {
    let mut pair = Pair { client: Client::new(65_536), left: Vec::new() };
    let first = pair.open(&GET);
    assert!(pair.client.open(&GET, NONE.into_iter()).is_none(), "nothing is known yet");
    pair.says(&frame(SETTINGS, 0, 0, &setting(3, 2))).unwrap();
    pair.open(&GET);
    assert!(!pair.client.has_room());
    pair.says(&head(1, ENDS, &[(":status", "204")])).unwrap();
    assert!(pair.client.has_room());
    pair.client.release(first);
    pair.open(&GET);
    pair.says(&frame(SETTINGS, 0, 0, &setting(3, 0))).unwrap();
    assert!(!pair.client.has_room());
}

#[test]
fn a_body_goes_as_far_as_both_windows_and_the_output_reach() {
    let mut pair = Pair::new();
    pair.says(&frame(SETTINGS, 0, 0, &setting(4, 10))).unwrap();
    let place = pair.open(&POST);
    assert_eq!((pair.client.room(place), pair.client.data(place, &[0; 20])), (10, 10));
    assert_eq!(pair.client.data(place, b"x"), 0);
    pair.says(&frame(WINDOW_UPDATE, 0, 1, &[0, 1, 0, 0])).unwrap();
    // The window of the connection is 65,535, ten of which are used; the output takes 64 KiB.
    pair.written();
    assert_eq!(pair.client.data(place, &[0; 70_000]), 65_525);
    pair.written();
    assert_eq!(pair.client.room(place), 0);
    pair.says(&frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 7])).unwrap();
    assert_eq!(pair.client.room(place), 7);
    // A smaller first window takes from streams that are open, below nothing.
    pair.says(&frame(SETTINGS, 0, 0, &setting(4, 0))).unwrap();
    assert_eq!(pair.client.room(place), 1);
}

#[test]
fn what_a_leaving_server_has_not_looked_at_is_told_apart() {
    let mut pair = Pair::new();
    let places: Vec<usize> = (0..4).map(|_| pair.open(&GET)).collect();
    let all = frame(GOAWAY, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    assert_eq!(pair.says(&all), Ok(vec![Told::Leaving]));
    assert!(pair.client.unprocessed().is_empty() && pair.client.is_leaving() && !pair.client.has_room());
    let last = frame(GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0, b'w', b'o']);
    assert_eq!(pair.says(&last), Ok(vec![Told::Leaving]));
    assert_eq!(pair.client.unprocessed(), places[2..]);
    assert_eq!(pair.client.live(), 2);
    // A higher number later takes nothing back.
    pair.says(&all).unwrap();
    let told = pair.says(&head(3, ENDS, &[(":status", "200")])).unwrap();
    assert!(matches!(told[..], [Told::Head(Head { place, .. }, _)] if place == places[1]));
    let refused = frame(RST_STREAM, 0, 1, &(Code::RefusedStream as u32).to_be_bytes());
    assert_eq!(pair.says(&refused), Ok(vec![Told::Cut(places[0], Cut::Unprocessed)]));
}

#[test]
fn a_malformed_response_ends_its_stream_and_no_other() {
    let cases: &[(&[(&str, &str)], Fault)] = &[
        (&[("x", "y")], Fault::BadStatus),
        (&[(":status", "20")], Fault::BadStatus),
        (&[(":status", "099")], Fault::BadStatus),
        (&[(":status", "2000")], Fault::BadStatus),
        (&[(":status", "101")], Fault::BadStatus),
        (&[(":status", "200"), (":status", "200")], Fault::RepeatedPseudo),
        (&[(":status", "200"), ("x", "y"), (":status", "200")], Fault::LatePseudo),
        (&[(":status", "200"), (":path", "/")], Fault::UnknownPseudo),
        (&[(":status", "200"), ("connection", "close")], Fault::ConnectionField),
        (&[(":status", "200"), ("transfer-encoding", "chunked")], Fault::ConnectionField),
        (&[(":status", "200"), ("x", "a\r\nb: c")], Fault::BadFieldValue),
        (&[(":status", "200"), ("x", "a\0")], Fault::BadFieldValue),
        (&[(":status", "200"), ("x", " a")], Fault::PaddedFieldValue),
        (&[(":status", "200"), ("x y", "a")], Fault::BadFieldName),
        (&[(":status", "200"), ("", "a")], Fault::BadFieldName),
        (&[(":status", "200"), ("content-length", "1x")], Fault::BadContentLength),
        (&[(":status", "200"), ("content-length", "1"), ("content-length", "2")], Fault::BadContentLength),
        (&[(":status", "200"), ("content-length", "")], Fault::BadContentLength),
    ];
    for (fields, fault) in cases {
        let mut pair = Pair::new();
        let (bad, good) = (pair.open(&GET), pair.open(&GET));
        assert_eq!(pair.says(&head(1, 0, fields)), Ok(vec![Told::Cut(bad, cut(*fault))]), "{fields:?}");
        assert!(pair.written().contains(&(RST_STREAM, 0, 1, vec![0, 0, 0, 1])));
        // What is still on its way for it is nothing.
        assert_eq!(pair.says(&data(1, ENDS, b"late")), Ok(vec![]));
        let told = pair.says(&head(3, ENDS, &[(":status", "200")])).unwrap();
        assert!(matches!(told[..], [Told::Head(Head { place, .. }, _)] if place == good), "{fields:?}");
    }
}

#[test]
fn a_body_that_is_not_as_announced_or_may_not_be_there_is_cut() {
    let ok = head(1, 0, &[(":status", "200"), ("content-length", "3")]);
    let cases: [(Request<'_>, Vec<Vec<u8>>, Cut); 8] = [
        (GET, vec![ok.clone(), data(1, 0, b"four")], cut(Fault::LengthDisagrees)),
        (GET, vec![ok.clone(), data(1, ENDS, b"2!")], cut(Fault::LengthDisagrees)),
        (GET, vec![head(1, ENDS, &[(":status", "200"), ("content-length", "3")])], cut(Fault::LengthDisagrees)),
        (GET, vec![data(1, 0, b"x")], cut(Fault::MissingPseudo)),
        (GET, vec![head(1, ENDS, &[(":status", "100")])], cut(Fault::BadStatus)),
        (Request { method: b"HEAD", ..GET }, vec![ok.clone(), data(1, 0, b"x")], cut(Fault::LengthDisagrees)),
        (GET, vec![head(1, 0, &[(":status", "204")]), data(1, 0, b"x")], cut(Fault::LengthDisagrees)),
        (GET, vec![head(1, 0, &[(":status", "200")]), head(1, 0, &[("x", "y")])], cut(Fault::UnendedTrailers)),
    ];
    for (request, said, why) in cases {
        let mut pair = Pair::new();
        let place = pair.open(&request);
        let told = pair.says(&said.concat()).unwrap();
        assert_eq!(told.last(), Some(&Told::Cut(place, why)));
    }
    let mut pair = Pair::new();
    let place = pair.open(&Request { method: b"HEAD", ..GET });
    let told = pair.says(&head(1, ENDS, &[(":status", "200"), ("content-length", "3")])).unwrap();
    assert!(matches!(told[..], [Told::Head(Head { length: Some(3), is_ended: true, .. }, _)]), "{told:?}, {place}");
}

#[test]
fn a_server_that_breaks_the_connection_is_told_why() {
    let long = vec![0; 16_385];
    let cases: Vec<(Vec<u8>, Code)> = vec![
        (frame(PUSH_PROMISE, WHOLE, 1, &[0, 0, 0, 2]), Code::Protocol),
        (head(2, 0, &[(":status", "200")]), Code::Protocol),
        (head(3, 0, &[(":status", "200")]), Code::Protocol),
        (head(0, 0, &[(":status", "200")]), Code::Protocol),
        (data(3, 0, b"x"), Code::Protocol),
        (data(0, 0, b"x"), Code::Protocol),
        (frame(0, PADDED, 1, b"\x05ab"), Code::Protocol),
        (frame(RST_STREAM, 0, 5, &[0; 4]), Code::Protocol),
        (frame(RST_STREAM, 0, 1, &[0; 3]), Code::FrameSize),
        (frame(WINDOW_UPDATE, 0, 0, &[0; 4]), Code::Protocol),
        (frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), Code::FlowControl),
        (frame(WINDOW_UPDATE, 0, 0, &[0; 5]), Code::FrameSize),
        (frame(SETTINGS, 0, 1, &[]), Code::Protocol),
        (frame(SETTINGS, ACK, 0, &[0; 6]), Code::FrameSize),
        (frame(SETTINGS, 0, 0, &[0; 5]), Code::FrameSize),
        (frame(SETTINGS, 0, 0, &setting(4, 1 << 31)), Code::FlowControl),
        (frame(SETTINGS, 0, 0, &setting(5, 1)), Code::Protocol),
        (frame(PING, 0, 0, &[0; 7]), Code::FrameSize),
        (frame(PING, 0, 1, &[0; 8]), Code::Protocol),
        (frame(GOAWAY, 0, 1, &[0; 8]), Code::Protocol),
        (frame(GOAWAY, 0, 0, &[0; 7]), Code::FrameSize),
        (frame(CONTINUATION, WHOLE, 1, &[]), Code::Protocol),
        ([frame(HEADERS, 0, 1, &[]), frame(PING, 0, 0, &[0; 8])].concat(), Code::Protocol),
        (frame(HEADERS, WHOLE, 1, &[0xff]), Code::Compression),
        (frame(99, 0, 0, &long), Code::FrameSize),
        (frame(0, 0, 1, &long), Code::FrameSize),
    ];
    for (said, code) in cases {
        let mut pair = Pair::new();
        pair.open(&GET);
        pair.written();
        let why = pair.says(&said).expect_err(&format!("{said:?}"));
        assert_eq!(why.code, code, "{why}");
        pair.client.break_off(&why);
        let frames = pair.written();
        let (kind, _, stream, payload) = frames.last().unwrap();
        assert_eq!((*kind, *stream, &payload[4..8]), (GOAWAY, 0, &(code as u32).to_be_bytes()[..]));
    }
}

#[test]
fn a_server_that_begins_without_its_settings_is_refused() {
    for first in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &frame(PING, 0, 0, &[0; 8])] {
        let mut fresh = Pair { client: Client::new(65_536), left: Vec::new() };
        assert_eq!(fresh.says(first).unwrap_err().code, Code::Protocol);
    }
}

#[test]
fn what_costs_a_server_nothing_has_a_budget_and_a_block_has_an_end() {
    for idle in [
        frame(PING, 0, 0, &[0; 8]),
        frame(SETTINGS, 0, 0, &[]),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        data(1, 0, &[]),
        frame(77, 0, 0, &[]),
    ] {
        let mut pair = Pair::new();
        pair.open(&GET);
        pair.says(&head(1, 0, &[(":status", "200")])).unwrap();
        let broken = (0..5_000).find_map(|_| {
            pair.written();
            pair.says(&idle).err()
        });
        assert_eq!(broken.map(|why| why.code), Some(Code::EnhanceYourCalm), "{idle:?}");
    }
    let mut pair = Pair::new();
    pair.open(&GET);
    pair.says(&frame(HEADERS, 0, 1, &[])).unwrap();
    let broken = (0..100).find_map(|_| pair.says(&frame(CONTINUATION, 0, 1, &[])).err());
    assert_eq!(broken.map(|why| why.code), Some(Code::EnhanceYourCalm));
    // A byte of a block may be a field of 4 KiB.
    let mut pair = Pair::new();
    let place = pair.open(&GET);
    let large = "x".repeat(3900);
    let mut bomb = block(&[(":status", "200"), ("a", &large)]);
    bomb.extend_from_slice(&[0x40, 1, b'b', 0x7f, 0xbd, 0x1d]);
    bomb.extend(core::iter::repeat_n(b'y', 3900));
    bomb.extend(core::iter::repeat_n(0xbe, 60));
    let told = pair.says(&frame(HEADERS, WHOLE, 1, &bomb));
    let is_ended = matches!(&told, Ok(told) if told.contains(&Told::Cut(place, Cut::TooLong)));
    assert!(is_ended || matches!(told, Err(Broken { code: Code::EnhanceYourCalm, .. })), "{told:?}");
}

#[test]
fn more_than_was_granted_is_cut_and_grants_let_more_come() {
    let mut pair = Pair::new();
    let place = pair.open(&GET);
    pair.says(&head(1, 0, &[(":status", "200")])).unwrap();
    let full = data(1, 0, &[0; 16_384]);
    for _ in 0..3 {
        assert!(matches!(pair.says(&full).unwrap()[..], [Told::Data(..)]));
    }
    pair.client.grant(place, 16_384);
    assert!(pair.written().contains(&(WINDOW_UPDATE, 0, 1, vec![0, 0, 0x40, 0])));
    // 65,535 to begin with: one byte less than four frames.
    assert!(matches!(pair.says(&full).unwrap()[..], [Told::Data(..)]));
    assert_eq!(pair.says(&full), Ok(vec![Told::Cut(place, Cut::Overrun)]));
}

#[test]
fn data_for_a_stream_that_was_cut_has_the_end_that_its_window_had() {
    let mut pair = Pair::new();
    let place = pair.open(&GET);
    pair.says(&[head(1, 0, &[(":status", "200")]), data(1, 0, &[0; 16_384])].concat()).unwrap();
    pair.client.release(place);
    // What was on its way: the rest of the window, and an end.
    let full = data(1, 0, &[0; 16_384]);
    pair.says(&[&full[..], &full, &data(1, 0, &[0; 16_383])].concat()).unwrap();
    assert_eq!(pair.says(&data(1, 1, &[])), Ok(vec![]));
    assert!(pair.says(&full).is_err(), "a server that goes on is kept");
}

#[test]
fn a_ping_is_replied_to_and_ours_is_waited_for() {
    let mut pair = Pair::new();
    pair.says(&frame(PING, 0, 0, b"12345678")).unwrap();
    assert!(pair.written().contains(&(PING, ACK, 0, b"12345678".to_vec())));
    pair.client.ping();
    pair.client.ping();
    assert!(pair.client.awaits_pong());
    let pings: Vec<_> = pair.written().into_iter().filter(|frame| frame.0 == PING).collect();
    assert_eq!(pings.len(), 1);
    pair.says(&frame(PING, ACK, 0, &pings[0].3)).unwrap();
    assert!(!pair.client.awaits_pong());
}
