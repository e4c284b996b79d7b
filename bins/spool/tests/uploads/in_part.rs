//! Bodies of which a part is inspected, and all of which passes.

use fosse_harness::{Client, Edge, sockets, wait_for};

use crate::app::{
    App, MIB, configuration, digest, pattern, put, put_over, six_at_a_time_arrive, status, wait_for_bodies,
};

const IN_PART: &str = "body_over_limit = \"pass-in-part\"\n";

#[test]
fn six_uploads_of_which_a_part_is_inspected_arrive_whole_and_within_the_limits() {
    let app = App::start();
    let site = format!("body_bytes_max = \"30 MiB\"\n{IN_PART}");
    let edge = Edge::with_config(&configuration(&app, "", &site), &[]);
    six_at_a_time_arrive(&edge);
    assert_eq!(edge.counter("waf-filter", "passed_in_part"), 6);
}

#[test]
fn a_part_goes_on_out_of_memory_and_out_of_the_spool_and_the_rest_follows() {
    let app = App::start();
    // From 1 MiB on a body goes to the spool.
    for (limit, lengths, spooled) in [("512 KiB", [512 * 1024 + 1, 3 * MIB], 0), ("2 MiB", [2 * MIB + 1, 3 * MIB], 2)] {
        let site = format!("body_bytes_max = \"{limit}\"\n{IN_PART}");
        let edge = Edge::with_config(&configuration(&app, "lane_held_bytes_max = \"4 MiB\"\n", &site), &[]);
        for length in lengths {
            let body = pattern(1, length);
            let response = put(&edge, &body, |_| ());
            assert_eq!((response.status, response.text().into_owned()), (200, digest(&body)), "{}", edge.log());
        }
        assert_eq!(edge.counter("waf-filter", "spooled"), spooled);
        wait_for_bodies(&edge, 0);
        wait_for("memory", || (edge.counter("waf-filter", "buffered_bytes") == 0).then_some(()));
    }
}

#[test]
fn what_rules_deny_in_the_part_that_is_inspected_goes_nowhere() {
    let app = App::start();
    // Time for the rules on any machine.
    let site = format!("body_bytes_max = \"2 MiB\"\nrules_milliseconds_max = 10000\n{IN_PART}");
    let edge = Edge::with_config(&configuration(&app, "lane_held_bytes_max = \"4 MiB\"\n", &site), &[]);
    let form = format!("q=1' UNION SELECT password FROM users--&x={}", "x".repeat(3 * MIB));
    let mut client = Client::connect(edge.address());
    let head = "POST /f HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ";
    client.send(format!("{head}{}\r\n\r\n", form.len()).as_bytes());
    // A denial may come before the last byte is sent.
    let _ = client.try_send(form.as_bytes());
    assert_eq!((client.response().status, app.requests()), (403, 0), "{}", edge.log());
    wait_for_bodies(&edge, 0);
}

#[test]
fn a_server_that_responds_within_the_part_leaves_nothing_behind_and_the_lane_serves_on() {
    let app = App::start();
    let site = format!("body_bytes_max = \"2 MiB\"\n{IN_PART}");
    let edge = Edge::with_config(&configuration(&app, "lane_held_bytes_max = \"4 MiB\"\n", &site), &[]);
    for _ in 0..3 {
        let mut client = Client::connect(edge.address());
        client.send(format!("PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 3 * MIB).as_bytes());
        let _ = client.try_send(&pattern(1, 3 * MIB));
        assert_eq!(client.response().status, 413, "{}", edge.log());
        wait_for_bodies(&edge, 0);
        assert_eq!(status(&edge, "/"), 200);
    }
    let mut next = sockets::connect_from(2, edge.address(), fosse_harness::WAIT_MAX).unwrap();
    assert!(put_over(&mut next, &pattern(1, 3 * MIB)).starts_with("HTTP/1.1 200 "), "{}", edge.log());
}
