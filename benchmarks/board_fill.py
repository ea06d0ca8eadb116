"""Fills a queue server with jobs that wait, by the service's own command, and with outcomes, as it keeps them."""

from collections.abc import Iterator

import redis

from adapters.contract.access import Caller
from adapters.contract.records import JobKind
from adapters.queue.asking import Asked
from adapters.queue.board import JobBoard
from adapters.queue.board_script import BoardScript, library_name
from adapters.queue.keys import new_job_id
from benchmarks.board_jobs import STEP, Place, digest_of, request_for

AT_ONCE = 1000
OUTCOMES_AT_ONCE = 10_000
OWNERS = 100
"""Who ask for every other job that waits; the rest is asked for without a key, and so by one."""
FIRST_NUMBER = 10**9
"""Far from the numbers of what is measured."""

FILL_OUTCOMES = """
for number = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local image = redis.sha1hex('image' .. number) .. string.sub(redis.sha1hex('i' .. number), 1, 24)
  local question = redis.sha1hex('question' .. number) .. string.sub(redis.sha1hex('q' .. number), 1, 24)
  redis.call('SADD', 'robustify:questions::' .. image, string.sub(question, 1, 32))
  redis.call('EXPIRE', 'robustify:questions::' .. image, 2592000)
  redis.call('ZADD', 'robustify:images', ARGV[3], image)
  redis.call('ZADD', 'robustify:images-of:', ARGV[3], image)
  redis.call('SADD', 'robustify:owners-of:' .. image, '')
end
"""


class KeptArguments(BoardScript):
    """Remembers what each command was called with last."""

    def __init__(self, connection: redis.Redis) -> None:
        super().__init__(connection)
        self.of: dict[str, dict[str, object]] = {}

    def __call__(self, command: str, **arguments: object) -> object:
        self.of[command] = arguments
        return super().__call__(command, **arguments)


class ScriptedBoard(JobBoard):
    """A board whose commands go through a script of one's own."""

    def __init__(self, place: Place, connection: redis.Redis, script: BoardScript) -> None:
        super().__init__(connection, place.settings)
        self._call = script


def fill_waiting(place: Place, connection: redis.Redis, count: int) -> None:
    """So many certificates wait for a worker: one is submitted, and the others as that was, many in one message."""
    script = KeptArguments(connection)
    request = request_for(JobKind.CERTIFY, FIRST_NUMBER)
    ScriptedBoard(place, connection, script).submit(request, STEP, Asked(Caller()))
    for first in range(1, count, AT_ONCE):
        pipeline = connection.pipeline(transaction=False)
        for number in range(first, min(first + AT_ONCE, count)):
            for command, arguments in submission(script.of["submit"], request.image.sha256, number):
                pipeline.fcall(library_name(), 0, command, script.packed(arguments))
        pipeline.execute()


def submission(template: dict[str, object], image: str, number: int) -> Iterator[tuple[str, dict[str, object]]]:
    """What the service calls for another request like one: its own id, image, question and owner."""
    job, other = new_job_id(), digest_of(FIRST_NUMBER + number)
    changed = {
        "job": job,
        "owner": f"owner-{number // 2 % OWNERS}" if number % 2 else "",
        "image": other,
        "request": str(template["request"]).replace(image, other),
        "latest": digest_of(2 * FIRST_NUMBER + number),
        "outcome": digest_of(3 * FIRST_NUMBER + number),
    }
    yield "submit", {**template, **changed}
    yield "commit", {"job": job}


def fill_outcomes(connection: redis.Redis, count: int) -> None:
    """What the server has of answers of the last day: each one's question and image. The answers are in the store."""
    later = connection.time()[0] + 10**7
    for first in range(0, count, OUTCOMES_AT_ONCE):
        last = min(first + OUTCOMES_AT_ONCE, count) - 1
        connection.eval(FILL_OUTCOMES, 0, str(first), str(last), str(later))
