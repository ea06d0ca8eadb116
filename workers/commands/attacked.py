"""`robustify evaluate --attack FOLDER`: what of it belongs to the command line."""

from pathlib import Path

import typer

from robustify.errors import InvalidInputError
from robustify.types import PredictTest
from workers.commands.app import progress_bar, say, show
from workers.commands.attack_presentation import print_attacked
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.runs import Evaluation, Smoothing, Summary

ALARMED = 1
"""Exit code of an evaluation whose certificates an attack contradicts."""


def check_attack(attack: Path | None, server: str | None, test: PredictTest | None, smoothing: Smoothing) -> None:
    """Raises InvalidInputError where there are no certificates to compare, or where they are a server's."""
    if attack and (server or test or smoothing == "no-smoothing"):
        raise InvalidInputError(
            "--attack compares certificates of this process with an attack: leave out --server, --test and "
            "--no-smoothing",
            field="attack",
        )


def show_attacked(
    evaluation: Evaluation, summary: Summary, images: Dataset, rows_file: Path, attack: Path, as_json: bool
) -> None:
    """Answers the attack's images, shows all of it, and ends with 1 where there is an alarm."""
    from workers.evaluation.attacks.beside_runs import evaluate_beside

    with progress_bar("attacked images") as advance:
        found = evaluate_beside(evaluation, summary, images, rows_file, attack, advance)
    show(found, as_json, print_attacked)
    if found.attack.alarms:
        say(f"{len(found.attack.alarms)} alarms are kept in {rows_file.with_suffix('.alarms')}")
        raise typer.Exit(ALARMED)
