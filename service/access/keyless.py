"""Who may ask without a key."""

from starlette.datastructures import Headers
from starlette.types import Scope as HttpScope

from adapters.addresses import is_loopback
from adapters.contract.access import EVERY_SCOPE, USER_SCOPES, Caller

NOBODY = Caller(scopes=frozenset())
"""Who has no key where one is needed: public routes are all there is."""
ANYBODY = Caller(scopes=USER_SCOPES)
OPERATOR = Caller(scopes=EVERY_SCOPE, name="on this machine")
OF_A_PROXY = frozenset(("forwarded", "x-real-ip", "via"))
OF_A_PROXY_TOO = "x-forwarded-"


def keyless_caller(scope: HttpScope, headers: Headers, keyless: str) -> Caller:
    """What the setting ROBUSTIFY_KEYLESS makes of a caller without a key."""
    if keyless == "anybody":
        return ANYBODY
    return OPERATOR if keyless == "loopback" and is_on_this_machine(scope, headers) else NOBODY


def is_on_this_machine(scope: HttpScope, headers: Headers) -> bool:
    """Whether the caller reached a loopback address or a socket of this machine, from here and without a proxy.

    A proxy on this machine passes on what strangers ask; those that say so are told apart.
    """
    if any(name in OF_A_PROXY or name.startswith(OF_A_PROXY_TOO) for name in headers):
        return False
    server, client = scope.get("server"), scope.get("client")
    if server is None:
        return False
    is_unix_socket = server[1] is None and server[0].startswith("/")
    if client is None:
        return is_unix_socket
    return is_loopback(server[0]) and is_loopback(client[0])
