"""What a label and a template may be: text that a person can tell apart, and that a model sees as it was written."""

import unicodedata
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from adapters.bounds import MAX_LABEL_LENGTH, MAX_LABELS, MAX_TEMPLATE_LENGTH, MIN_LABELS

REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode's control, format, surrogate and private characters, and its line and paragraph separators."""
SLOT = "{}"


def check_labels(labels: list[str]) -> list[str]:
    """The labels in NFC without outer spaces, in their order; refuses what cannot be told apart."""
    if not MIN_LABELS <= len(labels) <= MAX_LABELS:
        raise _refusal(f"{len(labels)} were given: give {MIN_LABELS} to {MAX_LABELS} labels.")
    cleaned = [check_label(label, number) for number, label in enumerate(labels, start=1)]
    check_distinct(cleaned)
    return cleaned


def check_label(label: str, number: int) -> str:
    cleaned = clean(label, f"Label {number}")
    if not 1 <= len(cleaned) <= MAX_LABEL_LENGTH:
        raise _refusal(f"Label {number} has {len(cleaned)} characters: give 1 to {MAX_LABEL_LENGTH}.")
    return cleaned


def check_distinct(labels: Sequence[str]) -> None:
    """Refuses labels that differ only in case, width, spaces or the like."""
    numbers: dict[str, int] = {}
    for number, label in enumerate(labels, start=1):
        first = numbers.setdefault(folded(label), number)
        if first != number:
            raise _refusal(f"Labels {first} and {number} are the same but for case, width or spaces: drop one.")


def check_template(template: str) -> str:
    cleaned = clean(template, "The template")
    if len(cleaned) > MAX_TEMPLATE_LENGTH:
        raise _refusal(f"The template has {len(cleaned)} characters: give at most {MAX_TEMPLATE_LENGTH}.")
    if cleaned.count(SLOT) != 1:
        raise _refusal("The template must have {} exactly once, where the label goes.")
    return cleaned


def clean(text: str, what: str) -> str:
    """NFC without outer spaces; refuses characters that do not show."""
    cleaned = unicodedata.normalize("NFC", text.strip(" \t\r\n"))
    if any(unicodedata.category(character) in REFUSED_CATEGORIES for character in cleaned):
        raise _refusal(f"{what} has control, invisible or private characters: leave them out.")
    return cleaned.strip()


def folded(label: str) -> str:
    """Labels that a person would read as one have one folded form."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold()).split())


def _refusal(message: str) -> PydanticCustomError:
    # The message stands in the context, because braces in a template of pydantic's mean something.
    return PydanticCustomError("text", "{message}", {"message": message})


Labels = Annotated[
    list[str],
    Field(fail_fast=True, json_schema_extra={"minItems": MIN_LABELS, "maxItems": MAX_LABELS}),
    AfterValidator(check_labels),
]
Template = Annotated[
    str,
    Field(description="Prompt; {} stands for the label.", json_schema_extra={"maxLength": MAX_TEMPLATE_LENGTH}),
    AfterValidator(check_template),
]
