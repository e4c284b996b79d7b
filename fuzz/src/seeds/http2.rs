//! Frames and header blocks of HTTP/2.

use fosse_hpack::Encoder;

/// What frames and blocks are made of.
pub const TEXTS: &[&[u8]] = &[
    b":method",
    b":path",
    b":scheme",
    b":authority",
    b":protocol",
    b"host",
    b"te",
    b"trailers",
    b"cookie",
    b"content-length",
    b"connection",
    b"transfer-encoding",
    b"priority",
    b"u=1, i",
    b"websocket",
    b"CONNECT",
    b"\r\n",
];

type Text = &'static str;
const GET: &[(Text, Text)] =
    &[(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/a?b")];
const POST: &[(Text, Text)] = &[(":method", "POST"), (":scheme", "https"), (":path", "/"), ("host", "a")];
const CONNECT: &[(Text, Text)] = &[
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/"),
    (":authority", "a"),
    ("sec-websocket-version", "13"),
];

fn block(fields: &[(Text, Text)]) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    fields.iter().for_each(|(name, value)| encoder.field(&mut out, name.as_bytes(), value.as_bytes()));
    out
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0, high, low, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// What a client sends behind its settings; the first byte says what it is offered.
pub fn frames() -> Vec<Vec<u8>> {
    let joined = |parts: &[Vec<u8>]| [&[5][..], &parts.concat()].concat();
    let cookies = [GET, &[("cookie", "a=b"), ("cookie", "c=d"), ("te", "trailers"), ("priority", "u=1, i")]].concat();
    let long = [POST, &[("content-length", "5")]].concat();
    let get = block(GET);
    vec![
        joined(&[frame(1, 5, 1, &get), frame(1, 5, 3, &block(&cookies)), frame(8, 0, 0, &[0, 0, 1, 0])]),
        joined(&[frame(1, 4, 1, &block(&long)), frame(0, 0, 1, b"he"), frame(0, 1, 1, b"llo")]),
        joined(&[
            frame(1, 4, 1, &block(POST)),
            frame(0, 8, 1, b"\x02hello\0\0"),
            frame(1, 5, 1, &block(&[("x", "y")])),
        ]),
        joined(&[frame(1, 1, 1, &get[..4]), frame(9, 0, 1, &get[4..9]), frame(9, 4, 1, &get[9..])]),
        joined(&[frame(1, 4, 1, &block(CONNECT)), frame(0, 0, 1, b"\x81\x85"), frame(3, 0, 1, &[0, 0, 0, 8])]),
        joined(&[
            frame(4, 0, 0, &[0, 4, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0]),
            frame(1, 5, 1, &get),
            frame(16, 0, 0, b"\0\0\0\x01u=0"),
            frame(6, 0, 0, b"12345678"),
            frame(2, 0, 1, &[0; 5]),
            frame(8, 0, 1, &[0, 0, 0, 9]),
            frame(7, 0, 0, &[0; 8]),
        ]),
    ]
}

/// What a server sends behind its settings, for the streams 1, 3 and 5.
pub fn servers() -> Vec<Vec<u8>> {
    let joined = |parts: &[Vec<u8>]| [&[0][..], &parts.concat()].concat();
    let ok = block(&[(":status", "200"), ("content-type", "application/grpc")]);
    let long = block(&[(":status", "200"), ("content-length", "5")]);
    let early = block(&[(":status", "103"), ("link", "</a>")]);
    let trailers = block(&[("grpc-status", "0"), ("grpc-message", "ok")]);
    vec![
        joined(&[frame(1, 4, 1, &early), frame(1, 4, 1, &ok), frame(0, 0, 1, b"hello"), frame(1, 5, 1, &trailers)]),
        joined(&[frame(1, 4, 3, &long), frame(0, 8, 3, b"\x01he\0"), frame(0, 1, 3, b"llo"), frame(1, 5, 5, &long)]),
        // More after the end of a response, whose request goes on.
        joined(&[frame(1, 5, 3, &ok), frame(1, 4, 3, &ok), frame(0, 0, 3, b"more"), frame(0, 0, 3, b"more")]),
        joined(&[frame(1, 0, 1, &ok[..3]), frame(9, 4, 1, &ok[3..]), frame(3, 0, 1, &[0, 0, 0, 8])]),
        joined(&[
            frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]),
            frame(8, 0, 3, &[0, 0, 0, 9]),
            frame(6, 0, 0, b"12345678"),
        ]),
        joined(&[frame(4, 0, 0, &[0, 4, 0, 0, 0, 5, 0, 3, 0, 0, 0, 1]), frame(4, 1, 0, &[]), frame(1, 5, 1, &ok)]),
    ]
}

/// Header blocks behind their lengths.
pub fn blocks() -> Vec<Vec<u8>> {
    let behind = |block: &[u8]| [&[u8::try_from(block.len()).unwrap_or(u8::MAX)], block].concat();
    let coded: &[u8] = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    let again: &[u8] = b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
    let sized: &[u8] = b"\x3f\xe1\x01\x40\x01a\x01b\xbe";
    vec![
        [behind(coded), behind(again)].concat(),
        [behind(sized), behind(b"\x20\xbe"), behind(&block(CONNECT))].concat(),
        [behind(&block(GET)), behind(&block(GET)), behind(&block(GET))].concat(),
    ]
}
