"""Both clients are one: whatever one can, the other can, with the same words."""

import inspect
import re

import pytest

from robustify_client import AsyncBatch, AsyncClient, AsyncJob, Batch, Client, Job
from robustify_client.async_connection import AsyncConnection
from robustify_client.connection import Connection

TWINS = [(Client, AsyncClient), (Job, AsyncJob), (Batch, AsyncBatch), (Connection, AsyncConnection)]


def public_methods(found: type) -> dict[str, object]:
    return {name: value for name, value in inspect.getmembers(found) if not name.startswith("_")}


def written(method: object) -> str:
    """The signature, without what says which of the two it is."""
    text = str(inspect.signature(method)) if callable(method) else "a property"
    return re.sub(r"Async(?=[A-Z])", "", text)


@pytest.mark.parametrize(("one", "other"), TWINS, ids=lambda found: found.__name__)
def test_methods(one: type, other: type) -> None:
    """They have the same methods with the same parameters, and say the same of them."""
    ours, theirs = public_methods(one), public_methods(other)
    assert [*ours] == [*theirs]
    for name in ours:
        assert written(ours[name]) == written(theirs[name]), name
        assert inspect.getdoc(ours[name]) == inspect.getdoc(theirs[name]), name
