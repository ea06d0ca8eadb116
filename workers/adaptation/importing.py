"""Tasks from elsewhere: a LoRA of somebody else's trainer, or a folder of `robustify tasks export`, becomes a version.

Everything is checked, and the models are asked once, before the version is published.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from pydantic import ValidationError

from adapters.canonical_json import json_digest
from adapters.contract.adapt import AFTER
from adapters.contract.exchange import (
    ExportedTask,
    ImportedTask,
    ImportParameters,
    LoraOrigin,
    LoraRepository,
    check_import,
)
from adapters.contract.fields import FieldsError
from adapters.contract.results import MadeTask
from adapters.images.kinds import Kind, kind_of
from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser
from adapters.models.training.adapted import ROWS
from adapters.models.training.import_lora import (
    ForeignLora,
    linear_shapes,
    read_foreign_lora,
    read_tensors,
    write_plain_lora,
)
from adapters.models.training.learners import AdaptableDenoiser
from adapters.models.training.references import REFERENCE_NAME
from adapters.models.training.workshop import Workshop
from adapters.queue.keys import new_job_id
from adapters.store.adaptations import (
    CLASSIFIER,
    LORA,
    PICTURES,
    PROMPT,
    REFERENCES,
    REPORT,
    AdaptationStore,
    Manifest,
    function_of,
)
from adapters.store.exported import EXPORTED_LORA, TASK_FILE
from adapters.store.tasks import TaskStore, check_same
from robustify.adaptation.references import personal_prompt
from robustify.errors import InvalidInputError, ModelFilesError, UnknownTaskError
from robustify.types import Task
from workers.adaptation.report import Comparison

STAGING = "robustify-import-"


@dataclass(frozen=True)
class Importer:
    """Publishes versions that others made. `answers`: whether they answer at once."""

    workshop: Workshop
    tasks: TaskStore
    adaptations: AdaptationStore
    answers: bool = True

    def from_lora(
        self, asked: ImportParameters, file: Path, alpha: float | None, repository: LoraRepository | None = None
    ) -> ImportedTask:
        """Raises InvalidInputError unless every tensor of the file has its place in the denoiser.

        `alpha`: of all adapters, where the file says none. `repository`: where the file was downloaded from.
        """
        self.check_name(asked.name, asked.label_task)
        shapes = linear_shapes(self.workshop.denoiser.network)
        found = read_foreign_lora(file, shapes, alpha)
        prompt = personal_prompt(asked.label_task.template) if asked.prompt is None else asked.prompt
        with TemporaryDirectory(prefix=STAGING) as folder:
            made = Path(folder)
            write_plain_lora(found.lora, made / LORA)
            self.workshop.write_prompt(prompt, made / PROMPT)
            origin = origin_of(file, found, repository)
            about = about_lora(asked.label_task, prompt, origin)
            return self.publish(asked.name, asked.label_task, made, about).model_copy(update={"origin": origin})

    def from_folder(self, name: str, folder: Path) -> ImportedTask:
        """Raises InvalidInputError for a folder that is of other models, or is not as it was exported."""
        exported = read_exported(folder)
        check_exported(exported, self.workshop)
        self.check_name(name, exported.label_task)
        if exported.models != self.models:
            raise InvalidInputError(
                f"{folder.name} was adapted to other models than those of profile {self.workshop.profile.name}: serve "
                "the ones that it was made for, or import its LoRA alone",
                field="from",
            )
        with TemporaryDirectory(prefix=STAGING) as staged:
            made = Path(staged)
            copy_known(folder, made, exported)
            if json_digest(function_of(made, self.models)) != exported.adaptation:
                raise InvalidInputError(f"{folder.name} is not as it was exported: export it again", field="from")
            about = {key: value for key, value in exported.manifest.items() if key != "function"}
            return self.publish(name, exported.label_task, made, about)

    def publish(self, name: str, task: Task, made: Path, about: Mapping[str, object]) -> ImportedTask:
        self.try_out(task, made)
        stored = self.adaptations.add(made, self.models, about)
        job = new_job_id()
        published = self.tasks.publish(name, task, job, time.time(), stored.digest, self.models, self.answers)
        version = published.version_of(job).number
        return ImportedTask(
            task=MadeTask(id=published.id, name=published.name, version=version, current=published.current),
            adaptation=stored.digest,
            prompt=stored.manifest.prompt,
            origin=stored.manifest.origin,
        )

    @property
    def models(self) -> str:
        return self.workshop.profile.model_digest

    def check_name(self, name: str, task: Task) -> None:
        """Raises TaskConflictError before anything is done, when the name stands for something else."""
        try:
            check_same(self.tasks.find(name), task)
        except UnknownTaskError:
            return

    @torch.inference_mode()
    def try_out(self, task: Task, made: Path) -> None:
        """Asks the changed models for one picture. Raises ModelFilesError, and InvalidInputError for the labels."""
        profile = self.workshop.profile
        comparison = Comparison(self.workshop, task, made)
        check_prompt_rows(made / PROMPT, self.workshop.denoiser)
        noisy = torch.rand(1, 3, profile.side, profile.side, generator=torch.Generator().manual_seed(0))
        denoised = comparison.denoiser(AFTER)(noisy.to(self.workshop.device), profile.default_sigma)
        if not comparison.classifier(AFTER)(denoised).isfinite().all():
            raise ModelFilesError("the changed models answer with numbers that are not finite: train it anew")


def check_prompt_rows(path: Path, denoiser: AdaptableDenoiser) -> None:
    if path.is_file():
        tensors, _ = read_tensors(path)
        if set(tensors) != {ROWS} or not are_rows(tensors[ROWS], denoiser):
            raise InvalidInputError(f"{path.name} holds no prompt of this denoiser", field="from")


def are_rows(found: torch.Tensor, denoiser: AdaptableDenoiser) -> bool:
    """Whether they are a prompt's: PRXPixel has as many as the prompt has tokens."""
    expected = denoiser.prompt_rows.shape
    if isinstance(denoiser, PRXPixelDenoiser):
        return found.ndim == len(expected) and found.shape[-1] == expected[-1]
    return found.shape == expected


def about_lora(task: Task, prompt: str, origin: LoraOrigin) -> Mapping[str, object]:
    """What the manifest says for people."""
    return {
        "labels": list(task.labels),
        "template": task.template,
        **({"templates": list(task.templates)} if task.templates else {}),
        "prompt": prompt,
        "origin": origin.model_dump(mode="json"),
    }


def origin_of(file: Path, found: ForeignLora, repository: LoraRepository | None) -> LoraOrigin:
    return LoraOrigin(
        file=file.name,
        sha256=found.sha256,
        tensors=found.tensors,
        namings=found.namings,
        scaling=found.scaling,
        ranks=found.ranks,
        repository=repository,
    )


def read_exported(folder: Path) -> ExportedTask:
    path = folder / TASK_FILE
    if not path.is_file():
        raise InvalidInputError(f"{folder} has no {TASK_FILE}: name a folder of `robustify tasks export`", field="from")
    try:
        exported = ExportedTask.model_validate_json(path.read_bytes())
        manifest = Manifest.model_validate(exported.manifest)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, found["loc"]))
        raise InvalidInputError(f"{TASK_FILE} is damaged at {place}: {found['msg']}", field="from") from error
    if not all(REFERENCE_NAME.fullmatch(reference.file) for reference in manifest.references):
        raise InvalidInputError(f"{TASK_FILE} names a reference image otherwise than 0000-000.png", field="from")
    return exported


def copy_known(folder: Path, made: Path, exported: ExportedTask) -> None:
    """The files that an export has, and no others; raises InvalidInputError for one that is not what its name says."""
    pairs = {EXPORTED_LORA: LORA, **{name: name for name in (PROMPT, CLASSIFIER, REPORT, *PICTURES)}}
    for name, target in pairs.items():
        if (folder / name).is_file():
            shutil.copyfile(folder / name, made / target)
    for name in (LORA, PROMPT, CLASSIFIER):
        if (made / name).is_file():
            read_tensors(made / name)
    copy_references(folder / REFERENCES, made / REFERENCES, Manifest.model_validate(exported.manifest))


def copy_references(folder: Path, made: Path, manifest: Manifest) -> None:
    if not manifest.references:
        return
    made.mkdir()
    for reference in manifest.references:
        path = folder / reference.file
        if not path.is_file() or kind_of(path.read_bytes()) is not Kind.PNG:
            raise InvalidInputError(f"the reference image {reference.file} is missing, or no PNG", field="from")
        shutil.copyfile(path, made / reference.file)


def check_exported(exported: ExportedTask, workshop: Workshop) -> None:
    """Raises FieldsError for labels that the served profile cannot read."""
    parameters = ImportParameters(
        name=exported.name, labels=exported.labels, template=exported.template, templates=exported.templates
    )
    if problems := tuple(check_import(parameters, workshop.profile)):
        raise FieldsError(problems)
