"""From the headers of a request to its caller."""

import logging
import time
from typing import Final

from fastapi import Request

from adapters.contract.access import Caller
from adapters.store.api_keys import ApiKeys, DamagedKeysError
from service.access.keyless import keyless_caller
from service.access.policy import PUBLIC, Operation, scopes_of
from service.errors import INVALID_KEY, KEYS_UNAVAILABLE, MISSING_KEY, MISSING_SCOPE, ProblemError

log = logging.getLogger(__name__)
SCHEME = "bearer"
CHALLENGE: Final = 'Bearer realm="robustify"'


class Authentication:
    """Tells who asks, by the key or by where a request without one comes from."""

    def __init__(self, keys: ApiKeys, keyless: str) -> None:
        self._keys = keys
        self._keyless = keyless

    def caller(self, request: Request, is_open: bool) -> Caller:
        """Who asks; `is_open` where it needs no key.

        Raises the problem for a key that does not hold, wherever it comes from, and where the keys cannot be read.
        """
        token = token_of(request)
        try:
            if token is not None:
                return self._keyed(token)
            if not is_open:
                # Where the keys cannot be told, nobody is let in.
                self._keys.stored()
        except DamagedKeysError as error:
            log.error("nobody is let in: %s", error)
            raise ProblemError(KEYS_UNAVAILABLE) from error
        return keyless_caller(request.scope, request.headers, self._keyless)

    def _keyed(self, token: str) -> Caller:
        caller = self._keys.find(token, time.time())
        if caller is None:
            raise ProblemError(INVALID_KEY, headers=challenge(error="invalid_token"))
        return caller


def token_of(request: Request) -> str | None:
    """The key that the request has; None where it has none. Two of them are none that holds."""
    given = [value.partition(" ") for value in request.headers.getlist("authorization")]
    tokens = [token.strip() for scheme, _, token in given if scheme.lower() == SCHEME]
    return tokens[0] if len(tokens) == 1 else ("" if tokens else None)


def check_allowed(caller: Caller, operation: Operation) -> None:
    """Raises the problem where the route asks for more than the caller has."""
    if operation in PUBLIC or caller.scopes & scopes_of(operation):
        return
    if not caller.has_key:
        raise missing_key()
    needed = sorted(scopes_of(operation))
    detail = f"The key does not have the scope {' or '.join(needed)}: use another key, or ask the operator for one."
    headers = challenge(error="insufficient_scope", scope=" ".join(needed))
    raise ProblemError(MISSING_SCOPE, detail, headers=headers)


def missing_key() -> ProblemError:
    return ProblemError(MISSING_KEY, headers=challenge())


def challenge(**parameters: str) -> dict[str, str]:
    """What RFC 6750 wants beside a 401 or a 403."""
    said = [CHALLENGE, *(f'{name}="{value}"' for name, value in parameters.items())]
    return {"WWW-Authenticate": ", ".join(said)}
