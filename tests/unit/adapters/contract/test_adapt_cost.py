"""What an adaptation costs, and what is too much: known from the request alone."""

import pytest

from adapters.contract import adapt_cost
from adapters.contract.adapt import (
    EVALUATE,
    FINE_TUNE,
    MAX_BATCH,
    MAX_RANK,
    MAX_STEPS,
    PERSONALIZE,
    SYNTHESIZE,
    AdaptParameters,
    adapt_request,
)
from adapters.contract.adapt_cost import VALIDATE_STEPS, checked_cost, cost_of
from adapters.contract.bounds import MAX_LABELS
from adapters.contract.fields import FieldsError
from adapters.contract.jobs import AdaptRequest
from adapters.models.training.trainer import TrainingPlan
from adapters.profiles.library import find_profile, shipped_profiles
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from workers.adaptation import report

MINI = find_profile("mini")
ADAPTED = [profile for profile in shipped_profiles().values() if profile.lora_width]


def request_of(labels: int = 3, **fields: int) -> AdaptRequest:
    names = [f"label number {index}" for index in range(labels)]
    parameters = AdaptParameters.model_validate({"name": "pets", "labels": names, **fields})
    return adapt_request(parameters, MINI, Settings())


def default_request(profile: Profile, labels: int) -> AdaptRequest:
    """What a profile does unless it is told otherwise, whether its files are here or not."""
    defaults = profile.adaptation.fitted(profile.adaptation.shots)
    names = {name: getattr(defaults, name) for name in AdaptRequest.model_fields if hasattr(defaults, name)}
    changes = {"labels": tuple(f"label number {index}" for index in range(labels)), "profile": profile.name}
    return request_of().model_copy(update={**names, **changes})


@pytest.mark.parametrize("profile", ADAPTED, ids=lambda profile: profile.name)
def test_cost_of_the_defaults(profile: Profile) -> None:
    """Those of every profile are allowed, for as many labels as there may be."""
    settings = Settings()
    cost = checked_cost(default_request(profile, MAX_LABELS), profile, settings)
    assert 0 < cost.work_samples <= settings.max_adapt_samples
    assert 0 < cost.step_bytes <= settings.max_adapt_bytes


def test_profiles_that_adapt() -> None:
    """Each of them knows how large a LoRA is."""
    assert all(profile.lora_width for profile in shipped_profiles().values() if profile.can_adapt)


def test_cost_of_labels_alone() -> None:
    """Nothing."""
    cost = cost_of(request_of(steps=0, fine_tuning_steps=0), MINI)
    assert (cost.work_samples, cost.step_bytes, cost.pass_samples) == (0, 0, 0)


def test_cost_by_stage() -> None:
    """Each stage by hand: pictures and both of their stages, images of a step, labels of each pass, judged samples."""
    request = request_of(
        3, shots=2, held_back=1, steps=50, batch_size=10, fine_tuning_steps=25, fine_tuning_batch_size=80
    )
    assert cost_of(request, MINI).stages == {
        SYNTHESIZE: 9 * (50 * 0.8 + 25 * 2.0),
        PERSONALIZE: 50 * 10 * 2.3 + 2 * 10,
        FINE_TUNE: pytest.approx(25 * (80 * 1.4 + 2 * 3 * 0.12 + 1) + 80 + 2 * 3 * 0.12, abs=1),
        EVALUATE: pytest.approx(3 * 2 * 2 * 120 * 1.1, abs=1),
    }


def test_longest_pass_of_a_large_batch() -> None:
    """That of a micro-batch: a thousand images take many of them."""
    small, large = (cost_of(request_of(batch_size=size), MINI) for size in (MINI.micro_batch_size, MAX_BATCH))
    assert large.pass_samples == small.pass_samples <= 100
    assert large.work_samples > small.work_samples


def test_memory_of_sizes() -> None:
    """A larger batch and a larger rank take more; the largest of both is allowed, with every profile."""
    least = cost_of(request_of(batch_size=1, rank=1, fine_tuning_batch_size=1), MINI).step_bytes
    assert cost_of(request_of(batch_size=100, rank=1), MINI).step_bytes > least
    assert cost_of(request_of(batch_size=1, rank=64, fine_tuning_batch_size=1), MINI).step_bytes > least
    for profile in ADAPTED:
        sizes = {"batch_size": MAX_BATCH, "fine_tuning_batch_size": MAX_BATCH, "rank": MAX_RANK, "steps": 1}
        checked_cost(default_request(profile, 2).model_copy(update=sizes), profile, Settings())


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"steps": MAX_STEPS, "batch_size": 100}, "steps"),
        ({"fine_tuning_steps": MAX_STEPS, "fine_tuning_batch_size": 500}, "fine_tuning_steps"),
        ({"labels": MAX_LABELS, "shots": 16}, "shots"),
    ],
)
def test_request_that_is_too_much_work(fields: dict[str, int], field: str) -> None:
    """It is refused at the field that does most to it, with what it costs, what is allowed, and what to do."""
    request = request_of(**fields)
    with pytest.raises(FieldsError) as refusal:
        checked_cost(request, MINI, Settings())
    (problem,) = refusal.value.problems

    assert problem.field == field
    assert str(cost_of(request, MINI).work_samples) in problem.detail
    assert str(Settings().max_adapt_samples) in problem.detail
    assert "fewer" in problem.detail


def test_limits_of_an_operator() -> None:
    """What costs as much as is allowed is accepted, and one sample or byte more is not."""
    request = request_of()
    cost = cost_of(request, MINI)
    checked_cost(request, MINI, Settings(max_adapt_samples=cost.work_samples, max_adapt_bytes=cost.step_bytes))
    with pytest.raises(FieldsError, match="samples"):
        checked_cost(request, MINI, Settings(max_adapt_samples=cost.work_samples - 1))
    with pytest.raises(FieldsError, match="bytes"):
        checked_cost(request, MINI, Settings(max_adapt_bytes=cost.step_bytes - 1))


def test_numbers_that_are_counted_with() -> None:
    """They are those that adaptations are trained and judged by."""
    assert report.SELECTION_SAMPLES + report.ESTIMATION_SAMPLES == adapt_cost.JUDGED_SAMPLES
    assert TrainingPlan(1, 1, 0.1, 0.0, 0).validate_steps == VALIDATE_STEPS
