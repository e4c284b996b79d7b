#!/bin/bash
# demo.sh [--check] DIRECTORY-OF-PROGRAMS: runs the whole edge on 127.0.0.1:8080 in front of fosse-static with a sample site, and
# prints what to try. With --check it takes a free port, tries that itself, and ends: 0 if everything was as promised, else 1.
#
# PORT  another port than 8080
set -euo pipefail

check=
if [ "${1:-}" = --check ]; then check=1; shift; fi
programs=${1:?usage: demo.sh [--check] DIRECTORY-OF-PROGRAMS}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
# The processes of the edge are users of their own; they must find the socket of the site.
chmod 755 "$work"
edge='' site=''
finish() {
    [ -z "$edge" ] || kill -TERM "$edge" 2> /dev/null || true
    [ -z "$site" ] || kill -TERM "$site" 2> /dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 0' INT TERM

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
if [ -n "$check" ]; then port=$(free_port); else port=${PORT:-8080}; fi
url=http://127.0.0.1:$port

"$programs/fosse-static" --listen "unix:$work/site.sock" --mode 0666 "$here/site" &
site=$!
# Else the edge would say that the application is not there yet.
for _ in $(seq 300); do
    if [ -S "$work/site.sock" ] || ! kill -0 "$site" 2> /dev/null; then break; fi
    sleep 0.1
done
mkfifo "$work/ready"
"$programs/fosse" up --listen "127.0.0.1:$port" --backend "unix:$work/site.sock" --lanes 1 --programs "$programs" \
    --status-socket "$work/status.sock" --ready-fd 3 3> "$work/ready" &
edge=$!
read -r < "$work/ready" || { echo "demo: the edge did not become ready" >&2; exit 1; }

tries=(
    "200 $url/"
    "400 $url/about/..%2f..%2f..%2fetc/passwd"
    "403 $url/?id=1%27%20UNION%20SELECT%20password%20FROM%20users--%20"
)

if [ -z "$check" ]; then
    printf '\nThe edge is up. In another shell:\n\n'
    for try in "${tries[@]}"; do printf "    curl -i '%s'    # %s\n" "${try#* }" "${try%% *}"; done
    printf "\n    %s status --status-socket %s\n\nControl-C ends it.\n\n" "$programs/fosse" "$work/status.sock"
    wait "$edge" || exit 1
    exit 0
fi

failed=0
for try in "${tries[@]}"; do
    status=$(curl --silent --output "$work/answer" --write-out '%{http_code}' --max-time 10 --path-as-is "${try#* }") || true
    if [ "$status" = "${try%% *}" ]; then echo "demo: $try: as promised"; else echo "demo: $try: got $status"; failed=1; fi
done
curl --silent --max-time 10 "$url/" | cmp - "$here/site/index.html" || { echo "demo: another page than the site's"; failed=1; }
"$programs/fosse" status --status-socket "$work/status.sock" > "$work/status" || { echo "demo: no status"; failed=1; }
exit $failed
