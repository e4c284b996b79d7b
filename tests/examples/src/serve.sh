# serve.sh COMMAND READY ASK: runs a command that serves until it is ended; READY again and again until it succeeds, half a minute at
# most, then ASK. Then the server is asked to end. Exit status: 0 if all of them did what they should.
bash -c "$1" &
server=$!
ready=1
for _ in $(seq 300); do
    if ! kill -0 $server 2> /dev/null; then wait $server; ended=$?; echo "it ended with $ended" >&2; exit 1; fi
    said=$(bash -o pipefail -c "$2" 2>&1) && { ready=0; break; }
    sleep 0.1
done
[ $ready = 0 ] || echo "it serves nobody: $said" >&2
[ $ready = 0 ] && bash -o pipefail -c "$3"
asked=$?
kill -TERM $server
wait $server
ended=$?
# 143: a program that has no other way to end.
[ $ended = 0 ] || [ $ended = 143 ] || { echo "it ended with $ended" >&2; exit 1; }
exit $asked
