"""What is noted of a request while it is answered, for its line in the log and its place in the metrics."""

from dataclasses import dataclass

from starlette.types import Scope

from adapters.contract.jobs import JobRecord

NOTES = "notes"


@dataclass
class Notes:
    """Of one request: names and ids of ours, and nothing that a client has written but for the checked request id."""

    request_id: str = ""
    route: str | None = None
    """The path of a route with the names of its parameters; None before it is found, or where there is none."""
    owner: str | None = None
    """The id of the key; None before it is known who asks, empty for who has none."""
    job: str | None = None
    """What its owner calls the job."""
    work_job: str | None = None
    """What workers call it; several owners may wait for the same."""
    problem: str | None = None

    def note_job(self, record: JobRecord) -> None:
        """The job that the request is about."""
        self.job, self.work_job = record.id, record.job


def begin_notes(scope: Scope, request_id: str) -> Notes:
    """New ones for a request of this name."""
    notes = Notes(request_id)
    scope.setdefault("state", {})[NOTES] = notes
    return notes


def notes_of(scope: Scope) -> Notes:
    """Those of the request, whichever copy of its scope; new ones where nobody has begun any."""
    notes: Notes = scope.setdefault("state", {}).setdefault(NOTES, Notes())
    return notes
