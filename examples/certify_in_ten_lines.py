"""CERTIFY of a classifier whose robust radius is known exactly, f(x) = sign(w.x + b): no service, no model files.

    python examples/certify_in_ten_lines.py

Prints the label, the certified radius and the exact one. Over all seeds of the noise, the first of the two exceeds the
second with probability at most alpha; with the seed given here every run is the same.
"""

import numpy as np
import torch

from robustify.smoothing.algorithms import certify
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.statistics import rounded_down
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Phase, SmoothingParameters

weights = torch.full((3, 8, 8), 1 / np.sqrt(3 * 8 * 8))  # w, of length 1
image, bias = np.full((3, 8, 8), 0.55, dtype=np.float32), -0.5 * float(weights.sum())


def base_classifier(images: torch.Tensor) -> torch.Tensor:
    """f: logits (B, 2) of noisy images (B, 3, 8, 8)."""
    margin = (images * weights).sum(dim=(1, 2, 3)) + bias
    return torch.stack([margin, -margin], dim=1)


parameters = SmoothingParameters(sigma=0.5, n0=100, n=10_000, alpha=0.001)
samples = GaussianSamples(image, parameters.sigma, SeededNoise(b"32 bytes that nobody else knows!"))
selecting, estimating = (
    NoisyVotes(base_classifier, samples, phase, classes=2, batch_size=500) for phase in (Phase.SELECT, Phase.ESTIMATE)
)
found = certify(certify_rule(parameters), selecting, estimating)

exact = float((torch.from_numpy(image) * weights).sum()) + bias
print("label:", ("above", "below")[found.selection.index])
print("certified radius:", rounded_down(found.verdict.radius or 0.0))
print("exact radius:", rounded_down(abs(exact)))
