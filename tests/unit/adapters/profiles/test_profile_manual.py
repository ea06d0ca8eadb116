"""The manual of profiles has every key that a file may have, with its default, its choices and what it says."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adapters.profiles.document import (
    ClassifierTable,
    DenoiserTable,
    GeneratorTable,
    Part,
    ProfileDocument,
    StatedLicence,
)
from adapters.profiles.kinds import CLASSIFIERS, DENOISERS
from adapters.profiles.options.preparing import PreparingOptions
from adapters.profiles.profile import AdaptationDefaults
from adapters.profiles.writing import value_text

MANUAL = (Path(__file__).parents[4] / "docs" / "profiles.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
TABLES = frozenset({"denoiser", "classifier", "generator"})
OPTIONS = {
    f"Options of `{kind}`": found.options
    for kind, found in {**DENOISERS, **CLASSIFIERS}.items()
    if found.options is not None
}
MODELS: Mapping[str, type[BaseModel]] = {
    "The whole file": ProfileDocument,
    "Every model": Part,
    "Its licence": StatedLicence,
    "The denoiser": DenoiserTable,
    "The classifier": ClassifierTable,
    "Options of classifiers": PreparingOptions,
    **OPTIONS,
}


def sections() -> Mapping[str, Sequence[tuple[str, str, str]]]:
    """By heading: each row's key, default and text."""
    parts = re.split(r"^### ", MANUAL, flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: ROW.findall(part) for part in parts}


def choices(field: FieldInfo) -> Sequence[str]:
    """What it may be, where that is a list of words."""
    annotations = [field.annotation, *get_args(field.annotation)]
    for annotation in annotations:
        if get_origin(annotation) is Literal:
            return [str(choice) for choice in get_args(annotation)]
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            return [str(choice.value) for choice in annotation]
    return []


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """Of its own section: what several kinds share is in a section of its own."""
    shared = next((base for base in (Part, PreparingOptions) if base in model.__mro__[1:]), None)
    without = TABLES if model is ProfileDocument else frozenset[str](shared.model_fields if shared else ())
    return (name for name in model.model_fields if name not in without)


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    default = field.default.value if isinstance(field.default, Enum) else field.default
    return "none" if default in (None, (), {}, "") else f"`{value_text(default)}`"


@pytest.mark.parametrize("heading", MODELS)
def test_keys_of_a_section(heading: str) -> None:
    """They are those of the record, in its order, with its defaults and descriptions."""
    model = MODELS[heading]
    expected = [(name, default_of(model.model_fields[name])) for name in keys_of(model)]
    rows = sections().get(heading, [])

    assert [(name, default) for name, default, _ in rows] == expected
    for name, _, text in rows:
        assert text.startswith(str(model.model_fields[name].description))
        assert name == "kind" or all(f"`{choice}`" in text for choice in choices(model.model_fields[name]))


def test_kinds() -> None:
    """All are named."""
    for kinds in (DENOISERS, CLASSIFIERS):
        assert re.sub(r"\s+", " ", ", ".join(f"`{kind}`" for kind in kinds)) in re.sub(r"\s+", " ", MANUAL)


def test_keys_of_the_adaptation() -> None:
    """They are those of the record, with its defaults."""
    fields = dataclasses.fields(AdaptationDefaults)
    expected = [(field.name, "none" if field.default is None else f"`{field.default}`") for field in fields]
    assert [(name, default) for name, default, _ in sections()["Adaptation"]] == expected


def test_generator() -> None:
    """It has no key of its own, as the manual says."""
    assert set(GeneratorTable.model_fields) == set(Part.model_fields)
