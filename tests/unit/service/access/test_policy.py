"""The list of public routes and the table of scopes, against the routes that there are."""

import os
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from adapters.contract.access import Scope
from adapters.settings import Settings
from service.access.policy import PUBLIC, SCOPES, Operation, scopes_of
from tests.serving import app_without_queue

PUBLIC_FOR_EVER = {
    ("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/certificates/verify"), ("GET", "/certificates/key"),
    ("GET", "/docs"), ("GET", "/docs/{name}"), ("GET", "/openapi.json"),
    ("GET", "/"), ("GET", "/page/{path:path}"), ("GET", "/examples"),
}  # fmt: skip


@cache
def app() -> FastAPI:
    return app_without_queue(Settings(state_dir=Path(os.devnull)))


def operations() -> set[Operation]:
    routes = iter_route_contexts(app().routes)
    return {(method, route.path or "") for route in routes for method in (route.methods or set()) - {"HEAD"}}


def test_lists_when_routes_go() -> None:
    """They name no route that is not there, and none twice."""
    assert {*PUBLIC, *SCOPES} - operations() == set()
    assert PUBLIC & set(SCOPES) == set()


def test_public_routes_when_one_is_added() -> None:
    """Whoever opens a route to everybody has to say so here too."""
    assert PUBLIC == PUBLIC_FOR_EVER


def test_route_when_nobody_thought_of_it() -> None:
    """It is the operator's."""
    assert scopes_of(("GET", "/new")) == {Scope.ADMIN}
    assert scopes_of(("PUT", "/predict")) == {Scope.ADMIN}
