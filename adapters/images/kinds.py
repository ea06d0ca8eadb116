"""What a file seems to be, by how it begins; what is sent often and not taken is called by its name."""

from enum import StrEnum

from adapters.images.refusals import EMPTY, NOT_AN_IMAGE
from robustify.errors import UnreadableImageError, UnsupportedImageError

AS_PNG = "export it as PNG or JPEG"
AS_JPEG = "export it as JPEG"
HEIF_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), ("AVIF", AS_JPEG)),
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), ("HEIC, as phones make it", AS_JPEG)
    ),
    b"crx ": ("a camera's raw file", AS_JPEG),
}
SIGNATURES = (
    (b"GIF8", "a GIF", AS_PNG),
    (b"BM", "a BMP", AS_PNG),
    (b"II*\0", "a TIFF or a camera's raw file", AS_PNG),
    (b"MM\0*", "a TIFF or a camera's raw file", AS_PNG),
    (b"II+\0", "a BigTIFF", AS_PNG),
    (b"MM\0+", "a BigTIFF", AS_PNG),
    (b"\xff\x0a", "JPEG XL", AS_JPEG),
    (b"\0\0\0\x0cJXL ", "JPEG XL", AS_JPEG),
    (b"\0\0\0\x0cjP  ", "JPEG 2000", AS_JPEG),
    (b"\xff\x4f\xff\x51", "JPEG 2000", AS_JPEG),
    (b"8BPS", "a Photoshop document", AS_PNG),
    (b"\0\0\1\0", "an icon", AS_PNG),
    (b"%PDF", "a PDF", "export the page as PNG or JPEG"),
    (b"PK\3\4", "a ZIP archive", "send one picture of it"),
    (b"\x1f\x8b", "compressed with gzip", "send it uncompressed"),
    (b"data:", "a data URL", "send the bytes that it encodes"),
    (b"/9j/", "a JPEG in base64", "send its bytes"),
    (b"iVBORw0KGgo", "a PNG in base64", "send its bytes"),
    (b"UklGR", "a WebP in base64", "send its bytes"),
)
LOOKED_AT = 1024
"""Bytes in which the first tag of a text is looked for."""
TEXTS = ((b"<svg", "an SVG", AS_PNG), (b"<!doctype html", "a web page", "send the picture itself"))
WHITE_SPACE = b"\xef\xbb\xbf \t\r\n"
"""And the byte order mark of UTF-8."""


class Kind(StrEnum):
    """A kind of file that is taken."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"


def kind_of(data: bytes) -> Kind:
    """Raises UnsupportedImageError, or UnreadableImageError for an empty file. A damaged file is of its kind too."""
    if not data:
        raise UnreadableImageError(EMPTY)
    if data.startswith(b"\xff\xd8"):
        return Kind.JPEG
    if data.startswith(b"\x89PNG"):
        return Kind.PNG
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Kind.WEBP
    name, advice = name_of_other(data)
    raise UnsupportedImageError(seems_to_be(name, advice) if name else NOT_AN_IMAGE)


def seems_to_be(name: str, advice: str) -> str:
    return f"The file is not a JPEG, PNG or WebP image. It seems to be {name}: {advice}."


def name_of_other(data: bytes) -> tuple[str, str]:
    """What a file of another kind seems to be, and what to do with it; empty texts where there is no telling."""
    if data[4:8] == b"ftyp":
        return name_of_container(data)
    for signature, name, advice in SIGNATURES:
        if data.startswith(signature):
            return name, advice
    start = data[:LOOKED_AT].lstrip(WHITE_SPACE).lower()
    return next(((name, advice) for tag, name, advice in TEXTS if start.startswith(b"<") and tag in start), ("", ""))


def name_of_container(data: bytes) -> tuple[str, str]:
    """Of a file of boxes (ISO 14496-12), by its main brand or, where that says nothing, those it is compatible with."""
    length = min(int.from_bytes(data[:4]), LOOKED_AT)
    brands = [data[8:12], *(data[place : place + 4] for place in range(16, length, 4))]
    if data[8:12] in (b"mif1", b"msf1"):
        brands.sort(key=lambda brand: brand not in (b"avif", b"avis"))
    return next((HEIF_BRANDS[brand] for brand in brands if brand in HEIF_BRANDS), ("a video", "send one still frame"))
