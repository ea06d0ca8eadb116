"""From the cells of a comparison to everything that decides their rows: settings, images, tasks, evaluations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapters.profiles.library import served_profile
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.errors import RobustifyError
from robustify.types import DEFAULT_TEMPLATE, PredictTest, SmoothingParameters, Task
from workers.evaluation.asked import evaluation_of, task_for
from workers.evaluation.attacks.attacker import Attack
from workers.evaluation.comparison.cells import AttackedCell, Cell, attacked_cells
from workers.evaluation.comparison.config import ComparedSet
from workers.evaluation.comparison.config_file import ComparisonFile, ConfigError
from workers.evaluation.comparison.part_of_images import part_of
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.data.names import Known
from workers.evaluation.data.paper_sets import Prompts, paper_set
from workers.evaluation.data.reading import read_dataset
from workers.evaluation.methods.method import NamedMethod
from workers.evaluation.procedure import Procedure, procedure_of
from workers.evaluation.runs import Evaluation

UNSMOOTHED_SIGMA = 0.25
"""Of a method without smoothing, whatever the comparison's: its rows are those of `robustify evaluate`, once."""
Read = tuple[Dataset, Task]


@dataclass(frozen=True)
class Prepared:
    """A cell's evaluation and its images."""

    cell: Cell
    evaluation: Evaluation
    images: Dataset


@dataclass(frozen=True)
class PreparedAttack:
    """An attack on a cell, its images, and their positions in the set; None where all are attacked."""

    cell: AttackedCell
    attack: Attack
    images: Dataset
    positions: tuple[int, ...] | None


@dataclass
class Preparation:
    """Reads each set once for all methods that see it alike. `server` answers for denoised smoothing alone."""

    file: ComparisonFile
    settings: Settings
    server: str | None = None
    workers: int = 1
    _read: dict[tuple[object, ...], Read] = field(default_factory=dict, init=False)

    def settings_of(self, method: NamedMethod, sigma: float) -> Settings:
        """Those of the environment, with the method's profile and what the file says."""
        changes: dict[str, object] = {"profile": method.profile_at(sigma)}
        if self.file.config.dtype is not None:
            changes["dtype"] = self.file.config.dtype
        if self.workers > 1:
            changes["threads"] = 1
        return self.settings.model_copy(update=changes)

    def read(self, data: ComparedSet, settings: Settings) -> Read:
        """The images, of which none is read yet, and the task of their labels. Raises ConfigError."""
        profile = served_profile(settings)
        key = (data, profile.side, profile.preprocessing, profile.class_names)
        if key not in self._read:
            self._read[key] = self.read_anew(data, profile)
        return self._read[key]

    def read_anew(self, data: ComparedSet, profile: Profile) -> Read:
        folder = self.file.folder
        known = Known(profile.class_names, folder / data.class_map if data.class_map else None)
        path, side = folder / data.path, profile.side
        try:
            chosen = paper_set(data.set) if data.set else None
            images = read_dataset(path, data.split, side, data.limit, profile.preprocessing, known, chosen)
            of_set = chosen.templates(data.prompts or Prompts.USUAL) if chosen else (DEFAULT_TEMPLATE,)
            return images, task_for(images.class_names, data.labels, data.templates or of_set)
        except RobustifyError as error:
            raise ConfigError(Path(self.file.name), f"set {data.title}: {error}") from error

    def prepared(self, cell: Cell, adapt: Callable[[Task, Cell, Settings], Task]) -> Prepared:
        """What certifies a cell. `adapt` gives the task of a method that is adapted."""
        settings = self.settings_of(cell.method, cell.sigma)
        images, task = self.read(cell.data, settings)
        if cell.method.adapted:
            task = adapt(task, cell, settings)
        return Prepared(cell, self.evaluation(cell, settings, task, images), images)

    def evaluation(self, cell: Cell, settings: Settings, task: Task, images: Dataset) -> Evaluation:
        config, smoothing = self.file.config, cell.method.smoothing
        is_smoothed = smoothing != "no-smoothing"
        sigma = cell.sigma if is_smoothed else UNSMOOTHED_SIGMA
        asked = SmoothingParameters(sigma, config.n0, config.n, config.alpha)
        procedure = procedure_of(asked, config.bound) if is_smoothed else Procedure()
        server = self.server if is_for_server(cell, served_profile(settings)) else None
        found = evaluation_of(settings, task, smoothing, asked, images, server, procedure)
        return replace(found, asked_profile=settings.profile) if server else found

    def prepared_attacks(self, cells: Sequence[Prepared]) -> list[PreparedAttack]:
        """Of those cells that were prepared, in the order of the tables."""
        found = {prepared.cell: prepared for prepared in cells}
        asked = attacked_cells(self.file.config)
        return [self.prepared_attack(attacked, found[attacked.cell]) for attacked in asked if attacked.cell in found]

    def prepared_attack(self, attacked: AttackedCell, prepared: Prepared) -> PreparedAttack:
        """PREDICT, or the bare classifier, answers before and after."""
        asked, evaluation = self.file.config.attack, prepared.evaluation
        images, positions = part_of(prepared.images, asked.limit)
        is_smoothed = evaluation.smoothing != "no-smoothing"
        answering = Procedure(test=PredictTest.FIXED) if is_smoothed else Procedure()
        # n0 is the one that `robustify attack` has, so that the rows are the same.
        sampled = replace(evaluation.parameters, n0=100, n=asked.n)
        settings, task = evaluation.settings, evaluation.task
        answers = evaluation_of(settings, task, evaluation.smoothing, sampled, images, None, answering)
        return PreparedAttack(attacked, Attack(answers, attacked.plan), images, positions)


def is_for_server(cell: Cell, profile: Profile) -> bool:
    """Whether a server answers the same: it has no other smoothing, no adaptation of ours, and would cut a picture
    twice that is not made square by being resized.
    """
    plain = cell.method.smoothing == "denoised" and not cell.method.adapted
    return plain and profile.preprocessing.mode.keeps_squares
