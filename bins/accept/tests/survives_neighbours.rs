//! E13: lanes that stop, fill, die, lie or drain, and accept's own death, cost no more than they must.

mod edge;

use std::net::SocketAddr;
use std::time::Duration;

use edge::{Edge, Lane, client, client_from, fate, listener};
use fosse_blobs::AcceptListener;
use fosse_counters::accept as count;
use fosse_wire::channel::{Connection, Kind};
use fosse_wire::start::{ToChild, ToStart};

fn two_lanes() -> (Edge, SocketAddr, Lane, Lane) {
    let edge = Edge::new(&listener(AcceptListener { per_address_max: 3, ..AcceptListener::default() }));
    let address = edge.listen_v4(0);
    let (a, b) = (edge.lane(1, 1000), edge.lane(2, 1000));
    (edge, address, a, b)
}

#[test]
fn a_lane_that_reads_nothing_is_skipped_and_the_other_serves() {
    let (edge, address, _stopped, serving) = two_lanes();
    let mut clients = Vec::new();
    let mut arrived = 0;
    for round in 0..400_u32 {
        clients.push(client_from(u8::try_from(round % 250 + 1).unwrap(), address));
        edge.until(count::LIVE, u64::from(round + 1));
        while let Some((_, fds)) = serving.next(Duration::ZERO) {
            arrived += fds.len();
        }
    }
    while let Some((_, fds)) = serving.next(Duration::from_millis(200)) {
        arrived += fds.len();
    }
    assert!(arrived > 360, "{arrived} of 400 arrived; the stopped lane swallowed the rest");
}

#[test]
fn with_no_lane_left_connections_wait_in_the_kernel_and_nothing_spins() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 2);
    let clients: Vec<_> = (0..10).map(|_| client(address)).collect();
    let held = lane.take(2);
    let (turns, ticks) = edge.effort(Duration::from_secs(1));
    assert!(turns < 10 && ticks < 5, "{turns} turns, {ticks} ticks while nothing could be taken");
    assert!(lane.is_quiet());
    lane.close(&held[0].0);
    lane.take(1);
    let _other = edge.lane(2, 100);
    _other.take(7);
    drop(clients);
}

#[test]
fn a_lost_lane_gives_its_counts_back_and_the_others_go_on() {
    let (edge, address, a, b) = two_lanes();
    let mut clients: Vec<_> = (0..3).map(|_| client_from(3, address)).collect();
    edge.until(count::LIVE, 3);
    let (lost, kept) = if a.next(Duration::from_millis(100)).is_some() { (a, b) } else { (b, a) };
    assert_eq!(fate(&mut client_from(3, address)), "reset");
    drop(lost);
    edge.until(count::LIVE, 0);
    clients.push(client_from(3, address));
    kept.take(1);
    assert!(edge.log().contains("gone connections=3"), "{}", edge.log());
}

#[test]
fn a_lane_that_says_something_else_is_dropped_and_the_other_serves() {
    let (mut edge, address, a, b) = two_lanes();
    a.say_raw(&[9, 9, 9]);
    edge.until(count::LIVE, 0);
    let _client = client_from(3, address);
    b.take(1);
    b.say(Kind::Connections, &[], &[]);
    assert!(b.is_quiet());
    assert_eq!(edge.log().matches("gone").count(), 2, "{}", edge.log());
    assert!(edge.is_alive());
}

#[test]
fn a_lane_has_no_word_on_anothers_connections() {
    let (edge, address, a, b) = two_lanes();
    let _clients: Vec<_> = (0..3).map(|_| client_from(3, address)).collect();
    edge.until(count::LIVE, 3);
    let (owner, liar) = match a.next(Duration::from_millis(100)) {
        Some(message) => ((message, &a), &b),
        None => ((b.next(Duration::from_millis(100)).unwrap(), &b), &a),
    };
    let ((message, _fds), owner) = owner;
    liar.say(Kind::Closed, &message.connections, &[]);
    liar.say(Kind::Open, &message.connections, &[]);
    assert!(liar.is_quiet());
    assert_eq!(edge.count(count::LIVE), 3);
    owner.say(Kind::Closed, &message.connections, &[]);
    edge.until(count::LIVE, 3 - u64::try_from(message.connections.len()).unwrap());
}

#[test]
fn idle_connections_of_a_draining_lane_go_to_another_with_what_accept_knew() {
    let edge = Edge::new(&listener(AcceptListener { per_address_max: 3, ..AcceptListener::default() }));
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
    edge.until(count::LIVE, 2);
    assert!(new.is_quiet());
    drop((stranger, strange_fd, held));
    new.close(&connection);
    drop(fd);
    assert_eq!(fate(&mut clients[0]), "reset");
    edge.until(count::LIVE, 1);
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
            std::thread::sleep(Duration::from_millis(1));
        }
        old
    });
    let old = sender.join().unwrap();
    let (turns, _) = edge.effort(Duration::from_millis(600));
    assert!(turns < 40, "{turns} turns while returns have to wait");
    let new = edge.lane(2, 1000);
    new.take(600);
    assert_eq!(edge.count(count::LIVE), 600);
    drop(old);
}

#[test]
fn after_its_own_death_a_new_accept_learns_what_the_lanes_hold() {
    let settings = listener(AcceptListener { per_address_max: 2, ..AcceptListener::default() });
    let edge = Edge::new(&settings);
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let _clients: Vec<_> = (0..2).map(|_| client_from(3, address)).collect();
    let held: Vec<(Connection, _)> = lane.take(2);
    edge.kill();
    let edge = Edge::new(&settings);
    edge.adopt(&lane, 100, true);
    let address = edge.listen_v4(0);
    let (list, _) = lane.next(edge::SOON).unwrap();
    assert_eq!(list.kind, Kind::List);
    let early = client_from(4, address);
    assert!(lane.is_quiet(), "nobody is taken before the lane has answered");
    lane.close(&Connection { id: 1, ..Connection::default() });
    lane.say(Kind::Open, &[Connection { trusted: true, ..held[0].0 }, held[1].0], &[]);
    let absurd: Vec<Connection> = (1..200).map(|id| Connection { id, ..held[0].0 }).collect();
    lane.say(Kind::Open, &absurd.iter().map(|one| Connection { listener: 7, ..*one }).collect::<Vec<_>>(), &[]);
    lane.say(Kind::Open, &[], &[]);
    lane.say(Kind::Open, &absurd, &[]);
    let (newest, _fd) = lane.take(1).pop().unwrap();
    assert!(newest.id > held[0].0.id.max(held[1].0.id), "numbers never come again");
    assert_eq!(fate(&mut client_from(3, address)), "reset", "its two connections are still counted");
    lane.close(&held[0].0);
    edge.until(count::LIVE, 2);
    let _third = client_from(3, address);
    lane.take(1);
    drop(early);
}

#[test]
fn a_stopped_lane_does_not_keep_a_new_accept_waiting_and_is_counted_when_it_answers() {
    let edge = Edge::new(&listener(AcceptListener { per_address_max: 1, ..AcceptListener::default() }));
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
fn a_listener_that_is_shut_down_is_dropped_and_the_others_serve() {
    let two = fosse_blobs::Accept { connections_max: 9, listeners: vec![AcceptListener::default(); 2] };
    let edge = Edge::new(&two);
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    edge.listen(0, &socket);
    let address = edge.listen_v4(1);
    edge.settle();
    rustix::net::shutdown(&socket, rustix::net::Shutdown::Both).unwrap();
    let (turns, _) = edge.effort(Duration::from_secs(1));
    assert!(turns < 10, "{turns} turns");
    let lane = edge.lane(1, 9);
    let _client = client(address);
    assert_eq!(lane.take(1)[0].0.listener, 1);
    assert!(edge.log().contains("listener=0 broken"), "{}", edge.log());
}

#[test]
fn one_that_leaves_hands_over_lanes_and_queues_to_the_next_and_nobody_notices() {
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
    new.until(count::LIVE, 2);
    assert!(clients.iter_mut().all(|client| fate(client) == "open"));
}

#[test]
fn one_that_leaves_ends_what_no_lane_takes_properly() {
    let mut edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let mut clients = [client(address)];
    let held = lane.take(1);
    edge.order(ToChild::LaneDrain { lane: 1 }, None);
    edge.settle();
    lane.say(Kind::Return, &[held[0].0], &[&held[0].1]);
    edge.until(count::RETURNED, 1);
    edge.order(ToChild::Drain, None);
    assert_eq!(edge.said(), ToStart::Drained);
    assert_eq!(edge.exit().code(), Some(0));
    drop(held);
    assert_eq!(fate(&mut clients[0]), "end", "an idle connection ends with a FIN");
}

#[test]
fn without_start_it_ends() {
    let mut edge = Edge::new(&listener(AcceptListener::default()));
    edge.abandon();
    assert_eq!(edge.exit().code(), Some(111));
    assert!(edge.log().contains("fatal: start is gone"), "{}", edge.log());
}

#[test]
fn an_order_that_is_none_ends_it() {
    for bytes in [&[0; 16][..], &[2; 3], &ToChild::PageDrop { pid: 3 }.encode(), &[1; 17]] {
        let mut edge = Edge::new(&listener(AcceptListener::default()));
        edge.raw_order(bytes);
        assert_eq!(edge.exit().code(), Some(111), "{bytes:?}");
    }
}

#[test]
fn out_of_descriptors_it_backs_off_and_goes_on() {
    let edge = Edge::with_shell(&listener(AcceptListener::default()), "ulimit -n 16;");
    let address = edge.listen_v4(0);
    let clients: Vec<_> = (0..40).map(|_| client(address)).collect();
    let lane = edge.lane(1, 1000);
    let mut held = Vec::new();
    while let Some((message, fds)) = lane.next(Duration::from_millis(1500)) {
        held.extend(message.connections.into_iter().zip(fds));
    }
    assert!(edge.count(count::EXHAUSTED) > 0);
    assert_eq!(held.len(), 40, "those that were taken make room for the others");
    // Held back where no lane takes them, they use up the descriptors: one at a time is refused, without spinning.
    edge.order(ToChild::LaneDrain { lane: 1 }, None);
    edge.settle();
    let back = edge.lane(2, 1);
    let exhausted = edge.count(count::EXHAUSTED);
    for (connection, fd) in &held {
        lane.say(Kind::Return, &[*connection], &[fd]);
    }
    let (turns, ticks) = edge.effort(Duration::from_secs(1));
    assert!(turns < 100 && ticks < 10, "{turns} turns, {ticks} ticks");
    assert!(edge.count(count::EXHAUSTED) >= exhausted);
    back.take(1);
    drop(clients);
}
