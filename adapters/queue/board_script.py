"""The board's commands, called from Python: a library of functions, which is the files of `script/` in their order."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import redis
from rq.defaults import RQ_KEY_PREFIX

from adapters.queue.connection import code_of, server_errors
from adapters.queue.keys import SHARD_FUNCTION

PREFIX = "robustify_"
DIGEST_LETTERS = 16
READING = "_reading"
REFUSES_CHANGES = frozenset({"OOM", "MISCONF", "READONLY", "NOREPLICAS"})
"""What a server says that takes no changes now."""
AS_JSON = json.JSONEncoder(allow_nan=False)
MOST_LIBRARIES = 4
"""Releases that may work with one queue server side by side; each one's library stays there."""


class BoardScript:
    """Runs one command of the library on the queue server; answers with str, int, None and lists of them."""

    def __init__(self, connection: redis.Redis) -> None:
        self._connection = connection
        self._names = {"rq": RQ_KEY_PREFIX, "shard_function": SHARD_FUNCTION}

    def __call__(self, command: str, **arguments: object) -> Any:  # Any: each command answers otherwise.
        packed = self.packed(arguments)
        with server_errors():
            try:
                return as_text(self._run(library_name(), command, packed))
            except redis.ResponseError as refusal:
                if code_of(refusal) not in REFUSES_CHANGES:
                    raise
                return as_text(self._read(command, packed, refusal))

    def packed(self, arguments: Mapping[str, object]) -> str:
        """The arguments of a command as it takes them."""
        return AS_JSON.encode({**self._names, **arguments})

    def _read(self, command: str, packed: str, refusal: redis.ResponseError) -> Any:  # Any: as above.
        """The answer of a command that changes nothing; raises the server's refusal for any other."""
        try:
            return self._run(library_name() + READING, command, packed)
        except redis.ResponseError:
            raise refusal from None

    def _run(self, function: str, command: str, packed: str) -> Any:  # Any: likewise.
        try:
            return self._connection.fcall(function, 0, command, packed)
        except redis.ResponseError as error:
            if "Function not found" not in str(error):
                raise
        self._load()
        return self._connection.fcall(function, 0, command, packed)

    def _load(self) -> None:
        """Gives the server this release's library, and takes those of others away where there are too many."""
        found = self._connection.function_list(f"{PREFIX}*")
        names = [fields_of(library)["library_name"] for library in found]
        for name in names if len(names) >= MOST_LIBRARIES else []:
            self._connection.function_delete(name)
        self._connection.function_load(f"#!lua name={library_name()}\n{source()}", replace=True)


def fields_of(library: Any) -> dict[str, str]:  # Any: a map or a flat list, by the protocol that is spoken.
    items = library.items() if isinstance(library, dict) else zip(library[::2], library[1::2], strict=True)
    return {as_text(key): as_text(value) for key, value in items}


@cache
def source() -> str:
    parts = sorted((Path(__file__).with_name("script")).glob("*.lua"))
    text = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    return f"local LIBRARY = '{PREFIX}{digest_of(text)}'\n{text}"


@cache
def library_name() -> str:
    """Another one for another text, so that two releases can work with one queue server."""
    return source().split("'", 2)[1]


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LETTERS]


def as_text(answer: Any) -> Any:  # Any: Redis's own tree of values.
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [as_text(item) for item in answer]
    return answer
