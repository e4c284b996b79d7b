"""Requests that are judged by both engines. Made without chance, so that two runs ask the same."""

from itertools import count

import attacks
import honest


def rows():
    """(name, is it an attack, bytes)."""
    number = count(1)
    for name, data in attacks.rows(number):
        yield name, True, data
    for name, data in honest.rows(number):
        yield name, False, data


if __name__ == "__main__":
    kinds = [is_attack for _, is_attack, _ in rows()]
    print(f"{sum(kinds)} attacks, {len(kinds) - sum(kinds)} ordinary requests")
