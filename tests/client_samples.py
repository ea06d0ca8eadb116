"""Jobs as a service describes them, for tests of its client; and one way to call both clients."""

import asyncio
from collections.abc import Callable
from typing import Any

from robustify_client import AsyncClient, Client, Retries

QUICK = Retries(seconds=5.0, first_pause=0.02, longest_pause=0.1)
OWN = "client_"
LISTS = ("map", "jobs")
JOB_ID = "q7m2x9d4k1v8c3n6b5z0h2j4w8"
MODEL = {"profile": "mini", "fingerprint": "9f", "task": None, "version": None, "adaptation": None}
INPUT = {"sha256": "77", "height": 32, "width": 32, "source_sha256": "c0", "reduced_by": 1}
PREDICTED: dict[str, Any] = {  # Any: as JSON has it.
    "outcome": "predicted", "label": "cat", "index": 0, "votes": [{"label": "cat", "count": 25}], "n": 100,
    "samples_used": 25, "alpha": 0.001, "test": "sequential", "p_value": 1e-9, "sigma": 0.25, "model": MODEL,
    "input": INPUT, "seconds": 0.1,
}  # fmt: skip
CERTIFIED: dict[str, Any] = {  # Any: likewise.
    "outcome": "certified", "label": "cat", "index": 0, "radius": 0.3, "votes": [{"label": "cat", "count": 25}],
    "n": 100, "n0": 25, "samples_used": 125, "selection_samples": 25, "alpha": 0.001, "bound": "multiclass",
    "p_lower": 0.9, "selection_votes": [{"label": "cat", "count": 25}], "sigma": 0.25, "model": MODEL, "input": INPUT,
    "seconds": 0.1,
}  # fmt: skip
PREVIEWED: dict[str, Any] = {  # Any: likewise.
    "outcome": "previewed", "sigma": 0.25, "seen": {"plain": "cat", "noisy": None, "denoised": "cat"},
    "pictures": [{"name": "noisy", "width": 32, "height": 32, "href": "http://elsewhere.example/noisy"}],
    "change": None, "model": MODEL, "input": INPUT, "seconds": 0.1,
}  # fmt: skip


def job(status: str = "succeeded", kind: str = "predict", done: int = 25, **fields: object) -> dict[str, object]:
    """A job as JSON; with a result where it succeeded."""
    is_done = status not in ("queued", "running")
    result = answered(kind) if status == "succeeded" else None
    return {
        "id": JOB_ID, "kind": kind, "status": status, "done": is_done, "created_at": "2026-11-29T17:50:35.123Z",
        "started_at": None, "ended_at": None, "progress": {"done": done, "total": 100, "unit": "samples"}, "params": {},
        "result": result, "error": None, "links": {"self": f"http://elsewhere.example/jobs/{JOB_ID}"}, **fields,
    }  # fmt: skip


def answered(kind: str) -> dict[str, object]:
    """The result of a job of this kind."""
    return {"predict": PREDICTED, "certify": CERTIFIED, "preview": PREVIEWED}[kind]


# Any: the answer of whichever method is named.
Call = Callable[..., Any]


def call_client(url: str, method: str, *arguments: object, **options: Any) -> Any:
    """What a method of `Client` answers; the options of the client itself are begun with `client_`. Any: as above."""
    own, others = divided(options)
    with Client(url, **own) as client:
        found = getattr(client, method)(*arguments, **others)
        return list(found) if method in LISTS else found


def call_async_client(url: str, method: str, *arguments: object, **options: Any) -> Any:
    """Likewise of `AsyncClient`. Any: as above."""
    own, others = divided(options)

    async def call() -> Any:
        async with AsyncClient(url, **own) as client:
            found = getattr(client, method)(*arguments, **others)
            return [item async for item in found] if method in LISTS else await found

    return asyncio.run(call())


def divided(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those of the client, and those of its method. Any: as above."""
    own = {name.removeprefix(OWN): value for name, value in options.items() if name.startswith(OWN)}
    return {"retries": QUICK, **own}, {name: value for name, value in options.items() if not name.startswith(OWN)}
