//! HTTP/2 as the RFCs have it, held against servers as they are packaged: the rows are known to
//! work where they agree, and where they do not is written down.
//!
//! `FOSSE_TEST_URL=https://NAME:PORT` (or `h2c://`), a port of loopback, points the rows at another
//! server, whose application should respond 200 to everything with some text.

use fosse_clients::{
    conformance::{fits, rows, run},
    http2::connection::Target,
    peers::Peer,
};
use fosse_harness::{Backend, is_root};

/// Row, what nginx 1.22 does, what HAProxy 2.6 does; empty where it is as the RFC has it.
const KNOWN: &[(&str, &str, &str)] = &[
    ("9113_3_4_ping_before_settings", "200", ""),
    ("9113_3_4_headers_before_settings", "200", ""),
    ("9113_3_4_acknowledgement_before_settings", "200", ""),
    ("9113_4_2_data_too_large", "200", ""),
    ("9113_4_2_headers_too_large", "goaway ENHANCE_YOUR_CALM", ""),
    ("9113_4_2_greatest_length_that_can_be_said", "goaway PROTOCOL_ERROR", ""),
    ("9113_4_2_unknown_type_too_large", "silent", ""),
    ("9113_6_1_padded_data", "", "goaway PROTOCOL_ERROR"),
    ("9113_6_4_reset_of_an_idle_stream", "silent", ""),
    ("9113_5_1_data_on_an_idle_stream", "silent", ""),
    ("9113_5_1_window_update_on_an_idle_stream", "silent", ""),
    ("9113_5_1_data_on_an_idle_stream_of_the_server", "silent", ""),
    ("9113_5_1_headers_after_end_stream", "goaway PROTOCOL_ERROR", "goaway PROTOCOL_ERROR"),
    ("9113_5_1_data_after_our_reset", "silent", ""),
    ("9113_5_1_headers_after_our_reset", "goaway PROTOCOL_ERROR", ""),
    ("9113_5_1_data_on_a_closed_stream", "silent", ""),
    ("9113_8_1_trailers", "goaway PROTOCOL_ERROR", ""),
    ("9113_6_9_reserved_bit_is_ignored", "", "goaway FLOW_CONTROL_ERROR"),
    ("9113_6_9_2_settings_that_make_a_window_too_large", "reset FLOW_CONTROL_ERROR", "silent"),
    ("9113_6_9_1_an_empty_window_lets_heads_through", "close", ""),
    ("9113_6_9_1_more_than_the_window_of_a_stream", "", "silent"),
    ("9113_8_1_1_no_body_where_one_is_said", "", "200"),
    ("9113_8_1_1_trailers_before_the_length_is_reached", "", "silent"),
    ("9113_8_2_1_name_above_ascii", "200", ""),
    ("9113_8_2_upper_case_name_of_a_trailer", "", "reset INTERNAL_ERROR"),
    ("9113_8_2_1_space_before_a_value", "200", "200"),
    ("9113_8_2_1_space_after_a_value", "200", "200"),
    ("9113_8_2_1_tab_after_a_value", "200", "200"),
    ("9110_5_5_control_in_a_value", "502", "reset REFUSED_STREAM"),
    ("9113_8_2_2_connection", "200", ""),
    ("9113_8_2_2_keep_alive", "200", ""),
    ("9113_8_2_2_proxy_connection", "200", ""),
    ("9113_8_2_2_upgrade", "200", ""),
    ("9113_8_2_2_transfer_encoding", "200", ""),
    ("9113_8_2_2_te_of_another_value", "200", ""),
    ("9113_8_2_2_te_of_more_values", "200", ""),
    ("9113_8_3_after_a_field", "200", ""),
    ("9113_8_3_path_after_a_field", "200", ""),
    ("9113_8_3_in_trailers", "", "reset INTERNAL_ERROR"),
    ("9113_8_3_1_empty_block", "goaway FRAME_SIZE_ERROR", "goaway FRAME_SIZE_ERROR"),
    ("9113_8_3_1_host_and_the_same_authority", "400", ""),
    ("9113_8_3_1_host_and_another_authority", "", "200"),
    ("9113_8_3_1_two_hosts", "", "200"),
    ("9113_8_3_1_user_in_authority", "200", "200"),
    ("9113_8_3_1_asterisk_of_get", "", "200"),
    ("9113_8_3_1_asterisk_of_options", "400", ""),
    ("9113_10_3_slash_in_an_authority", "", "200"),
    ("9113_8_5_connect", "", "200 without an end"),
    ("8441_4_protocol_of_another_method", "", "200"),
    ("8441_4_unknown_protocol", "", "200"),
    ("7541_4_2_size_after_a_field", "200", ""),
    ("7541_4_3_smaller_size_evicts", "", "200"),
    ("7541_4_3_size_of_one_byte_less_evicts", "", "200"),
    ("7541_5_1_integer_without_an_end", "goaway FRAME_SIZE_ERROR", ""),
    ("7541_5_2_string_longer_than_the_block", "goaway FRAME_SIZE_ERROR", ""),
    ("7541_5_2_name_longer_than_the_block", "goaway FRAME_SIZE_ERROR", ""),
    ("7541_5_2_nothing_after_a_name", "goaway FRAME_SIZE_ERROR", ""),
    ("7541_5_2_padding_of_8_bits", "200", ""),
    ("7541_5_2_huffman_hides_no_line_feed", "", "goaway COMPRESSION_ERROR"),
    ("9113_4_3_table_after_trailers", "goaway PROTOCOL_ERROR", ""),
    ("9113_4_3_unfinished_field_at_the_end", "goaway FRAME_SIZE_ERROR", ""),
];

/// Returns the rows that end otherwise than the RFC has it, or than is known.
fn differences(target: &Target, known: impl Fn(&str) -> Option<&'static str> + Sync) -> Vec<String> {
    let found = run(target, &known);
    let count = found.iter().filter(|(_, came, allowed)| fits(came, allowed)).count();
    println!("{count} of {} rows as the RFCs have it", found.len());
    let differs = |row: &&(&'static str, String, &'static str)| match known(row.0) {
        // One of HAProxy's depends on how its reads fall.
        Some(end) => row.1 != end && !fits(&row.1, row.2),
        None => !fits(&row.1, row.2),
    };
    found.iter().filter(differs).map(|(name, came, allowed)| format!("{name}: {came} ({allowed})")).collect()
}

fn known_of(peer: &str, row: &str) -> Option<&'static str> {
    let (_, nginx, haproxy) = KNOWN.iter().find(|(name, ..)| *name == row)?;
    Some(if peer == "nginx" { nginx } else { haproxy }).copied().filter(|end| !end.is_empty())
}

#[test]
fn every_frame_is_taken_as_the_rfc_says() {
    if let Ok(url) = std::env::var("FOSSE_TEST_URL") {
        let target = Target::of_url(&url).expect("https://NAME:PORT or h2c://NAME:PORT");
        assert_eq!(differences(&target, |_| None), Vec::<String>::new());
        return;
    }
    let app = Backend::start();
    for peer in Peer::all(app.path()) {
        println!("{}:", peer.name);
        let found = differences(&peer.target(), |row| known_of(peer.name, row));
        assert_eq!(found, Vec::<String>::new(), "{}", peer.name);
    }
}

#[test]
fn fosse_takes_every_frame_as_the_rfc_says() {
    if !is_root() {
        println!("skipped: fosse runs as root here");
        return;
    }
    let app = Backend::start();
    let fosse = Peer::fosse(app.path());
    assert_eq!(differences(&fosse.target(), |_| None), Vec::<String>::new());
    assert_eq!(fosse.alarms(), Vec::<String>::new());
}

#[test]
fn rows_have_names_of_their_own_and_known_ends_have_rows() {
    let rows = rows();
    let mut names: Vec<&str> = rows.iter().map(|row| row.0).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len());
    let gone: Vec<&str> = KNOWN.iter().map(|known| known.0).filter(|name| !names.contains(name)).collect();
    assert_eq!(gone, Vec::<&str>::new());
    assert!(rows.iter().all(|row| !row.2.is_empty()));
}
