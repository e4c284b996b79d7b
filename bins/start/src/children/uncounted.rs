//! The counter pages of processes that have ended, until fosse-status has added them to its sums:
//! its own end must lose nothing that was counted. start makes the page of the sums, hands it to
//! each fosse-status, one after another, and reads one word of it.

use std::{collections::VecDeque, os::fd::OwnedFd};

use fosse_counters::{SUMS_BYTES, SUMS_LAST, TABLES};
use fosse_die::warning;
use fosse_eventloop::slab::Key;
use fosse_sys::page::PageReader;
use fosse_wire::launch::Program;
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::process::Process;
use crate::PROGRAM;

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its place among the children; `None` where it was a predecessor's.
    pub key: Option<Key>,
    /// Counted from 1 over the edge's life, in the order in which processes end.
    pub number: u32,
    pub program: Program,
    pub pid: u32,
    pub page: OwnedFd,
}

/// Those that are not in the sums, the oldest first, and the sums.
#[derive(Debug, Default)]
pub(crate) struct Uncounted {
    ended: VecDeque<Ended>,
    /// The number of the last one that ended.
    last: u32,
    /// `None` before there is a fosse-status.
    sums: Option<(OwnedFd, PageReader)>,
}

impl Uncounted {
    /// Takes over what a predecessor has left.
    ///
    /// # Errors
    /// Those of [`PageReader::map`].
    pub(crate) fn of(sums: Option<OwnedFd>, last: u32, ended: Vec<Ended>) -> Result<Self, Errno> {
        let map = |fd: OwnedFd| PageReader::map(&fd).map(|reader| (fd, reader));
        Ok(Self { ended: ended.into(), last, sums: sums.map(map).transpose()? })
    }

    /// Returns a descriptor of the sums for a fosse-status. For the first one they are made.
    ///
    /// # Errors
    /// Those of memfd_create(2), mmap(2) and fcntl(2).
    pub(crate) fn sums(&mut self) -> Result<OwnedFd, Errno> {
        let (fd, reader) = match self.sums.take() {
            Some(sums) => sums,
            None => {
                let fd = fosse_sys::memfd::page("sums", SUMS_BYTES)?;
                let reader = PageReader::map(&fd)?;
                (fd, reader)
            }
        };
        let copy = fcntl_dupfd_cloexec(&fd, 3);
        self.sums = Some((fd, reader));
        copy
    }

    /// Keeps the page of a process that has counted anything, and of more than `max` the latest.
    pub(crate) fn keep(&mut self, key: Key, process: Process, max: usize) {
        let counts = TABLES.iter().any(|(name, _)| *name == process.program.name());
        let (Some(source), Some(number)) = (process.source(), self.last.checked_add(1)) else { return };
        if !counts || self.sums.is_none() {
            return;
        }
        self.last = number;
        let (program, pid) = (source.program, source.pid);
        self.ended.push_back(Ended { key: Some(key), number, program, pid, page: process.page_fd });
        while self.ended.len() > max {
            let Some(Ended { program, pid, .. }) = self.ended.pop_front() else { break };
            let cure = "see why fosse-status does not run";
            warning(PROGRAM, format_args!("event=counts-lost program={} pid={pid} cure=\"{cure}\"", program.name()));
        }
    }

    /// Forgets those that the sums have.
    pub(crate) fn forget_counted(&mut self) {
        let last = self.sums.as_ref().map_or(0, |(_, page)| page.get(SUMS_LAST));
        self.ended.retain(|ended| u64::from(ended.number) > last);
    }

    pub(crate) fn find(&self, number: u32) -> Option<&Ended> {
        self.ended.iter().find(|ended| ended.number == number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Ended> {
        self.ended.iter()
    }

    /// Returns the sums, if there are any, and the number of the last process, for a successor.
    pub(crate) fn left(&self) -> (Option<&OwnedFd>, u32) {
        (self.sums.as_ref().map(|(fd, _)| fd), self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{children::process::pid_of, launch::spawn::pair};
    use fosse_sys::page::Page;
    use rustix::net::SocketType;
    use std::sync::atomic::Ordering;

    fn keep(uncounted: &mut Uncounted, program: Program, pid: u32, max: usize) {
        let page = fosse_sys::memfd::page("test", fosse_counters::PAGE_BYTES).unwrap();
        let (control, _) = pair(SocketType::SEQPACKET).unwrap();
        let process = Process::new(program, None, 0, control, page).unwrap();
        uncounted.keep(Key::of_token(u64::from(pid)).1, Process { pid: pid_of(pid), ..process }, max);
    }

    fn numbers(uncounted: &Uncounted) -> Vec<(u32, u32)> {
        uncounted.iter().map(|ended| (ended.number, ended.pid)).collect()
    }

    #[test]
    fn pages_are_kept_until_the_sums_have_them() {
        let mut uncounted = Uncounted::default();
        keep(&mut uncounted, Program::Parse, 1, 9);
        assert!(numbers(&uncounted).is_empty(), "nobody will ever ask");
        let sums = Page::map(uncounted.sums().unwrap()).unwrap();
        keep(&mut uncounted, Program::Config, 2, 9);
        (3..=5).for_each(|pid| keep(&mut uncounted, Program::Parse, pid, 9));
        assert_eq!(numbers(&uncounted), [(1, 3), (2, 4), (3, 5)]);
        sums.words()[SUMS_LAST].store(2, Ordering::Relaxed);
        uncounted.forget_counted();
        assert_eq!((numbers(&uncounted), uncounted.left().1), (vec![(3, 5)], 3));
        // Another fosse-status has the same sums.
        let again = Page::map(uncounted.sums().unwrap()).unwrap();
        assert_eq!(again.words()[SUMS_LAST].load(Ordering::Relaxed), 2);
    }

    #[test]
    fn of_too_many_the_oldest_goes_and_sums_of_anything_cost_no_more() {
        let mut uncounted = Uncounted::default();
        let sums = Page::map(uncounted.sums().unwrap()).unwrap();
        (1..=6).for_each(|pid| keep(&mut uncounted, Program::Parse, pid, 4));
        assert_eq!(numbers(&uncounted), [(3, 3), (4, 4), (5, 5), (6, 6)]);
        sums.words()[SUMS_LAST].store(u64::MAX, Ordering::Relaxed);
        uncounted.forget_counted();
        keep(&mut uncounted, Program::Parse, 7, 4);
        assert_eq!(numbers(&uncounted), [(7, 7)]);
    }
}
