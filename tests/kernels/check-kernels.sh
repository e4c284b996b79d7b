#!/bin/bash
# check-kernels.sh [NAME...]: runs the canary on other kernels and compares its tables and its words
# about what is missing with tests/golden/kernels/NAME.{full,landlock,seccomp,words}. NAME is one of the rows below.
#
# FOSSE_CANARY   a static fosse-canary to use (default: built here)
# UPDATE=1       writes the golden files instead of comparing
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
golden=$top/tests/golden/kernels
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

#      name            suite     kernel options   status of --sandbox-strict
rows='linux-5.10       bullseye  -                100
linux-6.1              bookworm  -                100
linux-6.1-no-landlock  bookworm  lsm=yama         100
linux-6.12             trixie    -                0
linux-6.12-no-landlock trixie    lsm=yama         100'

if [ -z "${FOSSE_CANARY:-}" ]; then
    (cd "$top" && cargo build --quiet --release -p fosse-canary)
    FOSSE_CANARY=$(find "${CARGO_TARGET_DIR:-$top/target}" -path '*/release/fosse-canary' -type f | head -1)
fi

make_root() {
    mkdir -p "$work/root/etc" "$work/root/bin"
    echo 'root:x:0:0:root:/:/bin/sh' > "$work/root/etc/passwd"
    cp "$FOSSE_CANARY" "$work/root/bin/fosse-canary"
    strip "$work/root/bin/fosse-canary" 2> /dev/null || true
    chmod 755 "$work/root" "$work/root/etc" "$work/root/bin" "$work/root/bin/fosse-canary"
    chmod 644 "$work/root/etc/passwd"
    # One boot runs everything; each part of the output has a line of its own in front.
    cat > "$work/root/trials" <<'RUN'
echo "@words"
fosse-canary > /tmp/full
echo "@status $?"
echo "@full"
cat /tmp/full
echo "@landlock"
fosse-canary --landlock-only 2>/dev/null
echo "@seccomp"
fosse-canary --seccomp-only 2>/dev/null
echo "@strict"
fosse-canary --sandbox-strict base
echo "@strict-status $?"
RUN
}

# part NAME FILE: the lines below "@NAME" up to the next "@".
part() {
    awk -v name="@$1" '/^@/ { on = ($1 == name); next } on' "$2"
}

# looser GOLDEN NOW: every cell of NOW that is looser than in GOLDEN (killed < errno < ALLOWED), or missing there.
looser() {
    awk '
        function rank(word) { return word == "killed" ? 0 : word == "ALLOWED" ? 2 : 1 }
        /^exception / { next }
        FNR == 1 { split("", names); for (i = 2; i <= NF; i++) names[i] = $i; next }
        NR == FNR { for (i = 2; i <= NF; i++) before[$1, names[i]] = $i; next }
        { for (i = 2; i <= NF; i++) {
            old = before[$1, names[i]]
            if (old == "") print "  " $1 " under " names[i] " is not in the golden table"
            else if (rank($i) > rank(old)) print "  " $1 " under " names[i] " was " old " and is " $i
        } }' "$1" "$2"
}

failures=0
fail() {
    echo "FAIL $1: $2"
    failures=$((failures + 1))
}

check() {
    local name=$1 suite=$2 append=$3 strict=$4 kernel out=$work/$1
    [ "$append" != - ] || append=
    kernel=$("$here/fetch-kernel.sh" "$suite")
    APPEND=$append "$here/boot-kernel.sh" "$kernel" "$work/root" sh /trials > "$out" || {
        fail "$name" "the machine did not come to an end"
        return
    }
    part words "$out" | grep -v "alert: " > "$work/words" || true
    for table in full landlock seccomp; do part $table "$out" > "$work/$table"; done
    if [ -n "${UPDATE:-}" ]; then
        mkdir -p "$golden"
        for file in words full landlock seccomp; do cp "$work/$file" "$golden/$name.$file"; done
    fi
    grep -qx '@status 0' "$out" || fail "$name" "the canary found something:
$(grep "alert: " "$out" | sort -u)"
    grep -qx "@strict-status $strict" "$out" || fail "$name" "--sandbox-strict: $(part strict "$out" | tail -1)"
    diff -u "$golden/$name.words" "$work/words" || fail "$name" "other words about what is missing"
    for table in full landlock seccomp; do
        local found
        found=$(looser "$golden/$name.$table" "$work/$table")
        [ -z "$found" ] || fail "$name" "$table is looser:
$found"
    done
    if [ -s "$work/words" ]; then echo "done $name: $(cat "$work/words")"; else echo "done $name: nothing is missing"; fi
}

make_root
while read -r name suite append strict; do
    if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then
        check "$name" "$suite" "$append" "$strict"
    fi
done <<< "$rows"
[ "$failures" -eq 0 ] || exit 1
echo "check-kernels: all as expected"
