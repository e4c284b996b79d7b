//! Records and messages that are not what they should be, before and after a hello.

use super::{CIPHERS, Row, cut, made, old};
use crate::{
    http2::connection::Target,
    records::{ALERT, APPLICATION, CHANGE_CIPHER_SPEC, HANDSHAKE, counted, hello, hello_message, message, record},
};

pub(super) const ROWS: &[&[Row]] = &[LAYOUT, LATER];

const LAYOUT: &[Row] = &[
    ("8446_4_1_2_hello", |t| vec![hello(&t.host)], "hello"),
    ("8446_5_1_hello_byte_by_byte", |t| cut(&hello(&t.host), 1), "hello"),
    (
        "8446_5_1_records_of_one_byte",
        |t| cut(&hello_message(&t.host, &[]), 1).iter().map(|byte| record(HANDSHAKE, 0x0301, byte)).collect(),
        "hello|alert",
    ),
    (
        "8446_5_1_two_records",
        |t| cut(&hello_message(&t.host, &[]), 100).iter().map(|part| record(HANDSHAKE, 0x0301, part)).collect(),
        "hello",
    ),
    (
        "8446_5_1_alert_within_a_message",
        |t| {
            let parts = cut(&hello_message(&t.host, &[]), 100);
            vec![
                record(HANDSHAKE, 0x0301, &parts[0]),
                record(ALERT, 0x0301, &[1, 90]),
                record(HANDSHAKE, 0x0301, &parts[1]),
            ]
        },
        "alert",
    ),
    ("8446_5_1_empty_handshake_record", |_| vec![record(HANDSHAKE, 0x0301, &[])], "alert"),
    ("8446_5_1_many_empty_records", |_| vec![record(HANDSHAKE, 0x0301, &[]).repeat(10_000)], "alert"),
    ("8446_5_1_record_too_long", |_| vec![record(HANDSHAKE, 0x0301, &[1; 20_000])], "alert record_overflow|alert"),
    ("8446_5_1_record_that_says_to_be_the_longest", |_| vec![vec![HANDSHAKE, 3, 1, 0xff, 0xff, 1]], "alert|silent"),
    ("8446_5_unknown_content_type", |_| vec![record(99, 0x0301, &[1; 50])], "alert"),
    ("8446_5_application_data_first", |_| vec![record(APPLICATION, 0x0303, &[1; 50])], "alert"),
    ("8446_5_change_cipher_spec_first", |t| vec![record(CHANGE_CIPHER_SPEC, 0x0303, &[1]), hello(&t.host)], "alert"),
    ("8446_6_close_notify_first", |_| vec![record(ALERT, 0x0301, &[1, 0])], "alert"),
    ("8446_6_fatal_alert_first", |_| vec![record(ALERT, 0x0301, &[2, 40])], "alert"),
    ("8446_6_warnings_without_an_end", |_| vec![record(ALERT, 0x0301, &[1, 90]).repeat(10_000)], "alert"),
    ("8446_4_finished_first", |_| vec![record(HANDSHAKE, 0x0301, &message(20, &[0; 32]))], "alert"),
    (
        "8446_4_message_of_16_mebibytes",
        |_| vec![record(HANDSHAKE, 0x0301, &[1, 0xff, 0xff, 0xff, 3, 3])],
        "alert|silent",
    ),
    ("7230_2_7_plain_http", |_| vec![b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()], "400|alert"),
    ("9113_3_4_plain_http2", |_| vec![b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()], "400|alert"),
    (
        "6176_2_hello_of_ssl_2",
        |_| vec![[&[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10][..], &[7; 37]].concat()],
        "alert",
    ),
    ("8446_5_zeros", |_| vec![vec![0; 10_000]], "alert"),
];

/// A hello, and more.
fn then(t: &Target, more: Vec<u8>) -> Vec<Vec<u8>> {
    vec![hello(&t.host), more]
}

/// A hello of TLS 1.2, whose handshake is in plain text, and more messages in one record.
fn then_old(t: &Target, more: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let hello = made(0x0303, &[], CIPHERS, &[0], &counted(&old(t)));
    [hello, vec![record(HANDSHAKE, 0x0303, &more.concat())]].concat()
}

const BAD_EXCHANGE: &str =
    "hello then alert decode_error|hello then alert handshake_failure|hello then alert illegal_parameter";

const LATER: &[Row] = &[
    (
        "5246_7_4_7_key_exchange_that_is_none_and_more_behind_it",
        |t| then_old(t, &[message(16, &[]), message(20, &[0; 12]), message(20, &[0; 12])]),
        BAD_EXCHANGE,
    ),
    (
        "5246_7_4_7_key_exchange_of_no_point_and_more_behind_it",
        |t| then_old(t, &[message(16, &[&[32][..], &[0; 32]].concat()), message(20, &[0; 12])]),
        BAD_EXCHANGE,
    ),
    (
        "5246_7_4_9_finished_before_its_time_and_more_behind_it",
        |t| then_old(t, &[message(20, &[0; 12]), message(16, &[])]),
        "hello then alert unexpected_message",
    ),
    (
        "8446_4_1_2_second_hello",
        |t| then(t, hello(&t.host)),
        "hello then alert unexpected_message|hello then alert decode_error|hello then alert",
    ),
    (
        "8446_4_4_4_finished_in_plain_text",
        |t| then(t, record(HANDSHAKE, 0x0303, &message(20, &[0; 32]))),
        "hello then alert unexpected_message|hello then alert",
    ),
    (
        "8446_5_2_garbage_in_place_of_finished",
        |t| then(t, record(APPLICATION, 0x0303, &[7; 60])),
        "hello then alert bad_record_mac|hello then alert unexpected_message",
    ),
    (
        "8446_5_2_encrypted_record_too_long",
        |t| then(t, record(APPLICATION, 0x0303, &[7; 17_000])),
        "hello then alert record_overflow|hello then alert bad_record_mac",
    ),
    (
        "8446_5_2_encrypted_record_without_a_tag",
        |t| then(t, record(APPLICATION, 0x0303, &[7; 5])),
        "hello then alert bad_record_mac|hello then alert decode_error|hello then alert unexpected_message",
    ),
    (
        "8446_5_change_cipher_spec_of_another_value",
        |t| then(t, record(CHANGE_CIPHER_SPEC, 0x0303, &[2])),
        "hello then alert unexpected_message|hello then alert decode_error|hello then alert illegal_parameter",
    ),
    (
        "8446_d_4_change_cipher_specs_without_an_end",
        |t| then(t, record(CHANGE_CIPHER_SPEC, 0x0303, &[1]).repeat(10_000)),
        "hello then alert",
    ),
    ("8446_6_alert_in_plain_text", |t| then(t, record(ALERT, 0x0303, &[2, 40])), "hello then alert|hello then close"),
];
