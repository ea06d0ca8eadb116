"""What counts allow to say, by the name of the bound; beside the functions that decide while votes come in."""

from dataclasses import replace

import pytest

from robustify.smoothing.anytime import Decision, radius_in_sight, target_test
from robustify.smoothing.claims import Counts, recomputed_verdict
from robustify.smoothing.decisions import bound_radius
from robustify.smoothing.looks import Looks
from robustify.smoothing.multiclass import bound_two_sided
from robustify.smoothing.rules import Outcome, Verdict
from robustify.types import SmoothingParameters

PARAMETERS = SmoothingParameters(sigma=0.25, n0=100, n=1000, alpha=0.001)
COUNTS = Counts(1, (10, 90, 0), (60, 900, 40), 1000, PARAMETERS)


def test_verdict_on_a_fixed_number_of_samples() -> None:
    """It is that of CERTIFY with the same bound."""
    fixed = bound_radius(1, COUNTS.selection_votes, COUNTS.votes, PARAMETERS)
    two_sided = bound_two_sided(1, COUNTS.selection_votes, COUNTS.votes, PARAMETERS)

    assert recomputed_verdict("clopper-pearson", COUNTS) == Verdict(Outcome.CERTIFIED, fixed.radius, fixed.p_lower)
    assert recomputed_verdict("multiclass", COUNTS) == Verdict(
        Outcome.CERTIFIED, two_sided.radius, two_sided.p_lower, two_sided.p_upper
    )


@pytest.mark.parametrize("bound", ["clopper-pearson", "multiclass"])
def test_verdict_on_votes_that_support_none(bound: str) -> None:
    """It is to abstain: for a class in the minority, and for one that no selection sample voted for."""
    minority = replace(COUNTS, votes=(900, 60, 40))
    unsupported = replace(COUNTS, selection_votes=(0, 0, 0))

    assert [recomputed_verdict(bound, counts).outcome for counts in (minority, unsupported)] == [
        "abstained",
        "abstained",
    ]


@pytest.mark.parametrize(("samples", "radius"), [(300, 0.25), (600, 0.25), (1000, 0.25), (1000, 0.31)])
@pytest.mark.parametrize("share", [0.3, 0.85, 0.9, 0.97])
def test_verdict_on_a_target_that_was_looked_at_often(samples: int, radius: float, share: float) -> None:
    """It is the decision of the test with all its looks, wherever it was open no claim is made."""
    votes = round(share * samples)
    counts = replace(COUNTS, votes=(samples - votes, votes, 0), samples=samples, target_radius=radius)
    test = target_test(radius, 0.25, 0.001, Looks(25, 100, 50).ends(1000))
    decision = test.decide(samples, votes)

    certified = decision is Decision.CERTIFIED
    outcome = Outcome.UNDECIDED if decision is None else Outcome(decision)
    expected = Verdict(outcome, radius if certified else None, test.p0 if certified else 0.0)
    assert recomputed_verdict("anytime", counts) == expected


def test_verdict_on_a_radius_within_a_tolerance() -> None:
    """It is the radius that was in sight at that look, at the cap too."""
    for samples, votes in ((400, (10, 380, 10)), (1000, (60, 900, 40))):
        claim = recomputed_verdict("anytime", replace(COUNTS, votes=votes, samples=samples, tolerance=0.05))
        assert claim.radius == radius_in_sight(votes[1], samples, 1000, 0.25, 0.001).radius


@pytest.mark.parametrize(
    ("bound", "changes", "message"),
    [
        ("wishful", {}, "not known here"),
        ("clopper-pearson", {"samples": 999}, "votes"),
        ("clopper-pearson", {"samples": 999, "votes": (0, 900, 0)}, "used at 999"),
        ("clopper-pearson", {"votes": (101, 900, 0)}, "do not fit"),
        ("multiclass", {"selection_votes": (11, 90, 0)}, "do not fit"),
        ("multiclass", {"selection_samples": 99}, "do not fit"),
        ("multiclass", {"selection_samples": 101}, "selection samples"),
        ("anytime", {}, "one aim"),
        ("anytime", {"target_radius": 0.1, "tolerance": 0.1}, "one aim"),
        ("anytime", {"target_radius": 0.1, "samples": 1001}, "planned"),
        ("anytime", {"target_radius": 99.0}, "out of reach"),
    ],
)
def test_verdict_on_counts_that_do_not_fit(bound: str, changes: dict[str, object], message: str) -> None:
    """None is made."""
    with pytest.raises(ValueError, match=message):
        recomputed_verdict(bound, replace(COUNTS, **changes))  # type: ignore[arg-type]
