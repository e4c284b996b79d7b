//! The ring cannot deadlock, mix streams or hold more than it granted; and the walk finds each
//! rule's absence.

use fosse_lane_model::{
    walk::{everything, somehow},
    world::{Peer, Rules, Script, Treatment},
};

/// States of one walk at most: above it a walk of everything is too slow for a test.
const STATES_MAX: usize = 3_000_000;

const TREATMENTS_OF_REQUESTS: [Treatment; 5] =
    [Treatment::Pass, Treatment::Buffer, Treatment::BufferPart(2), Treatment::DenyHead, Treatment::DenyEnd];

fn walk(scripts: &[Script], rules: &Rules) {
    match everything(scripts, rules, STATES_MAX) {
        Ok(states) => println!("{states} states of {scripts:?}"),
        Err(found) => panic!("{} after {:?}\nof {scripts:?}", found.why, found.steps),
    }
}

/// Some walk of these finds something; what.
fn finds(rules: &Rules, scripts: &[&[Script]]) -> String {
    let found = scripts.iter().find_map(|scripts| everything(scripts, rules, STATES_MAX).err());
    let found = found.expect("the walk finds nothing");
    println!("{} after {:?}", found.why, found.steps);
    found.why
}

#[test]
fn one_stream_of_every_kind_ends_in_every_order_of_steps() {
    for on_request in TREATMENTS_OF_REQUESTS {
        for early in [false, true] {
            for lease in [false, true] {
                let script = Script { on_request, early, lease, aborts: 1, ..Script::default() };
                walk(&[script], &Rules::kept(2, 1));
            }
        }
    }
}

const TREATMENTS_OF_RESPONSES: [Treatment; 4] =
    [Treatment::Buffer, Treatment::BufferPart(2), Treatment::DenyHead, Treatment::DenyEnd];

#[test]
fn one_stream_whose_response_is_inspected_ends_in_every_order_of_steps() {
    for on_response in TREATMENTS_OF_RESPONSES {
        for (on_request, early) in [(Treatment::Pass, false), (Treatment::Pass, true), (Treatment::Buffer, false)] {
            let script =
                Script { on_response, on_request, early, lease: true, aborts: 1, request: 1, ..Script::default() };
            walk(&[script], &Rules::kept(2, 1));
        }
    }
}

#[test]
fn an_inspected_and_another_stream_share_a_ring_of_the_smallest_sockets() {
    for on_response in TREATMENTS_OF_RESPONSES {
        let one = Script { on_response, request: 0, requests: 1, response: 3, ..Script::default() };
        let other = Script { requests: 1, lease: true, request: 1, response: 2, ..Script::default() };
        walk(&[one, other], &Rules::kept(2, 1));
    }
}

#[test]
fn who_is_stuck_with_an_inspected_response_keeps_nobody_else_from_the_end() {
    let well = Script { requests: 1, request: 0, response: 2, on_response: Treatment::Buffer, ..Script::default() };
    for (client, backend) in [(Peer::NeverReads, Peer::Fine), (Peer::Fine, Peer::Mute)] {
        for on_response in [Treatment::Buffer, Treatment::BufferPart(2)] {
            let stuck = Script { client, backend, on_response, requests: 1, request: 0, ..Script::default() };
            walk(&[stuck, well], &Rules::kept(2, 1));
        }
    }
}

#[test]
fn a_slot_is_used_three_times_with_aborts_from_both_ends() {
    for on_request in [Treatment::Pass, Treatment::Buffer] {
        let script =
            Script { on_request, early: true, aborts: 2, request: 2, response: 1, requests: 3, ..Script::default() };
        walk(&[script], &Rules::kept(2, 1));
    }
}

#[test]
fn two_streams_share_a_ring_of_the_smallest_sockets() {
    for on_request in [Treatment::Pass, Treatment::Buffer, Treatment::BufferPart(2)] {
        let one = Script { on_request, requests: 1, ..Script::default() };
        let other = Script { requests: 1, early: true, lease: true, request: 1, response: 2, ..Script::default() };
        walk(&[one, other], &Rules::kept(2, 1));
    }
}

#[test]
fn who_is_stuck_keeps_nobody_else_from_the_end() {
    let well = Script { requests: 1, request: 2, response: 2, ..Script::default() };
    for (client, backend) in [
        (Peer::NeverReads, Peer::Fine),
        (Peer::Mute, Peer::Fine),
        (Peer::Fine, Peer::NeverReads),
        (Peer::Fine, Peer::Mute),
    ] {
        for on_request in [Treatment::Pass, Treatment::Buffer] {
            for lease in [false, true] {
                let stuck = Script { client, backend, on_request, lease, requests: 1, ..Script::default() };
                walk(&[stuck, well], &Rules::kept(2, 1));
            }
        }
    }
}

#[test]
fn many_streams_end_whatever_happens_when() {
    let mut steps = 0;
    for seed in 0..1500u64 {
        let pick = |n: u64, below: u64| {
            (seed.wrapping_mul(31).wrapping_add(n).wrapping_mul(0x5851_f42d_4c95_7f2d) >> 33) % below
        };
        let number = |n: u64, below: u64| u8::try_from(pick(n, below)).unwrap();
        let scripts: Vec<Script> = (0..8)
            .map(|slot| Script {
                client: if pick(slot, 6) == 0 { Peer::NeverReads } else { Peer::Fine },
                backend: if pick(slot + 10, 6) == 0 { Peer::Mute } else { Peer::Fine },
                on_request: TREATMENTS_OF_REQUESTS[usize::from(number(slot + 20, 5))],
                // A third of the rings have no filter on the way back.
                on_response: if seed % 3 == 0 || pick(slot + 90, 4) == 0 {
                    Treatment::Pass
                } else {
                    TREATMENTS_OF_RESPONSES[usize::from(number(slot + 95, 4))]
                },
                request: number(slot + 30, 12),
                response: number(slot + 40, 16),
                requests: 1 + number(slot + 50, 5),
                early: pick(slot + 60, 2) == 0,
                aborts: number(slot + 70, 4),
                lease: pick(slot + 80, 2) == 0,
            })
            .collect();
        let rules = Rules::kept(2 + number(1, 5), 1 + usize::from(number(2, 4)));
        match somehow(&scripts, &rules, seed) {
            Ok(count) => steps += count,
            Err(found) => panic!("{} with seed {seed} after {:?}\nof {scripts:?}", found.why, found.steps),
        }
    }
    println!("{steps} steps");
}

fn loaded() -> [Script; 2] {
    let script = Script { requests: 1, request: 4, response: 4, early: true, ..Script::default() };
    [script, script]
}

#[test]
fn a_stage_that_stops_reading_while_its_output_is_blocked_is_found() {
    let rules = Rules { reads_while_blocked: false, ..Rules::kept(3, 1) };
    assert!(finds(&rules, &[&loaded()]).contains("for ever"));
}

#[test]
fn a_holding_filter_that_grants_nothing_is_found() {
    let rules = Rules { filter_grants: false, ..Rules::kept(2, 1) };
    let script = Script { on_request: Treatment::Buffer, requests: 1, ..Script::default() };
    assert!(finds(&rules, &[&[script]]).contains("for ever"));
}

#[test]
fn a_dispatch_that_grants_nothing_is_found() {
    let rules = Rules { dispatch_grants: false, ..Rules::kept(2, 1) };
    assert!(finds(&rules, &[&[Script { requests: 1, ..Script::default() }]]).contains("for ever"));
}

#[test]
fn a_parse_that_grants_nothing_is_found() {
    let rules = Rules { parse_grants: false, ..Rules::kept(2, 1) };
    assert!(finds(&rules, &[&[Script { requests: 1, ..Script::default() }]]).contains("for ever"));
}

#[test]
fn held_bytes_that_are_granted_twice_are_found() {
    let rules = Rules { held_is_prepaid: false, ..Rules::kept(2, 1) };
    let script = Script { on_request: Treatment::BufferPart(2), request: 8, requests: 1, ..Script::default() };
    assert!(finds(&rules, &[&[script]]).contains("in memory"));
}

#[test]
fn a_slot_freed_at_the_responses_end_before_the_requests_end_is_found() {
    let rules = Rules { cuts_short: false, ..Rules::kept(2, 1) };
    let script = Script { early: true, ..Script::default() };
    let why = finds(&rules, &[&[script]]);
    assert!(why.contains("used again") || why.contains("for ever"), "{why}");
}

#[test]
fn a_slot_freed_with_its_client_is_found() {
    let rules = Rules { slot_waits_for_ring: false, ..Rules::kept(2, 1) };
    let script = Script { aborts: 1, ..Script::default() };
    assert!(finds(&rules, &[&[script]]).contains("for a stream that has ended"));
}

#[test]
fn a_reset_without_a_response_is_found() {
    let rules = Rules { echoes: false, ..Rules::kept(2, 1) };
    let script = Script { aborts: 1, ..Script::default() };
    assert!(finds(&rules, &[&[script]]).contains("for ever"));
}

#[test]
fn a_filter_that_keeps_a_reset_of_what_it_holds_to_itself_is_found() {
    let rules = Rules { filter_tells_of_reset: false, ..Rules::kept(2, 1) };
    let script = Script { on_request: Treatment::Buffer, aborts: 1, ..Script::default() };
    assert!(finds(&rules, &[&[script]]).contains("for ever"));
}

#[test]
fn a_filter_that_holds_a_response_and_grants_nothing_is_found() {
    let rules = Rules { filter_grants_responses: false, ..Rules::kept(2, 1) };
    let script = Script { on_response: Treatment::Buffer, requests: 1, request: 1, ..Script::default() };
    assert!(finds(&rules, &[&[script]]).contains("for ever"));
}

#[test]
fn a_filter_that_lets_go_of_more_than_there_is_room_for_is_found() {
    let rules = Rules { filter_keeps_to_room: false, ..Rules::kept(2, 1) };
    let script = Script { on_response: Treatment::Buffer, requests: 1, request: 1, ..Script::default() };
    let why = finds(&rules, &[&[script]]);
    assert!(why.contains("without credit") || why.contains("in memory"), "{why}");
}

#[test]
fn a_filter_that_keeps_the_end_of_a_response_from_a_client_that_left_is_found() {
    let rules = Rules { filter_ends_what_it_holds: false, ..Rules::kept(2, 1) };
    let script = Script { on_response: Treatment::Buffer, requests: 1, request: 0, aborts: 1, ..Script::default() };
    assert!(finds(&rules, &[&[script]]).contains("for ever"));
}

#[test]
fn a_verdict_about_a_response_that_is_over_and_that_gets_none_is_found() {
    let rules = Rules { late_verdicts_get_a_response: false, ..Rules::kept(2, 1) };
    let script = Script { on_response: Treatment::DenyEnd, requests: 1, request: 1, ..Script::default() };
    assert!(finds(&rules, &[&[script]]).contains("for ever"));
}

/// As long as every stage keeps the rules, waiting for the ring is enough: frames of an old stream
/// are all ahead of those of the next. Generations are for the stage that does not.
#[test]
fn generations_alone_keep_responses_apart_where_a_slot_is_freed_too_early() {
    let script = Script { early: true, aborts: 2, requests: 3, request: 1, ..Script::default() };
    let early = Rules { slot_waits_for_ring: false, ..Rules::kept(2, 1) };
    assert!(!finds(&early, &[&[script]]).contains("of one stream came to another"));
    let without = Rules { generations: false, ..early };
    assert!(finds(&without, &[&[script]]).contains("of one stream came to another"));
    let only = Rules { generations: false, ..Rules::kept(2, 1) };
    walk(&[script], &only);
}
