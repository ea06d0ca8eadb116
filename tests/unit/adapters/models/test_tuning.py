"""Measuring a profile: which batches are tried, when it ends, and what cannot be measured."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from adapters.models.catalogue import load_models
from adapters.models.loaded import Models
from adapters.models.tuning import SIZES, Workload, measure, measured_speeds, votes_of
from adapters.models.tuning_choices import COMPARED_SAMPLES, End
from adapters.profiles.library import find_profile
from adapters.profiles.profile import Profile
from adapters.settings import NumberFormat, Settings
from robustify.pipeline import identity_denoiser
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Phase, Task

IMAGE = np.full((3, 32, 32), 0.5, dtype=np.float32)
TOO_MUCH = 1 << 60
FORMATS: tuple[NumberFormat, ...] = ("float32", "bfloat16")


def workload(profile: str = "oracle-linear") -> Workload:
    return Workload(find_profile(profile), Settings(profile=profile), Task(("cat", "dog")), IMAGE)


def counting(classify: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[int], NoisyVotes]:
    samples = GaussianSamples(IMAGE, 0.25, SeededNoise(bytes(32)))
    return lambda batch: NoisyVotes(classify, samples, Phase.ESTIMATE, 2, batch)


def first_two(noisy: torch.Tensor) -> torch.Tensor:
    return noisy[:, 0, 0, :2]


def with_room(tried: int, wanted: int) -> bool:
    return True


def test_profile_that_is_fast() -> None:
    """Every batch that was tried has a speed, and all compared samples a vote, the same in both formats."""
    found, other = (measure(workload(), dtype, 1.0) for dtype in FORMATS)
    assert [speed.batch for speed in found.speeds] == list(SIZES[: len(found.speeds)])
    assert all(speed.samples_per_second > 0 for speed in found.speeds)
    assert len(found.votes) == COMPARED_SAMPLES
    assert set(found.votes) == {0, 1}
    assert found.votes == other.votes


def test_profile_when_there_is_little_time() -> None:
    """One batch is measured and a few votes are counted, whatever it takes."""
    found = measure(workload(), "float32", 1e-9)
    assert ([speed.batch for speed in found.speeds], found.end, len(found.votes)) == ([1], End.TIME, 1)


@pytest.mark.parametrize(
    ("message", "end"), [("no such operation for BFloat16", End.FAILED), ("CUDA out of memory", End.MEMORY)]
)
def test_number_format_that_gives_no_answer(message: str, end: End, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no speed and no votes, and why is told apart."""

    def failing(x0: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(message)

    models = Models(lambda task: identity_denoiser, lambda task: failing, torch.device("cpu"))
    monkeypatch.setattr("adapters.models.tuning.load_models", lambda profile, settings: models)
    found = measure(workload(), "bfloat16", 1.0)
    assert (found.speeds, found.votes, found.end, found.runs) == ((), (), end, False)


def test_format_that_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are loaded in the format that is measured, whatever the profile and the environment say."""
    seen: list[str] = []

    def load(profile: Profile, settings: Settings) -> Models:
        seen.append(profile.number_format(settings))
        return load_models(profile, settings)

    monkeypatch.setattr("adapters.models.tuning.load_models", load)
    asked = replace(workload(), settings=Settings(dtype="bfloat16"))
    for dtype in FORMATS:
        measure(asked, dtype, 1e-9)
    assert seen == ["float32", "bfloat16"]


def test_batch_without_room() -> None:
    """Smaller ones keep their speeds; where the machine says so before, it is not tried."""

    def greedy(noisy: torch.Tensor) -> torch.Tensor:
        if len(noisy) > 2:
            torch.empty(TOO_MUCH, dtype=torch.uint8)
        return first_two(noisy)

    speeds, end = measured_speeds(counting(greedy), 0.01, with_room)
    assert ([speed.batch for speed in speeds], end) == ([1, 2], End.MEMORY)
    speeds, end = measured_speeds(counting(first_two), 1.0, lambda tried, wanted: (tried, wanted) != (1, 2))
    assert ([speed.batch for speed in speeds], end) == ([1], End.MEMORY)


def test_error_that_is_no_lack_of_memory() -> None:
    """It is not taken for one."""

    def failing(noisy: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no such operation")

    with pytest.raises(RuntimeError, match="no such operation"):
        measured_speeds(counting(failing), 0.01, with_room)


def test_samples_without_finite_logits() -> None:
    """They have no vote, and the last batch no padding."""
    votes = votes_of(counting(lambda noisy: first_two(noisy) / (noisy[:, :1, 0, 1] > 0.5))(16), 50)
    assert len(votes) == 50
    assert set(votes) >= {None}
    assert set(votes) <= {None, 0, 1}
