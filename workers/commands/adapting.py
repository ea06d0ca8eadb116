"""`robustify adapt`: by a server, or in this process."""

from collections.abc import Mapping
from typing import Annotated

import typer

from adapters.contract.results import AdaptResult
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
    """Adapt the models to a label set, from the class names alone, and store them as a task."""
    sizes = given(shots=shots, held_back=held_back, steps=steps, fine_tuning_steps=fine_tuning_steps)
    rates = given(learning_rate=learning_rate, fine_tuning_learning_rate=fine_tuning_learning_rate)
    weights = given(guidance_weight=guidance_weight, fine_tuning_mix=fine_tuning_mix)
    others = given(template=template, seed=seed, publish=publish)
    fields = {"name": name, "labels": labels or [], **sizes, **rates, **weights, **others}
    show(adapted(fields, server, profile), as_json, print_adaptation)


def adapted(fields: Mapping[str, object], server: str | None, profile: str | None) -> AdaptResult:
    """What became of it, by a server or in this process."""
    with progress_bar("steps") as advance_to:
        if server:
            return server_at(server, say).adapt(fields, advance_to)
        from workers.commands.local import adapt_locally

        return adapt_locally(fields, settings_with(profile=profile), advance_to)
