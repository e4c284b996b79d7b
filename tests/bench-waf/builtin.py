#!/usr/bin/env python3
"""What the built-in rules make of the corpus: attacks they deny by family and by place, ordinary requests they should not have denied.

    builtin.py --programs DIR [--rules WORD|FILE] [--list FILE]
"""

import argparse
import tempfile
from collections import Counter

from client import Client
from corpus import rows
from servers import Both


def asked(port):
    """(name, is it an attack, status, bytes)."""
    for name, is_attack, data in rows():
        client = Client(port)
        yield name, is_attack, client.ask(data), data
        client.close()


def table(title, seen, denied):
    print(f"\n| {title} | denied | of |\n|---|---:|---:|")
    for key in sorted(seen):
        print(f"| {key} | {denied[key]} | {seen[key]} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("--rules", default="builtin")
    parser.add_argument("--list")
    options = parser.parse_args()
    kinds = {title: (Counter(), Counter()) for title in ("ordinary", "family, plain", "place, plain", "dress")}
    listed = []
    with tempfile.TemporaryDirectory(prefix="fosse-builtin-") as directory:
        both = Both.of_fosse(directory, options.programs, options.rules)
        try:
            for name, is_attack, status, data in asked(both.fosse.port):
                words = name.split(" ")
                keys = {"ordinary": words[0].split("-")[0]}
                if is_attack:
                    keys = {"dress": words[2]}
                    if words[2] == "plain":
                        keys |= {"family, plain": words[0].split("-")[0], "place, plain": words[1]}
                for title, key in keys.items():
                    seen, denied = kinds[title]
                    seen[key] += 1
                    denied[key] += status != 200
                if is_attack != (status != 200):
                    listed.append(f"{name}\t{status}\t{data!r}")
        finally:
            both.end()
    for title, (seen, denied) in kinds.items():
        table(title, seen, denied)
    if options.list:
        with open(options.list, "w") as out:
            out.writelines(line + "\n" for line in listed)


if __name__ == "__main__":
    main()
