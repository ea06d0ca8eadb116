"""Numbers that were measured, put into a profile's file: their lines alone change, whatever else its owner wrote."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

from adapters.durable_files import write_durably
from adapters.profiles.writing import value_text
from robustify.errors import InvalidInputError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NEIGHBOURS = ("dtype", "shard", "batch", "sigma", "side", "name")
"""Behind which of the keys a new one is put; `side` and `name` are in every profile."""

Value = int | str


def edit_file(path: Path, values: Mapping[str, Value]) -> None:
    """Sets keys of a profile's file that are in no table. Raises InvalidInputError, and then nothing is written."""
    path = path.resolve()
    content, mode = path.read_bytes(), path.stat().st_mode
    try:
        text = edited(content.decode("utf-8-sig"), values)
    except ValueError as error:
        raise InvalidInputError(f"{path.name} is left as it is: {error}", field="profile") from error
    mark = BYTE_ORDER_MARK if content.startswith(BYTE_ORDER_MARK) else b""
    write_durably(path, mark + text.encode())
    path.chmod(mode)  # Whoever could read it still can.


def edited(text: str, values: Mapping[str, Value]) -> str:
    """The text of a TOML file with other values of keys that are in no table. Raises ValueError."""
    for key, value in values.items():
        text = with_value(text, key, value)
    return text


def with_value(text: str, key: str, value: Value) -> str:
    """A line that looks like the key's may be a line of a longer text, or another table's: of all edits that might do,
    the first is taken after which TOML reads the new value and everything else as before.
    """
    before = tomllib.loads(text)
    if before.get(key) == value:
        return text
    for candidate in candidates(text, key, value):
        if parsed(candidate) == {**before, key: value}:
            return candidate
    raise ValueError(f"no line of it can be changed alone. Write {key} = {value_text(value)} above its first table")


def candidates(text: str, key: str, value: Value) -> Iterator[str]:
    # TOML's lines end with \n or \r\n; str.splitlines knows of others, which may stand in a comment.
    lines = StringIO(text, newline="\n").readlines()
    yield from with_line_changed(lines, key, value)
    ending = "\r\n" if "\r\n" in text else "\n"
    new = f"{key} = {value_text(value)}{ending}"
    yield from with_line_added(lines, new, ending)
    yield new + text


def with_line_changed(lines: Sequence[str], key: str, value: Value) -> Iterator[str]:
    """Each line of the key with another value; the comment behind it stays where it is."""
    line_of_key = re.compile(rf"{key_pattern(key)}(?P<value>[^#\r\n]*?)(?P<rest>[ \t]*(?:#.*)?\r?\n?)$")
    for number, line in enumerate(lines):
        if found := line_of_key.match(line):
            new = f"{line[: found.start('value')]}{value_text(value)}{found['rest']}"
            yield "".join([*lines[:number], new, *lines[number + 1 :]])


def with_line_added(lines: Sequence[str], new: str, ending: str) -> Iterator[str]:
    """The new line behind each line of a neighbour."""
    for neighbour in NEIGHBOURS:
        for number, line in enumerate(lines):
            if re.match(key_pattern(neighbour), line):
                missing = "" if line.endswith("\n") else ending
                yield "".join([*lines[: number + 1], missing, new, *lines[number + 1 :]])


def key_pattern(key: str) -> str:
    """The begin of a line, up to its value: a key may be quoted."""
    return rf"[ \t]*(?:{key}|\"{key}\"|'{key}')[ \t]*=[ \t]*"


def parsed(text: str) -> Mapping[str, object] | None:
    """None where it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
