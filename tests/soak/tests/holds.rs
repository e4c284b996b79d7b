//! The whole edge under load and crashes, no times asserted.

use std::sync::Mutex;

use fosse_soak::scenario::{Extent, everything, hostile, integrity, kills, reloads, slow, stopped};

/// Edges of their own, but one machine: one after the other disturbs the least.
static TURN: Mutex<()> = Mutex::new(());

macro_rules! holds {
    ($($(#[$doc:meta])* $name:ident => $run:expr;)*) => { $(
        #[test]
        $(#[$doc])*
        fn $name() {
            let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            $run(Extent::short(env!("CARGO_BIN_EXE_fosse-soak"))).print(stringify!($name));
        }
    )* };
}

holds! {
    every_response_is_the_right_one_under_pipelining_and_aborts => integrity::run;
    a_broken_backend_never_looks_whole => integrity::broken_backend;
    no_response_is_wrong_or_mixed_while_stages_are_killed => kills::stages;
    only_requests_under_way_fail_where_anything_is_killed => everything::run;
    no_inspected_response_is_wrong_or_mixed_whatever_the_backend_does => integrity::inspected;
    no_inspected_response_is_wrong_or_mixed_while_stages_are_killed => kills::inspected_stages;
    other_lanes_lose_nothing => kills::of_one_lane;
    nothing_outlives_start => kills::of_start;
    a_stopped_stage_is_replaced => stopped::run;
    no_request_fails_over_reloads => reloads::run;
    no_request_fails_over_binary_upgrades => reloads::upgrades;
    slow_readers_hold_up_nobody => slow::readers;
    slow_readers_of_chunks_hold_up_nobody => slow::ring_readers;
    slow_header_senders_hold_up_nobody => slow::senders;
    idle_connections_hold_up_nobody => slow::idle;
    one_hostile_address_of_each_kind_holds_up_nobody => hostile::run;
    a_storm_of_hostile_addresses_holds_up_nobody => hostile::storm;
}
