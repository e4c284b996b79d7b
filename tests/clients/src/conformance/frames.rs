//! Sections 3.4, 4 and 6 but for settings and windows: the preface, and frames that are not what
//! they should be.

use super::{FINE, PROTOCOL, Play, Row, SIZE, soon};
use crate::http2::{
    connection::{Target, preface},
    fields::literal,
    frame::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MAX_CONCURRENT_STREAMS, PADDED, PING,
        PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WHOLE, WITH_PRIORITY, claiming, data, error_name, frame,
        number, ping, settings,
    },
};

pub(super) const ROWS: &[&[Row]] = &[PREFACE_ROWS, LAYOUT, DATA_AND_HEADERS, CONTINUATION_ROWS, OTHERS];

const PREFACE_ROWS: &[Row] = &[
    ("9113_3_4_preface_and_settings", Play::Raw(1, |t| [preface(&[]), t.get(1, &[])].concat()), FINE),
    ("9113_3_4_settings_are_empty", Play::Raw(1, |t| [PREFACE, &settings(&[]), &t.get(1, &[])].concat()), FINE),
    (
        "9113_3_4_wrong_preface",
        Play::Raw(1, |_| b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".repeat(2)),
        "goaway PROTOCOL_ERROR|close|silent",
    ),
    ("9113_3_4_ping_before_settings", Play::Raw(1, |t| [PREFACE, &ping(0), &t.get(1, &[])].concat()), PROTOCOL),
    ("9113_3_4_headers_before_settings", Play::Raw(1, |t| [PREFACE, &t.get(1, &[])].concat()), PROTOCOL),
    (
        "9113_3_4_acknowledgement_before_settings",
        Play::Raw(1, |t| [PREFACE, &frame(SETTINGS, ACK, 0, &[]), &t.get(1, &[])].concat()),
        PROTOCOL,
    ),
    (
        "9113_3_4_the_server_begins_with_settings",
        Play::Talk(|_, c| {
            let first = c.wait(soon(), |_| true);
            Ok(first.map_or("close", |f| if f.kind == SETTINGS && !f.has(ACK) { "settings" } else { "another" }).into())
        }),
        "settings",
    ),
];

const LAYOUT: &[Row] = &[
    (
        "9113_4_1_unknown_type_is_ignored",
        Play::Bytes(1, |t| [frame(0xbe, 0xff, 0, b"x"), t.get(1, &[])].concat()),
        FINE,
    ),
    (
        "9113_4_1_unknown_type_on_a_stream_is_ignored",
        Play::Bytes(1, |t| [t.post(1, &[]), frame(0xbe, 0, 1, b"x"), data(END_STREAM, 1, b"")].concat()),
        FINE,
    ),
    (
        "9113_4_1_unknown_flags_are_ignored",
        Play::Bytes(1, |t| [ping(0xfe & !ACK), frame(HEADERS, WHOLE | 0xd2, 1, &t.fields("GET", "/", &[]))].concat()),
        FINE,
    ),
    (
        "9113_4_1_reserved_bit_is_ignored",
        Play::Bytes(1, |t| frame(HEADERS, WHOLE, 0x8000_0001, &t.fields("GET", "/", &[]))),
        FINE,
    ),
    (
        "9113_4_2_data_of_the_greatest_size",
        Play::Bytes(1, |t| [t.post(1, &[]), data(END_STREAM, 1, &[b'a'; 16_384])].concat()),
        FINE,
    ),
    (
        "9113_4_2_data_too_large",
        Play::Bytes(1, |t| [t.post(1, &[]), data(END_STREAM, 1, &[b'a'; 16_385])].concat()),
        "goaway FRAME_SIZE_ERROR|reset FRAME_SIZE_ERROR|close",
    ),
    (
        "9113_4_2_headers_too_large",
        Play::Bytes(1, |t| {
            frame(HEADERS, WHOLE, 1, &[t.fields("GET", "/", &[]), literal(b"x", &[b'a'; 16_384])].concat())
        }),
        SIZE,
    ),
    (
        "9113_4_2_greatest_length_that_can_be_said",
        Play::Bytes(1, |_| claiming(0xff_ffff, HEADERS, WHOLE, 1, &[b'a'; 100])),
        SIZE,
    ),
    ("9113_4_2_unknown_type_too_large", Play::Bytes(1, |_| frame(0xbe, 0, 0, &[0; 16_385])), SIZE),
    (
        "9113_5_5_unknown_type_within_a_field_block",
        Play::Bytes(1, |t| {
            [
                frame(HEADERS, END_STREAM, 1, &t.fields("GET", "/", &[])),
                frame(0xbe, 0, 1, b""),
                frame(CONTINUATION, END_HEADERS, 1, b""),
            ]
            .concat()
        }),
        PROTOCOL,
    ),
];

const DATA_AND_HEADERS: &[Row] = &[
    ("9113_6_1_data_on_stream_0", Play::Bytes(1, |t| [t.post(1, &[]), data(0, 0, b"a")].concat()), PROTOCOL),
    (
        "9113_6_1_padded_data",
        Play::Bytes(1, |t| {
            [t.post(1, &[("content-length", "1")]), data(PADDED | END_STREAM, 1, b"\x03a\0\0\0")].concat()
        }),
        FINE,
    ),
    (
        "9113_6_1_padding_as_long_as_the_payload",
        Play::Bytes(1, |t| [t.post(1, &[]), data(PADDED | END_STREAM, 1, b"\x05a\0\0\0")].concat()),
        PROTOCOL,
    ),
    (
        "9113_6_1_padding_longer_than_the_payload",
        Play::Bytes(1, |t| [t.post(1, &[]), data(PADDED | END_STREAM, 1, b"\xffa")].concat()),
        PROTOCOL,
    ),
    (
        "9113_6_1_padding_without_its_length",
        Play::Bytes(1, |t| [t.post(1, &[]), data(PADDED | END_STREAM, 1, b"")].concat()),
        "goaway FRAME_SIZE_ERROR|goaway PROTOCOL_ERROR|close|reset FRAME_SIZE_ERROR",
    ),
    ("9113_6_2_headers_on_stream_0", Play::Bytes(1, |t| t.get(0, &[])), PROTOCOL),
    (
        "9113_6_2_padded_headers",
        Play::Bytes(1, |t| {
            frame(HEADERS, WHOLE | PADDED, 1, &[vec![2], t.fields("GET", "/", &[]), vec![0; 2]].concat())
        }),
        FINE,
    ),
    (
        "9113_6_2_padding_longer_than_headers",
        Play::Bytes(1, |t| frame(HEADERS, WHOLE | PADDED, 1, &[vec![255], t.fields("GET", "/", &[])].concat())),
        PROTOCOL,
    ),
    (
        "9113_6_2_headers_with_priority",
        Play::Bytes(1, |t| {
            frame(HEADERS, WHOLE | WITH_PRIORITY, 1, &[vec![0, 0, 0, 0, 15], t.fields("GET", "/", &[])].concat())
        }),
        FINE,
    ),
    (
        "9113_6_2_priority_without_its_bytes",
        Play::Bytes(1, |_| frame(HEADERS, WHOLE | WITH_PRIORITY, 1, &[0, 0])),
        "goaway FRAME_SIZE_ERROR|goaway PROTOCOL_ERROR|close",
    ),
    (
        "9113_6_2_padding_and_priority_longer_than_headers",
        Play::Bytes(1, |_| frame(HEADERS, WHOLE | WITH_PRIORITY | PADDED, 1, &[2, 0, 0, 0, 0, 15])),
        "goaway FRAME_SIZE_ERROR|goaway PROTOCOL_ERROR|close",
    ),
];

/// A field block that goes on, and more.
fn opened(t: &Target, then: &[u8]) -> Vec<u8> {
    [frame(HEADERS, END_STREAM, 1, &t.fields("GET", "/", &[])), then.to_vec()].concat()
}

const CONTINUATION_ROWS: &[Row] = &[
    (
        "9113_6_10_field_block_in_pieces",
        Play::Bytes(1, |t| {
            let block = t.fields("GET", "/", &[]);
            let pieces = block[1..].chunks(7).flat_map(|part| frame(CONTINUATION, 0, 1, part)).collect();
            [frame(HEADERS, END_STREAM, 1, &block[..1]), pieces, frame(CONTINUATION, END_HEADERS, 1, &[])].concat()
        }),
        FINE,
    ),
    ("9113_6_10_nothing_to_continue", Play::Bytes(1, |_| frame(CONTINUATION, END_HEADERS, 1, b"")), PROTOCOL),
    (
        "9113_6_10_block_has_ended",
        Play::Bytes(1, |t| [t.post(1, &[]), frame(CONTINUATION, END_HEADERS, 1, b"")].concat()),
        PROTOCOL,
    ),
    ("9113_6_10_on_stream_0", Play::Bytes(1, |t| opened(t, &frame(CONTINUATION, END_HEADERS, 0, b""))), PROTOCOL),
    ("9113_6_10_on_another_stream", Play::Bytes(1, |t| opened(t, &frame(CONTINUATION, END_HEADERS, 3, b""))), PROTOCOL),
    ("9113_6_2_data_within_a_field_block", Play::Bytes(1, |t| opened(t, &data(0, 1, b"a"))), PROTOCOL),
    ("9113_6_2_headers_within_a_field_block", Play::Bytes(1, |t| opened(t, &t.get(3, &[]))), PROTOCOL),
    ("9113_6_2_ping_within_a_field_block", Play::Bytes(1, |t| opened(t, &ping(0))), PROTOCOL),
    ("9113_6_2_settings_within_a_field_block", Play::Bytes(1, |t| opened(t, &settings(&[]))), PROTOCOL),
    ("9113_6_2_reset_within_a_field_block", Play::Bytes(1, |t| opened(t, &number(RST_STREAM, 1, 8))), PROTOCOL),
    (
        "9113_6_2_priority_within_a_field_block",
        Play::Bytes(1, |t| opened(t, &frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]))),
        PROTOCOL,
    ),
];

const OTHERS: &[Row] = &[
    (
        "9113_6_3_priority_is_ignored",
        Play::Bytes(1, |t| [frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 15]), t.get(1, &[])].concat()),
        FINE,
    ),
    ("9113_6_3_priority_on_stream_0", Play::Bytes(1, |_| frame(PRIORITY, 0, 0, &[0, 0, 0, 1, 15])), PROTOCOL),
    (
        "9113_6_3_priority_of_a_wrong_size",
        Play::Bytes(1, |t| [t.post(1, &[]), frame(PRIORITY, 0, 1, &[0, 0, 0, 3])].concat()),
        "reset FRAME_SIZE_ERROR|goaway FRAME_SIZE_ERROR|close",
    ),
    ("9113_6_4_reset_on_stream_0", Play::Bytes(1, |_| number(RST_STREAM, 0, 8)), PROTOCOL),
    ("9113_6_4_reset_of_an_idle_stream", Play::Bytes(1, |_| number(RST_STREAM, 1, 8)), PROTOCOL),
    (
        "9113_6_4_reset_of_a_wrong_size",
        Play::Bytes(1, |t| [t.post(1, &[]), frame(RST_STREAM, 0, 1, &[0, 0, 8])].concat()),
        SIZE,
    ),
    (
        "9113_6_6_push_promise_of_a_client",
        Play::Bytes(1, |t| {
            [
                t.post(1, &[]),
                frame(PUSH_PROMISE, END_HEADERS, 1, &[vec![0, 0, 0, 2], t.fields("GET", "/", &[])].concat()),
            ]
            .concat()
        }),
        PROTOCOL,
    ),
    (
        "9113_6_7_ping_is_acknowledged_with_its_payload",
        Play::Talk(|_, c| {
            c.send(&ping(0))?;
            let came = c.wait(soon(), |f| f.kind == PING && f.has(ACK));
            Ok(came
                .map_or("close", |f| if f.payload == b"12345678" { "acknowledged" } else { "another payload" })
                .into())
        }),
        "acknowledged",
    ),
    (
        "9113_6_7_acknowledged_ping_is_not_responded_to",
        Play::Talk(|_, c| {
            c.send(&[ping(ACK), frame(PING, 0, 0, b"abcdefgh")].concat())?;
            let came = c.wait(soon(), |f| f.kind == PING && f.has(ACK));
            Ok(came.map_or("close", |f| if f.payload == b"abcdefgh" { "the second" } else { "the first" }).into())
        }),
        "the second",
    ),
    ("9113_6_7_ping_on_a_stream", Play::Bytes(1, |_| frame(PING, 0, 1, b"12345678")), PROTOCOL),
    ("9113_6_7_ping_too_short", Play::Bytes(1, |_| frame(PING, 0, 0, b"1234567")), SIZE),
    ("9113_6_7_ping_too_long", Play::Bytes(1, |_| frame(PING, 0, 0, b"123456789")), SIZE),
    ("9113_6_8_goaway_on_a_stream", Play::Bytes(1, |_| frame(GOAWAY, 0, 1, &[0; 8])), PROTOCOL),
    ("9113_4_2_goaway_too_short", Play::Bytes(1, |_| frame(GOAWAY, 0, 0, &[0; 7])), SIZE),
    (
        "9113_6_8_goaway_lets_streams_end",
        Play::Bytes(1, |t| [t.post(1, &[]), frame(GOAWAY, 0, 0, &[0; 8]), data(END_STREAM, 1, b"a")].concat()),
        FINE,
    ),
    (
        "9113_7_unknown_code_of_a_reset",
        Play::Bytes(3, |t| [t.post(1, &[]), number(RST_STREAM, 1, 0xdead_beef), t.get(3, &[])].concat()),
        FINE,
    ),
    (
        "9113_5_4_1_goaway_names_the_last_stream",
        Play::Talk(|t, c| {
            c.send(&[t.get(1, &[]), t.get(3, &[])].concat())?;
            for stream in [1, 3] {
                c.wait(soon(), |f| f.stream == stream && f.has(END_STREAM) && matches!(f.kind, DATA | HEADERS));
            }
            c.send(&frame(PING, 0, 0, b"1"))?;
            let came = c.wait(soon(), |f| f.kind == GOAWAY && f.number(4) != 0);
            Ok(came.map_or("close".into(), |f| format!("{} {}", f.number(0), error_name(f.number(4)))))
        }),
        "3 FRAME_SIZE_ERROR|close",
    ),
    (
        "9113_5_1_2_streams_of_a_client_are_not_its_own_limit",
        Play::Raw(1, |t| [preface(&[(MAX_CONCURRENT_STREAMS, 0)]), t.get(1, &[])].concat()),
        FINE,
    ),
];
