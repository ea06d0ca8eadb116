"""What clients look at: cheap questions about pictures for which an unlikely vote would be a false answer at alpha."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from scipy.stats import binom

from adapters.contract.bounds import MIN_ALPHA
from adapters.contract.records import JobKind
from robustify.smoothing.anytime import bound_so_far
from robustify.smoothing.statistics import certified_radius, lower_confidence_bound
from robustify.types import DEFAULT_TEMPLATE, Bound
from workers.evaluation.adversary.pictures import Picture, neighbours, picture_near
from workers.evaluation.adversary.questions import SIGMA, Question
from workers.evaluation.selftest_claims import LABELS

CHEAP = MIN_ALPHA
"""The alpha of a look."""
SAMPLES = 100
FEWEST_SAMPLES = 42
"""With fewer, a look so cheap would be refused: even unanimous votes would abstain."""
EDGE = 0.85
"""Of alpha: how likely unanimous votes are. They are false at a little less than alpha too, and with either bound."""
BELOW_EDGE = 1e-4
"""Relatively: so much less a picture's radius is than unanimous votes give a target, for several targets between."""
SIZED_PICTURES = 8
LARGEST_SIZE = 1000
P_SIZED = 0.8
BOUNDS = (Bound.CLOPPER_PEARSON, Bound.MULTICLASS)


@dataclass(frozen=True)
class Attack:
    """How often a client looks, and the largest alpha that it asks for in earnest.

    Unless it is told otherwise, every attack draws pictures of its own: no outcome of an earlier one is met again.
    """

    looks: int
    alpha: float
    rng: np.random.Generator = field(default_factory=np.random.default_rng)


def at_neighbours(attack: Attack) -> Iterator[Question]:
    """One at each of so many pictures that unanimous votes would overstate."""
    return (certificate(picture, CHEAP) for picture in islice(edge_pictures(SAMPLES, attack), attack.looks))


def with_sample_sizes(attack: Attack) -> Iterator[Question]:
    """At a few pictures, each with many numbers of samples, evenly spread on a scale of ratios."""
    each = max(1, attack.looks // SIZED_PICTURES)
    margin = margin_where(P_SIZED)
    for _ in range(SIZED_PICTURES):
        picture = picture_near(margin, attack.rng)
        yield from (certificate(picture, CHEAP, n) for n in sample_sizes(each, max(LARGEST_SIZE, 2 * each)))


def with_bounds(attack: Attack) -> Iterator[Question]:
    """At neighbours, with one bound or the other."""
    return (replace(look, bound=BOUNDS[index % 2]) for index, look in enumerate(at_neighbours(attack)))


def below_targets(attack: Attack) -> Iterator[Question]:
    """At pictures for which unanimous votes would certify targets beyond the exact radius."""
    margin = margin_where(bound_so_far(SAMPLES, SAMPLES, SAMPLES, attack.alpha)) * (1 - BELOW_EDGE)
    return (certificate(picture, CHEAP) for picture in islice(neighbours(margin, attack.rng), attack.looks))


def with_spellings(attack: Attack) -> Iterator[Question]:
    """At one picture, spelled in so many ways."""
    look = next(at_neighbours(attack))
    return (respelled(look, index) for index in range(attack.looks))


def for_predictions(attack: Attack) -> Iterator[Question]:
    """At pictures on the boundary, where votes are as likely for either label."""
    n = best_prediction_samples(attack.alpha)
    pictures = islice(neighbours(0.0, attack.rng), attack.looks)
    return (Question(JobKind.PREDICT, picture, n, CHEAP) for picture in pictures)


def certificate(picture: Picture, alpha: float, n: int = SAMPLES) -> Question:
    return Question(JobKind.CERTIFY, picture, n, alpha, bound=Bound.CLOPPER_PEARSON)


def edge_pictures(n: int, attack: Attack) -> Iterator[Picture]:
    """Neighbours whose exact radius is hardly less than what n unanimous votes give: false with nearly alpha."""
    return neighbours(margin_where(lower_confidence_bound(n, n, EDGE * attack.alpha)), attack.rng)


def margin_where(p: float) -> float:
    """At which a noisy copy gets the first label with this probability."""
    margin = certified_radius(p, SIGMA)
    assert margin is not None
    return margin


def sample_sizes(count: int, largest: int) -> list[int]:
    """So many different numbers of samples, up to about the largest."""
    ratio = (largest / FEWEST_SAMPLES) ** (1 / max(1, count - 1))
    sizes = [FEWEST_SAMPLES]
    while len(sizes) < count:
        sizes.append(max(sizes[-1] + 1, round(FEWEST_SAMPLES * ratio ** len(sizes))))
    return sizes


def best_prediction_samples(alpha: float) -> int:
    """The n at which the paper's test of a coin is wrong with a probability as close to alpha / 2 as it gets."""
    tail = EDGE * alpha / 2
    return max(range(SAMPLES // 2, 2 * SAMPLES), key=lambda n: binom.sf(binom.isf(tail, n, 0.5), n, 0.5))


def respelled(question: Question, index: int) -> Question:
    """Another spelling for each index: sigma one step of float64 larger, the template or the labels in other case."""
    sigma = float(np.nextafter(SIGMA, 1)) if index % 2 else SIGMA
    template = DEFAULT_TEMPLATE.upper() if index // 2 % 2 else DEFAULT_TEMPLATE
    return replace(question, sigma=sigma, template=template, labels=in_other_case(LABELS, index // 4))


def in_other_case(labels: tuple[str, ...], index: int) -> tuple[str, ...]:
    """The letters in upper case where the binary digits of the index are ones."""
    spelled, digits = [], index
    for label in labels:
        letters = [letter.upper() if digits >> place & 1 else letter for place, letter in enumerate(label)]
        spelled.append("".join(letters))
        digits >>= len(label)
    return tuple(spelled)
