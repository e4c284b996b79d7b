#!/usr/bin/env python3
"""fosse beside nginx and HAProxy: the same backend, the same client, in turns; ratios of medians go into a table.

    bench.py [--programs DIR] [--rounds N] [--seconds S] [--rows NAME...] [--quick] [--out FILE]

Needs nginx, haproxy, wrk and strace, two cores and root. Everything it starts lives in a temporary directory.
"""

import argparse
import os
import shutil
import statistics
import tempfile
from pathlib import Path

import measure
from measure import Hogs, Load, Paced
from proxies import PLACEMENTS, Stage

ROOT = Path(__file__).resolve().parents[2]


class Row:
    """One line of work: what is asked for, of which programs, and the ratios to reach against nginx in each placement."""

    def __init__(self, name, title, load, cpu=None, rate=None, latency=None, calls=None, edge=None, seconds_min=0, only=None):
        self.name, self.title, self.load, self.edge, self.seconds_min = name, title, load, edge or {}, seconds_min
        self.cpu, self.rate, self.latency, self.calls, self.only = cpu or {}, rate or {}, latency, calls, only


ROWS = [
    Row("keepalive", "1 KiB keep-alive, 64 connections", Load(), calls=6,
        cpu={"own": 0.80, "one": 0.80, "unpinned": 0.95}, rate={"unpinned": 1.0}),
    Row("browser", "browser-like GET, 12 headers, 5 arguments", Load(script="browser.lua"),
        cpu={"own": 0.80, "one": 0.80, "unpinned": 0.95}, rate={"unpinned": 1.0}),
    Row("close", "Connection: close", Load(script="close.lua"), cpu={"own": 0.85, "one": 0.85, "unpinned": 0.95}),
    Row("64k", "64 KiB bodies", Load("/64k"), cpu={"own": 1.0, "one": 1.0, "unpinned": 1.05}),
    Row("1m", "1 MiB bodies", Load("/1m", connections=16), cpu={"own": 0.8, "one": 0.8, "unpinned": 0.85}),
    Row("one", "one connection", Load(connections=1), latency=1.6, only="own"),
    Row("1000-connections", "1,000 connections", Load(connections=1000), only="own"),
    Row("10000-connections", "10,000 connections", Load(connections=10000), seconds_min=8, only="own"),
    Row("1000-sites", "1,000 sites, each request another one", Load(script="sites.lua"), edge={"sites": 1000}, only="own"),
    Row("cache-1k", "1 KiB kept", Load(), cpu={"own": 1.0, "one": 1.0}, edge={"feature": "cache"}),
    Row("cache-64k", "64 KiB kept", Load("/64k"), cpu={"own": 1.0, "one": 1.0}, edge={"feature": "cache"}),
]

# A site with all that a site may do beside passing requests on, whose neighbour does nothing of it.
EVERYTHING = """
[[site]]
hosts = ["everything.example"]
backend = "retried"
waf = "off"
cache = true
compress = ["br", "gzip", "zstd"]
mirror = { backend = "copies", percent = 50 }
response_bytes_per_second = "10 MiB"
source_bytes_per_second = "20 MiB"
intercept_errors = ["500-599"]
send_files = "files"
send_files_prefix = "/files"
route = [{ prefix = "/static", backend = "files", mirror = false }]
[site.cors]
origins = ["https://other.example"]
[[site]]
hosts = ["members.example"]
backend = "retried"
waf = "off"
[site.forward_auth]
backend = "retried"
path = "/auth"
[site.basic_auth]
users = ["u:$2b$04$abcdefghijklmnopqrstuuYg3EFd5ZUUzUQr9x2F/Rd6W5Sl0bnNu"]
[[backend]]
name = "retried"
servers = ["unix:@dir@/app.sock", "unix:@dir@/other.sock"]
[backend.retry]
status = [502, 503]
[[backend]]
name = "copies"
servers = ["unix:@dir@/other.sock"]
[[backend]]
name = "files"
files = "@dir@/www"
"""

# Beside one hog a core: requests a second, and the ratio to reach for p50 and p99.
PACED_RATES, PACED_TARGET = (100, 1000), 1.2


def rounds(row, programs, placement, options):
    """Interleaved: every program once in each round."""
    results = {program.name: [] for program in programs}
    seconds = max(options.seconds, row.seconds_min)
    for program in programs:
        measure.run(program, row.load, placement, max(1, seconds // 3))
    for _ in range(options.rounds):
        for program in programs:
            results[program.name].append(measure.run(program, row.load, placement, seconds))
    return results


def ratio(results, of, what):
    """The median of the rounds' ratios of fosse to another program."""
    return statistics.median(what(a) / max(what(b), 1e-9) for a, b in zip(results["fosse"], results[of]))


def median(results, name, what):
    return statistics.median(what(r) for r in results[name]) if name in results else float("nan")


def verdict(value, limit, at_least=False):
    if limit is None:
        return ""
    return "reached" if (value >= limit if at_least else value <= limit) else "MISSED"


class Table:
    def __init__(self, out):
        self.out, self.lines = out, []

    def add(self, *cells):
        self.lines.append("| " + " | ".join(str(c) for c in cells) + " |")
        print(self.lines[-1], flush=True)

    def say(self, text=""):
        self.lines.append(text)
        print(text, flush=True)

    def write(self):
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text("\n".join(self.lines) + "\n")


def start_all(stage, row):
    edge = row.edge
    return [stage.nginx(**edge), stage.haproxy(**edge), stage.fosse(**edge)]


def bench_row(stage, placement, row, table, notes, options):
    programs = start_all(stage, row)
    results = rounds(row, programs, stage.placement, options)
    metrics = []
    if row.latency is None:
        metrics.append(("CPU us/request", lambda r: r.cpu, row.cpu.get(placement), False))
        metrics.append(("requests/s", lambda r: r.rate, row.rate.get(placement), True))
    metrics.append(("p50 us", lambda r: r.p50_us, row.latency, False))
    if row.latency is not None:
        metrics.append(("CPU us/request", lambda r: r.cpu, row.cpu.get(placement), False))
    for unit, what, limit, at_least in metrics:
        by = ratio(results, "nginx", what)
        want = "" if limit is None else f"{'>=' if at_least else '<='} {limit} x"
        table.add(f"{row.title}, {placement}: {unit}", want, *(f"{median(results, n, what):.1f}" for n in ("nginx", "haproxy", "fosse")),
                  f"{by:.2f}", f"{ratio(results, 'haproxy', what):.2f}", verdict(by, limit, at_least))
    split = {name: statistics.median(r.split.get(name, 0) for r in results["fosse"]) for name in results["fosse"][0].split}
    notes.append(f"- {row.name}, {placement}: " + ", ".join(f"{n.removeprefix('fosse-')} {us:.2f}" for n, us in split.items() if us >= 0.05))
    if row.name == "close":
        notes.append(f"  - share of the fd pass (fosse-accept): {100 * split.get('fosse-accept', 0) / max(sum(split.values()), 1e-9):.0f} %")
    for name, some in results.items():
        if bad := sum(r.bad for r in some):
            notes.append(f"- {row.name}: {name} had {bad} errors or answers that were not 2xx")
    if placement == "own" and (row.calls or row.name == "close"):
        calls = {p.name: measure.system_calls(p, row.load, stage.placement, 2, stage.dir) for p in programs}
        value = calls["fosse"][0]
        table.add(f"{row.title}: system calls/request", f"<= {row.calls}" if row.calls else "",
                  *(f"{calls[n][0]:.2f}" for n in ("nginx", "haproxy", "fosse")),
                  f"{value / calls['nginx'][0]:.2f}", f"{value / calls['haproxy'][0]:.2f}", verdict(value, row.calls))
        for name, (_, most) in calls.items():
            notes.append(f"- {row.name}: calls of {name}: " + ", ".join(f"{c} {n:.2f}" for c, n in most.items()))
    stage.stop(programs)


def bench_memory(stage, table, notes, options):
    """PSS of an idle edge, and what idle connections add."""
    programs = [stage.nginx(), stage.haproxy(), stage.fosse()]
    fresh = {p.name: measure.pss_kib(p.pids()) for p in programs}
    # Idle means: it has worked and nobody is connected.
    for program in programs:
        measure.run(program, Load(), stage.placement, 1)
    notes.append("- memory: PSS before the first connection, KiB: " + ", ".join(f"{n} {kib}" for n, kib in fresh.items()))
    idle = {p.name: measure.pss_kib(p.pids()) for p in programs}
    reached = verdict(idle["fosse"], 8192)
    table.add("idle edge, one lane: PSS KiB", "<= 8192", *(idle[n] for n in ("nginx", "haproxy", "fosse")),
              f"{idle['fosse'] / idle['nginx']:.2f}", f"{idle['fosse'] / idle['haproxy']:.2f}", reached)
    for count in (1000,) if options.quick else (1000, 9000):
        cost = {}
        for program in programs:
            # The first connections bring buffers that stay: they belong to the process, not to a connection.
            warm = measure.Idle(program.port, 200)
            before = measure.pss_kib(program.pids())
            more = measure.Idle(program.port, count)
            cost[program.name] = (measure.pss_kib(program.pids()) - before) * 1024 / count
            more.close()
            warm.close()
        table.add(f"{count} idle keep-alive connections: bytes each, user space", "<= 2048",
                  *(f"{cost[n]:.0f}" for n in ("nginx", "haproxy", "fosse")),
                  f"{cost['fosse'] / max(cost['nginx'], 1):.2f}", f"{cost['fosse'] / max(cost['haproxy'], 1):.2f}", verdict(cost["fosse"], 2048))
    stage.stop(programs)


def bench_deny(stage, table, notes, options):
    """One and a million denied networks: connections are opened and closed, so that each is judged."""
    few, many = stage.fosse(deny=1), stage.fosse(deny=1_000_000)
    few.name, many.name = "nginx", "fosse"  # the ratio is to the short list
    row = Row("deny", "", Load(script="close.lua"))
    results = rounds(row, [few, many], stage.placement, options)
    accept = lambda r: r.split.get("fosse-accept", 0)
    for title, what in (("CPU us/connection", lambda r: r.cpu), ("of these accept", accept)):
        table.add(f"1,000,000 deny entries against 1: {title}", "", f"({median(results, 'nginx', what):.1f} with 1)", "",
                  f"{median(results, 'fosse', what):.1f}", f"{ratio(results, 'nginx', what):.2f}", "", "")
    few.name = many.name = "fosse"
    stage.stop([few, many])


def bench_encode(stage, table, notes, options):
    """CPU for each MiB of text that is encoded, with the level of nginx that makes it as short as ours."""
    programs = [stage.nginx(feature="encode", level=level) for level in range(1, 10)]
    haproxy, ours = stage.haproxy(feature="encode"), stage.fosse(feature="encode")
    more = [stage.fosse(feature="encode", coding=coding) for coding in ("br 4", "zstd 3")]
    length = {program: measure.encoded_bytes(program, "/1m.txt", "gzip") for program in [*programs, haproxy, ours]}
    level, nginx = min(enumerate(programs, 1), key=lambda one: abs(length[one[1]] - length[ours]))
    load = Load("/1m.txt", connections=8, script="coding.lua")
    os.environ["CODING"] = "gzip"
    results = rounds(Row("encode", "", load), [nginx, haproxy, ours], stage.placement, options)
    by = ratio(results, "nginx", lambda r: r.cpu)
    table.add(f"gzip 5, nginx's {level}: CPU us/MiB of text", "<= 1.0 x", *(f"{median(results, n, lambda r: r.cpu):.0f}" for n in ("nginx", "haproxy", "fosse")),
              f"{by:.2f}", f"{ratio(results, 'haproxy', lambda r: r.cpu):.2f}", verdict(by, 1.0))
    table.add("that MiB in gzip: bytes", "", *(length[p] for p in (nginx, haproxy, ours)), f"{length[ours] / length[nginx]:.2f}", f"{length[ours] / length[haproxy]:.2f}", "")
    for coding, program in zip(("br", "zstd"), more):
        os.environ["CODING"] = coding
        found = rounds(Row("encode", "", load), [program], stage.placement, options)
        table.add(f"{coding}: CPU us/MiB of text", "", "", "", f"{median(found, 'fosse', lambda r: r.cpu):.0f}", "", "", "")
        table.add(f"that MiB in {coding}: bytes", "", "", "", measure.encoded_bytes(program, "/1m.txt", coding), "", "", "")
    stage.stop([*programs, haproxy, ours, *more])


def bench_unused(stage, table, notes, options):
    """What a plain site pays for what another site of its edge does: instructions in user space, or CPU time where nothing counts them."""
    alone, beside = stage.fosse(), stage.fosse(beside=EVERYTHING)
    count = lambda program: measure.instructions(program, Load(), stage.placement, options.seconds, stage.dir)
    what, unit = (count, "instructions") if shutil.which("perf") and count(alone) else (None, "CPU us, since this machine counts no instructions")
    if what is None:
        what = lambda program: measure.run(program, Load(), stage.placement, options.seconds).cpu
    pairs = [(what(alone), what(beside)) for _ in range(options.rounds)]
    before, after = (statistics.median(values) for values in zip(*pairs))
    by = statistics.median(b / a for a, b in pairs)
    table.add(f"a plain site beside one that does everything: {unit}", "<= 1.01 x", f"({before:.2f} alone)", "", f"{after:.2f}", f"{by:.3f}", "", verdict(by, 1.01) if what is count else "not judged: a clock does not show a hundredth")
    stage.stop([alone, beside])


def bench_forward_auth(stage, table, notes, options):
    """Each request is asked about: beside nginx's auth_request, of the same server."""
    asked = "        location = /auth { internal; proxy_pass http://app; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }\n"
    nginx = stage.nginx(locations=asked, feature="forward_auth")
    fosse = stage.fosse(routes='[site.forward_auth]\nbackend = "app"\npath = "/auth"\n')
    results = rounds(Row("forward-auth", "", Load()), [nginx, fosse], stage.placement, options)
    for title, cell, limit, at_least in (("CPU us/request", lambda r: r.cpu, 1.0, False), ("requests/s", lambda r: r.rate, None, True)):
        by = ratio(results, "nginx", cell)
        table.add(f"1 KiB, each asked about: {title}", "<= 1.0 x" if limit else "", f"{median(results, 'nginx', cell):.1f}", "",
                  f"{median(results, 'fosse', cell):.1f}", f"{by:.2f}", "", verdict(by, limit, at_least))
    for name, some in results.items():
        if bad := sum(r.bad for r in some):
            notes.append(f"- forward-auth: {name} had {bad} errors or answers that were not 2xx")
    stage.stop([nginx, fosse])


def bench_hogs(stage, table, notes, options):
    """What waits beside a hog on each core."""
    programs = start_all(stage, Row("hogs", "", None))
    with Hogs():
        for rate in PACED_RATES:
            paced = Paced(rate)
            found = {p.name: [] for p in programs}
            for turn in range(options.rounds + 1):
                for program in programs:
                    times = paced.latencies_us(program, options.seconds, stage.dir)
                    if turn:
                        found[program.name].append(times)
            for title, of in (("p50", 0.50), ("p99", 0.99)):
                at = lambda times: times[min(int(len(times) * of), len(times) - 1)]
                value = {name: statistics.median(map(at, rounds)) for name, rounds in found.items()}
                by = value["fosse"] / value["nginx"]
                table.add(f"{rate} requests/s beside a hog a core: {title} us", f"<= {PACED_TARGET} x",
                          *(f"{value[n]:.0f}" for n in ("nginx", "haproxy", "fosse")),
                          f"{by:.2f}", f"{value['fosse'] / value['haproxy']:.2f}", verdict(by, PACED_TARGET))
    stage.stop(programs)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--programs", default=os.environ.get("FOSSE_PROGRAMS", ROOT / f"target/{os.uname().machine}-unknown-linux-gnu/release"))
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=int, default=4)
    args.add_argument("--rows", nargs="+", metavar="NAME", help=f"of {', '.join(r.name for r in ROWS)}, memory, deny, encode, unused, forward-auth, hogs")
    args.add_argument("--placements", nargs="+", metavar="NAME", default=list(PLACEMENTS), help=f"of {', '.join(PLACEMENTS)}")
    args.add_argument("--quick", action="store_true", help="two rounds of two seconds")
    args.add_argument("--out", type=Path, default=ROOT / "target/bench.md")
    options = args.parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 2
    for tool in ("nginx", "haproxy", "wrk", "strace", "taskset", "h2load"):
        if not shutil.which(tool):
            raise SystemExit(f"bench: {tool} is missing (apt-get install nginx-light haproxy wrk strace util-linux nghttp2-client)")
    table, notes = Table(options.out), []
    table.say(f"{options.rounds} interleaved rounds of {options.seconds} s; medians, ratios are medians of the rounds' ratios.")
    table.say(f"Load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")
    table.add("work", "to reach", "nginx", "haproxy", "fosse", "fosse/nginx", "fosse/haproxy", "")
    table.add(*["---"] * 8)
    extras = {"own": (("memory", bench_memory), ("deny", bench_deny), ("encode", bench_encode), ("unused", bench_unused), ("forward-auth", bench_forward_auth)), "unpinned": (("hogs", bench_hogs),)}
    for placement in options.placements:
        with tempfile.TemporaryDirectory(prefix="fosse-bench-") as directory:
            stage = Stage(directory, Path(options.programs).resolve(), PLACEMENTS[placement])
            try:
                for row in ROWS:
                    if (not options.rows or row.name in options.rows) and row.only in (None, placement):
                        bench_row(stage, placement, row, table, notes, options)
                for name, work in extras.get(placement, ()):
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
