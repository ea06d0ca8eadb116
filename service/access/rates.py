"""How many requests a caller may send in a minute.

Counted in the memory of this process by the package `limits`, in windows that slide: a clock that jumps opens a new
window and shuts nobody out.
"""

import time
from dataclasses import dataclass, replace
from hashlib import blake2b
from ipaddress import IPv6Address
from math import ceil
from secrets import token_bytes

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from adapters.addresses import parsed
from service.errors import TOO_MANY_REQUESTS, ProblemError

WINDOW_SECONDS = 60
REQUESTS = "requests"
FILES = "files"
FILES_PER_REQUEST = 10
"""The page has some fifty, and each costs little: none waits for a worker, or is made for who asks."""
LEAST_FILES_PER_MINUTE = 6000
"""Also where an operator lets in few requests: the page that says so has to open."""
FAILURES_PER_MINUTE = 60
"""Requests with no key or a wrong one, of one address. They open nothing; each costs a line of the log."""
ADDRESS_BUCKETS = 4096
"""Addresses without end are counted in so many: two that share one share its rate."""
IPV6_NETWORK_BITS = 64
"""One household or one server has so many addresses to itself."""


@dataclass(frozen=True)
class Standing:
    """What a caller has left of a rate; `seconds` until there is more."""

    limit: int
    remaining: int
    seconds: int
    policy: str = REQUESTS
    """What is counted: requests that ask something, or files of the page."""

    @property
    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-10 has them."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.seconds}',
        }


class Rates:
    """Counts requests by caller; by address those of the page's files, and those that nobody let in."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._salt = token_bytes(16)

    async def of_owner(self, owner: str, per_minute: int | None) -> Standing:
        """Counts a request of a key; raises the problem when it is one too many."""
        return await self._count(("key", owner), per_minute or self._per_minute)

    async def of_address(self, address: str) -> Standing:
        """Likewise, of who has no key."""
        return await self._count(("address", self._bucket(address)), self._per_minute)

    async def of_files(self, address: str) -> Standing:
        """Likewise, of a file that every installation has, whoever asks: a browser sends no key for it."""
        per_minute = max(LEAST_FILES_PER_MINUTE, FILES_PER_REQUEST * self._per_minute)
        return await self._count((FILES, self._bucket(address)), per_minute, FILES)

    async def of_failure(self, address: str) -> None:
        """Likewise, of one that failed to say who it is."""
        await self._count(("failure", self._bucket(address)), FAILURES_PER_MINUTE)

    async def _count(self, who: tuple[str, str], per_minute: int, policy: str = REQUESTS) -> Standing:
        item = RateLimitItemPerMinute(per_minute)
        is_within = await self._limiter.hit(item, *who)
        reset_time, remaining = await self._limiter.get_window_stats(item, *who)
        seconds = max(1, ceil(reset_time - time.time()))
        standing = Standing(per_minute, max(0, remaining), min(seconds, WINDOW_SECONDS), policy)
        if not is_within:
            raise too_many(standing)
        return standing

    def _bucket(self, address: str) -> str:
        """Salted, so that nobody can look for an address that shares another's."""
        digest = blake2b(network_of(address).encode(), digest_size=8, key=self._salt).digest()
        return str(int.from_bytes(digest) % ADDRESS_BUCKETS)


def too_many(standing: Standing) -> ProblemError:
    """At the end of the window requests of before still weigh, the less the later: one place takes a little longer."""
    seconds = standing.seconds + ceil(WINDOW_SECONDS / standing.limit)
    detail = f"More than {standing.limit} {standing.policy} in a minute: go on in {seconds} s."
    headers = {"Retry-After": str(seconds), **replace(standing, remaining=0, seconds=seconds).headers}
    return ProblemError(TOO_MANY_REQUESTS, detail, headers=headers)


def network_of(address: str) -> str:
    """An address, or the network of an IPv6 one."""
    found = parsed(address)
    if isinstance(found, IPv6Address):
        return str(int(found) >> (128 - IPV6_NETWORK_BITS))
    return address
