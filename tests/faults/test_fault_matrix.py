"""The fault matrix, with one or two runs of those faults that need little time; `make faults` has all."""

import pytest

from tests.faults.matrix import Row, chosen, try_row
from tests.faults.tried import line, words

SCALE = 0.004
QUICK = ("F1", "F4", "F5", "F8", "F13", "F14")


@pytest.mark.slow
@pytest.mark.parametrize("row", chosen(QUICK), ids=lambda row: row.name)
def test_fault_of_the_matrix(row: Row) -> None:
    """No accepted job is lost, counted twice, or answered otherwise than in an undisturbed run."""
    tried = try_row(row, SCALE, seed=1)
    assert tried.passed, f"{line(tried)} {words(tried)}"
