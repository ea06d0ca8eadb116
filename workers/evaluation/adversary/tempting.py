"""What a client would like to ask dearly after a look: several questions about the same picture, each with an alpha of
its own, of which the client asks those that the votes which it saw would make false."""

from collections.abc import Iterator
from dataclasses import replace

from scipy.stats import binom, norm

from workers.evaluation.adversary.looks import BOUNDS, CHEAP, Attack
from workers.evaluation.adversary.questions import Answer, Question

SHARES = (1.0, 0.99, 0.98, 0.97)
"""Of alpha: each is another question."""
STEPS = (1e-5, 2e-5, 3e-5, 4e-5)
"""From the exact radius, relatively."""
TOLERANCES = (0.05, 0.1, 0.2, 0.4)


def at_alpha(look: Answer, attack: Attack) -> Iterator[Question]:
    """The same again for alpha, and for hardly less."""
    return (replace(look.question, alpha=attack.alpha * share) for share in SHARES)


def at_least_alpha(look: Answer, attack: Attack) -> Iterator[Question]:
    """The same again for the smallest alphas at which it would be false: hardly more than the chance of such votes."""
    question = look.question
    p = float(norm.cdf(question.picture.margin / question.sigma))
    least = float(binom.sf(look.result.counts[0] - 1, question.n, p))
    alphas = (max(CHEAP, least * (1.01 + 1 - share)) for share in SHARES)
    return (replace(question, alpha=alpha) for alpha in alphas if alpha <= attack.alpha)


def with_any_bound(look: Answer, attack: Attack) -> Iterator[Question]:
    """The same again for alpha, with either bound."""
    return (replace(question, bound=bound) for question in at_alpha(look, attack) for bound in BOUNDS)


def with_any_aim(look: Answer, attack: Attack) -> Iterator[Question]:
    """The same picture with target radii just above and just below the exact one, or with a tolerance."""
    question = replace(look.question, alpha=attack.alpha, bound=None)
    for step in STEPS:
        for sign in (1, -1):
            yield replace(question, target_radius=question.picture.margin * (1 + sign * step))
    for tolerance in TOLERANCES:
        yield replace(question, tolerance=tolerance)
