//! How many branches the code under test took, where it was compiled to report each (`-C passes=sancov-module
//! -C llvm-args=-sanitizer-coverage-trace-pc-guard`). Only for the search for slow requests; no program has this feature.

use std::sync::atomic::{AtomicU64, Ordering};

static STEPS: AtomicU64 = AtomicU64::new(0);

/// Called at every branch. LLVM leaves functions of this name without instrumentation.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_trace_pc_guard(_guard: *mut u32) {
    // The driver has one thread: load and store do, and cost less than one locked instruction.
    STEPS.store(STEPS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Called before `main` by every object that was compiled so.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_trace_pc_guard_init(_start: *mut u32, _end: *mut u32) {}

/// Branches since the process began.
pub fn taken() -> u64 {
    STEPS.load(Ordering::Relaxed)
}
