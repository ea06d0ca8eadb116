"""Reference images of the user's: which pictures are taken, which are held back, and what is said of the others."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.images import canonicalise
from adapters.models.training import own_references
from adapters.models.training.own_references import OwnReferences, Wanted, find_pictures, read_own_references
from adapters.profiles.library import find_profile
from robustify.errors import InvalidInputError

MINI = find_profile("mini")
ANY = Wanted(shots=None, held_back=None, most_held_back=4, seed=0)
MEBIBYTE = 2**20
Make = Callable[[Mapping[str, int]], Path]


def picture(number: int, kind: str = "PNG", side: int = 40) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (side, side + 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Make:
    """Folders with so many different pictures each."""

    def make(counts: Mapping[str, int]) -> Path:
        number = 0
        for name, count in counts.items():
            (tmp_path / name).mkdir()
            for _ in range(count):
                number += 1
                (tmp_path / name / f"{number}.png").write_bytes(picture(number))
        return tmp_path

    return make


def read(root: Path, wanted: Wanted = ANY, labels: list[str] | None = None, largest: int = MEBIBYTE) -> OwnReferences:
    return read_own_references(find_pictures(root, labels), MINI, wanted, largest)


def test_pictures_when_labels_have_different_numbers(folder: Make) -> None:
    """A fourth of the fewest is held back of each, all others are learned, and none is in both."""
    own = read(folder({"cat": 5, "guinea_pig": 9}))
    learned, held_back = own.references

    assert own.pictures.labels == ("cat", "guinea pig")
    assert (own.shots, own.held_back) == (8, 1)
    assert learned.labels.bincount().tolist() == [4, 8]
    assert held_back.labels.tolist() == [0, 1]
    assert len(torch.cat([learned.images, held_back.images]).flatten(1).unique(dim=0)) == 14
    assert own.summary == "12 pictures to adapt with, 2 held back; none left out"


def test_tensors_are_the_canonical_ones(folder: Make) -> None:
    """Those that the service makes of the same files, whatever their kind; labels stand by their pictures."""
    root = folder({"cat": 2, "dog": 2})
    (root / "cat" / "photo.JPG").write_bytes(picture(90, "JPEG"))
    (root / "dog" / "drawing.webp").write_bytes(picture(91, "WEBP"))
    learned, held_back = read(root).references
    expected = {
        canonicalise(file.read_bytes(), MINI.side).tensor.tobytes(): index
        for index, name in enumerate(("cat", "dog"))
        for file in (root / name).iterdir()
    }
    found = zip(
        torch.cat([learned.images, held_back.images]), torch.cat([learned.labels, held_back.labels]), strict=True
    )

    assert {image.numpy().tobytes(): int(label) for image, label in found} == expected


def test_what_is_no_picture_is_counted(folder: Make) -> None:
    """Hidden files and folders, other kinds, folders in folders and pictures that are there twice."""
    root = folder({"cat": 3, "dog": 3, ".ipynb_checkpoints": 1, "__MACOSX": 1})
    (root / "cat" / "._1.png").write_bytes(b"")
    (root / "cat" / "notes.txt").write_bytes(b"")
    (root / "dog" / "more").mkdir()
    (root / "order.json").write_bytes(b"{}")
    (root / "cat" / "copy.png").write_bytes((root / "cat" / "1.png").read_bytes())
    own = read(root, replace(ANY, shots=1))

    assert own.summary == (
        "2 pictures to adapt with, 2 held back; left out: 3 hidden, 3 of other kinds (order.json; cat/notes.txt; "
        "dog/more), 1 there twice, 2 more than --shots"
    )


def test_labels_that_are_given(folder: Make) -> None:
    """Their order is kept; a folder is found by its name as it is, or with its signs as spaces."""
    root = folder({"T-shirt": 2, "guinea_pig": 2, "go kart": 2})

    assert read(root, labels=["guinea pig", "t-shirt", "go kart"]).pictures.labels == (
        "guinea pig",
        "t-shirt",
        "go kart",
    )
    for labels, message in (
        (["guinea pig", "T-shirt"], "none of the labels: 'go kart'"),
        (["guinea pig", "T-shirt", "go kart", "ox"], "labels without a folder: 'ox'"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            find_pictures(root, labels)


def test_choice_when_files_have_other_names(folder: Make) -> None:
    """Content and seed alone decide what is held back; another seed holds others back."""
    root = folder({"cat": 8, "dog": 8})
    first, other = read(root), read(root, replace(ANY, seed=1))
    for number, file in enumerate(sorted((root / "cat").iterdir(), reverse=True)):
        file.rename(root / "cat" / f"renamed-{number}.png")
    again = read(root)

    assert again.digest == first.digest != other.digest
    assert torch.equal(again.images, first.images)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (
            {"cat": 2, "dog": 1},
            "at least 2 different pictures .*, 1 of them to judge by: 'dog' has 1",
        ),
        ({"cat": 2, "dog": 0}, "'dog' has 0"),
        ({}, "has no folders: make one"),
        ({"a_b": 2, "a-b": 2}, "two folders have the same label"),
    ],
)
def test_folder_with_too_little(folder: Make, counts: Mapping[str, int], message: str) -> None:
    """What is needed is said, and which label lacks it."""
    with pytest.raises(InvalidInputError, match=message):
        read(folder(counts))


def test_file_that_cannot_be_used(folder: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named: damaged, too large, or under two labels."""
    root = folder({"cat": 3, "dog": 3})
    with pytest.raises(InvalidInputError, match=r"cat/1.png has \d+ bytes, over 100"):
        read(root, largest=100)
    (root / "dog" / "same.png").write_bytes((root / "cat" / "2.png").read_bytes())
    with pytest.raises(InvalidInputError, match="one picture has two labels: cat/2.png and dog/same.png"):
        read(root)
    (root / "dog" / "same.png").write_bytes(b"\x89PNG damaged")
    with pytest.raises(InvalidInputError, match="dog/same.png cannot be used"):
        read(root)
    with pytest.raises(InvalidInputError, match="is no folder"):
        find_pictures(tmp_path / "gone", None)
    monkeypatch.setattr(own_references, "MOST_PICTURES", 5)
    with pytest.raises(InvalidInputError, match="7 pictures of"):
        read(root)
