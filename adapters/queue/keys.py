"""The names on the queue server that Python needs; all others are in the board's script."""

import secrets
import string

from adapters.contract.records import JobKind

KINDS = (JobKind.PREDICT, JobKind.PREVIEW, JobKind.ADAPT, JobKind.CERTIFY)
"""A worker empties the queue of the first before it looks into the next; an adaptation lets others in between."""
ENGINE_LETTERS = 16
SHARD_FUNCTION = "workers.jobs.run_shard"
"""What an RQ job must name to be run; workers compare it and never import it."""

JOB_ID_LENGTH = 26
JOB_ID_LETTERS = string.digits + string.ascii_lowercase


def new_job_id() -> str:
    """An id that nobody can guess: 26 letters and digits, 134 bits."""
    number, letters = secrets.randbelow(len(JOB_ID_LETTERS) ** JOB_ID_LENGTH), []
    for _ in range(JOB_ID_LENGTH):
        number, letter = divmod(number, len(JOB_ID_LETTERS))
        letters.append(JOB_ID_LETTERS[letter])
    return "".join(letters)


def queue_name(kind: JobKind, engine: str) -> str:
    """The queue of a kind of job for the workers of one engine."""
    return f"{kind}:{engine[:ENGINE_LETTERS]}"


def queue_names(engine: str) -> list[str]:
    """The queues of an engine, in the order in which a worker empties them."""
    return [queue_name(kind, engine) for kind in KINDS]


def wake_key(queue: str) -> str:
    """The list that workers block on while a queue has no work."""
    return f"robustify:wake:{queue}"
