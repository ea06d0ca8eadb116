"""What may be asked at several sigmas at once, and that their question is one of its own."""

from pathlib import Path
from typing import Any

import pytest

from adapters.contract.bounds import MAX_ESTIMATION_SAMPLES
from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.looks import shard_samples
from adapters.contract.plan import checked_plan, plan
from adapters.contract.records import JobKind
from adapters.preparation import checked, job_request
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from robustify.errors import InvalidInputError
from robustify.smoothing.cascade import shared_alpha

MINI = find_profile("mini")
SETTINGS = Settings(profile="mini")
IMAGE = InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.0)
LABELS = ["cat", "dog"]


def asked(folder: Path, strict: bool = True, **values: Any) -> JobRequest:
    """The request of these fields; raises FieldsError with all that is wrong."""
    fields = {"labels": LABELS, "sigmas": [0.25, 0.5], **values}
    return job_request(checked(JobKind.CERTIFY, fields, strict, MINI, TaskStore(folder)), IMAGE, SETTINGS)


def refused(folder: Path, **values: Any) -> str:
    with pytest.raises(InvalidInputError) as found:
        asked(folder, **values)
    return str(found.value)


def test_sigmas_when_they_are_in_another_order(tmp_path: Path) -> None:
    """They are the same question, with the smallest first."""
    one, other = asked(tmp_path, sigmas=[0.5, 0.25, 1.0]), asked(tmp_path, sigmas=[1.0, 0.5, 0.25])
    assert one == other
    assert (one.sigmas, one.sigma, one.sizes, one.copies) == ((0.25, 0.5, 1.0), 1.0, (2, 2, 2), 3)


def test_question_at_several_sigmas(tmp_path: Path) -> None:
    """It is another one than that at any of them, or at more: it has another fingerprint, and so other noise."""
    together = [asked(tmp_path, sigmas=sigmas) for sigmas in ([0.25, 0.5], [0.25, 0.5, 1.0], [0.5, 1.0])]
    alone = [asked(tmp_path, sigmas=None, sigma=sigma) for sigma in (0.25, 0.5, 1.0)]
    assert len({request.question.digest for request in [*together, *alone]}) == 6
    assert all("sigmas" not in request.model_dump() for request in alone)


def test_sigmas_as_a_form_sends_them(tmp_path: Path) -> None:
    """Texts become numbers there, and nowhere else."""
    assert asked(tmp_path, strict=False, sigmas=["0.25", "0.5"]).sigmas == (0.25, 0.5)
    assert "sigmas.0" in refused(tmp_path, sigmas=["0.25", "0.5"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sigmas": [0.25]}, "sigmas: List should have at least 2"),
        ({"sigmas": [0.1 * place for place in range(1, 10)]}, "sigmas: List should have at most 8"),
        ({"sigmas": [0.25, 0.25]}, "sigmas: Some are equal"),
        ({"sigmas": [0.25, 0.01]}, "sigmas.1: Input should be greater"),
        ({"sigmas": [0.25, float("nan")]}, "sigmas.1"),
        ({"sigmas": 0.25}, "sigmas: Input should be a valid list"),
        ({"sigma": 0.25}, "sigmas: Give either a sigma or several"),
        ({"labels": None, "label_sets": [LABELS, ["a", "b"]]}, "sigmas: Several sigmas are asked about one label set"),
        ({"target_radius": 0.1}, "target_radius: Several sigmas are looked at once"),
        ({"tolerance": 0.1}, "tolerance: Several sigmas are looked at once"),
        ({"n": MAX_ESTIMATION_SAMPLES}, "n: Each of the 2 sigmas takes so many: give at most 50000"),
        ({"n0": 6000}, "n0: Each of the 2 sigmas takes so many: give at most 5000"),
        ({"n": 8}, "n: With this alpha"),
        ({"sigmas": [0.1, 0.2, 0.3], "labels": [f"label {place}" for place in range(700)]}, "sigmas: 700 labels"),
    ],
)
def test_what_does_not_go_with_several_sigmas(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    """The field is named, and what to do."""
    assert said in refused(tmp_path, **values)


def test_sigmas_of_a_prediction(tmp_path: Path) -> None:
    """It has no such field."""
    with pytest.raises(InvalidInputError, match="no such field"):
        checked(JobKind.PREDICT, {"labels": LABELS, "sigmas": [0.25, 0.5]}, True, MINI, TaskStore(tmp_path))


def test_shard_of_samples_with_several_copies() -> None:
    """It has as many copies as another shard, in whole batches: it takes no longer, and never less than a batch."""
    batch, shard = MINI.samples_per_batch(SETTINGS), MINI.samples_per_shard(SETTINGS)
    assert shard_samples(MINI, SETTINGS, 1) == shard
    assert shard_samples(MINI, SETTINGS, 2) % batch == 0
    assert batch <= shard_samples(MINI, SETTINGS, 2) <= max(batch, shard // 2)
    assert shard_samples(MINI, SETTINGS, 8) >= batch


def test_plan_for_several_sigmas() -> None:
    """All take their samples, and the one that is reckoned with has its share of alpha."""
    fields = {"target_radius": 0.5, "sigma": 0.5, "n": 1000, "p": [0.99]}
    one, three = (
        plan(checked_plan({**fields, "sigmas": sigmas}, True, MINI), MINI, SETTINGS, speed=100) for sigmas in (1, 3)
    )
    alone = plan(checked_plan({**fields, "alpha": shared_alpha(0.001, 3)}, True, MINI), MINI, SETTINGS)
    assert three.costs[0].fixed.samples == 3 * one.costs[0].fixed.samples
    assert three.costs[0].fixed.seconds == pytest.approx(3 * (one.costs[0].fixed.seconds or 0.0), abs=0.05)
    assert three.costs[0].fixed.certified == alone.costs[0].fixed.certified
    assert (three.costs[0].adaptive, three.fewest.adaptive) == (None, None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"label_sets": 2}, "one label set"), ({"n": 60_000}, "at most 50000"), ({"sigmas": 9}, "less")],
)
def test_plan_for_sigmas_that_is_refused(fields: dict[str, Any], said: str) -> None:
    """As the certificate would be."""
    with pytest.raises(InvalidInputError, match=said):
        checked_plan({"target_radius": 0.1, "sigma": 0.5, "sigmas": 2, **fields}, True, MINI)
