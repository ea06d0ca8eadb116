"""The records of the method: plain data, no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate, pairwise

DEFAULT_TEMPLATE = "This is a photo of a {}"


class Phase(StrEnum):
    """What a sample is drawn for; each phase has noise of its own."""

    PREDICT = "predict"
    SELECT = "select"
    ESTIMATE = "estimate"
    ATTACK = "attack"
    """What an attack averages over: no votes, and never under a question's seed."""
    PREVIEW = "preview"
    """What a preview shows: no votes, and never under a question's seed."""
    ADAPT = "adapt"
    """The work of an adaptation: no samples."""


class Bound(StrEnum):
    """How the probability of the class is bounded."""

    CLOPPER_PEARSON = "clopper-pearson"
    """Of the class alone, from n samples: CERTIFY of Cohen et al. (2019)."""
    MULTICLASS = "multiclass"
    """Of the class and of its rivals, from n samples."""
    ANYTIME = "anytime"
    """Of the class alone, at any number of samples up to n."""


class Noise(StrEnum):
    """What is added to the image."""

    GAUSSIAN = "gaussian"
    """In floating point: what its rounding may do is not part of a certificate."""
    LATTICE = "lattice"
    """Rounded to whole grey levels, and added exactly; the image is rounded to whole grey levels too."""


class PredictTest(StrEnum):
    """When PREDICT looks at its votes."""

    FIXED = "fixed"
    """Once, at n samples (Hung and Fithian, 2019)."""
    SEQUENTIAL = "sequential"
    """Whenever a batch is done, and at n."""


@dataclass(frozen=True)
class Task:
    """A label set with its prompt template, and what was adapted to it; `{}` in a template stands for the label."""

    labels: tuple[str, ...]
    template: str = DEFAULT_TEMPLATE
    adaptation: str | None = None
    """The digest that names it in the store of adaptations."""
    templates: tuple[str, ...] = ()
    """Of a prompt ensemble, two or more of which `template` is the first; empty where `template` is the only one."""
    set_sizes: tuple[int, ...] = ()
    """Where several label sets are asked about at once: how many of `labels` each has, in order; empty for one set."""

    @classmethod
    def of(cls, labels: Sequence[str], templates: Sequence[str], adaptation: str | None = None) -> "Task":
        """With one template or several; one alone makes the same task wherever it came from."""
        return cls(tuple(labels), templates[0], adaptation, tuple(templates) if len(templates) > 1 else ())

    @classmethod
    def of_sets(cls, label_sets: Sequence[Sequence[str]], templates: Sequence[str]) -> "Task":
        """Several label sets, whose labels stand one set after the other; the same label may stand in several."""
        labels = tuple(label for labels in label_sets for label in labels)
        return replace(cls.of(labels, templates), set_sizes=tuple(len(labels) for labels in label_sets))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of labels of each set, of which there is one or more."""
        return self.set_sizes or (len(self.labels),)

    @property
    def label_sets(self) -> tuple[tuple[str, ...], ...]:
        """The labels of each set."""
        return tuple(self.labels[start:end] for start, end in pairwise(accumulate(self.sizes, initial=0)))

    @property
    def all_templates(self) -> tuple[str, ...]:
        """One or more."""
        return self.templates or (self.template,)

    @property
    def prompts(self) -> tuple[str, ...]:
        """Those of the first template."""
        return self.prompts_with(self.template)

    def prompts_with(self, template: str) -> tuple[str, ...]:
        """One for each label."""
        return tuple(template.replace("{}", label) for label in self.labels)


@dataclass(frozen=True)
class SmoothingParameters:
    """sigma in [0, 1] pixel units; n0 selection and n estimation samples; wrong with probability at most alpha.

    `slack` is the most by which the noise that is drawn may miss the probability of a vote under exact noise.
    """

    sigma: float
    n0: int
    n: int
    alpha: float
    slack: float = 0.0


@dataclass(frozen=True)
class Prediction:
    """What PREDICT returns. `index` is None when it abstains."""

    index: int | None
    p_value: float
    votes: Sequence[int]
    n: int
    alpha: float
