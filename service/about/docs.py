"""The description of the API for people: Swagger UI, served from here, so that it needs no other host."""

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

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_docs(request: Request) -> HTMLResponse:
    """The page; its addresses are relative, so that it works behind a proxy under any path."""
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title=request.app.title,
        swagger_js_url=f"docs/{SCRIPT}",
        swagger_css_url=f"docs/{STYLE}",
        swagger_favicon_url=f"docs/{ICON}",
        swagger_ui_parameters=dict(PARAMETERS),
    )


@router.get("/docs/{name}")
async def get_asset(name: str) -> FileResponse:
    if name not in ASSETS:
        raise HTTPException(404)
    return FileResponse(asset_folder() / name)


def asset_folder() -> Path:
    """Where the package fastapi-offline keeps Swagger UI."""
    return Path(str(files("fastapi_offline"))) / "static"
