"""`robustify profiles tune`: measures number formats and batches on this device, and writes the best into a profile."""

from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from adapters.images import canonicalise_for
from adapters.models.tuning_choices import (
    COMPARED_SAMPLES,
    Choice,
    End,
    Measured,
    Speed,
    agreement,
    choose,
    gain,
)
from adapters.profiles.editing import edit_file
from adapters.profiles.library import SUFFIX, find_profile, located
from adapters.profiles.profile import Profile
from adapters.profiles.suitability import check_files
from adapters.settings import NumberFormat, Settings
from robustify.errors import InvalidInputError, ModelError
from robustify.types import DEFAULT_TEMPLATE, Noise, Task
from workers.commands.app import AsJson, say, settings_with, show
from workers.commands.profile_check import LABELS, PICTURE
from workers.commands.profiles import Name, file_of, profiles_app

if TYPE_CHECKING:
    from adapters.models.tuning import Workload

Seconds = Annotated[float, typer.Option(min=1, max=86400, help="How long to measure, beside loading the models.")]
Write = Annotated[bool, typer.Option("--write", help="Write what is proposed into the profile's file.")]


class MeasuredFormat(BaseModel):
    """What a number format does on this device."""

    dtype: NumberFormat
    speeds: tuple[Speed, ...]
    end: End = Field(description="Why no larger batch was tried.")
    without_vote: int = Field(description="Samples whose logits are not finite.")


class Tuned(BaseModel):
    """What was measured, and what a profile's file should say."""

    profile: str
    device: str
    measured: tuple[MeasuredFormat, ...]
    gain: float | None = Field(description="How many times as fast bfloat16 is; null where one format has no speed.")
    agreement: float | None = Field(description="Share of votes that both formats have in common.")
    compared: int = Field(description="Votes that were compared.")
    proposed: Choice
    in_place_of: tuple[NumberFormat, int, int] = Field(description="Number format, batch and shard of the file so far.")
    written: bool
    overridden: tuple[str, ...] = Field(description="Settings that go before what the file says.")
    hint: str | None = Field(description="How to keep what is proposed, where it was not written.")


@profiles_app.command("tune")
def tune_command(profile: Name, seconds: Seconds = 60, write: Write = False, as_json: AsJson = False) -> None:
    """Measure number formats and batches on this device, and propose what serves the profile fastest."""
    settings = settings_with(profile=profile)
    found = located(find_profile(profile, settings), settings)
    check_tunable(found)
    if write and not found.is_own:
        raise InvalidInputError(f"{profile} comes with the installation: {copying(found, settings)}", field="write")
    try:
        check_files(found)
        tuned = tuned_profile(found, settings, seconds)
    except ModelError as error:
        raise InvalidInputError(f"profile {profile}: {error}", field="profile") from error
    if write:
        edit_file(file_of(found, settings), values_of(tuned.proposed))
        tuned = tuned.model_copy(update={"written": True, "hint": None})
    show(tuned, as_json, print_tuned)


def check_tunable(profile: Profile) -> None:
    """Raises InvalidInputError where a measurement would cost somebody else something."""
    if profile.classifier == "remote":
        raise InvalidInputError(
            f"the classifier of {profile.name} is behind an address, which would be asked thousands of times: set "
            "batch and shard by its own limits",
            field="profile",
        )


def copying(profile: Profile, settings: Settings) -> str:
    """How to make a profile of the installation one's own."""
    copy = f"my-{profile.name}"
    path = settings.profiles_folder / f"{copy}{SUFFIX}"
    return f'copy it with `robustify profiles show {profile.name} > {path}`, name it "{copy}" there, and tune {copy}'


def tuned_profile(profile: Profile, settings: Settings, seconds: float) -> Tuned:
    workload = workload_of(profile, settings)
    float32, bfloat16 = (measured_format(workload, dtype, seconds / 2) for dtype in ("float32", "bfloat16"))
    compared = min(len(float32.votes), len(bfloat16.votes))
    return Tuned(
        profile=profile.name,
        device=settings.device,
        measured=tuple(map(stated, (float32, bfloat16))),
        gain=gain(float32, bfloat16) if compared else None,
        agreement=agreement(float32.votes, bfloat16.votes) if compared else None,
        compared=compared,
        proposed=choose(float32, bfloat16),
        in_place_of=(profile.dtype, profile.batch_size, profile.shard_samples),
        written=False,
        overridden=overridden(settings),
        hint=f"to write it: robustify profiles tune {profile.name} --write"
        if profile.is_own
        else f"to keep it, {copying(profile, settings)}",
    )


def workload_of(profile: Profile, settings: Settings) -> "Workload":
    """The bundled picture, with all classes that the profile knows or with common words."""
    # Imported here: torch takes seconds.
    from adapters.models.tuning import Workload

    image = canonicalise_for(Noise.GAUSSIAN, PICTURE.read_bytes(), profile.side, profile.preprocessing).tensor
    names = (profile.class_names or LABELS)[: profile.classes]
    return Workload(profile, settings, Task.of(names, profile.templates or (DEFAULT_TEMPLATE,)), image)


def measured_format(workload: "Workload", dtype: NumberFormat, seconds: float) -> Measured:
    from adapters.models.tuning import measure

    say(f"measuring {dtype}")
    return measure(workload, dtype, seconds)


def stated(measured: Measured) -> MeasuredFormat:
    lost = sum(vote is None for vote in measured.votes)
    return MeasuredFormat(dtype=measured.dtype, speeds=measured.speeds, end=measured.end, without_vote=lost)


def overridden(settings: Settings) -> tuple[str, ...]:
    given = {
        "ROBUSTIFY_DTYPE": settings.dtype,
        "ROBUSTIFY_BATCH_SIZE": settings.batch_size,
        "ROBUSTIFY_SHARD_SAMPLES": settings.shard_samples,
    }
    return tuple(name for name, value in given.items() if value is not None)


def values_of(choice: Choice) -> dict[str, int | str]:
    """As a profile's file has them."""
    return {"batch": choice.batch, "shard": choice.shard, "dtype": choice.dtype}


def print_tuned(console: Console, tuned: Tuned) -> None:
    console.print(speed_table(tuned))
    for line in lines_of(tuned):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def speed_table(tuned: Tuned) -> Table:
    """Samples a second: one line for each batch size, one column for each number format."""
    rates = [{speed.batch: speed.samples_per_second for speed in found.speeds} for found in tuned.measured]
    table = Table("batch", *(f"{found.dtype}, samples/s" for found in tuned.measured))
    for batch in sorted({batch for found in rates for batch in found}):
        table.add_row(str(batch), *(f"{found[batch]:.1f}" if batch in found else "" for found in rates))
    table.add_row("then", *(found.end.value for found in tuned.measured))
    return table


def lines_of(tuned: Tuned) -> list[str]:
    lines = [
        f"{found.dtype}: {found.without_vote} samples have no finite logits"
        for found in tuned.measured
        if found.without_vote
    ]
    if tuned.gain is not None and tuned.agreement is not None:
        few = f"; {COMPARED_SAMPLES} are needed: give more --seconds" if tuned.compared < COMPARED_SAMPLES else ""
        lines.append(
            f"bfloat16 is {tuned.gain:.2f} times as fast as float32; {tuned.agreement:.1%} of {tuned.compared} votes "
            f"are the same{few}"
        )
    choice, before = tuned.proposed, tuned.in_place_of
    lines += [
        f"{'written' if tuned.written else 'proposed'}: dtype {choice.dtype}, batch {choice.batch}, shard "
        f"{choice.shard}: {choice.samples_per_second:.1f} samples a second on {tuned.device}",
        f"before: dtype {before[0]}, batch {before[1]}, shard {before[2]}",
    ]
    lines += [f"{name} is set, and goes before what the file says" for name in tuned.overridden]
    if tuned.written:
        lines.append("dtype and batch are part of the fingerprint: start the API and all workers again")
    return lines + ([tuned.hint] if tuned.hint else [])
