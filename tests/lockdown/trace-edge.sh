#!/bin/bash
# trace-edge.sh DIRECTORY-OF-PROGRAMS [PROGRAM...]: runs a whole edge under strace, sends it what clients send, stops
# it, and asks fosse-canary whether any program read a byte before its lock was on, died by its own policy, or has a row
# in its policy that never occurred. Needs root, strace, curl, openssl, python3, nghttpd and pebble.
#
# KEEP=1  keeps the logs and says where they are
set -euo pipefail

programs=${1:?usage: trace-edge.sh DIRECTORY-OF-PROGRAMS [PROGRAM...]}
shift
for tool in strace curl openssl python3 nghttpd pebble pebble-challtestsrv; do
    command -v $tool > /dev/null || {
        echo "trace-edge: skipped: $tool is missing"
        exit 0
    }
done
[ "$(id -u)" = 0 ] || {
    echo "trace-edge: skipped: needs root"
    exit 0
}

work=$(mktemp -d)
chmod 755 "$work"
edge= files= beside=()
# Ends what a strace traces, and with that the strace: killed first, it would leave the program behind.
end_traced() {
    [ -z "$1" ] || kill -KILL $(pgrep -P "$1") 2> /dev/null || true
}
finish() {
    end_traced "$edge"
    end_traced "$files"
    [ ${#beside[@]} = 0 ] || kill "${beside[@]}" 2> /dev/null || true
    if [ -n "${KEEP:-}" ]; then echo "trace-edge: logs in $work"; else rm -rf "$work"; fi
}
trap finish EXIT

cat > "$work/backend.py" <<'PYTHON'
"""Small applications on a unix socket, a TCP port, and another with TLS; they echo bodies and stream big responses."""
import http.server, os, socket, socketserver, ssl, sys, threading

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def respond(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path.startswith("/websocket"):
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "upgrade")
            self.send_header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            self.end_headers()
            self.wfile.write(b"hello")
            self.close_connection = True
            return
        if self.path == "/until-the-end":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"x" * 1000)
            return
        self.respond(b"x" * {"/big": 3000000, "/middle": 100000}.get(self.path.split("?")[0], 1000))
    def do_POST(self):
        self.respond(self.rfile.read(int(self.headers.get("Content-Length", 0))))
    def log_message(self, *_):
        pass

class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    def get_request(self):
        request, _ = super().get_request()
        return request, ("unix", 0)

class Tcp(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

class Tcp6(Tcp):
    address_family = socket.AF_INET6

class Tls(Tcp):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    def finish_request(self, request, peer):
        # Here and not at the accept: a handshake that takes its time keeps nobody else waiting.
        with self.context.wrap_socket(request, server_side=True) as stream:
            super().finish_request(stream, peer)
            # A close_notify, without which a body that ends with the connection was cut off.
            stream.unwrap()
    def handle_error(self, *_):
        pass

def name_server(family, address, port):
    """Gives names the address of the applications: those with "long" by TCP alone, those with "six" over IPv6 alone,
    and those with "far" that of another machine."""
    def message(question, by_tcp):
        name = question[12:question.index(b"\0", 12) + 1]
        kind = question[12 + len(name):14 + len(name)]
        asked = question[:2] + (b"\x81\x80" if by_tcp or b"long" not in name.lower() else b"\x83\x80") + b"\0\1"
        data = (b"\xc0\x00\x02\x01" if b"far" in name.lower() else b"\x7f\0\0\1") if kind == b"\0\1" else None
        if family == socket.AF_INET and b"six" in name.lower():
            return question[:2] + b"\x81\x85\0\1\0\0\0\0\0\0" + name + kind + b"\0\1"
        record = b"\xc0\x0c" + kind + b"\0\1\0\0\0\1\0\4" + data if data else b""
        return asked + (b"\0\1" if record else b"\0\0") + b"\0\0\0\0" + name + kind + b"\0\1" + record
    udp, tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
    for each in udp, tcp:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind((address, port))
    tcp.listen()
    def datagrams():
        while True:
            question, peer = udp.recvfrom(4096)
            udp.sendto(message(question, False), peer)
    def streams():
        while True:
            peer, _ = tcp.accept()
            reply = message(peer.recv(4096)[2:], True)
            peer.sendall(len(reply).to_bytes(2, "big") + reply)
            peer.close()
    for each in datagrams, streams:
        threading.Thread(target=each, daemon=True).start()

Tls.context.load_cert_chain("server.pem", "server.key")
tls = Tls(("127.0.0.1", int(sys.argv[4])), Handler)
threading.Thread(target=tls.serve_forever, daemon=True).start()
tcp6 = Tcp6(("::1", int(sys.argv[2])), Handler)
threading.Thread(target=tcp6.serve_forever, daemon=True).start()
name_server(socket.AF_INET, "127.0.0.1", int(sys.argv[3]))
name_server(socket.AF_INET6, "::1", int(sys.argv[3]))
unix, tcp = Unix(sys.argv[1], Handler), Tcp(("127.0.0.1", int(sys.argv[2])), Handler)
os.chmod(sys.argv[1], 0o777)
threading.Thread(target=unix.serve_forever, daemon=True).start()
tcp.serve_forever()
PYTHON

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listen=$(port)
secure=$(port)
calls=$(port)
app=$(port)
names=$(port)
app_tls=$(port)
authority=$(port)
# An authority of our own, for the application that speaks TLS and for the directory of the ACME server.
made() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 "$@" 2> /dev/null; }
made -subj /CN=authority -keyout "$work/ca.key" -out "$work/ca.pem"
made -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
    -CA "$work/ca.pem" -CAkey "$work/ca.key" -keyout "$work/server.key" -out "$work/server.pem"
(cd "$work" && exec python3 backend.py app.sock "$app" "$names" "$app_tls") &
beside+=($!)
# An ACME server that finds every name at 127.0.0.1, where it asks at our port, and does not wait before it asks.
resolver=$(port)
pebble-challtestsrv -dns01 "127.0.0.1:$resolver" -management "" -http01 "" -https01 "" -tlsalpn01 "" -doh "" \
    -defaultIPv6 "" > "$work/resolver.log" 2>&1 &
beside+=($!)
cat > "$work/pebble.json" <<JSON
{"pebble": {"listenAddress": "127.0.0.1:$authority", "managementListenAddress": "127.0.0.1:$(port)",
    "certificate": "$work/server.pem", "privateKey": "$work/server.key", "httpPort": $listen, "tlsPort": $secure}}
JSON
PEBBLE_VA_NOSLEEP=1 pebble -config "$work/pebble.json" -dnsserver "127.0.0.1:$resolver" > "$work/pebble.log" 2>&1 &
beside+=($!)

mkdir -p "$work/etc/rules"
mkdir -m 700 "$work/kept" "$work/store"
echo 192.0.2.0/24 > "$work/etc/deny.txt"
cat > "$work/etc/rules/one.conf" <<'RULES'
SecRule ARGS "@contains nothing-sends-this" "id:1,phase:2,deny"
SecAction "id:2,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.hits=+1"
SecRule IP:hits "@gt 1000000" "id:3,phase:1,deny"
RULES
made -subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:*.example,IP:127.0.0.1 -keyout "$work/etc/key.pem" \
    -out "$work/etc/cert.pem"
user=$(echo secret | "$programs/fosse" password ann)
cat > "$work/etc/fosse.toml" <<TOML
lanes = 1
scheduling = "batch"
access_log = "access.log"
status_socket = "$work/status.sock"
cache_directory = "$work/kept"
deny = ["deny.txt"]
name_servers = ["127.0.0.1:1", "[::1]:1", "127.0.0.1:$names", "[::1]:$names"]

[limits]
lane_held_bytes_max = "1 MiB"
cache_disk_bytes_max = "128 MiB"

[[listen]]
address = "127.0.0.1:$listen"

[[listen]]
address = "127.0.0.1:$secure"
tls = true

[[certificate]]
file = "$work/etc/cert.pem"
key = "$work/etc/key.pem"

[[acme]]
name = "authority"
directory = "https://localhost:$authority/dir"
ca_file = "$work/ca.pem"
agree_to_terms = true

[[certificate]]
acme = "authority"
names = ["ordered.example.org"]

[[listen]]
address = "unix:$work/listen.sock"
peer_uids = [0]

[[site]]
hosts = ["localhost", "127.0.0.1"]
backend = "unix"
rules = ["rules/*.conf"]

[[site.route]]
prefix = "/users"
basic_auth = { users = ["$user"] }

[[site]]
hosts = ["tcp.example"]
backend = "tcp"

[[site]]
hosts = ["tcp6.example"]
backend = "tcp6"

[[site]]
hosts = ["named.example"]
backend = "named"

[[site]]
hosts = ["files.example"]
backend = "files"

[[site]]
hosts = ["own.example"]
backend = "own"

[[site]]
hosts = ["gone.example"]
backend = "gone"

[[site]]
hosts = ["kept.example"]
backend = "tcp"
cache = true
cache_seconds = 60

[[site]]
hosts = ["encoded.example"]
backend = "own"
compress = true
compress_bytes_min = 0

[[site]]
hosts = ["calls.example"]
backend = "calls"

[[site]]
hosts = ["secure.example"]
backend = "secure"

[[site]]
hosts = ["ordered.example.org"]
respond = 204

[[backend]]
name = "secure"
servers = ["https://localhost:$app_tls"]
tls = { ca_file = "$work/ca.pem" }

[[backend]]
name = "calls"
servers = ["127.0.0.1:$calls"]
protocol = "h2"

[[backend]]
name = "unix"
servers = ["unix:$work/app.sock"]
peer_uid = 0

[[backend]]
name = "tcp"
servers = ["127.0.0.1:$app"]
source_address = ["127.0.0.2"]
health = { path = "/health", interval_seconds = 1 }

[[backend]]
name = "tcp6"
servers = ["[::1]:$app"]
source_address = ["::1"]

[[backend]]
name = "named"
servers = ["app.test:$app", "long.app.test:$app", "long.six.test:$app"]
remote = true
address_networks = ["127.0.0.0/8"]

[[backend]]
name = "far"
servers = ["far.test:$app"]
remote = true

[[backend]]
name = "files"
servers = ["unix:$work/files.sock"]

[[backend]]
name = "own"
files = "$work/files"

[[backend]]
name = "gone"
servers = ["unix:$work/nobody.sock"]
TOML

mkdir "$work/logs" "$work/log" "$work/files"
echo hello > "$work/files/index.html"
head -c 2000000 /dev/zero > "$work/files/large"
chmod -R a+rX "$work/files"
strace -ff -X raw -s 64 -o "$work/logs/files" "$programs/fosse-static" --listen "unix:$work/files.sock" --mode 0666 \
    "$work/files" 2> "$work/files.stderr" &
files=$!
nghttpd --no-tls -a 127.0.0.1 -d "$work/files" "$calls" > /dev/null &
beside+=($!)
# Waits until each of these ports of loopback is listened on: who orders a certificate does not try again soon.
until_listening() {
    for each in "$@"; do
        for _ in $(seq 600); do
            ! (exec 3<> "/dev/tcp/127.0.0.1/$each") 2> /dev/null || continue 2
            sleep 0.1
        done
        echo "trace-edge: nobody listens on port $each"
        exit 1
    done
}
until_listening "$app" "$app_tls" "$calls" "$resolver" "$authority"

exec 9> "$work/ready"
cd "$work"
strace -ff -X raw -s 64 -o "$work/logs/trace" "$programs/fosse-start" --config etc/fosse.toml --programs "$programs" \
    --log-dir "$work/log" --certificates-dir "$work/store" --ready-fd 9 2> "$work/stderr" &
edge=$!
exec 9>&-
for _ in $(seq 100); do
    [ ! -s "$work/ready" ] || break
    sleep 0.1
    kill -0 $edge 2> /dev/null || break
done
[ -s "$work/ready" ] || {
    echo "trace-edge: the edge did not come up:"
    tail -20 "$work/stderr"
    exit 1
}

there=http://127.0.0.1:$listen
ask() { curl -s -m 10 -o /dev/null -w '%{http_code} ' "$@" || echo "(curl $?)"; }
ask $there/one -o /dev/null $there/two -o /dev/null $there/three
over_tls() { ask -k --resolve "own.example:$secure:127.0.0.1" --resolve "encoded.example:$secure:127.0.0.1" "$@"; }
for version in --http1.1 --http2 "--http2 --tls-max 1.2"; do
    for path in / /large /none; do over_tls $version "https://own.example:$secure$path"; done
    over_tls $version -H 'Accept-Encoding: gzip' "https://encoded.example:$secure/"
    over_tls $version --data-binary "@$work/backend.py" "https://own.example:$secure/"
done
ask -H 'Host: tcp.example' $there/
ask -H 'Host: tcp6.example' $there/
for _ in 1 2 3; do ask -H 'Host: named.example' $there/; done
for path in / /large /none /../etc/passwd; do ask --path-as-is -H 'Host: files.example' $there$path; done
for path in / /large /none; do ask -H 'Host: own.example' $there$path; done
for path in /index.html /large /none; do ask -H 'Host: calls.example' $there$path; done
head -c 300000 /dev/zero > "$work/body"
for path in / /big /until-the-end; do ask -H 'Host: secure.example' $there$path; done
ask -H 'Host: secure.example' -H 'Content-Type: application/octet-stream' --data-binary "@$work/body" $there/post
ask -H 'Host: gone.example' $there/
for path in / / /middle /middle /big /big; do ask -H 'Host: kept.example' $there$path; done
for coding in gzip br zstd; do ask -H 'Host: encoded.example' -H "Accept-Encoding: $coding" $there/; done
ask -H 'Host: unknown.example' $there/
ask $there/big
for password in secret wrong; do ask -u ann:$password $there/users; done
ask -H 'Host: tcp.example' $there/big
ask --data-binary "@$work/body" $there/post
ask -H 'Transfer-Encoding: chunked' --data-binary "@$work/body" $there/post
# More than a quarter of the lane's memory: it goes through the spool.
head -c 900000 /dev/zero > "$work/long"
ask --data-binary "@$work/long" $there/post
ask -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' $there/websocket
ask --unix-socket "$work/listen.sock" http://localhost/unix
ask --unix-socket "$work/files.sock" -H 'Connection: close' http://localhost/
ask --unix-socket "$work/files.sock" --data-binary "@$work/body" http://localhost/
ask "$there/%00"
ask "$there/..%2f..%2fetc/passwd"
[ ! -S "$work/status.sock" ] || ask --unix-socket "$work/status.sock" http://localhost/metrics
[ ! -S "$work/status.sock" ] || ask --unix-socket "$work/status.sock" -X POST http://localhost/servers/drain/none
[ ! -S "$work/status.sock" ] || ask --unix-socket "$work/status.sock" -X POST "http://localhost/purge/all/*"
# A client that sends nonsense, one that aborts, one that resets in the middle of a response.
python3 - "$listen" <<'PYTHON'
import socket, struct, sys, time
def client(*parts, reset=False, wait=0.2):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for part in parts:
        s.sendall(part)
        time.sleep(0.05)
    time.sleep(wait)
    if reset:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
client(b"nonsense\r\n\r\n")
client(b"GET / HT")
client(b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n", reset=True)
client(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx", reset=True)
client(b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", b"abc")
client(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
PYTHON
# The certificate that is ordered.
for _ in $(seq 600); do
    [ -z "$(find "$work/store" -name '*.pem')" ] || break
    sleep 0.1
done
for _ in $(seq 100); do
    ! curl -s -k -m 10 --resolve "ordered.example.org:$secure:127.0.0.1" "https://ordered.example.org:$secure/" || break
    sleep 0.1
done
ask -k --resolve "ordered.example.org:$secure:127.0.0.1" "https://ordered.example.org:$secure/"
echo
start=$(pgrep -P $edge -f fosse-start | head -1)
# The processes of one program, and not of others whose names begin with its.
children_of() { pgrep -P "$start" -f "^$1( |\$)"; }
# A client that is idle while the edge changes hands, and asks again afterwards.
python3 - "$listen" <<'PYTHON' &
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for pause in (0, 4):
    time.sleep(pause)
    s.sendall(b"GET /idle HTTP/1.1\r\nHost: localhost\r\n\r\n")
    print(s.recv(9000).split(b"\r\n")[0].decode(), flush=True)
PYTHON
idle=$!
sleep 1
# From here on as many lanes as there are cores: start counts them.
sed -i '/^lanes = /d' "$work/etc/fosse.toml"
kill -HUP "$start"
sleep 2
ask $there/after-reload
wait $idle
# A stage that hangs: start ends it, and makes another lane.
kill -STOP "$(children_of fosse-dispatch | tail -1)"
sleep 6
kill -USR2 "$start"
sleep 3
ask $there/after-upgrade
# A stage that stands still is ended by start; whether anything else has to be is a matter of timing.
stopped=$(children_of fosse-dispatch | head -1)
kill -STOP "$stopped"
for _ in $(seq 150); do
    [ -d "/proc/$stopped" ] || break
    sleep 0.1
done
ask $there/after-a-stop
echo
kill -TERM "$start"
for _ in $(seq 100); do
    kill -0 $edge 2> /dev/null || break
    sleep 0.1
done
edge=
# The one that is no part of an edge.
printf 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' | "$programs/fosse-parse" --stdin |
    strace -ff -X raw -s 64 -o "$work/logs/frames" "$programs/fosse-frames" > /dev/null
grep -v ': info: ' "$work/stderr" | tail -20 || true
"$programs/fosse-canary" --traces "$work/logs" "$@"
echo "trace-edge: nothing read before the lock, every row accounted for"
