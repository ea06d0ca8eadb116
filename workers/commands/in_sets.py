"""`--label-set` and `--label-sets`: what of an evaluation in several label sets belongs to the command line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from adapters.profiles.library import served_profile
from robustify.errors import InvalidInputError
from robustify.types import Bound
from workers.commands.asking import labels_of
from workers.commands.presentation import print_columns
from workers.evaluation.label_sets import NamedLabelSet, label_sets_in, numbered, task_of_sets
from workers.evaluation.runs import Evaluation
from workers.evaluation.sets_runs import SetsSummary


@dataclass(frozen=True)
class SetOptions:
    """The options of a command that can ask in several label sets at once."""

    label_set: Annotated[
        list[str] | None,
        typer.Option(
            "--label-set",
            help='A label for each class of the data set, as in "cat,dog"; repeat it for each set of one certificate. '
            "Classes with the same label are one there.",
        ),
    ] = None
    label_sets: Annotated[
        Path | None,
        typer.Option("--label-sets", metavar="FILE", help="The same from a file: JSON of names and lists of labels."),
    ] = None

    @property
    def found(self) -> tuple[NamedLabelSet, ...]:
        """None of them where there are no such options. Raises InvalidInputError."""
        if self.label_set and self.label_sets:
            raise InvalidInputError("give either --label-set or --label-sets", field="label-set")
        if self.label_sets:
            return label_sets_in(self.label_sets)
        return numbered([labels_of(text) for text in self.label_set or ()])


NO_SETS = SetOptions()


def in_label_sets(evaluation: Evaluation, label_sets: Sequence[NamedLabelSet], classes: int) -> Evaluation:
    """The same in several label sets, whose labels the task has then. Raises InvalidInputError."""
    if evaluation.smoothing == "no-smoothing" or evaluation.procedure.test is not None:
        raise InvalidInputError("label sets are certified: leave out --no-smoothing and --test", field="label-set")
    if evaluation.procedure.bound is Bound.ANYTIME:
        raise InvalidInputError("label sets are looked at once: no --target-radius or --tolerance", field="label-set")
    if evaluation.task.adaptation is not None:
        raise InvalidInputError("an adaptation is to one label set: leave out --task", field="label-set")
    profile = served_profile(evaluation.settings)
    task = task_of_sets(label_sets, classes, evaluation.task.all_templates, profile)
    return replace(evaluation, task=task, label_sets=tuple(label_sets))


def check_alone(
    label_sets: Sequence[NamedLabelSet], attack: Path | None, sigmas: Sequence[float], others: object
) -> None:
    """Raises InvalidInputError for what does not go with label sets; `others` are other names for the classes."""
    if not label_sets:
        return
    if len(sigmas) > 1:
        raise InvalidInputError("label sets are asked about at one sigma: give one --sigma", field="label-set")
    if attack:
        raise InvalidInputError("--attack is about one label set: leave it out", field="attack")
    if others:
        raise InvalidInputError("label sets name the classes: leave out --labels and --task", field="label-set")


def print_sets_summary(console: Console, found: SetsSummary) -> None:
    """A column for each label set."""
    print_columns(console, {f"set {name}": run for name, run in found.sets.items()})
    any_set = next(iter(found.sets.values()))
    console.print(
        f"{any_set.images} images, each classified once for all sets; with alpha {found.alpha:g} for all sets "
        f"together, {found.alpha_each:.3g} for each"
    )
