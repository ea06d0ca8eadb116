"""One text for each document (RFC 8785), and no document that could be written otherwise."""

import json

import pytest

from adapters.canonical_json import canonical_bytes, canonical_digest, parse_strictly


def test_bytes_when_the_example_of_the_standard_is_written() -> None:
    """The example of RFC 8785, section 3.2.2: sorted names, shortest numbers, no spaces."""
    document = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '€$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )

    assert canonical_bytes(document) == expected.encode()


def test_digest_when_a_number_lost_its_decimals() -> None:
    """1.0 and 1 are one number to JSON: a document that went through a browser has the same digest."""
    assert canonical_digest({"k": 1.0, "a": [2]}) == canonical_digest({"a": [2.0], "k": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800", {1: 2}, {3}])
def test_bytes_when_json_cannot_say_it(value: object) -> None:
    """An error that callers expect, and no text."""
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
        canonical_bytes({"value": value})


def test_bytes_when_a_document_has_no_end() -> None:
    """Likewise for lists in lists in lists."""
    document: object = 0
    for _ in range(100_000):
        document = [document]
    with pytest.raises(ValueError, match="nested too deep"):
        canonical_bytes(document)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":NaN}',
        '{"a":1E-12}',
        '{"a":0.10}',
        '{"a":0.30000000000000005}',
        '{"a":-0}',
        '{"a":1',
        "",
        '"\xff',
        "[" * 100_000,
        "1" * 5000,
    ],
)
def test_parsing_when_the_same_could_be_written_otherwise(text: str) -> None:
    """Names that come twice and numbers with other digits than the shortest are refused, as is what is not JSON."""
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
        parse_strictly(text.encode("latin-1"))


@pytest.mark.parametrize("number", [1e-12, 1e-7, 0.25, 1.0, 1e16, 1e21, 1e22, 0.30000000000000004, 5e-324])
def test_parsing_when_python_or_javascript_wrote_it(number: float) -> None:
    """Both spell a number in their own shortest way, and both are read."""
    for text in (json.dumps([number]).encode(), canonical_bytes([number])):
        assert parse_strictly(text) == [number]
