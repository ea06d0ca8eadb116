"""The estimate of what a picture takes to decode: it grows with what is decoded, and nothing makes it fail."""

import random

import numpy as np
import pytest
from PIL import Image

from adapters.images import decoding_cost
from tests.icc_profiles import P3_PRIMARIES, rgb_profile
from tests.pictures import encoded, pixels

SMALL = [encoded(pixels(48, 64), name) for name in ("JPEG", "PNG", "WEBP")]


@pytest.mark.parametrize("data", SMALL)
def test_cost_when_a_picture_is_small(data: bytes) -> None:
    """It is some hundredths of a second at most."""
    assert 0 < decoding_cost(data) < 0.02


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8", SMALL[1][:40], encoded(Image.new("1", (9000, 9)))])
def test_cost_when_the_file_is_refused(data: bytes) -> None:
    """What will be refused at once costs nothing."""
    assert decoding_cost(data) == 0


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_cost_when_little_says_much(format_name: str) -> None:
    """A file of few bytes and many pixels costs what its pixels cost."""
    data = encoded(Image.new("RGB", (3000, 3000)), format_name)
    assert len(data) < 200_000
    assert decoding_cost(data) > 0.14


def test_cost_when_there_are_many_scans() -> None:
    """Every scan of a progressive JPEG counts, and those behind its end do not."""
    jpeg = encoded(Image.new("RGB", (3000, 3000)), "JPEG", progressive=True)
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    more = jpeg[:-2] + scan * 40 + jpeg[-2:]
    assert decoding_cost(more) > 1.5 * decoding_cost(jpeg)
    assert decoding_cost(jpeg + scan * 40) < 1.2 * decoding_cost(jpeg)


def test_cost_when_there_are_alpha_and_a_profile() -> None:
    """What happens to the pixels afterwards counts too."""
    plain = Image.new("RGB", (2000, 2000))
    for dearer in (encoded(plain.convert("RGBA")), encoded(plain, icc_profile=rgb_profile(P3_PRIMARIES))):
        assert decoding_cost(dearer) > 1.3 * decoding_cost(encoded(plain))


def test_cost_when_bytes_are_changed() -> None:
    """Whatever the bytes are, there is a number."""
    randomly = random.Random(0)
    for _ in range(3000):
        data = bytearray(randomly.choice(SMALL))
        for _ in range(randomly.randint(1, 8)):
            data[randomly.randrange(min(len(data), 400))] = randomly.randrange(256)
        assert np.isfinite(decoding_cost(bytes(data[: randomly.randrange(len(data))])))
