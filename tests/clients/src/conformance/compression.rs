//! RFC 7541: what a decoder must refuse, and must know of afterwards.

use super::{COMPRESSION, FINE, MALFORMED, Play, Row};
use crate::http2::{
    connection::Target,
    fields::{indexed, kept, literal, table_size},
    frame::{END_STREAM, HEADERS, RST_STREAM, frame, number},
};

/// The first index of the dynamic table.
const FIRST: usize = 62;

pub(super) const ROWS: &[&[Row]] = &[INDICES, SIZES, INTEGERS_AND_STRINGS, STATE];

/// A request with more after its pseudo-fields.
fn with(t: &Target, stream: u32, more: &[Vec<u8>]) -> Vec<u8> {
    Target::block(stream, &[&[t.fields("GET", "/", &[])], more].concat())
}

const INDICES: &[Row] = &[
    ("7541_6_1_index_0", Play::Bytes(1, |t| with(t, 1, &[vec![0x80]])), COMPRESSION),
    ("7541_2_3_3_index_behind_the_tables", Play::Bytes(1, |t| with(t, 1, &[indexed(FIRST)])), COMPRESSION),
    ("7541_2_3_3_name_behind_the_tables", Play::Bytes(1, |t| with(t, 1, &[vec![0x7f, 0x20, 1, b'a']])), COMPRESSION),
    ("7541_2_3_3_index_of_4_billion", Play::Bytes(1, |t| with(t, 1, &[indexed(0xffff_ffff)])), COMPRESSION),
    (
        "7541_6_2_1_kept_field_is_known",
        Play::Bytes(3, |t| [with(t, 1, &[kept(b"x", b"y")]), with(t, 3, &[indexed(FIRST)])].concat()),
        FINE,
    ),
    (
        "7541_6_2_1_kept_field_is_known_at_once",
        Play::Bytes(1, |t| with(t, 1, &[kept(b"x", b"y"), indexed(FIRST)])),
        FINE,
    ),
    (
        "7541_2_3_2_newest_field_is_the_first",
        Play::Bytes(1, |t| with(t, 1, &[kept(b"X", b"1"), kept(b"x", b"y"), indexed(FIRST)])),
        MALFORMED,
    ),
    (
        "7541_6_2_2_literal_is_not_kept",
        Play::Bytes(3, |t| [with(t, 1, &[literal(b"x", b"y")]), with(t, 3, &[indexed(FIRST)])].concat()),
        COMPRESSION,
    ),
    ("7541_6_2_3_literal_that_is_never_indexed", Play::Bytes(1, |t| with(t, 1, &[vec![0x10, 1, b'x', 1, b'y']])), FINE),
    (
        "7541_6_2_3_such_a_literal_is_not_kept",
        Play::Bytes(3, |t| [with(t, 1, &[vec![0x10, 1, b'x', 1, b'y']]), with(t, 3, &[indexed(FIRST)])].concat()),
        COMPRESSION,
    ),
    ("7541_a_last_entry_of_the_static_table", Play::Bytes(1, |t| with(t, 1, &[indexed(61)])), "2xx|4xx"),
];

const SIZES: &[Row] = &[
    (
        "7541_6_3_size_that_is_allowed",
        Play::Bytes(1, |t| Target::block(1, &[table_size(4_096), t.fields("GET", "/", &[])])),
        FINE,
    ),
    (
        "7541_6_3_size_larger_than_allowed",
        Play::Bytes(1, |t| Target::block(1, &[table_size(1 << 20), t.fields("GET", "/", &[])])),
        COMPRESSION,
    ),
    ("7541_4_2_size_after_a_field", Play::Bytes(1, |t| with(t, 1, &[table_size(0)])), COMPRESSION),
    (
        "7541_4_2_two_sizes",
        Play::Bytes(1, |t| Target::block(1, &[table_size(0), table_size(4_096), t.fields("GET", "/", &[])])),
        FINE,
    ),
    (
        "7541_4_3_smaller_size_evicts",
        Play::Bytes(3, |t| {
            [
                with(t, 1, &[kept(b"x", b"y")]),
                Target::block(3, &[table_size(0), t.fields("GET", "/", &[]), indexed(FIRST)]),
            ]
            .concat()
        }),
        COMPRESSION,
    ),
    (
        "7541_4_3_size_that_leaves_room_evicts_nothing",
        Play::Bytes(3, |t| {
            [
                with(t, 1, &[kept(b"x", b"y")]),
                Target::block(3, &[table_size(34), t.fields("GET", "/", &[]), indexed(FIRST)]),
            ]
            .concat()
        }),
        FINE,
    ),
    (
        "7541_4_3_size_of_one_byte_less_evicts",
        Play::Bytes(3, |t| {
            [
                with(t, 1, &[kept(b"x", b"y")]),
                Target::block(3, &[table_size(33), t.fields("GET", "/", &[]), indexed(FIRST)]),
            ]
            .concat()
        }),
        COMPRESSION,
    ),
    (
        "7541_4_4_field_larger_than_the_table_empties_it",
        Play::Bytes(3, |t| {
            [with(t, 1, &[kept(b"x", b"y"), kept(b"z", &[b'a'; 5_000])]), with(t, 3, &[indexed(FIRST)])].concat()
        }),
        COMPRESSION,
    ),
    (
        "7541_4_4_field_larger_than_the_table_is_no_error",
        Play::Bytes(1, |t| with(t, 1, &[kept(b"z", &[b'a'; 5_000])])),
        FINE,
    ),
    (
        "7541_4_4_oldest_field_is_evicted",
        Play::Bytes(3, |t| {
            [
                with(t, 1, &[kept(b"a", &[b'a'; 2_000]), kept(b"b", &[b'a'; 2_000]), kept(b"c", &[b'a'; 2_000])]),
                with(t, 3, &[indexed(FIRST + 1), indexed(FIRST + 2)]),
            ]
            .concat()
        }),
        COMPRESSION,
    ),
];

const INTEGERS_AND_STRINGS: &[Row] = &[
    ("7541_5_1_integer_without_an_end", Play::Bytes(1, |t| with(t, 1, &[vec![0xff, 0x80, 0x80]])), COMPRESSION),
    (
        "7541_5_1_integer_that_is_too_large",
        Play::Bytes(1, |t| with(t, 1, &[vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]])),
        COMPRESSION,
    ),
    (
        "7541_5_1_integer_with_many_zeros",
        Play::Bytes(1, |t| with(t, 1, &[[vec![0xff], vec![0x80; 1_000], vec![0]].concat()])),
        COMPRESSION,
    ),
    (
        "7541_5_2_string_longer_than_the_block",
        Play::Bytes(1, |t| with(t, 1, &[vec![0, 1, b'x', 9, b'y']])),
        COMPRESSION,
    ),
    ("7541_5_2_name_longer_than_the_block", Play::Bytes(1, |t| with(t, 1, &[vec![0, 9, b'x']])), COMPRESSION),
    (
        "7541_5_2_string_of_4_billion_bytes",
        Play::Bytes(1, |t| with(t, 1, &[vec![0, 1, b'x', 0x7f, 0xff, 0xff, 0xff, 0xff, 0x0f, b'y']])),
        COMPRESSION,
    ),
    ("7541_5_2_nothing_after_a_name", Play::Bytes(1, |t| with(t, 1, &[vec![0, 1, b'x']])), COMPRESSION),
    // "www.example.com" of appendix C.4.1.
    (
        "7541_5_2_huffman",
        Play::Bytes(1, |t| {
            with(
                t,
                1,
                &[vec![0, 1, b'x', 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff]],
            )
        }),
        FINE,
    ),
    (
        "7541_5_2_end_of_string_in_huffman",
        Play::Bytes(1, |t| with(t, 1, &[vec![0, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff]])),
        COMPRESSION,
    ),
    ("7541_5_2_padding_of_8_bits", Play::Bytes(1, |t| with(t, 1, &[vec![0, 1, b'x', 0x82, 0x1f, 0xff]])), COMPRESSION),
    (
        "7541_5_2_padding_that_is_not_all_ones",
        Play::Bytes(1, |t| with(t, 1, &[vec![0, 1, b'x', 0x81, 0x18]])),
        COMPRESSION,
    ),
    ("7541_5_2_code_that_is_cut", Play::Bytes(1, |t| with(t, 1, &[vec![0, 1, b'x', 0x82, 0xff, 0xf8]])), COMPRESSION),
    (
        "7541_5_2_huffman_hides_no_line_feed",
        Play::Bytes(1, |t| with(t, 1, &[vec![0, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xf3]])),
        MALFORMED,
    ),
];

/// The table is the connection's: whatever becomes of a request, its fields have been in it.
const STATE: &[Row] = &[
    (
        "9113_4_3_table_after_a_malformed_request",
        Play::Bytes(3, |t| {
            [with(t, 1, &[kept(b"x", b"y"), literal(b"UP", b"a")]), with(t, 3, &[indexed(FIRST)])].concat()
        }),
        "2xx|goaway PROTOCOL_ERROR|close",
    ),
    (
        "9113_4_3_table_after_a_reset",
        Play::Bytes(3, |t| {
            [with(t, 1, &[kept(b"x", b"y")]), number(RST_STREAM, 1, 8), with(t, 3, &[indexed(FIRST)])].concat()
        }),
        FINE,
    ),
    (
        "9113_4_3_table_after_trailers",
        Play::Bytes(3, |t| {
            [t.post(1, &[]), frame(HEADERS, END_STREAM | 4, 1, &kept(b"x", b"y")), with(t, 3, &[indexed(FIRST)])]
                .concat()
        }),
        FINE,
    ),
    (
        "9113_4_3_unfinished_field_at_the_end",
        Play::Bytes(1, |t| frame(HEADERS, END_STREAM | 4, 1, &[t.fields("GET", "/", &[]), vec![0x40]].concat())),
        COMPRESSION,
    ),
];
