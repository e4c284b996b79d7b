//! What accept takes for a connection. Measured, never asserted:
//! `cargo test --release -p fosse-accept --test costs -- --ignored --nocapture`.

mod edge;

use std::time::{Duration, Instant};

use edge::{Edge, client, listener};
use fosse_counters::accept as count;
use fosse_settings::AcceptListener;
use fosse_wire::channel::Kind;

const CONNECTIONS: usize = 20_000;

#[test]
#[ignore = "a measurement"]
fn cpu_time_of_accept_for_a_connection() {
    for (name, at_once) in [("one at a time", 1), ("64 at a time", 64)] {
        let edge = Edge::new(&listener(AcceptListener { address_connections_max: 1000, ..AcceptListener::default() }));
        let deny: String = (0..100_000_u32).map(|n| format!("10.{}.{}.{}\n", n >> 16, n >> 8 & 255, n & 255)).collect();
        edge.lists(1, "", &deny);
        let address = edge.listen_v4(0);
        let lane = edge.lane(1, 1000);
        let (begun, ticks, turns) = (Instant::now(), edge.cpu_ticks(), edge.count(fosse_counters::TURNS));
        for _ in 0..CONNECTIONS / at_once {
            let clients: Vec<_> = (0..at_once).map(|_| client(address)).collect();
            let held = lane.take(at_once);
            lane.say(Kind::Closed, &held.iter().map(|(connection, _)| *connection).collect::<Vec<_>>(), &[]);
            drop(clients);
        }
        edge.wait_for_count(count::LIVE, 0);
        let each = Duration::from_millis((edge.cpu_ticks() - ticks) * 10).as_secs_f64() * 1e6 / CONNECTIONS as f64;
        let turns = (edge.count(fosse_counters::TURNS) - turns) as f64 / CONNECTIONS as f64;
        println!("{name}: {each:.1} us of CPU, {turns:.2} turns a connection, {:.1} s", begun.elapsed().as_secs_f64());
    }
}
