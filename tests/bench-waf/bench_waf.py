#!/usr/bin/env python3
"""fosse beside nginx with libmodsecurity: the same rules, requests and backend; CPU per request of all processes of each.

    bench_waf.py --programs DIR [--crs debian|DIR] [--rounds N] [--connections N] [--out FILE] [--no-curve]

Needs nginx, libnginx-mod-http-modsecurity, modsecurity-crs and root. Everything it starts lives in a temporary directory.
The backend is not counted. Every request has values of its own. The two take turns, round by round; a number is the median of
its rounds, so that what else the machine does falls on both.
"""

import argparse
import itertools
import tempfile
from pathlib import Path
from statistics import median

from client import browser, crowd, form, json_11k, json_of, tiny
from servers import Both
from measure import cpu_us

# Name, requests of a round to nginx and to fosse (time is what they cost), and the ratio to reach.
KINDS = [
    ("tiny GET", tiny, 40, 800, 25),
    ("browser GET, 12 headers, 5 cookies, 5 arguments", browser, 30, 600, 30),
    ("850-byte form", form, 30, 600, 30),
    ("11 KB JSON, 440 leaves", json_11k, 4, 80, 40),
]
# Records of a JSON body, and requests of a round to each. libmodsecurity takes a minute for a body of 1 MiB: it is not asked.
CURVE = [(1, 8, 200), (4, 8, 200), (15, 4, 60), (60, 1, 20), (238, 1, 6), (952, 0, 4), (3800, 0, 2)]
CURVE_ROUNDS = 3


class Gauge:
    """CPU per request of one program, round by round, in microseconds by process."""

    def __init__(self, program, connections):
        self.program, self.connections, self.rounds, self.bad = program, connections, [], 0

    def round(self, requests):
        before = cpu_us(self.program.pids())
        self.bad += crowd(self.program.port, requests, self.connections)
        after = cpu_us(self.program.pids())
        self.rounds.append({name: (after[name] - before.get(name, 0)) / len(requests) for name in after})

    def total(self):
        return median(sum(one.values()) for one in self.rounds)

    def split(self):
        parts = {name: median(one.get(name, 0) for one in self.rounds) for name in self.rounds[0]}
        shown = sorted(((us, name.removeprefix("fosse-")) for name, us in parts.items() if us >= 1), reverse=True)
        return ", ".join(f"{name} {us:,.0f}" for us, name in shown)


def compared(both, make, slow, fast, rounds, connections, number=itertools.count(1)):
    """Both gauges after so many rounds; the first round warms up and does not count."""
    gauges = [Gauge(both.nginx, connections), Gauge(both.fosse, connections)]
    for _ in range(rounds + 1):
        for gauge, count in zip(gauges, (slow, fast)):
            if count:
                gauge.round([make(next(number)) for _ in range(count)])
    for gauge in gauges:
        del gauge.rounds[:1]
    return gauges


def note(*gauges):
    bad = sum(gauge.bad for gauge in gauges)
    return f" ({bad} not answered with 200)" if bad else ""


def table(both, options):
    yield "| request | nginx+libmodsecurity | fosse | ratio | aim | fosse by process, us |"
    yield "|---|---:|---:|---:|---:|---|"
    for name, make, slow, fast, aim in KINDS:
        theirs, ours = compared(both, make, slow, fast, options.rounds, options.connections)
        yield (f"| {name}{note(theirs, ours)} | {theirs.total():,.0f} us | {ours.total():,.0f} us "
               f"| {theirs.total() / ours.total():.1f} x | {aim} x | {ours.split()} |")


def curve(both, options):
    yield "| JSON body | nginx+libmodsecurity | per KiB | fosse | per KiB | ratio |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for records, slow, fast in CURVE:
        make = lambda n, records=records: json_of(n, records)
        size = len(make(7)) / 1024
        theirs, ours = compared(both, make, slow, fast, CURVE_ROUNDS, min(options.connections, 4))
        first = f"| {size:,.0f} KiB{note(theirs, ours)} | "
        mine = f"{ours.total():,.0f} us | {ours.total() / size:,.0f} us |"
        if slow:
            yield (f"{first}{theirs.total():,.0f} us | {theirs.total() / size:,.0f} us | {mine} "
                   f"{theirs.total() / ours.total():.1f} x |")
        else:
            yield f"{first}not asked | | {mine} |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--crs", default="debian")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--out")
    parser.add_argument("--no-curve", action="store_true")
    options = parser.parse_args()
    lines = []

    def show(line):
        print(line, flush=True)
        lines.append(line)

    with tempfile.TemporaryDirectory(prefix="fosse-bench-waf-") as directory:
        both = Both(directory, options.programs, options.crs)
        try:
            name = "Core Rule Set of Debian" if options.crs == "debian" else f"Core Rule Set in {Path(options.crs).name}"
            show(f"CPU per request of all processes, {name}, paranoia level 1, blocking, {options.connections} connections, "
                 f"median of {options.rounds} rounds.\n")
            for line in table(both, options):
                show(line)
            if not options.no_curve:
                show("")
                for line in curve(both, options):
                    show(line)
        finally:
            both.end()
    if options.out:
        Path(options.out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
