"""An advice as one document: every figure that its page tells, and what is recommended."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from adapters.profiles.licences import Business
from workers.evaluation.advice.recommendation import Verdict
from workers.evaluation.data.dataset import DataReport
from workers.evaluation.runs import UnreadableFile


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Share(Record):
    """So many of the pictures, and the exact binomial interval (95 %) of the share of all such pictures."""

    count: int
    of: int
    low: float
    high: float


class Asked(Record):
    """What the advice was asked for, and on what it was measured."""

    dataset: str
    profile: str
    classes: int
    labelled: bool
    alpha: float
    n0: int
    """Selection samples of the certificates that were measured."""
    n: int
    """Their estimation samples."""
    target_radius: float | None
    seconds_per_picture: float | None
    most_lost: float
    """Share of the pictures that protection may lose."""
    device: str
    number_format: str
    threads: int


class PlainAnswers(Record):
    """The classifier without protection. `right`, of pictures without labels: none is known."""

    right: Share | None
    distinct_labels: int
    distinct_answers: int
    seconds: float
    """Of a picture, the median."""


class ProtectedAnswers(Record):
    """Smoothing with one sigma. Right is, of pictures without labels, what is answered without protection.

    `lost`: right without protection and not with it; `gained`: the other way round.
    """

    sigma: float
    right: Share
    abstained: int
    lost: int
    gained: int
    predict_samples: float
    """The mean; PREDICT stops when the answer is clear."""
    predict_seconds: float
    certify_seconds: float
    """Of a certificate of n0 + n samples."""
    samples_per_second: float
    average_radius: float
    largest_radius: float
    """That n unanimous votes give: no picture can have more here."""
    radii: tuple[float, ...]
    """Of the pictures that are certified rightly, the largest first."""
    certified: Mapping[str, int]
    """By radius: how many are certified rightly for so much or more."""
    fewest_samples: int | None = None
    """For the target radius that was asked for; none where none was, and where no number of samples would do."""


class Step(Record):
    """What so many estimation samples buy. `expected`: pictures certified rightly for the radius."""

    n: int
    expected: float
    seconds_at_most: float


class Recommended(Record):
    """What to ask for, and what it takes; `samples` and `seconds` are the means, since a target radius stops early."""

    sigma: float
    n: int
    n0: int
    target_radius: float
    expected: float
    samples: float
    seconds: float
    seconds_at_most: float
    steps: tuple[Step, ...]


class PartOfLicence(Record):
    """A licence of the profile, and whether it allows business use."""

    part: str
    name: str
    business: Business


class Command(Record):
    """Something to run as it stands."""

    title: str
    text: str


class Advice(Record):
    """`recommended` stands where the verdict is to recommend."""

    asked: Asked
    data: DataReport
    unreadable: tuple[UnreadableFile, ...]
    plain: PlainAnswers
    protected: Sequence[ProtectedAnswers]
    verdict: Verdict
    recommended: Recommended | None
    business: Business
    licences: tuple[PartOfLicence, ...]
    commands: tuple[Command, ...]

    @property
    def pictures(self) -> int:
        """That could be read."""
        return self.data.images - len(self.unreadable)

    def protected_by(self, sigma: float) -> ProtectedAnswers:
        return next(found for found in self.protected if found.sigma == sigma)
