import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.datasets import read_dataset
from robustify.errors import InvalidInputError

EXAMPLES = Path(__file__).parents[2] / "data" / "cifar10"


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


def test_class_folders_name_their_classes() -> None:
    """Each folder is a class, in alphabetical order, with its images in theirs."""
    dataset = read_dataset(EXAMPLES, None, 32)

    assert len(dataset) == 50
    assert dataset.class_names[0] == "airplane"
    assert list(dataset.labels[:6]) == [0, 0, 0, 0, 0, 1]


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    """An empty folder, or none, is no data set."""
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidInputError, match="dataset must be"):
            read_dataset(folder, None, 32)
