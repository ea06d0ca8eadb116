"""`robustify selftest`, when its workers are killed too often."""

from pathlib import Path

import pytest

from robustify.errors import RobustifyError
from workers.selftest import LINEAR, Killer, certify_random_images


def test_workers_that_are_killed_all_the_time(tmp_path: Path) -> None:
    """It does not hang: when no certificate ends for so long it fails, and says how many are left."""
    killer = Killer(seconds=0.01)
    verdicts = certify_random_images(tmp_path, LINEAR, 500, 0.01, 1, killer, lambda: None, stall_seconds=2)

    with pytest.raises(RobustifyError, match=r"no certificate ended within 2 s, \d+ of 500 are left, after \d+ kills"):
        list(verdicts)
    assert killer.kills > 0
