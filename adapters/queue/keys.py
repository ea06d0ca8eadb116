"""The names on the queue server that Python needs; all others are in board.lua."""

import secrets
import string

from adapters.queue.messages import JobKind, Shard

QUEUES = (JobKind.PREDICT.value, JobKind.CERTIFY.value)
"""A worker empties the first before it looks into the second."""
SHARD_FUNCTION = "workers.jobs.run_shard"
"""What an RQ job must name to be run; workers compare it and never import it."""

JOB_ID_LENGTH = 26
JOB_ID_LETTERS = string.digits + string.ascii_lowercase


def new_job_id() -> str:
    """An id that nobody can guess: 26 letters and digits, 134 bits."""
    return "".join(secrets.choice(JOB_ID_LETTERS) for _ in range(JOB_ID_LENGTH))


def shard_name(job_id: str, shard: Shard) -> str:
    """The id of the RQ job that carries a shard."""
    return f"{job_id}-{shard.phase}-{shard.first}"
