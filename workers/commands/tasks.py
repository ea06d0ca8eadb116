"""`robustify tasks`: a LoRA from elsewhere as a version of a task, and a version as a folder for others."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from adapters.certificates.wording import quoted
from adapters.contract.exchange import (
    Exported,
    ImportedTask,
    LoraRepository,
    WantedLora,
    checked_import,
    is_repository,
)
from adapters.contract.templates import prompt_fields
from adapters.preparation import named_version
from adapters.profiles.library import located, profiles_of, served_profile
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from adapters.store.exported import export_version
from adapters.store.places import places_of
from adapters.store.tasks import TaskStore
from robustify.errors import InvalidInputError, ModelError, UnknownTaskError
from workers.commands.app import (
    AsJson,
    Labels,
    ProfileName,
    Template,
    app,
    given,
    megabytes,
    progress_bar,
    settings_with,
    show,
)

tasks_app = typer.Typer(help="Tasks from elsewhere and for elsewhere.", no_args_is_help=True)
app.add_typer(tasks_app, name="tasks")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the task.")]
NamedVersion = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="By default the version that answers.")]
Lora = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|REPO",
        help="A LoRA for the profile's denoiser, as safetensors: a file, or OWNER/NAME of the model hub.",
    ),
]
Revision = Annotated[
    str | None, typer.Option(metavar="COMMIT", help="Of the repository; by default the newest, which is recorded.")
]
FileOfRepository = Annotated[
    str | None, typer.Option("--file", metavar="NAME", help="Of the repository, where it has several safetensors.")
]
ExportedFolder = Annotated[Path | None, typer.Option("--from", metavar="FOLDER", help="What `tasks export` wrote.")]
Prompt = Annotated[str | None, typer.Option(help='What the LoRA was trained with; by default the template with "sks".')]
Alpha = Annotated[float | None, typer.Option(min=1e-6, help="Of a LoRA whose file says none; by default its rank.")]
KeepCurrent = Annotated[bool, typer.Option("--keep-current", help="Add the version, and let the present one answer.")]
Target = Annotated[Path, typer.Option("--to", metavar="FOLDER", help="A new folder.")]
DOWNLOAD = "robustify-lora-"


@dataclass(frozen=True)
class Source:
    """A LoRA, of the user's own or of the model hub, or else an exported task."""

    lora: Path | WantedLora | None
    folder: Path | None
    alpha: float | None


@tasks_app.command("import")
def import_command(
    name: Name,
    lora: Lora = None,
    revision: Revision = None,
    file: FileOfRepository = None,
    origin: ExportedFolder = None,
    labels: Labels = None,
    template: Template = None,
    prompt: Prompt = None,
    alpha: Alpha = None,
    keep_current: KeepCurrent = False,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Make a LoRA that somebody else trained, or an exported task, a version of a task."""
    fields = {**given(labels=labels, prompt=prompt), **prompt_fields(template or ())}
    source = Source(None if lora is None else lora_named(lora, revision, file), origin, alpha)
    check_source(source, fields)
    show(imported(name, fields, source, not keep_current, settings_with(profile=profile)), as_json, print_import)


@tasks_app.command("export")
def export_command(version: NamedVersion, target: Target, as_json: AsJson = False) -> None:
    """Write a version of a task as a folder: its LoRA as diffusers loads it, the task, and what it was made from."""
    show(exported(version, target, settings_with()), as_json, print_export)


def lora_named(text: str, revision: str | None, file: str | None) -> Path | WantedLora:
    """A file that is there is meant before a repository of the same name."""
    path = Path(text)
    if not path.exists() and is_repository(text):
        return WantedLora(repo=text, revision=revision, file=file)
    if revision is not None or file is not None:
        raise InvalidInputError("--revision and --file are of a repository: --lora OWNER/NAME", field="lora")
    return path


def check_source(source: Source, fields: Mapping[str, object]) -> None:
    if (source.lora is None) == (source.folder is None):
        raise InvalidInputError("give either --lora FILE, or OWNER/NAME, or --from FOLDER", field="lora")
    if source.folder and (fields or source.alpha is not None):
        raise InvalidInputError(
            "an exported task has labels, templates, prompt and scale of its own: leave them out", field="from"
        )


def imported(
    name: str, fields: Mapping[str, object], source: Source, answers: bool, settings: Settings
) -> ImportedTask:
    """What became of it; all that can be refused without loading a model is refused before."""
    profile, tasks = served_profile(settings), places_of(settings).tasks_of()
    asked = checked_import({"name": name, **with_known_labels(name, fields, tasks)}, profile) if source.lora else None
    # Imported once the request is in order: the model libraries take seconds.
    from adapters.models.process import set_up
    from adapters.models.training.workshop import Workshop
    from workers.adaptation.importing import Importer

    set_up(profile, settings)
    store = places_of(settings).adaptations
    importer = Importer(Workshop(profile, settings), tasks, store, answers)
    if asked is None or source.lora is None:
        return importer.from_folder(name, source.folder or Path())
    with here(source.lora) as (file, repository):
        return importer.from_lora(asked, file, source.alpha, repository)


@contextmanager
def here(lora: Path | WantedLora) -> Iterator[tuple[Path, LoraRepository | None]]:
    """The file on this machine, for as long as it is read, and where it was downloaded from."""
    if isinstance(lora, Path):
        yield lora, None
        return
    # Imported here: the hub's client is needed for nothing else.
    from adapters.hub.lora import fetch_lora

    with TemporaryDirectory(prefix=DOWNLOAD) as folder:
        with progress_bar("MB") as advance:
            fetched = fetch_lora(lora, Path(folder), megabytes(advance))
        yield fetched.path, fetched.repository


def with_known_labels(name: str, fields: Mapping[str, object], tasks: TaskStore) -> Mapping[str, object]:
    """The fields with the labels and templates of the task, where it is there and none are given."""
    if "labels" not in fields:
        with suppress(UnknownTaskError):
            known = tasks.find(name)
            return {**prompt_fields(known.templates or (known.template,)), "labels": [*known.labels], **fields}
    return fields


def exported(named: str, target: Path, settings: Settings) -> Exported:
    task, version = named_version(named, places_of(settings).tasks_of())
    if version.adaptation is None:
        raise InvalidInputError(
            f"version {version.number} of task {task.name!r} is its labels alone: nothing was adapted", field="task"
        )
    adaptation = places_of(settings).adaptations.get(version.adaptation)
    profile = profile_with(adaptation.models, settings)
    files = export_version(task, version, adaptation, profile, target.absolute())
    return Exported(
        task=task.name, version=version.number, adaptation=adaptation.digest, folder=str(target), files=files
    )


def profile_with(models: str, settings: Settings) -> Profile | None:
    """The first profile that has these models here."""
    for profile in profiles_of(settings).values():
        with suppress(ModelError):
            if (found := located(profile, settings)).model_digest == models:
                return found
    return None


def print_import(console: Console, result: ImportedTask) -> None:
    task, origin = result.task, result.origin
    answers = "answers now" if task.version == task.current else "does not answer yet"
    console.print(Text(f"version {task.version} {answers} for task {quoted(task.name)}", "bold"))
    console.print(f"adaptation {result.adaptation}", highlight=False, soft_wrap=True)
    if origin:
        least, greatest = origin.ranks
        rank = f"rank {least}" if least == greatest else f"ranks {least} to {greatest}"
        line = f"{origin.tensors} tensors, all used; named as by {', '.join(origin.namings)}; {rank}"
        console.print(Text(f"{line}; alpha: {origin.scaling}"), soft_wrap=True)
    if origin and (place := origin.repository):
        console.print(Text(f"{place.file} of {place.repo} at commit {place.revision}"), soft_wrap=True)
    if result.prompt is not None:
        console.print(Text(f"the denoiser is told {quoted(result.prompt)}"), soft_wrap=True)


def print_export(console: Console, result: Exported) -> None:
    line = f"version {result.version} of task {quoted(result.task)}: {result.files} files in {result.folder}"
    console.print(Text(line), soft_wrap=True)
    console.print(f"adaptation {result.adaptation}", highlight=False, soft_wrap=True)
