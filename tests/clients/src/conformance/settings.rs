//! Section 6.5: settings.

use super::{FINE, PROTOCOL, Play, Row, SIZE, quietly, soon};
use crate::http2::frame::{
    ACK, DATA, ENABLE_PUSH, HEADERS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, SETTINGS, frame, settings,
};

pub(super) const ROWS: &[&[Row]] = &[ALL];

const ALL: &[Row] = &[
    ("9113_6_5_on_a_stream", Play::Bytes(1, |_| frame(SETTINGS, 0, 1, &[])), PROTOCOL),
    ("9113_6_5_acknowledgement_with_a_payload", Play::Bytes(1, |_| frame(SETTINGS, ACK, 0, &[0; 6])), SIZE),
    ("9113_6_5_length_that_is_no_multiple_of_6", Play::Bytes(1, |_| frame(SETTINGS, 0, 0, &[0; 5])), SIZE),
    ("9113_6_5_2_push_that_is_no_boolean", Play::Bytes(1, |_| settings(&[(ENABLE_PUSH, 2)])), PROTOCOL),
    (
        "9113_6_5_2_window_too_large",
        Play::Bytes(1, |_| settings(&[(INITIAL_WINDOW_SIZE, 0x8000_0000)])),
        "goaway FLOW_CONTROL_ERROR|close",
    ),
    (
        "9113_6_5_2_greatest_window",
        Play::Bytes(1, |t| [settings(&[(INITIAL_WINDOW_SIZE, 0x7fff_ffff)]), t.get(1, &[])].concat()),
        FINE,
    ),
    ("9113_6_5_2_frame_size_too_small", Play::Bytes(1, |_| settings(&[(MAX_FRAME_SIZE, 16_383)])), PROTOCOL),
    ("9113_6_5_2_frame_size_too_large", Play::Bytes(1, |_| settings(&[(MAX_FRAME_SIZE, 0x0100_0000)])), PROTOCOL),
    (
        "9113_6_5_2_greatest_frame_size",
        Play::Bytes(1, |t| [settings(&[(MAX_FRAME_SIZE, 0xff_ffff)]), t.get(1, &[])].concat()),
        FINE,
    ),
    (
        "9113_6_5_2_unknown_setting_is_ignored",
        Play::Bytes(1, |t| [settings(&[(0xbeef, 1), (0, 1)]), t.get(1, &[])].concat()),
        FINE,
    ),
    (
        "9113_6_5_3_settings_are_acknowledged",
        Play::Talk(|_, c| {
            let came = c.wait(soon(), |f| f.kind == SETTINGS && f.has(ACK));
            Ok(came.map_or("close", |_| "acknowledged").into())
        }),
        "acknowledged",
    ),
    (
        "9113_6_5_3_each_is_acknowledged",
        Play::Talk(|_, c| {
            c.send(&[settings(&[]), settings(&[])].concat())?;
            for _ in 0..3 {
                if c.wait(soon(), |f| f.kind == SETTINGS && f.has(ACK)).is_none() {
                    return Ok("close".into());
                }
            }
            let fourth = c.wait(quietly(), |f| f.kind == SETTINGS && f.has(ACK));
            Ok(fourth.map_or("three", |_| "more").into())
        }),
        "three",
    ),
    (
        "9113_6_5_3_values_count_in_their_order",
        Play::Talk(|t, c| {
            c.send(&[settings(&[(INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 3)]), t.get(1, &[])].concat())?;
            let first = c.wait(soon(), |f| f.kind == DATA && f.stream == 1 && !f.payload.is_empty());
            Ok(first.map_or("close".into(), |f| format!("{} bytes", f.payload.len())))
        }),
        "3 bytes",
    ),
    (
        "9113_6_5_2_frames_are_no_larger_than_we_take",
        Play::Talk(|t, c| {
            c.send(&t.get(1, &[]))?;
            let large = c.wait(soon(), |f| {
                f.payload.len() > 16_384 || f.stream == 1 && matches!(f.kind, DATA | HEADERS) && f.has(1)
            });
            Ok(large.map_or("close", |f| if f.payload.len() > 16_384 { "too large" } else { "small" }).into())
        }),
        "small",
    ),
];
