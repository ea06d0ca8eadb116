"""What a label and a template may be."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from adapters.contract.labels import REFUSED_CATEGORIES, Labels, Template, case_folded, check_labels, check_template

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
    [
        ["Cat", "cat"],
        ["ice cream", "ice  cream"],
        ["ice\u00a0cream", "ice cream"],
        ["ﬁsh", "fish"],
        ["ß", "SS"],
        ["route 66", "Route66"],
        ["salt &amp; pepper", "salt & pepper"],
        ["cat’s eye", "cat's eye"],
    ],
)
def test_same_but_for_form(labels: list[str]) -> None:
    """Labels that differ only in what a person or CLIP's tokenizer does not see are refused, by name and number."""
    with pytest.raises(PydanticCustomError, match="the same") as caught:
        check_labels(labels)
    assert f"{labels[0]!r} (1) and {labels[1]!r} (2)." in caught.value.message()


def test_several_pairs() -> None:
    """All pairs are named at once, whoever cannot tell them apart; from the eleventh on they are counted."""
    with pytest.raises(PydanticCustomError, match="the same") as caught:
        check_labels(["ß", "route 66", "dog", "SS", "Dog", "route66", "owl"])
    assert "'ß' (1) and 'SS' (4); 'route 66' (2) and 'route66' (6); 'dog' (3) and 'Dog' (5). " in caught.value.message()
    with pytest.raises(PydanticCustomError, match=r"'a9' \(10\) and 'A9' \(40\); and 20 more\."):
        check_labels([*(f"a{number}" for number in range(30)), *(f"A{number}" for number in range(30))])


def test_length_as_it_came() -> None:
    """What is longer than the description of the API says is refused, spaces or not; so is what gets longer in NFC."""
    assert check_labels(["cat", "d" * 100])[1] == "d" * 100
    for label in ["d" * 101, "d" * 100 + " ", "\u0958" * 60]:
        with pytest.raises(PydanticCustomError, match="Label 2 has 1[02][01] characters"):
            check_labels(["cat", label])
    with pytest.raises(PydanticCustomError, match="The template has 201 characters"):
        check_template("x" * 198 + "{} ")


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
    assert len({case_folded(label) for label in labels}) == len(labels)
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
