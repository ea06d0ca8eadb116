"""Every single vote of many samples of many images, kept to ask afterwards what a procedure would have done with them.

Rows go to a JSONL file, like those of `robustify evaluate`, and a stopped run goes on there; `votes_for_each_sample`
holds a digit for each sample in its order, `NO_DIGIT` where it did not vote.
"""

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from adapters.child_process import end_with
from robustify.smoothing.votes import NO_VOTE, NoisyVotes, votes_of_rows
from robustify.types import Phase
from workers.evaluation.datasets import Dataset
from workers.evaluation.rows import Evaluator, ended_at_once
from workers.evaluation.runs import Evaluation, Row, evaluate, read_rows

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
NO_DIGIT = "-"


def record(evaluation: Evaluation, dataset: Dataset, folder: Path, workers: int) -> list[Row]:
    """A row for each image: n0 selection samples and n estimation samples, one by one. At most 36 classes."""
    if len(dataset.class_names) > len(DIGITS):
        raise ValueError(f"{len(dataset.class_names)} classes, {len(DIGITS)} digits")
    path = folder / f"recorded-{evaluation.digest}.jsonl"
    evaluate(evaluation, len(dataset), path, partial(recorded_rows, evaluation, dataset, workers))
    rows = sorted(read_rows(path, evaluation.digest), key=lambda row: row.index)
    return rows[: len(dataset)]


def recorded_rows(evaluation: Evaluation, dataset: Dataset, workers: int, indices: Sequence[int]) -> Iterable[Row]:
    arguments = (evaluation, os.getpid())
    with ended_at_once(ProcessPoolExecutor(workers, get_context("spawn"), _start_process, arguments)) as pool:
        jobs = [pool.submit(_record_row, index, dataset.images[index], dataset.labels[index]) for index in indices]
        for job in jobs:
            yield job.result()


def recorded_row(evaluator: Evaluator, index: int, image: np.ndarray, label: int) -> Row:
    """What `robustify evaluate` writes, and every vote of the estimation phase."""
    started = time.perf_counter()
    parameters, classes = evaluator.evaluation.parameters, len(evaluator.evaluation.task.labels)
    selected = each_vote(evaluator.counter(image, Phase.SELECT), parameters.n0)
    estimated = each_vote(evaluator.counter(image, Phase.ESTIMATE), parameters.n)
    selection_votes = tally(selected, classes)
    return Row(
        index=index,
        label=label,
        answer=int(selection_votes.argmax()),
        radius=None,
        selection_votes=tuple(selection_votes.tolist()),
        votes_for_each_sample="".join(NO_DIGIT if vote == NO_VOTE else DIGITS[vote] for vote in estimated),
        seconds=round(time.perf_counter() - started, 3),
        run=evaluator.evaluation.digest,
    )


@torch.inference_mode()
def each_vote(count: NoisyVotes, samples: int) -> np.ndarray:
    """(samples,) the class that each sample voted for, or `NO_VOTE`."""
    votes: list[np.ndarray] = []
    for start in range(0, samples, count.batch_size):
        size = min(count.batch_size, samples - start)
        votes.append(votes_of_rows(count.batch_logits(count.batch(start, size))[:size]))
    return np.concatenate(votes)


def votes_of(row: Row) -> np.ndarray:
    """(n,) the recorded votes of a row."""
    digits = row.votes_for_each_sample or ""
    return np.array([NO_VOTE if digit == NO_DIGIT else DIGITS.index(digit) for digit in digits])


def tally(votes: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(votes[votes != NO_VOTE], minlength=classes)


_evaluator: Evaluator | None = None


def _start_process(evaluation: Evaluation, parent: int) -> None:
    global _evaluator
    end_with(parent)  # Its work is for nobody else.
    _evaluator = Evaluator(evaluation)


def _record_row(index: int, image: np.ndarray, label: int) -> Row:
    assert _evaluator is not None
    return recorded_row(_evaluator, index, image, label)
