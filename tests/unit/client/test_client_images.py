"""What may be given as an image, and what is sent of it."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustify_client.errors import UsageError
from robustify_client.images import MOST_BYTES, ImageLike, image_file

RANDOM = np.random.default_rng(1)
LEVELS = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def pixels(image: ImageLike) -> np.ndarray:
    """Of the file that is sent."""
    return np.asarray(Image.open(io.BytesIO(image_file(image).data)))


def test_file_and_its_bytes(tmp_path: Path) -> None:
    """They are sent as they are, also where they are no picture: the service says what is wrong with them."""
    file = tmp_path / "a.png"
    file.write_bytes(b"not a picture")
    for image in (file, str(file), b"not a picture", bytearray(b"not a picture"), memoryview(b"not a picture")):
        assert image_file(image).data == b"not a picture"
    assert (image_file(file).name, image_file(b"x").name) == ("a.png", "image")


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4), (3, 7, 3), (1, 1, 3)])
def test_array_of_levels(shape: tuple[int, ...]) -> None:
    """Every level arrives as it is."""
    array = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(pixels(array), array[:, :, 0] if shape[-1] == 1 and len(shape) == 3 else array)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_array_of_floats(dtype: str) -> None:
    """Floats in [0, 1] are rounded to the nearest of 256 levels: those that came from levels are the same again."""
    # Half precision has eleven bits: enough to tell 256 levels apart.
    assert np.array_equal(pixels((LEVELS / 255).astype(dtype)), LEVELS)


def test_array_that_is_not_in_one_piece() -> None:
    """A view of another array is sent as it looks."""
    assert np.array_equal(pixels(LEVELS[::-1, ::2]), LEVELS[::-1, ::2])


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.zeros((3, 32, 32), np.float32), "channels first"),
        (np.zeros((1, 32, 32), np.uint8), "channels first"),
        (np.zeros((2, 32, 32, 3), np.uint8), "map"),
        (np.zeros((32, 32, 2), np.uint8), "1, 3 or 4 channels"),
        (np.zeros(32, np.uint8), "no image"),
        (np.zeros((), np.uint8), "no image"),
        (np.zeros((0, 32, 3), np.uint8), "no image"),
        (np.full((2, 2, 3), np.nan), "NaN"),
        (np.full((2, 2, 3), np.inf), "from 0 to 1"),
        (np.full((2, 2, 3), 255.0), "divide"),
        (np.full((2, 2, 3), -1e-9), "from 0 to 1"),
        (np.full((2, 2, 3), 1 + 1e-6), "from 0 to 1"),
        (np.zeros((2, 2, 3), np.int64), "uint8"),
        (np.zeros((2, 2, 3), bool), "uint8"),
        (np.zeros((2, 2, 3), np.uint16), "uint8"),
        (np.zeros((2, 2, 3), np.complex64), "uint8"),
        (np.full((2, 2, 3), None), "uint8"),
    ],
)
def test_array_that_is_refused(array: np.ndarray, hint: str) -> None:
    """A sentence says what would do; nothing is guessed."""
    with pytest.raises(UsageError, match=hint) as caught:
        image_file(array)
    assert caught.value.field == "image"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_picture_of_pillow(mode: str) -> None:
    """What it shows is what arrives."""
    picture = Image.fromarray(LEVELS).convert(mode)
    sent = Image.open(io.BytesIO(image_file(picture).data))
    assert np.array_equal(np.asarray(sent.convert("RGBA")), np.asarray(picture.convert("RGBA")))


@pytest.mark.parametrize("mode", ["CMYK", "I", "F", "HSV", "YCbCr", "LAB", "I;16"])
def test_picture_of_another_mode(mode: str) -> None:
    """It has more than 8 bits or other colours: the caller decides what becomes of them."""
    with pytest.raises(UsageError, match="convert"):
        image_file(Image.new(mode, (4, 4)))


def test_picture_that_was_opened_from_a_turned_jpeg(tmp_path: Path) -> None:
    """It is sent upright and with its colour profile, as its file would be read."""
    exif, file = Image.Exif(), tmp_path / "turned.jpg"
    exif[0x0112] = 6
    Image.fromarray(LEVELS).save(file, exif=exif, icc_profile=b"a profile")
    sent = Image.open(io.BytesIO(image_file(Image.open(file)).data))
    assert sent.size == (5, 7)
    assert sent.info["icc_profile"] == b"a profile"
    assert sent.getexif().get(0x0112) is None


def test_files_that_are_none(tmp_path: Path) -> None:
    """A folder, a pipe, a device without end and nothing at all are refused at once."""
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path, tmp_path / "pipe", "/dev/zero", "/dev/null", tmp_path / "missing.png", "a\0b", ""):
        with pytest.raises(UsageError, match="give a path"):
            image_file(name)


def test_file_that_is_too_large(tmp_path: Path) -> None:
    """It is not read into memory as a whole."""
    file = tmp_path / "large.png"
    with file.open("wb") as opened:
        opened.truncate(MOST_BYTES + 1)
    with pytest.raises(UsageError, match="64 MiB"):
        image_file(file)


class Tensor:
    """Looks like one of torch."""

    def detach(self) -> "Tensor":
        return self


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        ("http://127.0.0.1/a.png", "download"),
        ("data:image/png;base64,AAAA", "download"),
        (b"", "empty"),
        (None, "NoneType is no image"),
        (5, "int is no image"),
        ([b"a", b"b"], "map"),
        (Tensor(), "numpy"),
        (b"x" * (MOST_BYTES + 1), "64 MiB"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_image(image: ImageLike, hint: str) -> None:
    """A sentence says what would be one."""
    with pytest.raises(UsageError, match=hint):
        image_file(image)
