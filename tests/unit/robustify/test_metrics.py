import pytest

from robustify.evaluation.metrics import (
    ImageOutcome,
    abstention_rate,
    average_certified_radius,
    certified_accuracies,
    certified_accuracy,
    clean_accuracy,
    distinct_answers,
)
from robustify.types import SmoothingParameters

OUTCOMES = [
    ImageOutcome(label=0, answer=0, radius=0.5),
    ImageOutcome(label=0, answer=1, radius=0.9),
    ImageOutcome(label=1, answer=1, radius=None),
    ImageOutcome(label=1, answer=1, radius=0.25),
]


def test_clean_accuracy_counts_abstentions_by_their_top_class() -> None:
    """Three of four top classes are right."""
    assert clean_accuracy(OUTCOMES) == 0.75


@pytest.mark.parametrize(("radius", "share"), [(0.0, 0.5), (0.25, 0.5), (0.3, 0.25), (0.6, 0.0)])
def test_certified_accuracy_needs_the_right_class_and_the_radius(radius: float, share: float) -> None:
    """Wrong classes never count, however large their radius; an abstention does not count at radius 0."""
    assert certified_accuracy(OUTCOMES, radius) == share


@pytest.mark.parametrize(
    ("sigma", "n", "expected"),
    [
        (0.1, 100, {"0.0": 0.5}),
        (0.25, 100, {"0.0": 0.5, "0.25": 0.5}),
        (0.5, 100, {"0.0": 0.5, "0.25": 0.5, "0.5": 0.25, "0.75": 0.0}),
        (0.5, 5, {"0.0": 0.5}),
    ],
)
def test_certified_accuracies_when_sigma_or_n_differs(sigma: float, n: int, expected: dict[str, float]) -> None:
    """In steps of .25, as far as unanimous votes reach; with too few samples only radius 0 is left."""
    assert certified_accuracies(OUTCOMES, SmoothingParameters(sigma, n0=20, n=n, alpha=0.001)) == expected


def test_average_certified_radius_is_zero_where_wrong() -> None:
    """The wrong certificate adds nothing."""
    assert average_certified_radius(OUTCOMES) == pytest.approx(0.75 / 4)


def test_rates_of_a_run() -> None:
    """One of four abstains, two classes were answered."""
    assert abstention_rate(OUTCOMES) == 0.25
    assert distinct_answers(OUTCOMES) == 2


def test_empty_run_is_zero() -> None:
    """No images, no accuracy, no error."""
    assert clean_accuracy([]) == certified_accuracy([], 0.0) == average_certified_radius([]) == 0
