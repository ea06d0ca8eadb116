"""When votes are looked at, and how they add up from look to look."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustify.smoothing.looks import Looks, Tally, counted, tallies


def test_tallies_when_the_last_part_is_short() -> None:
    """Each has the votes of all samples so far; the last ends at the cap."""
    found = list(tallies([[8, 2], [7, 2], [5, 0]], Looks(10), cap=25))

    assert found == [Tally(10, (8, 2)), Tally(20, (15, 4)), Tally(25, (20, 4))]
    assert [tally.missing for tally in found] == [0, 1, 1]


def test_tallies_when_there_are_fewer_parts_than_looks() -> None:
    """One for each part: the others are not known yet."""
    assert list(tallies([[4, 1]], Looks(5, 10, 20), cap=100)) == [Tally(5, (4, 1))]


def test_counted_when_it_is_stopped() -> None:
    """Nothing is counted that was not asked for, and the last part ends at the cap."""
    asked: list[tuple[int, int]] = []

    def count_votes(first: int, count: int) -> Sequence[int]:
        asked.append((first, count))
        return [count, 0]

    parts = counted(count_votes, Looks(10), cap=25)
    assert next(parts) == [10, 0]
    assert asked == [(0, 10)]
    assert list(parts) == [[10, 0], [5, 0]]
    assert asked == [(0, 10), (10, 10), (20, 5)]


@pytest.mark.parametrize(
    ("looks", "cap", "ends"),
    [
        (Looks(10), 25, (10, 20, 25)),
        (Looks(10), 30, (10, 20, 30)),
        (Looks(10), 7, (7,)),
        (Looks(10, 20, 50), 150, (10, 20, 70, 120, 150)),
        (Looks(10, 20, 50), 70, (10, 20, 70)),
        (Looks(10, 20, 50), 20, (10, 20)),
        (Looks(10, 20, 50), 21, (10, 20, 21)),
        (Looks(10, 20, 50), 15, (10, 15)),
        (Looks(30, 30, 100), 100, (30, 100)),
    ],
)
def test_looks_when_they_are_listed(looks: Looks, cap: int, ends: tuple[int, ...]) -> None:
    """Close together in the head, further apart behind it, and one at the cap."""
    assert looks.ends(cap) == ends


@given(st.integers(1, 9), st.integers(0, 9), st.integers(1, 40), st.integers(1, 200))
def test_spans_when_they_are_put_together(step: int, steps: int, stride: int, cap: int) -> None:
    """They cover every sample once, and each ends at a look."""
    looks = Looks(step, steps * step, stride) if steps else Looks(step)
    spans = list(looks.spans(cap))

    assert [sample for first, count in spans for sample in range(first, first + count)] == list(range(cap))
    assert tuple(first + count for first, count in spans) == looks.ends(cap)


@pytest.mark.parametrize("plan", [(0,), (10, 20), (10, 0, 50), (10, 25, 50), (10, 20, 0)])
def test_looks_when_they_are_no_plan(plan: tuple[int, ...]) -> None:
    """They are refused, and so is a phase without samples."""
    with pytest.raises(ValueError, match="in steps of"):
        Looks(*plan)
    with pytest.raises(ValueError, match="in steps of"):
        Looks(10).ends(0)
