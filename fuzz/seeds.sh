#!/bin/sh
# seeds.sh DIRECTORY: writes what the inputs of every target begin with; prints the targets' names. The program is one of those in
# $FOSSE_PROGRAMS, or is built here.
set -eu
if [ -n "${FOSSE_PROGRAMS-}" ]; then
    exec "$FOSSE_PROGRAMS/fosse-seeds" "$1"
fi
exec cargo run --quiet --locked -p fosse-fuzz --bin fosse-seeds -- "$1"
