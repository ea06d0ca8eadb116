"""How much noise a denoiser can remove: what its network was trained for, or what its schedule has a timestep for."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from adapters.profiles.detection import read_json
from adapters.profiles.options.restoration import RestorationOptions
from adapters.profiles.profile import Profile
from robustify.schedule import cosine_alpha, noise_to_signal

SCHEDULE = Path("denoiser", "scheduler", "scheduler_config.json")
SCHEDULED = frozenset({"super-resolution", "unconditional"})
LARGEST_BETA = 0.999
MOST_STEPS = 100_000
Config = Mapping[str, object]


def check_sigma(profile: Profile, sigma: float) -> None:
    """Raises InvalidInputError for noise that a restoration network was not trained for; reads no files."""
    if isinstance(profile.denoiser_options, RestorationOptions):
        profile.denoiser_options.check_sigma(sigma)


def largest_sigma(profile: Profile) -> float | None:
    """The noise in [0, 1] pixels at the end of its diffusion schedule; None where it has none that is known.

    Raises ModelFilesError for a schedule that cannot be read.
    """
    if profile.denoiser not in SCHEDULED or profile.folder is None:
        return None
    path = profile.folder / SCHEDULE
    return sigma_at_the_end(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache
def sigma_at_the_end(path: Path, changed_at: int) -> float | None:
    alpha = math.prod(1 - beta for beta in betas_of(read_json(path)))
    return noise_to_signal(alpha) / 2 if 0 < alpha < 1 else None


def betas_of(config: Config) -> Sequence[float]:
    """Of a scheduler of diffusers; empty for a schedule that is not known."""
    trained = config.get("trained_betas")
    if isinstance(trained, list) and all(isinstance(beta, float) for beta in trained):
        return trained
    steps, first, last = config.get("num_train_timesteps", 1000), config.get("beta_start"), config.get("beta_end")
    makes = SCHEDULES.get(str(config.get("beta_schedule", "linear")))
    is_usable = isinstance(steps, int) and 1 < steps <= MOST_STEPS and not config.get("rescale_betas_zero_snr")
    if makes is None or not is_usable or not isinstance(steps, int):
        return ()
    return [*makes(steps, number(first, 1e-4), number(last, 0.02))]


def number(value: object, usual: float) -> float:
    return float(value) if isinstance(value, int | float) else usual


def linear(steps: int, first: float, last: float) -> Iterator[float]:
    return (first + (last - first) * step / (steps - 1) for step in range(steps))


def scaled_linear(steps: int, first: float, last: float) -> Iterator[float]:
    return (root**2 for root in linear(steps, first**0.5, last**0.5))


def cosine(steps: int, first: float, last: float) -> Iterator[float]:
    """As diffusers caps it; `cosine_alpha` counts a thousand steps from 0, the end of the first one."""
    ends = [cosine_alpha(1000 * step / steps - 1) for step in range(steps + 1)]
    return (min(1 - later / earlier, LARGEST_BETA) for earlier, later in zip(ends, ends[1:], strict=False))


SCHEDULES: Mapping[str, Callable[[int, float, float], Iterator[float]]] = {
    "linear": linear,
    "scaled_linear": scaled_linear,
    "squaredcos_cap_v2": cosine,
}
