"""Answers that do not change: their ETag is the digest of what they show, and who has that gets a 304."""

from collections.abc import Callable

from fastapi import Request, Response

CACHE_CONTROL = "private, no-cache"
"""May be kept by who asked, but is asked for again each time: another task may have the name one day."""


def unchanging(request: Request, digest: str, media_type: str, read: Callable[[], bytes]) -> Response:
    """What `read` gives, unless the client says that it has it."""
    etag = f'"{digest}"'
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL}
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(read(), headers=headers, media_type=media_type)


def is_known(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110, 13.1.2), which none of ours has a comma in."""
    tags = ",".join(request.headers.getlist("if-none-match")).split(",")
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in tags)
