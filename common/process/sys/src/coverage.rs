//! Which branches the code under test took, where it was compiled with LLVM's counters (`-C passes=sancov-module
//! -C llvm-args=-sanitizer-coverage-inline-8bit-counters`). Only for the fuzzing driver; no program has this feature.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

static START: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Called before `main` by every object that was compiled with counters; the linker has made one array of them all.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    START.store(start, Ordering::Release);
    COUNT.store((end as usize).saturating_sub(start as usize), Ordering::Release);
}

/// Sets all counters to zero.
pub fn reset() {
    let (start, count) = (START.load(Ordering::Acquire), COUNT.load(Ordering::Acquire));
    if !start.is_null() {
        // SAFETY: LLVM's generated code names its own array of `count` bytes, which lives as long as the program; no
        // reference to it is ever made, and the driver has one thread.
        unsafe { std::ptr::write_bytes(start, 0, count) };
    }
}

/// Copies the counters, one for each branch, in an order that is the same in every run; nothing where nothing was compiled
/// with them.
pub fn copy(out: &mut Vec<u8>) {
    let (start, count) = (START.load(Ordering::Acquire), COUNT.load(Ordering::Acquire));
    out.resize(count, 0);
    if !start.is_null() {
        // SAFETY: as in `reset`; `out` has room for `count` bytes and is no part of LLVM's array.
        unsafe { std::ptr::copy_nonoverlapping(start, out.as_mut_ptr(), count) };
    }
}
