#!/bin/sh
# slowest.sh: the request that costs the rule engine most for each of its bytes. The worst that were found are in fuzz/slow, and
# none may cost more again.
#
#   slowest.sh RULES FILE...        what these cost; ends with an error where one costs too much
#   slowest.sh --seconds N RULES    searches for one that costs too much
#
# RULES is an unpacked Core Rule Set. FOSSE_RATE_MAX is the reads of memory for a byte that no request may cost: a tenth more
# than the worst that was found, 902 with Debian's 3.3.4 (1289 with 4.x).
set -eu
here=$(dirname "$0")
usage() {
    sed -n 's/^#   /usage: /p' "$0" >&2
    exit 100
}
seconds=
if [ "${1-}" = --seconds ] && [ $# -ge 2 ]; then
    seconds=$2
    shift 2
fi
[ $# -ge 1 ] || usage
export FOSSE_RULES="$1" FOSSE_RATE_MAX="${FOSSE_RATE_MAX:-1000}"
shift
program=$("$here/build.sh" fosse-slowest)
if [ -z "$seconds" ]; then
    [ $# -ge 1 ] || usage
    failed=0
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # One at a time: the program looks closer only at what costs more than all before.
    for file; do
        echo "$file:"
        "$program" "$file" > "$log" 2>&1 || failed=1
        grep -a -e 'reads for a byte' "$log" || cat "$log"
    done
    exit "$failed"
fi
[ $# = 0 ] || usage
cd "$here"
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
./seeds.sh "$seeds" > /dev/null
mkdir -p corpus/slowest artifacts
"$program" -max_total_time="$seconds" -max_len=16384 -dict="$seeds/seclang.transaction.dict" -artifact_prefix=artifacts/slowest- \
    corpus/slowest slow "$seeds/seclang.transaction"
