"""How similar an image is to concepts, to a classifier that reads texts: plain, under noise, and denoised (Fig. 5)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import torch

from adapters.models.catalogue import load_models
from adapters.models.classifiers.clip import ZeroShotClassifier
from adapters.models.classifiers.transformers_zero_shot import DualEncoderClassifier
from adapters.models.loaded import Models
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.interfaces import Classifier, Denoiser
from robustify.pipeline import identity_denoiser
from robustify.smoothing.seeds import public_seed
from robustify.types import Phase, Task
from workers.counting import samples_of
from workers.evaluation.attacks.images import digest_of

PURPOSE = b"robustify concepts"
"""Of the noise: a measurement, which anybody can repeat. An image before and after an attack meets noise of its own."""
CHUNK = 256
"""Concepts that are embedded at once."""


class View(StrEnum):
    """How the classifier looks at an image."""

    PLAIN = "plain"
    """The image itself."""
    SMOOTHED = "smoothed"
    """The mean over noisy copies."""
    DENOISED = "denoised"
    """The mean over noisy copies, each denoised."""


@dataclass(frozen=True)
class Seer:
    """A classifier that reads texts, with the features of all concepts (C, D), each of unit length."""

    concepts: tuple[str, ...]
    features: torch.Tensor
    embed_images: Callable[[torch.Tensor], torch.Tensor]
    """From images (B, 3, H, W) in [0, 1] to unit features (B, D)."""
    scale: float
    """Of the classifier's logits."""
    denoiser: Denoiser
    device: torch.device
    batch_size: int

    @torch.inference_mode()
    def cosines(self, image: np.ndarray, view: View, sigma: float, copies: int) -> np.ndarray:
        """(C,) the mean cosine between the image (3, H, W) and each concept, float64."""
        total = torch.zeros(len(self.concepts), dtype=torch.float64)
        seen = 0
        for batch in self.batches(image, view, sigma, copies):
            found = self.embed_images(batch) @ self.features.T
            total += found.double().sum(dim=0).cpu()
            seen += len(batch)
        mean: np.ndarray = (total / seen).numpy()
        return mean

    def batches(self, image: np.ndarray, view: View, sigma: float, copies: int) -> Iterator[torch.Tensor]:
        """What the classifier is shown."""
        if view is View.PLAIN:
            yield torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None].to(self.device)
            return
        denoiser = self.denoiser if view is View.DENOISED else identity_denoiser
        samples = samples_of(image, sigma, public_seed(PURPOSE, digest_of(image)))
        for first in range(0, copies, self.batch_size):
            noisy = samples(Phase.PREDICT, first, min(self.batch_size, copies - first))
            yield denoiser(torch.from_numpy(noisy).to(self.device), sigma)


def seer_of(settings: Settings, concepts: tuple[str, ...], templates: Sequence[str]) -> Seer:
    """The profile's models, and all concepts embedded. Raises InvalidInputError for a classifier that reads no texts,
    and for concepts that it cannot read or tell apart.
    """
    profile = served_profile(settings)
    if profile.class_names is not None:
        raise InvalidInputError(reads_no_texts(profile.name), field="profile")
    models = load_models(profile, settings)
    tasks = [Task.of(chunk, templates) for chunk in chunks(concepts)]
    first = models.base_classifier(tasks[0], sigma=profile.default_sigma).classifier
    embed_images, embed_texts, scale = towers_of(first, profile.name)
    return Seer(
        concepts=concepts,
        features=torch.cat([embed_texts(task) for task in tasks]),
        embed_images=embed_images,
        scale=scale,
        denoiser=denoiser_of(models, tasks[0]),
        device=models.device,
        batch_size=profile.samples_per_batch(settings),
    )


def chunks(concepts: Sequence[str]) -> list[Sequence[str]]:
    return [concepts[start : start + CHUNK] for start in range(0, len(concepts), CHUNK)]


def denoiser_of(models: Models, task: Task) -> Denoiser:
    """The profile's own, which knows nothing of any label."""
    return models.denoiser_for(replace(task, adaptation=None))


Towers = tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[Task], torch.Tensor], float]
"""From images to features, from prompts to features, and the scale of logits."""


def towers_of(classifier: Classifier, name: str) -> Towers:
    """What a zero-shot classifier is made of. Raises InvalidInputError for any other."""
    if isinstance(classifier, ZeroShotClassifier):
        clip = classifier.clip
        return clip.embed_images, lambda task: clip.zero_shot(task).text_features, clip.logit_scale
    if isinstance(classifier, DualEncoderClassifier):
        encoder = classifier.encoder
        return encoder.embed_images, lambda task: encoder.for_task(task).text_features, encoder.logit_scale
    raise InvalidInputError(reads_no_texts(name), field="profile")


def reads_no_texts(name: str) -> str:
    return (
        f"the classifier of profile {name} reads no texts, and so has no similarity to a concept: choose a profile "
        "whose classifier is a CLIP"
    )
