"""Base classifiers whose smoothed answer is known exactly: they test the whole service (profiles `oracle-*`)."""

from functools import cache, partial

import numpy as np
import torch

from adapters.models.loaded import Models
from adapters.profiles.profile import Profile
from robustify.errors import InvalidInputError
from robustify.interfaces import Classifier
from robustify.pipeline import identity_denoiser
from robustify.types import Task

PARITY_SCALE = 1 << 16


@cache
def linear_weights(shape: tuple[int, ...]) -> np.ndarray:
    """A fixed direction of unit length, float64, not to be changed."""
    direction = np.random.Generator(np.random.Philox(key=0)).standard_normal(shape)
    weights: np.ndarray = direction / np.linalg.norm(direction)
    weights.flags.writeable = False
    return weights


def exact_margin(image: np.ndarray) -> float:
    """w.x + b of an image (3, H, W): class 0 where positive; its size is the exact robust radius at any sigma."""
    return float((linear_weights(image.shape) * (image.astype(np.float64) - 0.5)).sum())


class LinearOracle:
    """f(x) = sign(w.x + b) with ||w|| = 1, as two logits; b puts the mid-grey image on the boundary."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        weights = torch.tensor(linear_weights(tuple(x0.shape[1:])), device=self.device).flatten()
        margin = x0.flatten(1).double() @ weights - 0.5 * weights.sum()
        return torch.stack([margin, -margin], dim=1)


class CoinOracle:
    """Heads or tails with equal probability for every noisy sample: the parity of a far digit of its first value."""

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        heads = (x0[:, 0, 0, 0].double() * PARITY_SCALE).floor().remainder(2)
        return torch.stack([heads, 1 - heads], dim=1)


def oracle_models(profile: Profile, device: torch.device) -> Models:
    """An oracle as the models of its profile."""
    classifier: Classifier = CoinOracle() if profile.name == "oracle-coin" else LinearOracle(device)
    return Models(lambda task: identity_denoiser, partial(two_classes, classifier), device)


def two_classes(classifier: Classifier, task: Task) -> Classifier:
    if len(task.labels) != 2:
        raise InvalidInputError("an oracle tells exactly two labels apart", field="labels")
    return classifier
