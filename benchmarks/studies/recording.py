"""Every single vote of many images, kept to ask afterwards what a procedure would have done with them.

An image's votes are counted when a procedure asks for them, once, whatever asks again. Rows go to a JSONL file, like
those of `robustify evaluate`, and a stopped run goes on there; `votes_for_each_sample` has a digit for each selection
sample in its order, `NO_DIGIT` where it did not vote, then `PHASES_APART` and the same of the estimation samples.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from adapters.child_process import end_with
from robustify.smoothing.algorithms import Certified, certify
from robustify.smoothing.rules import CertifyRule
from robustify.smoothing.votes import NO_VOTE, NoisyVotes, votes_of_rows
from robustify.types import Phase
from workers.evaluation.data.dataset import Dataset, Sample, usable
from workers.evaluation.rows import AHEAD, Evaluator, ended_at_once, in_their_order
from workers.evaluation.runs import Evaluation, Row, evaluate, read_rows

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
NO_DIGIT = "-"
PHASES_APART = "/"

MoreVotes = Callable[[int, int], np.ndarray]
"""(first, count) -> (count,) the class that each of these samples votes for, or `NO_VOTE`."""


@dataclass
class KeptVotes:
    """A VoteCounter of one phase that counts no sample twice; without `more` it has what was recorded."""

    classes: int
    more: MoreVotes | None = None
    each: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    """(so many,) in the order of the samples."""

    def __call__(self, first: int, count: int) -> Sequence[int]:
        self.reach(first + count)
        found: list[int] = tally(self.each[first : first + count], self.classes).tolist()
        return found

    def reach(self, samples: int) -> None:
        """Count what is missing of so many samples; ValueError where it was not recorded."""
        missing = samples - len(self.each)
        if missing <= 0:
            return
        if self.more is None:
            raise ValueError(f"{len(self.each)} votes were recorded and {samples} are asked for: record them anew")
        self.each = np.append(self.each, self.more(len(self.each), missing))


@dataclass(frozen=True)
class Votes:
    """One image's votes of both phases."""

    selection: KeptVotes
    estimation: KeptVotes

    def certify(self, rule: CertifyRule) -> Certified:
        return certify(rule, self.selection, self.estimation)

    @property
    def digits(self) -> str:
        return digits_of(self.selection.each) + PHASES_APART + digits_of(self.estimation.each)


Asking = Callable[[Votes], object]
"""Asks an image's votes for all that is to be recorded."""


def record(evaluation: Evaluation, dataset: Dataset, path: Path, workers: int, asking: Asking) -> list[Votes]:
    """The votes of each image, as far as `asking` asked for them; at most 36 classes."""
    classes = len(dataset.class_names)
    if classes > len(DIGITS):
        raise ValueError(f"{classes} classes, {len(DIGITS)} digits")
    evaluate(evaluation, len(dataset), path, partial(recorded_rows, evaluation, dataset, workers, asking))
    rows = sorted(read_rows(path, evaluation.digest), key=lambda row: row.index)
    return [votes_of(row, classes) for row in rows[: len(dataset)]]


def recorded_rows(
    evaluation: Evaluation, dataset: Dataset, workers: int, asking: Asking, indices: Sequence[int]
) -> Iterable[Row]:
    arguments = (evaluation, dataset, asking, os.getpid())
    with ended_at_once(ProcessPoolExecutor(workers, get_context("spawn"), _start_process, arguments)) as pool:
        yield from in_their_order(lambda index: pool.submit(_record_row, index), indices, AHEAD * workers)


def recorded_row(evaluator: Evaluator, asking: Asking, sample: Sample) -> Row:
    """The votes that were asked for, and nothing of what they say."""
    started, image = time.perf_counter(), usable(sample)
    classes = len(evaluator.evaluation.task.labels)
    select, estimate = (evaluator.counter(image, phase) for phase in (Phase.SELECT, Phase.ESTIMATE))
    votes = Votes(KeptVotes(classes, partial(each_vote, select)), KeptVotes(classes, partial(each_vote, estimate)))
    asking(votes)
    return Row(
        index=sample.index,
        label=sample.label,
        file=sample.file,
        sha256=sample.sha256,
        answer=None,
        radius=None,
        votes_for_each_sample=votes.digits,
        seconds=round(time.perf_counter() - started, 3),
        run=evaluator.evaluation.digest,
    )


@torch.inference_mode()
def each_vote(count: NoisyVotes, first: int, samples: int) -> np.ndarray:
    """(samples,) the class that each sample from `first` on voted for, or `NO_VOTE`."""
    votes: list[np.ndarray] = []
    for start in range(first, first + samples, count.batch_size):
        size = min(count.batch_size, first + samples - start)
        votes.append(votes_of_rows(count.batch_logits(count.batch(start, size))[:size]))
    return np.concatenate(votes)


def votes_of(row: Row, classes: int) -> Votes:
    """The recorded votes of a row."""
    selection, estimation = (row.votes_for_each_sample or PHASES_APART).split(PHASES_APART)
    return Votes(*(KeptVotes(classes, each=votes_of_digits(digits)) for digits in (selection, estimation)))


def digits_of(votes: np.ndarray) -> str:
    return "".join(NO_DIGIT if vote == NO_VOTE else DIGITS[vote] for vote in votes)


def votes_of_digits(digits: str) -> np.ndarray:
    return np.array([NO_VOTE if digit == NO_DIGIT else DIGITS.index(digit) for digit in digits], dtype=int)


def tally(votes: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(votes[votes != NO_VOTE], minlength=classes)


_evaluator: Evaluator | None = None
_dataset: Dataset | None = None
_asking: Asking | None = None


def _start_process(evaluation: Evaluation, dataset: Dataset, asking: Asking, parent: int) -> None:
    global _evaluator, _dataset, _asking
    end_with(parent)  # Its work is for nobody else.
    _evaluator, _dataset, _asking = Evaluator(evaluation), dataset, asking


def _record_row(index: int) -> Row:
    assert _evaluator is not None
    assert _dataset is not None
    assert _asking is not None
    return recorded_row(_evaluator, _asking, _dataset.sample(index))
