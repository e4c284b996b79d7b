#!/bin/sh
# build.sh fosse-fuzz|fosse-slowest: builds it with LLVM's instrumentation (stable Rust has the pass) and overflow checks, in a
# target directory of its own, and prints where it is. The options are those of `cargo fuzz --sanitizer none`; programs are
# not static here, as libFuzzer asks the dynamic linker which sanitizers there are.
set -eu
cd "$(dirname "$0")/.."
program=$1
instrumented="-C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4"
case $program in
fosse-fuzz)
    # Counters of branches, where they are, and what comparisons compare.
    instrumented="$instrumented -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
        -C llvm-args=-sanitizer-coverage-pc-table -C llvm-args=-sanitizer-coverage-trace-compares"
    ;;
fosse-slowest) instrumented="$instrumented -C llvm-args=-sanitizer-coverage-trace-loads" ;;
*)
    echo "build.sh: there is no $program" >&2
    exit 100
    ;;
esac
target=${CARGO_TARGET_DIR:-target}/$program
export CARGO_TARGET_DIR="$target" CARGO_PROFILE_DEV_OPT_LEVEL=2 CARGO_PROFILE_DEV_CODEGEN_UNITS=1 CARGO_INCREMENTAL=0
export RUSTFLAGS="-C target-feature=-crt-static $instrumented"
cargo build --quiet --locked -p "$program" --features libfuzzer --bin "$program"
case $target in /*) ;; *) target=$PWD/$target ;; esac
echo "$target/$(rustc --print host-tuple)/debug/$program"
