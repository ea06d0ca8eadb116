"""Does the device compute what the CPU computes: logits of the large models, votes of the bundled ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from adapters.images import canonicalise
from adapters.models.loaded import Placement
from adapters.models.loaders import load_profile
from adapters.profiles.library import find_profile
from adapters.settings import NumberFormat, Settings
from benchmarks.gpu.bench import CPU, FLOAT32, GRAPHS, OURS, SEED, TASK, Bench, Way
from benchmarks.paths import SIGMA
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.votes import NoisyVotes, votes_of_rows
from robustify.types import Phase
from workers.commands.demo import IMAGE

VARIANTS: Mapping[str, Mapping[str, Any]] = {  # Any: arguments of `mini_votes`, each of its own type.
    FLOAT32.name: {"dtype": "float32"},
    OURS.name: {"dtype": "bfloat16"},
    GRAPHS.name: {"dtype": "bfloat16", "cuda_graphs": True},
}
Figures = dict[str, float]


@dataclass(frozen=True, eq=False)
class Compared:
    """Logits of the first so many samples on the device, in any way, against those of the CPU in float32."""

    bench: Bench
    count: int

    def of(self, way: Way) -> Figures:
        """The largest difference as a share of the largest logit; whether the device finds the same bits again."""
        found, again = logits_twice(self.bench, way, self.noisy, self.bench.device)
        error = float((found - self.expected).abs().max() / self.expected.abs().max())
        return {f"logit_error {way.name}": error, f"repeats {way.name}": float(torch.equal(found, again))}

    @cached_property
    def noisy(self) -> torch.Tensor:
        return torch.from_numpy(self.bench.samples(Phase.ESTIMATE, 0, self.count))

    @cached_property
    def expected(self) -> torch.Tensor:
        return logits_twice(self.bench, FLOAT32, self.noisy, CPU)[0]


@torch.inference_mode()
def logits_twice(
    bench: Bench, way: Way, noisy: torch.Tensor, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, K) of the first samples of a batch of the usual size; a whole one on the CPU would take minutes."""
    size = len(noisy) if device == CPU else bench.batch_size(way)
    batch = torch.zeros(size, *noisy.shape[1:])
    batch[: len(noisy)] = noisy
    classify, placed = bench.base_classifier(way, device), batch.to(device)
    first, second = (classify(placed)[: len(noisy)].float().cpu() for _ in range(2))
    return first, second


def of_votes(device: torch.device, samples: int) -> Figures:
    """The share of the bundled models' votes that are those of the CPU in float32, with the same noise; and whether the
    device votes alike when it is asked again.
    """
    expected = mini_votes(CPU, samples, **VARIANTS["float32"])
    variants = {name: chosen for name, chosen in VARIANTS.items() if device.type == "cuda" or name != GRAPHS.name}
    found = {name: mini_votes(device, samples, **chosen) for name, chosen in variants.items()}
    again = mini_votes(device, samples, **VARIANTS[OURS.name])
    return {
        **{f"votes_agree {name}": float((votes == expected).mean()) for name, votes in found.items()},
        "votes_repeat": float((again == found[OURS.name]).all()),
    }


@torch.inference_mode()
def mini_votes(device: torch.device, samples: int, dtype: NumberFormat, cuda_graphs: bool = False) -> np.ndarray:
    """The class of each sample (N,)."""
    profile = find_profile("mini")
    settings = Settings(profile=profile.name, device=str(device), dtype=dtype, cuda_graphs=cuda_graphs)
    models = load_profile(Placement(profile, settings, device, getattr(torch, dtype)))
    image = canonicalise(IMAGE.read_bytes(), profile.side).tensor
    noisy = GaussianSamples(image, SIGMA, SeededNoise(SEED))
    classify, classes = models.base_classifier(TASK, SIGMA), len(TASK.labels)
    count = NoisyVotes(classify, noisy, Phase.ESTIMATE, classes, profile.batch_size, device=device)
    return np.concatenate([votes_of_rows(found) for found in count.logits(0, samples)])
