"""What a label and a template may be."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from adapters.labels import REFUSED_CATEGORIES, Labels, Template, check_labels, check_template, folded

LABELS = TypeAdapter[list[str]](Labels)
TEMPLATE = TypeAdapter[str](Template)


def test_cleaned() -> None:
    """Labels are kept in their order, in NFC and without outer spaces."""
    assert check_labels([" cat\n", "cafe\u0301", "Straße"]) == ["cat", "café", "Straße"]


@pytest.mark.parametrize(
    "labels",
    [["ice cream", "icecream"], ["résumé", "resume"], ["1", "2"], ["猫", "犬"], ["AI", "Al"], ["{}", "{0}"]],
)
def test_distinct(labels: list[str]) -> None:
    """Labels that a person can tell apart are taken."""
    assert check_labels(labels) == labels


@pytest.mark.parametrize(
    "labels",
    [["Cat", "cat"], ["ice cream", "ice  cream"], ["ice\u00a0cream", "ice cream"], ["ﬁsh", "fish"], ["ß", "SS"]],
)
def test_same_but_for_form(labels: list[str]) -> None:
    """Labels that differ only in case, width or spaces are refused, by their numbers."""
    with pytest.raises(PydanticCustomError, match="Labels 1 and 2"):
        check_labels(labels)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\u200b", "\u202e", "\ue000", "\u2028", "\U000e0041"])
def test_characters_that_do_not_show(character: str) -> None:
    """No label and no template has characters that do not show."""
    with pytest.raises(PydanticCustomError, match="Label 2 has control"):
        check_labels(["cat", f"do{character}g"])
    with pytest.raises(PydanticCustomError, match="The template has control"):
        check_template(f"a{character} {{}}")


@given(st.lists(st.text(max_size=120), max_size=6))
def test_any_text(texts: list[str]) -> None:
    """Whatever is sent, it is refused, or it is labels that keep every rule; checking them again changes nothing."""
    try:
        labels = LABELS.validate_python(texts)
    except ValidationError:
        return
    assert len(labels) == len(texts) >= 2
    assert len({folded(label) for label in labels}) == len(labels)
    assert all(1 <= len(label) <= 100 and label == label.strip() for label in labels)
    assert not {unicodedata.category(character) for label in labels for character in label} & REFUSED_CATEGORIES
    assert LABELS.validate_python(labels) == labels


@given(st.text(max_size=220))
def test_any_template(text: str) -> None:
    """A template that is taken has its slot once and is short."""
    try:
        template = TEMPLATE.validate_python(text)
    except ValidationError:
        return
    assert template.count("{}") == 1
    assert len(template) <= 200


def test_braces_in_a_message() -> None:
    """The message about the slot is shown as it is written."""
    with pytest.raises(ValidationError, match="must have {} exactly once"):
        TEMPLATE.validate_python("a photo of {label}")
