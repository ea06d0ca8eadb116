"""How large an upload may be, over real HTTP: one limit, from the settings, in the description and in refusals."""

import base64
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from PIL import Image

from adapters.queue.server import EmbeddedServer
from adapters.settings import MEBIBYTE, Settings

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

LIMIT = 5000
FORM, JSON = "multipart/form-data", "application/json"


@pytest.fixture
def client(api_queue: EmbeddedServer, tmp_path: Path, start_api: Callable[[Settings], "Api"]) -> httpx.Client:
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, max_upload_bytes=LIMIT)
    return start_api(settings).client


def send(client: httpx.Client, media: str, size: int) -> httpx.Response:
    """Uploads so many bytes that are no image."""
    data = os.urandom(size)
    if media == FORM:
        return client.post("/predict", files={"image": data}, data={"labels": ["cat", "dog"]})
    return client.post("/predict", json={"image": base64.b64encode(data).decode(), "labels": ["cat", "dog"]})


@pytest.mark.parametrize("media", [FORM, JSON])
def test_upload_when_it_is_over_the_limit(client: httpx.Client, media: str) -> None:
    """A file or a body over the limit is refused with the very sentence of the description; at the limit it is read."""
    assert send(client, media, LIMIT).json()["type"] == "/problems/unsupported-image"
    body = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    described = body["content"][media]["schema"]["properties"]["image"]["description"]
    for size in (LIMIT + 1, 4 << 20):
        refused = send(client, media, size)
        assert refused.status_code == 413
        rule, advice = refused.json()["detail"].split(". ")
        assert f"at most {LIMIT} bytes" in rule
        assert described.endswith(f"{rule}.")
        assert advice == "Scale the image down or compress it."


def test_upload_when_there_is_no_room_for_temporary_files(
    api: "Api", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large form is read all the same: it never goes by the disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    file = io.BytesIO()
    Image.effect_noise((1500, 1500), 50).save(file, "PNG")
    assert len(file.getvalue()) > MEBIBYTE
    response = api.client.post(
        "/predict", files={"image": file.getvalue()}, data={"labels": ["cat", "dog"]}, headers={"Prefer": "wait=0"}
    )
    assert response.status_code == 202
