//! Connections and lanes outlive the lane or the accept that had them.

mod edge;

use std::time::{Duration, Instant};

use edge::{Edge, client, client_from, fate, fate_so_far, listener, silent_client};
use fosse_counters::accept as count;
use fosse_settings::AcceptListener;
use fosse_wire::channel::{Connection, Kind};
use fosse_wire::start::{ToChild, ToStart};

/// How long a new accept waits for what lanes hold.
const LIST_WAIT: Duration = Duration::from_millis(fosse_accept::limits::LIST_WAIT_MS);

#[test]
fn idle_connections_of_a_draining_lane_go_to_another_with_what_accept_knew() {
    let edge = Edge::new(&listener(AcceptListener { address_connections_max: 3, ..AcceptListener::default() }));
    let address = edge.listen_v4(0);
    let old = edge.lane(1, 1000);
    let mut clients: Vec<_> = (0..2).map(|_| client_from(3, address)).collect();
    let held = old.take(2);
    let new = edge.lane(2, 1000);
    edge.order(ToChild::LaneDrain { lane: 1 }, None);
    edge.settle();
    let lies = Connection { trusted: true, listener: 9, ..held[0].0 };
    old.say(Kind::Return, &[lies], &[&held[0].1]);
    let (connection, fd) = new.take(1).pop().unwrap();
    assert_eq!(connection, held[0].0, "accept's own record counts");
    assert_eq!((edge.count(count::RETURNED), edge.count(count::LIVE)), (1, 2));
    // Another socket than the one that was sent does not take its place.
    let stranger = client_from(4, address);
    let (_, strange_fd) = new.take(1).pop().unwrap();
    old.say(Kind::Return, &[held[1].0], &[&strange_fd]);
    edge.wait_for_count(count::LIVE, 2);
    assert!(new.is_quiet(&edge));
    drop((stranger, strange_fd, held));
    new.close(&connection);
    drop(fd);
    assert_eq!(fate(&mut clients[0]), "reset");
    edge.wait_for_count(count::LIVE, 1);
}

#[test]
fn more_returns_than_can_wait_are_read_as_lanes_have_room() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let old = edge.lane(1, 1000);
    let (mut clients, mut held) = (Vec::new(), Vec::new());
    while held.len() < 600 {
        clients.extend((0..50).map(|_| client(address)));
        held.extend(old.take(50));
    }
    edge.order(ToChild::LaneDrain { lane: 1 }, None);
    edge.settle();
    let sender = std::thread::spawn(move || {
        for batch in held.chunks(32) {
            let (records, fds): (Vec<_>, Vec<_>) = batch.iter().map(|(record, fd)| (*record, fd)).unzip();
            old.say(Kind::Return, &records, &fds);
        }
        old
    });
    let old = sender.join().unwrap();
    let (turns, _) = edge.effort();
    assert!(turns < 60, "{turns} turns while returns have to wait");
    let new = edge.lane(2, 1000);
    new.take(600);
    assert_eq!(edge.count(count::LIVE), 600);
    drop(old);
}

#[test]
fn after_a_crash_a_new_accept_learns_what_the_lanes_hold() {
    let settings = listener(AcceptListener { address_connections_max: 2, ..AcceptListener::default() });
    let edge = Edge::new(&settings);
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let _clients: Vec<_> = (0..2).map(|_| client_from(3, address)).collect();
    let held: Vec<(Connection, _)> = lane.take(2);
    edge.kill();
    let edge = Edge::new(&settings);
    let begun = Instant::now();
    edge.adopt(&lane, 100, true);
    let address = edge.listen_v4(0);
    let (list, _) = lane.next(edge::SOON).unwrap();
    assert_eq!(list.kind, Kind::List);
    let early = client_from(4, address);
    // Where the machine keeps us from replying for that long, accept is right not to wait for it.
    let soon = lane.next(LIST_WAIT / 2);
    let waited = soon.is_none() || begun.elapsed() >= LIST_WAIT;
    assert!(waited, "a connection is taken before the lane has replied");
    lane.close(&Connection { id: 1, ..Connection::default() });
    lane.say(Kind::Open, &[Connection { trusted: true, ..held[0].0 }, held[1].0], &[]);
    let absurd: Vec<Connection> = (1..200).map(|id| Connection { id, ..held[0].0 }).collect();
    lane.say(Kind::Open, &absurd.iter().map(|one| Connection { listener: 7, ..*one }).collect::<Vec<_>>(), &[]);
    lane.say(Kind::Open, &[], &[]);
    lane.say(Kind::Open, &absurd, &[]);
    let (newest, _fd) = match soon {
        Some((mut message, mut fds)) => (message.connections.pop().unwrap(), fds.pop().unwrap()),
        None => lane.take(1).pop().unwrap(),
    };
    edge.settle();
    assert!(newest.id > held[0].0.id.max(held[1].0.id), "numbers never come again");
    assert_eq!(fate(&mut client_from(3, address)), "reset", "its two connections are still counted");
    lane.close(&held[0].0);
    edge.wait_for_count(count::LIVE, 2);
    let _third = client_from(3, address);
    lane.take(1);
    drop(early);
}

#[test]
fn a_stopped_lane_does_not_keep_a_new_accept_waiting_and_is_counted_when_it_replies() {
    let edge = Edge::new(&listener(AcceptListener { address_connections_max: 1, ..AcceptListener::default() }));
    let stopped = edge.lane_unheard(1);
    edge.adopt(&stopped, 1, true);
    edge.order(ToChild::LaneDrain { lane: 1 }, None);
    let address = edge.listen_v4(0);
    let lane = edge.lane(2, 100);
    let _early = client_from(3, address);
    let (connection, _fd) = lane.take(1).pop().unwrap();
    lane.close(&connection);
    stopped.say(Kind::Open, &[Connection { id: 5, ..connection }], &[]);
    stopped.say(Kind::Open, &[], &[]);
    edge.settle();
    assert_eq!(fate(&mut client_from(3, address)), "reset", "the stopped lane holds one of it");
}

#[test]
fn one_that_leaves_hands_over_lanes_and_queues_to_the_next_and_no_client_notices() {
    let settings = listener(AcceptListener::default());
    let mut old = Edge::new(&settings);
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    old.listen(0, &socket);
    let lane = old.lane(1, 100);
    let mut clients: Vec<_> = (0..2).map(|_| client(address)).collect();
    let held = lane.take(2);
    old.order(ToChild::Drain, None);
    assert_eq!(old.said(), ToStart::Drained);
    assert_eq!(old.exit().code(), Some(0));
    lane.close(&held[0].0);
    clients.push(client(address));
    let new = Edge::new(&settings);
    new.adopt(&lane, 100, true);
    new.listen(0, &socket);
    assert_eq!(lane.next(edge::SOON).unwrap().0.kind, Kind::List);
    lane.say(Kind::Open, &[held[1].0], &[]);
    lane.say(Kind::Open, &[], &[]);
    let _third = lane.take(1);
    new.wait_for_count(count::LIVE, 2);
    new.settle();
    assert!(clients.iter_mut().all(|client| fate_so_far(client) == "open"));
}

#[test]
fn one_that_leaves_ends_what_no_lane_takes_properly() {
    let mut edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let mut idle = silent_client(address);
    let held = lane.take(1);
    edge.order(ToChild::LaneDrain { lane: 1 }, None);
    edge.settle();
    lane.say(Kind::Return, &[held[0].0], &[&held[0].1]);
    edge.wait_for_count(count::RETURNED, 1);
    edge.order(ToChild::Drain, None);
    assert_eq!(edge.said(), ToStart::Drained);
    assert_eq!(edge.exit().code(), Some(0));
    drop(held);
    assert_eq!(fate(&mut idle), "end", "an idle connection ends with a FIN");
}
