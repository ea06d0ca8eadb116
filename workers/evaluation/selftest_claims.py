"""What the self-test has claimed of an image whose exact margin is known, and when that is false."""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np

from adapters.contract.records import JobKind
from adapters.contract.results import CertifyResult, Voted
from robustify.smoothing.looks import Looks
from robustify.smoothing.rules import Outcome
from robustify.types import Bound, PredictTest

LABELS = ("above", "below")
PREDICTED = "predicted"
LOOK_SAMPLES, SELECTION_LOOK_SAMPLES = 100, 25
"""Between two looks of a claim that may stop early."""
TARGET_GAP = 1e-6
"""Relative distance of the targets from the exact radius: there both answers are as likely to be wrong as they can."""
EDGE_MARGIN = 0.002
"""Of the images that are predicted: votes for the right label are hardly more than half."""


class Claim(StrEnum):
    """A bound of CERTIFY, or the test of PREDICT that stops when it is clear."""

    CLOPPER_PEARSON = "clopper-pearson"
    MULTICLASS = "multiclass"
    ANYTIME = "anytime"
    SEQUENTIAL = "sequential"


def tested_image(claim: Claim, image: np.ndarray, margin: float, normal: np.ndarray) -> tuple[np.ndarray, float]:
    """An image (3, H, W) and its exact margin, moved along the boundary's normal where the claim needs it."""
    if claim is not Claim.SEQUENTIAL:
        return image, margin
    edge = np.copysign(EDGE_MARGIN, margin)
    return (image + (edge - margin) * normal).astype(np.float32), float(edge)


def request_fields(claim: Claim, margin: float, above: bool) -> Mapping[str, object]:
    """The fields of a JobRequest that ask for the claim; a target lies just above or below the exact radius."""
    if claim is Claim.SEQUENTIAL:
        return {"kind": JobKind.PREDICT, "n0": 0, "test": PredictTest.SEQUENTIAL, "looks": Looks(LOOK_SAMPLES)}
    if claim is Claim.ANYTIME:
        target = abs(margin) * (1 + (TARGET_GAP if above else -TARGET_GAP))
        looks = {"selection_looks": Looks(SELECTION_LOOK_SAMPLES), "looks": Looks(LOOK_SAMPLES)}
        return {"bound": Bound.ANYTIME, "target_radius": target, **looks}
    return {"bound": Bound(claim)}


def is_right(margin: float, result: Voted) -> bool:
    """Whether the label is that of the exact margin."""
    return bool(result.label == LABELS[0 if margin > 0 else 1])


def is_wrong(margin: float, result: Voted) -> bool:
    """Whether a wrong label was predicted or certified."""
    return result.outcome in (PREDICTED, Outcome.CERTIFIED) and not is_right(margin, result)


def is_false(margin: float, result: Voted) -> bool:
    """Whether a result says more than is true: a wrong label, a radius beyond the exact one, or a target refuted that
    is within it."""
    if isinstance(result, CertifyResult):
        if result.outcome is Outcome.CERTIFIED and (result.radius or 0.0) > abs(margin):
            return True
        if result.outcome is Outcome.NOT_CERTIFIED:
            return is_right(margin, result) and (result.target_radius or 0.0) <= abs(margin)
    return is_wrong(margin, result)
