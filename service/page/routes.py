"""The page for people: its files, as they are in the package, without a build step and without another host."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from fastapi import APIRouter, Request, Response

from service.caching import is_known
from service.errors import NOT_FOUND, ProblemError
from service.page.files import INDEX, MEDIA_TYPES, page_files

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        # Kept, and asked for again each time: all files are of one release.
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    }
)

router = APIRouter(include_in_schema=False)

# Nothing here is async: FastAPI runs it in threads, since it reads files.


@router.get("/")
def get_page(request: Request) -> Response:
    """Its addresses are relative, so that it works behind a proxy under any path."""
    return served(request, INDEX)


@router.get("/page/{path:path}")
def get_file(request: Request, path: str) -> Response:
    return served(request, path)


def served(request: Request, name: str) -> Response:
    """A file of the page, unless the client says that it has it."""
    path = page_files().get(name)
    if path is None:
        raise ProblemError(NOT_FOUND)
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {**HEADERS, "ETag": etag}
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=MEDIA_TYPES[path.suffix])
