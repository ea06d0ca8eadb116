"""Folders of pictures without labels."""

from pathlib import Path

import pytest
from PIL import Image

from adapters.images import USUAL
from workers.evaluation.advice.unlabelled import NO_LABEL, is_unlabelled, unlabelled_pictures


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), "teal").save(path)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    for number in range(6):
        picture(tmp_path / "flat" / f"{number}.png")
    (tmp_path / "flat" / "notes.txt").touch()
    (tmp_path / "flat" / "empty").mkdir()
    return tmp_path / "flat"


def test_folder_of_pictures_alone(flat: Path) -> None:
    """It is one without labels, and becomes one of labels as soon as something says what pictures show."""
    assert is_unlabelled(flat)
    (flat / "labels.csv").write_text("file,label\n0.png,cat\n")
    assert not is_unlabelled(flat)


@pytest.mark.parametrize("name", ["none", "classes"])
def test_folder_of_something_else(tmp_path: Path, name: str) -> None:
    """A folder that is not there, and one of class folders with a stray picture beside them, are none."""
    picture(tmp_path / "classes" / "cat" / "0.png")
    picture(tmp_path / "classes" / "stray.png")

    assert not is_unlabelled(tmp_path / name)


def test_pictures_when_some_are_taken(flat: Path) -> None:
    """They lie at even distances over the names; what is no picture is left out and told."""
    found = unlabelled_pictures(flat, ("cat", "dog"), 32, 3, USUAL)

    assert [found.sample(index).file for index in range(len(found))] == ["0.png", "2.png", "4.png"]
    assert set(found.labels) == {NO_LABEL}
    assert found.class_names == ("cat", "dog")
    assert [(left.count, left.names) for left in found.report.left_out] == [(1, ("notes.txt",))]
