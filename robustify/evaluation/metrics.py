"""What a run over a data set says: pure functions over its rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustify.smoothing.statistics import largest_radius
from robustify.types import SmoothingParameters

RADIUS_STEP = 0.25


@dataclass(frozen=True)
class ImageOutcome:
    """One image of a run. `label` and `answer` are class indices; `answer` is None where PREDICT abstained, and
    `radius` where CERTIFY gave none.

    For predictions, and for a classifier that is not smoothed, `radius` is None throughout.
    """

    label: int
    answer: int | None
    radius: float | None

    @property
    def is_correct(self) -> bool:
        return self.answer == self.label

    @property
    def certified_radius(self) -> float:
        """0 where the answer is wrong or nothing is certified."""
        return self.radius if self.is_correct and self.radius is not None else 0.0

    def is_certified_at(self, radius: float) -> bool:
        """Whether it is certified as its label for `radius` or more."""
        return self.is_correct and self.radius is not None and self.radius >= radius


def clean_accuracy(outcomes: Sequence[ImageOutcome]) -> float:
    """The share of images whose most voted class is the label, abstentions of CERTIFY included."""
    return _share([outcome.is_correct for outcome in outcomes])


def certified_accuracy(outcomes: Sequence[ImageOutcome], radius: float) -> float:
    """The share of images that are certified as their label for `radius` or more (Cohen et al., 2019, section 4)."""
    return _share([outcome.is_certified_at(radius) for outcome in outcomes])


def certified_accuracies(outcomes: Sequence[ImageOutcome], parameters: SmoothingParameters) -> dict[str, float]:
    """By radius: 0, .25, .5, ... up to the largest that this n, alpha and sigma can give."""
    largest = largest_radius(parameters.n, parameters.alpha, parameters.sigma) or 0.0
    radii = [step * RADIUS_STEP for step in range(int(largest / RADIUS_STEP) + 1)]
    return {str(radius): certified_accuracy(outcomes, radius) for radius in radii}


def average_certified_radius(outcomes: Sequence[ImageOutcome]) -> float:
    """The mean radius, with 0 for images that are wrong or abstained (Zhai et al., 2020)."""
    radii = [outcome.certified_radius for outcome in outcomes]
    return sum(radii) / len(radii) if radii else 0.0


def abstention_rate(outcomes: Sequence[ImageOutcome]) -> float:
    """Of CERTIFY: the share of images without a radius."""
    return _share([outcome.radius is None for outcome in outcomes])


def silence_rate(outcomes: Sequence[ImageOutcome]) -> float:
    """Of PREDICT: the share of images without an answer."""
    return _share([outcome.answer is None for outcome in outcomes])


def distinct_answers(outcomes: Sequence[ImageOutcome]) -> int:
    """How many classes were answered at all: under heavy noise a plain classifier tends to one constant."""
    return len({outcome.answer for outcome in outcomes if outcome.answer is not None})


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0
