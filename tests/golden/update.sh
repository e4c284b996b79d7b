#!/bin/sh
# update.sh: prints the canary's tables anew into this directory (as root, on a kernel with Landlock 6 or later). The
# difference is for a person to read: a cell may get stricter, a row or column may be added; a looser cell needs a reason in
# the commit.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
canary=${1:?usage: update.sh PATH-OF-FOSSE-CANARY}
for walls in full landlock seccomp launcher; do
    case $walls in
    full) option= ;;
    launcher) option=--launcher ;;
    *) option=--$walls-only ;;
    esac
    # shellcheck disable=SC2086 # no option is no word
    "$canary" $option > "$here/canary-$walls.txt" || echo "the canary complains about $walls" >&2
done
