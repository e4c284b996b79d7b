//! The heap.

/// Gives freed memory back to the kernel (malloc_trim(3)) and has the allocator sort the free
/// pieces that are left: for a process that has built what others are going to share with it after
/// fork(2).
pub fn trim() {
    // SAFETY: malloc_trim takes a number and changes nothing that is allocated. Its result says
    // whether anything was given back, which changes nothing here.
    let _ = unsafe { libc::malloc_trim(0) };
    // glibc keeps freed pieces in one unsorted list until the next allocation, which writes into
    // each to sort it. In a child each write would cost a copy of the page; here it costs none.
    for bytes in [LARGE_BYTES, SMALL_BYTES, LARGE_BYTES] {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(bytes)));
    }
}

/// Gives every block of at least `bytes` bytes a mapping of its own (mallopt(3)), which goes back
/// to the kernel when the block is freed and leaves no hole: for a process in which many such
/// blocks live long. To be called once, early.
pub fn map_blocks_from(bytes: usize) {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // A bound that is set stays; without this call glibc raises it to the size of the largest
    // mapped block that was freed, and keeps twice as much at the end of the heap. SAFETY: mallopt
    // takes two numbers; it changes where later blocks lie, not those that exist.
    let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, bytes) };
    // SAFETY: as above.
    let _ = unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, HEAP_END_BYTES) };
}

/// Free bytes at the end of the heap from which on they go back at once: with less, a turn that
/// allocates and frees would call the kernel each time.
const HEAP_END_BYTES: libc::c_int = 1024 * 1024;

/// Finds the moment for a [`trim`]: after a thousand slow clients the allocator keeps what they
/// needed, because something small lies above it.
#[derive(Debug, Default)]
pub struct HeapTrimmer {
    high: usize,
    looks: u32,
}

/// Calls of which one looks: counting what is in use walks the allocator's lists, and no flood ends
/// in a second.
const LOOKS_SKIPPED: u32 = 8;
/// Freed bytes below which the walk through the heap is not worth it.
const TRIM_BYTES_MIN: usize = 1024 * 1024;

impl HeapTrimmer {
    /// Returns true once less than half of the most that was in use is left. Caches can be dropped
    /// then, and a [`trim`] gives the rest back. For one call a tick.
    pub fn should_trim(&mut self) -> bool {
        self.looks = self.looks.wrapping_add(1) % LOOKS_SKIPPED;
        self.looks == 0 && self.is_low(in_use())
    }

    fn is_low(&mut self, used: usize) -> bool {
        self.high = self.high.max(used);
        let is_low = used < self.high / 2 && self.high - used >= TRIM_BYTES_MIN;
        if is_low {
            self.high = used;
        }
        is_low
    }
}

/// Returns the bytes that the allocator has given out.
fn in_use() -> usize {
    // SAFETY: mallinfo2 takes nothing, changes nothing, and returns plain numbers.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// Below what the allocator maps separately, above what it serves from lists of one size.
const LARGE_BYTES: usize = 100_000;
/// Served from a list of one size.
const SMALL_BYTES: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming_is_due_once_when_less_than_half_of_much_is_left() {
        let mut trimmer = HeapTrimmer::default();
        let mib = |n: usize| n * 1024 * 1024;
        assert!(!trimmer.is_low(mib(10)) && !trimmer.is_low(mib(60)) && !trimmer.is_low(mib(31)));
        assert!(trimmer.is_low(mib(29)) && !trimmer.is_low(mib(29)) && !trimmer.is_low(mib(15)));
        assert!(!HeapTrimmer { high: mib(1), looks: 0 }.is_low(1000), "too little");
    }

    #[test]
    fn what_is_in_use_is_what_was_asked_for() {
        let before = in_use();
        let block = std::hint::black_box(vec![1_u8; 8 * 1024 * 1024]);
        assert!(in_use() >= before + block.len() / 2);
    }
}
