"""The structure of a JPEG: how many scans libjpeg would decode, whatever stands in metadata or behind the picture."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from adapters.images import MAX_REDUCED_SIDE, canonicalise, decoding_cost, operator_norm, refusals, resize_windows
from adapters.images.decode import check_size, decode, read_structure, reduction
from adapters.images.jpeg import Frame, coefficient_bytes, read_jpeg
from robustify.errors import UnreadableImageError
from tests.pictures import encoded, pixels, segment, with_segments

BASELINE = encoded(pixels(48, 64), "JPEG")
PROGRESSIVE = encoded(pixels(48, 64), "JPEG", progressive=True)
SCAN = b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0"
"""The header of a scan."""
SCANS = 10
"""Of a progressive JPEG as Pillow writes it."""
MANY = 100


def before_the_end(part: bytes) -> bytes:
    return PROGRESSIVE[:-2] + part + PROGRESSIVE[-2:]


def noise(size: int) -> bytes:
    return random.Random(0).randbytes(size)


HARMLESS: dict[str, Callable[[], bytes]] = {
    "a video behind it": lambda: PROGRESSIVE + noise(6 << 20),
    "scans behind it": lambda: PROGRESSIVE + SCAN * MANY,
    "another picture behind it": lambda: PROGRESSIVE + PROGRESSIVE * MANY,
    "scans in an APP7": lambda: with_segments(PROGRESSIVE, segment(0xE7, SCAN * MANY)),
    "scans in a comment": lambda: with_segments(PROGRESSIVE, segment(0xFE, SCAN * MANY)),
    "a picture in its EXIF": lambda: with_segments(PROGRESSIVE, segment(0xE1, b"Exif\0\0" + PROGRESSIVE)),
    "an end in metadata": lambda: with_segments(PROGRESSIVE, segment(0xE7, b"\xff\xd9")),
    "scans in metadata between scans": lambda: before_the_end(segment(0xE7, SCAN * MANY)),
    "junk between scans": lambda: before_the_end(b"\0\1\2\xff\0\xff\xff\xff\0\xff\xd3\xff\1"),
}
HIDDEN: dict[str, Callable[[], bytes]] = {
    "fill bytes": lambda: before_the_end(b"\xff\xff\xff" + SCAN),
    "stuffed bytes": lambda: before_the_end(b"\xff\0" + SCAN + b"\xff\xff\0"),
    "restarts": lambda: before_the_end(b"\xff\xd0\xff\xff\xd1" + SCAN),
    "an end in metadata before it": lambda: before_the_end(segment(0xE7, b"\xff\xd9" * 9) + SCAN),
    "a length that is too small": lambda: before_the_end(b"\xff\xe7\0\0" + SCAN),
    "a number of lines": lambda: before_the_end(segment(0xDC, b"\0\x30") + SCAN),
    "no end": lambda: PROGRESSIVE[:-2] + SCAN,
}


@pytest.mark.parametrize("name", HARMLESS)
def test_scans_when_bytes_only_look_like_them(name: str) -> None:
    """What libjpeg does not decode does not count, and the picture is what it is without."""
    data = HARMLESS[name]()
    assert read_jpeg(data).scans == SCANS
    np.testing.assert_array_equal(canonicalise(data, 32).tensor, canonicalise(PROGRESSIVE, 32).tensor)


@pytest.mark.parametrize("name", HIDDEN)
def test_scans_when_they_are_hidden(name: str) -> None:
    """Every scan that libjpeg would come to is counted, and too many are refused."""
    data = HIDDEN[name]()
    assert read_jpeg(data).scans == SCANS + 1
    many = data.replace(SCAN, (SCAN + b"\0") * MANY)
    with pytest.raises(UnreadableImageError, match="over 64 scans"):
        canonicalise(many, 32)


def test_scans_when_components_have_their_own() -> None:
    """A baseline JPEG whose first scan has one component of three is kept in memory, and its scans count."""
    place = BASELINE.index(b"\xff\xda")
    separate = BASELINE[:place] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * MANY + BASELINE[place:]
    structure = read_jpeg(separate)
    assert structure.scans == MANY + 1
    assert structure.coefficient_bytes > 0
    assert read_jpeg(BASELINE).coefficient_bytes == 0


def test_motion_photo() -> None:
    """A photo with megabytes of a video behind it is the photo."""
    data = BASELINE + b"\0\0\0\x18ftypmp42" + noise(6 << 20) + SCAN * MANY
    np.testing.assert_array_equal(canonicalise(data, 32).tensor, canonicalise(BASELINE, 32).tensor)


def test_metadata_when_they_are_broken() -> None:
    """Metadata that a decoder would stumble over, or be busy with, do not count."""
    parts = (
        segment(0xE0, b"JFIF"),
        segment(0xE0, b"JFIF\0"),
        segment(0xEE, b"Adobe"),
        segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff"),
        segment(0xED, b"Photoshop 3.0\x008BIM\xff\xff"),
        segment(0xE1, b"Exif\0\0broken"),
        segment(0xE1, b"Exif\0\0x") * 1000,
        segment(0xE2, b"ICC_PROFILE\0\2\2x"),
    )
    expected = canonicalise(BASELINE, 32).tensor
    for part in parts:
        np.testing.assert_array_equal(canonicalise(with_segments(BASELINE, part), 32).tensor, expected)


def test_structure_when_anything_follows_a_start() -> None:
    """No bytes behind the start of a JPEG bring another error than a refusal."""
    randomly = random.Random(1)
    for _ in range(2000):
        data = b"\xff\xd8" + bytes(
            randomly.choice(b"\xff\xff\0\1\2\x08\x11\xc0\xc2\xd0\xd9\xda\xe1") for _ in range(60)
        )
        decoding_cost(data)
        with pytest.raises(UnreadableImageError):
            canonicalise(data, 32)


def test_coefficient_bytes() -> None:
    """Two bytes for each coefficient of whole blocks: half the pixels for each colour of 4:2:0, all for 4:4:4."""
    full, half = ((1, 1),) * 3, ((2, 2), (1, 1), (1, 1))
    assert coefficient_bytes(Frame(0xC2, 1600, 800, full)) == 1600 * 800 * 3 * 2
    assert coefficient_bytes(Frame(0xC2, 1600, 800, half)) == 1600 * 800 * 3
    assert coefficient_bytes(Frame(0xC2, 17, 1, half)) == 2 * 6 * 128


def sized(width: int, height: int, jpeg: bytes = BASELINE) -> bytes:
    """A JPEG whose header says that it is so large."""
    place = next(jpeg.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in jpeg) + 5
    return jpeg[:place] + height.to_bytes(2) + width.to_bytes(2) + jpeg[place + 4 :]


@pytest.mark.parametrize(
    ("width", "height", "factor"),
    [(5000, 5000, 1), (5001, 5000, 2), (8160, 6144, 2), (10000, 10000, 2), (8192, 3051, 1), (8193, 10, 2)],
)
def test_reduction(width: int, height: int, factor: int) -> None:
    """The smallest factor is taken that brings the decoded picture into the limits of all pictures."""
    structure = read_structure(sized(width, height))
    assert reduction(structure) == factor
    check_size(structure, factor)


@pytest.mark.parametrize(
    ("jpeg", "subsampling"),
    [(PROGRESSIVE, "4:2:0"), (encoded(pixels(48, 64), "JPEG", progressive=True, subsampling=0), "4:4:4")],
)
def test_large_progressive(jpeg: bytes, subsampling: str) -> None:
    """A progressive JPEG of 100 megapixels is taken if its coefficients and scans are within the bounds."""
    structure = read_structure(sized(10000, 10000, jpeg))
    if subsampling == "4:2:0":
        check_size(structure, 2)
    else:
        with pytest.raises(UnreadableImageError) as caught:
            check_size(structure, 2)
        assert str(caught.value) == refusals.TOO_LARGE_PROGRESSIVE
    more = sized(10000, 10000, PROGRESSIVE[:-2] + SCAN * 10)
    with pytest.raises(UnreadableImageError, match="progressive"):
        check_size(read_structure(more), 2)


@pytest.mark.slow
@pytest.mark.parametrize("progressive", [False, True])
def test_canonical_image_when_it_is_reduced(progressive: bool) -> None:
    """A long picture is decoded at half its size: upright, near what Pillow makes of it, size and norm its own."""
    exif = Image.Exif()
    exif[0x0112] = 6
    gradient = np.linspace(0, 255, MAX_REDUCED_SIDE)[None, :, None] * np.ones((64, 1, 3))
    stored = Image.fromarray(gradient.astype(np.uint8))
    data = encoded(stored, "JPEG", quality=95, exif=exif.tobytes(), progressive=progressive)
    image = canonicalise(data, 32)
    assert (image.reduced_by, image.source_height, image.source_width) == (2, MAX_REDUCED_SIDE // 2, 32)
    rows, columns = resize_windows(MAX_REDUCED_SIDE // 2, 32, 32)
    assert image.source_norm == operator_norm(rows) * operator_norm(columns) == 1.0
    upright = stored.transpose(Image.Transpose.ROTATE_270).resize((32, MAX_REDUCED_SIDE // 2), Image.Resampling.BOX)
    assert decode(data).image.size == upright.size
    np.testing.assert_allclose(image.tensor, canonicalise(encoded(upright), 32).tensor, atol=2 / 255)
