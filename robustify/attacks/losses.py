"""What an attack makes larger: losses of the logits (m, K) of an image's noisy copies, for the class that is right.

`published` is the loss of SmoothAdv (Salman et al., 2019) as its code computes it. With logits as large as CLIP's the
softmax of nearly every copy is exactly 0 or 1 in float32, and the gradient is exactly zero: the attack stands still and
the classifier looks robust. `log_odds` rises with it, so that the same images have the most of both, but computed in
logarithms it is flat nowhere. `margin` has a gradient of one size at any scale of the logits.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

Loss = Callable[[torch.Tensor, int], torch.Tensor]
"""From logits (m, K) and the right class to one number."""

SMALLEST_SHARE = 1e-20
"""Of SmoothAdv's code."""


def published(logits: torch.Tensor, label: int) -> torch.Tensor:
    """-log of the mean softmax."""
    return -logits.softmax(dim=1).mean(dim=0)[label].clamp(min=SMALLEST_SHARE).log()


def log_odds(logits: torch.Tensor, label: int) -> torch.Tensor:
    """The logarithm of the odds of the mean softmax against the class."""
    shares = functional.log_softmax(logits, dim=1)
    others = torch.cat([shares[:, :label], shares[:, label + 1 :]], dim=1)
    return others.flatten().logsumexp(dim=0) - shares[:, label].logsumexp(dim=0)


def margin(logits: torch.Tensor, label: int) -> torch.Tensor:
    """By how much the mean logit of the best other class exceeds that of the right one."""
    return lead_of_others(logits.mean(dim=0), label)


def log_mean_softmax(logits: torch.Tensor) -> torch.Tensor:
    """The logarithm of the mean softmax (K,) of logits (m, K)."""
    count = torch.tensor(float(len(logits)), dtype=logits.dtype, device=logits.device)
    return functional.log_softmax(logits, dim=1).logsumexp(dim=0) - count.log()


def vote_margin(logits: torch.Tensor, label: int) -> float:
    """The share of votes of the best other class less that of the right one, in [-1, 1]."""
    votes = torch.bincount(logits.argmax(dim=1), minlength=logits.shape[1]).double()
    return float(lead_of_others(votes, label)) / len(logits)


def lead_of_others(scores: torch.Tensor, label: int) -> torch.Tensor:
    """The largest of the other scores less that of the label, of scores (K,)."""
    others = torch.cat([scores[:label], scores[label + 1 :]])
    return others.max() - scores[label]
