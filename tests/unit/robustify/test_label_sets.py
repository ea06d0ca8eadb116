"""Several label sets in one certificate: each as if it were asked about alone, with its share of alpha."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from robustify.smoothing.algorithms import certify
from robustify.smoothing.cascade import shared_alpha
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.label_sets import certify_label_sets, label_sets_rule, missing_votes, votes_of_sets
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.votes import NoisyVotes, choices_in_sets, tally_of_sets
from robustify.types import Bound, SmoothingParameters, Task

SIZES = (2, 3, 2)
PARAMETERS = SmoothingParameters(0.25, n0=100, n=1000, alpha=0.003)
ALONE = SmoothingParameters(0.25, n0=100, n=1000, alpha=shared_alpha(0.003, 3))
VOTES = (900, 100, 50, 930, 20, 505, 495)


def counter(votes: Sequence[int], samples: int) -> Sequence[int]:
    """Of so many samples the share that all have."""
    return [round(count * samples / 1000) for count in votes]


@pytest.mark.parametrize("bound", [Bound.CLOPPER_PEARSON, Bound.MULTICLASS])
def test_claims_when_each_set_is_asked_about_alone(bound: Bound) -> None:
    """Class, bound and radius of each set are those of a certificate of its own at its share of alpha."""
    found = certify_label_sets(
        label_sets_rule(PARAMETERS, SIZES, bound),
        lambda first, count: counter(VOTES, count),
        lambda first, count: counter(VOTES, count),
    )

    for part, selection, verdict in zip(votes_of_sets(VOTES, SIZES), found.selections, found.verdicts, strict=True):

        def of_set(first: int, count: int, votes: Sequence[int] = part) -> Sequence[int]:
            return counter(votes, count)

        alone = certify(certify_rule(ALONE, bound), of_set, of_set)
        assert (selection.index, verdict) == (alone.selection.index, alone.verdict)
    assert [verdict.radius is None for verdict in found.verdicts] == [False, False, True]


def test_alpha_when_it_is_shared() -> None:
    """All shares together are at most alpha."""
    rule = label_sets_rule(PARAMETERS, SIZES, Bound.MULTICLASS)
    assert {one.parameters.alpha for one in rule.rules} == {rule.alpha_each} == {ALONE.alpha}


@pytest.mark.parametrize(
    ("votes", "is_settled"), [((25, 0, 25, 0, 0, 25, 0), True), ((25, 0, 25, 0, 0, 13, 12), False)]
)
def test_selection_when_some_sets_are_clear(votes: tuple[int, ...], is_settled: bool) -> None:
    """The classes are chosen once that of every set is clear."""
    selecting = label_sets_rule(PARAMETERS, SIZES, Bound.MULTICLASS, Looks(25)).selecting
    assert selecting.looks == Looks(25)
    assert selecting.is_settled(Tally(25, votes)) is is_settled


def test_rule_when_the_bound_may_be_looked_at_early() -> None:
    """It is refused: a set that is settled would wait for the others."""
    with pytest.raises(ValueError, match="anytime"):
        label_sets_rule(PARAMETERS, SIZES, Bound.ANYTIME)


@pytest.mark.parametrize("votes", [VOTES[1:], (*VOTES, 1)])
def test_votes_when_they_are_of_another_number_of_labels(votes: tuple[int, ...]) -> None:
    """Nobody guesses which set they belong to."""
    with pytest.raises(ValueError, match="7 labels"):
        list(votes_of_sets(votes, SIZES))


def test_votes_when_some_are_missing_in_one_set() -> None:
    """The set that lacks the most tells, however many votes the others have."""
    assert missing_votes((5, 5, 2, 2, 3, 10, 0), SIZES, 10) == 3


def test_tally_when_a_row_is_finite_in_one_set_only() -> None:
    """It votes there, and in no other."""
    logits = torch.tensor([[1.0, 2.0, torch.nan, 0.0, 0.0, 3.0, 1.0], [2.0, 1.0, 0.0, 0.0, 1.0, torch.inf, 1.0]])
    assert tally_of_sets(choices_in_sets(logits, SIZES).numpy(), SIZES).tolist() == [1, 1, 0, 0, 1, 1, 0]


def test_counts_when_an_image_votes_in_several_sets() -> None:
    """Each set has the votes that its own logits give, and every copy is classified once."""
    weights = torch.randn(7, 3 * 8 * 8, generator=torch.Generator().manual_seed(1))
    samples = GaussianSamples(np.full((3, 8, 8), 0.5, dtype=np.float32), 0.5, SeededNoise(bytes(32)))
    seen: list[int] = []

    def count(rows: slice, sizes: tuple[int, ...] = ()) -> Sequence[int]:
        def classifier(x: torch.Tensor) -> torch.Tensor:
            seen.append(len(x))
            return x.flatten(1) @ weights[rows].T

        classes = len(weights[rows])
        return NoisyVotes(classifier, samples, "estimate", classes, 32, sizes=sizes)(0, 100)

    alone = [count(rows) for rows in (slice(0, 2), slice(2, 5), slice(5, 7))]
    seen.clear()
    together = count(slice(0, 7), SIZES)

    assert [list(part) for part in votes_of_sets(together, SIZES)] == alone
    assert seen == [32] * 4


def test_task_when_it_has_several_sets() -> None:
    """Its labels stand one set after the other, and the same label may stand in several."""
    task = Task.of_sets([("cat", "dog"), ("cat", "ship", "car")], ["a {}"])
    assert task.labels == ("cat", "dog", "cat", "ship", "car")
    assert (task.set_sizes, task.sizes, task.label_sets) == ((2, 3), (2, 3), (("cat", "dog"), ("cat", "ship", "car")))
    assert Task(("cat", "dog")).label_sets == (("cat", "dog"),)
