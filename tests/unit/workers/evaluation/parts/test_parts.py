"""What parts are: every N-th image, and all of them together each image once."""

from pathlib import Path

import pytest

from robustify.errors import InvalidInputError
from workers.evaluation.parts.part import MOST_PARTS, Part, all_parts, part_named, part_of


@pytest.mark.parametrize(("images", "parts"), [(1, 1), (7, 3), (8, 8), (3, 5), (20_000, 8)])
def test_indices_when_all_parts_are_put_together(images: int, parts: int) -> None:
    """Each image is in one part, and in its order there; also where there are fewer images than parts."""
    indices = [part.indices(images) for part in all_parts(parts)]
    assert sorted(index for found in indices for index in found) == list(range(images))
    assert list(Part(2, 3).indices(8)) == [1, 4, 7]


@pytest.mark.parametrize(
    "text", ["", "3", "0/8", "9/8", "1/0", "-1/8", "1/8/2", "a/b", "1 / 8", "01/8", f"1/{MOST_PARTS + 1}", "1/8\n"]
)
def test_part_when_it_is_none(text: str) -> None:
    """It is refused, and what one is is said."""
    with pytest.raises(InvalidInputError, match="I/N"):
        part_of(text)


def test_name_when_it_is_a_parts(tmp_path: Path) -> None:
    """It says which; another name says nothing."""
    part = part_of("3/8")
    assert part_named(part.file_in(tmp_path)) == part_named(part.folder_in(tmp_path)) == part
    assert str(part) == "3/8"
    others = ("rows.jsonl", "part-03-of-8.jsonl", "part-3-of-8.jsonl.old", "part-3-of-8.json")
    assert [part_named(tmp_path / name) for name in others] == [None] * len(others)
