//! Deny lists, limits and penalties act before any byte is read.

mod edge;

use std::net::Ipv6Addr;

use edge::{Edge, Lane, client, client_from, fate, listener};
use fosse_counters::accept as count;
use fosse_settings::{Accept, AcceptListener, Net};
use fosse_wire::channel::Kind;
use fosse_wire::start::{ToChild, ToStart};

#[test]
fn a_denied_address_is_reset_and_no_lane_hears_of_it() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    edge.lists(1, "127.0.0.7", "127.0.0.0/28");
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    assert_eq!(fate(&mut client_from(3, address)), "reset");
    assert!(lane.is_quiet(&edge));
    assert_eq!(edge.count(count::DENIED), 1);
    let _allowed = client_from(7, address);
    let _unlisted = client_from(77, address);
    lane.take(2);
}

#[test]
fn a_new_list_is_in_force_at_once_and_a_bad_one_changes_nothing() {
    let mut edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let _first = client_from(3, address);
    lane.take(1);
    edge.lists(1, "", "127.0.0.3");
    assert_eq!(fate(&mut client_from(3, address)), "reset");
    edge.image(2, b"fossecid, but not really");
    edge.order(ToChild::Addresses { listener: u16::MAX, generation: 2 }, Some(&std::io::stdin()));
    edge.settle();
    assert_eq!(fate(&mut client_from(3, address)), "reset");
    assert_eq!(edge.log().matches("alert: addresses").count(), 2, "{}", edge.log());
    edge.lists(3, "", "127.0.0.4");
    let _again = client_from(3, address);
    lane.take(1);
    assert!(edge.is_alive());
}

#[test]
fn a_million_entries_are_taken_while_connections_go_on() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    // Every second address: adjacent ones would become one range.
    let every_second = (0..2_000_000_u32).step_by(2);
    let deny: String = every_second.map(|n| format!("10.{}.{}.{}\n", n >> 16, n >> 8 & 255, n & 255)).collect();
    edge.lists(1, "", &(deny[..deny.len() - 1].rsplit_once('\n').unwrap().0.to_owned() + "\n127.0.0.9\n"));
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    assert_eq!(fate(&mut client_from(9, address)), "reset");
    let _other = client_from(10, address);
    lane.take(1);
    let status = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", edge.pid())).unwrap();
    let kib = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    let own: u64 = kib("Anonymous:").unwrap();
    assert!(own < 2048, "{own} KiB of its own: the list is where start put it");
}

#[test]
fn the_limit_per_address_counts_until_the_lane_says_closed() {
    let edge = Edge::new(&listener(AcceptListener { address_connections_max: 2, ..AcceptListener::default() }));
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let mut clients: Vec<_> = (0..5).map(|_| client_from(3, address)).collect();
    let held = lane.take(2);
    assert!(clients[2..].iter_mut().all(|client| fate(client) == "reset"));
    edge.wait_for_count(count::LIMITED_ADDRESS, 3);
    drop(clients);
    assert_eq!(fate(&mut client_from(3, address)), "reset", "the client has gone, but the lane still holds it");
    lane.close(&held[0].0);
    edge.wait_for_count(count::LIVE, 1);
    let _other_source = client_from(4, address);
    let _again = client_from(3, address);
    lane.take(2);
}

#[test]
fn the_global_limit_counts_all_sources() {
    let edge = Edge::new(&Accept { connections_max: 3, listeners: vec![AcceptListener::default()] });
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let _clients: Vec<_> = (10..13).map(|last| client_from(last, address)).collect();
    let held = lane.take(3);
    assert_eq!(fate(&mut client_from(20, address)), "reset");
    edge.wait_for_count(count::LIMITED_GLOBAL, 1);
    edge.wait_for_log("warning: event=exhausted what=connections times=1 live=3 limit=connections_max");
    lane.close(&held[1].0);
    edge.wait_for_count(count::LIVE, 2);
    let _next = client_from(21, address);
    lane.take(1);
}

#[test]
fn where_hardly_any_connection_is_free_the_lane_is_asked_to_end_idle_ones() {
    let edge = Edge::new(&Accept { connections_max: 4, listeners: vec![AcceptListener::default()] });
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let _clients: Vec<_> = (10..13).map(|last| client_from(last, address)).collect();
    lane.take(3);
    assert!(lane.is_quiet(&edge), "one is free");
    let _last = client_from(13, address);
    lane.take(1);
    let (message, fds) = lane.next(edge::SOON).unwrap();
    assert_eq!((message.kind, message.connections.len(), fds.len()), (Kind::Relieve, 1, 0));
}

#[test]
fn whoever_makes_handshakes_is_asked_for_room_as_well() {
    let edge = Edge::new(&Accept { connections_max: 4, listeners: vec![AcceptListener::default()] });
    let address = edge.listen_v4(0);
    let (lane, door) = (edge.lane(1, 100), edge.tls_door(1, 100));
    let _clients: Vec<_> = (10..14).map(|last| client_from(last, address)).collect();
    lane.take(4);
    for asked in [&lane, &door] {
        let (message, fds) = asked.next(edge::SOON).unwrap();
        assert_eq!((message.kind, message.connections.len(), fds.len()), (Kind::Relieve, 1, 0));
    }
}

#[test]
fn a_penalty_outlives_the_accept_that_gave_it() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let mut strikes = Vec::new();
    for last in [3, 3, 4] {
        dies_of(&edge, &lane, last, address);
        let ToStart::Strike(strike) = edge.said() else { panic!("no strike") };
        strikes.push(strike);
    }
    assert_eq!(strikes.iter().map(|strike| strike.penalised).collect::<Vec<_>>(), [false, true, false]);
    edge.kill();
    let edge = Edge::new(&listener(AcceptListener::default()));
    edge.adopt(&lane, 100, true);
    assert_eq!(lane.next(edge::SOON).unwrap().0.kind, Kind::List);
    lane.say(Kind::Open, &[], &[]);
    let remembered: Vec<u8> = strikes[1..].iter().flat_map(|strike| ToStart::Strike(*strike).encode()).collect();
    edge.order(ToChild::Strikes, Some(&fosse_sys::memfd::sealed("strikes", &remembered).unwrap()));
    let address = edge.listen_v4(0);
    assert_eq!(fate(&mut client_from(3, address)), "reset");
    edge.wait_for_count(count::PENALISED, 1);
    dies_of(&edge, &lane, 4, address);
    assert!(matches!(edge.said(), ToStart::Strike(strike) if strike.penalised), "one crash before, one now");
}

fn dies_of(edge: &Edge, lane: &Lane, last: u8, address: std::net::SocketAddr) {
    let _client = client_from(last, address);
    let (connection, _) = lane.take(1).pop().unwrap();
    lane.close(&connection);
    edge.wait_for_count(count::LIVE, 0);
    edge.order(ToChild::Penalise { connection: connection.id }, None);
    edge.settle();
}

#[test]
fn a_source_of_two_crashes_is_refused_but_not_one_that_is_trusted_or_allow_listed() {
    let proxy = Net { addr: "::ffff:127.0.0.50".parse::<Ipv6Addr>().unwrap().octets(), prefix: 128 };
    let edge = Edge::new(&listener(AcceptListener { trusted: vec![proxy], ..AcceptListener::default() }));
    edge.lists(1, "127.0.0.60", "");
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    for last in [50, 60] {
        (0..4).for_each(|_| dies_of(&edge, &lane, last, address));
    }
    (0..2).for_each(|_| dies_of(&edge, &lane, 3, address));
    assert_eq!(fate(&mut client_from(3, address)), "reset");
    edge.wait_for_count(count::PENALISED, 1);
    assert_eq!(edge.log().matches("event=penalised").count(), 1, "{}", edge.log());
    let _others: Vec<_> = [4, 50, 60].map(|last| client_from(last, address)).into();
    lane.take(3);
    edge.order(ToChild::Penalise { connection: 12345 }, None);
    let _unknown_numbers_do_no_harm = client(address);
    lane.take(1);
}
