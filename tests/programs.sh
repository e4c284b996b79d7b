#!/bin/sh
# programs.sh PROFILE: prints where cargo puts the programs of a profile (release, debug, tested).
set -eu
profile=${1:?usage: programs.sh PROFILE}
top=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$top/$target ;; esac
triple=$(rustc -vV | sed -n 's/^host: //p')
echo "$target/$triple/$profile"
