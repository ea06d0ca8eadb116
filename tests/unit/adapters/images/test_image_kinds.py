"""What a file is called that is of another kind than those that are taken."""

import pytest
from PIL import Image

from adapters.images import canonicalise
from adapters.images.kinds import Kind, kind_of
from robustify.errors import UnsupportedImageError
from tests.pictures import encoded, frames, pixels

FTYP = b"\0\0\0\x18ftyp"
OTHERS = {
    "HEIC, as phones make it: export it as JPEG": FTYP + b"heic\0\0\0\0mif1heic",
    "HEIC": FTYP + b"mif1\0\0\0\0mif1heic",
    "AVIF": FTYP + b"avif\0\0\0\0mif1miaf",
    "AVIF: export": FTYP + b"mif1\0\0\0\0mif1avif",
    "a camera's raw file": FTYP + b"crx \0\0\0\1crx isom",
    "a video: send one still frame": FTYP + b"isom\0\0\2\0isomiso2",
    "a GIF: export it as PNG or JPEG": frames("GIF"),
    "a BMP": encoded(pixels(8, 8), "BMP"),
    "a TIFF": encoded(pixels(8, 8), "TIFF"),
    "an icon": encoded(Image.new("RGB", (16, 16)), "ICO"),
    "JPEG 2000": encoded(pixels(8, 8), "JPEG2000"),
    "JPEG XL": b"\xff\x0a" + b"\0" * 20,
    "a Photoshop document": b"8BPS\0\1" + b"\0" * 20,
    "a PDF: export the page": b"%PDF-1.7\n",
    "an SVG": b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a drawing -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "a web page": b"<!DOCTYPE html><html>",
    "a ZIP archive": b"PK\3\4" + b"\0" * 20,
    "a data URL: send the bytes": b"data:image/png;base64,iVBORw0KGgo=",
    "a JPEG in base64": b"/9j/4AAQSkZJRg==",
    "a PNG in base64": b"iVBORw0KGgoAAAA=",
}


@pytest.mark.parametrize("name", OTHERS)
def test_message_when_the_kind_is_known(name: str) -> None:
    """The refusal says what the file seems to be, and what to do with it."""
    with pytest.raises(UnsupportedImageError) as caught:
        canonicalise(OTHERS[name], 32)
    assert f"It seems to be {name}" in str(caught.value)


@pytest.mark.parametrize("data", [b"hello", b"RIFF\x24\0\0\0WAVEfmt ", b"\0" * 100, b"\xff", b"ftypheic"])
def test_message_when_nothing_is_known(data: bytes) -> None:
    """Nothing is guessed of other bytes."""
    with pytest.raises(UnsupportedImageError, match="^The file is not a JPEG, PNG or WebP image: send one of these"):
        canonicalise(data, 32)


@pytest.mark.parametrize(("format_name", "kind"), [("JPEG", Kind.JPEG), ("PNG", Kind.PNG), ("WEBP", Kind.WEBP)])
def test_kind_when_the_file_is_cut(format_name: str, kind: Kind) -> None:
    """However little there is of a file, it is of the kind as which it begins."""
    data = encoded(pixels(8, 8), format_name)
    assert {kind_of(data[:length]) for length in range(12, len(data))} == {kind}
