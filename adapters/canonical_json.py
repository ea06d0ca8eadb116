"""The one way in which a JSON document is written, so that equal documents are equal bytes (RFC 8785)."""

import hashlib
import json
from typing import Any, NoReturn, cast

import rfc8785

ENDLESS = "the document is nested too deep, or has a number that JSON has no place for"


def canonical_bytes(document: object) -> bytes:
    """UTF-8 with sorted names and no spaces; the same for 1 and 1.0.

    ValueError for what JSON of double precision cannot say: NaN, infinities, integers beyond 2^53, broken Unicode.
    """
    try:
        return rfc8785.dumps(cast(Any, document))  # Any: it refuses what it cannot write.
    except (RecursionError, OverflowError):
        raise ValueError(ENDLESS) from None


def canonical_digest(document: object) -> str:
    """sha256 of these bytes, in hexadecimal."""
    return hashlib.sha256(canonical_bytes(document)).hexdigest()


def json_digest(document: object) -> str:
    """sha256 of the JSON as Python writes it, names sorted: what was named before there was canonical JSON keeps its
    name. A new digest takes `canonical_digest`."""
    return text_digest(json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False))


def text_digest(text: str) -> str:
    """sha256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse_strictly(data: bytes) -> object:
    """The document of a file, in which no number and no name can be changed without changing what it says.

    ValueError for anything that is not JSON in UTF-8, for a name that comes twice, and for numbers that are not
    written in their shortest form: in longer ones digits can be changed that no reader sees.
    """
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_distinct_names,
            parse_int=_shortest_int,
            parse_float=_shortest_float,
            parse_constant=_no_number,
        )
    except RecursionError:
        raise ValueError(ENDLESS) from None


def _distinct_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name comes twice in one object")
    return values


def _shortest_int(text: str) -> int:
    number = int(text)
    if str(number) != text:
        raise ValueError(f"the number {text} is not written in its shortest form")
    return number


def _shortest_float(text: str) -> float:
    """As Python writes it, or as JavaScript and RFC 8785 do."""
    number = float(text)
    if text not in (repr(number), rfc8785.dumps(number).decode()):
        raise ValueError(f"the number {text} is not written in its shortest form")
    return number


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
