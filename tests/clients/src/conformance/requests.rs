//! Section 8: requests, which are malformed if they are not as the RFC has them. What a server lets
//! through here becomes another request behind it.

use super::{FINE, MALFORMED, Play, Row};
use crate::http2::{
    connection::Target,
    fields::{indexed, literal},
    frame::{END_HEADERS, END_STREAM, HEADERS, WHOLE, data, frame},
};

pub(super) const ROWS: &[&[Row]] = &[BODIES, NAMES, VALUES, CONNECTION_FIELDS, PSEUDO, TARGETS, CONNECT];

/// A request whose body is not as long as it says.
const BODIES: &[Row] = &[
    (
        "9113_8_1_1_content_length",
        Play::Bytes(1, |t| {
            [t.post(1, &[("content-length", "3")]), data(0, 1, b"ab"), data(END_STREAM, 1, b"c")].concat()
        }),
        FINE,
    ),
    ("9113_8_1_1_no_content_length", Play::Bytes(1, |t| [t.post(1, &[]), data(END_STREAM, 1, b"abc")].concat()), FINE),
    (
        "9113_8_1_1_body_shorter_than_said",
        Play::Bytes(1, |t| [t.post(1, &[("content-length", "3")]), data(END_STREAM, 1, b"ab")].concat()),
        MALFORMED,
    ),
    (
        "9113_8_1_1_body_longer_than_said",
        Play::Bytes(1, |t| [t.post(1, &[("content-length", "3")]), data(END_STREAM, 1, b"abcd")].concat()),
        MALFORMED,
    ),
    ("9113_8_1_1_no_body_where_one_is_said", Play::Bytes(1, |t| t.get(1, &[("content-length", "3")])), MALFORMED),
    (
        "9113_8_1_1_body_where_none_is_said",
        Play::Bytes(1, |t| [t.post(1, &[("content-length", "0")]), data(END_STREAM, 1, b"a")].concat()),
        MALFORMED,
    ),
    (
        "9113_8_1_1_two_lengths",
        Play::Bytes(1, |t| {
            [t.post(1, &[("content-length", "1"), ("content-length", "2")]), data(END_STREAM, 1, b"a")].concat()
        }),
        MALFORMED,
    ),
    (
        "9113_8_1_1_length_that_is_no_number",
        Play::Bytes(1, |t| [t.post(1, &[("content-length", "+1")]), data(END_STREAM, 1, b"a")].concat()),
        MALFORMED,
    ),
    (
        "9113_8_1_1_length_larger_than_any_number",
        Play::Bytes(1, |t| {
            [t.post(1, &[("content-length", "18446744073709551617")]), data(END_STREAM, 1, b"a")].concat()
        }),
        "reset PROTOCOL_ERROR|400|413|goaway PROTOCOL_ERROR|close",
    ),
    (
        "9113_8_1_1_empty_data_before_the_end",
        Play::Bytes(1, |t| {
            [t.post(1, &[("content-length", "1")]), data(0, 1, b""), data(0, 1, b"a"), data(END_STREAM, 1, b"")]
                .concat()
        }),
        FINE,
    ),
    (
        "9113_8_1_1_trailers_before_the_length_is_reached",
        Play::Bytes(1, |t| {
            [t.post(1, &[("content-length", "3")]), data(0, 1, b"a"), frame(HEADERS, WHOLE, 1, &literal(b"x", b"y"))]
                .concat()
        }),
        MALFORMED,
    ),
];

fn with(t: &Target, name: &[u8], value: &[u8]) -> Vec<u8> {
    Target::block(1, &[t.fields("GET", "/", &[]), literal(name, value)])
}

const NAMES: &[Row] = &[
    ("9113_8_2_1_upper_case_name", Play::Bytes(1, |t| with(t, b"X-Up", b"y")), MALFORMED),
    ("9113_8_2_1_space_in_a_name", Play::Bytes(1, |t| with(t, b"x y", b"z")), MALFORMED),
    ("9113_8_2_1_space_after_a_name", Play::Bytes(1, |t| with(t, b"x ", b"z")), MALFORMED),
    ("9113_8_2_1_colon_in_a_name", Play::Bytes(1, |t| with(t, b"x:y", b"z")), MALFORMED),
    ("9113_8_2_1_line_feed_in_a_name", Play::Bytes(1, |t| with(t, b"x\ny", b"z")), MALFORMED),
    ("9113_8_2_1_carriage_return_and_line_feed_in_a_name", Play::Bytes(1, |t| with(t, b"x: y\r\nz", b"a")), MALFORMED),
    ("9113_8_2_1_nul_in_a_name", Play::Bytes(1, |t| with(t, b"x\0", b"z")), MALFORMED),
    ("9113_8_2_1_control_in_a_name", Play::Bytes(1, |t| with(t, b"x\x01", b"z")), MALFORMED),
    ("9113_8_2_1_delete_in_a_name", Play::Bytes(1, |t| with(t, b"x\x7f", b"z")), MALFORMED),
    ("9113_8_2_1_name_above_ascii", Play::Bytes(1, |t| with(t, b"x\xe9", b"z")), MALFORMED),
    (
        "9110_5_1_name_that_is_no_token",
        Play::Bytes(1, |t| with(t, b"x(y)", b"z")),
        "2xx|reset PROTOCOL_ERROR|400|goaway PROTOCOL_ERROR|close",
    ),
    (
        "9110_5_1_empty_name",
        Play::Bytes(1, |t| with(t, b"", b"z")),
        "2xx|reset PROTOCOL_ERROR|400|goaway PROTOCOL_ERROR|goaway COMPRESSION_ERROR|close",
    ),
    (
        "9113_8_2_upper_case_name_of_a_trailer",
        Play::Bytes(1, |t| [t.post(1, &[]), data(0, 1, b"a"), frame(HEADERS, WHOLE, 1, &literal(b"X", b"y"))].concat()),
        MALFORMED,
    ),
];

const VALUES: &[Row] = &[
    ("9113_8_2_1_nul_in_a_value", Play::Bytes(1, |t| with(t, b"x", b"a\0b")), MALFORMED),
    ("9113_8_2_1_line_feed_in_a_value", Play::Bytes(1, |t| with(t, b"x", b"a\nb")), MALFORMED),
    ("9113_8_2_1_carriage_return_in_a_value", Play::Bytes(1, |t| with(t, b"x", b"a\rb")), MALFORMED),
    (
        "9113_8_2_1_another_field_in_a_value",
        Play::Bytes(1, |t| with(t, b"x", b"a\r\ntransfer-encoding: chunked")),
        MALFORMED,
    ),
    ("9113_8_2_1_space_before_a_value", Play::Bytes(1, |t| with(t, b"x", b" a")), MALFORMED),
    ("9113_8_2_1_space_after_a_value", Play::Bytes(1, |t| with(t, b"x", b"a ")), MALFORMED),
    ("9113_8_2_1_tab_after_a_value", Play::Bytes(1, |t| with(t, b"x", b"a\t")), MALFORMED),
    ("9113_8_2_1_empty_value", Play::Bytes(1, |t| with(t, b"x", b"")), FINE),
    ("9110_5_5_value_above_ascii", Play::Bytes(1, |t| with(t, b"x", b"a\xe9b")), FINE),
    ("9110_5_5_tab_within_a_value", Play::Bytes(1, |t| with(t, b"x", b"a\tb")), FINE),
    (
        "9110_5_5_control_in_a_value",
        Play::Bytes(1, |t| with(t, b"x", b"a\x01b")),
        "2xx|reset PROTOCOL_ERROR|400|goaway PROTOCOL_ERROR|close",
    ),
    ("9113_8_2_3_cookie_in_crumbs", Play::Bytes(1, |t| t.get(1, &[("cookie", "a=1"), ("cookie", "b=2")])), FINE),
];

const CONNECTION_FIELDS: &[Row] = &[
    ("9113_8_2_2_connection", Play::Bytes(1, |t| t.get(1, &[("connection", "close")])), MALFORMED),
    ("9113_8_2_2_keep_alive", Play::Bytes(1, |t| t.get(1, &[("keep-alive", "timeout=5")])), MALFORMED),
    ("9113_8_2_2_proxy_connection", Play::Bytes(1, |t| t.get(1, &[("proxy-connection", "keep-alive")])), MALFORMED),
    ("9113_8_2_2_upgrade", Play::Bytes(1, |t| t.get(1, &[("upgrade", "websocket")])), MALFORMED),
    (
        "9113_8_2_2_transfer_encoding",
        Play::Bytes(1, |t| {
            [t.post(1, &[("transfer-encoding", "chunked")]), data(END_STREAM, 1, b"0\r\n\r\n")].concat()
        }),
        MALFORMED,
    ),
    ("9113_8_2_2_te_trailers", Play::Bytes(1, |t| t.get(1, &[("te", "trailers")])), FINE),
    ("9113_8_2_2_te_of_another_value", Play::Bytes(1, |t| t.get(1, &[("te", "gzip")])), MALFORMED),
    ("9113_8_2_2_te_of_more_values", Play::Bytes(1, |t| t.get(1, &[("te", "trailers, gzip")])), MALFORMED),
];

/// The pseudo-fields of a request, without the one at `but`, with more after them.
fn without(t: &Target, but: usize, more: &[Vec<u8>]) -> Vec<u8> {
    let all = [literal(b":method", b"GET"), t.scheme(), literal(b":path", b"/"), t.authority()];
    let some = all.into_iter().enumerate().filter(|(at, _)| *at != but).map(|(_, field)| field);
    Target::block(1, &some.chain(more.iter().cloned()).collect::<Vec<_>>())
}

const PSEUDO: &[Row] = &[
    ("9113_8_3_unknown_pseudo_field", Play::Bytes(1, |t| without(t, 9, &[literal(b":foo", b"a")])), MALFORMED),
    ("9113_8_3_pseudo_field_of_a_response", Play::Bytes(1, |t| without(t, 9, &[indexed(8)])), MALFORMED),
    ("9113_8_3_after_a_field", Play::Bytes(1, |t| without(t, 3, &[literal(b"x", b"y"), t.authority()])), MALFORMED),
    ("9113_8_3_path_after_a_field", Play::Bytes(1, |t| without(t, 2, &[literal(b"x", b"y"), indexed(4)])), MALFORMED),
    (
        "9113_8_3_in_trailers",
        Play::Bytes(1, |t| {
            [t.post(1, &[]), data(0, 1, b"a"), frame(HEADERS, WHOLE, 1, &literal(b":path", b"/x"))].concat()
        }),
        MALFORMED,
    ),
    ("9113_8_3_1_no_method", Play::Bytes(1, |t| without(t, 0, &[])), MALFORMED),
    ("9113_8_3_1_no_scheme", Play::Bytes(1, |t| without(t, 1, &[])), MALFORMED),
    ("9113_8_3_1_no_path", Play::Bytes(1, |t| without(t, 2, &[])), MALFORMED),
    ("9113_8_3_1_two_methods", Play::Bytes(1, |t| without(t, 9, &[indexed(2)])), MALFORMED),
    ("9113_8_3_1_two_schemes", Play::Bytes(1, |t| without(t, 9, &[t.scheme()])), MALFORMED),
    ("9113_8_3_1_two_paths", Play::Bytes(1, |t| without(t, 9, &[literal(b":path", b"/admin")])), MALFORMED),
    ("9113_8_3_1_two_authorities", Play::Bytes(1, |t| without(t, 9, &[t.authority()])), MALFORMED),
    ("9113_8_3_1_empty_block", Play::Bytes(1, |_| frame(HEADERS, WHOLE, 1, &[])), MALFORMED),
    (
        "9113_8_3_1_host_in_place_of_authority",
        Play::Bytes(1, |t| without(t, 3, &[literal(b"host", t.host.as_bytes())])),
        FINE,
    ),
    (
        "9113_8_3_1_host_and_the_same_authority",
        Play::Bytes(1, |t| without(t, 9, &[literal(b"host", t.host.as_bytes())])),
        FINE,
    ),
    (
        "9113_8_3_1_host_and_another_authority",
        Play::Bytes(1, |t| without(t, 9, &[literal(b"host", b"other.example")])),
        MALFORMED,
    ),
    (
        "9113_8_3_1_two_hosts",
        Play::Bytes(1, |t| without(t, 3, &[literal(b"host", t.host.as_bytes()), literal(b"host", b"other.example")])),
        MALFORMED,
    ),
    (
        "9113_8_3_1_user_in_authority",
        Play::Bytes(1, |t| without(t, 3, &[literal(b":authority", format!("u@{}", t.host).as_bytes())])),
        MALFORMED,
    ),
    (
        "9113_8_3_1_neither_host_nor_authority",
        Play::Bytes(1, |t| without(t, 3, &[])),
        "400|421|2xx|reset PROTOCOL_ERROR|goaway PROTOCOL_ERROR|close",
    ),
];

fn path(t: &Target, path: &[u8]) -> Vec<u8> {
    method(t, b"GET", path)
}

fn method(t: &Target, method: &[u8], path: &[u8]) -> Vec<u8> {
    Target::block(1, &[literal(b":method", method), t.scheme(), literal(b":path", path), t.authority()])
}

const TARGETS: &[Row] = &[
    ("9113_8_3_1_empty_path", Play::Bytes(1, |t| path(t, b"")), MALFORMED),
    ("9113_8_3_1_path_without_a_slash", Play::Bytes(1, |t| path(t, b"foo")), MALFORMED),
    ("9113_8_3_1_asterisk_of_get", Play::Bytes(1, |t| path(t, b"*")), MALFORMED),
    ("9113_8_3_1_asterisk_of_options", Play::Bytes(1, |t| method(t, b"OPTIONS", b"*")), "2xx|405"),
    ("9113_8_3_1_absolute_path", Play::Bytes(1, |t| path(t, b"http://other.example/")), MALFORMED),
    ("9113_10_3_space_in_a_path", Play::Bytes(1, |t| path(t, b"/ HTTP/1.1\r\nx: y")), MALFORMED),
    ("9113_10_3_line_feed_in_a_path", Play::Bytes(1, |t| path(t, b"/a\nb")), MALFORMED),
    ("9113_10_3_nul_in_a_path", Play::Bytes(1, |t| path(t, b"/a\0b")), MALFORMED),
    ("9113_10_3_space_within_a_path", Play::Bytes(1, |t| path(t, b"/a b")), MALFORMED),
    ("9113_10_3_space_in_a_method", Play::Bytes(1, |t| method(t, b"GET /admin", b"/")), MALFORMED),
    ("9113_10_3_line_feed_in_a_method", Play::Bytes(1, |t| method(t, b"GET\n", b"/")), MALFORMED),
    ("9113_10_3_empty_method", Play::Bytes(1, |t| method(t, b"", b"/")), MALFORMED),
    (
        "9113_10_3_line_feed_in_an_authority",
        Play::Bytes(1, |t| without(t, 3, &[literal(b":authority", b"a\r\nx: y")])),
        MALFORMED,
    ),
    (
        "9113_10_3_slash_in_an_authority",
        Play::Bytes(1, |t| without(t, 3, &[literal(b":authority", b"a.example/x")])),
        MALFORMED,
    ),
    (
        "9113_10_3_line_feed_in_a_scheme",
        Play::Bytes(1, |t| without(t, 1, &[literal(b":scheme", b"https\r\nx: y")])),
        MALFORMED,
    ),
    (
        "9113_10_3_space_in_a_scheme",
        Play::Bytes(1, |t| without(t, 1, &[literal(b":scheme", b"http://x/ ")])),
        MALFORMED,
    ),
    ("9110_9_1_unknown_method", Play::Bytes(1, |t| method(t, b"BREW", b"/")), "2xx|400|405|501"),
    ("9110_9_3_2_head", Play::Bytes(1, |t| method(t, b"HEAD", b"/")), FINE),
];

const CONNECT: &[Row] = &[
    (
        "9113_8_5_connect",
        Play::Bytes(1, |t| frame(HEADERS, END_HEADERS, 1, &[literal(b":method", b"CONNECT"), t.authority()].concat())),
        "400|403|405|501|reset PROTOCOL_ERROR|reset CONNECT_ERROR|reset REFUSED_STREAM|goaway PROTOCOL_ERROR|close",
    ),
    (
        "9113_8_5_connect_with_a_path",
        Play::Bytes(1, |t| method(t, b"CONNECT", b"/")),
        "400|405|501|reset PROTOCOL_ERROR|goaway PROTOCOL_ERROR|close",
    ),
    (
        "9113_8_5_connect_without_an_authority",
        Play::Bytes(1, |_| Target::block(1, &[literal(b":method", b"CONNECT")])),
        "400|405|501|reset PROTOCOL_ERROR|goaway PROTOCOL_ERROR|close",
    ),
    (
        "8441_4_protocol_of_another_method",
        Play::Bytes(1, |t| without(t, 9, &[literal(b":protocol", b"websocket")])),
        MALFORMED,
    ),
    (
        "8441_4_protocol_without_a_path",
        Play::Bytes(1, |t| {
            frame(
                HEADERS,
                END_HEADERS,
                1,
                &[literal(b":method", b"CONNECT"), literal(b":protocol", b"websocket"), t.authority()].concat(),
            )
        }),
        "400|405|501|reset PROTOCOL_ERROR|goaway PROTOCOL_ERROR|close",
    ),
    (
        "8441_4_unknown_protocol",
        Play::Bytes(1, |t| {
            frame(HEADERS, END_HEADERS, 1, &[t.fields("CONNECT", "/", &[]), literal(b":protocol", b"unknown")].concat())
        }),
        "400|405|501|reset PROTOCOL_ERROR|goaway PROTOCOL_ERROR|close",
    ),
];
