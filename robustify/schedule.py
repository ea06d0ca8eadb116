"""From sigma to the timestep of a diffusion model and back: Eq. 6, and the corrected noise level of Eq. 8.

Diffusion models work in [-1, 1]: there, noise of standard deviation sigma has 2 * sigma.
"""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

TimestepRule = Literal["exact", "search"]

TIMESTEPS = 1000
COSINE_OFFSET = 0.008
OFFICIAL_NOISE_LEVEL_CAP = 1000.0
"""The official code clips k t to 1000, one step outside what the model was trained on (0 .. 999)."""


@dataclass(frozen=True)
class Timestep:
    """Where one-step denoising stands in the schedule.

    `t` is the timestep (fractional under the exact rule); `sqrt_alpha` and `sqrt_one_minus_alpha` scale image and
    noise there, so that their ratio is `2 * sigma`; `noise_level` is k t, which a super-resolution model is told.
    """

    t: float
    sqrt_alpha: float
    sqrt_one_minus_alpha: float
    noise_level: float


def timestep_for(sigma: float, alphas_cumprod: Sequence[float], k: float, rule: TimestepRule = "exact") -> Timestep:
    """The timestep whose noise is sigma, in [0, 1] pixel units, and the noise level k t (Eq. 6 and 8).

    `exact` solves Eq. 6 for a fractional t; `search` is the paper's search for the first integer at or above, at which
    the model is told slightly more noise than there is.
    """
    target = 2 * sigma
    if rule == "search":
        t = search_timestep(target, alphas_cumprod)
        alpha = alphas_cumprod[t]
        level = min(k * t, OFFICIAL_NOISE_LEVEL_CAP)
        return Timestep(float(t), math.sqrt(alpha), math.sqrt(1 - alpha), level)
    t_exact = exact_timestep(target, alphas_cumprod)
    alpha = 1 / (1 + target**2)
    level = min(k * t_exact, float(len(alphas_cumprod) - 1))
    return Timestep(t_exact, math.sqrt(alpha), math.sqrt(1 - alpha), level)


def noise_to_signal(alpha: float) -> float:
    """sqrt((1 - alpha) / alpha): the noise in [-1, 1] units that a scaled image carries."""
    return math.sqrt((1 - alpha) / alpha)


def search_timestep(target: float, alphas_cumprod: Sequence[float]) -> int:
    """The first integer timestep from 1 on with noise at or above `target`, as the official code searches."""
    ratios = [noise_to_signal(alpha) for alpha in alphas_cumprod]
    t = max(1, bisect.bisect_left(ratios, target))
    if t >= len(ratios):
        raise ValueError(f"no timestep has noise {target} in [-1, 1] units; the schedule ends at {ratios[-1]:.1f}")
    return t


def exact_timestep(target: float, alphas_cumprod: Sequence[float]) -> float:
    """The fractional timestep with noise `target` in [-1, 1] units.

    Between two integers of a cosine schedule the closed form of its alphas is solved; for any other schedule,
    log-noise is interpolated linearly.
    """
    above = bisect.bisect_left([noise_to_signal(alpha) for alpha in alphas_cumprod], target)
    if above >= len(alphas_cumprod):
        raise ValueError(f"no timestep has noise {target} in [-1, 1] units")
    if is_cosine(alphas_cumprod):
        return max(0.0, cosine_timestep(target))
    if above == 0:
        return 0.0
    low, high = (math.log(noise_to_signal(alphas_cumprod[index])) for index in (above - 1, above))
    return above - 1 + (math.log(target) - low) / (high - low)


def cosine_alpha(t: float) -> float:
    """alphas_cumprod of the cosine schedule (Nichol and Dhariwal, 2021) with 1000 steps, at any real t."""
    return _cosine((t + 1) / TIMESTEPS) / _cosine(0.0)


def cosine_timestep(target: float) -> float:
    """The t with noise `target`: the inverse of `cosine_alpha`."""
    angle = math.acos(math.sqrt(_cosine(0.0) / (1 + target**2)))
    return TIMESTEPS * ((1 + COSINE_OFFSET) * 2 / math.pi * angle - COSINE_OFFSET) - 1


def is_cosine(alphas_cumprod: Sequence[float]) -> bool:
    """Whether the schedule is the cosine one up to float32 rounding (its last step is capped)."""
    probes = (0, 100, 289, 500, 800, 998)
    return len(alphas_cumprod) == TIMESTEPS and all(abs(alphas_cumprod[t] - cosine_alpha(t)) < 1e-5 for t in probes)


def _cosine(u: float) -> float:
    return math.cos((u + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2) ** 2
