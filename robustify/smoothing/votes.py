"""Counting votes: draw noise, classify in batches of one fixed shape, tally."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
import torch

from robustify.counting import VoteCounter
from robustify.smoothing.beside import SentBack, made_beside, padded_on, sent_back
from robustify.smoothing.device_noise import DeviceSamples, device_samples
from robustify.smoothing.samples import SampleSource

BaseClassifier = Callable[[torch.Tensor], torch.Tensor]
"""f of the paper: logits (B, K) of noisy images (B, 3, H, W)."""
NO_VOTE = -1
Batch = TypeVar("Batch")


@dataclass(frozen=True)
class NoisyVotes:
    """A VoteCounter: samples of one image in one phase through the base classifier, `batch_size` at a time.

    A sample has one vote, or with `sizes` one in each set of so many classes, which stand one set after the other.

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
    sizes: tuple[int, ...] = ()

    @torch.inference_mode()
    def __call__(self, first: int, count: int) -> Sequence[int]:
        votes = np.zeros(self.classes, dtype=np.int64)
        for found in one_behind(self.choices(first, count)):
            votes += tally_of_sets(found.numpy(), self.all_sizes)
        return [int(vote) for vote in votes]

    @property
    def all_sizes(self) -> tuple[int, ...]:
        """One or more."""
        return self.sizes or (self.classes,)

    def choices(self, first: int, count: int) -> Iterator[SentBack]:
        """What the rows of batch after batch choose in each set (sets, B), on its way from the device."""
        for logits in self.logits(first, count):
            yield sent_back(choices_in_sets(logits, self.all_sizes))

    def logits(self, first: int, count: int) -> Iterator[torch.Tensor]:
        """Logits (B, K) of batch after batch, without the padding; on a GPU they may still be under way."""
        for start in range(0, count, self.batch_size):
            self.before_batch(start)
            size = min(self.batch_size, count - start)
            yield self.batch_logits(self.batch(first + start, size))[:size]

    def batch(self, first: int, size: int) -> torch.Tensor:
        """(batch_size, 3, H, W) on the device: `size` samples from `first` on, then zeros as padding.

        A GPU makes it while the network computes the batch before, and here nothing waits for either.
        """
        return made_beside(self.device, partial(self.made, first, size))

    def made(self, first: int, size: int) -> torch.Tensor:
        """The same bits wherever the samples are drawn."""
        if self.on_device is None:
            return padded_on(self.device, self.samples(self.phase, first, size), self.batch_size)
        batch = torch.zeros((self.batch_size, *self.samples.shape), device=self.device)
        batch[:size] = self.on_device(self.phase, first, size)
        return batch

    @cached_property
    def on_device(self) -> DeviceSamples | None:
        """Draws the samples on a CUDA device; None where the CPU draws them: MPS has no float64."""
        return device_samples(self.samples, self.device) if self.device.type == "cuda" else None

    def batch_logits(self, batch: torch.Tensor) -> torch.Tensor:
        """Logits (batch_size, K)."""
        return self.base_classifier(batch)


@dataclass(frozen=True)
class VotesAtEachSigma:
    """A VoteCounter of noisy copies at several sigmas: the votes at each stand one after the other.

    `count_at` makes the counter of a sigma by its place. `before_batch` is called with the number of copies done, of as
    many times the samples as there are sigmas.
    """

    count_at: Callable[[int, Callable[[int], None]], VoteCounter]
    sigmas: int
    before_batch: Callable[[int], None] = lambda done: None

    def __call__(self, first: int, count: int) -> Sequence[int]:
        return [vote for place in range(self.sigmas) for vote in self.counter(place, count)(first, count)]

    def counter(self, place: int, count: int) -> VoteCounter:
        """That of one sigma, after the copies at all before it."""
        return self.count_at(place, lambda done: self.before_batch(place * count + done))


def one_behind(batches: Iterable[Batch]) -> Iterator[Batch]:
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


def choices_in_sets(logits: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """What each row of logits (B, K) votes for in each set of so many (sets, B): it votes once in each, and only in
    those where its logits are finite.
    """
    return torch.stack([chosen_of_rows(part) for part in logits_of_sets(logits, sizes)])


def tally_of_sets(chosen: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Votes for each class (K,) of all sets, of what rows chose in each (sets, B)."""
    return np.concatenate([votes_for(rows, classes) for rows, classes in zip(chosen, sizes, strict=True)])


def logits_of_sets(logits: torch.Tensor, sizes: Sequence[int]) -> Sequence[torch.Tensor]:
    """Logits (B, K) cut into those of each set; of one set as they are."""
    parts: Sequence[torch.Tensor] = torch.split(logits, list(sizes), dim=1) if len(sizes) > 1 else (logits,)
    return parts


def tally(logits: torch.Tensor, classes: int) -> np.ndarray:
    """Votes for each class (K,); a row with a NaN or an infinite logit votes for none."""
    return votes_for(votes_of_rows(logits), classes)


def votes_for(chosen: np.ndarray, classes: int) -> np.ndarray:
    """How many rows chose each class (K,), of the classes that they chose (B,)."""
    return np.bincount(chosen[chosen != NO_VOTE], minlength=classes).astype(np.int64)


def votes_of_rows(logits: torch.Tensor) -> np.ndarray:
    """The class that each row votes for (B,); `NO_VOTE` where a logit is NaN or infinite."""
    chosen: np.ndarray = chosen_of_rows(logits).cpu().numpy()
    return chosen


def chosen_of_rows(logits: torch.Tensor) -> torch.Tensor:
    """The same on the device of the logits, where it may still be under way."""
    finite = torch.isfinite(logits).all(dim=1)
    # Not `torch.where`, which copies its number to a GPU, and waits there for all that was asked before.
    return logits.argmax(dim=1).masked_fill(~finite, NO_VOTE)
