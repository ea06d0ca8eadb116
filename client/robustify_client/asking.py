"""The requests that there are: from what a caller gives to what is sent.

What a value may be is the service's to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from robustify_client.errors import UsageError
from robustify_client.images import ImageFile, ImageLike, image_file
from robustify_client.message import FilePart, Request, form_of, json_request, path_of, query_of, waiting

Fields = Mapping[str, object]
JOBS, TASKS, BATCHES = "jobs", "tasks", "batches"
ACCEPTS = {"Accept": "application/json"}
FIRST_WAIT = 10.0
"""Seconds that a submission waits for its job: most predictions need no second request."""
LONGEST_WAIT = 20.0
"""Seconds that one request waits for a job. The service allows 60, but proxies before it may not."""
MOST_BATCH_BYTES = 256 << 20
"""Of all images of a batch, which are sent at once: four times what a service takes unless its operator says so."""


def vote_request(kind: str, image: ImageLike, fields: Fields, wait: float) -> Request:
    """A prediction, a certificate or a preview of one image; what it is called on this machine is not told."""
    file = FilePart("image", "image", image_file(image).data)
    return submission(Request("POST", path_of(kind), body=form_of(fields, [file])), wait)


def adapt_request(fields: Fields, wait: float) -> Request:
    return submission(json_request("POST", "/adapt", fields), wait)


def batch_request(kind: str, images: Iterable[ImageLike], fields: Fields) -> Request:
    """The same of many images; they are called as their files are."""
    files = [FilePart("images", file.name, file.data) for file in bounded(images)]
    if not files:
        raise UsageError("a batch needs an image: this one has none", field="images")
    return submission(Request("POST", "/batches", body=form_of({"kind": kind, **fields}, files)), None)


def bounded(images: Iterable[ImageLike]) -> list[ImageFile]:
    """The files, no more of them than a batch may have together."""
    files, total = list[ImageFile](), 0
    for image in images:
        files.append(file := image_file(image))
        total += len(file.data)
        if total > MOST_BATCH_BYTES:
            raise UsageError("a batch is sent at once, and this one is too large: use map()", field="images")
    return files


def submission(request: Request, wait: float | None) -> Request:
    """The request under a key of its own: however often it is sent, it is one job."""
    headers = {**request.headers, **ACCEPTS, "Idempotency-Key": str(uuid4())}
    if wait is None:
        return replace(request, headers=headers)
    return replace(request, headers={**headers, **waiting(wait)}, waits=wait)


def first_wait(wait: bool, timeout: float | None) -> float:
    """Seconds that a submission waits for its job."""
    return 0.0 if not wait else FIRST_WAIT if timeout is None else min(FIRST_WAIT, timeout)


def page(path: str) -> Request:
    """Any page of the service itself."""
    if not path.startswith("/"):
        raise UsageError("a path of the service begins with /", field="path")
    return Request("GET", path, headers=ACCEPTS)


def get(*parts: str, **query: object) -> Request:
    return Request("GET", path_of(*parts), query_of(**query), ACCEPTS)


def get_job(job_id: str, wait: float = 0.0) -> Request:
    return replace(get(JOBS, job_id), headers={**ACCEPTS, **waiting(wait)}, waits=wait)


def get_events(job_id: str, last_event_id: str | None) -> Request:
    """The events of a job from where they were lost."""
    seen = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    return Request("GET", path_of(JOBS, job_id, "events"), headers={"Accept": "text/event-stream", **seen})


def delete(*parts: str) -> Request:
    return Request("DELETE", path_of(*parts), headers=ACCEPTS)


def put_version(task: str, version: int) -> Request:
    return json_request("PUT", path_of(TASKS, task, "current"), {"version": version}, **ACCEPTS)


def plan_request(fields: Fields) -> Request:
    return json_request("POST", "/plan", fields, **ACCEPTS)


def labelled(labels: Sequence[str] | None, fields: Fields) -> dict[str, object]:
    """All fields of a request, in which labels and a task do not both name the classes."""
    if labels is not None and fields.get("task") is not None:
        raise UsageError("labels and a task both name the classes: give one of them", field="labels")
    return {"labels": labels, **fields}
