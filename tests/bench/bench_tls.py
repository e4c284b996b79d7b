#!/usr/bin/env python3
"""TLS and HTTP/2 of fosse beside nginx and HAProxy with the same certificate: CPU time of all processes of each for a request.

    bench_tls.py [--programs DIR] [--rounds N] [--seconds S] [--rows NAME...] [--placements NAME...] [--proxies NAME...] [--out FILE]

X25519 on both sides; the hybrid with ML-KEM, for which OpenSSL 3.0 has no code, stands beside it. Needs nginx, haproxy, wrk, h2load,
openssl and fosse-clients among the programs. Everything it starts lives in a temporary directory.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import measure
from bench import ROOT, Row, Table, median, ratio, rounds, verdict
from measure import HandshakeLoad, Http2Load, Load, TlsLoad
from proxies import PLACEMENTS, Stage, file_limit

# One certificate more is for names that no other has: 10,000 together.
CERTIFICATES, RESTING = (1, 100, 1_000, 9_999), (1, 1_000, 9_000)
# A message of gRPC as it is framed: not compressed, its length, 100 bytes.
MESSAGE = tempfile.NamedTemporaryFile(prefix="fosse-bench-")
MESSAGE.write(b"\0" + (100).to_bytes(4, "big") + b"x" * 100)
MESSAGE.flush()
PROXIES = ("nginx", "haproxy", "fosse")


class FeatureRow(Row):
    """A row in which the proxies do something else than TLS in front alone."""

    def __init__(self, feature, *words, **more):
        super().__init__(*words, **more)
        self.feature = feature


def grpc(path, **more):
    """Calls of gRPC with a message of 100 bytes each."""
    return Http2Load(path, words=["-H", "content-type: application/grpc", "-H", "te: trailers", "-d", MESSAGE.name], **more)


def rows(clients):
    """The work, and the ratios to reach against nginx."""
    def all_of(limit):
        return dict.fromkeys(PLACEMENTS, limit)
    return [
        Row("keepalive", "TLS 1.3 keep-alive, 1 KiB, 64 connections", TlsLoad(), cpu=all_of(1.0)),
        Row("full", "full handshake, ECDSA P-256, X25519", HandshakeLoad(clients), cpu=all_of(0.85)),
        Row("hybrid", "full handshake, X25519MLKEM768", HandshakeLoad(clients, "--hybrid")),
        Row("resumed", "resumed handshake", HandshakeLoad(clients, "--resume"), cpu=all_of(0.85)),
        Row("tls12", "full handshake of TLS 1.2", HandshakeLoad(clients, "--tls12")),
        Row("http2", "HTTP/2, 64 connections, 10 streams each", Http2Load(), cpu=all_of(0.75)),
        Row("http2-one", "HTTP/2, one connection, 100 streams", Http2Load(connections=1, streams=100)),
        Row("1m", "1 MiB bodies in TLS", TlsLoad("/1m", connections=16), cpu=all_of(1.1)),
        Row("1m-http2", "1 MiB bodies in HTTP/2", Http2Load("/1m", connections=16, streams=2)),
        FeatureRow("grpc", "grpc", "gRPC, unary, 64 connections, 10 calls each", grpc("/unary.grpc")),
        FeatureRow("grpc", "grpc-stream", "gRPC, 1 MiB from the server", grpc("/stream.grpc", connections=16, streams=2)),
        FeatureRow("servers", "servers", "TLS to servers, 1 KiB, 64 connections", Load()),
        FeatureRow("servers", "servers-1m", "TLS to servers, 1 MiB bodies", Load("/1m", connections=16)),
    ]


def cells(values, form):
    return [form.format(values[name]) if name in values else "" for name in PROXIES]


def ratios(results, what, limit):
    """The ratios of fosse to the others, and whether the first is what it shall be."""
    found = [ratio(results, name, what) if {name, "fosse"} <= results.keys() else None for name in ("nginx", "haproxy")]
    return [*("" if by is None else f"{by:.2f}" for by in found), verdict(found[0], limit) if found[0] is not None else ""]


def bench_row(stage, placement, row, table, notes, options):
    # The hybrid is not among what nginx and HAProxy can do here.
    able = [name for name in options.proxies if row.name != "hybrid" or name == "fosse"]
    programs = [getattr(stage, name)(feature=getattr(row, "feature", "tls")) for name in able]
    if not programs:
        return
    results = rounds(row, programs, stage.placement, options)
    limit = row.cpu.get(placement)
    for title, what, wanted in (("CPU us/request", lambda r: r.cpu, limit), ("requests/s", lambda r: r.rate, None), ("p50 us", lambda r: r.p50_us, None)):
        values = {name: median(results, name, what) for name in results}
        table.add(f"{row.title}, {placement}: {title}", f"<= {wanted} x" if wanted else "", *cells(values, "{:.1f}"), *ratios(results, what, wanted))
    if "fosse" in results:
        split = {name: median(results, "fosse", lambda r, name=name: r.split.get(name, 0)) for name in results["fosse"][0].split}
        notes.append(f"- {row.name}, {placement}: " + ", ".join(f"{n.removeprefix('fosse-')} {us:.2f}" for n, us in split.items() if us >= 0.05))
    for name, some in results.items():
        if bad := sum(r.bad for r in some):
            notes.append(f"- {row.name}, {placement}: {name} had {bad} errors or responses that were not 2xx")
    stage.stop(programs)


def bench_certificates(stage, table, notes, options):
    """Memory, and handshakes for another name each time."""
    for count in CERTIFICATES:
        stage.certificates(count)
        programs = [getattr(stage, name)(feature="tls", names=count) for name in options.proxies]
        memory = {p.name: [measure.pss_kib(p.pids())] for p in programs}
        row = Row("names", "", HandshakeLoad(options.clients, "--names", str(count)))
        results = rounds(row, programs, stage.placement, options)
        table.add(f"{count} certificates: PSS KiB before the first handshake", "", *cells({n: v[0] for n, v in memory.items()}, "{}"), *ratios(memory, float, None))
        cpu = lambda r: r.cpu
        table.add(f"{count} certificates, another name each time: CPU us/handshake", "", *cells({n: median(results, n, cpu) for n in results}, "{:.1f}"), *ratios(results, cpu, None))
        for name, some in results.items():
            if bad := sum(r.bad for r in some):
                notes.append(f"- {count} certificates: {name} failed {bad} times")
        stage.stop(programs)


class Resting:
    """Connections in TLS that have had a response and now rest."""

    def __init__(self, clients, program, count):
        command = [str(clients), "rest", "--connections", str(count), f"127.0.0.1:{program.port}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=file_limit)
        if self.process.stdout.readline() != b"resting\n":
            raise SystemExit(f"bench: {program.name} does not keep {count} connections")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def bench_resting(stage, table, notes, options):
    programs = [getattr(stage, name)(feature="tls") for name in options.proxies]
    idle = {}
    for program in programs:
        measure.run(program, TlsLoad(), stage.placement, 1)
        idle[program.name] = [measure.pss_kib(program.pids())]
    table.add("idle, has served TLS: PSS KiB", "", *cells({n: v[0] for n, v in idle.items()}, "{}"), *ratios(idle, float, None))
    for count in RESTING:
        cost, busy = {}, {}
        for program in programs:
            # The first connections bring buffers that stay: they belong to the process, not to a connection.
            warm = Resting(options.clients, program, 200)
            before = measure.pss_kib(program.pids())
            more = Resting(options.clients, program, count)
            cost[program.name] = [(measure.pss_kib(program.pids()) - before) * 1024 / count]
            busy[program.name] = [measure.run(program, TlsLoad(), stage.placement, options.seconds) for _ in range(options.rounds)]
            more.close()
            warm.close()
        table.add(f"{count} resting TLS connections: bytes each, user space", "", *cells({n: v[0] for n, v in cost.items()}, "{:.0f}"), *ratios(cost, float, None))
        cpu = lambda r: r.cpu
        table.add(f"1 KiB beside {count} resting TLS connections: CPU us/request", "", *cells({n: median(busy, n, cpu) for n in busy}, "{:.1f}"), *ratios(busy, cpu, None))
    stage.stop(programs)


def parsed():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--programs", type=Path, default=os.environ.get("FOSSE_PROGRAMS", ROOT / f"target/{os.uname().machine}-unknown-linux-gnu/release"))
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=int, default=4)
    args.add_argument("--rows", nargs="+", metavar="NAME", help=f"of {', '.join(r.name for r in rows(None))}, certificates, resting")
    args.add_argument("--placements", nargs="+", choices=PLACEMENTS, default=["one", "unpinned"])
    args.add_argument("--proxies", nargs="+", choices=PROXIES, default=PROXIES)
    args.add_argument("--out", type=Path, default=ROOT / "target/bench-tls.md")
    options = args.parse_args()
    options.programs = options.programs.resolve()
    options.clients = options.programs / "fosse-clients"
    for tool in ("nginx", "haproxy", "wrk", "h2load", "openssl", "taskset", options.clients):
        if not shutil.which(tool):
            raise SystemExit(f"bench: {tool} is missing (make bench-tls brings what it needs)")
    return options


def main():
    options = parsed()
    table, notes = Table(options.out), []
    table.say(f"{options.rounds} interleaved rounds of {options.seconds} s; medians, ratios are medians of the rounds' ratios.")
    table.say(f"Load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")
    table.add("work", "to reach", *PROXIES, "fosse/nginx", "fosse/haproxy", "")
    table.add(*["---"] * 8)
    for number, placement in enumerate(options.placements):
        with tempfile.TemporaryDirectory(prefix="fosse-bench-") as directory:
            stage = Stage(directory, options.programs, PLACEMENTS[placement])
            try:
                stage.certificate()
                for row in rows(options.clients):
                    if not options.rows or row.name in options.rows:
                        bench_row(stage, placement, row, table, notes, options)
                for name, work in () if number else (("certificates", bench_certificates), ("resting", bench_resting)):
                    if not options.rows or name in options.rows:
                        work(stage, table, notes, options)
            finally:
                stage.end()
    table.say("\nCPU of fosse by program, us/request:\n")
    for note in notes:
        table.say(note)
    table.write()


if __name__ == "__main__":
    main()
