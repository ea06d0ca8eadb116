"""From a file to the canonical tensor: what is refused, what is exact, and how far source pixels move the tensor."""

import hashlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from adapters import images
from adapters.images import canonicalise, crop_windows, operator_norm, resize_matrix
from robustify.errors import UnreadableImageError, UnsupportedImageError

SIDE = 32
SIZES = [(32, 32), (64, 64), (48, 32), (100, 61), (61, 100), (17, 9), (2, 3), (33, 500), (8000, 3)]


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image: Image.Image | np.ndarray, format_name: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(buffer, format_name, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def raw_png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def png_16_bits(colour: int) -> bytes:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    return raw_png(8, 8, 16, colour, (b"\0" + b"\x12\x34" * channels * 8) * 8)


def with_many_scans() -> bytes:
    jpeg = encoded(pixels(16, 16), "JPEG", progressive=True)
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + scan * 100 + jpeg[-2:]


def frames(format_name: str) -> bytes:
    first, second = (Image.fromarray(pixels(8, 8, seed)) for seed in (0, 1))
    return encoded(first, format_name, save_all=True, append_images=[second])


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", images.NOT_AN_IMAGE),
    "text": (lambda: b"<html>hello</html>", images.NOT_AN_IMAGE),
    "header only": (lambda: encoded(pixels(8, 8))[:12], images.NOT_AN_IMAGE),
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', images.NOT_AN_IMAGE),
    "bmp": (lambda: encoded(pixels(8, 8), "BMP"), images.NOT_AN_IMAGE),
    "animated gif": (lambda: frames("GIF"), images.NOT_AN_IMAGE),
    "tiff": (lambda: encoded(pixels(8, 8), "TIFF"), images.NOT_AN_IMAGE),
    "animated png": (lambda: frames("PNG"), images.ANIMATED),
    "animated webp": (lambda: frames("WEBP"), images.ANIMATED),
    "16-bit grey": (lambda: png_16_bits(0), images.NOT_8_BITS),
    "16-bit rgb": (lambda: png_16_bits(2), images.NOT_8_BITS),
    "16-bit grey with alpha": (lambda: png_16_bits(4), images.NOT_8_BITS),
    "16-bit rgba": (lambda: png_16_bits(6), images.NOT_8_BITS),
    "cmyk": (lambda: encoded(Image.new("CMYK", (8, 8)), "JPEG"), images.CMYK),
    "truncated png": (lambda: encoded(pixels(64, 64))[:2000], images.DAMAGED),
    "truncated jpeg": (lambda: encoded(pixels(64, 64), "JPEG")[:1500], images.DAMAGED),
    "damaged png": (lambda: raw_png(8, 8, 8, 2, b"\x07" * 100), images.DAMAGED),
    "1 x 1": (lambda: encoded(pixels(1, 1)), images.TOO_SMALL),
    "1 x 20": (lambda: encoded(pixels(1, 20)), images.TOO_SMALL),
    "over 25 megapixels": (lambda: encoded(Image.new("L", (5001, 5000))), images.TOO_LARGE),
    "over 8192 wide": (lambda: encoded(Image.new("L", (8193, 10))), images.TOO_LARGE),
    "400 megapixels declared": (lambda: raw_png(20000, 20000, 8, 2, b"\0" * 50), images.TOO_LARGE),
    "100 megapixels declared": (lambda: raw_png(10000, 10000, 8, 2, b"\0" * 50), images.TOO_LARGE),
    "many scans": (with_many_scans, images.TOO_MANY_SCANS),
}
FIXED_TEXTS = {message for _, message in REFUSED.values()}
UNSUPPORTED = {images.NOT_AN_IMAGE, images.ANIMATED, images.NOT_8_BITS, images.CMYK}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_refused_files(name: str) -> None:
    """Each file that cannot be certified is refused with its own fixed text, as an unsupported kind or a bad image."""
    make, message = REFUSED[name]
    with pytest.raises(UnreadableImageError) as caught:
        canonicalise(make(), SIDE)
    assert str(caught.value) == message
    assert caught.value.field == "image"
    assert isinstance(caught.value, UnsupportedImageError) == (message in UNSUPPORTED)


def test_bomb_warning_as_error() -> None:
    """A bomb is refused with the same text where warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnreadableImageError, match="megapixels"):
            canonicalise(raw_png(10000, 10000, 8, 2, b"\0" * 50), SIDE)


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
            assert str(error) in FIXED_TEXTS  # noqa: PT017 - either outcome is right
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
    rows, columns = crop_windows(height, width, SIDE)
    planes = source.transpose(2, 0, 1) / 255
    expected = resize_matrix(rows) @ planes @ resize_matrix(columns).T
    np.testing.assert_allclose(canonicalise(encoded(source), SIDE).tensor, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_source_norm(height: int, width: int) -> None:
    """No perturbation of the source pixels moves the tensor by more than the norm; the worst one by nearly as much."""
    rows, columns = (resize_matrix(window) for window in crop_windows(height, width, SIDE))
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
    axes = [resize_matrix(window) for window in crop_windows(height, width, SIDE)]
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
    assert operator_norm(crop_windows(320, 320, SIDE)[0]) < 0.5
    assert operator_norm(crop_windows(16, 16, SIDE)[0]) > 1


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
