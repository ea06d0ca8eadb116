"""The files of the page: what there is, and what each is."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from adapters.store.walking import files_below

INDEX = "index.html"
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".png": "image/png",
        ".svg": "image/svg+xml",
        ".ts": "text/plain; charset=utf-8",
        ".txt": "text/plain; charset=utf-8",
        ".woff2": "font/woff2",
    }
)
"""By the ending of a file; what has another is not served."""


@cache
def page_files() -> Mapping[str, Path]:
    """Every file that is served, by its path below `page/`: what is not among them is none, whatever it is called."""
    root = Path(str(files("service.page"))) / "static"
    found = {path.relative_to(root).as_posix(): path for path in files_below(root) if path.suffix in MEDIA_TYPES}
    return MappingProxyType(found)
