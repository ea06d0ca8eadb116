"""`robustify profiles check`: looks at a profile's files, loads them, and says what one picture is certified as."""

import time
from pathlib import Path
from typing import Annotated

import typer
from numpy import ndarray
from pydantic import BaseModel, Field
from rich.console import Console

from adapters.contract.records import JobKind
from adapters.profiles.library import find_profile, located
from adapters.profiles.profile import BUNDLED, SUPER_RESOLUTION, Profile
from adapters.profiles.suitability import check_files
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelError
from robustify.types import Task
from workers.commands.app import AsJson, Labels, say, settings_with, show
from workers.commands.asking import local_answer, read_image
from workers.commands.profiles import Name, profiles_app

FOLDED = frozenset({SUPER_RESOLUTION, "prx-pixel"})
PICTURE = BUNDLED / "examples" / "horse.png"
LABELS = ("cat", "dog", "horse", "ship", "truck")
MOST_LABELS = 5
UNEXPECTED = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)
"""What model libraries raise for files of strangers."""

Picture = Annotated[Path, typer.Option("--image", help="A JPEG, PNG or WebP file; by default a bundled horse.")]
CheckedSamples = Annotated[int, typer.Option("--n", help="Samples of the certificate.")]


class Checked(BaseModel):
    """What a profile makes of one picture."""

    profile: str
    denoiser: str
    classifier: str
    load_seconds: float
    samples_per_second: float
    label: str | None = Field(description="What the picture is certified as; null for an abstention.")
    radius: float | None
    fold_difference: float | None = Field(description="Largest difference of a denoised pixel, folded and as it is.")


@profiles_app.command("check")
def check_command(
    profile: Name,
    image: Picture = PICTURE,
    labels: Labels = None,
    n: CheckedSamples = 100,
    as_json: AsJson = False,
) -> None:
    """Load a profile and certify one picture with it; what is wrong is said before anything is loaded."""
    settings = settings_with(profile=profile)
    found = located(find_profile(profile, settings), settings)
    try:
        check_files(found)
        result = checked_profile(found, settings, read_image(image), labels or usual_labels(found), n)
    except ModelError as error:
        raise InvalidInputError(f"profile {profile}: {error}", field="profile") from error
    except UNEXPECTED as error:
        raise InvalidInputError(
            f"profile {profile}: its models cannot be run ({type(error).__name__}): their files do not fit together, "
            f"or take no images of {found.side} x {found.side}",
            field="profile",
        ) from error
    show(result, as_json, print_check)


def usual_labels(profile: Profile) -> list[str]:
    """Some of the classes that it knows, or common words."""
    known = profile.class_names or LABELS
    return list(known[: profile.classes or MOST_LABELS])


def checked_profile(profile: Profile, settings: Settings, image: bytes, labels: list[str], n: int) -> Checked:
    say(f"loading {profile.name}")
    fields = {"labels": labels, "n": n, "n0": n}
    started = time.perf_counter()
    answer = local_answer(JobKind.CERTIFY, image, fields, profile.name, lambda done, total: None)
    loaded = time.perf_counter()
    result = answer.certificate()
    counted = time.perf_counter()
    return Checked(
        profile=profile.name,
        denoiser=profile.denoiser,
        classifier=profile.classifier,
        load_seconds=loaded - started,
        samples_per_second=result.samples_used / (counted - loaded),
        label=result.label,
        radius=result.radius,
        fold_difference=fold_difference(profile, settings, answer.image) if profile.denoiser in FOLDED else None,
    )


def fold_difference(profile: Profile, settings: Settings, image: ndarray) -> float | None:
    """Between the folded network and the one as it is, on the picture with a fixed noise; None where none is folded."""
    if not settings.folded:
        return None
    # Imported here: torch takes seconds.
    import torch

    from adapters.models.catalogue import load_models

    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    noisy = (torch.from_numpy(image) + profile.default_sigma * noise)[None].to(settings.device)
    task = Task(LABELS)
    with torch.inference_mode():
        folded, plain = (
            load_models(profile, settings.model_copy(update={"folded": is_folded})).denoiser_for(task)(
                noisy, profile.default_sigma
            )
            for is_folded in (True, False)
        )
    return float((folded - plain).abs().max())


def print_check(console: Console, found: Checked) -> None:
    certified = "abstained" if found.radius is None else f"{found.label}, at every point closer than {found.radius:.4f}"
    lines = [
        f"profile {found.profile}: {found.classifier} behind {found.denoiser}",
        f"loaded in {found.load_seconds:.1f} s; {found.samples_per_second:.1f} samples a second on this device",
        f"the picture: {certified}",
    ]
    if found.fold_difference is not None:
        lines.append(f"folded and as it is differ by at most {found.fold_difference:.1e}")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
