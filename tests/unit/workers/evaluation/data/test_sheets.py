import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.images import Preprocessing, ResizeMode
from robustify.errors import InvalidInputError, RobustifyError
from workers.evaluation.data.dataset import samples_of, stacked
from workers.evaluation.data.reading import read_dataset


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
    """Image i of a sheet is the i-th tile, as floats in [0, 1], named by its sheet and number."""
    dataset = read_dataset(sheets, "test_5", 32)

    assert stacked(dataset).shape == (5, 3, 32, 32)
    assert [round(float(image.mean() * 255)) for image in stacked(dataset)] == [0, 1, 2, 3, 4]
    assert [sample.file for sample in samples_of(dataset)] == [f"test_5.webp#{number}" for number in range(5)]
    assert dataset.class_names == ("a", "b")


def test_digest_of_whole_sheets_is_that_of_earlier_releases(sheets: Path) -> None:
    """It is over the pixels as float32 and the labels, so that their rows resume."""
    dataset = read_dataset(sheets, "test_5", 32)
    expected = hashlib.sha256(stacked(dataset).tobytes() + b"[0, 1, 1, 0, 1]").hexdigest()

    assert dataset.digest == expected
    assert read_dataset(sheets, "test_5", 32, limit=9).digest == expected


def test_limit_takes_images_of_all_classes(sheets: Path) -> None:
    """Images and labels are chosen alike, over the classes, and have a digest of their own."""
    whole, dataset = read_dataset(sheets, "test_5", 32), read_dataset(sheets, "test_5", 32, limit=2)

    assert list(dataset.labels) == [0, 1]
    assert [sample.file for sample in samples_of(dataset)] == ["test_5.webp#0", "test_5.webp#1"]
    assert dataset.digest != whole.digest


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

    assert np.array_equal(stacked(kept), stacked(read_dataset(sheets, "test_5", 32)))


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n broken"])
def test_damaged_sheet_is_named_by_its_images(sheets: Path, content: bytes) -> None:
    """Each of them says what is wrong, and nothing fails."""
    (sheets / "test_5.webp").write_bytes(content)
    found = list(samples_of(read_dataset(sheets, "test_5", 32)))

    assert [sample.tensor for sample in found] == [None] * 5
    assert {sample.problem for sample in found} == {
        "test_5.webp cannot be read as an image: it is damaged, or of another kind"
    }


def test_sheet_of_another_size_is_named(sheets: Path) -> None:
    """So is a `labels.json` that cannot be read."""
    Image.new("RGB", (640, 800)).save(sheets / "test_5.webp")
    dataset = read_dataset(sheets, "test_5", 32)

    assert dataset.sample(0).problem == "test_5.webp is not a sheet: it must be 800 x 640 pixels"
    assert dataset.digest
    for content, match in (("{", "not JSON"), ("[]", "no class_names")):
        (sheets / "labels.json").write_text(content)
        with pytest.raises(RobustifyError, match=match):
            read_dataset(sheets, "test_5", 32)
