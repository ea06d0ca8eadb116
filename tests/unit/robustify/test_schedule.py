import json
from pathlib import Path

import pytest
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from robustify.schedule import cosine_alpha, exact_timestep, noise_to_signal, timestep_for

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
GOLDEN = json.loads((REFERENCE / "schedule.json").read_text())
COSINE = DDPMScheduler(beta_schedule="squaredcos_cap_v2").alphas_cumprod.double().tolist()
LINEAR = DDPMScheduler(beta_schedule="linear").alphas_cumprod.double().tolist()


@pytest.mark.parametrize("sigma", GOLDEN)
def test_search_gives_the_golden_timestep(sigma: str) -> None:
    """The paper's integer search, in [-1, 1] units, gives the official code's values."""
    golden, step = GOLDEN[sigma], timestep_for(float(sigma), COSINE, k=1.8, rule="search")

    assert step.t == golden["t"]
    assert step.sqrt_alpha == pytest.approx(golden["sqrt_alpha_cumprod"], abs=1e-6)
    assert step.sqrt_one_minus_alpha / step.sqrt_alpha == pytest.approx(golden["sigma_t"], abs=2e-6)
    assert step.noise_level == pytest.approx(golden["noise_level"])


@pytest.mark.parametrize("sigma", GOLDEN)
def test_exact_rule_gives_the_golden_fraction(sigma: str) -> None:
    """The closed form of the cosine schedule agrees with the golden fractional timestep."""
    assert timestep_for(float(sigma), COSINE, k=1.8).t == pytest.approx(GOLDEN[sigma]["t_exact"], abs=1e-4)


@given(st.floats(0.01, 1.0), st.sampled_from([COSINE, LINEAR]))
def test_exact_rule_tells_the_model_the_noise_that_there_is(sigma: float, alphas: list[float]) -> None:
    """The scales' ratio is 2 sigma exactly, and the timestep lies where the schedule has that noise."""
    step = timestep_for(sigma, alphas, k=1.0)
    below, above = int(step.t), min(int(step.t) + 1, 999)

    assert step.sqrt_one_minus_alpha / step.sqrt_alpha == pytest.approx(2 * sigma, rel=1e-12)
    assert step.sqrt_alpha**2 + step.sqrt_one_minus_alpha**2 == pytest.approx(1)
    assert step.t == 0 or noise_to_signal(alphas[below]) <= 2 * sigma * (1 + 1e-4)
    assert noise_to_signal(alphas[above]) >= 2 * sigma * (1 - 1e-4)


def test_closed_form_follows_the_scheduler() -> None:
    """Our formula of the cosine schedule is the one that the bundled scheduler accumulates."""
    assert max(abs(cosine_alpha(t) - COSINE[t]) for t in range(999)) < 1e-6


def test_noise_level_is_capped_where_the_model_was_trained() -> None:
    """k t beyond the schedule is capped: at 999 in the exact rule, at the official 1000 in the search."""
    assert timestep_for(1.0, COSINE, k=1.8).noise_level == 999
    assert timestep_for(1.0, COSINE, k=1.8, rule="search").noise_level == 1000


def test_noise_beyond_the_schedule_is_refused() -> None:
    """A sigma that no timestep has is an error, not the last timestep."""
    with pytest.raises(ValueError, match="no timestep"):
        timestep_for(100.0, LINEAR, k=1.0)
    with pytest.raises(ValueError, match="no timestep"):
        exact_timestep(1e9, LINEAR)
