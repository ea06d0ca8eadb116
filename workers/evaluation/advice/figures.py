"""What was found on a handful of pictures, as plain numbers: all that a recommendation rests on.

*Right* is the label of a picture; of pictures without labels it is what the classifier answers without protection.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PlainFigures:
    """The classifier without protection, on pictures that could be read."""

    pictures: int
    right: int
    """All of them where there are no labels."""
    classes: int
    """Labels that it tells apart."""
    distinct_labels: int
    """Of the pictures."""
    distinct_answers: int
    labelled: bool = True


@dataclass(frozen=True)
class RightVotes:
    """A picture whose class is chosen rightly under noise: `votes` of so many estimation samples were for it."""

    votes: int
    samples: int
    radius: float | None
    """Certified with these samples; none where they certify nothing."""


@dataclass(frozen=True)
class ProtectedFigures:
    """Smoothing with one sigma, on the same pictures."""

    sigma: float
    pictures: int
    right: int
    """Answered rightly by PREDICT."""
    abstained: int
    """By PREDICT."""
    votes: Sequence[RightVotes]
    """Of the pictures whose class CERTIFY chooses rightly."""
    samples_per_second: float

    @property
    def radii(self) -> list[float]:
        """Of what is certified rightly, the largest first."""
        return sorted((found.radius for found in self.votes if found.radius is not None), reverse=True)

    @property
    def average_radius(self) -> float:
        """The average certified radius, with 0 for what is wrong or not certified."""
        return sum(self.radii) / self.pictures if self.pictures else 0.0

    def certified_at(self, radius: float) -> int:
        """Pictures that are certified rightly for so much or more."""
        return sum(found >= radius for found in self.radii)


@dataclass(frozen=True)
class Wishes:
    """What is asked of a protection. `alpha` and `n0` are those of the certificates to come."""

    alpha: float
    n0: int
    target_radius: float | None = None
    seconds_per_picture: float | None = None
    """The most that a certificate may take."""
    most_lost: float = 0.1
    """Share of the pictures that may be lost: answered rightly without protection, and not with it."""
