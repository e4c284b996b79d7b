#!/bin/bash
# fuzz.sh: mutates the inputs of every target, led by the branches they reach, as many at a time as there are cores.
#
#   fuzz.sh --runs N [TARGET...]     N inputs each, the same in every run
#   fuzz.sh --seconds N [TARGET...]  N seconds each, from where the last search ended (fuzz/corpus)
#   fuzz.sh --replay FILE TARGET     one input
#
# Inputs that break a promise are kept in fuzz/artifacts, beside what was said of them.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
    sed -n 's/^#   /usage: /p' "$0" >&2
    exit 100
}
[ $# -ge 2 ] || usage
mode=$1 amount=$2
shift 2

program=$(./build.sh fosse-fuzz)
if [ "$mode" = --replay ]; then
    [ $# = 1 ] || usage
    FOSSE_FUZZ_TARGET=$1 exec "$program" "$amount"
fi

seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
names=$(./seeds.sh "$seeds")
mkdir -p artifacts

# What the programs themselves have to say of such inputs is no finding, and much.
warned() {
    grep -av '^fosse-[a-z]*: warning: event='
}

# one TARGET: its inputs, then mutations of them. libFuzzer adds what reaches further to the first directory.
one() {
    local name=$1 log=artifacts/$1.log options
    set -o pipefail
    options=(-artifact_prefix="artifacts/$name-" -max_len=65536 -print_final_stats=1)
    [ ! -s "$seeds/$name.dict" ] || options+=(-dict="$seeds/$name.dict")
    case $mode in
    --runs)
        # Nothing here depends on the machine's speed: inputs are counted, and none has a time to be done in.
        options+=(-seed=1 -runs="$amount" -timeout=0 "$seeds/found/$name")
        mkdir -p "$seeds/found/$name"
        ;;
    --seconds)
        options+=(-max_total_time="$amount" -timeout=60 "corpus/$name")
        mkdir -p "corpus/$name"
        ;;
    esac
    if FOSSE_FUZZ_TARGET=$name "$program" "${options[@]}" "$seeds/$name" 2>&1 | warned > "$log"; then
        echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, no promise broken"
        rm "$log"
    else
        echo "$name: finding; all of it in fuzz/$log"
        { grep -a -A1 -e panicked -e ERROR -e 'Test unit written' "$log" || tail -n 3 "$log"; } | cut -c 1-300
        return 1
    fi
}
case $mode in --runs | --seconds) ;; *) usage ;; esac
export -f one warned
export program seeds mode amount

# A planted fault that only branches lead to: who does not find that finds nothing.
if mode=--runs amount=1000000 one planted.fault > /dev/null; then
    echo "fuzz.sh: the planted fault was not found: nothing leads the mutations" >&2
    exit 1
fi
rm -f artifacts/planted.fault*

# shellcheck disable=SC2086 # words on purpose
printf '%s\n' ${*:-$names} | xargs -P "$(nproc)" -I NAME bash -c 'one NAME'
