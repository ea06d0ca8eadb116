"""The stages of an adaptation (Algorithm 2), in a folder: each leaves its result there, and is skipped if it did.

A run that was killed is begun again in the same folder and ends with the same files.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from adapters.contract.adapt import EVALUATE, FINE_TUNE, PERSONALIZE, SYNTHESIZE, stage_steps
from adapters.contract.jobs import AdaptRequest
from adapters.contract.records import JsonObject
from adapters.contract.results import Figures
from adapters.durable_files import write_durably
from adapters.models.generators.cascade import Sampling
from adapters.models.training.fine_tuning import fine_tune
from adapters.models.training.own_references import OwnReferences
from adapters.models.training.personalization import Personalization, personalize
from adapters.models.training.references import describe, read_references, synthesize, write_pictures
from adapters.models.training.trainer import History, References, TrainingPlan
from adapters.models.training.workshop import Workshop
from adapters.store.adaptations import CLASSIFIER, LORA, PROMPT, REFERENCES, REPORT
from robustify.adaptation.references import Reference, personal_prompt, plan_references
from workers.adaptation.report import Comparison

WEIGHT_DECAY = 1e-2
"""Of the LoRA; the classifier is fine-tuned without."""
MADE = "made"


@dataclass(frozen=True)
class Progress:
    """How far a run is: steps of all stages together."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class AdaptationRun:
    """One request in one folder.

    `on_progress` is called before every step and, where one takes longer than a second or so, within it; it may raise
    to stop the run.
    """

    request: AdaptRequest
    workshop: Workshop
    folder: Path
    on_progress: Callable[[Progress], None]
    own: OwnReferences | None = None
    """References of the user's, in place of synthesised ones."""

    def run(self) -> Path:
        """The folder of all that was made; raises InvalidInputError for labels that the models cannot tell apart."""
        self.workshop.clip.zero_shot(self.request.label_task)
        self.made.mkdir(parents=True, exist_ok=True)
        self.synthesize()
        histories = {PERSONALIZE: self.personalize(), FINE_TUNE: self.fine_tune()}
        self.evaluate(histories)
        return self.made

    @property
    def made(self) -> Path:
        return self.folder / MADE

    @cached_property
    def plan(self) -> Sequence[Reference]:
        if self.own:
            return self.own.plan
        request = self.request
        return plan_references(request.label_task, request.shots, request.held_back, request.seed)

    @property
    def micro_batch_size(self) -> int:
        return self.workshop.profile.images_per_micro_batch(self.workshop.settings)

    @cached_property
    def references(self) -> tuple[References, References]:
        """(those to adapt with, those that were held back)."""
        if self.own:
            return self.own.references
        profile = self.workshop.profile
        return read_references(self.made / REFERENCES, self.plan, profile.side, profile.preprocessing)

    def synthesize(self) -> None:
        """Lines 1-4: one image for each label and shot, unless the user brought them."""
        if self.own:
            write_pictures(self.own.images, self.plan, self.made / REFERENCES)
            return
        defaults = self.workshop.profile.adaptation.fitted(self.request.shots)
        sampling = Sampling(
            base_guidance=defaults.base_guidance,
            base_steps=defaults.base_steps,
            enlarging_steps=defaults.enlarging_steps,
        )
        synthesize(
            lambda: self.workshop.generator(sampling),
            self.plan,
            self.made / REFERENCES,
            defaults.images_per_batch,
            self.tell(SYNTHESIZE),
        )

    def personalize(self) -> History:
        """Line 16: the denoiser learns the references under guidance of the classifier (Eq. 12)."""
        if self.request.steps == 0:
            return []
        if not (self.made / PROMPT).is_file():
            self.workshop.write_prompt(personal_prompt(self.request.template), self.made / PROMPT)
        return self.once(self.made / LORA, self.folder / PERSONALIZE, self._personalize)

    def fine_tune(self) -> History:
        """Line 17: the classifier learns the denoised references (Eq. 13)."""
        if self.request.fine_tuning_steps == 0:
            return []
        return self.once(self.made / CLASSIFIER, self.folder / FINE_TUNE, self._fine_tune)

    def evaluate(self, histories: Mapping[str, History]) -> None:
        """What the adaptation brought on the held-back references."""
        report = self.made / REPORT
        if report.is_file():
            return
        comparison = Comparison(self.workshop, self.request.label_task, self.made)
        figures = comparison.figures(self.references[1], self.folder / EVALUATE, self.tell(EVALUATE))
        comparison.write_sheets(*self.references)
        document = {
            **figures.model_dump(mode="json"),
            "losses": histories,
            "request": self.request.model_dump(mode="json"),
        }
        write_durably(report, json.dumps(document, indent=1, allow_nan=False).encode())

    def figures(self) -> Figures:
        """The report's figures: before, after, and whether it became no worse."""
        return Figures.model_validate_json((self.made / REPORT).read_bytes(), extra="ignore")

    def about(self) -> JsonObject:
        """What the manifest says for people."""
        request = self.request
        return {
            "labels": list(request.labels),
            "template": request.template,
            **({"templates": list(request.templates)} if request.templates else {}),
            "prompt": personal_prompt(request.template),
            **({"own_references": self.own.digest} if self.own else {}),
            "request": request.model_dump(mode="json"),
            "references": [reference.model_dump() for reference in describe(self.plan, request.labels)],
            "figures": self.figures().model_dump(mode="json"),
        }

    def tell(self, stage: str) -> Callable[[int], None]:
        """Reports the steps that are done of a stage."""
        totals = stage_steps(self.request, synthesizes=self.own is None)
        stages = list(totals)
        before = sum(totals[name] for name in stages[: stages.index(stage)])
        return lambda done: self.on_progress(Progress(stage, before + done, sum(totals.values())))

    def once(self, result: Path, work: Path, stage: Callable[[Path], History]) -> History:
        """Runs a stage in its own folder, and keeps its result and its history."""
        history_file = work / "history.json"
        if not result.is_file():
            work.mkdir(parents=True, exist_ok=True)
            history = stage(work)
            write_durably(history_file, json.dumps(history, allow_nan=False).encode())
            (work / result.name).replace(result)
        found: History = json.loads(history_file.read_text(encoding="utf-8"))
        return found

    def _personalize(self, work: Path) -> History:
        request = self.request
        plan = TrainingPlan(
            steps=request.steps,
            batch_size=request.batch_size,
            learning_rate=request.learning_rate,
            weight_decay=WEIGHT_DECAY,
            seed=request.seed,
            micro_batch_size=self.micro_batch_size,
        )
        return personalize(
            self.workshop.adapted_denoiser(self.made),
            self.workshop.clip.zero_shot(request.label_task),
            *self.references,
            Personalization(plan, request.guidance_weight, request.rank),
            work,
            self.tell(PERSONALIZE),
            self.workshop.accelerator(),
        )

    def _fine_tune(self, work: Path) -> History:
        request = self.request
        plan = TrainingPlan(
            steps=request.fine_tuning_steps,
            batch_size=request.fine_tuning_batch_size,
            learning_rate=request.fine_tuning_learning_rate,
            weight_decay=0.0,
            seed=request.seed,
            micro_batch_size=self.micro_batch_size,
        )
        return fine_tune(
            self.workshop.adapted_denoiser(self.made),
            self.workshop.clip,
            request.label_task,
            *self.references,
            plan,
            request.fine_tuning_mix,
            work,
            self.tell(FINE_TUNE),
            self.workshop.accelerator(),
        )
