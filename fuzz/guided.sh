#!/bin/sh
# Builds the driver with LLVM's branch counters (they work on stable Rust) and with overflow checks, in a target directory
# of its own, and runs it. `guided.sh --build` builds only and prints where the program is.
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}/fuzz
export CARGO_TARGET_DIR="$target"
export CARGO_PROFILE_DEV_OPT_LEVEL=2
export RUSTFLAGS="-C target-feature=+crt-static -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=3 \
-C llvm-args=-sanitizer-coverage-inline-8bit-counters"
cargo build --quiet -p fosse-fuzz --features coverage
program=$target/$(rustc --print host-tuple)/debug/fosse-fuzz
if [ "${1-}" = --build ]; then
    echo "$program"
else
    exec "$program" "$@"
fi
