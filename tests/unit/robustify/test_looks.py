"""Votes as they add up from look to look."""

from collections.abc import Sequence

from robustify.smoothing.looks import Tally, counted, tallies


def test_tallies_when_the_last_part_is_short() -> None:
    """Each has the votes of all samples so far; the last ends at the cap."""
    found = list(tallies([[8, 2], [7, 2], [5, 0]], step=10, cap=25))

    assert found == [Tally(10, (8, 2)), Tally(20, (15, 4)), Tally(25, (20, 4))]
    assert [tally.missing for tally in found] == [0, 1, 1]


def test_counted_when_it_is_stopped() -> None:
    """Nothing is counted that was not asked for, and the last part ends at the cap."""
    asked: list[tuple[int, int]] = []

    def count_votes(first: int, count: int) -> Sequence[int]:
        asked.append((first, count))
        return [count, 0]

    parts = counted(count_votes, step=10, cap=25)
    assert next(parts) == [10, 0]
    assert asked == [(0, 10)]
    assert list(parts) == [[10, 0], [5, 0]]
    assert asked == [(0, 10), (10, 10), (20, 5)]
