"""How well a base classifier does on reference images: what an adaptation is judged by before it is published."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from robustify.counting import VoteCounter
from robustify.evaluation.metrics import ImageOutcome, average_certified_radius, certified_accuracy
from robustify.smoothing.algorithms import certify
from robustify.smoothing.statistics import largest_radius
from robustify.types import Phase, SmoothingParameters

RADIUS_STEP = 0.25


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
    outcomes, shares = [], []
    for image, label in enumerate(labels):
        on_image()
        found = certify(counters(image, Phase.SELECT), counters(image, Phase.ESTIMATE), parameters)
        outcomes.append(ImageOutcome(label, found.index, found.radius))
        shares.append(found.votes[label] / parameters.n)
    return Evidence(
        sigma=parameters.sigma,
        images=len(outcomes),
        accuracy=sum(shares) / len(shares),
        certified_accuracy={str(radius): certified_accuracy(outcomes, radius) for radius in radii(parameters)},
        acr=average_certified_radius(outcomes),
    )


def radii(parameters: SmoothingParameters) -> list[float]:
    """0, .25, .5, ... up to the largest radius that this n, alpha and sigma can give."""
    largest = largest_radius(parameters.n, parameters.alpha, parameters.sigma) or 0.0
    return [step * RADIUS_STEP for step in range(int(largest / RADIUS_STEP) + 1)]


def is_no_worse(before: Sequence[Evidence], after: Sequence[Evidence]) -> bool:
    """Whether the mean accuracy over all sigmas did not fall."""
    return sum(found.accuracy for found in after) >= sum(found.accuracy for found in before)
