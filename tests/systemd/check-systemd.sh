#!/bin/bash
# check-systemd.sh DIRECTORY-OF-PROGRAMS: the unit under a real systemd: start, readiness, rules and lists from files, logs, accounts by
# name, audit, reload, deaths, watchdog, a socket handed over, a configuration that is wrong, the end. Each line it prints is a
# promise that held; the first that does not ends it.
#
# KEEP=1  leaves the guest running for a look (tests/systemd/guest.sh run ...)
set -euo pipefail

programs=${1:?usage: check-systemd.sh DIRECTORY-OF-PROGRAMS}
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
guest() { "$top/tests/systemd/guest.sh" "$@"; }

load=
echo=
finish() {
    [ -z "$load" ] || kill "$load" 2> /dev/null || true
    [ -z "$echo" ] || kill "$echo" 2> /dev/null || true
    rm -rf "$work"
    [ -n "${KEEP:-}" ] || guest end
}

fail() {
    echo "check-systemd: FAILED: $*" >&2
    guest run 'journalctl --no-pager -n 60 -u fosse' >&2 || true
    exit 1
}

held() { echo "held: $*"; }

status_of() { guest net curl -s -o /dev/null -w '%{http_code}' --max-time 5 "$@" || true; }

# eventually WHAT COMMAND...: within 40 s.
eventually() {
    local what=$1
    shift
    for _ in $(seq 400); do
        if "$@" > /dev/null 2>&1; then
            held "$what"
            return
        fi
        sleep 0.1
    done
    fail "$what"
}

main_pid() { guest run 'systemctl show -P MainPID fosse'; }
answers() { [ "$(status_of "$@")" = 200 ]; }
another_main_than() { [ "$(main_pid)" != "$1" ] && [ "$(main_pid)" != 0 ]; }

guest end
guest build
guest boot
trap finish EXIT
root=$(guest root)

FOSSE_PROGRAMS=$programs "$top/packaging/install.sh" install "$root" /usr /usr/libexec/fosse
mkdir -p "$root/etc/fosse/rules" "$root/etc/fosse/lists" "$root/srv/site"
echo hello > "$root/srv/site/index.html"
echo 'SecRule ARGS:word "@streq bezoar" "id:1,phase:1,deny,status:403,log"' > "$root/etc/fosse/rules/own.conf"
echo '127.0.0.9' > "$root/etc/fosse/lists/bad.txt"
configuration() { # configuration WAF: written in one go, as an editor does
    cat > "$work/fosse.toml" <<TOML
access_log = "access.log"
audit_log = "audit.log"

[[listen]]
address = "127.0.0.1:80"
deny = ["lists/bad.txt"]

[[listen]]
address = "unix:/run/fosse/web.sock"
owner = "www-data"
group = "adm"
peer_uids = ["www-data"]

[[listen]]
address = "127.0.0.1:8080"
name = "web"

[[site]]
default = true
backend = "app"
waf = "$1"
rules = ["builtin", "rules/*.conf"]

[[site.route]]
prefix = "/socket"
backend = "socket"

[[backend]]
name = "app"
servers = ["unix:/run/app.sock"]

[[backend]]
name = "socket"
servers = ["127.0.0.1:9000"]
TOML
    cp "$work/fosse.toml" "$root/etc/fosse/fosse.toml.new"
    mv "$root/etc/fosse/fosse.toml.new" "$root/etc/fosse/fosse.toml"
}
configuration block

# Whoever administrates the machine has options of their own.
mkdir -p "$root/etc/default"
echo 'FOSSE_OPTIONS="--dir /etc/fosse --dir /srv"' > "$root/etc/default/fosse"
guest run 'systemd-tmpfiles --create && systemctl daemon-reload'
guest run 'systemd-run --quiet --unit app /usr/libexec/fosse/fosse-static --listen unix:/run/app.sock --mode 0666 /srv/site'
eventually "the application serves" guest run 'test -S /run/app.sock'

guest run 'fosse check' > "$work/check" 2>&1 || { cat "$work/check"; fail "a check before the first start"; }
held "a check before the first start: $(head -1 "$work/check")"
guest run 'systemctl start fosse'
answers http://127.0.0.1/ || fail "a request right after systemctl start, which waits for readiness"
held "a request right after systemctl start"
guest run 'getent group fosse' > /dev/null || fail "the group of fosse-connect is there without a reboot"
held "the group of fosse-connect is there without a reboot"
[ "$(status_of 'http://127.0.0.1/?q=1%27%20or%201=1--')" = 403 ] || fail "the built-in rules deny an attack"
held "the built-in rules deny an attack"
[ "$(status_of 'http://127.0.0.1/?word=bezoar')" = 403 ] || fail "a rule of a file denies"
held "a rule of a file denies"
[ "$(status_of --interface 127.0.0.9 http://127.0.0.1/)" = 000 ] || fail "an address of a list is not served"
held "an address of a list is not served"
[ "$(guest run 'stat -c %U:%G /run/fosse/web.sock')" = www-data:adm ] || fail "a listener's user and group by name"
held "a listener's user and group by name"
for log in access audit; do
    eventually "a line in the $log log" guest run "grep -q '\"client\":\"127.0.0.1\"' /var/log/fosse/$log.log"
done
guest run 'tr "\\0" " " < /proc/$(systemctl show -P MainPID fosse)/cmdline | grep -q -- "--dir /srv"' || fail "options of /etc/default/fosse"
held "options of /etc/default/fosse"
guest run 'fosse audit' > "$work/audit" || { cat "$work/audit"; fail "every process is what it may be"; }
held "fosse audit: $(tail -1 "$work/audit")"
guest run 'systemctl show -P StatusText fosse' | grep -qx serving || fail "systemd knows the state"
# ENOSYS and EPERM are what the unit's filters answer.
if guest run 'journalctl --no-pager -u fosse' | grep -q 'sandbox violation\|landlock: \|not available\|os error 38\|os error 1)'; then
    fail "the full sandbox, no violation, and no call that the unit takes away"
fi
held "the full sandbox below the unit's own, no violation, and no call that the unit takes away"

# A connection that never ends by itself: an application that sends every byte back, and a client that asks for one now and then.
cat > "$work/echo.py" <<'PYTHON'
import base64, hashlib, socket, threading
def serve(client):
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    key = next(l.split(b":")[1].strip() for l in head.split(b"\r\n") if l.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while data := client.recv(4096):
        client.sendall(data)
listener = socket.create_server(("127.0.0.1", 9000))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PYTHON
cat > "$work/hold.py" <<'PYTHON'
import socket, sys, time
client = socket.create_connection(("127.0.0.1", 80), timeout=60)
client.sendall(b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
assert b" 101 " in client.recv(4096)
print("open", flush=True)
try:
    while True:
        client.sendall(b"x")
        if client.recv(1) != b"x":
            break
        print("echo", flush=True)
        time.sleep(0.1)
except OSError:
    pass
print("over", flush=True)
PYTHON
"$top/tests/systemd/guest.sh" net python3 "$work/echo.py" > /dev/null 2>&1 &
echo=$!
hold() {
    "$top/tests/systemd/guest.sh" net python3 "$work/hold.py" > "$work/held" 2>&1 &
    socket=$!
    eventually "a WebSocket is open" grep -q echo "$work/held"
}
echoes() { grep -c echo "$work/held" || true; }

# Clients that keep their connections, over reloads and an upgrade.
cat > "$work/load.py" <<'PYTHON'
import http.client, signal, sys
over = []
signal.signal(signal.SIGTERM, lambda *_: over.append(1))
asked = wrong = 0
client = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
while not over:
    try:
        client.request("GET", "/")
        answer = client.getresponse()
        wrong += answer.status != 200 or answer.read() != b"hello\n"
    except OSError as error:
        print(error, file=sys.stderr)
        wrong += 1
        client.close()
    asked += 1
print(asked, "asked,", wrong, "failed")
sys.exit(wrong != 0 or asked < 100)
PYTHON
"$top/tests/systemd/guest.sh" net python3 "$work/load.py" > "$work/load" 2>&1 &
load=$!
before=$(main_pid)
lanes() { guest run "pgrep -x fosse-parse | sort | tr '\n' ' '"; }
for _ in 1 2 3; do
    old=$(lanes)
    guest run 'systemctl reload fosse'
    renewed() { for pid in $old; do ! guest run "kill -0 $pid" 2> /dev/null || return 1; done; [ -n "$(lanes)" ]; }
    eventually "systemctl reload: new lanes, and the old ones gone" renewed
done
old=$(lanes)
guest run 'systemctl kill -s USR2 --kill-whom=main fosse'
eventually "an upgrade in place: new lanes, and the old ones gone" renewed
[ "$(main_pid)" = "$before" ] || fail "the main process is the same after reloads and an upgrade"
kill -TERM "$load"
wait "$load" || { cat "$work/load"; fail "no request fails over reloads and an upgrade"; }
load=
held "no request failed over three reloads and an upgrade: $(tail -1 "$work/load")"

# One that is open over a reload goes on; over a restart it ends when stop_seconds_max is over, and nobody waits for longer.
hold
guest run 'systemctl reload fosse'
count=$(echoes)
goes_on() { [ "$(echoes)" -gt "$((count + 3))" ]; }
eventually "a WebSocket lives on through a reload" goes_on
guest run 'systemctl restart fosse'
grep -q over "$work/held" || fail "a WebSocket ends with a restart"
answers http://127.0.0.1/ || fail "a restart with an open WebSocket"
guest run 'journalctl --no-pager -u fosse' > "$work/journal"
grep -q 'event=ending waits="1 upgraded connection" seconds_at_most=10' "$work/journal" || fail "a stop says what it waits for"
grep -q 'State .*timed out' "$work/journal" && fail "systemd had to kill what was left"
held "a restart waits for an open WebSocket as long as stop_seconds_max, and says so"
wait "$socket" || true

configuration blok
guest run 'systemctl reload fosse' 2> /dev/null && fail "a reload of a wrong configuration says so"
held "a reload of a wrong configuration says so"
eventually "a wrong configuration is told with its line" \
    guest run "journalctl --no-pager -u fosse | grep -q 'fosse.toml:$(grep -n '^waf' "$work/fosse.toml" | cut -d: -f1):7'"
answers http://127.0.0.1/ || fail "the old configuration stays in force"
held "the old configuration stays in force"
guest run 'systemctl restart fosse' 2> /dev/null && fail "a wrong configuration does not start"
[ "$(guest run 'systemctl show -P ActiveState fosse')" = failed ] || fail "a wrong configuration is not tried again"
held "a wrong configuration does not start, and is not tried again"
configuration block
mv "$root/etc/fosse/rules/own.conf" "$root/etc/fosse/rules/own.away"
sed -i 's|rules/\*.conf|rules/own.conf|' "$root/etc/fosse/fosse.toml"
guest run 'fosse check' > "$work/check" 2>&1 && fail "a check looks at files"
grep -q 'rules/own.conf: there is no such file' "$work/check" || { cat "$work/check"; fail "a check names the file"; }
held "a check looks at files, and names the one that is not there"
mv "$root/etc/fosse/rules/own.away" "$root/etc/fosse/rules/own.conf"
configuration block
guest run 'systemctl reset-failed fosse; systemctl start fosse'

before=$(main_pid)
guest run "kill -KILL $before"
eventually "start killed: systemd brings it back" another_main_than "$before"
eventually "journalctl -p warning finds what went wrong" guest run \
    'journalctl --no-pager -q -u fosse -p warning | grep -q fosse- && ! journalctl --no-pager -q -u fosse -p warning | grep -q event=serving'
eventually "and it serves" answers http://127.0.0.1/

before=$(main_pid)
guest run "kill -STOP $before"
eventually "start stopped: the watchdog ends it, and systemd brings it back" another_main_than "$before"
eventually "and it serves again" answers http://127.0.0.1/

guest run 'systemctl stop fosse'
! guest run 'pgrep -f /fosse-[p]arse\|fosse-[a]ccept' > /dev/null || fail "nothing is left after systemctl stop"
held "nothing is left after systemctl stop"

# A socket of systemd's, under the name of its unit's FileDescriptorName.
cat > "$root/etc/systemd/system/fosse.socket" <<'UNIT'
[Socket]
ListenStream=127.0.0.1:8080
FileDescriptorName=web
UNIT
guest run 'systemctl daemon-reload && systemctl start fosse.socket && systemctl start fosse'
answers http://127.0.0.1:8080/ || fail "a socket that systemd holds"
before=$(main_pid)
guest run "kill -KILL $before"
# systemd keeps the socket meanwhile: the client waits instead of being refused.
[ "$(status_of --retry 0 http://127.0.0.1:8080/)" = 200 ] || fail "a client that comes while nobody serves waits"
held "a socket that systemd holds: a client that comes while nobody serves waits"

guest run 'systemd-analyze security --no-pager --threshold=36 fosse' > "$work/score" || { tail -3 "$work/score"; fail "the unit's exposure"; }
held "$(tail -1 "$work/score" | tr -dc '[:print:]')"
echo "check-systemd: everything held"
