//! Bodies that are inspected.

use std::{io::Write, net::TcpStream, sync::Barrier};

use fosse_harness::{Client, Edge, Process, WAIT_MAX, sockets, wait_for};
use rustix::process::Signal;

use crate::app::{
    self, App, MIB, begin, configuration, pattern, put, six_at_a_time_arrive, small_memory, status, wait_for_bodies,
};

#[test]
fn six_uploads_of_40_mib_at_a_time_arrive_whole_within_the_limits_by_default() {
    let app = App::start();
    let edge = Edge::with_config(&configuration(&app, "", "body_bytes_max = \"50 MiB\"\n"), &[]);
    // One is back in memory at a time, beside the rules' copy of it, and a quarter of
    // lane_held_bytes_max (64 MiB) of others.
    six_at_a_time_arrive(&edge);
}

#[test]
fn rules_see_the_whole_of_a_body_that_was_in_the_spool() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, ""), &[]);
    let attack = "1' UNION SELECT password FROM users--";
    let form = |value: &str| {
        let file = "x".repeat(2 * MIB);
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{file}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n{value}\r\n--b--\r\n"
        )
    };
    for (value, expected) in [("a plain word", 200), (attack, 403)] {
        let body = form(value);
        let head = format!(
            "POST /f HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut client = Client::connect(edge.address());
        client.send(head.as_bytes());
        // A denial may come before the last byte is sent.
        let _ = client.try_send(body.as_bytes());
        assert_eq!(client.response().status, expected, "{value}: {}", edge.log());
    }
    assert_eq!((edge.counter("waf-filter", "spooled"), app.requests()), (2, 1));
    wait_for_bodies(&edge, 0);
}

#[test]
fn a_chunked_body_out_of_the_spool_has_its_length() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, ""), &[]);
    let body = pattern(3, 3 * MIB);
    let mut client = Client::connect(edge.address());
    client.send(b"PUT /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in body.chunks(100_000) {
        client.send(format!("{:x}\r\n", piece.len()).as_bytes());
        client.send(piece);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().into_owned()), (200, app::digest(&body)), "{}", edge.log());
    assert!(app.last_head().contains("content-length: 3145728"), "{}", app.last_head());
    assert_eq!(edge.counter("waf-filter", "spooled"), 1);
}

#[test]
fn a_server_that_responds_early_leaves_nothing_in_the_spool_and_the_lane_serves_on() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, ""), &[]);
    for _ in 0..3 {
        let mut client = Client::connect(edge.address());
        client.send(format!("PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 3 * MIB).as_bytes());
        client.send(&pattern(1, 3 * MIB));
        assert_eq!(client.response().status, 413, "{}", edge.log());
        wait_for_bodies(&edge, 0);
        assert_eq!(status(&edge, "/"), 200);
    }
    assert_eq!(edge.counter("waf-filter", "spooled"), 3);
}

#[test]
fn a_client_that_goes_away_leaves_nothing_in_the_spool() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, ""), &[]);
    let upload = begin(1, &edge, 4 * MIB, 3 * MIB);
    wait_for_bodies(&edge, 1);
    drop(upload);
    wait_for_bodies(&edge, 0);
    assert_eq!((status(&edge, "/"), app.requests()), (200, 1));
}

#[test]
fn a_client_that_goes_away_while_its_body_goes_on_leaves_nothing_in_the_spool_and_the_lane_serves_on() {
    let app = App::start();
    let edge = Edge::with_config(&format!("{}abort_on_close = true\n", small_memory(&app, "")), &[]);
    let filter = edge.process("waf-filter");
    let mut client = Client::connect(edge.address());
    client.send(format!("PUT /never HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 3 * MIB).as_bytes());
    client.send(&pattern(1, 3 * MIB));
    wait_for("the request at the server", || (app.requests() == 1).then_some(()));
    wait_for_bodies(&edge, 1);
    drop(client);
    wait_for_bodies(&edge, 0);
    assert_eq!((status(&edge, "/"), edge.process("waf-filter").pid), (200, filter.pid), "{}", edge.log());
}

#[test]
fn a_spool_that_is_full_costs_the_source_that_has_most_in_it() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, "spool_bytes_max = \"8 MiB\"\n"), &[]);
    let hoard: Vec<TcpStream> = (0..2).map(|_| begin(66, &edge, 4 * MIB, 4 * MIB - 1)).collect();
    wait_for_bodies(&edge, 2);
    let body = pattern(9, 3 * MIB);
    let mut visitor = sockets::connect_from(77, edge.address(), WAIT_MAX).unwrap();
    let response = app::put_over(&mut visitor, &body);
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}\n{}", edge.log());
    assert!(edge.counter("spool", "gave_way") >= 1);
    let denied = hoard.into_iter().map(app::response_if_any).filter(|response| response.starts_with("HTTP/1.1 503 "));
    assert!(denied.count() >= 1, "{}", edge.log());
}

/// Begins an upload of 3 MiB that goes to the spool, which then stands still. The rest of it, from
/// 2 MiB and 1000 bytes on, is to be sent.
fn stalled_upload(edge: &Edge) -> (Process, TcpStream) {
    let spool = edge.process("spool");
    let mut upload = begin(1, edge, 3 * MIB, 2 * MIB);
    wait_for_bodies(edge, 1);
    assert!(spool.signal(Signal::STOP));
    upload.write_all(&pattern(0, 3 * MIB)[2 * MIB..2 * MIB + 1000]).unwrap();
    (spool, upload)
}

#[test]
fn a_disk_that_stands_still_keeps_long_uploads_waiting_and_nobody_else() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, ""), &[]);
    let (spool, mut upload) = stalled_upload(&edge);
    for _ in 0..20 {
        assert_eq!(status(&edge, "/"), 200, "{}", edge.log());
    }
    assert!(spool.signal(Signal::CONT));
    upload.write_all(&pattern(0, 3 * MIB)[2 * MIB + 1000..]).unwrap();
    let response = app::response_if_any(upload);
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}\n{}", edge.log());
}

/// Sends that many uploads of `length` bytes at a time to an edge whose spool stands still, calls
/// `standing` once half of `memory_mib` is in use, and returns their responses. None of them is
/// whole before.
fn burst(count: u8, length: usize, memory_mib: u64, standing: impl FnOnce(&Edge)) -> (Edge, Vec<String>) {
    let app = App::start();
    let limits = format!("lane_held_bytes_max = \"{memory_mib} MiB\"\n");
    let edge = Edge::with_config(&configuration(&app, &limits, "body_bytes_max = \"4 MiB\"\n"), &[]);
    assert!(edge.process("spool").signal(Signal::STOP));
    let has_stood = Barrier::new(usize::from(count) + 1);
    let responses = std::thread::scope(|scope| {
        let uploads: Vec<_> = (1..=count)
            .map(|number| {
                let (edge, has_stood) = (&edge, &has_stood);
                scope.spawn(move || {
                    let mut stream = begin(number, edge, length, 0);
                    let body = pattern(u32::from(number), length);
                    let (last, most) = body.split_last().unwrap();
                    // A denial may come before the last byte is sent.
                    let _ = stream.write_all(most);
                    has_stood.wait();
                    let _ = stream.write_all(&[*last]);
                    app::response_if_any(stream)
                })
            })
            .collect();
        let half = memory_mib << 19;
        wait_for("half of the memory", || (edge.counter("waf-filter", "buffered_bytes") >= half).then_some(()));
        standing(&edge);
        has_stood.wait();
        uploads.into_iter().map(|upload| upload.join().unwrap()).collect()
    });
    (edge, responses)
}

/// Counts the responses that are 200.
fn count_successes(responses: &[String]) -> usize {
    responses.iter().filter(|response| response.starts_with("HTTP/1.1 200 ")).count()
}

#[test]
fn sixty_uploads_at_a_time_wait_for_a_slow_disk_instead_of_using_up_memory_and_short_ones_do_not() {
    let (edge, responses) = burst(60, MIB, 16, |edge| {
        for number in 0..20 {
            let response = put(edge, &pattern(number, 1000), |_| ());
            assert_eq!(response.status, 200, "{}", edge.log());
        }
        assert!(edge.process("spool").signal(Signal::CONT));
    });
    assert_eq!(count_successes(&responses), 60, "{}", edge.log());
    assert_eq!(edge.counter("waf-filter", "over_memory"), 0);
    wait_for_bodies(&edge, 0);
}

#[test]
fn more_uploads_at_a_time_than_memory_has_room_for_64_kib_of_wait_for_a_slow_disk_as_well() {
    // 64 KiB of each would be more than the memory.
    let (edge, responses) = burst(100, 200_000, 4, |edge| assert!(edge.process("spool").signal(Signal::CONT)));
    assert_eq!(count_successes(&responses), 100, "{}", edge.log());
    assert_eq!(edge.counter("waf-filter", "over_memory"), 0);
    wait_for_bodies(&edge, 0);
}

#[test]
fn uploads_that_wait_for_a_spool_that_dies_go_on() {
    // All of them have room in memory.
    let (edge, responses) = burst(30, 400 * 1024, 16, |edge| assert!(edge.process("spool").signal(Signal::KILL)));
    let lost = usize::try_from(edge.counter("waf-filter", "spool_lost")).unwrap();
    assert!((1..30).contains(&lost), "{lost}: {}", edge.log());
    assert_eq!(count_successes(&responses), 30 - lost, "{}", edge.log());
}

#[test]
fn an_upload_that_waits_for_the_disk_for_too_long_is_over_and_the_next_ones_stay_in_memory() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, ""), &[]);
    let (spool, upload) = stalled_upload(&edge);
    let response = app::response_if_any(upload);
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}\n{}", edge.log());
    edge.wait_for_log("event=spool-silent");
    let body = pattern(2, 2 * MIB);
    let mut next = sockets::connect_from(2, edge.address(), WAIT_MAX).unwrap();
    let response = app::put_over(&mut next, &body);
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}\n{}", edge.log());
    assert!(spool.signal(Signal::CONT));
    edge.wait_for_log("event=spool-responds");
}

#[test]
fn a_spool_that_dies_costs_the_uploads_in_it_and_the_lane_goes_on_with_the_next_one() {
    let app = App::start();
    let edge = Edge::with_config(&small_memory(&app, ""), &[]);
    let (filter, spool) = (edge.process("waf-filter"), edge.process("spool"));
    let upload = begin(1, &edge, 3 * MIB, 2 * MIB);
    wait_for_bodies(&edge, 1);
    assert!(spool.signal(Signal::KILL));
    let response = app::response_if_any(upload);
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}\n{}", edge.log());
    let next = wait_for("the next spool", || {
        edge.processes().into_iter().find(|process| process.program == "spool" && process.pid != spool.pid)
    });
    wait_for("its session", || (edge.counter("spool", "filters") > 0).then_some(()));
    let body = pattern(4, 3 * MIB);
    let mut client = sockets::connect_from(2, edge.address(), WAIT_MAX).unwrap();
    let response = app::put_over(&mut client, &body);
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}\n{}", edge.log());
    assert_eq!(edge.counter("waf-filter", "spooled"), 2);
    assert_eq!(edge.process("waf-filter").pid, filter.pid, "the lane is the same");
    assert_ne!(next.pid, spool.pid);
}

#[test]
fn a_directory_that_is_not_there_is_said_and_bodies_stay_in_memory() {
    let app = App::start();
    let configuration = small_memory(&app, "");
    let edge = Edge::with_config(&format!("spool_directory = \"/nonexistent\"\n{configuration}"), &[]);
    edge.wait_for_log("event=no-spool directory=/nonexistent error=");
    let body = pattern(4, 3 * MIB);
    let mut client = sockets::connect_from(2, edge.address(), WAIT_MAX).unwrap();
    assert!(app::put_over(&mut client, &body).starts_with("HTTP/1.1 200 "));
    assert_eq!(edge.counter("waf-filter", "spooled"), 0);
}
