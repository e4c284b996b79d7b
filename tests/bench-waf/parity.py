#!/usr/bin/env python3
"""Asks fosse and nginx with libmodsecurity the same requests under the same rules, and explains every difference.

    parity.py --programs DIR [--crs debian|DIR] [--out FILE] [--list FILE]

Compared are the verdicts (denied or not) and the rules that matched. The exit status is 1 where a difference has no explanation.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from client import Client
from corpus import rows
from servers import Both

# Rules that say what others add up to, and those of the last phase, which each engine logs at a time of its own.
SUMS = {949110, 949111, *range(980000, 990000)}


class Reason:
    """A class of differences: what it is, and which rules it explains for a request."""

    def __init__(self, words, rules, applies):
        self.words, self.rules, self.applies, self.requests, self.verdicts, self.seen = words, rules, applies, 0, 0, set()


REASONS = [
    Reason("The path leads above the root. fosse responds with 400 before any rule; the others never come to see it.",
           None, lambda one: one.place == "path" and one.ours == 400),
    Reason("libmodsecurity decodes the request target before it looks for the question mark: an encoded one ends the path, and what "
           "follows is seen by no rule of paths. fosse splits first, as ModSecurity 2 and RFC 3986 have it.",
           None, lambda one: b"%3F" in one.data.split(b" ")[1]),
    Reason("Of a multipart value with several lines libmodsecurity 3.0.9 loses line breaks, and lines before the last. fosse keeps the value.",
           None, lambda one: one.place == "multipart" and b"\n" in one.data.split(b"\r\n\r\n", 2)[2].split(b"\r\n--")[0]),
    Reason("A rule file writes `[\\\\/]` in quotes. ModSecurity 2, whose files Apache reads, and fosse make one backslash of the two, and so "
           "a slash alone of the class; libmodsecurity takes a backslash too. Core Rule Set 4 writes `\\x5c` and has no such difference.",
           {930100, 930110}, lambda one: any(spelled in one.data for spelled in (b"\\", b"%5C", b"%255C", b"u005c"))),
    Reason("REQUEST_URI is as sent in ModSecurity 2 and fosse, and decoded once in libmodsecurity: a percent sign that was encoded looks "
           "like a bad encoding there, and what was encoded twice is decoded to its end. libmodsecurity also logs the first rule of a "
           "chain whose rest does not match.",
           {920220, 930110}, lambda one: b"%25" in one.data.split(b" ")[1]),
    Reason("`^` and `$` match at every line break in libmodsecurity, and only at the very beginning and end in ModSecurity 2 and fosse.",
           {920440, 932150}, lambda one: b"0a" in one.data.split(b" ")[1].lower() or b"\n" in one.data.split(b"\r\n\r\n", 1)[1]),
]


class Asked:
    """One request and what became of it."""

    def __init__(self, name, is_attack, data):
        self.name, self.is_attack, self.data = name, is_attack, data
        self.place = name.split(" ")[1] if " " in name else ""
        self.ours = self.theirs = None
        self.our_rules, self.their_rules = frozenset(), frozenset()

    def verdicts_differ(self):
        return (self.ours != 200) != (self.theirs != 200)

    def differing(self):
        """Rules that one alone has."""
        return (self.our_rules ^ self.their_rules) - SUMS

    def explained(self):
        """Gives the difference to its reason; whether there is one."""
        rest = self.differing()
        for reason in REASONS:
            mine = rest if reason.rules is None else rest & reason.rules
            if (mine or self.verdicts_differ()) and reason.applies(self):
                reason.requests += 1
                reason.verdicts += self.verdicts_differ()
                reason.seen |= mine
                rest -= mine
                if not rest:
                    return True
        return not rest and not self.verdicts_differ()


def once(port, data, own=None):
    """The status, on a connection of its own."""
    client = Client(port, own)
    status = client.ask(data)
    client.close()
    return status


def ask(both, asked):
    log = open(both.dir / "modsec.err", "rb")
    # The audit log tells requests apart by their clients: each has an address of its own.
    clients = {f"127.{2 + (at >> 16)}.{at >> 8 & 255}.{at & 255}": one for at, one in enumerate(asked, 1)}
    for address, one in clients.items():
        log.seek(0, 2)
        one.theirs = once(both.nginx.port, one.data)
        one.their_rules = frozenset(int(number) for number in re.findall(rb'\[id "(\d+)"\]', log.read()))
        one.ours = once(both.fosse.port, one.data, address)
    time.sleep(1)
    for line in (both.dir / "audit.json").read_text().splitlines():
        entry = json.loads(line)
        clients[entry["client"]].our_rules = frozenset(message["id"] for message in entry["messages"])


def summary(asked):
    yield "| requests | both deny | both pass | fosse alone denies | libmodsecurity alone denies |"
    yield "|---|---:|---:|---:|---:|"
    counts = Counter((one.is_attack, one.ours != 200, one.theirs != 200) for one in asked)
    for kind, is_attack in (("attacks", True), ("ordinary", False)):
        yield (f"| {kind} | {counts[is_attack, True, True]:,} | {counts[is_attack, False, False]:,} | {counts[is_attack, True, False]} "
               f"| {counts[is_attack, False, True]} |")


def reasons():
    yield "| reason | requests | of these other verdicts | rules |"
    yield "|---|---:|---:|---|"
    for reason in REASONS:
        yield f"| {reason.words} | {reason.requests} | {reason.verdicts} | {', '.join(map(str, sorted(reason.seen)))} |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--crs", default="debian")
    parser.add_argument("--out")
    parser.add_argument("--list")
    options = parser.parse_args()
    asked = [Asked(*row) for row in rows()]
    with tempfile.TemporaryDirectory(prefix="fosse-parity-") as directory:
        both = Both(directory, options.programs, options.crs, audit=True)
        try:
            ask(both, asked)
        finally:
            both.end()
    different = [one for one in asked if one.verdicts_differ() or one.differing()]
    open_ones = [one for one in different if not one.explained()]
    lines = [*summary(asked), "", f"Of {len(asked):,} requests {len(different)} differ in the verdict or in a rule that matched:", "",
             *reasons(), "", f"{len(open_ones)} differences have no explanation."]
    print("\n".join(lines))
    if options.list:
        with open(options.list, "w") as out:
            for one in asked:
                ours, theirs = sorted(one.our_rules), sorted(one.their_rules)
                print(f"{one.name}\t{one.ours}\t{one.theirs}\t{ours}\t{theirs}\t{one.data!r}", file=out)
    if options.out:
        Path(options.out).write_text("\n".join(lines) + "\n")
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
