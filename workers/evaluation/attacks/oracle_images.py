"""Images whose exact robust radius under the linear oracle is known: what an attack is proven on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adapters.canonical_json import text_digest
from adapters.models.oracles import exact_margin, linear_weights
from workers.evaluation.attacks.images import digest_of
from workers.evaluation.data.dataset import DataReport, Sample

LABELS = ("above", "below")
DARKEST, LIGHTEST = 0.3, 0.7
"""Between these an attack has room everywhere: the edges of [0, 1] would make the radius larger than the margin."""


@dataclass(frozen=True)
class OracleImages:
    """So many images (3, side, side), of both classes in turn, whose radii are spread over a range: a data set."""

    count: int
    side: int
    smallest: float = 0.1
    largest: float = 0.5

    @property
    def class_names(self) -> tuple[str, ...]:
        return LABELS

    @property
    def labels(self) -> Sequence[int]:
        return [index % 2 for index in range(self.count)]

    @property
    def digest(self) -> str:
        return text_digest(repr(self))

    @property
    def report(self) -> DataReport:
        return DataReport(images=self.count, total=self.count, layout="images of the oracle")

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        tensor = self.image(index)
        return Sample(index, tensor, index % 2, f"oracle#{index}", digest_of(tensor))

    def image(self, index: int) -> np.ndarray:
        """Uniform values, moved along the boundary's normal to the margin that is wanted."""
        rng = np.random.Generator(np.random.Philox(key=index))
        drawn = rng.uniform(DARKEST, LIGHTEST, (3, self.side, self.side))
        wanted = self.smallest + (self.largest - self.smallest) * (index + 0.5) / self.count
        signed = -wanted if index % 2 else wanted
        moved: np.ndarray = drawn + (signed - exact_margin(drawn)) * linear_weights(drawn.shape)
        return moved.astype(np.float32)


def is_fallen(image: np.ndarray, label: int) -> bool:
    """Whether the smoothed oracle gives another class, at any sigma and without any noise."""
    return (exact_margin(image) > 0) != (label == 0)
