#!/bin/bash
# check.sh: everything `make check` promises, one step after the other, each with the seconds it took. Every step runs, also
# after one has failed; the exit status is 1 if any has.
set -uo pipefail
cd "$(dirname "$0")/.."
exec < /dev/null

# Some programs become other users and find their way by /proc and cwd: nothing here may hide behind umask.
umask 022
# What is built once and thrown away has no use for what would build it again faster, and that takes gigabytes.
export CARGO_INCREMENTAL=0
failed=() began=$SECONDS

# step NAME COMMAND...
step() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if "$@"; then
        printf '== %s: ok, %d s\n' "$name" $((SECONDS - start))
    else
        printf '== %s: FAILED, %d s\n' "$name" $((SECONDS - start))
        failed+=("$name")
    fi
}

dependencies() {
    if cargo deny --version > /dev/null 2>&1; then
        cargo deny --log-level error --locked check bans licenses sources
    else
        echo "skipped: no cargo-deny here; the licence test of tests/tidy stands alone"
    fi
}

slowest() {
    if [ -d /usr/share/modsecurity-crs/rules ]; then
        fuzz/slowest.sh /usr/share/modsecurity-crs fuzz/slow/*
    else
        echo "skipped: no modsecurity-crs here"
    fi
}

manuals() {
    if command -v mandoc > /dev/null; then
        mandoc -T lint -W warning man/*.[1-8]
    else
        echo "skipped: no mandoc here"
    fi
}

step "what the tests need" tests/setup.sh
step "format" cargo fmt --all --check
# One profile, and programs and tests in one go: built apart they would be built twice, as tests ask more of some
# dependencies.
step "programs and tests" cargo build --profile tested --workspace --all-targets --locked
# Tests find the programs that are built now; none builds them again.
FOSSE_PROGRAMS=$(tests/programs.sh tested)
export FOSSE_PROGRAMS
step "clippy" cargo clippy --profile tested --workspace --all-targets --locked -- -D warnings
step "tests" cargo test --profile tested --workspace --locked --no-fail-fast
step "decoders under mutation" fuzz/fuzz.sh --runs 20000
step "slowest requests" slowest
step "reads before the lock, calls without a row" tests/lockdown/trace-edge.sh "$FOSSE_PROGRAMS"
step "demo" tests/demo/demo.sh --check "$FOSSE_PROGRAMS"
step "dependencies and licences" dependencies
step "manual pages" manuals

printf '\n== all: %d s\n' $((SECONDS - began))
if [ ${#failed[@]} -gt 0 ]; then
    printf '== FAILED: %s\n' "${failed[@]}"
    exit 1
fi
echo "== everything passed"
