"""Colours as sRGB: what a profile says of them, and when it is ignored."""

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageCms

from adapters.images import Preprocessing, PreprocessingVersion, canonicalise
from adapters.images.refusals import MAX_PROFILE_BYTES
from robustify.errors import UnsupportedImageError
from tests.icc_profiles import P3_PRIMARIES, SRGB_PRIMARIES, SWAPPED, curve, grey_profile, profile, rgb_profile
from tests.pictures import encoded, pixels

SIDE = 32
SOURCE = pixels(SIDE, SIDE)
KINDS = [("PNG", {}), ("WEBP", {"lossless": True})]
LEVEL = 1 / 255
Primaries = Sequence[tuple[float, float, float]]


def tensor_of(image: Image.Image | np.ndarray, format_name: str = "PNG", **options: object) -> np.ndarray:
    return canonicalise(encoded(image, format_name, **options), SIDE).tensor


def srgb_of(colours: np.ndarray, primaries: Primaries, gamma: float) -> np.ndarray:
    """Colours (3, H, W) in [0, 1] of a display with these primaries, as sRGB, clipped to what it has."""
    to_srgb = np.linalg.inv(np.transpose(SRGB_PRIMARIES)) @ np.transpose(primaries)
    light = np.clip(np.einsum("ij,jhw->ihw", to_srgb, colours.astype(np.float64) ** gamma), 0, 1)
    expected: np.ndarray = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return expected


@pytest.mark.parametrize(("format_name", "options"), KINDS)
@pytest.mark.parametrize(("primaries", "gamma"), [(P3_PRIMARIES, 2.2), (SWAPPED, 2.2), (SRGB_PRIMARIES, 1.0)])
def test_rgb_profile(format_name: str, options: dict[str, object], primaries: Primaries, gamma: float) -> None:
    """The tensor is what the profile says, by its primaries and its gamma, to two grey levels."""
    stored = tensor_of(SOURCE)
    found = tensor_of(SOURCE, format_name, icc_profile=rgb_profile(primaries, gamma), **options)
    expected = srgb_of(stored, primaries, gamma)
    is_light = stored.min(axis=0) > 0.1  # Near black a step of light is many grey levels.
    np.testing.assert_allclose(found[:, is_light], expected[:, is_light], atol=2.5 * LEVEL)
    assert np.abs(found - stored).max() > 10 * LEVEL


def test_jpeg_when_its_profile_is_in_parts() -> None:
    """A profile of more than one segment is put together; one of which a part is missing is ignored."""
    long = rgb_profile(SWAPPED) + bytes(70_000)
    data = encoded(SOURCE, "JPEG", icc_profile=long, quality=95)
    np.testing.assert_array_equal(
        canonicalise(data, SIDE).tensor,
        canonicalise(encoded(SOURCE, "JPEG", icc_profile=rgb_profile(SWAPPED), quality=95), SIDE).tensor,
    )
    second = data.index(b"ICC_PROFILE\0\2\2")
    (length,) = struct.unpack(">H", data[second - 2 : second])
    cut = data[: second - 4] + data[second - 2 + length :]
    np.testing.assert_array_equal(canonicalise(cut, SIDE).tensor, tensor_of(SOURCE, "JPEG", quality=95))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_srgb_profile(mode: str) -> None:
    """A picture with a profile of sRGB, by whatever maker, is what it is without."""
    picture = Image.fromarray(SOURCE).convert(mode)
    for srgb in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), srgb_with_its_curve()):
        np.testing.assert_array_equal(tensor_of(picture, icc_profile=srgb), tensor_of(picture))


def srgb_with_its_curve() -> bytes:
    levels = np.linspace(0, 1, 1024)
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    table = b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *np.round(light * 65535).astype(int))
    plain = rgb_profile(SRGB_PRIMARIES)
    colours = {name: tag(plain, name) for name in (b"rXYZ", b"gXYZ", b"bXYZ")}
    return profile(b"RGB ", {**colours, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), table)})


def tag(icc: bytes, name: bytes) -> bytes:
    place, size = struct.unpack(">II", icc[icc.index(name) + 4 : icc.index(name) + 12])
    return icc[place : place + size]


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profile(mode: str) -> None:
    """Grey of another gamma is converted and stays grey; a grey picture may have a profile of RGB as well."""
    picture = Image.fromarray(SOURCE).convert(mode)
    stored = tensor_of(picture)
    converted = tensor_of(picture, icc_profile=grey_profile(1.0))
    expected = np.where(stored <= 0.0031308, 12.92 * stored, 1.055 * np.maximum(stored, 1e-9) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(converted, expected, atol=1.5 * LEVEL)
    assert (converted[0] == converted[1]).all()
    assert (converted[0] == converted[2]).all()
    np.testing.assert_allclose(
        tensor_of(picture, icc_profile=rgb_profile(SRGB_PRIMARIES, 1.0)), expected, atol=2.5 * LEVEL
    )


@pytest.mark.parametrize(("format_name", "options"), KINDS)
def test_alpha_when_colours_are_converted(format_name: str, options: dict[str, object]) -> None:
    """Colours are converted before they are put on white, and the alpha is what it was."""
    source = np.dstack([np.full((SIDE, SIDE, 3), (200, 30, 90), dtype=np.uint8), np.full((SIDE, SIDE), 51, np.uint8)])
    opaque = tensor_of(source[..., :3].copy(), icc_profile=rgb_profile(SWAPPED))
    found = tensor_of(source, format_name, icc_profile=rgb_profile(SWAPPED), **options)
    np.testing.assert_allclose(found, 1 - (1 - opaque) * 0.2, atol=1e-6)


@pytest.mark.parametrize("palette", [True, False])
def test_transparent_colour_when_colours_are_converted(palette: bool) -> None:
    """A palette and a transparent colour mean what they mean without a profile."""
    picture = Image.new("P" if palette else "RGB", (SIDE, SIDE), 1 if palette else (9, 9, 9))
    if palette:
        picture.putpalette([0, 0, 0, 255, 0, 0])
    data = encoded(picture, transparency=1 if palette else (9, 9, 9), icc_profile=rgb_profile(SWAPPED))
    np.testing.assert_allclose(canonicalise(data, SIDE).tensor, 1)


GOOD = rgb_profile(SWAPPED)
UNUSABLE = {
    "text": b"not a profile",
    "cut": GOOD[:-100],
    "header only": GOOD[:128],
    "of CMYK": GOOD[:16] + b"CMYK" + GOOD[20:],
    "of Lab": GOOD[:16] + b"Lab " + GOOD[20:],
    "of seven colours": GOOD[:16] + b"7CLR" + GOOD[20:],
    "of grey, of a coloured picture": grey_profile(1.0),
    "a link": GOOD[:12] + b"link" + GOOD[16:],
    "names": GOOD[:12] + b"nmcl" + GOOD[16:],
    "without signature": GOOD[:36] + b"xxxx" + GOOD[40:],
    "without curves": profile(b"RGB ", {}),
    "with broken curves": profile(
        b"RGB ", dict.fromkeys((b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"), b"curv")
    ),
    "with a million tags": GOOD[:128] + b"\x7f\xff\xff\xff" + GOOD[132:],
    "larger than a MiB": GOOD + bytes(MAX_PROFILE_BYTES),
    "empty": b"\0" * 200,
}


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_profile_when_it_is_of_no_use(name: str, format_name: str) -> None:
    """A profile that is broken, hostile or of other colours is ignored, as viewers do."""
    np.testing.assert_array_equal(
        tensor_of(SOURCE, format_name, icc_profile=UNUSABLE[name]), tensor_of(SOURCE, format_name)
    )


def test_profile_when_bytes_of_it_are_changed() -> None:
    """Whatever a profile holds, there is a whole tensor."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        changed = np.frombuffer(GOOD, dtype=np.uint8).copy()
        changed[rng.integers(0, len(changed), 4)] = rng.integers(0, 256, 4)
        tensor = tensor_of(SOURCE, icc_profile=changed.tobytes())
        assert np.isfinite(tensor).all()
        assert tensor.min() >= 0
        assert tensor.max() <= 1


def test_cmyk_when_it_has_a_profile() -> None:
    """CMYK pictures are refused in words, with or without a profile."""
    cmyk = profile(b"CMYK", {b"kTRC": curve(1.0)}, b"prtr")
    with pytest.raises(UnsupportedImageError, match="CMYK"):
        canonicalise(encoded(Image.new("CMYK", (8, 8)), "JPEG", icc_profile=cmyk), SIDE)


def test_earlier_preprocessing() -> None:
    """Version 1 takes colours as they are stored, so that certificates of then can be checked."""
    data = encoded(SOURCE, icc_profile=GOOD)
    earlier = canonicalise(data, SIDE, Preprocessing(version=PreprocessingVersion.WITHOUT_PROFILES)).tensor
    np.testing.assert_array_equal(earlier, tensor_of(SOURCE))
    assert (earlier != canonicalise(data, SIDE).tensor).any()
