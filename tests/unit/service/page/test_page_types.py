"""The types for JavaScript."""

from tests.page_types import TYPES, described, heading


def test_types_when_the_description_moves_on() -> None:
    """They are those of this description: `python -m tests.page_types` makes them anew."""
    assert TYPES.read_text().partition("\n")[0] == heading(described())
