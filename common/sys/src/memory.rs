//! The heap.

/// Gives memory that was freed back to the kernel (malloc_trim(3)) and lets the allocator put the free pieces that are
/// left in order: for a process that has built what it keeps and dropped what it built that with, before others share its
/// pages. (Free pieces wait in one list until the next allocation sorts them, and sorting writes into each: done by every
/// child it would cost every child a copy of those pages.)
pub fn trim() {
    // SAFETY: malloc_trim takes a number and changes nothing that is allocated.
    let _ = unsafe { libc::malloc_trim(0) };
    for bytes in [LARGE_BYTES, SMALL_BYTES, LARGE_BYTES] {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(bytes)));
    }
}

/// Below what the allocator maps separately, above what it serves from lists of one size.
const LARGE_BYTES: usize = 100_000;
/// Served from a list of one size.
const SMALL_BYTES: usize = 500;
