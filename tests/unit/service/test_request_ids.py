"""The name of a request: taken where it is safe, else made."""

import pytest

from service.request_ids import SAFE, request_id, traceparent_of


@pytest.mark.parametrize("given", ["a", "0b7c-41.f_2", "x" * 64])
def test_id_when_it_is_safe(given: str) -> None:
    """It is kept."""
    assert request_id([given]) == given


@pytest.mark.parametrize(
    "given", [[], [""], ["x" * 65], ["two words"], ["a\u00e9"], ['"'], ["a", "b"], ["a,b"], ["{}"]]
)
def test_id_when_it_is_not_safe(given: list[str]) -> None:
    """Another is made, each time a new one."""
    first, second = request_id(given), request_id(given)
    assert SAFE.fullmatch(first)
    assert first != second
    assert first not in given


@pytest.mark.parametrize("given", ["", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "01-" + "a" * 32, "00-" + "G" * 32])
def test_trace_when_it_is_none(given: str) -> None:
    """It is left out."""
    assert traceparent_of({"traceparent": given}) is None
