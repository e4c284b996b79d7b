//! The disk as the cache uses it. What fails there costs an event line and what lay there: who asks
//! is told that there is nothing.

use std::time::{Duration, Instant};

use fosse_die::{alert, warning};
use rustix::io::Errno;

use crate::{
    PROGRAM,
    disk::{About, Disk, Found, Slot, Unread},
    limits::{DISK_PAUSE_MS, DISK_SLOW_MS},
};

/// Numbers of what has happened since they were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) made_room: u64,
    pub(crate) lost: u64,
}

/// The times until which nothing is read, and nothing written.
#[derive(Debug, Default)]
struct Pauses {
    reads: Option<Instant>,
    writes: Option<Instant>,
}

/// The disk.
#[derive(Debug)]
pub(crate) struct Volume {
    disk: Disk,
    pauses: Pauses,
    counts: Counts,
    /// Something was to be removed and could not be.
    is_unsafe: bool,
    /// It is not used any more.
    is_closed: bool,
}

impl Volume {
    /// Takes over a disk, and says what has become of it.
    pub(crate) fn new(disk: Disk, found: Found) -> Self {
        match found {
            Found::New | Found::Kept { altered: 0 } => {}
            Found::Kept { altered } => alert(PROGRAM, format_args!("event=cache-disk-altered slots={altered}")),
            Found::Other => warning(PROGRAM, "event=cache-disk-emptied why=\"it was of another size or form\""),
        }
        Self { disk, pauses: Pauses::default(), counts: Counts::default(), is_unsafe: false, is_closed: false }
    }

    pub(crate) const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Returns the number of responses on it.
    pub(crate) const fn len(&self) -> usize {
        if self.is_closed { 0 } else { self.disk.len() }
    }

    pub(crate) fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// Returns whether it must not be used any more: who takes it over may find what was removed.
    pub(crate) const fn is_unsafe(&self) -> bool {
        self.is_unsafe
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Does not use it any more.
    pub(crate) const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Reads a response; `None` where it cannot be had now. It stays on the disk where that may be
    /// another time.
    pub(crate) fn read(&mut self, number: u64) -> Option<Vec<u8>> {
        if self.is_closed || is_in(&mut self.pauses.reads) {
            return None;
        }
        let begun = Instant::now();
        let read = self.disk.read(number);
        self.note_time(begun);
        match read {
            Ok(bytes) => {
                self.counts.read += 1;
                return Some(bytes);
            }
            Err(Unread::Gone) => {}
            Err(Unread::Altered) => {
                self.counts.lost += 1;
                alert(PROGRAM, format_args!("event=cache-disk-altered response={number}"));
                self.remove(number);
            }
            Err(Unread::Failed(errno)) => {
                self.counts.lost += 1;
                say_failed("read", errno);
                self.remove(number);
            }
        }
        None
    }

    /// Writes a response. Returns its number; `None` where it is not on the disk.
    pub(crate) fn write(&mut self, hash: u64, about: About, bytes: &[u8], gone: impl FnMut(&Slot)) -> Option<u64> {
        if self.is_closed || is_in(&mut self.pauses.writes) {
            return None;
        }
        let begun = Instant::now();
        let written = self.disk.write(hash, about, bytes, gone);
        self.note_time(begun);
        match written {
            Ok(number) => {
                self.counts.written += u64::from(number.is_some());
                number
            }
            Err(errno) => {
                say_failed("write", errno);
                self.pauses.writes = Some(Instant::now() + Duration::from_millis(DISK_PAUSE_MS));
                None
            }
        }
    }

    /// Removes a response for good.
    pub(crate) fn remove(&mut self, number: u64) {
        if let Err(errno) = self.disk.remove(number) {
            self.not_removed(errno);
        }
    }

    /// Waits until what was removed is so whatever becomes of the machine.
    pub(crate) fn sync(&mut self) {
        let begun = Instant::now();
        if let Err(errno) = self.disk.sync() {
            self.not_removed(errno);
        }
        self.note_time(begun);
    }

    /// Notes that the oldest ones have made room.
    pub(crate) fn note_room(&mut self, responses: usize) {
        self.counts.made_room += u64::try_from(responses).unwrap_or(0);
    }

    fn not_removed(&mut self, errno: Errno) {
        if !std::mem::replace(&mut self.is_unsafe, true) {
            let cure = "remove what is in cache_directory before the next start";
            alert(PROGRAM, format_args!("event=cache-disk-not-removed error=\"{errno}\" cure=\"{cure}\""));
        }
    }

    /// Pauses after a call that has taken too long: everybody who asks waits for it.
    fn note_time(&mut self, begun: Instant) {
        let (slow, pause) = (Duration::from_millis(DISK_SLOW_MS), Duration::from_millis(DISK_PAUSE_MS));
        let taken = begun.elapsed();
        if taken >= slow {
            warning(PROGRAM, format_args!("event=cache-disk-slow ms={} pause_ms={DISK_PAUSE_MS}", taken.as_millis()));
            let until = Some(Instant::now() + pause);
            self.pauses = Pauses { reads: until, writes: until };
        }
    }
}

fn say_failed(what: &str, errno: Errno) {
    warning(PROGRAM, format_args!("event=cache-disk-failed call={what} error=\"{errno}\""));
}

/// Returns whether a pause is not over yet.
fn is_in(pause: &mut Option<Instant>) -> bool {
    if pause.is_some_and(|until| until <= Instant::now()) {
        *pause = None;
    }
    pause.is_some()
}
