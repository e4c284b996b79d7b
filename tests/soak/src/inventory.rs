//! What an edge has open and uses, to be the same later.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use fosse_harness::{Edge, Process, WAIT_MAX};

/// What is open and used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Programs, sorted: one entry a process.
    pub programs: Vec<String>,
    /// Descriptors of all processes, start's among them.
    pub descriptors: usize,
    /// Resident bytes of all processes, start's among them.
    pub resident: u64,
    /// Resident bytes by program.
    pub by_program: BTreeMap<String, u64>,
    /// Descriptors by program.
    pub open: BTreeMap<String, usize>,
}

impl Inventory {
    /// Takes it now.
    #[must_use]
    pub fn of(edge: &Edge) -> Self {
        let resident = |process: &Process| process.resident_kib() * 1024;
        let (all, start) = (edge.children(), edge.start());
        let mut programs: Vec<String> = all.iter().map(|process| process.program.clone()).collect();
        programs.sort();
        let (mut by_program, mut open) = (BTreeMap::new(), BTreeMap::new());
        for process in &all {
            *by_program.entry(process.program.clone()).or_default() += resident(process);
            *open.entry(process.program.clone()).or_default() += process.descriptors();
        }
        let everybody = || all.iter().chain([&start]);
        Self {
            programs,
            descriptors: everybody().map(Process::descriptors).sum(),
            resident: everybody().map(resident).sum(),
            by_program,
            open,
        }
    }

    /// Takes it once nothing changes any more: log and status get their descriptors some time after
    /// READY.
    ///
    /// # Panics
    /// Where it never comes to rest.
    #[must_use]
    pub fn steady(edge: &Edge) -> Self {
        let (begun, mut last) = (Instant::now(), Self::of(edge));
        loop {
            thread::sleep(Duration::from_millis(300));
            let now = Self::of(edge);
            if now.open == last.open {
                return now;
            }
            assert!(begun.elapsed() < WAIT_MAX, "descriptors come and go: {last:?} {now:?}");
            last = now;
        }
    }

    /// Waits until processes are as in this one and descriptors not more (but for `spare`), and
    /// takes it then.
    ///
    /// # Panics
    /// Where that does not happen.
    #[must_use]
    pub fn settle(&self, edge: &Edge, spare: usize) -> Self {
        let begun = Instant::now();
        loop {
            let now = Self::of(edge);
            if now.programs == self.programs && now.descriptors <= self.descriptors + spare {
                return now;
            }
            assert!(begun.elapsed() < WAIT_MAX, "before {self:?}\nnow {now:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}
