//! fosse-steps: counts how often instrumented code reads memory
//! (`-C llvm-args=-sanitizer-coverage-trace-loads`), and tells libFuzzer of a level that no input
//! has reached before.
//!
//! Reads are what a busy machine does not change: the same input costs the same every time. The
//! names are fixed by LLVM (SanitizerCoverage.cpp) and by libFuzzer (FuzzerExtraCounters.cpp), so
//! this crate has the attributes that only `unsafe` allows; there is nothing else in it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Levels that are counted apart.
pub const LEVELS_COUNT: usize = 512;

static STEPS: AtomicU64 = AtomicU64::new(0);

/// An input that sets a byte here which none has set before is kept, as one that reached new code
/// is.
// SAFETY: libFuzzer reads and clears the bytes between the section's ends as bytes, and so are
// these.
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static LEVELS: [AtomicU8; LEVELS_COUNT] = [const { AtomicU8::new(0) }; LEVELS_COUNT];

macro_rules! callbacks {
    ($($name:ident)*) => {$(
        /// Called before every read of this width.
        // SAFETY: the name is reserved for this callback, and nothing else in the program defines
        // it.
        #[unsafe(no_mangle)]
        extern "C" fn $name(_address: *const u8) {
            // There is one thread: load and store do, and cost less than one locked instruction.
            STEPS.store(STEPS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    )*};
}

callbacks! {
    __sanitizer_cov_load1
    __sanitizer_cov_load2
    __sanitizer_cov_load4
    __sanitizer_cov_load8
    __sanitizer_cov_load16
}

/// Returns the reads since the process began.
pub fn taken() -> u64 {
    STEPS.load(Ordering::Relaxed)
}

/// Notes that the input under way has reached a level; those beyond the last count as the last.
pub fn reached(level: usize) {
    if let Some(counter) = LEVELS.get(level).or(LEVELS.last()) {
        counter.store(1, Ordering::Relaxed);
    }
}
