"""The study of number formats, on votes made up."""

import numpy as np
import pytest

from benchmarks.studies.dtype_agreement import FIRST, agreement


def test_agreement_when_some_votes_differ() -> None:
    """Votes are compared one by one, top classes image by image; a sample without a vote agrees with no class."""
    votes = {
        FIRST: np.array([[0, 0, 1, 1, 1], [2, 2, 2, 2, 2]]),
        "same": np.array([[0, 0, 1, 1, 1], [2, 2, 2, 2, 2]]),
        "other": np.array([[0, 0, 0, 1, 1], [2, 2, 2, -1, -1]]),
    }
    found = agreement(votes, 3)

    assert found["same"] == {"votes": 1.0, "top_classes": 1.0}
    assert found["other"] == {"votes": pytest.approx(0.7), "top_classes": 0.5}
    assert FIRST not in found
