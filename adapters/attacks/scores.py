"""A smoothed classifier as libraries of attacks take one: a module whose forward gives a score for each class.

Which score decides whether an attack can see a way up: see `Scores`.
"""

from collections.abc import Callable
from enum import StrEnum

import torch
from torch import nn

from robustify.attacks.cost import FORWARDS_OF_A_GRADIENT
from robustify.attacks.losses import log_mean_softmax
from robustify.attacks.noise import Draw
from robustify.attacks.objective import Objective
from robustify.smoothing.votes import tally


class Scores(StrEnum):
    """What a class is scored by, over the noisy copies of an image."""

    LOG_MEAN_SOFTMAX = "log-mean-softmax"
    """Of the published loss; flat where all copies are sure."""
    MEAN_LOGIT = "mean-logit"
    """In units of how far the mean logits of the clean image lie apart: never flat, whatever the scale of logits."""
    VOTES = "votes"
    """The share of votes, all that a black box gives; without gradients."""


class Smoothed(nn.Module):
    """Scores (B, K) of images (B, 3, H, W), each of m noisy copies."""

    def __init__(self, objective: Objective, draw: Draw, scores: Scores) -> None:
        super().__init__()
        self.objective, self.draw = objective, draw
        self.score: Callable[[torch.Tensor], torch.Tensor] = SCORED_BY[scores]
        self.unit: float | None = None
        """Of mean logits: their range at the first image."""
        self.is_relative = scores is Scores.MEAN_LOGIT

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        is_ascent = torch.is_grad_enabled() and images.requires_grad
        if is_ascent:
            images = images.view_as(images)
            images.register_hook(self.objective.effort.count_gradient)  # type: ignore[no-untyped-call]
        self.objective.effort.forwards += len(images) * self.objective.m * (FORWARDS_OF_A_GRADIENT if is_ascent else 1)
        scored = [self.score(self.objective.with_graph(image + self.draw(self.objective.m))) for image in images]
        return self.in_units(torch.stack(scored)).float()

    def in_units(self, scores: torch.Tensor) -> torch.Tensor:
        if not self.is_relative:
            return scores
        if self.unit is None:
            self.unit = float((scores[0].max() - scores[0].min()).detach()) or 1.0
        return scores / self.unit


def vote_shares(logits: torch.Tensor) -> torch.Tensor:
    """(K,) of logits (m, K); copies without a finite logit vote for none."""
    votes = torch.from_numpy(tally(logits.detach(), logits.shape[1]))
    return votes.to(logits.device, torch.float32) / len(logits)


def mean_logits(logits: torch.Tensor) -> torch.Tensor:
    return logits.mean(dim=0)


SCORED_BY = {
    Scores.LOG_MEAN_SOFTMAX: log_mean_softmax,
    Scores.MEAN_LOGIT: mean_logits,
    Scores.VOTES: vote_shares,
}
