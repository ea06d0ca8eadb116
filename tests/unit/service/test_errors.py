"""From an exception to a problem document."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from adapters.contract.fields import FieldProblem
from adapters.queue.working import WORKER_LOST
from robustify.errors import (
    InvalidInputError,
    ModelFilesError,
    QueueFullError,
    QueueUnavailableError,
    RobustifyError,
    StoredImageError,
    StoredTaskError,
    TaskConflictError,
    UnknownTaskError,
    UnreadableImageError,
    UnsupportedImageError,
)
from service.errors import (
    INVALID_INPUT,
    PROBLEM_KINDS,
    ProblemError,
    client_problem,
    install_error_handlers,
    sentence,
    store_failures,
)
from workers.problems import INPUT_LOST, INTERNAL_ERROR, MODEL_CHANGED, OUT_OF_MEMORY, STORE_FULL, refusal_of

SECRET = "/home/someone/0x7f3a55aa1100"


def answer_to(error: Exception) -> httpx.Response:
    """What a client sees when a route raises this."""
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/")
    def fail(number: int = 0) -> None:
        raise error

    return get(app, "/")


def get(app: FastAPI, path: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path)

    return asyncio.run(send())


def test_table() -> None:
    """Every kind has a type of its own, an error status, and words."""
    assert len({kind.type for kind in PROBLEM_KINDS}) == len(PROBLEM_KINDS)
    assert all(400 <= kind.status < 600 and kind.title and kind.slug == kind.slug.lower() for kind in PROBLEM_KINDS)
    assert all(kind.retry for kind in PROBLEM_KINDS if kind.status == 503)


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (InvalidInputError("too big", "n"), 422, "invalid-input"),
        (UnreadableImageError("too big"), 422, "unreadable-image"),
        (UnsupportedImageError("a film"), 415, "unsupported-image"),
        (QueueFullError(SECRET), 503, "queue-full"),
        (QueueUnavailableError(SECRET), 503, "queue-unavailable"),
        (ModelFilesError(SECRET), 503, "model-unavailable"),
        (UnknownTaskError("there is no task 'x'"), 404, "unknown-task"),
        (TaskConflictError("the name stands for another task"), 409, "task-conflict"),
        (StoredTaskError("the task is damaged"), 503, "task-lost"),
        (StoredImageError(SECRET), 500, "internal-error"),
        (RobustifyError(SECRET), 500, "internal-error"),
    ],
)
def test_expected_failures(error: RobustifyError, status: int, slug: str) -> None:
    """Each failure of the layers below has its own problem; only what is meant for a client is told to it."""
    response = answer_to(error)
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{slug}")
    assert response.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in response.headers) == (status == 503)
    assert SECRET not in response.text


@pytest.mark.parametrize(
    "error", [ValueError(SECRET), KeyError(SECRET), OSError(5, SECRET), ExceptionGroup(SECRET, [OSError(SECRET)])]
)
def test_unplanned_failures(error: Exception) -> None:
    """Whatever else happens, the client sees one fixed text."""
    response = answer_to(error)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.json()["type"] == "/problems/internal-error"
    assert SECRET not in response.text


def test_framework_validation() -> None:
    """The framework's own validation errors are problem documents that name the field."""
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/")
    def read(number: int) -> int:
        return number

    response = get(app, "/?number=abc")
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "number", "detail": "This value is not valid."}]


def test_sentence() -> None:
    """A failure's message begins with a capital letter and ends with one full stop."""
    assert sentence(TaskConflictError("job x adapts this: wait")) == "Job x adapts this: wait."
    assert sentence(TaskConflictError("It is so.")) == "It is so."


def test_disk_that_fails() -> None:
    """What a disk says of itself reaches no client."""
    with pytest.raises(ProblemError) as raised, store_failures():
        raise OSError(28, SECRET)
    response = answer_to(raised.value)
    assert (response.status_code, response.json()["type"]) == (503, "/problems/store-unavailable")
    assert SECRET not in response.text


def test_many_fields() -> None:
    """A thousand mistakes make no huge answer."""
    errors = [FieldProblem(field=f"a{number}", detail="wrong") for number in range(1000)]
    body: dict[str, Any] = answer_to(ProblemError(INVALID_INPUT, errors=errors)).json()
    assert len(body["errors"]) == 20
    assert len(body["detail"]) < 1000


def test_no_fields() -> None:
    """A problem without a field at fault has no list of fields."""
    assert "errors" not in answer_to(client_problem(QueueFullError(""))).json()


def test_every_problem_is_documented() -> None:
    """The page of the HTTP API names each type that a problem document or a failed job can have."""
    page = (Path(__file__).parents[3] / "docs" / "http-api.md").read_text(encoding="utf-8")
    refusals = [refusal_of(error) for error in (InvalidInputError(""), TaskConflictError(""), StoredTaskError(""))]
    jobs = (MODEL_CHANGED, INPUT_LOST, INTERNAL_ERROR, STORE_FULL, OUT_OF_MEMORY, WORKER_LOST, *refusals)
    types = {kind.slug for kind in PROBLEM_KINDS} | {error.type for error in jobs}

    assert {slug for slug in types if f"`{slug}`" not in page} == set()
