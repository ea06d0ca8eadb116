"""The mean of a label's features over the templates of a prompt ensemble."""

import torch
from torch import nn


def mean_direction(features: torch.Tensor) -> torch.Tensor:
    """Unit features (K, D) of unit features (T, K, D) by template: their mean, normalised again, as CLIP's own
    evaluation has it (Radford et al., 2021, 3.1.4); of one template, its features as they are.
    """
    return features[0] if len(features) == 1 else nn.functional.normalize(features.mean(dim=0), dim=-1)
