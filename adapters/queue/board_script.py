"""The board's script, called from Python; it is the files of `script/`, in the order of their names."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import redis
from rq.defaults import RQ_KEY_PREFIX

from adapters.queue.connection import server_errors
from adapters.queue.keys import SHARD_FUNCTION


class BoardScript:
    """Runs one command of the script on the queue server; answers with str, int, None and lists of them."""

    def __init__(self, connection: redis.Redis) -> None:
        self._script = connection.register_script(source())
        self._names = {"rq": RQ_KEY_PREFIX, "shard_function": SHARD_FUNCTION}

    def __call__(self, command: str, **arguments: object) -> Any:  # Any: each command answers otherwise.
        packed = json.dumps({**self._names, **arguments}, allow_nan=False)
        with server_errors():
            return as_text(self._script(args=[command, packed]))


@cache
def source() -> str:
    parts = sorted((Path(__file__).with_name("script")).glob("*.lua"))
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


def as_text(answer: Any) -> Any:  # Any: Redis's own tree of values.
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [as_text(item) for item in answer]
    return answer
