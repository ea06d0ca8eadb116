"""What may be asked of /predict."""

from typing import Literal

from pydantic import ConfigDict, Field

from adapters.contract.bounds import DEFAULT_PREDICT_SAMPLES, MAX_PREDICT_SAMPLES
from adapters.contract.example import LABELS
from adapters.contract.smoothing import ONE_TASK, SmoothedParameters


class PredictParameters(SmoothedParameters):
    """What may be asked of a prediction."""

    model_config = ConfigDict(
        json_schema_extra={"allOf": ONE_TASK, "examples": [{"labels": [*LABELS], "sigma": 0.25, "n": 100}]}
    )

    n: int = Field(
        DEFAULT_PREDICT_SAMPLES,
        ge=1,
        le=MAX_PREDICT_SAMPLES,
        description="Samples, at most; so few that with this alpha every answer would be to abstain are refused.",
        examples=[100],
    )
    test: Literal["sequential", "fixed"] = Field(
        "sequential",
        description="`sequential` stops as soon as the answer is clear; `fixed` always takes n samples.",
        examples=["sequential"],
    )
