"""What is measured: requests, latency, CPU time, system calls, memory."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from proxies import file_limit

TEMPLATES = Path(__file__).parent / "templates"
UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


def cpu_us(pids):
    """CPU time of processes, all threads, in microseconds by name (schedstat counts nanoseconds)."""
    spent = {}
    for pid in pids:
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            tasks = os.listdir(f"/proc/{pid}/task")
            total = sum(int(Path(f"/proc/{pid}/task/{t}/schedstat").read_text().split()[0]) for t in tasks)
        except (OSError, IndexError):
            continue
        spent[name] = spent.get(name, 0) + total / 1e3
    return spent


def encoded_bytes(program, path, coding):
    """The length of a response in a coding."""
    request = urllib.request.Request(f"http://127.0.0.1:{program.port}{path}", headers={"Accept-Encoding": coding})
    with urllib.request.urlopen(request, timeout=20) as response:
        if response.headers["Content-Encoding"] != coding:
            raise SystemExit(f"bench: {program.name} sends no {coding}")
        return len(response.read())


def pss_kib(pids):
    total = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total


class Load:
    """One kind of requests, as many as are answered."""

    def __init__(self, path="/1k", connections=64, script=None):
        self.path, self.connections, self.script = path, connections, script

    def command(self, port, placement, seconds):
        script = ["-s", str(TEMPLATES / self.script)] if self.script else []
        return [*placement.pin_client, "wrk", f"-t{placement.client_threads}", f"-c{self.connections}", f"-d{seconds}s",
                "--timeout", "20s", "--latency", *script, self.url(port)]

    def url(self, port):
        return f"http://127.0.0.1:{port}{self.path}"

    def result(self, text, spent):
        return Result(text, spent)


class TlsLoad(Load):
    """The same within TLS: handshakes are over before the first request."""

    def url(self, port):
        # A name that resolves everywhere and that the certificate has.
        return f"https://localhost:{port}{self.path}"


class Http2Load(Load):
    """Requests in streams of HTTP/2, so many at a time in each connection."""

    def __init__(self, path="/1k", connections=64, streams=10, words=()):
        super().__init__(path, connections)
        self.streams, self.words = streams, words

    def command(self, port, placement, seconds):
        return [*placement.pin_client, "h2load", f"-t{placement.client_threads}", f"-c{self.connections}", f"-m{self.streams}", f"-D{seconds}",
                *self.words, f"--connect-to=127.0.0.1:{port}", f"https://localhost:{port}{self.path}"]

    def result(self, text, spent):
        return Http2Result(text, spent)


class HandshakeLoad(Load):
    """A connection for each request: a handshake, whole or resumed."""

    def __init__(self, clients, *words, connections=16):
        super().__init__("/1k", connections)
        self.clients, self.words = clients, words

    def command(self, port, placement, seconds):
        return [*placement.pin_client, str(self.clients), "handshakes", "--connections", str(self.connections), "--seconds", str(seconds),
                *self.words, f"127.0.0.1:{port}"]


class Result:
    def __init__(self, text, spent):
        self.requests = max(1, int(re.search(r"(\d+) requests in", text).group(1)))
        self.rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
        value, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", text).groups()
        self.p50_us = float(value) * UNITS[unit]
        self.split = {name: us / self.requests for name, us in spent.items()}
        self.cpu = sum(self.split.values())
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        self.bad = (int(bad.group(1)) if bad else 0) + (sum(map(int, errors.groups())) if errors else 0)


class Http2Result:
    def __init__(self, text, spent):
        self.requests = max(1, int(re.search(r"(\d+) succeeded", text).group(1)))
        self.bad = sum(map(int, re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", text).groups()))
        self.bad += sum(map(int, re.search(r"(\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text).groups()))
        self.rate = float(re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", text).group(1))
        # It says a mean, and no median.
        value, unit = re.search(r"time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)", text).groups()
        self.p50_us = float(value) * UNITS[unit]
        self.split = {name: us / self.requests for name, us in spent.items()}
        self.cpu = sum(self.split.values())


def run(program, load, placement, seconds):
    pids = program.pids()
    before = cpu_us(pids)
    out = subprocess.run(load.command(program.port, placement, seconds), capture_output=True, text=True, preexec_fn=file_limit)
    after = cpu_us(pids)
    try:
        return load.result(out.stdout, {name: after[name] - before.get(name, 0) for name in after})
    except AttributeError:
        raise SystemExit(f"bench: {' '.join(out.args)} against {program.name}: {out.stdout}{out.stderr}") from None


class Paced:
    """Requests at a fixed rate, whether they are answered or not; the time of each."""

    def __init__(self, rate, connections=10):
        self.rate, self.connections = rate, connections

    def latencies_us(self, program, seconds, directory):
        log = Path(directory) / "paced.txt"
        log.unlink(missing_ok=True)
        count = self.rate * seconds
        subprocess.run(["h2load", "--h1", f"-c{self.connections}", f"-n{count}", f"--rps={self.rate / self.connections}",
                        f"--log-file={log}", f"http://127.0.0.1:{program.port}/1k"],
                       stdout=subprocess.DEVNULL, check=True, preexec_fn=file_limit)
        lines = [line.split() for line in log.read_text().splitlines()]
        bad = sum(status != "200" for _, status, _ in lines) + count - len(lines)
        if bad:
            raise SystemExit(f"bench: {program.name}: {bad} of {count} paced requests failed")
        return sorted(int(us) for _, _, us in lines)


class Hogs:
    """A process that never sleeps on each core, at nice 0."""

    def __enter__(self):
        spin = "while True: pass"
        self.processes = [subprocess.Popen(["taskset", "-c", str(core), "python3", "-c", spin]) for core in range(os.cpu_count())]

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


def system_calls(program, load, placement, seconds, directory):
    """System calls for each request, all processes together, and the most frequent ones."""
    report = Path(directory) / "strace.txt"
    attach = [word for pid in program.pids() for word in ("-p", str(pid))]
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", str(report), *attach],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    # It says "attached" for each process; the calls before the load are few.
    time.sleep(0.7)
    result = run(program, load, placement, seconds)
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    calls = {}
    for line in report.read_text().splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
            calls[words[-1]] = int(words[3]) / result.requests
    return sum(calls.values()), dict(sorted(calls.items(), key=lambda pair: -pair[1])[:8])


def instructions(program, load, placement, seconds, directory):
    """Instructions in user space for each request, all processes together; None where nothing counts them here."""
    report = Path(directory) / "perf.txt"
    pids = ",".join(map(str, program.pids()))
    counter = ["perf", "stat", "-x,", "-e", "instructions:u", "-o", str(report), "-p", pids, "--"]
    out = subprocess.run([*counter, *load.command(program.port, placement, seconds)], capture_output=True, text=True, preexec_fn=file_limit)
    counted = [line.split(",")[0] for line in report.read_text().splitlines() if "instructions" in line]
    if not counted or not counted[0].isdigit():
        return None
    return int(counted[0]) / Result(out.stdout, {}).requests


class Idle:
    """Keep-alive connections that have been answered once and now rest."""

    def __init__(self, port, count):
        self.sockets = []
        request = b"GET /1k HTTP/1.1\r\nHost: a.example\r\n\r\n"
        for begin in range(0, count, 200):
            some = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(min(200, count - begin))]
            for one in some:
                one.sendall(request)
            for one in some:
                got = b""
                while got.count(b"x") < 1024:
                    part = one.recv(65536)
                    if not part:
                        raise SystemExit("bench: an idle connection was closed")
                    got += part
            self.sockets += some

    def close(self):
        for one in self.sockets:
            one.close()
