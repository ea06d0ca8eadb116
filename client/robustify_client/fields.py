"""What may be asked beside image and labels, by name.

What each means is in the service's description (`/openapi.json`); what is left out is the service's default.
"""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import TypedDict


class ImageFields(TypedDict, total=False):
    """Of whatever is asked about an image."""

    task: str
    template: str
    templates: Sequence[str]
    sigma: float
    classifier: str
    profile: str
    webhook: str


class SharedFields(ImageFields, total=False):
    """Of every question about an image, which is answered by votes."""

    n: int
    alpha: float
    noise: str


class PredictFields(SharedFields, total=False):
    """Of a prediction."""

    test: str


class CertifyFields(SharedFields, total=False):
    """Of a certificate."""

    n0: int
    tolerance: float
    bound: str


class VoteFields(PredictFields, CertifyFields, total=False):
    """Of either."""

    target_radius: float


class PreviewFields(ImageFields, total=False):
    """Of a preview; `draw` is which noisy copy, and `radius` goes with `direction`: `random` or `worst`."""

    draw: int
    radius: float
    direction: str


class AdaptFields(TypedDict, total=False):
    """Of an adaptation."""

    template: str
    templates: Sequence[str]
    shots: int
    held_back: int
    seed: int
    steps: int
    batch_size: int
    learning_rate: float
    guidance_weight: float
    rank: int
    fine_tuning_steps: int
    fine_tuning_batch_size: int
    fine_tuning_learning_rate: float
    fine_tuning_mix: float
    publish: str
    profile: str
    webhook: str


class PlanFields(TypedDict, total=False):
    """Of a plan."""

    sigma: float
    n: int
    n0: int
    alpha: float
    p: Sequence[float]
    label_sets: int
    sigmas: int
    samples_per_second: float
    profile: str
