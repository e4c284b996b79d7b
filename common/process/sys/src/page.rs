//! Counter pages: a memfd mapped shared, one writer, any number of readers.

use std::ffi::c_void;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{SealFlags, fcntl_get_seals, fstat};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

/// The largest page that is mapped: 4 MiB hold the counters of a process for 10,000 sites, and 31
/// MiB the sums of all processes that have ended for two such configurations; more is a mistake or
/// an attack on the reader's memory.
pub const PAGE_BYTES_MAX: usize = 32 << 20;

/// Words of a page whose memory is given back in one piece. They are a whole number of pages of the
/// machine's memory, which have 64 KiB at most (aarch64).
pub const RENEWED_WORDS: usize = (64 << 10) / WORD_BYTES;

const WORD_BYTES: usize = size_of::<AtomicU64>();

/// The writer's side: a slice of counters that other processes read. Lives as long as the value,
/// which is normally as long as the process.
#[derive(Debug)]
pub struct Page(Mapping);

/// A reader's side. The writer may put any value anywhere at any time, but the mapping cannot
/// fault, because the memfd is sealed against shrinking.
#[derive(Debug)]
pub struct PageReader(Mapping);

impl Page {
    /// Maps the whole memfd for reading and writing. `EINVAL` if it is not sealed against shrinking
    /// or its length is not 8 bytes to [`PAGE_BYTES_MAX`].
    pub fn map(fd: impl AsFd) -> Result<Page, Errno> {
        Page::map_of(fd, PAGE_BYTES_MAX)
    }

    /// Maps a memfd of at most `bytes_max` bytes; other conditions as [`Page::map`].
    pub fn map_of(fd: impl AsFd, bytes_max: usize) -> Result<Page, Errno> {
        Mapping::new(fd.as_fd(), ProtFlags::READ | ProtFlags::WRITE, bytes_max).map(Page)
    }

    /// Returns all counters.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping holds `words` aligned u64 (mmap aligns to a page), lives as long as
        // self, is readable and writable, cannot shrink (sealed), and is only ever accessed by
        // atomics in this process; AtomicU64 is valid for every bit pattern another process may
        // store.
        unsafe { std::slice::from_raw_parts(self.0.start.as_ptr(), self.0.words) }
    }

    /// Has its memory lie in pages of the machine's size: larger ones could not be given back in
    /// part. Whoever maps it says so.
    pub fn use_small_pages(&self) {
        self.0.use_small_pages();
    }

    /// Gives the memory of a range of words back, which are 0 then. What is written there from now
    /// on lies in other pages: who still holds one of before, in a pipe or on its way out of a
    /// socket, sees nothing of it.
    ///
    /// # Errors
    /// `EINVAL` where the range does not begin at a multiple of [`RENEWED_WORDS`] and end at one or
    /// with the mapping, and those of madvise(2).
    pub fn renew(&self, range: Range<usize>) -> Result<(), Errno> {
        let bytes = range.end.checked_sub(range.start).ok_or(Errno::INVAL)? * WORD_BYTES;
        let is_edge = |word: usize| word.is_multiple_of(RENEWED_WORDS) || word == self.0.words;
        if range.end > self.0.words || !is_edge(range.start) || !is_edge(range.end) {
            return Err(Errno::INVAL);
        }
        // SAFETY: the range is inside the mapping, which lives as long as self, is shared and is
        // only ever accessed by atomics, for which a word that becomes 0 is a word that another
        // process has written.
        unsafe { madvise(self.0.start.add(range.start).as_ptr().cast::<c_void>(), bytes, Advice::LinuxRemove) }
    }
}

impl PageReader {
    /// Maps the whole memfd for reading only; same conditions as [`Page::map`].
    pub fn map(fd: impl AsFd) -> Result<PageReader, Errno> {
        PageReader::map_of(fd, PAGE_BYTES_MAX)
    }

    /// Maps a memfd of at most `bytes_max` bytes for reading only; other conditions as
    /// [`Page::map`].
    pub fn map_of(fd: impl AsFd, bytes_max: usize) -> Result<PageReader, Errno> {
        Mapping::new(fd.as_fd(), ProtFlags::READ, bytes_max).map(PageReader)
    }

    /// Has its memory lie in pages of the machine's size, as [`Page::use_small_pages`].
    pub fn use_small_pages(&self) {
        self.0.use_small_pages();
    }

    /// Appends the bytes of `words` words from `from` on, in the order they lie in memory, as far
    /// as there are any. The writer may change them meanwhile: whoever must know says so by other
    /// words, which are read with [`PageReader::get`] after an acquire fence.
    pub fn copy(&self, from: usize, words: usize, out: &mut Vec<u8>) {
        let start = from.min(self.0.words);
        let end = start + words.min(self.0.words - start);
        // SAFETY: the range is inside the mapping, which is aligned, readable and lives as long as
        // self; see `get` for the loads.
        let slice = unsafe { std::slice::from_raw_parts(self.0.start.add(start).as_ptr(), end - start) };
        let bytes = slice.len() * WORD_BYTES;
        out.reserve(bytes);
        for (to, word) in out.spare_capacity_mut().chunks_exact_mut(WORD_BYTES).zip(slice) {
            to.write_copy_of_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        // SAFETY: reserve has made room for `bytes` bytes, and the loop has written all of them: a
        // chunk for each word.
        unsafe { out.set_len(out.len() + bytes) };
    }

    /// Returns the number of counters.
    pub fn len(&self) -> usize {
        self.0.words
    }

    /// Returns false: a page has at least one counter.
    pub fn is_empty(&self) -> bool {
        self.0.words == 0
    }

    /// Returns the counter at `index`; 0 if there is none, as an absent counter has counted
    /// nothing.
    pub fn get(&self, index: usize) -> u64 {
        if index >= self.0.words {
            return 0;
        }
        // SAFETY: index is inside the mapping, which is aligned, readable and lives as long as
        // self; a relaxed load of 8 bytes is a plain load on x86_64 and aarch64 and so does not
        // need the page to be writable.
        unsafe { self.0.start.add(index).as_ref() }.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Mapping {
    start: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the memory is shared between processes anyhow and only accessed through atomics; the
// pointer is not tied to the thread that made it.
unsafe impl Send for Mapping {}
// SAFETY: as above; no method of Mapping changes anything but through atomics.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(fd: BorrowedFd<'_>, prot: ProtFlags, bytes_max: usize) -> Result<Mapping, Errno> {
        if !fcntl_get_seals(fd)?.contains(SealFlags::SHRINK) {
            return Err(Errno::INVAL);
        }
        let bytes = usize::try_from(fstat(fd)?.st_size).map_err(|_| Errno::INVAL)?;
        if !(WORD_BYTES..=bytes_max).contains(&bytes) {
            return Err(Errno::INVAL);
        }
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that exists.
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, prot, MapFlags::SHARED, fd, 0)? };
        let start = NonNull::new(start.cast()).ok_or(Errno::NOMEM)?;
        Ok(Mapping { start, words: bytes / WORD_BYTES })
    }
}

impl Mapping {
    fn use_small_pages(&self) {
        // SAFETY: advice about a mapping that this value has made, which changes no byte of it. A
        // kernel that knows no larger pages refuses it, and needs it not.
        let _ = unsafe { madvise(self.start.as_ptr().cast(), self.words * WORD_BYTES, Advice::LinuxNoHugepage) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let bytes = self.words * WORD_BYTES;
        // SAFETY: start and length are those of a mapping this value made (munmap rounds up to the
        // page as mmap did), and no reference into it outlives self. A failure would leave it
        // mapped, which is harmless.
        let _ = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), bytes) };
    }
}
