"""Lists of concepts, as people have them."""

from pathlib import Path

import pytest

from robustify.errors import InvalidInputError
from workers.evaluation.concepts.lists import MOST_CONCEPTS, concepts_of


def test_list_when_a_file_has_blanks_and_repeats(tmp_path: Path) -> None:
    """Each concept comes once, in its order, without outer spaces; what differs in case is the same."""
    file = tmp_path / "words.txt"
    file.write_text("\ufeffmarine animal\n\n  a long,  horizontal bar \nMarine Animal\n", encoding="utf-8")

    assert concepts_of(file, ["shark"]) == ("marine animal", "a long, horizontal bar", "shark")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 concepts"),
        (b"one\n", "1 concepts"),
        (b"\xff\xfe\x00", "no text file"),
        (b"a\n" + b"b" * 301, "over 300"),
    ],
)
def test_list_that_cannot_be_used(tmp_path: Path, content: bytes, message: str) -> None:
    """It is refused in a sentence."""
    file = tmp_path / "words.txt"
    file.write_bytes(content)

    with pytest.raises(InvalidInputError, match=message):
        concepts_of(file, ())


def test_list_that_is_missing(tmp_path: Path) -> None:
    """It is refused, and too long a list too."""
    with pytest.raises(InvalidInputError, match="no text file"):
        concepts_of(tmp_path / "none.txt", ())
    with pytest.raises(InvalidInputError, match="100001 concepts"):
        concepts_of(None, [str(number) for number in range(MOST_CONCEPTS + 1)])
