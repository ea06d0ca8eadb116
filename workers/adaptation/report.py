"""The evidence of an adaptation: figures before and after, on references that nothing was trained on, and pictures."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch

from adapters.contract.adapt import AFTER, BEFORE, MOST_IMAGES, SIGMAS, VARIANTS, judgements
from adapters.contract.results import Figures, JudgedAt
from adapters.durable_files import write_durably
from adapters.models.classifiers.clip import ZeroShotClassifier
from adapters.models.loaded import Models
from adapters.models.training.adapted import with_classifier_file
from adapters.models.training.learners import AdaptableDenoiser
from adapters.models.training.references import contact_sheet
from adapters.models.training.trainer import References
from adapters.models.training.workshop import Workshop
from adapters.profiles.fingerprint import engine_digest
from adapters.store.adaptations import CLASSIFIER, CONTACT_SHEET, DENOISED_SHEET
from adapters.store.tensors import tensor_digest
from robustify.adaptation.evidence import Evidence, is_no_worse, judge
from robustify.counting import VoteCounter
from robustify.smoothing.seeds import public_seed
from robustify.types import Phase, SmoothingParameters, Task
from workers.counting import VoteMaker, samples_of

SELECTION_SAMPLES, ESTIMATION_SAMPLES, ALPHA = 20, 100, 0.001
PURPOSE = b"robustify adapt"
SHEET_COLUMNS, SHEET_ROWS = 10, 40


def report_later(on_step: Callable[[int], None], before: int, done: int) -> None:
    on_step(before + done)


def between_batches(on_image: Callable[[int], None], index: int, done: int) -> None:
    """Votes are counted in inference mode, in which nobody else should load models."""
    with torch.inference_mode(False):
        on_image(index)


@dataclass(frozen=True)
class Comparison:
    """A task's models as they were and as the files in `made` change them."""

    workshop: Workshop
    task: Task
    made: Path

    def figures(self, held_back: References, folder: Path, on_step: Callable[[int], None]) -> Figures:
        """The evidence before and after, and whether it became no worse; what lies in `folder` is not done again."""
        folder.mkdir(parents=True, exist_ok=True)
        judged = References(held_back.images[:MOST_IMAGES], held_back.labels[:MOST_IMAGES])
        found: dict[str, list[Evidence]] = {variant: [] for variant in VARIANTS}
        for part, (variant, sigma) in enumerate((variant, sigma) for variant in VARIANTS for sigma in SIGMAS):
            path, done = folder / f"{variant}-{sigma}.json", part * len(judged.labels)
            on_step(done)
            if not path.is_file():
                evidence = self.evidence(variant, sigma, judged, partial(report_later, on_step, done))
                write_durably(path, json.dumps(asdict(evidence), allow_nan=False).encode())
            found[variant].append(Evidence(**json.loads(path.read_text(encoding="utf-8"))))
        on_step(judgements(len(judged.labels)))
        before, after = (tuple(JudgedAt(**asdict(evidence)) for evidence in found[variant]) for variant in VARIANTS)
        return Figures(before=before, after=after, no_worse=is_no_worse(found[BEFORE], found[AFTER]))

    def evidence(self, variant: str, sigma: float, judged: References, on_image: Callable[[int], None]) -> Evidence:
        """CERTIFY of every image."""
        model = self.model(variant)

        def counter(index: int, phase: Phase) -> VoteCounter:
            image = judged.images[index].numpy()
            samples = samples_of(image, sigma, public_seed(PURPOSE, tensor_digest(image)))
            return model.votes(self.task, sigma, samples, phase, partial(between_batches, on_image, index))

        parameters = SmoothingParameters(sigma, SELECTION_SAMPLES, ESTIMATION_SAMPLES, ALPHA)
        return judge(counter, judged.labels.tolist(), parameters)

    def model(self, variant: str) -> VoteMaker:
        """The models of a variant, with noise that anyone can draw again."""
        denoiser, classifier = self.denoiser(variant), self.classifier(variant)
        models = Models(lambda task: denoiser, lambda task: classifier, self.workshop.device)
        profile, settings = self.workshop.profile, self.workshop.settings
        return VoteMaker(profile, engine_digest(profile, settings), models, settings)

    def denoiser(self, variant: str) -> AdaptableDenoiser:
        if variant == BEFORE:
            return self.workshop.denoiser
        return self.workshop.adapted_denoiser(self.made)

    def classifier(self, variant: str) -> ZeroShotClassifier:
        delta = self.made / CLASSIFIER
        tuned = variant == AFTER and delta.is_file()
        clip = with_classifier_file(self.workshop.clip, delta) if tuned else self.workshop.clip
        return clip.zero_shot(self.task)

    @torch.inference_mode()
    def write_sheets(self, references: References, held_back: References) -> None:
        """The contact sheet, and what the denoiser makes of noisy references before and after."""
        images = torch.cat([references.images, held_back.images])
        shown = images[: SHEET_COLUMNS * SHEET_ROWS]
        rows = [shown[first : first + SHEET_COLUMNS] for first in range(0, len(shown), SHEET_COLUMNS)]
        write_durably(self.made / CONTACT_SHEET, contact_sheet(rows))
        shown = held_back.images[:SHEET_COLUMNS].to(self.workshop.device)
        noise = torch.randn(shown.shape, generator=torch.Generator().manual_seed(0)).to(shown.device)
        rows = [shown]
        for sigma in SIGMAS:
            noisy = shown + sigma * noise
            rows += [noisy, *(self.denoiser(variant)(noisy, sigma) for variant in VARIANTS)]
        write_durably(self.made / DENOISED_SHEET, contact_sheet(rows))
