"""What a text encoder cannot read or tell apart is refused, by the labels that it concerns."""

from collections.abc import Sequence

import torch

from adapters.contract.labels import name_labels, name_pairs
from robustify.errors import InvalidInputError

SAME_DIRECTION = 1 - 1e-6
"""Cosine above which two prompts are one class to the model."""


def check_uncut(labels: Sequence[str], too_long: Sequence[int]) -> None:
    """Refuses the labels, by their indices, whose prompts the text encoder would cut off."""
    if too_long:
        named = name_labels(labels, too_long)
        raise InvalidInputError(f"labels that are too long for the text encoder: {named}. Shorten them", "labels")


def check_distinct(labels: Sequence[str], features: torch.Tensor) -> None:
    """Refuses labels whose unit features (K, D) are one; each is named with the first that it equals."""
    same = (features @ features.T > SAME_DIRECTION).triu(1)
    first = same.int().argmax(dim=0).tolist()
    if pairs := [(first[later], later) for later in same.any(dim=0).nonzero().flatten().tolist()]:
        named = name_pairs(labels, pairs)
        raise InvalidInputError(f"labels that are the same to the model: {named}. Keep one of each", "labels")
