"""JSON bodies, whatever is in them."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.body.json_bodies import BASE64, decode_image, receive_json
from service.errors import ProblemError
from service.limits import UploadLimits, base64_length

LIMIT = 100
LIMITS = UploadLimits(image=LIMIT, body=LIMIT)


def body_with(image: object, **fields: object) -> bytes:
    return json.dumps({"image": image, **fields}).encode()


@given(st.binary(min_size=1, max_size=LIMIT))
def test_image(data: bytes) -> None:
    """The bytes of the image come back, up to the limit; the other fields are as they were sent."""
    text = base64.b64encode(data).decode()
    assert len(text) == base64_length(len(data))
    received = receive_json(body_with(text, n=3, sigma=None), LIMITS)
    assert (received.image, received.values, received.strict, received.problems) == (data, {"n": 3}, True, [])


def test_image_over_the_limit() -> None:
    """One byte over the limit is too large, however it is padded."""
    for size in range(LIMIT + 1, LIMIT + 5):
        with pytest.raises(ProblemError, match="too-large"):
            receive_json(body_with(base64.b64encode(b"a" * size).decode()), LIMITS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100.0", 100), ("1e2", 100), ("-0.0", 0), ("0.5", 0.5), ("9007199254740994.0", 9007199254740994.0)],
)
def test_number(text: str, expected: float) -> None:
    """A whole number is one however it is written, as in JSON Schema, up to where doubles tell all of them apart."""
    value = receive_json(f'{{"image": "YQ==", "n": {text}}}'.encode(), LIMITS).values["n"]
    assert (value, type(value)) == (expected, type(expected))


@given(st.from_regex(BASE64))
def test_base64_as_it_is_described(text: str) -> None:
    """Whatever has the pattern is decoded; to Python alone, `$` stands before a line's end too."""
    assert isinstance(decode_image(text.rstrip("\n"), UploadLimits(1 << 20, 1 << 20)), bytes)


@pytest.mark.parametrize("text", ["YQ", "YQ=", "Y Q==", "YQ==\n", "Y-_=", "YQ==YQ==", "ÿ", "=", "data:,YQ=="])
def test_strict_base64(text: str) -> None:
    """Only one way to write the bytes is taken."""
    with pytest.raises(ProblemError, match="malformed-body"):
        decode_image(text, LIMITS)


@pytest.mark.slow
@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.text(max_size=3), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_body(body: bytes) -> None:
    """Whatever is sent is a problem or is received."""
    try:
        assert receive_json(body, LIMITS).problems
    except ProblemError as error:
        assert 400 <= error.kind.status < 500  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(("image", "word"), [(None, "None"), ("", "empty"), (["YQ=="], "More than one"), (5, "base64")])
def test_no_image(image: object, word: str) -> None:
    """What is wrong with the image is told together with what is wrong with other fields."""
    received = receive_json(body_with(image, n=3), LIMITS)
    assert received.image is None
    assert received.values == {"n": 3}
    assert word in received.problems[0].detail
