//! A well-behaved client: one small request after the other, each over a connection of its own.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use fosse_harness::WAIT_MAX;

use crate::{
    client::{Client, Outcome},
    load::next_id,
    report::Report,
    request::Request,
};

/// What the edge promises it, whatever others do.
const SERVED_WITHIN: Duration = Duration::from_millis(100);
/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(10);

/// One request that was served.
#[derive(Clone, Copy, Debug)]
struct Served {
    id: u64,
    /// When it began, counted from the first one.
    at: Duration,
    connected: Duration,
    took: Duration,
}

/// The client at work.
#[derive(Debug)]
pub struct Courteous {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Served>>,
}

impl Courteous {
    /// Sets it to work.
    #[must_use]
    pub fn begin(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (begun, mut all) = (Instant::now(), Vec::new());
            while !over.load(Relaxed) {
                all.push(serve_one(address, begun));
                thread::sleep(PAUSE);
            }
            all
        });
        Self { stop, thread }
    }

    /// Ends it and writes down how long its requests took, the slowest of them apart.
    ///
    /// # Panics
    /// Where one of them was not served.
    pub fn end(self, report: &mut Report, beside: &str) {
        self.stop.store(true, Relaxed);
        let mut all = self.thread.join().unwrap();
        let times = all.iter().map(|served| served.took).collect();
        report.times(format!("a client beside {beside}"), times, SERVED_WITHIN);
        all.sort_unstable_by_key(|served| std::cmp::Reverse(served.took));
        for Served { id, at, connected, took } in all.into_iter().take(3) {
            let what = format!("after {at:.1?} id {id:x}: connected in {connected:.1?}, served in {took:.1?}");
            report.row("one of the slowest", what);
        }
    }
}

fn serve_one(address: SocketAddr, first: Instant) -> Served {
    let (begun, request) = (Instant::now(), Request::small(next_id()));
    let mut client = Client::connect(address, WAIT_MAX).unwrap();
    let connected = begun.elapsed();
    assert!(client.send(&request.bytes()), "the well-behaved client was cut off");
    assert_eq!(client.response(&request), Outcome::Right, "the well-behaved client");
    Served { id: request.id, at: begun - first, connected, took: begun.elapsed() }
}
