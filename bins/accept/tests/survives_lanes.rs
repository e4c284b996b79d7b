//! Lanes that stop, fill, die or lie, a missing start, a want of descriptors: none costs more than
//! it must.

mod edge;

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use edge::{Edge, Lane, client, client_from, fate, file, listener};
use fosse_counters::accept as count;
use fosse_settings::AcceptListener;
use fosse_wire::channel::Kind;
use fosse_wire::start::ToChild;
use rustix::process::{Pid, Signal, kill_process};

fn two_lanes() -> (Edge, SocketAddr, Lane, Lane) {
    let edge = Edge::new(&listener(AcceptListener { address_connections_max: 3, ..AcceptListener::default() }));
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
        edge.wait_for_count(count::LIVE, u64::from(round + 1));
        while let Some((_, fds)) = serving.next(Duration::ZERO) {
            arrived += fds.len();
        }
    }
    arrived += serving.arrived(&edge);
    assert!(arrived > 360, "{arrived} of 400 arrived; the stopped lane swallowed the rest");
}

#[test]
fn with_no_lane_left_connections_wait_in_the_kernel_and_nothing_spins() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 2);
    let clients: Vec<_> = (0..10).map(|_| client(address)).collect();
    let held = lane.take(2);
    edge.wait_for_log("warning: event=exhausted what=lanes times=1 live=2 limit=lane_connections_max");
    let (turns, ticks) = edge.effort();
    assert!(turns < 10 && ticks < 5, "{turns} turns, {ticks} ticks while nothing could be taken");
    assert_eq!(lane.arrived(&edge), 0);
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
    edge.wait_for_count(count::LIVE, 3);
    let (lost, kept) = if a.arrived(&edge) > 0 { (a, b) } else { (b, a) };
    assert_eq!(fate(&mut client_from(3, address)), "reset");
    drop(lost);
    edge.wait_for_count(count::LIVE, 0);
    clients.push(client_from(3, address));
    kept.take(1);
    assert!(edge.log().contains("gone connections=3"), "{}", edge.log());
}

#[test]
fn what_a_lane_that_is_gone_has_not_read_goes_to_another_as_it_came() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let gone = edge.lane(1, 1000);
    let (mut served, mut waiting): (Vec<_>, Vec<_>) = ((3..5).map(|n| client_from(n, address)).collect(), Vec::new());
    let read = gone.take(2);
    // No more than its socket holds, where each comes alone.
    waiting.extend((5..11).map(|last| client_from(last, address)));
    edge.wait_for_count(count::LIVE, 8);
    edge.settle();
    drop(read);
    edge.rest(gone);
    // Nobody takes them now; those that were read are over.
    edge.wait_for_count(count::LIVE, 6);
    assert!(served.iter_mut().all(|client| fate(client) == "reset"));
    let next = edge.lane(2, 1000);
    for (connection, fd) in next.take(6) {
        let (mut byte, peer) = ([0], connection.peer);
        assert_eq!(file(fd).read(&mut byte).unwrap(), 1, "{peer:?}");
        assert_eq!(byte, *b"G");
    }
    assert_eq!(edge.count(count::RETURNED), 6);
    assert_eq!(edge.count(count::LIVE), 6);
    drop(waiting);
}

#[test]
fn what_a_lane_that_is_gone_has_given_back_is_served_however_much_that_is() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let gone = edge.lane(1, 1000);
    let clients: Vec<_> = (3..43).map(|last| client_from(last, address)).collect();
    let held = gone.take(clients.len());
    let accept = Pid::from_raw(edge.pid().cast_signed()).unwrap();
    // While it has no turn, each comes back by a message of its own.
    kill_process(accept, Signal::STOP).unwrap();
    for (connection, fd) in &held {
        gone.say(Kind::Return, &[*connection], &[fd]);
    }
    drop(held);
    edge.rest(gone);
    kill_process(accept, Signal::CONT).unwrap();
    edge.lane(2, 1000).take(clients.len());
}

#[test]
fn a_source_that_has_got_a_penalty_gets_no_other_lane_for_what_was_not_read() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let gone = edge.lane(1, 1000);
    let _first = client_from(3, address);
    let read = gone.take(1);
    let mut clients = [3, 3, 4].map(|last| client_from(last, address));
    edge.wait_for_count(count::LIVE, 4);
    edge.settle();
    for _ in 0..2 {
        edge.order(ToChild::Penalise { connection: read[0].0.id }, None);
    }
    edge.settle();
    edge.rest(gone);
    let mut left = edge.lane(2, 1000).take(1);
    assert_eq!(left.remove(0).0.peer.ip(), Some(std::net::Ipv4Addr::new(127, 0, 0, 4).into()));
    assert_eq!((fate(&mut clients[0]), fate(&mut clients[1])), ("reset", "reset"));
}

#[test]
fn an_accept_that_knows_nothing_of_a_lane_serves_what_it_has_not_read() {
    let edge = Edge::new(&listener(AcceptListener::default()));
    let address = edge.listen_v4(0);
    let gone = edge.lane(1, 1000);
    let _clients: Vec<_> = (3..9).map(|last| client_from(last, address)).collect();
    edge.wait_for_count(count::LIVE, 6);
    edge.settle();
    edge.kill();
    let edge = Edge::new(&listener(AcceptListener::default()));
    edge.rest(gone);
    edge.wait_for_count(count::LIVE, 6);
    edge.lane(2, 1000).take(6);
}

#[test]
fn a_lane_that_says_something_else_is_dropped_and_the_other_serves() {
    let (mut edge, address, a, b) = two_lanes();
    a.say_raw(&[9, 9, 9]);
    edge.wait_for_log_times("gone", 1);
    let _client = client_from(3, address);
    b.take(1);
    b.say(Kind::Connections, &[], &[]);
    assert!(b.is_quiet(&edge));
    assert_eq!(edge.log().matches("gone").count(), 2, "{}", edge.log());
    assert!(edge.is_alive());
}

#[test]
fn a_lane_has_no_word_on_anothers_connections() {
    let (edge, address, a, b) = two_lanes();
    let _clients: Vec<_> = (0..3).map(|_| client_from(3, address)).collect();
    edge.wait_for_count(count::LIVE, 3);
    edge.settle();
    let (owner, liar) = match a.next(Duration::ZERO) {
        Some(message) => ((message, &a), &b),
        None => ((b.next(edge::SOON).unwrap(), &b), &a),
    };
    let ((message, _fds), owner) = owner;
    liar.say(Kind::Closed, &message.connections, &[]);
    liar.say(Kind::Open, &message.connections, &[]);
    assert!(liar.is_quiet(&edge));
    assert_eq!(edge.count(count::LIVE), 3);
    owner.say(Kind::Closed, &message.connections, &[]);
    edge.wait_for_count(count::LIVE, 3 - u64::try_from(message.connections.len()).unwrap());
}

#[test]
fn a_listener_that_is_shut_down_is_dropped_and_the_others_serve() {
    let two = fosse_settings::Accept { connections_max: 9, listeners: vec![AcceptListener::default(); 2] };
    let edge = Edge::new(&two);
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    edge.listen(0, &socket);
    let address = edge.listen_v4(1);
    edge.settle();
    rustix::net::shutdown(&socket, rustix::net::Shutdown::Both).unwrap();
    let (turns, _) = edge.effort();
    assert!(turns < 10, "{turns} turns");
    let lane = edge.lane(1, 9);
    let _client = client(address);
    assert_eq!(lane.take(1)[0].0.listener, 1);
    assert!(edge.log().contains("listener=0 broken"), "{}", edge.log());
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
        edge.order_raw(bytes, None);
        assert_eq!(edge.exit().code(), Some(111), "{bytes:?}");
    }
}

#[test]
fn out_of_descriptors_it_backs_off_and_goes_on() {
    let edge = Edge::with_shell(&listener(AcceptListener::default()), "ulimit -n 16;");
    let address = edge.listen_v4(0);
    let clients: Vec<_> = (0..40).map(|_| client(address)).collect();
    let lane = edge.lane(1, 1000);
    let held = lane.take(40);
    assert!(edge.count(count::EXHAUSTED) > 0, "those that were taken make room for the others");
    // A line the first time, and not one for each connection.
    edge.wait_for_log("warning: event=exhausted what=descriptors times=1 live=");
    // Held back where no lane takes them, they use up the descriptors: one at a time is refused,
    // without spinning.
    edge.order(ToChild::LaneDrain { lane: 1 }, None);
    edge.settle();
    let back = edge.lane(2, 1);
    let exhausted = edge.count(count::EXHAUSTED);
    for (connection, fd) in &held {
        lane.say(Kind::Return, &[*connection], &[fd]);
    }
    let (turns, ticks) = edge.effort();
    assert!(turns < 100 && ticks < 10, "{turns} turns, {ticks} ticks");
    assert!(edge.count(count::EXHAUSTED) >= exhausted);
    back.take(1);
    drop(clients);
}
