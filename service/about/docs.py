"""The description of the API for people: Swagger UI, served from here, so that it needs no other host."""

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from fastapi import APIRouter, HTTPException, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

SCRIPT, STYLE, ICON = "swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"
ASSETS = frozenset((SCRIPT, STYLE, ICON))
PARAMETERS: Mapping[str, object] = MappingProxyType({"validatorUrl": None})
"""Swagger UI would send the description to a validator on the internet."""
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
ASSET_HEADERS: Mapping[str, str] = MappingProxyType({"Cache-Control": "public, max-age=3600"})

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_docs(request: Request) -> HTMLResponse:
    """The page; its addresses are relative, so that it works behind a proxy under any path."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=request.app.title,
        swagger_js_url=f"docs/{SCRIPT}",
        swagger_css_url=f"docs/{STYLE}",
        swagger_favicon_url=f"docs/{ICON}",
        swagger_ui_parameters=dict(PARAMETERS),
    )
    page.headers["Content-Security-Policy"] = content_security_policy(bytes(page.body).decode())
    return page


@router.get("/docs/{name}")
async def get_asset(name: str) -> FileResponse:
    if name not in ASSETS:
        raise HTTPException(404)
    return FileResponse(asset_folder() / name, headers=ASSET_HEADERS)


def content_security_policy(page: str) -> str:
    """What the page may run and load: its own scripts, by their text where they stand in it, and nothing of others.

    Swagger UI has styles in its elements and pictures in its style sheet, and asks this service alone.
    """
    digests = [hashlib.sha256(text.encode()).digest() for text in INLINE_SCRIPT.findall(page)]
    scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def asset_folder() -> Path:
    """Where the package fastapi-offline keeps Swagger UI."""
    return Path(str(files("fastapi_offline"))) / "static"
