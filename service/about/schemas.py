"""What the routes about the service itself answer."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel


class ModelDescription(BaseModel):
    """A named set of models. `served`: this service uses it. `classes`: how many labels it needs, null for any.

    `available`: its files are on this machine. `class_names`: of the served one, what labels have to be among; null
    where they are free.

    `adaptation`: what /adapt takes where the request says nothing, null where `can_adapt` is false.
    """

    name: str
    description: str
    licence: str
    served: bool
    available: bool
    side: int
    default_sigma: float
    classes: int | None
    class_names: Sequence[str] | None
    can_adapt: bool
    adaptation: dict[str, int | float] | None


class Models(BaseModel):
    models: Sequence[ModelDescription]


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    status: Literal["ready"] = "ready"
    workers: int
    queued: dict[str, int]
