"""A version of a task as a folder for others: the LoRA as diffusers loads it, the task, its references, a README."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from adapters.contract.exchange import ExportedTask, LoraOrigin
from adapters.durable_files import TEMPORARY_PREFIX, sync, write_durably
from adapters.profiles.profile import PRX_PIXEL, Profile
from adapters.store.adaptations import CLASSIFIER, LORA, MANIFEST, PROMPT, REFERENCES, StoredAdaptation, copy_folder
from adapters.store.tasks import StoredTask, Version
from robustify.errors import InvalidInputError

TASK_FILE, README = "task.json", "README.md"
EXPORTED_LORA = "pytorch_lora_weights.safetensors"
"""The name by which diffusers finds it in a folder."""


def export_version(
    task: StoredTask, version: Version, adaptation: StoredAdaptation, profile: Profile | None, target: Path
) -> int:
    """Writes the folder whole or not at all; returns how many files are in it.

    `profile`: the one whose models it fits, where there is one here. Raises InvalidInputError for a folder that has
    something in it.
    """
    check_target(target)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=TEMPORARY_PREFIX))
    try:
        folder = partial / target.name
        copy_folder(adaptation.complete(), folder)
        (folder / MANIFEST).unlink()
        if adaptation.file(LORA):
            (folder / LORA).rename(folder / EXPORTED_LORA)
        exported = exported_task(task, version, adaptation, profile)
        write_durably(folder / TASK_FILE, exported.model_dump_json(indent=1).encode())
        write_durably(folder / README, "\n".join(readme(exported, adaptation, profile)).encode())
        os.replace(folder, target)
        sync(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return sum(path.is_file() for path in target.rglob("*"))


def check_target(target: Path) -> None:
    if not target.parent.is_dir():
        raise InvalidInputError(f"{target} cannot be made: there is no folder {target.parent}", field="to")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInputError(f"{target} is there already: name a new folder, or an empty one", field="to")


def exported_task(
    task: StoredTask, version: Version, adaptation: StoredAdaptation, profile: Profile | None
) -> ExportedTask:
    return ExportedTask(
        name=task.name,
        labels=[*task.labels],
        template=task.template,
        templates=[*task.templates] or None,
        version=version.number,
        adaptation=adaptation.digest,
        profile=profile.name if profile else None,
        models=adaptation.models,
        manifest=json.loads((adaptation.folder / MANIFEST).read_bytes()),
    )


def readme(exported: ExportedTask, adaptation: StoredAdaptation, profile: Profile | None) -> Iterator[str]:
    """What it is, what may be done with it, and how it is used."""
    yield f"# {exported.name}, version {exported.version}\n"
    yield f"A task of robustify with {len(exported.labels)} labels, which are all in `task.json`."
    yield from ("", f"- Adaptation: `{exported.adaptation}`", f"- Made for models: `{exported.models}`")
    yield f"- Profile: {exported.profile or 'none that is here'}"
    yield from ("", "## Files", "", *listed_files(adaptation))
    yield from ("", "## Licence", "", *licence(adaptation, profile))
    yield from ("", "## Use", "", "`robustify tasks import NAME --from FOLDER` makes the same version of a task again.")
    if adaptation.file(LORA) and not (profile and profile.denoiser == PRX_PIXEL):  # Its pipeline loads no LoRA.
        yield f"With diffusers: `pipe.load_lora_weights(FOLDER, weight_name={EXPORTED_LORA!r})`{told(adaptation)}"
    yield ""


def told(adaptation: StoredAdaptation) -> str:
    prompt = adaptation.manifest.prompt
    return "." if prompt is None else f", and the prompt {json.dumps(prompt, ensure_ascii=False)}."


def listed_files(adaptation: StoredAdaptation) -> Iterator[str]:
    texts = {
        LORA: f"- `{EXPORTED_LORA}`: the change of the denoiser, in peft's naming, alpha equal to the rank",
        PROMPT: f"- `{PROMPT}`: the rows of the prompt that the denoiser is told",
        CLASSIFIER: f"- `{CLASSIFIER}`: the change of the classifier; only robustify reads it",
        REFERENCES: f"- `{REFERENCES}/`: the images that it was made from; `task.json` says of each what it shows",
    }
    return (text for name, text in texts.items() if (adaptation.folder / name).exists())


def found_at(origin: LoraOrigin) -> str:
    place = origin.repository
    return origin.file if place is None else f"{place.file} of {place.repo} on the model hub, commit {place.revision}"


def licence(adaptation: StoredAdaptation, profile: Profile | None) -> Iterator[str]:
    """Of the models that it changes, and of what came from elsewhere."""
    if profile is None:
        yield "The models that it was made for are not here: their licence holds for it as well."
    else:
        yield f"It is derived from the models of profile {profile.name}, whose licences hold for it as well:"
        yield from ("", f"- {profile.licence}")
        for part in profile.licences:
            yield f"- {part.part}: {part.name} ({part.url or 'no address'}); business use: {part.business}"
    if (origin := adaptation.manifest.origin) is not None:
        yield ""
        yield f"The LoRA was trained by somebody else ({found_at(origin)}, sha256 `{origin.sha256}`):"
        yield "what its trainer says holds for it too, and is not known here."
