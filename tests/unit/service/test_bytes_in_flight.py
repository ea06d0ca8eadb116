"""The budget of bytes in flight."""

import pytest

from service.bytes_in_flight import BytesInFlight
from service.errors import ProblemError


def test_reservation_when_there_is_no_room() -> None:
    """What does not fit is refused, and fits once other bodies have gone."""
    budget = BytesInFlight(100)
    first = budget.reserve(60)
    with pytest.raises(ProblemError, match="busy"):
        budget.reserve(41)
    with budget.reserve(40):
        assert budget.held == 100
    first.release()
    first.release()

    assert budget.held == 0
    assert budget.reserve(100)


def test_reservation_when_a_body_is_larger_than_the_budget() -> None:
    """It may come when no other is there: else it could never come."""
    budget = BytesInFlight(100)
    with budget.reserve(1000):
        assert budget.held == 100
    with budget.reserve(1), pytest.raises(ProblemError, match="busy"):
        budget.reserve(1000)


def test_reservation_when_one_key_sends_many_bodies() -> None:
    """It has half of the budget at most; one body it may always send, and without keys there are no halves."""
    budget = BytesInFlight(100)
    with budget.reserve(40, "one"):
        with pytest.raises(ProblemError, match="busy"):
            budget.reserve(20, "one")
        with budget.reserve(60, "other"):
            assert budget.held == 100
    with budget.reserve(50), budget.reserve(50):
        assert budget.held == 100


def test_reservation_when_it_is_forgotten() -> None:
    """Nothing is held for a request that is gone."""
    budget = BytesInFlight(100)
    reservation = budget.reserve(60)
    del reservation

    assert budget.held == 0
