"""How a picture becomes square: for each mode the tensor is that of another library, and no change of pixels moves it
further than the norm."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from adapters.images import (
    MAX_REDUCED_SIDE,
    USUAL,
    Preprocessing,
    PreprocessingVersion,
    ResizeMode,
    canonicalise,
    canonicalise_for,
    operator_norm,
    read_preprocessing,
    resize_windows,
)
from adapters.images.decode import decode
from robustify.types import Noise
from tests.pictures import encoded, pixels

MODES = [pytest.param(Preprocessing(mode), id=mode) for mode in ResizeMode]
KEEPING = [pytest.param(Preprocessing(mode), id=mode) for mode in ResizeMode if mode.keeps_squares]
SIDE = 8
RANDOM_SIZES = [tuple(int(size) for size in pair) for pair in np.random.default_rng(14).integers(2, 21, (6, 2))]
SIZES = [(8, 8), (9, 9), (3, 5), (13, 9), (16, 24), (2, 100), (100, 2), (3, 150), *RANDOM_SIZES]
SIZES_TO_COMPARE = [(32, 32), (36, 36), (48, 32), (100, 61), (61, 100), (17, 9), (7, 350), (350, 7), (500, 333)]


def reference(source: np.ndarray, side: int, mode: ResizeMode) -> np.ndarray:
    """By torch in float64: the whole picture resized, and then cut or padded."""
    height, width, _ = source.shape
    shorter, longer = min(height, width), max(height, width)
    if mode is ResizeMode.SQUASH:
        return resized(source, side, side)
    if mode is ResizeMode.PAD:
        rows, columns = (max(1, round(side * length / longer)) for length in (height, width))
        square = np.full((3, side, side), 0.5)
        top, left = (side - rows) // 2, (side - columns) // 2
        square[:, top : top + rows, left : left + columns] = resized(source, rows, columns)
        return square
    short = {ResizeMode.SHORTER_SIDE: side, ResizeMode.RESIZE_256_CROP_224: round(side * 256 / 224)}[mode]
    rows, columns = (short if length == shorter else int(short * length / shorter) for length in (height, width))
    top, left = round((rows - side) / 2), round((columns - side) / 2)
    return resized(source, rows, columns)[:, top : top + side, left : left + side]


def resized(source: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The rows first: torch's own order repeats one row where a single column is left."""
    image = torch.from_numpy(np.ascontiguousarray(source.transpose(2, 0, 1)) / 255.0)[None]
    for size in ((rows, source.shape[1]), (rows, columns)):
        image = interpolate(image, size, mode="bilinear", antialias=True)
    found: np.ndarray = image[0].numpy()
    return found


def dense(height: int, width: int, way: Preprocessing) -> np.ndarray:
    """W (side^2, pixels) of one channel, as measured: what one white pixel after the other adds to a black picture."""
    black = np.zeros((height, width, 3), dtype=np.uint8)
    constant = canonicalise(encoded(black), SIDE, way).tensor[0].astype(np.float64)
    columns = []
    for place in range(height * width):
        picture = black.copy()
        picture.reshape(-1, 3)[place] = 255
        columns.append((canonicalise(encoded(picture), SIDE, way).tensor[0] - constant).ravel())
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("way", MODES)
@pytest.mark.parametrize(("height", "width"), SIZES_TO_COMPARE)
@pytest.mark.parametrize("side", [32, 45])
def test_tensor_of_each_mode(way: Preprocessing, height: int, width: int, side: int) -> None:
    """It is what another library makes of the whole picture, in float and with antialias."""
    source = pixels(height, width)
    image = canonicalise(encoded(source), side, way)

    assert image.tensor.shape == (3, side, side)
    assert image.tensor.dtype == np.float32
    assert image.tensor.flags.c_contiguous
    np.testing.assert_allclose(image.tensor, reference(source, side, way.mode), atol=1e-5)


def test_tensor_of_the_papers_size() -> None:
    """Side 224 is cut out of a picture whose shorter side became 256."""
    source = pixels(256, 300)
    image = canonicalise(encoded(source), 224, Preprocessing(ResizeMode.RESIZE_256_CROP_224))

    expected = source[16:240, 38:262].transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(image.tensor, expected)
    assert image.source_norm == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("way", MODES)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_norm_of_each_mode(way: Preprocessing, height: int, width: int) -> None:
    """It is the largest singular value of the map as it is measured, rounded up; a change of pixels in that direction
    moves the tensor by the norm, and none by more."""
    matrix = dense(height, width, way)
    _, values, directions = np.linalg.svd(matrix)
    norm = canonicalise(encoded(pixels(height, width)), SIDE, way).source_norm
    worst = directions[0] / np.abs(directions[0]).max()
    grey = np.full(height * width, 127.0)
    sources = [np.rint(level).astype(np.uint8) for level in (grey, grey + 100 * worst)]
    pictures = [level.reshape(height, width, 1).repeat(3, axis=2) for level in sources]
    before, after = (canonicalise(encoded(picture), SIDE, way).tensor.astype(float) for picture in pictures)
    stretch = np.linalg.norm(after - before) / np.linalg.norm((pictures[1].astype(float) - pictures[0]) / 255)

    assert values[0] * (1 - 1e-6) <= norm <= values[0] * (1 + 3e-6)
    assert norm * (1 - 2e-3) <= stretch <= norm * (1 + 1e-6)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    way=st.builds(Preprocessing, st.sampled_from(ResizeMode)),
    height=st.integers(2, 120),
    width=st.integers(2, 120),
    side=st.integers(1, 40),
    reach=st.sampled_from([1, 30, 255]),
)
def test_norm_when_pixels_change(way: Preprocessing, height: int, width: int, side: int, reach: int) -> None:
    """Two pictures of one size differ in their tensors by at most the norm times the difference of their pixels."""
    first = pixels(height, width, seed=side)
    change = np.random.default_rng(reach).integers(-reach, reach + 1, first.shape)
    second = np.clip(first + change, 0, 255).astype(np.uint8)
    before, after = (canonicalise(encoded(source), side, way) for source in (first, second))
    moved = np.linalg.norm(after.tensor.astype(float) - before.tensor)
    distance = np.linalg.norm((second.astype(float) - first) / 255)

    assert before.source_norm == after.source_norm
    assert moved <= before.source_norm * distance * (1 + 1e-6)


@pytest.mark.parametrize("way", KEEPING)
def test_picture_of_the_canonical_size(way: Preprocessing) -> None:
    """It is taken as it is, by every mode that keeps squares."""
    source = pixels(SIDE, SIDE)
    image = canonicalise(encoded(source), SIDE, way)

    np.testing.assert_array_equal(image.tensor, source.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    assert image.source_norm == 1.0


def test_picture_when_its_centre_is_cut_out() -> None:
    """The one mode that keeps no squares cuts the picture of the canonical size too."""
    way = Preprocessing(ResizeMode.RESIZE_256_CROP_224)
    source = pixels(SIDE, SIDE)

    assert not way.mode.keeps_squares
    assert (canonicalise(encoded(source), SIDE, way).tensor != canonicalise(encoded(source), SIDE).tensor).any()


@pytest.mark.parametrize(("noise", "grey"), [(Noise.GAUSSIAN, 0.5), (Noise.LATTICE, 128 / 255)])
def test_padding(noise: Noise, grey: float) -> None:
    """What the picture does not fill is grey, the nearest whole level with lattice noise, whatever the picture is."""
    way = Preprocessing(ResizeMode.PAD)
    for seed in (0, 1):
        tensor = canonicalise_for(noise, encoded(pixels(16, 5, seed)), SIDE, way).tensor
        assert (tensor[:, :, :3] == np.float32(grey)).all()
        assert (tensor[:, :, 5:] == np.float32(grey)).all()
        assert (tensor[:, :, 3:5] != np.float32(grey)).any()


@pytest.mark.slow
@pytest.mark.parametrize("way", MODES)
def test_mode_when_a_large_picture_is_reduced(way: Preprocessing) -> None:
    """The tensor, the size and the norm are those of the decoded, reduced pixels."""
    gradient = np.linspace(0, 255, MAX_REDUCED_SIDE)[None, :, None] * np.ones((64, 1, 3))
    data = encoded(gradient.astype(np.uint8), "JPEG", quality=95)
    image = canonicalise(data, SIDE, way)
    reduced = np.asarray(decode(data).image)
    height, width, _ = reduced.shape
    rows, columns = resize_windows(height, width, SIDE, way.mode)

    assert (image.reduced_by, image.source_height, image.source_width) == (2, height, width)
    assert (height, width) == (32, MAX_REDUCED_SIDE // 2)
    assert image.source_norm == operator_norm(rows) * operator_norm(columns)
    np.testing.assert_allclose(image.tensor, reference(reduced, SIDE, way.mode), atol=2e-5)


def test_usual_mode() -> None:
    """Who names no mode gets the tensor that there has always been, and states it as before."""
    source = encoded(pixels(40, 31))
    named = canonicalise(source, SIDE, Preprocessing(ResizeMode.SHORTER_SIDE))

    np.testing.assert_array_equal(canonicalise(source, SIDE).tensor, named.tensor)
    assert USUAL.stated(224) == "2/224"


@pytest.mark.parametrize("version", list(PreprocessingVersion))
@pytest.mark.parametrize("mode", list(ResizeMode))
def test_preprocessing_when_it_is_stated(mode: ResizeMode, version: PreprocessingVersion) -> None:
    """It is read as what it was."""
    way = Preprocessing(mode, version)

    assert read_preprocessing(way.stated(32)) == way


@pytest.mark.parametrize("stated", ["", "2", "3/32", "2/32/", "2/32/crop", "2/32/pad/pad", "None"])
def test_preprocessing_when_it_is_not_known(stated: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r".+"):
        read_preprocessing(stated)
