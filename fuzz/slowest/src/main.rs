//! fosse-slowest: libFuzzer led by what a request costs. It ends at a request that costs more than
//! any may, and given files it says what they cost and ends with an error where one costs too much.
//! slowest.sh builds and runs it.
//!
//! FOSSE_RULES names an unpacked Core Rule Set, FOSSE_RATE_MAX the bound. A development tool: no
//! lock-down.
#![forbid(unsafe_code)]
#![no_main]

use fosse_slowest::Bound;
use libfuzzer_sys::fuzz_target;

thread_local!(static BOUND: Bound = Bound::of_environment());

fuzz_target!(|data: &[u8]| BOUND.with(|bound| bound.request(data)));
