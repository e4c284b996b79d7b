//! The heap.

/// Gives memory that was freed back to the kernel (malloc_trim(3)) and lets the allocator put the
/// free pieces that are left in order: for a process that has built what it keeps and dropped what
/// it built that with, before others share its pages. (Free pieces wait in one list until the next
/// allocation sorts them, and sorting writes into each: done by every child it would cost every
/// child a copy of those pages.)
pub fn trim() {
    // SAFETY: malloc_trim takes a number and changes nothing that is allocated.
    let _ = unsafe { libc::malloc_trim(0) };
    for bytes in [LARGE_BYTES, SMALL_BYTES, LARGE_BYTES] {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(bytes)));
    }
}

/// Gives every block of at least so many bytes a mapping of its own (mallopt(3)), which goes back
/// to the kernel when it is freed and leaves no hole: for a process in which many such blocks live
/// at a time, each for long. To be called once, early. (Without it the allocator moves that bound
/// up to what was freed last, and keeps twice as much at the end of its heap.)
pub fn map_blocks_from(bytes: usize) {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // SAFETY: mallopt takes two numbers; it changes where later blocks lie, not those that are
    // there.
    let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, bytes) };
    // SAFETY: as above.
    let _ = unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, HEAP_END_BYTES) };
}

/// Free bytes at the end of the heap from which on they go back at once: less would be a call to
/// and fro in every turn.
const HEAP_END_BYTES: libc::c_int = 1024 * 1024;

/// Watches for the end of a flood: what a thousand slow clients needed is kept by the allocator
/// when they are gone, because something small lies above it.
#[derive(Debug, Default)]
pub struct Ebb {
    high: usize,
    looks: u32,
}

/// Looks in which nothing is done: counting what is in use walks the allocator's lists, and no
/// flood ends in a second.
const LOOKS_SKIPPED: u32 = 8;
/// Less than this is not worth the walk through the heap that gives it back.
const EBB_BYTES_MIN: usize = 1024 * 1024;

impl Ebb {
    /// For once a tick. True where less than half of what was in use is left: what is kept for the
    /// next flood may be dropped now, and a [`trim`] gives the rest back.
    pub fn look(&mut self) -> bool {
        self.looks = self.looks.wrapping_add(1) % LOOKS_SKIPPED;
        self.looks == 0 && self.found(in_use())
    }

    fn found(&mut self, used: usize) -> bool {
        self.high = self.high.max(used);
        let ebb = used < self.high / 2 && self.high.saturating_sub(used) >= EBB_BYTES_MIN;
        if ebb {
            self.high = used;
        }
        ebb
    }
}

/// Bytes the allocator has given out.
fn in_use() -> usize {
    // SAFETY: mallinfo2 takes nothing, changes nothing, and returns plain numbers.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks.saturating_add(info.hblkhd)
}

/// Below what the allocator maps separately, above what it serves from lists of one size.
const LARGE_BYTES: usize = 100_000;
/// Served from a list of one size.
const SMALL_BYTES: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ebb_is_when_less_than_half_of_much_is_left_and_comes_once() {
        let mut ebb = Ebb::default();
        let mib = |n: usize| n * 1024 * 1024;
        assert!(!ebb.found(mib(10)) && !ebb.found(mib(60)) && !ebb.found(mib(31)));
        assert!(ebb.found(mib(29)) && !ebb.found(mib(29)) && !ebb.found(mib(15)));
        assert!(!Ebb { high: mib(1), looks: 0 }.found(1000), "too little");
    }

    #[test]
    fn what_is_in_use_is_what_was_asked_for() {
        let before = in_use();
        let held = std::hint::black_box(vec![1_u8; 8 * 1024 * 1024]);
        assert!(in_use() >= before + held.len() / 2);
    }
}
