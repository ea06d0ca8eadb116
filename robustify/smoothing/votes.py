"""Counting votes: draw noise, classify in batches of one fixed shape, tally."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from robustify.interfaces import NoiseSource

BaseClassifier = Callable[[torch.Tensor], torch.Tensor]
"""f of the paper: logits (B, K) of noisy images (B, 3, H, W)."""


@dataclass(frozen=True)
class NoisyVotes:
    """A VoteCounter: samples of one image in one phase through the base classifier, `batch_size` at a time.

    Every batch has the same shape (the last one is padded), so that f is one fixed function on one machine.
    `before_batch` is called with the number of samples done; what it raises stops the count.
    """

    base_classifier: BaseClassifier
    image: torch.Tensor
    """(3, H, W) float32 in [0, 1]: the canonical tensor, on the CPU."""
    sigma: float
    noise: NoiseSource
    phase: str
    classes: int
    batch_size: int
    device: torch.device = torch.device("cpu")
    before_batch: Callable[[int], None] = lambda done: None

    @torch.inference_mode()
    def __call__(self, first: int, count: int) -> Sequence[int]:
        votes = np.zeros(self.classes, dtype=np.int64)
        for start in range(0, count, self.batch_size):
            self.before_batch(start)
            size = min(self.batch_size, count - start)
            logits = self.base_classifier(self.noisy_batch(first + start, size).to(self.device))
            votes += tally(logits[:size], self.classes)
        return [int(vote) for vote in votes]

    def noisy_batch(self, first: int, size: int) -> torch.Tensor:
        """x + sigma * noise, not clamped: (batch_size, 3, H, W); `size` samples from `first` on, then padding."""
        shape = tuple(self.image.shape)
        batch = np.zeros((self.batch_size, *shape), dtype=np.float32)
        for row in range(size):
            batch[row] = self.noise(self.phase, first + row, shape)
        return self.image + self.sigma * torch.from_numpy(batch)


def tally(logits: torch.Tensor, classes: int) -> np.ndarray:
    """Votes for each class (K,); a row with a NaN or an infinite logit votes for none."""
    finite = torch.isfinite(logits).all(dim=1)
    indices = logits[finite].argmax(dim=1).cpu().numpy()
    return np.bincount(indices, minlength=classes).astype(np.int64)
