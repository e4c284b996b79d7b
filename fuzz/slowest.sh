#!/bin/sh
# Builds the search for the slowest request with a counter of branches, in a target directory of its own, and runs it:
# `slowest.sh [--seconds N] RULES` searches, `slowest.sh RULES FILE...` says what given requests cost.
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}/slowest
export CARGO_TARGET_DIR="$target"
export CARGO_PROFILE_DEV_OPT_LEVEL=2
export RUSTFLAGS="-C target-feature=+crt-static -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=3 \
-C llvm-args=-sanitizer-coverage-trace-pc-guard"
cargo build --quiet -p fosse-fuzz --features steps --bin fosse-slowest
exec "$target/$(rustc --print host-tuple)/debug/fosse-slowest" "$@"
