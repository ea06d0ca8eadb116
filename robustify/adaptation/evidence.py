"""How well a base classifier does on reference images: what an adaptation is judged by before it is published."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from robustify.counting import VoteCounter
from robustify.evaluation.metrics import ImageOutcome, average_certified_radius, certified_accuracies
from robustify.smoothing.algorithms import certify
from robustify.smoothing.certify_rules import certify_rule
from robustify.types import Phase, SmoothingParameters


@dataclass(frozen=True)
class Evidence:
    """Figures over the judged images at one sigma.

    `accuracy`: share of the noisy samples that are classified as the label, which tells small changes best;
    `certified_accuracy`: by radius; `acr`: average certified radius.
    """

    sigma: float
    images: int
    accuracy: float
    certified_accuracy: Mapping[str, float]
    acr: float


def judge(
    counters: Callable[[int, Phase], VoteCounter],
    labels: Sequence[int],
    parameters: SmoothingParameters,
    on_image: Callable[[], None] = lambda: None,
) -> Evidence:
    """CERTIFY for every image: `counters` gives the votes of an image and phase."""
    rule = certify_rule(parameters)
    outcomes, shares = [], []
    for image, label in enumerate(labels):
        on_image()
        found = certify(rule, counters(image, Phase.SELECT), counters(image, Phase.ESTIMATE))
        outcomes.append(ImageOutcome(label, found.selection.index, found.verdict.radius))
        shares.append(found.tally.votes[label] / parameters.n)
    return Evidence(
        sigma=parameters.sigma,
        images=len(outcomes),
        accuracy=sum(shares) / len(shares),
        certified_accuracy=certified_accuracies(outcomes, parameters),
        acr=average_certified_radius(outcomes),
    )


def is_no_worse(before: Sequence[Evidence], after: Sequence[Evidence]) -> bool:
    """Whether the mean accuracy over all sigmas did not fall."""
    return sum(found.accuracy for found in after) >= sum(found.accuracy for found in before)
