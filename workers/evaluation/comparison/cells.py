"""The cells of a comparison: every method with every set and noise, and every attack on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workers.evaluation.attacks.plan import AttackMethod, AttackMode, AttackPlan, plan_of
from workers.evaluation.comparison.config import ComparedSet, ComparisonConfig, Pair
from workers.evaluation.methods.method import NamedMethod


@dataclass(frozen=True)
class Cell:
    """What is certified. `seed` is of its adaptation; None where nothing is adapted."""

    method: NamedMethod
    data: ComparedSet
    sigma: float
    seed: int | None

    @property
    def words(self) -> str:
        """For people."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.method.title}, {self.data.title}, sigma {self.sigma:g}{seed}"


@dataclass(frozen=True)
class AttackedCell:
    """What is attacked, and how."""

    cell: Cell
    eps: float
    plan: AttackPlan

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.cell.words}, {self.plan.method} {self.plan.mode} at eps {self.eps:g}"


def certified_cells(config: ComparisonConfig) -> tuple[Cell, ...]:
    """In the order of the tables."""
    return tuple(
        Cell(method, data, sigma, seed)
        for data in config.set
        for sigma in config.sigmas
        for method in config.all_methods
        for seed in seeds_of(method, config)
    )


def attacked_cells(config: ComparisonConfig) -> tuple[AttackedCell, ...]:
    """The attacks of every pair, in the order of the tables. Raises InvalidInputError for a plan that cannot be."""
    cells = certified_cells(config)
    return tuple(
        AttackedCell(cell, pair.eps, plan_for(cell.method, pair, mode, config))
        for pair in config.pairs
        for mode in config.attack.modes
        for cell in cells
        if cell.sigma == pair.sigma
    )


def seeds_of(method: NamedMethod, config: ComparisonConfig) -> Sequence[int | None]:
    return config.adaptation.seeds if method.adapted else (None,)


def plan_for(method: NamedMethod, pair: Pair, mode: AttackMode, config: ComparisonConfig) -> AttackPlan:
    """As `robustify attack` plans it; an attack through noise becomes PGD where there is none, and has one start where
    it is the published one.
    """
    asked, is_smoothed = config.attack, method.smoothing != "no-smoothing"
    usual = AttackMethod.SMOOTH_ADV if is_smoothed else AttackMethod.PGD
    chosen = asked.method or usual
    if chosen is AttackMethod.SMOOTH_ADV and not is_smoothed:
        chosen = AttackMethod.PGD
    copies = asked.m if is_smoothed and chosen is not AttackMethod.PGD else None
    restarts = asked.restarts if mode is AttackMode.STRONG else 1
    return plan_of(chosen, mode, pair.eps, asked.steps, restarts, copies, method.smoothing)


def words_of_pairs(config: ComparisonConfig) -> Iterator[str]:
    """Which noise each distance goes with, for people."""
    for pair in config.pairs:
        yield f"eps {pair.eps:g} at sigma {pair.sigma:g}"
