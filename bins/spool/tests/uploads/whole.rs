//! Bodies that are buffered for an application alone, without a firewall.

use std::io::Write;

use fosse_harness::{Client, Edge, wait_for};

use crate::app::{
    self, App, MIB, begin_for, pattern, put_over, response_if_any, six_at_a_time_arrive, status, wait_for_bodies, whole,
};

#[test]
fn six_uploads_of_40_mib_at_a_time_reach_an_application_whole_without_a_firewall() {
    let app = App::start();
    let edge = Edge::with_config(&whole(&app, "", "body_bytes_max = \"50 MiB\"\n"), &[]);
    six_at_a_time_arrive(&edge);
    assert_eq!(edge.counter("waf-filter", "requests"), 0, "nothing is evaluated");
}

#[test]
fn nothing_of_a_body_reaches_the_application_before_all_of_it_has_come() {
    let app = App::start();
    let edge = Edge::with_config(&whole(&app, "", ""), &[]);
    let mut client = Client::connect(edge.address());
    client.send(b"PUT /f HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.response().status, 100);
    let body = pattern(1, 300_000);
    for piece in body.chunks(100_000) {
        assert_eq!(app.requests(), 0);
        client.send(format!("{:x}\r\n", piece.len()).as_bytes());
        client.send(piece);
        client.send(b"\r\n");
    }
    // All of it is there, and its end is not.
    wait_for("the body", || (edge.counter("waf-filter", "buffered_bytes") == 300_000).then_some(()));
    assert_eq!(app.requests(), 0);
    client.send(b"0\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().into_owned()), (200, app::digest(&body)), "{}", edge.log());
    let head = app.last_head();
    assert!(head.contains("content-length: 300000") && !head.contains("expect"), "{head}");
    assert_eq!(edge.counter("waf-filter", "buffered_bytes"), 0);
}

#[test]
fn a_body_longer_than_its_site_takes_gets_413() {
    let app = App::start();
    let edge = Edge::with_config(&whole(&app, "", "body_bytes_max = \"200 KiB\"\n"), &[]);
    let mut announced = begin_for("/f", 1, &edge, 200 * 1024 + 1, 0);
    announced.flush().unwrap();
    assert!(response_if_any(announced).starts_with("HTTP/1.1 413 "), "{}", edge.log());
    let mut client = Client::connect(edge.address());
    client.send(b"PUT /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n32001\r\n");
    let _ = client.try_send(&pattern(1, 200 * 1024 + 1));
    assert_eq!(client.response().status, 413, "{}", edge.log());
    assert_eq!(app.requests(), 0);
}

#[test]
fn bodies_that_wait_for_their_server_lie_in_one_place_and_go_to_the_spool_where_memory_is_needed() {
    let app = App::start();
    let limits = "lane_held_bytes_max = \"4 MiB\"\n";
    let edge = Edge::with_config(&whole(&app, limits, "body_bytes_max = \"4 MiB\"\n"), &[]);
    let gate = app.shut_gate();
    // It is in memory, since nothing else is there, and its server takes none of it.
    let late = begin_for("/late", 1, &edge, MIB, MIB);
    wait_for("the request at the server", || (app.requests() == 1).then_some(()));
    assert!(edge.counter("waf-filter", "buffered_bytes") > 100_000 && edge.counter("waf-filter", "spooled") == 0);
    // Short ones of others come, each too short for the spool.
    let short: Vec<_> = (2..=242).map(|last| begin_for("/f", last, &edge, 16_001, 16_000)).collect();
    wait_for_bodies(&edge, 1);
    assert_eq!(edge.counter("waf-filter", "over_memory"), 0, "{}", edge.log());
    assert_eq!(status(&edge, "/"), 200);
    drop((gate, short));
    let response = response_if_any(late);
    assert!(response.ends_with(&app::digest(&pattern(0, MIB))), "{response}\n{}", edge.log());
    wait_for_bodies(&edge, 0);
    wait_for("memory", || (edge.counter("waf-filter", "buffered_bytes") == 0).then_some(()));
}

#[test]
fn a_client_that_goes_away_while_its_body_waits_for_the_server_leaves_no_memory_in_use() {
    let app = App::start();
    let edge = Edge::with_config(&format!("{}abort_on_close = true\n", whole(&app, "", "")), &[]);
    let upload = begin_for("/never", 1, &edge, 700_000, 700_000);
    wait_for("the request at the server", || (app.requests() == 1).then_some(()));
    assert!(edge.counter("waf-filter", "buffered_bytes") > 0);
    drop(upload);
    wait_for("memory", || (edge.counter("waf-filter", "buffered_bytes") == 0).then_some(()));
    let mut next = fosse_harness::sockets::connect_from(2, edge.address(), fosse_harness::WAIT_MAX).unwrap();
    assert!(put_over(&mut next, &pattern(1, 700_000)).starts_with("HTTP/1.1 200 "), "{}", edge.log());
}
