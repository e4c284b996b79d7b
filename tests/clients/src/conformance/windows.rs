//! Section 6.9: flow control. The response to any request has more bytes than the few that these
//! rows let through.

use std::io;

use super::{FINE, Play, Row, SIZE, quietly, soon};
use crate::http2::{
    connection::Connection,
    frame::{DATA, END_STREAM, INITIAL_WINDOW_SIZE, WINDOW_UPDATE, data, frame, number, settings},
};

const OVERFLOW: &str = "goaway FLOW_CONTROL_ERROR|close";
const MOST: u32 = 0x7fff_ffff;

/// Bytes of bodies that come until nothing more does.
fn bytes(c: &mut Connection) -> usize {
    let mut bytes = 0;
    while let Some(frame) = c.wait(if bytes == 0 { soon() } else { quietly() }, |f| f.kind == DATA) {
        bytes += frame.payload.len();
        if frame.has(END_STREAM) {
            break;
        }
    }
    bytes
}

/// Sends frames, then says how many bytes of bodies came.
fn let_through(c: &mut Connection, frames: &[Vec<u8>]) -> io::Result<usize> {
    c.send(&frames.concat())?;
    Ok(bytes(c))
}

pub(super) const ROWS: &[&[Row]] = &[UPDATES, SENT];

const UPDATES: &[Row] = &[
    (
        "9113_6_9_nothing_for_the_connection",
        Play::Bytes(1, |_| number(WINDOW_UPDATE, 0, 0)),
        "goaway PROTOCOL_ERROR|close",
    ),
    (
        "9113_6_9_nothing_for_a_stream",
        Play::Bytes(1, |t| [t.post(1, &[]), number(WINDOW_UPDATE, 1, 0)].concat()),
        "reset PROTOCOL_ERROR|goaway PROTOCOL_ERROR|close",
    ),
    ("9113_6_9_too_short", Play::Bytes(1, |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1])), SIZE),
    ("9113_6_9_too_long", Play::Bytes(1, |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 0, 1])), SIZE),
    (
        "9113_6_9_reserved_bit_is_ignored",
        Play::Bytes(1, |t| [number(WINDOW_UPDATE, 0, 0x8000_0001), t.get(1, &[])].concat()),
        FINE,
    ),
    (
        "9113_6_9_1_too_much_for_the_connection",
        Play::Bytes(1, |_| [number(WINDOW_UPDATE, 0, MOST), number(WINDOW_UPDATE, 0, MOST)].concat()),
        OVERFLOW,
    ),
    (
        "9113_6_9_1_too_much_for_a_stream",
        Play::Bytes(1, |t| [t.post(1, &[]), number(WINDOW_UPDATE, 1, MOST), number(WINDOW_UPDATE, 1, MOST)].concat()),
        "reset FLOW_CONTROL_ERROR|goaway FLOW_CONTROL_ERROR|close",
    ),
    (
        "9113_6_9_1_greatest_window_of_the_connection",
        Play::Bytes(1, |t| [number(WINDOW_UPDATE, 0, MOST - 65_535), t.get(1, &[])].concat()),
        FINE,
    ),
    (
        "9113_6_9_2_settings_that_make_a_window_too_large",
        Play::Bytes(1, |t| {
            [t.post(1, &[]), number(WINDOW_UPDATE, 1, MOST - 65_535), settings(&[(INITIAL_WINDOW_SIZE, 65_536)])]
                .concat()
        }),
        OVERFLOW,
    ),
];

const SENT: &[Row] = &[
    (
        "9113_6_9_1_a_stream_has_no_more_than_its_window",
        Play::Talk(|t, c| Ok(let_through(c, &[settings(&[(INITIAL_WINDOW_SIZE, 5)]), t.get(1, &[])])?.to_string())),
        "5",
    ),
    (
        "9113_6_9_2_settings_change_open_streams",
        Play::Talk(|t, c| {
            let first = let_through(c, &[settings(&[(INITIAL_WINDOW_SIZE, 5)]), t.get(1, &[])])?;
            let second = let_through(c, &[settings(&[(INITIAL_WINDOW_SIZE, 9)])])?;
            Ok(format!("{first}+{second}"))
        }),
        "5+4",
    ),
    (
        "9113_6_9_2_a_window_may_be_negative",
        Play::Talk(|t, c| {
            let first = let_through(c, &[settings(&[(INITIAL_WINDOW_SIZE, 9)]), t.get(1, &[])])?;
            // 9 sent of 3 are 6 too many, so 8 more are 2.
            let second = let_through(c, &[settings(&[(INITIAL_WINDOW_SIZE, 3)]), number(WINDOW_UPDATE, 1, 8)])?;
            Ok(format!("{first}+{second}"))
        }),
        "9+2",
    ),
    (
        "9113_6_9_1_an_empty_window_lets_heads_through",
        Play::Talk(|t, c| {
            c.send(&[settings(&[(INITIAL_WINDOW_SIZE, 0)]), t.get(1, &[])].concat())?;
            let first = c.wait(soon(), |f| f.stream == 1);
            Ok(first.map_or("close", |f| if f.kind == DATA { "data" } else { "head" }).into())
        }),
        "head",
    ),
    (
        "9113_6_9_1_more_than_the_window_of_a_stream",
        Play::Talk(|t, c| {
            c.send(&t.post(1, &[]))?;
            // The windows that the server opens meanwhile are not read before the end.
            for _ in 0..4_096 {
                if c.send(&data(0, 1, &[b'a'; 16_384])).is_err() {
                    break;
                }
            }
            Ok(c.outcome(1, soon()))
        }),
        "reset FLOW_CONTROL_ERROR|goaway FLOW_CONTROL_ERROR|413|close",
    ),
];
