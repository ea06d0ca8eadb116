"""What every request passes before any route: is it meant for us, from which page, from whom, and how often."""

from collections.abc import Mapping

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.contract.access import Caller
from service.access.authentication import Authentication, check_allowed, missing_key
from service.access.caller import CALLER
from service.access.headers import with_headers
from service.access.hosts import AllowedHosts
from service.access.keyless import NOBODY, OPERATOR
from service.access.operations import operation_of
from service.access.origins import AllowedOrigins
from service.access.policy import FILES, PROBES, PUBLIC
from service.access.rates import Rates
from service.errors import ProblemError, problem_response
from service.notes import notes_of

UNAUTHORIZED = 401


class SiteCheck:
    """Lets in what names one of our hosts and comes from a page that may do what it asks for."""

    def __init__(self, app: ASGIApp, hosts: AllowedHosts, origins: AllowedOrigins) -> None:
        self.app = app
        self.hosts = hosts
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            try:
                host = self.hosts.check(request.headers.getlist("host"))
                self.origins.check(request.method, request.headers, scope["scheme"], host)
            except ProblemError as problem:
                await problem_response(problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class CallerCheck:
    """Finds out who asks, counts the request, and lets it in where its route is open to the caller."""

    def __init__(self, app: ASGIApp, authentication: Authentication, rates: Rates) -> None:
        self.app = app
        self.authentication = authentication
        self.rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            # There is no WebSocket here, and none that nobody asks who it is.
            await send({"type": "websocket.close"})
            return
        headers: dict[str, str] = {}
        sending = with_headers(send, headers)
        try:
            caller = await self._let_in(Request(scope), headers)
        except ProblemError as problem:
            await problem_response(problem)(scope, receive, sending)
            return
        scope.setdefault("state", {})[CALLER] = caller
        await self.app(scope, receive, sending)

    async def _let_in(self, request: Request, headers: dict[str, str]) -> Caller:
        """Who asks; `headers` get what the answer has to say of rates. Raises the problem."""
        try:
            return await self._admitted(request, headers)
        except ProblemError as problem:
            if problem.kind.status == UNAUTHORIZED:
                await self.rates.of_failure(address_of(request))
            raise

    async def _admitted(self, request: Request, headers: dict[str, str]) -> Caller:
        """What does not exist is told to those alone who may ask for something."""
        operation, notes = operation_of(request), notes_of(request.scope)
        if not isinstance(operation, ProblemError):
            notes.route = operation[1]
        if operation in PROBES:
            return NOBODY
        is_open = operation in PUBLIC
        caller = self.authentication.caller(request, is_open)
        notes.owner = caller.owner
        if caller == NOBODY and not is_open:
            raise missing_key()
        headers.update(await self._rate(request, caller, is_file=operation in FILES))
        if isinstance(operation, ProblemError):
            raise operation
        check_allowed(caller, operation)
        return caller

    async def _rate(self, request: Request, caller: Caller, is_file: bool) -> Mapping[str, str]:
        """What the answer says of the caller's rate; nothing on the operator's own machine."""
        if caller == OPERATOR:
            return {}
        if is_file:
            return (await self.rates.of_files(address_of(request))).headers
        if caller.has_key:
            return (await self.rates.of_owner(caller.owner, caller.allowance.requests_per_minute)).headers
        return (await self.rates.of_address(address_of(request))).headers


def address_of(request: Request) -> str:
    """Of the client; one for all who come by a socket of this machine."""
    return request.client.host if request.client else ""
