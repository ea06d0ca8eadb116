"""What the adversary asks and foresees, held against the statistics and the picture files themselves."""

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from adapters.contract.records import JobKind
from adapters.contract.results import CertifyResult, LabelVotes
from adapters.images import canonicalise
from adapters.models.oracles import exact_margin
from robustify.errors import InvalidInputError
from robustify.smoothing.anytime import target_test
from robustify.smoothing.decisions import bound_radius
from robustify.smoothing.multiclass import bound_two_sided
from robustify.smoothing.rules import Outcome
from robustify.smoothing.statistics import certified_radius
from robustify.types import Bound, SmoothingParameters
from workers.evaluation.adversary import looks, tempting
from workers.evaluation.adversary.asking import result_of
from workers.evaluation.adversary.foresight import certificate_of, would_be_false
from workers.evaluation.adversary.looks import Attack, at_neighbours, certificate
from workers.evaluation.adversary.pictures import SHAPE, Picture, neighbours, picture_near
from workers.evaluation.adversary.questions import Answer, Question
from workers.evaluation.selftest_claims import LABELS

RNG = np.random.default_rng(0)
DOCUMENT: dict[str, Any] = {
    "outcome": "predicted",
    "label": "ABOVE",
    "index": 0,
    "votes": [{"label": "ABOVE", "count": 90}, {"label": "below", "count": 10}],
    "n": 100,
    "samples_used": 100,
    "alpha": 0.001,
    "p_value": 1e-9,
    "sigma": 0.25,
    "model": {"profile": "oracle-linear", "fingerprint": ""},
    "input": {"sha256": "", "height": 32, "width": 32, "source_sha256": ""},
    "seconds": 0.1,
    "of_a_later_release": True,
}


def looked(question: Question, votes: int) -> Answer:
    """A look that saw so many votes for the first label."""
    seen, selected = (votes, question.n - votes), labelled(question.n0, 0)
    return Answer(question, certificate_of(question, 0, seen, votes=labelled(*seen), selection_votes=selected))


def labelled(*votes: int) -> tuple[LabelVotes, ...]:
    return tuple(LabelVotes(label=label, count=count) for label, count in zip(LABELS, votes, strict=True))


@pytest.mark.parametrize("margin", [-0.7, 0.0, 0.3754, 0.72])
def test_picture_when_a_margin_is_wanted(margin: float) -> None:
    """It has this margin to within a hair, as the service reads the file."""
    picture = picture_near(margin, RNG)

    assert picture.margin == pytest.approx(margin, abs=2e-6)
    assert exact_margin(canonicalise(picture.png, SHAPE[1]).tensor) == picture.margin


def test_neighbours_when_many_are_wanted() -> None:
    """They are different, one grey level from one picture and so at most two from each other, and below the margin."""
    found = list(islice(neighbours(0.3754, RNG), 40))
    levels = [np.rint(canonicalise(picture.png, SHAPE[1]).tensor * 255).astype(int) for picture in found]

    assert len({picture.png for picture in found}) == 40
    assert all(np.abs(one - levels[0]).sum() == 2 for one in levels[1:])
    assert all(0.3745 < picture.margin < 0.3754 for picture in found)


@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_edge_when_votes_are_unanimous(alpha: float) -> None:
    """Then every tempting question would be false, with either bound; with a vote less, none of them."""
    attack = Attack(1, alpha, RNG)
    (look,) = at_neighbours(attack)
    dear = list(tempting.with_any_bound(looked(look, look.n), attack))

    assert len(set(dear)) == 8
    assert all(would_be_false(looked(look, look.n), question) for question in dear)
    assert not any(would_be_false(looked(look, look.n - 1), question) for question in dear)


def test_levels_when_votes_are_lucky() -> None:
    """The smallest alphas that make a false answer of these votes are hardly more than what p gives them."""
    attack = Attack(1, 0.05, RNG)
    (look,) = at_neighbours(attack)
    seen = looked(look, look.n)
    dear = list(tempting.at_least_alpha(seen, attack))

    assert len(set(dear)) == 4
    assert all(would_be_false(seen, question) for question in dear)
    assert not would_be_false(seen, replace(look, alpha=min(question.alpha for question in dear) * 0.98))


@pytest.mark.parametrize(("votes", "aims"), [(100, {"target_radius", "tolerance"}), (94, set()), (60, {"refuted"})])
def test_aims_when_votes_are_unlikely(votes: int, aims: set[str]) -> None:
    """Too many votes certify a target beyond the exact radius, or too large a radius; too few refute one within it."""
    attack = Attack(1, 0.05, RNG)
    (look,) = looks.below_targets(attack)
    seen = looked(look, votes)
    dear = [question for question in tempting.with_any_aim(seen, attack) if would_be_false(seen, question)]
    targets = [question.target_radius for question in dear if question.target_radius is not None]
    kinds = {"target_radius" if target > look.picture.margin else "refuted" for target in targets}

    assert kinds | {"tolerance" for question in dear if question.tolerance is not None} == aims


@pytest.mark.parametrize("n", [42, 100, 1500])
def test_foresight_when_the_service_bounds_the_radius(n: int) -> None:
    """It says what CERTIFY says of the same votes, under either bound."""
    question = certificate(Picture(b"", 0.3), 0.01, n)
    parameters = SmoothingParameters(question.sigma, question.n0, n, 0.01)
    for votes in RNG.integers(n // 2, n, 20, endpoint=True):
        counts = (int(votes), n - int(votes))
        both = replace(question, bound=Bound.MULTICLASS)
        selected = (question.n0, 0)

        assert radius(question, counts) == bound_radius(0, selected, counts, parameters).radius
        assert radius(both, counts) == bound_two_sided(0, selected, counts, parameters).radius


@pytest.mark.parametrize("n", [60, 100, 300])
def test_foresight_when_the_service_tests_a_target(n: int) -> None:
    """It says what the test of the target says, when all votes are in at its first look."""
    question = replace(certificate(Picture(b"", 0.3), 0.05, n), bound=None, target_radius=0.2)
    test = target_test(0.2, question.sigma, 0.05, (n,))
    for votes in range(n // 2, n + 1):
        said = certificate_of(question, 0, (votes, n - votes)).outcome

        assert said == (test.decide(n, votes) or Outcome.UNDECIDED)


def radius(question: Question, votes: tuple[int, int]) -> float | None:
    result = certificate_of(question, 0, votes)
    assert isinstance(result, CertifyResult)
    return result.radius


def test_sizes_when_many_are_wanted() -> None:
    """They differ, from the fewest that a cheap look may have up to about the largest."""
    sizes = looks.sample_sizes(100, 1000)

    assert len(set(sizes)) == 100
    assert (sizes[0], sizes[-1]) == (looks.FEWEST_SAMPLES, 1000)
    assert sizes == sorted(sizes)


def test_spellings_when_many_are_wanted() -> None:
    """Each is another text or another number, for what the oracle takes for the same."""
    spelled = list(looks.with_spellings(Attack(1000, 0.05, RNG)))

    assert len(set(spelled)) == 1000
    assert {tuple(label.lower() for label in question.labels) for question in spelled} == {LABELS}
    assert len({question.sigma for question in spelled}) == 2
    assert len({question.picture for question in spelled}) == 1


@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_predictions_when_the_coin_is_fair(alpha: float) -> None:
    """The number of samples makes a wrong label nearly as likely as it may be."""
    found = [question.n for question in looks.for_predictions(Attack(3, alpha, RNG))]

    assert len(set(found)) == 1
    assert certified_radius(0.5, 0.25) is None
    assert 50 <= found[0] <= 200


def test_result_when_labels_are_spelled_otherwise() -> None:
    """The label is the one that the spelling stands for, and what a later release adds is left out."""
    question = Question(JobKind.PREDICT, Picture(b"", 0.1), 100, 0.001, labels=("ABOVE", "below"))

    result = result_of(question, DOCUMENT)

    assert (result.label, result.counts) == ("above", (90, 10))


def test_result_when_other_models_answer() -> None:
    """Nothing can be said of a service whose truth is not known."""
    question = Question(JobKind.PREDICT, Picture(b"", 0.1), 100, 0.001)
    other = {**DOCUMENT, "model": {"profile": "mini", "fingerprint": ""}}

    with pytest.raises(InvalidInputError, match="oracle-linear"):
        result_of(question, other)
