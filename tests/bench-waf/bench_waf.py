#!/usr/bin/env python3
"""fosse beside nginx with libmodsecurity: the same rules, requests and backend; CPU per request of all processes of each.

    bench_waf.py --programs DIR [--crs debian|DIR] [--factor F] [--out FILE] [--no-curve]

Needs nginx, libnginx-mod-http-modsecurity, modsecurity-crs and root. Everything it starts lives in a temporary directory.
The backend is not counted. Every request of a run has values of its own.
"""

import argparse
import tempfile
from pathlib import Path

from client import Client, browser, form, json_11k, json_of, tiny
from servers import Both
from measure import cpu_us

# Name, requests, how many of libmodsecurity and of fosse (time is what it costs), and the ratio to reach.
KINDS = [
    ("tiny GET", tiny, 150, 3000, 25),
    ("browser GET, 12 headers, 5 cookies, 5 arguments", browser, 100, 2000, 30),
    ("850-byte form", form, 100, 2000, 30),
    ("11 KB JSON, 440 leaves", json_11k, 10, 200, 40),
]
CURVE = [(1, 4), (4, 15), (16, 60), (64, 238), (256, 952), (1024, 3800)]


def measured(program, make, count, first):
    """CPU per request in microseconds, all processes, and how many were not answered with 200."""
    client = Client(program.port)
    for n in range(first, first + max(1, count // 10)):
        client.ask(make(n))
    requests = [make(first + 100000 + n) for n in range(count)]
    before = cpu_us(program.pids())
    bad = sum(client.ask(request) != 200 for request in requests)
    after = cpu_us(program.pids())
    client.close()
    return sum(after[name] - before.get(name, 0) for name in after) / count, bad


def table(both, factor):
    yield "| request | nginx+libmodsecurity | fosse | ratio | aim |"
    yield "|---|---:|---:|---:|---:|"
    for name, make, slow, fast, aim in KINDS:
        theirs, bad = measured(both.nginx, make, max(3, int(slow * factor)), 1)
        ours, ours_bad = measured(both.fosse, make, max(20, int(fast * factor)), 5_000_000)
        note = "" if bad + ours_bad == 0 else f" ({bad} and {ours_bad} not answered with 200)"
        yield f"| {name}{note} | {theirs:,.0f} us | {ours:,.0f} us | {theirs / ours:.1f} x | {aim} x |"


def curve(both):
    yield "| JSON body | nginx+libmodsecurity | per KiB | fosse | per KiB | ratio |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for kib, records in CURVE:
        make = lambda n, records=records: json_of(n, records)
        size = len(make(7)) / 1024
        theirs, bad = measured(both.nginx, make, 8 if kib <= 16 else 1, 1) if kib <= 256 else (None, 0)
        ours, ours_bad = measured(both.fosse, make, 200 if kib <= 16 else 20 if kib <= 256 else 5, 5_000_000)
        note = "" if bad + ours_bad == 0 else f" ({bad} and {ours_bad} not 200)"
        if theirs is None:
            yield f"| {size:,.0f} KiB{note} | not run | | {ours:,.0f} us | {ours / size:,.0f} us | |"
        else:
            yield (f"| {size:,.0f} KiB{note} | {theirs:,.0f} us | {theirs / size:,.0f} us | {ours:,.0f} us | "
                   f"{ours / size:,.0f} us | {theirs / ours:.1f} x |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--crs", default="debian")
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--out")
    parser.add_argument("--no-curve", action="store_true")
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory(prefix="fosse-bench-waf-") as directory:
        both = Both(directory, options.programs, options.crs)
        try:
            name = "CRS of Debian's modsecurity-crs" if options.crs == "debian" else f"CRS of {Path(options.crs).name}"
            lines.append(f"CPU per request of all processes, {name}, paranoia level 1, blocking, every request with other values.\n")
            for line in table(both, options.factor):
                print(line, flush=True)
                lines.append(line)
            if not options.no_curve:
                lines.append("")
                print()
                for line in curve(both):
                    print(line, flush=True)
                    lines.append(line)
        finally:
            both.end()
    if options.out:
        Path(options.out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
