"""Counting votes: draw noise, classify in batches of one fixed shape, tally."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from robustify.smoothing.device_noise import DeviceSamples, device_samples
from robustify.smoothing.samples import SampleSource

BaseClassifier = Callable[[torch.Tensor], torch.Tensor]
"""f of the paper: logits (B, K) of noisy images (B, 3, H, W)."""
NO_VOTE = -1


@dataclass(frozen=True)
class NoisyVotes:
    """A VoteCounter: samples of one image in one phase through the base classifier, `batch_size` at a time.

    Every batch has the same shape (the last one is padded), so that f is one fixed function on one machine.
    `before_batch` is called with the number of samples done; what it raises stops the count.
    """

    base_classifier: BaseClassifier
    samples: SampleSource
    phase: str
    classes: int
    batch_size: int
    device: torch.device = torch.device("cpu")
    before_batch: Callable[[int], None] = lambda done: None

    @torch.inference_mode()
    def __call__(self, first: int, count: int) -> Sequence[int]:
        votes = np.zeros(self.classes, dtype=np.int64)
        for logits in one_behind(self.logits(first, count)):
            votes += tally(logits, self.classes)
        return [int(vote) for vote in votes]

    def logits(self, first: int, count: int) -> Iterator[torch.Tensor]:
        """Logits (B, K) of batch after batch, without the padding; on a GPU they may still be under way."""
        for start in range(0, count, self.batch_size):
            self.before_batch(start)
            size = min(self.batch_size, count - start)
            yield self.batch_logits(self.batch(first + start, size))[:size]

    def batch(self, first: int, size: int) -> torch.Tensor:
        """(batch_size, 3, H, W) on the device: `size` samples from `first` on, then zeros as padding."""
        batch = torch.zeros((self.batch_size, *self.samples.shape), device=self.device)
        batch[:size] = self.drawn(first, size)
        return batch

    def drawn(self, first: int, size: int) -> torch.Tensor:
        """(size, 3, H, W): so many samples from `first` on, the same bits wherever they are drawn."""
        if self.on_device is not None:
            return self.on_device(self.phase, first, size)
        return torch.from_numpy(self.samples(self.phase, first, size))

    @cached_property
    def on_device(self) -> DeviceSamples | None:
        """Draws the samples on a CUDA device; None where the CPU draws them: MPS has no float64."""
        return device_samples(self.samples, self.device) if self.device.type == "cuda" else None

    def batch_logits(self, batch: torch.Tensor) -> torch.Tensor:
        """Logits (batch_size, K)."""
        return self.base_classifier(batch)


def one_behind(batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """The same batches, each once the next one was begun: the CPU draws noise while a GPU computes, and never waits
    for a batch that was only just begun.
    """
    last = None
    for batch in batches:
        if last is not None:
            yield last
        last = batch
    if last is not None:
        yield last


def tally(logits: torch.Tensor, classes: int) -> np.ndarray:
    """Votes for each class (K,); a row with a NaN or an infinite logit votes for none."""
    chosen = votes_of_rows(logits)
    return np.bincount(chosen[chosen != NO_VOTE], minlength=classes).astype(np.int64)


def votes_of_rows(logits: torch.Tensor) -> np.ndarray:
    """The class that each row votes for (B,); `NO_VOTE` where a logit is NaN or infinite."""
    finite = torch.isfinite(logits).all(dim=1)
    chosen: np.ndarray = torch.where(finite, logits.argmax(dim=1), NO_VOTE).cpu().numpy()
    return chosen
