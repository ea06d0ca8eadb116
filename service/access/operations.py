"""Which route a request will reach, found out before it does."""

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.routing import Match

from service.access.policy import Operation
from service.errors import METHOD_NOT_ALLOWED, NOT_FOUND, ProblemError
from service.methods import allowed_methods


def operation_of(request: Request) -> Operation | ProblemError:
    """The first route that takes path and method, as the router chooses; HEAD is GET.

    The problem where there is none, so that what is not known here is not reached.
    """
    method = "GET" if request.method == "HEAD" else request.method
    scope, app = {**request.scope, "method": method}, request.app
    assert isinstance(app, FastAPI)
    is_path_known = False
    for route in iter_route_contexts(app.routes):
        match, _ = route.matches(scope)
        if match is Match.FULL:
            return method, route.path or ""
        is_path_known = is_path_known or match is Match.PARTIAL
    if is_path_known:
        return ProblemError(METHOD_NOT_ALLOWED, headers={"Allow": allowed_methods(request)})
    return ProblemError(NOT_FOUND)
