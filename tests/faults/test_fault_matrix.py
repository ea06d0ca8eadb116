"""The fault matrix, with a few runs of each fault; `make faults` has all."""

import pytest

from tests.faults.matrix import LONG, ROWS, Row, line, try_row, words
from tests.small_disk import can_mount

SCALE = 0.004
"""One or two runs of each."""
TOO_LONG = ("F6-60", LONG, "F10-adapt")
"""Their single run takes a minute, or loads the models."""


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in TOO_LONG], ids=lambda row: row.name)
def test_a_fault_of_the_matrix(row: Row) -> None:
    """No accepted job is lost, counted twice, or answered otherwise than in an undisturbed run."""
    if row.name.startswith("F10") and not can_mount():
        pytest.skip("no file system can be mounted here")
    tried = try_row(row, SCALE, seed=1)
    assert tried.passed, f"{line(tried)} {words(tried)}"
