"""The first of many concepts, and their shares."""

import numpy as np
import pytest

from workers.evaluation.concepts.ranking import ranking

CONCEPTS = ("bird", "cat", "dog", "ship")


def test_ranking_when_two_are_equal() -> None:
    """The most similar comes first, of equal ones the first of the list; shares are of all concepts."""
    found = ranking(CONCEPTS, np.array([0.1, 0.3, 0.3, 0.2]), scale=10.0, top=3)

    assert [one.concept for one in found.top] == ["cat", "dog", "ship"]
    assert found.top[0].share == pytest.approx(np.exp(3) / (np.exp(1) + 2 * np.exp(3) + np.exp(2)))
    assert found.kept is None


def test_ranking_after_an_attack() -> None:
    """It counts the concepts that were among the first before."""
    before = ranking(CONCEPTS, np.array([0.1, 0.3, 0.25, 0.2]), scale=100.0, top=2)
    after = ranking(CONCEPTS, np.array([0.4, 0.3, 0.1, 0.2]), scale=100.0, top=2, before=before)

    assert [one.concept for one in after.top] == ["bird", "cat"]
    assert after.kept == 1
