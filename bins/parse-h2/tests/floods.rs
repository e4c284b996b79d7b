//! Clients that do harm: they are ended, and those beside them are served.

mod lane;

use std::time::{Duration, Instant};

use fosse_harness::Backend;
use lane::{Client, edge, frame};

/// The code of GOAWAY for what costs nothing.
const ENHANCE_YOUR_CALM: u32 = 11;

#[test]
fn floods_are_ended_and_others_are_served_meanwhile() {
    let app = Backend::start();
    let edge = edge(&app, "", "");
    type Flood = (&'static str, fn(&mut Client, u32) -> Vec<u8>);
    let floods: [Flood; 5] = [
        ("rapid reset", |client, id| {
            [client.head(id, "GET", "/bytes/9", &[], true), frame(3, 0, id, &[0, 0, 0, 8])].concat()
        }),
        ("made you reset", |client, id| [client.head(id, "POST", "/", &[], false), frame(8, 0, id, &[0; 4])].concat()),
        ("settings", |_, _| frame(4, 0, 0, &[])),
        ("ping", |_, _| frame(6, 0, 0, &[0; 8])),
        ("continuation", |client, id| {
            if id == 1 { frame(1, 0, 1, &client.head(1, "GET", "/", &[], true)[9..]) } else { frame(9, 0, 1, &[]) }
        }),
    ];
    for (what, flood) in floods {
        let mut client = Client::connect(edge.address());
        let mut good = Client::connect(edge.address());
        let bytes: Vec<u8> = (0..3000u32).flat_map(|at| flood(&mut client, at * 2 + 1)).collect();
        let writer = client.socket.try_clone().unwrap();
        let flooding = std::thread::spawn(move || {
            use std::io::Write as _;
            // It ends in the middle, where it is refused.
            let _ = (&writer).write_all(&bytes);
        });
        let begin = Instant::now();
        for at in 0..20u32 {
            good.get(at * 2 + 1, "/bytes/100");
            assert_eq!(good.wait(at * 2 + 1).body.len(), 100, "{what}");
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        assert_eq!(client.end().map(|(_, code)| code), Some(ENHANCE_YOUR_CALM), "{what}");
        flooding.join().unwrap();
    }
    assert!(edge.alarms().iter().all(|line| line.contains("penalised")), "{:?}", edge.alarms());
}

#[test]
fn a_client_that_reads_nothing_holds_no_other_up() {
    let app = Backend::start();
    let edge = edge(&app, "[timeouts]\nwrite_seconds = 2", "");
    let mut slow = Client::connect(edge.address());
    slow.reads = false;
    for at in 0..50u32 {
        slow.get(at * 2 + 1, "/bytes/1000000");
    }
    let mut good = Client::connect(edge.address());
    for at in 0..20u32 {
        good.get(at * 2 + 1, "/bytes/100000");
        assert_eq!(good.wait(at * 2 + 1).body.len(), 100_000);
    }
    // Its streams are reset when their time is over.
    let one = slow.wait(1);
    assert!(one.reset.is_some() && !one.ended && one.body.len() <= 65_535, "{:?}", one.reset);
    assert_eq!(edge.alarms(), [""; 0]);
}
