"""What a text encoder cannot read or tell apart is refused, by the labels that it concerns."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch

from adapters.contract.labels import name_labels, name_pairs
from robustify.errors import InvalidInputError
from robustify.types import Task

SAME_DIRECTION = 1 - 1e-6
"""Cosine above which two prompts are one class to the model."""


def check_uncut(labels: Sequence[str], too_long: Sequence[int]) -> None:
    """Refuses the labels, by their indices, whose prompts the text encoder would cut off."""
    if too_long:
        named = name_labels(labels, too_long)
        raise InvalidInputError(f"labels that are too long for the text encoder: {named}. Shorten them", "labels")


def check_distinct_in_sets(task: Task, features: torch.Tensor) -> None:
    """Refuses labels of one set whose unit features (K, D) are one; in several sets they may well be."""
    for number, (start, end) in enumerate(pairwise(accumulate(task.sizes, initial=0)), start=1):
        what = f"labels of set {number}" if task.set_sizes else "labels"
        check_distinct(task.labels[start:end], features[start:end], what)


def check_distinct(labels: Sequence[str], features: torch.Tensor, what: str) -> None:
    """Refuses labels whose unit features (K, D) are one; each is named with the first that it equals."""
    same = (features @ features.T > SAME_DIRECTION).triu(1)
    first = same.int().argmax(dim=0).tolist()
    if pairs := [(first[later], later) for later in same.any(dim=0).nonzero().flatten().tolist()]:
        named = name_pairs(labels, pairs)
        raise InvalidInputError(f"{what} that are the same to the model: {named}. Keep one of each", "labels")
