//! fosse-fuzz: libFuzzer on the target that FOSSE_FUZZ_TARGET names. fuzz.sh builds and runs it.
//!
//! One program for all targets: they are linked once. A development tool: no lock-down.
#![forbid(unsafe_code)]
#![no_main]

use std::sync::OnceLock;

use fosse_fuzz::targets::{Target, named};
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<&Target> = OnceLock::new();

fn chosen() -> &'static Target {
    let name = std::env::var("FOSSE_FUZZ_TARGET").unwrap_or_default();
    named(&name)
        .unwrap_or_else(|| fosse_die::usage("fosse-fuzz", "FOSSE_FUZZ_TARGET names a target of fuzz/src/targets.rs"))
}

fuzz_target!(init: { TARGET.get_or_init(chosen); }, |data: &[u8]| (TARGET.get_or_init(chosen).run)(data));
