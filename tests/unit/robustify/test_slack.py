"""Noise that misses its probabilities by a slack: no bound claims more than it would for exact noise of less votes."""

from dataclasses import replace

import pytest

from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Outcome, Selection, Verdict
from robustify.types import Bound, SmoothingParameters

EXACT = SmoothingParameters(sigma=0.25, n0=100, n=1000, alpha=0.001)
SLACK = 0.01
SELECTION, TALLY = Selection(0, (100, 0), 100), Tally(1000, (950, 50))
RULES = {
    "clopper-pearson": (Bound.CLOPPER_PEARSON, {}),
    "multiclass": (Bound.MULTICLASS, {}),
    "tolerance": (Bound.ANYTIME, {"tolerance": 0.01, "looks": Looks(100)}),
}


@pytest.mark.parametrize("name", RULES)
def test_radius_when_the_noise_has_slack(name: str) -> None:
    """The bound of the class is lower by the slack, that of its rivals no lower, and the radius is smaller."""
    bound, aim = RULES[name]
    exact, slack = (
        certify_rule(parameters, bound, **aim).verdict(SELECTION, TALLY)  # type: ignore[arg-type]
        for parameters in (EXACT, replace(EXACT, slack=SLACK))
    )

    assert exact.p_lower - slack.p_lower == pytest.approx(SLACK)
    assert (slack.p_upper or 0.0) >= (exact.p_upper or 0.0)
    assert slack.radius is not None
    assert exact.radius is not None
    assert slack.radius < exact.radius


def test_target_when_the_noise_has_slack() -> None:
    """Votes that certify it for exact noise may not do so; where they do, p_lower is what the radius needs."""
    tally = Tally(1000, (875, 125))

    def verdict_of(parameters: SmoothingParameters, radius: float) -> Verdict:
        rule = certify_rule(parameters, Bound.ANYTIME, target_radius=radius, looks=Looks(1000))
        return rule.verdict(SELECTION, tally)

    exact, slack = (verdict_of(parameters, 0.24) for parameters in (EXACT, replace(EXACT, slack=0.05)))
    far = verdict_of(replace(EXACT, slack=SLACK), 0.1)

    assert (exact.outcome, slack.outcome, far.outcome) == (
        Outcome.CERTIFIED,
        Outcome.UNDECIDED,
        Outcome.CERTIFIED,
    )
    assert far.p_lower == pytest.approx(verdict_of(EXACT, 0.1).p_lower)


def test_target_when_the_slack_leaves_no_room() -> None:
    """No number of samples would do, which is said."""
    rule = certify_rule(replace(EXACT, slack=0.5), Bound.ANYTIME, target_radius=0.25, looks=Looks(100))
    with pytest.raises(ValueError, match="out of reach"):
        rule.verdict(SELECTION, TALLY)
