//! The load: clients that keep connections, pipeline, send bodies, and go away at every point.

use std::{
    collections::BTreeMap,
    io::Read,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use fosse_harness::{WAIT_MAX, sockets::reset};

use crate::{
    client::{Client, Outcome},
    random::Random,
    request::{Request, Shape},
};

/// What the clients of one run have seen.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests sent.
    pub sent: AtomicU64,
    /// Right responses.
    pub right: AtomicU64,
    /// Requests without a complete response.
    pub cut: AtomicU64,
    /// Requests without a response in time.
    pub silent: AtomicU64,
    /// Requests pipelined behind a response that ended the connection: nothing was promised for
    /// them.
    pub behind: AtomicU64,
    /// Requests to a broken backend, which got 502 or a visible cut.
    pub broken: AtomicU64,
    /// Right responses lost to the reset of a broken one behind them, pipelined.
    pub torn: AtomicU64,
    /// Requests the client gave up itself.
    pub aborted: AtomicU64,
    /// Connections.
    pub connections: AtomicU64,
    /// Responses of the edge's own, by status.
    pub own: Mutex<BTreeMap<u16, u64>>,
    wrong: Mutex<Vec<String>>,
    /// The first requests without a complete response, with the batch they were part of.
    missed: Mutex<Vec<String>>,
    failures: Mutex<Vec<Failure>>,
}

/// A request that has not got its response.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When it was sent, or its connection begun.
    pub begun: Instant,
    /// When that was known.
    pub ended: Instant,
    /// What came in place of the response.
    pub outcome: Outcome,
    /// The request.
    pub what: String,
}

impl Tally {
    /// Keeps what a request without a complete response was.
    fn missed(&self, outcome: &Outcome, number: usize, batch: &[Request]) {
        let mut missed = self.missed.lock().unwrap();
        if !matches!(outcome, Outcome::Right) && missed.len() < 5 {
            missed.push(format!("{outcome:?} number {number} of {batch:?}"));
        }
    }

    fn failed_since(&self, begun: Instant, outcome: &Outcome, what: String) {
        let failure = Failure { begun, ended: Instant::now(), outcome: outcome.clone(), what };
        self.failures.lock().unwrap().push(failure);
    }

    /// Returns the requests that have not got their response.
    ///
    /// # Panics
    /// Where a client did.
    #[must_use]
    pub fn failures(&self) -> Vec<Failure> {
        self.failures.lock().unwrap().clone()
    }

    /// Takes note of an outcome.
    pub fn note(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Right => drop(self.right.fetch_add(1, Relaxed)),
            Outcome::Cut => drop(self.cut.fetch_add(1, Relaxed)),
            Outcome::Silent => drop(self.silent.fetch_add(1, Relaxed)),
            Outcome::Own(status) => *self.own.lock().unwrap().entry(*status).or_default() += 1,
            Outcome::Wrong(why) => self.wrong.lock().unwrap().push(why.clone()),
        }
    }

    /// Responses nobody should have got.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    /// Everything that is not a right response, for runs in which nothing may fail.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        let (cut, silent) = (self.cut.load(Relaxed), self.silent.load(Relaxed));
        let (own, wrong) = (self.own.lock().unwrap().clone(), self.wrong());
        let fine = cut == 0 && silent == 0 && own.is_empty() && wrong.is_empty();
        let missed = self.missed.lock().unwrap().clone();
        (!fine).then(|| format!("cut={cut} silent={silent} own={own:?} wrong={wrong:#?} missed={missed:#?}"))
    }

    /// One line.
    #[must_use]
    pub fn line(&self) -> String {
        let get = |n: &AtomicU64| n.load(Relaxed);
        format!(
            "connections={} sent={} right={} own={:?} cut={} broken={} torn={} behind={} aborted={} silent={} wrong={}",
            get(&self.connections),
            get(&self.sent),
            get(&self.right),
            self.own.lock().unwrap(),
            get(&self.cut),
            get(&self.broken),
            get(&self.torn),
            get(&self.behind),
            get(&self.aborted),
            get(&self.silent),
            self.wrong.lock().unwrap().len()
        )
    }
}

/// How the clients behave.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Clients at a time.
    pub clients: usize,
    /// Of a hundred connections, those given up at some point.
    pub abort_percent: u64,
    /// Longest wait for bytes.
    pub patience: Duration,
    /// First seed; client n takes the n-th after it.
    pub seed: u64,
    /// Pause between two batches of a client.
    pub pause: Duration,
    /// Half of the requests go to a backend that is broken.
    pub rude: bool,
    /// Stop after so many requests of all clients.
    pub requests_max: u64,
    /// A connection that was closed between two requests is no failure: another is made.
    pub reopens: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            clients: 8,
            abort_percent: 15,
            patience: WAIT_MAX,
            seed: 1,
            pause: Duration::ZERO,
            rude: false,
            requests_max: u64::MAX,
            reopens: false,
        }
    }
}

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    /// What they have seen so far.
    pub tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Ids differ over all loads of a process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// An id nobody has had.
pub fn next_id() -> u64 {
    NEXT_ID.fetch_add(1, Relaxed)
}

/// Makes the ids of this process differ from those of others: its number is above theirs.
pub fn take_ids_of(part: u8) {
    NEXT_ID.store((u64::from(part) << 48) + 1, Relaxed);
}

impl Load {
    /// Sets the clients to work.
    #[must_use]
    pub fn begin(address: SocketAddr, habits: Habits) -> Self {
        let (tally, stop) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
        let client = |number: usize| {
            let (tally, stop) = (Arc::clone(&tally), Arc::clone(&stop));
            let random = Random::new(habits.seed.wrapping_add(number as u64));
            thread::spawn(move || Worker { address, habits, tally, stop, random }.run())
        };
        let threads = (0..habits.clients).map(client).collect();
        Self { tally, stop, threads }
    }

    /// All clients have done what they should.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Lets every client finish what it is at.
    ///
    /// # Panics
    /// Where a client did.
    #[must_use]
    pub fn end(self) -> Arc<Tally> {
        self.stop.store(true, Relaxed);
        self.threads.into_iter().for_each(|t| t.join().unwrap());
        self.tally
    }
}

/// Whether a response behind this one is cut short: its reset throws away what the kernel has not
/// sent of those before it.
fn is_torn(behind: &[Request]) -> bool {
    behind.iter().any(|r| matches!(r.shape, Shape::Short | Shape::ShortChunks))
}

struct Worker {
    address: SocketAddr,
    habits: Habits,
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
    random: Random,
}

impl Worker {
    fn over(&self) -> bool {
        self.stop.load(Relaxed) || self.tally.sent.load(Relaxed) >= self.habits.requests_max
    }

    fn run(mut self) {
        while !self.over() {
            self.tally.connections.fetch_add(1, Relaxed);
            let begun = Instant::now();
            match Client::connect(self.address, self.habits.patience) {
                Ok(client) => self.connection(client, begun),
                Err(error) => {
                    self.tally.note(&Outcome::Cut);
                    self.tally.failed_since(begun, &Outcome::Cut, error.to_string());
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// One connection, until it ends or this client gives it up.
    fn connection(&mut self, mut client: Client, mut begun: Instant) {
        let batches = 1 + self.random.below(20);
        let aborts = self.random.percent(self.habits.abort_percent);
        for number in 1..=batches {
            if self.over() || client.ends || self.habits.reopens && !client.is_open() {
                return;
            }
            let mut batch = self.batch();
            if aborts && number == batches {
                if self.random.percent(30) {
                    let size = 1 + self.random.below(300_000);
                    let chunked = self.random.percent(50);
                    batch.push(Request { shape: Shape::Take, size, chunked, ..Request::small(next_id()) });
                }
                return self.give_up(client, &batch);
            }
            if !self.exchange(&mut client, &batch, begun) {
                return;
            }
            if !self.habits.pause.is_zero() {
                thread::sleep(self.habits.pause);
            }
            begun = Instant::now();
        }
    }

    fn batch(&mut self) -> Vec<Request> {
        let count = if self.random.percent(60) { 1 } else { 1 + self.random.below(8) };
        let mut batch: Vec<Request> = (0..count)
            .map(|_| {
                let any = if self.habits.rude { Request::rude } else { Request::any };
                any(next_id(), &mut self.random)
            })
            .collect();
        if self.random.percent(6)
            && let Some(last) = batch.last_mut()
            && last.shape != Shape::Take
        {
            last.old = true;
        }
        batch
    }

    /// Sends a batch in one write and reads all responses; false where the connection is over.
    fn exchange(&mut self, client: &mut Client, batch: &[Request], begun: Instant) -> bool {
        let bytes: Vec<u8> = batch.iter().flat_map(Request::bytes).collect();
        self.tally.sent.fetch_add(batch.len() as u64, Relaxed);
        // An edge that has said its last word may close before it has taken all: the responses
        // tell.
        let _ = client.send(&bytes);
        for (number, request) in batch.iter().enumerate() {
            let mut outcome = client.response(request);
            if request.shape.is_broken() && matches!(outcome, Outcome::Cut | Outcome::Own(502)) {
                self.tally.broken.fetch_add(1, Relaxed);
                if outcome == Outcome::Own(502) && !client.ends {
                    continue;
                }
                self.tally.behind.fetch_add((batch.len() - number - 1) as u64, Relaxed);
                return false;
            }
            if outcome == Outcome::Cut && is_torn(batch.get(number + 1..).unwrap_or_default()) {
                self.tally.torn.fetch_add(1, Relaxed);
                self.tally.behind.fetch_add((batch.len() - number - 1) as u64, Relaxed);
                return false;
            }
            if request.shape.is_broken() && outcome != Outcome::Silent {
                outcome = Outcome::Wrong(format!("{request:?}: {outcome:?}"));
            }
            self.tally.note(&outcome);
            self.tally.missed(&outcome, number, batch);
            if outcome != Outcome::Right {
                self.tally.failed_since(begun, &outcome, format!("{request:?}"));
            }
            if outcome != Outcome::Right || client.ends {
                self.tally.behind.fetch_add((batch.len() - number - 1) as u64, Relaxed);
                return false;
            }
        }
        if !client.is_quiet() {
            self.tally.note(&Outcome::Wrong(format!("bytes behind the last response: {:?}", batch.last())));
            return false;
        }
        true
    }

    /// Goes away within the request, before the response, or within it.
    fn give_up(&mut self, mut client: Client, batch: &[Request]) {
        let bytes: Vec<u8> = batch.iter().flat_map(Request::bytes).collect();
        self.tally.sent.fetch_add(batch.len() as u64, Relaxed);
        self.tally.aborted.fetch_add(batch.len() as u64, Relaxed);
        let cut = if self.random.percent(50) { bytes.len() } else { self.random.below(bytes.len() as u64) as usize };
        let _ = client.send(&bytes[..cut]);
        if self.random.percent(60) {
            let mut some = vec![0; 1 + self.random.below(40_000) as usize];
            let _ = client.stream().set_read_timeout(Some(Duration::from_millis(1 + self.random.below(20))));
            let _ = { client.stream() }.read(&mut some);
        }
        if self.random.percent(50) {
            reset(client.stream());
        }
    }
}
