"""From a file to the canonical tensor: what is refused, what is exact, and how far source pixels move the tensor."""

import hashlib
import io
import struct
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from adapters.images import canonicalise, operator_norm, refusals, resize_matrix, resize_windows
from robustify.errors import UnreadableImageError, UnsupportedImageError
from tests.pictures import (
    chunk,
    encoded,
    frames,
    pixels,
    png_16_bits,
    raw_png,
    riff,
    segment,
    with_chunks,
    with_segments,
)

SIDE = 32
SIZES = [(32, 32), (64, 64), (48, 32), (100, 61), (61, 100), (17, 9), (2, 3), (33, 500), (8000, 3)]


def with_many_scans() -> bytes:
    jpeg = encoded(pixels(16, 16), "JPEG", progressive=True)
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + scan * 100 + jpeg[-2:]


def jpeg_of(marker: bytes = b"\xff\xc0", **size: int) -> bytes:
    """A small JPEG whose header says otherwise."""
    jpeg = encoded(pixels(16, 16), "JPEG")
    place = jpeg.index(b"\xff\xc0")
    header = bytearray(marker + jpeg[place + 2 : place + 9])
    struct.pack_into(">HH", header, 5, size.get("height", 16), size.get("width", 16))
    return jpeg[:place] + bytes(header) + jpeg[place + 9 :]


def png_with(place: int, value: int) -> bytes:
    """A small PNG with another byte."""
    png = bytearray(encoded(pixels(8, 8)))
    png[place] = value
    return bytes(png)


PNG, JPEG, WEBP = (encoded(pixels(64, 64), format_name) for format_name in ("PNG", "JPEG", "WEBP"))
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", refusals.EMPTY),
    "text": (lambda: b"hello", refusals.NOT_AN_IMAGE),
    "animated png": (lambda: frames("PNG"), refusals.ANIMATED),
    "animated webp": (lambda: frames("WEBP"), refusals.ANIMATED),
    "16-bit grey": (lambda: png_16_bits(0), refusals.NOT_8_BITS),
    "16-bit rgb": (lambda: png_16_bits(2), refusals.NOT_8_BITS),
    "16-bit grey with alpha": (lambda: png_16_bits(4), refusals.NOT_8_BITS),
    "16-bit rgba": (lambda: png_16_bits(6), refusals.NOT_8_BITS),
    "12-bit jpeg": (lambda: JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"), refusals.NOT_8_BITS),
    "cmyk": (lambda: encoded(Image.new("CMYK", (8, 8)), "JPEG"), refusals.CMYK),
    "lossless jpeg": (lambda: jpeg_of(b"\xff\xc3"), refusals.RARE_JPEG),
    "arithmetic-coded jpeg": (lambda: jpeg_of(b"\xff\xc9"), refusals.RARE_JPEG),
    "png signature only": (lambda: PNG[:12], refusals.TRUNCATED),
    "png header only": (lambda: PNG[:33], refusals.TRUNCATED),
    "truncated png": (lambda: PNG[:2000], refusals.TRUNCATED),
    "png cut behind a chunk": (lambda: with_chunks(PNG[:33], chunk(b"tEXt", b"a\0b")), refusals.TRUNCATED),
    "jpeg start only": (lambda: JPEG[:2], refusals.TRUNCATED),
    "jpeg cut in its header": (lambda: JPEG[:300], refusals.TRUNCATED),
    "truncated jpeg": (lambda: JPEG[:1500], refusals.TRUNCATED),
    "truncated progressive": (lambda: encoded(pixels(64, 64), "JPEG", progressive=True)[:2000], refusals.TRUNCATED),
    "truncated webp": (lambda: WEBP[:-20], refusals.TRUNCATED),
    "webp header only": (lambda: WEBP[:20], refusals.TRUNCATED),
    "png through a text mode": (lambda: PNG.replace(b"\r\n", b"\n"), refusals.DAMAGED_HEADER),
    "png with another width": (lambda: png_with(19, 9), refusals.DAMAGED_HEADER),
    "png without checksum": (lambda: png_with(30, 0), refusals.DAMAGED_HEADER),
    "png with another first chunk": (lambda: png_with(12, ord("J")), refusals.DAMAGED_HEADER),
    "png of no colour type": (lambda: raw_png(8, 8, 8, 5, b""), refusals.DAMAGED_HEADER),
    "png of width 0": (lambda: raw_png(0, 8, 8, 2, b""), refusals.DAMAGED_HEADER),
    "png without its palette": (lambda: raw_png(8, 8, 8, 3, b"\0" * 72), refusals.DAMAGED_HEADER),
    "jpeg of height 0": (lambda: jpeg_of(height=0), refusals.DAMAGED_HEADER),
    "jpeg with two sizes": (
        lambda: with_segments(JPEG, segment(0xC0, b"\x08\0\1\0\1\1\1\x11\0")),
        refusals.DAMAGED_HEADER,
    ),
    "jpeg without a scan": (lambda: b"\xff\xd8" + segment(0xE0, b"JFIF") + b"\xff\xd9", refusals.DAMAGED_HEADER),
    "jpeg with many tables": (
        lambda: with_segments(JPEG, segment(0xDB, b"\0" + b"\1" * 64) * 2000),
        refusals.DAMAGED_HEADER,
    ),
    "webp of another chunk": (lambda: riff([(b"VP9 ", b"\0" * 50)]), refusals.DAMAGED_HEADER),
    "webp without start code": (lambda: riff([(b"VP8 ", b"\0" * 50)]), refusals.DAMAGED_HEADER),
    "damaged png": (lambda: raw_png(8, 8, 8, 2, b"\x07" * 100), refusals.DAMAGED),
    "png without data": (lambda: PNG[:33] + chunk(b"IEND", b""), refusals.DAMAGED),
    "damaged webp": (lambda: riff([(b"VP8 ", WEBP[20:40] + b"\0" * 9)]), refusals.DAMAGED),
    "1 x 1": (lambda: encoded(pixels(1, 1)), refusals.TOO_SMALL),
    "1 x 20": (lambda: encoded(pixels(1, 20)), refusals.TOO_SMALL),
    "over 25 megapixels": (lambda: encoded(Image.new("L", (5001, 5000))), refusals.TOO_LARGE),
    "over 8192 wide": (lambda: encoded(Image.new("L", (8193, 10))), refusals.TOO_LARGE),
    "400 megapixels declared": (lambda: raw_png(20000, 20000, 8, 2, b"\0" * 50), refusals.TOO_LARGE),
    "webp of 268 megapixels": (lambda: riff([(b"VP8X", b"\0" * 4 + b"\xfe\x3f\0" * 2)]), refusals.TOO_LARGE),
    "jpeg over 100 megapixels": (lambda: jpeg_of(width=10001, height=10000), refusals.TOO_LARGE_JPEG),
    "jpeg over 16384 wide": (lambda: jpeg_of(width=16385), refusals.TOO_LARGE_JPEG),
    "thin jpeg": (lambda: jpeg_of(width=16384, height=2), refusals.TOO_THIN),
    "many scans": (with_many_scans, refusals.TOO_MANY_SCANS),
    "many segments": (lambda: with_segments(JPEG, segment(0xE7, b"") * 20000), refusals.TOO_MANY_PARTS),
    "many chunks": (lambda: with_chunks(PNG, chunk(b"abCd", b"") * 20000), refusals.TOO_MANY_PARTS),
    "many webp chunks": (lambda: riff([(b"VP8 ", WEBP[20:]), *[(b"abcd", b"")] * 20000]), refusals.TOO_MANY_PARTS),
}
FIXED_TEXTS = {text for name, text in vars(refusals).items() if isinstance(text, str) and name.isupper()}
SEEMS = "The file is not a JPEG, PNG or WebP image. It seems to be "
UNSUPPORTED = {refusals.NOT_AN_IMAGE, refusals.ANIMATED, refusals.NOT_8_BITS, refusals.CMYK, refusals.RARE_JPEG}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_files(name: str) -> None:
    """Each file that cannot be certified is refused with its own fixed text, as an unsupported kind or a bad image."""
    make, message = REFUSED[name]
    with pytest.raises(UnreadableImageError) as caught:
        canonicalise(make(), SIDE)
    assert str(caught.value) == message
    assert caught.value.field == "image"
    assert isinstance(caught.value, UnsupportedImageError) == (message in UNSUPPORTED)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_files(data: st.DataObject) -> None:
    """A file with changed bytes is refused with a fixed text or gives a whole tensor; nothing else happens."""
    format_name = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP"]))
    original = bytearray(encoded(pixels(16, 16), format_name))
    for _ in range(data.draw(st.integers(1, 4))):
        original[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tensor = canonicalise(bytes(original), SIDE).tensor
        except UnreadableImageError as error:
            assert str(error) in FIXED_TEXTS or str(error).startswith(SEEMS)  # noqa: PT017 - either outcome is right
        else:
            assert np.isfinite(tensor).all()


def test_canonical_size() -> None:
    """An image of the canonical size keeps its pixels exactly, and a radius is the same in both spaces."""
    source = pixels(SIDE, SIDE)
    data = encoded(source)
    image = canonicalise(data, SIDE)
    np.testing.assert_array_equal(image.tensor, source.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    assert image.tensor.dtype == np.float32
    assert image.tensor.flags.c_contiguous
    assert image.source_norm == 1.0
    assert (image.source_height, image.source_width) == (SIDE, SIDE)
    assert image.source_sha256 == hashlib.sha256(data).hexdigest()


def test_crop_only() -> None:
    """An image whose shorter side fits is only cropped, in the middle, and the norm is exactly 1."""
    source = pixels(SIDE, SIDE + 10)
    image = canonicalise(encoded(source), SIDE)
    np.testing.assert_array_equal(
        image.tensor, source[:, 5 : 5 + SIDE].transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    )
    assert image.source_norm == 1.0


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_resize_then_crop(height: int, width: int) -> None:
    """The tensor is what torchvision's Resize and CenterCrop give when Pillow resizes each channel in float."""
    source = pixels(height, width)
    shorter = min(height, width)
    resized = [SIDE if length == shorter else int(SIDE * length / shorter) for length in (height, width)]
    top, left = (round((length - SIDE) / 2) for length in resized)
    for index, channel in enumerate(canonicalise(encoded(source), SIDE).tensor):
        whole = Image.fromarray(source[..., index].astype(np.float32))
        expected = np.asarray(whole.resize((resized[1], resized[0]), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(channel * 255, expected[top : top + SIDE, left : left + SIDE], atol=0.05)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_matrices(height: int, width: int) -> None:
    """The matrices whose norm is given are those that Pillow applies."""
    source = pixels(height, width)
    rows, columns = resize_windows(height, width, SIDE)
    planes = source.transpose(2, 0, 1) / 255
    expected = resize_matrix(rows) @ planes @ resize_matrix(columns).T
    np.testing.assert_allclose(canonicalise(encoded(source), SIDE).tensor, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_source_norm(height: int, width: int) -> None:
    """No perturbation of the source pixels moves the tensor by more than the norm; the worst one by nearly as much."""
    rows, columns = (resize_matrix(window) for window in resize_windows(height, width, SIDE))
    norm = canonicalise(encoded(pixels(height, width)), SIDE).source_norm
    exact = np.linalg.svd(rows, compute_uv=False)[0] * np.linalg.svd(columns, compute_uv=False)[0]
    assert exact <= norm <= exact * (1 + 3e-6)
    worst = np.outer(np.linalg.svd(rows)[2][0], np.linalg.svd(columns)[2][0])
    for perturbation in (worst, np.random.default_rng(0).standard_normal((height, width)), np.ones((height, width))):
        moved = rows @ perturbation @ columns.T
        assert np.linalg.norm(moved) <= norm * np.linalg.norm(perturbation)
    assert np.linalg.norm(rows @ worst @ columns.T) >= norm * (1 - 1e-5)


def test_measured_perturbation() -> None:
    """Two files differ in their tensors by at most the norm times the difference of their pixels."""
    first, second = pixels(90, 70, seed=1), pixels(90, 70, seed=2)
    tensors = [canonicalise(encoded(source), SIDE) for source in (first, second)]
    distance = np.linalg.norm((first.astype(float) - second) / 255)
    assert np.linalg.norm(tensors[0].tensor - tensors[1].tensor) <= tensors[0].source_norm * distance


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_norm_when_the_file_is_perturbed(height: int, width: int) -> None:
    """The worst change of the file's pixels, found by power iteration, moves the measured tensor by the norm to a
    thousandth; random changes, and those against it, by less."""
    grey, rng = np.full((height, width), 127.0), np.random.default_rng(3)
    axes = [resize_matrix(window) for window in resize_windows(height, width, SIDE)]
    directions = [rng.random(length) for length in (height, width)]
    for _ in range(2000):
        directions = [axis.T @ (axis @ found) for axis, found in zip(axes, directions, strict=True)]
        directions = [found / np.abs(found).max() for found in directions]
    changes = [np.outer(*directions) * 100, *(rng.uniform(-100, 100, (3, height, width)))]
    stretches = []
    for change in changes:
        sources = [np.rint(grey + part)[..., None].repeat(3, axis=2).astype(np.uint8) for part in (0 * change, change)]
        before, after = (canonicalise(encoded(source), SIDE) for source in sources)
        moved = np.linalg.norm(after.tensor.astype(float) - before.tensor)
        distance = np.linalg.norm((sources[1].astype(float) - sources[0]) / 255)
        stretches.append(moved / distance / before.source_norm)

    assert 1 - 1e-3 <= stretches[0] <= 1 + 1e-6
    assert max(stretches[1:]) < stretches[0]


def test_norm_of_reduction() -> None:
    """Reduction averages noise away, so a radius in source pixels is larger; enlarging repeats it."""
    assert operator_norm(resize_windows(320, 320, SIDE)[0]) < 0.5
    assert operator_norm(resize_windows(16, 16, SIDE)[0]) > 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation(orientation: int, format_name: str) -> None:
    """A picture that is stored turned is certified as viewers show it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(pixels(32, 47), format_name, exif=exif.tobytes())
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(canonicalise(data, SIDE).tensor, canonicalise(encoded(shown), SIDE).tensor)


def test_broken_exif() -> None:
    """A whole picture with broken metadata is taken as it is stored."""
    source = pixels(32, 32)
    data = encoded(source, exif=b"Exif\0\0not a directory")
    np.testing.assert_array_equal(canonicalise(data, SIDE).tensor, canonicalise(encoded(source), SIDE).tensor)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
def test_other_modes(mode: str) -> None:
    """Opaque pictures of other modes are the same tensor as their RGB picture."""
    picture = Image.fromarray(pixels(40, 32)).convert("P" if mode == "P" else mode)
    expected = canonicalise(encoded(picture.convert("RGB")), SIDE).tensor
    np.testing.assert_array_equal(canonicalise(encoded(picture), SIDE).tensor, expected)


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
def test_alpha(format_name: str) -> None:
    """Transparent parts show white; half-transparent ones are mixed in float."""
    source = np.zeros((SIDE, SIDE, 4), dtype=np.uint8)
    source[:, :10, 3] = 255
    source[:, 10:20, 3] = 51
    tensor = canonicalise(
        encoded(source, format_name, **({"lossless": True} if format_name == "WEBP" else {})), SIDE
    ).tensor
    np.testing.assert_allclose(tensor[:, :, :10], 0)
    np.testing.assert_allclose(tensor[:, :, 10:20], 0.8, atol=1e-6)
    np.testing.assert_allclose(tensor[:, :, 20:], 1)


def test_transparent_colour() -> None:
    """A palette or colour key with a transparent entry is composited too."""
    palette = Image.new("P", (SIDE, SIDE), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    key = Image.new("RGB", (SIDE, SIDE), (9, 9, 9))
    for data in (encoded(palette, transparency=0), encoded(key, transparency=(9, 9, 9))):
        np.testing.assert_allclose(canonicalise(data, SIDE).tensor, 1)


def test_unreadable_orientation() -> None:
    """Metadata that point nowhere, count too many entries or name no direction leave the picture as it is stored."""
    source = pixels(32, 47)
    expected = canonicalise(encoded(source), SIDE).tensor
    for exif in (b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", tiff(0), tiff(9), tiff(65535), b"MM"):
        np.testing.assert_array_equal(
            canonicalise(with_chunks(encoded(source), chunk(b"eXIf", exif)), SIDE).tensor, expected
        )


def tiff(orientation: int) -> bytes:
    return b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0x0112, 3, 1, orientation) + b"\0" * 4


def test_photo_with_previews() -> None:
    """A multi-picture JPEG, as phones write it, is its first picture."""
    first, second = (Image.fromarray(pixels(64, 64, seed)) for seed in (0, 1))
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(data)).format == "MPO"
    np.testing.assert_array_equal(canonicalise(data, SIDE).tensor, canonicalise(encoded(first, "JPEG"), SIDE).tensor)


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width", "side"), [(2, 8192, 224), (8192, 3051, 32)])
def test_large_and_long(height: int, width: int, side: int) -> None:
    """The largest and the longest allowed images give a whole tensor: no intermediate image grows with the ratio."""
    tensor = canonicalise(encoded(Image.new("RGB", (width, height), (255, 255, 255))), side).tensor
    np.testing.assert_allclose(tensor, 1)
