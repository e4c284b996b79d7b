//! Handshakes that no library begins, held against servers as they are packaged.
//!
//! `FOSSE_TEST_URL=https://NAME:PORT`, a port of loopback, points the rows at another server.

use fosse_clients::{
    hellos::{fits, play, rows},
    http2::connection::Target,
    peers::Peer,
};
use fosse_harness::{Backend, is_root};

/// Row, what nginx 1.22 does, what HAProxy 2.6 does; empty where it is as the RFC has it. nginx
/// takes what does not begin like a hello for HTTP and says so in plain text.
const KNOWN: &[(&str, &str, &str)] = &[
    ("8446_5_1_empty_handshake_record", "silent", "silent"),
    ("8446_5_unknown_content_type", "400", ""),
    ("8446_5_application_data_first", "400", ""),
    ("8446_5_change_cipher_spec_first", "400", ""),
    ("8446_6_close_notify_first", "400", ""),
    ("8446_6_fatal_alert_first", "400", ""),
    ("8446_6_warnings_without_an_end", "400", ""),
    ("8446_5_zeros", "400", ""),
    ("6066_3_empty_name", "hello", ""),
];

/// Returns the rows that end otherwise than the RFC has it, or than is known.
fn differences(target: &Target, known: impl Fn(&str) -> Option<&'static str>) -> Vec<String> {
    let mut found = Vec::new();
    for row in rows() {
        let known = known(row.0);
        let came = play(target, row, known.unwrap_or(row.2)).unwrap();
        let is_as_expected = known.map_or_else(|| fits(&came, row.2), |end| came == end);
        if !is_as_expected {
            found.push(format!("{}: {came} ({})", row.0, row.2));
        }
    }
    found
}

fn known_of(peer: &str, row: &str) -> Option<&'static str> {
    let (_, nginx, haproxy) = KNOWN.iter().find(|(name, ..)| *name == row)?;
    Some(if peer == "nginx" { nginx } else { haproxy }).copied().filter(|end| !end.is_empty())
}

#[test]
fn every_hello_is_taken_as_the_rfc_says() {
    if let Ok(url) = std::env::var("FOSSE_TEST_URL") {
        let target = Target::of_url(&url).expect("https://NAME:PORT");
        assert_eq!(differences(&target, |_| None), Vec::<String>::new());
        return;
    }
    let app = Backend::start();
    for peer in Peer::all(app.path()) {
        let found = differences(&peer.target(), |row| known_of(peer.name, row));
        assert_eq!(found, Vec::<String>::new(), "{}", peer.name);
    }
}

#[test]
fn fosse_takes_every_hello_as_the_rfc_says() {
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
fn hellos_have_names_of_their_own_and_known_ends_have_rows() {
    let mut names: Vec<&str> = rows().iter().map(|row| row.0).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    let gone: Vec<&str> = KNOWN.iter().map(|known| known.0).filter(|name| !names.contains(name)).collect();
    assert_eq!(gone, Vec::<&str>::new());
}
