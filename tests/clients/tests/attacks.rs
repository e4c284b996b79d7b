//! Attacks on fosse: a client that behaves is served beside each. Its waits are printed.

use std::time::Duration;

use fosse_clients::{
    attack::{self, Attack, HEAD},
    peers::{Pages, Peer},
};
use fosse_harness::is_root;

/// The time of each attack: most are seen through in the first tenth of it.
const TIME: Duration = Duration::from_secs(3);
/// Memory that an attack may add, in KiB: the buffers of the connections that it may have.
const MEMORY_KIB_MAX: u64 = 256 * 1024;

#[test]
fn a_client_that_behaves_is_served_beside_hostile_handshakes() {
    is_served_beside(|attack| !attack.has_streams);
}

#[test]
fn a_client_that_behaves_is_served_beside_hostile_streams() {
    is_served_beside(|attack| attack.has_streams);
}

fn is_served_beside(wanted: impl Fn(&Attack) -> bool) {
    let Some(app) = Pages::start() else { return };
    if !is_root() {
        println!("skipped: fosse runs as root here");
        return;
    }
    println!("{HEAD}");
    for attack in attack::all().iter().filter(|attack| wanted(attack)) {
        // One of its own each: whoever floods again and again is refused at the door.
        let fosse = Peer::fosse(&app.path());
        let outcome = attack.run(&fosse.target(), Some(fosse.pid()), TIME);
        println!("{outcome}");
        assert!(outcome.honest.requests > 0 && outcome.honest.failed == 0, "{outcome}");
        assert!(outcome.memory.1.saturating_sub(outcome.memory.0) < MEMORY_KIB_MAX, "{outcome}");
        let alarms: Vec<String> = fosse.alarms().into_iter().filter(|line| !line.contains("penalised")).collect();
        assert_eq!(alarms, Vec::<String>::new(), "{outcome}");
    }
}
