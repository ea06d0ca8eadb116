"""Where a key stands in a TOML file: its reader keeps no positions, and people look for a line."""

import re
from collections.abc import Sequence

TABLE = re.compile(r"\s*\[\s*([\w.-]+)\s*\]")
KEY = re.compile(r"\s*([\w-]+)\s*=")


def line_of(text: str, place: Sequence[str]) -> int:
    """The line (from 1) of a key that is named by its tables, or of the innermost of these that is there; 1 where none
    is.
    """
    lines = list(places(text))
    for depth in range(len(place), 0, -1):
        for number, found in lines:
            if found == tuple(place[:depth]):
                return number
    return 1


def places(text: str) -> Sequence[tuple[int, tuple[str, ...]]]:
    """Each line that begins a table or has a key, with its number and the names down to it."""
    table: tuple[str, ...] = ()
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := TABLE.match(line):
            table = tuple(header[1].split("."))
            found.append((number, table))
        elif key := KEY.match(line):
            found.append((number, (*table, key[1])))
    return found
