"""Several label sets in one certificate: what may be asked, and of which profiles."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

from adapters.contract.bounds import MAX_LABEL_SETS, MAX_LABELS, MIN_LABEL_SETS
from adapters.contract.fields import FieldProblem
from adapters.contract.labels import Labels, case_folded, listed, repeats
from adapters.contract.prompts import check_prompts
from adapters.contract.templates import Prompted, check_templates_fit, templates_of
from adapters.profiles.profile import Profile
from robustify.types import Task

FIELD = "label_sets"
OF_WORDS = ("clip", "transformers-zero-shot")
"""Kinds of classifier whose classes are words: an image is embedded once, and compared with any labels."""
MAX_LABELS_IN_ALL = 2 * MAX_LABELS
"""Of all label sets of one certificate: their texts, votes and documents are at most twice those of one set."""
MOST_NAMED = 10
EXAMPLE = [["cat", "horse"], ["animal", "vehicle"]]


def check_size(given: object) -> object:
    """Refuses too few or too many sets or labels, before any label is looked at."""
    if isinstance(given, list | tuple):
        if not MIN_LABEL_SETS <= len(given) <= MAX_LABEL_SETS:
            raise refusal(
                f"{len(given)} were given: give {MIN_LABEL_SETS} to {MAX_LABEL_SETS} label sets, or one as labels."
            )
        total = sum(len(labels) for labels in given if isinstance(labels, list | tuple))
        if total > MAX_LABELS_IN_ALL:
            raise refusal(f"They have {total} labels: give at most {MAX_LABELS_IN_ALL} in all sets together.")
    return given


def check_different(label_sets: list[list[str]]) -> list[list[str]]:
    """Refuses a set that has the labels of another, in whatever order: it would cost alpha, and say nothing more."""
    if pairs := repeats(frozenset(map(case_folded, labels)) for labels in label_sets):
        shown = [f"{first + 1} and {later + 1}" for first, later in pairs[:MOST_NAMED]]
        raise refusal(f"Some have the same labels: {listed(shown, len(pairs))}. Keep one of each.")
    return label_sets


def refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("label_sets", "{message}", {"message": message})


LabelSets = Annotated[
    list[Labels],
    Field(json_schema_extra={"minItems": MIN_LABEL_SETS, "maxItems": MAX_LABEL_SETS, "uniqueItems": True}),
    BeforeValidator(check_size),
    AfterValidator(check_different),
]


def is_one(label_sets: Sequence[Sequence[str]]) -> bool:
    return not label_sets


WrittenLabelSets = Annotated[
    tuple[tuple[str, ...], ...],
    Field(
        description="Several label sets that were asked about at once, in order; not there where there is one, which "
        "is `labels`.",
        examples=[EXAMPLE],
        # So that all that was written before there were several stays as it was, with its digests.
        exclude_if=is_one,
    ),
]


def has_words(profile: Profile) -> bool:
    """Whether one embedding of an image answers for any labels."""
    return profile.classifier in OF_WORDS


def sets_task(label_sets: Sequence[Sequence[str]], prompted: Prompted, usual: Sequence[str] = ()) -> Task:
    """The sets with the templates that a request gives, or else the profile's usual ones, or the default."""
    return Task.of_sets(label_sets, templates_of(prompted, usual))


def check_label_sets(
    label_sets: Sequence[Sequence[str]], prompted: Prompted, profile: Profile
) -> Iterator[FieldProblem]:
    """What is wrong with sets that are each in range: for this profile, and for its text encoder."""
    if not has_words(profile):
        yield FieldProblem(
            field=FIELD,
            detail=f"Profile {profile.name} has no classifier that compares one embedding of an image with any words, "
            f"as {' and '.join(OF_WORDS)} do: ask about one label set at a time, as labels.",
        )
        return
    task = sets_task(label_sets, prompted, profile.templates)
    yield from check_templates_fit(task.labels, prompted, profile.templates)
    for number, labels in enumerate(label_sets):
        yield from check_prompts(Task.of(labels, task.all_templates), profile, field=f"{FIELD}.{number}")
