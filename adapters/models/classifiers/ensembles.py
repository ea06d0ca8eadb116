"""The features of many labels, and the mean of a label's over the templates of a prompt ensemble."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

TEXTS_AT_ONCE = 1000
"""As many labels as one set may have: several sets take no more memory at a time."""


def in_parts(embed: Callable[[torch.Tensor], torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
    """Features (K, D) of tokens (K, T), embedded so many at a time as fit."""
    parts: Sequence[torch.Tensor] = torch.split(tokens, TEXTS_AT_ONCE)
    return torch.cat([embed(part) for part in parts])


def mean_direction(features: torch.Tensor) -> torch.Tensor:
    """Unit features (K, D) of unit features (T, K, D) by template: their mean, normalised again, as CLIP's own
    evaluation has it (Radford et al., 2021, 3.1.4); of one template, its features as they are.
    """
    return features[0] if len(features) == 1 else nn.functional.normalize(features.mean(dim=0), dim=-1)
