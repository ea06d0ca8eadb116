"""A version of a task as a folder: what is in it, and that it is written whole or not at all."""

import json
from pathlib import Path

import pytest

from adapters.contract.exchange import ExportedTask, LoraOrigin
from adapters.profiles.library import find_profile
from adapters.store.adaptations import LORA, REPORT, AdaptationStore, StoredAdaptation
from adapters.store.exported import EXPORTED_LORA, README, TASK_FILE, export_version
from adapters.store.tasks import StoredTask, TaskStore
from robustify.errors import InvalidInputError
from robustify.types import Task

MINI = find_profile("mini")
TASK = Task.of(("cat", "dög"), ("a {}", "the {}"))
ORIGIN = LoraOrigin(
    file="theirs.safetensors", sha256="5" * 64, tensors=6, namings=("kohya",), scaling="given", ranks=(2, 4)
)


@pytest.fixture
def adaptation(tmp_path: Path) -> StoredAdaptation:
    made = tmp_path / "made"
    (made / "references").mkdir(parents=True)
    (made / LORA).write_bytes(b"weights")
    (made / REPORT).write_bytes(b"{}")
    (made / "references" / "0000-000.png").write_bytes(b"picture")
    about = {"labels": [*TASK.labels], "prompt": "a sks", "origin": ORIGIN.model_dump(mode="json")}
    return AdaptationStore(tmp_path / "adaptations").add(made, MINI.model_digest, about)


@pytest.fixture
def task(tmp_path: Path, adaptation: StoredAdaptation) -> StoredTask:
    store = TaskStore(tmp_path / "tasks")
    return store.publish("pets", TASK, "job", 0.0, adaptation.digest, adaptation.models)


def test_folder_of_a_version(task: StoredTask, adaptation: StoredAdaptation, tmp_path: Path) -> None:
    """The LoRA has the name by which diffusers finds it; the task says all that an import needs."""
    target = tmp_path / "out"
    files = export_version(task, task.version(), adaptation, MINI, target)
    exported = ExportedTask.model_validate_json((target / TASK_FILE).read_bytes())

    assert {path.name for path in target.iterdir()} == {EXPORTED_LORA, TASK_FILE, README, REPORT, "references"}
    assert files == 5
    assert (target / EXPORTED_LORA).read_bytes() == b"weights"
    assert exported.label_task == TASK
    assert (exported.adaptation, exported.models, exported.profile) == (adaptation.digest, MINI.model_digest, "mini")
    assert exported.manifest["prompt"] == "a sks"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_readme_of_a_version(task: StoredTask, adaptation: StoredAdaptation, tmp_path: Path) -> None:
    """Digests, the licence of each part, whose LoRA it was, and the prompt; where no profile fits, it says so."""
    export_version(task, task.version(), adaptation, MINI, tmp_path / "out")
    export_version(task, task.version(), adaptation, None, tmp_path / "other")
    text, other = ((tmp_path / name / README).read_text() for name in ("out", "other"))

    for told in (adaptation.digest, MINI.model_digest, MINI.licence, ORIGIN.sha256, json.dumps("a sks")):
        assert told in text
    assert "not here" in other


def test_folder_that_is_taken(task: StoredTask, adaptation: StoredAdaptation, tmp_path: Path) -> None:
    """An empty one is used; one with a file, and one whose parent is missing, is refused and left as it was."""
    (tmp_path / "empty").mkdir()
    export_version(task, task.version(), adaptation, MINI, tmp_path / "empty")
    for target in (tmp_path / "empty", tmp_path / "made" / LORA, tmp_path / "no" / "such"):
        with pytest.raises(InvalidInputError, match="to make|cannot be made|is there already"):
            export_version(task, task.version(), adaptation, MINI, target)
