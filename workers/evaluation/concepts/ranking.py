"""The concepts that an image is most similar to, before and after an attack, as one document."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Ranked(Record):
    """A concept. `similarity`: the cosine; `share`: of the softmax over all of them, with the classifier's scale."""

    concept: str
    similarity: float
    share: float


class Ranking(Record):
    """The most similar concepts, the most similar one first, and how many of them were there before the attack."""

    top: tuple[Ranked, ...]
    kept: int | None = None


class Seen(Record):
    """One way to look at an image; `after` stands where there is an attack."""

    view: str
    before: Ranking
    after: Ranking | None


class Concepts(Record):
    """What is told of one image."""

    image: str
    profile: str
    concepts: int
    sigma: float
    copies: int
    attacked: str | None
    """What the attack was on, by the report of its folder."""
    distance: float | None
    """L2, of the adversarial image."""
    seen: tuple[Seen, ...]


def ranking(
    concepts: Sequence[str], cosines: np.ndarray, scale: float, top: int, before: Ranking | None = None
) -> Ranking:
    """Of cosines (C,) with each concept; of equal ones the first in the list comes first."""
    shares = softmax(scale * cosines)
    order = np.argsort(-cosines, kind="stable")[:top]
    found = tuple(
        Ranked(concept=concepts[index], similarity=float(cosines[index]), share=float(shares[index]))
        for index in order.tolist()
    )
    if before is None:
        return Ranking(top=found)
    known = {one.concept for one in before.top}
    return Ranking(top=found, kept=sum(one.concept in known for one in found))


def softmax(logits: np.ndarray) -> np.ndarray:
    """(C,) that add up to 1."""
    weights: np.ndarray = np.exp(logits - logits.max())
    normalised: np.ndarray = weights / weights.sum()
    return normalised
