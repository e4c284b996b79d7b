//! What is kept on the disk: a ring of responses in one file, and an index of them in another.
//!
//! Both files are made by fosse-start and have a fixed length. Responses are written one after the
//! other, and the oldest make room. A response has a slot of the index, which is written after it,
//! and counts only if slot and bytes have the seals that they had when they were written: of this
//! number, at this place, under this key. So neither a write that was cut off nor a disk that has
//! changed gives anybody other bytes; no order of writes and no flush is needed for that.

mod sieve;
mod slot;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use fosse_arena::RECORD_BYTES_MAX;
use fosse_sys::file::{read_at, write_at};
use rustix::{
    fs::{fdatasync, fstat},
    io::Errno,
};

pub(crate) use sieve::{of_tag, of_target};
pub use slot::{About, Keys, SLOT_BYTES, Slot};
use slot::{HEADER_BYTES, Header};

/// Responses begin at multiples of this.
const ALIGN_BYTES: u64 = 64;
/// Bytes of the index that are read or written at a time.
const CHUNK_BYTES: usize = SLOT_BYTES * 4096;
/// The shortest ring that is worth a disk.
const RING_BYTES_MIN: u64 = 64 * 1024;

/// A response that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is not on the disk any more.
    Gone,
    /// The disk has other bytes in its place.
    Altered,
    /// The disk could not be read.
    Failed(Errno),
}

/// The content of the files when they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// They were empty.
    New,
    /// The responses of before.
    Kept {
        /// Slots that are not as they were written.
        altered: usize,
    },
    /// Bytes of another form, or files of other lengths: they were thrown away.
    Other,
}

/// The disk.
#[derive(Debug)]
pub struct Disk {
    index: OwnedFd,
    responses: OwnedFd,
    header: Header,
    /// In the order of their numbers, without a gap; removed ones among them.
    slots: VecDeque<Slot>,
    /// Number of those that are not removed.
    used: usize,
    /// The number of the first of them.
    first: u64,
    /// The place of the next response.
    head: u64,
}

impl Disk {
    /// Takes over two files with what is in them. `keys` are those of new ones.
    ///
    /// # Errors
    /// As pread(2) and pwrite(2), and `INVAL` for files that are too short.
    pub fn open(index: OwnedFd, responses: OwnedFd, keys: Keys) -> Result<(Self, Found), Errno> {
        let length = |file: &OwnedFd| Ok(u64::try_from(fstat(file)?.st_size).unwrap_or(0));
        let slots = (length(&index)?.max(HEADER_BYTES) - HEADER_BYTES) / number(SLOT_BYTES);
        let ring_bytes = length(&responses)? / ALIGN_BYTES * ALIGN_BYTES;
        if slots == 0 || ring_bytes < RING_BYTES_MIN {
            return Err(Errno::INVAL);
        }
        let mut bytes = vec![0; usize::try_from(HEADER_BYTES).unwrap_or(0)];
        read_at(&index, &mut bytes, 0)?;
        let before = Header::decode(&bytes).filter(|header| (header.slots, header.ring_bytes) == (slots, ring_bytes));
        let header = before.unwrap_or(Header { keys, slots, ring_bytes });
        let mut disk = Self { index, responses, header, slots: VecDeque::new(), used: 0, first: 1, head: 0 };
        let found = match before {
            Some(_) => Found::Kept { altered: disk.load()? },
            None if bytes.iter().all(|byte| *byte == 0) => Found::New,
            None => Found::Other,
        };
        if before.is_none() {
            disk.clear()?;
        }
        Ok((disk, found))
    }

    /// Returns the key of the hashes.
    pub(crate) const fn hash_key(&self) -> (u64, u64) {
        self.header.keys.hash
    }

    /// Returns the number of responses that are kept.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Returns whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Iterates over the slots of what is kept, the oldest first.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.is_used())
    }

    /// Iterates over those from a number on, removed ones too.
    pub(crate) fn slots_from(&self, number: u64) -> impl Iterator<Item = &Slot> {
        let at = usize::try_from(number.max(self.first) - self.first).unwrap_or(usize::MAX);
        self.slots.range(at.min(self.slots.len())..)
    }

    /// Returns the number of the next response.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.first + number(self.slots.len())
    }

    /// Returns whether a response is on the disk.
    pub(crate) fn holds(&self, number: u64) -> bool {
        self.slot(number).is_some()
    }

    /// Returns whether a response lies in the older half: it is to be written again if it is to
    /// stay.
    pub(crate) fn is_old(&self, number: u64) -> bool {
        self.slot(number).is_some_and(|slot| slot.place + self.header.ring_bytes / 2 < self.head)
    }

    /// Returns whether a response on the disk has these bytes, without reading it.
    pub(crate) fn has(&self, slot: &Slot, bytes: &[u8]) -> bool {
        usize::try_from(slot.length) == Ok(bytes.len()) && slot.seal == slot.seal_of(&self.header.keys, bytes)
    }

    /// Reads a response.
    ///
    /// # Errors
    /// [`Unread`]; it is then not one that is kept any more, unless the disk has failed.
    pub fn read(&self, number: u64) -> Result<Vec<u8>, Unread> {
        let slot = self.slot(number).ok_or(Unread::Gone)?;
        let bytes = self.first_bytes(number, RECORD_BYTES_MAX)?;
        if self.has(slot, &bytes) { Ok(bytes) } else { Err(Unread::Altered) }
    }

    /// Reads the first bytes of a response, `bytes_max` at most. They may be others than were
    /// written.
    ///
    /// # Errors
    /// As [`Disk::read`].
    pub(crate) fn first_bytes(&self, number: u64, bytes_max: usize) -> Result<Vec<u8>, Unread> {
        let slot = self.slot(number).ok_or(Unread::Gone)?;
        let mut bytes = vec![0; usize::try_from(slot.length).unwrap_or(bytes_max).min(bytes_max)];
        read_at(&self.responses, &mut bytes, slot.place % self.header.ring_bytes).map_err(Unread::Failed)?;
        Ok(bytes)
    }

    /// Writes a response. Oldest ones make room: each is reported to `gone`. Returns its number;
    /// `None` where it is longer than a quarter of the disk, or than any may be.
    ///
    /// # Errors
    /// As pwrite(2); nothing is kept then.
    pub fn write(
        &mut self,
        hash: u64,
        about: About,
        bytes: &[u8],
        mut gone: impl FnMut(&Slot),
    ) -> Result<Option<u64>, Errno> {
        let ring_bytes = self.header.ring_bytes;
        let Some(length) = u32::try_from(bytes.len()).ok().filter(|length| *length > 0) else { return Ok(None) };
        let taken = u64::from(length).next_multiple_of(ALIGN_BYTES);
        if bytes.len() > RECORD_BYTES_MAX || taken > ring_bytes / 4 {
            return Ok(None);
        }
        let left = ring_bytes - self.head % ring_bytes;
        let place = if left < taken { self.head + left } else { self.head };
        self.make_room(place + taken, &mut gone);
        write_at(&self.responses, bytes, place % ring_bytes)?;
        let mut slot = Slot { number: self.next_number(), place, length, about, hash, seal: 0 };
        slot.seal = slot.seal_of(&self.header.keys, bytes);
        self.write_slot(slot.number, &slot.encode(&self.header.keys))?;
        self.head = place + taken;
        self.slots.push_back(slot);
        self.used += 1;
        Ok(Some(slot.number))
    }

    /// Makes a response one that is not kept any more, now and by whoever takes the files over.
    ///
    /// # Errors
    /// As pwrite(2): who takes the files over may find it.
    pub fn remove(&mut self, number: u64) -> Result<(), Errno> {
        let at = usize::try_from(number.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        match self.slots.get_mut(at).filter(|slot| slot.is_used()) {
            Some(slot) => slot.length = 0,
            None => return Ok(()),
        }
        self.used -= 1;
        self.write_slot(number, &[0; SLOT_BYTES])
    }

    /// Waits until what was removed is so on the disk itself, and stays so if the machine stops.
    ///
    /// # Errors
    /// As fdatasync(2).
    pub fn sync(&self) -> Result<(), Errno> {
        fdatasync(&self.index)
    }

    fn slot(&self, number: u64) -> Option<&Slot> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get(at).filter(|slot| slot.is_used())
    }

    fn write_slot(&self, number: u64, bytes: &[u8; SLOT_BYTES]) -> Result<(), Errno> {
        write_at(&self.index, bytes, HEADER_BYTES + number % self.header.slots * self::number(SLOT_BYTES))
    }

    /// Lets the oldest responses go whose place is written over up to `end`, and one where there is
    /// no slot for another.
    fn make_room(&mut self, end: u64, gone: &mut impl FnMut(&Slot)) {
        let Header { slots, ring_bytes, .. } = self.header;
        while let Some(oldest) = self.slots.front().copied() {
            if oldest.place + ring_bytes >= end && number(self.slots.len()) < slots {
                break;
            }
            if oldest.is_used() {
                // Before its bytes are written over, so that whoever takes over finds nothing
                // altered. Where that fails the seal says it later.
                let _ = self.write_slot(oldest.number, &[0; SLOT_BYTES]);
                self.used -= 1;
                gone(&oldest);
            }
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Reads the index. Returns how many slots there are without a seal of theirs.
    fn load(&mut self) -> Result<usize, Errno> {
        let (mut found, mut altered, mut at) = (Vec::new(), 0, 0);
        let mut chunk = vec![0; CHUNK_BYTES];
        while at < self.header.slots {
            let count = usize::try_from(self.header.slots - at).unwrap_or(usize::MAX).min(CHUNK_BYTES / SLOT_BYTES);
            let bytes = &mut chunk[..count * SLOT_BYTES];
            read_at(&self.index, bytes, HEADER_BYTES + at * number(SLOT_BYTES))?;
            for (slot, at) in bytes.chunks_exact(SLOT_BYTES).zip(at..) {
                match Slot::decode(slot, &self.header.keys).filter(|slot| self.can_lie(slot, at)) {
                    Some(slot) => found.push(slot),
                    None => altered += usize::from(slot.iter().any(|byte| *byte != 0)),
                }
            }
            at += number(count);
        }
        found.sort_unstable_by_key(|slot| slot.number);
        let Some(last) = found.last().copied() else { return Ok(altered) };
        self.head = last.place + u64::from(last.length).next_multiple_of(ALIGN_BYTES);
        let Header { slots, ring_bytes, .. } = self.header;
        // Earlier ones have made room for the last.
        found.retain(|slot| slot.number + slots > last.number && slot.place + ring_bytes >= self.head);
        self.first = found.first().map_or(1, |slot| slot.number);
        for slot in found {
            while self.next_number() < slot.number {
                self.slots.push_back(Slot { number: self.next_number(), place: slot.place, ..Slot::default() });
            }
            self.slots.push_back(slot);
            self.used += 1;
        }
        Ok(altered)
    }

    /// Returns whether a slot is one that lies here, of a response that lies in the ring in one
    /// piece.
    fn can_lie(&self, slot: &Slot, at: u64) -> bool {
        let ring_bytes = self.header.ring_bytes;
        let length = usize::try_from(slot.length).unwrap_or(usize::MAX);
        slot.number % self.header.slots == at
            && slot.place.is_multiple_of(ALIGN_BYTES)
            && length <= RECORD_BYTES_MAX
            && slot.place % ring_bytes + u64::from(slot.length) <= ring_bytes
    }

    /// Writes an index without a response. It has a header only when all of it is written.
    fn clear(&mut self) -> Result<(), Errno> {
        let (mut at, end) = (0, HEADER_BYTES + self.header.slots * number(SLOT_BYTES));
        let empty = vec![0; CHUNK_BYTES];
        while at < end {
            let count = usize::try_from(end - at).unwrap_or(usize::MAX).min(CHUNK_BYTES);
            write_at(&self.index, &empty[..count], at)?;
            at += number(count);
        }
        write_at(&self.index, &self.header.encode(), 0)
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
