"""What a label and a template may be: text that a person can tell apart, and that a model sees as it was written."""

import hashlib
import html
import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from difflib import get_close_matches
from typing import Annotated

import ftfy
import regex
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from adapters.contract.bounds import MAX_LABEL_LENGTH, MAX_LABELS, MAX_TEMPLATE_LENGTH, MAX_TEMPLATES, MIN_LABELS
from robustify.errors import InvalidInputError
from robustify.types import DEFAULT_TEMPLATE

REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode's control, format, surrogate and private characters, and its line and paragraph separators."""
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u20e3\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters, marks and selectors that show nothing, or make a picture of what stands before them."""
SLOT = "{}"
MOST_NAMED = 10
"""A message names so many mistakes of one kind, and counts the others."""
Label = Annotated[str, Field(examples=["horse"], json_schema_extra={"minLength": 1, "maxLength": MAX_LABEL_LENGTH})]
ID_LETTERS = 16
SUGGESTIONS = 3
SPLIT = regex.compile(
    r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)


def check_labels(labels: list[str]) -> list[str]:
    """The labels in NFC without outer spaces, in their order; refuses what cannot be told apart."""
    if not MIN_LABELS <= len(labels) <= MAX_LABELS:
        raise _refusal(f"{len(labels)} were given: give {MIN_LABELS} to {MAX_LABELS} labels.")
    cleaned = [check_label(label, number) for number, label in enumerate(labels, start=1)]
    check_distinct(cleaned)
    return cleaned


def check_label(label: str, number: int) -> str:
    cleaned = clean(label, f"Label {number}", MAX_LABEL_LENGTH)
    if not cleaned:
        raise _refusal(f"Label {number} is empty: give 1 to {MAX_LABEL_LENGTH} characters.")
    return cleaned


def check_distinct(labels: Sequence[str]) -> None:
    """Refuses labels that a person or CLIP's tokenizer would read as one."""
    if pairs := read_as_one(labels):
        named = name_pairs(labels, pairs)
        raise _refusal(f"Some are the same but for case, width, spaces or the like: {named}. Keep one of each.")


def read_as_one(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs that a person or CLIP's tokenizer would read as one, by their indices."""
    return sorted({*repeats(case_folded(text) for text in texts), *repeats(clip_words(text) for text in texts)})


def repeats(keys: Iterable[Hashable]) -> list[tuple[int, int]]:
    """The index of each key that was there before, behind the index at which it was first."""
    firsts: dict[Hashable, int] = {}
    pairs = ((firsts.setdefault(key, index), index) for index, key in enumerate(keys))
    return [(first, later) for first, later in pairs if first != later]


def name_pairs(labels: Sequence[str], pairs: Sequence[tuple[int, int]]) -> str:
    """Pairs of labels, given by their indices, in words; numbers begin with 1."""
    shown = [f"{numbered(labels, first)} and {numbered(labels, later)}" for first, later in pairs[:MOST_NAMED]]
    return listed(shown, len(pairs))


def name_labels(labels: Sequence[str], indices: Sequence[int]) -> str:
    """Labels, given by their indices, in words."""
    return listed([numbered(labels, index) for index in indices[:MOST_NAMED]], len(indices))


def numbered(labels: Sequence[str], index: int) -> str:
    return f"{labels[index]!r} ({index + 1})"


def listed(shown: Sequence[str], count: int) -> str:
    """The first ones, and how many more of `count` there are."""
    return "; ".join(shown) + (f"; and {count - len(shown)} more" if count > len(shown) else "")


def check_template(template: str, what: str = "The template") -> str:
    cleaned = clean(template, what, MAX_TEMPLATE_LENGTH)
    if cleaned.count(SLOT) != 1:
        raise _refusal(f"{what} must have {{}} exactly once, where the label goes.")
    return cleaned


def check_templates(templates: list[str]) -> list[str]:
    """The templates of an ensemble, cleaned, in their order; refuses one that comes twice."""
    if not 1 <= len(templates) <= MAX_TEMPLATES:
        raise _refusal(f"{len(templates)} were given: give 1 to {MAX_TEMPLATES} templates.")
    cleaned = [check_template(template, f"Template {number}") for number, template in enumerate(templates, start=1)]
    if pairs := read_as_one(cleaned):
        named = name_pairs(cleaned, pairs)
        raise _refusal(f"Some are the same but for case, width, spaces or the like: {named}. Keep one of each.")
    return cleaned


def clean(text: str, what: str, longest: int) -> str:
    """NFC without outer spaces; refuses what is too long, as it came or cleaned, and characters that do not show."""
    cleaned = unicodedata.normalize("NFC", text.strip(" \t\r\n"))
    if (length := max(len(text), len(cleaned))) > longest:
        raise _refusal(f"{what} has {length} characters: give at most {longest}.")
    if INVISIBLE.search(cleaned) or any(unicodedata.category(character) in REFUSED_CATEGORIES for character in cleaned):
        raise _refusal(f"{what} has control, invisible or private characters: leave them out.")
    return cleaned.strip()


def case_folded(label: str) -> str:
    """Labels that a person would read as one have one folded form."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold()).split())


def _refusal(message: str) -> PydanticCustomError:
    # The message stands in the context, because braces in a template of pydantic's mean something.
    return PydanticCustomError("text", "{message}", {"message": message})


Labels = Annotated[
    list[Label],
    Field(fail_fast=True, json_schema_extra={"minItems": MIN_LABELS, "maxItems": MAX_LABELS, "uniqueItems": True}),
    AfterValidator(check_labels),
]


Template = Annotated[
    str,
    Field(
        description="Prompt; {} stands for the label, exactly once.",
        examples=[DEFAULT_TEMPLATE],
        json_schema_extra={"minLength": len(SLOT), "maxLength": MAX_TEMPLATE_LENGTH},
    ),
    AfterValidator(check_template),
]


Templates = Annotated[
    list[
        Annotated[
            str,
            Field(
                examples=[DEFAULT_TEMPLATE],
                json_schema_extra={"minLength": len(SLOT), "maxLength": MAX_TEMPLATE_LENGTH},
            ),
        ]
    ],
    Field(
        fail_fast=True,
        description="A prompt ensemble in place of `template`: each label is compared by the mean of its features over "
        "all of these.",
        examples=[["a photo of a {}", "a drawing of a {}"]],
        json_schema_extra={"minItems": 1, "maxItems": MAX_TEMPLATES, "uniqueItems": True},
    ),
    AfterValidator(check_templates),
]


def task_id(name: str) -> str:
    """The server's name for a task: names that a person would read as one are one."""
    return hashlib.sha256(case_folded(name).encode()).hexdigest()[:ID_LETTERS]


def class_indices(class_names: Sequence[str], labels: Sequence[str]) -> list[int]:
    """The class that each label stands for, whatever its case and spaces. Raises InvalidInputError for others."""
    known = {case_folded(name): index for index, name in enumerate(class_names)}
    keys = [case_folded(label) for label in labels]
    if unknown := [place for place, key in enumerate(keys) if key not in known]:
        raise InvalidInputError(
            f"labels that are none of the {len(class_names)} classes: {name_labels(labels, unknown)}"
            f"{suggestion(keys[unknown[0]], class_names)}",
            field="labels",
        )
    return [known[key] for key in keys]


def suggestion(label: str, class_names: Sequence[str]) -> str:
    """Classes of a similar name, as the end of a message."""
    by_key = {case_folded(name): name for name in class_names}
    near = [by_key[key] for key in get_close_matches(label, by_key, SUGGESTIONS)]
    return f". Similar to {label!r}: {', '.join(near)}" if near else ""


def clip_words(text: str) -> tuple[str, ...]:
    """The words that open_clip's `SimpleTokenizer` looks up: texts with the same words have the same tokens."""
    cleaned = html.unescape(html.unescape(ftfy.fix_text(text)))
    return tuple(SPLIT.findall(" ".join(cleaned.split()).lower()))
