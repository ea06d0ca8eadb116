"""What a comparison's TOML file may say: methods, data sets, noise and attacks, and how much of each."""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from adapters.settings import NumberFormat
from workers.evaluation.attacks.plan import AttackMethod, AttackMode
from workers.evaluation.data.paper_sets import Prompts
from workers.evaluation.methods.catalogue import method_named
from workers.evaluation.methods.method import NamedMethod

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
EPS_OF_SIGMA = 2
"""In the paper: sigma .25 for eps .5, and .5 for 1."""
Sigma = Annotated[float, Field(ge=0.05, le=1)]
Distance = Annotated[float, Field(gt=0, le=100)]


class Section(BaseModel):
    """A table of the file: a key that is not known is an error, and a text is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ComparedSet(Section):
    """A data set, named as `robustify evaluate` names one; `path` is relative to the file of the comparison."""

    path: str
    name: str | None = Field(None, min_length=1, max_length=100)
    split: str | None = None
    limit: int | None = Field(None, ge=1)
    set: str | None = None
    prompts: Prompts | None = None
    class_map: str | None = None
    labels: tuple[str, ...] = ()
    template: str | tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Of its column in a table."""
        folder = self.path.replace("\\", "/").rstrip("/").rpartition("/")[2]
        return self.name or " ".join(part for part in (self.set or folder, self.split) if part)

    @property
    def templates(self) -> tuple[str, ...]:
        """Those that are given."""
        return (self.template,) if isinstance(self.template, str) else self.template


class Pair(Section):
    """How far attacks go where this noise is used."""

    sigma: Sigma
    eps: Distance


class AttackTable(Section):
    """The attacks, as `robustify attack` has them; what is not given is the default of the method."""

    modes: tuple[AttackMode, ...] = Field((AttackMode.PAPER, AttackMode.STRONG), min_length=1)
    method: AttackMethod | None = None
    steps: int | None = Field(None, ge=1)
    m: int | None = Field(None, ge=1)
    restarts: int = Field(1, ge=1)
    n: int = Field(100, ge=1)
    """Samples of PREDICT, before and after."""
    limit: int | None = Field(None, ge=1)
    """Attacked images, at even distances over those of the set; all, where none is given."""


class AdaptationTable(Section):
    """The adaptations of the methods that are adapted: one for each seed, as `robustify adapt` has them."""

    shots: int | None = Field(None, ge=1)
    held_back: int | None = Field(None, ge=1)
    steps: int | None = Field(None, ge=1)
    fine_tuning_steps: int | None = Field(None, ge=0)
    guidance_weight: float | None = Field(None, ge=0)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((0,), min_length=1)


class ComparisonConfig(Section):
    """The whole file. `methods` are of the catalogue, `method` are tables of one's own."""

    name: str = Field(pattern=NAME)
    title: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=5000)
    methods: tuple[str, ...] = ()
    method: tuple[NamedMethod, ...] = ()
    base: str | None = None
    """The method that the others are compared with; the first, where none is given."""
    set: tuple[ComparedSet, ...] = Field(min_length=1)
    sigma: tuple[Sigma, ...] = Field((0.25,), min_length=1)
    n0: int = Field(100, ge=1)
    n: int = Field(1000, ge=1)
    alpha: float = Field(0.001, ge=1e-12, le=0.05)
    bound: str | None = None
    eps: tuple[Distance, ...] = ()
    """Each with the noise of half of it, as in the paper; `pair` says another."""
    pair: tuple[Pair, ...] = ()
    attack: AttackTable = AttackTable()
    radii: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """Of the tables; 0, .25, .5 and so on up to the largest that can be certified, where none is given."""
    adaptation: AdaptationTable = AdaptationTable()
    dtype: NumberFormat | None = None
    workers: int = Field(1, ge=1, le=256)

    @property
    def all_methods(self) -> tuple[NamedMethod, ...]:
        """In the order of the tables. Raises InvalidInputError for a name that the catalogue has not."""
        return (*map(method_named, self.methods), *self.method)

    @property
    def base_method(self) -> str:
        return self.base or self.all_methods[0].name

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Those of `eps`, then those of `pair`."""
        return (*(Pair(sigma=eps / EPS_OF_SIGMA, eps=eps) for eps in self.eps), *self.pair)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """The smallest first."""
        return tuple(sorted(self.sigma))

    def misfits(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: a key, and what would do."""
        names = [method.name for method in self.all_methods]
        if not names:
            yield "methods", "name at least one method"
        for name in names:
            if not re.fullmatch(NAME, name):
                yield "method", f"{name!r} must be of small letters, digits, dots, hyphens and underscores"
        yield from twice("methods", names)
        yield from twice("set", [found.title for found in self.set])
        yield from twice("sigma", [f"{sigma:g}" for sigma in self.sigma])
        if self.base is not None and self.base not in names:
            yield "base", f"choose one of the methods that are compared: {', '.join(names)}"
        yield from self.misfits_of_pairs()
        for found in self.set:
            if found.prompts and (not found.set or found.templates):
                yield "set", "prompts chooses among the templates of one of the paper's sets: give set, and no template"

    def misfits_of_pairs(self) -> Iterator[tuple[str, str]]:
        for eps in self.eps:
            if eps / EPS_OF_SIGMA not in self.sigma:
                wanted = f"{eps / EPS_OF_SIGMA:g}"
                yield "eps", f"{eps:g} goes with sigma {wanted}: add it to sigma, or write a [[pair]] of sigma and eps"
        for pair in self.pair:
            if pair.sigma not in self.sigma:
                yield "pair", f"sigma {pair.sigma:g} is not among sigma: add it there, so that it is certified too"
        yield from twice("pair", [f"sigma {pair.sigma:g} with eps {pair.eps:g}" for pair in self.pairs])


def twice(key: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield key, f"{name} is there twice: leave one out, or give it another name"
