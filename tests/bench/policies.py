#!/usr/bin/env python3
"""What sites and routes cost: CPU a request, with each request for another one, beside nginx with as many.

    policies.py --programs DIR [--rounds N] [--seconds S]

A flat line is wanted: no more for thousands than for one. Everything it starts lives in a temporary directory.
"""

import argparse
import os
import statistics
import tempfile

import measure
from measure import Load
from proxies import PLACEMENTS, Stage

# One of the 10,000 that there may be takes all other hosts.
SITES, ROUTES = (1, 100, 9_999), (1, 10, 100, 1_000)


def route(number, kind):
    """A route of fosse, and the location of nginx that does the same."""
    if kind == "prefix":
        ours = f'[[site.route]]\nprefix = "/r{number}"\nstrip_prefix = true\n'
        theirs = f"        location ^~ /r{number}/ {{ proxy_pass http://app/; }}\n"
    else:
        ours = f"[[site.route]]\nregex = '^/r{number}/(.*)$'\nrewrite = \"/{{1}}\"\n"
        theirs = f"        location ~ ^/r{number}/ {{ rewrite ^/r{number}/(.*)$ /$1 break; proxy_pass http://app; }}\n"
    return ours, theirs


def measured(stage, options, load, count, fosse, nginx):
    os.environ["ROUTES"] = os.environ["SITES"] = str(count)
    results = {"nginx": [], "fosse": []}
    programs = [nginx, fosse]
    for program in programs:
        measure.run(program, load, stage.placement, 1)
    for _ in range(options.rounds):
        for program in programs:
            result = measure.run(program, load, stage.placement, options.seconds)
            if result.bad:
                raise SystemExit(f"policies: {program.name}: {result.bad} requests failed")
            results[program.name].append(result.cpu)
    stage.stop(programs)
    return [statistics.median(results[name]) for name in ("nginx", "fosse")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    print("| what, each request another one | nginx, us | fosse, us | fosse x one |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="policies-") as directory:
        stage = Stage(directory, os.path.realpath(options.programs), PLACEMENTS["own"])
        try:
            first = None
            for count in SITES:
                nginx, fosse = measured(stage, options, Load(script="sites.lua"), count, stage.fosse(sites=count), stage.nginx(sites=count))
                first = first or fosse
                print(f"| {count} sites | {nginx:.1f} | {fosse:.1f} | {fosse / first:.2f} |", flush=True)
            for kind in ("prefix", "regex"):
                first = None
                for count in ROUTES:
                    ours, theirs = zip(*(route(number, kind) for number in range(1, count + 1)))
                    nginx, fosse = measured(
                        stage, options, Load(script="routes.lua"), count, stage.fosse(routes="".join(ours)), stage.nginx(locations="".join(theirs)))
                    first = first or fosse
                    print(f"| {count} routes by {kind} | {nginx:.1f} | {fosse:.1f} | {fosse / first:.2f} |", flush=True)
        finally:
            stage.end()


if __name__ == "__main__":
    main()
