"""`robustify profiles new`: a profile for models of yours, whose files say of which kind they are."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console

from adapters.profiles.detection import Detected
from adapters.profiles.files import SIDE_STEP, nearest
from adapters.profiles.kinds import CLASSIFIERS, DENOISERS
from adapters.profiles.library import path_of
from adapters.profiles.licences import Business
from adapters.profiles.writing import NewPart, NewProfile, text_of
from robustify.errors import InvalidInputError
from workers.commands.app import AsJson, megabytes, progress_bar, settings_with, show
from workers.commands.profile_making import Draft, check_name, publish, staging_folder
from workers.commands.profile_parts import (
    FFDNET,
    GivenClassifier,
    GivenDenoiser,
    Prepared,
    prepared_classifier,
    prepared_denoiser,
)
from workers.commands.profiles import profiles_app

USUAL_SIGMA = 0.25

NewName = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, hyphens and dots.")]
Classifier = Annotated[Path, typer.Option(metavar="FOLDER|FILE.onnx", help="The classifier's files.")]
Denoiser = Annotated[
    str, typer.Option(metavar="FOLDER|FILE|ffdnet|none", help="The denoiser's files, FFDNet, or none.")
]
DenoiserKindName = Annotated[
    str | None, typer.Option("--denoiser-kind", help="Of a denoiser in one file: restoration or guided-diffusion.")
]
MaxSigma = Annotated[
    float | None, typer.Option(help="The most noise that a restoration network was trained for; by default 50/255.")
]
Classes = Annotated[
    Path | None, typer.Option(help="A class on each line, or a JSON list, where the classifier's files have none.")
]
NumberRepeats = Annotated[bool, typer.Option("--number-repeats", help="Number a class that the list has twice.")]
Side = Annotated[int | None, typer.Option(help="Height and width of the images, where the files do not say.")]
Sigma = Annotated[float | None, typer.Option(help="Noise of a request that gives none; by default 0.25, or less.")]
ForBusiness = Annotated[
    Business | None, typer.Option("--business", help="Whether the classifier's licence allows business use.")
]
LicenceName = Annotated[str | None, typer.Option("--licence", help="Name of the classifier's licence.")]


class Made(BaseModel):
    """A new profile."""

    profile: str
    file: str
    models: str | None
    classifier: str
    denoiser: str
    side: int
    sigma: float


@profiles_app.command("new")
def new_command(
    name: NewName,
    classifier: Classifier,
    denoiser: Denoiser = FFDNET,
    denoiser_kind: DenoiserKindName = None,
    max_sigma: MaxSigma = None,
    classes: Classes = None,
    number_repeats: NumberRepeats = False,
    side: Side = None,
    sigma: Sigma = None,
    business: ForBusiness = None,
    licence: LicenceName = None,
    as_json: AsJson = False,
) -> None:
    """Make a profile for a classifier of yours, whose files say of which kind it is."""
    given = GivenClassifier(classifier, classes, number_repeats, licence, business)
    made = make(name, given, GivenDenoiser(denoiser, denoiser_kind, max_sigma), side, sigma)
    show(made, as_json, print_made)


def make(
    name: str, classifier: GivenClassifier, denoiser: GivenDenoiser, side: int | None, sigma: float | None
) -> Made:
    """Raises ModelFilesError and InvalidInputError; then nothing of it stays."""
    settings = settings_with()
    check_name(name, settings)
    with staging_folder(settings) as staging:
        front, back = prepared_classifier(classifier, staging), prepared_denoiser(denoiser, staging)
        new = NewProfile(
            name=name,
            side=chosen_side(side, front.part.detected, back.part.detected),
            sigma=chosen_sigma(sigma, back.part),
            denoiser=back.part,
            classifier=front.part,
        )
        draft = Draft(name, text_of(new), folders_of(front, back))
        with progress_bar("MB") as advance:
            profile = publish(draft, staging, settings, megabytes(advance))
    return Made(
        profile=name,
        file=str(path_of(name, settings)),
        models=str(profile.folder) if profile.pulled else None,
        side=profile.side,
        sigma=profile.default_sigma,
        classifier=profile.classifier,
        denoiser=profile.denoiser,
    )


def folders_of(front: Prepared, back: Prepared) -> dict[str, Path]:
    """Where the files of each subfolder are."""
    kinds = (CLASSIFIERS[front.part.detected.kind], front), (DENOISERS[back.part.detected.kind], back)
    return {kind.folder: part.folder for kind, part in kinds if part.folder is not None}


def chosen_side(side: int | None, classifier: Detected, denoiser: Detected) -> int:
    """What is asked for, or what the classifier was made for, as near as the denoiser can."""
    wanted = side or classifier.side or denoiser.side
    if wanted is None:
        raise InvalidInputError("the files do not say how large the images are: give --side", field="side")
    return wanted if side else nearest(wanted, SIDE_STEP.get(denoiser.kind, 1))


def chosen_sigma(sigma: float | None, denoiser: NewPart) -> float:
    """What is asked for, or the usual one, unless the denoiser was trained for less."""
    most = denoiser.options.get("max_sigma")
    usual = min(USUAL_SIGMA, most) if isinstance(most, float) else USUAL_SIGMA
    return usual if sigma is None else sigma


def print_made(console: Console, made: Made) -> None:
    lines = [
        f"profile {made.profile}: {made.classifier} behind {made.denoiser}, images of {made.side} x {made.side}",
        f"its file: {made.file}",
        *([] if made.models is None else [f"its models: {made.models}"]),
        f"next: robustify profiles check {made.profile}",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
