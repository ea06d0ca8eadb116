"""Bounds, defaults, and what must fit together."""

from typing import Any

import pytest

from adapters.contract.certify import CertifyParameters
from adapters.contract.predict import PredictParameters
from adapters.contract.records import JobKind
from adapters.contract.smoothing import SmoothedParameters
from adapters.preparation import check_fit, parse_parameters
from adapters.profiles.library import find_profile
from robustify.smoothing.anytime import radius_in_sight
from robustify.smoothing.planning import fewest_anytime_samples
from robustify.smoothing.statistics import rounded_down
from robustify.types import Bound

LABELS = {"labels": ["cat", "dog"]}
MINI = find_profile("mini")


def parsed(kind: JobKind, strict: bool = True, **values: Any) -> SmoothedParameters:
    parameters, problems = parse_parameters(kind, {**LABELS, **values}, strict)
    assert parameters is not None, problems
    return parameters


def refused(kind: JobKind, strict: bool = True, **values: Any) -> list[str]:
    parameters, problems = parse_parameters(kind, {**LABELS, **values}, strict)
    assert parameters is None
    return [problem.field for problem in problems]


def misfits(kind: JobKind, profile: str = "mini", **values: Any) -> list[str]:
    return [problem.detail for problem in check_fit(parsed(kind, **values), find_profile(profile))]


def test_defaults() -> None:
    """The paper's numbers."""
    predict, certify = parsed(JobKind.PREDICT), parsed(JobKind.CERTIFY)
    assert (predict.n, predict.alpha, predict.sigma) == (100, 0.001, None)
    assert isinstance(predict, PredictParameters)
    assert isinstance(certify, CertifyParameters)
    assert (predict.test, certify.bound, certify.bound_used) == ("sequential", "auto", Bound.MULTICLASS)
    assert (certify.n0, certify.n, certify.alpha, certify.target_radius) == (100, 10_000, 0.001, None)
    assert predict.template == certify.template == "This is a photo of a {}"
    assert not misfits(JobKind.PREDICT)
    assert not misfits(JobKind.CERTIFY)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("sigma", 0.05, 1.0), ("n", 1, 100_000), ("n0", 1, 10_000), ("alpha", 1e-12, 0.05)],
)
@pytest.mark.parametrize("strict", [True, False])
def test_bounds(name: str, low: float, high: float, strict: bool) -> None:
    """Both ends of a range are in it, as numbers and, where numbers come as text, as texts; what is beyond is not."""
    form = (lambda value: value) if strict else str
    for value in (low, high):
        assert getattr(parsed(JobKind.CERTIFY, strict, **{name: form(value)}), name) == value
    for value in (low - abs(low) / 2 - (low >= 1), high * 2):
        assert refused(JobKind.CERTIFY, strict, **{name: form(value)}) == [name]


def test_text_as_number() -> None:
    """A number that is a text in JSON is a mistake."""
    assert refused(JobKind.PREDICT, n="100", sigma="0.25") == ["sigma", "n"]
    assert parsed(JobKind.PREDICT, strict=False, n="100", sigma="0.25").sigma == 0.25


def test_unknown_fields() -> None:
    """A field that is not there is refused by its name, made safe to print, with those that are."""
    _, problems = parse_parameters(JobKind.PREDICT, {**LABELS, "seed": 1, "\x1b[31m" + "x" * 99: 1}, strict=True)
    assert [problem.field for problem in problems] == ["seed", "?[31m" + "x" * 35]
    assert "labels, task, template" in problems[0].detail


@pytest.mark.parametrize(("alpha", "fewest"), [(0.001, 11), (0.05, 6), (1e-12, 41)])
def test_fewest_to_predict(alpha: float, fewest: int) -> None:
    """An n with which even unanimous votes abstain is refused with the smallest that can answer."""
    assert f"at least {fewest}" in misfits(JobKind.PREDICT, n=fewest - 1, alpha=alpha)[0]
    assert not misfits(JobKind.PREDICT, n=fewest, alpha=alpha)


@pytest.mark.parametrize(
    ("bound", "tolerance", "fewest"),
    [("auto", None, 11), ("multiclass", None, 11), ("clopper-pearson", None, 10), ("auto", 0.1, 12)],
)
def test_fewest_to_certify(bound: str, tolerance: float | None, fewest: int) -> None:
    """The same for a certificate, whose bounds differ in what they need."""
    method: dict[str, Any] = {"bound": bound, "tolerance": tolerance}
    assert f"at least {fewest}" in misfits(JobKind.CERTIFY, n=fewest - 1, **method)[0]
    assert not misfits(JobKind.CERTIFY, n=fewest, **method)


def test_target_radius_when_it_is_at_the_end_of_reach() -> None:
    """It is refused only when even unanimous votes do not certify it; the refusal says what n or radius would do."""
    largest = rounded_down(radius_in_sight(10_000, 10_000, 10_000, MINI.default_sigma, 0.001).radius or 0.0)
    assert not misfits(JobKind.CERTIFY, target_radius=largest)
    (detail,) = misfits(JobKind.CERTIFY, target_radius=largest * 1.01)
    fewest = fewest_anytime_samples(largest * 1.01, MINI.default_sigma, 0.001)
    assert f"at most {largest} can be certified; it takes an n of at least {fewest}:" in detail
    assert not misfits(JobKind.CERTIFY, target_radius=largest * 1.01, n=fewest)


@pytest.mark.parametrize(("radius", "what"), [(1.1, "above the 100000 allowed"), (9.0, "no number of samples")])
def test_target_radius_when_no_n_would_do(radius: float, what: str) -> None:
    """The refusal does not send anybody after an n that is refused too."""
    assert what in misfits(JobKind.CERTIFY, target_radius=radius)[0]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"target_radius": 0.25, "tolerance": 0.1}, "tolerance"),
        ({"target_radius": 0.25, "bound": "clopper-pearson"}, "bound"),
        ({"tolerance": 0.25, "bound": "multiclass"}, "bound"),
    ],
)
def test_aims_and_bounds_when_they_exclude_each_other(values: dict[str, Any], field: str) -> None:
    """One problem, which names the field to leave out."""
    assert [problem.field for problem in check_fit(parsed(JobKind.CERTIFY, **values), MINI)] == [field]


def test_labels_or_task() -> None:
    """One of both, not neither and not both."""
    assert misfits(JobKind.PREDICT, labels=None) == misfits(JobKind.PREDICT, task="pets") != []
    assert not misfits(JobKind.PREDICT, labels=None, task="pets")


def test_fixed_number_of_classes() -> None:
    """A profile with so many classes takes so many labels."""
    labels = ["cat", "dog", "owl"]
    assert "exactly 2" in misfits(JobKind.PREDICT, profile="oracle-linear", labels=labels)[0]
    assert not misfits(JobKind.PREDICT, labels=labels)


def test_labels_when_the_classes_are_fixed() -> None:
    """They must be among the classes; a similar name is offered. Without labels it is about all classes."""
    profile = "imagenet-lite0-plain"
    assert not misfits(JobKind.PREDICT, profile, labels=["Tench", "goldfish"])
    assert misfits(JobKind.PREDICT, profile, labels=["tench", "gold fish"]) == [
        "Labels that are none of the 1000 classes: 'gold fish' (2). Similar to 'gold fish': "
        "goldfish, goldfinch, gar fish."
    ]
    assert not misfits(JobKind.CERTIFY, profile, labels=None)
    assert misfits(JobKind.PREDICT, "mini", labels=None) == ["Give either labels or a task."]
    assert misfits(JobKind.PREDICT, profile, task="pets")[0] == "Give either labels or a task."


def test_class_names_when_they_are_labels() -> None:
    """ImageNet's thousand names can be told apart, all of them at once."""
    names = find_profile("imagenet-lite0-plain").class_names
    assert names is not None
    assert len(names) == 1000
    assert parsed(JobKind.PREDICT, labels=list(names)).labels == list(names)
