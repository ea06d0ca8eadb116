"""The documents that clients read."""

import json
from typing import Any

import pytest
from scipy.stats import norm

from adapters.contract import answer
from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.records import JobKind
from adapters.contract.results import read_result
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Selection
from robustify.types import Bound, PredictTest

IMAGE = InputImage(sha256="a" * 64, height=32, width=48, source_sha256="b" * 64, source_norm=0.5)


def request(kind: JobKind, **changes: Any) -> JobRequest:
    """By default with the paper's bound and test."""
    values: dict[str, Any] = {
        "kind": kind,
        "image": IMAGE,
        "labels": ("cat", "dog", "bird"),
        "template": "{}",
        "sigma": 0.25,
        "n0": 100,
        "n": 1000,
        "alpha": 0.001,
        "profile": "mini",
        "engine": "e",
        "fingerprint": "f",
    }
    return JobRequest.model_validate({**values, **changes})


def predict_result(*arguments: Any, **keywords: Any) -> dict[str, Any]:
    """As JSON."""
    return answer.predict_result(*arguments, **keywords).model_dump(mode="json")


def certify_result(*arguments: Any, **keywords: Any) -> dict[str, Any]:
    """As JSON."""
    return answer.certify_result(*arguments, **keywords).model_dump(mode="json")


def test_a_prediction() -> None:
    """Every field of the contract, and nothing that is not JSON."""
    result = predict_result(request(JobKind.PREDICT, n=100), Tally(100, (5, 90, 5)), seconds=1.5)
    p_value = result.pop("p_value")
    assert 0 < p_value < 0.001
    assert result == {
        "outcome": "predicted",
        "label": "dog",
        "index": 1,
        "votes": [{"label": "cat", "count": 5}, {"label": "dog", "count": 90}, {"label": "bird", "count": 5}],
        "n": 100,
        "samples_used": 100,
        "alpha": 0.001,
        "test": "fixed",
        "sigma": 0.25,
        "noise": "gaussian",
        "model": {"profile": "mini", "fingerprint": "f", "task": None, "version": None, "adaptation": None},
        "input": {"sha256": "a" * 64, "height": 32, "width": 48, "source_sha256": "b" * 64, "reduced_by": 1},
        "seconds": 1.5,
        "question": None,
        "randomness": None,
    }
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("votes", [[50, 50, 0], [0, 0, 0], [60, 0, 0]])
def test_a_prediction_that_abstains(votes: list[int]) -> None:
    """It names no label: for a tie, for no votes at all, and for too many missing ones."""
    result = predict_result(request(JobKind.PREDICT, n=100), Tally(100, tuple(votes)), seconds=1.0)
    assert (result["outcome"], result["label"], result["index"]) == ("abstained", None, None)


def test_a_certificate() -> None:
    """Every field of the contract; the radius for the file's pixels is R / ||W||, rounded down."""
    result = certify_result(
        request(JobKind.CERTIFY), Selection(1, [1, 98, 1], 100), Tally(1000, (10, 980, 10)), seconds=2.0
    )
    assert set(result) == {
        "outcome",
        "label",
        "index",
        "radius",
        "radius_source_pixels",
        "target_radius",
        "tolerance",
        "sigma",
        "noise",
        "bound",
        "n0",
        "n",
        "selection_samples",
        "samples_used",
        "alpha",
        "p_lower",
        "p_upper",
        "selection_votes",
        "votes",
        "model",
        "input",
        "seconds",
        "certificate",
    }
    assert (result["outcome"], result["label"], result["index"]) == ("certified", "dog", 1)
    assert (result["bound"], result["samples_used"], result["certificate"]) == ("clopper-pearson", 1100, None)
    assert 0.9 < result["p_lower"] < 0.98
    assert result["radius"] / 0.5 * (1 - 1e-8) < result["radius_source_pixels"] < result["radius"] / 0.5
    json.dumps(result, allow_nan=False)


def test_the_chosen_class_loses() -> None:
    """Its label stands, without a radius: the class is not chosen again."""
    result = certify_result(
        request(JobKind.CERTIFY), Selection(1, [0, 100, 0], 100), Tally(1000, (1000, 0, 0)), seconds=1.0
    )
    assert (result["outcome"], result["label"], result["radius"]) == ("abstained", "dog", None)
    assert (result["radius_source_pixels"], result["p_lower"]) == (None, 0.0)


def test_no_votes_at_all() -> None:
    """An abstention without a label."""
    result = certify_result(request(JobKind.CERTIFY), Selection(0, [0, 0, 0], 100), Tally(1000, (0, 0, 0)), seconds=1.0)
    assert (result["outcome"], result["label"], result["index"], result["radius"]) == ("abstained", None, None, None)


def test_more_votes_than_samples() -> None:
    """No document: something was counted twice."""
    with pytest.raises(ValueError, match="do not fit"):
        certify_result(request(JobKind.CERTIFY), Selection(0, [100, 0, 0], 100), Tally(1000, (1001, 0, 0)), seconds=1.0)


def test_a_certificate_with_a_target() -> None:
    """The radius is the target; the samples are those of its look, and the votes too."""
    aimed = request(JobKind.CERTIFY, bound=Bound.ANYTIME, target_radius=0.2, looks=Looks(100))
    result = certify_result(aimed, Selection(1, [1, 98, 1], 100), Tally(200, (2, 196, 2)), seconds=1.0)
    assert (result["outcome"], result["radius"], result["target_radius"]) == ("certified", 0.2, 0.2)
    assert (result["bound"], result["samples_used"], result["n"]) == ("anytime", 300, 1000)
    assert result["p_upper"] is None
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("tally", "outcome"),
    [(Tally(200, (100, 100, 0)), "not_certified"), (Tally(1000, (200, 800, 0)), "undecided")],
)
def test_a_target_that_is_missed(tally: Tally, outcome: str) -> None:
    """The label stands, without a radius and without a bound."""
    aimed = request(JobKind.CERTIFY, bound=Bound.ANYTIME, target_radius=0.2, looks=Looks(100))
    result = certify_result(aimed, Selection(1, [1, 98, 1], 100), tally, seconds=1.0)
    assert (result["outcome"], result["label"], result["radius"], result["p_lower"]) == (outcome, "dog", None, 0.0)
    assert result["radius_source_pixels"] is None


def test_a_certificate_with_the_bounds_of_the_rivals() -> None:
    """Both bounds are told, and give the radius back."""
    asked = request(JobKind.CERTIFY, bound=Bound.MULTICLASS)
    result = certify_result(asked, Selection(1, [1, 98, 1], 100), Tally(1000, (150, 700, 150)), seconds=1.0)
    both = norm.ppf([result["p_lower"], result["p_upper"]])
    assert result["p_upper"] < 1 - result["p_lower"]
    assert result["radius"] == pytest.approx(0.125 * (both[0] - both[1]))
    assert result["radius"] <= 0.125 * (both[0] - both[1])


def test_a_prediction_that_stopped_early() -> None:
    """It is of the samples that it took, with a p-value that allows for it."""
    asked = request(JobKind.PREDICT, n=100, test=PredictTest.SEQUENTIAL, looks=Looks(50))
    result = predict_result(asked, Tally(50, (0, 50, 0)), seconds=1.0)
    assert (result["label"], result["samples_used"], result["test"]) == ("dog", 50, "sequential")
    assert 2**-49 < result["p_value"] <= 0.001


def test_a_certificate_with_lattice_noise() -> None:
    """Nothing is claimed of the file's pixels, and what the noise may miss of its probabilities is paid for."""
    votes, lattice = Tally(1000, (10, 980, 10)), request(JobKind.CERTIFY, noise="lattice")
    exact = certify_result(request(JobKind.CERTIFY), Selection(1, [1, 98, 1], 100), votes, seconds=1.0)
    result = certify_result(lattice, Selection(1, [1, 98, 1], 100), votes, seconds=1.0)

    assert result["noise"] == "lattice"
    assert result["radius_source_pixels"] is None
    assert exact["p_lower"] - result["p_lower"] == pytest.approx(lattice.slack, rel=0.01)
    assert 0 < lattice.slack < 1e-10
    assert exact["radius"] - 1e-9 < result["radius"] < exact["radius"]


@pytest.mark.parametrize("kind", [JobKind.PREDICT, JobKind.CERTIFY])
def test_result_of_another_release(kind: JobKind) -> None:
    """What an earlier one did not say is what it did, and what a later one says besides is ignored."""
    made = predict_result(request(kind, n=100), Tally(100, (5, 90, 5)), seconds=1.5)
    if kind is JobKind.CERTIFY:
        made = certify_result(request(kind), Selection(1, [1, 98, 1], 100), Tally(1000, (10, 980, 10)), seconds=2.0)
    unknown = {"samples_used", "noise", "test", "target_radius", "tolerance", "p_upper", "certificate"}
    early = {name: value for name, value in made.items() if name not in unknown}
    text = json.dumps({**early, "weather": {"later": True}}, allow_nan=False)

    assert read_result(kind, text).model_dump(mode="json") == made
