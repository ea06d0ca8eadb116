"""What may be asked of /predict."""

from typing import Literal

from pydantic import Field

from adapters.contract.bounds import DEFAULT_PREDICT_SAMPLES, MAX_PREDICT_SAMPLES
from adapters.contract.smoothing import SmoothedParameters


class PredictParameters(SmoothedParameters):
    """What may be asked of a prediction."""

    n: int = Field(
        DEFAULT_PREDICT_SAMPLES,
        ge=1,
        le=MAX_PREDICT_SAMPLES,
        description="Samples, at most; so few that with this alpha every answer would be to abstain are refused.",
    )
    test: Literal["sequential", "fixed"] = Field(
        "sequential",
        description="`sequential` stops as soon as the answer is clear; `fixed` always takes n samples.",
    )
