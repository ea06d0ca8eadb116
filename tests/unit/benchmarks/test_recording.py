"""Votes that are counted when they are asked for, and what is kept of them."""

import numpy as np
import pytest

from benchmarks.studies.recording import KeptVotes, Votes, votes_of
from robustify.smoothing.votes import NO_VOTE
from workers.evaluation.runs import Row


def test_votes_when_they_are_asked_for_again() -> None:
    """Each sample is counted once, in order and without a gap, and a sample without a vote is none."""
    asked: list[tuple[int, int]] = []

    def more(first: int, count: int) -> np.ndarray:
        asked.append((first, count))
        return np.array([NO_VOTE if sample == 3 else sample % 2 for sample in range(first, first + count)])

    votes = KeptVotes(2, more)

    assert [votes(0, 2), votes(0, 4), votes(2, 2), votes(6, 2)] == [[1, 1], [2, 1], [1, 0], [1, 1]]
    assert asked == [(0, 2), (2, 2), (4, 4)]


def test_votes_when_they_were_recorded() -> None:
    """They say the same when they are read, and nothing of what was not recorded."""
    made = Votes(KeptVotes(3, each=np.array([0, 2])), KeptVotes(3, each=np.array([1, NO_VOTE, 2, 2])))
    row = Row(index=0, label=0, answer=None, radius=None, seconds=0, run="", votes_for_each_sample=made.digits)
    read = votes_of(row, 3)

    assert (read.selection(0, 2), read.estimation(0, 4)) == ([1, 0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match="4 votes were recorded and 5 are asked for"):
        read.estimation(0, 5)
