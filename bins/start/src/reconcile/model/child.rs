//! A child of a made up edge, and the dice that decide what happens to it.

use std::{collections::HashSet, os::fd::OwnedFd, sync::atomic::Ordering::Relaxed};

use fosse_counters::SUMS_LAST;
use fosse_eventloop::slab::Key;
use fosse_fdpass::Received;
use fosse_sys::page::Page;
use fosse_wire::{
    launch::Program,
    start::{MESSAGE_BYTES, ToChild},
};

/// Numbers that look random and are the same each time.
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    pub(crate) fn pick(&mut self, keys: Vec<Key>) -> Option<Key> {
        if keys.is_empty() { None } else { Some(keys[self.roll(keys.len())]) }
    }
}

/// A child as it sees itself: its end of the control channel, and the orders that it has read.
pub(crate) struct Child {
    pub control: OwnedFd,
    /// Of the launch that made it.
    pub token: u32,
    pub received: Vec<ToChild>,
    /// It was asked to go.
    pub drains: bool,
}

impl Child {
    /// Reads orders, and refuses what a real one would. `sums` is where status has what those that
    /// have ended had counted.
    pub(crate) fn read(&mut self, program: Program, sums: &Page) {
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        while let Ok(Received::Message(len)) = fosse_fdpass::receive(&self.control, &mut bytes, &mut fds) {
            let message = ToChild::decode(&bytes[..len], fds.drain(..).len()).unwrap();
            match message {
                ToChild::Drain => {
                    assert!(!self.drains, "{program:?} is asked to go twice");
                    self.drains = true;
                }
                ToChild::PageDrop { pid } => {
                    let before = self.received.len();
                    self.received.retain(|order| !matches!(order, ToChild::PageAdd { pid: of, .. } if *of == pid));
                    assert_eq!(self.received.len() + 1, before, "status loses {pid}, which it does not have");
                }
                ToChild::PageEnd { pid, number, .. } => {
                    self.received.retain(|order| page_of(order) != Some(pid));
                    let last = &sums.words()[SUMS_LAST];
                    let (known, number) = (last.load(Relaxed), u64::from(number));
                    assert!(number <= known + 1, "what process {} had counted is lost", known + 1);
                    last.store(known.max(number), Relaxed);
                }
                ToChild::LaneDrain { lane } if program == Program::Accept => {
                    assert!(self.lanes().contains(&lane), "accept does not know lane {lane}");
                }
                _ => {}
            }
            // Of these, several come and the last counts: each store has a session of its own, and
            // each that checks passwords; what there is to say of certificates is another text each
            // time.
            let repeats = matches!(
                message,
                ToChild::PageDrop { .. }
                    | ToChild::Reload { .. }
                    | ToChild::Records { .. }
                    | ToChild::Passwords { .. }
                    | ToChild::Certificates { .. }
                    | ToChild::CertificatesRefused { .. }
            );
            assert!(repeats || !self.received.contains(&message), "{program:?} is given twice: {message:?}");
            self.received.push(message);
        }
    }

    pub(crate) fn lanes(&self) -> HashSet<u32> {
        let lanes = self.received.iter().filter_map(|order| match order {
            ToChild::LaneAdd { lane, .. } => Some(*lane),
            _ => None,
        });
        lanes.collect()
    }
}

/// Returns the process whose page an order is about.
pub(super) const fn page_of(order: &ToChild) -> Option<u32> {
    if let ToChild::PageAdd { pid, .. } = order { Some(*pid) } else { None }
}

/// Returns the process whose pipe an order is about.
pub(super) const fn pipe_of(order: &ToChild) -> Option<u32> {
    if let ToChild::PipeAdd { pid, .. } = order { Some(*pid) } else { None }
}
