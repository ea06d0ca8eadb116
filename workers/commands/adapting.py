"""`robustify adapt`: by a server, or in this process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from adapters.contract.results import AdaptResult
from adapters.contract.templates import prompt_fields
from robustify.errors import InvalidInputError
from workers.commands.app import (
    AsJson,
    Labels,
    ProfileName,
    ServerUrl,
    Template,
    app,
    given,
    progress_bar,
    say,
    settings_with,
    show,
)
from workers.commands.presentation import print_adaptation
from workers.server_client import server_at

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the task.")]
OwnPictures = Annotated[
    Path | None,
    typer.Option("--references", metavar="FOLDER", help="Pictures of yours to adapt with, a folder for each label."),
]
Shots = Annotated[int | None, typer.Option(help="Reference images of each label to adapt with.")]
HeldBack = Annotated[int | None, typer.Option(help="Reference images of each label to judge by.")]
Steps = Annotated[int | None, typer.Option(help="Steps of personalising the denoiser; 0: labels only.")]
FineTuningSteps = Annotated[int | None, typer.Option(help="Steps of fine-tuning the classifier.")]
GuidanceWeight = Annotated[float | None, typer.Option(help="Weight of the classifier's loss (lambda).")]
LearningRate = Annotated[float | None, typer.Option(help="Of the denoiser.")]
FineTuningLearningRate = Annotated[float | None, typer.Option(help="Of the classifier.")]
FineTuningMix = Annotated[float | None, typer.Option(help="Share of the fine-tuned weights, to 1.")]
Seed = Annotated[int | None, typer.Option(help="The same seed makes the same models.")]
Publish = Annotated[str | None, typer.Option(help="if-no-worse or always.")]


@app.command()
def adapt(
    name: Name,
    labels: Labels = None,
    references: OwnPictures = None,
    template: Template = None,
    shots: Shots = None,
    held_back: HeldBack = None,
    steps: Steps = None,
    fine_tuning_steps: FineTuningSteps = None,
    guidance_weight: GuidanceWeight = None,
    learning_rate: LearningRate = None,
    fine_tuning_learning_rate: FineTuningLearningRate = None,
    fine_tuning_mix: FineTuningMix = None,
    seed: Seed = None,
    publish: Publish = None,
    server: ServerUrl = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Adapt the models to a label set, from the class names alone or from pictures, and store them as a task."""
    sizes = given(shots=shots, held_back=held_back, steps=steps, fine_tuning_steps=fine_tuning_steps)
    rates = given(learning_rate=learning_rate, fine_tuning_learning_rate=fine_tuning_learning_rate)
    weights = given(guidance_weight=guidance_weight, fine_tuning_mix=fine_tuning_mix)
    others = {**prompt_fields(template or ()), **given(seed=seed, publish=publish)}
    # Without pictures, whose folders may name the labels, none is a mistake.
    named = {"name": name, **given(labels=labels if references else labels or [])}
    fields = {**named, **sizes, **rates, **weights, **others}
    show(adapted(fields, references, server, profile), as_json, print_adaptation)


def adapted(
    fields: Mapping[str, object], references: Path | None, server: str | None, profile: str | None
) -> AdaptResult:
    """What became of it, by a server or in this process."""
    if references and server:
        raise InvalidInputError(
            "a server takes no pictures to adapt with yet: leave --server out, or --references", field="references"
        )
    with progress_bar("steps") as advance_to:
        if server:
            return server_at(server, say).adapt({**fields, **given(profile=profile)}, advance_to)
        from workers.commands.local_adaptation import adapt_locally, adapt_to_pictures

        settings = settings_with(profile=profile)
        if references:
            return adapt_to_pictures(fields, references, settings, advance_to, say)
        return adapt_locally(fields, settings, advance_to)
