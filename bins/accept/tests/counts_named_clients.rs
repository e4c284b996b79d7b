//! Clients that trusted proxies name are counted by the lanes; accept makes one count of theirs and
//! of its own, and one book of penalties.

mod edge;

use edge::{Edge, SOON, client_from, fate, listener, tally};
use fosse_counters::accept as count;
use fosse_settings::AcceptListener;
use fosse_wire::channel::Kind;
use fosse_wire::start::{ToChild, ToStart};

fn four() -> AcceptListener {
    AcceptListener { address_connections_max: 4, ..AcceptListener::default() }
}

#[test]
fn what_lanes_have_of_a_client_counts_with_its_own_connections_and_the_other_lanes_hear_of_it() {
    let edge = Edge::new(&listener(four()));
    let address = edge.listen_v4(0);
    let (one, two) = (edge.lane(1, 100), edge.lane(2, 100));
    one.say_of(Kind::Shares, 3, 1);
    edge.settle();
    assert!(one.is_quiet(&edge) && two.is_quiet(&edge), "one of four is not worth a word");
    one.say_of(Kind::Shares, 3, 3);
    let heard = |lane: &edge::Lane| {
        let (message, _) = lane.next(SOON).expect("a word on it");
        (message.kind, message.tallies)
    };
    assert_eq!(heard(&one), (Kind::Elsewhere, vec![tally(3, 0)]));
    assert_eq!(heard(&two), (Kind::Elsewhere, vec![tally(3, 3)]));
    two.say_of(Kind::Shares, 3, 1);
    assert_eq!((heard(&one).1, heard(&two).1), (vec![tally(3, 1)], vec![tally(3, 3)]));
    assert_eq!(fate(&mut client_from(3, address)), "reset", "four of four");
    edge.wait_for_count(count::LIMITED_ADDRESS, 1);
    let _another = client_from(4, address);
    // A lane that comes later hears of it, and of a lane that goes nothing is left.
    let three = edge.lane(3, 100);
    assert_eq!(heard(&three).1, vec![tally(3, 4)]);
    drop(one);
    let gone: Vec<_> = [&two, &three]
        .iter()
        .map(|lane| {
            std::iter::from_fn(|| lane.next(SOON)).find(|(message, _)| message.tallies == [tally(3, 0)]).is_some()
        })
        .collect();
    assert_eq!(gone, [true, true]);
    let mut back = client_from(3, address);
    edge.wait_for_count(count::CONNECTIONS, 2);
    assert_eq!(edge::fate_so_far(&mut back), "open");
}

#[test]
fn a_crash_over_a_named_client_and_overruns_penalise_it_in_all_lanes_and_here() {
    let edge = Edge::new(&listener(four()));
    let address = edge.listen_v4(0);
    let lane = edge.lane(1, 100);
    let source = u64::from(u32::from(std::net::Ipv4Addr::new(127, 0, 0, 3))) | 0xffff_0000_0000;
    for penalised in [false, true] {
        edge.order(ToChild::PenaliseSource { source }, None);
        assert!(matches!(edge.said(), ToStart::Strike(strike) if strike.penalised == penalised));
    }
    let next = || lane.next(SOON).map(|(message, _)| (message.kind, message.tallies[0].address));
    assert_eq!(next(), Some((Kind::Penalised, tally(3, 0).address)));
    lane.say_of(Kind::Offences, 5, fosse_accept::limits::OVERRUNS_COUNT_MAX);
    edge.settle();
    let _still_in = client_from(5, address);
    lane.take(1);
    lane.say_of(Kind::Offences, 5, 1);
    assert!(matches!(edge.said(), ToStart::Strike(strike) if strike.penalised));
    assert_eq!(next(), Some((Kind::Penalised, tally(5, 0).address)));
    for last in [3, 5] {
        assert_eq!(fate(&mut client_from(last, address)), "reset");
    }
    edge.wait_for_count(count::PENALISED, 2);
    // A lane that comes later hears of both before its first connection.
    let later = edge.lane(2, 100);
    let (message, _) = later.next(SOON).unwrap();
    assert_eq!((message.kind, message.tallies.len()), (Kind::Penalised, 2));
}
