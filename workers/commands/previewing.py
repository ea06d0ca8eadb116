"""`robustify preview`: what the models see of an image, as pictures in a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from adapters.contract.records import Direction, JobKind
from adapters.contract.results import PictureName, PreviewResult
from adapters.contract.templates import prompt_fields
from adapters.images import canonicalise_for
from adapters.previews.preparation import checked_preview, preview_request
from adapters.profiles.library import served_profile
from adapters.store.tasks import TaskStore
from robustify.errors import InvalidInputError
from robustify.types import Noise
from workers.commands.app import (
    AsJson,
    ImageFile,
    Labels,
    ProfileName,
    Sigma,
    TaskName,
    Template,
    app,
    given,
    settings_with,
    show,
)
from workers.commands.asking import read_image

if TYPE_CHECKING:
    # It loads torch, and every command imports this file.
    from workers.previews import Preview

Folder = Annotated[Path, typer.Option("--output", help="Folder for the pictures; made where there is none.")]
Draw = Annotated[int | None, typer.Option(help="Which noisy copy, from 0 on.")]
Radius = Annotated[float | None, typer.Option(help="Change the image by exactly this L2 length, with --direction.")]
DirectionName = Annotated[Direction | None, typer.Option("--direction", help="Random, or the worst that is found.")]


@app.command(name=JobKind.PREVIEW)
def preview(
    image: ImageFile,
    labels: Labels = None,
    task: TaskName = None,
    template: Template = None,
    sigma: Sigma = None,
    draw: Draw = None,
    radius: Radius = None,
    direction: DirectionName = None,
    folder: Folder = Path("preview"),
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Show one noisy copy of an image and its denoised version; it is no answer."""
    change = given(draw=draw, radius=radius, direction=direction and direction.value)
    fields = {**given(labels=labels, task=task, sigma=sigma), **change, **prompt_fields(template or ())}
    made = previewed(read_image(image), fields, profile)
    write(made.pictures, folder)
    show(made.result, as_json, print_preview)


def previewed(image: bytes, fields: Mapping[str, object], profile_name: str | None) -> "Preview":
    """By the models of this process; everything that can be refused without loading a model is refused before."""
    settings = settings_with(profile=profile_name)
    profile = served_profile(settings)
    asked = checked_preview(fields, False, profile, TaskStore(settings.state.tasks))
    canonical = canonicalise_for(Noise.GAUSSIAN, image, profile.side, profile.preprocessing)
    request = preview_request(asked, canonical, settings)
    # Imported once the request is in order: the model libraries take seconds.
    from adapters.models.catalogue import load_models
    from workers.previews import Looking, make_preview

    models = load_models(profile, settings)
    base_classifier = models.base_classifier(request.label_task, request.sigma)
    return make_preview(Looking(request, canonical.tensor, base_classifier, models.device))


def write(pictures: Mapping[PictureName, bytes], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in pictures.items():
            (folder / f"{name}.png").write_bytes(content)
    except OSError as error:
        raise InvalidInputError(f"{folder} cannot be written: {error.strerror}", field="output") from error


def print_preview(console: Console, found: PreviewResult) -> None:
    """What is seen in each picture."""
    seen = found.seen
    lines = [
        f"the image as it is: {seen.plain or 'no finite answer'}",
        f"with noise of sigma {found.sigma:g}: {seen.noisy or 'no finite answer'}",
        f"with noise, denoised: {seen.denoised or 'no finite answer'} (one vote, and no answer)",
    ]
    if found.change is not None:
        after = found.change.seen_after or "no finite answer"
        lines.append(f"changed by {found.change.radius:g} in the {found.change.direction} direction: {after}")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
