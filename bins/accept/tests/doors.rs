//! Listeners for TLS have a door of their own in each lane, and neither door keeps the other from
//! its clients.

mod edge;

use edge::{Edge, client, client_from};
use fosse_counters::accept as count;
use fosse_settings::{Accept, AcceptListener};
use fosse_wire::channel::Kind;

/// An edge with a plain listener and one for TLS.
fn edge(lane_max: u32) -> (Edge, std::net::SocketAddr, std::net::SocketAddr, edge::Lane, edge::Lane) {
    let tls = AcceptListener { tls: true, ..AcceptListener::default() };
    let edge = Edge::new(&Accept { connections_max: 1000, listeners: vec![AcceptListener::default(), tls] });
    let (plain, secure) = (edge.listen_v4(0), edge.listen_v4(1));
    let (parse, tls) = (edge.lane(1, lane_max), edge.tls_door(1, lane_max));
    (edge, plain, secure, parse, tls)
}

#[test]
fn a_connection_goes_to_the_door_of_its_listener() {
    let (edge, plain, secure, parse, tls) = edge(100);
    let _clients = [client(plain), client(secure), client(secure)];
    assert_eq!(parse.take(1)[0].0.listener, 0);
    assert!(tls.take(2).iter().all(|(record, _)| record.listener == 1));
    assert_eq!((parse.arrived(&edge), tls.arrived(&edge)), (0, 0));
}

#[test]
fn doors_share_the_room_of_their_lane_and_each_has_a_word_on_its_own_connections() {
    let (edge, plain, secure, parse, tls) = edge(2);
    let _clients = [client(plain), client(secure)];
    let (by_parse, by_tls) = (parse.take(1), tls.take(1));
    let _third = [client(plain), client(secure)];
    edge.wait_for_log("event=exhausted what=lanes");
    parse.close(&by_tls[0].0);
    edge.settle();
    assert_eq!((edge.count(count::LIVE), parse.arrived(&edge), tls.arrived(&edge)), (2, 0, 0), "it is none of parse's");
    tls.close(&by_tls[0].0);
    parse.close(&by_parse[0].0);
    parse.take(1);
    tls.take(1);
}

#[test]
fn a_door_that_stands_still_keeps_nobody_from_the_other() {
    let (edge, plain, secure, parse, _stopped) = edge(1000);
    let mut clients = Vec::new();
    let waiting = |clients: u64| clients - edge.count(count::LIVE);
    // Until those who come wait in the kernel, and do so still when accept has gone round its loop.
    for n in (1..=250).cycle() {
        clients.push(client_from(n, secure));
        let count = u64::try_from(clients.len()).unwrap();
        if waiting(count) > 50 {
            edge.settle();
            if waiting(count) > 30 {
                break;
            }
        }
    }
    clients.push(client(plain));
    parse.take(1);
}

#[test]
fn a_door_that_is_gone_loses_its_own_connections_and_the_other_serves() {
    let (edge, plain, secure, parse, tls) = edge(100);
    let mut clients = vec![client(plain), client(secure), client(secure)];
    parse.take(1);
    tls.take(2);
    drop(tls);
    edge.wait_for_log("lane=1 door=tls gone connections=2");
    edge.wait_for_count(count::LIVE, 1);
    clients.push(client(plain));
    parse.take(1);
    let next = edge.tls_door(2, 100);
    clients.push(client(secure));
    next.take(1);
}

#[test]
fn what_a_dead_door_has_not_read_is_served_by_that_of_another_lane() {
    let (edge, _, secure, parse, tls) = edge(100);
    let _clients = [client(secure), client(secure)];
    edge.wait_for_count(count::LIVE, 2);
    edge.settle();
    edge.rest(tls);
    let next = edge.tls_door(2, 100);
    next.take(2);
    assert_eq!(parse.arrived(&edge), 0, "a plain door gets none of them");
}

#[test]
fn a_new_accept_asks_each_door_what_it_has_and_believes_it_of_its_own() {
    let (before, plain, secure, parse, tls) = edge(100);
    let _clients = [client(plain), client(secure)];
    let (by_parse, by_tls) = (parse.take(1), tls.take(1));
    let listeners = vec![AcceptListener::default(), AcceptListener { tls: true, ..AcceptListener::default() }];
    let edge = Edge::new(&Accept { connections_max: 1000, listeners });
    drop(before);
    for (lane, had) in [(&parse, &by_parse), (&tls, &by_tls)] {
        edge.adopt(lane, 100, true);
        assert_eq!(lane.next(edge::SOON).unwrap().0.kind, Kind::List);
        lane.say(Kind::Open, &[had[0].0], &[]);
        lane.say(Kind::Open, &[], &[]);
    }
    edge.wait_for_count(count::LIVE, 2);
    parse.close(&by_tls[0].0);
    tls.close(&by_tls[0].0);
    edge.wait_for_count(count::LIVE, 1);
}
