"""What an attack asks of a classifier: the loss of an image under noise, and the way up."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.utils.checkpoint import checkpoint

from robustify.attacks.cost import FORWARDS_OF_A_GRADIENT
from robustify.attacks.losses import Loss
from robustify.attacks.noise import Draw

BaseClassifier = Callable[[torch.Tensor], torch.Tensor]
"""f of the paper, with gradients: logits (B, K) of noisy images (B, 3, H, W)."""


@dataclass
class Effort:
    """What an attack has done so far: forward passes or as much work, gradients, and those that were exactly zero."""

    forwards: int = 0
    gradients: int = 0
    zeros: int = 0

    def count_gradient(self, gradient: torch.Tensor) -> None:
        self.gradients += 1
        self.zeros += not bool(gradient.any())

    @property
    def zero_share(self) -> float:
        """Of all gradients, those that were exactly zero; 0 where none was asked for."""
        return self.zeros / self.gradients if self.gradients else 0.0


@dataclass(frozen=True)
class Ascent:
    """At an image: the loss, its gradient (1, 3, H, W), and the logits (m, K) behind both."""

    loss: float
    gradient: torch.Tensor
    logits: torch.Tensor


@dataclass(frozen=True)
class Objective:
    """Of one image and its right class: a loss over `m` noisy copies, `batch_size` of them through f at a time."""

    base_classifier: BaseClassifier
    label: int
    m: int
    batch_size: int
    effort: Effort = field(default_factory=Effort)

    def ascent(self, image: torch.Tensor, draw: Draw, loss: Loss) -> Ascent:
        """Under m noise images that `draw` gives now; the gradient is that of everything in f."""
        leaf = image.detach().clone().requires_grad_()
        with torch.enable_grad():
            logits = self.with_graph(leaf + draw(self.m))
            found = loss(logits, self.label)
            (gradient,) = torch.autograd.grad(found, leaf)
        self.effort.forwards += FORWARDS_OF_A_GRADIENT * self.m
        self.effort.count_gradient(gradient)
        return Ascent(float(found.detach()), gradient, logits.detach())

    def with_graph(self, noisy: torch.Tensor) -> torch.Tensor:
        """Logits (m, K). Of more than one batch, each is computed again on the way back: one at a time is in memory."""
        if len(noisy) <= self.batch_size:
            return self.base_classifier(noisy)
        parts = torch.split(noisy, self.batch_size)
        return torch.cat([checkpoint(self.base_classifier, part, use_reentrant=False) for part in parts])

    @torch.no_grad()
    def logits(self, image: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Logits (n, K) under this noise (n, 3, H, W)."""
        self.effort.forwards += len(noise)
        return torch.cat([self.base_classifier(image + part) for part in torch.split(noise, self.batch_size)])
