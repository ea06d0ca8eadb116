import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.images import Preprocessing, ResizeMode, canonicalise
from robustify.errors import InvalidInputError, RobustifyError
from workers.evaluation.datasets import read_dataset

EXAMPLES = Path(__file__).parents[3] / "data" / "cifar10"


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    """A folder with one sheet of 500 images, of which image i is filled with i modulo 256."""
    values = (np.arange(500) % 256).astype(np.uint8).reshape(20, 25)
    pixels = np.repeat(np.repeat(values, 32, axis=0), 32, axis=1)
    Image.fromarray(np.stack([pixels] * 3, axis=-1)).save(tmp_path / "test_5.webp", lossless=True)
    labels = {"class_names": ["a", "b"], "test_5": [0, 1, 1, 0, 1]}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    return tmp_path


def test_sheets_are_read_row_by_row(sheets: Path) -> None:
    """Image i of a sheet is the i-th tile, as floats in [0, 1]."""
    dataset = read_dataset(sheets, "test_5", 32)

    assert dataset.images.shape == (5, 3, 32, 32)
    assert [round(float(image.mean() * 255)) for image in dataset.images] == [0, 1, 2, 3, 4]
    assert dataset.class_names == ("a", "b")


def test_limit_takes_the_first_images(sheets: Path) -> None:
    """Images and labels are cut alike."""
    dataset = read_dataset(sheets, "test_5", 32, limit=2)

    assert len(dataset.images) == len(dataset.labels) == 2


@pytest.mark.parametrize(("split", "side", "match"), [("train", 32, "unknown split"), ("test_5", 224, "32 x 32")])
def test_sheets_that_do_not_fit_are_refused(sheets: Path, split: str, side: int, match: str) -> None:
    """An unknown split, or a profile of another size, is one clear error."""
    with pytest.raises(InvalidInputError, match=match):
        read_dataset(sheets, split, side)


def test_sheets_when_the_profile_cuts_pictures(sheets: Path) -> None:
    """What was cut to the canonical size already is not cut again: it is refused, and says what to give instead."""
    with pytest.raises(InvalidInputError, match="give a folder of images"):
        read_dataset(sheets, "test_5", 32, preprocessing=Preprocessing(ResizeMode.RESIZE_256_CROP_224))
    kept = read_dataset(sheets, "test_5", 32, preprocessing=Preprocessing(ResizeMode.PAD))

    assert np.array_equal(kept.images, read_dataset(sheets, "test_5", 32).images)


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_class_folders_when_the_profile_has_a_resize_mode(mode: ResizeMode) -> None:
    """Pictures are the tensors that the service would make of them."""
    dataset = read_dataset(EXAMPLES, None, 24, limit=1, preprocessing=Preprocessing(mode))
    first = sorted((EXAMPLES / "airplane").iterdir())[0].read_bytes()

    assert np.array_equal(dataset.images[0], canonicalise(first, 24, Preprocessing(mode)).tensor)


def test_class_folders_name_their_classes() -> None:
    """Each folder is a class, in alphabetical order; each has its turn, with its images in alphabetical order."""
    dataset = read_dataset(EXAMPLES, None, 32)
    second_cat = canonicalise(sorted((EXAMPLES / "cat").iterdir())[1].read_bytes(), 32).tensor

    assert len(dataset) == 50
    assert dataset.class_names[0] == "airplane"
    assert list(dataset.labels) == [*range(10)] * 5
    assert np.array_equal(dataset.images[13], second_cat)


def test_limit_covers_all_classes(tmp_path: Path) -> None:
    """However many images are taken, no class has two more than another that still has some; more come after them."""
    for name, images in {"a": 3, "b": 1, "c": 9}.items():
        (tmp_path / name).mkdir()
        for index in range(images):
            Image.new("RGB", (32, 32), (index, 0, 0)).save(tmp_path / name / f"{index}.png")
    datasets = [read_dataset(tmp_path, None, 32, limit) for limit in range(1, 14)]

    assert list(datasets[-1].labels) == [0, 1, 2, 0, 2, 0, 2, 2, 2, 2, 2, 2, 2]
    for shorter, longer in zip(datasets, datasets[1:], strict=False):
        assert np.array_equal(shorter.images, longer.images[: len(shorter)])
        assert shorter.digest == longer.digest


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n broken"])
def test_broken_image_is_named(tmp_path: Path, content: bytes) -> None:
    """In a class folder or a sheet, and it is no fault of the command line's user."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(content)
    with pytest.raises(RobustifyError, match=r"a/0\.png cannot be used") as raised:
        read_dataset(tmp_path, None, 32)
    assert not isinstance(raised.value, InvalidInputError)
    (tmp_path / "test.png").write_bytes(content)
    (tmp_path / "labels.json").write_text('{"class_names": ["a"], "test": [0]}')
    with pytest.raises(RobustifyError, match=r"test\.png cannot be read") as raised:
        read_dataset(tmp_path, "test", 32)
    assert not isinstance(raised.value, InvalidInputError)


def test_sheet_of_another_size_is_named(sheets: Path) -> None:
    """So is a `labels.json` that cannot be read."""
    Image.new("RGB", (640, 800)).save(sheets / "test_5.webp")
    with pytest.raises(RobustifyError, match=r"test_5\.webp is not a sheet: it must be 800 x 640"):
        read_dataset(sheets, "test_5", 32)
    for content, match in (("{", "not JSON"), ("[]", "no class_names")):
        (sheets / "labels.json").write_text(content)
        with pytest.raises(RobustifyError, match=match):
            read_dataset(sheets, "test_5", 32)


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    """An empty folder, or none, is no data set."""
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidInputError, match="dataset must be"):
            read_dataset(folder, None, 32)
