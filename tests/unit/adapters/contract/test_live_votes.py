"""Votes that are shown before the end: only where looking is sound."""

from typing import Any

import pytest

from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.live_votes import live_votes, may_be_watched
from adapters.contract.next_step import CountedPhase
from adapters.contract.records import JobKind
from robustify.smoothing.looks import Looks
from robustify.types import Bound, PredictTest

LOOKS = Looks(10)
SEQUENTIAL = {"kind": JobKind.PREDICT, "test": PredictTest.SEQUENTIAL, "looks": LOOKS}
ANYTIME = {"bound": Bound.ANYTIME, "looks": LOOKS, "target_radius": 0.1, "n0": 10}


def request(**changes: Any) -> JobRequest:
    image = InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.0)
    values = {
        "kind": JobKind.CERTIFY, "image": image, "labels": ("cat", "dog"), "template": "{}", "sigma": 0.5, "n0": 0,
        "n": 50, "alpha": 0.01, "profile": "oracle-coin", "engine": "e" * 64, "fingerprint": "f" * 64,
    }  # fmt: skip
    return JobRequest.model_validate({**values, **changes})


@pytest.mark.parametrize("asked", [SEQUENTIAL, ANYTIME])
def test_votes_when_looking_is_sound(asked: dict[str, Any]) -> None:
    """They are those up to the last look without a gap before it, in the order of the labels."""
    assert may_be_watched(request(**asked))
    counted = CountedPhase(LOOKS, {0: [7, 3], 10: [4, 6], 30: [10, 0]})
    votes = live_votes(request(**asked), counted)
    assert votes is not None
    assert [(vote.label, vote.count) for vote in votes] == [("cat", 11), ("dog", 9)]


@pytest.mark.parametrize("asked", [SEQUENTIAL, ANYTIME])
def test_votes_when_the_first_look_is_to_come(asked: dict[str, Any]) -> None:
    """There are none, whatever has come behind the gap."""
    assert live_votes(request(**asked), CountedPhase(LOOKS, {10: [4, 6]})) is None


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": JobKind.PREDICT, "test": PredictTest.FIXED},
        {"bound": Bound.CLOPPER_PEARSON},
        {"bound": Bound.MULTICLASS, "selection_looks": LOOKS},
        {"bound": Bound.MULTICLASS, "looks": LOOKS},
        {"kind": JobKind.PREDICT, "test": PredictTest.FIXED, "looks": LOOKS},
        {**ANYTIME, "labels": (), "label_sets": (("cat", "dog"), ("left", "right"))},
    ],
)
def test_votes_when_the_bound_holds_at_n_alone(asked: dict[str, Any]) -> None:
    """They are nobody's to see, also where a request is planned otherwise than it should be."""
    assert not may_be_watched(request(**asked))
    assert live_votes(request(**asked), CountedPhase(LOOKS, {0: [7, 3]})) is None
