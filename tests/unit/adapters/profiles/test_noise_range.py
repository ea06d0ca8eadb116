"""How much noise a denoiser can remove, read off its schedule without a model library."""

from dataclasses import replace
from pathlib import Path

import pytest
from diffusers import DDPMScheduler

from adapters.profiles.library import find_profile
from adapters.profiles.noise_range import SCHEDULE, check_sigma, largest_sigma
from adapters.profiles.options.restoration import RestorationOptions
from robustify.errors import InvalidInputError
from robustify.schedule import noise_to_signal

SCHEDULES: list[dict[str, object]] = [
    {},
    {"beta_schedule": "squaredcos_cap_v2"},
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    {"num_train_timesteps": 50},
    {"trained_betas": [0.1, 0.2, 0.3]},
]


def largest(folder: Path) -> float | None:
    return largest_sigma(replace(find_profile("unconditional-clip"), folder=folder))


@pytest.mark.parametrize("stated", SCHEDULES, ids=str)
def test_end_of_a_schedule(stated: dict[str, object], tmp_path: Path) -> None:
    """It is that of the library's own scheduler with the same config, which computes in float32."""
    scheduler = DDPMScheduler(**stated)
    scheduler.save_pretrained((tmp_path / SCHEDULE).parent)
    expected = noise_to_signal(scheduler.alphas_cumprod[-1].double().item()) / 2
    assert largest(tmp_path) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("stated", [{"beta_schedule": "sigmoid"}, {"rescale_betas_zero_snr": True}], ids=str)
def test_end_of_a_schedule_that_is_not_known(stated: dict[str, object], tmp_path: Path) -> None:
    """Nothing is said of it: the denoiser itself refuses what it cannot."""
    DDPMScheduler(**stated).save_pretrained((tmp_path / SCHEDULE).parent)
    assert largest(tmp_path) is None
    assert largest(tmp_path / "nowhere") is None


def test_noise_of_a_request() -> None:
    """A restoration network is asked for what it was trained for, and no other kind is bounded here."""
    trained = replace(find_profile("mini"), denoiser_options=RestorationOptions(max_sigma=0.2))
    check_sigma(trained, 0.2)
    check_sigma(find_profile("mini"), 1.0)
    with pytest.raises(InvalidInputError, match="choose 0 to 0.2"):
        check_sigma(trained, 0.25)
