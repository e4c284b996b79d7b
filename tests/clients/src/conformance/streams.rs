//! Sections 5 and 7: states of streams, their numbers and how many there may be.

use std::io;

use super::{FINE, MALFORMED, PROTOCOL, Play, Row, soon};
use crate::http2::{
    connection::{Connection, Target},
    frame::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PRIORITY, RST_STREAM, SETTINGS, WHOLE, WINDOW_UPDATE,
        data, frame, number,
    },
};

/// After the end of a stream (section 5.1): an error of the stream or of the connection.
const CLOSED: &str = "reset STREAM_CLOSED|goaway STREAM_CLOSED|close";

pub(super) const ROWS: &[&[Row]] = &[IDLE, HALF_CLOSED, ENDED, NUMBERS];

const IDLE: &[Row] = &[
    ("9113_5_1_data_on_an_idle_stream", Play::Bytes(1, |_| data(END_STREAM, 1, b"a")), PROTOCOL),
    ("9113_5_1_window_update_on_an_idle_stream", Play::Bytes(1, |_| number(WINDOW_UPDATE, 1, 1)), PROTOCOL),
    ("9113_5_1_continuation_on_an_idle_stream", Play::Bytes(1, |_| frame(CONTINUATION, END_HEADERS, 1, b"")), PROTOCOL),
    (
        "9113_5_1_priority_on_an_idle_stream",
        Play::Bytes(1, |t| [frame(PRIORITY, 0, 7, &[0, 0, 0, 0, 1]), t.get(1, &[])].concat()),
        FINE,
    ),
    ("9113_5_1_data_on_an_idle_stream_of_the_server", Play::Bytes(2, |_| data(END_STREAM, 2, b"a")), PROTOCOL),
];

/// The client's half has ended while the server's is open.
const HALF_CLOSED: &[Row] = &[
    ("9113_5_1_data_after_end_stream", Play::Bytes(1, |t| [t.get(1, &[]), data(0, 1, b"a")].concat()), CLOSED),
    ("9113_5_1_headers_after_end_stream", Play::Bytes(1, |t| [t.get(1, &[]), t.get(1, &[])].concat()), CLOSED),
    (
        "9113_5_1_continuation_after_end_stream",
        Play::Bytes(1, |t| [t.get(1, &[]), frame(CONTINUATION, END_HEADERS, 1, b"")].concat()),
        "reset STREAM_CLOSED|goaway STREAM_CLOSED|goaway PROTOCOL_ERROR|close",
    ),
    (
        "9113_5_1_data_after_our_reset",
        Play::Bytes(1, |t| [t.post(1, &[]), number(RST_STREAM, 1, 8), data(END_STREAM, 1, b"a")].concat()),
        CLOSED,
    ),
    (
        "9113_5_1_headers_after_our_reset",
        Play::Bytes(1, |t| [t.post(1, &[]), number(RST_STREAM, 1, 8), t.get(1, &[])].concat()),
        CLOSED,
    ),
    (
        "9113_5_1_priority_after_end_stream",
        Play::Bytes(1, |t| [t.get(1, &[]), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])].concat()),
        FINE,
    ),
    (
        "9113_5_1_window_update_after_end_stream",
        Play::Bytes(1, |t| [t.get(1, &[]), number(WINDOW_UPDATE, 1, 9)].concat()),
        FINE,
    ),
    (
        "9113_5_1_window_update_after_our_reset",
        Play::Bytes(3, |t| {
            [t.get(1, &[]), number(RST_STREAM, 1, 8), number(WINDOW_UPDATE, 1, 1), t.get(3, &[])].concat()
        }),
        FINE,
    ),
    (
        "9113_5_1_reset_twice",
        Play::Bytes(3, |t| [t.get(1, &[]), number(RST_STREAM, 1, 8), number(RST_STREAM, 1, 8), t.get(3, &[])].concat()),
        "2xx|goaway STREAM_CLOSED",
    ),
];

/// Sends a request, waits for all of its response, and sends bytes then.
fn after_a_response(t: &Target, c: &mut Connection, stream: u32, bytes: &[u8]) -> io::Result<String> {
    c.send(&t.get(1, &[]))?;
    c.wait(soon(), |f| f.stream == 1 && f.has(END_STREAM) && matches!(f.kind, DATA | HEADERS));
    c.send(bytes)?;
    Ok(c.outcome(stream, soon()))
}

/// Both halves have ended.
const ENDED: &[Row] = &[
    (
        "9113_5_1_data_on_a_closed_stream",
        Play::Talk(|t, c| after_a_response(t, c, 1, &data(END_STREAM, 1, b"a"))),
        CLOSED,
    ),
    (
        "9113_5_1_headers_on_a_closed_stream",
        Play::Talk(|t, c| after_a_response(t, c, 1, &t.get(1, &[]))),
        "reset STREAM_CLOSED|goaway STREAM_CLOSED|goaway PROTOCOL_ERROR|close",
    ),
    (
        "9113_5_1_window_update_on_a_closed_stream",
        Play::Talk(|t, c| after_a_response(t, c, 3, &[number(WINDOW_UPDATE, 1, 1), t.get(3, &[])].concat())),
        FINE,
    ),
    (
        "9113_5_1_reset_of_a_closed_stream",
        Play::Talk(|t, c| after_a_response(t, c, 3, &[number(RST_STREAM, 1, 8), t.get(3, &[])].concat())),
        "2xx|goaway STREAM_CLOSED",
    ),
    (
        "9113_5_1_priority_on_a_closed_stream",
        Play::Talk(|t, c| {
            after_a_response(t, c, 3, &[frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]), t.get(3, &[])].concat())
        }),
        FINE,
    ),
];

const NUMBERS: &[Row] = &[
    ("9113_5_1_1_even_number", Play::Bytes(2, |t| t.get(2, &[])), PROTOCOL),
    (
        "9113_5_1_1_lower_number_than_before",
        Play::Bytes(3, |t| [t.post(5, &[]), t.get(3, &[])].concat()),
        "goaway PROTOCOL_ERROR|goaway STREAM_CLOSED|close",
    ),
    ("9113_5_1_1_numbers_may_be_left_out", Play::Bytes(101, |t| t.get(101, &[])), FINE),
    ("9113_5_1_1_greatest_number", Play::Bytes(0x7fff_ffff, |t| t.get(0x7fff_ffff, &[])), FINE),
    (
        "9113_8_1_trailers",
        Play::Bytes(1, |t| {
            [t.post(1, &[]), data(0, 1, b"a"), frame(HEADERS, WHOLE, 1, &crate::http2::fields::literal(b"x", b"y"))]
                .concat()
        }),
        FINE,
    ),
    (
        "9113_8_1_second_headers_without_an_end",
        Play::Bytes(1, |t| {
            [t.post(1, &[]), frame(HEADERS, END_HEADERS, 1, &crate::http2::fields::literal(b"x", b"y"))].concat()
        }),
        MALFORMED,
    ),
    (
        "9113_5_1_2_more_streams_than_the_limit",
        Play::Talk(more_than_the_limit),
        "reset PROTOCOL_ERROR|reset REFUSED_STREAM|goaway PROTOCOL_ERROR|close|no limit",
    ),
];

fn more_than_the_limit(t: &Target, c: &mut Connection) -> io::Result<String> {
    c.wait(soon(), |f| f.kind == SETTINGS);
    let Some(limit) = c.limit else { return Ok("no limit".into()) };
    // Their bodies never come, so all of them stay.
    for at in 0..limit {
        c.send(&t.post(at * 2 + 1, &[("content-length", "1")]))?;
    }
    c.send(&t.post(limit * 2 + 1, &[("content-length", "1")]))?;
    Ok(c.outcome(limit * 2 + 1, soon()))
}
