"""Several label sets in one run of `robustify evaluate`: each names the classes of the data set in its own words."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from adapters.contract.certify import CertifyParameters
from adapters.contract.fields import FieldsError, parse_fields
from adapters.contract.label_sets import check_label_sets
from adapters.profiles.profile import Profile
from robustify.errors import InvalidInputError
from robustify.evaluation.metrics import ImageOutcome
from robustify.types import Task

FIELD = "label-set"
MAX_FILE_BYTES = 4 << 20
MAX_NAME_LENGTH = 100
SetsFile: TypeAdapter[Mapping[str, list[str]] | list[list[str]]] = TypeAdapter(
    Mapping[str, list[str]] | list[list[str]]
)


@dataclass(frozen=True)
class NamedLabelSet:
    """`of_classes` has a label for each class of the data set, in their order. Classes with the same label are one
    here: so a set may be coarser than the data set."""

    name: str
    of_classes: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Each once, in the order in which they first stand."""
        return tuple(dict.fromkeys(self.of_classes))

    def right(self, label: int) -> int:
        """Which of the labels is right for an image of this class of the data set."""
        return self.labels.index(self.of_classes[label])


class RowOfSet(BaseModel):
    """What became of one image in one label set."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    label_set: str
    label: int
    """The label that is right, among those of the set."""
    answer: int | None
    radius: float | None
    p_lower: float | None = None
    selection_votes: tuple[int, ...] | None = None
    votes: tuple[int, ...] | None = None
    outcome: str | None = None

    @property
    def image_outcome(self) -> ImageOutcome:
        """What the figures count."""
        return ImageOutcome(self.label, self.answer, self.radius)


def label_sets_in(file: Path) -> tuple[NamedLabelSet, ...]:
    """From JSON: an object of names and lists of labels, or a list of such lists. Raises InvalidInputError."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise InvalidInputError(f"{file.name} is larger than any label sets: {MAX_FILE_BYTES} bytes", FIELD)
        found = SetsFile.validate_python(json.loads(file.read_bytes()), strict=True)
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        raise InvalidInputError(
            f'{file.name} has no label sets: give JSON as {{"animals": ["cat", "dog"], "sizes": ["small", "large"]}}, '
            "with a label for each class of the data set",
            FIELD,
        ) from error
    return named(found.items()) if isinstance(found, Mapping) else numbered(found)


def numbered(label_sets: Sequence[Sequence[str]]) -> tuple[NamedLabelSet, ...]:
    """They are called by their number, from 1."""
    return named((str(number), labels) for number, labels in enumerate(label_sets, start=1))


def named(label_sets: Iterable[tuple[str, Sequence[str]]]) -> tuple[NamedLabelSet, ...]:
    return tuple(NamedLabelSet(name[:MAX_NAME_LENGTH], tuple(label.strip() for label in of)) for name, of in label_sets)


def task_of_sets(label_sets: Sequence[NamedLabelSet], classes: int, templates: Sequence[str], profile: Profile) -> Task:
    """All sets as what is asked. Raises InvalidInputError for a set that has another number of labels than the data set
    has classes, and for what `/certify` would refuse."""
    for one in label_sets:
        if len(one.of_classes) != classes:
            raise InvalidInputError(
                f"label set {one.name} has {len(one.of_classes)} labels for {classes} classes: give one for each "
                "class, the same one for classes that are alike",
                FIELD,
            )
    fields = {"label_sets": [list(one.labels) for one in label_sets], "templates": list(templates)}
    asked, problems = parse_fields("evaluate", CertifyParameters, fields, strict=True)
    if asked is not None and asked.label_sets is not None:
        problems = list(check_label_sets(asked.label_sets, asked, profile))
    if problems or asked is None or asked.label_sets is None:
        raise FieldsError(problems)
    return Task.of_sets(asked.label_sets, templates)
