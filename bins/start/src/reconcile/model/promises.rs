//! What holds whatever happens.

use fosse_wire::{launch::Program, start::ToChild};

use super::World;
use crate::{
    children::process::{End, number_of},
    lanes::LaneState,
    reconcile::lifecycle::Action,
    shutdown::{self, ending::Patience},
};

/// Sequences of each promise: each is a few hundred steps.
const SEEDS: u64 = 60;

/// Keeps what start says of the made up processes out of the way.
fn be_quiet() {
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    rustix::stdio::dup2_stderr(&null).unwrap();
}

#[test]
fn whatever_happens_an_edge_comes_back_to_what_it_should_be() {
    be_quiet();
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.begin_reload();
        for _ in 0..3 {
            for _ in 0..60 {
                world.happen();
                if world.state.generation.number == 0 {
                    // Where nothing has served yet, start ends.
                    world.begin_reload();
                }
                world.go_on();
            }
            world.settle();
            if world.state.generation.number != 0 {
                world.check();
            }
        }
    }
}

#[test]
fn whatever_happens_an_edge_that_is_to_end_ends() {
    be_quiet();
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.begin_reload();
        let stop = world.dice.roll(60);
        for step in 0..80 {
            if step == stop {
                shutdown::ask(&mut world.state, Patience::Stop);
            }
            if !world.is_over {
                world.happen();
                world.go_on();
            }
        }
        if !world.is_over {
            world.settle();
        }
        assert!(world.is_over && world.state.children.iter().next().is_none(), "{:?}", world.state.seen());
    }
}

/// An edge at rest.
fn at_rest(has_rules: bool) -> World {
    be_quiet();
    let mut world = World::new(if has_rules { 0 } else { 1 });
    world.begin_reload();
    world.settle();
    world.check();
    world
}

#[test]
fn a_zygote_that_is_lost_during_a_reload_is_replaced_when_that_fails() {
    let mut world = at_rest(true);
    let zygote = world.state.generation.zygote.unwrap();
    world.begin_reload();
    world.go_on();
    world.exits(zygote, End::Exit(1));
    world.reload.fail("of something else");
    world.settle();
    world.check();
}

#[test]
fn an_accept_that_cannot_take_over_leaves_the_one_before_where_it_is() {
    let mut world = at_rest(false);
    let served = world.state.services.accept.unwrap();
    world.begin_reload();
    world.go_on();
    let next = world.state.services.next_accept.unwrap();
    world.exits(next, End::Exit(111));
    world.settle();
    world.check();
    assert_eq!((world.state.services.accept, world.state.services.next_accept), (Some(served), None));
}

#[test]
fn the_last_words_of_a_process_reach_the_logger_although_it_is_gone() {
    let mut world = at_rest(false);
    let status = world.state.services.status.unwrap();
    world.exits(status, End::Exit(1));
    world.go_on();
    let next = world.state.services.status.unwrap();
    world.launched(next, true);
    let pid = world.state.children.get(next).and_then(|process| process.pid).map(number_of).unwrap();
    world.exits(next, End::Signal(6));
    world.settle();
    let log = &world.children[&world.state.services.log.unwrap()];
    assert!(log.received.iter().any(|order| matches!(order, ToChild::PipeAdd { pid: of, .. } if *of == pid)));
}

#[test]
fn what_is_left_of_a_lane_is_killed_but_for_parse_as_soon_as_it_is_known_who_crashed() {
    let stage = |world: &World, program| world.keys(|process| process.program == program && process.lane == Some(0))[0];
    for (end, is_known) in [(End::Signal(11), true), (End::Exit(111), false)] {
        let mut world = at_rest(false);
        let [parse, filter, dispatch] =
            [Program::Parse, Program::WafFilter, Program::Dispatch].map(|program| stage(&world, program));
        world.passed_ms = 0;
        world.exits(dispatch, end);
        world.go_on();
        let is_killed = |key| world.parted.contains(&Action::Kill(key));
        assert_eq!([parse, filter].map(is_killed), [false, is_known], "{end}");
    }
}

#[test]
fn a_lane_goes_on_without_its_encode_or_its_keys_and_gets_another() {
    for program in [Program::Encode, Program::Keys] {
        let own = |world: &World| world.keys(|process| process.program == program && process.lane == Some(0));
        let mut world = at_rest(true);
        let others = world.keys(|process| process.program != program);
        for end in [End::Signal(9), End::Signal(11), End::Exit(111), End::Exit(0)] {
            let lost = own(&world)[0];
            world.exits(lost, end);
            world.go_on();
            assert!(world.state.lanes.find(0).unwrap().state == LaneState::Live && own(&world) != [lost], "{end}");
            world.settle();
            world.check();
        }
        assert_eq!(world.keys(|process| process.program != program), others);
    }
}

#[test]
fn a_lane_that_is_torn_gets_no_other_keys_and_the_next_one_is_started_when_it_is_lost() {
    let mut world = at_rest(true);
    let of = |world: &World, program| world.keys(|process| process.program == program && process.lane.is_some());
    let (keys, tls) = (of(&world, Program::Keys)[0], of(&world, Program::Tls)[0]);
    // keys exits since its tls is gone, and is reaped first: nobody takes the end of another.
    let number = world.state.children.get(tls).unwrap().lane.unwrap();
    world.state.lanes.find_mut(number).unwrap().is_torn = true;
    world.exits(keys, End::Exit(111));
    world.go_on();
    assert!(world.keys(|process| process.program == Program::Keys && process.lane == Some(number)).is_empty());
    world.exits(tls, End::Signal(9));
    world.go_on();
    let wanted = |lane: &&crate::lanes::Lane| lane.state.is_wanted();
    assert_eq!(world.state.lanes.iter().filter(wanted).count(), super::LANES as usize);
    world.settle();
    world.check();
}

#[test]
fn the_lanes_of_before_drain_when_the_next_accept_knows_of_them() {
    let mut world = at_rest(false);
    let parse = world.keys(|process| process.program == Program::Parse);
    let is_asked = |world: &World| parse.iter().all(|key| world.parted.contains(&Action::Leave(*key)));
    world.begin_reload();
    let served = world.state.services.accept;
    while !world.reload.waits_for_accept() {
        world.go_on();
        let new = world.keys(|process| process.lane.is_some() || process.program == Program::Accept);
        new.into_iter().filter(|key| Some(*key) != served).for_each(|key| {
            world.respond(key);
        });
    }
    world.go_on();
    assert!(!is_asked(&world));
    let accept = world.keys(|process| process.program == Program::Accept);
    accept.into_iter().for_each(|key| while world.respond(key) && world.children.contains_key(&key) {});
    world.go_on();
    let accept = world.state.services.accept.unwrap();
    world.go_on();
    assert!(is_asked(&world) && world.reload.is_idle());
    (0..4).for_each(|_| {
        world.read_orders(accept);
        world.go_on();
    });
    assert_eq!(world.children[&accept].lanes().len(), 4);
}
