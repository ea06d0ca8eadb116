"""Who asks: the one way for a route to know."""

from typing import Annotated

from fastapi import Depends, Request

from adapters.contract.access import Caller

CALLER = "caller"
"""The name under which the middleware leaves it in the state of a request."""


def caller_of(request: Request) -> Caller:
    """Who asks. A request that went by the middleware has no caller, and is answered with an error."""
    caller = request.scope.get("state", {}).get(CALLER)
    if not isinstance(caller, Caller):
        raise RuntimeError("a request has reached a route without being asked who it is from")
    return caller


CallerDependency = Annotated[Caller, Depends(caller_of)]
