"""`comparison.json`: what was compared, by which settings, and where its rows are. A report needs nothing else."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from adapters.durable_files import write_whole
from robustify.errors import InvalidInputError
from workers.evaluation.attacks.plan import AttackMode, AttackPlan
from workers.evaluation.comparison.config import ComparisonConfig
from workers.evaluation.data.dataset import DataReport
from workers.evaluation.methods.method import NamedMethod

DOCUMENT = "comparison.json"
ROWS, ATTACKS = "rows", "attacks"


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class ComparedCell(Part):
    """A run of certificates, or of plain answers. `run` is the digest of all that decides its rows, and names their
    file. `fingerprint` is None where a server answers: its rows have that of the function which it has.
    """

    method: str
    set: str
    sigma: float
    seed: int | None
    run: str
    profile: str
    engine: str
    fingerprint: str | None
    adaptation: str | None
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    dataset: str
    images: int
    n0: int
    n: int
    alpha: float
    slack: float
    bound: str
    by_server: bool

    def rows(self, folder: Path) -> Path:
        """Their file."""
        return folder / ROWS / f"{self.run}.jsonl"


class ComparedAttack(Part):
    """A run of attacks. `positions` are those of its images among the set's; None where all are attacked."""

    method: str
    set: str
    sigma: float
    seed: int | None
    eps: float
    mode: AttackMode
    run: str
    plan: AttackPlan
    images: int
    positions: tuple[int, ...] | None
    n: int
    alpha: float

    def folder(self, folder: Path) -> Path:
        """Where its rows and images are."""
        return folder / ATTACKS / self.run


class Gap(Part):
    """What is missing in the tables, why, and what would make it. What is None is missing for all of that kind."""

    method: str
    set: str | None = None
    sigma: float | None = None
    seed: int | None = None
    eps: float | None = None
    mode: AttackMode | None = None
    why: str
    command: str | None = None

    def holds_for(self, method: str, sigma: float) -> bool:
        """Whether a method is missing altogether, or with this noise, whatever the set and the attack."""
        return self.method == method and self.set is None and self.sigma in (None, sigma)

    @property
    def words(self) -> str:
        """For people."""
        noise = "" if self.sigma is None else f" at sigma {self.sigma:g}"
        return f"{self.method}{noise}: {self.why}" + (f" (made by: {self.command})" if self.command else "")


class TakenData(Part):
    """What of a set was taken."""

    set: str
    images: int
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    report: DataReport


class Environment(Part):
    """Where it ran last."""

    software: Mapping[str, str | None]
    machine: str
    system: str
    processors: int
    device: str
    workers: int


class Comparison(Part):
    """The whole document."""

    config: ComparisonConfig
    config_file: str
    config_sha256: str
    methods: tuple[NamedMethod, ...]
    sets: tuple[TakenData, ...]
    cells: tuple[ComparedCell, ...]
    attacks: tuple[ComparedAttack, ...]
    gaps: tuple[Gap, ...]
    environment: Environment

    @property
    def set_names(self) -> tuple[str, ...]:
        """In the order of the tables, those of which nothing could be done included."""
        return tuple(found.title for found in self.config.set)

    def method(self, name: str) -> NamedMethod:
        return next(method for method in self.methods if method.name == name)


def keep_comparison(folder: Path, comparison: Comparison) -> None:
    """As JSON that people can read, whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / DOCUMENT, (comparison.model_dump_json(indent=1) + "\n").encode())


def read_comparison(folder: Path) -> Comparison:
    """Raises InvalidInputError for a folder that no comparison has written."""
    try:
        return Comparison.model_validate_json((folder / DOCUMENT).read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"the folder has no {DOCUMENT} that can be read: name one that `robustify compare` has written", "folder"
        ) from error
