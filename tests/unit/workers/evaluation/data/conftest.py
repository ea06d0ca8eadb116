"""Small data sets in the layouts that people have."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes pictures of one colour each at the paths that are named, in the format of their suffix."""

    def pictures(*names: str) -> Path:
        for number, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 36), (number, 0, 0)).save(path, FORMATS[path.suffix])
        return tmp_path

    return pictures


FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jfif": "JPEG", ".bmp": "BMP", ".tiff": "TIFF", ".webp": "WEBP"}
