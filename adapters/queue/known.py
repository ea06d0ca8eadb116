"""What does not change of a job, kept by who has read it: the server need not tell it again with each of its shards."""

from threading import Lock

from adapters.contract.jobs import JobRecord

MOST_KNOWN = 64
"""A worker counts shards of few jobs at a time; a request may have a thousand labels."""


class KnownJobs:
    """The jobs that were read last, under their own ids."""

    def __init__(self) -> None:
        self._records: dict[str, JobRecord] = {}
        self._lock = Lock()

    def get(self, job_id: str) -> JobRecord | None:
        """As it was when it was read: its request, owner and trace still hold."""
        with self._lock:
            return self._records.get(job_id)

    def keep(self, record: JobRecord) -> None:
        """Forgets the one that was kept first where there are too many."""
        with self._lock:
            self._records[record.id] = record
            if len(self._records) > MOST_KNOWN:
                del self._records[next(iter(self._records))]
