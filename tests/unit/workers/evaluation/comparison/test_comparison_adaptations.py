"""The adaptations of a comparison: named by what decides them, and made once."""

from pathlib import Path

import pytest

from adapters.contract.jobs import AdaptRequest
from adapters.settings import Settings
from adapters.store.adaptations import LORA, AdaptationStore
from adapters.store.tasks import TaskStore
from robustify.types import Task
from tests.comparisons import write_comparison
from tests.integration.little_evidence_worker import little_evidence
from tests.quick_profile import write_quick_profile
from workers.evaluation.comparison.adapting import adaptation_request, adapted_task, kept_adaptation
from workers.evaluation.comparison.config import AdaptationTable
from workers.evaluation.comparison.config_file import read_config
from workers.evaluation.comparison.costs import cost_of_comparison
from workers.evaluation.comparison.preparing import Preparation
from workers.evaluation.comparison.running import Run

ADAPTED_CONFIG = """\
name = "adapted"
title = "Adapted"
sigma = [0.25]
n0 = 2
n = 10

[[method]]
name = "ours"
title = "Ours"
paper = "none"
profile = "mini-quick"
smoothing = "denoised"
adapted = true

[[set]]
path = "pictures"
name = "Pictures"
split = "all"

[adaptation]
shots = 1
held_back = 1
steps = 1
fine_tuning_steps = 1
seeds = [3]
"""
TASK = Task(("cat", "dog"))
ASKED = AdaptationTable(shots=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(profile="mini", state_dir=tmp_path / "state")


def request(settings: Settings, task: Task = TASK, asked: AdaptationTable = ASKED, seed: int = 0) -> AdaptRequest:
    return adaptation_request(task, asked, seed, settings)[1]


def publish(wanted: AdaptRequest, settings: Settings, folder: Path) -> str:
    """What an adaptation would have left, with a file in place of its weights."""
    made = folder / "made"
    made.mkdir()
    (made / LORA).write_bytes(b"weights")
    digest = AdaptationStore(settings.state.adaptations).add(made, wanted.models, {}).digest
    TaskStore(settings.state.tasks).publish(wanted.name, wanted.label_task, "job", 1.0, digest, wanted.models)
    return digest


def test_name_of_an_adaptation(settings: Settings) -> None:
    """It is the same for the same request, and another for other labels, sizes, seeds and number formats."""
    others = [
        request(settings),
        request(settings, Task(("cat", "fox"))),
        request(settings, asked=AdaptationTable(shots=2)),
        request(settings, asked=AdaptationTable(shots=1, fine_tuning_steps=0)),
        request(settings, seed=1),
        request(settings.model_copy(update={"dtype": "bfloat16"})),
    ]

    assert request(settings).name == others[0].name
    assert len({found.name for found in others}) == len(others)
    assert all(found.publish == "always" for found in others)


def test_adaptation_that_is_there(settings: Settings, tmp_path: Path) -> None:
    """It is not made again: the task has it, and answers with it."""
    wanted = request(settings)
    assert kept_adaptation(wanted, settings) is None
    digest = publish(wanted, settings, tmp_path)
    found = adapted_task(TASK, ASKED, 0, settings, lambda done, total: None)

    assert found == Task(TASK.labels, TASK.template, digest)


@pytest.mark.slow
def test_comparison_of_an_adapted_method(tmp_path: Path) -> None:
    """It is adapted to the labels of the set, once; its rows are of that, and a second run makes nothing anew."""
    file = read_config(write_comparison(tmp_path, ADAPTED_CONFIG, images=2))
    profiles = write_quick_profile(tmp_path / "profiles")
    preparation = Preparation(file, Settings(state_dir=tmp_path / "state", profiles_dir=profiles))
    before = cost_of_comparison(preparation, tmp_path / "output")
    with little_evidence():
        (cell,) = Run(preparation, tmp_path / "output").run().cells
    tasks = TaskStore(tmp_path / "state" / "tasks").all()
    after = cost_of_comparison(preparation, tmp_path / "output")

    assert [task.versions[-1].adaptation for task in tasks] == [cell.adaptation]
    assert tasks[0].labels == cell.labels == ("above", "below")
    assert [cost.words for cost in before.adaptations] == ["adapting mini-quick to Pictures, seed 3"]
    assert (after.adaptations, after.forwards) == ((), 0)


def test_adaptation_that_is_damaged(settings: Settings, tmp_path: Path) -> None:
    """It is as if it had never been made."""
    wanted = request(settings)
    digest = publish(wanted, settings, tmp_path)
    (settings.state.adaptations / digest / LORA).write_bytes(b"other weights")

    assert kept_adaptation(wanted, settings) is None
