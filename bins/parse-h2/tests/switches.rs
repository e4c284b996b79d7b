//! WebSocket over streams (RFC 8441), through a whole edge.

mod lane;

use fosse_harness::{Backend, wait_for};
use lane::{Client, edge, frame};

const WEBSOCKET: [(&str, &str); 2] = [(":protocol", "websocket"), ("sec-websocket-version", "13")];

fn switch(client: &mut Client, stream: u32, path: &str, more: &[(&str, &str)], ends: bool) {
    let head = client.head(stream, "CONNECT", path, &[&WEBSOCKET, more].concat(), ends);
    client.send(&head);
}

/// Reads until that many bytes of a stream have come.
fn bytes(client: &mut Client, stream: u32, count: usize) -> Vec<u8> {
    while client.streams.get(&stream).is_none_or(|it| it.body.len() < count) {
        assert!(client.next().is_some(), "the connection ended: {:?} {:?}", client.goaway, client.streams);
    }
    client.streams[&stream].body.clone()
}

#[test]
fn a_websocket_goes_both_ways_beside_other_streams_and_lives_on_through_a_reload() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    let settings = client.next().expect("settings come");
    assert!(settings.kind == 4 && settings.payload.chunks(6).any(|one| one == [0, 8, 0, 0, 0, 1]), "it is offered");
    switch(&mut client, 1, "/upgrade", &[], false);
    client.send(&frame(0, 0, 1, b"early"));
    assert_eq!(bytes(&mut client, 1, 10), b"helloearly");
    let heard = client.streams[&1].clone();
    assert_eq!(heard.status, [200]);
    let names: Vec<&str> = heard.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert!(!names.iter().any(|name| ["upgrade", "connection", "sec-websocket-accept"].contains(name)), "{names:?}");
    client.get(3, "/bytes/10");
    assert_eq!(client.wait(3).body.len(), 10);
    assert_eq!(edge.counter("parse", "upgraded"), 1);
    assert!(edge.fosse(&["reload"]).status.success(), "{}", edge.log());
    client.send(&frame(0, 0, 1, b"later"));
    assert_eq!(bytes(&mut client, 1, 15), b"helloearlylater", "{}", edge.log());
    client.send(&frame(0, 1, 1, b"end"));
    let all = client.wait(1);
    assert_eq!((all.body, all.ended), (b"helloearlylaterend".to_vec(), true));
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn a_client_that_has_ended_its_side_still_gets_all_of_the_servers() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    switch(&mut client, 1, "/upgrade/late", &[], false);
    let much: Vec<u8> = (0..1_000_000u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let (mut sent, mut own, mut all) = (0, 16_384, 65_535);
    while sent < much.len() {
        let here = (much.len() - sent).min(16_384).min(own).min(all);
        if here > 0 {
            client.send(&frame(0, u8::from(sent + here == much.len()), 1, &much[sent..sent + here]));
            (sent, own, all) = (sent + here, own - here, all - here);
            continue;
        }
        let update = client.next().expect("the connection goes on");
        if update.kind == 8 {
            let more = u32::from_be_bytes(update.payload[..4].try_into().unwrap());
            *(if update.stream == 0 { &mut all } else { &mut own }) += usize::try_from(more).unwrap();
        }
    }
    let heard = client.wait(1);
    assert!(heard.ended && heard.body.len() == 5 + much.len() && heard.body[5..] == much, "{}", edge.log());
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn a_client_that_reads_nothing_is_sent_no_more_than_its_windows() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    client.reads = false;
    switch(&mut client, 1, "/upgrade", &[], false);
    let (mut sent, mut own) = (0, 16_384);
    // Until as much has come back as a window has: what is beyond it waits for the client.
    while client.streams.get(&1).is_none_or(|it| it.body.len() < 65_535) {
        if own > 0 && sent < 65_530 {
            let here = own.min(65_530 - sent).min(16_384);
            client.send(&frame(0, 0, 1, &vec![b'w'; here]));
            (sent, own) = (sent + here, own - here);
            continue;
        }
        let update = client.next().expect("the connection goes on");
        if update.kind == 8 && update.stream == 1 {
            own += usize::try_from(u32::from_be_bytes(update.payload[..4].try_into().unwrap())).unwrap();
        }
    }
    client.get(3, "/bytes/0");
    assert_eq!(client.wait(3).status, [200], "others go on");
    client.reads = true;
    client.send(&[frame(8, 0, 0, &[0, 1, 0, 0]), frame(8, 0, 1, &[0, 1, 0, 0]), frame(0, 1, 1, b"end")].concat());
    let all = client.wait(1);
    assert!(all.ended && all.body.len() == 5 + sent + 3);
}

#[test]
fn what_is_no_switch_is_a_response_and_never_a_yes() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    for (at, (path, status)) in (0u32..).zip([("/status/404", 404), ("/status/302", 302), ("/bytes/7", 502)]) {
        let id = at * 2 + 1;
        switch(&mut client, id, path, &[], at == 0);
        let heard = client.wait(id);
        assert_eq!((heard.status, heard.ended), (vec![status], true), "{path}");
    }
    edge.wait_for_log("the server did not switch protocols");
    assert_eq!(edge.counter("parse", "upgrades"), 0);
}

#[test]
fn a_switch_with_a_body_ends_its_stream_and_reaches_nobody() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    let mut client = Client::connect(edge.address());
    switch(&mut client, 1, "/upgrade", &[("content-length", "0")], false);
    let wrong = client.head(3, "CONNECT", "/", &[(":protocol", "h2c")], false);
    client.send(&wrong);
    for id in [1, 3] {
        assert_eq!((client.wait(id).status.len(), client.wait(id).reset), (0, Some(1)));
    }
    assert_eq!(app.requests(), 0);
    switch(&mut client, 5, "/upgrade", &[], false);
    assert_eq!(bytes(&mut client, 5, 5), b"hello");
    // Trailers (RFC 9113, section 8.5).
    let mut block = Vec::new();
    fosse_hpack::Encoder::default().field(&mut block, b"x-late", b"1");
    client.send(&frame(1, 5, 5, &block));
    assert_eq!(client.wait(5).reset, Some(1));
    wait_for("no connection to the application", || (app.live() == 0).then_some(()));
}

#[test]
fn resets_and_silence_end_a_websocket_on_the_other_side() {
    let app = Backend::start();
    let edge = edge(&app, "", "idle_seconds = 2");
    let mut client = Client::connect(edge.address());
    for id in [1, 3, 5] {
        switch(&mut client, id, "/upgrade", &[], false);
        assert_eq!(bytes(&mut client, id, 5), b"hello");
    }
    client.send(&frame(3, 0, 1, &[0, 0, 0, 8]));
    wait_for("the application hears of it", || (app.live() == 2).then_some(()));
    // 3 and 5 say nothing, and neither does their server.
    assert!(client.wait(3).ended && client.wait(5).ended);
    wait_for("no connection to the application", || (app.live() == 0).then_some(()));
    wait_for("none is counted", || (edge.counter("parse", "upgraded") == 0).then_some(()));
    assert_eq!(edge.counter("parse", "upgrades"), 3);
    switch(&mut client, 7, "/upgrade", &[], false);
    assert_eq!(bytes(&mut client, 7, 5), b"hello");
    app.hang_up();
    let ended = client.wait(7);
    assert!(ended.ended || ended.reset == Some(8), "{ended:?}");
    assert_eq!(edge.alarms(), [""; 0]);
}

#[test]
fn rules_see_the_request_and_what_follows_a_switch_is_not_judged() {
    let app = Backend::start();
    let edge = edge(&app, "", "waf = \"block\"\ninspect_responses = true");
    let mut client = Client::connect(edge.address());
    switch(&mut client, 1, "/upgrade?q=%3Cscript%3Ealert(1)%3C/script%3E", &[], false);
    assert_eq!(client.wait(1).status, [403], "{}", edge.log());
    switch(&mut client, 3, "/upgrade", &[], false);
    assert_eq!(bytes(&mut client, 3, 5), b"hello");
    for _ in 0..40 {
        let before = client.streams[&3].body.len();
        client.send(&frame(0, 0, 3, &[b'<'; 4000]));
        bytes(&mut client, 3, before + 4000);
    }
    client.send(&frame(0, 1, 3, b""));
    assert!(client.wait(3).ended);
    assert_eq!(edge.alarms(), [""; 0]);
}
